/* chachapoly: cipher and tag together (RFC 8439 §2.8).
 *
 * Block 0 of the key stream is Poly1305's key, so the first run of blocks has seven for the data
 * and the others eight. What is encrypted goes into the tag right after, while it is near. */
#include "cipher/chachapoly.h"

#include <string.h>

enum { RUN = CHACHAPOLY_AT_ONCE * CHACHAPOLY_BLOCK_BYTES };

struct stream {
    uint32_t state[16];
    uint8_t run[RUN];
    size_t at; /* bytes of the run that are used up */
    bool is_plain;
};

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* A run in which `size` bytes are wanted. */
static void next_run(struct stream *stream, size_t size)
{
    const size_t most = size < RUN ? size : RUN;
    chacha_blocks(stream->run, stream->state,
                  (most + CHACHAPOLY_BLOCK_BYTES - 1) / CHACHAPOLY_BLOCK_BYTES, stream->is_plain);
    stream->state[12] += CHACHAPOLY_AT_ONCE;
    stream->at = 0;
}

static void begin(struct stream *stream, struct poly1305 *poly, const struct chachapoly *cipher,
                  size_t size)
{
    static const uint32_t words[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(stream->state, words, sizeof words);
    memcpy(stream->state + 4, cipher->key, sizeof cipher->key);
    stream->state[12] = 0;
    for (unsigned i = 0; i < 3; i++)
        stream->state[13 + i] = get_u32(cipher->nonce + (size_t)4 * i);
    stream->is_plain = cipher->is_plain;
    next_run(stream, CHACHAPOLY_BLOCK_BYTES + (size < RUN ? size : RUN));
    poly1305_begin(poly, stream->run, cipher->is_plain);
    stream->at = CHACHAPOLY_BLOCK_BYTES;
    poly1305_add(poly, cipher->aad, cipher->aad_size);
}

/* The next bytes of the key stream onto `in`. */
static void add_stream(struct stream *stream, uint8_t *out, const uint8_t *in, size_t size)
{
    const uint8_t *run = stream->run + stream->at;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t bytes, keys;
        memcpy(&bytes, in + i, sizeof bytes);
        memcpy(&keys, run + i, sizeof keys);
        bytes ^= keys;
        memcpy(out + i, &bytes, sizeof bytes);
    }
    for (; i < size; i++)
        out[i] = in[i] ^ run[i];
    stream->at += size;
}

static void end(struct poly1305 *poly, uint8_t tag[CHACHAPOLY_TAG_BYTES], size_t aad_size,
                size_t size)
{
    uint8_t sizes[16];
    for (unsigned i = 0; i < 8; i++) {
        sizes[i] = (uint8_t)((uint64_t)aad_size >> (8 * i));
        sizes[8 + i] = (uint8_t)((uint64_t)size >> (8 * i));
    }
    poly1305_add(poly, sizes, sizeof sizes);
    poly1305_end(poly, tag);
}

/* The key stream and the tag's state; the compiler is not to think that nobody looks. */
static void wipe(struct stream *stream, struct poly1305 *poly)
{
    memset(stream, 0, sizeof *stream);
    memset(poly, 0, sizeof *poly);
    __asm__ volatile("" : : "r"(stream), "r"(poly) : "memory");
}

static void pass(const struct chachapoly *cipher, uint8_t *out, uint8_t tag[CHACHAPOLY_TAG_BYTES],
                 const uint8_t *in, size_t size, bool seals)
{
    struct stream stream;
    struct poly1305 poly;
    begin(&stream, &poly, cipher, size);
    for (size_t done = 0; done < size;) {
        if (stream.at == RUN) next_run(&stream, size - done);
        size_t part = RUN - stream.at;
        if (part > size - done) part = size - done;
        if (!seals) poly1305_add(&poly, in + done, part);
        add_stream(&stream, out + done, in + done, part);
        if (seals) poly1305_add(&poly, out + done, part);
        done += part;
    }
    end(&poly, tag, cipher->aad_size, size);
    wipe(&stream, &poly);
}

void chachapoly_seal(const struct chachapoly *cipher, uint8_t *out,
                     uint8_t tag[CHACHAPOLY_TAG_BYTES], const uint8_t *in, size_t size)
{
    pass(cipher, out, tag, in, size, true);
}

bool chachapoly_open(const struct chachapoly *cipher, uint8_t *out,
                     const uint8_t tag[CHACHAPOLY_TAG_BYTES], const uint8_t *in, size_t size)
{
    uint8_t found[CHACHAPOLY_TAG_BYTES];
    unsigned differs = 0;
    pass(cipher, out, found, in, size, false);
    for (unsigned i = 0; i < CHACHAPOLY_TAG_BYTES; i++)
        differs |= (unsigned)(found[i] ^ tag[i]);
    if (differs == 0) return true;
    if (size > 0) memset(out, 0, size);
    return false;
}
