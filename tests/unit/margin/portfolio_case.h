/* Markets and accounts for the tests of portfolio margin: made up, but with the invariants that
 * pricing and the exchange keep (prices ≥ 0, perpetuals move with spot, holdings in order). */
#ifndef TENOR_TEST_PORTFOLIO_CASE_H
#define TENOR_TEST_PORTFOLIO_CASE_H

#include "cpu_paths.h"
#include "tenor/margin.h"

#include <string.h>

#define CASE_UNDERLYINGS 2
#ifndef CASE_EXPIRIES
#define CASE_EXPIRIES 4   /* per underlying; the first is the perpetual's slot */
#define CASE_STRIKES  100 /* per dated expiry, each with a call and a put */
#endif
#define CASE_SERIES (CASE_UNDERLYINGS * (1 + (CASE_EXPIRIES - 1) * (1 + 2 * CASE_STRIKES)))
#define CASE_ORDERS 12
#define CASE_GROUPS 3
#define CASE_ONE    1000000 /* one unit of cash, and 100 % */
#define CASE_Q30    (INT64_C(1) << 30)

struct case_market {
    _Alignas(64) int64_t rows[CASE_SERIES][TN_ROW_COLUMNS];
    struct tn_margin_series series[CASE_SERIES];
    struct tn_margin_expiry expiries[CASE_UNDERLYINGS * CASE_EXPIRIES];
    struct tn_discounts discounts[CASE_UNDERLYINGS * CASE_EXPIRIES];
    struct tn_margin_underlying underlyings[CASE_UNDERLYINGS];
    struct tn_margin_asset assets[4];
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_shocks shocks;
    struct tn_margin_market market;
};

struct case_account {
    struct tn_holding holdings[TN_MARGIN_POSITIONS_MAX];
    struct tn_margin_order orders[CASE_ORDERS];
    tn_lots limits[CASE_GROUPS];
    struct tn_margin_account account;
};

static inline int64_t case_between(uint64_t *random, int64_t least, int64_t most)
{
    return least + (int64_t)tn_random_below(random, (uint64_t)(most - least) + 1);
}

static inline void case_link(struct case_market *c)
{
    c->market = (struct tn_margin_market){.risk = &c->risk,
                                          .shocks = &c->shocks,
                                          .rows = (const int64_t(*)[TN_ROW_COLUMNS])c->rows,
                                          .series = c->series,
                                          .expiries = c->expiries,
                                          .underlyings = c->underlyings,
                                          .assets = c->assets,
                                          .mm_factor_ppm = c->risk.mm_factor_ppm,
                                          .stable_ppm = CASE_ONE,
                                          .cpu = TN_CPU_BASE};
}

static inline void case_weigh(struct case_market *c)
{
    for (uint32_t e = 0; e < c->market.expiries_count; e++)
        tn_margin_factors(&c->expiries[e], &c->market, &c->discounts[e]);
}

/* Prices of an option: around a mark, bent by each scenario; some are worth nothing somewhere. */
static inline void case_option_row(int64_t row[TN_ROW_COLUMNS], uint64_t *random,
                                   uint32_t scenarios)
{
    int64_t mark = case_between(random, 0, INT64_C(1) << case_between(random, 4, 34));
    memset(row, 0, TN_ROW_COLUMNS * sizeof row[0]);
    for (uint32_t k = 0; k < scenarios; k++)
        row[k] = tn_random_below(random, 8) == 0 ? 0 : case_between(random, mark / 2, 2 * mark);
    row[TN_COLUMN_MARK] = mark;
    row[TN_COLUMN_UP] = case_between(random, mark / 2, 2 * mark);
    row[TN_COLUMN_DOWN] = case_between(random, mark / 2, 2 * mark);
}

static inline void case_linear_row(int64_t row[TN_ROW_COLUMNS], const struct case_market *c,
                                   int64_t mark, bool is_perpetual)
{
    memset(row, 0, TN_ROW_COLUMNS * sizeof row[0]);
    for (uint32_t k = 0; k < c->shocks.scenarios_count; k++)
        row[k] = mark + tn_ppm_floor(mark, c->scenarios[k].move_ppm);
    row[TN_COLUMN_MARK] = row[TN_COLUMN_UP] = row[TN_COLUMN_DOWN] = mark;
    if (is_perpetual) return;
    row[TN_COLUMN_UP] += tn_ppm_floor(mark, c->shocks.basis_ppm);
    row[TN_COLUMN_DOWN] -= tn_ppm_floor(mark, c->shocks.basis_ppm);
}

