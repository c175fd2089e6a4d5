/* PACKAGE (docs/specs/exchange.md §10): several books at once, in whole ratios, within one net
 * limit, or not at all. Carol's call asks and put bids are what Bob's packages meet. */
#include "exchange_trace.h"

/* Buys `calls` calls and sells `puts` puts per unit, for at most net_ticks a unit. */
static struct tn_command spread(enum tn_tif tif, int64_t units, tn_ticks net_ticks, tn_lots calls,
                                tn_lots puts)
{
    const struct tn_leg legs[] = {leg(BUY, market.call, calls, 0), leg(SELL, market.put, puts, 0)};
    return package(tif, units, net_ticks * TICK, legs, 2);
}

static void test_exchange_package_fills_the_units_that_all_legs_have(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.put, 900, 3));
    pass(BOB, spread(TN_IOC, 5, 100, 1, 1));
    EXPECT_EVENTS("trade #3 bob buy 3 @ 1000 with #1 carol, left 0/2 package",
                  "trade #4 bob sell 3 @ 900 with #2 carol, left 0/0 package in "
                  "BTC-25DEC26-100000-P",
                  "ok #3 filled 3");
    EXPECT_BOOK(market.call, "| 1000 #1x2");
    assert_int_equal(gain_of(BOB), -3 * 100 * TICK);
}

static void test_exchange_package_fok_wants_all_its_units(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.put, 900, 3));
    refuse(BOB, spread(TN_FOK, 4, 100, 1, 1), TN_REJECT_FILL_OR_KILL);
    assert_int_equal(pass(BOB, spread(TN_FOK, 3, 100, 1, 1))->quantity, 3);
}

static void test_exchange_package_keeps_its_net_limit_per_unit(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 2));
    place(CAROL, limit(SELL, market.call, 1010, 2));
    place(CAROL, limit(BUY, market.put, 900, 4));
    refuse(BOB, spread(TN_IOC, 4, 99, 1, 1), TN_REJECT_PACKAGE_LIMIT);
    pass(BOB, spread(TN_IOC, 4, 100, 1, 1)); /* the third unit would cost 110 */
    EXPECT_EVENTS("trade #4 bob buy 2 @ 1000 with #1 carol, left 0/0 package",
                  "trade #5 bob sell 2 @ 900 with #3 carol, left 0/2 package in "
                  "BTC-25DEC26-100000-P",
                  "ok #4 filled 2");
    assert_int_equal(pass(BOB, spread(TN_IOC, 4, 110, 1, 1))->quantity, 2);
}

static void test_exchange_package_trades_in_whole_ratios(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.put, 900, 9));
    pass(BOB, spread(TN_IOC, 9, 0, 2, 3)); /* 2 · 1 000 − 3 · 900 = −700 a unit */
    EXPECT_EVENTS("trade #3 bob buy 4 @ 1000 with #1 carol, left 0/1 package",
                  "trade #4 bob sell 6 @ 900 with #2 carol, left 0/3 package in "
                  "BTC-25DEC26-100000-P",
                  "ok #3 filled 2");
}

static void test_exchange_package_may_ask_for_a_net_receipt(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.put, 900, 9));
    refuse(BOB, spread(TN_IOC, 1, -701, 2, 3), TN_REJECT_PACKAGE_LIMIT);
    pass(BOB, spread(TN_IOC, 1, -700, 2, 3));
    assert_int_equal(gain_of(BOB), 700 * TICK);
}

static void test_exchange_package_unit_may_span_levels(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 1));
    place(CAROL, limit(SELL, market.call, 1010, 1));
    place(CAROL, limit(BUY, market.put, 900, 1));
    refuse(BOB, spread(TN_IOC, 1, 1109, 2, 1), TN_REJECT_PACKAGE_LIMIT);
    pass(BOB, spread(TN_IOC, 1, 1110, 2, 1));
    EXPECT_EVENTS("trade #4 bob buy 1 @ 1000 with #1 carol, left 1/0 package",
                  "trade #4 bob buy 1 @ 1010 with #2 carol, left 0/0 package",
                  "trade #5 bob sell 1 @ 900 with #3 carol, left 0/0 package in "
                  "BTC-25DEC26-100000-P",
                  "ok #4 filled 1");
}

