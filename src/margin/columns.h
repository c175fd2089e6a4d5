/* columns: the arithmetic over the columns of a row, for one width of vector. The text is compiled
 * once per path (columns_base.c, columns_avx2.c, columns_avx512.c); all paths give the same
 * integers, as nothing here rounds but one stated floor per number.
 *
 * There is no vector multiplication of 64 by 64 bits before AVX-512, but one of 32 by 32: unsigned,
 * and where SSE4 is, signed. All products here are built from those, and bounds make that exact:
 *   value = quantity × price, |value| ≤ 2^48, price ≥ 0. Lots and most prices are below 2^31, which
 *   takes one product, and a second one for what a row's prices have above that.
 *   weights c, flat ≤ 2^33; sums |V| ≤ 2^58. With V = Vh·2^30 + Vl, 0 ≤ Vl < 2^30, and with −M, the
 *   opposite of the sum's value at the mark, split alike into Nh and Nl,
 *       c·V − flat·M = A·2^30 + B, A = c·Vh + flat·Nh, B = c·Vl + flat·Nl,
 *   |A| < 2^63, 0 ≤ B < 2^64 and floor((c·V − flat·M) / 2^30) = A + floor(B / 2^30). Lanes are
 *   unsigned, so nothing overflows on the way, and there is no arithmetic shift, nor need of one:
 * Vh is read as the signed number that it is in the lower half of V >> 30. Where products are
 *   unsigned V + 2^60 is split instead, and A gives up again what that adds. */
#ifndef TENOR_MARGIN_COLUMNS_H
#define TENOR_MARGIN_COLUMNS_H

#include "margin/internal.h"

#include <stddef.h>
#include <string.h>

#ifndef TN_LANES
#error "TN_LANES is how many columns go side by side"
#endif

typedef uint64_t lanes __attribute__((vector_size(8 * TN_LANES)));
typedef int64_t signed_lanes __attribute__((vector_size(8 * TN_LANES)));
typedef int half_lanes __attribute__((vector_size(8 * TN_LANES)));
typedef char byte_lanes __attribute__((vector_size(8 * TN_LANES)));
typedef long long long_lanes __attribute__((vector_size(8 * TN_LANES))); /* as builtins spell it */

_Static_assert(TN_ROW_COLUMNS % 40 == 0, "rows are whole blocks of whole vectors");

#define LANES_INLINE static inline __attribute__((always_inline, unused))

LANES_INLINE lanes lanes_all(uint64_t value)
{
    return value - (lanes){0};
}

