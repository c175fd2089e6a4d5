/* Frames: what reaches the node, and the last word that each one gets. */
#include "gateway_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct case_frame frame;

static struct case_client *begin(struct gateway_case *test)
{
    case_prepare(test);
    case_start(test);
    return client_log_on(test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
}

static void end(struct gateway_case *test, struct case_client *client)
{
    client_close(client);
    case_end(test);
}

/* Sends an order and takes it at the node; its tag. */
static uint64_t send_order(struct gateway_case *test, struct case_client *client, uint64_t nonce)
{
    frame_place(test, &frame, nonce);
    client_send_frame(client, nonce, &frame);
    return node_ask(test, PORT_FRAME).tag;
}

static void refuse(struct gateway_case *test, uint64_t tag, enum tn_member_answer_kind kind,
                   enum tn_reject reject)
{
    const struct port_answer answer = {.kind = kind, .market = CASE_MARKET, .reject = reject};
    node_answer(test, tag, &answer, NULL);
}

static void test_gateway_answers_a_frame_softly_and_then_finally(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.orders_per_second = 1; /* one may have come back until the answer */
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    frame_place(&test, &frame, 5);
    client_send_frame(client, 55, &frame);
    struct port_message ask = node_ask(&test, PORT_FRAME);
    /* The entry is what the client signed: version, kind, payload, signature. */
    size_t size = frame.message.payload.len;
    assert_int_equal(ask.size, 6 + size + TN_SIGNATURE_SIZE);
    assert_int_equal(ask.bytes[0], TN_ENTRY_VERSION_2);
    assert_memory_equal(ask.bytes + 6, frame.payload, size);
    assert_memory_equal(ask.bytes + 6 + size, frame.signature, TN_SIGNATURE_SIZE);
    node_soft(&test, ask.tag, 5);
    const Tenor__V1__FromNode *message =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT);
    assert_int_equal(message->request, 55);
    assert_int_equal(message->frame_soft->nonce, 5);
    assert_int_equal(message->frame_soft->sequence, 1);
    assert_int_equal(message->frame_soft->index, 2);
    assert_int_equal(message->frame_soft->n_events, 1); /* the other account's is not told */
    assert_int_equal(message->frame_soft->events[0]->account, CASE_ACCOUNT);
    assert_in_range(message->frame_soft->tokens->orders, test.options.limits.orders_burst - 1,
                    test.options.limits.orders_burst);
    const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    node_step(&test, CASE_ACCOUNT, 5, &result, 1);
    node_block(&test, CASE_HEIGHT);
    /* The account's stream first, then the word about the frame. */
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    assert_int_equal(message->account_message->nonce, 5);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_FINAL);
    assert_int_equal(message->request, 55);
    assert_int_equal(message->frame_final->block, CASE_HEIGHT + 1);
    assert_int_equal(message->frame_final->nonce, 5);
    assert_int_equal(message->frame_final->n_events, 1);
    end(&test, client);
}

static void test_gateway_says_as_much_as_a_frame_waits_for(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test);
    const struct tn_event result = node_result(CASE_ACCOUNT, TN_REJECT_NONE);
    const Tenor__V1__Wait waits[] = {TENOR__V1__WAIT__SOFT, TENOR__V1__WAIT__FINAL,
                                     TENOR__V1__WAIT__NEITHER};
    for (uint64_t i = 0; i < 3; i++) {
        frame_place(&test, &frame, 10 + i);
        frame.message.wait = waits[i];
        client_send_frame(client, 10 + i, &frame);
        node_soft(&test, node_ask(&test, PORT_FRAME).tag, 10 + i);
    }
    for (uint64_t i = 0; i < 3; i++)
        node_step(&test, CASE_ACCOUNT, 10 + i, &result, 1);
    node_block(&test, CASE_HEIGHT);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->request, 10);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_FINAL)->request, 11);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE);
    client_ping(client);
    assert_int_equal(case_count(&test, frames_final), 3);
    end(&test, client);
}

