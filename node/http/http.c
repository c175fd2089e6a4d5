/* The server's thread: one poll over the listener, a waker and the connections.
 *
 * A connection reads a head, is answered, and reads the next; whichever it does, it has request_ms
 * for it. An answer that the socket does not take at once is copied to the connection, so what a
 * slow reader holds is one answer. A refusal is told before the connection is closed: its input is
 * read away until the other end closes, for a reset would take the words with it. */
#include "http/http.h"

#include "clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_HEAD_SIZE = 512, WAITING_MAX = 64, PAUSE_MS = 100, ACCEPTS_A_TURN = 64 };

enum stage { STAGE_FREE, STAGE_READ, STAGE_WRITE, STAGE_LEAVE };

struct connection {
    enum stage stage;
    int socket;
    int64_t until_ms;
    bool keep_alive;
    size_t in_size;
    char in[HTTP_HEAD_MAX];
    char *out; /* head and body, from malloc, in STAGE_WRITE */
    size_t out_size, out_done;
};

struct http {
    struct http_options options;
    int listener, waker;
    uint16_t port;
    pthread_t thread;
    _Atomic bool is_ending;
    int64_t paused_ms; /* no accept before */
    char *body;
    struct connection connections[HTTP_CONNECTIONS_MAX];
    struct {
        _Atomic uint64_t accepted, requests, refused_full, refused_bad, timed_out, accept_errors;
    } counters;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- One connection ----------------------------------------------------------------------------
 */

static void drop(struct connection *connection)
{
    close(connection->socket);
    free(connection->out);
    connection->out = NULL;
    connection->stage = STAGE_FREE;
}

static const char *reason_of(unsigned status)
{
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 413: return "Content Too Large";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
    }
    return "Answer";
}

static void leave(struct connection *connection)
{
    shutdown(connection->socket, SHUT_WR);
    connection->stage = STAGE_LEAVE;
}

static void begin_read(struct connection *connection, int64_t until_ms)
{
    free(connection->out);
    connection->out = NULL;
    connection->until_ms = until_ms;
    connection->stage = STAGE_READ;
}

/* False: it was dropped. */
static bool push(struct http *http, struct connection *connection, int64_t now_ms)
{
    while (connection->out_done < connection->out_size) {
        ssize_t put =
            send(connection->socket, connection->out + connection->out_done,
                 connection->out_size - connection->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (put < 0) {
            drop(connection);
            return false;
        }
        connection->out_done += (size_t)put;
    }
    if (connection->keep_alive) {
        begin_read(connection, now_ms + http->options.request_ms);
    } else {
        leave(connection);
    }
    return true;
}

static void respond(struct http *http, struct connection *connection,
                    const struct http_answer *answer, bool is_head, int64_t now_ms)
{
    char head[ANSWER_HEAD_SIZE];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                          "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
                          answer->status, reason_of(answer->status), answer->content_type,
                          answer->body_size, answer->status == 405 ? "Allow: GET, HEAD\r\n" : "",
                          connection->keep_alive ? "" : "Connection: close\r\n");
    size_t head_size = (size_t)length, body_size = is_head ? 0 : answer->body_size;
    connection->out = malloc(head_size + body_size);
    if (connection->out == NULL || head_size >= sizeof head) {
        drop(connection);
        return;
    }
    memcpy(connection->out, head, head_size);
    memcpy(connection->out + head_size, answer->body, body_size);
    connection->out_size = head_size + body_size;
    connection->out_done = 0;
    connection->until_ms = now_ms + http->options.request_ms;
    connection->stage = STAGE_WRITE;
    push(http, connection, now_ms);
}

static void refuse(struct http *http, struct connection *connection, enum http_read why,
                   int64_t now_ms)
{
    unsigned status = why == HTTP_TOO_LARGE ? 431
                      : why == HTTP_METHOD  ? 405
                      : why == HTTP_VERSION ? 505
                      : why == HTTP_BODY    ? 413
                                            : 400;
    struct http_answer answer = {
        .status = status, .content_type = "text/plain; charset=utf-8", .body = http->body};
    answer.body_size = (size_t)snprintf(http->body, HTTP_BODY_MAX, "%s\n", reason_of(status));
    count(&http->counters.refused_bad);
    connection->keep_alive = false;
    respond(http, connection, &answer, false, now_ms);
}

