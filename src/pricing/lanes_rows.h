/* lanes_rows: the scenario pass. Series are taken TN_LANES at a time for what each needs once (its
 * logarithm, its volatility, its mark's delta); then each series alone, its columns side by side.
 *
 * The file that includes this sets TN_LANES and PATH, the name of the one function that leaves. */
#include "pricing/internal.h"
#include "pricing/lanes_math.h"

_Static_assert(TN_ROW_COLUMNS % TN_LANES == 0, "a row is whole vectors");

/* A chunk of series, one per lane. */
struct chunk {
    double strike[TN_LANES];
    double scale[TN_LANES];                                /* D × units per lot */
    double log_strike[TN_LANES];                           /* ln(K/F₀) */
    double root_vol[TN_LANES];                             /* σ√T after the settlement average */
    double linear[TN_LANES], absolute[TN_LANES];           /* the skews' factors of volatility */
    double vol[TN_LANES], delta[TN_LANES], vega[TN_LANES]; /* the mark's */
};

LANES_INLINE lanes curve_variance(const struct tn_surface_curve *curve, lanes k)
{
    k = lanes_max(lanes_min(k, lanes_all(curve->k_most)), lanes_all(-curve->k_most));
    lanes from = k - curve->m;
    lanes w = curve->a + curve->b * (curve->rho * from +
                                     lanes_root(from * from + curve->sigma * curve->sigma));
    return lanes_max(lanes_min(w, lanes_all(144.0)), lanes_all(0.0));
}

LANES_INLINE lanes bend(lanes x, const struct tn_pricing_plan *plan)
{
    lanes most = lanes_all(plan->skew_most);
    lanes slope = lanes_max(lanes_min(x * plan->skew_slope, most), -most);
    return lanes_max(1.0 + slope, lanes_all(0.0));
}

static void prepare_chunk(struct chunk *chunk, const struct tn_pricing_plan *plan)
{
    lanes strike = lanes_load(chunk->strike);
    lanes log_strike =
        log_ratio(lanes_max(strike, lanes_all(NOTHING)), lanes_all(plan->curve.forward));
    lanes variance = curve_variance(&plan->curve, log_strike);
    lanes vol = lanes_min(lanes_root(variance / plan->curve.years), lanes_all(VOL_MOST));
    lanes root_vol = (vol * plan->narrow) * plan->root_time;
    lanes x = log_strike - plan->log_mark_forward;
    lanes_store(chunk->log_strike, log_strike);
    lanes_store(chunk->root_vol, root_vol);
    lanes_store(chunk->linear, bend(x, plan));
    lanes_store(chunk->absolute, bend(lanes_absolute(x), plan));

    lanes v = lanes_max(root_vol, lanes_all(ROOT_VOL_LEAST));
    lanes d1 = (0.5 * (v * v) - x) / v;
    lanes density;
    lanes normal = normal_of(&density, d1);
    lanes_store(chunk->vol, vol);
    lanes_store(chunk->delta, normal * plan->discount);
    lanes_store(chunk->vega, density * (plan->mark_forward * plan->root_time) *
                                 ((plan->narrow * 0.01) * plan->discount));
}

/* Prices of one series in every dense column. */
LANES_INLINE void price_columns(double *out, const struct tn_pricing_plan *plan,
                                const double *factors, const struct chunk *chunk, uint32_t lane,
                                bool is_put)
{
    lanes strike = lanes_all(chunk->strike[lane]);
    lanes log_strike = lanes_all(chunk->log_strike[lane]);
    lanes root_vol = lanes_all(chunk->root_vol[lane]);
    lanes scale = lanes_all(chunk->scale[lane]);
    bits put = bits_all(is_put ? -1 : 0);
    uint32_t columns_count = plan->scenarios_count + 3;
    for (uint32_t column = 0; column < columns_count; column += TN_LANES) {
        lanes forward = lanes_load(&plan->forward[column]);
        lanes distance = lanes_absolute(log_strike - lanes_load(&plan->log_forward[column]));
        lanes v = lanes_max(root_vol * lanes_load(&factors[column]),
                            lanes_load(&plan->least_root[column]));
        lanes time_value = lanes_min(forward, strike) * black_part(distance, v);
        lanes inside = (lanes)((bits)(forward - strike) ^ (put & SIGN_BIT));
        lanes price = lanes_max(inside, lanes_all(0.0)) + time_value;
        price = lanes_min(price, lanes_select(put, strike, forward)) * scale;
        lanes_store(&out[column], lanes_min(price, lanes_all(LOT_PRICE_MOST)));
    }
}

