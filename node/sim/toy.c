/* toy: the life of a node: its engine, its peers, bytes that it lacks, snapshots of others.
 *
 * What survives a power cut is the machine's: the log (its disk) and the store, which is the height
 * of a block that was executed. The store is committed at checkpoints, once the log that led there
 * is synced. */
#include "sim/toy.h"

#include "sim/attack.h"

#include <stdlib.h>
#include <string.h>

static const int64_t FETCH_RETRY_US = 60 * SIM_MS;
static const int64_t SYNC_RETRY_US = 200 * SIM_MS;

/* ---- Out of the engine ---- */

static void record(void *context, enum tn_sequencer_record type, const uint8_t *bytes, size_t size)
{
    struct sim_node *node = context;
    sim_node_record(node->sim, node->machine, (uint8_t)type, bytes, size);
}

static void say(struct sim_node *node, uint32_t to, const uint8_t *bytes, size_t size)
{
    if (node->sim->machines[node->machine].byzantine)
        sim_attack_said(node->sim, node->machine, to, bytes, size);
    else
        sim_node_say(node->sim, node->machine, to, bytes, size);
}

static void send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size)
{
    struct sim_node *node = context;
    (void)priority;
    if (to == TN_PEER_ALL) {
        say(node, to, bytes, size);
        return;
    }
    const struct tn_validators *set = tn_sequencer_set(node->engine);
    TN_ASSERT(to < set->count || to >= TN_VALIDATORS_MAX);
    const uint32_t peers = sim_node_peers(node->sim, node->machine, set, to);
    for (uint32_t i = 0; peers >> i != 0; i++)
        if ((peers >> i & 1) != 0) say(node, i, bytes, size);
}

static void ban(void *context, uint16_t peer, const char *why)
{
    struct sim_node *node = context;
    const struct tn_validators *set = tn_sequencer_set(node->engine);
    uint32_t identity = peer;
    if (peer < set->count)
        identity = set->members[peer].id;
    else if (peer >= TN_VALIDATORS_MAX)
        identity = node->sim->machines[peer - TN_VALIDATORS_MAX].identity;
    sim_trace(node->sim, node->machine, why, identity, 0, 0);
    if (identity < SIM_NODES_MAX && (node->sim->world->byzantine >> identity & 1) == 0 &&
        !node->sim->machines[node->machine].byzantine)
        sim_fail(node->sim, node->machine, "bans the honest %u: %s", identity, why);
}

/* ---- The engine ---- */

void toy_engine_open(struct sim_node *node, bool speaks)
{
    struct sim *sim = node->sim;
    struct sim_world *world = sim->world;
    struct sim_machine *machine = &sim->machines[node->machine];
    const struct sim_block *root = sim_world_block(world, node->height);
    struct tn_sequencer_config *config = &node->config;
    size_t size = tn_sequencer_size(&world->limits);
    TN_ASSERT(size > 0 && root != NULL);
    *config = (struct tn_sequencer_config){.limits = world->limits,
                                           .signatures = &world->signatures,
                                           .key = world->keys[machine->identity],
                                           .is_validator = speaks,
                                           .root = root->header,
                                           .root_hash = root->hash};
    toy_app(&config->app, node);
    config->out =
        (struct tn_sequencer_out){.context = node, .record = record, .send = send, .ban = ban};
    bool ended = (root->header.flags & TN_BLOCK_EPOCH_FINAL) != 0;
    bool known = sim_world_set(world, &config->set, root->header.epoch + (ended ? 1 : 0));
    TN_ASSERT(known);
    node->memory = calloc(1, size + 64);
    TN_ASSERT(node->memory != NULL);
    uint8_t *aligned = (uint8_t *)(((uintptr_t)node->memory + 63) & ~(uintptr_t)63);
    node->engine = tn_sequencer_init(aligned, config);
    node->restoring = true;
    /* what is recorded meanwhile comes behind what is restored */
    uint32_t count = machine->disk.count;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_record record_copy = machine->disk.records[i];
        if (record_copy.type == SIM_RECORD_BATCH) {
            uint32_t slot = sim_world_batch(world, record_copy.bytes, record_copy.size);
            toy_hold(node, slot);
            node->recorded[slot / 64] |= UINT64_C(1) << slot % 64;
        } else if (!tn_sequencer_restore(node->engine, record_copy.type, record_copy.bytes,
                                         record_copy.size)) {
            sim_fail(sim, node->machine, "its own record %u of type %u is refused", i,
                     record_copy.type);
        }
    }
    tn_sequencer_start(node->engine, sim_node_now(sim, node->machine));
    node->restoring = false;
}

