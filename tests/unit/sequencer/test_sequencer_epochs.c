/* Catching up, and going from one set to the next. */
#include "sequencer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_sequencer_catches_up_two_hundred_blocks(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 200));
    case_start(&world->nodes[3], 0);
    case_run_us(world, 150000);
    assert_true(world->nodes[3].height + 5 >= world->nodes[0].height);
    assert_true(case_agrees(world));
    assert_int_equal(case_status(&world->nodes[3]).voice, TN_VOICE_SPEAKS);
    const uint64_t votes = tn_sequencer_counters(world->nodes[3].engine)->notarizes;
    case_run_us(world, 100000);
    assert_true(tn_sequencer_counters(world->nodes[3].engine)->notarizes > votes);
    case_end(world);
}

/* Further than one message of headers, and than views are kept. */
static void test_sequencer_catches_up_nine_hundred_blocks(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 900));
    case_start(&world->nodes[3], 0);
    case_run_us(world, 400000);
    assert_true(world->nodes[3].height + 5 >= world->nodes[0].height);
    assert_true(case_agrees(world));
    assert_int_equal(world->nodes[3].behind_count, 0);
    case_end(world);
}

/* A range is asked for while the one before is executed, and the app hears of blocks long before
 * their turn: what they name would else be asked for one by one. */
static void test_sequencer_fetches_ranges_ahead_and_tells_what_is_coming(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->limits.bodies_max = 256;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 900));
    struct case_node *node = &world->nodes[3];
    node->withholds_body = true;
    case_start(node, 0);
    case_run_us(world, 100000);
    assert_int_equal(node->height, 0);
    assert_int_equal(node->told, 2 * TN_SEQUENCER_RANGE_MAX);
    node->withholds_body = false;
    tn_sequencer_wake(node->engine, world->now_us);
    case_end_turn(node);
    case_run_us(world, 100000);
    assert_true(node->height + 5 >= world->nodes[0].height);
    /* Fifteen ranges and two messages of headers would do if the others stood still. */
    assert_in_range(tn_sequencer_counters(node->engine)->fetches_sent, 17, 40);
    assert_true(case_agrees(world));
    case_end(world);
}

/* Answers come late: meanwhile the blocks that the others propose fill the place for bodies. */
static bool lose_data_to_3(struct case_world *world, uint16_t from, uint16_t to,
                           const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)size;
    return to == 3 && bytes[0] == TN_PEER_DATA;
}

static void test_sequencer_catches_up_after_new_blocks_filled_its_memory(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 300));
    world->loss = lose_data_to_3;
    case_start(&world->nodes[3], 0);
    case_run_us(world, 300000);
    assert_int_equal(world->nodes[3].height, 0);
    assert_true(world->nodes[0].height > 300 + 2 * world->limits.bodies_max);
    world->loss = NULL;
    case_run_us(world, 600000);
    assert_true(world->nodes[3].height + 5 >= world->nodes[0].height);
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_says_when_it_is_too_far_behind(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 1100)); /* behind_max is 1024 here */
    case_start(&world->nodes[3], 0);
    case_run_us(world, 100000);
    assert_true(world->nodes[3].behind_count > 0);
    assert_int_equal(world->nodes[3].height, 0);
    case_end(world);
}

static void test_sequencer_waits_for_batches_of_final_blocks(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 10));
    world->nodes[1].withholds_body = true;
    case_run_us(world, 100000);
    assert_true(world->nodes[1].height + 30 < world->nodes[0].height);
    world->nodes[1].withholds_body = false;
    tn_sequencer_wake(world->nodes[1].engine, world->now_us);
    case_end_turn(&world->nodes[1]);
    case_run_us(world, 50000);
    assert_true(world->nodes[1].height + 5 >= world->nodes[0].height);
    assert_true(case_agrees(world));
    case_end(world);
}

static void withhold_all(struct case_world *world, bool withholds)
{
    for (uint32_t i = 0; i < world->count; i++) {
        world->nodes[i].withholds_body = withholds;
        if (withholds) continue;
        tn_sequencer_wake(world->nodes[i].engine, world->now_us);
        case_end_turn(&world->nodes[i]);
    }
}

/* A view takes 2 ms here, and 256 of them are kept: what is final and executed nowhere must not
 * leave everybody's memory. */
