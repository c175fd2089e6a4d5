/* layout: the small messages as bytes (gossip.md §2). Readers take exactly the bytes of their kind,
 * which begin with it; whatever they take would be written again as the same bytes. */
#include "gossip/internal.h"

void tn_gossip_write_announce(uint8_t out[ANNOUNCE_BYTES], const struct announce *announce)
{
    out[0] = TN_PEER_ANNOUNCE;
    memcpy(out + 1, announce->digest.bytes, TN_HASH_SIZE);
    tn_put_be(out + 33, announce->market, 4);
    tn_put_be(out + 37, announce->term, 4);
    tn_put_be(out + 41, announce->sequence, 8);
}

bool tn_gossip_read_announce(struct announce *announce, const uint8_t *bytes, size_t size)
{
    if (size != ANNOUNCE_BYTES) return false;
    memcpy(announce->digest.bytes, bytes + 1, TN_HASH_SIZE);
    announce->market = (uint32_t)tn_get_be(bytes + 33, 4);
    announce->term = (uint32_t)tn_get_be(bytes + 37, 4);
    announce->sequence = tn_get_be(bytes + 41, 8);
    return true;
}

void tn_gossip_write_fetch_range(uint8_t out[FETCH_RANGE_BYTES], const struct fetch *fetch)
{
    TN_ASSERT(fetch->mask != 0);
    out[0] = TN_PEER_BATCH_FETCH;
    out[1] = FETCH_BY_RANGE;
    tn_put_be(out + 2, fetch->market, 4);
    tn_put_be(out + 6, fetch->term, 4);
    tn_put_be(out + 10, fetch->first, 8);
    tn_put_be(out + 18, fetch->mask, 8);
}

bool tn_gossip_read_fetch(struct fetch *fetch, const uint8_t *bytes, size_t size)
{
    if (size < 3) return false;
    *fetch = (struct fetch){.count = bytes[2]};
    if (bytes[1] == FETCH_BY_DIGEST) {
        fetch->digests = bytes + 3;
        return fetch->count > 0 && fetch->count <= FETCH_DIGESTS_MAX &&
               size == 3 + (size_t)fetch->count * TN_HASH_SIZE;
    }
    if (bytes[1] != FETCH_BY_RANGE || size != FETCH_RANGE_BYTES) return false;
    fetch->market = (uint32_t)tn_get_be(bytes + 2, 4);
    fetch->term = (uint32_t)tn_get_be(bytes + 6, 4);
    fetch->first = tn_get_be(bytes + 10, 8);
    fetch->mask = tn_get_be(bytes + 18, 8);
    fetch->count = (uint8_t)__builtin_popcountll(fetch->mask);
    return fetch->mask != 0;
}

void tn_gossip_write_head(uint8_t out[HEAD_BYTES], const struct tn_gossip_head *head)
{
    tn_put_be(out, head->market, 4);
    tn_put_be(out + 4, head->term, 4);
    tn_put_be(out + 8, head->sequence, 8);
    memcpy(out + 16, head->digest.bytes, TN_HASH_SIZE);
}

void tn_gossip_read_head(struct tn_gossip_head *head, const uint8_t bytes[HEAD_BYTES])
{
    head->market = (uint32_t)tn_get_be(bytes, 4);
    head->term = (uint32_t)tn_get_be(bytes + 4, 4);
    head->sequence = tn_get_be(bytes + 8, 8);
    memcpy(head->digest.bytes, bytes + 16, TN_HASH_SIZE);
}

bool tn_gossip_heads_well_formed(const uint8_t *bytes, size_t size)
{
    if (size < 2 || bytes[1] > TN_GOSSIP_MARKETS_MAX) return false;
    return size == 2 + (size_t)bytes[1] * HEAD_BYTES;
}

void tn_gossip_write_stall(uint8_t out[STALL_BYTES], const struct tn_gossip_stall *stall)
{
    TN_ASSERT(stall->kind == TN_PEER_STALL || stall->kind == TN_PEER_RESIGN);
    out[0] = stall->kind;
    tn_put_be(out + 1, stall->epoch, 8);
    tn_gossip_write_head(out + 9, &stall->head);
    tn_put_be(out + 57, stall->voter, 2);
    memcpy(out + 59, stall->signature.bytes, TN_SIGNATURE_SIZE);
}

bool tn_gossip_read_stall(struct tn_gossip_stall *stall, const uint8_t *bytes, size_t size)
{
    if (size != STALL_BYTES) return false;
    *stall = (struct tn_gossip_stall){.kind = bytes[0], .epoch = tn_get_be(bytes + 1, 8)};
    tn_gossip_read_head(&stall->head, bytes + 9);
    stall->voter = (uint16_t)tn_get_be(bytes + 57, 2);
    memcpy(stall->signature.bytes, bytes + 59, TN_SIGNATURE_SIZE);
    return stall->kind == TN_PEER_STALL || stall->kind == TN_PEER_RESIGN;
}
