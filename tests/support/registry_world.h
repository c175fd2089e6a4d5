/* A registry with validators whose keys are known: validator i has the secret key i + 1. */
#ifndef TENOR_TEST_REGISTRY_WORLD_H
#define TENOR_TEST_REGISTRY_WORLD_H

#include "tenor/registry.h"

#include <stdlib.h>
#include <string.h>

#define WORLD_VALIDATORS_MAX 160u

struct world {
    struct tn_registry *registry;
    struct tn_registry_limits limits;
    struct tn_registry_genesis genesis;
    struct tn_signatures signatures;
    struct tn_evidence_context context;
    void *signatures_memory;
    uint64_t view; /* of the last block */
};

static const struct tn_registry_parameters WORLD_PARAMETERS = {
    .reward_blocks = 16,
    .proposer_ppm = 100000,
    .voter_ppm = 200000,
    .leader_ppm = 300000,
    .slash_ppm = {0, 1000000, 1000000, 1000000, 1000000, 500000},
};

static inline struct tn_secret_key world_secret(uint32_t i)
{
    struct tn_secret_key key = {{0}};
    tn_put_be(key.bytes + 24, i + 1, 8);
    return key;
}

static inline struct tn_public_key world_key(const struct world *world, uint32_t i)
{
    const struct tn_secret_key secret = world_secret(i);
    struct tn_public_key key;
    if (!world->signatures.public_key(world->signatures.context, &key, &secret)) abort();
    return key;
}

static inline struct tn_signature world_sign(const struct world *world, uint32_t i,
                                             const struct tn_hash *digest)
{
    const struct tn_secret_key secret = world_secret(i);
    struct tn_signature signature;
    if (!world->signatures.sign(world->signatures.context, &signature, digest, &secret)) abort();
    return signature;
}

static inline void *world_memory(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    if (memory == NULL) abort();
    return memset(memory, 0, size);
}

static inline struct tn_registry *world_empty(const struct world *world)
{
    return tn_registry_init(world_memory(tn_registry_size(&world->limits)), &world->limits,
                            &world->genesis);
}

static inline enum tn_registry_answer world_govern(struct world *world,
                                                   const struct tn_registry_command *command)
{
    uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
    struct tn_registry_command read;
    struct tn_stream_fault fault;
    size_t size = tn_registry_write_command(bytes, command);
    if (!tn_registry_read_command(&read, &fault, bytes, size)) abort();
    return tn_registry_govern(world->registry, &world->signatures, &read);
}

static inline enum tn_registry_answer world_register(struct world *world, uint32_t i,
                                                     uint64_t weight, tn_micros stake)
{
    struct tn_registry_command command = {.kind = TN_REGISTRY_VALIDATOR};
    command.as.validator.key = world_key(world, i);
    if (!world->signatures.address(world->signatures.context, &command.as.validator.address,
                                   &command.as.validator.key))
        abort();
    command.as.validator.weight = weight;
    command.as.validator.stake_micros = stake;
    return world_govern(world, &command);
}

static inline enum tn_registry_answer world_reweigh(struct world *world, uint16_t id,
                                                    uint64_t weight, tn_micros stake)
{
    struct tn_registry_command command = {.kind = TN_REGISTRY_WEIGHT};
    command.as.weight.id = id;
    command.as.weight.weight = weight;
    command.as.weight.stake_micros = stake;
    return world_govern(world, &command);
}

static inline enum tn_registry_answer world_market(struct world *world, uint32_t market,
                                                   const uint16_t *candidates, uint16_t count)
{
    struct tn_registry_command command = {.kind = TN_REGISTRY_MARKET};
    command.as.market.market = market;
    command.as.market.count = count;
    memcpy(command.as.market.candidates, candidates, count * sizeof(candidates[0]));
    return world_govern(world, &command);
}

/* Validators 0 .. count - 1 with these weights (NULL: 1 each) and stakes of 1 000 000, and market 1
 * with all of them as candidates; not started. */
static inline void world_open(struct world *world, const uint64_t *weights, uint32_t count)
{
    uint16_t candidates[TN_VALIDATORS_MAX];
    memset(world, 0, sizeof *world);
    world->limits = (struct tn_registry_limits){
        .validators_max = WORLD_VALIDATORS_MAX, .markets_max = 8, .feeders_max = 8};
    world->genesis = (struct tn_registry_genesis){
        .parameters = WORLD_PARAMETERS, .turn_views = 1, .validators_min = 1};
    world->signatures_memory = world_memory(tn_signatures_size());
    tn_signatures_real(&world->signatures, world->signatures_memory);
    world->context.signatures = &world->signatures;
    memset(world->context.chain_id, 0xC1, sizeof world->context.chain_id);
    memset(world->context.checkpoint_domain.bytes, 0xD0, TN_HASH_SIZE);
    world->registry = world_empty(world);
    for (uint32_t i = 0; i < count; i++) {
        if (world_register(world, i, weights == NULL ? 1 : weights[i], 1000000) != TN_ANSWER_DONE)
            abort();
        candidates[i] = (uint16_t)i;
    }
    if (world_market(world, 1, candidates, (uint16_t)count) != TN_ANSWER_DONE) abort();
}

