/* One option: what must hold of Black-76 at any arguments, its derivatives against differences of
 * its prices, and the way back from a price to its volatility. */
#include "pricing_case.h"

#include <math.h>

/* Uniform in its logarithm. */
static double random_log(uint64_t *random, double low, double high)
{
    double part = (double)(tn_random_next(random) >> 11) * 0x1p-53;
    return exp(log(low) + part * (log(high) - log(low)));
}

static void test_pricing_call_less_put_is_the_discounted_forward_less_strike(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 20000; round++) {
        double forward = random_log(&random, 1, 1e12), strike = random_log(&random, 1, 1e12);
        double v = random_log(&random, 1e-12, 40), discount = random_log(&random, 0.1, 1);
        double call = tn_pricing_black(forward, strike, v, discount, false);
        double put = tn_pricing_black(forward, strike, v, discount, true);
        double off = (call - put) - (forward - strike) * discount;
        assert_true(fabs(off) <= (forward + strike) * 0x1p-51);
    }
}

static void test_pricing_black_is_within_its_bounds_and_finite(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 20000; round++) {
        double forward = round % 7 == 0 ? 0.0 : random_log(&random, 1e-300, 1e300);
        double strike = round % 11 == 0 ? 0.0 : random_log(&random, 1e-300, 1e300);
        double v = round % 13 == 0 ? 0.0 : random_log(&random, 1e-300, 1e300);
        double call = tn_pricing_black(forward, strike, v, 1, false);
        double put = tn_pricing_black(forward, strike, v, 1, true);
        assert_true(call >= fmax(0, forward - strike) && call <= forward);
        assert_true(put >= fmax(0, strike - forward) && put <= strike);
    }
}

/* Between prices of neighbouring arguments rounding may turn the order, by an ulp or two. */
static void assert_rises(double from, double to, double slack)
{
    if (!(to >= from - slack)) fail_msg("%a is below %a", to, from);
}

static void test_pricing_black_rises_with_vol_and_forward_and_falls_with_the_strike(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 20000; round++) {
        double forward = random_log(&random, 1, 1e12);
        double strike = forward * random_log(&random, 0.01, 100);
        double v = random_log(&random, 1e-6, 30), up = random_log(&random, 1.0001, 2);
        double call = tn_pricing_black(forward, strike, v, 1, false);
        double put = tn_pricing_black(forward, strike, v, 1, true);
        double slack = call * 0x1p-45, put_slack = put * 0x1p-45;
        assert_rises(call, tn_pricing_black(forward, strike, v * up, 1, false), slack);
        assert_rises(put, tn_pricing_black(forward, strike, v * up, 1, true), put_slack);
        assert_rises(call, tn_pricing_black(forward * up, strike, v, 1, false), slack);
        assert_rises(tn_pricing_black(forward, strike * up, v, 1, false), call, slack);
        assert_rises(put, tn_pricing_black(forward, strike * up, v, 1, true), put_slack);
        /* Prices as a function of the strike are convex: a butterfly costs nothing at least. */
        double low = tn_pricing_black(forward, strike / 2, v, 1, false);
        double high = tn_pricing_black(forward, strike * 3 / 2, v, 1, false);
        assert_true(low + high >= 2 * call - low * 0x1p-45);
    }
}

