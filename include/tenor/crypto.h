/* crypto: hashes and checksums. Nothing here knows what it hashes.
 *
 * keccak256 is the original Keccak with 0x01 padding, as Ethereum uses it, not SHA3-256. Everything
 * that is hashed has a fixed layout, so many short messages of one size are the common case:
 * tn_keccak256_many does 4 or 8 of them side by side where the processor can. The cpu argument says
 * how (enum tn_cpu, picked once at start by the caller); the answers are the same on every path. */
#ifndef TENOR_CRYPTO_H
#define TENOR_CRYPTO_H

#include "tenor/base.h"

#define TN_HASH_SIZE 32

struct tn_hash {
    uint8_t bytes[TN_HASH_SIZE];
};

/* tn_keccak256 hashes one message (NULL will do for one of no bytes). A message of n bytes costs
 * n / 136 + 1 permutations, of about a third of a microsecond each. */
void tn_keccak256(struct tn_hash *hash, const void *message, size_t size);

/* The same in pieces: begin, add any number of pieces, end; then begin again before another use. */
struct tn_keccak {
    uint64_t lanes[25];
    uint32_t filled; /* bytes of the present block, < 136 */
};
void tn_keccak_begin(struct tn_keccak *keccak);
void tn_keccak_add(struct tn_keccak *keccak, const void *bytes, size_t size);
void tn_keccak_end(struct tn_keccak *keccak, struct tn_hash *hash);

/* tn_keccak256_many hashes `count` messages of `size` bytes each; message i begins at
 * messages + i × stride (stride ≥ size, of no particular alignment; hashes must not overlap
 * messages). Beside a lone message each costs two thirds of the time with TN_CPU_BASE and a third
 * with TN_CPU_AVX2, if there are enough to fill the lanes. */
void tn_keccak256_many(struct tn_hash *hashes, enum tn_cpu cpu, const uint8_t *messages,
                       size_t stride, size_t size, uint32_t count);

static inline bool tn_hash_equal(const struct tn_hash *a, const struct tn_hash *b)
{
    return __builtin_memcmp(a->bytes, b->bytes, TN_HASH_SIZE) == 0;
}

/* tn_crc32c is the CRC of RFC 3720 over bytes that follow those `crc` covers; 0 to begin. */
uint32_t tn_crc32c(uint32_t crc, enum tn_cpu cpu, const void *bytes, size_t size);

#endif
