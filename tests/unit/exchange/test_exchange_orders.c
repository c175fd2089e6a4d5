/* Orders of every type and time in force (docs/specs/exchange.md §3, §4.1), as stories. */
#include "exchange_trace.h"

static void test_exchange_limit_order_rests_and_reserves_its_premium(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    EXPECT_EVENTS("accepted #1 alice buy 5 @ 1000", "ok #1 open 5");
    EXPECT_BOOK(market.call, "1000 #1x5 |");
    assert_int_equal(account_view(ALICE).reserved, 5 * 1000 * TICK);
    assert_int_equal(account_view(ALICE).free_equity, START_CASH - 5 * 1000 * TICK);
    assert_int_equal(account_view(ALICE).orders_count, 1);
}

static void test_exchange_taker_trades_at_the_makers_price_oldest_first(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 990, 5));
    place(CAROL, limit(SELL, market.call, 980, 5));
    place(DAN, limit(SELL, market.call, 980, 5));
    place(BOB, limit(BUY, market.call, 990, 12));
    EXPECT_EVENTS("accepted #4 bob buy 12 @ 990",
                  "trade #4 bob buy 5 @ 980 with #2 carol, left 7/0",
                  "trade #4 bob buy 5 @ 980 with #3 dan, left 2/0",
                  "trade #4 bob buy 2 @ 990 with #1 alice, left 0/3", "ok #4 filled 12");
    EXPECT_BOOK(market.call, "| 990 #1x3");
}

static void test_exchange_trade_moves_cash_against_position_on_both_sides(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(BOB, limit(BUY, market.call, 1100, 5));
    assert_int_equal(gain_of(ALICE), 5 * 1000 * TICK);
    assert_int_equal(gain_of(BOB), -5 * 1000 * TICK);
    assert_int_equal(lots_of(ALICE, market.call), -5);
    assert_int_equal(lots_of(BOB, market.call), 5);
    assert_int_equal(tn_exchange_position(market.exchange, BOB, market.call).cost, 5 * 1000 * TICK);
    assert_int_equal(series_view(market.call).open_interest, 5);
    assert_int_equal(account_view(BOB).reserved, 0);
}

static void test_exchange_remainder_of_a_limit_order_rests_at_its_own_limit(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 980, 5));
    place(BOB, limit(BUY, market.call, 1000, 8));
    EXPECT_EVENTS("accepted #2 bob buy 8 @ 1000",
                  "trade #2 bob buy 5 @ 980 with #1 alice, left 3/0", "ok #2 filled 5 open 3");
    EXPECT_BOOK(market.call, "1000 #2x3 |");
}

static void test_exchange_ioc_remainder_is_cancelled(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 980, 5));
    place(BOB, ioc(limit(BUY, market.call, 1000, 8)));
    EXPECT_EVENTS("accepted #2 bob buy 8 @ 1000",
                  "trade #2 bob buy 5 @ 980 with #1 alice, left 3/0", "cancelled #2 3 immediate",
                  "ok #2 filled 5");
    EXPECT_BOOK(market.call, "|");
    place(BOB, ioc(limit(BUY, market.call, 1000, 8)));
    EXPECT_EVENTS("accepted #3 bob buy 8 @ 1000", "cancelled #3 8 immediate", "ok #3");
}

static void test_exchange_market_order_without_price_is_held_by_the_edge_of_the_band(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1400, 1));
    place(ALICE, limit(SELL, market.call, 1500, 1));
    set_mark(market.call, 900); /* the band is 400 .. 1400 now */
    place(BOB, at_market(BUY, market.call, 0, 3));
    EXPECT_EVENTS("accepted #3 bob buy 3 @ 1400",
                  "trade #3 bob buy 1 @ 1400 with #1 alice, left 2/0", "cancelled #3 2 immediate",
                  "ok #3 filled 1");
    place(BOB, at_market(SELL, market.call, 0, 1));
    EXPECT_EVENTS("accepted #4 bob sell 1 @ 400", "cancelled #4 1 immediate", "ok #4");
}

static void test_exchange_market_order_stops_at_its_protection_price(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(ALICE, limit(SELL, market.call, 1010, 1));
    place(BOB, at_market(BUY, market.call, 1005, 2));
    EXPECT_EVENTS("accepted #3 bob buy 2 @ 1005",
                  "trade #3 bob buy 1 @ 1000 with #1 alice, left 1/0", "cancelled #3 1 immediate",
                  "ok #3 filled 1");
}

