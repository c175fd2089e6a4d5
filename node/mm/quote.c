/* What the maker says: two sides around each fair value, by mass quotes.
 *
 * Half a spread is the largest of: so many ticks; a part of the forward times delta (what a move of
 * the underlying costs before the next quote); a part of a volatility point times vega. The middle
 * is moved against what is held: down by delta x the price of holding delta, and by vega x that of
 * holding vega, each reaching half a spread at its limit. Beyond a limit the side that would add to
 * it is not quoted.
 *
 * Where the leader tells its best prices, a side stays one step behind those of others: as a
 * post-only quote it would be refused there.
 *
 * A quote is sent anew only when it has become wrong by a part of that half spread, when it was
 * hit, or when it is old: a quote that stays keeps its place. Nothing is sent while too many frames
 * wait for their answers; the next turn sees newer prices. */
#include "mm/mm.h"

#include <math.h>
#include <string.h>

enum { GROUP = 1, MMP_INTERVAL_MS = 1000, MMP_FREEZE_MS = 1000, LIMITED_MS = 200 };

/* ---- Frames ------------------------------------------------------------------------------------
 */

bool mm_send(struct mm *mm, uint64_t tag, const struct tn_command *commands, uint32_t count)
{
    uint64_t nonce;
    if (mm->waiting_count >= MM_FRAMES_MAX) return false;
    mm_clock(mm);
    enum tn_client_result result =
        tn_client_send(mm->client, &nonce, tag, commands, count, TN_WAIT_SOFT_AND_FINAL);
    if (result != TN_CLIENT_OK) return false;
    mm->sent[nonce % MM_SENT_MAX] = (struct mm_sent){.nonce = nonce, .sent_us = mm->now_us};
    mm->waiting_count++;
    mm->figures.frames++;
    return true;
}

void mm_cancel_all(struct mm *mm, uint64_t tag)
{
    const struct tn_command everything = {.kind = TN_COMMAND_MASS_CANCEL};
    mm->waiting_count = 0; /* this one goes out whatever waits */
    (void)mm_send(mm, tag, &everything, 1);
    mm_quote_forget(mm);
}

void mm_quote_forget(struct mm *mm)
{
    for (uint32_t i = 0; i < mm->series_count; i++) {
        struct mm_series *series = &mm->series[i];
        series->bid = series->ask = 0;
        series->bid_quantity = series->ask_quantity = 0;
    }
    mm->has_changed = true;
}

/* On a new connection, before the first quote: nothing old stays, and protection is armed. */
void mm_quote_begin(struct mm *mm)
{
    const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    struct tn_command commands[3] = {cancel, {.kind = TN_COMMAND_MMP_SET}, {.kind = 0}};
    commands[1].as.mmp_set = (struct tn_mmp_set){.interval_ms = MMP_INTERVAL_MS,
                                                 .freeze_ms = MMP_FREEZE_MS,
                                                 .quantity_limit = (tn_lots)mm->options.size * 20,
                                                 .trades_limit = 40,
                                                 .group = GROUP};
    commands[2] = (struct tn_command){.kind = TN_COMMAND_MMP_RESET};
    commands[2].as.mmp_group = GROUP;
    mm->waiting_count = 0;
    memset(mm->sent, 0, sizeof mm->sent);
    mm_quote_forget(mm);
    (void)mm_send(mm, MM_TAG_FRAME, commands, 3);
}

/* ---- Prices ------------------------------------------------------------------------------------
 */

struct side_wish {
    tn_ticks price; /* 0: none */
    tn_lots quantity;
};

static double limited(double share)
{
    return share > 1 ? 1 : share < -1 ? -1 : share;
}

static double half_spread(const struct mm *mm, const struct mm_series *series, double forward)
{
    const struct mm_options *options = &mm->options;
    double least = (double)options->least_ticks * (double)series->tick_micros;
    double of_delta = fabs(series->delta) * forward * (double)options->spread_bps / 1e4;
    double of_vega = series->vega * (double)options->vol_bps / 100;
    return fmax(least, of_delta + of_vega);
}

/* Is that best price our own quote alone, the present one or the one that it replaces? */
static bool is_own(tn_ticks best, tn_lots best_quantity, tn_ticks now, tn_ticks before,
                   tn_lots size)
{
    return (best == now || best == before) && best_quantity <= size;
}

static void stay_behind(const struct mm *mm, const struct mm_series *series, struct side_wish *bid,
                        struct side_wish *ask)
{
    const tn_lots size = (tn_lots)mm->options.size;
    if (!series->is_best_soft) return;
    if (series->best_ask_quantity > 0 && bid->price >= series->best_ask &&
        !is_own(series->best_ask, series->best_ask_quantity, series->ask, series->ask_before,
                size)) {
        bid->price = tn_tick_floor(&series->schedule, series->best_ask - 1);
    }
    if (series->best_bid_quantity > 0 && ask->price > 0 && ask->price <= series->best_bid &&
        !is_own(series->best_bid, series->best_bid_quantity, series->bid, series->bid_before,
                size)) {
        ask->price = tn_tick_ceil(&series->schedule, series->best_bid + 1);
    }
}