LANES_INLINE lanes lanes_load(const int64_t *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

LANES_INLINE void lanes_store(int64_t *to, lanes value)
{
    memcpy(to, &value, sizeof value);
}

LANES_INLINE lanes lanes_select(lanes mask, lanes yes, lanes no)
{
#if TN_LANES == 4 && defined(__AVX2__)
    return (lanes)__builtin_ia32_pblendvb256((byte_lanes)no, (byte_lanes)yes, (byte_lanes)mask);
#else
    return (mask & yes) | (~mask & no);
#endif
}

LANES_INLINE lanes lanes_negative(lanes value)
{
    return (lanes)((signed_lanes)value < (signed_lanes){0});
}

LANES_INLINE lanes lanes_min(lanes a, lanes b)
{
    return lanes_select((lanes)((signed_lanes)a < (signed_lanes)b), a, b);
}

/* The product of the lower halves of every lane. */
LANES_INLINE lanes lanes_product(lanes a, lanes b)
{
#if TN_LANES == 8 && defined(__AVX512F__) && defined(__clang__)
    return (lanes)__builtin_ia32_pmuludq512((half_lanes)a, (half_lanes)b);
#elif TN_LANES == 8 && defined(__AVX512F__)
    return (lanes)__builtin_ia32_pmuludq512_mask((half_lanes)a, (half_lanes)b, (long_lanes){0},
                                                 0xff);
#elif TN_LANES == 4 && defined(__AVX2__)
    return (lanes)__builtin_ia32_pmuludq256((half_lanes)a, (half_lanes)b);
#elif TN_LANES == 2 && defined(__SSE2__)
    return (lanes)__builtin_ia32_pmuludq128((half_lanes)a, (half_lanes)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

#if TN_LANES == 8 && defined(__AVX512F__) && defined(__clang__)
#define TN_HAS_SIGNED_PRODUCT
#define SIGNED_PRODUCT(a, b) __builtin_ia32_pmuldq512(a, b)
#elif TN_LANES == 8 && defined(__AVX512F__)
#define TN_HAS_SIGNED_PRODUCT
#define SIGNED_PRODUCT(a, b) __builtin_ia32_pmuldq512_mask(a, b, (long_lanes){0}, 0xff)
#elif TN_LANES == 4 && defined(__AVX2__)
#define TN_HAS_SIGNED_PRODUCT
#define SIGNED_PRODUCT(a, b) __builtin_ia32_pmuldq256(a, b)
#endif
#ifdef TN_HAS_SIGNED_PRODUCT
/* The same with the lower halves as signed numbers. */
LANES_INLINE lanes lanes_signed_product(lanes a, lanes b)
{
    return (lanes)SIGNED_PRODUCT((half_lanes)a, (half_lanes)b);
}
#endif

/* All ones in the lanes whose bit is set. */
LANES_INLINE lanes lanes_of_bits(uint64_t bits)
{
    lanes places;
    for (int lane = 0; lane < TN_LANES; lane++)
        places[lane] = UINT64_C(1) << lane;
    return (lanes)((lanes_all(bits) & places) == places);
}

#define LANE_BITS ((UINT64_C(1) << TN_LANES) - 1)

/* ---- Values ------------------------------------------------------------------------------------
 */

/* A quantity as products take it: with its sign, or apart from it (0 or all ones). */
struct factor {
    lanes lots, sign;
};

LANES_INLINE struct factor factor_of(tn_lots quantity)
{
#if defined(TN_HAS_SIGNED_PRODUCT)
    return (struct factor){lanes_all((uint64_t)quantity), lanes_all(0)};
#else
    return (struct factor){lanes_all(quantity < 0 ? -(uint64_t)quantity : (uint64_t)quantity),
                           lanes_all(quantity < 0 ? UINT64_MAX : 0)};
#endif
}

/* quantity × the lower half of a price, a signed number where products are signed. */
LANES_INLINE lanes low_value(lanes price, struct factor factor)
{
#if defined(TN_HAS_SIGNED_PRODUCT)
    return lanes_signed_product(price, factor.lots);
#else
    return (lanes_product(price, factor.lots) ^ factor.sign) - factor.sign;
#endif
}

/* quantity × what that leaves of the price. */
LANES_INLINE lanes high_value(lanes price, struct factor factor)
{
#if defined(TN_HAS_SIGNED_PRODUCT)
    price += UINT64_C(1) << 31;
#endif
    return low_value(price >> 32, factor) << 32;
}

/* Lots with more bits are not a factor; prices with more have a high value. */
#define SMALL_BITS 31

LANES_INLINE bool is_large(lanes all)
{
#if TN_LANES == 4 && defined(__AVX2__)
    lanes more = lanes_all(UINT64_MAX << SMALL_BITS);
    return __builtin_ia32_ptestz256((long_lanes)all, (long_lanes)more) == 0;
#else
    uint64_t bits = 0;
    for (int lane = 0; lane < TN_LANES; lane++)
        bits |= all[lane];
    return bits >> SMALL_BITS != 0;
#endif
}

/* ---- Weights -----------------------------------------------------------------------------------
 */

/* V or −M, or a weight times it, as the comment above says. */
struct split {
    lanes high, low;
};

LANES_INLINE struct split split_of(lanes value)
{
#if !defined(TN_HAS_SIGNED_PRODUCT)
    value += UINT64_C(1) << 60;
#endif
    return (struct split){value >> 30, value & ((UINT64_C(1) << 30) - 1)};
}

LANES_INLINE lanes weigh_low(lanes weight, lanes part, bool is_wide)
{
    lanes product = lanes_product(weight, part);
    if (is_wide) product += lanes_product(weight >> 32, part) << 32;
    return product;
}

LANES_INLINE lanes weigh_high(lanes weight, lanes part, bool is_wide)
{
#if defined(TN_HAS_SIGNED_PRODUCT)
    if (!is_wide) return lanes_signed_product(weight, part);
    return lanes_signed_product(weight & ((UINT64_C(1) << 31) - 1), part) +
           (lanes_signed_product(weight >> 31, part) << 31);
#else
    return weigh_low(weight, part, is_wide) - (weight << 30);
#endif
}

LANES_INLINE struct split weigh(lanes weight, struct split value, bool is_wide)
{
    return (struct split){weigh_high(weight, value.high, is_wide),
                          weigh_low(weight, value.low, is_wide)};
}

/* floor((weight·value + other) / 2^30) */
LANES_INLINE lanes weighted(lanes weight, struct split value, struct split other, bool is_wide)
{
    struct split product = weigh(weight, value, is_wide);
    return product.high + other.high + ((product.low + other.low) >> 30);
}

/* floor(weight·value / 2^30) */
LANES_INLINE lanes weighted_alone(lanes weight, lanes value, bool is_wide)
{
    struct split product = weigh(weight, split_of(value), is_wide);
    return product.high + (product.low >> 30);
}

/* ---- Sums of rows ------------------------------------------------------------------------------
 * Rows are added in blocks of columns whose sums fit the registers. */
#define BLOCK_VECTORS (TN_LANES == 8 ? 5 : 10)
#define BLOCK_COLUMNS (BLOCK_VECTORS * TN_LANES)

/* The hardware guesses the lines of one row, but not the next row. */
LANES_INLINE void prefetch_row(const int64_t *row)
{
    for (int i = 0; i < TN_ROW_COLUMNS; i += 8)
        __builtin_prefetch(row + i);
}

/* Lots and their opposite are no factor if they have more bits. */
LANES_INLINE uint64_t bits_of_lots(tn_lots quantity)
{
    return (uint64_t)(quantity ^ (quantity >> 63));
}

/* Most prices with high halves are those of far scenarios, which stand together: so the first part
 * of a block and the rest are judged apart. */
#define BLOCK_NEAR (BLOCK_VECTORS * 3 / 5)

/* The lower halves of all prices; gives what bits any price has, near and far, and any lots. */
LANES_INLINE uint64_t add_low(lanes sums[BLOCK_VECTORS], lanes bits[2],
                              const int64_t (*rows)[TN_ROW_COLUMNS], int from,
                              const struct tn_holding *holdings, uint32_t count)
{
    uint64_t lots = 0;
    bits[0] = bits[1] = lanes_all(0);
    for (uint32_t h = 0; h < count; h++) {
        const int64_t *row = rows[holdings[h].series] + from;
        lots |= bits_of_lots(holdings[h].quantity);
        struct factor factor = factor_of(holdings[h].quantity);
        if (from == 0 && h + 1 < count) prefetch_row(rows[holdings[h + 1].series]);
        for (int i = 0; i < BLOCK_VECTORS; i++) {
            lanes price = lanes_load(row + i * TN_LANES);
            bits[i >= BLOCK_NEAR] |= price;
            sums[i] += low_value(price, factor);
        }
    }
    return lots;
}

/* What the lower halves leave. */
LANES_INLINE void add_high(lanes *sums, int vectors, const int64_t (*rows)[TN_ROW_COLUMNS],
                           int from, const struct tn_holding *holdings, uint32_t count)
{
    for (uint32_t h = 0; h < count; h++) {
        const int64_t *row = rows[holdings[h].series] + from;
        struct factor factor = factor_of(holdings[h].quantity);
        for (int i = 0; i < vectors; i++)
            sums[i] += high_value(lanes_load(row + i * TN_LANES), factor);
    }
}

/* False, and nothing added, where lots are no factor. */
LANES_INLINE bool add_block(int64_t *sum, const int64_t (*rows)[TN_ROW_COLUMNS], int from,
                            const struct tn_holding *holdings, uint32_t count, bool is_new)
{
    lanes sums[BLOCK_VECTORS], bits[2];
    for (int i = 0; i < BLOCK_VECTORS; i++)
        sums[i] = is_new ? lanes_all(0) : lanes_load(sum + i * TN_LANES);
    if (add_low(sums, bits, rows, from, holdings, count) >> SMALL_BITS != 0) return false;
    if (is_large(bits[0])) add_high(sums, BLOCK_NEAR, rows, from, holdings, count);
    if (is_large(bits[1]))
        add_high(sums + BLOCK_NEAR, BLOCK_VECTORS - BLOCK_NEAR, rows, from + BLOCK_NEAR * TN_LANES,
                 holdings, count);
    for (int i = 0; i < BLOCK_VECTORS; i++)
        lanes_store(sum + i * TN_LANES, sums[i]);
    return true;
}

/* Lots that are no factor: rare, so one by one. */
static void add_many(int64_t sum[TN_ROW_COLUMNS], const int64_t (*rows)[TN_ROW_COLUMNS],
                     const struct tn_holding *holdings, uint32_t count, bool is_new)
{
    for (int k = 0; k < TN_ROW_COLUMNS; k++) {
        int64_t value = is_new ? 0 : sum[k];
        for (uint32_t h = 0; h < count; h++)
            value += holdings[h].quantity * rows[holdings[h].series][k];
        sum[k] = value;
    }
}

static void columns_add(int64_t sum[TN_ROW_COLUMNS], const int64_t (*rows)[TN_ROW_COLUMNS],
                        const struct tn_holding *holdings, uint32_t count, bool is_new)
{
    for (int from = 0; from < TN_ROW_COLUMNS; from += BLOCK_COLUMNS) {
        if (add_block(sum + from, rows, from, holdings, count, is_new)) continue;
        TN_ASSERT(from == 0); /* all blocks see the same lots */
        add_many(sum, rows, holdings, count, is_new);
        return;
    }
}

/* ---- Scenarios ---------------------------------------------------------------------------------
 */

/* An expiry's sums beside its weights, one vector after the other. */
struct place {
    lanes value, mark, flat;
    struct split v;      /* the value */
    struct split marked; /* flat × what the value is at the mark, the opposite of it */
};

/* What a skew scenario's other direction brings: the opposite change, without discounts. */
LANES_INLINE lanes turned(const struct place *place, bool is_wide)
{
    return weighted_alone(place->flat, place->mark - place->value, is_wide);
}

/* The lower of both where the scenario is a skew, else the first. */
LANES_INLINE lanes least_of_skew(lanes ahead, lanes back, uint64_t skews)
{
    return lanes_min(ahead, lanes_select(lanes_of_bits(skews), back, lanes_all(INT64_MAX)));
}

/* An expiry's PnL becomes the pnl, or is added to it. */
LANES_INLINE void put(int64_t *pnl, lanes e, bool is_new)
{
    lanes_store(pnl, is_new ? e : lanes_load(pnl) + e);
}

/* Where the first vector begins that holds a skew scenario, or else the end. */
LANES_INLINE uint32_t plain_of(const struct tn_margin_weights *weights)
{
    if (weights->skews == 0) return weights->scenarios_count;
    return (uint32_t)__builtin_ctzll(weights->skews) / TN_LANES * TN_LANES;
}

LANES_INLINE lanes pnl_of(lanes value, struct split v, lanes mark, struct split n,
                          const struct tn_margin_weights *weights, uint32_t i, bool has_skews,
                          bool is_wide)
{
    lanes flat = lanes_load(weights->flat + i);
    struct place place = {value, mark, flat, v, weigh(flat, n, is_wide)};
    lanes c = lanes_select(lanes_negative(value), lanes_load(weights->high + i),
                           lanes_load(weights->low + i));
    lanes e = weighted(c, place.v, place.marked, is_wide);
    if (!has_skews) return e;
    return least_of_skew(e, turned(&place, is_wide), weights->skews >> i & LANE_BITS);
}

/* An expiry's sum beside its weights, or two sets of them. */
struct folding {
    int64_t *pnl, *other;
    const struct tn_margin_weights *weights, *other_weights;
    const int64_t *sum;
};

LANES_INLINE void fold_part(const struct folding *f, uint32_t from, uint32_t to, bool has_skews,
                            bool has_other, bool is_new, bool is_wide)
{
    lanes mark = lanes_all((uint64_t)f->sum[TN_COLUMN_MARK]);
    struct split n = split_of(-mark);
    for (uint32_t i = from; i < to; i += TN_LANES) {
        lanes value = lanes_load(f->sum + i);
        struct split v = split_of(value);
        put(f->pnl + i, pnl_of(value, v, mark, n, f->weights, i, has_skews, is_wide), is_new);
        if (!has_other) continue;
        put(f->other + i, pnl_of(value, v, mark, n, f->other_weights, i, has_skews, is_wide),
            is_new);
    }
}

LANES_INLINE void fold(const struct folding *f, bool has_other, bool is_new, bool is_wide)
{
    uint32_t plain = plain_of(f->weights), count = f->weights->scenarios_count;
    if (is_new)
        fold_part(f, 0, plain, false, has_other, true, is_wide);
    else
        fold_part(f, 0, plain, false, has_other, false, is_wide);
    fold_part(f, plain, count, true, has_other, is_new, is_wide);
}

static void columns_fold(int64_t pnl[TN_ROW_COLUMNS], const int64_t sum[TN_ROW_COLUMNS],
                         const struct tn_margin_weights *weights, bool is_new)
{
    struct folding f = {pnl, NULL, weights, NULL, sum};
    if (weights->is_wide)
        fold(&f, false, is_new, true);
    else
        fold(&f, false, is_new, false);
}

static void columns_fold_both(int64_t im[TN_ROW_COLUMNS], int64_t mm[TN_ROW_COLUMNS],
                              const int64_t sum[TN_ROW_COLUMNS],
                              const struct tn_margin_expiry *expiry, bool is_new)
{
    struct folding f = {im, mm, &expiry->im, &expiry->mm, sum};
    TN_ASSERT(expiry->im.scenarios_count == expiry->mm.scenarios_count);
    if (expiry->im.is_wide || expiry->mm.is_wide)
        fold(&f, true, is_new, true);
    else
        fold(&f, true, is_new, false);
}

static void columns_linear(int64_t pnl[TN_ROW_COLUMNS], const int64_t change[TN_ROW_COLUMNS],
                           const struct tn_margin_weights *weights, bool is_new)
{
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES)
        put(pnl + i, weighted_alone(lanes_load(weights->flat + i), lanes_load(change + i), true),
            is_new);
}

/* ---- Orders ------------------------------------------------------------------------------------
 */

/* How an order's terms are worked out: constants, where this is called. */
struct manner {
    bool is_added, has_high, is_wide, has_skews;
};

/* An order, as each vector of columns needs it. */
struct asked {
    const struct tn_margin_weights *weights;
    const int64_t *row, *low, *high;
    struct factor factor;
    struct split n;
    lanes mark, gain;
    bool is_linear;
};

LANES_INLINE struct asked ask(const struct tn_margin_path_order *order,
                              const struct tn_margin_weights *weights)
{
    lanes mark = lanes_all((uint64_t)order->mark);
    return (struct asked){
        .weights = weights,
        .row = order->row,
        .low = order->is_linear ? weights->flat : weights->low,
        .high = order->is_linear ? weights->flat : weights->high,
        .factor = factor_of(order->quantity),
        .n = split_of(-mark),
        .mark = mark,
        .gain = lanes_all((uint64_t)order->gain),
        .is_linear = order->is_linear,
    };
}

/* What an order does at worst: min(0, gain) by each discount, and in the other direction. */
struct terms {
    lanes low, high, back;
};

LANES_INLINE lanes loss_of(lanes gain)
{
    return gain & lanes_negative(gain);
}

LANES_INLINE struct terms terms_of(const struct asked *asked, uint32_t i, struct manner manner)
{
    lanes price = lanes_load(asked->row + i), value = low_value(price, asked->factor);
    if (manner.has_high) value += high_value(price, asked->factor);
    lanes flat = lanes_load(asked->weights->flat + i);
    struct split v = split_of(value), marked = weigh(flat, asked->n, manner.is_wide);
    marked.high += asked->gain;
    lanes at_low = weighted(lanes_load(asked->low + i), v, marked, manner.is_wide);
    lanes at_high = weighted(lanes_load(asked->high + i), v, marked, manner.is_wide);
    struct terms terms = {loss_of(at_low), loss_of(at_high), lanes_all(0)};
    if (!manner.has_skews) return terms;
    struct place place = {value, asked->mark, flat, v, marked};
    lanes back = asked->is_linear ? at_low : turned(&place, manner.is_wide) + asked->gain;
    terms.back = loss_of(back) & lanes_of_bits(asked->weights->skews >> i & LANE_BITS);
    return terms;
}

/* A sum of terms with one more, or one less. */
LANES_INLINE lanes with_term(const int64_t *sum, lanes term, struct manner manner)
{
    return manner.is_added ? lanes_load(sum) + term : lanes_load(sum) - term;
}

LANES_INLINE void add_terms(struct tn_margin_sums *sums, const struct asked *asked, uint32_t from,
                            uint32_t to, struct manner manner)
{
    for (uint32_t i = from; i < to; i += TN_LANES) {
        struct terms terms = terms_of(asked, i, manner);
        lanes_store(sums->low + i, with_term(sums->low + i, terms.low, manner));
        lanes_store(sums->high + i, with_term(sums->high + i, terms.high, manner));
        if (manner.has_skews)
            lanes_store(sums->back + i, with_term(sums->back + i, terms.back, manner));
    }
}

LANES_INLINE void add_all_terms(struct tn_margin_sums *sums,
                                const struct tn_margin_path_order *order,
                                const struct tn_margin_weights *weights, struct manner manner)
{
    uint32_t plain = plain_of(weights);
    struct asked asked = ask(order, weights);
    add_terms(sums, &asked, 0, plain, manner);
    manner.has_skews = true;
    add_terms(sums, &asked, plain, weights->scenarios_count, manner);
}

LANES_INLINE bool has_high(const struct tn_margin_path_order *order,
                           const struct tn_margin_weights *weights)
{
    lanes bits = lanes_all(0);
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES)
        bits |= lanes_load(order->row + i);
    return is_large(bits);
}

LANES_INLINE void order_of(struct tn_margin_sums *sums, const struct tn_margin_path_order *order,
                           const struct tn_margin_weights *weights, bool is_added)
{
    if (weights->is_wide)
        add_all_terms(sums, order, weights, (struct manner){is_added, true, true, false});
    else if (has_high(order, weights))
        add_all_terms(sums, order, weights, (struct manner){is_added, true, false, false});
    else
        add_all_terms(sums, order, weights, (struct manner){is_added, false, false, false});
}

/* Lots that are no factor are rare: one lot of so many times the row. */
static void multiply(struct tn_margin_path_order *order, int64_t values[TN_ROW_COLUMNS])
{
    for (int k = 0; k < TN_ROW_COLUMNS; k++)
        values[k] = order->quantity * order->row[k];
    order->row = values;
    order->quantity = 1;
}

static void columns_order(struct tn_margin_sums *sums, const struct tn_margin_path_order *order,
                          bool is_added, const struct tn_margin_weights *weights)
{
    _Alignas(64) int64_t values[TN_ROW_COLUMNS];
    struct tn_margin_path_order plain = *order;
    if (bits_of_lots(order->quantity) >> SMALL_BITS != 0) multiply(&plain, values);
    if (is_added)
        order_of(sums, &plain, weights, true);
    else
        order_of(sums, &plain, weights, false);
}

/* What an expiry is worth without its orders, and with their terms. */
struct outcome {
    lanes without, with;
};

LANES_INLINE struct outcome outcome_of(const struct tn_margin_sums *sums,
                                       const struct tn_margin_weights *weights, uint32_t i,
                                       lanes mark, struct split n, bool is_wide)
{
    lanes value = lanes_load(sums->value + i), flat = lanes_load(weights->flat + i);
    struct place place = {value, mark, flat, split_of(value), weigh(flat, n, is_wide)};
    lanes at_low = weighted(lanes_load(weights->low + i), place.v, place.marked, is_wide);
    lanes at_high = weighted(lanes_load(weights->high + i), place.v, place.marked, is_wide);
    struct outcome outcome = {
        lanes_min(at_low, at_high),
        lanes_min(at_low + lanes_load(sums->low + i), at_high + lanes_load(sums->high + i))};
    uint64_t skews = weights->skews >> i & LANE_BITS;
    if (skews != 0) {
        lanes back = turned(&place, is_wide);
        outcome.without = least_of_skew(outcome.without, back, skews);
        outcome.with = least_of_skew(outcome.with, back + lanes_load(sums->back + i), skews);
    }
    return outcome;
}

LANES_INLINE void fold_with_orders(int64_t *pnl, int64_t *change, const struct tn_margin_sums *sums,
                                   const struct tn_margin_weights *weights, bool is_new,
                                   bool is_wide)
{
    lanes mark = lanes_all((uint64_t)sums->value[TN_COLUMN_MARK]);
    struct split n = split_of(-mark);
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        struct outcome outcome = outcome_of(sums, weights, i, mark, n, is_wide);
        put(pnl + i, outcome.without, is_new);
        lanes_store(change + i, lanes_load(change + i) + outcome.with - outcome.without);
    }
}

