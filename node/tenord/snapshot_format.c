/* snapshot_format: every length is held against what is left before anything is read, and nothing
 * is allocated, so a file can lie about all of them. */
#include "snapshot_format.h"

#include <stdio.h>
#include <string.h>

static const char head_magic[4] = "TNSH", chunk_magic[4] = "TNSC";

enum {
    HEAD_FIXED = 4 + 1 + 32 + 4 + 4 + 8 + TN_HASH_SIZE + 4,
    CHUNK_ENTRY = 1 + 4 + 4 + 8 + TN_HASH_SIZE,
};

/* NULL: no chunk is of that kind. */
static const char *kind_name(uint8_t kind)
{
    static const char *const names[TN_REPLICA_KINDS] = {
        [TN_RECORD_MARKET] = "market",   [TN_RECORD_SERIES] = "series",
        [TN_RECORD_FEEDS] = "feeds",     [TN_RECORD_ROWS] = "rows",
        [TN_RECORD_ACCOUNT] = "account", [TN_RECORD_MARGIN] = "margin",
        [TN_RECORD_MEMORY] = "memory",   [TN_RECORD_BOOK] = "book",
        [TN_RECORD_CHAIN] = "chain",     [TN_RECORD_EQUITY] = "equity"};
    return kind < TN_REPLICA_KINDS ? names[kind] : NULL;
}

const char *snapshot_chunk_name(char name[SNAPSHOT_NAME_SIZE], uint8_t kind, uint32_t first)
{
    const char *word = kind_name(kind);
    TN_ASSERT(word != NULL);
    snprintf(name, SNAPSHOT_NAME_SIZE, "%s-%010u", word, first);
    return name;
}

/* ---- The head ---------------------------------------------------------------------------------
 */

size_t snapshot_head_size(const struct snapshot_head *head)
{
    return HEAD_FIXED + head->genesis_size + 4 + (size_t)head->chunks_count * CHUNK_ENTRY +
           TN_HASH_SIZE;
}

static uint8_t *write_chunk_entry(uint8_t *out, const struct snapshot_chunk *chunk)
{
    out[0] = chunk->kind;
    tn_put_be(out + 1, chunk->first, 4);
    tn_put_be(out + 5, chunk->count, 4);
    tn_put_be(out + 9, chunk->size, 8);
    memcpy(out + 17, chunk->hash.bytes, TN_HASH_SIZE);
    return out + CHUNK_ENTRY;
}

void snapshot_write_head(uint8_t *out, const struct snapshot_head *head,
                         const struct snapshot_chunk *chunks)
{
    uint8_t *at = out;
    struct tn_hash hash;
    TN_ASSERT(head->genesis_size <= SNAPSHOT_GENESIS_MAX);
    memcpy(at, head_magic, sizeof head_magic);
    at[4] = SNAPSHOT_VERSION;
    memcpy(at + 5, head->chain_id, 32);
    tn_put_be(at + 37, head->market, 4);
    tn_put_be(at + 41, head->exit_blocks, 4);
    tn_put_be(at + 45, head->height, 8);
    memcpy(at + 53, head->root.bytes, TN_HASH_SIZE);
    tn_put_be(at + 85, head->genesis_size, 4);
    at += HEAD_FIXED;
    memcpy(at, head->genesis, head->genesis_size);
    at += head->genesis_size;
    tn_put_be(at, head->chunks_count, 4);
    at += 4;
    for (uint32_t i = 0; i < head->chunks_count; i++)
        at = write_chunk_entry(at, &chunks[i]);
    tn_keccak256(&hash, out, (size_t)(at - out));
    memcpy(at, hash.bytes, TN_HASH_SIZE);
    TN_ASSERT((size_t)(at - out) + TN_HASH_SIZE == snapshot_head_size(head));
}

void snapshot_head_chunk(struct snapshot_chunk *chunk, const struct snapshot_head *head,
                         uint32_t index)
{
    TN_ASSERT(index < head->chunks_count);
    const uint8_t *at = head->chunks + (size_t)index * CHUNK_ENTRY;
    chunk->kind = at[0];
    chunk->first = (uint32_t)tn_get_be(at + 1, 4);
    chunk->count = (uint32_t)tn_get_be(at + 5, 4);
    chunk->size = tn_get_be(at + 9, 8);
    memcpy(chunk->hash.bytes, at + 17, TN_HASH_SIZE);
}

/* Does a chunk follow the one before? */
static const char *check_order(const struct snapshot_chunk *chunk,
                               const struct snapshot_chunk *before)
{
    if (kind_name(chunk->kind) == NULL) return "a chunk is of a kind that there is not";
    if (chunk->size > SNAPSHOT_CHUNK_MAX) return "a chunk is larger than any can be";
    if (chunk->count == 0 || chunk->count > UINT32_MAX - chunk->first) {
        return "a chunk has no records, or more than can be";
    }
    if (chunk->kind < before->kind) return "the chunks are not in the order of their kinds";
    uint32_t next = chunk->kind == before->kind ? before->first + before->count : 0;
    return chunk->first == next ? NULL : "records are missing between two chunks, or named twice";
}

static bool check_chunks(const struct snapshot_head *head, struct snapshot_fault *fault, size_t at)
{
    struct snapshot_chunk chunk, before = {0};
    for (uint32_t i = 0; i < head->chunks_count; i++) {
        snapshot_head_chunk(&chunk, head, i);
        const char *what = check_order(&chunk, &before);
        if (what != NULL) return snapshot_refuse(fault, at + (size_t)i * CHUNK_ENTRY, what);
        before = chunk;
    }
    return before.kind >= TN_RECORD_CHAIN ||
           snapshot_refuse(fault, at, "there is no chunk of the chain");
}

