/* sync_client: from a trusted set to all records of a checkpoint.
 *
 * Peers say which checkpoint they serve; ends of epochs lead from the set that is trusted to the
 * one that certified the newest. Its records are sync_taking.c's matter. */
#include "cluster/sync_client_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Life --------------------------------------------------------------------------------------
 */

void sync_client_ask_again(struct sync_client *client)
{
    sync_taking_drop(client);
    client->state = SYNC_CLIENT_ASKING;
    client->asked_us = INT64_MIN / 2;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        client->peers[i].was_useless = false;
}

struct sync_client *sync_client_make(const struct sync_client_config *config)
{
    struct sync_client *client = calloc(1, sizeof *client);
    if (client == NULL) return NULL;
    client->config = *config;
    client->answered_us = INT64_MIN / 2;
    client->random = config->seed;
    client->epoch = config->set.epoch;
    client->sets[client->epoch % SETS_KEPT] = config->set;
    client->bytes_max = 2 * (uint64_t)tn_chain_size(config->limits);
    TN_ASSERT(client->bytes_max > 0 && config->set.count > 0);
    sync_client_ask_again(client);
    return client;
}

void sync_client_free(struct sync_client *client)
{
    if (client == NULL) return;
    sync_taking_drop(client);
    free(client->works);
    free(client);
}

/* It was silent, or went. */
void sync_client_give_up(struct sync_client *client, uint16_t peer)
{
    client->peers[peer].failures++;
    sync_taking_release(client, peer);
}

void sync_client_ban(struct sync_client *client, uint16_t peer)
{
    if (client->peers[peer].is_banned) return;
    client->peers[peer].is_banned = true;
    client->peers[peer].cert_size = 0;
    client->counters.bans++;
    sync_taking_release(client, peer);
}

void sync_client_peer_up(struct sync_client *client, uint16_t peer)
{
    TN_ASSERT(peer < TN_PEERS_MAX);
    client->peers[peer].is_up = true;
    client->peers[peer].is_asked = false;
}

void sync_client_peer_down(struct sync_client *client, uint16_t peer)
{
    TN_ASSERT(peer < TN_PEERS_MAX);
    client->peers[peer].is_up = false;
    client->peers[peer].cert_size = 0;
    sync_client_give_up(client, peer);
}

void sync_client_send_fetch(struct sync_client *client, uint16_t to, const struct sync_fetch *fetch)
{
    uint8_t bytes[SYNC_FETCH_SIZE];
    client->config.send(client->config.context, to, bytes, sync_write_fetch(bytes, fetch));
}

/* ---- Which checkpoint --------------------------------------------------------------------------
 */

static void ask_all(struct sync_client *client)
{
    const struct sync_fetch fetch = {.what = SYNC_CHECKPOINT};
    client->asked_us = client->now_us;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        struct sync_peer *peer = &client->peers[i];
        peer->cert_size = 0;
        peer->was_useless = false;
        if (!peer->is_up || peer->is_banned) continue;
        peer->is_asked = true;
        sync_client_send_fetch(client, i, &fetch);
    }
}

/* NULL: not proved, or too old. */
static const struct tn_validators *set_of(const struct sync_client *client, uint64_t epoch)
{
    const struct tn_validators *set = &client->sets[epoch % SETS_KEPT];
    return set->count > 0 && set->epoch == epoch ? set : NULL;
}

static void ask_epoch(struct sync_client *client)
{
    const struct sync_fetch fetch = {.what = SYNC_EPOCH, .number = client->epoch};
    client->asked_us = client->now_us;
    sync_client_send_fetch(client, client->chosen, &fetch);
}

/* A peer without a state that it can give, or that says so and fails again and again, must not hold
 * back a node for ever. */
static bool is_hope(const struct sync_client *client, uint16_t peer)
{
    return peer != TN_PEER_ALL && client->peers[peer].failures < FAILURES_MOST;
}

