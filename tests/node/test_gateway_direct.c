/* Frames that the gateway's thread gives to the desk itself: which ones do, and in which order they
 * stand with those that go by the node's thread. The test plays the desk. */
#include "gateway_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TAGS_MAX = 64 };

/* Used by the gateway's thread; the test sets it up before a frame is sent, and looks after the
 * answer has come. */
static struct desk {
    bool takes, refuses, is_due, keeps; /* keeps: what was given is left for the node's thread */
    uint64_t tags[TAGS_MAX];
    uint32_t tags_count, turns, frames;
    int held;
    bool is_signed;
} desk;
static struct case_frame frame;
static struct gateway_case test;

static void on_hold(void *context)
{
    assert_true(context == &desk && desk.held == 0);
    desk.held++;
}

static void on_release(void *context)
{
    (void)context;
    assert_int_equal(desk.held, 1);
    desk.held--;
}

static bool on_frame(void *context, const struct gateway_direct_answers *answers, uint64_t tag,
                     const struct tn_member_signed *checked, const uint8_t *entry, size_t size)
{
    (void)context;
    const struct port_answer refused = {.kind = TN_MEMBER_REFUSED,
                                        .reject = TN_REJECT_FRAME_EXPIRED};
    struct tn_hash digest;
    assert_int_equal(desk.held, 1);
    if (!desk.takes) return false;
    tn_frame_digest(&digest, test.options.chain_id, entry + 6, size - 6 - TN_SIGNATURE_SIZE);
    desk.is_signed = tn_hash_equal(&digest, &checked->digest) &&
                     tn_public_key_equal(&checked->key, &test.public_key);
    desk.frames++;
    if (desk.refuses) {
        answers->answer(answers->context, tag, &refused, NULL);
        return true;
    }
    assert_true(desk.tags_count < TAGS_MAX);
    desk.tags[desk.tags_count++] = tag;
    return true;
}

static bool on_turn(void *context, const struct gateway_direct_answers *answers)
{
    (void)context;
    assert_int_equal(desk.held, 1);
    for (uint32_t i = 0; i < desk.tags_count && !desk.keeps; i++) {
        const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
        const struct port_answer soft = {.kind = TN_MEMBER_SOFT,
                                         .market = CASE_MARKET,
                                         .term = test.term,
                                         .sequence = 1,
                                         .index = desk.turns,
                                         .session = CASE_SESSION,
                                         .events_count = 1};
        answers->answer(answers->context, desk.tags[i], &soft, &result);
    }
    if (!desk.keeps) desk.tags_count = 0;
    desk.turns++;
    return desk.is_due;
}

static void begin_desk(void)
{
    memset(&desk, 0, sizeof desk);
    desk.takes = true;
    case_prepare(&test);
    test.options.direct = (struct gateway_direct){.context = &desk,
                                                  .hold = on_hold,
                                                  .release = on_release,
                                                  .frame = on_frame,
                                                  .turn = on_turn};
}

static struct case_client *start(void)
{
    case_start(&test);
    return client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
}

static struct case_client *begin(void)
{
    begin_desk();
    return start();
}

static void end(struct case_client *client)
{
    client_close(client);
    case_end(&test);
}

static void send_order(struct case_client *client, uint64_t nonce)
{
    frame_place(&test, &frame, nonce);
    client_send_frame(client, nonce, &frame);
}

static void expect_soft(struct case_client *client, uint64_t nonce)
{
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->request, nonce);
}

static void test_gateway_gives_frames_to_its_own_nodes_desk_and_asks_nobody(void **state)
{
    (void)state;
    struct case_client *client = begin();
    send_order(client, 5);
    expect_soft(client, 5);
    assert_true(desk.is_signed);
    frame_cancel(&test, &frame, 6);
    client_send_frame(client, 6, &frame);
    expect_soft(client, 6);
    node_quiet(&test, 50);
    assert_int_equal(case_count(&test, frames_direct), 2);
    assert_int_equal(case_count(&test, frames), 2);
    const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    node_step(&test, CASE_ACCOUNT, 5, &result, 1);
    node_block(&test, CASE_HEIGHT);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_FINAL)->request, 5);
    end(client);
}

static void test_gateway_counts_how_long_frames_took_to_their_soft_answers(void **state)
{
    static const uint64_t bounds_us[] = {1, (uint64_t)CASE_WAIT_MS * 1000};
    uint64_t counts[3], sum_us;
    (void)state;
    begin_desk();
    test.options.bounds_us = bounds_us;
    test.options.bounds_count = 2;
    struct case_client *client = start();
    send_order(client, 5);
    expect_soft(client, 5);
    desk.refuses = true; /* what has no soft answer does not count */
    send_order(client, 6);
    client_expect_error(client, 6, TN_REJECT_FRAME_EXPIRED);
    gateway_order_times(test.gateway, counts, &sum_us);
    assert_int_equal(counts[0], 0); /* a signature was checked */
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 0);
    assert_true(sum_us > 1 && sum_us <= bounds_us[1]);
    end(client);
}

