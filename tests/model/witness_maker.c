/* witness_maker: see the header. The body is what a node would store: entries behind their lengths.
 */
#include "witness_maker.h"
#include "zeroed.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 24, ENTRY_BYTES = 1 << 18, BODY_BYTES = 1 << 22, EXIT_BLOCKS = 32 };

static size_t bits_size(const struct witness_maker *maker)
{
    return (maker->ahead.limits.exchange.accounts_max / 64 + 1) * sizeof(uint64_t);
}

static void side_open(struct witness_side *side, uint64_t hash_seed)
{
    *side = (struct witness_side){.limits = {.market = 7, .exit_blocks = EXIT_BLOCKS}};
    risk_stream_limits(&side->limits.exchange);
    side->limits.exchange.hash_seed = hash_seed;
    side->limits.chain_id[0] = 1;
    side->replica = tn_replica_init(take_zeroed(tn_replica_size(&side->limits)), &side->limits);
    side->events_max = tn_exchange_events_max(&side->limits.exchange);
    side->events = take_zeroed(side->events_max * sizeof(struct tn_event));
}

static void side_close(struct witness_side *side)
{
    free(side->replica);
    free(side->events);
}

void witness_maker_open(struct witness_maker *maker, uint64_t seed)
{
    memset(maker, 0, sizeof *maker);
    maker->random = seed;
    side_open(&maker->ahead, 1);
    side_open(&maker->behind, 99);
    maker->entry = take_zeroed(ENTRY_BYTES);
    maker->body = take_zeroed(BODY_BYTES);
    maker->bits = take_zeroed(bits_size(maker));
    risk_stream_start(&maker->stream, tn_replica_exchange(maker->ahead.replica), seed);
}

void witness_maker_close(struct witness_maker *maker)
{
    side_close(&maker->ahead);
    side_close(&maker->behind);
    free(maker->entry);
    free(maker->body);
    free(maker->bits);
}

static void put_length(uint8_t *out, uint32_t value)
{
    for (uint32_t i = 4; i > 0; i--, value >>= 8)
        out[i - 1] = (uint8_t)value;
}

static void apply(struct witness_side *side, const struct tn_entry *entry, const uint8_t *bytes,
                  size_t size)
{
    tn_replica_apply(side->replica, side->events, side->events_max, entry, bytes, size);
}

static void seal(struct witness_side *side, struct tn_batch_header *batch,
                 struct tn_block_header *block)
{
    struct tn_hash hash, root;
    tn_replica_end_batch(side->replica, batch);
    *block = (struct tn_block_header){.view = tn_replica_heads(side->replica)->height + 1};
    block->time_ms = (uint64_t)tn_exchange_time_ms(tn_replica_exchange(side->replica));
    tn_replica_end_block(side->replica, block, &hash, &root);
}

void witness_maker_run_ahead(struct witness_maker *maker)
{
    struct tn_witness_watch watch;
    struct tn_batch_header batch;
    struct witness_side *side = &maker->ahead;
    memset(maker->bits, 0, bits_size(maker));
    tn_witness_watch(&watch, side->replica, maker->bits);
    maker->body_size = TN_BATCH_HEADER_BYTES;
    uint64_t entries_count = 1 + tn_random_below(&maker->random, ENTRIES_MAX);
    tn_replica_begin_batch(side->replica);
    for (; entries_count > 0; entries_count--) {
        struct tn_entry entry;
        risk_stream_next(&maker->stream, &entry);
        size_t size = tn_stream_write_entry(maker->entry, ENTRY_BYTES, &entry);
        TN_ASSERT(size > 0 && maker->body_size + 4 + size <= BODY_BYTES);
        put_length(maker->body + maker->body_size, (uint32_t)size);
        memcpy(maker->body + maker->body_size + 4, maker->entry, size);
        maker->body_size += 4 + size;
        apply(side, &entry, maker->entry, size);
    }
    seal(side, &batch, &maker->block);
    tn_stream_write_batch_header(maker->body, &batch);
    tn_witness_after(&maker->after, side->replica);
    tn_exchange_watch(tn_replica_exchange(side->replica), NULL);
}

void witness_maker_catch_up(struct witness_maker *maker)
{
    static struct tn_stream_scratch scratch;
    struct tn_batch_reader reader;
    struct tn_stream_fault fault;
    struct tn_entry entry;
    struct tn_batch_header batch;
    struct tn_block_header block;
    bool is_open = tn_stream_batch_open(&reader, &fault, maker->body, maker->body_size);
    TN_ASSERT(is_open);
    tn_replica_begin_batch(maker->behind.replica);
    while (tn_stream_batch_next(&reader, &entry, &fault, &scratch) == TN_STREAM_ENTRY)
        apply(&maker->behind, &entry, reader.entry_bytes, reader.entry_size);
    seal(&maker->behind, &batch, &block);
}

size_t witness_maker_write(const struct witness_maker *maker, uint8_t *out, size_t out_size)
{
    size_t size = tn_witness_write(out, out_size, maker->behind.replica, maker->bits, &maker->after,
                                   &maker->block, maker->body, maker->body_size, NULL, 0);
    TN_ASSERT(size <= out_size);
    return size;
}
