/* total: m from sums that the caller kept, of an account with several orders or none.
 *
 * What an expiry comes to, with its orders at their worst, stays beside its sums until they change.
 * So a total works out those that did change, and of the others reads a column of outcomes and a
 * few numbers: outcomes of all expiries are added and the least is found in one pass. One order
 * alone and groups with limits are worked out with the positions: portfolio.c. The rules are
 * portfolio.c's, and so is the number. */
#include "margin/internal.h"

#include <string.h>

/* One underlying of the account. */
struct unit {
    _Alignas(64) int64_t linear[TN_ROW_COLUMNS]; /* Σ n·row, and collateral's change */
    int64_t pnl[TN_ROW_COLUMNS];                 /* the same, weighed */
    const int64_t *outcomes[TN_MARGIN_POSITIONS_MAX + 1];
    uint32_t outcomes_count;
    bool has_linear;
    const struct tn_margin_expiry *expiry; /* the last one met: all share the flat weights */
    tn_micros basis, zero;
    struct tn_margin_exposures open;
};

struct total {
    const struct tn_margin_market *market;
    const struct tn_margin_account *account;
    const struct tn_margin_path *path;
    struct tn_margin_sums *const *sums;
    uint32_t sums_count, underlying, next, next_holding, orders_count;
    struct tn_margin_collateral collateral;
    tn_micros marks, m; /* Σ n·mark; Σ over underlyings of worst case less contingency */
};

/* ---- One expiry --------------------------------------------------------------------------------
 */

static void fold(struct tn_margin_sums *sums, const struct total *total,
                 const struct tn_margin_weights *weights)
{
    if (sums->orders_count > 0) {
        total->path->fold_bound(sums->outcome, sums, weights, true);
        sums->basis = tn_margin_basis_bound(sums, weights);
    } else {
        total->path->fold(sums->outcome, sums->value, weights, true);
        sums->basis = tn_margin_basis(sums->up, sums->down, weights);
    }
    sums->mark = sums->value[TN_COLUMN_MARK];
    sums->is_folded = true;
}

/* Holdings from the next one on that are of the expiry: how many, and what they count for. */
static void size_up(struct tn_margin_sums *sums, const struct total *total)
{
    const struct tn_margin_market *market = total->market;
    const struct tn_holding *holdings = total->account->holdings + total->next_holding;
    uint32_t left = total->account->holdings_count - total->next_holding, count = 0;
    for (; count < left; count++) {
        TN_ASSERT(holdings[count].series < market->series_count);
        if (market->series[holdings[count].series].expiry != sums->expiry) break;
    }
    enum tn_margin_view view = sums->orders_count > 0 ? TN_MARGIN_WORST : TN_MARGIN_HELD;
    struct tn_margin_exposures open = tn_margin_expose(market, holdings, count, view, NULL);
    sums->linear_size = open.linear;
    sums->naked_size = open.naked;
    sums->confidence = open.confidence;
    sums->holdings_count = count;
    sums->is_sized = true;
}

static void take_expiry(struct unit *unit, struct total *total, struct tn_margin_sums *sums)
{
    const struct tn_margin_account *account = total->account;
    TN_ASSERT(total->next_holding < account->holdings_count);
    uint32_t series = account->holdings[total->next_holding].series;
    TN_ASSERT(series < total->market->series_count);
    TN_ASSERT(total->market->series[series].expiry == sums->expiry); /* they come in one order */
    unit->expiry = &total->market->expiries[sums->expiry];
    if (!sums->is_folded) fold(sums, total, &unit->expiry->im);
    if (!sums->is_sized) size_up(sums, total);
    if (sums->has_linear) {
        total->path->gather(unit->linear, sums->linear, !unit->has_linear);
        unit->has_linear = true;
    }
    unit->outcomes[unit->outcomes_count++] = sums->outcome;
    total->orders_count += sums->orders_count;
    unit->basis += sums->basis;
    unit->zero += sums->zero_terms; /* 0 where there are no orders */
    unit->open.linear += sums->linear_size;
    unit->open.naked += sums->naked_size;
    unit->open.confidence += sums->confidence;
    total->marks += sums->mark;
    total->next_holding += sums->holdings_count;
}

