/* scene: the contracts of a testnet's markets: a symbol, ticks and lots that suit its price, and
 * rules by which the exchange lists expiries and strikes by itself as time goes on. */
#include "feed/feed.h"

#include <string.h>

#define DOLLAR INT64_C(1000000)

struct sketch {
    char symbol[TN_SYMBOL_SIZE];
    tn_micros spot_micros, option_tick, linear_tick; /* of one unit */
    int64_t lot_micro_units;
};

static const struct sketch sketches[] = {
    {"BTC", 100000 * DOLLAR, DOLLAR, DOLLAR / 2, 10000},
    {"ETH", 3500 * DOLLAR, DOLLAR / 10, DOLLAR / 20, 100000},
    {"SOL", 150 * DOLLAR, DOLLAR / 100, DOLLAR / 100, 1000000},
    {"XRP", DOLLAR / 2, DOLLAR / 10000, DOLLAR / 10000, 100000000},
};
#define SKETCHES_COUNT (sizeof sketches / sizeof sketches[0])

static struct tn_contract contract(const struct sketch *sketch, tn_micros tick_micros,
                                   tn_ticks price_max)
{
    return (struct tn_contract){.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                                .tick_micros = tick_micros,
                                .lot_micro_units = sketch->lot_micro_units,
                                .multiplier = 1,
                                .price_max = price_max,
                                .quantity_max = 10000};
}

void feed_scene(struct feed_scene *scene, uint32_t market)
{
    struct sketch sketch = sketches[(market - 1) % SKETCHES_COUNT];
    if (market > SKETCHES_COUNT) {
        memset(sketch.symbol, 0, sizeof sketch.symbol);
        snprintf(sketch.symbol, sizeof sketch.symbol, "C%u", market % 1000000);
    }
    *scene = (struct feed_scene){
        .spot_micros = sketch.spot_micros,
        .underlying = {
            .option = contract(&sketch, sketch.option_tick, 1000000),
            .linear = contract(&sketch, sketch.linear_tick, 2000000),
            .option_fees = {.maker_ppm = 0, .taker_ppm = 300, .premium_cap_ppm = 125000},
            .linear_fees = {.maker_ppm = -50, .taker_ppm = 500},
            /* About eight to sixteen options an expiry: deltas of 10 % to 90 %, strikes 5 % apart.
             */
            .listing = {.dailies = 1,
                        .weeklies = 1,
                        .monthlies = 2,
                        .delta_low_ppb = 100000000,
                        .delta_high_ppb = 900000000,
                        .strike_step_ppm = 50000},
            .fifo_ppm = 1000000,
            .closing_ms = 10000,
            .block_minimum_micros = 1000 * DOLLAR,
        }};
    memcpy(scene->underlying.symbol, sketch.symbol, sizeof sketch.symbol);
}
