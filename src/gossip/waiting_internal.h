/* What waiting.c keeps and relay.c sends. */
#ifndef TENOR_GOSSIP_WAITING_INTERNAL_H
#define TENOR_GOSSIP_WAITING_INTERNAL_H

#include "gossip/internal.h"
#include "tenor/waiting.h"

enum { ITEM_PREFIX = 2 /* TN_PEER_ITEM, kind */ };

struct item {
    bool used;
    bool ready;
    uint8_t kind;
    uint8_t resends;
    uint16_t from;
    uint32_t size;
    uint32_t rank; /* how many of its group were before it */
    uint32_t next, previous;
    int64_t since_us;
    int64_t resend_at_us; /* INT64_MAX: never */
    struct tn_hash hash;
    struct tn_waiting_note note;
};

/* Slots first .. first + slots - 1 of all items, and the list of the used ones. */
struct kind {
    uint32_t first, slots, count;
    uint32_t head, tail;
    uint32_t spare; /* free slots, linked by next */
    uint8_t *bytes;
};

struct tn_waiting {
    struct tn_waiting_limits limits;
    struct tn_waiting_host host;
    uint16_t self, peers_count;
    uint64_t random;
    int64_t resend_next_us; /* no item is sent again before it */
    uint64_t counters[TN_WAITING_COUNTERS];
    struct kind kinds[TN_WAITING_KINDS];
    uint32_t shares[TN_WAITING_KINDS][TN_PEERS_MAX]; /* items by who told them first */
    struct item *items;
    uint32_t slots, recheck_next;
    struct tn_index held;
    struct tn_hash *seen; /* a ring */
    uint32_t seen_next;
    struct tn_index seen_index;
    uint8_t *message; /* scratch: an item behind its prefix */
};

/* A new item, bytes as held: tells who should know. */
void tn_waiting_tell(struct tn_waiting *waiting, uint32_t slot, const uint8_t *bytes,
                     int64_t now_us);
const uint8_t *tn_waiting_bytes(const struct tn_waiting *waiting, uint32_t slot);

#endif
