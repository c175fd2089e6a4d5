/* The twin's account: portfolio margin and standard margin (docs/specs/margin.md) for plain
 * positions.
 *
 * margin(f) = f·worst − contingency + O + CE + collateral. The factor f stands inside the table's
 * weights, as it does in the document's "f·d". Loops run over all series and pick what they need:
 * slow, and each one reads like its line of the document. */
#include "margin_twin_internal.h"

#include <math.h>
#include <string.h>

bool margin_twin_is_option(const struct margin_twin_market *market, uint32_t series)
{
    return market->series[series].kind == TN_CALL || market->series[series].kind == TN_PUT;
}

/* ---- Portfolio margin: the price scenarios ---- */

/* V of one expiry: Σ n·P over its options, in one column. */
long double margin_twin_value(const struct margin_twin_market *market,
                              const long double *quantities, uint32_t expiry, uint32_t column)
{
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || !margin_twin_is_option(market, i)) continue;
        sum += quantities[i] * market->table.price[i][column];
    }
    return sum;
}

/* Σ n·F′ over the futures of one expiry. */
long double margin_twin_futures(const struct margin_twin_market *market,
                                const long double *quantities, uint32_t expiry, uint32_t column)
{
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || market->series[i].kind != TN_FUTURE) continue;
        sum += quantities[i] * market->table.price[i][column];
    }
    return sum;
}

long double margin_twin_asset_value(const struct margin_twin_market *market,
                                    const struct margin_twin_account *account, uint32_t asset)
{
    return account->balances[asset] * market->assets[asset].price;
}

/* f·d·[perp·(m_k − 1)·P_perp + Σ futures n(F′_k − F) + Σ collateral value·(m_k − 1)]. */
long double margin_twin_linear(const struct margin_twin_market *market,
                               const struct margin_twin_account *account,
                               enum margin_twin_level level, uint32_t underlying, uint32_t k)
{
    const struct margin_twin_table *table = &market->table;
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        const struct margin_twin_series *series = &market->series[i];
        if (series->underlying != underlying || margin_twin_is_option(market, i)) continue;
        sum += table->weights[level][series->expiry].flat[k] * account->quantities[i] *
               (table->price[i][k] - table->price[i][TN_COLUMN_MARK]);
    }
    uint32_t any = 0; /* f·d is the same for every expiry of an underlying */
    while (market->expiries[any].underlying != underlying)
        any++;
    for (uint32_t i = 1; i < market->assets_count; i++) {
        const struct margin_twin_asset *asset = &market->assets[i];
        if (!asset->moves || asset->underlying != underlying) continue;
        sum += table->weights[level][any].flat[k] * margin_twin_asset_value(market, account, i) *
               market->scenarios[k].move;
    }
    return sum;
}

/* f·e_k: d_k·(V·disc − mtm), V·disc = L·V if V ≥ 0, else H·V. A skew may bend either way: the other
 * way counts undiscounted (an amendment: −|…| of the discounted change is not concave). */
static long double expiry_pnl(const struct margin_twin_market *market,
                              const struct margin_twin_account *account,
                              enum margin_twin_level level, uint32_t expiry, uint32_t k)
{
    const struct margin_twin_weights *weights = &market->table.weights[level][expiry];
    long double value = margin_twin_value(market, account->quantities, expiry, k);
    long double mark = margin_twin_value(market, account->quantities, expiry, TN_COLUMN_MARK);
    long double weight = value >= 0 ? weights->low[k] : weights->high[k];
    long double pnl = weight * value - weights->flat[k] * mark;
    if (market->scenarios[k].kind == TN_SCENARIO_SHOCK) return pnl;
    return fminl(pnl, weights->flat[k] * (mark - value));
}

