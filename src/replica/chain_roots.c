/* chain_roots: what stands under the state root beside the markets' own sections: heads of streams,
 * ranges, inboxes that wait, exits, past roots, the last block, the registry.
 *
 * Past roots are under the root because valid(block) compares a header's exec_root with one of
 * them: a chain restored from a snapshot must be as sure of them as one that executed them. A hash
 * chain over all heights does it: the ring of the last ones, and the link before the oldest. */
#include "replica/chain.h"

enum { STREAM_SIZE = 56, INBOXES_SIZE = 56, PAST_SIZE = 1 + TN_HASH_SIZE + 16 + 2 * TN_HASH_SIZE };
enum { TAG_PAST = 8 };

void tn_chain_link(struct tn_hash *link, const struct tn_hash *before,
                   const struct chain_past *past)
{
    uint8_t preimage[PAST_SIZE] = {TAG_PAST};
    uint8_t *at = preimage + 1;
    memcpy(at, before->bytes, TN_HASH_SIZE);
    tn_put_be(at + TN_HASH_SIZE, past->height, 8);
    tn_put_be(at + TN_HASH_SIZE + 8, (uint64_t)past->time_ms, 8);
    at += TN_HASH_SIZE + 16;
    memcpy(at, past->block_hash.bytes, TN_HASH_SIZE);
    memcpy(at + TN_HASH_SIZE, past->root.bytes, TN_HASH_SIZE);
    tn_keccak256(link, preimage, sizeof preimage);
}

void tn_chain_note_past(struct tn_chain *chain)
{
    const struct tn_chain_heads *heads = &chain->heads;
    struct chain_past *past = &chain->past[heads->height % TN_CHAIN_RING];
    struct tn_hash before = chain->past_before;
    if (heads->height > 0) before = chain->past[(heads->height - 1) % TN_CHAIN_RING].link;
    if (heads->height - chain->past_first == TN_CHAIN_RING) {
        chain->past_before = past->link;
        chain->past_first++;
    }
    *past = (struct chain_past){.height = heads->height,
                                .time_ms = (int64_t)heads->block.time_ms,
                                .block_hash = heads->block_hash,
                                .root = heads->root};
    tn_chain_link(&past->link, &before, past);
    chain->changed_ring |= UINT64_C(1) << (heads->height % TN_CHAIN_RING / TN_CHAIN_RING_CHUNK);
    chain->changed_heads = true;
}

static void stream_leaf(struct tn_hash *leaf, const struct tn_chain_stream *stream, uint32_t place)
{
    uint8_t body[STREAM_SIZE];
    tn_put_be(body, stream->market, 4);
    tn_put_be(body + 4, stream->term, 4);
    tn_put_be(body + 8, stream->sequence, 8);
    tn_put_be(body + 16, stream->entries_count, 8);
    memcpy(body + 24, stream->digest.bytes, TN_HASH_SIZE);
    tn_proof_leaf_body(leaf, TN_PROOF_STREAMS, place, body, sizeof body);
}

void tn_chain_inboxes_leaf(struct tn_hash *leaf, const struct tn_chain_stream *stream,
                           const struct tn_chain_inboxes *inboxes, uint32_t place)
{
    uint8_t body[INBOXES_SIZE];
    tn_put_be(body, stream->market, 4);
    tn_put_be(body + 4, stream->cursor, 8);
    tn_put_be(body + 12, (uint64_t)stream->term_ms, 8);
    tn_put_be(body + 20, inboxes->count, 4);
    memcpy(body + 24, inboxes->root.bytes, TN_HASH_SIZE);
    tn_proof_leaf_body(leaf, TN_PROOF_INBOXES, place, body, sizeof body);
}

void tn_chain_follow_terms(struct tn_chain *chain)
{
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        struct tn_chain_stream *stream = &chain->heads.streams[i];
        struct tn_registry_market market;
        uint32_t term = 0;
        if (tn_registry_market(chain->registry, stream->market, &market)) term = market.term;
        if (term == stream->term) continue;
        stream->term = term;
        stream->term_ms = (int64_t)chain->heads.block.time_ms;
        if (chain->listener.term != NULL) {
            chain->listener.term(chain->listener.context, stream->market, term);
        }
    }
}

static void range_globals(struct tn_chain_heads *heads)
{
    struct tn_hash *globals = heads->state.globals;
    tn_proof_range_root(&globals[TN_GLOBAL_BLOCKS], &heads->blocks, TN_PROOF_BLOCKS);
    tn_proof_range_root(&globals[TN_GLOBAL_WITHDRAWALS], &heads->withdrawals, TN_PROOF_WITHDRAWALS);
    globals[TN_GLOBAL_LAST_BLOCK] = heads->height > 0 ? heads->block_hash : (struct tn_hash){{0}};
}

void tn_chain_heads_globals(struct tn_chain_heads *heads, struct tn_hash *exits,
                            const struct tn_chain_inboxes *inboxes, uint32_t count)
{
    struct tn_hash streams[TN_STATE_MARKETS_MAX] = {{{0}}}, leaves[TN_STATE_MARKETS_MAX] = {{{0}}};
    struct tn_hash *globals = heads->state.globals;
    bool any_exit = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        stream_leaf(&streams[i], stream, i);
        tn_chain_inboxes_leaf(&leaves[i], stream, &inboxes[i], i);
        exits[i] = (struct tn_hash){{0}};
        if (!stream->has_exit) continue;
        any_exit = true;
        tn_proof_leaf_body(&exits[i], TN_PROOF_EXITS, stream->market, stream->exit,
                           TN_PROOF_EXIT_SIZE);
    }
    tn_state_small_root(&globals[TN_GLOBAL_STREAMS], TN_PROOF_STREAMS, streams, count);
    tn_state_small_root(&globals[TN_GLOBAL_INBOXES], TN_PROOF_INBOXES, leaves, count);
    globals[TN_GLOBAL_EXITS] = (struct tn_hash){{0}};
    if (any_exit) tn_state_small_root(&globals[TN_GLOBAL_EXITS], TN_PROOF_EXITS, exits, count);
    range_globals(heads);
}

void tn_chain_take_root(struct tn_chain *chain)
{
    struct tn_chain_heads *heads = &chain->heads;
    struct tn_hash *globals = heads->state.globals;
    struct tn_hash roots[TN_STATE_MARKETS_MAX] = {{{0}}}, exits[TN_STATE_MARKETS_MAX] = {{{0}}};
    struct tn_chain_inboxes inboxes[TN_CHAIN_MARKETS_MAX] = {0};
    uint32_t count = chain->limits.markets_count;
    heads->state.height = heads->height;
    for (uint32_t i = 0; i < count; i++) {
        inboxes[i].count = tn_market_inboxes_count(chain->shards[i].market);
        tn_market_inboxes_root(&inboxes[i].root, chain->shards[i].market);
    }
    tn_chain_heads_globals(heads, exits, inboxes, count);
    globals[TN_GLOBAL_ROOTS] = (struct tn_hash){{0}};
    if (heads->height > 0) {
        globals[TN_GLOBAL_ROOTS] = chain->past[(heads->height - 1) % TN_CHAIN_RING].link;
    }
    tn_registry_root(chain->registry, &globals[TN_GLOBAL_REGISTRY]);
    for (uint32_t i = 0; i < count; i++)
        tn_state_market_root(&roots[i], chain->shards[i].state);
    for (uint32_t i = 0; i < count; i++)
        tn_state_set_markets(chain->shards[i].state, roots, exits, count, i);
    tn_state_root(&heads->root, chain->shards[0].state, &heads->state);
}
