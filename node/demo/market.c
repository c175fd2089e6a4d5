/* The demo's market: what is traded, and at what marks.
 *
 * Pricing is not part of the exchange yet, so marks and greeks arrive as entries. They were worked
 * out once with Black-76 and a smile, for three moments of the week, and stand here as integers: so
 * the demo prints the same on every machine. Calls are rounded to 10 cents, which makes the mark of
 * a lot whole cents. The put follows from the call by parity, exactly. */
#include "demo.h"

#include <stddef.h>

enum { STRIKES_COUNT = 13, CENTS_PER_DOLLAR = 100 };
#define MICROS_PER_DOLLAR INT64_C(1000000)
#define MICROS_PER_CENT   INT64_C(10000)

struct quote_row {
    int64_t strike_dollars;
    int64_t call_cents; /* of one BTC */
    int32_t delta_ppm;  /* of the call */
    int64_t vega_cents; /* of one BTC, per volatility point */
    int32_t vol_ppm;
};

struct moment {
    int64_t index_dollars, forward_dollars, perpetual_dollars;
    struct quote_row rows[STRIKES_COUNT];
};

static const struct moment moments[] = {
    [AT_OPEN] = {100000,
                 100200,
                 100040,
                 {{88000, 1230540, 964721, 1076, 530800},
                  {90000, 1040750, 936010, 1733, 523300},
                  {92000, 858700, 891063, 2583, 516800},
                  {94000, 688200, 826393, 3548, 511300},
                  {96000, 533490, 741162, 4477, 506800},
                  {98000, 398480, 638453, 5183, 503100},
                  {100000, 285880, 525301, 5508, 500200},
                  {102000, 196600, 411195, 5382, 498100},
                  {104000, 129460, 305595, 4850, 496800},
                  {106000, 81660, 215566, 4049, 496100},
                  {108000, 49410, 144521, 3146, 496100},
                  {110000, 28750, 92336, 2290, 496600},
                  {112000, 16140, 56435, 1571, 497800}}},
    [AT_RALLY] = {103000,
                  103200,
                  103060,
                  {{88000, 1526050, 980250, 670, 582000},
                   {90000, 1331780, 964054, 1105, 573300},
                   {92000, 1141990, 937779, 1715, 565700},
                   {94000, 959180, 897940, 2492, 559100},
                   {96000, 786570, 841708, 3380, 553400},
                   {98000, 627710, 768018, 4269, 548600},
                   {100000, 486030, 678495, 5013, 544700},
                   {102000, 364230, 577704, 5475, 541500},
                   {104000, 263700, 472452, 5568, 539100},
                   {106000, 184250, 370324, 5284, 537400},
                   {108000, 124230, 277994, 4693, 536400},
                   {110000, 80890, 199946, 3916, 536000},
                   {112000, 50940, 138001, 3084, 536200}}},
    [AT_LAST_HOUR] = {104300,
                      104320,
                      104330,
                      {{88000, 1632000, 1000000, 0, 526500},
                       {90000, 1432000, 1000000, 0, 517300},
                       {92000, 1232000, 1000000, 0, 509300},
                       {94000, 1032000, 1000000, 0, 502300},
                       {96000, 832000, 1000000, 0, 496200},
                       {98000, 632000, 1000000, 0, 491000},
                       {100000, 432000, 1000000, 0, 486700},
                       {102000, 232000, 999993, 0, 483200},
                       {104000, 41040, 726127, 371, 480400},
                       {106000, 10, 893, 3, 478300},
                       {108000, 0, 0, 0, 476900},
                       {110000, 0, 0, 0, 476200},
                       {112000, 0, 0, 0, 476000}}},
};

/* Options: prices in dollars per BTC, in steps of 1, 5 from 100, 10 from 1 000; a lot is 0.1 BTC.
 * Futures and the perpetual: steps of half a dollar; a lot is 0.001 BTC. */
