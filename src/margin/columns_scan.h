/* columns_scan: which scenarios may be the worst of an underlying, found at a fraction of what
 * their numbers cost. Part of columns.h, which includes it.
 *
 * Exact numbers are wanted of one scenario only, the worst. So all are worked out roughly: V and M
 * lose their last s bits, one product takes the place of four, and MM is taken for what IM is,
 * scaled. Each scenario that could be the worst then, by the bounds below, is a suspect, and the
 * caller works those out.
 *
 * In units of 2^(s-30) micros a rough number is A = Σ_e c·⌊V/2^s⌋ − flat·⌊M/2^s⌋. With weights
 * below 2^31 and E expiries it is off by less than (5E + 3)·2^30: 2^31 for each of V and M, 2^30
 * for each floor, and the same once for what is linear. MM's weights are IM's times r, their
 * factors' ratio, give or take one for their roundings; |V|, |M| < 2^(26+s) then keep MM within (3E
 * + 3)·2^30 of r times IM. Both bounds count twice between two scenarios, the second one divided by
 * r. */
#ifndef TENOR_MARGIN_COLUMNS_SCAN_H
#define TENOR_MARGIN_COLUMNS_SCAN_H

enum { SCAN_BITS = 26, SCAN_SHIFT_MAX = 30 };
/* Vectors at a time, their sums in registers: the shipped scenarios without skews are so many. */
#define SCAN_VECTORS (TN_LANES == 8 ? 3 : 7)

/* How values are cut; bits gathers what they reach. */
struct cut {
    lanes bias, bits;
    uint32_t shift;
};

LANES_INLINE lanes rough(lanes weight, lanes value, struct cut *cut)
{
    lanes above = value + cut->bias;
    cut->bits |= above;
#if defined(TN_HAS_SIGNED_PRODUCT)
    return lanes_signed_product(weight, value >> cut->shift);
#else
    return lanes_product(weight, above >> cut->shift) - (weight << SCAN_BITS);
#endif
}

/* A shift that fits the values at the mark and in the bracket, and far scenarios most often. */
static uint32_t first_shift(const struct tn_margin_scan *scan)
{
    enum { MORE_BITS = 6 };
    uint64_t bits = 1;
    for (uint32_t e = 0; e < scan->count; e++) {
        const int64_t *value = scan->sums[e] + TN_COLUMN_MARK;
        bits |= (uint64_t)((value[0] ^ (value[0] >> 63)) | (value[1] ^ (value[1] >> 63)) |
                           (value[2] ^ (value[2] >> 63)));
    }
    int shift = 64 - __builtin_clzll(bits) + MORE_BITS - SCAN_BITS;
    return shift < 0 ? 0 : (uint32_t)shift;
}

LANES_INLINE lanes rough_value(const struct tn_margin_weights *weights, lanes value, uint32_t i,
                               struct cut *cut)
{
    return rough(lanes_select(lanes_negative(value), lanes_load(weights->high + i),
                              lanes_load(weights->low + i)),
                 value, cut);
}

/* Some vectors, as if no scenario were a skew: all expiries' flat weights are the same, so their
 * marks add up. */
LANES_INLINE void rough_block(int64_t *roughs, const struct tn_margin_scan *scan, uint32_t from,
                              int64_t marks, struct cut *cut)
{
    lanes sums[SCAN_VECTORS];
    const int64_t *flat = scan->expiries[0]->im.flat + from;
    for (int v = 0; v < SCAN_VECTORS; v++) {
        lanes rest = lanes_all(-(uint64_t)marks);
        if (scan->has_linear) rest += lanes_load(scan->linear + from + v * TN_LANES);
        sums[v] = rough(lanes_load(flat + v * TN_LANES), rest, cut);
    }
    for (uint32_t e = 0; e < scan->count; e++) {
        const int64_t *values = scan->sums[e] + from;
        for (int v = 0; v < SCAN_VECTORS; v++)
            sums[v] += rough_value(&scan->expiries[e]->im, lanes_load(values + v * TN_LANES),
                                   from + (uint32_t)(v * TN_LANES), cut);
    }
    for (int v = 0; v < SCAN_VECTORS; v++)
        lanes_store(roughs + from + v * TN_LANES, sums[v]);
}

