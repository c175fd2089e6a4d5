/* keccak: keccak256 of one message, whole or in pieces, and the choice of a path for many.
 *
 * A sponge: the message is added to the first 136 bytes of a state of 200, block by block, with a
 * permutation of the state after each; the hash is what then stands first. The padding is a 1 bit
 * right after the message and another at the block's end (0x01 … 0x80, of which SHA3-256 differs).
 * Between calls `filled` < 136: a full block is permuted at once. */
#define TN_LANES 1
#include "tenor/keccak.h"
#include "crypto/keccak_together.h"

/* iota, of rounds 0 to 23: FIPS 202 §3.2.5. */
const uint64_t tn_keccak_round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static __attribute__((noinline)) void permute_block(struct tn_keccak *keccak)
{
    permute(keccak->lanes);
    keccak->filled = 0;
}

/* add_bytes adds bytes that stay within one word. */
static void add_bytes(uint64_t *lanes, uint32_t place, const uint8_t *bytes, uint32_t count)
{
    uint64_t word = 0;
    TN_ASSERT(place % 8 + count <= 8);
    for (uint32_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    if (count > 0) lanes[place / 8] ^= word << 8 * (place % 8);
}

/* add_within adds bytes that stay within the block: up to a word's end, whole words, the rest. */
static void add_within(uint64_t *lanes, uint32_t place, const uint8_t *bytes, uint32_t count)
{
    TN_ASSERT(place + count <= TN_KECCAK_RATE);
    uint32_t head = (8 - place % 8) % 8;
    if (head > count) head = count;
    add_bytes(lanes, place, bytes, head);
    for (; count - head >= 8; head += 8)
        lanes[(place + head) / 8] ^= tn_crypto_load(bytes + head);
    add_bytes(lanes, place + head, bytes + head, count - head);
}

void tn_keccak_begin(struct tn_keccak *keccak)
{
    memset(keccak, 0, sizeof *keccak);
}

void tn_keccak_add(struct tn_keccak *keccak, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    TN_ASSERT(keccak->filled < TN_KECCAK_RATE);
    TN_ASSERT(bytes != NULL || size == 0);
    while (size > 0) {
        uint32_t room = TN_KECCAK_RATE - keccak->filled;
        uint32_t count = size < room ? (uint32_t)size : room;
        add_within(keccak->lanes, keccak->filled, at, count);
        keccak->filled += count;
        at += count;
        size -= count;
        if (keccak->filled == TN_KECCAK_RATE) permute_block(keccak);
    }
}

void tn_keccak_end(struct tn_keccak *keccak, struct tn_hash *hash)
{
    TN_ASSERT(keccak->filled < TN_KECCAK_RATE);
    keccak->lanes[keccak->filled / 8] ^= UINT64_C(1) << 8 * (keccak->filled % 8);
    keccak->lanes[TN_KECCAK_WORDS - 1] ^= UINT64_C(1) << 63;
    permute_block(keccak);
    memcpy(hash->bytes, keccak->lanes, TN_HASH_SIZE);
}

void tn_keccak256(struct tn_hash *hash, const void *message, size_t size)
{
    TN_ASSERT(message != NULL || size == 0);
    hash_together(hash, message, size, size, 1);
}

static tn_keccak_path *path_of(enum tn_cpu cpu)
{
#ifdef TN_CRYPTO_X86
    switch (cpu) {
        case TN_CPU_BASE: return tn_keccak_many_base;
        case TN_CPU_AVX2: return tn_keccak_many_avx2;
        case TN_CPU_AVX512: return tn_keccak_many_avx512;
    }
    TN_ASSERT(false);
#else
    (void)cpu;
#endif
    return tn_keccak_many_base;
}

void tn_keccak256_many(struct tn_hash *hashes, enum tn_cpu cpu, const uint8_t *messages,
                       size_t stride, size_t size, uint32_t count)
{
    TN_ASSERT(stride >= size || count <= 1);
    path_of(cpu)(hashes, messages, stride, size, count);
}

void tn_keccak_alone(struct tn_hash *hash, const struct tn_keccak_message *message)
{
    struct tn_keccak keccak;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, message->head, message->head_size);
    tn_keccak_add(&keccak, message->bytes, message->size);
    tn_keccak_end(&keccak, hash);
}

static tn_keccak_each_path *each_path_of(enum tn_cpu cpu)
{
#ifdef TN_CRYPTO_X86
    switch (cpu) {
        case TN_CPU_BASE: return tn_keccak_each_base;
        case TN_CPU_AVX2: return tn_keccak_each_avx2;
        case TN_CPU_AVX512: return tn_keccak_each_avx512;
    }
    TN_ASSERT(false);
#else
    (void)cpu;
#endif
    return tn_keccak_each_base;
}

void tn_keccak256_each(struct tn_hash *hashes, enum tn_cpu cpu,
                       const struct tn_keccak_message *messages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(messages[i].head_size <= TN_KECCAK_HEAD_MAX);
        TN_ASSERT(messages[i].head != NULL || messages[i].head_size == 0);
        TN_ASSERT(messages[i].bytes != NULL || messages[i].size == 0);
    }
    each_path_of(cpu)(hashes, messages, count);
}
