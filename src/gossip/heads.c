/* heads: how far everybody is, and asking for what others have and this node lacks.
 *
 * HEADS says, for each market, the last sequence held without a gap from the final head on; it is
 * repeated for ever, so it is also how a leader sends again: whoever learns from it that it lacks a
 * batch asks for the range. It asks only when the same gap has been there for announce_wait_us,
 * since HEADS overtakes the batches it speaks of, and it asks one peer at a time: one of those that
 * claim to hold more, never twice in a row the one that did not answer. A peer that claims what it
 * does not have costs one wait each time it is drawn. */
#include "gossip/internal.h"

void tn_gossip_send_heads(struct tn_gossip *gossip, uint16_t to)
{
    uint8_t *message = gossip->message;
    message[0] = TN_PEER_HEADS;
    message[1] = (uint8_t)gossip->markets_count;
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        struct tn_gossip_head head = gossip->markets[i].contiguous;
        head.term = gossip->markets[i].term;
        tn_gossip_write_head(message + 2 + i * HEAD_BYTES, &head);
    }
    gossip->host.send(gossip->host.context, to, tn_peer_priority(TN_PEER_HEADS), message,
                      2 + (size_t)gossip->markets_count * HEAD_BYTES);
}

void tn_gossip_heads_tick(struct tn_gossip *gossip, int64_t now_us)
{
    if (now_us < gossip->heads_next_us || gossip->peers_count < 2) return;
    gossip->heads_next_us = now_us + gossip->limits.heads_us;
    tn_gossip_stalls_resend(gossip);
    if (gossip->markets_count == 0) return;
    if (gossip->peers_count <= gossip->limits.push_all_max) {
        tn_gossip_send_heads(gossip, TN_PEER_ALL);
        return;
    }
    for (uint32_t i = tn_gossip_root_above(gossip->peers_count); i > 0; i--) {
        uint64_t to = tn_random_below(&gossip->random, gossip->peers_count);
        if (to != gossip->self) tn_gossip_send_heads(gossip, (uint16_t)to);
    }
}

static uint64_t best_claim(const struct tn_gossip *gossip, const struct market *market)
{
    uint64_t best = 0;
    for (uint32_t i = 0; i < gossip->peers_count; i++) {
        if (market->claims[i] > best) best = market->claims[i];
    }
    return best;
}

void tn_gossip_range_check(struct tn_gossip *gossip, struct market *market, int64_t now_us)
{
    struct range *range = &market->range;
    bool came = range->active && market->contiguous.sequence >= range->last;
    if (range->active && market->contiguous.sequence >= range->first) {
        /* The answer is coming: what of it is missing may be asked for again soon. */
        int64_t soon_us = now_us + gossip->limits.fetch_us;
        if (soon_us < range->deadline_us) range->deadline_us = soon_us;
        range->active = !came;
        range->attempts = 0;
        range->failed = TN_PEER_ALL;
    }
    if (best_claim(gossip, market) <= market->contiguous.sequence) {
        market->gap_us = INT64_MAX;
    } else if (came) {
        market->gap_us = now_us - gossip->limits.announce_wait_us; /* go on at once */
    } else if (market->gap_us == INT64_MAX || market->gap_sequence != market->contiguous.sequence) {
        market->gap_us = now_us;
    }
    market->gap_sequence = market->contiguous.sequence;
}

static void on_head(struct tn_gossip *gossip, uint16_t from, const struct tn_gossip_head *head,
                    int64_t now_us)
{
    struct market *market = tn_gossip_find_market(gossip, head->market);
    if (market == NULL || head->term != market->term) return;
    uint64_t most = market->final.sequence + gossip->limits.window;
    market->claims[from] = head->sequence < most ? head->sequence : most;
    bool open = head->sequence > market->final.sequence;
    if (open && head->sequence <= market->contiguous.sequence &&
        tn_gossip_find_record(gossip, &head->digest) == NO_RECORD) {
        /* Another batch stands where this node has one: both are wanted, as evidence. */
        tn_gossip_want_add(gossip, &head->digest, from, false,
                           now_us + gossip->limits.announce_wait_us);
    }
    tn_gossip_range_check(gossip, market, now_us);
}

