/* The market that streams, simulations and fuzz targets on risk share: risk_market.h. */
#include "risk_market.h"

#include <string.h>

tn_micros risk_market_spot(uint16_t number)
{
    return (number == RISK_BTC ? 100000 : 4000) * RISK_DOLLAR;
}

static struct tn_contract contract_of(uint16_t number)
{
    bool is_btc = number == RISK_BTC;
    return (struct tn_contract){.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                                .tick_micros = is_btc ? RISK_DOLLAR : RISK_DOLLAR / 10,
                                .lot_micro_units = is_btc ? 10000 : 100000,
                                .multiplier = 1,
                                .price_max = 1000000,
                                .quantity_max = 10000};
}

struct tn_underlying risk_market_underlying(uint16_t number)
{
    struct tn_underlying terms = {
        .option = contract_of(number),
        .linear = contract_of(number),
        .option_fees = {.maker_ppm = 0, .taker_ppm = 300, .premium_cap_ppm = 125000},
        .linear_fees = {.maker_ppm = -50, .taker_ppm = 500},
        .listing = {.dailies = 2,
                    .weeklies = 1,
                    .monthlies = 1,
                    .delta_low_ppb = 1000000000, /* no strike has it */
                    .delta_high_ppb = 1000000000,
                    .strike_step_ppm = 20000},
        .fifo_ppm = number == RISK_BTC ? 1000000 : 600000,
        .closing_ms = 10000,
        .block_minimum_micros = 1000 * RISK_DOLLAR,
    };
    memcpy(terms.symbol, number == RISK_BTC ? "BTC" : "ETH", 4);
    return terms;
}

uint64_t risk_market_series(uint16_t number, enum tn_series_kind kind, uint16_t day,
                            uint64_t strike_dollars)
{
    struct tn_series_terms terms = {.underlying = number,
                                    .kind = (uint8_t)kind,
                                    .expiry_day = day,
                                    .strike = strike_dollars * TN_STRIKE_UNITS};
    uint64_t id = 0;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    return id;
}

int64_t risk_market_left_ms(uint16_t day, int64_t time_ms)
{
    return TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY - time_ms;
}

uint16_t risk_market_next_day(int64_t time_ms)
{
    uint16_t day = (uint16_t)((time_ms - TN_EPOCH_2020_MS) / TN_MS_PER_DAY);
    return risk_market_left_ms(day, time_ms) > 0 ? day : (uint16_t)(day + 1);
}

struct tn_surface risk_market_surface(tn_micros forward_micros, int64_t left_ms, int64_t vol_ppm)
{
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    int64_t variance_e12 = tn_mul_div_floor(vol_ppm * vol_ppm, left_ms, year_ms);
    int64_t most_e12 = INT64_C(300000000000); /* b(1 + |rho|) stays below 2 */
    if (variance_e12 > most_e12) variance_e12 = most_e12;
    return (struct tn_surface){.a_e12 = variance_e12 * 6 / 10,
                               .b_e12 = variance_e12 * 4,
                               .rho_e12 = -INT64_C(300000000000),
                               .sigma_e12 = INT64_C(100000000000),
                               .forward_micros = forward_micros,
                               .tau_ms = left_ms};
}