static bool is_better(const struct sync_client *client, uint16_t one, uint16_t other)
{
    const struct sync_peer *a = &client->peers[one], *b = &client->peers[other];
    if (is_hope(client, one) != is_hope(client, other)) return is_hope(client, one);
    if (a->said.height != b->said.height) return a->said.height > b->said.height;
    return sync_peer_is_before(a, b);
}

/* Of those that were not found useless the one with the highest checkpoint, before such as failed
 * again and again; TN_PEER_ALL: none. */
static uint16_t best_peer(const struct sync_client *client)
{
    uint16_t best = TN_PEER_ALL;
    for (uint16_t i = 0; i < TN_PEERS_MAX; i++) {
        const struct sync_peer *peer = &client->peers[i];
        if (!peer->is_up || peer->is_banned || peer->was_useless || peer->cert_size == 0) continue;
        if (peer->said.height <= client->config.above ||
            peer->said.epoch < client->config.set.epoch)
            continue;
        if (best == TN_PEER_ALL || is_better(client, i, best)) best = i;
    }
    return best;
}

static void note_answer(struct sync_client *client)
{
    if (client->now_us - client->answered_us > ANSWER_US) client->vain_us = client->now_us;
    client->answered_us = client->now_us;
}

int64_t sync_client_vain_us(const struct sync_client *client)
{
    if (client->state != SYNC_CLIENT_ASKING || is_hope(client, best_peer(client))) return 0;
    const bool is_answered = client->now_us - client->answered_us <= ANSWER_US;
    return is_answered ? client->now_us - client->vain_us : 0;
}

/* The best peer's certificate: is it good, can it be checked, or is an epoch's end missing? */
static void choose(struct sync_client *client)
{
    uint16_t best;
    while ((best = best_peer(client)) != TN_PEER_ALL) {
        struct sync_peer *peer = &client->peers[best];
        client->chosen = best;
        const struct tn_validators *set = set_of(client, peer->said.epoch);
        if (peer->said.epoch > client->epoch) {
            client->state = SYNC_CLIENT_PROVING;
            ask_epoch(client);
            return;
        }
        if (set == NULL) { /* older than what is known: of no use */
            peer->was_useless = true;
            continue;
        }
        if (!tn_sequencer_check_checkpoint(&client->checkpoint, client->config.signatures,
                                           &client->config.limits->checkpoint_domain, set,
                                           peer->cert, peer->cert_size)) {
            client->counters.bad_certs++;
            sync_client_ban(client, best);
            continue;
        }
        memcpy(client->cert, peer->cert, peer->cert_size);
        client->cert_size = peer->cert_size;
        sync_taking_begin(client);
        peer->is_source = true;
        sync_taking_choose_sources(client);
        return;
    }
}

static void take_status(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                        size_t size)
{
    struct sync_peer *peer = &client->peers[from];
    const uint8_t *cert;
    size_t cert_size;
    if (!sync_read_status(&cert, &cert_size, bytes, size)) {
        client->counters.malformed++;
        sync_client_ban(client, from);
        return;
    }
    note_answer(client);
    peer->cert_size = cert_size;
    if (cert_size > 0) {
        memcpy(peer->cert, cert, cert_size);
        tn_checkpoint_read(&peer->said, cert + 1);
    }
    const bool is_chosen = from == client->chosen;
    if (client->state == SYNC_CLIENT_TAKING && peer->is_source &&
        (cert_size == 0 || peer->said.height != client->checkpoint.height)) {
        sync_client_give_up(client, from); /* it serves another one now */
    }
    if (client->state == SYNC_CLIENT_PROVING && is_chosen) { /* it does not have the epoch's end */
        client->state = SYNC_CLIENT_ASKING;
        peer->was_useless = true;
    }
}

