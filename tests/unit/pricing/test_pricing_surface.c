/* Surfaces, shocks, discounts and decay: what is admitted, and which way numbers are rounded. */
#include "pricing_case.h"

#include <math.h>

#define ONE_Q30 (INT64_C(1) << 30)

/* 20 % at the money for a year, smiling. */
static const struct tn_surface smile = {E12 / 50, E12 / 10,    -E12 / 2, 0,
                                        E12 / 5,  60000000000, YEAR_MS};

static bool admitted_with(int64_t a, int64_t b, int64_t rho, int64_t sigma)
{
    struct tn_surface surface = smile;
    surface.a_e12 = a;
    surface.b_e12 = b;
    surface.rho_e12 = rho;
    surface.sigma_e12 = sigma;
    return tn_surface_admitted(&surface);
}

static void test_surface_is_admitted_within_its_bounds(void **state)
{
    (void)state;
    assert_true(tn_surface_admitted(&smile));
    assert_true(admitted_with(0, 0, 0, 1));
    assert_false(admitted_with(0, 0, 0, 0));
    assert_false(admitted_with(0, -1, 0, 1));
    assert_true(admitted_with(0, E12, E12, E12));
    assert_true(admitted_with(0, E12, -E12, E12));
    assert_false(admitted_with(0, E12 + 1, E12, E12)); /* b(1 + |rho|) ≤ 2 */
    assert_false(admitted_with(0, E12 + 1, -E12, E12));
    assert_true(admitted_with(0, 2 * E12, 0, E12));
    assert_false(admitted_with(0, E12 / 2, E12 + 1, E12));
    assert_true(admitted_with(-E12 / 2, E12 / 2, 0, E12)); /* a + b·sigma·√(1 − rho²) = 0 */
    assert_false(admitted_with(-E12 / 2 - 1000, E12 / 2, 0, E12));
    assert_false(admitted_with(-1000, E12, E12, E12));
    struct tn_surface surface = smile;
    surface.tau_ms = 0;
    assert_false(tn_surface_admitted(&surface));
    surface = smile;
    surface.forward_micros = 0;
    assert_false(tn_surface_admitted(&surface));
    surface.forward_micros = TN_VALUE_UNIT_MICROS_MAX + 1;
    assert_false(tn_surface_admitted(&surface));
    surface = smile;
    surface.m_e12 = 100 * E12 + 1;
    assert_false(tn_surface_admitted(&surface));
}

static void test_surface_variance_is_the_formula_and_never_negative(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_surface");
    for (uint32_t round = 0; round < 20000; round++) {
        struct tn_surface s = random_surface(&random, random_scale(&random, 50), YEAR_MS);
        if (round % 3 == 0) {
            long double level = s.b_e12 * sqrtl(1 - powl(s.rho_e12 / 1e12L, 2)) * s.sigma_e12;
            s.a_e12 = -(int64_t)(level / 1e12L * 0.999999L);
        }
        int64_t k_e12 = random_between(&random, -40 * E12, 40 * E12);
        int64_t got = tn_surface_variance_e12(&s, k_e12);
        long double a = s.a_e12 / 1e12L, b = s.b_e12 / 1e12L, rho = s.rho_e12 / 1e12L;
        long double m = s.m_e12 / 1e12L, sigma = s.sigma_e12 / 1e12L, k = k_e12 / 1e12L;
        long double most = 4 * sqrtl(a + b * sigma);
        k = fmaxl(-most, fminl(most, k));
        long double w = a + b * (rho * (k - m) + sqrtl((k - m) * (k - m) + sigma * sigma));
        assert_true(got >= 0);
        assert_true(fabsl((long double)got - fmaxl(0, w) * 1e12L) <= 0.6L);
    }
}

