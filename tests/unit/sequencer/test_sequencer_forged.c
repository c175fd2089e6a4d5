/* A peer that says what nobody signed: nothing of it may become final. */
#include "sequencer_case.h"

#include "tenor/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { VICTIM = 3, LIAR = 1 };

/* The victim knows of final blocks that it cannot execute yet. */
static struct case_world *waiting_world(void)
{
    struct case_world *world = case_begin(4);
    case_start_all(world);
    case_work(world, 100);
    assert_true(case_run_to(world, 4));
    world->nodes[VICTIM].withholds_body = true;
    case_run_us(world, 100000);
    const struct tn_sequencer_status status = case_status(&world->nodes[VICTIM]);
    assert_true(status.known_final_view > status.final_view);
    return world;
}

/* A handover of one header that ends the epoch right above the victim's last block, and a
 * FINALIZATION of it for this view, with a quorum's bits and no signature. */
static size_t forge_handover(struct case_world *world, uint8_t *out, uint64_t view)
{
    const struct case_node *victim = &world->nodes[VICTIM];
    const struct tn_block_header *parent = &victim->chain[victim->height].header;
    struct tn_block_header header = *parent;
    struct tn_hash hash;
    header.flags = TN_BLOCK_EMPTY | TN_BLOCK_EPOCH_FINAL;
    header.view = view;
    header.height = parent->height + 1;
    header.parent_view = parent->view;
    header.parent_hash = victim->chain[victim->height].hash;
    header.batches_count = header.body_size = 0;
    tn_stream_block_body_root(&header.body_root, NULL, 0);
    tn_stream_block_hash(&hash, world->limits.chain_id, &header);
    uint8_t *at = out;
    *at++ = TN_PEER_DATA;
    *at++ = 3; /* a handover */
    tn_put_be(at, 1, 2);
    at += 2;
    tn_stream_write_block_header(at, &header);
    at += TN_BLOCK_HEADER_BYTES;
    *at++ = TN_PEER_CERT;
    tn_put_be(at, header.epoch, 8);
    at[8] = TN_VOTE_FINALIZE;
    tn_put_be(at + 9, view, 8);
    memcpy(at + 17, hash.bytes, TN_HASH_SIZE);
    at += 17 + TN_HASH_SIZE;
    *at++ = 7; /* three of four */
    memset(at, 0x11, 3 * TN_SIGNATURE_SIZE);
    return (size_t)(at - out) + 3 * TN_SIGNATURE_SIZE;
}

static void hand_over(struct case_world *world, uint64_t view)
{
    uint8_t bytes[1024];
    struct case_node *victim = &world->nodes[VICTIM];
    const size_t size = forge_handover(world, bytes, view);
    tn_sequencer_message(victim->engine, LIAR, bytes, size, world->now_us);
    case_end_turn(victim);
}

static void test_handover_without_signatures_for_a_held_view_ends_no_epoch(void **state)
{
    struct case_world *world = waiting_world();
    struct case_node *victim = &world->nodes[VICTIM];
    const uint64_t epoch = case_status(victim).epoch;
    (void)state;
    hand_over(world, case_status(victim).known_final_view);
    victim->withholds_body = false;
    tn_sequencer_wake(victim->engine, world->now_us);
    case_end_turn(victim);
    assert_int_equal(case_status(victim).epoch, epoch);
    assert_true(case_run_to(world, world->nodes[0].height + 2));
    assert_true(case_agrees(world));
    assert_true(victim->bans_count > 0);
    case_end(world);
}

static void test_handover_for_an_old_view_does_not_take_the_goal_back(void **state)
{
    struct case_world *world = case_begin(4);
    struct case_node *victim = &world->nodes[VICTIM];
    (void)state;
    case_start_all(world);
    case_work(world, 1000);
    assert_true(case_run_to(world, 80));
    const uint64_t known = case_status(victim).known_final_view;
    assert_true(case_status(victim).final_view > 64);
    hand_over(world, 1 + case_status(victim).final_view - 66);
    assert_true(case_status(victim).known_final_view >= known);
    assert_true(victim->bans_count > 0);
    assert_true(case_agrees(world));
    case_end(world);
}

/* Its log's certificates of this vote, one changed byte at a time; how many are good. */
static uint32_t check_certs(const struct case_node *node, const struct tn_validators *set,
                            enum tn_vote_type type, bool is_changed)
{
    const uint8_t *chain_id = node->world->limits.chain_id;
    struct tn_hash hash;
    uint64_t view;
    uint32_t good = 0;
    for (uint32_t i = 0; i < node->records_durable; i++) {
        const struct case_record *record = &node->records[i];
        if (record->type != TN_SEQUENCER_CERT || record->bytes[9] != type) continue;
        for (size_t at = 0; at < (is_changed ? record->size : 1); at++) {
            if (is_changed) record->bytes[at] ^= 1;
            bool is_good = tn_sequencer_check_final(&hash, &view, &case_fast, chain_id, set,
                                                    record->bytes, record->size);
            if (is_changed) record->bytes[at] ^= 1;
            if (!is_good) continue;
            good++;
            assert_int_equal(view, tn_get_be(record->bytes + 10, 8));
            assert_memory_equal(hash.bytes, record->bytes + 18, TN_HASH_SIZE);
        }
    }
    return good;
}

static void test_finalization_convinces_who_has_its_set_and_nothing_else_does(void **state)
{
    struct case_world *world = case_begin(4);
    const struct case_node *node = &world->nodes[0];
    (void)state;
    case_start_all(world);
    case_work(world, 100);
    assert_true(case_run_to(world, 4));
    struct tn_validators set = *tn_sequencer_set(node->engine);
    assert_true(check_certs(node, &set, TN_VOTE_FINALIZE, false) >= 3);
    assert_int_equal(check_certs(node, &set, TN_VOTE_NOTARIZE, false), 0);
    assert_int_equal(check_certs(node, &set, TN_VOTE_FINALIZE, true), 0);
    set.epoch++;
    assert_int_equal(check_certs(node, &set, TN_VOTE_FINALIZE, false), 0);
    case_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handover_without_signatures_for_a_held_view_ends_no_epoch),
        cmocka_unit_test(test_handover_for_an_old_view_does_not_take_the_goal_back),
        cmocka_unit_test(test_finalization_convinces_who_has_its_set_and_nothing_else_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
