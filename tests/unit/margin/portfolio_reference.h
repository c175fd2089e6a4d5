/* Portfolio margin without orders, as docs/specs/margin.md says it: slow, in plain 128-bit numbers,
 * one loop per sentence, nothing shared with the code under test but the weights. */
#ifndef TENOR_TEST_PORTFOLIO_REFERENCE_H
#define TENOR_TEST_PORTFOLIO_REFERENCE_H

#include "portfolio_case.h"

struct reference {
    tn_i128 equity, im, mm, options, cash_equity, collateral;
};

static inline tn_i128 ref_floor(tn_i128 a, tn_i128 b)
{
    tn_i128 q = a / b;
    return q * b > a ? q - 1 : q;
}

static inline tn_i128 ref_ceil(tn_i128 a, tn_i128 b)
{
    return -ref_floor(-a, b);
}

static inline tn_i128 ref_min(tn_i128 a, tn_i128 b)
{
    return a < b ? a : b;
}

static inline bool ref_is_linear(const struct case_market *c, uint32_t series)
{
    return c->series[series].kind <= TN_FUTURE;
}

/* Σ n·row[k] over the options, or over what is linear, of an expiry. */
static inline tn_i128 ref_sum(const struct case_market *c, const struct tn_margin_account *a,
                              uint32_t expiry, uint32_t k, bool linear)
{
    tn_i128 sum = 0;
    for (uint32_t h = 0; h < a->holdings_count; h++) {
        uint32_t s = a->holdings[h].series;
        if (c->series[s].expiry == expiry && ref_is_linear(c, s) == linear)
            sum += (tn_i128)a->holdings[h].quantity * c->rows[s][k];
    }
    return sum;
}

static inline tn_i128 ref_scenario(const struct case_market *c, const struct tn_margin_account *a,
                                   const struct tn_margin_expiry *expiry,
                                   const struct tn_margin_weights *w, uint32_t k)
{
    uint32_t e = (uint32_t)(expiry - c->expiries);
    tn_i128 v = ref_sum(c, a, e, k, false), mark = ref_sum(c, a, e, TN_COLUMN_MARK, false);
    tn_i128 x = ref_min(w->low[k] * v, w->high[k] * v) - w->flat[k] * mark;
    tn_i128 turned = w->flat[k] * mark - w->flat[k] * v;
    if (c->shocks.scenarios[k].kind != TN_SCENARIO_SHOCK) x = ref_min(x, turned);
    return ref_floor(x, CASE_Q30);
}

static inline tn_i128 ref_worst(const struct case_market *c, const struct tn_margin_account *a,
                                uint32_t u, bool is_im)
{
    tn_i128 worst = 0, basis = 0;
    const struct tn_margin_weights *w = NULL;
    for (uint32_t e = 0; e < c->market.expiries_count; e++) {
        if (c->expiries[e].underlying != u) continue;
        w = is_im ? &c->expiries[e].im : &c->expiries[e].mm;
        tn_i128 mark =
            ref_sum(c, a, e, TN_COLUMN_MARK, false) + ref_sum(c, a, e, TN_COLUMN_MARK, true);
        tn_i128 up = ref_sum(c, a, e, TN_COLUMN_UP, false) + ref_sum(c, a, e, TN_COLUMN_UP, true);
        tn_i128 down =
            ref_sum(c, a, e, TN_COLUMN_DOWN, false) + ref_sum(c, a, e, TN_COLUMN_DOWN, true);
        basis += ref_floor(w->flat[TN_COLUMN_UP] * ref_min(0, ref_min(up, down) - mark), CASE_Q30);
    }
    for (uint32_t k = 0; k < c->shocks.scenarios_count; k++) {
        tn_i128 pnl = 0, linear = 0;
        for (uint32_t e = 0; e < c->market.expiries_count; e++) {
            if (c->expiries[e].underlying != u) continue;
            pnl += ref_scenario(c, a, &c->expiries[e],
                                is_im ? &c->expiries[e].im : &c->expiries[e].mm, k);
            linear += ref_sum(c, a, e, k, true) - ref_sum(c, a, e, TN_COLUMN_MARK, true);
        }
        for (uint32_t i = 1; i < c->market.assets_count; i++) {
            tn_i128 move = c->scenarios[k].move_ppm,
                    e12 = (tn_i128)a->balances[i] * c->assets[i].price_micros;
            if (c->assets[i].underlying != u) continue;
            tn_i128 value = move < 0 ? ref_ceil(e12, CASE_ONE) : ref_floor(e12, CASE_ONE);
            linear += ref_floor(value * move, CASE_ONE);
        }
        worst = ref_min(worst, pnl + ref_floor(w->flat[k] * linear, CASE_Q30));
    }
    return ref_min(worst, basis);
}

static inline tn_i128 ref_doubt(const struct case_market *c, int64_t confidence, int64_t lambda,
                                tn_i128 value)
{
    if (confidence >= c->risk.confidence_floor_ppm) return 0;
    tn_i128 rate_e18 = (tn_i128)(CASE_ONE - confidence) * c->risk.confidence_slope_ppm * lambda;
    return ref_ceil(value * rate_e18, (tn_i128)CASE_ONE * CASE_ONE * CASE_ONE);
}

