/* The twin's market: Black-76, surfaces, shocks, discounts and factors, as written in
 * docs/specs/pricing.md and margin.md.
 *
 * Where the document leaves something open the reading taken here is said beside it. No rounding:
 * libm in long double carries 64 bits, far below a micro for any price per lot. */
#include "margin_twin.h"

#include <math.h>
#include <string.h>

#define YEAR_MS (365.0L * 86400.0L * 1000.0L)
#define DAY_MS  (86400.0L * 1000.0L)

static long double years_of(const struct margin_twin_expiry *expiry)
{
    return expiry->left_ms / YEAR_MS;
}

static long double clamp(long double x, long double low, long double high)
{
    return fminl(fmaxl(x, low), high);
}

/* The scenarios: 18 % both ways with volatility up, seven moves with each volatility, damped tails,
 * two skews. */
static void default_scenarios(struct margin_twin_market *market)
{
    static const long double moves[] = {-0.135L, -0.09L, -0.045L, 0, 0.045L, 0.09L, 0.135L};
    static const long double tails[8][2] = {{-0.66L, 0.21L},  {-0.33L, 0.42L}, {0.5L, 0.2772L},
                                            {1.0L, 0.1386L},  {2.0L, 0.0693L}, {3.0L, 0.0462L},
                                            {4.0L, 0.03465L}, {5.0L, 0.02772L}};
    struct margin_twin_scenario *next = market->scenarios;
    *next++ = (struct margin_twin_scenario){-0.18L, 1, TN_VOL_UP, TN_SCENARIO_SHOCK};
    *next++ = (struct margin_twin_scenario){0.18L, 1, TN_VOL_UP, TN_SCENARIO_SHOCK};
    for (int i = 0; i < 7; i++) {
        *next++ = (struct margin_twin_scenario){moves[i], 1, TN_VOL_UP, TN_SCENARIO_SHOCK};
        *next++ = (struct margin_twin_scenario){moves[i], 1, TN_VOL_NONE, TN_SCENARIO_SHOCK};
        *next++ = (struct margin_twin_scenario){moves[i], 1, TN_VOL_DOWN, TN_SCENARIO_SHOCK};
    }
    for (int i = 0; i < 8; i++) {
        *next++ =
            (struct margin_twin_scenario){tails[i][0], tails[i][1], TN_VOL_UP, TN_SCENARIO_SHOCK};
    }
    *next++ = (struct margin_twin_scenario){0, 1, TN_VOL_NONE, TN_SCENARIO_LINEAR};
    *next++ = (struct margin_twin_scenario){0, 1, TN_VOL_NONE, TN_SCENARIO_ABS};
    market->scenarios_count = (uint32_t)(next - market->scenarios);
}

void margin_twin_defaults(struct margin_twin_market *market)
{
    struct margin_twin_parameters *parameters = &market->parameters;
#define X(name, standard) parameters->name##_part = (standard);
    MARGIN_TWIN_PARAMETERS(X)
#undef X
    parameters->window_ms = 1800e3L;
    parameters->lambda_interest_low = 100e6L * 1e6L;
    parameters->lambda_interest_high = 1000e6L * 1e6L;
    parameters->band_ticks = 5;
    parameters->auction_first_ms = 15 * 60e3L;
    parameters->auction_total_ms = 12 * 3600e3L;
    parameters->insolvent_rise = 10 * 60e3L;
    market->mm_factor = parameters->mm_factor_part;
    market->stable = 1;
    default_scenarios(market);
}

/* ---- Black-76 and surfaces ---- */

static long double normal_cdf(long double x)
{
    return erfcl(-x / sqrtl(2.0L)) / 2;
}

long double margin_twin_black76(long double forward, long double strike, long double vol,
                                long double years, long double rate, bool is_put)
{
    long double discount = expl(-fmaxl(rate, 0) * years);
    if (forward <= 0) return is_put ? strike * discount : 0;
    if (strike <= 0) return is_put ? 0 : forward * discount;
    long double v = fmaxl(vol * sqrtl(years), 1e-18L);
    long double ratio = strike / forward;
    long double d1 = (v * v / 2 - logl(ratio)) / v;
    long double d2 = d1 - v;
    long double call = 1; /* of F·D */
    if (v < 24) call = clamp(normal_cdf(d1) - ratio * normal_cdf(d2), 0, 1);
    if (!is_put) return forward * discount * call;
    return clamp(forward * discount * (call + ratio - 1), 0, strike * discount);
}

