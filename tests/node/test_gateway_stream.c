/* The account's stream: the same places on every node, no gap, nothing twice. */
#include "gateway_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* Three blocks: 2 messages for the account, 1 for another one, 3 for the account. */
static void tell_blocks(struct gateway_case *test)
{
    const struct tn_event own = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    const struct tn_event other = node_result(CASE_ACCOUNT + 1, TN_REJECT_NONE);
    const struct tn_event trade = {.kind = TN_EVENT_TRADE,
                                   .account = CASE_ACCOUNT + 1,
                                   .other_account = CASE_ACCOUNT,
                                   .price = 12};
    const struct tn_event first[] = {own, trade};
    node_step(test, CASE_ACCOUNT, 50, first, 2);
    node_block(test, test->height);
    node_step(test, CASE_ACCOUNT + 1, 8, &other, 1);
    node_block(test, test->height);
    node_step(test, CASE_ACCOUNT + 1, 9, &trade, 1);
    node_step(test, CASE_ACCOUNT, 51, &own, 1);
    node_step(test, TN_NONE, 0, &trade, 1);
    node_block(test, test->height);
}

static const struct {
    uint64_t block;
    uint32_t index;
    uint64_t nonce;
} told[] = {
    {CASE_HEIGHT + 1, 0, 50}, {CASE_HEIGHT + 1, 1, 50}, {CASE_HEIGHT + 3, 0, 0},
    {CASE_HEIGHT + 3, 1, 51}, {CASE_HEIGHT + 3, 2, 0},
};
#define TOLD (sizeof told / sizeof *told)

static void expect_told(struct case_client *client, size_t first)
{
    for (size_t i = first; i < TOLD; i++) {
        const Tenor__V1__AccountMessage *message =
            client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE)->account_message;
        assert_int_equal(message->at->block, told[i].block);
        assert_int_equal(message->at->index, told[i].index);
        assert_int_equal(message->nonce, told[i].nonce);
        assert_int_equal(message->time_ms, CASE_TIME_MS);
    }
}

static Tenor__V1__Place place_of(uint64_t block, uint32_t index)
{
    Tenor__V1__Place place = TENOR__V1__PLACE__INIT;
    place.block = block;
    place.index = index;
    return place;
}

/* `count` events of that frame, the first of them with that index of the block. */
static void expect_events(struct case_client *client, uint32_t index, uint32_t count,
                          uint64_t nonce)
{
    for (uint32_t i = 0; i < count; i++) {
        const Tenor__V1__AccountMessage *message =
            client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE)->account_message;
        assert_int_equal(message->at->block, CASE_HEIGHT + 1);
        assert_int_equal(message->at->index, index + i);
        assert_int_equal(message->nonce, nonce);
        if (nonce == 52) assert_int_equal(message->events[0]->order_id, 1000 + index + i);
    }
}

static void test_gateway_tells_what_concerns_the_account(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    tell_blocks(&test);
    expect_told(client, 0);
    client_ping(client);
    client_close(client);
    case_end(&test);
}

/* As many as a message may have, and those of another frame in one of their own; a stream goes on
 * behind any of them. */
static void test_gateway_tells_events_of_a_frame_together(void **state)
{
    enum { FRAME_EVENTS = WIRE_ACCOUNT_EVENTS_MAX + 44 };
    static struct tn_event events[FRAME_EVENTS];
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    for (uint32_t i = 0; i < FRAME_EVENTS; i++) {
        events[i] = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
        events[i].order_id = 1000 + i;
    }
    node_step(&test, CASE_ACCOUNT, 52, events, FRAME_EVENTS);
    node_step(&test, CASE_ACCOUNT, 53, events, 2);
    node_block(&test, test.height);
    expect_events(client, 0, FRAME_EVENTS, 52);
    assert_int_equal(client->together, FRAME_EVENTS - WIRE_ACCOUNT_EVENTS_MAX);
    expect_events(client, FRAME_EVENTS, 2, 53);
    assert_int_equal(client->together, 2);
    client_close(client);
    Tenor__V1__Place after = place_of(CASE_HEIGHT + 1, 99);
    client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    expect_events(client, 100, FRAME_EVENTS - 100, 52);
    assert_int_equal(client->together, FRAME_EVENTS - 100);
    expect_events(client, FRAME_EVENTS, 2, 53);
    assert_int_equal(client->together, 2);
    client_close(client);
    case_end(&test);
}

