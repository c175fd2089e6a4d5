/* The gateway's thread: its start, its turns, its end, and what other threads ask of it.
 *
 * A turn is: what the sockets brought, what the node told, the frames that the turn gathered, one
 * wake-up of the node's thread for all of them, and then all output. So a burst costs the node one
 * wake-up and each client few records, and frames of cancels, which are passed on at once, overtake
 * the others of their turn. */
#include "gateway/internal.h"

#include "cipher/chachapoly.h"
#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_KEPT 512u /* for the node's own: its log, its store, its links, its pages */

#define WORKERS_MOST 64u /* however many processors there are */

struct gateway_market *gateway_market(struct gateway *gateway, uint32_t market)
{
    for (uint32_t i = 0; i < gateway->markets_count; i++) {
        if (gateway->markets[i].head.market == market) return &gateway->markets[i];
    }
    return NULL;
}

void gateway_counters(const struct gateway *gateway, struct gateway_counters *counters)
{
    *counters = (struct gateway_counters){
#define X(field, type, help)                                                                       \
    .field = atomic_load_explicit(&gateway->counts.field, memory_order_relaxed),
        GATEWAY_COUNTER_TABLE(X)
#undef X
    };
    counters->handshakes_resumed = gateway_tickets_resumed(gateway->tickets);
}

uint16_t gateway_port(const struct gateway *gateway)
{
    return gateway->listen_port;
}

/* ---- The loop ---------------------------------------------------------------------------------
 */

static void on_tells(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    port_tells_wake(gateway->port);
    gateway->tells_wait = true;
}

static void on_soft(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    gateway_soft_woken(gateway->soft);
}

static void on_checked(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    gateway_checkers_heard(gateway->checkers);
}

static void on_past(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    gateway->now_us = monotonic_us();
    gateway_behind_take(gateway);
}

/* The turn that follows looks for room. */
static void on_hold(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what, (void)context;
}

static void count_soft(struct gateway *gateway)
{
    struct gateway_soft_counters soft;
    gateway_soft_counters(gateway->soft, &soft);
    gateway_set(&gateway->counts.soft_subscribers, soft.feeds.subscribers);
    gateway_set(&gateway->counts.soft_steps, soft.feeds.steps);
    gateway_set(&gateway->counts.soft_rounds, soft.rounds);
    gateway_set(&gateway->counts.soft_sent, soft.feeds.sent);
    gateway_set(&gateway->counts.soft_owed, soft.feeds.owed);
    gateway_set(&gateway->counts.soft_snapshots, soft.feeds.snapshots);
    gateway_set(&gateway->counts.soft_gaps, soft.feeds.gaps);
    gateway_set(&gateway->counts.soft_lost, soft.lost);
    gateway_set(&gateway->counts.soft_loads, soft.loads);
    gateway_set(&gateway->counts.soft_ends, soft.ends);
    gateway_set(&gateway->counts.soft_refused, soft.refused);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    struct gateway *gateway = context;
    gateway->now_us = monotonic_us();
    gateway->ticks++;
    gateway_connections_tick(gateway);
    if (gateway->is_told && gateway->wants_snapshot)
        gateway->wants_snapshot = !port_ask(gateway->port, PORT_SNAPSHOT, 0, NULL, 0);
    gateway_standbys_tick(gateway);
    gateway_listen_update(gateway);
    gateway_set(&gateway->counts.connections, gateway->connections_count);
    gateway_set(&gateway->counts.handshaking, gateway->handshaking);
    gateway_set(&gateway->counts.pending, gateway_pendings_count(gateway->pendings));
    gateway_set(&gateway->counts.out_bytes, gateway->out_bytes);
    gateway_set(&gateway->counts.signature_threads, gateway->workers_count);
    gateway_set(&gateway->counts.checking, gateway_checkers_count(gateway->checkers));
    count_soft(gateway);
    gateway_set(&gateway->counts.history_events, gateway_history_count(gateway->history));
    gateway_behind_tick(gateway);
}

