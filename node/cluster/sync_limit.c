/* sync_limit: the usual limit again once as many blocks were executed as the last one said. */
#include "cluster/sync_limit.h"

void sync_limit_init(struct sync_limit *limit, uint32_t usual)
{
    *limit = (struct sync_limit){.usual = usual, .blocks = usual};
}

void sync_limit_behind(struct sync_limit *limit, uint64_t height)
{
    if (!limit->has_taken) return;
    if (height >= limit->taken + limit->blocks) {
        limit->blocks = limit->usual;
    } else if (limit->blocks <= SYNC_LIMIT_MOST / 2) {
        limit->blocks *= 2;
    }
}

void sync_limit_taken(struct sync_limit *limit, uint64_t height)
{
    limit->taken = height;
    limit->has_taken = true;
}

/* Twice as far, as the set may go on meanwhile. */
void sync_limit_reach(struct sync_limit *limit, uint64_t height, uint64_t goal)
{
    const uint64_t lacks = goal > height ? goal - height : 0;
    const uint64_t wanted = lacks < SYNC_LIMIT_MOST / 2 ? 2 * lacks : SYNC_LIMIT_MOST;
    if (wanted > limit->blocks) limit->blocks = (uint32_t)wanted;
    sync_limit_taken(limit, height);
}
