/* What goes out: messages behind one another in a buffer that the turn empties into TLS.
 *
 * Cancels go in front of everything of which no byte has left: when the socket is full they are
 * what should not wait. All else keeps its order. A message that does not fit is refused to the
 * caller; nothing is dropped behind his back. */
#include "client/internal.h"

#include <string.h>

const char *tn_client_result_text(enum tn_client_result result)
{
    switch (result) {
        case TN_CLIENT_OK: return "queued";
        case TN_CLIENT_NOT_CONNECTED: return "there is no connection to a node now";
        case TN_CLIENT_NOT_LOGGED_ON: return "the client is not logged on now";
        case TN_CLIENT_FULL: return "too much waits to be sent, or to be answered";
        case TN_CLIENT_BAD: return "there is no such message: a count, a size or a kind is wrong";
        case TN_CLIENT_NO_KEY: return "the key cannot sign";
    }
    return "?";
}

uint64_t client_request(uint64_t tag)
{
    return tag < CLIENT_REQUEST_OWN - 1 ? tag + 1 : 0;
}

uint64_t client_tag(uint64_t request)
{
    return request == 0 || request >= CLIENT_REQUEST_OWN ? UINT64_MAX : request - 1;
}

/* Where the first message begins of which TLS was given nothing. */
static size_t first_unsent(const struct tn_client *client)
{
    size_t taken = client->out_start + client->writing;
    size_t at = client->out_front;
    while (at < taken)
        at += WIRE_LENGTH_BYTES + (size_t)tn_get_be(client->out + at, 4);
    return at;
}

/* Moves what is queued to the front of the buffer, whole messages of it. */
static void close_ranks(struct tn_client *client)
{
    size_t front = client->out_front;
    size_t next = front;
    while (next < client->out_start) {
        front = next;
        next += WIRE_LENGTH_BYTES + (size_t)tn_get_be(client->out + next, 4);
    }
    if (next == client->out_start) front = next;
    memmove(client->out, client->out + front, client->out_end - front);
    client->out_start -= front;
    client->out_end -= front;
    client->out_front = 0;
}

enum tn_client_result client_queue(struct tn_client *client, const Tenor__V1__ToNode *message,
                                   bool is_urgent)
{
    if (client->phase != CLIENT_UP && client->phase != CLIENT_LOGON) {
        return TN_CLIENT_NOT_CONNECTED;
    }
    if (client->is_closing) return TN_CLIENT_NOT_CONNECTED;
    size_t need = wire_write_to_node(client->out, 0, message);
    if (need == 0) return TN_CLIENT_BAD;
    if (client->out_size_max - client->out_end < need) close_ranks(client);
    if (client->out_size_max - client->out_end < need) return TN_CLIENT_FULL;
    size_t at = is_urgent ? first_unsent(client) : client->out_end;
    memmove(client->out + at + need, client->out + at, client->out_end - at);
    size_t written = wire_write_to_node(client->out + at, need, message);
    TN_ASSERT(written == need);
    client->out_end += need;
    client->queued_end = client->out_sent + (at + need - client->out_start);
    return TN_CLIENT_OK;
}

/* ---- The connection's own ----------------------------------------------------------------------
 */

enum tn_client_result client_logon(struct tn_client *client)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    Tenor__V1__Place place = TENOR__V1__PLACE__INIT;
    struct tn_hash digest;
    struct tn_signature signature;
    logon.on_disconnect = client->on_disconnect != TN_CLIENT_ORDERS_STAY
                              ? TENOR__V1__ON_DISCONNECT__RUN_STANDBY
                              : TENOR__V1__ON_DISCONNECT__NOTHING;
    wire_logon_digest(&digest, client->chain_id, client->challenge, client->market, client->session,
                      logon.on_disconnect);
    if (!client->signatures.sign(client->signatures.context, &signature, &digest, &client->key)) {
        return TN_CLIENT_NO_KEY;
    }
    logon.market = client->market;
    logon.session = client->session;
    logon.signature.data = signature.bytes;
    logon.signature.len = sizeof signature.bytes;
    logon.heartbeat_ms = client->heartbeat_ms;
    if (client->has_place) {
        place.block = client->place.block;
        place.index = client->place.index;
        logon.resume_after = &place;
    }
    message.request = CLIENT_REQUEST_OWN + CLIENT_OWN_LOGON;
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGON;
    message.logon = &logon;
    return client_queue(client, &message, false);
}

enum tn_client_result client_logoff(struct tn_client *client)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logoff logoff = TENOR__V1__LOGOFF__INIT;
    if (!client->log_on || client->phase != CLIENT_UP) return TN_CLIENT_OK;
    message.request = CLIENT_REQUEST_OWN + CLIENT_OWN_LOGOFF;
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGOFF;
    message.logoff = &logoff;
    return client_queue(client, &message, false);
}

static enum tn_client_result ping(struct tn_client *client, uint64_t request)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Ping body = TENOR__V1__PING__INIT;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_PING;
    message.ping = &body;
    return client_queue(client, &message, false);
}

enum tn_client_result client_ping(struct tn_client *client)
{
    client->sent_ms = client->now_ms;
    return ping(client, CLIENT_REQUEST_OWN + CLIENT_OWN_PING);
}

enum tn_client_result tn_client_ping(struct tn_client *client, uint64_t tag)
{
    return ping(client, client_request(tag));
}
