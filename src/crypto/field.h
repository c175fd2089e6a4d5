/* crypto/field: numbers modulo p = 2^256 - 2^32 - 977, the field of secp256k1.
 *
 * A number is four words, least significant first, and any 256 bits are one: those below 2^256 - p
 * have two spellings, and only what asks about values (is_zero, is_equal, reduce) minds. So there
 * are no magnitudes to keep: every function takes whatever words and gives 256 bits again. What it
 * writes to may be what it reads.
 *
 * All of it rests on 2^256 = FOLD modulo p, where FOLD = 2^32 + 977: what is carried out of the top
 * comes back at the bottom times FOLD. Carries that almost never happen are branches, so time
 * depends on values: for public numbers only. Words stand in variables of their own, which gcc
 * keeps in registers; arrays of them cost half as much again. */
#ifndef TENOR_CRYPTO_FIELD_H
#define TENOR_CRYPTO_FIELD_H

#include "tenor/base.h"

#include <string.h>

#define TN_FIELD_FOLD UINT64_C(0x1000003D1)

struct tn_field {
    uint64_t words[4];
};

/* ---- Carries --------------------------------------------------------------------------------- */

/* The lower word of a × b + add + *carry, which is at most 2^128 - 1; the upper one is carried. */
static inline uint64_t tn_field_step(uint64_t *carry, uint64_t a, uint64_t b, uint64_t add)
{
    tn_u128 sum = (tn_u128)a * b + add + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}

/* a + b + *carry and a - b - *borrow, where these are 0 or 1. gcc keeps the carry of its own
 * functions in the flag, and that of what is written out in a register of its own; clang sees
 * through both. */
#if defined(__x86_64__) && !defined(__clang__)
static inline uint64_t tn_field_plus(bool *carry, uint64_t a, uint64_t b)
{
    unsigned long long sum;
    *carry = __builtin_ia32_addcarryx_u64(*carry, a, b, &sum);
    return sum;
}

static inline uint64_t tn_field_minus(bool *borrow, uint64_t a, uint64_t b)
{
    unsigned long long difference;
    *borrow = __builtin_ia32_sbb_u64(*borrow, a, b, &difference);
    return difference;
}
#else
static inline uint64_t tn_field_plus(bool *carry, uint64_t a, uint64_t b)
{
    uint64_t sum;
    bool first = __builtin_add_overflow(a, b, &sum);
    bool second = __builtin_add_overflow(sum, (uint64_t)*carry, &sum);
    *carry = first | second;
    return sum;
}

static inline uint64_t tn_field_minus(bool *borrow, uint64_t a, uint64_t b)
{
    uint64_t difference;
    bool first = __builtin_sub_overflow(a, b, &difference);
    bool second = __builtin_sub_overflow(difference, (uint64_t)*borrow, &difference);
    *borrow = first | second;
    return difference;
}
#endif

/* Adds 1 at words[2] and on. If it leaves at the top it is folded: words[2] and words[3] are then 0
 * and words[1], which has just overflowed by at most 15, is below 15, so that FOLD runs no further
 * than there. */
static inline void tn_field_ripple(uint64_t words[4])
{
    if (++words[2] != 0 || ++words[3] != 0) return;
    if (__builtin_add_overflow(words[0], TN_FIELD_FOLD, &words[0])) words[1]++;
}

/* Takes 1 away at words[1] and on, after words[0] went below 0 by at most FOLD. What is borrowed at
 * the top is taken away as FOLD: words[0], now at least 2^64 - FOLD, has it. */
static inline void tn_field_borrow(uint64_t words[4])
{
    if (words[1]-- != 0 || words[2]-- != 0 || words[3]-- != 0) return;
    words[0] -= TN_FIELD_FOLD;
}

/* ---- Sums ------------------------------------------------------------------------------------ */

