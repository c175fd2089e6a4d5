/* world: the toy market's rules, and the bytes that all nodes share. */
#include "sim/world.h"

#include "sim/signatures.h"
#include "tenor/index.h"
#include "tenor/item.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_word(const struct tn_hash *hash)
{
    return tn_get_be(hash->bytes, 8);
}

uint32_t sim_world_find_batch(const struct sim_world *world, const struct tn_hash *digest)
{
    uint32_t hash = tn_index_hash(&world->batch_index, hash_word(digest));
    TN_INDEX_EACH (&world->batch_index, hash, slot) {
        if (tn_hash_equal(&world->batches[slot].digest, digest)) return slot;
    }
    return TN_NONE;
}

uint32_t sim_world_batch(struct sim_world *world, const uint8_t *bytes, size_t size)
{
    if (size == 0 || size > SIM_BATCH_SIZE_MAX) return TN_NONE;
    struct tn_hash digest;
    tn_keccak256(&digest, bytes, size);
    uint32_t slot = sim_world_find_batch(world, &digest);
    if (slot != TN_NONE) return slot;
    if (world->batches_count == SIM_BATCHES_MAX) return TN_NONE;
    slot = world->batches_count++;
    struct sim_batch *batch = &world->batches[slot];
    *batch = (struct sim_batch){.digest = digest, .size = (uint32_t)size};
    memcpy(batch->bytes, bytes, size);
    tn_index_insert(&world->batch_index, tn_index_hash(&world->batch_index, hash_word(&digest)),
                    slot);
    return slot;
}

/* Whose signatures are these two? SIM_NODES_MAX: it is no evidence. */
static uint32_t signer_of(const struct sim_world *world, struct tn_evidence *evidence,
                          const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    if (!tn_evidence_read(evidence, &fault, bytes, size)) return SIM_NODES_MAX;
    if (evidence->epoch >= SIM_EPOCHS_MAX || !world->epochs[evidence->epoch].there)
        return SIM_NODES_MAX;
    const struct tn_validators *set = &world->epochs[evidence->epoch].set;
    struct tn_evidence_context context = {.checkpoint_domain = world->limits.checkpoint_domain,
                                          .signatures = &world->signatures};
    memcpy(context.chain_id, world->chain_id, sizeof context.chain_id);
    if (evidence->signer >= set->count || !tn_evidence_check(evidence, &context, set))
        return SIM_NODES_MAX;
    return set->members[evidence->signer].id;
}

bool sim_world_evidence_holds(struct sim *sim, const uint8_t *bytes, size_t size)
{
    struct tn_evidence evidence;
    uint32_t identity = signer_of(sim->world, &evidence, bytes, size);
    if (identity >= SIM_NODES_MAX) return false;
    if ((sim->world->byzantine >> identity & 1) == 0)
        sim_fail(sim, TN_NONE, "evidence %u names the honest validator %u, epoch %llu",
                 (unsigned)evidence.kind, identity, (unsigned long long)evidence.epoch);
    return true;
}

uint32_t sim_world_evidence(struct sim *sim, const uint8_t *bytes, size_t size)
{
    struct sim_world *world = sim->world;
    struct tn_evidence evidence;
    if (!sim_world_evidence_holds(sim, bytes, size)) return TN_NONE;
    uint32_t identity = signer_of(world, &evidence, bytes, size);
    for (uint32_t i = 0; i < world->evidence_count; i++) {
        if (world->evidence[i].identity == identity && world->evidence[i].kind == evidence.kind)
            return i;
    }
    if (world->evidence_count == SIM_EVIDENCE_MAX) return TN_NONE;
    struct sim_evidence *kept = &world->evidence[world->evidence_count];
    *kept = (struct sim_evidence){
        .size = size, .identity = (uint16_t)identity, .kind = (uint8_t)evidence.kind};
    memcpy(kept->bytes, bytes, size);
    sim->figures.evidence++;
    return world->evidence_count++;
}

/* ---- Blocks ---- */

