/* inverse: the greatest common divisor of an odd f and any g by steps of halving, after Bernstein
 * and Yang ("Fast constant-time gcd computation and modular inversion", 2019).
 *
 * Their step, with a counter delta that begins at 1:
 *     delta > 0 and g odd:  (delta, f, g) becomes (1 - delta, g, (g - f) / 2)
 *     else:                 (delta, f, g) becomes (1 + delta, f, (g + (g odd ? f : 0)) / 2)
 * ends at g = 0 with f = ±1 if f and g have no common divisor, for numbers of 256 bits after at
 * most 741 steps (their theorem 11.2). Which 62 steps come next can be told from the lowest 62
 * bits, and what they do together is a matrix: 2^62 (f', g') = (u f + v g, q f + r g), where |u| +
 * |v| and |q| + |r| are at most 2^62. So a batch of 62 steps works on single words, and 12 batches
 * are enough.
 *
 * Beside f and g go d and e with d x = f and e x = g modulo the modulus M. They take the same
 * matrix, and what keeps u d + v e from being a multiple of 2^62 is made up by adding a multiple m
 * M, where m is in [-2^61, 2^61). So a batch leaves |d|, |e| at most what the larger was and M / 2
 * more: below 7 M after 12 of them.
 *
 * Long numbers are five limbs of 62 bits, the last one with the sign: |f|, |g| <= M < 2^256 and
 * |d|, |e| < 7 M < 2^259 fit well into 310 bits. */
#include "crypto/inverse.h"

#include <string.h>

enum { LIMBS = 5, LIMB_BITS = 62, BATCHES_MAX = 12 };

static const uint64_t LIMB_MASK = (UINT64_C(1) << LIMB_BITS) - 1;

struct number {
    int64_t limbs[LIMBS]; /* all but the last in [0, 2^62) */
};

struct matrix {
    int64_t u, v, q, r;
};

const struct tn_modulus tn_modulus_field = {
    {UINT64_C(0xFFFFFFFEFFFFFC2F), UINT64_MAX, UINT64_MAX, UINT64_MAX},
    UINT64_C(0x27C7F6E22DDACACF),
};

const struct tn_modulus tn_modulus_order = {
    {UINT64_C(0xBFD25E8CD0364141), UINT64_C(0xBAAEDCE6AF48A03B), UINT64_C(0xFFFFFFFFFFFFFFFE),
     UINT64_MAX},
    UINT64_C(0x34F20099AA774EC1),
};

static struct number to_limbs(const uint64_t w[4])
{
    return (struct number){{
        (int64_t)(w[0] & LIMB_MASK),
        (int64_t)((w[0] >> 62 | w[1] << 2) & LIMB_MASK),
        (int64_t)((w[1] >> 60 | w[2] << 4) & LIMB_MASK),
        (int64_t)((w[2] >> 58 | w[3] << 6) & LIMB_MASK),
        (int64_t)(w[3] >> 56),
    }};
}

/* Of a number in [0, 2^256). */
static void to_words(uint64_t words[4], const struct number *a)
{
    const uint64_t l[LIMBS] = {(uint64_t)a->limbs[0], (uint64_t)a->limbs[1], (uint64_t)a->limbs[2],
                               (uint64_t)a->limbs[3], (uint64_t)a->limbs[4]};
    words[0] = l[0] | l[1] << 62;
    words[1] = l[1] >> 2 | l[2] << 60;
    words[2] = l[2] >> 4 | l[3] << 58;
    words[3] = l[3] >> 6 | l[4] << 56;
}

/* What 62 steps do to f and g, of which the lowest words are given. The matrix of i steps is kept
 * times 2^i, so a halving of g doubles u and v. */
