/* book: price-time order books, from one to thousands, out of shared pools.
 *
 * A `struct tn_books` holds every book of a market: a pool of orders, a pool of price levels, a
 * pool of index nodes and one id index serve them all, so an empty book costs 32 bytes and a deep
 * one borrows what the shallow ones do not need. Memory comes from the caller, sized by limits,
 * once; nothing here allocates. At a limit a new order is rejected; nothing is dropped.
 *
 * The header has two halves. The first is a complete engine for whoever wants just books: submit,
 * cancel, replace, reports into the caller's array. The second is the set of parts it is made of,
 * for an exchange that adds rules of its own between them (the `exchange` module).
 *
 * Conventions. Trades print at the maker's price. The oldest order at the best price fills first;
 * a partial fill and the cancel of a neighbour leave a place in the queue as it was. A filled or
 * cancelled id is free again at once. Ids are any u64, 0 and 2^64-1 included, in any order.
 *
 * Cost. Every operation is O(1) in the depth of a level and in the gap between levels: levels
 * hang in a path-compressed 64-way tree over the price (at most 7 steps, 1-2 in practice).
 */
#ifndef TENOR_BOOK_H
#define TENOR_BOOK_H

#include "tenor/base.h"
#include "tenor/reject.h"

/* Prices of a book lie in [-TN_BOOK_PRICE_MAX, TN_BOOK_PRICE_MAX], quantities in [1, _MAX]; the sum
 * of a level is exact. */
#define TN_BOOK_PRICE_MAX    ((INT64_C(1) << 40) - 1)
#define TN_BOOK_QUANTITY_MAX (INT64_C(1) << 32)

struct tn_book_limits {
    uint32_t books_max;  /* 1 .. 2^24; books are addressed 0 .. books_max-1 */
    uint32_t orders_max; /* 1 .. 2^28; resting orders over all books */
    uint32_t levels_max; /* 1 .. orders_max; with orders_max itself LEVELS_FULL cannot happen */
    uint64_t hash_seed;  /* spreads ids that an adversary may choose; never reaches a report */
};

struct tn_books;

/* tn_books_size returns the bytes that books with these limits need, or 0 when a limit is out of
 * its range. */
size_t tn_books_size(const struct tn_book_limits *limits);

/* tn_books_init formats caller-owned, 64-byte-aligned, zeroed memory of tn_books_size bytes as
 * empty books. The memory must outlive them. Pages are touched as orders come, not here (but for
 * the id index).
 *
 * Ask the system for huge pages before: the library makes no system calls, and lookups go all over
 * this memory. On Linux: map it at a multiple of 2 MB, madvise(memory, size, MADV_HUGEPAGE), then
 * tn_books_init. With a million orders at rest a call alone takes a tenth to a quarter less for it
 * (docs/performance.md), and up to 2 MB more are resident for each pool begun. */
struct tn_books *tn_books_init(void *memory, const struct tn_book_limits *limits);

/* tn_books_rebase makes whole again what was copied, all tn_books_size bytes of it, from other
 * books: the copy then holds nothing of the source. */
struct tn_books *tn_books_rebase(void *memory);

/* ---- Half one: a complete price-time engine ------------------------------------------------- */

enum tn_book_tif {
    TN_BOOK_GTC = 0,       /* the remainder rests */
    TN_BOOK_IOC = 1,       /* the remainder is cancelled */
    TN_BOOK_FOK = 2,       /* all at once or rejected with FILL_OR_KILL */
    TN_BOOK_POST_ONLY = 3, /* rests, or is rejected with POST_ONLY_CROSSES */
};

enum tn_book_message_kind { TN_BOOK_SUBMIT = 0, TN_BOOK_CANCEL = 1, TN_BOOK_REPLACE = 2 };

/* One message to a book. A cancel reads only `id`; a replace `id`, `price`, `quantity`. */
struct tn_book_message {
    uint64_t id;
    tn_ticks price;
    tn_lots quantity; /* submit: the order's; replace: the new open quantity */
    uint32_t book;
    uint8_t kind; /* enum tn_book_message_kind */
    uint8_t side; /* enum tn_side */
    uint8_t tif;  /* enum tn_book_tif */
};

