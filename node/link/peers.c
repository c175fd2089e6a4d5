/* Who is known, and when they go up and down.
 *
 * A peer is up while both of its connections are READY; the end of one is the end of both, so that
 * there is one answer to "can it be reached". A DOWN is told before the next UP, and what was
 * accepted for a peer that goes down is dropped and counted: the cores send again what they need.
 */
#include "clock.h"
#include "link/node.h"

#include <stdlib.h>
#include <string.h>

struct peer *peer_find(struct link_nng *link, const struct tn_public_key *key)
{
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        struct peer *peer = link->peers[i];
        if (peer != NULL && tn_public_key_equal(&peer->key, key)) return peer;
    }
    return NULL;
}

bool peer_is_seen(const struct link_nng *link, const struct limiter_address *address)
{
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        const struct peer *peer = link->peers[i];
        if (peer != NULL && peer->has_seen && memcmp(&peer->seen, address, sizeof *address) == 0)
            return true;
    }
    return false;
}

static void settle(struct link_nng *link, struct peer *peer)
{
    if (peer->up || peer->tell_down) return;
    if (peer->connections[LINK_VOTES] == NULL || peer->connections[LINK_BULK] == NULL) return;
    peer->up = true;
    peer->problem[0] = '\0';
    peer->up_us = monotonic_us();
    link->untold++;
}

void peer_take(struct peer *peer, struct connection *connection)
{
    struct link_nng *link = connection->link;
    TN_ASSERT(connection->peer == peer && connection->stage == STAGE_READY);
    if (peer->connections[connection->class] != NULL) peer_down(link, peer, LINK_REASON_REPLACED);
    peer->connections[connection->class] = connection;
    if (!connection->dialled) {
        peer->seen = connection->address;
        peer->has_seen = true;
    }
    peer->epoch =
        connection->dialled ? connection->hello.listener_epoch : connection->hello.dialler_epoch;
    settle(link, peer);
}

static void close_both(struct peer *peer)
{
    for (uint32_t class = 0; class < LINK_CLASSES; class ++)
        if (peer->connections[class] != NULL) connection_close(peer->connections[class]);
}

void peer_down(struct link_nng *link, struct peer *peer, enum link_reason reason)
{
    peer->statistics.downs[reason]++;
    close_both(peer);
    queue_clear(&peer->queue, peer->statistics.lost_down);
    if (peer->up && peer->told_up) {
        peer->tell_down = true;
        peer->reason = reason;
        link->untold++;
    } else if (peer->up) {
        link->untold--; /* nobody heard of it */
    }
    if (peer->up && monotonic_us() - peer->up_us > (int64_t)link->limits.retry_max_ms * 1000)
        peer->attempts = 0;
    peer->up = false;
    if (peer->dials) dial_back_off(link, peer);
}

bool peer_tell(struct link_nng *link, struct link_event *event)
{
    if (link->untold == 0) return false;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        struct peer *peer = link->peers[i];
        if (peer == NULL) continue;
        if (peer->tell_down) {
            *event =
                (struct link_event){.kind = LINK_DOWN, .peer = peer->id, .reason = peer->reason};
            peer->tell_down = peer->told_up = false;
            link->untold--;
            settle(link, peer);
            return true;
        }
        if (peer->up && !peer->told_up) {
            *event = (struct link_event){.kind = LINK_UP, .peer = peer->id, .epoch = peer->epoch};
            peer->told_up = true;
            peer->statistics.ups++;
            link->untold--;
            for (uint32_t class = 0; class < LINK_CLASSES; class ++)
                peer->connections[class]->readable = true; /* it was held till now */
            return true;
        }
    }
    TN_ASSERT(false); /* untold counts what this finds */
    return false;
}

void peer_free(struct link_nng *link, struct peer *peer)
{
    for (uint32_t i = link->connections_count; i-- > 0;)
        if (link->connections[i]->peer == peer) connection_close(link->connections[i]);
    uint64_t counts[TN_PRIORITIES] = {0};
    queue_clear(&peer->queue, counts);
    if (peer->tell_down || (peer->up && !peer->told_up)) link->untold--;
    dial_retire(link, peer);
    free(peer->certificate);
    free(peer->address);
    free(peer);
}