static inline void tn_field_add(struct tn_field *sum, const struct tn_field *a,
                                const struct tn_field *b)
{
    bool carry = false;
    uint64_t w0 = tn_field_plus(&carry, a->words[0], b->words[0]);
    uint64_t w1 = tn_field_plus(&carry, a->words[1], b->words[1]);
    uint64_t w2 = tn_field_plus(&carry, a->words[2], b->words[2]);
    uint64_t w3 = tn_field_plus(&carry, a->words[3], b->words[3]);
    uint64_t fold = -(uint64_t)carry & TN_FIELD_FOLD;
    bool runs_on = __builtin_add_overflow(w0, fold, &w0);
    *sum = (struct tn_field){{w0, w1, w2, w3}};
    if (__builtin_expect(runs_on, 0) && ++sum->words[1] == 0) tn_field_ripple(sum->words);
}

static inline void tn_field_subtract(struct tn_field *difference, const struct tn_field *a,
                                     const struct tn_field *b)
{
    bool borrow = false;
    uint64_t w0 = tn_field_minus(&borrow, a->words[0], b->words[0]);
    uint64_t w1 = tn_field_minus(&borrow, a->words[1], b->words[1]);
    uint64_t w2 = tn_field_minus(&borrow, a->words[2], b->words[2]);
    uint64_t w3 = tn_field_minus(&borrow, a->words[3], b->words[3]);
    uint64_t fold = -(uint64_t)borrow & TN_FIELD_FOLD;
    bool runs_on = __builtin_sub_overflow(w0, fold, &w0);
    *difference = (struct tn_field){{w0, w1, w2, w3}};
    if (__builtin_expect(runs_on, 0)) tn_field_borrow(difference->words);
}

static inline void tn_field_negate(struct tn_field *negative, const struct tn_field *a)
{
    static const struct tn_field zero;
    tn_field_subtract(negative, &zero, a);
}

/* ---- Products -------------------------------------------------------------------------------- */

/* 512 bits modulo p: the upper half times FOLD onto the lower one gives 256 bits and a carry of at
 * most FOLD; that one times FOLD is below 2^67, so it carries at most 8 onto the second word. */
static inline void tn_field_reduce_wide(struct tn_field *product, uint64_t w0, uint64_t w1,
                                        uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5,
                                        uint64_t w6, uint64_t w7)
{
    uint64_t carry = 0, further = 0;
    w0 = tn_field_step(&carry, w4, TN_FIELD_FOLD, w0);
    w1 = tn_field_step(&carry, w5, TN_FIELD_FOLD, w1);
    w2 = tn_field_step(&carry, w6, TN_FIELD_FOLD, w2);
    w3 = tn_field_step(&carry, w7, TN_FIELD_FOLD, w3);
    w0 = tn_field_step(&further, carry, TN_FIELD_FOLD, w0);
    bool runs_on = __builtin_add_overflow(w1, further, &w1);
    *product = (struct tn_field){{w0, w1, w2, w3}};
    if (__builtin_expect(runs_on, 0)) tn_field_ripple(product->words);
}

/* Row by row, as by hand. */
static inline void tn_field_multiply(struct tn_field *product, const struct tn_field *a,
                                     const struct tn_field *b)
{
    const uint64_t a0 = a->words[0], a1 = a->words[1], a2 = a->words[2], a3 = a->words[3];
    const uint64_t b0 = b->words[0], b1 = b->words[1], b2 = b->words[2], b3 = b->words[3];
    uint64_t w4 = 0, w5 = 0, w6 = 0, w7 = 0; /* each the carry of one row */
    uint64_t w0 = tn_field_step(&w4, a0, b0, 0);
    uint64_t w1 = tn_field_step(&w4, a0, b1, 0);
    uint64_t w2 = tn_field_step(&w4, a0, b2, 0);
    uint64_t w3 = tn_field_step(&w4, a0, b3, 0);
    w1 = tn_field_step(&w5, a1, b0, w1);
    w2 = tn_field_step(&w5, a1, b1, w2);
    w3 = tn_field_step(&w5, a1, b2, w3);
    w4 = tn_field_step(&w5, a1, b3, w4);
    w2 = tn_field_step(&w6, a2, b0, w2);
    w3 = tn_field_step(&w6, a2, b1, w3);
    w4 = tn_field_step(&w6, a2, b2, w4);
    w5 = tn_field_step(&w6, a2, b3, w5);
    w3 = tn_field_step(&w7, a3, b0, w3);
    w4 = tn_field_step(&w7, a3, b1, w4);
    w5 = tn_field_step(&w7, a3, b2, w5);
    w6 = tn_field_step(&w7, a3, b3, w6);
    tn_field_reduce_wide(product, w0, w1, w2, w3, w4, w5, w6, w7);
}