static inline void world_start(struct world *world, const uint64_t *weights, uint32_t count)
{
    world_open(world, weights, count);
    if (!tn_registry_start(world->registry)) abort();
}

static inline void world_close(struct world *world)
{
    free(world->registry);
    free(world->signatures_memory);
}

static inline struct tn_registry_heads world_heads(const struct world *world)
{
    struct tn_registry_heads heads;
    tn_registry_heads(world->registry, &heads);
    return heads;
}

/* Begins the next block, `skipped` views after the one before, by the view's proposer. */
static inline void world_begin(struct world *world, uint64_t skipped, uint8_t flags,
                               uint64_t exec_height)
{
    const struct tn_registry_heads heads = world_heads(world);
    const struct tn_validators *set = tn_registry_set(world->registry, heads.epoch);
    const uint64_t view = heads.last_view + 1 + skipped;
    const struct tn_block_header header = {
        .version = TN_BLOCK_VERSION,
        .flags = flags,
        .epoch = heads.epoch,
        .view = view,
        .parent_view = heads.last_view,
        .height = heads.height + 1,
        .exec_height = exec_height,
        .proposer = (uint16_t)tn_validators_proposer(set, view),
    };
    tn_registry_begin_block(world->registry, &header);
}

static inline void world_block(struct world *world)
{
    world_begin(world, 0, 0, 0);
    tn_registry_end_block(world->registry);
}

/* A block that ends the epoch, everything before it executed. */
static inline void world_end_epoch(struct world *world)
{
    world_begin(world, 0, TN_BLOCK_EPOCH_FINAL, world_heads(world).height);
    tn_registry_end_block(world->registry);
}

static inline struct tn_registry_validator world_validator(const struct world *world, uint16_t id)
{
    struct tn_registry_validator validator;
    enum tn_registry_status status;
    if (!tn_registry_validator(world->registry, id, &validator, &status)) abort();
    return validator;
}

/* fees = Σ earned + pools + treasury. */
static inline bool world_conserves(const struct world *world)
{
    const struct tn_registry_heads heads = world_heads(world);
    tn_micros sum = heads.treasury_micros + heads.proposer_pool_micros + heads.voter_pool_micros;
    for (uint16_t id = 0; id < heads.validators_count; id++)
        sum += world_validator(world, id).earned_micros;
    return sum == heads.fees_micros;
}

/* Evidence of a kind against validator i, whose index in the set of `epoch` is `signer`. */
static inline struct tn_evidence world_evidence(const struct world *world,
                                                enum tn_evidence_kind kind, uint32_t i,
                                                uint16_t signer, uint64_t epoch)
{
    struct tn_evidence evidence = {.kind = kind, .signer = signer, .epoch = epoch};
    struct tn_hash digests[2];
    const uint8_t *chain = world->context.chain_id;
    if (kind == TN_EVIDENCE_CHECKPOINT) {
        for (uint32_t half = 0; half < 2; half++) {
            evidence.as.checkpoints[half] = (struct tn_checkpoint){.epoch = epoch, .height = 64};
            evidence.as.checkpoints[half].state_root.bytes[0] = (uint8_t)half;
            tn_checkpoint_digest(&digests[half], &world->context.checkpoint_domain,
                                 &evidence.as.checkpoints[half]);
        }
    } else if (kind == TN_EVIDENCE_BATCH) {
        for (uint32_t half = 0; half < 2; half++) {
            struct tn_batch_header *batch = &evidence.as.batches[half];
            *batch = (struct tn_batch_header){.market = 1, .term = 1, .sequence = 7};
            memcpy(batch->chain_id, chain, sizeof batch->chain_id);
            batch->first_block = batch->last_block = world_heads(world).height;
            batch->entries_root.bytes[31] = (uint8_t)half;
            tn_stream_batch_digest(&digests[half], batch);
        }
    } else {
        const enum tn_vote_type type =
            kind == TN_EVIDENCE_NOTARIZE ? TN_VOTE_NOTARIZE : TN_VOTE_FINALIZE;
        evidence.as.votes.view = 5;
        if (kind != TN_EVIDENCE_BOTH) evidence.as.votes.hashes[0].bytes[3] = 1;
        evidence.as.votes.hashes[1].bytes[3] = 2;
        tn_vote_digest(&digests[0], chain, epoch, kind == TN_EVIDENCE_BOTH ? TN_VOTE_NULLIFY : type,
                       5, &evidence.as.votes.hashes[0]);
        tn_vote_digest(&digests[1], chain, epoch, type, 5, &evidence.as.votes.hashes[1]);
    }
    for (uint32_t half = 0; half < 2; half++)
        evidence.signatures[half] = world_sign(world, i, &digests[half]);
    return evidence;
}

#endif
