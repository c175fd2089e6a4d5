/* crypto/internal: what the files of this module share. */
#ifndef TENOR_CRYPTO_INTERNAL_H
#define TENOR_CRYPTO_INTERNAL_H

#include "tenor/crypto.h"

#include <string.h>

/* Both hashes are defined over little-endian words; loads are plain copies. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they stand");

/* The files named after sets of instructions hold code on x86-64 alone; elsewhere every cpu is
 * TN_CPU_BASE. */
#if defined(__x86_64__)
#define TN_CRYPTO_X86
#endif

#define TN_KECCAK_RATE  136 /* bytes of a block */
#define TN_KECCAK_LANES 25
#define TN_KECCAK_WORDS (TN_KECCAK_RATE / 8)

extern const uint64_t tn_keccak_round_constants[24];

/* tn_keccak256_many for one set of instructions (keccak_many.h). */
typedef void tn_keccak_path(struct tn_hash *hashes, const uint8_t *messages, size_t stride,
                            size_t size, uint32_t count);
tn_keccak_path tn_keccak_many_base;
tn_keccak_path tn_keccak_many_avx2;
tn_keccak_path tn_keccak_many_avx512;

/* tn_keccak256_each for one set of instructions (keccak_each.h), and of a message by itself. */
struct tn_keccak_message;
typedef void tn_keccak_each_path(struct tn_hash *hashes, const struct tn_keccak_message *messages,
                                 uint32_t count);
tn_keccak_each_path tn_keccak_each_base;
tn_keccak_each_path tn_keccak_each_avx2;
tn_keccak_each_path tn_keccak_each_avx512;
void tn_keccak_alone(struct tn_hash *hash, const struct tn_keccak_message *message);

/* Both carry the register on, without the inversions at the ends. */
uint32_t tn_crc32c_table(uint32_t crc, const uint8_t *bytes, size_t size);
uint32_t tn_crc32c_sse42(uint32_t crc, const uint8_t *bytes, size_t size);

/* x ‖ y of a parsed key, big-endian, by the signatures that parsed it. */
struct tn_signatures;
struct tn_parsed_key;
void tn_signatures_coordinates(const struct tn_signatures *real, uint8_t coordinates[64],
                               const struct tn_parsed_key *key);

static inline uint64_t tn_crypto_load(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

#endif