/* f·min(0, V(F·1.045) − mtm, V(F·0.955) − mtm)·(0.5 + 2.0·T), futures inside the bracket. */
static long double expiry_basis(const struct margin_twin_market *market,
                                const struct margin_twin_account *account,
                                enum margin_twin_level level, uint32_t expiry)
{
    static const uint32_t columns[2] = {TN_COLUMN_UP, TN_COLUMN_DOWN};
    const long double *n = account->quantities;
    long double mark = margin_twin_value(market, n, expiry, TN_COLUMN_MARK) +
                       margin_twin_futures(market, n, expiry, TN_COLUMN_MARK);
    long double worst = 0;
    for (int i = 0; i < 2; i++) {
        long double value = margin_twin_value(market, n, expiry, columns[i]) +
                            margin_twin_futures(market, n, expiry, columns[i]);
        long double weight = market->table.weights[level][expiry].flat[columns[i]];
        worst = fminl(worst, weight * (value - mark));
    }
    return worst;
}

static void take(struct margin_twin_detail *detail, long double pnl, uint32_t column)
{
    if (pnl < detail->worst) {
        detail->runner_up = detail->worst;
        detail->worst = pnl;
        detail->worst_column = column;
    } else {
        detail->runner_up = fminl(detail->runner_up, pnl);
    }
}

/* f·worst = min(basis, min_k PnL_k, 0) of one underlying; the numbers in detail are still × f. */
static void find_worst(struct margin_twin_detail *detail, const struct margin_twin_market *market,
                       const struct margin_twin_account *account, enum margin_twin_level level,
                       uint32_t underlying)
{
    memset(detail, 0, sizeof *detail);
    detail->worst_column = TN_COLUMN_MARK;
    detail->runner_up = INFINITY;
    for (uint32_t k = 0; k < market->scenarios_count; k++) {
        detail->pnl[k] = margin_twin_linear(market, account, level, underlying, k);
        for (uint32_t i = 0; i < market->expiries_count; i++) {
            if (market->expiries[i].underlying != underlying) continue;
            detail->pnl[k] += expiry_pnl(market, account, level, i, k);
        }
        take(detail, detail->pnl[k], k);
    }
    for (uint32_t i = 0; i < market->expiries_count; i++) {
        if (market->expiries[i].underlying != underlying) continue;
        detail->basis += expiry_basis(market, account, level, i);
    }
    take(detail, detail->basis, TN_COLUMN_UP);
}

/* ---- Portfolio margin: the contingencies ---- */

/* (1 − c)·slope, but nothing at or above the floor. */
static long double doubt(const struct margin_twin_market *market, long double confidence)
{
    const struct margin_twin_parameters *p = &market->parameters;
    if (confidence >= p->confidence_floor_part) return 0;
    return (1 - confidence) * p->confidence_slope_part;
}

/* |perp|·S, futures count as perps, at spot; and the same times (1 − c): of a perpetual c is that
 * of spot, of a future that of its expiry. */
static long double perp_notional(long double *doubted, const struct margin_twin_market *market,
                                 const long double *sizes, uint32_t underlying)
{
    long double sum = 0;
    *doubted = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        const struct margin_twin_series *series = &market->series[i];
        if (series->underlying != underlying || margin_twin_is_option(market, i)) continue;
        long double notional = sizes[i] * market->table.spot_lot[i];
        long double confidence = series->kind == TN_PERPETUAL
                                     ? market->underlyings[underlying].confidence
                                     : market->expiries[series->expiry].confidence;
        sum += notional;
        *doubted += notional * doubt(market, confidence);
    }
    return sum;
}

/* Σ_strikes max(0, −(calls + puts net at that strike))·S of one expiry. Each strike is counted at
 * its first series. */
static long double naked_notional(const struct margin_twin_market *market,
                                  const long double *quantities, uint32_t expiry)
{
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || !margin_twin_is_option(market, i)) continue;
        long double net = 0;
        bool counted = false;
        for (uint32_t j = 0; j < market->series_count; j++) {
            if (market->series[j].expiry != expiry || !margin_twin_is_option(market, j)) continue;
            if (market->series[j].strike != market->series[i].strike) continue;
            if (j < i) counted = true;
            net += quantities[j];
        }
        if (!counted) sum += fmaxl(0, -net) * market->table.spot_lot[i];
    }
    return sum;
}

static long double options_notional(const struct margin_twin_market *market,
                                    const long double *sizes, uint32_t expiry)
{
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || !margin_twin_is_option(market, i)) continue;
        sum += sizes[i] * market->table.spot_lot[i];
    }
    return sum;
}

