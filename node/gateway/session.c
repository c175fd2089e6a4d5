/* What a connection says and hears: Hello, logging on, heartbeats, the account's stream, and where
 * each message goes.
 *
 * A logon asks the node for the session's key and checks the signature over the challenge when the
 * answer comes. From then on the connection is one of its account: it has a place in the account's
 * stream, which is told from the history, so a slow client costs no copy. Whatever says that a
 * block is over (Heartbeat, Block, FrameFinal) goes out behind the stream's messages up to it. */
#include "gateway/internal.h"

#include <string.h>
#include <unistd.h>

#define TICKS_A_LOOK 4   /* for questions that are late */
#define AHEAD_BLOCKS 256 /* a resume that is so far ahead of this node is waited for */

static void say_heartbeat(struct gateway_connection *connection);

static void fill_heads(const struct gateway *gateway,
                       Tenor__V1__MarketHead heads[TN_CHAIN_MARKETS_MAX],
                       Tenor__V1__MarketHead *list[TN_CHAIN_MARKETS_MAX])
{
    for (uint32_t i = 0; i < gateway->markets_count; i++) {
        const struct port_head *head = &gateway->markets[i].head;
        tenor__v1__market_head__init(&heads[i]);
        heads[i].market = head->market;
        heads[i].term = head->term;
        heads[i].leader = head->leader;
        heads[i].sequence = head->sequence;
        heads[i].cursor = head->cursor;
        list[i] = &heads[i];
    }
}

static uint64_t unsigned_ms(int64_t time_ms)
{
    return time_ms < 0 ? 0 : (uint64_t)time_ms;
}

void gateway_session_begin(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    Tenor__V1__MarketHead heads[TN_CHAIN_MARKETS_MAX], *list[TN_CHAIN_MARKETS_MAX];
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Hello hello = TENOR__V1__HELLO__INIT;
    if (getentropy(connection->challenge, sizeof connection->challenge) != 0) {
        gateway_connection_end(connection, GATEWAY_END_CUT);
        return;
    }
    fill_heads(gateway, heads, list);
    hello.protocol = WIRE_PROTOCOL;
    hello.chain_id.data = gateway->options.chain_id;
    hello.chain_id.len = sizeof gateway->options.chain_id;
    hello.challenge.data = connection->challenge;
    hello.challenge.len = sizeof connection->challenge;
    hello.height = gateway->height;
    hello.time_ms = unsigned_ms(gateway->time_ms);
    hello.n_markets = gateway->markets_count;
    hello.markets = list;
    hello.node = gateway->options.name;
    message.body_case = TENOR__V1__FROM_NODE__BODY_HELLO;
    message.hello = &hello;
    connection->heard_us = gateway->now_us;
    gateway_connection_say(connection, &message);
    if (gateway->is_full) say_heartbeat(connection); /* which says so */
}

/* ---- Logging on -------------------------------------------------------------------------------
 */

static void refuse(struct gateway_connection *connection, uint64_t request, uint32_t code,
                   const char *text)
{
    connection->is_logging_on = false;
    GATEWAY_COUNT(connection->gateway, logons_refused);
    gateway_connection_error(connection, request, code, text);
    gateway_connection_fault(connection);
}

/* All questions of all connections together, also of those that have gone: orders wait behind them
 * at the node's thread, and no number of connections may make that long. */
static bool may_ask(const struct gateway_connection *connection, enum gateway_pending_kind kind)
{
    const bool is_guest = !connection->is_logged_on && kind != GATEWAY_PENDING_LOGON;
    return connection->gateway->asked_count <
           (is_guest ? GATEWAY_ASKED_GUESTS : GATEWAY_ASKED_MOST);
}

