/* batch: a whole batch at once: may it stand in the stream, and what comes of it (market.md §6).
 *
 * The check needs no market: valid(block) asks it where neither the market nor its inboxes have
 * come so far. The results of a batch are digested step by step, an inbox item at a time, so that
 * no array has to hold all events of a BLOCK. */
#include "market/internal.h"
#include "tenor/own.h"

static bool check_block(uint64_t *last, struct tn_stream_fault *fault,
                        const struct tn_market_blocks *blocks, uint64_t block_height,
                        const struct tn_stream_item *item)
{
    uint64_t height = item->entry.as.block.height;
    if (height == 0 || (*last != 0 && height != *last + 1)) {
        return market_refuse(fault, "BLOCKs come one after the other");
    }
    if (height >= block_height) return market_refuse(fault, "a BLOCK of a block that is not below");
    *last = height;
    if (blocks->known == NULL || blocks->known(blocks->context, height, &item->as.block_hash,
                                               item->entry.as.block.time_ms)) {
        return true;
    }
    return market_refuse(fault, "this BLOCK names another block");
}

bool tn_market_check_batch(struct tn_batch_header *header, struct tn_stream_fault *fault,
                           struct tn_stream_scratch *scratch, const struct tn_market_blocks *blocks,
                           uint64_t block_height, const uint8_t *body, size_t body_size)
{
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    *header = reader.header;
    reader.is_checked = true; /* it is, at the end */
    uint64_t last = header->first_block;
    for (;;) {
        switch (tn_stream_batch_next_item(&reader, &item, fault, scratch)) {
            case TN_STREAM_FAULT: return false;
            case TN_STREAM_END:
                return tn_stream_entries_hold(header, blocks->cpu, body, body_size) ||
                       market_refuse(fault, "the entries have another root than the header says");
            case TN_STREAM_ENTRY: break;
        }
        if (!tn_stream_item_is_led(&item)) {
            return market_refuse(fault, "an entry of this kind has no place in a stream");
        }
        if (item.entry.kind == TN_ENTRY_BLOCK &&
            !check_block(&last, fault, blocks, block_height, &item)) {
            return false;
        }
    }
}

/* ---- Results ---- */

enum { EVENT_WORDS = 11 };
_Static_assert(sizeof(struct tn_event) == EVENT_WORDS * sizeof(uint64_t), "all of it is words");

static uint64_t mix(uint64_t trace, uint64_t word)
{
    trace = (trace ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return trace ^ trace >> 32;
}

/* One after another each word would wait for the multiplication of the one before; so there are
 * lanes, and events wait for each other only at the end. One to one in each word. */
static uint64_t event_word(const struct tn_event *event)
{
    uint64_t words[EVENT_WORDS], a = 1, b = 2, c = 3;
    memcpy(words, event, sizeof words);
    for (size_t i = 0; i + 2 < EVENT_WORDS; i += 3) {
        a = mix(a, words[i]);
        b = mix(b, words[i + 1]);
        c = mix(c, words[i + 2]);
    }
    return mix(mix(mix(a, words[9]), mix(b, words[10])), c);
}

uint64_t tn_market_trace(uint64_t trace, const struct tn_event *events, uint32_t events_count)
{
    trace = mix(trace, events_count);
    for (uint32_t i = 0; i < events_count; i++)
        trace = mix(trace, event_word(&events[i]));
    return trace;
}

/* Whom steps pass on their way out. */
struct collector {
    const struct tn_market_out *out;
    struct tn_batch_builder builder; /* of results alone */
    uint64_t trace;
    bool is_own; /* traced, not digested */
    uint32_t faults_count;
};

static void collect(void *context, const struct tn_market_step *step)
{
    struct collector *collector = context;
    if (step->fault != TN_REJECT_NONE) collector->faults_count++;
    if (collector->is_own) {
        collector->trace = tn_market_trace(collector->trace, step->events, step->events_count);
    } else {
        tn_stream_batch_add_events(&collector->builder, step->events, step->events_count);
    }
    if (collector->out->step != NULL) collector->out->step(collector->out->context, step);
}

static bool execute(struct tn_market *market, struct collector *collector,
                    struct tn_batch_header *header, struct tn_stream_fault *fault,
                    struct tn_market_scratch *scratch, const uint8_t *body, size_t body_size)
{
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    struct tn_market_ahead ahead;
    const struct tn_market_out through = {.step = collect, .context = collector};
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    if (reader.header.term == 0) return market_refuse(fault, "a batch has a term");
    if (reader.header.first_block != market->cursor) {
        return market_refuse(fault, "the batch goes on from another BLOCK");
    }
    *header = reader.header;
    reader.is_checked = true;
    tn_stream_batch_begin(&collector->builder, market->cursor);
    collector->builder.is_packed = reader.header.is_packed;
    tn_market_begin(market, reader.header.term);
    tn_market_ahead_begin(&ahead, market, body, body_size);
    for (;;) {
        switch (tn_stream_batch_next_item(&reader, &item, fault, scratch->stream)) {
            case TN_STREAM_FAULT: return false;
            case TN_STREAM_END: return true;
            case TN_STREAM_ENTRY: break;
        }
        if (!tn_market_apply_item(market, fault, scratch, &through, &item, &ahead)) return false;
    }
}

bool tn_market_execute_batch(struct tn_market *market, struct tn_market_executed *executed,
                             struct tn_stream_fault *fault, struct tn_market_scratch *scratch,
                             const struct tn_market_out *out, const uint8_t *body, size_t body_size)
{
    struct collector collector = {.out = out};
    struct tn_batch_header header, results;
    if (!execute(market, &collector, &header, fault, scratch, body, body_size)) return false;
    tn_stream_batch_end(&results, &collector.builder);
    *executed = (struct tn_market_executed){.header = header,
                                            .results_digest = results.results_digest,
                                            .faults_count = collector.faults_count};
    return true;
}

bool tn_market_execute_own_batch(struct tn_market *market, struct tn_market_executed *executed,
                                 struct tn_stream_fault *fault, struct tn_market_scratch *scratch,
                                 const struct tn_market_out *out, const uint8_t *body,
                                 size_t body_size, uint64_t trace)
{
    struct collector collector = {.out = out, .is_own = true};
    struct tn_batch_header header;
    if (!execute(market, &collector, &header, fault, scratch, body, body_size)) return false;
    *executed =
        (struct tn_market_executed){.header = header, .faults_count = collector.faults_count};
    if (collector.trace == trace) executed->results_digest = header.results_digest;
    return true;
}
