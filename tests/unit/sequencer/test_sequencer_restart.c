/* Power cuts: after each one a node has the records that were synced and nothing else. */
#include "seed.h"
#include "sequencer_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What a node ever signed, over all its lives: nothing may contradict. Reads its log. */
static bool signed_one_thing_each(const struct case_node *node)
{
    for (uint32_t i = 0; i < node->records_count; i++) {
        const struct case_record *a = &node->records[i];
        if (a->type != TN_SEQUENCER_VOTE) continue;
        for (uint32_t j = 0; j < i; j++) {
            const struct case_record *b = &node->records[j];
            if (b->type != TN_SEQUENCER_VOTE || memcmp(a->bytes + 1, b->bytes + 1, 8) != 0 ||
                memcmp(a->bytes + 10, b->bytes + 10, 8) != 0) {
                continue;
            }
            const uint8_t types[2] = {a->bytes[9], b->bytes[9]};
            if (types[0] == types[1] && memcmp(a->bytes + 18, b->bytes + 18, 32) != 0) return false;
            if (types[0] + types[1] == TN_VOTE_NULLIFY + TN_VOTE_FINALIZE) return false;
        }
    }
    return true;
}

/* Cuts one node's power after its k-th step for each k, so in each place of a view. */
static void test_sequencer_survives_a_power_cut_at_every_step(void **state)
{
    (void)state;
    for (uint32_t cut = 0; cut < 60; cut++) {
        struct case_world *world = case_begin(4);
        struct case_node *node = &world->nodes[cut % 4];
        case_start_all(world);
        case_work(world, 1000);
        for (uint32_t i = 0; i < 20 + cut; i++)
            case_step(world, INT64_MAX);
        case_crash(node);
        case_run_us(world, cut % 3 == 0 ? 0 : 40000);
        case_start(node, cut % 2 == 0 ? node->height : 0);
        assert_true(case_run_to(world, 60));
        assert_true(case_agrees(world));
        assert_true(signed_one_thing_each(node));
        assert_int_equal(case_status(node).voice, TN_VOICE_SPEAKS);
        case_end(world);
    }
}

/* All at once, at every step: certificates and bodies must be in the logs. */
static void test_sequencer_survives_a_power_cut_of_all_nodes(void **state)
{
    (void)state;
    for (uint32_t cut = 0; cut < 60; cut++) {
        struct case_world *world = case_begin(4);
        case_start_all(world);
        case_work(world, 1000);
        for (uint32_t i = 0; i < 20 + cut; i++)
            case_step(world, INT64_MAX);
        for (uint32_t i = 0; i < 4; i++)
            case_crash(&world->nodes[i]);
        while (world->flying != NULL) {
            struct case_packet *packet = world->flying;
            world->flying = packet->next;
            free(packet);
        }
        for (uint32_t i = 0; i < 4; i++)
            case_start(&world->nodes[i], 0);
        assert_true(case_run_to(world, 40));
        assert_true(case_agrees(world));
        for (uint32_t i = 0; i < 4; i++)
            assert_true(signed_one_thing_each(&world->nodes[i]));
        case_end(world);
    }
}

/* The power of all is gone, in any step, and they come up one after another, each asking all which
 * votes they hold. From the last one that a quorum needs it is an answer and a view: a question is
 * repeated each t_r, and nobody who asks keeps back what he holds. */
static void test_sequencer_moves_soon_after_a_power_cut_of_all(void **state)
{
    (void)state;
    int64_t longest_us = 0;
    for (uint32_t cut = 0; cut < 60; cut++) {
        struct case_world *world = case_begin(4);
        case_start_all(world);
        case_work(world, 1000);
        for (uint32_t i = 0; i < 40 + 3 * cut; i++)
            case_step(world, INT64_MAX);
        uint64_t height = 0;
        for (uint32_t i = 0; i < 4; i++) {
            if (world->nodes[i].height > height) height = world->nodes[i].height;
            case_crash(&world->nodes[i]);
        }
        while (world->flying != NULL) {
            struct case_packet *packet = world->flying;
            world->flying = packet->next;
            free(packet);
        }
        for (uint32_t i = 0; i < 3; i++) {
            struct case_node *node = &world->nodes[(i + cut) % 4];
            case_start(node, 0);
            if (i == 2) break;
            case_run_us(world, 3000000);
            assert_int_equal(case_status(node).voice, TN_VOICE_ASKING);
        }
        const int64_t since_us = world->now_us;
        while (world->nodes[cut % 4].height <= height)
            case_step(world, INT64_MAX);
        if (world->now_us - since_us > longest_us) longest_us = world->now_us - since_us;
        case_end(world);
    }
    assert_true(longest_us < 300000); /* of the world's clock, with a Δ of 25 ms */
}

