/* margin_twin: pricing, margin and liquidation as docs/specs/pricing.md, margin.md and risk.md
 * state them, in long double, one rule after the other, with libm and with no cleverness.
 *
 * Money is micros, but as a real number: nothing is rounded here, so the real thing may differ from
 * it by one micro per floor or ceil it makes. A market is plain data; margin_twin_build works out
 * its table: prices per lot, values of a lot, weights. A test may then write the integers of the
 * real thing over the table: what is left between the two are the floors of the account alone. */
#ifndef MARGIN_TWIN_H
#define MARGIN_TWIN_H

#include "tenor/pricing.h"
#include "tenor/product.h"

#define MARGIN_TWIN_SERIES_MAX      640
#define MARGIN_TWIN_EXPIRIES_MAX    24
#define MARGIN_TWIN_UNDERLYINGS_MAX 3
#define MARGIN_TWIN_ASSETS_MAX      8
#define MARGIN_TWIN_ORDERS_MAX      256
#define MARGIN_TWIN_GROUPS_MAX      8

enum margin_twin_level { MARGIN_TWIN_IM = 0, MARGIN_TWIN_MM = 1 };

/* name here, name in the table of risk.h without its _ppm, the document's value. */
#define MARGIN_TWIN_PARAMETERS(X)                                                                  \
    X(im_factor, 1.0L)                                                                             \
    X(mm_factor, 0.8L)                                                                             \
    X(stable_target, 0.99L)                                                                        \
    X(stable_slope, 4.0L)                                                                          \
    X(vol_floor, 0.40L)                                                                            \
    X(vol_up, 0.5L)                                                                                \
    X(vol_down, 0.3L)                                                                              \
    X(vol_power_short, 0.30L)                                                                      \
    X(vol_power_long, 0.13L)                                                                       \
    X(skew_base, 0.25L)                                                                            \
    X(skew_slope, -0.1L)                                                                           \
    X(skew_wing, 0.0L)                                                                             \
    X(basis, 0.045L)                                                                               \
    X(basis_base, 0.5L)                                                                            \
    X(basis_slope, 2.0L)                                                                           \
    X(long, 0.95L)                                                                                 \
    X(long_rate, 0.0L)                                                                             \
    X(long_add, 0.16L)                                                                             \
    X(short, 1.04L)                                                                                \
    X(short_rate, 0.0L)                                                                            \
    X(short_add, 0.16L)                                                                            \
    X(perp_mm, 0.03L)                                                                              \
    X(perp_im, 0.01L)                                                                              \
    X(naked_mm, 0.003L)                                                                            \
    X(naked_im, 0.002L)                                                                            \
    X(confidence_floor, 0.55L)                                                                     \
    X(confidence_slope, 1.0L)                                                                      \
    X(standard_perp_mm, 0.065L)                                                                    \
    X(standard_perp_im, 0.10L)                                                                     \
    X(standard_most, 0.15L)                                                                        \
    X(standard_least, 0.13L)                                                                       \
    X(standard_call_mm, 0.09L)                                                                     \
    X(standard_put_mm, 0.09L)                                                                      \
    X(standard_put_value, 0.09L)                                                                   \
    X(standard_unpaired_im, 1.2L)                                                                  \
    X(standard_unpaired_mm, 1.1L)                                                                  \
    X(standard_put_offset, 1.05L)                                                                  \
    X(lambda_most, 1.5L)                                                                           \
    X(lambda_volatility_low, 1.0L)                                                                 \
    X(lambda_volatility_high, 2.5L)                                                                \
    X(lambda_share_low, 0.2L)                                                                      \
    X(lambda_share_high, 0.6L)                                                                     \
    X(band_delta, 0.01L)                                                                           \
    X(band_points, 0.10L)                                                                          \
    X(band_vol, 0.25L)                                                                             \
    X(buffer, 0.15L)                                                                               \
    X(auction_fee, 0.10L)                                                                          \
    X(auction_start, 0.95L)                                                                        \
    X(auction_middle, 0.70L)                                                                       \
    X(insurance_cap, 0.25L)

