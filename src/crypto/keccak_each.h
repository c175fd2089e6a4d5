/* keccak_each: hashes of messages of two pieces and of any sizes, TN_LANES at a time; one text for
 * every width.
 *
 * Lanes take a step whether their message goes on or has ended: a hash is taken out at its
 * message's end, and what the lane does then is nobody's. Where a block of 136 bytes lies whole in
 * a message's second piece it is read where it is; the others, at most three of a message, are laid
 * out first.
 *
 * The includer sets TN_LANES and EACH, the name of the function. */
#include "crypto/keccak_together.h"
#include "tenor/keccak.h"

/* The block at `offset` of a message and its padding: in place, or in the buffer. */
static const uint8_t *block_of(uint8_t buffer[TN_KECCAK_RATE],
                               const struct tn_keccak_message *message, size_t offset)
{
    const size_t end = message->head_size + message->size;
    size_t at = 0;
    if (offset > end) return buffer; /* it has ended: any bytes will do */
    if (offset >= message->head_size && end - offset >= TN_KECCAK_RATE) {
        return message->bytes + (offset - message->head_size);
    }
    if (offset < message->head_size) {
        at = message->head_size - offset;
        memcpy(buffer, message->head + offset, at);
    }
    const size_t from = offset + at - message->head_size;
    size_t count = message->size - from;
    if (count > TN_KECCAK_RATE - at) count = TN_KECCAK_RATE - at;
    if (count > 0) memcpy(buffer + at, message->bytes + from, count);
    at += count;
    if (at == TN_KECCAK_RATE) return buffer;
    memset(buffer + at, 0, TN_KECCAK_RATE - at);
    buffer[at] = 0x01;
    buffer[TN_KECCAK_RATE - 1] |= 0x80;
    return buffer;
}

static void take_out(struct tn_hash *hash, const lane state[TN_KECCAK_LANES], uint32_t index)
{
    uint64_t words[TN_HASH_SIZE / 8][TN_LANES];
    memcpy(words, state, sizeof words);
    for (uint32_t word = 0; word < TN_HASH_SIZE / 8; word++)
        memcpy(hash->bytes + 8 * word, &words[word][index], 8);
}

static void hash_each(struct tn_hash *hashes, const struct tn_keccak_message *messages,
                      uint32_t count)
{
    lane state[TN_KECCAK_LANES];
    uint8_t buffers[TN_LANES][TN_KECCAK_RATE];
    const uint8_t *at[TN_LANES];
    TN_ASSERT(count > 0 && count <= TN_LANES);
    memset(state, 0, sizeof state);
    memset(buffers, 0, sizeof buffers);
    uint32_t left = count;
    for (size_t offset = 0; left > 0; offset += TN_KECCAK_RATE) {
        for (uint32_t i = 0; i < TN_LANES; i++)
            at[i] = i < count ? block_of(buffers[i], &messages[i], offset) : buffers[i];
        absorb(state, at, 0, TN_KECCAK_WORDS);
        permute(state);
        for (uint32_t i = 0; i < count; i++) {
            const size_t end = messages[i].head_size + messages[i].size;
            if (offset > end || end - offset >= TN_KECCAK_RATE) continue;
            take_out(&hashes[i], state, i);
            left--;
        }
    }
}

tn_keccak_each_path EACH;
void EACH(struct tn_hash *hashes, const struct tn_keccak_message *messages, uint32_t count)
{
    while (count > 1) {
        const uint32_t together = count < TN_LANES ? count : TN_LANES;
        hash_each(hashes, messages, together);
        hashes += together;
        messages += together;
        count -= together;
    }
    if (count == 1) tn_keccak_alone(hashes, messages);
}