bool tn_gossip_on_heads(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us)
{
    if (!tn_gossip_heads_well_formed(bytes, size)) {
        count(gossip, TN_GOSSIP_COUNT_MALFORMED);
        return false;
    }
    for (uint32_t i = 0; i < bytes[1]; i++) {
        struct tn_gossip_head head;
        tn_gossip_read_head(&head, bytes + 2 + i * HEAD_BYTES);
        on_head(gossip, from, &head, now_us);
    }
    return true;
}

/* One of the peers that claim more than this node has, TN_PEER_ALL when there is none. */
static uint16_t pick_claimer(struct tn_gossip *gossip, const struct market *market)
{
    uint16_t picked = TN_PEER_ALL;
    uint32_t claimers = 0;
    for (uint16_t i = 0; i < gossip->peers_count; i++) {
        if (i == gossip->self || market->claims[i] <= market->contiguous.sequence) continue;
        if (i == market->range.failed) continue;
        claimers++;
        if (tn_random_below(&gossip->random, claimers) == 0) picked = i;
    }
    if (claimers == 0 && market->range.failed != TN_PEER_ALL &&
        market->claims[market->range.failed] > market->contiguous.sequence) {
        return market->range.failed;
    }
    return picked;
}

/* The sequences that are missing up to the claim, from the first missing one on: bit i stands for
 * first + i. The first is asked for even when a batch that does not extend stands there. */
static uint64_t missing(const struct tn_gossip *gossip, const struct market *market, uint64_t first,
                        uint64_t claim)
{
    uint64_t mask = 1;
    for (uint64_t i = 1; i < FETCH_DIGESTS_MAX && i <= claim - first; i++) {
        uint32_t twins[2];
        if (tn_gossip_find_place(gossip, market, market->term, first + i, twins) == 0) {
            mask |= UINT64_C(1) << i;
        }
    }
    return mask;
}

static void ask_range(struct tn_gossip *gossip, struct market *market, int64_t now_us)
{
    struct range *range = &market->range;
    uint16_t peer = pick_claimer(gossip, market);
    if (peer == TN_PEER_ALL || !tn_gossip_may_ask(gossip, peer, now_us)) {
        market->gap_us = now_us; /* look again after announce_wait_us */
        return;
    }
    uint64_t first = market->contiguous.sequence + 1;
    uint64_t mask = missing(gossip, market, first, market->claims[peer]);
    uint32_t shift = range->attempts / 2; /* each goes to another peer: two before it doubles */
    if (shift > BACKOFF_SHIFT_MAX) shift = BACKOFF_SHIFT_MAX;
    range->active = true;
    range->peer = peer;
    range->first = first;
    range->last = first + 63 - (uint32_t)__builtin_clzll(mask);
    range->deadline_us = now_us + (gossip->limits.fetch_us << shift);
    uint8_t message[FETCH_RANGE_BYTES];
    tn_gossip_write_fetch_range(
        message,
        &(struct fetch){.market = market->id, .term = market->term, .first = first, .mask = mask});
    count(gossip, TN_GOSSIP_COUNT_FETCHES);
    gossip->host.send(gossip->host.context, peer, tn_peer_priority(TN_PEER_BATCH_FETCH), message,
                      sizeof(message));
}

static void range_tick(struct tn_gossip *gossip, struct market *market, int64_t now_us)
{
    struct range *range = &market->range;
    if (range->active) {
        if (now_us < range->deadline_us) return;
        range->active = false;
        if (market->contiguous.sequence < range->first) {
            range->failed = range->peer;
            range->attempts++;
        }
    }
    if (market->gap_us == INT64_MAX) return;
    if (now_us - market->gap_us >= gossip->limits.announce_wait_us) {
        ask_range(gossip, market, now_us);
    }
}

void tn_gossip_ranges_tick(struct tn_gossip *gossip, int64_t now_us)
{
    if (gossip->peers_count < 2) return;
    for (uint32_t i = 0; i < gossip->markets_count; i++)
        range_tick(gossip, &gossip->markets[i], now_us);
}

int64_t tn_gossip_range_next_us(const struct tn_gossip *gossip, const struct market *market)
{
    if (market->range.active) return market->range.deadline_us;
    if (market->gap_us == INT64_MAX) return INT64_MAX;
    return market->gap_us + gossip->limits.announce_wait_us;
}
