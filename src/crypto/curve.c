/* curve: the group law in Jacobian coordinates, from the chord and the tangent.
 *
 * The chord through (x1, y1) and (x2, y2) has slope m = (y2 - y1) / (x2 - x1), the tangent at (x,
 * y) has 3 x^2 / (2 y); the third point is x3 = m^2 - x1 - x2, y3 = m (x1 - x3) - y1. With x = X /
 * Z^2 and y = Y / Z^3 the divisions go into Z: an addition of an affine point costs 8 products and
 * 3 squares, a doubling 3 and 4. */
#include "crypto/curve.h"

const struct tn_curve_affine tn_curve_generator = {
    {{UINT64_C(0x59F2815B16F81798), UINT64_C(0x029BFCDB2DCE28D9), UINT64_C(0x55A06295CE870B07),
      UINT64_C(0x79BE667EF9DCBBAC)}},
    {{UINT64_C(0x9C47D08FFB10D4B8), UINT64_C(0xFD17B448A6855419), UINT64_C(0x5DA4FBFC0E1108A8),
      UINT64_C(0x483ADA7726A3C465)}},
};

/* A third root of 1: (beta x, y) is lambda times (x, y). */
static const struct tn_field beta = {{UINT64_C(0xC1396C28719501EE), UINT64_C(0x9CF0497512F58995),
                                      UINT64_C(0x6E64479EAC3434E9), UINT64_C(0x7AE96A2B657C0710)}};
static const struct tn_field one = {{1, 0, 0, 0}};

bool tn_curve_holds(const struct tn_curve_affine *point)
{
    static const struct tn_field seven = {{7, 0, 0, 0}};
    struct tn_field left, right;
    tn_field_square(&left, &point->y);
    tn_field_square(&right, &point->x);
    tn_field_multiply(&right, &right, &point->x);
    tn_field_add(&right, &right, &seven);
    return tn_field_is_equal(&left, &right);
}

void tn_curve_from_affine(struct tn_curve_point *point, const struct tn_curve_affine *affine)
{
    *point = (struct tn_curve_point){affine->x, affine->y, one, false};
}

/* With A = Y^2 and B = 4 X A: X3 = 9 X^4 - 2 B, Y3 = 3 X^2 (B - X3) - 8 A^2, Z3 = 2 Y Z. */
void tn_curve_double(struct tn_curve_point *point)
{
    if (point->is_infinity) return;
    struct tn_field a, b, slope, x;
    tn_field_square(&slope, &point->x);
    tn_field_add(&a, &slope, &slope);
    tn_field_add(&slope, &slope, &a); /* 3 X^2 */
    tn_field_multiply(&point->z, &point->z, &point->y);
    tn_field_add(&point->z, &point->z, &point->z);
    tn_field_add(&a, &point->y, &point->y);
    tn_field_square(&a, &a); /* 4 Y^2 */
    tn_field_multiply(&b, &a, &point->x);
    tn_field_square(&x, &slope);
    tn_field_subtract(&x, &x, &b);
    tn_field_subtract(&x, &x, &b);
    tn_field_subtract(&b, &b, &x);
    tn_field_multiply(&b, &b, &slope);
    tn_field_multiply(&a, &a, &point->y);
    tn_field_add(&a, &a, &a); /* 8 Y^3 */
    tn_field_multiply(&a, &a, &point->y);
    tn_field_subtract(&point->y, &b, &a);
    point->x = x;
}

/* With U = x2 Z^2, S = y2 Z^3, H = U - X and R = S - Y:
 *     X3 = R^2 - H^3 - 2 X H^2,  Y3 = R (X H^2 - X3) - Y H^3,  Z3 = Z H. */
void tn_curve_add(struct tn_curve_point *point, const struct tn_curve_affine *affine,
                  bool is_negative)
{
    struct tn_field zz, h, r, hh, v, x;
    struct tn_field y2 = affine->y;
    if (is_negative) tn_field_negate(&y2, &y2);
    if (point->is_infinity) {
        *point = (struct tn_curve_point){affine->x, y2, one, false};
        return;
    }
    tn_field_square(&zz, &point->z);
    tn_field_multiply(&h, &affine->x, &zz);
    tn_field_subtract(&h, &h, &point->x);
    tn_field_multiply(&zz, &zz, &point->z);
    tn_field_multiply(&r, &y2, &zz);
    tn_field_subtract(&r, &r, &point->y);
    if (__builtin_expect(tn_field_is_zero(&h),
                         0)) { /* the same x: the same point or its opposite */
        if (tn_field_is_zero(&r)) {
            tn_curve_double(point);
        } else {
            point->is_infinity = true;
        }
        return;
    }
    tn_field_square(&hh, &h);
    tn_field_multiply(&v, &point->x, &hh);
    tn_field_multiply(&point->z, &point->z, &h);
    tn_field_multiply(&h, &h, &hh); /* H^3 */
    tn_field_square(&x, &r);
    tn_field_subtract(&x, &x, &h);
    tn_field_subtract(&x, &x, &v);
    tn_field_subtract(&x, &x, &v);
    tn_field_subtract(&v, &v, &x);
    tn_field_multiply(&v, &v, &r);
    tn_field_multiply(&h, &h, &point->y);
    tn_field_subtract(&point->y, &v, &h);
    point->x = x;
}

void tn_curve_times_lambda(struct tn_curve_point *point)
{
    tn_field_multiply(&point->x, &point->x, &beta);
}
