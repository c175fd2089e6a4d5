/* riskview: what the margin engine of a market knows, to look at: feeds, factors, expiries, and
 * where an account stands. For market data, tools and tests; nothing here changes anything.
 *
 * Every function that can be is false, leaving its view alone, where margin is off or there is no
 * such thing. Numbers are those of the last MARK unless said otherwise. */
#ifndef TENOR_RISKVIEW_H
#define TENOR_RISKVIEW_H

#include "tenor/exchange.h"
#include "tenor/margin.h"

struct tn_feed_view {
    int64_t value; /* in use: micros, ppb a year, or ppm; of a surface its vol at the money, ppm */
    int64_t time_ms; /* how old it is: when the last report that it needs was observed */
    int64_t held;    /* a jump that waits for its confirmation; 0 = none */
    int32_t confidence_ppm;
    uint8_t freshness; /* enum tn_freshness */
};

struct tn_risk_view {
    uint64_t version;        /* of the parameters; 1 = those of the genesis */
    uint64_t pending_height; /* a change waits for this block; 0 = none */
    uint32_t mark;           /* number of the last MARK, 0 = none yet */
    int64_t mark_ms;
    int64_t mm_factor_before_ppm, mm_factor_ppm; /* last hour, now */
    int64_t mm_factor_next_ppm;                  /* from the next hour on */
    struct tn_feed_view stable;                  /* the cash asset's own price */
    bool sweeping;              /* the sweep of the last MARK has not reached all accounts */
    uint32_t sweep_left;        /* accounts that it has not reached */
    uint32_t liquidations_left; /* accounts on the list that LIQ entries have not come to */
    const struct tn_risk *parameters;
};
bool tn_exchange_risk(const struct tn_exchange *exchange, struct tn_risk_view *view);

struct tn_underlying_risk_view {
    struct tn_feed_view spot;
    tn_micros premium_micros; /* of the perpetual, of one unit */
    tn_micros interest_micros;
    int64_t volatility_ppm; /* realised, a year's */
    int64_t lambda_ppm;
};
bool tn_exchange_underlying_risk(const struct tn_exchange *exchange,
                                 struct tn_underlying_risk_view *view, uint16_t underlying);

struct tn_expiry_risk_view {
    struct tn_feed_view forward, vol, rate;
    struct tn_surface surface;               /* in use, repaired */
    tn_micros fixed_micros, variable_micros; /* of the settlement average */
    int64_t covered_ms;                      /* of its window so far, by fresh spot */
    uint8_t freshness, freshness_linear;     /* of its options, of its future: enum tn_freshness */
    bool unsettled;                          /* over, and without a price */
};
bool tn_exchange_expiry_risk(const struct tn_exchange *exchange, struct tn_expiry_risk_view *view,
                             uint16_t underlying, uint16_t expiry_day);

/* Worked out now, at the marks of the last MARK: O(positions + orders). Judged ones are as of the
 * account's last judgement. */
struct tn_account_risk_view {
    uint8_t model;           /* enum tn_margin_model */
    uint8_t liquidation;     /* enum tn_liquidation */
    int64_t called_until_ms; /* a margin call, 0 = none */
    struct tn_margin_result margin;
    tn_micros requirement;              /* R = E − MM */
    tn_micros judged_equity, judged_mm; /* what ranks are made of */
};
bool tn_exchange_account_risk(const struct tn_exchange *exchange, struct tn_account_risk_view *view,
                              uint32_t account);

/* ---- Who is deleveraged first (docs/specs/risk.md, Deleveraging) -------------------------------
 * Of positions as they are now, at the marks of the last MARK, with E and R of the account as it
 * was last judged: what a MARK would go by if it left all marks as they are.
 */

/* Of one position; false: there is none. O(1). */
bool tn_exchange_rank(const struct tn_exchange *exchange, int64_t *rank, uint32_t account,
                      uint64_t series_id);

struct tn_holder {
    int64_t rank;
    uint32_t account;
    bool is_short;
};
/* Of two holders of one side: is a's turn before b's? */
static inline bool tn_holder_before(const struct tn_holder *a, const struct tn_holder *b)
{
    return a->rank > b->rank || (a->rank == b->rank && a->account < b->account);
}
/* All holders of a series in no order, and *count of them; room for exposures_most. Returns how
 * many exposures were gone over, with positions and with orders alone, which is the cost; 0, and no
 * holders, where there are more than exposures_most, or no such series. */
uint32_t tn_exchange_holders(const struct tn_exchange *exchange, struct tn_holder *holders,
                             uint32_t *count, uint32_t exposures_most, uint64_t series_id);

/* ---- Worth alone ----------------------------------------------------------------------------
 * E as margin has it, and what of it is collateral; without a margin engine free equity with what
 * open orders hold back. Fixed: it stays so until the account's record ACCOUNT or POSITIONS
 * changes, whatever marks and prices do. */
struct tn_account_worth {
    tn_micros equity, collateral;
    bool is_fixed;
};

/* tn_exchange_worths works out any number of accounts, ascending at best: O(positions), and much
 * faster than one by one, as memory is read ahead. */
void tn_exchange_worths(const struct tn_exchange *exchange, struct tn_account_worth *worths,
                        const uint32_t *accounts, uint32_t count);

/* The owner of an account that is there, which never changes: another thread may read it while
 * entries are applied. */
const uint8_t *tn_exchange_owner(const struct tn_exchange *exchange, uint32_t account);

#endif
