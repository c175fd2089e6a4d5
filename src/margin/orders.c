/* orders: what an account's open orders may do to it at worst, without trying their subsets.
 *
 * In one scenario an expiry is worth min(low·V, high·V) − flat·M, in a skew scenario no more than
 * flat·M − flat·V: the lowest of two or three linear functions. Of each the worst subset of orders
 * is plain to see: those whose own term is negative. So the lowest of them, each with its orders'
 * negative terms, is exactly the worst subset's value in that scenario. Over scenarios and expiries
 * the sum of these is a lower bound for every subset, as a minimum of sums is never under the sum
 * of minimums. A term counts what the trade itself gains at the mark, too: q·(mark − limit) − fee.
 *
 * A protection group with limit Q trades at most Q lots in all. Its loss is linear in them, so it
 * is at least Q lots of its worst order. docs/specs/margin.md, "Open orders", has the rule. */
#include "margin/internal.h"

#include <string.h>

void tn_margin_bound_expiry(struct tn_margin_bound *bound, int64_t pnl[TN_ROW_COLUMNS], bool is_new,
                            const struct tn_margin_path *path, const struct tn_margin_sums *sums,
                            const struct tn_margin_weights *weights)
{
    path->fold_orders(pnl, bound->pnl, sums, weights, is_new);
    bound->zero += sums->zero_terms;
    bound->basis +=
        tn_margin_basis_bound(sums, weights) - tn_margin_basis(sums->up, sums->down, weights);
}

void tn_margin_bound_filled(struct tn_margin_bound *bound, const struct tn_margin_market *market,
                            const struct tn_margin_order *order, const struct tn_margin_sums *sums,
                            const struct tn_margin_weights *weights)
{
    const struct tn_margin_path *path = tn_margin_path_of(market->cpu);
    const int64_t *row = market->rows[order->series];
    tn_micros up = sums->up + order->quantity * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
    tn_micros down = sums->down + order->quantity * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
    bound->basis +=
        tn_margin_basis(up, down, weights) - tn_margin_basis(sums->up, sums->down, weights);
    if (tn_margin_is_linear(&market->series[order->series])) return;
    const struct tn_holding filled = {.series = order->series, .quantity = order->quantity};
    _Alignas(64) int64_t value[TN_ROW_COLUMNS];
    _Alignas(64) int64_t with[TN_ROW_COLUMNS], without[TN_ROW_COLUMNS];
    memcpy(value, sums->value, sizeof value);
    path->add(value, market->rows, &filled, 1, false);
    path->fold(with, value, weights, true);
    path->fold(without, sums->value, weights, true);
    for (uint32_t k = 0; k < weights->scenarios_count; k++)
        bound->pnl[k] += with[k] - without[k];
}

/* ---- Protection groups -------------------------------------------------------------------------
 */

/* Per number of the bound: all of the group's orders, and the limit's lots of its worst one. */
struct group_terms {
    struct tn_margin_bound all, worst;
    uint32_t count;
    bool is_open; /* the limit is so far above an order's size that it bounds nothing */
};

/* The worst that an order does to each number, whatever c is. */
static void order_terms(struct tn_margin_bound *terms, const struct tn_margin_market *market,
                        const struct tn_margin_order *order)
{
    const struct tn_margin_series *series = &market->series[order->series];
    const struct tn_margin_weights *weights = &market->expiries[series->expiry].im;
    struct tn_margin_sums sums;
    memset(terms, 0, sizeof *terms);
    tn_margin_sums_start_terms(&sums, weights->scenarios_count);
    sums.expiry = series->expiry;
    tn_margin_sums_order(&sums, market, order, true);
    for (uint32_t k = 0; k < weights->scenarios_count; k++)
        terms->pnl[k] = min_of(sums.low[k], sums.high[k]);
    for (uint64_t left = weights->skews; left != 0; left &= left - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(left);
        terms->pnl[k] = min_of(terms->pnl[k], sums.back[k]);
    }
    terms->zero = sums.zero_terms;
    terms->basis = min_of(sums.zero_terms, min_of(sums.up_terms, sums.down_terms));
}

static bool is_in_range(const int64_t *row, tn_lots quantity)
{
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        if (row[k] != 0 && quantity > TN_MARGIN_VALUE_MAX / row[k]) return false;
    return true;
}

static void add_group_order(struct group_terms *group, const struct tn_margin_market *market,
                            const struct tn_margin_order *order, tn_lots limit)
{
    struct tn_margin_bound terms;
    tn_lots size = order->quantity < 0 ? -order->quantity : order->quantity;
    if (size == 0) return;
    order_terms(&terms, market, order);
    for (uint32_t k = 0; k < TN_SCENARIOS_MAX; k++)
        group->all.pnl[k] += terms.pnl[k];
    group->all.basis += terms.basis;
    group->all.zero += terms.zero;
    group->count++;
    if (limit > size && !is_in_range(market->rows[order->series], limit)) {
        group->is_open = true;
        return;
    }
    struct tn_margin_order part = *order;
    part.quantity = order->quantity < 0 ? -limit : limit;
    part.fee_micros = tn_mul_div_ceil(order->fee_micros, limit, size);
    order_terms(&terms, market, &part);
    for (uint32_t k = 0; k < TN_SCENARIOS_MAX; k++)
        group->worst.pnl[k] = min_of(group->worst.pnl[k], terms.pnl[k]);
    group->worst.basis = min_of(group->worst.basis, terms.basis);
    group->worst.zero = min_of(group->worst.zero, terms.zero);
}

/* Fills in parts are rounded down in each expiry they touch: at most a micro for each order of the
 * group, which the limited term gives up. */
static tn_micros capped(const struct group_terms *group, tn_micros all, tn_micros worst)
{
    tn_micros limited = worst - (tn_micros)group->count;
    return group->is_open || all > limited ? all : limited;
}

void tn_margin_bound_groups(struct tn_margin_bound *bound, const struct tn_margin_market *market,
                            const struct tn_margin_account *account,
                            const struct tn_margin_order *orders, uint32_t count)
{
    for (uint32_t g = 1; g <= account->groups_count; g++) {
        struct group_terms group;
        tn_lots limit = account->group_limits[g - 1];
        TN_ASSERT(limit >= 0);
        if (limit == 0) continue;
        memset(&group, 0, sizeof group);
        for (uint32_t i = 0; i < count; i++)
            if (orders[i].group == g) add_group_order(&group, market, &orders[i], limit);
        if (group.count == 0) continue;
        for (uint32_t k = 0; k < TN_SCENARIOS_MAX; k++)
            bound->pnl[k] += capped(&group, group.all.pnl[k], group.worst.pnl[k]);
        bound->basis += capped(&group, group.all.basis, group.worst.basis);
        bound->zero += capped(&group, group.all.zero, group.worst.zero);
    }
}
