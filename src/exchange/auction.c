/* auction: a series reopens at one price (§9).
 *
 * The price: matching the two sides from their best prices inward finds the greatest volume V and
 * the last levels it uses, `bid` and `ask`. Every price in [ask, bid] trades V. Within it B(p) −
 * A(p) never rises, so the least imbalance is one interval too: above the next bid down and below
 * the next ask up, which would only add to a surplus. The price is the one in that interval nearest
 * to the mark. The uncross itself runs in sweeps. */
#include "exchange/internal.h"

enum { ROUNDS_MAX = 3 };

/* One side of the book walked inwards, without those who sit out. */
struct walk {
    uint32_t slot;  /* next order */
    tn_ticks price; /* of the level gathered last */
    tn_lots left;   /* of that level */
};

static bool sits_out(const struct tn_exchange *exchange, uint32_t slot)
{
    return tn_exchange_death(exchange, slot) != 0 ||
           tn_exchange_below_margin(exchange, exchange->resting[slot].account);
}

/* Gathers the next level that holds anything; false at the end. */
static bool next_level(const struct tn_exchange *exchange, struct walk *walk)
{
    walk->left = 0;
    while (walk->slot != TN_NONE) {
        tn_ticks price = exchange->resting[walk->slot].price;
        if (walk->left > 0 && price != walk->price) return true;
        if (!sits_out(exchange, walk->slot)) {
            walk->price = price;
            walk->left += open_of(exchange, walk->slot);
        }
        walk->slot = tn_book_after(exchange->books, walk->slot);
    }
    return walk->left > 0;
}

/* Matches inwards. False when nothing crosses. On return bid and ask hold what their last level
 * has left (0: used up). */
static bool match_inwards(const struct tn_exchange *exchange, uint32_t series, struct walk *bid,
                          struct walk *ask, tn_ticks *low, tn_ticks *high, tn_lots *volume)
{
    bid->slot = tn_book_front(exchange->books, book_of(series), TN_BUY);
    ask->slot = tn_book_front(exchange->books, book_of(series), TN_SELL);
    *volume = 0;
    bool bids = next_level(exchange, bid), asks = next_level(exchange, ask);
    while (bids && asks && bid->price >= ask->price) {
        tn_lots quantity = min_lots(bid->left, ask->left);
        *volume += quantity;
        *high = bid->price;
        *low = ask->price;
        bid->left -= quantity;
        ask->left -= quantity;
        if (bid->left == 0) bids = next_level(exchange, bid);
        if (ask->left == 0) asks = next_level(exchange, ask);
    }
    return *volume > 0;
}

/* Raises low above the bid level that the walk stands at, or lowers high below the ask level, if
 * those lie between. */
static void stay_above(const struct tn_tick_schedule *schedule, const struct walk *bid,
                       tn_ticks *low)
{
    if (bid->left > 0 && bid->price >= *low) *low = tn_tick_ceil(schedule, bid->price + 1);
}

static void stay_below(const struct tn_tick_schedule *schedule, const struct walk *ask,
                       tn_ticks *high)
{
    if (ask->left > 0 && ask->price <= *high) *high = tn_tick_floor(schedule, ask->price - 1);
}

/* Cuts [low, high] to the prices of least imbalance. Where the next bid down and the next ask up
 * stand on neighbouring ticks no price avoids both: then the smaller of the two is taken in, or, if
 * they are equal, both. */
