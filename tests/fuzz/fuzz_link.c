/* A fuzzer's bytes as what a peer sends: cut at every place the same messages come out, and each is
 * within what its kind may have; the handshake's messages read back what they write.
 *
 * The first byte says whether it is a handshake, the second how the rest is cut into pieces. */
#include "link/frame.h"
#include "link/hello.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct tn_digest messages;
    uint32_t count;
    enum frame_result end;
    size_t taken; /* in all */
};

static void see(struct outcome *outcome, const struct frame_reader *reader, bool handshake)
{
    TN_ASSERT(reader->size > 0);
    TN_ASSERT(reader->size <= frame_bytes_max(reader->message[0], handshake));
    outcome->count++;
    tn_digest_u64(&outcome->messages, reader->size);
    for (uint32_t i = 0; i < reader->size; i++)
        tn_digest_u64(&outcome->messages, reader->message[i]);
}

static struct outcome read_all(const uint8_t *data, size_t size, size_t piece, bool handshake)
{
    struct frame_reader reader = {0};
    struct outcome outcome = {.end = FRAME_MORE};
    while (outcome.taken < size && outcome.end <= FRAME_WHOLE) {
        size_t taken;
        size_t left = size - outcome.taken;
        if (left > piece) left = piece;
        outcome.end = frame_read(&reader, &taken, data + outcome.taken, left, handshake);
        TN_ASSERT(taken <= left && (taken > 0 || outcome.end > FRAME_WHOLE));
        outcome.taken += taken;
        TN_ASSERT(reader.message_max <= 2 * outcome.taken + FRAME_BUFFER_BYTES);
        if (outcome.end == FRAME_WHOLE) see(&outcome, &reader, handshake);
    }
    frame_free(&reader);
    return outcome;
}

static void read_handshake(const uint8_t *data, size_t size)
{
    struct hello hello;
    struct tn_signature signature;
    uint8_t bytes[HELLO_BYTES];
    memset(&hello, 0, sizeof hello);
    if (hello_read(&hello, data, size)) {
        hello_write(bytes, &hello);
        TN_ASSERT(size == HELLO_BYTES && memcmp(bytes, data, size) == 0);
    }
    if (hello_read_reply(&hello, data, size)) {
        hello_write_reply(bytes, &hello);
        TN_ASSERT(size == HELLO_REPLY_BYTES && memcmp(bytes, data, size) == 0);
    }
    if (hello_read_proof(&signature, data, size)) {
        hello_write_proof(bytes, &signature);
        TN_ASSERT(size == HELLO_PROOF_BYTES && memcmp(bytes, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    bool handshake = (data[0] & 1) != 0;
    size_t piece = (size_t)data[1] + 1;
    struct outcome whole = read_all(data + 2, size - 2, size, handshake);
    struct outcome cut = read_all(data + 2, size - 2, piece, handshake);
    TN_ASSERT(whole.count == cut.count && whole.messages.value == cut.messages.value);
    TN_ASSERT((whole.end > FRAME_WHOLE) == (cut.end > FRAME_WHOLE));
    read_handshake(data + 2, size - 2);
    return 0;
}
