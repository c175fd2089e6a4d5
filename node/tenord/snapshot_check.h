/* snapshot_check: is a chunk what the state root says, and are all of them together the whole
 * state? Bytes in, a fault out; no I/O and no memory of its own. */
#ifndef NODE_TENORD_SNAPSHOT_CHECK_H
#define NODE_TENORD_SNAPSHOT_CHECK_H

#include "snapshot_format.h"

struct snapshot_check {
    const struct snapshot_head *head;
    enum tn_cpu cpu;
    /* Of what was checked so far, in the order of the head. */
    struct tn_proof_fold folds[TN_REPLICA_KINDS];
    struct tn_hash markets_root;
    struct tn_replica_chain chain;
    bool has_chain;
};

/* The head must outlive the check. */
void snapshot_check_begin(struct snapshot_check *check, const struct snapshot_head *head,
                          enum tn_cpu cpu);

/* One chunk's file, which the head calls `chunk`. Each kind but EQUITY is checked alone against the
 * state root in the head; what an EQUITY says shows at the end. O(size). */
bool snapshot_check_chunk(struct snapshot_check *check, struct snapshot_fault *fault,
                          const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size);

/* After CHAIN and all EQUITY chunks: these are the tree of the last exit checkpoint. */
bool snapshot_check_equity(const struct snapshot_check *check, struct snapshot_fault *fault);

/* After all chunks, each of them good: nothing is missing. */
bool snapshot_check_whole(const struct snapshot_check *check, struct snapshot_fault *fault);

#endif
