/* Soft market data under a random market: a desk that two kinds of turns work at, terms that end,
 * rings that overflow, readers that are slow, subscribers that come and go.
 *
 * The naive twin is the desk's own market. Whenever all that was told is taken in, what each client
 * keeps from the messages is the desk's book, series by series; a term that ends is heard of by
 * all, and they hold the next desk's books again or know that the leader is elsewhere. And what is
 * told softly is what becomes final: every trade that the replica executes was told at its place,
 * in order, and nothing else below the end of the term.
 *
 * TENOR_SEED=n begins with that stream. */
#include "cluster/desk_teller.h"
#include "desk_stream.h"
#include "feed_keeper.h"
#include "gateway/soft.h"
#include "seed.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNS    2
#define ENTRIES 600
#endif
#endif
#ifndef RUNS
#define RUNS    RISK_THEMES
#define ENTRIES 1500
#endif

enum { CLIENTS = 6, SERIES_MAX = 4096, TRADES_MAX = 1 << 16, SMALL_RING = 1 << 16 };

struct soft_trade {
    struct tn_desk_place place;
    uint64_t series_id, maker_order_id;
    tn_ticks price;
    tn_lots quantity;
};
struct trade_list {
    struct soft_trade trades[TRADES_MAX];
    uint32_t count;
};

static struct world {
    struct desk_teller *teller;
    struct gateway_soft *soft;
    struct feed_keeper clients[CLIENTS];
    bool is_there[CLIENTS]; /* has subscribed */
    bool is_slow_now[CLIENTS];
    uint64_t errors[CLIENTS]; /* of the keeper, that were seen to */
    struct port_lead lead;
    struct trade_list heard;   /* by client 0: that are not final */
    struct tn_desk_place from; /* client 0 was told of all trades from here on */
    uint64_t series[SERIES_MAX];
    struct last_trade {
        uint64_t series_id, volume;
        tn_ticks price;
    } last[SERIES_MAX]; /* since the desk's books were last read */
    uint32_t last_count;
    bool is_held;
} world;

/* Beside BOOK_SOFT. */
static const bool has_orders[CLIENTS] = {false, true, false, true, true, false};
static const bool has_ticker[CLIENTS] = {false, false, true, true, false, true};

static struct counted {
    uint64_t compared, books, orders, tickers, last_trades, ends, elsewhere, refused, slow, trades,
        gaps, reverted, loads, crcs, lost;
} counted;

/* ---- The node's side ---- */

static void hold(void *context)
{
    (void)context;
    assert_false(world.is_held);
    world.is_held = true;
}

static void release(void *context)
{
    (void)context;
    assert_true(world.is_held);
    world.is_held = false;
    desk_teller_publish(world.teller);
}

static void want(void *context, struct port_lead *lead, uint32_t market)
{
    (void)context;
    assert_true(world.is_held);
    desk_teller_now(world.teller, lead, market);
    if (!lead->leads) return;
    const struct tn_desk_place next = tn_desk_place(desk_case.desk);
    world.from = next;
    world.last_count = 0;
    desk_teller_want(world.teller, market, &next, tn_desk_market(desk_case.desk));
}

static void leave(void *context, uint32_t market)
{
    (void)context;
    assert_true(world.is_held);
    desk_teller_leave(world.teller, market);
}

static bool part(void *context, uint32_t market)
{
    (void)context;
    assert_true(world.is_held);
    const struct tn_desk_place next = tn_desk_place(desk_case.desk);
    return desk_teller_part(world.teller, market, &next, tn_desk_market(desk_case.desk));
}

static struct last_trade *last_trade(uint64_t series_id)
{
    for (uint32_t i = 0; i < world.last_count; i++) {
        if (world.last[i].series_id == series_id) return &world.last[i];
    }
    assert_true(world.last_count < SERIES_MAX);
    world.last[world.last_count] = (struct last_trade){.series_id = series_id};
    return &world.last[world.last_count++];
}

