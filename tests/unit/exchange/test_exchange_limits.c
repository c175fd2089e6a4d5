/* Limits (docs/specs/exchange.md §3.12, §3.13, §3.15, §8): at each of them the command is refused
 * and everything that was there stays. */
#include "exchange_trace.h"

static void test_exchange_full_of_orders_refuses_those_that_would_rest(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.orders_max = limits.levels_max = 3;
    open_market_with(limits, usual_underlying());
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(ALICE, limit(SELL, market.call, 1000, 1));
    struct tn_command stop = stop_at(limit(SELL, market.call, 900, 1), 950);
    refuse(ALICE, oco(limit(SELL, market.call, 1000, 1), stop), TN_REJECT_ORDERS_FULL);
    place(ALICE, stop); /* a waiting stop takes a place too */
    refuse(BOB, limit(BUY, market.call, 1000, 1), TN_REJECT_ORDERS_FULL);
    refuse(BOB, stop, TN_REJECT_ORDERS_FULL);
    place(BOB, ioc(limit(BUY, market.call, 1000, 1)));
    EXPECT_EVENTS("accepted #4 bob buy 1 @ 1000",
                  "trade #4 bob buy 1 @ 1000 with #1 alice, left 0/0", "ok #4 filled 1");
    place(BOB, limit(BUY, market.call, 900, 1)); /* one place is free again */
}

static void test_exchange_full_of_levels_refuses_at_any_price(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.levels_max = 2;
    open_market_with(limits, usual_underlying());
    place(ALICE, limit(SELL, market.call, 1000, 2));
    place(ALICE, limit(SELL, market.put, 1000, 1));
    refuse(BOB, limit(BUY, market.call, 900, 1), TN_REJECT_LEVELS_FULL);
    refuse(ALICE, replace(1, 1010, 1), TN_REJECT_LEVELS_FULL);
    refuse(ALICE, stop_at(limit(SELL, market.call, 900, 1), 950), TN_REJECT_LEVELS_FULL);
    pass(ALICE, replace(1, 1000, 1)); /* keeps its place */
    pass(ALICE, cancel(1));
    place(BOB, limit(BUY, market.call, 900, 1));
}

static void test_exchange_full_of_orders_refuses_sides_of_quotes_singly(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.orders_max = 3;
    limits.levels_max = 3;
    open_market_with(limits, usual_underlying());
    const struct tn_quote quotes[] = {two_sided(market.call, 990, 1, 1010, 1),
                                      two_sided(market.put, 990, 1, 1010, 1)};
    pass(ALICE, mass_quote(quotes, 2, 0));
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 1", "quoted 0 ask #2 @ 1010 open 1",
                  "quoted 1 bid #3 @ 990 open 1 in BTC-25DEC26-100000-P",
                  "quoted 1 ask ORDERS_FULL in BTC-25DEC26-100000-P", "ok filled 3");
}

static void test_exchange_quote_that_keeps_its_place_asks_for_no_level(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.levels_max = 2;
    open_market_with(limits, usual_underlying());
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    pass(ALICE, mass_quote(&quote, 1, 0));
    quote.ask_price = 1020;
    pass(ALICE, mass_quote(&quote, 1, 0));
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 5 kept", "quoted 0 ask #2 LEVELS_FULL open 5",
                  "ok filled 1");
}

static void test_exchange_account_full_of_exposures_takes_no_new_series(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.exposures_per_account_max = 2;
    open_market_with(limits, usual_underlying());
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(ALICE, stop_at(limit(SELL, market.put, 900, 1), 950));
    refuse(ALICE, limit(SELL, market.future, 100000, 1), TN_REJECT_EXPOSURES_FULL);
    refuse(ALICE, ioc(limit(SELL, market.future, 100000, 1)), TN_REJECT_EXPOSURES_FULL);
    place(ALICE, limit(SELL, market.call, 1010, 1)); /* one she has already */
    assert_int_equal(account_view(ALICE).exposures_count, 2);
    const struct tn_leg legs[] = {leg(BUY, market.future, 1, 100000)};
    refuse(ALICE, block_trade(BOB, 1, legs, 1), TN_REJECT_EXPOSURES_FULL);
    refuse(BOB, block_trade(ALICE, 99, legs, 1), TN_REJECT_EXPOSURES_FULL);
    struct tn_quote quote = two_sided(market.future, 99500, 1, 100500, 1);
    pass(ALICE, mass_quote(&quote, 1, 0));
    assert_int_equal(market.events[0].reject, TN_REJECT_EXPOSURES_FULL);
    pass(ALICE, cancel(2)); /* the put's exposure goes with its last order */
    assert_int_equal(account_view(ALICE).exposures_count, 1);
    place(ALICE, limit(SELL, market.future, 100000, 1));
}

static void test_exchange_full_of_exposures_takes_no_new_ones_of_anybody(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.exposures_max = 3;
    open_market_with(limits, usual_underlying());
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(BOB, limit(BUY, market.call, 900, 1));
    const struct tn_leg legs[] = {leg(BUY, market.call, 10, 1000)};
    refuse(CAROL, block_trade(DAN, 1, legs, 1), TN_REJECT_EXPOSURES_FULL); /* one for two */
    place(DAN, limit(BUY, market.call, 900, 1));
    refuse(CAROL, limit(BUY, market.call, 900, 1), TN_REJECT_EXPOSURES_FULL);
    place(BOB, limit(BUY, market.call, 1000, 1)); /* now they have positions, which keep them */
    refuse(CAROL, limit(BUY, market.call, 900, 1), TN_REJECT_EXPOSURES_FULL);
    pass(BOB, cancel(2));
    assert_int_equal(account_view(BOB).exposures_count, 1);
    pass(DAN, cancel(3));
    place(CAROL, limit(BUY, market.call, 900, 1));
}

