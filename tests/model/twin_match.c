/* The twin's matching (§4.1, §4.2, §4.4): makers are served one at a time, the first in priority
 * being looked for anew each time. An order that runs is in the list of orders, but not in the
 * book, and all of it is visible; whatever takes it out of the market marks it TWIN_GONE. */
#include "twin_internal.h"

#include <stdlib.h>

static tn_lots least(tn_lots one, tn_lots other)
{
    return one < other ? one : other;
}

/* §1: an exposure ends with its last order and its position. */
void twin_release_exposure(struct twin *twin, struct twin_series *series, uint32_t account)
{
    struct twin_exposure *exposure = twin_exposure(series, account);
    if (exposure == NULL || exposure->position.quantity != 0) return;
    if (exposure == twin->held) return;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->account == account && order->series_id == series->id) return;
    }
    for (uint32_t i = 0; i < series->exposures.count; i++) {
        if (series->exposures.items[i] != exposure) continue;
        bool last = i + 1 == series->exposures.count;
        if (twin->funding_next == exposure) {
            twin->funding_next = last ? NULL : series->exposures.items[i + 1];
        }
        twin_list_take(&series->exposures, i);
        break;
    }
    free(exposure);
}

/* Takes an order out of the market without an event; the result kept for it alone is forgotten. */
void twin_remove(struct twin *twin, struct twin_order *order)
{
    TN_ASSERT(order->where != TWIN_GONE);
    bool found = twin_list_remove(&twin->orders, order);
    TN_ASSERT(found);
    order->where = TWIN_GONE;
    twin_list_add(&twin->graveyard, order);
    struct twin_list *results = &twin_account(twin, order->account)->results;
    for (uint32_t i = results->count; i-- > 0;) {
        struct twin_result *result = results->items[i];
        if (result->listed || result->order_id != order->id) continue;
        twin_list_take(results, i);
        free(result);
    }
    twin_release_exposure(twin, twin_series(twin, order->series_id), order->account);
}

static struct tn_event *emit_order(struct twin *twin, enum tn_event_kind kind,
                                   const struct twin_order *order)
{
    struct tn_event *event = twin_emit(twin, kind);
    event->order_id = order->id;
    event->account = order->account;
    event->series_id = order->series_id;
    event->side = order->side;
    return event;
}

static void cancel_sibling(struct twin *twin, struct twin_order *order)
{
    if (order->sibling == 0) return;
    struct twin_order *sibling = twin_order(twin, order->sibling);
    TN_ASSERT(sibling != NULL && sibling->sibling == order->id);
    order->sibling = 0;
    sibling->sibling = 0;
    twin_cancel(twin, sibling, TN_REASON_OCO);
}

void twin_cancel(struct twin *twin, struct twin_order *order, uint8_t reason)
{
    struct tn_event *event = emit_order(twin, TN_EVENT_CANCELLED, order);
    event->reason = reason;
    event->quantity = twin_open(order);
    twin_remove(twin, order);
    cancel_sibling(twin, order);
}

/* Orders enter the list as running; ids rise, so the end is their place. */
struct twin_order *twin_enter(struct twin *twin, const struct twin_order *draft)
{
    struct twin_order *order = twin_allocate(sizeof(*order));
    *order = *draft;
    order->id = ++twin->last_order_id;
    order->where = TWIN_RUNNING;
    twin_list_add(&twin->orders, order);
    twin_exposure_make(twin, twin_series(twin, order->series_id), order->account);
    return order;
}

void twin_rest(struct twin *twin, struct twin_order *order)
{
    TN_ASSERT(order->where == TWIN_RUNNING && order->hidden == 0 && order->visible > 0);
    if (order->display > 0 && order->visible > order->display) {
        order->hidden = order->visible - order->display;
        order->visible = order->display;
    }
    order->turn = ++twin->turns;
    order->where = TWIN_BOOK;
}

