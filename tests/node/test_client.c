/* A client's connection: whom it trusts, how it logs on, what becomes of its frames when a node is
 * lost, what it keeps ready at the node for that case. */
#include "client_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER(test, index) (&(test)->servers[index])

/* Sends one order; its nonce. */
static uint64_t place(struct client_case *test, uint64_t tag, enum tn_client_wait wait)
{
    const struct tn_command command = case_place(4711, 100);
    uint64_t nonce = 0;
    assert_int_equal(tn_client_send(test->client, &nonce, tag, &command, 1, wait), TN_CLIENT_OK);
    return nonce;
}

static uint64_t hear_frame(struct client_case *test, struct case_server *server, uint64_t nonce)
{
    const Tenor__V1__ToNode *message = case_hear_kind(test, server, TENOR__V1__TO_NODE__BODY_FRAME);
    const struct tn_frame *frame = case_read_frame(test, message->frame);
    assert_int_equal(frame->nonce, nonce);
    return message->request;
}

/* Moves the clock to the next attempt, which goes to that server. */
static void go_to(struct client_case *test, struct case_server *server)
{
    uint32_t before = server->connections_count;
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    test->now_ms += tn_client_timeout(test->client, test->now_ms);
    CASE_UNTIL(test, server->connections_count > before);
}

static void test_logs_on_by_a_signature_over_the_challenge(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_hello(test, SERVER(test, 0));
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGON);
    assert_int_equal(message->logon->heartbeat_ms, 10000);
    assert_null(message->logon->resume_after);
    case_logon_ack(test, SERVER(test, 0), message->request, 41, 10);
    case_expect(test, "connected to 0\nlogged on account 5 at 10\n");
    assert_int_equal(tn_client_account(test->client), 5);
    assert_int_equal(place(test, 1, TN_WAIT_FINAL), 42);
}

static void test_an_order_is_heard_of_soft_and_then_final(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t nonce = place(test, 600, TN_WAIT_SOFT_AND_FINAL);
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_FRAME);
    const struct tn_frame *frame = case_read_frame(test, message->frame);
    assert_int_equal(frame->term, 1);
    assert_int_equal(frame->valid_until_block, 110);
    assert_int_equal(frame->commands_count, 1);
    assert_int_equal(frame->commands[0].as.terms[0].price, 100);
    uint64_t request = message->request;
    case_soft(SERVER(test, 0), request, nonce, 0);
    case_account(SERVER(test, 0), 12, 0, nonce, TN_EVENT_RESULT);
    case_final(SERVER(test, 0), request, nonce, 12);
    case_expect(test, "frame 600 nonce 1 soft events 1\n"
                      "account 12:0 nonce 1 kind 1\n"
                      "frame 600 nonce 1 final block 12\n");
    assert_int_equal(tn_client_flight_count(test->client), 0);
}

static void test_a_refused_frame_says_why(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t first = place(test, 1, TN_WAIT_NEITHER), second = place(test, 2, TN_WAIT_SOFT);
    uint64_t request = hear_frame(test, SERVER(test, 0), first);
    case_error(SERVER(test, 0), request, TN_REJECT_DESK_FULL, false);
    request = hear_frame(test, SERVER(test, 0), second);
    case_error(SERVER(test, 0), request, WIRE_ERROR_ORDERS_FAST, false);
    case_expect(test, "frame 1 nonce 1 refused reject 1101\n"
                      "frame 2 nonce 2 refused error 30001\n");
    assert_true(test->last.as.frame.is_retriable);
    assert_int_equal(tn_client_flight_count(test->client), 0);
}

static void test_goes_on_above_nonces_that_somebody_else_has_used(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t nonce = place(test, 1, TN_WAIT_FINAL);
    uint64_t request = hear_frame(test, SERVER(test, 0), nonce);
    case_error(SERVER(test, 0), request, TN_REJECT_NONCE_USED, false);
    case_expect(test, "frame 1 nonce 1 refused reject 201\n");
    assert_true(place(test, 1, TN_WAIT_FINAL) > 1000);
}

static void test_a_certificate_that_is_not_pinned_is_refused(void **state)
{
    struct client_case *test = *state;
    test->nodes[0].certificate = test->servers[1].certificate_path;
    test->options.nodes_count = 1;
    test->options.stay = true;
    case_start(test);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_CLOSED);
    assert_non_null(strstr(test->told, "shows another certificate than the one it is known by"));
    assert_null(strstr(test->told, "connected to"));
}

