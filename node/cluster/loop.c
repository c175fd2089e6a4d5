/* loop: the turn of a node.
 *
 * Messages that the member sends are kept until the log is durable, then go to the links, all of a
 * turn at once. The log is synced when one of them binds (tn_peer_binds), else only now and then: a
 * turn that took a few votes costs no sync. Certificates alone wait a little for something to leave
 * with. What is final is told to clients after the sync, for the own vote may be part of it: also
 * when no message binds, as in a set of one. Soft answers promise nothing and go before. What is
 * final is executed when the votes of the turn have left: others wait for those. A peer
 * whose queue is full loses the message: every core sends again what it still needs. */
#include "cluster/loop_internal.h"
#include "cluster/operate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- A turn ------------------------------------------------------------------------------------
 */

static void read_clock(struct loop *loop)
{
    loop->clock.now_us = clock_us(CLOCK_MONOTONIC);
    loop->clock.unix_ms = clock_us(CLOCK_REALTIME) / 1000;
}

static void take_up(struct loop *loop, uint16_t peer)
{
    note("msg=peer_up peer=%u", peer);
    if (loop->syncing != NULL) {
        sync_client_peer_up(syncing_client(loop->syncing), peer);
    } else {
        tn_member_peer_up(loop->member, peer, &loop->clock);
    }
}

/* Is the peer within its rates? A message that no peer sends is for the member to refuse. */
static bool is_within_rates(struct loop *loop, const struct link_event *event)
{
    if (event->peer >= TN_PEERS_MAX) return true;
    if (tn_peer_meter_take(&loop->meters[event->peer], event->bytes, event->size,
                           loop->clock.now_us) != TN_PEER_METER_OVER) {
        return true;
    }
    if (loop->over_rate++ == 0) {
        note("msg=over_rate peer=%u kind=%u why=\"more than any node sends: dropped and counted\"",
             event->peer, event->bytes[0]);
    }
    return false;
}

static void take_message(struct loop *loop, const struct link_event *event)
{
    const uint8_t kind = event->bytes[0];
    const bool is_answer = kind == TN_PEER_SYNC_DATA || kind == TN_PEER_SYNC_STATUS;
    if (loop->syncing != NULL) {
        if (!is_answer) return;
        sync_client_message(syncing_client(loop->syncing), event->peer, event->bytes, event->size,
                            loop->clock.now_us);
    } else if (kind == TN_PEER_SYNC_FETCH) {
        if (!sync_server_take(loop->server, event->peer, event->bytes, event->size)) {
            note("msg=ban number=%u why=\"a malformed question for state\"", event->peer);
        }
    } else if (kind == TN_PEER_FRAME) {
        forwarded_take(loop->forwarded, event->peer, event->bytes, event->size, loop->clock.now_us);
    } else if (!is_answer) { /* an answer that comes late is of no use */
        tn_member_message(loop->member, event->peer, event->bytes, event->size, &loop->clock);
    }
}

static bool has_new_set(const struct loop *loop)
{
    if (loop->syncing != NULL) return false; /* there is no member */
    return tn_sequencer_set(tn_member_sequencer(loop->member))->epoch != loop->epoch;
}

static void take_links(struct loop *loop)
{
    struct link_event event;
    for (uint32_t i = 0; i < EVENTS_A_TURN; i++) {
        link_poll(loop->link, &event, 0);
        switch (event.kind) {
            case LINK_NOTHING: return;
            case LINK_UP: take_up(loop, event.peer); break;
            case LINK_DOWN:
                note("msg=peer_down peer=%u why=\"%s\"", event.peer,
                     link_reason_text(event.reason));
                if (loop->syncing != NULL) {
                    sync_client_peer_down(syncing_client(loop->syncing), event.peer);
                }
                break;
            case LINK_MESSAGE:
                if (is_within_rates(loop, &event)) take_message(loop, &event);
                break;
        }
        if (has_new_set(loop))
            return; /* who peer 2 is may have changed: the rest is for the next turn */
    }
}

