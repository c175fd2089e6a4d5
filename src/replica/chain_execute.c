/* chain_execute: a final block: batches market by market, then items, then all roots.
 *
 * Nothing in a final block can fail. Its batches' results are held against what their leaders
 * signed: a difference is counted and told, and execution goes on with its own. Should a batch be
 * one that no judge would have let pass, what is left of its BLOCKs is consumed all the same, so
 * that the market's cursor is where every tip says it is. */
#include "replica/chain.h"
#include "tenor/own.h"

static void append(struct tn_chain *chain, struct tn_proof_range *range, enum tn_proof_kind kind,
                   const struct tn_hash *leaf)
{
    struct tn_hash nodes[TN_PROOF_SIDES + 1];
    uint64_t place = 2 * range->count - (uint64_t)__builtin_popcountll(range->count);
    uint32_t count = tn_proof_range_append(range, nodes, leaf);
    const struct tn_chain_listener *listener = &chain->listener;
    for (uint32_t i = 0; i < count && listener->node != NULL; i++)
        listener->node(listener->context, kind, place + i, &nodes[i]);
}

static void append_withdrawal(struct tn_chain *chain, const struct tn_event *event)
{
    struct tn_proof_range *range = &chain->heads.withdrawals;
    const struct tn_chain_listener *listener = &chain->listener;
    uint8_t body[TN_PROOF_WITHDRAWAL_SIZE];
    struct tn_hash leaf;
    tn_shard_write_withdrawal(body, &chain->shards[chain->at], event, chain->heads.height);
    tn_proof_range_leaf(&leaf, TN_PROOF_WITHDRAWALS, range->count, body, sizeof body);
    append(chain, range, TN_PROOF_WITHDRAWALS, &leaf);
    if (listener->withdrawal != NULL) {
        listener->withdrawal(listener->context, range->count - 1, body);
    }
}

static void tell_difference(struct tn_chain *chain, enum tn_chain_difference difference,
                            const char *what)
{
    const struct tn_chain_listener *listener = &chain->listener;
    if (difference == TN_CHAIN_NO_OP) chain->counters.no_ops++;
    if (difference == TN_CHAIN_RESULTS) chain->counters.results_wrong++;
    if (listener->difference != NULL) {
        listener->difference(listener->context, &chain->place, difference, what);
    }
}

void tn_chain_step(void *context, const struct tn_market_step *step)
{
    struct tn_chain *chain = context;
    const struct tn_chain_listener *listener = &chain->listener;
    if (chain->place.sequence == chain->applying) chain->place.entry = step->index;
    for (uint32_t i = 0; i < step->events_count; i++) {
        if (shard_is_withdrawal(&step->events[i])) append_withdrawal(chain, &step->events[i]);
        tn_chain_note_remit(chain, step, &step->events[i]);
    }
    if (listener->receipt != NULL) listener->receipt(listener->context, &chain->place, step);
    if (step->fault != TN_REJECT_NONE && step->item == 0) {
        tell_difference(chain, TN_CHAIN_NO_OP, tn_reject_text((enum tn_reject)step->fault));
    }
}

/* ---- Batches ---- */

static void apply_batch(struct tn_chain *chain, const struct tn_chain_batch *batch,
                        const struct tn_batch_header *header)
{
    const struct tn_market_out out = {.step = tn_chain_step, .context = chain};
    struct tn_chain_stream *stream = &chain->heads.streams[chain->at];
    struct tn_market *market = chain->shards[chain->at].market;
    struct tn_market_executed executed;
    struct tn_stream_fault fault;
    chain->place = (struct tn_chain_place){
        .market = header->market, .term = header->term, .sequence = header->sequence};
    chain->applying = header->sequence;
    bool is_whole =
        batch->is_own
            ? tn_market_execute_own_batch(market, &executed, &fault, &chain->scratch, &out,
                                          batch->body, batch->body_size, batch->trace)
            : tn_market_execute_batch(market, &executed, &fault, &chain->scratch, &out, batch->body,
                                      batch->body_size);
    chain->applying = UINT64_MAX;
    if (!is_whole) {
        tell_difference(chain, TN_CHAIN_NO_OP, fault.what);
    } else if (!tn_hash_equal(&executed.results_digest, &header->results_digest)) {
        tell_difference(chain, TN_CHAIN_RESULTS,
                        "its results are not what its entries bring about");
    }
    while (tn_market_cursor(market) < header->last_block &&
           tn_market_consume(market, &chain->scratch, &out)) {
    }
    stream->cursor = tn_market_cursor(market);
    stream->sequence = header->sequence;
    stream->digest = batch->digest;
    stream->entries_count += header->entries_count;
    chain->counters.batches++;
    chain->counters.batches_own += batch->is_own;
    chain->counters.entries += header->entries_count;
}

