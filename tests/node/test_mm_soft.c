/* tenor-mm acts on what the leader tells before it is final, and takes it back: the maker itself
 * on the client library, at a scripted node that a test speaks for. One perpetual at 10 000, half a
 * spread of 10, ten lots a unit; a unit held leans the middle by half a spread. */
#include "client_case.h"
#include "mm/mm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { BID_ID = 501, ASK_ID = 502, SEQUENCE = 7 };

static struct mm mm;
static uint64_t series_id;
static uint32_t heard_count;

/* ---- What main.c has ---- */

void mm_say(const char *format, ...)
{
    (void)format;
}

uint64_t mm_random(struct mm *of)
{
    return ++of->random;
}

void mm_clock(struct mm *of)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    of->now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    of->now_ms = of->now_us / 1000;
}

/* ---- What the node says ---- */

struct quoted {
    uint64_t request, nonce;
    tn_ticks bid, ask;
    tn_lots bid_quantity, ask_quantity;
};

static void hear(struct client_case *test, const struct tn_client_news *news)
{
    (void)test;
    mm_heard(&mm, news);
    heard_count++;
}

/* Until the maker has heard it. */
static void say(struct client_case *test, const Tenor__V1__FromNode *message)
{
    const uint32_t before = heard_count;
    case_say(&test->servers[0], message);
    CASE_UNTIL(test, heard_count > before);
}

/* The next frame of the maker; anything else that it asks is passed over. */
static const struct tn_frame *hear_frame(struct client_case *test, uint64_t *request)
{
    for (;;) {
        const Tenor__V1__ToNode *message = case_hear(test, &test->servers[0]);
        *request = message->request;
        if (message->body_case == TENOR__V1__TO_NODE__BODY_FRAME) {
            return case_read_frame(test, message->frame);
        }
    }
}

static bool has_frame(struct client_case *test)
{
    case_settle(test);
    while (case_has_message(&test->servers[0])) {
        if (case_hear(test, &test->servers[0])->body_case == TENOR__V1__TO_NODE__BODY_FRAME) {
            return true;
        }
    }
    return false;
}

static void say_soft(struct client_case *test, const struct quoted *quoted, uint32_t index)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameSoft soft = TENOR__V1__FRAME_SOFT__INIT;
    Tenor__V1__Event events[2], *list[] = {&events[0], &events[1]};
    for (uint32_t side = 0; side < 2; side++) {
        const struct tn_event event = {.kind = TN_EVENT_QUOTED,
                                       .side = (uint8_t)side,
                                       .account = 5,
                                       .series_id = series_id,
                                       .order_id = side == TN_BUY ? BID_ID : ASK_ID,
                                       .price = side == TN_BUY ? quoted->bid : quoted->ask,
                                       .remaining = side == TN_BUY ? quoted->bid_quantity
                                                                   : quoted->ask_quantity,
                                       .index = side};
        wire_event(&events[side], &event);
    }
    soft.market = 1;
    soft.term = 1;
    soft.sequence = SEQUENCE - 1;
    soft.index = index;
    soft.nonce = quoted->nonce;
    soft.n_events = 2;
    soft.events = list;
    message.request = quoted->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_SOFT;
    message.frame_soft = &soft;
    say(test, &message);
}

/* Somebody sells to, or buys from, an order that stood. */
static void say_soft_trade(struct client_case *test, uint64_t maker_order_id, Tenor__V1__Side taker,
                           tn_lots quantity)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Trade trade = TENOR__V1__TRADE__INIT;
    Tenor__V1__SoftPlace place = TENOR__V1__SOFT_PLACE__INIT;
    place.term = 1;
    place.sequence = SEQUENCE;
    trade.series_id = series_id;
    trade.market = 1;
    trade.price = 9990;
    trade.quantity = quantity;
    trade.taker = taker;
    trade.maker_order_id = maker_order_id;
    trade.soft = &place;
    message.body_case = TENOR__V1__FROM_NODE__BODY_TRADE;
    message.trade = &trade;
    say(test, &message);
}

static void say_soft_end(struct client_case *test, uint64_t sequence)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__SoftEnd end = TENOR__V1__SOFT_END__INIT;
    end.market = 1;
    end.term = 1;
    end.sequence = sequence;
    message.body_case = TENOR__V1__FROM_NODE__BODY_SOFT_END;
    message.soft_end = &end;
    say(test, &message);
}

static void say_best(struct client_case *test, tn_ticks bid, tn_ticks ask)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Ticker ticker = TENOR__V1__TICKER__INIT;
    Tenor__V1__SoftPlace place = TENOR__V1__SOFT_PLACE__INIT;
    ticker.series_id = series_id;
    ticker.market = 1;
    ticker.status = TN_STATUS_ACTIVE;
    ticker.bid_price = bid;
    ticker.ask_price = ask;
    ticker.bid_quantity = ticker.ask_quantity = 100;
    ticker.soft = &place;
    message.body_case = TENOR__V1__FROM_NODE__BODY_TICKER;
    message.ticker = &ticker;
    say(test, &message);
}

