/* times: from when a frame was read to when its soft answer was given to the socket, as the
 * gateway's thread sees it: what the node adds to a round trip, with the waits for the signature's
 * check, for a place in the line, for the desk and for room at it.
 *
 * Answers of a turn leave at its end, so their frames are noted and counted then. Counted are
 * buckets of the node's bounds, by one thread; any may read them. */
#include "clock.h"
#include "gateway/internal.h"

static void count(struct gateway *gateway, int64_t since_us, int64_t now_us)
{
    const struct gateway_options *options = &gateway->options;
    const uint64_t took_us = now_us > since_us ? (uint64_t)(now_us - since_us) : 0;
    uint32_t bucket = 0;
    while (bucket < options->bounds_count && took_us > options->bounds_us[bucket])
        bucket++;
    gateway_add(&gateway->times.counts[bucket], 1);
    gateway_add(&gateway->times.sum_us, took_us);
}

void gateway_times_note(struct gateway *gateway, int64_t since_us)
{
    struct gateway_times *times = &gateway->times;
    if (times->noted_count == GATEWAY_TIMES_NOTED) gateway_times_count(gateway);
    times->noted_us[times->noted_count++] = since_us;
}

void gateway_times_count(struct gateway *gateway)
{
    struct gateway_times *times = &gateway->times;
    if (times->noted_count == 0) return;
    const int64_t now_us = monotonic_us();
    for (uint32_t i = 0; i < times->noted_count; i++)
        count(gateway, times->noted_us[i], now_us);
    times->noted_count = 0;
}

void gateway_order_times(const struct gateway *gateway, uint64_t *counts, uint64_t *sum_us)
{
    const struct gateway_times *times = &gateway->times;
    for (uint32_t i = 0; i <= gateway->options.bounds_count; i++)
        counts[i] = atomic_load_explicit(&times->counts[i], memory_order_relaxed);
    *sum_us = atomic_load_explicit(&times->sum_us, memory_order_relaxed);
}
