/* chain: finalized blocks in, roots and receipts out, over all markets and the registry; and which
 * blocks may follow: building them, and judging those of others.
 *
 *     verdict = tn_chain_validate(chain, &fault, &block, ancestors, count, time_ms, local);
 *     ...                                 when it is final, in height order:
 *     tn_chain_execute(chain, &block);    batches, then items; the root stands in tn_chain_heads
 *
 * A block is judged on the chain it extends: the last executed block and, behind it, ancestors that
 * are not final yet. What a market's head or a counter is there (the tip of that chain) follows
 * from the executed state and the ancestors' bodies alone; tips are cached by block hash.
 *
 * A verdict has two parts (docs/specs/chain.md §4). What is objective is a function of the chain:
 * BAD is said only of that, and every node that has the bytes says the same. What is local (the
 * clock, bytes that are missing, what this node does not know yet) gives WAIT.
 *
 * Batches' bodies are the caller's: chain asks for them by digest or by place, and reads them
 * within the call. It trusts nothing in them: each is checked once, and remembered by its digest.
 *
 * Rules and layouts: docs/specs/chain.md. One market's replica without a set: replica.h. */
#ifndef TENOR_CHAIN_H
#define TENOR_CHAIN_H

#include "tenor/item.h"
#include "tenor/market.h"
#include "tenor/registry.h"
#include "tenor/replica.h"
#include "tenor/signature.h"

#define TN_CHAIN_MARKETS_MAX 7
#define TN_CHAIN_RING        1024    /* executed heights whose root, hash and time are known */
#define TN_CHAIN_BODY_MAX    4194304 /* bytes of a block's body */
#define TN_CHAIN_BATCHES_MAX 64      /* of one market in one block */

/* All genesis, but for cpu and hash seeds of the exchanges. tn_chain_limits_default fills in
 * everything but the chain id, with one small market of id 1. */
struct tn_chain_limits {
    uint8_t chain_id[32];
    uint32_t markets_count; /* 1 .. TN_CHAIN_MARKETS_MAX; market ids ascend */
    struct tn_market_limits markets[TN_CHAIN_MARKETS_MAX];
    struct tn_registry_limits registry;
    struct tn_hash checkpoint_domain; /* tn_checkpoint_domain: for evidence of two checkpoints */
    uint32_t exit_blocks;             /* an exit checkpoint each so many blocks; 0: none */
    uint32_t checkpoint_blocks;       /* 64 */
    uint32_t exec_lag;                /* K, 8 */
    uint32_t exec_lag_max;            /* past it blocks are EMPTY, 64 */
    uint64_t weight_max;     /* of a block; a market has weight_max / markets_count for sure */
    uint32_t item_bytes_max; /* of all items of a block, 64 KiB */
    uint32_t inbox_lag_max;  /* a market takes items while it is at most so far behind, 64 */
    uint32_t forced_max;     /* FORCED items of a block */
    int64_t mark_ms, soft_ms, lag_ms, stall_ms, delta_ms;
    int64_t clock_ahead_ms; /* local: a block may be so much ahead of this clock, 500 */
};
void tn_chain_limits_default(struct tn_chain_limits *limits);
/* False, and a sentence: out of range, or 3 (mark_ms + 4 delta_ms) < soft_ms < lag_ms fails. */
bool tn_chain_limits_check(const struct tn_chain_limits *limits, const char **what);
/* The most that one batch may weigh: its market's share. */
uint64_t tn_chain_batch_weight_max(const struct tn_chain_limits *limits);
/* Transfers that may be under way from one market to another at a time. */
uint32_t tn_chain_remits_max(const struct tn_chain_limits *limits);
/* DEPOSIT and GOVERNANCE have numbers that all markets share, so a market that nobody leads must
 * not keep them: further behind than inbox_lag_max it still takes them in blocks whose height is a
 * multiple of TN_CHAIN_LATE_BLOCKS, so many bytes of them, each counted as its entry and
 * TN_CHAIN_LATE_ITEM. That is what its inboxes hold beside all that they must, spread over all of
 * them. */
#define TN_CHAIN_LATE_BLOCKS 8u
#define TN_CHAIN_LATE_ITEM   128u
uint64_t tn_chain_late_bytes_max(const struct tn_chain_limits *limits, uint32_t place);
/* What a block has room for of FORCED items, whatever else waits: bytes with their lengths, weight.
 * A longer one is not taken. */
