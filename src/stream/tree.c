/* The root of a plain tree whose leaves come one by one (docs/decisions/0005, stream.md §6).
 *
 * Full subtrees are folded as soon as both halves are there, so only one hash per level waits: bit
 * d of the count says whether frontier[d] holds a subtree of 2^d leaves. The depth is known only at
 * the end, and then absent leaves fill the right side: a run of 2^d of them has one hash, worked
 * out level by level on the way up. */
#include "stream/internal.h"

enum { LEAF_TAG = 0, INNER_TAG = 1, ROOT_TAG = 3, INNER_BYTES = 1 + 2 * TN_HASH_SIZE };

static void hash_inner(struct tn_hash *hash, const struct tn_hash *left,
                       const struct tn_hash *right)
{
    uint8_t preimage[INNER_BYTES];
    struct writer writer = {.at = preimage};
    put_u8(&writer, INNER_TAG);
    put_bytes(&writer, left->bytes, TN_HASH_SIZE);
    put_bytes(&writer, right->bytes, TN_HASH_SIZE);
    tn_keccak256(hash, preimage, sizeof(preimage));
}

void tn_stream_tree_begin(struct tn_stream_tree *tree, uint8_t kind)
{
    tree->count = 0; /* says that no part of the frontier means anything */
    tree->kind = kind;
}

void tn_stream_tree_leaf_head(uint8_t head[TREE_LEAF_HEAD], uint8_t kind, uint32_t index)
{
    struct writer writer = {.at = head};
    put_u8(&writer, LEAF_TAG);
    put_u8(&writer, kind);
    put_u32(&writer, index);
    TN_ASSERT(writer.at == head + TREE_LEAF_HEAD);
}

void tn_stream_tree_push(struct tn_stream_tree *tree, const struct tn_hash *leaf)
{
    struct tn_hash hash = *leaf;
    uint32_t level = 0;
    TN_ASSERT(tree->count < UINT32_MAX);
    for (; tree->count >> level & 1; level++)
        hash_inner(&hash, &tree->frontier[level], &hash);
    TN_ASSERT(level < TN_TREE_DEPTH_MAX);
    tree->frontier[level] = hash;
    tree->count++;
}

void tn_stream_tree_add(struct tn_stream_tree *tree, const uint8_t *bytes, size_t size)
{
    uint8_t head[TREE_LEAF_HEAD];
    struct tn_keccak keccak;
    struct tn_hash hash;
    tn_stream_tree_leaf_head(head, tree->kind, tree->count);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, head, sizeof(head));
    tn_keccak_add(&keccak, bytes, size);
    tn_keccak_end(&keccak, &hash);
    tn_stream_tree_push(tree, &hash);
}

/* The d with 2^(d-1) < count ≤ 2^d. */
static uint32_t depth_of(uint32_t count)
{
    uint32_t depth = 0;
    while (UINT64_C(1) << depth < count)
        depth++;
    return depth;
}

static struct tn_hash top_of(const struct tn_stream_tree *tree)
{
    struct tn_hash zero = {{0}}, node = zero; /* of as many absent leaves; what is below so far */
    uint32_t depth = depth_of(tree->count);
    TN_ASSERT(depth <= TN_TREE_DEPTH_MAX);
    if (tree->count == 0) return zero;
    if (tree->count == UINT64_C(1) << depth) return tree->frontier[depth];
    bool any = false;
    for (uint32_t level = 0; level < depth; level++) {
        if (tree->count >> level & 1) {
            hash_inner(&node, &tree->frontier[level], any ? &node : &zero);
            any = true;
        } else if (any) {
            hash_inner(&node, &node, &zero);
        }
        hash_inner(&zero, &zero, &zero);
    }
    return node;
}

void tn_stream_tree_root(struct tn_hash *root, const struct tn_stream_tree *tree)
{
    uint8_t preimage[2 + 8 + TN_HASH_SIZE];
    struct writer writer = {.at = preimage};
    struct tn_hash top = top_of(tree);
    put_u8(&writer, ROOT_TAG);
    put_u8(&writer, tree->kind);
    put_u64(&writer, tree->count);
    put_bytes(&writer, top.bytes, TN_HASH_SIZE);
    tn_keccak256(root, preimage, sizeof(preimage));
}
