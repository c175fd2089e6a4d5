/* fuzz_feed: market data under any sequence of what may happen to it: subscriptions of any numbers,
 * orders that come, move and go, blocks, trades, slow readers, gaps and snapshots, clients that go.
 * Clients keep books as the protocol tells them to, so a message that does not follow is found; at
 * the end all that is kept must be what the mirror holds, and the mirror must be in order. */
#include "feed_keeper.h"
#include "gateway/feed.h"

#include <string.h>

enum { CLIENTS = 3, SERIES = 4, LIVE = 24 };

struct world {
    const uint8_t *data;
    size_t size;
    struct feed *feed;
    struct feed_keeper keepers[CLIENTS];
    bool full[CLIENTS];
    struct port_order live[LIVE];
    uint64_t height, last_id;
    bool asks;
};

static uint8_t next(struct world *world)
{
    if (world->size == 0) return 0;
    world->size--;
    return *world->data++;
}

static uint64_t series_id(uint32_t number)
{
    uint64_t id;
    struct tn_series_terms terms = {
        .underlying = 1, .kind = TN_CALL, .expiry_day = 2555, .strike = 10000 * (number + 1)};
    TN_ASSERT(tn_series_pack(&id, &terms));
    return id;
}

/* A channel that ends or begins anew: what follows need not follow what was. */
static void forget(struct feed_keeper *keeper)
{
    for (uint32_t i = 0; i < keeper->series_count; i++)
        keeper->series[i].trades = 0;
    keeper->blocks = keeper->liquidations = 0;
}

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    struct world *world = context;
    if (!must && world->full[client]) return false;
    if (world->asks) return true;
    struct feed_keeper *keeper = &world->keepers[client];
    uint64_t gaps = keeper->gaps;
    TN_ASSERT(feed_keeper_take(keeper, bytes, size));
    if (keeper->gaps != gaps) forget(keeper);
    return true;
}

static void subscribe(struct world *world, uint32_t client, bool on)
{
    struct wire_fault fault;
    uint64_t ids[2] = {series_id(next(world) % 6), series_id(next(world) % 5)};
    uint8_t channel = next(world) % 10, count = next(world) % 4;
    static const uint32_t depths[] = {0, 1, 5, 10, 3};
    forget(&world->keepers[client]);
    if (on) {
        Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
        message.market = 1 + next(world) / 250;
        message.channel = (Tenor__V1__Channel)channel;
        message.n_series_id = count % 3;
        message.series_id = ids;
        message.depth = depths[next(world) % 5];
        feed_subscribe(world->feed, &fault, client, 9, &message);
    } else {
        Tenor__V1__Unsubscribe message = TENOR__V1__UNSUBSCRIBE__INIT;
        message.market = 1;
        message.channel = (Tenor__V1__Channel)channel;
        message.n_series_id = count % 3;
        message.series_id = ids;
        feed_unsubscribe(world->feed, &fault, client, 9, &message);
    }
}

static void ask(struct world *world, uint32_t client)
{
    struct wire_fault fault;
    Tenor__V1__GetBook book = TENOR__V1__GET_BOOK__INIT;
    Tenor__V1__GetTrades trades = TENOR__V1__GET_TRADES__INIT;
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    book.market = trades.market = 1;
    book.series_id = trades.series_id = series_id(next(world) % 5);
    book.depth = next(world);
    trades.count = next(world);
    bool is_book = next(world) % 2 == 0;
    question.body_case =
        is_book ? TENOR__V1__TO_NODE__BODY_GET_BOOK : TENOR__V1__TO_NODE__BODY_GET_TRADES;
    if (is_book) {
        question.get_book = &book;
    } else {
        question.get_trades = &trades;
    }
    world->asks = true;
    feed_query(world->feed, &fault, client, &question);
    world->asks = false;
}

/* Some orders come, go, shrink or move, and perhaps trade. */
static void step(struct world *world)
{
    struct port_order orders[3];
    struct tn_event event = {.kind = TN_EVENT_TRADE, .price = 7, .quantity = 2};
    uint32_t count = 0, first = next(world) % LIVE;
    for (uint32_t i = 0; i < 1u + next(world) % 3u; i++) {
        struct port_order *order = &world->live[(first + i) % LIVE];
        uint8_t what = next(world);
        if (order->quantity == 0) {
            *order = (struct port_order){.series_id = series_id(what % SERIES),
                                         .order_id = ++world->last_id,
                                         .price = 1 + what / 4 % 16,
                                         .quantity = 1 + next(world),
                                         .side = what / 64 % 2,
                                         .last = true};
        } else {
            order->last = what % 4 == 0;
            if (order->last) order->price = 1 + what / 4 % 16;
            if (what % 4 == 1) order->quantity = 0;
            if (what % 4 == 2) order->quantity -= order->quantity / 2;
        }
        orders[count++] = *order;
    }
    event.series_id = series_id(next(world) % 5);
    struct port_step told = {.block = world->height + 1,
                             .market = 1,
                             .events_count = next(world) % 2,
                             .orders_count = count};
    feed_step(world->feed, &told, &event, orders);
}

