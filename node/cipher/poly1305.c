/* poly1305: sums of 16 bytes modulo 2^130 - 5, by three limbs of 44, 44 and 42 bits.
 *
 * sum = (sum + block) * r for each block; two blocks are (sum + first) * r^2 + second * r, of which
 * no product waits for another. Limbs are folded lazily: a column of six products is of less than
 * 2^98, and after the carries each limb is back below 2^44 and a little, so the next product has
 * room. What leaves at bit 132 comes in below times 20, at bit 130 times 5. */
#include "cipher/chachapoly.h"

#include <string.h>

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

void poly1305_begin(struct poly1305 *poly, const uint8_t key[32])
{
    /* RFC 8439 §2.5: some bits of r are cleared. */
    const uint64_t low = get_u64(key) & UINT64_C(0x0ffffffc0fffffff);
    const uint64_t high = get_u64(key + 8) & UINT64_C(0x0ffffffc0ffffffc);
    const struct limbs r = {low & MASK_44, (low >> 44 | high << 20) & MASK_44, high >> 24};
    struct columns columns = {0, 0, 0};
    add_product(&columns, r, r);
    *poly = (struct poly1305){.pad = {get_u64(key + 16), get_u64(key + 24)}};
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

void poly1305_add(struct poly1305 *poly, const uint8_t *bytes, size_t size)
{
    if (size == 0) return;
    size_t at = add_pairs(poly, bytes, size);
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
