/* The twin's sliced work (§8.1) and the uncross (§9). Each step looks for the first thing to do
 * anew; nothing is remembered between steps but what the spec says is state. */
#include "twin_internal.h"

#include <stdlib.h>

/* ---- Jobs and expiry ------------------------------------------------------------------------- */

static void step_job(struct twin *twin, int64_t *units)
{
    struct twin_job *job = twin->jobs.items[0];
    struct twin_order *next = NULL;
    for (uint32_t i = 0; i < twin->orders.count && next == NULL; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (order->account != job->account) continue;
        if (order->id >= job->next_id && order->id <= job->last_id) next = order;
    }
    if (next == NULL) {
        twin_list_take(&twin->jobs, 0);
        free(job);
        return;
    }
    --*units;
    job->next_id = next->id + 1;
    if (twin_meant(&job->conditions, next)) twin_cancel(twin, next, TN_REASON_MASS_CANCEL);
}

/* Those by time before those by block; then by until, then id. */
static bool expires_before(const struct twin_order *one, const struct twin_order *other)
{
    if (one->tif != other->tif) return one->tif == TN_GTT;
    if (one->until != other->until) return one->until < other->until;
    return one->id < other->id;
}

static struct twin_order *first_expired(const struct twin *twin)
{
    struct twin_order *first = NULL;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (twin_death(twin, order) != TN_REASON_EXPIRED) continue;
        if (first == NULL || expires_before(order, first)) first = order;
    }
    return first;
}

/* ---- Settlement ------------------------------------------------------------------------------ */

static void settle_exposure(struct twin *twin, struct twin_series *series)
{
    struct twin_exposure *exposure = series->exposures.items[0];
    if (exposure->position.quantity != 0) {
        tn_micros received = series->settlement_value * exposure->position.quantity;
        twin_account(twin, exposure->account)->cash += received;
        twin->house[TN_HOUSE_CLEARING] -= received;
        struct tn_event *event = twin_emit(twin, TN_EVENT_SETTLED);
        event->account = exposure->account;
        event->series_id = series->id;
        event->quantity = exposure->position.quantity;
        event->money = received;
    }
    twin_list_take(&series->exposures, 0);
    free(exposure);
}

static void step_settlement(struct twin *twin, int64_t *units)
{
    struct twin_series *series = twin->settlement_queue.items[0];
    struct twin_order *order = twin_first(twin, series->id, TN_BUY);
    if (order == NULL) order = twin_first(twin, series->id, TN_SELL);
    if (order == NULL) order = twin_first_stop(twin, series->id, TN_BUY);
    if (order == NULL) order = twin_first_stop(twin, series->id, TN_SELL);
    if (order != NULL) {
        --*units;
        twin_cancel(twin, order, TN_REASON_SETTLEMENT);
        return;
    }
    if (series->exposures.count > 0) {
        --*units;
        settle_exposure(twin, series);
        return;
    }
    twin_list_take(&twin->settlement_queue, 0);
    twin_list_add(&twin->settled, series);
    twin_set_status(twin, series, TN_STATUS_SETTLED);
}

/* ---- Triggers -------------------------------------------------------------------------------- */

static enum tn_reject check_triggered(struct twin *twin, const struct twin_series *series,
                                      struct twin_order *draft)
{
    bool rests = draft->tif != TN_IOC && draft->tif != TN_FOK;
    enum tn_reject reject =
        twin_check_admitted(twin, series, TN_ACTION_TAKE, draft->type == TN_LIMIT && rests);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_fee(twin, series->id, draft->fee_max_ppm);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_price(twin, series, draft, true);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_exposure(twin, series, draft->account, 0);
    if (reject != TN_REJECT_NONE) return reject;
    if (rests && twin_orders_count(twin) + 1 > twin->limits.orders_max) {
        return TN_REJECT_ORDERS_FULL;
    }
    if (rests && twin_levels_count(twin) + 1 > twin->limits.levels_max) {
        return TN_REJECT_LEVELS_FULL;
    }
    tn_micros shortfall = 0;
    return twin_check_entering(twin, series, draft, NULL, &shortfall);
}

