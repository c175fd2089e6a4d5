/* Stops and stop-limits on the mark, and one-cancels-other (docs/specs/exchange.md §3, §8.1). */
#include "exchange_trace.h"

static void test_exchange_stop_waits_outside_the_book_and_reserves_nothing(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    EXPECT_EVENTS("accepted #1 alice buy 5 @ 1050 stop", "ok #1 open 5");
    EXPECT_BOOK(market.call, "|");
    assert_int_equal(account_view(ALICE).reserved, 0);
    assert_int_equal(account_view(ALICE).orders_count, 1);
}

static void test_exchange_stop_triggers_in_the_sweep_after_the_mark_reached_it(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1040, 2));
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    set_mark(market.call, 1049);
    sweep(10);
    EXPECT_NO_EVENTS();
    set_mark(market.call, 1050);
    assert_true(tn_exchange_work(market.exchange));
    sweep(10);
    EXPECT_EVENTS("triggered #2 @ 1050", "trade #2 alice buy 2 @ 1040 with #1 carol, left 3/0");
    EXPECT_BOOK(market.call, "1100 #2x3 |");
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_stop_market_takes_up_to_the_band_and_cancels_the_rest(void **state)
{
    (void)state;
    place(CAROL, limit(BUY, market.call, 900, 2));
    place(ALICE, stop_at(at_market(SELL, market.call, 0, 5), 950));
    set_mark(market.call, 940);
    sweep(10);
    EXPECT_EVENTS("triggered #2 @ 950", "trade #2 alice sell 2 @ 900 with #1 carol, left 3/0",
                  "cancelled #2 3 immediate");
}

static void test_exchange_stop_market_keeps_its_protection_price(void **state)
{
    (void)state;
    place(CAROL, limit(BUY, market.call, 930, 2));
    place(CAROL, limit(BUY, market.call, 900, 2));
    place(ALICE, stop_at(at_market(SELL, market.call, 920, 5), 950));
    set_mark(market.call, 940);
    sweep(10);
    EXPECT_EVENTS("triggered #3 @ 950", "trade #3 alice sell 2 @ 930 with #1 carol, left 3/0",
                  "cancelled #3 3 immediate");
}

static void test_exchange_stop_ignores_a_mark_that_has_left_again_before_the_sweep(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    set_mark(market.call, 1060);
    set_mark(market.call, 1040);
    sweep(10);
    EXPECT_NO_EVENTS();
    assert_false(tn_exchange_work(market.exchange));
    assert_int_equal(account_view(ALICE).orders_count, 1);
}

static void test_exchange_stops_trigger_buys_first_then_by_trigger_then_by_age(void **state)
{
    (void)state;
    set_mark(market.call, 1200);
    place(ALICE, stop_at(limit(SELL, market.call, 1500, 1), 1090));
    place(ALICE, stop_at(limit(SELL, market.call, 1500, 1), 1100));
    set_mark(market.call, 1000);
    place(BOB, stop_at(limit(BUY, market.call, 900, 1), 1060));
    place(BOB, stop_at(limit(BUY, market.call, 900, 1), 1050));
    place(BOB, stop_at(limit(BUY, market.call, 900, 1), 1050));
    set_mark(market.call, 1070);
    sweep(64);
    EXPECT_EVENTS("triggered #4 @ 1050", "triggered #5 @ 1050", "triggered #3 @ 1060",
                  "triggered #2 @ 1100", "triggered #1 @ 1090");
    EXPECT_BOOK(market.call, "900 #4x1 #5x1 #3x1 | 1500 #2x1 #1x1");
}

static void test_exchange_sweep_pays_one_for_a_stop_and_one_for_each_maker(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 1));
    place(CAROL, limit(SELL, market.call, 1000, 1));
    place(ALICE, stop_at(limit(BUY, market.call, 1000, 2), 1050));
    place(ALICE, stop_at(limit(BUY, market.call, 990, 1), 1060));
    set_mark(market.call, 1100);
    sweep(2); /* the first stop costs three: it is overdrawn, and ends the sweep */
    EXPECT_EVENTS("triggered #3 @ 1050", "trade #3 alice buy 1 @ 1000 with #1 carol, left 1/0",
                  "trade #3 alice buy 1 @ 1000 with #2 carol, left 0/0");
    sweep(2);
    EXPECT_EVENTS("triggered #4 @ 1060");
}

