/* tree: nodes, roots, and the fold that turns a stream of leaves into the top of its tree.
 *
 * A tree over count leaves is as deep as it must be, its leaves past the count are the zero hash.
 * So a fold keeps one peak for each bit of its count, and what is missing on the right is a table
 * of zeros. Every preimage begins with a tag of its own, and none is 64 bytes long. */
#include "proof/internal.h"

uint32_t tn_proof_depth(uint64_t count)
{
    return count <= 1 ? 0 : 64 - (uint32_t)__builtin_clzll(count - 1);
}

void tn_proof_zero(struct tn_hash *hash, bool with_sums, uint32_t depth)
{
    TN_ASSERT(depth <= TN_PROOF_DEPTH_MAX);
    *hash = tn_proof_zeros[with_sums][depth];
}

void tn_proof_node(struct tn_hash *node, const struct tn_hash *left, const struct tn_hash *right)
{
    uint8_t preimage[NODE_SIZE];
    preimage[0] = TAG_NODE;
    memcpy(preimage + 1, left->bytes, TN_HASH_SIZE);
    memcpy(preimage + 1 + TN_HASH_SIZE, right->bytes, TN_HASH_SIZE);
    tn_keccak256(node, preimage, sizeof preimage);
}

bool tn_proof_sum_node(struct tn_hash *node, tn_i128 *sum, const struct tn_hash *left,
                       tn_i128 left_sum, const struct tn_hash *right, tn_i128 right_sum)
{
    uint8_t preimage[NODE_SIZE + 32];
    preimage[0] = TAG_SUM_NODE;
    memcpy(preimage + 1, left->bytes, TN_HASH_SIZE);
    put_i128(preimage + 33, left_sum);
    memcpy(preimage + 49, right->bytes, TN_HASH_SIZE);
    put_i128(preimage + 81, right_sum);
    tn_keccak256(node, preimage, sizeof preimage);
    return !__builtin_add_overflow(left_sum, right_sum, sum);
}

/* ---- Roots ---- */

void tn_proof_root(struct tn_hash *root, uint8_t kind, uint64_t count, const struct tn_hash *top)
{
    uint8_t preimage[42];
    preimage[0] = TAG_ROOT;
    preimage[1] = kind;
    tn_put_be(preimage + 2, count, 8);
    memcpy(preimage + 10, top->bytes, TN_HASH_SIZE);
    tn_keccak256(root, preimage, sizeof preimage);
}

void tn_proof_sum_root(struct tn_hash *root, uint8_t kind, uint64_t count,
                       const struct tn_hash *top, tn_i128 sum)
{
    uint8_t preimage[58];
    preimage[0] = TAG_ROOT;
    preimage[1] = kind;
    tn_put_be(preimage + 2, count, 8);
    memcpy(preimage + 10, top->bytes, TN_HASH_SIZE);
    put_i128(preimage + 42, sum);
    tn_keccak256(root, preimage, sizeof preimage);
}

/* The top of `depth` levels over leaves of which all but `count` are zero; leaves are used up. */
static void small_top(struct tn_hash *top, struct tn_hash *leaves, uint32_t count, uint32_t depth)
{
    TN_ASSERT(count <= UINT32_C(1) << depth);
    for (uint32_t level = 0; level < depth; level++) {
        const struct tn_hash *zero = &tn_proof_zeros[0][level];
        for (uint32_t i = 0; i < count; i += 2)
            tn_proof_node(&leaves[i / 2], &leaves[i], i + 1 < count ? &leaves[i + 1] : zero);
        count = (count + 1) / 2;
    }
    *top = count == 0 ? tn_proof_zeros[0][depth] : leaves[0];
}

void tn_proof_market_top(struct tn_hash *root, uint32_t market, const struct tn_hash *top)
{
    uint8_t preimage[37];
    preimage[0] = TAG_MARKET;
    tn_put_be(preimage + 1, market, 4);
    memcpy(preimage + 5, top->bytes, TN_HASH_SIZE);
    tn_keccak256(root, preimage, sizeof preimage);
}

void tn_proof_market_root(struct tn_hash *root, uint32_t market,
                          const struct tn_hash sections[TN_PROOF_SECTIONS])
{
    struct tn_hash nodes[TN_PROOF_SECTIONS];
    memcpy(nodes, sections, sizeof nodes);
    small_top(root, nodes, TN_PROOF_SECTIONS, 4);
    tn_proof_market_top(root, market, root);
}

