/* pool: sealed batches of each market, in the order they came.
 *
 * A market's records and bytes are two rings that turn together: a batch is taken at the tail and
 * let go at the front. A batch may go when a checkpoint covers its sequence, or when it is dead:
 * above the final head in a term that ended. Whatever is in the way of the front will be one or the
 * other as the head moves on, so nothing sits there for ever. When there is no room, final batches
 * go before they are covered (they are in the log), and batches where only a block that names them
 * has put them; others above the head never do, and those that do not extend what is held may only
 * use half, so the one that is missing finds room. */
#include "gossip/internal.h"

struct market *tn_gossip_find_market(const struct tn_gossip *gossip, uint32_t id)
{
    for (uint32_t i = 0; i < gossip->markets_count; i++) {
        if (gossip->markets[i].id == id) return &gossip->markets[i];
    }
    return NULL;
}

struct market *tn_gossip_add_market(struct tn_gossip *gossip, uint32_t id)
{
    TN_ASSERT(gossip->markets_count < gossip->limits.markets_max);
    struct market *market = &gossip->markets[gossip->markets_count++];
    market->id = id;
    market->silent_us = INT64_MAX;
    market->gap_us = INT64_MAX;
    market->range.failed = TN_PEER_ALL;
    return market;
}

static uint32_t market_slot(const struct tn_gossip *gossip, const struct market *market)
{
    return (uint32_t)(market - gossip->markets);
}

struct record *tn_gossip_record_at(const struct tn_gossip *gossip, uint32_t index)
{
    struct market *market = &gossip->markets[index / gossip->limits.batches_max];
    return &market->records[index % gossip->limits.batches_max];
}

/* How many came before it and are still there. */
static uint32_t age_of(const struct tn_gossip *gossip, uint32_t index)
{
    uint32_t most = gossip->limits.batches_max;
    return (index % most + most - gossip->markets[index / most].first) % most;
}

static uint32_t digest_key(const struct tn_index *index, const struct tn_hash *digest)
{
    return tn_index_hash(index, tn_get_be(digest->bytes, 8));
}

static uint32_t place_key(const struct tn_index *index, uint32_t market, uint64_t sequence)
{
    return tn_index_hash2(index, sequence, market);
}

uint32_t tn_gossip_find_record(const struct tn_gossip *gossip, const struct tn_hash *digest)
{
    TN_INDEX_EACH (&gossip->digests, digest_key(&gossip->digests, digest), index)
        if (tn_hash_equal(&tn_gossip_record_at(gossip, index)->digest, digest)) return index;
    return NO_RECORD;
}

uint32_t tn_gossip_find_place(const struct tn_gossip *gossip, const struct market *market,
                              uint32_t term, uint64_t sequence, uint32_t found[2])
{
    uint32_t places_count = 0;
    found[0] = found[1] = NO_RECORD;
    TN_INDEX_EACH (&gossip->places, place_key(&gossip->places, market->id, sequence), index) {
        const struct tn_batch_header *header = &tn_gossip_record_at(gossip, index)->header;
        if (header->market != market->id || header->term != term || header->sequence != sequence) {
            continue;
        }
        places_count++;
        if (found[0] == NO_RECORD || age_of(gossip, index) < age_of(gossip, found[0])) {
            found[1] = found[0];
            found[0] = index;
        } else if (found[1] == NO_RECORD || age_of(gossip, index) < age_of(gossip, found[1])) {
            found[1] = index;
        }
    }
    return places_count;
}

uint32_t tn_gossip_find_next(const struct tn_gossip *gossip, const struct market *market,
                             const struct tn_gossip_head *head, uint32_t term)
{
    uint32_t next = NO_RECORD;
    if (head->sequence == UINT64_MAX) return next;
    TN_INDEX_EACH (&gossip->places, place_key(&gossip->places, market->id, head->sequence + 1),
                   index) {
        const struct record *record = tn_gossip_record_at(gossip, index);
        if (record->header.market != market->id || record->header.term != term) continue;
        if (record->header.sequence != head->sequence + 1 || record->refused) continue;
        if (!tn_hash_equal(&record->header.prev_digest, &head->digest)) continue;
        if (next == NO_RECORD || age_of(gossip, index) < age_of(gossip, next)) next = index;
    }
    return next;
}

const uint8_t *tn_gossip_record_message(const struct tn_gossip *gossip, uint32_t index)
{
    return gossip->markets[index / gossip->limits.batches_max].arena +
           tn_gossip_record_at(gossip, index)->offset;
}

void tn_gossip_show_record(const struct tn_gossip *gossip, uint32_t index,
                           struct tn_gossip_batch *batch)
{
    const struct record *record = tn_gossip_record_at(gossip, index);
    const uint8_t *message = tn_gossip_record_message(gossip, index);
    *batch = (struct tn_gossip_batch){.header = record->header,
                                      .digest = record->digest,
                                      .body = message + TN_GOSSIP_BATCH_PREFIX,
                                      .body_size = record->size - TN_GOSSIP_BATCH_PREFIX,
                                      .received_us = record->received_us,
                                      .own = record->own,
                                      .refused = record->refused};
    memcpy(batch->signature.bytes, message + 1, TN_SIGNATURE_SIZE);
}

/* ---- Room ---- */

