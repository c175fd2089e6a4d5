/* Pricing against its naive twin on random markets: rows of every kind of series under every kind
 * of scenario, on every path of the processor; discounts; greeks. A row is the twin's value rounded
 * to a whole number: half a micro away, plus what doubles honestly lose (the twin's slack). */
#include "cpu_paths.h"
#include "pricing_twin.h"
#include "published_shocks.h"
#include "seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SERIES_MAX 40

static double uniform(uint64_t *random, double low, double high)
{
    return low + (high - low) * ((double)(tn_random_next(random) >> 11) / 9007199254740992.0);
}

static double log_uniform(uint64_t *random, double low, double high)
{
    return exp(uniform(random, log(low), log(high)));
}

static int64_t whole(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(random, (uint64_t)(high - low) + 1);
}

/* Other parameters, the module being judge of which may be. */
static struct tn_shocks random_shocks(uint64_t *random)
{
    for (;;) {
        struct tn_shocks shocks;
        published_shocks(&shocks);
        shocks.scenarios_count = (uint32_t)whole(random, 1, TN_SCENARIOS_MAX);
        for (uint32_t i = 0; i < shocks.scenarios_count; i++) {
            uint8_t kind = (uint8_t)(whole(random, 0, 5) > 3 ? whole(random, 1, 2) : 0);
            uint8_t vol = (uint8_t)(kind == TN_SCENARIO_SHOCK ? whole(random, 0, 2) : 0);
            shocks.scenarios[i] =
                (struct tn_scenario){(int32_t)whole(random, -1000000, 5000000),
                                     (int32_t)whole(random, 1, 1 << 30), vol, kind};
        }
        shocks.vol_floor_ppm = (int32_t)whole(random, 0, 800000);
        shocks.vol_up_ppm = (int32_t)whole(random, 0, 1000000);
        shocks.vol_down_ppm = (int32_t)whole(random, 0, 1000000);
        shocks.power_short_ppm = (int32_t)whole(random, 0, 500000);
        shocks.power_long_ppm = (int32_t)whole(random, 0, 500000);
        shocks.skew_base_ppm = (int32_t)whole(random, 0, 500000);
        shocks.skew_slope_ppm = (int32_t)whole(random, -150000, 100000);
        shocks.skew_wing_ppm = (int32_t)whole(random, 0, 200000);
        shocks.basis_ppm = (int32_t)whole(random, 0, 100000);
        shocks.long_ppm = (int32_t)whole(random, 500000, 1000000);
        shocks.long_rate_ppm = (int32_t)whole(random, 0, 500000);
        shocks.short_ppm = (int32_t)whole(random, 1000000, 1500000);
        shocks.short_rate_ppm = (int32_t)whole(random, 0, 500000);
        if (tn_shocks_valid(&shocks)) return shocks;
    }
}

/* A surface that is admitted: ordinary smiles, and some at the edge where the least variance is
 * next to nothing. */
static struct tn_surface random_surface(uint64_t *random, int64_t forward_micros, int64_t left_ms)
{
    for (;;) {
        double rho = uniform(random, -0.99, 0.99);
        double sigma = log_uniform(random, 1e-3, 2);
        double years = (double)(left_ms + 1) / 31536e6;
        double variance = pow(log_uniform(random, 0.1, 3), 2) * years;
        double b = uniform(random, 0, 1) * fmin(2 / (1 + fabs(rho)), 3 * variance / sigma);
        double bottom = b * sigma * sqrt(1 - rho * rho);
        double lift = whole(random, 0, 7) == 0 ? 1e-11 : variance * uniform(random, 0, 1);
        struct tn_surface surface = {
            .a_e12 = (int64_t)((lift - bottom) * 1e12),
            .b_e12 = (int64_t)(b * 1e12),
            .rho_e12 = (int64_t)(rho * 1e12),
            .m_e12 = (int64_t)(uniform(random, -0.5, 0.5) * sqrt(variance) * 1e12),
            .sigma_e12 = (int64_t)(sigma * 1e12),
            .forward_micros = (int64_t)((double)forward_micros * uniform(random, 0.9, 1.1)) + 1,
            .tau_ms = left_ms + whole(random, 0, 1200000)};
        if (tn_surface_admitted(&surface)) return surface;
    }
}