/* A maker that has lost something: gone, refreshed or neither. Gone orders tell nothing. */
static void after_loss(struct twin *twin, struct twin_order *maker)
{
    if (maker->visible > 0) return;
    if (maker->hidden == 0) {
        twin_remove(twin, maker);
        return;
    }
    maker->visible = least(maker->display, maker->hidden);
    maker->hidden -= maker->visible;
    maker->turn = ++twin->turns;
    struct tn_event *event = emit_order(twin, TN_EVENT_REFRESHED, maker);
    event->price = maker->price;
    event->quantity = maker->visible;
    event->remaining = twin_open(maker);
}

/* §8.3. */
void twin_settle_funding(struct twin *twin, struct twin_series *series,
                         struct twin_exposure *exposure)
{
    struct tn_position *position = &exposure->position;
    tn_micros amount = tn_mul_div_ceil(position->quantity,
                                       series->funding_index - position->funding_entry, 1000000);
    position->funding_entry = series->funding_index;
    if (amount == 0) return;
    twin_account(twin, exposure->account)->cash -= amount;
    twin->house[TN_HOUSE_FUNDING] += amount;
    series->funding_float += amount;
    struct tn_event *event = twin_emit(twin, TN_EVENT_FUNDED);
    event->account = exposure->account;
    event->series_id = series->id;
    event->money = amount;
    event->quantity = position->quantity;
}

/* §4.4 steps 1 to 4. */
void twin_trade(struct twin *twin, const struct twin_trade *trade)
{
    struct twin_series *series = trade->series;
    struct twin_account *taker = twin_account(twin, trade->taker);
    struct twin_account *maker = twin_account(twin, trade->maker);
    struct twin_exposure *taker_exposure = twin_exposure_make(twin, series, trade->taker);
    struct twin_exposure *maker_exposure = twin_exposure_make(twin, series, trade->maker);
    if (tn_series_kind(series->id) == TN_PERPETUAL) {
        twin_settle_funding(twin, series, taker_exposure);
        twin_settle_funding(twin, series, maker_exposure);
    }
    tn_micros notional = 0;
    bool fits = tn_notional(trade->price, trade->quantity, twin_micros_per_tick(twin, series->id),
                            &notional);
    TN_ASSERT(fits && trade->quantity > 0);
    tn_lots bought = trade->taker_side == TN_BUY ? trade->quantity : -trade->quantity;
    tn_position_add(&taker_exposure->position, bought, notional);
    tn_position_add(&maker_exposure->position, -bought, notional);
    tn_micros paid = trade->taker_side == TN_BUY ? notional : -notional;
    taker->cash -= paid;
    maker->cash += paid;

    const struct tn_fees *fees = twin_fees(twin, series->id);
    tn_micros base = twin_base(twin, series->id) * trade->quantity;
    int32_t taker_ppm =
        fees->taker_ppm < trade->taker_fee_max ? fees->taker_ppm : trade->taker_fee_max;
    int32_t maker_ppm = trade->maker_pays_as_taker ? fees->taker_ppm : fees->maker_ppm;
    if (maker_ppm > trade->maker_fee_max) maker_ppm = trade->maker_fee_max;
    tn_micros taker_fee = tn_fee(taker_ppm, fees->premium_cap_ppm, base, notional);
    tn_micros maker_fee = tn_fee(maker_ppm, fees->premium_cap_ppm, base, notional);
    if (maker_fee < -taker_fee) maker_fee = -taker_fee;
    taker->cash -= taker_fee;
    maker->cash -= maker_fee;
    twin->house[TN_HOUSE_FEES] += taker_fee + maker_fee;

    struct tn_event *event = twin_emit(twin, TN_EVENT_TRADE);
    event->side = trade->taker_side;
    event->flags = trade->flags;
    event->account = trade->taker;
    event->other_account = trade->maker;
    event->series_id = series->id;
    event->order_id = trade->taker_id;
    event->other_order_id = trade->maker_id;
    event->price = trade->price;
    event->quantity = trade->quantity;
    event->remaining = trade->taker_remaining;
    event->other_remaining = trade->maker_remaining;
    event->fee = taker_fee;
    event->other_fee = maker_fee;
}

