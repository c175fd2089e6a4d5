/* book, inside: the records behind `struct tn_books` and the few steps that every message takes.
 *
 * Sides are kept in a key space of their own: the key of a price is small when the price is good
 * (low asks, high bids), so "best" is the smallest key on both sides and no code below the key
 * asks which side it works for. Keys lie in [1, 2^41 - 1]; an empty side has best_key UINT64_MAX,
 * which no limit reaches. */
#ifndef TENOR_BOOK_INTERNAL_H
#define TENOR_BOOK_INTERNAL_H

#include "tenor/book.h"
#include "tenor/index.h"

/* A reference of the tree: TN_NONE, or a level (with the top bit), or a node: its index, with its
 * depth in bits 28 to 30, so that a walk down reads one child per node and nothing else. */
#define TN_BOOK_LEAF       (UINT32_C(1) << 31)
#define TN_BOOK_NODE_BITS  28
#define TN_BOOK_NODE_INDEX ((UINT32_C(1) << TN_BOOK_NODE_BITS) - 1)

struct tn_book {
    struct tn_book_side side[2]; /* enum tn_side */
};
_Static_assert(sizeof(struct tn_book) == 32, "an empty book costs half a cache line");

struct tn_level {
    tn_ticks price;
    tn_lots quantity;
    uint32_t head; /* oldest order; in a free level: the next free one */
    uint32_t tail;
    uint32_t orders; /* 0 in a free level */
    uint32_t owner;  /* book × 2 + side */
};
_Static_assert(sizeof(struct tn_level) == 32, "two levels to a cache line");

/* A node stands for 64 × 2^shift consecutive keys, shift being 6 × the depth in its reference (0 at
 * the bottom, 6 at most). Its path is their common high bits, the rest zero. It has at least two
 * children; child[i] is TN_NONE exactly where bit i of the bitmap is clear. */
struct tn_book_node {
    uint64_t bitmap;
    uint64_t path; /* in a free node: the next free one */
    uint32_t child[64];
};
_Static_assert(sizeof(struct tn_book_node) == 272, "a 16-byte head and 64 references");

/* Records are handed out from a LIFO list of freed ones, else from those never touched yet. */
struct tn_book_pool {
    uint32_t free;  /* first freed record, or TN_NONE */
    uint32_t fresh; /* records below were handed out once */
    uint32_t count; /* in use */
};

/* The order being matched. It outlives a call only while `active`. */
struct tn_book_taker {
    uint64_t id;
    uint64_t limit_key; /* in the makers' key space */
    tn_ticks price;
    tn_lots remaining;
    uint64_t user; /* of a replaced order, to be put back when it rests */
    uint32_t account;
    uint32_t owner;
    uint32_t book;
    enum tn_side side;
    enum tn_book_tif tif;
    bool active;
};

struct tn_books {
    struct tn_index index;
    struct tn_book *book;
    struct tn_resting *orders;
    struct tn_level *levels;
    struct tn_book_node *nodes;
    struct tn_book_pool orders_pool;
    struct tn_book_pool levels_pool;
    struct tn_book_pool nodes_pool;
    struct tn_book_limits limits;
    struct tn_book_taker taker;
};

/* tn_book_index_room is for how many ids the index is laid out: twice as many as there may be, so
 * it is at most a quarter full. Counted ids fill its lines in groups of eight cells: were every
 * other cell taken, groups would run into each other, and searches and removals through them. */
static inline uint32_t tn_book_index_room(const struct tn_book_limits *limits)
{
    return 2 * limits->orders_max;
}

static inline bool tn_book_price_in_range(tn_ticks price)
{
    return price >= -TN_BOOK_PRICE_MAX && price <= TN_BOOK_PRICE_MAX;
}

static inline bool tn_book_quantity_in_range(tn_lots quantity)
{
    return quantity >= 1 && quantity <= TN_BOOK_QUANTITY_MAX;
}