static void test_sequencer_leaves_no_views_while_half_of_them_wait_for_execution(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 10));
    withhold_all(world, true);
    case_run_us(world, 3000000);
    for (uint32_t i = 0; i < 4; i++) {
        const struct tn_sequencer_status status = case_status(&world->nodes[i]);
        assert_true(status.known_final_view > status.final_view + 100);
        assert_true(status.view <= status.final_view + 128 + 8); /* one may be blocks ahead */
    }
    withhold_all(world, false);
    assert_true(case_run_to(world, world->nodes[0].height + 200));
    assert_true(case_agrees(world));
    case_end(world);
}

/* The same where an epoch ends: SEALs follow its last block until somebody has executed that. */
static void test_sequencer_keeps_the_end_of_an_epoch_until_it_is_executed(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 20;
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 12));
    withhold_all(world, true);
    case_run_us(world, 3000000);
    assert_int_equal(case_status(&world->nodes[0]).epoch, 1);
    assert_true(case_status(&world->nodes[0]).view > 100);
    withhold_all(world, false);
    assert_true(case_run_to(world, 30));
    assert_int_equal(case_status(&world->nodes[0]).epoch, 2);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(world->nodes[i].handover_sizes[1] > 0);
    assert_true(case_agrees(world));
    case_end(world);
}

static bool lose_finalizes(struct case_world *world, uint16_t from, uint16_t to,
                           const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)to;
    (void)size;
    return (bytes[0] == TN_PEER_VOTE || bytes[0] == TN_PEER_CERT) && bytes[9] == TN_VOTE_FINALIZE;
}

static void test_sequencer_begins_the_next_epoch_at_view_one(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 20;
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 70));
    for (uint32_t i = 0; i < 4; i++) {
        const struct case_block *chain = world->nodes[i].chain;
        assert_int_equal(case_status(&world->nodes[i]).epoch, 4);
        assert_int_equal(case_status(&world->nodes[i]).voice, TN_VOICE_SPEAKS);
        assert_int_equal(chain[20].header.epoch, 1);
        assert_int_equal(chain[21].header.epoch, 2);
        assert_int_equal(chain[21].header.view, 1);
        assert_int_equal(chain[21].header.parent_view, 0);
        assert_true(tn_hash_equal(&chain[21].header.parent_hash, &chain[20].hash));
        assert_int_equal(world->nodes[i].certified, 64);
        assert_true(world->nodes[i].certified_ends & 1u << 3); /* and each F was one */
        assert_true(world->nodes[i].handover_sizes[3] > 0);
        assert_int_equal(world->nodes[i].bans_count, 0);
    }
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_seals_an_epoch_whose_last_block_is_not_final(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 20;
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 12));
    world->loss = lose_finalizes;
    case_run_us(world, 100000);
    assert_int_equal(case_status(&world->nodes[0]).epoch, 1);
    assert_true(case_status(&world->nodes[0]).view > 40); /* SEALs, at height 20 */
    world->loss = NULL;
    assert_true(case_run_to(world, 30));
    assert_int_equal(case_status(&world->nodes[0]).epoch, 2);
    assert_true(case_agrees(world));
    /* Many headers, one FINALIZATION. */
    const size_t sealed = world->nodes[0].handover_sizes[1];
    assert_true(sealed > 4 + 10 * TN_BLOCK_HEADER_BYTES);
    case_end(world);
}

/* The second half of the nodes takes over from the first, one more each epoch. */
static struct tn_validators moving_set(struct case_world *world, uint64_t epoch)
{
    const uint32_t first = epoch > 4 ? 3 : (uint32_t)epoch - 1;
    return case_set(world, first, 4, epoch);
}

static void test_sequencer_hands_over_to_other_validators(void **state)
{
    (void)state;
    struct case_world *world = case_begin(7);
    world->epoch_blocks = 30;
    world->set_of = moving_set;
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 130));
    assert_true(case_agrees(world));
    assert_int_equal(case_status(&world->nodes[0]).voice, TN_VOICE_OBSERVER);
    assert_int_equal(case_status(&world->nodes[0]).epoch, 5);
    for (uint32_t i = 3; i < 7; i++) {
        assert_int_equal(case_status(&world->nodes[i]).voice, TN_VOICE_SPEAKS);
        assert_int_equal(case_status(&world->nodes[i]).index, i - 3);
        assert_int_equal(world->nodes[i].certified, 128);
    }
    case_end(world);
}

