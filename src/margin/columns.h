/* columns: the arithmetic over the columns of a row, for one width of vector. The text is compiled
 * once per path (columns_base.c, columns_avx2.c, columns_avx512.c); all paths give the same
 * integers, as nothing here rounds but one stated floor per number.
 *
 * There is no vector multiplication of 64 by 64 bits before AVX-512, but one of 32 by 32. So all
 * products here are built from those, and bounds make that exact:
 *   value = quantity × price, |value| ≤ 2^48; of two factors at least one is below 2^32.
 *   weights c, flat ≤ 2^33; sums |V| ≤ 2^58. With U = V + 2^58 = Uh·2^30 + Ul, Uh ≤ 2^29,
 *   Ul < 2^30: c·Uh ≤ 2^62 and c·Ul < 2^63, so with the sum's value at the mark split alike
 *       X = c·V − flat·M = A·2^30 + B, A = c·Uh − flat·Mh − (c − flat)·2^28, B = c·Ul − flat·Ml,
 *   |A| < 2^63 and |B| < 2^63, and floor(X / 2^30) = A + floor(B / 2^30). Lanes are unsigned, so
 *   nothing overflows on the way; B is biased by 2^63, as there is no arithmetic shift either. */
#ifndef TENOR_MARGIN_COLUMNS_H
#define TENOR_MARGIN_COLUMNS_H

#include "margin/internal.h"

#include <string.h>

#ifndef TN_LANES
#error "TN_LANES is how many columns go side by side"
#endif

typedef uint64_t lanes __attribute__((vector_size(8 * TN_LANES)));
typedef int64_t signed_lanes __attribute__((vector_size(8 * TN_LANES)));
typedef int half_lanes __attribute__((vector_size(8 * TN_LANES)));
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
    return (mask & yes) | (~mask & no);
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

/* quantity × price, price ≥ 0; `size` is |quantity|, `sign` 0 or all ones. */
LANES_INLINE lanes value_of(lanes price, lanes size, lanes sign, bool is_wide)
{
    lanes high = lanes_product(price >> 32, size);
    if (is_wide) high += lanes_product(price, size >> 32);
    lanes value = lanes_product(price, size) + (high << 32);
    return (value ^ sign) - sign;
}

/* V or M, split as the comment above says. */
struct split {
    lanes high, low;
};

#define SPLIT_BIAS (UINT64_C(1) << 58)

LANES_INLINE struct split split_of(lanes value)
{
    lanes biased = value + SPLIT_BIAS;
    return (struct split){biased >> 30, biased & ((UINT64_C(1) << 30) - 1)};
}

LANES_INLINE lanes weigh(lanes weight, lanes part, bool is_wide)
{
    lanes product = lanes_product(weight, part);
    if (is_wide) product += lanes_product(weight >> 32, part) << 32;
    return product;
}

/* floor((c·V − flat·M) / 2^30) */
LANES_INLINE lanes weighted(lanes c, struct split v, lanes flat, struct split m, bool is_wide)
{
    lanes high = weigh(c, v.high, is_wide) - weigh(flat, m.high, is_wide) - ((c - flat) << 28);
    lanes low = weigh(c, v.low, is_wide) - weigh(flat, m.low, is_wide);
    return high + ((low ^ (UINT64_C(1) << 63)) >> 30) - (UINT64_C(1) << 33);
}

/* Rows are added in blocks of columns whose sums fit the registers. */
#define BLOCK_VECTORS (TN_LANES == 8 ? 5 : 10)
#define BLOCK_COLUMNS (BLOCK_VECTORS * TN_LANES)

/* All bits that any price of the block has. */
LANES_INLINE uint64_t block_bits(const int64_t *row)
{
    lanes all = lanes_load(row);
    uint64_t bits = 0;
    for (int i = 1; i < BLOCK_VECTORS; i++)
        all |= lanes_load(row + i * TN_LANES);
    for (int lane = 0; lane < TN_LANES; lane++)
        bits |= all[lane];
    return bits;
}

