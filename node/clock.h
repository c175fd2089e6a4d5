/* clock: the clocks of this machine, for the threads and programs of node/. */
#ifndef NODE_CLOCK_H
#define NODE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t clock_ms(clockid_t which)
{
    return clock_us(which) / 1000;
}

/* For how long something took, and when it is due: it never goes back. */
static inline int64_t monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

static inline int64_t monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

#endif
