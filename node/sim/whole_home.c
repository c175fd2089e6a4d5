/* whole_home: what a node leaves on its disk, by the node's own code: keeper (log and store), the
 * server of state sync, and state sync into a store beside the home's.
 *
 * It does what node/cluster/loop.c does around them. The store is written by the caller's thread,
 * since a thread of its own would not follow from the seed; the rest is the same code over the
 * calls of calls.c. */
#include "sim/files.h"
#include "sim/whole.h"

#include "cluster/keeper.h"
#include "cluster/sync_server.h"
#include "cluster/sync_store.h"
#include "cluster/syncing.h"
#include "tenord/tenord.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_BYTES = 72 * 4096, /* the longest record fits, and a run has many segments */
    BYTES_A_SECOND = 64 << 20,
    VIEW_SECONDS = 600,
};

static char complaint[512];

/* What the node would tell people: the last of it, for a failure's sentence. */
void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint, sizeof complaint, format, arguments);
    va_end(arguments);
}

void note(const char *format, ...)
{
    (void)format;
}

const char *whole_home_complaint(void)
{
    return complaint;
}

/* ---- Member, keeper, server ---- */

static void make_member(struct sim_node *node)
{
    struct whole *whole = node->sim->whole;
    const struct sim_machine *machine = &node->sim->machines[node->machine];
    struct tn_member_config config = {.limits = whole->limits,
                                      .genesis = whole->genesis,
                                      .signatures = &whole->signatures,
                                      .key = whole->keys[machine->identity],
                                      .is_validator = !machine->mute};
    if (node->sync_limit.usual == 0) {
        sync_limit_init(&node->sync_limit, config.limits.sequencer.behind_max);
        sync_blocks_init(&node->sync_blocks, SYNC_BLOCKS_ASK_US);
    }
    config.limits.sequencer.behind_max = node->sync_limit.blocks;
    whole_fill_out(&config.out, node);
    for (uint32_t i = 0; i < config.limits.chain.markets_count; i++)
        config.limits.chain.markets[i].exchange.hash_seed = 1 + node->machine;
    size_t size = tn_member_size(&config.limits);
    TN_ASSERT(size > 0);
    node->memory = calloc(1, size + 64);
    TN_ASSERT(node->memory != NULL);
    uint8_t *aligned = (uint8_t *)(((uintptr_t)node->memory + 63) & ~(uintptr_t)63);
    node->member = tn_member_init(aligned, &config);
    TN_ASSERT(node->member != NULL);
}

static bool serve_cert(void *context, const uint8_t **bytes, size_t *size, uint64_t height)
{
    return keeper_find_certificate(((struct sim_node *)context)->keeper, bytes, size, height);
}

static bool serve_epoch(void *context, struct sync_epoch *epoch, uint64_t number)
{
    return keeper_find_epoch(((struct sim_node *)context)->keeper, epoch, number);
}

static bool serve_send(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    whole_send(context, to, bytes, size);
    return true;
}

static void lay_down_member(struct sim_node *node)
{
    sync_server_free(node->server);
    if (node->keeper != NULL) keeper_close(node->keeper);
    free(node->memory);
    node->server = NULL;
    node->keeper = NULL;
    node->member = NULL;
    node->memory = NULL;
    node->has_records = node->is_full = node->is_due = false;
}

/* What the home holds, into a member that was just made. */
static bool start_member(struct sim_node *node)
{
    struct whole *whole = node->sim->whole;
    struct keeper_found found;
    int end;
    const struct keeper_options options = {.home = node->home,
                                           .limits = &whole->limits.chain,
                                           .checkpoint_blocks = whole->checkpoint_blocks,
                                           .segment_bytes = SEGMENT_BYTES,
                                           .store_unthreaded = true};
    node->keeper = keeper_open(&end, &options);
    if (node->keeper == NULL) return false;
    node->restoring = true;
    bool is_restored = keeper_restore(node->keeper, &found, node->member, &end);
    node->restoring = node->is_behind = false;
    if (!is_restored) return false;
    const struct sync_server_config config = {.store = keeper_store(node->keeper),
                                              .bytes_a_second = BYTES_A_SECOND,
                                              .view_seconds = VIEW_SECONDS,
                                              .context = node,
                                              .cert = serve_cert,
                                              .epoch = serve_epoch,
                                              .send = serve_send};
    node->server = sync_server_make(&config);
    TN_ASSERT(node->server != NULL);
    node->sim->figures.counts[SIM_COUNT_TORN] += found.torn_bytes > 0;
    sim_trace(node->sim, node->machine, "finds checkpoint %a, %b records, %c torn bytes",
              found.height, found.records_count, found.torn_bytes);
    const struct tn_member_clock clock = whole_clock(node);
    tn_member_start(node->member, &clock);
    return true;
}

