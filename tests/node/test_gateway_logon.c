/* Connecting and logging on: what a client is told, and what it must prove. */
#include "gateway_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Tenor__V1__Logon logon_of(uint64_t session)
{
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    logon.market = CASE_MARKET;
    logon.session = session;
    return logon;
}

static void test_gateway_greets_with_chain_heads_and_a_fresh_challenge(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = calloc(1, sizeof *client);
    assert_true(client_shake(&test, client, client_dial(&test)));
    void *memory = aligned_alloc(64, WIRE_FROM_NODE_ARENA_BYTES);
    wire_arena_init(&client->arena, memory, WIRE_FROM_NODE_ARENA_BYTES);
    const Tenor__V1__Hello *hello = client_expect(client, TENOR__V1__FROM_NODE__BODY_HELLO)->hello;
    assert_int_equal(hello->protocol, WIRE_PROTOCOL);
    assert_int_equal(hello->height, CASE_HEIGHT);
    assert_int_equal(hello->time_ms, CASE_TIME_MS);
    assert_string_equal(hello->node, "node-under-test");
    assert_int_equal(hello->chain_id.len, 32);
    assert_memory_equal(hello->chain_id.data, test.options.chain_id, 32);
    assert_int_equal(hello->n_markets, 1);
    assert_int_equal(hello->markets[0]->market, CASE_MARKET);
    assert_int_equal(hello->markets[0]->term, 1);
    assert_int_equal(hello->markets[0]->leader, 1);
    uint8_t challenge[32];
    memcpy(challenge, hello->challenge.data, sizeof challenge);
    struct case_client *other = client_open(&test);
    assert_memory_not_equal(challenge, other->challenge, sizeof challenge);
    client_close(client);
    client_close(other);
    case_end(&test);
}

static void test_gateway_logs_on_whoever_signs_the_challenge(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_send_logon(&test, client, &logon);
    struct port_message ask = node_ask(&test, PORT_SESSION);
    const struct port_session_ask *wanted = (const void *)ask.bytes;
    assert_int_equal(wanted->market, CASE_MARKET);
    assert_int_equal(wanted->session, CASE_SESSION);
    node_session(&test, ask.tag, CASE_TIME_MS + 500, 41);
    const Tenor__V1__FromNode *message =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    const Tenor__V1__LogonAck *ack = message->logon_ack;
    assert_int_equal(message->request, 1);
    assert_int_equal(ack->account, CASE_ACCOUNT);
    assert_int_equal(ack->scope, 31);
    assert_int_equal(ack->expires_ms, CASE_TIME_MS + 500);
    assert_int_equal(ack->nonce_top, 41);
    assert_int_equal(ack->at->block, CASE_HEIGHT);
    assert_int_equal(ack->tokens->orders, test.options.limits.orders_burst);
    assert_int_equal(ack->tokens->quotes, test.options.limits.quotes_burst);
    assert_int_equal(case_count(&test, logged_on), 1);
    client_send_logon(&test, client, &logon);
    client_expect_error(client, 1, WIRE_ERROR_LOGON_TWICE);
    client_close(client);
    case_wait_counter(&test, logged_on, 0);
    case_end(&test);
}

/* Logs on with what `change` makes of the logon and of the chain; the error's code. */
static void refused(struct gateway_case *test, Tenor__V1__Logon logon, int64_t expires_ms,
                    uint32_t code)
{
    uint64_t before = case_count(test, logons_refused);
    struct case_client *client = client_open(test);
    client_send_logon(test, client, &logon);
    if (expires_ms != 0) node_session(test, node_ask(test, PORT_SESSION).tag, expires_ms, 0);
    client_expect_error(client, 1, code);
    assert_int_equal(case_count(test, logons_refused), before + 1);
    assert_int_equal(case_count(test, logged_on), 0);
    client_ping(client); /* the connection goes on */
    client_close(client);
}

