/* Market data for those who read slowly, after gaps, and past the bounds. */
#include "feed_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BOOK         TENOR__V1__CHANNEL__BOOK
#define ORDERS       TENOR__V1__CHANNEL__ORDERS
#define TICKER       TENOR__V1__CHANNEL__TICKER
#define TRADES       TENOR__V1__CHANNEL__TRADES
#define MARKS        TENOR__V1__CHANNEL__MARKS
#define BLOCKS       TENOR__V1__CHANNEL__BLOCKS
#define LIQUIDATIONS TENOR__V1__CHANNEL__LIQUIDATIONS

static void everything(struct feed_case *test, uint32_t client)
{
    const Tenor__V1__Channel channels[] = {BOOK,   ORDERS, TICKER,      TRADES,
                                           BLOCKS, MARKS,  LIQUIDATIONS};
    for (uint32_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        assert_int_equal(case_subscribe(test, client, channels[i], 0, 0), WIRE_ERROR_NONE);
}

static void trade_a_while(struct feed_case *test, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks; i++) {
        uint64_t id = 10 * test->height;
        tn_ticks bid = 100 + (tn_ticks)(test->height % 7),
                 ask = 300 - (tn_ticks)(test->height % 11);
        case_order(test, 1, id, TN_BUY, bid, 5, true);
        case_order(test, 2, id + 1, TN_SELL, ask, 5, true);
        case_order(test, 2, id - 29, TN_SELL, 300, 0, false);
        case_trade(test, 1 + i % 3, 100 + i, 2);
        case_liquidation(test, i);
        case_block(test);
    }
}

static bool keeps_all(struct feed_case *test, uint32_t client)
{
    for (uint32_t series = 1; series <= 3; series++) {
        if (!case_same_levels(test, client, series)) return false;
        if (!case_same_orders(test, client, series)) return false;
    }
    return true;
}

/* The keeper checks on the way that no message comes before one that it should have had. */
static void test_feed_owes_a_slow_reader_one_snapshot_and_every_trade(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    everything(&test, 0);
    everything(&test, 1);
    trade_a_while(&test, 10);
    test.clients[1].room = 0;
    trade_a_while(&test, 100);
    uint64_t bytes = test.clients[1].bytes_count;
    uint64_t snapshots = test.clients[1].keeper.snapshots;
    uint64_t deltas = test.clients[1].keeper.deltas;
    assert_true(keeps_all(&test, 0));
    assert_false(case_same_levels(&test, 1, 1));
    test.clients[1].keeper.fault[0] = 0;
    test.clients[1].room = UINT64_MAX;
    trade_a_while(&test, 1); /* not before it says that it is ready */
    assert_int_equal(test.clients[1].bytes_count, bytes);
    feed_ready(test.feed, 1);
    assert_true(keeps_all(&test, 1));
    assert_int_equal(test.clients[1].keeper.snapshots,
                     snapshots + 4); /* series 3 has not changed */
    assert_int_equal(test.clients[1].keeper.deltas, deltas);
    for (uint32_t series = 1; series <= 3; series++) {
        assert_int_equal(case_kept(&test, 1, series)->trades, case_kept(&test, 0, series)->trades);
    }
    assert_int_equal(test.clients[1].keeper.liquidations, test.clients[0].keeper.liquidations);
    assert_int_equal(test.clients[1].keeper.blocks, test.clients[0].keeper.blocks);
    assert_int_equal(test.clients[1].keeper.gaps, 0);
    trade_a_while(&test, 3);
    assert_true(keeps_all(&test, 1));
    feed_case_close(&test);
}

