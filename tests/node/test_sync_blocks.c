/* When a node that nobody can give the state tries blocks, and when it asks for the state again. */
#include "cluster/sync_blocks.h"
#include "cluster/sync_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

/* Turns of a second of a member that stands still; how many until its try has failed. */
static uint32_t count_seconds(struct sync_blocks *blocks, uint64_t height, int64_t *now_us)
{
    uint32_t seconds = 0;
    while (!sync_blocks_fail(blocks, height, *now_us)) {
        assert_in_range(++seconds, 1, 100000);
        *now_us += SECOND;
    }
    return seconds;
}

static void test_sync_blocks_are_tried_after_a_minute(void **state)
{
    struct sync_blocks blocks;
    (void)state;
    sync_blocks_init(&blocks, SYNC_BLOCKS_ASK_US);
    sync_blocks_behind(&blocks, 20000);
    assert_int_equal(sync_blocks_patience_us(&blocks, 5000), 60 * SECOND);
    assert_false(sync_blocks_fail(&blocks, 5000, 900 * SECOND)); /* nothing was tried */
}

static void test_sync_blocks_end_where_the_goal_is_reached_however_slowly(void **state)
{
    struct sync_blocks blocks;
    int64_t now_us = 7 * SECOND;
    (void)state;
    sync_blocks_init(&blocks, SYNC_BLOCKS_ASK_US);
    sync_blocks_behind(&blocks, 1200);
    sync_blocks_try(&blocks, 1000, now_us);
    for (uint64_t height = 1000; height <= 1200; height++) {
        now_us += 59 * SECOND;
        assert_false(sync_blocks_fail(&blocks, height, now_us));
    }
    assert_false(
        sync_blocks_fail(&blocks, 1200, now_us + 9999 * SECOND)); /* the set stands still */
    assert_int_equal(sync_blocks_patience_us(&blocks, 1200), 60 * SECOND);
    assert_int_equal(blocks.tries, 1);
}

/* Headers come first, from above: some thousand a second. */
static void test_sync_blocks_wait_longer_for_the_first_of_many(void **state)
{
    struct sync_blocks blocks;
    int64_t now_us = 0;
    (void)state;
    sync_blocks_init(&blocks, SYNC_BLOCKS_ASK_US);
    sync_blocks_behind(&blocks, 100);
    sync_blocks_try(&blocks, 0, now_us);
    assert_in_range(count_seconds(&blocks, 0, &now_us), 60, 61);
    sync_blocks_behind(&blocks, 600000);
    sync_blocks_try(&blocks, 0, now_us);
    assert_in_range(count_seconds(&blocks, 0, &now_us), 660, 661);
}

/* Without an end, and without a hurry: each time twice as long, up to half an hour. */
static void test_sync_blocks_that_do_not_come_are_tried_less_and_less_often(void **state)
{
    const int64_t minutes[] = {1, 2, 4, 8, 16, 32, 32, 32};
    struct sync_blocks blocks;
    int64_t now_us = 0;
    (void)state;
    sync_blocks_init(&blocks, SYNC_BLOCKS_ASK_US);
    sync_blocks_behind(&blocks, 500);
    for (uint32_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        assert_int_equal(sync_blocks_patience_us(&blocks, 100), minutes[i] * 60 * SECOND);
        sync_blocks_try(&blocks, 100, now_us);
        count_seconds(&blocks, 100, &now_us);
        assert_false(sync_blocks_fail(&blocks, 100, now_us + 9999 * SECOND)); /* once */
    }
    sync_blocks_try(&blocks, 100, now_us);
    assert_false(sync_blocks_fail(&blocks, 101, now_us)); /* one came */
    assert_int_equal(sync_blocks_patience_us(&blocks, 101), 60 * SECOND);
    count_seconds(&blocks, 101, &now_us);
    assert_int_equal(sync_blocks_patience_us(&blocks, 101), 120 * SECOND);
    sync_blocks_done(&blocks);
    assert_int_equal(sync_blocks_patience_us(&blocks, 101), 60 * SECOND);
}

static void test_sync_blocks_are_not_tried_where_no_member_fetches_so_many(void **state)
{
    struct sync_blocks blocks;
    struct sync_limit limit;
    (void)state;
    sync_blocks_init(&blocks, SYNC_BLOCKS_ASK_US);
    sync_blocks_behind(&blocks, 1000 + SYNC_LIMIT_MOST);
    assert_int_equal(sync_blocks_patience_us(&blocks, 1000), 60 * SECOND);
    assert_int_equal(sync_blocks_patience_us(&blocks, 999), INT64_MAX);
    sync_limit_init(&limit, 10000);
    sync_limit_reach(&limit, 1000, blocks.goal);
    assert_int_equal(limit.blocks, SYNC_LIMIT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_blocks_are_tried_after_a_minute),
        cmocka_unit_test(test_sync_blocks_end_where_the_goal_is_reached_however_slowly),
        cmocka_unit_test(test_sync_blocks_wait_longer_for_the_first_of_many),
        cmocka_unit_test(test_sync_blocks_that_do_not_come_are_tried_less_and_less_often),
        cmocka_unit_test(test_sync_blocks_are_not_tried_where_no_member_fetches_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