static void test_pricing_black_at_the_edges(void **state)
{
    (void)state;
    assert_true(tn_pricing_black(100, 80, 0, 0.5, false) == 10);
    assert_true(tn_pricing_black(100, 80, 0, 0.5, true) == 0);
    assert_true(tn_pricing_black(100, 80, 24, 0.5, false) == 50);
    assert_true(tn_pricing_black(100, 80, 1e9, 0.5, true) == 40);
    assert_true(tn_pricing_black(0, 80, 1, 0.5, false) == 0);
    assert_true(tn_pricing_black(0, 80, 1, 0.5, true) == 40);
    assert_true(tn_pricing_black(100, 0, 1, 0.5, false) == 50);
    assert_true(tn_pricing_black(100, 0, 1, 0.5, true) == 0);
    assert_true(tn_pricing_black(0, 0, 1, 0.5, false) == 0);
    assert_true(tn_pricing_black(100, 100, 0, 1, false) < 1e-16); /* v is at least 1e-18 */
    /* At the money: F·(2N(v/2) − 1), F·v/√(2π) for small v, to the last bits. */
    double tiny = tn_pricing_black(1, 1, 1e-9, 1, false);
    assert_true(fabs(tiny / (1e-9 * 0.39894228040143268) - 1) < 1e-15);
}

/* ---- Greeks ---------------------------------------------------------------------------------- */

static double price_at(const struct tn_option *option, double forward, double vol, double years,
                       double rate)
{
    double discount = rate > 0 ? exp(-rate * years) : 1;
    return tn_pricing_black(forward, (double)option->strike_micros, vol * sqrt(years), discount,
                            option->is_put != 0);
}

static void assert_about(int64_t got, double want, double relative, double absolute)
{
    if (!(fabs((double)got - want) <= fabs(want) * relative + absolute))
        fail_msg("%lld is not about %.9g", (long long)got, want);
}

static void test_pricing_greeks_are_the_slopes_of_prices(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 3000; round++) {
        struct tn_option option = {
            .forward_micros = random_between(&random, 1000000000, 100000000000),
            .vol_ppb = random_between(&random, 100000000, 2000000000),
            .left_ms = random_between(&random, DAY_MS, 2 * YEAR_MS),
            .rate_ppb = random_between(&random, 1000000, 100000000),
            .is_put = round % 2 == 0,
        };
        double f = (double)option.forward_micros, vol = (double)option.vol_ppb / 1e9;
        double years = (double)option.left_ms / (double)YEAR_MS;
        double rate = (double)option.rate_ppb / 1e9;
        double v = vol * sqrt(years);
        double spread = (double)random_between(&random, -2000, 2000) / 1000.0 * v;
        option.strike_micros = (int64_t)(f * exp(spread));
        struct tn_greeks greeks;
        tn_pricing_greeks(&greeks, &option);

        double hf = f * v * 1e-3, hv = vol * 1e-3, ht = years * 1e-4, hr = 1e-5;
        double here = price_at(&option, f, vol, years, rate);
        double up = price_at(&option, f + hf, vol, years, rate);
        double down = price_at(&option, f - hf, vol, years, rate);
        double vup = price_at(&option, f, vol + hv, years, rate);
        double vdown = price_at(&option, f, vol - hv, years, rate);
        double cross = price_at(&option, f + hf, vol + hv, years, rate) -
                       price_at(&option, f - hf, vol + hv, years, rate) -
                       price_at(&option, f + hf, vol - hv, years, rate) +
                       price_at(&option, f - hf, vol - hv, years, rate);
        double rho = (price_at(&option, f, vol, years, rate + hr) -
                      price_at(&option, f, vol, years, rate - hr)) /
                     (2 * hr);
        double theta = (price_at(&option, f, vol, years - ht, rate) -
                        price_at(&option, f, vol, years + ht, rate)) /
                       (2 * ht);
        double delta = (up - down) / (2 * hf), vega = (vup - vdown) / (2 * hv);
        double level = f * v; /* what derivatives scale with, for the slack at their zeros */
        assert_about(greeks.price_micros, here, 0, 0.501);
        assert_about(greeks.delta_ppb, delta * 1e9, 1e-5, 2);
        assert_about(greeks.delta_premium_ppb, (delta - here / f) * 1e9, 1e-5, 1e4);
        assert_about(greeks.gamma_e12, (up - 2 * here + down) / (hf * hf) * 1e18, 1e-4,
                     1e18 / level * 1e-5 + 1);
        assert_about(greeks.vega_micros, vega * 0.01, 1e-5, level / vol * 1e-8 + 1);
        assert_about(greeks.theta_micros, theta / 365, 1e-5, level / years / 365 * 1e-6 + 1);
        assert_about(greeks.rho_micros, rho * 0.01, 1e-5, 1);
        assert_about(greeks.vanna_ppb, cross / (4 * hf * hv) * 1e7, 1e-3, 1e7 / vol * 1e-5 + 1);
        assert_about(greeks.volga_micros, (vup - 2 * here + vdown) / (hv * hv) * 1e-4, 1e-3,
                     level / vol / vol * 1e-4 * 1e-5 + 1);
    }
}

