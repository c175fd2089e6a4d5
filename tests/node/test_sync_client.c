/* The client of state sync among peers that are honest, late, gone, or lie: it must come to the
 * certified records whenever one peer is honest, and blame nobody who is. */
#include "cluster/sync_client_internal.h"
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

enum { SEEDS_MAX = 40 }; /* in one of them the liar is asked, or the test fails */

/* Nobody else pays for what one did. */
static void expect_only(const struct world *world, uint16_t liar)
{
    for (uint16_t i = 0; i < WORLD_PEERS; i++)
        if (i != liar) assert_false(sync_client_is_banned(world->client, i));
}

/* Among three honest ones, and as the only one that serves the newest checkpoint. Who is asked is
 * the seed's matter: now and then it is not the liar, and never does another pay for him. */
static void lie_about(enum world_lie what, uint8_t kind, uint64_t height, bool is_banned)
{
    uint32_t banned = 0;
    const uint32_t seeds = height != 640 ? 1 : is_banned ? SEEDS_MAX : 6;
    for (uint32_t seed = 1; seed <= seeds && banned == 0; seed++) {
        struct world *world = world_make(0, 640);
        const uint16_t liar = (uint16_t)(seed % WORLD_PEERS);
        world->seed = seed;
        world->peers[liar].lie = what;
        world->peers[liar].kind = kind;
        world->peers[liar].height = height;
        world_start_client(world, 0);
        assert_true(world_run(world, 60));
        expect_only(world, liar);
        banned += sync_client_is_banned(world->client, liar);
        world_free(world);
    }
    assert_int_equal(banned > 0, is_banned);
}

static void lie(enum world_lie what, uint64_t height, bool is_banned)
{
    lie_about(what, 0, height, is_banned);
}

/* Kinds that stand beside the trees of the markets. */
static bool is_of_frame(uint32_t kind)
{
    return kind == TN_RECORD_STREAM || kind == TN_RECORD_INBOX || kind >= TN_CHAIN_RECORD_HEADS;
}

/* Has anything been asked for that comes behind the frame? */
static bool was_asked_for_more(const struct world_peer *peer)
{
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++)
        if (peer->was_asked[kind] && !is_of_frame(kind) && kind != TN_RECORD_MARKET) return true;
    return false;
}

/* Less than the largest record, which is in a later range. */
static void test_sync_client_finds_a_liar_before_it_has_fetched_much(void **state)
{
    const enum world_lie lies[] = {LIE_FLIP, LIE_SHORT, LIE_NOBODY, LIE_PROOF};
    (void)state;
    for (uint32_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct world *world = world_make(0, 640);
        world->peers[0].lie = lies[i];
        world->peers[0].height = 704;
        world_start_client(world, 0);
        assert_true(world_run(world, 60));
        assert_true(sync_client_is_banned(world->client, 0));
        assert_int_equal(sync_client_counters(world->client)->attempts, 2);
        assert_true(world->peers[0].bytes_served < 200000);
        world_free(world);
    }
}

static void test_sync_client_asks_everybody_now_and_then(void **state)
{
    uint32_t asked[WORLD_PEERS] = {0};
    (void)state;
    for (uint32_t seed = 1; seed <= 24; seed++) {
        struct world *world = world_make(0, 640);
        world->seed = seed;
        world_start_client(world, 0);
        assert_true(world_run(world, 10));
        for (uint32_t i = 0; i < WORLD_PEERS; i++)
            asked[i] += world->peers[i].records_asked > 0;
        world_free(world);
    }
    for (uint32_t i = 0; i < WORLD_PEERS; i++)
        assert_true(asked[i] > 8 && asked[i] < 24);
}

static void test_sync_client_prefers_who_answered_to_who_was_silent(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    for (uint32_t i = 0; i < WORLD_PEERS; i++)
        world->peers[i].lie = i == 2 ? LIE_NONE : LIE_SILENT;
    world_start_client(world, 0);
    assert_true(world_run(world, 120));
    assert_int_equal(sync_client_counters(world->client)->bans, 0);
    world_free(world);
}

/* As the only one that serves the newest checkpoint and, the second time, as one of four: nothing
 * else was fetched when he is found. */
