/* The replica's one struct, and what its files ask of each other. */
#ifndef TENOR_REPLICA_INTERNAL_H
#define TENOR_REPLICA_INTERNAL_H

#include "tenor/replica.h"

#include <string.h>

enum { NAMES_AT_ONCE = 512, SCRATCH_SPARE = 1 << 20 };

struct tn_replica {
    struct tn_replica_limits limits;
    struct tn_exchange *exchange;
    struct tn_state *state;
    struct tn_equity *equity;
    tn_micros *equities; /* of the last exit checkpoint, by account */
    uint32_t equities_count;
    struct tn_replica_heads heads;
    struct tn_batch_builder builder;
    struct tn_hash body;    /* digest of the batch that ended, for the block */
    uint32_t entries_count; /* of it */
    bool has_batch;
    struct tn_replica_listener listener;

    /* Records that changed since they were last told, one bit each by kind, and where telling goes
     * on. */
    uint64_t *changed[TN_REPLICA_KINDS];
    uint32_t changed_max[TN_REPLICA_KINDS];
    struct tn_record_name changed_next;

    uint8_t *scratch; /* records on their way into the trees */
    size_t scratch_size;
    struct tn_record_name names[NAMES_AT_ONCE];
    struct tn_state_record records[NAMES_AT_ONCE];
};

static inline void replica_note_changed(struct tn_replica *replica, uint8_t kind, uint32_t index)
{
    if (index >= replica->changed_max[kind]) return;
    replica->changed[kind][index / 64] |= UINT64_C(1) << (index % 64);
}

/* trees.c: the trees follow the exchange. */
size_t tn_replica_scratch_size(const struct tn_replica_limits *limits);
void tn_replica_state_limits(struct tn_state_limits *out, const struct tn_replica_limits *limits);
/* What was touched since the last time. */
void tn_replica_follow(struct tn_replica *replica);
/* All of it, anew. */
void tn_replica_fill(struct tn_state *state, const struct tn_exchange *exchange,
                     struct tn_state_record *records, uint8_t *scratch, size_t scratch_size);

/* exit.c */
struct tn_withdrawal {
    uint64_t height;
    uint32_t market, account, asset;
    tn_micros amount;
};
void tn_replica_write_withdrawal(uint8_t out[TN_PROOF_WITHDRAWAL_SIZE],
                                 const uint8_t owner[TN_OWNER_SIZE],
                                 const struct tn_withdrawal *withdrawal);
void tn_replica_exit_checkpoint(struct tn_replica *replica);
/* After an import: is the tree that of the exit record? */
bool tn_replica_take_exit(struct tn_replica *replica, struct tn_import_fault *fault);
/* The tree of an exit checkpoint from its EQUITY records, which lie in the tree's own leaves. */
bool tn_replica_import_equity(struct tn_replica *replica, struct tn_import_fault *fault,
                              uint32_t index, const uint8_t *record, size_t size);
size_t tn_replica_write_equity(const struct tn_replica *replica, uint8_t *out, size_t out_size,
                               uint32_t index);

/* chain.c */
size_t tn_replica_write_chain(const struct tn_replica *replica, uint8_t *out, size_t out_size);
bool tn_replica_import_chain(struct tn_replica *replica, struct tn_import_fault *fault,
                             const uint8_t *record, size_t size);
/* What the record says, of any chain. */
struct tn_chain {
    struct tn_replica_heads heads; /* without root and globals */
    uint32_t market, exit_blocks;
};
bool tn_replica_read_chain(struct tn_chain *chain, struct tn_import_fault *fault,
                           const uint8_t *record, size_t size);
/* The globals that follow from the heads: all but the exits. */
void tn_replica_globals(struct tn_replica_heads *heads, uint32_t market);
/* chain_root.c: the one that does not. */
void tn_replica_exits_root(struct tn_hash *root, const struct tn_chain *chain);

#endif
