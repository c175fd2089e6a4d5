/* gossip: a node's pool of batches, and what to tell whom about them.
 *
 * One gossip serves one node and all markets. It keeps sealed batches with their leaders'
 * signatures until a checkpoint certificate covers them, pushes what this node sealed, fetches what
 * it lacks, answers who lacks what it has, and says when a market's leader has gone silent. It is a
 * pure core: bytes, time and finality come in by calls, everything goes out through struct
 * tn_gossip_host, whose functions must not call back into the gossip, but for those that say they
 * may. Rules and layouts: docs/specs/gossip.md.
 *
 * Memory is a function of the limits. Each market has its own bytes, so a hostile leader fills only
 * its own. What does not fit, or is not believed, is dropped and counted. now_us is monotonic. */
#ifndef TENOR_GOSSIP_H
#define TENOR_GOSSIP_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/peer.h"
#include "tenor/signature.h"
#include "tenor/stream.h"

struct tn_gossip; /* opaque */

/* A place in a market's stream, and the batch that stands there. Sequence 0 with a digest of zeros
 * is the head of a market without batches. */
struct tn_gossip_head {
    uint32_t market;
    uint32_t term;
    uint64_t sequence;
    struct tn_hash digest;
};

enum tn_gossip_answer {
    TN_GOSSIP_OK,
    TN_GOSSIP_BAD,  /* for ever */
    TN_GOSSIP_LATER /* this node does not know yet */
};

/* A batch in the pool. Pointers live until the next call that may add or prune batches. */
struct tn_gossip_batch {
    struct tn_batch_header header;
    struct tn_hash digest;
    struct tn_signature signature; /* the leader's, over digest */
    const uint8_t *body;           /* the header's bytes, then entries behind their lengths */
    size_t body_size;
    int64_t received_us;
    bool own;     /* sealed by this node */
    bool refused; /* its leader signed what host.judge refused: never extended, kept as proof */
};

/* STALL: this voter held no valid batch extending the head for stall_ms. RESIGN: the leader of the
 * term, alone, gives it up at the head. What is signed, by whom and how is the host's. */
struct tn_gossip_stall {
    uint8_t kind; /* TN_PEER_STALL or TN_PEER_RESIGN */
    uint64_t epoch;
    struct tn_gossip_head head;
    uint16_t voter; /* validator index in the epoch */
    struct tn_signature signature;
};

struct tn_gossip_host {
    void *context;
    /* to is a peer or TN_PEER_ALL. The bytes are those of the call; they must be copied or sent. */
    void (*send)(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size);
    /* Who leads the term: its validator index and parsed key. BAD: there is no such market. */
    enum tn_gossip_answer (*leader)(void *context, uint32_t market, uint32_t term,
                                    uint16_t *validator, const struct tn_parsed_key **key);
    /* Can the body be decoded and is it what the header says, its entries_root too? Called once for
     * each batch, after chain and signature were checked; what it takes is not hashed again here.
     * NULL: all but the entries_root is left to whoever executes the batch. */
    bool (*judge)(void *context, const struct tn_batch_header *header, const uint8_t *body,
                  size_t body_size);
    /* A valid batch has come into the pool: a block may now be built, or judged. */
    void (*arrived)(void *context, const struct tn_gossip_batch *batch);
    /* E5: one leader signed two batches for one place. Told once for each place. */
    void (*conflict)(void *context, const struct tn_gossip_batch *one,
                     const struct tn_gossip_batch *other);
    /* The market is silent at head for stall_us: sign a STALL of it and give it to
     * tn_gossip_add_stall (it may call back). head->term is the term that is to end, not that of
     * the batch. Told once for each head. */
    void (*stalled)(void *context, const struct tn_gossip_head *head);
    enum tn_gossip_answer (*stall_valid)(void *context, const struct tn_gossip_stall *stall);
    uint64_t (*weight)(void *context, uint16_t voter);
    /* What was evicted here but is still in the log: the bytes of its BATCH message (kind,
     * signature, body), or false. NULL: nothing else is served. */
    bool (*stored)(void *context, const struct tn_hash *digest, const uint8_t **message,
                   size_t *size);
};

