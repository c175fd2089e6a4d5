/* whole_node: the life of a whole member: bytes of peers and clients in, and what it says out. What
 * it leaves on its disk: whole_home.c.
 *
 * What it executes is gathered step by step and counts once the turn that did it is durable: before
 * that nobody was told, and a power cut makes it never have been. */
#include "sim/whole.h"

#include "cluster/keeper.h"
#include "sim/calls.h"
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

struct tn_member_clock whole_clock(const struct sim_node *node)
{
    int64_t now_us = sim_node_now(node->sim, node->machine);
    const int64_t day_us = now_us + node->sim->machines[node->machine].day_us;
    return (struct tn_member_clock){.now_us = now_us > 0 ? now_us : 0,
                                    .unix_ms = WHOLE_GENESIS_MS + day_us / 1000};
}

/* ---- Out of the member ---- */

static void record(void *context, uint8_t type, const uint8_t *bytes, size_t size)
{
    struct sim_node *node = context;
    if (node->restoring) return;
    node->has_records = true;
    keeper_record(node->keeper, type, bytes, size);
}

/* By which peers are numbered. */
static const struct tn_validators *peers_of(const struct sim_node *node)
{
    return node->member == NULL ? &node->set : tn_sequencer_set(tn_member_sequencer(node->member));
}

static void say(struct sim_node *node, uint32_t to, const uint8_t *bytes, size_t size)
{
    TN_ASSERT(size <= tn_peer_bytes_max(bytes[0]));
    if (node->sim->machines[node->machine].byzantine)
        whole_attack_said(node->sim, node->machine, to, bytes, size);
    else
        sim_node_say(node->sim, node->machine, to, bytes, size);
}

void whole_send(struct sim_node *node, uint16_t to, const uint8_t *bytes, size_t size)
{
    if (to == TN_PEER_ALL) {
        say(node, to, bytes, size);
        return;
    }
    const uint32_t peers = sim_node_peers(node->sim, node->machine, peers_of(node), to);
    for (uint32_t i = 0; peers >> i != 0; i++)
        if ((peers >> i & 1) != 0) say(node, i, bytes, size);
}

static void send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                 size_t size)
{
    struct sim_node *node = context;
    (void)priority;
    whole_send(node, to, bytes, size);
}

static void answer(void *context, uint64_t client, const struct tn_member_answer *answered)
{
    struct sim_node *node = context;
    if (!node->restoring) whole_play_answer(node->sim, client, answered);
}

/* ---- What is executed ---- */

static struct whole_block *making(struct sim_node *node)
{
    if (node->making == NULL) node->making = calloc(1, sizeof *node->making);
    TN_ASSERT(node->making != NULL);
    return node->making;
}

void whole_block_free(struct whole_block *block)
{
    if (block == NULL) return;
    free(block->body);
    free(block->steps);
    free(block);
}

static void take_events(struct whole_step *to, const struct tn_market_step *step)
{
    struct tn_digest digest = {0};
    for (uint32_t i = 0; i < step->events_count; i++) {
        const struct tn_event *event = &step->events[i];
        uint64_t words[sizeof *event / 8];
        memcpy(words, event, sizeof words);
        for (uint32_t k = 0; k < sizeof words / sizeof words[0]; k++)
            tn_digest_u64(&digest, words[k]);
        to->is_large |= event->kind == TN_EVENT_ACCEPTED && event->quantity >= WHOLE_LARGE_LOTS;
        to->trades += event->kind == TN_EVENT_TRADE;
        if (event->kind == TN_EVENT_OPENED) to->account = event->account;
        if (event->kind == TN_EVENT_MONEY && event->other_account == TN_NONE) {
            if (to->kind == TN_ENTRY_DEPOSIT) to->amount += event->money;
            if (to->kind == TN_ENTRY_FRAME) to->withdrawn -= event->money;
        }
        if (event->kind == TN_EVENT_REMITTED && event->account != TN_NONE) {
            if (event->money < 0) to->sent -= event->money;
            if (event->money > 0) to->came += event->money;
        }
        if (event->kind != TN_EVENT_RESULT) continue;
        to->reject = event->reject;
        to->order_id = event->order_id;
        if (to->kind != TN_ENTRY_ACCOUNT) to->account = event->account;
    }
    to->events = digest.value;
}

