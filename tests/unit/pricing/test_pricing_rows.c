/* Scenario rows against a twin written from the rules alone, in long double with libm, column by
 * column; then what must hold of any row. */
#include "pricing_case.h"

#include <math.h>

#define SERIES 9u

/* ---- The twin -------------------------------------------------------------------------------- */

static long double twin_normal(long double d)
{
    return erfcl(-d / sqrtl(2.0L)) / 2;
}

static long double twin_black(long double forward, long double strike, long double v,
                              long double discount, bool is_put)
{
    long double call;
    if (forward == 0) {
        call = 0;
    } else if (strike == 0 || v >= 24) {
        call = forward;
    } else {
        if (v < 1e-18L) v = 1e-18L;
        long double d1 = (v * v / 2 - logl(strike / forward)) / v;
        call = forward * twin_normal(d1) - strike * twin_normal(d1 - v);
        if (call < 0) call = 0;
    }
    long double put = call + strike - forward;
    return discount * (is_put ? (put > 0 ? put : 0) : call);
}

static long double clamped(long double value, long double low, long double high)
{
    return value < low ? low : value > high ? high : value;
}

static long double twin_vol(const struct tn_surface *s, long double strike)
{
    long double a = s->a_e12 / 1e12L, b = s->b_e12 / 1e12L, rho = s->rho_e12 / 1e12L;
    long double m = s->m_e12 / 1e12L, sigma = s->sigma_e12 / 1e12L;
    long double most = 4 * sqrtl(a + b * sigma);
    long double k = clamped(logl(strike / s->forward_micros), -most, most);
    long double w = a + b * (rho * (k - m) + sqrtl((k - m) * (k - m) + sigma * sigma));
    return sqrtl(clamped(w, 0, 144) / (s->tau_ms / (365 * 86400000.0L)));
}

struct twin {
    long double time, narrow, discount, scale, fixed, variable, forward;
};

static struct twin make_twin(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry)
{
    struct twin twin;
    long double window = shocks->window_ms, left = expiry->left_ms;
    long double days = left / 86400000.0L;
    twin.time = days / 365;
    twin.fixed = expiry->fixed_micros;
    twin.variable = expiry->variable_micros;
    twin.forward = twin.fixed + twin.variable;
    twin.narrow = left >= window ? sqrtl(1 - 2 * window / (3 * left))
                                 : twin.variable / twin.forward / sqrtl(3);
    twin.discount = expiry->rate_ppb > 0 ? expl(-(expiry->rate_ppb / 1e9L) * twin.time) : 1;
    twin.scale = powl(30 / (days > 1 ? days : 1),
                      (days <= 30 ? shocks->power_short_ppm : shocks->power_long_ppm) / 1e6L);
    return twin;
}

static long double twin_skewed(const struct twin *twin, const struct tn_shocks *shocks,
                               const struct tn_scenario *scenario, long double strike)
{
    long double root = sqrtl(twin->time), x = logl(strike / twin->forward);
    long double cap = shocks->skew_base_ppm / 1e6L + shocks->skew_slope_ppm / 1e6L * root;
    long double reach = root * 4 * (0.6L + shocks->skew_wing_ppm / 1e6L * root);
    if (cap < 0) cap = 0;
    if (reach < 0.01L) reach = 0.01L;
    if (scenario->kind == TN_SCENARIO_ABS) x = fabsl(x);
    long double factor = 1 + clamped(x * cap / reach, -cap, cap);
    return factor > 0 ? factor : 0;
}

