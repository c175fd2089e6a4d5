/* faults: a plan made from the seed before anything runs, so that single faults can be taken out of
 * it and the rest stays.
 *
 * A run has a few kinds of faults, not all: what hides behind one kind shows without it. When a
 * fault begins or ends, the state of network, disks and machines is worked out anew from all that
 * are on. */
#include "sim/files.h"
#include "sim/node.h"
#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t between(uint64_t *random, int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(random, (uint64_t)(high - low) + 1);
}

static uint32_t some_nodes(uint64_t *random, uint32_t count)
{
    uint32_t nodes = 0, odds = 1 + (uint32_t)tn_random_below(random, 3);
    for (uint32_t i = 0; i < count; i++)
        nodes |= (tn_random_below(random, 4) < odds ? 1u : 0u) << i;
    if (nodes == 0) nodes = 1u << tn_random_below(random, count);
    return nodes;
}

/* From the first block on: what a wrong time of day does may take a while to show. Just past what
 * a block may be ahead, some seconds, or hours. */
static void draw_time_of_day(const struct sim *sim, struct sim_fault *fault, uint64_t *random)
{
    static const int64_t MOST[] = {SIM_SECOND, 10 * SIM_SECOND, 3600 * SIM_SECOND};
    const int64_t off_us = between(random, 200 * SIM_MS, MOST[tn_random_below(random, 3)]);
    fault->amount = tn_random_below(random, 4) == 0 ? -off_us : off_us;
    fault->nodes = 1u << tn_random_below(random, sim->machines_count);
    fault->start_us = 1;
    fault->end_us = sim->options.duration_ms * 1000;
}

/* From just before the old copy that was planned last is back, and longer than a view lasts. */
static void draw_alone(const struct sim *sim, struct sim_fault *fault, uint64_t *random)
{
    const struct sim_fault *backup = &sim->faults[sim->faults_count - 2];
    TN_ASSERT(sim->faults_count >= 2 && backup->kind == SIM_FAULT_BACKUP);
    fault->nodes = backup->nodes;
    fault->start_us = backup->end_us - SIM_MS;
    fault->end_us = backup->end_us + between(random, SIM_SECOND, 2 * SIM_SECOND);
    if (fault->end_us > sim->options.duration_ms * 1000)
        fault->end_us = sim->options.duration_ms * 1000;
}

/* How long, and how much. */
static void draw(struct sim *sim, struct sim_fault *fault, uint64_t *random)
{
    const int64_t most = sim->options.duration_ms * 1000;
    int64_t length = between(random, 200 * SIM_MS, most / 3);
    fault->nodes = some_nodes(random, sim->machines_count);
    fault->seed = tn_random_next(random);
    switch (fault->kind) {
        case SIM_FAULT_LOSS: fault->amount = between(random, 10000, 350000); break;
        case SIM_FAULT_DUPLICATE: fault->amount = between(random, 10000, 500000); break;
        case SIM_FAULT_DELAY: fault->amount = between(random, 20 * SIM_MS, 3000 * SIM_MS); break;
        case SIM_FAULT_PARTITION:
        case SIM_FAULT_ONE_WAY: length = between(random, 100 * SIM_MS, 4 * SIM_SECOND); break;
        case SIM_FAULT_CRASH: length = between(random, 5 * SIM_MS, 2 * SIM_SECOND); break;
        case SIM_FAULT_BLACKOUT:
            length = between(random, 5 * SIM_MS, SIM_SECOND);
            fault->nodes = UINT32_MAX;
            break;
        case SIM_FAULT_AWAY:
            length = between(random, most / 4, most / 2);
            fault->nodes = 1u << tn_random_below(random, sim->machines_count);
            break;
        case SIM_FAULT_ROT:
            length = between(random, 10 * SIM_MS, SIM_SECOND);
            fault->nodes = 1u << tn_random_below(random, sim->machines_count);
            break;
        case SIM_FAULT_BACKUP: /* what its key said has arrived everywhere when it is back */
            length = between(random, 4 * SIM_SECOND, 6 * SIM_SECOND);
            fault->nodes = 1u << tn_random_below(random, sim->machines_count);
            fault->amount = between(random, 1, 300);
            break;
        case SIM_FAULT_SLOW_DISK: fault->amount = between(random, 5 * SIM_MS, 500 * SIM_MS); break;
        case SIM_FAULT_FULL_DISK: length = between(random, 50 * SIM_MS, 3 * SIM_SECOND); break;
        case SIM_FAULT_CLOCK:
            fault->amount = between(random, -4 * SIM_SECOND, 4 * SIM_SECOND);
            break;
        case SIM_FAULT_SLOW_WORK: fault->amount = between(random, 5 * SIM_MS, 800 * SIM_MS); break;
        case SIM_FAULT_TIME_OF_DAY: draw_time_of_day(sim, fault, random); return;
        case SIM_FAULT_MEMORY: /* amount: who is off meanwhile */
            length = between(random, SIM_SECOND, 3 * SIM_SECOND);
            fault->amount = (int64_t)tn_random_below(random, sim->machines_count);
            fault->nodes = 1u << ((uint64_t)fault->amount + 1) % sim->machines_count;
            break;
        case SIM_FAULT_ALONE: draw_alone(sim, fault, random); return;
        case SIM_FAULT_IDLE:
        case SIM_FAULT_MEMBERS:
        case SIM_FAULT_KINDS: break;
    }
    int64_t latest = most - length > 0 ? most - length : 0;
    fault->start_us = between(random, 50 * SIM_MS, latest > 50 * SIM_MS ? latest : 50 * SIM_MS);
    fault->end_us = fault->start_us + length < most ? fault->start_us + length : most;
}