/* Requests that are there whole, one after another, as long as their answers leave at once. */
static void serve(struct http *http, struct connection *connection, int64_t now_ms)
{
    struct http_request request;
    while (connection->stage == STAGE_READ) {
        enum http_read read = http_read_request(&request, connection->in, connection->in_size);
        if (read == HTTP_MORE) return;
        if (read != HTTP_REQUEST) {
            refuse(http, connection, read, now_ms);
            return;
        }
        struct http_answer answer = {
            .status = 500, .content_type = "text/plain; charset=utf-8", .body = http->body};
        http->options.answer(http->options.context, &answer, request.path);
        count(&http->counters.requests);
        connection->keep_alive = request.keep_alive;
        connection->in_size -= request.size;
        memmove(connection->in, connection->in + request.size, connection->in_size);
        respond(http, connection, &answer, request.is_head, now_ms);
    }
}

static void receive(struct http *http, struct connection *connection, int64_t now_ms)
{
    char waste[HTTP_HEAD_MAX];
    bool leaves = connection->stage == STAGE_LEAVE;
    char *into = leaves ? waste : connection->in + connection->in_size;
    size_t room = leaves ? sizeof waste : sizeof connection->in - connection->in_size;
    ssize_t got = recv(connection->socket, into, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
        drop(connection);
        return;
    }
    if (leaves) return;
    connection->in_size += (size_t)got;
    serve(http, connection, now_ms);
}

/* ---- All of them -------------------------------------------------------------------------------
 */

static struct connection *free_place(struct http *http)
{
    for (uint32_t i = 0; i < http->options.connections_max; i++) {
        if (http->connections[i].stage == STAGE_FREE) return &http->connections[i];
    }
    return NULL;
}

static void take_connections(struct http *http, int64_t now_ms)
{
    for (uint32_t i = 0; i < ACCEPTS_A_TURN; i++) {
        int socket = accept4(http->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            if (errno == EINTR || errno == ECONNABORTED) continue;
            count(&http->counters.accept_errors);
            http->paused_ms = now_ms + PAUSE_MS; /* no descriptor left: not again at once */
            return;
        }
        struct connection *connection = free_place(http);
        if (connection == NULL) {
            count(&http->counters.refused_full);
            close(socket);
            continue;
        }
        count(&http->counters.accepted);
        connection->socket = socket;
        connection->in_size = 0;
        connection->out = NULL;
        begin_read(connection, now_ms + http->options.request_ms);
    }
}

static void expire(struct http *http, int64_t now_ms)
{
    for (uint32_t i = 0; i < http->options.connections_max; i++) {
        struct connection *connection = &http->connections[i];
        if (connection->stage == STAGE_FREE || now_ms < connection->until_ms) continue;
        if (connection->stage == STAGE_WRITE ||
            (connection->stage == STAGE_READ && connection->in_size > 0)) {
            count(&http->counters.timed_out);
        }
        drop(connection);
    }
}

static int wait_ms(const struct http *http, int64_t now_ms)
{
    int64_t least = http->paused_ms > now_ms ? http->paused_ms - now_ms : INT32_MAX;
    for (uint32_t i = 0; i < http->options.connections_max; i++) {
        const struct connection *connection = &http->connections[i];
        if (connection->stage != STAGE_FREE && connection->until_ms - now_ms < least) {
            least = connection->until_ms - now_ms;
        }
    }
    return least < 0 ? 0 : (int)least;
}

static void turn(struct http *http)
{
    struct pollfd polls[HTTP_CONNECTIONS_MAX + 2];
    struct connection *whose[HTTP_CONNECTIONS_MAX + 2] = {NULL};
    uint32_t used = 2;
    int64_t now_ms = monotonic_ms();
    polls[0] = (struct pollfd){.fd = http->waker, .events = POLLIN};
    polls[1] =
        (struct pollfd){.fd = now_ms < http->paused_ms ? -1 : http->listener, .events = POLLIN};
    for (uint32_t i = 0; i < http->options.connections_max; i++) {
        struct connection *connection = &http->connections[i];
        if (connection->stage == STAGE_FREE) continue;
        bool writes = connection->stage == STAGE_WRITE;
        polls[used] =
            (struct pollfd){.fd = connection->socket, .events = writes ? POLLOUT : POLLIN};
        whose[used++] = connection;
    }
    if (poll(polls, used, wait_ms(http, now_ms)) < 0) return;
    now_ms = monotonic_ms();
    for (uint32_t i = 2; i < used; i++) {
        if (polls[i].revents == 0) continue;
        if (whose[i]->stage == STAGE_WRITE) {
            if (push(http, whose[i], now_ms)) serve(http, whose[i], now_ms);
        } else {
            receive(http, whose[i], now_ms);
        }
    }
    expire(http, now_ms);
    if (polls[1].revents != 0) take_connections(http, now_ms);
}