static void test_exchange_full_of_accounts_underlyings_and_groups(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.accounts_max = TRADERS;
    limits.underlyings_max = 1;
    limits.groups_max = 2;
    open_market_with(limits, usual_underlying());
    refuse_entry(account_entry(9), TN_REJECT_ACCOUNTS_FULL);
    struct tn_underlying ether = usual_underlying();
    memcpy(ether.symbol, "ETH", 4);
    refuse_entry((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = ether},
                 TN_REJECT_UNDERLYINGS_FULL);
    pass(ALICE, protection(1, 5, 0, 1000, 0));
    pass(BOB, protection(1, 5, 0, 1000, 0));
    refuse(BOB, protection(2, 5, 0, 1000, 0), TN_REJECT_MMP_FULL);
    pass(BOB, protection(1, 7, 0, 1000, 0)); /* a group there is can be set again */
}

static void test_exchange_full_of_series_retires_the_one_settled_first(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.series_max = 5;
    open_market_with(limits, usual_underlying());
    uint64_t later = option_of(TN_CALL, (uint16_t)(market.day + 7), 100000);
    uint64_t another = option_of(TN_PUT, (uint16_t)(market.day + 7), 100000);
    refuse_entry(list_entry(later), TN_REJECT_SERIES_FULL);
    advance(1, tn_series_expiry_ms(market.call) - market.time_ms);
    apply_passing(settle_entry(market.day, 100000 * DOLLAR));
    refuse_entry(list_entry(later), TN_REJECT_SERIES_FULL); /* settling is not settled */
    sweep(64);
    apply_passing(list_entry(later));
    struct tn_series_view view;
    assert_false(tn_exchange_series(market.exchange, &view, market.future));
    assert_true(tn_exchange_series(market.exchange, &view, market.call));
    apply_passing(list_entry(another));
    assert_false(tn_exchange_series(market.exchange, &view, market.call));
    uint64_t ids[8];
    assert_int_equal(tn_exchange_series_ids(market.exchange, ids, 8), 5);
    const uint64_t expected[] = {market.perp, market.call_high, later, market.put, another};
    assert_memory_equal(ids, expected, sizeof expected);
}

static void test_exchange_position_and_open_orders_stay_within_the_largest_quantity(void **state)
{
    (void)state;
    refuse(ALICE, limit(SELL, market.call, 1000, 100001), TN_REJECT_QUANTITY_RANGE);
    place(ALICE, limit(SELL, market.call, 1000, 60000));
    refuse(ALICE, limit(SELL, market.call, 1000, 40001), TN_REJECT_POSITION_LIMIT_VALUE);
    place(ALICE, limit(SELL, market.call, 1000, 40000));
    place(BOB, limit(BUY, market.call, 1000, 60000));
    refuse(ALICE, limit(SELL, market.call, 1000, 1), TN_REJECT_POSITION_LIMIT_VALUE);
    refuse(ALICE, replace(2, 1010, 40001), TN_REJECT_POSITION_LIMIT_VALUE);
    pass(ALICE, replace(2, 1010, 40000));
    place(ALICE, limit(BUY, market.call, 500, 100000)); /* the other side has its own count */
}

static void test_exchange_sweep_does_no_more_than_its_limit(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.sweep_units_max = 3;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 5; i++)
        place(ALICE, until_block(limit(SELL, market.call, 1000, 1), 1));
    advance(1, 0);
    sweep(0);
    EXPECT_NO_EVENTS();
    sweep(UINT32_MAX);
    assert_int_equal(market.count, 3);
    sweep(UINT32_MAX);
    assert_int_equal(market.count, 2);
}

static void test_exchange_size_is_zero_for_limits_out_of_range(void **state)
{
    (void)state;
    struct tn_exchange_limits good;
    tn_exchange_limits_default(&good);
    assert_true(tn_exchange_size(&good) > 0);
    struct tn_exchange_limits bad[16];
    for (size_t i = 0; i < 16; i++)
        bad[i] = good;
    bad[0].accounts_max = 0;
    bad[1].underlyings_max = 256;
    bad[2].series_max = (1u << 20) + 1;
    bad[3].orders_max = (1u << 24) + 1;
    bad[4].levels_max = bad[4].orders_max + 1;
    bad[5].exposures_max = 0;
    bad[6].exposures_per_account_max = 4097;
    bad[7].results_max = 0;
    bad[8].results_per_account = 0;
    bad[9].groups_max = 0;
    bad[10].jobs_max = 0;
    bad[11].assets_max = 9;
    bad[12].commands_per_frame_max = 257;
    bad[13].fills_max = 4097;
    bad[14].sweep_units_max = 8193;
    bad[15].reduce_only_max = 65;
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(tn_exchange_size(&bad[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_STORY(test_exchange_full_of_orders_refuses_those_that_would_rest),
        OWN_STORY(test_exchange_full_of_levels_refuses_at_any_price),
        OWN_STORY(test_exchange_full_of_orders_refuses_sides_of_quotes_singly),
        OWN_STORY(test_exchange_quote_that_keeps_its_place_asks_for_no_level),
        OWN_STORY(test_exchange_account_full_of_exposures_takes_no_new_series),
        OWN_STORY(test_exchange_full_of_exposures_takes_no_new_ones_of_anybody),
        OWN_STORY(test_exchange_full_of_accounts_underlyings_and_groups),
        OWN_STORY(test_exchange_full_of_series_retires_the_one_settled_first),
        STORY(test_exchange_position_and_open_orders_stay_within_the_largest_quantity),
        OWN_STORY(test_exchange_sweep_does_no_more_than_its_limit),
        cmocka_unit_test(test_exchange_size_is_zero_for_limits_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
