/* fetch: digests that this node looks for, and answers to peers that look for theirs.
 *
 * A want comes from a block that names a batch (kept until it comes, the host lets go of it, or has
 * not named it again for a minute) or from an announcement (given up after attempts_max).
 * Announcements count in the share of the peer that made them and are asked of those alone, so a
 * peer that announces what nobody has fills its own share and costs itself the questions; what it
 * keeps back is found by HEADS. A block's want goes to those that said they hold it first, then to
 * any. Each attempt waits twice as long as the one before. Wants that are due together and go to
 * one peer share a message. */
#include "gossip/internal.h"

enum { ASK_AGAIN_US = 20000, HOST_WANT_US = 60000000 };

static uint32_t want_key(const struct tn_gossip *gossip, const struct tn_hash *digest)
{
    return tn_index_hash(&gossip->wanted, tn_get_be(digest->bytes, 8));
}

struct want *tn_gossip_want_find(const struct tn_gossip *gossip, const struct tn_hash *digest)
{
    TN_INDEX_EACH (&gossip->wanted, want_key(gossip, digest), slot)
        if (tn_hash_equal(&gossip->wants[slot].digest, digest)) return &gossip->wants[slot];
    return NULL;
}

void tn_gossip_want_remove(struct tn_gossip *gossip, struct want *want)
{
    TN_ASSERT(want->used && gossip->wants_count > 0);
    tn_index_remove(&gossip->wanted, want_key(gossip, &want->digest),
                    (uint32_t)(want - gossip->wants));
    if (want->blamed != TN_PEER_ALL) gossip->peers[want->blamed].wants_count--;
    *want = (struct want){.used = false};
    gossip->wants_count--;
}

static void add_holder(struct want *want, uint16_t holder)
{
    if (holder == TN_PEER_ALL || want->holders_count == WANT_HOLDERS_MAX) return;
    for (uint32_t i = 0; i < want->holders_count; i++) {
        if (want->holders[i] == holder) return;
    }
    want->holders[want->holders_count++] = holder;
}

/* The host's want takes an announced one over: it is not given up, and in nobody's share. */
static void make_host_want(struct tn_gossip *gossip, struct want *want, int64_t first_us)
{
    if (want->host) return;
    if (want->blamed != TN_PEER_ALL) gossip->peers[want->blamed].wants_count--;
    want->blamed = TN_PEER_ALL;
    want->host = true;
    if (want->attempts == 0 && first_us < want->next_us) want->next_us = first_us;
}

/* For a host's want: an announced one goes, else the one that the host has not named for longest,
 * unless all were named just now. What a host still needs it names again and again; what a hostile
 * proposer made up it names no more once that block is given up. */
static void make_room(struct tn_gossip *gossip, int64_t now_us)
{
    struct want *oldest = NULL;
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        struct want *want = &gossip->wants[i];
        if (!want->used) continue;
        if (!want->host) {
            oldest = want;
            break;
        }
        if (oldest == NULL || want->renewed_us < oldest->renewed_us) oldest = want;
    }
    if (oldest == NULL || (oldest->host && oldest->renewed_us >= now_us)) return;
    tn_gossip_want_remove(gossip, oldest);
    count(gossip, TN_GOSSIP_COUNT_GIVEN_UP);
}

bool tn_gossip_want_add(struct tn_gossip *gossip, const struct tn_hash *digest, uint16_t holder,
                        bool host, int64_t first_us)
{
    TN_ASSERT(holder < gossip->peers_count || holder == TN_PEER_ALL);
    struct want *want = tn_gossip_want_find(gossip, digest);
    if (want != NULL) {
        add_holder(want, holder);
        if (host) make_host_want(gossip, want, first_us);
        if (host) want->renewed_us = first_us;
        return true;
    }
    bool over = !host && gossip->peers[holder].wants_count >= gossip->limits.wants_peer_max;
    if (host && gossip->wants_count == gossip->limits.wants_max) make_room(gossip, first_us);
    if (over || gossip->wants_count == gossip->limits.wants_max) {
        count(gossip, TN_GOSSIP_COUNT_WANTS_FULL);
        return false;
    }
    uint32_t slot = 0;
    while (gossip->wants[slot].used)
        slot++;
    want = &gossip->wants[slot];
    *want = (struct want){.used = true,
                          .host = host,
                          .blamed = host ? TN_PEER_ALL : holder,
                          .next_us = first_us,
                          .renewed_us = first_us,
                          .digest = *digest};
    add_holder(want, holder);
    tn_index_insert(&gossip->wanted, want_key(gossip, digest), slot);
    gossip->wants_count++;
    if (!host) gossip->peers[holder].wants_count++;
    return true;
}