static void test_feed_writes_nothing_that_nobody_can_take(void **state)
{
    (void)state;
    struct feed_case test;
    struct feed_counters full, after;
    feed_case_open(&test, 3);
    for (uint32_t client = 0; client < 2; client++) {
        assert_int_equal(case_subscribe(&test, client, BOOK, 0, 0), WIRE_ERROR_NONE);
        assert_int_equal(case_subscribe(&test, client, ORDERS, 0, 0), WIRE_ERROR_NONE);
        assert_int_equal(case_subscribe(&test, client, TICKER, 0, 0), WIRE_ERROR_NONE);
        assert_int_equal(case_subscribe(&test, client, TRADES, 0, 0), WIRE_ERROR_NONE);
        test.clients[client].room = 0;
    }
    trade_a_while(&test, 3); /* each series once: what is told of it is owed from then on */
    feed_counters(test.feed, &full);
    trade_a_while(&test, 50);
    feed_counters(test.feed, &after);
    assert_int_equal(after.messages, full.messages);
    assert_int_equal(after.owed, full.owed);
    test.clients[1].room = UINT64_MAX;
    feed_ready(test.feed, 1);
    assert_true(keeps_all(&test, 1));
    trade_a_while(&test, 1); /* there is one again */
    assert_true(keeps_all(&test, 1));
    feed_case_close(&test);
}

static void test_feed_pays_bit_by_bit_as_the_queue_drains(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    everything(&test, 0);
    everything(&test, 1);
    test.clients[1].room = 3;
    trade_a_while(&test, 50);
    for (uint32_t i = 0; i < 100; i++) {
        test.clients[1].room = 3;
        feed_ready(test.feed, 1);
    }
    assert_true(test.clients[1].room > 0); /* nothing is owed any more */
    assert_true(keeps_all(&test, 1));
    assert_int_equal(case_kept(&test, 1, 1)->trades, case_kept(&test, 0, 1)->trades);
    feed_case_close(&test);
}

static void test_feed_ends_a_history_that_is_longer_than_what_is_kept_with_a_gap(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    everything(&test, 0);
    test.clients[0].room = 0;
    trade_a_while(&test, 1100);
    test.clients[0].room = UINT64_MAX;
    feed_ready(test.feed, 0);
    assert_int_equal(test.clients[0].keeper.gaps, 3); /* TRADES, LIQUIDATIONS, BLOCKS */
    assert_int_equal(test.clients[0].keeper.last_error, WIRE_ERROR_GAP);
    assert_true(keeps_all(&test, 0));
    trade_a_while(&test, 2);
    assert_int_equal(case_kept(&test, 0, 1)->trades, 0); /* the channel has ended */
    assert_int_equal(case_subscribe(&test, 0, TRADES, 0, 0), WIRE_ERROR_NONE);
    trade_a_while(&test, 3);
    assert_int_equal(case_kept(&test, 0, 1)->trades, 1);
    feed_case_close(&test);
}

static void test_feed_ends_trades_when_one_block_has_more_than_are_kept(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    everything(&test, 0);
    for (uint32_t i = 0; i < 1025; i++)
        case_trade(&test, 1, 5, 1);
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.gaps, 1);
    assert_int_equal(case_kept(&test, 0, 1)->trades, 0);
    feed_case_close(&test);
}

static void test_feed_begins_anew_after_tells_were_lost(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    everything(&test, 0);
    trade_a_while(&test, 5);
    feed_gap(test.feed);
    assert_int_equal(test.clients[0].keeper.gaps, 3);
    trade_a_while(&test, 5); /* nobody hears of these */
    assert_int_equal(case_subscribe(&test, 1, BOOK, 0, 0), WIRE_ERROR_SYNCING);
    uint64_t bytes = test.clients[0].bytes_count;
    case_snapshot(&test, 2); /* series 3 has gone meanwhile */
    assert_true(test.clients[0].bytes_count > bytes);
    assert_true(case_same_levels(&test, 0, 1) && case_same_orders(&test, 0, 2));
    assert_int_equal(feed_book(test.feed, 3, case_series(3)), TN_NONE);
    trade_a_while(&test, 5);
    assert_true(case_same_levels(&test, 0, 1) && case_same_orders(&test, 0, 2));
    feed_case_close(&test);
}