enum tn_book_report_kind {
    TN_BOOK_ACCEPTED = 0,  /* submit passed; quantity = the order's */
    TN_BOOK_TRADE = 1,     /* id took from maker_id: price, quantity, what is left of each */
    TN_BOOK_CANCELLED = 2, /* by request, or the remainder of an IOC; quantity = what was open */
    TN_BOOK_REPLACED = 3,  /* price and quantity are the new ones; trades follow if it crosses */
    TN_BOOK_REJECTED = 4,  /* nothing changed; `reject` says why; book TN_NONE but for submits */
};

struct tn_book_report {
    uint64_t id;       /* the order the message was about */
    uint64_t maker_id; /* trades only, else 0 */
    tn_ticks price;
    tn_lots quantity;
    tn_lots remaining;       /* open quantity of `id` after this report; 0 in a rejection */
    tn_lots maker_remaining; /* trades only: 0 = the maker is gone and its id free */
    uint32_t book;
    uint16_t reject; /* enum tn_reject */
    uint8_t kind;    /* enum tn_book_report_kind */
    uint8_t side;    /* of `id` */
};

/* Each of these handles one message, writes at most reports_max ≥ 1 reports and returns how many it
 * wrote. There is no cap on fills: when the array is full before the message is done, the call
 * returns reports_max, tn_book_unfinished is true, and tn_book_continue goes on from there; until
 * it has finished, every other message is rejected with BOOK_BUSY.
 *
 * Replace: at an unchanged price a quantity that does not grow keeps the order's place; any other
 * change puts it at the end of its new level, and a price that crosses trades at once. What is left
 * then rests with the caller's fields of half two as they were, perhaps in another slot.
 *
 * A rejection echoes the terms of its message. An order that trades and then rests is never refused
 * for want of room: it has used up a level, so it has made room. */
uint32_t tn_book_submit(struct tn_books *books, struct tn_book_report *reports,
                        uint32_t reports_max, const struct tn_book_message *order);
uint32_t tn_book_cancel(struct tn_books *books, struct tn_book_report *reports,
                        uint32_t reports_max, uint64_t id);
uint32_t tn_book_replace(struct tn_books *books, struct tn_book_report *reports,
                         uint32_t reports_max, uint64_t id, tn_ticks price, tn_lots quantity);
uint32_t tn_book_continue(struct tn_books *books, struct tn_book_report *reports,
                          uint32_t reports_max);
bool tn_book_unfinished(const struct tn_books *books);

/* tn_book_apply handles messages[0 .. count) in order as the calls above would, reading ahead so
 * that the cache misses of later messages overlap with the work of earlier ones (worth it from a
 * few megabytes of records on; count < 2^32 - 64). It stops early when the report array is full.
 * Returns the reports written; *done is how many messages are finished or begun (if the last one is
 * only begun, tn_book_unfinished is true). */
uint32_t tn_book_apply(struct tn_books *books, struct tn_book_report *reports, uint32_t reports_max,
                       uint32_t *done, const struct tn_book_message *messages, uint32_t count);

/* tn_book_prefetch starts loading what a message about `id` will need; for callers with queues of
 * their own. Calling it is never needed for a right answer. */
void tn_book_prefetch(const struct tn_books *books, uint64_t id);

struct tn_book_level {
    tn_ticks price;
    tn_lots quantity; /* sum of the open quantities at this price */
    uint32_t orders;
};

/* tn_book_depth writes up to levels_max levels of one side, best first, and returns how many. */
uint32_t tn_book_depth(const struct tn_books *books, struct tn_book_level *levels,
                       uint32_t levels_max, uint32_t book, enum tn_side side);

/* tn_book_best is the best price of a side; false when the side is empty. */
bool tn_book_best(const struct tn_books *books, tn_ticks *price, uint32_t book, enum tn_side side);