static void wish(const struct mm *mm, const struct mm_series *series, struct side_wish *bid,
                 struct side_wish *ask, double *half)
{
    double forward = series->expiry < MM_EXPIRIES_MAX
                         ? (double)mm->expiries[series->expiry].forward_micros
                         : series->fair;
    double delta_share = mm->delta_units * 1e3 / (double)mm->options.delta_limit;
    double vega_share = mm->vega_micros / 1e6 / (double)mm->options.vega_limit;
    *half = half_spread(mm, series, forward);
    double lean = limited(delta_share) * series->delta;
    if (series->vega > 0) lean += limited(vega_share);
    double middle = series->fair - *half * limited(lean);
    double tick = (double)series->tick_micros;
    *bid = *ask = (struct side_wish){.price = 0};
    double low = floor((middle - *half) / tick), high = ceil((middle + *half) / tick);
    if (high < 1) high = 1;
    if (high > (double)TN_PRICE_TICKS_MAX / 2) return;
    if (low >= 1) bid->price = tn_tick_floor(&series->schedule, (tn_ticks)low);
    ask->price = tn_tick_ceil(&series->schedule, (tn_ticks)high);
    stay_behind(mm, series, bid, ask);
    if (bid->price > series->band_high && series->band_high > 0) bid->price = series->band_high;
    if (bid->price < series->band_low) bid->price = 0;
    if (ask->price < series->band_low) ask->price = series->band_low;
    if (series->band_high > 0 && ask->price > series->band_high) ask->price = 0;
    if (bid->price > 0) bid->price = tn_tick_floor(&series->schedule, bid->price);
    if (ask->price > 0) ask->price = tn_tick_ceil(&series->schedule, ask->price);
    /* What adds to a delta or vega that is at its limit is not offered. */
    bool no_buying = delta_share * series->delta >= 1 || (series->vega > 0 && vega_share >= 1);
    bool no_selling = delta_share * series->delta <= -1 || (series->vega > 0 && vega_share <= -1);
    if (bid->price > 0 && !no_buying) bid->quantity = (tn_lots)mm->options.size;
    if (ask->price > 0 && !no_selling) ask->quantity = (tn_lots)mm->options.size;
    if (bid->quantity > 0 && ask->quantity > 0 && bid->price >= ask->price) bid->quantity = 0;
}

static bool is_off(tn_ticks sent, tn_lots open, const struct side_wish *side, double tolerance)
{
    if ((open > 0) != (side->quantity > 0)) return true;
    if (side->quantity == 0) return false;
    return fabs((double)(sent - side->price)) > tolerance || open * 2 < side->quantity;
}

/* Does it need a new quote? Then what it is. */
static bool decide(const struct mm *mm, struct mm_series *series, struct tn_quote *quote)
{
    struct side_wish bid = {.price = 0}, ask = {.price = 0};
    double half = 0;
    bool may = series->is_known &&
               (series->status == TN_STATUS_ACTIVE || series->status == TN_STATUS_POST_ONLY);
    if (may) wish(mm, series, &bid, &ask, &half);
    double tolerance = half / (double)series->tick_micros * (double)mm->options.requote_ppm / 1e6;
    bool is_old = mm->options.refresh_ms != 0 &&
                  mm->now_ms - series->quoted_ms >= (int64_t)mm->options.refresh_ms &&
                  (bid.quantity > 0 || ask.quantity > 0);
    if (!is_old && !is_off(series->bid, series->bid_quantity, &bid, tolerance) &&
        !is_off(series->ask, series->ask_quantity, &ask, tolerance)) {
        return false;
    }
    *quote = (struct tn_quote){.series_id = series->id,
                               .bid_price = bid.price > 0 ? bid.price : 1,
                               .ask_price = ask.price > 0 ? ask.price : 2,
                               .bid_quantity = bid.quantity,
                               .ask_quantity = ask.quantity};
    return true;
}

static bool flush(struct mm *mm, struct tn_quote *quotes, uint32_t *count)
{
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    if (*count == 0) return true;
    command.as.mass_quote = (struct tn_mass_quote){.quotes = quotes,
                                                   .quotes_count = *count,
                                                   .fee_max_ppm = 10000,
                                                   .group = GROUP,
                                                   .post_only = 1};
    if (!mm_send(mm, MM_TAG_FRAME, &command, 1)) return false;
    for (uint32_t i = 0; i < *count; i++) {
        struct mm_series *series = mm_market_find(mm, quotes[i].series_id);
        series->bid_before = series->bid;
        series->ask_before = series->ask;
        series->bid = quotes[i].bid_price;
        series->ask = quotes[i].ask_price;
        series->bid_quantity = quotes[i].bid_quantity;
        series->ask_quantity = quotes[i].ask_quantity;
        series->quoted_ms = mm->now_ms;
    }
    mm->figures.quotes += 2 * (uint64_t)*count;
    *count = 0;
    return true;
}

