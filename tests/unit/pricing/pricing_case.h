/* What the tests of pricing share: the 33 scenarios of the shipped table and random expiries. */
#ifndef TENOR_TEST_PRICING_CASE_H
#define TENOR_TEST_PRICING_CASE_H

#include "pricing/internal.h"
#include "pricing/math.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu_paths.h"
#include "seed.h"

#define DAY_MS  INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)
#define E12     INT64_C(1000000000000)

static inline void add_scenario(struct tn_shocks *shocks, int32_t move_ppm, uint8_t vol,
                                uint8_t kind)
{
    shocks->scenarios[shocks->scenarios_count++] = (struct tn_scenario){
        .move_ppm = move_ppm, .damping_q30 = 1 << 30, .vol = vol, .kind = kind};
}

static inline struct tn_shocks default_shocks(void)
{
    static const int32_t tails[8] = {-660000, -330000, 500000,  1000000,
                                     2000000, 3000000, 4000000, 5000000};
    struct tn_shocks shocks = {
        .vol_floor_ppm = 400000,
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
        .window_ms = 1800000,
    };
    add_scenario(&shocks, 180000, TN_VOL_UP, TN_SCENARIO_SHOCK);
    add_scenario(&shocks, -180000, TN_VOL_UP, TN_SCENARIO_SHOCK);
    for (int32_t move = -135000; move <= 135000; move += 45000)
        for (uint8_t vol = 0; vol < 3; vol++)
            add_scenario(&shocks, move, vol, TN_SCENARIO_SHOCK);
    for (uint32_t i = 0; i < 8; i++)
        add_scenario(&shocks, tails[i], TN_VOL_UP, TN_SCENARIO_SHOCK);
    add_scenario(&shocks, 0, TN_VOL_NONE, TN_SCENARIO_LINEAR);
    add_scenario(&shocks, 0, TN_VOL_NONE, TN_SCENARIO_ABS);
    return shocks;
}

static inline int64_t random_between(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(random, (uint64_t)(high - low) + 1);
}

/* Uniform in its digits: 1 .. 2^bits. */
static inline int64_t random_scale(uint64_t *random, uint32_t bits)
{
    uint32_t width = (uint32_t)tn_random_below(random, bits) + 1;
    return 1 + (int64_t)(tn_random_next(random) >> (64 - width));
}

static inline struct tn_surface random_surface(uint64_t *random, int64_t forward_micros,
                                               int64_t tau_ms)
{
    struct tn_surface surface = {
        .a_e12 = random_between(random, 0, E12 / 10),
        .b_e12 = random_between(random, 0, E12),
        .rho_e12 = random_between(random, -E12, E12),
        .m_e12 = random_between(random, -E12, E12),
        .sigma_e12 = random_between(random, 1, E12),
        .forward_micros = forward_micros,
        .tau_ms = tau_ms,
    };
    assert_true(tn_surface_admitted(&surface));
    return surface;
}

/* Any expiry the header admits; one in four inside the settlement window. */
static inline struct tn_price_expiry wild_expiry(uint64_t *random)
{
    int64_t forward = random_scale(random, 50) - 1;
    int64_t left = random_scale(random, 38);
    if (tn_random_below(random, 4) == 0) left = random_between(random, 1, 1800000);
    int64_t fixed = left < 1800000 && forward > 0 ? random_between(random, 0, forward) : 0;
    return (struct tn_price_expiry){
        .surface = random_surface(random, random_scale(random, 49), random_scale(random, 39)),
        .fixed_micros = fixed,
        .variable_micros = forward - fixed,
        .left_ms = left,
        .rate_ppb = random_between(random, -200000000, 200000000),
    };
}

/* An expiry as markets have them: forward around 65 000, some volatility, a minute to two years. */
static inline struct tn_price_expiry usual_expiry(uint64_t *random)
{
    int64_t forward = random_between(random, INT64_C(1000000000), INT64_C(100000000000));
    int64_t left = random_between(random, 60000, 2 * YEAR_MS);
    int64_t tau = left + random_between(random, 0, DAY_MS);
    int64_t fixed = left < 1800000 ? random_between(random, 0, forward) : 0;
    struct tn_price_expiry expiry = {
        .fixed_micros = fixed,
        .variable_micros = forward - fixed,
        .left_ms = left,
        .rate_ppb = random_between(random, -50000000, 100000000),
    };
    int64_t variance = (int64_t)((double)tau / (double)YEAR_MS * 0.25e12) + 1000;
    expiry.surface = (struct tn_surface){
        .a_e12 = random_between(random, variance / 4, variance),
        .b_e12 = random_between(random, 0, variance / 2),
        .rho_e12 = random_between(random, -E12 * 9 / 10, E12 * 9 / 10),
        .m_e12 = random_between(random, -E12 / 10, E12 / 10),
        .sigma_e12 = random_between(random, E12 / 100, E12 / 2),
        .forward_micros = forward + random_between(random, -forward / 50, forward / 50),
        .tau_ms = tau,
    };
    assert_true(tn_surface_admitted(&expiry.surface));
    return expiry;
}

static inline struct tn_price_series random_option(uint64_t *random, int64_t strike_micros)
{
    return (struct tn_price_series){
        .kind = tn_random_below(random, 2) == 0 ? TN_CALL : TN_PUT,
        .strike_micros = strike_micros,
        .lot_micro_units = 10000,
    };
}

#endif
