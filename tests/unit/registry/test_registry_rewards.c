/* What is earned: the worked numbers of docs/sequencer-economics.md, turns missed, and that no
 * micro is made or lost whatever comes in. */
#include "registry_world.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint64_t random_state;

static const uint64_t WEIGHTS[4] = {4, 3, 2, 1};

static tn_micros earned(const struct world *world, uint16_t id)
{
    return world_validator(world, id).earned_micros;
}

/* docs/sequencer-economics.md has this line. */
static void page_says(const char *line)
{
    static char page[1 << 16];
    FILE *file = fopen(TENOR_ECONOMICS_PAGE, "r");
    if (file == NULL) fail_msg("no page at %s", TENOR_ECONOMICS_PAGE);
    size_t size = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    page[size] = '\0';
    if (strstr(page, line) == NULL) fail_msg("the page does not say: %s", line);
}

/* The row of a validator: number, weight, blocks, turns missed, earned. */
static void page_has_row(const struct world *world, uint16_t id)
{
    char line[160];
    const struct tn_registry_validator validator = world_validator(world, id);
    snprintf(line, sizeof line,
             "\n| %u | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRId64 ".%06d |\n", id,
             validator.weight, validator.blocks, validator.turns_missed,
             validator.earned_micros / 1000000, (int)(validator.earned_micros % 1000000));
    page_says(line);
}

/* The page's first example: a period of 16 blocks, no turn missed, 1 000 dollars of fees. */
static void test_a_quiet_period_pays_as_the_page_says(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, WEIGHTS, 4);
    for (uint32_t block = 1; block <= 16; block++) {
        world_begin(&world, 0, 0, 0);
        if (block == 3) tn_registry_sequenced(world.registry, 1, 5000, 600000000);
        if (block == 9) tn_registry_sequenced(world.registry, 1, 3000, 1000000000);
        if (block == 9) assert_int_equal(world_heads(&world).voter_pool_micros, 200000000);
        tn_registry_end_block(world.registry);
    }
    static const uint64_t blocks[4] = {7, 5, 3, 1};
    for (uint16_t id = 0; id < 4; id++) {
        assert_int_equal(world_validator(&world, id).blocks, blocks[id]);
        assert_int_equal(world_validator(&world, id).turns_missed, 0);
        assert_int_equal(world_validator(&world, id).period_blocks, 0);
        page_has_row(&world, id);
    }
    assert_int_equal(earned(&world, 0), 43750000 + 80000000);
    assert_int_equal(earned(&world, 1), 31250000 + 60000000 + 300000000);
    assert_int_equal(earned(&world, 2), 18750000 + 40000000);
    assert_int_equal(earned(&world, 3), 6250000 + 20000000);
    assert_int_equal(world_heads(&world).treasury_micros, 400000000);
    assert_int_equal(world_validator(&world, 1).entries, 8000);
    assert_true(world_conserves(&world));
    world_close(&world);
}

/* The second: validator 0 is away. Each of its turns is left by nullification. */
static void test_missed_turns_cost_the_voters_share(void **state)
{
    (void)state;
    struct world world;
    const uint64_t weights[4] = {1, 1, 1, 1};
    world_start(&world, weights, 4);
    for (uint32_t block = 1; block <= 16; block++) {
        const struct tn_registry_heads heads = world_heads(&world);
        const struct tn_validators *set = tn_registry_set(world.registry, 0);
        bool away = block > 4 && tn_validators_proposer(set, heads.last_view + 1) == 0;
        world_begin(&world, away ? 1 : 0, 0, 0);
        if (block == 1) tn_registry_sequenced(world.registry, 1, 1, 1000000000);
        tn_registry_end_block(world.registry);
    }
    const struct tn_registry_validator absent = world_validator(&world, 0);
    assert_int_equal(absent.blocks, 1);
    assert_int_equal(absent.turns_missed, 4);
    /* 1 of 16 blocks; a quarter of the voters' share, of which it made one turn in five. */
    assert_int_equal(absent.earned_micros, 6250000 + 10000000);
    assert_int_equal(earned(&world, 3), 31250000 + 50000000);
    for (uint16_t id = 0; id < 4; id++)
        page_has_row(&world, id);
    assert_int_equal(world_heads(&world).treasury_micros, 400000000 + 40000000);
    assert_true(world_conserves(&world));
    world_close(&world);
}

