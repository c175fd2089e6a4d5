/* loop_gateway: the node's side of the port, between two turns of the loop.
 *
 * Asks are taken each turn, for so long that peers and timers do not wait much for them; while the
 * gateway does not read what it is told, no more are taken. Steps are told as blocks are executed.
 * A block is held back while the ring lacks room for what it may bring, but not for long: a node
 * follows its set whatever its gateway does. While a log is read again after a start there is
 * nobody to keep waiting, so there the loop waits for the gateway, with a bound too. */
#include "cluster/loop_gateway.h"

#include "cluster/desk_teller.h"
#include "cluster/loop_internal.h"
#include "cluster/past.h"
#include "cluster/proofs.h"
#include "cluster/teller.h"
#include "cluster/views.h"
#include "gateway/gateway.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    ASKS_BYTES = 8 << 20,
    TELLS_BYTES = 64 << 20,
    ASKS_A_TURN = 1024,
    ASKS_US = 3000,        /* of a turn: peers wait meanwhile */
    ANSWER_ROOM = 2 << 20, /* of the ring, before an ask is taken */
    BLOCK_ROOM = 16 << 20, /* before a block is executed */
    PAST_ROW_BYTES = 8 << 20,
    HELD_MOST_US = 1000000, /* that a block is held back, or a replay waits at one place */
    PAUSE_NS = 200000,
    ROOM_WAIT_US = 1000,
};

struct gate {
    struct port *port;
    struct gateway *gateway;
    struct teller *teller;
    struct views *views;
    struct proofs *proofs;
    struct past *past;
    struct tn_public_key own_key;
    enum port_node_state state;
    int64_t held_since_us; /* 0: nothing is held back */
    bool is_lagging;       /* the gateway did not come in time: steps may be lost until it has */
    bool has_more;         /* asks, or parts of a snapshot, are left for the next turn */
};

/* ---- Proofs ------------------------------------------------------------------------------------
 */

static void say_proof(void *context, const struct proofs_done *done)
{
    struct gate *gate = context;
    const uint8_t *bytes;
    size_t size;
    if (done->height > 0) {
        views_prove(gate->views, &bytes, &size, done->request, done->height, done->proof,
                    done->proof_size, done->certificate, done->certificate_size);
    } else {
        views_refuse(gate->views, &bytes, &size, done->request, WIRE_ERROR_NO_ROOM,
                     "no checkpoint was certified in time, or what was to be proved is gone");
    }
    port_tell(gate->port, PORT_REPLY, done->tag, bytes, size);
}

static void take_proof(struct loop *loop, uint64_t tag, const struct views_proof *asked)
{
    struct gate *gate = loop->gate;
    struct tn_chain *chain = tn_member_chain(loop->member);
    struct tn_checkpoint checkpoint;
    const uint8_t *bytes;
    size_t size;
    if (!proofs_ask(gate->proofs, tag, asked, loop->clock.now_us)) {
        views_refuse(gate->views, &bytes, &size, asked->request, WIRE_ERROR_BUSY, NULL);
        port_tell(gate->port, PORT_REPLY, tag, bytes, size);
        return;
    }
    if (!tn_chain_checkpoint(chain, &checkpoint)) return;
    proofs_executed(gate->proofs, chain); /* the last block is one: nothing need be waited for */
    if (keeper_find_certificate(loop->keeper, &bytes, &size, checkpoint.height)) {
        proofs_certified(gate->proofs, &checkpoint, bytes, size);
    }
}

/* ---- Asks --------------------------------------------------------------------------------------
 */

static bool find_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    return keeper_find_block(((struct loop *)context)->keeper, block, height);
}

static bool find_epoch(void *context, struct sync_epoch *epoch, uint64_t number)
{
    return keeper_find_epoch(((struct loop *)context)->keeper, epoch, number);
}

bool gate_is_own(const struct loop *loop, const struct tn_public_key *key)
{
    return loop->gate != NULL && tn_public_key_equal(key, &loop->gate->own_key);
}

const char *gate_clients_of(const struct loop *loop, const struct tn_public_key *key)
{
    const struct settings *settings = &loop->node->settings;
    if (gate_is_own(loop, key)) {
        const struct settings_clients *own = &settings->clients;
        return own->address[0] != '\0' ? own->address : own->listen;
    }
    for (uint32_t i = 0; i < settings->peers_count; i++) {
        if (tn_public_key_equal(key, &settings->peers[i].key)) return settings->peers[i].clients;
    }
    return NULL;
}

