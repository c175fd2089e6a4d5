/* sync_blocks: what a node does that nobody can give the state.
 *
 * Where all nodes of a set were stopped in order, each store has the state of the height at which
 * it ended, which nobody certifies, and the state of the checkpoint before it is in no store any
 * more. If the set then needs for a quorum the very node that is too far behind for blocks, no
 * checkpoint comes: both would wait for ever. But the blocks are there. So a state sync in vain
 * ends after a minute (`ask_us`), and a member is made of the home as it stands, which fetches
 * block after block. When none come either, the node asks for a state again: twice as long as the
 * last time, up to half an hour, then tries blocks again. It has no clock. */
#ifndef NODE_CLUSTER_SYNC_BLOCKS_H
#define NODE_CLUSTER_SYNC_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct sync_blocks {
    int64_t ask_us;   /* for a state, the first time */
    uint64_t goal;    /* the height that a member told it was behind of */
    uint64_t height;  /* that a try has come to */
    int64_t moved_us; /* when */
    uint32_t vain;    /* tries one after another that brought no block */
    bool is_trying;
    uint64_t tries; /* since the process began */
};

#define SYNC_BLOCKS_ASK_US INT64_C(60000000) /* as a node asks if not told otherwise */

void sync_blocks_init(struct sync_blocks *blocks, int64_t ask_us);
/* A member is too far behind this height. */
void sync_blocks_behind(struct sync_blocks *blocks, uint64_t goal);
/* How long peers may answer that they have no state for a node at this height; INT64_MAX: for ever,
 * as it lacks more blocks than any member fetches (SYNC_LIMIT_MOST). */
int64_t sync_blocks_patience_us(const struct sync_blocks *blocks, uint64_t height);
/* A state sync was in vain: the member that was just made fetches blocks, from this height on. */
void sync_blocks_try(struct sync_blocks *blocks, uint64_t height, int64_t now_us);
/* Now and then, of the member at work. True, once: it was a try, and no blocks come. */
bool sync_blocks_fail(struct sync_blocks *blocks, uint64_t height, int64_t now_us);
/* The state has come. */
void sync_blocks_done(struct sync_blocks *blocks);

#endif
