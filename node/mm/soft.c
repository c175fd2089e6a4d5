/* What the leader has told of and no block yet: own trades, and the best prices.
 *
 * Among the trades of the market the maker finds its own by the numbers of its orders, which the
 * answers to its quotes have named: those come before any trade that hits them. Such a trade counts
 * at once, as `soft` beside the position; when the account's stream has the same one it moves into
 * the position, and when the leader's term ends and it was above the last final batch it is taken
 * back, as is everything when the connection breaks. A node that has little time may tell a trade
 * softly after it was final: such a one is passed over, by its batch or, as long as the block's end
 * has not been told, by the list of trades that were final first. So the sum is never wrong for
 * longer than finality takes, and with nothing soft it is what the stream says.
 *
 * Best prices of the desk stand in place of those of blocks while they are told. */
#include "mm/mm.h"

#include "tenor/client_errors.h"

#include <string.h>

static void subscribe(struct mm *mm)
{
    (void)tn_client_subscribe(mm->client, MM_TAG_SOFT, 0, TN_CHANNEL_TRADES_SOFT, NULL, 0, 0);
    (void)tn_client_subscribe(mm->client, MM_TAG_SOFT, 0, TN_CHANNEL_TICKER_SOFT, NULL, 0, 0);
    (void)tn_client_subscribe(mm->client, MM_TAG_SOFT, 0, TN_CHANNEL_BLOCKS, NULL, 0, 0);
}

void mm_soft_begin(struct mm *mm)
{
    (void)tn_client_follow(mm->client, 0, 0);
    subscribe(mm);
}

static bool is_behind(const struct tn_soft_place *place, const struct tn_soft_place *other)
{
    if (place->term != other->term) return place->term > other->term;
    if (place->sequence != other->sequence) return place->sequence > other->sequence;
    return place->index > other->index;
}

/* ---- Fills -------------------------------------------------------------------------------------
 */

static bool is_same(const struct mm_fill *fill, const struct mm_fill *other)
{
    return fill->order_id == other->order_id && fill->series_id == other->series_id &&
           fill->bought == other->bought;
}

/* Was it final before it was soft? */
static bool is_late(struct mm *mm, const struct mm_fill *fill)
{
    if (fill->at.sequence <= mm->final_sequence) return true;
    for (uint32_t i = 0; i < mm->ahead_count; i++) {
        if (!is_same(&mm->ahead[i], fill)) continue;
        mm->ahead[i] = mm->ahead[--mm->ahead_count];
        return true;
    }
    return false;
}

static void add_fill(struct mm *mm, struct mm_series *series, const struct mm_fill *fill)
{
    if (is_late(mm, fill)) {
        mm->figures.soft_late++;
        return;
    }
    if (mm->fills_count == MM_FILLS_MAX) return; /* it counts when it is final */
    mm->fills[mm->fills_count++] = *fill;
    series->soft += fill->bought;
    mm->figures.soft_trades++;
    mm->has_changed = true;
}

static void remove_fill(struct mm *mm, uint32_t at)
{
    struct mm_series *series = mm_market_find(mm, mm->fills[at].series_id);
    if (series != NULL) series->soft -= mm->fills[at].bought;
    mm->fills_count--;
    for (uint32_t i = at; i < mm->fills_count; i++)
        mm->fills[i] = mm->fills[i + 1];
    mm->has_changed = true;
}

/* Those of batches behind this one are not, or no more, to be counted on. */
static void undo_behind(struct mm *mm, uint64_t sequence)
{
    for (uint32_t i = mm->fills_count; i > 0; i--) {
        if (mm->fills[i - 1].at.sequence <= sequence) continue;
        remove_fill(mm, i - 1);
        mm->figures.soft_undone++;
    }
}

static void undo_all(struct mm *mm)
{
    for (; mm->fills_count > 0; mm->figures.soft_undone++)
        remove_fill(mm, mm->fills_count - 1);
}

/* A later term may give a number that was taken back to somebody else's order. */
static void forget_orders(struct mm *mm)
{
    memset(mm->old_orders, 0, sizeof mm->old_orders);
    for (uint32_t i = 0; i < mm->series_count; i++)
        memset(mm->series[i].sides, 0, sizeof mm->series[i].sides);
}

bool mm_soft_final(struct mm *mm, uint64_t order_id, uint64_t series_id, tn_lots bought)
{
    const struct mm_fill final = {.order_id = order_id, .series_id = series_id, .bought = bought};
    for (uint32_t i = 0; i < mm->fills_count; i++) {
        const struct mm_fill *fill = &mm->fills[i];
        if (!is_same(fill, &final)) continue;
        mm_clock(mm);
        mm->figures.soft_final++;
        mm->figures.soft_lead_us += (uint64_t)(mm->now_us - fill->heard_us);
        remove_fill(mm, i);
        return true;
    }
    if (mm->is_at_leader && mm->ahead_count < MM_AHEAD_MAX) mm->ahead[mm->ahead_count++] = final;
    return false;
}

/* ---- What the leader says ----------------------------------------------------------------------
 */

static bool is_ours(const struct mm *mm, const struct mm_series *series, uint8_t side,
                    uint64_t order_id)
{
    return series->sides[side].order_id == order_id ||
           mm->old_orders[order_id % MM_OLD_ORDERS] == order_id;
}

