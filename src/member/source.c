/* source: what the chain asks for when it builds, judges and executes, and whom it tells.
 *
 * Batches stand in the gossip's pool and items in the waiting pool; TERM items are made here of the
 * signatures that the gossip holds. What the chain tells goes to the desks and to the node. */
#include "member/internal.h"

enum { FORCED_SEEN = 1024 }; /* no block has more: forced_max is a limit of the chain */

static void fill_batch(struct tn_member *member, struct tn_chain_batch *to,
                       const struct tn_gossip_batch *from)
{
    const struct own_batch *own = member_own_slot(member, &from->digest);
    const bool is_own = tn_hash_equal(&own->digest, &from->digest);
    *to = (struct tn_chain_batch){.digest = from->digest,
                                  .body = from->body,
                                  .body_size = from->body_size,
                                  .signature = from->signature,
                                  .is_own = is_own,
                                  .trace = is_own ? own->trace : 0};
}

static bool find_batch(void *context, struct tn_chain_batch *batch, const struct tn_hash *digest)
{
    struct tn_member *member = context;
    struct tn_gossip_batch found;
    if (!tn_gossip_find(member->gossip, digest, &found)) return false;
    fill_batch(member, batch, &found);
    return true;
}

static bool next_batch(void *context, struct tn_chain_batch *batch, uint32_t market, uint32_t term,
                       uint64_t sequence, const struct tn_hash *prev_digest)
{
    struct tn_gossip_batch found;
    const struct tn_gossip_head head = {
        .market = market, .term = term, .sequence = sequence - 1, .digest = *prev_digest};
    const struct tn_gossip *gossip = ((struct tn_member *)context)->gossip;
    if (tn_gossip_is_convicted(gossip, market, term)) return false;
    if (!tn_gossip_next(gossip, &head, term, &found)) return false;
    fill_batch(context, batch, &found);
    return true;
}

/* TERM items are made for the block; of others the index-th that is good now. */
static bool next_term_item(struct tn_member *member, const uint8_t **bytes, size_t *size,
                           uint32_t index)
{
    for (uint32_t place = 0; place < member->markets_count; place++) {
        if (!tn_member_term_item(member, place, bytes, size)) continue;
        if (index-- == 0) return true;
    }
    return false;
}

static bool next_item(void *context, const uint8_t **bytes, size_t *size, uint8_t kind,
                      uint32_t index)
{
    struct tn_member *member = context;
    struct tn_waiting_item item;
    if (kind == TN_ITEM_TERM) return next_term_item(member, bytes, size, index);
    if (index == 0) member->cursor = 0;
    while (tn_waiting_next(member->waiting, kind, &member->cursor, &item)) {
        if (!item.ready) continue;
        *bytes = item.bytes;
        *size = item.size;
        return true;
    }
    return false;
}

static void missing(void *context, const struct tn_hash *digest, const struct tn_chain_block *block)
{
    struct tn_member *member = context;
    tn_gossip_want(member->gossip, digest, block->header->proposer, member->clock.now_us);
}

/* What a block has of forced frames. */
struct forced {
    struct tn_hash hashes[FORCED_SEEN];
    uint32_t count;
    uint64_t bytes, weight; /* weight: of those that this node holds as well */
};

static void look_at_forced(const struct tn_member *member, struct forced *forced,
                           const struct tn_chain_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    *forced = (struct forced){.count = 0};
    if (!tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size)) return;
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        struct tn_waiting_item held;
        if (reader.kind != TN_ITEM_FORCED || forced->count == FORCED_SEEN) continue;
        struct tn_hash *hash = &forced->hashes[forced->count++];
        tn_keccak256(hash, reader.item_bytes, reader.item_size);
        forced->bytes += TN_ITEM_LENGTH_BYTES + reader.item_size;
        if (tn_waiting_find(member->waiting, hash, &held)) forced->weight += held.note.number;
    }
}

/* Is it not in the block, though there is room for it? */
static bool is_left_out(const struct tn_member *member, const struct forced *forced,
                        const struct tn_waiting_item *item)
{
    const struct tn_chain_limits *limits = &member->config.limits.chain;
    const uint64_t bytes = TN_ITEM_LENGTH_BYTES + 1 + (uint64_t)item->size;
    for (uint32_t i = 0; i < forced->count; i++)
        if (tn_hash_equal(&forced->hashes[i], &item->hash)) return false;
    return forced->bytes + bytes <= tn_chain_forced_bytes_max(limits) &&
           forced->weight + item->note.number <= tn_chain_forced_weight_max(limits);
}

/* A forced frame is overdue after 16 views or 4 Δmax, whichever is longer. No excuse: fewer than
 * forced_max in the block, and room for it. But whoever proposes may not be able to put in what
 * this node holds for good: when so many views in a row came to nothing, any block will do, so that
 * a chain waits for a frame, and never for ever. */
static bool overdue(void *context, const struct tn_chain_block *block)
{
    struct tn_member *member = context;
    const struct tn_sequencer_limits *limits = &member->config.limits.sequencer;
    const struct tn_block_header *header = block->header;
    int64_t wait_us = 4 * limits->delta_max_us;
    if (16 * limits->idle_us > wait_us) wait_us = 16 * limits->idle_us;
    if (header->view - header->parent_view > TN_CHAIN_PATIENCE_VIEWS) return false;
    struct forced forced;
    struct tn_waiting_item item;
    uint32_t cursor = 0;
    bool is_looked_at = false;
    while (tn_waiting_next(member->waiting, TN_ITEM_FORCED, &cursor, &item)) {
        if (!item.ready || member->clock.now_us - item.since_us <= wait_us) continue;
        if (!is_looked_at) look_at_forced(member, &forced, block);
        is_looked_at = true;
        if (forced.count >= member->config.limits.chain.forced_max) return false;
        if (is_left_out(member, &forced, &item)) return true;
    }
    return false;
}

static void told_receipt(void *context, const struct tn_chain_place *place,
                         const struct tn_market_step *step)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    if (out->receipt != NULL) out->receipt(out->context, place, step);
}

static void told_difference(void *context, const struct tn_chain_place *place,
                            enum tn_chain_difference difference, const char *what)
{
    struct tn_member *member = context;
    bool is_results = difference == TN_CHAIN_RESULTS;
    member->counters.results_wrong += is_results;
    member->counters.no_ops += !is_results;
    member_notice(member, is_results ? TN_NOTICE_RESULTS : TN_NOTICE_NO_OP, place->market, what);
}

static void told_inbox(void *context, uint32_t market, const struct tn_inbox *inbox)
{
    struct tn_member *member = context;
    tn_member_desk_inbox(member, tn_member_place(member, market), inbox);
}

static void told_term(void *context, uint32_t market, uint32_t term)
{
    struct tn_member *member = context;
    const struct tn_member_out *out = &member->config.out;
    uint32_t place = tn_member_place(member, market);
    member->terms_moved = true;
    if (out->term == NULL || place == TN_NONE) return;
    out->term(out->context, market, term, tn_chain_heads(member->chain)->streams[place].sequence);
}

void tn_member_ask_chain(struct tn_member *member)
{
    const struct tn_chain_source source = {.context = member,
                                           .batch = find_batch,
                                           .next_batch = next_batch,
                                           .item = next_item,
                                           .missing = missing,
                                           .overdue = overdue};
    const struct tn_chain_listener listener = {.context = member,
                                               .receipt = told_receipt,
                                               .difference = told_difference,
                                               .inbox = told_inbox,
                                               .term = told_term};
    tn_chain_ask(member->chain, &source);
    tn_chain_tell(member->chain, &listener);
}
