/* What comes in: each message of the node, once, in order.
 *
 * The account's stream is told exactly once and in order of its places, whatever the node does:
 * what is not behind the last place is passed over. All that says how far the chain is (Hello,
 * Heartbeat, blocks, answers) only ever moves the client's view ahead, and is forgotten with the
 * connection: what one node makes up harms the client nowhere else. */
#include "client/internal.h"

#include <string.h>

enum { AHEAD_MAX = 10 }; /* refusals; between them are up to RETRY_MOST_MS */

/* ---- How far the chain is ----------------------------------------------------------------------
 */

static void see_height(struct tn_client *client, uint64_t height, uint64_t time_ms)
{
    if (height > client->height) client->height = height;
    if (time_ms > client->time_ms) client->time_ms = time_ms;
}

static void see_term(struct tn_client *client, uint32_t term)
{
    if (term > client->term) client->term = term;
}

/* `is_told`: all of the account's stream up to these heads was told. */
static void see_heads(struct tn_client *client, Tenor__V1__MarketHead *const *heads, size_t count,
                      bool is_told)
{
    for (size_t i = 0; i < count; i++) {
        client_follow_term(client, heads[i]->market, heads[i]->term);
        if (heads[i]->market != client->market) continue;
        see_term(client, heads[i]->term);
        if (!is_told) continue;
        if (heads[i]->term > client->told_term) client->told_term = heads[i]->term;
        if (heads[i]->cursor > client->told_cursor) client->told_cursor = heads[i]->cursor;
    }
}

/* The stream was told up to and with this block. */
static void see_told(struct tn_client *client, uint64_t height)
{
    if (!client->log_on || height <= client->place.block) return;
    client->place = (struct tn_place){.block = height, .index = UINT32_MAX};
}

/* ---- The connection
 * ------------------------------------------------------------------------------
 */

static void take_hello(struct tn_client *client, const Tenor__V1__Hello *hello)
{
    const struct client_peer *peer = &client->peers[client->node];
    if (client->phase != CLIENT_HELLO) {
        client_fail(client, "the node said Hello twice");
        return;
    }
    if (hello->protocol != WIRE_PROTOCOL) {
        client->is_refused = true;
        client_fail(client, "%s:%u speaks version %u of the protocol, this program %u", peer->host,
                    peer->port, hello->protocol, WIRE_PROTOCOL);
        return;
    }
    if (client->any_chain) {
        memcpy(client->chain_id, hello->chain_id.data, sizeof client->chain_id);
        client->any_chain = false;
    }
    if (memcmp(hello->chain_id.data, client->chain_id, sizeof client->chain_id) != 0) {
        client->is_refused = true;
        client_fail(client, "%s:%u is a node of another chain", peer->host, peer->port);
        return;
    }
    memcpy(client->challenge, hello->challenge.data, sizeof client->challenge);
    client->height = client->time_ms = 0;
    client->term = client->told_term = 0;
    client->told_cursor = 0;
    see_height(client, hello->height, hello->time_ms);
    see_heads(client, hello->markets, hello->n_markets, false);
    client->phase = client->log_on ? CLIENT_LOGON : CLIENT_UP;
    struct tn_client_news news = {.kind = TN_NEWS_CONNECTED, .tag = UINT64_MAX};
    news.as.connected.node = client->node;
    news.as.connected.name = hello->node;
    news.as.connected.height = hello->height;
    news.as.connected.time_ms = hello->time_ms;
    news.as.connected.markets = client_decode_heads(client, hello->markets, hello->n_markets);
    news.as.connected.markets_count = (uint32_t)hello->n_markets;
    client_tell(client, &news);
    if (client->log_on) {
        enum tn_client_result result = client_logon(client);
        if (result != TN_CLIENT_OK) {
            client->is_refused = true;
            client_fail(client, "cannot log on: %s", tn_client_result_text(result));
        }
    } else {
        client->attempts = client->refusals = 0;
        client_follow_up(client);
        client_channels_again(client);
    }
}

