/* registry: accounts, series and exposures: how they are found, made and given back.
 *
 * Series slots are handed out once; when all are taken, listing reuses the slot of the series that
 * settled first. Exposures come and go with positions and orders; an account's futures and
 * perpetuals stand first in its list, so that free equity walks only those. */
#include "exchange/internal.h"

bool tn_exchange_exposure_fits(const struct tn_exchange *exchange, uint32_t account, uint32_t asked)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    uint32_t held = exchange->accounts[account].exposures_count;
    return held + asked < limits->exposures_per_account_max &&
           exchange->exposures_count + asked < limits->exposures_max;
}

static void link_to_account(struct tn_exchange *exchange, uint32_t slot)
{
    struct exposure *exposure = &exchange->exposures[slot];
    struct account *account = &exchange->accounts[exposure->account];
    bool first = exchange->series[exposure->series].is_linear;
    exposure->account_previous = first ? TN_NONE : account->exposures_tail;
    exposure->account_next = first ? account->exposures_head : TN_NONE;
    uint32_t previous = exposure->account_previous;
    uint32_t next = exposure->account_next;
    *(previous == TN_NONE ? &account->exposures_head
                          : &exchange->exposures[previous].account_next) = slot;
    *(next == TN_NONE ? &account->exposures_tail : &exchange->exposures[next].account_previous) =
        slot;
    account->exposures_count++;
    account->linear_count += first;
}

static void link_to_series(struct tn_exchange *exchange, uint32_t slot)
{
    struct exposure *exposure = &exchange->exposures[slot];
    struct series *series = &exchange->series[exposure->series];
    exposure->series_next = TN_NONE;
    exposure->series_previous = series->exposures_tail;
    *(series->exposures_tail == TN_NONE
          ? &series->exposures_head
          : &exchange->exposures[series->exposures_tail].series_next) = slot;
    series->exposures_tail = slot;
    series->exposures_count++;
}

static uint32_t make_exposure(struct tn_exchange *exchange, uint32_t account, uint32_t series)
{
    TN_ASSERT(exchange->exposures_count < exchange->limits.exposures_max);
    uint32_t slot = exchange->exposures_free;
    if (slot != TN_NONE) {
        exchange->exposures_free = exchange->exposures[slot].account_next;
    } else {
        slot = exchange->exposures_used++;
    }
    exchange->exposures_count++;
    exchange->exposures[slot] = (struct exposure){
        .position = {.funding_entry = exchange->series[series].funding_index},
        .account = account,
        .series = series,
        .quote = {TN_NONE, TN_NONE},
        .reduce_head = TN_NONE,
        .joined = ++exchange->joined_last,
    };
    link_to_account(exchange, slot);
    link_to_series(exchange, slot);
    tn_exchange_touch_account(exchange, account, TOUCH_POSITIONS);
    tn_index_insert(&exchange->exposure_index, exposure_hash(exchange, account, series), slot);
    tn_exchange_held(exchange, slot);
    return slot;
}

/* A pin keeps an exposure alive while an order of it runs, before and between its resting places.
 */
uint32_t tn_exchange_pin_exposure(struct tn_exchange *exchange, uint32_t account, uint32_t series)
{
    uint32_t slot = tn_exchange_find_exposure(exchange, account, series);
    if (slot == TN_NONE) slot = make_exposure(exchange, account, series);
    exchange->exposures[slot].orders_count++;
    return slot;
}

/* Gives back an exposure of which nothing is left. */
void tn_exchange_free_exposure(struct tn_exchange *exchange, uint32_t slot)
{
    struct exposure *exposure = &exchange->exposures[slot];
    TN_ASSERT(exposure->orders_count == 0 && exposure->position.quantity == 0);
    TN_ASSERT(exposure->open[TN_BUY] == 0 && exposure->open[TN_SELL] == 0);
    struct account *account = &exchange->accounts[exposure->account];
    struct series *series = &exchange->series[exposure->series];
    if (exchange->risk != NULL) tn_exchange_unhold(exchange, slot);
    tn_index_remove(&exchange->exposure_index,
                    exposure_hash(exchange, exposure->account, exposure->series), slot);

    uint32_t next = exposure->account_next, previous = exposure->account_previous;
    *(previous == TN_NONE ? &account->exposures_head
                          : &exchange->exposures[previous].account_next) = next;
    *(next == TN_NONE ? &account->exposures_tail : &exchange->exposures[next].account_previous) =
        previous;
    account->exposures_count--;
    account->linear_count -= series->is_linear;

    next = exposure->series_next, previous = exposure->series_previous;
    *(previous == TN_NONE ? &series->exposures_head : &exchange->exposures[previous].series_next) =
        next;
    *(next == TN_NONE ? &series->exposures_tail : &exchange->exposures[next].series_previous) =
        previous;
    series->exposures_count--;
    tn_exchange_touch_account(exchange, exposure->account, TOUCH_POSITIONS);
    if (exchange->funding_cursor == slot) exchange->funding_cursor = next;

    exposure->account = TN_NONE;
    exposure->account_next = exchange->exposures_free;
    exchange->exposures_free = slot;
    exchange->exposures_count--;
}

