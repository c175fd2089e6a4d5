/* set_snapshot_format: a set's snapshot as bytes. Readers are total: what comes out leads into the
 * bytes, whatever they are. */
#include "tenord/set_snapshot.h"

#include <stdio.h>
#include <string.h>

enum {
    CHUNK_ENTRY = 1 + 4 + 4 + 8 + TN_HASH_SIZE,
    KIND_STEP = 32, /* kinds of one market */
    VERSION_AT = 4,
};

static const uint8_t head_magic[4] = {'T', 'N', 'S', 'H'};
static const uint8_t chunk_magic[4] = {'T', 'N', 'S', 'C'};

uint8_t set_snapshot_own(uint8_t kind)
{
    return kind % KIND_STEP;
}

enum set_snapshot_sort set_snapshot_sort(uint8_t kind)
{
    const uint8_t own = set_snapshot_own(kind);
    if (kind >= TN_CHAIN_RECORD_HEADS) {
        return kind == TN_CHAIN_RECORD_HEADS ? SET_SNAPSHOT_GLOBALS : SET_SNAPSHOT_NONE;
    }
    if (own == TN_RECORD_STREAM) return SET_SNAPSHOT_INBOXES;
    if (own == TN_RECORD_EQUITY) return SET_SNAPSHOT_EQUITY;
    return own >= 1 && own < TN_PROOF_RECORD_KINDS && own != TN_RECORD_POSITIONS
               ? SET_SNAPSHOT_LEAVES
               : SET_SNAPSHOT_NONE;
}

/* ---- The head: reading -------------------------------------------------------------------------
 */

bool set_snapshot_is_head(const uint8_t *bytes, size_t size)
{
    return size > 5 && memcmp(bytes, head_magic, sizeof head_magic) == 0 &&
           (bytes[VERSION_AT] == SET_SNAPSHOT_VERSION || bytes[VERSION_AT] == SET_SNAPSHOT_BARE);
}

struct cursor {
    const uint8_t *bytes;
    size_t size, at; /* of all but the hash at the end */
    bool is_bad;
};

static uint64_t take_number(struct cursor *cursor, size_t bytes_count)
{
    if (cursor->is_bad || cursor->size - cursor->at < bytes_count) {
        cursor->is_bad = true;
        return 0;
    }
    uint64_t value = tn_get_be(cursor->bytes + cursor->at, (uint32_t)bytes_count);
    cursor->at += bytes_count;
    return value;
}

static const uint8_t *take_bytes(struct cursor *cursor, size_t size)
{
    const uint8_t *bytes = cursor->bytes + cursor->at;
    if (cursor->is_bad || cursor->size - cursor->at < size) {
        cursor->is_bad = true;
        return NULL;
    }
    cursor->at += size;
    return bytes;
}

static void take_epoch(struct cursor *cursor, struct set_snapshot_epoch *epoch)
{
    epoch->epoch = take_number(cursor, 8);
    epoch->handover_size = (uint32_t)take_number(cursor, 4);
    epoch->handover = take_bytes(cursor, epoch->handover_size);
    epoch->set_size = (uint32_t)take_number(cursor, 4);
    epoch->set = take_bytes(cursor, epoch->set_size);
}

void set_snapshot_head_chunk(struct snapshot_chunk *chunk, const struct set_snapshot_head *head,
                             uint32_t index)
{
    const uint8_t *at = head->chunks + (size_t)index * CHUNK_ENTRY;
    *chunk = (struct snapshot_chunk){.kind = at[0],
                                     .first = (uint32_t)tn_get_be(at + 1, 4),
                                     .count = (uint32_t)tn_get_be(at + 5, 4),
                                     .size = tn_get_be(at + 9, 8)};
    memcpy(chunk->hash.bytes, at + 17, TN_HASH_SIZE);
}

void set_snapshot_head_epoch(struct set_snapshot_epoch *epoch, size_t *at,
                             const struct set_snapshot_head *head)
{
    struct cursor cursor = {
        .bytes = head->epochs, .size = (size_t)(head->chunks - head->epochs), .at = *at};
    take_epoch(&cursor, epoch);
    *at = cursor.at;
}

static bool check_chunks(const struct set_snapshot_head *head, struct snapshot_fault *fault,
                         size_t at)
{
    uint32_t kind = 0, next = 0;
    for (uint32_t i = 0; i < head->chunks_count; i++, at += CHUNK_ENTRY) {
        struct snapshot_chunk chunk;
        set_snapshot_head_chunk(&chunk, head, i);
        if (chunk.kind > kind) {
            kind = chunk.kind;
            next = 0;
        }
        if (chunk.kind != kind || chunk.first != next || chunk.count == 0 ||
            chunk.count > UINT32_MAX - next) {
            return snapshot_refuse(fault, at, "the chunks are not in order, or one is missing");
        }
        if (set_snapshot_sort(chunk.kind) == SET_SNAPSHOT_NONE) {
            return snapshot_refuse(fault, at, "there are no chunks of this kind");
        }
        if (chunk.size > SNAPSHOT_CHUNK_MAX)
            return snapshot_refuse(fault, at, "a chunk is too large");
        next += chunk.count;
    }
    return true;
}

