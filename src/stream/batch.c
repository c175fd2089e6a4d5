/* Batches: a header that is hashed and signed, and a body of entries behind it (stream.md §7).
 *
 * The builder sees entries one by one and keeps a frontier of hashes and sums; the reader gives
 * entries one by one and holds what it saw against the header at the end, by a builder's means. So
 * neither side ever needs a batch in decoded form, and both count alike. */
#include "stream/internal.h"
#include "tenor/entries.h"
#include "tenor/frame.h"
#include "tenor/pack.h"

static const uint8_t BATCH_TAG[4] = {'T', 'N', 'B', 'A'}; /* and '1', or '2': packed results */
enum { TAG_PLAIN = '1', TAG_PACKED = '2', PIECE_BYTES = 2048 };

/* ---- Header ---- */

void tn_stream_write_batch_header(uint8_t out[TN_BATCH_HEADER_BYTES],
                                  const struct tn_batch_header *header)
{
    struct writer writer = {.at = out};
    put_bytes(&writer, BATCH_TAG, sizeof(BATCH_TAG));
    put_u8(&writer, header->is_packed ? TAG_PACKED : TAG_PLAIN);
    put_bytes(&writer, header->chain_id, sizeof(header->chain_id));
    put_u32(&writer, header->market);
    put_u32(&writer, header->term);
    put_u64(&writer, header->sequence);
    put_bytes(&writer, header->prev_digest.bytes, TN_HASH_SIZE);
    put_u32(&writer, header->entries_count);
    put_u64(&writer, header->weight);
    put_u64(&writer, header->first_block);
    put_u64(&writer, header->last_block);
    put_bytes(&writer, header->entries_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, header->results_digest.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == out + TN_BATCH_HEADER_BYTES);
}

bool tn_stream_read_batch_header(struct tn_batch_header *header, struct tn_stream_fault *fault,
                                 const uint8_t *bytes, size_t size)
{
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    if (!need(&reader, TN_BATCH_HEADER_BYTES)) return false;
    reader.at += sizeof(BATCH_TAG);
    const uint8_t kind = get_u8(&reader);
    if (memcmp(bytes, BATCH_TAG, sizeof(BATCH_TAG)) != 0 ||
        (kind != TAG_PLAIN && kind != TAG_PACKED)) {
        return refuse(&reader, 0, "no batch begins like this");
    }
    header->is_packed = kind == TAG_PACKED;
    get_bytes(&reader, header->chain_id, sizeof(header->chain_id));
    header->market = get_u32(&reader);
    header->term = get_u32(&reader);
    header->sequence = get_u64(&reader);
    get_bytes(&reader, header->prev_digest.bytes, TN_HASH_SIZE);
    header->entries_count = get_u32(&reader);
    header->weight = get_u64(&reader);
    header->first_block = get_u64(&reader);
    header->last_block = get_u64(&reader);
    get_bytes(&reader, header->entries_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, header->results_digest.bytes, TN_HASH_SIZE);
    TN_ASSERT(reader.at == TN_BATCH_HEADER_BYTES);
    return true;
}

void tn_stream_batch_digest(struct tn_hash *digest, const struct tn_batch_header *header)
{
    uint8_t bytes[TN_BATCH_HEADER_BYTES];
    tn_stream_write_batch_header(bytes, header);
    tn_keccak256(digest, bytes, sizeof(bytes));
}

/* The highest BLOCK so far. */
static uint64_t block_after(uint64_t height, const struct tn_entry *entry)
{
    if (entry->kind != TN_ENTRY_BLOCK || entry->as.block.height < height) return height;
    return entry->as.block.height;
}

/* ---- Building ---- */

void tn_stream_batch_begin(struct tn_batch_builder *builder, uint64_t height)
{
    tn_stream_tree_begin(&builder->tree, TN_TREE_ENTRIES);
    tn_keccak_begin(&builder->results);
    builder->weight = 0;
    builder->first_block = height;
    builder->last_block = height;
    builder->body_bytes = TN_BATCH_HEADER_BYTES;
    builder->is_packed = false;
    builder->is_counted = false;
}

static void sum_up(struct tn_batch_builder *builder, const struct tn_entry *entry, size_t size)
{
    TN_ASSERT(size > 0 && size <= TN_ENTRY_BYTES_MAX);
    builder->weight += tn_stream_weight(entry);
    builder->body_bytes += TN_BATCH_LENGTH_BYTES + size;
    builder->last_block = block_after(builder->last_block, entry);
}

void tn_stream_batch_add_entry(struct tn_batch_builder *builder, const struct tn_entry *entry,
                               const uint8_t *bytes, size_t size)
{
    TN_ASSERT(!builder->is_counted);
    sum_up(builder, entry, size);
    tn_stream_tree_add(&builder->tree, bytes, size);
}

