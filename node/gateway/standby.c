/* Standby frames: what a client signed in advance for when its connection is lost.
 *
 * One for each connection, checked like any frame when it comes, and cancels only: it may be sent
 * at a moment when nobody looks. It is watched from then on, and its client is told when it can no
 * more be executed. When it is sent it leaves the connection and is tried again while no leader
 * takes it, until it is out of date; so a lost connection and a lost leader at once are survived.
 */
#include "gateway/internal.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 6000u /* of one standby frame; one each tick */
#define NONCES_LATE  63u   /* a nonce may come so much later than the highest one */

/* May the frame stand by? False: answered with an Error. */
static bool check(struct gateway_connection *connection, uint64_t request,
                  const struct tn_frame *frame, size_t size)
{
    struct gateway *gateway = connection->gateway;
    const struct port_head *head = &gateway_market(gateway, frame->market)->head;
    if (!gateway_frames_only_cancels(frame)) {
        gateway_frames_refuse(connection, request, WIRE_ERROR_STANDBY_RANGE, NULL);
        return false;
    }
    if (size == 0 || size > GATEWAY_STANDBY_BYTES) {
        gateway_frames_refuse(connection, request, WIRE_ERROR_STANDBY_RANGE,
                              "a standby frame is at most 8 192 bytes: one mass cancel will do");
        return false;
    }
    if (frame->term != head->term) {
        gateway_frames_refuse(connection, request, TN_REJECT_TERM_WRONG, NULL);
        return false;
    }
    struct tn_member_signed checked;
    if (!gateway_frames_is_signed(connection, &checked, gateway->entry, size)) {
        GATEWAY_COUNT(gateway, frames_unsigned);
        gateway_frames_refuse(connection, request, TN_REJECT_SIGNATURE_BAD, NULL);
        gateway_connection_fault(connection);
        return false;
    }
    return true;
}

void gateway_standby_take(struct gateway_connection *connection, uint64_t request,
                          const Tenor__V1__Standby *message)
{
    struct gateway *gateway = connection->gateway;
    struct tn_frame frame;
    if (!gateway_frames_read(connection, &frame, request, message->frame)) return;
    size_t size = wire_frame_entry(gateway->entry, sizeof gateway->entry, message->frame);
    if (!check(connection, request, &frame, size)) return;
    struct gateway_standby *standby = calloc(1, sizeof *standby + size);
    if (standby == NULL) {
        gateway_connection_error(connection, request, WIRE_ERROR_NO_ROOM, NULL);
        return;
    }
    standby->request = request;
    standby->market = frame.market;
    standby->term = frame.term;
    standby->account = connection->account->account;
    standby->session = frame.session;
    standby->nonce = frame.nonce;
    standby->valid_until_block = frame.valid_until_block;
    standby->dead_man_blocks = message->dead_man_blocks;
    standby->size = size;
    memcpy(standby->entry, gateway->entry, size);
    free(connection->standby);
    connection->standby = standby;
    GATEWAY_COUNT(gateway, standby_set);
}

/* ---- While it waits ---------------------------------------------------------------------------
 */

static void say_void(struct gateway_connection *connection, uint32_t reject)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_standby *standby = connection->standby;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__StandbyVoid body = TENOR__V1__STANDBY_VOID__INIT;
    body.reject = reject;
    body.term = gateway_market(gateway, standby->market)->head.term;
    message.request = standby->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_STANDBY_VOID;
    message.standby_void = &body;
    connection->standby = NULL;
    free(standby);
    gateway_connection_say(connection, &message);
}

/* Did the frame leave its nonce unused? */
static bool left_nonce(const struct port_step *step, const struct tn_event *events)
{
    if (step->events_count != 1 || events[0].kind != TN_EVENT_RESULT) return false;
    uint32_t reject = events[0].reject;
    return reject >= TN_REJECT_SIGNATURE_BAD ||
           (reject >= TN_REJECT_ACCOUNT_UNKNOWN && reject <= TN_REJECT_FRAME_SIZE);
}

void gateway_standby_step(struct gateway_connection *connection, const struct port_step *step,
                          const struct tn_event *events)
{
    const struct gateway_standby *standby = connection->standby;
    if (step->nonce == 0 || left_nonce(step, events)) return;
    bool used = step->nonce == standby->nonce;
    bool old = step->nonce > standby->nonce && step->nonce - standby->nonce > NONCES_LATE;
    if (!used && !old) return;
    GATEWAY_COUNT(connection->gateway, standby_void);
    say_void(connection, used ? TN_REJECT_NONCE_USED : TN_REJECT_NONCE_TOO_OLD);
}

