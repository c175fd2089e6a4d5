/* Entries of version 2: a signed frame, and a BLOCK that names its block (docs/specs/frame.md §5).
 *
 * An item is read into the same struct tn_entry that an exchange takes, and beside it what the
 * exchange is not told. A frame keeps the client's bytes: they are copied from reader to writer and
 * never made again from what they mean, so whoever verifies them sees what was signed. */
#include "tenor/frame.h"
#include "stream/internal.h"

enum {
    FRAME_FIXED_BYTES = FRAME_SIZE_BYTES + TN_SIGNATURE_SIZE,
    BLOCK_BYTES = 8 + 8 + TN_HASH_SIZE,
};

static const uint8_t FRAME_TAG[6] = {'T', 'N', 'F', 'R', 'M', '1'};

void tn_stream_frame_head(uint8_t head[TN_FRAME_DIGEST_HEAD], const uint8_t chain_id[32])
{
    struct writer writer = {.at = head};
    put_bytes(&writer, FRAME_TAG, sizeof(FRAME_TAG));
    put_bytes(&writer, chain_id, 32);
    TN_ASSERT(writer.at == head + TN_FRAME_DIGEST_HEAD);
}

void tn_frame_digest(struct tn_hash *digest, const uint8_t chain_id[32], const uint8_t *payload,
                     size_t payload_size)
{
    uint8_t head[TN_FRAME_DIGEST_HEAD];
    struct tn_keccak keccak;
    tn_stream_frame_head(head, chain_id);
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, head, sizeof(head));
    tn_keccak_add(&keccak, payload, payload_size);
    tn_keccak_end(&keccak, digest);
}

const uint8_t *tn_stream_frame_payload(size_t *payload_size, const uint8_t *entry, size_t size)
{
    const size_t begin = ENTRY_HEAD_BYTES + FRAME_SIZE_BYTES;
    if (size < begin + TN_SIGNATURE_SIZE || entry[0] != TN_ENTRY_VERSION_2 ||
        entry[1] != TN_ENTRY_FRAME)
        return NULL;
    *payload_size = (size_t)tn_get_be(entry + ENTRY_HEAD_BYTES, FRAME_SIZE_BYTES);
    return *payload_size == size - begin - TN_SIGNATURE_SIZE ? entry + begin : NULL;
}

/* ---- Writing ---- */

static size_t write_frame(uint8_t *out, size_t out_size, const struct tn_frame *frame)
{
    size_t bytes = ENTRY_HEAD_BYTES + FRAME_FIXED_BYTES + (size_t)frame->payload_size;
    struct writer writer = {.at = out};
    if (frame->payload == NULL || frame->payload_size > TN_PAYLOAD_BYTES_MAX) return 0;
    if (bytes > out_size) return bytes;
    put_u8(&writer, TN_ENTRY_VERSION_2);
    put_u8(&writer, TN_ENTRY_FRAME);
    put_u32(&writer, frame->payload_size);
    put_bytes(&writer, frame->payload, frame->payload_size);
    put_bytes(&writer, frame->signature.bytes, TN_SIGNATURE_SIZE);
    TN_ASSERT(writer.at == out + bytes);
    return bytes;
}

static size_t write_block(uint8_t *out, size_t out_size, const struct tn_stream_item *item)
{
    size_t bytes = ENTRY_HEAD_BYTES + BLOCK_BYTES;
    struct writer writer = {.at = out};
    if (bytes > out_size) return bytes;
    put_u8(&writer, TN_ENTRY_VERSION_2);
    put_u8(&writer, TN_ENTRY_BLOCK);
    put_u64(&writer, item->entry.as.block.height);
    put_i64(&writer, item->entry.as.block.time_ms);
    put_bytes(&writer, item->as.block_hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == out + bytes);
    return bytes;
}