static void test_gateway_lets_no_junk_reach_the_node(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test);
    frame_place(&test, &frame, 5);
    frame.signature[0] ^= 1;
    client_send_frame(client, 1, &frame);
    client_expect_error(client, 1, TN_REJECT_SIGNATURE_BAD);
    /* The chain is part of what is signed. */
    struct gateway_case other = test;
    other.options.chain_id[3] ^= 1;
    frame_place(&other, &frame, 5);
    client_send_frame(client, 2, &frame);
    client_expect_error(client, 2, TN_REJECT_SIGNATURE_BAD);
    frame_place(&test, &frame, 5);
    frame.payload[0] ^= 0x40; /* a field that a payload does not have */
    client_send_frame(client, 3, &frame);
    client_expect_error(client, 3, TN_REJECT_FRAME_MALFORMED);
    const struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    struct tn_frame from = {
        .session = CASE_SESSION + 1, .nonce = 5, .commands = &command, .commands_count = 1};
    frame_make(&test, &frame, &from);
    client_send_frame(client, 4, &frame);
    client_expect_error(client, 4, WIRE_ERROR_OTHER_SESSION);
    from = (struct tn_frame){.market = 2, .nonce = 5, .commands = &command, .commands_count = 1};
    frame_make(&test, &frame, &from);
    client_send_frame(client, 5, &frame);
    client_expect_error(client, 5, WIRE_ERROR_OTHER_SESSION);
    from = (struct tn_frame){.nonce = 5,
                             .valid_until_block = CASE_HEIGHT - 1,
                             .commands = &command,
                             .commands_count = 1};
    frame_make(&test, &frame, &from);
    client_send_frame(client, 6, &frame);
    client_expect_error(client, 6, TN_REJECT_FRAME_EXPIRED);
    node_quiet(&test, 20);
    assert_int_equal(case_count(&test, frames), 0);
    assert_int_equal(case_count(&test, frames_unsigned), 2);
    end(&test, client);
}

static void test_gateway_closes_on_a_client_that_sends_junk_for_ever(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.faults_max = 3;
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    frame_place(&test, &frame, 5);
    frame.signature[0] ^= 1;
    for (uint64_t i = 1; i <= 3; i++) {
        client_send_frame(client, i, &frame);
        client_expect_error(client, i, TN_REJECT_SIGNATURE_BAD);
    }
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_FAULTS_MANY);
    assert_true(message->error->closing);
    client_expect_end(client);
    end(&test, client);
}

static void test_gateway_needs_a_logon_for_frames(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    frame_place(&test, &frame, 5);
    client_send_frame(client, 8, &frame);
    client_expect_error(client, 8, WIRE_ERROR_LOGON_NEEDED);
    client_send_standby(client, 9, &frame, 0);
    client_expect_error(client, 9, WIRE_ERROR_LOGON_NEEDED);
    end(&test, client);
}

static void test_gateway_tells_refusals_and_absent_leaders(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test);
    refuse(&test, send_order(&test, client, 5), TN_MEMBER_REFUSED, TN_REJECT_DESK_FULL);
    client_expect_error(client, 5, TN_REJECT_DESK_FULL);
    refuse(&test, send_order(&test, client, 6), TN_MEMBER_AWAY, TN_REJECT_NONE);
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_LEADER_AWAY);
    assert_true(message->error->retriable);
    /* The same may be sent again: nothing of it waits. */
    node_soft(&test, send_order(&test, client, 6), 6);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT);
    /* While it waits for its block, its nonce is taken. */
    frame_place(&test, &frame, 6);
    client_send_frame(client, 60, &frame);
    client_expect_error(client, 60, TN_REJECT_NONCE_USED);
    end(&test, client);
}