bool set_snapshot_read_head(struct set_snapshot_head *head, struct snapshot_fault *fault,
                            const uint8_t *bytes, size_t size)
{
    struct tn_hash hash;
    struct set_snapshot_epoch epoch;
    if (!set_snapshot_is_head(bytes, size)) {
        return snapshot_refuse(fault, 0, "this is no head of a set's snapshot");
    }
    if (bytes[VERSION_AT] != SET_SNAPSHOT_VERSION) {
        return snapshot_refuse(
            fault, VERSION_AT,
            "it is of a version whose chunks have no proofs: make a snapshot with this "
            "program, or use the one that made it");
    }
    if (size < SET_SNAPSHOT_FIXED + 12 + TN_HASH_SIZE)
        return snapshot_refuse(fault, size, "it ends early");
    struct cursor cursor = {.bytes = bytes, .size = size - TN_HASH_SIZE, .at = 5};
    tn_keccak256(&hash, bytes, cursor.size);
    if (memcmp(hash.bytes, bytes + cursor.size, TN_HASH_SIZE) != 0) {
        return snapshot_refuse(fault, cursor.size,
                               "its bytes have another hash than stands at its end");
    }
    memcpy(head->chain_id, take_bytes(&cursor, 32), 32);
    head->height = take_number(&cursor, 8);
    memcpy(head->root.bytes, take_bytes(&cursor, TN_HASH_SIZE), TN_HASH_SIZE);
    head->certificate_size = (uint32_t)take_number(&cursor, 4);
    head->certificate = take_bytes(&cursor, head->certificate_size);
    head->epochs_count = (uint32_t)take_number(&cursor, 4);
    head->epochs = bytes + cursor.at;
    for (uint32_t i = 0; i < head->epochs_count && !cursor.is_bad; i++)
        take_epoch(&cursor, &epoch);
    head->chunks = bytes + cursor.at;
    head->chunks_count = (uint32_t)take_number(&cursor, 4);
    const size_t chunks_at = cursor.at;
    if (!cursor.is_bad) head->chunks = bytes + chunks_at;
    if (cursor.is_bad || (cursor.size - chunks_at) % CHUNK_ENTRY != 0 ||
        (cursor.size - chunks_at) / CHUNK_ENTRY != head->chunks_count) {
        return snapshot_refuse(fault, cursor.at, "a length in it does not fit");
    }
    return check_chunks(head, fault, chunks_at);
}

/* ---- The head: writing -------------------------------------------------------------------------
 */

struct writer {
    uint8_t *out;
    size_t size, at;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (size > 0 && writer->at + size <= writer->size) {
        memcpy(writer->out + writer->at, bytes, size);
    }
    writer->at += size;
}

static void put_number(struct writer *writer, uint64_t value, uint32_t bytes_count)
{
    uint8_t bytes[8];
    tn_put_be(bytes, value, bytes_count);
    put_bytes(writer, bytes, bytes_count);
}

static void put_epoch(struct writer *writer, const struct set_snapshot_epoch *epoch)
{
    put_number(writer, epoch->epoch, 8);
    put_number(writer, epoch->handover_size, 4);
    put_bytes(writer, epoch->handover, epoch->handover_size);
    put_number(writer, epoch->set_size, 4);
    put_bytes(writer, epoch->set, epoch->set_size);
}

static void put_chunk(struct writer *writer, const struct snapshot_chunk *chunk)
{
    put_number(writer, chunk->kind, 1);
    put_number(writer, chunk->first, 4);
    put_number(writer, chunk->count, 4);
    put_number(writer, chunk->size, 8);
    put_bytes(writer, chunk->hash.bytes, TN_HASH_SIZE);
}

size_t set_snapshot_write_head(uint8_t *out, size_t out_size, const struct set_snapshot_head *head,
                               const struct set_snapshot_epoch *epochs,
                               const struct snapshot_chunk *chunks)
{
    struct writer writer = {.out = out, .size = out_size};
    struct tn_hash hash = {{0}};
    put_bytes(&writer, head_magic, sizeof head_magic);
    put_number(&writer, SET_SNAPSHOT_VERSION, 1);
    put_bytes(&writer, head->chain_id, sizeof head->chain_id);
    put_number(&writer, head->height, 8);
    put_bytes(&writer, head->root.bytes, TN_HASH_SIZE);
    put_number(&writer, head->certificate_size, 4);
    put_bytes(&writer, head->certificate, head->certificate_size);
    put_number(&writer, head->epochs_count, 4);
    for (uint32_t i = 0; i < head->epochs_count; i++)
        put_epoch(&writer, &epochs[i]);
    put_number(&writer, head->chunks_count, 4);
    for (uint32_t i = 0; i < head->chunks_count; i++)
        put_chunk(&writer, &chunks[i]);
    if (writer.at + TN_HASH_SIZE <= out_size) tn_keccak256(&hash, out, writer.at);
    put_bytes(&writer, hash.bytes, TN_HASH_SIZE);
    return writer.at;
}

