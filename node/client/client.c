/* client: the life of a connection.
 *
 *     waits → TCP → TLS → Hello → logon → up → (lost) → waits → … the next node of the list
 *
 * A turn goes as far as it gets without waiting: it reads what has come, looks at the timers, sends
 * what is queued. Whatever goes wrong leaves its first reason in `why`; the end of the turn, and
 * nothing else, takes the connection down, so no message is handled on half of one. After a
 * connection that was up the next attempt comes at once, but for a jitter; after one that was not,
 * later each time, up to ten seconds. */
#include "client/internal.h"
#include "clock.h"

#include <mbedtls/platform_util.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEARTBEAT_MS = 10000,
    VALID_BLOCKS = 1000,
    SEND_BYTES = 1 << 20,
    IN_BYTES = WIRE_LENGTH_BYTES + WIRE_FROM_NODE_BYTES_MAX,
    TURN_BYTES_MAX = 4 << 20, /* that one turn reads */
    OPEN_MS_MAX = 15000,      /* from the first packet to being up */
    RETRY_LEAST_MS = 100,
    RETRY_MOST_MS = 10000,
};

void client_tell(struct tn_client *client, const struct tn_client_news *news)
{
    client->heard(client->context, news);
}

void client_fail(struct tn_client *client, const char *format, ...)
{
    if (client->why[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->why, sizeof client->why, format, arguments);
    va_end(arguments);
}

/* ---- Making ------------------------------------------------------------------------------------
 */

static const char *check(const struct tn_client_options *options)
{
    if (options->nodes_count < 1 || options->nodes_count > TN_CLIENT_NODES_MAX) {
        return "a client needs 1 to 32 nodes";
    }
    if (options->heard == NULL) return "a client without `heard` hears nothing";
    if (options->heartbeat_ms != 0 &&
        (options->heartbeat_ms < 1000 || options->heartbeat_ms > 60000)) {
        return "heartbeat_ms is 1 000 to 60 000, or 0";
    }
    if (options->on_disconnect > TN_CLIENT_CANCEL_LABEL)
        return "on_disconnect is none of its values";
    if (options->log_on && options->market == 0) return "a session belongs to a market above 0";
    if (options->send_bytes_max != 0 &&
        options->send_bytes_max < WIRE_LENGTH_BYTES + WIRE_TO_NODE_BYTES_MAX) {
        return "send_bytes_max has no room for one message";
    }
    return NULL;
}

static void copy_options(struct tn_client *client, const struct tn_client_options *options)
{
    static const uint8_t none[32];
    memcpy(client->chain_id, options->chain_id, sizeof client->chain_id);
    client->any_chain = memcmp(client->chain_id, none, sizeof none) == 0;
    client->node = options->first_node % options->nodes_count;
    client->stay = options->stay;
    client->market = options->market;
    client->log_on = options->log_on;
    client->session = options->session;
    client->key = options->key;
    client->on_disconnect = options->on_disconnect;
    client->cancel_label = options->cancel_label;
    client->dead_man_blocks = options->dead_man_blocks;
    client->heartbeat_ms = options->heartbeat_ms == 0 ? HEARTBEAT_MS : options->heartbeat_ms;
    client->valid_blocks = options->valid_blocks == 0 ? VALID_BLOCKS : options->valid_blocks;
    client->has_place = options->resume;
    client->place = options->resume_after;
    client->heard = options->heard;
    client->context = options->context;
    client->out_size_max = options->send_bytes_max == 0 ? SEND_BYTES : options->send_bytes_max;
    client->account = TN_NONE;
    client->socket = -1;
    client->nonce_next = 1;
}

static bool load_nodes(struct tn_client *client, const struct tn_client_options *options, char *why)
{
    for (uint32_t i = 0; i < options->nodes_count; i++) {
        struct client_peer *peer = &client->peers[i];
        const struct tn_client_node *node = &options->nodes[i];
        client->peers_count = i + 1;
        bool is_loaded = client_tls_load(peer, node->certificate, why, TN_CLIENT_WHY_SIZE);
        int size = snprintf(peer->host, sizeof peer->host, "%s", node->host);
        peer->port = node->port;
        if (!is_loaded) return false;
        if (size < 1 || (size_t)size >= sizeof peer->host || peer->port == 0) {
            snprintf(why, TN_CLIENT_WHY_SIZE, "node %u has no host, or no port", i);
            return false;
        }
    }
    return true;
}

static bool take_memory(struct tn_client *client)
{
    uint8_t *arena = malloc(WIRE_FROM_NODE_ARENA_BYTES);
    client->in = malloc(IN_BYTES);
    client->out = malloc(client->out_size_max);
    size_t size = (tn_signatures_size() + 63) & ~(size_t)63;
    client->signatures_memory = aligned_alloc(64, size);
    if (arena != NULL) wire_arena_init(&client->arena, arena, WIRE_FROM_NODE_ARENA_BYTES);
    if (client->signatures_memory == NULL) return false;
    tn_signatures_real(&client->signatures, client->signatures_memory);
    return arena != NULL && client->in != NULL && client->out != NULL;
}

struct tn_client *tn_client_make(const struct tn_client_options *options,
                                 char why[TN_CLIENT_WHY_SIZE])
{
    const char *problem = check(options);
    struct tn_client *client = problem != NULL ? NULL : calloc(1, sizeof *client);
    if (client == NULL) {
        snprintf(why, TN_CLIENT_WHY_SIZE, "%s", problem != NULL ? problem : "no memory");
        return NULL;
    }
    copy_options(client, options);
    if (!take_memory(client)) {
        snprintf(why, TN_CLIENT_WHY_SIZE, "no memory for a client");
    } else if (client_tls_make(client, why, TN_CLIENT_WHY_SIZE) &&
               load_nodes(client, options, why)) {
        uint8_t seed[32];
        bool is_blinded = mbedtls_ctr_drbg_random(&client->tls.random, seed, sizeof seed) == 0;
        if (is_blinded) tn_signatures_blind(&client->signatures, seed);
        mbedtls_platform_zeroize(seed, sizeof seed);
        if (is_blinded) return client;
        snprintf(why, TN_CLIENT_WHY_SIZE, "the system gives no random numbers");
    }
    tn_client_free(client);
    return NULL;
}

void tn_client_free(struct tn_client *client)
{
    if (client == NULL) return;
    TN_ASSERT(!client->is_turning);
    client_tls_close(client);
    if (client->socket >= 0) close(client->socket);
    client_channels_free(client);
    client_tls_free(client);
    free(client->arena.memory);
    free(client->in);
    free(client->out);
    free(client->signatures_memory);
    mbedtls_platform_zeroize(client, sizeof *client);
    free(client);
}

/* ---- The end of a connection -------------------------------------------------------------------
 */

static int64_t retry_in(struct tn_client *client)
{
    uint64_t random = client_random(client);
    if (client->attempts == 0) return 1 + (int64_t)(random % RETRY_LEAST_MS);
    uint32_t doublings = client->attempts < 8 ? client->attempts - 1 : 7;
    int64_t wait = (int64_t)RETRY_LEAST_MS << doublings;
    if (wait > RETRY_MOST_MS) wait = RETRY_MOST_MS;
    return wait / 2 + (int64_t)(random % (uint64_t)wait);
}

static void take_down(struct tn_client *client)
{
    client_tls_close(client);
    if (client->socket >= 0) close(client->socket);
    client->socket = -1;
    client->in_size = client->out_front = client->out_start = client->out_end = 0;
    client->writing = 0;
    client_standby_gone(client);
    client->has_more = client->leave_wanted = false;
}

static bool ends_for_good(struct tn_client *client)
{
    if (client->stay || client->close_wanted) return true;
    client->refusals = client->is_refused ? client->refusals + 1 : 0;
    return client->refusals >= client->peers_count;
}

/* Takes the connection down for `why`, and says when the next attempt is. */
static void lose(struct tn_client *client)
{
    char why[sizeof client->why];
    memcpy(why, client->why, sizeof why);
    struct tn_client_news news = {.kind = TN_NEWS_DISCONNECTED, .tag = UINT64_MAX};
    news.as.disconnected.node = client->node;
    news.as.disconnected.why = why;
    take_down(client);
    uint32_t next = (client->node + 1) % client->peers_count;
    const bool is_moving = client_follow_lost(client, &next);
    news.as.disconnected.is_moving = is_moving;
    client->attempts = client->phase == CLIENT_UP ? 0 : client->attempts + 1;
    if (ends_for_good(client)) {
        client->phase = CLIENT_ENDED;
        news.as.disconnected.retry_ms = -1;
    } else {
        client->phase = CLIENT_WAITS;
        client->node = next;
        news.as.disconnected.retry_ms = is_moving ? 0 : retry_in(client);
        client->retry_ms = client->now_ms + news.as.disconnected.retry_ms;
    }
    client->why[0] = '\0';
    client->is_refused = false;
    news.as.disconnected.ambiguous_count = client->flights_count;
    client_tell(client, &news);
    client_flights_lost(client);
}

/* ---- A turn ------------------------------------------------------------------------------------
 */

static void begin(struct tn_client *client)
{
    char why[256] = "";
    client->deadline_ms = client->now_ms + OPEN_MS_MAX;
    client->heard_ms = client->sent_ms = client->now_ms;
    client->out_sent = 0;
    client->phase = CLIENT_TCP;
    client->socket = client_socket_open(client, why, sizeof why);
    if (client->socket < 0) client_fail(client, "%s", why);
}

static void open_tcp(struct tn_client *client)
{
    char why[256] = "";
    int step = client_socket_check(client->socket, why, sizeof why);
    if (step == 0) return;
    const struct client_peer *peer = &client->peers[client->node];
    if (step < 0) {
        client_fail(client, "%s:%u: %s", peer->host, peer->port, why);
    } else if (!client_tls_open(client, why, sizeof why)) {
        client_fail(client, "%s", why);
    } else {
        client->phase = CLIENT_TLS;
    }
}

static void open_tls(struct tn_client *client)
{
    char why[640] = "";
    int step = client_tls_handshake(client, why, sizeof why);
    if (step < 0) client_fail(client, "%s", why);
    if (step > 0) client->phase = CLIENT_HELLO;
}

/* Hands over the messages that have come whole. */
static void take_messages(struct tn_client *client)
{
    size_t at = 0;
    while (client->why[0] == '\0' && client->phase != CLIENT_ENDED) {
        size_t size;
        enum wire_step step =
            wire_next(&size, client->in + at, client->in_size - at, WIRE_FROM_NODE_BYTES_MAX);
        if (step == WIRE_MORE) break;
        if (step == WIRE_TOO_LARGE) {
            client_fail(client, "the node sends a message that is none: its length");
            break;
        }
        client_take(client, client->in + at + WIRE_LENGTH_BYTES, size);
        at += WIRE_LENGTH_BYTES + size;
    }
    memmove(client->in, client->in + at, client->in_size - at);
    client->in_size -= at;
}

static void receive(struct tn_client *client)
{
    char why[256] = "";
    size_t taken = 0;
    client->has_more = false;
    while (client->why[0] == '\0') {
        if (taken >= TURN_BYTES_MAX) {
            client->has_more = true;
            return;
        }
        int got = client_tls_read(client, client->in + client->in_size, IN_BYTES - client->in_size,
                                  why, sizeof why);
        if (got < 0) client_fail(client, "%s", why);
        if (got <= 0) return;
        client->heard_ms = client->now_ms;
        client->in_size += (size_t)got;
        taken += (size_t)got;
        take_messages(client);
    }
}

static void look_at_timers(struct tn_client *client)
{
    int64_t heartbeat = client->heartbeat_ms;
    if (client->phase < CLIENT_UP && client->phase > CLIENT_WAITS) {
        static const char *const during[] = {[CLIENT_TCP] = "the TCP connection",
                                             [CLIENT_TLS] = "the TLS handshake",
                                             [CLIENT_HELLO] = "the node's Hello",
                                             [CLIENT_LOGON] = "the answer to the logon"};
        if (client->now_ms >= client->deadline_ms) {
            const struct client_peer *peer = &client->peers[client->node];
            client_fail(client, "%s:%u: waited too long for %s", peer->host, peer->port,
                        during[client->phase]);
        }
    }
    if (client->phase != CLIENT_UP) return;
    if (client->now_ms - client->heard_ms >= 2 * heartbeat) {
        client_fail(client, "the node has been silent for two heartbeats");
    }
    if (client->now_ms - client->sent_ms >= heartbeat / 2) (void)client_ping(client);
    if (client->now_ms >= client->standby_ms) client_standby_renew(client);
}

static void send_queued(struct tn_client *client)
{
    char why[256] = "";
    while (client->why[0] == '\0' && client->out_start < client->out_end) {
        if (client->writing == 0) client->writing = client->out_end - client->out_start;
        int sent = client_tls_write(client, client->out + client->out_start, client->writing, why,
                                    sizeof why);
        if (sent < 0) client_fail(client, "%s", why);
        if (sent <= 0) return;
        client->out_start += (size_t)sent;
        client->out_sent += (uint64_t)sent;
        client->writing = 0;
        client->sent_ms = client->now_ms;
    }
    client->out_front = client->out_start = client->out_end = 0;
}

static void turn_open(struct tn_client *client)
{
    if (client->phase == CLIENT_TCP && client->why[0] == '\0') open_tcp(client);
    if (client->phase == CLIENT_TLS && client->why[0] == '\0') open_tls(client);
    if (client->phase >= CLIENT_HELLO && client->why[0] == '\0') receive(client);
    if (client->why[0] == '\0') look_at_timers(client);
    if (client->leave_wanted) client_fail(client, "the node was left on request");
    if (client->phase >= CLIENT_LOGON && client->why[0] == '\0') {
        if (client->close_wanted && !client->is_closing) {
            client->is_closing = client_logoff(client) == TN_CLIENT_OK;
        }
        send_queued(client);
        if (client->is_closing && client->out_end == 0) client_fail(client, "closed on request");
    } else if (client->close_wanted) {
        client_fail(client, "closed on request");
    }
}

void tn_client_turn(struct tn_client *client, int64_t now_ms)
{
    TN_ASSERT(!client->is_turning);
    if (client->phase == CLIENT_ENDED) return;
    client->is_turning = true;
    client->tls.allowed = TURN_BYTES_MAX;
    if (now_ms > client->now_ms) client->now_ms = now_ms;
    if (client->phase == CLIENT_WAITS) {
        if (client->close_wanted) {
            client_fail(client, "closed on request");
        } else if (client->now_ms >= client->retry_ms) {
            begin(client);
        }
    }
    if (client->phase != CLIENT_WAITS) turn_open(client);
    if (client->why[0] != '\0') lose(client);
    if (client->phase != CLIENT_ENDED) client_follow_turn(client);
    client->is_turning = false;
}

int tn_client_fd(const struct tn_client *client)
{
    return client->socket;
}

short tn_client_events(const struct tn_client *client)
{
    if (client->socket < 0) return 0;
    if (client->phase == CLIENT_TCP) return POLLOUT;
    bool writes = client->tls.wants_write || client->out_start < client->out_end;
    return (short)(POLLIN | (writes ? POLLOUT : 0));
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t tn_client_timeout(const struct tn_client *client, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    if (client->phase == CLIENT_ENDED) return -1;
    if (client->has_more || client->leave_wanted || client->close_wanted) return 0;
    if (client->phase == CLIENT_WAITS) next = client->retry_ms;
    if (client->phase > CLIENT_WAITS && client->phase < CLIENT_UP) next = client->deadline_ms;
    if (client->phase == CLIENT_UP) {
        next = sooner(client->sent_ms + client->heartbeat_ms / 2,
                      client->heard_ms + 2 * (int64_t)client->heartbeat_ms);
        if (client->log_on && client->on_disconnect != TN_CLIENT_ORDERS_STAY &&
            client->standby_nonce == 0) {
            next = sooner(next, client->standby_ms);
        }
    }
    next = sooner(next, client_follow_due(client));
    return next > now_ms ? next - now_ms : 0;
}

void tn_client_wait(struct tn_client *client, int64_t wait_ms)
{
    int64_t wait = tn_client_timeout(client, monotonic_ms());
    if (wait < 0 || (wait_ms >= 0 && wait_ms < wait)) wait = wait_ms;
    struct pollfd asked = {.fd = client->socket, .events = tn_client_events(client)};
    int most = wait > 3600000 ? 3600000 : (int)wait;
    (void)poll(&asked, client->socket < 0 ? 0 : 1, most);
    tn_client_turn(client, monotonic_ms());
}

/* ---- Asked from outside ------------------------------------------------------------------------
 */

enum tn_client_state tn_client_state(const struct tn_client *client)
{
    switch (client->phase) {
        case CLIENT_WAITS: return TN_CLIENT_AWAY;
        case CLIENT_TCP:
        case CLIENT_TLS:
        case CLIENT_HELLO: return TN_CLIENT_CONNECTING;
        case CLIENT_LOGON: return TN_CLIENT_CONNECTED;
        case CLIENT_UP: return client->log_on ? TN_CLIENT_LOGGED_ON : TN_CLIENT_CONNECTED;
        case CLIENT_ENDED: return TN_CLIENT_CLOSED;
    }
    TN_ASSERT(false);
    return TN_CLIENT_CLOSED;
}

uint32_t tn_client_node(const struct tn_client *client)
{
    return client->node;
}

void tn_client_chain_id(uint8_t chain_id[32], const struct tn_client *client)
{
    memcpy(chain_id, client->chain_id, sizeof client->chain_id);
}

uint32_t tn_client_account(const struct tn_client *client)
{
    return client->account;
}

uint64_t tn_client_height(const struct tn_client *client)
{
    return client->height;
}

uint64_t tn_client_time_ms(const struct tn_client *client)
{
    return client->time_ms;
}

uint32_t tn_client_term(const struct tn_client *client)
{
    return client->term;
}

struct tn_tokens tn_client_tokens(const struct tn_client *client)
{
    return client->tokens;
}

struct tn_place tn_client_place(const struct tn_client *client)
{
    return client->place;
}

uint32_t tn_client_flight_count(const struct tn_client *client)
{
    return client->flights_count;
}

bool tn_client_is_flushed(const struct tn_client *client)
{
    return client->out_start == client->out_end;
}

void tn_client_close(struct tn_client *client)
{
    client->close_wanted = true;
}

void tn_client_leave(struct tn_client *client)
{
    if (client->phase > CLIENT_WAITS && client->phase < CLIENT_ENDED) client->leave_wanted = true;
}