static bool ask(struct gateway_connection *connection, enum gateway_pending_kind kind,
                enum port_ask what, uint64_t request, const void *bytes, size_t size)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_pending wanted = {
        .kind = (uint8_t)kind,
        .owner = connection->slot,
        .request = request,
        .asked_us = gateway->now_us,
    };
    if (connection->questions_count >= gateway->limits.questions_max) {
        GATEWAY_COUNT(gateway, limited_pending);
        gateway_connection_error(connection, request, WIRE_ERROR_QUERIES_FAST,
                                 "too many questions of this connection wait for their answers");
        return false;
    }
    if (gateway->is_full) {
        GATEWAY_COUNT(gateway, refused_disk);
        gateway_connection_error(connection, request, WIRE_ERROR_DISK_FULL, NULL);
        return false;
    }
    struct gateway_pending *pending = NULL;
    const bool is_proof = kind == GATEWAY_PENDING_PROOF;
    const char *why = is_proof ? gateway_proofs_refusal(&gateway->proofs, connection->slot,
                                                        !connection->is_logged_on)
                               : NULL;
    if (why == NULL && may_ask(connection, kind))
        pending = gateway_pendings_add(gateway->pendings, &wanted);
    if (pending != NULL && port_ask(gateway->port, what, pending->tag, bytes, size)) {
        connection->questions_count++;
        if (is_proof) {
            gateway_proofs_add(&gateway->proofs, pending->tag, connection->slot,
                               !connection->is_logged_on);
        } else {
            gateway->asked_count++;
        }
        return true;
    }
    if (pending != NULL) gateway_pendings_remove(gateway->pendings, pending);
    GATEWAY_COUNT(gateway, busy);
    gateway_connection_error(connection, request, WIRE_ERROR_BUSY, why);
    return false;
}

static void take_logon(struct gateway_connection *connection, uint64_t request,
                       const Tenor__V1__Logon *logon)
{
    const struct gateway *gateway = connection->gateway;
    const struct gateway_limits *limits = &gateway->limits;
    const struct port_session_ask wanted = {.market = logon->market, .session = logon->session};
    uint32_t heartbeat_ms =
        logon->heartbeat_ms == 0 ? (uint32_t)limits->heartbeat_ms : logon->heartbeat_ms;
    if (connection->is_logged_on || connection->is_logging_on) {
        gateway_connection_error(connection, request, WIRE_ERROR_LOGON_TWICE, NULL);
        return;
    }
    if (gateway->state != PORT_READY) {
        refuse(connection, request, WIRE_ERROR_SYNCING, NULL);
        return;
    }
    if (gateway_market(connection->gateway, logon->market) == NULL) {
        refuse(connection, request, WIRE_ERROR_MARKET_UNKNOWN, NULL);
        return;
    }
    if (heartbeat_ms < limits->heartbeat_least_ms || heartbeat_ms > limits->heartbeat_most_ms) {
        refuse(connection, request, WIRE_ERROR_HEARTBEAT_RANGE, NULL);
        return;
    }
    if (!gateway_session_query(connection, request)) return;
    TN_ASSERT(logon->signature.len == TN_SIGNATURE_SIZE);
    memcpy(connection->logon_signature, logon->signature.data, TN_SIGNATURE_SIZE);
    connection->market = logon->market;
    connection->session = logon->session;
    connection->on_disconnect = logon->on_disconnect;
    connection->heartbeat_ms = heartbeat_ms;
    connection->is_resuming = logon->resume_after != NULL;
    if (connection->is_resuming) {
        connection->stream.after =
            (struct gateway_place){logon->resume_after->block, logon->resume_after->index};
    }
    connection->is_logging_on =
        ask(connection, GATEWAY_PENDING_LOGON, PORT_SESSION, request, &wanted, sizeof wanted);
}

/* Where its stream begins. 0, or why it cannot begin there. */
static uint32_t check_place(struct gateway_connection *connection, bool *is_behind,
                            char text[GATEWAY_OLD_TEXT_SIZE])
{
    struct gateway *gateway = connection->gateway;
    struct gateway_cursor *stream = &connection->stream;
    if (!connection->is_resuming) {
        stream->after = (struct gateway_place){gateway->height, UINT32_MAX};
        gateway_history_seek_end(gateway->history, stream);
        return WIRE_ERROR_NONE;
    }
    if (stream->after.block > gateway->height + AHEAD_BLOCKS) return WIRE_ERROR_RESUME_AHEAD;
    *is_behind = !gateway_history_is_whole(gateway->history, stream);
    if (!*is_behind || gateway_behind_serves(gateway, stream->after, text)) return WIRE_ERROR_NONE;
    GATEWAY_COUNT(gateway, resume_too_old);
    return WIRE_ERROR_RESUME_OLD;
}

