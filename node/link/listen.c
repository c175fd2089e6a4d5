/* Connections that come in.
 *
 * nng's thread only puts what it accepted on a short list and goes on while there is room; this
 * side then decides: a bucket for the address, one for all addresses, and a place among those in
 * their handshake. Who comes from an address where a peer was proven to be, or is said to be, is
 * not held back by strangers: it has its own bucket, and takes the oldest stranger's place.
 *
 * An accept that failed is tried again at the next tick, never at once: nng 1.5 can answer at once
 * and for ever, which would be a busy loop. */
#include "link/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_accepted(void *context)
{
    struct link_nng *link = context;
    struct listener *listener = &link->listener;
    nng_stream *refused = NULL;
    bool again = false;
    pthread_mutex_lock(&listener->mutex);
    if (nng_aio_result(listener->aio) == 0) {
        nng_stream *stream = nng_aio_get_output(listener->aio, 0);
        if (listener->accepted_count < ACCEPTED_MAX)
            listener->accepted[listener->accepted_count++] = stream;
        else
            refused = stream;
        again = listener->accepted_count < ACCEPTED_MAX && !listener->renew;
    } else {
        listener->errors++;
    }
    listener->accepting = again;
    if (again) nng_stream_listener_accept(listener->nng, listener->aio);
    atomic_store(&link->news, true);
    stream_waker_signal(&link->waker);
    pthread_mutex_unlock(&listener->mutex);
    if (refused != NULL) {
        nng_stream_close(refused);
        nng_stream_free(refused);
    }
}

/* All certificates of those who dial this node, one after another. */
static char *trusted_diallers(const struct link_nng *link)
{
    size_t size = 1;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        if (link->peers[i] != NULL && !link->peers[i]->dials)
            size += strlen(link->peers[i]->certificate) + 1;
    char *text = malloc(size);
    char *at = text;
    if (text == NULL) return NULL;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        if (link->peers[i] != NULL && !link->peers[i]->dials)
            at += sprintf(at, "%s\n", link->peers[i]->certificate);
    *at = '\0';
    return text;
}

static bool set_trusted(struct link_nng *link)
{
    char *trusted = trusted_diallers(link);
    if (trusted == NULL) return false;
    nng_tls_config *config = link_tls_config(link, NNG_TLS_MODE_SERVER, trusted);
    free(trusted);
    if (config == NULL) return false;
    int error = nng_stream_listener_set_ptr(link->listener.nng, NNG_OPT_TLS_CONFIG, config);
    nng_tls_config_free(config); /* the listener holds it */
    if (error != 0) link_say(link, "cannot set what the listener trusts: %s", nng_strerror(error));
    return error == 0;
}

static bool fail(struct link_nng *link, const char *what, const char *address, int error)
{
    link_say(link, "cannot %s %s: %s", what, address, nng_strerror(error));
    return false;
}

bool listener_open(struct link_nng *link, const char *address)
{
    struct listener *listener = &link->listener;
    char url[320];
    int port = 0;
    snprintf(url, sizeof url, "tls+tcp://%s", address);
    int error = nng_stream_listener_alloc(&listener->nng, url);
    if (error != 0) return fail(link, "use the address", address, error);
    error = nng_aio_alloc(&listener->aio, on_accepted, link);
    if (error != 0) return fail(link, "listen at", address, error);
    nng_aio_set_timeout(listener->aio, NNG_DURATION_INFINITE);
    if (!set_trusted(link)) return false;
    /* Else a message behind another waits for an acknowledgement: 40 ms. */
    error = nng_stream_listener_set_bool(listener->nng, NNG_OPT_TCP_NODELAY, true);
    if (error != 0) return fail(link, "send without delay from", address, error);
    error = nng_stream_listener_listen(listener->nng);
    if (error == 0)
        error = nng_stream_listener_get_int(listener->nng, NNG_OPT_TCP_BOUND_PORT, &port);
    if (error != 0) return fail(link, "listen at", address, error);
    link->port = (uint16_t)port;
    return true;
}

static void drop_accepted(struct listener *listener)
{
    nng_stream *accepted[ACCEPTED_MAX];
    pthread_mutex_lock(&listener->mutex);
    uint32_t count = listener->accepted_count;
    memcpy(accepted, listener->accepted, sizeof accepted);
    listener->accepted_count = 0;
    pthread_mutex_unlock(&listener->mutex);
    for (uint32_t i = 0; i < count; i++) {
        nng_stream_close(accepted[i]);
        nng_stream_free(accepted[i]);
    }
}

