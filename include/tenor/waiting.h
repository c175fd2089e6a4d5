/* waiting: small things that wait for a block: reports, deposits, forced frames, operations,
 * governance, evidence.
 *
 * A waiting pool keeps an item from when this node first heard of it until a finalized block has it
 * or its time is over, tells the set of it, and hands items to who builds a block in a fair order
 * that depends on nothing but what came when. What an item means is the host's: it answers whether
 * an item is valid and where it belongs (struct tn_waiting_note). Each kind has its own memory, so
 * that no flood of one displaces another; within a kind no group has more than its share.
 * Rules and layouts: docs/specs/gossip.md. */
#ifndef TENOR_WAITING_H
#define TENOR_WAITING_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/gossip.h"
#include "tenor/peer.h"

#define TN_WAITING_KINDS 8u /* kinds of items are 1 .. 7; decisions/0006 */

struct tn_waiting; /* opaque */

/* What the host says of an item that is valid, or may be later. */
struct tn_waiting_note {
    uint64_t group;  /* whose it is: a feeder's feed, an owner. At most group_max of a group wait */
    uint64_t number; /* reports: sequence. Deposits, governance: their number. Else 0 */
    bool again;      /* told to the host: its last answer for these bytes was OK, so what holds for
                        ever (signatures) need not be checked again */
};

/* How a kind is kept. */
enum tn_waiting_rule {
    TN_WAITING_OFF = 0,  /* refused */
    TN_WAITING_NEWEST,   /* one for each group, of the highest number (reports) */
    TN_WAITING_NUMBERED, /* in the order of numbers; when full the lowest stay */
    TN_WAITING_ARRIVAL   /* in the order of coming */
};

struct tn_waiting_kind {
    uint8_t rule;       /* enum tn_waiting_rule */
    bool relay;         /* every node passes it on once, not only the one that had it first */
    uint32_t items_max; /* at once */
    uint32_t bytes_max; /* of one item; each has room for so many */
    uint32_t group_max; /* of one group, ≥ 1, for ARRIVAL and NUMBERED */
};

struct tn_waiting_limits {
    struct tn_waiting_kind kinds[TN_WAITING_KINDS]; /* by kind; [0] is off */
    uint32_t peers_max;
    uint32_t peer_share_max; /* items of one kind that came first from one peer; 0: no cap */
    uint32_t seen_max;       /* hashes remembered of what is gone, so that it does not come again */
    uint32_t push_all_max; /* relayed to everybody up to so many peers, above it to √n of them */
    uint32_t recheck_max;  /* items that one tn_waiting_recheck asks about; 0: all */
    int64_t resend_us;     /* what this node had first is sent again after it, doubled each time */
    uint64_t seed;
};

struct tn_waiting_host {
    void *context;
    void (*send)(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size);
    /* Is it valid now? The note is read unless the answer is BAD. LATER: kept, not handed out,
     * asked again by tn_waiting_recheck. */
    enum tn_gossip_answer (*judge)(void *context, uint8_t kind, const uint8_t *bytes, size_t size,
                                   struct tn_waiting_note *note);
};

struct tn_waiting_item {
    struct tn_hash hash; /* keccak256 of kind ‖ bytes */
    uint8_t kind;
    bool ready;           /* the last answer was OK */
    uint16_t from;        /* who told first; TN_PEER_SELF: came to this node */
    const uint8_t *bytes; /* without the kind; until the next call that may add or remove */
    size_t size;
    int64_t since_us; /* when this node knew it first */
    struct tn_waiting_note note;
};

#define TN_WAITING_COUNTER_TABLE(X)                                                                \
    X(MALFORMED, "malformed", "messages that are no item, or of a kind that is off or too large")  \
    X(INVALID, "invalid", "items that the host called bad when they came")                         \
    X(DUPLICATE, "duplicate", "items that were held or seen")                                      \
    X(OLDER, "older", "reports that are not newer than the one held, numbers that do not fit")     \
    X(FULL, "full", "items of a kind that was full")                                               \
    X(SHARE, "share", "items over the share of their group or peer")                               \
    X(DISPLACED, "displaced", "held items that a newer report or a lower number displaced")        \
    X(EXPIRED, "expired", "held items that turned bad")                                            \
    X(ADDED, "added", "items taken in")                                                            \
    X(INCLUDED, "included", "items removed because a block has them")                              \
    X(SENT, "sent", "ITEM messages sent")
enum tn_waiting_counter {
#define X(name, text, help) TN_WAITING_COUNT_##name,
    TN_WAITING_COUNTER_TABLE(X)
#undef X
        TN_WAITING_COUNTERS
};

/* Bytes for these limits, 0 when one of them is out of range. */
size_t tn_waiting_size(const struct tn_waiting_limits *limits);
/* In zeroed, 64-byte aligned memory of the caller; host is copied. */
struct tn_waiting *tn_waiting_init(void *memory, const struct tn_waiting_limits *limits,
                                   const struct tn_waiting_host *host, uint16_t self,
                                   uint16_t peers_count);
void tn_waiting_set_peers(struct tn_waiting *waiting, uint16_t self, uint16_t peers_count);
const uint64_t *tn_waiting_counters(const struct tn_waiting *waiting);

/* What became of an item. */
enum tn_waiting_answer {
    TN_WAITING_TAKEN,
    TN_WAITING_KNOWN,   /* held, or gone before */
    TN_WAITING_INVALID, /* malformed or bad */
    TN_WAITING_NO_ROOM  /* full, over a share, or older than what is held */
};
/* An ITEM message of a peer. */
enum tn_waiting_answer tn_waiting_message(struct tn_waiting *waiting, uint16_t from,
                                          const uint8_t *bytes, size_t size, int64_t now_us);
/* An item of this node's own client, feeder or core: told to the set, again until it is gone. */
enum tn_waiting_answer tn_waiting_add(struct tn_waiting *waiting, uint8_t kind,
                                      const uint8_t *bytes, size_t size, int64_t now_us);
void tn_waiting_tick(struct tn_waiting *waiting, int64_t now_us);
int64_t tn_waiting_next_us(const struct tn_waiting *waiting);
/* A link is up: what this node had first is sent to that peer at once. */
void tn_waiting_peer_up(struct tn_waiting *waiting, uint16_t peer, int64_t now_us);

/* A finalized block has this item. It need not be held; it will not be taken again. */
void tn_waiting_included(struct tn_waiting *waiting, const struct tn_hash *hash);
/* After each finalized block: asks the host again about what is held, recheck_max items of it,
 * going round. What has turned bad goes; what was not good yet may be handed out now. */
void tn_waiting_recheck(struct tn_waiting *waiting);

/* Walks the items of a kind in order: cursor 0 to begin; false at the end. A group's second item
 * comes after every group's first, and so on; inside a round the one known longest. NUMBERED kinds
 * go by number alone. O(items of the kind) for each step of a kind that is not held in order. */
bool tn_waiting_next(const struct tn_waiting *waiting, uint8_t kind, uint32_t *cursor,
                     struct tn_waiting_item *item);
bool tn_waiting_find(const struct tn_waiting *waiting, const struct tn_hash *hash,
                     struct tn_waiting_item *item);
uint32_t tn_waiting_count(const struct tn_waiting *waiting, uint8_t kind);
/* keccak256 of kind ‖ bytes. */
void tn_waiting_hash(struct tn_hash *hash, uint8_t kind, const uint8_t *bytes, size_t size);

#endif