static void test_exchange_stop_refused_when_it_triggers_is_cancelled_with_the_reject(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1600, 5), 1050));
    place(ALICE, stop_at(reducing(limit(BUY, market.call, 1100, 5)), 1055));
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 99999), 1060));
    set_mark(market.call, 1070);
    sweep(64);
    EXPECT_EVENTS("triggered #1 @ 1050", "cancelled #1 5 trigger PRICE_OUT_OF_BAND",
                  "triggered #2 @ 1055", "cancelled #2 5 trigger REDUCE_ONLY_NOTHING",
                  "triggered #3 @ 1060", "cancelled #3 99999 trigger MARGIN_SHORT");
    EXPECT_BOOK(market.call, "|");
}

static void test_exchange_stop_in_a_halted_series_waits_until_it_takes_orders_again(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    set_mark(market.call, 1050);
    set_status(market.call, TN_STATUS_HALTED);
    sweep(64);
    EXPECT_NO_EVENTS();
    assert_false(tn_exchange_work(market.exchange));
    set_status(market.call, TN_STATUS_ACTIVE);
    set_mark(market.call, 1051);
    sweep(64);
    EXPECT_EVENTS("triggered #1 @ 1050");
    EXPECT_BOOK(market.call, "1100 #1x5 |");
}

static void test_exchange_stop_that_triggers_under_a_higher_fee_or_too_late_is_refused(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    set_fees(0, 100, 0);
    set_mark(market.call, 1050);
    sweep(64);
    EXPECT_EVENTS("triggered #1 @ 1050", "cancelled #1 5 trigger FEE_ABOVE_AGREED");
    place(ALICE, stop_at(fee_up_to(limit(BUY, market.call, 1100, 5), 100), 1060));
    set_mark(market.call, 1060);
    advance(1, tn_series_expiry_ms(market.call) - 60000 - market.time_ms);
    sweep(64);
    EXPECT_EVENTS("triggered #2 @ 1060", "cancelled #2 5 trigger SERIES_CLOSING");
}

static void test_exchange_reduce_only_stop_is_clipped_when_it_triggers(void **state)
{
    (void)state;
    place(DAN, limit(SELL, market.call, 1000, 4));
    place(BOB, limit(BUY, market.call, 1000, 4));
    place(BOB, stop_at(reducing(limit(SELL, market.call, 900, 10)), 950));
    EXPECT_EVENTS("accepted #3 bob sell 10 @ 950 stop", "ok #3 open 10");
    set_mark(market.call, 950);
    sweep(64);
    EXPECT_EVENTS("triggered #3 @ 950");
    EXPECT_BOOK(market.call, "| 900 #3x4");
}

static void test_exchange_trigger_that_is_reached_or_off_tick_is_refused(void **state)
{
    (void)state;
    const tn_ticks buys[] = {1000, 999, -1, 1205, 100001};
    for (size_t i = 0; i < sizeof buys / sizeof buys[0]; i++)
        refuse(ALICE, stop_at(limit(BUY, market.call, 900, 1), buys[i]), TN_REJECT_TRIGGER_RANGE);
    refuse(ALICE, stop_at(limit(SELL, market.call, 900, 1), 1000), TN_REJECT_TRIGGER_RANGE);
    refuse(ALICE, stop_at(limit(SELL, market.call, 900, 1), 1001), TN_REJECT_TRIGGER_RANGE);
    place(ALICE, stop_at(limit(SELL, market.call, 900, 1), 999));
    place(ALICE, stop_at(limit(SELL, market.call, 1, 1), 1));
    place(ALICE, stop_at(limit(BUY, market.call, 900, 1), 100000));
}

static void test_exchange_waiting_stop_is_cancelled_but_not_replaced(void **state)
{
    (void)state;
    uint64_t id = place(ALICE, stop_at(limit(BUY, market.call, 1100, 5), 1050));
    refuse(ALICE, replace(id, 1100, 4), TN_REJECT_REPLACE_UNCHANGEABLE);
    pass(ALICE, cancel(id));
    EXPECT_EVENTS("cancelled #1 5 request", "ok #1");
}

