/* follow: staying with the node that leads a market (client.h, tn_client_follow).
 *
 *     sought → (GetCluster) → here, or the connection is left for the leader's node → sought …
 *
 * What is soft, the leader alone has; so the soft channels of a market that is followed are asked
 * for here, where the cluster's answer names this node, and not with each connection. A node says
 * SOFT_ELSEWHERE, SoftEnd or a new term when that is over, and the search begins anew: a question
 * each ASK_MS, after a while less often, until the bound. Which node of the options is the leader's
 * is known by the key that it named when it was last visited, by its address, or by going there.
 * One that did not answer is left alone for a while, longer each time: nodes go on naming a dead
 * leader until its term ends.
 */
#include "client/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ASK_MS = 250, ASKED_QUICKLY = 8, AVOID_LEAST_MS = 1000, DOUBLINGS_MAX = 3 };

/* ---- Said to the caller ------------------------------------------------------------------------
 */

static void set_state(struct tn_client *client, enum tn_leader_state state)
{
    struct client_follow *follow = &client->follow;
    const struct client_peer *peer = &client->peers[client->node];
    char address[sizeof peer->host + 8];
    struct tn_client_news news = {.kind = TN_NEWS_LEADER, .tag = UINT64_MAX};
    if (follow->state == state) return;
    follow->state = (uint8_t)state;
    snprintf(address, sizeof address, "%s:%u", peer->host, peer->port);
    news.as.leader = (struct tn_news_leader){.market = follow->market,
                                             .state = (uint8_t)state,
                                             .term = follow->term,
                                             .node = client->node,
                                             .text = state == TN_LEADER_HERE   ? address
                                                     : state == TN_LEADER_NONE ? follow->why
                                                                               : ""};
    client_tell(client, &news);
}

