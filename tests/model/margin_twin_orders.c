/* The twin's open orders: the bound (docs/specs/margin.md, Open orders), and what it bounds.
 *
 * An alternative is one thing that worst can be: nothing, the basis, or a scenario. In each, every
 * expiry has a few branches (discount L or H, a skew's sign, up or down), and the document's sum is
 *     Σ_expiries min_branch [ position + Σ_o min(0, order) ]
 * with order = f·d·q(c·P − mark) + q(mark − ℓ) − φ. A group under a cap stands outside of that min:
 * h_o is its order's least over the branches. The true worst subset is found by trying them all. */
#include "margin_twin_internal.h"

#include <math.h>

/* sign·(weight·P[column] − flat·mark) */
struct branch {
    long double sign, weight, flat;
    uint32_t column;
};

#define BRANCHES_MAX 3
#define ZERO         TN_COLUMN_MARK /* the alternative that worst is 0 */
#define BASIS        TN_COLUMN_UP

static uint32_t branches_of(struct branch *branches, const struct margin_twin_market *market,
                            uint32_t expiry, uint32_t alternative)
{
    const struct margin_twin_weights *weights = &market->table.weights[MARGIN_TWIN_IM][expiry];
    branches[0] = (struct branch){0, 0, 0, TN_COLUMN_MARK};
    if (alternative == ZERO) return 1;
    if (alternative == BASIS) {
        long double up = weights->flat[TN_COLUMN_UP], down = weights->flat[TN_COLUMN_DOWN];
        branches[1] = (struct branch){1, up, up, TN_COLUMN_UP};
        branches[2] = (struct branch){1, down, down, TN_COLUMN_DOWN};
        return 3;
    }
    uint32_t k = alternative;
    long double low = weights->low[k], high = weights->high[k], flat = weights->flat[k];
    branches[0] = (struct branch){1, low, flat, k};
    branches[1] = (struct branch){1, high, flat, k};
    if (market->scenarios[k].kind == TN_SCENARIO_SHOCK) return 2;
    branches[2] = (struct branch){-1, flat, flat, k};
    return 3;
}

/* Is the series part of its expiry's bracket? Futures only are in the basis; perpetuals never. */
static bool in_bracket(const struct margin_twin_market *market, uint32_t series,
                       uint32_t alternative)
{
    if (margin_twin_is_option(market, series)) return true;
    return market->series[series].kind == TN_FUTURE && alternative == BASIS;
}

static long double positions_gain(const struct margin_twin_market *market,
                                  const struct margin_twin_account *account, uint32_t expiry,
                                  const struct branch *branch, uint32_t alternative)
{
    const long double *n = account->quantities;
    long double value = margin_twin_value(market, n, expiry, branch->column);
    long double mark = margin_twin_value(market, n, expiry, TN_COLUMN_MARK);
    if (alternative == BASIS) {
        value += margin_twin_futures(market, n, expiry, branch->column);
        mark += margin_twin_futures(market, n, expiry, TN_COLUMN_MARK);
    }
    return branch->sign * (branch->weight * value - branch->flat * mark);
}

/* min(0, order) in one branch. */
static long double order_gain(const struct margin_twin_market *market,
                              const struct margin_twin_order *order, const struct branch *branch)
{
    const long double *price = market->table.price[order->series];
    long double mark = price[TN_COLUMN_MARK];
    long double risk = order->quantity * branch->sign *
                       (branch->weight * price[branch->column] - branch->flat * mark);
    return fminl(0, risk + order->quantity * (mark - order->price) - order->fee);
}

/* The only branch of an order outside of brackets: f·d·q(P_k − mark), no exposure but in k. */
static struct branch linear_branch(const struct margin_twin_market *market, uint32_t expiry,
                                   uint32_t alternative)
{
    if (alternative >= market->scenarios_count) return (struct branch){0, 0, 0, TN_COLUMN_MARK};
    long double flat = market->table.weights[MARGIN_TWIN_IM][expiry].flat[alternative];
    return (struct branch){1, flat, flat, alternative};
}

static bool is_capped(const struct margin_twin_account *account,
                      const struct margin_twin_order *order, bool capped)
{
    return capped && order->group != 0 && account->group_limits[order->group - 1] > 0;
}

