/* Frames: from a client's signature to the last word about it.
 *
 * A frame is read and judged here as far as that needs no state: whose it is, whether the session's
 * key signed it, whether the account has tokens for it. Junk never reaches a desk; onward.c takes
 * there what is left.
 *
 * Each frame that went on gets a last word. It is final when the step says so; reverted or void
 * when its term has ended below it; lapsed when the market's cursor has passed the block that it
 * was valid until. Only when the node's thread told more than was read is it not known: that is
 * said too. */
#include "gateway/internal.h"

#include <stdio.h>
#include <string.h>

#define SHORT_TOKENS 19u /* more for a command that margin refuses: docs/protocol.md, "Limits" */
#define ENTRY_HEADER 6u  /* version u8, kind u8, size of the payload u32 */

/* ---- What a frame is --------------------------------------------------------------------------
 */

bool gateway_frames_only_cancels(const struct tn_frame *frame)
{
    for (uint32_t i = 0; i < frame->commands_count; i++) {
        uint8_t kind = frame->commands[i].kind;
        if (kind != TN_COMMAND_CANCEL && kind != TN_COMMAND_MASS_CANCEL &&
            kind != TN_COMMAND_MMP_CANCEL)
            return false;
    }
    return true;
}

static uint64_t quote_sides(const struct tn_mass_quote *quote)
{
    uint64_t sides = 0;
    for (uint32_t i = 0; i < quote->quotes_count; i++)
        sides += (uint64_t)(quote->quotes[i].bid_quantity > 0) +
                 (uint64_t)(quote->quotes[i].ask_quantity > 0);
    return sides;
}

/* The tokens that a command costs. Taking orders away is free. */
static void add_cost(const struct tn_command *command, uint64_t *orders, uint64_t *quotes)
{
    switch ((enum tn_command_kind)command->kind) {
        case TN_COMMAND_CANCEL:
        case TN_COMMAND_MASS_CANCEL:
        case TN_COMMAND_MMP_CANCEL: return;
        case TN_COMMAND_MASS_QUOTE: *quotes += quote_sides(&command->as.mass_quote); return;
        case TN_COMMAND_PLACE_OCO: *orders += 2; return;
        case TN_COMMAND_PACKAGE: *orders += command->as.package.legs_count; return;
        case TN_COMMAND_PLACE:
        case TN_COMMAND_REPLACE:
        case TN_COMMAND_MMP_SET:
        case TN_COMMAND_MMP_RESET:
        case TN_COMMAND_BLOCK_TRADE:
        case TN_COMMAND_TRANSFER:
        case TN_COMMAND_WITHDRAW:
        case TN_COMMAND_MODEL:
        case TN_COMMAND_REMIT:
        case TN_COMMAND_BID: *orders += 1; return;
    }
}

void gateway_frames_refuse(struct gateway_connection *connection, uint64_t request, uint32_t code,
                           const char *text)
{
    GATEWAY_COUNT(connection->gateway, frames_refused);
    gateway_connection_error(connection, request, code, text);
}

static bool is_open(struct gateway_connection *connection, uint64_t request)
{
    const struct gateway *gateway = connection->gateway;
    uint32_t code = WIRE_ERROR_NONE;
    if (!connection->is_logged_on) {
        code = WIRE_ERROR_LOGON_NEEDED;
    } else if (gateway->state == PORT_STOPPING) {
        code = WIRE_ERROR_STOPPING;
    } else if (gateway->state != PORT_READY) {
        code = WIRE_ERROR_SYNCING;
    } else if (connection->expires_ms <= gateway->time_ms) {
        code = TN_REJECT_SESSION_EXPIRED;
    }
    if (code != WIRE_ERROR_NONE) gateway_frames_refuse(connection, request, code, NULL);
    return code == WIRE_ERROR_NONE;
}