size_t tn_stream_write_item(uint8_t *out, size_t out_size, const struct tn_stream_item *item)
{
    if (item->version == TN_ENTRY_VERSION) {
        return tn_stream_write_entry(out, out_size, &item->entry);
    }
    if (item->version != TN_ENTRY_VERSION_2) return 0;
    if (item->entry.kind == TN_ENTRY_FRAME) return write_frame(out, out_size, &item->as.frame);
    if (item->entry.kind == TN_ENTRY_BLOCK) return write_block(out, out_size, item);
    return 0;
}

size_t tn_stream_write_batch_item(uint8_t *out, size_t out_size, const struct tn_stream_item *item)
{
    bool has_room = out_size >= TN_BATCH_LENGTH_BYTES;
    size_t room = has_room ? out_size - TN_BATCH_LENGTH_BYTES : 0;
    size_t bytes = tn_stream_write_item(has_room ? out + TN_BATCH_LENGTH_BYTES : out, room, item);
    TN_ASSERT(bytes <= TN_ENTRY_BYTES_MAX);
    if (bytes == 0) return 0;
    if (bytes > room) return TN_BATCH_LENGTH_BYTES + bytes;
    struct writer writer = {.at = out};
    put_u32(&writer, (uint32_t)bytes);
    return TN_BATCH_LENGTH_BYTES + bytes;
}

/* ---- Reading ---- */

static bool get_frame(struct reader *reader, struct tn_stream_item *item,
                      struct tn_stream_scratch *scratch)
{
    struct tn_frame *frame = &item->as.frame;
    if (!need(reader, FRAME_SIZE_BYTES)) return false;
    size_t begin = reader->at, size = get_u32(reader);
    if (size > TN_PAYLOAD_BYTES_MAX) return refuse(reader, begin, "the payload is too large");
    if (!need(reader, size + TN_SIGNATURE_SIZE)) return false;
    begin = reader->at;
    if (!tn_stream_read_payload(frame, reader->fault, scratch, reader->bytes + begin, size)) {
        reader->fault->at += begin;
        return false;
    }
    reader->at = begin + size;
    get_bytes(reader, frame->signature.bytes, TN_SIGNATURE_SIZE);
    item->entry.as.frame.commands = frame->commands;
    item->entry.as.frame.commands_count = frame->commands_count;
    item->entry.as.frame.nonce = frame->nonce;
    item->entry.as.frame.valid_until_block = frame->valid_until_block;
    return true;
}

static bool get_block(struct reader *reader, struct tn_stream_item *item)
{
    if (!need(reader, BLOCK_BYTES)) return false;
    item->entry.as.block.height = get_u64(reader);
    item->entry.as.block.time_ms = get_i64(reader);
    get_bytes(reader, item->as.block_hash.bytes, TN_HASH_SIZE);
    return true;
}

bool tn_stream_read_item(struct tn_stream_item *item, size_t *used, struct tn_stream_fault *fault,
                         struct tn_stream_scratch *scratch, const uint8_t *bytes, size_t size)
{
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    memset(item, 0, sizeof(*item));
    if (!need(&reader, ENTRY_HEAD_BYTES)) return false;
    item->version = get_u8(&reader);
    if (item->version == TN_ENTRY_VERSION) {
        return tn_stream_read_entry(&item->entry, used, fault, scratch, bytes, size);
    }
    if (item->version != TN_ENTRY_VERSION_2)
        return refuse(&reader, 0, "no such version of entries");
    item->entry.kind = get_u8(&reader);
    bool known = item->entry.kind == TN_ENTRY_FRAME || item->entry.kind == TN_ENTRY_BLOCK;
    if (!known) return refuse(&reader, 1, "no such kind of entry in version 2");
    bool was_read = item->entry.kind == TN_ENTRY_FRAME ? get_frame(&reader, item, scratch)
                                                       : get_block(&reader, item);
    *used = reader.at;
    return was_read;
}

bool tn_stream_item_is_led(const struct tn_stream_item *item)
{
    uint8_t kind = item->entry.kind;
    if (item->version == TN_ENTRY_VERSION_2) return true; /* FRAME and BLOCK are all of it */
    return kind == TN_ENTRY_SWEEP || kind == TN_ENTRY_LIQ;
}
