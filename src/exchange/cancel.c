/* cancel: how orders change and leave at their owner's wish (§5): replace, cancel, mass cancel, and
 * the jobs that finish large mass cancels in sweeps. */
#include "exchange/internal.h"

void tn_exchange_cancel(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                        const struct tn_command *command, const struct tn_exchange_ahead *ahead)
{
    uint32_t slot = tn_exchange_resolve(exchange, account, &command->as.cancel, ahead);
    if (slot == TN_NONE) {
        outcome->reject = TN_REJECT_ORDER_UNKNOWN;
        return;
    }
    if (!ahead->is_linked) tn_exchange_load_links(exchange, slot);
    outcome->order_id = exchange->resting[slot].id;
    tn_exchange_drop(exchange, slot, TN_REASON_REQUEST, TN_REJECT_NONE);
}

static struct tn_event *emit_replaced(struct tn_exchange *exchange, uint32_t slot, tn_ticks price,
                                      tn_lots quantity)
{
    const struct order *order = &exchange->orders[slot];
    struct tn_event *event = emit(exchange, TN_EVENT_REPLACED);
    event->side = order->side;
    event->account = exchange->resting[slot].account;
    event->series_id = exchange->series[exchange->exposures[order->exposure].series].id;
    event->order_id = exchange->resting[slot].id;
    event->price = price;
    event->quantity = quantity;
    return event;
}

/* Same price, not larger: the order keeps its place; what is hidden goes first. */
static void shrink(struct tn_exchange *exchange, uint32_t slot, tn_lots quantity)
{
    struct order *order = &exchange->orders[slot];
    tn_lots cut = open_of(exchange, slot) - quantity;
    tn_exchange_term_out(exchange, slot);
    tn_exchange_open_change(exchange, slot, -cut);
    tn_lots from_hidden = min_lots(cut, order->hidden);
    order->hidden -= from_hidden;
    if (cut > from_hidden) tn_book_reduce(exchange->books, slot, quantity);
    tn_exchange_term_in(exchange, slot);
    emit_replaced(exchange, slot, exchange->resting[slot].price, quantity)->flags =
        TN_EVENT_KEPT_PLACE;
}

/* The checks of a replace that moves the order. */
static enum tn_reject check_move(struct tn_exchange *exchange, struct running *running,
                                 tn_micros *reserve_per_lot, tn_micros *shortfall)
{
    const struct series *series = &exchange->series[running->series];
    const struct order *order = &exchange->orders[running->slot];
    enum tn_action action = order->post != TN_POST_NO ? TN_ACTION_POST : TN_ACTION_TAKE;
    enum tn_reject reject = tn_exchange_check_status(series, action);
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_market(exchange, series, order->fee_max_ppm);
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_price(series, running->side, running->limit, true);
    }
    if (reject == TN_REJECT_NONE) reject = tn_exchange_check_room(exchange, 0, 1);
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_entry(exchange, running, running->slot, reserve_per_lot,
                                         shortfall, order);
    }
    if (reject != TN_REJECT_NONE || order->post == TN_POST_NO) return reject;
    return tn_exchange_check_post(exchange, running, order->post);
}

static void move(struct tn_exchange *exchange, struct outcome *outcome, struct running *running)
{
    tn_micros reserve_per_lot;
    tn_ticks asked = running->limit;
    outcome->reject = check_move(exchange, running, &reserve_per_lot, &outcome->money);
    if (outcome->reject != TN_REJECT_NONE) return;
    struct series *series = &exchange->series[running->series];
    if (running->limit != asked) {
        reserve_per_lot = tn_exchange_reserve_per_lot(series, running->side, running->limit);
    }
    struct order *order = &exchange->orders[running->slot];
    emit_replaced(exchange, running->slot, running->limit, running->open);
    exchange->exposures[running->exposure].orders_count++; /* a pin */
    tn_exchange_lift(exchange, running->slot);
    order->reserve_per_lot = reserve_per_lot;
    if (series->status != TN_STATUS_AUCTION) tn_exchange_run(exchange, running);
    outcome->order_id = running->id;
    outcome->remaining = tn_exchange_come_to_rest(exchange, running, order);
    outcome->quantity = running->filled;
    tn_exchange_unpin_exposure(exchange, running->exposure);
}

