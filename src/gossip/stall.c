/* stall: markets whose leader has gone silent, and who says so.
 *
 * A market is silent while no valid batch extends its final head. After stall_us the host is told,
 * once for each head; at once, and whatever extends it, when the term's leader has signed two
 * batches for one place: no quorum may be able to get the same ones, and it will not be led better.
 * What the host signs is sent to all, and again with each HEADS for as long as that holds. Of each
 * voter the newest statement is kept, and only taken from the voter's own link, so that a bad one
 * is the fault of that link. Statements are not relayed: everybody makes his own. */
#include "gossip/internal.h"

/* Of each market. A head moves seldom while its market is silent. */
enum { STALLS_A_SECOND = 64 };

static bool same_head(const struct tn_gossip_head *a, const struct tn_gossip_head *b)
{
    return a->market == b->market && a->term == b->term && a->sequence == b->sequence &&
           tn_hash_equal(&a->digest, &b->digest);
}

/* The head that a STALL made now would name. */
static struct tn_gossip_head stall_head(const struct market *market)
{
    struct tn_gossip_head head = market->final;
    head.term = market->term;
    return head;
}

static bool is_convicted(const struct market *market)
{
    return market->term > 0 && market->convicted[market->term % 2] == market->term;
}

bool tn_gossip_is_convicted(const struct tn_gossip *gossip, uint32_t market_id, uint32_t term)
{
    const struct market *market = tn_gossip_find_market(gossip, market_id);
    return market != NULL && market->term == term && is_convicted(market);
}

int64_t tn_gossip_stall_us(const struct tn_gossip *gossip, const struct market *market)
{
    if (market->told) return INT64_MAX;
    if (is_convicted(market)) return 0; /* long ago */
    return market->silent_us == INT64_MAX ? INT64_MAX : market->silent_us + gossip->limits.stall_us;
}

void tn_gossip_stalls_again(struct tn_gossip *gossip)
{
    for (uint32_t i = 0; i < gossip->markets_count; i++)
        gossip->markets[i].told = false;
}

void tn_gossip_stalls_check(struct tn_gossip *gossip, struct market *market, int64_t now_us)
{
    if (tn_gossip_find_next(gossip, market, &market->final, market->term) != NO_RECORD) {
        market->silent_us = INT64_MAX;
    } else if (market->silent_us == INT64_MAX) {
        market->silent_us = now_us;
    }
}

void tn_gossip_stalls_tick(struct tn_gossip *gossip, int64_t now_us)
{
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        struct market *market = &gossip->markets[i];
        if (now_us < tn_gossip_stall_us(gossip, market)) continue;
        struct tn_gossip_head head = stall_head(market);
        market->told = true;
        gossip->host.stalled(gossip->host.context, &head);
    }
}

static void send_stall(struct tn_gossip *gossip, const struct tn_gossip_stall *stall)
{
    uint8_t message[STALL_BYTES];
    tn_gossip_write_stall(message, stall);
    gossip->host.send(gossip->host.context, TN_PEER_ALL, tn_peer_priority(stall->kind), message,
                      sizeof(message));
}

void tn_gossip_stalls_resend(struct tn_gossip *gossip)
{
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        struct market *market = &gossip->markets[i];
        struct tn_gossip_head head = stall_head(market);
        const struct tn_gossip_stall *own = &market->stalls[gossip->self];
        bool silent = market->silent_us != INT64_MAX || is_convicted(market);
        if (own->kind != 0 && silent && same_head(&own->head, &head)) send_stall(gossip, own);
        own = &market->resign;
        if (own->kind != 0 && own->voter == gossip->self && same_head(&own->head, &head)) {
            send_stall(gossip, own);
        }
    }
}

void tn_gossip_stalls_forget(struct tn_gossip *gossip)
{
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        struct market *market = &gossip->markets[i];
        market->resign = (struct tn_gossip_stall){.kind = 0};
        memset(market->stalls, 0, gossip->limits.peers_max * sizeof(market->stalls[0]));
    }
}

