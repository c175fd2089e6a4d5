/* chachapoly: ChaCha20-Poly1305 as RFC 8439 has it, for records of TLS.
 *
 * Most of what a node pays for TLS is this cipher, and mbedTLS has it in plain C, a block after the
 * other. Here eight blocks are worked out side by side where the processor has AVX2.
 *
 * No branch and no address depends on a key or on what is encrypted. */
#ifndef NODE_CIPHER_CHACHAPOLY_H
#define NODE_CIPHER_CHACHAPOLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHACHAPOLY_KEY_WORDS   8u
#define CHACHAPOLY_NONCE_BYTES 12u
#define CHACHAPOLY_TAG_BYTES   16u
#define CHACHAPOLY_BLOCK_BYTES 64u
#define CHACHAPOLY_AT_ONCE     8u /* blocks */

struct chachapoly {
    uint32_t key[CHACHAPOLY_KEY_WORDS]; /* as the cipher's words: little-endian */
    const uint8_t *nonce;               /* CHACHAPOLY_NONCE_BYTES */
    const uint8_t *aad;                 /* covered by the tag, not encrypted */
    size_t aad_size;
    bool is_plain; /* without AVX2, whatever the processor has: for tests */
};

/* `out` may be `in`; otherwise they do not overlap. At most 2^32 - 2 blocks. */
void chachapoly_seal(const struct chachapoly *cipher, uint8_t *out,
                     uint8_t tag[CHACHAPOLY_TAG_BYTES], const uint8_t *in, size_t size);
/* False: the tag is another one, and `out` is zeroes. */
bool chachapoly_open(const struct chachapoly *cipher, uint8_t *out,
                     const uint8_t tag[CHACHAPOLY_TAG_BYTES], const uint8_t *in, size_t size);

/* ---- Its parts --------------------------------------------------------------------------------
 */

/* Blocks of key stream: of the number state[12] and those after it. At least `count` of
 * CHACHAPOLY_AT_ONCE are worked out. */
void chacha_blocks(uint8_t out[CHACHAPOLY_AT_ONCE * CHACHAPOLY_BLOCK_BYTES],
                   const uint32_t state[16], size_t count, bool is_plain);

struct poly1305 {
    uint64_t r[3], square[3], sum[3]; /* limbs of 44, 44 and 42 bits; r times r */
    uint64_t pad[2];
    uint64_t powers[5][4]; /* limbs of 26 bits of the fourth, second, third and first power of r */
    bool is_plain, has_powers;
};
/* is_plain: as in struct chachapoly. */
void poly1305_begin(struct poly1305 *poly, const uint8_t key[32], bool is_plain);
/* All of them, with zeroes behind up to a multiple of 16. */
void poly1305_add(struct poly1305 *poly, const uint8_t *bytes, size_t size);
void poly1305_end(struct poly1305 *poly, uint8_t tag[CHACHAPOLY_TAG_BYTES]);

/* ---- For TLS -----------------------------------------------------------------------------------
 */

/* A program that calls it once has mbedTLS use these functions for its ChaCha20-Poly1305, in every
 * connection, where mbedTLS is a shared library: see mbedtls.c. True: it does. */
bool chachapoly_serves_tls(void);

#endif
