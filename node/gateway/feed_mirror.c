/* feed_mirror: the books as final blocks leave them, and what the block at hand has touched.
 *
 * The node's thread says of each order what became of it, so no rule of matching is repeated here:
 * an order is gone, has another quantity in its place, or stands last at its price. The books are
 * those of tenor/book.h, one for each series. What is touched for the first time in a block is
 * noted with what stood there before; feed_clean forgets the notes. */
#include "gateway/feed_internal.h"

#include <string.h>

struct feed_market *feed_market_of(struct feed *feed, uint32_t market)
{
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        if (feed->markets[i].limits.market == market) return &feed->markets[i];
    }
    return NULL;
}

/* ---- Series ---------------------------------------------------------------------------------- */

static uint32_t *series_bucket(const struct feed_market *market, uint64_t id)
{
    uint64_t hash = id * UINT64_C(0x9E3779B97F4A7C15);
    return &market->series_buckets[hash >> 40 & market->series_mask];
}

uint32_t feed_series_find(const struct feed_market *market, uint64_t id)
{
    uint32_t index = *series_bucket(market, id);
    while (index != 0 && market->series[index - 1].id != id)
        index = market->series[index - 1].hash_next;
    return index == 0 ? TN_NONE : index - 1;
}

static void empty_book(struct feed_market *market, uint32_t index)
{
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t slot;
        while ((slot = tn_book_front(market->books, index, (enum tn_side)side)) != TN_NONE)
            tn_book_remove(market->books, slot);
        market->series[index].levels_count[side] = 0;
    }
}

static void remove_series(struct feed_market *market, uint32_t index)
{
    struct feed_series *series = &market->series[index];
    feed_keep_trades(market, index);
    feed_leave(market, index);
    empty_book(market, index);
    uint32_t *link = series_bucket(market, series->id);
    while (*link != index + 1)
        link = &market->series[*link - 1].hash_next;
    *link = series->hash_next;
    series->id = 0;
    series->stale = false;
    market->series_count--;
}

/* The exchange makes room by the series that was settled first. */
static uint32_t settled_first(const struct feed_market *market)
{
    uint32_t first = TN_NONE;
    for (uint32_t i = 0; i < market->series_used; i++) {
        const struct feed_series *series = &market->series[i];
        if (series->id == 0 || series->settled == 0) continue;
        if (first == TN_NONE || series->settled < market->series[first].settled) first = i;
    }
    return first;
}

/* Done between blocks, so that all of a block is told of a series before it goes. */
void feed_retire(struct feed_market *market)
{
    while (market->series_count > market->limits.series_max) {
        uint32_t first = settled_first(market);
        if (first == TN_NONE) return;
        remove_series(market, first);
    }
}

/* In a block, or while a snapshot is read, series stand there that the exchange has no more: so
 * there are twice as many places as series. */
static uint32_t free_place(struct feed_market *market)
{
    for (uint32_t i = 0; i < market->series_used; i++) {
        if (market->series[i].id == 0) return i;
    }
    return market->series_used < 2 * market->limits.series_max ? market->series_used++ : TN_NONE;
}

/* A new series with an empty book, or TN_NONE. */
static uint32_t add_series(struct feed_market *market, uint64_t id)
{
    uint32_t index = free_place(market);
    if (index == TN_NONE) {
        market->feed->counters.unmirrored++;
        return TN_NONE;
    }
    uint32_t *bucket = series_bucket(market, id);
    struct feed_series *series = &market->series[index];
    *series = (struct feed_series){
        .id = id,
        .hash_next = *bucket,
        .levels_head = TN_NONE,
        .orders_head = TN_NONE,
        .orders_tail = TN_NONE,
    };
    *bucket = index + 1;
    market->series_count++;
    for (uint32_t kind = 0; kind < FEED_KINDS; kind++)
        series->seq[kind] = market->feed->height;
    series->seq[FEED_TRADES] = market->feed->height << FEED_INDEX_BITS | FEED_INDEX_MAX;
    feed_join(market, index);
    return index;
}

static void take_status(struct feed_market *market, struct feed_series *series, uint32_t status)
{
    series->told.status = status;
    if (status != TN_STATUS_SETTLED) {
        series->settled = 0; /* also one that has left, and is listed anew */
    } else if (series->settled == 0) {
        series->settled = ++market->settled_count;
    }
}

