/* The naive twin of pricing. Where the rules leave a choice, the choice made is named here, and the
 * test holds the module to the same one:
 *   - a shock bends the mark's volatility, which the settlement average has narrowed already, so
 * the floor of the up shock is not narrowed; the factor is the same in every column (the unshocked
 *     variable/F);
 *   - the basis bracket moves the whole forward, the settlement average's known part too;
 *   - skew scenarios leave the forward alone for options only: futures and perpetuals move;
 *   - the skew's cap, base + c√T, is 0 once its slope has eaten it;
 *   - a rate below 0 counts as 0 in L and H as it does in D, or L ≤ 1 ≤ H would not hold;
 *   - rho at a rate of 0 is that of a rate that rises; the mark's vega is with respect to the
 *     surface's volatility, before the average narrows it. */
#include "pricing_twin.h"

#include <math.h>

#define YEAR_MS 31536000000.0L
#define DAY_MS  86400000.0L
#define UNIT    0x1p-53L /* one rounding of a double, relatively */

/* ---- Black-76 -------------------------------------------------------------------------------- */

static long double normal(long double x)
{
    return erfcl(-x / sqrtl(2)) / 2;
}

long double pricing_twin_black(long double forward, long double strike, long double vol,
                               long double years, long double discount, bool is_put)
{
    if (forward == 0) return is_put ? strike * discount : 0;
    if (strike == 0) return is_put ? 0 : forward * discount;
    long double root = fmaxl(vol * sqrtl(years), 1e-18L);
    if (root >= 24) return (is_put ? strike : forward) * discount;
    long double d1 = (root * root / 2 - logl(strike / forward)) / root;
    long double d2 = d1 - root;
    /* Each kind from its own tails: parity would lose the cheap one. */
    long double price = is_put ? strike * normal(-d2) - forward * normal(-d1)
                               : forward * normal(d1) - strike * normal(d2);
    long double most = is_put ? strike : forward;
    return discount * fminl(fmaxl(price, 0), most);
}

static long double discount_of(long double rate, long double years)
{
    return expl(-fmaxl(rate, 0) * years);
}

/* ---- The surface ----------------------------------------------------------------------------- */

struct pricing_twin_number pricing_twin_variance(const struct tn_surface *surface, long double k)
{
    long double a = (long double)surface->a_e12 / 1e12L;
    long double b = (long double)surface->b_e12 / 1e12L;
    long double rho = (long double)surface->rho_e12 / 1e12L;
    long double m = (long double)surface->m_e12 / 1e12L;
    long double sigma = (long double)surface->sigma_e12 / 1e12L;

    long double level = a + b * sigma;
    long double level_slack = 8 * UNIT * (fabsl(a) + b * sigma);
    long double k_max = 4 * sqrtl(level);
    long double k_slack = 8 * UNIT * (1 + fabsl(k));
    if (fabsl(k) > k_max) {
        k = copysignl(k_max, k);
        k_slack += 4 * (sqrtl(level + level_slack) - sqrtl(fmaxl(0, level - level_slack)));
    }
    long double wing = sqrtl((k - m) * (k - m) + sigma * sigma);
    long double w = a + b * (rho * (k - m) + wing);
    long double slack = 16 * UNIT * (fabsl(a) + b * (fabsl(rho * (k - m)) + wing)) +
                        b * (1 + fabsl(rho)) * (k_slack + 4 * UNIT * fabsl(m));
    return (struct pricing_twin_number){fminl(fmaxl(w, 0), 144), slack};
}

long double pricing_twin_moneyness(const struct tn_surface *surface, tn_micros strike_micros)
{
    return logl((long double)strike_micros / (long double)surface->forward_micros);
}

static struct pricing_twin_number surface_vol(const struct tn_surface *surface,
                                              tn_micros strike_micros)
{
    long double tau = (long double)surface->tau_ms / YEAR_MS;
    struct pricing_twin_number w =
        pricing_twin_variance(surface, pricing_twin_moneyness(surface, strike_micros));
    long double vol = sqrtl(w.value / tau);
    long double up = sqrtl((w.value + w.slack) / tau) - vol;
    long double down = vol - sqrtl(fmaxl(0, w.value - w.slack) / tau);
    return (struct pricing_twin_number){vol, fmaxl(up, down)};
}

