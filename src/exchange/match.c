/* match: an order runs against the other side of its book (§4.1, §4.2). This is where trades
 * happen.
 *
 * Each step looks at the maker first in priority and either removes it (dead, or own), or fills.
 * A command reaches at most fills_max makers, over all its orders. */
#include "exchange/internal.h"

/* Cancels what is left of a running order. */
void tn_exchange_end_running(struct tn_exchange *exchange, struct running *running,
                             enum tn_reason reason)
{
    struct tn_event *event = emit(exchange, TN_EVENT_CANCELLED);
    event->side = running->side;
    event->reason = (uint8_t)reason;
    event->account = running->account;
    event->series_id = exchange->series[running->series].id;
    event->order_id = running->id;
    event->quantity = running->open;
    running->ended = 1;
    if (running->slot != TN_NONE) exchange->orders[running->slot].sibling_id = 0;
    tn_exchange_drop_sibling(exchange, &running->sibling_id);
}

static struct tn_event *emit_reduced(struct tn_exchange *exchange, const struct running *running)
{
    struct tn_event *event = emit(exchange, TN_EVENT_REDUCED);
    event->reason = TN_REASON_SELF_TRADE;
    event->series_id = exchange->series[running->series].id;
    return event;
}

/* Both lose the same quantity and nobody trades. */
static void decrement(struct tn_exchange *exchange, struct running *running, uint32_t maker,
                      tn_lots most)
{
    const struct tn_resting *resting = &exchange->resting[maker];
    tn_lots quantity = min_lots(most, min_lots(running->open, resting->quantity));
    tn_lots maker_left = open_of(exchange, maker) - quantity;
    running->open -= quantity;
    if (running->open == 0) {
        tn_exchange_end_running(exchange, running, TN_REASON_SELF_TRADE);
    } else {
        struct tn_event *event = emit_reduced(exchange, running);
        event->side = running->side;
        event->account = running->account;
        event->order_id = running->id;
        event->quantity = quantity;
        event->remaining = running->open;
    }
    if (maker_left == 0) {
        tn_exchange_drop(exchange, maker, TN_REASON_SELF_TRADE, TN_REJECT_NONE);
        return;
    }
    struct tn_event *event = emit_reduced(exchange, running);
    event->side = resting->side;
    event->account = resting->account;
    event->order_id = resting->id;
    event->quantity = quantity;
    event->remaining = maker_left;
    bool exhausted = quantity == resting->quantity;
    tn_exchange_take_visible(exchange, maker, quantity);
    if (exhausted) tn_exchange_after_take(exchange, maker);
}

static void prevent_self_trade(struct tn_exchange *exchange, struct running *running,
                               uint32_t maker, tn_lots most)
{
    switch ((enum tn_stp)running->stp) {
        case TN_STP_CANCEL_TAKER: break;
        case TN_STP_CANCEL_MAKER:
        case TN_STP_CANCEL_BOTH:
            tn_exchange_drop(exchange, maker, TN_REASON_SELF_TRADE, TN_REJECT_NONE);
            break;
        case TN_STP_DECREMENT: decrement(exchange, running, maker, most); return;
    }
    if (running->stp != TN_STP_CANCEL_MAKER) {
        tn_exchange_end_running(exchange, running, TN_REASON_SELF_TRADE);
    }
}

/* True when the command may reach one more maker; else the rest of the order is cancelled. */
static bool may_reach(struct tn_exchange *exchange, struct running *running)
{
    if (exchange->makers_count < exchange->limits.fills_max) {
        exchange->makers_count++;
        return true;
    }
    tn_exchange_end_running(exchange, running, TN_REASON_FILL_LIMIT);
    return false;
}

/* A maker's record is at hand: what a fill of so many lots will touch of it, and the next one in
 * the level. */
static void load_maker(const struct tn_exchange *exchange, uint32_t maker, tn_lots most)
{
    const struct tn_resting *resting = &exchange->resting[maker];
    tn_prefetch(&exchange->orders[maker]);
    tn_prefetch(&exchange->accounts[resting->account]);
    tn_prefetch(&exchange->ledger.cash[resting->account]);
    if (resting->next != TN_NONE) tn_prefetch(&exchange->orders[resting->next]);
    if (most >= resting->quantity) {
        tn_exchange_load_links(exchange, maker);
    } else {
        tn_exchange_load_exposure_of(exchange, maker);
    }
}

