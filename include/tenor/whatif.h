/* whatif: what an account would have to hold, worked out without an exchange.
 *
 * Integers in (a market, an account, the parameters), integers out. It builds the view of a MARK
 * and calls the very functions that the exchange calls, so the answer is the exchange's, to the
 * micro. No text here: `tenor margin` reads and prints it, docs/what-if.md describes that.
 *
 *     size_t size = tn_whatif_size(&input);         // 0: a count is out of its range
 *     void *memory = aligned_alloc(64, size);
 *     if (!tn_whatif_evaluate(&result, &fault, memory, &input)) … fault.kind, fault.index */
#ifndef TENOR_WHATIF_H
#define TENOR_WHATIF_H

#include "tenor/margin.h"
#include "tenor/pricing.h"
#include "tenor/product.h"
#include "tenor/risk.h"

#define TN_WHATIF_UNDERLYINGS_MAX 64
#define TN_WHATIF_EXPIRIES_MAX    1024
#define TN_WHATIF_SERIES_MAX      4096
#define TN_WHATIF_ORDERS_MAX      4096
#define TN_WHATIF_GROUPS_MAX      256
/* Any amount of money that comes in, of one position or in cash. */
#define TN_WHATIF_MONEY_MAX (INT64_C(1) << 56)

struct tn_whatif_underlying {
    tn_micros spot_micros;          /* of one unit, as all prices of this header */
    tn_micros perpetual_micros;     /* its perpetual's mark; 0: there is none */
    int64_t option_lot_micro_units; /* lot × multiplier, in millionths of a unit: 1 .. 2^40 */
    int64_t linear_lot_micro_units; /* the same of futures and the perpetual */
    tn_micros option_mark_max;      /* of one lot: a contract's highest price; 0: no bound */
    tn_micros linear_mark_max;
    int64_t lambda_ppm;     /* scaling of IM, ≥ 10^6 */
    int32_t confidence_ppm; /* of spot, 0 .. 10^6 */
};

/* One expiry; ascending by (underlying, left_ms). */
struct tn_whatif_expiry {
    uint16_t underlying;
    struct tn_surface surface; /* of the series that have no volatility of their own */
    uint8_t has_surface;
    tn_micros fixed_micros;    /* of the settlement average: 0 until its window opens */
    tn_micros variable_micros; /* forward = fixed + variable */
    int64_t left_ms;           /* ≥ 1 */
    int64_t rate_ppb;
    int32_t confidence_ppm; /* the least over its feeds */
};

/* One series; ascending by (underlying, expiry, strike, kind), its perpetual first of all. */
struct tn_whatif_series {
    uint16_t underlying;
    uint16_t expiry; /* index into the expiries above; unread for a perpetual */
    uint8_t kind;    /* enum tn_series_kind */
    tn_micros strike_micros;
    int64_t vol_ppb; /* 0 .. TN_WHATIF_VOL_MAX_PPB; TN_WHATIF_VOL_OF_SURFACE */
};
#define TN_WHATIF_VOL_OF_SURFACE INT64_C(-1)
/* A volatility of its own enters as a flat surface of one year: a = vol², b = 0, and a is at most
 * 144. It is exact up to 6 decimals of vol and within 10^-12 of its square beyond. */
#define TN_WHATIF_VOL_MAX_PPB INT64_C(12000000000)

/* A position; ascending by series, each series at most once. CE = cash + Σ unrealised + Σ funding:
 * what a future or perpetual has gained since it was entered is as given, not derived. */
struct tn_whatif_position {
    uint32_t series;
    tn_lots quantity;
    tn_micros unrealised; /* 0 for an option: its whole value is in O */
    tn_micros funding;    /* accrued and not yet in cash */
};

struct tn_whatif {
    const struct tn_risk *risk;
    const struct tn_scenario *scenarios;
    const struct tn_whatif_underlying *underlyings;
    const struct tn_whatif_expiry *expiries;
    const struct tn_whatif_series *series;
    const struct tn_whatif_position *positions;
    const struct tn_margin_order *orders; /* prices of one lot, as margin takes them */
    const tn_lots *group_limits;
    const struct tn_margin_asset *assets; /* [0] is cash and unread */
    uint32_t scenarios_count, underlyings_count, expiries_count, series_count, positions_count;
    uint32_t orders_count, groups_count, assets_count; /* assets_count ≥ 1 */
    tn_micros balances[TN_MARGIN_ASSETS_MAX];          /* as in struct tn_margin_account */
    tn_micros cash;
    int64_t stable_ppm; /* price of the cash asset */
    uint8_t model;      /* enum tn_margin_model */
    enum tn_cpu cpu;
};

