/* What a node serves after a restart: the state of its store's checkpoint, with the certificate
 * that came for it. A set that was off as a whole may have nothing else for a node without which it
 * cannot go on. One member, whose weight is a quorum, over a real log and a real store. */
#include "../unit/member/member_case.h"
#include "store_script.h"

#include "cluster/keeper.h"

#include <stdio.h>
#include <unistd.h>

enum { CHECKPOINT_BLOCKS = 8, SEGMENT_BYTES = 1 << 20, CERTIFICATES = 40 };

static char home[256];
static struct keeper *keeper;

static void recorded(uint8_t type, const uint8_t *bytes, size_t size)
{
    keeper_record(keeper, type, bytes, size);
}

static void executed(const struct tn_member_block *block)
{
    keeper_block(keeper, tn_member_gossip(test.member), block);
}

static void certified(uint64_t height, const uint8_t *cert, size_t size)
{
    keeper_certified(keeper, height, cert, size);
}

static bool may_execute(void *context)
{
    (void)context;
    return keeper_may_execute(keeper);
}

/* ---- Lives ---- */

/* The home's log and store, into a member that was just made. */
static void open_node(struct keeper_found *found)
{
    int end;
    const struct keeper_options options = {.home = home,
                                           .limits = &cc.limits,
                                           .checkpoint_blocks = CHECKPOINT_BLOCKS,
                                           .segment_bytes = SEGMENT_BYTES,
                                           .store_unthreaded = true};
    test.recorded = NULL; /* what is read is there already */
    test.executed = executed;
    test.certified = certified;
    test.may_execute = may_execute;
    member_make();
    keeper = keeper_open(&end, &options);
    assert_non_null(keeper);
    assert_true(keeper_restore(keeper, found, test.member, &end));
    test.recorded = recorded;
    tn_member_start(test.member, &test.clock);
}

static void close_node(void)
{
    keeper_close(keeper);
    free(test.memory);
    test.memory = NULL;
}

/* A turn, and what a loop does behind it. */
static void turn(void)
{
    pass_ms(100);
    tn_member_turn(test.member, &test.clock);
    assert_int_equal(keeper_sync(keeper), KEEPER_DONE);
    assert_int_equal(keeper_tend(keeper, test.member), KEEPER_DONE);
}

/* Until the store has a checkpoint whose certificate came. */
static uint64_t run_to_checkpoint(void)
{
    const uint8_t *bytes;
    size_t size;
    for (uint32_t turns = 0; turns < TURNS_MAX; turns++) {
        const uint64_t height = keeper_durable_height(keeper);
        if (height > 0 && keeper_find_certificate(keeper, &bytes, &size, height)) return height;
        turn();
    }
    fail_msg("no checkpoint of the store is certified");
    return 0;
}

static int open_story(void **state)
{
    struct keeper_found found;
    script_make_folder(home, sizeof home);
    cc_open(state);
    cc.commands[0].as.validator.weight = WEIGHT;
    test.clock = (struct tn_member_clock){.now_us = 1000000, .unix_ms = START_MS};
    open_node(&found);
    assert_true(found.is_new);
    return 0;
}

static int close_story(void **state)
{
    char command[512];
    close_node();
    snprintf(command, sizeof command, "rm -r '%s'", home);
    assert_int_equal(system(command), 0);
    return cc_close(state);
}

/* ---- Stories ---- */

/* As when power goes: nothing is flushed. */
static void a_restarted_node_has_the_certificate_of_the_state_that_it_serves(void **state)
{
    (void)state;
    static uint8_t before[1 << 16];
    const uint8_t *bytes;
    size_t size, before_size;
    struct keeper_found found;
    const uint64_t height = run_to_checkpoint();
    assert_true(keeper_find_certificate(keeper, &bytes, &before_size, height));
    assert_in_range(before_size, 1, sizeof before);
    memcpy(before, bytes, before_size);
    assert_int_equal(keeper_sync(keeper), KEEPER_DONE);
    close_node();
    open_node(&found);
    assert_int_equal(found.height, height);
    assert_true(keeper_find_certificate(keeper, &bytes, &size, height));
    assert_int_equal(size, before_size);
    assert_memory_equal(bytes, before, size);
}

/* Of those that came later, more than are kept. */
static void the_certificate_of_the_state_that_is_served_is_not_forgotten(void **state)
{
    (void)state;
    static uint8_t later[1 << 16];
    const uint8_t *bytes;
    size_t size, later_size;
    const uint64_t height = run_to_checkpoint();
    assert_true(keeper_find_certificate(keeper, &bytes, &later_size, height));
    memcpy(later, bytes, later_size);
    for (uint64_t i = 1; i <= CERTIFICATES; i++) {
        struct tn_checkpoint checkpoint;
        tn_checkpoint_read(&checkpoint, later + 1);
        checkpoint.height++;
        tn_checkpoint_write(later + 1, &checkpoint);
        keeper_certified(keeper, height + i, later, later_size);
        assert_true(keeper_find_certificate(keeper, &bytes, &size, height + i));
        assert_true(keeper_find_certificate(keeper, &bytes, &size, height));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_restarted_node_has_the_certificate_of_the_state_that_it_serves, open_story,
            close_story),
        cmocka_unit_test_setup_teardown(
            the_certificate_of_the_state_that_is_served_is_not_forgotten, open_story, close_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
