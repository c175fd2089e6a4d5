/* orders: the memory of the books and the parts an engine is made of (half two of book.h).
 *
 * One block of memory holds, each in whole cache lines: the header, the book records, the orders,
 * the levels, the tree nodes and the cells of the id index. Only the header, the book records and
 * the cells are written at the start; the pools grow into their memory record by record and reuse
 * what was freed last first, because that is what the caches still hold.
 *
 * Invariants: an order in use is in the index once and in the queue of the level at its price; a
 * freed one has level TN_NONE, which is how a stale slot is caught. */
#include <string.h>

#include "book/internal.h"

static bool limits_valid(const struct tn_book_limits *limits)
{
    return limits->books_max >= 1 && limits->books_max <= UINT32_C(1) << 24 &&
           limits->orders_max >= 1 && limits->orders_max <= UINT32_C(1) << 28 &&
           limits->levels_max >= 1 && limits->levels_max <= limits->orders_max;
}

size_t tn_books_size(const struct tn_book_limits *limits)
{
    if (!limits_valid(limits)) return 0;
    return tn_align(sizeof(struct tn_books)) +
           tn_align(limits->books_max * sizeof(struct tn_book)) +
           tn_align(limits->orders_max * sizeof(struct tn_resting)) +
           tn_align(limits->levels_max * sizeof(struct tn_level)) +
           tn_align(limits->levels_max * sizeof(struct tn_book_node)) +
           tn_align(tn_index_cells(tn_book_index_room(limits)) * sizeof(uint64_t));
}

/* region hands out the next `size` bytes of the block. */
static void *region(unsigned char **cursor, size_t size)
{
    void *start = *cursor;
    *cursor += tn_align(size);
    return start;
}

/* Says where the regions begin; for limits that the books have already. */
static void lay_out(struct tn_books *books)
{
    const struct tn_book_limits *limits = &books->limits;
    unsigned char *cursor = (unsigned char *)books + tn_align(sizeof(struct tn_books));
    books->book = region(&cursor, limits->books_max * sizeof(struct tn_book));
    books->orders = region(&cursor, limits->orders_max * sizeof(struct tn_resting));
    books->levels = region(&cursor, limits->levels_max * sizeof(struct tn_level));
    books->nodes = region(&cursor, limits->levels_max * sizeof(struct tn_book_node));
    books->index.cells =
        region(&cursor, tn_index_cells(tn_book_index_room(limits)) * sizeof(uint64_t));
    TN_ASSERT((size_t)(cursor - (unsigned char *)books) == tn_books_size(limits));
}

struct tn_books *tn_books_init(void *memory, const struct tn_book_limits *limits)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    TN_ASSERT(limits_valid(limits));
    struct tn_books *books = memory;
    memset(books, 0, sizeof(*books));
    books->limits = *limits;
    lay_out(books);

    books->orders_pool.free = TN_NONE;
    books->levels_pool.free = TN_NONE;
    books->nodes_pool.free = TN_NONE;
    for (uint32_t i = 0; i < limits->books_max; i++) {
        for (uint32_t side = 0; side < 2; side++) {
            books->book[i].side[side] = (struct tn_book_side){
                .best_key = TN_BOOK_KEY_EMPTY, .best = TN_NONE, .root = TN_NONE};
        }
    }
    tn_index_init(&books->index, books->index.cells, tn_book_index_room(limits), limits->hash_seed);
    return books;
}

struct tn_books *tn_books_rebase(void *memory)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    struct tn_books *books = memory;
    lay_out(books);
    return books;
}

uint32_t tn_book_orders_count(const struct tn_books *books)
{
    return books->orders_pool.count;
}

uint32_t tn_book_levels_count(const struct tn_books *books)
{
    return books->levels_pool.count;
}

struct tn_resting *tn_book_resting(struct tn_books *books)
{
    return books->orders;
}

const struct tn_book_side *tn_book_sides(const struct tn_books *books)
{
    return books->book[0].side;
}

uint32_t tn_book_find(const struct tn_books *books, uint64_t id)
{
    uint32_t cell;
    return tn_book_seek_id(books, &cell, id, tn_index_hash_near(&books->index, id));
}

uint32_t tn_book_guess(const struct tn_books *books, uint64_t id)
{
    return tn_index_guess(&books->index, tn_index_hash_near(&books->index, id));
}

void tn_book_prefetch(const struct tn_books *books, uint64_t id)
{
    tn_index_prefetch(&books->index, tn_index_hash_near(&books->index, id));
}

