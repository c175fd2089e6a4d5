/* part: trees of which some leaves are known, and of the rest the nodes beside their ways.
 *
 * The places of those nodes follow from the known leaves and the count alone, so none is named:
 * both who writes them and who reads them walks up from the known leaves, level by level, and meets
 * the same places in the same order. A node that is read is put where an update looks for it; nodes
 * on the ways are hashed by the update, so nothing that is read can stand in for them. */
#include "state/internal.h"

/* Nodes on their way out or in. */
struct sides {
    uint8_t *out;      /* NULL: they come in */
    const uint8_t *in; /* NULL: they go out */
    size_t size, used; /* used may pass size: nothing more is moved then */
};

static void pass(struct sides *sides, const struct tree *tree, uint32_t level, uint64_t index)
{
    if (index >= nodes_count(tree->count, level)) return; /* zeros, which nobody needs to be told */
    uint8_t *node = tree->levels[level] + index * tree->node_size;
    if (sides->used + tree->node_size <= sides->size) {
        if (sides->in != NULL) memcpy(node, sides->in + sides->used, tree->node_size);
        if (sides->out != NULL) memcpy(sides->out + sides->used, node, tree->node_size);
    }
    sides->used += tree->node_size;
}

/* The leaves: known or not; the list of their parents that are on a way. */
static uint32_t pass_leaves(struct sides *sides, const struct tree *tree, uint32_t *parents,
                            const uint64_t *present)
{
    uint32_t count = 0;
    const uint32_t pairs = (uint32_t)(((uint64_t)tree->count + 1) / 2);
    for (uint32_t pair = 0; pair < pairs; pair++) {
        const uint64_t known = present[pair / 32] >> pair % 32 * 2 & 3;
        if (known == 0) continue;
        if (known == 1) pass(sides, tree, 0, 2 * (uint64_t)pair + 1);
        if (known == 2) pass(sides, tree, 0, 2 * (uint64_t)pair);
        parents[count++] = pair;
    }
    return count;
}

static void pass_all(struct sides *sides, const struct tree *tree, uint32_t *parents,
                     const uint64_t *present)
{
    const uint32_t depth = tn_proof_depth(tree->count);
    const uint32_t last = tree->count - 1;
    if (tree->count == 0) return;
    TN_ASSERT((present[last / 64] >> last % 64 & 1) != 0);
    uint32_t count = depth == 0 ? 0 : pass_leaves(sides, tree, parents, present);
    for (uint32_t level = 1; level < depth; level++) {
        uint32_t above = 0;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t node = parents[i];
            const bool has_both = i + 1 < count && parents[i + 1] == (node ^ 1) && node % 2 == 0;
            if (!has_both) pass(sides, tree, level, node ^ 1);
            parents[above++] = node >> 1;
            i += has_both;
        }
        count = above;
    }
}

static const struct tree *tree_of(const struct tn_state *state, enum tn_record_kind kind)
{
    TN_ASSERT(kind == TN_RECORD_ACCOUNT || kind == TN_RECORD_MARGIN || kind == TN_RECORD_MEMORY ||
              (int)kind == TN_PROOF_SESSION);
    return &state->trees[kind];
}

size_t tn_state_write_sides(const struct tn_state *state, uint8_t *out, size_t out_size,
                            enum tn_record_kind kind, const uint64_t *present)
{
    TN_ASSERT(state->is_updated);
    struct sides measure = {.size = 0};
    pass_all(&measure, tree_of(state, kind), state->parents, present);
    if (measure.used > out_size) return measure.used;
    struct sides sides = {.out = out, .size = out_size};
    pass_all(&sides, tree_of(state, kind), state->parents, present);
    return sides.used;
}

static void begin_tree(struct tn_state *state, uint8_t kind, uint32_t count)
{
    struct tree *tree = &state->trees[kind];
    TN_ASSERT(tree->count == 0 && count <= tree->count_max);
    tree->count = count;
}

void tn_state_begin_part(struct tn_state *state, uint32_t accounts_count, uint32_t sessions_count)
{
    begin_tree(state, TN_RECORD_ACCOUNT, accounts_count);
    begin_tree(state, TN_RECORD_MARGIN, accounts_count);
    begin_tree(state, TN_RECORD_MEMORY, accounts_count);
    begin_tree(state, TN_PROOF_SESSION, sessions_count);
    state->is_updated = false;
}

bool tn_state_read_sides(struct tn_state *state, size_t *used, enum tn_record_kind kind,
                         const uint64_t *present, const uint8_t *bytes, size_t size)
{
    struct sides sides = {.in = bytes, .size = size};
    pass_all(&sides, tree_of(state, kind), state->parents, present);
    *used = sides.used;
    return sides.used <= size;
}
