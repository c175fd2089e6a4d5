/* shocks: what scenarios may be, and the discounts of an expiry's value.
 *
 * The discounts are rounded against the account: L, which a long value is multiplied with, down; H
 * up. L ≤ 1 ≤ H always, so min(L·V, H·V) picks the right one by itself. */
#include "pricing/internal.h"
#include "pricing/math.h"

#define PPM            1000000
#define Q30            0x1p30
#define WINDOW_MOST_MS INT64_C(86400000)

static bool scenario_valid(const struct tn_scenario *scenario)
{
    if (scenario->move_ppm < -PPM || scenario->move_ppm > 10 * PPM) return false;
    if (scenario->damping_q30 < 1 || scenario->damping_q30 > INT32_C(1) << 30) return false;
    if (scenario->kind > TN_SCENARIO_ABS || scenario->vol > TN_VOL_DOWN) return false;
    return scenario->kind == TN_SCENARIO_SHOCK || scenario->vol == TN_VOL_NONE;
}

static bool within(int32_t value, int32_t low, int32_t high)
{
    return value >= low && value <= high;
}

bool tn_shocks_valid(const struct tn_shocks *shocks)
{
    if (shocks->scenarios_count < 1 || shocks->scenarios_count > TN_SCENARIOS_MAX) return false;
    for (uint32_t k = 0; k < shocks->scenarios_count; k++)
        if (!scenario_valid(&shocks->scenarios[k])) return false;
    return within(shocks->vol_floor_ppm, 0, 5 * PPM) && within(shocks->vol_up_ppm, 0, 5 * PPM) &&
           within(shocks->vol_down_ppm, 0, PPM) && within(shocks->power_short_ppm, 0, PPM) &&
           within(shocks->power_long_ppm, 0, PPM) && within(shocks->skew_base_ppm, 0, PPM) &&
           within(shocks->skew_slope_ppm, -PPM, PPM) &&
           within(shocks->skew_wing_ppm, 0, 10 * PPM) && within(shocks->basis_ppm, 0, PPM / 2) &&
           within(shocks->long_ppm, 0, PPM) && within(shocks->long_rate_ppm, 0, 10 * PPM) &&
           within(shocks->long_add_ppm, 0, 2 * PPM) && within(shocks->short_ppm, PPM, 2 * PPM) &&
           within(shocks->short_rate_ppm, 0, 10 * PPM) &&
           within(shocks->short_add_ppm, 0, 2 * PPM) && shocks->window_ms >= 0 &&
           shocks->window_ms <= WINDOW_MOST_MS;
}

int64_t tn_pricing_decay_q30(int64_t time_ms, int64_t scale_ms)
{
    TN_ASSERT(time_ms >= 0 && scale_ms >= 1);
    return tn_pricing_integer(tn_pricing_exp(-((double)time_ms / (double)scale_ms)) * Q30);
}

/* A negative rate discounts nothing, here as in prices. */
void tn_pricing_discounts(struct tn_discounts *discounts, const struct tn_shocks *shocks,
                          int64_t left_ms, int64_t rate_ppb)
{
    double years = tn_pricing_years(left_ms);
    double rate = rate_ppb > 0 ? (double)rate_ppb / 1e9 : 0.0;
    double long_rate =
        rate * ((double)shocks->long_rate_ppm / 1e6) + (double)shocks->long_add_ppm / 1e6;
    double short_rate =
        rate * ((double)shocks->short_rate_ppm / 1e6) + (double)shocks->short_add_ppm / 1e6;
    double low = (double)shocks->long_ppm / 1e6 * tn_pricing_exp(-(years * long_rate));
    double high = (double)shocks->short_ppm / 1e6 * tn_pricing_exp(years * short_rate);
    double most = tn_pricing_exp(rate * years);
    high = high < most ? high : most;
    high = high < 2.0 ? high : 2.0;
    high = high > 1.0 ? high : 1.0;

    discounts->long_q30 = (int64_t)(low * Q30);
    discounts->short_q30 = (int64_t)(high * Q30);
    if ((double)discounts->short_q30 < high * Q30) discounts->short_q30++;
    TN_ASSERT(discounts->long_q30 >= 0 && discounts->long_q30 <= INT64_C(1) << 30);
    TN_ASSERT(discounts->short_q30 >= INT64_C(1) << 30);
}
