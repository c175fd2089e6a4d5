/* line: frames that wait for the check of their signature, and what comes of it.
 *
 * Frames of cancels are checked and go on at once; others join the line, and so do cancels while a
 * frame of their connection stands in it: nothing overtakes an earlier frame of its own. What was
 * checked leaves the line at its front, as many at a time as are done.
 *
 * Who checks: workers (checkers.h), where there are any, and this thread. It helps where nobody
 * need be woken for it: with a frame alone in the line, with nothing else to do, and when the line
 * is full. A frame's bytes stay in one ring, in the order of the line, until it is passed on. */
#include "gateway/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define HELP_MOST 8u  /* checks by this thread between two looks at the sockets */
#define FULL_MOST 32u /* when there is no room to take more anyway: the desk is held for many */

/* ---- One frame ---------------------------------------------------------------------------------
 */

static void refuse(struct gateway *gateway, const struct gateway_deferred *frame)
{
    struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, frame->tag);
    if (pending == NULL) return; /* its connection has gone */
    GATEWAY_COUNT(gateway, frames_unsigned);
    gateway_frames_error(gateway, pending, TN_REJECT_SIGNATURE_BAD, NULL);
    gateway_connection_fault(gateway->connections[frame->slot]);
}

static void pass_at_once(struct gateway *gateway, const struct gateway_deferred *frame)
{
    struct tn_member_signed checked;
    enum gateway_passed passed;
    GATEWAY_COUNT(gateway, checked_here);
    if (!gateway_frames_is_signed(gateway->connections[frame->slot], &checked, gateway->entry,
                                  frame->size)) {
        refuse(gateway, frame);
        return;
    }
    gateway_onward_hold(gateway);
    passed = gateway_onward_pass(gateway, frame, &checked, gateway->entry, true);
    gateway_onward_release(gateway, passed == GATEWAY_PASSED_DESK);
}

/* ---- The front of the line ---------------------------------------------------------------------
 */

static const struct gateway_deferred *frame_of(const struct gateway *gateway,
                                               const struct gateway_check *check)
{
    return &gateway->deferred[gateway_checkers_place(gateway->checkers, check)];
}

/* To the desk, or to those that are held. True: it waits at the desk. */
static bool pass_or_hold(struct gateway *gateway, const struct gateway_deferred *frame,
                         const struct tn_member_signed *checked, const uint8_t *entry)
{
    struct gateway_connection *connection = gateway->connections[frame->slot];
    struct gateway_market *market = gateway_market(gateway, connection->market);
    if (!gateway_hold_stops(connection, frame->only_cancels)) {
        switch (gateway_onward_pass(gateway, frame, checked, entry, false)) {
            case GATEWAY_PASSED_DESK: return true;
            case GATEWAY_PASSED: return false;
            case GATEWAY_PASSED_LATER: break;
        }
    }
    if (gateway_hold_add(gateway, market, frame, checked, entry)) return false;
    GATEWAY_COUNT(gateway, busy);
    gateway_frames_error(gateway, gateway_pendings_find(gateway->pendings, frame->tag),
                         WIRE_ERROR_BUSY, NULL);
    return false;
}

/* The first leaves the line. True: it waits at the desk. */
static bool pass_first(struct gateway *gateway, const struct gateway_check *check)
{
    const struct gateway_deferred *frame = frame_of(gateway, check);
    struct gateway_connection *connection = gateway->connections[frame->slot];
    bool is_here = gateway_pendings_find(gateway->pendings, frame->tag) != NULL, waits = false;
    if (is_here) connection->line_count--;
    if (check->by_worker) {
        GATEWAY_COUNT(gateway, checked_by_threads);
    } else {
        GATEWAY_COUNT(gateway, checked_here);
    }
    if (is_here && check->is_good) {
        waits = pass_or_hold(gateway, frame, &check->checked, gateway->deferred_bytes + frame->at);
    } else if (is_here) {
        refuse(gateway, frame);
    }
    gateway->deferred_first = frame->at + frame->size;
    gateway_checkers_drop(gateway->checkers);
    if (gateway_checkers_count(gateway->checkers) == 0)
        gateway->deferred_first = gateway->deferred_end = 0;
    return waits;
}

