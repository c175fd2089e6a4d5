/* margin: what an account must hold. Exact integers from the price rows on; one code for the check
 * before a trade, the sweep, liquidation, withdrawals and the what-if.
 *
 * Portfolio margin: the worst of the scenarios per underlying, a basis bracket and contingencies.
 * Standard margin: per position, no scenarios. Open orders count as their worst subset. Signed
 * amounts: a balance ≥ 0 is healthy. The rules and roundings are in docs/specs/margin.md.
 *
 *     tn_margin_evaluate(&result, NULL, &market, &account);
 */
#ifndef TENOR_MARGIN_H
#define TENOR_MARGIN_H

#include "tenor/pricing.h"
#include "tenor/product.h"
#include "tenor/risk.h"

enum tn_margin_model { TN_MARGIN_PORTFOLIO = 0, TN_MARGIN_STANDARD = 1 };

#define TN_MARGIN_ASSETS_MAX    8
#define TN_MARGIN_POSITIONS_MAX 512
/* |lots| × any price of the row, and × spot_lot, of one position or order: the caller's bound. The
 * orders of an account add up to at most 2^57. */
#define TN_MARGIN_VALUE_MAX (INT64_C(1) << 48)
/* IM factor with scaling and stable term, at most; more is cut to it. */
#define TN_MARGIN_FACTOR_MAX_PPM 4000000

/* ---- The market at a MARK ----------------------------------------------------------------------
 */

struct tn_margin_series {
    uint16_t underlying;     /* index into underlyings */
    uint16_t expiry;         /* index into expiries; perpetuals too have one per underlying */
    uint8_t kind;            /* enum tn_series_kind */
    tn_micros strike_micros; /* of one unit */
    tn_micros spot_lot;      /* spot × lot, floored: of one lot */
    tn_micros forward_lot;   /* forward × lot, floored; perpetuals: the spot's */
    tn_micros strike_lot;    /* strike × lot, exact */
};

/* Damped, discounted and scaled weights of the columns of one expiry, made by tn_margin_factors. */
struct tn_margin_weights {
    _Alignas(64) int64_t low[TN_ROW_COLUMNS]; /* f·L·d, q30, floored */
    int64_t high[TN_ROW_COLUMNS];             /* f·H·d, q30, ceiled */
    int64_t flat[TN_ROW_COLUMNS];             /* f·d, q30, nearest; low ≤ flat ≤ high */
    uint64_t skews;                           /* bit k: column k is a skew scenario */
    uint32_t scenarios_count;
    bool is_wide; /* a weight of 2^31 or more among the scenarios */
};
struct tn_margin_expiry {
    struct tn_margin_weights im, mm;
    /* The factors in the weights; 0 if they are not known, which costs time only. */
    int64_t im_factor_ppm, mm_factor_ppm;
    struct tn_discounts discounts; /* those in the weights, where the factors are known */
    uint16_t underlying;
    int64_t left_ms;        /* 0: the slot of a perpetual */
    int32_t confidence_ppm; /* the least over the feeds of its options */
};

struct tn_margin_underlying {
    tn_micros spot_micros;
    int64_t lambda_ppm;     /* ≥ 10^6 */
    int32_t confidence_ppm; /* of its perpetual: spot */
};

struct tn_margin_asset {
    tn_micros price_micros;                 /* of 10^6 of the asset's smallest units */
    int32_t mm_haircut_ppm, im_haircut_ppm; /* IM adds the second to the first */
    int32_t confidence_ppm;
    uint16_t underlying; /* moves with it; TN_MARGIN_NO_UNDERLYING: does not move */
};
#define TN_MARGIN_NO_UNDERLYING UINT16_MAX

struct tn_margin_market {
    const struct tn_risk *risk; /* passed tn_risk_check */
    const struct tn_shocks *shocks;
    const int64_t (*rows)[TN_ROW_COLUMNS]; /* by series */
    const struct tn_margin_series *series;
    const struct tn_margin_expiry *expiries;
    const struct tn_margin_underlying *underlyings;
    const struct tn_margin_asset *assets; /* [0] is cash and unread */
    uint32_t series_count, expiries_count, underlyings_count, assets_count;
    int64_t mm_factor_ppm; /* the one that applies now */
    int64_t stable_ppm;    /* price of the cash asset */
    enum tn_cpu cpu;
    const struct tn_margin_briefs *briefs; /* NULL: none, which costs time only */
};

/* tn_margin_factors makes the weights of one expiry from its discounts; its underlying, left_ms and
 * confidence are set before. */
void tn_margin_factors(struct tn_margin_expiry *expiry, const struct tn_margin_market *market,
                       const struct tn_discounts *discounts);

/* ---- Briefs ------------------------------------------------------------------------------------
 * A row and its series in three cache lines: prices damped, weighed with IM's factor and rounded to
 * 32 bits. They say which scenarios may be an account's worst, and exact numbers are then worked
 * out of those alone. A cache: what margin answers does not depend on them. */