static void on_step(const struct tn_desk_place *place, const struct tn_market_step *step)
{
    for (uint32_t i = 0; i < step->events_count; i++) {
        if (step->events[i].kind != TN_EVENT_TRADE) continue;
        struct last_trade *last = last_trade(step->events[i].series_id);
        last->price = step->events[i].price;
        last->volume += (uint64_t)step->events[i].quantity;
    }
    desk_teller_step(world.teller, world.lead.market, place, tn_desk_market(desk_case.desk), step);
}

static void tell_lead(bool leads, bool is_own)
{
    hold(NULL);
    world.lead.leads = leads;
    world.lead.is_own = is_own;
    world.lead.term = desk_case.term;
    snprintf(world.lead.clients, sizeof world.lead.clients, "host.example:7000");
    desk_teller_lead(world.teller, &world.lead);
    release(NULL);
}

static void on_ended(uint64_t sequence)
{
    world.lead.sequence = sequence;
    tell_lead(false, chance(60));
    if (chance(50)) (void)gateway_soft_turn(world.soft);
}

static void on_began(void)
{
    tell_lead(true, true);
}

/* ---- Clients ---- */

static bool take(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    (void)context;
    if (!must && world.is_slow_now[client] && chance(40)) {
        counted.slow++;
        return false;
    }
    feed_keeper_take(&world.clients[client], bytes, size);
    return true;
}

static void on_trade(void *context, const Tenor__V1__Trade *trade)
{
    (void)context;
    assert_true(world.heard.count < TRADES_MAX);
    world.heard.trades[world.heard.count++] =
        (struct soft_trade){.place = {trade->soft->term, trade->soft->sequence, trade->soft->index},
                            .series_id = trade->series_id,
                            .maker_order_id = trade->maker_order_id,
                            .price = trade->price,
                            .quantity = trade->quantity};
}

/* What is void is not waited for. */
static void on_soft_end(void *context, uint64_t sequence)
{
    (void)context;
    struct trade_list *heard = &world.heard;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < heard->count; i++) {
        if (heard->trades[i].place.sequence <= sequence) heard->trades[kept++] = heard->trades[i];
    }
    heard->count = kept;
}

static enum wire_error subscribe(uint32_t client, Tenor__V1__Channel channel, uint32_t depth)
{
    struct wire_fault fault;
    Tenor__V1__Subscribe message = TENOR__V1__SUBSCRIBE__INIT;
    message.market = world.lead.market;
    message.channel = channel;
    message.depth = depth;
    const enum wire_error error =
        gateway_soft_subscribe(world.soft, &fault, client, 1000 + client, &message);
    if (error == WIRE_ERROR_NONE) return error;
    assert_int_equal(error, WIRE_ERROR_SOFT_ELSEWHERE);
    assert_true(strstr(fault.text, "host.example:7000") != NULL ||
                strstr(fault.text, "about to lead") != NULL);
    counted.refused++;
    return error;
}

static void forget_books(struct feed_keeper *keeper)
{
    for (uint32_t i = 0; i < keeper->series_count; i++) {
        keeper->series[i].levels_count[TN_BUY] = keeper->series[i].levels_count[TN_SELL] = 0;
        keeper->series[i].orders_count[TN_BUY] = keeper->series[i].orders_count[TN_SELL] = 0;
        keeper->series[i].has_book = keeper->series[i].has_orders = false;
        keeper->series[i].has_ticker = keeper->series[i].more_orders = false;
        keeper->series[i].trades = 0;
    }
}

