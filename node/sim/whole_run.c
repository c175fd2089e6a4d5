/* whole_run: one run of whole members, from the seed to the verdict: the set, its genesis, small
 * markets, the plan of faults, and events until trading goes on everywhere after the last of them.
 */
#include "sim/whole.h"

#include "sim/calls.h"
#include "sim/signatures.h"
#include "sim/turn.h"
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

static const int64_t RECOVERY_MOST_US = 90 * SIM_SECOND; /* a state sync in vain lasts 60 s */
static const int64_t REST_US = 4 * SIM_SECOND; /* nobody trades, what is soft becomes final */

const char SIM_NAME[] = "tenor-sim-whole";

/* ---- Limits and genesis ---- */

static void market_limits(struct tn_market_limits *limits, uint32_t market, const uint8_t *chain_id)
{
    tn_market_limits_default(limits);
    limits->market = market;
    memcpy(limits->chain_id, chain_id, sizeof limits->chain_id);
    limits->sessions_max = 64;
    limits->inboxes_max = 512;
    limits->inbox_bytes_max = 2 << 20;
    struct tn_exchange_limits *exchange = &limits->exchange;
    exchange->accounts_max = 16;
    exchange->underlyings_max = 2;
    exchange->series_max = 32;
    exchange->orders_max = 512;
    exchange->levels_max = 512;
    exchange->exposures_max = 256;
    exchange->exposures_per_account_max = 32;
    exchange->results_max = 256;
    exchange->results_per_account = 16;
    exchange->groups_max = 16;
    exchange->jobs_max = 8;
    exchange->assets_max = 2;
    exchange->fills_max = 32;
    exchange->cancels_max = 32;
    exchange->expiries_max = 4;
    exchange->signers_max = WHOLE_FEEDERS + 1;
}

static void make_limits(struct sim *sim)
{
    struct whole *whole = sim->whole;
    struct tn_chain_limits chain;
    tn_chain_limits_default(&chain);
    memcpy(chain.chain_id, "tenor-sim-whole", 15);
    chain.markets_count = 1 + (uint32_t)tn_random_below(&sim->random, WHOLE_MARKETS_MAX);
    chain.registry =
        (struct tn_registry_limits){.validators_max = 32, .markets_max = 4, .feeders_max = 8};
    chain.item_bytes_max = 1 << 13;
    chain.exit_blocks = 32;
    chain.checkpoint_blocks = 16;
    chain.exec_lag = 2 + (uint32_t)tn_random_below(&sim->random, 7);
    chain.delta_ms = 20 + (int64_t)tn_random_below(&sim->random, 20);
    chain.soft_ms = 3 * (chain.mark_ms + 4 * chain.delta_ms) + 100;
    chain.lag_ms = chain.soft_ms + 300;
    for (uint32_t i = 0; i < chain.markets_count; i++)
        market_limits(&chain.markets[i], i + 1, chain.chain_id);
    tn_checkpoint_domain(&chain.checkpoint_domain, 1, &(const struct tn_address){{1}});
    const char *what;
    bool is_good = tn_chain_limits_check(&chain, &what);
    TN_ASSERT(is_good);
    struct tn_member_limits *limits = &whole->limits;
    tn_member_limits_default(limits, &chain, TN_PEERS_MAX);
    limits->sequencer.checkpoint_domain = chain.checkpoint_domain;
    limits->sequencer.validators_max = SIM_NODES_MAX;
    limits->sequencer.views_max = 256;
    limits->sequencer.bodies_max = 128;
    limits->sequencer.body_max = 1 << 17;
    /* In half of the runs whoever was away for a second or more takes the state from others. */
    const uint32_t behind[] = {1 << 16, TN_SEQUENCER_RANGE_MAX};
    limits->sequencer.behind_max = behind[tn_random_below(&sim->random, 2)];
    whole->checkpoint_blocks = chain.checkpoint_blocks * (1 + tn_random_below(&sim->random, 2));
    limits->gossip.batches_max = 4096;
    limits->gossip.batch_bytes_total = 8 << 20;
    limits->gossip.batch_bytes_max = 1 << 18;
    whole->bursts = tn_random_below(&sim->random, 2) == 0;
    if (whole->bursts) limits->desk.batch_bytes_max = 4096;
    limits->desk.queue_frames_max = 256;
    limits->desk.queue_bytes_max = 1 << 18;
    limits->desk.pending_frames_max = 1024;
    limits->desk.pending_batches_max = 1024;
    for (uint32_t kind = 0; kind < TN_WAITING_KINDS; kind++) {
        struct tn_waiting_kind *waiting = &limits->waiting.kinds[kind];
        if (waiting->items_max > 256) waiting->items_max = 256;
    }
    limits->waiting.seen_max = 2048;
}

