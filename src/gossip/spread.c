/* spread: who is told of a new batch.
 *
 * Up to push_all_max peers the leader pushes it to everybody. Above, a tree of two levels: the
 * peers but for the leader stand in an order that the batch's digest shuffles, the first ⌈√⌉ of
 * them are its relays and get it from the leader, and each relay pushes it to its share of the
 * rest, whom the leader only tells that it exists. All know the order, so nobody has to be told, no
 * peer gets a body twice, and the leader sends √n bodies. A relay that keeps it to itself costs its
 * share a wait, then they fetch it. */
#include "gossip/internal.h"

uint32_t tn_gossip_root_above(uint32_t n)
{
    uint32_t root = 0;
    while (root * root < n)
        root++;
    return root;
}

static void push(struct tn_gossip *gossip, uint16_t to, uint32_t index)
{
    gossip->host.send(gossip->host.context, to, TN_PRIORITY_BATCH,
                      tn_gossip_record_message(gossip, index),
                      tn_gossip_record_at(gossip, index)->size);
    uint64_t receivers = to == TN_PEER_ALL ? gossip->peers_count - 1u : 1u;
    gossip->counters[TN_GOSSIP_COUNT_PUSHED] += receivers;
}

/* All but the leader, shuffled; returns how many. */
static uint32_t tree_order(struct tn_gossip *gossip, const struct tn_hash *digest, uint16_t leader)
{
    uint32_t others = 0;
    uint64_t state = tn_get_be(digest->bytes, 8);
    for (uint16_t i = 0; i < gossip->peers_count; i++) {
        if (i != leader) gossip->order[others++] = i;
    }
    for (uint32_t i = others; i > 1; i--) {
        uint64_t other = tn_random_below(&state, i);
        uint16_t moved = gossip->order[i - 1];
        gossip->order[i - 1] = gossip->order[other];
        gossip->order[other] = moved;
    }
    return others;
}

void tn_gossip_spread_own(struct tn_gossip *gossip, uint32_t index)
{
    if (gossip->peers_count < 2) return;
    if (gossip->peers_count <= gossip->limits.push_all_max) {
        push(gossip, TN_PEER_ALL, index);
        return;
    }
    const struct record *record = tn_gossip_record_at(gossip, index);
    uint32_t others = tree_order(gossip, &record->digest, gossip->self);
    uint32_t relays = tn_gossip_root_above(others);
    uint8_t message[ANNOUNCE_BYTES];
    tn_gossip_write_announce(message, &(struct announce){.digest = record->digest,
                                                         .market = record->header.market,
                                                         .term = record->header.term,
                                                         .sequence = record->header.sequence});
    for (uint32_t i = 0; i < others; i++) {
        if (i < relays) {
            push(gossip, gossip->order[i], index);
        } else {
            gossip->host.send(gossip->host.context, gossip->order[i],
                              tn_peer_priority(TN_PEER_ANNOUNCE), message, sizeof(message));
        }
    }
}

void tn_gossip_spread_on(struct tn_gossip *gossip, uint32_t index, uint16_t leader)
{
    if (gossip->peers_count <= gossip->limits.push_all_max) return;
    uint32_t others = tree_order(gossip, &tn_gossip_record_at(gossip, index)->digest, leader);
    uint32_t relays = tn_gossip_root_above(others);
    uint32_t mine = 0;
    while (mine < relays && gossip->order[mine] != gossip->self)
        mine++;
    if (mine == relays) return;
    for (uint32_t i = relays + mine; i < others; i += relays)
        push(gossip, gossip->order[i], index);
}