static void test_a_node_of_another_chain_is_left(void **state)
{
    struct client_case *test = *state;
    test->options.chain_id[3] ^= 1;
    test->options.nodes_count = 1;
    case_start(test);
    case_hello(test, SERVER(test, 0));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_CLOSED);
    assert_non_null(strstr(test->told, "is a node of another chain"));
}

static void test_zeros_stand_for_the_chain_of_the_first_node(void **state)
{
    struct client_case *test = *state;
    uint8_t chain_id[32];
    memset(test->options.chain_id, 0, sizeof test->options.chain_id);
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    tn_client_chain_id(chain_id, test->client);
    assert_memory_equal(chain_id, test->chain_id, sizeof chain_id);
    test->chain_id[0] ^= 1;
    case_cut(SERVER(test, 0));
    go_to(test, SERVER(test, 1));
    case_hello(test, SERVER(test, 1));
    CASE_UNTIL(test, strstr(test->told, "is a node of another chain") != NULL);
}

static void test_a_lost_frame_is_settled_by_the_stream_of_another_node(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t executed = place(test, 70, TN_WAIT_SOFT_AND_FINAL);
    uint64_t lost = place(test, 71, TN_WAIT_SOFT_AND_FINAL);
    uint64_t request = hear_frame(test, SERVER(test, 0), executed);
    hear_frame(test, SERVER(test, 0), lost);
    case_account(SERVER(test, 0), 11, 2, 0, TN_EVENT_FUNDED);
    case_soft(SERVER(test, 0), request, executed, 0);
    case_expect(test, "account 11:2 nonce 0 kind 14\nframe 70 nonce 1 soft events 1\n");
    case_cut(SERVER(test, 0));
    case_expect(test, "disconnected from 0: the node closed the connection\n"
                      "frame 70 nonce 1 ambiguous\n"
                      "frame 71 nonce 2 ambiguous\n");
    assert_int_equal(tn_client_flight_count(test->client), 2);

    struct case_server *next = SERVER(test, 1);
    go_to(test, next);
    case_hello(test, next);
    const Tenor__V1__ToNode *message = case_hear_kind(test, next, TENOR__V1__TO_NODE__BODY_LOGON);
    assert_non_null(message->logon->resume_after);
    assert_int_equal(message->logon->resume_after->block, 11);
    assert_int_equal(message->logon->resume_after->index, 2);
    case_logon_ack(test, next, message->request, 1, 12);
    case_account(next, 11, 2, 0, TN_EVENT_FUNDED); /* a node that repeats itself */
    case_account(next, 12, 0, executed, TN_EVENT_RESULT);
    case_heartbeat(next, 200, 1, 110); /* the cursor is not past the frame's last block */
    case_expect(test, "connected to 1\nlogged on account 5 resumed at 12\n"
                      "account 12:0 nonce 1 kind 1\n"
                      "frame 70 nonce 1 executed block 12\n"
                      "head 200\n");
    case_heartbeat(next, 201, 1, 111);
    case_expect(test, "frame 71 nonce 2 not executed\nhead 201\n");
    assert_int_equal(place(test, 72, TN_WAIT_FINAL), 3);
}

static void test_the_end_of_a_term_settles_what_was_signed_for_it(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t nonce = place(test, 9, TN_WAIT_NEITHER);
    hear_frame(test, SERVER(test, 0), nonce);
    case_cut(SERVER(test, 0));
    case_expect(test, "disconnected from 0: the node closed the connection\n"
                      "frame 9 nonce 1 ambiguous\n");
    go_to(test, SERVER(test, 1));
    SERVER(test, 1)->term = 2;
    case_log_on(test, SERVER(test, 1));
    assert_int_equal(tn_client_flight_count(test->client), 1); /* its stream was not told yet */
    case_heartbeat(SERVER(test, 1), 15, 2, 14);
    case_expect(test, "frame 9 nonce 1 not executed\nhead 15\n");
}

static void test_what_never_left_is_known_not_to_be_executed(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    case_cut(SERVER(test, 0));
    place(test, 3, TN_WAIT_FINAL);
    case_expect(test, "disconnected from 0: the node closed the connection\n"
                      "frame 3 nonce 1 not executed\n");
}

