/* chain_tip: where streams and numbers stand at the end of a chain of blocks that are not executed.
 *
 * A tip is what execution would leave of them, known without executing: heads follow from the
 * headers of batches, terms and numbers from items, and cursors from both, since a market whose
 * inboxes are full by their count has the oldest consumed (by their bytes they never are: items
 * stop coming in long before). So a block can be judged as soon as its ancestors' bytes are here,
 * and every node judges it alike, however far each has executed. */
#include "replica/chain.h"

void tn_chain_executed_tip(const struct tn_chain *chain, struct chain_tip *tip)
{
    const struct tn_chain_heads *heads = &chain->heads;
    struct tn_registry_heads registry;
    tn_registry_heads(chain->registry, &registry);
    *tip = (struct chain_tip){.hash = heads->block_hash,
                              .height = heads->height,
                              .exec_height = heads->block.exec_height,
                              .deposits = registry.deposit_number,
                              .governance = registry.governance_number,
                              .time_ms = (int64_t)heads->block.time_ms};
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        tip->heads[i] = (struct chain_head){.term = stream->term,
                                            .sequence = stream->sequence,
                                            .digest = stream->digest,
                                            .cursor = stream->cursor,
                                            .term_ms = stream->term_ms};
    }
}

/* ---- Memory of tips ----------------------------------------------------------------------------
 */

bool tn_chain_cached_tip(struct tn_chain *chain, struct chain_tip *tip, const struct tn_hash *hash)
{
    for (uint32_t i = 0; i < CHAIN_TIPS; i++) {
        struct chain_tip *kept = &chain->tips[i];
        if (kept->height == 0 || !tn_hash_equal(&kept->hash, hash)) continue;
        kept->used_at = ++chain->now;
        *tip = *kept;
        return true;
    }
    return false;
}

void tn_chain_keep_tip(struct tn_chain *chain, const struct chain_tip *tip)
{
    struct chain_tip *place = &chain->tips[0];
    TN_ASSERT(tip->height > 0);
    for (uint32_t i = 0; i < CHAIN_TIPS; i++) {
        struct chain_tip *kept = &chain->tips[i];
        if (kept->height != 0 && tn_hash_equal(&kept->hash, &tip->hash)) {
            place = kept;
            break;
        }
        if (kept->used_at < place->used_at) place = kept;
    }
    *place = *tip;
    place->used_at = ++chain->now;
}

void tn_chain_drop_tips(struct tn_chain *chain)
{
    for (uint32_t i = 0; i < CHAIN_TIPS; i++) {
        if (chain->tips[i].height <= chain->heads.height) chain->tips[i] = (struct chain_tip){0};
    }
}

/* ---- One more block ----------------------------------------------------------------------------
 */

static void advance_items(const struct tn_chain *chain, struct chain_tip *tip,
                          const struct tn_chain_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    bool is_open =
        tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size);
    while (is_open && tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        struct tn_block_item item;
        if (reader.kind == TN_ITEM_DEPOSIT) tip->deposits++;
        if (reader.kind == TN_ITEM_GOVERNANCE) tip->governance++;
        if (reader.kind != TN_ITEM_TERM) continue;
        if (!tn_stream_read_block_item(&item, &fault, chain->scratch.stream, reader.item_bytes,
                                       reader.item_size))
            continue;
        uint32_t place = tn_chain_place_of(chain, item.as.term.head.market);
        if (place == TN_NONE) continue;
        tip->heads[place].term++;
        tip->heads[place].term_ms = (int64_t)block->header->time_ms;
    }
}

void tn_chain_advance_tip(const struct tn_chain *chain, struct chain_tip *tip,
                          const struct tn_chain_block *block, const struct tn_batch_header *batches)
{
    const struct tn_block_header *header = block->header;
    TN_ASSERT(header->height == tip->height + 1);
    for (uint32_t i = 0; i < header->batches_count; i++) {
        uint32_t place = tn_chain_place_of(chain, batches[i].market);
        if (place == TN_NONE) continue;
        struct chain_head *head = &tip->heads[place];
        head->sequence = batches[i].sequence;
        head->cursor = batches[i].last_block;
        tn_stream_batch_digest(&head->digest, &batches[i]);
    }
    advance_items(chain, tip, block);
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        uint64_t inboxes = chain->limits.markets[i].inboxes_max;
        struct chain_head *head = &tip->heads[i];
        if (header->height - head->cursor > inboxes) head->cursor = header->height - inboxes;
    }
    tip->hash = block->hash;
    tip->height = header->height;
    tip->exec_height = header->exec_height;
    tip->time_ms = (int64_t)header->time_ms;
    tip->is_judged = false;
    tip->has_unknown = false;
}