static void trigger(struct twin *twin, struct twin_series *series, struct twin_order *stop)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_TRIGGERED);
    event->account = stop->account;
    event->series_id = stop->series_id;
    event->side = stop->side;
    event->order_id = stop->id;
    event->price = stop->trigger;
    if (stop->sibling != 0) {
        struct twin_order *sibling = twin_order(twin, stop->sibling);
        stop->sibling = 0;
        sibling->sibling = 0;
        twin_cancel(twin, sibling, TN_REASON_OCO);
    }
    stop->where = TWIN_RUNNING;
    stop->trigger = 0;
    struct twin_order draft = *stop;
    enum tn_reject reject = check_triggered(twin, series, &draft);
    if (reject != TN_REJECT_NONE) {
        uint32_t place = twin->events_count;
        twin_cancel(twin, stop, TN_REASON_TRIGGER);
        twin->events[place].reject = (uint16_t)reject;
        return;
    }
    *stop = draft;
    twin_run_and_rest(twin, stop);
}

static void step_trigger(struct twin *twin, int64_t *units)
{
    struct twin_series *series = twin->trigger_queue.items[0];
    struct twin_order *stop = twin_first_stop(twin, series->id, TN_BUY);
    if (stop == NULL || !twin_stop_reached(twin, series, stop)) {
        stop = twin_first_stop(twin, series->id, TN_SELL);
    }
    bool waits = !tn_status_admits((enum tn_status)series->status, TN_ACTION_TAKE) ||
                 twin_list_has(&twin->uncross_queue, series);
    if (waits || stop == NULL || !twin_stop_reached(twin, series, stop)) {
        twin_list_take(&twin->trigger_queue, 0);
        return;
    }
    uint8_t death = twin_death(twin, stop);
    if (death != 0) {
        --*units;
        twin_cancel(twin, stop, death);
        return;
    }
    twin->reached = 0;
    trigger(twin, series, stop);
    *units -= 1 + (int64_t)twin->reached;
}

/* ---- Uncross --------------------------------------------------------------------------------- */

static uint8_t sits_out(const struct twin *twin, const struct twin_order *order)
{
    uint8_t death = twin_death(twin, order);
    if (death != 0) return death;
    return twin_free_equity(twin, order->account) < 0 ? TN_REASON_AUCTION : 0;
}

static tn_lots volume_at(const struct twin_order *const *orders, uint32_t count, int side,
                         tn_ticks price)
{
    tn_lots sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (orders[i]->side != side) continue;
        if (side == TN_BUY ? orders[i]->price >= price : orders[i]->price <= price) {
            sum += twin_open(orders[i]);
        }
    }
    return sum;
}

struct clearing {
    tn_ticks price; /* 0: none yet */
    tn_lots volume, imbalance;
    tn_i128 distance;
};

static void consider(const struct twin *twin, const struct twin_series *series,
                     const struct twin_order *const *orders, uint32_t count, tn_ticks price,
                     struct clearing *best)
{
    tn_lots bought = volume_at(orders, count, TN_BUY, price);
    tn_lots sold = volume_at(orders, count, TN_SELL, price);
    struct clearing found = {.price = price,
                             .volume = bought < sold ? bought : sold,
                             .imbalance = bought < sold ? sold - bought : bought - sold};
    tn_i128 value = (tn_i128)price * twin_micros_per_tick(twin, series->id);
    found.distance = value > series->mark ? value - series->mark : series->mark - value;
    if (best->price != 0) {
        if (found.volume != best->volume) {
            if (found.volume < best->volume) return;
        } else if (found.imbalance != best->imbalance) {
            if (found.imbalance > best->imbalance) return;
        } else if (found.distance != best->distance) {
            if (found.distance > best->distance) return;
        } else if (found.price >= best->price) {
            return;
        }
    }
    *best = found;
}