/* 0, or why the logon is refused; the text may say more. */
static uint32_t check_logon(struct gateway_connection *connection,
                            const struct port_session *session, bool *is_behind,
                            char text[GATEWAY_OLD_TEXT_SIZE])
{
    struct gateway *gateway = connection->gateway;
    const struct tn_signatures *signatures = gateway->options.signatures;
    struct tn_signature signature;
    struct tn_hash digest;
    /* What a gap has swallowed would be missing from its stream without a word. */
    if (gateway->gapped) return WIRE_ERROR_SYNCING;
    if (!session->exists) return WIRE_ERROR_LOGON_SESSION;
    if (session->expires_ms <= session->time_ms) return WIRE_ERROR_LOGON_EXPIRED;
    memcpy(signature.bytes, connection->logon_signature, sizeof signature.bytes);
    wire_logon_digest(&digest, gateway->options.chain_id, connection->challenge, connection->market,
                      connection->session, connection->on_disconnect);
    connection->public_key = session->key;
    if (!signatures->parse(signatures->context, &connection->key, &session->key) ||
        !signatures->verify_parsed(signatures->context, &digest, &signature, &connection->key))
        return WIRE_ERROR_LOGON_SIGNATURE;
    struct gateway_account *account =
        gateway_accounts_take(gateway->accounts, session->market, session->account);
    if (account->connections_count >= gateway->limits.account_sessions_max)
        return WIRE_ERROR_LOGONS_FULL;
    connection->stream = (struct gateway_cursor){
        .market = session->market, .account = session->account, .after = connection->stream.after};
    const uint32_t code = check_place(connection, is_behind, text);
    if (code == WIRE_ERROR_NONE) connection->account = account;
    return code;
}

static void join(struct gateway_connection *connection, const struct port_session *session)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_account *account = connection->account;
    connection->is_logged_on = true;
    connection->scope = session->scope;
    connection->expires_ms = session->expires_ms;
    connection->heard_height = gateway->height;
    connection->next_of_account = account->first;
    connection->previous_of_account = NULL;
    if (account->first != NULL) account->first->previous_of_account = connection;
    account->first = connection;
    account->connections_count++;
    GATEWAY_COUNT(gateway, logons);
    gateway_add(&gateway->counts.logged_on, 1);
    if (connection->is_resuming) GATEWAY_COUNT(gateway, resumed);
}

void gateway_session_is(struct gateway *gateway, struct gateway_pending *pending,
                        const struct port_session *session)
{
    struct gateway_connection *connection = gateway->connections[pending->owner];
    uint64_t request = pending->request;
    gateway_pendings_remove(gateway->pendings, pending);
    connection->questions_count--;
    connection->is_logging_on = false;
    char text[GATEWAY_OLD_TEXT_SIZE] = "";
    bool is_behind = false;
    uint32_t code = check_logon(connection, session, &is_behind, text);
    if (code != WIRE_ERROR_NONE) {
        refuse(connection, request, code, text[0] == '\0' ? NULL : text);
        return;
    }
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__LogonAck ack = TENOR__V1__LOGON_ACK__INIT;
    Tenor__V1__Place at = TENOR__V1__PLACE__INIT;
    Tenor__V1__Tokens tokens;
    join(connection, session);
    gateway_session_tokens(connection, &tokens);
    at.block = gateway->height;
    at.index = UINT32_MAX;
    ack.account = session->account;
    ack.scope = session->scope;
    ack.expires_ms = unsigned_ms(session->expires_ms);
    ack.nonce_top = session->nonce_top;
    ack.at = &at;
    ack.tokens = &tokens;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_LOGON_ACK;
    message.logon_ack = &ack;
    gateway_connection_say(connection, &message);
    if (is_behind) gateway_behind_begin(connection);
    connection->stream_waits = true;
    gateway_connection_mark(connection);
}

static void leave(struct gateway_connection *connection)
{
    struct gateway_account *account = connection->account;
    if (connection->previous_of_account == NULL) {
        account->first = connection->next_of_account;
    } else {
        connection->previous_of_account->next_of_account = connection->next_of_account;
    }
    if (connection->next_of_account != NULL)
        connection->next_of_account->previous_of_account = connection->previous_of_account;
    account->connections_count--;
    connection->account = NULL;
    connection->is_logged_on = false;
    gateway_add(&connection->gateway->counts.logged_on, UINT64_MAX);
}