/* One vector, skews or not. */
LANES_INLINE lanes rough_alone(const struct tn_margin_scan *scan, uint32_t i, struct cut *cut)
{
    lanes sum = lanes_all(0);
    lanes flat = lanes_load(scan->expiries[0]->im.flat + i);
    if (scan->has_linear) sum = rough(flat, lanes_load(scan->linear + i), cut);
    for (uint32_t e = 0; e < scan->count; e++) {
        const struct tn_margin_weights *weights = &scan->expiries[e]->im;
        lanes value = lanes_load(scan->sums[e] + i);
        lanes mark = rough(flat, lanes_all((uint64_t)scan->sums[e][TN_COLUMN_MARK]), cut);
        lanes ahead = rough_value(weights, value, i, cut) - mark;
        lanes back = mark - rough(flat, value, cut);
        sum += least_of_skew(ahead, back, weights->skews >> i & LANE_BITS);
    }
    return sum;
}

/* False where the values have more bits than this shift leaves room for. */
static bool work_out_roughly(int64_t roughs[TN_ROW_COLUMNS], const struct tn_margin_scan *scan,
                             uint32_t shift)
{
    const struct tn_margin_weights *weights = &scan->expiries[0]->im;
    struct cut cut = {lanes_all(UINT64_C(1) << (SCAN_BITS + shift)), lanes_all(0), shift};
    int64_t marks = 0;
    for (uint32_t e = 0; e < scan->count; e++)
        marks += scan->sums[e][TN_COLUMN_MARK];
    uint32_t plain = plain_of(weights), i = 0;
    for (; i + SCAN_VECTORS * TN_LANES <= plain; i += SCAN_VECTORS * TN_LANES)
        rough_block(roughs, scan, i, marks, &cut);
    for (; i < weights->scenarios_count; i += TN_LANES)
        lanes_store(roughs + i, rough_alone(scan, i, &cut));
    uint64_t bits = 0;
    for (int lane = 0; lane < TN_LANES; lane++)
        bits |= cut.bits[lane];
    return bits >> (SCAN_BITS + 1 + shift) == 0;
}

/* A bit for each lane of a mask. */
LANES_INLINE uint64_t bits_of(lanes mask)
{
#if TN_LANES == 4 && defined(__AVX2__)
    uint64_t bytes = (uint32_t)__builtin_ia32_pmovmskb256((byte_lanes)mask);
    return ((bytes & 0x01010101) * 0x01020408 >> 24) & LANE_BITS; /* one of every eight */
#else
    uint64_t bits = 0;
    for (int lane = 0; lane < TN_LANES; lane++)
        bits |= (mask[lane] & 1) << lane;
    return bits;
#endif
}

/* A bit for each of the first numbers that is not above the limit. */
static uint64_t up_to(const int64_t *numbers, uint32_t count, int64_t limit)
{
    uint64_t bits = 0;
    signed_lanes most = (signed_lanes)lanes_all((uint64_t)limit);
    for (uint32_t i = 0; i < count; i += TN_LANES)
        bits |= bits_of((lanes)((signed_lanes)lanes_load(numbers + i) <= most)) << i;
    return bits & ((UINT64_C(1) << count) - 1);
}

static uint64_t columns_suspects(const struct tn_margin_scan *scan, int64_t times)
{
    _Alignas(64) int64_t roughs[TN_ROW_COLUMNS];
    uint32_t count = scan->expiries[0]->im.scenarios_count;
    int64_t expiries = scan->count, apart = 10 * expiries + 6 + times * (6 * expiries + 6);
    TN_ASSERT(scan->count > 0 && scan->count <= TN_MARGIN_SCAN_EXPIRIES);
    TN_ASSERT(times >= 1 && times < 1 << 16);
    for (uint32_t shift = first_shift(scan); shift <= SCAN_SHIFT_MAX; shift += 5) {
        if (!work_out_roughly(roughs, scan, shift)) continue;
        int64_t least = columns_least(roughs, NULL, count);
        return up_to(roughs, count, (least < 0 ? least : 0) + (apart << 30));
    }
    return UINT64_MAX;
}

#endif