static void why_not(struct client_follow *follow, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void why_not(struct client_follow *follow, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(follow->why, sizeof follow->why, format, arguments);
    va_end(arguments);
}

static void seek(struct tn_client *client)
{
    struct client_follow *follow = &client->follow;
    follow->is_trying = false;
    if (follow->state == TN_LEADER_SOUGHT) return;
    follow->ask_ms = client->now_ms;
    follow->asked_count = 0;
    follow->has_until = false;
    why_not(follow, "no node has said who leads market %u", follow->market);
    set_state(client, TN_LEADER_SOUGHT);
}

/* ---- Asked for by the caller -------------------------------------------------------------------
 */

enum tn_client_result tn_client_follow(struct tn_client *client, uint32_t market, uint32_t bound_ms)
{
    struct client_follow *follow = &client->follow;
    if (market == 0) market = client->market;
    if (market == 0 || client->stay) return TN_CLIENT_BAD;
    if (follow->market != market) *follow = (struct client_follow){.market = market};
    follow->bound_ms = bound_ms;
    if (follow->state == TN_LEADER_HERE) return TN_CLIENT_OK;
    follow->state = 0; /* the bound begins anew */
    seek(client);
    return TN_CLIENT_OK;
}

bool client_follow_is_soft(const struct tn_client *client, uint32_t market, uint8_t channel)
{
    return client->follow.market == market && channel >= TN_CHANNEL_BOOK_SOFT &&
           channel <= TN_CHANNEL_TICKER_SOFT;
}

bool client_follow_may(const struct tn_client *client)
{
    return client->follow.state == TN_LEADER_HERE || client->follow.is_trying;
}

void client_follow_wanted(struct tn_client *client)
{
    if (client->follow.state == TN_LEADER_NONE) seek(client);
}

/* ---- What nodes say ----------------------------------------------------------------------------
 */

void client_follow_up(struct tn_client *client)
{
    if (client->follow.market == 0) return;
    client->peers[client->node].avoided_count = 0;
    seek(client);
    client->follow.ask_ms = client->now_ms;
}

void client_follow_term(struct tn_client *client, uint32_t market, uint32_t term)
{
    struct client_follow *follow = &client->follow;
    if (follow->market != market || market == 0 || term <= follow->term) return;
    follow->term = term;
    if (client->phase != CLIENT_UP) return;
    seek(client);
    follow->ask_ms = client->now_ms;
    follow->asked_count = 0;
}

void client_follow_end(struct tn_client *client, uint32_t market)
{
    if (client->follow.market == market && market != 0) seek(client);
}

bool client_follow_refused(struct tn_client *client, uint64_t tag)
{
    if (client->follow.market == 0) return false;
    for (uint32_t i = 0; i < TN_CLIENT_CHANNELS_MAX; i++) {
        const struct client_channel *channel = &client->channels[i];
        const bool is_soft = channel->channel >= TN_CHANNEL_BOOK_SOFT;
        if (is_soft && channel->tag == tag && channel->market != client->follow.market)
            return false;
    }
    const bool was_trying = client->follow.is_trying;
    seek(client);
    /* It may be about to lead: the same again, but not at once. */
    if (was_trying) client->follow.ask_ms = client->now_ms + ASK_MS;
    return true;
}

void client_follow_subscribed(struct tn_client *client, uint32_t market, uint8_t channel)
{
    if (!client->follow.is_trying || !client_follow_is_soft(client, market, channel)) return;
    client->follow.is_trying = false;
    set_state(client, TN_LEADER_HERE);
}

static const Tenor__V1__Node *leader_of(struct tn_client *client, const Tenor__V1__Cluster *cluster)
{
    struct client_follow *follow = &client->follow;
    for (size_t i = 0; i < cluster->n_markets; i++) {
        const Tenor__V1__MarketHead *head = cluster->markets[i];
        if (head->market != follow->market || head->leader == 0) continue;
        if (head->term > follow->term) follow->term = head->term;
        for (size_t k = 0; k < cluster->n_nodes; k++) {
            if (cluster->nodes[k]->index + 1 == head->leader) return cluster->nodes[k];
        }
    }
    why_not(follow, "nobody leads market %u", follow->market);
    return NULL;
}

static bool has_key(const struct client_peer *peer, const Tenor__V1__Node *node)
{
    return peer->has_key && node->key.len == sizeof peer->node_key &&
           memcmp(peer->node_key, node->key.data, sizeof peer->node_key) == 0;
}

static bool has_address(const struct client_peer *peer, const Tenor__V1__Node *node)
{
    char address[sizeof peer->host + 8];
    snprintf(address, sizeof address, "%s:%u", peer->host, peer->port);
    return strcmp(address, node->clients) == 0;
}

/* Which peer is that node's, or may be. TN_NONE: none. */
static uint32_t peer_of(const struct tn_client *client, const Tenor__V1__Node *node)
{
    for (uint32_t i = 0; i < client->peers_count; i++) {
        if (has_key(&client->peers[i], node)) return i;
    }
    for (uint32_t i = 0; i < client->peers_count; i++) {
        if (has_address(&client->peers[i], node)) return i;
    }
    for (uint32_t i = 1; i < client->peers_count; i++) {
        const uint32_t peer = (client->node + i) % client->peers_count;
        if (!client->peers[peer].has_key && client->now_ms >= client->peers[peer].avoided_ms) {
            return peer;
        }
    }
    return TN_NONE;
}

static void see_this(struct tn_client *client, const Tenor__V1__Cluster *cluster)
{
    struct client_peer *peer = &client->peers[client->node];
    for (size_t i = 0; i < cluster->n_nodes; i++) {
        const Tenor__V1__Node *node = cluster->nodes[i];
        if (!node->is_this || node->key.len != sizeof peer->node_key) continue;
        memcpy(peer->node_key, node->key.data, sizeof peer->node_key);
        peer->has_key = true;
    }
}

/* This node leads; whether its desk is at work the first answer to a Subscribe says. */
static void stay(struct tn_client *client)
{
    struct client_follow *follow = &client->follow;
    if (follow->is_trying) return;
    follow->is_trying = true;
    why_not(follow, "the node that leads market %u is not at work yet", follow->market);
    if (client_channels_soft_again(client) > 0) return;
    follow->is_trying = false;
    set_state(client, TN_LEADER_HERE);
}

static void go(struct tn_client *client, uint32_t peer, const Tenor__V1__Node *leader)
{
    struct client_follow *follow = &client->follow;
    if (client->now_ms < follow->moved_ms + ASK_MS) return; /* nodes that name each other */
    if (client->now_ms < client->peers[peer].avoided_ms) {
        why_not(follow, "the node that leads market %u, at %.120s, does not answer", follow->market,
                leader->clients);
        return;
    }
    follow->is_moving = true;
    follow->moved_ms = client->now_ms;
    follow->next = peer;
    client_fail(client, "market %u is led by another node: going there", follow->market);
}

void client_follow_cluster(struct tn_client *client, const Tenor__V1__Cluster *cluster)
{
    struct client_follow *follow = &client->follow;
    see_this(client, cluster);
    if (follow->state != TN_LEADER_SOUGHT) return;
    const Tenor__V1__Node *leader = leader_of(client, cluster);
    if (leader == NULL) return;
    const uint32_t peer = leader->is_this ? client->node : peer_of(client, leader);
    if (peer == client->node) {
        if (leader->is_this) stay(client);
        return; /* else another address led here: the same node by two names */
    }
    if (peer == TN_NONE) {
        why_not(follow, "the node that leads market %u, at '%.120s', is none of this client's",
                follow->market, leader->clients);
        return;
    }
    go(client, peer, leader);
}

/* ---- Time, and the end of connections ----------------------------------------------------------
 */

static int64_t doubled(int64_t ms, uint32_t times)
{
    return ms << (times < DOUBLINGS_MAX ? times : DOUBLINGS_MAX);
}

static void ask(struct tn_client *client)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetCluster body = TENOR__V1__GET_CLUSTER__INIT;
    message.request = CLIENT_REQUEST_OWN + CLIENT_OWN_CLUSTER;
    message.body_case = TENOR__V1__TO_NODE__BODY_GET_CLUSTER;
    message.get_cluster = &body;
    (void)client_queue(client, &message, false); /* no room: again after ASK_MS */
}

