/* sync_store: the store that state sync fills beside the home's own, and how it takes its place.
 *
 * home/store.sync is filled record by record; without a checkpoint in it nothing opens it. When the
 * records have been found to be those of the certificate it gets its checkpoint, and the two
 * folders change names. A crash at any moment leaves a home that starts: with the old store before
 * the change and with the new one after it; what is left over is wiped at the next start. */
#ifndef NODE_CLUSTER_SYNC_STORE_H
#define NODE_CLUSTER_SYNC_STORE_H

#include "cluster/keeper.h"
#include "cluster/sync_bytes.h"

/* At a start, before the keeper opens: finishes or wipes what a crash left, with a line of the log.
 * False after a complaint. */
bool sync_store_tidy(const char *home);

struct sync_store;

/* A new, empty one; NULL after a complaint. */
struct sync_store *sync_store_make(const char *home, const struct tn_chain_limits *limits);
/* Closes it. What is not in its place is wiped. */
void sync_store_free(struct sync_store *store);

/* All false after a complaint. */
bool sync_store_put(struct sync_store *store, uint8_t kind, uint32_t index, const uint8_t *bytes,
                    size_t size);
bool sync_store_put_epoch(struct sync_store *store, const struct sync_epoch *epoch);
/* Everything that was put, into a chain that was just made: the root. False: it does not read. */
bool sync_store_load(struct sync_store *store, struct tn_hash *root, struct tn_chain *chain);
/* The records are a checkpoint's, of the chain that they were loaded into; durable, and the home's
 * store from now on. The keeper is closed. A restart reads its log from log_position on. */
bool sync_store_take_place(struct sync_store *store, const struct tn_checkpoint *checkpoint,
                           const struct tn_chain *chain, uint64_t log_position);

#endif