/* The node stops: no more connections, standby frames under way, last words to everybody. */
static void drain(struct gateway *gateway)
{
    if (gateway->is_draining) return;
    gateway->is_draining = true;
    gateway->drain_us = monotonic_us() + (int64_t)gateway->limits.drain_ms * 1000;
    gateway_listen_update(gateway);
    for (uint32_t i = 0; i < gateway->slots_used; i++) {
        struct gateway_connection *connection = gateway->connections[i];
        if (connection == NULL) continue;
        if (connection->stage == GATEWAY_OPEN) {
            gateway_connection_close(connection, 0, WIRE_ERROR_STOPPING, NULL, GATEWAY_END_CUT);
        } else if (connection->stage == GATEWAY_HANDSHAKE) {
            gateway_connection_end(connection, GATEWAY_END_CUT);
        }
    }
}

static void on_asked(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct gateway *gateway = context;
    eventfd_t count;
    eventfd_read(fd, &count);
    pthread_mutex_lock(&gateway->asks.lock);
    bool has_identity = gateway->asks.has_identity, stop = gateway->asks.stop;
    const bool is_full = gateway->asks.is_full;
    struct gateway_identity *identity = gateway->asks.identity;
    if (has_identity) gateway->limits = gateway->asks.limits;
    if (has_identity && gateway->past != NULL)
        gateway_past_set_percent(gateway->past, (uint32_t)gateway->limits.past_percent);
    gateway->asks.has_identity = false;
    pthread_mutex_unlock(&gateway->asks.lock);
    if (has_identity) {
        gateway_identity_release(gateway->identity);
        gateway->identity = identity;
    }
    if (is_full != gateway->is_full) {
        gateway->now_us = monotonic_us();
        gateway->is_full = is_full;
        gateway_session_trouble(gateway);
    }
    if (stop) drain(gateway);
}

static bool is_drained(struct gateway *gateway)
{
    if (!gateway->is_draining) return false;
    bool is_empty = gateway->connections_count == 0 && gateway->standbys == NULL;
    return is_empty || monotonic_us() >= gateway->drain_us;
}

/* Whoever has just traded is likely to go on, and to wake this thread takes longer than to apply an
 * order. */
static bool is_spinning(struct gateway *gateway)
{
    if (gateway->now_us >= gateway->awake_us) return false;
    GATEWAY_COUNT(gateway, turns_spun);
    return true;
}

static void *run(void *context)
{
    struct gateway *gateway = context;
    bool more = true;
    while (!is_drained(gateway)) {
        event_base_loop(gateway->base, EVLOOP_ONCE | (more ? EVLOOP_NONBLOCK : 0));
        gateway_checkers_wake(gateway->checkers);
        gateway->now_us = monotonic_us();
        GATEWAY_COUNT(gateway, turns);
        if (gateway->tells_wait) gateway_tells_take(gateway);
        more = gateway_connections_turn(gateway) || gateway->tells_wait || is_spinning(gateway) ||
               !gateway_checkers_sleep(gateway->checkers);
    }
    atomic_store(&gateway->stopped, true);
    return NULL;
}

/* ---- Start and end ----------------------------------------------------------------------------
 */

static void free_gateway(struct gateway *gateway)
{
    gateway_handshakes_free(gateway->handshakes);
    gateway_checkers_free(gateway->checkers);
    gateway_past_free(gateway->past);
    if (gateway->connections != NULL) gateway_connections_free(gateway);
    gateway_standbys_free(gateway);
    gateway_hold_free(gateway);
    struct event *events[] = {gateway->listening, gateway->telling,   gateway->asking,
                              gateway->shaken,    gateway->checking,  gateway->holding,
                              gateway->ticking,   gateway->softening, gateway->passing};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (events[i] != NULL) event_free(events[i]);
    }
    if (gateway->base != NULL) event_base_free(gateway->base);
    if (gateway->listen_fd >= 0) close(gateway->listen_fd);
    if (gateway->asks.fd >= 0) close(gateway->asks.fd);
    if (gateway->asks.has_identity) gateway_identity_release(gateway->asks.identity);
    gateway_identity_release(gateway->identity);
    gateway_tickets_free(gateway->tickets);
    feed_free(gateway->feed);
    gateway_soft_free(gateway->soft);
    gateway_history_free(gateway->history);
    gateway_pendings_free(gateway->pendings);
    gateway_accounts_free(gateway->accounts);
    gateway_addresses_free(gateway->addresses);
    pthread_mutex_destroy(&gateway->asks.lock);
    free(gateway->connections);
    free(gateway->free_slots);
    free(gateway->in_arena.memory);
    free(gateway->out_arena.memory);
    free(gateway->out_room);
    free(gateway->spare_in);
    free(gateway->deferred_bytes);
    free(gateway->scratch);
    free(gateway);
}