static void make_commands(struct sim *sim, uint32_t count)
{
    struct whole *whole = sim->whole;
    const struct tn_signatures *signs = &whole->signatures;
    struct tn_registry_command *command = whole->commands;
    for (uint32_t i = 0; i < count; i++, command++) {
        *command = (struct tn_registry_command){.kind = TN_REGISTRY_VALIDATOR};
        command->as.validator.key = whole->public_keys[i];
        signs->address(signs->context, &command->as.validator.address, &whole->public_keys[i]);
        command->as.validator.weight = whole->weights[i];
        command->as.validator.stake_micros = 1000000;
    }
    for (uint32_t i = 0; i < WHOLE_FEEDERS; i++, command++) {
        *command = (struct tn_registry_command){.kind = TN_REGISTRY_FEEDER};
        command->as.feeder.signer = (uint16_t)(i + 1);
        command->as.feeder.active = true;
        signs->public_key(signs->context, &command->as.feeder.key, &whole->feeders[i]);
    }
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++, command++) {
        *command = (struct tn_registry_command){.kind = TN_REGISTRY_MARKET};
        command->as.market.market = i + 1;
        command->as.market.count = (uint16_t)count;
        for (uint32_t k = 0; k < count; k++)
            command->as.market.candidates[k] = (uint16_t)((i + k) % count);
    }
    whole->genesis.commands = whole->commands;
    whole->genesis.commands_count = (uint32_t)(command - whole->commands);
}

static void make_genesis(struct sim *sim, uint32_t count)
{
    struct whole *whole = sim->whole;
    const struct tn_signatures *signs = &whole->signatures;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        sim_secret_key(&whole->keys[i], sim->options.seed, i);
        signs->public_key(signs->context, &whole->public_keys[i], &whole->keys[i]);
    }
    sim_secret_key(&whole->governance, sim->options.seed, 100);
    sim_secret_key(&whole->faucet, sim->options.seed, 101);
    for (uint32_t i = 0; i < WHOLE_FEEDERS; i++)
        sim_secret_key(&whole->feeders[i], sim->options.seed, 110 + i);
    whole->genesis.registry = (struct tn_registry_genesis){
        .parameters = {.reward_blocks = 32,
                       .proposer_ppm = 200000,
                       .voter_ppm = 400000,
                       .leader_ppm = 200000,
                       .slash_ppm = {0, 1000000, 1000000, 1000000, 1000000, 1000000}},
        .turn_views = 1,
        .validators_min = 1};
    signs->public_key(signs->context, &whole->genesis.registry.governance, &whole->governance);
    signs->public_key(signs->context, &whole->genesis.registry.faucet, &whole->faucet);
    whole->genesis.time_ms = WHOLE_GENESIS_MS;
    make_commands(sim, count);
}

/* ---- The set ---- */