static struct tn_gossip_stall *place_of(struct market *market, const struct tn_gossip_stall *stall)
{
    return stall->kind == TN_PEER_RESIGN ? &market->resign : &market->stalls[stall->voter];
}

static bool drop(struct tn_gossip *gossip, bool honest)
{
    count(gossip, TN_GOSSIP_COUNT_STALL_DROPPED);
    return honest;
}

struct tn_peer_rate tn_gossip_stalls_rate(const struct tn_gossip *gossip)
{
    const uint64_t most = (uint64_t)STALLS_A_SECOND * gossip->limits.markets_max;
    return (struct tn_peer_rate){.rate = most, .burst = most};
}

bool tn_gossip_on_stall(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us)
{
    struct tn_gossip_stall stall;
    struct tn_peer_rate rate = tn_gossip_stalls_rate(gossip);
    if (!tn_gossip_read_stall(&stall, bytes, size)) {
        count(gossip, TN_GOSSIP_COUNT_MALFORMED);
        return false;
    }
    if (stall.voter != from) return drop(gossip, false);
    struct market *market = tn_gossip_find_market(gossip, stall.head.market);
    if (market == NULL || stall.head.term < market->term ||
        stall.head.sequence < market->final.sequence) {
        return drop(gossip, true);
    }
    /* There is one place for it: leaders of terms to come do not take it from this term's. */
    if (stall.kind == TN_PEER_RESIGN && stall.head.term > market->term) return drop(gossip, true);
    struct tn_gossip_stall *held = place_of(market, &stall);
    if (held->kind != 0 && held->voter == stall.voter && held->epoch == stall.epoch &&
        same_head(&held->head, &stall.head)) {
        return true;
    }
    if (!tn_peer_bucket_take(&gossip->peers[from].stalls, &rate, 1, now_us)) {
        return drop(gossip, true); /* it is sent again */
    }
    switch (gossip->host.stall_valid(gossip->host.context, &stall)) {
        case TN_GOSSIP_BAD: return drop(gossip, false);
        case TN_GOSSIP_LATER: return drop(gossip, true);
        case TN_GOSSIP_OK: *held = stall; return true;
    }
    TN_ASSERT(false);
    return false;
}

void tn_gossip_add_stall(struct tn_gossip *gossip, const struct tn_gossip_stall *stall,
                         int64_t now_us)
{
    (void)now_us;
    TN_ASSERT(stall->voter == gossip->self);
    TN_ASSERT(stall->kind == TN_PEER_STALL || stall->kind == TN_PEER_RESIGN);
    struct market *market = tn_gossip_find_market(gossip, stall->head.market);
    TN_ASSERT(market != NULL);
    *place_of(market, stall) = *stall;
    send_stall(gossip, stall);
}

uint32_t tn_gossip_stalls(const struct tn_gossip *gossip, const struct tn_gossip_head *head,
                          uint64_t epoch, struct tn_gossip_stall *stalls, uint32_t stalls_max,
                          uint64_t *weight, bool *resigned)
{
    const struct market *market = tn_gossip_find_market(gossip, head->market);
    uint32_t stalls_count = 0;
    *weight = 0;
    *resigned = false;
    if (market == NULL || stalls_max == 0) return 0;
    if (market->resign.kind != 0 && market->resign.epoch == epoch &&
        same_head(&market->resign.head, head)) {
        stalls[0] = market->resign;
        *resigned = true;
        return 1;
    }
    for (uint16_t i = 0; i < gossip->peers_count && stalls_count < stalls_max; i++) {
        const struct tn_gossip_stall *stall = &market->stalls[i];
        if (stall->kind == 0 || stall->epoch != epoch || !same_head(&stall->head, head)) continue;
        *weight += gossip->host.weight(gossip->host.context, i);
        stalls[stalls_count++] = *stall;
    }
    return stalls_count;
}
