/* client_case: a client and small servers that speak the protocol over real TLS on loopback ports,
 * all driven by the test's own thread. The client's clock is the test's: it stands still unless the
 * test moves it. What the client tells is kept as lines of text, so that a test reads as a story.
 */
#ifndef TESTS_CLIENT_CASE_H
#define TESTS_CLIENT_CASE_H

#include "tenor/client.h"
#include "wire/wire.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#define CASE_SERVERS 3
#define CASE_TEXT    (1 << 16)

struct case_server {
    char certificate_path[320];
    int listener, socket; /* −1: none */
    uint16_t port;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_ticket_context tickets;
    bool is_shaken; /* the handshake is through */
    uint32_t connections_count, resumed_count;
    bool dribbles; /* one byte a turn goes out */
    uint8_t *in, *out;
    size_t in_size, out_size;
    uint8_t challenge[32];
    uint32_t term, height;
    struct wire_arena arena;
};

struct client_case {
    char folder[256];
    struct case_server servers[CASE_SERVERS];
    uint32_t servers_count;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    struct tn_signatures signatures;
    void *signatures_memory;
    struct tn_secret_key key; /* of the session */
    struct tn_public_key public_key;
    uint8_t chain_id[32];
    struct tn_client_options options;
    struct tn_client_node nodes[CASE_SERVERS];
    struct tn_client *client;
    int64_t now_ms;
    char told[CASE_TEXT]; /* since case_forget */
    size_t told_size;
    struct tn_client_news last; /* lists of it are gone */
    void (*also)(struct client_case *test, const struct tn_client_news *news);
};

/* Servers with certificates, options for a client that logs on; no client yet. */
void case_make(struct client_case *test, uint32_t servers_count);
void case_end(struct client_case *test);
void case_start(struct client_case *test); /* makes the client of the options */
/* As setup and teardown of cmocka. */
int case_set_up(void **state);
int case_tear_down(void **state);

/* One turn of everybody; false: nothing moved. */
bool case_turn(struct client_case *test);
/* Turns until the condition holds; fails the test when it does not for long. */
#define CASE_UNTIL(test, condition)                                                                \
    for (uint32_t turns_ = 0; !(condition); turns_++) {                                            \
        if (turns_ > 20000) fail_msg("never: %s; told:\n%s", #condition, (test)->told);            \
        case_turn(test);                                                                           \
    }
/* Turns until nothing moves. */
void case_settle(struct client_case *test);
/* The lines told since the last call, compared; waits until as many are there. */
void case_expect(struct client_case *test, const char *lines);
void case_forget(struct client_case *test);

/* The next message of the client to this server; fails the test when none comes. */
const Tenor__V1__ToNode *case_hear(struct client_case *test, struct case_server *server);
/* The same, and it must be of this kind; pings and standby frames are passed over if not. */
const Tenor__V1__ToNode *case_hear_kind(struct client_case *test, struct case_server *server,
                                        Tenor__V1__ToNode__BodyCase kind);
bool case_has_message(const struct case_server *server);
void case_say(struct case_server *server, const Tenor__V1__FromNode *message);
void case_say_bytes(struct case_server *server, const void *bytes, size_t size);
void case_cut(struct case_server *server); /* the connection is gone, without a word */

/* ---- Sentences of a node -----------------------------------------------------------------------
 */
void case_hello(struct client_case *test, struct case_server *server);
void case_logon_ack(struct client_case *test, struct case_server *server, uint64_t request,
                    uint64_t nonce_top, uint64_t block);
void case_error(struct case_server *server, uint64_t request, uint32_t code, bool closing);
void case_heartbeat(struct case_server *server, uint64_t height, uint32_t term, uint64_t cursor);
void case_account(struct case_server *server, uint64_t block, uint32_t index, uint64_t nonce,
                  enum tn_event_kind kind);
void case_soft(struct case_server *server, uint64_t request, uint64_t nonce, uint32_t reject);
void case_final(struct case_server *server, uint64_t request, uint64_t nonce, uint64_t block);
/* Hello, the logon checked, the answer; what was told is forgotten. */
void case_log_on(struct client_case *test, struct case_server *server);

/* Commands of the payload of a frame, read and its signature checked. */
const struct tn_frame *case_read_frame(struct client_case *test,
                                       const Tenor__V1__SignedFrame *message);

struct tn_command case_place(uint64_t series_id, tn_ticks price);

#endif