static void columns_fold_orders(int64_t pnl[TN_ROW_COLUMNS], int64_t change[TN_ROW_COLUMNS],
                                const struct tn_margin_sums *sums,
                                const struct tn_margin_weights *weights, bool is_new)
{
    if (weights->is_wide)
        fold_with_orders(pnl, change, sums, weights, is_new, true);
    else
        fold_with_orders(pnl, change, sums, weights, is_new, false);
}

LANES_INLINE void fold_bound(int64_t *bound, const struct tn_margin_sums *sums,
                             const struct tn_margin_weights *weights, bool is_new, bool is_wide)
{
    lanes mark = lanes_all((uint64_t)sums->value[TN_COLUMN_MARK]);
    struct split n = split_of(-mark);
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        struct outcome outcome = outcome_of(sums, weights, i, mark, n, is_wide);
        put(bound + i, outcome.with, is_new);
    }
}

static void columns_fold_bound(int64_t bound[TN_ROW_COLUMNS], const struct tn_margin_sums *sums,
                               const struct tn_margin_weights *weights, bool is_new)
{
    if (weights->is_wide)
        fold_bound(bound, sums, weights, is_new, true);
    else
        fold_bound(bound, sums, weights, is_new, false);
}

/* What an expiry comes to with one order's terms more or less. */
LANES_INLINE void preview_part(int64_t *bound, const struct tn_margin_sums *sums,
                               const struct asked *asked, uint32_t from, uint32_t to,
                               struct manner manner)
{
    const struct tn_margin_weights *weights = asked->weights;
    lanes mark = lanes_all((uint64_t)sums->value[TN_COLUMN_MARK]);
    struct split n = split_of(-mark);
    for (uint32_t i = from; i < to; i += TN_LANES) {
        struct terms terms = terms_of(asked, i, manner);
        lanes value = lanes_load(sums->value + i), flat = lanes_load(weights->flat + i);
        struct place place = {value, mark, flat, split_of(value), weigh(flat, n, manner.is_wide)};
        lanes low = weighted(lanes_load(weights->low + i), place.v, place.marked, manner.is_wide);
        lanes high = weighted(lanes_load(weights->high + i), place.v, place.marked, manner.is_wide);
        lanes worst = lanes_min(low + with_term(sums->low + i, terms.low, manner),
                                high + with_term(sums->high + i, terms.high, manner));
        if (manner.has_skews) {
            lanes back = turned(&place, manner.is_wide);
            worst = least_of_skew(worst, back + with_term(sums->back + i, terms.back, manner),
                                  weights->skews >> i & LANE_BITS);
        }
        lanes_store(bound + i, worst);
    }
}