/* More changes in one block than it can note. */
static void test_feed_tells_a_book_anew_when_a_block_changes_too_much_of_it(void **state)
{
    (void)state;
    struct feed_case test;
    struct feed_market_limits limits = {.series_max = 10, .orders_max = 100, .levels_max = 100};
    feed_case_open_with(&test, 3, &limits);
    everything(&test, 0);
    for (uint32_t i = 0; i < 3000; i++) {
        case_order(&test, 1, 100 + i, TN_BUY, 1 + i, 5, true);
        case_step(&test);
        case_order(&test, 1, 100 + i, TN_BUY, 1 + i, 0, false);
        case_step(&test);
    }
    case_order(&test, 1, 9000, TN_SELL, 9000, 5, true);
    uint64_t snapshots = test.clients[0].keeper.snapshots;
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.snapshots, snapshots + 2);
    assert_true(keeps_all(&test, 0));
    trade_a_while(&test, 5);
    assert_true(keeps_all(&test, 0));
    feed_case_close(&test);
}

/* What does not fit into one message. */
static void test_feed_tells_many_orders_in_several_messages_of_one_number(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 3);
    assert_int_equal(case_subscribe(&test, 0, ORDERS, 1, 0), WIRE_ERROR_NONE);
    for (uint32_t i = 0; i < 20000; i++)
        case_order(&test, 1, 100 + i, TN_BUY, 1 + i / 100, 5, true);
    uint64_t messages = test.clients[0].keeper.messages;
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.messages, messages + 3);
    assert_true(case_same_orders(&test, 0, 1));
    assert_int_equal(case_subscribe(&test, 1, ORDERS, 1, 0), WIRE_ERROR_NONE);
    assert_int_equal(test.clients[1].keeper.messages, 1 + 3);
    assert_true(case_same_orders(&test, 1, 1));
    for (uint32_t i = 0; i < 65000; i++) /* more than 1 MiB */
        case_order(&test, 1, 100000 + i, TN_SELL, 10000 + i, 5000000, true);
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.gaps, 1);
    assert_int_equal(test.clients[0].keeper.last_error, WIRE_ERROR_ANSWER_TOO_LARGE);
    feed_case_close(&test);
}

static void test_feed_shows_at_most_8192_levels_of_a_side(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open(&test, 1);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 1, 0), WIRE_ERROR_NONE);
    for (uint32_t i = 0; i < 10000; i++)
        case_order(&test, 1, 100 + i, TN_SELL, 20000 - i, 5, true);
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1)); /* the best 8 192 of 10 000 */
    for (uint32_t i = 0; i < 100; i++) {
        case_order(&test, 1, 10099 - i, TN_SELL, 10001 + i, 0, false);
        case_order(&test, 1, 100 + i, TN_SELL, 20000 - i, 0, false);
    }
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1));
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_SELL], 8192);
    for (uint32_t i = 100; i < 2000; i++)
        case_order(&test, 1, 10099 - i, TN_SELL, 10001 + i, 0, false);
    case_block(&test);
    assert_true(case_same_levels(&test, 0, 1));
    assert_int_equal(case_kept(&test, 0, 1)->levels_count[TN_SELL], 7900);
    feed_case_close(&test);
}

static void test_feed_lets_the_series_go_that_was_settled_first(void **state)
{
    (void)state;
    struct feed_case test;
    struct feed_market_limits limits = {.series_max = 3, .orders_max = 100, .levels_max = 100};
    feed_case_open_with(&test, 3, &limits);
    everything(&test, 0);
    assert_int_equal(case_subscribe(&test, 1, TRADES, 2, 0), WIRE_ERROR_NONE);
    case_status(&test, 2, TN_STATUS_SETTLED);
    case_trade(&test, 2, 5, 1);
    test.clients[0].room = test.clients[1].room = 0;
    case_block(&test);
    case_status(&test, 1, TN_STATUS_SETTLED);
    case_status(&test, 4, TN_STATUS_INITIALIZING);
    case_block(&test);
    assert_int_equal(feed_book(test.feed, 3, case_series(2)), TN_NONE);
    assert_int_not_equal(feed_book(test.feed, 3, case_series(1)), TN_NONE);
    assert_int_not_equal(feed_book(test.feed, 3, case_series(4)), TN_NONE);
    test.clients[0].room = test.clients[1].room = UINT64_MAX;
    feed_ready(test.feed, 0);
    feed_ready(test.feed, 1);
    assert_int_equal(case_kept(&test, 0, 2)->trades, 1); /* of a series that is gone */
    assert_int_equal(test.clients[1].keeper.last_error, WIRE_ERROR_GAP);
    struct feed_counters counters;
    feed_counters(test.feed, &counters);
    assert_int_equal(counters.unmirrored, 0);
    assert_int_equal(counters.subscribers, 1);
    feed_case_close(&test);
}

