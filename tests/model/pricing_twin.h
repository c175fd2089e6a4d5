/* pricing_twin: what pricing must give, in long double with libm, one option at a time.
 *
 * Written from the rules alone, before and beside the module: no table, no shared subexpression, no
 * rounding. Greeks are differences of prices, so that they state what a greek means and not a
 * formula for it. Every price comes with its slack: how far from it a computation in doubles may
 * honestly be, because a variance near 0 is a difference of larger numbers. */
#ifndef TENOR_PRICING_TWIN_H
#define TENOR_PRICING_TWIN_H

#include "tenor/pricing.h"

/* Black-76, D given. */
long double pricing_twin_black(long double forward, long double strike, long double vol,
                               long double years, long double discount, bool is_put);

struct pricing_twin_number {
    long double value, slack;
};

/* A surface's total variance at a log-moneyness (clamped here), and the moneyness of a strike. */
struct pricing_twin_number pricing_twin_variance(const struct tn_surface *surface, long double k);
long double pricing_twin_moneyness(const struct tn_surface *surface, tn_micros strike_micros);

/* A row before rounding, in micros per lot; what the mark says: delta and vega per header. */
struct pricing_twin_row {
    struct pricing_twin_number columns[TN_ROW_COLUMNS];
    struct pricing_twin_number delta_ppb, vol_ppm, vega_micros;
};
void pricing_twin_row(struct pricing_twin_row *row, const struct tn_shocks *shocks,
                      const struct tn_price_expiry *expiry, const struct tn_price_series *series);

/* L and H, not yet in q30. */
void pricing_twin_discounts(long double *low, long double *high, const struct tn_shocks *shocks,
                            int64_t left_ms, int64_t rate_ppb);

/* In the scales of struct tn_greeks. */
struct pricing_twin_greeks {
    long double price, delta, delta_premium, gamma, vega, theta, rho, vanna, volga;
};
void pricing_twin_greeks(struct pricing_twin_greeks *greeks, const struct tn_option *option);

#endif