/* Orders resting over all books, and levels in use. */
uint32_t tn_book_orders_count(const struct tn_books *books);
uint32_t tn_book_levels_count(const struct tn_books *books);

/* tn_book_check walks every book and asserts every invariant of the structure: links, sums, counts,
 * tree shape, index. With may_cross false also that no book is crossed. O(everything). */
void tn_book_check(const struct tn_books *books, bool may_cross);

/* ---- Half two: the parts, for an exchange --------------------------------------------------- */

/* The hot record of a resting order: all that matching reads, one cache line. `account`, `owner`
 * and `user` belong to the caller; the rest is read-only outside of `book`. */
struct tn_resting {
    uint64_t id;
    tn_lots quantity; /* open */
    tn_ticks price;
    uint32_t next; /* younger order of the level, or TN_NONE */
    uint32_t previous;
    uint32_t level;
    uint32_t book;
    uint32_t account;
    uint32_t owner;
    uint64_t user;
    uint8_t side; /* enum tn_side */
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct tn_resting) == 64, "the hot record is one cache line");

/* tn_book_resting is the array of all order records; tn_book slots index it. */
struct tn_resting *tn_book_resting(struct tn_books *books);

/* What a side of a book begins with. Sides are kept by keys: a small key is a good price (a low
 * ask, a high bid), and an empty side has a best key that no price reaches. */
struct tn_book_side {
    uint64_t best_key;
    uint32_t best; /* level, or TN_NONE */
    uint32_t root; /* of the ladder */
};
#define TN_BOOK_KEY_BIAS  (UINT64_C(1) << 40)
#define TN_BOOK_KEY_EMPTY UINT64_MAX

/* tn_book_sides is the array of all sides, at 2 × book + side; to be read only. */
const struct tn_book_side *tn_book_sides(const struct tn_books *books);

/* tn_book_key maps a price to a side's key space: bias + price for sells, bias - price for buys. */
static inline uint64_t tn_book_key(enum tn_side side, tn_ticks price)
{
    uint64_t mask = (uint64_t)side - 1; /* all ones for buys */
    return TN_BOOK_KEY_BIAS + ((uint64_t)price ^ mask) - mask;
}

/* tn_book_key_price is its inverse. */
static inline tn_ticks tn_book_key_price(enum tn_side side, uint64_t key)
{
    return side == TN_SELL ? (tn_ticks)(key - TN_BOOK_KEY_BIAS)
                           : (tn_ticks)(TN_BOOK_KEY_BIAS - key);
}

/* tn_book_find is the slot of a resting id, or TN_NONE; tn_book_guess the slot that the index names
 * first for it, right or wrong, without reading the record, or TN_NONE, which is right. */
uint32_t tn_book_find(const struct tn_books *books, uint64_t id);
uint32_t tn_book_guess(const struct tn_books *books, uint64_t id);

/* tn_book_rest puts a new order at the end of its level, without matching, and returns its slot;
 * TN_NONE when orders or levels are full (*reject says which, nothing changed). The id must not be
 * resting, price and quantity in range, book < books_max (asserted); the caller's fields start at
 * zero. A crossed book is allowed: during an auction the two sides overlap. */
uint32_t tn_book_rest(struct tn_books *books, enum tn_reject *reject, uint32_t book,
                      enum tn_side side, tn_ticks price, tn_lots quantity, uint64_t id);

/* tn_book_rest_guess is the same with a level that was found ahead, right or wrong, or TN_NONE. */
uint32_t tn_book_rest_guess(struct tn_books *books, enum tn_reject *reject, uint32_t book,
                            enum tn_side side, tn_ticks price, tn_lots quantity, uint64_t id,
                            uint32_t guess);

/* tn_book_remove takes an order out; its slot and id are free again. */
void tn_book_remove(struct tn_books *books, uint32_t slot);

/* tn_book_reduce sets a smaller or equal, positive open quantity; the order keeps its place. */
void tn_book_reduce(struct tn_books *books, uint32_t slot, tn_lots quantity);