bool whole_home_open(struct sim_node *node)
{
    complaint[0] = '\0';
    if (!sync_store_tidy(node->home)) return false;
    make_member(node);
    if (start_member(node)) return true;
    whole_home_close(node);
    return false;
}

void whole_home_close(struct sim_node *node)
{
    lay_down_member(node);
    syncing_free(node->syncing);
    node->syncing = NULL;
}

void whole_home_flush(struct sim_node *node)
{
    struct sim *sim = node->sim;
    const struct sim_files *files = sim->machines[node->machine].files;
    if (node->member == NULL || sim_files_has_stopped(files)) return;
    const uint64_t height = tn_chain_heads(tn_member_chain(node->member))->height;
    sync_server_free(node->server);
    node->server = NULL;
    const enum keeper_answer answer = keeper_flush(node->keeper, node->member);
    sim_trace(sim, node->machine, "ends in order at height %a", height, 0, 0);
    if (sim_files_has_stopped(files) || answer == KEEPER_FULL) return;
    sim->figures.counts[SIM_COUNT_ORDERLY]++;
    if (answer == KEEPER_FAILED)
        sim_fail(sim, node->machine, "does not end in order: %s", complaint);
    else if (keeper_durable_height(node->keeper) != height)
        sim_fail(sim, node->machine, "ends at height %llu and leaves a checkpoint of %llu",
                 (unsigned long long)height,
                 (unsigned long long)keeper_durable_height(node->keeper));
}

/* ---- State sync ---- */

static void sync_send(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    whole_send(context, to, bytes, size);
}

static uint64_t height_of(const struct sim_node *node)
{
    return tn_chain_heads(tn_member_chain(node->member))->height;
}

/* The member ends between two turns, when all that it recorded is durable. */
static void begin_sync(struct sim_node *node)
{
    struct sim *sim = node->sim;
    node->set = *tn_sequencer_set(tn_member_sequencer(node->member));
    const uint64_t height = height_of(node);
    const struct syncing_config config = {.home = node->home,
                                          .limits = &sim->whole->limits.chain,
                                          .signatures = &sim->whole->signatures,
                                          .set = &node->set,
                                          .above = height,
                                          .log_position = keeper_log_position(node->keeper),
                                          .patience_us =
                                              sync_blocks_patience_us(&node->sync_blocks, height),
                                          .context = node,
                                          .send = sync_send};
    const int64_t now_us = whole_clock(node).now_us;
    sim_trace(sim, node->machine, "begins a state sync at height %a of epoch %b", config.above,
              node->set.epoch, 0);
    sim->figures.counts[SIM_COUNT_SYNCS]++;
    lay_down_member(node);
    node->syncing = syncing_make(&config, now_us);
    TN_ASSERT(node->syncing != NULL);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (sim->machines[i].identity == sim->machines[node->machine].identity) continue;
        uint32_t index = tn_validators_find_id(&node->set, sim->machines[i].identity);
        if (index == TN_NONE) index = TN_VALIDATORS_MAX + i;
        sync_client_peer_up(syncing_client(node->syncing), (uint16_t)index);
    }
}

/* Since there were so many. Nobody honest may be among them. */
static void note_bans(struct sim_node *node, uint64_t before)
{
    struct sim *sim = node->sim;
    struct sync_client *client = syncing_client(node->syncing);
    const uint64_t bans = sync_client_counters(client)->bans;
    sim->figures.counts[SIM_COUNT_SYNC_BANS] += bans - before;
    for (uint32_t i = 0; i < sim->machines_count && bans > before; i++) {
        uint32_t index = tn_validators_find_id(&node->set, sim->machines[i].identity);
        if (index == TN_NONE) index = TN_VALIDATORS_MAX + i;
        if (!sim->machines[i].byzantine && sync_client_is_banned(client, (uint16_t)index))
            sim_fail(sim, node->machine, "takes the state, and calls %u a liar", i);
    }
}

static void go_on(struct sim_node *node)
{
    syncing_free(node->syncing);
    node->syncing = NULL;
    make_member(node);
    node->is_broken = !start_member(node);
}

/* Nobody can give the state: what the home has goes on by blocks. */
static void give_up_sync(struct sim_node *node)
{
    const uint64_t height = syncing_above(node->syncing), goal = node->sync_blocks.goal;
    sim_trace(node->sim, node->machine, "asks in vain for a state: blocks %a to %b", height, goal,
              0);
    sync_limit_reach(&node->sync_limit, height, goal);
    go_on(node);
    if (node->is_broken) return;
    sync_blocks_try(&node->sync_blocks, height_of(node), whole_clock(node).now_us);
}

