/* The nng link: one thread polls, nng's threads only move bytes.
 *
 * link_poll does everything: it tells what waits to be told, takes connections that came in or went
 * out, reads what arrived, and once a tick looks at the clock. Nothing here blocks but the wait at
 * its end, for an eventfd that nng's callbacks write. */
#include "link/node.h"

#include "clock.h"
#include "link/certificate.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BURST_VOTES  16 /* messages from one connection before the next has its turn */
#define BURST_BULK   4
#define POLLS_A_LOOK 32
#define AWAY_US      200000

void link_random_bytes(uint8_t *bytes, size_t size)
{
    TN_ASSERT(size <= 256); /* then it is never cut short */
    ssize_t count;
    do {
        count = getrandom(bytes, size, 0);
    } while (count < 0 && errno == EINTR);
    TN_ASSERT(count == (ssize_t)size);
}

void link_say(struct link_nng *link, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(link->problem, sizeof link->problem, format, arguments);
    va_end(arguments);
}

static void tick(struct link_nng *link, int64_t now_us)
{
    if (now_us < link->tick_us) return;
    link->tick_us = now_us + TICK_US;
    listener_tick(link);
    for (uint32_t i = link->connections_count; i-- > 0;) {
        /* One that fails may take its twin with it, and the list closes up. */
        if (i < link->connections_count) connection_tick(link->connections[i], now_us);
    }
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        if (link->peers[i] != NULL) dial_tick(link, link->peers[i], now_us);
    connection_reap(link, false);
    dial_reap(link, false);
}

/* A thread that did not poll for long cannot say that its peers were silent: that time is not
 * counted against them. */
static void forgive(struct link_nng *link, int64_t now_us)
{
    int64_t away_us = now_us - link->polled_us;
    link->polled_us = now_us;
    if (away_us < AWAY_US) return;
    for (uint32_t i = 0; i < link->connections_count; i++) {
        link->connections[i]->begun_us += away_us;
        link->connections[i]->heard_us += away_us;
        link->connections[i]->moved_us += away_us;
    }
}

/* One pass over all connections, from where the last one stopped. */
static enum connection_ran scan(struct link_nng *link, struct link_event *event)
{
    enum connection_ran all = CONNECTION_IDLE;
    for (uint32_t i = 0; i < link->connections_count; i++) {
        if (link->cursor >= link->connections_count) {
            link->cursor = 0;
            link->burst = 0;
        }
        struct connection *connection = link->connections[link->cursor];
        enum connection_ran ran = connection_run(connection, event);
        if (ran == CONNECTION_GONE) return ran;
        if (ran == CONNECTION_EVENT) {
            uint32_t burst = connection->class == LINK_VOTES ? BURST_VOTES : BURST_BULK;
            if (++link->burst < burst) return ran;
        }
        link->cursor++;
        link->burst = 0;
        if (ran == CONNECTION_EVENT) return ran;
        if (ran == CONNECTION_MORE) all = CONNECTION_MORE;
    }
    return all;
}

/* Everything that can be done now; true: *event is one. What the transport has to tell is asked for
 * before it is said that there is nothing, and now and then while there are events. */
static bool step(struct link_nng *link, struct link_event *event, int64_t now_us)
{
    bool is_fresh = link->polls++ % POLLS_A_LOOK == 0;
    for (;;) {
        if (is_fresh) link->transport->take(link);
        tick(link, now_us);
        if (atomic_exchange(&link->news, false)) {
            listener_take(link, now_us);
            dial_take(link);
        }
        if (peer_tell(link, event)) return true;
        switch (scan(link, event)) {
            case CONNECTION_EVENT: return true;
            case CONNECTION_IDLE:
                if (link->untold == 0 && is_fresh) {
                    link->polls = 0;
                    return false;
                }
                break;
            case CONNECTION_MORE:
            case CONNECTION_GONE: break;
        }
        is_fresh = true;
        now_us = monotonic_us();
    }
}

static void flush(struct link *base)
{
    struct link_nng *link = (struct link_nng *)base;
    if (!link->waits) return;
    link->waits = false;
    for (enum link_class class = 0; class < LINK_CLASSES; class ++) { /* all votes first */
        for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
            struct peer *peer = link->peers[i];
            if (peer == NULL || !peer->waits[class]) continue;
            peer->waits[class] = false;
            if (peer->connections[class] != NULL) connection_pump(peer->connections[class]);
        }
    }
}

