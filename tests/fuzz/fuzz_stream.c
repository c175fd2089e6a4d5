/* A fuzzer's bytes as what stream reads: an entry, a batch body, a block header, events. Whatever
 * is read must be written again as the same bytes; a batch whose header is made to fit must pass.
 *
 * The first byte says which. For a batch the rest is a list of entries, cut by two-byte lengths;
 * the header is worked out from those that can be read, and then one byte of the body is changed,
 * which must be found wherever a hash covers it. */
#include "tenor/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 1 << 16 };

static struct tn_stream_scratch scratch;
static uint8_t again[TN_ENTRY_BYTES_MAX];

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

/* Is there an entry, of *used bytes? */
static bool read_entry(struct tn_entry *entry, size_t *used, const uint8_t *data, size_t size)
{
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    if (!tn_stream_read_entry(entry, used, &fault, &scratch, data, size)) {
        EXPECT(fault.at <= size && fault.what != NULL);
        return false;
    }
    EXPECT(*used <= size);
    EXPECT(tn_stream_write_entry(again, sizeof(again), entry) == *used);
    EXPECT(memcmp(again, data, *used) == 0);
    EXPECT(tn_stream_weight(entry) > 0);
    return true;
}

static void try_entries(const uint8_t *data, size_t size)
{
    struct tn_entry entry;
    size_t used;
    while (size > 0 && read_entry(&entry, &used, data, size)) {
        size_t cut;
        EXPECT(!read_entry(&entry, &cut, data, used - 1));
        data += used;
        size -= used;
    }
}

static void try_block(const uint8_t *data, size_t size)
{
    struct tn_block_header header;
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    uint8_t bytes[TN_BLOCK_HEADER_BYTES];
    if (!tn_stream_read_block_header(&header, &fault, data, size)) {
        EXPECT(fault.at <= size && fault.what != NULL);
        return;
    }
    tn_stream_write_block_header(bytes, &header);
    EXPECT(memcmp(bytes, data, sizeof(bytes)) == 0);
    data += sizeof(bytes);
    size -= sizeof(bytes);
    if (tn_stream_block_body_check(&fault, &header, data, size)) {
        EXPECT(size == header.body_size);
    } else {
        EXPECT(fault.at <= size && fault.what != NULL);
    }
}

static void try_events(const uint8_t *data, size_t size)
{
    for (; size >= TN_EVENT_BYTES; size -= TN_EVENT_BYTES, data += TN_EVENT_BYTES) {
        struct tn_event event;
        uint8_t bytes[TN_EVENT_BYTES];
        if (!tn_stream_read_event(&event, data)) continue;
        tn_stream_write_event(bytes, &event);
        EXPECT(memcmp(bytes, data, sizeof(bytes)) == 0);
    }
}

static void try_body(const uint8_t *data, size_t size)
{
    struct tn_batch_header header;
    struct tn_stream_fault fault = {.at = SIZE_MAX};
    if (tn_stream_batch_check(&header, &fault, &scratch, data, size)) {
        uint8_t bytes[TN_BATCH_HEADER_BYTES];
        tn_stream_write_batch_header(bytes, &header);
        EXPECT(memcmp(bytes, data, sizeof(bytes)) == 0);
    } else {
        EXPECT(fault.at <= size && fault.what != NULL);
    }
}

static void try_sealed(const uint8_t *data, size_t size)
{
    static uint8_t body[BODY_MAX];
    struct tn_batch_builder builder;
    struct tn_batch_header header = {.market = 1};
    struct tn_stream_fault fault;
    struct tn_entry entry;
    size_t at = TN_BATCH_HEADER_BYTES, used, change = 0;
    tn_stream_batch_begin(&builder, 0);
    while (size > 2) {
        size_t piece = (size_t)(data[0] << 8 | data[1]) % (size - 1);
        change += 31 * piece;
        data += 2;
        size -= 2;
        if (read_entry(&entry, &used, data, piece) && at + 4 + used <= BODY_MAX) {
            EXPECT(tn_stream_write_batch_entry(body + at, BODY_MAX - at, &entry) == 4 + used);
            tn_stream_batch_add(&builder, &entry, body + at + 4, used, NULL, 0);
            at += 4 + used;
        }
        data += piece;
        size -= piece;
    }
    tn_stream_batch_end(&header, &builder);
    EXPECT(builder.body_bytes == at);
    tn_stream_write_batch_header(body, &header);
    EXPECT(tn_stream_batch_check(&header, &fault, &scratch, body, at));
    if (at == TN_BATCH_HEADER_BYTES) return;
    change = TN_BATCH_HEADER_BYTES + change % (at - TN_BATCH_HEADER_BYTES);
    body[change] ^= 0x10;
    EXPECT(!tn_stream_batch_check(&header, &fault, &scratch, body, at));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    switch (data[0] % 5) {
        case 0: try_entries(data + 1, size - 1); return 0;
        case 1: try_block(data + 1, size - 1); return 0;
        case 2: try_events(data + 1, size - 1); return 0;
        case 3: try_body(data + 1, size - 1); return 0;
        default: try_sealed(data + 1, size - 1); return 0;
    }
}