static void test_a_reverted_frame_brings_the_new_term(void **state)
{
    struct client_case *test = *state;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameReverted reverted = TENOR__V1__FRAME_REVERTED__INIT;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    reverted.nonce = place(test, 8, TN_WAIT_SOFT_AND_FINAL);
    reverted.term = 1;
    reverted.term_now = 4;
    reverted.market = 1;
    message.request = hear_frame(test, SERVER(test, 0), reverted.nonce);
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_REVERTED;
    message.frame_reverted = &reverted;
    case_say(SERVER(test, 0), &message);
    case_expect(test, "frame 8 nonce 1 reverted\n");
    assert_int_equal(tn_client_term(test->client), 4);
    place(test, 8, TN_WAIT_FINAL);
    const Tenor__V1__ToNode *next =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_FRAME);
    assert_int_equal(case_read_frame(test, next->frame)->term, 4);
}

static void test_whether_a_frame_was_taken_may_be_unknown_without_a_disconnect(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t nonce = place(test, 5, TN_WAIT_FINAL);
    uint64_t request = hear_frame(test, SERVER(test, 0), nonce);
    case_error(SERVER(test, 0), request, WIRE_ERROR_ANSWER_LOST, false);
    case_account(SERVER(test, 0), 11, 0, nonce, TN_EVENT_RESULT);
    case_expect(test, "frame 5 nonce 1 ambiguous\n"
                      "account 11:0 nonce 1 kind 1\n"
                      "frame 5 nonce 1 executed block 11\n");
}

static void test_a_stream_with_a_hole_leaves_frames_unknown(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    hear_frame(test, SERVER(test, 0), place(test, 6, TN_WAIT_FINAL));
    case_cut(SERVER(test, 0));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    case_forget(test);
    go_to(test, SERVER(test, 1));
    case_hello(test, SERVER(test, 1));
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 1), TENOR__V1__TO_NODE__BODY_LOGON);
    assert_non_null(message->logon->resume_after);
    case_error(SERVER(test, 1), message->request, WIRE_ERROR_RESUME_OLD, false);
    message = case_hear_kind(test, SERVER(test, 1), TENOR__V1__TO_NODE__BODY_LOGON);
    assert_null(message->logon->resume_after);
    case_logon_ack(test, SERVER(test, 1), message->request, 1, 500);
    case_expect(test, "connected to 1\nerror 20007 tag -1\nlogged on account 5 at 500\n"
                      "frame 6 nonce 1 unknown\n");
}

/* ---- A node that lies --------------------------------------------------------------------------
 */

static void test_a_nonce_that_no_account_has_ends_the_connection(void **state)
{
    struct client_case *test = *state;
    test->options.on_disconnect = TN_CLIENT_CANCEL_ALL;
    case_start(test);
    case_hello(test, SERVER(test, 0));
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGON);
    case_logon_ack(test, SERVER(test, 0), message->request, UINT64_MAX, 10);
    case_expect(test, "connected to 0\n"
                      "disconnected from 0: the node names a nonce that no account has\n");
    go_to(test, SERVER(test, 1));
    case_log_on(test, SERVER(test, 1));
    assert_int_equal(place(test, 1, TN_WAIT_FINAL), 1);
}

/* What a node says of the chain is forgotten with it. */
static void test_a_lie_of_heights_spoils_no_other_node(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    SERVER(test, 0)->height = UINT32_MAX;
    SERVER(test, 0)->term = 900;
    case_hello(test, SERVER(test, 0));
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGON);
    case_logon_ack(test, SERVER(test, 0), message->request, 0, 10);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_LOGGED_ON);
    uint64_t nonce = place(test, 7, TN_WAIT_FINAL);
    hear_frame(test, SERVER(test, 0), nonce);
    case_heartbeat(SERVER(test, 0), UINT64_MAX, 901, UINT64_MAX);
    case_settle(test);
    case_cut(SERVER(test, 0));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY); /* not for long, by chance */
    case_forget(test);
    struct case_server *honest = SERVER(test, 1);
    go_to(test, honest);
    case_hello(test, honest);
    message = case_hear_kind(test, honest, TENOR__V1__TO_NODE__BODY_LOGON);
    case_logon_ack(test, honest, message->request, 0, honest->height);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_LOGGED_ON);
    case_heartbeat(honest, honest->height + 1u, honest->term, honest->height);
    CASE_UNTIL(test, tn_client_height(test->client) == honest->height + 1u);
    assert_int_equal(tn_client_flight_count(test->client), 1); /* what was lost is not settled */
    assert_null(strstr(test->told, "not executed"));
    place(test, 8, TN_WAIT_FINAL);
    message = case_hear_kind(test, honest, TENOR__V1__TO_NODE__BODY_FRAME);
    const struct tn_frame *frame = case_read_frame(test, message->frame);
    assert_int_equal(frame->term, honest->term);
    assert_int_equal(frame->valid_until_block, honest->height + 1u + 100u);
}

