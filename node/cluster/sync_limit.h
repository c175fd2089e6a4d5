/* sync_limit: how far behind a member may be before the node takes the state instead of blocks.
 *
 * While the state comes the set goes on: where that takes longer than the set takes for as many
 * blocks as the limit says, the node is too far behind again as soon as it has the state. So a
 * state sync that begins before that many blocks were executed doubles the limit, and the next
 * member fetches what it lacks block by block. Where nobody has a state to give, the limit rises to
 * what the node lacks (sync_blocks.h). */
#ifndef NODE_CLUSTER_SYNC_LIMIT_H
#define NODE_CLUSTER_SYNC_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SYNC_LIMIT_MOST (UINT32_C(1) << 20) /* blocks; an engine needs 40 bytes for each */

struct sync_limit {
    uint32_t usual, blocks; /* blocks: of the next member */
    uint64_t taken;         /* height of the last state that was taken */
    bool has_taken;         /* since the process began */
};

void sync_limit_init(struct sync_limit *limit, uint32_t usual);
/* A node that stands at this height is further behind than the limit. */
void sync_limit_behind(struct sync_limit *limit, uint64_t height);
/* The next member goes on from this height by blocks, up to the goal at least. */
void sync_limit_reach(struct sync_limit *limit, uint64_t height, uint64_t goal);
/* It has the state of this height. */
void sync_limit_taken(struct sync_limit *limit, uint64_t height);

#endif
