/* check: every invariant of the books, asserted by walking all of them.
 *
 * For tests, simulations and the debugging of an embedder. It needs no memory: what a walk cannot
 * mark it counts, and the counts of all walks must meet those of the pools and of the index. An
 * order seen in a queue is looked up in the index, and equal counts leave no room for others. A
 * lifted order is in the index, in no queue and in no free list. */
#include "book/internal.h"

struct totals {
    uint32_t orders; /* in queues */
    uint32_t lifted;
    uint32_t levels;
    uint32_t nodes;
};

/* The walk of one side: keys must come in ascending order. */
struct walk {
    const struct tn_books *books;
    struct totals *totals;
    uint64_t last_key;
    uint32_t owner;
};

static void check_queue(struct walk *walk, uint32_t level_index)
{
    const struct tn_books *books = walk->books;
    const struct tn_level *level = &books->levels[level_index];
    tn_lots quantity = 0;
    uint32_t count = 0;
    uint32_t previous = TN_NONE;
    for (uint32_t slot = level->head; slot != TN_NONE; slot = books->orders[slot].next) {
        TN_ASSERT(slot < books->orders_pool.fresh);
        const struct tn_resting *order = &books->orders[slot];
        TN_ASSERT(order->previous == previous && order->level == level_index);
        TN_ASSERT(order->price == level->price);
        TN_ASSERT(order->book == level->owner >> 1 && order->side == (level->owner & 1));
        TN_ASSERT(tn_book_quantity_in_range(order->quantity));
        TN_ASSERT(tn_book_find(books, order->id) == slot);
        quantity += order->quantity;
        TN_ASSERT(++count <= level->orders);
        previous = slot;
    }
    TN_ASSERT(count >= 1 && count == level->orders);
    TN_ASSERT(level->tail == previous && level->quantity == quantity);
    walk->totals->orders += count;
}

static void check_level(struct walk *walk, uint32_t level_index)
{
    const struct tn_books *books = walk->books;
    TN_ASSERT(level_index < books->levels_pool.fresh);
    const struct tn_level *level = &books->levels[level_index];
    TN_ASSERT(level->owner == walk->owner && tn_book_price_in_range(level->price));
    uint64_t key = tn_book_level_key(level);
    const struct tn_book_side *side = tn_book_side_of(books, walk->owner);
    if (walk->last_key == 0) TN_ASSERT(side->best == level_index && side->best_key == key);
    TN_ASSERT(key > walk->last_key);
    TN_ASSERT(tn_book_find_level(books, side, key) == level_index);
    walk->last_key = key;
    walk->totals->levels++;
    check_queue(walk, level_index);
}

/* check_tree recurses at most 7 deep: shifts fall by at least 6 per step. */
static void check_tree(struct walk *walk, uint32_t reference, uint32_t shift_max)
{
    if (reference & TN_BOOK_LEAF) {
        check_level(walk, reference & ~TN_BOOK_LEAF);
        return;
    }
    TN_ASSERT((reference & TN_BOOK_NODE_INDEX) < walk->books->nodes_pool.fresh);
    const struct tn_book_node *node = tn_book_node_at(walk->books, reference);
    uint32_t shift = tn_book_shift(reference);
    TN_ASSERT(shift <= shift_max && (node->path & ((UINT64_C(64) << shift) - 1)) == 0);
    TN_ASSERT((node->bitmap & (node->bitmap - 1)) != 0); /* at least two children */
    walk->totals->nodes++;
    for (uint32_t digit = 0; digit < 64; digit++) {
        uint32_t child = node->child[digit];
        TN_ASSERT((child != TN_NONE) == (node->bitmap >> digit & 1));
        if (child == TN_NONE) continue;
        TN_ASSERT(shift > 0 || (child & TN_BOOK_LEAF));
        check_tree(walk, child, shift - 6);
        TN_ASSERT(tn_book_covers(node, shift, walk->last_key));
        TN_ASSERT(tn_book_digit(walk->last_key, shift) == digit);
    }
}

static void check_side(const struct tn_books *books, struct totals *totals, uint32_t owner)
{
    const struct tn_book_side *side = tn_book_side_of(books, owner);
    if (side->root == TN_NONE) {
        TN_ASSERT(side->best == TN_NONE && side->best_key == TN_BOOK_KEY_EMPTY);
        return;
    }
    struct walk walk = {.books = books, .totals = totals, .owner = owner};
    check_tree(&walk, side->root, 36);
}

static void check_pools(const struct tn_books *books, const struct totals *totals)
{
    const struct tn_book_limits *limits = &books->limits;
    TN_ASSERT(totals->orders + totals->lifted == books->orders_pool.count);
    TN_ASSERT(totals->levels == books->levels_pool.count);
    TN_ASSERT(totals->nodes == books->nodes_pool.count);
    TN_ASSERT(books->orders_pool.fresh <= limits->orders_max);
    TN_ASSERT(books->levels_pool.fresh <= limits->levels_max);
    TN_ASSERT(books->nodes_pool.fresh <= limits->levels_max);

    uint32_t orders = totals->orders + totals->lifted;
    for (uint32_t i = books->orders_pool.free; i != TN_NONE; i = books->orders[i].next) {
        TN_ASSERT(books->orders[i].level == TN_NONE);
        TN_ASSERT(++orders <= books->orders_pool.fresh);
    }
    TN_ASSERT(orders == books->orders_pool.fresh);
    uint32_t levels = totals->levels;
    for (uint32_t i = books->levels_pool.free; i != TN_NONE; i = books->levels[i].head) {
        TN_ASSERT(books->levels[i].orders == 0);
        TN_ASSERT(++levels <= books->levels_pool.fresh);
    }
    TN_ASSERT(levels == books->levels_pool.fresh);
    uint32_t nodes = totals->nodes;
    for (uint32_t i = books->nodes_pool.free; i != TN_NONE; i = (uint32_t)books->nodes[i].path) {
        TN_ASSERT(books->nodes[i].bitmap == 0);
        for (uint32_t digit = 0; digit < 64; digit++) {
            TN_ASSERT(books->nodes[i].child[digit] == TN_NONE);
        }
        TN_ASSERT(++nodes <= books->nodes_pool.fresh);
    }
    TN_ASSERT(nodes == books->nodes_pool.fresh);
}

static void check_index(const struct tn_books *books, struct totals *totals)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= books->index.mask; i++) {
        uint64_t cell = books->index.cells[i];
        if (cell == TN_INDEX_EMPTY) continue;
        uint32_t slot = (uint32_t)cell;
        TN_ASSERT(slot < books->orders_pool.fresh);
        TN_ASSERT(tn_book_find(books, books->orders[slot].id) == slot);
        totals->lifted += books->orders[slot].level == TN_NONE;
        TN_ASSERT(tn_index_hash_near(&books->index, books->orders[slot].id) == cell >> 32);
        count++;
    }
    TN_ASSERT(count == books->index.count && count == books->orders_pool.count);
}

void tn_book_check(const struct tn_books *books, bool may_cross)
{
    struct totals totals = {0};
    for (uint32_t book = 0; book < books->limits.books_max; book++) {
        check_side(books, &totals, book * 2 + TN_BUY);
        check_side(books, &totals, book * 2 + TN_SELL);
        tn_ticks bid;
        tn_ticks ask;
        bool both =
            tn_book_best(books, &bid, book, TN_BUY) && tn_book_best(books, &ask, book, TN_SELL);
        /* Half-way through a match the taker is in no book, so this holds then too. */
        if (both && !may_cross) TN_ASSERT(bid < ask);
    }
    check_index(books, &totals);
    check_pools(books, &totals);
}
