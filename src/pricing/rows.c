/* rows: from one expiry's forward, surface, rate and time to the scenario rows of its series.
 *
 * What all series share (shocked forwards and their logarithms, factors of volatility, the
 * discount) is made once into a plan; a path prices the options (lanes_rows.h). Futures and
 * perpetuals are exact integers and take no part in floating point at all. */
#include "pricing/internal.h"
#include "pricing/math.h"

#include <string.h>

#define MS_PER_DAY     86400000.0
#define DAYS_REFERENCE 30.0
#define INVERSE_ROOT_3 0x1.279a74590331cp-1
#define PPM            1000000

/* ---- The plan -------------------------------------------------------------------------------- */

/* q = (30 d / max(t, 1 d))^p */
static double vol_shock_scale(const struct tn_shocks *shocks, int64_t left_ms)
{
    double days = (double)left_ms / MS_PER_DAY;
    double power = days <= DAYS_REFERENCE ? shocks->power_short_ppm : shocks->power_long_ppm;
    if (days < 1.0) days = 1.0;
    return tn_pricing_exp(power / 1e6 * tn_pricing_log_ratio(DAYS_REFERENCE, days));
}

/* Averaging towards settlement (pricing.md §5): a mean over W varies less than its end. */
static double narrowing(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry)
{
    double window = (double)shocks->window_ms, left = (double)expiry->left_ms;
    if (expiry->left_ms >= shocks->window_ms)
        return tn_pricing_root(1.0 - (2.0 * window) / (3.0 * left));
    int64_t forward = expiry->fixed_micros + expiry->variable_micros;
    if (forward == 0) return 0.0;
    return (double)expiry->variable_micros / (double)forward * INVERSE_ROOT_3;
}

static void plan_column(struct tn_pricing_plan *plan, uint32_t column, double forward,
                        double factor, double floor)
{
    double counted = forward > NOTHING ? forward : NOTHING;
    double least = floor * plan->root_time;
    plan->forward[column] = forward;
    plan->log_forward[column] = tn_pricing_log_ratio(counted, plan->curve.forward);
    plan->factor[column] = factor;
    plan->least_root[column] = least > ROOT_VOL_LEAST ? least : ROOT_VOL_LEAST;
}

static void plan_scenario(struct tn_pricing_plan *plan, uint32_t column,
                          const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                          double scale)
{
    const struct tn_scenario *scenario = &shocks->scenarios[column];
    double factor = 1.0, floor = 0.0, move = (double)(PPM + scenario->move_ppm) / 1e6;
    double forward = (double)expiry->variable_micros * move + (double)expiry->fixed_micros;
    switch ((enum tn_vol_shock)scenario->vol) {
        case TN_VOL_NONE: break;
        case TN_VOL_UP:
            factor = 1.0 + (double)shocks->vol_up_ppm / 1e6 * scale;
            floor = (double)shocks->vol_floor_ppm / 1e6;
            break;
        case TN_VOL_DOWN:
            factor = 1.0 - (double)shocks->vol_down_ppm / 1e6 * scale;
            factor = factor > 0.0 ? factor : 0.0;
            break;
    }
    if (scenario->kind != TN_SCENARIO_SHOCK) {
        plan->skews[plan->skews_count] = (uint8_t)column;
        plan->skew_kinds[plan->skews_count++] = scenario->kind;
        forward = plan->mark_forward;
    }
    plan_column(plan, column, forward, factor, floor);
}

static void plan_skew(struct tn_pricing_plan *plan, const struct tn_shocks *shocks)
{
    double wing = 0.6 + (double)shocks->skew_wing_ppm / 1e6 * plan->root_time;
    double reach = plan->root_time * 4.0 * wing;
    double most = (double)shocks->skew_base_ppm / 1e6 +
                  (double)shocks->skew_slope_ppm / 1e6 * plan->root_time;
    plan->skew_most = most > 0.0 ? most : 0.0;
    plan->skew_slope = plan->skew_most / (reach > 0.01 ? reach : 0.01);
}

