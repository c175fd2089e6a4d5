/* Connections that come in.
 *
 * The transport accepts them; this decides: a bucket for the address, one for all addresses, and a
 * place among those in their handshake. Who comes from an address where a peer was proven to be, or
 * is said to be, is not held back by strangers: it has its own bucket, and takes the oldest
 * stranger's place. */
#include "link/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All certificates of those who dial this node, one after another. */
char *listener_trusted(const struct link_nng *link)
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

bool listener_open(struct link_nng *link, const char *address)
{
    link->listens = link->transport->listener_open(link, address);
    return link->listens;
}

void listener_close(struct link_nng *link)
{
    link->transport->listener_close(link);
    link->listens = false;
}

void listener_tick(struct link_nng *link)
{
    if (link->listens) link->transport->listener_tick(link);
}

/* What the listener trusts has changed: those in their handshake begin again under it. */
void listener_renew(struct link_nng *link)
{
    if (!link->listens) return;
    link->transport->listener_renew(link);
    for (uint32_t i = link->connections_count; i-- > 0;) {
        struct connection *connection = link->connections[i];
        if (!connection->dialled && connection->stage != STAGE_READY) connection_close(connection);
    }
    link->transport->listener_tick(link);
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

static void take(struct link_nng *link, struct incoming *incoming, int64_t now_us)
{
    const struct limiter_address *address = &incoming->address;
    bool is_known = peer_is_seen(link, address);
    enum link_reason reason = judge(link, address, is_known, now_us);
    link->statistics.accepted++;
    if (reason != LINK_REASON_NONE) {
        link->statistics.refused[reason]++;
        link->transport->incoming_refuse(incoming);
        return;
    }
    struct stream *stream = link->transport->incoming_open(link, incoming);
    struct connection *connection =
        stream == NULL ? NULL : connection_open(link, stream, NULL, LINK_VOTES);
    if (connection == NULL) {
        link->statistics.refused[LINK_REASON_MEMORY]++;
        return;
    }
    connection->address = *address;
    connection->is_known = is_known;
}

void listener_take(struct link_nng *link, int64_t now_us)
{
    struct incoming incoming = {.fd = -1};
    for (uint32_t i = 0; i < 2 * ACCEPTED_MAX && link->listens; i++) {
        if (!link->transport->listener_next(link, &incoming)) return;
        take(link, &incoming, now_us);
    }
    atomic_store(&link->news, true); /* there may be more */
}