struct sim_block *sim_world_block(const struct sim_world *world, uint64_t height)
{
    return height < world->blocks_room ? world->blocks[height] : NULL;
}

uint64_t sim_world_frozen(const struct sim_world *world, uint64_t epoch)
{
    if (epoch == 0) return 0;
    uint64_t height = epoch * world->epoch_blocks;
    return height > SIM_FREEZE_BLOCKS ? height - SIM_FREEZE_BLOCKS : 0;
}

bool sim_world_ends_epoch(const struct sim_world *world, const struct tn_block_header *header)
{
    return header->height >= (header->epoch + 1) * world->epoch_blocks &&
           header->exec_height >= sim_world_frozen(world, header->epoch + 1);
}

static void weigh(const struct sim_world *world, struct sim_state *state, uint32_t identity,
                  uint64_t weight)
{
    if (identity >= world->identities_count || (state->slashed >> identity & 1) != 0) return;
    struct sim_state changed = *state;
    changed.weights[identity] = weight;
    uint64_t total = 0, byzantine = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->identities_count; i++) {
        total += changed.weights[i];
        count += changed.weights[i] > 0;
        if ((world->byzantine >> i & 1) != 0) byzantine += changed.weights[i];
    }
    /* the simulator's privilege: it knows who is Byzantine, and never gives them a third */
    if (count >= 4 && byzantine * 3 < total) *state = changed;
}

static void execute_batch(const struct sim_world *world, struct sim_state *state,
                          const struct sim_batch *batch)
{
    if (batch->bytes[0] != SIM_BATCH_MEMBER || batch->size < 10) return;
    weigh(world, state, batch->bytes[1], tn_get_be(batch->bytes + 2, 8) % 1000);
}

static void execute_evidence(const struct sim_world *world, struct sim_state *state,
                             const uint8_t *bytes, size_t size)
{
    struct tn_evidence evidence;
    uint32_t identity = signer_of(world, &evidence, bytes, size);
    if (identity >= SIM_NODES_MAX || !world->slashing) return;
    weigh(world, state, identity, 0);
    if (state->weights[identity] == 0) state->slashed |= 1u << identity;
}

void sim_world_execute(const struct sim_world *world, struct sim_state *after,
                       const struct sim_state *before, const struct tn_sequencer_block *block)
{
    struct tn_keccak keccak;
    struct sim_state state = *before;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, before->root.bytes, TN_HASH_SIZE);
    tn_keccak_add(&keccak, block->hash.bytes, TN_HASH_SIZE);
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block->body + TN_HASH_SIZE * i, TN_HASH_SIZE);
        uint32_t slot = sim_world_find_batch(world, &digest);
        TN_ASSERT(slot != TN_NONE);
        tn_keccak_add(&keccak, world->batches[slot].bytes, world->batches[slot].size);
        execute_batch(world, &state, &world->batches[slot]);
    }
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    if (tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size)) {
        while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
            if (reader.kind == TN_ITEM_EVIDENCE)
                execute_evidence(world, &state, reader.item_bytes + 1, reader.item_size - 1);
        }
    }
    for (uint32_t i = 0; i < world->identities_count; i++)
        tn_keccak_add(&keccak, &state.weights[i], sizeof state.weights[i]);
    tn_keccak_end(&keccak, &state.root);
    *after = state;
}

static void note_included(struct sim_world *world, const struct sim_block *block)
{
    for (uint32_t i = 0; i < block->header.batches_count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block->body + TN_HASH_SIZE * i, TN_HASH_SIZE);
        uint32_t slot = sim_world_find_batch(world, &digest);
        if (slot != TN_NONE && world->batches[slot].included_height == 0)
            world->batches[slot].included_height = block->header.height;
    }
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    if (!tn_stream_body_open(&reader, &fault, &block->header, block->body, block->header.body_size))
        return;
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        for (uint32_t i = 0; i < world->evidence_count; i++) {
            struct sim_evidence *evidence = &world->evidence[i];
            if (reader.kind == TN_ITEM_EVIDENCE && evidence->size + 1 == reader.item_size &&
                memcmp(evidence->bytes, reader.item_bytes + 1, evidence->size) == 0 &&
                evidence->included_height == 0)
                evidence->included_height = block->header.height;
        }
    }
}

