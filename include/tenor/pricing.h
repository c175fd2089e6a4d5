/* pricing: from (forward, volatility surface, rate, time) to prices, greeks and scenario rows.
 *
 * The only module with floating point, and the only one whose header shows none of it: what comes
 * out are scaled integers, rounded to nearest-even once, so everything after it is exact. Inside
 * there is only IEEE-754 double + - * / sqrt, comparisons and bit casts in a fixed order; the same
 * inputs give the same bits on every machine, compiler and vector width (docs/specs/pricing.md).
 *
 * Scales: micros = 10^-6 of the cash asset; ppm = 10^-6; ppb = 10^-9; e12 = 10^-12; q30 = 2^-30.
 * Years have 365 days. No function fails: arguments outside their ranges are a bug (asserted), and
 * the callers' checks (tn_surface_admitted, tn_shocks_valid …) say no first. */
#ifndef TENOR_PRICING_H
#define TENOR_PRICING_H

#include "tenor/base.h"
#include "tenor/product.h"

/* tn_pricing_cpu_lanes is how many doubles a path handles at once: 2, 4 or 8. A path that this
 * build lacks runs as BASE. */
uint32_t tn_pricing_cpu_lanes(enum tn_cpu cpu);

/* tn_pricing_self_check is false when the machine does not round to nearest, flushes denormals to
 * zero, or gives other bits than the committed ones for a few hundred prices: then no node may
 * start. */
bool tn_pricing_self_check(enum tn_cpu cpu);

#define TN_VALUE_UNIT_MICROS_MAX (INT64_C(1) << 50) /* forwards, strikes: of one unit */

/* ---- Surfaces ----------------------------------------------------------------------------------
 * Raw SVI of one expiry, fitted when the forward was `forward_micros` and `tau_ms` were left:
 *     k = clamp(ln(K/F), ±4·√(a + b·sigma)), w = a + b(rho(k − m) + √((k − m)² + sigma²)) ≤ 144,
 *     vol = √(w/tau) ≤ 1 000 (100 000 %).
 * Results are rounded to nearest-even and cut to ±2^62; a strike of 0 counts as 2^-10 micros. */
struct tn_surface {
    int64_t a_e12, b_e12, rho_e12, m_e12, sigma_e12;
    tn_micros forward_micros; /* 1 .. 2^50 */
    int64_t tau_ms;           /* 1 .. 2^40 */
};

/* In range (|a|, b ≤ 144; |rho| ≤ 1; |m| ≤ 100; 0 < sigma ≤ 100), a + b·sigma·√(1 − rho²) ≥ 0 and
 * b(1 + |rho|) ≤ 2. */
bool tn_surface_admitted(const struct tn_surface *surface);

/* Total variance w in e12, at the log-moneyness k in e12 (clamped as above), and at a strike. */
int64_t tn_surface_variance_e12(const struct tn_surface *surface, int64_t k_e12);
int64_t tn_surface_variance_at_e12(const struct tn_surface *surface, tn_micros strike_micros);
/* ln(strike/forward) in e12. */
int64_t tn_surface_moneyness_e12(const struct tn_surface *surface, tn_micros strike_micros);
/* √w of a variance in e12, in e12, nearest: where surfaces of several signers are compared. */
int64_t tn_surface_root_e12(int64_t variance_e12);
/* How much more total variance `nearer`, scaled to its time left, has than `farther` at the
 * moneyness that strike has on `farther`; ≤ 0: no calendar deficit. */
int64_t tn_surface_deficit_e12(const struct tn_surface *nearer, int64_t nearer_left_ms,
                               const struct tn_surface *farther, int64_t farther_left_ms,
                               tn_micros strike_micros);

/* exp(−time/scale) in q30, nearest: the weight that an average keeps. time ≥ 0, scale ≥ 1. */
int64_t tn_pricing_decay_q30(int64_t time_ms, int64_t scale_ms);

/* ---- One option --------------------------------------------------------------------------------
 */

struct tn_option {
    tn_micros forward_micros; /* 0 .. 2^50, of one unit */
    tn_micros strike_micros;  /* 0 .. 2^50 */
    int64_t vol_ppb;          /* 0 .. 10^12 */
    int64_t left_ms;          /* 0 .. 2^40 */
    int64_t rate_ppb;         /* per year, −10^9 .. 10^9; discounts when positive */
    uint8_t is_put;
};

/* Of one unit, rounded to nearest-even, cut to ±2^62. F is the forward; a point is 0.01. */
struct tn_greeks {
    tn_micros price_micros;
    int64_t delta_ppb;         /* dP/dF */
    int64_t delta_premium_ppb; /* premium-adjusted: delta − P/F; without a forward: delta */
    int64_t gamma_e12;         /* d²P/dF², per dollar of forward */
    tn_micros vega_micros;     /* dP per point of volatility */
    tn_micros theta_micros;    /* dP per day that passes, forward held */
    tn_micros rho_micros;   /* dP per point of rate, forward held; 0 where the rate is negative */
    int64_t vanna_ppb;      /* d delta per point of volatility */
    tn_micros volga_micros; /* d vega (per point) per point of volatility */
};
void tn_pricing_greeks(struct tn_greeks *greeks, const struct tn_option *option);
tn_micros tn_pricing_price(const struct tn_option *option);

