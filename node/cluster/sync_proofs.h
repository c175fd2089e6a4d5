/* sync_proofs: what makes each range of a checkpoint's records provable alone.
 *
 * While the state stands at a checkpoint its trees are in memory: a proof for each range of leaves
 * is written then, and kept in the store beside the records of that checkpoint, in the same
 * transaction. The proofs are those of snapshots: type LEAVES of docs/specs/state.md. */
#ifndef NODE_CLUSTER_SYNC_PROOFS_H
#define NODE_CLUSTER_SYNC_PROOFS_H

#include "tenor/chain.h"

/* All proofs of the state as it stands, for sync_proofs_find; *size bytes, for the caller to free.
 * NULL after a complaint. */
uint8_t *sync_proofs_make(size_t *size, const struct tn_chain *chain);
/* The proof of a range; false: it has none. */
bool sync_proofs_find(const uint8_t **proof, size_t *proof_size, const uint8_t *proofs, size_t size,
                      uint8_t kind, uint32_t range);

#endif
