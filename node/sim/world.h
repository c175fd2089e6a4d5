/* world: what is the same for all nodes of a run: keys, the toy market's rules, and what has been
 * seen of it. Bytes of blocks and batches are kept here once; that a node holds them is the node's.
 *
 * The toy market: batches are bytes behind a tag; a block names them by digest, so their bytes are
 * needed to judge it and to execute it. Executing a block hashes it and its batches into a root.
 * Some batches change the weights of validators; evidence in a block takes its signer's weight. A
 * set is fixed by the state some blocks before its epoch. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/sim.h"

#include "tenor/index.h"
#include "tenor/sequencer.h"

#define SIM_KIND_BATCH       TN_PEER_BATCH       /* kind, bytes */
#define SIM_KIND_BATCH_FETCH TN_PEER_BATCH_FETCH /* kind, digest */
#define SIM_KIND_SYNC_FETCH  TN_PEER_SYNC_FETCH  /* kind, height u64 */
#define SIM_KIND_SYNC_DATA   TN_PEER_SYNC_DATA   /* kind, height u64 */
#define SIM_RECORD_BATCH     19

#define SIM_BATCH_SIZE_MAX 256u
#define SIM_BATCHES_MAX    4096u /* of a run */
#define SIM_BLOCK_BATCHES  8u    /* most of a block */
#define SIM_BODY_MAX       4096u
#define SIM_EPOCHS_MAX     256u
#define SIM_EVIDENCE_MAX   64u
#define SIM_FREEZE_BLOCKS  16u /* before an epoch's earliest end */
#define SIM_CLOCK_AHEAD_MS 500

enum sim_batch_tag { SIM_BATCH_PLAIN = 1, SIM_BATCH_MEMBER = 2, SIM_BATCH_BAD = 0xff };

struct sim_batch {
    struct tn_hash digest;
    uint8_t bytes[SIM_BATCH_SIZE_MAX];
    uint32_t size;
    uint64_t included_height; /* 0: in no final block yet */
};

struct sim_evidence {
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    size_t size;
    uint8_t kind;
    uint16_t identity; /* of the signer */
    uint64_t included_height;
};

/* After a block. */
struct sim_state {
    struct tn_hash root;
    uint64_t weights[SIM_NODES_MAX]; /* by identity; 0: no validator */
    uint32_t slashed;                /* bits of identities */
};

struct sim_block { /* final; the first node to deliver it wrote it down */
    struct tn_block_header header;
    struct tn_hash hash;
    uint8_t body[SIM_BODY_MAX];
    struct sim_state state;
    uint32_t certified; /* machines that saw its checkpoint certified */
    uint32_t holders;   /* machines that executed it, and did not lose that with their power */
    int64_t at_us;
    bool there;
};

struct sim_epoch {
    struct tn_validators set;
    uint8_t *handover; /* that ends it */
    size_t handover_size;
    bool there;
};

struct sim_world {
    uint8_t chain_id[32];
    struct tn_signatures signatures;
    struct tn_sequencer_limits limits;
    struct tn_secret_key keys[SIM_NODES_MAX];
    struct tn_public_key public_keys[SIM_NODES_MAX];
    uint32_t identities_count;
    uint32_t byzantine; /* bits of identities */
    uint64_t epoch_blocks;
    uint32_t turn_views;
    bool slashing;
    struct sim_batch *batches;
    uint32_t batches_count;
    struct tn_index batch_index;
    uint64_t *batch_cells;
    struct sim_evidence evidence[SIM_EVIDENCE_MAX];
    uint32_t evidence_count;
    struct sim_block **blocks; /* by height */
    uint64_t blocks_room, height;
    struct sim_epoch *epochs;
    uint64_t random;
};

void sim_world_init(struct sim *sim);
void sim_world_free(struct sim *sim);

/* The batch of these bytes or this digest; TN_NONE when there are too many, or it is unknown. */
uint32_t sim_world_batch(struct sim_world *world, const uint8_t *bytes, size_t size);
uint32_t sim_world_find_batch(const struct sim_world *world, const struct tn_hash *digest);
/* Does this evidence check? Then it must not name an honest validator. */
bool sim_world_evidence_holds(struct sim *sim, const uint8_t *bytes, size_t size);
/* The same evidence, or one of the same kind and signer, kept for blocks; TN_NONE if none is. */
uint32_t sim_world_evidence(struct sim *sim, const uint8_t *bytes, size_t size);

struct sim_block *sim_world_block(const struct sim_world *world, uint64_t height); /* or NULL */
/* The state after a block on top of one that is known. */
void sim_world_execute(const struct sim_world *world, struct sim_state *after,
                       const struct sim_state *before, const struct tn_sequencer_block *block);
/* Writes a block down; of a height that is known nothing changes. */
struct sim_block *sim_world_deliver(struct sim *sim, const struct tn_sequencer_block *block,
                                    const struct sim_state *after);
/* A machine lost its power before blocks above this height were durable. What nobody else has
 * executed was never final to anybody. */
void sim_world_forget(struct sim *sim, uint32_t machine, uint64_t height);
/* Must this block end its epoch? From its header alone. */
bool sim_world_ends_epoch(const struct sim_world *world, const struct tn_block_header *header);
/* The set of an epoch, out of the state that fixes it; false: that block is not known. */
bool sim_world_set(struct sim_world *world, struct tn_validators *set, uint64_t epoch);
uint64_t sim_world_frozen(const struct sim_world *world, uint64_t epoch); /* at which height */
/* May the Byzantine and the silent be these, in every set that may be in force? */
bool sim_world_tolerates(const struct sim *sim, uint32_t silent_identities);
/* Are these a quorum, in any set that may be in force? */
bool sim_world_is_quorum(const struct sim *sim, uint32_t identities);

#endif
