/* risk_audit: an account worked out a second time, from what anybody can see.
 *
 * The exchange keeps rows, weights, holdings and sums of its own. The audit has none of them: it
 * follows the stream of entries and events (open quantities, groups, fees), asks the public views
 * for feeds, marks, positions and cash, prices all series anew at every MARK, and gives the result
 * to tn_margin_evaluate. What the exchange says of the account must be the same to the micro. */
#ifndef RISK_AUDIT_H
#define RISK_AUDIT_H

#include "risk_stream.h"
#include "tenor/margin.h"

enum { AUDIT_SERIES_MAX = 256, AUDIT_EXPIRIES_MAX = 32, AUDIT_ACCOUNTS_MAX = 64 };

struct audit_order {
    tn_lots open;
    uint8_t group;
};

struct risk_audit {
    const struct tn_exchange *exchange;
    /* By order id, and by account and group. */
    struct audit_order *orders;
    uint64_t orders_max;
    tn_lots limits[AUDIT_ACCOUNTS_MAX][256];
    struct tn_underlying underlyings[RISK_UNDERLYINGS];
    /* As of the last MARK. */
    bool usable; /* every feed that a position may need was fresh enough */
    uint32_t series_count, expiries_count;
    uint64_t ids[AUDIT_SERIES_MAX]; /* by underlying, day, strike, kind */
    uint32_t books[AUDIT_SERIES_MAX];
    uint16_t days[AUDIT_EXPIRIES_MAX];
    struct tn_risk risk;
    struct tn_shocks shocks;
    struct tn_margin_series series[AUDIT_SERIES_MAX];
    struct tn_margin_expiry expiries[AUDIT_EXPIRIES_MAX];
    struct tn_margin_underlying margin_underlyings[RISK_UNDERLYINGS];
    struct tn_margin_asset assets[RISK_STREAM_ASSETS];
    _Alignas(64) int64_t rows[AUDIT_SERIES_MAX][TN_ROW_COLUMNS];
    struct tn_margin_market market;
};

/* The audit is calloc'd by its caller (64-byte aligned). orders_max: order ids it will see. */
void risk_audit_start(struct risk_audit *audit, const struct tn_exchange *exchange,
                      struct audit_order *orders, uint64_t orders_max);

/* Follows one entry and what came of it; at a MARK prices everything anew. */
void risk_audit_follow(struct risk_audit *audit, const struct tn_entry *entry,
                       const struct tn_event *events, uint32_t events_count);

/* False when the audit cannot tell: stale feeds, or parameters changed between two MARKs. */
bool risk_audit_evaluate(struct tn_margin_result *result, const struct risk_audit *audit,
                         uint32_t account);

#endif
