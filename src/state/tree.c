/* tree: one dense binary tree of hashes, kept up to date from the set of leaves that changed.
 *
 * Changed leaves are bits in a map, so they are found in order and once; their parents are then a
 * sorted list, the parents of those another, and each level is hashed in batches of messages of one
 * size. When most leaves changed the lists are simply long. Where both children are zeros the
 * parent is not hashed but looked up, so sparse trees are cheap.
 *
 * Invariant after an update: every kept node of every level up to the depth of the count is the
 * hash of its children. Levels above it hold anything. */
#include "state/internal.h"

#define BATCH        64
#define MESSAGE_SIZE 104 /* tag, two children; whole words */

static size_t map_size(uint64_t bits)
{
    return tn_align((size_t)(bits + 63) / 64 * 8);
}

size_t tn_state_tree_size(uint32_t count_max, bool with_sums)
{
    const size_t node_size = with_sums ? NODE_SIZE_MAX : TN_HASH_SIZE;
    size_t size = map_size(count_max) + map_size((count_max + UINT64_C(63)) / 64);
    for (uint32_t level = 0; level <= tn_proof_depth(count_max); level++)
        size += tn_align((size_t)nodes_count(count_max, level) * node_size);
    return size;
}

void tn_state_tree_init(struct tree *tree, void *memory, uint32_t count_max, bool with_sums)
{
    uint8_t *next = memory;
    *tree = (struct tree){.count_max = count_max,
                          .with_sums = with_sums,
                          .node_size = with_sums ? NODE_SIZE_MAX : TN_HASH_SIZE};
    TN_ASSERT(count_max > 0);
    for (uint32_t level = 0; level <= tn_proof_depth(count_max); level++) {
        tree->levels[level] = next;
        next += tn_align((size_t)nodes_count(count_max, level) * tree->node_size);
    }
    const size_t words_size = map_size((count_max + UINT64_C(63)) / 64);
    tree->dirty = (uint64_t *)(void *)next;
    tree->is_dirty = (uint64_t *)(void *)(next + map_size(count_max));
    memset(tree->dirty, 0, map_size(count_max));
    memset(tree->is_dirty, 0, words_size);
    for (uint32_t level = 0; level < LEVELS; level++) {
        struct tn_hash zero;
        tn_proof_zero(&zero, with_sums, level);
        memcpy(tree->zeros[level], zero.bytes, TN_HASH_SIZE);
    }
    TN_ASSERT(next + map_size(count_max) + words_size ==
              (uint8_t *)memory + tn_state_tree_size(count_max, with_sums));
}

static void mark(struct tree *tree, uint32_t index)
{
    tree->dirty[index / 64] |= UINT64_C(1) << index % 64;
    tree->is_dirty[index / 4096] |= UINT64_C(1) << index / 64 % 64;
    if (!tree->any_dirty) tree->any_dirty = true; /* parts beside each other only read it */
}

/* Leaves from `from` on changed no more: they are gone. */
static void forget_marks(struct tree *tree, uint32_t from)
{
    const uint64_t words = ((uint64_t)tree->count + 63) / 64;
    uint64_t word = from / 64;
    if (from % 64 != 0) tree->dirty[word++] &= (UINT64_C(1) << from % 64) - 1;
    for (; word < words; word++)
        tree->dirty[word] = 0; /* its bit in is_dirty may stay: it says only where to look */
}

static void fill(struct tree *tree, uint32_t count)
{
    for (uint32_t level = 0; level <= tn_proof_depth(tree->count_max); level++) {
        const uint64_t end = nodes_count(count, level);
        for (uint64_t i = nodes_count(tree->count, level); i < end; i++)
            memcpy(tree->levels[level] + i * tree->node_size, tree->zeros[level], tree->node_size);
    }
}

void tn_state_tree_count(struct tree *tree, uint32_t count)
{
    TN_ASSERT(count <= tree->count_max);
    if (count == tree->count) return;
    /* What the right edge was, and is, has other neighbours now, and maybe new levels above. */
    const uint32_t edge = count < tree->count ? count : tree->count;
    if (count < tree->count)
        forget_marks(tree, count);
    else
        fill(tree, count);
    tree->count = count;
    if (edge > 0) mark(tree, edge - 1);
}