/* An exchange larger than the mirror was told: nobody is shown a book that lacks orders. */
static void test_feed_ends_channels_of_a_book_that_it_has_no_room_for(void **state)
{
    (void)state;
    struct feed_case test;
    struct feed_market_limits limits = {.series_max = 3, .orders_max = 64, .levels_max = 64};
    feed_case_open_with(&test, 2, &limits);
    assert_int_equal(case_subscribe(&test, 0, BOOK, 0, 0), WIRE_ERROR_NONE);
    for (uint32_t i = 0; i < 100; i++)
        case_order(&test, 1, 100 + i, TN_BUY, 1 + i, 5, true);
    case_block(&test);
    assert_int_equal(test.clients[0].keeper.last_error, WIRE_ERROR_NO_ROOM);
    struct feed_counters counters;
    feed_counters(test.feed, &counters);
    assert_true(counters.unmirrored > 0);
    feed_case_close(&test);
}

/* ---- What a turn pays --------------------------------------------------------------------------
 */

enum { PAID_SERIES = 60, PAID_MAX = 40 * FEED_MESSAGE_WORK };
static const struct feed_market_limits paid_limits = {
    .series_max = 100, .orders_max = 10000, .levels_max = 10000};

static void trade_widely(struct feed_case *test, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks; i++) {
        for (uint32_t series = 1; series <= PAID_SERIES; series++) {
            const uint64_t id = 1000 * test->height + series;
            case_order(test, series, id, TN_BUY, 100 + (tn_ticks)i, 5, true);
            if (series % 8 == i % 8) case_trade(test, series, 100, 1 + i);
        }
        case_liquidation(test, i);
        case_block(test);
    }
}

/* One turn of those who wait for one, in their order; returns how many messages it made. */
static uint64_t pay_a_turn(struct feed_case *test, uint32_t clients)
{
    struct feed_counters before, after;
    feed_counters(test->feed, &before);
    feed_turn(test->feed);
    for (uint32_t i = 0; i < clients; i++) {
        if (!test->clients[i].is_later) continue;
        test->clients[i].is_later = false;
        feed_ready(test->feed, i);
    }
    feed_counters(test->feed, &after);
    return after.messages - before.messages;
}

static bool keeps_widely(struct feed_case *test, uint32_t client)
{
    for (uint32_t series = 1; series <= PAID_SERIES; series++) {
        if (!case_same_levels(test, client, series)) return false;
        if (!case_same_orders(test, client, series)) return false;
    }
    return true;
}

/* The keeper checks on the way that nothing comes twice or before what it should have had. */
static void test_feed_pays_no_more_than_a_turns_work_and_goes_on_in_the_next(void **state)
{
    (void)state;
    struct feed_case test;
    uint32_t turns = 0;
    feed_case_open_paying(&test, PAID_SERIES, &paid_limits, PAID_MAX);
    everything(&test, 0);
    while (test.clients[0].is_later)
        assert_true(pay_a_turn(&test, 1) <= PAID_MAX / FEED_MESSAGE_WORK);
    trade_widely(&test, 3);
    assert_true(keeps_widely(&test, 0));
    test.clients[0].room = 0;
    trade_widely(&test, 40);
    test.clients[0].room = UINT64_MAX;
    test.clients[0].is_later = true; /* its queue has drained */
    for (; test.clients[0].is_later; turns++) {
        assert_true(pay_a_turn(&test, 1) <= PAID_MAX / FEED_MESSAGE_WORK);
        assert_true(turns < 1000);
    }
    assert_true(turns > 10); /* 60 books, orders and tickers, 300 trades, and the rest */
    assert_true(keeps_widely(&test, 0));
    assert_int_equal(test.clients[0].keeper.gaps, 0);
    assert_int_equal(test.clients[0].keeper.liquidations, 43);
    feed_case_close(&test);
}

