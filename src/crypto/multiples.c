/* multiples: making a table, and walking through it.
 *
 * The first entry of each window comes by doubling, in Jacobian coordinates; one inversion makes
 * them all affine. Then rounds: from the entries 1..m of each window come m + 1..2m by adding entry
 * m to each, affine chords and one tangent, in all windows at once; one inversion serves a round.
 * An inversion of many is one of their product (Montgomery's trick): the entries to come hold the
 * denominators and the running products meanwhile, so nothing else is needed.
 *
 * No denominator is 0: entries are multiples between 1 and 2^129 of a point of prime order n, those
 * added to each other are different and so are their opposites, and y is never 0. */
#include "crypto/multiples.h"

#include "crypto/inverse.h"

static void invert(struct tn_field *a)
{
    struct tn_field reduced = *a;
    tn_field_reduce(&reduced);
    tn_modulus_invert(&tn_modulus_field, a->words, reduced.words);
}

/* ---- The first entry of each window ---------------------------------------------------------- */

static void make_affine(struct tn_curve_affine *affine, const struct tn_curve_point *point,
                        const struct tn_field *z_inverse)
{
    struct tn_field square;
    tn_field_square(&square, z_inverse);
    tn_field_multiply(&affine->x, &point->x, &square);
    tn_field_multiply(&square, &square, z_inverse);
    tn_field_multiply(&affine->y, &point->y, &square);
}

static void make_firsts(struct tn_curve_affine *table, uint32_t bits,
                        const struct tn_curve_affine *point)
{
    struct tn_curve_point firsts[TN_MULTIPLES_WINDOWS_MAX];
    struct tn_field products[TN_MULTIPLES_WINDOWS_MAX]; /* of all z up to this one */
    const uint32_t windows = tn_multiples_windows(bits);
    tn_curve_from_affine(&firsts[0], point);
    products[0] = firsts[0].z;
    for (uint32_t i = 1; i < windows; i++) {
        firsts[i] = firsts[i - 1];
        for (uint32_t bit = 0; bit < bits; bit++)
            tn_curve_double(&firsts[i]);
        tn_field_multiply(&products[i], &products[i - 1], &firsts[i].z);
    }
    struct tn_field rest = products[windows - 1];
    invert(&rest); /* of the product of all z up to i */
    for (uint32_t i = windows; i-- > 1;) {
        struct tn_field z_inverse;
        tn_field_multiply(&z_inverse, &rest, &products[i - 1]);
        tn_field_multiply(&rest, &rest, &firsts[i].z);
        make_affine(&table[(size_t)i << (bits - 1)], &firsts[i], &z_inverse);
    }
    table[0] = *point;
}

/* ---- The others ------------------------------------------------------------------------------ */

/* From entry `from` of a window, the last that is there, come others up to entry `to`. */
struct round {
    struct tn_curve_affine *entries; /* [0] is the entry of 1 */
    uint32_t from, to;
};

static struct round round_of(struct tn_curve_affine *table, uint32_t bits, uint32_t window,
                             uint32_t from)
{
    bool is_last = window + 1 == tn_multiples_windows(bits);
    uint32_t count = is_last ? tn_multiples_last(bits) : 1u << (bits - 1);
    return (struct round){
        .entries = table + ((size_t)window << (bits - 1)),
        .from = from,
        .to = 2 * from < count ? 2 * from : count,
    };
}

/* Leaves each new entry's denominator in its y, and the product of all before in its x. */
static void gather(const struct round *round, struct tn_field *product)
{
    const struct tn_curve_affine *step = &round->entries[round->from - 1];
    for (uint32_t i = round->from; i < round->to; i++) {
        struct tn_curve_affine *made = &round->entries[i];
        const struct tn_curve_affine *other = &round->entries[i - round->from];
        if (other == step) {
            tn_field_add(&made->y, &step->y, &step->y);
        } else {
            tn_field_subtract(&made->y, &other->x, &step->x);
        }
        made->x = *product;
        tn_field_multiply(product, product, &made->y);
    }
}