struct margin_twin_parameters {
#define X(name, standard) long double name##_part;
    MARGIN_TWIN_PARAMETERS(X)
#undef X
    long double window_ms;                                          /* W of averaging */
    long double lambda_interest_low, lambda_interest_high;          /* micros, at spot */
    long double band_ticks;                                         /* least half width */
    long double auction_first_ms, auction_total_ms, insolvent_rise; /* milliseconds */
};

struct margin_twin_scenario {
    long double move;    /* m − 1 */
    long double damping; /* d */
    enum tn_vol_shock vol;
    enum tn_scenario_kind kind;
};

struct margin_twin_expiry {
    uint32_t underlying;
    long double a, b, rho, m, sigma; /* raw SVI, fitted at … */
    long double fitted_forward, fitted_ms;
    long double fixed, variable; /* of the forward, micros of one unit */
    long double left_ms;         /* 0: the slot of a perpetual */
    long double rate;
    long double confidence;
};

struct margin_twin_underlying {
    long double spot; /* micros of one unit */
    long double lambda;
    long double confidence;
};

struct margin_twin_asset {
    long double price; /* micros of one smallest unit */
    long double mm_haircut, im_haircut;
    long double confidence;
    bool moves; /* with … */
    uint32_t underlying;
};

struct margin_twin_series {
    uint32_t underlying, expiry;
    enum tn_series_kind kind;
    long double strike; /* micros of one unit */
    long double lot;    /* units in one lot */
    long double mark;   /* micros of one lot; of a perpetual only */
};

/* f·L·d, f·H·d and f·d of one expiry; in the basis columns f·(0.5 + 2.0·T), all three. */
struct margin_twin_weights {
    long double low[TN_ROW_COLUMNS], high[TN_ROW_COLUMNS], flat[TN_ROW_COLUMNS];
};

struct margin_twin_table {
    long double price[MARGIN_TWIN_SERIES_MAX][TN_ROW_COLUMNS]; /* of one lot */
    long double spot_lot[MARGIN_TWIN_SERIES_MAX];
    long double forward_lot[MARGIN_TWIN_SERIES_MAX];
    long double strike_lot[MARGIN_TWIN_SERIES_MAX];
    struct margin_twin_weights weights[2][MARGIN_TWIN_EXPIRIES_MAX]; /* by level */
};

struct margin_twin_market {
    struct margin_twin_parameters parameters;
    struct margin_twin_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count;
    struct margin_twin_underlying underlyings[MARGIN_TWIN_UNDERLYINGS_MAX];
    uint32_t underlyings_count;
    struct margin_twin_expiry expiries[MARGIN_TWIN_EXPIRIES_MAX];
    uint32_t expiries_count;
    struct margin_twin_series series[MARGIN_TWIN_SERIES_MAX];
    uint32_t series_count;
    struct margin_twin_asset assets[MARGIN_TWIN_ASSETS_MAX]; /* [0] is cash and unread */
    uint32_t assets_count;
    long double mm_factor; /* the one that applies now */
    long double stable;
    struct margin_twin_table table;
};

struct margin_twin_order {
    uint32_t series;
    uint32_t group; /* 0, or 1-based */
    long double quantity, price, fee;
};

struct margin_twin_account {
    bool standard;
    long double cash; /* with accrued funding */
    long double balances[MARGIN_TWIN_ASSETS_MAX];
    long double quantities[MARGIN_TWIN_SERIES_MAX]; /* n, by series */
    struct margin_twin_order orders[MARGIN_TWIN_ORDERS_MAX];
    uint32_t orders_count;
    long double group_limits[MARGIN_TWIN_GROUPS_MAX]; /* Q, 0 = none */
};

struct margin_twin_balances {
    long double cash_equity, options, collateral, equity;
    long double im, mm;
};