static const char *clients_of(void *context, const struct tn_public_key *key)
{
    return gate_clients_of(context, key);
}

static void take_question(struct loop *loop, const struct port_message *ask)
{
    struct gate *gate = loop->gate;
    struct tn_sequencer_status status;
    struct views_proof proof;
    const uint8_t *bytes;
    size_t size;
    tn_sequencer_status(tn_member_sequencer(loop->member), &status);
    const struct views_world world = {.chain = tn_member_chain(loop->member),
                                      .own_key = &gate->own_key,
                                      .final_height = status.final_height,
                                      .context = loop,
                                      .find_block = find_block,
                                      .clients_of = clients_of,
                                      .find_epoch = find_epoch,
                                      .signatures = &loop->signing.signatures};
    switch (views_answer(gate->views, &bytes, &size, &proof, &world, ask->bytes, ask->size)) {
        case VIEWS_ANSWERED: port_tell(gate->port, PORT_REPLY, ask->tag, bytes, size); return;
        case VIEWS_PROOF: take_proof(loop, ask->tag, &proof); return;
    }
}

static void take_session(struct loop *loop, const struct port_message *ask)
{
    struct port_session_ask asked;
    struct port_session told;
    struct tn_session session;
    struct tn_account_view account;
    struct tn_chain *chain = tn_member_chain(loop->member);
    const struct tn_chain_limits *limits = tn_chain_limits(chain);
    if (ask->size != sizeof asked) return;
    memcpy(&asked, ask->bytes, sizeof asked);
    memset(&told, 0, sizeof told);
    told.market = asked.market;
    told.session = asked.session;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        if (limits->markets[i].market != asked.market) continue;
        struct tn_market *market = tn_chain_market(chain, i);
        const struct tn_exchange *exchange = tn_market_exchange(market);
        if (!tn_market_session(market, &session, asked.session) ||
            !tn_exchange_account(exchange, &account, session.account)) {
            break;
        }
        told.exists = true;
        told.account = session.account;
        told.scope = session.scope;
        told.nonce_top = account.nonce_top;
        told.expires_ms = session.expires_ms;
        told.time_ms = (int64_t)tn_chain_heads(chain)->block.time_ms;
        told.key = session.key;
    }
    port_tell(loop->gate->port, PORT_SESSION_IS, ask->tag, &told, sizeof told);
}

static void take_item(struct loop *loop, const struct port_message *ask)
{
    uint8_t answer = TN_WAITING_INVALID;
    if (ask->size > 0) {
        answer = (uint8_t)tn_member_item(loop->member, ask->bytes[0], ask->bytes + 1, ask->size - 1,
                                         &loop->clock);
    }
    port_tell(loop->gate->port, PORT_ITEM_TAKEN, ask->tag, &answer, 1);
}

static void take_checked(struct loop *loop, const struct port_message *ask)
{
    struct tn_member_signed checked;
    if (ask->size <= sizeof checked) return;
    memcpy(&checked, ask->bytes, sizeof checked);
    tn_member_verified(loop->member, &checked.digest, &checked.key, &checked.signature);
    tn_member_frame(loop->member, ask->tag | GATE_TAG, ask->bytes + sizeof checked,
                    ask->size - sizeof checked, &loop->clock);
}

static void take_ask(struct loop *loop, const struct port_message *ask)
{
    switch ((enum port_ask)ask->kind) {
        case PORT_FRAME:
            tn_member_frame(loop->member, ask->tag | GATE_TAG, ask->bytes, ask->size, &loop->clock);
            return;
        case PORT_CHECKED: take_checked(loop, ask); return;
        case PORT_ITEM: take_item(loop, ask); return;
        case PORT_QUERY: take_question(loop, ask); return;
        case PORT_SESSION: take_session(loop, ask); return;
        case PORT_SNAPSHOT: teller_begin_snapshot(loop->gate->teller); return;
        case PORT_WAKE: return; /* it has woken */
    }
}