static struct tn_tokens tokens_of(const Tenor__V1__Tokens *tokens)
{
    if (tokens == NULL) return (struct tn_tokens){.orders = 0};
    return (struct tn_tokens){
        .orders = tokens->orders, .quotes = tokens->quotes, .queries = tokens->queries};
}

static void take_logon_ack(struct tn_client *client, const Tenor__V1__LogonAck *ack)
{
    if (client->phase != CLIENT_LOGON) {
        client_fail(client, "the node answered a logon that there was not");
        return;
    }
    if (ack->nonce_top > CLIENT_NONCE_MAX) {
        client->is_refused = true;
        client_fail(client, "the node names a nonce that no account has");
        return;
    }
    client->phase = CLIENT_UP;
    client->refusals = client->ahead_count = 0;
    client->account = ack->account;
    client->tokens = tokens_of(ack->tokens);
    if (ack->nonce_top >= client->nonce_next) client->nonce_next = ack->nonce_top + 1;
    struct tn_client_news news = {.kind = TN_NEWS_LOGGED_ON, .tag = UINT64_MAX};
    struct tn_news_logged_on *told = &news.as.logged_on;
    told->account = ack->account;
    told->scope = ack->scope;
    told->expires_ms = ack->expires_ms;
    told->nonce_top = ack->nonce_top;
    told->tokens = client->tokens;
    told->is_resumed = client->has_place;
    if (ack->at != NULL) {
        told->at = (struct tn_place){.block = ack->at->block, .index = ack->at->index};
    }
    if (!client->has_place) client->place = told->at;
    bool is_hole = client->resume_lost;
    client->has_place = true;
    client->resume_lost = false;
    client_tell(client, &news);
    if (is_hole) client_flights_unknown(client);
    client_follow_up(client);
    client_channels_again(client);
    client_standby_renew(client);
}

/* ---- Frames
 * --------------------------------------------------------------------------------------
 */

static bool read_events(struct tn_client *client, struct tn_frame_news *frame,
                        Tenor__V1__Event *const *events, size_t count)
{
    struct tn_event *list = wire_take(&client->arena, count * sizeof *list);
    if (count > 0 && list == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        if (!wire_event_read(&list[i], events[i])) return false;
    }
    frame->events = list;
    frame->events_count = (uint32_t)count;
    if (count == 1 && list[0].kind == TN_EVENT_RESULT) frame->reject = list[0].reject;
    return true;
}

static void take_soft(struct tn_client *client, const Tenor__V1__FrameSoft *soft)
{
    struct tn_client_news news = {.kind = TN_NEWS_FRAME};
    struct tn_frame_news *frame = &news.as.frame;
    see_term(client, soft->term);
    if (soft->tokens != NULL) client->tokens = tokens_of(soft->tokens);
    const struct client_flight *flight = client_flight_find(client, soft->nonce);
    if (flight == NULL) return;
    news.tag = flight->tag;
    *frame = (struct tn_frame_news){.state = TN_FRAME_SOFT,
                                    .market = soft->market,
                                    .term = soft->term,
                                    .sequence = soft->sequence,
                                    .index = soft->index,
                                    .nonce = soft->nonce,
                                    .text = ""};
    if (!read_events(client, frame, soft->events, soft->n_events)) {
        client_fail(client, "the node tells an event with a number out of range");
        return;
    }
    client_tell(client, &news);
}

