/* digests: those of a body's frames, some at a time, ahead of whoever reads it.
 *
 * A digest is found by where its payload lies, so it is never another frame's; whoever asks for one
 * that was not foreseen gets none and works it out. Frames are foreseen by the lengths of entries
 * and by how an entry begins, so one that does not hold costs a hash and no more. */
#include "stream/internal.h"

void tn_stream_digests_begin(struct tn_stream_digests *digests, enum tn_cpu cpu,
                             const uint8_t chain_id[32], const uint8_t *body, size_t body_size)
{
    digests->body = body;
    digests->body_size = body_size;
    digests->at = TN_BATCH_HEADER_BYTES;
    digests->cpu = cpu;
    digests->count = 0;
    tn_stream_frame_head(digests->head, chain_id);
}

/* The payload of the next frame; NULL when none follows. */
static const uint8_t *next_payload(struct tn_stream_digests *digests, size_t *size)
{
    const uint8_t *body = digests->body;
    while (digests->at < digests->body_size &&
           digests->body_size - digests->at >= TN_BATCH_LENGTH_BYTES) {
        const size_t length = (size_t)tn_get_be(body + digests->at, TN_BATCH_LENGTH_BYTES);
        const size_t begin = digests->at + TN_BATCH_LENGTH_BYTES;
        if (length > digests->body_size - begin) break;
        digests->at = begin + length;
        const uint8_t *payload = tn_stream_frame_payload(size, body + begin, length);
        if (payload != NULL) return payload;
    }
    digests->at = digests->body_size;
    return NULL;
}

static void look_ahead(struct tn_stream_digests *digests)
{
    digests->count = 0;
    while (digests->count < TN_STREAM_DIGESTS_TOGETHER) {
        size_t size;
        const uint8_t *payload = next_payload(digests, &size);
        if (payload == NULL) break;
        digests->messages[digests->count++] =
            (struct tn_keccak_message){.head = digests->head,
                                       .head_size = sizeof(digests->head),
                                       .bytes = payload,
                                       .size = size};
    }
    tn_keccak256_each(digests->hashes, digests->cpu, digests->messages, digests->count);
}

static const struct tn_hash *find(const struct tn_stream_digests *digests,
                                  const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < digests->count; i++) {
        if (digests->messages[i].bytes == frame->payload &&
            digests->messages[i].size == frame->payload_size)
            return &digests->hashes[i];
    }
    return NULL;
}

const struct tn_hash *tn_stream_digests_of(struct tn_stream_digests *digests,
                                           const struct tn_frame *frame)
{
    const struct tn_hash *found = find(digests, frame);
    const uintptr_t payload = (uintptr_t)frame->payload, body = (uintptr_t)digests->body;
    if (found != NULL) return found;
    if (payload < body + digests->at || payload >= body + digests->body_size) return NULL;
    look_ahead(digests);
    return find(digests, frame);
}