/* Without a member there is nothing to ask. */
static void refuse_ask(struct loop *loop, const struct port_message *ask)
{
    const struct tn_member_answer away = {.kind = TN_MEMBER_AWAY};
    const uint8_t no_room = TN_WAITING_NO_ROOM;
    struct gate *gate = loop->gate;
    struct port_session none;
    const uint8_t *bytes;
    size_t size;
    switch ((enum port_ask)ask->kind) {
        case PORT_FRAME:
        case PORT_CHECKED: teller_answer(gate->teller, ask->tag, &away); return;
        case PORT_ITEM:
            port_tell(gate->port, PORT_ITEM_TAKEN, ask->tag, &no_room, sizeof no_room);
            return;
        case PORT_QUERY:
            views_refuse(gate->views, &bytes, &size,
                         views_request(gate->views, ask->bytes, ask->size), WIRE_ERROR_SYNCING,
                         NULL);
            port_tell(gate->port, PORT_REPLY, ask->tag, bytes, size);
            return;
        case PORT_SESSION:
            memset(&none, 0, sizeof none);
            port_tell(gate->port, PORT_SESSION_IS, ask->tag, &none, sizeof none);
            return;
        case PORT_SNAPSHOT: teller_begin_snapshot(gate->teller); return;
        case PORT_WAKE: return;
    }
}

void gate_take(struct loop *loop)
{
    struct gate *gate = loop->gate;
    struct port_message ask;
    if (gate == NULL) return;
    const int64_t until_us = clock_us(CLOCK_MONOTONIC) + ASKS_US;
    bool has_next = true;
    for (uint32_t i = 0;
         i < ASKS_A_TURN && port_tell_room(gate->port) >= ANSWER_ROOM &&
         clock_us(CLOCK_MONOTONIC) < until_us && (has_next = port_next_ask(gate->port, &ask));
         i++) {
        if (loop->member == NULL || loop->syncing != NULL) {
            refuse_ask(loop, &ask);
        } else {
            take_ask(loop, &ask);
        }
    }
    gate->has_more = has_next;
    proofs_turn(gate->proofs, loop->clock.now_us);
    if (loop->member != NULL && loop->syncing == NULL && teller_turn(gate->teller)) {
        gate->has_more = true;
    }
}

/* ---- Waiting -----------------------------------------------------------------------------------
 */

int gate_fd(const struct loop *loop)
{
    return loop->gate == NULL ? -1 : port_asks_fd(loop->gate->port);
}

/* That the gateway has read what it was told, nobody says: it is looked for. */
int64_t gate_wait_us(struct loop *loop)
{
    struct gate *gate = loop->gate;
    if (gate == NULL) return INT64_MAX;
    if (gate->held_since_us > 0) return ROOM_WAIT_US;
    if (gate->has_more) return port_tell_room(gate->port) < ANSWER_ROOM ? ROOM_WAIT_US : 0;
    return port_asks_sleep(gate->port) ? INT64_MAX : 0;
}

void gate_woken(struct loop *loop)
{
    if (loop->gate != NULL) port_asks_wake(loop->gate->port);
}

void gate_flush(struct loop *loop)
{
    if (loop->gate != NULL) port_tell_flush(loop->gate->port);
}

/* ---- What the member puts out ------------------------------------------------------------------
 */

void gate_answer(struct loop *loop, uint64_t client, const struct tn_member_answer *answer)
{
    if (loop->gate == NULL) return;
    teller_answer(loop->gate->teller, client & ~GATE_TAG, answer);
}

/* A replay is faster than anybody reads. */
static void wait_for_room(struct loop *loop)
{
    struct gate *gate = loop->gate;
    const int64_t until_us = clock_us(CLOCK_MONOTONIC) + HELD_MOST_US;
    port_tell_flush(gate->port);
    while (port_tell_room(gate->port) < ANSWER_ROOM && !gate->is_lagging) {
        const struct timespec pause = {.tv_nsec = PAUSE_NS};
        nanosleep(&pause, NULL);
        if (clock_us(CLOCK_MONOTONIC) > until_us) gate->is_lagging = true;
    }
}