/* Every price on tick when the range is short. In a long one B(p) and A(p) change only next to the
 * price of an order, so the admissible prices fall into runs in which both are constant and whose
 * ends are order prices or their neighbours on tick; within a run only the distance to the mark
 * counts, which is convex, so the best of a run is one of its ends or one of the two prices on tick
 * around the mark. */
static void consider_all(const struct twin *twin, const struct twin_series *series,
                         const struct twin_order *const *orders, uint32_t count, tn_ticks low,
                         tn_ticks high, struct clearing *best)
{
    const struct tn_tick_schedule *schedule = &twin_contract(twin, series->id)->schedule;
    if (high - low <= 256) {
        for (tn_ticks price = low; price <= high; price++) {
            if (tn_tick_on(schedule, price)) consider(twin, series, orders, count, price, best);
        }
        return;
    }
    tn_ticks at_mark = series->mark / twin_micros_per_tick(twin, series->id);
    for (uint32_t i = 0; i <= count; i++) {
        tn_ticks price = i < count ? orders[i]->price : at_mark;
        tn_ticks candidates[4] = {0, 0, 0, 0};
        if (price > 1) candidates[0] = tn_tick_floor(schedule, price - 1);
        if (price > 0) candidates[1] = tn_tick_floor(schedule, price);
        if (price > 0) candidates[2] = tn_tick_ceil(schedule, price);
        candidates[3] = tn_tick_ceil(schedule, price + 1);
        for (uint32_t j = 0; j < 4; j++) {
            if (candidates[j] < low || candidates[j] > high) continue;
            consider(twin, series, orders, count, candidates[j], best);
        }
    }
}

static struct clearing clearing_price(const struct twin *twin, const struct twin_series *series)
{
    const struct twin_order **orders = twin_allocate((twin->orders.count + 1) * sizeof(*orders));
    uint32_t count = 0;
    tn_ticks low = 0;
    tn_ticks high = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->where != TWIN_BOOK || order->series_id != series->id) continue;
        if (sits_out(twin, order) != 0) continue;
        orders[count++] = order;
        if (order->side == TN_BUY && order->price > high) high = order->price;
        if (order->side == TN_SELL && (low == 0 || order->price < low)) low = order->price;
    }
    struct clearing best = {0};
    if (low != 0 && high >= low) consider_all(twin, series, orders, count, low, high, &best);
    free(orders);
    return best;
}

static void emit_uncrossed(struct twin *twin, const struct twin_series *series,
                           const struct clearing *clearing, uint8_t flags, uint32_t index)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_UNCROSSED);
    event->series_id = series->id;
    event->price = clearing->price;
    event->quantity = clearing->volume;
    event->flags = flags;
    event->index = index;
}

enum tn_reject twin_uncross(struct twin *twin, uint64_t series_id)
{
    struct twin_series *series = twin_series(twin, series_id);
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (series->status != TN_STATUS_AUCTION || twin_list_has(&twin->uncross_queue, series)) {
        return TN_REJECT_SERIES_STATUS;
    }
    struct clearing clearing = clearing_price(twin, series);
    if (clearing.price != 0) {
        tn_i128 value = (tn_i128)clearing.price * twin_micros_per_tick(twin, series->id);
        tn_i128 width = twin_band_width(twin, series) * ((tn_i128)1 << series->rounds);
        if (value > series->mark + width || value < series->mark - width) {
            if (series->rounds >= 3) {
                twin_set_status(twin, series, TN_STATUS_HALTED);
                return TN_REJECT_NONE;
            }
            series->rounds++;
            emit_uncrossed(twin, series, &clearing, TN_EVENT_REPEATED, series->rounds);
            return TN_REJECT_NONE;
        }
    }
    emit_uncrossed(twin, series, &clearing, 0, 0);
    if (clearing.price == 0 && !twin_crossed(twin, series_id)) {
        twin_set_status(twin, series, TN_STATUS_ACTIVE);
        return TN_REJECT_NONE;
    }
    series->uncross_price = clearing.price;
    twin_list_add(&twin->uncross_queue, series);
    return TN_REJECT_NONE;
}