LANES_INLINE void preview_all(int64_t *bound, const struct tn_margin_sums *sums,
                              const struct tn_margin_path_order *order,
                              const struct tn_margin_weights *weights, struct manner manner)
{
    uint32_t plain = plain_of(weights);
    struct asked asked = ask(order, weights);
    preview_part(bound, sums, &asked, 0, plain, manner);
    manner.has_skews = true;
    preview_part(bound, sums, &asked, plain, weights->scenarios_count, manner);
}

LANES_INLINE void preview_of(int64_t *bound, const struct tn_margin_sums *sums,
                             const struct tn_margin_path_order *order,
                             const struct tn_margin_weights *weights, bool is_added)
{
    if (weights->is_wide || has_high(order, weights))
        preview_all(bound, sums, order, weights, (struct manner){is_added, true, true, false});
    else
        preview_all(bound, sums, order, weights, (struct manner){is_added, false, false, false});
}

static void columns_preview(int64_t bound[TN_ROW_COLUMNS], const struct tn_margin_sums *sums,
                            const struct tn_margin_path_order *order, bool is_added,
                            const struct tn_margin_weights *weights)
{
    _Alignas(64) int64_t values[TN_ROW_COLUMNS];
    struct tn_margin_path_order plain = *order;
    if (bits_of_lots(order->quantity) >> SMALL_BITS != 0) multiply(&plain, values);
    if (is_added)
        preview_of(bound, sums, &plain, weights, true);
    else
        preview_of(bound, sums, &plain, weights, false);
}

