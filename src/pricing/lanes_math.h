/* lanes_math: exp, log, the normal distribution and Black-76 over lanes. docs/specs/pricing.md says
 * the same in formulas; the order of operations here is the rule.
 *
 * All rests on Mills' ratio R(z) = N(−z)/φ(z), φ the normal density. Out of the money an option
 * costs min(F, K)·φ(a)·(R(a) − R(b)), a = |x|/v − v/2, b = |x|/v + v/2, x = ln(K/F): one
 * exponential instead of two, and no difference of two nearly equal normals. */
#ifndef TN_PRICING_LANES_MATH_H
#define TN_PRICING_LANES_MATH_H

#include "pricing/lanes.h"

#define LOG2_E        0x1.71547652b82fep+0
#define LN2_HIGH      0x1.62e42fefa0000p-1 /* 36 bits: its products with exponents are exact */
#define LN2_LOW       0x1.cf79abc9e3b3ap-40
#define ROOT_2        0x1.6a09e667f3bcdp+0
#define ROOT_2_LOW    -0x1.bdd3413b26456p-54
#define DENSITY_0     0x1.9884533d43651p-2 /* 1/√(2π), and what the double leaves of it */
#define DENSITY_0_LOW -0x1.cbc0d30ebfd15p-56
#define HALF_MANTISSA INT64_C(-0x8000000) /* keeps 26 significant bits: squares are exact */
#define MILLS_MOST    64.0                /* R is fitted up to 40, and is 1/z to 1e-3 beyond */
#define FAR           36.0 /* exp(−36²/2) is 3e-282: no price sees what is beyond */

/* (factor + factor_low)·exp(high + low) / 2^k, the exponent k left in the low bits of *shifted. */
LANES_INLINE lanes exp_mantissa(lanes *shifted, lanes high, lanes low, double factor,
                                double factor_low)
{
    *shifted = high * LOG2_E + ROUNDER;
    lanes k = *shifted - ROUNDER;
    lanes r = (high - k * LN2_HIGH) + (low - k * LN2_LOW);
    lanes p = r * 0x1.af85ae17c2fdbp-26 + 0x1.28b0a3d0b3dc9p-22;
    p = p * r + 0x1.71dddfae94bdbp-19;
    p = p * r + 0x1.a01996360b158p-16;
    p = p * r + 0x1.a01a01baf3f57p-13;
    p = p * r + 0x1.6c16c185c7f7bp-10;
    p = p * r + 0x1.111111110d5edp-7;
    p = p * r + 0x1.555555554ffa5p-5;
    p = p * r + 0x1.5555555555561p-3;
    p = p * r + 0x1.000000000000cp-1;
    return factor + ((r + (r * r) * p) * factor + factor_low);
}

/* exp(high + low)/√(2π), high within −708 .. 0, |low| < 2^-15. */
LANES_INLINE lanes density_near_of(lanes high, lanes low)
{
    lanes shifted;
    lanes mantissa = exp_mantissa(&shifted, high, low, DENSITY_0, DENSITY_0_LOW);
    return (lanes)((bits)mantissa + (bits)((ubits)shifted << 52));
}

/* (factor + factor_low)·exp(high + low) for any finite high: down to denormals and 0, and up to the
 * largest number. */
LANES_INLINE lanes exp_wide(lanes high, lanes low, double factor, double factor_low)
{
    lanes shifted;
    high = lanes_max(lanes_min(high, lanes_all(0x1.62e42fefa39efp+9)), lanes_all(-800.0));
    lanes mantissa = exp_mantissa(&shifted, high, low, factor, factor_low);
    lanes k = shifted - ROUNDER;
    lanes most = lanes_max(lanes_min(k, lanes_all(1000.0)), lanes_all(-1000.0));
    lanes rest = k - most;
    lanes scale_most = (lanes)((bits)((ubits)(most + ROUNDER) << 52) + ONE_BITS);
    lanes scale_rest = (lanes)((bits)((ubits)(rest + ROUNDER) << 52) + ONE_BITS);
    return (mantissa * scale_most) * scale_rest;
}

/* ln(above/below) of normal positive numbers. Both are scaled by powers of two until their ratio is
 * within √½ .. √2; then above − below is exact, so the result is good next to zero too. */
LANES_INLINE lanes log_ratio(lanes above, lanes below)
{
    bits mantissa_bits = bits_all(INT64_C(0x000FFFFFFFFFFFFF));
    bits exponent = (bits)((ubits)above >> 52) - (bits)((ubits)below >> 52);
    lanes a = (lanes)(((bits)above & mantissa_bits) | ONE_BITS);
    lanes b = (lanes)(((bits)below & mantissa_bits) | ONE_BITS);
    bits high = (bits)(a > b * ROOT_2);
    bits low = (bits)(b > a * ROOT_2);
    a = lanes_select(high, a * 0.5, lanes_select(low, a * 2.0, a));
    exponent = exponent - high + low;
    lanes n = (lanes)(exponent + ROUNDER_BITS) - ROUNDER;

    lanes f = (a - b) / b;
    lanes s = f / (2.0 + f);
    lanes z = s * s;
    lanes p = z * 0x1.0f71f85ba047dp-3 + 0x1.0f5b2df7099b0p-3;
    p = p * z + 0x1.3b20bd5ef7be1p-3;
    p = p * z + 0x1.745cddd01133bp-3;
    p = p * z + 0x1.c71c725a392f2p-3;
    p = p * z + 0x1.249249242a3d4p-2;
    p = p * z + 0x1.9999999999e0cp-2;
    p = p * z + 0x1.5555555555555p-1;
    lanes half = 0.5 * (f * f);
    return n * LN2_HIGH - ((half - (s * (half + z * p) + n * LN2_LOW)) - f);
}

