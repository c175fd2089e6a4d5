/* What the node's thread tells: to the feed, to the history, to whoever waits for it. */
#include "gateway/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Answers ----------------------------------------------------------------------------------
 */

static void take_answer(struct gateway *gateway, const struct port_message *message)
{
    const struct port_answer *answer = (const void *)message->bytes;
    const struct tn_event *events = (const void *)(answer + 1);
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, message->tag);
    TN_ASSERT(message->size >= sizeof *answer);
    if (pending != NULL) gateway_frames_answer(gateway, pending, answer, events);
}

/* The pending is over; its connection. */
static struct gateway_connection *finish(struct gateway *gateway, struct gateway_pending *pending)
{
    struct gateway_connection *connection = gateway->connections[pending->owner];
    gateway_pendings_remove(gateway->pendings, pending);
    connection->questions_count--;
    return connection;
}

/* The node's thread is done with a question. */
static void note_answered(struct gateway *gateway)
{
    if (gateway->asked_count > 0) gateway->asked_count--;
}

static void take_item_taken(struct gateway *gateway, const struct port_message *message)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, message->tag);
    if (pending == NULL) return;
    Tenor__V1__FromNode answer = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__ItemTaken taken = TENOR__V1__ITEM_TAKEN__INIT;
    taken.answer = (Tenor__V1__ItemAnswer)message->bytes[0];
    answer.request = pending->request;
    answer.body_case = TENOR__V1__FROM_NODE__BODY_ITEM_TAKEN;
    answer.item_taken = &taken;
    gateway_connection_say(finish(gateway, pending), &answer);
}

static void take_reply(struct gateway *gateway, const struct port_message *message)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, message->tag);
    uint8_t *room = gateway->out_room;
    if (pending == NULL) return;
    uint64_t request = pending->request;
    struct gateway_connection *connection = finish(gateway, pending);
    if (message->size == 0 || message->size > WIRE_FROM_NODE_BYTES_MAX) {
        gateway_connection_error(connection, request, WIRE_ERROR_ANSWER_TOO_LARGE, NULL);
        return;
    }
    const uint8_t *filled;
    size_t filled_size = feed_fill_chain(gateway->feed, &filled, message->bytes, message->size);
    if (filled_size > 0) {
        gateway_connection_send(connection, filled, filled_size, true);
        return;
    }
    for (uint32_t i = 0; i < WIRE_LENGTH_BYTES; i++)
        room[i] = (uint8_t)(message->size >> (8 * (WIRE_LENGTH_BYTES - 1 - i)));
    memcpy(room + WIRE_LENGTH_BYTES, message->bytes, message->size);
    gateway_connection_send(connection, room, WIRE_LENGTH_BYTES + message->size, true);
}

static void take_session(struct gateway *gateway, const struct port_message *message)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, message->tag);
    TN_ASSERT(message->size >= sizeof(struct port_session));
    if (pending != NULL) gateway_session_is(gateway, pending, (const void *)message->bytes);
}

/* ---- The chain --------------------------------------------------------------------------------
 */

static void take_head(struct gateway *gateway, const struct port_head *head)
{
    struct gateway_market *market = gateway_market(gateway, head->market);
    if (market != NULL) market->head = *head;
}

/* Steps are missing here: nobody's stream goes on over the hole, and the books begin anew. */
static void miss_steps(struct gateway *gateway)
{
    GATEWAY_COUNT(gateway, gaps);
    gateway_frames_gap(gateway);
    gateway_standbys_gap(gateway);
    feed_gap(gateway->feed);
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || !connection->is_logged_on) continue;
        gateway_connection_close(connection, 0, WIRE_ERROR_GAP,
                                 "messages of the account's stream were lost: log on at another "
                                 "node with resume_after",
                                 GATEWAY_END_CUT);
    }
    gateway->wants_snapshot = !port_ask(gateway->port, PORT_SNAPSHOT, 0, NULL, 0);
}

/* The node has the state after a block that it did not execute, from a state sync or from its last
 * checkpoint: of that block and all below it nothing was told. */
static void leap(struct gateway *gateway, uint64_t height)
{
    bool is_first = gateway->height == 0; /* it starts: nobody was told anything yet */
    gateway->height = height;
    gateway_history_forget(gateway->history, height);
    if (!is_first) miss_steps(gateway);
}

static void take_state(struct gateway *gateway, const struct port_state *state)
{
    gateway->is_told = true;
    gateway->state = (enum port_node_state)state->state;
    if (state->height >= gateway->height) {
        if (state->height > gateway->height && !gateway->gapped) leap(gateway, state->height);
        gateway->height = state->height;
        gateway->time_ms = state->time_ms;
    }
    for (uint32_t i = 0; i < state->markets_count; i++)
        take_head(gateway, &state->heads[i]);
    if (gateway->history_unbegun) gateway_history_forget(gateway->history, state->height);
    gateway->history_unbegun = false;
    gateway_listen_update(gateway);
}