static inline enum tn_side tn_book_opposite(enum tn_side side)
{
    return side == TN_BUY ? TN_SELL : TN_BUY;
}

static inline uint32_t tn_book_shift(uint32_t reference)
{
    return (reference >> TN_BOOK_NODE_BITS) * 6;
}

static inline struct tn_book_node *tn_book_node_at(const struct tn_books *books, uint32_t reference)
{
    return &books->nodes[reference & TN_BOOK_NODE_INDEX];
}

static inline uint32_t tn_book_digit(uint64_t key, uint32_t shift)
{
    return (uint32_t)(key >> shift) & 63;
}

/* tn_book_covers is whether a key has the path of a node. */
static inline bool tn_book_covers(const struct tn_book_node *node, uint32_t shift, uint64_t key)
{
    return (key ^ node->path) >> shift >> 6 == 0;
}

static inline uint64_t tn_book_level_key(const struct tn_level *level)
{
    return tn_book_key((enum tn_side)(level->owner & 1), level->price);
}

static inline struct tn_book_side *tn_book_side_of(const struct tn_books *books, uint32_t owner)
{
    return &books->book[owner >> 1].side[owner & 1];
}

/* tn_book_find_level is the level of a key on a side, or TN_NONE. */
static inline uint32_t tn_book_find_level(const struct tn_books *books,
                                          const struct tn_book_side *side, uint64_t key)
{
    uint32_t reference = side->root;
    while (!(reference & TN_BOOK_LEAF)) {
        uint32_t digit = tn_book_digit(key, tn_book_shift(reference));
        reference = tn_book_node_at(books, reference)->child[digit];
    }
    if (reference == TN_NONE) return TN_NONE;
    uint32_t level = reference & ~TN_BOOK_LEAF;
    return tn_book_level_key(&books->levels[level]) == key ? level : TN_NONE;
}

/* tn_book_is_level verifies a guess: whether it is the level in use at a price of a side. */
static inline bool tn_book_is_level(const struct tn_books *books, uint32_t guess, uint32_t owner,
                                    tn_ticks price)
{
    if (guess == TN_NONE) return false;
    const struct tn_level *level = &books->levels[guess];
    return level->owner == owner && level->price == price && level->orders != 0;
}

/* tn_book_move_guess is tn_book_move with a guess at the level moved to, or TN_NONE. */
bool tn_book_move_guess(struct tn_books *books, uint32_t slot, tn_ticks price, tn_lots quantity,
                        uint32_t guess);

/* tn_book_add_level makes an empty level at a key that has none and returns it; TN_NONE when
 * levels are full. tn_book_drop_level takes an empty level out and finds the next best one. */
uint32_t tn_book_add_level(struct tn_books *books, uint32_t owner, uint64_t key, tn_ticks price);
void tn_book_drop_level(struct tn_books *books, uint32_t level);

/* tn_book_next_level is the level of the smallest key above `key`, or TN_NONE. */
uint32_t tn_book_next_level(const struct tn_books *books, const struct tn_book_side *side,
                            uint64_t key);

/* tn_book_previous_level is the level of the largest key below `key`, or TN_NONE. */
uint32_t tn_book_previous_level(const struct tn_books *books, const struct tn_book_side *side,
                                uint64_t key);

/* tn_book_seek_id is the slot of a resting id, or TN_NONE; *cell is the index cell that holds it,
 * or the empty one where it would go. */
static inline uint32_t tn_book_seek_id(const struct tn_books *books, uint32_t *cell, uint64_t id,
                                       uint32_t hash)
{
    const struct tn_index *index = &books->index;
    uint32_t at = hash & index->mask;
    for (;; at = (at + 1) & index->mask) {
        uint64_t content = index->cells[at];
        *cell = at;
        if (content == TN_INDEX_EMPTY) return TN_NONE;
        if ((uint32_t)(content >> 32) != hash) continue;
        if (books->orders[(uint32_t)content].id == id) return (uint32_t)content;
    }
}