/* Mills' ratio R = N(−z)·√(2π)·exp(z²/2) and its slope −R′ = 1 − z·R, z within −0.25 .. 40. With g
 * = 1/R − z, a rational function p/q fitted to 8.2e-17 relative, rounded coefficients counted: R =
 * q/(z·q + p) and −R′ = p/(z·q + p); this gives q and p. All coefficients are positive, so nothing
 * cancels; and what q is off by is in both terms of R, so it hardly counts. */
LANES_INLINE lanes mills_parts(lanes *below, lanes z)
{
    lanes p = z * 0x1.b44cfad40888ap-24 + 0x1.cc4e082986316p-19;
    lanes q = z * 0x1.b44cfad4050cfp-24 + 0x1.cc4e0829a0486p-19;
    q = q * z + 0x1.e1474b81e77c3p-15;
    p = p * z + 0x1.df92fe87c5cafp-15;
    q = q * z + 0x1.44e9465023fb6p-11;
    p = p * z + 0x1.4150aa3ceb428p-11;
    q = q * z + 0x1.384bc673df1e1p-8;
    p = p * z + 0x1.30d7b4582264bp-8;
    q = q * z + 0x1.be9c336c1105dp-6;
    p = p * z + 0x1.aadd76e032cd4p-6;
    q = q * z + 0x1.e39af3e9aaf52p-4;
    p = p * z + 0x1.bee335bf03075p-4;
    q = q * z + 0x1.8c463753c3f56p-2;
    p = p * z + 0x1.5a88a6f2e4417p-2;
    q = q * z + 0x1.e2524e6a16707p-1;
    p = p * z + 0x1.7faef1b3b32f9p-1;
    q = q * z + 0x1.a0eadc71939f0p+0;
    p = p * z + 0x1.156deb653faecp+0;
    q = q * z + 0x1.d04bcefaa664ep+0;
    p = p * z + 0x1.9884533d43651p-1;
    q = q * z + 1.0;
    *below = p;
    return q;
}

LANES_INLINE lanes mills(lanes z)
{
    lanes p;
    lanes q = mills_parts(&p, z);
    return q / (z * q + p);
}

/* What a·b rounds away, to 2^-106 of the product, unless it underflows. */
LANES_INLINE lanes product_rest(lanes a, lanes b, lanes product)
{
    lanes a_head = (lanes)((bits)a & HALF_MANTISSA), b_head = (lanes)((bits)b & HALF_MANTISSA);
    lanes a_rest = a - a_head, b_rest = b - b_head;
    return ((a_head * b_head - product) + a_head * b_rest + a_rest * b_head) + a_rest * b_rest;
}

/* R(z + shift) for a tiny shift, and the slope −R′: sum, product and quotient with what they round
 * away, so that R is off by little more than one rounding. */
LANES_INLINE lanes mills_fine(lanes *slope, lanes z, lanes shift)
{
    lanes p;
    lanes q = mills_parts(&p, z);
    lanes product = z * q;
    lanes sum = product + p;
    lanes part = sum - product;
    lanes sum_rest = product_rest(z, q, product) + ((product - (sum - part)) + (p - part));
    lanes ratio = q / sum;
    lanes back = ratio * sum;
    lanes rest = ((q - back) - product_rest(ratio, sum, back)) - ratio * sum_rest;
    *slope = p / sum;
    return ratio + (rest / sum - shift * *slope);
}

/* −z²/2 as high + low without an error: high is exact, low has what is left. */
LANES_INLINE lanes half_square(lanes *low, lanes z)
{
    lanes head = (lanes)((bits)z & HALF_MANTISSA);
    *low = ((z - head) * (z + head)) * -0.5;
    return (head * head) * -0.5;
}

/* φ(z) = exp(−z²/2)/√(2π), z within 0 .. FAR; and for any z ≥ 0. */
LANES_INLINE lanes density_near(lanes z)
{
    lanes low;
    lanes high = half_square(&low, z);
    return density_near_of(high, low);
}

LANES_INLINE lanes density_wide(lanes z)
{
    lanes low;
    lanes high = half_square(&low, lanes_min(z, lanes_all(40.0)));
    return exp_wide(high, low, DENSITY_0, DENSITY_0_LOW);
}

/* N(d), and φ(d) beside it. */
LANES_INLINE lanes normal_of(lanes *density, lanes d)
{
    lanes z = lanes_min(lanes_absolute(d), lanes_all(40.0));
    *density = density_wide(z);
    lanes slope;
    lanes tail = *density * mills_fine(&slope, z, lanes_all(0.0));
    return lanes_select((bits)(d > 0.0), 1.0 - tail, tail);
}

/* What an option out of the money costs, as a part of min(F, K): 0 .. 1. distance = |ln(K/F)|;
 * v = σ√T ≥ 1e-18. */
LANES_INLINE lanes black_part(lanes distance, lanes v)
{
    lanes h = distance / v;
    lanes t = 0.5 * v;
    lanes a = h - t;
    lanes b = h + t;
    lanes near = lanes_min(lanes_absolute(a), lanes_all(FAR));
    lanes density = density_near(near);
    lanes mills_a = mills(near);
    lanes mills_b = mills(lanes_min(b, lanes_all(MILLS_MOST)));
    /* a < 0: N(−a) = 1 − φ·R(−a), so the ratio changes its sign and 1 is added. */
    lanes turned = (lanes)((bits)mills_a ^ ((bits)a & SIGN_BIT));
    lanes base = (lanes)((bits)(a < 0.0) & ONE_BITS);
    lanes part = base + density * (turned - mills_b);
    part = lanes_max(part, lanes_all(0.0));
    return lanes_select((bits)(v >= 24.0), lanes_all(1.0), part);
}

#endif
