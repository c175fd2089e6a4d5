/* Dynamic scaling and price bands: worked examples, then what holds for all values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "tenor/margin.h"

#define MILLION_DOLLARS INT64_C(1000000000000)

static struct tn_risk risk;
static uint64_t seed;

static int take_defaults(void **state)
{
    (void)state;
    tn_risk_default(&risk, NULL, NULL);
    return 0;
}

static int64_t lambda(int64_t interest, int64_t volatility, int64_t share)
{
    return tn_margin_lambda_ppm(&risk, interest, volatility, share);
}

static int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(&seed, (uint64_t)(high - low + 1));
}

/* ---- Scaling ---- */

static void test_scaling_is_one_in_a_quiet_market(void **state)
{
    (void)state;
    assert_int_equal(lambda(0, 0, 0), 1000000);
    assert_int_equal(lambda(100 * MILLION_DOLLARS, 1000000, 200000), 1000000);
}

static void test_scaling_rises_in_a_straight_line_to_its_most(void **state)
{
    (void)state;
    assert_int_equal(lambda(550 * MILLION_DOLLARS, 0, 0), 1250000);
    assert_int_equal(lambda(0, 1750000, 0), 1250000);
    assert_int_equal(lambda(0, 0, 400000), 1250000);
    assert_int_equal(lambda(1000 * MILLION_DOLLARS, 0, 0), 1500000);
    assert_int_equal(lambda(INT64_MAX, INT64_MAX, INT64_MAX), 1500000);
}

static void test_scaling_takes_the_largest_of_its_three_functions(void **state)
{
    (void)state;
    assert_int_equal(lambda(550 * MILLION_DOLLARS, 1300000, 240000), 1250000);
    assert_int_equal(lambda(280 * MILLION_DOLLARS, 1600000, 240000), 1200000);
    assert_int_equal(lambda(280 * MILLION_DOLLARS, 1300000, 520000), 1400000);
}

static void test_scaling_rounds_up(void **state)
{
    (void)state;
    assert_int_equal(lambda(100 * MILLION_DOLLARS + 1, 0, 0), 1000001);
    assert_int_equal(lambda(0, 1000001, 0), 1000001); /* a third of a millionth */
    assert_int_equal(lambda(0, 1000004, 0), 1000002);
}

static void draw_ramps(void)
{
    risk.lambda_most_ppm = between(1000000, 2000000);
    risk.lambda_interest_low_micros = between(0, INT64_C(1) << 59);
    risk.lambda_interest_high_micros =
        between(risk.lambda_interest_low_micros + 1, INT64_C(1) << 60);
    risk.lambda_volatility_low_ppm = between(0, 1000000);
    risk.lambda_volatility_high_ppm = between(risk.lambda_volatility_low_ppm + 1, 100000000);
    risk.lambda_share_low_ppm = between(0, 999999);
    risk.lambda_share_high_ppm = between(risk.lambda_share_low_ppm + 1, 1000000);
    assert_int_equal(tn_risk_check(&risk), TN_RISK_FIELDS_COUNT);
}

static long double ramp(int64_t value, int64_t low, int64_t high)
{
    long double part = ((long double)value - (long double)low) / (long double)(high - low);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return 1000000 + (long double)(risk.lambda_most_ppm - 1000000) * part;
}

static void test_scaling_is_within_one_millionth_of_a_continuous_function(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 20000; k++) {
        draw_ramps();
        int64_t interest = between(0, INT64_C(1) << 60);
        int64_t volatility = between(0, 3000000), share = between(0, 1000000);
        long double exact =
            ramp(interest, risk.lambda_interest_low_micros, risk.lambda_interest_high_micros);
        long double other =
            ramp(volatility, risk.lambda_volatility_low_ppm, risk.lambda_volatility_high_ppm);
        if (other > exact) exact = other;
        other = ramp(share, risk.lambda_share_low_ppm, risk.lambda_share_high_ppm);
        if (other > exact) exact = other;
        long double over = (long double)lambda(interest, volatility, share) - exact;
        assert_true(over > -1e-9L && over < 1);
    }
}

static void test_scaling_never_falls_when_an_input_rises(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 20000; k++) {
        draw_ramps();
        int64_t interest = between(0, INT64_C(1) << 60);
        int64_t volatility = between(0, 3000000), share = between(0, 1000000);
        int64_t before = lambda(interest, volatility, share);
        switch (between(0, 2)) {
            case 0: interest += between(0, INT64_C(1) << 58); break;
            case 1: volatility += between(0, 500000); break;
            default: share += between(0, 200000);
        }
        assert_true(lambda(interest, volatility, share) >= before);
        assert_true(before >= 1000000 && before <= risk.lambda_most_ppm);
    }
}