void gate_step(struct loop *loop, const struct tn_chain_place *place,
               const struct tn_market_step *step)
{
    struct port_step told;
    if (loop->gate == NULL) return;
    if (loop->is_restoring && port_tell_room(loop->gate->port) < ANSWER_ROOM) wait_for_room(loop);
    teller_step(loop->gate->teller, place, step);
    if (step->events_count == 0 || loop->gate->past == NULL) return;
    teller_fill_step(&told, tn_chain_heads(tn_member_chain(loop->member)), place, step);
    past_step(loop->gate->past, &told, step->events);
}

/* The chain stands behind that block. */
static void keep_past(struct past *past, struct tn_chain *chain,
                      const struct tn_chain_limits *limits, const struct tn_block_header *header)
{
    struct store_trail trail;
    if (past == NULL) return;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(chain, i));
        past_orders(past, limits->markets[i].market, tn_exchange_last_order(exchange));
    }
    past_block(past, header->height, (int64_t)header->time_ms);
    if (past_take_fault(past, &trail)) note("msg=past_damaged why=\"%s\"", trail.text);
}

void gate_block(struct loop *loop, const struct tn_member_block *block)
{
    if (loop->gate == NULL) return;
    keep_past(loop->gate->past, tn_member_chain(loop->member), &loop->set->limits, block->header);
    teller_block(loop->gate->teller, block);
    proofs_executed(loop->gate->proofs, tn_member_chain(loop->member));
    if (loop->is_restoring) port_tell_flush(loop->gate->port); /* all of it is durable */
}

void gate_term(struct loop *loop, uint32_t market, uint32_t term, uint64_t sequence)
{
    if (loop->gate == NULL) return;
    teller_term(loop->gate->teller, market, term, sequence);
    loop_soft_term(loop, market, term);
}

void gate_certified(struct loop *loop, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                    size_t size)
{
    if (loop->gate != NULL) proofs_certified(loop->gate->proofs, checkpoint, cert, size);
}

bool gate_may_execute(struct loop *loop)
{
    struct gate *gate = loop->gate;
    if (gate == NULL || loop->is_restoring) return true;
    if (port_tell_room(gate->port) >= BLOCK_ROOM) {
        gate->held_since_us = 0;
        gate->is_lagging = false;
        return true;
    }
    if (gate->is_lagging) return true;
    /* What was told in this turn stays here until the log is synced (rule R5). */
    if (gate->held_since_us == 0) gate->held_since_us = loop->clock.now_us;
    if (loop->clock.now_us - gate->held_since_us < HELD_MOST_US) return false;
    note("msg=gateway_lags why=\"the gateway does not read what final blocks brought about\"");
    gate->is_lagging = true;
    return true;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void say_state(struct loop *loop, enum port_node_state state)
{
    loop->gate->state = state;
    teller_state(loop->gate->teller, state);
    /* What is final and was not synced (the disk is full) is not let out by it (rule R5). */
    if (!loop->outgoing.has_final || loop->is_restoring) port_tell_flush(loop->gate->port);
}

void gate_member_made(struct loop *loop)
{
    struct gate *gate = loop->gate;
    if (gate == NULL) return;
    struct store_trail trail;
    teller_follow(gate->teller, tn_member_chain(loop->member));
    if (gate->past != NULL && !past_begin(gate->past, keeper_store(loop->keeper), &trail))
        note("msg=past_damaged why=\"%s\"", trail.text);
    if (gate->state != PORT_SYNCING) say_state(loop, PORT_SYNCING);
}

void gate_member_started(struct loop *loop)
{
    if (loop->gate == NULL) return;
    say_state(loop, PORT_READY);
    loop_direct_follow(loop, loop->member);
}

void gate_member_ends(struct loop *loop)
{
    struct gate *gate = loop->gate;
    if (gate == NULL) return;
    loop_direct_follow(loop, NULL);
    gate->held_since_us = 0;
    proofs_drop_all(gate->proofs);
    if (gate->past != NULL) past_end(gate->past);
    teller_follow(gate->teller, NULL);
    if (gate->state == PORT_READY) say_state(loop, PORT_SYNCING);
}

static void fill_options(struct gateway_options *options, struct loop *loop, struct gate *gate,
                         const struct settings *settings)
{
    const struct tn_chain_limits *limits = &loop->set->limits;
    memset(options, 0, sizeof *options);
    snprintf(options->listen, sizeof options->listen, "%s", settings->clients.listen);
    snprintf(options->identity, sizeof options->identity, "%s", settings->clients.identity);
    snprintf(options->name, sizeof options->name, "%.*s", (int)sizeof options->name - 1,
             settings->node.name);
    memcpy(options->chain_id, limits->chain_id, sizeof options->chain_id);
    options->limits = settings->clients.limits;
    options->signatures = &loop->signing.signatures;
    loop_fill_direct(&options->direct, loop);
    if (gate->past != NULL) past_fill_source(&options->past, gate->past);
    options->bounds_us = metrics_bounds_us;
    options->bounds_count = METRICS_BOUNDS;
    feed_options_default(&options->feed);
    options->feed.cpu = (uint8_t)machine_cpu();
    options->feed.markets_count = limits->markets_count;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_market_limits *market = &limits->markets[i];
        options->feed.markets[i] =
            (struct feed_market_limits){.market = market->market,
                                        .series_max = market->exchange.series_max,
                                        .orders_max = market->exchange.orders_max,
                                        .levels_max = market->exchange.levels_max};
    }
}

