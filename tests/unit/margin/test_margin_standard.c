/* Standard margin by hand: what each position is charged, what spreads save, what orders may do.
 * The underlying is at 100 000, its forward at 102 000, and a lot is one unit. */
#include "standard_case.h"

/* ---- Shorts alone ---- */

static void test_standard_charges_a_short_call_at_the_money_its_mark_and_fifteen_percent(
    void **state)
{
    (void)state;
    call(100000, 5000, -1);
    expect_balances(20000, 20000 - 5000 - 15000, 20000 - 5000 - 9000);
    assert_int_equal(result.cash_equity, DOLLARS(20000));
    assert_int_equal(result.options, DOLLARS(-5000));
    assert_int_equal(result.equity, DOLLARS(15000));
}

static void test_standard_charges_a_short_call_less_the_further_it_is_out_of_the_money(void **state)
{
    (void)state;
    call(101000, 4500, -1); /* 1 % out: 14 % */
    expect_balances(0, -4500 - 14000, -4500 - 9000);
    open_market(NULL);
    call(110000, 1500, -2); /* 10 % out: not below 13 % */
    expect_balances(0, 2 * (-1500 - 13000), 2 * (-1500 - 9000));
    open_market(NULL);
    call(80000, 21000, -1); /* in the money: not above 15 % */
    expect_balances(0, -21000 - 15000, -21000 - 9000);
}

static void test_standard_charges_a_short_put_of_spot_or_of_its_own_value(void **state)
{
    (void)state;
    put(90000, 800, -1); /* 10 % out */
    expect_balances(0, -800 - 13000, -800 - 9000);
    open_market(NULL);
    put(99000, 3000, -1); /* 1 % out */
    expect_balances(0, -3000 - 14000, -3000 - 9000);
    open_market(NULL);
    put(300000, 200000, -1); /* 9 % of 200 000 is more than of spot; IM is 1.05 x MM */
    expect_balances(0, -228900, -218000);
}

static void test_standard_gives_nothing_for_a_long_option(void **state)
{
    (void)state;
    call(100000, 5000, 3);
    put(100000, 4000, 2);
    expect_balances(1000, 1000, 1000);
    assert_int_equal(result.options, DOLLARS(23000));
    assert_int_equal(result.equity, DOLLARS(24000));
}

static void test_standard_charges_futures_and_perpetuals_both_ways_without_offset(void **state)
{
    (void)state;
    hold(EXPIRY_PERP, TN_PERPETUAL, 0, 100500, -2);
    hold(EXPIRY_NEAR, TN_FUTURE, 0, 102100, 2); /* charged on the forward, 102 000 */
    /* CE = 50 000 - 201 000 + 204 200 */
    expect_balances(50000, 53200 - 20100 - 20400, 53200 - 13065 - 13260);
    assert_int_equal(result.cash_equity, DOLLARS(53200));
    assert_int_equal(result.equity, DOLLARS(53200));
}

static void test_standard_rounds_each_charge_of_one_lot_up(void **state)
{
    (void)state;
    uint32_t index = call(100000, 0, -10);
    series[index].spot_lot = series[index].strike_lot = 101; /* 15 %: 15.15, 9 %: 9.09 */
    rows[index][TN_COLUMN_MARK] = 7;
    evaluate();
    assert_int_equal(result.im, -10 * (7 + 16));
    assert_int_equal(result.mm, -10 * (7 + 10));
    series[index].kind =
        TN_PUT; /* 9 % of 101 is 9.09: 17 with the mark; 1.05 x 17 is less than 23 */
    evaluate();
    assert_int_equal(result.im, -10 * (7 + 16));
    assert_int_equal(result.mm, -10 * (7 + 10));
}

static void test_standard_takes_collateral_after_haircuts_rounded_up(void **state)
{
    (void)state;
    market.assets_count = 3;
    assets[1] = (struct tn_margin_asset){
        .price_micros = 2000001, .mm_haircut_ppm = 100000, .im_haircut_ppm = 50000};
    assets[2] = (struct tn_margin_asset){
        .price_micros = 1000000, .mm_haircut_ppm = 900000, .im_haircut_ppm = 200000};
    account.balances[1] = 999999; /* worth 1 999 998.99, floored */
    account.balances[2] = 55;     /* MM 49.5 off; IM all of it, not more */
    account.cash = -7;
    evaluate();
    assert_int_equal(result.collateral, 1999998 + 55);
    assert_int_equal(result.equity, -7 + 1999998 + 55);
    assert_int_equal(result.mm, -7 + 1999998 - 200000 + 5);
    assert_int_equal(result.im, -7 + 1999998 - 300000);
}

