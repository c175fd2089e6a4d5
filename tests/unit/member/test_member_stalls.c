/* Who calls a leader silent, and who does not. */
#include "member_case.h"

enum { BUSY_MS = 900, BUSY_TIMES = 200 };

static int begin(void **state)
{
    memset(&test, 0, sizeof test);
    member_open(state);
    return 0;
}

static void test_a_validator_calls_leaders_silent_that_are_not_there(void **state)
{
    (void)state;
    take_over();
    for (uint32_t market = 1; market <= MARKETS; market++) {
        assert_true(test.stalled[market] > 0);
        assert_int_equal(test.terms[market], test.stalled[market]); /* each of them ended a term */
    }
}

static void test_a_leader_that_was_busy_for_long_does_not_call_itself_silent(void **state)
{
    (void)state;
    take_over();
    memset(test.stalled, 0, sizeof test.stalled);
    memset(test.terms, 0, sizeof test.terms);
    const uint64_t height = test.height;
    /* A block is executed, a disk syncs: between any two turns. */
    for (uint32_t i = 0; i < BUSY_TIMES; i++) {
        pass_ms(BUSY_MS);
        tn_member_turn(test.member, &test.clock);
        run_ms(i % 23);
    }
    for (uint32_t market = 1; market <= MARKETS; market++) {
        assert_int_equal(test.stalled[market], 0);
        assert_int_equal(test.terms[market], 0);
        assert_true(test.leads[market]);
    }
    assert_true(test.height > height);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, member_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_validator_calls_leaders_silent_that_are_not_there),
        CASE(test_a_leader_that_was_busy_for_long_does_not_call_itself_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
