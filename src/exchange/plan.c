/* plan: what could be filled, without touching anything (§4.3): for FOK orders and packages, which
 * must be able to say no after looking.
 *
 * A plan counts level by level what a later FIFO match is sure to get: dead and own orders aside,
 * quotes only up to what their protection group would let through (in packages: whole or not at
 * all, because a group that trips in one leg would be missing in the next), reduce-only orders not
 * once another order of their exposure would have shrunk the position. Counts per group and
 * exposure are kept beside them under a stamp that each new plan raises. */
#include "exchange/internal.h"

void tn_exchange_plan_begin(struct tn_exchange *exchange)
{
    if (++exchange->stamp == 0) exchange->stamp = 1;
}

/* Would the greeks counted so far have tripped the group before this quote? A package runs leg by
 * leg, in another order than it is planned, so there sizes are summed and the quote must fit whole:
 * then no order of its fills trips before the last. */
static bool greeks_end(const struct plan *plan, const struct group *group,
                       const struct series *series, bool open, tn_lots quantity)
{
    tn_i128 delta = open ? group->delta : 0, vega = open ? group->vega : 0;
    tn_i128 delta_limit = tn_exchange_delta_limit(group);
    tn_i128 vega_limit = group->terms.vega_limit_micros;
    if (plan->whole_quotes) {
        delta = tn_size(delta) + group->plan_delta + tn_size((tn_i128)quantity * series->delta_ppb);
        vega = tn_size(vega) + group->plan_vega + tn_size((tn_i128)quantity * series->vega);
        return (delta_limit > 0 && delta > delta_limit) || (vega_limit > 0 && vega > vega_limit);
    }
    delta += group->plan_delta;
    vega += group->plan_vega;
    return (delta_limit > 0 && tn_size(delta) >= delta_limit) ||
           (vega_limit > 0 && tn_size(vega) >= vega_limit);
}

static void count_greeks(const struct plan *plan, struct group *group, const struct series *series,
                         tn_lots quantity)
{
    tn_lots lots = -signed_lots(plan->side, quantity); /* the quote's side */
    tn_i128 delta = (tn_i128)lots * series->delta_ppb, vega = (tn_i128)lots * series->vega;
    group->plan_delta += plan->whole_quotes ? tn_size(delta) : delta;
    group->plan_vega += plan->whole_quotes ? tn_size(vega) : vega;
}

/* A quote: what its group would let through, counting it; -1 when the plan ends before it. */
static tn_lots count_quote(struct tn_exchange *exchange, const struct plan *plan, uint32_t slot)
{
    tn_lots visible = exchange->resting[slot].quantity;
    struct group *group = &exchange->groups[exchange->orders[slot].group];
    if (group->plan_stamp != exchange->stamp) {
        group->plan_stamp = exchange->stamp;
        group->plan_trades = 0;
        group->plan_used = 0;
        group->plan_delta = 0;
        group->plan_vega = 0;
    }
    const struct series *series = &exchange->series[plan->series];
    bool open = tn_exchange_window_open(exchange, group);
    uint32_t trades = (open ? group->trades : 0) + group->plan_trades;
    tn_lots none = plan->whole_quotes ? -1 : 0;
    if (group->terms.trades_limit > 0 && trades >= group->terms.trades_limit) return none;
    tn_lots quantity = visible;
    if (group->terms.quantity_limit > 0) {
        tn_lots used = (open ? group->used : 0) + group->plan_used;
        quantity = min_lots(visible, group->terms.quantity_limit - used);
    }
    if (quantity <= 0 || (quantity < visible && plan->whole_quotes)) return none;
    if (greeks_end(plan, group, series, open, quantity)) return none;
    group->plan_used += quantity;
    group->plan_trades++;
    count_greeks(plan, group, series, quantity);
    return quantity;
}