static inline uint32_t case_add_series(struct case_market *c, uint32_t u, uint32_t e,
                                       enum tn_series_kind kind, int64_t strike, int64_t spot_lot)
{
    uint32_t index = c->market.series_count++;
    c->series[index] = (struct tn_margin_series){.underlying = (uint16_t)u,
                                                 .expiry = (uint16_t)e,
                                                 .kind = (uint8_t)kind,
                                                 .strike_micros = strike,
                                                 .spot_lot = spot_lot,
                                                 .forward_lot = spot_lot,
                                                 .strike_lot = strike};
    return index;
}

static inline void case_random_expiry(struct case_market *c, uint64_t *random, uint32_t u,
                                      bool is_perpetual)
{
    uint32_t e = c->market.expiries_count++;
    int64_t spot_lot = c->underlyings[u].spot_micros / 100;
    c->expiries[e] = (struct tn_margin_expiry){
        .underlying = (uint16_t)u,
        .left_ms = is_perpetual ? 0 : case_between(random, 1, INT64_C(90000000000)),
        .confidence_ppm = (int32_t)case_between(random, 300000, CASE_ONE)};
    c->discounts[e] = (struct tn_discounts){case_between(random, CASE_Q30 / 2, CASE_Q30),
                                            case_between(random, CASE_Q30, 3 * CASE_Q30 / 2)};
    if (tn_random_below(random, 4) == 0)
        c->discounts[e] = (struct tn_discounts){CASE_Q30, CASE_Q30};
    uint32_t linear =
        case_add_series(c, u, e, is_perpetual ? TN_PERPETUAL : TN_FUTURE, 0, spot_lot);
    case_linear_row(c->rows[linear], c, spot_lot, is_perpetual);
    if (is_perpetual) return;
    for (int64_t strike = 1; strike <= CASE_STRIKES; strike++) {
        uint32_t call = case_add_series(c, u, e, TN_CALL, strike * CASE_ONE, spot_lot);
        uint32_t put = case_add_series(c, u, e, TN_PUT, strike * CASE_ONE, spot_lot);
        case_option_row(c->rows[call], random, c->shocks.scenarios_count);
        case_option_row(c->rows[put], random, c->shocks.scenarios_count);
    }
}

/* The standard parameters and scenarios, with random weights and prices. */
static inline void case_random_market(struct case_market *c, uint64_t *random)
{
    uint32_t scenarios_count = 0;
    memset(c, 0, sizeof *c);
    tn_risk_default(&c->risk, c->scenarios, &scenarios_count);
    case_link(c);
    if (tn_random_below(random, 3) == 0)
        c->risk.im_factor_ppm = case_between(random, CASE_ONE, 2 * CASE_ONE);
    if (tn_random_below(random, 3) == 0)
        c->market.stable_ppm = case_between(random, 700000, CASE_ONE);
    tn_risk_shocks(&c->shocks, &c->risk, c->scenarios, scenarios_count);
    c->market.mm_factor_ppm = case_between(random, 500000, CASE_ONE);
    for (uint32_t u = 0; u < CASE_UNDERLYINGS; u++) {
        c->market.underlyings_count++;
        c->underlyings[u] = (struct tn_margin_underlying){
            .spot_micros = case_between(random, 1000000000, 200000000000),
            .lambda_ppm = case_between(random, 0, 1) ? CASE_ONE
                                                     : case_between(random, CASE_ONE, 2 * CASE_ONE),
            .confidence_ppm = (int32_t)case_between(random, 300000, CASE_ONE)};
        for (uint32_t e = 0; e < CASE_EXPIRIES; e++)
            case_random_expiry(c, random, u, e == 0);
    }
    c->market.assets_count = 4;
    for (uint32_t a = 1; a < 4; a++)
        c->assets[a] = (struct tn_margin_asset){
            .price_micros = case_between(random, 1, 5 * CASE_ONE),
            .mm_haircut_ppm = (int32_t)case_between(random, 0, 100000),
            .im_haircut_ppm = (int32_t)case_between(random, 0, 800000),
            .confidence_ppm = (int32_t)case_between(random, 300000, CASE_ONE),
            .underlying = (uint16_t)(a == 3 ? TN_MARGIN_NO_UNDERLYING : a - 1)};
    case_weigh(c);
}

