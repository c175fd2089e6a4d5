/* gossip: memory, messages by kind, timers, and the calls about finality.
 *
 * One object for all markets. A market begins with its first final head; its bytes, records, claims
 * and stalls are laid out at init for markets_max of them. Nothing is decided here: pool.c keeps,
 * take.c checks, spread.c, fetch.c and heads.c tell and ask, stall.c watches. */
#include "gossip/internal.h"

static bool limits_fit(const struct tn_gossip_limits *limits)
{
    uint64_t largest = limits->batch_bytes_max + (uint64_t)TN_GOSSIP_BATCH_PREFIX;
    return limits->markets_max > 0 && limits->markets_max <= TN_GOSSIP_MARKETS_MAX &&
           limits->peers_max > 0 && limits->peers_max <= TN_PEERS_MAX && limits->batches_max >= 4 &&
           (uint64_t)limits->batches_max * limits->markets_max <= UINT64_C(1) << 26 &&
           limits->batch_bytes_max >= TN_BATCH_HEADER_BYTES && largest <= TN_PEER_BATCH_MAX &&
           limits->batch_bytes_total >= 4 * largest &&
           limits->batch_bytes_total <= UINT64_C(1) << 40 && limits->window > 0 &&
           limits->wants_max > 0 && limits->wants_max <= 1u << 20 && limits->serve_fetches > 0 &&
           limits->serve_bytes > 0 && limits->heads_us > 0 && limits->announce_wait_us > 0 &&
           limits->announce_wait_us < INT64_C(1) << 40 && limits->fetch_us > 0 &&
           limits->fetch_us < INT64_C(1) << 40 && limits->stall_us > 0;
}

/* Where the parts lie; with gossip NULL it only measures. */
static size_t lay_out(struct tn_gossip *gossip, const struct tn_gossip_limits *limits)
{
    uint8_t *base = (uint8_t *)gossip;
    uint32_t records = limits->markets_max * limits->batches_max;
    size_t at = tn_align(sizeof(*gossip));
    size_t markets = at, peers, wants, digests, places, wanted;
    at += tn_align(limits->markets_max * sizeof(struct market));
    peers = at, at += tn_align(limits->peers_max * sizeof(struct peer));
    wants = at, at += tn_align(limits->wants_max * sizeof(struct want));
    digests = at, at += tn_align(tn_index_cells(records) * sizeof(uint64_t));
    places = at, at += tn_align(tn_index_cells(records) * sizeof(uint64_t));
    wanted = at, at += tn_align(tn_index_cells(limits->wants_max) * sizeof(uint64_t));
    if (gossip != NULL) {
        gossip->markets = (struct market *)(void *)(base + markets);
        gossip->peers = (struct peer *)(void *)(base + peers);
        gossip->wants = (struct want *)(void *)(base + wants);
        tn_index_init(&gossip->digests, (uint64_t *)(void *)(base + digests), records,
                      limits->seed);
        tn_index_init(&gossip->places, (uint64_t *)(void *)(base + places), records, limits->seed);
        tn_index_init(&gossip->wanted, (uint64_t *)(void *)(base + wanted), limits->wants_max,
                      limits->seed);
    }
    for (uint32_t i = 0; i < limits->markets_max; i++) {
        size_t record = at, claims, stalls, arena;
        at += tn_align(limits->batches_max * sizeof(struct record));
        claims = at, at += tn_align(limits->peers_max * sizeof(uint64_t));
        stalls = at, at += tn_align(limits->peers_max * sizeof(struct tn_gossip_stall));
        arena = at, at += tn_align(limits->batch_bytes_total);
        if (gossip == NULL) continue;
        gossip->markets[i].records = (struct record *)(void *)(base + record);
        gossip->markets[i].claims = (uint64_t *)(void *)(base + claims);
        gossip->markets[i].stalls = (struct tn_gossip_stall *)(void *)(base + stalls);
        gossip->markets[i].arena = base + arena;
        gossip->markets[i].ring.size = limits->batch_bytes_total;
    }
    return at;
}