void gateway_standby_check(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    const struct gateway_standby *standby = connection->standby;
    const struct port_head *head = &gateway_market(gateway, standby->market)->head;
    uint64_t silent = gateway->height > connection->heard_height
                          ? gateway->height - connection->heard_height
                          : 0; /* a log that is read again begins below */
    uint32_t reject = TN_REJECT_NONE;
    if (standby->term < head->term) reject = TN_REJECT_TERM_WRONG;
    if (standby->valid_until_block < head->cursor) reject = TN_REJECT_FRAME_EXPIRED;
    if (reject != TN_REJECT_NONE) {
        GATEWAY_COUNT(gateway, standby_void);
        say_void(connection, reject);
    } else if (standby->dead_man_blocks > 0 && silent >= standby->dead_man_blocks) {
        GATEWAY_COUNT(gateway, standby_dead_man);
        gateway_standby_run(connection);
    }
}

/* ---- On its way -------------------------------------------------------------------------------
 */

static void ask(struct gateway *gateway, struct gateway_standby *standby)
{
    const struct gateway_pending wanted = {
        .kind = GATEWAY_PENDING_STANDBY,
        .wait = TENOR__V1__WAIT__NEITHER,
        .owner = TN_NONE,
        .asked_us = gateway->now_us,
        .is_asked = true,
        .market = standby->market,
        .term = standby->term,
        .account = standby->account,
        .session = standby->session,
        .nonce = standby->nonce,
        .valid_until_block = standby->valid_until_block,
    };
    struct gateway_market *market = gateway_market(gateway, standby->market);
    struct gateway_pending *pending = gateway_pendings_add(gateway->pendings, &wanted);
    standby->attempts++;
    if (pending == NULL) return;
    if (!port_ask(gateway->port, PORT_FRAME, pending->tag, standby->entry, standby->size)) {
        gateway_pendings_remove(gateway->pendings, pending);
        return;
    }
    standby->tag = pending->tag;
    if (standby->valid_until_block < market->lapse_above)
        market->lapse_above = standby->valid_until_block;
}

void gateway_standby_run(struct gateway_connection *connection)
{
    struct gateway *gateway = connection->gateway;
    struct gateway_standby *standby = connection->standby;
    connection->standby = NULL;
    standby->next = gateway->standbys;
    gateway->standbys = standby;
    GATEWAY_COUNT(gateway, standby_sent);
    ask(gateway, standby);
}

/* Takes it out of the list and frees it. */
static void drop(struct gateway *gateway, struct gateway_standby *standby)
{
    struct gateway_standby **link = &gateway->standbys;
    while (*link != standby)
        link = &(*link)->next;
    *link = standby->next;
    free(standby);
}

static struct gateway_standby *find(struct gateway *gateway, uint64_t tag)
{
    struct gateway_standby *standby = gateway->standbys;
    while (standby != NULL && standby->tag != tag)
        standby = standby->next;
    return standby;
}

void gateway_standby_over(struct gateway *gateway, uint64_t tag)
{
    struct gateway_standby *standby = find(gateway, tag);
    if (standby != NULL) drop(gateway, standby);
}

void gateway_standby_answer(struct gateway *gateway, struct gateway_pending *pending,
                            const struct port_answer *answer)
{
    struct gateway_standby *standby = find(gateway, pending->tag);
    bool again = answer->kind == TN_MEMBER_AWAY ||
                 (answer->kind == TN_MEMBER_REFUSED &&
                  (answer->reject == TN_REJECT_DESK_IDLE || answer->reject == TN_REJECT_DESK_FULL));
    gateway_pendings_remove(gateway->pendings, pending);
    if (standby == NULL) return;
    standby->tag = 0; /* the tick asks again */
    if (again) return;
    if (answer->kind != TN_MEMBER_SOFT) GATEWAY_COUNT(gateway, standby_failed);
    drop(gateway, standby);
}

void gateway_standbys_gap(struct gateway *gateway)
{
    for (struct gateway_standby *at = gateway->standbys; at != NULL; at = at->next) {
        struct gateway_pending *pending = gateway_pendings_find(gateway->pendings, at->tag);
        if (pending != NULL) gateway_pendings_remove(gateway->pendings, pending);
        at->tag = 0; /* the tick asks again; its nonce sees to it that it is executed once */
    }
}

void gateway_standbys_tick(struct gateway *gateway)
{
    struct gateway_standby *next, *standby = gateway->standbys;
    for (; standby != NULL; standby = next) {
        next = standby->next;
        const struct port_head *head = &gateway_market(gateway, standby->market)->head;
        bool is_void = standby->term < head->term || standby->valid_until_block < head->cursor ||
                       standby->attempts >= ATTEMPTS_MAX;
        if (standby->tag != 0) continue;
        if (is_void) {
            GATEWAY_COUNT(gateway, standby_failed);
            drop(gateway, standby);
        } else {
            ask(gateway, standby);
        }
    }
    port_ask_flush(gateway->port);
}

void gateway_standbys_free(struct gateway *gateway)
{
    while (gateway->standbys != NULL)
        drop(gateway, gateway->standbys);
}