static void test_exchange_band_edge_of_a_market_order_is_on_tick(void **state)
{
    (void)state;
    set_mark(market.call, 1003); /* up to 1503: above 1200 only multiples of ten */
    place(BOB, at_market(BUY, market.call, 0, 1));
    EXPECT_EVENTS("accepted #1 bob buy 1 @ 1500", "cancelled #1 1 immediate", "ok #1");
    set_mark(market.call, 1723); /* down to 1223 */
    place(BOB, at_market(SELL, market.call, 0, 1));
    EXPECT_EVENTS("accepted #2 bob sell 1 @ 1230", "cancelled #2 1 immediate", "ok #2");
}

static void test_exchange_fok_fills_everything_or_leaves_no_trace(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(SELL, market.call, 1010, 5));
    place(CAROL, limit(SELL, market.call, 1020, 5));
    refuse(BOB, fok(limit(BUY, market.call, 1010, 11)), TN_REJECT_FILL_OR_KILL);
    place(BOB, fok(limit(BUY, market.call, 1010, 10)));
    EXPECT_EVENTS("accepted #4 bob buy 10 @ 1010",
                  "trade #4 bob buy 5 @ 1000 with #1 alice, left 5/0",
                  "trade #4 bob buy 5 @ 1010 with #2 carol, left 0/0", "ok #4 filled 10");
}

static void test_exchange_fok_counts_the_hidden_part_of_icebergs(void **state)
{
    (void)state;
    place(ALICE, showing(limit(SELL, market.call, 1000, 10), 3));
    refuse(BOB, fok(limit(BUY, market.call, 1000, 11)), TN_REJECT_FILL_OR_KILL);
    const struct tn_event *result = pass(BOB, fok(limit(BUY, market.call, 1000, 10)));
    assert_int_equal(result->quantity, 10);
    EXPECT_BOOK(market.call, "|");
}

static void test_exchange_post_only_that_would_trade_is_refused(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    refuse(BOB, post(limit(BUY, market.call, 1000, 5), TN_POST_REJECT),
           TN_REJECT_POST_ONLY_CROSSES);
    place(BOB, post(limit(BUY, market.call, 999, 5), TN_POST_REJECT));
    EXPECT_BOOK(market.call, "999 #2x5 | 1000 #1x5");
}

static void test_exchange_post_only_reprices_one_tick_away_from_the_best(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(BOB, post(limit(BUY, market.call, 1100, 5), TN_POST_REPRICE));
    EXPECT_EVENTS("accepted #2 bob buy 5 @ 999", "ok #2 open 5");
    assert_int_equal(account_view(BOB).reserved, 5 * 999 * TICK);
    place(ALICE, post(limit(SELL, market.call, 990, 1), TN_POST_REPRICE));
    EXPECT_EVENTS("accepted #3 alice sell 1 @ 1000", "ok #3 open 1");
    EXPECT_BOOK(market.call, "999 #2x5 | 1000 #1x5 #3x1");
}

static void test_exchange_post_only_reprices_onto_the_tick_schedule(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1250, 5));
    place(BOB, post(limit(BUY, market.call, 1300, 5), TN_POST_REPRICE));
    EXPECT_EVENTS("accepted #2 bob buy 5 @ 1240", "ok #2 open 5");
    place(ALICE, post(limit(SELL, market.call, 1200, 1), TN_POST_REPRICE));
    EXPECT_EVENTS("accepted #3 alice sell 1 @ 1250", "ok #3 open 1");
    EXPECT_BOOK(market.call, "1240 #2x5 | 1250 #1x5 #3x1");
}

static void test_exchange_post_only_with_no_price_left_to_go_to_is_refused(void **state)
{
    (void)state;
    struct tn_mark mark = usual_mark(market.call, 2 * TICK);
    apply_passing(marks_entry(&mark, 1));
    place(ALICE, limit(SELL, market.call, 1, 5));
    refuse(BOB, post(limit(BUY, market.call, 2, 5), TN_POST_REPRICE), TN_REJECT_POST_ONLY_CROSSES);
}

static void test_exchange_iceberg_refreshes_at_the_end_of_its_level(void **state)
{
    (void)state;
    place(ALICE, showing(limit(SELL, market.call, 1000, 10), 4));
    EXPECT_EVENTS("accepted #1 alice sell 10 @ 1000", "ok #1 open 10");
    place(CAROL, limit(SELL, market.call, 1000, 5));
    EXPECT_BOOK(market.call, "| 1000 #1x4 #2x5");
    place(BOB, limit(BUY, market.call, 1000, 4));
    EXPECT_EVENTS("accepted #3 bob buy 4 @ 1000",
                  "trade #3 bob buy 4 @ 1000 with #1 alice, left 0/6", "refreshed #1 shows 4 of 6",
                  "ok #3 filled 4");
    EXPECT_BOOK(market.call, "| 1000 #2x5 #1x4");
    place(BOB, limit(BUY, market.call, 1000, 11));
    EXPECT_EVENTS("accepted #4 bob buy 11 @ 1000",
                  "trade #4 bob buy 5 @ 1000 with #2 carol, left 6/0",
                  "trade #4 bob buy 4 @ 1000 with #1 alice, left 2/2", "refreshed #1 shows 2 of 2",
                  "trade #4 bob buy 2 @ 1000 with #1 alice, left 0/0", "ok #4 filled 11");
    EXPECT_BOOK(market.call, "|");
}

