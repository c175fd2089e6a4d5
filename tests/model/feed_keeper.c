/* The keeper. CRCs are worked out from what is kept, bit by bit. */
#include "feed_keeper.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void feed_keeper_open(struct feed_keeper *keeper, uint32_t depth)
{
    *keeper = (struct feed_keeper){.depth = depth == 0 ? 8192 : depth};
    keeper->arena_memory = aligned_alloc(64, WIRE_FROM_NODE_ARENA_BYTES);
    TN_ASSERT(keeper->arena_memory != NULL);
    wire_arena_init(&keeper->arena, keeper->arena_memory, WIRE_FROM_NODE_ARENA_BYTES);
}

void feed_keeper_close(struct feed_keeper *keeper)
{
    for (uint32_t i = 0; i < keeper->series_count; i++) {
        for (uint32_t side = 0; side < 2; side++) {
            free(keeper->series[i].levels[side]);
            free(keeper->series[i].orders[side]);
        }
    }
    free(keeper->series);
    free(keeper->arena_memory);
}

__attribute__((format(printf, 2, 3))) static bool wrong(struct feed_keeper *keeper,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(keeper->fault, sizeof keeper->fault, format, arguments);
    va_end(arguments);
    return false;
}

struct kept_series *feed_keeper_series(struct feed_keeper *keeper, uint64_t id)
{
    for (uint32_t i = 0; i < keeper->series_count; i++) {
        if (keeper->series[i].id == id) return &keeper->series[i];
    }
    if (keeper->series_count == keeper->series_room) {
        keeper->series_room = 2 * keeper->series_room + 64;
        keeper->series = realloc(keeper->series, keeper->series_room * sizeof *keeper->series);
        TN_ASSERT(keeper->series != NULL);
    }
    keeper->series[keeper->series_count] = (struct kept_series){.id = id};
    return &keeper->series[keeper->series_count++];
}

/* Makes room for one more of `size` bytes. */
static void *grow(void *list, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room) return list;
    *room = 2 * *room + 16;
    list = realloc(list, *room * size);
    TN_ASSERT(list != NULL);
    return list;
}

static bool is_better(uint32_t side, int64_t price, int64_t than)
{
    return side == TN_BUY ? price > than : price < than;
}

/* ---- Levels ---- */

static void set_level(struct kept_series *series, uint32_t side, int64_t price, int64_t quantity)
{
    uint32_t at = 0, count = series->levels_count[side];
    while (at < count && is_better(side, series->levels[side][at].price, price))
        at++;
    bool there = at < count && series->levels[side][at].price == price;
    if (quantity == 0 && !there) return;
    struct kept_level *levels = series->levels[side] =
        grow(series->levels[side], count, &series->levels_room[side], sizeof *levels);
    if (quantity == 0) {
        memmove(&levels[at], &levels[at + 1], (count - at - 1) * sizeof *levels);
        series->levels_count[side]--;
        return;
    }
    if (!there) {
        memmove(&levels[at + 1], &levels[at], (count - at) * sizeof *levels);
        series->levels_count[side]++;
    }
    levels[at] = (struct kept_level){price, quantity};
}

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (uint32_t bit = 0; bit < 8; bit++)
        crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    return crc;
}

static uint32_t crc_of(const struct kept_series *series)
{
    uint32_t crc = UINT32_MAX;
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < series->levels_count[side]; i++) {
            const struct kept_level *level = &series->levels[side][i];
            for (uint32_t j = 0; j < 8; j++)
                crc = crc_byte(crc, (uint8_t)((uint64_t)level->price >> (8 * j)));
            for (uint32_t j = 0; j < 8; j++)
                crc = crc_byte(crc, (uint8_t)((uint64_t)level->quantity >> (8 * j)));
        }
    }
    return ~crc;
}

/* A message follows when what it follows is not after what is kept. */
static bool follows(uint64_t mine, uint64_t prev_seq, uint64_t seq)
{
    return prev_seq <= mine && mine < seq;
}

