/* Block headers (docs/specs/stream.md §8): what is hashed, and what a proposer and those
 * who vote for it sign. Of what stands in the body it holds the size and the roots (body.c). */
#include "stream/bytes.h"

static const uint8_t BLOCK_TAG[6] = {'T', 'N', 'S', 'X', '1', 'H'};

enum { FLAGS_KNOWN = TN_BLOCK_EMPTY | TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL };

void tn_stream_write_block_header(uint8_t out[TN_BLOCK_HEADER_BYTES],
                                  const struct tn_block_header *header)
{
    struct writer writer = {.at = out};
    put_u16(&writer, header->version);
    put_u8(&writer, header->flags);
    put_u64(&writer, header->epoch);
    put_u64(&writer, header->view);
    put_u64(&writer, header->height);
    put_u64(&writer, header->parent_view);
    put_bytes(&writer, header->parent_hash.bytes, TN_HASH_SIZE);
    put_u64(&writer, header->time_ms);
    put_u16(&writer, header->proposer);
    put_u32(&writer, header->batches_count);
    put_u32(&writer, header->body_size);
    put_bytes(&writer, header->body_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, header->exec_root.bytes, TN_HASH_SIZE);
    put_bytes(&writer, header->evidence_root.bytes, TN_HASH_SIZE);
    put_u64(&writer, header->exec_height);
    put_u64(&writer, header->l1_cursor);
    put_bytes(&writer, header->next_set_hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.at == out + TN_BLOCK_HEADER_BYTES);
}

bool tn_stream_read_block_header(struct tn_block_header *header, struct tn_stream_fault *fault,
                                 const uint8_t *bytes, size_t size)
{
    struct reader reader = {.bytes = bytes, .size = size, .fault = fault};
    if (!need(&reader, TN_BLOCK_HEADER_BYTES)) return false;
    header->version = get_u16(&reader);
    if (header->version != TN_BLOCK_VERSION) return refuse(&reader, 0, "no such version of blocks");
    header->flags = get_u8(&reader);
    if ((header->flags & ~FLAGS_KNOWN) != 0) return refuse(&reader, 2, "no such flag of a block");
    header->epoch = get_u64(&reader);
    header->view = get_u64(&reader);
    header->height = get_u64(&reader);
    header->parent_view = get_u64(&reader);
    get_bytes(&reader, header->parent_hash.bytes, TN_HASH_SIZE);
    header->time_ms = get_u64(&reader);
    header->proposer = get_u16(&reader);
    header->batches_count = get_u32(&reader);
    header->body_size = get_u32(&reader);
    get_bytes(&reader, header->body_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, header->exec_root.bytes, TN_HASH_SIZE);
    get_bytes(&reader, header->evidence_root.bytes, TN_HASH_SIZE);
    header->exec_height = get_u64(&reader);
    header->l1_cursor = get_u64(&reader);
    get_bytes(&reader, header->next_set_hash.bytes, TN_HASH_SIZE);
    TN_ASSERT(reader.at == TN_BLOCK_HEADER_BYTES);
    return true;
}

void tn_stream_block_hash(struct tn_hash *hash, const uint8_t chain_id[32],
                          const struct tn_block_header *header)
{
    uint8_t preimage[sizeof(BLOCK_TAG) + 32 + TN_BLOCK_HEADER_BYTES];
    struct writer writer = {.at = preimage};
    put_bytes(&writer, BLOCK_TAG, sizeof(BLOCK_TAG));
    put_bytes(&writer, chain_id, 32);
    tn_stream_write_block_header(writer.at, header);
    tn_keccak256(hash, preimage, sizeof(preimage));
}