/* What one expiry's options add. value, pnl and worst are of portfolio accounts only. */
struct tn_whatif_expiry_detail {
    tn_micros mtm;         /* Σ n·mark */
    tn_micros value;       /* Σ n·price in the worst scenario of its underlying, undiscounted */
    tn_micros pnl;         /* what it adds to that scenario, discounted and damped */
    tn_micros worst;       /* its own worst, were it alone: ≤ 0 */
    tn_micros im, mm;      /* balances of an account that has nothing else, not even cash */
    uint32_t worst_column; /* as in struct tn_margin_detail */
    uint32_t options_count;
};

/* A collateral asset: its value, and what of it does not count. */
struct tn_whatif_asset_detail {
    tn_micros value, mm_haircut, im_haircut; /* im_haircut: all that IM takes, λ and
                                                doubt (confidence) included */
};

struct tn_whatif_result {
    struct tn_margin_result margin;
    /* The rest lives in the caller's memory. */
    const struct tn_margin_detail *underlyings;     /* by underlying */
    const struct tn_whatif_expiry_detail *expiries; /* by expiry */
    const struct tn_price_mark *marks;              /* by series */
    const int64_t (*rows)[TN_ROW_COLUMNS];          /* by series, of one lot */
    const struct tn_margin_market *market;          /* the view, as the exchange has it */
    const struct tn_margin_account *account;
    struct tn_whatif_asset_detail assets[TN_MARGIN_ASSETS_MAX];
};

/* What is wrong with an input, and which of its kind is: an index into the array named. */
#define TN_WHATIF_FAULT_TABLE(X)                                                                   \
    X(NONE, "nothing is wrong")                                                                    \
    X(COUNT, "too many of something")                                                              \
    X(PARAMETER, "a parameter is out of its bounds or contradicts another")                        \
    X(SCENARIO, "a scenario is out of its bounds, or there is none")                               \
    X(STABLE, "the price of the cash asset is out of its bounds")                                  \
    X(MODEL, "there is no such margin model")                                                      \
    X(CASH, "cash is out of its bounds")                                                           \
    X(UNDERLYING, "a number of an underlying is out of its bounds")                                \
    X(EXPIRY, "a number of an expiry is out of its bounds, or it is out of order")                 \
    X(SURFACE, "a surface is not admitted")                                                        \
    X(SERIES, "a series is out of its bounds or out of order")                                     \
    X(PERPETUAL, "a perpetual without a mark")                                                     \
    X(VOLATILITY, "a series without a volatility, or one out of its bounds")                       \
    X(POSITION, "a position is out of its bounds or out of order")                                 \
    X(POSITION_TOO_LARGE, "a position is worth more than margin can count in some scenario")       \
    X(ORDER, "an order is out of its bounds")                                                      \
    X(ORDER_TOO_LARGE, "orders are worth more than margin can count in some scenario")             \
    X(GROUP, "a group's limit is out of its bounds")                                               \
    X(ASSET, "a collateral asset is out of its bounds")
enum tn_whatif_fault_kind {
#define X(name, text) TN_WHATIF_FAULT_##name,
    TN_WHATIF_FAULT_TABLE(X)
#undef X
};
struct tn_whatif_fault {
    enum tn_whatif_fault_kind kind;
    uint32_t index;
};
const char *tn_whatif_fault_text(enum tn_whatif_fault_kind kind); /* NULL for no such kind */

/* tn_whatif_size is the bytes an input needs, a multiple of 64; 0 when a count is too large. */
size_t tn_whatif_size(const struct tn_whatif *input);

/* tn_whatif_evaluate works the account out in 64-byte-aligned memory of tn_whatif_size bytes, which
 * the result points into, as it does into the input. False, with what is wrong in *fault, when an
 * input is out of its bounds; no input is a bug. O(series × scenarios + orders). */
bool tn_whatif_evaluate(struct tn_whatif_result *result, struct tn_whatif_fault *fault,
                        void *memory, const struct tn_whatif *input);

#endif