static void columns_gather(int64_t pnl[TN_ROW_COLUMNS], const int64_t more[TN_ROW_COLUMNS],
                           bool is_new)
{
    for (uint32_t i = 0; i < TN_ROW_COLUMNS; i += TN_LANES)
        put(pnl + i, lanes_load(more + i), is_new);
}

static tn_micros columns_least(const int64_t pnl[TN_ROW_COLUMNS],
                               const int64_t change[TN_ROW_COLUMNS], uint32_t count)
{
    lanes least = lanes_all(INT64_MAX);
    tn_micros answer = INT64_MAX;
    uint32_t i = 0;
    for (; i + TN_LANES <= count; i += TN_LANES) {
        lanes value = lanes_load(pnl + i);
        if (change != NULL) value += lanes_load(change + i);
        least = lanes_min(least, value);
    }
    for (int lane = 0; lane < TN_LANES; lane++)
        if ((int64_t)least[lane] < answer) answer = (int64_t)least[lane];
    for (; i < count; i++) {
        tn_micros value = pnl[i] + (change != NULL ? change[i] : 0);
        if (value < answer) answer = value;
    }
    return answer;
}

static int64_t lowest(lanes least)
{
    int64_t answer = INT64_MAX;
    for (int lane = 0; lane < TN_LANES; lane++)
        if ((int64_t)least[lane] < answer) answer = (int64_t)least[lane];
    return answer;
}