/* ---- Bands ---- */

static void test_band_is_never_narrower_than_its_ticks(void **state)
{
    (void)state;
    assert_int_equal(tn_margin_band(&risk, 1000, 0, 0, 0, 0), 5000);
    assert_int_equal(tn_margin_band(&risk, 1000, 1000000, 40000000, 0, 0), 5000);
}

static void test_band_is_a_part_of_the_forward_and_points_of_volatility(void **state)
{
    (void)state;
    /* delta 0.5 of 100 000 at 1 %: 500; vega 200 x 10 points: 2 000 */
    int64_t width = tn_margin_band(&risk, 1000, 500000000, 100000000000, 200000000, 400000);
    assert_int_equal(width, INT64_C(2500000000));
    /* a quarter of 80 % is 20 points */
    width = tn_margin_band(&risk, 1000, 500000000, 100000000000, 200000000, 800000);
    assert_int_equal(width, INT64_C(4500000000));
}

static void test_band_is_the_same_for_a_put(void **state)
{
    (void)state;
    assert_int_equal(tn_margin_band(&risk, 1, -300000000, 100000000000, 5, 600000),
                     tn_margin_band(&risk, 1, 300000000, 100000000000, 5, 600000));
}

static void test_band_rounds_both_parts_up(void **state)
{
    (void)state;
    risk.band_ticks = 1;
    assert_int_equal(tn_margin_band(&risk, 1, 1, 1, 0, 0), 1);
    assert_int_equal(tn_margin_band(&risk, 1, 1, 1, 1, 400004), 1 + 11); /* 100 001 ppm */
    assert_int_equal(tn_margin_band(&risk, 1, 1, 1, 1, 400003), 1 + 10); /* floored to 100 000 */
}

static void test_band_follows_its_parameters(void **state)
{
    (void)state;
    risk.band_ticks = 7;
    assert_int_equal(tn_margin_band(&risk, 10, 0, 0, 0, 0), 70);
    risk.band_delta_ppm = 20000;
    assert_int_equal(tn_margin_band(&risk, 1, 1000000000, 1000, 0, 0), 20);
    risk.band_points_ppm = 50000;
    assert_int_equal(tn_margin_band(&risk, 1, 0, 0, 1000, 0), 5000);
    risk.band_vol_ppm = 500000;
    assert_int_equal(tn_margin_band(&risk, 1, 0, 0, 1000, 1000000), 50000);
}

static void test_band_agrees_with_the_rule_and_grows_with_each_input(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 20000; k++) {
        int64_t tick = between(1, 1000000), forward = between(0, INT64_C(1) << 40);
        int64_t vega = between(0, INT64_C(1) << between(0, 34));
        int32_t delta = (int32_t)between(-1000000000, 1000000000);
        int32_t vol = (int32_t)between(0, 3000000) / 4 * 4;
        int64_t width = tn_margin_band(&risk, tick, delta, forward, vega, vol);
        long double points = vol / 4 > 100000 ? vol / 4 : 100000;
        long double size = delta < 0 ? -(long double)delta : delta;
        long double exact = size * (long double)forward / 1e11L + (long double)vega * points / 1e4L;
        if (exact < 5 * (long double)tick) exact = 5 * (long double)tick;
        long double over = (long double)width - exact;
        assert_true(over > -1e-3L && over < 2.001L);
        assert_true(tn_margin_band(&risk, tick + 1, delta, forward, vega, vol) >= width);
        assert_true(tn_margin_band(&risk, tick, delta, forward + 9, vega, vol) >= width);
        assert_true(tn_margin_band(&risk, tick, delta, forward, vega + 9, vol) >= width);
        assert_true(tn_margin_band(&risk, tick, delta, forward, vega, vol + 9) >= width);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, take_defaults)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scaling_is_one_in_a_quiet_market),
        TEST(test_scaling_rises_in_a_straight_line_to_its_most),
        TEST(test_scaling_takes_the_largest_of_its_three_functions),
        TEST(test_scaling_rounds_up),
        TEST(test_scaling_is_within_one_millionth_of_a_continuous_function),
        TEST(test_scaling_never_falls_when_an_input_rises),
        TEST(test_band_is_never_narrower_than_its_ticks),
        TEST(test_band_is_a_part_of_the_forward_and_points_of_volatility),
        TEST(test_band_is_the_same_for_a_put),
        TEST(test_band_rounds_both_parts_up),
        TEST(test_band_follows_its_parameters),
        TEST(test_band_agrees_with_the_rule_and_grows_with_each_input),
    };
    seed = test_seed("test_margin_scaling");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