static void test_exchange_iceberg_reserves_for_what_it_hides(void **state)
{
    (void)state;
    place(ALICE, showing(limit(BUY, market.call, 1000, 10), 4));
    assert_int_equal(account_view(ALICE).reserved, 10 * 1000 * TICK);
    place(BOB, limit(SELL, market.call, 1000, 1));
    assert_int_equal(account_view(ALICE).reserved, 9 * 1000 * TICK);
    EXPECT_BOOK(market.call, "1000 #1x3 |");
}

static void test_exchange_command_meets_at_most_fills_max_makers(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 2;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 3; i++)
        place(ALICE, limit(SELL, market.call, 1000, 1));
    refuse(BOB, fok(limit(BUY, market.call, 1000, 3)), TN_REJECT_FILL_LIMIT);
    place(BOB, limit(BUY, market.call, 1000, 5));
    EXPECT_EVENTS("accepted #4 bob buy 5 @ 1000",
                  "trade #4 bob buy 1 @ 1000 with #1 alice, left 4/0",
                  "trade #4 bob buy 1 @ 1000 with #2 alice, left 3/0", "cancelled #4 3 fill limit",
                  "ok #4 filled 2");
    EXPECT_BOOK(market.call, "| 1000 #3x1");
}

static void test_exchange_order_filled_by_the_last_maker_allowed_is_no_fill_limit(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 2;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 3; i++)
        place(ALICE, limit(SELL, market.call, 1000, 1));
    place(BOB, fok(limit(BUY, market.call, 1000, 2)));
    EXPECT_EVENTS("accepted #4 bob buy 2 @ 1000",
                  "trade #4 bob buy 1 @ 1000 with #1 alice, left 1/0",
                  "trade #4 bob buy 1 @ 1000 with #2 alice, left 0/0", "ok #4 filled 2");
}

static void test_exchange_cancel_takes_the_order_out_once(void **state)
{
    (void)state;
    uint64_t id = place(ALICE, limit(BUY, market.call, 1000, 5));
    place(BOB, limit(BUY, market.call, 1000, 2));
    refuse(BOB, cancel(id), TN_REJECT_ORDER_UNKNOWN); /* not his */
    pass(ALICE, cancel(id));
    EXPECT_EVENTS("cancelled #1 5 request", "ok #1");
    EXPECT_BOOK(market.call, "1000 #2x2 |");
    assert_int_equal(account_view(ALICE).reserved, 0);
    refuse(ALICE, cancel(id), TN_REJECT_ORDER_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_limit_order_rests_and_reserves_its_premium),
        STORY(test_exchange_taker_trades_at_the_makers_price_oldest_first),
        STORY(test_exchange_trade_moves_cash_against_position_on_both_sides),
        STORY(test_exchange_remainder_of_a_limit_order_rests_at_its_own_limit),
        STORY(test_exchange_ioc_remainder_is_cancelled),
        STORY(test_exchange_market_order_without_price_is_held_by_the_edge_of_the_band),
        STORY(test_exchange_market_order_stops_at_its_protection_price),
        STORY(test_exchange_band_edge_of_a_market_order_is_on_tick),
        STORY(test_exchange_fok_fills_everything_or_leaves_no_trace),
        STORY(test_exchange_fok_counts_the_hidden_part_of_icebergs),
        STORY(test_exchange_post_only_that_would_trade_is_refused),
        STORY(test_exchange_post_only_reprices_one_tick_away_from_the_best),
        STORY(test_exchange_post_only_reprices_onto_the_tick_schedule),
        STORY(test_exchange_post_only_with_no_price_left_to_go_to_is_refused),
        STORY(test_exchange_iceberg_refreshes_at_the_end_of_its_level),
        STORY(test_exchange_iceberg_reserves_for_what_it_hides),
        OWN_STORY(test_exchange_command_meets_at_most_fills_max_makers),
        OWN_STORY(test_exchange_order_filled_by_the_last_maker_allowed_is_no_fill_limit),
        STORY(test_exchange_cancel_takes_the_order_out_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
