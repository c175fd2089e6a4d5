/* check: whether this machine computes as the rest of the network does.
 *
 * First the rules of arithmetic (nearest-even, denormals kept), told by sums and products whose
 * results differ otherwise; then the raw bits of a few hundred scenario prices against a committed
 * digest. Whoever changes the order of an operation changes the digest, knowingly. */
#include "pricing/internal.h"

#include <string.h>

#define DIGEST         UINT64_C(0x7fe4e55e1af7f8d5)
#define CHECK_SERIES   8u
#define CHECK_EXPIRIES 6u

/* volatile: the compiler must not know the answers. */
static bool rounds_to_nearest(void)
{
    volatile double one = 1.0, half_ulp = 0x1p-53, more = 0x1.8p-53, third = 3.0;
    if (one + half_ulp != 1.0) return false;
    if (one + half_ulp * third != 0x1.0000000000002p+0) return false;
    if (-one - half_ulp != -1.0) return false;
    if (one + more != 0x1.0000000000001p+0) return false;
    if (-one - more != -0x1.0000000000001p+0) return false;
    return one / third == 0x1.5555555555555p-2;
}

static bool keeps_denormals(void)
{
    volatile double least_normal = 0x1p-1022, half = 0.5, least = 0x1p-1074, large = 0x1p+1000;
    if (least_normal * half != 0x1p-1023) return false;
    if (!(least > 0.0)) return false;
    return least * large == 0x1p-74;
}

static const struct tn_shocks check_shocks = {
    .scenarios = {{180000, 1 << 30, TN_VOL_UP, TN_SCENARIO_SHOCK},
                  {-180000, 1 << 30, TN_VOL_UP, TN_SCENARIO_SHOCK},
                  {45000, 1 << 30, TN_VOL_DOWN, TN_SCENARIO_SHOCK},
                  {-45000, 1 << 30, TN_VOL_NONE, TN_SCENARIO_SHOCK},
                  {-1000000, 1 << 28, TN_VOL_UP, TN_SCENARIO_SHOCK},
                  {5000000, 1 << 25, TN_VOL_UP, TN_SCENARIO_SHOCK},
                  {0, 1 << 30, TN_VOL_NONE, TN_SCENARIO_LINEAR},
                  {0, 1 << 30, TN_VOL_NONE, TN_SCENARIO_ABS}},
    .scenarios_count = 8,
    .vol_floor_ppm = 400000,
    .vol_up_ppm = 500000,
    .vol_down_ppm = 300000,
    .power_short_ppm = 300000,
    .power_long_ppm = 130000,
    .skew_base_ppm = 250000,
    .skew_slope_ppm = -100000,
    .basis_ppm = 45000,
    .long_ppm = 950000,
    .short_ppm = 1040000,
    .window_ms = 1800000,
};

/* The raw bits of a few hundred prices, in one number: what the self check compares. */
static uint64_t check_digest(enum tn_cpu cpu)
{
    static const int64_t lefts_ms[CHECK_EXPIRIES] = {
        1, 900000, 3600000, INT64_C(604800000), INT64_C(7776000000), INT64_C(315360000000)};
    struct tn_digest digest = {0};
    struct tn_price_series series[CHECK_SERIES];
    double raw[CHECK_SERIES][TN_ROW_COLUMNS];
    for (uint32_t e = 0; e < CHECK_EXPIRIES; e++) {
        struct tn_price_expiry expiry = {
            .surface = {10000000000, 40000000000, -300000000000, 20000000000, 150000000000,
                        INT64_C(64000000000), lefts_ms[e] + 250},
            .fixed_micros = e == 1 ? INT64_C(32500000000) : 0,
            .variable_micros = e == 1 ? INT64_C(31000000000) : INT64_C(65000000000),
            .left_ms = lefts_ms[e],
            .rate_ppb = (int64_t)e * 15000000 - 15000000,
        };
        for (uint32_t i = 0; i < CHECK_SERIES; i++) {
            series[i] = (struct tn_price_series){
                .kind = i % 2 == 0 ? TN_CALL : TN_PUT,
                .strike_micros = INT64_C(40000000000) + (int64_t)i * INT64_C(6123456700),
                .lot_micro_units = 10000,
            };
        }
        tn_pricing_raw_rows(raw, cpu, &check_shocks, &expiry, series, CHECK_SERIES);
        for (uint32_t i = 0; i < CHECK_SERIES; i++) {
            for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
                uint64_t word;
                memcpy(&word, &raw[i][column], sizeof word);
                tn_digest_u64(&digest, word);
            }
        }
    }
    return digest.value;
}

bool tn_pricing_self_check(enum tn_cpu cpu)
{
    return rounds_to_nearest() && keeps_denormals() && check_digest(cpu) == DIGEST;
}