static int64_t batch(struct matrix *made, int64_t delta, uint64_t f, uint64_t g)
{
    uint64_t u = 1, v = 0, q = 0, r = 1; /* modulo 2^64: they are signed */
    uint32_t left = LIMB_BITS;
    for (;;) {
        /* Steps at an even g. */
        uint32_t zeros = (uint32_t)__builtin_ctzll(g | UINT64_C(1) << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        delta += zeros;
        left -= zeros;
        if (left == 0) break;
        if (delta > 0) { /* (g - f) / 2 is (g' + f') / 2 with f' = g, g' = -f */
            uint64_t old_f = f, old_u = u, old_v = v;
            delta = -delta;
            f = g;
            g = -old_f;
            u = q;
            q = -old_u;
            v = r;
            r = -old_v;
        }
        /* The next 1 - delta steps do not swap: each adds f or nothing and halves. Together they
         * add w f, with the w below 2^steps that clears so many bits: -g / f. The inverse of an odd
         * f is f modulo 8, so f (2 - f f) modulo 64. */
        uint32_t steps = delta <= -5 ? 6 : (uint32_t)(1 - delta);
        if (steps > left) steps = left;
        uint64_t w = -g * f * (2 - f * f) & ((UINT64_C(1) << steps) - 1);
        g += w * f;
        q += w * u;
        r += w * v;
    }
    *made = (struct matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return delta;
}

/* (u f + v g) / 2^62 and (q f + r g) / 2^62, both exact. Of one limb a sum is below 2^125. */
static void step_pair(struct number *f, struct number *g, const struct matrix *m)
{
    tn_i128 a = 0, b = 0;
    for (uint32_t i = 0; i < LIMBS; i++) {
        int64_t fi = f->limbs[i], gi = g->limbs[i];
        a += (tn_i128)m->u * fi + (tn_i128)m->v * gi;
        b += (tn_i128)m->q * fi + (tn_i128)m->r * gi;
        if (i > 0) {
            f->limbs[i - 1] = (int64_t)((uint64_t)a & LIMB_MASK);
            g->limbs[i - 1] = (int64_t)((uint64_t)b & LIMB_MASK);
        }
        a >>= LIMB_BITS;
        b >>= LIMB_BITS;
    }
    f->limbs[LIMBS - 1] = (int64_t)a;
    g->limbs[LIMBS - 1] = (int64_t)b;
}

/* The m in [-2^61, 2^61) for which low + m M is a multiple of 2^62. */
static int64_t make_up(const struct tn_modulus *modulus, uint64_t low)
{
    uint64_t m = -low * modulus->inverse << 2;
    return (int64_t)m >> 2;
}

/* The same modulo M, where the sums are no multiples. */
static void step_pair_modulo(struct number *d, struct number *e, const struct matrix *m,
                             const struct number *limbs, const struct tn_modulus *modulus)
{
    uint64_t d0 = (uint64_t)d->limbs[0], e0 = (uint64_t)e->limbs[0];
    int64_t md = make_up(modulus, (uint64_t)m->u * d0 + (uint64_t)m->v * e0);
    int64_t me = make_up(modulus, (uint64_t)m->q * d0 + (uint64_t)m->r * e0);
    tn_i128 a = 0, b = 0;
    for (uint32_t i = 0; i < LIMBS; i++) {
        int64_t di = d->limbs[i], ei = e->limbs[i];
        a += (tn_i128)m->u * di + (tn_i128)m->v * ei + (tn_i128)md * limbs->limbs[i];
        b += (tn_i128)m->q * di + (tn_i128)m->r * ei + (tn_i128)me * limbs->limbs[i];
        if (i > 0) {
            d->limbs[i - 1] = (int64_t)((uint64_t)a & LIMB_MASK);
            e->limbs[i - 1] = (int64_t)((uint64_t)b & LIMB_MASK);
        }
        a >>= LIMB_BITS;
        b >>= LIMB_BITS;
    }
    d->limbs[LIMBS - 1] = (int64_t)a;
    e->limbs[LIMBS - 1] = (int64_t)b;
}

static bool is_zero(const struct number *a)
{
    return (a->limbs[0] | a->limbs[1] | a->limbs[2] | a->limbs[3] | a->limbs[4]) == 0;
}

/* a = sign × a + times × b, carried. */
static void add_times(struct number *a, int64_t sign, int64_t times, const struct number *b)
{
    tn_i128 sum = 0;
    for (uint32_t i = 0; i < LIMBS - 1; i++) {
        sum += (tn_i128)sign * a->limbs[i] + (tn_i128)times * b->limbs[i];
        a->limbs[i] = (int64_t)((uint64_t)sum & LIMB_MASK);
        sum >>= LIMB_BITS;
    }
    sum += (tn_i128)sign * a->limbs[LIMBS - 1] + (tn_i128)times * b->limbs[LIMBS - 1];
    a->limbs[LIMBS - 1] = (int64_t)sum;
}

static bool is_below(const struct number *a, const struct number *b)
{
    for (uint32_t i = LIMBS; i-- > 0;) {
        if (a->limbs[i] != b->limbs[i]) return a->limbs[i] < b->limbs[i];
    }
    return false;
}

void tn_modulus_invert(const struct tn_modulus *modulus, uint64_t inverse[4], const uint64_t x[4])
{
    const struct number m = to_limbs(modulus->words);
    struct number f = m, g = to_limbs(x), d = {{0}}, e = {{1}};
    struct matrix steps;
    int64_t delta = 1;
    TN_ASSERT(!is_zero(&g));
    for (uint32_t i = 0; !is_zero(&g); i++) {
        TN_ASSERT(i < BATCHES_MAX);
        uint64_t f_low = (uint64_t)f.limbs[0] | (uint64_t)f.limbs[1] << LIMB_BITS;
        uint64_t g_low = (uint64_t)g.limbs[0] | (uint64_t)g.limbs[1] << LIMB_BITS;
        delta = batch(&steps, delta, f_low, g_low);
        step_pair(&f, &g, &steps);
        step_pair_modulo(&d, &e, &steps, &m, modulus);
    }
    /* f is ±1, and its sign is that of its last limb: f d x = f f = 1. */
    int64_t sign = f.limbs[LIMBS - 1] < 0 ? -1 : 1;
    TN_ASSERT(sign * f.limbs[0] == 1 || (uint64_t)f.limbs[0] == LIMB_MASK);
    add_times(&d, sign, 7, &m); /* above 0 */
    while (!is_below(&d, &m)) {
        add_times(&d, 1, -1, &m);
    }
    to_words(inverse, &d);
}
