/* chain_build: a block out of what waits. What goes in is asked of the same judges that others will
 * ask, so that an honest proposer never builds a bad block.
 *
 * Each market first gets its share of the weight, whatever the others have; then what is left is
 * given away in the order of markets. A market whose term ends in the block gives no batch. */
#include "replica/chain.h"

enum { LAG_BYTES = 128, LAG_WEIGHT = 64 }; /* what a TERM without signatures has at most */

struct pick {
    struct tn_hash digests[TN_CHAIN_BATCHES_MAX];
    uint32_t count;
    struct chain_head head;
    bool is_done;
};

struct site {
    struct tn_chain *chain;
    struct chain_line line;
    struct chain_tip tip;
    struct pick picks[TN_CHAIN_MARKETS_MAX];
    uint64_t weight, items_weight;
    uint64_t item_bytes;
    uint32_t batches_max;                 /* that the body has room for */
    uint32_t late, ended;                 /* a bit for each market */
    uint64_t kept_bytes, kept_weight;     /* of the items', for the terms of late markets */
    uint64_t forced_bytes, forced_weight; /* likewise, for the forced frames that wait */
    struct tn_body_builder builder;
    struct chain_judge judge;
};

/* ---- Terms ---- */

/* Is the same item in an ancestor that is not executed yet? The pool has not heard of it. */
static bool is_in_line(const struct chain_line *line, const uint8_t *bytes, size_t size)
{
    for (uint32_t i = 0; i < line->count; i++) {
        const struct tn_chain_block *block = &line->ancestors[i];
        struct tn_body_reader reader;
        struct tn_stream_fault fault;
        if (!tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size)) {
            continue;
        }
        while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
            if (reader.item_size == size && memcmp(reader.item_bytes, bytes, size) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The index-th waiting item of a kind, into chain->item; false: there are no more. *is_good: it can
 * be read. */
static bool take_waiting(struct tn_chain *chain, struct tn_block_item *item, size_t *size,
                         bool *is_good, uint8_t kind, uint32_t index)
{
    const struct tn_chain_source *source = &chain->source;
    struct tn_stream_fault fault;
    const uint8_t *bytes;
    if (source->item == NULL || !source->item(source->context, &bytes, size, kind, index)) {
        return false;
    }
    *is_good = *size < TN_ITEM_BYTES_MAX;
    if (!*is_good) return true;
    chain->item[0] = kind;
    if (*size > 0) memcpy(chain->item + 1, bytes, *size);
    *size += 1;
    *is_good = tn_stream_read_block_item(item, &fault, chain->scratch.stream, chain->item, *size);
    return true;
}

/* Which terms end: those of late markets, and those of which it is proved. */
static void find_ends(struct site *site)
{
    struct tn_chain *chain = site->chain;
    struct chain_judge judge = site->judge;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct chain_head *head = &site->tip.heads[i];
        if (head->term > 0 &&
            tn_chain_is_late(chain, &site->line, &site->tip, head, head->cursor)) {
            site->late |= UINT32_C(1) << i;
        }
    }
    judge.ended = site->late;
    site->kept_bytes = (uint64_t)__builtin_popcount(site->late) * LAG_BYTES;
    site->kept_weight = (uint64_t)__builtin_popcount(site->late) * LAG_WEIGHT;
    struct tn_block_item item;
    size_t size;
    bool is_good;
    for (uint32_t n = 0; n < CHAIN_ITEMS_TRIED; n++) {
        const char *what;
        bool unknown = false;
        if (!take_waiting(chain, &item, &size, &is_good, TN_ITEM_TERM, n)) break;
        if (is_good) (void)tn_chain_judge_one(chain, &judge, &what, &unknown, &item);
    }
    site->ended = judge.ended;
}

/* ---- Batches ---- */

static void pick_batches(struct site *site, uint32_t place, uint64_t weight_max)
{
    struct tn_chain *chain = site->chain;
    const struct tn_chain_source *source = &chain->source;
    struct pick *pick = &site->picks[place];
    uint64_t taken = 0;
    uint32_t market = chain->limits.markets[place].market;
    while (!pick->is_done) {
        struct tn_chain_batch batch;
        struct tn_batch_header header;
        bool is_there = source->next_batch != NULL && pick->count < TN_CHAIN_BATCHES_MAX &&
                        site->batches_max > 0 &&
                        source->next_batch(source->context, &batch, market, pick->head.term,
                                           pick->head.sequence + 1, &pick->head.digest);
        if (!is_there) break;
        struct tn_stream_fault fault;
        const char *what = "a batch has no header";
        if (tn_stream_read_batch_header(&header, &fault, batch.body, batch.body_size)) {
            tn_stream_batch_digest(&batch.digest, &header);
            what = tn_chain_judge_batch(chain, &header, &site->line, &site->tip, &pick->head, place,
                                        &batch);
        }
        if (what != NULL) {
            chain->counters.batches_left_out++;
            break;
        }
        if (header.weight > weight_max - taken) return; /* maybe with what others leave */
        taken += header.weight;
        site->weight += header.weight;
        site->batches_max--;
        pick->digests[pick->count++] = batch.digest;
        pick->head.sequence = header.sequence;
        pick->head.digest = batch.digest;
        pick->head.cursor = header.last_block;
    }
    pick->is_done = true;
}

static void pick_all(struct site *site)
{
    const struct tn_chain_limits *limits = &site->chain->limits;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        struct pick *pick = &site->picks[i];
        pick->head = site->tip.heads[i];
        pick->count = 0;
        pick->is_done = pick->head.term == 0 || (site->ended >> i & 1) != 0;
        pick_batches(site, i, tn_chain_batch_weight_max(limits));
    }
    for (uint32_t i = 0; i < limits->markets_count; i++)
        pick_batches(site, i, limits->weight_max - site->weight);
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        for (uint32_t n = 0; n < site->picks[i].count; n++) {
            bool is_added = tn_stream_body_add_batch(&site->builder, &site->picks[i].digests[n]);
            TN_ASSERT(is_added);
        }
    }
}