static void send_all(struct loop *loop)
{
    struct outgoing *outgoing = &loop->outgoing;
    for (size_t at = 0; at < outgoing->size;) {
        const uint8_t *head = outgoing->bytes + at;
        uint16_t to = (uint16_t)tn_get_be(head, 2);
        size_t size = (size_t)tn_get_be(head + 4, 4);
        enum link_sent sent =
            link_send(loop->link, to, (enum tn_priority)head[2], head + OUTGOING_HEAD, size);
        if (sent == LINK_FULL) loop->sent_full++;
        at += OUTGOING_HEAD + size;
    }
    outgoing->size = 0;
    outgoing->binds = outgoing->has_others = false;
    outgoing->since_us = 0;
    link_flush(loop->link);
}

/* Until when what waits may wait: certificates for company, records for a sync. */
static int64_t latest_us(const struct outgoing *outgoing)
{
    int64_t latest = INT64_MAX;
    if (outgoing->size > 0) latest = outgoing->since_us + CERTS_WAIT_US;
    if (outgoing->recorded_us > 0 && outgoing->recorded_us + SYNC_LATEST_US < latest) {
        latest = outgoing->recorded_us + SYNC_LATEST_US;
    }
    return latest;
}

/* Syncs when something must not leave before, then lets leave what may. */
static enum keeper_answer speak(struct loop *loop)
{
    struct outgoing *outgoing = &loop->outgoing;
    const int64_t now_us = loop->clock.now_us;
    const bool is_late =
        outgoing->recorded_us > 0 && now_us - outgoing->recorded_us >= SYNC_LATEST_US;
    if (!outgoing->has_final) {
        clients_flush(loop->clients);
        gate_flush(loop);
    }
    if (outgoing->binds || is_late || (outgoing->has_final && outgoing->has_promise)) {
        enum keeper_answer synced = keeper_sync(loop->keeper);
        if (synced != KEEPER_DONE) return synced;
        outgoing->recorded_us = 0;
        outgoing->has_promise = false;
    }
    clients_flush(loop->clients);
    gate_flush(loop);
    outgoing->has_final = false;
    if (outgoing->size == 0) return KEEPER_DONE;
    if (outgoing->has_others || now_us - outgoing->since_us >= CERTS_WAIT_US) send_all(loop);
    return KEEPER_DONE;
}

static int64_t next_timeout(const struct loop *loop)
{
    if (loop->syncing != NULL) return sync_client_timeout(syncing_client(loop->syncing));
    int64_t member_us = tn_member_timeout(loop->member);
    int64_t server_us = sync_server_timeout(loop->server);
    return member_us < server_us ? member_us : server_us;
}

static void wait_for_work(struct loop *loop)
{
    struct pollfd polls[CLIENTS_MAX + 3];
    int64_t wait_us = next_timeout(loop) - clock_us(CLOCK_MONOTONIC);
    int64_t link_us = link_wait_ms(loop->link) * 1000;
    if (latest_us(&loop->outgoing) - clock_us(CLOCK_MONOTONIC) < wait_us) {
        wait_us = latest_us(&loop->outgoing) - clock_us(CLOCK_MONOTONIC);
    }
    int64_t gate_us = gate_wait_us(loop);
    if (link_us < wait_us) wait_us = link_us;
    if (gate_us < wait_us) wait_us = gate_us;
    if (clients_have_requests(loop->clients) || wait_us < 0) wait_us = 0;
    if (forwarded_counters(loop->forwarded)->held > 0 && wait_us > FORWARDED_LOOK_US)
        wait_us = FORWARDED_LOOK_US;
    if (wait_us > WAIT_MOST_US || loop->is_full) wait_us = WAIT_MOST_US;
    polls[0] = (struct pollfd){.fd = link_fd(loop->link), .events = POLLIN};
    polls[1] = (struct pollfd){.fd = gate_fd(loop), .events = POLLIN};
    uint32_t count = clients_poll(loop->clients, polls + 2);
    const struct timespec wait = {.tv_sec = 0, .tv_nsec = (long)wait_us * 1000};
    if (ppoll(polls, count + 2, &wait, NULL) > 0) {
        if (polls[1].revents != 0) gate_woken(loop);
        clients_receive(loop->clients, polls + 2, count);
    }
}

