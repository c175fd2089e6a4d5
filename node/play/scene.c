/* scene: the market that is played: bitcoin around 100 000 dollars, a perpetual, and options of two
 * expiries on strikes around it; a spot that wanders, and flat surfaces. */
#include "play/play.h"

#include "tenor/risk.h"

#include <string.h>

#define DOLLAR INT64_C(1000000)

enum { VOL_PPM = 500000, TICK_MICROS_OF_LOT = 10000, BTC = 1 };

static tn_micros start_spot(void)
{
    return 100000 * DOLLAR;
}

static int64_t left_ms(const struct play *play, uint32_t expiry)
{
    return TN_EPOCH_2020_MS + play->days[expiry] * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY -
           play->unix_ms;
}

static uint64_t series_id(const struct play *play, enum tn_series_kind kind, uint32_t expiry,
                          uint64_t strike_dollars)
{
    struct tn_series_terms terms = {.underlying = BTC,
                                    .kind = (uint8_t)kind,
                                    .expiry_day = kind == TN_PERPETUAL ? 0 : play->days[expiry],
                                    .strike = strike_dollars * TN_STRIKE_UNITS};
    uint64_t id = 0;
    bool is_one = tn_series_pack(&id, &terms);
    TN_ASSERT(is_one);
    return id;
}

/* Strikes by turns above and below the money, calls and puts, near expiry and far. */
void play_scene(struct play *play)
{
    uint16_t today = (uint16_t)((play->unix_ms - TN_EPOCH_2020_MS) / TN_MS_PER_DAY);
    play->spot = start_spot();
    play->days[0] = (uint16_t)(today + 2);
    play->days[1] = (uint16_t)(today + 3);
    play->series_count = 0;
    play->series[play->series_count++] = series_id(play, TN_PERPETUAL, 0, 0);
    for (uint32_t i = 0; play->series_count < play->options.series; i++) {
        uint64_t steps = i / 4;
        uint64_t strike = steps % 2 == 0 ? 100000 + steps / 2 * 1000 : 99000 - steps / 2 * 1000;
        play->series[play->series_count++] =
            series_id(play, i % 2 == 0 ? TN_CALL : TN_PUT, i / 2 % 2, strike);
    }
}

static struct tn_underlying bitcoin(void)
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
                    .delta_low_ppb =
                        1000000000, /* no strike has it: series are listed one by one */
                    .delta_high_ppb = 1000000000,
                    .strike_step_ppm = 20000},
        .fifo_ppm = 1000000,
        .closing_ms = 10000,
        .block_minimum_micros = 1000 * DOLLAR,
    };
    memcpy(terms.symbol, "BTC", 4);
    return terms;
}

void play_set_market(struct play *play)
{
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk risk;
    uint32_t scenarios_count;
    tn_risk_default(&risk, scenarios, &scenarios_count);
    play_govern(play, &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = bitcoin()});
    for (uint32_t i = 0; i < play->feeders_count; i++) {
        play_govern(play,
                    &(struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                       .as.feeder = {.signer = (uint16_t)(i + 1), .active = 1}});
    }
    play_govern(play, &(struct tn_entry){.kind = TN_ENTRY_RISK,
                                         .as.risk = {.height = play->height + 64,
                                                     .risk = &risk,
                                                     .scenarios = scenarios,
                                                     .scenarios_count = scenarios_count}});
    for (uint32_t i = 0; i < play->series_count; i++) {
        play_govern(
            play, &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = play->series[i]});
    }
}

/* ---- Feeds -------------------------------------------------------------------------------------
 */

static struct tn_surface surface(const struct play *play, uint32_t expiry)
{
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    int64_t left = left_ms(play, expiry);
    int64_t variance_e12 = tn_mul_div_floor((int64_t)VOL_PPM * VOL_PPM, left, year_ms);
    return (struct tn_surface){.a_e12 = variance_e12 * 6 / 10,
                               .b_e12 = variance_e12 * 4,
                               .sigma_e12 = INT64_C(100000000000),
                               .forward_micros = play->spot,
                               .tau_ms = left};
}

static void feed_one(struct play *play, uint32_t feeder, enum tn_feed feed, uint32_t expiry)
{
    struct tn_report report = {.signer = (uint16_t)(feeder + 1),
                               .underlying = BTC,
                               .expiry_day = feed == TN_FEED_SPOT ? 0 : play->days[expiry],
                               .feed = (uint8_t)feed,
                               .confidence_ppm = 1000000,
                               .sequence = ++play->report_sequence,
                               .time_ms = play->unix_ms,
                               .value = feed == TN_FEED_VOL ? 0 : play->spot};
    if (feed == TN_FEED_VOL) report.surface = surface(play, expiry);
    play_report(play, feeder, &report);
}

void play_feed(struct play *play)
{
    int64_t step = (int64_t)(play_random(play) % 41) - 20;
    tn_micros moved = play->spot + step * DOLLAR;
    if (moved > start_spot() * 98 / 100 && moved < start_spot() * 102 / 100) play->spot = moved;
    for (uint32_t i = 0; i < play->feeders_count; i++) {
        feed_one(play, i, TN_FEED_SPOT, 0);
        for (uint32_t k = 0; k < PLAY_EXPIRIES; k++) {
            feed_one(play, i, TN_FEED_FORWARD, k);
            feed_one(play, i, TN_FEED_VOL, k);
        }
    }
}

tn_ticks play_fair(const struct play *play, uint32_t series)
{
    struct tn_series_terms terms;
    tn_micros unit = play->spot;
    bool is_one = tn_series_unpack(&terms, play->series[series]);
    TN_ASSERT(is_one);
    if (terms.kind != TN_PERPETUAL) {
        const struct tn_option option = {
            .forward_micros = play->spot,
            .strike_micros = (tn_micros)(terms.strike / TN_STRIKE_UNITS) * DOLLAR,
            .vol_ppb = (int64_t)VOL_PPM * 1000,
            .left_ms = left_ms(play, terms.expiry_day == play->days[0] ? 0 : 1),
            .is_put = terms.kind == TN_PUT};
        unit = tn_pricing_price(&option);
    }
    tn_ticks ticks = unit / DOLLAR;
    return ticks < 1 ? 1 : ticks;
}