bool client_follow_lost(struct tn_client *client, uint32_t *next)
{
    struct client_follow *follow = &client->follow;
    struct client_peer *peer = &client->peers[client->node];
    const bool is_moving = follow->is_moving;
    if (follow->market == 0) return false;
    if (follow->state == TN_LEADER_HERE) seek(client);
    follow->is_moving = follow->is_trying = false;
    follow->term = 0; /* the next node's word counts */
    if (is_moving) {
        *next = follow->next;
        return true;
    }
    peer->avoided_ms = client->now_ms + doubled(AVOID_LEAST_MS, peer->avoided_count);
    peer->avoided_count++;
    return false;
}

void client_follow_turn(struct tn_client *client)
{
    struct client_follow *follow = &client->follow;
    if (follow->state != TN_LEADER_SOUGHT) return;
    if (!follow->has_until) follow->until_ms = client->now_ms + follow->bound_ms;
    follow->has_until = true; /* a search may begin before the first turn says what time it is */
    if (follow->bound_ms > 0 && client->now_ms >= follow->until_ms) {
        set_state(client, TN_LEADER_NONE);
        return;
    }
    if (client->phase != CLIENT_UP || client->now_ms < follow->ask_ms) return;
    follow->ask_ms = client->now_ms + doubled(ASK_MS, follow->asked_count++ / ASKED_QUICKLY);
    ask(client);
}

int64_t client_follow_due(const struct tn_client *client)
{
    const struct client_follow *follow = &client->follow;
    if (follow->state != TN_LEADER_SOUGHT) return INT64_MAX;
    int64_t due = follow->bound_ms > 0 && follow->has_until ? follow->until_ms : INT64_MAX;
    if (client->phase == CLIENT_UP && follow->ask_ms < due) due = follow->ask_ms;
    return due;
}