/* Columns from the `count`th on are no least. */
LANES_INLINE lanes least_of_block(lanes least, const lanes sums[BLOCK_VECTORS], int from,
                                  uint32_t count)
{
    signed_lanes end = (signed_lanes)lanes_all(count), places;
    for (int v = 0; v < BLOCK_VECTORS; v++) {
        for (int lane = 0; lane < TN_LANES; lane++)
            places[lane] = from + v * TN_LANES + lane;
        lanes counts = (lanes)(places < end);
        least = lanes_min(least, lanes_select(counts, sums[v], lanes_all(INT64_MAX)));
    }
    return least;
}

static tn_micros columns_least_of(const int64_t *const *pnls, uint32_t pnls_count, uint32_t count)
{
    lanes least = lanes_all(INT64_MAX);
    for (int from = 0; from < TN_ROW_COLUMNS; from += BLOCK_COLUMNS) {
        lanes sums[BLOCK_VECTORS];
        for (int v = 0; v < BLOCK_VECTORS; v++)
            sums[v] = lanes_load(pnls[0] + from + v * TN_LANES);
        for (uint32_t p = 1; p < pnls_count; p++)
            for (int v = 0; v < BLOCK_VECTORS; v++)
                sums[v] += lanes_load(pnls[p] + from + v * TN_LANES);
        least = least_of_block(least, sums, from, count);
    }
    return lowest(least);
}

#include "margin/columns_brief.h"
#include "margin/columns_scan.h"

static const struct tn_margin_path path = {
    .add = columns_add,
    .fold = columns_fold,
    .fold_both = columns_fold_both,
    .suspects = columns_suspects,
    .search = columns_search,
    .linear = columns_linear,
    .order = columns_order,
    .fold_orders = columns_fold_orders,
    .fold_bound = columns_fold_bound,
    .preview = columns_preview,
    .gather = columns_gather,
    .least = columns_least,
    .least_of = columns_least_of,
};

#endif