/* A place that no node ever comes to: the stream goes on without it, and says so. */
static void test_a_place_that_no_node_knows_is_given_up(void **state)
{
    struct client_case *test = *state;
    test->options.nodes_count = 1;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    hear_frame(test, SERVER(test, 0), place(test, 6, TN_WAIT_FINAL));
    case_heartbeat(SERVER(test, 0), UINT64_C(1) << 60, 1, 10);
    case_settle(test);
    case_cut(SERVER(test, 0));
    uint32_t refusals = 0;
    while (!case_has_message(SERVER(test, 0))) {
        go_to(test, SERVER(test, 0));
        case_hello(test, SERVER(test, 0));
        const Tenor__V1__ToNode *logon =
            case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGON);
        assert_non_null(logon->logon->resume_after);
        assert_true(refusals++ < 20);
        case_forget(test);
        case_error(SERVER(test, 0), logon->request, WIRE_ERROR_RESUME_AHEAD, false);
        case_settle(test);
    }
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGON);
    assert_null(message->logon->resume_after);
    assert_true(refusals >= 5); /* a node that was restarted comes to it */
    case_logon_ack(test, SERVER(test, 0), message->request, 1, 500);
    case_expect(test, "error 20008 tag -1\nlogged on account 5 at 500\nframe 6 nonce 1 unknown\n");
}

static void send_at_once(struct client_case *test, const struct tn_client_news *news)
{
    if (news->kind == TN_NEWS_LOGGED_ON) place(test, 33, TN_WAIT_FINAL);
}

static void test_a_hole_says_nothing_of_frames_that_are_sent_after_it(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    hear_frame(test, SERVER(test, 0), place(test, 6, TN_WAIT_FINAL));
    case_cut(SERVER(test, 0));
    go_to(test, SERVER(test, 1));
    case_forget(test);
    case_hello(test, SERVER(test, 1));
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 1), TENOR__V1__TO_NODE__BODY_LOGON);
    case_error(SERVER(test, 1), message->request, WIRE_ERROR_RESUME_OLD, false);
    message = case_hear_kind(test, SERVER(test, 1), TENOR__V1__TO_NODE__BODY_LOGON);
    test->also = send_at_once;
    case_logon_ack(test, SERVER(test, 1), message->request, 1, 500);
    case_expect(test, "connected to 1\nerror 20007 tag -1\nlogged on account 5 at 500\n"
                      "frame 6 nonce 1 unknown\n");
    uint64_t request = hear_frame(test, SERVER(test, 1), 2);
    case_soft(SERVER(test, 1), request, 2, 0);
    case_expect(test, "frame 33 nonce 2 soft events 1\n");
}

static void read_all(struct case_server *server)
{
    for (uint32_t quiet = 0; quiet < 20;) {
        int got = mbedtls_ssl_read(&server->ssl, server->in + server->in_size, 1 << 14);
        if (got > 0) server->in_size += (size_t)got;
        quiet = got > 0 ? 0 : quiet + 1;
        if (got <= 0) usleep(1000);
    }
}

