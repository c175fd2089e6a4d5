/* The scenarios and shock parameters that the rules name as defaults: for tests and benches that
 * price without margin. 33 scenarios: ±18 % with volatility up; seven moves × {up, none, down};
 * eight tails, damped; two skews. */
#ifndef TENOR_TEST_PUBLISHED_SHOCKS_H
#define TENOR_TEST_PUBLISHED_SHOCKS_H

#include "tenor/pricing.h"

static inline void published_shocks(struct tn_shocks *shocks)
{
    /* ppm of spot, ppm of the loss that counts */
    static const int32_t tails[8][2] = {{-660000, 210000}, {-330000, 420000}, {500000, 277200},
                                        {1000000, 138600}, {2000000, 69300},  {3000000, 46200},
                                        {4000000, 34650},  {5000000, 27720}};
    static const int32_t moves[7] = {-135000, -90000, -45000, 0, 45000, 90000, 135000};
    static const uint8_t vols[3] = {TN_VOL_UP, TN_VOL_NONE, TN_VOL_DOWN};
    const int32_t whole_q30 = 1 << 30;
    *shocks = (struct tn_shocks){.vol_floor_ppm = 400000,
                                 .vol_up_ppm = 500000,
                                 .vol_down_ppm = 300000,
                                 .power_short_ppm = 300000,
                                 .power_long_ppm = 130000,
                                 .skew_base_ppm = 250000,
                                 .skew_slope_ppm = -100000,
                                 .basis_ppm = 45000,
                                 .long_ppm = 950000,
                                 .long_add_ppm = 160000,
                                 .short_ppm = 1040000,
                                 .short_add_ppm = 160000,
                                 .window_ms = 1800000};
    struct tn_scenario *next = shocks->scenarios;
    *next++ = (struct tn_scenario){180000, whole_q30, TN_VOL_UP, TN_SCENARIO_SHOCK};
    *next++ = (struct tn_scenario){-180000, whole_q30, TN_VOL_UP, TN_SCENARIO_SHOCK};
    for (uint32_t i = 0; i < 21; i++)
        *next++ = (struct tn_scenario){moves[i / 3], whole_q30, vols[i % 3], TN_SCENARIO_SHOCK};
    for (uint32_t i = 0; i < 8; i++) {
        int32_t damping_q30 = (int32_t)((int64_t)tails[i][1] * whole_q30 / 1000000);
        *next++ = (struct tn_scenario){tails[i][0], damping_q30, TN_VOL_UP, TN_SCENARIO_SHOCK};
    }
    *next++ = (struct tn_scenario){0, whole_q30, TN_VOL_NONE, TN_SCENARIO_LINEAR};
    *next++ = (struct tn_scenario){0, whole_q30, TN_VOL_NONE, TN_SCENARIO_ABS};
    shocks->scenarios_count = (uint32_t)(next - shocks->scenarios);
}

#endif
