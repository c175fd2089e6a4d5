/* An account's stream as messages: events that follow each other in one block, of one frame or of
 * none, go out together, so that a frame of quotes costs one message and not a hundred. Where one
 * ends depends on what was there when it was written, so it means nothing to anybody; each event
 * has its own place. */
#include "gateway/internal.h"

#include <string.h>

/* A message on its way, in the gateway's room: its events lie there already, with room in front of
 * them and behind. */
struct draft {
    struct gateway_place at;
    uint64_t nonce;
    int64_t time_ms;
    uint32_t count;
    size_t size;
};

static uint8_t *room_of(const struct gateway *gateway)
{
    return gateway->out_room + WIRE_ACCOUNT_AROUND;
}

/* To the connection, and the draft is empty again. */
static void send_draft(struct gateway_connection *connection, struct draft *draft)
{
    struct gateway *gateway = connection->gateway;
    const struct wire_account_message message = {
        .block = draft->at.block,
        .index = draft->at.index,
        .nonce = draft->nonce,
        .time_ms = draft->time_ms < 0 ? 0 : (uint64_t)draft->time_ms,
    };
    size_t size;
    if (draft->count == 0) return;
    const uint8_t *bytes =
        wire_write_account_around(&size, room_of(gateway), draft->size, &message);
    gateway_add(&gateway->counts.stream_events, draft->count);
    gateway_connection_send(connection, bytes, size, true);
    draft->count = 0;
}

/* Does what is told belong to it? Then there is room for it. */
static bool joins(const struct draft *draft, const struct gateway_told *told)
{
    return draft->count + told->count <= WIRE_ACCOUNT_EVENTS_MAX &&
           draft->at.block == told->at.block && draft->at.index + draft->count == told->at.index &&
           draft->nonce == told->nonce && draft->time_ms == told->time_ms;
}

/* Sends the draft first if it belongs to another message. */
static void add(struct gateway_connection *connection, struct draft *draft,
                const struct gateway_told *told)
{
    if (draft->count > 0 && !joins(draft, told)) send_draft(connection, draft);
    if (draft->count == 0)
        *draft = (struct draft){.at = told->at, .nonce = told->nonce, .time_ms = told->time_ms};
    memcpy(room_of(connection->gateway) + draft->size, told->events, told->size);
    draft->size += told->size;
    draft->count += told->count;
}

void gateway_stream_tell(struct gateway_connection *connection,
                         const struct gateway_record *records, uint32_t count)
{
    struct draft draft = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        uint8_t event[WIRE_EVENT_BYTES];
        const struct gateway_told told = {
            .at = records[i].at,
            .nonce = records[i].nonce,
            .time_ms = records[i].time_ms,
            .count = 1,
            .events = event,
            .size = wire_write_account_event(event, &records[i].event),
        };
        add(connection, &draft, &told);
    }
    send_draft(connection, &draft);
}

/* What follows in memory, one message or some; ends with the answer behind the last one, or with
 * NEXT where enough is queued for now. */
static enum gateway_history_answer send_some(struct gateway_connection *connection)
{
    struct draft draft = {.count = 0};
    struct gateway_told told;
    enum gateway_history_answer step = GATEWAY_HISTORY_NEXT;
    for (uint32_t sent = 0; sent < GATEWAY_STREAM_EVENTS; sent += told.count) {
        step = gateway_history_next(connection->gateway->history, &connection->stream, &told);
        if (step != GATEWAY_HISTORY_NEXT) break;
        add(connection, &draft, &told);
    }
    send_draft(connection, &draft);
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