static void come(uint32_t client)
{
    static const uint32_t depths[CLIENTS] = {0, 1, 10, 5, 0, 20};
    if (subscribe(client, TENOR__V1__CHANNEL__BOOK_SOFT, depths[client]) != WIRE_ERROR_NONE) return;
    world.is_there[client] = true;
    world.clients[client].depth = depths[client] == 0 ? 8192 : depths[client];
    if (has_orders[client]) {
        assert_int_equal(subscribe(client, TENOR__V1__CHANNEL__ORDERS_SOFT, 0), WIRE_ERROR_NONE);
    }
    if (has_ticker[client]) {
        assert_int_equal(subscribe(client, TENOR__V1__CHANNEL__TICKER_SOFT, 0), WIRE_ERROR_NONE);
    }
    if (client != 0 && client != 3) return;
    assert_int_equal(subscribe(client, TENOR__V1__CHANNEL__TRADES_SOFT, 0), WIRE_ERROR_NONE);
    if (client != 0) return;
    world.heard.count = 0;
    world.from = tn_desk_place(desk_case.desk);
}

/* Channels that ended with an Error, and subscribers that go of their own will. */
static void see_to(uint32_t client)
{
    struct feed_keeper *keeper = &world.clients[client];
    if (keeper->gaps > world.errors[client]) {
        world.errors[client] = keeper->gaps;
        if (keeper->last_error == WIRE_ERROR_GAP) {
            counted.gaps++;
            forget_books(keeper); /* TRADES alone have ended: nothing is known of them any more */
            gateway_soft_gone(world.soft, client);
        } else {
            assert_int_equal(keeper->last_error, WIRE_ERROR_SOFT_ELSEWHERE);
            counted.elsewhere++;
        }
        assert_int_equal(keeper->error_request, 1000 + client);
        world.is_there[client] = false;
    } else if (world.is_there[client] && client != 0 && tn_random_below(&model.random, 500) == 0) {
        gateway_soft_gone(world.soft, client);
        world.is_there[client] = false;
    }
    if (world.is_there[client]) return;
    forget_books(keeper);
    if (chance(20)) come(client);
}

/* ---- Comparing ---- */

static void check_faults(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (world.clients[i].fault[0] == '\0') continue;
        print_error("client %u: %s\n", i, world.clients[i].fault);
        fail();
    }
}

/* No Error that it has not seen to has ended them. */
static bool has_channels(uint32_t client)
{
    return world.is_there[client] && world.clients[client].gaps == world.errors[client];
}

static bool same_ticker(uint32_t client, const struct tn_series_view *view,
                        const struct tn_books *books)
{
    struct feed_keeper *keeper = &world.clients[client];
    const struct kept_series *kept = feed_keeper_series(keeper, view->id);
    const struct last_trade *last = last_trade(view->id);
    if (kept->last_price != last->price || kept->volume != last->volume) {
        snprintf(keeper->fault, sizeof keeper->fault, "the last trade differs");
        return false;
    }
    counted.last_trades += last->volume > 0;
    return feed_keeper_same_ticker(keeper, view->id, books, view->book);
}

/* What the client has subscribed to, of one series. */
static bool same_series(uint32_t client, const struct tn_series_view *view,
                        const struct tn_books *books)
{
    struct feed_keeper *keeper = &world.clients[client];
    if (!feed_keeper_same_levels(keeper, view->id, books, view->book)) return false;
    counted.books++;
    if (has_orders[client]) {
        if (!feed_keeper_same_orders(keeper, view->id, books, view->book)) return false;
        counted.orders++;
    }
    if (!has_ticker[client]) return true;
    counted.tickers++;
    return same_ticker(client, view, books);
}

/* All that was told is taken in, and nobody is slow: every client has the desk's books. */
static void compare(void)
{
    const struct feed *feed = gateway_soft_feed(world.soft, world.lead.market);
    if (!feed_is_whole(feed) || !tn_desk_leads(desk_case.desk)) return;
    const struct tn_exchange *exchange = tn_market_exchange_of(tn_desk_market(desk_case.desk));
    const struct tn_books *books = tn_exchange_books(exchange);
    const uint32_t count = tn_exchange_series_ids(exchange, world.series, SERIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        assert_true(tn_exchange_series(exchange, &view, world.series[i]));
        for (uint32_t client = 0; client < CLIENTS; client++) {
            if (!has_channels(client) || world.is_slow_now[client]) continue;
            if (same_series(client, &view, books)) continue;
            print_error("client %u: series %" PRIx64 ": %s\n", client, view.id,
                        world.clients[client].fault);
            fail();
        }
    }
    counted.compared++;
}