/* ---- Options that limit each other ---- */

static void test_standard_charges_a_spread_what_it_can_lose(void **state)
{
    (void)state;
    put(95000, 2000, 1);
    put(100000, 4000, -1);
    expect_balances(0, -5000, -5000);
    open_market(NULL);
    call(100000, 5000, -1);
    call(105000, 3000, 1);
    expect_balances(0, -5000, -5000);
    open_market(NULL);
    call(95000, 8000, 1); /* pays at least nothing everywhere */
    call(100000, 5000, -1);
    expect_balances(0, 0, 0);
}

static void test_standard_charges_a_strangle_leg_by_leg(void **state)
{
    (void)state;
    put(90000, 800, -1);
    call(110000, 1500, -1);
    expect_balances(30000, 30000 - 13800 - 14500, 30000 - 9800 - 10500);
}

static void test_standard_charges_an_iron_condor_its_wider_wing(void **state)
{
    (void)state;
    put(85000, 400, 1);
    put(90000, 800, -1);
    call(110000, 1500, -1);
    call(118000, 700, 1);
    expect_balances(0, -8000, -8000);
}

static void test_standard_charges_short_calls_without_long_ones_on_the_forward(void **state)
{
    (void)state;
    call(95000, 8000, 10);
    call(100000, 5000, -11);
    /* alone: 11 x 20 000 and 11 x 14 000; one unpaired: 1.2 and 1.1 x 102 000 */
    expect_balances(0, -122400, -112200);
}

static void test_standard_takes_the_better_of_alone_and_unpaired(void **state)
{
    (void)state;
    call(95000, 8000, 1);
    call(100000, 5000, -2);
    expect_balances(0, 2 * -20000, 2 * -14000);
}

static void test_standard_looks_at_every_strike_that_is_held(void **state)
{
    (void)state;
    call(95000, 8000, 1);
    call(100000, 5000, -1);
    expect_balances(0, 0, 0);
    open_market(NULL);
    call(100000, 5000, -1);
    call(105000, 3000, 1);
    put(110000, 11000, 1); /* worth nothing from 110 000 on, where the spread has lost 5 000 */
    expect_balances(0, -5000, -5000);
}

static void test_standard_leaves_futures_out_of_what_options_can_lose(void **state)
{
    (void)state;
    hold(EXPIRY_NEAR, TN_FUTURE, 0, 102000, 1);
    call(100000, 5000, -1); /* covered by the future in fact, but charged alone */
    expect_balances(0, 102000 - 10200 - 20000, 102000 - 6630 - 14000);
}

static void test_standard_offsets_nothing_between_expiries(void **state)
{
    (void)state;
    put(100000, 4000, -1);
    hold(EXPIRY_FAR, TN_PUT, 100000, 6000, 1);
    expect_balances(0, -19000, -13000);
}

static void test_standard_never_shows_more_margin_than_equity(void **state)
{
    (void)state;
    put(90000, 800, 1); /* marks that allow arbitrage: the spread costs less than nothing */
    put(85000, 900, 0);
    holdings[0] = (struct tn_holding){.series = 1, .quantity = -1};
    holdings[1] = (struct tn_holding){.series = 0, .quantity = 1};
    expect_balances(0, -100, -100);
    assert_int_equal(result.equity, DOLLARS(-100));
}

/* ---- Open orders ---- */

static void expect_m(int64_t m)
{
    evaluate();
    assert_int_equal(result.m, DOLLARS(m));
}

static void test_standard_without_orders_shows_the_im_balance(void **state)
{
    (void)state;
    call(100000, 5000, -1);
    expect_m(-20000);
}

static void test_standard_counts_one_order_as_filled_or_not_whichever_is_worse(void **state)
{
    (void)state;
    uint32_t index = call(100000, 5000, 0);
    order(index, -1, 6000, 10);
    expect_m(6000 - 10 - 20000);
    account.orders_count = 0;
    order(index, 2, 4000, 10); /* a long is worth nothing */
    expect_m(-8010);
    account.orders_count = 0;
    holdings[0].quantity = -1;
    order(index, 1, 5000, 10); /* closes the short: better filled, so it does not count */
    expect_m(-20000);
}