static void least_imbalance(const struct tn_exchange *exchange, uint32_t series, struct walk *bid,
                            struct walk *ask, tn_ticks *low, tn_ticks *high)
{
    const struct tn_tick_schedule *schedule = &exchange->series[series].terms->contract.schedule;
    if (bid->left > 0 && bid->price == *high) next_level(exchange, bid);
    if (ask->left > 0 && ask->price == *low) next_level(exchange, ask);
    tn_ticks inner_low = *low, inner_high = *high;
    stay_above(schedule, bid, &inner_low);
    stay_below(schedule, ask, &inner_high);
    if (inner_low > inner_high) {
        tn_lots bids = bid->left, asks = ask->left;
        tn_ticks next_bid = bid->price, next_ask = ask->price;
        inner_low = next_ask, inner_high = next_bid;
        if (bids <= asks) {
            next_level(exchange, bid);
            inner_low = *low;
            stay_above(schedule, bid, &inner_low);
        }
        if (asks <= bids) {
            next_level(exchange, ask);
            inner_high = *high;
            stay_below(schedule, ask, &inner_high);
        }
    }
    *low = inner_low;
    *high = inner_high;
    TN_ASSERT(*low <= *high);
}

static tn_ticks nearest_to_mark(const struct series *series, tn_ticks low, tn_ticks high)
{
    const struct tn_tick_schedule *schedule = &series->terms->contract.schedule;
    tn_micros per_tick = series->terms->micros_per_tick;
    tn_ticks at = series->mark / per_tick;
    tn_ticks below = at < 1 ? 0 : tn_tick_floor(schedule, at);
    if (below < low) below = low;
    if (below > high) below = high;
    tn_ticks above = tn_tick_ceil(schedule, below + 1);
    if (above > high) return below;
    tn_micros under = series->mark - below * per_tick, over = above * per_tick - series->mark;
    return (over < 0 ? -over : over) < (under < 0 ? -under : under) ? above : below;
}

static bool in_widened_band(const struct series *series, tn_ticks price)
{
    tn_micros width = (series->band_high - series->mark) << series->rounds;
    tn_micros off = price * series->terms->micros_per_tick - series->mark;
    return off <= width && -off <= width;
}

bool tn_exchange_is_crossed(const struct tn_exchange *exchange, uint32_t series)
{
    tn_ticks bid, ask;
    return tn_book_best(exchange->books, &bid, book_of(series), TN_BUY) &&
           tn_book_best(exchange->books, &ask, book_of(series), TN_SELL) && bid >= ask;
}

static struct tn_event *report_price(struct tn_exchange *exchange, const struct series *series,
                                     tn_ticks price, tn_lots volume)
{
    struct tn_event *event = emit(exchange, TN_EVENT_UNCROSSED);
    event->series_id = series->id;
    event->price = price;
    event->quantity = volume;
    return event;
}

static void begin_uncross(struct tn_exchange *exchange, uint32_t index, tn_ticks price)
{
    struct series *series = &exchange->series[index];
    series->uncross_price = price;
    series->uncrossing = 1;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    tn_queue_push(exchange, &exchange->uncrosses, index);
}

