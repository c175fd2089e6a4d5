/* Self-trade prevention at owner level (docs/specs/exchange.md §4.1.3): Alice's two accounts never
 * trade with each other; what happens instead is the taker's choice. */
#include "exchange_trace.h"

static void test_exchange_cancel_taker_stops_at_the_first_own_maker(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 990, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(ALICE, limit(BUY, market.call, 1000, 12));
    EXPECT_EVENTS("accepted #4 alice buy 12 @ 1000",
                  "trade #4 alice buy 5 @ 990 with #1 carol, left 7/0", "cancelled #4 7 self trade",
                  "ok #4 filled 5");
    EXPECT_BOOK(market.call, "| 1000 #2x5 #3x5");
}

static void test_exchange_cancel_maker_removes_own_makers_it_reaches_and_no_others(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1010, 5));
    place(ALICE, with_stp(limit(BUY, market.call, 1010, 5), TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #5 alice buy 5 @ 1010", "cancelled #1 5 self trade",
                  "trade #5 alice buy 5 @ 1000 with #2 carol, left 0/0", "ok #5 filled 5");
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 5), TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #6 alice buy 5 @ 1000", "cancelled #3 5 self trade", "ok #6 open 5");
    EXPECT_BOOK(market.call, "1000 #6x5 | 1010 #4x5");
}

static void test_exchange_cancel_both_removes_one_maker_and_the_taker(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 6));
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 8), TN_STP_CANCEL_BOTH));
    EXPECT_EVENTS("accepted #3 alice buy 8 @ 1000", "cancelled #1 5 self trade",
                  "cancelled #3 8 self trade", "ok #3");
    EXPECT_BOOK(market.call, "| 1000 #2x6");
}

static void test_exchange_decrement_takes_the_smaller_quantity_off_both(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 8), TN_STP_DECREMENT));
    EXPECT_EVENTS("accepted #3 alice buy 8 @ 1000", "reduced #3 by 5 to 3 self trade",
                  "cancelled #1 5 self trade",
                  "trade #3 alice buy 3 @ 1000 with #2 carol, left 0/2", "ok #3 filled 3");
}

static void test_exchange_decrement_may_use_up_the_taker_first(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 3), TN_STP_DECREMENT));
    EXPECT_EVENTS("accepted #2 alice buy 3 @ 1000", "cancelled #2 0 self trade",
                  "reduced #1 by 3 to 2 self trade", "ok #2");
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 2), TN_STP_DECREMENT));
    EXPECT_EVENTS("accepted #3 alice buy 2 @ 1000", "cancelled #3 0 self trade",
                  "cancelled #1 2 self trade", "ok #3");
    EXPECT_BOOK(market.call, "|");
    assert_int_equal(lots_of(ALICE, market.call), 0);
}

static void test_exchange_decrement_refreshes_an_iceberg_as_a_fill_does(void **state)
{
    (void)state;
    place(ALICE_TWO, showing(limit(SELL, market.call, 1000, 10), 4));
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 6), TN_STP_DECREMENT));
    EXPECT_EVENTS("accepted #2 alice buy 6 @ 1000", "reduced #2 by 4 to 2 self trade",
                  "reduced #1 by 4 to 6 self trade", "refreshed #1 shows 4 of 6",
                  "cancelled #2 0 self trade", "reduced #1 by 2 to 4 self trade", "ok #2");
    EXPECT_BOOK(market.call, "| 1000 #1x2");
}

static void test_exchange_own_makers_that_are_not_reached_do_not_count(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(ALICE, limit(BUY, market.call, 1000, 5));
    EXPECT_EVENTS("accepted #3 alice buy 5 @ 1000",
                  "trade #3 alice buy 5 @ 1000 with #1 carol, left 0/0", "ok #3 filled 5");
    EXPECT_BOOK(market.call, "| 1000 #2x5");
}

static void test_exchange_fok_leaves_own_orders_out_of_its_plan(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    struct tn_command buy = fok(limit(BUY, market.call, 1000, 5));
    refuse(ALICE, buy, TN_REJECT_FILL_OR_KILL);
    refuse(ALICE, with_stp(buy, TN_STP_CANCEL_BOTH), TN_REJECT_FILL_OR_KILL);
    refuse(ALICE, with_stp(buy, TN_STP_DECREMENT), TN_REJECT_FILL_OR_KILL);
    refuse(ALICE, with_stp(fok(limit(BUY, market.call, 1000, 6)), TN_STP_CANCEL_MAKER),
           TN_REJECT_FILL_OR_KILL);
    place(ALICE, with_stp(buy, TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #3 alice buy 5 @ 1000", "cancelled #1 5 self trade",
                  "trade #3 alice buy 5 @ 1000 with #2 carol, left 0/0", "ok #3 filled 5");
}

static void test_exchange_fok_before_the_first_own_order_passes(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    assert_int_equal(pass(ALICE, fok(limit(BUY, market.call, 1000, 5)))->quantity, 5);
}

static void test_exchange_own_makers_removed_count_as_makers_reached(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 2;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 3; i++)
        place(ALICE_TWO, limit(SELL, market.call, 1000, 1));
    place(ALICE, with_stp(limit(BUY, market.call, 1000, 5), TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #4 alice buy 5 @ 1000", "cancelled #1 1 self trade",
                  "cancelled #2 1 self trade", "cancelled #4 5 fill limit", "ok #4");
}

static void test_exchange_quotes_prevent_self_trades_by_the_mode_of_their_command(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    struct tn_quote quote = two_sided(market.call, 1000, 3, 1100, 3);
    struct tn_command quotes = mass_quote(&quote, 1, 0);
    quotes.as.mass_quote.stp = TN_STP_CANCEL_MAKER;
    pass(ALICE, quotes);
    EXPECT_EVENTS("cancelled #1 5 self trade", "quoted 0 bid #2 @ 1000 open 3",
                  "quoted 0 ask #3 @ 1100 open 3", "ok filled 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_cancel_taker_stops_at_the_first_own_maker),
        STORY(test_exchange_cancel_maker_removes_own_makers_it_reaches_and_no_others),
        STORY(test_exchange_cancel_both_removes_one_maker_and_the_taker),
        STORY(test_exchange_decrement_takes_the_smaller_quantity_off_both),
        STORY(test_exchange_decrement_may_use_up_the_taker_first),
        STORY(test_exchange_decrement_refreshes_an_iceberg_as_a_fill_does),
        STORY(test_exchange_own_makers_that_are_not_reached_do_not_count),
        STORY(test_exchange_fok_leaves_own_orders_out_of_its_plan),
        STORY(test_exchange_fok_before_the_first_own_order_passes),
        OWN_STORY(test_exchange_own_makers_removed_count_as_makers_reached),
        STORY(test_exchange_quotes_prevent_self_trades_by_the_mode_of_their_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