static void lie_in_frame(enum world_lie what, uint8_t kind, uint32_t times)
{
    uint32_t banned = 0;
    for (uint32_t seed = 0; seed <= SEEDS_MAX && banned < times; seed++) {
        struct world *world = world_make(0, 640);
        const uint16_t liar = (uint16_t)(seed % WORLD_PEERS);
        world->seed = seed;
        world->peers[liar].lie = what;
        world->peers[liar].kind = kind;
        if (seed == 0) world->peers[liar].height = 704;
        world_start_client(world, 0);
        assert_true(world_run(world, 60));
        const bool is_found = sync_client_is_banned(world->client, liar);
        if (seed == 0) assert_true(is_found);
        if (is_found) assert_false(was_asked_for_more(&world->peers[liar]));
        assert_in_range(sync_client_counters(world->client)->attempts, 1, is_found ? 2 : 1);
        assert_int_equal(sync_client_counters(world->client)->lies, is_found);
        banned += is_found;
        expect_only(world, liar);
        world_free(world);
    }
    assert_int_equal(banned, times);
}

static void test_sync_client_finds_out_who_lies_about_the_frame_before_it_fetches_more(void **state)
{
    (void)state;
    for (uint32_t kind = 1; kind < TN_CHAIN_RECORD_REGISTRY + TN_CHAIN_REGISTRY_KINDS; kind++) {
        if (!is_of_frame(kind)) continue;
        lie_in_frame(LIE_BIT, (uint8_t)kind, 2);
        lie_in_frame(LIE_LAST, (uint8_t)kind, 1);
        lie_in_frame(LIE_MORE, (uint8_t)kind, 1);
        lie_in_frame(LIE_EMPTY, (uint8_t)kind, 1);
    }
    lie_in_frame(LIE_BIT, TN_RECORD_MARKET, 2);
    lie_in_frame(LIE_EMPTY, TN_RECORD_MARKET, 1);
}

/* What he lied about others bring at once: nothing that is proved is fetched twice. */
static void lie_behind_frame(enum world_lie what, uint8_t kind)
{
    uint32_t banned = 0;
    for (uint32_t seed = 1; seed <= SEEDS_MAX && banned == 0; seed++) {
        struct world *world = world_make(0, 640);
        const uint16_t liar = (uint16_t)(seed % WORLD_PEERS);
        world->seed = seed;
        world->peers[liar].lie = what;
        world->peers[liar].kind = kind;
        world_start_client(world, 0);
        assert_true(world_run(world, 60));
        assert_int_equal(sync_client_counters(world->client)->attempts, 1);
        expect_only(world, liar);
        banned += sync_client_is_banned(world->client, liar);
        world_free(world);
    }
    assert_int_equal(banned, 1);
}

static void test_sync_client_goes_on_with_what_it_has_when_it_finds_a_liar_behind_the_frame(
    void **state)
{
    const uint8_t kinds[] = {TN_RECORD_ACCOUNT, TN_RECORD_MEMORY, TN_RECORD_BOOK, TN_RECORD_EQUITY};
    (void)state;
    for (uint32_t i = 0; i < sizeof kinds; i++) {
        lie_behind_frame(LIE_BIT, kinds[i]);
        lie_behind_frame(LIE_LAST, kinds[i]);
        lie_behind_frame(LIE_EMPTY, kinds[i]);
    }
    lie_behind_frame(LIE_MORE, TN_RECORD_EQUITY);
}

static void test_sync_client_needs_no_peer_once_the_frame_is_proved(void **state)
{
    uint32_t gone = 0;
    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        struct world *world = world_make(0, 640);
        uint16_t chosen = TN_PEER_ALL;
        bool is_framed = false;
        world->seed = seed;
        for (uint32_t i = 0; i < WORLD_PEERS; i++)
            world->peers[i].answer_us = 100000;
        world_start_client(world, 0);
        for (uint32_t turn = 0; turn < 300 && !is_framed; turn++) {
            sync_client_turn(world->client, world->now_us);
            world_deliver(world);
            for (uint16_t i = 0; i < WORLD_PEERS; i++) {
                is_framed |= was_asked_for_more(&world->peers[i]);
                if (world->peers[i].was_asked[TN_CHAIN_RECORD_HEADS]) chosen = i;
            }
            world->now_us += 100000;
        }
        assert_true(is_framed && chosen < WORLD_PEERS);
        sync_client_peer_down(world->client, chosen);
        gone++;
        assert_true(world_run(world, 60));
        assert_int_equal(sync_client_counters(world->client)->attempts, 1);
        assert_int_equal(sync_client_counters(world->client)->bans, 0);
        world_free(world);
    }
    assert_int_equal(gone, 8);
}

