/* exchange_entries: the usual market in numbers, and builders of entries. */
#ifndef EXCHANGE_ENTRIES_H
#define EXCHANGE_ENTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tenor/exchange.h"

enum { ALICE, ALICE_TWO, BOB, CAROL, DAN, TRADERS };

#define TICK        INT64_C(10000)   /* micros: one tick on one lot */
#define DOLLAR      INT64_C(1000000) /* micros */
#define START_CASH  (1000000 * DOLLAR)
#define START_MS    (TN_EPOCH_2020_MS + 2515 * TN_MS_PER_DAY + 12 * 3600000) /* 2026-11-20, noon */
#define OPTION_MARK (1000 * TICK)

static inline struct tn_entry block_entry(uint64_t height, int64_t time_ms)
{
    return (struct tn_entry){.kind = TN_ENTRY_BLOCK,
                             .as.block = {.height = height, .time_ms = time_ms}};
}

static inline struct tn_mark usual_mark(uint64_t series, tn_micros mark_micros)
{
    struct tn_mark mark = {.series_id = series,
                           .mark_micros = mark_micros,
                           .forward_micros = 100000 * DOLLAR,
                           .delta_ppb = 1000000000};
    if (tn_series_is_option(series)) {
        mark.delta_ppb = tn_series_kind(series) == TN_CALL ? 500000000 : -500000000;
    }
    return mark;
}

static inline struct tn_entry marks_entry(const struct tn_mark *marks, uint32_t marks_count)
{
    return (struct tn_entry){.kind = TN_ENTRY_MARKS,
                             .as.marks = {.marks = marks, .marks_count = marks_count}};
}

static inline struct tn_entry index_entry(uint16_t underlying, tn_micros price_micros)
{
    return (struct tn_entry){.kind = TN_ENTRY_INDEX,
                             .as.index = {.underlying = underlying, .price_micros = price_micros}};
}

static inline struct tn_entry list_entry(uint64_t series)
{
    return (struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = series};
}

static inline struct tn_entry status_entry(uint64_t series, uint8_t status)
{
    return (struct tn_entry){.kind = TN_ENTRY_STATUS,
                             .as.status = {.series_id = series, .status = status}};
}

static inline struct tn_entry uncross_entry(uint64_t series)
{
    return (struct tn_entry){.kind = TN_ENTRY_UNCROSS, .as.uncross.series_id = series};
}

static inline struct tn_entry funding_entry(uint64_t series, int64_t index_delta)
{
    return (struct tn_entry){.kind = TN_ENTRY_FUNDING,
                             .as.funding = {.series_id = series, .index_delta = index_delta}};
}

static inline struct tn_entry settle_entry(uint16_t day, tn_micros price_micros)
{
    return (struct tn_entry){
        .kind = TN_ENTRY_SETTLE,
        .as.settle = {.underlying = 1, .expiry_day = day, .price_micros = price_micros}};
}

static inline struct tn_entry deposit_entry(uint32_t account, uint32_t asset, tn_micros amount)
{
    return (struct tn_entry){.kind = TN_ENTRY_DEPOSIT,
                             .as.deposit = {.account = account, .asset = asset, .amount = amount}};
}

static inline struct tn_entry account_entry(uint8_t owner)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
    memset(entry.as.account.owner, owner, TN_OWNER_SIZE);
    return entry;
}

static inline struct tn_entry fees_entry(struct tn_fees option, struct tn_fees linear)
{
    return (struct tn_entry){
        .kind = TN_ENTRY_FEES,
        .as.fees = {.underlying = 1, .option_fees = option, .linear_fees = linear}};
}

static inline struct tn_entry frame_entry(uint32_t account, uint64_t nonce,
                                          const struct tn_command *commands,
                                          uint32_t commands_count)
{
    return (struct tn_entry){.kind = TN_ENTRY_FRAME,
                             .as.frame = {.commands = commands,
                                          .commands_count = commands_count,
                                          .account = account,
                                          .nonce = nonce,
                                          .valid_until_block = UINT64_MAX}};
}

static inline uint64_t option_of(enum tn_series_kind kind, uint16_t day, uint64_t strike)
{
    struct tn_series_terms terms = {.underlying = 1,
                                    .kind = (uint8_t)kind,
                                    .expiry_day = day,
                                    .strike = strike * TN_STRIKE_UNITS};
    uint64_t id;
    assert_true(tn_series_pack(&id, &terms));
    return id;
}

static inline struct tn_exchange_limits usual_limits(void)
{
    return (struct tn_exchange_limits){.accounts_max = 16,
                                       .underlyings_max = 4,
                                       .series_max = 64,
                                       .orders_max = 512,
                                       .levels_max = 512,
                                       .exposures_max = 128,
                                       .exposures_per_account_max = 32,
                                       .results_max = 256,
                                       .results_per_account = 8,
                                       .groups_max = 8,
                                       .jobs_max = 4,
                                       .assets_max = 4,
                                       .commands_per_frame_max = 8,
                                       .fills_max = 64,
                                       .cancels_max = 32,
                                       .sweep_units_max = 64,
                                       .reduce_only_max = 4};
}

static inline struct tn_contract usual_contract(tn_ticks price_max)
{
    return (struct tn_contract){.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                                .tick_micros = DOLLAR,
                                .lot_micro_units = 10000,
                                .multiplier = 1,
                                .price_max = price_max,
                                .quantity_max = 100000};
}

static inline struct tn_underlying usual_underlying(void)
{
    struct tn_underlying underlying = {.symbol = "BTC",
                                       .option = usual_contract(100000),
                                       .linear = usual_contract(200000),
                                       .listing = {.dailies = 2,
                                                   .weeklies = 1,
                                                   .monthlies = 2,
                                                   .delta_low_ppb = 100000000,
                                                   .delta_high_ppb = 900000000,
                                                   .strike_step_ppm = 20000},
                                       .fifo_ppm = 1000000,
                                       .closing_ms = 60000,
                                       .block_minimum_micros = 100 * DOLLAR};
    /* Options: from 1 200 ticks upwards prices are multiples of ten. */
    underlying.option.schedule = (struct tn_tick_schedule){2, {{0, 1}, {1200, 10}}};
    return underlying;
}

#endif