/* One maker is reached; at most `most` lots trade. */
static void step(struct tn_exchange *exchange, struct running *running, uint32_t maker,
                 tn_lots most)
{
    uint64_t id = exchange->resting[maker].id;
    if (tn_exchange_judge_once(exchange, exchange->resting[maker].account) &&
        tn_book_find(exchange->books, id) != maker) {
        return;
    }
    if (!may_reach(exchange, running)) return;
    load_maker(exchange, maker, min_lots(most, running->open));
    enum tn_reason death = tn_exchange_death(exchange, maker);
    if (death) {
        tn_exchange_drop(exchange, maker, death, TN_REJECT_NONE);
        return;
    }
    const struct tn_resting *resting = &exchange->resting[maker];
    if (resting->owner == running->owner) {
        prevent_self_trade(exchange, running, maker, most);
        return;
    }
    tn_lots quantity = min_lots(most, min_lots(running->open, resting->quantity));
    quantity = min_lots(quantity, tn_exchange_quote_room(exchange, maker));
    tn_exchange_fill(exchange, running, maker, resting->price, quantity);
}

/* Matches by time at one level until the order, `most` lots of it, or the level is used up. */
static void match_by_time(struct tn_exchange *exchange, struct running *running, tn_ticks price,
                          tn_lots most)
{
    enum tn_side side = opposite(running->side);
    tn_lots stop_at = running->open - most;
    while (running->open > stop_at && !running->ended) {
        uint32_t maker = tn_book_front(exchange->books, book_of(running->series), side);
        if (maker == TN_NONE || exchange->resting[maker].price != price) return;
        step(exchange, running, maker, running->open - stop_at);
    }
}

/* Collects who takes part in a pro-rata pass, and the sum of what they show. */
static uint32_t collect_shares(struct tn_exchange *exchange, tn_lots *sum,
                               const struct running *running, tn_ticks price)
{
    uint32_t most = exchange->limits.fills_max - exchange->makers_count;
    uint32_t count = 0;
    uint32_t slot = tn_book_level_front(exchange->books, book_of(running->series),
                                        opposite(running->side), price);
    *sum = 0;
    for (; slot != TN_NONE && count < most; slot = exchange->resting[slot].next) {
        const struct tn_resting *resting = &exchange->resting[slot];
        if (resting->owner == running->owner || tn_exchange_death(exchange, slot)) continue;
        exchange->shares[count++] = (struct share){resting->id, resting->quantity};
        *sum += resting->quantity;
    }
    return count;
}

static void match_pro_rata(struct tn_exchange *exchange, struct running *running, tn_ticks price)
{
    tn_lots sum;
    tn_lots wanted = running->open;
    uint32_t count = collect_shares(exchange, &sum, running, price);
    if (wanted >= sum) return;
    for (uint32_t i = 0; i < count && !running->ended; i++) {
        struct share share = exchange->shares[i];
        tn_lots part = tn_mul_div_floor(wanted, share.quantity, sum);
        uint32_t maker = tn_book_find(exchange->books, share.id);
        if (part == 0 || maker == TN_NONE) continue;
        step(exchange, running, maker, part);
    }
}

static void match_blended(struct tn_exchange *exchange, struct running *running, tn_ticks price,
                          uint32_t fifo_ppm)
{
    struct tn_book_level level =
        tn_book_level_of(exchange->books, book_of(running->series), opposite(running->side), price);
    if (running->open < level.quantity) {
        tn_lots by_time = tn_ppm_ceil(running->open, fifo_ppm);
        if (by_time > 0) match_by_time(exchange, running, price, by_time);
        if (running->open > 0 && !running->ended) match_pro_rata(exchange, running, price);
    }
    match_by_time(exchange, running, price, running->open);
}

void tn_exchange_match(struct tn_exchange *exchange, struct running *running)
{
    uint32_t fifo_ppm = running->fifo ? 1000000 : exchange->series[running->series].fifo_ppm;
    while (running->open > 0 && !running->ended &&
           tn_exchange_meets(exchange, running->series, running->side, running->limit)) {
        tn_ticks best = tn_exchange_best(exchange, running->series, opposite(running->side));
        if (fifo_ppm == 1000000) {
            match_by_time(exchange, running, best, running->open);
        } else {
            match_blended(exchange, running, best, fifo_ppm);
        }
    }
}
