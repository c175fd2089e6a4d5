/* set_snapshot_check: is a chunk of a set's snapshot what the state root says, and are all of them
 * together the whole state? Bytes in, a fault out; no I/O and no memory of its own. */
#ifndef NODE_TENORD_SET_SNAPSHOT_CHECK_H
#define NODE_TENORD_SET_SNAPSHOT_CHECK_H

#include "tenor/chain_globals.h"
#include "tenord/set_snapshot.h"

struct set_snapshot_check {
    const struct set_snapshot_head *head;
    const struct tn_chain_limits *limits;
    enum tn_cpu cpu;
    /* Of what was checked so far, in the order of the head. */
    struct tn_proof_fold folds[TN_CHAIN_MARKETS_MAX][TN_PROOF_RECORD_KINDS];
    uint64_t equities[TN_CHAIN_MARKETS_MAX]; /* accounts in EQUITY */
    bool has_inboxes[TN_CHAIN_MARKETS_MAX];
    struct tn_chain_globals globals;
    struct tn_hash markets_root;
    bool has_globals;
};

/* Head and limits outlive the check; the limits are those of the head's chain id. */
void set_snapshot_check_begin(struct set_snapshot_check *check,
                              const struct set_snapshot_head *head,
                              const struct tn_chain_limits *limits, enum tn_cpu cpu);

/* One chunk's file, which the head calls `chunk`, alone against the head's state root. O(size). */
bool set_snapshot_check_chunk(struct set_snapshot_check *check, struct snapshot_fault *fault,
                              const struct snapshot_chunk *chunk, const uint8_t *bytes,
                              size_t size);

/* After all chunks in the order of the head, each of them good: nothing is missing. */
bool set_snapshot_check_whole(const struct set_snapshot_check *check, struct snapshot_fault *fault);

#endif