static inline void prefetch_links(const struct tn_books *books, const struct tn_resting *order)
{
    tn_prefetch(&books->levels[tn_book_or_first(order->level)]);
    tn_prefetch(&books->orders[tn_book_or_first(order->next)]);
    tn_prefetch(&books->orders[tn_book_or_first(order->previous)]);
}

void tn_book_prefetch_links(const struct tn_books *books, uint32_t slot)
{
    prefetch_links(books, &books->orders[slot]);
}

void tn_book_prefetch_book(const struct tn_books *books, uint32_t book)
{
    tn_prefetch(&books->book[book]);
}

/* Where the child of a node lies that leads to a key. Of what is no node no child is read, so its
 * place need not be anywhere. */
static inline uintptr_t child_at(const struct tn_books *books, uint32_t reference, uint64_t key)
{
    uint32_t digit = tn_book_digit(key, tn_book_shift(reference) & 63);
    return (uintptr_t)books->nodes +
           (reference & TN_BOOK_NODE_INDEX) * sizeof(struct tn_book_node) +
           offsetof(struct tn_book_node, child) + digit * sizeof(uint32_t);
}

/* Where the level of a reference lies; of TN_NONE what stands before the first. */
static inline uintptr_t level_of(const struct tn_books *books, uint32_t reference)
{
    return (uintptr_t)books->levels - sizeof(struct tn_level) +
           ((reference + 1) & ~TN_BOOK_LEAF) * sizeof(struct tn_level);
}

/* What a reference leads to: the one where it ends the way, the other where it is a node. No branch
 * here either: no predictor knows how deep a tree is. The empty asm has both worked out and the
 * reference looked at anew for each choice, else gcc makes a branch of them. */
static inline uintptr_t by_end(uint32_t reference, uintptr_t at_end, uintptr_t at_node)
{
    __asm__("" : "+r"(reference), "+r"(at_end), "+r"(at_node));
    return (int32_t)reference < 0 ? at_end : at_node;
}

void tn_book_way_on(const struct tn_books *books, struct tn_book_way *way)
{
    uint32_t step = *way->at;
    uintptr_t child = child_at(books, step, way->key);
    way->step = step;
    way->at = (const uint32_t *)by_end(step, (uintptr_t)way->at, child);
    tn_prefetch((const void *)by_end(step, level_of(books, step), child));
}

/* What a new level, or one that goes, changes at the top: the child and the bitmap. */
static inline uintptr_t prefetch_top(const struct tn_books *books, uint32_t root, uint64_t key)
{
    uintptr_t child = child_at(books, root, key);
    tn_prefetch((const void *)by_end(root, level_of(books, root), child));
    tn_prefetch(tn_book_node_at(books, root));
    return child;
}

void tn_book_prefetch_top(const struct tn_books *books, const struct tn_book_side *side,
                          uint64_t key)
{
    prefetch_top(books, side->root, key);
}

void tn_book_way_begin(const struct tn_books *books, struct tn_book_way *way,
                       const struct tn_book_side *side, uint64_t key)
{
    uint32_t root = side->root;
    uintptr_t child = prefetch_top(books, root, key);
    way->at = (const uint32_t *)by_end(root, (uintptr_t)&side->root, child);
    way->key = key;
    way->step = root;
}

void tn_book_prefetch_removal(const struct tn_books *books, uint32_t slot)
{
    const struct tn_resting *order = &books->orders[slot];
    enum tn_side side = (enum tn_side)order->side;
    prefetch_links(books, order);
    tn_index_prefetch(&books->index, tn_index_hash_near(&books->index, order->id));
    prefetch_top(books, books->book[order->book].side[side].root, tn_book_key(side, order->price));
}

uint32_t tn_book_way_end(const struct tn_books *books, const struct tn_book_way *way, bool oldest)
{
    uint32_t guess = tn_book_way_level(way);
    const struct tn_level *level = &books->levels[tn_book_or_first(guess)];
    uint32_t slot = *(oldest ? &level->head : &level->tail) | (0 - (uint32_t)(guess == TN_NONE));
    tn_prefetch(&books->orders[tn_book_or_first(slot)]);
    return slot;
}

/* resting is the record of a slot that the caller says is in use. */
static struct tn_resting *resting(const struct tn_books *books, uint32_t slot)
{
    TN_ASSERT(slot < books->orders_pool.fresh);
    TN_ASSERT(books->orders[slot].level != TN_NONE);
    return &books->orders[slot];
}

static const struct tn_book_side *side_of(const struct tn_books *books, uint32_t book,
                                          enum tn_side side)
{
    TN_ASSERT(book < books->limits.books_max);
    TN_ASSERT(side == TN_BUY || side == TN_SELL);
    return &books->book[book].side[side];
}

