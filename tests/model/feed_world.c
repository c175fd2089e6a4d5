/* The node's thread and its clients, played. */
#include "feed_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t below(struct feed_world *world, uint32_t bound)
{
    return (uint32_t)tn_random_below(&world->random, bound);
}

static bool fail(struct feed_world *world, const char *what, uint64_t which, const char *more)
{
    snprintf(world->fault, sizeof world->fault, "height %llu: %s %llx: %s",
             (unsigned long long)world->height, what, (unsigned long long)which, more);
    return false;
}

/* ---- Clients ---- */

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    struct feed_world *world = context;
    struct world_client *to = &world->clients[client];
    if (!must && to->is_slow_now && below(world, 3) == 0) {
        world->refused++;
        return false;
    }
    world->sent++;
    uint64_t gaps = to->keeper.gaps;
    feed_keeper_take(&to->keeper, bytes, size);
    if (to->keeper.gaps > gaps) to->trades_lost = true;
    return true;
}

static void subscribe(struct feed_world *world, uint32_t client, Tenor__V1__Channel channel,
                      uint32_t depth)
{
    struct wire_fault fault;
    Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
    message.market = WORLD_MARKET;
    message.channel = channel;
    message.depth = depth;
    enum wire_error error = feed_subscribe(world->feed, &fault, client, client, &message);
    if (error != WIRE_ERROR_NONE) fail(world, "subscribe", (uint64_t)error, fault.text);
}

/* Counts trades from here on. */
static void follow_trades(struct feed_world *world, uint32_t client)
{
    struct world_client *to = &world->clients[client];
    if (!to->orders) return;
    to->trades_lost = false;
    to->trades_before = world->trades;
    to->kept_before = 0;
    for (uint32_t i = 0; i < to->keeper.series_count; i++) {
        to->kept_before += to->keeper.series[i].trades_quantity;
        to->keeper.series[i].trades = 0;
    }
    to->keeper.blocks = to->keeper.liquidations = 0;
    subscribe(world, client, TENOR__V1__CHANNEL__TRADES, 0);
    subscribe(world, client, TENOR__V1__CHANNEL__LIQUIDATIONS, 0);
    subscribe(world, client, TENOR__V1__CHANNEL__BLOCKS, 0);
}

static void open_clients(struct feed_world *world)
{
    static const uint32_t depths[WORLD_CLIENTS] = {0, 1, 10, 5, 0, 20};
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        struct world_client *client = &world->clients[i];
        client->depth = depths[i];
        client->orders = depths[i] == 0;
        client->slow = i >= 3;
        feed_keeper_open(&client->keeper, client->depth);
        subscribe(world, i, TENOR__V1__CHANNEL__BOOK, client->depth);
        subscribe(world, i, TENOR__V1__CHANNEL__TICKER, 0);
        subscribe(world, i, TENOR__V1__CHANNEL__INSTRUMENTS, 0);
        subscribe(world, i, TENOR__V1__CHANNEL__MARKS, 0);
        if (client->orders) subscribe(world, i, TENOR__V1__CHANNEL__ORDERS, 0);
        follow_trades(world, i);
    }
}

/* ---- What the node's thread tells ---- */

static struct port_series series_of(const struct feed_world *world, uint64_t id)
{
    struct tn_series_view view = {0};
    struct port_series told = {.market = WORLD_MARKET};
    if (!tn_exchange_series(world->exchange, &view, id)) return told;
    told.series_id = id;
    told.status = view.status;
    snprintf(told.name, sizeof told.name, "S-%llx", (unsigned long long)id);
    snprintf(told.symbol, sizeof told.symbol, "BTC");
    return told;
}

