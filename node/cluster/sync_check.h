/* sync_check: is a range of records the one that a checkpoint's root is over?
 *
 * Who takes the state hashes the records of a range as they come, and the proof that comes with the
 * last of them leads from there to the root that the set has signed. */
#ifndef NODE_CLUSTER_SYNC_CHECK_H
#define NODE_CLUSTER_SYNC_CHECK_H

#include "cluster/sync_bytes.h"

/* Has a range of this kind a proof? POSITIONS have it with their ACCOUNTs. */
bool sync_is_proved(const struct tn_chain_limits *limits, uint8_t kind);
bool sync_is_positions(const struct tn_chain_limits *limits, uint8_t kind);
/* What accounts were worth at a market's last exit checkpoint: all of a market is checked together.
 */
bool sync_is_equity(const struct tn_chain_limits *limits, uint8_t kind);

/* Of one range, or of a market's EQUITY; its records come in order, POSITIONS before all ACCOUNTs.
 */
struct sync_check;

/* NULL: out of memory. The kind is proved. */
struct sync_check *sync_check_make(const struct tn_chain_limits *limits, uint8_t kind,
                                   uint32_t range);
/* The exit record is proved, and of accounts. */
uint64_t sync_exit_accounts(const uint8_t exit[TN_PROOF_EXIT_SIZE]);
struct sync_check *sync_check_make_equity(uint8_t kind, const uint8_t exit[TN_PROOF_EXIT_SIZE]);
void sync_check_free(struct sync_check *check);
/* False: no such record can be in the range. */
bool sync_check_record(struct sync_check *check, uint8_t kind, uint32_t index, const uint8_t *bytes,
                       size_t size);
/* Has it seen a record of this kind at this index? */
bool sync_check_has(const struct sync_check *check, uint8_t kind, uint32_t index);
/* It has seen no index from here on. */
uint32_t sync_check_end_index(const struct sync_check *check);
bool sync_check_is_empty(const struct sync_check *check);
/* Is the range what came, all of it, under the checkpoint's root? `leaves` says how many indexes
 * the kind has, and what stands beside its tree. Not of EQUITY. */
bool sync_check_end(struct sync_check *check, struct tn_proof_leaves *leaves, const uint8_t *proof,
                    size_t size, const struct tn_checkpoint *checkpoint);
/* Of EQUITY: are there ranges behind this one? And once all came, are they the exit record's? */
bool sync_check_goes_on(const struct sync_check *check, uint32_t range);
bool sync_check_end_equity(const struct sync_check *check);

#endif