uint8_t *tn_state_tree_leaf(struct tree *tree, uint32_t index)
{
    TN_ASSERT(index < tree->count);
    mark(tree, index);
    return tree->levels[0] + (size_t)index * tree->node_size;
}

const uint8_t *tn_state_tree_node(const struct tree *tree, uint32_t level, uint64_t index)
{
    TN_ASSERT(level < LEVELS);
    if (index >= nodes_count(tree->count, level)) return tree->zeros[level];
    return tree->levels[level] + index * tree->node_size;
}

bool tn_state_tree_is_zero(const struct tree *tree, uint32_t level, uint64_t index)
{
    return memcmp(tn_state_tree_node(tree, level, index), tree->zeros[level], tree->node_size) == 0;
}

/* ---- Updates ---- */

static void append_parent(uint32_t *parents, uint32_t *count, uint32_t child)
{
    if (*count == 0 || parents[*count - 1] != child >> 1) parents[(*count)++] = child >> 1;
}

/* The parents of the marked leaves, ascending; the marks are taken away. Words are of is_dirty. */
static uint32_t take_marks(struct tree *tree, uint32_t *parents, uint32_t first_word,
                           uint32_t end_word)
{
    uint32_t count = 0;
    for (uint32_t i = first_word; i < end_word; i++) {
        for (; tree->is_dirty[i] != 0; tree->is_dirty[i] &= tree->is_dirty[i] - 1) {
            const uint32_t word = i * 64 + (uint32_t)__builtin_ctzll(tree->is_dirty[i]);
            for (; tree->dirty[word] != 0; tree->dirty[word] &= tree->dirty[word] - 1)
                append_parent(parents, &count,
                              word * 64 + (uint32_t)__builtin_ctzll(tree->dirty[word]));
        }
    }
    return count;
}

/* One batch of nodes being made: only those that are not zeros. */
struct batch {
    uint8_t messages[BATCH][MESSAGE_SIZE];
    struct tn_hash hashes[BATCH];
    uint8_t *nodes[BATCH];
};

static bool add_sums(uint8_t *node, const uint8_t *left, const uint8_t *right)
{
    tn_i128 sum;
    if (__builtin_add_overflow(state_get_sum(left + TN_HASH_SIZE),
                               state_get_sum(right + TN_HASH_SIZE), &sum))
        return false;
    state_put_sum(node + TN_HASH_SIZE, sum);
    return true;
}

/* Makes up to BATCH nodes of a level from those below it. */
static bool make_nodes(struct tree *tree, enum tn_cpu cpu, uint32_t level, const uint32_t *indexes,
                       uint32_t count)
{
    struct batch batch;
    const size_t size = tree->node_size;
    const uint64_t below = nodes_count(tree->count, level - 1);
    const uint8_t *zero = tree->zeros[level - 1];
    uint32_t filled = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *left = tree->levels[level - 1] + 2 * (size_t)indexes[i] * size;
        const uint8_t *right = 2 * (uint64_t)indexes[i] + 1 < below ? left + size : zero;
        uint8_t *node = tree->levels[level] + (size_t)indexes[i] * size;
        if (memcmp(left, zero, size) == 0 && memcmp(right, zero, size) == 0) {
            memcpy(node, tree->zeros[level], size);
            continue;
        }
        uint8_t *message = batch.messages[filled];
        message[0] = tree->with_sums ? 2 : 1;
        memcpy(message + 1, left, size);
        memcpy(message + 1 + size, right, size);
        if (tree->with_sums && !add_sums(node, left, right)) return false;
        batch.nodes[filled++] = node;
    }
    tn_keccak256_many(batch.hashes, cpu, batch.messages[0], MESSAGE_SIZE, 1 + 2 * size, filled);
    for (uint32_t i = 0; i < filled; i++)
        memcpy(batch.nodes[i], batch.hashes[i].bytes, TN_HASH_SIZE);
    return true;
}

