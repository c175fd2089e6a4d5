/* onward: frames on their way to the desk.
 *
 * Frames of cancels go on at once; others wait for the end of the turn, unless one of the same
 * connection waits already: nothing overtakes an earlier frame of its own. Where this node leads
 * the market, the frames of a turn are applied on this very thread (direct.h) and answered before
 * the turn ends; otherwise they go to the node's thread. A frame never takes the first way while an
 * earlier one of its market may still be on the second. */
#include "gateway/internal.h"

#include <string.h>

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

static void hold(struct gateway *gateway)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    if (direct->hold != NULL) direct->hold(direct->context);
}

/* Frames that were given to the desk are applied; the node's thread learns of it if it must. */
static void release(struct gateway *gateway, bool any)
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
                        const struct gateway_deferred *frame, const struct port_checked *checked,
                        const uint8_t *entry)
{
    const struct gateway_direct *direct = &gateway->options.direct;
    const struct gateway_direct_answers answers = answers_of(gateway);
    if (direct->hold == NULL || !port_asks_done(gateway->port, market->asked_mark)) return false;
    return direct->frame(direct->context, &answers, frame->tag, checked, entry, frame->size);
}

static bool go_by_port(struct gateway *gateway, struct gateway_market *market,
                       const struct gateway_deferred *frame, const struct port_checked *checked,
                       const uint8_t *entry)
{
    const struct port_piece pieces[] = {{checked, sizeof *checked}, {entry, frame->size}};
    if (!port_ask_pieces(gateway->port, PORT_CHECKED, frame->tag, pieces, 2)) return false;
    market->asked_mark = port_asks_mark(gateway->port);
    return true;
}

/* ---- A frame -----------------------------------------------------------------------------------
 */

static bool pass_on(struct gateway *gateway, const struct gateway_deferred *frame,
                    const struct port_checked *checked, const uint8_t *entry)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, frame->tag);
    if (pending == NULL) return false; /* it was no good, or its connection has gone */
    struct gateway_connection *connection = gateway->connections[frame->slot];
    struct gateway_account *account = connection->account;
    if (!gateway_frames_has_tokens(connection, pending->request, frame->orders, frame->quotes)) {
        connection->frames_count--;
        gateway_pendings_remove(gateway->pendings, pending);
        return false;
    }
    struct gateway_market *market = gateway_market(gateway, pending->market);
    const uint64_t valid_until_block = pending->valid_until_block;
    pending->is_asked = true;
    const bool is_direct =
        go_directly(gateway, market, frame, checked, entry); /* may have answered it */
    if (!is_direct && !go_by_port(gateway, market, frame, checked, entry)) {
        GATEWAY_COUNT(gateway, busy);
        gateway_frames_error(gateway, pending, WIRE_ERROR_BUSY, NULL);
        return false;
    }
    gateway_bucket_take(&account->orders, frame->orders);
    gateway_bucket_take(&account->quotes, frame->quotes);
    if (valid_until_block < market->lapse_above) market->lapse_above = valid_until_block;
    GATEWAY_COUNT(gateway, frames);
    if (is_direct) GATEWAY_COUNT(gateway, frames_direct);
    return is_direct;
}

static void check(struct gateway *gateway, struct gateway_deferred *frame, const uint8_t *entry)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, frame->tag);
    if (pending == NULL) return; /* its connection has gone */
    struct gateway_connection *connection = gateway->connections[frame->slot];
    if (gateway_frames_is_signed(connection, &frame->checked, entry, frame->size)) return;
    GATEWAY_COUNT(gateway, frames_unsigned);
    gateway_frames_error(gateway, pending, TN_REJECT_SIGNATURE_BAD, NULL);
    gateway_connection_fault(connection);
}

/* ---- A turn's frames ---------------------------------------------------------------------------
 */

static bool waits_already(const struct gateway *gateway, uint32_t slot)
{
    for (uint32_t i = 0; i < gateway->deferred_count; i++) {
        if (gateway->deferred[i].slot == slot) return true;
    }
    return false;
}

/* Signatures are checked before the desks are held: the node's thread may be waiting for them. */
void gateway_frames_turn(struct gateway *gateway)
{
    bool any = false;
    if (gateway->deferred_count == 0) return;
    for (uint32_t i = 0; i < gateway->deferred_count; i++)
        check(gateway, &gateway->deferred[i], gateway->deferred_bytes + gateway->deferred[i].at);
    hold(gateway);
    for (uint32_t i = 0; i < gateway->deferred_count; i++) {
        const struct gateway_deferred *frame = &gateway->deferred[i];
        any |= pass_on(gateway, frame, &frame->checked, gateway->deferred_bytes + frame->at);
    }
    release(gateway, any);
    gateway->deferred_count = 0;
    gateway->deferred_used = 0;
}

static void pass_at_once(struct gateway *gateway, struct gateway_deferred *frame)
{
    check(gateway, frame, gateway->entry);
    hold(gateway);
    release(gateway, pass_on(gateway, frame, &frame->checked, gateway->entry));
}

void gateway_onward_add(struct gateway *gateway, struct gateway_deferred *frame, bool only_cancels)
{
    if (only_cancels && !waits_already(gateway, frame->slot)) {
        pass_at_once(gateway, frame);
        return;
    }
    if (gateway->deferred_count == GATEWAY_DEFERRED_MAX ||
        gateway->deferred_used + frame->size > GATEWAY_DEFERRED_BYTES)
        gateway_frames_turn(gateway);
    frame->at = gateway->deferred_used;
    memcpy(gateway->deferred_bytes + frame->at, gateway->entry, frame->size);
    gateway->deferred_used += frame->size;
    gateway->deferred[gateway->deferred_count++] = *frame;
}