static void test_gateway_begins_a_stream_at_the_present_block(void **state)
{
    struct gateway_case test;
    const struct tn_event own = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    (void)state;
    case_prepare(&test);
    case_start(&test);
    tell_blocks(&test);
    case_wait_counter(&test, history_events, 9); /* three trades of two accounts, three results */
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    client_ping(client); /* nothing of before */
    node_step(&test, CASE_ACCOUNT, 52, &own, 1);
    node_block(&test, test.height);
    const Tenor__V1__AccountMessage *message =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE)->account_message;
    assert_int_equal(message->at->block, CASE_HEIGHT + 4);
    assert_int_equal(message->nonce, 52);
    client_close(client);
    case_end(&test);
}

static void test_gateway_resumes_after_every_place_on_any_node(void **state)
{
    struct gateway_case nodes[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        case_prepare(&nodes[i]);
        case_start(&nodes[i]);
        tell_blocks(&nodes[i]);
    }
    for (size_t i = 0; i < TOLD; i++) {
        struct gateway_case *test = &nodes[i % 2];
        Tenor__V1__Place after = place_of(told[i].block, told[i].index);
        struct case_client *client = client_log_on(test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
        expect_told(client, i + 1);
        client_ping(client);
        client_close(client);
    }
    /* All up to a block without any message of the account. */
    Tenor__V1__Place after = place_of(CASE_HEIGHT + 2, UINT32_MAX);
    struct case_client *client =
        client_log_on(&nodes[0], TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    expect_told(client, 2);
    client_close(client);
    case_end(&nodes[0]);
    case_end(&nodes[1]);
}

static void test_gateway_tells_nothing_twice_to_whoever_is_ahead_of_it(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    Tenor__V1__Place after = place_of(told[2].block, told[2].index);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    tell_blocks(&test);
    expect_told(client, 3);
    client_close(client);
    client = client_open(&test);
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    after = place_of(CASE_HEIGHT + 2000, 0);
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    logon.resume_after = &after;
    client_send_logon(&test, client, &logon);
    node_session(&test, node_ask(&test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect_error(client, 1, WIRE_ERROR_RESUME_AHEAD);
    client_close(client);
    case_end(&test);
}

static void refused_as_old(struct gateway_case *test, uint64_t block, uint32_t index)
{
    Tenor__V1__Place after = place_of(block, index);
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    struct case_client *client = client_open(test);
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    logon.resume_after = &after;
    client_send_logon(test, client, &logon);
    node_session(test, node_ask(test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect_error(client, 1, WIRE_ERROR_RESUME_OLD);
    client_close(client);
}

static void test_gateway_says_what_it_no_longer_has(void **state)
{
    struct gateway_case test;
    struct tn_event events[4];
    (void)state;
    case_prepare(&test);
    test.options.limits.history_bytes = 65536;
    case_start(&test);
    refused_as_old(&test, CASE_HEIGHT - 1, UINT32_MAX); /* before this node's time */
    for (int i = 0; i < 4; i++) {                       /* of some 90 bytes each */
        events[i] = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
        events[i].order_id = events[i].client_id = events[i].series_id = UINT64_MAX;
        events[i].price = events[i].quantity = events[i].remaining = INT64_MIN;
        events[i].other_remaining = events[i].money = INT64_MIN;
    }
    for (int i = 0; i < 200; i++) { /* 800 events, of which less than half stay */
        node_step(&test, CASE_ACCOUNT, 60, events, 4);
        node_block(&test, test.height);
    }
    refused_as_old(&test, CASE_HEIGHT + 1, 0);
    assert_true(case_count(&test, history_events) <= 400);
    /* The latest are there. */
    Tenor__V1__Place after = place_of(test.height - 1, 2);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    for (int i = 0; i < 5; i++)
        client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    client_ping(client);
    client_close(client);
    case_end(&test);
}

static void test_gateway_says_a_height_only_behind_the_streams_messages(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.heartbeat_least_ms = 100;
    test.options.limits.heartbeat_ms = 100;
    case_start(&test);
    tell_blocks(&test);
    Tenor__V1__Place after = place_of(CASE_HEIGHT, UINT32_MAX);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    for (size_t i = 0; i < TOLD; i++) {
        const Tenor__V1__FromNode *message = client_next(client);
        assert_int_equal(message->body_case, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    }
    const Tenor__V1__Heartbeat *heartbeat =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_HEARTBEAT)->heartbeat;
    assert_int_equal(heartbeat->height, CASE_HEIGHT + 3);
    client_close(client);
    case_end(&test);
}

/* A node reads its log again from its last checkpoint: of blocks up to there it has told nothing.
 */
static void test_gateway_resumes_nothing_from_before_its_nodes_log(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.height = 0; /* nothing is restored yet */
    case_start(&test);
    test.height = CASE_HEIGHT;
    tell_blocks(&test);
    case_wait_counter(&test, history_events, 9);
    refused_as_old(&test, CASE_HEIGHT / 2, 0);
    Tenor__V1__Place after = place_of(CASE_HEIGHT, UINT32_MAX);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    expect_told(client, 0);
    client_close(client);
    case_end(&test);
}

static void expect_gap(struct case_client *client)
{
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_GAP);
    assert_true(message->error->closing);
    client_expect_end(client);
}

static void expect_snapshot_asked(struct gateway_case *test)
{
    struct port_message message;
    for (int i = 0; i < CASE_WAIT_MS && !port_next_ask(test->port, &message); i++)
        usleep(1000);
    assert_int_equal(message.kind, PORT_SNAPSHOT);
}

/* By state sync a node comes to a height without the blocks below it. */
static void test_gateway_tells_a_leap_of_its_node_as_a_gap(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    node_quiet(&test, 200); /* the first snapshot */
    test.height += 1000;
    node_state(&test, PORT_READY);
    expect_gap(client);
    client_close(client);
    expect_snapshot_asked(&test);
    refused_as_old(&test, CASE_HEIGHT + 500, 0);
    Tenor__V1__Place after = place_of(CASE_HEIGHT + 1000, UINT32_MAX);
    client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, &after);
    const struct tn_event own = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    node_step(&test, CASE_ACCOUNT, 52, &own, 1);
    node_block(&test, test.height);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    /* And by its steps, when it says nothing of its state. */
    test.height += 5;
    node_step(&test, CASE_ACCOUNT, 53, &own, 1);
    node_block(&test, test.height);
    expect_gap(client);
    client_close(client);
    refused_as_old(&test, CASE_HEIGHT + 1003, 0);
    case_end(&test);
}

/* Whoever logged on between a gap and the block that ends it would miss what the gap swallowed. */
static void test_gateway_logs_nobody_on_inside_a_gap(void **state)
{
    struct gateway_case test;
    const struct tn_event own = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    client_send_logon(&test, client, &logon);
    uint64_t tag = node_ask(&test, PORT_SESSION).tag;
    port_tell(test.port, PORT_GAP, 0, NULL, 0);
    node_session(&test, tag, CASE_TIME_MS + 1, 0);
    client_expect_error(client, 1, WIRE_ERROR_SYNCING);
    test.height += 3;
    node_step(&test, CASE_ACCOUNT, 52, &own, 1);
    node_block(&test, test.height);
    client_ping(client);
    client_send_logon(&test, client, &logon);
    node_session(&test, node_ask(&test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    node_step(&test, CASE_ACCOUNT, 53, &own, 1);
    node_block(&test, test.height);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    client_ping(client);
    assert_int_equal(case_count(&test, gaps), 1);
    client_close(client);
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_tells_what_concerns_the_account),
        cmocka_unit_test(test_gateway_tells_events_of_a_frame_together),
        cmocka_unit_test(test_gateway_begins_a_stream_at_the_present_block),
        cmocka_unit_test(test_gateway_resumes_after_every_place_on_any_node),
        cmocka_unit_test(test_gateway_tells_nothing_twice_to_whoever_is_ahead_of_it),
        cmocka_unit_test(test_gateway_says_what_it_no_longer_has),
        cmocka_unit_test(test_gateway_says_a_height_only_behind_the_streams_messages),
        cmocka_unit_test(test_gateway_resumes_nothing_from_before_its_nodes_log),
        cmocka_unit_test(test_gateway_tells_a_leap_of_its_node_as_a_gap),
        cmocka_unit_test(test_gateway_logs_nobody_on_inside_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