static void test_gateway_lets_no_cancel_overtake_its_own_earlier_orders(void **state)
{
    struct gateway_case test;
    struct case_frame orders[3];
    (void)state;
    struct case_client *client = begin(&test);
    /* One write of many messages, so that they are read in one turn. */
    uint8_t out[4096];
    size_t used = 0;
    for (uint64_t i = 0; i < 3; i++) {
        Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
        if (i < 2) frame_place(&test, &orders[i], 5 + i);
        if (i == 2) frame_cancel(&test, &orders[i], 5 + i);
        message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
        message.frame = &orders[i].message;
        used += wire_write_to_node(out + used, sizeof out - used, &message);
    }
    client_write(client, out, used);
    struct tn_frame read;
    struct tn_stream_fault fault;
    struct tn_stream_scratch *scratch = malloc(sizeof *scratch);
    for (uint64_t i = 0; i < 3; i++) {
        struct port_message ask = node_ask(&test, PORT_FRAME);
        assert_true(tn_stream_read_payload(&read, &fault, scratch, ask.bytes + 6,
                                           ask.size - 6 - TN_SIGNATURE_SIZE));
        assert_int_equal(read.nonce, 5 + i);
    }
    free(scratch);
    end(&test, client);
}

static void test_gateway_reverts_what_was_soft_when_its_term_ends(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test);
    node_soft(&test, send_order(&test, client, 5), 5);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT);
    send_order(&test, client, 6); /* never answered: its leader is dead */
    node_term(&test, 2, 0);
    node_block(&test, CASE_HEIGHT);
    const Tenor__V1__FromNode *message =
        client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_REVERTED);
    assert_int_equal(message->request, 5);
    assert_int_equal(message->frame_reverted->term, 1);
    assert_int_equal(message->frame_reverted->sequence, 1);
    assert_int_equal(message->frame_reverted->term_now, 2);
    client_expect_error(client, 6, TN_REJECT_TERM_WRONG);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_HEARTBEAT);
    assert_int_equal(message->heartbeat->markets[0]->term, 2);
    assert_int_equal(message->heartbeat->height, CASE_HEIGHT + 1);
    end(&test, client);
}

static void test_gateway_says_when_a_frame_can_never_be_executed(void **state)
{
    struct gateway_case test;
    (void)state;
    struct case_client *client = begin(&test);
    send_order(&test, client, 5); /* valid until CASE_HEIGHT + 10 */
    for (int i = 0; i < 12; i++)
        node_block(&test, CASE_HEIGHT + 10); /* the chain goes on, the market's cursor does not */
    client_ping(client);
    assert_int_equal(case_count(&test, frames_lapsed), 0);
    node_block(&test, CASE_HEIGHT + 11);
    client_expect_error(client, 5, WIRE_ERROR_FRAME_LAPSED);
    end(&test, client);
}

static void test_gateway_says_that_an_answer_is_lost_with_the_nodes_tells(void **state)
{
    struct gateway_case test;
    static struct tn_event events[512];
    (void)state;
    case_prepare(&test);
    port_free(test.port);
    test.port = port_make(1u << 16, 1u << 16);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    send_order(&test, client, 5);
    for (uint32_t i = 0; i < 512; i++)
        events[i] = node_result(CASE_ACCOUNT + 5, TN_REJECT_NONE);
    /* Larger than the ring takes: dropped, and what follows is a gap. */
    node_step(&test, CASE_ACCOUNT + 5, 0, events, 512);
    node_block(&test, CASE_HEIGHT);
    client_expect_error(client, 5, WIRE_ERROR_ANSWER_LOST);
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_GAP);
    assert_true(message->error->closing);
    client_expect_end(client);
    assert_int_equal(case_count(&test, gaps), 1);
    end(&test, client);
}

/* One token a second comes back: what is refused lacks a hundred, however slow the machine is. */
enum { MANY = 100 };

static void make_orders(struct gateway_case *test, uint64_t nonce, uint32_t count)
{
    static struct tn_command commands[2 * MANY];
    TN_ASSERT(count <= 2 * MANY);
    for (uint32_t i = 0; i < count; i++) {
        commands[i] = (struct tn_command){
            .kind = TN_COMMAND_PLACE,
            .as.terms = {{.series_id = 1, .price = 10, .quantity = 1, .fee_max_ppm = 1000}}};
    }
    struct tn_frame from = {.nonce = nonce, .commands = commands, .commands_count = count};
    frame_make(test, &frame, &from);
}

