/* Frames on their way, and what becomes of them when a connection breaks.
 *
 * A frame is told to its end by the node that took it. When that connection is lost, its end is not
 * known: it is *ambiguous*, and the account's stream, taken up at another node, settles it. Every
 * executed frame stands there with its nonce. One that does not, once the stream is told up to a
 * block, is never executed if its term had ended by that block, or if the market's cursor has
 * passed its last block: a batch may still bring a frame as long as the market's last BLOCK is not
 * above that. Frames of which no byte had left are settled at once. */
#include "client/internal.h"

static struct client_flight *seat(struct tn_client *client, uint64_t nonce)
{
    return &client->flights[nonce % TN_CLIENT_FLIGHT_MAX];
}

bool client_flight_has_room(const struct tn_client *client, uint64_t nonce)
{
    return client->flights[nonce % TN_CLIENT_FLIGHT_MAX].nonce == 0;
}

void client_flight_add(struct tn_client *client, const struct client_flight *flight)
{
    struct client_flight *at = seat(client, flight->nonce);
    TN_ASSERT(at->nonce == 0 && flight->nonce != 0);
    *at = *flight;
    client->flights_count++;
}

struct client_flight *client_flight_find(struct tn_client *client, uint64_t nonce)
{
    struct client_flight *at = seat(client, nonce);
    return nonce != 0 && at->nonce == nonce ? at : NULL;
}

void client_flight_drop(struct tn_client *client, struct client_flight *flight)
{
    TN_ASSERT(flight->nonce != 0 && client->flights_count > 0);
    flight->nonce = 0;
    client->flights_count--;
}

void client_flight_tell(struct tn_client *client, const struct client_flight *flight,
                        enum tn_frame_state state, uint64_t block)
{
    struct tn_client_news news = {.kind = TN_NEWS_FRAME, .tag = flight->tag};
    news.as.frame.state = (uint8_t)state;
    news.as.frame.market = client->market;
    news.as.frame.term = flight->term;
    news.as.frame.nonce = flight->nonce;
    news.as.frame.block = block;
    news.as.frame.text = "";
    client_tell(client, &news);
}

static void end(struct tn_client *client, struct client_flight *flight, enum tn_frame_state state,
                uint64_t block)
{
    const struct client_flight ended = *flight;
    client_flight_drop(client, flight);
    client_flight_tell(client, &ended, state, block);
}

void client_flights_lost(struct tn_client *client)
{
    for (uint32_t i = 0; i < TN_CLIENT_FLIGHT_MAX; i++) {
        struct client_flight *flight = &client->flights[i];
        if (flight->nonce == 0) continue;
        if (flight->end > client->out_sent) {
            end(client, flight, TN_FRAME_NOT_EXECUTED, 0);
            continue;
        }
        flight->end = 0; /* of this connection no more */
        if (flight->by_stream) continue;
        flight->by_stream = true;
        client_flight_tell(client, flight, TN_FRAME_AMBIGUOUS, 0);
    }
}

void client_flights_executed(struct tn_client *client, uint64_t nonce, uint64_t block)
{
    struct client_flight *flight = client_flight_find(client, nonce);
    if (flight == NULL) return;
    if (flight->by_stream) {
        end(client, flight, TN_FRAME_EXECUTED, block);
    } else if (flight->wait == TN_WAIT_SOFT || flight->wait == TN_WAIT_NEITHER) {
        client_flight_drop(client, flight); /* nobody asked for its end */
    }
}

/* Was the stream told far enough to know? */
static bool is_too_late(const struct tn_client *client, const struct client_flight *flight)
{
    if (flight->term != 0 && flight->term < client->told_term) return true;
    return client->told_cursor > flight->valid_until;
}

void client_flights_settle(struct tn_client *client)
{
    for (uint32_t i = 0; i < TN_CLIENT_FLIGHT_MAX && client->flights_count > 0; i++) {
        struct client_flight *flight = &client->flights[i];
        if (flight->nonce == 0 || !is_too_late(client, flight)) continue;
        /* A connection that is up tells the end itself, and what it has not told yet it will. */
        if (!flight->by_stream && flight->wait != TN_WAIT_NEITHER) continue;
        if (flight->by_stream) {
            end(client, flight, TN_FRAME_NOT_EXECUTED, 0);
        } else {
            client_flight_drop(client, flight);
        }
    }
}

void client_flights_unknown(struct tn_client *client)
{
    for (uint32_t i = 0; i < TN_CLIENT_FLIGHT_MAX; i++) {
        struct client_flight *flight = &client->flights[i];
        bool is_earlier = flight->nonce != 0 && flight->end == 0; /* than this connection */
        if (is_earlier) end(client, flight, TN_FRAME_UNKNOWN, 0);
    }
}
