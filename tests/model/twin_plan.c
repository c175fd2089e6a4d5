/* The twin's plans (§4.3): what one side of a book would give, counted order by order without
 * changing anything. A taker here is a draft: only its account, series, side and stp are read. */
#include "twin_internal.h"

#include <stdlib.h>

void twin_plan_free(struct twin_plan *plan)
{
    for (uint32_t i = 0; i < plan->groups.count; i++)
        free(plan->groups.items[i]);
    free(plan->groups.items);
    free(plan->counted.items);
}

static struct twin_plan_group *group_of(struct twin_plan *plan, const struct twin_order *quote)
{
    for (uint32_t i = 0; i < plan->groups.count; i++) {
        struct twin_plan_group *group = plan->groups.items[i];
        if (group->account == quote->account && group->group == quote->group) return group;
    }
    struct twin_plan_group *group = twin_allocate(sizeof(*group));
    group->account = quote->account;
    group->group = quote->group;
    twin_list_add(&plan->groups, group);
    return group;
}

static tn_i128 size_of(tn_i128 value)
{
    return value < 0 ? -value : value;
}

/* Has a greek reached its limit before this quote, or, in a package, would it pass it with it? */
static bool greek_ends(bool package, tn_i128 limit, tn_i128 used, tn_i128 counted,
                       tn_i128 counted_size, tn_i128 more)
{
    if (limit == 0) return false;
    if (package) return size_of(used) + counted_size + size_of(more) > limit;
    return size_of(used + counted) >= limit;
}

/* What a living maker of another owner would give of its visible part. */
static tn_lots visible_gives(const struct twin *twin, struct twin_plan *plan,
                             const struct twin_order *maker)
{
    if (maker->reduce_only) {
        for (uint32_t i = 0; i < plan->counted.count; i++) {
            const struct twin_order *other = plan->counted.items[i];
            if (other->account == maker->account && other->series_id == maker->series_id) return 0;
        }
    }
    if (!maker->quote || maker->group == 0) return maker->visible;
    const struct twin_group *group = twin_group(twin, maker->account, maker->group);
    const struct twin_plan_group *counted = group_of(plan, maker);
    bool over = twin_window_over(twin, group);
    if (group->limits.trades_limit > 0) {
        int64_t trades = over ? 0 : group->trades;
        if (group->limits.trades_limit - trades - counted->trades <= 0) return 0;
    }
    tn_lots gives = maker->visible;
    if (group->limits.quantity_limit > 0) {
        tn_lots left = group->limits.quantity_limit - (over ? 0 : group->used) - counted->quantity;
        if (left <= 0) return 0;
        if (left < gives) gives = left;
    }
    const struct twin_series *series = twin_series(twin, maker->series_id);
    bool delta = greek_ends(plan->package, (tn_i128)group->limits.delta_limit * 1000000000,
                            over ? 0 : group->delta, counted->delta, counted->delta_size,
                            (tn_i128)gives * series->delta_ppb);
    bool vega = greek_ends(plan->package, group->limits.vega_limit_micros, over ? 0 : group->vega,
                           counted->vega, counted->vega_size, (tn_i128)gives * series->vega);
    return delta || vega ? 0 : gives;
}

/* False when the plan ends before this maker: a package takes a protected quote whole or not. */
static bool count_maker(struct twin *twin, struct twin_plan *plan, struct twin_order *maker,
                        struct twin_level *level)
{
    tn_lots gives = visible_gives(twin, plan, maker);
    if (plan->package && maker->quote && gives < maker->visible) return false;
    plan->makers++;
    level->quantity += gives;
    if (gives == 0) return true;
    if (maker->quote && maker->group != 0) {
        struct twin_plan_group *group = group_of(plan, maker);
        const struct twin_series *series = twin_series(twin, maker->series_id);
        tn_lots lots = maker->side == TN_BUY ? gives : -gives;
        group->quantity += gives;
        group->trades++;
        group->delta += (tn_i128)lots * series->delta_ppb;
        group->vega += (tn_i128)lots * series->vega;
        group->delta_size += size_of((tn_i128)lots * series->delta_ppb);
        group->vega_size += size_of((tn_i128)lots * series->vega);
    }
    if (!maker->reduce_only) twin_list_add(&plan->counted, maker);
    return true;
}

/* Counts the level of the side opposite to the taker at a price; stops when `wanted` is reached. */
struct twin_level twin_plan_level(struct twin *twin, struct twin_plan *plan,
                                  const struct twin_order *taker, tn_ticks price, tn_lots wanted)
{
    struct twin_level level = {.price = price};
    struct twin_order *first = twin_first(twin, taker->series_id, 1 - taker->side);
    while (first != NULL && first->price != price)
        first = twin_after(twin, first);
    for (struct twin_order *maker = first; maker != NULL && maker->price == price;
         maker = twin_after(twin, maker)) {
        if (plan->makers >= twin->limits.fills_max) {
            plan->full = true;
            level.ended = true;
            return level;
        }
        if (twin_death(twin, maker) != 0) {
            plan->makers++;
        } else if (twin_same_owner(twin, maker->account, taker->account)) {
            if (taker->tif != TN_FOK || taker->stp != TN_STP_CANCEL_MAKER) {
                level.ended = true;
                return level;
            }
            plan->makers++;
        } else if (!count_maker(twin, plan, maker, &level)) {
            level.ended = true;
            return level;
        }
        if (level.quantity >= wanted) return level;
    }
    for (struct twin_order *maker = first; maker != NULL && maker->price == price;
         maker = twin_after(twin, maker)) {
        if (maker->hidden == 0 || twin_death(twin, maker) != 0) continue;
        if (twin_same_owner(twin, maker->account, taker->account)) continue;
        tn_lots rounds = (maker->hidden + maker->display - 1) / maker->display;
        if (rounds > (tn_lots)(twin->limits.fills_max - plan->makers)) {
            plan->full = true;
            level.ended = true;
            return level;
        }
        plan->makers += (uint32_t)rounds;
        level.quantity += maker->hidden;
        if (level.quantity >= wanted) return level;
    }
    return level;
}

/* FOK: NONE when the whole order would be filled. */
enum tn_reject twin_plan_fok(struct twin *twin, const struct twin_order *taker)
{
    struct twin_plan plan = {0};
    tn_lots found = 0;
    struct twin_order *maker = twin_first(twin, taker->series_id, 1 - taker->side);
    while (maker != NULL && found < taker->visible) {
        tn_ticks price = maker->price;
        if (taker->side == TN_BUY ? price > taker->price : price < taker->price) break;
        struct twin_level level =
            twin_plan_level(twin, &plan, taker, price, taker->visible - found);
        found += level.quantity;
        if (level.ended) break;
        while (maker != NULL && maker->price == price)
            maker = twin_after(twin, maker);
    }
    enum tn_reject reject = TN_REJECT_NONE;
    if (found < taker->visible) {
        reject = plan.full ? TN_REJECT_FILL_LIMIT : TN_REJECT_FILL_OR_KILL;
    }
    twin_plan_free(&plan);
    return reject;
}