size_t tn_gossip_size(const struct tn_gossip_limits *limits)
{
    return limits_fit(limits) ? lay_out(NULL, limits) : 0;
}

struct tn_gossip *tn_gossip_init(void *memory, const struct tn_gossip_limits *limits,
                                 const struct tn_gossip_host *host,
                                 const struct tn_signatures *signatures, const uint8_t chain_id[32],
                                 uint16_t self, uint16_t peers_count)
{
    TN_ASSERT(limits_fit(limits) && (uintptr_t)memory % 64 == 0);
    struct tn_gossip *gossip = memory;
    gossip->limits = *limits;
    gossip->host = *host;
    gossip->signatures = *signatures;
    memcpy(gossip->chain_id, chain_id, sizeof(gossip->chain_id));
    gossip->random = limits->seed;
    lay_out(gossip, limits);
    tn_gossip_set_peers(gossip, self, peers_count);
    return gossip;
}

void tn_gossip_set_peers(struct tn_gossip *gossip, uint16_t self, uint16_t peers_count)
{
    TN_ASSERT(peers_count <= gossip->limits.peers_max && self < peers_count);
    gossip->self = self;
    gossip->peers_count = peers_count;
    struct tn_peer_rate fetches = {gossip->limits.serve_fetches, gossip->limits.serve_fetches};
    struct tn_peer_rate stalls = tn_gossip_stalls_rate(gossip);
    struct tn_peer_rate bytes = {gossip->limits.serve_bytes, gossip->limits.serve_bytes};
    for (uint32_t i = 0; i < gossip->limits.peers_max; i++) {
        tn_peer_bucket_init(&gossip->peers[i].fetches, &fetches, 0);
        tn_peer_bucket_init(&gossip->peers[i].asks, &fetches, 0);
        tn_peer_bucket_init(&gossip->peers[i].stalls, &stalls, 0);
        tn_peer_bucket_init(&gossip->peers[i].bytes, &bytes, 0);
        gossip->peers[i].wants_count = 0;
    }
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        struct want *want = &gossip->wants[i];
        if (!want->used) continue;
        want->holders_count = 0;
        want->blamed = TN_PEER_ALL; /* its peer has another index now; it ends by itself */
    }
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        struct market *market = &gossip->markets[i];
        memset(market->claims, 0, gossip->limits.peers_max * sizeof(market->claims[0]));
        market->range = (struct range){.failed = TN_PEER_ALL};
        market->gap_us = INT64_MAX;
    }
    tn_gossip_stalls_forget(gossip);
}

const uint64_t *tn_gossip_counters(const struct tn_gossip *gossip)
{
    return gossip->counters;
}

bool tn_gossip_message(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                       int64_t now_us)
{
    TN_ASSERT(from != gossip->self);
    /* Observers are served; what they say of the stream does not count. */
    bool is_served = from < gossip->limits.peers_max && size > 0 && bytes[0] == TN_PEER_BATCH_FETCH;
    if (from >= gossip->peers_count && !is_served) {
        count(gossip, TN_GOSSIP_COUNT_OUTSIDE);
        return true;
    }
    if (size > 0 && size <= tn_peer_bytes_max(bytes[0])) {
        switch (bytes[0]) {
            case TN_PEER_BATCH: return tn_gossip_on_batch(gossip, from, bytes, size, now_us);
            case TN_PEER_ANNOUNCE: return tn_gossip_on_announce(gossip, from, bytes, size, now_us);
            case TN_PEER_BATCH_FETCH: return tn_gossip_on_fetch(gossip, from, bytes, size, now_us);
            case TN_PEER_HEADS: return tn_gossip_on_heads(gossip, from, bytes, size, now_us);
            case TN_PEER_STALL:
            case TN_PEER_RESIGN: return tn_gossip_on_stall(gossip, from, bytes, size, now_us);
        }
    }
    count(gossip, TN_GOSSIP_COUNT_MALFORMED);
    return false;
}