static void test_exchange_dead_stop_is_cancelled_instead_of_triggering(void **state)
{
    (void)state;
    struct tn_command buy = stop_at(limit(BUY, market.call, 1100, 5), 1050);
    place(ALICE, until_time(buy, market.time_ms + 1000));
    set_mark(market.call, 1050);
    advance(1, 1000);
    sweep(64);
    EXPECT_EVENTS("cancelled #1 5 expired");
}

/* ---- One cancels the other ---- */

static struct tn_command bracket(void)
{
    return oco(limit(SELL, market.call, 1100, 5), stop_at(at_market(SELL, market.call, 0, 5), 900));
}

static void test_exchange_oco_accepts_a_resting_order_and_its_stop(void **state)
{
    (void)state;
    pass(BOB, bracket());
    EXPECT_EVENTS("accepted #1 bob sell 5 @ 1100", "accepted #2 bob sell 5 @ 900 stop",
                  "ok #1 open 5");
    EXPECT_BOOK(market.call, "| 1100 #1x5");
    assert_int_equal(account_view(BOB).orders_count, 2);
}

static void test_exchange_oco_first_fill_cancels_the_stop_right_after_the_trade(void **state)
{
    (void)state;
    pass(BOB, bracket());
    place(CAROL, limit(BUY, market.call, 1100, 2));
    EXPECT_EVENTS("accepted #3 carol buy 2 @ 1100",
                  "trade #3 carol buy 2 @ 1100 with #1 bob, left 0/3", "cancelled #2 5 oco",
                  "ok #3 filled 2");
    EXPECT_BOOK(market.call, "| 1100 #1x3");
}

static void test_exchange_oco_that_trades_on_entry_loses_its_stop_at_once(void **state)
{
    (void)state;
    place(CAROL, limit(BUY, market.call, 1100, 2));
    pass(BOB, bracket());
    EXPECT_EVENTS("accepted #2 bob sell 5 @ 1100", "accepted #3 bob sell 5 @ 900 stop",
                  "trade #2 bob sell 2 @ 1100 with #1 carol, left 3/0", "cancelled #3 5 oco",
                  "ok #2 filled 2 open 3");
}

static void test_exchange_oco_stop_that_triggers_cancels_the_resting_order(void **state)
{
    (void)state;
    place(CAROL, limit(BUY, market.call, 880, 5));
    pass(BOB, bracket());
    set_mark(market.call, 890);
    sweep(64);
    EXPECT_EVENTS("triggered #3 @ 900", "cancelled #2 5 oco",
                  "trade #3 bob sell 5 @ 880 with #1 carol, left 0/0");
}

static void test_exchange_oco_cancel_of_either_takes_the_other_along(void **state)
{
    (void)state;
    pass(BOB, bracket());
    pass(BOB, cancel(1));
    EXPECT_EVENTS("cancelled #1 5 request", "cancelled #2 5 oco", "ok #1");
    pass(BOB, bracket());
    pass(BOB, cancel(4));
    EXPECT_EVENTS("cancelled #4 5 request", "cancelled #3 5 oco", "ok #4");
    assert_int_equal(account_view(BOB).orders_count, 0);
}

static void test_exchange_oco_of_the_maker_goes_before_that_of_the_taker(void **state)
{
    (void)state;
    pass(BOB, bracket());
    pass(CAROL,
         oco(limit(BUY, market.call, 1100, 5), stop_at(limit(BUY, market.call, 1300, 5), 1200)));
    EXPECT_EVENTS("accepted #3 carol buy 5 @ 1100", "accepted #4 carol buy 5 @ 1200 stop",
                  "trade #3 carol buy 5 @ 1100 with #1 bob, left 0/0", "cancelled #2 5 oco",
                  "cancelled #4 5 oco", "ok #3 filled 5");
}

static void test_exchange_oco_order_stopped_by_an_own_maker_takes_its_stop_along(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(BUY, market.call, 1100, 2));
    pass(ALICE, bracket());
    EXPECT_EVENTS("accepted #2 alice sell 5 @ 1100", "accepted #3 alice sell 5 @ 900 stop",
                  "cancelled #2 5 self trade", "cancelled #3 5 oco", "ok #2");
}

