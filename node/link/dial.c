/* Connections that go out: the node with the larger vote key dials, both classes, and again after a
 * pause that doubles up to a bound and is jittered, so that a set that lost its network does not
 * come back all at once.
 *
 * A dialler trusts one certificate, its peer's: whoever else answers at that address is refused by
 * TLS before this node says a word. An attempt that is given up is cancelled; what belongs to it is
 * freed when the transport is done with it. */
#include "clock.h"
#include "link/node.h"

#include <stdio.h>
#include <stdlib.h>

static struct dial *open_one(struct link_nng *link, const struct peer *peer)
{
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL) return NULL;
    dial->link = link;
    dial->fd = -1;
    atomic_init(&dial->done, false);
    if (link->transport->dial_open(dial, peer)) return dial;
    free(dial);
    return NULL;
}

static void retire(struct link_nng *link, struct dial *dial)
{
    link->transport->dial_close(dial);
    dial->next = link->retired;
    link->retired = dial;
}

bool dial_open(struct link_nng *link, struct peer *peer)
{
    for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
        peer->dials_by_class[class] = open_one(link, peer);
        if (peer->dials_by_class[class] == NULL) return false;
    }
    return true;
}

void dial_retire(struct link_nng *link, struct peer *peer)
{
    for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
        if (peer->dials_by_class[class] != NULL) retire(link, peer->dials_by_class[class]);
        peer->dials_by_class[class] = NULL;
    }
}

void dial_reap(struct link_nng *link, bool wait)
{
    struct dial **at = &link->retired;
    while (*at != NULL) {
        struct dial *dial = *at;
        link->transport->dial_tick(dial);
        if (wait || !dial->dialling || atomic_load(&dial->done)) {
            *at = dial->next;
            link->transport->dial_free(dial);
            free(dial);
        } else {
            at = &dial->next;
        }
    }
}

void dial_back_off(struct link_nng *link, struct peer *peer)
{
    int64_t now_us = monotonic_us();
    if (peer->retry_us > now_us) return; /* the other class has failed before */
    uint64_t pause_us = (uint64_t)link->limits.retry_max_ms * 1000;
    uint64_t doubled_us = (uint64_t)link->limits.retry_min_ms * 1000;
    for (uint32_t i = 0; i < peer->attempts && doubled_us < pause_us; i++)
        doubled_us *= 2;
    if (doubled_us < pause_us) pause_us = doubled_us;
    peer->attempts++;
    peer->retry_us =
        now_us + (int64_t)(pause_us / 2 + tn_random_below(&link->random, pause_us / 2 + 1));
}

static bool is_under_way(const struct link_nng *link, const struct peer *peer, uint32_t class)
{
    if (peer->connections[class] != NULL) return true;
    for (uint32_t i = 0; i < link->connections_count; i++) {
        const struct connection *connection = link->connections[i];
        if (connection->peer == peer && (uint32_t)connection->class == class) return true;
    }
    return false;
}

void dial_tick(struct link_nng *link, struct peer *peer, int64_t now_us)
{
    for (uint32_t class = 0; class < LINK_CLASSES; class ++) {
        struct dial *dial = peer->dials_by_class[class];
        if (dial == NULL) continue;
        if (dial->dialling) {
            int64_t limit_us = (int64_t)link->limits.handshake_ms * 1000;
            if (now_us - dial->begun_us > limit_us) {
                dial->begun_us = now_us;
                link->transport->dial_cancel(dial);
            }
            link->transport->dial_tick(dial);
        } else if (now_us >= peer->retry_us && !is_under_way(link, peer, class)) {
            dial->dialling = true;
            dial->begun_us = now_us;
            atomic_store(&dial->done, false);
            link->statistics.dialled++;
            link->transport->dial_begin(dial);
        }
    }
}

static void take(struct link_nng *link, struct peer *peer, enum link_class class)
{
    struct dial *dial = peer->dials_by_class[class];
    if (dial == NULL || !dial->dialling || !atomic_load(&dial->done)) return;
    struct stream *stream = link->transport->dial_end(dial);
    dial->dialling = false;
    if (stream == NULL) {
        link->statistics.refused[dial->reason]++;
        peer->statistics.downs[dial->reason]++;
        snprintf(peer->problem, sizeof peer->problem, "no link to %.100s: %s", peer->address,
                 dial->why);
        dial_back_off(link, peer);
        return;
    }
    if (connection_open(link, stream, peer, class) == NULL) dial_back_off(link, peer);
}

void dial_take(struct link_nng *link)
{
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        for (enum link_class class = 0; class < LINK_CLASSES; class ++)
            if (link->peers[i] != NULL) take(link, link->peers[i], class);
}