void toy_engine_close(struct sim_node *node)
{
    free(node->memory);
    node->memory = NULL;
    node->engine = NULL;
}

static void stand_at(struct sim_node *node, uint64_t height)
{
    const struct sim_block *block = sim_world_block(node->sim->world, height);
    TN_ASSERT(block != NULL);
    node->height = height;
    node->state = block->state;
    node->first_open = 0;
}

static struct sim_node *start(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    struct sim_node *node = calloc(1, sizeof *node);
    TN_ASSERT(node != NULL);
    *node = (struct sim_node){.sim = sim, .machine = machine, .sync_next_us = INT64_MAX};
    stand_at(node, self->store_height);
    for (uint32_t i = 0; i < sim->world->batches_count; i++) {
        uint64_t height = sim->world->batches[i].included_height;
        if (height != 0 && height <= self->store_height) toy_hold(node, i);
    }
    if (self->lost_log) {
        self->mute = true;
        self->mute_epoch = self->synced_epoch;
    }
    toy_engine_open(node, !self->mute);
    if (!self->lost_log && node->height < self->reported_height)
        sim_fail(sim, machine, "had reported block %llu as final and stands at %llu",
                 (unsigned long long)self->reported_height, (unsigned long long)node->height);
    self->lost_log = false;
    self->reported_height = node->height;
    return node;
}

static void stop(struct sim_node *node)
{
    sim_world_forget(node->sim, node->machine, node->sim->machines[node->machine].reported_height);
    toy_engine_close(node);
    sim_disk_cut(&node->sim->machines[node->machine].disk,
                 &node->sim->machines[node->machine].random);
    free(node);
}

/* ---- Into the engine ---- */

static void take_batch(struct sim_node *node, const uint8_t *bytes, size_t size)
{
    uint32_t slot = sim_world_batch(node->sim->world, bytes, size);
    if (slot == TN_NONE || toy_holds(node, slot)) return;
    toy_hold(node, slot);
    node->wake = true;
    for (uint32_t i = 0; i < node->wanted_count; i++) {
        if (!tn_hash_equal(&node->wanted[i].digest, &node->sim->world->batches[slot].digest))
            continue;
        node->wanted[i] = node->wanted[--node->wanted_count];
        return;
    }
}

static void answer_batch(struct sim_node *node, uint32_t to, const uint8_t *bytes, size_t size)
{
    struct tn_hash digest;
    if (size != TN_HASH_SIZE) return;
    memcpy(digest.bytes, bytes, TN_HASH_SIZE);
    uint32_t slot = sim_world_find_batch(node->sim->world, &digest);
    if (!toy_holds(node, slot)) return;
    const struct sim_batch *batch = &node->sim->world->batches[slot];
    uint8_t message[1 + SIM_BATCH_SIZE_MAX] = {SIM_KIND_BATCH};
    memcpy(message + 1, batch->bytes, batch->size);
    say(node, to, message, batch->size + 1);
}

static void answer_sync(struct sim_node *node, uint32_t to)
{
    uint64_t base = node->sim->machines[node->machine].base_height;
    for (uint64_t height = node->height; height > base; height--) {
        const struct sim_block *block = sim_world_block(node->sim->world, height);
        if ((block->certified >> node->machine & 1) == 0) continue;
        uint8_t message[9] = {SIM_KIND_SYNC_DATA};
        tn_put_be(message + 1, height, 8);
        say(node, to, message, sizeof message);
        return;
    }
}