/* An old copy of a log is only safe if everybody holds what was said meanwhile. */
static bool fits(const struct sim *sim, uint32_t kind)
{
    const uint32_t quiet = 1u << SIM_FAULT_DUPLICATE | 1u << SIM_FAULT_SLOW_DISK |
                           1u << SIM_FAULT_SLOW_WORK | 1u << SIM_FAULT_IDLE |
                           1u << SIM_FAULT_MEMBERS | 1u << SIM_FAULT_BACKUP;
    if (sim->quiet) return (quiet >> kind & 1) != 0;
    return kind != SIM_FAULT_BACKUP;
}

static void add_fault(struct sim *sim, enum sim_fault_kind kind, uint64_t *random)
{
    if (sim->faults_count == SIM_FAULTS_MAX) return;
    uint32_t index = sim->faults_count++;
    struct sim_fault *fault = &sim->faults[index];
    *fault = (struct sim_fault){.kind = kind};
    draw(sim, fault, random);
    fault->without = (sim->options.without[index / 64] >> index % 64 & 1) != 0;
    if (fault->without) return;
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_FAULT,
                                                 .at_us = fault->start_us,
                                                 .node = (uint16_t)index});
    sim_heap_push(&sim->heap, (struct sim_event){.kind = SIM_EVENT_FAULT,
                                                 .at_us = fault->end_us,
                                                 .node = (uint16_t)index,
                                                 .a = 1});
}

/* Behind an old copy of a log, sometimes, somebody who has it and hears nobody: what he then signs
 * he signs by it alone. Draws of its own: the rest of the plan stays what it was. */
static void add_alone(struct sim *sim)
{
    uint64_t random = sim->options.seed ^ UINT64_C(0x616c6f6e65) ^ sim->faults_count;
    if (sim->faults[sim->faults_count - 1].kind != SIM_FAULT_BACKUP) return;
    if ((sim->options.faults >> SIM_FAULT_ALONE & 1) == 0) return;
    if (tn_random_below(&random, 2) == 0 || sim->options.all)
        add_fault(sim, SIM_FAULT_ALONE, &random);
}

void sim_faults_plan(struct sim *sim)
{
    uint64_t random = sim->options.seed ^ UINT64_C(0x6661756c7473);
    uint32_t kinds[SIM_FAULT_KINDS], kinds_count = 0;
    uint32_t odds = 1 + (uint32_t)tn_random_below(&random, 4);
    for (uint32_t i = 0; i < SIM_FAULT_KINDS; i++) {
        if (i == SIM_FAULT_TIME_OF_DAY || i == SIM_FAULT_MEMORY || i == SIM_FAULT_ALONE)
            continue; /* below, so that other seeds stay what they were */
        bool in = tn_random_below(&random, 5) < odds;
        if (sim->quiet && i == SIM_FAULT_BACKUP) in = true;
        if (!fits(sim, i)) continue;
        if ((sim->options.faults >> i & 1) != 0 && (in || sim->options.all))
            kinds[kinds_count++] = i;
    }
    /* A whole member has more to lose with its disk. */
    static const enum sim_fault_kind MORE[] = {SIM_FAULT_CRASH, SIM_FAULT_ROT, SIM_FAULT_CRASH};
    for (uint32_t i = 0; i < 3 && sim->whole != NULL; i++) {
        if ((sim->options.faults >> MORE[i] & 1) != 0 && tn_random_below(&random, 2) == 0)
            add_fault(sim, MORE[i], &random);
    }
    uint64_t seconds = (uint64_t)sim->options.duration_ms / 1000;
    uint32_t count = 2 + (uint32_t)tn_random_below(&random, 4 + seconds / 2);
    if (count > SIM_FAULTS_MAX) count = SIM_FAULTS_MAX;
    for (uint32_t i = 0; i < count && kinds_count > 0; i++) {
        add_fault(sim, (enum sim_fault_kind)kinds[tn_random_below(&random, kinds_count)], &random);
        add_alone(sim);
    }
    random = sim->options.seed ^ UINT64_C(0x646179);
    bool is_off = tn_random_below(&random, 4) == 0 || sim->options.all;
    if (is_off && (sim->options.faults >> SIM_FAULT_TIME_OF_DAY & 1) != 0 && !sim->quiet)
        add_fault(sim, SIM_FAULT_TIME_OF_DAY, &random);
    random = sim->options.seed ^ UINT64_C(0x6d656d6f7279);
    bool fails = tn_random_below(&random, 4) == 0 || sim->options.all;
    if (fails && (sim->options.faults >> SIM_FAULT_MEMORY & 1) != 0 && !sim->quiet &&
        sim->whole == NULL)
        add_fault(sim, SIM_FAULT_MEMORY, &random);
}