/* made = step + other, where `inverse` is of the slope's denominator. */
static void join(struct tn_curve_affine *made, const struct tn_curve_affine *step,
                 const struct tn_curve_affine *other, const struct tn_field *inverse)
{
    struct tn_field slope, x, y;
    if (other == step) {
        tn_field_square(&x, &step->x);
        tn_field_add(&slope, &x, &x);
        tn_field_add(&slope, &slope, &x);
    } else {
        tn_field_subtract(&slope, &other->y, &step->y);
    }
    tn_field_multiply(&slope, &slope, inverse);
    tn_field_square(&x, &slope);
    tn_field_subtract(&x, &x, &step->x);
    tn_field_subtract(&x, &x, &other->x);
    tn_field_subtract(&y, &step->x, &x);
    tn_field_multiply(&y, &y, &slope);
    tn_field_subtract(&y, &y, &step->y);
    *made = (struct tn_curve_affine){x, y};
}

/* Backwards, as `rest` is the inverse of all products up to the entry. */
static void spread(const struct round *round, struct tn_field *rest)
{
    const struct tn_curve_affine *step = &round->entries[round->from - 1];
    for (uint32_t i = round->to; i-- > round->from;) {
        struct tn_curve_affine *made = &round->entries[i];
        struct tn_field inverse;
        tn_field_multiply(&inverse, rest, &made->x);
        tn_field_multiply(rest, rest, &made->y);
        join(made, step, &round->entries[i - round->from], &inverse);
    }
}

void tn_multiples_make(struct tn_curve_affine *table, uint32_t bits,
                       const struct tn_curve_affine *point)
{
    TN_ASSERT(bits >= 4 && bits <= 13);
    TN_ASSERT(tn_curve_holds(point));
    const uint32_t windows = tn_multiples_windows(bits);
    uint32_t widest = 1u << (bits - 1);
    if (tn_multiples_last(bits) > widest) widest = tn_multiples_last(bits);
    make_firsts(table, bits, point);
    for (uint32_t from = 1; from < widest; from *= 2) {
        struct tn_field product = {{1, 0, 0, 0}};
        for (uint32_t i = 0; i < windows; i++) {
            struct round round = round_of(table, bits, i, from);
            gather(&round, &product);
        }
        invert(&product);
        for (uint32_t i = windows; i-- > 0;) {
            struct round round = round_of(table, bits, i, from);
            spread(&round, &product);
        }
    }
}

/* ---- A walk ---------------------------------------------------------------------------------- */

static const struct tn_curve_affine *entry_of(const struct tn_curve_affine *table, uint32_t bits,
                                              uint32_t window, int32_t digit)
{
    uint32_t size = (uint32_t)(digit < 0 ? -digit : digit);
    return &table[((size_t)window << (bits - 1)) + size - 1];
}

void tn_multiples_prepare(struct tn_multiples_digits *digits, const struct tn_curve_affine *table,
                          uint32_t bits, const struct tn_scalar_half *half)
{
    const uint32_t windows = tn_multiples_windows(bits);
    tn_scalar_digits(digits->of, windows, bits, half);
    for (uint32_t i = 0; i < windows; i++) {
        int32_t digit = digits->of[i];
        if (digit != 0) __builtin_prefetch(entry_of(table, bits, i, digit));
    }
    __asm__ volatile("");
}

void tn_multiples_add(struct tn_curve_point *sum, const struct tn_curve_affine *table,
                      uint32_t bits, const struct tn_multiples_digits *digits)
{
    const uint32_t windows = tn_multiples_windows(bits);
    for (uint32_t i = 0; i < windows; i++) {
        int32_t digit = digits->of[i];
        if (digit != 0) tn_curve_add(sum, entry_of(table, bits, i, digit), digit < 0);
    }
}

void tn_multiples_put(struct tn_sums *sums, const struct tn_curve_affine *table, uint32_t bits,
                      const struct tn_multiples_digits *digits)
{
    const uint32_t windows = tn_multiples_windows(bits);
    for (uint32_t i = 0; i < windows; i++) {
        int32_t digit = digits->of[i];
        if (digit != 0) tn_sums_put(sums, entry_of(table, bits, i, digit), digit < 0);
    }
}
