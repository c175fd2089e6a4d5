/* poly1305: sums of 16 bytes modulo 2^130 - 5, by three limbs of 44, 44 and 42 bits.
 *
 * sum = (sum + block) * r for each block; two blocks are (sum + first) * r^2 + second * r, of which
 * no product waits for another. Limbs are folded lazily: a column of six products is of less than
 * 2^98, and after the carries each limb is back below 2^44 and a little, so the next product has
 * room. What leaves at bit 132 comes in below times 20, at bit 130 times 5.
 *
 * Where the processor has AVX2 and there is enough, four blocks go side by side, each a lane with
 * five limbs of 26 bits: all lanes times r^4 for each four blocks, and in the end each by the power
 * that its last block is owed. */
#include "cipher/chachapoly.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MASK_44 ((UINT64_C(1) << 44) - 1)
#define MASK_42 ((UINT64_C(1) << 42) - 1)

__extension__ typedef unsigned __int128 wide;

/* In one load where bytes are in that order anyway. */
static inline uint64_t get_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

struct limbs {
    uint64_t low, middle, high;
};
struct columns {
    wide low, middle, high;
};

/* Onto the columns: h times r. */
static inline void add_product(struct columns *columns, struct limbs h, struct limbs r)
{
    const uint64_t middle_20 = r.middle * 20, high_20 = r.high * 20;
    columns->low += (wide)h.low * r.low + (wide)h.middle * high_20 + (wide)h.high * middle_20;
    columns->middle += (wide)h.low * r.middle + (wide)h.middle * r.low + (wide)h.high * high_20;
    columns->high += (wide)h.low * r.high + (wide)h.middle * r.middle + (wide)h.high * r.low;
}

static inline struct limbs fold(struct columns columns)
{
    columns.middle += (uint64_t)(columns.low >> 44);
    columns.high += (uint64_t)(columns.middle >> 44);
    const uint64_t low = ((uint64_t)columns.low & MASK_44) + (uint64_t)(columns.high >> 42) * 5;
    return (struct limbs){.low = low & MASK_44,
                          .middle = ((uint64_t)columns.middle & MASK_44) + (low >> 44),
                          .high = (uint64_t)columns.high & MASK_42};
}

/* 16 bytes and a one behind them onto h. */
static inline struct limbs add_bytes(struct limbs h, const uint8_t bytes[16])
{
    const uint64_t low = get_u64(bytes), high = get_u64(bytes + 8);
    return (struct limbs){.low = h.low + (low & MASK_44),
                          .middle = h.middle + ((low >> 44 | high << 20) & MASK_44),
                          .high = h.high + (high >> 24 | UINT64_C(1) << 40)};
}

static inline struct limbs limbs_of(const uint64_t words[3])
{
    return (struct limbs){words[0], words[1], words[2]};
}

static inline void keep(uint64_t words[3], struct limbs limbs)
{
    words[0] = limbs.low;
    words[1] = limbs.middle;
    words[2] = limbs.high;
}

void poly1305_begin(struct poly1305 *poly, const uint8_t key[32], bool is_plain)
{
    /* RFC 8439 §2.5: some bits of r are cleared. */
    const uint64_t low = get_u64(key) & UINT64_C(0x0ffffffc0fffffff);
    const uint64_t high = get_u64(key + 8) & UINT64_C(0x0ffffffc0ffffffc);
    const struct limbs r = {low & MASK_44, (low >> 44 | high << 20) & MASK_44, high >> 24};
    struct columns columns = {0, 0, 0};
    add_product(&columns, r, r);
    poly->is_plain = is_plain;
    poly->has_powers = false;
    poly->pad[0] = get_u64(key + 16);
    poly->pad[1] = get_u64(key + 24);
    keep(poly->sum, (struct limbs){0, 0, 0});
    keep(poly->r, r);
    keep(poly->square, fold(columns));
}

static void add_block(struct poly1305 *poly, const uint8_t block[16])
{
    struct columns columns = {0, 0, 0};
    add_product(&columns, add_bytes(limbs_of(poly->sum), block), limbs_of(poly->r));
    keep(poly->sum, fold(columns));
}

/* How many bytes were taken: a multiple of 32. */
static size_t add_pairs(struct poly1305 *poly, const uint8_t *bytes, size_t size)
{
    const struct limbs r = limbs_of(poly->r), square = limbs_of(poly->square);
    const struct limbs none = {0, 0, 0};
    struct limbs sum = limbs_of(poly->sum);
    size_t at = 0;
    for (; size - at >= 32; at += 32) {
        struct columns columns = {0, 0, 0};
        add_product(&columns, add_bytes(none, bytes + at + 16), r);
        add_product(&columns, add_bytes(sum, bytes + at), square);
        sum = fold(columns);
    }
    keep(poly->sum, sum);
    return at;
}

