/* scaling: how much initial margin grows with the state of the market, and how far from the mark an
 * order may be priced.
 *
 * Both are published functions of published numbers, in exact integers, so that a trader can work
 * out the next value. λ is the largest of three ramps; each is 1 up to its low end, rises in a
 * straight line, and stays at the most from its high end on: continuous and non-decreasing, rounded
 * up (against the account). A band is rounded up too: an order on its edge is let in. */
#include "tenor/margin.h"

#define PPM            1000000
#define PPB            INT64_C(1000000000)
#define PPM_PER_POINT  10000 /* a volatility point is 0.01 */
#define BAND_WIDTH_MAX (INT64_C(1) << 62)

static int64_t ramp_ppm(int64_t value, int64_t low, int64_t high, int64_t most_ppm)
{
    TN_ASSERT(low >= 0 && low < high && most_ppm >= PPM);
    if (value <= low) return PPM;
    if (value >= high) return most_ppm;
    return PPM + tn_mul_div_ceil(most_ppm - PPM, value - low, high - low);
}

int64_t tn_margin_lambda_ppm(const struct tn_risk *risk, tn_micros open_interest_micros,
                             int64_t volatility_ppm, int64_t share_ppm)
{
    int64_t most = risk->lambda_most_ppm;
    int64_t ramps[] = {
        ramp_ppm(open_interest_micros, risk->lambda_interest_low_micros,
                 risk->lambda_interest_high_micros, most),
        ramp_ppm(volatility_ppm, risk->lambda_volatility_low_ppm, risk->lambda_volatility_high_ppm,
                 most),
        ramp_ppm(share_ppm, risk->lambda_share_low_ppm, risk->lambda_share_high_ppm, most),
    };
    int64_t lambda = ramps[0];
    for (uint32_t i = 1; i < 3; i++)
        if (ramps[i] > lambda) lambda = ramps[i];
    return lambda;
}

static tn_i128 divide_ceil(tn_i128 value, tn_i128 divisor)
{
    TN_ASSERT(value >= 0 && divisor > 0);
    return (value + divisor - 1) / divisor;
}

tn_micros tn_margin_band(const struct tn_risk *risk, tn_micros micros_per_tick, int32_t delta_ppb,
                         tn_micros forward_lot, tn_micros vega_micros, int32_t vol_ppm)
{
    TN_ASSERT(micros_per_tick > 0 && forward_lot >= 0 && vega_micros >= 0 && vol_ppm >= 0);
    TN_ASSERT(delta_ppb >= -PPB && delta_ppb <= PPB);
    int64_t delta = delta_ppb < 0 ? -(int64_t)delta_ppb : delta_ppb;
    int64_t points = tn_ppm_floor(vol_ppm, risk->band_vol_ppm);
    if (points < risk->band_points_ppm) points = risk->band_points_ppm;

    /* delta · band_delta ≤ 10^15, so the products fit 128 bits. */
    tn_i128 wide =
        divide_ceil((tn_i128)forward_lot * (delta * risk->band_delta_ppm), (tn_i128)PPB * PPM) +
        divide_ceil((tn_i128)vega_micros * points, PPM_PER_POINT);
    tn_i128 narrow = (tn_i128)risk->band_ticks * micros_per_tick;
    tn_i128 width = wide > narrow ? wide : narrow;
    return width < BAND_WIDTH_MAX ? (tn_micros)width : BAND_WIDTH_MAX;
}
