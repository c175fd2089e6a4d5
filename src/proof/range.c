/* range: append-only lists (blocks, withdrawals) as a Merkle mountain range.
 *
 * Perfect trees, one for each bit of the count, largest first; joined from the right: the last two
 * under one node, that and the one before under another, and so on. It is the tree of RFC 9162, so
 * the way of a leaf is checked by its number and the count alone. A new leaf ends as many trees as
 * its number has ones at the end; no node ever changes, so they can be kept in a file in the order
 * in which they come to be, and a leaf's way is read from there. */
#include "proof/internal.h"

void tn_proof_range_leaf(struct tn_hash *leaf, uint8_t kind, uint64_t number, const uint8_t *body,
                         size_t size)
{
    uint8_t head[10];
    TN_ASSERT(sizeof head + size != 64);
    head[0] = TAG_RANGE_LEAF;
    head[1] = kind;
    tn_put_be(head + 2, number, 8);
    struct tn_keccak keccak;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, head, sizeof head);
    tn_keccak_add(&keccak, body, size);
    tn_keccak_end(&keccak, leaf);
}

uint32_t tn_proof_range_append(struct tn_proof_range *range,
                               struct tn_hash nodes[TN_PROOF_SIDES + 1], const struct tn_hash *leaf)
{
    TN_ASSERT(range->count < UINT64_MAX);
    uint32_t made = 0;
    nodes[made++] = *leaf;
    for (uint32_t level = 0; (range->count >> level & 1) != 0; level++, made++)
        tn_proof_node(&nodes[made], &range->peaks[level], &nodes[made - 1]);
    range->peaks[made - 1] = nodes[made - 1];
    range->count++;
    return made;
}

/* The peaks of levels below `below`, joined from the right; false when there are none. */
static bool bag(struct tn_hash *top, const struct tn_proof_range *range, uint32_t below)
{
    bool begun = false;
    for (uint32_t level = 0; level < below; level++) {
        if ((range->count >> level & 1) == 0) continue;
        if (begun)
            tn_proof_node(top, &range->peaks[level], top);
        else
            *top = range->peaks[level];
        begun = true;
    }
    return begun;
}

void tn_proof_range_root(struct tn_hash *root, const struct tn_proof_range *range, uint8_t kind)
{
    struct tn_hash top = {{0}};
    (void)bag(&top, range, TN_PROOF_SIDES);
    tn_proof_root(root, kind, range->count, &top);
}

/* The level of the tree that leaf `number` stands in: of the highest bit in which it differs from
 * the count, which is 1 there. */
static uint32_t peak_of(const struct tn_proof_range *range, uint64_t number)
{
    TN_ASSERT(number < range->count);
    return 63 - (uint32_t)__builtin_clzll(number ^ range->count);
}

uint32_t tn_proof_range_places(uint64_t places[TN_PROOF_SIDES], const struct tn_proof_range *range,
                               uint64_t number)
{
    uint32_t levels = peak_of(range, number);
    for (uint32_t level = 0; level < levels; level++) {
        /* A node comes to be with its last leaf, after the nodes of those before and its own. */
        uint64_t last = ((number >> level ^ 1) + 1) << level;
        last--;
        places[level] = 2 * last - (uint32_t)__builtin_popcountll(last) + level;
    }
    return levels;
}

uint32_t tn_proof_range_way(struct tn_hash way[TN_PROOF_SIDES], const struct tn_proof_range *range,
                            const struct tn_hash *nodes, uint64_t number)
{
    uint32_t levels = peak_of(range, number);
    uint32_t count = levels;
    if (levels > 0) memcpy(way, nodes, levels * sizeof *way);
    if (bag(&way[count], range, levels)) count++;
    for (uint32_t level = levels + 1; level < TN_PROOF_SIDES; level++)
        if ((range->count >> level & 1) != 0) way[count++] = range->peaks[level];
    TN_ASSERT(count <= TN_PROOF_SIDES);
    return count;
}
