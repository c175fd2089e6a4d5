/* sweep: the work that runs in slices (§8.1), so that no command waits behind all of it. Each queue
 * is worked until it is empty or the units are spent; every cursor is state. */
#include "exchange/risk.h"

static uint32_t sweep_expired(struct tn_exchange *exchange, uint32_t units)
{
    struct heap *heaps[2] = {&exchange->by_time, &exchange->by_block};
    for (uint32_t i = 0; i < 2; i++) {
        while (units > 0 && heaps[i]->count > 0) {
            uint32_t slot = heaps[i]->slots[0];
            if (tn_exchange_death(exchange, slot) != TN_REASON_EXPIRED) break;
            tn_exchange_drop(exchange, slot, TN_REASON_EXPIRED, TN_REJECT_NONE);
            units--;
        }
    }
    return units;
}

/* ---- Triggers ---- */

/* The reached stop first in line, or TN_NONE. */
static uint32_t reached_stop(const struct tn_exchange *exchange, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    for (uint8_t side = TN_BUY; side <= TN_SELL; side++) {
        uint32_t slot = tn_book_front(exchange->books, stops_of(index), stop_side(side));
        if (slot != TN_NONE &&
            tn_exchange_stop_reached(series, side, exchange->resting[slot].price)) {
            return slot;
        }
    }
    return TN_NONE;
}

/* The checks of a triggered stop that has left the stops; sets its limit and reserve. */
static enum tn_reject check_triggered(const struct tn_exchange *exchange, struct running *running,
                                      struct order *order)
{
    const struct series *series = &exchange->series[running->series];
    bool can_rest = order->tif != TN_IOC && order->tif != TN_FOK;
    tn_micros shortfall;
    enum tn_reject reject = tn_exchange_check_status(series, TN_ACTION_TAKE);
    if (reject == TN_REJECT_NONE && series->status == TN_STATUS_AUCTION && !can_rest) {
        reject = TN_REJECT_SERIES_STATUS;
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_market(exchange, series, order->fee_max_ppm);
    }
    if (reject == TN_REJECT_NONE) {
        reject = order->type == TN_MARKET && order->limit_price == 0
                     ? tn_exchange_band_edge(&running->limit, series, running->side)
                     : tn_exchange_check_price(series, running->side, running->limit, true);
    }
    if (reject == TN_REJECT_NONE && can_rest) reject = tn_exchange_check_room(exchange, 0, 1);
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_entry(exchange, running, TN_NONE, &order->reserve_per_lot,
                                         &shortfall, order);
    }
    return reject;
}

static void report_triggered(struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    struct tn_event *event = emit(exchange, TN_EVENT_TRIGGERED);
    event->side = order->side;
    event->account = resting->account;
    event->series_id = exchange->series[exchange->exposures[order->exposure].series].id;
    event->order_id = resting->id;
    event->price = resting->price;
}

static void trigger(struct tn_exchange *exchange, uint32_t index, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    report_triggered(exchange, slot);
    tn_exchange_drop_sibling(exchange, &order->sibling_id);
    tn_exchange_lift(exchange, slot);
    struct running running = {
        .id = resting->id,
        .account = resting->account,
        .owner = resting->owner,
        .series = index,
        .exposure = order->exposure,
        .slot = slot,
        .limit = order->limit_price,
        .open = resting->quantity,
        .fee_max_ppm = order->fee_max_ppm,
        .side = order->side,
        .stp = order->stp,
    };
    enum tn_reject reject = check_triggered(exchange, &running, order);
    if (reject != TN_REJECT_NONE) {
        tn_exchange_drop(exchange, slot, TN_REASON_TRIGGER, reject);
        return;
    }
    uint32_t pinned = tn_exchange_pin_exposure(exchange, running.account, index);
    if (exchange->series[index].status != TN_STATUS_AUCTION) tn_exchange_run(exchange, &running);
    tn_exchange_come_to_rest(exchange, &running, order);
    tn_exchange_unpin_exposure(exchange, pinned);
}

uint32_t tn_exchange_sweep_triggers(struct tn_exchange *exchange, uint32_t units)
{
    while (units > 0 && exchange->triggers.count > 0) {
        uint32_t index = queue_at(&exchange->triggers, 0, exchange->limits.series_max);
        /* Stops of a series that takes no orders now wait: the next mark brings it back. */
        const struct series *series = &exchange->series[index];
        bool admits = tn_exchange_check_status(series, TN_ACTION_TAKE) == TN_REJECT_NONE;
        uint32_t slot = admits ? reached_stop(exchange, index) : TN_NONE;
        if (slot == TN_NONE) {
            exchange->series[index].in_trigger_queue = 0;
            tn_queue_pop(exchange, &exchange->triggers);
            continue;
        }
        exchange->makers_count = 0;
        TN_ASSERT(!tn_exchange_death(exchange, slot)); /* jobs and expiry come first in a sweep */
        trigger(exchange, index, slot);
        uint32_t cost = 1 + exchange->makers_count;
        units -= cost < units ? cost : units;
    }
    return units;
}

void tn_exchange_sweep(struct tn_exchange *exchange, uint32_t units)
{
    if (units > exchange->limits.sweep_units_max) units = exchange->limits.sweep_units_max;
    exchange->makers_count = 0;
    units = tn_exchange_sweep_accounts(exchange, units);
    units = tn_exchange_sweep_jobs(exchange, units);
    units = sweep_expired(exchange, units);
    units = tn_exchange_sweep_settlements(exchange, units);
    units = tn_exchange_sweep_triggers(exchange, units);
    units = tn_exchange_sweep_uncrosses(exchange, units);
    tn_exchange_sweep_fundings(exchange, units);
}

bool tn_exchange_work(const struct tn_exchange *exchange)
{
    const struct heap *by_time = &exchange->by_time, *by_block = &exchange->by_block;
    bool sweeping = exchange->risk != NULL && exchange->risk->sweeping;
    return sweeping || exchange->jobs_count > 0 || exchange->settlements.count > 0 ||
           exchange->triggers.count > 0 || exchange->uncrosses.count > 0 ||
           exchange->fundings.count > 0 ||
           (by_time->count > 0 && tn_exchange_death(exchange, by_time->slots[0])) ||
           (by_block->count > 0 && tn_exchange_death(exchange, by_block->slots[0]));
}