static void block(struct world *world)
{
    struct port_block told = {.height = ++world->height};
    struct port_marks marks = {.market = 1, .marks_count = 1, .is_mark = true};
    struct port_mark mark = {.series_id = series_id(next(world) % SERIES), .mark_micros = 5};
    if (next(world) % 4 == 0) feed_marks(world->feed, &marks, &mark, NULL);
    feed_block(world->feed, &told);
}

/* Orders of a level stand in the order of the mirror that was: any will do for a snapshot. */
static void snapshot(struct world *world)
{
    struct port_series series[SERIES];
    struct port_mark marks[SERIES] = {0};
    struct port_order orders[LIVE];
    uint32_t count = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        series[i] = (struct port_series){.series_id = series_id(i), .market = 1, .status = 1};
        for (uint32_t j = 0; j < LIVE; j++) {
            if (world->live[j].quantity == 0 || world->live[j].series_id != series_id(i)) continue;
            orders[count++] = world->live[j];
            series[i].orders_count++;
        }
    }
    struct port_snapshot part = {.is_first = true,
                                 .is_last = true,
                                 .height = world->height,
                                 .series_count = SERIES,
                                 .orders_count = count,
                                 .series = series,
                                 .marks = marks,
                                 .orders = orders};
    for (uint32_t i = 0; i < CLIENTS; i++)
        forget(&world->keepers[i]);
    feed_snapshot(world->feed, &part);
}

static void act(struct world *world)
{
    uint8_t what = next(world);
    uint32_t client = what / 16 % CLIENTS;
    switch (what % 16) {
        case 0: subscribe(world, client, false); return;
        case 1:
        case 2:
        case 3: subscribe(world, client, true); return;
        case 4: world->full[client] = true; return;
        case 5:
            world->full[client] = false;
            feed_ready(world->feed, client);
            return;
        case 6:
            feed_gone(world->feed, client);
            forget(&world->keepers[client]);
            return;
        case 7: ask(world, client); return;
        case 8:
            if (what < 64) feed_gap(world->feed);
            snapshot(world); /* between blocks or in one: it stands for now */
            return;
        case 9:
        case 10: block(world); return;
        default: step(world); return;
    }
}

/* Everybody reads all of everything, from now on and from the beginning. */
static void settle(struct world *world)
{
    struct wire_fault fault;
    const struct tn_books *books = feed_books(world->feed, 1);
    block(world);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        world->full[client] = false;
        feed_ready(world->feed, client);
        Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
        message.market = 1;
        message.channel = TENOR__V1__CHANNEL__BOOK;
        world->keepers[client].depth = 8192;
        TN_ASSERT(feed_subscribe(world->feed, &fault, client, 0, &message) == WIRE_ERROR_NONE);
        message.channel = TENOR__V1__CHANNEL__ORDERS;
        TN_ASSERT(feed_subscribe(world->feed, &fault, client, 0, &message) == WIRE_ERROR_NONE);
    }
    for (uint32_t i = 0; i < 4; i++)
        step(world);
    block(world);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        for (uint32_t i = 0; i < SERIES; i++) {
            uint32_t book = feed_book(world->feed, 1, series_id(i));
            struct feed_keeper *keeper = &world->keepers[client];
            TN_ASSERT(feed_keeper_same_levels(keeper, series_id(i), books, book));
            TN_ASSERT(feed_keeper_same_orders(keeper, series_id(i), books, book));
        }
    }
    tn_book_check(books, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct feed_options options;
    memset(&world, 0, sizeof world);
    world.data = data;
    world.size = size;
    world.height = 90;
    feed_options_default(&options);
    options.markets[0] = (struct feed_market_limits){
        .market = 1, .series_max = 8, .orders_max = 64, .levels_max = 64};
    options.subscribers_max = CLIENTS;
    options.trades_max = options.liquidations_max = options.blocks_max = 1024;
    options.send = take;
    options.context = &world;
    world.feed = feed_make(&options);
    TN_ASSERT(world.feed != NULL);
    for (uint32_t i = 0; i < CLIENTS; i++)
        feed_keeper_open(&world.keepers[i], 0);
    snapshot(&world);
    while (world.size > 0)
        act(&world);
    settle(&world);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        feed_gone(world.feed, i);
        feed_keeper_close(&world.keepers[i]);
    }
    feed_free(world.feed);
    return 0;
}