static void add_machine(struct sim *sim, uint32_t identity)
{
    uint32_t machine = sim->machines_count++;
    sim->machines[machine] =
        (struct sim_machine){.kind = &WHOLE_NODE, .identity = (uint16_t)identity};
    sim->machines[machine].byzantine = (sim->whole->byzantine >> identity & 1) != 0;
    sim_machine_init(sim, machine);
    sim->machines[machine].files =
        sim_files_make(sim->options.seed ^ UINT64_C(0x66696c6573) << 8 ^ machine);
    sim_calls_attach(machine, sim->machines[machine].files);
}

static uint32_t choose_set(struct sim *sim)
{
    static const uint32_t COUNTS[] = {4, 4, 4, 4, 5, 7};
    struct whole *whole = sim->whole;
    uint32_t drawn = COUNTS[tn_random_below(&sim->random, sizeof COUNTS / sizeof *COUNTS)];
    uint32_t count = sim->options.nodes_count != 0 ? sim->options.nodes_count : drawn;
    uint32_t wanted = (uint32_t)tn_random_below(&sim->random, 3);
    if (sim->options.byzantine >= 0) wanted = (uint32_t)sim->options.byzantine;
    while (3 * wanted >= count)
        wanted--;
    for (uint32_t i = 0; i < count; i++)
        whole->weights[i] = 1;
    for (uint32_t i = 0; i < wanted; i++)
        whole->byzantine |= 1u << (i + (uint32_t)tn_random_below(&sim->random, count - wanted));
    whole->identities_count = count;
    for (uint32_t i = 0; i < count; i++)
        add_machine(sim, i);
    bool twins = tn_random_below(&sim->random, 3) == 0;
    if (sim->options.twins >= 0) twins = sim->options.twins == 1;
    for (uint32_t i = 0; twins && i < count; i++) {
        if ((whole->byzantine >> i & 1) != 0) add_machine(sim, i);
    }
    uint32_t attacks = (uint32_t)tn_random_next(&sim->random);
    if (sim->options.attacks == UINT32_MAX)
        sim->options.attacks = attacks & ((1u << SIM_ATTACK_WORDS_COUNT) - 1);
    return count;
}

bool sim_world_tolerates(const struct sim *sim, uint32_t silent_identities)
{
    uint32_t out = silent_identities | sim->whole->byzantine, gone = 0;
    for (uint32_t i = 0; i < sim->whole->identities_count; i++)
        gone += out >> i & 1;
    return 3 * gone < sim->whole->identities_count;
}

bool sim_world_is_quorum(const struct sim *sim, uint32_t identities)
{
    uint32_t theirs = 0;
    for (uint32_t i = 0; i < sim->whole->identities_count; i++)
        theirs += identities >> i & 1;
    return tn_weight_is_quorum(theirs, sim->whole->identities_count);
}

/* The checks of votes are the first simulator's. */
void sim_check_said(struct sim *sim, uint32_t machine, const uint8_t *bytes, size_t size)
{
    (void)sim;
    (void)machine;
    (void)bytes;
    (void)size;
}

void sim_check_recorded(struct sim *sim, uint32_t machine, uint8_t type, const uint8_t *bytes,
                        size_t size)
{
    (void)sim;
    (void)machine;
    (void)type;
    (void)bytes;
    (void)size;
}

/* ---- Events ---- */

void sim_turn_world(struct sim *sim)
{
    whole_play_turn(sim);
    whole_check_standing(sim);
}

static void explain(struct sim *sim)
{
    sim_explain(sim);
    const struct whole *whole = sim->whole;
    sim_trace(sim, TN_NONE, "answers: %a soft, %b refused, %c reverted", whole->soft_count,
              whole->refused_count, whole->reverted_count);
    sim_trace(sim, TN_NONE, "noticed: %a wrong results, %b no-ops; %c lies told",
              whole->results_wrong, whole->no_ops, whole->lies);
    for (uint32_t i = 0; i < sim->whole->limits.chain.markets_count; i++) {
        const struct whole_market *market = &sim->whole->markets[i];
        sim_trace(sim, TN_NONE, "market %a: term %b, frames final %c", market->id, market->term,
                  market->frames_final);
        sim_trace(sim, TN_NONE, "  trades %a, deposited %b, withdrawn %c", market->trades,
                  (uint64_t)market->taken, (uint64_t)market->withdrawn);
        sim_trace(sim, TN_NONE, "  sent to other markets %a, come from there %b",
                  (uint64_t)market->sent, (uint64_t)market->came, 0);
    }
}

