/* proof, inside: bytes, tags, and what leaf.c, tree.c and verify.c share. */
#ifndef TENOR_PROOF_INTERNAL_H
#define TENOR_PROOF_INTERNAL_H

#include <string.h>

#include "tenor/proof.h"

/* The first byte of whatever is hashed. */
enum tag {
    TAG_LEAF = 0,
    TAG_NODE = 1,
    TAG_SUM_NODE = 2,
    TAG_ROOT = 3,
    TAG_MARKET = 4,
    TAG_LEAF_58 = 5, /* a leaf that would be 64 bytes long: a zero byte follows */
    TAG_RANGE_LEAF = 6,
    TAG_RESULTS = 7,
};

#define LEAF_HEAD       6  /* tag, kind, index */
#define ACCOUNT_CASH_AT 24 /* in an ACCOUNT; the other places are in verify.c */
#define NODE_SIZE       (1 + 2 * TN_HASH_SIZE)

static inline uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)tn_get_be(bytes, 4);
}
static inline int64_t get_i64(const uint8_t *bytes)
{
    return (int64_t)tn_get_be(bytes, 8);
}

static inline void put_i128(uint8_t *out, tn_i128 value)
{
    tn_put_be(out, (uint64_t)((tn_u128)value >> 64), 8);
    tn_put_be(out + 8, (uint64_t)value, 8);
}

static inline void put_leaf_head(uint8_t *out, uint8_t kind, uint32_t index)
{
    out[0] = TAG_LEAF;
    out[1] = kind;
    tn_put_be(out + 2, index, 4);
}

/* zeros.c: [with sums][depth] */
extern const struct tn_hash tn_proof_zeros[2][TN_PROOF_DEPTH_MAX + 1];

/* tree.c: the root of a market, from the top of its sections. */
void tn_proof_market_top(struct tn_hash *root, uint32_t market, const struct tn_hash *top);

#endif
