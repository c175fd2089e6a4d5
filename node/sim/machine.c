/* machine: a node between its network and its disk.
 *
 * A turn takes everything that has come, then the time; what it recorded is synced, and only then
 * what it said leaves. While the disk is busy, messages wait. Power may go at any moment: what was
 * not synced is cut, what waited is gone, and events of the life before are known by their
 * generation. */
#include "sim/files.h"
#include "sim/node.h"

#include <stdlib.h>
#include <string.h>

static const int64_t FULL_DISK_RETRY_US = 50 * SIM_MS;

int64_t sim_node_now(const struct sim *sim, uint32_t machine)
{
    return sim->now_us + sim->machines[machine].skew_us;
}

void sim_node_record(struct sim *sim, uint32_t machine, uint8_t type, const uint8_t *bytes,
                     size_t size)
{
    sim_check_recorded(sim, machine, type, bytes, size);
    sim_disk_append(&sim->machines[machine].disk, type, bytes, size);
}

void sim_node_say(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes, size_t size)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->sayings_count == self->sayings_room) {
        self->sayings_room = self->sayings_room == 0 ? 64 : 2 * self->sayings_room;
        self->sayings = realloc(self->sayings, self->sayings_room * sizeof *self->sayings);
        TN_ASSERT(self->sayings != NULL);
    }
    self->sayings[self->sayings_count++] =
        (struct sim_saying){.message = sim_message_make(bytes, size), .to = (uint16_t)to};
}

uint32_t sim_node_peers(const struct sim *sim, uint32_t machine, const struct tn_validators *set,
                        uint16_t peer)
{
    uint32_t peers = 0;
    if (peer >= TN_VALIDATORS_MAX) {
        TN_ASSERT(peer - TN_VALIDATORS_MAX < sim->machines_count);
        return 1u << (peer - TN_VALIDATORS_MAX);
    }
    for (uint32_t i = 0; i < sim->machines_count && peer < set->count; i++) {
        if (sim->machines[i].identity == set->members[peer].id && i != machine) peers |= 1u << i;
    }
    return peers;
}

static void plan_wake(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    int64_t at_us = self->kind->timeout(self->node);
    if (at_us == INT64_MAX) return;
    at_us -= self->skew_us;
    /* a timer that is due and does nothing must not stop the world's clock */
    if (at_us <= sim->now_us) at_us = sim->now_us + 100;
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_WAKE,
                                                 .at_us = at_us,
                                                 .node = (uint16_t)machine,
                                                 .generation = self->generation,
                                                 .a = ++self->ticket});
}

static void plan_sync(struct sim *sim, uint32_t machine, bool is_full)
{
    struct sim_machine *self = &sim->machines[machine];
    int64_t takes_us = self->disk.sync_us / 2 +
                       (int64_t)tn_random_below(&self->random, (uint64_t)self->disk.sync_us);
    if (self->disk.slow_us > 0)
        takes_us += (int64_t)tn_random_below(&self->random, (uint64_t)self->disk.slow_us);
    if (is_full) takes_us = FULL_DISK_RETRY_US;
    self->busy = true;
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_SYNCED,
                                                 .at_us = sim->now_us + takes_us,
                                                 .node = (uint16_t)machine,
                                                 .generation = self->generation});
}

static void release_sayings(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    for (uint32_t i = 0; i < self->sayings_count; i++) {
        struct sim_saying *saying = &self->sayings[i];
        sim_check_said(sim, machine, saying->message->bytes, saying->message->size);
        sim_network_send(sim, machine, saying->to, saying->message);
        sim_message_release(saying->message);
        saying->message = NULL;
    }
    self->sayings_count = 0;
}

static bool binds(const struct sim_machine *self)
{
    for (uint32_t i = 0; i < self->sayings_count; i++)
        if (tn_peer_binds(self->sayings[i].message->bytes[0])) return true;
    return false;
}

static void plan_restart(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    int64_t later_us = 5 * SIM_MS + (int64_t)tn_random_below(&self->random, 300 * SIM_MS);
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_RESTART,
                                                 .at_us = sim->now_us + later_us,
                                                 .node = (uint16_t)machine});
}

/* Its disk failed, or power went in the middle of what it did there: it comes again soon. */
static void end_node(struct sim *sim, uint32_t machine)
{
    sim_machine_off(sim, machine);
    plan_restart(sim, machine);
}