/* What is left of the volatility once part of the settlement average, or all of it, is ahead. */
static long double averaging(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry)
{
    long double window = (long double)shocks->window_ms;
    long double left = (long double)expiry->left_ms;
    long double variable = (long double)expiry->variable_micros;
    if (left >= window) return sqrtl(1 - 2 * window / (3 * left));
    return variable / (variable + (long double)expiry->fixed_micros) / sqrtl(3);
}

/* ---- Scenarios ------------------------------------------------------------------------------- */

static long double ppm(int64_t value)
{
    return (long double)value / 1e6L;
}

static long double shocked_up(const struct tn_shocks *shocks, long double vol, long double q)
{
    return fmaxl(ppm(shocks->vol_floor_ppm), vol * (1 + ppm(shocks->vol_up_ppm) * q));
}

static long double shocked_vol(const struct tn_shocks *shocks, const struct tn_scenario *scenario,
                               int64_t left_ms, long double vol)
{
    long double days = (long double)left_ms / DAY_MS;
    long double power = ppm(days <= 30 ? shocks->power_short_ppm : shocks->power_long_ppm);
    long double q = powl(30 / fmaxl(days, 1), power);
    if (scenario->vol == TN_VOL_UP) return shocked_up(shocks, vol, q);
    if (scenario->vol == TN_VOL_DOWN) {
        return vol * fmaxl(0, 1 - ppm(shocks->vol_down_ppm) * q);
    }
    return vol;
}

/* The factor that a skew scenario puts on the volatility of a strike. */
static long double skew(const struct tn_shocks *shocks, bool absolute, long double forward,
                        long double strike, long double years)
{
    long double x = logl(strike / forward);
    if (absolute) x = fabsl(x);
    long double cap = ppm(shocks->skew_base_ppm) + ppm(shocks->skew_slope_ppm) * sqrtl(years);
    cap = fmaxl(0, cap);
    long double range = sqrtl(years) * 4 * (0.6L + ppm(shocks->skew_wing_ppm) * sqrtl(years));
    long double slant = x * cap / fmaxl(0.01L, range);
    return fmaxl(0, 1 + fmaxl(-cap, fminl(cap, slant)));
}

struct column {
    long double forward;            /* micros of one unit */
    struct pricing_twin_number vol; /* as handed to Black-76 */
};

static struct column column_of(const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                               const struct tn_price_series *series, uint32_t i,
                               struct pricing_twin_number vol)
{
    long double fixed = (long double)expiry->fixed_micros;
    long double variable = (long double)expiry->variable_micros;
    long double forward = fixed + variable;
    long double years = (long double)expiry->left_ms / YEAR_MS;
    bool is_option = series->kind == TN_CALL || series->kind == TN_PUT;
    if (is_option) {
        vol.value *= averaging(shocks, expiry);
        vol.slack *= averaging(shocks, expiry);
    }
    long double low = fmaxl(0, vol.value - vol.slack), high = vol.value + vol.slack;

    if (i == TN_COLUMN_UP) forward *= 1 + ppm(shocks->basis_ppm);
    if (i == TN_COLUMN_DOWN) forward *= 1 - ppm(shocks->basis_ppm);
    if (i < shocks->scenarios_count) {
        const struct tn_scenario *scenario = &shocks->scenarios[i];
        if (scenario->kind == TN_SCENARIO_SHOCK || !is_option) {
            forward = variable * (1 + ppm(scenario->move_ppm)) + fixed;
        }
        if (scenario->kind == TN_SCENARIO_SHOCK) {
            vol.value = shocked_vol(shocks, scenario, expiry->left_ms, vol.value);
            low = shocked_vol(shocks, scenario, expiry->left_ms, low);
            high = shocked_vol(shocks, scenario, expiry->left_ms, high);
        } else if (is_option) {
            long double factor = skew(shocks, scenario->kind == TN_SCENARIO_ABS, forward,
                                      (long double)series->strike_micros, years);
            vol.value *= factor;
            low *= factor;
            high *= factor;
        }
    }
    vol.slack = fmaxl(high - vol.value, vol.value - low) + 64 * UNIT * vol.value;
    return (struct column){forward, vol};
}