/* What a living order of another owner adds; -1 when the plan ends before it. */
static tn_lots count_order(struct tn_exchange *exchange, const struct plan *plan, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    if (order->reduce_only && exposure->plan_ordinary == exchange->stamp) return 0;
    tn_lots quantity = order->group != TN_NONE ? count_quote(exchange, plan, slot)
                                               : exchange->resting[slot].quantity;
    if (!order->reduce_only && quantity > 0) exposure->plan_ordinary = exchange->stamp;
    return quantity;
}

/* The visible parts of a level. False when the plan ends within it. */
static bool count_visible(struct tn_exchange *exchange, struct plan *plan, uint32_t *makers,
                          tn_lots wanted)
{
    uint32_t slot = tn_book_level_front(exchange->books, book_of(plan->series),
                                        opposite(plan->side), plan->price);
    for (; slot != TN_NONE && plan->level_left < wanted; slot = exchange->resting[slot].next) {
        bool own = exchange->resting[slot].owner == plan->owner;
        bool dead = tn_exchange_death(exchange, slot) != 0;
        if (*makers == exchange->limits.fills_max) {
            plan->full = 1;
            return false;
        }
        if (own && !dead && !plan->skips_own) return false;
        tn_lots quantity = own || dead ? 0 : count_order(exchange, plan, slot);
        if (quantity < 0) return false;
        ++*makers;
        plan->level_left += quantity;
    }
    return true;
}

/* The hidden parts of a level, each whole or not at all. */
static bool count_hidden(struct tn_exchange *exchange, struct plan *plan, uint32_t *makers,
                         tn_lots wanted)
{
    uint32_t slot = tn_book_level_front(exchange->books, book_of(plan->series),
                                        opposite(plan->side), plan->price);
    for (; slot != TN_NONE && plan->level_left < wanted; slot = exchange->resting[slot].next) {
        const struct order *order = &exchange->orders[slot];
        if (order->hidden == 0 || exchange->resting[slot].owner == plan->owner) continue;
        if (tn_exchange_death(exchange, slot)) continue;
        tn_lots parts = (order->hidden + order->display - 1) / order->display;
        if (parts > exchange->limits.fills_max - *makers) {
            plan->full = 1;
            return false;
        }
        *makers += (uint32_t)parts;
        plan->level_left += order->hidden;
    }
    return true;
}

/* Goes on to the next level within the limit and counts it, at least until `wanted` lots are found
 * there; false when there is none to go to. level_left is what was counted. */
bool tn_exchange_plan_level(struct tn_exchange *exchange, struct plan *plan, uint32_t *makers,
                            tn_lots wanted)
{
    enum tn_side side = opposite(plan->side);
    uint32_t book = book_of(plan->series);
    tn_ticks price;
    plan->level_left = 0;
    if (plan->ended) return false;
    bool found = plan->begun ? tn_book_next_price(exchange->books, &price, book, side, plan->price)
                             : tn_book_best(exchange->books, &price, book, side);
    if (!found || !within(plan->side, price, plan->limit)) {
        plan->ended = 1;
        return false;
    }
    plan->begun = 1;
    plan->price = price;
    if (!count_visible(exchange, plan, makers, wanted) ||
        !count_hidden(exchange, plan, makers, wanted)) {
        plan->ended = 1;
    }
    return true;
}

/* 18: can the whole order be filled at once? */
enum tn_reject tn_exchange_plan_fok(struct tn_exchange *exchange, const struct running *running)
{
    struct plan plan = {.series = running->series,
                        .owner = running->owner,
                        .limit = running->limit,
                        .side = running->side,
                        .skips_own = running->stp == TN_STP_CANCEL_MAKER};
    uint32_t makers = exchange->makers_count;
    tn_lots wanted = running->open;
    tn_exchange_judge_reach(exchange, running->series, running->side, running->limit);
    tn_exchange_plan_begin(exchange);
    while (wanted > 0 && tn_exchange_plan_level(exchange, &plan, &makers, wanted)) {
        wanted -= plan.level_left;
    }
    if (wanted <= 0) return TN_REJECT_NONE;
    return plan.full ? TN_REJECT_FILL_LIMIT : TN_REJECT_FILL_OR_KILL;
}