static void test_pricing_greeks_without_time_volatility_or_forward_are_numbers(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 20000; round++) {
        uint64_t draw = tn_random_next(&random);
        struct tn_option option = {
            .forward_micros = (draw & 1) != 0 ? 0 : random_scale(&random, 50),
            .strike_micros = (draw & 2) != 0 ? 0 : random_scale(&random, 50),
            .vol_ppb = (draw & 4) != 0 ? 0 : random_scale(&random, 39),
            .left_ms = (draw & 8) != 0 ? 0 : random_scale(&random, 40),
            .rate_ppb = random_between(&random, -1000000000, 1000000000),
            .is_put = (uint8_t)(draw >> 63),
        };
        if (draw % 5 == 0) option.strike_micros = option.forward_micros;
        struct tn_greeks greeks;
        tn_pricing_greeks(&greeks, &option);
        int64_t most = option.is_put != 0 ? option.strike_micros : option.forward_micros;
        assert_true(greeks.price_micros >= 0 && greeks.price_micros <= most);
        assert_true(greeks.delta_ppb >= -1000000000 && greeks.delta_ppb <= 1000000000);
        assert_true(greeks.vega_micros >= 0 && greeks.gamma_e12 >= 0);
        if (option.left_ms == 0) assert_int_equal(greeks.vega_micros, 0);
    }
}

static void test_pricing_rho_of_a_rate_that_does_not_discount_is_zero(void **state)
{
    (void)state;
    struct tn_option option = {100000000, 100000000, 500000000, YEAR_MS, -20000000, 0};
    struct tn_greeks greeks;
    tn_pricing_greeks(&greeks, &option);
    assert_int_equal(greeks.rho_micros, 0);
    option.rate_ppb = 0; /* the slope to the right */
    tn_pricing_greeks(&greeks, &option);
    assert_int_equal(greeks.rho_micros, -(greeks.price_micros + 50) / 100);
}

/* ---- Implied volatility ---------------------------------------------------------------------- */

static double ulp_above(double x)
{
    return nextafter(x, INFINITY) - x;
}

static void test_pricing_implied_root_comes_back_at_any_moneyness(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    uint32_t solved = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        double v = random_log(&random, 1e-6, 12);
        double spread = (double)random_between(&random, -3000000, 3000000) / 1e5;
        double x = spread * v, forward = random_log(&random, 1e-3, 1e12);
        if (fabs(x) > 60) continue;
        double strike = forward * exp(x), discount = random_log(&random, 0.3, 1);
        bool is_put = x < 0;
        double price = tn_pricing_black(forward, strike, v, discount, is_put);
        if (price < forward * 1e-280) continue;
        double root = tn_pricing_implied_root(price, forward, strike, discount, is_put);
        double d1 = v / 2 - log(strike / forward) / v;
        double vega = forward * discount * exp(-d1 * d1 / 2) * 0.3989422804014327;
        double allowed = 4 * fmax(ulp_above(price) / vega, ulp_above(v));
        if (!(fabs(root - v) <= allowed))
            fail_msg("v %a, forward %a, strike %a: got %a", v, forward, strike, root);
        solved++;
    }
    assert_true(solved > 10000);
}

