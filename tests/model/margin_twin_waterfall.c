/* The twin's scaling and bands (docs/specs/margin.md), and liquidation (docs/specs/risk.md). */
#include "margin_twin_internal.h"

#include <math.h>
#include <string.h>

static long double clamp(long double x, long double low, long double high)
{
    return fminl(fmaxl(x, low), high);
}

/* ---- Scaling and bands ---- */

static long double ramp(long double most, long double x, long double low, long double high)
{
    return 1 + (most - 1) * clamp((x - low) / (high - low), 0, 1);
}

long double margin_twin_lambda(const struct margin_twin_parameters *p, long double open_interest,
                               long double volatility, long double share)
{
    long double interest =
        ramp(p->lambda_most_part, open_interest, p->lambda_interest_low, p->lambda_interest_high);
    long double realised = ramp(p->lambda_most_part, volatility, p->lambda_volatility_low_part,
                                p->lambda_volatility_high_part);
    long double concentration =
        ramp(p->lambda_most_part, share, p->lambda_share_low_part, p->lambda_share_high_part);
    return fmaxl(interest, fmaxl(realised, concentration));
}

/* max(5 price ticks, |delta|·F·1 % + vega·max(10 points, σ/4)); vega is per point. */
long double margin_twin_band(const struct margin_twin_parameters *p, long double tick,
                             long double delta, long double forward, long double vega,
                             long double vol)
{
    long double points = fmaxl(p->band_points_part, vol * p->band_vol_part) / 0.01L;
    return fmaxl(p->band_ticks * tick, fabsl(delta) * forward * p->band_delta_part + vega * points);
}

/* ---- Slices and auctions ---- */

long double margin_twin_buffered(const struct margin_twin_parameters *p, long double mm,
                                 long double equity)
{
    return mm + p->buffer_part * (mm - equity);
}

long double margin_twin_auction_discount(const struct margin_twin_parameters *p,
                                         long double elapsed_ms)
{
    long double first = clamp(elapsed_ms / p->auction_first_ms, 0, 1);
    long double second = clamp(
        (elapsed_ms - p->auction_first_ms) / (p->auction_total_ms - p->auction_first_ms), 0, 1);
    return p->auction_start_part + first * (p->auction_middle_part - p->auction_start_part) -
           second * p->auction_middle_part;
}

long double margin_twin_f_max(long double buffered, long double equity, long double discount,
                              long double received)
{
    return buffered / (buffered - equity * discount - received * (1 - discount));
}

/* From min(0, E) to MM in ten minutes; insurance pays at most max(0, −E) + 25 % of R. */
long double margin_twin_insolvent_offer(const struct margin_twin_parameters *p, long double equity,
                                        long double mm, long double elapsed_ms)
{
    long double start = fminl(0, equity);
    long double offer = start + (mm - start) * clamp(elapsed_ms / p->insolvent_rise, 0, 1);
    long double most = fmaxl(0, -equity) + p->insurance_cap_part * (equity - mm);
    return fmaxl(offer, -most);
}

void margin_twin_bid(struct margin_twin_bid *bid, const struct margin_twin_market *market,
                     const struct margin_twin_account *account, long double part,
                     long double discount, long double received)
{
    memset(bid, 0, sizeof *bid);
    bid->cash = floorl(part * (account->cash - received));
    long double bundle = bid->cash;
    for (uint32_t i = 0; i < market->series_count; i++) {
        long double n = account->quantities[i];
        bid->quantities[i] = copysignl(ceill(part * fabsl(n)), n);
        bundle += bid->quantities[i] * market->table.price[i][TN_COLUMN_MARK];
    }
    for (uint32_t i = 1; i < market->assets_count; i++) {
        bid->balances[i] = ceill(part * account->balances[i]);
        bundle += bid->balances[i] * market->assets[i].price;
    }
    bid->payment = ceill(discount * bundle);
}

/* ---- Deleveraging ---- */

/* w_i = |n_i|·max_k|P_ik − mark_i| */
static long double adl_weight(const struct margin_twin_market *market, long double n, uint32_t i)
{
    long double most = 0;
    for (uint32_t k = 0; k < market->scenarios_count; k++) {
        most =
            fmaxl(most, fabsl(market->table.price[i][k] - market->table.price[i][TN_COLUMN_MARK]));
    }
    return fabsl(n) * most;
}

static long double adl_clamp(const struct margin_twin_market *market, uint32_t i, long double price)
{
    switch (market->series[i].kind) {
        case TN_PERPETUAL:
        case TN_FUTURE: return fmaxl(0, price);
        case TN_CALL: return clamp(price, 0, market->table.forward_lot[i]);
        case TN_PUT: return clamp(price, 0, market->table.strike_lot[i]);
    }
    return NAN;
}

/* mark_i + sgn(n_i)·max(0, −E)·w_i/(Σ w·|n_i|), clamped; a clamped leg stays at its bound, what it
 * could not bear is spread over the others in the same proportions, and the last rest is debt. */
long double margin_twin_adl(long double prices[MARGIN_TWIN_SERIES_MAX],
                            const struct margin_twin_market *market,
                            const struct margin_twin_account *account, long double equity)
{
    bool closed[MARGIN_TWIN_SERIES_MAX] = {false};
    long double rest = fmaxl(0, -equity);
    for (bool again = true; again;) {
        again = false;
        long double sum = 0;
        for (uint32_t i = 0; i < market->series_count; i++) {
            long double n = account->quantities[i];
            if (!closed[i]) sum += adl_weight(market, n, i) * fabsl(n);
        }
        long double share = sum > 0 ? rest / sum : 0;
        for (uint32_t i = 0; i < market->series_count; i++) {
            long double n = account->quantities[i];
            long double mark = market->table.price[i][TN_COLUMN_MARK];
            if (closed[i]) continue;
            long double wanted = mark + copysignl(share * adl_weight(market, n, i), n);
            prices[i] = adl_clamp(market, i, wanted);
            if (n == 0 || prices[i] == wanted) continue;
            closed[i] = again = true;
            rest -= n * (prices[i] - mark);
        }
        if (!again) rest -= share * sum;
    }
    return fmaxl(rest, 0);
}
