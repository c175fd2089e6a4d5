/* queue: the messages that wait for one peer, in lanes, each with its own bound in bytes, so that a
 * lane that is full never costs another its room. The most urgent lane goes first, but each has a
 * quantum of bytes in a round, so that a flood of one slows the others down and never stops them.
 *
 * A message for many peers is held once and counted by those who still need it. */
#ifndef NODE_LINK_QUEUE_H
#define NODE_LINK_QUEUE_H

#include "link/internal.h"

/* One for each class; a small proposal travels with the votes and so has a lane there. */
enum queue_lane {
    QUEUE_CERT,
    QUEUE_VOTE,
    QUEUE_SMALL_PROPOSAL,
    QUEUE_PROPOSAL,
    QUEUE_DATA,
    QUEUE_BATCH,
    QUEUE_LANES
};

struct queue_message {
    uint32_t holders;
    uint32_t size;
    uint8_t bytes[];
};

struct queue_entry {
    struct queue_entry *next;
    struct queue_message *message;
};

struct queue {
    struct {
        struct queue_entry *first, *last;
        uint64_t bytes, bytes_max; /* with QUEUE_ENTRY_BYTES for each message */
        uint64_t count;
        int64_t credit; /* bytes it may still send in this round */
    } lanes[QUEUE_LANES];
};

/* What a message costs its lane besides its own bytes: small ones are not free. */
#define QUEUE_ENTRY_BYTES 64u

enum queue_lane queue_lane(enum tn_priority priority, size_t size);
enum tn_priority queue_priority(enum queue_lane lane);

/* A message whose one holder is the caller; NULL: no memory. Every push is one holder more, and the
 * drop of the last frees it. */
struct queue_message *queue_message(const void *bytes, size_t size);

bool queue_has_room(const struct queue *queue, enum queue_lane lane, size_t size);
/* false: no memory. There must be room (asserted). */
bool queue_push(struct queue *queue, enum queue_lane lane, struct queue_message *message);
/* The next message of a connection, and its lane; NULL: none. The caller is its holder now. */
struct queue_message *queue_pop(struct queue *queue, enum queue_lane *lane, enum link_class class);
void queue_drop(struct queue_message *message);
/* Drops all; counts[priority] += how many. */
void queue_clear(struct queue *queue, uint64_t counts[TN_PRIORITIES]);
uint64_t queue_bytes(const struct queue *queue);

#endif