/* *high and the lower word: a² + *high × 2^64 + low + *carry; its third word is carried. */
static inline uint64_t tn_field_step_square(uint64_t *carry, uint64_t *high, uint64_t a,
                                            uint64_t low)
{
    tn_u128 sum = (tn_u128)a * a + low + *carry;
    uint64_t made = (uint64_t)sum;
    sum = (sum >> 64) + *high;
    *high = (uint64_t)sum;
    *carry = (uint64_t)(sum >> 64);
    return made;
}

/* The products of two different words once, doubled, and then the squares. */
static inline void tn_field_square(struct tn_field *square, const struct tn_field *root)
{
    const uint64_t a0 = root->words[0], a1 = root->words[1];
    const uint64_t a2 = root->words[2], a3 = root->words[3];
    uint64_t w4 = 0, w5 = 0, w6 = 0, carry = 0; /* three the carry of one row */
    uint64_t w1 = tn_field_step(&w4, a0, a1, 0);
    uint64_t w2 = tn_field_step(&w4, a0, a2, 0);
    uint64_t w3 = tn_field_step(&w4, a0, a3, 0);
    w3 = tn_field_step(&w5, a1, a2, w3);
    w4 = tn_field_step(&w5, a1, a3, w4);
    w5 = tn_field_step(&w6, a2, a3, w5);
    uint64_t w7 = w6 >> 63;
    w6 = w6 << 1 | w5 >> 63;
    w5 = w5 << 1 | w4 >> 63;
    w4 = w4 << 1 | w3 >> 63;
    w3 = w3 << 1 | w2 >> 63;
    w2 = w2 << 1 | w1 >> 63;
    w1 = w1 << 1;
    uint64_t w0 = tn_field_step_square(&carry, &w1, a0, 0);
    w2 = tn_field_step_square(&carry, &w3, a1, w2);
    w4 = tn_field_step_square(&carry, &w5, a2, w4);
    w6 = tn_field_step_square(&carry, &w7, a3, w6);
    tn_field_reduce_wide(square, w0, w1, w2, w3, w4, w5, w6, w7);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* Is it p or more: the second spelling of something? */
static inline bool tn_field_is_over(const struct tn_field *a)
{
    return (a->words[1] & a->words[2] & a->words[3]) == UINT64_MAX && a->words[0] >= -TN_FIELD_FOLD;
}

/* The one spelling below p. */
static inline void tn_field_reduce(struct tn_field *a)
{
    if (tn_field_is_over(a)) *a = (struct tn_field){{a->words[0] + TN_FIELD_FOLD, 0, 0, 0}};
}

static inline bool tn_field_is_zero(const struct tn_field *a)
{
    struct tn_field reduced = *a;
    tn_field_reduce(&reduced);
    return (reduced.words[0] | reduced.words[1] | reduced.words[2] | reduced.words[3]) == 0;
}

static inline bool tn_field_is_equal(const struct tn_field *a, const struct tn_field *b)
{
    struct tn_field difference;
    tn_field_subtract(&difference, a, b);
    return tn_field_is_zero(&difference);
}

/* 32 bytes, big-endian, as the four words that they are: p or more is not refused here. */
static inline void tn_field_from_bytes(struct tn_field *a, const uint8_t bytes[32])
{
    for (uint32_t i = 0; i < 4; i++)
        a->words[i] = tn_get_be(bytes + 8 * (3 - (size_t)i), 8);
}

#endif