static void test_sequencer_delivers_again_what_its_app_had_not_kept(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[2];
    case_start_all(world);
    case_work(world, 1000);
    assert_true(case_run_to(world, 90));
    const uint64_t height = node->height;
    case_crash(node);
    world->loss = NULL;
    case_start(node, 64); /* the store was written at the last checkpoint */
    assert_int_equal(node->height, height);
    assert_true(case_agrees(world));
    assert_true(case_run_to(world, height + 10));
    case_end(world);
}

static void test_sequencer_with_a_lost_log_is_silent_until_the_next_epoch(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[3];
    world->epoch_blocks = 50;
    case_start_all(world);
    case_work(world, 1000);
    assert_true(case_run_to(world, 20));
    case_crash(node);
    case_forget(node, 0);
    case_start(node, 0);
    case_run_us(world, 20000);
    assert_int_equal(case_status(node).epoch, 1);
    assert_int_equal(case_status(node).voice, TN_VOICE_SILENT);
    assert_int_equal(tn_sequencer_counters(node->engine)->signatures_made, 0);
    assert_true(node->height >= 20); /* it follows all the same */
    assert_true(case_run_to(world, 70));
    case_run_us(world, 20000);
    assert_int_equal(case_status(node).epoch, 2);
    assert_int_equal(case_status(node).voice, TN_VOICE_SPEAKS);
    assert_true(tn_sequencer_counters(node->engine)->finalizes > 0);
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_with_a_log_from_a_backup_is_silent(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[1];
    case_start_all(world);
    case_work(world, 1000);
    assert_true(case_run_to(world, 10));
    const uint32_t backup = node->records_count;
    assert_true(case_run_to(world, 30));
    case_crash(node);
    case_forget(node, backup);
    case_start(node, 10);
    case_run_us(world, 50000);
    assert_int_equal(case_status(node).voice, TN_VOICE_SILENT);
    assert_int_equal(tn_sequencer_counters(node->engine)->signatures_made, 0);
    case_end(world);
}

static uint32_t links_answered; /* bits: this link has given its answer, and nothing behind it */

static bool lose_all_behind_the_answer(struct case_world *world, uint16_t from, uint16_t to,
                                       const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)size;
    if (to != 1) return false;
    if ((links_answered >> from & 1) != 0) return true;
    links_answered |= bytes[0] == TN_PEER_VOTES_HELD ? 1u << from : 0;
    return false;
}

/* Of what it signed since that record. */
static uint64_t lowest_view_signed(const struct case_node *node, uint32_t from)
{
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = from; i < node->records_count; i++) {
        const struct case_record *record = &node->records[i];
        if (record->type != TN_SEQUENCER_VOTE) continue;
        const uint64_t view = tn_get_be(record->bytes + 10, 8);
        if (view < lowest) lowest = view;
    }
    return lowest;
}

/* Nobody holds what was signed in views that are long final, so nobody tells; it is not signed
 * again all the same, whatever becomes of the links. */
