/* Entries other than frames, the set-up, and the choice among kinds; the commands of frames are in
 * stream_commands.c. Most entries make sense, some are spoilt in one field, so that every check of
 * the spec refuses something now and then. */
#include "stream_internal.h"

#include "twin_internal.h"

#include <string.h>

#define FORWARD_MICROS INT64_C(1000000000)
#define SETUP_DAY      2366 /* 2026-06-24, a Wednesday before the last Friday of a quarter */

/* From the seed, or from a fuzzer's bytes: as few of them as the bound needs, zeros at the end. */
uint64_t stream_below(struct exchange_stream *stream, uint64_t bound)
{
    if (stream->bytes == NULL) return tn_random_below(&stream->random, bound);
    uint32_t width = bound <= 256 ? 1 : bound <= 65536 ? 2 : 8;
    uint64_t value = 0;
    for (uint32_t i = 0; i < width && stream->bytes_count > 0; i++) {
        value = value << 8 | *stream->bytes++;
        stream->bytes_count--;
    }
    return value % bound;
}

bool stream_chance(struct exchange_stream *stream, uint32_t percent)
{
    return stream_below(stream, 100) < percent;
}

int64_t stream_between(struct exchange_stream *stream, int64_t low, int64_t high)
{
    return low + (int64_t)stream_below(stream, (uint64_t)(high - low + 1));
}

uint32_t stream_weighted(struct exchange_stream *stream, const uint8_t *weights, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    uint32_t draw = (uint32_t)stream_below(stream, sum);
    for (uint32_t i = 0; i < count; i++) {
        if (draw < weights[i]) return i;
        draw -= weights[i];
    }
    return 0;
}

int64_t stream_odd_number(struct exchange_stream *stream)
{
    static const int64_t ODD[] = {0,
                                  -1,
                                  1,
                                  INT64_MIN,
                                  INT64_MAX,
                                  1000001,
                                  1 << 20,
                                  -(1 << 20),
                                  INT64_C(1) << 50,
                                  (INT64_C(1) << 50) + 1,
                                  INT64_C(1) << 40,
                                  UINT32_MAX,
                                  1000000,
                                  1000000000,
                                  1000000001};
    return ODD[stream_below(stream, sizeof(ODD) / sizeof(ODD[0]))];
}

/* A listed series, seldom one that is not. */
uint64_t stream_series(struct exchange_stream *stream)
{
    const struct twin_list *series = &stream->twin->series;
    if (series->count == 0 || stream_chance(stream, 1)) {
        return stream_chance(stream, 50) ? stream_below(stream, UINT64_MAX)
                                         : UINT64_C(1) << 53 | stream_below(stream, 4) << 51;
    }
    uint32_t few = series->count < 4 ? series->count : 4;
    uint32_t index =
        (uint32_t)stream_below(stream, stream_chance(stream, 70) ? few : series->count);
    return ((struct twin_series *)series->items[index])->id;
}

static uint16_t some_underlying(struct exchange_stream *stream)
{
    return stream_chance(stream, 3) ? (uint16_t)stream_below(stream, 5)
                                    : (uint16_t)stream_between(stream, 1, 2);
}