void listener_close(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng != NULL) nng_stream_listener_close(listener->nng);
    if (listener->aio != NULL) {
        nng_aio_stop(listener->aio);
        nng_aio_free(listener->aio);
    }
    drop_accepted(listener);
    if (listener->nng != NULL) nng_stream_listener_free(listener->nng);
    listener->nng = NULL;
    listener->aio = NULL;
}

/* What the listener trusts has changed: those in their handshake begin again under it. */
void listener_renew(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng == NULL) return;
    pthread_mutex_lock(&listener->mutex);
    listener->renew = true;
    pthread_mutex_unlock(&listener->mutex);
    nng_aio_cancel(listener->aio);
    nng_aio_wait(listener->aio);
    drop_accepted(listener);
    for (uint32_t i = link->connections_count; i-- > 0;) {
        struct connection *connection = link->connections[i];
        if (!connection->dialled && connection->stage != STAGE_READY) connection_close(connection);
    }
    listener_tick(link);
}

void listener_tick(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng == NULL) return;
    pthread_mutex_lock(&listener->mutex);
    bool idle = !listener->accepting && listener->accepted_count < ACCEPTED_MAX;
    bool renew = listener->renew;
    pthread_mutex_unlock(&listener->mutex);
    if (!idle || (renew && !set_trusted(link))) return;
    pthread_mutex_lock(&listener->mutex);
    listener->renew = false;
    listener->accepting = true;
    nng_stream_listener_accept(listener->nng, listener->aio);
    pthread_mutex_unlock(&listener->mutex);
}

static void address_of(struct limiter_address *address, nng_stream *stream)
{
    nng_sockaddr from;
    memset(address, 0, sizeof *address);
    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &from) != 0) return;
    if (from.s_family == NNG_AF_INET) {
        address->bytes[10] = address->bytes[11] = 0xff;
        memcpy(address->bytes + 12, &from.s_in.sa_addr, 4);
    } else if (from.s_family == NNG_AF_INET6) {
        memcpy(address->bytes, from.s_in6.sa_addr, 16);
    }
}

/* The one in its handshake that came first, of strangers or of all. */
static struct connection *oldest(struct link_nng *link, bool strangers)
{
    struct connection *found = NULL;
    for (uint32_t i = 0; i < link->connections_count; i++) {
        struct connection *connection = link->connections[i];
        if (connection->dialled || connection->stage == STAGE_READY) continue;
        if (strangers && connection->is_known) continue;
        if (found == NULL || connection->begun_us < found->begun_us) found = connection;
    }
    return found;
}

static bool make_room(struct link_nng *link, bool is_known)
{
    if (link->statistics.half_open < link->limits.half_open_max) return true;
    struct connection *victim = oldest(link, true);
    if (victim == NULL && is_known) victim = oldest(link, false);
    if (victim == NULL) return false;
    connection_fail(victim, LINK_REASON_FULL);
    return true;
}

static enum link_reason judge(struct link_nng *link, const struct limiter_address *address,
                              bool is_known, int64_t now_us)
{
    if (!limiter_take(&link->limiter, address, now_us, link->limits.address_accepts_per_second))
        return LINK_REASON_RATE;
    if (!is_known && !limiter_bucket_take(&link->accepts, now_us, link->limits.accepts_per_second))
        return LINK_REASON_RATE;
    return make_room(link, is_known) ? LINK_REASON_NONE : LINK_REASON_FULL;
}

static void take(struct link_nng *link, nng_stream *stream, int64_t now_us)
{
    struct limiter_address address;
    address_of(&address, stream);
    bool is_known = peer_is_seen(link, &address);
    enum link_reason reason = judge(link, &address, is_known, now_us);
    link->statistics.accepted++;
    if (reason != LINK_REASON_NONE) {
        link->statistics.refused[reason]++;
        nng_stream_close(stream);
        nng_stream_free(stream);
        return;
    }
    struct connection *connection = connection_open(link, stream, NULL, LINK_VOTES);
    if (connection == NULL) {
        link->statistics.refused[LINK_REASON_MEMORY]++;
        return;
    }
    connection->address = address;
    connection->is_known = is_known;
}

void listener_take(struct link_nng *link, int64_t now_us)
{
    struct listener *listener = &link->listener;
    nng_stream *accepted[ACCEPTED_MAX];
    pthread_mutex_lock(&listener->mutex);
    uint32_t count = listener->accepted_count;
    memcpy(accepted, listener->accepted, sizeof accepted);
    listener->accepted_count = 0;
    bool resume = count == ACCEPTED_MAX && !listener->accepting && listener->nng != NULL;
    pthread_mutex_unlock(&listener->mutex);
    for (uint32_t i = 0; i < count; i++)
        take(link, accepted[i], now_us);
    if (resume) listener_tick(link);
}
