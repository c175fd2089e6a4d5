/* replica: finalized blocks in, roots and receipts out: the state machine that every node runs.
 *
 * It holds one market's exchange, the trees over its records, and what blocks add to them: the head
 * of the market's stream, the ranges of block hashes and of withdrawals, exit checkpoints. The same
 * entries in the same blocks give the same roots, from the genesis as from a snapshot.
 *
 *     tn_replica_begin_batch(replica);
 *     count = tn_replica_apply(replica, events, events_max, &entry, bytes, size);   for each entry
 *     tn_replica_end_batch(replica, &batch);
 *     tn_replica_end_block(replica, &block, &hash, &root);
 *
 * Who seals a block takes the headers that come out; who follows compares them with those that came
 * in. What changed since the store was last written is told by tn_replica_changed, record by
 * record. Records are those of export.h and two of its own, below.
 *
 * For now a block holds one batch of one market: consensus on blocks of several comes with the
 * sequencer set. */
#ifndef TENOR_REPLICA_H
#define TENOR_REPLICA_H

#include "tenor/exchange.h"
#include "tenor/export.h"
#include "tenor/proof.h"
#include "tenor/state.h"
#include "tenor/stream.h"

/* Records of the replica, beside those of the exchange; layouts in docs/specs/snapshot.md.
 * CHAIN 0: heads, ranges and the last exit checkpoint: all of it is under the state root, but for
 * the chain, market and exit_blocks, which are the genesis'. EQUITY by chunk of accounts: what each
 * had at the last exit checkpoint, to build the tree of proofs again. */
enum { TN_RECORD_CHAIN = 16, TN_RECORD_EQUITY = 17 };
#define TN_RECORD_EQUITY_CHUNK 512
#define TN_REPLICA_KINDS       18

struct tn_replica_limits {
    struct tn_exchange_limits exchange; /* hash_seed and cpu are local, the rest genesis */
    uint8_t chain_id[32];
    uint32_t market;
    uint32_t exit_blocks; /* an exit checkpoint each so many blocks; 0: none. Genesis. */
};

struct tn_replica;

/* tn_replica_size returns the bytes needed, or 0 when a limit is out of range. */
size_t tn_replica_size(const struct tn_replica_limits *limits);

/* tn_replica_init formats zeroed, 64-byte-aligned memory of tn_replica_size bytes as the genesis:
 * an empty market at height 0. */
struct tn_replica *tn_replica_init(void *memory, const struct tn_replica_limits *limits);

/* ---- Blocks -----------------------------------------------------------------------------------
 */

/* A batch begins where the one before ended. */
void tn_replica_begin_batch(struct tn_replica *replica);

/* tn_replica_apply applies one entry of the batch; `bytes` are its encoding. As
 * tn_exchange_apply. */
uint32_t tn_replica_apply(struct tn_replica *replica, struct tn_event *events, uint32_t events_max,
                          const struct tn_entry *entry, const uint8_t *bytes, size_t size);

/* The batch is complete: its header. */
void tn_replica_end_batch(struct tn_replica *replica, struct tn_batch_header *header);

/* The block is complete. Of `block` the caller sets epoch, view, parent_view, time_ms, proposer and
 * flags; the rest is filled in. Then the trees are brought up to date: *root is the state root
 * after this block, *hash the block's. O(what changed). */
void tn_replica_end_block(struct tn_replica *replica, struct tn_block_header *block,
                          struct tn_hash *hash, struct tn_hash *root);

/* The same in three steps, because a block's root stands in the next one's header only: begin takes
 * down what changed; hash brings the trees up to date, and may run in another thread while the next
 * block's entries are applied; finish comes after it, and before the next begin, any record, and
 * whatever reads the trees or the root. */
void tn_replica_end_block_begin(struct tn_replica *replica, struct tn_block_header *block,
                                struct tn_hash *hash);
/* Most of what begin does, and before the finish of the block before: beside tn_replica_hash.
 * Should there be no room to take down all of it, `wait` is asked to finish that block first. */
void tn_replica_end_block_gather(struct tn_replica *replica, void (*wait)(void *context),
                                 void *context);
void tn_replica_hash(struct tn_replica *replica);
void tn_replica_end_block_finish(struct tn_replica *replica, struct tn_hash *root);

/* Whom to tell, while entries and blocks are applied, of nodes that came to be in a range (proof.h)
 * and of withdrawals: who keeps them can prove them. Copied; all zero: nobody. */
struct tn_replica_listener {
    void (*node)(void *context, enum tn_proof_kind range, uint64_t place,
                 const struct tn_hash *node);
    void (*withdrawal)(void *context, uint64_t number,
                       const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE]);
    void *context;
};
void tn_replica_tell(struct tn_replica *replica, const struct tn_replica_listener *listener);