static void take_final(struct tn_client *client, const Tenor__V1__FrameFinal *final)
{
    struct tn_client_news news = {.kind = TN_NEWS_FRAME};
    struct tn_frame_news *frame = &news.as.frame;
    see_height(client, final->block, 0);
    struct client_flight *flight = client_flight_find(client, final->nonce);
    if (flight == NULL) return;
    news.tag = flight->tag;
    *frame = (struct tn_frame_news){.state = TN_FRAME_FINAL,
                                    .market = final->market,
                                    .term = final->term,
                                    .sequence = final->sequence,
                                    .index = final->index,
                                    .nonce = final->nonce,
                                    .block = final->block,
                                    .text = ""};
    if (!read_events(client, frame, final->events, final->n_events)) {
        client_fail(client, "the node tells an event with a number out of range");
        return;
    }
    client_flight_drop(client, flight);
    client_tell(client, &news);
}

static void take_reverted(struct tn_client *client, const Tenor__V1__FrameReverted *reverted)
{
    see_term(client, reverted->term_now);
    struct client_flight *flight = client_flight_find(client, reverted->nonce);
    if (flight == NULL) return;
    struct tn_client_news news = {.kind = TN_NEWS_FRAME, .tag = flight->tag};
    news.as.frame = (struct tn_frame_news){.state = TN_FRAME_REVERTED,
                                           .market = reverted->market,
                                           .term = reverted->term,
                                           .sequence = reverted->sequence,
                                           .index = reverted->index,
                                           .nonce = reverted->nonce,
                                           .text = ""};
    client_flight_drop(client, flight);
    client_standby_renew(client);
    client_tell(client, &news);
}

/* ---- Refusals
 * ------------------------------------------------------------------------------------
 */

/* Numbers of the exchange, and of the node. */
static bool is_reject(uint32_t code)
{
    return code > 0 && code < 10000;
}

/* Somebody else used the account's nonces: go on well above them. */
static void skip_nonces(struct tn_client *client, uint64_t nonce)
{
    uint64_t next = nonce + 1024;
    if (next > client->nonce_next) client->nonce_next = next;
    client_standby_renew(client);
}

static void refuse_frame(struct tn_client *client, uint64_t nonce, const Tenor__V1__Error *error)
{
    struct client_flight *flight = client_flight_find(client, nonce);
    if (flight == NULL) return;
    /* Whether it was taken is not known: the account's stream will tell. */
    if (error->code == WIRE_ERROR_ANSWER_LOST || error->code == WIRE_ERROR_LEADER_AWAY) {
        if (flight->by_stream) return;
        flight->by_stream = true;
        client_flight_tell(client, flight, TN_FRAME_AMBIGUOUS, 0);
        return;
    }
    struct tn_client_news news = {.kind = TN_NEWS_FRAME, .tag = flight->tag};
    struct tn_frame_news *frame = &news.as.frame;
    bool is_lapsed = error->code == WIRE_ERROR_FRAME_LAPSED;
    frame->state = is_lapsed ? TN_FRAME_NOT_EXECUTED : TN_FRAME_REFUSED;
    frame->market = client->market;
    frame->term = flight->term;
    frame->nonce = nonce;
    frame->error = is_reject(error->code) ? 0 : error->code;
    frame->reject = is_reject(error->code) ? (uint16_t)error->code : 0;
    frame->is_retriable = error->retriable;
    frame->text = error->text;
    client_flight_drop(client, flight);
    if (error->code == TN_REJECT_NONCE_USED || error->code == TN_REJECT_NONCE_TOO_OLD) {
        skip_nonces(client, nonce);
    }
    client_tell(client, &news);
}

static void refuse_logon(struct tn_client *client, const Tenor__V1__Error *error)
{
    bool is_lost = error->code == WIRE_ERROR_RESUME_OLD;
    /* A node that was behind would be there by now: another one made the place up. */
    if (error->code == WIRE_ERROR_RESUME_AHEAD)
        is_lost = ++client->ahead_count >= AHEAD_MAX && client->ahead_count >= client->peers_count;
    if (is_lost && client->has_place) {
        client->has_place = false;
        client->resume_lost = true;
        if (!error->closing && client_logon(client) == TN_CLIENT_OK) return;
    }
    client->is_refused = !error->retriable && !client->resume_lost;
    client_fail(client, "the node refused the logon: %s (%u)", error->text, error->code);
}