static void take_terms(struct feed_market *market, uint32_t index, const struct port_series *told)
{
    struct feed_series *series = &market->series[index];
    series->told = *told;
    series->told.name[TN_SERIES_NAME_SIZE - 1] = 0;
    series->told.symbol[TN_SYMBOL_SIZE - 1] = 0;
    series->mark.series_id = told->series_id;
    take_status(market, series, told->status);
}

/* ---- What is touched ------------------------------------------------------------------------- */

static void mark_dirty(struct feed_market *market, uint32_t index, uint8_t dirt)
{
    struct feed_series *series = &market->series[index];
    if ((series->dirt & FEED_DIRTY) == 0) market->dirty[market->dirty_count++] = index;
    series->dirt |= (uint8_t)(dirt | FEED_DIRTY);
}

static uint32_t *level_bucket(const struct feed_market *market, uint32_t series, uint8_t side,
                              tn_ticks price)
{
    uint64_t hash = ((uint64_t)price ^ (uint64_t)series << 42 ^ (uint64_t)side << 41) *
                    UINT64_C(0x9E3779B97F4A7C15);
    return &market->level_buckets[hash >> 32 & market->levels_mask];
}

static void touch_level(struct feed_market *market, uint32_t index, uint8_t side, tn_ticks price)
{
    uint32_t *bucket = level_bucket(market, index, side, price);
    for (uint32_t i = *bucket; i != 0; i = market->levels[i - 1].hash_next) {
        const struct feed_level *level = &market->levels[i - 1];
        if (level->price == price && level->series == index && level->side == side) return;
    }
    struct feed_series *series = &market->series[index];
    mark_dirty(market, index, 0);
    if (market->levels_used == market->levels_max) {
        series->dirt |= FEED_FLOODED;
        return;
    }
    uint32_t place = market->levels_used++;
    market->levels[place] = (struct feed_level){
        .price = price,
        .before = tn_book_level_of(market->books, index, (enum tn_side)side, price).quantity,
        .series = index,
        .hash_next = *bucket,
        .next = series->levels_head,
        .side = side,
    };
    *bucket = place + 1;
    series->levels_head = place;
}

static void link_last(struct feed_market *market, struct feed_series *series, uint32_t place)
{
    struct feed_order *order = &market->orders[place];
    order->next = TN_NONE;
    order->previous = series->orders_tail;
    if (series->orders_tail == TN_NONE) {
        series->orders_head = place;
    } else {
        market->orders[series->orders_tail].next = place;
    }
    series->orders_tail = place;
}

static void unlink_order(struct feed_market *market, struct feed_series *series, uint32_t place)
{
    const struct feed_order *order = &market->orders[place];
    if (order->previous == TN_NONE) {
        series->orders_head = order->next;
    } else {
        market->orders[order->previous].next = order->next;
    }
    if (order->next == TN_NONE) {
        series->orders_tail = order->previous;
    } else {
        market->orders[order->next].previous = order->previous;
    }
}

/* The note of an order of the books; NULL: there is no room for one. */
static struct feed_order *touch_order(struct feed_market *market, uint32_t slot, bool was)
{
    const struct tn_resting *resting = &tn_book_resting(market->books)[slot];
    struct feed_series *series = &market->series[resting->book];
    uint32_t place = market->order_of[slot];
    if (place < market->orders_used && market->orders[place].slot == slot &&
        market->orders[place].id == resting->id) {
        return &market->orders[place];
    }
    mark_dirty(market, resting->book, 0);
    if (market->orders_used == market->orders_max) {
        series->dirt |= FEED_FLOODED;
        return NULL;
    }
    place = market->orders_used++;
    market->orders[place] = (struct feed_order){
        .id = resting->id, .slot = slot, .side = resting->side, .was = was, .last = !was};
    market->order_of[slot] = place;
    link_last(market, series, place);
    return &market->orders[place];
}

static void touch_last(struct feed_market *market, uint32_t slot)
{
    struct feed_order *order = touch_order(market, slot, true);
    if (order == NULL) return;
    struct feed_series *series = &market->series[tn_book_resting(market->books)[slot].book];
    order->last = true;
    unlink_order(market, series, (uint32_t)(order - market->orders));
    link_last(market, series, (uint32_t)(order - market->orders));
}

void feed_clean(struct feed_market *market)
{
    for (uint32_t i = 0; i < market->levels_used; i++) {
        const struct feed_level *level = &market->levels[i];
        *level_bucket(market, level->series, level->side, level->price) = 0;
    }
    for (uint32_t i = 0; i < market->dirty_count; i++) {
        struct feed_series *series = &market->series[market->dirty[i]];
        series->dirt = 0;
        series->levels_head = series->orders_head = series->orders_tail = TN_NONE;
    }
    market->levels_used = market->orders_used = market->dirty_count = 0;
    market->has_marks = false;
}

