/* client_words: the sentences that the servers of client_case say most. */
#include "client_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static Tenor__V1__MarketHead head(uint32_t term, uint64_t cursor)
{
    Tenor__V1__MarketHead made = TENOR__V1__MARKET_HEAD__INIT;
    made.market = 1;
    made.term = term;
    made.cursor = cursor;
    return made;
}

void case_hello(struct client_case *test, struct case_server *server)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Hello hello = TENOR__V1__HELLO__INIT;
    Tenor__V1__MarketHead market = head(server->term, server->height), *markets = &market;
    CASE_UNTIL(test, server->is_shaken);
    memset(server->challenge, (int)server->connections_count, sizeof server->challenge);
    hello.protocol = WIRE_PROTOCOL;
    hello.chain_id.data = test->chain_id;
    hello.chain_id.len = sizeof test->chain_id;
    hello.challenge.data = server->challenge;
    hello.challenge.len = sizeof server->challenge;
    hello.height = server->height;
    hello.time_ms = 5000;
    hello.n_markets = 1;
    hello.markets = &markets;
    hello.node = (char *)(uintptr_t) "a node";
    message.body_case = TENOR__V1__FROM_NODE__BODY_HELLO;
    message.hello = &hello;
    case_say(server, &message);
}

void case_logon_ack(struct client_case *test, struct case_server *server, uint64_t request,
                    uint64_t nonce_top, uint64_t block)
{
    (void)test;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__LogonAck ack = TENOR__V1__LOGON_ACK__INIT;
    Tenor__V1__Place at = TENOR__V1__PLACE__INIT;
    ack.account = 5;
    ack.scope = 31;
    ack.expires_ms = 1000000;
    ack.nonce_top = nonce_top;
    at.block = block;
    at.index = UINT32_MAX;
    ack.at = &at;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_LOGON_ACK;
    message.logon_ack = &ack;
    case_say(server, &message);
}

void case_error(struct case_server *server, uint64_t request, uint32_t code, bool closing)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Error error;
    wire_error_fill(&error, code, NULL);
    error.closing = closing;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ERROR;
    message.error = &error;
    case_say(server, &message);
}

void case_heartbeat(struct case_server *server, uint64_t height, uint32_t term, uint64_t cursor)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Heartbeat heartbeat = TENOR__V1__HEARTBEAT__INIT;
    Tenor__V1__MarketHead market = head(term, cursor), *markets = &market;
    heartbeat.height = height;
    heartbeat.time_ms = 5000 + height;
    heartbeat.n_markets = 1;
    heartbeat.markets = &markets;
    message.body_case = TENOR__V1__FROM_NODE__BODY_HEARTBEAT;
    message.heartbeat = &heartbeat;
    case_say(server, &message);
}

void case_account(struct case_server *server, uint64_t block, uint32_t index, uint64_t nonce,
                  enum tn_event_kind kind)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__AccountMessage account = TENOR__V1__ACCOUNT_MESSAGE__INIT;
    Tenor__V1__Place at = TENOR__V1__PLACE__INIT;
    Tenor__V1__Event event, *events = &event;
    const struct tn_event happened = {.kind = (uint8_t)kind, .account = 5};
    wire_event(&event, &happened);
    at.block = block;
    at.index = index;
    account.at = &at;
    account.nonce = nonce;
    account.events = &events;
    account.n_events = 1;
    account.time_ms = 6000;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE;
    message.account_message = &account;
    case_say(server, &message);
}

void case_soft(struct case_server *server, uint64_t request, uint64_t nonce, uint32_t reject)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameSoft soft = TENOR__V1__FRAME_SOFT__INIT;
    Tenor__V1__Event event, *events = &event;
    const struct tn_event result = {
        .kind = TN_EVENT_RESULT, .account = 5, .reject = (uint16_t)reject, .order_id = 9};
    wire_event(&event, &result);
    soft.market = 1;
    soft.term = server->term;
    soft.sequence = 3;
    soft.nonce = nonce;
    soft.n_events = 1;
    soft.events = &events;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_SOFT;
    message.frame_soft = &soft;
    case_say(server, &message);
}

void case_final(struct case_server *server, uint64_t request, uint64_t nonce, uint64_t block)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameFinal final = TENOR__V1__FRAME_FINAL__INIT;
    final.block = block;
    final.market = 1;
    final.term = server->term;
    final.nonce = nonce;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_FINAL;
    message.frame_final = &final;
    case_say(server, &message);
}

/* Is it signed for this server's challenge? */
static void check_logon(struct client_case *test, struct case_server *server,
                        const Tenor__V1__Logon *logon)
{
    struct tn_hash digest;
    struct tn_signature signature;
    assert_int_equal(logon->signature.len, sizeof signature.bytes);
    memcpy(signature.bytes, logon->signature.data, sizeof signature.bytes);
    wire_logon_digest(&digest, test->chain_id, server->challenge, 1, 77, logon->on_disconnect);
    assert_true(
        test->signatures.verify(test->signatures.context, &digest, &signature, &test->public_key));
    assert_int_equal(logon->market, 1);
    assert_int_equal(logon->session, 77);
}

void case_log_on(struct client_case *test, struct case_server *server)
{
    case_hello(test, server);
    const Tenor__V1__ToNode *message = case_hear_kind(test, server, TENOR__V1__TO_NODE__BODY_LOGON);
    check_logon(test, server, message->logon);
    case_logon_ack(test, server, message->request, 0, server->height);
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_LOGGED_ON);
    case_settle(test);
    case_forget(test);
}

const struct tn_frame *case_read_frame(struct client_case *test,
                                       const Tenor__V1__SignedFrame *message)
{
    static struct tn_frame frame;
    static struct tn_stream_scratch scratch;
    struct tn_stream_fault fault;
    struct tn_hash digest;
    struct tn_signature signature;
    if (!tn_stream_read_payload(&frame, &fault, &scratch, message->payload.data,
                                message->payload.len)) {
        fail_msg("the payload is none: %s", fault.what);
    }
    assert_int_equal(message->signature.len, sizeof signature.bytes);
    memcpy(signature.bytes, message->signature.data, sizeof signature.bytes);
    tn_frame_digest(&digest, test->chain_id, message->payload.data, message->payload.len);
    assert_true(
        test->signatures.verify(test->signatures.context, &digest, &signature, &test->public_key));
    assert_int_equal(frame.market, 1);
    assert_int_equal(frame.session, 77);
    return &frame;
}

struct tn_command case_place(uint64_t series_id, tn_ticks price)
{
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] = (struct tn_order_terms){.series_id = series_id,
                                                  .price = price,
                                                  .quantity = 1,
                                                  .fee_max_ppm = 1000,
                                                  .side = TN_BUY,
                                                  .type = TN_LIMIT,
                                                  .tif = TN_GTC};
    return command;
}