/* Any time left is as likely as twice as much; and the times at which a rule changes. */
static int64_t random_left_ms(uint64_t *random)
{
    static const int64_t edges[] = {1,        2,        1799999,    1800000,    1800001,   86399999,
                                    86400000, 86400001, 2591999999, 2592000000, 2592000001};
    if (whole(random, 0, 7) == 0) {
        return edges[whole(random, 0, sizeof(edges) / sizeof(edges[0]) - 1)];
    }
    if (whole(random, 0, 7) == 0) return whole(random, 2500000000, 2700000000);
    if (whole(random, 0, 5) == 0) return whole(random, 1, 1799999);
    return (int64_t)log_uniform(random, 1800000, 3 * 31536e6);
}

static struct tn_price_expiry random_expiry(uint64_t *random)
{
    struct tn_price_expiry expiry = {.left_ms = random_left_ms(random)};
    int64_t forward = (int64_t)(log_uniform(random, 0.01, 300000) * 1e6);
    bool inside = expiry.left_ms < 1800000;
    if (inside) { /* half an hour's average: what is past is fixed */
        expiry.variable_micros = (int64_t)((double)forward * (double)expiry.left_ms / 1800000) + 1;
        expiry.fixed_micros =
            (int64_t)((double)(forward - expiry.variable_micros) * uniform(random, 0.9, 1.1)) + 1;
        if (expiry.fixed_micros < 0) expiry.fixed_micros = 0;
    } else {
        expiry.variable_micros = forward;
    }
    expiry.rate_ppb = whole(random, 0, 2) == 0 ? whole(random, -100000000, 300000000) : 0;
    expiry.surface = random_surface(random, forward, expiry.left_ms);
    return expiry;
}