long double margin_twin_surface_vol(const struct margin_twin_expiry *expiry, long double strike)
{
    long double reach = 4 * sqrtl(fmaxl(expiry->a + expiry->b * expiry->sigma, 0));
    long double k = clamp(logl(strike / expiry->fitted_forward), -reach, reach);
    long double x = k - expiry->m;
    long double w =
        expiry->a + expiry->b * (expiry->rho * x + sqrtl(x * x + expiry->sigma * expiry->sigma));
    return sqrtl(clamp(w, 0, 144) / (expiry->fitted_ms / YEAR_MS));
}

/* ---- One series in one column ---- */

static long double shocked_vol(const struct margin_twin_market *market,
                               const struct margin_twin_expiry *expiry,
                               const struct margin_twin_scenario *scenario, long double vol)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double days = expiry->left_ms / DAY_MS;
    long double power = days <= 30 ? p->vol_power_short_part : p->vol_power_long_part;
    long double q = powl(30 / fmaxl(days, 1), power);
    switch (scenario->vol) {
        case TN_VOL_NONE: return vol;
        case TN_VOL_UP: return fmaxl(p->vol_floor_part, vol * (1 + p->vol_up_part * q));
        case TN_VOL_DOWN: return vol * fmaxl(0, 1 - p->vol_down_part * q);
    }
    return NAN;
}

/* σ′ = σ·max(0, 1 + clamp(x·cap/k*, ±cap)). A cap that falls below zero (beyond 6 years at the
 * default) bends nothing. */
static long double skewed_vol(const struct margin_twin_market *market,
                              const struct margin_twin_expiry *expiry, enum tn_scenario_kind kind,
                              long double strike, long double vol)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double root = sqrtl(years_of(expiry));
    long double cap = fmaxl(0, p->skew_base_part + p->skew_slope_part * root);
    long double width = fmaxl(0.01L, root * 4 * (0.6L + p->skew_wing_part * root));
    long double x = logl(strike / (expiry->fixed + expiry->variable));
    if (kind == TN_SCENARIO_ABS) x = fabsl(x);
    return vol * fmaxl(0, 1 + clamp(x * cap / width, -cap, cap));
}

/* What is left of the surface's volatility when it acts on an average over the last W. This is
 * the σ of scenario rows: σ′ is shocked from it and goes to Black-76 as it is, so the floor of an
 * up shock is not narrowed. */
static long double marked_vol(const struct margin_twin_market *market,
                              const struct margin_twin_expiry *expiry, long double strike)
{
    long double vol = margin_twin_surface_vol(expiry, strike);
    long double window = market->parameters.window_ms;
    if (expiry->left_ms >= window) return vol * sqrtl(1 - 2 * window / (3 * expiry->left_ms));
    return vol * (expiry->variable / (expiry->variable + expiry->fixed)) / sqrtl(3.0L);
}

static long double option_price(const struct margin_twin_market *market,
                                const struct margin_twin_series *series, uint32_t column)
{
    const struct margin_twin_expiry *expiry = &market->expiries[series->expiry];
    long double vol = marked_vol(market, expiry, series->strike);
    long double variable = expiry->variable;
    long double bracket = 1;
    if (column == TN_COLUMN_UP) bracket = 1 + market->parameters.basis_part;
    if (column == TN_COLUMN_DOWN) bracket = 1 - market->parameters.basis_part;
    if (column < market->scenarios_count) {
        const struct margin_twin_scenario *scenario = &market->scenarios[column];
        if (scenario->kind == TN_SCENARIO_SHOCK) {
            variable *= 1 + scenario->move;
            vol = shocked_vol(market, expiry, scenario, vol);
        } else {
            vol = skewed_vol(market, expiry, scenario->kind, series->strike, vol);
        }
    }
    long double forward = (variable + expiry->fixed) * bracket;
    return series->lot * margin_twin_black76(forward, series->strike, vol, years_of(expiry),
                                             expiry->rate, series->kind == TN_PUT);
}