/* A quantity whose value stays within bounds in every column. */
static inline tn_lots case_quantity(const struct case_market *c, uint64_t *random, uint32_t series,
                                    int64_t value_most)
{
    int64_t most = c->series[series].spot_lot;
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        if (c->rows[series][k] > most) most = c->rows[series][k];
    int64_t lots = value_most / most;
    return case_between(random, -lots, lots);
}

/* Up to count holdings, in order, and some collateral. */
static inline void case_random_account(struct case_account *a, const struct case_market *c,
                                       uint64_t *random, uint32_t count, int64_t value_most)
{
    memset(a, 0, sizeof *a);
    uint32_t left = count;
    for (uint32_t s = 0; s < c->market.series_count && left > 0; s++) {
        if (tn_random_below(random, c->market.series_count - s) >= left) continue;
        left--;
        a->holdings[a->account.holdings_count++] =
            (struct tn_holding){.series = s, .quantity = case_quantity(c, random, s, value_most)};
    }
    a->account.model = TN_MARGIN_PORTFOLIO;
    a->account.cash = case_between(random, -value_most, value_most);
    if (tn_random_below(random, 2) == 0)
        for (uint32_t i = 1; i < c->market.assets_count; i++)
            a->account.balances[i] = case_between(random, 0, value_most / 8);
    a->account.holdings = a->holdings;
    a->account.orders = a->orders;
    a->account.group_limits = a->limits;
}

/* Orders on random holdings, in their order, some in protection groups. */
static inline void case_random_orders(struct case_account *a, const struct case_market *c,
                                      uint64_t *random, uint32_t count, int64_t value_most)
{
    uint32_t holdings = a->account.holdings_count, next = 0;
    for (uint32_t i = 0; i < count; i++) {
        next += (uint32_t)tn_random_below(random, (holdings - next) / 2 + 1);
        if (next >= holdings) next = holdings - 1;
        struct tn_holding *holding = &a->holdings[next];
        const int64_t *row = c->rows[holding->series];
        struct tn_margin_order *order = &a->orders[a->account.orders_count++];
        order->series = holding->series;
        order->quantity = case_quantity(c, random, holding->series, value_most);
        if (order->quantity == 0) order->quantity = 1;
        order->price_micros =
            case_between(random, row[TN_COLUMN_MARK] / 2, row[TN_COLUMN_MARK] * 3 / 2);
        order->fee_micros = case_between(random, 0, 1000);
        order->group = (uint32_t)tn_random_below(random, CASE_GROUPS + 1);
        if (order->quantity > 0)
            holding->open_buy += order->quantity;
        else
            holding->open_sell -= order->quantity;
    }
    a->account.groups_count = CASE_GROUPS;
}

/* The account after these of its orders are filled in full. */
static inline void case_fill(struct case_account *out, const struct case_account *in,
                             const struct case_market *c, uint32_t filled)
{
    (void)c;
    *out = *in;
    out->account.holdings = out->holdings;
    out->account.orders_count = 0;
    for (uint32_t h = 0; h < out->account.holdings_count; h++)
        out->holdings[h].open_buy = out->holdings[h].open_sell = 0;
    for (uint32_t i = 0; i < in->account.orders_count; i++) {
        const struct tn_margin_order *order = &in->orders[i];
        if ((filled >> i & 1) == 0) continue;
        for (uint32_t h = 0; h < out->account.holdings_count; h++)
            if (out->holdings[h].series == order->series)
                out->holdings[h].quantity += order->quantity;
        out->account.cash -= order->quantity * order->price_micros + order->fee_micros;
    }
}

#endif