static void follow_disk(struct loop *loop, enum keeper_answer answer)
{
    bool is_full = answer == KEEPER_FULL;
    if (is_full != loop->is_full) {
        note("msg=%s why=\"%s\"", is_full ? "full" : "room",
             is_full ? "the disk is full: this node is silent until there is room"
                     : "the disk has room again");
        /* Nor does the gateway's thread answer for it. */
        loop_direct_follow(loop, is_full ? NULL : loop->member);
        gate_disk(loop, is_full);
    }
    loop->is_full = is_full;
    if (answer == KEEPER_FAILED) loop->failed = true;
}

/* Nothing is taken while the disk is full, so nothing waits in memory but this turn's. Others wait
 * for this turn's votes: they leave before the member's turn executes what is final. */
static enum keeper_answer take_input(struct loop *loop)
{
    forwarded_turn(loop->forwarded, loop->clock.now_us);
    take_links(loop);
    loop_take_clients(loop);
    gate_take(loop);
    if (loop->outgoing.binds && tn_sequencer_delivers(tn_member_sequencer(loop->member))) {
        enum keeper_answer synced = speak(loop);
        if (synced != KEEPER_DONE) return synced;
    }
    if (loop->is_stopping) {
        tn_member_retire(loop->member, &loop->clock);
    } else {
        tn_member_turn(loop->member, &loop->clock);
    }
    return KEEPER_DONE;
}