/* Contingencies of one underlying before λ; `sizes` are what counts by size, `shorts` what counts
 * where it is short (without orders: |n| and n). */
void margin_twin_contingency(struct margin_twin_detail *detail,
                             const struct margin_twin_market *market, const long double *sizes,
                             const long double *shorts, uint32_t underlying)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double perp = perp_notional(&detail->confidence, market, sizes, underlying);
    detail->perp[MARGIN_TWIN_MM] = perp * p->perp_mm_part;
    detail->perp[MARGIN_TWIN_IM] = perp * (p->perp_mm_part + p->perp_im_part);
    long double naked = 0;
    for (uint32_t i = 0; i < market->expiries_count; i++) {
        if (market->expiries[i].underlying != underlying) continue;
        naked += naked_notional(market, shorts, i);
        detail->confidence +=
            options_notional(market, sizes, i) * doubt(market, market->expiries[i].confidence);
    }
    detail->naked[MARGIN_TWIN_MM] = naked * p->naked_mm_part;
    detail->naked[MARGIN_TWIN_IM] = naked * (p->naked_mm_part + p->naked_im_part);
}

/* Σ collateral·haircut; in IM of a portfolio account also its confidence, and all of it with the λ
 * of what it moves with. */
long double margin_twin_haircuts(const struct margin_twin_market *market,
                                 const struct margin_twin_account *account,
                                 enum margin_twin_level level)
{
    long double sum = 0;
    for (uint32_t i = 1; i < market->assets_count; i++) {
        const struct margin_twin_asset *asset = &market->assets[i];
        long double rate = asset->mm_haircut;
        if (level == MARGIN_TWIN_IM) rate += asset->im_haircut;
        if (level == MARGIN_TWIN_IM && !account->standard) {
            rate += doubt(market, asset->confidence);
            if (asset->moves) rate *= market->underlyings[asset->underlying].lambda;
        }
        sum += margin_twin_asset_value(market, account, i) * rate;
    }
    return sum;
}

/* ---- Standard margin ---- */

static long double isolated(const struct margin_twin_market *market, long double n, uint32_t i,
                            enum margin_twin_level level)
{
    if (n >= 0) return 0;
    const struct margin_twin_parameters *p = &market->parameters;
    long double spot = market->table.spot_lot[i];
    long double strike = market->table.strike_lot[i];
    long double value = n * market->table.price[i][TN_COLUMN_MARK]; /* M */
    bool is_call = market->series[i].kind == TN_CALL;
    long double otm = fmaxl(is_call ? strike - spot : spot - strike, 0) / spot;
    long double most = fmaxl(p->standard_least_part, p->standard_most_part - otm) * spot * n;
    if (is_call) {
        if (level == MARGIN_TWIN_IM) return value + most;
        return value + p->standard_call_mm_part * spot * n;
    }
    long double mm =
        value + fminl(p->standard_put_mm_part * spot * n, p->standard_put_value_part * value);
    if (level == MARGIN_TWIN_MM) return mm;
    return fminl(value + most, mm * p->standard_put_offset_part);
}

/* Σ n·payoff at a price of one lot. */
static long double payoff(const struct margin_twin_market *market, const long double *quantities,
                          uint32_t expiry, long double price_lot)
{
    long double sum = 0;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || !margin_twin_is_option(market, i)) continue;
        long double up = price_lot - market->table.strike_lot[i];
        sum += quantities[i] * fmaxl(0, market->series[i].kind == TN_CALL ? up : -up);
    }
    return sum;
}

/* max(Σ isolated, maxLoss) of one expiry; the strikes are those of the account's own options. */
static long double standard_expiry(const struct margin_twin_market *market,
                                   const long double *quantities, uint32_t expiry,
                                   enum margin_twin_level level)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double sum = 0, calls = 0, forward = 0;
    long double loss = fminl(0, payoff(market, quantities, expiry, 0));
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (market->series[i].expiry != expiry || !margin_twin_is_option(market, i)) continue;
        sum += isolated(market, quantities[i], i, level);
        if (quantities[i] != 0)
            loss = fminl(loss, payoff(market, quantities, expiry, market->table.strike_lot[i]));
        if (market->series[i].kind == TN_CALL) calls += quantities[i];
        forward = market->table.forward_lot[i];
    }
    long double unpaired =
        level == MARGIN_TWIN_IM ? p->standard_unpaired_im_part : p->standard_unpaired_mm_part;
    if (calls < 0) loss += unpaired * forward * calls;
    return fmaxl(sum, loss);
}