static void poll_link(struct link *base, struct link_event *event, int64_t timeout_ms)
{
    struct link_nng *link = (struct link_nng *)base;
    int64_t now_us = monotonic_us();
    int64_t until_us = timeout_ms < 0 ? INT64_MAX : now_us + timeout_ms * 1000;
    forgive(link, now_us);
    flush(base);
    for (;;) {
        *event = (struct link_event){.kind = LINK_NOTHING};
        link->has_more = step(link, event, now_us);
        if (link->has_more) return;
        now_us = monotonic_us();
        link->polled_us = now_us;
        if (now_us >= until_us) return;
        int64_t wait_us = link->tick_us - now_us;
        if (wait_us > until_us - now_us) wait_us = until_us - now_us;
        struct pollfd ready = {.fd = link->transport->fd(link), .events = POLLIN};
        if (wait_us > 0) poll(&ready, 1, (int)(wait_us / 1000 + 1));
        now_us = monotonic_us();
        forgive(link, now_us);
    }
}

/* False: there is no room, or no memory for it. */
static bool enqueue(struct link_nng *link, struct peer *peer, enum queue_lane lane,
                    struct queue_message *message)
{
    if (!queue_has_room(&peer->queue, lane, message->size) ||
        !queue_push(&peer->queue, lane, message))
        return false;
    peer->waits[lane < QUEUE_PROPOSAL ? LINK_VOTES : LINK_BULK] = true;
    link->waits = true;
    return true;
}

static enum link_sent send_to(struct link_nng *link, struct peer *peer, enum tn_priority priority,
                              struct queue_message *message)
{
    if (!peer_can_send(peer)) {
        peer->statistics.refused_away[priority]++;
        return LINK_AWAY;
    }
    if (enqueue(link, peer, queue_lane(priority, message->size), message)) return LINK_SENT;
    peer->statistics.refused_full[priority]++;
    return LINK_FULL;
}

static enum link_sent send_link(struct link *base, uint16_t to, enum tn_priority priority,
                                const void *bytes, size_t size)
{
    struct link_nng *link = (struct link_nng *)base;
    bool is_one = to != TN_PEER_ALL;
    if (is_one && (to >= TN_PEERS_MAX || link->peers[to] == NULL)) return LINK_AWAY;
    struct queue_message *message = queue_message(bytes, size);
    if (message == NULL) {
        if (is_one) link->peers[to]->statistics.refused_full[priority]++;
        return LINK_FULL;
    }
    enum link_sent sent = LINK_SENT;
    if (is_one) {
        sent = send_to(link, link->peers[to], priority, message);
    } else {
        for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
            if (link->peers[i] != NULL) send_to(link, link->peers[i], priority, message);
    }
    queue_drop(message);
    return sent;
}

static size_t room(const struct link *base, uint16_t to, enum tn_priority priority)
{
    const struct link_nng *link = (const struct link_nng *)base;
    const struct peer *peer = to < TN_PEERS_MAX ? link->peers[to] : NULL;
    if (peer == NULL || !peer_can_send(peer)) return 0;
    enum queue_lane lane = queue_lane(priority, LINK_SMALL_BYTES_MAX + 1);
    uint64_t used = peer->queue.lanes[lane].bytes + QUEUE_ENTRY_BYTES;
    uint64_t bytes_max = peer->queue.lanes[lane].bytes_max;
    return used < bytes_max ? (size_t)(bytes_max - used) : 0;
}

static int fd(const struct link *base)
{
    const struct link_nng *link = (const struct link_nng *)base;
    return link->transport->fd(link);
}

static int64_t wait_ms(const struct link *base)
{
    const struct link_nng *link = (const struct link_nng *)base;
    if (link->has_more) return 0;
    int64_t left_us = link->tick_us - monotonic_us();
    return left_us <= 0 ? 0 : left_us / 1000 + 1;
}

static bool peer_statistics(const struct link *base, struct link_peer_statistics *statistics,
                            uint16_t id)
{
    const struct link_nng *link = (const struct link_nng *)base;
    const struct peer *peer = id < TN_PEERS_MAX ? link->peers[id] : NULL;
    if (peer == NULL) return false;
    *statistics = peer->statistics;
    statistics->up = peer_can_send(peer);
    statistics->queued_bytes = queue_bytes(&peer->queue);
    return true;
}

