/* ring: runs of bytes taken in one order and given back in the same order, each in one piece.
 *
 * A run that does not fit before the end begins at 0, and what is left before the end waits for the
 * runs around it to go. Holds offsets only; whose the bytes are is the user's. */
#ifndef TENOR_GOSSIP_RING_H
#define TENOR_GOSSIP_RING_H

#include "tenor/base.h"

#define RING_FULL UINT64_MAX

struct ring {
    uint64_t size;
    uint64_t head; /* the oldest run */
    uint64_t tail; /* behind the newest */
    uint64_t end;  /* wrapped: where the runs before the wrap end */
    uint32_t count;
    bool wrapped;
};

/* The offset of a run of so many bytes, RING_FULL when it does not fit. */
static inline uint64_t ring_place(const struct ring *ring, uint64_t bytes)
{
    TN_ASSERT(bytes > 0);
    if (ring->count == 0) return bytes <= ring->size ? 0 : RING_FULL;
    if (ring->wrapped) return ring->head - ring->tail >= bytes ? ring->tail : RING_FULL;
    if (ring->size - ring->tail >= bytes) return ring->tail;
    return ring->head >= bytes ? 0 : RING_FULL;
}

/* Takes what ring_place has just given. */
static inline void ring_take(struct ring *ring, uint64_t offset, uint64_t bytes)
{
    TN_ASSERT(offset == ring_place(ring, bytes) && offset != RING_FULL);
    if (ring->count == 0) {
        ring->head = 0;
        ring->wrapped = false;
    } else if (!ring->wrapped && offset != ring->tail) {
        ring->end = ring->tail;
        ring->wrapped = true;
    }
    ring->tail = offset + bytes;
    ring->count++;
}

/* Gives the oldest run back. */
static inline void ring_give(struct ring *ring, uint64_t bytes)
{
    TN_ASSERT(ring->count > 0);
    ring->head += bytes;
    ring->count--;
    if (ring->wrapped && ring->head == ring->end) {
        ring->head = 0;
        ring->wrapped = false;
    }
    if (ring->count == 0) TN_ASSERT(ring->head == ring->tail && !ring->wrapped);
}

#endif