/* Prices and lots below 2^31, as nearly all are: one product each. */
LANES_INLINE void add_small_block(lanes sums[BLOCK_VECTORS], const int64_t *row, tn_lots quantity)
{
#if defined(TN_HAS_SIGNED_PRODUCT)
    lanes factor = lanes_all((uint64_t)quantity);
    for (int i = 0; i < BLOCK_VECTORS; i++)
        sums[i] += lanes_signed_product(lanes_load(row + i * TN_LANES), factor);
#else
    lanes size = lanes_all(quantity < 0 ? -(uint64_t)quantity : (uint64_t)quantity);
    lanes sign = lanes_all(quantity < 0 ? UINT64_MAX : 0);
    for (int i = 0; i < BLOCK_VECTORS; i++)
        sums[i] += (lanes_product(lanes_load(row + i * TN_LANES), size) ^ sign) - sign;
#endif
}

LANES_INLINE void add_block(lanes sums[BLOCK_VECTORS], const int64_t *row, tn_lots quantity)
{
    uint64_t magnitude = quantity < 0 ? -(uint64_t)quantity : (uint64_t)quantity;
    if (__builtin_expect(((block_bits(row) | magnitude) >> 31) == 0, 1)) {
        add_small_block(sums, row, quantity);
        return;
    }
    lanes size = lanes_all(magnitude), sign = lanes_all(quantity < 0 ? UINT64_MAX : 0);
    for (int i = 0; i < BLOCK_VECTORS; i++)
        sums[i] += value_of(lanes_load(row + i * TN_LANES), size, sign, true);
}

/* The hardware guesses the lines of one row, but not the next row. */
LANES_INLINE void prefetch_row(const int64_t *row)
{
    for (int i = 0; i < TN_ROW_COLUMNS; i += 8)
        __builtin_prefetch(row + i);
}

static void columns_add(int64_t sum[TN_ROW_COLUMNS], const int64_t (*rows)[TN_ROW_COLUMNS],
                        const struct tn_holding *holdings, uint32_t count, bool is_new)
{
    for (int from = 0; from < TN_ROW_COLUMNS; from += BLOCK_COLUMNS) {
        lanes sums[BLOCK_VECTORS];
        for (int i = 0; i < BLOCK_VECTORS; i++)
            sums[i] = is_new ? lanes_all(0) : lanes_load(sum + from + i * TN_LANES);
        for (uint32_t i = 0; i < count; i++) {
            if (from == 0 && i + 1 < count) prefetch_row(rows[holdings[i + 1].series]);
            add_block(sums, rows[holdings[i].series] + from, holdings[i].quantity);
        }
        for (int i = 0; i < BLOCK_VECTORS; i++)
            lanes_store(sum + from + i * TN_LANES, sums[i]);
    }
}

LANES_INLINE void fold(int64_t *pnl, const int64_t *sum, const struct tn_margin_weights *weights,
                       bool is_wide)
{
    struct split m = split_of(lanes_all((uint64_t)sum[TN_COLUMN_MARK]));
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        lanes value = lanes_load(sum + i), flat = lanes_load(weights->flat + i);
        lanes c = lanes_select(lanes_negative(value), lanes_load(weights->high + i),
                               lanes_load(weights->low + i));
        lanes e = weighted(c, split_of(value), flat, m, is_wide);
        lanes_store(pnl + i, lanes_load(pnl + i) + e);
    }
}

static void columns_fold(int64_t pnl[TN_ROW_COLUMNS], const int64_t sum[TN_ROW_COLUMNS],
                         const struct tn_margin_weights *weights)
{
    if (weights->is_wide)
        fold(pnl, sum, weights, true);
    else
        fold(pnl, sum, weights, false);
}

static void columns_linear(int64_t pnl[TN_ROW_COLUMNS], const int64_t change[TN_ROW_COLUMNS],
                           const struct tn_margin_weights *weights)
{
    struct split zero = split_of(lanes_all(0));
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        lanes c = lanes_load(weights->flat + i);
        lanes e = weighted(c, split_of(lanes_load(change + i)), c, zero, true);
        lanes_store(pnl + i, lanes_load(pnl + i) + e);
    }
}