/* What is said not to be executed may not leave with the last words of TLS. */
static void test_nothing_that_waits_leaves_with_the_farewell(void **state)
{
    struct client_case *test = *state;
    struct tn_quote quotes[250];
    struct case_server *server = SERVER(test, 0);
    for (uint32_t i = 0; i < 250; i++)
        quotes[i] = (struct tn_quote){.series_id = UINT64_MAX - i,
                                      .bid_price = INT64_C(1) << 39,
                                      .ask_price = (INT64_C(1) << 39) + 1,
                                      .bid_quantity = 1,
                                      .ask_quantity = 1};
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote.quotes = quotes;
    command.as.mass_quote.quotes_count = 250;
    case_start(test);
    case_log_on(test, server);
    const int small = 4096;
    setsockopt(tn_client_fd(test->client), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    uint32_t queued = 0, told = 0, heard = 0;
    /* Until the socket takes no more, in the middle of a record. */
    for (uint32_t turn = 0; turn < 200; turn++) {
        while (queued < 400 && tn_client_send(test->client, NULL, queued, &command, 1,
                                              TN_WAIT_NEITHER) == TN_CLIENT_OK)
            queued++;
        tn_client_turn(test->client, test->now_ms);
    }
    assert_false(tn_client_is_flushed(test->client));
    /* The server reads all of it, and the client leaves before it sends what is left. */
    read_all(server);
    tn_client_leave(test->client);
    tn_client_turn(test->client, test->now_ms);
    for (const char *at = test->told; (at = strstr(at, "not executed")) != NULL; at++)
        told++;
    read_all(server);
    for (size_t at = 0, size; wire_next(&size, server->in + at, server->in_size - at,
                                        WIRE_TO_NODE_BYTES_MAX) == WIRE_WHOLE;
         at += WIRE_LENGTH_BYTES + size)
        heard++;
    assert_true(told > 0 && heard + told <= queued);
}

/* ---- The standby frame -------------------------------------------------------------------------
 */

static uint64_t hear_standby(struct client_case *test, struct case_server *server, uint32_t term)
{
    for (;;) {
        const Tenor__V1__ToNode *message = case_hear(test, server);
        if (message->body_case != TENOR__V1__TO_NODE__BODY_STANDBY) continue;
        const struct tn_frame *frame = case_read_frame(test, message->standby->frame);
        assert_int_equal(frame->commands_count, 1);
        assert_int_equal(frame->commands[0].kind, TN_COMMAND_MASS_CANCEL);
        assert_int_equal(frame->commands[0].as.mass_cancel.by, 0);
        assert_int_equal(frame->term, term);
        assert_int_equal(message->standby->dead_man_blocks, 600);
        return frame->nonce;
    }
}

static void test_the_standby_frame_stays_ahead_of_the_nonces_in_use(void **state)
{
    struct client_case *test = *state;
    test->options.on_disconnect = TN_CLIENT_CANCEL_ALL;
    test->options.dead_man_blocks = 600;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t standby = hear_standby(test, SERVER(test, 0), 1);
    uint64_t highest = 0;
    uint32_t renewed = 0;
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t nonce = place(test, i, TN_WAIT_NEITHER);
        assert_true(nonce > highest);
        highest = nonce;
        case_settle(test);
        while (case_has_message(SERVER(test, 0))) {
            const Tenor__V1__ToNode *message = case_hear(test, SERVER(test, 0));
            if (message->body_case != TENOR__V1__TO_NODE__BODY_STANDBY) continue;
            standby = case_read_frame(test, message->standby->frame)->nonce;
            renewed++;
        }
        assert_true(standby > highest && standby < highest + 64);
    }
    assert_true(renewed >= 200 / 48 && renewed <= 200 / 16);
}

static void test_a_session_may_stand_by_for_what_has_its_label_alone(void **state)
{
    struct client_case *test = *state;
    test->options.on_disconnect = TN_CLIENT_CANCEL_LABEL;
    test->options.cancel_label = 7;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    const struct tn_frame *frame = case_read_frame(
        test,
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_STANDBY)->standby->frame);
    assert_int_equal(frame->commands_count, 1);
    assert_int_equal(frame->commands[0].kind, TN_COMMAND_MASS_CANCEL);
    assert_int_equal(frame->commands[0].as.mass_cancel.by, TN_BY_LABEL);
    assert_int_equal(frame->commands[0].as.mass_cancel.label, 7);
}

static void test_the_standby_frame_is_signed_anew_in_a_new_term(void **state)
{
    struct client_case *test = *state;
    test->options.on_disconnect = TN_CLIENT_CANCEL_ALL;
    test->options.dead_man_blocks = 600;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    hear_standby(test, SERVER(test, 0), 1);
    case_heartbeat(SERVER(test, 0), 20, 2, 19);
    hear_standby(test, SERVER(test, 0), 2);
}

