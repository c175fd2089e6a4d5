/* The margin twin alone, on cases small enough to work out by hand: one underlying at 100 dollars,
 * a flat volatility of 50 %, one expiry in a year, lots of one unit. A twin that is only ever
 * compared with the real thing could share its mistakes. */
#include "margin_twin.h"
#include "tenor/pricing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DOLLAR  1e6L
#define YEAR_MS (365.0L * 86400e3L)

enum { PERPETUAL, FUTURE, CALL_100, PUT_100, CALL_120, SERIES };

static void assert_near(long double value, long double expected)
{
    if (fabsl(value - expected) <= 1e-6L) return;
    fail_msg("%.9Lf instead of %.9Lf micros", value, expected);
}

static struct margin_twin_market *market_new(void)
{
    static struct margin_twin_market market;
    memset(&market, 0, sizeof market);
    margin_twin_defaults(&market);
    market.parameters.window_ms = 0; /* no averaging: it narrows volatility at any time */
    market.underlyings[0] = (struct margin_twin_underlying){100 * DOLLAR, 1, 1};
    market.underlyings_count = 1;
    market.expiries[0] = (struct margin_twin_expiry){.variable = 100 * DOLLAR, .confidence = 1};
    market.expiries[1] = (struct margin_twin_expiry){.a = 0.25L,
                                                     .sigma = 0.1L,
                                                     .fitted_forward = 100 * DOLLAR,
                                                     .fitted_ms = YEAR_MS,
                                                     .variable = 100 * DOLLAR,
                                                     .left_ms = YEAR_MS,
                                                     .confidence = 1};
    market.expiries_count = 2;
    market.series[PERPETUAL] = (struct margin_twin_series){0, 0, TN_PERPETUAL, 0, 1, 100 * DOLLAR};
    market.series[FUTURE] = (struct margin_twin_series){0, 1, TN_FUTURE, 0, 1, 0};
    market.series[CALL_100] = (struct margin_twin_series){0, 1, TN_CALL, 100 * DOLLAR, 1, 0};
    market.series[PUT_100] = (struct margin_twin_series){0, 1, TN_PUT, 100 * DOLLAR, 1, 0};
    market.series[CALL_120] = (struct margin_twin_series){0, 1, TN_CALL, 120 * DOLLAR, 1, 0};
    market.series_count = SERIES;
    market.assets_count = 1;
    margin_twin_build(&market);
    return &market;
}

static struct margin_twin_account *account_new(long double cash)
{
    static struct margin_twin_account account;
    memset(&account, 0, sizeof account);
    account.cash = cash;
    return &account;
}

static long double im_of(const struct margin_twin_market *market,
                         const struct margin_twin_account *account)
{
    struct margin_twin_balances balances;
    margin_twin_evaluate(&balances, NULL, market, account);
    return balances.im;
}

static void order(struct margin_twin_account *account, uint32_t series, long double quantity,
                  long double price, long double fee, uint32_t group)
{
    account->orders[account->orders_count++] =
        (struct margin_twin_order){series, group, quantity, price, fee};
}

/* ---- Prices ---- */

static void test_twin_prices_options_as_the_textbook_does(void **state)
{
    (void)state;
    assert_near(margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.2L, 1, 0, false),
                7965567.455405796L);
    assert_near(margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.2L, 1, 0, true),
                7965567.455405796L);
    assert_near(margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.2L, 1, 0.1L, false),
                7965567.455405796L * expl(-0.1L));
    assert_near(margin_twin_black76(100, 0, 0.2L, 1, 0, false), 100);
    assert_near(margin_twin_black76(0, 100, 0.2L, 1, 0, true), 100);
    assert_near(margin_twin_black76(100, 80, 30, 1, 0, false), 100);
    assert_near(margin_twin_black76(100, 80, 30, 1, 0, true), 80);
    assert_near(margin_twin_black76(100, 80, 0, 1, 0, false), 20);
}

