/* portfolio: what a portfolio account must hold, worked out from its positions and the rows.
 *
 * Holdings come sorted, so one pass meets each underlying, in it each expiry, in it each strike
 * once. Options of an expiry add up column by column before anything is discounted or rounded: a
 * position's weight is its place in that sum. Futures, perpetuals and collateral that moves with an
 * underlying add up per underlying. Every number is a sum of floors of concave functions, so two
 * accounts together never need more than both apart.
 *
 * Orders: with one, the account is worked out with it filled and without, and the lower counts;
 * with more, orders.c bounds all subsets at once. Sums that the caller kept take the place of those
 * of the pass; everything else is the same text, so the answer is. */
#include "margin/internal.h"

#include <string.h>

#define PPM 1000000

/* One underlying of the account, while the walk is in it. */
struct unit {
    _Alignas(64) int64_t im[TN_ROW_COLUMNS], mm[TN_ROW_COLUMNS];
    int64_t linear[TN_ROW_COLUMNS];        /* Σ n·row, and collateral's change */
    bool has_linear, is_new;               /* is_new: nothing stands in im and mm yet */
    const struct tn_margin_expiry *expiry; /* the last one met: all share the flat weights */
    tn_micros im_basis, mm_basis;
    struct tn_margin_exposures held, open;
};

/* The bounds of an underlying: all orders as such, and those of limited groups by their limits. */
struct bounds {
    struct tn_margin_bound all, limited;
};

struct walk {
    const struct tn_margin_market *market;
    const struct tn_margin_account *account;
    const struct tn_margin_path *path;
    struct tn_margin_sums *const *kept; /* NULL: the walk makes its own */
    /* The account's orders; with kept sums those of groups with limits are enough. */
    const struct tn_margin_order *listed;
    uint32_t listed_count;
    uint32_t underlying, next_holding, next_order, next_kept;
    enum tn_margin_view orders;    /* HELD: there are none */
    bool has_limits;               /* there are groups with limits */
    struct tn_margin_order filled; /* the one order, cut to its group's limit */
    tn_micros linear_mark, options;
    struct tn_margin_collateral collateral;
    /* Σ over underlyings of worst case less contingency; the last two with orders. */
    tn_micros im, mm, m_all, m_limited;
};

static const struct tn_margin_series *series_of(const struct walk *walk, uint32_t series)
{
    TN_ASSERT(series < walk->market->series_count);
    return &walk->market->series[series];
}

static void start_linear(struct unit *unit)
{
    if (!unit->has_linear) memset(unit->linear, 0, sizeof unit->linear);
    unit->has_linear = true;
}

static void add_collateral(struct unit *unit, const struct walk *walk)
{
    if (!tn_margin_collateral_moves(&walk->collateral, walk->market, walk->underlying)) return;
    start_linear(unit);
    tn_margin_move_collateral(unit->linear, &walk->collateral, walk->market, walk->underlying);
}

/* ---- One expiry --------------------------------------------------------------------------------
 */

/* The positions of one expiry; orders' terms stay untouched. */
static void sum_positions(struct tn_margin_sums *sums, const struct walk *walk,
                          const struct tn_holding *holdings, uint32_t count, uint32_t expiry)
{
    const struct tn_margin_market *market = walk->market;
    uint32_t linear = 0;
    sums->up = sums->down = 0;
    sums->expiry = expiry;
    while (linear < count && tn_margin_is_linear(&market->series[holdings[linear].series])) {
        const int64_t *row = market->rows[holdings[linear].series];
        sums->up += holdings[linear].quantity * (row[TN_COLUMN_UP] - row[TN_COLUMN_MARK]);
        sums->down += holdings[linear].quantity * (row[TN_COLUMN_DOWN] - row[TN_COLUMN_MARK]);
        linear++;
    }
    sums->has_linear = linear > 0;
    if (sums->has_linear) walk->path->add(sums->linear, market->rows, holdings, linear, true);
    walk->path->add(sums->value, market->rows, holdings + linear, count - linear, true);
    sums->up += sums->value[TN_COLUMN_UP] - sums->value[TN_COLUMN_MARK];
    sums->down += sums->value[TN_COLUMN_DOWN] - sums->value[TN_COLUMN_MARK];
}