static void test_exchange_package_goes_on_from_level_to_level_unit_by_unit(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 3)); /* one whole unit and a half */
    place(CAROL, limit(SELL, market.call, 1010, 5));
    place(CAROL, limit(BUY, market.put, 900, 9));
    pass(BOB, spread(TN_IOC, 9, 1120, 2, 1));
    /* 1 100, then 1 110 across the levels, then 1 120 twice. */
    assert_int_equal(last_event()->quantity, 4);
    assert_int_equal(gain_of(BOB), -(1100 + 1110 + 2 * 1120) * TICK);
    EXPECT_BOOK(market.call, "|");
    EXPECT_BOOK(market.put, "900 #3x5 |");
}

static void test_exchange_package_takes_no_price_outside_the_band(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1400, 5));
    place(CAROL, limit(BUY, market.put, 900, 5));
    set_mark(market.call, 850); /* up to 1 350 */
    refuse(BOB, spread(TN_IOC, 1, 5000, 1, 1), TN_REJECT_PACKAGE_LIMIT);
    set_mark(market.call, 900);
    pass(BOB, spread(TN_IOC, 1, 5000, 1, 1));
}

static void test_exchange_package_stops_before_own_orders(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 1));
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.put, 900, 5));
    assert_int_equal(pass(ALICE, spread(TN_IOC, 3, 100, 1, 1))->quantity, 1);
    refuse(ALICE, spread(TN_IOC, 3, 100, 1, 1), TN_REJECT_PACKAGE_LIMIT);
}

static void test_exchange_package_takes_a_protected_quote_whole_or_not(void **state)
{
    (void)state;
    pass(CAROL, protection(1, 5, 0, 1000, 1000));
    struct tn_quote quote = two_sided(market.call, 990, 10, 1000, 10);
    pass(CAROL, mass_quote(&quote, 1, 1));
    place(CAROL, limit(BUY, market.put, 900, 5));
    refuse(BOB, spread(TN_IOC, 1, 100, 1, 1), TN_REJECT_PACKAGE_LIMIT);
    quote.ask_quantity = 4;
    pass(CAROL, mass_quote(&quote, 1, 1));
    assert_int_equal(pass(BOB, spread(TN_IOC, 5, 100, 1, 1))->quantity, 4);
}

static void test_exchange_package_is_stopped_by_the_makers_it_may_meet_in_all_legs(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 3;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 2; i++) {
        place(CAROL, limit(SELL, market.call, 1000, 1));
        place(CAROL, limit(BUY, market.put, 900, 1));
    }
    refuse(BOB, spread(TN_FOK, 2, 100, 1, 1), TN_REJECT_FILL_LIMIT);
    assert_int_equal(pass(BOB, spread(TN_IOC, 2, 100, 1, 1))->quantity, 1);
}

static void test_exchange_package_has_one_margin_test_for_all_legs(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(BUY, market.put, 900, 10));
    pass(BOB, withdraw(0, START_CASH - 10 * DOLLAR)); /* ten dollars are left */
    refuse(BOB, limit(BUY, market.call, 1000, 10), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 90 * DOLLAR);
    pass(BOB, spread(TN_FOK, 10, 100, 1, 1));
    assert_int_equal(cash_of(BOB), 0);
}

static void test_exchange_package_margin_test_uses_exact_cost_and_taker_fees(void **state)
{
    (void)state;
    set_fees(0, 100, 0); /* 0.01 % of 1 000 dollars: 0.1 dollars a lot */
    place(CAROL, fee_up_to(limit(SELL, market.call, 1000, 10), 100));
    place(CAROL, fee_up_to(limit(BUY, market.put, 900, 10), 100));
    pass(BOB, withdraw(0, START_CASH - 12 * DOLLAR + 1));
    /* Ten units cost 10 dollars and twenty fees of 0.1: one micro more than there is. */
    struct tn_command buy = spread(TN_FOK, 10, 100, 1, 1);
    refuse(BOB, buy, TN_REJECT_FEE_ABOVE_AGREED);
    buy.as.package.fee_max_ppm = 100;
    refuse(BOB, buy, TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 1);
    apply_passing(deposit_entry(BOB, 0, 1));
    pass(BOB, buy);
    assert_int_equal(cash_of(BOB), 0);
}

