/* fill: what one trade does (§4.4): funding, cash and positions, fees, the event, and then, in one
 * fixed order, its consequences for both sides.
 *
 * Both exposures are pinned meanwhile, so nothing a consequence removes can take them away. */
#include "exchange/internal.h"

/* A quote in a protection group with a quantity limit trades no more than the window has left. */
tn_lots tn_exchange_quote_room(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    if (order->group == TN_NONE) return INT64_MAX;
    const struct group *group = &exchange->groups[order->group];
    if (group->terms.quantity_limit == 0) return INT64_MAX;
    tn_lots used = tn_exchange_window_open(exchange, group) ? group->used : 0;
    TN_ASSERT(used < group->terms.quantity_limit);
    return group->terms.quantity_limit - used;
}

/* Takes from what an order shows. When that leaves nothing visible, tn_exchange_after_take must
 * follow: until then the book still shows the old quantity, the sums do not. */
void tn_exchange_take_visible(struct tn_exchange *exchange, uint32_t slot, tn_lots quantity)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    TN_ASSERT(quantity > 0 && quantity <= resting->quantity);
    tn_exchange_term_out(exchange, slot);
    tn_exchange_open_change(exchange, slot, -quantity);
    if (quantity < resting->quantity) {
        tn_book_reduce(exchange->books, slot, resting->quantity - quantity);
        tn_exchange_term_in(exchange, slot);
    }
}

/* An order whose visible part is used up shows its next part at the end of its level, or is gone.
 */
void tn_exchange_after_take(struct tn_exchange *exchange, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    if (order->hidden == 0) {
        tn_exchange_remove(exchange, slot);
        return;
    }
    const struct tn_resting *resting = &exchange->resting[slot];
    tn_lots visible = min_lots(order->display, order->hidden);
    order->hidden -= visible;
    bool moved = tn_book_move(exchange->books, slot, resting->price, visible);
    TN_ASSERT(moved);
    tn_exchange_term_in(exchange, slot);
    struct tn_event *event = emit(exchange, TN_EVENT_REFRESHED);
    event->side = order->side;
    event->account = resting->account;
    event->series_id = exchange->series[exchange->exposures[order->exposure].series].id;
    event->order_id = resting->id;
    event->price = resting->price;
    event->quantity = visible;
    event->remaining = visible + order->hidden;
}

static uint32_t newest_reduce_only(const struct tn_exchange *exchange,
                                   const struct exposure *exposure)
{
    uint32_t newest = exposure->reduce_head;
    uint32_t slot = newest;
    for (; slot != TN_NONE; slot = exchange->orders[slot].reduce_next) {
        if (exchange->resting[slot].id > exchange->resting[newest].id) newest = slot;
    }
    return newest;
}

/* §4.4, 7: reduce-only orders of an exposure never exceed its position. The exposure is pinned. */
void tn_exchange_reclip(struct tn_exchange *exchange, uint32_t index)
{
    struct exposure *exposure = &exchange->exposures[index];
    while (exposure->reduce_count > 0) {
        uint32_t slot = newest_reduce_only(exchange, exposure);
        struct order *order = &exchange->orders[slot];
        tn_lots room = -signed_lots(order->side, exposure->position.quantity);
        tn_lots excess = exposure->reduce_open - (room > 0 ? room : 0);
        if (excess <= 0) return;
        const struct tn_resting *resting = &exchange->resting[slot];
        if (excess >= resting->quantity) {
            tn_exchange_drop(exchange, slot, TN_REASON_REDUCE_ONLY, TN_REJECT_NONE);
            continue;
        }
        tn_exchange_take_visible(exchange, slot, excess);
        struct tn_event *event = emit(exchange, TN_EVENT_REDUCED);
        event->side = order->side;
        event->reason = TN_REASON_REDUCE_ONLY;
        event->account = exposure->account;
        event->series_id = exchange->series[exposure->series].id;
        event->order_id = resting->id;
        event->quantity = excess;
        event->remaining = resting->quantity;
    }
}

void tn_exchange_add_position(struct tn_exchange *exchange, uint32_t index, tn_lots quantity,
                              tn_micros notional)
{
    struct exposure *exposure = &exchange->exposures[index];
    struct series *series = &exchange->series[exposure->series];
    tn_lots before = exposure->position.quantity;
    tn_position_add(&exposure->position, quantity, notional);
    tn_lots after = exposure->position.quantity;
    series->open_interest += (after > 0 ? after : 0) - (before > 0 ? before : 0);
    tn_exchange_touch_account(exchange, exposure->account, TOUCH_POSITIONS);
    tn_exchange_touch_series(exchange, exposure->series, TOUCH_SERIES);
    if (series->is_linear) {
        exchange->accounts[exposure->account].linear_value += quantity * series->mark;
    }
    tn_exchange_held(exchange, index);
}