/* tn_pricing_implied_vol finds the vol_ppb that gives the price, within 4 × what one ulp of the
 * price allows (then rounded to 10^-9). False, leaving *vol_ppb alone, when the price is outside of
 * its no-arbitrage bounds, no time is left, or it needs more than 10^12. A price at its lower bound
 * has volatility 0. */
bool tn_pricing_implied_vol(int64_t *vol_ppb, tn_micros price_micros,
                            const struct tn_option *option);

/* ---- Scenario rows -----------------------------------------------------------------------------
 * A row holds, for one series and one lot, its price in micros in every scenario, then at its mark,
 * then with the forward at the upper and lower end of the basis bracket. Rows are what margin
 * multiplies positions with. */
#define TN_SCENARIOS_MAX 37
#define TN_COLUMN_MARK   37
#define TN_COLUMN_UP     38
#define TN_COLUMN_DOWN   39
#define TN_ROW_COLUMNS   40

enum tn_vol_shock { TN_VOL_NONE = 0, TN_VOL_UP = 1, TN_VOL_DOWN = 2 };
enum tn_scenario_kind { TN_SCENARIO_SHOCK = 0, TN_SCENARIO_LINEAR = 1, TN_SCENARIO_ABS = 2 };

struct tn_scenario {
    int32_t move_ppm;    /* of spot, −10^6 .. 10^7; +180 000 = +18 % */
    int32_t damping_q30; /* 1 .. 2^30: what of the loss counts */
    uint8_t vol;         /* enum tn_vol_shock; NONE in the skew scenarios */
    uint8_t kind;        /* SHOCK, or a skew: options keep their forward, volatilities bend; the
                           rest moves by move_ppm all the same */
};

/* How scenarios bend volatilities and which discounts they take; defaults in margin's table. */
struct tn_shocks {
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t scenarios_count; /* 1 .. TN_SCENARIOS_MAX */
    /* up: max(floor, σ(1 + up·q)); down: σ·max(0, 1 − down·q); q = (30 d / max(t, 1 d))^p, p
     * being power_short up to 30 days and power_long beyond. */
    int32_t vol_floor_ppm, vol_up_ppm, vol_down_ppm, power_short_ppm, power_long_ppm;
    /* skew: cap = base + slope·√T; s as in the spec. */
    int32_t skew_base_ppm, skew_slope_ppm, skew_wing_ppm;
    int32_t basis_ppm; /* half width of the bracket: 45 000 */
    /* L = long·exp(−T(r·long_rate + long_add)), H = min(1/D, short·exp(T(r·short_rate +
     * short_add))) */
    int32_t long_ppm, long_rate_ppm, long_add_ppm;
    int32_t short_ppm, short_rate_ppm, short_add_ppm;
    int64_t window_ms; /* of the settlement average: 1 800 000; 0: none; at most a day */
};
/* Long ≤ 1 ≤ short and every other field inside its bounds. */
bool tn_shocks_valid(const struct tn_shocks *shocks);

/* One expiry of one underlying, or its perpetual, at one MARK. */
struct tn_price_expiry {
    struct tn_surface surface; /* unread where there are only futures or a perpetual */
    tn_micros fixed_micros;    /* of the settlement average, already known: 0 outside the window */
    tn_micros variable_micros; /* the part that spot still moves; forward = fixed + variable */
    int64_t left_ms;           /* ≥ 1 to expiry; a perpetual: 0 */
    int64_t rate_ppb;
};

/* What one expiry's discounts are; L floored, H ceiled (against the account); L ≤ 2^30 ≤ H ≤ 2^31.
 * A negative rate counts as 0. */
struct tn_discounts {
    int64_t long_q30, short_q30;
};
void tn_pricing_discounts(struct tn_discounts *discounts, const struct tn_shocks *shocks,
                          int64_t left_ms, int64_t rate_ppb);

/* One series of that expiry. */
struct tn_price_series {
    uint8_t kind;            /* enum tn_series_kind */
    tn_micros strike_micros; /* of one unit; options only */
    int64_t lot_micro_units; /* lot × multiplier: millionths of a unit in one lot, 1 .. 2^40 */
    tn_micros mark_micros;   /* of one lot; perpetuals only: their mark is the caller's */
};
/* What the mark says of one lot; zero but for delta on futures and perpetuals. */
struct tn_price_mark {
    int32_t delta_ppb;     /* −10^9 .. 10^9 */
    int32_t vol_ppm;       /* the surface's, before the settlement average narrows it; ≤ 10^9 */
    tn_micros vega_micros; /* per 0.01 of that volatility, of one lot */
};

/* tn_pricing_rows fills rows and marks (either may be NULL) of `count` series of one expiry.
 * rows[i] is TN_ROW_COLUMNS numbers, 64-byte aligned; columns past scenarios_count are 0. Futures:
 * F′ per lot; perpetuals: mark × move, basis columns equal to the mark. The bracket moves the whole
 * forward, its fixed part too. Prices are cut at 2^50 micros per lot. O(series × scenarios). */
void tn_pricing_rows(int64_t (*rows)[TN_ROW_COLUMNS], struct tn_price_mark *marks, enum tn_cpu cpu,
                     const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                     const struct tn_price_series *series, uint32_t count);

#endif
