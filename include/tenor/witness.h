/* witness: what it takes to execute one block with nothing else at hand.
 *
 * A witness has the block's header and batch, and of the state before it all records of the market,
 * and of accounts those that the block may read or change, with the nodes beside their ways to the
 * root. A verifier works out the root of the state before the block, which the header names, makes
 * an exchange of the records, executes the batch, and works out every hash that comes out of it.
 * Layout, and what is proved: docs/specs/witness.md.
 *
 * Whatever the bytes are, they are either found good or refused with the first thing that differs.
 * An account that is not in the witness is never taken for an empty one: execution that comes to it
 * ends there. Nothing allocates. */
#ifndef TENOR_WITNESS_H
#define TENOR_WITNESS_H

#include "tenor/replica.h"

/* ---- Writing ----------------------------------------------------------------------------------
 * Where a replica stands at the parent of a block:
 *
 *     tn_witness_watch(&watch, replica, bits);
 *     ... execute the block, in this replica or in a copy of it ...
 *     tn_witness_after(&after, replica);
 *     size = tn_witness_write(...);          with a replica that stands at the parent
 */

/* Notes which accounts are needed, as bits. Accounts that the block opens are nobody's to bring. */
struct tn_witness_watch {
    struct tn_exchange_watch watch;
    uint64_t *bits;
    uint32_t accounts_count;
};
/* bits: zeroed, one for each of accounts_max, whole words. The replica stands between two blocks,
 * and watches until tn_exchange_watch(exchange, NULL). O(accounts). */
void tn_witness_watch(struct tn_witness_watch *watch, struct tn_replica *replica, uint64_t *bits);

/* Roots of a state, one by one, so that a verifier who finds another can say which. */
struct tn_witness_roots {
    struct tn_hash root;
    struct tn_hash sections[TN_RECORD_KINDS]; /* by kind; none of 0 and POSITIONS */
    struct tn_hash globals[TN_PROOF_GLOBALS];
};
void tn_witness_after(struct tn_witness_roots *after, const struct tn_replica *replica);

/* Writes the witness of a block on a replica that stands at its parent, and returns its size; when
 * out_size is smaller, nothing that means anything was written. The genesis is the text of which
 * the chain id is the hash; without one (size 0) the reader must have it. O(size + accounts). */
size_t tn_witness_write(uint8_t *out, size_t out_size, const struct tn_replica *replica,
                        const uint64_t *bits, const struct tn_witness_roots *after,
                        const struct tn_block_header *block, const uint8_t *batch,
                        size_t batch_size, const char *genesis, size_t genesis_size);

/* ---- Reading and checking ---------------------------------------------------------------------
 */

#define TN_WITNESS_STEPS(X)                                                                        \
    X(FORMAT, "the bytes are no witness")                                                          \
    X(BLOCK, "the block does not follow the state that the witness is of")                         \
    X(BATCH, "the batch is not the block's")                                                       \
    X(STATE, "the records do not add up to the root of the state before the block")                \
    X(RECORDS, "a record says what no state can")                                                  \
    X(ACCOUNT, "an account is needed that is not in the witness")                                  \
    X(RESULTS, "the batch has other results")                                                      \
    X(HEADER, "the block has another header")                                                      \
    X(SECTION, "a section of the state after the block has another root")                          \
    X(GLOBAL, "what the state says besides the market has another root")                           \
    X(ROOT, "the state after the block has another root")

enum tn_witness_step {
#define X(name, text) TN_WITNESS_STEP_##name,
    TN_WITNESS_STEPS(X)
#undef X
};

/* The first thing that differs. */
struct tn_witness_fault {
    enum tn_witness_step step;
    const char *what;           /* the step's sentence */
    const char *why;            /* more of it; NULL: nothing */
    uint64_t at;                /* byte of the witness, of a FORMAT; of the record, of RECORDS */
    struct tn_record_name name; /* of RECORDS; of a SECTION its kind; of a GLOBAL its place */
    uint32_t account;           /* of an ACCOUNT */
    bool has_hashes;
    struct tn_hash said, found; /* what the witness says, what was worked out */
};

/* What the bytes say. Nothing of it is proved yet, and one thing is not proved by the check either:
 * limits.exit_blocks is under no root. It follows from the chain id, which is: who reads a witness
 * compares it with the genesis, whose hash is the chain id (that of the witness was checked). */
struct tn_witness {
    const uint8_t *bytes;
    size_t size;
    struct tn_replica_limits limits; /* cpu and hash_seed are the caller's to set */
    struct tn_block_header block;
    struct tn_witness_roots after;
    struct tn_hash block_hash;
    uint32_t counts[TN_RECORD_KINDS]; /* of records, by kind */
    uint32_t accounts_given;          /* of counts[TN_RECORD_ACCOUNT] */
    size_t batch_at, batch_size, genesis_at, genesis_size, records_at, sides_at;
    size_t sizes[TN_RECORD_KINDS + 1]; /* bytes of records by kind; last: of all nodes */
};
bool tn_witness_read(struct tn_witness *witness, struct tn_witness_fault *fault,
                     const uint8_t *bytes, size_t size);

/* What the check needs, by the limits that the witness says: some gigabytes for a large market, of
 * which only what is used is touched. The caller decides how much is too much. */
size_t tn_witness_memory(const struct tn_witness *witness);

/* Executes the block in zeroed memory of tn_witness_memory bytes, aligned to 64. True: from the
 * state of root block.exec_root, the block of hash witness->block_hash leads to the state of root
 * witness->after.root. The caller trusts one of the first two, and has then all three.
 *
 * `absent` is called when an account is needed that is not there, with the fault filled in; it must
 * not return: it leaves by longjmp, and what stands in `memory` is then worth nothing. */
bool tn_witness_verify(const struct tn_witness *witness, struct tn_witness_fault *fault,
                       void *memory, void (*absent)(void *context), void *context);

#endif