static void take_error(struct tn_client *client, uint64_t request, const Tenor__V1__Error *error)
{
    if ((request & CLIENT_REQUEST_FRAME) != 0) {
        refuse_frame(client, request & ~CLIENT_REQUEST_FRAME, error);
    } else if (request == CLIENT_REQUEST_OWN + CLIENT_OWN_STANDBY) {
        client_standby_void(client, is_reject(error->code) ? (uint16_t)error->code : 0);
    } else if (request == CLIENT_REQUEST_OWN + CLIENT_OWN_CLUSTER) {
        /* It is asked again. */
    } else if (error->code == WIRE_ERROR_SOFT_ELSEWHERE &&
               client_follow_refused(client, client_tag(request))) {
        /* And the channel taken up again, there. */
    } else {
        struct tn_client_news news = {.kind = TN_NEWS_ERROR, .tag = client_tag(request)};
        news.as.error.code = error->code;
        news.as.error.text = error->text;
        news.as.error.is_retriable = error->retriable;
        news.as.error.is_closing = error->closing;
        client_tell(client, &news);
    }
    if (request == CLIENT_REQUEST_OWN + CLIENT_OWN_LOGON) refuse_logon(client, error);
    if (!error->closing) return;
    client_fail(client, "the node ended the connection: %s (%u)", error->text, error->code);
}

/* ---- The account's stream
 * ------------------------------------------------------------------------
 */

static bool is_behind(struct tn_place place, struct tn_place last)
{
    return place.block > last.block || (place.block == last.block && place.index > last.index);
}

/* Those that were told before, on another connection, are not told again. */
static bool tell_account_events(struct tn_client *client, const Tenor__V1__AccountMessage *message)
{
    struct tn_client_news news = {.kind = TN_NEWS_ACCOUNT, .tag = UINT64_MAX};
    struct tn_account_event *told = &news.as.account;
    bool is_new = false;
    told->nonce = message->nonce;
    told->time_ms = message->time_ms;
    for (size_t i = 0; i < message->n_events; i++) {
        const uint64_t index = (uint64_t)message->at->index + i;
        if (index > UINT32_MAX || !wire_event_read(&told->event, message->events[i])) {
            client_fail(client, "the node tells of the account what is no event, or has no place");
            return false;
        }
        told->at = (struct tn_place){.block = message->at->block, .index = (uint32_t)index};
        if (!is_behind(told->at, client->place)) continue;
        is_new = true;
        client->place = told->at;
        client_tell(client, &news);
    }
    return is_new;
}

static void take_account(struct tn_client *client, const Tenor__V1__AccountMessage *message)
{
    if (message->at == NULL) {
        client_fail(client, "the node tells of the account without a place");
        return;
    }
    const uint64_t block = message->at->block, nonce = message->nonce;
    if (block >= client->place.block) see_height(client, block, message->time_ms);
    if (!tell_account_events(client, message) || nonce == 0) return;
    if (nonce == client->standby_nonce) { /* a dead man's: we were silent for too long */
        client_standby_gone(client);
        client_standby_renew(client);
    }
    client_flights_executed(client, nonce, block);
}

static void take_heartbeat(struct tn_client *client, const Tenor__V1__Heartbeat *heartbeat)
{
    struct tn_client_news news = {.kind = TN_NEWS_HEAD, .tag = UINT64_MAX};
    see_height(client, heartbeat->height, heartbeat->time_ms);
    if (client->phase == CLIENT_UP) see_told(client, heartbeat->height);
    see_heads(client, heartbeat->markets, heartbeat->n_markets, client->phase == CLIENT_UP);
    client_flights_settle(client);
    client_standby_renew(client);
    news.as.head.height = heartbeat->height;
    news.as.head.time_ms = heartbeat->time_ms;
    client_tell(client, &news);
}

