/* What pricing's files share. */
#ifndef TN_PRICING_INTERNAL_H
#define TN_PRICING_INTERNAL_H

#include "tenor/pricing.h"

#define MS_PER_YEAR         (365.0 * 86400000.0)
#define VOL_MOST            1000.0             /* 100 000 %: of surfaces too */
#define ROOT_VOL_LEAST      1e-18              /* v of an option without volatility or time */
#define LOT_PRICE_MOST      0x1p50             /* micros; prices of a lot are cut to it */
#define TN_PRICING_LOT_MOST (INT64_C(1) << 40) /* lot_micro_units */
#define NOTHING             0x1p-10 /* micros: what a forward or strike of 0 counts as in a logarithm */

/* A surface as doubles. */
struct tn_surface_curve {
    double a, b, rho, m, sigma;
    double k_most;  /* 4·√(a + b·sigma) */
    double forward; /* F₀, micros */
    double years;   /* τ₀ */
};
void tn_surface_curve(struct tn_surface_curve *curve, const struct tn_surface *surface);

/* What all options of one expiry share, made once. Columns are dense here: the scenarios, then the
 * mark, then both ends of the bracket; arrays are filled to their end with the mark's values. */
struct tn_pricing_plan {
    _Alignas(64) double forward[TN_ROW_COLUMNS]; /* F′, micros */
    double log_forward[TN_ROW_COLUMNS];          /* ln(F′/F₀) */
    double factor[TN_ROW_COLUMNS];     /* of volatility; of skew scenarios set per series */
    double least_root[TN_ROW_COLUMNS]; /* least σ′√T: the up shock's floor, at least 1e-18 */
    uint8_t skews[TN_SCENARIOS_MAX];   /* the columns that are skew scenarios */
    uint8_t skew_kinds[TN_SCENARIOS_MAX];
    uint32_t skews_count, scenarios_count;
    struct tn_surface_curve curve;
    double mark_forward, log_mark_forward;
    double narrow;    /* of volatility, by the settlement average */
    double root_time; /* √T */
    double discount;
    double skew_most, skew_slope; /* cap, cap/k* */
};

static inline bool tn_pricing_is_option(const struct tn_price_series *series)
{
    return series->kind == TN_CALL || series->kind == TN_PUT;
}

/* A path fills rows (or raw doubles before they are rounded) and marks of the options among the
 * series, and leaves others alone. Any of the outputs may be NULL. */
typedef void tn_pricing_path(int64_t (*rows)[TN_ROW_COLUMNS], double (*raw)[TN_ROW_COLUMNS],
                             struct tn_price_mark *marks, const struct tn_pricing_plan *plan,
                             const struct tn_price_series *series, uint32_t count);
tn_pricing_path tn_pricing_path_base;
#if defined(__x86_64__)
#define TN_PRICING_WIDE 1 /* this build has the wider paths */
tn_pricing_path tn_pricing_path_avx2, tn_pricing_path_avx512;
#endif

/* tn_pricing_raw_rows is tn_pricing_rows without marks and before rounding, for tests and the self
 * check: every bit counts there. Columns of futures and perpetuals are 0. */
void tn_pricing_raw_rows(double (*raw)[TN_ROW_COLUMNS], enum tn_cpu cpu,
                         const struct tn_shocks *shocks, const struct tn_price_expiry *expiry,
                         const struct tn_price_series *series, uint32_t count);

/* exp(−max(rate, 0)·T), and T, of an expiry. */
double tn_pricing_years(int64_t left_ms);
double tn_pricing_discount(int64_t left_ms, int64_t rate_ppb);

#endif
