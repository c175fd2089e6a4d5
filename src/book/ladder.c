/* ladder: the price levels of one side of one book, in order.
 *
 * A path-compressed 64-way tree over the key (41 bits, six per step, so at most 7 steps). Levels
 * next to each other in price share one node, whose bitmap answers "the next level" in one
 * instruction; a gap of a million empty prices costs no more than a gap of one. A balanced tree
 * pays a comparison and a likely cache miss per doubling; an array of prices pays for the gap.
 *
 * Invariants: every node has at least two children, so a side of n levels has at most n - 1 nodes
 * and one with a single level has none; an absent child is absent from the bitmap; the best level
 * is the leftmost leaf. */
#include "book/internal.h"

/* take hands out a record: one freed before (whose link the caller reads) or a fresh one. */
static uint32_t take(struct tn_book_pool *pool, uint32_t next_free)
{
    pool->count++;
    if (pool->free == TN_NONE) return pool->fresh++;
    uint32_t taken = pool->free;
    pool->free = next_free;
    return taken;
}

/* take_node hands out a node without children: a freed one has none left, a fresh one gets none. */
static uint32_t take_node(struct tn_books *books)
{
    struct tn_book_pool *pool = &books->nodes_pool;
    TN_ASSERT(pool->count < books->limits.levels_max);
    if (pool->free != TN_NONE) return take(pool, (uint32_t)books->nodes[pool->free].path);
    uint32_t index = take(pool, TN_NONE);
    for (uint32_t i = 0; i < 64; i++)
        books->nodes[index].child[i] = TN_NONE;
    return index;
}

static void free_node(struct tn_books *books, uint32_t index)
{
    books->nodes[index].bitmap = 0;
    books->nodes[index].path = books->nodes_pool.free;
    books->nodes_pool.free = index;
    books->nodes_pool.count--;
}

static uint32_t take_level(struct tn_books *books)
{
    struct tn_book_pool *pool = &books->levels_pool;
    return take(pool, pool->free == TN_NONE ? TN_NONE : books->levels[pool->free].head);
}

static uint32_t leftmost(const struct tn_books *books, uint32_t reference)
{
    while (!(reference & TN_BOOK_LEAF)) {
        const struct tn_book_node *node = tn_book_node_at(books, reference);
        reference = node->child[__builtin_ctzll(node->bitmap)];
    }
    return reference == TN_NONE ? TN_NONE : reference & ~TN_BOOK_LEAF;
}

static uint32_t rightmost(const struct tn_books *books, uint32_t reference)
{
    while (!(reference & TN_BOOK_LEAF)) {
        const struct tn_book_node *node = tn_book_node_at(books, reference);
        reference = node->child[63 - __builtin_clzll(node->bitmap)];
    }
    return reference == TN_NONE ? TN_NONE : reference & ~TN_BOOK_LEAF;
}

/* fork_node makes the node above two things whose paths part: `old` and the leaf of `key`. */
static uint32_t fork_node(struct tn_books *books, uint32_t old, uint64_t old_path, uint64_t key,
                          uint32_t leaf)
{
    TN_ASSERT(old_path != key);
    uint32_t depth = (63 - (uint32_t)__builtin_clzll(old_path ^ key)) / 6;
    uint32_t shift = depth * 6;
    uint32_t index = take_node(books);
    struct tn_book_node *node = &books->nodes[index];
    uint32_t old_digit = tn_book_digit(old_path, shift);
    uint32_t new_digit = tn_book_digit(key, shift);
    node->path = key >> shift >> 6 << 6 << shift;
    node->bitmap = UINT64_C(1) << old_digit | UINT64_C(1) << new_digit;
    node->child[old_digit] = old;
    node->child[new_digit] = leaf;
    return index | depth << TN_BOOK_NODE_BITS;
}

static void insert_leaf(struct tn_books *books, struct tn_book_side *side, uint64_t key,
                        uint32_t leaf)
{
    uint32_t *link = &side->root;
    while (!(*link & TN_BOOK_LEAF)) {
        struct tn_book_node *node = tn_book_node_at(books, *link);
        uint32_t shift = tn_book_shift(*link);
        if (!tn_book_covers(node, shift, key)) {
            uint64_t below = (UINT64_C(64) << shift) - 1;
            *link = fork_node(books, *link, node->path | (key & below), key, leaf);
            return;
        }
        uint32_t digit = tn_book_digit(key, shift);
        link = &node->child[digit];
        if (*link == TN_NONE) {
            node->bitmap |= UINT64_C(1) << digit;
            break;
        }
    }
    if (*link == TN_NONE) {
        *link = leaf;
        return;
    }
    uint64_t other = tn_book_level_key(&books->levels[*link & ~TN_BOOK_LEAF]);
    *link = fork_node(books, *link, other, key, leaf);
}