bool snapshot_read_head(struct snapshot_head *head, struct snapshot_fault *fault,
                        const uint8_t *bytes, size_t size)
{
    struct tn_hash hash;
    *head = (struct snapshot_head){0};
    if (size < HEAD_FIXED + 4 + TN_HASH_SIZE || size > SNAPSHOT_HEAD_MAX ||
        memcmp(bytes, head_magic, sizeof head_magic) != 0) {
        return snapshot_refuse(fault, 0, "this is no head of a snapshot");
    }
    if (bytes[4] != SNAPSHOT_VERSION) {
        return snapshot_refuse(fault, 4,
                               "it is of a version that this program does not read: make a "
                               "snapshot with this program, or use the one that made it");
    }
    size_t body = size - TN_HASH_SIZE;
    tn_keccak256(&hash, bytes, body);
    if (memcmp(hash.bytes, bytes + body, TN_HASH_SIZE) != 0) {
        return snapshot_refuse(fault, body,
                               "the head's hash is not that of its bytes: it is damaged");
    }
    memcpy(head->chain_id, bytes + 5, 32);
    head->market = (uint32_t)tn_get_be(bytes + 37, 4);
    head->exit_blocks = (uint32_t)tn_get_be(bytes + 41, 4);
    head->height = tn_get_be(bytes + 45, 8);
    memcpy(head->root.bytes, bytes + 53, TN_HASH_SIZE);
    head->genesis_size = (uint32_t)tn_get_be(bytes + 85, 4);
    head->genesis = (const char *)bytes + HEAD_FIXED;
    if (head->genesis_size > SNAPSHOT_GENESIS_MAX || head->genesis_size > body - HEAD_FIXED - 4) {
        return snapshot_refuse(fault, 85, "the genesis is longer than it can be");
    }
    tn_keccak256(&hash, head->genesis, head->genesis_size);
    if (memcmp(hash.bytes, head->chain_id, TN_HASH_SIZE) != 0) {
        return snapshot_refuse(fault, 5, "the genesis is not that of the chain");
    }
    size_t at = HEAD_FIXED + head->genesis_size;
    head->chunks_count = (uint32_t)tn_get_be(bytes + at, 4);
    at += 4;
    if ((uint64_t)head->chunks_count * CHUNK_ENTRY != body - at) {
        return snapshot_refuse(fault, at, "the list of chunks ends too early or too late");
    }
    head->chunks = bytes + at;
    return check_chunks(head, fault, at);
}

/* ---- Chunks -----------------------------------------------------------------------------------
 */

void snapshot_write_chunk_head(uint8_t out[SNAPSHOT_CHUNK_HEAD], uint8_t kind, uint32_t first,
                               uint32_t count)
{
    memcpy(out, chunk_magic, sizeof chunk_magic);
    out[4] = SNAPSHOT_VERSION;
    out[5] = kind;
    tn_put_be(out + 6, first, 4);
    tn_put_be(out + 10, count, 4);
}

bool snapshot_open_chunk(struct snapshot_reader *reader, struct snapshot_fault *fault,
                         const uint8_t *bytes, size_t size)
{
    *reader = (struct snapshot_reader){.bytes = bytes, .size = size, .at = SNAPSHOT_CHUNK_HEAD};
    if (size < SNAPSHOT_CHUNK_HEAD || memcmp(bytes, chunk_magic, sizeof chunk_magic) != 0) {
        return snapshot_refuse(fault, 0, "this is no chunk of a snapshot");
    }
    if (bytes[4] != SNAPSHOT_VERSION) {
        return snapshot_refuse(fault, 4,
                               "it is of a version that this program does not read: make a "
                               "snapshot with this program, or use the one that made it");
    }
    reader->kind = bytes[5];
    reader->first = (uint32_t)tn_get_be(bytes + 6, 4);
    reader->count = (uint32_t)tn_get_be(bytes + 10, 4);
    if (kind_name(reader->kind) == NULL) {
        return snapshot_refuse(fault, 5, "the chunk is of a kind that there is not");
    }
    if (reader->count == 0 || reader->count > UINT32_MAX - reader->first) {
        return snapshot_refuse(fault, 10, "the chunk has no records, or more than can be");
    }
    return true;
}

/* A length and the bytes that it announces. */
static bool take(struct snapshot_reader *reader, const uint8_t **bytes, uint32_t *size)
{
    if (reader->size - reader->at < SNAPSHOT_LENGTH) return false;
    uint64_t length = tn_get_be(reader->bytes + reader->at, SNAPSHOT_LENGTH);
    if (reader->size - reader->at - SNAPSHOT_LENGTH < length) return false;
    *bytes = reader->bytes + reader->at + SNAPSHOT_LENGTH;
    *size = (uint32_t)length;
    reader->at += SNAPSHOT_LENGTH + (size_t)length;
    return true;
}

enum snapshot_step snapshot_next(struct snapshot_reader *reader, struct snapshot_item *item,
                                 struct snapshot_fault *fault)
{
    *item = (struct snapshot_item){.index = reader->first + reader->taken};
    if (reader->taken == reader->count) {
        if (take(reader, &reader->proof, &reader->proof_size) && reader->at == reader->size) {
            return SNAPSHOT_END;
        }
        snapshot_refuse(fault, reader->at, "the proof ends too early or too late");
        return SNAPSHOT_BAD;
    }
    size_t at = reader->at;
    bool is_good = take(reader, &item->record, &item->size);
    if (is_good && reader->kind == TN_RECORD_ACCOUNT) {
        is_good = take(reader, &item->positions, &item->positions_size);
    }
    reader->taken++;
    if (is_good) return SNAPSHOT_RECORD;
    snapshot_refuse(fault, at, "the record ends after the file");
    fault->index = item->index;
    fault->has_index = true;
    return SNAPSHOT_BAD;
}