/* The third: a stake of 100 000 dollars for each weight. */
static void test_cheating_costs_what_the_page_says(void **state)
{
    (void)state;
    static const struct {
        enum tn_evidence_kind kind;
        uint16_t id;
        const char *what;
    } cases[] = {{TN_EVIDENCE_NOTARIZE, 0, "E1: two NOTARIZE of one view"},
                 {TN_EVIDENCE_FINALIZE, 1, "E2: two FINALIZE of one view"},
                 {TN_EVIDENCE_BOTH, 2, "E3: NULLIFY and FINALIZE of one view"},
                 {TN_EVIDENCE_CHECKPOINT, 3, "E4: two checkpoints of one height"},
                 {TN_EVIDENCE_BATCH, 1, "E5: two batches of one place"}};
    for (uint32_t c = 0; c < 5; c++) {
        struct world world;
        char line[160];
        world_open(&world, WEIGHTS, 4);
        for (uint16_t id = 0; id < 4; id++)
            assert_int_equal(
                world_reweigh(&world, id, WEIGHTS[id], (tn_micros)WEIGHTS[id] * 100000 * 1000000),
                TN_ANSWER_DONE);
        assert_true(tn_registry_start(world.registry));
        world_begin(&world, 0, 0, 0);
        tn_registry_sequenced(world.registry, 1, 1, 1000000000);
        struct tn_evidence evidence =
            world_evidence(&world, cases[c].kind, cases[c].id, cases[c].id, 0);
        assert_int_equal(tn_registry_accuse(world.registry, &world.context, &evidence),
                         TN_ANSWER_DONE);
        tn_registry_end_block(world.registry);
        for (uint32_t block = 2; block <= 16; block++)
            world_block(&world);
        const struct tn_registry_validator cheat = world_validator(&world, cases[c].id);
        snprintf(line, sizeof line, "\n| %s | %u | %" PRId64 " | %" PRId64 " | %" PRId64 " |\n",
                 cases[c].what, cases[c].id, world_heads(&world).slashed_micros / 1000000,
                 cheat.stake_micros / 1000000, world_heads(&world).treasury_micros / 1000000);
        page_says(line);
        assert_true(world_conserves(&world));
        world_close(&world);
    }
}

static void test_a_leader_earns_of_the_fees_of_its_term(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    tn_registry_sequenced(world.registry, 1, 7, 100);
    tn_registry_end_term(world.registry, 1);
    tn_registry_end_block(world.registry);
    world_begin(&world, 0, 0, 0);
    tn_registry_sequenced(world.registry, 1, 9, 1100);
    tn_registry_end_block(world.registry);
    assert_int_equal(earned(&world, 1), 30);
    assert_int_equal(earned(&world, 2), 300);
    assert_int_equal(world_validator(&world, 1).entries, 7);
    assert_int_equal(world_validator(&world, 2).entries, 9);
    world_close(&world);
}

/* The house account falls when makers are paid more than takers pay: nothing is shared until it is
 * above where it was. */
static void test_fees_that_fell_are_shared_when_they_rose_again(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    tn_registry_sequenced(world.registry, 1, 1, 1000);
    tn_registry_sequenced(world.registry, 1, 1, -500);
    tn_registry_sequenced(world.registry, 1, 1, 900);
    assert_int_equal(world_heads(&world).fees_micros, 1000);
    tn_registry_sequenced(world.registry, 1, 1, 1001);
    assert_int_equal(world_heads(&world).fees_micros, 1001);
    assert_true(world_conserves(&world));
    world_close(&world);
}

static void test_all_the_money_there_can_be_is_shared_without_overflow(void **state)
{
    (void)state;
    struct world world;
    const uint64_t weights[3] = {TN_WEIGHT_MAX, TN_WEIGHT_MAX - 1, 1};
    world_start(&world, weights, 3);
    assert_int_equal(world_market(&world, 2, (const uint16_t[]){0}, 1), TN_ANSWER_DONE);
    world_end_epoch(&world);
    world_begin(&world, 1000000007, 0, 0);
    tn_registry_sequenced(world.registry, 1, UINT32_MAX, INT64_MAX - 5);
    tn_registry_sequenced(world.registry, 2, UINT32_MAX, INT64_MAX);
    assert_int_equal(world_heads(&world).fees_micros, INT64_MAX);
    assert_true(world_conserves(&world));
    tn_registry_end_block(world.registry);
    world_end_epoch(&world);
    assert_true(world_conserves(&world));
    assert_int_equal(world_heads(&world).voter_pool_micros, 0);
    world_close(&world);
}