/* ---- What is on ---- */

static void block_pairs(struct sim *sim, const struct sim_fault *fault)
{
    uint64_t random = fault->seed;
    for (uint32_t from = 0; from < sim->machines_count; from++) {
        for (uint32_t to = 0; to < sim->machines_count; to++) {
            bool apart = ((fault->nodes >> from ^ fault->nodes >> to) & 1) != 0;
            bool dead = fault->kind == SIM_FAULT_ONE_WAY ? tn_random_below(&random, 4) == 0 : apart;
            if (from != to && dead) sim->network.blocked[from] |= 1u << to;
        }
    }
}

static void add_to_machines(struct sim *sim, const struct sim_fault *fault)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        struct sim_machine *machine = &sim->machines[i];
        if ((fault->nodes >> i & 1) == 0) continue;
        if (fault->kind == SIM_FAULT_SLOW_DISK) machine->disk.slow_us = fault->amount;
        if (fault->kind == SIM_FAULT_FULL_DISK) machine->disk.full = true;
        if (fault->kind == SIM_FAULT_CLOCK) machine->skew_us = fault->amount;
        if (fault->kind == SIM_FAULT_TIME_OF_DAY) machine->day_us = fault->amount;
        if (fault->kind == SIM_FAULT_SLOW_WORK) machine->work_us = fault->amount;
    }
}

static void start_over(struct sim *sim)
{
    sim->network.loss_ppm = 0;
    sim->network.duplicate_ppm = 0;
    sim->network.delay_us = 0;
    sim->idle = false;
    sim->members_change = false;
    memset(sim->network.blocked, 0, sizeof sim->network.blocked);
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        sim->machines[i].disk.slow_us = 0;
        sim->machines[i].disk.full = false;
        sim->machines[i].skew_us = 0;
        sim->machines[i].day_us = 0;
        sim->machines[i].work_us = 0;
    }
}

static uint32_t add(struct sim *sim, const struct sim_fault *fault)
{
    switch (fault->kind) {
        case SIM_FAULT_LOSS: sim->network.loss_ppm = (uint32_t)fault->amount; return 0;
        case SIM_FAULT_DUPLICATE: sim->network.duplicate_ppm = (uint32_t)fault->amount; return 0;
        case SIM_FAULT_DELAY: sim->network.delay_us = fault->amount; return 0;
        case SIM_FAULT_PARTITION:
        case SIM_FAULT_ONE_WAY:
        case SIM_FAULT_ALONE: block_pairs(sim, fault); return 0;
        case SIM_FAULT_CRASH:
        case SIM_FAULT_BLACKOUT:
        case SIM_FAULT_AWAY:
        case SIM_FAULT_BACKUP:
        case SIM_FAULT_ROT: return fault->nodes;
        case SIM_FAULT_SLOW_DISK:
        case SIM_FAULT_FULL_DISK:
        case SIM_FAULT_CLOCK:
        case SIM_FAULT_TIME_OF_DAY:
        case SIM_FAULT_SLOW_WORK: add_to_machines(sim, fault); return 0;
        case SIM_FAULT_MEMORY: return 1u << fault->amount;
        case SIM_FAULT_IDLE: sim->idle = true; return 0;
        case SIM_FAULT_MEMBERS: sim->members_change = true; return 0;
        case SIM_FAULT_KINDS: break;
    }
    TN_ASSERT(false);
    return 0;
}

/* Is there somebody in every quorum who holds what the others have said, when these lose their
 * power as well? Of the votes of others a log has only those that are in certificates. */
static bool is_remembered(const struct sim *sim, const struct sim_fault *fault)
{
    uint32_t forgetful = 0;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct sim_machine *machine = &sim->machines[i];
        if (machine->node == NULL || machine->started > 1 || (fault->nodes >> i & 1) != 0)
            forgetful |= 1u << machine->identity;
    }
    return !sim_world_is_quorum(sim, forgetful);
}