/* What has been paid is told as it changes, so the rest is not put off for ever. */
static void test_feed_pays_all_while_each_block_changes_more_than_a_turn_pays(void **state)
{
    (void)state;
    struct feed_case test;
    uint32_t turns = 0;
    feed_case_open_paying(&test, PAID_SERIES, &paid_limits, PAID_MAX);
    everything(&test, 0);
    for (; test.clients[0].is_later; turns++) {
        pay_a_turn(&test, 1);
        trade_widely(&test, 1);
        assert_true(turns < 100);
    }
    assert_true(turns > 3);
    assert_true(keeps_widely(&test, 0));
    assert_int_equal(test.clients[0].keeper.gaps, 0);
    feed_case_close(&test);
}

static void test_feed_shares_a_turns_work_among_all_who_are_owed(void **state)
{
    (void)state;
    struct feed_case test;
    feed_case_open_paying(&test, PAID_SERIES, &paid_limits, PAID_MAX);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(case_subscribe(&test, i, BOOK, 0, 0), WIRE_ERROR_NONE);
    while (test.clients[0].is_later || test.clients[1].is_later || test.clients[2].is_later)
        assert_true(pay_a_turn(&test, 3) <= PAID_MAX / FEED_MESSAGE_WORK);
    feed_gap(test.feed);
    feed_turn(test.feed);
    struct feed_counters before, after;
    feed_counters(test.feed, &before);
    case_snapshot(&test, PAID_SERIES); /* all are owed all books at once */
    feed_counters(test.feed, &after);
    assert_true(after.messages - before.messages <= PAID_MAX / FEED_MESSAGE_WORK);
    assert_true(test.clients[1].is_later && test.clients[2].is_later);
    for (uint32_t turns = 0; turns < 10; turns++)
        pay_a_turn(&test, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_false(test.clients[i].is_later);
        for (uint32_t series = 1; series <= PAID_SERIES; series++)
            assert_true(case_same_levels(&test, i, series));
    }
    feed_case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed_owes_a_slow_reader_one_snapshot_and_every_trade),
        cmocka_unit_test(test_feed_writes_nothing_that_nobody_can_take),
        cmocka_unit_test(test_feed_pays_no_more_than_a_turns_work_and_goes_on_in_the_next),
        cmocka_unit_test(test_feed_pays_all_while_each_block_changes_more_than_a_turn_pays),
        cmocka_unit_test(test_feed_shares_a_turns_work_among_all_who_are_owed),
        cmocka_unit_test(test_feed_pays_bit_by_bit_as_the_queue_drains),
        cmocka_unit_test(test_feed_ends_a_history_that_is_longer_than_what_is_kept_with_a_gap),
        cmocka_unit_test(test_feed_ends_trades_when_one_block_has_more_than_are_kept),
        cmocka_unit_test(test_feed_begins_anew_after_tells_were_lost),
        cmocka_unit_test(test_feed_tells_a_book_anew_when_a_block_changes_too_much_of_it),
        cmocka_unit_test(test_feed_tells_many_orders_in_several_messages_of_one_number),
        cmocka_unit_test(test_feed_shows_at_most_8192_levels_of_a_side),
        cmocka_unit_test(test_feed_lets_the_series_go_that_was_settled_first),
        cmocka_unit_test(test_feed_ends_channels_of_a_book_that_it_has_no_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