struct tn_underlying exchange_stream_underlying(const struct exchange_profile *profile,
                                                uint32_t which)
{
    struct tn_underlying terms = {
        .symbol = "AAA",
        .option = {.schedule = {.steps_count = 2, .steps = {{0, 1}, {50, 5}}},
                   .tick_micros = 1000000,
                   .lot_micro_units = 1000000,
                   .multiplier = 1,
                   .price_max = 400,
                   .quantity_max = 1000},
        .linear = {.schedule = {.steps_count = 1, .steps = {{0, 1}}},
                   .tick_micros = 1000000,
                   .lot_micro_units = 100000,
                   .multiplier = 10,
                   .price_max = 3000,
                   .quantity_max = 1000},
        .option_fees = {.maker_ppm = -100, .taker_ppm = 300, .premium_cap_ppm = 125000},
        .linear_fees = {.maker_ppm = 100, .taker_ppm = 500, .premium_cap_ppm = 0},
        .listing = {.dailies = 2,
                    .weeklies = 1,
                    .monthlies = 1,
                    .quarterlies = 1,
                    .delta_low_ppb = 100000000,
                    .delta_high_ppb = 900000000,
                    .strike_step_ppm = 50000},
        .fifo_ppm = profile->fifo_ppm,
        .closing_ms = 60000,
        .block_minimum_micros = 100000000,
    };
    if (profile->wide) {
        terms.option.price_max = terms.linear.price_max = 3000000;
        terms.option.tick_micros = terms.linear.tick_micros = 1000;
        terms.option.schedule.steps[1].from_ticks = 1000;
        terms.option.schedule.steps[1].step_ticks = 5;
    }
    if (which == 1) {
        memcpy(terms.symbol, "BB2", 4);
        terms.option.lot_micro_units = 10000;
        terms.option.quantity_max = 60;
        terms.linear.quantity_max = 60;
        terms.linear_fees = (struct tn_fees){.maker_ppm = -250, .taker_ppm = 250};
        terms.option_fees.premium_cap_ppm = 0;
        terms.closing_ms = 0;
        terms.block_minimum_micros = 0;
    }
    return terms;
}

/* ---- Prices ---------------------------------------------------------------------------------- */

static void make_mark(struct exchange_stream *stream, const struct twin_series *series,
                      struct tn_mark *mark)
{
    const struct twin *twin = stream->twin;
    tn_micros tick = twin_micros_per_tick(twin, series->id);
    const struct tn_contract *contract = twin_contract(twin, series->id);
    bool option = tn_series_is_option(series->id);
    bool wide = stream->profile->wide;
    tn_ticks middle = option ? 25 : FORWARD_MICROS / tick;
    if (wide && option) middle = 20000;
    tn_ticks now = series->mark < 0 ? middle : series->mark / tick;
    tn_ticks step = wide ? 3000 : 4;
    tn_ticks next = now + stream_between(stream, -step, step) + (now < middle) - (now > middle);
    if (stream_chance(stream, 5)) next = stream_between(stream, 0, 2 * middle);
    if (next < 0) next = 0;
    if (next > contract->price_max) next = contract->price_max;
    *mark = (struct tn_mark){
        .series_id = series->id,
        .mark_micros = next * tick,
        .forward_micros = FORWARD_MICROS + stream_between(stream, -9, 9),
        .delta_ppb = option ? (int32_t)stream_between(stream, -900, 900) * 1000000 : 1000000000,
        .vega_micros = option ? stream_between(stream, 0, 3) * tick / 10 : 0,
        .vol_ppm = (int32_t)stream_between(stream, 0, 2000000)};
    if (wide) mark->vega_micros = stream_between(stream, 1, 200) * tick * 5;
    if (stream_chance(stream, 30) && mark->mark_micros > 0) {
        mark->mark_micros -= stream_between(stream, 0, tick - 1);
    }
}

static void spoil_mark(struct exchange_stream *stream, struct tn_mark *mark)
{
    switch (stream_below(stream, 6)) {
        case 0: mark->mark_micros = stream_odd_number(stream); return;
        case 1: mark->forward_micros = stream_odd_number(stream); return;
        case 2: mark->vega_micros = stream_chance(stream, 50) ? -1 : (INT64_C(1) << 40) + 1; return;
        case 3: mark->vol_ppm = stream_chance(stream, 50) ? -1 : 100000001; return;
        case 4: mark->delta_ppb = stream_chance(stream, 50) ? 1000000001 : INT32_MIN; return;
        default: mark->series_id = stream_below(stream, UINT64_MAX); return;
    }
}