/* ---- Items ---- */

/* What stands in chain->item. */
static bool add_item(struct site *site, const struct tn_block_item *item, size_t size)
{
    struct tn_chain *chain = site->chain;
    const struct tn_chain_limits *limits = &chain->limits;
    uint64_t weight = tn_stream_block_item_weight(item);
    uint64_t bytes = TN_ITEM_LENGTH_BYTES + size;
    struct chain_judge before = site->judge;
    const char *what;
    bool unknown = false;
    const uint64_t kept_bytes = site->kept_bytes + site->forced_bytes;
    const uint64_t kept_weight = site->kept_weight + site->forced_weight;
    bool is_good = bytes + kept_bytes <= limits->item_bytes_max - site->item_bytes &&
                   weight + kept_weight <= limits->weight_max / 4 - site->items_weight &&
                   !is_in_line(&site->line, chain->item, size) &&
                   tn_chain_judge_one(chain, &site->judge, &what, &unknown, item) == TN_CHAIN_OK &&
                   tn_stream_body_add_item(&site->builder, chain->item, size, weight);
    if (!is_good) {
        site->judge = before;
        chain->counters.items_left_out++;
        return false;
    }
    site->item_bytes += bytes;
    site->items_weight += weight;
    return true;
}

static void add_lags(struct site *site)
{
    struct tn_chain *chain = site->chain;
    site->kept_bytes = site->kept_weight = 0;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct chain_head *head = &site->tip.heads[i];
        if ((site->late >> i & 1) == 0) continue;
        struct tn_block_item item = {.kind = TN_ITEM_TERM};
        item.as.term.cause = TN_TERM_LAGGED;
        item.as.term.head = (struct tn_vote_head){.market = chain->limits.markets[i].market,
                                                  .term = head->term,
                                                  .sequence = head->sequence,
                                                  .digest = head->digest};
        size_t size = tn_stream_write_block_item(chain->item, TN_ITEM_BYTES_MAX, &item);
        TN_ASSERT(size > 0 && size + TN_ITEM_LENGTH_BYTES <= LAG_BYTES);
        (void)add_item(site, &item, size);
    }
}

/* Reports and deposits come before forced frames in a body, and leave them their room. */
static void keep_for_forced(struct site *site)
{
    const struct tn_chain_limits *limits = &site->chain->limits;
    const uint64_t bytes_max = tn_chain_forced_bytes_max(limits);
    const uint64_t weight_max = tn_chain_forced_weight_max(limits);
    struct tn_block_item item;
    size_t size;
    bool is_good;
    for (uint32_t n = 0; n < limits->forced_max; n++) {
        if (!take_waiting(site->chain, &item, &size, &is_good, TN_ITEM_FORCED, n)) break;
        if (!is_good) continue;
        site->forced_bytes += TN_ITEM_LENGTH_BYTES + size;
        site->forced_weight += tn_stream_block_item_weight(&item);
    }
    if (site->forced_bytes > bytes_max) site->forced_bytes = bytes_max;
    if (site->forced_weight > weight_max) site->forced_weight = weight_max;
}

