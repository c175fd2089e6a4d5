/* crypto/scalar: numbers modulo n, the order of secp256k1, as checking a signature needs them, and
 * the two short numbers that make a long one.
 *
 * The curve has an endomorphism: lambda times a point (x, y) is (beta x, y), for a lambda of order
 * 3 modulo n and a beta of order 3 modulo p. So k times a point is k1 times it and k2 times its
 * image, where k = k1 + k2 lambda modulo n with both below 2^128 in size (Gallant, Lambert and
 * Vanstone, 2001), and one table serves both. Public numbers only: time depends on values. */
#ifndef TENOR_CRYPTO_SCALAR_H
#define TENOR_CRYPTO_SCALAR_H

#include "tenor/base.h"

struct tn_scalar {
    uint64_t words[4]; /* below n, least significant word first */
};

/* The size and the sign of a number. */
struct tn_scalar_half {
    uint64_t words[2];
    bool is_negative;
};

/* The upper word of no half is larger (scalar.c proves it): it bounds
 * the last digit of a half. */
#define TN_SCALAR_HALF_TOP UINT64_C(0xA2A8918CA85BAFE2)

/* Reads 32 bytes, big-endian. _from_bytes is false for n or more and then leaves a unspecified;
 * _from_digest takes n away once, which leaves any 256 bits below n. */
bool tn_scalar_from_bytes(struct tn_scalar *a, const uint8_t bytes[32]);
void tn_scalar_from_digest(struct tn_scalar *a, const uint8_t bytes[32]);

bool tn_scalar_is_zero(const struct tn_scalar *a);
/* More than (n - 1) / 2: the s that a signature may not have. */
bool tn_scalar_is_high(const struct tn_scalar *a);

void tn_scalar_multiply(struct tn_scalar *product, const struct tn_scalar *a,
                        const struct tn_scalar *b);

/* a is not zero (asserted). About 2 us. */
void tn_scalar_invert(struct tn_scalar *inverse, const struct tn_scalar *a);

/* k = halves[0] + halves[1] × lambda modulo n. */
void tn_scalar_split(struct tn_scalar_half halves[2], const struct tn_scalar *k);

/* half = Σ digits[i] × 2^(bits × i), over count digits: all but the last in (-2^(bits - 1),
 * 2^(bits - 1)], the last one whatever is left. bits is 2 to 10, and bits × count is 128 or more.
 */
void tn_scalar_digits(int16_t *digits, uint32_t count, uint32_t bits,
                      const struct tn_scalar_half *half);

#endif