static void test_twin_reads_a_surface_at_its_own_forward_and_time(void **state)
{
    (void)state;
    struct margin_twin_expiry expiry = {.a = 0.04L,
                                        .b = 0.1L,
                                        .rho = -0.5L,
                                        .m = 0,
                                        .sigma = 0.3L,
                                        .fitted_forward = 100,
                                        .fitted_ms = YEAR_MS / 4};
    /* k = 0: w = .04 + .1·.3; k = .4: w = .04 + .1(−.2 + .5); k is held at 4·√.07. */
    assert_near(margin_twin_surface_vol(&expiry, 100), sqrtl(0.07L * 4));
    assert_near(margin_twin_surface_vol(&expiry, 100 * expl(0.4L)), sqrtl(0.07L * 4));
    long double k = 4 * sqrtl(0.07L);
    long double w = 0.04L + 0.1L * (-0.5L * k + sqrtl(k * k + 0.09L));
    assert_near(margin_twin_surface_vol(&expiry, 1e6L), sqrtl(w * 4));
}

static uint32_t scenario_of(const struct margin_twin_market *market, long double move,
                            enum tn_vol_shock vol)
{
    for (uint32_t k = 0; k < market->scenarios_count; k++) {
        if (fabsl(market->scenarios[k].move - move) < 1e-9L && market->scenarios[k].vol == vol)
            return k;
    }
    fail_msg("no scenario moves by %Lf", move);
    return 0;
}

static void test_twin_shocks_spot_and_volatility_as_the_document_says(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    assert_int_equal(market->scenarios_count, 33);
    long double q = powl(30.0L / 365, 0.13L);
    uint32_t up = scenario_of(market, 0.18L, TN_VOL_UP);
    assert_near(
        margin_twin_price(market, CALL_100, up),
        margin_twin_black76(118 * DOLLAR, 100 * DOLLAR, 0.5L * (1 + 0.5L * q), 1, 0, false));
    uint32_t down = scenario_of(market, -0.09L, TN_VOL_DOWN);
    assert_near(margin_twin_price(market, PUT_100, down),
                margin_twin_black76(91 * DOLLAR, 100 * DOLLAR, 0.5L * (1 - 0.3L * q), 1, 0, true));
    for (uint32_t k = 0; k < market->scenarios_count; k++) {
        const struct margin_twin_scenario *scenario = &market->scenarios[k];
        if (fabsl(scenario->move) < 0.19L) continue;
        assert_near(scenario->damping * fabsl(scenario->move), 0.1386L);
    }
    /* A skew at the money bends nothing; at 120 it bends by ln(1.2)·cap/k*, cap = .15, k* = 2.4. */
    assert_near(margin_twin_price(market, CALL_100, 32), market->table.price[CALL_100][37]);
    assert_near(margin_twin_price(market, CALL_120, 32),
                margin_twin_black76(100 * DOLLAR, 120 * DOLLAR,
                                    0.5L * (1 + logl(1.2L) * 0.15L / 2.4L), 1, 0, false));
}

static void test_twin_narrows_volatility_inside_the_settlement_window(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_expiry *expiry = &market->expiries[1];
    market->parameters.window_ms = 1800e3L;
    expiry->left_ms = 900e3L; /* half of the window: 50 known, 50 open */
    expiry->fixed = expiry->variable = 50 * DOLLAR;
    expiry->fitted_ms = YEAR_MS;
    long double years = 900e3L / YEAR_MS;
    assert_near(margin_twin_price(market, CALL_100, TN_COLUMN_MARK),
                margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.25L / sqrtl(3), years, 0, false));
    uint32_t flat = scenario_of(market, 0.135L, TN_VOL_NONE);
    assert_near(margin_twin_price(market, FUTURE, flat), 106.75L * DOLLAR);
    assert_near(margin_twin_price(market, FUTURE, TN_COLUMN_DOWN), 95.5L * DOLLAR);
    expiry->left_ms = 3600e3L;
    expiry->fixed = 0;
    expiry->variable = 100 * DOLLAR;
    years = 3600e3L / YEAR_MS;
    assert_near(
        margin_twin_price(market, CALL_100, TN_COLUMN_MARK),
        margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.5L * sqrtl(2.0L / 3), years, 0, false));
}

/* ---- Portfolio margin ---- */

