/* base: the words every other module speaks: units, sides, rejects, assertions, checked money.
 *
 * Nothing here allocates, blocks, reads a clock or touches the world. */
#ifndef TENOR_BASE_H
#define TENOR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scalars that carry a unit. */
typedef int64_t tn_ticks;  /* a price, in the smallest price steps of its series */
typedef int64_t tn_lots;   /* a quantity, in the smallest quantity steps of its series */
typedef int64_t tn_micros; /* money, in millionths of the cash asset */

/* Products of two 64-bit numbers. __extension__ keeps -Wpedantic quiet for who embeds us. */
__extension__ typedef __int128 tn_i128;
__extension__ typedef unsigned __int128 tn_u128;

#define TN_NONE UINT32_MAX /* "no such index" in every pool */

enum tn_side { TN_BUY = 0, TN_SELL = 1 };

/* Which instructions vectorised parts may use; the answer is the same. The caller asks the machine
 * (node/) or passes TN_CPU_BASE: SSE2 on x86-64, NEON on AArch64. */
enum tn_cpu { TN_CPU_BASE = 0, TN_CPU_AVX2 = 1, TN_CPU_AVX512 = 2 };

/* tn_panic ends the program: a stopped node is tolerated, a wrong ledger is not. The library has a
 * weak definition that traps; a program may define its own to print the place first. */
_Noreturn void tn_panic(const char *file, int line, const char *what);

/* TN_ASSERT states what a bug would break. It stays on in release builds. */
#define TN_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) tn_panic(__FILE__, __LINE__, #condition);           \
    } while (0)

/* tn_prefetch starts loading the line of a record that will be read and, mostly, written. The empty
 * asm is there for gcc, which takes a function of nothing but loads ahead for one without effect
 * and drops the calls of it. */
static inline void tn_prefetch(const void *record)
{
    __builtin_prefetch(record, 1);
    __asm__ volatile("");
}

/* tn_notional is price × quantity × micros_per_tick, the only place where price meets quantity.
 * Returns false, leaving *notional unspecified, when the product does not fit. */
static inline bool tn_notional(tn_ticks price, tn_lots quantity, tn_micros micros_per_tick,
                               tn_micros *notional)
{
    int64_t ticks;
    if (__builtin_mul_overflow(price, quantity, &ticks)) return false;
    return !__builtin_mul_overflow(ticks, micros_per_tick, notional);
}

/* tn_mul_div_floor and _ceil are a × b ÷ divisor, rounded as named; the product is exact in 128
 * bits. divisor > 0, and the result must fit (asserted). */
int64_t tn_mul_div_floor(int64_t a, int64_t b, int64_t divisor);
int64_t tn_mul_div_ceil(int64_t a, int64_t b, int64_t divisor);

/* tn_ppm_floor and _ceil are value × ppm ÷ 10^6: the same, faster, for the divisor of all rates. */
static inline int64_t tn_ppm_floor(int64_t value, int64_t ppm)
{
    int64_t small;
    if (__builtin_mul_overflow(value, ppm, &small)) return tn_mul_div_floor(value, ppm, 1000000);
    return small / 1000000 - (small % 1000000 < 0 ? 1 : 0);
}
static inline int64_t tn_ppm_ceil(int64_t value, int64_t ppm)
{
    int64_t small;
    if (__builtin_mul_overflow(value, ppm, &small)) return tn_mul_div_ceil(value, ppm, 1000000);
    return small / 1000000 + (small % 1000000 > 0 ? 1 : 0);
}

/* tn_align rounds a size up to whole cache lines, so that regions laid one after another in one
 * mapping never share one. */
static inline size_t tn_align(size_t size)
{
    return (size + 63) & ~(size_t)63;
}

/* tn_copy_apart is memcpy that writes only pages which are not the same already: pages of zeros in
 * memory that the system has just given take no memory there, as they take none at their source. */
void tn_copy_apart(void *to, const void *from, size_t size);

/* Numbers as `size` bytes, big-endian: what is hashed, sent or kept under a root. */
static inline void tn_put_be(uint8_t *out, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static inline uint64_t tn_get_be(const uint8_t *bytes, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* A deterministic generator (splitmix64): for tests, benches and seeded simulations only. */
static inline uint64_t tn_random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* tn_random_below is uniform in [0, bound), bound > 0 (bias under 2^-32 for bound < 2^32). */
static inline uint64_t tn_random_below(uint64_t *state, uint64_t bound)
{
    return (uint64_t)(((tn_u128)tn_random_next(state) * bound) >> 64);
}

/* A running 64-bit digest of a canonical stream of words. It tells two states apart in tests and
 * benches; it is not cryptographic and never leaves the process. */
struct tn_digest {
    uint64_t value;
};

static inline void tn_digest_u64(struct tn_digest *digest, uint64_t word)
{
    uint64_t mixed = (digest->value ^ word) * UINT64_C(0x9FB21C651E98DF25);
    digest->value = (mixed ^ (mixed >> 32)) * UINT64_C(0xD6E8FEB86659FD93) + word;
}

static inline void tn_digest_i64(struct tn_digest *digest, int64_t word)
{
    tn_digest_u64(digest, (uint64_t)word);
}

#endif