static inline tn_i128 ref_abs(tn_i128 value)
{
    return value < 0 ? -value : value;
}

/* Options of a strike: at most one call and one put. */
static inline tn_i128 ref_naked(const struct case_market *c, const struct tn_margin_account *a,
                                uint32_t u)
{
    tn_i128 naked = 0;
    for (uint32_t h = 0; h < a->holdings_count; h++) {
        const struct tn_margin_series *s = &c->series[a->holdings[h].series];
        tn_i128 net = a->holdings[h].quantity;
        if (s->underlying != u || s->kind <= TN_FUTURE) continue;
        bool has_call = false;
        for (uint32_t i = 0; i < a->holdings_count; i++) {
            const struct tn_margin_series *other = &c->series[a->holdings[i].series];
            if (i == h || other->kind <= TN_FUTURE || other->expiry != s->expiry ||
                other->strike_micros != s->strike_micros)
                continue;
            net += a->holdings[i].quantity;
            if (other->kind == TN_CALL) has_call = true;
        }
        if (!has_call && net < 0) naked -= net * s->spot_lot; /* counted at the call, if any */
    }
    return naked;
}

static inline tn_i128 ref_contingency(const struct case_market *c,
                                      const struct tn_margin_account *a, uint32_t u, bool is_im)
{
    const struct tn_risk *r = &c->risk;
    int64_t lambda = c->underlyings[u].lambda_ppm;
    tn_i128 linear = 0, perpetuals = 0, doubt = 0, naked = ref_naked(c, a, u);
    for (uint32_t e = 0; e < c->market.expiries_count; e++) {
        tn_i128 others = 0;
        for (uint32_t h = 0; h < a->holdings_count; h++) {
            const struct tn_margin_series *s = &c->series[a->holdings[h].series];
            tn_i128 value = ref_abs(a->holdings[h].quantity) * s->spot_lot;
            if (s->expiry != e || s->underlying != u) continue;
            if (s->kind <= TN_FUTURE) linear += value;
            *(s->kind == TN_PERPETUAL ? &perpetuals : &others) += value;
        }
        doubt += ref_doubt(c, c->expiries[e].confidence_ppm, lambda, others);
    }
    doubt += ref_doubt(c, c->underlyings[u].confidence_ppm, lambda, perpetuals);
    if (!is_im)
        return ref_ceil(linear * r->perp_mm_ppm, CASE_ONE) +
               ref_ceil(naked * r->naked_mm_ppm, CASE_ONE);
    tn_i128 linear_e12 = (tn_i128)(r->perp_mm_ppm + r->perp_im_ppm) * lambda;
    tn_i128 naked_e12 = (tn_i128)(r->naked_mm_ppm + r->naked_im_ppm) * lambda;
    tn_i128 e12 = (tn_i128)CASE_ONE * CASE_ONE;
    return ref_ceil(linear * linear_e12, e12) + ref_ceil(naked * naked_e12, e12) + doubt;
}

static inline tn_i128 ref_haircut(const struct case_market *c, const struct tn_margin_account *a,
                                  uint32_t i, bool is_im)
{
    const struct tn_margin_asset *asset = &c->assets[i];
    int64_t lambda = asset->underlying == TN_MARGIN_NO_UNDERLYING
                         ? CASE_ONE
                         : c->underlyings[asset->underlying].lambda_ppm;
    tn_i128 value = ref_ceil((tn_i128)a->balances[i] * asset->price_micros, CASE_ONE);
    if (!is_im) return ref_ceil(value * asset->mm_haircut_ppm, CASE_ONE);
    tn_i128 e12 = (tn_i128)CASE_ONE * CASE_ONE;
    tn_i128 rate_e12 = (tn_i128)(asset->mm_haircut_ppm + asset->im_haircut_ppm) * lambda;
    return ref_ceil(value * ref_min(rate_e12, e12), e12) +
           ref_doubt(c, asset->confidence_ppm, lambda, value);
}

static inline struct reference ref_evaluate(const struct case_market *c,
                                            const struct tn_margin_account *a)
{
    struct reference r = {.cash_equity = a->cash};
    for (uint32_t e = 0; e < c->market.expiries_count; e++) {
        r.cash_equity += ref_sum(c, a, e, TN_COLUMN_MARK, true);
        r.options += ref_sum(c, a, e, TN_COLUMN_MARK, false);
    }
    for (uint32_t i = 1; i < c->market.assets_count; i++)
        r.collateral += ref_floor((tn_i128)a->balances[i] * c->assets[i].price_micros, CASE_ONE);
    r.equity = r.im = r.mm = r.cash_equity + r.options + r.collateral;
    for (uint32_t u = 0; u < c->market.underlyings_count; u++) {
        r.im += ref_worst(c, a, u, true) - ref_contingency(c, a, u, true);
        r.mm += ref_worst(c, a, u, false) - ref_contingency(c, a, u, false);
    }
    for (uint32_t i = 1; i < c->market.assets_count; i++) {
        r.im -= ref_haircut(c, a, i, true);
        r.mm -= ref_haircut(c, a, i, false);
    }
    r.im = ref_min(r.im, r.mm);
    return r;
}

#endif