struct tn_gossip_limits {
    uint32_t markets_max;       /* 1 .. TN_GOSSIP_MARKETS_MAX */
    uint32_t peers_max;         /* validators and observers, ≤ TN_PEERS_MAX */
    uint32_t batches_max;       /* kept for each market */
    uint64_t batch_bytes_total; /* arena of each market; at least four of the largest batches */
    uint32_t batch_bytes_max;   /* of one body, ≤ TN_PEER_BATCH_MAX - TN_GOSSIP_BATCH_PREFIX */
    uint32_t window;            /* sequences accepted above the final head */
    uint32_t wants_max;         /* digests looked for, all markets together */
    uint32_t wants_peer_max;    /* of those, for the announcements of one peer */
    uint32_t attempts_max;      /* fetches for an announcement before it is given up */
    uint32_t serve_fetches;     /* FETCH messages of one peer answered in a second (50) */
    uint32_t serve_bytes;       /* sent to one peer in a second in answer to it, after a burst of as
                                   many; the last answer may go over */
    uint32_t push_all_max;      /* peers up to which a batch is pushed to everybody (16) */
    int64_t heads_us;           /* between two HEADS */
    int64_t announce_wait_us;   /* an announced batch is expected to be pushed so long */
    int64_t fetch_us; /* a fetch is tried elsewhere after it, doubled each time up to 16× */
    int64_t stall_us;
    uint64_t seed; /* for choices among peers; local */
};
#define TN_GOSSIP_MARKETS_MAX  128u
#define TN_GOSSIP_BATCH_PREFIX 65u /* kind, signature: before the body in a BATCH message */

/* Counters, all since init: drops by reason, then traffic. */
#define TN_GOSSIP_COUNTER_TABLE(X)                                                                 \
    X(MALFORMED, "malformed", "messages that are not what their kind says")                        \
    X(WRONG_CHAIN, "wrong_chain", "batches of another chain")                                      \
    X(UNKNOWN_LEADER, "unknown_leader", "batches of a market or term that is not known")           \
    X(BAD_SIGNATURE, "bad_signature", "batches that their leader did not sign")                    \
    X(BAD_BODY, "bad_body", "batches whose body is not what the header says")                      \
    X(REFUSED, "refused", "signed batches that cannot be applied: a fault of the leader")          \
    X(DUPLICATE, "duplicate", "batches that were held already")                                    \
    X(OUTSIDE, "outside", "batches and announcements below the head or beyond the window")         \
    X(POOL_FULL, "pool_full", "batches that did not fit the market's bytes or records")            \
    X(EVICTED, "evicted", "final batches given up before a checkpoint covered them")               \
    X(CONFLICT, "conflict", "places for which a leader signed two batches")                        \
    X(CONFLICT_MORE, "conflict_more", "third and further batches for one place")                   \
    X(WANTS_FULL, "wants_full", "announcements and wants not followed: too many")                  \
    X(GIVEN_UP, "given_up", "announced batches that nobody served")                                \
    X(FETCH_REFUSED, "fetch_refused", "fetches over a peer's rate, or for what is not held")       \
    X(STALL_DROPPED, "stall_dropped", "STALL and RESIGN that are old, invalid or not of the link") \
    X(ADDED, "added", "batches taken into the pool")                                               \
    X(PRUNED, "pruned", "batches let go because they are covered or dead")                         \
    X(PUSHED, "pushed", "BATCH messages sent")                                                     \
    X(FETCHES, "fetches", "BATCH_FETCH messages sent")                                             \
    X(SERVED, "served", "batches sent in answer to one")
enum tn_gossip_counter {
#define X(name, text, help) TN_GOSSIP_COUNT_##name,
    TN_GOSSIP_COUNTER_TABLE(X)
#undef X
        TN_GOSSIP_COUNTERS
};

/* Bytes for these limits, 0 when one of them is out of range. */
size_t tn_gossip_size(const struct tn_gossip_limits *limits);
/* In zeroed, 64-byte aligned memory of the caller. peers_count ≤ peers_max nodes have the indexes
 * 0 .. peers_count - 1, self among them; host and signatures are copied. */
struct tn_gossip *tn_gossip_init(void *memory, const struct tn_gossip_limits *limits,
                                 const struct tn_gossip_host *host,
                                 const struct tn_signatures *signatures, const uint8_t chain_id[32],
                                 uint16_t self, uint16_t peers_count);
/* A new epoch: other peers under the indexes. What was known of peers and stalls is forgotten. */
void tn_gossip_set_peers(struct tn_gossip *gossip, uint16_t self, uint16_t peers_count);
const uint64_t *tn_gossip_counters(const struct tn_gossip *gossip); /* [TN_GOSSIP_COUNTERS] */