void tn_exchange_replace(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                         const struct tn_command *command, const struct tn_exchange_ahead *ahead)
{
    uint32_t slot = tn_exchange_resolve(exchange, account, &command->as.replace.ref, ahead);
    if (slot == TN_NONE) {
        outcome->reject = TN_REJECT_ORDER_UNKNOWN;
        return;
    }
    if (!ahead->is_linked) tn_exchange_load_links(exchange, slot);
    const struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    uint32_t series = exchange->exposures[order->exposure].series;
    tn_ticks price = command->as.replace.price;
    tn_lots quantity = command->as.replace.quantity;
    if (order->is_quote || order->waiting) {
        outcome->reject = TN_REJECT_REPLACE_UNCHANGEABLE;
        return;
    }
    if (quantity < 1 || quantity > exchange->series[series].terms->contract.quantity_max) {
        outcome->reject = TN_REJECT_QUANTITY_RANGE;
        return;
    }
    if (price == resting->price && quantity <= open_of(exchange, slot)) {
        shrink(exchange, slot, quantity);
        outcome->order_id = resting->id;
        outcome->remaining = quantity;
        return;
    }
    struct running running = {.id = resting->id,
                              .sibling_id = sibling_of(order),
                              .account = account,
                              .owner = resting->owner,
                              .series = series,
                              .exposure = order->exposure,
                              .slot = slot,
                              .limit = price,
                              .open = quantity,
                              .fee_max_ppm = order->fee_max_ppm,
                              .side = order->side,
                              .stp = order->stp};
    move(exchange, outcome, &running);
}

/* Looks at the next order of a job, cancels it if it is meant. False when there is none left. */
static bool look_at_next(struct tn_exchange *exchange, struct job *job)
{
    uint32_t slot = job->cursor;
    if (slot == TN_NONE || exchange->resting[slot].id > job->last_id) return false;
    job->next_id = exchange->resting[slot].id + 1;
    job->cursor = exchange->links[slot].next;
    if (!tn_exchange_is_meant(exchange, &job->what, slot)) return true;
    uint32_t next = job->cursor;
    bool sibling_is_next =
        next != TN_NONE && exchange->resting[next].id == sibling_of(&exchange->orders[slot]);
    if (sibling_is_next) job->cursor = exchange->links[next].next;
    tn_exchange_drop(exchange, slot, TN_REASON_MASS_CANCEL, TN_REJECT_NONE);
    return true;
}

void tn_exchange_mass_cancel(struct tn_exchange *exchange, struct outcome *outcome,
                             uint32_t account_index, const struct tn_command *command)
{
    const struct tn_mass_cancel *what = &command->as.mass_cancel;
    struct account *account = &exchange->accounts[account_index];
    const struct tn_exchange_limits *limits = &exchange->limits;
    if (what->by & ~TN_BY_ALL) {
        outcome->reject = TN_REJECT_TERMS_CONFLICT;
        return;
    }
    if (what->by & TN_BY_SIDE && what->side > TN_SELL) {
        outcome->reject = TN_REJECT_SIDE_UNKNOWN;
        return;
    }
    if (account->orders_count > limits->cancels_max && exchange->jobs_count == limits->jobs_max) {
        outcome->reject = TN_REJECT_JOBS_FULL;
        return;
    }
    struct job job = {.what = *what,
                      .last_id = exchange->last_order_id,
                      .account = account_index,
                      .cursor = account->orders_head};
    uint32_t events_before = exchange->events_count;
    for (uint32_t i = 0; i < limits->cancels_max && look_at_next(exchange, &job);)
        i++;
    outcome->quantity = exchange->events_count - events_before;
    if (job.cursor == TN_NONE) return;
    outcome->remaining = 1;
    exchange->jobs[exchange->jobs_count++] = job;
    tn_exchange_touch_jobs(exchange, exchange->jobs_count - 1);
    account->jobs_count++;
}

uint32_t tn_exchange_sweep_jobs(struct tn_exchange *exchange, uint32_t units)
{
    while (units > 0 && exchange->jobs_count > 0) {
        struct job *job = &exchange->jobs[0];
        tn_exchange_touch_jobs(exchange, 0);
        if (look_at_next(exchange, job)) {
            units--;
            continue;
        }
        exchange->accounts[job->account].jobs_count--;
        exchange->jobs_count--;
        memmove(&exchange->jobs[0], &exchange->jobs[1], exchange->jobs_count * sizeof *job);
    }
    return units;
}