/* Four questions are with each of them, and each answer takes it three seconds and a half. */
static void test_sync_client_does_not_take_slow_peers_for_silent_ones(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    for (uint32_t i = 0; i < WORLD_PEERS; i++)
        world->peers[i].answer_us = 3500000;
    world_start_client(world, 0);
    assert_true(world_run(world, 200));
    assert_int_equal(sync_client_counters(world->client)->timeouts, 0);
    assert_int_equal(sync_client_counters(world->client)->attempts, 1);
    world_free(world);
}

static void test_sync_client_bans_who_sends_a_little_at_a_time(void **state)
{
    (void)state;
    lie(LIE_TRICKLE, 640, true);
    lie(LIE_TRICKLE, 704, true);
}

/* The limit is a little more than all that there is; the liar's bytes and theirs pass it together.
 */
static void test_sync_client_does_not_hold_a_peers_bytes_against_another(void **state)
{
    uint32_t heavy = 0;
    (void)state;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct world *world = world_make(0, 640);
        const uint16_t liar = (uint16_t)(seed % WORLD_PEERS);
        world->seed = seed;
        world_start_client(world, 0);
        world->client->bytes_max = 64 << 10;
        for (uint32_t i = 0; i < world->records_count; i++)
            if (world_is_of(&world->records[i], 640))
                world->client->bytes_max += world->records[i].size;
        for (uint32_t i = 0; i < WORLD_PEERS; i++)
            world->peers[i].answer_us = i == liar ? 0 : 200000;
        world->peers[liar].lie = LIE_HEAVY;
        world->peers[liar].bytes_most = world->client->bytes_max;
        assert_true(world_run(world, 60));
        assert_int_equal(sync_client_counters(world->client)->bans, 0);
        heavy += world->peers[liar].bytes_served > SYNC_PIECES_MAX;
        world_free(world);
    }
    assert_true(heavy > 0);
}

static void test_sync_client_finds_out_who_gives_positions_to_nobody(void **state)
{
    (void)state;
    lie(LIE_NOBODY, 640, true);
}