/* ---- All of it
 * -----------------------------------------------------------------------------------
 */

/* What tells how far the chain is on the way. True: that is all that it is for. Only a BLOCKS
 * message and a Heartbeat say that the account's stream was told up to them; answers may overtake
 * it. */
static bool take_heads(struct tn_client *client, const Tenor__V1__FromNode *message)
{
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_BLOCK && message->request == 0) {
        const Tenor__V1__Block *block = message->block;
        bool is_told = client->phase == CLIENT_UP;
        see_height(client, block->height, block->time_ms);
        if (is_told) see_told(client, block->height);
        see_heads(client, block->markets, block->n_markets, is_told);
        client_flights_settle(client);
        client_standby_renew(client);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_CLUSTER) {
        const Tenor__V1__Cluster *cluster = message->cluster;
        const bool is_own = message->request == CLIENT_REQUEST_OWN + CLIENT_OWN_CLUSTER;
        see_height(client, cluster->height, 0);
        if (is_own) client_follow_cluster(client, cluster);
        see_heads(client, cluster->markets, cluster->n_markets, false);
        return is_own;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_PONG) {
        see_height(client, message->pong->height, 0);
        return message->request == CLIENT_REQUEST_OWN + CLIENT_OWN_PING;
    }
    return false;
}

/* A forced frame that was taken waits for its block like others; what the set never heard of is
 * over at once. */
static void take_forced(struct tn_client *client, uint64_t nonce, uint8_t answer)
{
    if (answer == TN_ITEM_TAKEN || answer == TN_ITEM_KNOWN) return;
    Tenor__V1__Error error = TENOR__V1__ERROR__INIT;
    bool is_full = answer == TN_ITEM_NO_ROOM;
    error.code = is_full ? WIRE_ERROR_NO_ROOM : WIRE_ERROR_MALFORMED;
    error.retriable = is_full;
    error.text = is_full ? (char *)"too many forced frames wait for a block"
                         : (char *)"no such forced frame is taken: the node does not know its "
                                   "session yet, or it is larger than half a block may be";
    refuse_frame(client, nonce, &error);
}

static void take_simple(struct tn_client *client, struct tn_client_news *news,
                        const Tenor__V1__FromNode *message)
{
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_PONG) {
        news->kind = TN_NEWS_PONG;
        news->as.pong.height = message->pong->height;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_ITEM_TAKEN) {
        news->kind = TN_NEWS_ITEM;
        news->as.item.answer = (uint8_t)message->item_taken->answer;
        if ((message->request & CLIENT_REQUEST_FRAME) != 0) {
            take_forced(client, message->request & ~CLIENT_REQUEST_FRAME, news->as.item.answer);
            return;
        }
    } else {
        news->kind = TN_NEWS_SUBSCRIBED;
        news->as.subscribed.market = message->subscribed->market;
        news->as.subscribed.channel = (uint8_t)message->subscribed->channel;
        news->as.subscribed.series_count = message->subscribed->series_count;
    }
    client_tell(client, news);
    if (news->kind != TN_NEWS_SUBSCRIBED) return;
    client_follow_subscribed(client, news->as.subscribed.market, news->as.subscribed.channel);
}

