/* The replica's one struct, and what its files ask of each other. */
#ifndef TENOR_REPLICA_INTERNAL_H
#define TENOR_REPLICA_INTERNAL_H

#include "replica/shard.h"

struct tn_replica {
    struct tn_replica_limits limits;
    struct tn_shard shard;
    struct tn_replica_heads heads;
    struct tn_batch_builder builder;
    struct tn_hash body;    /* digest of the batch that ended, for the block */
    uint32_t entries_count; /* of it */
    bool has_batch;
    bool
        is_ending; /* a block whose changes are gathered and not hashed: `root` is of the one before
                    */
    struct tn_replica_listener listener;
    struct tn_hands hands;
    struct tn_shard_room room, hashing; /* what is gathered into; what is hashed from */
    struct tn_record_name names[NAMES_AT_ONCE];
    struct tn_state_record records[NAMES_AT_ONCE], records_hashed[NAMES_AT_ONCE];
};

static inline void replica_note_changed(struct tn_replica *replica, uint8_t kind, uint32_t index)
{
    shard_note_changed(&replica->shard, kind, index);
}

/* heads.c */
size_t tn_replica_write_chain(const struct tn_replica *replica, uint8_t *out, size_t out_size);
bool tn_replica_import_chain(struct tn_replica *replica, struct tn_import_fault *fault,
                             const uint8_t *record, size_t size);
/* What the record says, of any chain. */
struct tn_replica_record {
    struct tn_replica_heads heads; /* without root and globals */
    uint32_t market, exit_blocks;
};
bool tn_replica_read_chain(struct tn_replica_record *chain, struct tn_import_fault *fault,
                           const uint8_t *record, size_t size);
/* The globals that follow from the heads: all but the exits. */
void tn_replica_globals(struct tn_replica_heads *heads, uint32_t market);
/* heads_root.c: the one that does not. */
void tn_replica_exits_root(struct tn_hash *root, const struct tn_replica_heads *heads,
                           uint32_t market);

#endif