static void receipt(void *context, const struct tn_chain_place *place,
                    const struct tn_market_step *step)
{
    struct whole_block *block = making(context);
    if (block->steps_count == block->steps_room) {
        block->steps_room = block->steps_room == 0 ? 16 : 2 * block->steps_room;
        block->steps = realloc(block->steps, block->steps_room * sizeof *block->steps);
        TN_ASSERT(block->steps != NULL);
    }
    struct whole_step *to = &block->steps[block->steps_count++];
    memset(to, 0, sizeof *to);
    to->place = *place;
    to->item = step->item;
    to->kind = step->entry == NULL ? 0 : step->entry->kind; /* sessions are no entries */
    to->fault = step->fault;
    to->session = step->session;
    to->account = TN_NONE;
    if (to->kind == TN_ENTRY_FRAME) {
        to->nonce = step->entry->as.frame.nonce;
        to->valid_until_block = step->entry->as.frame.valid_until_block;
        to->content = whole_frame_content(step->entry);
    }
    if (to->kind == TN_ENTRY_BLOCK) to->height = step->entry->as.block.height;
    if (to->kind == TN_ENTRY_ACCOUNT)
        memcpy(to->owner, step->entry->as.account.owner, TN_OWNER_SIZE);
    take_events(to, step);
    struct tn_digest digest = {.value = block->steps_digest};
    tn_digest_u64(&digest, to->events);
    tn_digest_u64(&digest, (uint64_t)place->market << 32 | step->index);
    tn_digest_u64(&digest, place->sequence ^ (uint64_t)step->fault << 48);
    tn_digest_u64(&digest, to->content);
    block->steps_digest = digest.value;
}

static void executed(void *context, const struct tn_member_block *from)
{
    struct sim_node *node = context;
    struct whole_block *block = making(node);
    keeper_block(node->keeper, tn_member_gossip(node->member), from);
    node->making = NULL;
    block->header = *from->header;
    block->hash = from->hash;
    block->root = from->root;
    block->body_size = (uint32_t)from->body_size;
    block->body = malloc(from->body_size + 1);
    TN_ASSERT(block->body != NULL);
    if (from->body_size > 0) memcpy(block->body, from->body, from->body_size);
    struct tn_chain *chain = tn_member_chain(node->member);
    for (uint32_t i = 0; i < tn_chain_limits(chain)->markets_count; i++) {
        const struct tn_exchange *exchange = tn_market_exchange_of(tn_chain_market(chain, i));
        block->external[i] = (uint64_t)-tn_ledger_cash(tn_exchange_ledger(exchange),
                                                       TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL));
    }
    uint32_t count;
    block->under_way = (tn_micros)tn_chain_under_way(chain, &count);
    if (node->said_count == node->said_room) {
        node->said_room = node->said_room == 0 ? 16 : 2 * node->said_room;
        node->said = realloc(node->said, node->said_room * sizeof(struct whole_block *));
        TN_ASSERT(node->said != NULL);
    }
    node->said[node->said_count++] = block;
    sim_trace(node->sim, node->machine, "executes block %a of view %b, %C", from->header->height,
              from->header->view, tn_get_be(from->root.bytes, 8));
}

static void term(void *context, uint32_t market, uint32_t number, uint64_t sequence)
{
    struct sim_node *node = context;
    struct whole_block *block = making(node);
    if (!node->restoring)
        sim_trace(node->sim, node->machine, "market %a is in term %b from sequence %c", market,
                  number, sequence);
    for (uint32_t i = 0; i < block->terms_count; i++) {
        if (block->terms[i].market != market) continue;
        block->terms[i].term = number;
        return;
    }
    TN_ASSERT(block->terms_count < WHOLE_MARKETS_MAX);
    block->terms[block->terms_count++] =
        (struct whole_term){.market = market, .term = number, .sequence = sequence};
}

static void certified(void *context, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                      size_t size)
{
    struct sim_node *node = context;
    struct whole *whole = node->sim->whole;
    keeper_certified(node->keeper, checkpoint->height, cert, size);
    node->sim->figures.checkpoints++;
    if (checkpoint->height > whole->height || whole->blocks[checkpoint->height] == NULL) return;
    if (!tn_hash_equal(&whole->blocks[checkpoint->height]->root, &checkpoint->state_root))
        sim_fail(node->sim, node->machine, "checkpoint %llu is certified with another root",
                 (unsigned long long)checkpoint->height);
}

