/* feed_keeper: a client that keeps books from the messages of market data, as docs/market-data.md
 * tells clients to: naive lists, every rule of the protocol checked on the way. */
#ifndef FEED_KEEPER_H
#define FEED_KEEPER_H

#include "tenor/book.h"
#include "wire/wire.h"

struct kept_order {
    uint64_t id;
    int64_t price, quantity;
};
struct kept_level {
    int64_t price, quantity;
};

struct kept_series {
    uint64_t id;
    bool has_book, has_orders, has_ticker, more_orders;
    uint64_t book_seq, orders_seq, ticker_seq, trades_seq, instrument_seq;
    uint32_t levels_count[2], orders_count[2], levels_room[2], orders_room[2];
    struct kept_level *levels[2]; /* best first */
    struct kept_order *orders[2]; /* in priority */
    int64_t bid_price, bid_quantity, ask_price, ask_quantity, last_price;
    uint64_t trades, trades_quantity, volume, status;
};

struct feed_keeper {
    uint32_t depth; /* that BOOK was subscribed with */
    struct wire_arena arena;
    void *arena_memory;
    struct kept_series *series;
    uint32_t series_count, series_room;
    uint64_t messages, snapshots, deltas, crcs, subscribed, marks, blocks, last_block, gaps;
    uint64_t instruments, liquidations, liquidations_seq, marks_seq;
    /* Of soft channels; `soft`: where the last book stood. */
    bool is_soft;
    uint64_t ends, reverted, end_sequence;
    struct kept_place {
        uint32_t term;
        uint64_t sequence;
        uint32_t index;
    } soft;
    void (*traded)(void *context, const Tenor__V1__Trade *trade); /* may be NULL, both */
    void (*ended)(void *context, uint64_t sequence);
    void *context;
    uint64_t last_error, error_request;
    char fault[256]; /* what is wrong with a message; empty: nothing so far */
};

void feed_keeper_open(struct feed_keeper *keeper, uint32_t depth);
void feed_keeper_close(struct feed_keeper *keeper);

/* Takes messages, each behind its length. False: keeper->fault says what rule was broken. */
bool feed_keeper_take(struct feed_keeper *keeper, const uint8_t *bytes, size_t size);

/* The series, made when it is new. */
struct kept_series *feed_keeper_series(struct feed_keeper *keeper, uint64_t id);

/* Is what is kept of a series what stands in a book? An unknown side of it counts as empty. */
bool feed_keeper_same_levels(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book);
bool feed_keeper_same_orders(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book);
bool feed_keeper_same_ticker(struct feed_keeper *keeper, uint64_t series_id,
                             const struct tn_books *books, uint32_t book);

#endif