uint64_t tn_chain_forced_bytes_max(const struct tn_chain_limits *limits);
uint64_t tn_chain_forced_weight_max(const struct tn_chain_limits *limits);
/* From so many given-up views in a row on, a block without batches, or without what is overdue, is
 * better than none: time goes on, and a market whose batches not everybody can get loses its leader
 * for its lag. */
#define TN_CHAIN_PATIENCE_VIEWS 16u

/* The state at height 0: empty markets, and a registry of validators, markets and feeders. Pointers
 * are read within tn_chain_init only. */
struct tn_chain_genesis {
    struct tn_registry_genesis registry;
    const struct tn_registry_command *commands;
    uint32_t commands_count;
    int64_t time_ms;
};

struct tn_chain;

/* tn_chain_size returns the bytes needed, 0 when the limits are not good. */
size_t tn_chain_size(const struct tn_chain_limits *limits);
/* Memory is zeroed, aligned to 64 and outlives the chain, as do the world's signatures. NULL when
 * the registry refuses a command of the genesis, or has too few validators after them. */
struct tn_chain *tn_chain_init(void *memory, const struct tn_chain_limits *limits,
                               const struct tn_chain_genesis *genesis,
                               const struct tn_market_world *world);

/* A block as bytes; the header was read from bytes, the hash is its. */
struct tn_chain_block {
    const struct tn_block_header *header;
    struct tn_hash hash;
    const uint8_t *body;
    size_t body_size;
};

/* ---- What chain asks for ----------------------------------------------------------------------
 * Copied by tn_chain_ask; a function may be NULL: then there is nothing of it. Bytes stay as they
 * are until the call into chain returns. */
struct tn_chain_batch {
    struct tn_hash digest;
    const uint8_t *body;
    size_t body_size;
    struct tn_signature signature; /* the leader's, over the digest */
    bool is_own;    /* a desk of this process made it: it need not be read to be believed … */
    uint64_t trace; /* … and its results, which are the header's, have this trace (own.h) */
};
struct tn_chain_source {
    void *context;
    bool (*batch)(void *context, struct tn_chain_batch *batch, const struct tn_hash *digest);
    /* A batch of this market and term that follows this digest with this sequence: for building. */
    bool (*next_batch)(void *context, struct tn_chain_batch *batch, uint32_t market, uint32_t term,
                       uint64_t sequence, const struct tn_hash *prev_digest);
    /* The index-th item of a kind that waits for a block, oldest first, without its size and kind;
     * false past the last. */
    bool (*item)(void *context, const uint8_t **bytes, size_t *size, uint8_t kind, uint32_t index);
    /* A batch that a judged block names is not here. */
    void (*missing)(void *context, const struct tn_hash *digest,
                    const struct tn_chain_block *block);
    /* Does a block with these items leave out forced frames or base-layer items that are overdue?
     * Asked after everything else was good. */
    bool (*overdue)(void *context, const struct tn_chain_block *block);
};
void tn_chain_ask(struct tn_chain *chain, const struct tn_chain_source *source);

/* ---- Whom chain tells, while it executes ------------------------------------------------------
 */
struct tn_chain_place {
    uint32_t market; /* its id */
    uint32_t term;
    uint64_t sequence;
    uint32_t entry; /* index in the batch */
};
enum tn_chain_difference {
    TN_CHAIN_RESULTS, /* the batch's results_digest is not what its entries bring about */
    TN_CHAIN_NO_OP,   /* an entry that a leader must not seal: signature, nonce, scope … */
};
struct tn_chain_listener {
    void *context;
    /* As tn_replica_listener. */
    void (*node)(void *context, enum tn_proof_kind range, uint64_t place,
                 const struct tn_hash *node);
    void (*withdrawal)(void *context, uint64_t number,
                       const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE]);
    /* Every entry and every item of an inbox, with what it brought about. */
    void (*receipt)(void *context, const struct tn_chain_place *place,
                    const struct tn_market_step *step);
    /* The leader of that batch said or sealed something wrong; execution goes on. */
    void (*difference)(void *context, const struct tn_chain_place *place,
                       enum tn_chain_difference difference, const char *what);
    /* inbox[h] of a market: what its desk must consume with BLOCK(h). After the batches of h. */
    void (*inbox)(void *context, uint32_t market, const struct tn_inbox *inbox);
    /* A market has another term or leader from the next batch on. */
    void (*term)(void *context, uint32_t market, uint32_t term);
};
void tn_chain_tell(struct tn_chain *chain, const struct tn_chain_listener *listener);