/* ---- With AVX2 ---------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define AVX2          __attribute__((target("avx2")))
#define AVX2_IN_PLACE __attribute__((target("avx2"), always_inline)) static inline
#define MASK_26       ((UINT64_C(1) << 26) - 1)

/* Less than this is as fast without. */
enum { FOURS_LEAST = 256 };

static void to_26(uint64_t narrow[5], struct limbs limbs)
{
    wide rest = limbs.low + ((wide)limbs.middle << 44);
    narrow[0] = (uint64_t)rest & MASK_26;
    narrow[1] = (uint64_t)(rest >> 26) & MASK_26;
    rest = (rest >> 52) + ((wide)limbs.high << 36);
    narrow[2] = (uint64_t)rest & MASK_26;
    narrow[3] = (uint64_t)(rest >> 26) & MASK_26;
    narrow[4] = (uint64_t)(rest >> 52);
}

/* Each limb is below 2^29. */
static struct limbs from_26(const uint64_t narrow[5])
{
    struct limbs limbs;
    wide rest = narrow[0] + ((wide)narrow[1] << 26) + ((wide)narrow[2] << 52);
    limbs.low = (uint64_t)rest & MASK_44;
    rest = (rest >> 44) + ((wide)narrow[3] << 34) + ((wide)narrow[4] << 60);
    limbs.middle = (uint64_t)rest & MASK_44;
    limbs.high = (uint64_t)(rest >> 44);
    limbs.low += (limbs.high >> 42) * 5;
    limbs.high &= MASK_42;
    return limbs;
}

/* In the order in which blocks lie in lanes: unpacked by halves, the second and third change
 * places. */
static void make_powers(struct poly1305 *poly)
{
    const struct limbs r = limbs_of(poly->r), square = limbs_of(poly->square);
    struct columns third = {0, 0, 0}, fourth = {0, 0, 0};
    add_product(&third, square, r);
    add_product(&fourth, square, square);
    const struct limbs powers[4] = {fold(fourth), square, fold(third), r};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t narrow[5];
        to_26(narrow, powers[i]);
        for (unsigned k = 0; k < 5; k++)
            poly->powers[k][i] = narrow[k];
    }
    poly->has_powers = true;
}

struct lanes {
    __m256i limbs[5];
};

/* Four blocks of 16 bytes, each with a one behind it, onto the lanes. */
AVX2_IN_PLACE void add_four(struct lanes *h, const uint8_t *bytes)
{
    const __m256i mask = _mm256_set1_epi64x(MASK_26);
    const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    const __m256i low = _mm256_unpacklo_epi64(first, second);
    const __m256i high = _mm256_unpackhi_epi64(first, second);
    const __m256i middle = _mm256_or_si256(_mm256_srli_epi64(low, 52), _mm256_slli_epi64(high, 12));
    const __m256i words[5] = {
        _mm256_and_si256(low, mask), _mm256_and_si256(_mm256_srli_epi64(low, 26), mask),
        _mm256_and_si256(middle, mask), _mm256_and_si256(_mm256_srli_epi64(high, 14), mask),
        _mm256_or_si256(_mm256_srli_epi64(high, 40), _mm256_set1_epi64x(1 << 24))};
    for (unsigned i = 0; i < 5; i++)
        h->limbs[i] = _mm256_add_epi64(h->limbs[i], words[i]);
}

AVX2_IN_PLACE void carry(__m256i *from, __m256i *to)
{
    *to = _mm256_add_epi64(*to, _mm256_srli_epi64(*from, 26));
    *from = _mm256_and_si256(*from, _mm256_set1_epi64x(MASK_26));
}

/* Limbs of h are below 2^28, of r below 2^26 and a little; those of the product again. */
AVX2_IN_PLACE void multiply(struct lanes *h, const struct lanes *r, const struct lanes *r_5)
{
    __m256i d[5];
    for (unsigned i = 0; i < 5; i++) {
        d[i] = _mm256_mul_epu32(h->limbs[0], r->limbs[i]);
        for (unsigned k = 1; k < 5; k++)
            d[i] = _mm256_add_epi64(
                d[i],
                _mm256_mul_epu32(h->limbs[k], k <= i ? r->limbs[i - k] : r_5->limbs[5 + i - k]));
    }
    carry(&d[0], &d[1]);
    carry(&d[3], &d[4]);
    carry(&d[1], &d[2]);
    const __m256i over = _mm256_srli_epi64(d[4], 26);
    d[4] = _mm256_and_si256(d[4], _mm256_set1_epi64x(MASK_26));
    d[0] = _mm256_add_epi64(d[0], _mm256_add_epi64(over, _mm256_slli_epi64(over, 2)));
    carry(&d[2], &d[3]);
    carry(&d[0], &d[1]);
    carry(&d[3], &d[4]);
    for (unsigned i = 0; i < 5; i++)
        h->limbs[i] = d[i];
}