bool gateway_frames_read(struct gateway_connection *connection, struct tn_frame *frame,
                         uint64_t request, const Tenor__V1__SignedFrame *message)
{
    struct gateway *gateway = connection->gateway;
    struct tn_stream_fault fault;
    if (!is_open(connection, request)) return false;
    if (!tn_stream_read_payload(frame, &fault, gateway->scratch, message->payload.data,
                                message->payload.len)) {
        char text[192];
        snprintf(text, sizeof text, "the payload is none: %s (byte %zu)", fault.what, fault.at);
        gateway_frames_refuse(connection, request, TN_REJECT_FRAME_MALFORMED, text);
        gateway_connection_fault(connection);
        return false;
    }
    if (frame->session != connection->session || frame->market != connection->market) {
        gateway_frames_refuse(connection, request, WIRE_ERROR_OTHER_SESSION, NULL);
        return false;
    }
    const struct gateway_market *market = gateway_market(gateway, frame->market);
    TN_ASSERT(market != NULL);
    if (frame->valid_until_block < market->head.cursor) {
        gateway_frames_refuse(connection, request, TN_REJECT_FRAME_EXPIRED, NULL);
        return false;
    }
    if (gateway_pendings_frame(gateway->pendings, frame->market, frame->session, frame->nonce) !=
        NULL) {
        gateway_frames_refuse(connection, request, TN_REJECT_NONCE_USED,
                              "a frame of this nonce waits for its answer here");
        return false;
    }
    return true;
}

void gateway_frames_claim(const struct gateway_connection *connection, struct gateway_check *check,
                          const uint8_t *entry, size_t size)
{
    TN_ASSERT(size > ENTRY_HEADER + TN_SIGNATURE_SIZE);
    check->key = connection->key;
    check->payload = entry + ENTRY_HEADER;
    check->size = size - ENTRY_HEADER - TN_SIGNATURE_SIZE;
    memcpy(check->checked.signature.bytes, entry + size - TN_SIGNATURE_SIZE, TN_SIGNATURE_SIZE);
    check->checked.key = connection->public_key;
}

bool gateway_frames_is_signed(const struct gateway_connection *connection,
                              struct tn_member_signed *checked, const uint8_t *entry, size_t size)
{
    const struct gateway *gateway = connection->gateway;
    const struct tn_signatures *signatures = gateway->options.signatures;
    struct gateway_check check;
    gateway_frames_claim(connection, &check, entry, size);
    tn_frame_digest(&check.checked.digest, gateway->options.chain_id, check.payload, check.size);
    *checked = check.checked;
    return signatures->verify_parsed(signatures->context, &checked->digest, &checked->signature,
                                     &check.key);
}

/* ---- On their way -----------------------------------------------------------------------------
 */

/* Taken only when the signature is good. */
bool gateway_frames_has_tokens(struct gateway_connection *connection, uint64_t request,
                               uint64_t orders, uint64_t quotes)
{
    struct gateway *gateway = connection->gateway;
    const struct gateway_limits *limits = &gateway->limits;
    struct gateway_account *account = connection->account;
    if (orders > gateway_bucket_left(&account->orders, limits->orders_per_second,
                                     limits->orders_burst, gateway->now_us)) {
        GATEWAY_COUNT(gateway, limited_orders);
        gateway_frames_refuse(connection, request, WIRE_ERROR_ORDERS_FAST, NULL);
        return false;
    }
    if (quotes > gateway_bucket_left(&account->quotes, limits->quotes_per_second,
                                     limits->quotes_burst, gateway->now_us)) {
        GATEWAY_COUNT(gateway, limited_quotes);
        gateway_frames_refuse(connection, request, WIRE_ERROR_QUOTES_FAST, NULL);
        return false;
    }
    return true;
}

void gateway_frames_take(struct gateway_connection *connection, uint64_t request,
                         const Tenor__V1__SignedFrame *message)
{
    struct gateway *gateway = connection->gateway;
    struct tn_frame frame;
    if (!gateway_frames_read(connection, &frame, request, message)) return;
    struct gateway_deferred deferred = {.slot = connection->slot,
                                        .only_cancels = gateway_frames_only_cancels(&frame)};
    if (gateway_hold_stops(connection, deferred.only_cancels)) {
        gateway_hold_stop(connection);
        return;
    }
    for (uint32_t i = 0; i < frame.commands_count; i++)
        add_cost(&frame.commands[i], &deferred.orders, &deferred.quotes);
    if (!gateway_frames_has_tokens(connection, request, deferred.orders, deferred.quotes)) return;
    const struct gateway_pending wanted = {
        .kind = GATEWAY_PENDING_FRAME,
        .wait = (uint8_t)message->wait,
        .owner = connection->slot,
        .request = request,
        .asked_us = gateway->now_us,
        .market = frame.market,
        .term = frame.term,
        .account = connection->account->account,
        .session = frame.session,
        .nonce = frame.nonce,
        .valid_until_block = frame.valid_until_block,
    };
    struct gateway_pending *pending = NULL;
    if (connection->frames_count < gateway->limits.frames_max)
        pending = gateway_pendings_add(gateway->pendings, &wanted);
    if (pending == NULL) {
        GATEWAY_COUNT(gateway, limited_pending);
        gateway_frames_refuse(connection, request, WIRE_ERROR_FRAMES_WAITING, NULL);
        return;
    }
    connection->frames_count++;
    gateway->awake_us = gateway->now_us + (int64_t)gateway->limits.spin_us;
    deferred.tag = pending->tag;
    deferred.size = wire_frame_entry(gateway->entry, sizeof gateway->entry, message);
    TN_ASSERT(deferred.size > 0 && deferred.size <= sizeof gateway->entry);
    gateway_line_add(gateway, &deferred);
}