/* Of one underlying, without orders. PnL, basis and worst are before the factor f. */
struct margin_twin_detail {
    long double pnl[TN_ROW_COLUMNS];
    long double basis, worst;
    uint32_t worst_column;         /* TN_COLUMN_UP: the basis; TN_COLUMN_MARK: none */
    long double runner_up;         /* the next larger of the alternatives to worst */
    long double perp[2], naked[2]; /* contingencies by level, before λ: all that the level takes */
    long double confidence;        /* of options, perpetuals and futures; IM only, before λ */
};

/* ---- Pricing ---- */

void margin_twin_defaults(struct margin_twin_market *market); /* parameters and 33 scenarios */
long double margin_twin_black76(long double forward, long double strike, long double vol,
                                long double years, long double rate, bool is_put);
long double margin_twin_surface_vol(const struct margin_twin_expiry *expiry, long double strike);
long double margin_twin_price(const struct margin_twin_market *market, uint32_t series,
                              uint32_t column);
void margin_twin_discounts(long double *low, long double *high,
                           const struct margin_twin_market *market,
                           const struct margin_twin_expiry *expiry);
long double margin_twin_factor(const struct margin_twin_market *market,
                               enum margin_twin_level level, uint32_t underlying);
void margin_twin_build(struct margin_twin_market *market); /* fills the table */

/* ---- Accounts ---- */

/* details: NULL, or one per underlying; of portfolio accounts only. */
void margin_twin_evaluate(struct margin_twin_balances *balances, struct margin_twin_detail *details,
                          const struct margin_twin_market *market,
                          const struct margin_twin_account *account);

/* The bound on IM with open orders, of a portfolio account; one order alone is evaluated. */
long double margin_twin_bound(const struct margin_twin_market *market,
                              const struct margin_twin_account *account);

/* The same, each form of it: groups as ordinary orders, groups under their caps. */
long double margin_twin_bound_form(const struct margin_twin_market *market,
                                   const struct margin_twin_account *account, bool capped);

/* The least IM over all subsets of the orders, each filled in full; of a group with a limit, orders
 * in full up to the limit and one cut to what is left of it. O(3^orders) at worst. */
long double margin_twin_worst_subset(const struct margin_twin_market *market,
                                     const struct margin_twin_account *account);

/* ---- Scaling, bands, liquidation ---- */

long double margin_twin_lambda(const struct margin_twin_parameters *parameters,
                               long double open_interest, long double volatility,
                               long double share);
/* Of one lot: a tick, |delta|, the forward, vega per 0.01 of vol, and vol. */
long double margin_twin_band(const struct margin_twin_parameters *parameters, long double tick,
                             long double delta, long double forward, long double vega,
                             long double vol);
long double margin_twin_buffered(const struct margin_twin_parameters *parameters, long double mm,
                                 long double equity); /* BM */
long double margin_twin_auction_discount(const struct margin_twin_parameters *parameters,
                                         long double elapsed_ms); /* d(t) */
long double margin_twin_f_max(long double buffered, long double equity, long double discount,
                              long double received);
long double margin_twin_insolvent_offer(const struct margin_twin_parameters *parameters,
                                        long double equity, long double mm, long double elapsed_ms);

/* What a bid for the part f of an account takes and pays; quantities are changed in place to what
 * is taken. */
struct margin_twin_bid {
    long double cash, payment;
    long double balances[MARGIN_TWIN_ASSETS_MAX];
    long double quantities[MARGIN_TWIN_SERIES_MAX];
};
void margin_twin_bid(struct margin_twin_bid *bid, const struct margin_twin_market *market,
                     const struct margin_twin_account *account, long double part,
                     long double discount, long double received);

/* Prices per lot at which an insolvent account's legs are closed; returns what is left to debt. */
long double margin_twin_adl(long double prices[MARGIN_TWIN_SERIES_MAX],
                            const struct margin_twin_market *market,
                            const struct margin_twin_account *account, long double equity);

#endif