/* §4.4 step 7, for one account. */
void twin_clip_reduce_only(struct twin *twin, const struct twin_series *series, uint32_t account)
{
    for (int side = TN_BUY; side <= TN_SELL; side++) {
        for (;;) {
            struct twin_order *newest = NULL;
            tn_lots sum = 0;
            for (uint32_t i = 0; i < twin->orders.count; i++) {
                struct twin_order *order = twin->orders.items[i];
                if (order->where != TWIN_BOOK || !order->reduce_only || order->side != side ||
                    order->account != account || order->series_id != series->id) {
                    continue;
                }
                sum += twin_open(order);
                newest = order;
            }
            tn_lots position = twin_position(series, account);
            tn_lots room = side == TN_SELL ? position : -position;
            if (room < 0) room = 0;
            if (sum <= room) break;
            tn_lots cut = least(sum - room, twin_open(newest));
            if (cut == twin_open(newest)) {
                twin_cancel(twin, newest, TN_REASON_REDUCE_ONLY);
                continue;
            }
            newest->visible -= cut;
            struct tn_event *event = emit_order(twin, TN_EVENT_REDUCED, newest);
            event->reason = TN_REASON_REDUCE_ONLY;
            event->quantity = cut;
            event->remaining = twin_open(newest);
        }
    }
}

/* What a protected quote may still trade before its group's quantity limit: INT64_MAX if none. */
tn_lots twin_group_room(const struct twin *twin, const struct twin_order *quote)
{
    if (!quote->quote || quote->group == 0) return INT64_MAX;
    const struct twin_group *group = twin_group(twin, quote->account, quote->group);
    TN_ASSERT(group != NULL);
    if (group->limits.quantity_limit == 0) return INT64_MAX;
    tn_lots used = twin_window_over(twin, group) ? 0 : group->used;
    return group->limits.quantity_limit - used;
}

/* §6: counts a fill of a quote, which may be gone by now. */
static void count_for_group(struct twin *twin, const struct twin_order *quote, tn_lots quantity)
{
    if (!quote->quote || quote->group == 0) return;
    struct twin_group *group = twin_group(twin, quote->account, quote->group);
    TN_ASSERT(group != NULL);
    if (twin_window_over(twin, group)) {
        group->window_start = twin->time_ms;
        group->used = 0;
        group->trades = 0;
        group->delta = group->vega = 0;
    }
    const struct twin_series *series = twin_series(twin, quote->series_id);
    tn_lots lots = quote->side == TN_BUY ? quantity : -quantity;
    group->used += quantity;
    group->trades++;
    group->delta += (tn_i128)lots * series->delta_ppb;
    group->vega += (tn_i128)lots * series->vega;
    const struct tn_mmp_set *limits = &group->limits;
    tn_i128 delta = group->delta < 0 ? -group->delta : group->delta;
    tn_i128 vega = group->vega < 0 ? -group->vega : group->vega;
    bool trips = (limits->quantity_limit > 0 && group->used >= limits->quantity_limit) ||
                 (limits->trades_limit > 0 && group->trades >= limits->trades_limit) ||
                 (limits->delta_limit > 0 && delta >= (tn_i128)limits->delta_limit * 1000000000) ||
                 (limits->vega_limit_micros > 0 && vega >= limits->vega_limit_micros);
    if (!trips) return;
    group->frozen_until = limits->freeze_ms == 0 ? INT64_MAX : twin->time_ms + limits->freeze_ms;
    group->window_start = -1;
    group->used = 0;
    group->trades = 0;
    group->delta = group->vega = 0;
    tn_lots cancelled = 0;
    struct twin_order *next = NULL;
    while ((next = twin_group_quote_after(twin, quote->account, quote->group, 0)) != NULL) {
        twin_cancel(twin, next, TN_REASON_PROTECTION);
        cancelled++;
    }
    struct tn_event *event = twin_emit(twin, TN_EVENT_PROTECTED);
    event->account = quote->account;
    event->index = quote->group;
    event->quantity = cancelled;
}

