/* Who calls a leader silent, and who does not. */
#include "member_case.h"

#include "tenor/peer.h"

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

/* What a leader seals from its place on, and what it would be in another life. */
static void hear_heartbeat(uint32_t place, bool is_other)
{
    static uint8_t message[1 << 16];
    struct leader before = cc.leaders[place];
    cc.is_lying = is_other;
    const struct pool_batch *batch = cc_make_batch(place, 0, NULL, 0);
    cc.is_lying = false;
    if (is_other) {
        cc.leaders[place].sequence = before.sequence;
        cc.leaders[place].digest = before.digest;
    }
    message[0] = TN_PEER_BATCH;
    memcpy(message + 1, batch->batch.signature.bytes, TN_SIGNATURE_SIZE);
    memcpy(message + 1 + TN_SIGNATURE_SIZE, batch->batch.body, batch->batch.body_size);
    tn_member_message(test.member, 2, message, 1 + TN_SIGNATURE_SIZE + batch->batch.body_size,
                      &test.clock);
}

/* It seals on and on, so that its market is never silent. */
static void lead_for_ms(uint32_t place, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 10) {
        hear_heartbeat(place, false);
        pass_ms(10);
        tn_member_turn(test.member, &test.clock);
    }
}

static void test_a_leader_who_seals_two_for_one_place_loses_its_term_at_once(void **state)
{
    (void)state;
    lead_for_ms(0, 800);
    assert_int_equal(test.terms[1], 0);
    assert_true(test.terms[2] > 0); /* whose leader is not there */
    hear_heartbeat(0, true);
    const uint64_t height = test.height;
    while (test.height < height + 2)
        lead_for_ms(0, 10);
    assert_true(test.stalled[1] > 0);
    assert_int_equal(test.terms[1], 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, member_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_validator_calls_leaders_silent_that_are_not_there),
        CASE(test_a_leader_who_seals_two_for_one_place_loses_its_term_at_once),
        CASE(test_a_leader_that_was_busy_for_long_does_not_call_itself_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
