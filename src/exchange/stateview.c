/* stateview: series, orders, positions and accounts for who looks on. Reading changes nothing; what
 * is worked out (bands in ticks, values at the mark) is worked out as the checks of commands do. */
#include "tenor/stateview.h"
#include "exchange/feeds.h"

#define DELTA_MAX (INT64_C(1) << 62)

/* ---- Series ------------------------------------------------------------------------------------
 */

bool tn_exchange_underlying_view(const struct tn_exchange *exchange,
                                 struct tn_underlying_view *view, uint32_t number)
{
    if (number < 1 || number > exchange->underlyings_count) return false;
    const struct underlying *under = &exchange->underlyings[number - 1];
    *view = (struct tn_underlying_view){.symbol = under->symbol,
                                        .index_micros = under->index_micros,
                                        .option = &under->terms[0].contract,
                                        .linear = &under->terms[1].contract};
    return true;
}

uint32_t tn_exchange_slots_count(const struct tn_exchange *exchange)
{
    return exchange->series_used;
}

static int64_t time_left_ms(const struct tn_exchange *exchange, const struct series *series)
{
    int64_t expiry_ms = tn_series_expiry_ms(series->id);
    if (expiry_ms == INT64_MAX || expiry_ms <= exchange->time_ms) return 0;
    int64_t left_ms = expiry_ms - exchange->time_ms;
    return left_ms < INT64_C(1) << 40 ? left_ms : INT64_C(1) << 40;
}

static void fill_bands(struct tn_listed_view *view, const struct series *series)
{
    tn_ticks edge;
    if (tn_exchange_band_edge(&edge, series, TN_BUY) == TN_REJECT_NONE) view->band_high = edge;
    if (tn_exchange_band_edge(&edge, series, TN_SELL) == TN_REJECT_NONE) view->band_low = edge;
}

void tn_exchange_listed_at(const struct tn_exchange *exchange, struct tn_listed_view *view,
                           uint32_t slot)
{
    TN_ASSERT(slot < exchange->series_used);
    const struct series *series = &exchange->series[slot];
    *view = (struct tn_listed_view){.id = series->id,
                                    .slot = slot,
                                    .status = (enum tn_status)series->status,
                                    .book = book_of(slot),
                                    .micros_per_tick = series->terms->micros_per_tick,
                                    .contract = &series->terms->contract,
                                    .is_marked = series->mark >= 0,
                                    .left_ms = time_left_ms(exchange, series),
                                    .open_interest = series->open_interest,
                                    .funding_index = series->funding_index,
                                    .settlement_micros = series->settlement_value};
    if (!view->is_marked) return;
    view->mark_micros = series->mark;
    view->forward_micros = series->forward;
    view->vega_micros = series->vega;
    view->delta_ppb = series->delta_ppb;
    view->vol_ppm = series->vol_ppm;
    if (exchange->risk != NULL && series->expiry != TN_NONE) {
        view->rate_ppb = exchange->risk->expiries[series->expiry].rate.value;
    }
    fill_bands(view, series);
}

bool tn_exchange_listed(const struct tn_exchange *exchange, struct tn_listed_view *view,
                        uint64_t series_id)
{
    uint32_t slot = tn_exchange_find_series(exchange, series_id);
    if (slot == TN_NONE) return false;
    tn_exchange_listed_at(exchange, view, slot);
    return true;
}

/* ---- Orders ------------------------------------------------------------------------------------
 */

void tn_exchange_order_at(const struct tn_exchange *exchange, struct tn_order_view *view,
                          uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    *view = (struct tn_order_view){
        .order_id = resting->id,
        .client_id = order->result == TN_NONE ? 0 : exchange->results[order->result].client_id,
        .series_id = exchange->series[exchange->exposures[order->exposure].series].id,
        .account = resting->account,
        .label = order->label,
        .price = resting->price,
        .open = resting->quantity + order->hidden,
        .visible = resting->quantity,
        .side = order->side,
        .is_quote = order->is_quote != 0,
        .is_stop = order->waiting != 0};
}