/* tn_book_move gives an order a price and quantity at the end of that price's level, in the same
 * slot under the same id. False, nothing changed, when levels are full. */
bool tn_book_move(struct tn_books *books, uint32_t slot, tn_ticks price, tn_lots quantity);

/* tn_book_lift takes an order out of its level but leaves it slot and id, while its owner decides
 * what becomes of it: tn_book_land puts it at the end of a level of any book and side (false, still
 * lifted, when levels are full), tn_book_forget frees slot and id. A lifted order has level
 * TN_NONE; no other function but tn_book_find may be asked about it. */
void tn_book_lift(struct tn_books *books, uint32_t slot);
bool tn_book_land(struct tn_books *books, uint32_t slot, uint32_t book, enum tn_side side,
                  tn_ticks price, tn_lots quantity);
void tn_book_forget(struct tn_books *books, uint32_t slot);

/* Start loading the level and neighbours of an order whose record is at hand; these and all else
 * that taking it out touches of the books; a book's record; or what a new level at a key of a side
 * would change at the top of its tree. Never needed for a right answer. */
void tn_book_prefetch_links(const struct tn_books *books, uint32_t slot);
void tn_book_prefetch_removal(const struct tn_books *books, uint32_t slot);
void tn_book_prefetch_book(const struct tn_books *books, uint32_t book);
void tn_book_prefetch_top(const struct tn_books *books, const struct tn_book_side *side,
                          uint64_t key);
/* The same on the way to the level of a key of a side, each step reading what the one before loads.
 * A way begins at the top of the side's tree; tn_book_way_on takes one more step, or stays when the
 * level is reached (one or two lead to it in practice); tn_book_way_end loads the oldest or the
 * youngest order there and returns its slot: a guess, or TN_NONE. */
struct tn_book_way {
    const uint32_t *at; /* read next */
    uint64_t key;
    uint32_t step; /* read last: TN_NONE, or a level where the top bit is set */
};
void tn_book_way_begin(const struct tn_books *books, struct tn_book_way *way,
                       const struct tn_book_side *side, uint64_t key);
void tn_book_way_on(const struct tn_books *books, struct tn_book_way *way);
uint32_t tn_book_way_end(const struct tn_books *books, const struct tn_book_way *way, bool oldest);

/* A way that leads to no level in particular: to the first record, which costs the least. */
static inline void tn_book_way_none(struct tn_book_way *way)
{
    static const uint32_t nowhere = UINT32_C(1) << 31;
    way->at = &nowhere;
    way->key = 0;
    way->step = nowhere;
}

/* The level that a way has reached: a guess, or TN_NONE. */
static inline uint32_t tn_book_way_level(const struct tn_book_way *way)
{
    uint32_t is_there = (int32_t)way->step < -1; /* the top bit, and not TN_NONE */
    return (way->step & (UINT32_MAX >> 1)) | (is_there - 1);
}

/* tn_book_front is the slot first in priority on a side, tn_book_after the next one in priority
 * order on the same side, tn_book_before the one ahead of it; TN_NONE at the ends. */
uint32_t tn_book_front(const struct tn_books *books, uint32_t book, enum tn_side side);
uint32_t tn_book_after(const struct tn_books *books, uint32_t slot);
uint32_t tn_book_before(const struct tn_books *books, uint32_t slot);

/* tn_book_level_of describes the level at a price (all zero but the price when it is empty);
 * tn_book_level_front is the oldest order there, or TN_NONE. */
struct tn_book_level tn_book_level_of(const struct tn_books *books, uint32_t book,
                                      enum tn_side side, tn_ticks price);
uint32_t tn_book_level_front(const struct tn_books *books, uint32_t book, enum tn_side side,
                             tn_ticks price);

/* tn_book_next_price is the price of the level just worse than `price` on a side (the best one
 * strictly behind it); false when there is none. */
bool tn_book_next_price(const struct tn_books *books, tn_ticks *next, uint32_t book,
                        enum tn_side side, tn_ticks price);

#endif
