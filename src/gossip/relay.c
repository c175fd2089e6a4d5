/* relay: telling the set of items that wait.
 *
 * Who has an item first, from its own client or core, tells everybody and again until it is gone,
 * each time after twice the wait. Kinds whose suppression must not depend on that one node are
 * passed on once by every node that learns of them: to everybody in a small set, to √n others drawn
 * by the seed in a large one. */
#include "gossip/waiting_internal.h"

enum { RESEND_SHIFT_MAX = 6 };

static size_t make_message(struct tn_waiting *waiting, uint32_t slot, const uint8_t *bytes)
{
    const struct item *item = &waiting->items[slot];
    waiting->message[0] = TN_PEER_ITEM;
    waiting->message[1] = item->kind;
    memcpy(waiting->message + ITEM_PREFIX, bytes, item->size);
    return item->size + (size_t)ITEM_PREFIX;
}

static void send(struct tn_waiting *waiting, uint16_t to, size_t size)
{
    uint64_t receivers = to == TN_PEER_ALL ? waiting->peers_count - 1u : 1u;
    waiting->counters[TN_WAITING_COUNT_SENT] += receivers;
    waiting->host.send(waiting->host.context, to, tn_peer_priority(TN_PEER_ITEM), waiting->message,
                       size);
}

static void tell_all(struct tn_waiting *waiting, uint32_t slot, const uint8_t *bytes,
                     int64_t now_us)
{
    struct item *item = &waiting->items[slot];
    item->resend_at_us = now_us + (waiting->limits.resend_us << item->resends);
    if (item->resend_at_us < waiting->resend_next_us) waiting->resend_next_us = item->resend_at_us;
    if (item->resends < RESEND_SHIFT_MAX) item->resends++;
    if (waiting->peers_count > 1) send(waiting, TN_PEER_ALL, make_message(waiting, slot, bytes));
}

static void pass_on(struct tn_waiting *waiting, uint32_t slot, const uint8_t *bytes)
{
    uint16_t from = waiting->items[slot].from;
    size_t size = make_message(waiting, slot, bytes);
    if (waiting->peers_count <= waiting->limits.push_all_max) {
        for (uint16_t i = 0; i < waiting->peers_count; i++) {
            if (i != waiting->self && i != from) send(waiting, i, size);
        }
        return;
    }
    for (uint32_t i = tn_gossip_root_above(waiting->peers_count); i > 0; i--) {
        uint64_t to = tn_random_below(&waiting->random, waiting->peers_count);
        if (to != waiting->self && to != from) send(waiting, (uint16_t)to, size);
    }
}

void tn_waiting_tell(struct tn_waiting *waiting, uint32_t slot, const uint8_t *bytes,
                     int64_t now_us)
{
    const struct item *item = &waiting->items[slot];
    if (item->from == TN_PEER_SELF) {
        tell_all(waiting, slot, bytes, now_us);
    } else if (item->ready && waiting->limits.kinds[item->kind].relay) {
        pass_on(waiting, slot, bytes);
    }
}

void tn_waiting_tick(struct tn_waiting *waiting, int64_t now_us)
{
    if (now_us < waiting->resend_next_us) return;
    waiting->resend_next_us = INT64_MAX;
    for (uint32_t kind = 1; kind < TN_WAITING_KINDS; kind++) {
        for (uint32_t i = waiting->kinds[kind].head; i != TN_NONE; i = waiting->items[i].next) {
            int64_t at_us = waiting->items[i].resend_at_us;
            if (at_us <= now_us) {
                tell_all(waiting, i, tn_waiting_bytes(waiting, i), now_us);
            } else if (at_us < waiting->resend_next_us) {
                waiting->resend_next_us = at_us;
            }
        }
    }
}

int64_t tn_waiting_next_us(const struct tn_waiting *waiting)
{
    return waiting->resend_next_us;
}

void tn_waiting_peer_up(struct tn_waiting *waiting, uint16_t peer, int64_t now_us)
{
    (void)now_us;
    TN_ASSERT(peer < waiting->peers_count && peer != waiting->self);
    for (uint32_t kind = 1; kind < TN_WAITING_KINDS; kind++) {
        for (uint32_t i = waiting->kinds[kind].head; i != TN_NONE; i = waiting->items[i].next) {
            if (waiting->items[i].from != TN_PEER_SELF) continue;
            send(waiting, peer, make_message(waiting, i, tn_waiting_bytes(waiting, i)));
        }
    }
}