/* The records into a new member; when they are what the set certified, it goes on from there. */
static void end_sync(struct sim_node *node)
{
    struct sim *sim = node->sim;
    const int64_t now_us = whole_clock(node).now_us;
    make_member(node);
    const uint64_t bans = sync_client_counters(syncing_client(node->syncing))->bans;
    enum syncing_load load = syncing_load(node->syncing, tn_member_chain(node->member), now_us);
    note_bans(node, bans);
    lay_down_member(node);
    sim->figures.counts[SIM_COUNT_SYNCS_REFUSED] += load == SYNCING_WRONG;
    node->is_broken = load == SYNCING_BROKEN;
    if (load != SYNCING_LOADED) return;
    uint64_t height = sync_client_checkpoint(syncing_client(node->syncing))->height;
    sim_trace(sim, node->machine, "has the state of %a", height, 0, 0);
    sim->figures.snapshots++;
    sync_blocks_done(&node->sync_blocks);
    go_on(node);
}

/* False: it is nobody's business here. */
bool whole_home_message(struct sim_node *node, uint16_t from, const uint8_t *bytes, size_t size)
{
    const bool is_answer = bytes[0] == TN_PEER_SYNC_DATA || bytes[0] == TN_PEER_SYNC_STATUS;
    if (node->syncing != NULL && is_answer) {
        const int64_t now_us = whole_clock(node).now_us;
        struct sync_client *client = syncing_client(node->syncing);
        const uint64_t bans = sync_client_counters(client)->bans;
        sync_client_message(client, from, bytes, size, now_us);
        note_bans(node, bans);
    } else if (node->syncing == NULL && bytes[0] == TN_PEER_SYNC_FETCH) {
        (void)sync_server_take(node->server, from, bytes, size);
    } else {
        return node->syncing != NULL || is_answer;
    }
    return true;
}

void whole_home_tick(struct sim_node *node)
{
    const struct tn_member_clock clock = whole_clock(node);
    if (node->syncing == NULL) {
        tn_member_turn(node->member, &clock);
        sync_server_turn(node->server, clock.now_us);
        return;
    }
    const uint64_t bans = sync_client_counters(syncing_client(node->syncing))->bans;
    enum syncing_answer state = syncing_turn(node->syncing, clock.now_us);
    note_bans(node, bans);
    if (state == SYNCING_WHOLE) end_sync(node);
    if (state == SYNCING_VAIN) give_up_sync(node);
    if (state == SYNCING_FAILED) node->is_broken = true;
}

int64_t whole_home_timeout(const struct sim_node *node)
{
    if (node->syncing != NULL) return sync_client_timeout(syncing_client(node->syncing));
    if (node->is_due) return sim_node_now(node->sim, node->machine);
    int64_t member_us = tn_member_timeout(node->member);
    int64_t server_us = sync_server_timeout(node->server);
    return member_us < server_us ? member_us : server_us;
}

/* ---- The disk ---- */

static enum sim_synced answer(struct sim_node *node, enum keeper_answer kept)
{
    node->is_full = kept == KEEPER_FULL;
    node->sim->figures.counts[SIM_COUNT_FULL] += node->is_full;
    switch (kept) {
        case KEEPER_DONE: return SIM_SYNCED;
        case KEEPER_FULL: return SIM_FULL;
        case KEEPER_FAILED: break;
    }
    if (!sim_files_has_stopped(node->sim->machines[node->machine].files))
        sim_fail(node->sim, node->machine, "ends on a good disk: %s", complaint);
    return SIM_BROKEN;
}

enum sim_synced whole_home_sync(struct sim_node *node)
{
    if (node->member == NULL) return SIM_SYNCED;
    if (node->is_full) {
        enum sim_synced tended = answer(node, keeper_tend(node->keeper, node->member));
        if (tended != SIM_SYNCED) return tended;
    }
    enum sim_synced synced = answer(node, keeper_sync(node->keeper));
    if (synced == SIM_SYNCED) node->has_records = false;
    return synced;
}

enum sim_synced whole_home_tend(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    if (node->is_broken) {
        if (!sim_files_has_stopped(machine->files) && !machine->disk.full)
            sim_fail(node->sim, node->machine, "state sync fails on a good disk: %s", complaint);
        return SIM_BROKEN;
    }
    if (node->member == NULL) return SIM_SYNCED;
    bool is_due = !keeper_may_execute(node->keeper);
    enum sim_synced tended = answer(node, keeper_tend(node->keeper, node->member));
    if (tended != SIM_SYNCED) return tended;
    machine->store_height = keeper_durable_height(node->keeper);
    node->is_due = is_due; /* a block waited for the checkpoint */
    node->sim->figures.counts[SIM_COUNT_STORED] += is_due;
    const int64_t now_us = whole_clock(node).now_us;
    if (node->is_behind || sync_blocks_fail(&node->sync_blocks, height_of(node), now_us))
        begin_sync(node);
    return SIM_SYNCED;
}
