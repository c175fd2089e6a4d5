/* ring: the bytes of one direction of a stream. */
#ifndef NODE_LINK_RING_H
#define NODE_LINK_RING_H

#include "link/stream.h"

#include <string.h>

struct stream_ring {
    uint32_t head, tail; /* free-running: bytes lie in [head, tail) */
    uint8_t bytes[STREAM_RING_BYTES];
};
_Static_assert((STREAM_RING_BYTES & (STREAM_RING_BYTES - 1)) == 0, "indexes wrap by a mask");

static inline uint32_t stream_ring_used(const struct stream_ring *ring)
{
    return ring->tail - ring->head;
}

/* The bytes from an index on that lie in one piece, at most count. */
static inline uint32_t stream_ring_piece(uint32_t index, uint32_t count)
{
    uint32_t left = STREAM_RING_BYTES - index % STREAM_RING_BYTES;
    return count < left ? count : left;
}

/* Takes as many of the bytes as there is room for; how many. */
static inline size_t stream_ring_take(struct stream_ring *ring, const uint8_t *bytes, size_t size)
{
    size_t room = STREAM_RING_BYTES - stream_ring_used(ring);
    size_t count = size < room ? size : room;
    for (size_t done = 0; done < count;) {
        uint32_t part = stream_ring_piece(ring->tail, (uint32_t)(count - done));
        memcpy(ring->bytes + ring->tail % STREAM_RING_BYTES, bytes + done, part);
        ring->tail += part;
        done += part;
    }
    return count;
}

#endif