static long double standard_margin(const struct margin_twin_market *market,
                                   const long double *quantities, enum margin_twin_level level)
{
    const struct margin_twin_parameters *p = &market->parameters;
    long double sum = 0;
    for (uint32_t i = 0; i < market->expiries_count; i++)
        sum += standard_expiry(market, quantities, i, level);
    long double part =
        level == MARGIN_TWIN_IM ? p->standard_perp_im_part : p->standard_perp_mm_part;
    for (uint32_t i = 0; i < market->series_count; i++) {
        if (margin_twin_is_option(market, i)) continue;
        bool is_future = market->series[i].kind == TN_FUTURE; /* at F */
        long double price =
            is_future ? market->table.forward_lot[i] : market->table.price[i][TN_COLUMN_MARK];
        sum -= fabsl(quantities[i]) * price * part;
    }
    return sum;
}

/* ---- The account ---- */

/* CE, O, the value of collateral, E. */
void margin_twin_equity(struct margin_twin_balances *balances,
                        const struct margin_twin_market *market,
                        const struct margin_twin_account *account)
{
    memset(balances, 0, sizeof *balances);
    balances->cash_equity = account->cash;
    for (uint32_t i = 0; i < market->series_count; i++) {
        long double value = account->quantities[i] * market->table.price[i][TN_COLUMN_MARK];
        if (margin_twin_is_option(market, i)) {
            balances->options += value;
        } else {
            balances->cash_equity += value;
        }
    }
    for (uint32_t i = 1; i < market->assets_count; i++)
        balances->collateral += margin_twin_asset_value(market, account, i);
    balances->equity = balances->cash_equity + balances->options + balances->collateral;
}

static long double portfolio_margin(const struct margin_twin_market *market,
                                    const struct margin_twin_account *account,
                                    struct margin_twin_detail *detail, enum margin_twin_level level,
                                    uint32_t underlying)
{
    static long double sizes[MARGIN_TWIN_SERIES_MAX];
    for (uint32_t i = 0; i < market->series_count; i++)
        sizes[i] = fabsl(account->quantities[i]);
    find_worst(detail, market, account, level, underlying);
    margin_twin_contingency(detail, market, sizes, account->quantities, underlying);
    if (level == MARGIN_TWIN_MM) return detail->worst - detail->perp[level] - detail->naked[level];
    long double lambda = market->underlyings[underlying].lambda;
    return detail->worst -
           lambda * (detail->perp[level] + detail->naked[level] + detail->confidence);
}

void margin_twin_evaluate(struct margin_twin_balances *balances, struct margin_twin_detail *details,
                          const struct margin_twin_market *market,
                          const struct margin_twin_account *account)
{
    margin_twin_equity(balances, market, account);
    long double by_level[2];
    for (int i = 0; i < 2; i++) {
        enum margin_twin_level level = (enum margin_twin_level)i;
        by_level[i] = -margin_twin_haircuts(market, account, level);
        if (account->standard) {
            by_level[i] += balances->cash_equity + balances->collateral +
                           standard_margin(market, account->quantities, level);
            continue;
        }
        by_level[i] += balances->equity;
        for (uint32_t u = 0; u < market->underlyings_count; u++) {
            struct margin_twin_detail detail;
            by_level[i] += portfolio_margin(market, account, &detail, level, u);
            long double factor = margin_twin_factor(market, level, u);
            for (uint32_t k = 0; k < market->scenarios_count; k++)
                detail.pnl[k] /= factor;
            detail.basis /= factor;
            detail.worst /= factor;
            detail.runner_up /= factor;
            if (details != NULL) details[u] = detail; /* MM's, as the last */
        }
    }
    balances->im = by_level[MARGIN_TWIN_IM];
    balances->mm = by_level[MARGIN_TWIN_MM];
}
