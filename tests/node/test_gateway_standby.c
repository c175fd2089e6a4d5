/* Standby frames: sent when their connection is lost or silent, and never otherwise. */
#include "gateway_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct case_frame frame;

/* Logged on with a standby frame of nonce 72. */
static struct case_client *begin(struct gateway_case *test, Tenor__V1__OnDisconnect lost,
                                 uint32_t dead_man_blocks)
{
    case_prepare(test);
    case_start(test);
    struct case_client *client = client_log_on(test, lost, NULL);
    frame_cancel(test, &frame, 72);
    client_send_standby(client, 9, &frame, dead_man_blocks);
    client_ping(client);
    assert_int_equal(case_count(test, standby_set), 1);
    return client;
}

/* The standby frame, as the node is asked to take it. */
static uint64_t expect_sent(struct gateway_case *test)
{
    struct port_message ask = node_ask(test, PORT_FRAME);
    assert_int_equal(ask.size, 6 + frame.message.payload.len + TN_SIGNATURE_SIZE);
    assert_memory_equal(ask.bytes + 6, frame.payload, frame.message.payload.len);
    return ask.tag;
}

static void answer(struct gateway_case *test, uint64_t tag, enum tn_member_answer_kind kind,
                   enum tn_reject reject)
{
    const struct port_answer told = {.kind = kind, .market = CASE_MARKET, .reject = reject};
    node_answer(test, tag, &told, NULL);
}

static void test_gateway_sends_the_standby_frame_of_a_lost_connection(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    node_quiet(&test, 20);
    client_close(client);
    node_soft(&test, expect_sent(&test), 72);
    node_quiet(&test, 100);
    assert_int_equal(case_count(&test, standby_sent), 1);
    assert_int_equal(case_count(&test, standby_failed), 0);
    case_end(&test);
}

static void test_gateway_sends_no_standby_frame_after_a_logoff(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logoff logoff = TENOR__V1__LOGOFF__INIT;
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGOFF;
    message.logoff = &logoff;
    client_send(client, &message);
    client_expect_end(client);
    client_close(client);
    case_wait_counter(&test, connections, 0);
    node_quiet(&test, 20);
    assert_int_equal(case_count(&test, logoffs), 1);
    case_end(&test);
}

static void test_gateway_sends_no_standby_frame_that_nobody_asked_for(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__NOTHING, 0);
    client_close(client);
    case_wait_counter(&test, connections, 0);
    node_quiet(&test, 20);
    case_end(&test);
}

static void test_gateway_tries_a_standby_frame_until_a_leader_takes_it(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    client_close(client);
    answer(&test, expect_sent(&test), TN_MEMBER_AWAY, TN_REJECT_NONE);
    answer(&test, expect_sent(&test), TN_MEMBER_REFUSED, TN_REJECT_DESK_IDLE);
    node_soft(&test, expect_sent(&test), 72);
    node_quiet(&test, 120);
    case_end(&test);
}

static void test_gateway_gives_a_standby_frame_up_when_its_term_is_over(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    client_close(client);
    uint64_t tag = expect_sent(&test);
    node_term(&test, 2, 0);
    node_block(&test, CASE_HEIGHT);
    case_wait_counter(&test, frames_lapsed, 1);
    answer(&test, tag, TN_MEMBER_AWAY, TN_REJECT_NONE); /* nobody waits for it any more */
    node_quiet(&test, 120);
    case_end(&test);
}

static void test_gateway_says_when_a_standby_frame_is_void(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    node_step(&test, CASE_ACCOUNT, 135, &result, 1); /* 63 later: it would still pass */
    node_block(&test, CASE_HEIGHT);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    client_ping(client);
    node_step(&test, CASE_ACCOUNT, 136, &result, 1);
    node_block(&test, CASE_HEIGHT);
    const Tenor__V1__FromNode *message =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_STANDBY_VOID);
    assert_int_equal(message->request, 9);
    assert_int_equal(message->standby_void->reject, TN_REJECT_NONCE_TOO_OLD);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    /* Another one, whose very nonce is used. */
    frame_cancel(&test, &frame, 170);
    client_send_standby(client, 10, &frame, 0);
    client_ping(client);
    node_step(&test, CASE_ACCOUNT, 170, &result, 1);
    node_block(&test, CASE_HEIGHT);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_STANDBY_VOID);
    assert_int_equal(message->standby_void->reject, TN_REJECT_NONCE_USED);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    /* One whose last block has passed; one whose term has ended. */
    frame_cancel(&test, &frame, 180);
    client_send_standby(client, 11, &frame, 0);
    client_ping(client);
    node_block(&test, test.height + 12);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_STANDBY_VOID);
    assert_int_equal(message->standby_void->reject, TN_REJECT_FRAME_EXPIRED);
    for (int i = 0; i < 20; i++)
        node_block(&test, CASE_HEIGHT);
    frame_cancel(&test, &frame, 181);
    client_send_standby(client, 12, &frame, 0);
    client_ping(client);
    node_term(&test, 3, 0);
    node_block(&test, CASE_HEIGHT);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_STANDBY_VOID);
    assert_int_equal(message->standby_void->reject, TN_REJECT_TERM_WRONG);
    assert_int_equal(message->standby_void->term, 3);
    /* With none left nothing is sent. */
    client_close(client);
    case_wait_counter(&test, connections, 0);
    node_quiet(&test, 20);
    assert_int_equal(case_count(&test, standby_void), 4);
    case_end(&test);
}