static void take_turn(struct loop *loop)
{
    wait_for_work(loop);
    read_clock(loop);
    enum keeper_answer synced = loop->is_full ? KEEPER_DONE : take_input(loop);
    if (synced == KEEPER_DONE) synced = speak(loop);
    enum keeper_answer tended = keeper_tend(loop->keeper, loop->member);
    follow_disk(loop, synced == KEEPER_FAILED ? synced : tended);
    sync_server_turn(loop->server, loop->clock.now_us);
    link_flush(loop->link);
    if (has_new_set(loop)) { /* answers would go to others */
        forwarded_drop(loop->forwarded);
        if (!loop_set_peers(loop)) loop->failed = true;
    }
    operate_turn(loop);
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static bool make_member(struct loop *loop)
{
    static struct tn_member_config config;
    tn_member_limits_default(&config.limits, &loop->set->limits, TN_PEERS_MAX);
    config.limits.may_lead = !loop->options.follow;
    if (loop->options.behind_blocks > 0) {
        config.limits.sequencer.behind_max = (uint32_t)loop->options.behind_blocks;
    }
    if (loop->sync_limit.usual == 0) {
        sync_limit_init(&loop->sync_limit, config.limits.sequencer.behind_max);
    }
    config.limits.sequencer.behind_max = loop->sync_limit.blocks;
    config.genesis = (struct tn_chain_genesis){.registry = loop->set->registry,
                                               .commands = loop->set->commands,
                                               .commands_count = loop->set->commands_count,
                                               .time_ms = loop->set->time_ms};
    config.signatures = &loop->signing.signatures;
    config.key = loop->node->key;
    config.is_validator = true;
    loop_fill_out(&config.out, loop);
    loop->member_size = tn_member_size(&config.limits);
    if (loop->member_size == 0) {
        complain("a limit in %s is out of its range", loop->options.home);
        return false;
    }
    loop->member_memory = memory_take(loop->member_size);
    if (loop->member_memory == NULL) return false;
    if (loop->node->settings.node.huge_pages &&
        !memory_widen(loop->member_memory, loop->member_size)) {
        note("msg=no_huge_pages why=\"the system gives none: %s\"", strerror(errno));
    }
    loop->member = tn_member_init(loop->member_memory, &config);
    if (loop->member == NULL) {
        complain("the registry refuses set.conf: keys, weights or counts");
        return false;
    }
    if (loop->hands == NULL) loop->hands = hands_open(hands_threads());
    if (loop->hands == NULL) {
        complain("no threads for the chain's hashing: %s", strerror(errno));
        return false;
    }
    const struct tn_hands hands = hands_of(loop->hands);
    tn_chain_lend_hands(tn_member_chain(loop->member), &hands);
    return true;
}

/* ---- The server of state sync ------------------------------------------------------------------
 */

static bool serve_cert(void *context, const uint8_t **bytes, size_t *size, uint64_t height)
{
    return keeper_find_certificate(((struct loop *)context)->keeper, bytes, size, height);
}

static bool serve_epoch(void *context, struct sync_epoch *epoch, uint64_t number)
{
    return keeper_find_epoch(((struct loop *)context)->keeper, epoch, number);
}

/* What is served is durable: it need not wait for the log. */
static bool serve_send(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    return link_send(((struct loop *)context)->link, to, tn_peer_priority(bytes[0]), bytes, size) !=
           LINK_FULL;
}

static bool make_server(struct loop *loop)
{
    const struct sync_server_config config = {.store = keeper_store(loop->keeper),
                                              .bytes_a_second = SYNC_BYTES_A_SECOND,
                                              .view_seconds = SYNC_VIEW_SECONDS,
                                              .context = loop,
                                              .cert = serve_cert,
                                              .epoch = serve_epoch,
                                              .send = serve_send};
    loop->server = sync_server_make(&config);
    return loop->server != NULL;
}

/* ---- Life, continued ---------------------------------------------------------------------------
 */

/* What the home holds, into a member that was just made. */
static bool start_member(struct loop *loop, struct keeper_found *found, int *end)
{
    const struct keeper_options options = {.home = loop->options.home,
                                           .limits = &loop->set->limits,
                                           .checkpoint_blocks = loop->options.checkpoint_blocks,
                                           .segment_bytes = loop->options.segment_bytes,
                                           .stream_hours =
                                               (uint32_t)loop->node->settings.store.stream_hours,
                                           .archive = loop->options.archive};
    loop->keeper = keeper_open(end, &options);
    if (loop->keeper == NULL) return false;
    gate_member_made(loop);
    loop->is_restoring = true;
    bool is_restored = keeper_restore(loop->keeper, found, loop->member, end);
    loop->is_restoring = loop->is_behind = false;
    if (!is_restored) return false;
    *end = END_FAILED;
    if (!make_server(loop)) return false;
    read_clock(loop);
    tn_member_start(loop->member, &loop->clock);
    gate_member_started(loop);
    return true;
}

static void say_ready(const struct loop *loop, const struct keeper_found *found)
{
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    note("msg=ready height=%llu root=%s checkpoint=%llu records=%llu torn_bytes=%llu port=%u",
         (unsigned long long)heads->height, hash_text(&heads->root),
         (unsigned long long)found->height, (unsigned long long)found->records_count,
         (unsigned long long)found->torn_bytes, link_nng_port(loop->link));
}

static bool start(struct loop *loop, int *end)
{
    struct keeper_found found;
    if (!sync_store_tidy(loop->options.home) || !gate_open(loop)) return false;
    if (!start_member(loop, &found, end)) return false;
    loop->clients = clients_open(loop->node->settings.clients.socket);
    if (loop->clients == NULL || !loop_open_link(loop)) return false;
    say_ready(loop, &found);
    return true;
}

static void lay_down_member(struct loop *loop)
{
    gate_member_ends(loop);
    if (loop->forwarded != NULL) forwarded_drop(loop->forwarded);
    sync_server_free(loop->server);
    if (loop->keeper != NULL) keeper_close(loop->keeper);
    memory_give(loop->member_memory, loop->member_size);
    loop->server = NULL;
    loop->keeper = NULL;
    loop->member = NULL;
    loop->member_memory = NULL;
    loop->outgoing.size = 0;
    loop->outgoing.binds = loop->outgoing.has_others = loop->outgoing.has_final = false;
    loop->outgoing.has_promise = false;
    loop->outgoing.since_us = loop->outgoing.recorded_us = 0;
}

static void stop(struct loop *loop)
{
    operate_close(loop); /* the first: its pages show the rest */
    if (loop->link != NULL) link_close(loop->link);
    if (loop->clients != NULL) clients_close(loop->clients, loop->node->settings.clients.socket);
    gate_close(loop);
    lay_down_member(loop);
    syncing_free(loop->syncing);
    forwarded_free(loop->forwarded);
    hands_close(loop->hands);
    free(loop->outgoing.bytes);
    signing_close(&loop->signing);
    free(loop->set);
}

/* ---- State sync --------------------------------------------------------------------------------
 */

static void sync_send(void *context, uint16_t to, const uint8_t *bytes, size_t size)
{
    struct loop *loop = context;
    enum link_sent sent = link_send(loop->link, to, tn_peer_priority(bytes[0]), bytes, size);
    if (sent == LINK_FULL) loop->sent_full++;
}

static bool is_up(const struct loop *loop, uint16_t peer)
{
    struct link_peer_statistics statistics;
    return link_peer_statistics(loop->link, &statistics, peer) && statistics.up;
}

static uint64_t height_of(const struct loop *loop)
{
    return tn_chain_heads(tn_member_chain(loop->member))->height;
}

/* The member ends between two turns, when all that it recorded is durable: its log stays, and the
 * votes in it. */
static void begin_sync(struct loop *loop)
{
    if (keeper_sync(loop->keeper) != KEEPER_DONE) return; /* the next turn says why */
    const struct tn_validators set = *tn_sequencer_set(tn_member_sequencer(loop->member));
    const uint64_t height = height_of(loop);
    const struct syncing_config config = {.home = loop->options.home,
                                          .limits = &loop->set->limits,
                                          .signatures = &loop->signing.signatures,
                                          .set = &set,
                                          .above = height,
                                          .log_position = keeper_log_position(loop->keeper),
                                          .patience_us =
                                              sync_blocks_patience_us(&loop->sync_blocks, height),
                                          .context = loop,
                                          .send = sync_send};
    note("msg=sync_begins height=%llu epoch=%llu", (unsigned long long)config.above,
         (unsigned long long)set.epoch);
    sync_limit_behind(&loop->sync_limit, config.above);
    lay_down_member(loop);
    loop->syncing = syncing_make(&config, loop->clock.now_us);
    loop->failed = loop->syncing == NULL;
    for (uint16_t i = 0; i < TN_PEERS_MAX && !loop->failed; i++) {
        if (is_up(loop, i)) sync_client_peer_up(syncing_client(loop->syncing), i);
    }
}

/* As at a start, but for the links, which are there. */
static bool go_on(struct loop *loop)
{
    struct keeper_found found;
    int end;
    syncing_free(loop->syncing);
    loop->syncing = NULL;
    if (!make_member(loop) || !start_member(loop, &found, &end) || !loop_set_peers(loop))
        return false;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        if (is_up(loop, i)) tn_member_peer_up(loop->member, i, &loop->clock);
    }
    say_ready(loop, &found);
    return true;
}