uint32_t tn_book_add_level(struct tn_books *books, uint32_t owner, uint64_t key, tn_ticks price)
{
    TN_ASSERT(key >> 41 == 0);
    if (books->levels_pool.count == books->limits.levels_max) return TN_NONE;
    uint32_t level = take_level(books);
    books->levels[level] =
        (struct tn_level){.price = price, .head = TN_NONE, .tail = TN_NONE, .owner = owner};
    struct tn_book_side *side = tn_book_side_of(books, owner);
    insert_leaf(books, side, key, level | TN_BOOK_LEAF);
    if (key < side->best_key) {
        side->best_key = key;
        side->best = level;
    }
    return level;
}

/* remove_leaf takes a level out and returns what the tree now has where it was: the rest of its
 * node, or the one child left when the node dissolves, or TN_NONE. */
static uint32_t remove_leaf(struct tn_books *books, struct tn_book_side *side, uint64_t key,
                            uint32_t leaf)
{
    uint32_t *above = NULL;
    uint32_t *link = &side->root;
    uint32_t digit = 0;
    while (!(*link & TN_BOOK_LEAF)) {
        digit = tn_book_digit(key, tn_book_shift(*link));
        above = link;
        link = &tn_book_node_at(books, *link)->child[digit];
    }
    TN_ASSERT(*link == leaf);
    *link = TN_NONE;
    if (above == NULL) return TN_NONE;
    struct tn_book_node *node = tn_book_node_at(books, *above);
    node->bitmap &= ~(UINT64_C(1) << digit);
    if ((node->bitmap & (node->bitmap - 1)) == 0) {
        uint32_t *last = &node->child[__builtin_ctzll(node->bitmap)];
        uint32_t index = *above & TN_BOOK_NODE_INDEX;
        *above = *last;
        *last = TN_NONE;
        free_node(books, index);
    }
    return *above;
}

void tn_book_drop_level(struct tn_books *books, uint32_t level_index)
{
    struct tn_level *level = &books->levels[level_index];
    TN_ASSERT(level->orders == 0 && level->quantity == 0);
    struct tn_book_side *side = tn_book_side_of(books, level->owner);
    uint64_t key = tn_book_level_key(level);
    uint32_t rest = remove_leaf(books, side, key, level_index | TN_BOOK_LEAF);
    if (side->best == level_index) {
        /* The best level is leftmost, so nothing in `rest` was left of it. */
        side->best = leftmost(books, rest);
        side->best_key = side->best == TN_NONE ? TN_BOOK_KEY_EMPTY
                                               : tn_book_level_key(&books->levels[side->best]);
    }
    level->head = books->levels_pool.free;
    books->levels_pool.free = level_index;
    books->levels_pool.count--;
}

uint32_t tn_book_next_level(const struct tn_books *books, const struct tn_book_side *side,
                            uint64_t key)
{
    uint32_t candidate = TN_NONE; /* the nearest subtree wholly above the key */
    uint32_t reference = side->root;
    while (!(reference & TN_BOOK_LEAF)) {
        const struct tn_book_node *node = tn_book_node_at(books, reference);
        uint32_t shift = tn_book_shift(reference);
        if (!tn_book_covers(node, shift, key)) {
            return leftmost(books, node->path > key ? reference : candidate);
        }
        uint32_t digit = tn_book_digit(key, shift);
        uint64_t above = node->bitmap & (~UINT64_C(0) << digit << 1);
        if (above != 0) candidate = node->child[__builtin_ctzll(above)];
        reference = node->child[digit];
        if (reference == TN_NONE) return leftmost(books, candidate);
    }
    if (reference == TN_NONE) return TN_NONE;
    uint32_t level = reference & ~TN_BOOK_LEAF;
    if (tn_book_level_key(&books->levels[level]) > key) return level;
    return leftmost(books, candidate);
}

uint32_t tn_book_previous_level(const struct tn_books *books, const struct tn_book_side *side,
                                uint64_t key)
{
    uint32_t candidate = TN_NONE; /* the nearest subtree wholly below the key */
    uint32_t reference = side->root;
    while (!(reference & TN_BOOK_LEAF)) {
        const struct tn_book_node *node = tn_book_node_at(books, reference);
        uint32_t shift = tn_book_shift(reference);
        if (!tn_book_covers(node, shift, key)) {
            return rightmost(books, node->path < key ? reference : candidate);
        }
        uint32_t digit = tn_book_digit(key, shift);
        uint64_t below = node->bitmap & ~(~UINT64_C(0) << digit);
        if (below != 0) candidate = node->child[63 - __builtin_clzll(below)];
        reference = node->child[digit];
        if (reference == TN_NONE) return rightmost(books, candidate);
    }
    if (reference == TN_NONE) return TN_NONE;
    uint32_t level = reference & ~TN_BOOK_LEAF;
    if (tn_book_level_key(&books->levels[level]) < key) return level;
    return rightmost(books, candidate);
}