void tn_stream_batch_count_entry(struct tn_batch_builder *builder, const struct tn_entry *entry,
                                 size_t size)
{
    TN_ASSERT(builder->is_counted || builder->tree.count == 0);
    sum_up(builder, entry, size);
    builder->is_counted = true;
    builder->tree.count++; /* which says how many there were, and no more */
}

/* A fifteenth of the bytes for a frame of quotes, and so nearly of the time. */
static void add_packed(struct tn_batch_builder *builder, const struct tn_event *events,
                       uint32_t events_count)
{
    uint8_t piece[PIECE_BYTES];
    struct writer writer = {.at = piece};
    struct tn_packer packer;
    put_u32(&writer, events_count);
    tn_stream_pack_begin(&packer, 0);
    for (uint32_t i = 0; i < events_count; i++) {
        if (writer.at > piece + sizeof(piece) - TN_PACK_EVENT_MAX - TN_PACK_SLACK) {
            tn_keccak_add(&builder->results, piece, (size_t)(writer.at - piece));
            writer.at = piece;
        }
        writer.at = tn_stream_pack(&packer, writer.at, &events[i]);
    }
    tn_keccak_add(&builder->results, piece, (size_t)(writer.at - piece));
}

void tn_stream_batch_add_events(struct tn_batch_builder *builder, const struct tn_event *events,
                                uint32_t events_count)
{
    if (builder->is_packed) {
        add_packed(builder, events, events_count);
        return;
    }
    uint8_t piece[TN_EVENT_BYTES];
    struct writer writer = {.at = piece};
    put_u32(&writer, events_count);
    tn_keccak_add(&builder->results, piece, sizeof(events_count));
    for (uint32_t i = 0; i < events_count; i++) {
        tn_stream_write_event(piece, &events[i]);
        tn_keccak_add(&builder->results, piece, sizeof(piece));
    }
}

void tn_stream_batch_add(struct tn_batch_builder *builder, const struct tn_entry *entry,
                         const uint8_t *bytes, size_t size, const struct tn_event *events,
                         uint32_t events_count)
{
    tn_stream_batch_add_entry(builder, entry, bytes, size);
    tn_stream_batch_add_events(builder, events, events_count);
}

void tn_stream_batch_fill(struct tn_batch_header *header, const struct tn_batch_builder *builder)
{
    struct tn_keccak results = builder->results; /* ending changes it */
    header->entries_count = builder->tree.count;
    header->weight = builder->weight;
    header->first_block = builder->first_block;
    header->last_block = builder->last_block;
    header->is_packed = builder->is_packed;
    tn_keccak_end(&results, &header->results_digest);
}

void tn_stream_batch_end(struct tn_batch_header *header, const struct tn_batch_builder *builder)
{
    TN_ASSERT(!builder->is_counted);
    tn_stream_batch_fill(header, builder);
    tn_stream_tree_root(&header->entries_root, &builder->tree);
}

size_t tn_stream_write_batch_entry(uint8_t *out, size_t out_size, const struct tn_entry *entry)
{
    bool has_room = out_size >= TN_BATCH_LENGTH_BYTES;
    size_t room = has_room ? out_size - TN_BATCH_LENGTH_BYTES : 0;
    size_t bytes = tn_stream_write_entry(has_room ? out + TN_BATCH_LENGTH_BYTES : out, room, entry);
    TN_ASSERT(bytes <= TN_ENTRY_BYTES_MAX);
    if (bytes == 0) return 0;
    if (bytes > room) return TN_BATCH_LENGTH_BYTES + bytes;
    struct writer writer = {.at = out};
    put_u32(&writer, (uint32_t)bytes);
    return TN_BATCH_LENGTH_BYTES + bytes;
}

/* ---- Reading ---- */

static enum tn_stream_step stop(struct tn_stream_fault *fault, size_t at, const char *what)
{
    *fault = (struct tn_stream_fault){.at = at, .what = what};
    return TN_STREAM_FAULT;
}

bool tn_stream_batch_open(struct tn_batch_reader *reader, struct tn_stream_fault *fault,
                          const uint8_t *body, size_t body_size)
{
    *reader = (struct tn_batch_reader){.body = body, .body_size = body_size};
    if (!tn_stream_read_batch_header(&reader->header, fault, body, body_size)) return false;
    reader->at = TN_BATCH_HEADER_BYTES;
    reader->last_block = reader->header.first_block;
    tn_stream_tree_begin(&reader->tree, TN_TREE_ENTRIES);
    return true;
}

