/* chain_validate: is this block good? docs/specs/chain.md §4, valid(b).
 *
 * Objective first: header, body, batches, items, in that order, each held against the tip of the
 * parent. What was found good is kept as the block's own tip, so asking again costs a look. Then
 * what is local: this node's clock, and what it thinks is overdue. */
#include "replica/chain.h"

/* The block that is judged, and what it is judged by. */
struct trial {
    struct tn_chain *chain;
    struct tn_chain_fault *fault;
    const struct tn_chain_block *block;
    struct chain_line line;
    struct chain_tip tip;                          /* of the parent */
    struct chain_head heads[TN_CHAIN_MARKETS_MAX]; /* as its batches move them on */
    uint32_t with_batches;                         /* a bit for each market */
    bool local;
    bool has_unknown;
};

static enum tn_chain_verdict say(struct tn_chain_fault *fault, enum tn_chain_verdict verdict,
                                 uint32_t at, const char *what)
{
    if (verdict != TN_CHAIN_OK) {
        fault->what = what;
        fault->at = at;
    }
    return verdict;
}

static enum tn_chain_verdict bad(struct trial *trial, uint32_t at, const char *what)
{
    return say(trial->fault, TN_CHAIN_BAD, at, what);
}

static enum tn_chain_verdict wait(struct trial *trial, uint32_t at, const char *what)
{
    return say(trial->fault, TN_CHAIN_WAIT, at, what);
}

/* ---- The header ---- */

static enum tn_chain_verdict check_parent(struct trial *trial)
{
    const struct tn_chain *chain = trial->chain;
    const struct tn_block_header *header = trial->block->header;
    const struct chain_line *line = &trial->line;
    const struct tn_block_header *parent = &chain->heads.block;
    const struct tn_hash *parent_hash = &chain->heads.block_hash;
    struct tn_registry_heads registry;
    tn_registry_heads(chain->registry, &registry);
    if (line->count > 0) {
        parent = line->ancestors[line->count - 1].header;
        parent_hash = &line->ancestors[line->count - 1].hash;
    }
    if ((header->flags & TN_BLOCK_SEAL) != 0) return bad(trial, TN_NONE, "it is a seal");
    if (header->epoch > registry.epoch) return wait(trial, TN_NONE, "it is of a later epoch");
    if (header->epoch < registry.epoch) return bad(trial, TN_NONE, "it is of an epoch that ended");
    if (header->height != parent->height + 1 || !tn_hash_equal(&header->parent_hash, parent_hash)) {
        return bad(trial, TN_NONE, "it does not follow its parent");
    }
    if (header->time_ms < parent->time_ms || header->time_ms > INT64_MAX) {
        return bad(trial, TN_NONE, "its time is before its parent's");
    }
    if (header->exec_height < parent->exec_height) {
        return bad(trial, TN_NONE, "its exec_height is below its parent's");
    }
    return TN_CHAIN_OK;
}

static enum tn_chain_verdict check_executed(struct trial *trial)
{
    const struct tn_chain *chain = trial->chain;
    const struct tn_block_header *header = trial->block->header;
    uint64_t lag = chain->limits.exec_lag;
    uint64_t highest = header->height > lag ? header->height - lag : 0;
    bool is_empty = (header->flags & TN_BLOCK_EMPTY) != 0;
    bool is_final = (header->flags & TN_BLOCK_EPOCH_FINAL) != 0;
    struct tn_validators next;
    struct tn_hash root, set = {{0}};
    if (header->exec_height > highest) return bad(trial, TN_NONE, "its exec_height is too new");
    if (is_empty != (header->body_size == 0)) return bad(trial, TN_NONE, "EMPTY is not what it is");
    if (header->height - header->exec_height > chain->limits.exec_lag_max && !is_empty) {
        return bad(trial, TN_NONE, "its exec_height is so old that it must be empty");
    }
    if (header->exec_height > chain->heads.height) {
        return wait(trial, TN_NONE, "its exec_height is not executed here");
    }
    if (!tn_chain_root_at(chain, &root, header->exec_height)) {
        return wait(trial, TN_NONE, "its exec_height is too long ago");
    }
    if (!tn_hash_equal(&root, &header->exec_root)) {
        trial->fault->wanted = root;
        trial->fault->is_divergence = true;
        return bad(trial, TN_NONE, "its exec_root is not the root here");
    }
    if (is_final !=
        tn_registry_is_epoch_final(chain->registry, header->height, header->exec_height)) {
        return bad(trial, TN_NONE, "EPOCH_FINAL is not what it is");
    }
    if (is_final) {
        tn_registry_next_set(chain->registry, &next, header->exec_height);
        tn_validators_hash(&set, &next);
    }
    if (!tn_hash_equal(&set, &header->next_set_hash)) {
        return bad(trial, TN_NONE, "its next set is another");
    }
    return TN_CHAIN_OK;
}

