/* What the files about witnesses share: the layout (docs/specs/witness.md). */
#ifndef TENOR_REPLICA_WITNESS_H
#define TENOR_REPLICA_WITNESS_H

#include "replica/internal.h"
#include "tenor/witness.h"

/* The first five bytes are those of every witness, also of a set's block, in every version. */
enum { WITNESS_NAME_SIZE = 5 };
static const uint8_t witness_magic[8] = {'T', 'N', 'W', 'I', 'T', 'N', '0', '1'};

enum {
    WITNESS_SECTIONS_AT = 8 + (int)TN_BLOCK_HEADER_BYTES + TN_HASH_SIZE,
    WITNESS_GLOBALS_AT = WITNESS_SECTIONS_AT + TN_RECORD_KINDS * TN_HASH_SIZE,
    WITNESS_COUNTS_AT = WITNESS_GLOBALS_AT + TN_PROOF_GLOBALS * TN_HASH_SIZE,
    WITNESS_SIZES_AT = WITNESS_COUNTS_AT + 4 * (TN_RECORD_KINDS - 1),
    WITNESS_BATCH_AT = WITNESS_SIZES_AT + 2 * 4,
    WITNESS_RECORD_HEAD = 9, /* kind, index, size */
    WITNESS_SIDES = 3,
};

/* Kinds whose trees come in part, in the order of their nodes. */
static const enum tn_record_kind witness_sides_kinds[WITNESS_SIDES] = {
    TN_RECORD_ACCOUNT, TN_RECORD_MARGIN, TN_RECORD_MEMORY};

static inline bool witness_by_account(uint8_t kind)
{
    return kind >= TN_RECORD_ACCOUNT && kind <= TN_RECORD_MEMORY;
}

static inline uint32_t witness_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A record of a witness that was read; `at` is where its head stands, and moves on. */
static inline struct tn_state_record witness_record(const uint8_t *bytes, size_t *at)
{
    const uint8_t *head = bytes + *at;
    struct tn_state_record record = {.name = {.kind = head[0], .index = witness_u32(head + 1)},
                                     .bytes = head + WITNESS_RECORD_HEAD,
                                     .size = witness_u32(head + 5)};
    *at += WITNESS_RECORD_HEAD + record.size;
    return record;
}

/* witness_read.c */
bool tn_witness_refuse(struct tn_witness_fault *fault, enum tn_witness_step step, const char *why);
bool tn_witness_differ(struct tn_witness_fault *fault, enum tn_witness_step step, const char *why,
                       const struct tn_hash *said, const struct tn_hash *found);

/* witness_state.c: the trees as the witness has them, and the root they lead to; then the exchange.
 */
bool tn_witness_take_state(struct tn_replica *replica, struct tn_witness_fault *fault,
                           const struct tn_witness *witness, uint64_t *present);
bool tn_witness_take_exchange(struct tn_replica *replica, struct tn_witness_fault *fault,
                              const struct tn_witness *witness);

#endif
