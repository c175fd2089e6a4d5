/* batch: a whole batch at once: may it stand in the stream, and what comes of it (market.md §6).
 *
 * The check needs no market: valid(block) asks it where neither the market nor its inboxes have
 * come so far. The results of a batch are digested step by step, an inbox item at a time, so that
 * no array has to hold all events of a BLOCK. */
#include "market/internal.h"

static bool refuse(struct tn_stream_fault *fault, const char *what)
{
    *fault = (struct tn_stream_fault){.what = what};
    return false;
}

static bool check_block(uint64_t *last, struct tn_stream_fault *fault,
                        const struct tn_market_blocks *blocks, uint64_t block_height,
                        const struct tn_stream_item *item)
{
    uint64_t height = item->entry.as.block.height;
    if (height == 0 || (*last != 0 && height != *last + 1)) {
        return refuse(fault, "BLOCKs come one after the other");
    }
    if (height >= block_height) return refuse(fault, "a BLOCK of a block that is not below");
    *last = height;
    if (blocks->known == NULL || blocks->known(blocks->context, height, &item->as.block_hash,
                                               item->entry.as.block.time_ms)) {
        return true;
    }
    return refuse(fault, "this BLOCK names another block");
}

bool tn_market_check_batch(struct tn_batch_header *header, struct tn_stream_fault *fault,
                           struct tn_stream_scratch *scratch, const struct tn_market_blocks *blocks,
                           uint64_t block_height, const uint8_t *body, size_t body_size)
{
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    *header = reader.header;
    uint64_t last = header->first_block;
    for (;;) {
        switch (tn_stream_batch_next_item(&reader, &item, fault, scratch)) {
            case TN_STREAM_FAULT: return false;
            case TN_STREAM_END: return true;
            case TN_STREAM_ENTRY: break;
        }
        if (!tn_stream_item_is_led(&item)) {
            return refuse(fault, "an entry of this kind has no place in a stream");
        }
        if (item.entry.kind == TN_ENTRY_BLOCK &&
            !check_block(&last, fault, blocks, block_height, &item)) {
            return false;
        }
    }
}

/* Whom steps pass on their way out. */
struct collector {
    const struct tn_market_out *out;
    struct tn_batch_builder *builder;
    uint32_t faults_count;
};

static void collect(void *context, const struct tn_market_step *step)
{
    struct collector *collector = context;
    if (step->fault != TN_REJECT_NONE) collector->faults_count++;
    tn_stream_batch_add_events(collector->builder, step->events, step->events_count);
    if (collector->out->step != NULL) collector->out->step(collector->out->context, step);
}

bool tn_market_execute_batch(struct tn_market *market, struct tn_market_executed *executed,
                             struct tn_stream_fault *fault, struct tn_market_scratch *scratch,
                             const struct tn_market_out *out, const uint8_t *body, size_t body_size)
{
    struct tn_batch_builder builder;
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    struct collector collector = {.out = out, .builder = &builder};
    const struct tn_market_out through = {.step = collect, .context = &collector};
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    if (reader.header.term == 0) return refuse(fault, "a batch has a term");
    if (reader.header.first_block != market->cursor) {
        return refuse(fault, "the batch goes on from another BLOCK");
    }
    tn_stream_batch_begin(&builder, market->cursor);
    tn_market_begin(market, reader.header.term);
    for (;;) {
        enum tn_stream_step next =
            tn_stream_batch_next_item(&reader, &item, fault, scratch->stream);
        if (next == TN_STREAM_FAULT) return false;
        if (next == TN_STREAM_END) break;
        if (!tn_market_apply_item(market, fault, scratch, &through, &item)) return false;
    }
    struct tn_batch_header results;
    tn_stream_batch_end(&results, &builder);
    *executed = (struct tn_market_executed){.header = reader.header,
                                            .results_digest = results.results_digest,
                                            .faults_count = collector.faults_count};
    return true;
}