void tn_proof_globals_top(struct tn_hash *top, const struct tn_hash globals[TN_PROOF_GLOBALS])
{
    struct tn_hash nodes[TN_PROOF_GLOBALS];
    memcpy(nodes, globals, sizeof nodes);
    small_top(top, nodes, TN_PROOF_GLOBALS, 3);
}

void tn_proof_state_root(struct tn_hash *root, const uint8_t chain_id[32], uint64_t height,
                         const struct tn_hash *markets_root, const struct tn_hash *globals_top)
{
    uint8_t preimage[109];
    memcpy(preimage, "TNSR1", 5);
    memcpy(preimage + 5, chain_id, 32);
    tn_put_be(preimage + 37, height, 8);
    memcpy(preimage + 45, markets_root->bytes, TN_HASH_SIZE);
    memcpy(preimage + 77, globals_top->bytes, TN_HASH_SIZE);
    tn_keccak256(root, preimage, sizeof preimage);
}

uint32_t tn_proof_section(uint8_t kind)
{
    static const uint8_t sections[TN_PROOF_RECORD_KINDS] = {
        [TN_RECORD_ACCOUNT] = 0, [TN_RECORD_MARGIN] = 1, [TN_RECORD_MEMORY] = 2,
        [TN_RECORD_SERIES] = 3,  [TN_RECORD_ROWS] = 4,   [TN_RECORD_BOOK] = 5,
        [TN_RECORD_MARKET] = 6,  [TN_RECORD_FEEDS] = 7,  [TN_PROOF_SESSION] = 8};
    TN_ASSERT(kind > 0 && kind < TN_PROOF_RECORD_KINDS && kind != TN_RECORD_POSITIONS);
    return sections[kind];
}

/* ---- Folds ---- */

void tn_proof_fold_begin(struct tn_proof_fold *fold, bool with_sums)
{
    fold->count = 0;
    fold->with_sums = with_sums;
}

static bool join(const struct tn_proof_fold *fold, struct tn_hash *node, tn_i128 *sum,
                 const struct tn_hash *left, tn_i128 left_sum, const struct tn_hash *right,
                 tn_i128 right_sum)
{
    if (fold->with_sums) return tn_proof_sum_node(node, sum, left, left_sum, right, right_sum);
    tn_proof_node(node, left, right);
    *sum = 0;
    return true;
}

bool tn_proof_fold_add(struct tn_proof_fold *fold, const struct tn_hash *leaf, tn_i128 sum)
{
    TN_ASSERT(fold->with_sums || sum == 0);
    if (fold->count >= UINT64_C(1) << TN_PROOF_DEPTH_MAX) return false;
    struct tn_hash node = *leaf;
    uint32_t level = 0;
    for (; (fold->count >> level & 1) != 0; level++)
        if (!join(fold, &node, &sum, &fold->peaks[level], fold->sums[level], &node, sum))
            return false;
    fold->peaks[level] = node;
    fold->sums[level] = sum;
    fold->count++;
    return true;
}

bool tn_proof_fold_top(const struct tn_proof_fold *fold, uint32_t depth, struct tn_hash *top,
                       tn_i128 *sum)
{
    TN_ASSERT(depth >= tn_proof_depth(fold->count) && depth <= TN_PROOF_DEPTH_MAX);
    const struct tn_hash *zeros = tn_proof_zeros[fold->with_sums];
    *top = zeros[depth];
    *sum = 0;
    if (fold->count == 0) return true;
    /* From the lowest peak up: what stands on its right so far is zero. */
    uint32_t level = (uint32_t)__builtin_ctzll(fold->count);
    *top = fold->peaks[level];
    *sum = fold->sums[level];
    for (; level < depth; level++) {
        bool is_right = (fold->count - 1) >> level & 1;
        const struct tn_hash *other = is_right ? &fold->peaks[level] : &zeros[level];
        bool good = is_right ? join(fold, top, sum, other, fold->sums[level], top, *sum)
                             : join(fold, top, sum, top, *sum, other, 0);
        if (!good) return false;
    }
    return true;
}