static void take(struct tn_client *client, const Tenor__V1__FromNode *message)
{
    struct tn_client_news news = {.tag = client_tag(message->request)};
    bool is_good = true;
    switch (message->body_case) {
        case TENOR__V1__FROM_NODE__BODY_HELLO: take_hello(client, message->hello); return;
        case TENOR__V1__FROM_NODE__BODY_LOGON_ACK:
            take_logon_ack(client, message->logon_ack);
            return;
        case TENOR__V1__FROM_NODE__BODY_ERROR:
            take_error(client, message->request, message->error);
            return;
        case TENOR__V1__FROM_NODE__BODY_FRAME_SOFT: take_soft(client, message->frame_soft); return;
        case TENOR__V1__FROM_NODE__BODY_FRAME_FINAL:
            take_final(client, message->frame_final);
            return;
        case TENOR__V1__FROM_NODE__BODY_FRAME_REVERTED:
            take_reverted(client, message->frame_reverted);
            return;
        case TENOR__V1__FROM_NODE__BODY_STANDBY_VOID:
            see_term(client, message->standby_void->term);
            client_standby_void(client, (uint16_t)message->standby_void->reject);
            return;
        case TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE:
            take_account(client, message->account_message);
            return;
        case TENOR__V1__FROM_NODE__BODY_HEARTBEAT:
            take_heartbeat(client, message->heartbeat);
            return;
        case TENOR__V1__FROM_NODE__BODY_PONG:
        case TENOR__V1__FROM_NODE__BODY_ITEM_TAKEN:
        case TENOR__V1__FROM_NODE__BODY_SUBSCRIBED: take_simple(client, &news, message); return;
        case TENOR__V1__FROM_NODE__BODY_BOOK:
        case TENOR__V1__FROM_NODE__BODY_BLOCK:
        case TENOR__V1__FROM_NODE__BODY_INSTRUMENT:
        case TENOR__V1__FROM_NODE__BODY_TICKER:
        case TENOR__V1__FROM_NODE__BODY_ORDER_BOOK:
        case TENOR__V1__FROM_NODE__BODY_TRADE:
        case TENOR__V1__FROM_NODE__BODY_MARKS:
        case TENOR__V1__FROM_NODE__BODY_LIQUIDATION:
        case TENOR__V1__FROM_NODE__BODY_SOFT_END:
        case TENOR__V1__FROM_NODE__BODY_TRADES:
            is_good = client_decode_data(client, &news, message);
            break;
        case TENOR__V1__FROM_NODE__BODY_CLUSTER:
        case TENOR__V1__FROM_NODE__BODY_INSTRUMENTS:
        case TENOR__V1__FROM_NODE__BODY_CHAIN:
        case TENOR__V1__FROM_NODE__BODY_ACCOUNT:
        case TENOR__V1__FROM_NODE__BODY_ORDERS:
        case TENOR__V1__FROM_NODE__BODY_OWNER:
        case TENOR__V1__FROM_NODE__BODY_MARGIN:
        case TENOR__V1__FROM_NODE__BODY_PROOF:
        case TENOR__V1__FROM_NODE__BODY_HANDOVERS:
        case TENOR__V1__FROM_NODE__BODY_LIQUIDATIONS:
        case TENOR__V1__FROM_NODE__BODY_SESSION:
            is_good = client_decode_answer(client, &news, message);
            break;
        case TENOR__V1__FROM_NODE__BODY__NOT_SET:
        case _TENOR__V1__FROM_NODE__BODY__CASE_IS_INT_SIZE: is_good = false; break;
    }
    if (is_good) {
        client_tell(client, &news);
        if (news.kind == TN_NEWS_SOFT_END) client_follow_end(client, news.as.soft_end.market);
    } else {
        client_fail(client, "the node sends a message that holds a number out of range");
    }
}

void client_take(struct tn_client *client, const uint8_t *bytes, size_t size)
{
    struct wire_fault fault;
    Tenor__V1__FromNode *message;
    if (!wire_read_from_node(&client->arena, &message, &fault, bytes, size)) {
        client_fail(client, "the node sends a message that is none: %s", fault.text);
        return;
    }
    bool is_early = client->phase == CLIENT_HELLO &&
                    message->body_case != TENOR__V1__FROM_NODE__BODY_HELLO &&
                    message->body_case != TENOR__V1__FROM_NODE__BODY_ERROR;
    if (is_early) {
        client_fail(client, "the node began with something else than Hello");
        return;
    }
    if (!take_heads(client, message)) take(client, message);
}
