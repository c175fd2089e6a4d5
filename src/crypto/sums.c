/* sums: rounds of affine additions, chords and tangents as in curve.c.
 *
 * A round has three walks through all pairs. Forwards each pair leaves its slope's denominator and
 * the product of all before it where its sum is to be; then, as the inverse of all of them is
 * known, backwards each gets its own inverse and its sum (Montgomery's trick); and at the end the
 * terms become the sums. A pair of opposite points has no slope: its denominator is left out and
 * its sum is marked by a y of 0, which no point has. */
#include "crypto/sums.h"

#include "crypto/inverse.h"

/* An inversion costs what so many pairs save. */
enum { PAIRS_MIN = 16 };

/* Is a difference 0? Nearly never, and the lowest word says so. */
static inline bool is_none(const struct tn_field *difference)
{
    const uint64_t low = difference->words[0];
    return __builtin_expect(low == 0 || low == tn_modulus_field.words[0], 0) &&
           tn_field_is_zero(difference);
}

static inline bool is_marked(const struct tn_curve_affine *made)
{
    const uint64_t *y = made->y.words;
    return (y[0] | y[1] | y[2] | y[3]) == 0;
}

static inline struct tn_field y_of(const struct tn_sums_term *term)
{
    struct tn_field y = term->point->y;
    if (term->is_negative) tn_field_negate(&y, &y);
    return y;
}

/* The denominator of the tangent at both points of a pair, or the mark when they are opposite. */
static void part_equals(struct tn_field *denominator, const struct tn_sums_term pair[2])
{
    const struct tn_field a = y_of(&pair[0]), b = y_of(&pair[1]);
    *denominator = (struct tn_field){{0}};
    if (tn_field_is_equal(&a, &b)) tn_field_add(denominator, &a, &a);
}

static inline void part(struct tn_curve_affine *made, const struct tn_sums_term pair[2],
                        struct tn_field *product)
{
    tn_field_subtract(&made->y, &pair[1].point->x, &pair[0].point->x);
    if (is_none(&made->y)) {
        part_equals(&made->y, pair);
        if (is_marked(made)) return;
    }
    made->x = *product;
    tn_field_multiply(product, product, &made->y);
}

/* 3 x^2 */
static void tangent(struct tn_field *slope, const struct tn_field *x)
{
    struct tn_field square;
    tn_field_square(&square, x);
    tn_field_add(slope, &square, &square);
    tn_field_add(slope, slope, &square);
}

/* Equal y are those of equal points, or of points that a lambda is between. */
static inline void join(struct tn_curve_affine *made, const struct tn_sums_term pair[2],
                        struct tn_field *rest)
{
    const struct tn_field *a = &pair[0].point->x, *b = &pair[1].point->x;
    const struct tn_field a_y = y_of(&pair[0]), b_y = y_of(&pair[1]);
    struct tn_field inverse, slope, x, y;
    if (is_marked(made)) return;
    tn_field_multiply(&inverse, rest, &made->x);
    tn_field_multiply(rest, rest, &made->y);
    tn_field_subtract(&slope, &b_y, &a_y);
    if (is_none(&slope) && tn_field_is_equal(a, b)) tangent(&slope, a);
    tn_field_multiply(&slope, &slope, &inverse);
    tn_field_square(&x, &slope);
    tn_field_subtract(&x, &x, a);
    tn_field_subtract(&x, &x, b);
    tn_field_subtract(&y, a, &x);
    tn_field_multiply(&y, &y, &slope);
    tn_field_subtract(&y, &y, &a_y);
    *made = (struct tn_curve_affine){x, y};
}

/* ---- A round --------------------------------------------------------------------------------- */

/* How many places a list of so many terms takes among what is made: one without a partner is only
 * copied. */
static uint32_t places_of(uint32_t count)
{
    return (count + 1) / 2;
}

/* Returns how many places are taken. */
static uint32_t gather(const struct tn_sums *sums, struct tn_curve_affine *made,
                       struct tn_field *product)
{
    const struct tn_sums_term *terms = sums->terms;
    const struct tn_curve_affine *begin = made;
    for (uint32_t i = 0; i < sums->lists_count; i++) {
        const uint32_t count = sums->counts[i];
        for (uint32_t k = 0; k + 1 < count; k += 2)
            part(made++, &terms[k], product);
        if (count % 2 != 0) {
            const struct tn_sums_term *last = &terms[count - 1];
            *made++ = (struct tn_curve_affine){last->point->x, y_of(last)};
        }
        terms += count;
    }
    return (uint32_t)(made - begin);
}

static void spread(const struct tn_sums *sums, struct tn_curve_affine *made, uint32_t places,
                   struct tn_field *rest)
{
    const struct tn_sums_term *terms = sums->terms + sums->terms_count;
    made += places;
    for (uint32_t i = sums->lists_count; i-- > 0;) {
        const uint32_t count = sums->counts[i];
        terms -= count;
        made -= places_of(count);
        for (uint32_t k = count / 2; k-- > 0;)
            join(&made[k], &terms[2 * (size_t)k], rest);
    }
}

/* What was made are the terms of the next round. */
static void settle(struct tn_sums *sums, const struct tn_curve_affine *made)
{
    sums->terms_count = 0;
    for (uint32_t i = 0; i < sums->lists_count; i++) {
        const struct tn_curve_affine *end = made + places_of(sums->counts[i]);
        const uint32_t before = sums->terms_count;
        for (; made < end; made++) {
            if (is_marked(made)) continue;
            sums->terms[sums->terms_count++] = (struct tn_sums_term){.point = made};
        }
        sums->counts[i] = sums->terms_count - before;
    }
}

static uint32_t count_pairs(const struct tn_sums *sums)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sums->lists_count; i++)
        count += sums->counts[i] / 2;
    return count;
}

/* The third round overwrites what the first one made, the fourth the second's: nothing reads that
 * any more. */
void tn_sums_shorten(struct tn_sums *sums)
{
    for (uint32_t round = 1; count_pairs(sums) >= PAIRS_MIN; round++) {
        struct tn_curve_affine *made = round % 2 != 0 ? sums->odd : sums->even;
        struct tn_field product = {{1, 0, 0, 0}};
        const uint32_t places = gather(sums, made, &product);
        tn_field_reduce(&product);
        tn_modulus_invert(&tn_modulus_field, product.words, product.words);
        spread(sums, made, places, &product);
        settle(sums, made);
    }
}

uint32_t tn_sums_add(struct tn_curve_point *sum, const struct tn_sums *sums, uint32_t list,
                     uint32_t first)
{
    const uint32_t end = first + sums->counts[list];
    for (uint32_t i = first; i < end; i++)
        tn_curve_add(sum, sums->terms[i].point, sums->terms[i].is_negative);
    return end;
}