bool tn_gossip_want(struct tn_gossip *gossip, const struct tn_hash *digest, uint16_t holder,
                    int64_t now_us)
{
    if (tn_gossip_find_record(gossip, digest) != NO_RECORD) return true;
    bool known = holder < gossip->peers_count && holder != gossip->self;
    return tn_gossip_want_add(gossip, digest, known ? holder : TN_PEER_ALL, true, now_us);
}

void tn_gossip_unwant(struct tn_gossip *gossip, const struct tn_hash *digest)
{
    struct want *want = tn_gossip_want_find(gossip, digest);
    if (want != NULL) tn_gossip_want_remove(gossip, want);
}

bool tn_gossip_on_announce(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes,
                           size_t size, int64_t now_us)
{
    struct announce announce;
    if (!tn_gossip_read_announce(&announce, bytes, size)) {
        count(gossip, TN_GOSSIP_COUNT_MALFORMED);
        return false;
    }
    const struct market *market = tn_gossip_find_market(gossip, announce.market);
    if (market == NULL || announce.term < market->term ||
        announce.sequence <= market->final.sequence ||
        announce.sequence - market->final.sequence > gossip->limits.window) {
        count(gossip, TN_GOSSIP_COUNT_OUTSIDE);
        return true;
    }
    if (tn_gossip_find_record(gossip, &announce.digest) != NO_RECORD) return true;
    tn_gossip_want_add(gossip, &announce.digest, from, false,
                       now_us + gossip->limits.announce_wait_us);
    return true;
}

/* ---- Asking ---- */

bool tn_gossip_may_ask(struct tn_gossip *gossip, uint16_t peer, int64_t now_us)
{
    struct tn_peer_rate rate = {gossip->limits.serve_fetches, gossip->limits.serve_fetches};
    return tn_peer_bucket_take(&gossip->peers[peer].asks, &rate, 1, now_us);
}

static uint16_t any_peer(struct tn_gossip *gossip)
{
    TN_ASSERT(gossip->peers_count > 1);
    uint64_t other = tn_random_below(&gossip->random, gossip->peers_count - 1u);
    return (uint16_t)(other >= gossip->self ? other + 1 : other);
}

/* Asks `peer` for all digests that are due and go to it. */
static void ask_for_due(struct tn_gossip *gossip, uint16_t peer)
{
    uint8_t *message = gossip->message;
    uint8_t digests_count = 0;
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        struct want *want = &gossip->wants[i];
        if (!want->due || want->asked != peer || digests_count == FETCH_DIGESTS_MAX) continue;
        memcpy(message + 3 + digests_count * TN_HASH_SIZE, want->digest.bytes, TN_HASH_SIZE);
        digests_count++;
        want->due = false;
    }
    message[0] = TN_PEER_BATCH_FETCH;
    message[1] = FETCH_BY_DIGEST;
    message[2] = digests_count;
    count(gossip, TN_GOSSIP_COUNT_FETCHES);
    gossip->host.send(gossip->host.context, peer, tn_peer_priority(TN_PEER_BATCH_FETCH), message,
                      3 + (size_t)digests_count * TN_HASH_SIZE);
}

static void make_due(struct tn_gossip *gossip, struct want *want, int64_t now_us)
{
    if (want->holders_count > 0 && (!want->host || want->attempts < want->holders_count)) {
        want->asked = want->holders[want->attempts % want->holders_count];
    } else {
        want->asked = any_peer(gossip);
    }
    uint32_t shift = want->attempts < BACKOFF_SHIFT_MAX ? want->attempts : BACKOFF_SHIFT_MAX;
    want->attempts++;
    want->next_us = now_us + (gossip->limits.fetch_us << shift);
    want->due = true;
}

