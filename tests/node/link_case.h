/* link_case: nodes with keys, certificates and links over TLS on loopback ports, all driven by the
 * test's own thread; and a rogue that speaks the bytes by hand. */
#ifndef TESTS_LINK_CASE_H
#define TESTS_LINK_CASE_H

#include "link/certificate.h"
#include "link/hello.h"
#include "link/nng.h"
#include "link/stream.h"

#define NODES_MAX 4

struct case_inbox {
    uint64_t messages[TN_PRIORITIES];
    uint64_t last[TN_PRIORITIES]; /* number that the latest carried */
    uint64_t disordered; /* messages whose number did not follow, or whose bytes are wrong */
    uint32_t ups, downs;
    enum link_reason reason; /* of the latest DOWN */
    uint64_t epoch;
};

struct case_node {
    struct tn_secret_key secret;
    struct tn_public_key key;
    struct certificate certificate;
    struct link *link; /* NULL: it does not run */
    uint16_t port;
    uint16_t dial_port; /* where others dial it; 0: its own */
    struct case_inbox from[TN_PEERS_MAX];
};

/* Node 0 has the smallest key: each node dials those with smaller numbers. */
struct link_case {
    uint32_t count;
    struct tn_hash chain_id;
    struct tn_signatures signatures;
    struct link_nng_limits limits;
    struct case_node nodes[NODES_MAX];
    void *memory;
};

/* Makes keys and certificates; nothing runs. Limits may be changed before case_start. */
void case_make(struct link_case *test, uint32_t count);
void case_end(struct link_case *test);
/* Runs a node (on the port it had before), knowing all others. */
void case_start(struct link_case *test, uint32_t node);
void case_stop(struct link_case *test, uint32_t node);
/* Tells all nodes that run of all others. */
void case_meet(struct link_case *test);
void case_peers(struct link_case *test, uint32_t node, uint64_t epoch);
struct link_nng_peer case_peer(const struct link_case *test, uint32_t node, char address[32]);
/* case_make, all started, all up. */
void case_all_up(struct link_case *test, uint32_t count);

/* Polls all nodes that run once, and takes what comes in into `from`; false: nothing came. */
bool case_turn(struct link_case *test);
/* One turn of one node only. */
bool case_turn_one(struct link_case *test, uint32_t node);
/* Turns until the condition holds; fails the test after so many seconds. */
#define CASE_UNTIL(test, condition)                                                                \
    do {                                                                                           \
        int64_t until_us = case_now_us() + 60000000;                                               \
        while (!(condition)) {                                                                     \
            if (case_now_us() > until_us) fail_msg("never: %s", #condition);                       \
            if (!case_turn(test)) case_wait(test);                                                 \
        }                                                                                          \
    } while (0)
int64_t case_now_us(void);
void case_wait(struct link_case *test);
/* Turns for so long. */
void case_pass(struct link_case *test, int64_t ms);

bool case_is_up(const struct link_case *test, uint32_t a, uint32_t b);
struct link_peer_statistics case_statistics(const struct link_case *test, uint32_t at,
                                            uint32_t about);
struct link_statistics case_totals(const struct link_case *test, uint32_t at);

/* Message number `number` (from 1 for each class) of a class and size ≥ 9 sent from a to b; its
 * bytes follow from its number, and are checked where it arrives. */
enum link_sent case_send(struct link_case *test, uint32_t a, uint32_t b, enum tn_priority priority,
                         uint64_t number, uint32_t size);

/* Who speaks for itself: a TLS client without a link. */
struct rogue {
    nng_stream_dialer *dialer;
    struct stream *stream;
    struct stream_waker waker;
    uint8_t bytes[4096]; /* received */
    uint32_t count;
    int error; /* of nng, when the stream or the dial ended */
};
/* Connects to a node with this certificate; turns until it is done or refused. */
void rogue_open(struct rogue *rogue, struct link_case *test, uint32_t node,
                const struct certificate *certificate);
void rogue_send(struct rogue *rogue, const void *bytes, size_t size);
/* Sends `size u32 ‖ message`. */
void rogue_send_message(struct rogue *rogue, const void *bytes, uint32_t size);
/* Turns until at least so many bytes are there, or the stream ended: false. */
bool rogue_wait(struct rogue *rogue, struct link_case *test, uint32_t count);
/* Turns until the other side closed it. */
void rogue_wait_end(struct rogue *rogue, struct link_case *test);
void rogue_close(struct rogue *rogue);
/* The hello that `from` says to `to`, with a nonce. */
void rogue_hello(struct hello *hello, const struct link_case *test, uint32_t from, uint32_t to,
                 enum link_class class);
/* Says the hello and the proof, signed by this key; false: the other side closed it. */
bool rogue_handshake(struct rogue *rogue, struct link_case *test, struct hello *hello,
                     const struct tn_secret_key *secret);

#endif
