/* ecdsa: SEC 1, section 4.1.4, with the rule of the low s.
 *
 * A signature (r, s) of a digest z by a key Q is good if r is the x of (z / s) G + (r / s) Q modulo
 * n. Both multiples are split in halves (scalar.h); the halves that belong to lambda are added
 * first, for G and Q together, and lambda is then applied to their sum. */
#include "crypto/ecdsa.h"

#include "crypto/sums.h"

enum { KEY_BITS = TN_MULTIPLES_KEY_BITS, GENERATOR_BITS = TN_MULTIPLES_GENERATOR_BITS };

_Static_assert(2 * TN_ECDSA_TOGETHER <= TN_SUMS_LISTS_MAX, "two lists a signature");

/* x is below p, so it is r or, as n < p < 2 n, r + n where that is below p. The point's x is X /
 * Z^2: X is compared with r Z^2 and nothing is divided. */
bool tn_ecdsa_is_x(const struct tn_curve_point *point, const struct tn_scalar *r)
{
    static const struct tn_field order = {{UINT64_C(0xBFD25E8CD0364141),
                                           UINT64_C(0xBAAEDCE6AF48A03B),
                                           UINT64_C(0xFFFFFFFFFFFFFFFE), UINT64_MAX}};
    static const uint64_t p_less_n[3] = {UINT64_C(0x402DA1722FC9BAEE), UINT64_C(0x4551231950B75FC4),
                                         1};
    struct tn_field zz, x, candidate;
    if (point->is_infinity) return false;
    tn_field_square(&zz, &point->z);
    memcpy(candidate.words, r->words, sizeof(candidate.words));
    tn_field_multiply(&x, &candidate, &zz);
    if (tn_field_is_equal(&x, &point->x)) return true;
    const uint64_t *w = r->words;
    bool has_second =
        w[3] == 0 && (w[2] < p_less_n[2] ||
                      (w[2] == p_less_n[2] &&
                       (w[1] < p_less_n[1] || (w[1] == p_less_n[1] && w[0] < p_less_n[0]))));
    if (!has_second) return false;
    tn_field_add(&candidate, &candidate, &order);
    tn_field_multiply(&x, &candidate, &zz);
    return tn_field_is_equal(&x, &point->x);
}

/* ---- Both multiples -------------------------------------------------------------------------- */

/* Digits of the halves of both. */
struct digits {
    struct tn_multiples_digits g[2], q[2];
};

static void prepare(struct digits *digits, const struct tn_curve_affine *generator,
                    const struct tn_curve_affine *key, const struct tn_scalar *of_generator,
                    const struct tn_scalar *of_key)
{
    struct tn_scalar_half g[2], q[2];
    tn_scalar_split(q, of_key);
    tn_multiples_prepare(&digits->q[1], key, KEY_BITS, &q[1]);
    tn_multiples_prepare(&digits->q[0], key, KEY_BITS, &q[0]);
    tn_scalar_split(g, of_generator);
    tn_multiples_prepare(&digits->g[1], generator, GENERATOR_BITS, &g[1]);
    tn_multiples_prepare(&digits->g[0], generator, GENERATOR_BITS, &g[0]);
}

/* of_generator × G + of_key × Q. */
static void add_multiples(struct tn_curve_point *sum, const struct tn_curve_affine *generator,
                          const struct tn_curve_affine *key, const struct tn_scalar *of_generator,
                          const struct tn_scalar *of_key)
{
    struct digits digits;
    prepare(&digits, generator, key, of_generator, of_key);
    sum->is_infinity = true;
    tn_multiples_add(sum, key, KEY_BITS, &digits.q[1]);
    tn_multiples_add(sum, generator, GENERATOR_BITS, &digits.g[1]);
    if (!sum->is_infinity) tn_curve_times_lambda(sum);
    tn_multiples_add(sum, key, KEY_BITS, &digits.q[0]);
    tn_multiples_add(sum, generator, GENERATOR_BITS, &digits.g[0]);
}

/* ---- A check --------------------------------------------------------------------------------- */

/* False: no signature has these. */
static bool read_numbers(struct tn_scalar *r, struct tn_scalar *s,
                         const struct tn_signature *signature)
{
    if (!tn_scalar_from_bytes(r, signature->bytes) || tn_scalar_is_zero(r)) return false;
    if (!tn_scalar_from_bytes(s, signature->bytes + 32) || tn_scalar_is_zero(s)) return false;
    return !tn_scalar_is_high(s);
}