/* ---- Changes of orders ----------------------------------------------------------------------- */

/* First those that go, and those that leave their places: so what stays always has room. */
static void make_way(struct feed_market *market, const struct port_order *order)
{
    uint32_t slot = tn_book_find(market->books, order->order_id);
    if (slot == TN_NONE) return;
    const struct tn_resting *resting = &tn_book_resting(market->books)[slot];
    bool moves =
        order->last || order->price != resting->price || order->quantity > resting->quantity;
    if (resting->level == TN_NONE || (order->quantity > 0 && !moves)) return;
    touch_level(market, resting->book, resting->side, resting->price);
    if (order->quantity > 0) {
        tn_book_lift(market->books, slot);
        return;
    }
    struct feed_order *touched = touch_order(market, slot, true);
    if (touched != NULL) {
        touched->price = resting->price;
        touched->slot = TN_NONE;
    }
    tn_book_remove(market->books, slot);
}

static void add_order(struct feed_market *market, uint32_t index, const struct port_order *order)
{
    enum tn_reject reject;
    touch_level(market, index, order->side, order->price);
    uint32_t slot = tn_book_rest(market->books, &reject, index, (enum tn_side)order->side,
                                 order->price, order->quantity, order->order_id);
    if (slot == TN_NONE) {
        market->series[index].broken = true;
        market->feed->counters.unmirrored++;
        return;
    }
    touch_order(market, slot, false);
}

static void place_order(struct feed_market *market, const struct port_order *order)
{
    uint32_t slot = tn_book_find(market->books, order->order_id);
    if (slot == TN_NONE) {
        uint32_t index = feed_series_find(market, order->series_id);
        if (index != TN_NONE && !market->series[index].stale) add_order(market, index, order);
        return;
    }
    const struct tn_resting *resting = &tn_book_resting(market->books)[slot];
    if (resting->level != TN_NONE) {
        if (order->quantity == resting->quantity) return;
        touch_level(market, resting->book, resting->side, resting->price);
        touch_order(market, slot, true);
        tn_book_reduce(market->books, slot, order->quantity);
        return;
    }
    uint32_t index = resting->book;
    touch_level(market, index, resting->side, order->price);
    touch_last(market, slot);
    if (!tn_book_land(market->books, slot, index, (enum tn_side)resting->side, order->price,
                      order->quantity)) {
        tn_book_forget(market->books, slot);
        market->series[index].broken = true;
        market->feed->counters.unmirrored++;
    }
}