void mm_quote(struct mm *mm)
{
    struct tn_quote quotes[MM_QUOTES_A_FRAME];
    uint32_t count = 0;
    if (!mm->is_ready || mm->is_ended || mm->now_ms < mm->quiet_until_ms) return;
    if (mm->options.refresh_ms == 0 && !mm->has_changed) return;
    mm_market_value(mm);
    mm_inventory_sum(mm);
    mm->has_changed = false;
    for (uint32_t i = 0; i < mm->series_count; i++) {
        if (!decide(mm, &mm->series[i], &quotes[count])) continue;
        count++;
        if (count == MM_QUOTES_A_FRAME && !flush(mm, quotes, &count)) break;
    }
    if (!flush(mm, quotes, &count)) mm->has_changed = true; /* again, when there is room */
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static void keep_sample(struct mm *mm, int64_t took_us)
{
    if (mm->samples_count == MM_SAMPLES_MAX) return;
    mm->samples[mm->samples_count++] = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
}

/* The desk, or the end of the frame, has answered: it waits no more. */
static void answered(struct mm *mm, uint64_t nonce, bool is_soft)
{
    struct mm_sent *sent = &mm->sent[nonce % MM_SENT_MAX];
    if (sent->nonce != nonce || sent->is_soft) return;
    sent->is_soft = true;
    if (mm->waiting_count > 0) mm->waiting_count--;
    if (is_soft) keep_sample(mm, mm->now_us - sent->sent_us);
}

/* A side that was refused rests no more; it is tried again with the next prices. */
static void take_quoted(struct mm *mm, const struct tn_event *event)
{
    struct mm_series *series = mm_market_find(mm, event->series_id);
    if (event->reject == 0 || series == NULL) return;
    mm->figures.rejects++;
    if (event->index % 2 == TN_BUY) {
        series->bid_quantity = 0;
    } else {
        series->ask_quantity = 0;
    }
}

static void take_soft(struct mm *mm, const struct tn_frame_news *frame)
{
    mm->figures.soft++;
    answered(mm, frame->nonce, true);
    for (uint32_t i = 0; i < frame->events_count; i++) {
        const struct tn_event *event = &frame->events[i];
        if (event->kind == TN_EVENT_QUOTED) take_quoted(mm, event);
        if (event->kind == TN_EVENT_RESULT && event->reject != 0) {
            mm->figures.rejects++;
            if (event->reject == TN_REJECT_MMP_FROZEN) {
                mm->quiet_until_ms = mm->now_ms + MMP_FREEZE_MS;
                mm_quote_forget(mm);
            }
        }
    }
}

static void take_end(struct mm *mm, const struct tn_frame_news *frame)
{
    answered(mm, frame->nonce, false);
    if (frame->state == TN_FRAME_FINAL || frame->state == TN_FRAME_EXECUTED) {
        mm->figures.final++;
        return;
    }
    /* Whatever it said is not in the book: say it again. */
    mm_quote_forget(mm);
    if (frame->state == TN_FRAME_REVERTED) mm->figures.reverted++;
    if (frame->state != TN_FRAME_REFUSED) return;
    mm->figures.refused++;
    mm->quiet_until_ms = mm->now_ms + LIMITED_MS;
}

void mm_quote_heard(struct mm *mm, const struct tn_client_news *news)
{
    if (news->kind == TN_NEWS_FRAME && news->as.frame.state == TN_FRAME_SOFT) {
        take_soft(mm, &news->as.frame);
    } else if (news->kind == TN_NEWS_FRAME && news->as.frame.state == TN_FRAME_AMBIGUOUS) {
        /* A later quote replaces it, whether it was taken or not. */
        answered(mm, news->as.frame.nonce, false);
        mm_quote_forget(mm);
        mm->quiet_until_ms = mm->now_ms + LIMITED_MS;
    } else if (news->kind == TN_NEWS_FRAME) {
        take_end(mm, &news->as.frame);
    } else if (news->kind == TN_NEWS_ACCOUNT && news->as.account.event.kind == TN_EVENT_PROTECTED) {
        mm->figures.protected ++;
        mm->quiet_until_ms = mm->now_ms + MMP_FREEZE_MS;
        mm_quote_forget(mm);
    } else if (news->kind == TN_NEWS_ACCOUNT && news->as.account.event.kind == TN_EVENT_CANCELLED &&
               news->as.account.event.reason != TN_REASON_REQUOTED &&
               news->as.account.event.reason != TN_REASON_MASS_CANCEL) {
        struct mm_series *series = mm_market_find(mm, news->as.account.event.series_id);
        if (series == NULL) return;
        if (news->as.account.event.side == TN_BUY) series->bid_quantity = 0;
        if (news->as.account.event.side == TN_SELL) series->ask_quantity = 0;
        mm->has_changed = true;
    }
}