static void test_sequencer_with_a_very_old_log_signs_nothing_where_it_stood(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[1];
    case_start_all(world);
    case_work(world, 100000);
    assert_true(case_run_to(world, 10));
    const uint32_t backup = node->records_count;
    assert_true(case_run_to(world, 30));
    case_crash(node);
    case_forget(node, backup);
    assert_true(case_run_to(world, 30 + 2 * 256)); /* more views than are kept */
    case_crash(&world->nodes[2]);
    case_run_us(world, 20000000); /* the others wait for it, and seldom say anything */
    links_answered = 0;
    world->loss = lose_all_behind_the_answer;
    case_start(node, 10);
    case_run_us(world, 3000000);
    assert_int_equal(links_answered, 9);
    assert_int_equal(case_status(node).voice, TN_VOICE_SPEAKS);
    assert_true(case_status(node).view > 500);
    world->loss = NULL;
    assert_true(case_run_to(world, world->nodes[0].height + 20));
    assert_in_range(lowest_view_signed(node, backup), 500, 1000);
    assert_true(case_agrees(world));
    case_end(world);
}

static void test_sequencer_with_a_new_log_starts_where_nobody_holds_its_votes(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    for (uint32_t i = 0; i < 3; i++)
        case_start(&world->nodes[i], 0);
    case_work(world, 1000);
    case_run_us(world, 300000);
    assert_true(world->nodes[0].height >= 10);
    case_start(&world->nodes[3], 0);
    case_run_us(world, 100000);
    assert_int_equal(case_status(&world->nodes[3]).voice, TN_VOICE_SPEAKS);
    assert_true(case_run_to(world, world->nodes[0].height));
    case_end(world);
}

static void forget_records(struct case_node *node, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(node->records[i].bytes);
    node->records_count -= count;
    node->records_durable = node->records_count;
    memmove(node->records, node->records + count, node->records_count * sizeof *node->records);
}

/* Who is behind needs the FINALIZATION of what the others have executed, also when they restarted
 * from a log that begins there, and cannot go on without him. */
static void test_sequencer_brings_a_peer_on_after_its_log_was_written_anew(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 100000);
    assert_true(case_run_to(world, 20));
    case_crash(&world->nodes[3]);
    assert_true(case_run_to(world, 40));
    for (uint32_t i = 0; i < 3; i++) {
        struct case_node *node = &world->nodes[i];
        const uint32_t before = node->records_count;
        tn_sequencer_record_all(node->engine);
        case_end_turn(node);
        forget_records(node, before);
        case_crash(node);
    }
    while (world->flying != NULL) {
        struct case_packet *packet = world->flying;
        world->flying = packet->next;
        free(packet);
    }
    for (uint32_t i = 1; i < 4; i++) /* three of four: all are needed */
        case_start(&world->nodes[i], world->nodes[i].height);
    assert_true(case_run_to(world, 60));
    assert_true(case_agrees(world));
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(case_status(&world->nodes[i]).voice, TN_VOICE_SPEAKS);
    case_end(world);
}

/* Whatever was signed at and below the last delivered block is never asked for again. */
static void test_sequencer_speaks_again_from_a_log_without_votes_of_final_views(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    struct case_node *node = &world->nodes[3];
    case_start_all(world);
    case_work(world, 100000);
    assert_true(case_run_to(world, 40));
    const uint64_t kept = node->height;
    const uint32_t before = node->records_count;
    tn_sequencer_record_all(node->engine);
    assert_true(node->records_count - before < 20); /* of some 100 votes */
    case_end_turn(node);
    assert_true(case_run_to(world, 50));
    case_crash(node);
    forget_records(node, before);
    case_start(node, kept);
    assert_true(case_run_to(world, 100));
    assert_int_equal(case_status(node).voice, TN_VOICE_SPEAKS);
    assert_true(tn_sequencer_counters(node->engine)->finalizes > 0);
    assert_true(case_agrees(world));
    assert_true(signed_one_thing_each(node));
    case_end(world);
}

static bool lose_questions(struct case_world *world, uint16_t from, uint16_t to,
                           const uint8_t *bytes, size_t size)
{
    (void)world;
    (void)to;
    (void)size;
    return from == 3 && bytes[0] == TN_PEER_VOTES_ASK;
}