/* ---- One underlying ----------------------------------------------------------------------------
 */

/* Where only collateral moves, no expiry lends its weights. */
static void fold_linear(struct unit *unit, struct total *total)
{
    const struct tn_margin_market *market = total->market;
    struct tn_margin_weights made;
    const struct tn_margin_weights *weights = &made;
    tn_micros mark = unit->linear[TN_COLUMN_MARK];
    int64_t lambda_ppm = market->underlyings[total->underlying].lambda_ppm;
    if (unit->expiry != NULL)
        weights = &unit->expiry->im;
    else
        tn_margin_flat_weights(&made, market, tn_margin_im_factor_ppm(market, lambda_ppm));
    total->marks += mark;
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        unit->linear[k] -= mark;
    memset(unit->pnl, 0, sizeof unit->pnl);
    total->path->linear(unit->pnl, unit->linear, weights, true);
    unit->outcomes[unit->outcomes_count++] = unit->pnl;
}

static void finish_unit(struct unit *unit, struct total *total)
{
    const struct tn_margin_market *market = total->market;
    if (tn_margin_collateral_moves(&total->collateral, market, total->underlying)) {
        if (!unit->has_linear) memset(unit->linear, 0, sizeof unit->linear);
        unit->has_linear = true;
        tn_margin_move_collateral(unit->linear, &total->collateral, market, total->underlying);
    }
    if (unit->has_linear) fold_linear(unit, total);
    if (unit->outcomes_count == 0) return;
    tn_micros least = total->path->least_of(unit->outcomes, unit->outcomes_count,
                                            market->shocks->scenarios_count);
    total->m += min_of(min_of(unit->zero, unit->basis), least) -
                tn_margin_contingency_total(
                    tn_margin_contingency_im(market, total->underlying, &unit->open));
}

static void take_underlying(struct total *total)
{
    struct unit unit;
    unit.outcomes_count = 0;
    unit.has_linear = false;
    unit.expiry = NULL;
    unit.basis = unit.zero = 0;
    unit.open = (struct tn_margin_exposures){0, 0, 0};
    for (; total->next < total->sums_count; total->next++) {
        struct tn_margin_sums *sums = total->sums[total->next];
        TN_ASSERT(sums->expiry < total->market->expiries_count);
        if (total->market->expiries[sums->expiry].underlying != total->underlying) break;
        take_expiry(&unit, total, sums);
    }
    finish_unit(&unit, total);
}

tn_micros tn_margin_sums_total(const struct tn_margin_market *market,
                               const struct tn_margin_account *account,
                               struct tn_margin_sums *const *sums, uint32_t sums_count)
{
    struct total total;
    if (account->orders_count == 1 || (account->orders_count > 1 && tn_margin_has_limits(account)))
        return tn_margin_portfolio_total(market, account, sums, sums_count);
    TN_ASSERT(account->model == TN_MARGIN_PORTFOLIO && sums_count <= TN_MARGIN_POSITIONS_MAX);
    total.market = market;
    total.account = account;
    total.path = tn_margin_path_of(market->cpu);
    total.sums = sums;
    total.sums_count = sums_count;
    total.next = total.next_holding = total.orders_count = 0;
    tn_margin_take_collateral(&total.collateral, market, account);
    total.marks = 0;
    total.m = -total.collateral.im;
    for (uint32_t u = 0; u < market->underlyings_count; u++) {
        total.underlying = u;
        take_underlying(&total);
    }
    TN_ASSERT(total.next == sums_count && total.next_holding == account->holdings_count);
    TN_ASSERT(total.orders_count == account->orders_count);
    return account->cash + total.marks + total.collateral.value + total.m;
}