/* One column of one series, in micros of a lot. */
static long double twin_column(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                               const struct tn_price_series *series, uint32_t column)
{
    struct twin twin = make_twin(shocks, expiry);
    long double strike = series->strike_micros, forward = twin.forward;
    long double vol = twin_vol(&expiry->surface, strike) * twin.narrow;
    if (column == TN_COLUMN_UP) forward *= 1 + shocks->basis_ppm / 1e6L;
    if (column == TN_COLUMN_DOWN) forward *= 1 - shocks->basis_ppm / 1e6L;
    if (column < shocks->scenarios_count) {
        const struct tn_scenario *scenario = &shocks->scenarios[column];
        if (scenario->kind == TN_SCENARIO_SHOCK)
            forward = twin.variable * (1 + scenario->move_ppm / 1e6L) + twin.fixed;
        else
            vol *= twin_skewed(&twin, shocks, scenario, strike);
        if (scenario->vol == TN_VOL_UP)
            vol = fmaxl(shocks->vol_floor_ppm / 1e6L,
                        vol * (1 + shocks->vol_up_ppm / 1e6L * twin.scale));
        if (scenario->vol == TN_VOL_DOWN)
            vol *= fmaxl(0, 1 - shocks->vol_down_ppm / 1e6L * twin.scale);
    }
    return twin_black(forward, strike, vol * sqrtl(twin.time), twin.discount,
                      series->kind == TN_PUT) *
           series->lot_micro_units / 1000000;
}

static void test_pricing_rows_are_the_rules_to_half_a_micro(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[SERIES][TN_ROW_COLUMNS];
    for (uint32_t round = 0; round < 300; round++) {
        struct tn_price_expiry expiry = usual_expiry(&random);
        struct tn_price_series series[SERIES];
        int64_t forward = expiry.fixed_micros + expiry.variable_micros;
        if (round % 4 == 0) shocks.skew_wing_ppm = (int32_t)random_between(&random, 0, 1000000);
        /* What a skew scenario moves is spot, not the forward that options see. */
        shocks.scenarios[31].move_ppm = (int32_t)random_between(&random, -500000, 500000);
        for (uint32_t i = 0; i < SERIES; i++)
            series[i] = random_option(&random, random_between(&random, forward / 3, forward * 3));
        tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, SERIES);
        for (uint32_t i = 0; i < SERIES; i++) {
            for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
                if (column >= shocks.scenarios_count && column < TN_COLUMN_MARK) {
                    assert_int_equal(rows[i][column], 0);
                    continue;
                }
                long double want = twin_column(&shocks, &expiry, &series[i], column);
                if (fabsl(want - (long double)rows[i][column]) > 0.501L)
                    fail_msg("round %u series %u column %u: %lld is not %.6Lf", round, i, column,
                             (long long)rows[i][column], want);
            }
        }
    }
}

/* ---- What must hold of any row --------------------------------------------------------------- */

static void test_pricing_rows_stay_within_their_bounds_at_any_input(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    static double raw[SERIES][TN_ROW_COLUMNS];
    add_scenario(&shocks, -1000000, TN_VOL_DOWN, TN_SCENARIO_SHOCK);
    add_scenario(&shocks, 10000000, TN_VOL_UP, TN_SCENARIO_SHOCK);
    for (uint32_t round = 0; round < 3000; round++) {
        struct tn_price_expiry expiry = wild_expiry(&random);
        struct tn_price_series series[SERIES];
        for (uint32_t i = 0; i < SERIES; i++) {
            series[i] = random_option(&random, random_scale(&random, 50) - 1);
            series[i].lot_micro_units = 1000000;
        }
        tn_pricing_raw_rows(raw, TN_CPU_BASE, &shocks, &expiry, series, SERIES);
        double fixed = (double)expiry.fixed_micros, variable = (double)expiry.variable_micros;
        for (uint32_t i = 0; i < SERIES; i++) {
            double strike = (double)series[i].strike_micros;
            for (uint32_t column = 0; column < shocks.scenarios_count; column++) {
                const struct tn_scenario *scenario = &shocks.scenarios[column];
                double move = scenario->kind == TN_SCENARIO_SHOCK ? scenario->move_ppm : 0.0;
                double most =
                    series[i].kind == TN_PUT ? strike : variable * (1.0 + move / 1e6) + fixed;
                double got = raw[i][column];
                assert_true(got >= 0.0 && got <= 0x1p50);
                assert_true(got <= most * (1.0 + 1e-12));
            }
        }
    }
}