static void test_gateway_refuses_logons_that_prove_nothing(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    int64_t later_ms = CASE_TIME_MS + 1;
    uint8_t junk[TN_SIGNATURE_SIZE];
    memset(junk, 1, sizeof junk);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    logon.signature = (ProtobufCBinaryData){sizeof junk, junk};
    refused(&test, logon, later_ms, WIRE_ERROR_LOGON_SIGNATURE);
    /* Of the right key over another chain's id. */
    struct gateway_case other = test;
    other.options.chain_id[0] ^= 1;
    struct case_client *client = client_open(&test);
    logon = logon_of(CASE_SESSION);
    client_send_logon(&other, client, &logon);
    node_session(&test, node_ask(&test, PORT_SESSION).tag, later_ms, 0);
    client_expect_error(client, 1, WIRE_ERROR_LOGON_SIGNATURE);
    client_close(client);
    /* Expired in this very block. */
    refused(&test, logon_of(CASE_SESSION), CASE_TIME_MS, WIRE_ERROR_LOGON_EXPIRED);
    logon = logon_of(CASE_SESSION);
    logon.market = 9;
    refused(&test, logon, 0, WIRE_ERROR_MARKET_UNKNOWN);
    logon = logon_of(CASE_SESSION);
    logon.heartbeat_ms = 999;
    refused(&test, logon, 0, WIRE_ERROR_HEARTBEAT_RANGE);
    logon.heartbeat_ms = 60001;
    refused(&test, logon, 0, WIRE_ERROR_HEARTBEAT_RANGE);
    case_end(&test);
}

static void test_gateway_refuses_a_session_that_does_not_exist(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    const struct port_session none = {.market = CASE_MARKET, .session = CASE_SESSION};
    struct case_client *client = client_open(&test);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_send_logon(&test, client, &logon);
    port_tell(test.port, PORT_SESSION_IS, node_ask(&test, PORT_SESSION).tag, &none, sizeof none);
    port_tell_flush(test.port);
    client_expect_error(client, 1, WIRE_ERROR_LOGON_SESSION);
    client_close(client);
    case_end(&test);
}

static void test_gateway_logs_nobody_on_while_the_node_is_behind(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    node_state(&test, PORT_SYNCING);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_ping(client); /* what was told before is taken before the answer leaves */
    client_send_logon(&test, client, &logon);
    client_expect_error(client, 1, WIRE_ERROR_SYNCING);
    client_close(client);
    case_end(&test);
}

static void test_gateway_bounds_the_logons_of_an_account(void **state)
{
    struct gateway_case test;
    struct case_client *clients[2];
    (void)state;
    case_prepare(&test);
    test.options.limits.account_sessions_max = 2;
    case_start(&test);
    for (int i = 0; i < 2; i++)
        clients[i] = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    struct case_client *client = client_open(&test);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_send_logon(&test, client, &logon);
    node_session(&test, node_ask(&test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect_error(client, 1, WIRE_ERROR_LOGONS_FULL);
    client_close(clients[0]);
    case_wait_counter(&test, logged_on, 1);
    client_send_logon(&test, client, &logon);
    node_session(&test, node_ask(&test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    client_close(client);
    client_close(clients[1]);
    case_end(&test);
}

static void test_gateway_tells_a_question_that_the_node_leaves_open(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.question_ms = 100;
    case_start(&test);
    struct case_client *client = client_open(&test);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_send_logon(&test, client, &logon);
    uint64_t tag = node_ask(&test, PORT_SESSION).tag;
    client_expect_error(client, 1, WIRE_ERROR_ANSWER_LATE);
    node_session(&test, tag, CASE_TIME_MS + 1, 0); /* too late: nobody hears it */
    client_ping(client);
    assert_int_equal(case_count(&test, logged_on), 0);
    assert_int_equal(case_count(&test, questions_late), 1);
    client_close(client);
    case_end(&test);
}

/* It waits for a checkpoint and its certificate, which takes longer than other answers. */
static void test_gateway_has_patience_with_a_proof(void **state)
{
    struct gateway_case test;
    uint8_t bytes[64];
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetProof body = TENOR__V1__GET_PROOF__INIT;
    Tenor__V1__FromNode answer = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Proof proof = TENOR__V1__PROOF__INIT;
    (void)state;
    case_prepare(&test);
    test.options.limits.question_ms = 100;
    case_start(&test);
    struct case_client *client = client_open(&test);
    body.market = CASE_MARKET;
    body.account = CASE_ACCOUNT;
    question.request = answer.request = 8;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_PROOF;
    question.get_proof = &body;
    client_send(client, &question);
    uint64_t tag = node_ask(&test, PORT_QUERY).tag;
    node_quiet(&test, 500);
    proof.height = 3;
    answer.body_case = TENOR__V1__FROM_NODE__BODY_PROOF;
    answer.proof = &proof;
    port_tell(test.port, PORT_REPLY, tag, bytes, tenor__v1__from_node__pack(&answer, bytes));
    port_tell_flush(test.port);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_PROOF)->proof->height, 3);
    client_close(client);
    case_end(&test);
}

static void ask_proof(struct case_client *client, uint64_t request)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetProof body = TENOR__V1__GET_PROOF__INIT;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_GET_PROOF;
    message.get_proof = &body;
    client_send(client, &message);
}

/* A proof waits for a checkpoint, up to two minutes, and the node has places for 64: nobody has all
 * of them, guests not even together and by coming and going, and other questions go on. */
static void test_gateway_lets_nobody_have_all_the_places_for_proofs(void **state)
{
    struct gateway_case test;
    struct case_client *guests[4], *trader;
    uint64_t tag = 0;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    for (uint32_t i = 0; i < 4; i++) {
        guests[i] = client_open(&test);
        for (uint32_t request = 1; request <= 4; request++) {
            ask_proof(guests[i], request);
            tag = node_ask(&test, PORT_QUERY).tag;
        }
        ask_proof(guests[i], 5);
        client_expect_error(guests[i], 5, WIRE_ERROR_BUSY);
    }
    client_close(guests[0]); /* its four are still under way at the node */
    guests[0] = client_open(&test);
    ask_proof(guests[0], 6);
    client_expect_error(guests[0], 6, WIRE_ERROR_BUSY);
    trader = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    ask_proof(trader, 7);
    node_ask(&test, PORT_QUERY);
    port_tell(test.port, PORT_REPLY, tag, "", 0); /* of the last guest */
    port_tell_flush(test.port);
    client_expect_error(guests[3], 4, WIRE_ERROR_ANSWER_TOO_LARGE);
    ask_proof(guests[0], 8);
    node_ask(&test, PORT_QUERY);
    ask_proof(guests[0], 9);
    client_expect_error(guests[0], 9, WIRE_ERROR_BUSY);
    for (uint32_t i = 0; i < 4; i++)
        client_close(guests[i]);
    client_close(trader);
    case_end(&test);
}

static void ask_cluster(struct case_client *client, uint64_t request)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetCluster body = TENOR__V1__GET_CLUSTER__INIT;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_GET_CLUSTER;
    message.get_cluster = &body;
    client_send(client, &message);
}