static void sum_orders(struct tn_margin_sums *sums, const struct walk *walk, uint32_t count,
                       bool leaves_out_limited)
{
    const struct tn_margin_order *orders = walk->listed + walk->next_order;
    tn_margin_sums_start_terms(sums, walk->market->shocks->scenarios_count);
    for (uint32_t i = 0; i < count; i++)
        if (!leaves_out_limited || !tn_margin_is_limited(walk->account, &orders[i]))
            tn_margin_sums_order(sums, walk->market, &orders[i], true);
}

/* Takes the orders of limited groups out of sums that have all. */
static void take_out_limited(struct tn_margin_sums *sums, const struct walk *walk, uint32_t count)
{
    const struct tn_margin_order *orders = walk->listed + walk->next_order;
    for (uint32_t i = 0; i < count; i++)
        if (tn_margin_is_limited(walk->account, &orders[i]))
            tn_margin_sums_order(sums, walk->market, &orders[i], false);
}

/* The holdings of the same expiry as the next one. */
static uint32_t holdings_of(const struct walk *walk, uint16_t expiry)
{
    const struct tn_holding *holdings = walk->account->holdings + walk->next_holding;
    uint32_t left = walk->account->holdings_count - walk->next_holding, count = 1;
    while (count < left && series_of(walk, holdings[count].series)->expiry == expiry)
        count++;
    return count;
}

static uint32_t listed_of(const struct walk *walk, uint16_t expiry)
{
    uint32_t left = walk->listed_count - walk->next_order, count = 0;
    if (left == 0) return 0;
    const struct tn_margin_order *orders = walk->listed + walk->next_order;
    while (count < left && series_of(walk, orders[count].series)->expiry == expiry)
        count++;
    return count;
}

/* An expiry with orders: its positions and what the orders do to them. `own` may be written. */
static void bound_expiry(struct unit *unit, struct bounds *bounds, const struct walk *walk,
                         uint32_t listed, const struct tn_margin_sums *sums,
                         struct tn_margin_sums *own)
{
    const struct tn_margin_weights *weights = &unit->expiry->im;
    if (walk->orders == TN_MARGIN_FILLED) {
        walk->path->fold(unit->im, sums->value, weights, unit->is_new);
        tn_margin_bound_filled(&bounds->all, walk->market, &walk->filled, sums, weights);
        return;
    }
    if (walk->kept == NULL) sum_orders(own, walk, listed, false);
    tn_margin_bound_expiry(&bounds->all, unit->im, unit->is_new, walk->path, sums, weights);
    if (!walk->has_limits) return;
    _Alignas(64) int64_t unused[TN_ROW_COLUMNS];
    if (walk->kept != NULL) {
        *own = *sums;
        take_out_limited(own, walk, listed);
    } else {
        sum_orders(own, walk, listed, true);
    }
    tn_margin_bound_expiry(&bounds->limited, unused, true, walk->path, own, weights);
}

static void add_linear(struct unit *unit, const struct walk *walk,
                       const struct tn_margin_sums *sums)
{
    walk->path->gather(unit->linear, sums->linear, !unit->has_linear);
    unit->has_linear = true;
}

static void fold_all(struct unit *unit, struct bounds *bounds, const struct walk *walk,
                     uint32_t orders, uint32_t listed, const struct tn_margin_sums *sums,
                     struct tn_margin_sums *own)
{
    const struct tn_margin_expiry *expiry = unit->expiry;
    unit->mm_basis += tn_margin_basis(sums->up, sums->down, &expiry->mm);
    unit->im_basis += tn_margin_basis(sums->up, sums->down, &expiry->im);
    if (orders == 0) {
        walk->path->fold_both(unit->im, unit->mm, sums->value, expiry, unit->is_new);
        return;
    }
    walk->path->fold(unit->mm, sums->value, &expiry->mm, unit->is_new);
    bound_expiry(unit, bounds, walk, listed, sums, own);
}

