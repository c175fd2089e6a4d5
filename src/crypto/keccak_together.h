/* keccak_together: keccak256 of TN_LANES messages of one size, side by side; one text for every
 * width, a lone message included.
 *
 * Messages of one size have their blocks' ends at the same places, so their sponges run in step: a
 * lane of the state holds the same word of each. Where there are fewer messages than lanes the idle
 * ones repeat the first. No byte outside of a message is read. */
#ifndef TN_CRYPTO_KECCAK_TOGETHER_H
#define TN_CRYPTO_KECCAK_TOGETHER_H

#include "crypto/keccak_rounds.h"

#if TN_LANES == 1
#define EACH_LANE(of) of(0)
#elif TN_LANES == 2
#define EACH_LANE(of) of(0), of(1)
#elif TN_LANES == 4
#define EACH_LANE(of) of(0), of(1), of(2), of(3)
#elif TN_LANES == 8
#define EACH_LANE(of) of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)
#else
#error "1, 2, 4 or 8 messages go side by side"
#endif

/* absorb adds `count` words of each message to the state. */
static inline void absorb(lane state[TN_KECCAK_LANES], const uint8_t *const at[TN_LANES],
                          size_t offset, size_t count)
{
#define WORD_OF(i) tn_crypto_load(at[i] + from)
    TN_ASSERT(count <= TN_KECCAK_WORDS);
    for (size_t word = 0; word < count; word++) {
        size_t from = offset + 8 * word;
        state[word] ^= (lane){EACH_LANE(WORD_OF)};
    }
#undef WORD_OF
}

/* The last `rest` < 8 bytes of a message and the padding's first bit. Where the message has eight
 * bytes the word they end is loaded: never a byte outside of it. */
static inline uint64_t last_word(const uint8_t *message, size_t size, size_t rest)
{
    TN_ASSERT(rest < 8);
    uint64_t word = 0;
    if (rest == 0) return 1;
    if (size >= 8)
        word = tn_crypto_load(message + size - 8) >> (64 - 8 * rest);
    else
        memcpy(&word, message, rest);
    return word | UINT64_C(1) << 8 * rest;
}

static inline void absorb_end(lane state[TN_KECCAK_LANES], const uint8_t *const at[TN_LANES],
                              size_t size, size_t offset)
{
    size_t words_count = (size - offset) / 8;
    size_t rest = (size - offset) % 8;
#define LAST_OF(i) last_word(at[i], size, rest)
    TN_ASSERT(words_count < TN_KECCAK_WORDS);
    absorb(state, at, offset, words_count);
    state[words_count] ^= (lane){EACH_LANE(LAST_OF)};
    state[TN_KECCAK_WORDS - 1] ^= UINT64_C(1) << 63;
#undef LAST_OF
}

static void hash_together(struct tn_hash *hashes, const uint8_t *messages, size_t stride,
                          size_t size, uint32_t count)
{
    lane state[TN_KECCAK_LANES];
    const uint8_t *at[TN_LANES];
    TN_ASSERT(count > 0 && count <= TN_LANES);
    for (uint32_t i = 0; i < TN_LANES; i++)
        at[i] = i > 0 && i < count ? messages + i * stride : messages;

    memset(state, 0, sizeof state);
    size_t offset = 0;
    for (bool is_last = false; !is_last; offset += TN_KECCAK_RATE) {
        is_last = size - offset < TN_KECCAK_RATE;
        if (is_last)
            absorb_end(state, at, size, offset);
        else
            absorb(state, at, offset, TN_KECCAK_WORDS);
        permute(state);
    }

    uint64_t words[TN_HASH_SIZE / 8][TN_LANES];
    memcpy(words, state, sizeof words);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t word = 0; word < TN_HASH_SIZE / 8; word++)
            memcpy(hashes[i].bytes + 8 * word, &words[word][i], 8);
    }
}

#endif