/* §4.4, 1 to 3: funding, cash, positions and fees of a trade whose event holds the taker's account
 * and side, the maker's account, price and quantity; fills in the fees. A maker's rebate is at most
 * what the taker pays. */
void tn_exchange_book_trade(struct tn_exchange *exchange, struct tn_event *trade,
                            uint32_t series_index, uint32_t taker_exposure, uint32_t maker_exposure,
                            int32_t taker_fee_max_ppm, int32_t maker_ppm)
{
    const struct series *series = &exchange->series[series_index];
    const struct terms *terms = series->terms;
    tn_micros notional;
    bool fits = tn_notional(trade->price, trade->quantity, terms->micros_per_tick, &notional);
    TN_ASSERT(fits);
    bool taker_buys = trade->side == TN_BUY;
    tn_exchange_pay(exchange, taker_buys ? trade->account : trade->other_account,
                    taker_buys ? trade->other_account : trade->account, notional);
    tn_exchange_add_position(exchange, taker_exposure, signed_lots(trade->side, trade->quantity),
                             notional);
    tn_exchange_add_position(exchange, maker_exposure, -signed_lots(trade->side, trade->quantity),
                             notional);

    int32_t taker_ppm = terms->fees.taker_ppm;
    if (taker_ppm > taker_fee_max_ppm) taker_ppm = taker_fee_max_ppm;
    tn_micros base = terms->base * trade->quantity;
    int32_t cap = terms->fees.premium_cap_ppm;
    trade->fee = tn_fee(taker_ppm, cap, base, notional);
    trade->other_fee = tn_fee(maker_ppm, cap, base, notional);
    if (trade->other_fee < 0 && -trade->other_fee > trade->fee) {
        trade->other_fee = trade->fee > 0 ? -trade->fee : 0;
    }
    uint32_t fees = TN_PARTY_HOUSE(TN_HOUSE_FEES);
    tn_exchange_pay(exchange, trade->account, fees, trade->fee);
    tn_exchange_pay(exchange, trade->other_account, fees, trade->other_fee);
}

static void book_and_report(struct tn_exchange *exchange, struct running *running, uint32_t maker,
                            tn_ticks price, tn_lots quantity)
{
    const struct tn_resting *resting = &exchange->resting[maker];
    const struct order *order = &exchange->orders[maker];
    int32_t maker_ppm = exchange->series[running->series].terms->fees.maker_ppm;
    if (maker_ppm > order->fee_max_ppm) maker_ppm = order->fee_max_ppm;
    running->open -= quantity;
    running->filled += quantity;
    struct tn_event *trade = emit(exchange, TN_EVENT_TRADE);
    trade->side = running->side;
    trade->flags = running->flags;
    trade->account = running->account;
    trade->other_account = resting->account;
    trade->series_id = exchange->series[running->series].id;
    trade->order_id = running->id;
    trade->other_order_id = resting->id;
    trade->price = price;
    trade->quantity = quantity;
    trade->remaining = running->open;
    trade->other_remaining = open_of(exchange, maker) - quantity;
    tn_exchange_book_trade(exchange, trade, running->series, running->exposure, order->exposure,
                           running->fee_max_ppm, maker_ppm);
}

void tn_exchange_fill(struct tn_exchange *exchange, struct running *running, uint32_t maker,
                      tn_ticks price, tn_lots quantity)
{
    struct order *order = &exchange->orders[maker];
    uint32_t maker_exposure = order->exposure;
    uint32_t group = order->group;
    bool exhausted = quantity == exchange->resting[maker].quantity;
    TN_ASSERT(quantity > 0 && quantity <= running->open);
    exchange->exposures[maker_exposure].orders_count++;
    if (exchange->series[running->series].is_linear) {
        tn_exchange_settle_funding(exchange, running->exposure);
        tn_exchange_settle_funding(exchange, maker_exposure);
    }
    book_and_report(exchange, running, maker, price, quantity);
    tn_exchange_take_visible(exchange, maker, quantity);

    if (order->has_more) tn_exchange_drop_sibling(exchange, &order->sibling_id);
    if (running->slot != TN_NONE) exchange->orders[running->slot].sibling_id = 0;
    tn_exchange_drop_sibling(exchange, &running->sibling_id);
    if (exhausted) tn_exchange_after_take(exchange, maker);
    if (running->rests_exhausted) tn_exchange_after_take(exchange, running->slot);
    tn_exchange_reclip(exchange, maker_exposure);
    tn_exchange_reclip(exchange, running->exposure);
    if (group != TN_NONE) {
        tn_exchange_count_fill(exchange, group, running->series,
                               -signed_lots(running->side, quantity));
    }
    tn_exchange_unpin_exposure(exchange, maker_exposure);
}