static bool counts(const struct margin_twin_market *market,
                   const struct margin_twin_account *account, const struct margin_twin_order *order,
                   uint32_t underlying, bool capped)
{
    return market->series[order->series].underlying == underlying &&
           !is_capped(account, order, capped);
}

static long double bracket_bound(const struct margin_twin_market *market,
                                 const struct margin_twin_account *account, uint32_t expiry,
                                 uint32_t alternative, bool capped)
{
    uint32_t underlying = market->expiries[expiry].underlying;
    struct branch branches[BRANCHES_MAX];
    uint32_t count = branches_of(branches, market, expiry, alternative);
    long double least = INFINITY;
    for (uint32_t b = 0; b < count; b++) {
        long double sum = positions_gain(market, account, expiry, &branches[b], alternative);
        for (uint32_t o = 0; o < account->orders_count; o++) {
            const struct margin_twin_order *order = &account->orders[o];
            if (market->series[order->series].expiry != expiry) continue;
            if (!in_bracket(market, order->series, alternative)) continue;
            if (!counts(market, account, order, underlying, capped)) continue;
            sum += order_gain(market, order, &branches[b]);
        }
        least = fminl(least, sum);
    }
    return least;
}

/* h_o: an order's least over the branches, as the group stands outside of the min that fixes one.
 */
static long double order_least(const struct margin_twin_market *market,
                               const struct margin_twin_order *order, uint32_t alternative)
{
    uint32_t expiry = market->series[order->series].expiry;
    struct branch branches[BRANCHES_MAX];
    uint32_t count = 1;
    if (in_bracket(market, order->series, alternative)) {
        count = branches_of(branches, market, expiry, alternative);
    } else {
        branches[0] = linear_branch(market, expiry, alternative);
    }
    long double least = 0;
    for (uint32_t b = 0; b < count; b++)
        least = fminl(least, order_gain(market, order, &branches[b]));
    return least;
}

/* max(Σ h_o, Q·min_o(h_o/|q_o|)) over the group's orders of one underlying. */
static long double group_bound(const struct margin_twin_market *market,
                               const struct margin_twin_account *account, uint32_t underlying,
                               uint32_t group, uint32_t alternative)
{
    long double sum = 0, steepest = 0;
    for (uint32_t o = 0; o < account->orders_count; o++) {
        const struct margin_twin_order *order = &account->orders[o];
        if (order->group != group) continue;
        if (market->series[order->series].underlying != underlying) continue;
        long double least = order_least(market, order, alternative);
        sum += least;
        steepest = fminl(steepest, least / fabsl(order->quantity));
    }
    return fmaxl(sum, account->group_limits[group - 1] * steepest);
}

static long double alternative_bound(const struct margin_twin_market *market,
                                     const struct margin_twin_account *account, uint32_t underlying,
                                     uint32_t alternative, bool capped)
{
    long double sum = 0;
    if (alternative < market->scenarios_count)
        sum = margin_twin_linear(market, account, MARGIN_TWIN_IM, underlying, alternative);
    for (uint32_t i = 0; i < market->expiries_count; i++) {
        if (market->expiries[i].underlying != underlying) continue;
        sum += bracket_bound(market, account, i, alternative, capped);
    }
    for (uint32_t o = 0; o < account->orders_count; o++) {
        const struct margin_twin_order *order = &account->orders[o];
        if (in_bracket(market, order->series, alternative)) continue;
        if (!counts(market, account, order, underlying, capped)) continue;
        sum += order_least(market, order, alternative);
    }
    for (uint32_t g = 1; capped && g <= MARGIN_TWIN_GROUPS_MAX; g++) {
        if (account->group_limits[g - 1] == 0) continue;
        sum += group_bound(market, account, underlying, g, alternative);
    }
    return sum;
}

/* Contingencies with orders: by size the larger of |n + buys| and |n − sells|; shorts take all
 * sells and no buys. */
