/* How far pricing is from the truth: every value of the tables in tests/vectors/pricing, which MPFR
 * computed, against what the module gives, in units in the last place of the true value. Each test
 * prints the worst it met, so that a bound that became loose is seen.
 *
 * Only erfc of the test's own libm is used to state how well a problem is conditioned; it takes no
 * part in any expected value. */
#include "pricing/math.h"
#include "tenor/pricing.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNIT 0x1p-53 /* half an ulp of 1: what one rounding may change, relatively */

/* ---- Tables ---------------------------------------------------------------------------------- */

struct table {
    FILE *file;
    char line[512];
    uint32_t rows;
};

static void table_open(struct table *table, const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s.txt", TENOR_PRICING_VECTORS, name);
    table->file = fopen(path, "r");
    if (table->file == NULL) fail_msg("cannot read %s", path);
    assert_non_null(fgets(table->line, sizeof(table->line), table->file));
    assert_int_equal(table->line[0], '#');
    table->rows = 0;
}

/* table_next reads `count` numbers of the next row; false at the end of the table. */
static bool table_next(struct table *table, double *numbers, uint32_t count)
{
    if (fgets(table->line, sizeof(table->line), table->file) == NULL) {
        fclose(table->file);
        return false;
    }
    const char *at = table->line;
    for (uint32_t i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtod(at, &end);
        if (end == at) fail_msg("too few numbers: %s", table->line);
        at = end;
    }
    assert_int_equal(*at, '\n');
    table->rows++;
    return true;
}

/* The distance of two neighbouring doubles at x; 2^-1074 where x is subnormal or 0. */
static double ulp_of(double x)
{
    int exponent;
    if (fabs(x) < 0x1p-1022) return 0x1p-1074;
    frexp(x, &exponent);
    return ldexp(1, exponent - 53);
}

/* ---- Functions of one argument --------------------------------------------------------------- */

struct worst {
    double error, at, got, want;
};

static void look(struct worst *worst, double error, double at, double got, double want)
{
    if (!(error > worst->error)) return; /* a NaN is caught by the caller */
    *worst = (struct worst){error, at, got, want};
}

/* The table holds rounded values, so a function that is within n ulp of the truth is a whole number
 * of ulps, at most n, away from the table. */
static void check_function(const char *name, double (*function)(double), double ulps_max,
                           uint32_t rows_min)
{
    struct table table;
    struct worst worst = {.error = 0};
    double row[2];
    table_open(&table, name);
    while (table_next(&table, row, 2)) {
        double got = function(row[0]);
        if (isnan(got)) fail_msg("%s(%a) is not a number", name, row[0]);
        double error = fabs(got - row[1]) / ulp_of(row[1]);
        look(&worst, error, row[0], got, row[1]);
    }
    print_message("%s: %" PRIu32 " values, worst %.0f ulp at %a (gives %a, true %a)\n", name,
                  table.rows, worst.error, worst.at, worst.got, worst.want);
    assert_true(table.rows >= rows_min);
    if (worst.error > ulps_max) {
        fail_msg("%s(%a) is off by %.1f ulp, more than %.0f", name, worst.at, worst.error,
                 ulps_max);
    }
}

static void test_pricing_exp_is_within_one_ulp(void **state)
{
    (void)state;
    check_function("exp", tn_pricing_exp, 1, 1000);
}

static void test_pricing_log_is_within_one_ulp(void **state)
{
    (void)state;
    check_function("log", tn_pricing_log, 1, 1000);
}

static void test_pricing_erfc_is_within_four_ulp_down_to_its_tail(void **state)
{
    (void)state;
    check_function("erfc", tn_pricing_erfc, 4, 1000);
}

static void test_pricing_normal_is_within_four_ulp_down_to_its_tail(void **state)
{
    (void)state;
    check_function("normal", tn_pricing_normal, 4, 1000);
}

/* ---- Black-76 -------------------------------------------------------------------------------- */

static double libm_normal(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752);
}

