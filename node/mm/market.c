/* What the series are worth.
 *
 * The node tells each expiry's forward, and of each series mark and volatility, when asked for the
 * chain (about once a second), and the index with each MARK. In between, forwards move as the index
 * does, and an option's value by what Black-76 says of that move: mark + P(forward now) − P(forward
 * then), both at the mark's volatility. So whatever discounting is in the mark stays in it. */
#include "mm/mm.h"

#include <stdio.h>
#include <string.h>

enum { CHAIN_MS = 1000 };

struct mm_series *mm_market_find(struct mm *mm, uint64_t series_id)
{
    uint32_t low = 0, high = mm->series_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mm->series[middle].id < series_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < mm->series_count && mm->series[low].id == series_id ? &mm->series[low] : NULL;
}

static uint32_t expiry_of(struct mm *mm, uint32_t underlying, uint32_t day)
{
    for (uint32_t i = 0; i < mm->expiries_count; i++) {
        if (mm->expiries[i].underlying == underlying && mm->expiries[i].day == day) return i;
    }
    if (mm->expiries_count == MM_EXPIRIES_MAX) return MM_EXPIRIES_MAX;
    mm->expiries[mm->expiries_count] = (struct mm_expiry){.underlying = underlying, .day = day};
    return mm->expiries_count++;
}

/* A place in the list, sorted by id; NULL: it is full. */
static struct mm_series *add(struct mm *mm, uint64_t series_id)
{
    if (mm->series_count == MM_SERIES_MAX) return NULL;
    uint32_t at = mm->series_count;
    while (at > 0 && mm->series[at - 1].id > series_id)
        at--;
    memmove(&mm->series[at + 1], &mm->series[at], (mm->series_count - at) * sizeof mm->series[0]);
    mm->series_count++;
    mm->series[at] = (struct mm_series){.id = series_id};
    return &mm->series[at];
}

static void take_instrument(struct mm *mm, const struct tn_instrument *told)
{
    struct mm_series *series = mm_market_find(mm, told->series_id);
    if (series == NULL) {
        if (told->status == TN_STATUS_SETTLED) return;
        series = add(mm, told->series_id);
        if (series == NULL) return;
    }
    snprintf(series->name, sizeof series->name, "%s", told->name);
    series->kind = told->kind;
    series->status = told->status;
    series->expiry = told->kind == TN_PERPETUAL
                         ? MM_EXPIRIES_MAX
                         : expiry_of(mm, told->underlying_id, told->expiry_day);
    series->expiry_ms = told->expiry_ms;
    series->strike_micros = told->strike_micros;
    series->lots_per_unit = told->lots_per_unit < 1 ? 1 : told->lots_per_unit;
    series->tick_micros = told->tick_micros < 1 ? 1 : told->tick_micros;
    series->schedule = (struct tn_tick_schedule){.steps_count = 1, .steps = {{0, 1}}};
    for (uint32_t i = 0; i < told->steps_count && i < TN_TICK_STEPS_MAX; i++) {
        series->schedule.steps[i].from_ticks = told->steps[i].from;
        series->schedule.steps[i].step_ticks = told->steps[i].step;
        series->schedule.steps_count = i + 1;
    }
    if (!tn_tick_schedule_valid(&series->schedule)) series->status = TN_STATUS_HALTED;
}

/* ---- Questions ---------------------------------------------------------------------------------
 */

static void ask_series(struct mm *mm, uint64_t after)
{
    (void)tn_client_ask(
        mm->client, MM_TAG_SERIES,
        &(struct tn_question){.kind = TN_ASK_INSTRUMENTS, .after_series_id = after});
}

void mm_market_begin(struct mm *mm)
{
    mm->has_series = false;
    ask_series(mm, 0);
    for (uint32_t i = 0; i < mm->expiries_count; i++)
        mm->expiries[i].asked_ms = 0;
}