/* What one validator gets of the pools, from the page's formula in wide numbers. */
static tn_micros twin_share(const struct world *world, const struct tn_registry_heads *heads,
                            const struct tn_validators *set, uint32_t index)
{
    const struct tn_registry_validator own = world_validator(world, set->members[index].id);
    tn_u128 blocks = 0, total = 0, vote, propose = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        blocks += world_validator(world, set->members[i].id).period_blocks;
        total += set->members[i].weight;
    }
    for (uint32_t kind = 1; kind < TN_EVIDENCE_KINDS; kind++)
        if (own.slashes[kind].height > 0) return 0;
    vote = (tn_u128)(uint64_t)heads->voter_pool_micros * set->members[index].weight / total;
    if (own.period_blocks + own.period_missed > 0)
        vote = vote * own.period_blocks / (own.period_blocks + own.period_missed);
    if (blocks > 0)
        propose = (tn_u128)(uint64_t)heads->proposer_pool_micros * own.period_blocks / blocks;
    return (tn_micros)(vote + propose);
}

static void random_parameters(struct world *world)
{
    struct tn_registry_command command = {.kind = TN_REGISTRY_PARAMETERS};
    command.as.parameters = WORLD_PARAMETERS;
    command.as.parameters.proposer_ppm = (uint32_t)tn_random_below(&random_state, 333334);
    command.as.parameters.voter_ppm = (uint32_t)tn_random_below(&random_state, 333334);
    command.as.parameters.leader_ppm = (uint32_t)tn_random_below(&random_state, 333334);
    command.as.parameters.reward_blocks = 1 + (uint32_t)tn_random_below(&random_state, 30);
    assert_int_equal(world_govern(world, &command), TN_ANSWER_DONE);
}

/* One block of a random chain; when it shares, everyone gets what the formula says. */
static void random_block(struct world *world, tn_micros *fees)
{
    const bool is_final = tn_random_below(&random_state, 40) == 0;
    const struct tn_registry_heads before = world_heads(world);
    struct tn_registry_heads heads;
    tn_micros had[TN_VALIDATORS_MAX], share[TN_VALIDATORS_MAX];
    const struct tn_validators set = *tn_registry_set(world->registry, before.epoch);
    world_begin(world,
                tn_random_below(&random_state, 3) == 0 ? tn_random_below(&random_state, 9) : 0,
                is_final ? TN_BLOCK_EPOCH_FINAL : 0, before.height);
    if (tn_random_below(&random_state, 2) == 0) {
        *fees += (tn_micros)tn_random_below(&random_state, 1 << 20) - 20000;
        tn_registry_sequenced(world->registry, 1, tn_random_below(&random_state, 100), *fees);
    }
    if (tn_random_below(&random_state, 10) == 0) tn_registry_end_term(world->registry, 1);
    if (tn_random_below(&random_state, 25) == 0) random_parameters(world);
    if (tn_random_below(&random_state, 60) == 0 && set.count > 1) {
        uint16_t signer = (uint16_t)tn_random_below(&random_state, set.count);
        struct tn_evidence evidence =
            world_evidence(world, TN_EVIDENCE_FINALIZE, set.members[signer].id, signer, set.epoch);
        (void)tn_registry_accuse(world->registry, &world->context, &evidence);
    }
    assert_true(world_conserves(world));
    heads = world_heads(world);
    for (uint32_t i = 0; i < set.count; i++) {
        had[i] = earned(world, set.members[i].id);
        share[i] = twin_share(world, &heads, &set, i);
    }
    tn_registry_end_block(world->registry);
    assert_true(world_conserves(world));
    const bool shared =
        world_heads(world).voter_pool_micros == 0 && world_heads(world).proposer_pool_micros == 0;
    for (uint32_t i = 0; i < set.count; i++)
        assert_int_equal(earned(world, set.members[i].id), had[i] + (shared ? share[i] : 0));
}

static void test_rewards_are_conserved_to_the_micro_for_random_chains(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 12; run++) {
        struct world world;
        uint64_t weights[20];
        tn_micros fees = 0;
        uint32_t count = 1 + (uint32_t)tn_random_below(&random_state, 20);
        for (uint32_t i = 0; i < count; i++)
            weights[i] = 1 + tn_random_below(&random_state, run % 2 == 0 ? 5 : 1u << 30);
        world_start(&world, weights, count);
        for (uint32_t block = 0; block < 150; block++)
            random_block(&world, &fees);
        assert_true(world_heads(&world).fees_micros >= fees);
        world_close(&world);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    random_state = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quiet_period_pays_as_the_page_says),
        cmocka_unit_test(test_missed_turns_cost_the_voters_share),
        cmocka_unit_test(test_cheating_costs_what_the_page_says),
        cmocka_unit_test(test_a_leader_earns_of_the_fees_of_its_term),
        cmocka_unit_test(test_fees_that_fell_are_shared_when_they_rose_again),
        cmocka_unit_test(test_all_the_money_there_can_be_is_shared_without_overflow),
        cmocka_unit_test(test_rewards_are_conserved_to_the_micro_for_random_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
