/* http: a small HTTP/1.1 server for what an operator's tools ask: metrics, health, version.
 *
 * GET and HEAD, no body, on a thread of its own that polls; everything is bounded: connections,
 * the size of a request's head, the time for one, the size of an answer. A stranger can only keep a
 * connection for request_ms. It holds no lock with anybody: what it answers, others publish
 * (metrics/metrics.h). */
#ifndef NODE_HTTP_HTTP_H
#define NODE_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX        4096u /* bytes of a request */
#define HTTP_PATH_SIZE       128u
#define HTTP_PROBLEM_SIZE    320u
#define HTTP_CONNECTIONS_MAX 64u
#define HTTP_BODY_MAX        (1u << 20)

/* ---- Reading a request: pure ------------------------------------------------------------------
 */

enum http_read {
    HTTP_MORE,      /* the head has not ended yet */
    HTTP_REQUEST,   /* one was read */
    HTTP_BAD,       /* 400 */
    HTTP_TOO_LARGE, /* 431 */
    HTTP_METHOD,    /* 405 */
    HTTP_VERSION,   /* 505 */
    HTTP_BODY,      /* 413: requests have none */
};

struct http_request {
    bool is_head;              /* HEAD */
    bool keep_alive;           /* the client wants to ask again */
    size_t size;               /* bytes of the request, with the empty line */
    char path[HTTP_PATH_SIZE]; /* without the query */
};

/* Any bytes will do. After anything but MORE and REQUEST the connection is to be closed. */
enum http_read http_read_request(struct http_request *request, const char *bytes, size_t size);

/* ---- Serving ----------------------------------------------------------------------------------
 */

struct http_answer {
    unsigned status;          /* 200, 404, 503 … */
    const char *content_type; /* a string that lives on */
    char *body;               /* HTTP_BODY_MAX bytes of room, to be written by the answerer */
    size_t body_size;
};

struct http_options {
    const char *listen;       /* HOST:PORT, numeric or a name of this machine; port 0: any */
    uint32_t connections_max; /* 1 to HTTP_CONNECTIONS_MAX */
    int64_t request_ms;       /* from the connection, or the last answer, to the end of a request,
                                 and for taking the answer */
    /* Fills in the answer; called on the server's thread, must not block. */
    void (*answer)(void *context, struct http_answer *answer, const char *path);
    void *context;
};

struct http_counters {
    uint64_t accepted, requests;
    uint64_t refused_full, refused_bad, timed_out; /* full: over connections_max, closed at once */
    uint64_t accept_errors;
};

struct http;
/* NULL: problem says what was attempted, on what, why it failed. */
struct http *http_open(char problem[HTTP_PROBLEM_SIZE], const struct http_options *options);
uint16_t http_port(const struct http *http);
/* Any thread. */
void http_counters(const struct http *http, struct http_counters *counters);
/* Closes all connections and ends the thread. NULL is allowed. */
void http_close(struct http *http);

#endif