static bool feed_out(void *context, uint32_t client, const uint8_t *bytes, size_t size, bool must)
{
    struct gateway *gateway = context;
    struct gateway_connection *connection = gateway->connections[client];
    TN_ASSERT(connection != NULL);
    if (connection->stage != GATEWAY_OPEN) return true; /* it is leaving: nobody is owed anything */
    const bool may = !connection->is_behind && gateway_connection_has_room(connection);
    bool taken = (must || may) && gateway_connection_send(connection, bytes, size, must);
    if (taken || must) return true;
    if (!connection->feed_waits) GATEWAY_COUNT(gateway, lagged);
    connection->feed_waits = true;
    GATEWAY_COUNT(gateway, feed_dropped);
    return false;
}

static void feed_later(void *context, uint32_t client)
{
    struct gateway *gateway = context;
    gateway_connection_ready(gateway->connections[client]);
}

static bool make_arena(struct wire_arena *arena, size_t size)
{
    void *memory = aligned_alloc(64, size);
    if (memory != NULL) wire_arena_init(arena, memory, size);
    return memory != NULL;
}

/* How many connections there are descriptors for: who connects takes none that the node needs. A
 * shell's usual limit is raised as far as that is allowed. */
static uint32_t places_for(uint32_t sessions)
{
    const rlim_t need = (rlim_t)sessions + DESCRIPTORS_KEPT;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need) return sessions;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= need) return sessions;
    rlim_t places = limit.rlim_cur > DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT : 1;
    return (uint32_t)places;
}

static bool make_memory(struct gateway *gateway)
{
    const struct gateway_limits *limits = &gateway->limits;
    uint32_t sessions = (uint32_t)limits->sessions_max;
    struct feed_options feed = gateway->options.feed;
    feed.send = feed_out;
    feed.later = feed_later;
    feed.pay_max = GATEWAY_PAY_MAX;
    feed.context = gateway;
    feed.subscribers_max = sessions;
    if (getentropy(&feed.hash_seed, sizeof feed.hash_seed) != 0) return false;
    gateway->connections = calloc(sessions, sizeof(struct gateway_connection *));
    gateway->free_slots = malloc(sessions * sizeof(uint32_t));
    gateway->addresses = gateway_addresses_make(sessions);
    gateway->accounts = gateway_accounts_make(sessions);
    gateway->history = gateway_history_make(limits->history_bytes);
    gateway->pendings = gateway_pendings_make((uint32_t)limits->pending_max, sessions);
    gateway->feed = feed_make(&feed);
    gateway->soft = gateway_soft_make(&feed, &gateway->options.direct);
    gateway->out_room = malloc(GATEWAY_OUT_ROOM);
    gateway->deferred_bytes = malloc(GATEWAY_DEFERRED_BYTES);
    gateway->scratch = malloc(sizeof *gateway->scratch);
    bool done = gateway->connections != NULL && gateway->free_slots != NULL &&
                gateway->addresses != NULL && gateway->accounts != NULL &&
                gateway->history != NULL && gateway->pendings != NULL && gateway->feed != NULL &&
                gateway->soft != NULL && gateway->out_room != NULL &&
                gateway->deferred_bytes != NULL && gateway->scratch != NULL &&
                make_arena(&gateway->in_arena, WIRE_TO_NODE_ARENA_BYTES) &&
                make_arena(&gateway->out_arena, WIRE_FROM_NODE_ARENA_BYTES);
    const uint32_t places = places_for(sessions);
    for (uint32_t i = 0; done && i < places; i++)
        gateway->free_slots[i] = places - 1 - i;
    gateway->free_count = done ? places : 0;
    return done;
}

