/* A fuzzer's bytes as items of a block, one behind the other behind two-byte lengths: what is read
 * is written again as the same bytes, and a body of those that were read is what its header says,
 * until a byte of it is changed. */
#include "tenor/item.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 1 << 16 };

static struct tn_stream_scratch scratch;
static uint8_t body[BODY_MAX], again[TN_ITEM_BYTES_MAX];

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static bool try_item(struct tn_block_item *item, const uint8_t *data, size_t size)
{
    static const uint8_t chain_id[32];
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    struct tn_hash digest;
    if (!tn_stream_read_block_item(item, &fault, &scratch, data, size)) {
        EXPECT(fault.at <= size && fault.what != NULL);
        return false;
    }
    EXPECT(tn_stream_write_block_item(again, sizeof(again), item) == size);
    EXPECT(memcmp(again, data, size) == 0);
    EXPECT(tn_stream_block_item_weight(item) > 0);
    if (item->kind <= TN_ITEM_GOVERNANCE) tn_stream_item_digest(&digest, chain_id, item);
    return true;
}

/* Arbitrary bytes as a body: read to an end or a fault that is within them. */
static void try_body(const uint8_t *data, size_t size)
{
    struct tn_block_header header = {.batches_count = data[0] % 4u, .body_size = (uint32_t)size};
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    struct tn_body_reader reader;
    struct tn_block_item item;
    enum tn_stream_step step = TN_STREAM_ENTRY;
    if (!tn_stream_body_open(&reader, &fault, &header, data, size)) step = TN_STREAM_FAULT;
    while (step == TN_STREAM_ENTRY)
        step = tn_stream_body_next(&reader, &item, &fault, &scratch);
    EXPECT(step == TN_STREAM_END ? reader.at == size : fault.at <= size && fault.what != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tn_body_builder builder;
    struct tn_block_header header = {.version = TN_BLOCK_VERSION};
    struct tn_block_item item;
    struct tn_stream_fault fault;
    struct tn_hash digest = {{3}};
    size_t change = size;
    if (size == 0) return 0;
    try_body(data, size);
    tn_stream_body_begin(&builder, body, sizeof(body));
    EXPECT(tn_stream_body_add_batch(&builder, &digest));
    while (size > 2) {
        size_t piece = (size_t)(data[0] << 8 | data[1]) % (size - 1);
        change += 31 * piece;
        data += 2;
        size -= 2;
        if (try_item(&item, data, piece) && item.kind >= builder.kind) {
            (void)tn_stream_body_add_item(&builder, data, piece, 1);
        }
        data += piece;
        size -= piece;
    }
    tn_stream_body_end(&header, &builder);
    EXPECT(tn_stream_block_body_check(&fault, &header, body, header.body_size));
    body[change % header.body_size] ^= 0x10;
    EXPECT(!tn_stream_block_body_check(&fault, &header, body, header.body_size));
    return 0;
}