/* ---- Answers ----------------------------------------------------------------------------------
 */

/* Takes the pending away; its connection, or NULL. */
static struct gateway_connection *finish(struct gateway *gateway, struct gateway_pending *pending)
{
    struct gateway_connection *connection = NULL;
    if (pending->kind == GATEWAY_PENDING_STANDBY) {
        gateway_standby_over(gateway, pending->tag);
    } else if (pending->owner != TN_NONE) {
        connection = gateway->connections[pending->owner];
        connection->frames_count--;
    }
    gateway_pendings_remove(gateway->pendings, pending);
    return connection;
}

void gateway_frames_error(struct gateway *gateway, struct gateway_pending *pending, uint32_t code,
                          const char *text)
{
    uint64_t request = pending->request;
    struct gateway_connection *connection = finish(gateway, pending);
    if (connection != NULL) gateway_frames_refuse(connection, request, code, text);
}

static bool is_of(const struct tn_event *event, uint32_t account)
{
    uint32_t accounts[2];
    const uint32_t found = gateway_history_accounts(accounts, event);
    return (found > 0 && accounts[0] == account) || (found > 1 && accounts[1] == account);
}

/* Events of the account among these, in the arena for answers. False: no room. */
static bool events_of(struct gateway *gateway, Tenor__V1__Event ***out, size_t *count,
                      uint32_t account, const struct tn_event *events, uint32_t events_count)
{
    uint32_t mine = 0;
    wire_arena_clear(&gateway->out_arena);
    *count = 0;
    Tenor__V1__Event **list = wire_take(&gateway->out_arena, events_count * sizeof *list);
    if (events_count > 0 && list == NULL) return false;
    for (uint32_t i = 0; i < events_count; i++) {
        if (!is_of(&events[i], account)) continue;
        Tenor__V1__Event *event = wire_take(&gateway->out_arena, sizeof *event);
        if (event == NULL) return false;
        wire_event(event, &events[i]);
        list[mine++] = event;
    }
    *out = list;
    *count = mine;
    return true;
}

static bool wants(const struct gateway_pending *pending, Tenor__V1__Wait one)
{
    return pending->wait == TENOR__V1__WAIT__SOFT_AND_FINAL || pending->wait == (uint8_t)one;
}

/* Those of the account; false: too many to be listed. */
static bool list_events(struct gateway *gateway, const struct tn_event *const **out, size_t *count,
                        uint32_t account, const struct tn_event *events, uint32_t events_count)
{
    size_t mine = 0;
    wire_arena_clear(&gateway->out_arena);
    const struct tn_event **list = wire_take(&gateway->out_arena, events_count * sizeof *list);
    if (events_count > 0 && list == NULL) return false;
    for (uint32_t i = 0; i < events_count; i++) {
        if (is_of(&events[i], account)) list[mine++] = &events[i];
    }
    *out = list;
    *count = mine;
    return true;
}

static void say_soft(struct gateway *gateway, struct gateway_connection *connection,
                     const struct gateway_pending *pending, const struct port_answer *answer,
                     const struct tn_event *events)
{
    Tenor__V1__Tokens tokens;
    struct wire_frame_soft soft = {.request = pending->request,
                                   .market = answer->market,
                                   .term = answer->term,
                                   .sequence = answer->sequence,
                                   .index = answer->index,
                                   .nonce = answer->nonce,
                                   .tokens = &tokens};
    gateway_session_tokens(connection, &tokens);
    if (!list_events(gateway, &soft.events, &soft.events_count, pending->account, events,
                     answer->events_count))
        soft.events_count = 0;
    size_t size = wire_write_frame_soft(gateway->out_room, GATEWAY_OUT_ROOM, &soft);
    if (size == 0) {
        gateway_connection_error(connection, soft.request, WIRE_ERROR_ANSWER_TOO_LARGE, NULL);
        return;
    }
    gateway_connection_send(connection, gateway->out_room, size, true);
}