uint32_t tn_book_rest(struct tn_books *books, enum tn_reject *reject, uint32_t book,
                      enum tn_side side, tn_ticks price, tn_lots quantity, uint64_t id)
{
    return tn_book_rest_guess(books, reject, book, side, price, quantity, id, TN_NONE);
}

uint32_t tn_book_rest_guess(struct tn_books *books, enum tn_reject *reject, uint32_t book,
                            enum tn_side side, tn_ticks price, tn_lots quantity, uint64_t id,
                            uint32_t guess)
{
    TN_ASSERT(tn_book_price_in_range(price) && tn_book_quantity_in_range(quantity));
    const struct tn_book_side *queue = side_of(books, book, side);
    uint32_t hash = tn_index_hash_near(&books->index, id);
    uint32_t cell;
    uint32_t holder = tn_book_seek_id(books, &cell, id, hash);
    TN_ASSERT(holder == TN_NONE);
    if (books->orders_pool.count == books->limits.orders_max) {
        *reject = TN_REJECT_ORDERS_FULL;
        return TN_NONE;
    }
    uint32_t level = guess;
    if (!tn_book_is_level(books, level, book * 2 + side, price)) {
        uint64_t key = tn_book_key(side, price);
        level = tn_book_find_level(books, queue, key);
        if (level == TN_NONE) level = tn_book_add_level(books, book * 2 + side, key, price);
    }
    if (level == TN_NONE) {
        *reject = TN_REJECT_LEVELS_FULL;
        return TN_NONE;
    }
    *reject = TN_REJECT_NONE;
    uint32_t slot = tn_book_place(books, level, quantity, id);
    tn_index_put(&books->index, cell, hash, slot);
    return slot;
}

void tn_book_remove(struct tn_books *books, uint32_t slot)
{
    uint64_t id = resting(books, slot)->id;
    tn_book_unlink(books, slot);
    tn_index_remove(&books->index, tn_index_hash_near(&books->index, id), slot);
    tn_book_release(books, slot);
}

void tn_book_reduce(struct tn_books *books, uint32_t slot, tn_lots quantity)
{
    struct tn_resting *order = resting(books, slot);
    TN_ASSERT(quantity > 0 && quantity <= order->quantity);
    books->levels[order->level].quantity -= order->quantity - quantity;
    order->quantity = quantity;
}

bool tn_book_move(struct tn_books *books, uint32_t slot, tn_ticks price, tn_lots quantity)
{
    return tn_book_move_guess(books, slot, price, quantity, TN_NONE);
}

bool tn_book_move_guess(struct tn_books *books, uint32_t slot, tn_ticks price, tn_lots quantity,
                        uint32_t guess)
{
    TN_ASSERT(tn_book_price_in_range(price) && tn_book_quantity_in_range(quantity));
    struct tn_resting *order = resting(books, slot);
    enum tn_side side = (enum tn_side)order->side;
    uint32_t owner = order->book * 2 + side;
    uint64_t key = tn_book_key(side, price);
    uint32_t level = guess;
    if (!tn_book_is_level(books, guess, owner, price)) {
        level = tn_book_find_level(books, tn_book_side_of(books, owner), key);
    }
    bool alone = books->levels[order->level].orders == 1;
    if (level == TN_NONE && !alone) {
        level = tn_book_add_level(books, owner, key, price);
        if (level == TN_NONE) return false;
    }
    /* An order alone at its price leaves its level first, so there is always one to move to. */
    bool same = level == order->level;
    if (!same || !alone) tn_book_unlink(books, slot);
    if (level == TN_NONE) level = tn_book_add_level(books, owner, key, price);
    TN_ASSERT(level != TN_NONE);
    if (same && alone) {
        books->levels[level].quantity += quantity - order->quantity;
        order->quantity = quantity;
        return true;
    }
    order->price = price;
    order->quantity = quantity;
    tn_book_append(books, level, slot);
    return true;
}

void tn_book_lift(struct tn_books *books, uint32_t slot)
{
    struct tn_resting *order = resting(books, slot);
    tn_book_unlink(books, slot);
    order->level = TN_NONE;
}