void tn_gossip_wants_tick(struct tn_gossip *gossip, int64_t now_us)
{
    if (gossip->wants_count == 0 || gossip->peers_count < 2) return;
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        struct want *want = &gossip->wants[i];
        if (!want->used || want->next_us > now_us) continue;
        const bool is_let_go = want->host && now_us - want->renewed_us > HOST_WANT_US;
        if (is_let_go || (!want->host && want->attempts >= gossip->limits.attempts_max)) {
            tn_gossip_want_remove(gossip, want);
            count(gossip, TN_GOSSIP_COUNT_GIVEN_UP);
            continue;
        }
        make_due(gossip, want, now_us);
    }
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        struct want *want = &gossip->wants[i];
        if (!want->due) continue;
        if (tn_gossip_may_ask(gossip, want->asked, now_us)) {
            ask_for_due(gossip, want->asked);
        } else {
            want->due = false;
            want->next_us = now_us + ASK_AGAIN_US;
        }
    }
}

int64_t tn_gossip_wants_next_us(const struct tn_gossip *gossip)
{
    int64_t next_us = INT64_MAX;
    if (gossip->wants_count == 0) return next_us;
    for (uint32_t i = 0; i < gossip->limits.wants_max; i++) {
        const struct want *want = &gossip->wants[i];
        if (want->used && want->next_us < next_us) next_us = want->next_us;
    }
    return next_us;
}

/* ---- Answering ---- */

/* Sends one batch; false: the peer has had its share of bytes. */
static bool serve(struct tn_gossip *gossip, uint16_t to, const uint8_t *message, size_t size,
                  int64_t now_us)
{
    struct tn_peer_rate rate = {gossip->limits.serve_bytes, gossip->limits.serve_bytes};
    size_t cost = size < rate.burst ? size : rate.burst;
    if (!tn_peer_bucket_take(&gossip->peers[to].bytes, &rate, cost, now_us)) return false;
    gossip->host.send(gossip->host.context, to, TN_PRIORITY_BATCH, message, size);
    count(gossip, TN_GOSSIP_COUNT_SERVED);
    return true;
}

static bool serve_digest(struct tn_gossip *gossip, uint16_t to, const struct tn_hash *digest,
                         int64_t now_us)
{
    const uint8_t *message;
    size_t size;
    uint32_t index = tn_gossip_find_record(gossip, digest);
    if (index != NO_RECORD) {
        return serve(gossip, to, tn_gossip_record_message(gossip, index),
                     tn_gossip_record_at(gossip, index)->size, now_us);
    }
    if (gossip->host.stored == NULL ||
        !gossip->host.stored(gossip->host.context, digest, &message, &size)) {
        return false;
    }
    return serve(gossip, to, message, size, now_us);
}

static uint32_t serve_range(struct tn_gossip *gossip, uint16_t to, const struct fetch *fetch,
                            int64_t now_us)
{
    const struct market *market = tn_gossip_find_market(gossip, fetch->market);
    uint32_t served = 0;
    if (market == NULL || fetch->first > UINT64_MAX - FETCH_DIGESTS_MAX) return 0;
    for (uint32_t i = 0; i < FETCH_DIGESTS_MAX; i++) {
        uint32_t twins[2];
        if ((fetch->mask >> i & 1) == 0) continue;
        tn_gossip_find_place(gossip, market, fetch->term, fetch->first + i, twins);
        if (twins[0] == NO_RECORD) continue;
        if (!serve(gossip, to, tn_gossip_record_message(gossip, twins[0]),
                   tn_gossip_record_at(gossip, twins[0])->size, now_us)) {
            break;
        }
        served++;
    }
    return served;
}

bool tn_gossip_on_fetch(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us)
{
    struct fetch fetch;
    if (!tn_gossip_read_fetch(&fetch, bytes, size)) {
        count(gossip, TN_GOSSIP_COUNT_MALFORMED);
        return false;
    }
    struct tn_peer_rate rate = {gossip->limits.serve_fetches, gossip->limits.serve_fetches};
    if (!tn_peer_bucket_take(&gossip->peers[from].fetches, &rate, 1, now_us)) {
        count(gossip, TN_GOSSIP_COUNT_FETCH_REFUSED);
        return true;
    }
    uint32_t served = 0;
    if (fetch.digests == NULL) {
        served = serve_range(gossip, from, &fetch, now_us);
    } else {
        for (uint32_t i = 0; i < fetch.count; i++) {
            struct tn_hash digest;
            memcpy(digest.bytes, fetch.digests + i * TN_HASH_SIZE, TN_HASH_SIZE);
            if (serve_digest(gossip, from, &digest, now_us)) served++;
        }
    }
    if (served < fetch.count) count(gossip, TN_GOSSIP_COUNT_FETCH_REFUSED);
    return true;
}