static void make_plan(struct tn_pricing_plan *plan, const struct tn_shocks *shocks,
                      const struct tn_price_expiry *expiry)
{
    TN_ASSERT(expiry->left_ms >= 1);
    TN_ASSERT(tn_surface_admitted(&expiry->surface));
    int64_t forward = expiry->fixed_micros + expiry->variable_micros;
    memset(plan, 0, sizeof *plan);
    tn_surface_curve(&plan->curve, &expiry->surface);
    plan->scenarios_count = shocks->scenarios_count;
    plan->mark_forward = (double)forward;
    plan->narrow = narrowing(shocks, expiry);
    plan->root_time = tn_pricing_root(tn_pricing_years(expiry->left_ms));
    plan->discount = tn_pricing_discount(expiry->left_ms, expiry->rate_ppb);
    plan_skew(plan, shocks);

    uint32_t column = 0;
    double scale = vol_shock_scale(shocks, expiry->left_ms);
    double basis = (double)shocks->basis_ppm / 1e6;
    for (; column < shocks->scenarios_count; column++)
        plan_scenario(plan, column, shocks, expiry, scale);
    plan_column(plan, column++, plan->mark_forward, 1.0, 0.0);
    plan->log_mark_forward = plan->log_forward[column - 1];
    plan_column(plan, column++, plan->mark_forward * (1.0 + basis), 1.0, 0.0);
    plan_column(plan, column++, plan->mark_forward * (1.0 - basis), 1.0, 0.0);
    for (; column < TN_ROW_COLUMNS; column++)
        plan_column(plan, column, plan->mark_forward, 1.0, 0.0);
}

/* ---- Futures and perpetuals ------------------------------------------------------------------ */

/* Nearest-even, cut like every price of a lot. */
static int64_t divide_nearest(tn_i128 value, int64_t divisor)
{
    tn_i128 whole = value / divisor, rest = value % divisor;
    if (2 * rest > divisor || (2 * rest == divisor && (whole & 1) != 0)) whole++;
    tn_i128 most = (tn_i128)1 << 50;
    return (int64_t)(whole < most ? whole : most);
}

/* F′ per lot, the moving part × (10^6 + ppm) ÷ 10^6. */
static int64_t future_lot(int64_t variable, int64_t fixed, int32_t move_ppm, int64_t lot)
{
    tn_i128 forward = (tn_i128)variable * (PPM + move_ppm) + (tn_i128)fixed * PPM;
    return divide_nearest(forward * lot, INT64_C(1000000000000));
}

static void fill_future(int64_t *row, const struct tn_shocks *shocks,
                        const struct tn_price_expiry *expiry, int64_t lot)
{
    int64_t fixed = expiry->fixed_micros, variable = expiry->variable_micros;
    int64_t forward = fixed + variable;
    memset(row, 0, TN_ROW_COLUMNS * sizeof *row);
    for (uint32_t k = 0; k < shocks->scenarios_count; k++)
        row[k] = future_lot(variable, fixed, shocks->scenarios[k].move_ppm, lot);
    row[TN_COLUMN_MARK] = future_lot(forward, 0, 0, lot);
    row[TN_COLUMN_UP] = future_lot(forward, 0, shocks->basis_ppm, lot);
    row[TN_COLUMN_DOWN] = future_lot(forward, 0, -shocks->basis_ppm, lot);
}

static void fill_perpetual(int64_t *row, const struct tn_shocks *shocks, tn_micros mark)
{
    TN_ASSERT(mark >= 0 && mark <= TN_VALUE_UNIT_MICROS_MAX);
    memset(row, 0, TN_ROW_COLUMNS * sizeof *row);
    for (uint32_t k = 0; k < shocks->scenarios_count; k++)
        row[k] = divide_nearest((tn_i128)mark * (PPM + shocks->scenarios[k].move_ppm), PPM);
    row[TN_COLUMN_MARK] = row[TN_COLUMN_UP] = row[TN_COLUMN_DOWN] = mark;
}