/* §4.4. In an auction the taker rests as well, and is treated as a second maker. */
void twin_fill(struct twin *twin, struct twin_order *taker, struct twin_order *maker,
               tn_ticks price, tn_lots quantity, uint8_t flags)
{
    TN_ASSERT(quantity > 0 && quantity <= taker->visible && quantity <= maker->visible);
    bool auction = (flags & TN_EVENT_AUCTION) != 0;
    struct twin_series *series = twin_series(twin, maker->series_id);
    taker->visible -= quantity;
    maker->visible -= quantity;
    taker->filled += quantity;
    struct twin_trade trade = {.series = series,
                               .price = price,
                               .quantity = quantity,
                               .taker_side = taker->side,
                               .flags = flags,
                               .taker = taker->account,
                               .maker = maker->account,
                               .taker_fee_max = taker->fee_max_ppm,
                               .maker_fee_max = maker->fee_max_ppm,
                               .taker_id = taker->id,
                               .maker_id = maker->id,
                               .taker_remaining = twin_open(taker),
                               .maker_remaining = twin_open(maker)};
    twin_trade(twin, &trade);
    cancel_sibling(twin, maker);
    cancel_sibling(twin, taker);
    after_loss(twin, maker);
    if (auction) after_loss(twin, taker);
    twin_clip_reduce_only(twin, series, maker->account);
    twin_clip_reduce_only(twin, series, taker->account);
    count_for_group(twin, maker, quantity);
    if (auction) count_for_group(twin, taker, quantity);
}

static void reduce_for_stp(struct twin *twin, struct twin_order *order, tn_lots quantity)
{
    struct tn_event *event = emit_order(twin, TN_EVENT_REDUCED, order);
    event->reason = TN_REASON_SELF_TRADE;
    event->quantity = quantity;
    event->remaining = twin_open(order);
}

/* §4.1 step 3, DECREMENT. */
static void decrement(struct twin *twin, struct twin_order *taker, struct twin_order *maker,
                      tn_lots quantity)
{
    taker->visible -= quantity;
    if (taker->visible == 0) {
        twin_cancel(twin, taker, TN_REASON_SELF_TRADE); /* its quantity is 0 by now */
    } else {
        reduce_for_stp(twin, taker, quantity);
    }
    if (twin_open(maker) == quantity) {
        twin_cancel(twin, maker, TN_REASON_SELF_TRADE);
        return;
    }
    maker->visible -= quantity;
    reduce_for_stp(twin, maker, quantity);
    after_loss(twin, maker);
}

/* §4.1 steps 1 to 4 for one maker, taking at most `most`; returns what went off the taker. */
static tn_lots serve(struct twin *twin, struct twin_order *taker, struct twin_order *maker,
                     tn_lots most, uint8_t flags)
{
    if (twin->reached >= twin->limits.fills_max) {
        twin_cancel(twin, taker, TN_REASON_FILL_LIMIT);
        return 0;
    }
    twin->reached++;
    tn_lots quantity = least(most, least(taker->visible, maker->visible));
    uint8_t death = twin_death(twin, maker);
    if (death != 0) {
        twin_cancel(twin, maker, death);
        return 0;
    }
    if (!twin_same_owner(twin, taker->account, maker->account)) {
        quantity = least(quantity, twin_group_room(twin, maker));
        twin_fill(twin, taker, maker, maker->price, quantity, flags);
        return quantity;
    }
    switch ((enum tn_stp)taker->stp) {
        case TN_STP_CANCEL_TAKER: twin_cancel(twin, taker, TN_REASON_SELF_TRADE); return 0;
        case TN_STP_CANCEL_MAKER: twin_cancel(twin, maker, TN_REASON_SELF_TRADE); return 0;
        case TN_STP_CANCEL_BOTH:
            twin_cancel(twin, maker, TN_REASON_SELF_TRADE);
            twin_cancel(twin, taker, TN_REASON_SELF_TRADE);
            return 0;
        case TN_STP_DECREMENT: decrement(twin, taker, maker, quantity); return quantity;
    }
    TN_ASSERT(false);
    return 0;
}