/* Two sides each, and one that goes, which costs nothing. */
static void make_quotes(struct gateway_case *test, uint64_t nonce)
{
    static struct tn_quote quotes[MANY + 1];
    for (uint32_t i = 0; i < MANY; i++)
        quotes[i] = (struct tn_quote){1 + i, 5, 6, 1, 1};
    quotes[MANY] = (struct tn_quote){1 + MANY, 5, 6, 0, TN_QUOTE_KEEP};
    const struct tn_command command = {
        .kind = TN_COMMAND_MASS_QUOTE,
        .as.mass_quote = {.quotes = quotes, .quotes_count = MANY + 1}};
    struct tn_frame from = {.nonce = nonce, .commands = &command, .commands_count = 1};
    frame_make(test, &frame, &from);
}

static void test_gateway_limits_orders_and_quotes_but_never_cancels(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.orders_per_second = test.options.limits.quotes_per_second = 1;
    test.options.limits.orders_burst = 2 * MANY;
    test.options.limits.quotes_burst = 3 * MANY;
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_orders(&test, 5, 2 * MANY);
    client_send_frame(client, 5, &frame);
    node_ask(&test, PORT_FRAME);
    make_orders(&test, 7, MANY);
    client_send_frame(client, 7, &frame);
    client_expect_error(client, 7, WIRE_ERROR_ORDERS_FAST);
    for (uint64_t nonce = 8; nonce <= 9; nonce++) {
        make_quotes(&test, nonce);
        client_send_frame(client, nonce, &frame);
        if (nonce == 8) node_ask(&test, PORT_FRAME);
    }
    client_expect_error(client, 9, WIRE_ERROR_QUOTES_FAST);
    for (uint64_t nonce = 10; nonce < 20; nonce++) {
        frame_cancel(&test, &frame, nonce);
        client_send_frame(client, nonce, &frame);
        node_ask(&test, PORT_FRAME);
    }
    /* Another connection of the account has no more. */
    struct case_client *other = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    make_orders(&test, 21, MANY);
    client_send_frame(other, 21, &frame);
    client_expect_error(other, 21, WIRE_ERROR_ORDERS_FAST);
    client_close(other);
    end(&test, client);
}

static uint64_t tokens_after_refusals(struct gateway_case *test, struct case_client *client,
                                      uint64_t nonce)
{
    struct tn_event events[27];
    const struct port_answer answer = {.kind = TN_MEMBER_SOFT,
                                       .market = CASE_MARKET,
                                       .term = test->term,
                                       .sequence = nonce,
                                       .session = CASE_SESSION,
                                       .nonce = nonce,
                                       .events_count = 27};
    for (uint32_t i = 0; i < 25; i++)
        events[i] = node_result(CASE_ACCOUNT, TN_REJECT_MARGIN_SHORT);
    events[25] = node_result(CASE_ACCOUNT + 1, TN_REJECT_MARGIN_SHORT);
    events[26] = node_result(CASE_ACCOUNT, TN_REJECT_CASH_SHORT);
    node_answer(test, send_order(test, client, nonce), &answer, events);
    return client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->frame_soft->tokens->orders;
}

/* One token a second comes back, however long the test takes: there is room for minutes of it. */
static void test_gateway_takes_more_tokens_for_a_command_that_margin_refuses(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.orders_per_second = 1;
    test.options.limits.orders_burst = 1000;
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    assert_in_range(tokens_after_refusals(&test, client, 5), 1000 - 1 - 25 * 19, 900);
    assert_in_range(tokens_after_refusals(&test, client, 6), 1000 - 2 - 50 * 19, 425);
    /* No more than there are: nothing is owed. */
    assert_in_range(tokens_after_refusals(&test, client, 7), 0, 400);
    end(&test, client);
}

/* Of the heartbeats that come one says this; those before it were sent before. */
static void expect_trouble(struct case_client *client, uint32_t code)
{
    while (client_expect(client, TENOR__V1__FROM_NODE__BODY_HEARTBEAT)->heartbeat->trouble !=
           code) {
    }
}