void gateway_session_end(struct gateway_connection *connection, enum gateway_end end)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_pending *pending;
    if (end == GATEWAY_END_LOST) GATEWAY_COUNT(gateway, lost);
    if (end == GATEWAY_END_LOGOFF) GATEWAY_COUNT(gateway, logoffs);
    if (connection->standby != NULL && end != GATEWAY_END_LOGOFF &&
        connection->on_disconnect == TENOR__V1__ON_DISCONNECT__RUN_STANDBY)
        gateway_standby_run(connection);
    while ((pending = gateway_pendings_next_owned(gateway->pendings, connection->slot, NULL)) !=
           NULL)
        gateway_pendings_remove(gateway->pendings, pending);
    gateway_proofs_disown(&gateway->proofs, connection->slot);
    connection->frames_count = connection->questions_count = 0;
    gateway_behind_end(connection);
    if (connection->is_logged_on) leave(connection);
}

/* ---- Heartbeats -------------------------------------------------------------------------------
 */

static void say_heartbeat(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    Tenor__V1__MarketHead heads[TN_CHAIN_MARKETS_MAX], *list[TN_CHAIN_MARKETS_MAX];
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Heartbeat heartbeat = TENOR__V1__HEARTBEAT__INIT;
    heartbeat.height = gateway->height;
    heartbeat.time_ms = unsigned_ms(gateway->time_ms);
    heartbeat.trouble = gateway->is_full ? WIRE_ERROR_DISK_FULL : WIRE_ERROR_NONE;
    if (connection->is_behind) {
        heartbeat.height = gateway_past_need(connection->stream.after) - 1;
    } else {
        fill_heads(gateway, heads, list);
        heartbeat.n_markets = gateway->markets_count;
        heartbeat.markets = list;
    }
    message.body_case = TENOR__V1__FROM_NODE__BODY_HEARTBEAT;
    message.heartbeat = &heartbeat;
    gateway_connection_say(connection, &message);
}

void gateway_session_heartbeat(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    int64_t last_us = connection->is_logged_on ? connection->beat_us : connection->sent_us;
    if (!connection->beat_now &&
        gateway->now_us - last_us < connection->heartbeat_ms * INT64_C(1000))
        return;
    if (connection->stage != GATEWAY_OPEN || !gateway_connection_has_room(connection)) return;
    if (connection->stream_waits) gateway_stream_pump(connection, false);
    if (connection->stage != GATEWAY_OPEN) return;
    if (connection->stream_waits && !connection->is_behind) return;
    connection->beat_us = gateway->now_us;
    connection->beat_now = false;
    say_heartbeat(connection);
}

void gateway_session_trouble(struct gateway *gateway)
{
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || connection->stage != GATEWAY_OPEN) continue;
        connection->beat_now = true;
        gateway_session_heartbeat(connection);
    }
}

void gateway_session_tick(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    int64_t late_us = gateway->now_us - (int64_t)gateway->limits.question_ms * 1000;
    int64_t late_proof_us = gateway->now_us - GATEWAY_PROOF_MS * INT64_C(1000);
    struct gateway_pending *next, *pending = NULL;
    if (connection->questions_count > 0 && gateway->ticks % TICKS_A_LOOK == 0)
        pending = gateway_pendings_next_owned(gateway->pendings, connection->slot, NULL);
    for (; pending != NULL; pending = next) {
        next = gateway_pendings_next_owned(gateway->pendings, connection->slot, pending);
        bool is_proof = pending->kind == GATEWAY_PENDING_PROOF;
        if (pending->kind == GATEWAY_PENDING_FRAME) continue;
        if (pending->asked_us > (is_proof ? late_proof_us : late_us)) continue;
        uint64_t request = pending->request;
        if (pending->kind == GATEWAY_PENDING_LOGON) connection->is_logging_on = false;
        gateway_pendings_remove(gateway->pendings, pending);
        connection->questions_count--;
        GATEWAY_COUNT(gateway, questions_late);
        gateway_connection_error(connection, request, WIRE_ERROR_ANSWER_LATE, NULL);
    }
}

