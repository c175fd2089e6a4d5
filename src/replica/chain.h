/* The chain's one struct, and what its files ask of each other. */
#ifndef TENOR_REPLICA_CHAIN_H
#define TENOR_REPLICA_CHAIN_H

#include "replica/shard.h"
#include "tenor/chain.h"
#include "tenor/chain_globals.h"

enum {
    CHAIN_TIPS = 64,                       /* tips of unfinalized chains that are remembered */
    CHAIN_CHECKED = 1024,                  /* batches that were found good */
    CHAIN_RING_WINDOW = TN_CHAIN_RING - 1, /* heights of whose time every node can be sure */
    CHAIN_RING_CHUNKS = TN_CHAIN_RING / TN_CHAIN_RING_CHUNK,
    CHAIN_SIGNED = 16384,     /* signatures of items that were found good */
    CHAIN_ITEMS_TRIED = 1024, /* of a kind, when building */
    CHAIN_REGISTRY_KINDS = 5,
    CHAIN_PAST_BYTES = 80, /* in RING: height u64 ‖ time u64 ‖ hash ‖ root */
    CHAIN_BATCHES = TN_CHAIN_MARKETS_MAX * TN_CHAIN_BATCHES_MAX,
};

/* An executed height. `link` is the hash chain up to and with it. */
struct chain_past {
    uint64_t height;
    int64_t time_ms;
    struct tn_hash block_hash, root, link;
};

/* Where a market's stream stands on some chain of blocks. */
struct chain_head {
    uint32_t term;
    uint64_t sequence;
    struct tn_hash digest;
    uint64_t cursor;
    int64_t term_ms;
};

/* What a block is judged by, after the block of this hash. */
struct chain_tip {
    struct tn_hash hash;
    uint64_t height; /* 0: this place of the cache is free; the genesis is never cached */
    uint64_t exec_height, deposits, governance;
    int64_t time_ms;
    struct chain_head heads[TN_CHAIN_MARKETS_MAX];
    uint64_t used_at;
    bool is_judged;   /* it was found objectively good */
    bool has_unknown; /* but for signatures of sessions that were not known */
};

/* A batch whose body is what its header says, signed by that leader. */
struct chain_checked {
    struct tn_hash digest; /* zero: none */
    struct tn_signature signature;
    struct tn_public_key key;
    struct tn_batch_header header;
};

/* Cash between markets that the block at hand has to put into an inbox, and whose. */
struct chain_remit {
    uint32_t place;
    struct tn_remit remit;
};

/* A chain of blocks above the last executed one. */
struct chain_line {
    const struct tn_chain_block *ancestors;
    uint32_t count;
};

struct tn_chain {
    struct tn_chain_limits limits;
    struct tn_market_world world;
    struct tn_chain_source source;
    struct tn_chain_listener listener;
    struct tn_hands hands;
    struct tn_chain_heads heads;
    struct tn_chain_counters counters;
    struct tn_shard shards[TN_CHAIN_MARKETS_MAX];
    struct tn_registry *registry;
    struct tn_registry_genesis genesis;
    bool is_registry_empty;     /* for what is imported */
    bool is_part;               /* some accounts, sessions and past roots (witness_chain.h) */
    struct chain_past *past;    /* [TN_CHAIN_RING], by height modulo that */
    struct tn_hash past_before; /* link of the height before the oldest that is kept */
    uint64_t past_first;        /* the oldest */
    struct chain_tip tips[CHAIN_TIPS];
    struct chain_checked *checked; /* [CHAIN_CHECKED], by digest */
    struct tn_hash *signed_items;  /* [CHAIN_SIGNED]: digest, signature and signer, hashed */
    uint64_t now;                  /* counts uses, for the caches */

    /* What is being executed. */
    struct tn_chain_place place;
    uint32_t at;                /* the market's place */
    uint64_t applying;          /* sequence of the batch; UINT64_MAX: none */
    struct chain_remit *remits; /* [tn_chain_remits_room] */
    uint32_t remits_count;
    uint32_t arrived[TN_CHAIN_MARKETS_MAX][TN_CHAIN_MARKETS_MAX]; /* from, at */