static struct tn_hash digest_of(const struct tn_chain_block *block, uint32_t index)
{
    struct tn_hash digest;
    memcpy(digest.bytes, block->body + (size_t)index * TN_HASH_SIZE, TN_HASH_SIZE);
    return digest;
}

/* Are all batches here, each with the body that its header says? */
static bool fetch_all(struct tn_chain *chain, const struct tn_chain_block *block)
{
    bool is_whole = true;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        struct tn_hash digest = digest_of(block, i);
        struct tn_chain_batch batch;
        struct tn_batch_header header;
        if (tn_chain_fetch_batch(chain, &batch, &chain->batches[i], &digest) &&
            tn_chain_check_body(chain, &header, batch.body, batch.body_size))
            continue;
        is_whole = false;
        if (chain->source.missing != NULL) {
            chain->source.missing(chain->source.context, &digest, block);
        }
    }
    return is_whole;
}

static void apply_batches(struct tn_chain *chain, const struct tn_chain_block *block)
{
    for (chain->at = 0; chain->at < chain->limits.markets_count; chain->at++) {
        uint32_t market = chain->limits.markets[chain->at].market;
        uint64_t before = chain->heads.streams[chain->at].entries_count;
        for (uint32_t i = 0; i < block->header->batches_count; i++) {
            struct tn_hash digest = digest_of(block, i);
            struct tn_chain_batch batch;
            struct tn_batch_header header;
            if (chain->batches[i].market != market) continue;
            bool is_here = tn_chain_fetch_batch(chain, &batch, &header, &digest);
            TN_ASSERT(is_here); /* it was, a moment ago */
            apply_batch(chain, &batch, &header);
        }
        const struct tn_chain_stream *stream = &chain->heads.streams[chain->at];
        if (stream->entries_count == before) continue;
        const struct tn_ledger *ledger = tn_exchange_ledger(chain->shards[chain->at].exchange);
        tn_registry_sequenced(chain->registry, market, stream->entries_count - before,
                              ledger->house[TN_HOUSE_FEES]);
    }
}

/* ---- The block ---- */

static void make_exits(struct tn_chain *chain)
{
    uint32_t each = chain->limits.exit_blocks;
    if (each == 0 || chain->heads.height % each != 0) return;
    tn_chain_exit_coming(chain);
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        struct tn_chain_stream *stream = &chain->heads.streams[i];
        tn_shard_exit_take(&chain->shards[i], &chain->hands, chain->heads.height);
        tn_shard_exit_hash(&chain->shards[i], &chain->hands);
        tn_shard_exit_record(&chain->shards[i], stream->exit);
        stream->has_exit = true;
    }
}

static bool has_diverged(const struct tn_chain *chain, const struct tn_block_header *header)
{
    struct tn_hash root;
    if (!tn_chain_root_at(chain, &root, header->exec_height)) return false; /* too long ago */
    return !tn_hash_equal(&root, &header->exec_root);
}

enum tn_chain_verdict tn_chain_execute(struct tn_chain *chain, const struct tn_chain_block *block)
{
    struct tn_chain_heads *heads = &chain->heads;
    const struct tn_block_header *header = block->header;
    int64_t parent_ms = (int64_t)heads->block.time_ms;
    struct tn_hash leaf;
    TN_ASSERT(header->height == heads->height + 1 && (header->flags & TN_BLOCK_SEAL) == 0);
    TN_ASSERT(header->batches_count <= CHAIN_BATCHES && block->body_size == header->body_size);
    if (!fetch_all(chain, block)) return TN_CHAIN_WAIT;
    bool is_diverged = has_diverged(chain, header);
    heads->height = header->height;
    heads->block = *header;
    heads->block_hash = block->hash;
    tn_registry_begin_block(chain->registry, header);
    apply_batches(chain, block);
    tn_chain_execute_items(chain, block, parent_ms);
    tn_registry_end_block(chain->registry);
    tn_chain_follow_terms(chain);
    tn_proof_range_leaf(&leaf, TN_PROOF_BLOCKS, heads->blocks.count, block->hash.bytes,
                        TN_HASH_SIZE);
    append(chain, &heads->blocks, TN_PROOF_BLOCKS, &leaf);
    for (uint32_t i = 0; i < chain->limits.markets_count; i++)
        tn_shard_follow(&chain->shards[i], &chain->room);
    make_exits(chain);
    tn_chain_take_root(chain);
    tn_chain_note_past(chain);
    tn_chain_drop_tips(chain);
    chain->counters.blocks++;
    return is_diverged ? TN_CHAIN_BAD : TN_CHAIN_OK;
}