/* After the last entry: is all of it what the header says? */
static enum tn_stream_step close_batch(struct tn_batch_reader *reader,
                                       struct tn_stream_fault *fault)
{
    const struct tn_batch_header *header = &reader->header;
    struct tn_hash root;
    TN_ASSERT(reader->tree.count == header->entries_count);
    if (reader->at != reader->body_size) {
        return stop(fault, reader->at, "bytes behind the last entry of the batch");
    }
    if (reader->weight != header->weight) {
        return stop(fault, reader->at, "the weight is not that of the header");
    }
    if (reader->last_block != header->last_block) {
        return stop(fault, reader->at, "the last BLOCK is not that of the header");
    }
    if (reader->is_checked) return TN_STREAM_END;
    tn_stream_tree_root(&root, &reader->tree);
    if (!tn_hash_equal(&root, &header->entries_root)) {
        return stop(fault, reader->at, "the entries have another root than the header says");
    }
    return TN_STREAM_END;
}

/* The bytes of the next entry of a body, at *begin and *size. */
static enum tn_stream_step next_bytes(struct tn_batch_reader *reader, struct tn_stream_fault *fault,
                                      size_t *begin, size_t *size)
{
    if (reader->tree.count == reader->header.entries_count) return close_batch(reader, fault);
    struct reader bytes = {
        .bytes = reader->body, .size = reader->body_size, .at = reader->at, .fault = fault};
    if (!need(&bytes, TN_BATCH_LENGTH_BYTES)) return TN_STREAM_FAULT;
    *size = get_u32(&bytes);
    if (*size > TN_ENTRY_BYTES_MAX) return stop(fault, reader->at, "an entry larger than any is");
    if (!need(&bytes, *size)) return TN_STREAM_FAULT;
    *begin = bytes.at;
    return TN_STREAM_ENTRY;
}

/* What was read of it: does it fill its bytes? Then it counts. */
static enum tn_stream_step take_entry(struct tn_batch_reader *reader, struct tn_stream_fault *fault,
                                      const struct tn_entry *entry, size_t begin, size_t size,
                                      size_t used)
{
    if (used != size) return stop(fault, begin + used, "bytes behind the end of an entry");
    reader->entry_bytes = reader->body + begin;
    reader->entry_size = size;
    reader->at = begin + size;
    reader->weight += tn_stream_weight(entry);
    reader->last_block = block_after(reader->last_block, entry);
    if (reader->is_checked) {
        reader->tree.count++; /* which says how many there were, and no more */
    } else {
        tn_stream_tree_add(&reader->tree, reader->entry_bytes, size);
    }
    return TN_STREAM_ENTRY;
}

enum tn_stream_step tn_stream_batch_next(struct tn_batch_reader *reader, struct tn_entry *entry,
                                         struct tn_stream_fault *fault,
                                         struct tn_stream_scratch *scratch)
{
    size_t begin, size, used;
    enum tn_stream_step step = next_bytes(reader, fault, &begin, &size);
    if (step != TN_STREAM_ENTRY) return step;
    if (!tn_stream_read_entry(entry, &used, fault, scratch, reader->body + begin, size)) {
        fault->at += begin;
        return TN_STREAM_FAULT;
    }
    return take_entry(reader, fault, entry, begin, size, used);
}

enum tn_stream_step tn_stream_batch_next_item(struct tn_batch_reader *reader,
                                              struct tn_stream_item *item,
                                              struct tn_stream_fault *fault,
                                              struct tn_stream_scratch *scratch)
{
    size_t begin, size, used;
    enum tn_stream_step step = next_bytes(reader, fault, &begin, &size);
    if (step != TN_STREAM_ENTRY) return step;
    if (!tn_stream_read_item(item, &used, fault, scratch, reader->body + begin, size)) {
        fault->at += begin;
        return TN_STREAM_FAULT;
    }
    return take_entry(reader, fault, &item->entry, begin, size, used);
}

bool tn_stream_batch_check(struct tn_batch_header *header, struct tn_stream_fault *fault,
                           struct tn_stream_scratch *scratch, const uint8_t *body, size_t body_size)
{
    struct tn_batch_reader reader;
    struct tn_entry entry;
    enum tn_stream_step step = TN_STREAM_ENTRY;
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    while (step == TN_STREAM_ENTRY) /* each takes bytes of the body */
        step = tn_stream_batch_next(&reader, &entry, fault, scratch);
    *header = reader.header;
    return step == TN_STREAM_END;
}

bool tn_stream_batch_check_items(struct tn_batch_header *header, struct tn_stream_fault *fault,
                                 struct tn_stream_scratch *scratch, const uint8_t *body,
                                 size_t body_size)
{
    struct tn_batch_reader reader;
    struct tn_stream_item item;
    enum tn_stream_step step = TN_STREAM_ENTRY;
    if (!tn_stream_batch_open(&reader, fault, body, body_size)) return false;
    while (step == TN_STREAM_ENTRY) {
        size_t begin = reader.at;
        step = tn_stream_batch_next_item(&reader, &item, fault, scratch);
        if (step == TN_STREAM_ENTRY && !tn_stream_item_is_led(&item)) {
            step = stop(fault, begin, "an entry that no leader may put into a batch");
        }
    }
    *header = reader.header;
    return step == TN_STREAM_END;
}
