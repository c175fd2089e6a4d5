/* Epochs, membership, leaders and keys: when a change counts, and that being ahead in execution
 * changes no answer about a block. */
#include "registry_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t set_count(const struct world *world)
{
    return tn_registry_set(world->registry, world_heads(world).epoch)->count;
}

static void test_a_registration_counts_in_the_epoch_after_the_next(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_validator validator;
    enum tn_registry_status status;
    world_start(&world, NULL, 4);
    world_begin(&world, 0, 0, 0);
    assert_int_equal(world_register(&world, 4, 3, 500), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    world_end_epoch(&world);
    assert_int_equal(world_heads(&world).epoch, 1);
    assert_int_equal(set_count(&world), 4);
    assert_true(tn_registry_validator(world.registry, 4, &validator, &status));
    assert_int_equal(status, TN_VALIDATOR_WAITS);
    world_end_epoch(&world);
    assert_int_equal(set_count(&world), 5);
    assert_true(tn_registry_validator(world.registry, 4, &validator, &status));
    assert_int_equal(status, TN_VALIDATOR_ACTIVE);
    assert_int_equal(tn_registry_set(world.registry, 2)->weight, 7);
    assert_int_equal(validator.weight, 3);
    world_close(&world);
}

static void test_who_leaves_has_its_stake_bound_for_two_epochs_more(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_validator validator;
    enum tn_registry_status status;
    world_start(&world, NULL, 5);
    world_block(&world);
    assert_int_equal(world_reweigh(&world, 2, 0, 0), TN_ANSWER_STAKE_BOUND);
    assert_int_equal(world_reweigh(&world, 2, 0, 1000000), TN_ANSWER_DONE);
    static const uint32_t members[6] = {5, 5, 4, 4, 4, 4};
    for (uint32_t epoch = 0; epoch < 4; epoch++) {
        assert_int_equal(set_count(&world), members[epoch]);
        assert_int_equal(world_reweigh(&world, 2, 0, 0), TN_ANSWER_STAKE_BOUND);
        world_end_epoch(&world);
    }
    /* Its last epoch was 1; evidence about it came in time until the end of 3. */
    assert_null(tn_registry_set(world.registry, 1));
    assert_int_equal(world_reweigh(&world, 2, 0, 0), TN_ANSWER_DONE);
    assert_true(tn_registry_validator(world.registry, 2, &validator, &status));
    assert_int_equal(status, TN_VALIDATOR_LEFT);
    assert_int_equal(validator.stake_micros, 0);
    world_close(&world);
}

static void test_governance_answers_why_not_and_leaves_no_trace(void **state)
{
    (void)state;
    struct world world;
    struct tn_hash before, after;
    world_open(&world, NULL, 4);
    world.genesis.validators_min = 4;
    free(world.registry);
    world.registry = world_empty(&world);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(world_register(&world, i, 1, 5), TN_ANSWER_DONE);
    assert_false(tn_registry_start(world.registry));
    assert_int_equal(world_register(&world, 3, 1, 5), TN_ANSWER_DONE);
    assert_true(tn_registry_start(world.registry));
    world_block(&world);
    tn_registry_root(world.registry, &before);
    assert_int_equal(world_register(&world, 3, 1, 5), TN_ANSWER_KEY);
    assert_int_equal(world_register(&world, 9, 0, 5), TN_ANSWER_RANGE);
    assert_int_equal(world_register(&world, 9, TN_WEIGHT_MAX + 1, 5), TN_ANSWER_RANGE);
    assert_int_equal(world_register(&world, 9, 1, -1), TN_ANSWER_RANGE);
    assert_int_equal(world_register(&world, 9, 1, (INT64_C(1) << 50) + 1), TN_ANSWER_RANGE);
    assert_int_equal(world_reweigh(&world, 4, 1, 5), TN_ANSWER_UNKNOWN);
    assert_int_equal(world_reweigh(&world, 3, 0, 5), TN_ANSWER_TOO_FEW);
    assert_int_equal(world_market(&world, 0, (const uint16_t[]){1}, 1), TN_ANSWER_RANGE);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){1}, 0), TN_ANSWER_RANGE);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){1, 1}, 2), TN_ANSWER_RANGE);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){4}, 1), TN_ANSWER_UNKNOWN);
    struct tn_registry_command command = {.kind = TN_REGISTRY_VALIDATOR};
    command.as.validator.key = world_key(&world, 8); /* with the address of nobody */
    command.as.validator.weight = 1;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_KEY);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_PARAMETERS};
    command.as.parameters = WORLD_PARAMETERS;
    command.as.parameters.leader_ppm = 700001;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_RANGE);
    command = (struct tn_registry_command){.kind = TN_REGISTRY_FEEDER};
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_RANGE);
    command.as.feeder.signer = 9;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_FULL);
    assert_int_equal(tn_registry_take_governance(world.registry, 2), TN_ANSWER_NUMBER);
    assert_int_equal(tn_registry_take_governance(world.registry, 0), TN_ANSWER_NUMBER);
    assert_int_equal(tn_registry_take_deposit(world.registry, 2), TN_ANSWER_NUMBER);
    tn_registry_root(world.registry, &after);
    assert_true(tn_hash_equal(&before, &after));
    assert_int_equal(tn_registry_take_governance(world.registry, 1), TN_ANSWER_DONE);
    assert_int_equal(tn_registry_take_deposit(world.registry, 1), TN_ANSWER_DONE);
    assert_int_equal(tn_registry_take_deposit(world.registry, 1), TN_ANSWER_NUMBER);
    world_close(&world);
}