static void add_items(struct site *site)
{
    struct tn_chain *chain = site->chain;
    struct tn_block_item item;
    size_t size;
    bool is_good;
    keep_for_forced(site);
    for (uint8_t kind = TN_ITEM_REPORT; kind <= TN_ITEM_EVIDENCE; kind++) {
        if (kind == TN_ITEM_FORCED) site->forced_bytes = site->forced_weight = 0;
        if (kind == TN_ITEM_TERM) add_lags(site);
        for (uint32_t n = 0; n < CHAIN_ITEMS_TRIED; n++) {
            if (!take_waiting(chain, &item, &size, &is_good, kind, n)) break;
            if (is_good) (void)add_item(site, &item, size);
        }
    }
}

/* ---- The block ---- */

static bool open_site(struct site *site, struct tn_chain *chain, uint8_t *body, size_t body_max,
                      const struct tn_chain_block *ancestors, uint32_t ancestors_count)
{
    const struct tn_chain_limits *limits = &chain->limits;
    memset(site, 0, sizeof *site);
    site->chain = chain;
    site->line = (struct chain_line){.ancestors = ancestors, .count = ancestors_count};
    if (!tn_chain_find_tip(chain, &site->tip, &site->line)) return false;
    if (body_max > TN_CHAIN_BODY_MAX) body_max = TN_CHAIN_BODY_MAX;
    if (body_max > limits->item_bytes_max) {
        site->batches_max = (uint32_t)((body_max - limits->item_bytes_max) / TN_HASH_SIZE);
    }
    tn_stream_body_begin(&site->builder, body, body_max);
    site->judge = (struct chain_judge){.line = &site->line,
                                       .tip = &site->tip,
                                       .deposits = site->tip.deposits,
                                       .governance = site->tip.governance,
                                       .local = true};
    return true;
}

/* exec_height is the highest that may be and is executed. */
static uint64_t executed_for(const struct site *site, uint64_t height)
{
    const struct tn_chain *chain = site->chain;
    uint64_t lag = chain->limits.exec_lag;
    uint64_t highest = height > lag ? height - lag : 0;
    uint64_t executed = chain->heads.height < highest ? chain->heads.height : highest;
    return executed < site->tip.exec_height ? site->tip.exec_height : executed;
}

static bool fill_executed(const struct site *site, struct tn_block_header *header)
{
    const struct tn_chain *chain = site->chain;
    const uint64_t executed = executed_for(site, header->height);
    struct tn_validators next;
    header->exec_height = executed;
    if (!tn_chain_root_at(chain, &header->exec_root, executed)) return false;
    header->flags = 0;
    if (header->height - executed > chain->limits.exec_lag_max) header->flags = TN_BLOCK_EMPTY;
    header->next_set_hash = (struct tn_hash){{0}};
    if (tn_registry_is_epoch_final(chain->registry, header->height, executed)) {
        header->flags |= TN_BLOCK_EPOCH_FINAL;
        tn_registry_next_set(chain->registry, &next, executed);
        tn_validators_hash(&header->next_set_hash, &next);
    }
    return true;
}

bool tn_chain_build(struct tn_chain *chain, struct tn_block_header *header, uint8_t *body,
                    size_t *body_size, size_t body_max, const struct tn_chain_block *ancestors,
                    uint32_t ancestors_count, int64_t time_ms)
{
    struct site site;
    TN_ASSERT((header->flags & TN_BLOCK_SEAL) == 0);
    if (!open_site(&site, chain, body, body_max, ancestors, ancestors_count)) return false;
    TN_ASSERT(header->height == site.tip.height + 1);
    header->time_ms = (uint64_t)(time_ms > site.tip.time_ms ? time_ms : site.tip.time_ms);
    if (!fill_executed(&site, header)) return false;
    site.judge.exec_height = header->exec_height;
    if ((header->flags & TN_BLOCK_EMPTY) == 0) {
        find_ends(&site);
        if (header->view - header->parent_view <= TN_CHAIN_PATIENCE_VIEWS) pick_all(&site);
        add_items(&site);
    }
    tn_stream_body_end(header, &site.builder);
    header->l1_cursor = site.judge.deposits;
    if (header->body_size == 0) header->flags |= TN_BLOCK_EMPTY;
    *body_size = header->body_size;
    return true;
}