/* How wrong margin.md's formula may be in doubles.
 *
 * call = FD·(N1 − k·N2), k = K/F, N1 = N(d1), N2 = N(d2), u = 2^-53.
 * An error δ in d1 that d2 = d1 − v shares costs nothing in first order, as ∂/∂δ (N(d1+δ) −
 * k·N(d2+δ)) = φ(d1) − k·φ(d2) = 0, and δ²·v·φ(d1)/2 in second, δ ≤ 4u·(1 + |ln k|)/v + 4u|d1|:
 * below u² · 1/v, nothing down to v = 10^-9. What remains:
 *   N itself         4 ulp relative, ≤ 8u, of each of N1 and k·N2
 *   d1, d2 apart     d2 = d1 − v is rounded: u·|d2|·φ(d1); the rounding of v²/2 − ln k and of the
 *                    quotient is shared
 *   k, products      k enters d1 (shared) and k·N2: 1u for k, 1u for the product: 2u·k·N2
 *   difference, F·D  1u of the result, 2u for F·D and its product
 * Sum: |error| ≤ D·[(8 + 3)u·F·N1 + (8 + 5)u·K·N2 + 2u·F·φ(d1)·|d2|]; we ask for 14u and 2u.
 * put = FD·(call/FD + k − 1) adds 4u·D·(call/D + K + F) as it is written, less where the difference
 * is small. A put from its own formula has the call's bound with N(−d), which is smaller. */
static double black_error_max(double forward, double strike, double root, double discount,
                              double call, bool is_put)
{
    double log_strike = log(strike / forward);
    double d1 = (root * root / 2 - log_strike) / root;
    double d2 = d1 - root;
    double density = exp(-d1 * d1 / 2) * 0.3989422804014327;
    double bound = 14 * UNIT * (forward * libm_normal(d1) + strike * libm_normal(d2)) +
                   2 * UNIT * forward * density * fabs(d2);
    if (is_put) bound += 4 * UNIT * (call / discount + strike + forward);
    return discount * bound + 0x1p-1074;
}

static void test_pricing_black_is_as_exact_as_its_formula_allows(void **state)
{
    (void)state;
    struct table table;
    struct worst worst[2] = {{.error = 0}, {.error = 0}};
    double ulps_worst = 0;
    double row[6];
    table_open(&table, "black");
    while (table_next(&table, row, 6)) {
        for (uint32_t is_put = 0; is_put < 2; is_put++) {
            double want = row[4 + is_put];
            double got = tn_pricing_black(row[0], row[1], row[2], row[3], is_put == 1);
            double bound = black_error_max(row[0], row[1], row[2], row[3], row[4], is_put == 1);
            bound += ulp_of(want); /* the table's rounding and the result's own */
            double error = fabs(got - want) / bound;
            look(&worst[is_put], error, table.rows, got, want);
            if (!(error <= 1)) {
                fail_msg("%s %sgives %a, off by %.2f times what is allowed", table.line,
                         is_put ? "put " : "call ", got, error);
            }
            if (want > 1e-3 * row[0]) {
                double ulps = fabs(got - want) / ulp_of(want);
                if (ulps > ulps_worst) ulps_worst = ulps;
            }
        }
    }
    print_message("black: %" PRIu32 " options, worst %.2f (call) and %.2f (put) of the bound; "
                  "%.0f ulp where the price is above F/1000\n",
                  table.rows, worst[0].error, worst[1].error, ulps_worst);
    assert_true(table.rows >= 500);
}

static void test_pricing_black_at_the_ends_of_its_arguments(void **state)
{
    (void)state;
    assert_true(tn_pricing_black(100, 0, 0.3, 0.9, false) == 90);
    assert_true(tn_pricing_black(100, 0, 0.3, 0.9, true) == 0);
    assert_true(tn_pricing_black(0, 100, 0.3, 0.9, false) == 0);
    assert_true(tn_pricing_black(0, 100, 0.3, 0.9, true) == 90);
    assert_true(tn_pricing_black(0, 0, 0.3, 0.9, false) == 0);
    assert_true(tn_pricing_black(0, 0, 0.3, 0.9, true) == 0);
    assert_true(tn_pricing_black(100, 80, 24, 0.5, false) == 50);
    assert_true(tn_pricing_black(100, 80, 24, 0.5, true) == 40);
    assert_true(tn_pricing_black(100, 80, 1e6, 1, false) == 100);
    assert_true(tn_pricing_black(128, 64, 0, 1, false) == 64); /* v is floored, not divided by */
    assert_true(tn_pricing_black(128, 64, 0, 1, true) == 0);
    assert_true(tn_pricing_black(64, 128, 0, 0.5, false) == 0);
    assert_true(tn_pricing_black(64, 128, 0, 0.5, true) == 32);
    assert_true(fabs(tn_pricing_black(64, 64, 0, 1, false)) < 1e-15);
}

