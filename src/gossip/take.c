/* take: a batch comes, from a peer, from this node's desk or from its log.
 *
 * What costs least is checked first: the header, whose chain and market, whether it is held or has
 * no place here; then the leader's signature over the digest, then that the body is what the digest
 * commits to. Only then does it cost memory. Two batches for one place are both kept, and told:
 * they are evidence, and a block may name either. A third is dropped unless a block has asked for
 * it. */
#include "gossip/internal.h"
#include "tenor/entries.h"

/* A batch on its way into the pool. */
struct incoming {
    struct tn_batch_header header;
    struct tn_hash digest;
    const uint8_t *signature; /* TN_SIGNATURE_SIZE bytes */
    const uint8_t *body;
    size_t body_size;
    struct market *market;
    bool asked_for; /* of a peer, for whatever reason */
    bool wanted;    /* a block names it: taken wherever it stands */
};

/* Puts it into the pool; NO_RECORD when there is no room. */
static uint32_t store(struct tn_gossip *gossip, const struct incoming *incoming, bool ahead,
                      int64_t now_us)
{
    uint32_t size = (uint32_t)incoming->body_size + TN_GOSSIP_BATCH_PREFIX;
    uint32_t index = tn_gossip_pool_take(gossip, incoming->market, size, ahead);
    if (index == NO_RECORD) {
        count(gossip, TN_GOSSIP_COUNT_POOL_FULL);
        return index;
    }
    struct record *record = tn_gossip_record_at(gossip, index);
    record->header = incoming->header;
    record->digest = incoming->digest;
    record->received_us = now_us;
    uint8_t *message = incoming->market->arena + record->offset;
    message[0] = TN_PEER_BATCH;
    memcpy(message + 1, incoming->signature, TN_SIGNATURE_SIZE);
    memcpy(message + TN_GOSSIP_BATCH_PREFIX, incoming->body, incoming->body_size);
    tn_gossip_pool_insert(gossip, index);
    return index;
}

static void tell_conflict(struct tn_gossip *gossip, struct market *market, uint32_t first,
                          uint32_t second)
{
    struct record *one = tn_gossip_record_at(gossip, first);
    struct record *other = tn_gossip_record_at(gossip, second);
    if (one->disputed) return;
    one->disputed = other->disputed = true;
    market->disputed = true;
    /* Of this term or the next: there are two places, and a later one would take this one's. */
    if (one->header.term >= market->term && one->header.term - market->term < 2)
        market->convicted[one->header.term % 2] = one->header.term;
    count(gossip, TN_GOSSIP_COUNT_CONFLICT);
    struct tn_gossip_batch batches[2];
    tn_gossip_show_record(gossip, first, &batches[0]);
    tn_gossip_show_record(gossip, second, &batches[1]);
    gossip->host.conflict(gossip->host.context, &batches[0], &batches[1]);
}

/* What follows from a batch that is in the pool now. */
static void settle(struct tn_gossip *gossip, struct market *market, uint32_t index, int64_t now_us)
{
    const struct record *record = tn_gossip_record_at(gossip, index);
    uint32_t twins[2];
    struct want *want = tn_gossip_want_find(gossip, &record->digest);
    if (want != NULL) tn_gossip_want_remove(gossip, want);
    if (tn_gossip_find_place(gossip, market, record->header.term, record->header.sequence, twins) >
        1) {
        tell_conflict(gossip, market, twins[0], twins[1]);
    }
    tn_gossip_pool_advance(gossip, market, false);
    tn_gossip_range_check(gossip, market, now_us);
    tn_gossip_stalls_check(gossip, market, now_us);
}

static bool drop(struct tn_gossip *gossip, enum tn_gossip_counter counter, bool honest)
{
    count(gossip, counter);
    return honest;
}

/* Reads what a BATCH message or a sealed batch holds. False: *honest says whether a peer that sends
 * it may be honest; it is counted. */
static bool look(struct tn_gossip *gossip, struct incoming *incoming, bool *honest)
{
    struct tn_stream_fault fault;
    *honest = false;
    if (incoming->body_size > gossip->limits.batch_bytes_max ||
        !tn_stream_read_batch_header(&incoming->header, &fault, incoming->body,
                                     incoming->body_size)) {
        return drop(gossip, TN_GOSSIP_COUNT_MALFORMED, false);
    }
    if (memcmp(incoming->header.chain_id, gossip->chain_id, sizeof(gossip->chain_id)) != 0) {
        return drop(gossip, TN_GOSSIP_COUNT_WRONG_CHAIN, false);
    }
    *honest = true;
    tn_keccak256(&incoming->digest, incoming->body, TN_BATCH_HEADER_BYTES);
    if (tn_gossip_find_record(gossip, &incoming->digest) != NO_RECORD) {
        return drop(gossip, TN_GOSSIP_COUNT_DUPLICATE, false);
    }
    incoming->market = tn_gossip_find_market(gossip, incoming->header.market);
    if (incoming->market == NULL) return drop(gossip, TN_GOSSIP_COUNT_UNKNOWN_LEADER, false);
    return true;
}

static bool has_place(struct tn_gossip *gossip, const struct incoming *incoming)
{
    const struct tn_batch_header *header = &incoming->header;
    uint32_t twins[2];
    if (incoming->wanted) return true;
    if (header->sequence == 0 || !tn_gossip_within_window(gossip, incoming->market, header)) {
        return drop(gossip, TN_GOSSIP_COUNT_OUTSIDE, false);
    }
    if (tn_gossip_find_place(gossip, incoming->market, header->term, header->sequence, twins) >=
        2) {
        return drop(gossip, TN_GOSSIP_COUNT_CONFLICT_MORE, false);
    }
    return true;
}