static bool make_events(struct gateway *gateway)
{
    const struct timeval tick = {0, GATEWAY_TICK_MS * 1000};
    gateway->base = event_base_new();
    if (gateway->base == NULL) return false;
    gateway->telling = event_new(gateway->base, port_tells_fd(gateway->port), EV_READ | EV_PERSIST,
                                 on_tells, gateway);
    gateway->asking =
        event_new(gateway->base, gateway->asks.fd, EV_READ | EV_PERSIST, on_asked, gateway);
    gateway->shaken = event_new(gateway->base, gateway_handshakes_fd(gateway->handshakes),
                                EV_READ | EV_PERSIST, gateway_connections_shaken, gateway);
    gateway->checking = event_new(gateway->base, gateway_checkers_fd(gateway->checkers),
                                  EV_READ | EV_PERSIST, on_checked, gateway);
    gateway->holding = event_new(gateway->base, -1, 0, on_hold, gateway);
    gateway->ticking = event_new(gateway->base, -1, EV_PERSIST, on_tick, gateway);
    gateway->listening = event_new(gateway->base, gateway->listen_fd, EV_READ | EV_PERSIST,
                                   gateway_listen_take, gateway);
    const struct port *soft = gateway->options.direct.soft;
    if (soft != NULL) {
        gateway->softening =
            event_new(gateway->base, port_tells_fd(soft), EV_READ | EV_PERSIST, on_soft, gateway);
        if (gateway->softening == NULL || event_add(gateway->softening, NULL) != 0) return false;
    }
    if (gateway->past != NULL) {
        gateway->passing = event_new(gateway->base, gateway_past_fd(gateway->past),
                                     EV_READ | EV_PERSIST, on_past, gateway);
        if (gateway->passing == NULL || event_add(gateway->passing, NULL) != 0) return false;
    }
    bool done = gateway->telling != NULL && gateway->asking != NULL && gateway->shaken != NULL &&
                gateway->checking != NULL && gateway->holding != NULL && gateway->ticking != NULL &&
                gateway->listening != NULL;
    return done && event_add(gateway->telling, NULL) == 0 &&
           event_add(gateway->asking, NULL) == 0 && event_add(gateway->shaken, NULL) == 0 &&
           event_add(gateway->checking, NULL) == 0 && event_add(gateway->ticking, &tick) == 0;
}

static bool fail(char problem[GATEWAY_PROBLEM_SIZE], const char *what)
{
    snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot %s for clients: %s", what, strerror(errno));
    return false;
}

static uint32_t workers_wanted(const struct gateway_limits *limits)
{
    uint32_t count = (uint32_t)limits->signature_threads;
    if (count == 0) count = gateway_checkers_workers();
    return count > WORKERS_MOST ? WORKERS_MOST : count;
}

static bool make_parts(struct gateway *gateway, char problem[GATEWAY_PROBLEM_SIZE])
{
    (void)chachapoly_serves_tls(); /* or mbedTLS itself does */
    uint32_t threads = (uint32_t)gateway->limits.handshake_threads;
    gateway->asks.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (gateway->asks.fd < 0) return fail(problem, "make a descriptor");
    gateway->tickets = gateway_tickets_make(problem);
    if (gateway->tickets == NULL) return false;
    gateway->identity =
        gateway_identity_load(gateway->options.identity, threads, gateway->tickets, problem);
    if (gateway->identity == NULL) return false;
    if (!gateway_listen_open(gateway, problem)) return false;
    gateway->handshakes = gateway_handshakes_make(threads);
    if (gateway->handshakes == NULL) return fail(problem, "start the threads of handshakes");
    gateway->workers_count = workers_wanted(&gateway->limits);
    gateway->checkers = gateway_checkers_make(gateway->options.signatures,
                                              gateway->options.chain_id, gateway->workers_count);
    if (gateway->checkers == NULL) return fail(problem, "start the threads that check signatures");
    if (gateway->options.past.read != NULL) {
        gateway->past =
            gateway_past_make(&gateway->options.past, (uint32_t)gateway->limits.sessions_max,
                              (uint32_t)gateway->limits.past_percent);
        if (gateway->past == NULL) return fail(problem, "start the thread that reads the store");
    }
    errno = ENOMEM;
    if (!make_memory(gateway)) return fail(problem, "take the memory of the gateway");
    if (!make_events(gateway)) return fail(problem, "make the event loop");
    gateway->has_thread = pthread_create(&gateway->thread, NULL, run, gateway) == 0;
    return gateway->has_thread || fail(problem, "start the thread");
}

