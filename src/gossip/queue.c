/* queue: one peer's messages in a ring of bytes for each class, taken by deficit round robin.
 *
 * Each class has credit in bytes. The most urgent class that has a message and credit is next; a
 * message may take the credit below zero. When no waiting class has credit, all get their quantum
 * as often as it takes for one of them to have some, and none keeps more than one quantum. So
 * within a round order is strictly by urgency, and over many rounds every class has its share. */
#include "gossip/ring.h"
#include "tenor/peer_queue.h"

#include <string.h>

enum { LENGTH_BYTES = 4, RING_BYTES_MIN = 64, RING_BYTES_MAX = 1 << 30 };

struct tn_peer_queue {
    struct tn_peer_queue_state state;
    struct ring rings[TN_PRIORITIES];
    uint8_t *bytes[TN_PRIORITIES];
    int64_t credit[TN_PRIORITIES];
    uint32_t quantum[TN_PRIORITIES];
    uint32_t current; /* class of the message that peek gave, TN_PRIORITIES: none */
};

size_t tn_peer_queue_size(const struct tn_peer_queue_limits *limits)
{
    size_t size = tn_align(sizeof(struct tn_peer_queue));
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        if (limits->ring_bytes[i] < RING_BYTES_MIN || limits->ring_bytes[i] > RING_BYTES_MAX) {
            return 0;
        }
        if (limits->quantum[i] == 0 || limits->quantum[i] > RING_BYTES_MAX) return 0;
        size += tn_align(limits->ring_bytes[i]);
    }
    return size;
}

struct tn_peer_queue *tn_peer_queue_init(void *memory, const struct tn_peer_queue_limits *limits)
{
    TN_ASSERT(tn_peer_queue_size(limits) != 0 && (uintptr_t)memory % 64 == 0);
    struct tn_peer_queue *queue = memory;
    uint8_t *at = (uint8_t *)memory + tn_align(sizeof(*queue));
    *queue = (struct tn_peer_queue){.current = TN_PRIORITIES};
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        queue->rings[i].size = limits->ring_bytes[i];
        queue->quantum[i] = limits->quantum[i];
        queue->credit[i] = limits->quantum[i];
        queue->bytes[i] = at;
        at += tn_align(limits->ring_bytes[i]);
    }
    return queue;
}

bool tn_peer_queue_put(struct tn_peer_queue *queue, enum tn_priority priority, const uint8_t *bytes,
                       size_t size)
{
    TN_ASSERT(priority < TN_PRIORITIES && size > 0);
    struct ring *ring = &queue->rings[priority];
    uint64_t offset = size < RING_BYTES_MAX ? ring_place(ring, size + LENGTH_BYTES) : RING_FULL;
    if (offset == RING_FULL) {
        queue->state.drops[priority]++;
        queue->state.drop_bytes[priority] += size;
        return false;
    }
    ring_take(ring, offset, size + LENGTH_BYTES);
    uint32_t length = (uint32_t)size;
    memcpy(queue->bytes[priority] + offset, &length, LENGTH_BYTES);
    memcpy(queue->bytes[priority] + offset + LENGTH_BYTES, bytes, size);
    queue->state.taken[priority]++;
    queue->state.count[priority]++;
    queue->state.bytes[priority] += size;
    return true;
}

/* The rounds until a waiting class has credit again; 0 when one has. */
static int64_t rounds_needed(const struct tn_peer_queue *queue)
{
    int64_t rounds = INT64_MAX;
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        if (queue->rings[i].count == 0) continue;
        int64_t quantum = queue->quantum[i];
        int64_t short_of = 1 - queue->credit[i];
        int64_t needed = short_of <= 0 ? 0 : (short_of + quantum - 1) / quantum;
        if (needed < rounds) rounds = needed;
    }
    return rounds;
}

static uint32_t pick(struct tn_peer_queue *queue)
{
    int64_t rounds = rounds_needed(queue);
    TN_ASSERT(rounds != INT64_MAX);
    for (uint32_t i = 0; i < TN_PRIORITIES && rounds > 0; i++) {
        int64_t credit = queue->credit[i] + rounds * queue->quantum[i];
        queue->credit[i] = credit < queue->quantum[i] ? credit : queue->quantum[i];
    }
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        if (queue->rings[i].count > 0 && queue->credit[i] > 0) return i;
    }
    TN_ASSERT(false);
    return TN_PRIORITIES;
}

bool tn_peer_queue_peek(struct tn_peer_queue *queue, const uint8_t **bytes, size_t *size,
                        enum tn_priority *priority)
{
    if (queue->current == TN_PRIORITIES) {
        uint32_t waiting = 0;
        for (uint32_t i = 0; i < TN_PRIORITIES; i++)
            waiting += queue->rings[i].count;
        if (waiting == 0) return false;
        queue->current = pick(queue);
    }
    const uint8_t *at = queue->bytes[queue->current] + queue->rings[queue->current].head;
    uint32_t length;
    memcpy(&length, at, LENGTH_BYTES);
    *bytes = at + LENGTH_BYTES;
    *size = length;
    *priority = (enum tn_priority)queue->current;
    return true;
}

void tn_peer_queue_pop(struct tn_peer_queue *queue)
{
    uint32_t class = queue->current;
    TN_ASSERT(class < TN_PRIORITIES && queue->rings[class].count > 0);
    uint32_t length;
    memcpy(&length, queue->bytes[class] + queue->rings[class].head, LENGTH_BYTES);
    ring_give(&queue->rings[class], (uint64_t)length + LENGTH_BYTES);
    queue->credit[class] -= length;
    queue->state.count[class]--;
    queue->state.bytes[class] -= length;
    queue->current = TN_PRIORITIES;
}

void tn_peer_queue_clear(struct tn_peer_queue *queue)
{
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        queue->rings[i] = (struct ring){.size = queue->rings[i].size};
        queue->credit[i] = queue->quantum[i];
        queue->state.count[i] = 0;
        queue->state.bytes[i] = 0;
    }
    queue->current = TN_PRIORITIES;
}

const struct tn_peer_queue_state *tn_peer_queue_state(const struct tn_peer_queue *queue)
{
    return &queue->state;
}
