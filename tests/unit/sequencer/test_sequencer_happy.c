/* Nodes that work, on a network that works: what is sent, when, and how often. */
#include "sequencer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LATE_BLOCKS = 4 };

static void test_sequencer_finalizes_a_block_in_three_hops(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_run_us(world, 3000); /* all have been told that they hold no forgotten vote */
    world->is_traced = true;
    world->nodes[0].work = 1;
    tn_sequencer_wake(world->nodes[0].engine, world->now_us);
    case_end_turn(&world->nodes[0]);
    case_run_us(world, 3999);
    assert_string_equal(world->trace, "[  3] 0 NOTARIZE 1\n"
                                      "[  4] 1 NOTARIZE 1\n"
                                      "[  4] 2 NOTARIZE 1\n"
                                      "[  4] 3 NOTARIZE 1\n"
                                      "[  5] 2 FINALIZE 1\n"
                                      "[  5] 3 FINALIZE 1\n"
                                      "[  5] 0 FINALIZE 1\n"
                                      "[  5] 1 FINALIZE 1\n"
                                      "[  6] 0 delivers 1\n"
                                      "[  6] 1 delivers 1\n"
                                      "[  6] 2 delivers 1\n"
                                      "[  6] 3 delivers 1\n");
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_makes_a_block_each_two_hops_under_load(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_run_us(world, 3000);
    case_work(world, 1000000);
    case_run_us(world, 1000000);
    /* A view takes a PROPOSAL and a NOTARIZE: the next proposer is one hop from both. */
    for (uint32_t i = 0; i < 4; i++) {
        const struct tn_sequencer_counters *counters =
            tn_sequencer_counters(world->nodes[i].engine);
        assert_in_range(world->nodes[i].height, 490, 505);
        assert_int_equal(counters->timeouts + counters->nullifies + counters->bad_signatures, 0);
        assert_int_equal(world->nodes[i].bans_count, 0);
        assert_in_range(world->nodes[i].certified, 448, 512);
        /* A quorum is three votes, one of them its own: four more of the others for each block. */
        assert_in_range(counters->signatures_verified, 4 * 490, 4 * 505 + 64);
        assert_in_range(counters->bodies_refused, 0, 0);
    }
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_keeps_a_beat_of_empty_blocks_when_idle(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_run_us(world, 2000000);
    /* mark_ms of 100 and three hops: 19 in two seconds, none of them by a timeout. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_in_range(world->nodes[i].height, 18, 20);
        assert_int_equal(tn_sequencer_counters(world->nodes[i].engine)->timeouts, 0);
        assert_true((world->nodes[i].chain[5].header.flags & TN_BLOCK_EMPTY) != 0);
    }
    case_end(world);
}

static void test_sequencer_does_not_wait_for_the_beat_when_work_comes(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_run_us(world, 1130000); /* in the middle of an idle view */
    const uint64_t before = world->nodes[0].height;
    case_work(world, 1);
    case_run_us(world, 3100);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(world->nodes[i].height, before + 1);
        assert_int_equal(world->nodes[i].chain[before + 1].header.batches_count, 1);
    }
    case_end(world);
}

static void test_sequencer_puts_no_empty_block_behind_work(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_run_us(world, 1130000);
    const uint64_t before = world->nodes[0].height;
    for (uint64_t i = 1; i <= 5; i++) { /* each comes 10 ms after the last, and is final in three */
        struct tn_sequencer_status status;
        tn_sequencer_status(world->nodes[0].engine, &status);
        struct case_node *proposer = &world->nodes[status.proposer];
        proposer->work = 1;
        tn_sequencer_wake(proposer->engine, world->now_us);
        case_end_turn(proposer);
        case_run_us(world, 3100);
        assert_int_equal(world->nodes[0].height, before + i);
        case_run_us(world, 6900);
        assert_int_equal(world->nodes[0].height, before + i);
        assert_int_equal(world->nodes[0].chain[before + i].header.batches_count, 1);
    }
    case_run_us(world, 110000); /* and then the beat again */
    assert_int_equal(world->nodes[0].height, before + 6);
    assert_true((world->nodes[0].chain[before + 6].header.flags & TN_BLOCK_EMPTY) != 0);
    assert_int_equal(tn_sequencer_counters(world->nodes[0].engine)->timeouts, 0);
    case_end(world);
}

static void test_sequencer_executes_at_most_k_blocks_behind(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 1000000);
    assert_true(case_run_to(world, 100));
    for (uint64_t h = 1; h <= 100; h++) {
        const struct tn_block_header *header = &world->nodes[2].chain[h].header;
        assert_int_equal(header->exec_height, h > 8 ? h - 8 : 0);
    }
    case_end(world);
}