/* The list of an account's orders is by id. */
uint32_t tn_exchange_orders_of(const struct tn_exchange *exchange, struct tn_order_view *views,
                               uint32_t views_max, uint32_t account, uint64_t after)
{
    uint32_t count = 0;
    if (account >= exchange->accounts_count) return 0;
    uint32_t slot = exchange->accounts[account].orders_head;
    for (; slot != TN_NONE && count < views_max; slot = exchange->links[slot].next) {
        if (exchange->resting[slot].id <= after) continue;
        tn_exchange_order_at(exchange, &views[count++], slot);
    }
    return count;
}

/* ---- Accounts ----------------------------------------------------------------------------------
 */

uint32_t tn_exchange_accounts_of(const struct tn_exchange *exchange, uint32_t *accounts,
                                 uint32_t accounts_max, const uint8_t owner[TN_OWNER_SIZE],
                                 uint32_t after)
{
    uint32_t count = 0, next;
    if (after == TN_NONE) {
        next = tn_exchange_first_of(exchange, owner);
    } else {
        if (after >= exchange->accounts_count) return 0;
        if (memcmp(exchange->accounts[after].owner, owner, TN_OWNER_SIZE) != 0) return 0;
        next = exchange->owner_links[after].next;
    }
    for (; next != TN_NONE && count < accounts_max; next = exchange->owner_links[next].next)
        accounts[count++] = next;
    return count;
}

static void view_position(const struct tn_exchange *exchange, struct tn_position_view *view,
                          const struct exposure *exposure)
{
    const struct series *series = &exchange->series[exposure->series];
    const struct tn_position *position = &exposure->position;
    tn_micros lot_value;
    *view = (struct tn_position_view){.series_id = series->id, .position = *position};
    if (series->mark < 0) return;
    view->mark_micros = series->mark;
    view->value = position->quantity * series->mark;
    if (series->is_linear) {
        view->value -= tn_mul_div_ceil(position->quantity,
                                       series->funding_index - position->funding_entry, 1000000);
    }
    if (!tn_contract_value_floor(&lot_value, series->forward, &series->terms->contract)) return;
    int64_t delta_ppb = series->is_linear ? 1000000000 : series->delta_ppb;
    tn_i128 delta =
        (tn_i128)tn_mul_div_floor(lot_value, delta_ppb, 1000000000) * position->quantity;
    view->delta = delta > DELTA_MAX ? DELTA_MAX : delta < -DELTA_MAX ? -DELTA_MAX : (int64_t)delta;
}

uint32_t tn_exchange_positions_of(const struct tn_exchange *exchange,
                                  struct tn_position_view *views, uint32_t views_max,
                                  uint32_t account)
{
    uint32_t count = 0;
    if (account >= exchange->accounts_count) return 0;
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE && count < views_max; slot = exchange->exposures[slot].account_next) {
        if (exchange->exposures[slot].position.quantity == 0) continue;
        view_position(exchange, &views[count++], &exchange->exposures[slot]);
    }
    return count;
}

/* Who they are first, so that what is known of them is loaded side by side. */
uint32_t tn_exchange_liquidations(const struct tn_exchange *exchange,
                                  struct tn_liquidation_view *views, uint32_t *looked,
                                  uint32_t views_max, uint32_t after)
{
    uint32_t count = 0;
    *looked = 0;
    if (exchange->risk == NULL) return 0;
    const struct guard *guards = exchange->risk->guards;
    uint32_t next = after == TN_NONE ? 0 : after + 1;
    while (count < views_max &&
           (next = tn_exchange_next_wound(exchange, looked, next)) != TN_NONE) {
        tn_prefetch(&guards[next]);
        tn_prefetch(&guards[next].equity);
        views[count++].account = next++;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct guard *guard = &guards[views[i].account];
        views[i].stage = guard->liquidation;
        views[i].equity = guard->equity;
        views[i].mm = guard->mm;
    }
    return count;
}
