/* The reader of frames: total, strict, and bounded by what the kind allows and by what arrived.
 *
 * One message is assembled at a time. A buffer larger than the usual one is given back when the
 * next message begins, so that a connection that once carried a large one does not hold its memory
 * for ever. */
#include "link/frame.h"

#include "link/hello.h"

#include <stdlib.h>
#include <string.h>

uint32_t frame_bytes_max(uint8_t kind, bool handshake)
{
    switch (kind) {
        case LINK_KIND_HELLO: return handshake ? HELLO_BYTES : 0;
        case LINK_KIND_REPLY: return handshake ? HELLO_REPLY_BYTES : 0;
        case LINK_KIND_PROOF: return handshake ? HELLO_PROOF_BYTES : 0;
        case LINK_KIND_PING:
        case LINK_KIND_PONG: return handshake ? 0 : 9;
    }
    return handshake ? 0 : tn_peer_bytes_max(kind);
}

static enum frame_result judge_head(const struct frame_reader *reader, bool handshake)
{
    uint32_t size = (uint32_t)tn_get_be(reader->head, 4);
    uint32_t bytes_max = frame_bytes_max(reader->head[4], handshake);
    if (size == 0 || bytes_max == 0) return FRAME_MALFORMED;
    return size > bytes_max ? FRAME_OVERSIZE : FRAME_WHOLE;
}

/* Room for at least `count` bytes: at most twice of what is there. */
static bool grow(struct frame_reader *reader, uint32_t count)
{
    if (count <= reader->message_max) return true;
    uint32_t bytes_max = FRAME_BUFFER_BYTES;
    while (bytes_max < count)
        bytes_max *= 2;
    uint8_t *message = realloc(reader->message, bytes_max);
    if (message == NULL) return false;
    reader->message = message;
    reader->message_max = bytes_max;
    return true;
}

static enum frame_result begin(struct frame_reader *reader, bool handshake)
{
    enum frame_result result = judge_head(reader, handshake);
    if (result != FRAME_WHOLE) return result;
    reader->size = (uint32_t)tn_get_be(reader->head, 4);
    if (!grow(reader, 1)) return FRAME_MEMORY;
    reader->message[0] = reader->head[4];
    reader->count = 1;
    return FRAME_MORE;
}

enum frame_result frame_read(struct frame_reader *reader, size_t *taken, const uint8_t *bytes,
                             size_t size, bool handshake)
{
    *taken = 0;
    if (reader->whole) {
        reader->whole = false;
        reader->head_count = 0;
        if (reader->message_max > 16 * FRAME_BUFFER_BYTES) frame_free(reader);
    }
    while (reader->head_count < FRAME_HEAD_BYTES) {
        if (*taken == size) return FRAME_MORE;
        reader->head[reader->head_count++] = bytes[(*taken)++];
        if (reader->head_count < FRAME_HEAD_BYTES) continue;
        enum frame_result result = begin(reader, handshake);
        if (result != FRAME_MORE) return result;
    }
    TN_ASSERT(reader->count <= reader->size);
    size_t left = reader->size - reader->count;
    size_t piece = size - *taken < left ? size - *taken : left;
    if (piece > 0) {
        if (!grow(reader, reader->count + (uint32_t)piece)) return FRAME_MEMORY;
        memcpy(reader->message + reader->count, bytes + *taken, piece);
        reader->count += (uint32_t)piece;
        *taken += piece;
    }
    reader->whole = reader->count == reader->size;
    return reader->whole ? FRAME_WHOLE : FRAME_MORE;
}

void frame_free(struct frame_reader *reader)
{
    free(reader->message);
    memset(reader, 0, sizeof *reader);
}