/* A term has ended: those who trade in the market hear of it at once. */
static void take_term(struct gateway *gateway, const struct port_head *head)
{
    struct gateway_market *market = gateway_market(gateway, head->market);
    if (market == NULL) return;
    market->head = *head;
    market->term_ended = true;
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || !connection->is_logged_on || connection->market != head->market)
            continue;
        connection->beat_now = true;
    }
}

/* After the streams, so that whoever hears of the block has heard of all that concerns it. */
static void pump_streams(struct gateway *gateway)
{
    for (struct gateway_connection *connection = gateway->dirty; connection != NULL;
         connection = connection->next_dirty) {
        if (connection->stage == GATEWAY_OPEN && connection->stream_waits)
            gateway_stream_pump(connection, false);
    }
}

static void take_block(struct gateway *gateway, const struct port_block *block)
{
    gateway->height = block->height;
    gateway->time_ms = block->time_ms;
    for (uint32_t i = 0; i < block->markets_count; i++)
        take_head(gateway, &block->heads[i]);
    pump_streams(gateway);
    gateway_frames_block(gateway);
    feed_block(gateway->feed, block);
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL || connection->stage != GATEWAY_OPEN) continue;
        if (connection->standby != NULL) gateway_standby_check(connection);
        if (connection->beat_now) gateway_session_heartbeat(connection);
    }
}

/* The node told more than was read here. */
static void take_gap(struct gateway *gateway)
{
    gateway->gapped = true;
    gateway->asked_count = 0; /* answers may be among what was lost */
    gateway->proofs = (struct gateway_proofs){.count = 0};
    miss_steps(gateway);
}

/* What comes is of the block `height`. After a gap the first thing that names one says from where
 * the history is whole again: from the block after it, for some of its own steps may be missing. */
static void reach(struct gateway *gateway, uint64_t height)
{
    if (gateway->gapped) {
        gateway->gapped = false;
        gateway->height = height - 1;
        gateway_history_forget(gateway->history, height);
    } else if (height > gateway->height + 1) {
        leap(gateway, height - 1);
    }
}

static void take_step(struct gateway *gateway, const struct port_message *message)
{
    const struct port_step *step = (const void *)message->bytes;
    const struct tn_event *events = (const void *)(step + 1);
    const struct port_order *orders = (const void *)(events + step->events_count);
    TN_ASSERT(message->size >= sizeof *step);
    reach(gateway, step->block);
    gateway_frames_step(gateway, step, events);
    feed_step(gateway->feed, step, events, orders);
}

static void take_marks(struct gateway *gateway, const struct port_message *message)
{
    const struct port_marks *marks = (const void *)message->bytes;
    const struct port_mark *list = (const void *)(marks + 1);
    TN_ASSERT(message->size >= sizeof *marks);
    feed_marks(gateway->feed, marks, list, (const void *)(list + marks->marks_count));
}

static void take_snapshot(struct gateway *gateway, const struct port_message *message)
{
    struct port_snapshot *snapshot;
    TN_ASSERT(message->size == sizeof snapshot);
    memcpy(&snapshot, message->bytes, sizeof snapshot);
    feed_snapshot(gateway->feed, snapshot);
    free(snapshot);
}

static void take(struct gateway *gateway, const struct port_message *message)
{
    const void *bytes = message->bytes;
    switch ((enum port_tell)message->kind) {
        case PORT_ANSWER: take_answer(gateway, message); return;
        case PORT_ITEM_TAKEN:
            note_answered(gateway);
            take_item_taken(gateway, message);
            return;
        case PORT_REPLY:
            if (!gateway_proofs_end(&gateway->proofs, message->tag)) note_answered(gateway);
            take_reply(gateway, message);
            return;
        case PORT_SESSION_IS:
            note_answered(gateway);
            take_session(gateway, message);
            return;
        case PORT_TERM: take_term(gateway, bytes); return;
        case PORT_STATE: take_state(gateway, bytes); return;
        case PORT_GAP: take_gap(gateway); return;
        case PORT_STEP: take_step(gateway, message); return;
        case PORT_SERIES: feed_series(gateway->feed, bytes); return;
        case PORT_MARKS: take_marks(gateway, message); return;
        case PORT_BLOCK:
            reach(gateway, ((const struct port_block *)bytes)->height);
            take_block(gateway, bytes);
            return;
        case PORT_SNAPSHOT_IS: take_snapshot(gateway, message); return;
        case PORT_LEAD: break; /* told by the ring of the desks alone */
    }
    TN_ASSERT(false);
}

void gateway_tells_take(struct gateway *gateway)
{
    struct port_message message;
    for (uint32_t i = 0; i < GATEWAY_TELLS_TURN; i++) {
        if (port_next_tell(gateway->port, &message)) {
            take(gateway, &message);
        } else if (port_tells_sleep(gateway->port)) {
            gateway->tells_wait = false;
            return;
        }
    }
}
