/* ecdsa: SEC 1, section 4.1.4, with the rule of the low s.
 *
 * A signature (r, s) of a digest z by a key Q is good if r is the x of (z / s) G + (r / s) Q modulo
 * n. Both multiples are split in halves (scalar.h); the halves that belong to lambda are added
 * first, for G and Q together, and lambda is then applied to their sum. */
#include "crypto/ecdsa.h"

enum { KEY_BITS = TN_MULTIPLES_KEY_BITS, GENERATOR_BITS = TN_MULTIPLES_GENERATOR_BITS };

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

/* of_generator × G + of_key × Q. */
static void add_multiples(struct tn_curve_point *sum, const struct tn_curve_affine *generator,
                          const struct tn_curve_affine *key, const struct tn_scalar *of_generator,
                          const struct tn_scalar *of_key)
{
    struct tn_scalar_half g[2], q[2];
    struct tn_multiples_digits g_digits[2], q_digits[2];
    tn_scalar_split(q, of_key);
    tn_multiples_prepare(&q_digits[1], key, KEY_BITS, &q[1]);
    tn_multiples_prepare(&q_digits[0], key, KEY_BITS, &q[0]);
    tn_scalar_split(g, of_generator);
    tn_multiples_prepare(&g_digits[1], generator, GENERATOR_BITS, &g[1]);
    tn_multiples_prepare(&g_digits[0], generator, GENERATOR_BITS, &g[0]);
    sum->is_infinity = true;
    tn_multiples_add(sum, key, KEY_BITS, &q_digits[1]);
    tn_multiples_add(sum, generator, GENERATOR_BITS, &g_digits[1]);
    if (!sum->is_infinity) tn_curve_times_lambda(sum);
    tn_multiples_add(sum, key, KEY_BITS, &q_digits[0]);
    tn_multiples_add(sum, generator, GENERATOR_BITS, &g_digits[0]);
}

bool tn_ecdsa_check(const struct tn_curve_affine *generator, const struct tn_curve_affine *key,
                    const struct tn_hash *digest, const struct tn_signature *signature)
{
    struct tn_scalar r, s, z, of_generator, of_key;
    struct tn_curve_point sum;
    if (!tn_scalar_from_bytes(&r, signature->bytes) || tn_scalar_is_zero(&r)) return false;
    if (!tn_scalar_from_bytes(&s, signature->bytes + 32) || tn_scalar_is_zero(&s)) return false;
    if (tn_scalar_is_high(&s)) return false;
    tn_scalar_from_digest(&z, digest->bytes);
    tn_scalar_invert(&s, &s);
    tn_scalar_multiply(&of_generator, &z, &s);
    tn_scalar_multiply(&of_key, &r, &s);
    add_multiples(&sum, generator, key, &of_generator, &of_key);
    return tn_ecdsa_is_x(&sum, &r);
}
