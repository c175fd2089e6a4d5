/* feed_ladder: one side of a book as prices, before and after the block at hand.
 *
 * The mirror knows what stands now; the block's notes know what stood before at each price that was
 * touched. Together they give, without a second book, what changed, what a subscriber who sees only
 * the best n levels must be told (a level also comes into sight, or leaves it, when others go or
 * come), and what stood when the block began. */
#include "gateway/feed_internal.h"

#include <stdlib.h>

static int best_ask_first(const void *a, const void *b)
{
    tn_ticks left = ((const struct feed_change *)a)->price;
    tn_ticks right = ((const struct feed_change *)b)->price;
    return (left > right) - (left < right);
}

static int best_bid_first(const void *a, const void *b)
{
    return best_ask_first(b, a);
}

static bool is_better(uint8_t side, tn_ticks price, tn_ticks than)
{
    return side == TN_BUY ? price > than : price < than;
}

void feed_ladder_changed(struct feed_market *market, struct feed_ladder *ladder, uint32_t series,
                         uint8_t side)
{
    ladder->count = 0;
    uint32_t place = market->series[series].levels_head;
    for (; place != TN_NONE; place = market->levels[place].next) {
        const struct feed_level *level = &market->levels[place];
        if (level->side != side) continue;
        tn_lots now =
            tn_book_level_of(market->books, series, (enum tn_side)side, level->price).quantity;
        if (now == level->before) continue;
        ladder->changes[ladder->count++] = (struct feed_change){level->price, level->before, now};
    }
    if (ladder->count > 1) {
        qsort(ladder->changes, ladder->count, sizeof ladder->changes[0],
              side == TN_BUY ? best_bid_first : best_ask_first);
    }
}

uint32_t feed_ladder_rank(const struct feed_market *market, const struct feed_ladder *changed,
                          uint32_t series, uint8_t side)
{
    if (changed->count == 0) return FEED_DEPTH_ALL;
    tn_ticks price;
    uint32_t rank = 0;
    bool more = tn_book_best(market->books, &price, series, (enum tn_side)side);
    while (more && rank < FEED_DEPTH_ALL && is_better(side, price, changed->changes[0].price)) {
        rank++;
        more = tn_book_next_price(market->books, &price, series, (enum tn_side)side, price);
    }
    return rank;
}

/* Levels that stand, with the changes laid over them: every price that stood or stands, best first,
 * until `levels_count` levels are used up. Returns how many. */
static uint32_t merge(struct feed_change *out, const struct tn_book_level *levels,
                      uint32_t levels_count, const struct feed_ladder *changed, uint8_t side)
{
    uint32_t count = 0, i = 0, j = 0;
    while (i < levels_count || j < changed->count) {
        const struct feed_change *change = &changed->changes[j];
        if (j == changed->count ||
            (i < levels_count && is_better(side, levels[i].price, change->price))) {
            out[count++] =
                (struct feed_change){levels[i].price, levels[i].quantity, levels[i].quantity};
            i++;
            continue;
        }
        if (i < levels_count && levels[i].price == change->price) i++;
        out[count++] = *change;
        j++;
    }
    return count;
}

/* The best prices of a side, enough of them for `depth` levels both as they stood and stand. */
static uint32_t merge_deep_enough(struct feed_market *market, const struct feed_ladder *changed,
                                  uint32_t series, uint8_t side, uint32_t depth)
{
    struct feed *feed = market->feed;
    uint32_t new_count = 0;
    for (uint32_t i = 0; i < changed->count; i++)
        new_count += changed->changes[i].before == 0;
    uint32_t levels_count =
        tn_book_depth(market->books, feed->depth, depth + new_count, series, (enum tn_side)side);
    return merge(feed->merged, feed->depth, levels_count, changed, side);
}

void feed_ladder_shown(struct feed_market *market, struct feed_ladder *shown,
                       const struct feed_ladder *changed, uint32_t series, uint8_t side,
                       uint32_t depth)
{
    uint32_t count = merge_deep_enough(market, changed, series, side, depth);
    const struct feed_change *merged = market->feed->merged;
    uint32_t rank_before = 0, rank_now = 0;
    shown->count = 0;
    for (uint32_t i = 0; i < count && (rank_before < depth || rank_now < depth); i++) {
        tn_lots before = rank_before < depth ? merged[i].before : 0;
        tn_lots now = rank_now < depth ? merged[i].now : 0;
        rank_before += merged[i].before > 0;
        rank_now += merged[i].now > 0;
        if (before == now) continue;
        shown->changes[shown->count++] = (struct feed_change){merged[i].price, before, now};
    }
}

uint32_t feed_ladder_before(struct feed_market *market, struct feed_change *levels, uint32_t series,
                            uint8_t side, uint32_t depth)
{
    struct feed_ladder *changed = &market->feed->ladder[side];
    feed_ladder_changed(market, changed, series, side);
    uint32_t count = merge_deep_enough(market, changed, series, side, depth);
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && found < depth; i++) {
        if (market->feed->merged[i].before == 0) continue;
        levels[found++] = market->feed->merged[i];
    }
    return found;
}