/* ---- Is there work? ---- */

/* Does a batch hold a frame? Its entries are skipped by their lengths; kinds stand behind versions.
 */
static bool has_frames(const struct tn_chain_batch *batch)
{
    size_t at = TN_BATCH_HEADER_BYTES;
    while (batch->body_size - at >= TN_BATCH_LENGTH_BYTES + 2 && at < batch->body_size) {
        size_t size = (size_t)tn_get_be(batch->body + at, TN_BATCH_LENGTH_BYTES);
        at += TN_BATCH_LENGTH_BYTES;
        if (size < 2 || size > batch->body_size - at) return false;
        if (batch->body[at + 1] == TN_ENTRY_FRAME) return true;
        at += size;
    }
    return false;
}

/* Work is what a block would take: else blocks are made for it, and come out empty. So the judges
 * are asked, who remember what they have found good. */
static bool has_batch(const struct site *site, uint32_t place)
{
    const struct tn_chain_source *source = &site->chain->source;
    struct chain_head head = site->tip.heads[place];
    uint32_t market = site->chain->limits.markets[place].market;
    if (source->next_batch == NULL || head.term == 0) return false;
    for (uint32_t n = 0; n < TN_CHAIN_BATCHES_MAX; n++) {
        struct tn_chain_batch batch;
        struct tn_batch_header header;
        struct tn_stream_fault fault;
        if (!source->next_batch(source->context, &batch, market, head.term, head.sequence + 1,
                                &head.digest) ||
            !tn_stream_read_batch_header(&header, &fault, batch.body, batch.body_size)) {
            return false;
        }
        tn_stream_batch_digest(&batch.digest, &header);
        if (tn_chain_judge_batch(site->chain, &header, &site->line, &site->tip, &head, place,
                                 &batch) != NULL) {
            return false;
        }
        if (has_frames(&batch)) return true;
        head.sequence++;
        head.digest = batch.digest;
        head.cursor = header.last_block;
    }
    return false;
}

/* A term's signatures are not asked for again: there may be a hundred, and the pool has. */
static bool is_takable(const struct site *site, const struct tn_block_item *item)
{
    struct tn_chain *chain = site->chain;
    struct chain_judge judge = site->judge;
    bool unknown = false;
    const char *what;
    if (item->kind == TN_ITEM_TERM) {
        const struct tn_vote_head *end = &item->as.term.head;
        const uint32_t place = tn_chain_place_of(chain, end->market);
        const struct chain_head *head = place == TN_NONE ? NULL : &site->tip.heads[place];
        return head != NULL && end->term == head->term && end->sequence == head->sequence &&
               tn_hash_equal(&end->digest, &head->digest);
    }
    return tn_chain_judge_one(chain, &judge, &what, &unknown, item) == TN_CHAIN_OK;
}

static bool has_item(const struct site *site, uint8_t kind)
{
    struct tn_block_item item;
    size_t size;
    bool is_good;
    for (uint32_t n = 0; n < CHAIN_ITEMS_TRIED; n++) {
        if (!take_waiting(site->chain, &item, &size, &is_good, kind, n)) return false;
        if (is_good && !is_in_line(&site->line, site->chain->item, size) &&
            is_takable(site, &item)) {
            return true;
        }
    }
    return false;
}

bool tn_chain_pending(struct tn_chain *chain, const struct tn_chain_block *ancestors,
                      uint32_t ancestors_count, int64_t time_ms)
{
    struct site *site = &(struct site){0};
    uint8_t nothing[1];
    if (!open_site(site, chain, nothing, 0, ancestors, ancestors_count)) return false;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct chain_head *head = &site->tip.heads[i];
        if (has_batch(site, i)) return true;
        if (head->term > 0 &&
            tn_chain_is_late(chain, &site->line, &site->tip, head, head->cursor)) {
            return true;
        }
    }
    site->judge.exec_height = executed_for(site, site->tip.height + 1);
    bool is_mark = time_ms - site->tip.time_ms >= chain->limits.mark_ms;
    for (uint8_t kind = TN_ITEM_REPORT; kind <= TN_ITEM_EVIDENCE; kind++) {
        if (kind == TN_ITEM_REPORT && !is_mark) continue;
        if (has_item(site, kind)) return true;
    }
    return false;
}