static void test_standard_counts_one_order_of_a_spread_with_the_other_leg(void **state)
{
    (void)state;
    put(95000, 2000, 1);
    uint32_t index = put(100000, 4000, 0);
    order(index, -1, 4000, 0);
    expect_m(4000 - 5000);
}

static void test_standard_counts_the_worst_subset_of_orders_both_ways(void **state)
{
    (void)state;
    uint32_t perp = hold(EXPIRY_PERP, TN_PERPETUAL, 0, 100000, 1);
    account.cash = DOLLARS(-100000);
    order(perp, 3, 99000, 5);
    order(perp, -4, 101000, 5);
    order(perp, -1, 98000, 5);
    /* long 4: 3 x 1 000 gained, 5 and 40 000 charged; short 4: +4 000 - 2 000 - 10 - 40 000 */
    expect_m(-38010);
}

static void test_standard_lets_a_buy_lower_no_requirement(void **state)
{
    (void)state;
    uint32_t index = call(100000, 5000, -1);
    order(index, 1, 5000, 0);
    order(index, -1, 6000, 20);
    expect_m(-20000 + 6000 - 20 - 20000);
}

static void test_standard_counts_a_sell_that_closes_a_long_as_no_risk(void **state)
{
    (void)state;
    uint32_t index = call(100000, 5000, 2);
    order(index, -1, 6000, 20);
    order(index, -1, 7000, 20);
    expect_m(0);
}

static void test_standard_charges_the_fee_of_a_sell_that_brings_less(void **state)
{
    (void)state;
    uint32_t index = put(50000, 0, 2);
    order(index, -1, 1, 20);
    order(index, -1, 7000, 20);
    expect_m(-19);
}

static void test_standard_counts_what_orders_cost_of_equity_where_equity_is_less(void **state)
{
    (void)state;
    put(85000, 20000, -1); /* marks that allow arbitrage, as above */
    put(90000, 800, 1);
    uint32_t index = call(100000, 5000, 2);
    order(index, -1, 4000, 0);
    order(index, -1, 4500, 100);
    evaluate();
    assert_int_equal(result.im, DOLLARS(-19200 + 10000));
    assert_int_equal(result.m, DOLLARS(-19200 + 4000 + 4500 - 100));
}

#define TEST(name) cmocka_unit_test_setup(name, open_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_standard_charges_a_short_call_at_the_money_its_mark_and_fifteen_percent),
        TEST(test_standard_charges_a_short_call_less_the_further_it_is_out_of_the_money),
        TEST(test_standard_charges_a_short_put_of_spot_or_of_its_own_value),
        TEST(test_standard_gives_nothing_for_a_long_option),
        TEST(test_standard_charges_futures_and_perpetuals_both_ways_without_offset),
        TEST(test_standard_rounds_each_charge_of_one_lot_up),
        TEST(test_standard_takes_collateral_after_haircuts_rounded_up),
        TEST(test_standard_charges_a_spread_what_it_can_lose),
        TEST(test_standard_charges_a_strangle_leg_by_leg),
        TEST(test_standard_charges_an_iron_condor_its_wider_wing),
        TEST(test_standard_charges_short_calls_without_long_ones_on_the_forward),
        TEST(test_standard_takes_the_better_of_alone_and_unpaired),
        TEST(test_standard_looks_at_every_strike_that_is_held),
        TEST(test_standard_leaves_futures_out_of_what_options_can_lose),
        TEST(test_standard_offsets_nothing_between_expiries),
        TEST(test_standard_never_shows_more_margin_than_equity),
        TEST(test_standard_without_orders_shows_the_im_balance),
        TEST(test_standard_counts_one_order_as_filled_or_not_whichever_is_worse),
        TEST(test_standard_counts_one_order_of_a_spread_with_the_other_leg),
        TEST(test_standard_counts_the_worst_subset_of_orders_both_ways),
        TEST(test_standard_lets_a_buy_lower_no_requirement),
        TEST(test_standard_counts_a_sell_that_closes_a_long_as_no_risk),
        TEST(test_standard_charges_the_fee_of_a_sell_that_brings_less),
        TEST(test_standard_counts_what_orders_cost_of_equity_where_equity_is_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