static void test_a_void_standby_frame_is_replaced_but_not_in_a_circle(void **state)
{
    struct client_case *test = *state;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__StandbyVoid body = TENOR__V1__STANDBY_VOID__INIT;
    test->options.on_disconnect = TN_CLIENT_CANCEL_ALL;
    test->options.dead_man_blocks = 600;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    hear_standby(test, SERVER(test, 0), 1);
    body.reject = TN_REJECT_NONCE_USED;
    body.term = 1;
    message.body_case = TENOR__V1__FROM_NODE__BODY_STANDBY_VOID;
    message.standby_void = &body;
    case_say(SERVER(test, 0), &message);
    case_expect(test, "standby void\n");
    assert_false(case_has_message(SERVER(test, 0)));
    test->now_ms += tn_client_timeout(test->client, test->now_ms);
    hear_standby(test, SERVER(test, 0), 1);
    case_expect(test, "standby held\n");
}

static void test_after_a_standby_frame_was_run_another_one_stands_by(void **state)
{
    struct client_case *test = *state;
    test->options.on_disconnect = TN_CLIENT_CANCEL_ALL;
    test->options.dead_man_blocks = 600;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t standby = hear_standby(test, SERVER(test, 0), 1);
    case_account(SERVER(test, 0), 12, 0, standby, TN_EVENT_RESULT);
    uint64_t next = hear_standby(test, SERVER(test, 0), 1);
    assert_true(next > standby);
    assert_true(place(test, 1, TN_WAIT_NEITHER) > standby);
    /* One that a lost node may have sent is not signed again, whatever the next one knows of it. */
    standby = next;
    case_cut(SERVER(test, 0));
    go_to(test, SERVER(test, 1));
    case_log_on(test, SERVER(test, 1));
    assert_true(hear_standby(test, SERVER(test, 1), 1) > standby);
}

/* ---- Connections -------------------------------------------------------------------------------
 */

static void test_pings_when_quiet_and_leaves_a_silent_node(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    test->now_ms += tn_client_timeout(test->client, test->now_ms);
    case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_PING);
    case_heartbeat(SERVER(test, 0), 11, 1, 10);
    case_expect(test, "head 11\n");
    for (uint32_t i = 0; i < 5; i++) {
        test->now_ms += 4500;
        case_settle(test);
    }
    case_expect(test, "disconnected from 0: the node has been silent for two heartbeats\n");
}

static void test_waits_longer_after_each_attempt_that_led_to_nothing(void **state)
{
    struct client_case *test = *state;
    int64_t waited = 0, longest = 0;
    case_start(test);
    for (uint32_t i = 0; i < 12; i++) {
        struct case_server *server = SERVER(test, i % CASE_SERVERS);
        uint32_t before = server->connections_count;
        CASE_UNTIL(test, server->connections_count > before);
        case_cut(server);
        CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
        int64_t wait = tn_client_timeout(test->client, test->now_ms);
        assert_true(wait >= 0 && wait <= 15000);
        longest = wait > longest ? wait : longest;
        waited += wait;
        test->now_ms += wait;
        case_forget(test);
    }
    assert_true(longest > 5000);
    assert_true(waited > 20000);
}

static void test_a_refused_logon_ends_when_all_nodes_refuse_it(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    for (uint32_t i = 0; i < CASE_SERVERS; i++) {
        struct case_server *server = SERVER(test, i);
        assert_int_not_equal(tn_client_state(test->client), TN_CLIENT_CLOSED);
        if (i > 0) go_to(test, server);
        case_hello(test, server);
        const Tenor__V1__ToNode *message =
            case_hear_kind(test, server, TENOR__V1__TO_NODE__BODY_LOGON);
        case_error(server, message->request, WIRE_ERROR_LOGON_EXPIRED, true);
        CASE_UNTIL(test, strstr(test->told, "disconnected") != NULL);
        if (i + 1 < CASE_SERVERS) case_forget(test);
    }
    assert_int_equal(tn_client_state(test->client), TN_CLIENT_CLOSED);
    assert_non_null(strstr(test->told, "disconnected from 2 for good"));
}