static void next_marks(struct exchange_stream *stream, struct tn_entry *entry)
{
    const struct twin_list *series = &stream->twin->series;
    uint32_t count = 0;
    for (uint32_t i = 0; i < series->count && count < TN_MARKS_MAX; i++) {
        const struct twin_series *one = series->items[i];
        if (one->status == TN_STATUS_SETTLING || one->status == TN_STATUS_SETTLED) {
            if (!stream_chance(stream, 1)) continue;
        }
        if (one->mark < 0 ? stream_chance(stream, 20) : stream_chance(stream, 60)) continue;
        make_mark(stream, one, &stream->marks[count++]);
    }
    if (count > 0 && stream_chance(stream, 4)) {
        spoil_mark(stream, &stream->marks[stream_below(stream, count)]);
    }
    if (count > 0 && stream_chance(stream, 1)) {
        for (; count < TN_MARKS_MAX; count++)
            stream->marks[count] = stream->marks[0];
    }
    entry->as.marks.marks = stream->marks;
    entry->as.marks.marks_count = stream_chance(stream, 1) ? TN_MARKS_MAX + 1 : count;
}

static void next_index(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.index.underlying = some_underlying(stream);
    entry->as.index.price_micros = stream_chance(stream, 5)
                                       ? stream_odd_number(stream)
                                       : FORWARD_MICROS + stream_between(stream, -90, 90) * 1000000;
    if (stream_chance(stream, 3)) entry->as.index.price_micros = INT64_C(1) << 50;
}

static void next_funding(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.funding.series_id = stream_series(stream);
    const struct twin_list *series = &stream->twin->series;
    for (uint32_t i = 0; i < series->count && !stream_chance(stream, 5); i++) {
        const struct twin_series *one = series->items[i];
        if (tn_series_kind(one->id) == TN_PERPETUAL) entry->as.funding.series_id = one->id;
        if (stream_chance(stream, 50)) break;
    }
    entry->as.funding.index_delta = stream_between(stream, -3000000, 3000000) * 100000 / 7;
    if (stream->profile->steep) entry->as.funding.index_delta = (INT64_C(1) << 40) - 5;
    if (stream_chance(stream, 5)) entry->as.funding.index_delta = stream_odd_number(stream);
}

/* ---- Registries ------------------------------------------------------------------------------ */

static uint16_t today(const struct exchange_stream *stream)
{
    int64_t day = (stream->twin->time_ms - TN_EPOCH_2020_MS) / TN_MS_PER_DAY;
    return (uint16_t)(day < 1 ? 1 : day);
}

static void next_list(struct exchange_stream *stream, struct tn_entry *entry)
{
    struct tn_series_terms terms = {.underlying = some_underlying(stream),
                                    .kind = (uint8_t)stream_below(stream, 4)};
    if (terms.kind != TN_PERPETUAL) {
        terms.expiry_day = (uint16_t)(today(stream) + stream_between(stream, -1, 3));
    }
    if (terms.kind >= TN_CALL) terms.strike = 500000 * (uint64_t)stream_between(stream, 18, 22);
    uint64_t id = 0;
    if (!tn_series_pack(&id, &terms) || stream_chance(stream, 5)) {
        id = stream_below(stream, UINT64_MAX);
    }
    entry->as.list.series_id = id;
}

static void next_listing(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.listing.underlying = some_underlying(stream);
    entry->as.listing.expiry_day = (uint16_t)(today(stream) + stream_between(stream, 0, 3));
    entry->as.listing.forward_micros =
        stream_chance(stream, 4) ? stream_odd_number(stream) : FORWARD_MICROS;
    uint32_t count = (uint32_t)stream_below(stream, 3);
    for (uint32_t i = 0; i < count; i++) {
        stream->strikes[i].strike = 500000 * (uint64_t)stream_between(stream, 19, 21);
        if (stream_chance(stream, 10)) stream->strikes[i].strike += stream_below(stream, 500000);
        stream->strikes[i].delta_ppb = (uint32_t)stream_below(stream, 1000000000);
        if (stream_chance(stream, 30)) { /* at the ends of what the rules list */
            stream->strikes[i].delta_ppb = stream_chance(stream, 50) ? 100000000 : 900000000;
        }
    }
    if (count > 0 && stream_chance(stream, 5)) stream->strikes[0].strike = 0;
    entry->as.listing.strikes = stream->strikes;
    entry->as.listing.strikes_count = count;
    if (stream_chance(stream, 3)) {
        for (; count <= TN_LISTING_MAX; count++)
            stream->strikes[count].strike = 1;
        entry->as.listing.strikes_count = TN_LISTING_MAX + stream_chance(stream, 50);
    }
}