static void make_room(struct sim_world *world, uint64_t height)
{
    if (height < world->blocks_room) return;
    uint64_t room = 2 * height + 256;
    world->blocks = realloc(world->blocks, room * sizeof *world->blocks);
    TN_ASSERT(world->blocks != NULL);
    memset(world->blocks + world->blocks_room, 0,
           (room - world->blocks_room) * sizeof *world->blocks);
    world->blocks_room = room;
}

struct sim_block *sim_world_deliver(struct sim *sim, const struct tn_sequencer_block *block,
                                    const struct sim_state *after)
{
    struct sim_world *world = sim->world;
    uint64_t height = block->header->height;
    make_room(world, height);
    struct sim_block *known = world->blocks[height];
    if (known != NULL) return known;
    known = calloc(1, sizeof *known);
    TN_ASSERT(known != NULL && block->body_size <= SIM_BODY_MAX);
    known->header = *block->header;
    known->hash = block->hash;
    if (block->body_size > 0) memcpy(known->body, block->body, block->body_size);
    known->state = *after;
    known->at_us = sim->now_us;
    known->there = true;
    world->blocks[height] = known;
    if (height > world->height) world->height = height;
    sim->figures.blocks++;
    note_included(world, known);
    if ((block->header->flags & TN_BLOCK_EPOCH_FINAL) != 0) {
        struct tn_validators set;
        uint64_t next = block->header->epoch + 1;
        if (next < SIM_EPOCHS_MAX && sim_world_set(world, &set, next)) {
            world->epochs[next].set = set;
            world->epochs[next].there = true;
            sim->figures.epochs++;
        }
    }
    return known;
}

static void remove_block(struct sim_world *world, uint64_t height)
{
    struct sim_block *block = world->blocks[height];
    for (uint32_t i = 0; i < world->batches_count; i++) {
        if (world->batches[i].included_height == height) world->batches[i].included_height = 0;
    }
    for (uint32_t i = 0; i < world->evidence_count; i++) {
        if (world->evidence[i].included_height == height) world->evidence[i].included_height = 0;
    }
    if ((block->header.flags & TN_BLOCK_EPOCH_FINAL) != 0) {
        struct sim_epoch *ended = &world->epochs[block->header.epoch];
        free(ended->handover);
        ended->handover = NULL;
        world->epochs[block->header.epoch + 1].there = false;
    }
    free(block);
    world->blocks[height] = NULL;
    if (height == world->height) world->height--;
}

void sim_world_forget(struct sim *sim, uint32_t machine, uint64_t height)
{
    struct sim_world *world = sim->world;
    for (uint64_t at = world->height; at > height; at--) {
        struct sim_block *block = world->blocks[at];
        if (block == NULL || (block->holders >> machine & 1) == 0) continue;
        block->holders &= ~(1u << machine);
        block->certified &= ~(1u << machine);
        if (block->holders == 0) remove_block(world, at);
    }
}

bool sim_world_set(struct sim_world *world, struct tn_validators *set, uint64_t epoch)
{
    struct sim_block *block = sim_world_block(world, sim_world_frozen(world, epoch));
    if (block == NULL) return false;
    struct tn_validator members[SIM_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->identities_count; i++) {
        if (block->state.weights[i] == 0) continue;
        struct tn_validator *member = &members[count++];
        *member = (struct tn_validator){.id = (uint16_t)i, .weight = block->state.weights[i]};
        member->key = world->public_keys[i];
        world->signatures.address(world->signatures.context, &member->address, &member->key);
    }
    bool made = tn_validators_make(set, epoch, world->turn_views, members, count);
    TN_ASSERT(made);
    return made;
}