static void fold_expiry(struct unit *unit, struct bounds *bounds, struct walk *walk,
                        uint32_t orders, uint32_t listed, const struct tn_margin_sums *sums,
                        struct tn_margin_sums *own)
{
    walk->options += sums->value[TN_COLUMN_MARK];
    if (sums->has_linear) add_linear(unit, walk, sums);
    fold_all(unit, bounds, walk, orders, listed, sums, own);
    unit->is_new = false;
}

static void add_exposures(struct tn_margin_exposures *sum, const struct tn_margin_exposures *more)
{
    sum->linear += more->linear;
    sum->naked += more->naked;
    sum->confidence += more->confidence;
}

/* As held and with orders: the same where there are none. */
static void expose(struct unit *unit, const struct walk *walk, const struct tn_holding *holdings,
                   uint32_t count, uint32_t orders)
{
    struct tn_margin_exposures held =
        tn_margin_expose(walk->market, holdings, count, TN_MARGIN_HELD, NULL);
    struct tn_margin_exposures open = held;
    if (orders > 0)
        open = tn_margin_expose(walk->market, holdings, count, walk->orders, &walk->filled);
    add_exposures(&unit->held, &held);
    add_exposures(&unit->open, &open);
}

static void walk_expiry(struct unit *unit, struct bounds *bounds, struct walk *walk)
{
    const struct tn_margin_account *account = walk->account;
    const struct tn_holding *holdings = account->holdings + walk->next_holding;
    uint16_t expiry = series_of(walk, holdings[0].series)->expiry;
    uint32_t count = holdings_of(walk, expiry), listed = listed_of(walk, expiry);
    uint32_t orders = walk->kept != NULL ? walk->kept[walk->next_kept]->orders_count : listed;
    TN_ASSERT(expiry < walk->market->expiries_count);
    unit->expiry = &walk->market->expiries[expiry];
    TN_ASSERT(unit->expiry->underlying == walk->underlying);
    struct tn_margin_sums own;
    expose(unit, walk, holdings, count, orders);
    if (walk->kept != NULL) {
        const struct tn_margin_sums *kept = walk->kept[walk->next_kept++];
        TN_ASSERT(kept->expiry == expiry);
        fold_expiry(unit, bounds, walk, orders, listed, kept, &own);
    } else {
        sum_positions(&own, walk, holdings, count, expiry);
        fold_expiry(unit, bounds, walk, orders, listed, &own, &own);
    }
    walk->next_holding += count;
    walk->next_order += listed;
}

/* ---- One underlying ----------------------------------------------------------------------------
 */

static tn_micros worst_of(const struct walk *walk, const int64_t pnl[TN_ROW_COLUMNS],
                          tn_micros basis)
{
    uint32_t count = walk->market->shocks->scenarios_count;
    return min_of(min_of(0, basis), walk->path->least(pnl, NULL, count));
}

/* One order on a future or perpetual, filled: what it changes of the linear part. */
static void bound_linear(struct tn_margin_bound *bound, const struct unit *unit,
                         const struct walk *walk, const struct tn_margin_weights *weights)
{
    const struct tn_margin_order *order = &walk->filled;
    const int64_t *row = walk->market->rows[order->series];
    int64_t before[TN_ROW_COLUMNS], after[TN_ROW_COLUMNS], change[TN_ROW_COLUMNS];
    const struct tn_margin_series *series = series_of(walk, order->series);
    if (!tn_margin_is_linear(series) || series->underlying != walk->underlying) return;
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        change[k] = unit->linear[k] + order->quantity * (row[k] - row[TN_COLUMN_MARK]);
    walk->path->linear(before, unit->linear, weights, true);
    walk->path->linear(after, change, weights, true);
    for (uint32_t k = 0; k < weights->scenarios_count; k++)
        bound->pnl[k] += after[k] - before[k];
}

