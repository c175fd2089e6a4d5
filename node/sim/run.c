/* run: one run, from the seed to the verdict.
 *
 * The seed chooses a set (how many, what weights, who is Byzantine, whose key two machines have), a
 * network, and a plan of faults; then events are taken from the heap until ten blocks have followed
 * the last fault, something failed, or that took too long. */
#include "sim/attack.h"
#include "sim/check.h"
#include "sim/node.h"
#include "sim/toy.h"
#include "sim/turn.h"

#include <string.h>

static const int64_t RECOVERY_MOST_US = 60 * SIM_SECOND;
#define GENESIS_MS INT64_C(1800000000000)

static uint64_t choose_weights(struct sim *sim, uint64_t *weights, uint32_t count)
{
    uint64_t total = 0;
    uint64_t most = tn_random_below(&sim->random, 2) == 0 || sim->options.plain ? 1 : 20;
    for (uint32_t i = 0; i < count; i++) {
        weights[i] = 1 + tn_random_below(&sim->random, most);
        total += weights[i];
    }
    return total;
}

/* As many as were asked for, or as the seed wants, while they have less than a third. */
static void choose_byzantine(struct sim *sim, const uint64_t *weights, uint32_t count,
                             uint64_t total)
{
    uint64_t byzantine = 0;
    uint32_t wanted = (uint32_t)tn_random_below(&sim->random, 4);
    if (sim->options.byzantine >= 0) wanted = (uint32_t)sim->options.byzantine;
    for (uint32_t tries = 0; tries < 4 * count && wanted > 0; tries++) {
        uint32_t one = (uint32_t)tn_random_below(&sim->random, count);
        if ((sim->world->byzantine >> one & 1) != 0) continue;
        if ((byzantine + weights[one]) * 3 >= total) continue;
        byzantine += weights[one];
        sim->world->byzantine |= 1u << one;
        wanted--;
    }
}

static uint32_t add_machine(struct sim *sim, uint32_t identity)
{
    uint32_t machine = sim->machines_count++;
    TN_ASSERT(machine < SIM_NODES_MAX);
    sim->machines[machine] =
        (struct sim_machine){.kind = &TOY_NODE, .identity = (uint16_t)identity};
    sim->machines[machine].byzantine = (sim->world->byzantine >> identity & 1) != 0;
    sim_machine_init(sim, machine);
    return machine;
}

static void choose_set(struct sim *sim, struct sim_state *state)
{
    static const uint32_t COUNTS[] = {4, 4, 4, 5, 7, 7, 10};
    struct sim_world *world = sim->world;
    uint32_t count = sim->options.nodes_count;
    uint32_t drawn = COUNTS[tn_random_below(&sim->random, sizeof COUNTS / sizeof *COUNTS)];
    if (count == 0) count = drawn;
    TN_ASSERT(count >= 4 && count <= SIM_NODES_MAX - 8);
    const uint32_t old_copies = 1u << SIM_FAULT_BACKUP | 1u << SIM_FAULT_ALONE;
    sim->quiet = tn_random_below(&sim->random, 8) == 0 || (sim->options.faults & ~old_copies) == 0;
    if ((sim->options.faults >> SIM_FAULT_BACKUP & 1) == 0) sim->quiet = false;
    if (sim->quiet) sim->options.byzantine = 0;
    uint32_t joiners = (sim->options.faults >> SIM_FAULT_MEMBERS & 1) != 0
                           ? (uint32_t)tn_random_below(&sim->random, 3)
                           : 0;
    uint64_t total = choose_weights(sim, state->weights, count);
    choose_byzantine(sim, state->weights, count, total);
    world->identities_count = count + joiners;
    for (uint32_t i = 0; i < count + joiners; i++)
        add_machine(sim, i);
    /* drawn whether it is asked for or not, so that what follows stays the same */
    bool twins = tn_random_below(&sim->random, 3) == 0;
    if (sim->options.twins >= 0) twins = sim->options.twins == 1;
    for (uint32_t i = 0; twins && i < count; i++) {
        if ((world->byzantine >> i & 1) != 0) add_machine(sim, i);
    }
    uint32_t attacks = (uint32_t)tn_random_next(&sim->random) & ((1u << SIM_ATTACKS) - 1);
    if (tn_random_below(&sim->random, 3) == 0) attacks &= (uint32_t)tn_random_next(&sim->random);
    /* twins often keep to the rules, each by itself */
    if (tn_random_below(&sim->random, 2) == 0 && twins) attacks = 0;
    if (sim->options.attacks == UINT32_MAX) sim->options.attacks = attacks;
    bool turns = tn_random_below(&sim->random, 4) == 0;
    world->turn_views = turns ? 1 + (uint32_t)tn_random_below(&sim->random, 8) : 1;
    world->epoch_blocks =
        tn_random_below(&sim->random, 3) == 0 ? 1u << 20 : 30 + tn_random_below(&sim->random, 60);
    world->slashing = tn_random_below(&sim->random, 2) == 0;
}

