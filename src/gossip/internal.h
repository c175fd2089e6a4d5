/* What the files of gossip share: the records of batches, markets, wants and peers. */
#ifndef TENOR_GOSSIP_INTERNAL_H
#define TENOR_GOSSIP_INTERNAL_H

#include "gossip/ring.h"
#include "tenor/gossip.h"
#include "tenor/index.h"
#include "tenor/peer_queue.h"

#include <string.h>

enum {
    FETCH_DIGESTS_MAX = 64, /* in one BATCH_FETCH, and batches of one by range */
    WANT_HOLDERS_MAX = 4,
    BACKOFF_SHIFT_MAX = 4 /* a fetch waits at most 16 × fetch_us */
};

/* A batch in its market's arena: as a whole BATCH message, which is sent as it lies there. */
struct record {
    struct tn_batch_header header;
    struct tn_hash digest;
    uint64_t offset;
    uint32_t size;
    int64_t received_us;
    bool own;
    bool refused;
    bool disputed; /* another batch for its place came */
};

/* Missing sequences that one peer was asked for. */
struct range {
    bool active;
    uint16_t peer;
    uint16_t failed; /* the peer that did not answer last, or TN_PEER_ALL */
    uint32_t attempts;
    uint64_t first, last; /* the sequences asked for */
    int64_t deadline_us;
};

struct market {
    uint32_t id;
    uint32_t term; /* that may follow the final head */
    bool disputed;
    bool told; /* host.stalled, for this head */
    uint32_t
        convicted[2]; /* terms, by their last bit, whose leader signed two batches for a place */
    struct tn_gossip_head final;
    struct tn_gossip_head contiguous;
    uint64_t covered;
    int64_t silent_us; /* since when nothing extends the final head; INT64_MAX: something does */
    int64_t gap_us;    /* since when a peer is known to hold more; INT64_MAX: none is */
    uint64_t gap_sequence; /* what was contiguous then */
    struct range range;
    /* Records in the order of coming: slot first, first + 1 … of batches_max; the arena likewise.
     */
    struct ring ring;
    uint32_t first;
    uint64_t open_bytes; /* of batches above the final head */
    uint32_t open_count;
    uint8_t *arena;
    struct record *records;
    uint64_t *claims;               /* by peer: last sequence it says to hold of the present term */
    struct tn_gossip_stall *stalls; /* by voter; kind 0: none */
    struct tn_gossip_stall resign;
};

struct want {
    bool used;
    bool host; /* asked for by tn_gossip_want: kept while the host goes on asking */
    bool due;  /* scratch of a tick */
    uint8_t holders_count;
    uint16_t holders[WANT_HOLDERS_MAX];
    uint16_t blamed; /* the peer whose share it counts in, TN_PEER_ALL for host's */
    uint16_t asked;
    uint32_t attempts;
    int64_t next_us;
    int64_t renewed_us; /* a host's: when it said so last */
    struct tn_hash digest;
};

struct peer {
    struct tn_peer_bucket fetches, bytes; /* what it may ask */
    struct tn_peer_bucket asks;           /* what it is asked */
    struct tn_peer_bucket stalls;         /* STALL and RESIGN that say something new */
    uint32_t wants_count;
};

struct tn_gossip {
    struct tn_gossip_limits limits;
    struct tn_gossip_host host;
    struct tn_signatures signatures;
    uint8_t chain_id[32];
    uint16_t self, peers_count;
    uint64_t random;
    int64_t heads_next_us;
    uint64_t counters[TN_GOSSIP_COUNTERS];
    struct market *markets;
    uint32_t markets_count;
    struct peer *peers;
    struct want *wants;
    uint32_t wants_count;
    struct tn_index digests;      /* of records */
    struct tn_index places;       /* of records, by market and sequence */
    struct tn_index wanted;       /* of wants, by digest */
    uint16_t order[TN_PEERS_MAX]; /* scratch: peers in the order of a batch's tree */
    uint8_t message[8192];        /* scratch for small messages */
};

static inline void count(struct tn_gossip *gossip, enum tn_gossip_counter counter)
{
    gossip->counters[counter]++;
}

/* ---- pool.c ---- */

#define NO_RECORD TN_NONE

struct market *tn_gossip_find_market(const struct tn_gossip *gossip, uint32_t id);
struct market *tn_gossip_add_market(struct tn_gossip *gossip, uint32_t id);
/* Indexes of records are over all markets: market × batches_max + slot. */
struct record *tn_gossip_record_at(const struct tn_gossip *gossip, uint32_t index);
uint32_t tn_gossip_find_record(const struct tn_gossip *gossip, const struct tn_hash *digest);
/* Records of one (market, term, sequence): how many, and the two that came first. */
uint32_t tn_gossip_find_place(const struct tn_gossip *gossip, const struct market *market,
                              uint32_t term, uint64_t sequence, uint32_t found[2]);
uint32_t tn_gossip_find_next(const struct tn_gossip *gossip, const struct market *market,
                             const struct tn_gossip_head *head, uint32_t term);
void tn_gossip_show_record(const struct tn_gossip *gossip, uint32_t index,
                           struct tn_gossip_batch *batch);