/* What tn_book_apply found out about a message ahead of its turn. Messages handled in between may
 * have made all of it wrong but the hash, so each guess is verified where it is used; a wrong one
 * costs time only. */
struct tn_book_hint {
    uint32_t hash;
    uint32_t slot;  /* the order of a cancel or replace, or TN_NONE */
    uint32_t cell;  /* where the index holds it */
    uint32_t level; /* where a submit or replace would rest, or TN_NONE */
};

/* The three messages, as tn_book_apply calls them. */
uint32_t tn_book_handle_submit(struct tn_books *books, struct tn_book_report *reports,
                               uint32_t reports_max, const struct tn_book_message *order,
                               const struct tn_book_hint *hint);
uint32_t tn_book_handle_cancel(struct tn_books *books, struct tn_book_report *reports,
                               const struct tn_book_message *message,
                               const struct tn_book_hint *hint);
uint32_t tn_book_handle_replace(struct tn_books *books, struct tn_book_report *reports,
                                uint32_t reports_max, const struct tn_book_message *message,
                                const struct tn_book_hint *hint);
uint32_t tn_book_handle_unknown(const struct tn_books *books, struct tn_book_report *reports,
                                const struct tn_book_message *message);

/* An index, or where there is none 0, of which then nothing is read. Indices are below 2^31. */
static inline uint32_t tn_book_or_first(uint32_t index)
{
    return (int32_t)index < 0 ? 0 : index;
}

/* tn_book_append links an order at the end of a level. */
static inline void tn_book_append(struct tn_books *books, uint32_t level_index, uint32_t slot)
{
    struct tn_level *level = &books->levels[level_index];
    struct tn_resting *order = &books->orders[slot];
    uint32_t tail = level->tail;
    uint32_t *link = tail == TN_NONE ? &level->head : &books->orders[tail].next;
    *link = slot;
    order->previous = tail;
    order->next = TN_NONE;
    order->level = level_index;
    level->tail = slot;
    level->quantity += order->quantity;
    level->orders++;
}

/* tn_book_unlink takes an order out of its level, and an emptied level out of its side. */
static inline void tn_book_unlink(struct tn_books *books, uint32_t slot)
{
    struct tn_resting *order = &books->orders[slot];
    struct tn_level *level = &books->levels[order->level];
    uint32_t next = order->next;
    uint32_t previous = order->previous;
    uint32_t *forward = previous == TN_NONE ? &level->head : &books->orders[previous].next;
    uint32_t *backward = next == TN_NONE ? &level->tail : &books->orders[next].previous;
    *forward = next;
    *backward = previous;
    level->quantity -= order->quantity;
    if (--level->orders == 0) tn_book_drop_level(books, order->level);
}

/* tn_book_release frees the slot of an unlinked order whose id has left the index. */
static inline void tn_book_release(struct tn_books *books, uint32_t slot)
{
    struct tn_resting *order = &books->orders[slot];
    order->level = TN_NONE;
    order->next = books->orders_pool.free;
    books->orders_pool.free = slot;
    books->orders_pool.count--;
}

/* tn_book_place makes a resting order at a level; the caller has checked room and id. The caller's
 * fields start at zero. */
static inline uint32_t tn_book_place(struct tn_books *books, uint32_t level, tn_lots quantity,
                                     uint64_t id)
{
    struct tn_book_pool *pool = &books->orders_pool;
    uint32_t slot = pool->free;
    if (slot != TN_NONE)
        pool->free = books->orders[slot].next;
    else
        slot = pool->fresh++;
    pool->count++;
    uint32_t owner = books->levels[level].owner;
    books->orders[slot] = (struct tn_resting){.id = id,
                                              .quantity = quantity,
                                              .price = books->levels[level].price,
                                              .book = owner >> 1,
                                              .side = (uint8_t)(owner & 1)};
    tn_book_append(books, level, slot);
    return slot;
}

#endif