/* The account's stream: its bid was hit, finally. */
static void say_final_trade(struct client_case *test, uint64_t block, tn_lots quantity)
{
    static uint32_t index;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__AccountMessage account = TENOR__V1__ACCOUNT_MESSAGE__INIT;
    Tenor__V1__Place at = TENOR__V1__PLACE__INIT;
    Tenor__V1__Event event, *events = &event;
    const struct tn_event trade = {.kind = TN_EVENT_TRADE,
                                   .side = TN_SELL,
                                   .account = 6,
                                   .other_account = 5,
                                   .series_id = series_id,
                                   .order_id = 900,
                                   .other_order_id = BID_ID,
                                   .price = 9990,
                                   .quantity = quantity};
    wire_event(&event, &trade);
    at.block = block;
    at.index = ++index;
    account.at = &at;
    account.events = &events;
    account.n_events = 1;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE;
    message.account_message = &account;
    say(test, &message);
}

static void say_block(struct client_case *test, uint64_t height, uint64_t sequence)
{
    static uint8_t hash[32];
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Block block = TENOR__V1__BLOCK__INIT;
    Tenor__V1__MarketHead head = TENOR__V1__MARKET_HEAD__INIT, *heads = &head;
    head.market = 1;
    head.term = 1;
    head.sequence = sequence;
    block.height = height;
    block.exists = true;
    block.hash.data = block.root.data = hash;
    block.hash.len = block.root.len = sizeof hash;
    block.n_markets = 1;
    block.markets = &heads;
    message.body_case = TENOR__V1__FROM_NODE__BODY_BLOCK;
    message.block = &block;
    say(test, &message);
}

/* ---- Beginnings ---- */

/* A turn of the maker's loop: a mass quote leaves, and nothing is final. */
static struct quoted quote(struct client_case *test)
{
    struct quoted quoted;
    mm_clock(&mm);
    mm_quote(&mm);
    const struct tn_frame *frame = hear_frame(test, &quoted.request);
    assert_int_equal(frame->commands_count, 1);
    assert_int_equal(frame->commands[0].kind, TN_COMMAND_MASS_QUOTE);
    assert_int_equal(frame->commands[0].as.mass_quote.quotes_count, 1);
    const struct tn_quote *sides = &frame->commands[0].as.mass_quote.quotes[0];
    assert_true(sides->series_id == series_id);
    quoted.nonce = frame->nonce;
    quoted.bid = sides->bid_price;
    quoted.ask = sides->ask_price;
    quoted.bid_quantity = sides->bid_quantity;
    quoted.ask_quantity = sides->ask_quantity;
    return quoted;
}

static void tell_series(void)
{
    static const struct tn_tick_step step = {.from = 0, .step = 1};
    const struct tn_instrument perpetual = {.series_id = series_id,
                                            .name = "BTC-PERP",
                                            .market = 1,
                                            .status = TN_STATUS_ACTIVE,
                                            .kind = TN_PERPETUAL,
                                            .lots_per_unit = 10,
                                            .tick_micros = 1000000,
                                            .steps = &step,
                                            .steps_count = 1};
    struct tn_client_news news = {.kind = TN_NEWS_INSTRUMENTS};
    news.as.instruments.list = &perpetual;
    news.as.instruments.count = 1;
    mm_heard(&mm, &news);
    struct tn_client_news ticker = {.kind = TN_NEWS_TICKER};
    ticker.as.ticker = (struct tn_ticker){
        .series_id = series_id, .status = TN_STATUS_ACTIVE, .mark_micros = 1000000000};
    mm_heard(&mm, &ticker);
}

static void tell_account(uint64_t block)
{
    struct tn_client_news news = {.kind = TN_NEWS_ACCOUNT_STATE};
    news.as.account_state = (struct tn_account_state){.exists = true, .account = 5, .block = block};
    mm_heard(&mm, &news);
}

/* The maker is ready, has quoted 9 990 and 10 010, and knows by which numbers. */
static struct quoted start(struct client_case *test)
{
    uint64_t request;
    const struct tn_series_terms terms = {.underlying = 1, .kind = TN_PERPETUAL};
    memset(&mm, 0, sizeof mm);
    assert_true(tn_series_pack(&series_id, &terms));
    mm.options = (struct mm_options){.market = 1,
                                     .size = 10,
                                     .spread_bps = 10,
                                     .least_ticks = 1,
                                     .delta_limit = 1000,
                                     .vega_limit = 20000};
    mm.account = TN_NONE;
    test->servers[0].height = 10;
    case_start(test);
    mm.client = test->client;
    case_log_on(test, &test->servers[0]);
    test->also = hear;
    mm.account = 5;
    tell_series();
    tell_account(10);
    assert_int_equal(hear_frame(test, &request)->commands_count, 3); /* nothing old stays */
    const struct quoted quoted = quote(test);
    assert_true(quoted.bid == 9990 && quoted.ask == 10010);
    say_soft(test, &quoted, 3);
    return quoted;
}

/* ---- Stories ---- */