/* What moves with spot counts by how much it changes; its value at the mark is cash equity. */
static void fold_linear(struct unit *unit, struct bounds *bounds, struct walk *walk)
{
    const struct tn_margin_market *market = walk->market;
    int64_t lambda_ppm = market->underlyings[walk->underlying].lambda_ppm;
    struct tn_margin_expiry made; /* where only collateral moves, no expiry lends its weights */
    const struct tn_margin_expiry *expiry = unit->expiry;
    tn_micros mark = unit->linear[TN_COLUMN_MARK];
    if (expiry == NULL) {
        tn_margin_flat_weights(&made.mm, market, market->mm_factor_ppm);
        tn_margin_flat_weights(&made.im, market, tn_margin_im_factor_ppm(market, lambda_ppm));
        expiry = &made;
    }
    walk->linear_mark += mark;
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        unit->linear[k] -= mark;
    walk->path->linear(unit->mm, unit->linear, &expiry->mm, unit->is_new);
    walk->path->linear(unit->im, unit->linear, &expiry->im, unit->is_new);
    if (bounds != NULL && walk->orders == TN_MARGIN_FILLED)
        bound_linear(&bounds->all, unit, walk, &expiry->im);
}

static tn_micros bounded(const struct walk *walk, const struct unit *unit,
                         const struct tn_margin_bound *bound)
{
    uint32_t count = walk->market->shocks->scenarios_count;
    return min_of(min_of(bound->zero, unit->im_basis + bound->basis),
                  walk->path->least(unit->im, bound->pnl, count));
}

/* Factors are inside the numbers; for people they are taken out of IM's again. */
static void fill_detail(struct tn_margin_detail *detail, const struct walk *walk,
                        const struct unit *unit, tn_micros worst)
{
    const struct tn_margin_market *market = walk->market;
    int64_t factor_ppm =
        tn_margin_im_factor_ppm(market, market->underlyings[walk->underlying].lambda_ppm);
    struct tn_margin_contingency mm = tn_margin_contingency_mm(market, &unit->held);
    struct tn_margin_contingency im =
        tn_margin_contingency_im(market, walk->underlying, &unit->held);
    memset(detail, 0, sizeof *detail);
    detail->worst_column = worst < 0 ? TN_COLUMN_UP : TN_COLUMN_MARK;
    for (uint32_t k = market->shocks->scenarios_count; k-- > 0;) {
        detail->pnl[k] = tn_mul_div_floor(unit->im[k], PPM, factor_ppm);
        if (worst < 0 && unit->im[k] == worst) detail->worst_column = k;
    }
    detail->basis = tn_mul_div_floor(unit->im_basis, PPM, factor_ppm);
    detail->worst = tn_mul_div_floor(worst, PPM, factor_ppm);
    detail->perp_mm = mm.linear;
    detail->perp_im = im.linear;
    detail->naked_mm = mm.naked;
    detail->naked_im = im.naked;
    detail->confidence = im.confidence;
}

static void finish_im(struct unit *unit, struct bounds *bounds, struct walk *walk,
                      struct tn_margin_detail *detail)
{
    const struct tn_margin_market *market = walk->market;
    tn_micros worst = worst_of(walk, unit->im, unit->im_basis);
    tn_micros held = tn_margin_contingency_total(
        tn_margin_contingency_im(market, walk->underlying, &unit->held));
    walk->im += worst - held;
    if (detail != NULL) fill_detail(detail, walk, unit, worst);
    if (bounds == NULL) return;
    tn_micros open = tn_margin_contingency_total(
        tn_margin_contingency_im(market, walk->underlying, &unit->open));
    walk->m_all += bounded(walk, unit, &bounds->all) - open;
    if (walk->has_limits) walk->m_limited += bounded(walk, unit, &bounds->limited) - open;
}

static void finish_mm(struct unit *unit, struct walk *walk)
{
    walk->mm += worst_of(walk, unit->mm, unit->mm_basis) -
                tn_margin_contingency_total(tn_margin_contingency_mm(walk->market, &unit->held));
}

static void finish_unit(struct unit *unit, struct bounds *bounds, struct walk *walk,
                        struct tn_margin_detail *detail)
{
    add_collateral(unit, walk);
    if (unit->has_linear) fold_linear(unit, bounds, walk);
    finish_mm(unit, walk);
    finish_im(unit, bounds, walk, detail);
}