static void test_surface_at_a_strike_is_the_surface_at_its_moneyness(void **state)
{
    (void)state;
    assert_int_equal(tn_surface_moneyness_e12(&smile, smile.forward_micros), 0);
    assert_int_equal(tn_surface_moneyness_e12(&smile, 2 * smile.forward_micros), 693147180560);
    assert_int_equal(tn_surface_moneyness_e12(&smile, smile.forward_micros / 2), -693147180560);
    for (int64_t strike = 1; strike < TN_VALUE_UNIT_MICROS_MAX / 3; strike = strike * 3 + 1) {
        int64_t k = tn_surface_moneyness_e12(&smile, strike);
        int64_t off =
            tn_surface_variance_at_e12(&smile, strike) - tn_surface_variance_e12(&smile, k);
        assert_in_range(off + 1, 0, 2);
    }
    /* Beyond ±4√(a + b·sigma) = ±0.8 it is flat. */
    assert_int_equal(tn_surface_variance_e12(&smile, E12),
                     tn_surface_variance_e12(&smile, 8 * E12 / 10));
    assert_true(tn_surface_variance_e12(&smile, E12 / 2) < tn_surface_variance_e12(&smile, E12));
}

static void test_surface_root_of_a_variance(void **state)
{
    (void)state;
    assert_int_equal(tn_surface_root_e12(0), 0);
    assert_int_equal(tn_surface_root_e12(1), 1000000);
    assert_int_equal(tn_surface_root_e12(E12), E12);
    assert_int_equal(tn_surface_root_e12(E12 / 4), E12 / 2);
    assert_int_equal(tn_surface_root_e12(2 * E12), 1414213562373);
    assert_int_equal(tn_surface_root_e12(144 * E12), 12 * E12);
}

static void test_surface_deficit_is_what_the_nearer_has_more(void **state)
{
    (void)state;
    struct tn_surface near = {E12 / 50, 0, 0, 0, E12, 50000000, YEAR_MS};
    struct tn_surface far = {E12 / 25, 0, 0, 0, E12, 50000000, 2 * YEAR_MS};
    assert_int_equal(tn_surface_deficit_e12(&near, YEAR_MS, &far, 2 * YEAR_MS, 40000000),
                     -E12 / 50);
    assert_int_equal(tn_surface_deficit_e12(&far, 2 * YEAR_MS, &near, YEAR_MS, 40000000), E12 / 50);
    /* Half of the farther one's time has passed: variances are scaled to what is left. */
    assert_int_equal(tn_surface_deficit_e12(&near, YEAR_MS, &far, YEAR_MS, 40000000), 0);
    /* Raising the farther one's a by the deficit removes it. */
    near.a_e12 = E12 / 20;
    int64_t deficit = tn_surface_deficit_e12(&near, YEAR_MS, &far, 2 * YEAR_MS, 70000000);
    assert_int_equal(deficit, E12 / 100);
    far.a_e12 += deficit;
    assert_true(tn_surface_deficit_e12(&near, YEAR_MS, &far, 2 * YEAR_MS, 70000000) <= 0);
}

/* ---- Shocks, discounts, decay ---------------------------------------------------------------- */

static void test_shocks_are_refused_outside_their_bounds(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    assert_true(tn_shocks_valid(&shocks));
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        struct tn_shocks changed = shocks;                                                         \
        changed.field = (value);                                                                   \
        if (tn_shocks_valid(&changed)) fail_msg(#field " = " #value " is admitted");               \
    } while (0)
    REFUSED(scenarios_count, 0);
    REFUSED(scenarios_count, TN_SCENARIOS_MAX + 1);
    REFUSED(long_ppm, 1000001);
    REFUSED(long_ppm, -1);
    REFUSED(short_ppm, 999999);
    REFUSED(long_add_ppm, -1);
    REFUSED(short_add_ppm, -1);
    REFUSED(vol_floor_ppm, -1);
    REFUSED(vol_down_ppm, 1000001);
    REFUSED(power_short_ppm, -1);
    REFUSED(skew_base_ppm, 1000001);
    REFUSED(basis_ppm, 500001);
    REFUSED(window_ms, -1);
    REFUSED(scenarios[3].move_ppm, -1000001);
    REFUSED(scenarios[3].damping_q30, 0);
    REFUSED(scenarios[3].damping_q30, (1 << 30) + 1);
    REFUSED(scenarios[3].vol, 3);
    REFUSED(scenarios[3].kind, 3);
    REFUSED(scenarios[32].vol, TN_VOL_UP); /* a skew bends, nothing else */
#undef REFUSED
}