/* Nobody can give the state: what the home has goes on by blocks. */
static bool give_up_sync(struct loop *loop)
{
    const uint64_t height = syncing_above(loop->syncing);
    note(
        "msg=sync_ends height=%llu goal=%llu why=\"no peer has a state to give: blocks are fetched "
        "one by one\"",
        (unsigned long long)height, (unsigned long long)loop->sync_blocks.goal);
    sync_limit_reach(&loop->sync_limit, height, loop->sync_blocks.goal);
    if (!go_on(loop)) return false;
    sync_blocks_try(&loop->sync_blocks, height_of(loop), loop->clock.now_us);
    return true;
}

/* The records into a new member; when they are what the set certified, it goes on from there. */
static bool end_sync(struct loop *loop)
{
    if (!make_member(loop)) return false;
    enum syncing_load load =
        syncing_load(loop->syncing, tn_member_chain(loop->member), loop->clock.now_us);
    lay_down_member(loop);
    if (load != SYNCING_LOADED) return load == SYNCING_WRONG;
    sync_limit_taken(&loop->sync_limit,
                     sync_client_checkpoint(syncing_client(loop->syncing))->height);
    sync_blocks_done(&loop->sync_blocks);
    return go_on(loop);
}

/* After a turn: is the member of no use until the node has the state? */
static bool must_sync(struct loop *loop)
{
    if (loop->failed || loop->is_full) return false;
    if (loop->is_behind) return true;
    if (!sync_blocks_fail(&loop->sync_blocks, height_of(loop), loop->clock.now_us)) return false;
    note("msg=sync_again height=%llu goal=%llu why=\"no peer sends the next block: the state is "
         "asked "
         "for again\"",
         (unsigned long long)height_of(loop), (unsigned long long)loop->sync_blocks.goal);
    loop->is_behind = true; /* begin_sync may have to wait for the disk */
    return true;
}

