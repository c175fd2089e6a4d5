/* weights: what the columns of an expiry are multiplied with, made once per MARK.
 *
 * A loss counts f·d times (f: the margin's factor, d: the scenario's damping), and option value is
 * discounted by L when long and marked up by H when short. All products are put together here and
 * rounded once, against the account: low ≤ flat ≤ high always, so splitting an account never lowers
 * its margin. docs/specs/margin.md, "Portfolio margin", has the formulas. */
#include "margin/internal.h"

#include <string.h>

#define PPM         1000000
#define WEIGHT_MOST (INT64_C(1) << 33) /* of a scenario: what columns.h may multiply */
#define BASIS_MOST  (INT64_C(1) << 34)
#define MS_PER_YEAR (INT64_C(365) * 86400000)

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t tn_margin_im_factor_ppm(const struct tn_margin_market *market, int64_t lambda_ppm)
{
    const struct tn_risk *risk = market->risk;
    int64_t shortfall = risk->stable_target_ppm - market->stable_ppm;
    int64_t factor = risk->im_factor_ppm;
    TN_ASSERT(lambda_ppm >= PPM && market->stable_ppm >= 0);
    if (shortfall > 0) factor += tn_ppm_ceil(shortfall, risk->stable_slope_ppm);
    return least_of(tn_ppm_ceil(factor, lambda_ppm), TN_MARGIN_FACTOR_MAX_PPM);
}

/* f·(base + slope·T), q30, ceiled once: with T = left / year the divisor is 10^12 years. f, base
 * and slope are below 2^24 and left below 2^50, so the product fits. */
static int64_t basis_weight(const struct tn_risk *risk, int64_t factor_ppm, int64_t left_ms)
{
    TN_ASSERT(left_ms < INT64_C(1) << 50);
    tn_u128 ppm_ms = (tn_u128)(uint64_t)risk->basis_base_ppm * MS_PER_YEAR +
                     (tn_u128)(uint64_t)risk->basis_slope_ppm * (uint64_t)left_ms;
    tn_u128 divisor = (tn_u128)MS_PER_YEAR * PPM * PPM;
    tn_u128 weight = ((ppm_ms * (uint64_t)factor_ppm << 30) + divisor - 1) / divisor;
    return weight > BASIS_MOST ? BASIS_MOST : (int64_t)weight;
}

/* f·discount·d. floor(floor(x/a)/b) is floor(x/(a·b)), and ceilings likewise. */
static int64_t weight_floor(int64_t damped, int64_t discount_q30)
{
    return (int64_t)((((tn_u128)(uint64_t)damped * (uint64_t)discount_q30) >> 30) / PPM);
}

static int64_t weight_ceil(int64_t damped, int64_t discount_q30)
{
    tn_u128 product = (tn_u128)(uint64_t)damped * (uint64_t)discount_q30;
    uint64_t above = (uint64_t)((product + (UINT64_C(1) << 30) - 1) >> 30);
    return (int64_t)((above + PPM - 1) / PPM);
}

static void weigh_scenarios(struct tn_margin_weights *weights,
                            const struct tn_margin_market *market, int64_t factor_ppm,
                            const struct tn_discounts *discounts)
{
    const struct tn_shocks *shocks = market->shocks;
    TN_ASSERT(shocks->scenarios_count <= TN_SCENARIOS_MAX);
    memset(weights, 0, sizeof *weights);
    weights->scenarios_count = shocks->scenarios_count;
    for (uint32_t k = 0; k < shocks->scenarios_count; k++) {
        int64_t damped = factor_ppm * shocks->scenarios[k].damping_q30;
        weights->low[k] = weight_floor(damped, discounts->long_q30);
        weights->high[k] = weight_ceil(damped, discounts->short_q30);
        weights->flat[k] = (damped + PPM / 2) / PPM;
        if (weights->high[k] > INT32_MAX) weights->is_wide = true;
        if (shocks->scenarios[k].kind != TN_SCENARIO_SHOCK) weights->skews |= UINT64_C(1) << k;
        TN_ASSERT(weights->low[k] >= 0 && weights->low[k] <= weights->flat[k]);
        TN_ASSERT(weights->flat[k] <= weights->high[k] && weights->high[k] <= WEIGHT_MOST);
    }
}

static void weigh_basis(struct tn_margin_weights *weights, int64_t weight)
{
    for (uint32_t k = TN_COLUMN_UP; k <= TN_COLUMN_DOWN; k++)
        weights->low[k] = weights->high[k] = weights->flat[k] = weight;
}

void tn_margin_flat_weights(struct tn_margin_weights *weights,
                            const struct tn_margin_market *market, int64_t factor_ppm)
{
    const struct tn_discounts none = {INT64_C(1) << 30, INT64_C(1) << 30};
    weigh_scenarios(weights, market, factor_ppm, &none);
}

void tn_margin_factors(struct tn_margin_expiry *expiry, const struct tn_margin_market *market,
                       const struct tn_discounts *discounts)
{
    const struct tn_risk *risk = market->risk;
    TN_ASSERT(expiry->underlying < market->underlyings_count && expiry->left_ms >= 0);
    TN_ASSERT(discounts->long_q30 >= 0 && discounts->long_q30 <= INT64_C(1) << 30);
    TN_ASSERT(discounts->short_q30 >= INT64_C(1) << 30 && discounts->short_q30 <= INT64_C(1) << 31);
    int64_t lambda_ppm = market->underlyings[expiry->underlying].lambda_ppm;
    int64_t im_ppm = tn_margin_im_factor_ppm(market, lambda_ppm);
    int64_t mm_ppm = market->mm_factor_ppm;
    TN_ASSERT(mm_ppm > 0 && mm_ppm <= im_ppm);
    weigh_scenarios(&expiry->im, market, im_ppm, discounts);
    weigh_scenarios(&expiry->mm, market, mm_ppm, discounts);
    expiry->im_factor_ppm = im_ppm;
    expiry->mm_factor_ppm = mm_ppm;
    expiry->discounts = *discounts;
    weigh_basis(&expiry->im, basis_weight(risk, im_ppm, expiry->left_ms));
    weigh_basis(&expiry->mm, basis_weight(risk, mm_ppm, expiry->left_ms));
}