/* Have these so much weight in any set that may be in force? */
static bool have(const struct sim *sim, uint32_t identities, bool (*so_much)(uint64_t, uint64_t))
{
    const struct sim_world *world = sim->world;
    for (uint64_t height = 0; height <= world->height; height++) {
        const struct sim_block *block = sim_world_block(world, height);
        /* states that no set is made of any more do not matter; the genesis is one of them late */
        if (block == NULL || height + 3 * world->epoch_blocks < world->height) continue;
        uint64_t total = 0, theirs = 0;
        for (uint32_t i = 0; i < world->identities_count; i++) {
            total += block->state.weights[i];
            if ((identities >> i & 1) != 0) theirs += block->state.weights[i];
        }
        if (so_much(theirs, total)) return true;
    }
    return false;
}

static bool is_a_third(uint64_t weight, uint64_t total)
{
    return weight * 3 >= total;
}

bool sim_world_tolerates(const struct sim *sim, uint32_t silent_identities)
{
    return !have(sim, silent_identities | sim->world->byzantine, is_a_third);
}

bool sim_world_is_quorum(const struct sim *sim, uint32_t identities)
{
    return have(sim, identities, tn_weight_is_quorum);
}

/* ---- The beginning ---- */

static void make_keys(struct sim *sim)
{
    struct sim_world *world = sim->world;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        sim_secret_key(&world->keys[i], sim->options.seed, i);
        world->signatures.public_key(world->signatures.context, &world->public_keys[i],
                                     &world->keys[i]);
    }
}

static void make_limits(struct sim *sim)
{
    struct sim_world *world = sim->world;
    struct tn_sequencer_limits *limits = &world->limits;
    const struct tn_address bridge = {{1}};
    tn_sequencer_limits_default(limits);
    memcpy(limits->chain_id, world->chain_id, sizeof limits->chain_id);
    tn_checkpoint_domain(&limits->checkpoint_domain, 1, &bridge);
    limits->validators_max = SIM_NODES_MAX;
    limits->views_max = 256;
    limits->bodies_max = 128;
    limits->body_max = SIM_BODY_MAX;
    limits->behind_max = 64;
    limits->exec_lag_max = 24; /* who is 32 views behind is laden: EMPTY blocks come before */
    limits->checkpoint_blocks = 8 + (uint32_t)tn_random_below(&world->random, 24);
    limits->delta_us = (int64_t)(20 + tn_random_below(&world->random, 40)) * SIM_MS;
    bool short_lag = tn_random_below(&world->random, 2) == 0;
    limits->exec_lag = short_lag ? 2 : 2 + (uint32_t)tn_random_below(&world->random, 8);
}

void sim_world_init(struct sim *sim)
{
    struct sim_world *world = calloc(1, sizeof *world);
    TN_ASSERT(world != NULL);
    sim->world = world;
    world->random = sim->options.seed ^ UINT64_C(0x776f726c64);
    sim_signatures(&world->signatures);
    memcpy(world->chain_id, "tenor-sim", 9);
    make_keys(sim);
    make_limits(sim);
    world->batches = calloc(SIM_BATCHES_MAX, sizeof *world->batches);
    world->batch_cells = calloc(tn_index_cells(SIM_BATCHES_MAX), sizeof *world->batch_cells);
    world->epochs = calloc(SIM_EPOCHS_MAX, sizeof *world->epochs);
    TN_ASSERT(world->batches != NULL && world->batch_cells != NULL && world->epochs != NULL);
    tn_index_init(&world->batch_index, world->batch_cells, SIM_BATCHES_MAX, 1);
}

void sim_world_free(struct sim *sim)
{
    struct sim_world *world = sim->world;
    if (world == NULL) return;
    for (uint64_t i = 0; i < world->blocks_room; i++)
        free(world->blocks[i]);
    for (uint32_t i = 0; i < SIM_EPOCHS_MAX; i++)
        free(world->epochs[i].handover);
    free(world->blocks);
    free(world->epochs);
    free(world->batches);
    free(world->batch_cells);
    free(world);
    sim->world = NULL;
}
