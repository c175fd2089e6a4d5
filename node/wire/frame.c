/* What clients sign, as the node's other parts take it. A frame's payload goes into its entry as
 * the very bytes that came: docs/specs/frame.md. */
#include "wire/wire.h"

#include "tenor/entry.h"
#include "tenor/frame.h"

#include <string.h>

/* Big-endian, `size` bytes; returns where the next goes. */
static uint8_t *put(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return out + size;
}

size_t wire_frame_entry(uint8_t *out, size_t room, const Tenor__V1__SignedFrame *frame)
{
    size_t payload_size = frame->payload.len;
    if (payload_size == 0 || payload_size > TN_PAYLOAD_BYTES_MAX) return 0;
    if (frame->signature.len != 64) return 0;
    size_t size = 2 + 4 + payload_size + 64;
    if (size > room) return size;

    uint8_t *at = put(out, TN_ENTRY_VERSION_2, 1);
    at = put(at, TN_ENTRY_FRAME, 1);
    at = put(at, payload_size, 4);
    memcpy(at, frame->payload.data, payload_size);
    memcpy(at + payload_size, frame->signature.data, 64);
    return size;
}

void wire_logon_digest(struct tn_hash *digest, const uint8_t chain_id[32],
                       const uint8_t challenge[32], uint32_t market, uint64_t session,
                       Tenor__V1__OnDisconnect on_disconnect)
{
    uint8_t bytes[8 + 32 + 32 + 4 + 8 + 1];
    memcpy(bytes, "TNLOGON1", 8);
    memcpy(bytes + 8, chain_id, 32);
    memcpy(bytes + 40, challenge, 32);
    uint8_t *at = put(bytes + 72, market, 4);
    at = put(at, session, 8);
    at = put(at, (uint64_t)on_disconnect, 1);
    TN_ASSERT(at == bytes + sizeof bytes);
    tn_keccak256(digest, bytes, sizeof bytes);
}