    struct tn_batch_header *batches; /* [CHAIN_BATCHES], of the block at hand */
    struct tn_market_scratch scratch;
    struct tn_shard_room room;
    uint8_t *inbox; /* items of one market's inbox */
    size_t inbox_max;
    uint8_t *item; /* kind ‖ bytes of one */
    struct tn_record_name names[NAMES_AT_ONCE];
    struct tn_state_record records[NAMES_AT_ONCE];

    uint64_t changed_ring;         /* a bit for each chunk */
    bool changed_heads, has_heads; /* has_heads: they came in */
    uint32_t changed_next;         /* whose names are told next: markets, then the whole chain */
};

/* chain.c */
uint32_t tn_chain_place_of(const struct tn_chain *chain, uint32_t market); /* TN_NONE: none */
struct tn_shard_limits tn_chain_shard_limits(const struct tn_chain_limits *limits, uint32_t place);
/* NULL: not kept. */
const struct chain_past *tn_chain_past(const struct tn_chain *chain, uint64_t height);

/* chain_roots.c: what stands under the root, from what is executed. */
void tn_chain_note_past(struct tn_chain *chain);
/* Terms as the registry has them now. */
void tn_chain_follow_terms(struct tn_chain *chain);
/* The trees of the markets are up to date. */
void tn_chain_take_root(struct tn_chain *chain);
void tn_chain_link(struct tn_hash *link, const struct tn_hash *before,
                   const struct chain_past *past);
/* The globals that HEADS makes, with what waits in each market's inboxes: all but past roots and
 * the registry. exits: leaves, zero of who has none. */
void tn_chain_heads_globals(struct tn_chain_heads *heads, struct tn_hash *exits,
                            const struct tn_chain_inboxes *inboxes, uint32_t count);

/* chain_tip.c */
void tn_chain_executed_tip(const struct tn_chain *chain, struct chain_tip *tip);
/* The tip after the line. False: bytes of it are missing (told). */
bool tn_chain_find_tip(struct tn_chain *chain, struct chain_tip *tip,
                       const struct chain_line *line);
/* The tip after one more block, whose batches' headers are these, in order. */
void tn_chain_advance_tip(const struct tn_chain *chain, struct chain_tip *tip,
                          const struct tn_chain_block *block,
                          const struct tn_batch_header *batches);
void tn_chain_keep_tip(struct tn_chain *chain, const struct chain_tip *tip);
/* Forgets tips that are not above the last executed height. */
void tn_chain_drop_tips(struct tn_chain *chain);
bool tn_chain_cached_tip(struct tn_chain *chain, struct chain_tip *tip, const struct tn_hash *hash);
/* Of a height on the line, or executed. False: not known, because it is too long ago. */
bool tn_chain_line_block(const struct tn_chain *chain, const struct chain_line *line,
                         uint64_t height, struct tn_hash *hash, int64_t *time_ms);
/* Is a market that stands at this cursor too far behind the line's end for a leader to go on? */
bool tn_chain_is_late(const struct tn_chain *chain, const struct chain_line *line,
                      const struct chain_tip *tip, const struct chain_head *head, uint64_t cursor);
/* chain_batch.c */
/* Is the body what its header says, whatever its BLOCKs name? A final batch is executed: those
 * names that no judge compares are refused there, on every node. */
bool tn_chain_check_body(struct tn_chain *chain, struct tn_batch_header *header,
                         const uint8_t *body, size_t body_size);
/* May this batch, whose digest is its header's, follow head in a block above the line? NULL: yes;
 * else a sentence. */
const char *tn_chain_judge_batch(struct tn_chain *chain, struct tn_batch_header *header,
                                 const struct chain_line *line, const struct chain_tip *tip,
                                 const struct chain_head *head, uint32_t place,
                                 const struct tn_chain_batch *batch);
/* The bytes of a batch by digest; false: not here, or not those. */
bool tn_chain_fetch_batch(struct tn_chain *chain, struct tn_chain_batch *batch,
                          struct tn_batch_header *header, const struct tn_hash *digest);