/* ---- Implied volatility ---------------------------------------------------------------------- */

/* pricing.md §3: to within 4 × what one ulp of the price allows, at any moneyness. The table holds
 * the true roots of the price less and plus 4 ulps, so no derivative stands between; where these
 * are nearer than 4 ulps of the root itself (far out of the money) those count. */
static void test_pricing_implied_root_is_what_four_ulps_of_price_allow(void **state)
{
    (void)state;
    struct table table;
    struct worst worst = {.error = 0};
    double ulps_worst = 0;
    double row[8];
    table_open(&table, "implied");
    while (table_next(&table, row, 8)) {
        double got = tn_pricing_implied_root(row[0], row[1], row[2], row[3], row[4] != 0);
        double want = row[6];
        double slack = 4 * ulp_of(want);
        if (!(got >= row[5] - slack) || !(got <= row[7] + slack)) {
            fail_msg("%sgives %a", table.line, got);
        }
        double room = (got < want ? want - row[5] : row[7] - want) + slack;
        look(&worst, fabs(got - want) / room, table.rows, got, want);
        if (row[7] - row[5] < slack && fabs(got - want) / ulp_of(want) > ulps_worst) {
            ulps_worst = fabs(got - want) / ulp_of(want);
        }
    }
    print_message("implied: %" PRIu32 " prices, worst %.2f of the bound (row %.0f); %.0f ulp of "
                  "the root where the price fixes it\n",
                  table.rows, worst.error, worst.at, ulps_worst);
    assert_true(table.rows >= 400);
}

/* ---- Greeks ---------------------------------------------------------------------------------- */

/* Greeks are rounded to whole numbers of their scales: half of one, and what their doubles were
 * off. φ(d1) takes d1's error in full: δ = u·(4 + 2·|ln k|)/v + 4u·|d1|, so φ is off by |d1|·δ,
 * relatively; d2 in vanna and volga by δ/|d2|. A price is as in Black above. */
static void check_greek(const char *name, const char *line, double got, double want, double room,
                        double *worst)
{
    double error = fabs(got - want) / (0.5 + room + fabs(want) * 16 * UNIT);
    if (!(error <= 1)) {
        fail_msg("%s%s is %.0f, true %.17g: %.2f of the bound", line, name, got, want, error);
    }
    if (error > *worst) *worst = error;
}

/* How far d1 may be off; how large d1 and d2 are at most. */
static double d1_error(const double *row, double *reach)
{
    double root = row[2] * 1e-9 * sqrt(row[3] / 31536e6);
    double log_strike = log(row[1] / row[0]);
    double d1 = root / 2 - log_strike / root;
    *reach = fabs(d1) + root;
    return UNIT * (4 + 2 * fabs(log_strike)) / root + 4 * UNIT * *reach;
}

