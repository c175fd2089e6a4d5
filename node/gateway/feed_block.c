/* feed_block: the end of a block: each thing that it has touched is told, once. */
#include "gateway/feed_internal.h"

/* Changes of a book that were too many to note: whoever follows it is told it anew. */
static void tell_flooded(struct feed_market *market, uint32_t index)
{
    struct feed_series *series = &market->series[index];
    for (uint32_t side = 0; side < 2; side++) {
        tn_ticks price;
        series->levels_count[side] = 0;
        bool more = tn_book_best(market->books, &price, index, (enum tn_side)side);
        for (; more; series->levels_count[side]++)
            more = tn_book_next_price(market->books, &price, index, (enum tn_side)side, price);
    }
    for (uint32_t kind = FEED_ORDERS; kind < FEED_KINDS; kind++) {
        series->seq[kind] = market->feed->height;
        feed_owe_all(market->feed, feed_kind_interest(market, index, kind));
    }
}

/* Counts levels anew; true: all of both sides are within the deepest class, before and after. */
static bool count_levels(struct feed_series *series, const struct feed_ladder ladder[2])
{
    bool all = true;
    for (uint32_t side = 0; side < 2; side++) {
        all &= series->levels_count[side] <= FEED_DEPTH_ALL;
        for (uint32_t i = 0; i < ladder[side].count; i++) {
            series->levels_count[side] += ladder[side].changes[i].now > 0;
            series->levels_count[side] -= ladder[side].changes[i].before > 0;
        }
        all &= series->levels_count[side] <= FEED_DEPTH_ALL;
    }
    return all;
}

static void tell_book(struct feed_market *market, uint32_t index)
{
    struct feed *feed = market->feed;
    struct feed_series *series = &market->series[index];
    uint32_t rank = FEED_DEPTH_ALL;
    for (uint8_t side = 0; side < 2; side++) {
        feed_ladder_changed(market, &feed->ladder[side], index, side);
        uint32_t first = feed_ladder_rank(market, &feed->ladder[side], index, side);
        if (first < rank) rank = first;
    }
    bool all = count_levels(series, feed->ladder);
    if (rank == 0) series->dirt |= FEED_DIRTY_TICKER;
    for (uint32_t depth = 0; depth < FEED_DEPTHS; depth++) {
        if (rank >= feed_depths[depth]) continue;
        uint32_t kind = FEED_BOOK + depth;
        uint64_t prev_seq = series->seq[kind];
        series->seq[kind] = feed->height;
        struct feed_interest interest = feed_kind_interest(market, index, kind);
        if (!feed_is_heard(feed, interest)) continue;
        const struct feed_ladder *told = feed->ladder;
        if (!all || feed_depths[depth] != FEED_DEPTH_ALL) {
            for (uint8_t side = 0; side < 2; side++) {
                feed_ladder_shown(market, &feed->shown[side], &feed->ladder[side], index, side,
                                  feed_depths[depth]);
            }
            told = feed->shown;
        }
        feed_tell(feed, interest, feed_write_book(market, index, depth, told, prev_seq));
    }
}

static bool orders_changed(const struct feed_market *market, const struct feed_series *series)
{
    uint32_t place = series->orders_head;
    for (; place != TN_NONE; place = market->orders[place].next) {
        const struct feed_order *order = &market->orders[place];
        if (order->slot != TN_NONE || order->was) return true;
    }
    return false;
}

static void tell_orders(struct feed_market *market, uint32_t index)
{
    struct feed_series *series = &market->series[index];
    if (!orders_changed(market, series)) return;
    uint64_t prev_seq = series->seq[FEED_ORDERS];
    series->seq[FEED_ORDERS] = market->feed->height;
    struct feed_interest interest = feed_kind_interest(market, index, FEED_ORDERS);
    if (!feed_is_heard(market->feed, interest)) return;
    feed_tell(market->feed, interest, feed_write_orders(market, index, prev_seq));
}

static void tell_ticker(struct feed_market *market, uint32_t index)
{
    struct feed_series *series = &market->series[index];
    if ((series->dirt & FEED_DIRTY_TICKER) == 0) return;
    uint64_t prev_seq = series->seq[FEED_TICKER];
    series->seq[FEED_TICKER] = market->feed->height;
    struct feed_interest interest = feed_kind_interest(market, index, FEED_TICKER);
    if (!feed_is_heard(market->feed, interest)) return;
    feed_tell(market->feed, interest, feed_write_ticker(market, index, prev_seq, false));
}

static void tell_instruments(struct feed_market *market)
{
    for (uint32_t i = 0; i < market->dirty_count; i++) {
        uint32_t index = market->dirty[i];
        struct feed_series *series = &market->series[index];
        if (series->id == 0 || (series->dirt & FEED_DIRTY_INSTRUMENT) == 0) continue;
        uint64_t prev_seq = series->seq[FEED_INSTRUMENT];
        series->seq[FEED_INSTRUMENT] = market->feed->height;
        struct feed_interest interest = feed_kind_interest(market, index, FEED_INSTRUMENT);
        if (!feed_is_heard(market->feed, interest)) continue;
        feed_tell(market->feed, interest, feed_write_instrument(market, index, prev_seq));
    }
}

static void tell_marks(struct feed_market *market)
{
    if (!market->has_marks) return;
    uint64_t prev_seq = market->marks_seq;
    market->marks_seq = market->feed->height;
    struct feed_interest interest = feed_wide_interest(market, FEED_MARKS);
    if (!feed_is_heard(market->feed, interest)) return;
    feed_tell(market->feed, interest, feed_write_marks(market, prev_seq, false));
}

static void tell_market(struct feed_market *market)
{
    tell_instruments(market);
    feed_tell_liquidations(market);
    feed_tell_trades(market);
    tell_marks(market);
    for (uint32_t i = 0; i < market->dirty_count; i++) {
        uint32_t index = market->dirty[i];
        if (market->series[index].id == 0) continue;
        if ((market->series[index].dirt & FEED_FLOODED) != 0 || market->series[index].broken) {
            market->series[index].dirt |= FEED_DIRTY_TICKER;
            tell_flooded(market, index);
        } else {
            tell_book(market, index);
            tell_orders(market, index);
        }
        tell_ticker(market, index);
    }
    feed_clean(market);
    if (market->feed->state == FEED_STATE_WHOLE) feed_retire(market);
}

void feed_block(struct feed *feed, const struct port_block *block)
{
    if (feed->state == FEED_STATE_EMPTY) return;
    feed->height = block->height;
    feed->time_ms = block->time_ms;
    feed->in_block = false;
    for (uint32_t i = 0; i < feed->options.markets_count; i++)
        tell_market(&feed->markets[i]);
    feed->blocks[feed->blocks_count++ & (feed->options.blocks_max - 1)] = *block;
    feed_tell_blocks(feed);
    feed_pay_all(feed);
}

void feed_soft_round(struct feed *feed, int64_t time_ms)
{
    if (feed->state == FEED_STATE_EMPTY) return;
    feed->height++;
    feed->time_ms = time_ms;
    feed->in_block = false;
    tell_market(&feed->markets[0]);
    feed_pay_all(feed);
}
