/* hold: frames that wait until the desk has room, and connections that are not read meanwhile.
 *
 * A desk runs ahead of finality by so much and no more. A client would rather be slowed than
 * refused: the frame that finds no room is held here, with those behind it of its market that the
 * line of checks has already, and whoever brings another one of that market is not read any more,
 * so TCP slows him. Nothing of a connection overtakes its own held frame; cancels of others go by.
 *
 * Bounds: what is held came out of the line, which takes no more of that market meanwhile, so it is
 * no more than the line holds and one; a message that was not taken stays in its connection's
 * buffer. No frame is held longer than hold_ms; then the desk itself refuses it. */
#include "gateway/internal.h"

#include <stdlib.h>
#include <string.h>

struct gateway_held {
    struct gateway_held *next;
    struct gateway_deferred frame;
    struct tn_member_signed checked;
    int64_t since_us;
    uint8_t entry[];
};

static int64_t hold_us(const struct gateway *gateway)
{
    return (int64_t)gateway->limits.hold_ms * 1000;
}

/* ---- Frames ------------------------------------------------------------------------------------
 */

static void look_again(struct gateway *gateway)
{
    const struct timeval wait = {0, GATEWAY_HOLD_LOOK_US};
    event_add(gateway->holding, &wait);
}

static void note_held(struct gateway *gateway, int64_t frames, int64_t bytes)
{
    gateway->held_count += (uint32_t)frames;
    gateway->held_bytes += (size_t)bytes;
    gateway_set(&gateway->counts.held, gateway->held_count);
    gateway_set(&gateway->counts.held_bytes, gateway->held_bytes);
}

bool gateway_hold_add(struct gateway *gateway, struct gateway_market *market,
                      const struct gateway_deferred *frame, const struct tn_member_signed *checked,
                      const uint8_t *entry)
{
    struct gateway_held *held = malloc(sizeof *held + frame->size);
    if (held == NULL) return false;
    *held =
        (struct gateway_held){.frame = *frame, .checked = *checked, .since_us = gateway->now_us};
    memcpy(held->entry, entry, frame->size);
    if (market->held == NULL) {
        market->held = held;
    } else {
        market->held_last->next = held;
    }
    market->held_last = held;
    gateway->connections[frame->slot]->held_count++;
    GATEWAY_COUNT(gateway, frames_held);
    note_held(gateway, 1, (int64_t)frame->size);
    look_again(gateway);
    return true;
}

static void drop_first(struct gateway *gateway, struct gateway_market *market)
{
    struct gateway_held *held = market->held;
    market->held = held->next;
    note_held(gateway, -1, -(int64_t)held->frame.size);
    free(held);
}

/* False: there is no room for it yet. *any: it waits at the desk. */
static bool pass_first(struct gateway *gateway, struct gateway_market *market, bool *any)
{
    const struct gateway_held *held = market->held;
    const bool is_late = gateway->now_us - held->since_us >= hold_us(gateway);
    struct gateway_connection *connection = gateway->connections[held->frame.slot];
    if (gateway_pendings_find(gateway->pendings, held->frame.tag) == NULL) {
        drop_first(gateway, market); /* its connection has gone */
        return true;
    }
    switch (gateway_onward_pass(gateway, &held->frame, &held->checked, held->entry, is_late)) {
        case GATEWAY_PASSED_LATER: return false;
        case GATEWAY_PASSED_DESK: *any = true; break;
        case GATEWAY_PASSED: break;
    }
    if (is_late) GATEWAY_COUNT(gateway, held_late);
    connection->held_count--;
    drop_first(gateway, market);
    return true;
}

/* ---- Connections -------------------------------------------------------------------------------
 */

bool gateway_hold_stops(const struct gateway_connection *connection, bool only_cancels)
{
    const struct gateway_market *market = gateway_market(connection->gateway, connection->market);
    return connection->held_count > 0 || (!only_cancels && market->held != NULL);
}

void gateway_hold_stop(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_market *market = gateway_market(gateway, connection->market);
    TN_ASSERT(!connection->is_stopped && connection->stage == GATEWAY_OPEN);
    connection->is_stopped = true;
    connection->next_stopped = NULL;
    connection->previous_stopped = market->stopped_last;
    if (market->stopped_last == NULL) {
        market->stopped = connection;
    } else {
        market->stopped_last->next_stopped = connection;
    }
    market->stopped_last = connection;
    gateway_add(&gateway->counts.stopped, 1);
    GATEWAY_COUNT(gateway, stops);
    event_del(connection->readable);
    look_again(gateway);
}

void gateway_hold_forget(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (!connection->is_stopped) return;
    struct gateway_market *market = gateway_market(gateway, connection->market);
    struct gateway_connection *next = connection->next_stopped;
    struct gateway_connection *previous = connection->previous_stopped;
    *(previous == NULL ? &market->stopped : &previous->next_stopped) = next;
    *(next == NULL ? &market->stopped_last : &next->previous_stopped) = previous;
    connection->is_stopped = false;
    gateway_add(&gateway->counts.stopped, UINT64_MAX);
}

/* In the order in which they were stopped; each reads on before the next one does. */
static void read_on(struct gateway *gateway, struct gateway_market *market)
{
    struct gateway_connection *last = market->stopped_last;
    while (market->stopped != NULL && market->held == NULL && last != NULL) {
        struct gateway_connection *connection = market->stopped;
        if (connection == last) last = NULL;
        gateway_hold_forget(connection);
        connection->heard_us = gateway->now_us;
        if (!connection->is_reading_paused) event_add(connection->readable, NULL);
        gateway_connection_read(connection);
    }
}

/* ---- Turns -------------------------------------------------------------------------------------
 */

void gateway_hold_turn(struct gateway *gateway)
{
    bool any = false, waits = false;
    if (gateway->held_count > 0) {
        gateway_onward_hold(gateway);
        for (uint32_t i = 0; i < gateway->markets_count; i++) {
            while (gateway->markets[i].held != NULL &&
                   pass_first(gateway, &gateway->markets[i], &any)) {
            }
        }
        gateway_onward_release(gateway, any);
    }
    for (uint32_t i = 0; i < gateway->markets_count; i++) {
        read_on(gateway, &gateway->markets[i]);
        waits |= gateway->markets[i].held != NULL || gateway->markets[i].stopped != NULL;
    }
    if (waits) look_again(gateway);
}

void gateway_hold_free(struct gateway *gateway)
{
    for (uint32_t i = 0; i < gateway->markets_count; i++) {
        while (gateway->markets[i].held != NULL)
            drop_first(gateway, &gateway->markets[i]);
    }
}