static void read_all(void)
{
    uint32_t turns = 0;
    for (uint32_t twice = 0; twice < 2; twice++) { /* a ring that is full holds no word of it yet */
        hold(NULL);
        release(NULL);
        gateway_soft_woken(world.soft);
        while (gateway_soft_turn(world.soft))
            assert_true(turns++ < 100000);
    }
    check_faults();
}

static void turn_soft(void)
{
    read_all();
    compare();
    for (uint32_t i = 0; i < CLIENTS; i++) {
        see_to(i);
        if (i >= 3) world.is_slow_now[i] |= chance(10);
        if (world.is_slow_now[i] && chance(30)) {
            world.is_slow_now[i] = chance(50);
            gateway_soft_ready(world.soft, i);
        }
    }
    check_faults();
}

/* ---- What becomes final ---- */

static bool was_told(uint64_t sequence, uint32_t index)
{
    const struct tn_desk_place *from = &world.from;
    if (!has_channels(0)) return false;
    return sequence > from->sequence || (sequence == from->sequence && index >= from->index);
}

/* It is what client 0 was told softly, in the same order. */
static void on_executing(uint64_t sequence, const struct tn_market_step *step)
{
    struct trade_list *heard = &world.heard;
    for (uint32_t i = 0; i < step->events_count; i++) {
        const struct tn_event *event = &step->events[i];
        if (event->kind != TN_EVENT_TRADE) continue;
        if (heard->count == 0) read_all();
        if (!was_told(sequence, step->index)) continue;
        assert_true(heard->count > 0);
        const struct soft_trade *first = &heard->trades[0];
        assert_int_equal(first->place.sequence, sequence);
        assert_int_equal(first->place.index, step->index);
        assert_true(first->series_id == event->series_id && first->price == event->price &&
                    first->quantity == event->quantity &&
                    first->maker_order_id == event->other_order_id);
        memmove(heard->trades, heard->trades + 1, --heard->count * sizeof heard->trades[0]);
        counted.trades++;
    }
}

/* ---- The world ---- */

static void open_world(uint64_t seed)
{
    static struct tn_chain_limits limits;
    struct feed_options feed;
    open_model(seed);
    memset(&world, 0, sizeof world);
    limits.markets_count = 1;
    limits.markets[0] = stream_case.limits;
    world.lead.market = stream_case.limits.market;
    world.teller = desk_teller_make(&limits, seed % 2 == 0 ? DESK_TELLER_RING : SMALL_RING);
    assert_non_null(world.teller);
    feed_options_default(&feed);
    feed.markets[0] =
        (struct feed_market_limits){.market = stream_case.limits.market,
                                    .series_max = stream_case.limits.exchange.series_max,
                                    .orders_max = stream_case.limits.exchange.orders_max,
                                    .levels_max = stream_case.limits.exchange.levels_max};
    feed.subscribers_max = CLIENTS;
    feed.send = take;
    const struct gateway_direct direct = {.hold = hold,
                                          .release = release,
                                          .soft = desk_teller_port(world.teller),
                                          .want = want,
                                          .leave = leave,
                                          .part = part};
    world.soft = gateway_soft_make(&feed, &direct);
    assert_non_null(world.soft);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        feed_keeper_open(&world.clients[i], 0);
        world.clients[i].is_soft = true;
    }
    world.clients[0].traded = on_trade;
    world.clients[0].ended = on_soft_end;
    tell_lead(false, false);
    assert_int_equal(subscribe(1, TENOR__V1__CHANNEL__BOOK_SOFT, 1), WIRE_ERROR_SOFT_ELSEWHERE);
    desk_case.stepped = on_step;
    desk_case.executing = on_executing;
    model.ended = on_ended;
    model.began = on_began;
    on_began();
}

