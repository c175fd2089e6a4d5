/* Good-till-block and good-till-time (docs/specs/exchange.md §3.8, §4.5, §8.1): an order whose time
 * has passed is dead at once, though its removal waits for a sweep or for a taker. */
#include "exchange_trace.h"

static void test_exchange_good_till_block_lives_through_its_last_block(void **state)
{
    (void)state;
    place(ALICE, until_block(limit(SELL, market.call, 1000, 5), 3));
    advance(2, 10); /* height 3 */
    sweep(10);
    EXPECT_NO_EVENTS();
    place(BOB, limit(BUY, market.call, 1000, 1));
    assert_int_equal(lots_of(BOB, market.call), 1);
    advance(1, 10);
    assert_true(tn_exchange_work(market.exchange));
    sweep(10);
    EXPECT_EVENTS("cancelled #1 4 expired");
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_good_till_time_is_gone_at_that_millisecond(void **state)
{
    (void)state;
    place(ALICE, until_time(limit(SELL, market.call, 1000, 5), market.time_ms + 100));
    advance(1, 99);
    sweep(10);
    EXPECT_NO_EVENTS();
    advance(1, 1);
    sweep(10);
    EXPECT_EVENTS("cancelled #1 5 expired");
}

static void test_exchange_order_with_a_past_expiry_is_refused(void **state)
{
    (void)state;
    advance(5, 0);
    int64_t height = (int64_t)market.height;
    struct tn_command sell = limit(SELL, market.call, 1000, 5);
    refuse(ALICE, until_block(sell, height - 1), TN_REJECT_EXPIRY_PAST);
    refuse(ALICE, until_time(sell, market.time_ms), TN_REJECT_EXPIRY_PAST);
    place(ALICE, until_block(sell, height));
    place(ALICE, until_time(sell, market.time_ms + 1));
}

static void test_exchange_dead_order_never_trades_and_leaves_when_a_taker_reaches_it(void **state)
{
    (void)state;
    place(ALICE, until_block(limit(SELL, market.call, 1000, 5), 1));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    advance(1, 0);
    place(BOB, limit(BUY, market.call, 1000, 3));
    EXPECT_EVENTS("accepted #3 bob buy 3 @ 1000", "cancelled #1 5 expired",
                  "trade #3 bob buy 3 @ 1000 with #2 carol, left 0/2", "ok #3 filled 3");
}

static void test_exchange_dead_order_cannot_be_cancelled_or_replaced(void **state)
{
    (void)state;
    place(ALICE, until_block(limit(SELL, market.call, 1000, 5), 1));
    advance(1, 0);
    refuse(ALICE, cancel(1), TN_REJECT_ORDER_UNKNOWN);
    refuse(ALICE, replace(1, 1000, 4), TN_REJECT_ORDER_UNKNOWN);
}

static void test_exchange_fok_does_not_count_dead_orders(void **state)
{
    (void)state;
    place(ALICE, until_block(limit(SELL, market.call, 1000, 5), 1));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    advance(1, 0);
    refuse(BOB, fok(limit(BUY, market.call, 1000, 6)), TN_REJECT_FILL_OR_KILL);
    place(BOB, fok(limit(BUY, market.call, 1000, 5)));
    EXPECT_EVENTS("accepted #3 bob buy 5 @ 1000", "cancelled #1 5 expired",
                  "trade #3 bob buy 5 @ 1000 with #2 carol, left 0/0", "ok #3 filled 5");
}

static void test_exchange_sweep_removes_expired_orders_by_expiry_then_age_in_slices(void **state)
{
    (void)state;
    struct tn_command sell = limit(SELL, market.call, 1000, 1);
    place(ALICE, until_block(sell, 2));
    place(ALICE, until_block(sell, 1));
    place(ALICE, until_time(sell, market.time_ms + 20));
    place(ALICE, until_time(sell, market.time_ms + 10));
    place(ALICE, until_time(sell, market.time_ms + 10));
    place(ALICE, until_time(sell, market.time_ms + 999));
    advance(2, 50);
    sweep(2);
    EXPECT_EVENTS("cancelled #4 1 expired", "cancelled #5 1 expired");
    sweep(1);
    EXPECT_EVENTS("cancelled #3 1 expired");
    sweep(64);
    EXPECT_EVENTS("cancelled #2 1 expired", "cancelled #1 1 expired");
    EXPECT_BOOK(market.call, "| 1000 #6x1");
}

static void test_exchange_expired_order_of_a_pair_takes_its_sibling_along(void **state)
{
    (void)state;
    pass(BOB, oco(until_block(limit(SELL, market.call, 1100, 5), 1),
                  stop_at(limit(SELL, market.call, 800, 5), 900)));
    advance(1, 0);
    sweep(10);
    EXPECT_EVENTS("cancelled #1 5 expired", "cancelled #2 5 oco");
}

static void test_exchange_replace_keeps_the_expiry(void **state)
{
    (void)state;
    place(ALICE, until_block(limit(SELL, market.call, 1000, 5), 1));
    pass(ALICE, replace(1, 1010, 7));
    advance(1, 0);
    sweep(10);
    EXPECT_EVENTS("cancelled #1 7 expired");
}

static void test_exchange_time_and_height_never_go_back(void **state)
{
    (void)state;
    advance(5, 1000);
    refuse_entry(block_entry(market.height, market.time_ms), TN_REJECT_TIME_REWINDS);
    refuse_entry(block_entry(market.height - 1, market.time_ms + 1), TN_REJECT_TIME_REWINDS);
    refuse_entry(block_entry(market.height + 1, market.time_ms - 1), TN_REJECT_TIME_REWINDS);
    refuse_entry(block_entry(market.height + 1, (INT64_C(1) << 52) + 1), TN_REJECT_TIME_REWINDS);
    advance(1, 0);
}

static void test_exchange_series_takes_no_orders_in_its_last_minute(void **state)
{
    (void)state;
    int64_t expiry_ms = tn_series_expiry_ms(market.call);
    place(ALICE, limit(SELL, market.call, 1000, 5));
    advance(1, expiry_ms - 60000 - 1 - market.time_ms);
    place(ALICE, limit(SELL, market.call, 1001, 5));
    advance(1, 1);
    refuse(ALICE, limit(SELL, market.call, 1002, 5), TN_REJECT_SERIES_CLOSING);
    refuse(ALICE, replace(1, 999, 5), TN_REJECT_SERIES_CLOSING);
    pass(ALICE, replace(1, 1000, 4)); /* its place is kept: nothing enters the book */
    place(ALICE, limit(SELL, market.perp, 100000, 1));
    pass(ALICE, cancel(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_good_till_block_lives_through_its_last_block),
        STORY(test_exchange_good_till_time_is_gone_at_that_millisecond),
        STORY(test_exchange_order_with_a_past_expiry_is_refused),
        STORY(test_exchange_dead_order_never_trades_and_leaves_when_a_taker_reaches_it),
        STORY(test_exchange_dead_order_cannot_be_cancelled_or_replaced),
        STORY(test_exchange_fok_does_not_count_dead_orders),
        STORY(test_exchange_sweep_removes_expired_orders_by_expiry_then_age_in_slices),
        STORY(test_exchange_expired_order_of_a_pair_takes_its_sibling_along),
        STORY(test_exchange_replace_keeps_the_expiry),
        STORY(test_exchange_time_and_height_never_go_back),
        STORY(test_exchange_series_takes_no_orders_in_its_last_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