static void change_orders(struct feed_market *market, const struct port_order *orders,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        make_way(market, &orders[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (orders[i].quantity > 0) place_order(market, &orders[i]);
    }
    market->feed->counters.order_changes += count;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static uint64_t next_number(uint64_t last, uint64_t block)
{
    uint64_t first = block << FEED_INDEX_BITS | 1;
    if (last < first) return first;
    return (last & FEED_INDEX_MAX) == FEED_INDEX_MAX ? last : last + 1;
}

static void take_trade(struct feed_market *market, const struct port_step *step,
                       const struct tn_event *event)
{
    const bool is_soft = market->feed->options.is_soft; /* the list came before all steps */
    uint32_t index = feed_series_find(market, event->series_id);
    if (index == TN_NONE || (market->series[index].stale && !is_soft)) return;
    struct feed_series *series = &market->series[index];
    uint64_t seq = next_number(series->seq[FEED_TRADES], step->block);
    market->trades[market->trades_count++ & (market->feed->options.trades_max - 1)] =
        (struct feed_trade){
            .series_id = event->series_id,
            .block = step->block,
            .seq = seq,
            .prev_seq = series->seq[FEED_TRADES],
            .before = series->last_trade,
            .maker_order_id = event->other_order_id,
            .time_ms = step->time_ms,
            .price = event->price,
            .quantity = event->quantity,
            .series = index,
            .taker = event->side,
            .flags = event->flags,
            .place = {step->term, step->sequence, step->entry},
        };
    series->seq[FEED_TRADES] = seq;
    series->last_trade = market->trades_count;
    series->last_price = event->price;
    series->volume += event->quantity;
    mark_dirty(market, index, FEED_DIRTY_TICKER);
}

static void take_liquidation(struct feed_market *market, const struct port_step *step,
                             const struct tn_event *event)
{
    uint64_t seq = next_number(market->liquidations_seq, step->block);
    market->liquidations[market->liquidations_count++ &
                         (market->feed->options.liquidations_max - 1)] = (struct feed_liquidation){
        .event = *event,
        .block = step->block,
        .seq = seq,
        .prev_seq = market->liquidations_seq,
        .time_ms = step->time_ms,
    };
    market->liquidations_seq = seq;
}

/* The statuses that a step went through: a series that was settled and has left in the same step
 * was not told of, and one may have been listed anew. */
static void take_step_of_status(struct feed_market *market, const struct tn_event *event)
{
    uint32_t index = feed_series_find(market, event->series_id);
    if (index == TN_NONE) return;
    if (event->kind == TN_EVENT_LISTED) market->series[index].stale = false;
    take_status(market, &market->series[index], event->index);
    mark_dirty(market, index, FEED_DIRTY_INSTRUMENT | FEED_DIRTY_TICKER);
}

static bool is_liquidation(uint8_t kind)
{
    return kind == TN_EVENT_LIQUIDATION || kind == TN_EVENT_SLICE || kind == TN_EVENT_SEIZED ||
           kind == TN_EVENT_DELEVERAGED || kind == TN_EVENT_INSURANCE || kind == TN_EVENT_DEBT ||
           kind == TN_EVENT_SOCIALISED || kind == TN_EVENT_CALLED;
}

void feed_step(struct feed *feed, const struct port_step *step, const struct tn_event *events,
               const struct port_order *orders)
{
    struct feed_market *market = feed_market_of(feed, step->market);
    if (feed->state == FEED_STATE_EMPTY || market == NULL) return;
    feed->in_block = true;
    feed->counters.steps++;
    /* Items of an inbox come before the entry that takes it. */
    feed->place =
        (struct feed_place){step->term, step->sequence, step->entry + (step->item == 0 ? 1 : 0)};
    for (uint32_t i = 0; i < step->events_count; i++) {
        if (events[i].kind == TN_EVENT_TRADE) {
            take_trade(market, step, &events[i]);
        } else if (events[i].kind == TN_EVENT_STATUS || events[i].kind == TN_EVENT_LISTED) {
            take_step_of_status(market, &events[i]);
        } else if (is_liquidation(events[i].kind)) {
            take_liquidation(market, step, &events[i]);
        }
    }
    change_orders(market, orders, step->orders_count);
}

/* While a snapshot is read, a series that no part has had is stale until one has it, or until the
 * step says that it was listed just now. */
void feed_series(struct feed *feed, const struct port_series *told)
{
    struct feed_market *market = feed_market_of(feed, told->market);
    if (feed->state == FEED_STATE_EMPTY || market == NULL || told->series_id == 0) return;
    feed->in_block = true;
    uint32_t index = feed_series_find(market, told->series_id);
    if (index == TN_NONE) {
        index = add_series(market, told->series_id);
        if (index == TN_NONE) return;
        market->series[index].stale = feed->state == FEED_STATE_LOADING;
    }
    take_terms(market, index, told);
    mark_dirty(market, index, FEED_DIRTY_INSTRUMENT | FEED_DIRTY_TICKER);
}

static void take_mark(struct feed_market *market, uint32_t index, const struct port_mark *mark)
{
    struct feed_series *series = &market->series[index];
    if (mark->mark_micros != series->mark.mark_micros ||
        mark->funding_index != series->mark.funding_index) {
        mark_dirty(market, index, FEED_DIRTY_MARK);
    }
    if (memcmp(mark, &series->mark, sizeof *mark) == 0) return;
    series->mark = *mark;
    series->has_greeks = false;
    mark_dirty(market, index, FEED_DIRTY_TICKER);
}

static void take_index(struct feed_market *market, const struct port_index *index)
{
    uint32_t i = 0;
    while (i < market->indexes_count && market->indexes[i].underlying != index->underlying)
        i++;
    if (i == FEED_INDEXES_MAX) return;
    if (i == market->indexes_count) market->indexes_count++;
    market->indexes[i] = *index;
}

void feed_marks(struct feed *feed, const struct port_marks *marks, const struct port_mark *list,
                const struct port_index *indexes)
{
    struct feed_market *market = feed_market_of(feed, marks->market);
    if (feed->state == FEED_STATE_EMPTY || market == NULL) return;
    feed->in_block = true;
    for (uint32_t i = 0; i < marks->marks_count; i++) {
        uint32_t index = feed_series_find(market, list[i].series_id);
        if (index != TN_NONE && !market->series[index].stale) take_mark(market, index, &list[i]);
    }
    for (uint32_t i = 0; i < marks->indexes_count; i++)
        take_index(market, &indexes[i]);
    market->has_marks |= marks->is_mark;
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

static void begin_snapshot(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        feed_clean(market);
        for (uint32_t j = 0; j < market->series_used; j++) {
            if (market->series[j].id == 0) continue;
            empty_book(market, j);
            market->series[j].stale = true;
        }
    }
    feed->state = FEED_STATE_LOADING;
}

static void load_series(struct feed_market *market, const struct port_snapshot *part, uint32_t i,
                        const struct port_order *orders)
{
    const struct port_series *told = &part->series[i];
    uint32_t index = feed_series_find(market, told->series_id);
    if (index == TN_NONE) index = add_series(market, told->series_id);
    if (index == TN_NONE) return;
    struct feed_series *series = &market->series[index];
    empty_book(market, index);
    series->stale = part->is_list;
    series->broken = series->has_greeks = false;
    take_terms(market, index, told);
    if (!part->is_list) series->mark = part->marks[i];
    if (part->is_list) series->last_price = series->volume = 0; /* soft: they may be taken back */
    for (uint32_t kind = 0; kind < FEED_KINDS; kind++) {
        if (kind != FEED_TRADES) series->seq[kind] = part->height;
    }
    if (part->is_list || !market->feed->options.is_soft) {
        series->seq[FEED_TRADES] = part->height << FEED_INDEX_BITS | FEED_INDEX_MAX;
    }
    for (uint32_t j = 0; j < told->orders_count; j++) {
        enum tn_reject reject;
        if (tn_book_rest(market->books, &reject, index, (enum tn_side)orders[j].side,
                         orders[j].price, orders[j].quantity, orders[j].order_id) == TN_NONE) {
            series->broken = true;
            market->feed->counters.unmirrored++;
        }
    }
    for (uint32_t side = 0; side < 2; side++) {
        tn_ticks price;
        bool more = tn_book_best(market->books, &price, index, (enum tn_side)side);
        for (; more; series->levels_count[side]++)
            more = tn_book_next_price(market->books, &price, index, (enum tn_side)side, price);
    }
}

static void end_snapshot(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->options.markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        for (uint32_t j = 0; j < market->series_used; j++) {
            if (market->series[j].id == 0) continue;
            if (market->series[j].stale) {
                remove_series(market, j);
                continue;
            }
            for (uint32_t kind = 0; kind < FEED_KINDS; kind++) {
                if (kind == FEED_TRADES) continue;
                feed_owe_all(feed, feed_kind_interest(market, j, kind));
            }
        }
        feed_retire(market);
        feed_owe_all(feed, feed_wide_interest(market, FEED_MARKS));
        market->marks_seq = feed->height;
        market->liquidations_seq = feed->height << FEED_INDEX_BITS | FEED_INDEX_MAX;
        market->trades_told = market->trades_count;
        market->liquidations_told = market->liquidations_count;
    }
    feed->state = FEED_STATE_WHOLE;
    feed_pay_all(feed);
}

void feed_snapshot(struct feed *feed, const struct port_snapshot *part)
{
    if (part->is_first) {
        feed_gap(feed);
        begin_snapshot(feed);
        feed->in_block = false;
    }
    if (feed->state != FEED_STATE_LOADING) return;
    feed->height = part->height;
    feed->time_ms = part->time_ms;
    feed->place = (struct feed_place){part->term, part->sequence, part->index};
    const struct port_order *orders = part->orders;
    for (uint32_t i = 0; i < part->series_count; i++) {
        struct feed_market *market = feed_market_of(feed, part->series[i].market);
        if (market != NULL) load_series(market, part, i, orders);
        if (part->series[i].orders_count > 0) orders += part->series[i].orders_count;
    }
    if (!part->is_last) return;
    for (uint32_t i = 0; i < part->indexes_count; i++) {
        struct feed_market *market = feed_market_of(feed, part->index_markets[i]);
        if (market != NULL) take_index(market, &part->indexes[i]);
    }
    end_snapshot(feed);
}

void feed_gap(struct feed *feed)
{
    if (feed->state == FEED_STATE_EMPTY) return;
    feed_break_histories(feed);
    for (uint32_t i = 0; i < feed->options.markets_count; i++)
        feed_clean(&feed->markets[i]);
    feed->state = FEED_STATE_EMPTY;
    feed->in_block = false;
}