static bool is_next(const struct walk *walk)
{
    const struct tn_margin_account *account = walk->account;
    return walk->next_holding < account->holdings_count &&
           series_of(walk, account->holdings[walk->next_holding].series)->underlying ==
               walk->underlying;
}

/* The holdings of one underlying, and the orders around them. */
static void walk_holdings(struct unit *unit, struct bounds *bounds, struct walk *walk)
{
    const struct tn_margin_account *account = walk->account;
    uint32_t first = walk->next_order;
    while (is_next(walk))
        walk_expiry(unit, bounds, walk);
    if (walk->has_limits && walk->next_order > first)
        tn_margin_bound_groups(&bounds->limited, walk->market, account, walk->listed + first,
                               walk->next_order - first);
}

static void start_unit(struct unit *unit)
{
    unit->has_linear = false;
    unit->is_new = true;
    unit->expiry = NULL;
    unit->im_basis = unit->mm_basis = 0;
    unit->held = unit->open = (struct tn_margin_exposures){0, 0, 0};
}

static void start_bound(struct tn_margin_bound *bound, uint32_t scenarios_count)
{
    memset(bound->pnl, 0, scenarios_count * sizeof bound->pnl[0]);
    bound->basis = bound->zero = 0;
}

static void walk_underlying(struct walk *walk, struct tn_margin_detail *detail)
{
    struct unit unit;
    struct bounds bounds;
    bool has_bounds = walk->orders != TN_MARGIN_HELD;
    if (detail != NULL) {
        memset(detail, 0, sizeof *detail);
        detail->worst_column = TN_COLUMN_MARK;
    }
    if (!is_next(walk) &&
        !tn_margin_collateral_moves(&walk->collateral, walk->market, walk->underlying)) {
        return;
    }
    start_unit(&unit);
    if (has_bounds) {
        start_bound(&bounds.all, walk->market->shocks->scenarios_count);
        if (walk->has_limits) start_bound(&bounds.limited, walk->market->shocks->scenarios_count);
    }
    walk_holdings(&unit, has_bounds ? &bounds : NULL, walk);
    finish_unit(&unit, has_bounds ? &bounds : NULL, walk, detail);
}

/* ---- The account -------------------------------------------------------------------------------
 */

/* One order alone is worked out as filled. Of a group with a limit no more of it trades than that,
 * at its part of the fee. */
static struct tn_margin_order cut_to_limit(const struct tn_margin_account *account)
{
    struct tn_margin_order order = account->orders[0];
    if (!tn_margin_is_limited(account, &order)) return order;
    tn_lots size = order.quantity < 0 ? -order.quantity : order.quantity;
    tn_lots limit = account->group_limits[order.group - 1];
    if (size <= limit) return order;
    order.quantity = order.quantity < 0 ? -limit : limit;
    order.fee_micros = tn_mul_div_ceil(order.fee_micros, limit, size);
    return order;
}

static void start_walk(struct walk *walk, const struct tn_margin_market *market,
                       const struct tn_margin_account *account, struct tn_margin_sums *const *kept)
{
    TN_ASSERT(account->model == TN_MARGIN_PORTFOLIO);
    TN_ASSERT(account->holdings_count <= TN_MARGIN_POSITIONS_MAX);
    walk->market = market;
    walk->account = account;
    walk->path = tn_margin_path_of(market->cpu);
    walk->kept = kept;
    walk->listed = account->orders;
    walk->listed_count = account->orders_count;
    walk->underlying = walk->next_holding = walk->next_order = walk->next_kept = 0;
    walk->orders = TN_MARGIN_HELD;
    walk->has_limits = false;
    walk->linear_mark = walk->options = 0;
    tn_margin_take_collateral(&walk->collateral, market, account);
    walk->mm = -walk->collateral.mm;
    walk->im = walk->m_all = walk->m_limited = -walk->collateral.im;
    if (account->orders_count == 1) {
        walk->orders = TN_MARGIN_FILLED;
        walk->filled = cut_to_limit(account);
    } else if (account->orders_count > 1) {
        walk->orders = TN_MARGIN_WORST;
        walk->has_limits = tn_margin_has_limits(account);
    }
}