static struct tn_price_series random_series(uint64_t *random, const struct tn_price_expiry *expiry)
{
    double forward = (double)(expiry->fixed_micros + expiry->variable_micros);
    double width = sqrt((double)expiry->left_ms / 31536e6) * 3 + 0.01;
    struct tn_price_series series = {
        .kind = (uint8_t)(whole(random, 0, 9) == 0 ? TN_FUTURE : whole(random, TN_CALL, TN_PUT)),
        .lot_micro_units = (int64_t)log_uniform(random, 100, 1e7)};
    if (series.kind == TN_FUTURE) return series;
    double strike = forward * exp(uniform(random, -width, width));
    series.strike_micros = ((int64_t)(strike / 100) + 1) * 100;
    return series;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

struct tally {
    uint64_t prices;
    long double worst; /* beyond the half micro of rounding, in micros */
    long double slack_max;
};

static void compare_row(const int64_t *row, const struct pricing_twin_row *want,
                        const struct tn_shocks *shocks, const char *where, struct tally *tally)
{
    for (uint32_t i = 0; i < TN_ROW_COLUMNS; i++) {
        const struct pricing_twin_number *number = &want->columns[i];
        long double error = fabsl((long double)row[i] - number->value) - 0.5L;
        tally->prices++;
        if (error > tally->worst) tally->worst = error;
        if (number->slack > tally->slack_max) tally->slack_max = number->slack;
        if (!(error <= number->slack)) {
            struct tn_scenario scenario = {0};
            if (i < shocks->scenarios_count) scenario = shocks->scenarios[i];
            fail_msg("%s: column %u (move %d vol %u kind %u) is %lld, the twin says %.6Lf ± %.3Lg",
                     where, i, scenario.move_ppm, scenario.vol, scenario.kind, (long long)row[i],
                     number->value, number->slack);
        }
    }
}

static void compare_mark(const struct tn_price_mark *mark, const struct pricing_twin_row *want,
                         const char *where)
{
    if (fabsl((long double)mark->vol_ppm - want->vol_ppm.value) > 0.5L + want->vol_ppm.slack) {
        fail_msg("%s: vol %d ppm, the twin says %.3Lf", where, mark->vol_ppm, want->vol_ppm.value);
    }
    if (fabsl((long double)mark->delta_ppb - want->delta_ppb.value) >
        0.5L + want->delta_ppb.slack) {
        fail_msg("%s: delta %d ppb, the twin says %.3Lf ± %.3Lg", where, mark->delta_ppb,
                 want->delta_ppb.value, want->delta_ppb.slack);
    }
    if (fabsl((long double)mark->vega_micros - want->vega_micros.value) >
        0.5L + want->vega_micros.slack) {
        fail_msg("%s: vega %lld micros, the twin says %.3Lf ± %.3Lg", where,
                 (long long)mark->vega_micros, want->vega_micros.value, want->vega_micros.slack);
    }
}

static void compare_expiry(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                           const struct tn_price_series *series, uint32_t count,
                           struct tally *tally)
{
    static _Alignas(64) int64_t rows[3][SERIES_MAX][TN_ROW_COLUMNS];
    static struct tn_price_mark marks[3][SERIES_MAX];
    enum tn_cpu paths[3];
    uint32_t paths_count = runnable_paths(paths);
    memset(rows, 0x5A, sizeof(rows));
    memset(marks, 0, sizeof(marks));
    for (uint32_t i = 0; i < paths_count; i++) {
        tn_pricing_rows(rows[i], marks[i], paths[i], shocks, expiry, series, count);
        assert_memory_equal(rows[i], rows[0], count * sizeof(rows[0][0]));
        assert_memory_equal(marks[i], marks[0], count * sizeof(marks[0][0]));
    }
    for (uint32_t i = 0; i < count; i++) {
        char where[200];
        struct pricing_twin_row want;
        pricing_twin_row(&want, shocks, expiry, &series[i]);
        snprintf(where, sizeof(where),
                 "kind %u strike %lld lot %lld, fixed %lld variable %lld left %lld rate %lld",
                 series[i].kind, (long long)series[i].strike_micros,
                 (long long)series[i].lot_micro_units, (long long)expiry->fixed_micros,
                 (long long)expiry->variable_micros, (long long)expiry->left_ms,
                 (long long)expiry->rate_ppb);
        compare_row(rows[0][i], &want, shocks, where, tally);
        compare_mark(&marks[0][i], &want, where);
    }
}

static void compare_markets(bool shocks_are_default, uint32_t expiries)
{
    uint64_t random = test_seed("test_pricing_twin");
    struct tally tally = {0};
    struct tn_shocks shocks;
    published_shocks(&shocks);
    assert_true(tn_shocks_valid(&shocks));
    for (uint32_t i = 0; i < expiries; i++) {
        if (!shocks_are_default) shocks = random_shocks(&random);
        struct tn_price_expiry expiry = random_expiry(&random);
        struct tn_price_series series[SERIES_MAX];
        uint32_t count = (uint32_t)whole(&random, 1, 20);
        for (uint32_t k = 0; k < count; k++)
            series[k] = random_series(&random, &expiry);
        compare_expiry(&shocks, &expiry, series, count, &tally);
    }
    print_message("%llu prices, worst %.2Lg micros beyond rounding, slack at most %.2Lg\n",
                  (unsigned long long)tally.prices, tally.worst, tally.slack_max);
    assert_true(tally.prices > (uint64_t)expiries * 40);
}

static void test_pricing_rows_are_the_twins_under_the_published_scenarios(void **state)
{
    (void)state;
    compare_markets(true, 400);
}

static void test_pricing_rows_are_the_twins_under_random_scenarios(void **state)
{
    (void)state;
    compare_markets(false, 400);
}

static void test_pricing_rows_of_a_perpetual_move_with_spot_and_have_no_basis(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_twin");
    struct tn_shocks shocks;
    published_shocks(&shocks);
    struct tn_price_expiry expiry = {0};
    struct tally tally = {0};
    for (uint32_t i = 0; i < 200; i++) {
        struct tn_price_series series = {.kind = TN_PERPETUAL, .lot_micro_units = 1000000};
        series.mark_micros = (int64_t)log_uniform(&random, 1, 1e12);
        compare_expiry(&shocks, &expiry, &series, 1, &tally);
    }
}

static void test_pricing_discounts_round_against_the_account(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_twin");
    for (uint32_t i = 0; i < 20000; i++) {
        struct tn_shocks shocks;
        published_shocks(&shocks);
        if (i % 2 == 1) shocks = random_shocks(&random);
        int64_t left_ms = (int64_t)log_uniform(&random, 1, 10 * 31536e6);
        int64_t rate_ppb = i % 3 == 0 ? 0 : whole(&random, -50000000, 60000000);
        struct tn_discounts got;
        long double low, high;
        tn_pricing_discounts(&got, &shocks, left_ms, rate_ppb);
        pricing_twin_discounts(&low, &high, &shocks, left_ms, rate_ppb);
        low *= 0x1p30L;
        high *= 0x1p30L;
        long double slack = 1e-5L; /* 2^30 times a few roundings */
        bool fits = (long double)got.long_q30 <= low + slack &&
                    (long double)got.long_q30 >= low - 1 - slack &&
                    (long double)got.short_q30 >= high - slack &&
                    (long double)got.short_q30 <= high + 1 + slack;
        if (!fits) {
            fail_msg("left %lld rate %lld: %lld %lld, the twin says %.3Lf %.3Lf",
                     (long long)left_ms, (long long)rate_ppb, (long long)got.long_q30,
                     (long long)got.short_q30, low, high);
        }
    }
}

/* ---- Surfaces -------------------------------------------------------------------------------- */

static void check_e12(const char *name, int64_t got, long double want, long double slack)
{
    if (!(fabsl((long double)got - want * 1e12L) <= 0.5L + slack * 1e12L)) {
        fail_msg("%s is %lld, the twin says %.3Lf ± %.3Lg", name, (long long)got, want * 1e12L,
                 slack * 1e12L);
    }
}

static void test_pricing_surfaces_tell_the_twins_variances(void **state)
{
    (void)state;
    const long double rounding = 0x1p-50L;
    uint64_t random = test_seed("test_pricing_twin");
    for (uint32_t i = 0; i < 4000; i++) {
        int64_t forward = (int64_t)(log_uniform(&random, 0.01, 300000) * 1e6);
        int64_t left_ms = (int64_t)log_uniform(&random, 1800000, 2 * 31536e6);
        struct tn_surface near = random_surface(&random, forward, left_ms);
        struct tn_surface far = random_surface(&random, forward, 2 * left_ms);
        tn_micros strike = (tn_micros)((double)forward * exp(uniform(&random, -3, 3))) + 1;
        int64_t k_e12 = whole(&random, -4000000000000, 4000000000000);
        long double k = pricing_twin_moneyness(&far, strike);
        struct pricing_twin_number w = pricing_twin_variance(&far, (long double)k_e12 / 1e12L);
        check_e12("variance", tn_surface_variance_e12(&far, k_e12), w.value, w.slack);
        check_e12("root", tn_surface_root_e12(tn_surface_variance_e12(&far, k_e12)),
                  sqrtl((long double)tn_surface_variance_e12(&far, k_e12) / 1e12L), 12 * rounding);
        check_e12("moneyness", tn_surface_moneyness_e12(&far, strike), k,
                  rounding * (1 + fabsl(k)));
        w = pricing_twin_variance(&far, k);
        check_e12("variance at a strike", tn_surface_variance_at_e12(&far, strike), w.value,
                  w.slack);
        int64_t near_left = near.tau_ms - whole(&random, 0, 600000);
        int64_t far_left = far.tau_ms - whole(&random, 0, 600000);
        struct pricing_twin_number n = pricing_twin_variance(&near, k);
        long double near_part = (long double)near_left / (long double)near.tau_ms;
        long double far_part = (long double)far_left / (long double)far.tau_ms;
        /* each of the two variances may be rounded to e12 before they are subtracted */
        check_e12("deficit", tn_surface_deficit_e12(&near, near_left, &far, far_left, strike),
                  n.value * near_part - w.value * far_part, n.slack + w.slack + 2e-12L);
    }
}

static void test_pricing_decay_is_the_exponential_in_q30(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_twin");
    for (uint32_t i = 0; i < 2000; i++) {
        int64_t scale_ms = (int64_t)log_uniform(&random, 1, 1e9);
        int64_t time_ms = (int64_t)((double)scale_ms * uniform(&random, 0, 25));
        long double want = 0x1p30L * expl(-(long double)time_ms / (long double)scale_ms);
        long double error = fabsl((long double)tn_pricing_decay_q30(time_ms, scale_ms) - want);
        if (error > 0.5L + 1e-5L) {
            fail_msg("%lld over %lld: off by %.3Lf", (long long)time_ms, (long long)scale_ms,
                     error);
        }
    }
    assert_int_equal(tn_pricing_decay_q30(0, 1), 1 << 30);
    assert_int_equal(tn_pricing_decay_q30(INT64_C(1) << 50, 1), 0);
}

/* ---- Greeks ---------------------------------------------------------------------------------- */

static void check_greek(const struct tn_option *option, const char *name, int64_t got,
                        long double want, long double scale)
{
    /* Differences of the twin are good to 10^-7 of the greek's natural size. */
    long double error = fabsl((long double)got - want);
    if (!(error <= 0.51L + 1e-6L * scale)) {
        fail_msg("%s is %lld, the twin says %.3Lf (F %lld K %lld vol %lld left %lld rate %lld %s)",
                 name, (long long)got, want, (long long)option->forward_micros,
                 (long long)option->strike_micros, (long long)option->vol_ppb,
                 (long long)option->left_ms, (long long)option->rate_ppb,
                 option->is_put != 0 ? "put" : "call");
    }
}

static void test_pricing_greeks_are_what_price_differences_say(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_twin");
    for (uint32_t i = 0; i < 3000; i++) {
        struct tn_option option = {
            .forward_micros = (int64_t)(log_uniform(&random, 1, 300000) * 1e6),
            .vol_ppb = (int64_t)(log_uniform(&random, 0.05, 4) * 1e9),
            .left_ms = (int64_t)log_uniform(&random, 60000, 3 * 31536e6),
            .rate_ppb = i % 3 == 0 ? whole(&random, -100000000, 300000000) : 0,
            .is_put = (uint8_t)(i & 1)};
        double root = (double)option.vol_ppb * 1e-9 * sqrt((double)option.left_ms / 31536e6);
        double away = uniform(&random, -4, 4) * fmin(root, 1);
        option.strike_micros = (int64_t)((double)option.forward_micros * exp(away)) + 1;
        struct tn_greeks got;
        struct pricing_twin_greeks want;
        tn_pricing_greeks(&got, &option);
        pricing_twin_greeks(&want, &option);
        long double forward = (long double)option.forward_micros;
        long double vol = (long double)option.vol_ppb * 1e-9L;
        long double vega = forward * (long double)root / vol / 100;
        check_greek(&option, "price", got.price_micros, want.price, forward * 1e-8L);
        check_greek(&option, "delta", got.delta_ppb, want.delta, 1e9L);
        check_greek(&option, "delta_premium", got.delta_premium_ppb, want.delta_premium, 1e9L);
        check_greek(&option, "gamma", got.gamma_e12, want.gamma,
                    1e18L / forward / (long double)root);
        check_greek(&option, "vega", got.vega_micros, want.vega, vega);
        check_greek(&option, "theta", got.theta_micros, want.theta,
                    forward * (long double)root / ((long double)option.left_ms / 864e5L));
        check_greek(&option, "rho", got.rho_micros, want.rho, fabsl(want.rho) + 1);
        check_greek(&option, "vanna", got.vanna_ppb, want.vanna, 4e7L / vol);
        check_greek(&option, "volga", got.volga_micros, want.volga, 16 * vega / vol / 100);
        assert_int_equal(tn_pricing_price(&option), got.price_micros);
    }
}

static void test_pricing_self_check_passes_on_every_path_of_this_machine(void **state)
{
    (void)state;
    enum tn_cpu paths[3];
    uint32_t count = runnable_paths(paths);
    for (uint32_t i = 0; i < count; i++)
        assert_true(tn_pricing_self_check(paths[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pricing_rows_are_the_twins_under_the_published_scenarios),
        cmocka_unit_test(test_pricing_rows_are_the_twins_under_random_scenarios),
        cmocka_unit_test(test_pricing_rows_of_a_perpetual_move_with_spot_and_have_no_basis),
        cmocka_unit_test(test_pricing_discounts_round_against_the_account),
        cmocka_unit_test(test_pricing_surfaces_tell_the_twins_variances),
        cmocka_unit_test(test_pricing_decay_is_the_exponential_in_q30),
        cmocka_unit_test(test_pricing_greeks_are_what_price_differences_say),
        cmocka_unit_test(test_pricing_self_check_passes_on_every_path_of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
