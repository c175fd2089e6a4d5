/* gateway_case: a gateway whose node the test plays, and clients over real TLS.
 *
 * The test takes the asks from the real port and tells what it likes, so each test is a story whose
 * order it decides; the gateway's thread is its own. Clients are mbedTLS on blocking sockets with a
 * timeout: what does not come in time fails the test. */
#ifndef TESTS_NODE_GATEWAY_CASE_H
#define TESTS_NODE_GATEWAY_CASE_H

#include "gateway/gateway.h"
#include "tenor/frame.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>

#define CASE_MARKET  1u
#define CASE_ACCOUNT 7u
#define CASE_SESSION ((UINT64_C(3) << 32) | 1)
#define CASE_HEIGHT  100u /* of the node when it starts */
#define CASE_TIME_MS INT64_C(1700000000000)
#define CASE_WAIT_MS 60000

struct gateway_case {
    char folder[64], identity[96];
    struct gateway_options options;
    struct port *port;
    struct gateway *gateway;
    struct tn_signatures signatures;
    void *signatures_memory;
    struct tn_secret_key key; /* of the session */
    struct tn_public_key public_key;
    uint64_t height, sequence;
    uint32_t term;
    int receive_bytes; /* of the sockets of new clients; 0: as the system likes */
    char problem[GATEWAY_PROBLEM_SIZE];
};

struct case_client {
    int fd;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt pinned;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    struct wire_arena arena;
    uint8_t challenge[32];
    Tenor__V1__FromNode *last; /* read */
    size_t together, left;     /* events of it: all, and those that were not handed out */
    uint8_t in[WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX];
};

/* Options that may be changed, then the start: the node says that it is ready at CASE_HEIGHT. */
void case_prepare(struct gateway_case *gateway_case);
void case_start(struct gateway_case *gateway_case);
void case_end(struct gateway_case *gateway_case);
/* Waits for a counter to reach a value. */
#define case_wait_counter(gateway_case, field, value)                                              \
    case_wait(gateway_case, offsetof(struct gateway_counters, field), value, #field)
void case_wait(struct gateway_case *gateway_case, size_t offset, uint64_t value, const char *name);
uint64_t case_counter(struct gateway_case *gateway_case, size_t offset);
#define case_count(gateway_case, field)                                                            \
    case_counter(gateway_case, offsetof(struct gateway_counters, field))

/* ---- The node ---------------------------------------------------------------------------------
 */
/* The next ask, which must be of that kind; others than it fail. Snapshots are answered on the way
 * by an empty one. */
struct port_message node_ask(struct gateway_case *gateway_case, enum port_ask kind);
/* Nothing is asked for so long. */
void node_quiet(struct gateway_case *gateway_case, int wait_ms);
void node_state(struct gateway_case *gateway_case, enum port_node_state state);
void node_session(struct gateway_case *gateway_case, uint64_t tag, int64_t expires_ms,
                  uint64_t nonce_top);
void node_answer(struct gateway_case *gateway_case, uint64_t tag, const struct port_answer *answer,
                 const struct tn_event *events);
void node_soft(struct gateway_case *gateway_case, uint64_t tag, uint64_t nonce);
/* A step of the next block, of that account's frame; then blocks. */
void node_step(struct gateway_case *gateway_case, uint32_t account, uint64_t nonce,
               const struct tn_event *events, uint32_t count);
void node_block(struct gateway_case *gateway_case, uint64_t cursor);
void node_term(struct gateway_case *gateway_case, uint32_t term, uint64_t sequence);
struct tn_event node_result(uint32_t account, enum tn_reject reject);

/* ---- Clients ----------------------------------------------------------------------------------
 */
int client_dial(struct gateway_case *gateway_case);
/* Shakes hands; false when the connection ends instead. */
bool client_shake(struct gateway_case *gateway_case, struct case_client *client, int fd);
/* And has heard Hello. */
struct case_client *client_open(struct gateway_case *gateway_case);
void client_close(struct case_client *client); /* without a word: the connection is lost */
void client_write(struct case_client *client, const void *bytes, size_t size);
void client_send(struct case_client *client, Tenor__V1__ToNode *message);
/* The next message; NULL: the connection has ended. Good until the next one. Events of the
 * account's stream come one by one, however many a message had: client->together says it. */
Tenor__V1__FromNode *client_next(struct case_client *client);
/* It must be of that kind. Heartbeats are skipped unless one is asked for. */
Tenor__V1__FromNode *client_expect(struct case_client *client,
                                   Tenor__V1__FromNode__BodyCase body_case);
void client_expect_error(struct case_client *client, uint64_t request, uint32_t code);
void client_expect_end(struct case_client *client);
void client_send_logon(struct gateway_case *gateway_case, struct case_client *client,
                       Tenor__V1__Logon *logon);
/* Opens and logs on; `resume_after` may be NULL. */
struct case_client *client_log_on(struct gateway_case *gateway_case, Tenor__V1__OnDisconnect lost,
                                  Tenor__V1__Place *resume_after);
void client_ping(struct case_client *client);

/* ---- Frames -----------------------------------------------------------------------------------
 */
struct case_frame {
    uint8_t payload[16384];
    uint8_t signature[TN_SIGNATURE_SIZE];
    Tenor__V1__SignedFrame message;
};
/* Signed by the case's key; zero: CASE_SESSION, the present term, valid for 10 blocks. */
void frame_make(struct gateway_case *gateway_case, struct case_frame *frame, struct tn_frame *from);
void frame_place(struct gateway_case *gateway_case, struct case_frame *frame, uint64_t nonce);
void frame_cancel(struct gateway_case *gateway_case, struct case_frame *frame, uint64_t nonce);
void client_send_frame(struct case_client *client, uint64_t request, struct case_frame *frame);
void client_send_standby(struct case_client *client, uint64_t request, struct case_frame *frame,
                         uint32_t dead_man_blocks);

#endif