void tn_gossip_tick(struct tn_gossip *gossip, int64_t now_us)
{
    tn_gossip_heads_tick(gossip, now_us);
    tn_gossip_wants_tick(gossip, now_us);
    tn_gossip_ranges_tick(gossip, now_us);
    tn_gossip_stalls_tick(gossip, now_us);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t tn_gossip_next_us(const struct tn_gossip *gossip)
{
    int64_t next_us = INT64_MAX;
    if (gossip->peers_count > 1) {
        next_us = sooner(gossip->heads_next_us, tn_gossip_wants_next_us(gossip));
    }
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        const struct market *market = &gossip->markets[i];
        if (gossip->peers_count > 1)
            next_us = sooner(next_us, tn_gossip_range_next_us(gossip, market));
        next_us = sooner(next_us, tn_gossip_stall_us(gossip, market));
    }
    return next_us;
}

void tn_gossip_peer_up(struct tn_gossip *gossip, uint16_t peer, int64_t now_us)
{
    (void)now_us;
    TN_ASSERT(peer < gossip->peers_count && peer != gossip->self);
    if (gossip->markets_count > 0) tn_gossip_send_heads(gossip, peer);
}

bool tn_gossip_find(const struct tn_gossip *gossip, const struct tn_hash *digest,
                    struct tn_gossip_batch *batch)
{
    uint32_t index = tn_gossip_find_record(gossip, digest);
    if (index == NO_RECORD) return false;
    tn_gossip_show_record(gossip, index, batch);
    return true;
}

bool tn_gossip_next(const struct tn_gossip *gossip, const struct tn_gossip_head *head,
                    uint32_t term, struct tn_gossip_batch *batch)
{
    const struct market *market = tn_gossip_find_market(gossip, head->market);
    if (market == NULL) return false;
    uint32_t index = tn_gossip_find_next(gossip, market, head, term);
    if (index == NO_RECORD) return false;
    tn_gossip_show_record(gossip, index, batch);
    return true;
}

bool tn_gossip_contiguous(const struct tn_gossip *gossip, uint32_t market_id,
                          struct tn_gossip_head *head)
{
    const struct market *market = tn_gossip_find_market(gossip, market_id);
    if (market == NULL) return false;
    *head = market->contiguous;
    return true;
}

/* ---- Finality ---- */

void tn_gossip_final(struct tn_gossip *gossip, const struct tn_gossip_head *head, uint32_t term,
                     int64_t now_us)
{
    struct market *market = tn_gossip_find_market(gossip, head->market);
    bool begins = market == NULL;
    if (begins) market = tn_gossip_add_market(gossip, head->market);
    if (!begins && term == market->term && head->sequence == market->final.sequence) return;
    TN_ASSERT(term >= market->term && head->sequence >= market->final.sequence);
    bool restart = begins || market->disputed || term != market->term ||
                   head->sequence >= market->contiguous.sequence;
    if (term != market->term) {
        memset(market->claims, 0, gossip->limits.peers_max * sizeof(market->claims[0]));
        market->range = (struct range){.failed = TN_PEER_ALL};
    }
    tn_gossip_pool_finalize(gossip, market, head);
    market->term = term;
    market->silent_us = INT64_MAX;
    market->told = false;
    tn_gossip_pool_advance(gossip, market, restart);
    tn_gossip_range_check(gossip, market, now_us);
    tn_gossip_stalls_check(gossip, market, now_us);
    tn_gossip_pool_prune(gossip, market);
}

void tn_gossip_covered(struct tn_gossip *gossip, uint32_t market_id, uint64_t sequence)
{
    struct market *market = tn_gossip_find_market(gossip, market_id);
    if (market == NULL) return;
    if (sequence > market->final.sequence) sequence = market->final.sequence;
    if (sequence <= market->covered) return;
    market->covered = sequence;
    tn_gossip_pool_prune(gossip, market);
}