/* ---- Input ---- */

/* One message of kind BATCH, ANNOUNCE, BATCH_FETCH, HEADS, STALL or RESIGN. False: it was malformed
 * or forged, which an honest peer never sends; every other drop is counted only. */
bool tn_gossip_message(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                       int64_t now_us);
/* Timers: HEADS, resending, fetching again, stalls. At or after tn_gossip_next_us; early is free.
 */
void tn_gossip_tick(struct tn_gossip *gossip, int64_t now_us);
int64_t tn_gossip_next_us(const struct tn_gossip *gossip);
/* The link to a peer is up again: HEADS go to it at once. */
void tn_gossip_peer_up(struct tn_gossip *gossip, uint16_t peer, int64_t now_us);

/* ---- Batches ---- */

/* A batch that this node sealed and made durable (or sealed before a restart): it is pushed, and
 * sent again to who lacks it until it is final. False: the pool is full, try again after a prune;
 * or it is outside the window. */
bool tn_gossip_add_own(struct tn_gossip *gossip, const struct tn_signature *signature,
                       const uint8_t *body, size_t body_size, int64_t now_us);
/* A batch out of this node's log: checked once before, told to nobody. */
bool tn_gossip_add_stored(struct tn_gossip *gossip, const struct tn_signature *signature,
                          const uint8_t *body, size_t body_size, int64_t now_us);
/* By digest. O(1). */
bool tn_gossip_find(const struct tn_gossip *gossip, const struct tn_hash *digest,
                    struct tn_gossip_batch *batch);
/* The host may sign now, and could not before: it is asked again for the STALLs of all markets for
 * which one is due. */
void tn_gossip_stalls_again(struct tn_gossip *gossip);
/* Has the leader of the term that the market is in signed two batches for one place? Then nothing
 * more of it should go into blocks: they would move the head that STALLs name. */
bool tn_gossip_is_convicted(const struct tn_gossip *gossip, uint32_t market_id, uint32_t term);
/* The valid batch that extends head (sequence + 1, prev_digest), in `term`, which is head's or a
 * later one; the first that came when there are two. To build a block: call it from the head at the
 * parent, then from what it gave. O(1). */
bool tn_gossip_next(const struct tn_gossip *gossip, const struct tn_gossip_head *head,
                    uint32_t term, struct tn_gossip_batch *batch);
/* A block names a batch that is not held: fetch it, from `holder` first (TN_PEER_ALL: anybody),
 * until it comes, tn_gossip_unwant, or nobody has asked for it here for a minute; when there is no
 * place, the want that was asked for longest ago goes. So ask again while it is needed. It is taken
 * even if two others hold its place. False: too many at once. */
bool tn_gossip_want(struct tn_gossip *gossip, const struct tn_hash *digest, uint16_t holder,
                    int64_t now_us);
void tn_gossip_unwant(struct tn_gossip *gossip, const struct tn_hash *digest);

/* ---- Finality ---- */

/* The market's head in the last finalized block, and the term that may follow it; also for a market
 * that begins. Heads never go back. Batches of ended terms above it are dead. */
void tn_gossip_final(struct tn_gossip *gossip, const struct tn_gossip_head *head, uint32_t term,
                     int64_t now_us);
/* A checkpoint certificate covers the market's batches up to this sequence: they may go, as far as
 * they are final here. */
void tn_gossip_covered(struct tn_gossip *gossip, uint32_t market, uint64_t sequence);
/* The last sequence that is held without a gap from the final head on. */
bool tn_gossip_contiguous(const struct tn_gossip *gossip, uint32_t market,
                          struct tn_gossip_head *head);

/* ---- Stalls ---- */

/* This node's own, after it was made durable: sent to all, and again while the market is silent (a
 * RESIGN: until the head moves). */
void tn_gossip_add_stall(struct tn_gossip *gossip, const struct tn_gossip_stall *stall,
                         int64_t now_us);
/* Those held for exactly this head and epoch, by voter; *weight is their sum. A RESIGN of the
 * head's leader, if there is one, stands alone in stalls[0] with *resigned. Returns how many of
 * max. */
uint32_t tn_gossip_stalls(const struct tn_gossip *gossip, const struct tn_gossip_head *head,
                          uint64_t epoch, struct tn_gossip_stall *stalls, uint32_t stalls_max,
                          uint64_t *weight, bool *resigned);

#endif
