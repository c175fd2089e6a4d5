/* floor: see the header. An array and bitmaps, and nothing in between. */
#include "floor.h"

#include "bench.h"

#define NO_ASK UINT32_MAX
#define NO_BID 0

/* floor: see the header. An array and bitmaps, and nothing in between. */
#include "floor.h"

#include "bench.h"

#define NO_ASK UINT32_MAX
#define NO_BID 0

struct floor_sizes {
    size_t orders;
    size_t levels;
    size_t words;
    size_t bitmaps;
    size_t best;
};

static struct floor_sizes sizes_of(const struct floor *floor)
{
    size_t sides = (size_t)floor->books_max * 2;
    return (struct floor_sizes){
        .orders = floor->ids_max * sizeof(struct floor_order),
        .levels = (size_t)floor->books_max * floor->prices_max * sizeof(struct floor_level),
        .words = sides * (64 + floor->prices_max / 64) * sizeof(uint64_t),
        .bitmaps = sides * sizeof(struct floor_bitmap),
        .best = sides * sizeof(uint32_t),
    };
}

void floor_open(struct floor *floor, uint32_t books_max, uint32_t prices_max, uint32_t ids_max)
{
    TN_ASSERT(prices_max % 4096 == 0 && prices_max <= FLOOR_PRICES_MAX);
    *floor = (struct floor){.books_max = books_max, .prices_max = prices_max, .ids_max = ids_max};
    struct floor_sizes sizes = sizes_of(floor);
    floor->orders = bench_map(sizes.orders);
    floor->levels = bench_map(sizes.levels);
    floor->words = bench_map(sizes.words);
    floor->bitmaps = bench_map(sizes.bitmaps);
    floor->best = bench_map(sizes.best);
    floor_reset(floor);
}

void floor_close(struct floor *floor)
{
    struct floor_sizes sizes = sizes_of(floor);
    bench_unmap(floor->orders, sizes.orders);
    bench_unmap(floor->levels, sizes.levels);
    bench_unmap(floor->words, sizes.words);
    bench_unmap(floor->bitmaps, sizes.bitmaps);
    bench_unmap(floor->best, sizes.best);
}

void floor_reset(struct floor *floor)
{
    struct floor_sizes sizes = sizes_of(floor);
    uint32_t words_per_side = 64 + floor->prices_max / 64;
    memset(floor->orders, 0, sizes.orders);
    memset(floor->levels, 0xff, sizes.levels);
    memset(floor->words, 0, sizes.words);
    for (size_t i = 0; i < (size_t)floor->books_max * 2; i++) {
        uint64_t *words = &floor->words[i * words_per_side];
        floor->bitmaps[i] = (struct floor_bitmap){.middle = words, .bottom = words + 64};
        floor->best[i] = i % 2 == TN_BUY ? NO_BID : NO_ASK;
    }
}

static inline void set_bit(struct floor_bitmap *map, uint32_t price)
{
    map->bottom[price / 64] |= UINT64_C(1) << price % 64;
    map->middle[price / 4096] |= UINT64_C(1) << price / 64 % 64;
    map->top |= UINT64_C(1) << price / 4096;
}

static inline void clear_bit(struct floor_bitmap *map, uint32_t price)
{
    if ((map->bottom[price / 64] &= ~(UINT64_C(1) << price % 64)) != 0) return;
    if ((map->middle[price / 4096] &= ~(UINT64_C(1) << price / 64 % 64)) != 0) return;
    map->top &= ~(UINT64_C(1) << price / 4096);
}

static inline uint32_t low_bit(uint64_t word)
{
    return (uint32_t)__builtin_ctzll(word);
}

static inline uint32_t high_bit(uint64_t word)
{
    return 63 - (uint32_t)__builtin_clzll(word);
}

/* The best price left, once the old best is gone: asks are looked for upwards, bids downwards. */
static inline uint32_t next_best(const struct floor_bitmap *map, enum tn_side side)
{
    if (map->top == 0) return side == TN_BUY ? NO_BID : NO_ASK;
    if (side == TN_SELL) {
        uint32_t at = low_bit(map->top);
        at = at * 64 + low_bit(map->middle[at]);
        return at * 64 + low_bit(map->bottom[at]);
    }
    uint32_t at = high_bit(map->top);
    at = at * 64 + high_bit(map->middle[at]);
    return at * 64 + high_bit(map->bottom[at]);
}

static inline void rest(struct floor *floor, uint32_t id, uint32_t price, uint32_t quantity,
                        uint32_t book_side)
{
    struct floor_level *level = &floor->levels[(size_t)(book_side / 2) * floor->prices_max + price];
    floor->orders[id] = (struct floor_order){TN_NONE, level->tail, price, quantity, book_side};
    if (level->tail == TN_NONE) {
        level->head = id;
        set_bit(&floor->bitmaps[book_side], price);
        uint32_t *best = &floor->best[book_side];
        if (book_side % 2 == TN_BUY ? price > *best : price < *best) *best = price;
    } else {
        floor->orders[level->tail].next = id;
    }
    level->tail = id;
}