static void test_exchange_package_of_linear_legs_costs_the_distance_to_the_mark(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.perp, 100010, 10));
    place(CAROL, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(BUY, market.future, 99980, 10));
    /* A unit pays 10 ticks above the mark, the premium of 1 000, and 20 below the mark. */
    pass(BOB, withdraw(0, START_CASH - 10 * 1030 * TICK + 1));
    const struct tn_leg legs[] = {leg(BUY, market.perp, 1, 0), leg(BUY, market.call, 1, 0),
                                  leg(SELL, market.future, 1, 0)};
    struct tn_command buy = package(TN_FOK, 10, 1030 * TICK, legs, 3);
    refuse(BOB, buy, TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 1);
    apply_passing(deposit_entry(BOB, 0, 1));
    pass(BOB, buy);
    assert_int_equal(account_view(BOB).free_equity, 0);
    assert_int_equal(lots_of(BOB, market.perp), 10);
    assert_int_equal(lots_of(BOB, market.future), -10);
    /* One leg more of the perpetual than of the future: its mark does not cancel out. */
    place(CAROL, limit(SELL, market.perp, 100000, 10));
    const struct tn_leg uneven[] = {leg(BUY, market.perp, 1, 0), leg(SELL, market.call, 1, 0)};
    place(CAROL, limit(BUY, market.call, 900, 10));
    pass(BOB, package(TN_FOK, 10, 100000 * TICK, uneven, 2));
}

static void test_exchange_package_out_of_shape_is_refused(void **state)
{
    (void)state;
    struct tn_command good = spread(TN_IOC, 1, 100, 1, 1);
    struct tn_command bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].as.package.legs_count = 1;
    bad[1].as.package.legs_count = 9;
    bad[2].as.package.legs[1].series_id = market.call;
    bad[3].as.package.legs[0].quantity = 0;
    bad[4].as.package.legs[0].quantity = 1000001;
    bad[5].as.package.units = 0;
    bad[6].as.package.units = 1000000001;
    bad[7].as.package.legs_count = 0;
    for (size_t i = 0; i < 8; i++)
        refuse(BOB, bad[i], TN_REJECT_PACKAGE_SIZE);
    good.as.package.tif = TN_GTC;
    refuse(BOB, good, TN_REJECT_TIF_UNKNOWN);
    good = spread(TN_IOC, 1, 100, 1, 1);
    good.as.package.limit_micros = (INT64_C(1) << 50) + 1;
    refuse(BOB, good, TN_REJECT_AMOUNT_RANGE);
    refuse(BOB, spread(TN_IOC, 100000, 100, 2, 1), TN_REJECT_QUANTITY_RANGE);
    refuse(BOB, spread(TN_IOC, 1, 100, 1, 1), TN_REJECT_PACKAGE_LIMIT); /* empty books */
    good = spread(TN_IOC, 1, 100, 1, 1);
    good.as.package.legs[1].series_id++;
    refuse(BOB, good, TN_REJECT_SERIES_UNKNOWN);
    set_status(market.put, TN_STATUS_POST_ONLY);
    refuse(BOB, spread(TN_IOC, 1, 100, 1, 1), TN_REJECT_SERIES_STATUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_package_fills_the_units_that_all_legs_have),
        STORY(test_exchange_package_fok_wants_all_its_units),
        STORY(test_exchange_package_keeps_its_net_limit_per_unit),
        STORY(test_exchange_package_trades_in_whole_ratios),
        STORY(test_exchange_package_may_ask_for_a_net_receipt),
        STORY(test_exchange_package_unit_may_span_levels),
        STORY(test_exchange_package_goes_on_from_level_to_level_unit_by_unit),
        STORY(test_exchange_package_takes_no_price_outside_the_band),
        STORY(test_exchange_package_stops_before_own_orders),
        STORY(test_exchange_package_takes_a_protected_quote_whole_or_not),
        OWN_STORY(test_exchange_package_is_stopped_by_the_makers_it_may_meet_in_all_legs),
        STORY(test_exchange_package_has_one_margin_test_for_all_legs),
        STORY(test_exchange_package_margin_test_uses_exact_cost_and_taker_fees),
        STORY(test_exchange_package_of_linear_legs_costs_the_distance_to_the_mark),
        STORY(test_exchange_package_out_of_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