const uint8_t *tn_gossip_record_message(const struct tn_gossip *gossip, uint32_t index);
/* Is it of the present term or the next, and not too far above the final head? */
bool tn_gossip_within_window(const struct tn_gossip *gossip, const struct market *market,
                             const struct tn_batch_header *header);
/* Room for a batch; ahead: only while half of the market's memory is free. NO_RECORD: none. The
 * record is zero but for offset and size, and in no index until pool_insert. */
uint32_t tn_gossip_pool_take(struct tn_gossip *gossip, struct market *market, uint32_t size,
                             bool ahead);
void tn_gossip_pool_insert(struct tn_gossip *gossip, uint32_t index);
/* Moves the final head; linear in the market's batches when it moves. */
void tn_gossip_pool_finalize(struct tn_gossip *gossip, struct market *market,
                             const struct tn_gossip_head *head);
void tn_gossip_pool_prune(struct tn_gossip *gossip, struct market *market);
/* Walks contiguous on; restart: from the final head. */
void tn_gossip_pool_advance(struct tn_gossip *gossip, struct market *market, bool restart);

/* ---- layout.c: messages as bytes ---- */

struct announce {
    struct tn_hash digest;
    uint32_t market;
    uint32_t term;
    uint64_t sequence;
};
struct fetch {
    uint8_t count;
    const uint8_t *digests; /* by digest; NULL: by range */
    uint32_t market, term;
    uint64_t first;
    uint64_t mask; /* bit i: first + i is asked for */
};
enum { FETCH_BY_DIGEST = 1, FETCH_BY_RANGE = 2 };
enum { ANNOUNCE_BYTES = 49, FETCH_RANGE_BYTES = 26, HEAD_BYTES = 48, STALL_BYTES = 123 };

void tn_gossip_write_announce(uint8_t out[ANNOUNCE_BYTES], const struct announce *announce);
bool tn_gossip_read_announce(struct announce *announce, const uint8_t *bytes, size_t size);
void tn_gossip_write_fetch_range(uint8_t out[FETCH_RANGE_BYTES], const struct fetch *fetch);
bool tn_gossip_read_fetch(struct fetch *fetch, const uint8_t *bytes, size_t size);
void tn_gossip_write_head(uint8_t out[HEAD_BYTES], const struct tn_gossip_head *head);
bool tn_gossip_heads_well_formed(const uint8_t *bytes, size_t size);
void tn_gossip_read_head(struct tn_gossip_head *head, const uint8_t bytes[HEAD_BYTES]);
void tn_gossip_write_stall(uint8_t out[STALL_BYTES], const struct tn_gossip_stall *stall);
bool tn_gossip_read_stall(struct tn_gossip_stall *stall, const uint8_t *bytes, size_t size);

/* ---- take.c: batches that come ---- */

bool tn_gossip_on_batch(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us);

/* ---- spread.c: who is told of a batch ---- */

void tn_gossip_spread_own(struct tn_gossip *gossip, uint32_t index);
void tn_gossip_spread_on(struct tn_gossip *gossip, uint32_t index, uint16_t leader);
uint32_t tn_gossip_root_above(uint32_t n); /* ⌈√n⌉ */

/* ---- fetch.c: what is missing, and what others miss ---- */

bool tn_gossip_on_announce(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes,
                           size_t size, int64_t now_us);
bool tn_gossip_on_fetch(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us);
bool tn_gossip_want_add(struct tn_gossip *gossip, const struct tn_hash *digest, uint16_t holder,
                        bool host, int64_t first_us);
struct want *tn_gossip_want_find(const struct tn_gossip *gossip, const struct tn_hash *digest);
void tn_gossip_want_remove(struct tn_gossip *gossip, struct want *want);
void tn_gossip_wants_tick(struct tn_gossip *gossip, int64_t now_us);
int64_t tn_gossip_wants_next_us(const struct tn_gossip *gossip);
bool tn_gossip_may_ask(struct tn_gossip *gossip, uint16_t peer, int64_t now_us);

/* ---- heads.c: who is how far ---- */

void tn_gossip_send_heads(struct tn_gossip *gossip, uint16_t to);
void tn_gossip_heads_tick(struct tn_gossip *gossip, int64_t now_us);
bool tn_gossip_on_heads(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us);
void tn_gossip_ranges_tick(struct tn_gossip *gossip, int64_t now_us);
int64_t tn_gossip_range_next_us(const struct tn_gossip *gossip, const struct market *market);
/* contiguous has moved, or claims have. */
void tn_gossip_range_check(struct tn_gossip *gossip, struct market *market, int64_t now_us);

/* ---- stall.c ---- */

bool tn_gossip_on_stall(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us);
/* When the host is to be told; INT64_MAX: never, as it stands. */
int64_t tn_gossip_stall_us(const struct tn_gossip *gossip, const struct market *market);
/* How many new statements of one peer are looked at in a second: each costs a signature. */
struct tn_peer_rate tn_gossip_stalls_rate(const struct tn_gossip *gossip);
void tn_gossip_stalls_check(struct tn_gossip *gossip, struct market *market, int64_t now_us);
void tn_gossip_stalls_tick(struct tn_gossip *gossip, int64_t now_us);
void tn_gossip_stalls_resend(struct tn_gossip *gossip);
void tn_gossip_stalls_forget(struct tn_gossip *gossip);

#endif