static void test_pricing_row_of_call_less_put_is_the_forward_less_the_strike(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[3][TN_ROW_COLUMNS];
    for (uint32_t round = 0; round < 500; round++) {
        struct tn_price_expiry expiry = usual_expiry(&random);
        expiry.rate_ppb = 0;
        int64_t forward = expiry.fixed_micros + expiry.variable_micros;
        int64_t strike = random_between(&random, forward / 200, forward / 50) * 100;
        struct tn_price_series series[3] = {
            {.kind = TN_CALL, .strike_micros = strike, .lot_micro_units = 10000},
            {.kind = TN_PUT, .strike_micros = strike, .lot_micro_units = 10000},
            {.kind = TN_FUTURE, .lot_micro_units = 10000},
        };
        tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 3);
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            if (column >= 31 && column < TN_COLUMN_MARK) continue; /* skews: futures move as told */
            int64_t off = rows[0][column] - rows[1][column] - (rows[2][column] - strike / 100);
            assert_in_range(off + 1, 0, 2);
        }
    }
}

static void test_pricing_calls_fall_and_puts_rise_with_the_strike(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[2 * SERIES][TN_ROW_COLUMNS];
    for (uint32_t round = 0; round < 200; round++) {
        struct tn_price_expiry expiry = usual_expiry(&random);
        expiry.surface.b_e12 =
            0; /* one volatility for all strikes: else only arbitrage-free ones */
        shocks.scenarios_count = 31;
        struct tn_price_series series[2 * SERIES];
        int64_t forward = expiry.fixed_micros + expiry.variable_micros;
        for (uint32_t i = 0; i < SERIES; i++) {
            int64_t strike = forward * (i + 1) / 5;
            series[i] = (struct tn_price_series){TN_CALL, strike, 1000000, 0};
            series[SERIES + i] = (struct tn_price_series){TN_PUT, strike, 1000000, 0};
        }
        tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 2 * SERIES);
        for (uint32_t i = 1; i < SERIES; i++) {
            for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
                assert_true(rows[i][column] <= rows[i - 1][column]);
                assert_true(rows[SERIES + i][column] >= rows[SERIES + i - 1][column]);
            }
        }
    }
}

static void test_pricing_row_at_the_mark_is_the_single_price(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[SERIES][TN_ROW_COLUMNS];
    shocks.window_ms = 0;
    for (uint32_t round = 0; round < 300; round++) {
        int64_t root_ppm = random_between(&random, 50000, 3000000);
        struct tn_price_expiry expiry = usual_expiry(&random);
        struct tn_price_series series[SERIES];
        struct tn_price_mark marks[SERIES];
        /* Flat: w = vol² over one year, exactly in e12. */
        expiry.surface.a_e12 = root_ppm * root_ppm;
        expiry.surface.b_e12 = 0;
        expiry.surface.tau_ms = YEAR_MS;
        for (uint32_t i = 0; i < SERIES; i++) {
            series[i] = random_option(&random, random_between(&random, 1, INT64_C(200000000000)));
            series[i].lot_micro_units = 1000000;
        }
        tn_pricing_rows(rows, marks, TN_CPU_BASE, &shocks, &expiry, series, SERIES);
        for (uint32_t i = 0; i < SERIES; i++) {
            struct tn_option option = {
                .forward_micros = expiry.fixed_micros + expiry.variable_micros,
                .strike_micros = series[i].strike_micros,
                .vol_ppb = root_ppm * 1000,
                .left_ms = expiry.left_ms,
                .rate_ppb = expiry.rate_ppb,
                .is_put = series[i].kind == TN_PUT,
            };
            struct tn_greeks greeks;
            tn_pricing_greeks(&greeks, &option);
            assert_in_range(rows[i][TN_COLUMN_MARK] - tn_pricing_price(&option) + 1, 0, 2);
            assert_int_equal(greeks.price_micros, tn_pricing_price(&option));
            assert_in_range(marks[i].delta_ppb - greeks.delta_ppb + 1, 0, 2);
            assert_in_range(marks[i].vega_micros - greeks.vega_micros + 1, 0, 2);
            assert_in_range(marks[i].vol_ppm - root_ppm + 1, 0, 2);
        }
    }
}