/* Series after the cursor, with their orders. */
static void tell_part(struct feed_world *world)
{
    enum { PART = 7 };
    struct port_series series[PART];
    struct port_mark marks[PART];
    const struct tn_books *books = tn_exchange_books(world->exchange);
    const struct tn_resting *resting = tn_book_resting((struct tn_books *)(uintptr_t)books);
    uint32_t count = tn_exchange_series_ids(world->exchange, world->series, 4096), used = 0;
    uint64_t orders_count = 0;
    uint32_t i = 0;
    for (; i < count && used < PART; i++) {
        struct tn_series_view view;
        if (world->series[i] <= world->cursor) continue;
        world->cursor = world->series[i];
        series[used] = series_of(world, world->series[i]);
        marks[used] = (struct port_mark){.series_id = world->series[i]};
        TN_ASSERT(tn_exchange_series(world->exchange, &view, world->series[i]));
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t slot = tn_book_front(books, view.book, (enum tn_side)side);
            for (; slot != TN_NONE; slot = tn_book_after(books, slot)) {
                TN_ASSERT(orders_count < world->orders_room);
                world->orders[orders_count++] = (struct port_order){
                    .series_id = view.id,
                    .order_id = resting[slot].id,
                    .price = resting[slot].price,
                    .quantity = resting[slot].quantity,
                    .side = (uint8_t)side,
                };
                series[used].orders_count++;
            }
        }
        used++;
    }
    struct port_snapshot part = {
        .is_first = world->first_part,
        .is_last = i == count,
        .height = world->height,
        .series_count = used,
        .orders_count = orders_count,
        .series = series,
        .marks = marks,
        .orders = world->orders,
    };
    world->first_part = false;
    world->loading = !part.is_last;
    feed_snapshot(world->feed, &part);
    if (!part.is_last) return;
    world->gap = false;
    for (uint32_t client = 0; client < WORLD_CLIENTS; client++) {
        if (world->clients[client].trades_lost) follow_trades(world, client);
    }
}

static void begin_snapshot(struct feed_world *world)
{
    world->snapshots++;
    world->loading = world->first_part = true;
    world->cursor = 0;
}

void feed_world_open(struct feed_world *world, struct tn_exchange *exchange,
                     const struct tn_exchange_limits *limits, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->exchange = exchange;
    world->random = seed;
    struct feed_options options;
    feed_options_default(&options);
    options.markets[0] = (struct feed_market_limits){.market = WORLD_MARKET,
                                                     .series_max = limits->series_max,
                                                     .orders_max = limits->orders_max,
                                                     .levels_max = limits->levels_max};
    options.subscribers_max = 100;
    options.send = take;
    options.context = world;
    world->feed = feed_make(&options);
    TN_ASSERT(world->feed != NULL);
    world->orders_room = 2 * tn_exchange_events_max(limits) + limits->orders_max;
    world->orders = malloc(world->orders_room * sizeof *world->orders);
    TN_ASSERT(world->orders != NULL);
    begin_snapshot(world);
    tell_part(world);
    open_clients(world);
}

void feed_world_close(struct feed_world *world)
{
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        feed_gone(world->feed, i);
        feed_keeper_close(&world->clients[i].keeper);
    }
    struct feed_counters counters;
    feed_counters(world->feed, &counters);
    TN_ASSERT(counters.subscribers == 0);
    feed_free(world->feed);
    free(world->orders);
}

/* ---- Comparing ---- */

/* The mirror makes room by the series that was settled first, as the exchange does. A snapshot does
 * not say in which order those in it were settled: after one that followed the first, a settled
 * series may have left here sooner than there. */
static bool has_left(const struct feed_world *world, const struct tn_series_view *view)
{
    return world->snapshots > 1 && view->status == TN_STATUS_SETTLED &&
           feed_book(world->feed, WORLD_MARKET, view->id) == TN_NONE;
}

static bool same_book(struct feed_world *world, uint64_t series_id)
{
    struct tn_series_view view;
    const struct tn_books *theirs = tn_exchange_books(world->exchange);
    const struct tn_books *ours = feed_books(world->feed, WORLD_MARKET);
    uint32_t book = feed_book(world->feed, WORLD_MARKET, series_id);
    if (world->gap || world->loading) return true;
    if (!tn_exchange_series(world->exchange, &view, series_id)) return true;
    if (has_left(world, &view)) return true;
    if (book == TN_NONE) return fail(world, "series", series_id, "is not in the mirror");
    const struct tn_resting *there = tn_book_resting((struct tn_books *)(uintptr_t)theirs);
    const struct tn_resting *here = tn_book_resting((struct tn_books *)(uintptr_t)ours);
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t a = tn_book_front(theirs, view.book, (enum tn_side)side);
        uint32_t b = tn_book_front(ours, book, (enum tn_side)side);
        while (a != TN_NONE && b != TN_NONE && there[a].id == here[b].id &&
               there[a].price == here[b].price && there[a].quantity == here[b].quantity) {
            a = tn_book_after(theirs, a);
            b = tn_book_after(ours, b);
        }
        if (a != TN_NONE || b != TN_NONE) {
            return fail(world, "order", a != TN_NONE ? there[a].id : here[b].id,
                        "stands otherwise in the mirror");
        }
    }
    return true;
}