/* The series with the least id above after_id, or TN_NONE. O(series): for rare entries and tools.
 */
uint32_t tn_exchange_next_series(const struct tn_exchange *exchange, uint64_t after_id)
{
    uint32_t best = TN_NONE;
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        uint64_t id = exchange->series[i].id;
        if (id > after_id && (best == TN_NONE || id < exchange->series[best].id)) best = i;
    }
    return best;
}

bool tn_exchange_series_fits(const struct tn_exchange *exchange)
{
    return exchange->series_used < exchange->limits.series_max || exchange->settled.count > 0;
}

static uint32_t take_series_slot(struct tn_exchange *exchange)
{
    if (exchange->series_used < exchange->limits.series_max) return exchange->series_used++;
    TN_ASSERT(exchange->settled.count > 0);
    uint32_t slot = queue_at(&exchange->settled, 0, exchange->limits.series_max);
    tn_queue_pop(exchange, &exchange->settled);
    if (exchange->series[slot].in_trigger_queue) {
        tn_queue_remove(exchange, &exchange->triggers, slot);
    }
    tn_index_remove(&exchange->series_index,
                    tn_index_hash(&exchange->series_index, exchange->series[slot].id), slot);
    exchange->series_count--;
    return slot;
}

/* Lists a series: the id is valid and new, its underlying exists, and there is room. */
void tn_exchange_add_series(struct tn_exchange *exchange, uint64_t id)
{
    uint32_t slot = take_series_slot(exchange);
    uint16_t underlying = (uint16_t)(tn_series_underlying(id) - 1);
    const struct underlying *under = &exchange->underlyings[underlying];
    bool is_linear = !tn_series_is_option(id);
    int64_t expiry = tn_series_expiry_ms(id);
    exchange->series[slot] = (struct series){
        .id = id,
        .terms = &under->terms[is_linear],
        .mark = -1,
        .closing_at_ms = expiry == INT64_MAX ? INT64_MAX : expiry - under->closing_ms,
        .fifo_ppm = under->fifo_ppm,
        .exposures_head = TN_NONE,
        .exposures_tail = TN_NONE,
        .underlying = underlying,
        .touched = exchange->series[slot].touched,
        .status = TN_STATUS_INITIALIZING,
        .is_linear = is_linear,
        .expiry = TN_NONE,
        .expiry_next = TN_NONE,
    };
    tn_exchange_touch_series(exchange, slot, TOUCH_SERIES | TOUCH_ROWS | TOUCH_BOOK);
    if (exchange->risk != NULL) tn_exchange_join_expiry(exchange, slot);
    tn_index_insert(&exchange->series_index, tn_index_hash(&exchange->series_index, id), slot);
    exchange->series_count++;
    struct tn_event *event = emit(exchange, TN_EVENT_LISTED);
    event->series_id = id;
    event->index = TN_STATUS_INITIALIZING;
}

void tn_queue_push(struct tn_exchange *exchange, struct queue *queue, uint32_t series)
{
    uint32_t capacity = exchange->limits.series_max;
    TN_ASSERT(queue->count < capacity);
    uint32_t at = queue->head + queue->count++;
    queue->items[at >= capacity ? at - capacity : at] = series;
    tn_exchange_touch_queue(exchange, queue, queue->count - 1);
}

void tn_queue_pop(struct tn_exchange *exchange, struct queue *queue)
{
    TN_ASSERT(queue->count > 0);
    tn_exchange_touch_queue(exchange, queue, 0); /* the others move up */
    queue->head = queue->head + 1 == exchange->limits.series_max ? 0 : queue->head + 1;
    queue->count--;
}

/* Takes a series out of the middle of a queue. O(queue): for rare entries. */
void tn_queue_remove(struct tn_exchange *exchange, struct queue *queue, uint32_t series)
{
    for (uint32_t left = queue->count; left > 0; left--) {
        uint32_t other = queue_at(queue, 0, exchange->limits.series_max);
        tn_queue_pop(exchange, queue);
        if (other != series) tn_queue_push(exchange, queue, other);
    }
}
