/* Who the peers are, said anew: at start and at every change of the set.
 *
 * The whole list is checked before anything is changed. Peers that stay as they were keep their
 * connections; the rest is built from nothing. */
#include "link/certificate.h"
#include "link/node.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

const char *link_nng_away(const struct link *base, uint16_t id)
{
    const struct link_nng *link = (const struct link_nng *)base;
    const struct peer *peer = id < TN_PEERS_MAX ? link->peers[id] : NULL;
    if (peer == NULL || peer->up) return NULL;
    return peer->dials ? peer->problem : "it is to dial this node, and has not come";
}

uint16_t link_nng_port(const struct link *base)
{
    return ((const struct link_nng *)base)->port;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same(const struct peer *peer, const struct link_nng_peer *asked,
                    const struct tn_hash *fingerprint)
{
    return tn_public_key_equal(&peer->key, &asked->key) &&
           tn_hash_equal(&peer->fingerprint, fingerprint) &&
           same_text(peer->address, asked->address);
}

/* The address in the configuration, when it is a number and not a name. */
static void see_literal(struct peer *peer)
{
    char host[64];
    const char *colon = peer->address == NULL ? NULL : strrchr(peer->address, ':');
    if (colon == NULL || (size_t)(colon - peer->address) >= sizeof host) return;
    size_t size = (size_t)(colon - peer->address);
    const char *from = peer->address;
    if (size > 2 && from[0] == '[') {
        from++;
        size -= 2;
    }
    memcpy(host, from, size);
    host[size] = '\0';
    struct limiter_address seen = {{0}};
    if (inet_pton(AF_INET, host, seen.bytes + 12) == 1)
        seen.bytes[10] = seen.bytes[11] = 0xff;
    else if (inet_pton(AF_INET6, host, seen.bytes) != 1)
        return;
    peer->seen = seen;
    peer->has_seen = true;
}

static bool add(struct link_nng *link, const struct link_nng_peer *asked,
                const struct tn_hash *fingerprint)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        link_say(link, "no memory for peer %u", asked->id);
        return false;
    }
    link->peers[asked->id] = peer;
    peer->id = asked->id;
    peer->key = asked->key;
    peer->fingerprint = *fingerprint;
    peer->certificate = strdup(asked->certificate);
    peer->address = asked->address == NULL ? NULL : strdup(asked->address);
    peer->dials = memcmp(link->key.bytes, asked->key.bytes, TN_PUBLIC_KEY_SIZE) > 0;
    for (enum queue_lane lane = 0; lane < QUEUE_LANES; lane++)
        peer->queue.lanes[lane].bytes_max = link->limits.queue_bytes_max[queue_priority(lane)];
    peer->queue.lanes[QUEUE_SMALL_PROPOSAL].bytes_max =
        link->limits.queue_bytes_max[TN_PRIORITY_VOTE];
    see_literal(peer);
    if (peer->certificate == NULL || (asked->address != NULL && peer->address == NULL)) {
        link_say(link, "no memory for peer %u", asked->id);
        return false;
    }
    return !peer->dials || peer->address == NULL || dial_open(link, peer);
}

/* Nothing is changed yet. */
static bool check(struct link_nng *link, struct tn_hash *fingerprints,
                  const struct link_nng_peer *peers, uint32_t peers_count)
{
    bool seen[TN_PEERS_MAX] = {false};
    for (uint32_t i = 0; i < peers_count; i++) {
        TN_ASSERT(peers[i].id < TN_PEERS_MAX && !seen[peers[i].id]);
        TN_ASSERT(!tn_public_key_equal(&peers[i].key, &link->key)); /* nobody is its own peer */
        seen[peers[i].id] = true;
        char why[LINK_PROBLEM_SIZE];
        if (!certificate_fingerprint(&fingerprints[i], why, peers[i].certificate)) {
            link_say(link, "peer %u: %.500s", peers[i].id, why);
            return false;
        }
        if (peers[i].address != NULL && strlen(peers[i].address) > 300) {
            link_say(link, "peer %u: its address is too long", peers[i].id);
            return false;
        }
    }
    return true;
}

/* Those who stay get their new numbers; the others go. */
static void renumber(struct link_nng *link, const struct tn_hash *fingerprints,
                     const struct link_nng_peer *peers, uint32_t peers_count)
{
    struct peer *stay[TN_PEERS_MAX] = {NULL};
    for (uint32_t i = 0; i < peers_count; i++) {
        struct peer *peer = peer_find(link, &peers[i].key);
        if (peer == NULL || !is_same(peer, &peers[i], &fingerprints[i])) continue;
        link->peers[peer->id] = NULL;
        stay[peers[i].id] = peer;
    }
    for (uint32_t id = 0; id < TN_PEERS_MAX; id++)
        if (link->peers[id] != NULL) peer_free(link, link->peers[id]);
    memcpy(link->peers, stay, sizeof stay);
    for (uint16_t id = 0; id < TN_PEERS_MAX; id++)
        if (stay[id] != NULL) stay[id]->id = id;
}

bool link_nng_set_peers(struct link *base, char problem[LINK_PROBLEM_SIZE], uint64_t epoch,
                        const struct link_nng_peer *peers, uint32_t peers_count)
{
    struct link_nng *link = (struct link_nng *)base;
    struct tn_hash fingerprints[TN_PEERS_MAX];
    TN_ASSERT(peers_count <= TN_PEERS_MAX);
    link->problem[0] = '\0';
    bool done = check(link, fingerprints, peers, peers_count);
    if (done) {
        link->epoch = epoch;
        renumber(link, fingerprints, peers, peers_count);
        for (uint32_t i = 0; i < peers_count; i++)
            if (link->peers[peers[i].id] == NULL && !add(link, &peers[i], &fingerprints[i]))
                done = false;
        listener_renew(link);
    }
    memcpy(problem, link->problem, LINK_PROBLEM_SIZE);
    return done;
}