static void epoch_ended(void *context, uint64_t epoch, const uint8_t *handover, size_t size)
{
    struct sim_node *node = context;
    struct whole *whole = node->sim->whole;
    const struct tn_registry *registry = tn_chain_registry(tn_member_chain(node->member));
    const struct tn_validators *next = tn_registry_set(registry, epoch + 1);
    TN_ASSERT(next != NULL);
    sim_trace(node->sim, node->machine, "epoch %a has ended", epoch, 0, 0);
    keeper_handover(node->keeper, epoch, handover, size);
    keeper_set(node->keeper, next);
    if (epoch < whole->epochs_count) return;
    whole->epochs_count = epoch + 1;
    node->sim->figures.epochs++;
}

static void behind(void *context, uint64_t height)
{
    struct sim_node *node = context;
    if (!node->is_behind) sim_trace(node->sim, node->machine, "is behind: %a", height, 0, 0);
    node->is_behind = true;
    sync_blocks_behind(&node->sync_blocks, height);
}

static bool may_execute(void *context)
{
    const struct sim_node *node = context;
    return node->restoring || keeper_may_execute(node->keeper);
}

/* An honest node holds both batches: their leader is to be slashed. */
static void note_split(struct sim_node *node, uint64_t index)
{
    const struct tn_validators *set = tn_sequencer_set(tn_member_sequencer(node->member));
    struct sim *sim = node->sim;
    sim->figures.counts[SIM_COUNT_SPLITS_FOUND]++;
    if (index < set->count) sim->whole->convicts |= 1u << set->members[index].id;
}

static void notice(void *context, enum tn_member_notice which, uint64_t number, const char *text)
{
    struct sim_node *node = context;
    struct sim *sim = node->sim;
    bool is_honest = !sim->machines[node->machine].byzantine;
    sim_trace(sim, node->machine, text, number, 0, 0);
    if (which == TN_NOTICE_EVIDENCE) sim->figures.evidence++;
    if (which == TN_NOTICE_EVIDENCE && is_honest && strstr(text, "two batches") != NULL)
        note_split(node, number);
    if (which == TN_NOTICE_DIVERGED && is_honest)
        sim_fail(sim, node->machine, "diverged at height %llu", (unsigned long long)number);
    if (is_honest && which == TN_NOTICE_RESULTS) sim->whole->results_wrong++;
    if (is_honest && which == TN_NOTICE_NO_OP) sim->whole->no_ops++;
    if (!is_honest || sim->whole->byzantine != 0) return;
    if (which == TN_NOTICE_RESULTS || which == TN_NOTICE_NO_OP || which == TN_NOTICE_BAN ||
        which == TN_NOTICE_EVIDENCE)
        sim_fail(sim, node->machine, "all are honest, and it says of %llu: %s",
                 (unsigned long long)number, text);
}

/* ---- What it serves ---- */

static bool stored_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    return keeper_find_block(((struct sim_node *)context)->keeper, block, height);
}

static bool stored_handover(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch)
{
    return keeper_find_handover(((struct sim_node *)context)->keeper, bytes, size, epoch);
}

static bool stored_batch(void *context, const struct tn_hash *digest, const uint8_t **message,
                         size_t *size)
{
    return keeper_find_batch(((struct sim_node *)context)->keeper, digest, message, size);
}

static uint64_t stored_height(void *context)
{
    return keeper_durable_height(((struct sim_node *)context)->keeper);
}

void whole_fill_out(struct tn_member_out *out, struct sim_node *node)
{
    *out = (struct tn_member_out){.context = node,
                                  .record = record,
                                  .send = send,
                                  .answer = answer,
                                  .receipt = receipt,
                                  .executed = executed,
                                  .may_execute = may_execute,
                                  .term = term,
                                  .certified = certified,
                                  .epoch_ended = epoch_ended,
                                  .behind = behind,
                                  .notice = notice,
                                  .stored_block = stored_block,
                                  .stored_handover = stored_handover,
                                  .stored_batch = stored_batch,
                                  .stored_height = stored_height};
}

/* ---- Life ---- */

static void drop_said(struct sim_node *node)
{
    for (uint32_t i = 0; i < node->said_count; i++)
        whole_block_free(node->said[i]);
    node->said_count = 0;
    whole_block_free(node->making);
    node->making = NULL;
}

/* Bits of its disk have turned over, and it says so: what is damaged is taken away, and all that
 * the key has said with it. */