/* ---- Futures, perpetuals, and the settlement window ------------------------------------------ */

static void test_pricing_futures_and_perpetuals_move_exactly(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[2][TN_ROW_COLUMNS];
    struct tn_price_mark marks[2];
    /* 5 micros and a half: the moving part is 1 of 3 dollars, a lot a tenth of a unit. */
    struct tn_price_expiry expiry = {
        .fixed_micros = 2000005, .variable_micros = 1000050, .left_ms = 600000};
    struct tn_price_series series[2] = {
        {.kind = TN_FUTURE, .lot_micro_units = 100000},
        {.kind = TN_PERPETUAL, .mark_micros = 1000001},
    };
    tn_pricing_rows(rows, marks, TN_CPU_BASE, &shocks, &expiry, series, 2);
    assert_int_equal(rows[0][0], 318006); /* (1.00005·1.18 + 2.000005)/10 = .3180064 */
    assert_int_equal(rows[0][TN_COLUMN_MARK], 300006); /* .3000055: nearest even */
    assert_int_equal(rows[0][TN_COLUMN_UP], 313506);   /* .3000055·1.045 = .31350574… */
    assert_int_equal(rows[0][TN_COLUMN_DOWN], 286505); /* .3000055·0.955 = .28650525 */
    assert_int_equal(rows[1][0], 1180001);             /* 1.18000118 */
    assert_int_equal(rows[1][1], 820001);              /* .82000082 */
    assert_int_equal(rows[1][TN_COLUMN_MARK], 1000001);
    assert_int_equal(rows[1][TN_COLUMN_UP], 1000001);
    assert_int_equal(rows[1][TN_COLUMN_DOWN], 1000001);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(marks[i].delta_ppb, 1000000000);
        assert_int_equal(marks[i].vega_micros, 0);
        for (uint32_t column = 33; column < TN_COLUMN_MARK; column++)
            assert_int_equal(rows[i][column], 0);
    }
}

static void test_pricing_ties_of_exact_products_go_to_the_even_micro(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[2][TN_ROW_COLUMNS];
    struct tn_price_expiry expiry = {.variable_micros = 1000, .left_ms = DAY_MS};
    struct tn_price_series series[2] = {
        {.kind = TN_FUTURE, .lot_micro_units = 100000},
        {.kind = TN_PERPETUAL, .mark_micros = 100},
    };
    tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(shocks.scenarios[8].move_ppm, -45000);
        assert_int_equal(rows[i][8], 96); /* 95.5 */
        assert_int_equal(shocks.scenarios[14].move_ppm, 45000);
        assert_int_equal(rows[i][14], 104); /* 104.5 */
    }
}

static void test_pricing_a_skew_moves_futures_and_leaves_options_their_forward(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    static int64_t rows[2][TN_ROW_COLUMNS];
    struct tn_price_expiry expiry = {
        .surface = {0, 0, 0, 0, E12, 50000000, DAY_MS}, /* no volatility to bend */
        .variable_micros = 60000000,
        .left_ms = DAY_MS,
    };
    struct tn_price_series series[2] = {
        {.kind = TN_FUTURE, .lot_micro_units = 1000000},
        {.kind = TN_CALL, .strike_micros = 50000000, .lot_micro_units = 1000000},
    };
    shocks.scenarios[31].move_ppm = 100000;
    shocks.scenarios[32].move_ppm = -100000;
    tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 2);
    assert_int_equal(rows[0][31], 66000000);
    assert_int_equal(rows[0][32], 54000000);
    assert_int_equal(rows[1][31], 10000000);
    assert_int_equal(rows[1][32], 10000000);
}

