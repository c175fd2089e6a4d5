/* behind: connections whose account's stream goes on from the store.
 *
 * Whoever resumes from a place that memory no longer reaches gets the stream in pieces, read by a
 * thread of its own (past.h), until memory has all that follows: places are the same in both, so
 * nothing is missing at the seam and nothing comes twice. A piece is asked for only when the client
 * has room for it, so a slow one costs no memory.
 *
 * Until then nothing more is read from the client. So no frame of it becomes final before its
 * stream has come there, and whatever says that a block is over still goes behind the messages of
 * that block. Heartbeats say how far the stream is, and nothing of markets: a client concludes from
 * a market's cursor what will never be executed. */
#include "gateway/internal.h"

#include <stdio.h>

#define WAIT_US INT64_C(100000) /* until the store is asked again for what it did not have yet */

bool gateway_behind_serves(const struct gateway *gateway, struct gateway_place after,
                           char text[GATEWAY_OLD_TEXT_SIZE])
{
    const struct gateway_past_source *source = &gateway->options.past;
    if (gateway->past == NULL) {
        snprintf(text, GATEWAY_OLD_TEXT_SIZE,
                 "this node keeps the account's messages in memory alone, and has forgotten them");
        return false;
    }
    const uint64_t oldest = source->oldest(source->context);
    snprintf(text, GATEWAY_OLD_TEXT_SIZE,
             "the oldest block whose messages this node has is %llu: the earliest place is "
             "%llu,4294967295",
             (unsigned long long)oldest, (unsigned long long)(oldest == 0 ? 0 : oldest - 1));
    return gateway_past_need(after) >= oldest;
}

static void ask(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (gateway_behind_waits(connection)) return;
    if (gateway_past_ask(gateway->past, gateway->past_tags + 1, connection->slot,
                         &connection->stream)) {
        connection->past_tag = ++gateway->past_tags;
    } else {
        connection->past_us = gateway->now_us + WAIT_US;
    }
}

bool gateway_behind_waits(const struct gateway_connection *connection)
{
    return connection->is_behind &&
           (connection->past_tag != 0 || connection->gateway->now_us < connection->past_us);
}

void gateway_behind_begin(struct gateway_connection *connection)
{
    TN_ASSERT(!connection->is_behind && connection->frames_count == 0);
    connection->is_behind = true;
    connection->past_us = 0;
    gateway_add(&connection->gateway->counts.behind, 1);
    event_del(connection->readable);
}

bool gateway_behind_falls(struct gateway_connection *connection)
{
    char text[GATEWAY_OLD_TEXT_SIZE];
    if (connection->frames_count > 0 ||
        !gateway_behind_serves(connection->gateway, connection->stream.after, text))
        return false;
    gateway_behind_begin(connection);
    ask(connection);
    return true;
}

void gateway_behind_end(struct gateway_connection *connection)
{
    if (!connection->is_behind) return;
    connection->is_behind = false;
    connection->past_tag = 0;
    gateway_add(&connection->gateway->counts.behind, UINT64_MAX);
}

bool gateway_behind_is_over(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (!connection->is_behind) return true;
    if (connection->past_tag != 0) return false;
    if (!gateway_history_is_whole(gateway->history, &connection->stream)) {
        if (gateway_connection_has_room(connection)) ask(connection);
        return false;
    }
    gateway_behind_end(connection);
    gateway_connection_read_on(connection);
    return true;
}

/* ---- Pieces ------------------------------------------------------------------------------------
 */

static void close_gone(struct gateway_connection *connection)
{
    char text[GATEWAY_OLD_TEXT_SIZE];
    GATEWAY_COUNT(connection->gateway, past_gone);
    (void)gateway_behind_serves(connection->gateway, connection->stream.after, text);
    gateway_connection_close(connection, 0, WIRE_ERROR_RESUME_OLD, text, GATEWAY_END_CUT);
}

static void take_piece(struct gateway_connection *connection,
                       const struct gateway_past_piece *piece)
{
    struct gateway *gateway = connection->gateway;
    connection->past_tag = 0;
    GATEWAY_COUNT(gateway, past_pieces);
    for (uint32_t i = 0; i < piece->count; i++) {
        TN_ASSERT(gateway_place_compare(connection->stream.after, piece->records[i].at) < 0);
        connection->stream.after = piece->records[i].at;
    }
    gateway_stream_tell(connection, piece->records, piece->count);
    gateway_add(&gateway->counts.past_events, piece->count);
    if (gateway_place_compare(connection->stream.after, piece->through) < 0)
        connection->stream.after = piece->through;
    switch (piece->answer) {
        case GATEWAY_PAST_MORE: break;
        case GATEWAY_PAST_WAIT: connection->past_us = gateway->now_us + WAIT_US; break;
        case GATEWAY_PAST_GONE: close_gone(connection); return;
        case GATEWAY_PAST_FAILED:
            GATEWAY_COUNT(gateway, past_failed);
            gateway_connection_close(connection, 0, WIRE_ERROR_GAP,
                                     "this node cannot read its store: log on at another node with "
                                     "resume_after",
                                     GATEWAY_END_CUT);
            return;
    }
    gateway_connection_mark(connection);
}

void gateway_behind_take(struct gateway *gateway)
{
    const struct gateway_past_piece *piece;
    while ((piece = gateway_past_next(gateway->past)) != NULL) {
        struct gateway_connection *connection = gateway->connections[piece->slot];
        if (connection != NULL && connection->is_behind && connection->past_tag == piece->tag &&
            connection->stage == GATEWAY_OPEN)
            take_piece(connection, piece);
    }
}

void gateway_behind_tick(struct gateway *gateway)
{
    const struct gateway_past_source *source = &gateway->options.past;
    if (gateway->past == NULL) return;
    gateway_set(&gateway->counts.past_oldest, source->oldest(source->context));
    gateway_set(&gateway->counts.past_lost, source->lost(source->context));
}