static void test_pricing_discounts_are_rounded_against_the_account(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_surface");
    struct tn_shocks shocks = default_shocks();
    for (uint32_t round = 0; round < 20000; round++) {
        int64_t left = random_scale(&random, 39),
                rate = random_between(&random, -1000, 1000) * 100000;
        shocks.long_ppm = (int32_t)random_between(&random, 0, 1000000);
        shocks.short_ppm = (int32_t)random_between(&random, 1000000, 1100000);
        shocks.long_rate_ppm = (int32_t)random_between(&random, 0, 2000000);
        shocks.short_rate_ppm = (int32_t)random_between(&random, 0, 2000000);
        struct tn_discounts got;
        tn_pricing_discounts(&got, &shocks, left, rate);
        long double years = left / (365 * 86400000.0L), r = rate > 0 ? rate / 1e9L : 0;
        long double low =
            shocks.long_ppm / 1e6L * expl(-years * (r * shocks.long_rate_ppm / 1e6L + 0.16L));
        long double high =
            shocks.short_ppm / 1e6L * expl(years * (r * shocks.short_rate_ppm / 1e6L + 0.16L));
        high = fminl(2, fminl(high, expl(r * years)));
        assert_true(got.long_q30 <= ONE_Q30 && got.short_q30 >= ONE_Q30);
        assert_true(got.short_q30 <= 2 * ONE_Q30);
        long double slack = 1e-6L; /* of 2^-30: what doubles leave open */
        long double low_off = low * 0x1p30L - (long double)got.long_q30;
        long double high_off = (long double)got.short_q30 - high * 0x1p30L;
        assert_true(low_off > -slack && low_off < 1 + slack);
        assert_true(high_off > -slack && high_off < 1 + slack);
    }
}

static void test_pricing_discounts_without_a_rate_leave_short_value_as_it_is(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    struct tn_discounts got;
    tn_pricing_discounts(&got, &shocks, YEAR_MS, 0);
    assert_int_equal(got.short_q30, ONE_Q30);
    assert_int_equal(got.long_q30, 869233304); /* 0.95·exp(−0.16)·2^30 = 869233304.96… */
    shocks.long_ppm = 1000000;
    shocks.long_add_ppm = 0;
    tn_pricing_discounts(&got, &shocks, YEAR_MS, -50000000);
    assert_int_equal(got.long_q30, ONE_Q30);
    assert_int_equal(got.short_q30, ONE_Q30);
}

static void test_pricing_decay_keeps_a_part_for_each_time_scale(void **state)
{
    (void)state;
    assert_int_equal(tn_pricing_decay_q30(0, 30000), ONE_Q30);
    assert_int_equal(tn_pricing_decay_q30(30000, 30000), 395007542); /* 2^30/e = 395007542.2… */
    assert_int_equal(tn_pricing_decay_q30(INT64_MAX, 1), 0);
    assert_int_equal(tn_pricing_decay_q30(1, INT64_MAX), ONE_Q30);
    int64_t last = ONE_Q30;
    for (int64_t time = 0; time < 1000000; time += 997) {
        int64_t now = tn_pricing_decay_q30(time, 30000);
        assert_true(now <= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surface_is_admitted_within_its_bounds),
        cmocka_unit_test(test_surface_variance_is_the_formula_and_never_negative),
        cmocka_unit_test(test_surface_at_a_strike_is_the_surface_at_its_moneyness),
        cmocka_unit_test(test_surface_root_of_a_variance),
        cmocka_unit_test(test_surface_deficit_is_what_the_nearer_has_more),
        cmocka_unit_test(test_shocks_are_refused_outside_their_bounds),
        cmocka_unit_test(test_pricing_discounts_are_rounded_against_the_account),
        cmocka_unit_test(test_pricing_discounts_without_a_rate_leave_short_value_as_it_is),
        cmocka_unit_test(test_pricing_decay_keeps_a_part_for_each_time_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
