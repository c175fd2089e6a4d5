/* sync_frame: the records that stand beside the trees of the markets under a state root: HEADS,
 * RING, the registry's, and of each market STREAM and what waits in its inboxes.
 *
 * None of them has a proof of its own, all of them together are proved by the root. They are few,
 * so whoever takes the state takes them first, from one peer: he is found out before anything else
 * is fetched. */
#ifndef NODE_CLUSTER_SYNC_FRAME_H
#define NODE_CLUSTER_SYNC_FRAME_H

#include "tenor/chain.h"

/* How many records of a kind there can be; 0: the kind is none of these. */
uint32_t sync_frame_most(const struct tn_chain_limits *limits, uint8_t kind);

struct sync_frame;

/* The limits outlive it. NULL: out of memory. */
struct sync_frame *sync_frame_make(const struct tn_chain_limits *limits);
void sync_frame_free(struct sync_frame *frame);

enum sync_frame_added { SYNC_FRAME_ADDED, SYNC_FRAME_BAD, SYNC_FRAME_NO_MEMORY };
/* A whole record, copied; each once, in any order. BAD: there can be none of that name. */
enum sync_frame_added sync_frame_add(struct sync_frame *frame, uint8_t kind, uint32_t index,
                                     const uint8_t *bytes, size_t size);
/* All were added: are they, with the root of all markets, what the checkpoint's root is over? Once.
 */
bool sync_frame_check(struct sync_frame *frame, const struct tn_checkpoint *checkpoint,
                      const struct tn_hash *markets_root);
/* The record of a market's last exit checkpoint, after a check that was good; NULL: none. */
const uint8_t *sync_frame_exit(const struct sync_frame *frame, uint32_t place);

#endif