#define TN_BRIEF_PLAIN 32 /* scenarios without skews, … */
#define TN_BRIEF_SKEWS 4  /* … with; a list with more of either has no briefs */

struct tn_margin_brief {
    _Alignas(64) tn_micros mark; /* of one lot */
    tn_micros up, down;          /* how the bracket changes it */
    uint32_t most;               /* all its numbers below are less; all ones: it has no brief */
    uint16_t expiry;
    uint8_t is_linear;
    tn_micros strike_micros, spot_lot;
    uint32_t skews[TN_BRIEF_SKEWS];
    uint32_t plain[TN_BRIEF_PLAIN];
};

/* What all briefs of an underlying share: their unit is 2^shift micros. */
struct tn_margin_scale {
    _Alignas(
        64) uint32_t flat[8 + TN_BRIEF_PLAIN]; /* weights beside them: skews from the fifth on */
    int64_t im_factor_ppm, times; /* times: over MM's factor, rounded up; 0: there are no briefs */
    uint32_t shift;
};

struct tn_margin_briefs {
    struct tn_margin_brief *series;      /* by series and … */
    struct tn_margin_scale *underlyings; /* … by underlying, the caller's memory */
    uint8_t
        columns[TN_BRIEF_PLAIN + TN_BRIEF_SKEWS]; /* which scenario stands where: plain, skews */
    uint64_t places;                              /* bit: a scenario stands there */
};

/* tn_margin_brief makes the briefs of a market, of its rows and weights as they are. */
void tn_margin_brief(struct tn_margin_briefs *briefs, const struct tn_margin_market *market);

/* λ of an underlying: the largest of three published piece-wise linear functions, in ppm: of its
 * open interest at spot, its realised volatility, and the largest account's share of the interest.
 */
int64_t tn_margin_lambda_ppm(const struct tn_risk *risk, tn_micros open_interest_micros,
                             int64_t volatility_ppm, int64_t share_ppm);

/* Half width of a price band, of one lot. */
tn_micros tn_margin_band(const struct tn_risk *risk, tn_micros micros_per_tick, int32_t delta_ppb,
                         tn_micros forward_lot, tn_micros vega_micros, int32_t vol_ppm);

/* ---- An account --------------------------------------------------------------------------------
 */

/* A position and what is open around it; at most one per series, in ascending order of (underlying,
 * expiry, strike, kind). */
struct tn_holding {
    uint32_t series;
    tn_lots quantity;
    tn_lots open_buy, open_sell; /* Σ of its orders below, both ≥ 0 */
};

/* An open order; in the order of the expiries of the holdings, each on a series that has a holding.
 * Market orders come at their protection price, icebergs in full, reduce-only orders
 * cut to the position; waiting stops do not come at all. */
struct tn_margin_order {
    uint32_t series;
    uint32_t group;         /* 0, or 1-based index of its protection group below */
    tn_lots quantity;       /* signed */
    tn_micros price_micros; /* limit, of one lot */
    tn_micros fee_micros;   /* of the whole order, ≥ 0 */
};

/* What an evaluation sees of an underlying besides: how many lots are held, long and short. */
struct tn_margin_note {
    tn_lots options, linear;
    uint32_t column; /* the worst scenario as guessed before, and as it was: for speed only */
};

struct tn_margin_account {
    uint8_t model;                            /* enum tn_margin_model */
    tn_micros cash;                           /* with accrued funding */
    tn_micros balances[TN_MARGIN_ASSETS_MAX]; /* by asset, smallest units, ≥ 0; [0] unread */
    const struct tn_holding *holdings;
    uint32_t holdings_count;
    const struct tn_margin_order *orders;
    uint32_t orders_count;
    const tn_lots *group_limits; /* Q of each group, 0 = none */
    uint32_t groups_count;
    struct tn_margin_note *notes; /* NULL, or by underlying: to be filled in */
};

struct tn_margin_result {
    tn_micros cash_equity; /* CE = cash + Σ futures, perpetuals n·mark */
    tn_micros options;     /* O */
    tn_micros collateral;  /* value before haircuts */
    tn_micros equity;      /* E = CE + O + collateral */
    tn_micros im, mm;      /* balances without orders; im ≤ mm */
    tn_micros m;           /* IM balance with open orders, at their worst subset; without orders it
                              may pass im by a few micros, where im is cut to mm */
};

/* Where the numbers come from, for people: per underlying and per scenario. */
struct tn_margin_detail {
    tn_micros pnl[TN_ROW_COLUMNS]; /* one per scenario, IM's with its factor f taken out: exact
                                      where f is 1; column MARK: 0 */
    tn_micros basis;
    tn_micros worst;            /* ≤ 0 */
    uint32_t worst_column;      /* lowest scenario on a tie; TN_COLUMN_UP: the basis; _MARK: none */
    tn_micros perp_mm, perp_im; /* contingencies, ≥ 0; _im = all that IM takes */
    tn_micros naked_mm, naked_im;
    tn_micros confidence; /* IM only */
};

