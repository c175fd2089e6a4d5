/* crypto/sums: sums of several lists of points, worked out together.
 *
 * An affine addition takes 5 products and a square, a Jacobian one 8 and 3, but also an inversion,
 * which costs as much as 90 products. So points are added in pairs, round by round, and one
 * inversion serves all pairs of all lists in a round; when too few are left to pay for it, the rest
 * is added one by one. Equal points, opposite ones and empty lists give what they must, and take no
 * more rounds than others. */
#ifndef TENOR_CRYPTO_SUMS_H
#define TENOR_CRYPTO_SUMS_H

#include "crypto/curve.h"

#define TN_SUMS_LISTS_MAX 16
#define TN_SUMS_LIST_MAX  29 /* points of one list */

/* A point, or its opposite. */
struct tn_sums_term {
    const struct tn_curve_affine *point;
    bool is_negative;
};

/* 31 KB, for the stack. */
struct tn_sums {
    uint32_t lists_count;
    uint32_t counts[TN_SUMS_LISTS_MAX]; /* of terms; lists lie one behind the other */
    uint32_t terms_count;
    struct tn_sums_term terms[TN_SUMS_LISTS_MAX * TN_SUMS_LIST_MAX];
    /* What the last round made, and the one before it. */
    struct tn_curve_affine odd[TN_SUMS_LISTS_MAX * ((TN_SUMS_LIST_MAX + 1) / 2)];
    struct tn_curve_affine even[TN_SUMS_LISTS_MAX * ((TN_SUMS_LIST_MAX + 3) / 4)];
};

static inline void tn_sums_begin(struct tn_sums *sums)
{
    sums->lists_count = sums->terms_count = 0;
}

/* A list begins, empty; what is put goes to the last one. */
static inline void tn_sums_open(struct tn_sums *sums)
{
    TN_ASSERT(sums->lists_count < TN_SUMS_LISTS_MAX);
    sums->counts[sums->lists_count++] = 0;
}

/* The point must stay until the sums are taken. */
static inline void tn_sums_put(struct tn_sums *sums, const struct tn_curve_affine *point,
                               bool is_negative)
{
    uint32_t *count = &sums->counts[sums->lists_count - 1];
    TN_ASSERT(*count < TN_SUMS_LIST_MAX);
    (*count)++;
    sums->terms[sums->terms_count++] = (struct tn_sums_term){point, is_negative};
}

/* Adds in pairs as long as that pays: the sums stay what they are, of fewer points. Once. */
void tn_sums_shorten(struct tn_sums *sums);

/* sum += the list's points, of which `first` lie before it in all; returns how many then do. */
uint32_t tn_sums_add(struct tn_curve_point *sum, const struct tn_sums *sums, uint32_t list,
                     uint32_t first);

#endif