/* ---- Allowances -------------------------------------------------------------------------------
 */

static uint32_t narrow(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void gateway_session_tokens(struct gateway_connection *connection, Tenor__V1__Tokens *tokens)
{
    const struct gateway *gateway = connection->gateway;
    const struct gateway_limits *limits = &gateway->limits;
    struct gateway_account *account = connection->account;
    tenor__v1__tokens__init(tokens);
    TN_ASSERT(account != NULL);
    tokens->orders = narrow(gateway_bucket_left(&account->orders, limits->orders_per_second,
                                                limits->orders_burst, gateway->now_us));
    tokens->quotes = narrow(gateway_bucket_left(&account->quotes, limits->quotes_per_second,
                                                limits->quotes_burst, gateway->now_us));
    tokens->queries = narrow(gateway_bucket_left(&account->queries, limits->queries_per_second,
                                                 limits->queries_burst, gateway->now_us));
}

bool gateway_session_query(struct gateway_connection *connection, uint64_t request)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_bucket *bucket =
        connection->account == NULL ? &connection->queries : &connection->account->queries;
    gateway_bucket_left(bucket, gateway->limits.queries_per_second, gateway->limits.queries_burst,
                        gateway->now_us);
    if (gateway_bucket_take(bucket, 1)) return true;
    GATEWAY_COUNT(gateway, limited_queries);
    gateway_connection_error(connection, request, WIRE_ERROR_QUERIES_FAST, NULL);
    return false;
}

/* ---- What clients ask -------------------------------------------------------------------------
 */

static void take_ping(struct gateway_connection *connection, uint64_t request,
                      const Tenor__V1__Ping *ping)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Pong pong = TENOR__V1__PONG__INIT;
    pong.time_ms = ping->time_ms;
    pong.height = connection->gateway->height;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_PONG;
    message.pong = &pong;
    gateway_connection_say(connection, &message);
}

static void take_item(struct gateway_connection *connection, uint64_t request,
                      const Tenor__V1__Item *item)
{
    struct gateway *gateway = connection->gateway;
    uint8_t *bytes = gateway->entry;
    if (item->kind < TENOR__V1__ITEM_KIND__REPORT ||
        item->kind > TENOR__V1__ITEM_KIND__GOVERNANCE) {
        gateway_connection_error(connection, request, WIRE_ERROR_ITEM_KIND, NULL);
        return;
    }
    if (!gateway_session_query(connection, request)) return;
    TN_ASSERT(item->bytes.len < sizeof gateway->entry);
    bytes[0] = (uint8_t)item->kind;
    if (item->bytes.len > 0) memcpy(bytes + 1, item->bytes.data, item->bytes.len);
    if (ask(connection, GATEWAY_PENDING_ITEM, PORT_ITEM, request, bytes, 1 + item->bytes.len))
        GATEWAY_COUNT(gateway, items);
}

static void take_feed(struct gateway_connection *connection, const Tenor__V1__ToNode *message)
{
    struct gateway *gateway = connection->gateway;
    struct wire_fault fault = {.code = WIRE_ERROR_NONE};
    enum wire_error code;
    if (!gateway_session_query(connection, message->request)) return;
    /* The state up to the present block, before market data of it. */
    if (connection->stream_waits) gateway_stream_pump(connection, false);
    if (message->body_case == TENOR__V1__TO_NODE__BODY_SUBSCRIBE &&
        gateway_soft_has(message->subscribe->channel)) {
        code = gateway_soft_subscribe(gateway->soft, &fault, connection->slot, message->request,
                                      message->subscribe);
    } else if (message->body_case == TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE &&
               gateway_soft_has(message->unsubscribe->channel)) {
        code = gateway_soft_unsubscribe(gateway->soft, &fault, connection->slot, message->request,
                                        message->unsubscribe);
    } else if (message->body_case == TENOR__V1__TO_NODE__BODY_SUBSCRIBE) {
        code = feed_subscribe(gateway->feed, &fault, connection->slot, message->request,
                              message->subscribe);
    } else if (message->body_case == TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE) {
        code = feed_unsubscribe(gateway->feed, &fault, connection->slot, message->request,
                                message->unsubscribe);
    } else {
        code = feed_query(gateway->feed, &fault, connection->slot, message);
    }
    if (code != WIRE_ERROR_NONE)
        gateway_connection_error(connection, message->request, code,
                                 fault.text[0] == '\0' ? NULL : fault.text);
}