static void test_sequencer_signs_nothing_before_a_quorum_has_answered(void **state)
{
    (void)state;
    struct case_world *world = case_begin(4);
    world->loss = lose_questions;
    case_start_all(world);
    case_work(world, 1000);
    case_run_us(world, 1000000);
    assert_int_equal(case_status(&world->nodes[3]).voice, TN_VOICE_ASKING);
    assert_int_equal(tn_sequencer_counters(world->nodes[3].engine)->signatures_made, 0);
    assert_true(world->nodes[3].height > 20);
    world->loss = NULL;
    case_run_us(world, 200000);
    assert_int_equal(case_status(&world->nodes[3]).voice, TN_VOICE_SPEAKS);
    assert_true(tn_sequencer_counters(world->nodes[3].engine)->signatures_made > 0);
    case_end(world);
}

static struct {
    uint64_t random;
    uint32_t permille;
} noise;

static bool lose_some(struct case_world *world, uint16_t from, uint16_t to, const uint8_t *bytes,
                      size_t size)
{
    (void)world;
    (void)from;
    (void)to;
    (void)bytes;
    (void)size;
    return tn_random_below(&noise.random, 1000) < noise.permille;
}

/* Loss and power cuts at random; then quiet, in which ten blocks must follow. */
static void test_sequencer_agrees_through_loss_and_power_cuts(void **state)
{
    (void)state;
    const uint64_t seed = test_seed("test_sequencer_restart");
    for (uint32_t run = 0; run < 12; run++) {
        struct case_world *world = case_begin(4 + run % 4);
        noise.random = seed + run;
        noise.permille = 50 * (run % 7);
        world->loss = lose_some;
        world->epoch_blocks = run % 3 == 0 ? 40 : 0;
        case_start_all(world);
        case_work(world, 100000);
        for (uint32_t turn = 0; turn < 30; turn++) {
            struct case_node *node = &world->nodes[tn_random_below(&noise.random, world->count)];
            case_run_us(world, (int64_t)tn_random_below(&noise.random, 80000));
            if (node->engine != NULL) {
                case_crash(node);
            } else {
                uint64_t kept = node->height;
                uint64_t lost = tn_random_below(&noise.random, 70);
                while (world->epoch_blocks > 0 && kept % 40 > 0 && lost > 0)
                    kept--, lost--;
                case_start(node, world->epoch_blocks > 0 || kept < lost ? kept : kept - lost);
            }
        }
        for (uint32_t i = 0; i < world->count; i++)
            if (world->nodes[i].engine == NULL) {
                case_start(&world->nodes[i], world->nodes[i].height);
            }
        world->loss = NULL;
        uint64_t highest = 0;
        for (uint32_t i = 0; i < world->count; i++)
            if (world->nodes[i].height > highest) highest = world->nodes[i].height;
        assert_true(case_run_to(world, highest + 10));
        assert_true(case_agrees(world));
        for (uint32_t i = 0; i < world->count; i++) {
            assert_true(signed_one_thing_each(&world->nodes[i]));
            assert_int_equal(world->nodes[i].bans_count, 0);
            assert_int_equal(case_status(&world->nodes[i]).voice, TN_VOICE_SPEAKS);
        }
        case_end(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequencer_survives_a_power_cut_at_every_step),
        cmocka_unit_test(test_sequencer_survives_a_power_cut_of_all_nodes),
        cmocka_unit_test(test_sequencer_moves_soon_after_a_power_cut_of_all),
        cmocka_unit_test(test_sequencer_delivers_again_what_its_app_had_not_kept),
        cmocka_unit_test(test_sequencer_with_a_lost_log_is_silent_until_the_next_epoch),
        cmocka_unit_test(test_sequencer_with_a_log_from_a_backup_is_silent),
        cmocka_unit_test(test_sequencer_with_a_very_old_log_signs_nothing_where_it_stood),
        cmocka_unit_test(test_sequencer_with_a_new_log_starts_where_nobody_holds_its_votes),
        cmocka_unit_test(test_sequencer_brings_a_peer_on_after_its_log_was_written_anew),
        cmocka_unit_test(test_sequencer_speaks_again_from_a_log_without_votes_of_final_views),
        cmocka_unit_test(test_sequencer_signs_nothing_before_a_quorum_has_answered),
        cmocka_unit_test(test_sequencer_agrees_through_loss_and_power_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