static void shut_world(void)
{
    struct gateway_soft_counters counters;
    gateway_soft_counters(world.soft, &counters);
    counted.loads += counters.loads;
    counted.lost += port_counters(desk_teller_port(world.teller)).gaps;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        counted.ends += world.clients[i].ends;
        counted.reverted += world.clients[i].reverted;
        counted.crcs += world.clients[i].crcs;
        gateway_soft_gone(world.soft, i);
        feed_keeper_close(&world.clients[i]);
    }
    gateway_soft_counters(world.soft, &counters);
    assert_int_equal(counters.feeds.subscribers, 0);
    gateway_soft_free(world.soft);
    desk_teller_free(world.teller);
    shut_model();
}

/* With nothing that is soft, the soft books are the final ones. */
static void compare_with_final(void)
{
    turn(0);
    turn(5 * (uint64_t)desk_case.limits.seal_us);
    for (uint32_t i = 0; i < CLIENTS; i++)
        world.is_slow_now[i] = false;
    for (uint32_t i = 0; i < CLIENTS; i++)
        gateway_soft_ready(world.soft, i);
    turn_soft();
    read_all(); /* of who has just come */
    finalize(UINT32_MAX);
    const struct tn_exchange *exchange = tn_market_exchange_of(desk_case.replica);
    const uint32_t count = tn_exchange_series_ids(exchange, world.series, SERIES_MAX);
    for (uint32_t i = 0; i < count && has_channels(0); i++) {
        struct tn_series_view view;
        assert_true(tn_exchange_series(exchange, &view, world.series[i]));
        assert_true(feed_keeper_same_levels(&world.clients[0], view.id, tn_exchange_books(exchange),
                                            view.book));
    }
}

static void test_soft_books_are_the_desks_own_and_what_becomes_final_was_told(void **state)
{
    (void)state;
    const uint64_t seed = test_seed("test_soft_streams");
    for (uint32_t run = 0; run < RUNS; run++) {
        fprintf(stderr, "stream of seed %" PRIu64 "\n", seed + run);
        open_world(seed + run);
        for (uint32_t i = 0; i < ENTRIES; i++) {
            happen();
            if (chance(20)) see_to(1 + i % (CLIENTS - 1)); /* while the ring holds something */
            if ((seed + run) % 2 == 0 ? chance(60) : tn_random_below(&model.random, 250) == 0) {
                turn_soft(); /* seldom: a small ring runs over */
            }
        }
        compare_with_final();
        shut_world();
    }
}

static void test_soft_streams_met_what_they_are_about(void **state)
{
    (void)state;
    fprintf(stderr,
            "%" PRIu64 " comparisons of %" PRIu64 " books, %" PRIu64 " with orders, %" PRIu64
            " with tickers, %" PRIu64 " with trades, %" PRIu64 " ends heard, %" PRIu64
            " channels moved, %" PRIu64 " refused, %" PRIu64 " too slow, %" PRIu64
            " trades, %" PRIu64 " gaps, %" PRIu64 " reverted snapshots, %" PRIu64 " loads, %" PRIu64
            " CRCs, %" PRIu64 " rings that ran over\n",
            counted.compared, counted.books, counted.orders, counted.tickers, counted.last_trades,
            counted.ends, counted.elsewhere, counted.refused, counted.slow, counted.trades,
            counted.gaps, counted.reverted, counted.loads, counted.crcs, counted.lost);
    assert_true(counted.compared > 100 && counted.books > 10000 && counted.crcs > 100);
    assert_true(counted.orders > 10000 && counted.tickers > 10000);
    assert_true(counted.ends > 3 && counted.loads > 3);
    assert_true(ENTRIES < 1500 || (counted.slow > 20 && counted.trades > 5 &&
                                   counted.last_trades > 0 && counted.lost > 0)); /* rarer */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_soft_books_are_the_desks_own_and_what_becomes_final_was_told),
        cmocka_unit_test(test_soft_streams_met_what_they_are_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
