#include "feed_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARKET = 3 };

uint64_t case_series(uint32_t number)
{
    uint64_t id;
    struct tn_series_terms terms = {
        .underlying = 1, .kind = TN_CALL, .expiry_day = 2555, .strike = 10000 * (uint64_t)number};
    if (number == 0) return 0;
    TN_ASSERT(tn_series_pack(&id, &terms));
    return id;
}

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    struct feed_case *test = context;
    struct case_client *to = &test->clients[client];
    if (!must && to->room == 0) return false;
    if (!must) to->room--;
    to->bytes_count += size;
    to->bytes_crc = tn_crc32c(to->bytes_crc, TN_CPU_BASE, bytes, size);
    memcpy(to->last, bytes, size);
    to->last_size = size;
    if (!to->asks && !feed_keeper_take(&to->keeper, bytes, size)) {
        fprintf(stderr, "client %u: %s\n", client, to->keeper.fault);
        TN_ASSERT(false);
    }
    return true;
}

static struct port_series series_of(uint32_t number, enum tn_status status)
{
    struct port_series told = {
        .series_id = case_series(number),
        .market = MARKET,
        .status = status,
        .micros_per_tick = 1000,
        .tick_micros = 10000,
        .lots_per_unit_micros = 10000000,
        .schedule = {.steps_count = 2, .steps = {{0, 1}, {100, 5}}},
        .settlement_micros = status == TN_STATUS_SETTLED ? 777 : 0,
    };
    snprintf(told.name, sizeof told.name, "BTC-25DEC26-%u-C", number);
    snprintf(told.symbol, sizeof told.symbol, "BTC");
    return told;
}

void case_snapshot(struct feed_case *test, uint32_t series)
{
    struct port_series *list = calloc(series + 1, sizeof *list);
    struct port_mark *marks = calloc(series + 1, sizeof *marks);
    TN_ASSERT(list != NULL && marks != NULL);
    for (uint32_t i = 0; i < series; i++) {
        list[i] = series_of(i + 1, TN_STATUS_ACTIVE);
        marks[i] = (struct port_mark){.series_id = list[i].series_id, .mark_micros = 5000};
    }
    struct port_index index = {.underlying = 1, .index_micros = 60000};
    uint32_t market = MARKET;
    struct port_snapshot part = {.is_first = true,
                                 .is_last = true,
                                 .height = test->height,
                                 .series_count = series,
                                 .indexes_count = 1,
                                 .series = list,
                                 .marks = marks,
                                 .indexes = &index,
                                 .index_markets = &market};
    feed_snapshot(test->feed, &part);
    free(list);
    free(marks);
}

static void note_later(void *context, uint32_t client)
{
    struct feed_case *test = context;
    test->clients[client].is_later = true;
}

void feed_case_open_paying(struct feed_case *test, uint32_t series,
                           const struct feed_market_limits *limits, uint32_t pay_max)
{
    struct feed_options options;
    *test = (struct feed_case){.height = 1000};
    feed_options_default(&options);
    options.markets_count = 2;
    options.markets[0].market = 1;
    options.markets[1] = *limits;
    options.markets[1].market = MARKET;
    options.subscribers_max = 3;
    options.trades_max = options.liquidations_max = options.blocks_max = 1024;
    options.send = take;
    options.pay_max = pay_max;
    options.later = note_later;
    options.context = test;
    test->feed = feed_make(&options);
    test->clients = calloc(CASE_CLIENTS, sizeof *test->clients);
    test->orders = calloc(CASE_ORDERS_MAX, sizeof *test->orders);
    test->events = calloc(CASE_EVENTS_MAX, sizeof *test->events);
    TN_ASSERT(test->feed != NULL && test->clients != NULL);
    TN_ASSERT(test->orders != NULL && test->events != NULL);
    for (uint32_t i = 0; i < CASE_CLIENTS; i++) {
        feed_keeper_open(&test->clients[i].keeper, 0);
        test->clients[i].room = UINT64_MAX;
    }
    case_snapshot(test, series);
}

void feed_case_open_with(struct feed_case *test, uint32_t series,
                         const struct feed_market_limits *limits)
{
    feed_case_open_paying(test, series, limits, 0);
}

void feed_case_open(struct feed_case *test, uint32_t series)
{
    struct feed_market_limits limits = {
        .series_max = 1000, .orders_max = 100000, .levels_max = 100000};
    feed_case_open_with(test, series, &limits);
}