/* A snapshot of a certified checkpoint, in the store's place; then a new engine on top of it. */
static void take_snapshot(struct sim_node *node, const uint8_t *bytes, size_t size)
{
    struct sim *sim = node->sim;
    struct sim_machine *machine = &sim->machines[node->machine];
    if (size != 8 || node->sync_next_us == INT64_MAX) return;
    uint64_t height = tn_get_be(bytes, 8);
    const struct sim_block *block = sim_world_block(sim->world, height);
    if (block == NULL || block->certified == 0 || height <= node->height) return;
    sim_trace(sim, node->machine, "takes the snapshot of %a, was at %b", height, node->height, 0);
    sim->figures.snapshots++;
    toy_engine_close(node);
    stand_at(node, height);
    machine->store_height = height;
    machine->base_height = height;
    node->sync_next_us = INT64_MAX;
    node->work_height = 0;
    toy_engine_open(node, !machine->mute);
}

static bool is_engines(uint8_t kind)
{
    return kind < SIM_KIND_BATCH || kind == TN_PEER_VOTES_ASK || kind == TN_PEER_VOTES_HELD;
}

static void message(struct sim_node *node, uint32_t from, const uint8_t *bytes, size_t size)
{
    struct sim *sim = node->sim;
    uint8_t kind = bytes[0];
    if (sim->machines[node->machine].byzantine) sim_attack_heard(sim, node->machine, bytes, size);
    if (is_engines(kind)) {
        if (kind != 0 && size > tn_peer_bytes_max(kind)) return; /* a link's work */
        uint32_t index =
            tn_validators_find_id(tn_sequencer_set(node->engine), sim->machines[from].identity);
        if (index == TN_NONE) index = TN_VALIDATORS_MAX + from;
        tn_sequencer_message(node->engine, (uint16_t)index, bytes, size,
                             sim_node_now(sim, node->machine));
    } else if (kind == SIM_KIND_BATCH) {
        take_batch(node, bytes + 1, size - 1);
    } else if (kind == SIM_KIND_BATCH_FETCH) {
        answer_batch(node, from, bytes + 1, size - 1);
    } else if (kind == SIM_KIND_SYNC_FETCH) {
        answer_sync(node, from);
    } else if (kind == SIM_KIND_SYNC_DATA) {
        take_snapshot(node, bytes + 1, size - 1);
    }
}

static uint32_t somebody(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    uint32_t other = (uint32_t)tn_random_below(&machine->random, node->sim->machines_count - 1);
    return other + (other >= node->machine ? 1 : 0);
}

static void fetch(struct sim_node *node, int64_t now_us)
{
    for (uint32_t i = 0; i < node->wanted_count; i++) {
        struct toy_wanted *wanted = &node->wanted[i];
        if (wanted->next_us > now_us) continue;
        wanted->next_us = now_us + FETCH_RETRY_US;
        uint8_t bytes[1 + TN_HASH_SIZE] = {SIM_KIND_BATCH_FETCH};
        memcpy(bytes + 1, wanted->digest.bytes, TN_HASH_SIZE);
        for (uint32_t j = 0; j < 2; j++)
            say(node, somebody(node), bytes, sizeof bytes);
    }
    if (node->sync_next_us > now_us) return;
    node->sync_next_us = now_us + SYNC_RETRY_US;
    const uint8_t bytes[1] = {SIM_KIND_SYNC_FETCH};
    say(node, somebody(node), bytes, sizeof bytes);
}

/* It lost its log: in the epoch after, its key may speak again. */
static void speak_again(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    if (!machine->mute || tn_sequencer_set(node->engine)->epoch <= machine->mute_epoch) return;
    machine->mute = false;
    sim_trace(node->sim, node->machine, "speaks again, in epoch %a",
              tn_sequencer_set(node->engine)->epoch, 0, 0);
    toy_engine_close(node);
    stand_at(node, node->height);
    toy_engine_open(node, true);
}

/* The log is written anew, so that what is before it can go with the store's next commit. Batches
 * of blocks that are not executed are recorded again by `persist` or here. */
static void renew_log(struct sim_node *node)
{
    struct sim_world *world = node->sim->world;
    node->release_records = node->sim->machines[node->machine].disk.count;
    node->sim->machines[node->machine].renewing = true;
    tn_sequencer_record_all(node->engine);
    node->sim->machines[node->machine].renewing = false;
    for (uint32_t i = 0; i < world->batches_count; i++) {
        const struct sim_batch *batch = &world->batches[i];
        if ((node->recorded[i / 64] >> i % 64 & 1) == 0) continue;
        if (batch->included_height != 0 && batch->included_height <= node->height) continue;
        sim_node_record(node->sim, node->machine, SIM_RECORD_BATCH, batch->bytes, batch->size);
    }
}