bool tn_book_land(struct tn_books *books, uint32_t slot, uint32_t book, enum tn_side side,
                  tn_ticks price, tn_lots quantity)
{
    TN_ASSERT(tn_book_price_in_range(price) && tn_book_quantity_in_range(quantity));
    struct tn_resting *order = &books->orders[slot];
    TN_ASSERT(slot < books->orders_pool.fresh && order->level == TN_NONE);
    const struct tn_book_side *queue = side_of(books, book, side);
    uint64_t key = tn_book_key(side, price);
    uint32_t level = tn_book_find_level(books, queue, key);
    if (level == TN_NONE) level = tn_book_add_level(books, book * 2 + side, key, price);
    if (level == TN_NONE) return false;
    order->book = book;
    order->side = (uint8_t)side;
    order->price = price;
    order->quantity = quantity;
    tn_book_append(books, level, slot);
    return true;
}

void tn_book_forget(struct tn_books *books, uint32_t slot)
{
    const struct tn_resting *order = &books->orders[slot];
    TN_ASSERT(slot < books->orders_pool.fresh && order->level == TN_NONE);
    tn_index_remove(&books->index, tn_index_hash_near(&books->index, order->id), slot);
    tn_book_release(books, slot);
}

uint32_t tn_book_front(const struct tn_books *books, uint32_t book, enum tn_side side)
{
    uint32_t best = side_of(books, book, side)->best;
    return best == TN_NONE ? TN_NONE : books->levels[best].head;
}

uint32_t tn_book_after(const struct tn_books *books, uint32_t slot)
{
    const struct tn_resting *order = resting(books, slot);
    if (order->next != TN_NONE) return order->next;
    enum tn_side side = (enum tn_side)order->side;
    uint32_t level = tn_book_next_level(books, tn_book_side_of(books, order->book * 2 + side),
                                        tn_book_key(side, order->price));
    return level == TN_NONE ? TN_NONE : books->levels[level].head;
}

uint32_t tn_book_before(const struct tn_books *books, uint32_t slot)
{
    const struct tn_resting *order = resting(books, slot);
    if (order->previous != TN_NONE) return order->previous;
    enum tn_side side = (enum tn_side)order->side;
    uint32_t level = tn_book_previous_level(books, tn_book_side_of(books, order->book * 2 + side),
                                            tn_book_key(side, order->price));
    return level == TN_NONE ? TN_NONE : books->levels[level].tail;
}

static struct tn_book_level describe(const struct tn_level *level)
{
    return (struct tn_book_level){
        .price = level->price, .quantity = level->quantity, .orders = level->orders};
}

/* level_at is the level at any price whatever, or TN_NONE. */
static uint32_t level_at(const struct tn_books *books, uint32_t book, enum tn_side side,
                         tn_ticks price)
{
    const struct tn_book_side *queue = side_of(books, book, side);
    if (!tn_book_price_in_range(price)) return TN_NONE;
    return tn_book_find_level(books, queue, tn_book_key(side, price));
}

struct tn_book_level tn_book_level_of(const struct tn_books *books, uint32_t book,
                                      enum tn_side side, tn_ticks price)
{
    uint32_t level = level_at(books, book, side, price);
    if (level == TN_NONE) return (struct tn_book_level){.price = price};
    return describe(&books->levels[level]);
}

uint32_t tn_book_level_front(const struct tn_books *books, uint32_t book, enum tn_side side,
                             tn_ticks price)
{
    uint32_t level = level_at(books, book, side, price);
    return level == TN_NONE ? TN_NONE : books->levels[level].head;
}

bool tn_book_next_price(const struct tn_books *books, tn_ticks *next, uint32_t book,
                        enum tn_side side, tn_ticks price)
{
    const tn_ticks bound = TN_BOOK_PRICE_MAX + 1; /* just outside, on the side asked about */
    const struct tn_book_side *queue = side_of(books, book, side);
    tn_ticks from = price > bound ? bound : price < -bound ? -bound : price;
    uint32_t level = tn_book_next_level(books, queue, tn_book_key(side, from));
    if (level == TN_NONE) return false;
    *next = books->levels[level].price;
    return true;
}

bool tn_book_best(const struct tn_books *books, tn_ticks *price, uint32_t book, enum tn_side side)
{
    const struct tn_book_side *queue = side_of(books, book, side);
    if (queue->best == TN_NONE) return false;
    *price = tn_book_key_price(side, queue->best_key); /* spares the level */
    return true;
}

uint32_t tn_book_depth(const struct tn_books *books, struct tn_book_level *levels,
                       uint32_t levels_max, uint32_t book, enum tn_side side)
{
    const struct tn_book_side *queue = side_of(books, book, side);
    uint32_t count = 0;
    uint32_t level = queue->best;
    while (count < levels_max && level != TN_NONE) {
        levels[count++] = describe(&books->levels[level]);
        level = tn_book_next_level(books, queue, tn_book_level_key(&books->levels[level]));
    }
    return count;
}