static void test_views_begin_anew_with_each_epoch(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    for (uint32_t i = 0; i < 9; i++)
        world_block(&world);
    assert_int_equal(world_heads(&world).last_view, 9);
    world_end_epoch(&world);
    assert_int_equal(world_heads(&world).last_view, 0);
    assert_int_equal(world_heads(&world).epoch_start, 10);
    world_begin(&world, 2, 0, 0); /* view 3: the proposers of 1 and 2 missed a turn */
    tn_registry_end_block(world.registry);
    static const uint32_t missed[4] = {1, 1, 0, 0};
    for (uint16_t id = 0; id < 4; id++)
        assert_int_equal(world_validator(&world, id).turns_missed, missed[id]);
    world_close(&world);
}

static void test_a_hundred_validators_are_the_most(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 4);
    for (uint32_t i = 4; i < TN_VALIDATORS_MAX; i++)
        assert_int_equal(world_register(&world, i, 1 + i, 0), TN_ANSWER_DONE);
    assert_int_equal(world_register(&world, 100, 1, 0), TN_ANSWER_FULL);
    assert_int_equal(world_reweigh(&world, 3, 0, 1000000), TN_ANSWER_DONE);
    assert_int_equal(world_register(&world, 100, 1, 0), TN_ANSWER_DONE);
    assert_int_equal(world_reweigh(&world, 3, 1, 1000000), TN_ANSWER_FULL);
    world_end_epoch(&world);
    world_end_epoch(&world);
    assert_int_equal(set_count(&world), TN_VALIDATORS_MAX);
    assert_int_equal(tn_validators_find_id(tn_registry_set(world.registry, 2), 3), TN_NONE);
    world_close(&world);
}

/* A copy that has executed more gives the same next set for the same exec_height, though another
 * validator was slashed and one registered since. */
