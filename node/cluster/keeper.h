/* keeper: what a member leaves on disk: its log, and its store.
 *
 * The log has the member's records; keeper_sync makes those of a turn durable. At heights that are
 * multiples of so many blocks, all of them heights that the set certifies, a checkpoint goes to the
 * store: the chain's records that changed, blocks and batches, and the
 * position in the log from which a restart goes on; there the member has written again whatever it
 * still needs, so the log before the checkpoint before may go. A home is a folder: genesis.conf,
 * set.conf, tenord.toml, log/, store/. One process at a time runs it. */
#ifndef NODE_CLUSTER_KEEPER_H
#define NODE_CLUSTER_KEEPER_H

#include "log/log.h"
#include "store/store.h"
#include "tenor/member.h"

struct keeper;
struct sync_epoch;

struct keeper_options {
    const char *home;
    const struct tn_chain_limits *limits;
    uint64_t checkpoint_blocks; /* of the store: rounded up to a multiple of the limits' */
    uint64_t segment_bytes;     /* of the log; 0: its default */
    uint32_t stream_hours;      /* of the store's rows of accounts' messages (past.h) */
    bool archive;
    bool store_unthreaded; /* the caller's thread writes the store: for the simulator */
};

/* Opens store and log. NULL after a complaint; *open_end is how the command ends then. */
struct keeper *keeper_open(int *open_end, const struct keeper_options *options);
void keeper_close(struct keeper *keeper);

/* What the chain's records say of the last checkpoint goes into the member's chain, then the log's
 * records to tn_member_restore. False after a complaint. */
struct keeper_found {
    uint64_t height;        /* of the checkpoint */
    uint64_t records_count; /* of the log behind it */
    uint64_t torn_bytes;
    bool is_new; /* neither store nor log had anything */
};
bool keeper_restore(struct keeper *keeper, struct keeper_found *found, struct tn_member *member,
                    int *open_end);

/* From tn_member_out: bytes are copied. A full or broken disk shows in keeper_sync. */
void keeper_record(struct keeper *keeper, uint8_t type, const uint8_t *bytes, size_t size);
/* An executed block; batches come from the member's pool. */
void keeper_block(struct keeper *keeper, const struct tn_gossip *gossip,
                  const struct tn_member_block *block);
/* False: a checkpoint of the state as it is comes first, with the next keeper_tend. */
bool keeper_may_execute(const struct keeper *keeper);
void keeper_certified(struct keeper *keeper, uint64_t height, const uint8_t *cert, size_t size);
void keeper_handover(struct keeper *keeper, uint64_t epoch, const uint8_t *bytes, size_t size);
/* The set of an epoch that follows another. */
void keeper_set(struct keeper *keeper, const struct tn_validators *set);
/* For peers that ask; bytes live until the next call of the keeper. */
bool keeper_find_block(struct keeper *keeper, struct tn_sequencer_block *block, uint64_t height);
bool keeper_find_batch(struct keeper *keeper, const struct tn_hash *digest, const uint8_t **message,
                       size_t *size);
bool keeper_find_handover(struct keeper *keeper, const uint8_t **bytes, size_t *size,
                          uint64_t epoch);
/* The certificate of a checkpoint, one of the last; and the end of an epoch with the set after it.
 */
bool keeper_find_certificate(struct keeper *keeper, const uint8_t **bytes, size_t *size,
                             uint64_t height);
bool keeper_find_epoch(struct keeper *keeper, struct sync_epoch *epoch, uint64_t number);

enum keeper_answer { KEEPER_DONE, KEEPER_FULL, KEEPER_FAILED };
/* Makes durable what was recorded. FULL: nothing of this turn may leave; try again. FAILED: end the
 * process. */
enum keeper_answer keeper_sync(struct keeper *keeper);
/* Checkpoints when it is time, room for the log, the log given back. Between turns. */
enum keeper_answer keeper_tend(struct keeper *keeper, struct tn_member *member);
/* Before an orderly end: a last checkpoint, and the log sealed. */
enum keeper_answer keeper_flush(struct keeper *keeper, struct tn_member *member);
uint64_t keeper_durable_height(const struct keeper *keeper);

/* ---- For state sync ----------------------------------------------------------------------------
 */
/* Where the log's records begin that a restart reads. */
uint64_t keeper_log_position(const struct keeper *keeper);
struct store *keeper_store(struct keeper *keeper);
/* Of a store of this chain, made when there is none, without a thread. */
void keeper_store_config(struct store_config *config, const struct tn_chain_limits *limits,
                         const char *path);
/* All records of a view into a chain that was just made, and the root that they add up to. False
 * after a complaint. */
bool keeper_load_records(struct store_view *view, struct tn_hash *root, struct tn_chain *chain);
/* Handovers, sets, certificates and a checkpoint's proofs are kept as receipts of heights that no
 * block has. */
/* KEPT_PAST: how far accounts' messages of blocks go back (past.h). */
enum keeper_kept {
    KEPT_HANDOVER = 1,
    KEPT_CERTIFICATE = 2,
    KEPT_SET = 3,
    KEPT_PROOFS = 4,
    KEPT_PAST = 5,
};
static inline uint64_t keeper_kept_height(enum keeper_kept what, uint64_t number)
{
    return UINT64_C(1) << 63 | (uint64_t)what << 56 | number;
}
/* The log has each certificate as it came, for a restart and for tools that read it beside the
 * node: its checkpoint may be the store's last, whose certificate the store has only with the next.
 */
enum { KEEPER_CERTIFIED = 26 };

#endif
