/* reader: the bytes of a proof, taken in order, and the first step that failed. */
#ifndef TENOR_PROOF_READER_H
#define TENOR_PROOF_READER_H

#include "proof/internal.h"

struct reader {
    const uint8_t *bytes;
    size_t size, used;
    enum tn_proof_step step; /* NONE while all is well */
    const uint8_t *chain_id;
    uint64_t height;
    const struct tn_hash *state_root;
    struct tn_proof_leaves *leaves; /* NULL, or who is told what stands on the way */
    struct tn_hash *beside;         /* NULL, or where the next sibling of a way goes */
};

/* A leaf with its way up: where it stands, what it became so far. */
struct climber {
    struct tn_hash node;
    tn_i128 sum;
    uint32_t index, count;
};

#define PROOF_HEAD 46 /* "TNPF1", type, chain id, height */

static inline bool reader_fail(struct reader *reader, enum tn_proof_step step)
{
    TN_ASSERT(step != TN_PROOF_STEP_NONE);
    if (reader->step == TN_PROOF_STEP_NONE) reader->step = step;
    return false;
}

/* The next bytes, or NULL, and the reader has failed. */
static inline const uint8_t *reader_take(struct reader *reader, size_t size)
{
    if (size > reader->size - reader->used) {
        (void)reader_fail(reader, TN_PROOF_STEP_SIZE);
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->used;
    reader->used += size;
    return bytes;
}

static inline bool reader_u32(struct reader *reader, uint32_t *value)
{
    const uint8_t *bytes = reader_take(reader, 4);
    *value = bytes == NULL ? 0 : get_u32(bytes);
    return bytes != NULL;
}
static inline bool reader_u64(struct reader *reader, uint64_t *value)
{
    const uint8_t *bytes = reader_take(reader, 8);
    *value = bytes == NULL ? 0 : tn_get_be(bytes, 8);
    return bytes != NULL;
}
static inline bool reader_hash(struct reader *reader, struct tn_hash *hash)
{
    const uint8_t *bytes = reader_take(reader, TN_HASH_SIZE);
    if (bytes != NULL) memcpy(hash->bytes, bytes, TN_HASH_SIZE);
    return bytes != NULL;
}

/* steps.c */
bool tn_proof_read_head(struct reader *reader, enum tn_proof_type *type);
bool tn_proof_read_sum(struct reader *reader, tn_i128 *sum);
bool tn_proof_read_waypoint(struct reader *reader, const struct tn_hash *hash,
                            enum tn_proof_step step);
/* Up `levels` levels from the node that is the index-th of its level, `level` above the leaves. */
bool tn_proof_climb(struct reader *reader, struct tn_hash *node, uint32_t index, uint32_t level,
                    uint32_t levels, enum tn_proof_step step);
bool tn_proof_climb_sums(struct reader *reader, struct climber *climber, uint32_t level,
                         uint32_t levels, bool may_fall);
/* Up a range: the way of RFC 9162, section 2.1.3.2. */
bool tn_proof_climb_range(struct reader *reader, struct tn_hash *node, uint64_t number,
                          uint64_t count);
/* From the root of a tree of a market, or of a global, to the state root. */
bool tn_proof_leave_market(struct reader *reader, uint32_t *market, const struct tn_hash *root,
                           uint32_t section);
bool tn_proof_leave_globals(struct reader *reader, const struct tn_hash *root,
                            enum tn_proof_global section);
bool tn_proof_end(struct reader *reader, struct tn_proof_fault *fault, bool good);

#endif
