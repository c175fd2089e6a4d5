/* sync_blocks: minutes of asking, and of trying. */
#include "cluster/sync_blocks.h"

#include "cluster/sync_limit.h"

enum {
    DOUBLINGS_MOST = 5, /* of ask_us */
    NONE_US = 60000000, /* without a block */
    HEADER_US = 1000,   /* and for each, as their headers come before the first of them */
};

static uint64_t lacking(const struct sync_blocks *blocks, uint64_t height)
{
    return blocks->goal > height ? blocks->goal - height : 0;
}

void sync_blocks_init(struct sync_blocks *blocks, int64_t ask_us)
{
    *blocks = (struct sync_blocks){.ask_us = ask_us};
}

void sync_blocks_behind(struct sync_blocks *blocks, uint64_t goal)
{
    blocks->goal = goal;
}

int64_t sync_blocks_patience_us(const struct sync_blocks *blocks, uint64_t height)
{
    if (lacking(blocks, height) > SYNC_LIMIT_MOST) return INT64_MAX;
    const uint32_t doublings = blocks->vain < DOUBLINGS_MOST ? blocks->vain : DOUBLINGS_MOST;
    return blocks->ask_us << doublings;
}

void sync_blocks_try(struct sync_blocks *blocks, uint64_t height, int64_t now_us)
{
    blocks->tries++;
    blocks->is_trying = lacking(blocks, height) > 0;
    blocks->height = height;
    blocks->moved_us = now_us;
}

bool sync_blocks_fail(struct sync_blocks *blocks, uint64_t height, int64_t now_us)
{
    if (!blocks->is_trying) return false;
    if (height > blocks->height) {
        blocks->height = height;
        blocks->moved_us = now_us;
        blocks->vain = 0;
    }
    const uint64_t lacks = lacking(blocks, height);
    blocks->is_trying = lacks > 0;
    if (lacks == 0 || now_us - blocks->moved_us < NONE_US + (int64_t)lacks * HEADER_US) {
        return false;
    }
    blocks->is_trying = false;
    blocks->vain++;
    return true;
}

void sync_blocks_done(struct sync_blocks *blocks)
{
    blocks->is_trying = false;
    blocks->vain = 0;
}