static void step_uncross(struct twin *twin, int64_t *units)
{
    struct twin_series *series = twin->uncross_queue.items[0];
    if (!twin_crossed(twin, series->id)) {
        twin_list_take(&twin->uncross_queue, 0);
        series->uncross_price = 0;
        twin_set_status(twin, series, TN_STATUS_ACTIVE);
        return;
    }
    --*units;
    struct twin_order *bid = twin_first(twin, series->id, TN_BUY);
    struct twin_order *ask = twin_first(twin, series->id, TN_SELL);
    struct twin_order *younger = bid->id > ask->id ? bid : ask;
    struct twin_order *older = younger == bid ? ask : bid;
    uint8_t bid_sits = sits_out(twin, bid);
    uint8_t ask_sits = sits_out(twin, ask);
    if (bid_sits != 0) {
        twin_cancel(twin, bid, bid_sits);
    } else if (ask_sits != 0) {
        twin_cancel(twin, ask, ask_sits);
    } else if (twin_same_owner(twin, bid->account, ask->account)) {
        twin_cancel(twin, younger, TN_REASON_SELF_TRADE);
    } else if (bid->price < series->uncross_price || ask->price > series->uncross_price) {
        twin_cancel(twin, younger, TN_REASON_AUCTION);
    } else {
        tn_lots quantity = bid->visible < ask->visible ? bid->visible : ask->visible;
        tn_lots bid_room = twin_group_room(twin, bid);
        tn_lots ask_room = twin_group_room(twin, ask);
        if (quantity > bid_room) quantity = bid_room;
        if (quantity > ask_room) quantity = ask_room;
        twin_fill(twin, younger, older, series->uncross_price, quantity, TN_EVENT_AUCTION);
    }
}

/* ---- Funding --------------------------------------------------------------------------------- */

static void step_funding(struct twin *twin, int64_t *units)
{
    struct twin_series *series = twin->funding_queue.items[0];
    if (!twin->funding_turn) {
        twin->funding_turn = true;
        twin->funding_turn_index = series->funding_index;
        twin->funding_next = series->exposures.count > 0 ? series->exposures.items[0] : NULL;
    }
    if (twin->funding_next == NULL) {
        if (series->funding_index == twin->funding_turn_index) {
            twin->house[TN_HOUSE_FUNDING] -= series->funding_float;
            twin->house[TN_HOUSE_INSURANCE] += series->funding_float;
            series->funding_float = 0;
        }
        twin->funding_turn = false;
        twin_list_take(&twin->funding_queue, 0);
        return;
    }
    --*units;
    struct twin_exposure *exposure = twin->funding_next;
    twin->funding_next = NULL;
    for (uint32_t i = 0; i + 1 < series->exposures.count; i++) {
        if (series->exposures.items[i] == exposure) {
            twin->funding_next = series->exposures.items[i + 1];
        }
    }
    twin_settle_funding(twin, series, exposure);
}

void twin_sweep(struct twin *twin, uint32_t asked)
{
    uint32_t most = twin->limits.sweep_units_max;
    int64_t units = asked < most ? asked : most;
    while (units > 0) {
        struct twin_order *expired = NULL;
        if (twin->jobs.count > 0) {
            step_job(twin, &units);
        } else if ((expired = first_expired(twin)) != NULL) {
            units--;
            twin_cancel(twin, expired, TN_REASON_EXPIRED);
        } else if (twin->settlement_queue.count > 0) {
            step_settlement(twin, &units);
        } else if (twin->trigger_queue.count > 0) {
            step_trigger(twin, &units);
        } else if (twin->uncross_queue.count > 0) {
            step_uncross(twin, &units);
        } else if (twin->funding_queue.count > 0) {
            step_funding(twin, &units);
        } else {
            break;
        }
    }
}

bool twin_work(const struct twin *twin)
{
    return twin->jobs.count > 0 || first_expired(twin) != NULL ||
           twin->settlement_queue.count > 0 || twin->trigger_queue.count > 0 ||
           twin->uncross_queue.count > 0 || twin->funding_queue.count > 0;
}