/* tn_margin_evaluate works an account out. details: NULL, or one per underlying of the market
 * (portfolio accounts). O(positions + orders) columns. */
void tn_margin_evaluate(struct tn_margin_result *result, struct tn_margin_detail *details,
                        const struct tn_margin_market *market,
                        const struct tn_margin_account *account);

/* ---- The same, step by step --------------------------------------------------------------------
 * Between two MARKs rows and weights stand still, so what an account holds and has open in one
 * expiry can be kept as sums, changed with each position and order, and totalled without going over
 * them again. The numbers are exact: any order of changes gives the same sums, what is added can be
 * taken away, and the total is tn_margin_evaluate's m to the micro. Sums are a cache, not state:
 * with new rows or weights they start anew. What a total worked out of an expiry stays beside its
 * sums until they change, or until tn_margin_sums_resize says that its holdings, or their open
 * lots, did. */
struct tn_margin_sums {
    _Alignas(64) int64_t value[TN_ROW_COLUMNS]; /* V: Σ n·row of options */
    int64_t low[TN_ROW_COLUMNS]; /* Σ of orders' terms, discounted by low and high … */
    int64_t high[TN_ROW_COLUMNS];
    int64_t back[TN_ROW_COLUMNS];    /* … and of skew scenarios' other direction */
    int64_t linear[TN_ROW_COLUMNS];  /* Σ n·row of futures and perpetuals */
    int64_t outcome[TN_ROW_COLUMNS]; /* in each scenario, if is_folded */
    /* A line: all else that a total reads of sums that did not change. */
    uint32_t expiry, orders_count;
    bool has_linear, is_folded, is_sized;
    uint32_t holdings_count;                       /* of the expiry, and … */
    tn_micros linear_size, naked_size, confidence; /* … what contingencies count, if is_sized */
    tn_micros mark;                                /* of options, and … */
    tn_micros basis;                /* … with orders, of the bracket, if is_folded */
    tn_micros zero_terms;           /* orders' terms where nothing moves … */
    tn_micros up_terms, down_terms; /* … and in the bracket */
    tn_micros up, down;             /* what the bracket changes, of all of them */
};

/* tn_margin_sums_start empties the sums of an expiry. */
void tn_margin_sums_start(struct tn_margin_sums *sums, uint32_t expiry);
/* tn_margin_sums_position adds lots of a series of the expiry; negative lots take away. */
void tn_margin_sums_position(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                             uint32_t series, tn_lots change);
/* tn_margin_sums_order adds an order, or takes away one that was added just so. */
void tn_margin_sums_order(struct tn_margin_sums *sums, const struct tn_margin_market *market,
                          const struct tn_margin_order *order, bool is_added);

/* tn_margin_sums_preview makes of `after`, which may be these sums, what a total would read of them
 * with the order added or taken away; nothing else may. Its holdings are to be sized. It is no
 * total of one order alone, nor of groups with limits. */
void tn_margin_sums_preview(struct tn_margin_sums *after, const struct tn_margin_sums *sums,
                            const struct tn_margin_market *market,
                            const struct tn_margin_order *order, bool is_added);

/* tn_margin_sums_resize: open_buy and open_sell of its holdings changed, or one came or went. */
static inline void tn_margin_sums_resize(struct tn_margin_sums *sums)
{
    sums->is_sized = false;
}

/* tn_margin_sums_total is m of a portfolio account from the sums of all expiries that it has
 * holdings in, in the holdings' order. Of account->orders it reads none when there are none or
 * several, and no group has a limit: then orders may be NULL. O(expiries) columns; O(holdings) only
 * of expiries whose sums changed. */
tn_micros tn_margin_sums_total(const struct tn_margin_market *market,
                               const struct tn_margin_account *account,
                               struct tn_margin_sums *const *sums, uint32_t sums_count);

/* tn_margin_sums_total_limited is the same of an account with several orders and with groups that
 * have limits: `limited` are the orders of those groups, in the order of the holdings' expiries;
 * account->orders is not read. O(expiries + limited) columns, O(groups x limited). No sums may be
 * previews. */
tn_micros tn_margin_sums_total_limited(const struct tn_margin_market *market,
                                       const struct tn_margin_account *account,
                                       struct tn_margin_sums *const *sums, uint32_t sums_count,
                                       const struct tn_margin_order *limited,
                                       uint32_t limited_count);

/* tn_margin_is_below: MM < 0, the test of the sweep: no orders, nothing kept. */
bool tn_margin_is_below(tn_micros *mm, tn_micros *equity, const struct tn_margin_market *market,
                        const struct tn_margin_account *account);

#endif