static void next_underlying(struct exchange_stream *stream, struct tn_entry *entry)
{
    struct tn_underlying *terms = &entry->as.underlying;
    *terms = exchange_stream_underlying(stream->profile, 0);
    if (!stream_chance(stream, 15)) {
        terms->symbol[0] = (char)('C' + (char)stream_below(stream, 20));
        terms->symbol[1] = (char)('A' + (char)stream_below(stream, 26));
    }
    switch (stream_below(stream, 10)) {
        case 0: terms->symbol[0] = '1'; return;
        case 1:
            terms->option.lot_micro_units = 1;
            terms->option.tick_micros = 3;
            return;
        case 2: terms->linear.price_max = 0; return;
        case 3: terms->fifo_ppm = 1000001; return;
        case 4: terms->closing_ms = 3600001; return;
        case 5: terms->block_minimum_micros = -1; return;
        case 6: terms->option_fees.taker_ppm = -1; return;
        case 7: terms->listing.strike_step_ppm = 1; return;
        default: return;
    }
}

static void next_fees(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.fees.underlying = some_underlying(stream);
    for (uint32_t i = 0; i < 2; i++) {
        struct tn_fees *fees = i == 0 ? &entry->as.fees.option_fees : &entry->as.fees.linear_fees;
        fees->taker_ppm = (int32_t)stream_between(stream, 0, 600);
        fees->maker_ppm = (int32_t)stream_between(stream, -fees->taker_ppm, 600);
        fees->premium_cap_ppm = stream_chance(stream, 50) ? 0 : 125000;
        /* From nothing to a rebate above what older orders have agreed to pay. */
        if (stream_chance(stream, 40)) {
            bool high = stream_chance(stream, 50);
            fees->taker_ppm = high ? 600 : 200;
            fees->maker_ppm = high ? -600 : 0;
        }
        if (stream_chance(stream, 5)) fees->taker_ppm = -1;
    }
}

/* ---- Statuses -------------------------------------------------------------------------------- */

static void next_status(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.status.series_id = stream_series(stream);
    const struct twin_list *series = &stream->twin->series;
    uint32_t status = (uint32_t)stream_below(stream, 9);
    /* Mostly back to trading, by way of an auction where the book is crossed. */
    if (stream_chance(stream, 60)) {
        for (uint32_t i = 0; i < series->count; i++) {
            const struct twin_series *one = series->items[i];
            if (one->status == TN_STATUS_ACTIVE || one->status >= TN_STATUS_AUCTION) continue;
            entry->as.status.series_id = one->id;
            bool auction = one->status != TN_STATUS_POST_ONLY &&
                           (stream_chance(stream, 50) || twin_crossed(stream->twin, one->id));
            status = auction ? TN_STATUS_AUCTION : TN_STATUS_ACTIVE;
            if (stream_chance(stream, 50)) break;
        }
    } else if (stream_chance(stream, 40)) {
        status = TN_STATUS_HALTED;
    }
    entry->as.status.status = (uint8_t)status;
}

static void next_uncross(struct exchange_stream *stream, struct tn_entry *entry)
{
    entry->as.uncross.series_id = stream_series(stream);
    const struct twin_list *series = &stream->twin->series;
    for (uint32_t i = 0; i < series->count && !stream_chance(stream, 5); i++) {
        const struct twin_series *one = series->items[i];
        if (one->status == TN_STATUS_AUCTION) entry->as.uncross.series_id = one->id;
    }
}