/* min(0, floor((c·qP − flat·q·mark) / 2^30) + gain), or its opposite to take it away. */
LANES_INLINE void add_term(int64_t *terms, const int64_t *c, struct split v, lanes flat,
                           struct split m, lanes gain, lanes sign, bool is_wide)
{
    lanes term = weighted(lanes_load(c), v, flat, m, is_wide) + gain;
    term &= lanes_negative(term);
    lanes_store(terms, lanes_load(terms) + ((term ^ sign) - sign));
}

struct order_lanes {
    lanes size, sign, gain,
        taken; /* |quantity|, its sign, gain; all ones: the term is taken away */
    struct split mark;
};

LANES_INLINE void add_terms(int64_t *low, int64_t *high, const int64_t *row,
                            const struct order_lanes *order,
                            const struct tn_margin_weights *weights, bool is_wide)
{
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        struct split v = split_of(value_of(lanes_load(row + i), order->size, order->sign, is_wide));
        lanes flat = lanes_load(weights->flat + i);
        add_term(low + i, weights->low + i, v, flat, order->mark, order->gain, order->taken,
                 is_wide);
        add_term(high + i, weights->high + i, v, flat, order->mark, order->gain, order->taken,
                 is_wide);
    }
}

static void columns_order(int64_t low[TN_ROW_COLUMNS], int64_t high[TN_ROW_COLUMNS],
                          const int64_t row[TN_ROW_COLUMNS], tn_lots quantity, tn_micros gain,
                          bool is_added, const struct tn_margin_weights *weights)
{
    uint64_t magnitude = quantity < 0 ? -(uint64_t)quantity : (uint64_t)quantity;
    uint64_t mark = (uint64_t)quantity * (uint64_t)row[TN_COLUMN_MARK];
    struct order_lanes order = {lanes_all(magnitude), lanes_all(quantity < 0 ? UINT64_MAX : 0),
                                lanes_all((uint64_t)gain), lanes_all(is_added ? 0 : UINT64_MAX),
                                split_of(lanes_all(mark))};
    if (weights->is_wide || magnitude >> 32 != 0)
        add_terms(low, high, row, &order, weights, true);
    else
        add_terms(low, high, row, &order, weights, false);
}

LANES_INLINE void fold_with_orders(int64_t *pnl, int64_t *change, const struct tn_margin_sums *sums,
                                   const struct tn_margin_weights *weights, bool is_wide)
{
    struct split m = split_of(lanes_all((uint64_t)sums->value[TN_COLUMN_MARK]));
    for (uint32_t i = 0; i < weights->scenarios_count; i += TN_LANES) {
        struct split v = split_of(lanes_load(sums->value + i));
        lanes flat = lanes_load(weights->flat + i);
        lanes at_low = weighted(lanes_load(weights->low + i), v, flat, m, is_wide);
        lanes at_high = weighted(lanes_load(weights->high + i), v, flat, m, is_wide);
        lanes without = lanes_min(at_low, at_high);
        lanes with =
            lanes_min(at_low + lanes_load(sums->low + i), at_high + lanes_load(sums->high + i));
        lanes_store(pnl + i, lanes_load(pnl + i) + without);
        lanes_store(change + i, lanes_load(change + i) + with - without);
    }
}

static void columns_fold_orders(int64_t pnl[TN_ROW_COLUMNS], int64_t change[TN_ROW_COLUMNS],
                                const struct tn_margin_sums *sums,
                                const struct tn_margin_weights *weights)
{
    if (weights->is_wide)
        fold_with_orders(pnl, change, sums, weights, true);
    else
        fold_with_orders(pnl, change, sums, weights, false);
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

static const struct tn_margin_path path = {columns_add,   columns_fold,        columns_linear,
                                           columns_order, columns_fold_orders, columns_least};

#endif
