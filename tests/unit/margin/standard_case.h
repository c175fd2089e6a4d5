/* A market of one underlying at 100 000 with one lot = one unit, whose series are added one by one,
 * and an account on it: what the tests of standard margin are worked by hand on. */
#ifndef STANDARD_CASE_H
#define STANDARD_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tenor/margin.h"

#define DOLLARS(x) ((tn_micros)(x)*1000000)
#define SERIES_MAX 64
#define ORDERS_MAX 16

#define EXPIRY_PERP 0
#define EXPIRY_NEAR 1
#define EXPIRY_FAR  2

static struct tn_risk risk;
static struct tn_margin_series series[SERIES_MAX];
static _Alignas(64) int64_t rows[SERIES_MAX][TN_ROW_COLUMNS];
static struct tn_margin_asset assets[TN_MARGIN_ASSETS_MAX];
static struct tn_margin_market market;
static struct tn_holding holdings[SERIES_MAX];
static struct tn_margin_order orders[ORDERS_MAX];
static struct tn_margin_account account;
static struct tn_margin_result result;

static inline int open_market(void **state)
{
    (void)state;
    tn_risk_default(&risk, NULL, NULL);
    memset(rows, 0, sizeof rows);
    market = (struct tn_margin_market){
        .risk = &risk,
        .rows = (const int64_t(*)[TN_ROW_COLUMNS])rows,
        .series = series,
        .assets = assets,
        .assets_count = 1,
    };
    account = (struct tn_margin_account){
        .model = TN_MARGIN_STANDARD, .holdings = holdings, .orders = orders};
    return 0;
}

static inline uint32_t list(uint16_t expiry, uint8_t kind, int64_t strike, int64_t mark)
{
    uint32_t index = market.series_count++;
    assert_true(index < SERIES_MAX);
    series[index] = (struct tn_margin_series){
        .expiry = expiry,
        .kind = kind,
        .strike_micros = DOLLARS(strike),
        .spot_lot = DOLLARS(100000),
        .forward_lot = DOLLARS(kind == TN_PERPETUAL ? 100000 : 102000),
        .strike_lot = DOLLARS(strike),
    };
    rows[index][TN_COLUMN_MARK] = DOLLARS(mark);
    return index;
}

/* Holdings come in their order; each lists its series. */
static inline uint32_t hold(uint16_t expiry, uint8_t kind, int64_t strike, int64_t mark,
                            tn_lots lots)
{
    uint32_t index = list(expiry, kind, strike, mark);
    holdings[account.holdings_count++] = (struct tn_holding){.series = index, .quantity = lots};
    return index;
}

static inline uint32_t call(int64_t strike, int64_t mark, tn_lots lots)
{
    return hold(EXPIRY_NEAR, TN_CALL, strike, mark, lots);
}

static inline uint32_t put(int64_t strike, int64_t mark, tn_lots lots)
{
    return hold(EXPIRY_NEAR, TN_PUT, strike, mark, lots);
}

static inline void order(uint32_t of, tn_lots lots, int64_t price, int64_t fee)
{
    assert_true(account.orders_count < ORDERS_MAX);
    orders[account.orders_count++] = (struct tn_margin_order){
        .series = of, .quantity = lots, .price_micros = DOLLARS(price), .fee_micros = DOLLARS(fee)};
    for (uint32_t i = 0; i < account.holdings_count; i++) {
        if (holdings[i].series != of) continue;
        if (lots > 0) holdings[i].open_buy += lots;
        if (lots < 0) holdings[i].open_sell -= lots;
    }
}

static inline void evaluate(void)
{
    memset(&result, 0x5a, sizeof result);
    tn_margin_evaluate(&result, NULL, &market, &account);
}

/* IM and MM balances with an account's cash, in whole dollars. */
static inline void expect_balances(int64_t cash, int64_t im, int64_t mm)
{
    account.cash = DOLLARS(cash);
    evaluate();
    assert_int_equal(result.im, DOLLARS(im));
    assert_int_equal(result.mm, DOLLARS(mm));
}

#endif
