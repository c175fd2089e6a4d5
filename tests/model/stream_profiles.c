/* The profiles: markets in which everything collides, each leaning towards one part of the spec. */
#include "exchange_stream.h"

#define LIMITS_ROOMY                                                                               \
    {                                                                                              \
        .accounts_max = 12, .underlyings_max = 4, .series_max = 14, .orders_max = 400,             \
        .levels_max = 300, .exposures_max = 200, .exposures_per_account_max = 40,                  \
        .results_max = 2000, .results_per_account = 200, .groups_max = 40, .jobs_max = 8,          \
        .assets_max = 4, .commands_per_frame_max = 8, .fills_max = 8, .cancels_max = 64,           \
        .sweep_units_max = 512, .reduce_only_max = 6, .hash_seed = 1                               \
    }

/* Frame, block, sweep, marks, index, account, deposit, underlying, fees, list, listing, status,
 * uncross, funding, settle, asset. */
#define ENTRIES_TRADING                                                                            \
    {                                                                                              \
        0, 150, 20, 16, 12, 2, 1, 4, 1, 1, 1, 1, 3, 2, 2, 1, 1                                     \
    }
#define ENTRIES_AUCTION                                                                            \
    {                                                                                              \
        0, 120, 14, 24, 10, 1, 1, 4, 1, 1, 1, 1, 14, 14, 2, 1, 1                                   \
    }
#define ENTRIES_EXPIRY                                                                             \
    {                                                                                              \
        0, 120, 24, 18, 14, 2, 1, 4, 1, 1, 4, 8, 5, 2, 4, 6, 1                                     \
    }

/* Place, OCO, replace, cancel, mass cancel, mass quote, MMP set, reset, cancel, package, block,
 * transfer, withdraw. */
#define COMMANDS_ORDERS                                                                            \
    {                                                                                              \
        0, 70, 8, 16, 8, 3, 8, 2, 1, 1, 2, 2, 1, 1                                                 \
    }
#define COMMANDS_QUOTES                                                                            \
    {                                                                                              \
        0, 50, 3, 4, 3, 2, 30, 3, 3, 1, 12, 3, 1, 1                                                \
    }
#define COMMANDS_LEGS                                                                              \
    {                                                                                              \
        0, 50, 2, 4, 2, 1, 12, 2, 1, 1, 20, 12, 1, 1                                               \
    }
#define COMMANDS_STOPS                                                                             \
    {                                                                                              \
        0, 60, 20, 8, 4, 6, 4, 1, 1, 1, 2, 2, 1, 1                                                 \
    }