static bool advance(struct tn_chain *chain, struct chain_tip *tip,
                    const struct tn_chain_block *block)
{
    struct tn_batch_header *batches = chain->batches;
    const struct tn_block_header *header = block->header;
    bool is_whole = true;
    if (header->batches_count > CHAIN_BATCHES) return false;
    for (uint32_t i = 0; i < header->batches_count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        struct tn_chain_batch batch;
        if (tn_chain_fetch_batch(chain, &batch, &batches[i], &digest)) continue;
        is_whole = false;
        if (chain->source.missing != NULL) {
            chain->source.missing(chain->source.context, &digest, block);
        }
    }
    if (!is_whole) return false;
    tn_chain_advance_tip(chain, tip, block, batches);
    chain->counters.tips_made++;
    tn_chain_keep_tip(chain, tip);
    return true;
}

bool tn_chain_find_tip(struct tn_chain *chain, struct chain_tip *tip, const struct chain_line *line)
{
    uint32_t from = line->count;
    while (from > 0 && !tn_chain_cached_tip(chain, tip, &line->ancestors[from - 1].hash))
        from--;
    if (from == 0) tn_chain_executed_tip(chain, tip);
    for (; from < line->count; from++) {
        const struct tn_chain_block *block = &line->ancestors[from];
        if (block->header->height != tip->height + 1) return false;
        if (block->body_size != block->header->body_size) return false;
        if (!advance(chain, tip, block)) return false;
    }
    return true;
}

/* ---- Along the line ----------------------------------------------------------------------------
 */

bool tn_chain_line_block(const struct tn_chain *chain, const struct chain_line *line,
                         uint64_t height, struct tn_hash *hash, int64_t *time_ms)
{
    uint64_t executed = chain->heads.height;
    if (height > executed) {
        if (height - executed > line->count) return false;
        const struct tn_chain_block *block = &line->ancestors[height - executed - 1];
        *hash = block->hash;
        *time_ms = (int64_t)block->header->time_ms;
        return true;
    }
    const struct chain_past *past = tn_chain_past(chain, height);
    if (past == NULL) return false;
    *hash = past->block_hash;
    *time_ms = past->time_ms;
    return true;
}

/* Age counts from the oldest block that was not consumed, so a market is never late for the pause
 * before a block; and only some heights behind, so that a chain which stood still, and has just
 * gone on, finds no leader late who could not have known. A leader has lag_ms from when his term
 * began. */
bool tn_chain_is_late(const struct tn_chain *chain, const struct chain_line *line,
                      const struct chain_tip *tip, const struct chain_head *head, uint64_t cursor)
{
    struct tn_hash hash;
    int64_t since_ms;
    uint64_t behind = tip->height > cursor ? tip->height - cursor : 0;
    if (behind <= chain->limits.exec_lag) return false;
    if (tip->time_ms - head->term_ms <= chain->limits.lag_ms) return false;
    if (behind >= CHAIN_RING_WINDOW) return true;
    if (!tn_chain_line_block(chain, line, cursor + 1, &hash, &since_ms)) return true;
    return tip->time_ms - since_ms > chain->limits.lag_ms;
}

bool tn_chain_tip(struct tn_chain *chain, struct tn_chain_stream *streams,
                  const struct tn_chain_block *ancestors, uint32_t ancestors_count)
{
    const struct chain_line line = {.ancestors = ancestors, .count = ancestors_count};
    struct chain_tip tip;
    if (!tn_chain_find_tip(chain, &tip, &line)) return false;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct chain_head *head = &tip.heads[i];
        streams[i] = (struct tn_chain_stream){.market = chain->limits.markets[i].market,
                                              .term = head->term,
                                              .sequence = head->sequence,
                                              .digest = head->digest,
                                              .cursor = head->cursor,
                                              .term_ms = head->term_ms};
    }
    return true;
}