static void take_away(struct sim *sim, uint32_t machine, bool all)
{
    struct sim_machine *self = &sim->machines[machine];
    sim_trace(sim, machine, all ? "is damaged: its home is emptied" : "is damaged: its log goes", 0,
              0, 0);
    if (all)
        whole_empty_home(sim, machine);
    else
        sim_files_wipe(self->files, "log");
    sim->figures.counts[SIM_COUNT_DAMAGE_FOUND]++;
    self->aged = false;
    self->lost_log = true;
}

static bool open_home(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_machine *self = &sim->machines[node->machine];
    const bool is_aged = self->aged;
    for (uint32_t tries = 0; tries < 3; tries++) {
        if (self->lost_log) {
            self->mute = true;
            self->mute_epoch = self->synced_epoch;
        }
        if (whole_home_open(node)) return true;
        drop_said(node);
        if (sim_files_has_stopped(self->files) || self->disk.full || !is_aged) break;
        take_away(sim, node->machine, tries > 0 || tn_random_below(&self->random, 2) == 0);
    }
    if (!sim_files_has_stopped(self->files) && !self->disk.full)
        sim_fail(sim, node->machine, "does not start: %s", whole_home_complaint());
    return false;
}

static void power_off(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_machine *self = &sim->machines[node->machine];
    bool is_lost =
        sim->panicked; /* in the midst of anything: what it holds is left to the system */
    if (!is_lost) {
        sim_files_stop(self->files);
        whole_home_close(node);
        TN_ASSERT(sim_calls_open(node->machine) == 0);
        sim_files_crash(self->files);
    }
    drop_said(node);
    free(node->said);
    free(node);
}

/* Can the others do without it, and without whoever is silent? */
static bool is_spared(const struct sim *sim, uint32_t machine)
{
    uint32_t silent = 1u << sim->machines[machine].identity;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct sim_machine *other = &sim->machines[i];
        if (other->node == NULL || other->mute || other->lost_log || other->rotten)
            silent |= 1u << other->identity;
    }
    return sim_world_tolerates(sim, silent);
}

/* Who stays away comes at last when the others need it. */
static bool prepare(struct sim *sim, uint32_t machine)
{
    whole_rot(sim, machine);
    return sim->whole->height >= sim->whole->comes_at[machine] || !is_spared(sim, machine);
}

/* Now and then power goes again before it has come far. */
static struct sim_node *start(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    struct sim_node *node = calloc(1, sizeof *node);
    TN_ASSERT(node != NULL);
    node->sim = sim;
    node->machine = machine;
    sim_calls_home(node->home, sizeof node->home, machine);
    if (self->started > 1 && sim->now_us < sim->calm_us && tn_random_below(&self->random, 8) == 0)
        sim_files_stop_at(self->files, 1 + tn_random_below(&self->random, 40));
    if (!open_home(node)) {
        power_off(node);
        return NULL;
    }
    uint64_t height = tn_chain_heads(tn_member_chain(node->member))->height;
    if (!self->lost_log && height < self->reported_height)
        sim_fail(sim, machine, "had reported block %llu as final and stands at %llu",
                 (unsigned long long)self->reported_height, (unsigned long long)height);
    self->lost_log = false;
    self->reported_height = height;
    return node;
}

/* In some runs it is now and then away until it must take the state from the others, if they can
 * do without it. */
static void stay_away(struct sim *sim, uint32_t machine)
{
    struct whole *whole = sim->whole;
    struct sim_machine *self = &sim->machines[machine];
    if (whole->limits.sequencer.behind_max > TN_SEQUENCER_RANGE_MAX || sim->now_us >= sim->calm_us)
        return;
    if (tn_random_below(&self->random, 4) == 0 && is_spared(sim, machine))
        whole->comes_at[machine] = whole->height + 70 + tn_random_below(&self->random, 40);
}

/* An operator stops one node now and then while all others are on. Draws of its own: what a seed
 * does otherwise stays. */
static bool is_told_to_stop(const struct sim_node *node)
{
    const struct sim *sim = node->sim;
    uint64_t random = sim->options.seed ^ UINT64_C(0x73746f70) << 16 ^ node->machine;
    random ^= sim->machines[node->machine].started << 8;
    if (sim->panicked || sim->now_us >= sim->calm_us || node->is_broken) return false;
    for (uint32_t i = 0; i < sim->machines_count; i++)
        if (sim->machines[i].node == NULL) return false;
    return tn_random_below(&random, 2) == 0;
}