static void test_twin_margins_a_perpetual_by_its_worst_move(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(0);
    account->quantities[PERPETUAL] = 10;
    struct margin_twin_balances balances;
    struct margin_twin_detail detail;
    margin_twin_evaluate(&balances, &detail, market, account);
    assert_near(balances.cash_equity, 1000 * DOLLAR);
    assert_near(balances.equity, 1000 * DOLLAR);
    assert_near(balances.im, (1000 - 180 - 40) * DOLLAR);
    assert_near(balances.mm, (1000 - 144 - 30) * DOLLAR);
    assert_near(detail.worst, -180 * DOLLAR);
    assert_int_equal(detail.worst_column, scenario_of(market, -0.18L, TN_VOL_UP));
    market->stable = 0.97L; /* f = 1.08 */
    market->underlyings[0].lambda = 1.5L;
    margin_twin_build(market);
    assert_near(im_of(market, account), (1000 - 180 * 1.62L - 60) * DOLLAR);
}

static void test_twin_gives_a_synthetic_forward_and_its_future_no_scenario_loss(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    market->parameters.long_part = 1;
    market->parameters.long_add_part = 0;
    margin_twin_build(market);
    struct margin_twin_account *account = account_new(0);
    account->quantities[CALL_100] = 1;
    account->quantities[PUT_100] = -1;
    account->quantities[FUTURE] = -1;
    struct margin_twin_balances balances;
    struct margin_twin_detail detail;
    margin_twin_evaluate(&balances, &detail, market, account);
    assert_near(detail.worst, 0);
    assert_near(balances.options, 0);
    assert_near(balances.im, (-100 - 4) * DOLLAR); /* calls and puts net: nothing is naked */
}

static void test_twin_discounts_a_long_option_and_brackets_its_basis(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(0);
    account->quantities[CALL_100] = 2;
    struct margin_twin_balances balances;
    struct margin_twin_detail detail;
    margin_twin_evaluate(&balances, &detail, market, account);
    uint32_t flat = scenario_of(market, -0.045L, TN_VOL_NONE);
    long double mark = margin_twin_black76(100 * DOLLAR, 100 * DOLLAR, 0.5L, 1, 0, false);
    long double low = margin_twin_black76(95.5L * DOLLAR, 100 * DOLLAR, 0.5L, 1, 0, false);
    assert_near(detail.pnl[flat], 2 * (low * 0.95L * expl(-0.16L) - mark));
    assert_near(detail.basis, 2 * (low - mark) * 2.5L);
    assert_near(detail.naked[MARGIN_TWIN_IM], 0);
    account->quantities[CALL_100] = -2;
    margin_twin_evaluate(&balances, &detail, market, account);
    assert_near(detail.pnl[flat], -2 * (low - mark)); /* r = 0: H = 1 */
    assert_near(detail.naked[MARGIN_TWIN_IM], 200 * 0.005L * DOLLAR);
    assert_near(detail.naked[MARGIN_TWIN_MM], 200 * 0.003L * DOLLAR);
    market->expiries[1].confidence = 0.25L;
    margin_twin_evaluate(&balances, &detail, market, account);
    assert_near(detail.confidence, 200 * 0.75L * DOLLAR);
}

static void test_twin_moves_collateral_with_its_underlying(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    market->assets_count = 2;
    market->assets[1] = (struct margin_twin_asset){100, 0.05L, 0.02L, 1, true, 0};
    struct margin_twin_account *account = account_new(0);
    account->balances[1] = 10 * DOLLAR; /* 1 000 dollars */
    account->quantities[PERPETUAL] = -10;
    struct margin_twin_balances balances;
    margin_twin_evaluate(&balances, NULL, market, account);
    assert_near(balances.cash_equity, -1000 * DOLLAR);
    assert_near(balances.equity, 0);
    assert_near(balances.im, (0 - 40 - 70) * DOLLAR); /* the moves cancel */
    assert_near(balances.mm, (0 - 30 - 50) * DOLLAR);
}

/* ---- Standard margin ---- */