static void test_exchange_oco_stop_stays_when_its_order_is_only_decremented(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(BUY, market.call, 1100, 2));
    struct tn_command pair = bracket();
    pair.as.terms[0].stp = TN_STP_DECREMENT;
    pass(ALICE, pair);
    EXPECT_EVENTS("accepted #2 alice sell 5 @ 1100", "accepted #3 alice sell 5 @ 900 stop",
                  "reduced #2 by 2 to 3 self trade", "cancelled #1 2 self trade", "ok #2 open 3");
    assert_int_equal(account_view(ALICE).orders_count, 2);
}

static void test_exchange_oco_pair_needs_the_margin_of_its_first_order_only(void **state)
{
    (void)state;
    pass(BOB, oco(limit(BUY, market.call, 1000, 60000),
                  stop_at(limit(BUY, market.call, 1100, 60000), 1050)));
    assert_int_equal(account_view(BOB).reserved, 60000 * 1000 * TICK);
    set_mark(market.call, 1050);
    sweep(64);
    EXPECT_EVENTS("triggered #2 @ 1050", "cancelled #1 60000 oco");
    assert_int_equal(account_view(BOB).reserved, 60000 * 1100 * TICK);
}

static void test_exchange_oco_of_unlike_orders_is_refused(void **state)
{
    (void)state;
    struct tn_command first = limit(SELL, market.call, 1100, 5);
    struct tn_command stop = stop_at(limit(SELL, market.call, 800, 5), 900);
    const struct tn_command bad[] = {
        oco(ioc(first), stop),
        oco(stop, stop),
        oco(first, first),
        oco(limit(SELL, market.put, 1100, 5), stop),
        oco(limit(BUY, market.call, 900, 5), stop),
        oco(reducing(first), stop),
        oco(first, reducing(stop)),
        oco(at_market(SELL, market.call, 0, 5), stop),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(BOB, bad[i], TN_REJECT_TERMS_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_stop_waits_outside_the_book_and_reserves_nothing),
        STORY(test_exchange_stop_triggers_in_the_sweep_after_the_mark_reached_it),
        STORY(test_exchange_stop_market_takes_up_to_the_band_and_cancels_the_rest),
        STORY(test_exchange_stop_market_keeps_its_protection_price),
        STORY(test_exchange_stop_ignores_a_mark_that_has_left_again_before_the_sweep),
        STORY(test_exchange_stops_trigger_buys_first_then_by_trigger_then_by_age),
        STORY(test_exchange_sweep_pays_one_for_a_stop_and_one_for_each_maker),
        STORY(test_exchange_stop_refused_when_it_triggers_is_cancelled_with_the_reject),
        STORY(test_exchange_stop_in_a_halted_series_waits_until_it_takes_orders_again),
        STORY(test_exchange_stop_that_triggers_under_a_higher_fee_or_too_late_is_refused),
        STORY(test_exchange_reduce_only_stop_is_clipped_when_it_triggers),
        STORY(test_exchange_trigger_that_is_reached_or_off_tick_is_refused),
        STORY(test_exchange_waiting_stop_is_cancelled_but_not_replaced),
        STORY(test_exchange_dead_stop_is_cancelled_instead_of_triggering),
        STORY(test_exchange_oco_accepts_a_resting_order_and_its_stop),
        STORY(test_exchange_oco_first_fill_cancels_the_stop_right_after_the_trade),
        STORY(test_exchange_oco_that_trades_on_entry_loses_its_stop_at_once),
        STORY(test_exchange_oco_stop_that_triggers_cancels_the_resting_order),
        STORY(test_exchange_oco_cancel_of_either_takes_the_other_along),
        STORY(test_exchange_oco_of_the_maker_goes_before_that_of_the_taker),
        STORY(test_exchange_oco_order_stopped_by_an_own_maker_takes_its_stop_along),
        STORY(test_exchange_oco_stop_stays_when_its_order_is_only_decremented),
        STORY(test_exchange_oco_pair_needs_the_margin_of_its_first_order_only),
        STORY(test_exchange_oco_of_unlike_orders_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