/* ---- Batches ---- */

static enum tn_chain_verdict check_one_batch(struct trial *trial, uint32_t index, uint32_t *place,
                                             uint32_t *count)
{
    struct tn_chain *chain = trial->chain;
    struct tn_batch_header *header = &chain->batches[index];
    struct tn_chain_batch batch;
    struct tn_hash digest;
    memcpy(digest.bytes, trial->block->body + (size_t)index * TN_HASH_SIZE, TN_HASH_SIZE);
    if (!tn_chain_fetch_batch(chain, &batch, header, &digest)) {
        if (chain->source.missing != NULL) {
            chain->source.missing(chain->source.context, &digest, trial->block);
        }
        return wait(trial, index, "a batch is missing");
    }
    uint32_t own = tn_chain_place_of(chain, header->market);
    if (own == TN_NONE || (*place != TN_NONE && own < *place)) {
        return bad(trial, index, "its batches are not in the order of markets");
    }
    *count = own == *place ? *count + 1 : 1;
    *place = own;
    if (*count > TN_CHAIN_BATCHES_MAX) return bad(trial, index, "a market has too many batches");
    struct chain_head *head = &trial->heads[own];
    const char *what =
        tn_chain_judge_batch(chain, header, &trial->line, &trial->tip, head, own, &batch);
    if (what != NULL) return bad(trial, index, what);
    head->sequence = header->sequence;
    head->cursor = header->last_block;
    head->digest = digest;
    trial->with_batches |= UINT32_C(1) << own;
    return TN_CHAIN_OK;
}

/* All that are missing are asked for, not only the first. */
static enum tn_chain_verdict check_batches(struct trial *trial)
{
    uint32_t place = TN_NONE, count = 0;
    uint64_t weight = 0;
    bool is_whole = true;
    if (trial->block->header->batches_count > CHAIN_BATCHES) {
        return bad(trial, TN_NONE, "it has too many batches");
    }
    for (uint32_t i = 0; i < trial->block->header->batches_count; i++) {
        if (!is_whole) { /* what follows a missing one cannot be judged */
            struct tn_chain_batch batch;
            struct tn_hash digest;
            memcpy(digest.bytes, trial->block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
            const struct tn_chain_source *source = &trial->chain->source;
            if (!tn_chain_fetch_batch(trial->chain, &batch, &trial->chain->batches[i], &digest) &&
                source->missing != NULL) {
                source->missing(source->context, &digest, trial->block);
            }
            continue;
        }
        enum tn_chain_verdict verdict = check_one_batch(trial, i, &place, &count);
        if (verdict == TN_CHAIN_BAD) return verdict;
        is_whole = verdict == TN_CHAIN_OK;
        weight += trial->chain->batches[i].weight;
    }
    if (!is_whole) return TN_CHAIN_WAIT;
    if (weight > trial->chain->limits.weight_max) {
        return bad(trial, TN_NONE, "its batches weigh too much");
    }
    return TN_CHAIN_OK;
}

/* ---- Items ---- */

/* A late market's term ends in the next block, whoever builds it; and no batch of a term stands in
 * the block that ends it. */
static enum tn_chain_verdict check_terms(struct trial *trial, uint32_t ended)
{
    const struct tn_chain *chain = trial->chain;
    if ((ended & trial->with_batches) != 0) {
        return bad(trial, TN_NONE, "it has a batch of a market whose term it ends");
    }
    if ((trial->block->header->flags & TN_BLOCK_EMPTY) != 0) return TN_CHAIN_OK;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct chain_head *head = &trial->tip.heads[i];
        if (head->term == 0 || (ended >> i & 1) != 0) continue;
        if (tn_chain_is_late(chain, &trial->line, &trial->tip, head, head->cursor)) {
            return bad(trial, TN_NONE, "a late market's term does not end");
        }
    }
    return TN_CHAIN_OK;
}