/* ---- Chunks ------------------------------------------------------------------------------------
 */

const char *set_snapshot_chunk_name(char name[SNAPSHOT_NAME_SIZE], uint8_t kind, uint32_t first)
{
    snprintf(name, SNAPSHOT_NAME_SIZE, "records-%03u-%010u", kind, first);
    return name;
}

void set_snapshot_write_chunk_head(uint8_t out[SNAPSHOT_CHUNK_HEAD], uint8_t kind, uint32_t first,
                                   uint32_t count)
{
    memcpy(out, chunk_magic, sizeof chunk_magic);
    out[4] = SET_SNAPSHOT_VERSION;
    out[5] = kind;
    tn_put_be(out + 6, first, 4);
    tn_put_be(out + 10, count, 4);
}

static bool stands_at(const uint8_t *bytes, size_t size, const void *wanted, size_t wanted_size)
{
    return size >= wanted_size && memcmp(bytes, wanted, wanted_size) == 0;
}

bool set_snapshot_open_chunk(struct set_snapshot_reader *reader, struct snapshot_fault *fault,
                             const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size)
{
    uint8_t wanted[SNAPSHOT_CHUNK_HEAD];
    set_snapshot_write_chunk_head(wanted, chunk->kind, chunk->first, chunk->count);
    if (!stands_at(bytes, size, wanted, VERSION_AT)) {
        return snapshot_refuse(fault, 0, "this is no chunk of a snapshot");
    }
    if (!stands_at(bytes, size, wanted, VERSION_AT + 1)) {
        return snapshot_refuse(
            fault, VERSION_AT,
            "it is of a version that this program does not read: make a snapshot with "
            "this program, or use the one that made it");
    }
    if (!stands_at(bytes, size, wanted, sizeof wanted)) {
        return snapshot_refuse(fault, VERSION_AT + 1, "these are other records than the head says");
    }
    *reader = (struct set_snapshot_reader){.bytes = bytes,
                                           .size = size,
                                           .at = sizeof wanted,
                                           .kind = chunk->kind,
                                           .first = chunk->first,
                                           .count = chunk->count};
    return true;
}

/* Bytes behind their length. */
static bool take_part(struct set_snapshot_reader *reader, struct snapshot_fault *fault,
                      const uint8_t **part, uint32_t *part_size)
{
    if (reader->size - reader->at < SNAPSHOT_LENGTH) {
        return snapshot_refuse(fault, reader->at, "it ends early");
    }
    *part_size = (uint32_t)tn_get_be(reader->bytes + reader->at, SNAPSHOT_LENGTH);
    reader->at += SNAPSHOT_LENGTH;
    if (reader->size - reader->at < *part_size) {
        return snapshot_refuse(fault, reader->at, "a length in it goes past its end");
    }
    *part = reader->bytes + reader->at;
    reader->at += *part_size;
    return true;
}

static bool take_name(struct set_snapshot_reader *reader, struct set_snapshot_item *item,
                      struct snapshot_fault *fault)
{
    if (reader->size - reader->at < SET_SNAPSHOT_NAME) {
        return snapshot_refuse(fault, reader->at, "it ends early");
    }
    item->kind = reader->bytes[reader->at];
    item->index = (uint32_t)tn_get_be(reader->bytes + reader->at + 1, 4);
    reader->at += SET_SNAPSHOT_NAME;
    return true;
}

static bool take_item(struct set_snapshot_reader *reader, struct set_snapshot_item *item,
                      struct snapshot_fault *fault)
{
    const enum set_snapshot_sort sort = set_snapshot_sort(reader->kind);
    const bool is_named = sort == SET_SNAPSHOT_INBOXES || sort == SET_SNAPSHOT_GLOBALS;
    const bool is_account =
        sort == SET_SNAPSHOT_LEAVES && set_snapshot_own(reader->kind) == TN_RECORD_ACCOUNT;
    *item =
        (struct set_snapshot_item){.kind = reader->kind, .index = reader->first + reader->taken++};
    if (is_named && !take_name(reader, item, fault)) return false;
    return take_part(reader, fault, &item->record, &item->size) &&
           (!is_account || take_part(reader, fault, &item->positions, &item->positions_size));
}

enum snapshot_step set_snapshot_next(struct set_snapshot_reader *reader,
                                     struct set_snapshot_item *item, struct snapshot_fault *fault)
{
    if (reader->taken < reader->count) {
        return take_item(reader, item, fault) ? SNAPSHOT_RECORD : SNAPSHOT_BAD;
    }
    if (reader->proof == NULL && !take_part(reader, fault, &reader->proof, &reader->proof_size)) {
        return SNAPSHOT_BAD;
    }
    if (reader->at == reader->size) return SNAPSHOT_END;
    snapshot_refuse(fault, reader->at, "bytes follow the proof");
    return SNAPSHOT_BAD;
}