static const struct tn_underlying underlying = {
    .symbol = "BTC",
    .option = {.schedule = {.steps_count = 3, .steps = {{0, 1}, {100, 5}, {1000, 10}}},
               .tick_micros = MICROS_PER_DOLLAR,
               .lot_micro_units = 100000,
               .multiplier = 1,
               .price_max = 200000,
               .quantity_max = 10000},
    .linear = {.schedule = {.steps_count = 1, .steps = {{0, 1}}},
               .tick_micros = MICROS_PER_DOLLAR / 2,
               .lot_micro_units = 1000,
               .multiplier = 1,
               .price_max = 1000000,
               .quantity_max = 500000},
    .option_fees = {.maker_ppm = 100, .taker_ppm = 300, .premium_cap_ppm = 125000},
    .linear_fees = {.maker_ppm = -100, .taker_ppm = 500, .premium_cap_ppm = 0},
    .listing = {.monthlies = 1,
                .quarterlies = 1,
                .delta_low_ppb = 100000000,
                .delta_high_ppb = 900000000,
                .strike_step_ppm = 20000},
    .fifo_ppm = 1000000,
    .closing_ms = 60000,
    .block_minimum_micros = 100000 * MICROS_PER_DOLLAR,
};

const struct tn_underlying *demo_underlying(void)
{
    return &underlying;
}

const struct tn_contract *demo_contract(uint64_t series_id)
{
    return tn_series_is_option(series_id) ? &underlying.option : &underlying.linear;
}

uint64_t demo_series(const char *name)
{
    uint64_t id = 0;
    bool known =
        tn_series_name_parse(&id, name, (const char(*)[TN_SYMBOL_SIZE])underlying.symbol, 1);
    TN_ASSERT(known);
    return id;
}

int64_t demo_time_ms(uint16_t year, uint8_t month, uint8_t day, uint32_t hour, uint32_t minute)
{
    uint32_t number = 0;
    bool exists = tn_day_of_date(&number, (struct tn_date){year, month, day});
    TN_ASSERT(exists && hour < 24 && minute < 60);
    return TN_EPOCH_2020_MS + (int64_t)number * TN_MS_PER_DAY +
           (int64_t)(hour * 60 + minute) * 60000;
}

void demo_define_underlying(struct demo *demo)
{
    struct tn_entry entry = {.kind = TN_ENTRY_UNDERLYING, .as.underlying = underlying};
    demo_entry(demo, &entry);
    const struct tn_listing_rules *rules = &underlying.listing;
    demo_say(demo,
             "    BTC options: lots of 0.1 BTC; fees in ppm of the index: maker %d, taker %d,"
             " at most %.1f %% of the premium\n",
             underlying.option_fees.maker_ppm, underlying.option_fees.taker_ppm,
             underlying.option_fees.premium_cap_ppm / 1e4);
    demo_say(demo, "    BTC futures: lots of 0.001 BTC; maker %d (a rebate), taker %d\n",
             underlying.linear_fees.maker_ppm, underlying.linear_fees.taker_ppm);
    demo_say(demo,
             "    listed by rule: %u monthly and %u quarterly expiry, call deltas %.1f to %.1f\n",
             rules->monthlies, rules->quarterlies, rules->delta_low_ppb / 1e9,
             rules->delta_high_ppb / 1e9);
}

void demo_list_by_rule(struct demo *demo, enum demo_moment moment)
{
    const struct moment *now = &moments[moment];
    struct tn_listing_strike strikes[STRIKES_COUNT];
    for (uint32_t i = 0; i < STRIKES_COUNT; i++) {
        strikes[i] = (struct tn_listing_strike){
            .strike = (uint64_t)now->rows[i].strike_dollars * TN_STRIKE_UNITS,
            .delta_ppb = (uint32_t)now->rows[i].delta_ppm * 1000,
        };
    }
    uint64_t future = demo_series("BTC-25DEC26");
    struct tn_entry entry = {
        .kind = TN_ENTRY_LISTING,
        .as.listing = {.underlying = UNDERLYING,
                       .expiry_day = tn_series_expiry_day(future),
                       .forward_micros = now->forward_dollars * MICROS_PER_DOLLAR,
                       .strikes = strikes,
                       .strikes_count = STRIKES_COUNT},
    };
    demo_entry(demo, &entry);
    demo_say(
        demo, "    forward %lld: of %d strikes offered the rules took what makes %lld new series\n",
        (long long)now->forward_dollars, STRIKES_COUNT, (long long)demo_result(demo)->quantity);
}