static void fill_linear(int64_t *row, struct tn_price_mark *mark, const struct tn_shocks *shocks,
                        const struct tn_price_expiry *expiry, const struct tn_price_series *series)
{
    if (mark != NULL) *mark = (struct tn_price_mark){.delta_ppb = 1000000000};
    if (row == NULL) return;
    if (series->kind == TN_PERPETUAL) {
        fill_perpetual(row, shocks, series->mark_micros);
        return;
    }
    TN_ASSERT(series->kind == TN_FUTURE);
    TN_ASSERT(series->lot_micro_units >= 1 && series->lot_micro_units <= TN_PRICING_LOT_MOST);
    fill_future(row, shocks, expiry, series->lot_micro_units);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

uint32_t tn_pricing_cpu_lanes(enum tn_cpu cpu)
{
#ifdef TN_PRICING_WIDE
    switch (cpu) {
        case TN_CPU_BASE: return 2;
        case TN_CPU_AVX2: return 4;
        case TN_CPU_AVX512: return 8;
    }
    TN_ASSERT(false);
#else
    (void)cpu;
#endif
    return 2;
}

static tn_pricing_path *path_of(enum tn_cpu cpu)
{
#ifdef TN_PRICING_WIDE
    switch (cpu) {
        case TN_CPU_BASE: return tn_pricing_path_base;
        case TN_CPU_AVX2: return tn_pricing_path_avx2;
        case TN_CPU_AVX512: return tn_pricing_path_avx512;
    }
    TN_ASSERT(false);
#else
    (void)cpu;
#endif
    return tn_pricing_path_base;
}

static void check_arguments(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry)
{
    TN_ASSERT(tn_shocks_valid(shocks));
    TN_ASSERT(expiry->fixed_micros >= 0 && expiry->variable_micros >= 0);
    TN_ASSERT(expiry->fixed_micros <= TN_VALUE_UNIT_MICROS_MAX);
    TN_ASSERT(expiry->variable_micros <= TN_VALUE_UNIT_MICROS_MAX - expiry->fixed_micros);
}

static uint32_t count_options(const struct tn_price_series *series, uint32_t count)
{
    uint32_t options_count = 0;
    for (uint32_t i = 0; i < count; i++)
        options_count += tn_pricing_is_option(&series[i]) ? 1 : 0;
    return options_count;
}

void tn_pricing_rows(int64_t (*rows)[TN_ROW_COLUMNS], struct tn_price_mark *marks, enum tn_cpu cpu,
                     const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                     const struct tn_price_series *series, uint32_t count)
{
    struct tn_pricing_plan plan;
    check_arguments(shocks, expiry);
    uint32_t options_count = count_options(series, count);
    if (options_count > 0) {
        make_plan(&plan, shocks, expiry);
        path_of(cpu)(rows, NULL, marks, &plan, series, count);
    }
    if (options_count == count) return;
    for (uint32_t i = 0; i < count; i++) {
        if (tn_pricing_is_option(&series[i])) continue;
        fill_linear(rows == NULL ? NULL : rows[i], marks == NULL ? NULL : &marks[i], shocks, expiry,
                    &series[i]);
    }
}

void tn_pricing_raw_rows(double (*raw)[TN_ROW_COLUMNS], enum tn_cpu cpu,
                         const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                         const struct tn_price_series *series, uint32_t count)
{
    struct tn_pricing_plan plan;
    check_arguments(shocks, expiry);
    memset(raw, 0, count * sizeof *raw);
    if (count_options(series, count) == 0) return;
    make_plan(&plan, shocks, expiry);
    path_of(cpu)(NULL, raw, NULL, &plan, series, count);
}