static void calm_down(struct sim *sim)
{
    sim_trace(sim, TN_NONE, "all faults have ended", 0, 0, 0);
    sim->whole->calm = true;
    for (uint32_t i = 0; i < sim->machines_count; i++)
        sim_files_stop_at(sim->machines[i].files, 0);
}

static bool is_over(struct sim *sim, int64_t *rest_us)
{
    struct whole *whole = sim->whole;
    if (sim->now_us < sim->calm_us) return false;
    if (!whole->calm) calm_down(sim);
    if (*rest_us == 0 && whole_check_recovered(sim)) {
        *rest_us = sim->now_us + REST_US;
        sim->figures.recovery_us = sim->now_us - sim->calm_us;
        sim->idle = true;
    }
    if (*rest_us != 0 && sim->now_us >= *rest_us) {
        whole_check_end(sim);
        explain(sim);
        return true;
    }
    if (sim->now_us - sim->calm_us < RECOVERY_MOST_US || *rest_us != 0) return false;
    explain(sim);
    sim_fail(sim, TN_NONE, "no ten blocks and trades everywhere within %lld s after the last fault",
             (long long)(RECOVERY_MOST_US / SIM_SECOND));
    return true;
}

static void run(struct sim *sim, const struct sim_options *options)
{
    sim->options = *options;
    sim->random = options->seed ^ UINT64_C(0x77686f6c65);
    sim->network.random = options->seed ^ UINT64_C(0x6e6574);
    sim->calm_us = options->duration_ms * 1000;
    sim->whole = calloc(1, sizeof *sim->whole);
    TN_ASSERT(sim->whole != NULL);
    sim_signatures(&sim->whole->signatures);
    sim_calls_seed(options->seed ^ UINT64_C(0x656e74726f7079));
    make_limits(sim);
    uint32_t count = choose_set(sim);
    make_genesis(sim, count);
    whole_play_init(sim);
    sim_begin(sim);
    int64_t rest_us = 0;
    while (!sim->failed) {
        if (sim_next(sim) == SIM_EVENT_WORLD && is_over(sim, &rest_us)) break;
    }
}

bool sim_run(struct sim *sim, const struct sim_options *options)
{
    memset(sim, 0, sizeof *sim);
    sim_guarded(sim, options, run);
    for (uint32_t i = 0; i < sim->machines_count; i++)
        sim->figures.counts[SIM_COUNT_CUTS] += sim_files_figures(sim->machines[i].files)->cuts;
    sim->figures.virtual_us = sim->now_us;
    return !sim->failed;
}

static void free_items(struct whole_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(items[i].bytes);
    free(items);
}

static void free_whole(struct whole *whole)
{
    for (uint64_t i = 0; i < whole->blocks_room; i++)
        whole_block_free(whole->blocks[i]);
    for (uint32_t i = 0; i < whole->frames_count; i++)
        free(whole->frames[i].bytes);
    free_items(whole->governance_items, whole->governance_count);
    free_items(whole->deposits, whole->deposits_count);
    free(whole->blocks);
    free(whole->frames);
    free(whole->frame_cells);
    for (uint32_t i = 0; i < whole->forgeries_count; i++)
        free(whole->forgeries[i].message);
    free(whole->forgeries);
    free(whole);
}

void sim_free(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        sim_machine_free(sim, i);
        sim_calls_attach(i, NULL);
        sim_files_free(sim->machines[i].files);
        sim->machines[i].files = NULL;
    }
    sim_heap_free(&sim->heap);
    free_whole(sim->whole);
    sim->whole = NULL;
}