/* What the next batch will read is spread over the whole level. */
static void load_ahead(const struct tree *tree, uint32_t level, const uint32_t *indexes,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *left = tree->levels[level - 1] + 2 * (size_t)indexes[i] * tree->node_size;
        tn_prefetch(left);
        tn_prefetch(left + tree->node_size);
        tn_prefetch(tree->levels[level] + (size_t)indexes[i] * tree->node_size);
    }
}

/* Makes nodes of the levels from `level` to `last`; the list is of the first of them, and is worked
 * on. */
static bool make_levels(struct tree *tree, enum tn_cpu cpu, uint32_t *parents, uint32_t count,
                        uint32_t level, uint32_t last)
{
    for (; level <= last; level++) {
        for (uint32_t first = 0; first < count; first += BATCH) {
            const uint32_t left = count - first;
            const uint32_t next = left < 2 * BATCH ? left : 2 * BATCH;
            const uint32_t now = left < BATCH ? left : BATCH;
            load_ahead(tree, level, parents + first + now, next - now);
            if (!make_nodes(tree, cpu, level, parents + first, now)) return false;
        }
        uint32_t above = 0;
        for (uint32_t i = 0; i < count; i++)
            append_parent(parents, &above, parents[i]);
        count = above;
    }
    return true;
}

bool tn_state_tree_update(struct tree *tree, enum tn_cpu cpu, uint32_t *parents)
{
    const uint32_t words = (uint32_t)(((uint64_t)tree->count_max + TREE_PART - 1) / TREE_PART);
    if (!tree->any_dirty) return true;
    const uint32_t count = take_marks(tree, parents, 0, words);
    tree->any_dirty = false;
    return make_levels(tree, cpu, parents, count, 1, tn_proof_depth(tree->count));
}

/* ---- In parts ---- */

static uint32_t part_depth(const struct tree *tree)
{
    const uint32_t depth = tn_proof_depth(tree->count);
    return depth < TREE_PART_DEPTH ? depth : TREE_PART_DEPTH;
}

uint32_t tn_state_tree_parts_begin(struct tree *tree)
{
    tree->any_dirty = true;
    return (uint32_t)(((uint64_t)tree->count + TREE_PART - 1) / TREE_PART);
}

bool tn_state_tree_part(struct tree *tree, bool *has_changed, enum tn_cpu cpu, uint32_t *parents,
                        uint32_t part)
{
    uint32_t *own = parents + (size_t)part * (TREE_PART / 2);
    const uint32_t count = take_marks(tree, own, part, part + 1);
    *has_changed = count > 0;
    return make_levels(tree, cpu, own, count, 1, part_depth(tree));
}

bool tn_state_tree_parts_end(struct tree *tree, enum tn_cpu cpu, uint32_t *parents,
                             const bool *has_changed)
{
    const uint32_t parts = (uint32_t)(((uint64_t)tree->count + TREE_PART - 1) / TREE_PART);
    uint32_t count = 0;
    for (uint32_t part = 0; part < parts; part++)
        if (has_changed[part]) append_parent(parents, &count, part);
    tree->any_dirty = false;
    return make_levels(tree, cpu, parents, count, part_depth(tree) + 1,
                       tn_proof_depth(tree->count));
}

/* ---- The top ---- */

void tn_state_tree_root(const struct tree *tree, struct tn_hash *root, uint8_t kind)
{
    struct tn_hash top;
    const uint32_t depth = tn_proof_depth(tree->count);
    memcpy(top.bytes, tn_state_tree_node(tree, depth, 0), TN_HASH_SIZE);
    if (tree->with_sums)
        tn_proof_sum_root(root, kind, tree->count, &top, tn_state_tree_sum(tree));
    else
        tn_proof_root(root, kind, tree->count, &top);
}

tn_i128 tn_state_tree_sum(const struct tree *tree)
{
    TN_ASSERT(tree->with_sums);
    return state_get_sum(tn_state_tree_node(tree, tn_proof_depth(tree->count), 0) + TN_HASH_SIZE);
}