/* A log that is lost makes its key silent for an epoch; no more of that than the set bears. What a
 * disk has lost may show late, when its store is read or its node comes back at last. And no copy
 * is old, and no power goes where one may be, once too many have lost theirs to know. */
static void rot(struct sim *sim, struct sim_fault *fault)
{
    const bool is_backup = fault->kind == SIM_FAULT_BACKUP;
    uint32_t silent = 0;
    if (is_backup && !is_remembered(sim, fault)) fault->nodes = 0;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct sim_machine *machine = &sim->machines[i];
        if (machine->mute || machine->rotten || machine->aged || machine->lost_log ||
            machine->old_copy || machine->forgets > 0 || machine->day_us != 0 ||
            (fault->nodes >> i & 1) != 0)
            silent |= 1u << machine->identity;
    }
    if (!sim_world_tolerates(sim, silent)) return;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if ((fault->nodes >> i & 1) == 0 || sim->machines[i].byzantine) continue;
        if (is_backup)
            sim->machines[i].forgets = (uint32_t)fault->amount;
        else
            sim->machines[i].rotten = true;
    }
}

/* Only who does come back with an old copy: of what anybody else says nothing may be lost. */
static void leave_alone(const struct sim *sim, struct sim_fault *fault)
{
    for (uint32_t i = 0; i < sim->machines_count; i++)
        if (sim->machines[i].forgets == 0) fault->nodes &= ~(1u << i);
}

/* Who is hours ahead, or signs what is wrong, is as good as hostile: no more than the set bears. */
static void bear(struct sim *sim, struct sim_fault *fault)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const uint32_t identity = 1u << sim->machines[i].identity;
        if ((fault->nodes >> i & 1) != 0 && !sim_world_tolerates(sim, identity)) fault->nodes = 0;
    }
}

/* Power goes now, or in the midst of what the disk is next asked to do; and comes back. */
static void follow_power(struct sim *sim, uint32_t machine, bool begins)
{
    struct sim_machine *self = &sim->machines[machine];
    if (self->files != NULL)
        sim_files_limit(self->files, self->disk.full ? sim_files_used(self->files) : UINT64_MAX);
    if (!self->held_off) {
        if (self->dying) sim_machine_off(sim, machine);
        sim_machine_on(sim, machine);
        return;
    }
    if (self->node == NULL || self->dying) return;
    self->dying = self->files != NULL && begins && tn_random_below(&self->random, 2) == 0;
    if (self->dying)
        sim_files_stop_at(self->files, 1 + tn_random_below(&self->random, 60));
    else
        sim_machine_off(sim, machine);
}

void sim_faults_apply(struct sim *sim, uint32_t index, bool begins)
{
    struct sim_fault *fault = &sim->faults[index];
    char text[128];
    sim_faults_describe(sim, index, text, sizeof text);
    sim_trace(sim, TN_NONE, begins ? "fault %a begins" : "fault %a ends", index, fault->kind, 0);
    if (sim->options.show) printf("             %s\n", text);
    fault->on = begins;
    if (begins && (fault->kind == SIM_FAULT_ROT || fault->kind == SIM_FAULT_BACKUP))
        rot(sim, fault);
    if (begins && (fault->kind == SIM_FAULT_TIME_OF_DAY || fault->kind == SIM_FAULT_MEMORY))
        bear(sim, fault);
    if (begins && fault->kind == SIM_FAULT_ALONE) leave_alone(sim, fault);
    for (uint32_t i = 0; i < sim->machines_count && fault->kind == SIM_FAULT_MEMORY; i++)
        sim->machines[i].flips =
            begins && (fault->nodes >> i & 1) != 0 && !sim->machines[i].byzantine;
    start_over(sim);
    uint32_t off = 0;
    for (uint32_t i = 0; i < sim->faults_count; i++) {
        if (sim->faults[i].on) off |= add(sim, &sim->faults[i]);
    }
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        sim->machines[i].held_off = (off >> i & 1) != 0;
        follow_power(sim, i, begins);
        sim_machine_nudge(sim, i); /* its clock may have jumped past a timer */
    }
}

void sim_faults_describe(const struct sim *sim, uint32_t index, char *out, size_t size)
{
    static const char *const WORDS[] = {
#define X(name, word) word,
        SIM_FAULT_TABLE(X)
#undef X
    };
    const struct sim_fault *fault = &sim->faults[index];
    snprintf(out, size, "%2u %-10s %8.1f .. %8.1f ms  nodes %06x  amount %lld%s", index,
             WORDS[fault->kind], (double)fault->start_us / 1000, (double)fault->end_us / 1000,
             fault->nodes & ((1u << sim->machines_count) - 1), (long long)fault->amount,
             fault->without ? "  (left out)" : "");
}