static void test_gateway_refuses_and_says_why_while_the_disk_is_full(void **state)
{
    struct gateway_case test;
    struct case_client *client = begin(&test), *looker = client_open(&test);
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetCluster cluster = TENOR__V1__GET_CLUSTER__INIT;
    (void)state;
    const uint64_t before = send_order(&test, client, 5);
    gateway_set_full(test.gateway, true);
    expect_trouble(client, WIRE_ERROR_DISK_FULL);
    expect_trouble(looker, WIRE_ERROR_DISK_FULL);
    frame_place(&test, &frame, 6);
    client_send_frame(client, 6, &frame);
    client_expect_error(client, 6, WIRE_ERROR_DISK_FULL);
    frame_cancel(&test, &frame, 7);
    client_send_frame(client, 7, &frame);
    client_expect_error(client, 7, WIRE_ERROR_DISK_FULL);
    question.request = 8;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_CLUSTER;
    question.get_cluster = &cluster;
    client_send(client, &question);
    client_expect_error(client, 8, WIRE_ERROR_DISK_FULL);
    struct case_client *late = client_open(&test);
    expect_trouble(late, WIRE_ERROR_DISK_FULL);
    node_quiet(&test, 50);
    /* What went on before has its answers when there is room; the refused nonce is free. */
    gateway_set_full(test.gateway, false);
    expect_trouble(client, 0);
    expect_trouble(looker, 0);
    node_soft(&test, before, 5);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->request, 5);
    node_soft(&test, send_order(&test, client, 6), 6);
    assert_int_equal(client_expect(client, TENOR__V1__FROM_NODE__BODY_FRAME_SOFT)->request, 6);
    client_close(late);
    client_close(looker);
    end(&test, client);
}

static void test_gateway_bounds_what_waits_for_answers(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.frames_max = 2;
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    send_order(&test, client, 5);
    uint64_t tag = send_order(&test, client, 6);
    frame_place(&test, &frame, 7);
    client_send_frame(client, 7, &frame);
    client_expect_error(client, 7, WIRE_ERROR_FRAMES_WAITING);
    refuse(&test, tag, TN_MEMBER_REFUSED, TN_REJECT_DESK_FULL);
    client_expect_error(client, 6, TN_REJECT_DESK_FULL);
    send_order(&test, client, 8);
    end(&test, client);
}

static void test_gateway_says_busy_when_the_node_takes_no_more(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    port_free(test.port);
    test.port = port_make(1u << 16, 1u << 20);
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    uint64_t sent = 0;
    while (case_count(&test, busy) == 0) {
        assert_true(sent < 4000); /* 64 KiB hold no more */
        frame_cancel(&test, &frame, 1000 + sent);
        client_send_frame(client, 1000 + sent, &frame);
        sent++;
    }
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_BUSY);
    assert_true(message->error->retriable);
    end(&test, client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_answers_a_frame_softly_and_then_finally),
        cmocka_unit_test(test_gateway_says_as_much_as_a_frame_waits_for),
        cmocka_unit_test(test_gateway_lets_no_junk_reach_the_node),
        cmocka_unit_test(test_gateway_closes_on_a_client_that_sends_junk_for_ever),
        cmocka_unit_test(test_gateway_needs_a_logon_for_frames),
        cmocka_unit_test(test_gateway_tells_refusals_and_absent_leaders),
        cmocka_unit_test(test_gateway_lets_no_cancel_overtake_its_own_earlier_orders),
        cmocka_unit_test(test_gateway_reverts_what_was_soft_when_its_term_ends),
        cmocka_unit_test(test_gateway_says_when_a_frame_can_never_be_executed),
        cmocka_unit_test(test_gateway_says_that_an_answer_is_lost_with_the_nodes_tells),
        cmocka_unit_test(test_gateway_limits_orders_and_quotes_but_never_cancels),
        cmocka_unit_test(test_gateway_takes_more_tokens_for_a_command_that_margin_refuses),
        cmocka_unit_test(test_gateway_refuses_and_says_why_while_the_disk_is_full),
        cmocka_unit_test(test_gateway_bounds_what_waits_for_answers),
        cmocka_unit_test(test_gateway_says_busy_when_the_node_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