enum tn_reject tn_exchange_uncross(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint32_t index = tn_exchange_find_series(exchange, entry->as.uncross.series_id);
    if (index == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    struct series *series = &exchange->series[index];
    if (series->status != TN_STATUS_AUCTION || series->uncrossing) return TN_REJECT_SERIES_STATUS;
    struct walk bid = {0}, ask = {0};
    tn_ticks low = 0, high = 0;
    tn_lots volume = 0;
    if (!match_inwards(exchange, index, &bid, &ask, &low, &high, &volume)) {
        report_price(exchange, series, 0, 0);
        if (tn_exchange_is_crossed(exchange, index)) {
            begin_uncross(exchange, index, 0);
        } else {
            tn_exchange_set_status(exchange, index, TN_STATUS_ACTIVE);
        }
        return TN_REJECT_NONE;
    }
    least_imbalance(exchange, index, &bid, &ask, &low, &high);
    tn_ticks price = nearest_to_mark(series, low, high);
    if (in_widened_band(series, price)) {
        report_price(exchange, series, price, volume);
        begin_uncross(exchange, index, price);
    } else if (series->rounds < ROUNDS_MAX) {
        series->rounds++;
        tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
        struct tn_event *event = report_price(exchange, series, price, volume);
        event->flags = TN_EVENT_REPEATED;
        event->index = series->rounds;
    } else {
        tn_exchange_set_status(exchange, index, TN_STATUS_HALTED);
    }
    return TN_REJECT_NONE;
}

/* ---- In sweeps ---- */

static bool drop_if_sitting_out(struct tn_exchange *exchange, uint32_t slot)
{
    if (!sits_out(exchange, slot)) return false;
    enum tn_reason death = tn_exchange_death(exchange, slot);
    tn_exchange_drop(exchange, slot, death ? death : TN_REASON_AUCTION, TN_REJECT_NONE);
    return true;
}

/* Two resting orders trade at the auction's price; the younger counts as the taker. */
static void fill_pair(struct tn_exchange *exchange, uint32_t series, uint32_t younger,
                      uint32_t older)
{
    const struct tn_resting *taker = &exchange->resting[younger];
    const struct order *order = &exchange->orders[younger];
    tn_lots quantity = min_lots(taker->quantity, exchange->resting[older].quantity);
    quantity = min_lots(quantity, tn_exchange_quote_room(exchange, younger));
    quantity = min_lots(quantity, tn_exchange_quote_room(exchange, older));
    uint32_t group = order->group;
    struct running running = {
        .id = taker->id,
        .sibling_id = sibling_of(order),
        .account = taker->account,
        .owner = taker->owner,
        .series = series,
        .exposure = tn_exchange_pin_exposure(exchange, taker->account, series),
        .slot = younger,
        .limit = taker->price,
        .open = open_of(exchange, younger),
        .fee_max_ppm = order->fee_max_ppm,
        .side = order->side,
        .flags = TN_EVENT_AUCTION,
        .rests_exhausted = quantity == taker->quantity,
    };
    tn_exchange_take_visible(exchange, younger, quantity);
    tn_exchange_fill(exchange, &running, older, exchange->series[series].uncross_price, quantity);
    if (group != TN_NONE) {
        tn_exchange_count_fill(exchange, group, series, signed_lots(running.side, quantity));
    }
    tn_exchange_unpin_exposure(exchange, running.exposure);
}

/* One step; false when none applies. */
static bool step(struct tn_exchange *exchange, uint32_t series)
{
    tn_ticks price = exchange->series[series].uncross_price;
    uint32_t bid = tn_book_front(exchange->books, book_of(series), TN_BUY);
    uint32_t ask = tn_book_front(exchange->books, book_of(series), TN_SELL);
    if (bid == TN_NONE || ask == TN_NONE) return false;
    const struct tn_resting *buyer = &exchange->resting[bid], *seller = &exchange->resting[ask];
    if (buyer->price < seller->price) return false;
    if (drop_if_sitting_out(exchange, bid) || drop_if_sitting_out(exchange, ask)) return true;
    uint32_t younger = buyer->id > seller->id ? bid : ask;
    if (buyer->owner == seller->owner) {
        tn_exchange_drop(exchange, younger, TN_REASON_SELF_TRADE, TN_REJECT_NONE);
    } else if (buyer->price < price || seller->price > price) {
        tn_exchange_drop(exchange, younger, TN_REASON_AUCTION, TN_REJECT_NONE);
    } else {
        fill_pair(exchange, series, younger, younger == bid ? ask : bid);
    }
    return true;
}

uint32_t tn_exchange_sweep_uncrosses(struct tn_exchange *exchange, uint32_t units)
{
    while (units > 0 && exchange->uncrosses.count > 0) {
        uint32_t index = queue_at(&exchange->uncrosses, 0, exchange->limits.series_max);
        if (step(exchange, index)) {
            units--;
            continue;
        }
        exchange->series[index].uncrossing = 0;
        exchange->series[index].uncross_price = 0;
        tn_queue_pop(exchange, &exchange->uncrosses);
        tn_exchange_set_status(exchange, index, TN_STATUS_ACTIVE);
    }
    return units;
}