static void test_leans_against_a_trade_before_it_is_final_and_back_when_it_is_void(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6);
    struct quoted quoted = quote(test);
    assert_true(quoted.bid == 9984 && quoted.ask == 10004); /* 0.6 of a unit x half a spread */
    assert_true(mm.figures.soft_trades == 1 && mm.figures.trades == 0);
    say_soft_end(test, SEQUENCE - 1);
    quoted = quote(test);
    assert_true(quoted.bid == 9990 && quoted.ask == 10010);
    assert_int_equal(mm.figures.soft_undone, 1);
    assert_int_equal(mm.series[0].soft, 0);
}

static void test_does_not_offer_what_adds_to_a_holding_at_its_limit(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 10);
    struct quoted quoted = quote(test);
    assert_true(quoted.bid_quantity == 0 && quoted.ask_quantity == 10 && quoted.ask == 10000);
    say_soft_end(test, SEQUENCE - 1);
    quoted = quote(test);
    assert_true(quoted.bid_quantity == 10 && quoted.bid == 9990);
}

static void test_a_trade_of_a_final_batch_outlives_the_term(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, ASK_ID, TENOR__V1__SIDE__BUY, 6);
    say_soft_end(test, SEQUENCE);
    const struct quoted quoted = quote(test);
    assert_true(quoted.bid == 9996 && quoted.ask == 10016);
    assert_int_equal(mm.figures.soft_undone, 0);
}

static void test_a_trade_counts_once_when_it_becomes_final(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6);
    struct quoted quoted = quote(test);
    say_soft(test, &quoted, 4);
    say_final_trade(test, 11, 6);
    assert_true(mm.series[0].position == 6 && mm.series[0].soft == 0);
    say_block(test, 11, SEQUENCE);
    mm_clock(&mm);
    mm_quote(&mm);
    assert_false(has_frame(test)); /* it has said so already */
    assert_true(mm.figures.soft_final == 1 && mm.figures.soft_undone == 0);
    say_soft_end(test, SEQUENCE);
    quoted = quote(test);
    assert_true(quoted.bid == 9984 && quoted.ask == 10004);
}

static void test_a_trade_that_was_final_before_it_was_soft_counts_once(void **state)
{
    struct client_case *test = *state;
    start(test);
    mm.is_at_leader = true;
    say_final_trade(test, 11, 6);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6); /* before the end of the block */
    assert_true(mm.series[0].position == 6 && mm.series[0].soft == 0);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6); /* another one */
    assert_true(mm.series[0].soft == 6 && mm.figures.soft_late == 1);
    say_final_trade(test, 11, 6);
    say_block(test, 11, SEQUENCE);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6); /* of a batch that is final */
    assert_true(mm.series[0].position == 12 && mm.series[0].soft == 0);
    assert_true(mm.figures.soft_late == 2 && mm.figures.soft_undone == 0);
}

static void test_what_no_block_had_is_taken_back_when_its_batch_is_final(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6);
    say_block(test, 11, SEQUENCE - 1);
    assert_int_equal(mm.series[0].soft, 6);
    say_block(test, 12, SEQUENCE);
    assert_int_equal(mm.series[0].soft, 0);
    assert_int_equal(mm.figures.soft_undone, 1);
}

static void test_others_trades_and_numbers_of_an_ended_term_are_not_its_own(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID + 100, TENOR__V1__SIDE__SELL, 6);
    assert_int_equal(mm.figures.soft_trades, 0);
    say_soft_end(test, SEQUENCE - 1);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6);
    assert_int_equal(mm.figures.soft_trades, 0);
}

static void test_a_lost_connection_takes_all_back_that_is_not_final(void **state)
{
    struct client_case *test = *state;
    start(test);
    say_soft_trade(test, BID_ID, TENOR__V1__SIDE__SELL, 6);
    assert_int_equal(mm.series[0].soft, 6);
    case_cut(&test->servers[0]);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    assert_int_equal(mm.series[0].soft, 0);
    assert_int_equal(mm.fills_count, 0);
}

static void test_stays_behind_the_best_price_of_others_as_the_desk_has_it(void **state)
{
    struct client_case *test = *state;
    struct quoted quoted;
    start(test);
    say_best(test, 9900,
             9985); /* somebody offers below its bid: a post-only bid there would fail */
    quoted = quote(test);
    assert_true(quoted.bid == 9984 && quoted.ask == 10010);
    say_soft(test, &quoted, 4);
    say_best(test, 9900, 10100);
    quoted = quote(test);
    assert_true(quoted.bid == 9990 && quoted.ask == 10010);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_leans_against_a_trade_before_it_is_final_and_back_when_it_is_void),
        TEST(test_does_not_offer_what_adds_to_a_holding_at_its_limit),
        TEST(test_a_trade_of_a_final_batch_outlives_the_term),
        TEST(test_a_trade_counts_once_when_it_becomes_final),
        TEST(test_a_trade_that_was_final_before_it_was_soft_counts_once),
        TEST(test_what_no_block_had_is_taken_back_when_its_batch_is_final),
        TEST(test_others_trades_and_numbers_of_an_ended_term_are_not_its_own),
        TEST(test_a_lost_connection_takes_all_back_that_is_not_final),
        TEST(test_stays_behind_the_best_price_of_others_as_the_desk_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