/* Everything is durable. False: the next turn must wait. */
static bool finish_turn(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    release_sayings(sim, machine);
    self->kind->synced(self->node);
    if (sim->failed) return false;
    if (self->falls) {
        end_node(sim, machine);
        return false;
    }
    switch (self->kind->tend(self->node)) {
        case SIM_SYNCED: self->busy = false; return true;
        case SIM_FULL: plan_sync(sim, machine, true); return false;
        case SIM_BROKEN: end_node(sim, machine); return false;
    }
    TN_ASSERT(false);
    return false;
}

/* What was done is recorded, or it waits for the disk; what does not bind, when it is alone, does
 * not wait. */
static void end_turn(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->kind->unsynced(self->node)) {
        if (!binds(self)) release_sayings(sim, machine);
        plan_sync(sim, machine, self->files == NULL && self->disk.full);
    } else if (finish_turn(sim, machine)) {
        plan_wake(sim, machine);
    }
}

static void turn(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    TN_ASSERT(!self->busy && self->node != NULL);
    for (uint32_t i = 0; i < self->inbox_count; i++) {
        struct sim_event *event = &self->inbox[i];
        self->kind->message(self->node, event->from, event->message->bytes, event->message->size);
        sim_message_release(event->message);
        event->message = NULL; /* a panic may end the turn */
    }
    self->inbox_count = 0;
    self->kind->tick(self->node);
    end_turn(sim, machine);
}

void sim_machine_message(struct sim *sim, uint32_t machine, uint32_t from,
                         struct sim_message *message)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->node == NULL || self->inbox_count == SIM_INBOX_MAX) {
        sim_message_release(message);
        return;
    }
    if (self->inbox_count == self->inbox_room) {
        self->inbox_room = self->inbox_room == 0 ? 64 : 2 * self->inbox_room;
        self->inbox = realloc(self->inbox, self->inbox_room * sizeof *self->inbox);
        TN_ASSERT(self->inbox != NULL);
    }
    self->inbox[self->inbox_count++] =
        (struct sim_event){.message = message, .from = (uint16_t)from};
    if (!self->busy) turn(sim, machine);
}

void sim_machine_nudge(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->node != NULL && !self->busy) turn(sim, machine);
}

void sim_machine_woken(struct sim *sim, uint32_t machine, uint64_t ticket)
{
    if (sim->machines[machine].ticket == ticket) sim_machine_nudge(sim, machine);
}

void sim_machine_synced(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    TN_ASSERT(self->busy && self->node != NULL);
    switch (self->kind->sync(self->node)) {
        case SIM_SYNCED: break;
        case SIM_FULL: plan_sync(sim, machine, true); return;
        case SIM_BROKEN: end_node(sim, machine); return;
    }
    sim->figures.syncs++;
    if (!finish_turn(sim, machine)) return;
    if (self->inbox_count > 0)
        turn(sim, machine);
    else
        plan_wake(sim, machine);
}

static void forget(struct sim_machine *self)
{
    for (uint32_t i = 0; i < self->sayings_count; i++)
        sim_message_release(self->sayings[i].message);
    for (uint32_t i = 0; i < self->inbox_count; i++)
        sim_message_release(self->inbox[i].message);
    self->sayings_count = 0;
    self->inbox_count = 0;
    self->busy = false;
}

void sim_machine_off(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    self->dying = self->falls = false;
    if (self->node == NULL) return;
    sim_trace(sim, machine, "loses power", 0, 0, 0);
    self->kind->stop(self->node);
    self->node = NULL;
    self->generation++;
    forget(self);
}

void sim_machine_on(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->node != NULL || sim->failed) return;
    if (!self->kind->prepare(sim, machine)) {
        plan_restart(sim, machine);
        return;
    }
    sim_trace(sim, machine, "starts with %a records at height %b, lost log: %c", self->disk.count,
              self->store_height, self->lost_log);
    self->started++;
    if (self->started > 1) sim->figures.restarts++;
    self->node = self->kind->start(sim, machine);
    if (self->node != NULL)
        end_turn(sim, machine);
    else
        end_node(sim, machine);
}

void sim_machine_restarted(struct sim *sim, uint32_t machine)
{
    if (!sim->machines[machine].held_off) sim_machine_on(sim, machine);
}

void sim_machine_init(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    self->random = sim->options.seed ^ UINT64_C(0x6469736b) << 16 ^ machine;
    self->disk.sync_us = 100 + (int64_t)tn_random_below(&self->random, 1000);
}

void sim_machine_free(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->node != NULL) self->kind->stop(self->node);
    self->node = NULL;
    forget(self);
    free(self->sayings);
    free(self->inbox);
    sim_disk_wipe(&self->disk);
}