/* The store is to be committed at checkpoints and where an epoch ends; sometimes the log is renewed
 * with it. */
static void plan_commit(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    const struct sim_world *world = node->sim->world;
    const struct sim_block *block = sim_world_block(world, node->height);
    bool ends = (block->header.flags & TN_BLOCK_EPOCH_FINAL) != 0;
    if (node->height == machine->store_height) return;
    if (node->height < machine->store_height + world->limits.checkpoint_blocks && !ends) return;
    node->release_height = node->height;
    if (tn_random_below(&machine->random, 2) == 0) renew_log(node);
}

static void tick(struct sim_node *node)
{
    int64_t now_us = sim_node_now(node->sim, node->machine);
    bool worked = node->work_height > node->height && node->work_until_us <= now_us;
    if (node->wake || worked) {
        node->wake = false;
        tn_sequencer_wake(node->engine, now_us);
    }
    tn_sequencer_tick(node->engine, now_us);
    fetch(node, now_us);
    speak_again(node);
    plan_commit(node);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t timeout(const struct sim_node *node)
{
    int64_t at_us = earlier(tn_sequencer_timeout(node->engine), node->sync_next_us);
    for (uint32_t i = 0; i < node->wanted_count; i++)
        at_us = earlier(at_us, node->wanted[i].next_us);
    if (node->work_height > node->height) at_us = earlier(at_us, node->work_until_us);
    return at_us;
}

static void synced(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    if (node->height > machine->reported_height) machine->reported_height = node->height;
    machine->synced_epoch = tn_sequencer_set(node->engine)->epoch;
    if (node->release_height == 0) return;
    machine->store_height = node->release_height;
    sim_disk_release(&machine->disk, node->release_records);
    node->release_height = node->release_records = 0;
}

static void trade(struct sim_node *node, const uint8_t *bytes, size_t size)
{
    uint8_t message[1 + SIM_BATCH_SIZE_MAX] = {SIM_KIND_BATCH};
    TN_ASSERT(size <= SIM_BATCH_SIZE_MAX);
    uint32_t slot = sim_world_batch(node->sim->world, bytes, size);
    if (slot == TN_NONE) return;
    toy_hold(node, slot);
    memcpy(message + 1, bytes, size);
    say(node, TN_PEER_ALL, message, size + 1);
    node->wake = true;
    sim_machine_nudge(node->sim, node->machine);
}

static void probe(const struct sim_node *node, struct sim_probe *probe)
{
    static const char *const VOICES[] = {"observes", "asks", "is silent", "diverged", "speaks"};
    struct tn_sequencer_status status;
    tn_sequencer_status(node->engine, &status);
    *probe = (struct sim_probe){.epoch = status.epoch,
                                .view = status.view,
                                .height = node->height,
                                .diverged = status.voice == TN_VOICE_DIVERGED,
                                .voice = VOICES[status.voice]};
}

static bool unsynced(const struct sim_node *node)
{
    const struct sim_disk *disk = &node->sim->machines[node->machine].disk;
    return disk->count > disk->synced;
}

static enum sim_synced sync_disk(struct sim_node *node)
{
    struct sim_disk *disk = &node->sim->machines[node->machine].disk;
    if (disk->full) return SIM_FULL;
    disk->synced = disk->count;
    return SIM_SYNCED;
}

static enum sim_synced tend(struct sim_node *node)
{
    (void)node;
    return SIM_SYNCED;
}

static bool prepare(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->rotten) {
        self->rotten = false;
        self->lost_log = true;
        sim_disk_wipe(&self->disk);
    }
    if (self->forgets == 0) return true;
    sim_disk_forget(&self->disk, self->forgets);
    self->forgets = 0;
    self->old_copy = true;
    self->reported_height = 0;
    return true;
}

const struct sim_node_kind TOY_NODE = {.name = "engine",
                                       .prepare = prepare,
                                       .start = start,
                                       .stop = stop,
                                       .message = message,
                                       .tick = tick,
                                       .timeout = timeout,
                                       .unsynced = unsynced,
                                       .sync = sync_disk,
                                       .synced = synced,
                                       .tend = tend,
                                       .trade = trade,
                                       .probe = probe};
