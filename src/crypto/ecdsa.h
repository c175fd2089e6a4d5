/* crypto/ecdsa: is a signature one of a key's, told by tables of multiples. */
#ifndef TENOR_CRYPTO_ECDSA_H
#define TENOR_CRYPTO_ECDSA_H

#include "crypto/multiples.h"
#include "tenor/signature.h"

/* The tables are those of the generator and of the key, with the bits of multiples.h. Answers as
 * tn_signatures' verify does. About 13 us. */
bool tn_ecdsa_check(const struct tn_curve_affine *generator, const struct tn_curve_affine *key,
                    const struct tn_hash *digest, const struct tn_signature *signature);

/* The same of several signatures, each judged by itself: good[i] answers questions[i]. They share
 * inversions and most of their additions (sums.h): of 8 each takes some 70 % of a check. */
#define TN_ECDSA_TOGETHER 8u
struct tn_ecdsa_question {
    const struct tn_curve_affine *key;
    const struct tn_hash *digest;
    const struct tn_signature *signature;
};
void tn_ecdsa_check_many(bool good[TN_ECDSA_TOGETHER], const struct tn_curve_affine *generator,
                         const struct tn_ecdsa_question *questions, uint32_t count);

/* Is the point's x, taken modulo n, r? Infinity has none. */
bool tn_ecdsa_is_x(const struct tn_curve_point *point, const struct tn_scalar *r);

#endif
