/* pricing_bits: one number for every bit that pricing gives.
 *
 *     pricing_bits base|avx2|avx512 [anyway]
 *
 * prints the hashes of that path. Ends with 77 where the processor lacks it, unless it shall run
 * anyway: built without the path's instructions, its lanes are done by narrower ones.
 *
 * Hashes the raw doubles, before anything is rounded, of a seeded walk through the module: its
 * functions, Black-76, implied volatilities, the rows of thousands of random expiries; then the
 * whole numbers that users see. Two builds agree in every bit, or the hash tells. pricing_bits.sh
 * builds the module in many ways, and this file always in one: its own arithmetic, which makes the
 * inputs, must not depend on the flags under test. No function of libm takes part. */
#include "pricing/internal.h"
#include "pricing/math.h"
#include "published_shocks.h"

#include <stdio.h>
#include <string.h>

#define SKIPPED      77
#define EXPIRIES     2000
#define SERIES_COUNT 13 /* odd, so that no width of lanes divides it */

struct hashes {
    struct tn_digest functions, black, implied, raw, whole;
};

static uint64_t random_state = 20260703;

static void take(struct tn_digest *digest, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    tn_digest_u64(digest, bits);
}

static double uniform(double low, double high)
{
    return low + (high - low) * ((double)(tn_random_next(&random_state) >> 11) / 0x1p53);
}

static int64_t whole(int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(&random_state, (uint64_t)(high - low) + 1);
}

/* Any scale from 2^low to 2^high is as likely, without a logarithm. */
static double scaled(int64_t low, int64_t high)
{
    uint64_t bits = (uint64_t)(1023 + whole(low, high)) << 52 | tn_random_next(&random_state) >> 12;
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void hash_functions(struct hashes *hashes)
{
    struct tn_digest *digest = &hashes->functions;
    for (uint32_t i = 0; i < 20000; i++) {
        double sign = i % 2 == 0 ? 1 : -1;
        take(digest, tn_pricing_exp(uniform(-750, 710)));
        take(digest, tn_pricing_exp(uniform(-2, 2)));
        take(digest, tn_pricing_exp(sign * scaled(-60, 3)));
        take(digest, tn_pricing_log(uniform(0.5, 2)));
        take(digest, tn_pricing_log(scaled(-1022, 1022)));
        take(digest, tn_pricing_log(1 + sign * scaled(-53, -5)));
        take(digest, tn_pricing_erfc(uniform(-7, 28)));
        take(digest, tn_pricing_erfc(sign * scaled(-60, 1)));
        take(digest, tn_pricing_normal(uniform(-39, 9)));
        take(digest, tn_pricing_normal(sign * scaled(-60, 2)));
    }
}

static void hash_black(struct hashes *hashes)
{
    for (uint32_t i = 0; i < 24000; i++) {
        double forward = scaled(-7, 20);
        double strike = i % 3 == 0 ? scaled(-7, 20) : forward * uniform(0.5, 1.7);
        double root_vol = scaled(-30, 4);
        double discount = i % 2 == 0 ? 1 : uniform(0.5, 1);
        bool is_put = i % 5 < 2;
        double price = tn_pricing_black(forward, strike, root_vol, discount, is_put);
        take(&hashes->black, price);
        if (i % 8 != 0 || !(price > 0x1p-900)) continue;
        take(&hashes->implied, tn_pricing_implied_root(price, forward, strike, discount, is_put));
    }
}

static void make_expiry(struct tn_price_expiry *expiry, uint32_t i)
{
    int64_t forward = whole(10000, INT64_C(1) << whole(15, 38));
    expiry->left_ms = i % 7 == 0 ? whole(1, 1800000) : whole(1, INT64_C(1) << whole(22, 37));
    expiry->fixed_micros = i % 7 == 0 ? whole(0, forward - 1) : 0;
    expiry->variable_micros = forward - expiry->fixed_micros;
    expiry->rate_ppb = i % 4 == 0 ? whole(-50000000, 200000000) : 0;
    do {
        expiry->surface = (struct tn_surface){.a_e12 = whole(-100000000000, 400000000000) >> i % 9,
                                              .b_e12 = whole(0, 900000000000) >> i % 5,
                                              .rho_e12 = whole(-999000000000, 999000000000),
                                              .m_e12 = whole(-300000000000, 300000000000),
                                              .sigma_e12 = whole(1000000000, 900000000000),
                                              .forward_micros = whole(forward / 2, forward * 2),
                                              .tau_ms = expiry->left_ms + whole(0, 1200000)};
    } while (!tn_surface_admitted(&expiry->surface));
}

static void hash_rows(struct hashes *hashes, enum tn_cpu cpu)
{
    static _Alignas(64) double raw[SERIES_COUNT][TN_ROW_COLUMNS];
    static _Alignas(64) int64_t rows[SERIES_COUNT][TN_ROW_COLUMNS];
    struct tn_price_mark marks[SERIES_COUNT];
    struct tn_price_series series[SERIES_COUNT] = {{0}};
    struct tn_price_expiry expiry;
    struct tn_shocks shocks;
    published_shocks(&shocks);
    TN_ASSERT(tn_shocks_valid(&shocks));
    for (uint32_t i = 0; i < EXPIRIES; i++) {
        make_expiry(&expiry, i);
        int64_t forward = expiry.fixed_micros + expiry.variable_micros;
        for (uint32_t k = 0; k < SERIES_COUNT; k++) {
            series[k].kind = k % 2 == 0 ? TN_CALL : TN_PUT;
            series[k].strike_micros = 1 + forward / 8 * whole(1, 24) + whole(0, 999);
            series[k].lot_micro_units = whole(1, 1000000);
        }
        memset(raw, 0, sizeof(raw));
        memset(marks, 0, sizeof(marks));
        tn_pricing_raw_rows(raw, cpu, &shocks, &expiry, series, SERIES_COUNT);
        tn_pricing_rows(rows, marks, cpu, &shocks, &expiry, series, SERIES_COUNT);
        for (uint32_t k = 0; k < SERIES_COUNT; k++) {
            for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
                TN_ASSERT(raw[k][column] >= 0); /* no NaN leaves, nothing is negative */
                take(&hashes->raw, raw[k][column]);
                tn_digest_i64(&hashes->whole, rows[k][column]);
            }
            tn_digest_i64(&hashes->whole, marks[k].delta_ppb);
            tn_digest_i64(&hashes->whole, marks[k].vol_ppm);
            tn_digest_i64(&hashes->whole, marks[k].vega_micros);
        }
        struct tn_discounts discounts;
        tn_pricing_discounts(&discounts, &shocks, expiry.left_ms, expiry.rate_ppb);
        tn_digest_i64(&hashes->whole, discounts.long_q30);
        tn_digest_i64(&hashes->whole, discounts.short_q30);
    }
}

