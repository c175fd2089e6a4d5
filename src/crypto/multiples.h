/* crypto/multiples: a table of one point's multiples, with which any multiple is a sum of a few
 * entries and nothing is doubled.
 *
 * A half of a scalar (scalar.h) has a digit for each window of some bits; the table has an entry
 * for each size that a digit can have in each window, digit × 2^(bits × window) times the point.
 * Its other sign is the entry's opposite, and the image under lambda serves the other half. */
#ifndef TENOR_CRYPTO_MULTIPLES_H
#define TENOR_CRYPTO_MULTIPLES_H

#include "crypto/curve.h"
#include "crypto/scalar.h"
#include "crypto/sums.h"

/* Which windows. Wider ones cost memory and time to make: entries of 64 bytes about double with
 * each bit. */
#define TN_MULTIPLES_KEY_BITS       7  /* 19 windows, 1155 entries */
#define TN_MULTIPLES_GENERATOR_BITS 13 /* 10 windows, 38166 entries */
#define TN_MULTIPLES_WINDOWS_MAX    32

static inline uint32_t tn_multiples_windows(uint32_t bits)
{
    return (128 + bits - 1) / bits;
}

/* The entries of the last window: its share of the largest half, and a carry. */
static inline uint32_t tn_multiples_last(uint32_t bits)
{
    return (uint32_t)(TN_SCALAR_HALF_TOP >> (bits * (tn_multiples_windows(bits) - 1) - 64)) + 1;
}

static inline uint32_t tn_multiples_count(uint32_t bits)
{
    return ((tn_multiples_windows(bits) - 1) << (bits - 1)) + tn_multiples_last(bits);
}

/* Fills tn_multiples_count entries; bits is 4 to 13. The point is on the curve (asserted). */
void tn_multiples_make(struct tn_curve_affine *table, uint32_t bits,
                       const struct tn_curve_affine *point);

/* The digits of one half, one a window. */
struct tn_multiples_digits {
    int16_t of[TN_MULTIPLES_WINDOWS_MAX];
};

/* Works them out and starts loading the entries that they name. */
void tn_multiples_prepare(struct tn_multiples_digits *digits, const struct tn_curve_affine *table,
                          uint32_t bits, const struct tn_scalar_half *half);

/* sum += what the digits say. */
void tn_multiples_add(struct tn_curve_point *sum, const struct tn_curve_affine *table,
                      uint32_t bits, const struct tn_multiples_digits *digits);

/* The same, put on the last list of sums: one term for each digit that is not 0. */
void tn_multiples_put(struct tn_sums *sums, const struct tn_curve_affine *table, uint32_t bits,
                      const struct tn_multiples_digits *digits);

#endif