/* ---- What stands ------------------------------------------------------------------------------
 */
struct tn_exchange *tn_replica_exchange(struct tn_replica *replica);
const struct tn_state *tn_replica_state(const struct tn_replica *replica);
const struct tn_equity *tn_replica_equity(const struct tn_replica *replica);
/* What an account had at the last exit checkpoint, of so many. */
uint32_t tn_replica_exit_accounts(const struct tn_replica *replica);
tn_micros tn_replica_exit_equity(const struct tn_replica *replica, uint32_t account);
const struct tn_replica_limits *tn_replica_limits(const struct tn_replica *replica);

struct tn_replica_heads {
    uint64_t height;           /* of the last block; 0: the genesis */
    struct tn_hash block_hash; /* zero at the genesis */
    struct tn_hash root;       /* of the state after it */
    uint64_t batch_sequence;   /* of the last batch; 0: none */
    uint64_t entries_count;    /* of all batches */
    struct tn_hash batch_digest;
    struct tn_state_head state;   /* what the root says besides the market */
    struct tn_proof_range blocks; /* block hashes */
    struct tn_proof_range withdrawals;
    uint8_t exit[TN_PROOF_EXIT_SIZE]; /* record of the last exit checkpoint */
    bool has_exit;
};
const struct tn_replica_heads *tn_replica_heads(const struct tn_replica *replica);

/* ---- Records, out and in ----------------------------------------------------------------------
 */

/* As the functions of export.h, for these kinds as well. */
uint32_t tn_replica_records_count(const struct tn_replica *replica, uint8_t kind);
size_t tn_replica_record_size_max(const struct tn_replica_limits *limits, uint8_t kind);
size_t tn_replica_record(const struct tn_replica *replica, uint8_t *out, size_t out_size,
                         uint8_t kind, uint32_t index);

/* As tn_exchange_records_ahead, of records of the exchange. */
void tn_replica_records_ahead(const struct tn_replica *replica, const struct tn_record_name *names,
                              uint32_t count);

/* tn_replica_changed takes up to names_max names of records that may have changed since they were
 * last taken, each once, as of the last block; 0: none are left. All records are changed after
 * tn_replica_init, none after an import. */
uint32_t tn_replica_changed(struct tn_replica *replica, struct tn_record_name *names,
                            uint32_t names_max);

/* Into a replica that was just made: records in the order of kinds, then the end, which builds the
 * trees. *root is then what the records add up to: the caller compares it with the root that it
 * trusts, before it uses the replica. */
bool tn_replica_import(struct tn_replica *replica, struct tn_import_fault *fault, uint8_t kind,
                       uint32_t index, const uint8_t *record, size_t size);
bool tn_replica_import_end(struct tn_replica *replica, struct tn_hash *root,
                           struct tn_import_fault *fault);

/* The trees can be filled while records are imported, from the same bytes: these touch the trees
 * alone, so another thread may call them beside tn_replica_import. begin, all records in groups,
 * POSITIONS before ACCOUNT, else in any order; then end; and all that before
 * tn_replica_import_end, which then need not build them. *root is in this case of the bytes that
 * were given here. False: one is no record, or one is missing; then give up, without end, and
 * tn_replica_import_end builds the trees. */
void tn_replica_trees_begin(struct tn_replica *replica);
bool tn_replica_trees_add(struct tn_replica *replica, const struct tn_state_record *records,
                          uint32_t count);
bool tn_replica_trees_end(struct tn_replica *replica);

/* tn_replica_chain_root reads a CHAIN record of any chain and gives the state root that it makes
 * together with the root of the markets: when that is the root one trusts, all that the record says
 * is so. False when the bytes are no such record. Pure; for whoever has a snapshot and no replica.
 */
struct tn_replica_chain {
    uint8_t chain_id[32];
    uint64_t height;
    uint32_t market, exit_blocks;
    uint8_t exit[TN_PROOF_EXIT_SIZE]; /* record of the last exit checkpoint */
    bool has_exit;
};
bool tn_replica_chain_root(struct tn_replica_chain *chain, struct tn_hash *root,
                           struct tn_import_fault *fault, const uint8_t *record, size_t size,
                           const struct tn_hash *markets_root);

/* tn_replica_rebuild_root builds all trees anew, from the exchange alone, in `memory` of
 * tn_replica_rebuild_size bytes, and gives the state root they lead to: it must be the one that
 * stands. For checks. */
size_t tn_replica_rebuild_size(const struct tn_replica_limits *limits);
void tn_replica_rebuild_root(const struct tn_replica *replica, struct tn_hash *root, void *memory);

#endif
