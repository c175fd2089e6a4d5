/* bitcoin: terms, reports and fair prices of the market that is played. */
#include "play/bitcoin.h"

#include "tenor/pricing.h"

#include <string.h>

#define DOLLAR INT64_C(1000000)

enum { VOL_PPM = 500000 };

struct tn_underlying bitcoin_terms(void)
{
    const struct tn_contract contract = {.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                                         .tick_micros = DOLLAR,
                                         .lot_micro_units = 10000,
                                         .multiplier = 1,
                                         .price_max = 1000000,
                                         .quantity_max = 10000};
    struct tn_underlying terms = {
        .option = contract,
        .linear = contract,
        .option_fees = {.maker_ppm = 0, .taker_ppm = 300, .premium_cap_ppm = 125000},
        .linear_fees = {.maker_ppm = -50, .taker_ppm = 500},
        .listing = {.dailies = 4,
                    .weeklies = 1,
                    .delta_low_ppb = 1000000000, /* no strike has it: they are listed one by one */
                    .delta_high_ppb = 1000000000,
                    .strike_step_ppm = 20000},
        .fifo_ppm = 1000000,
        .closing_ms = 10000,
        .block_minimum_micros = 1000 * DOLLAR,
    };
    memcpy(terms.symbol, "BTC", 4);
    return terms;
}

uint64_t bitcoin_series(enum tn_series_kind kind, uint16_t expiry_day, uint64_t strike_dollars)
{
    struct tn_series_terms terms = {.underlying = BITCOIN,
                                    .kind = (uint8_t)kind,
                                    .expiry_day = kind == TN_PERPETUAL ? 0 : expiry_day,
                                    .strike = strike_dollars * TN_STRIKE_UNITS};
    uint64_t id = 0;
    bool is_one = tn_series_pack(&id, &terms);
    TN_ASSERT(is_one);
    return id;
}

tn_micros bitcoin_move(tn_micros spot, int64_t dollars)
{
    tn_micros moved = spot + dollars * DOLLAR;
    return moved > BITCOIN_SPOT * 98 / 100 && moved < BITCOIN_SPOT * 102 / 100 ? moved : spot;
}

static int64_t left_ms(uint16_t expiry_day, int64_t unix_ms)
{
    return TN_EPOCH_2020_MS + expiry_day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY - unix_ms;
}

static struct tn_surface surface(uint16_t expiry_day, tn_micros spot, int64_t unix_ms)
{
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    int64_t left = left_ms(expiry_day, unix_ms);
    int64_t variance_e12 = tn_mul_div_floor((int64_t)VOL_PPM * VOL_PPM, left, year_ms);
    return (struct tn_surface){.a_e12 = variance_e12 * 6 / 10,
                               .b_e12 = variance_e12 * 4,
                               .sigma_e12 = INT64_C(100000000000),
                               .forward_micros = spot,
                               .tau_ms = left};
}

struct tn_report bitcoin_report(uint32_t feeder, enum tn_feed feed, uint16_t expiry_day,
                                tn_micros spot, int64_t unix_ms)
{
    struct tn_report report = {.signer = (uint16_t)(feeder + 1),
                               .underlying = BITCOIN,
                               .expiry_day = feed == TN_FEED_SPOT ? 0 : expiry_day,
                               .feed = (uint8_t)feed,
                               .confidence_ppm = 1000000,
                               .time_ms = unix_ms,
                               .value = feed == TN_FEED_VOL ? 0 : spot};
    if (feed == TN_FEED_VOL) report.surface = surface(expiry_day, spot, unix_ms);
    return report;
}

tn_ticks bitcoin_fair(uint64_t series_id, tn_micros spot, int64_t unix_ms)
{
    struct tn_series_terms terms;
    tn_micros unit = spot;
    bool is_one = tn_series_unpack(&terms, series_id);
    TN_ASSERT(is_one);
    if (terms.kind != TN_PERPETUAL) {
        const struct tn_option option = {.forward_micros = spot,
                                         .strike_micros =
                                             (tn_micros)(terms.strike / TN_STRIKE_UNITS) * DOLLAR,
                                         .vol_ppb = (int64_t)VOL_PPM * 1000,
                                         .left_ms = left_ms(terms.expiry_day, unix_ms),
                                         .is_put = terms.kind == TN_PUT};
        unit = tn_pricing_price(&option);
    }
    tn_ticks ticks = unit / DOLLAR;
    return ticks < 1 ? 1 : ticks;
}
