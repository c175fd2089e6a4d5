/* crypto/curve: points of secp256k1, y^2 = x^3 + 7 over the field, for public numbers.
 *
 * Its order n is a prime, so every point but infinity has order n: y is never 0, and different
 * multiples below n of one point are different points. Additions are complete: equal points,
 * opposite ones and infinity give what they must. */
#ifndef TENOR_CRYPTO_CURVE_H
#define TENOR_CRYPTO_CURVE_H

#include "crypto/field.h"

/* A point that is not infinity. */
struct tn_curve_affine {
    struct tn_field x, y;
};

/* (x / z^2, y / z^3), or infinity whatever the rest. */
struct tn_curve_point {
    struct tn_field x, y, z;
    bool is_infinity;
};

extern const struct tn_curve_affine tn_curve_generator;

bool tn_curve_holds(const struct tn_curve_affine *point);

void tn_curve_from_affine(struct tn_curve_point *point, const struct tn_curve_affine *affine);

/* point += point. */
void tn_curve_double(struct tn_curve_point *point);

/* point += affine, or -= when is_negative. */
void tn_curve_add(struct tn_curve_point *point, const struct tn_curve_affine *affine,
                  bool is_negative);

/* point becomes lambda times point (scalar.h). */
void tn_curve_times_lambda(struct tn_curve_point *point);

#endif