static void find_multiples(struct tn_scalar *of_generator, struct tn_scalar *of_key,
                           const struct tn_hash *digest, const struct tn_scalar *r,
                           const struct tn_scalar *s_inverse)
{
    struct tn_scalar z;
    tn_scalar_from_digest(&z, digest->bytes);
    tn_scalar_multiply(of_generator, &z, s_inverse);
    tn_scalar_multiply(of_key, r, s_inverse);
}

bool tn_ecdsa_check(const struct tn_curve_affine *generator, const struct tn_curve_affine *key,
                    const struct tn_hash *digest, const struct tn_signature *signature)
{
    struct tn_scalar r, s, of_generator, of_key;
    struct tn_curve_point sum;
    if (!read_numbers(&r, &s, signature)) return false;
    tn_scalar_invert(&s, &s);
    find_multiples(&of_generator, &of_key, digest, &r, &s);
    add_multiples(&sum, generator, key, &of_generator, &of_key);
    return tn_ecdsa_is_x(&sum, &r);
}

/* ---- Several --------------------------------------------------------------------------------- */

/* Those of them whose numbers are in their ranges. */
struct several {
    uint32_t count;
    uint32_t question[TN_ECDSA_TOGETHER];
    struct tn_scalar r[TN_ECDSA_TOGETHER];
    struct tn_scalar s[TN_ECDSA_TOGETHER]; /* and then its inverse */
};

static void read_several(struct several *several, bool *good,
                         const struct tn_ecdsa_question *questions, uint32_t count)
{
    several->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = several->count;
        good[i] = false;
        if (!read_numbers(&several->r[at], &several->s[at], questions[i].signature)) continue;
        several->question[several->count++] = i;
    }
}

/* One inversion, of their product: none is 0. */
static void invert_several(struct several *several)
{
    struct tn_scalar before[TN_ECDSA_TOGETHER], rest = several->s[0];
    for (uint32_t i = 1; i < several->count; i++) {
        before[i] = rest;
        tn_scalar_multiply(&rest, &rest, &several->s[i]);
    }
    tn_scalar_invert(&rest, &rest);
    for (uint32_t i = several->count; i-- > 1;) {
        const struct tn_scalar s = several->s[i];
        tn_scalar_multiply(&several->s[i], &rest, &before[i]);
        tn_scalar_multiply(&rest, &rest, &s);
    }
    several->s[0] = rest;
}

/* A list for the half that belongs to lambda, and then one for the other. */
static void put_multiples(struct tn_sums *sums, const struct tn_curve_affine *generator,
                          const struct tn_ecdsa_question *question, const struct tn_scalar *r,
                          const struct tn_scalar *s_inverse)
{
    struct tn_scalar of_generator, of_key;
    struct digits digits;
    find_multiples(&of_generator, &of_key, question->digest, r, s_inverse);
    prepare(&digits, generator, question->key, &of_generator, &of_key);
    for (uint32_t half = 2; half-- > 0;) {
        tn_sums_open(sums);
        tn_multiples_put(sums, question->key, KEY_BITS, &digits.q[half]);
        tn_multiples_put(sums, generator, GENERATOR_BITS, &digits.g[half]);
    }
}

void tn_ecdsa_check_many(bool good[TN_ECDSA_TOGETHER], const struct tn_curve_affine *generator,
                         const struct tn_ecdsa_question *questions, uint32_t count)
{
    struct several several;
    struct tn_sums sums;
    uint32_t first = 0;
    TN_ASSERT(count <= TN_ECDSA_TOGETHER);
    if (count == 1) {
        good[0] =
            tn_ecdsa_check(generator, questions->key, questions->digest, questions->signature);
        return;
    }
    read_several(&several, good, questions, count);
    if (several.count == 0) return;
    invert_several(&several);
    tn_sums_begin(&sums);
    for (uint32_t i = 0; i < several.count; i++) {
        const struct tn_ecdsa_question *question = &questions[several.question[i]];
        put_multiples(&sums, generator, question, &several.r[i], &several.s[i]);
    }
    tn_sums_shorten(&sums);
    for (uint32_t i = 0; i < several.count; i++) {
        struct tn_curve_point sum = {.is_infinity = true};
        first = tn_sums_add(&sum, &sums, 2 * i, first);
        if (!sum.is_infinity) tn_curve_times_lambda(&sum);
        first = tn_sums_add(&sum, &sums, 2 * i + 1, first);
        good[several.question[i]] = tn_ecdsa_is_x(&sum, &several.r[i]);
    }
}