static void test_the_next_set_is_that_of_its_exec_height(void **state)
{
    (void)state;
    struct world world;
    struct tn_validators early, late, later;
    struct tn_hash hashes[2];
    world_start(&world, NULL, 5);
    world_begin(&world, 0, 0, 0);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_FINALIZE, 1, 1, 0);
    assert_int_equal(tn_registry_accuse(world.registry, &world.context, &evidence), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    tn_registry_next_set(world.registry, &early, 1);
    assert_int_equal(early.count, 4);
    world_begin(&world, 0, 0, 0);
    evidence = world_evidence(&world, TN_EVIDENCE_BATCH, 3, 3, 0);
    assert_int_equal(tn_registry_accuse(world.registry, &world.context, &evidence), TN_ANSWER_DONE);
    assert_int_equal(world_register(&world, 7, 9, 1), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    tn_registry_next_set(world.registry, &late, 1);
    tn_validators_hash(&hashes[0], &early);
    tn_validators_hash(&hashes[1], &late);
    assert_true(tn_hash_equal(&hashes[0], &hashes[1]));
    tn_registry_next_set(world.registry, &later, 2);
    assert_int_equal(later.count, 3);
    /* F executed at height 3 with exec_height 1: who was slashed at 2 is still in the set of 1. */
    world_begin(&world, 0, TN_BLOCK_EPOCH_FINAL, 1);
    tn_registry_end_block(world.registry);
    tn_validators_hash(&hashes[1], tn_registry_set(world.registry, 1));
    assert_true(tn_hash_equal(&hashes[0], &hashes[1]));
    world_end_epoch(&world);
    assert_int_equal(set_count(&world), 4); /* 0, 2, 4 and the new one */
    world_close(&world);
}

static void test_the_chain_goes_on_when_everybody_was_slashed(void **state)
{
    (void)state;
    struct world world;
    world_start(&world, NULL, 1);
    world_begin(&world, 0, 0, 0);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_BOTH, 0, 0, 0);
    assert_int_equal(tn_registry_accuse(world.registry, &world.context, &evidence), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    for (uint32_t epoch = 0; epoch < 4; epoch++)
        world_end_epoch(&world);
    assert_int_equal(set_count(&world), 1);
    assert_int_equal(world_heads(&world).epoch, 4);
    world_close(&world);
}

static void test_an_epoch_ends_each_65536_blocks_or_as_governance_says(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_command command = {.kind = TN_REGISTRY_EPOCH};
    world_start(&world, NULL, 4);
    assert_true(tn_registry_is_epoch_final(world.registry, 65536, 1));
    assert_true(tn_registry_is_epoch_final(world.registry, 3 * 65536, 1));
    assert_false(tn_registry_is_epoch_final(world.registry, 65537, 1));
    world_block(&world);
    world_begin(&world, 0, 0, 0);
    command.as.epoch_height = 2 + TN_REGISTRY_NOTICE_BLOCKS;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_TOO_SOON);
    command.as.epoch_height = 1;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_TOO_SOON);
    command.as.epoch_height = 500;
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_DONE);
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_TOO_SOON);
    tn_registry_end_block(world.registry);
    assert_true(tn_registry_is_epoch_final(world.registry, 500, 2));
    assert_false(tn_registry_is_epoch_final(world.registry, 500, 1)); /* had not heard of it */
    assert_false(tn_registry_is_epoch_final(world.registry, 501, 2));
    world_end_epoch(&world);
    assert_false(tn_registry_is_epoch_final(world.registry, 500, 2));
    world_close(&world);
}

static uint16_t leader(const struct world *world, uint32_t market, uint32_t term)
{
    struct tn_public_key key;
    uint16_t id = UINT16_MAX;
    if (!tn_registry_leader(world->registry, &id, &key, market, term)) return UINT16_MAX;
    const struct tn_public_key own = world_key(world, id);
    assert_true(tn_public_key_equal(&key, &own));
    return id;
}

static void test_leaders_follow_each_other_term_by_term(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_market market;
    world_open(&world, NULL, 4);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){3, 1, 2}, 3), TN_ANSWER_DONE);
    assert_int_equal(leader(&world, 1, 1), UINT16_MAX); /* before the start it is not open */
    assert_true(tn_registry_start(world.registry));
    assert_int_equal(leader(&world, 1, 1), 1);
    assert_int_equal(leader(&world, 1, 2), 2);
    assert_int_equal(leader(&world, 1, 3), 3);
    assert_int_equal(leader(&world, 1, 0), UINT16_MAX);
    assert_int_equal(leader(&world, 2, 1), UINT16_MAX);
    tn_registry_end_term(world.registry, 1);
    assert_true(tn_registry_market(world.registry, 1, &market));
    assert_int_equal(market.term, 2);
    world_close(&world);
}

static void test_candidates_and_markets_count_from_the_next_epoch(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_market market;
    world_start(&world, NULL, 4);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){2}, 1), TN_ANSWER_DONE);
    assert_int_equal(world_market(&world, 5, (const uint16_t[]){0, 1, 2, 3}, 4), TN_ANSWER_DONE);
    assert_int_equal(leader(&world, 1, 1), 1);
    assert_int_equal(leader(&world, 5, 1), UINT16_MAX);
    world_end_epoch(&world);
    assert_true(tn_registry_market(world.registry, 1, &market));
    assert_int_equal(market.term, 2); /* another list: another term */
    assert_int_equal(leader(&world, 1, 2), 2);
    assert_int_equal(leader(&world, 5, 1), 1);
    world_end_epoch(&world);
    assert_true(tn_registry_market(world.registry, 1, &market));
    assert_int_equal(market.term, 2); /* the same list: the term goes on */
    world_close(&world);
}