static void test_sequencer_counts_weights_not_heads(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    const uint64_t weights[4] = {1, 1, 1, 7};
    memcpy(world->weights, weights, sizeof(weights));
    case_start_all(world);
    case_work(world, 1000);
    case_run_us(world, 10000);
    case_crash(&world->nodes[0]); /* 8 of 10 go on without them */
    case_crash(&world->nodes[1]);
    const uint64_t height = world->nodes[3].height;
    assert_true(case_run_to(world, height + 20));
    case_crash(&world->nodes[2]); /* 7 of 10 are a quorum alone: 21 > 20 */
    assert_true(case_run_to(world, height + 40));
    case_start(&world->nodes[0], world->nodes[0].height);
    case_start(&world->nodes[1], world->nodes[1].height);
    case_start(&world->nodes[2], world->nodes[2].height);
    case_run_us(world, 500000);
    case_crash(&world->nodes[3]); /* three heads of 3 weights are none */
    case_run_us(world, 100000);
    const uint64_t stopped = world->nodes[0].height;
    case_run_us(world, 2000000);
    assert_int_equal(world->nodes[0].height, stopped);
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_works_with_real_signatures(void **state)
{
    (void)state;
    struct tn_signatures real;
    void *memory = aligned_alloc(64, tn_align(tn_signatures_size()));
    tn_signatures_real(&real, memory);
    struct case_world *world = case_begin(4);
    world->signatures = &real;
    case_start_all(world);
    case_work(world, 8);
    assert_true(case_run_to(world, 12));
    assert_true(case_agrees(world));
    assert_int_equal(world->nodes[1].bans_count, 0);
    case_end(world);
    free(memory);
}

static void test_sequencer_pushes_certificates_late_in_a_large_set(void **state)
{
    (void)state;
    struct case_world *world = case_begin(10);
    case_start_all(world);
    case_work(world, 1000);
    assert_true(case_run_to(world, 50));
    assert_true(case_agrees(world));
    assert_int_equal(tn_sequencer_counters(world->nodes[9].engine)->nullifies, 0);
    case_end(world);
}

static void test_sequencer_that_delivers_late_executes_in_ticks_alone(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->delivers_late = true;
    case_start_all(world);
    case_run_us(world, 3000);
    case_work(world, 1000000);
    case_run_us(world, 1000000);
    for (uint32_t i = 0; i < 4; i++) {
        const struct tn_sequencer_counters *counters =
            tn_sequencer_counters(world->nodes[i].engine);
        assert_in_range(world->nodes[i].height, 490, 505);
        assert_int_equal(world->nodes[i].executed_in_messages, 0);
        assert_int_equal(counters->timeouts + counters->nullifies + counters->guard_refusals, 0);
    }
    assert_true(case_agrees(world));
    case_end(world);
}

static bool lose_all_to_the_last(struct case_world *world, uint16_t from, uint16_t to,
                                 const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)from;
    (void)bytes;
    (void)size;
    return to == 3;
}

/* It comes back some hundred blocks behind: none of them waits for a tick but the last few. */
static void test_sequencer_that_delivers_late_catches_up_at_once(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->delivers_late = true;
    case_start_all(world);
    case_run_us(world, 3000);
    case_work(world, 1000000);
    world->loss = lose_all_to_the_last;
    case_run_us(world, 400000);
    world->loss = NULL;
    const uint64_t height = world->nodes[0].height;
    assert_true(height > 10 && world->nodes[3].height < 3);
    assert_true(case_run_to(world, height + 20));
    assert_true(world->nodes[3].executed_in_messages + 2 * LATE_BLOCKS >= height);
    assert_true(case_agrees(world));
    case_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequencer_finalizes_a_block_in_three_hops),
        cmocka_unit_test(test_sequencer_makes_a_block_each_two_hops_under_load),
        cmocka_unit_test(test_sequencer_keeps_a_beat_of_empty_blocks_when_idle),
        cmocka_unit_test(test_sequencer_does_not_wait_for_the_beat_when_work_comes),
        cmocka_unit_test(test_sequencer_puts_no_empty_block_behind_work),
        cmocka_unit_test(test_sequencer_executes_at_most_k_blocks_behind),
        cmocka_unit_test(test_sequencer_counts_weights_not_heads),
        cmocka_unit_test(test_sequencer_works_with_real_signatures),
        cmocka_unit_test(test_sequencer_pushes_certificates_late_in_a_large_set),
        cmocka_unit_test(test_sequencer_that_delivers_late_executes_in_ticks_alone),
        cmocka_unit_test(test_sequencer_that_delivers_late_catches_up_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
