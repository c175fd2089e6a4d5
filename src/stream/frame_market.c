/* The market that a frame names, without reading the frame: its payload begins with field 1, the
 * market, as a varint, and a payload that leaves it out names market 0, which there is not. */
#include "stream/internal.h"
#include "tenor/frame.h"

enum { MARKET_FIELD = 1 << 3, VARINT_BITS = 7, MARKET_BYTES_MAX = 5 };

bool tn_stream_frame_market(uint32_t *market, const uint8_t *bytes, size_t size)
{
    const size_t head = ENTRY_HEAD_BYTES + FRAME_SIZE_BYTES;
    uint64_t value = 0;
    if (size < head + 2 || bytes[0] != TN_ENTRY_VERSION_2 || bytes[1] != TN_ENTRY_FRAME ||
        bytes[head] != MARKET_FIELD) {
        return false;
    }
    for (uint32_t i = 0; i < MARKET_BYTES_MAX && head + 1 + i < size; i++) {
        uint8_t byte = bytes[head + 1 + i];
        value |= (uint64_t)(byte & 0x7f) << (VARINT_BITS * i);
        if (byte >= 0x80) continue;
        *market = (uint32_t)value;
        return value <= UINT32_MAX;
    }
    return false;
}
