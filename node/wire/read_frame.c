/* Frames, which are most of what clients send, read without the descriptions, whose lines of memory
 * the general reader waits for one after the other. This one knows one shape, a frame that is
 * right; of all else it says only that it is not that, and the general reader says what it is. The
 * rules are that reader's: each meaning has one spelling. */
#include "wire/internal.h"

#include <string.h>

enum {
    REQUEST_TAG = 1 << 3,
    FRAME_TAG = 5 << 3 | 2,
    PAYLOAD_TAG = 1 << 3 | 2,
    SIGNATURE_TAG = 2 << 3 | 2,
    WAIT_TAG = 3 << 3,
    SIGNATURE_BYTES = 64,
};

/* Bytes that are left to be read. */
struct rest {
    const uint8_t *at, *end;
};

static bool take_tag(struct rest *rest, uint8_t tag)
{
    if (rest->at == rest->end || *rest->at != tag) return false;
    rest->at++;
    return true;
}

/* Not zero, and no longer than it need be: both show in the last byte. */
static bool take_number(struct rest *rest, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; rest->at < rest->end; shift += 7) {
        const uint8_t byte = *rest->at++;
        if (shift == 63 && byte > 1) return false;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *value = sum;
        return byte != 0;
    }
    return false;
}

static bool take_part(struct rest *rest, struct rest *part, uint8_t tag)
{
    uint64_t size;
    if (!take_tag(rest, tag) || !take_number(rest, &size)) return false;
    if (size > (uint64_t)(rest->end - rest->at)) return false;
    *part = (struct rest){rest->at, rest->at + size};
    rest->at += size;
    return true;
}

static bool copy(struct wire_arena *arena, ProtobufCBinaryData *to, const struct rest *from)
{
    to->len = (size_t)(from->end - from->at);
    to->data = wire_take(arena, to->len);
    if (to->data == NULL) return false;
    memcpy(to->data, from->at, to->len);
    return true;
}

static bool make(struct wire_arena *arena, Tenor__V1__ToNode **message, uint64_t request,
                 const struct rest *payload, const struct rest *signature, uint64_t wait)
{
    Tenor__V1__ToNode *made = wire_take(arena, sizeof *made);
    Tenor__V1__SignedFrame *frame = wire_take(arena, sizeof *frame);
    if (made == NULL || frame == NULL) return false;
    *made = (Tenor__V1__ToNode)TENOR__V1__TO_NODE__INIT;
    *frame = (Tenor__V1__SignedFrame)TENOR__V1__SIGNED_FRAME__INIT;
    if (!copy(arena, &frame->payload, payload) || !copy(arena, &frame->signature, signature))
        return false;
    frame->wait = (Tenor__V1__Wait)wait;
    made->request = request;
    made->body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    made->frame = frame;
    *message = made;
    return true;
}

bool wire_read_frame(struct wire_arena *arena, Tenor__V1__ToNode **message, const uint8_t *bytes,
                     size_t size)
{
    struct rest rest = {bytes, bytes + size}, frame, payload, signature;
    uint64_t request = 0, wait = 0;
    if (size > WIRE_TO_NODE_BYTES_MAX) return false;
    if (take_tag(&rest, REQUEST_TAG) && !take_number(&rest, &request)) return false;
    if (!take_part(&rest, &frame, FRAME_TAG) || rest.at != rest.end) return false;
    if (!take_part(&frame, &payload, PAYLOAD_TAG) ||
        !take_part(&frame, &signature, SIGNATURE_TAG) ||
        signature.end - signature.at != SIGNATURE_BYTES)
        return false;
    if (take_tag(&frame, WAIT_TAG) &&
        (!take_number(&frame, &wait) || wait > TENOR__V1__WAIT__NEITHER))
        return false;
    return frame.at == frame.end && make(arena, message, request, &payload, &signature, wait);
}