/* What was soft, or may have been, will never have been. */
static void say_reverted(struct gateway *gateway, struct gateway_pending *pending,
                         uint32_t term_now)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameReverted reverted = TENOR__V1__FRAME_REVERTED__INIT;
    reverted.market = pending->market;
    reverted.term = pending->soft_term;
    reverted.sequence = pending->soft_sequence;
    reverted.index = pending->soft_index;
    reverted.nonce = pending->nonce;
    reverted.term_now = term_now;
    message.request = pending->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_REVERTED;
    message.frame_reverted = &reverted;
    GATEWAY_COUNT(gateway, frames_reverted);
    struct gateway_connection *connection = finish(gateway, pending);
    if (connection != NULL) gateway_connection_say(connection, &message);
}

/* A command that margin refuses costs more to work out than one that passes, and leaves nothing to
 * pay for: who is refused again and again is slowed down. */
static void charge_short(struct gateway *gateway, const struct gateway_pending *pending,
                         const struct tn_event *events, uint32_t events_count)
{
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < events_count; i++) {
        if (events[i].kind == TN_EVENT_RESULT && events[i].reject == TN_REJECT_MARGIN_SHORT &&
            events[i].account == pending->account)
            tokens += SHORT_TOKENS;
    }
    if (tokens == 0) return;
    struct gateway_account *account =
        gateway_accounts_find(gateway->accounts, pending->market, pending->account);
    if (account == NULL) return; /* nobody is logged on to it any more */
    gateway_bucket_left(&account->orders, gateway->limits.orders_per_second,
                        gateway->limits.orders_burst, gateway->now_us);
    gateway_bucket_drain(&account->orders, tokens);
}

static void take_soft(struct gateway *gateway, struct gateway_pending *pending,
                      const struct port_answer *answer, const struct tn_event *events)
{
    pending->is_soft = true;
    pending->soft_term = answer->term;
    pending->soft_sequence = answer->sequence;
    pending->soft_index = answer->index;
    GATEWAY_COUNT(gateway, frames_soft);
    charge_short(gateway, pending, events, answer->events_count);
    if (pending->kind == GATEWAY_PENDING_FRAME) gateway_times_note(gateway, pending->asked_us);
    if (pending->owner != TN_NONE && wants(pending, TENOR__V1__WAIT__SOFT))
        say_soft(gateway, gateway->connections[pending->owner], pending, answer, events);
}

void gateway_frames_answer(struct gateway *gateway, struct gateway_pending *pending,
                           const struct port_answer *answer, const struct tn_event *events)
{
    if (pending->kind == GATEWAY_PENDING_STANDBY) {
        gateway_standby_answer(gateway, pending, answer);
        return;
    }
    switch ((enum tn_member_answer_kind)answer->kind) {
        case TN_MEMBER_SOFT: take_soft(gateway, pending, answer, events); return;
        case TN_MEMBER_REFUSED:
            gateway_frames_error(gateway, pending, answer->reject, NULL);
            return;
        case TN_MEMBER_AWAY:
            GATEWAY_COUNT(gateway, frames_away);
            gateway_frames_error(gateway, pending, WIRE_ERROR_LEADER_AWAY, NULL);
            return;
        case TN_MEMBER_REVERTED:
            pending->soft_term = answer->term;
            pending->soft_sequence = answer->sequence;
            pending->soft_index = answer->index;
            say_reverted(gateway, pending, gateway_market(gateway, pending->market)->head.term);
            return;
    }
}

/* ---- Last words -------------------------------------------------------------------------------
 */

static void say_final(struct gateway *gateway, struct gateway_pending *pending,
                      const struct port_step *step, const struct tn_event *events)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__FrameFinal final = TENOR__V1__FRAME_FINAL__INIT;
    bool wanted = wants(pending, TENOR__V1__WAIT__FINAL);
    uint32_t account = pending->account;
    message.request = pending->request;
    GATEWAY_COUNT(gateway, frames_final);
    struct gateway_connection *connection = finish(gateway, pending);
    if (connection == NULL || !wanted) return;
    gateway_stream_pump(connection, true);
    if (connection->stage != GATEWAY_OPEN) return;
    bool fits =
        events_of(gateway, &final.events, &final.n_events, account, events, step->events_count);
    if (!fits) final.n_events = 0;
    final.block = step->block;
    final.market = step->market;
    final.term = step->term;
    final.sequence = step->sequence;
    final.index = step->entry;
    final.nonce = step->nonce;
    message.body_case = TENOR__V1__FROM_NODE__BODY_FRAME_FINAL;
    message.frame_final = &final;
    if (fits) fits = tenor__v1__from_node__get_packed_size(&message) <= WIRE_FROM_NODE_BYTES_MAX;
    if (!fits) final.n_events = 0;
    gateway_connection_say(connection, &message);
    if (!fits)
        gateway_connection_error(connection, message.request, WIRE_ERROR_ANSWER_TOO_LARGE,
                                 "the frame is final, and its events are in the account's stream");
}