static void test_gateway_sends_the_standby_frame_of_a_dead_man(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__NOTHING, 3);
    node_block(&test, CASE_HEIGHT);
    node_block(&test, CASE_HEIGHT);
    client_ping(client); /* behind it the blocks are known */
    client_ping(client); /* alive, after them */
    node_block(&test, CASE_HEIGHT);
    node_block(&test, CASE_HEIGHT);
    node_quiet(&test, 20);
    node_block(&test, CASE_HEIGHT);
    node_soft(&test, expect_sent(&test), 72);
    client_ping(client);
    assert_int_equal(case_count(&test, standby_dead_man), 1);
    client_close(client);
    case_end(&test);
}

/* Blocks that the node did not see one by one are no silence of its client. */
static void test_gateway_does_not_take_a_leap_of_its_node_for_a_dead_man(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__NOTHING, 3);
    test.height += 1000;
    node_state(&test, PORT_READY);
    node_block(&test, CASE_HEIGHT);
    node_quiet(&test, 50);
    case_wait_counter(&test, logged_on, 0); /* its stream has a gap: it is to log on elsewhere */
    assert_int_equal(case_count(&test, standby_dead_man), 0);
    client_close(client);
    case_end(&test);
}

/* What became of it is not known: its nonce sees to it that it is not executed twice. */
static void test_gateway_sends_a_standby_frame_again_after_a_gap(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    client_close(client);
    uint64_t tag = node_ask(&test, PORT_FRAME).tag;
    port_tell(test.port, PORT_GAP, 0, NULL, 0);
    port_tell_flush(test.port);
    assert_int_not_equal(node_ask(&test, PORT_FRAME).tag, tag);
    case_end(&test);
}

static void test_gateway_holds_only_standby_frames_that_could_pass(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, NULL);
    frame_place(&test, &frame, 72);
    client_send_standby(client, 1, &frame, 0);
    client_expect_error(client, 1, WIRE_ERROR_STANDBY_RANGE);
    frame_cancel(&test, &frame, 72);
    frame.signature[5] ^= 1;
    client_send_standby(client, 2, &frame, 0);
    client_expect_error(client, 2, TN_REJECT_SIGNATURE_BAD);
    test.term = 2;
    frame_cancel(&test, &frame, 72);
    client_send_standby(client, 3, &frame, 0);
    client_expect_error(client, 3, TN_REJECT_TERM_WRONG);
    client_close(client);
    case_wait_counter(&test, connections, 0);
    node_quiet(&test, 20);
    case_end(&test);
}

static void test_gateway_sends_standby_frames_when_it_stops(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test, TENOR__V1__ON_DISCONNECT__RUN_STANDBY, 0);
    gateway_stop(test.gateway);
    node_soft(&test, expect_sent(&test), 72);
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_STOPPING);
    assert_true(message->error->closing);
    client_expect_end(client);
    client_close(client);
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_sends_the_standby_frame_of_a_lost_connection),
        cmocka_unit_test(test_gateway_sends_no_standby_frame_after_a_logoff),
        cmocka_unit_test(test_gateway_sends_no_standby_frame_that_nobody_asked_for),
        cmocka_unit_test(test_gateway_tries_a_standby_frame_until_a_leader_takes_it),
        cmocka_unit_test(test_gateway_gives_a_standby_frame_up_when_its_term_is_over),
        cmocka_unit_test(test_gateway_says_when_a_standby_frame_is_void),
        cmocka_unit_test(test_gateway_sends_the_standby_frame_of_a_dead_man),
        cmocka_unit_test(test_gateway_does_not_take_a_leap_of_its_node_for_a_dead_man),
        cmocka_unit_test(test_gateway_sends_a_standby_frame_again_after_a_gap),
        cmocka_unit_test(test_gateway_holds_only_standby_frames_that_could_pass),
        cmocka_unit_test(test_gateway_sends_standby_frames_when_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