/* Else half of the time in the midst of the write that is under way. */
static void stop(struct sim_node *node)
{
    struct sim_machine *self = &node->sim->machines[node->machine];
    stay_away(node->sim, node->machine);
    if (is_told_to_stop(node)) {
        whole_home_flush(node);
        power_off(node);
        return;
    }
    if (self->busy && !node->sim->panicked && node->member != NULL &&
        tn_random_below(&self->random, 2) == 0) {
        sim_files_stop_at(self->files, 1 + tn_random_below(&self->random, 3));
        (void)keeper_sync(node->keeper);
    }
    power_off(node);
}

static void take_client(struct sim_node *node, const uint8_t *bytes, size_t size)
{
    const struct tn_member_clock clock = whole_clock(node);
    TN_ASSERT(size > 9);
    if (node->member == NULL) return;
    uint64_t tag = tn_get_be(bytes + 1, 8);
    if (bytes[0] == 0 && whole_direct_frame(node, tag, bytes + 9, size - 9, clock.now_us)) return;
    if (bytes[0] == 0)
        tn_member_frame(node->member, tag, bytes + 9, size - 9, &clock);
    else
        tn_member_item(node->member, bytes[0], bytes + 9, size - 9, &clock);
}

static void message(struct sim_node *node, uint32_t from, const uint8_t *bytes, size_t size)
{
    if (from == WHOLE_CLIENT) {
        take_client(node, bytes, size);
        return;
    }
    /* No link is made to whoever has the same key. */
    if (node->sim->machines[from].identity == node->sim->machines[node->machine].identity) return;
    if (tn_peer_bytes_max(bytes[0]) != 0 && size > tn_peer_bytes_max(bytes[0])) return;
    uint32_t index = tn_validators_find_id(peers_of(node), node->sim->machines[from].identity);
    if (index == TN_NONE) index = TN_VALIDATORS_MAX + from;
    if (whole_home_message(node, (uint16_t)index, bytes, size)) return;
    const struct tn_member_clock clock = whole_clock(node);
    tn_member_message(node->member, (uint16_t)index, bytes, size, &clock);
}

/* It lost its log: in the epoch after, its key may speak again. */
static void speak_again(struct sim_node *node)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    const struct tn_validators *set = tn_sequencer_set(tn_member_sequencer(node->member));
    if (!machine->mute || set->epoch <= machine->mute_epoch) return;
    machine->mute = false;
    sim_trace(node->sim, node->machine, "speaks again, in epoch %a", set->epoch, 0, 0);
    whole_home_close(node);
    node->is_broken = !whole_home_open(node);
}

static bool unsynced(const struct sim_node *node)
{
    return node->has_records;
}

static void synced(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_machine *machine = &sim->machines[node->machine];
    for (uint32_t i = 0; i < node->said_count; i++) {
        struct whole_block *block = node->said[i];
        machine->reported_height = block->header.height;
        if (whole_check_block(sim, node->machine, block))
            whole_play_hear(sim, block);
        else
            whole_block_free(block);
    }
    node->said_count = 0;
    if (node->member == NULL) return;
    machine->synced_epoch = tn_sequencer_set(tn_member_sequencer(node->member))->epoch;
    speak_again(node);
}

static void trade(struct sim_node *node, const uint8_t *bytes, size_t size)
{
    sim_machine_message(node->sim, node->machine, WHOLE_CLIENT, sim_message_make(bytes, size));
}

static void probe(const struct sim_node *node, struct sim_probe *probe)
{
    static const char *const VOICES[] = {"observes", "asks", "is silent", "diverged", "speaks"};
    struct tn_sequencer_status status;
    if (node->member == NULL) {
        *probe = (struct sim_probe){.voice = "takes the state from others"};
        return;
    }
    tn_sequencer_status(tn_member_sequencer(node->member), &status);
    *probe = (struct sim_probe){.epoch = status.epoch,
                                .view = status.view,
                                .height = status.final_height,
                                .diverged = status.voice == TN_VOICE_DIVERGED,
                                .voice = VOICES[status.voice]};
}

const struct sim_node_kind WHOLE_NODE = {.name = "member",
                                         .prepare = prepare,
                                         .start = start,
                                         .stop = stop,
                                         .message = message,
                                         .tick = whole_home_tick,
                                         .timeout = whole_home_timeout,
                                         .unsynced = unsynced,
                                         .sync = whole_home_sync,
                                         .synced = synced,
                                         .tend = whole_home_tend,
                                         .trade = trade,
                                         .probe = probe};