static void test_sync_client_finds_out_whose_proof_is_another(void **state)
{
    (void)state;
    lie(LIE_PROOF, 640, true);
    lie(LIE_OTHER, 640, true);
    lie(LIE_OTHER, 704, true);
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

enum { VAIN_SECONDS = 60 };
#define VAIN_US (INT64_C(1000000) * VAIN_SECONDS)

static bool is_in_vain(const struct world *world)
{
    return sync_client_vain_us(world->client) >= VAIN_US;
}

/* Turns of 100 ms; for how many seconds nobody says that it is in vain. */
static uint32_t wait_in_vain(struct world *world, uint32_t seconds_most)
{
    for (uint32_t i = 0; i < seconds_most * 10; i++) {
        sync_client_turn(world->client, world->now_us);
        world_deliver(world);
        assert_int_not_equal(sync_client_state(world->client), SYNC_CLIENT_WHOLE);
        if (is_in_vain(world)) return i / 10;
        world->now_us += 100000;
    }
    return seconds_most;
}

static void test_sync_client_counts_how_long_peers_answer_and_have_no_state_to_give(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[0].height = world->peers[1].height = 0; /* two serve nothing, two what it has */
    world_start_client(world, 640);
    assert_int_equal(wait_in_vain(world, 300), VAIN_SECONDS);
    assert_int_equal(world->begins, 0);
    world->peers[3].height = 704; /* it goes on asking if it is let */
    assert_true(world_run(world, 5));
    assert_int_equal(sync_client_vain_us(world->client), 0);
    world_free(world);
}

static void test_sync_client_asks_nobody_in_vain_while_nobody_answers(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world_start_client(world, 640);
    assert_int_equal(wait_in_vain(world, VAIN_SECONDS - 10), VAIN_SECONDS - 10);
    for (uint16_t i = 0; i < WORLD_PEERS; i++)
        sync_client_peer_down(world->client, i);
    assert_int_equal(wait_in_vain(world, 300), 300);
    assert_int_equal(sync_client_vain_us(world->client), 0);
    sync_client_peer_up(world->client, 2); /* from the beginning */
    assert_in_range(wait_in_vain(world, 300), VAIN_SECONDS, VAIN_SECONDS + 2);
    world_free(world);
}

static void test_sync_client_hopes_again_when_somebody_began_to_give_a_state(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[1].height = 0;
    world_start_client(world, 640);
    assert_int_equal(wait_in_vain(world, VAIN_SECONDS - 10), VAIN_SECONDS - 10);
    world->peers[1] = (struct world_peer){.height = 704, .answer_us = 4000000};
    assert_int_equal(wait_in_vain(world, 5), 5);
    assert_int_equal(world->begins, 1);
    sync_client_peer_down(world->client, 1); /* in the midst of it */
    assert_in_range(wait_in_vain(world, 300), VAIN_SECONDS - 1, VAIN_SECONDS + 1);
    world_free(world);
}

/* It has the certificate of a newer state than anybody else, and sends no record of it. */
static void test_sync_client_hopes_for_nothing_from_peers_that_fail_again_and_again(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[2] = (struct world_peer){.lie = LIE_SILENT, .height = 704};
    world_start_client(world, 640);
    assert_in_range(wait_in_vain(world, 300), VAIN_SECONDS + 30, VAIN_SECONDS + 50);
    assert_in_range(world->begins, 4, 12);
    world_free(world);
}

/* Whoever has the newest certificate and gives nothing must not hide what the others give. */
static void test_sync_client_takes_an_older_state_when_who_has_the_newest_fails(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[2] = (struct world_peer){.lie = LIE_SILENT, .height = 704};
    world_start_client(world, 0);
    assert_true(world_run(world, 300));
    assert_int_equal(sync_client_checkpoint(world->client)->height, 640);
    world_free(world);
}

static void test_sync_client_hopes_for_nothing_from_an_epoch_that_nobody_proves(void **state)
{
    struct world *world = world_make(0, 640);
    (void)state;
    world->peers[1] = (struct world_peer){.lie = LIE_FUTURE, .height = 8888};
    world_start_client(world, 640);
    assert_in_range(wait_in_vain(world, 300), VAIN_SECONDS, VAIN_SECONDS + 12);
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
        cmocka_unit_test(test_sync_client_finds_a_liar_before_it_has_fetched_much),
        cmocka_unit_test(test_sync_client_asks_everybody_now_and_then),
        cmocka_unit_test(test_sync_client_prefers_who_answered_to_who_was_silent),
        cmocka_unit_test(
            test_sync_client_finds_out_who_lies_about_the_frame_before_it_fetches_more),
        cmocka_unit_test(
            test_sync_client_goes_on_with_what_it_has_when_it_finds_a_liar_behind_the_frame),
        cmocka_unit_test(test_sync_client_needs_no_peer_once_the_frame_is_proved),
        cmocka_unit_test(test_sync_client_does_not_take_slow_peers_for_silent_ones),
        cmocka_unit_test(test_sync_client_bans_who_sends_a_little_at_a_time),
        cmocka_unit_test(test_sync_client_does_not_hold_a_peers_bytes_against_another),
        cmocka_unit_test(test_sync_client_finds_out_who_gives_positions_to_nobody),
        cmocka_unit_test(test_sync_client_finds_out_whose_proof_is_another),
        cmocka_unit_test(test_sync_client_bans_who_sends_what_is_no_message),
        cmocka_unit_test(test_sync_client_takes_no_record_larger_than_its_kind),
        cmocka_unit_test(test_sync_client_takes_no_ranges_without_end),
        cmocka_unit_test(test_sync_client_goes_on_with_others_when_a_peer_is_silent),
        cmocka_unit_test(
            test_sync_client_goes_on_with_others_when_a_peer_serves_a_later_checkpoint),
        cmocka_unit_test(test_sync_client_goes_on_with_others_when_a_peer_goes_down),
        cmocka_unit_test(test_sync_client_keeps_asking_while_nobody_is_there),
        cmocka_unit_test(test_sync_client_counts_how_long_peers_answer_and_have_no_state_to_give),
        cmocka_unit_test(test_sync_client_asks_nobody_in_vain_while_nobody_answers),
        cmocka_unit_test(test_sync_client_hopes_again_when_somebody_began_to_give_a_state),
        cmocka_unit_test(test_sync_client_hopes_for_nothing_from_peers_that_fail_again_and_again),
        cmocka_unit_test(test_sync_client_takes_an_older_state_when_who_has_the_newest_fails),
        cmocka_unit_test(test_sync_client_hopes_for_nothing_from_an_epoch_that_nobody_proves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