/* ---- Blocks -----------------------------------------------------------------------------------
 */
enum tn_chain_verdict { TN_CHAIN_OK, TN_CHAIN_BAD, TN_CHAIN_WAIT };
struct tn_chain_fault {
    const char *what; /* a sentence; NULL when OK */
    uint32_t at;      /* which batch or item of the block; TN_NONE: the header */
    struct tn_hash wanted;
    bool is_divergence; /* exec_root is not mine */
};

/* tn_chain_build makes a block that every node finds good. It fills in of the header flags,
 * time_ms, batches_count, body_size, body_root, evidence_root, exec_*, l1_cursor and next_set_hash;
 * the engine set version, epoch, view, height, parent_* and proposer. `ancestors` are those that
 * are not executed yet, oldest first, the last the parent; none: the parent is the last executed.
 * The body has up to body_max bytes. False: the ancestors' batches are not all here. SEALs are the
 * engine's.
 */
bool tn_chain_build(struct tn_chain *chain, struct tn_block_header *header, uint8_t *body,
                    size_t *body_size, size_t body_max, const struct tn_chain_block *ancestors,
                    uint32_t ancestors_count, int64_t time_ms);

/* local false: the objective part only, as before FINALIZE. The hashes of block and ancestors, and
 * that each follows the one before, are the engine's to have checked; the body is checked here. */
enum tn_chain_verdict tn_chain_validate(struct tn_chain *chain, struct tn_chain_fault *fault,
                                        const struct tn_chain_block *block,
                                        const struct tn_chain_block *ancestors,
                                        uint32_t ancestors_count, int64_t time_ms, bool local);

/* Whether a block on that parent would carry work: a batch of more than BLOCK, SWEEP, LIQ and
 * nothing, or an item; of reports only once mark_ms has passed since the last MARK. */
bool tn_chain_pending(struct tn_chain *chain, const struct tn_chain_block *ancestors,
                      uint32_t ancestors_count, int64_t time_ms);

/* tn_chain_execute executes a final block of the next height (asserted; SEALs are none): its
 * batches, market by market, then its items; then all roots. WAIT, and nothing is changed: a batch
 * is not here. BAD: it was executed, and its exec_root is not mine: this state is not the set's. A
 * final block is not judged again: what cannot be applied is a no-op that the listener hears of. */
enum tn_chain_verdict tn_chain_execute(struct tn_chain *chain, const struct tn_chain_block *block);

/* ---- What stands ------------------------------------------------------------------------------
 */
struct tn_chain_stream {
    uint32_t market, term;
    uint64_t sequence; /* of the last batch; 0: none */
    uint64_t entries_count;
    struct tn_hash digest;
    uint64_t cursor;                  /* the last BLOCK consumed */
    int64_t term_ms;                  /* time of the block that began the term */
    uint8_t exit[TN_PROOF_EXIT_SIZE]; /* record of the last exit checkpoint */
    bool has_exit;
};
struct tn_chain_heads {
    uint64_t height;              /* of the last executed block; 0: the genesis */
    struct tn_block_header block; /* its header; at the genesis only a time */
    struct tn_hash block_hash;    /* at the genesis the root */
    struct tn_hash root;          /* of the state after it */
    struct tn_state_head state;
    struct tn_proof_range blocks, withdrawals;
    struct tn_chain_stream streams[TN_CHAIN_MARKETS_MAX]; /* by place */
};
const struct tn_chain_heads *tn_chain_heads(const struct tn_chain *chain);
/* The root after an executed height: false when it is not among the last TN_CHAIN_RING. */
bool tn_chain_root_at(const struct tn_chain *chain, struct tn_hash *root, uint64_t height);
const struct tn_chain_limits *tn_chain_limits(const struct tn_chain *chain);
struct tn_market *tn_chain_market(struct tn_chain *chain, uint32_t place);
const struct tn_state *tn_chain_state(const struct tn_chain *chain, uint32_t place);
const struct tn_equity *tn_chain_equity(const struct tn_chain *chain, uint32_t place);
const struct tn_registry *tn_chain_registry(const struct tn_chain *chain);
/* Heads of the streams where a block on this parent would begin: term, sequence, digest, cursor.
 * False as tn_chain_build. */