static int compare_places(const struct kept_place *a, const struct kept_place *b)
{
    if (a->term != b->term) return a->term < b->term ? -1 : 1;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Where a soft book stands never goes back, and behind the end of a term it is a later term's. */
static bool take_place(struct feed_keeper *keeper, const Tenor__V1__SoftPlace *soft, uint64_t block,
                       bool is_all, bool is_reverted)
{
    if (keeper->is_soft != (soft != NULL)) return wrong(keeper, "a message of another kind");
    if (!keeper->is_soft) return true;
    if (block != 0) return wrong(keeper, "what is soft names a block");
    const struct kept_place place = {soft->term, soft->sequence, soft->index};
    if (compare_places(&place, &keeper->soft) < 0) return wrong(keeper, "what is soft goes back");
    if (place.sequence < keeper->end_sequence) return wrong(keeper, "what is void is told again");
    if (is_reverted && !is_all) return wrong(keeper, "a change says reverted");
    if (is_reverted && keeper->ends == 0) return wrong(keeper, "reverted, and no term ended");
    keeper->reverted += is_reverted;
    keeper->soft = place;
    return true;
}

static bool take_book(struct feed_keeper *keeper, const Tenor__V1__Book *book)
{
    if (!take_place(keeper, book->soft, book->block, book->snapshot, book->reverted)) return false;
    struct kept_series *series = feed_keeper_series(keeper, book->series_id);
    if (book->snapshot) {
        series->levels_count[TN_BUY] = series->levels_count[TN_SELL] = 0;
        series->has_book = true;
        keeper->snapshots++;
    } else {
        keeper->deltas++;
        if (!series->has_book) return wrong(keeper, "a change of a book before its snapshot");
        if (!follows(series->book_seq, book->prev_seq, book->seq)) {
            return wrong(keeper, "a book at %llu, then %llu after %llu",
                         (unsigned long long)series->book_seq, (unsigned long long)book->seq,
                         (unsigned long long)book->prev_seq);
        }
        if (book->n_bids + book->n_asks == 0) return wrong(keeper, "a book without a change");
    }
    series->book_seq = book->seq;
    for (size_t i = 0; i < book->n_bids; i++)
        set_level(series, TN_BUY, book->bids[i]->price, book->bids[i]->quantity);
    for (size_t i = 0; i < book->n_asks; i++)
        set_level(series, TN_SELL, book->asks[i]->price, book->asks[i]->quantity);
    for (uint32_t side = 0; side < 2; side++) {
        if (series->levels_count[side] > keeper->depth) return wrong(keeper, "too many levels");
    }
    if (book->has_crc) keeper->crcs++;
    if (book->has_crc && book->crc != crc_of(series)) return wrong(keeper, "the crc is not mine");
    return true;
}

/* ---- Orders ---- */

static bool find_order(const struct kept_series *series, uint32_t side, uint32_t *at, uint64_t id)
{
    for (*at = 0; *at < series->orders_count[side]; (*at)++) {
        if (series->orders[side][*at].id == id) return true;
    }
    return false;
}

static void remove_order(struct kept_series *series, uint32_t side, uint32_t at)
{
    struct kept_order *orders = series->orders[side];
    uint32_t after = series->orders_count[side] - at - 1;
    memmove(&orders[at], &orders[at + 1], after * sizeof *orders);
    series->orders_count[side]--;
}

static void append_order(struct kept_series *series, uint32_t side, struct kept_order order)
{
    uint32_t at = 0, count = series->orders_count[side];
    while (at < count && !is_better(side, order.price, series->orders[side][at].price))
        at++;
    struct kept_order *orders = series->orders[side] =
        grow(series->orders[side], count, &series->orders_room[side], sizeof *orders);
    memmove(&orders[at + 1], &orders[at], (count - at) * sizeof *orders);
    orders[at] = order;
    series->orders_count[side]++;
}

static bool take_order(struct feed_keeper *keeper, struct kept_series *series,
                       const Tenor__V1__BookOrder *item)
{
    uint32_t at, side = item->side == TENOR__V1__SIDE__BUY ? TN_BUY : TN_SELL;
    bool there = find_order(series, side, &at, item->order_id);
    struct kept_order order = {item->order_id, item->price, item->quantity};
    if (item->quantity == 0) {
        if (!there) return wrong(keeper, "an order is gone that was not there");
        remove_order(series, side, at);
    } else if (there && !item->last) {
        if (series->orders[side][at].price != item->price) {
            return wrong(keeper, "an order keeps its place at another price");
        }
        series->orders[side][at] = order;
    } else {
        if (!there && !item->last) return wrong(keeper, "a new order that is not last");
        if (there) remove_order(series, side, at);
        append_order(series, side, order);
    }
    return true;
}

static bool take_orders(struct feed_keeper *keeper, const Tenor__V1__OrderBook *book)
{
    if (!take_place(keeper, book->soft, book->block, book->snapshot, book->reverted)) return false;
    struct kept_series *series = feed_keeper_series(keeper, book->series_id);
    bool goes_on = series->more_orders;
    if (goes_on && book->seq != series->orders_seq) return wrong(keeper, "the rest is missing");
    if (book->snapshot && !goes_on) {
        series->orders_count[TN_BUY] = series->orders_count[TN_SELL] = 0;
        series->has_orders = true;
        keeper->snapshots++;
    } else if (!goes_on) {
        keeper->deltas++;
        if (!series->has_orders) return wrong(keeper, "a change of orders before the snapshot");
        if (!follows(series->orders_seq, book->prev_seq, book->seq)) {
            return wrong(keeper, "a gap between orders");
        }
    }
    series->orders_seq = book->seq;
    series->more_orders = book->more;
    for (size_t i = 0; i < book->n_orders; i++) {
        if (!take_order(keeper, series, book->orders[i])) return false;
    }
    return true;
}

/* ---- The rest ---- */

static bool take_ticker(struct feed_keeper *keeper, const Tenor__V1__Ticker *ticker)
{
    bool is_all = ticker->prev_seq == 0;
    if (!take_place(keeper, ticker->soft, 0, is_all, ticker->reverted)) return false;
    struct kept_series *series = feed_keeper_series(keeper, ticker->series_id);
    if (keeper->is_soft && !is_all && !series->has_ticker) {
        return wrong(keeper, "a change of a ticker that stands for nothing");
    }
    series->has_ticker = true;
    if (ticker->prev_seq != 0 && !follows(series->ticker_seq, ticker->prev_seq, ticker->seq)) {
        return wrong(keeper, "a gap between tickers");
    }
    series->ticker_seq = ticker->seq;
    series->bid_price = ticker->bid_price;
    series->bid_quantity = ticker->bid_quantity;
    series->ask_price = ticker->ask_price;
    series->ask_quantity = ticker->ask_quantity;
    series->last_price = ticker->last_price;
    series->volume = ticker->volume;
    return true;
}

static bool take_trade(struct feed_keeper *keeper, const Tenor__V1__Trade *trade)
{
    struct kept_series *series = feed_keeper_series(keeper, trade->series_id);
    if (keeper->is_soft != (trade->soft != NULL)) return wrong(keeper, "a trade of another kind");
    if (trade->seq >> 20 != trade->block && !keeper->is_soft) {
        return wrong(keeper, "a trade's seq is not of its block");
    }
    if (keeper->traded != NULL) keeper->traded(keeper->context, trade);
    if (series->trades > 0 && !follows(series->trades_seq, trade->prev_seq, trade->seq)) {
        return wrong(keeper, "a gap between trades");
    }
    if (series->trades > 0 && series->trades_seq != trade->prev_seq) {
        return wrong(keeper, "a trade does not name the one before");
    }
    series->trades_seq = trade->seq;
    series->trades++;
    series->trades_quantity += (uint64_t)trade->quantity;
    return true;
}

static bool take_instrument(struct feed_keeper *keeper, const Tenor__V1__Instrument *instrument)
{
    struct kept_series *series = feed_keeper_series(keeper, instrument->series_id);
    if (instrument->prev_seq != 0 &&
        !follows(series->instrument_seq, instrument->prev_seq, instrument->seq)) {
        return wrong(keeper, "a gap between instruments");
    }
    series->instrument_seq = instrument->seq;
    series->status = instrument->status;
    keeper->instruments++;
    return true;
}

static bool take_message(struct feed_keeper *keeper, const Tenor__V1__FromNode *message)
{
    keeper->messages++;
    switch ((int)message->body_case) {
        case TENOR__V1__FROM_NODE__BODY_BOOK: return take_book(keeper, message->book);
        case TENOR__V1__FROM_NODE__BODY_ORDER_BOOK: return take_orders(keeper, message->order_book);
        case TENOR__V1__FROM_NODE__BODY_TICKER: return take_ticker(keeper, message->ticker);
        case TENOR__V1__FROM_NODE__BODY_TRADE: return take_trade(keeper, message->trade);
        case TENOR__V1__FROM_NODE__BODY_INSTRUMENT:
            return take_instrument(keeper, message->instrument);
        case TENOR__V1__FROM_NODE__BODY_SUBSCRIBED: keeper->subscribed++; return true;
        case TENOR__V1__FROM_NODE__BODY_SOFT_END:
            if (!keeper->is_soft) return wrong(keeper, "the end of what is not soft");
            keeper->ends++;
            keeper->end_sequence = message->soft_end->sequence;
            for (uint32_t i = 0; i < keeper->series_count; i++) {
                struct kept_series *series = &keeper->series[i];
                series->has_book = series->has_orders = series->has_ticker = false;
                series->trades = 0;
            }
            if (keeper->ended != NULL) keeper->ended(keeper->context, keeper->end_sequence);
            return true;
        case TENOR__V1__FROM_NODE__BODY_MARKS:
            if (message->marks->prev_seq != 0 &&
                !follows(keeper->marks_seq, message->marks->prev_seq, message->marks->seq)) {
                return wrong(keeper, "a gap between marks");
            }
            keeper->marks_seq = message->marks->seq;
            keeper->marks++;
            return true;
        case TENOR__V1__FROM_NODE__BODY_LIQUIDATION:
            if (keeper->liquidations > 0 &&
                keeper->liquidations_seq != message->liquidation->prev_seq) {
                return wrong(keeper, "a gap between liquidations");
            }
            keeper->liquidations_seq = message->liquidation->seq;
            keeper->liquidations++;
            return true;
        case TENOR__V1__FROM_NODE__BODY_BLOCK:
            if (keeper->blocks > 0 && message->block->height != keeper->last_block + 1) {
                return wrong(keeper, "a gap between blocks");
            }
            keeper->last_block = message->block->height;
            keeper->blocks++;
            return true;
        case TENOR__V1__FROM_NODE__BODY_ERROR:
            keeper->gaps++;
            keeper->last_error = message->error->code;
            keeper->error_request = message->request;
            return true;
        default: return wrong(keeper, "a message that was not asked for");
    }
}

bool feed_keeper_take(struct feed_keeper *keeper, const uint8_t *bytes, size_t size)
{
    if (keeper->fault[0] != 0) return false;
    while (size > 0) {
        size_t length;
        Tenor__V1__FromNode *message;
        struct wire_fault fault;
        if (wire_next(&length, bytes, size, WIRE_FROM_NODE_BYTES_MAX) != WIRE_WHOLE) {
            return wrong(keeper, "half a message");
        }
        if (!wire_read_from_node(&keeper->arena, &message, &fault, bytes + WIRE_LENGTH_BYTES,
                                 length)) {
            return wrong(keeper, "no message: %s", fault.text);
        }
        if (!take_message(keeper, message)) return false;
        bytes += WIRE_LENGTH_BYTES + length;
        size -= WIRE_LENGTH_BYTES + length;
    }
    return true;
}

/* ---- Comparing ---- */

bool feed_keeper_same_levels(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book)
{
    const struct kept_series *series = feed_keeper_series(keeper, series_id);
    for (uint32_t side = 0; side < 2; side++) {
        tn_ticks price;
        uint32_t i = 0;
        bool more = tn_book_best(books, &price, book, (enum tn_side)side);
        for (; more && i < keeper->depth; i++) {
            if (i >= series->levels_count[side] || series->levels[side][i].price != price ||
                series->levels[side][i].quantity !=
                    tn_book_level_of(books, book, (enum tn_side)side, price).quantity) {
                return wrong(keeper, "level %u of side %u differs in series %llx", i, side,
                             (unsigned long long)series_id);
            }
            more = tn_book_next_price(books, &price, book, (enum tn_side)side, price);
        }
        if (i != series->levels_count[side]) {
            return wrong(keeper, "side %u of series %llx has levels that are gone", side,
                         (unsigned long long)series_id);
        }
    }
    return true;
}

bool feed_keeper_same_orders(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book)
{
    const struct kept_series *series = feed_keeper_series(keeper, series_id);
    const struct tn_resting *resting = tn_book_resting((struct tn_books *)(uintptr_t)books);
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t i = 0, slot = tn_book_front(books, book, (enum tn_side)side);
        for (; slot != TN_NONE; slot = tn_book_after(books, slot), i++) {
            const struct kept_order *order = &series->orders[side][i];
            if (i >= series->orders_count[side] || order->id != resting[slot].id ||
                order->price != resting[slot].price || order->quantity != resting[slot].quantity) {
                return wrong(keeper, "order %u of side %u differs in series %llx", i, side,
                             (unsigned long long)series_id);
            }
        }
        if (i != series->orders_count[side]) {
            return wrong(keeper, "side %u of series %llx has orders that are gone", side,
                         (unsigned long long)series_id);
        }
    }
    return true;
}

bool feed_keeper_same_ticker(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book)
{
    const struct kept_series *series = feed_keeper_series(keeper, series_id);
    struct tn_book_level bid = {0}, ask = {0};
    tn_book_depth(books, &bid, 1, book, TN_BUY);
    tn_book_depth(books, &ask, 1, book, TN_SELL);
    if (series->bid_price != bid.price || series->bid_quantity != bid.quantity ||
        series->ask_price != ask.price || series->ask_quantity != ask.quantity) {
        return wrong(keeper, "the best prices of series %llx differ",
                     (unsigned long long)series_id);
    }
    return true;
}