static void take_sync_turn(struct loop *loop)
{
    wait_for_work(loop);
    read_clock(loop);
    take_links(loop);
    loop_take_clients(loop);
    gate_take(loop);
    clients_flush(loop->clients);
    gate_flush(loop);
    enum syncing_answer state = syncing_turn(loop->syncing, loop->clock.now_us);
    link_flush(loop->link);
    operate_turn(loop);
    switch (state) {
        case SYNCING_ON: return;
        case SYNCING_WHOLE: loop->failed = !end_sync(loop); return;
        case SYNCING_VAIN: loop->failed = !give_up_sync(loop); return;
        case SYNCING_FAILED: loop->failed = true; return;
    }
}

/* Two nodes with one key are one that lies. */
static bool is_alone(const struct loop *loop)
{
    struct tn_public_key own;
    const struct tn_signatures *real = &loop->signing.signatures;
    if (!real->public_key(real->context, &own, &loop->node->key)) {
        complain("the key in %s is none", loop->node->settings.node.key);
        return false;
    }
    for (uint32_t i = 0; i < loop->node->settings.peers_count; i++) {
        if (!tn_public_key_equal(&own, &loop->node->settings.peers[i].key)) continue;
        complain("%s/tenord.toml: a peer has this node's own vote key; a key may never run twice: "
                 "give each node its own",
                 loop->options.home);
        return false;
    }
    return true;
}

static bool prepare(struct loop *loop, int *end)
{
    loop->node = loop->options.node;
    loop->set = calloc(1, sizeof *loop->set);
    *end = END_FAILED;
    if (loop->set == NULL || !loop_make_forwarded(loop)) {
        complain("out of memory");
        return false;
    }
    if (!signing_open(&loop->signing, (uint32_t)loop->node->settings.node.key_tables)) return false;
    *end = END_REFUSED;
    bool is_good = set_conf_read(loop->set, loop->options.home, &loop->signing.signatures) &&
                   is_alone(loop) && make_member(loop);
    if (is_good) *end = END_FAILED; /* what comes then, a port in use, no file is to blame for */
    return is_good;
}

/* An orderly end leaves a checkpoint, unless it came in the middle of a state sync. */
static void say_stopped(struct loop *loop, int *end)
{
    uint64_t height = 0;
    if (loop->member != NULL) {
        sync_server_free(loop->server);
        loop->server = NULL;
        height = tn_chain_heads(tn_member_chain(loop->member))->height;
        if (!loop->failed && keeper_flush(loop->keeper, loop->member) == KEEPER_FAILED) {
            *end = END_FAILED;
        }
    }
    note("msg=stopped height=%llu", (unsigned long long)height);
}

/* Lets the gateway's clients say their last, then hands its markets over: what it answered becomes
 * final, and the next candidates lead. */
static void wind_down(struct loop *loop)
{
    int64_t until_us = clock_us(CLOCK_MONOTONIC) + GATE_DOWN_US;
    gate_begin_stop(loop);
    while (loop->syncing == NULL && !loop->failed && !loop->is_full && !gate_has_stopped(loop) &&
           clock_us(CLOCK_MONOTONIC) < until_us)
        take_turn(loop);
    until_us = clock_us(CLOCK_MONOTONIC) + WIND_DOWN_US;
    loop->is_stopping = true;
    while (loop->syncing == NULL && !loop->failed && !loop->is_full &&
           !tn_member_is_retired(loop->member) && clock_us(CLOCK_MONOTONIC) < until_us)
        take_turn(loop);
}

int loop_run(const struct loop_options *options)
{
    struct loop loop = {.options = *options};
    int end = END_FAILED;
    loop_direct_init(&loop);
    sync_blocks_init(&loop.sync_blocks, options->sync_patience_us);
    bool is_started = prepare(&loop, &end) && operate_open(&loop) && start(&loop, &end);
    if (is_started) {
        operate_started(&loop);
        while (!*options->stop && !loop.failed) {
            if (loop.syncing != NULL) {
                take_sync_turn(&loop);
                continue;
            }
            take_turn(&loop);
            if (must_sync(&loop)) begin_sync(&loop);
        }
        operate_stopping(&loop);
        wind_down(&loop);
        end = loop.failed ? END_FAILED : END_GOOD;
        say_stopped(&loop, &end);
    }
    stop(&loop);
    loop_direct_free(&loop);
    return end;
}
