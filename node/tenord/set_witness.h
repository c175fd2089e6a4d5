/* set_witness: what it takes to execute one block of a set with nothing else at hand: the block,
 * its batches, the genesis, and of the state before it what the block may read or change, of all
 * markets and the registry. Accounts and sessions that it does not ask for stand as nodes of their
 * trees (tenor/witness_chain.h). docs/specs/witness.md §A set's block. */
#ifndef NODE_TENORD_SET_WITNESS_H
#define NODE_TENORD_SET_WITNESS_H

#include "tenor/witness_chain.h"
#include "tenord/set_reading.h"

/* Roots of a state, one by one, so that a verifier who finds another can say which. */
struct set_roots {
    struct tn_hash root;
    struct tn_hash globals[TN_PROOF_GLOBALS];
    struct tn_hash sections[TN_CHAIN_MARKETS_MAX][TN_PROOF_RECORD_KINDS]; /* by place, by kind */
};
void set_roots_take(struct set_roots *roots, const struct tn_chain *chain);

/* ---- Bytes: set_witness_format.c, without I/O ------------------------------------------------ */

struct set_witness {
    struct tn_block_header header;
    uint32_t markets_count;
    struct set_roots before, after;
    uint32_t accounts_count[TN_CHAIN_MARKETS_MAX]; /* before the block, by place: here or not */
    uint32_t seats_count[TN_CHAIN_MARKETS_MAX];
    const uint8_t *body, *genesis, *set, *batches, *records, *nodes;
    uint32_t body_size, genesis_size, set_size, batches_count, records_count, nodes_size;
    size_t size;
};
struct set_witness_fault {
    const char *what;
    size_t at;
};
/* Of whatever version. */
bool set_witness_is_one(const uint8_t *bytes, size_t size);
/* What comes out leads into the bytes; every length in it fits. Nothing is proved yet. */
bool set_witness_read(struct set_witness *witness, struct set_witness_fault *fault,
                      const uint8_t *bytes, size_t size);
/* The next batch or record; *at begins at 0. */
void set_witness_batch(struct tn_chain_batch *batch, size_t *at, const struct set_witness *witness);
void set_witness_record(struct tn_state_record *record, size_t *at,
                        const struct set_witness *witness);

/* Writes to memory that grows; out of memory shows in is_bad. */
struct set_witness_writer {
    uint8_t *bytes;
    size_t size, room;
    bool is_bad;
};
/* Of `witness` all but batches, records and nodes, which are put behind it in their order. */
void set_witness_put_head(struct set_witness_writer *writer, const struct set_witness *witness);
void set_witness_put_batch(struct set_witness_writer *writer, const struct tn_chain_batch *batch);
/* Of a chain at the parent all records and nodes that the block needs; *records_count says how many
 * records, *nodes_size how many bytes the nodes behind them are. */
void set_witness_put_state(struct set_witness_writer *writer, uint32_t *records_count,
                           uint32_t *nodes_size, const struct tn_witness_parts *parts,
                           const struct tn_chain *chain);

/* ---- Batches of a witness, for a chain: set_witness_verify.c ----------------------------------
 */

struct set_witness_batches {
    struct tn_chain_batch *batches; /* the caller's to free */
    uint32_t count;
};
/* Each under the digest that its own header has, which is the one that the body names. False after
 * a complaint. */
bool set_witness_take_batches(struct set_witness_batches *batches,
                              const struct set_witness *witness);
void set_witness_give_batches(struct set_witness_batches *batches, struct tn_chain *chain,
                              const struct tn_chain_listener *listener);

/* ---- The commands ------------------------------------------------------------------------------
 */
struct set_witness_options {
    const char *home, *snapshot, *out; /* snapshot may be NULL */
    uint64_t height;
};
int set_witness_write(const struct set_witness_options *options);
struct set_witness_trust {
    const struct tn_hash *before, *block, *after; /* NULL: not said */
};
int set_witness_verify(const uint8_t *bytes, size_t size, const struct set_witness_trust *trust,
                       uint64_t memory_gib);

#endif