/* The mark of an option from its row: calls as they stand, puts by parity. */
static struct tn_mark option_mark(const struct moment *now, uint64_t id)
{
    int64_t strike_dollars = (int64_t)(tn_series_strike(id) / TN_STRIKE_UNITS);
    const struct quote_row *row = NULL;
    for (uint32_t i = 0; i < STRIKES_COUNT; i++) {
        if (now->rows[i].strike_dollars == strike_dollars) row = &now->rows[i];
    }
    TN_ASSERT(row != NULL);
    bool is_put = tn_series_kind(id) == TN_PUT;
    int64_t parity_cents = (strike_dollars - now->forward_dollars) * CENTS_PER_DOLLAR;
    int64_t cents = row->call_cents + (is_put ? parity_cents : 0);
    return (struct tn_mark){
        .series_id = id,
        .mark_micros = cents * MICROS_PER_CENT / 10, /* a lot is a tenth */
        .forward_micros = now->forward_dollars * MICROS_PER_DOLLAR,
        .delta_ppb = (row->delta_ppm - (is_put ? 1000000 : 0)) * 1000,
        .vega_micros = row->vega_cents * MICROS_PER_CENT / 10,
        .vol_ppm = row->vol_ppm,
    };
}

static struct tn_mark linear_mark(const struct moment *now, uint64_t id)
{
    int64_t dollars =
        tn_series_kind(id) == TN_FUTURE ? now->forward_dollars : now->perpetual_dollars;
    return (struct tn_mark){
        .series_id = id,
        .mark_micros = dollars * MICROS_PER_DOLLAR / 1000, /* a lot is a thousandth */
        .forward_micros = dollars * MICROS_PER_DOLLAR,
        .delta_ppb = 1000000000,
    };
}

void demo_mark_series(struct demo *demo, enum demo_moment moment)
{
    const struct moment *now = &moments[moment];
    struct tn_entry index = {.kind = TN_ENTRY_INDEX,
                             .as.index = {.underlying = UNDERLYING,
                                          .price_micros = now->index_dollars * MICROS_PER_DOLLAR}};
    demo_entry(demo, &index);

    uint64_t ids[SERIES_MAX];
    struct tn_mark marks[SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        marks[i] =
            tn_series_is_option(ids[i]) ? option_mark(now, ids[i]) : linear_mark(now, ids[i]);
    }
    struct tn_entry entry = {.kind = TN_ENTRY_MARKS,
                             .as.marks = {.marks = marks, .marks_count = count}};
    demo_entry(demo, &entry);
    demo_say(demo, "    index %lld, forward %lld, perpetual %lld; marks and greeks of %u series\n",
             (long long)now->index_dollars, (long long)now->forward_dollars,
             (long long)now->perpetual_dollars, count);
}

void demo_open_series(struct demo *demo)
{
    uint64_t ids[SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(demo->exchange, ids, SERIES_MAX);
    uint32_t opened_count = 0;
    demo->terse = true;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(demo->exchange, &view, ids[i])) continue;
        if (view.status != TN_STATUS_INITIALIZING) continue;
        struct tn_entry entry = {.kind = TN_ENTRY_STATUS,
                                 .as.status = {.series_id = ids[i], .status = TN_STATUS_ACTIVE}};
        demo_entry(demo, &entry);
        opened_count++;
    }
    demo->terse = false;
    demo_say(demo, "    %u series step from %s to %s\n", opened_count,
             tn_status_name(TN_STATUS_INITIALIZING), tn_status_name(TN_STATUS_ACTIVE));
}
