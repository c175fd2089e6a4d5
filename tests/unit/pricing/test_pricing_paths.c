/* The same bits whatever the width: every path this machine can run, and the eight-lane text
 * compiled for the instructions that every machine has, against the base path, bit by bit before
 * anything is rounded. */

#include "pricing_case.h"

#define TN_LANES 8
#define PATH     tn_test_path_eight
#include "pricing/lanes_rows.h"

#define EXPIRIES 1500u
#define SERIES   11u

static double base_raw[SERIES][TN_ROW_COLUMNS], other_raw[SERIES][TN_ROW_COLUMNS];
static int64_t base_rows[SERIES][TN_ROW_COLUMNS], other_rows[SERIES][TN_ROW_COLUMNS];

struct draw {
    struct tn_price_expiry expiry;
    struct tn_price_series series[SERIES];
};

static struct draw draw_next(uint64_t *random)
{
    struct draw draw;
    bool wild = tn_random_below(random, 2) == 0;
    draw.expiry = wild ? wild_expiry(random) : usual_expiry(random);
    int64_t forward = draw.expiry.fixed_micros + draw.expiry.variable_micros;
    for (uint32_t i = 0; i < SERIES; i++) {
        int64_t strike = wild ? random_scale(random, 50) - 1
                              : random_between(random, forward / 2, forward + forward / 2);
        draw.series[i] = random_option(random, strike);
        if (wild) draw.series[i].lot_micro_units = random_scale(random, 40);
    }
    return draw;
}

static void test_pricing_gives_the_same_bits_on_every_path(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_paths");
    struct tn_shocks shocks = default_shocks();
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    for (uint32_t round = 0; round < EXPIRIES; round++) {
        struct draw draw = draw_next(&random);
        struct tn_price_mark base_marks[SERIES], marks[SERIES];
        shocks.scenarios_count = 33 - round % 7; /* rows end within vectors too */
        tn_pricing_raw_rows(base_raw, TN_CPU_BASE, &shocks, &draw.expiry, draw.series, SERIES);
        tn_pricing_rows(base_rows, base_marks, TN_CPU_BASE, &shocks, &draw.expiry, draw.series,
                        SERIES);
        for (uint32_t path = 1; path < paths_count; path++) {
            tn_pricing_raw_rows(other_raw, paths[path], &shocks, &draw.expiry, draw.series, SERIES);
            tn_pricing_rows(other_rows, marks, paths[path], &shocks, &draw.expiry, draw.series,
                            SERIES);
            assert_memory_equal(base_raw, other_raw, sizeof base_raw);
            assert_memory_equal(base_rows, other_rows, sizeof base_rows);
            for (uint32_t i = 0; i < SERIES; i++) {
                assert_int_equal(base_marks[i].delta_ppb, marks[i].delta_ppb);
                assert_int_equal(base_marks[i].vol_ppm, marks[i].vol_ppm);
                assert_int_equal(base_marks[i].vega_micros, marks[i].vega_micros);
            }
        }
    }
}

/* Lanes of any width hold what one function of one double gives. */
static void test_pricing_eight_lanes_compute_as_two(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_paths");
    for (uint32_t round = 0; round < 20000; round++) {
        double x[8], y[8], z[8];
        for (uint32_t lane = 0; lane < 8; lane++) {
            x[lane] = (double)random_between(&random, -E12, E12) / 25e9;
            y[lane] = (double)random_scale(&random, 60);
            z[lane] = (double)random_scale(&random, 60);
        }
        lanes density;
        lanes exps = exp_wide(lanes_load(x), lanes_all(0.0), 1.0, 0.0);
        lanes logs = log_ratio(lanes_load(y), lanes_load(z));
        lanes normals = normal_of(&density, lanes_load(x));
        for (uint32_t lane = 0; lane < 8; lane++) {
            assert_true(exps[lane] == tn_pricing_exp(x[lane]));
            assert_true(logs[lane] == tn_pricing_log_ratio(y[lane], z[lane]));
            assert_true(normals[lane] == tn_pricing_normal(x[lane]));
            assert_true(density[lane] == tn_pricing_density(x[lane]));
        }
    }
}

