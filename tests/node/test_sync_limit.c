/* How often a node takes the state one time after another before it goes on by blocks. */
#include "cluster/sync_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { USUAL = 10000, SYNCS_MAX = 100 };

/* The set makes so many blocks while a state comes, and none is executed before the node knows that
 * it is behind. How many states does it take? SYNCS_MAX: there is no end. */
static uint32_t count_syncs(struct sync_limit *limit, uint64_t blocks_meanwhile)
{
    uint64_t height = 0;
    uint32_t syncs = 0;
    do {
        sync_limit_behind(limit, height);
        height += blocks_meanwhile;
        sync_limit_taken(limit, height);
        syncs++;
    } while (syncs < SYNCS_MAX && blocks_meanwhile > limit->blocks);
    return syncs;
}

static void test_sync_limit_ends_what_would_begin_again_for_ever(void **state)
{
    struct sync_limit limit;
    (void)state;
    sync_limit_init(&limit, USUAL);
    assert_int_equal(count_syncs(&limit, USUAL), 1);
    sync_limit_init(&limit, USUAL);
    assert_int_equal(count_syncs(&limit, USUAL + 1), 2);
    sync_limit_init(&limit, USUAL);
    assert_int_equal(count_syncs(&limit, 70000), 4);
    assert_int_equal(limit.blocks, 8 * USUAL);
}

static void test_sync_limit_is_the_usual_one_for_a_node_that_executed_as_many_blocks(void **state)
{
    struct sync_limit limit;
    (void)state;
    sync_limit_init(&limit, USUAL);
    assert_int_equal(count_syncs(&limit, 3 * USUAL), 3);
    assert_int_equal(limit.blocks, 4 * USUAL);
    sync_limit_behind(&limit, limit.taken + 4 * USUAL);
    assert_int_equal(limit.blocks, USUAL);
    sync_limit_taken(&limit, 500000);
    sync_limit_behind(&limit, 500000 + USUAL - 1);
    assert_int_equal(limit.blocks, 2 * USUAL);
}

static void test_sync_limit_is_bounded(void **state)
{
    struct sync_limit limit;
    (void)state;
    sync_limit_init(&limit, USUAL);
    assert_int_equal(count_syncs(&limit, 2 * SYNC_LIMIT_MOST), SYNCS_MAX);
    assert_in_range(limit.blocks, SYNC_LIMIT_MOST / 2, SYNC_LIMIT_MOST);
    sync_limit_init(&limit, 1000000); /* the most that a setting says */
    assert_int_equal(count_syncs(&limit, 2000000), SYNCS_MAX);
    assert_int_equal(limit.blocks, 1000000);
}

static void test_sync_limit_reaches_as_far_as_a_node_lacks_blocks(void **state)
{
    struct sync_limit limit;
    (void)state;
    sync_limit_init(&limit, USUAL);
    sync_limit_behind(&limit, 500);
    sync_limit_reach(&limit, 500, 500 + 3 * USUAL);
    assert_int_equal(limit.blocks, 6 * USUAL);
    sync_limit_reach(&limit, 500, 500 + USUAL); /* never back */
    assert_int_equal(limit.blocks, 6 * USUAL);
    sync_limit_reach(&limit, 500, 500 + SYNC_LIMIT_MOST);
    assert_int_equal(limit.blocks, SYNC_LIMIT_MOST);
    sync_limit_reach(&limit, 500, UINT64_MAX);
    assert_int_equal(limit.blocks, SYNC_LIMIT_MOST);
    sync_limit_behind(&limit, 500 + SYNC_LIMIT_MOST); /* it has executed them */
    assert_int_equal(limit.blocks, USUAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_limit_ends_what_would_begin_again_for_ever),
        cmocka_unit_test(test_sync_limit_is_the_usual_one_for_a_node_that_executed_as_many_blocks),
        cmocka_unit_test(test_sync_limit_is_bounded),
        cmocka_unit_test(test_sync_limit_reaches_as_far_as_a_node_lacks_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