/* Does it extend what is held without a gap, as the first one for its place? */
static bool extends(const struct market *market, const struct tn_batch_header *header)
{
    return header->sequence == market->contiguous.sequence + 1 && header->term == market->term &&
           tn_hash_equal(&header->prev_digest, &market->contiguous.digest);
}

bool tn_gossip_on_batch(struct tn_gossip *gossip, uint16_t from, const uint8_t *bytes, size_t size,
                        int64_t now_us)
{
    if (size < TN_GOSSIP_BATCH_PREFIX) return drop(gossip, TN_GOSSIP_COUNT_MALFORMED, false);
    struct incoming incoming = {.signature = bytes + 1,
                                .body = bytes + TN_GOSSIP_BATCH_PREFIX,
                                .body_size = size - TN_GOSSIP_BATCH_PREFIX};
    bool honest;
    if (!look(gossip, &incoming, &honest)) return honest;
    const struct want *want = tn_gossip_want_find(gossip, &incoming.digest);
    incoming.asked_for = want != NULL;
    incoming.wanted = want != NULL && want->host; /* anybody can announce anything */
    if (!has_place(gossip, &incoming)) return true;

    uint16_t leader = TN_PEER_ALL;
    const struct tn_parsed_key *key = NULL;
    if (gossip->host.leader(gossip->host.context, incoming.header.market, incoming.header.term,
                            &leader, &key) != TN_GOSSIP_OK) {
        return drop(gossip, TN_GOSSIP_COUNT_UNKNOWN_LEADER, true);
    }
    struct tn_signature signature;
    memcpy(signature.bytes, incoming.signature, TN_SIGNATURE_SIZE);
    if (!gossip->signatures.verify_parsed(gossip->signatures.context, &incoming.digest, &signature,
                                          key)) {
        return drop(gossip, TN_GOSSIP_COUNT_BAD_SIGNATURE, false);
    }
    const bool is_good =
        gossip->host.judge != NULL && gossip->host.judge(gossip->host.context, &incoming.header,
                                                         incoming.body, incoming.body_size);
    /* Entries are hashed once, and it is the host who reads them: asked where it has not said so.
     */
    if (!is_good &&
        !tn_stream_entries_hold(&incoming.header, TN_CPU_BASE, incoming.body, incoming.body_size)) {
        return drop(gossip, TN_GOSSIP_COUNT_BAD_BODY, false);
    }
    const bool refused = gossip->host.judge != NULL && !is_good;
    if (refused) count(gossip, TN_GOSSIP_COUNT_REFUSED);
    bool first_hand = from == leader && !incoming.asked_for;
    bool ahead = !incoming.wanted && (refused || !extends(incoming.market, &incoming.header));
    uint32_t index = store(gossip, &incoming, ahead, now_us);
    if (index == NO_RECORD) return true;
    tn_gossip_record_at(gossip, index)->refused = refused;
    settle(gossip, incoming.market, index, now_us);
    if (first_hand) tn_gossip_spread_on(gossip, index, leader);
    struct tn_gossip_batch batch;
    tn_gossip_show_record(gossip, index, &batch);
    gossip->host.arrived(gossip->host.context, &batch);
    return true;
}

/* One that needs no check: sealed here, or out of the log. */
static uint32_t add_trusted(struct tn_gossip *gossip, const struct tn_signature *signature,
                            const uint8_t *body, size_t body_size, int64_t now_us)
{
    struct incoming incoming = {
        .signature = signature->bytes, .body = body, .body_size = body_size};
    bool honest;
    if (!look(gossip, &incoming, &honest)) return NO_RECORD;
    const struct market *market = incoming.market;
    if (incoming.header.sequence <= market->covered ||
        (incoming.header.sequence > market->final.sequence &&
         !tn_gossip_within_window(gossip, market, &incoming.header))) {
        count(gossip, TN_GOSSIP_COUNT_OUTSIDE);
        return NO_RECORD;
    }
    return store(gossip, &incoming, false, now_us);
}

static bool is_held(const struct tn_gossip *gossip, const uint8_t *body, size_t body_size)
{
    struct tn_hash digest;
    if (body_size < TN_BATCH_HEADER_BYTES) return false;
    tn_keccak256(&digest, body, TN_BATCH_HEADER_BYTES);
    return tn_gossip_find_record(gossip, &digest) != NO_RECORD;
}

bool tn_gossip_add_own(struct tn_gossip *gossip, const struct tn_signature *signature,
                       const uint8_t *body, size_t body_size, int64_t now_us)
{
    if (is_held(gossip, body, body_size)) return true;
    uint32_t index = add_trusted(gossip, signature, body, body_size, now_us);
    if (index == NO_RECORD) return false;
    struct record *record = tn_gossip_record_at(gossip, index);
    record->own = true;
    settle(gossip, tn_gossip_find_market(gossip, record->header.market), index, now_us);
    tn_gossip_spread_own(gossip, index);
    return true;
}

bool tn_gossip_add_stored(struct tn_gossip *gossip, const struct tn_signature *signature,
                          const uint8_t *body, size_t body_size, int64_t now_us)
{
    if (is_held(gossip, body, body_size)) return true;
    uint32_t index = add_trusted(gossip, signature, body, body_size, now_us);
    if (index == NO_RECORD) return false;
    settle(gossip, tn_gossip_find_market(gossip, tn_gossip_record_at(gossip, index)->header.market),
           index, now_us);
    return true;
}