static bool make_parts(struct loop *loop, struct gate *gate)
{
    gate->port = port_make(ASKS_BYTES, TELLS_BYTES);
    if (gate->port == NULL) return false;
    gate->teller = teller_make(gate->port, &loop->set->limits);
    gate->views = views_make();
    gate->proofs = proofs_make(say_proof, gate);
    const uint32_t hours = (uint32_t)loop->node->settings.store.stream_hours;
    if (hours > 0) gate->past = past_make(PAST_ROW_BYTES, hours, machine_cpu());
    loop->desks.teller = desk_teller_make(&loop->set->limits, DESK_TELLER_RING);
    return gate->teller != NULL && gate->views != NULL && gate->proofs != NULL &&
           (hours == 0 || gate->past != NULL) && loop->desks.teller != NULL &&
           loop->signing.signatures.public_key(loop->signing.signatures.context, &gate->own_key,
                                               &loop->node->key);
}

static void free_gate(struct loop *loop, struct gate *gate)
{
    desk_teller_free(loop->desks.teller);
    loop->desks.teller = NULL;
    teller_free(gate->teller);
    views_free(gate->views);
    proofs_free(gate->proofs);
    past_free(gate->past);
    port_free(gate->port);
    free(gate);
}

bool gate_open(struct loop *loop)
{
    static struct gateway_options options;
    char problem[GATEWAY_PROBLEM_SIZE];
    if (loop->node->settings.clients.listen[0] == '\0') return true;
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL || !make_parts(loop, gate)) {
        complain("out of memory for the gateway");
        if (gate != NULL) free_gate(loop, gate);
        return false;
    }
    fill_options(&options, loop, gate, &loop->node->settings);
    if (!gateway_open(&gate->gateway, &options, gate->port, problem)) {
        complain("[clients] %s", problem);
        free_gate(loop, gate);
        return false;
    }
    loop->gate = gate;
    loop->gateway = gate->gateway;
    note("msg=clients port=%u", gateway_port(gate->gateway));
    return true;
}

bool gate_reload(struct loop *loop, const struct settings *settings)
{
    static struct gateway_options options;
    char problem[GATEWAY_PROBLEM_SIZE];
    if (loop->gate == NULL) return true;
    fill_options(&options, loop, loop->gate, settings);
    if (gateway_reload(loop->gate->gateway, &options, problem)) return true;
    complain("%s", problem);
    return false;
}

void gate_disk(const struct loop *loop, bool is_full)
{
    if (loop->gate != NULL) gateway_set_full(loop->gate->gateway, is_full);
}

bool gate_counters(const struct loop *loop, struct port_counters *counters)
{
    if (loop->gate == NULL) return false;
    *counters = port_counters(loop->gate->port);
    return true;
}

void gate_close(struct loop *loop)
{
    struct gate *gate = loop->gate;
    if (gate == NULL) return;
    gateway_close(gate->gateway);
    loop->gateway = NULL;
    loop->gate = NULL;
    free_gate(loop, gate);
}

void gate_begin_stop(struct loop *loop)
{
    if (loop->gate == NULL) return;
    say_state(loop, PORT_STOPPING);
    gateway_stop(loop->gate->gateway);
}

bool gate_has_stopped(const struct loop *loop)
{
    return loop->gate == NULL || gateway_stopped(loop->gate->gateway);
}