static void walk_account(struct walk *walk, struct tn_margin_detail *details)
{
    for (uint32_t u = 0; u < walk->market->underlyings_count; u++) {
        walk->underlying = u;
        walk_underlying(walk, details == NULL ? NULL : &details[u]);
    }
    TN_ASSERT(walk->next_holding == walk->account->holdings_count); /* they came in order */
    TN_ASSERT(walk->next_order == walk->listed_count);              /* and orders with them */
}

static tn_micros equity_of(const struct walk *walk)
{
    return walk->account->cash + walk->linear_mark + walk->options + walk->collateral.value;
}

static tn_micros balance_with_orders(const struct walk *walk)
{
    tn_micros equity = equity_of(walk), all = walk->m_all;
    switch (walk->orders) {
        case TN_MARGIN_HELD: return equity + walk->im;
        case TN_MARGIN_WORST:
            return equity + (walk->has_limits && walk->m_limited > all ? walk->m_limited : all);
        case TN_MARGIN_FILLED: break;
    }
    all += tn_margin_order_gain(walk->market, &walk->filled);
    return equity + min_of(all, walk->im);
}

void tn_margin_portfolio(struct tn_margin_result *result, struct tn_margin_detail *details,
                         const struct tn_margin_market *market,
                         const struct tn_margin_account *account)
{
    struct walk walk;
    start_walk(&walk, market, account, NULL);
    walk_account(&walk, details);
    result->cash_equity = account->cash + walk.linear_mark;
    result->options = walk.options;
    result->collateral = walk.collateral.value;
    result->equity = equity_of(&walk);
    result->mm = result->equity + walk.mm;
    /* Where nothing is at risk, roundings could put IM a few micros above MM. */
    result->im = min_of(result->equity + walk.im, result->mm);
    result->m = balance_with_orders(&walk);
}

tn_micros tn_margin_portfolio_total(const struct tn_margin_market *market,
                                    const struct tn_margin_account *account,
                                    struct tn_margin_sums *const *sums, uint32_t sums_count)
{
    return tn_margin_sums_total_limited(market, account, sums, sums_count, account->orders,
                                        account->orders_count);
}

tn_micros tn_margin_sums_total_limited(const struct tn_margin_market *market,
                                       const struct tn_margin_account *account,
                                       struct tn_margin_sums *const *sums, uint32_t sums_count,
                                       const struct tn_margin_order *limited,
                                       uint32_t limited_count)
{
    struct walk walk;
    start_walk(&walk, market, account, sums);
    walk.listed = limited;
    walk.listed_count = limited_count;
    walk_account(&walk, NULL);
    TN_ASSERT(walk.next_kept == sums_count);
    return balance_with_orders(&walk);
}

bool tn_margin_is_below(tn_micros *mm, tn_micros *equity, const struct tn_margin_market *market,
                        const struct tn_margin_account *account)
{
    if (account->model == TN_MARGIN_STANDARD) {
        tn_margin_standard_maintenance(mm, equity, market, account);
        return *mm < 0;
    }
    struct tn_margin_result result;
    struct tn_margin_account held = *account;
    held.orders_count = 0;
    held.notes = NULL;
    tn_margin_held(&result, market, &held);
    *equity = result.equity;
    *mm = result.mm;
    return *mm < 0;
}

void tn_margin_evaluate(struct tn_margin_result *result, struct tn_margin_detail *details,
                        const struct tn_margin_market *market,
                        const struct tn_margin_account *account)
{
    bool is_held = account->model != TN_MARGIN_STANDARD && account->orders_count == 0;
    if (is_held && details == NULL) {
        tn_margin_held(result, market, account);
        return;
    }
    if (account->notes != NULL) {
        memset(account->notes, 0, market->underlyings_count * sizeof *account->notes);
        tn_margin_count_lots(market, account, 0, account->holdings_count);
    }
    if (account->model == TN_MARGIN_STANDARD)
        tn_margin_standard(result, market, account);
    else
        tn_margin_portfolio(result, details, market, account);
}