static bool same_everywhere(struct feed_world *world)
{
    const struct tn_books *books = tn_exchange_books(world->exchange);
    uint32_t count = tn_exchange_series_ids(world->exchange, world->series, 4096);
    if (world->gap || world->loading) return true;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        if (!same_book(world, world->series[i])) return false;
        if (!tn_exchange_series(world->exchange, &view, world->series[i])) continue;
        if (has_left(world, &view)) continue;
        for (uint32_t j = 0; j < WORLD_CLIENTS; j++) {
            struct world_client *client = &world->clients[j];
            struct feed_keeper *keeper = &client->keeper;
            if (client->is_slow_now) continue;
            if (!feed_keeper_same_levels(keeper, view.id, books, view.book) ||
                !feed_keeper_same_ticker(keeper, view.id, books, view.book) ||
                (client->orders && !feed_keeper_same_orders(keeper, view.id, books, view.book))) {
                return fail(world, "client", j, keeper->fault);
            }
            if (feed_keeper_series(keeper, view.id)->status != (uint64_t)view.status) {
                return fail(world, "client", j, "knows another status");
            }
        }
    }
    tn_book_check(feed_books(world->feed, WORLD_MARKET), true);
    return true;
}

static bool same_trades(struct feed_world *world)
{
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        const struct world_client *client = &world->clients[i];
        if (!client->orders || client->is_slow_now || client->trades_lost) continue;
        uint64_t kept = 0;
        for (uint32_t j = 0; j < client->keeper.series_count; j++)
            kept += client->keeper.series[j].trades_quantity;
        if (kept - client->kept_before != world->trades - client->trades_before) {
            return fail(world, "client", i, "has not heard of all trades");
        }
    }
    return true;
}

/* ---- Steps and blocks ---- */

bool feed_world_step(struct feed_world *world, const struct tn_event *events, uint32_t count)
{
    struct port_step step = {.block = world->height + 1,
                             .market = WORLD_MARKET,
                             .account = TN_NONE,
                             .events_count = count};
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].kind == TN_EVENT_TRADE && !world->gap) {
            world->trades += (uint64_t)events[i].quantity;
        }
        if (events[i].kind == TN_EVENT_LISTED || events[i].kind == TN_EVENT_STATUS) {
            struct port_series told = series_of(world, events[i].series_id);
            if (told.series_id != 0) feed_series(world->feed, &told);
        }
    }
    step.orders_count =
        port_orders_of(world->orders, world->orders_room, world->exchange, events, count);
    feed_step(world->feed, &step, events, world->orders);
    world->steps++;
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].series_id != 0 && events[i].kind != TN_EVENT_RESULT &&
            (i == 0 || events[i].series_id != events[i - 1].series_id) &&
            !same_book(world, events[i].series_id)) {
            return false;
        }
    }
    return true;
}

static void tell_block(struct feed_world *world)
{
    struct port_block block = {.height = ++world->height,
                               .time_ms = (int64_t)world->height * 250,
                               .markets_count = 1,
                               .heads = {{.market = WORLD_MARKET, .term = 1}}};
    if (world->height % 4 == 0) {
        struct port_marks marks = {.market = WORLD_MARKET, .indexes_count = 1, .is_mark = true};
        struct port_index index = {.underlying = 1, .index_micros = (int64_t)world->height};
        feed_marks(world->feed, &marks, NULL, &index);
    }
    feed_block(world->feed, &block);
}

static bool no_faults(struct feed_world *world)
{
    if (world->fault[0] != 0) return false;
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        if (world->clients[i].keeper.fault[0] == 0) continue;
        return fail(world, "client", i, world->clients[i].keeper.fault);
    }
    return true;
}

bool feed_world_block(struct feed_world *world)
{
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        if (world->clients[i].slow) world->clients[i].is_slow_now |= below(world, 4) == 0;
    }
    tell_block(world);
    if (world->loading) {
        tell_part(world);
    } else if (world->gap) {
        if (below(world, 4) == 0) begin_snapshot(world);
    } else if (below(world, 400) == 0) {
        feed_gap(world->feed);
        world->gap = true;
    }
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        if (below(world, 3) == 0) feed_ready(world->feed, i);
    }
    return no_faults(world) && (below(world, 8) != 0 || same_everywhere(world));
}

bool feed_world_settle(struct feed_world *world)
{
    if (world->gap && !world->loading) begin_snapshot(world);
    tell_block(world);
    while (world->loading)
        tell_part(world);
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        world->clients[i].is_slow_now = false;
        feed_ready(world->feed, i);
    }
    return no_faults(world) && same_everywhere(world) && same_trades(world);
}