static void next_settle(struct exchange_stream *stream, struct tn_entry *entry)
{
    const struct twin_list *series = &stream->twin->series;
    entry->as.settle.underlying = some_underlying(stream);
    entry->as.settle.expiry_day = (uint16_t)(today(stream) + stream_between(stream, -2, 1));
    for (uint32_t i = 0; i < series->count && !stream_chance(stream, 5); i++) {
        const struct twin_series *one = series->items[i];
        if (one->status >= TN_STATUS_SETTLING) continue;
        if (tn_series_expiry_ms(one->id) > stream->twin->time_ms) continue;
        entry->as.settle.underlying = tn_series_underlying(one->id);
        entry->as.settle.expiry_day = tn_series_expiry_day(one->id);
    }
    entry->as.settle.price_micros = FORWARD_MICROS + stream_between(stream, -99, 99) * 1234567;
    if (stream_chance(stream, 5)) entry->as.settle.price_micros = stream_odd_number(stream);
    if (stream_chance(stream, 2)) entry->as.settle.expiry_day = 0;
}

/* How long until something happens exactly then: an expiry, the end of trading before it, an
 * order's own end, the end of a window or of a freeze. 0 or less when the draw names nothing to
 * come. */
static int64_t until_an_edge(struct exchange_stream *stream)
{
    const struct twin *twin = stream->twin;
    if (stream_chance(stream, 40) && twin->series.count > 0) {
        const struct twin_series *series =
            twin->series.items[stream_below(stream, twin->series.count)];
        if (tn_series_kind(series->id) == TN_PERPETUAL) return 0;
        const struct twin_underlying *underlying =
            twin_underlying(twin, tn_series_underlying(series->id));
        int64_t early = stream_chance(stream, 50) ? underlying->terms.closing_ms : 0;
        return tn_series_expiry_ms(series->id) - early - twin->time_ms;
    }
    if (stream_chance(stream, 50) && twin->orders.count > 0) {
        const struct twin_order *order =
            twin->orders.items[stream_below(stream, twin->orders.count)];
        return order->tif == TN_GTT ? order->until - twin->time_ms : 0;
    }
    if (twin->accounts.count == 0) return 0;
    const struct twin_list *groups =
        &twin_account(twin, (uint32_t)stream_below(stream, twin->accounts.count))->groups;
    if (groups->count == 0) return 0;
    const struct twin_group *group = groups->items[stream_below(stream, groups->count)];
    int64_t over = group->window_start + group->limits.interval_ms - twin->time_ms;
    return stream_chance(stream, 50) && twin_frozen(twin, group) && group->frozen_until != INT64_MAX
               ? group->frozen_until - twin->time_ms
               : over;
}

static void next_block(struct exchange_stream *stream, struct tn_entry *entry)
{
    int64_t leap = 0;
    uint64_t draw = stream_below(stream, 100);
    if (draw < 60) {
        leap = stream_between(stream, 1, 500);
    } else if (draw < 75) {
        leap = stream_between(stream, 1, 100000);
    } else if (draw < 80) {
        leap = stream_between(stream, 1, stream->profile->leap_ms);
    }
    int64_t edge = stream_chance(stream, 20) ? until_an_edge(stream) : 0;
    if (edge > 0 && edge <= stream->profile->leap_ms) leap = edge;
    entry->as.block.height = stream->twin->height + 1 + (draw < 10 ? stream_below(stream, 3) : 0);
    entry->as.block.time_ms = stream->twin->time_ms + leap;
    if (!stream_chance(stream, 3)) return;
    switch (stream_below(stream, 3)) {
        case 0: entry->as.block.height = stream->twin->height; return;
        case 1: entry->as.block.time_ms = stream->twin->time_ms - 1; return;
        default: entry->as.block.time_ms = (INT64_C(1) << 52) + 1; return;
    }
}