bool gateway_open(struct gateway **out, const struct gateway_options *options, struct port *port,
                  char problem[GATEWAY_PROBLEM_SIZE])
{
    if (!gateway_limits_check(&options->limits, problem)) return false;
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL) return fail(problem, "take the memory of the gateway");
    TN_ASSERT(options->bounds_count <= GATEWAY_BOUNDS_MAX);
    gateway->options = *options;
    gateway->limits = options->limits;
    gateway->port = port;
    gateway->listen_fd = gateway->asks.fd = -1;
    gateway->state = PORT_SYNCING;
    gateway->guest_us = GATEWAY_GUEST_MOST_US;
    gateway->guest_at_us = monotonic_us();
    gateway->tells_wait = gateway->history_unbegun = gateway->wants_snapshot = true;
    gateway->markets_count = options->feed.markets_count;
    for (uint32_t i = 0; i < gateway->markets_count; i++)
        gateway->markets[i] = (struct gateway_market){
            .head = {.market = options->feed.markets[i].market}, .lapse_above = UINT64_MAX};
    pthread_mutex_init(&gateway->asks.lock, NULL);
    /* Signals are for the thread that called. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool done = make_parts(gateway, problem);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!done) {
        free_gateway(gateway);
        return false;
    }
    *out = gateway;
    return true;
}

bool gateway_reload(struct gateway *gateway, const struct gateway_options *options,
                    char problem[GATEWAY_PROBLEM_SIZE])
{
    const struct gateway_limits *begun = &gateway->options.limits;
    struct gateway_limits limits = options->limits;
    limits.sessions_max = begun->sessions_max;
    limits.handshake_threads = begun->handshake_threads;
    limits.signature_threads = begun->signature_threads;
    limits.pending_max = begun->pending_max;
    limits.history_bytes = begun->history_bytes;
    if (!gateway_limits_check(&limits, problem)) return false;
    struct gateway_identity *identity = gateway_identity_load(
        options->identity, (uint32_t)limits.handshake_threads, gateway->tickets, problem);
    if (identity == NULL) return false;
    pthread_mutex_lock(&gateway->asks.lock);
    struct gateway_identity *unused = gateway->asks.has_identity ? gateway->asks.identity : NULL;
    gateway->asks.identity = identity;
    gateway->asks.limits = limits;
    gateway->asks.has_identity = true;
    pthread_mutex_unlock(&gateway->asks.lock);
    gateway_identity_release(unused);
    eventfd_write(gateway->asks.fd, 1);
    return true;
}

void gateway_stop(struct gateway *gateway)
{
    pthread_mutex_lock(&gateway->asks.lock);
    gateway->asks.stop = true;
    pthread_mutex_unlock(&gateway->asks.lock);
    eventfd_write(gateway->asks.fd, 1);
}

void gateway_set_full(struct gateway *gateway, bool is_full)
{
    pthread_mutex_lock(&gateway->asks.lock);
    gateway->asks.is_full = is_full;
    pthread_mutex_unlock(&gateway->asks.lock);
    eventfd_write(gateway->asks.fd, 1);
}

bool gateway_stopped(const struct gateway *gateway)
{
    return atomic_load(&gateway->stopped);
}

void gateway_close(struct gateway *gateway)
{
    if (gateway == NULL) return;
    gateway_stop(gateway);
    pthread_join(gateway->thread, NULL);
    free_gateway(gateway);
}