/* §4.1 on one level only, for at most `budget` lots. */
static void serve_level(struct twin *twin, struct twin_order *taker, tn_ticks price, tn_lots budget,
                        uint8_t flags)
{
    while (taker->where == TWIN_RUNNING && taker->visible > 0 && budget > 0) {
        struct twin_order *maker = twin_first(twin, taker->series_id, 1 - taker->side);
        if (maker == NULL || maker->price != price) return;
        budget -= serve(twin, taker, maker, budget, flags);
    }
}

/* §4.2 (b): the shares are fixed before the first of them is filled. */
static void serve_shares(struct twin *twin, struct twin_order *taker, tn_ticks price, uint8_t flags)
{
    uint32_t most = twin->limits.fills_max - twin->reached;
    struct twin_list makers = {0};
    tn_i128 sum = 0;
    for (struct twin_order *maker = twin_first(twin, taker->series_id, 1 - taker->side);
         maker != NULL && maker->price == price && makers.count < most;
         maker = twin_after(twin, maker)) {
        if (twin_death(twin, maker) != 0) continue;
        if (twin_same_owner(twin, maker->account, taker->account)) continue;
        twin_list_add(&makers, maker);
        sum += maker->visible;
    }
    tn_i128 rest = taker->visible;
    if (rest < sum) {
        tn_lots *shares = twin_allocate(makers.count * sizeof(*shares));
        uint64_t *turns = twin_allocate(makers.count * sizeof(*turns));
        for (uint32_t i = 0; i < makers.count; i++) {
            const struct twin_order *maker = makers.items[i];
            shares[i] = (tn_lots)(rest * maker->visible / sum);
            turns[i] = maker->turn;
        }
        for (uint32_t i = 0; i < makers.count && taker->where == TWIN_RUNNING; i++) {
            struct twin_order *maker = makers.items[i];
            if (shares[i] == 0 || taker->visible == 0) continue;
            if (maker->where != TWIN_BOOK || maker->turn != turns[i]) continue;
            serve(twin, taker, maker, shares[i], flags);
        }
        free(shares);
        free(turns);
    }
    free(makers.items);
}

/* §4.2. */
static void serve_blend(struct twin *twin, struct twin_order *taker, tn_ticks price, uint32_t ppm,
                        uint8_t flags)
{
    tn_lots by_time = tn_mul_div_ceil(taker->visible, ppm, 1000000);
    serve_level(twin, taker, price, by_time, flags);
    if (taker->where != TWIN_RUNNING || taker->visible == 0) return;
    serve_shares(twin, taker, price, flags);
    serve_level(twin, taker, price, INT64_MAX, flags);
}

static tn_lots level_visible(const struct twin *twin, const struct twin_order *first)
{
    tn_lots sum = 0;
    for (const struct twin_order *order = first; order != NULL && order->price == first->price;
         order = twin_after(twin, order)) {
        sum += order->visible;
    }
    return sum;
}

/* Runs an order against the book. Afterwards it is running with something open, or gone. */
void twin_run(struct twin *twin, struct twin_order *taker, uint8_t flags, bool fifo)
{
    TN_ASSERT(taker->where == TWIN_RUNNING && taker->hidden == 0 && taker->visible > 0);
    uint32_t underlying = tn_series_underlying(taker->series_id);
    uint32_t ppm = fifo ? 1000000 : twin_underlying(twin, underlying)->terms.fifo_ppm;
    while (taker->where == TWIN_RUNNING && taker->visible > 0) {
        struct twin_order *maker = twin_first(twin, taker->series_id, 1 - taker->side);
        if (maker == NULL) break;
        if (taker->side == TN_BUY ? maker->price > taker->price : maker->price < taker->price)
            break;
        tn_ticks price = maker->price;
        if (ppm < 1000000 && taker->visible < level_visible(twin, maker)) {
            serve_blend(twin, taker, price, ppm, flags);
        } else {
            serve_level(twin, taker, price, INT64_MAX, flags);
        }
    }
    if (taker->where == TWIN_RUNNING && taker->visible == 0) twin_remove(twin, taker);
}