static void test_a_node_that_ends_the_connection_is_left_for_the_next_one(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    case_error(SERVER(test, 0), 0, WIRE_ERROR_STOPPING, true);
    CASE_UNTIL(test, strstr(test->told, "error 10009 tag -1\ndisconnected from 0: ") != NULL);
    go_to(test, SERVER(test, 1));
    case_log_on(test, SERVER(test, 1));
}

static void test_bytes_that_are_no_message_end_the_connection(void **state)
{
    static const uint8_t cases[][6] = {
        {0, 0, 0, 0},             /* nothing */
        {0xff, 0xff, 0xff, 0xff}, /* too long */
        {0, 0, 0, 2, 0xff, 0xff}, /* no field */
        {0, 0, 0, 2, 0x18, 0x01}, /* a field that is there with another type */
    };
    struct client_case *test = *state;
    case_start(test);
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct case_server *server = SERVER(test, i % CASE_SERVERS);
        if (i > 0) go_to(test, server);
        case_log_on(test, server);
        case_say_bytes(server, cases[i], sizeof cases[i]);
        CASE_UNTIL(test, strstr(test->told, "the node sends a message that is none") != NULL);
        CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
        case_forget(test);
    }
}

static void test_messages_may_come_in_any_pieces(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    SERVER(test, 0)->dribbles = true;
    for (uint32_t i = 0; i < 8; i++)
        case_account(SERVER(test, 0), 12, i, 0, TN_EVENT_MONEY);
    case_expect(test, "account 12:0 nonce 0 kind 15\naccount 12:1 nonce 0 kind 15\n"
                      "account 12:2 nonce 0 kind 15\naccount 12:3 nonce 0 kind 15\n"
                      "account 12:4 nonce 0 kind 15\naccount 12:5 nonce 0 kind 15\n"
                      "account 12:6 nonce 0 kind 15\naccount 12:7 nonce 0 kind 15\n");
}

static void test_a_second_handshake_with_a_node_takes_its_session_up(void **state)
{
    struct client_case *test = *state;
    test->options.nodes_count = 1;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    case_cut(SERVER(test, 0));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    uint32_t resumed = SERVER(test, 0)->resumed_count;
    go_to(test, SERVER(test, 0));
    case_log_on(test, SERVER(test, 0));
    assert_int_equal(SERVER(test, 0)->resumed_count, resumed + 1);
}

static void test_closing_says_goodbye_after_what_was_queued(void **state)
{
    struct client_case *test = *state;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t nonce = place(test, 1, TN_WAIT_NEITHER);
    tn_client_close(test->client);
    hear_frame(test, SERVER(test, 0), nonce);
    case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_LOGOFF);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_CLOSED);
    assert_int_equal(tn_client_fd(test->client), -1);
}

static void test_cancels_go_ahead_of_what_waits(void **state)
{
    struct client_case *test = *state;
    const struct tn_command cancel = {.kind = TN_COMMAND_MASS_CANCEL};
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint64_t first = place(test, 1, TN_WAIT_NEITHER), second = place(test, 2, TN_WAIT_NEITHER);
    uint64_t nonce = 0;
    assert_int_equal(tn_client_send(test->client, &nonce, 3, &cancel, 1, TN_WAIT_SOFT),
                     TN_CLIENT_OK);
    hear_frame(test, SERVER(test, 0), nonce);
    hear_frame(test, SERVER(test, 0), first);
    hear_frame(test, SERVER(test, 0), second);
}

static void test_a_full_queue_is_told_to_the_caller_and_loses_nothing(void **state)
{
    struct client_case *test = *state;
    struct tn_quote quotes[250];
    for (uint32_t i = 0; i < 250; i++)
        quotes[i] = (struct tn_quote){.series_id = UINT64_MAX - i,
                                      .bid_price = INT64_C(1) << 39,
                                      .ask_price = (INT64_C(1) << 39) + 1,
                                      .bid_quantity = 1,
                                      .ask_quantity = 1};
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    command.as.mass_quote.quotes = quotes;
    command.as.mass_quote.quotes_count = 250;
    test->options.send_bytes_max = 70000;
    case_start(test);
    case_log_on(test, SERVER(test, 0));
    uint32_t queued = 0;
    while (tn_client_send(test->client, NULL, queued, &command, 1, TN_WAIT_NEITHER) == TN_CLIENT_OK)
        queued++;
    assert_true(queued > 5 && queued < 100);
    assert_int_equal(tn_client_send(test->client, NULL, 0, &command, 1, TN_WAIT_NEITHER),
                     TN_CLIENT_FULL);
    for (uint32_t i = 0; i < queued; i++)
        hear_frame(test, SERVER(test, 0), i + 1);
    assert_int_equal(tn_client_send(test->client, NULL, 0, &command, 1, TN_WAIT_NEITHER),
                     TN_CLIENT_OK);
}