static void make_genesis(struct sim *sim, const struct sim_state *state)
{
    struct sim_world *world = sim->world;
    struct tn_block_header header = {.version = TN_BLOCK_VERSION, .time_ms = GENESIS_MS};
    struct tn_sequencer_block block = {.header = &header};
    tn_stream_block_hash(&block.hash, world->chain_id, &header);
    sim_world_deliver(sim, &block, state);
    sim->figures.blocks = 0;
    bool made = sim_world_set(world, &world->epochs[0].set, 0);
    TN_ASSERT(made);
    world->epochs[0].there = true;
}

/* Somebody trades, and now and then the set is to change. */
static void trade(struct sim *sim)
{
    uint8_t bytes[SIM_BATCH_SIZE_MAX] = {SIM_BATCH_PLAIN};
    uint32_t machine = (uint32_t)tn_random_below(&sim->random, sim->machines_count);
    size_t size = 16 + tn_random_below(&sim->random, 100);
    for (size_t i = 1; i < size; i++)
        bytes[i] = (uint8_t)tn_random_next(&sim->random);
    if (sim->members_change && tn_random_below(&sim->random, 8) == 0) {
        bytes[0] = SIM_BATCH_MEMBER;
        bytes[1] = (uint8_t)tn_random_below(&sim->random, sim->world->identities_count);
        tn_put_be(bytes + 2, tn_random_below(&sim->random, 20), 8);
    }
    struct sim_machine *self = &sim->machines[machine];
    if (sim->idle || self->node == NULL || self->busy) return;
    if (tn_random_below(&sim->random, 100) < 30) self->kind->trade(self->node, bytes, size);
}

void sim_turn_world(struct sim *sim)
{
    trade(sim);
    sim_attack_tick(sim);
    sim_check_standing(sim);
}

static void run_events(struct sim *sim)
{
    bool calm = false;
    while (!sim->failed) {
        enum sim_event_kind kind = sim_next(sim);
        if (sim->now_us < sim->calm_us || kind != SIM_EVENT_WORLD) continue;
        if (!calm) sim_trace(sim, TN_NONE, "all faults have ended", 0, 0, 0);
        calm = true;
        if (sim_check_recovered(sim)) break;
        if (sim->now_us - sim->calm_us < RECOVERY_MOST_US) continue;
        sim_explain(sim);
        sim_fail(sim, TN_NONE, "no ten blocks everywhere within %lld s after the last fault",
                 (long long)(RECOVERY_MOST_US / SIM_SECOND));
    }
}

static void run(struct sim *sim, const struct sim_options *options)
{
    struct sim_state state;
    memset(&state, 0, sizeof state);
    sim->options = *options;
    sim->random = options->seed;
    sim->network.random = options->seed ^ UINT64_C(0x6e6574);
    sim->calm_us = options->duration_ms * 1000;
    sim_checks_init(sim);
    sim_world_init(sim);
    sim_attack_init(sim);
    choose_set(sim, &state);
    make_genesis(sim, &state);
    sim_begin(sim);
    run_events(sim);
}

bool sim_run(struct sim *sim, const struct sim_options *options)
{
    memset(sim, 0, sizeof *sim);
    sim_guarded(sim, options, run);
    sim->figures.recovery_us = sim->now_us - sim->calm_us;
    sim->figures.virtual_us = sim->now_us;
    return !sim->failed;
}

void sim_free(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->machines_count; i++)
        sim_machine_free(sim, i);
    sim_heap_free(&sim->heap);
    sim_attack_free(sim);
    sim_checks_free(sim);
    sim_world_free(sim);
}