static void test_pricing_rows_mix_kinds_and_leave_out_what_is_not_asked(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_pricing_rows");
    struct tn_shocks shocks = default_shocks();
    struct tn_price_expiry expiry = usual_expiry(&random);
    struct tn_price_series series[7];
    struct tn_price_mark marks[7], lone_mark;
    static int64_t rows[7][TN_ROW_COLUMNS], lone[1][TN_ROW_COLUMNS];
    for (uint32_t i = 0; i < 7; i++)
        series[i] = random_option(&random, expiry.variable_micros + 1000000 * (int64_t)i);
    series[0] = (struct tn_price_series){.kind = TN_FUTURE, .lot_micro_units = 10000};
    series[4] = series[0];
    tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 7);
    tn_pricing_rows(NULL, marks, TN_CPU_BASE, &shocks, &expiry, series, 7);
    for (uint32_t i = 0; i < 7; i++) {
        tn_pricing_rows(lone, &lone_mark, TN_CPU_BASE, &shocks, &expiry, &series[i], 1);
        assert_memory_equal(lone[0], rows[i], sizeof lone[0]);
        assert_int_equal(lone_mark.delta_ppb, marks[i].delta_ppb);
        assert_int_equal(lone_mark.vol_ppm, marks[i].vol_ppm);
        assert_int_equal(lone_mark.vega_micros, marks[i].vega_micros);
    }
}

static void test_pricing_an_average_that_is_known_does_not_move(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    struct tn_price_expiry expiry = {
        .surface = {E12 / 100, E12 / 10, 0, 0, E12 / 10, 50000000, DAY_MS},
        .fixed_micros = 60000000,
        .variable_micros = 0,
        .left_ms = 1,
    };
    struct tn_price_series series[2] = {
        {.kind = TN_CALL, .strike_micros = 50000000, .lot_micro_units = 1000000},
        {.kind = TN_PUT, .strike_micros = 50000000, .lot_micro_units = 1000000},
    };
    static int64_t rows[2][TN_ROW_COLUMNS];
    tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 2);
    for (uint32_t column = 0; column < 33; column++) {
        assert_int_equal(rows[0][column], 10000000);
        assert_int_equal(rows[1][column], 0);
    }
    assert_int_equal(rows[0][TN_COLUMN_UP], 12700000);
    assert_int_equal(rows[0][TN_COLUMN_DOWN], 7300000);
}

static void test_pricing_a_price_of_a_lot_is_cut_at_two_to_the_fifty(void **state)
{
    (void)state;
    struct tn_shocks shocks = default_shocks();
    struct tn_price_expiry expiry = {
        .surface = {E12 / 100, 0, 0, 0, E12, INT64_C(1) << 50, DAY_MS},
        .variable_micros = INT64_C(1) << 50,
        .left_ms = DAY_MS,
    };
    struct tn_price_series series[2] = {
        {.kind = TN_CALL, .strike_micros = 0, .lot_micro_units = INT64_C(1) << 40},
        {.kind = TN_FUTURE, .lot_micro_units = INT64_C(1) << 40},
    };
    static int64_t rows[2][TN_ROW_COLUMNS];
    tn_pricing_rows(rows, NULL, TN_CPU_BASE, &shocks, &expiry, series, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(rows[i][0], INT64_C(1) << 50);
        assert_int_equal(rows[i][TN_COLUMN_MARK], INT64_C(1) << 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pricing_rows_are_the_rules_to_half_a_micro),
        cmocka_unit_test(test_pricing_rows_stay_within_their_bounds_at_any_input),
        cmocka_unit_test(test_pricing_row_of_call_less_put_is_the_forward_less_the_strike),
        cmocka_unit_test(test_pricing_calls_fall_and_puts_rise_with_the_strike),
        cmocka_unit_test(test_pricing_row_at_the_mark_is_the_single_price),
        cmocka_unit_test(test_pricing_futures_and_perpetuals_move_exactly),
        cmocka_unit_test(test_pricing_ties_of_exact_products_go_to_the_even_micro),
        cmocka_unit_test(test_pricing_a_skew_moves_futures_and_leaves_options_their_forward),
        cmocka_unit_test(test_pricing_rows_mix_kinds_and_leave_out_what_is_not_asked),
        cmocka_unit_test(test_pricing_an_average_that_is_known_does_not_move),
        cmocka_unit_test(test_pricing_a_price_of_a_lot_is_cut_at_two_to_the_fifty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