static void test_pricing_greeks_are_the_true_ones_rounded(void **state)
{
    (void)state;
    struct table table;
    double row[15];
    double worst = 0;
    table_open(&table, "greeks");
    while (table_next(&table, row, 15)) {
        struct tn_option option = {.forward_micros = (int64_t)row[0],
                                   .strike_micros = (int64_t)row[1],
                                   .vol_ppb = (int64_t)row[2],
                                   .left_ms = (int64_t)row[3],
                                   .rate_ppb = (int64_t)row[4],
                                   .is_put = row[5] != 0};
        struct tn_greeks greeks;
        tn_pricing_greeks(&greeks, &option);
        double reach;
        double delta = d1_error(row, &reach);
        double density = reach * delta + 16 * UNIT; /* relative error of φ(d1) and of what has it */
        double money = 24 * UNIT * (row[0] + row[1]);
        double second = density + delta; /* of φ·d: absolute error of d, times the rest */
        double vega_per_d = row[10] / (row[2] * 1e-9) * 0.01;
        double vanna_per_d =
            row[10] / (row[0] * 1e-6 * sqrt(row[3] / 31536e6)) * 1e-4 * 1e7 / (row[2] * 1e-9);
        const char *line = table.line;
        check_greek("price", line, (double)greeks.price_micros, row[6], money, &worst);
        check_greek("delta", line, (double)greeks.delta_ppb, row[7], 1e9 * (delta + 24 * UNIT),
                    &worst);
        check_greek("delta_premium", line, (double)greeks.delta_premium_ppb, row[8],
                    1e9 * (delta + money / row[0] + 24 * UNIT), &worst);
        check_greek("gamma", line, (double)greeks.gamma_e12, row[9], row[9] * density, &worst);
        check_greek("vega", line, (double)greeks.vega_micros, row[10], row[10] * density, &worst);
        check_greek("theta", line, (double)greeks.theta_micros, row[11],
                    fabs(row[11]) * density + money, &worst);
        check_greek("rho", line, (double)greeks.rho_micros, row[12], money * row[3] / 31536e8,
                    &worst);
        check_greek("vanna", line, (double)greeks.vanna_ppb, row[13],
                    fabs(row[13]) * density + vanna_per_d * second, &worst);
        check_greek("volga", line, (double)greeks.volga_micros, row[14],
                    fabs(row[14]) * density + vega_per_d * second * 2 * (reach + 1), &worst);
        assert_int_equal(tn_pricing_price(&option), greeks.price_micros);
    }
    print_message("greeks: %" PRIu32 " options, worst %.3f of the bound (0.5 of a unit and "
                  "conditioning)\n",
                  table.rows, worst);
    assert_true(table.rows >= 150);
}

/* A whole price names a range of volatilities; the one found must give that price back. */
static void test_pricing_implied_vol_gives_its_price_back(void **state)
{
    (void)state;
    struct table table;
    double row[15];
    uint32_t found = 0;
    table_open(&table, "greeks");
    while (table_next(&table, row, 15)) {
        struct tn_option option = {.forward_micros = (int64_t)row[0],
                                   .strike_micros = (int64_t)row[1],
                                   .vol_ppb = 1,
                                   .left_ms = (int64_t)row[3],
                                   .rate_ppb = (int64_t)row[4],
                                   .is_put = row[5] != 0};
        double vega_per_ppb = row[10] * 1e-7;
        tn_micros price = (tn_micros)nearbyint(row[6]);
        int64_t vol_ppb = -1;
        if (!tn_pricing_implied_vol(&vol_ppb, price, &option)) {
            /* only where half a micro of rounding takes the whole time value */
            if (row[10] * row[2] * 1e-7 > 2) fail_msg("%sno volatility found", table.line);
            assert_int_equal(vol_ppb, -1);
            continue;
        }
        found++;
        option.vol_ppb = vol_ppb;
        double back = (double)tn_pricing_price(&option);
        double room = 1 + vega_per_ppb + 32 * UNIT * (row[0] + row[1]);
        if (fabs(back - (double)price) > room) {
            fail_msg("%svol %" PRId64 " gives %.0f, asked for %" PRId64, table.line, vol_ppb, back,
                     price);
        }
        if (vega_per_ppb > 1e-3 && fabs((double)vol_ppb - row[2]) > 1 + 2 / vega_per_ppb) {
            fail_msg("%svol %" PRId64, table.line, vol_ppb);
        }
    }
    print_message("implied_vol: %" PRIu32 " of %" PRIu32 " prices have one\n", found, table.rows);
    assert_true(found > table.rows / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pricing_exp_is_within_one_ulp),
        cmocka_unit_test(test_pricing_log_is_within_one_ulp),
        cmocka_unit_test(test_pricing_erfc_is_within_four_ulp_down_to_its_tail),
        cmocka_unit_test(test_pricing_normal_is_within_four_ulp_down_to_its_tail),
        cmocka_unit_test(test_pricing_black_is_as_exact_as_its_formula_allows),
        cmocka_unit_test(test_pricing_black_at_the_ends_of_its_arguments),
        cmocka_unit_test(test_pricing_implied_root_is_what_four_ulps_of_price_allow),
        cmocka_unit_test(test_pricing_greeks_are_the_true_ones_rounded),
        cmocka_unit_test(test_pricing_implied_vol_gives_its_price_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