static void test_pricing_implied_root_of_prices_that_have_none(void **state)
{
    (void)state;
    assert_true(tn_pricing_implied_root(19.9, 100, 80, 1, false) == -1);
    assert_true(tn_pricing_implied_root(20, 100, 80, 1, false) == 0);
    assert_true(tn_pricing_implied_root(20.1, 100, 80, 1, false) > 0);
    assert_true(tn_pricing_implied_root(99.9, 100, 80, 1, false) > 0);
    assert_true(tn_pricing_implied_root(100, 100, 80, 1, false) == -1);
    assert_true(tn_pricing_implied_root(100.1, 100, 80, 1, false) == -1);
    assert_true(tn_pricing_implied_root(-0.1, 100, 120, 1, false) == -1);
    assert_true(tn_pricing_implied_root(80, 100, 80, 1, true) == -1);
    assert_true(tn_pricing_implied_root(1, 0, 80, 1, false) == -1);
    assert_true(tn_pricing_implied_root(0.5, 1, 0, 1, false) == -1);
}

static void test_pricing_implied_vol_gives_the_price_back(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_black");
    for (uint32_t round = 0; round < 5000; round++) {
        struct tn_option option = {
            .forward_micros = random_between(&random, 1000000, 100000000000),
            .vol_ppb = random_between(&random, 10000000, 5000000000),
            .left_ms = random_between(&random, 60000, 2 * YEAR_MS),
            .rate_ppb = random_between(&random, -50000000, 50000000),
            .is_put = round % 2 == 0,
        };
        option.strike_micros =
            random_between(&random, option.forward_micros / 3, option.forward_micros * 3);
        int64_t price = tn_pricing_price(&option), vol = -1;
        if (!tn_pricing_implied_vol(&vol, price, &option)) continue;
        option.vol_ppb = vol;
        struct tn_greeks greeks;
        tn_pricing_greeks(&greeks, &option);
        int64_t slack = 1 + greeks.vega_micros / 10000000; /* 10^-9 of vol is 10^-7 of a point */
        assert_in_range(tn_pricing_price(&option) - price + slack, 0, 2 * slack);
    }
}

static void test_pricing_implied_vol_refuses_and_leaves_the_answer_alone(void **state)
{
    (void)state;
    struct tn_option option = {100000000, 80000000, 0, YEAR_MS, 0, 0};
    int64_t vol = 77;
    assert_false(tn_pricing_implied_vol(&vol, 19999999, &option));
    assert_false(tn_pricing_implied_vol(&vol, 100000000, &option));
    assert_false(tn_pricing_implied_vol(&vol, -1, &option));
    option.left_ms = 0;
    assert_false(tn_pricing_implied_vol(&vol, 30000000, &option));
    option.left_ms = 1; /* would need more than 10^12 */
    assert_false(tn_pricing_implied_vol(&vol, 99000000, &option));
    assert_int_equal(vol, 77);
    assert_true(tn_pricing_implied_vol(&vol, 20000000, &option));
    assert_int_equal(vol, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pricing_call_less_put_is_the_discounted_forward_less_strike),
        cmocka_unit_test(test_pricing_black_is_within_its_bounds_and_finite),
        cmocka_unit_test(test_pricing_black_rises_with_vol_and_forward_and_falls_with_the_strike),
        cmocka_unit_test(test_pricing_black_at_the_edges),
        cmocka_unit_test(test_pricing_greeks_are_the_slopes_of_prices),
        cmocka_unit_test(test_pricing_greeks_without_time_volatility_or_forward_are_numbers),
        cmocka_unit_test(test_pricing_rho_of_a_rate_that_does_not_discount_is_zero),
        cmocka_unit_test(test_pricing_implied_root_comes_back_at_any_moneyness),
        cmocka_unit_test(test_pricing_implied_root_of_prices_that_have_none),
        cmocka_unit_test(test_pricing_implied_vol_gives_the_price_back),
        cmocka_unit_test(test_pricing_implied_vol_refuses_and_leaves_the_answer_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
