/* Numbers of 256 bits and arithmetic modulo any of them, bit by bit: nothing of src/crypto. */
#ifndef NUMBER_TWIN_H
#define NUMBER_TWIN_H

#include "crypto_case.h"

struct number {
    uint64_t words[4]; /* least significant first */
};

static const struct number PRIME = {
    {UINT64_C(0xFFFFFFFEFFFFFC2F), UINT64_MAX, UINT64_MAX, UINT64_MAX}};
static const struct number ORDER = {{UINT64_C(0xBFD25E8CD0364141), UINT64_C(0xBAAEDCE6AF48A03B),
                                     UINT64_C(0xFFFFFFFFFFFFFFFE), UINT64_MAX}};
static const struct number LAMBDA = {{UINT64_C(0xDF02967C1B23BD72), UINT64_C(0x122E22EA20816678),
                                      UINT64_C(0xA5261C028812645A), UINT64_C(0x5363AD4CC05C30E0)}};

static inline bool number_equal(const struct number *a, const struct number *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool number_below(const struct number *a, const struct number *b)
{
    for (uint32_t i = 4; i-- > 0;) {
        if (a->words[i] != b->words[i]) return a->words[i] < b->words[i];
    }
    return false;
}

static inline bool number_bit(const struct number *a, uint32_t bit)
{
    return a->words[bit / 64] >> bit % 64 & 1;
}

/* Modulo 2^256; what is carried or borrowed is returned. */
static inline bool number_add(struct number *sum, const struct number *a, const struct number *b)
{
    uint64_t carry = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t lower = (a->words[i] & UINT32_MAX) + (b->words[i] & UINT32_MAX) + carry;
        uint64_t upper = (a->words[i] >> 32) + (b->words[i] >> 32) + (lower >> 32);
        sum->words[i] = upper << 32 | (lower & UINT32_MAX);
        carry = upper >> 32;
    }
    return carry != 0;
}

static inline bool number_take(struct number *difference, const struct number *a,
                               const struct number *b)
{
    struct number flipped, one = {{1, 0, 0, 0}};
    for (uint32_t i = 0; i < 4; i++)
        flipped.words[i] = ~b->words[i];
    bool first = number_add(difference, a, &flipped);
    bool second = number_add(difference, difference, &one);
    return !(first || second);
}

static inline struct number number_modulo(struct number a, const struct number *m)
{
    while (!number_below(&a, m))
        number_take(&a, &a, m);
    return a;
}

/* All of them take and give numbers below m. */
static inline struct number modulo_add(struct number a, struct number b, const struct number *m)
{
    struct number sum;
    if (number_add(&sum, &a, &b) || !number_below(&sum, m)) number_take(&sum, &sum, m);
    return sum;
}

static inline struct number modulo_negate(struct number a, const struct number *m)
{
    struct number zero = {{0}}, negative;
    if (number_equal(&a, &zero)) return zero;
    number_take(&negative, m, &a);
    return negative;
}

static inline struct number modulo_multiply(struct number a, struct number b,
                                            const struct number *m)
{
    struct number product = {{0}};
    for (uint32_t bit = 256; bit-- > 0;) {
        product = modulo_add(product, product, m);
        if (number_bit(&b, bit)) product = modulo_add(product, a, m);
    }
    return product;
}

static inline void number_to_bytes(uint8_t bytes[32], const struct number *a)
{
    for (uint32_t i = 0; i < 32; i++)
        bytes[31 - i] = (uint8_t)(a->words[i / 8] >> 8 * (i % 8));
}

static inline struct number number_from_bytes(const uint8_t bytes[32])
{
    struct number a = {{0}};
    for (uint32_t i = 0; i < 32; i++)
        a.words[i / 8] |= (uint64_t)bytes[31 - i] << 8 * (i % 8);
    return a;
}

static inline struct number number_of(uint64_t small)
{
    return (struct number){{small, 0, 0, 0}};
}

/* What carries are made of: zeros, ones, p and n and what is beside them, powers of two. */
static inline struct number number_special(uint32_t which)
{
    struct number a = {{0}}, one = {{1, 0, 0, 0}};
    const struct number *bases[] = {&a, &PRIME, &ORDER, &LAMBDA};
    if (which < 28) { /* each base and -3 .. 3 */
        struct number made = *bases[which / 7];
        for (uint32_t i = 0; i < which % 7; i++)
            number_add(&made, &made, &one);
        for (uint32_t i = 0; i < 3; i++)
            number_take(&made, &made, &one);
        return made;
    }
    which -= 28; /* powers of two, less and more than them by one */
    uint32_t bit = which / 3 * 16;
    a.words[bit / 64] = UINT64_C(1) << bit % 64;
    if (which % 3 == 1) number_add(&a, &a, &one);
    if (which % 3 == 2) number_take(&a, &a, &one);
    return a;
}
enum { NUMBER_SPECIALS = 28 + 3 * 16 };

/* Each word by the toss of a die: random, or one that carries run through. */
static inline struct number number_random(uint64_t *random)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     UINT64_MAX,
                                     UINT64_MAX - 1,
                                     UINT64_C(0x1000003D1),
                                     UINT64_C(0x1000003D0),
                                     UINT64_C(0xFFFFFFFEFFFFFC2F),
                                     UINT64_C(0xFFFFFFFEFFFFFC2E),
                                     UINT64_C(0xFFFFFFFEFFFFFC30),
                                     UINT64_C(1) << 63};
    struct number a;
    bool is_plain = tn_random_below(random, 3) == 0;
    for (uint32_t i = 0; i < 4; i++) {
        bool is_edge = !is_plain && tn_random_below(random, 2) == 0;
        a.words[i] = is_edge ? edges[tn_random_below(random, sizeof(edges) / sizeof(edges[0]))]
                             : tn_random_next(random);
    }
    return a;
}

#endif