static inline void unlink_order(struct floor *floor, uint32_t id)
{
    struct floor_order *order = &floor->orders[id];
    struct floor_level *level =
        &floor->levels[(size_t)(order->book_side / 2) * floor->prices_max + order->price];
    if (order->previous == TN_NONE)
        level->head = order->next;
    else
        floor->orders[order->previous].next = order->next;
    if (order->next == TN_NONE)
        level->tail = order->previous;
    else
        floor->orders[order->next].previous = order->previous;
    order->quantity = 0;
    if (level->head != TN_NONE) return;
    struct floor_bitmap *map = &floor->bitmaps[order->book_side];
    clear_bit(map, order->price);
    if (floor->best[order->book_side] == order->price) {
        floor->best[order->book_side] = next_best(map, (enum tn_side)(order->book_side % 2));
    }
}

static inline uint32_t match(struct floor *floor, struct tn_book_report *reports, uint32_t *left,
                             const struct floor_message *taker)
{
    uint32_t side = taker->side ^ 1u;
    uint32_t *best = &floor->best[taker->book * 2 + side];
    uint32_t written = 0;
    while (*left > 0 && (side == TN_SELL ? *best <= taker->price : *best >= taker->price)) {
        uint32_t id = floor->levels[(size_t)taker->book * floor->prices_max + *best].head;
        struct floor_order *maker = &floor->orders[id];
        uint32_t fill = maker->quantity < *left ? maker->quantity : *left;
        *left -= fill;
        reports[written++] = (struct tn_book_report){.id = taker->id,
                                                     .maker_id = id,
                                                     .price = maker->price,
                                                     .quantity = fill,
                                                     .remaining = *left,
                                                     .maker_remaining = maker->quantity - fill,
                                                     .book = taker->book,
                                                     .kind = TN_BOOK_TRADE,
                                                     .side = taker->side};
        if (maker->quantity == fill)
            unlink_order(floor, id);
        else
            maker->quantity -= fill;
    }
    return written;
}

static inline struct tn_book_report about(const struct floor_message *message, uint32_t book_side,
                                          uint32_t kind, uint32_t quantity)
{
    return (struct tn_book_report){.id = message->id,
                                   .price = message->price,
                                   .quantity = quantity,
                                   .remaining = kind == TN_BOOK_CANCELLED ? 0 : quantity,
                                   .book = book_side / 2,
                                   .kind = (uint8_t)kind,
                                   .side = (uint8_t)(book_side % 2)};
}

static uint32_t submit(struct floor *floor, struct tn_book_report *reports,
                       const struct floor_message *message)
{
    uint32_t book_side = message->book * 2 + message->side;
    uint32_t left = message->quantity;
    reports[0] = about(message, book_side, TN_BOOK_ACCEPTED, left);
    uint32_t written = 1 + match(floor, &reports[1], &left, message);
    if (left == 0) return written;
    if (message->tif == TN_BOOK_GTC) {
        rest(floor, message->id, message->price, left, book_side);
        return written;
    }
    reports[written] = about(message, book_side, TN_BOOK_CANCELLED, left);
    return written + 1;
}

static uint32_t replace(struct floor *floor, struct tn_book_report *reports,
                        const struct floor_message *message)
{
    struct floor_order *order = &floor->orders[message->id];
    uint32_t book_side = order->book_side;
    uint32_t left = message->quantity;
    reports[0] = about(message, book_side, TN_BOOK_REPLACED, left);
    if (message->price == order->price && left <= order->quantity) {
        order->quantity = left;
        return 1;
    }
    unlink_order(floor, message->id);
    struct floor_message taker = *message;
    taker.book = book_side / 2;
    taker.side = (uint8_t)(book_side % 2);
    uint32_t written = 1 + match(floor, &reports[1], &left, &taker);
    if (left > 0) rest(floor, message->id, message->price, left, book_side);
    return written;
}

uint32_t floor_handle(struct floor *floor, struct tn_book_report *reports,
                      const struct floor_message *message)
{
    if (message->kind == TN_BOOK_SUBMIT) return submit(floor, reports, message);
    const struct floor_order *order = &floor->orders[message->id];
    if (order->quantity == 0) {
        bool cancel = message->kind == TN_BOOK_CANCEL;
        reports[0] = (struct tn_book_report){.id = message->id,
                                             .price = cancel ? 0 : message->price,
                                             .quantity = cancel ? 0 : message->quantity,
                                             .book = TN_NONE,
                                             .reject = TN_REJECT_ORDER_UNKNOWN,
                                             .kind = TN_BOOK_REJECTED};
        return 1;
    }
    if (message->kind == TN_BOOK_REPLACE) return replace(floor, reports, message);
    reports[0] = about(message, order->book_side, TN_BOOK_CANCELLED, order->quantity);
    reports[0].price = order->price;
    unlink_order(floor, message->id);
    return 1;
}