void feed_case_close(struct feed_case *test)
{
    for (uint32_t i = 0; i < CASE_CLIENTS; i++) {
        feed_gone(test->feed, i);
        feed_keeper_close(&test->clients[i].keeper);
    }
    feed_free(test->feed);
    free(test->clients);
    free(test->orders);
    free(test->events);
}

void case_order(struct feed_case *test, uint32_t series, uint64_t id, enum tn_side side,
                tn_ticks price, tn_lots quantity, bool last)
{
    TN_ASSERT(test->orders_count < CASE_ORDERS_MAX);
    test->orders[test->orders_count++] = (struct port_order){.series_id = case_series(series),
                                                             .order_id = id,
                                                             .price = price,
                                                             .quantity = quantity,
                                                             .side = (uint8_t)side,
                                                             .last = last};
}

static struct tn_event *add_event(struct feed_case *test, enum tn_event_kind kind)
{
    TN_ASSERT(test->events_count < CASE_EVENTS_MAX);
    test->events[test->events_count] = (struct tn_event){.kind = (uint8_t)kind};
    return &test->events[test->events_count++];
}

void case_trade(struct feed_case *test, uint32_t series, tn_ticks price, tn_lots quantity)
{
    struct tn_event *event = add_event(test, TN_EVENT_TRADE);
    event->series_id = case_series(series);
    event->price = price;
    event->quantity = quantity;
}

void case_liquidation(struct feed_case *test, uint32_t account)
{
    struct tn_event *event = add_event(test, TN_EVENT_LIQUIDATION);
    event->account = account;
    event->index = TN_LIQUIDATION_SLICES;
    event->price = -5;
    event->quantity = 9;
}

void case_status(struct feed_case *test, uint32_t series, enum tn_status status)
{
    struct port_series told = series_of(series, status);
    bool known = feed_book(test->feed, MARKET, told.series_id) != TN_NONE;
    feed_series(test->feed, &told);
    struct tn_event *event = add_event(test, known ? TN_EVENT_STATUS : TN_EVENT_LISTED);
    event->series_id = told.series_id;
    event->index = status;
}

void case_step(struct feed_case *test)
{
    struct port_step step = {.block = test->height + 1,
                             .time_ms = 77,
                             .market = MARKET,
                             .events_count = test->events_count,
                             .orders_count = test->orders_count};
    feed_step(test->feed, &step, test->events, test->orders);
    test->events_count = test->orders_count = 0;
}

void case_block(struct feed_case *test)
{
    if (test->events_count + test->orders_count > 0) case_step(test);
    struct port_block block = {.height = ++test->height, .time_ms = 78, .markets_count = 2};
    block.heads[0].market = 1;
    block.heads[1].market = MARKET;
    feed_block(test->feed, &block);
}

enum wire_error case_subscribe(struct feed_case *test, uint32_t client, Tenor__V1__Channel channel,
                               uint32_t series, uint32_t depth)
{
    uint64_t id = case_series(series);
    Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
    message.market = MARKET;
    message.channel = channel;
    message.depth = depth;
    message.n_series_id = series != 0;
    message.series_id = &id;
    if (channel == TENOR__V1__CHANNEL__BOOK && depth != 0) {
        test->clients[client].keeper.depth = depth;
    }
    return feed_subscribe(test->feed, &test->fault, client, 40 + client, &message);
}

enum wire_error case_unsubscribe(struct feed_case *test, uint32_t client,
                                 Tenor__V1__Channel channel, uint32_t series)
{
    uint64_t id = case_series(series);
    Tenor__V1__Unsubscribe message = TENOR__V1__UNSUBSCRIBE__INIT;
    message.market = MARKET;
    message.channel = channel;
    message.n_series_id = series != 0;
    message.series_id = &id;
    return feed_unsubscribe(test->feed, &test->fault, client, 50 + client, &message);
}

bool case_same_levels(struct feed_case *test, uint32_t client, uint32_t series)
{
    return feed_keeper_same_levels(&test->clients[client].keeper, case_series(series),
                                   feed_books(test->feed, MARKET),
                                   feed_book(test->feed, MARKET, case_series(series)));
}

bool case_same_orders(struct feed_case *test, uint32_t client, uint32_t series)
{
    return feed_keeper_same_orders(&test->clients[client].keeper, case_series(series),
                                   feed_books(test->feed, MARKET),
                                   feed_book(test->feed, MARKET, case_series(series)));
}

struct kept_series *case_kept(struct feed_case *test, uint32_t client, uint32_t series)
{
    return feed_keeper_series(&test->clients[client].keeper, case_series(series));
}
