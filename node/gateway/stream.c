/* An account's stream as messages: events that follow each other in one block, of one frame or of
 * none, go out together, so that a frame of quotes costs one message and not a hundred. Where one
 * ends depends on what was there when it was written, so it means nothing to anybody; each event
 * has its own place. */
#include "gateway/internal.h"

/* Of one message. */
struct batch {
    const struct gateway_record *first;
    uint32_t count;
    const struct tn_event *events[WIRE_ACCOUNT_EVENTS_MAX];
};

/* False: it belongs to the next message. */
static bool join(struct batch *batch, const struct gateway_record *record)
{
    const struct gateway_record *first = batch->first;
    if (batch->count == 0) batch->first = first = record;
    if (batch->count == WIRE_ACCOUNT_EVENTS_MAX || record->at.block != first->at.block ||
        record->at.index != first->at.index + batch->count || record->nonce != first->nonce ||
        record->time_ms != first->time_ms)
        return false;
    batch->events[batch->count++] = &record->event;
    return true;
}

/* To the connection, and the batch is empty again. */
static void send_batch(struct gateway_connection *connection, struct batch *batch)
{
    struct gateway *gateway = connection->gateway;
    const struct gateway_record *first = batch->first;
    const struct wire_account_events message = {
        .block = first->at.block,
        .index = first->at.index,
        .nonce = first->nonce,
        .time_ms = first->time_ms < 0 ? 0 : (uint64_t)first->time_ms,
        .events = batch->events,
        .events_count = batch->count,
    };
    const size_t size = wire_write_account_events(gateway->out_room, GATEWAY_OUT_ROOM, &message);
    gateway_add(&gateway->counts.stream_events, batch->count);
    gateway_connection_send(connection, gateway->out_room, size, true);
    batch->count = 0;
}

void gateway_stream_tell(struct gateway_connection *connection,
                         const struct gateway_record *records, uint32_t count)
{
    struct batch batch = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (join(&batch, &records[i])) continue;
        send_batch(connection, &batch);
        join(&batch, &records[i]);
    }
    if (batch.count > 0) send_batch(connection, &batch);
}

/* What follows in memory, one message or some; ends with the answer behind the last one, or with
 * NEXT where enough is queued for now. */
static enum gateway_history_answer send_some(struct gateway_connection *connection)
{
    struct batch batch = {.count = 0};
    const struct gateway_record *record;
    enum gateway_history_answer step = GATEWAY_HISTORY_NEXT;
    for (uint32_t i = 0; i < GATEWAY_STREAM_EVENTS && step == GATEWAY_HISTORY_NEXT; i++) {
        step = gateway_history_next(connection->gateway->history, &connection->stream, &record);
        if (step != GATEWAY_HISTORY_NEXT || join(&batch, record)) continue;
        send_batch(connection, &batch);
        join(&batch, record);
    }
    if (batch.count > 0) send_batch(connection, &batch);
    return step;
}

void gateway_stream_pump(struct gateway_connection *connection, bool must)
{
    if (!gateway_behind_is_over(connection)) return;
    while (connection->stage == GATEWAY_OPEN && connection->is_logged_on && !connection->is_cut &&
           (must || gateway_connection_has_room(connection))) {
        const enum gateway_history_answer step = send_some(connection);
        if (step == GATEWAY_HISTORY_NEXT) continue;
        if (step == GATEWAY_HISTORY_END) {
            connection->stream_waits = false;
            return;
        }
        if (!must && gateway_behind_falls(connection)) return;
        gateway_connection_close(connection, 0, WIRE_ERROR_GAP,
                                 "messages of the account's stream were lost: log on at "
                                 "another node with resume_after",
                                 GATEWAY_END_CUT);
        return;
    }
}