static void next_deposit(struct exchange_stream *stream, struct tn_entry *entry)
{
    const struct exchange_profile *profile = stream->profile;
    entry->as.deposit.account = (uint32_t)stream_below(stream, stream->twin->accounts.count + 1);
    if (!stream_chance(stream, 5)) {
        entry->as.deposit.account =
            (uint32_t)stream_below(stream, profile->accounts < 1 ? 1 : profile->accounts);
    }
    entry->as.deposit.asset = stream_chance(stream, 70)
                                  ? 0
                                  : (uint32_t)stream_below(stream, stream->twin->assets_count + 1);
    entry->as.deposit.amount = stream_between(stream, 1, profile->deposit / 4 + 1);
    if (profile->rich) {
        entry->as.deposit.account = stream_chance(stream, 80) ? 0 : entry->as.deposit.account;
        entry->as.deposit.asset =
            stream_chance(stream, 95) ? (uint32_t)stream_chance(stream, 57) : 9;
        entry->as.deposit.amount = INT64_C(1) << 50;
    }
    if (stream_chance(stream, 4)) entry->as.deposit.amount = stream_odd_number(stream);
}

/* ---- The set-up ------------------------------------------------------------------------------ */

#define SETUP_SERIES 8

/* Time, underlyings, their prices, one more asset: steps 0 to 5. */
static void setup_market(struct exchange_stream *stream, struct tn_entry *entry, uint32_t step)
{
    if (step == 0) {
        entry->kind = TN_ENTRY_BLOCK;
        entry->as.block.height = 10;
        entry->as.block.time_ms =
            TN_EPOCH_2020_MS + SETUP_DAY * TN_MS_PER_DAY + 9 * INT64_C(3600000);
    } else if (step < 3) {
        entry->kind = TN_ENTRY_UNDERLYING;
        entry->as.underlying = exchange_stream_underlying(stream->profile, step - 1);
    } else if (step < 5) {
        entry->kind = TN_ENTRY_INDEX;
        entry->as.index.underlying = (uint16_t)(step - 2);
        entry->as.index.price_micros = FORWARD_MICROS;
    } else {
        entry->kind = TN_ENTRY_ASSET;
        entry->as.asset.haircut_ppm = 100000;
    }
}

/* Each account, and what it brings; the second is poor, so that its commands run short. */
static void setup_account(struct exchange_stream *stream, struct tn_entry *entry, uint32_t step)
{
    const struct exchange_profile *profile = stream->profile;
    entry->kind = step % 2 == 0 ? TN_ENTRY_ACCOUNT : TN_ENTRY_DEPOSIT;
    if (step % 2 == 0) {
        entry->as.account.owner[0] = (uint8_t)(step / 2 % profile->owners);
        entry->as.account.owner[TN_OWNER_SIZE - 1] = 7;
        return;
    }
    entry->as.deposit.account = step / 2;
    entry->as.deposit.amount = step / 2 == 1 ? profile->deposit / 50 + 1 : profile->deposit;
}

/* The first series, their marks, and their opening; false when all are open. */
static bool setup_series(struct exchange_stream *stream, struct tn_entry *entry, uint32_t step)
{
    static const struct tn_series_terms SERIES[SETUP_SERIES] = {
        {.underlying = 1, .kind = TN_PERPETUAL},
        {.underlying = 1, .kind = TN_CALL, .expiry_day = SETUP_DAY + 1, .strike = 10000000},
        {.underlying = 1, .kind = TN_FUTURE, .expiry_day = SETUP_DAY + 2},
        {.underlying = 1, .kind = TN_PUT, .expiry_day = SETUP_DAY + 2, .strike = 10000000},
        {.underlying = 2, .kind = TN_PERPETUAL},
        {.underlying = 2, .kind = TN_CALL, .expiry_day = SETUP_DAY + 2, .strike = 9500000},
        {.underlying = 2, .kind = TN_FUTURE, .expiry_day = SETUP_DAY + 2},
        {.underlying = 1, .kind = TN_CALL, .expiry_day = SETUP_DAY + 1, .strike = 10500000}};
    const struct twin_list *series = &stream->twin->series;
    if (step < SETUP_SERIES) {
        entry->kind = TN_ENTRY_LIST;
        bool packed = tn_series_pack(&entry->as.list.series_id, &SERIES[step]);
        TN_ASSERT(packed);
        return true;
    }
    if (step == SETUP_SERIES) {
        entry->kind = TN_ENTRY_MARKS;
        for (uint32_t i = 0; i < series->count; i++) {
            make_mark(stream, series->items[i], &stream->marks[i]);
        }
        entry->as.marks.marks = stream->marks;
        entry->as.marks.marks_count = series->count;
        return true;
    }
    step -= SETUP_SERIES + 1;
    if (step >= series->count) return false;
    entry->kind = TN_ENTRY_STATUS;
    entry->as.status.series_id = ((struct twin_series *)series->items[step])->id;
    entry->as.status.status = TN_STATUS_ACTIVE;
    return true;
}