static const struct exchange_profile PROFILES[] = {
    {.name = "dense",
     .accounts = 6,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 5,
     .quantity_max = 9,
     .weird_percent = 6,
     .deposit = INT64_C(60000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_ORDERS,
     .limits = LIMITS_ROOMY},
    {.name = "blend",
     .accounts = 6,
     .owners = 5,
     .fifo_ppm = 400000,
     .spread_ticks = 3,
     .quantity_max = 30,
     .weird_percent = 3,
     .deposit = INT64_C(200000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_ORDERS,
     .limits = LIMITS_ROOMY},
    {.name = "quotes",
     .accounts = 5,
     .owners = 4,
     .fifo_ppm = 800000,
     .spread_ticks = 4,
     .quantity_max = 12,
     .weird_percent = 6,
     .deposit = INT64_C(80000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_QUOTES,
     .limits = LIMITS_ROOMY},
    {.name = "legs",
     .accounts = 6,
     .owners = 5,
     .fifo_ppm = 1000000,
     .spread_ticks = 4,
     .quantity_max = 9,
     .weird_percent = 8,
     .deposit = INT64_C(300000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_LEGS,
     .limits = LIMITS_ROOMY},
    {.name = "stops",
     .accounts = 5,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 4,
     .quantity_max = 9,
     .weird_percent = 4,
     .deposit = INT64_C(60000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_STOPS,
     .limits = {.accounts_max = 12,
                .underlyings_max = 4,
                .series_max = 14,
                .orders_max = 300,
                .levels_max = 13,
                .exposures_max = 200,
                .exposures_per_account_max = 40,
                .results_max = 90,
                .results_per_account = 12,
                .groups_max = 8,
                .jobs_max = 3,
                .assets_max = 3,
                .commands_per_frame_max = 4,
                .fills_max = 5,
                .cancels_max = 3,
                .sweep_units_max = 100,
                .reduce_only_max = 3,
                .hash_seed = 2}},
    {.name = "auction",
     .accounts = 6,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 7,
     .quantity_max = 9,
     .weird_percent = 3,
     .deposit = INT64_C(12000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_AUCTION,
     .commands = COMMANDS_QUOTES,
     .limits = LIMITS_ROOMY},
    {.name = "uncross",
     .accounts = 6,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 7,
     .quantity_max = 9,
     .weird_percent = 1,
     .deposit = INT64_C(12000000000),
     .leap_ms = 4000000,
     .entries = {0, 100, 5, 30, 6, 1, 1, 2, 1, 6, 1, 1, 26, 26, 1, 1, 1},
     .commands = {0, 80, 0, 6, 2, 1, 8, 1, 1, 1, 0, 0, 1, 1},
     .limits = LIMITS_ROOMY},
    {.name = "expiry",
     .accounts = 6,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 4,
     .quantity_max = 9,
     .weird_percent = 3,
     .deposit = INT64_C(80000000000),
     .leap_ms = 80000000,
     .entries = ENTRIES_EXPIRY,
     .commands = COMMANDS_ORDERS,
     .limits = {.accounts_max = 9,
                .underlyings_max = 3,
                .series_max = 9,
                .orders_max = 200,
                .levels_max = 200,
                .exposures_max = 200,
                .exposures_per_account_max = 40,
                .results_max = 500,
                .results_per_account = 40,
                .groups_max = 8,
                .jobs_max = 3,
                .assets_max = 3,
                .commands_per_frame_max = 4,
                .fills_max = 8,
                .cancels_max = 5,
                .sweep_units_max = 40,
                .reduce_only_max = 3,
                .hash_seed = 3}},
    {.name = "tiny",
     .accounts = 5,
     .owners = 4,
     .fifo_ppm = 700000,
     .spread_ticks = 4,
     .quantity_max = 9,
     .weird_percent = 8,
     .deposit = INT64_C(40000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_QUOTES,
     .limits = {.accounts_max = 6,
                .underlyings_max = 2,
                .series_max = 7,
                .orders_max = 16,
                .levels_max = 11,
                .exposures_max = 15,
                .exposures_per_account_max = 4,
                .results_max = 30,
                .results_per_account = 4,
                .groups_max = 3,
                .jobs_max = 1,
                .assets_max = 2,
                .commands_per_frame_max = 2,
                .fills_max = 3,
                .cancels_max = 1,
                .sweep_units_max = 7,
                .reduce_only_max = 1,
                .hash_seed = 4}},
    {.name = "crowded",
     .accounts = 5,
     .owners = 4,
     .fifo_ppm = 1000000,
     .spread_ticks = 9,
     .quantity_max = 9,
     .weird_percent = 3,
     .deposit = INT64_C(90000000000),
     .leap_ms = 4000000,
     .entries = ENTRIES_TRADING,
     .commands = COMMANDS_STOPS,
     .limits = {.accounts_max = 6,
                .underlyings_max = 2,
                .series_max = 7,
                .orders_max = 14,
                .levels_max = 14,
                .exposures_max = 60,
                .exposures_per_account_max = 20,
                .results_max = 300,
                .results_per_account = 30,
                .groups_max = 8,
                .jobs_max = 2,
                .assets_max = 2,
                .commands_per_frame_max = 4,
                .fills_max = 4,
                .cancels_max = 2,
                .sweep_units_max = 50,
                .reduce_only_max = 1,
                .hash_seed = 5}},
    {.name = "wide",
     .accounts = 6,
     .owners = 5,
     .fifo_ppm = 1000000,
     .spread_ticks = 4000,
     .quantity_max = 50,
     .weird_percent = 4,
     .deposit = INT64_C(300000000000),
     .leap_ms = 4000000,
     .wide = true,
     .entries = ENTRIES_AUCTION,
     .commands = COMMANDS_ORDERS,
     .limits = LIMITS_ROOMY},
    {.name = "rich",
     .accounts = 2,
     .owners = 1,
     .fifo_ppm = 1000000,
     .spread_ticks = 4,
     .quantity_max = 20,
     .weird_percent = 4,
     .deposit = INT64_C(1) << 50,
     .leap_ms = 1000,
     .rich = true,
     .entries = {0, 40, 2, 2, 1, 1, 0, 250, 0, 0, 0, 0, 0, 0, 0, 0, 0},
     .commands = {0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 1},
     .limits = LIMITS_ROOMY},
    {.name = "steep",
     .accounts = 4,
     .owners = 3,
     .fifo_ppm = 1000000,
     .spread_ticks = 4,
     .quantity_max = 20,
     .weird_percent = 4,
     .deposit = INT64_C(1) << 50,
     .leap_ms = 9000000,
     .steep = true,
     .entries = {0, 60, 9, 9, 4, 1, 0, 2, 0, 0, 0, 0, 0, 0, 250, 0, 0},
     .commands = {0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 1},
     .limits = LIMITS_ROOMY},
};

uint32_t exchange_profiles_count(void)
{
    return sizeof(PROFILES) / sizeof(PROFILES[0]);
}

const struct exchange_profile *exchange_profile(uint32_t index)
{
    TN_ASSERT(index < exchange_profiles_count());
    return &PROFILES[index];
}
