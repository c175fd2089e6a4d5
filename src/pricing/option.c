/* option: price, greeks and implied volatility of one option, in the header's integers. */
#include "pricing/internal.h"
#include "pricing/math.h"

#define DAYS_PER_YEAR 365.0

struct terms {
    double forward, strike; /* micros */
    double years, root_time, root_vol, discount;
};

static void check_option(const struct tn_option *option)
{
    TN_ASSERT(option->forward_micros >= 0 && option->forward_micros <= TN_VALUE_UNIT_MICROS_MAX);
    TN_ASSERT(option->strike_micros >= 0 && option->strike_micros <= TN_VALUE_UNIT_MICROS_MAX);
    TN_ASSERT(option->vol_ppb >= 0 && option->vol_ppb <= INT64_C(1000000000000));
}

static void read_terms(struct terms *terms, const struct tn_option *option)
{
    check_option(option);
    terms->forward = (double)option->forward_micros;
    terms->strike = (double)option->strike_micros;
    terms->years = tn_pricing_years(option->left_ms);
    terms->root_time = tn_pricing_root(terms->years);
    terms->root_vol = (double)option->vol_ppb / 1e9 * terms->root_time;
    terms->discount = tn_pricing_discount(option->left_ms, option->rate_ppb);
}

static double price_of(const struct terms *terms, bool is_put)
{
    return tn_pricing_black(terms->forward, terms->strike, terms->root_vol, terms->discount,
                            is_put);
}

tn_micros tn_pricing_price(const struct tn_option *option)
{
    struct terms terms;
    read_terms(&terms, option);
    return tn_pricing_integer(price_of(&terms, option->is_put != 0));
}

void tn_pricing_greeks(struct tn_greeks *greeks, const struct tn_option *option)
{
    struct terms terms;
    read_terms(&terms, option);
    bool is_put = option->is_put != 0;
    double v = terms.root_vol > ROOT_VOL_LEAST ? terms.root_vol : ROOT_VOL_LEAST;
    double forward = terms.forward > NOTHING ? terms.forward : NOTHING;
    double strike = terms.strike > NOTHING ? terms.strike : NOTHING;
    double x = tn_pricing_log_ratio(strike, forward);
    double d1 = (0.5 * (v * v) - x) / v;
    double d2 = d1 - v;
    double density = tn_pricing_density(d1);
    double price = price_of(&terms, is_put);

    /* A sign and N(±d1): never 1 − N, which would lose a put's tail. */
    double sign = is_put ? -1.0 : 1.0;
    double delta = terms.discount * (sign * tn_pricing_normal(sign * d1));
    double vega = terms.discount * terms.forward * density * terms.root_time;
    double decay = terms.years > 0.0
                       ? terms.discount * terms.forward * density * (v / (2.0 * terms.years))
                       : 0.0;
    double rate = option->rate_ppb > 0 ? (double)option->rate_ppb / 1e9 : 0.0;
    double premium = terms.forward > 0.0 ? price / terms.forward : 0.0;
    double bend = d2 * terms.root_time / v;

    greeks->price_micros = tn_pricing_integer(price);
    greeks->delta_ppb = tn_pricing_integer(delta * 1e9);
    greeks->delta_premium_ppb = tn_pricing_integer((delta - premium) * 1e9);
    greeks->gamma_e12 = tn_pricing_integer(terms.discount * density / (forward * v) * 1e18);
    greeks->vega_micros = tn_pricing_integer(vega * 0.01);
    greeks->theta_micros = tn_pricing_integer((rate * price - decay) / DAYS_PER_YEAR);
    greeks->rho_micros =
        option->rate_ppb < 0 ? 0 : tn_pricing_integer(-(terms.years * price) * 0.01);
    greeks->vanna_ppb = tn_pricing_integer(-(terms.discount * density * bend) * 1e7);
    greeks->volga_micros = tn_pricing_integer(vega * d1 * bend * 1e-4);
}

bool tn_pricing_implied_vol(int64_t *vol_ppb, tn_micros price_micros,
                            const struct tn_option *option)
{
    struct terms terms;
    read_terms(&terms, option);
    if (option->left_ms == 0 || price_micros < 0) return false;
    double root = tn_pricing_implied_root((double)price_micros, terms.forward, terms.strike,
                                          terms.discount, option->is_put != 0);
    if (root < 0.0) return false;
    double vol = root / terms.root_time * 1e9;
    if (vol > 1e12) return false;
    *vol_ppb = tn_pricing_integer(vol);
    return true;
}
