/* feed_tape: what a subscriber to BOOK and ORDERS of all series is sent over some hundred random
 * blocks, and the books that it must end with: for keepers in other languages.
 *
 * usage: feed_tape SEED TAPE BOOKS */
#include "gateway/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERIES = 3, BLOCKS = 400, LIVE_MAX = 60 };

static FILE *tape;
static bool is_full;

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    (void)context;
    (void)client;
    if (!must && is_full) return false;
    TN_ASSERT(fwrite(bytes, 1, size, tape) == size);
    return true;
}

static uint64_t series_id(uint32_t number)
{
    uint64_t id;
    struct tn_series_terms terms = {
        .underlying = 1, .kind = TN_PUT, .expiry_day = 2555, .strike = 10000 * (number + 1)};
    TN_ASSERT(tn_series_pack(&id, &terms));
    return id;
}

static void subscribe(struct feed *feed, Tenor__V1__Channel channel)
{
    struct wire_fault fault;
    Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
    message.market = 1;
    message.channel = channel;
    TN_ASSERT(feed_subscribe(feed, &fault, 0, 1, &message) == WIRE_ERROR_NONE);
}

/* One order comes, goes, shrinks or moves. */
static struct port_order change(struct port_order live[LIVE_MAX], uint64_t *random)
{
    static uint64_t last_id = 100;
    struct port_order *order = &live[tn_random_below(random, LIVE_MAX)];
    uint64_t what = tn_random_below(random, 4);
    tn_ticks price = 1000 + (tn_ticks)tn_random_below(random, 12);
    if (order->quantity == 0) {
        uint64_t series = tn_random_below(random, SERIES);
        bool buys = tn_random_below(random, 2) == 0;
        *order = (struct port_order){.series_id = series_id((uint32_t)series),
                                     .order_id = ++last_id,
                                     .price = buys ? price - 12 : price,
                                     .quantity = 1 + (tn_lots)tn_random_below(random, 50),
                                     .side = buys ? TN_BUY : TN_SELL,
                                     .last = true};
        return *order;
    }
    order->last = what == 0;
    if (what == 0) order->price = order->side == TN_BUY ? price - 12 : price;
    if (what == 1) order->quantity = 0;
    if (what > 1) order->quantity -= order->quantity / 3;
    return *order;
}

static void write_books(FILE *file, const struct feed *feed)
{
    const struct tn_books *books = feed_books(feed, 1);
    const struct tn_resting *resting = tn_book_resting((struct tn_books *)(uintptr_t)books);
    for (uint32_t i = 0; i < SERIES; i++) {
        uint32_t book = feed_book(feed, 1, series_id(i));
        for (uint32_t side = 0; side < 2; side++) {
            tn_ticks price = 0;
            uint32_t slot = tn_book_front(books, book, (enum tn_side)side);
            for (bool first = true; slot != TN_NONE; slot = tn_book_after(books, slot)) {
                if (first || resting[slot].price != price) {
                    price = resting[slot].price;
                    fprintf(file, "%s%" PRIu64 " %s %" PRId64 " %" PRId64, first ? "" : "\n",
                            series_id(i), side == TN_BUY ? "bid" : "ask", price,
                            tn_book_level_of(books, book, (enum tn_side)side, price).quantity);
                    first = false;
                }
                fprintf(file, " %" PRIu64 ":%" PRId64, resting[slot].id, resting[slot].quantity);
            }
            if (price != 0) fprintf(file, "\n");
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    uint64_t random = strtoull(arguments[1], NULL, 10);
    static struct port_order live[LIVE_MAX];
    struct port_series series[SERIES];
    struct port_mark marks[SERIES] = {0};
    struct feed_options options;
    feed_options_default(&options);
    options.send = take;
    struct feed *feed = feed_make(&options);
    tape = fopen(arguments[2], "wb");
    FILE *books = fopen(arguments[3], "w");
    TN_ASSERT(feed != NULL && tape != NULL && books != NULL);
    for (uint32_t i = 0; i < SERIES; i++)
        series[i] = (struct port_series){.series_id = series_id(i), .market = 1, .status = 1};
    struct port_snapshot part = {.is_first = true,
                                 .is_last = true,
                                 .height = 1,
                                 .series_count = SERIES,
                                 .series = series,
                                 .marks = marks};
    feed_snapshot(feed, &part);
    subscribe(feed, TENOR__V1__CHANNEL__BOOK);
    subscribe(feed, TENOR__V1__CHANNEL__ORDERS);
    for (uint64_t height = 2; height < 2 + BLOCKS; height++) {
        is_full = height % 250 > 240; /* reads slowly now and then */
        if (!is_full) feed_ready(feed, 0);
        for (uint64_t i = tn_random_below(&random, 12); i > 0; i--) {
            struct port_order order = change(live, &random);
            struct port_step step = {.block = height, .market = 1, .orders_count = 1};
            feed_step(feed, &step, NULL, &order);
        }
        struct port_block block = {.height = height};
        feed_block(feed, &block);
    }
    write_books(books, feed);
    feed_free(feed);
    return fclose(tape) != 0 || fclose(books) != 0;
}