static void take_epoch(struct sync_client *client, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct sync_epoch epoch;
    struct tn_block_header last;
    struct tn_validators next;
    struct tn_hash hash;
    if (client->state != SYNC_CLIENT_PROVING || from != client->chosen) {
        client->counters.unasked++;
        return;
    }
    const struct tn_validators *set = set_of(client, client->epoch);
    TN_ASSERT(set != NULL);
    bool is_good = sync_read_epoch(&epoch, bytes, size) && epoch.epoch == client->epoch &&
                   tn_sequencer_check_handover(&last, client->config.signatures,
                                               client->config.limits->chain_id, set, epoch.handover,
                                               epoch.handover_size) &&
                   sync_read_set(&next, client->config.signatures, epoch.set, epoch.set_size) &&
                   next.epoch == client->epoch + 1;
    if (is_good) {
        tn_validators_hash(&hash, &next);
        is_good = tn_hash_equal(&hash, &last.next_set_hash);
    }
    if (!is_good) {
        client->counters.bad_certs++;
        client->state = SYNC_CLIENT_ASKING;
        sync_client_ban(client, from);
        return;
    }
    client->epoch = next.epoch;
    client->sets[next.epoch % SETS_KEPT] = next;
    if (!client->config.epoch(client->config.context, &epoch)) {
        client->state = SYNC_CLIENT_FAILED;
        return;
    }
    choose(client);
}

void sync_client_message(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size, int64_t now_us)
{
    TN_ASSERT(from < TN_PEERS_MAX);
    if (size == 0 || client->peers[from].is_banned || client->state == SYNC_CLIENT_FAILED) return;
    client->now_us = now_us;
    if (bytes[0] == TN_PEER_SYNC_STATUS) {
        take_status(client, from, bytes, size);
    } else if (bytes[0] == TN_PEER_SYNC_DATA && size > 1 && bytes[1] == SYNC_EPOCH) {
        take_epoch(client, from, bytes, size);
    } else {
        sync_taking_message(client, from, bytes, size);
    }
}

/* ---- Time --------------------------------------------------------------------------------------
 */

void sync_client_turn(struct sync_client *client, int64_t now_us)
{
    client->now_us = now_us;
    const int64_t passed_us = now_us - client->asked_us;
    if (client->state == SYNC_CLIENT_PROVING && passed_us > ANSWER_US) {
        client->counters.timeouts++;
        client->peers[client->chosen].was_useless = true;
        client->state = SYNC_CLIENT_ASKING;
    }
    if (client->state == SYNC_CLIENT_ASKING) {
        if (passed_us >= GATHER_US) choose(client);
        if (client->state == SYNC_CLIENT_ASKING && now_us - client->asked_us >= ASK_US) {
            ask_all(client);
        }
    }
    if (client->state == SYNC_CLIENT_TAKING && is_hope(client, client->chosen)) {
        client->vain_us = now_us;
    }
    if (client->state == SYNC_CLIENT_PROVING || client->state == SYNC_CLIENT_TAKING) {
        client->answered_us = now_us;
    }
    if (client->state == SYNC_CLIENT_TAKING) sync_taking_turn(client);
}

int64_t sync_client_timeout(const struct sync_client *client)
{
    return client->now_us + GATHER_US / 3;
}

/* ---- What stands -------------------------------------------------------------------------------
 */

enum sync_client_state sync_client_state(const struct sync_client *client)
{
    return client->state;
}

const struct tn_checkpoint *sync_client_checkpoint(const struct sync_client *client)
{
    return &client->checkpoint;
}

const uint8_t *sync_client_cert(const struct sync_client *client, size_t *size)
{
    *size = client->cert_size;
    return client->cert;
}

void sync_client_refuse(struct sync_client *client, int64_t now_us)
{
    TN_ASSERT(client->state == SYNC_CLIENT_WHOLE);
    client->now_us = now_us;
    client->counters.lies++;
    sync_client_ban(client, client->chosen);
    sync_client_ask_again(client);
}

uint32_t sync_client_sources(const struct sync_client *client)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++)
        count += client->peers[i].is_source;
    return count;
}

bool sync_client_is_banned(const struct sync_client *client, uint16_t peer)
{
    return client->peers[peer].is_banned;
}

const struct sync_client_counters *sync_client_counters(const struct sync_client *client)
{
    return &client->counters;
}