static void test_gateway_lets_no_unsigned_frame_reach_the_desk(void **state)
{
    (void)state;
    struct case_client *client = begin();
    frame_place(&test, &frame, 5);
    frame.signature[9] ^= 1;
    client_send_frame(client, 5, &frame);
    client_expect_error(client, 5, TN_REJECT_SIGNATURE_BAD);
    assert_int_equal(desk.frames, 0);
    end(client);
}

static void test_gateway_tells_what_the_desk_refuses(void **state)
{
    (void)state;
    struct case_client *client = begin();
    desk.refuses = true;
    send_order(client, 5);
    client_expect_error(client, 5, TN_REJECT_FRAME_EXPIRED);
    node_quiet(&test, 50);
    end(client);
}

static void test_gateway_wakes_the_node_when_the_desk_is_due_earlier(void **state)
{
    (void)state;
    struct case_client *client = begin();
    desk.is_due = true;
    send_order(client, 5);
    expect_soft(client, 5);
    node_ask(&test, PORT_WAKE);
    desk.is_due = false;
    send_order(client, 6);
    expect_soft(client, 6);
    node_quiet(&test, 50);
    end(client);
}

static void test_gateway_never_lets_a_frame_overtake_one_that_went_by_the_node(void **state)
{
    (void)state;
    struct case_client *client = begin();
    desk.takes = false; /* another node leads */
    send_order(client, 5);
    client_ping(client);
    desk.takes = true;
    send_order(client, 6); /* the first one is still on its way */
    client_ping(client);
    assert_int_equal(desk.frames, 0);
    node_soft(&test, node_ask(&test, PORT_CHECKED).tag, 5);
    expect_soft(client, 5);
    send_order(client, 7); /* the node is not done with the second one */
    client_ping(client);
    assert_int_equal(desk.frames, 0);
    node_soft(&test, node_ask(&test, PORT_CHECKED).tag, 6);
    node_soft(&test, node_ask(&test, PORT_CHECKED).tag, 7);
    expect_soft(client, 6);
    expect_soft(client, 7);
    node_quiet(&test, 0);
    send_order(client, 8);
    expect_soft(client, 8);
    assert_int_equal(desk.frames, 1);
    end(client);
}

static void test_gateway_takes_the_nodes_answer_for_what_the_desk_has_kept(void **state)
{
    (void)state;
    struct case_client *client = begin();
    desk.keeps = true;
    desk.is_due = true;
    send_order(client, 5);
    node_ask(&test, PORT_WAKE);
    node_soft(&test, desk.tags[0], 5);
    expect_soft(client, 5);
    end(client);
}

static void test_gateway_does_not_sleep_for_a_while_after_a_frame_where_it_is_told_to(void **state)
{
    (void)state;
    begin_desk();
    test.options.limits.spin_us = 10000000;
    struct case_client *client = start();
    send_order(client, 5);
    expect_soft(client, 5);
    for (uint32_t i = 0; i < 3000 && case_count(&test, turns_spun) < 100; i++)
        node_quiet(&test, 20);
    assert_true(case_count(&test, turns_spun) >= 100);
    send_order(client, 6); /* what comes meanwhile is taken as ever */
    expect_soft(client, 6);
    end(client);
}

static void test_gateway_sleeps_again_when_no_frame_has_followed(void **state)
{
    (void)state;
    uint64_t before, after = 0;
    begin_desk();
    test.options.limits.spin_us = 1000;
    struct case_client *client = start();
    send_order(client, 5);
    expect_soft(client, 5);
    do {
        before = after;
        node_quiet(&test, 20);
        after = case_count(&test, turns_spun);
    } while (after != before);
    send_order(client, 6); /* and wakes up */
    expect_soft(client, 6);
    end(client);
}

static void test_gateway_sleeps_at_once_by_itself(void **state)
{
    (void)state;
    struct case_client *client = begin();
    send_order(client, 5);
    expect_soft(client, 5);
    client_ping(client);
    assert_int_equal(case_count(&test, turns_spun), 0);
    end(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_gives_frames_to_its_own_nodes_desk_and_asks_nobody),
        cmocka_unit_test(test_gateway_counts_how_long_frames_took_to_their_soft_answers),
        cmocka_unit_test(test_gateway_lets_no_unsigned_frame_reach_the_desk),
        cmocka_unit_test(test_gateway_tells_what_the_desk_refuses),
        cmocka_unit_test(test_gateway_wakes_the_node_when_the_desk_is_due_earlier),
        cmocka_unit_test(test_gateway_never_lets_a_frame_overtake_one_that_went_by_the_node),
        cmocka_unit_test(test_gateway_takes_the_nodes_answer_for_what_the_desk_has_kept),
        cmocka_unit_test(test_gateway_does_not_sleep_for_a_while_after_a_frame_where_it_is_told_to),
        cmocka_unit_test(test_gateway_sleeps_again_when_no_frame_has_followed),
        cmocka_unit_test(test_gateway_sleeps_at_once_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