/* chain_item.c */
/* What a block's items are judged by; the numbers run on. */
struct chain_judge {
    const struct chain_line *line;
    const struct chain_tip *tip;
    uint64_t exec_height;
    uint64_t deposits, governance;
    uint32_t forced_count;
    uint32_t ended; /* a bit for each market whose term ends in the block */
    bool local;
    bool is_known; /* an evidence proves what was proved before */
    bool is_pool;  /* any of the next blocks will do */
    /* Of DEPOSIT and GOVERNANCE for markets that are far behind: */
    uint64_t late_bytes[TN_CHAIN_MARKETS_MAX];
    bool no_room; /* an item was bad because its market is far behind, and for nothing else */
};
/* *unknown: what was said holds unless a session turns out to be another's. */
enum tn_chain_verdict tn_chain_judge_one(struct tn_chain *chain, struct chain_judge *judge,
                                         const char **what, bool *unknown,
                                         const struct tn_block_item *item);

/* chain_heads.c: HEADS and RING. */
size_t tn_chain_heads_size_max(uint8_t kind);
/* The lowest height, of those that are kept, of which judging and executing the next block can ask;
 * first, in what follows: as if no lower one were kept. */
uint64_t tn_chain_past_needed(const struct tn_chain *chain);
size_t tn_chain_write_heads(const struct tn_chain *chain, uint8_t *out, size_t out_size,
                            uint64_t first);
/* What HEADS says: of `heads` all but root and state. */
struct chain_said {
    struct tn_chain_heads *heads;
    uint64_t past_first;
    struct tn_hash past_before;
    bool is_part; /* so fewer past roots may be there */
};
/* An import ends at this byte of a record that nobody writes. */
static inline bool refuse_record(struct tn_import_fault *fault, size_t at, const char *what)
{
    fault->at = (uint32_t)at;
    fault->what = what;
    return false;
}
bool tn_chain_read_heads(struct chain_said *said, struct tn_import_fault *fault,
                         const struct tn_chain_limits *limits, const uint8_t *record, size_t size);
bool tn_chain_import_heads(struct tn_chain *chain, struct tn_import_fault *fault,
                           const uint8_t *record, size_t size);
size_t tn_chain_write_ring(const struct tn_chain *chain, uint8_t *out, size_t out_size,
                           uint32_t index, uint64_t first);
/* The heights that stand in a record of RING, in its order; how many. */
uint32_t tn_chain_ring_heights(uint64_t heights[TN_CHAIN_RING_CHUNK], uint64_t height,
                               uint64_t past_first, uint32_t index);
void tn_chain_read_past(struct chain_past *past, const uint8_t *bytes); /* but its link */
bool tn_chain_import_ring(struct tn_chain *chain, struct tn_import_fault *fault, uint32_t index,
                          const uint8_t *record, size_t size);
/* Links what came in; false: a height is missing. */
bool tn_chain_link_ring(struct tn_chain *chain, struct tn_import_fault *fault);

/* chain_execute.c: what a market says of each step; context: the chain. */
void tn_chain_step(void *context, const struct tn_market_step *step);

/* chain_inbox.c: executes the items of a block. */
void tn_chain_execute_items(struct tn_chain *chain, const struct tn_chain_block *block,
                            int64_t parent_ms);

/* chain_remit.c: cash between markets. */
uint32_t tn_chain_remits_room(const struct tn_chain_limits *limits); /* of one block */
size_t tn_chain_remits_bytes(const struct tn_chain_limits *limits);  /* of one inbox */
/* Tells a market which others there are. */
void tn_chain_know_markets(struct tn_chain *chain, uint32_t place);
void tn_chain_note_remit(struct tn_chain *chain, const struct tn_market_step *step,
                         const struct tn_event *event);
/* Appends those for the market at hand to its inbox, whose items these are. */
void tn_chain_write_remits(struct tn_chain *chain, struct tn_inbox *inbox, uint8_t *items,
                           size_t items_max);
/* Tells the shards, between begin and checkpoint of an exit, what is under way to whom. */
void tn_chain_exit_coming(struct tn_chain *chain);
/* After an import: is what markets count as under way what waits in inboxes? *place: whose not. */
bool tn_chain_check_remits(const struct tn_chain *chain, uint32_t *place);

#endif