bool tn_chain_tip(struct tn_chain *chain, struct tn_chain_stream *streams,
                  const struct tn_chain_block *ancestors, uint32_t ancestors_count);

/* What a checkpoint says at the last executed height; false when there is none. */
bool tn_chain_checkpoint(const struct tn_chain *chain, struct tn_checkpoint *checkpoint);

/* An item judged on the last executed block, for a pool of waiting items: `bytes` without its kind.
 * WAIT: it may be good later. group: whose it is; number: its place there, 0 when it has none. */
enum tn_chain_verdict tn_chain_judge_item(struct tn_chain *chain, uint64_t *group, uint64_t *number,
                                          uint8_t kind, const uint8_t *bytes, size_t size);

/* Is this a batch of this chain whose body is what its header says? For one that comes from others:
 * all of it is read, whatever is known of its digest, and a good answer is remembered by that. */
bool tn_chain_check_batch(struct tn_chain *chain, const uint8_t *body, size_t body_size);

struct tn_chain_counters {
    uint64_t blocks, batches, entries, items;
    uint64_t batches_own;                      /* of batches: executed against a trace */
    uint64_t results_wrong, no_ops;            /* told to the listener */
    uint64_t items_left_out, batches_left_out; /* when building: not good here, or no room */
    uint64_t judged_bad, judged_wait, tips_made;
    uint64_t remits, remits_back; /* between markets: taken in; could not be, and went back */
};
const struct tn_chain_counters *tn_chain_counters(const struct tn_chain *chain);
/* Cash that has left a market and not come into another, and how many transfers that is. So much
 * less than deposits less withdrawals is what all markets' EXTERNAL say. O(what waits in inboxes).
 */
tn_i128 tn_chain_under_way(const struct tn_chain *chain, uint32_t *count);

/* ---- Records, out and in ----------------------------------------------------------------------
 * As export.h, of everything. A record's kind is place × 32 + its kind in market or replica.h for
 * markets 0 .. 6, and from 224 on what is of the whole chain. Names ahead are of one market. */
enum {
    TN_CHAIN_RECORD_HEADS = 224,    /* one */
    TN_CHAIN_RECORD_RING = 225,     /* past roots, TN_CHAIN_RING_CHUNK heights each */
    TN_CHAIN_RECORD_REGISTRY = 226, /* 226 .. 230: the registry's five kinds, from REGISTRY on */
};
#define TN_CHAIN_RING_CHUNK 64
#define TN_CHAIN_KINDS      256

uint32_t tn_chain_records_count(const struct tn_chain *chain, uint8_t kind);
size_t tn_chain_record_size_max(const struct tn_chain_limits *limits, uint8_t kind);
size_t tn_chain_record(const struct tn_chain *chain, uint8_t *out, size_t out_size, uint8_t kind,
                       uint32_t index);
void tn_chain_records_ahead(const struct tn_chain *chain, const struct tn_record_name *names,
                            uint32_t count);
/* Names that may have changed since they were last taken, as of the last block; each once. All are
 * changed after tn_chain_init, none after an import. Those of a call are of one market or none. */
uint32_t tn_chain_changed(struct tn_chain *chain, struct tn_record_name *names, uint32_t names_max);
/* Into a chain that was just made: kinds ascending, HEADS among them, then the end: *root is what
 * the records add up to, for the caller to compare with the root it trusts. */
bool tn_chain_import(struct tn_chain *chain, struct tn_import_fault *fault, uint8_t kind,
                     uint32_t index, const uint8_t *record, size_t size);
bool tn_chain_import_end(struct tn_chain *chain, struct tn_hash *root,
                         struct tn_import_fault *fault);

/* As those of a replica: another thread may fill the trees beside the import; names may change. */
void tn_chain_trees_begin(struct tn_chain *chain);
bool tn_chain_trees_add(struct tn_chain *chain, struct tn_state_record *records, uint32_t count);
bool tn_chain_trees_end(struct tn_chain *chain);

/* For checks: the root from trees that are built anew in memory of that size, aligned to 64. */
size_t tn_chain_rebuild_size(const struct tn_chain_limits *limits);
void tn_chain_rebuild_root(const struct tn_chain *chain, struct tn_hash *root, void *memory);

#endif