static bool setup_entry(struct exchange_stream *stream, struct tn_entry *entry)
{
    uint32_t accounts = 2 * stream->profile->accounts;
    uint32_t step = stream->step;
    if (stream->ready) return false;
    stream->step++;
    if (step < 6) {
        setup_market(stream, entry, step);
    } else if (step < 6 + accounts) {
        setup_account(stream, entry, step - 6);
    } else {
        stream->ready = !setup_series(stream, entry, step - 6 - accounts);
    }
    return !stream->ready;
}

void exchange_stream_start(struct exchange_stream *stream, const struct exchange_profile *profile,
                           uint64_t seed, const struct twin *twin)
{
    memset(stream, 0, sizeof(*stream));
    stream->profile = profile;
    stream->twin = twin;
    stream->random = seed;
}

void exchange_stream_next(struct exchange_stream *stream, struct tn_entry *entry)
{
    memset(entry, 0, sizeof(*entry));
    if (setup_entry(stream, entry)) return;
    uint32_t kind = stream_weighted(stream, stream->profile->entries, 17);
    if (stream_below(stream, 1000) == 0) kind = 17 + (uint32_t)stream_below(stream, 200);
    entry->kind = (uint8_t)kind;
    switch ((enum tn_entry_kind)kind) {
        case TN_ENTRY_FRAME: stream_frame(stream, entry); return;
        case TN_ENTRY_BLOCK: next_block(stream, entry); return;
        case TN_ENTRY_SWEEP: {
            bool all = stream_chance(stream, 10);
            entry->as.sweep.units = all ? UINT32_MAX : (uint32_t)stream_below(stream, 6);
            return;
        }
        case TN_ENTRY_MARKS: next_marks(stream, entry); return;
        case TN_ENTRY_INDEX: next_index(stream, entry); return;
        case TN_ENTRY_ACCOUNT:
            entry->as.account.owner[0] = (uint8_t)stream_below(stream, stream->profile->owners + 1);
            return;
        case TN_ENTRY_DEPOSIT: next_deposit(stream, entry); return;
        case TN_ENTRY_UNDERLYING: next_underlying(stream, entry); return;
        case TN_ENTRY_FEES: next_fees(stream, entry); return;
        case TN_ENTRY_LIST: next_list(stream, entry); return;
        case TN_ENTRY_LISTING: next_listing(stream, entry); return;
        case TN_ENTRY_STATUS: next_status(stream, entry); return;
        case TN_ENTRY_UNCROSS: next_uncross(stream, entry); return;
        case TN_ENTRY_FUNDING: next_funding(stream, entry); return;
        case TN_ENTRY_SETTLE: next_settle(stream, entry); return;
        case TN_ENTRY_ASSET:
            entry->as.asset.haircut_ppm = (uint32_t)stream_below(stream, 1200000);
            return;
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_RISK:
        case TN_ENTRY_LIQ:
        case TN_ENTRY_INSURE: return; /* refused: these markets have no margin engine */
    }
}