static void statistics(const struct link *base, struct link_statistics *statistics)
{
    struct link_nng *link = (struct link_nng *)base;
    *statistics = link->statistics;
    pthread_mutex_lock(&link->listener.mutex);
    statistics->accept_errors = link->listener.errors;
    pthread_mutex_unlock(&link->listener.mutex);
}

static void close_link(struct link *base)
{
    struct link_nng *link = (struct link_nng *)base;
    listener_close(link);
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        if (link->peers[i] != NULL) peer_free(link, link->peers[i]);
    while (link->connections_count > 0)
        connection_close(link->connections[0]);
    connection_reap(link, true);
    dial_reap(link, true);
    link->transport->close(link);
    stream_waker_close(&link->waker);
    pthread_mutex_destroy(&link->listener.mutex);
    free(link->certificate);
    if (link->private_key != NULL) explicit_bzero(link->private_key, strlen(link->private_key));
    free(link->private_key);
    free(link);
}

static const struct link_calls calls = {.poll = poll_link,
                                        .send = send_link,
                                        .flush = flush,
                                        .room = room,
                                        .fd = fd,
                                        .wait_ms = wait_ms,
                                        .peer_statistics = peer_statistics,
                                        .statistics = statistics,
                                        .close = close_link};

static void set_limits(struct link_nng *link, const struct link_nng_limits *limits)
{
    static const uint64_t queue_bytes_max[TN_PRIORITIES] = {1 << 20, 1 << 20, 12 << 20, 12 << 20,
                                                            12 << 20};
    struct link_nng_limits *all = &link->limits;
    *all = *limits;
    for (uint32_t i = 0; i < TN_PRIORITIES; i++)
        if (all->queue_bytes_max[i] == 0) all->queue_bytes_max[i] = queue_bytes_max[i];
    if (all->half_open_max == 0) all->half_open_max = 32;
    if (all->accepts_per_second == 0) all->accepts_per_second = 200;
    if (all->address_accepts_per_second == 0) all->address_accepts_per_second = 20;
    if (all->handshake_ms == 0) all->handshake_ms = 5000;
    if (all->ping_ms == 0) all->ping_ms = 1000;
    if (all->silent_ms == 0) all->silent_ms = 5000;
    if (all->retry_min_ms == 0) all->retry_min_ms = 50;
    if (all->retry_max_ms == 0) all->retry_max_ms = 3000;
    TN_ASSERT(all->half_open_max <= CONNECTIONS_MAX - 4 * TN_PEERS_MAX);
}

static bool open_parts(struct link_nng *link, const struct link_nng_options *options)
{
    link->certificate = strdup(options->certificate);
    link->private_key = strdup(options->private_key);
    if (link->certificate == NULL || link->private_key == NULL) {
        link_say(link, "no memory for a link");
        return false;
    }
    if (!certificate_fingerprint(&link->fingerprint, link->problem, link->certificate))
        return false;
    if (!link->transport->open(link)) return false;
    return options->listen == NULL || listener_open(link, options->listen);
}

bool link_nng_open(struct link **out, char problem[LINK_PROBLEM_SIZE],
                   const struct link_nng_options *options)
{
    struct link_nng *link = calloc(1, sizeof *link);
    *out = NULL;
    if (link == NULL) {
        snprintf(problem, LINK_PROBLEM_SIZE, "no memory for a link");
        return false;
    }
    link->link.calls = &calls;
    link->transport = options->uses_nng ? &link_transport_nng : &link_transport_socket;
    link->listener.fd = link->poll_fd = -1;
    link->chain_id = options->chain_id;
    link->key = options->key;
    link->keys = options->keys;
    link->random = options->entropy;
    if (link->random == 0) link_random_bytes((uint8_t *)&link->random, sizeof link->random);
    set_limits(link, &options->limits);
    pthread_mutex_init(&link->listener.mutex, NULL);
    atomic_init(&link->news, false);
    link->polled_us = monotonic_us();
    bool opened = stream_waker_open(&link->waker);
    if (!opened) link_say(link, "cannot make an eventfd: %s", strerror(errno));
    opened = opened && open_parts(link, options);
    memcpy(problem, link->problem, LINK_PROBLEM_SIZE);
    if (opened) {
        problem[0] = '\0';
        *out = &link->link;
    } else {
        close_link(&link->link);
    }
    return opened;
}