/* Orders wait behind questions at the node's thread, so who has not logged on may not fill it, with
 * however many connections; who comes to log on is let in all the same. */
static void test_gateway_lets_no_crowd_of_guests_fill_the_node_with_questions(void **state)
{
    struct gateway_case test;
    uint64_t tag = 0;
    (void)state;
    case_prepare(&test);
    test.options.limits.questions_max = 1000;
    case_start(&test);
    struct case_client *client = client_open(&test);
    for (uint32_t i = 1; i <= 128; i++)
        ask_cluster(client, i);
    ask_cluster(client, 129);
    client_expect_error(client, 129, WIRE_ERROR_BUSY);
    client_close(client); /* what was asked is still to be answered */
    client = client_open(&test);
    ask_cluster(client, 1);
    client_expect_error(client, 1, WIRE_ERROR_BUSY);
    Tenor__V1__Logon logon = logon_of(CASE_SESSION);
    client_send_logon(&test, client, &logon);
    for (uint32_t i = 0; i < 128; i++) {
        tag = node_ask(&test, PORT_QUERY).tag;
        port_tell(test.port, PORT_REPLY, tag, "", 0);
    }
    node_session(&test, node_ask(&test, PORT_SESSION).tag, CASE_TIME_MS + 1, 0);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    ask_cluster(client, 2);
    assert_int_not_equal(node_ask(&test, PORT_QUERY).tag, tag);
    client_close(client);
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_greets_with_chain_heads_and_a_fresh_challenge),
        cmocka_unit_test(test_gateway_logs_on_whoever_signs_the_challenge),
        cmocka_unit_test(test_gateway_refuses_logons_that_prove_nothing),
        cmocka_unit_test(test_gateway_refuses_a_session_that_does_not_exist),
        cmocka_unit_test(test_gateway_logs_nobody_on_while_the_node_is_behind),
        cmocka_unit_test(test_gateway_bounds_the_logons_of_an_account),
        cmocka_unit_test(test_gateway_tells_a_question_that_the_node_leaves_open),
        cmocka_unit_test(test_gateway_has_patience_with_a_proof),
        cmocka_unit_test(test_gateway_lets_nobody_have_all_the_places_for_proofs),
        cmocka_unit_test(test_gateway_lets_no_crowd_of_guests_fill_the_node_with_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