static void test_sequencer_catches_up_through_epochs_by_handovers(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 50;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 170));
    case_start(&world->nodes[3], 0);
    case_run_us(world, 600000);
    assert_true(world->nodes[3].height + 5 >= world->nodes[0].height);
    assert_int_equal(case_status(&world->nodes[3]).voice, TN_VOICE_SPEAKS);
    assert_true(case_agrees(world));
    case_crash(&world->nodes[3]); /* and its log alone brings it back */
    const uint64_t height = world->nodes[3].height;
    case_start(&world->nodes[3], 0);
    assert_int_equal(world->nodes[3].height, height);
    case_end(world);
}

static bool lose_headers_to_3(struct case_world *world, uint16_t from, uint16_t to,
                              const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)size;
    return to == 3 && bytes[0] == TN_PEER_DATA && bytes[1] == 2;
}

/* Each peer that hears of it sends it; headers are asked for at their own pace all the same. */
static void test_sequencer_learns_nothing_of_a_handover_that_comes_again(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 600;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    while (world->nodes[0].height < 610)
        case_run_us(world, 100000);
    struct case_node *node = &world->nodes[3];
    world->loss = lose_headers_to_3;
    case_start(node, 0);
    case_run_us(world, 300000);
    const struct tn_sequencer_counters *counters = tn_sequencer_counters(node->engine);
    const uint64_t asked = counters->fetches_sent, verified = counters->signatures_verified;
    assert_true(asked > 0);
    for (uint32_t i = 0; i < 50; i++) {
        tn_sequencer_message(node->engine, 0, world->nodes[0].handovers[1],
                             world->nodes[0].handover_sizes[1], world->now_us);
        case_end_turn(node);
    }
    assert_in_range(counters->fetches_sent, asked, asked + 1);
    assert_int_equal(counters->signatures_verified, verified);
    assert_int_equal(node->bans_count, 0);
    world->loss = NULL; /* and it is not needed again */
    assert_true(case_run_to(world, 610));
    assert_int_equal(case_status(node).epoch, 2);
    assert_true(node->handover_sizes[1] > 0);
    assert_true(case_agrees(world));
    case_end(world);
}

/* Node 3 asks node 0 which votes it holds, and then for headers: are they given? */
static bool serves_after_questions(struct case_world *world, uint64_t epoch)
{
    struct case_node *node = &world->nodes[0];
    const uint64_t served = tn_sequencer_counters(node->engine)->fetches_served;
    uint8_t ask[9] = {TN_PEER_VOTES_ASK}, fetch[54] = {TN_PEER_FETCH, 3};
    tn_put_be(ask + 1, epoch, 8);
    for (uint32_t i = 0; i < 30; i++)
        tn_sequencer_message(node->engine, 3, ask, sizeof(ask), world->now_us);
    tn_put_be(fetch + 2, epoch, 8);
    tn_put_be(fetch + 10, 1, 8);
    tn_put_be(fetch + 18, 10, 4);
    tn_sequencer_message(node->engine, 3, fetch, sizeof(fetch), world->now_us);
    case_end_turn(node);
    return tn_sequencer_counters(node->engine)->fetches_served > served;
}

/* Who comes through many epochs asks in each of them; that must not use up what brings him on. */
static void test_sequencer_serves_who_asks_about_votes_of_an_ended_epoch(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->epoch_blocks = 50;
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 60));
    const uint64_t epoch = case_status(&world->nodes[0]).epoch;
    assert_true(serves_after_questions(world, epoch - 1));
    assert_false(serves_after_questions(world, epoch));
    case_end(world);
}

static void test_sequencer_certifies_checkpoints(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 140));
    case_run_us(world, 10000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(world->nodes[i].certified, 128);
        assert_int_equal(case_status(&world->nodes[i]).checkpoint_height, 128);
    }
    case_end(world);
}