static void test_twin_takes_the_better_of_isolated_and_maximum_loss(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(1000 * DOLLAR);
    account->standard = true;
    account->quantities[CALL_120] = -1;
    long double mark = market->table.price[CALL_120][TN_COLUMN_MARK];
    struct margin_twin_balances balances;
    margin_twin_evaluate(&balances, NULL, market, account);
    assert_near(balances.im, (1000 - 13) * DOLLAR - mark); /* 20 % out of the money */
    assert_near(balances.mm, (1000 - 9) * DOLLAR - mark);
    account->quantities[CALL_100] = 1;
    assert_near(im_of(market, account), 1000 * DOLLAR); /* a spread loses nothing at expiry */
    account->quantities[CALL_100] = 0;
    account->quantities[CALL_120] = 0;
    account->quantities[PUT_100] = -2;
    account->quantities[PERPETUAL] = -1;
    mark = 2 * market->table.price[PUT_100][TN_COLUMN_MARK];
    margin_twin_evaluate(&balances, NULL, market, account);
    assert_near(balances.mm, (1000 - 100 - 6.5L - 18) * DOLLAR - mark);
    assert_near(balances.im, (1000 - 100 - 10 - 30) * DOLLAR - mark);
}

/* ---- Open orders ---- */

static void test_twin_bounds_orders_by_their_worst_subset(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(1000 * DOLLAR);
    order(account, PERPETUAL, 10, 101 * DOLLAR, 3 * DOLLAR, 0);
    long double one = (1000 - 180 - 40 - 10 - 3) * DOLLAR;
    assert_near(margin_twin_bound(market, account), one);
    assert_near(margin_twin_bound_form(market, account, false), one);
    order(account, PERPETUAL, -10, 100 * DOLLAR, 0, 0);
    assert_near(margin_twin_bound(market, account), one); /* one side alone is the worst */
    assert_near(margin_twin_worst_subset(market, account), one);
    order(account, PERPETUAL, 5, 60 * DOLLAR, 0, 0); /* a bargain: it never hurts, but in size */
    assert_near(margin_twin_worst_subset(market, account), one);
    assert_near(margin_twin_bound(market, account), one - 20 * DOLLAR);
}

static void test_twin_caps_a_group_at_its_quantity(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(1000 * DOLLAR);
    order(account, PERPETUAL, 10, 100 * DOLLAR, 0, 1);
    order(account, PERPETUAL, 10, 100 * DOLLAR, 0, 1);
    assert_near(margin_twin_bound(market, account), (1000 - 360 - 80) * DOLLAR);
    account->group_limits[0] = 10;
    assert_near(margin_twin_bound(market, account), (1000 - 180 - 80) * DOLLAR);
    assert_near(margin_twin_worst_subset(market, account), (1000 - 180 - 40) * DOLLAR);
    account->group_limits[0] = 15;
    assert_near(margin_twin_bound(market, account), (1000 - 270 - 80) * DOLLAR);
    assert_near(margin_twin_worst_subset(market, account), (1000 - 270 - 60) * DOLLAR);
}

static void test_twin_bounds_an_option_order_under_either_discount(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(1000 * DOLLAR);
    long double mark = market->table.price[CALL_100][TN_COLUMN_MARK];
    order(account, CALL_100, 3, mark, 0, 0);
    order(account, CALL_120, -1, DOLLAR, 0, 0);
    long double worst = margin_twin_worst_subset(market, account);
    long double bound = margin_twin_bound(market, account);
    assert_true(bound <= worst + 1e-6L);
    assert_true(bound >= worst - DOLLAR);
    account->orders_count = 0;
    assert_near(margin_twin_bound_form(market, account, false), im_of(market, account));
}

/* ---- Scaling, bands, liquidation ---- */

static void test_twin_scales_by_the_largest_of_three_ramps(void **state)
{
    (void)state;
    const struct margin_twin_parameters *p = &market_new()->parameters;
    assert_near(margin_twin_lambda(p, 0, 0, 0), 1);
    assert_near(margin_twin_lambda(p, 550e12L, 0.5L, 0.1L), 1.25L);
    assert_near(margin_twin_lambda(p, 550e12L, 2.2L, 0.1L), 1.4L);
    assert_near(margin_twin_lambda(p, 550e12L, 2.2L, 0.9L), 1.5L);
}

static void test_twin_widens_a_band_by_delta_and_vega(void **state)
{
    (void)state;
    const struct margin_twin_parameters *p = &market_new()->parameters;
    assert_near(margin_twin_band(p, 7, 0, 0, 0, 0), 35);
    assert_near(margin_twin_band(p, 1, -0.5L, 1000, 2, 0.2L), 5 + 20);
    assert_near(margin_twin_band(p, 1, 0.5L, 1000, 2, 0.8L), 5 + 40);
}