static struct pricing_twin_number price_of(const struct column *column,
                                           const struct tn_price_expiry *expiry,
                                           const struct tn_price_series *series)
{
    long double lot = (long double)series->lot_micro_units / 1e6L;
    if (series->kind == TN_FUTURE) {
        return (struct pricing_twin_number){column->forward * lot,
                                            8 * UNIT * column->forward * lot};
    }
    bool is_put = series->kind == TN_PUT;
    long double strike = (long double)series->strike_micros;
    long double years = (long double)expiry->left_ms / YEAR_MS;
    long double discount = discount_of((long double)expiry->rate_ppb / 1e9L, years);
    long double vols[3] = {column->vol.value, fmaxl(0, column->vol.value - column->vol.slack),
                           column->vol.value + column->vol.slack};
    long double prices[3];
    for (uint32_t i = 0; i < 3; i++)
        prices[i] = pricing_twin_black(column->forward, strike, vols[i], years, discount, is_put);
    struct pricing_twin_number price;
    price.value = prices[0] * lot;
    price.slack = fmaxl(prices[2] - prices[0], prices[0] - prices[1]) * lot;
    price.slack += 48 * UNIT * (column->forward + strike) * lot;
    return price;
}

/* D·N(d1), less D for a put; and F·D·φ(d1)·√T. */
static void mark_greeks(long double *delta, long double *vega, long double forward,
                        long double strike, long double vol, long double years,
                        long double discount, bool is_put)
{
    long double root = fmaxl(vol * sqrtl(years), 1e-18L);
    long double d1 = (root * root / 2 - logl(strike / forward)) / root;
    *delta = discount * (is_put ? -normal(-d1) : normal(d1));
    *vega = forward * discount * expl(-d1 * d1 / 2) / sqrtl(2 * acosl(-1)) * sqrtl(years);
}

/* The mark's delta and vega. The slack is what they are at the ends of the volatility's slack, with
 * a forward off by some roundings too: just before expiry at the money, a delta is anything. */
static void mark_of(struct pricing_twin_row *row, const struct column *mark, long double narrowed,
                    const struct tn_price_expiry *expiry, const struct tn_price_series *series)
{
    long double scale = narrowed * (long double)series->lot_micro_units / 1e6L / 100;
    long double years = (long double)expiry->left_ms / YEAR_MS;
    long double discount = discount_of((long double)expiry->rate_ppb / 1e9L, years);
    long double delta[5], vega[5];
    for (uint32_t i = 0; i < 5; i++) {
        static const int sign_of_vol[5] = {0, 1, 1, -1, -1}, sign_of_forward[5] = {0, 1, -1, 1, -1};
        long double vol = fmaxl(0, mark->vol.value + sign_of_vol[i] * mark->vol.slack);
        mark_greeks(&delta[i], &vega[i], mark->forward * (1 + sign_of_forward[i] * 16 * UNIT),
                    (long double)series->strike_micros, vol, years, discount,
                    series->kind == TN_PUT);
    }
    row->delta_ppb = (struct pricing_twin_number){delta[0] * 1e9L, 1e9L * 32 * UNIT};
    row->vega_micros = (struct pricing_twin_number){vega[0] * scale, vega[0] * scale * 64 * UNIT};
    for (uint32_t i = 1; i < 5; i++) {
        row->delta_ppb.slack += fabsl(delta[i] - delta[0]) * 1e9L;
        row->vega_micros.slack += fabsl(vega[i] - vega[0]) * scale;
    }
}

static void perpetual_row(struct pricing_twin_row *row, const struct tn_shocks *shocks,
                          const struct tn_price_series *series)
{
    long double mark = (long double)series->mark_micros;
    for (uint32_t i = 0; i < shocks->scenarios_count; i++) {
        row->columns[i].value = mark * (1 + ppm(shocks->scenarios[i].move_ppm));
        row->columns[i].slack = 8 * UNIT * row->columns[i].value;
    }
    row->columns[TN_COLUMN_MARK].value = mark;
    row->columns[TN_COLUMN_UP].value = mark;
    row->columns[TN_COLUMN_DOWN].value = mark;
    row->delta_ppb.value = 1e9L;
}