/* Node 0 gets node 3's signed word on a checkpoint; what it says of it differs by salt. */
static void say_checkpoint(struct case_world *world, uint64_t height, uint8_t salt)
{
    const struct tn_checkpoint checkpoint = {
        .epoch = 1, .height = height, .state_root.bytes = {salt}};
    uint8_t bytes[211] = {TN_PEER_CKPT_VOTE};
    struct tn_hash digest;
    struct tn_signature signature;
    tn_checkpoint_digest(&digest, &world->limits.checkpoint_domain, &checkpoint);
    fast_sign(NULL, &signature, &digest, &world->nodes[3].key);
    tn_checkpoint_write(bytes + 1, &checkpoint);
    tn_put_be(bytes + 145, 3, 2);
    memcpy(bytes + 147, signature.bytes, 64);
    tn_sequencer_message(world->nodes[0].engine, 3, bytes, sizeof(bytes), world->now_us);
}

/* One that signs ever more of them costs its peers two signatures and no more. */
static void test_sequencer_looks_at_two_votes_of_a_voter_for_a_checkpoint(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 10));
    const struct tn_sequencer_counters *counters = tn_sequencer_counters(world->nodes[0].engine);
    const uint64_t verified = counters->signatures_verified, evidence = counters->evidence;
    for (uint8_t salt = 1; salt <= 20; salt++)
        say_checkpoint(world, 64, salt);
    assert_int_equal(counters->evidence, evidence + 1);
    assert_int_equal(counters->signatures_verified, verified + 2);
    case_end_turn(&world->nodes[0]);
    assert_true(case_run_to(world, 70)); /* three others certify it */
    case_run_us(world, 60000);
    assert_int_equal(world->nodes[0].certified, 64);
    case_end(world);
}

/* Votes for heights that are no checkpoints push nothing out. */
static void test_sequencer_certifies_checkpoints_in_spite_of_strange_votes(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 60));
    for (uint32_t i = 0; i < 3; i++) {
        for (uint64_t height = 65; height < 80; height++) {
            const struct tn_checkpoint checkpoint = {.epoch = 1, .height = height};
            uint8_t bytes[211] = {TN_PEER_CKPT_VOTE};
            struct tn_hash digest;
            struct tn_signature signature;
            tn_checkpoint_digest(&digest, &world->limits.checkpoint_domain, &checkpoint);
            fast_sign(NULL, &signature, &digest, &world->nodes[3].key);
            tn_checkpoint_write(bytes + 1, &checkpoint);
            tn_put_be(bytes + 145, 3, 2);
            memcpy(bytes + 147, signature.bytes, 64);
            tn_sequencer_message(world->nodes[i].engine, 3, bytes, sizeof(bytes), world->now_us);
        }
        assert_int_equal(tn_sequencer_counters(world->nodes[i].engine)->out_of_window, 15);
        case_end_turn(&world->nodes[i]);
    }
    case_crash(&world->nodes[3]);
    assert_true(case_run_to(world, 70));
    case_run_us(world, 60000);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(world->nodes[i].certified >= 64);
    case_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequencer_catches_up_two_hundred_blocks),
        cmocka_unit_test(test_sequencer_catches_up_nine_hundred_blocks),
        cmocka_unit_test(test_sequencer_fetches_ranges_ahead_and_tells_what_is_coming),
        cmocka_unit_test(test_sequencer_catches_up_after_new_blocks_filled_its_memory),
        cmocka_unit_test(test_sequencer_says_when_it_is_too_far_behind),
        cmocka_unit_test(test_sequencer_waits_for_batches_of_final_blocks),
        cmocka_unit_test(test_sequencer_leaves_no_views_while_half_of_them_wait_for_execution),
        cmocka_unit_test(test_sequencer_keeps_the_end_of_an_epoch_until_it_is_executed),
        cmocka_unit_test(test_sequencer_begins_the_next_epoch_at_view_one),
        cmocka_unit_test(test_sequencer_seals_an_epoch_whose_last_block_is_not_final),
        cmocka_unit_test(test_sequencer_hands_over_to_other_validators),
        cmocka_unit_test(test_sequencer_catches_up_through_epochs_by_handovers),
        cmocka_unit_test(test_sequencer_learns_nothing_of_a_handover_that_comes_again),
        cmocka_unit_test(test_sequencer_serves_who_asks_about_votes_of_an_ended_epoch),
        cmocka_unit_test(test_sequencer_certifies_checkpoints),
        cmocka_unit_test(test_sequencer_looks_at_two_votes_of_a_voter_for_a_checkpoint),
        cmocka_unit_test(test_sequencer_certifies_checkpoints_in_spite_of_strange_votes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