static void hash_greeks(struct hashes *hashes)
{
    for (uint32_t i = 0; i < 6000; i++) {
        int64_t forward = whole(10000, INT64_C(1) << whole(20, 45));
        struct tn_option option = {.forward_micros = forward,
                                   .strike_micros = whole(forward / 4, forward * 3) + 1,
                                   .vol_ppb = whole(1000000, 4000000000),
                                   .left_ms = whole(60000, INT64_C(1) << whole(20, 37)),
                                   .rate_ppb = i % 2 == 0 ? whole(-50000000, 200000000) : 0,
                                   .is_put = i % 3 == 0};
        struct tn_greeks greeks;
        tn_pricing_greeks(&greeks, &option);
        int64_t words[] = {greeks.price_micros, greeks.delta_ppb,   greeks.delta_premium_ppb,
                           greeks.gamma_e12,    greeks.vega_micros, greeks.theta_micros,
                           greeks.rho_micros,   greeks.vanna_ppb,   greeks.volga_micros};
        for (uint32_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            tn_digest_i64(&hashes->whole, words[k]);
    }
}

static bool machine_has(enum tn_cpu cpu)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (cpu == TN_CPU_AVX2) return __builtin_cpu_supports("avx2");
    if (cpu == TN_CPU_AVX512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    }
#endif
    return cpu == TN_CPU_BASE;
}

static void print(const char *name, struct tn_digest digest)
{
    printf("%-9s %016llx\n", name, (unsigned long long)digest.value);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"base", "avx2", "avx512"};
    uint32_t cpu = 0;
    while (cpu < 3 && (argc < 2 || strcmp(argv[1], names[cpu]) != 0))
        cpu++;
    bool anyway = argc == 3 && strcmp(argv[2], "anyway") == 0;
    if (cpu == 3 || (argc != 2 && !anyway)) {
        fprintf(stderr, "usage: pricing_bits base|avx2|avx512 [anyway]\n");
        return 2;
    }
    if (!anyway && !machine_has((enum tn_cpu)cpu)) return SKIPPED;
    struct hashes hashes = {0};
    hash_functions(&hashes);
    hash_black(&hashes);
    hash_rows(&hashes, (enum tn_cpu)cpu);
    hash_greeks(&hashes);
    print("functions", hashes.functions);
    print("black", hashes.black);
    print("implied", hashes.implied);
    print("raw", hashes.raw);
    print("whole", hashes.whole);
    return 0;
}
