/* peer_queue: what one peer may make this node take, and what waits to go to it.
 *
 * A queue keeps whole messages in one ring of bytes for each class (enum tn_priority). It gives the
 * most urgent class first, but every class has a quantum of bytes in each round, so that a flood of
 * votes slows batches down and never stops them. A meter says whether one more message of a peer is
 * within its rates. Neither grows: what does not fit is dropped and counted by its class. */
#ifndef TENOR_PEER_QUEUE_H
#define TENOR_PEER_QUEUE_H

#include "tenor/base.h"
#include "tenor/peer.h"

struct tn_peer_queue; /* opaque */

struct tn_peer_queue_limits {
    uint32_t ring_bytes[TN_PRIORITIES]; /* a message takes its size and 4; ≥ 64, ≤ 2^30 */
    uint32_t quantum[TN_PRIORITIES];    /* bytes of a class in a round of all; ≥ 1 */
};
/* The protocol's: 8 MiB in and as many out for each peer, a largest message in its class. */
#define TN_PEER_QUEUE_LIMITS                                                                       \
    {                                                                                              \
        .ring_bytes = {1u << 18, 1u << 18, TN_PEER_MESSAGE_MAX + 4096, TN_PEER_MESSAGE_MAX + 4096, \
                       1u << 22},                                                                  \
        .quantum = {1u << 20, 1u << 19, 1u << 18, 1u << 17, 1u << 16},                             \
    }

size_t tn_peer_queue_size(const struct tn_peer_queue_limits *limits); /* 0: out of range */
/* In 64-byte aligned memory of the caller, of any content. */
struct tn_peer_queue *tn_peer_queue_init(void *memory, const struct tn_peer_queue_limits *limits);
/* Copies a message in, behind all of its class. False: its class is full; dropped, counted. */
bool tn_peer_queue_put(struct tn_peer_queue *queue, enum tn_priority priority, const uint8_t *bytes,
                       size_t size);
/* The next message, which stays until tn_peer_queue_pop. The same until then, whatever is put. */
bool tn_peer_queue_peek(struct tn_peer_queue *queue, const uint8_t **bytes, size_t *size,
                        enum tn_priority *priority);
void tn_peer_queue_pop(struct tn_peer_queue *queue); /* what peek gave; asserted */
/* The link broke: forgets all messages, which are not counted as drops. */
void tn_peer_queue_clear(struct tn_peer_queue *queue);

struct tn_peer_queue_state {
    uint64_t bytes[TN_PRIORITIES]; /* waiting, their sizes only */
    uint32_t count[TN_PRIORITIES]; /* waiting */
    uint64_t taken[TN_PRIORITIES]; /* put since init */
    uint64_t drops[TN_PRIORITIES]; /* messages refused since init */
    uint64_t drop_bytes[TN_PRIORITIES];
};
const struct tn_peer_queue_state *tn_peer_queue_state(const struct tn_peer_queue *queue);

/* ---- Rates ---- */

/* A bucket fills at `rate` a second up to `burst`; what is taken must be in it. */
struct tn_peer_rate {
    uint64_t rate;
    uint64_t burst;
};
struct tn_peer_bucket {
    uint64_t level;  /* in millionths: level of a full one is burst × 10^6 */
    int64_t time_us; /* of the level */
};
/* A bucket that is full. */
void tn_peer_bucket_init(struct tn_peer_bucket *bucket, const struct tn_peer_rate *rate,
                         int64_t now_us);
/* Takes amount if it is there. rate and burst ≤ 2^40. */
bool tn_peer_bucket_take(struct tn_peer_bucket *bucket, const struct tn_peer_rate *rate,
                         uint64_t amount, int64_t now_us);

struct tn_peer_meter_limits {
    struct tn_peer_rate bytes[TN_PRIORITIES];
    struct tn_peer_rate messages[TN_PRIORITIES];
    struct tn_peer_rate fetches; /* FETCH, BATCH_FETCH, SYNC_FETCH, VOTES_ASK together */
};
/* A set on one data centre's network, 300 MiB/s of batches; fetches 50 a second as SX says. */
#define TN_PEER_METER_LIMITS                                                                       \
    {                                                                                              \
        .bytes = {{8u << 20, 8u << 20},                                                            \
                  {8u << 20, 8u << 20},                                                            \
                  {64u << 20, 64u << 20},                                                          \
                  {300u << 20, 64u << 20},                                                         \
                  {300u << 20, 64u << 20}},                                                        \
        .messages = {{4000, 8000}, {20000, 20000}, {2000, 2000}, {5000, 10000}, {5000, 10000}},    \
        .fetches = {50, 100},                                                                      \
    }

enum tn_peer_meter_answer {
    TN_PEER_METER_OK,
    TN_PEER_METER_UNKNOWN, /* no such kind, or longer than its kind may be: close the link */
    TN_PEER_METER_OVER     /* over a rate: drop the message */
};
struct tn_peer_meter {
    struct tn_peer_meter_limits limits;
    struct tn_peer_bucket bytes[TN_PRIORITIES];
    struct tn_peer_bucket messages[TN_PRIORITIES];
    struct tn_peer_bucket fetches;
    uint64_t taken[TN_PRIORITIES];
    uint64_t over[TN_PRIORITIES]; /* dropped, by class */
    uint64_t unknown;
};
void tn_peer_meter_init(struct tn_peer_meter *meter, const struct tn_peer_meter_limits *limits,
                        int64_t now_us);
/* For each message of the peer, by its first byte and its size, before anything reads it. */
enum tn_peer_meter_answer tn_peer_meter_take(struct tn_peer_meter *meter, const uint8_t *bytes,
                                             size_t size, int64_t now_us);

#endif