AVX2_IN_PLACE void times_5(struct lanes *r_5, const struct lanes *r)
{
    for (unsigned i = 0; i < 5; i++)
        r_5->limbs[i] = _mm256_add_epi64(r->limbs[i], _mm256_slli_epi64(r->limbs[i], 2));
}

/* How many bytes were taken: a multiple of 64, of at least as many. */
AVX2 static size_t add_fours(struct poly1305 *poly, const uint8_t *bytes, size_t size)
{
    struct lanes h, r, r_5;
    uint64_t sum[5];
    size_t at = 64;
    if (!poly->has_powers) make_powers(poly);
    to_26(sum, limbs_of(poly->sum));
    for (unsigned i = 0; i < 5; i++) {
        h.limbs[i] = _mm256_set_epi64x(0, 0, 0, (long long)sum[i]);
        r.limbs[i] = _mm256_set1_epi64x((long long)poly->powers[i][0]);
    }
    times_5(&r_5, &r);
    add_four(&h, bytes);
    for (; size - at >= 64; at += 64) {
        multiply(&h, &r, &r_5);
        add_four(&h, bytes + at);
    }
    for (unsigned i = 0; i < 5; i++)
        r.limbs[i] = _mm256_loadu_si256((const __m256i *)(const void *)poly->powers[i]);
    times_5(&r_5, &r);
    multiply(&h, &r, &r_5);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t lanes[4];
        _mm256_storeu_si256((__m256i *)(void *)lanes, h.limbs[i]);
        sum[i] = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    }
    keep(poly->sum, from_26(sum));
    return at;
}
#endif

/* How many bytes were taken. */
static size_t add_side_by_side(struct poly1305 *poly, const uint8_t *bytes, size_t size)
{
#if defined(__x86_64__)
    if (!poly->is_plain && size >= FOURS_LEAST && __builtin_cpu_supports("avx2"))
        return add_fours(poly, bytes, size);
#endif
    (void)poly, (void)bytes, (void)size;
    return 0;
}

void poly1305_add(struct poly1305 *poly, const uint8_t *bytes, size_t size)
{
    if (size == 0) return;
    size_t at = add_side_by_side(poly, bytes, size);
    at += add_pairs(poly, bytes + at, size - at);
    if (size - at >= 16) {
        add_block(poly, bytes + at);
        at += 16;
    }
    if (at == size) return;
    uint8_t last[16] = {0};
    memcpy(last, bytes + at, size - at);
    add_block(poly, last);
}

/* All limbs in their bits; twice, as a carry may run through once more. */
static void carry_all(uint64_t h[3])
{
    for (unsigned i = 0; i < 2; i++) {
        h[1] += h[0] >> 44;
        h[0] &= MASK_44;
        h[2] += h[1] >> 44;
        h[1] &= MASK_44;
        h[0] += (h[2] >> 42) * 5;
        h[2] &= MASK_42;
    }
    h[1] += h[0] >> 44;
    h[0] &= MASK_44;
}

void poly1305_end(struct poly1305 *poly, uint8_t tag[CHACHAPOLY_TAG_BYTES])
{
    uint64_t *h = poly->sum;
    carry_all(h);
    /* Less the prime, if it is not below it: sum + 5 reaches bit 130 then. */
    const uint64_t g0 = h[0] + 5;
    const uint64_t g1 = h[1] + (g0 >> 44);
    const uint64_t g2 = h[2] + (g1 >> 44);
    const uint64_t take = 0 - (g2 >> 42);
    h[0] = (h[0] & ~take) | (g0 & MASK_44 & take);
    h[1] = (h[1] & ~take) | (g1 & MASK_44 & take);
    h[2] = (h[2] & ~take) | (g2 & MASK_42 & take);
    const wide sum = ((wide)(h[1] >> 20 | h[2] << 24) << 64 | (h[0] | h[1] << 44)) +
                     ((wide)poly->pad[1] << 64 | poly->pad[0]);
    put_u64(tag, (uint64_t)sum);
    put_u64(tag + 8, (uint64_t)(sum >> 64));
}