static void test_twin_auctions_leave_a_buffered_balance_of_zero(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    const struct margin_twin_parameters *p = &market->parameters;
    assert_near(margin_twin_auction_discount(p, 0), 0.95L);
    assert_near(margin_twin_auction_discount(p, 450e3L), 0.825L);
    assert_near(margin_twin_auction_discount(p, 900e3L), 0.70L);
    assert_near(margin_twin_auction_discount(p, 43200e3L), 0);
    long double equity = 100, mm = -60, received = 12, d = 0.9L;
    long double buffered = margin_twin_buffered(p, mm, equity);
    assert_near(buffered, -84);
    long double part = margin_twin_f_max(buffered, equity, d, received);
    long double rest = (1 - part) * (buffered - received) + received; /* what was not sold */
    assert_near(rest + part * d * (equity - received), 0);
    assert_near(margin_twin_insolvent_offer(p, -20, -60, 0), -20);
    assert_near(margin_twin_insolvent_offer(p, -20, -60, 150e3L), -30);
    assert_near(margin_twin_insolvent_offer(p, -20, -60, 600e3L), -30); /* 20 + 25 % of 40 */
}

static void test_twin_bids_take_lots_up_and_cash_down(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(-250 * DOLLAR - 1);
    account->quantities[PERPETUAL] = 7;
    account->quantities[FUTURE] = -3;
    struct margin_twin_bid bid;
    margin_twin_bid(&bid, market, account, 0.5L, 0.9L, 0);
    assert_near(bid.quantities[PERPETUAL], 4);
    assert_near(bid.quantities[FUTURE], -2);
    assert_near(bid.cash, -125 * DOLLAR - 1);
    assert_near(bid.payment, 75 * DOLLAR * 0.9L);
}

static void test_twin_closes_an_insolvent_account_at_prices_that_pay_its_debt(void **state)
{
    (void)state;
    struct margin_twin_market *market = market_new();
    struct margin_twin_account *account = account_new(0);
    account->quantities[PERPETUAL] = 2;
    account->quantities[CALL_120] = -5;
    long double prices[MARGIN_TWIN_SERIES_MAX];
    assert_near(margin_twin_adl(prices, market, account, -10 * DOLLAR), 0);
    long double gain = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        long double mark = market->table.price[i][TN_COLUMN_MARK];
        assert_true(prices[i] >= 0);
        gain += account->quantities[i] * (prices[i] - mark);
    }
    assert_near(gain, 10 * DOLLAR);
    /* The call alone bears no more than its price: the perpetual pays the rest. */
    account->quantities[PERPETUAL] = 0;
    long double mark = market->table.price[CALL_120][TN_COLUMN_MARK];
    assert_near(margin_twin_adl(prices, market, account, -100 * DOLLAR), 100 * DOLLAR - 5 * mark);
    assert_near(prices[CALL_120], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_prices_options_as_the_textbook_does),
        cmocka_unit_test(test_twin_reads_a_surface_at_its_own_forward_and_time),
        cmocka_unit_test(test_twin_shocks_spot_and_volatility_as_the_document_says),
        cmocka_unit_test(test_twin_narrows_volatility_inside_the_settlement_window),
        cmocka_unit_test(test_twin_margins_a_perpetual_by_its_worst_move),
        cmocka_unit_test(test_twin_gives_a_synthetic_forward_and_its_future_no_scenario_loss),
        cmocka_unit_test(test_twin_discounts_a_long_option_and_brackets_its_basis),
        cmocka_unit_test(test_twin_moves_collateral_with_its_underlying),
        cmocka_unit_test(test_twin_takes_the_better_of_isolated_and_maximum_loss),
        cmocka_unit_test(test_twin_bounds_orders_by_their_worst_subset),
        cmocka_unit_test(test_twin_caps_a_group_at_its_quantity),
        cmocka_unit_test(test_twin_bounds_an_option_order_under_either_discount),
        cmocka_unit_test(test_twin_scales_by_the_largest_of_three_ramps),
        cmocka_unit_test(test_twin_widens_a_band_by_delta_and_vega),
        cmocka_unit_test(test_twin_auctions_leave_a_buffered_balance_of_zero),
        cmocka_unit_test(test_twin_bids_take_lots_up_and_cash_down),
        cmocka_unit_test(test_twin_closes_an_insolvent_account_at_prices_that_pay_its_debt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
