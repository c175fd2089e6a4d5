/* onward: frames on their way to the desk.
 *
 * Frames of cancels go on at once; others wait for the end of the turn, unless one of the same
 * connection waits already: nothing overtakes an earlier frame of its own. Where this node leads
 * the market, the frames of a turn are applied on this very thread (direct.h) and answered before
 * the turn ends; otherwise they go to the node's thread. A frame never takes the first way while an
 * earlier one of its market may still be on the second. */
#include "gateway/internal.h"

/* ---- The two ways ------------------------------------------------------------------------------
 */

static void take_answer(void *context, uint64_t tag, const struct port_answer *answer,
                        const struct tn_event *events)
{
    struct gateway *gateway = context;
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, tag);
    if (pending != NULL) gateway_frames_answer(gateway, pending, answer, events);
}

static struct gateway_direct_answers answers_of(struct gateway *gateway)
{
    return (struct gateway_direct_answers){.context = gateway, .answer = take_answer};
}

void gateway_onward_hold(struct gateway *gateway)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    if (direct->hold == NULL) return;
    gateway_soft_expect(gateway->soft);
    direct->hold(direct->context);
}

/* Frames that were given to the desk are applied; the node's thread learns of it if it must. */
void gateway_onward_release(struct gateway *gateway, bool any)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    const struct gateway_direct_answers answers = answers_of(gateway);
    if (direct->hold == NULL) return;
    bool is_due = any && direct->turn(direct->context, &answers);
    direct->release(direct->context);
    gateway->has_direct |= any;
    /* A full ring wakes it as well. */
    if (is_due) (void)port_ask(gateway->port, PORT_WAKE, 0, NULL, 0);
}

static bool go_directly(struct gateway *gateway, struct gateway_market *market,
                        const struct gateway_deferred *frame,
                        const struct tn_member_signed *checked, const uint8_t *entry)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    const struct gateway_direct_answers answers = answers_of(gateway);
    if (direct->hold == NULL || !port_asks_done(gateway->port, market->asked_mark)) return false;
    return direct->frame(direct->context, &answers, frame->tag, checked, entry, frame->size);
}

static bool go_by_port(struct gateway *gateway, struct gateway_market *market,
                       const struct gateway_deferred *frame, const struct tn_member_signed *checked,
                       const uint8_t *entry)
{
    const struct port_piece pieces[] = {{checked, sizeof *checked}, {entry, frame->size}};
    if (!port_ask_pieces(gateway->port, PORT_CHECKED, frame->tag, pieces, 2)) return false;
    market->asked_mark = port_asks_mark(gateway->port);
    return true;
}

/* ---- A frame -----------------------------------------------------------------------------------
 */

/* Is there room for it on the way that it has to take? Cancels take the room that is kept for them,
 * or are refused: whoever cancels wants to know. */
static bool has_room(const struct gateway *gateway, const struct gateway_market *market,
                     const struct gateway_deferred *frame, const uint8_t *entry)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    if (direct->room == NULL) return true;
    switch (direct->room(direct->context, entry, frame->size)) {
        case TN_MEMBER_ROOM_ELSEWHERE: return true;
        case TN_MEMBER_ROOM_FREE: return port_asks_done(gateway->port, market->asked_mark);
        case TN_MEMBER_ROOM_FULL: return false;
    }
    TN_ASSERT(false);
}

enum gateway_passed gateway_onward_pass(struct gateway *gateway,
                                        const struct gateway_deferred *frame,
                                        const struct tn_member_signed *checked,
                                        const uint8_t *entry, bool must)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, frame->tag);
    if (pending == NULL) return GATEWAY_PASSED; /* it was no good, or its connection has gone */
    if (gateway->is_full) { /* it would wait at the node's thread for who knows how long */
        GATEWAY_COUNT(gateway, refused_disk);
        gateway_frames_error(gateway, pending, WIRE_ERROR_DISK_FULL, NULL);
        return GATEWAY_PASSED;
    }
    struct gateway_connection *connection = gateway->connections[frame->slot];
    struct gateway_account *account = connection->account;
    if (!gateway_frames_has_tokens(connection, pending->request, frame->orders, frame->quotes)) {
        connection->frames_count--;
        gateway_pendings_remove(gateway->pendings, pending);
        return GATEWAY_PASSED;
    }
    struct gateway_market *market = gateway_market(gateway, pending->market);
    const uint64_t valid_until_block = pending->valid_until_block;
    const bool has_place = frame->only_cancels || has_room(gateway, market, frame, entry);
    must |= frame->only_cancels;
    if (!has_place && !must) return GATEWAY_PASSED_LATER;
    pending->is_asked = true;
    const bool is_direct =
        go_directly(gateway, market, frame, checked, entry); /* may have answered it */
    if (!is_direct && !go_by_port(gateway, market, frame, checked, entry)) {
        pending->is_asked = false;
        if (!must) return GATEWAY_PASSED_LATER;
        GATEWAY_COUNT(gateway, busy);
        gateway_frames_error(gateway, pending, WIRE_ERROR_BUSY, NULL);
        return GATEWAY_PASSED;
    }
    gateway_bucket_drain(&account->orders, frame->orders); /* its answer may have taken some */
    gateway_bucket_take(&account->quotes, frame->quotes);
    if (valid_until_block < market->lapse_above) market->lapse_above = valid_until_block;
    GATEWAY_COUNT(gateway, frames);
    if (is_direct) GATEWAY_COUNT(gateway, frames_direct);
    return is_direct ? GATEWAY_PASSED_DESK : GATEWAY_PASSED;
}