/* The desks are held while frames are passed to them, and not while any is checked: the node's
 * thread may be waiting. */
static void pass_checked(struct gateway *gateway)
{
    const struct gateway_check *check = gateway_checkers_first(gateway->checkers);
    bool any = false;
    if (check == NULL) return;
    gateway_onward_hold(gateway);
    for (; check != NULL; check = gateway_checkers_first(gateway->checkers))
        any |= pass_first(gateway, check);
    gateway_onward_release(gateway, any);
}

/* The first is at a worker, and there is nothing else that this thread could do before. */
static void wait_for_first(struct gateway *gateway)
{
    struct pollfd wait = {.fd = gateway_checkers_fd(gateway->checkers), .events = POLLIN};
    if (gateway_checkers_sleep(gateway->checkers)) {
        while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
        }
        gateway_checkers_heard(gateway->checkers);
    }
    gateway_checkers_wake(gateway->checkers);
}

/* Some of the line leave it, whatever it takes. */
static void shorten(struct gateway *gateway)
{
    gateway_checkers_start(gateway->checkers);
    for (uint32_t i = 0; i < FULL_MOST && gateway_checkers_help(gateway->checkers); i++) {
    }
    if (gateway_checkers_first(gateway->checkers) == NULL) wait_for_first(gateway);
    pass_checked(gateway);
}

void gateway_line_turn(struct gateway *gateway)
{
    struct gateway_checkers *checkers = gateway->checkers;
    const bool has_come = gateway->line_has_come;
    uint32_t most = HELP_MOST;
    gateway->line_has_come = false;
    if (gateway_checkers_count(checkers) == 0) return;
    gateway_checkers_start(checkers);
    if (gateway->workers_count == 0) {
        most = UINT32_MAX;
    } else if (gateway_checkers_first(checkers) != NULL ||
               (has_come && gateway_checkers_count(checkers) > 1)) {
        most = 0; /* some can go on at once; or workers are at it while more comes in */
    }
    for (uint32_t i = 0; i < most && gateway_checkers_help(checkers); i++) {
    }
    pass_checked(gateway);
}

void gateway_line_settle(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    while (connection->line_count > 0 && gateway_checkers_count(gateway->checkers) > 0)
        shorten(gateway);
}

/* ---- Joining it --------------------------------------------------------------------------------
 */

/* Where in the ring so many bytes are free; false: nowhere yet. */
static bool find_room(const struct gateway *gateway, size_t *at, size_t size)
{
    const size_t first = gateway->deferred_first, end = gateway->deferred_end;
    const bool is_wrapped = end <= first && gateway_checkers_count(gateway->checkers) > 0;
    *at = end;
    if (is_wrapped) return first - end >= size;
    if (GATEWAY_DEFERRED_BYTES - end >= size) return true;
    *at = 0;
    return first >= size;
}

void gateway_line_add(struct gateway *gateway, struct gateway_deferred *frame)
{
    struct gateway_connection *connection = gateway->connections[frame->slot];
    struct gateway_check *check;
    if (frame->only_cancels && connection->line_count == 0) {
        pass_at_once(gateway, frame);
        return;
    }
    if (gateway_checkers_count(gateway->checkers) == GATEWAY_CHECKS_MAX)
        GATEWAY_COUNT(gateway, checks_full);
    while (!find_room(gateway, &frame->at, frame->size) ||
           (check = gateway_checkers_add(gateway->checkers)) == NULL)
        shorten(gateway);
    uint8_t *entry = gateway->deferred_bytes + frame->at;
    memcpy(entry, gateway->entry, frame->size);
    gateway->deferred_end = frame->at + frame->size;
    gateway->deferred[gateway_checkers_place(gateway->checkers, check)] = *frame;
    gateway_frames_claim(connection, check, entry, frame->size);
    connection->line_count++;
    gateway->line_has_come = true;
}