void pricing_twin_row(struct pricing_twin_row *row, const struct tn_shocks *shocks,
                      const struct tn_price_expiry *expiry, const struct tn_price_series *series)
{
    *row = (struct pricing_twin_row){0};
    if (series->kind == TN_PERPETUAL) {
        perpetual_row(row, shocks, series);
        return;
    }
    struct pricing_twin_number vol = {0, 0};
    if (series->kind != TN_FUTURE) {
        vol = surface_vol(&expiry->surface, series->strike_micros);
        row->vol_ppm = (struct pricing_twin_number){vol.value * 1e6L, vol.slack * 1e6L};
    }
    for (uint32_t i = 0; i < TN_ROW_COLUMNS; i++) {
        if (i >= shocks->scenarios_count && i < TN_COLUMN_MARK) continue;
        struct column column = column_of(shocks, expiry, series, i, vol);
        row->columns[i] = price_of(&column, expiry, series);
        if (i != TN_COLUMN_MARK) continue;
        if (series->kind == TN_FUTURE)
            row->delta_ppb.value = 1e9L;
        else
            mark_of(row, &column, averaging(shocks, expiry), expiry, series);
    }
}

void pricing_twin_discounts(long double *low, long double *high, const struct tn_shocks *shocks,
                            int64_t left_ms, int64_t rate_ppb)
{
    long double years = (long double)left_ms / YEAR_MS;
    long double rate = (long double)rate_ppb / 1e9L;
    long double positive = fmaxl(rate, 0);
    long double growth = positive * ppm(shocks->long_rate_ppm) + ppm(shocks->long_add_ppm);
    *low = ppm(shocks->long_ppm) * expl(-years * growth);
    growth = positive * ppm(shocks->short_rate_ppm) + ppm(shocks->short_add_ppm);
    *high = fminl(1 / discount_of(rate, years), ppm(shocks->short_ppm) * expl(years * growth));
}

/* ---- Greeks ---------------------------------------------------------------------------------- */

/* An option's terms as reals; price in units of the cash asset. */
enum term { FORWARD, VOL, YEARS, RATE, TERMS_COUNT };
struct terms {
    long double at[TERMS_COUNT];
    long double strike;
    bool is_put;
};

/* The price with one term moved by a step. */
static long double value(struct terms terms, enum term term, long double step)
{
    terms.at[term] += step;
    return pricing_twin_black(terms.at[FORWARD], terms.strike, terms.at[VOL], terms.at[YEARS],
                              discount_of(terms.at[RATE], terms.at[YEARS]), terms.is_put);
}

static long double slope(struct terms terms, enum term term, long double step)
{
    return (value(terms, term, step) - value(terms, term, -step)) / (2 * step);
}

static long double bend(struct terms terms, enum term term, long double step)
{
    return (value(terms, term, step) - 2 * value(terms, term, 0) + value(terms, term, -step)) /
           step / step;
}

void pricing_twin_greeks(struct pricing_twin_greeks *greeks, const struct tn_option *option)
{
    struct terms terms = {
        {(long double)option->forward_micros / 1e6L, (long double)option->vol_ppb / 1e9L,
         (long double)option->left_ms / YEAR_MS, (long double)option->rate_ppb / 1e9L},
        (long double)option->strike_micros / 1e6L,
        option->is_put != 0};
    const long double part = 1e-4L; /* errors of 10^-8, roundings of 10^-12 in second differences */
    long double root = terms.at[VOL] * sqrtl(terms.at[YEARS]);
    long double forward_step = terms.at[FORWARD] * fminl(root, 1) * part;
    long double vol_step = terms.at[VOL] * part;
    long double price = value(terms, VOL, 0);
    long double delta = slope(terms, FORWARD, forward_step);
    greeks->price = price * 1e6L;
    greeks->delta = delta * 1e9L;
    greeks->delta_premium = (delta - price / terms.at[FORWARD]) * 1e9L;
    greeks->gamma = bend(terms, FORWARD, forward_step) * 1e12L;
    greeks->vega = slope(terms, VOL, vol_step) * 1e4L;
    greeks->volga = bend(terms, VOL, vol_step) * 1e2L;
    greeks->theta = -slope(terms, YEARS, terms.at[YEARS] * part) / 365 * 1e6L;
    /* Forwards only: the discount stands still below a rate of 0. */
    long double rate_step = 1e-4L / terms.at[YEARS];
    greeks->rho =
        terms.at[RATE] < 0
            ? 0
            : (4 * value(terms, RATE, rate_step) - 3 * price - value(terms, RATE, 2 * rate_step)) /
                  (2 * rate_step) * 1e4L;

    struct terms up = terms, down = terms;
    up.at[VOL] += vol_step;
    down.at[VOL] -= vol_step;
    greeks->vanna = (slope(up, FORWARD, forward_step) - slope(down, FORWARD, forward_step)) /
                    (2 * vol_step) * 1e7L;
}