static enum tn_chain_verdict check_items(struct trial *trial)
{
    struct tn_chain *chain = trial->chain;
    const struct tn_chain_block *block = trial->block;
    struct chain_judge judge = {.line = &trial->line,
                                .tip = &trial->tip,
                                .exec_height = block->header->exec_height,
                                .deposits = trial->tip.deposits,
                                .governance = trial->tip.governance,
                                .local = trial->local};
    struct tn_body_reader reader;
    struct tn_block_item item;
    struct tn_stream_fault fault;
    enum tn_stream_step step;
    bool waits = false;
    uint64_t bytes = 0, weight = 0;
    uint32_t index = block->header->batches_count;
    if (!tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size)) {
        return bad(trial, TN_NONE, fault.what);
    }
    while ((step = tn_stream_body_next(&reader, &item, &fault, chain->scratch.stream)) ==
           TN_STREAM_ENTRY) {
        const char *what = NULL;
        bytes += TN_ITEM_LENGTH_BYTES + reader.item_size;
        weight += tn_stream_block_item_weight(&item);
        enum tn_chain_verdict verdict =
            tn_chain_judge_one(chain, &judge, &what, &trial->has_unknown, &item);
        if (verdict == TN_CHAIN_WAIT && item.kind == TN_ITEM_FORCED) {
            waits = true;
            (void)wait(trial, index, what);
        } else if (verdict != TN_CHAIN_OK) {
            return bad(trial, index, what);
        }
        index++;
    }
    if (step == TN_STREAM_FAULT) return bad(trial, index, fault.what);
    if (bytes > chain->limits.item_bytes_max || weight > chain->limits.weight_max / 4) {
        return bad(trial, TN_NONE, "its items are too much");
    }
    if (block->header->l1_cursor != judge.deposits) {
        return bad(trial, TN_NONE, "its l1_cursor is not the number of its last deposit");
    }
    enum tn_chain_verdict verdict = check_terms(trial, judge.ended);
    return verdict == TN_CHAIN_OK && waits ? TN_CHAIN_WAIT : verdict;
}

/* ---- All of it ---- */

static enum tn_chain_verdict check_objective(struct trial *trial)
{
    const struct tn_chain_block *block = trial->block;
    struct tn_stream_fault fault;
    enum tn_chain_verdict verdict = check_parent(trial);
    if (verdict == TN_CHAIN_OK) verdict = check_executed(trial);
    if (verdict != TN_CHAIN_OK) return verdict;
    if (block->body_size > TN_CHAIN_BODY_MAX) return bad(trial, TN_NONE, "its body is too large");
    if (!tn_stream_block_body_check(&fault, block->header, block->body, block->body_size)) {
        return bad(trial, TN_NONE, fault.what);
    }
    if (!tn_chain_find_tip(trial->chain, &trial->tip, &trial->line)) {
        return wait(trial, TN_NONE, "batches of its ancestors are missing");
    }
    memcpy(trial->heads, trial->tip.heads, sizeof trial->heads);
    verdict = check_batches(trial);
    return verdict == TN_CHAIN_OK ? check_items(trial) : verdict;
}

static enum tn_chain_verdict check_local(struct trial *trial, int64_t time_ms)
{
    struct tn_chain *chain = trial->chain;
    const struct tn_chain_source *source = &chain->source;
    if ((int64_t)trial->block->header->time_ms - chain->limits.clock_ahead_ms > time_ms) {
        return wait(trial, TN_NONE, "its time is ahead of this clock");
    }
    if (source->overdue != NULL && source->overdue(source->context, trial->block)) {
        return wait(trial, TN_NONE, "it leaves out what is overdue");
    }
    return TN_CHAIN_OK;
}

static enum tn_chain_verdict judge(struct trial *trial, int64_t time_ms)
{
    struct tn_chain *chain = trial->chain;
    struct chain_tip tip;
    bool is_known = tn_chain_cached_tip(chain, &tip, &trial->block->hash);
    if (!is_known || !tip.is_judged || (tip.has_unknown && trial->local)) {
        enum tn_chain_verdict verdict = check_objective(trial);
        if (verdict != TN_CHAIN_OK) return verdict;
        tip = trial->tip;
        tn_chain_advance_tip(chain, &tip, trial->block, chain->batches);
        tip.is_judged = true;
        tip.has_unknown = trial->has_unknown;
        tn_chain_keep_tip(chain, &tip);
    }
    return trial->local ? check_local(trial, time_ms) : TN_CHAIN_OK;
}

enum tn_chain_verdict tn_chain_validate(struct tn_chain *chain, struct tn_chain_fault *fault,
                                        const struct tn_chain_block *block,
                                        const struct tn_chain_block *ancestors,
                                        uint32_t ancestors_count, int64_t time_ms, bool local)
{
    struct trial trial = {.chain = chain,
                          .fault = fault,
                          .block = block,
                          .line = {.ancestors = ancestors, .count = ancestors_count},
                          .local = local};
    *fault = (struct tn_chain_fault){.at = TN_NONE};
    enum tn_chain_verdict verdict = judge(&trial, time_ms);
    if (verdict == TN_CHAIN_BAD) chain->counters.judged_bad++;
    if (verdict == TN_CHAIN_WAIT) chain->counters.judged_wait++;
    if (verdict == TN_CHAIN_OK) fault->what = NULL;
    return verdict;
}
