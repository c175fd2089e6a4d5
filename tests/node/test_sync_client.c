/* The client of state sync among peers that are honest, late, gone, or lie: it must come to the
 * certified records whenever one peer is honest, and blame nobody who is. */
#include "sync_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_sync_client_takes_all_records_from_several_peers(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world_start_client(world, 0);
    assert_true(world_run(world, 10));
    assert_int_equal(sync_client_counters(world->client)->attempts, 1);
    assert_int_equal(sync_client_checkpoint(world->client)->height, 640);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < WORLD_PEERS; i++)
        asked += world->peers[i].records_asked > 0;
    assert_int_equal(asked, 3);
    assert_int_equal(sync_client_counters(world->client)->bans, 0);
    world_free(world);
}

static void test_sync_client_takes_the_newest_checkpoint_that_is_good(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[0] = (struct world_peer){.lie = LIE_CERT, .height = 9999};
    world->peers[1] = (struct world_peer){.lie = LIE_FUTURE, .height = 8888};
    world->peers[2].height = 704;
    world->peers[3].height = 640;
    world_start_client(world, 0);
    assert_true(world_run(world, 20));
    assert_int_equal(sync_client_checkpoint(world->client)->height, 704);
    assert_true(sync_client_is_banned(world->client, 0));
    assert_false(sync_client_is_banned(world->client, 1));
    assert_int_equal(world->peers[2].records_asked > 0, 1);
    assert_int_equal(world->peers[3].records_asked, 0);
    world_free(world);
}

static void test_sync_client_waits_for_a_checkpoint_above_where_it_stands(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world_start_client(world, 640);
    assert_false(world_run(world, 5));
    assert_int_equal(world->begins, 0);
    world->peers[1].height = 704;
    assert_true(world_run(world, 5));
    world_free(world);
}

static void test_sync_client_follows_the_end_of_an_epoch_to_the_set_that_certified(void **state)
{
    struct world *world = world_make(1, 640);
    (void)state;
    world_start_client(world, 0);
    assert_true(world_run(world, 10));
    assert_int_equal(world->epochs, 1);
    assert_int_equal(sync_client_checkpoint(world->client)->epoch, 1);
    world_free(world);
}

static void test_sync_client_refuses_a_set_that_the_handover_does_not_name(void **state)
{
    struct world *world = world_make(1, 640);
    (void)state;
    world->peers[0].lie = LIE_EPOCH;
    world->peers[0].height = 704; /* asked first */
    world_start_client(world, 0);
    assert_true(world_run(world, 20));
    assert_true(sync_client_is_banned(world->client, 0));
    assert_int_equal(sync_client_checkpoint(world->client)->height, 640);
    world_free(world);
}

/* Among three honest ones, and as the only one that serves the newest checkpoint. */
static void lie(enum world_lie what, uint64_t height, bool is_banned)
{
    struct world *world = world_make(0, 640);
    world->peers[0].lie = what;
    world->peers[0].height = height;
    world_start_client(world, 0);
    assert_true(world_run(world, 60));
    for (uint16_t i = 1; i < WORLD_PEERS; i++)
        assert_false(sync_client_is_banned(world->client, i));
    assert_int_equal(sync_client_is_banned(world->client, 0), is_banned);
    world_free(world);
}

static void test_sync_client_finds_out_who_flips_bits(void **state)
{
    (void)state;
    lie(LIE_FLIP, 640, true);
    lie(LIE_FLIP, 704, true);
}

static void test_sync_client_finds_out_who_leaves_records_out(void **state)
{
    (void)state;
    lie(LIE_SHORT, 640, true);
    lie(LIE_SHORT, 704, true);
}

static void test_sync_client_bans_who_sends_what_is_no_message(void **state)
{
    (void)state;
    lie(LIE_MALFORMED, 640, true);
    lie(LIE_MALFORMED, 704, true);
}

static void test_sync_client_takes_no_record_larger_than_its_kind(void **state)
{
    (void)state;
    lie(LIE_LARGE, 704, true);
    lie(LIE_LARGE, 640, true);
}

static void test_sync_client_takes_no_ranges_without_end(void **state)
{
    (void)state;
    lie(LIE_ENDLESS, 704, true);
}

static void test_sync_client_goes_on_with_others_when_a_peer_is_silent(void **state)
{
    (void)state;
    lie(LIE_SILENT, 640, false);
}

static void test_sync_client_goes_on_with_others_when_a_peer_serves_a_later_checkpoint(void **state)
{
    (void)state;
    lie(LIE_LATER, 640, false);
}

static void test_sync_client_goes_on_with_others_when_a_peer_goes_down(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world_start_client(world, 0);
    while (sync_client_state(world->client) != SYNC_CLIENT_TAKING) {
        sync_client_turn(world->client, world->now_us);
        world_deliver(world);
        if (sync_client_state(world->client) == SYNC_CLIENT_WHOLE) break;
        world->now_us += 100000;
        if (world->wire_count == 0) sync_client_peer_down(world->client, 1);
    }
    assert_true(sync_client_state(world->client) == SYNC_CLIENT_WHOLE || world_run(world, 10));
    assert_int_equal(sync_client_counters(world->client)->bans, 0);
    world_free(world);
}

static void test_sync_client_keeps_asking_while_nobody_is_there(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world_start_client(world, 0);
    for (uint16_t i = 0; i < WORLD_PEERS; i++)
        sync_client_peer_down(world->client, i);
    assert_false(world_run(world, 5));
    assert_int_equal(sync_client_state(world->client), SYNC_CLIENT_ASKING);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_client_takes_all_records_from_several_peers),
        cmocka_unit_test(test_sync_client_takes_the_newest_checkpoint_that_is_good),
        cmocka_unit_test(test_sync_client_waits_for_a_checkpoint_above_where_it_stands),
        cmocka_unit_test(test_sync_client_follows_the_end_of_an_epoch_to_the_set_that_certified),
        cmocka_unit_test(test_sync_client_refuses_a_set_that_the_handover_does_not_name),
        cmocka_unit_test(test_sync_client_finds_out_who_flips_bits),
        cmocka_unit_test(test_sync_client_finds_out_who_leaves_records_out),
        cmocka_unit_test(test_sync_client_bans_who_sends_what_is_no_message),
        cmocka_unit_test(test_sync_client_takes_no_record_larger_than_its_kind),
        cmocka_unit_test(test_sync_client_takes_no_ranges_without_end),
        cmocka_unit_test(test_sync_client_goes_on_with_others_when_a_peer_is_silent),
        cmocka_unit_test(
            test_sync_client_goes_on_with_others_when_a_peer_serves_a_later_checkpoint),
        cmocka_unit_test(test_sync_client_goes_on_with_others_when_a_peer_goes_down),
        cmocka_unit_test(test_sync_client_keeps_asking_while_nobody_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