/* Moves the columns after the scenarios to their places. */
LANES_INLINE void spread_row(int64_t *row, const double *dense, uint32_t scenarios_count)
{
    for (uint32_t column = 0; column < TN_ROW_COLUMNS; column += TN_LANES) {
        bits rounded = (bits)(lanes_load(&dense[column]) + ROUNDER) - ROUNDER_BITS;
        memcpy(&row[column], &rounded, sizeof rounded);
    }
    int64_t mark = row[scenarios_count];
    int64_t up = row[scenarios_count + 1], down = row[scenarios_count + 2];
    for (uint32_t column = scenarios_count; column < TN_COLUMN_MARK; column++)
        row[column] = 0;
    row[TN_COLUMN_MARK] = mark;
    row[TN_COLUMN_UP] = up;
    row[TN_COLUMN_DOWN] = down;
}

LANES_INLINE void spread_raw(double *row, const double *dense, uint32_t scenarios_count)
{
    for (uint32_t column = 0; column < TN_COLUMN_MARK; column++)
        row[column] = column < scenarios_count ? dense[column] : 0.0;
    for (uint32_t i = 0; i < 3; i++)
        row[TN_COLUMN_MARK + i] = dense[scenarios_count + i];
}

static void store_mark(struct tn_price_mark *mark, const struct chunk *chunk, uint32_t lane,
                       double discount, bool is_put, int64_t lot_micro_units)
{
    double delta = chunk->delta[lane] - (is_put ? discount : 0.0);
    double vega = chunk->vega[lane] * ((double)lot_micro_units / 1e6);
    mark->delta_ppb = (int32_t)((delta * 1e9 + ROUNDER) - ROUNDER);
    mark->vol_ppm = (int32_t)((chunk->vol[lane] * 1e6 + ROUNDER) - ROUNDER);
    vega = vega < LOT_PRICE_MOST ? vega : LOT_PRICE_MOST;
    mark->vega_micros = (int64_t)((vega + ROUNDER) - ROUNDER);
}

/* Lanes without an option hold a strike of 0, which costs nothing and harms nothing. */
static void load_chunk(struct chunk *chunk, const struct tn_pricing_plan *plan,
                       const struct tn_price_series *series, uint32_t count)
{
    for (uint32_t lane = 0; lane < TN_LANES; lane++) {
        chunk->strike[lane] = 0.0;
        chunk->scale[lane] = 0.0;
        if (lane >= count || !tn_pricing_is_option(&series[lane])) continue;
        int64_t strike = series[lane].strike_micros, lot = series[lane].lot_micro_units;
        TN_ASSERT(strike >= 0 && strike <= TN_VALUE_UNIT_MICROS_MAX);
        TN_ASSERT(lot >= 1 && lot <= TN_PRICING_LOT_MOST);
        chunk->strike[lane] = (double)strike;
        chunk->scale[lane] = plan->discount * ((double)lot / 1e6);
    }
}

static void fill_option(int64_t *row, double *raw, const struct tn_pricing_plan *plan,
                        double *factors, const struct chunk *chunk, uint32_t lane, bool is_put)
{
    double dense[TN_ROW_COLUMNS] = {0};
    for (uint32_t i = 0; i < plan->skews_count; i++)
        factors[plan->skews[i]] =
            plan->skew_kinds[i] == TN_SCENARIO_ABS ? chunk->absolute[lane] : chunk->linear[lane];
    price_columns(dense, plan, factors, chunk, lane, is_put);
    if (row != NULL) spread_row(row, dense, plan->scenarios_count);
    if (raw != NULL) spread_raw(raw, dense, plan->scenarios_count);
}

tn_pricing_path PATH;
void PATH(int64_t (*rows)[TN_ROW_COLUMNS], double (*raw)[TN_ROW_COLUMNS],
          struct tn_price_mark *marks, const struct tn_pricing_plan *plan,
          const struct tn_price_series *series, uint32_t count)
{
    double factors[TN_ROW_COLUMNS];
    struct chunk chunk;
    TN_ASSERT(plan->scenarios_count >= 1 && plan->scenarios_count <= TN_SCENARIOS_MAX);
    memcpy(factors, plan->factor, sizeof factors);

    for (uint32_t first = 0; first < count; first += TN_LANES) {
        load_chunk(&chunk, plan, &series[first], count - first);
        prepare_chunk(&chunk, plan);
        for (uint32_t index = first; index < count && index < first + TN_LANES; index++) {
            if (!tn_pricing_is_option(&series[index])) continue;
            uint32_t lane = index - first;
            bool is_put = series[index].kind == TN_PUT;
            if (marks != NULL)
                store_mark(&marks[index], &chunk, lane, plan->discount, is_put,
                           series[index].lot_micro_units);
            if (rows == NULL && raw == NULL) continue;
            fill_option(rows == NULL ? NULL : rows[index], raw == NULL ? NULL : raw[index], plan,
                        factors, &chunk, lane, is_put);
        }
    }
}