static void take_trade(struct mm *mm, const struct tn_trade *trade)
{
    const uint8_t side = trade->taker == TN_BUY ? TN_SELL : TN_BUY;
    const uint64_t order_id = trade->maker_order_id;
    struct mm_series *series = mm_market_find(mm, trade->series_id);
    if (series == NULL || order_id == 0 || !is_ours(mm, series, side, order_id)) return;
    mm_clock(mm);
    add_fill(mm, series,
             &(struct mm_fill){.order_id = order_id,
                               .series_id = series->id,
                               .bought = side == TN_BUY ? trade->quantity : -trade->quantity,
                               .at = trade->soft,
                               .heard_us = mm->now_us});
    /* An answer of a later place has told what was left after it. */
    const struct mm_side *own = &series->sides[side];
    if (own->order_id != order_id || !is_behind(&trade->soft, &own->said)) return;
    tn_lots *open = side == TN_BUY ? &series->bid_quantity : &series->ask_quantity;
    *open = *open > trade->quantity ? *open - trade->quantity : 0;
}

/* The answer to a frame: numbers of the quotes that rest, and what an order of ours took. */
static void take_answer(struct mm *mm, const struct tn_frame_news *frame)
{
    const struct tn_soft_place at = {frame->term, frame->sequence, frame->index};
    for (uint32_t i = 0; i < frame->events_count; i++) {
        const struct tn_event *event = &frame->events[i];
        struct mm_series *series = mm_market_find(mm, event->series_id);
        if (series == NULL) continue;
        if (event->kind == TN_EVENT_QUOTED && event->order_id != 0) {
            series->sides[event->index % 2] =
                (struct mm_side){.order_id = event->order_id, .said = at};
            mm->old_orders[event->order_id % MM_OLD_ORDERS] = event->order_id;
        }
        if (event->kind != TN_EVENT_TRADE || event->account != mm->account) continue;
        const tn_lots bought = event->side == TN_BUY ? event->quantity : -event->quantity;
        add_fill(mm, series,
                 &(struct mm_fill){.order_id = event->order_id,
                                   .series_id = series->id,
                                   .bought = bought,
                                   .at = at,
                                   .heard_us = mm->now_us});
    }
}

static void take_best(struct mm *mm, const struct tn_ticker *told)
{
    struct mm_series *series = mm_market_find(mm, told->series_id);
    if (series == NULL) return;
    const bool is_moved =
        series->best_bid != told->bid_price || series->best_ask != told->ask_price;
    series->is_best_soft = true;
    series->status = told->status;
    series->best_bid = told->bid_price;
    series->best_bid_quantity = told->bid_quantity;
    series->best_ask = told->ask_price;
    series->best_ask_quantity = told->ask_quantity;
    mm->has_changed |= is_moved;
}

static void take_leader(struct mm *mm, const struct tn_news_leader *leader)
{
    mm->is_at_leader = leader->state == TN_LEADER_HERE;
    if (mm->is_at_leader) return;
    for (uint32_t i = 0; i < mm->series_count; i++)
        mm->series[i].is_best_soft = false;
}

/* The account's stream was told up to this block: what is still here of its batches never came. */
static void take_block(struct mm *mm, const struct tn_block_news *block)
{
    for (uint32_t i = 0; i < block->markets_count; i++) {
        if (block->markets[i].market != mm->options.market) continue;
        mm->final_sequence = block->markets[i].sequence;
        mm->ahead_count = 0;
        while (mm->fills_count > 0 && mm->fills[0].at.sequence <= block->markets[i].sequence) {
            remove_fill(mm, 0);
            mm->figures.soft_undone++;
        }
    }
}

void mm_soft_heard(struct mm *mm, const struct tn_client_news *news)
{
    if (mm->options.final_only) return;
    if (news->kind == TN_NEWS_TRADE && news->as.trade.is_soft) {
        take_trade(mm, &news->as.trade);
    } else if (news->kind == TN_NEWS_TICKER && news->as.ticker.is_soft) {
        take_best(mm, &news->as.ticker);
    } else if (news->kind == TN_NEWS_FRAME && news->as.frame.state == TN_FRAME_SOFT) {
        take_answer(mm, &news->as.frame);
    } else if (news->kind == TN_NEWS_FRAME && news->as.frame.state == TN_FRAME_REVERTED) {
        undo_behind(mm, news->as.frame.sequence - (news->as.frame.sequence > 0));
    } else if (news->kind == TN_NEWS_SOFT_END) {
        undo_behind(mm, news->as.soft_end.sequence);
        forget_orders(mm);
        mm_quote_forget(mm); /* what rests is not known before the next answers */
    } else if (news->kind == TN_NEWS_LEADER) {
        take_leader(mm, &news->as.leader);
    } else if (news->kind == TN_NEWS_DISCONNECTED) {
        undo_all(mm);
        forget_orders(mm);
        mm->final_sequence = mm->ahead_count = 0; /* the next node's word counts */
    } else if (news->kind == TN_NEWS_BLOCK) {
        take_block(mm, &news->as.block);
    } else if (news->kind == TN_NEWS_ERROR && news->tag == MM_TAG_SOFT &&
               news->as.error.code == TN_ERROR_GAP) {
        subscribe(mm); /* to those that have not ended, once more: that changes nothing */
    }
}
