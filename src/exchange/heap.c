/* heap: orders that expire, soonest first: a binary heap of slots for good-till-time and one for
 * good-till-block. Each order knows its place, so leaving early costs O(log n) too.
 *
 * Equal times go by order id, so that sweeps take orders out in one defined order. */
#include "exchange/internal.h"

static struct heap *heap_of(struct tn_exchange *exchange, uint32_t slot)
{
    return exchange->orders[slot].tif == TN_GTT ? &exchange->by_time : &exchange->by_block;
}

static bool is_sooner(const struct tn_exchange *exchange, uint32_t a, uint32_t b)
{
    int64_t until_a = exchange->orders[a].until, until_b = exchange->orders[b].until;
    if (until_a != until_b) return until_a < until_b;
    return exchange->resting[a].id < exchange->resting[b].id;
}

static void put(struct tn_exchange *exchange, struct heap *heap, uint32_t at, uint32_t slot)
{
    heap->slots[at] = slot;
    exchange->orders[slot].heap_position = at;
}

static void sift(struct tn_exchange *exchange, struct heap *heap, uint32_t at, uint32_t slot)
{
    while (at > 0 && is_sooner(exchange, slot, heap->slots[(at - 1) / 2])) {
        put(exchange, heap, at, heap->slots[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count &&
            is_sooner(exchange, heap->slots[child + 1], heap->slots[child])) {
            child++;
        }
        if (!is_sooner(exchange, heap->slots[child], slot)) break;
        put(exchange, heap, at, heap->slots[child]);
        at = child;
    }
    put(exchange, heap, at, slot);
}

void tn_heap_add(struct tn_exchange *exchange, uint32_t slot)
{
    struct heap *heap = heap_of(exchange, slot);
    TN_ASSERT(heap->count < exchange->limits.orders_max);
    sift(exchange, heap, heap->count++, slot);
}

void tn_heap_remove(struct tn_exchange *exchange, uint32_t slot)
{
    struct heap *heap = heap_of(exchange, slot);
    uint32_t at = exchange->orders[slot].heap_position;
    TN_ASSERT(at < heap->count && heap->slots[at] == slot);
    uint32_t last = heap->slots[--heap->count];
    if (last != slot) sift(exchange, heap, at, last);
}