void mm_market_ask(struct mm *mm)
{
    for (uint32_t i = 0; i < mm->expiries_count; i++) {
        uint32_t which = (mm->expiry_turn + i) % mm->expiries_count;
        struct mm_expiry *expiry = &mm->expiries[which];
        if (expiry->asked_ms != 0 && mm->now_ms - expiry->asked_ms < CHAIN_MS) continue;
        const struct tn_question question = {
            .kind = TN_ASK_CHAIN, .underlying = expiry->underlying, .expiry_day = expiry->day};
        if (tn_client_ask(mm->client, MM_TAG_CHAIN, &question) == TN_CLIENT_OK) {
            expiry->asked_ms = mm->now_ms;
        }
        mm->expiry_turn = which + 1;
        return;
    }
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static void take_ticker(struct mm *mm, const struct tn_ticker *told, tn_micros forward_micros)
{
    struct mm_series *series = mm_market_find(mm, told->series_id);
    if (series == NULL) return;
    if (!series->is_best_soft) {
        series->status = told->status;
        series->best_bid = told->bid_price;
        series->best_bid_quantity = told->bid_quantity;
        series->best_ask = told->ask_price;
        series->best_ask_quantity = told->ask_quantity;
    }
    series->is_known = told->mark_micros > 0;
    series->mark_micros = told->mark_micros * series->lots_per_unit;
    series->forward_micros = forward_micros;
    series->vol_ppb = told->iv_ppm * 1000;
    series->band_low = told->band_low;
    series->band_high = told->band_high;
    mm->has_changed = true;
}

static void take_chain(struct mm *mm, const struct tn_chain_news *told)
{
    for (uint32_t i = 0; i < mm->expiries_count; i++) {
        struct mm_expiry *expiry = &mm->expiries[i];
        if (expiry->underlying != told->underlying || expiry->day != told->expiry_day) continue;
        expiry->forward_micros = told->forward_micros;
        expiry->index_micros =
            told->underlying <= TN_UNDERLYING_MAX ? mm->index_micros[told->underlying] : 0;
    }
    for (uint32_t i = 0; i < told->rows_count; i++)
        take_ticker(mm, &told->rows[i], told->forward_micros);
}

static void take_marks(struct mm *mm, const struct tn_marks_news *told)
{
    for (uint32_t i = 0; i < told->indexes_count; i++) {
        if (told->indexes[i].underlying > TN_UNDERLYING_MAX) continue;
        mm->index_micros[told->indexes[i].underlying] = told->indexes[i].index_micros;
    }
    for (uint32_t i = 0; i < told->marks_count; i++) {
        struct mm_series *series = mm_market_find(mm, told->marks[i].series_id);
        if (series == NULL || tn_series_is_option(series->id)) continue;
        series->mark_micros = told->marks[i].mark_micros * series->lots_per_unit;
        series->is_known = series->mark_micros > 0;
    }
    mm->has_changed = true;
}

void mm_market_heard(struct mm *mm, const struct tn_client_news *news)
{
    if (news->kind == TN_NEWS_INSTRUMENTS) {
        for (uint32_t i = 0; i < news->as.instruments.count; i++)
            take_instrument(mm, &news->as.instruments.list[i]);
        if (news->as.instruments.more && news->as.instruments.count > 0) {
            ask_series(mm, news->as.instruments.list[news->as.instruments.count - 1].series_id);
        } else {
            mm->has_series = true;
        }
    } else if (news->kind == TN_NEWS_INSTRUMENT) {
        take_instrument(mm, &news->as.instrument);
    } else if (news->kind == TN_NEWS_CHAIN) {
        take_chain(mm, &news->as.chain);
    } else if (news->kind == TN_NEWS_TICKER && !news->as.ticker.is_soft) {
        take_ticker(mm, &news->as.ticker, 0);
    } else if (news->kind == TN_NEWS_MARKS) {
        take_marks(mm, &news->as.marks);
    }
}

/* ---- Values ------------------------------------------------------------------------------------
 */

/* The expiry's forward as the index has moved since it was told. */
static double forward_now(const struct mm *mm, const struct mm_expiry *expiry)
{
    double told = (double)expiry->forward_micros;
    tn_micros index = mm->index_micros[expiry->underlying];
    if (expiry->index_micros < 1 || index < 1) return told;
    return told * (double)index / (double)expiry->index_micros;
}

static void value_option(const struct mm *mm, struct mm_series *series, int64_t time_ms)
{
    const struct mm_expiry *expiry = &mm->expiries[series->expiry];
    struct tn_greeks greeks;
    struct tn_option option = {.forward_micros = (tn_micros)forward_now(mm, expiry),
                               .strike_micros = series->strike_micros,
                               .vol_ppb = series->vol_ppb,
                               .left_ms = series->expiry_ms - time_ms,
                               .is_put = series->kind == TN_PUT};
    series->is_known = series->mark_micros > 0 && series->vol_ppb > 0 && option.left_ms > 0 &&
                       option.forward_micros > 0 && series->forward_micros > 0;
    if (!series->is_known) return;
    tn_pricing_greeks(&greeks, &option);
    option.forward_micros = series->forward_micros;
    tn_micros then = tn_pricing_price(&option);
    series->fair = (double)(series->mark_micros + greeks.price_micros - then);
    series->delta = (double)greeks.delta_ppb / 1e9;
    series->vega = (double)greeks.vega_micros;
}

void mm_market_value(struct mm *mm)
{
    int64_t time_ms = (int64_t)tn_client_time_ms(mm->client);
    for (uint32_t i = 0; i < mm->series_count; i++) {
        struct mm_series *series = &mm->series[i];
        if (tn_series_is_option(series->id)) {
            if (series->expiry < MM_EXPIRIES_MAX) value_option(mm, series, time_ms);
        } else {
            series->fair = (double)series->mark_micros;
            series->delta = 1;
            series->vega = 0;
        }
    }
}