static void take_query(struct gateway_connection *connection, const Tenor__V1__ToNode *message,
                       const uint8_t *bytes, size_t size)
{
    if (connection->gateway->state != PORT_READY) {
        gateway_connection_error(connection, message->request, WIRE_ERROR_SYNCING, NULL);
        return;
    }
    if (!gateway_session_query(connection, message->request)) return;
    enum gateway_pending_kind kind = message->body_case == TENOR__V1__TO_NODE__BODY_GET_PROOF
                                         ? GATEWAY_PENDING_PROOF
                                         : GATEWAY_PENDING_QUERY;
    if (ask(connection, kind, PORT_QUERY, message->request, bytes, size))
        GATEWAY_COUNT(connection->gateway, questions);
}

static void take_body(struct gateway_connection *connection, const Tenor__V1__ToNode *message,
                      const uint8_t *bytes, size_t size)
{
    uint64_t request = message->request;
    switch (message->body_case) {
        case TENOR__V1__TO_NODE__BODY_LOGON:
            take_logon(connection, request, message->logon);
            return;
        case TENOR__V1__TO_NODE__BODY_LOGOFF:
            gateway_line_settle(connection); /* what it said before goes before */
            if (connection->held_count > 0) {
                gateway_hold_stop(connection);
                return;
            }
            gateway_connection_finish(connection, GATEWAY_END_LOGOFF);
            return;
        case TENOR__V1__TO_NODE__BODY_PING: take_ping(connection, request, message->ping); return;
        case TENOR__V1__TO_NODE__BODY_FRAME:
            gateway_frames_take(connection, request, message->frame);
            return;
        case TENOR__V1__TO_NODE__BODY_STANDBY:
            gateway_standby_take(connection, request, message->standby);
            return;
        case TENOR__V1__TO_NODE__BODY_ITEM: take_item(connection, request, message->item); return;
        case TENOR__V1__TO_NODE__BODY_SUBSCRIBE:
        case TENOR__V1__TO_NODE__BODY_UNSUBSCRIBE:
        case TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS:
        case TENOR__V1__TO_NODE__BODY_GET_BOOK:
        case TENOR__V1__TO_NODE__BODY_GET_TRADES: take_feed(connection, message); return;
        case TENOR__V1__TO_NODE__BODY_GET_CLUSTER:
        case TENOR__V1__TO_NODE__BODY_GET_CHAIN:
        case TENOR__V1__TO_NODE__BODY_GET_ACCOUNT:
        case TENOR__V1__TO_NODE__BODY_GET_ORDERS:
        case TENOR__V1__TO_NODE__BODY_GET_OWNER:
        case TENOR__V1__TO_NODE__BODY_GET_MARGIN:
        case TENOR__V1__TO_NODE__BODY_GET_BLOCK:
        case TENOR__V1__TO_NODE__BODY_GET_PROOF:
        case TENOR__V1__TO_NODE__BODY_GET_LIQUIDATIONS:
        case TENOR__V1__TO_NODE__BODY_GET_SESSION:
        case TENOR__V1__TO_NODE__BODY_GET_HANDOVERS:
            take_query(connection, message, bytes, size);
            return;
        case TENOR__V1__TO_NODE__BODY__NOT_SET:
        case _TENOR__V1__TO_NODE__BODY__CASE_IS_INT_SIZE: break;
    }
    TN_ASSERT(false); /* wire refuses a message without a body */
}

void gateway_session_take(struct gateway_connection *connection, const uint8_t *bytes, size_t size)
{
    struct gateway *gateway = connection->gateway;
    Tenor__V1__ToNode *message;
    struct wire_fault fault;
    connection->heard_us = gateway->now_us;
    connection->heard_height = gateway->height;
    if (wire_read_to_node(&gateway->in_arena, &message, &fault, bytes, size)) {
        take_body(connection, message, bytes, size);
        return;
    }
    GATEWAY_COUNT(gateway, malformed);
    gateway_connection_close(connection, 0, fault.code, fault.text, GATEWAY_END_CUT);
}