/* A plan as rows.c would make it: flat, without time to argue about. */
static void test_pricing_eight_lane_pass_prices_as_two_lanes_do(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_paths");
    for (uint32_t round = 0; round < EXPIRIES; round++) {
        struct draw draw = draw_next(&random);
        struct tn_pricing_plan plan = {.scenarios_count = 30, .discount = 0.98, .narrow = 1.0};
        tn_surface_curve(&plan.curve, &draw.expiry.surface);
        plan.root_time = tn_pricing_root(tn_pricing_years(draw.expiry.left_ms));
        plan.skew_most = 0.2;
        plan.skew_slope = 0.7;
        plan.skews[0] = 29;
        plan.skew_kinds[0] = TN_SCENARIO_ABS;
        plan.skews_count = 1;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            double forward = (double)random_scale(&random, 50);
            plan.forward[column] = forward;
            plan.log_forward[column] = tn_pricing_log_ratio(forward, plan.curve.forward);
            plan.factor[column] = (double)random_between(&random, 0, 3000) / 1000.0;
            plan.least_root[column] = ROOT_VOL_LEAST;
        }
        memset(base_raw, 0, sizeof base_raw);
        memset(other_raw, 0, sizeof other_raw);
        tn_pricing_path_base(base_rows, base_raw, NULL, &plan, draw.series, SERIES);
        tn_test_path_eight(other_rows, other_raw, NULL, &plan, draw.series, SERIES);
        assert_memory_equal(base_raw, other_raw, sizeof base_raw);
        assert_memory_equal(base_rows, other_rows, sizeof base_rows);
    }
}

static void test_pricing_says_how_wide_a_path_is(void **state)
{
    (void)state;
    assert_int_equal(tn_pricing_cpu_lanes(TN_CPU_BASE), 2);
#if defined(__x86_64__)
    assert_int_equal(tn_pricing_cpu_lanes(TN_CPU_AVX2), 4);
    assert_int_equal(tn_pricing_cpu_lanes(TN_CPU_AVX512), 8);
#else
    assert_int_equal(tn_pricing_cpu_lanes(TN_CPU_AVX2), 2);
    assert_int_equal(tn_pricing_cpu_lanes(TN_CPU_AVX512), 2);
#endif
}

/* ---- The self check -------------------------------------------------------------------------- */

static void test_pricing_self_check_passes_on_every_path(void **state)
{
    (void)state;
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    for (uint32_t path = 0; path < paths_count; path++)
        assert_true(tn_pricing_self_check(paths[path]));
}

#if defined(__x86_64__)
/* MXCSR: 0x8000 flushes results to zero, 0x40 reads denormals as zero, 0x6000 the rounding mode. */
static bool self_check_under(uint32_t control_bits)
{
    uint32_t usual = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(usual | control_bits);
    bool fine = tn_pricing_self_check(TN_CPU_BASE);
    __builtin_ia32_ldmxcsr(usual);
    return fine;
}

static void test_pricing_self_check_fails_where_arithmetic_is_not_ieee(void **state)
{
    (void)state;
    assert_true(self_check_under(0));
    assert_false(self_check_under(0x8000));
    assert_false(self_check_under(0x0040));
    assert_false(self_check_under(0x2000));
    assert_false(self_check_under(0x4000));
    assert_false(self_check_under(0x6000));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pricing_gives_the_same_bits_on_every_path),
        cmocka_unit_test(test_pricing_eight_lanes_compute_as_two),
        cmocka_unit_test(test_pricing_eight_lane_pass_prices_as_two_lanes_do),
        cmocka_unit_test(test_pricing_says_how_wide_a_path_is),
        cmocka_unit_test(test_pricing_self_check_passes_on_every_path),
#if defined(__x86_64__)
        cmocka_unit_test(test_pricing_self_check_fails_where_arithmetic_is_not_ieee),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
