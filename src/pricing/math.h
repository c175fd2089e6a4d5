/* math: the module's own functions of one double, for its other files and for tests. Finite
 * arguments give finite results; none of them calls a library. */
#ifndef TN_PRICING_MATH_H
#define TN_PRICING_MATH_H

#include <stdbool.h>
#include <stdint.h>

/* 0 below −745.2; the largest number above 709.78. */
double tn_pricing_exp(double x);
/* x > 0. */
double tn_pricing_log(double x);
/* ln(above/below), good to an ulp or two next to 0 as well; both > 0. */
double tn_pricing_log_ratio(double above, double below);
double tn_pricing_erfc(double x);
double tn_pricing_normal(double x);
/* exp(−x²/2)/√(2π) */
double tn_pricing_density(double x);
double tn_pricing_root(double x);

/* Black-76. root_vol is σ√T ≥ 0, discount > 0; forward, strike ≥ 0. */
double tn_pricing_black(double forward, double strike, double root_vol, double discount,
                        bool is_put);
/* The σ√T that gives the price, 0 at its intrinsic value; −1 when there is none. */
double tn_pricing_implied_root(double price, double forward, double strike, double discount,
                               bool is_put);

/* Rounds to nearest-even; cut to ±2^62. */
int64_t tn_pricing_integer(double x);

#endif