static long double contingency_bound(const struct margin_twin_market *market,
                                     const struct margin_twin_account *account, uint32_t underlying)
{
    static long double sizes[MARGIN_TWIN_SERIES_MAX], shorts[MARGIN_TWIN_SERIES_MAX];
    for (uint32_t i = 0; i < market->series_count; i++) {
        long double n = account->quantities[i], buys = 0, sells = 0;
        for (uint32_t o = 0; o < account->orders_count; o++) {
            if (account->orders[o].series != i) continue;
            buys += fmaxl(0, account->orders[o].quantity);
            sells += fmaxl(0, -account->orders[o].quantity);
        }
        sizes[i] = fmaxl(fabsl(n + buys), fabsl(n - sells));
        shorts[i] = n - sells;
    }
    struct margin_twin_detail detail;
    margin_twin_contingency(&detail, market, sizes, shorts, underlying);
    return market->underlyings[underlying].lambda *
           (detail.perp[MARGIN_TWIN_IM] + detail.naked[MARGIN_TWIN_IM] + detail.confidence);
}

long double margin_twin_bound_form(const struct margin_twin_market *market,
                                   const struct margin_twin_account *account, bool capped)
{
    struct margin_twin_balances balances;
    margin_twin_equity(&balances, market, account);
    long double sum = balances.equity - margin_twin_haircuts(market, account, MARGIN_TWIN_IM);
    for (uint32_t u = 0; u < market->underlyings_count; u++) {
        long double worst = fminl(alternative_bound(market, account, u, ZERO, capped),
                                  alternative_bound(market, account, u, BASIS, capped));
        for (uint32_t k = 0; k < market->scenarios_count; k++)
            worst = fminl(worst, alternative_bound(market, account, u, k, capped));
        sum += worst - contingency_bound(market, account, u);
    }
    return sum;
}

long double margin_twin_bound(const struct margin_twin_market *market,
                              const struct margin_twin_account *account)
{
    if (account->orders_count == 1) return margin_twin_worst_subset(market, account);
    return fmaxl(margin_twin_bound_form(market, account, false),
                 margin_twin_bound_form(market, account, true));
}

/* ---- Brute force ---- */

enum fill { FILL_NONE, FILL_FULL, FILL_REST };

/* Counts through all choices; only an order under a cap may be filled in part. */
static bool next_choice(enum fill *fills, const struct margin_twin_account *account)
{
    for (uint32_t o = 0; o < account->orders_count; o++) {
        enum fill last = is_capped(account, &account->orders[o], true) ? FILL_REST : FILL_FULL;
        if (fills[o] == last) {
            fills[o] = FILL_NONE;
            continue;
        }
        fills[o] = fills[o] == FILL_NONE ? FILL_FULL : FILL_REST;
        return true;
    }
    return false;
}

/* How much of order o is filled: < 0 when the choice breaks a limit or says nothing new. */
static long double part_filled(const struct margin_twin_account *account, const enum fill *fills,
                               uint32_t o)
{
    const struct margin_twin_order *order = &account->orders[o];
    if (fills[o] == FILL_NONE) return 0;
    if (!is_capped(account, order, true)) return 1;
    long double left = account->group_limits[order->group - 1];
    for (uint32_t i = 0; i < account->orders_count; i++) {
        if (account->orders[i].group != order->group) continue;
        if (fills[i] == FILL_FULL) left -= fabsl(account->orders[i].quantity);
        if (fills[i] == FILL_REST && fills[o] == FILL_REST && i != o) return -1;
    }
    if (fills[o] == FILL_FULL) return left < 0 ? -1 : 1;
    return left > 0 && left < fabsl(order->quantity) ? left / fabsl(order->quantity) : -1;
}

long double margin_twin_worst_subset(const struct margin_twin_market *market,
                                     const struct margin_twin_account *account)
{
    static struct margin_twin_account after;
    enum fill fills[MARGIN_TWIN_ORDERS_MAX] = {FILL_NONE};
    long double worst = INFINITY;
    do {
        after = *account;
        after.orders_count = 0;
        bool possible = true;
        for (uint32_t o = 0; o < account->orders_count && possible; o++) {
            const struct margin_twin_order *order = &account->orders[o];
            long double part = part_filled(account, fills, o);
            possible = part >= 0;
            after.quantities[order->series] += part * order->quantity;
            after.cash -= part * (order->quantity * order->price + order->fee);
        }
        if (!possible) continue;
        struct margin_twin_balances balances;
        margin_twin_evaluate(&balances, NULL, market, &after);
        worst = fminl(worst, balances.im);
    } while (next_choice(fills, account));
    return worst;
}