static void drop_front(struct tn_gossip *gossip, struct market *market)
{
    TN_ASSERT(market->ring.count > 0);
    uint32_t index = market_slot(gossip, market) * gossip->limits.batches_max + market->first;
    const struct record *record = &market->records[market->first];
    if (record->header.sequence > market->final.sequence) {
        market->open_bytes -= record->size;
        market->open_count--;
    }
    tn_index_remove(&gossip->digests, digest_key(&gossip->digests, &record->digest), index);
    tn_index_remove(&gossip->places,
                    place_key(&gossip->places, market->id, record->header.sequence), index);
    ring_give(&market->ring, record->size);
    market->first = (market->first + 1) % gossip->limits.batches_max;
}

static bool is_dead(const struct market *market, const struct record *record)
{
    if (record->header.sequence <= market->covered) return true;
    return record->header.sequence > market->final.sequence && record->header.term < market->term;
}

void tn_gossip_pool_prune(struct tn_gossip *gossip, struct market *market)
{
    while (market->ring.count > 0 && is_dead(market, &market->records[market->first])) {
        drop_front(gossip, market);
        count(gossip, TN_GOSSIP_COUNT_PRUNED);
    }
}

/* A peer may have executed the end of a term that is not executed here. Batches of later terms,
 * which their leader can sign today, would sit in the pool until those terms are over. */
enum { TERMS_AHEAD = 1 };

bool tn_gossip_within_window(const struct tn_gossip *gossip, const struct market *market,
                             const struct tn_batch_header *header)
{
    return header->term >= market->term && header->term - market->term <= TERMS_AHEAD &&
           header->sequence > market->final.sequence &&
           header->sequence - market->final.sequence <= gossip->limits.window;
}

/* Has the one in front its time yet to come? Not where only a block's word put it: the next block
 * that names it asks for it again, and mostly there is none. */
static bool is_kept(const struct tn_gossip *gossip, const struct market *market)
{
    const struct tn_batch_header *header = &market->records[market->first].header;
    return tn_gossip_within_window(gossip, market, header) ||
           (header->term == market->term && header->sequence > market->final.sequence &&
            header->sequence <= market->contiguous.sequence);
}

static bool has_room(const struct tn_gossip *gossip, const struct market *market, uint32_t size)
{
    return market->ring.count < gossip->limits.batches_max &&
           ring_place(&market->ring, size) != RING_FULL;
}

static bool half_free(const struct tn_gossip *gossip, const struct market *market, uint32_t size)
{
    return market->open_bytes + size <= market->ring.size / 2 &&
           market->open_count < gossip->limits.batches_max / 2;
}

uint32_t tn_gossip_pool_take(struct tn_gossip *gossip, struct market *market, uint32_t size,
                             bool ahead)
{
    if (ahead && !half_free(gossip, market, size)) return NO_RECORD;
    while (!has_room(gossip, market, size)) {
        if (market->ring.count == 0) return NO_RECORD;
        if (is_kept(gossip, market)) return NO_RECORD;
        drop_front(gossip, market);
        count(gossip, TN_GOSSIP_COUNT_EVICTED);
    }
    uint64_t offset = ring_place(&market->ring, size);
    uint32_t slot = (market->first + market->ring.count) % gossip->limits.batches_max;
    ring_take(&market->ring, offset, size);
    market->records[slot] = (struct record){.offset = offset, .size = size};
    return market_slot(gossip, market) * gossip->limits.batches_max + slot;
}

void tn_gossip_pool_insert(struct tn_gossip *gossip, uint32_t index)
{
    const struct record *record = tn_gossip_record_at(gossip, index);
    TN_ASSERT(tn_gossip_find_record(gossip, &record->digest) == NO_RECORD);
    tn_index_insert(&gossip->digests, digest_key(&gossip->digests, &record->digest), index);
    tn_index_insert(&gossip->places,
                    place_key(&gossip->places, record->header.market, record->header.sequence),
                    index);
    struct market *market = &gossip->markets[index / gossip->limits.batches_max];
    if (record->header.sequence > market->final.sequence) {
        market->open_bytes += record->size;
        market->open_count++;
    }
    count(gossip, TN_GOSSIP_COUNT_ADDED);
}

void tn_gossip_pool_finalize(struct tn_gossip *gossip, struct market *market,
                             const struct tn_gossip_head *head)
{
    TN_ASSERT(head->sequence >= market->final.sequence);
    for (uint32_t i = 0; i < market->ring.count; i++) {
        const struct record *record =
            &market->records[(market->first + i) % gossip->limits.batches_max];
        if (record->header.sequence <= market->final.sequence) continue;
        if (record->header.sequence > head->sequence) continue;
        market->open_bytes -= record->size;
        market->open_count--;
    }
    market->final = *head;
}

void tn_gossip_pool_advance(struct tn_gossip *gossip, struct market *market, bool restart)
{
    if (restart) market->contiguous = market->final;
    for (;;) {
        uint32_t next = tn_gossip_find_next(gossip, market, &market->contiguous, market->term);
        if (next == NO_RECORD) return;
        const struct record *record = tn_gossip_record_at(gossip, next);
        market->contiguous.term = record->header.term;
        market->contiguous.sequence = record->header.sequence;
        market->contiguous.digest = record->digest;
    }
}