static void test_refuses_what_is_no_message(void **state)
{
    struct client_case *test = *state;
    const struct tn_command unknown = {.kind = 99}, good = case_place(1, 1);
    case_start(test);
    assert_int_equal(tn_client_send(test->client, NULL, 0, &good, 1, TN_WAIT_SOFT),
                     TN_CLIENT_NOT_CONNECTED);
    case_log_on(test, SERVER(test, 0));
    assert_int_equal(tn_client_send(test->client, NULL, 0, &unknown, 1, TN_WAIT_SOFT),
                     TN_CLIENT_BAD);
    assert_int_equal(tn_client_send(test->client, NULL, 0, &good, 0, TN_WAIT_SOFT), TN_CLIENT_BAD);
    assert_int_equal(tn_client_flight_count(test->client), 0);
}

static void test_a_bad_option_is_named(void **state)
{
    struct client_case *test = *state;
    char why[TN_CLIENT_WHY_SIZE];
    test->options.heartbeat_ms = 999;
    assert_null(tn_client_make(&test->options, why));
    assert_non_null(strstr(why, "heartbeat_ms"));
    test->options.heartbeat_ms = 0;
    test->nodes[1].certificate = "/nowhere/node.pem";
    assert_null(tn_client_make(&test->options, why));
    assert_non_null(strstr(why, "cannot open the certificate /nowhere/node.pem"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_logs_on_by_a_signature_over_the_challenge),
        TEST(test_an_order_is_heard_of_soft_and_then_final),
        TEST(test_a_refused_frame_says_why),
        TEST(test_goes_on_above_nonces_that_somebody_else_has_used),
        TEST(test_a_certificate_that_is_not_pinned_is_refused),
        TEST(test_a_node_of_another_chain_is_left),
        TEST(test_zeros_stand_for_the_chain_of_the_first_node),
        TEST(test_a_lost_frame_is_settled_by_the_stream_of_another_node),
        TEST(test_the_end_of_a_term_settles_what_was_signed_for_it),
        TEST(test_what_never_left_is_known_not_to_be_executed),
        TEST(test_a_reverted_frame_brings_the_new_term),
        TEST(test_whether_a_frame_was_taken_may_be_unknown_without_a_disconnect),
        TEST(test_a_stream_with_a_hole_leaves_frames_unknown),
        TEST(test_a_nonce_that_no_account_has_ends_the_connection),
        TEST(test_a_lie_of_heights_spoils_no_other_node),
        TEST(test_a_place_that_no_node_knows_is_given_up),
        TEST(test_a_hole_says_nothing_of_frames_that_are_sent_after_it),
        TEST(test_nothing_that_waits_leaves_with_the_farewell),
        TEST(test_the_standby_frame_stays_ahead_of_the_nonces_in_use),
        TEST(test_a_session_may_stand_by_for_what_has_its_label_alone),
        TEST(test_the_standby_frame_is_signed_anew_in_a_new_term),
        TEST(test_a_void_standby_frame_is_replaced_but_not_in_a_circle),
        TEST(test_after_a_standby_frame_was_run_another_one_stands_by),
        TEST(test_pings_when_quiet_and_leaves_a_silent_node),
        TEST(test_waits_longer_after_each_attempt_that_led_to_nothing),
        TEST(test_a_refused_logon_ends_when_all_nodes_refuse_it),
        TEST(test_a_node_that_ends_the_connection_is_left_for_the_next_one),
        TEST(test_bytes_that_are_no_message_end_the_connection),
        TEST(test_messages_may_come_in_any_pieces),
        TEST(test_a_second_handshake_with_a_node_takes_its_session_up),
        TEST(test_closing_says_goodbye_after_what_was_queued),
        TEST(test_cancels_go_ahead_of_what_waits),
        TEST(test_a_full_queue_is_told_to_the_caller_and_loses_nothing),
        TEST(test_refuses_what_is_no_message),
        TEST(test_a_bad_option_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