static void test_a_leader_that_leaves_the_set_ends_its_term(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_market market;
    world_open(&world, NULL, 4);
    assert_int_equal(world_market(&world, 1, (const uint16_t[]){1}, 1), TN_ANSWER_DONE);
    assert_int_equal(world_market(&world, 2, (const uint16_t[]){0, 1}, 2), TN_ANSWER_DONE);
    assert_int_equal(world_market(&world, 3, (const uint16_t[]){0, 2}, 2), TN_ANSWER_DONE);
    assert_true(tn_registry_start(world.registry));
    world_begin(&world, 0, 0, 0);
    struct tn_evidence evidence = world_evidence(&world, TN_EVIDENCE_NOTARIZE, 1, 1, 0);
    assert_int_equal(tn_registry_accuse(world.registry, &world.context, &evidence), TN_ANSWER_DONE);
    tn_registry_end_block(world.registry);
    world_end_epoch(&world);
    assert_true(tn_registry_market(world.registry, 1, &market));
    assert_int_equal(market.term, 2);
    assert_int_equal(market.leaders_count, 3); /* none of its candidates is there: the whole set */
    assert_int_equal(leader(&world, 1, 2), 3);
    assert_true(tn_registry_market(world.registry, 2, &market));
    assert_int_equal(market.term, 2);
    assert_int_equal(leader(&world, 2, 2), 0);
    assert_true(tn_registry_market(world.registry, 3, &market));
    assert_int_equal(market.term, 1);
    world_close(&world);
}

static void test_a_key_counts_for_blocks_that_have_executed_its_change(void **state)
{
    (void)state;
    struct world world;
    struct tn_registry_command command = {.kind = TN_REGISTRY_KEY};
    struct tn_registry_command feeder = {.kind = TN_REGISTRY_FEEDER};
    world_open(&world, NULL, 4);
    feeder.as.feeder.signer = 2;
    feeder.as.feeder.active = true;
    feeder.as.feeder.key = world_key(&world, 20);
    assert_int_equal(world_govern(&world, &feeder), TN_ANSWER_DONE);
    assert_true(tn_registry_start(world.registry));
    assert_null(tn_registry_feeder(world.registry, 1, 0));
    assert_null(tn_registry_feeder(world.registry, 0, 0));
    assert_null(tn_registry_feeder(world.registry, 3, 0));
    world_block(&world);
    world_begin(&world, 0, 0, 0);
    command.as.key.which = TN_REGISTRY_KEY_FAUCET;
    command.as.key.key = world_key(&world, 30);
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_DONE);
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_TOO_SOON);
    feeder.as.feeder.active = false;
    assert_int_equal(world_govern(&world, &feeder), TN_ANSWER_DONE);
    assert_int_equal(world_govern(&world, &feeder), TN_ANSWER_TOO_SOON);
    tn_registry_end_block(world.registry);
    const struct tn_public_key *old = tn_registry_key(world.registry, TN_REGISTRY_KEY_FAUCET, 1);
    assert_true(tn_public_key_equal(old, &world.genesis.faucet));
    const struct tn_public_key *present =
        tn_registry_key(world.registry, TN_REGISTRY_KEY_FAUCET, 2);
    assert_true(tn_public_key_equal(present, &command.as.key.key));
    const struct tn_public_key *other =
        tn_registry_key(world.registry, TN_REGISTRY_KEY_GOVERNANCE, UINT64_MAX);
    assert_true(tn_public_key_equal(other, &world.genesis.governance));
    assert_true(
        tn_public_key_equal(tn_registry_feeder(world.registry, 2, 1), &feeder.as.feeder.key));
    assert_null(tn_registry_feeder(world.registry, 2, 2));
    for (uint32_t i = 0; i < TN_REGISTRY_NOTICE_BLOCKS; i++)
        world_block(&world);
    assert_int_equal(world_govern(&world, &command), TN_ANSWER_DONE);
    assert_int_equal(world_govern(&world, &feeder), TN_ANSWER_DONE);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_registration_counts_in_the_epoch_after_the_next),
        cmocka_unit_test(test_who_leaves_has_its_stake_bound_for_two_epochs_more),
        cmocka_unit_test(test_governance_answers_why_not_and_leaves_no_trace),
        cmocka_unit_test(test_views_begin_anew_with_each_epoch),
        cmocka_unit_test(test_a_hundred_validators_are_the_most),
        cmocka_unit_test(test_the_next_set_is_that_of_its_exec_height),
        cmocka_unit_test(test_the_chain_goes_on_when_everybody_was_slashed),
        cmocka_unit_test(test_an_epoch_ends_each_65536_blocks_or_as_governance_says),
        cmocka_unit_test(test_leaders_follow_each_other_term_by_term),
        cmocka_unit_test(test_candidates_and_markets_count_from_the_next_epoch),
        cmocka_unit_test(test_a_leader_that_leaves_the_set_ends_its_term),
        cmocka_unit_test(test_a_key_counts_for_blocks_that_have_executed_its_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