static void *run(void *context)
{
    struct http *http = context;
    while (!atomic_load(&http->is_ending))
        turn(http);
    for (uint32_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        if (http->connections[i].stage != STAGE_FREE) drop(&http->connections[i]);
    }
    return NULL;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static bool fail(char problem[HTTP_PROBLEM_SIZE],
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, HTTP_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* HOST:PORT or [HOST]:PORT. */
static bool find_address(struct addrinfo **found, char problem[HTTP_PROBLEM_SIZE],
                         const char *listen_at)
{
    char host[HTTP_PROBLEM_SIZE];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const char *colon = strrchr(listen_at, ':');
    if (colon == NULL || (size_t)(colon - listen_at) >= sizeof host) {
        return fail(problem, "'%.200s' is not HOST:PORT", listen_at);
    }
    size_t length = (size_t)(colon - listen_at);
    bool is_bracketed = length > 2 && listen_at[0] == '[' && colon[-1] == ']';
    if (is_bracketed) length -= 2;
    memcpy(host, listen_at + (is_bracketed ? 1 : 0), length);
    host[length] = '\0';
    int why = getaddrinfo(host, colon + 1, &hints, found);
    if (why == 0) return true;
    return fail(problem, "cannot listen at %.200s: %s", listen_at, gai_strerror(why));
}

static bool open_listener(struct http *http, char problem[HTTP_PROBLEM_SIZE])
{
    struct addrinfo *found;
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    const int yes = 1;
    if (!find_address(&found, problem, http->options.listen)) return false;
    http->listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_open = http->listener >= 0 &&
                   setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                   bind(http->listener, found->ai_addr, found->ai_addrlen) == 0 &&
                   listen(http->listener, WAITING_MAX) == 0 &&
                   getsockname(http->listener, (struct sockaddr *)&bound, &size) == 0;
    int why = errno;
    freeaddrinfo(found);
    if (!is_open) {
        return fail(problem, "cannot listen at %.200s: %s", http->options.listen, strerror(why));
    }
    http->port = ntohs(bound.ss_family == AF_INET6
                           ? ((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port
                           : ((const struct sockaddr_in *)(const void *)&bound)->sin_port);
    return true;
}

/* Signals are for the thread that made the server. */
static bool start_thread(struct http *http, char problem[HTTP_PROBLEM_SIZE])
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&http->thread, NULL, run, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why == 0 || fail(problem, "cannot start a thread for http: %s", strerror(why));
}

struct http *http_open(char problem[HTTP_PROBLEM_SIZE], const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);
    if (http != NULL) http->body = malloc(HTTP_BODY_MAX);
    if (http == NULL || http->body == NULL) {
        fail(problem, "out of memory for http");
        free(http);
        return NULL;
    }
    http->options = *options;
    if (http->options.connections_max > HTTP_CONNECTIONS_MAX) {
        http->options.connections_max = HTTP_CONNECTIONS_MAX;
    }
    http->listener = -1;
    http->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->waker < 0) fail(problem, "no descriptor for http: %s", strerror(errno));
    if (http->waker >= 0 && open_listener(http, problem) && start_thread(http, problem))
        return http;
    if (http->waker >= 0) close(http->waker);
    if (http->listener >= 0) close(http->listener);
    free(http->body);
    free(http);
    return NULL;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

void http_counters(const struct http *http, struct http_counters *counters)
{
    *counters = (struct http_counters){
        .accepted = atomic_load_explicit(&http->counters.accepted, memory_order_relaxed),
        .requests = atomic_load_explicit(&http->counters.requests, memory_order_relaxed),
        .refused_full = atomic_load_explicit(&http->counters.refused_full, memory_order_relaxed),
        .refused_bad = atomic_load_explicit(&http->counters.refused_bad, memory_order_relaxed),
        .timed_out = atomic_load_explicit(&http->counters.timed_out, memory_order_relaxed),
        .accept_errors = atomic_load_explicit(&http->counters.accept_errors, memory_order_relaxed)};
}

void http_close(struct http *http)
{
    const uint64_t one = 1;
    if (http == NULL) return;
    atomic_store(&http->is_ending, true);
    ssize_t put = write(http->waker, &one, sizeof one);
    (void)put;
    pthread_join(http->thread, NULL);
    close(http->waker);
    close(http->listener);
    free(http->body);
    free(http);
}