long double margin_twin_price(const struct margin_twin_market *market, uint32_t index,
                              uint32_t column)
{
    const struct margin_twin_series *series = &market->series[index];
    const struct margin_twin_expiry *expiry = &market->expiries[series->expiry];
    long double move = column < market->scenarios_count ? market->scenarios[column].move : 0;
    switch (series->kind) {
        case TN_PERPETUAL: return series->mark * (1 + move);
        case TN_FUTURE: break;
        case TN_CALL:
        case TN_PUT: return option_price(market, series, column);
    }
    long double forward = expiry->fixed + expiry->variable * (1 + move);
    if (column == TN_COLUMN_UP) forward *= 1 + market->parameters.basis_part;
    if (column == TN_COLUMN_DOWN) forward *= 1 - market->parameters.basis_part;
    return forward * series->lot;
}

/* ---- What a column weighs ---- */

/* L = long·exp(−T(r·longMult + longAdd)), H = min(1/D, short·exp(T(r·shortMult + shortAdd))); r
 * below zero counts as zero, as it does in D. */
void margin_twin_discounts(long double *low, long double *high,
                           const struct margin_twin_market *market,
                           const struct margin_twin_expiry *expiry)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double years = years_of(expiry);
    long double rate = fmaxl(expiry->rate, 0);
    *low = p->long_part * expl(-years * (rate * p->long_rate_part + p->long_add_part));
    *high = p->short_part * expl(years * (rate * p->short_rate_part + p->short_add_part));
    *high = fminl(expl(rate * years), *high); /* 1/D */
}

/* f: of IM with the stable term and λ, no more than 4; of MM the one that applies now. */
long double margin_twin_factor(const struct margin_twin_market *market,
                               enum margin_twin_level level, uint32_t underlying)
{
    const struct margin_twin_parameters *p = &market->parameters;
    if (level == MARGIN_TWIN_MM) return market->mm_factor;
    long double shortfall = fmaxl(0, p->stable_target_part - market->stable);
    long double factor = p->im_factor_part + p->stable_slope_part * shortfall;
    return fminl(4, factor * market->underlyings[underlying].lambda);
}

static void build_weights(struct margin_twin_weights *weights,
                          const struct margin_twin_market *market,
                          const struct margin_twin_expiry *expiry, long double factor)
{
    long double low, high;
    margin_twin_discounts(&low, &high, market, expiry);
    memset(weights, 0, sizeof *weights);
    for (uint32_t k = 0; k < market->scenarios_count; k++) {
        weights->flat[k] = factor * market->scenarios[k].damping;
        weights->low[k] = weights->flat[k] * low;
        weights->high[k] = weights->flat[k] * high;
    }
    const struct margin_twin_parameters *p = &market->parameters;
    long double basis = factor * (p->basis_base_part + p->basis_slope_part * years_of(expiry));
    for (uint32_t column = TN_COLUMN_UP; column <= TN_COLUMN_DOWN; column++) {
        weights->low[column] = weights->high[column] = weights->flat[column] = basis;
    }
}

void margin_twin_build(struct margin_twin_market *market)
{
    struct margin_twin_table *table = &market->table;
    for (uint32_t i = 0; i < market->series_count; i++) {
        const struct margin_twin_series *series = &market->series[i];
        const struct margin_twin_expiry *expiry = &market->expiries[series->expiry];
        long double spot = market->underlyings[series->underlying].spot;
        bool perpetual = series->kind == TN_PERPETUAL;
        table->spot_lot[i] = spot * series->lot;
        table->forward_lot[i] = (perpetual ? spot : expiry->fixed + expiry->variable) * series->lot;
        table->strike_lot[i] = series->strike * series->lot;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            bool unused = column >= market->scenarios_count && column < TN_COLUMN_MARK;
            table->price[i][column] = unused ? 0 : margin_twin_price(market, i, column);
        }
    }
    for (uint32_t i = 0; i < market->expiries_count; i++) {
        for (int level = 0; level < 2; level++) {
            const struct margin_twin_expiry *expiry = &market->expiries[i];
            long double factor =
                margin_twin_factor(market, (enum margin_twin_level)level, expiry->underlying);
            build_weights(&table->weights[level][i], market, expiry, factor);
        }
    }
}