/* The connections of the account have something to read in the history. */
static void wake_stream(struct gateway *gateway, uint32_t account, const struct port_step *step,
                        const struct tn_event *events)
{
    struct gateway_account *found = gateway_accounts_find(gateway->accounts, step->market, account);
    if (found == NULL) return;
    for (struct gateway_connection *connection = found->first; connection != NULL;
         connection = connection->next_of_account) {
        const struct gateway_place before = {step->block - 1, UINT32_MAX};
        if (connection->standby != NULL && step->account == account)
            gateway_standby_step(connection, step, events);
        if (connection->stream_waits) continue;
        /* It was told all before this block: what is gone from before does not matter to it. */
        if (gateway_place_compare(connection->stream.after, before) < 0)
            connection->stream.after = before;
        connection->stream_waits = true;
        gateway_connection_mark(connection);
    }
}

void gateway_frames_step(struct gateway *gateway, const struct port_step *step,
                         const struct tn_event *events)
{
    uint32_t last[2] = {TN_NONE, TN_NONE};
    for (uint32_t i = 0; i < step->events_count; i++) {
        uint32_t accounts[2];
        uint32_t count = gateway_history_accounts(accounts, &events[i]);
        for (uint32_t k = 0; k < count; k++) {
            if (accounts[k] == last[0] || accounts[k] == last[1]) continue;
            wake_stream(gateway, accounts[k], step, events);
            last[k] = accounts[k];
        }
    }
    gateway_history_add(gateway->history, step, events);
    if (step->session == 0) return;
    struct gateway_pending *pending =
        gateway_pendings_frame(gateway->pendings, step->market, step->session, step->nonce);
    if (pending != NULL && pending->is_asked) say_final(gateway, pending, step, events);
}

/* Has the pending's term ended below it, or its time passed? Then it gets its last word. */
static void judge(struct gateway *gateway, struct gateway_pending *pending)
{
    struct gateway_market *market = gateway_market(gateway, pending->market);
    const struct port_head *head = &market->head;
    if (!pending->is_asked) return;
    if (pending->is_soft) {
        if (market->term_ended && pending->soft_term < head->term)
            say_reverted(gateway, pending, head->term);
        return;
    }
    if (market->term_ended && pending->term < head->term) {
        GATEWAY_COUNT(gateway, frames_lapsed);
        gateway_frames_error(gateway, pending, TN_REJECT_TERM_WRONG,
                             "the term ended before the frame was executed, and it never will be: "
                             "sign it anew with the term of now and a new nonce");
    } else if (pending->valid_until_block < head->cursor) {
        GATEWAY_COUNT(gateway, frames_lapsed);
        gateway_frames_error(gateway, pending, WIRE_ERROR_FRAME_LAPSED, NULL);
    } else if (pending->valid_until_block < market->lapse_above) {
        market->lapse_above = pending->valid_until_block;
    }
}

void gateway_frames_block(struct gateway *gateway)
{
    bool any = false;
    for (uint32_t i = 0; i < gateway->markets_count; i++) {
        struct gateway_market *market = &gateway->markets[i];
        bool due = market->term_ended || market->head.cursor > market->lapse_above;
        if (due) market->lapse_above = UINT64_MAX;
        any = any || due;
    }
    struct gateway_pending *next = NULL, *pending = NULL;
    if (any) pending = gateway_pendings_next_frame(gateway->pendings, NULL);
    for (; pending != NULL; pending = next) {
        next = gateway_pendings_next_frame(gateway->pendings, pending);
        judge(gateway, pending);
    }
    for (uint32_t i = 0; i < gateway->markets_count; i++)
        gateway->markets[i].term_ended = false;
}

void gateway_frames_gap(struct gateway *gateway)
{
    struct gateway_pending *next, *pending = gateway_pendings_next_frame(gateway->pendings, NULL);
    for (; pending != NULL; pending = next) {
        next = gateway_pendings_next_frame(gateway->pendings, pending);
        if (pending->kind == GATEWAY_PENDING_FRAME && pending->is_asked)
            gateway_frames_error(gateway, pending, WIRE_ERROR_ANSWER_LOST, NULL);
    }
}
