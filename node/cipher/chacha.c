/* chacha: the key stream of ChaCha20, eight blocks side by side.
 *
 * With AVX2 a register holds one word of all eight blocks, so the rounds are those of one block; at
 * the end squares of eight by eight words are turned, and each block's words stand together. */
#include "cipher/chachapoly.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- Anywhere ----------------------------------------------------------------------------------
 */

static inline uint32_t turn_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static inline void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = turn_left(*d ^ *a, 16);
    *c += *d;
    *b = turn_left(*b ^ *c, 12);
    *a += *b;
    *d = turn_left(*d ^ *a, 8);
    *c += *d;
    *b = turn_left(*b ^ *c, 7);
}

static void one_block(uint8_t out[CHACHAPOLY_BLOCK_BYTES], const uint32_t state[16])
{
    uint32_t x[16];
    memcpy(x, state, sizeof x);
    for (unsigned i = 0; i < 10; i++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (unsigned i = 0; i < 16; i++) {
        const uint32_t word = x[i] + state[i];
        for (unsigned k = 0; k < 4; k++)
            out[4 * i + k] = (uint8_t)(word >> (8 * k));
    }
}

static void blocks_plain(uint8_t *out, const uint32_t state[16], size_t count)
{
    uint32_t next[16];
    memcpy(next, state, sizeof next);
    for (size_t i = 0; i < count; i++, next[12]++)
        one_block(out + i * CHACHAPOLY_BLOCK_BYTES, next);
}

/* ---- With AVX2 ---------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define AVX2          __attribute__((target("avx2")))
#define AVX2_IN_PLACE __attribute__((target("avx2"), always_inline)) static inline

AVX2_IN_PLACE __m256i turn_words(__m256i value, int bits)
{
    return _mm256_or_si256(_mm256_slli_epi32(value, bits), _mm256_srli_epi32(value, 32 - bits));
}

AVX2_IN_PLACE void quarters(__m256i *a, __m256i *b, __m256i *c, __m256i *d)
{
    const __m256i by_16 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2,
                                           3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    const __m256i by_8 = _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3,
                                          0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
    *a = _mm256_add_epi32(*a, *b);
    *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by_16);
    *c = _mm256_add_epi32(*c, *d);
    *b = turn_words(_mm256_xor_si256(*b, *c), 12);
    *a = _mm256_add_epi32(*a, *b);
    *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by_8);
    *c = _mm256_add_epi32(*c, *d);
    *b = turn_words(_mm256_xor_si256(*b, *c), 7);
}

/* Eight words of eight blocks: of each block its eight words, 64 bytes apart. */
AVX2_IN_PLACE void put_turned(uint8_t *out, const __m256i x[8])
{
    __m256i pairs[8], fours[8];
    for (unsigned i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(x[i], x[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(x[i], x[i + 1]);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (unsigned i = 0; i < 4; i++) {
        const __m256i low = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
        const __m256i high = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
        _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)i * CHACHAPOLY_BLOCK_BYTES), low);
        _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)(i + 4) * CHACHAPOLY_BLOCK_BYTES),
                            high);
    }
}

AVX2 static void blocks_avx2(uint8_t *out, const uint32_t state[16])
{
    __m256i x[16];
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (unsigned i = 0; i < 16; i++)
        x[i] = _mm256_set1_epi32((int)state[i]);
    x[12] = _mm256_add_epi32(x[12], numbers);
    for (unsigned i = 0; i < 10; i++) {
        quarters(&x[0], &x[4], &x[8], &x[12]);
        quarters(&x[1], &x[5], &x[9], &x[13]);
        quarters(&x[2], &x[6], &x[10], &x[14]);
        quarters(&x[3], &x[7], &x[11], &x[15]);
        quarters(&x[0], &x[5], &x[10], &x[15]);
        quarters(&x[1], &x[6], &x[11], &x[12]);
        quarters(&x[2], &x[7], &x[8], &x[13]);
        quarters(&x[3], &x[4], &x[9], &x[14]);
    }
    for (unsigned i = 0; i < 16; i++)
        x[i] = _mm256_add_epi32(x[i], _mm256_set1_epi32((int)state[i]));
    x[12] = _mm256_add_epi32(x[12], numbers);
    put_turned(out, x);
    put_turned(out + 32, x + 8);
}
#endif

void chacha_blocks(uint8_t out[CHACHAPOLY_AT_ONCE * CHACHAPOLY_BLOCK_BYTES],
                   const uint32_t state[16], size_t count, bool is_plain)
{
#if defined(__x86_64__)
    if (!is_plain && __builtin_cpu_supports("avx2")) {
        blocks_avx2(out, state);
        return;
    }
#endif
    (void)is_plain;
    blocks_plain(out, state, count);
}
