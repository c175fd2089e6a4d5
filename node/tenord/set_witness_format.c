/* set_witness_format: a witness of a set's block as bytes. The reader is total and strict. */
#include "tenord/set_witness.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_HEAD = 9, BATCH_HEAD = 4, WITNESS_MAX_MARKETS = TN_CHAIN_MARKETS_MAX };

/* The last two are the version. 01 had the whole state before the block. */
static const uint8_t magic[8] = {'T', 'N', 'W', 'I', 'T', 'S', '0', '2'};
enum { NAME_SIZE = 6 };

bool set_witness_is_one(const uint8_t *bytes, size_t size)
{
    return size >= sizeof magic && memcmp(bytes, magic, NAME_SIZE) == 0;
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

struct cursor {
    const uint8_t *bytes;
    size_t size, at;
    bool is_bad;
};

static const uint8_t *take(struct cursor *cursor, size_t size)
{
    const uint8_t *bytes = cursor->bytes + cursor->at;
    if (cursor->is_bad || cursor->size - cursor->at < size) {
        cursor->is_bad = true;
        return NULL;
    }
    cursor->at += size;
    return bytes;
}

static uint32_t take_u32(struct cursor *cursor)
{
    const uint8_t *bytes = take(cursor, 4);
    return bytes == NULL ? 0 : (uint32_t)tn_get_be(bytes, 4);
}

static void take_hashes(struct cursor *cursor, struct tn_hash *hashes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *bytes = take(cursor, TN_HASH_SIZE);
        if (bytes != NULL) memcpy(hashes[i].bytes, bytes, TN_HASH_SIZE);
    }
}

static void take_roots(struct cursor *cursor, struct set_roots *roots, uint32_t markets_count)
{
    take_hashes(cursor, &roots->root, 1);
    take_hashes(cursor, roots->globals, TN_PROOF_GLOBALS);
    for (uint32_t i = 0; i < markets_count; i++)
        take_hashes(cursor, roots->sections[i], TN_PROOF_RECORD_KINDS);
}

static void pass_batches(struct cursor *cursor, uint32_t count)
{
    for (uint32_t i = 0; i < count && !cursor->is_bad; i++) {
        uint32_t size = take_u32(cursor);
        (void)take(cursor, (size_t)size + TN_SIGNATURE_SIZE);
    }
}

static void pass_records(struct cursor *cursor, uint32_t count)
{
    for (uint32_t i = 0; i < count && !cursor->is_bad; i++) {
        (void)take(cursor, RECORD_HEAD - 4);
        uint32_t size = take_u32(cursor);
        (void)take(cursor, size);
    }
}

static bool refuse(struct set_witness_fault *fault, size_t at, const char *what)
{
    *fault = (struct set_witness_fault){.what = what, .at = at};
    return false;
}

static void take_counts(struct cursor *cursor, struct set_witness *witness)
{
    for (uint32_t i = 0; i < witness->markets_count; i++) {
        witness->accounts_count[i] = take_u32(cursor);
        witness->seats_count[i] = take_u32(cursor);
    }
}

static bool is_of_this_version(struct set_witness_fault *fault, const uint8_t *bytes, size_t size)
{
    if (!set_witness_is_one(bytes, size)) return refuse(fault, 0, "it is no witness of a set");
    return memcmp(bytes, magic, sizeof magic) == 0 ||
           refuse(fault, NAME_SIZE,
                  "it is of a version that this program does not read: write it with this program, "
                  "or use the one that wrote it");
}

bool set_witness_read(struct set_witness *witness, struct set_witness_fault *fault,
                      const uint8_t *bytes, size_t size)
{
    struct cursor cursor = {.bytes = bytes, .size = size, .at = sizeof magic};
    struct tn_stream_fault stream;
    *witness = (struct set_witness){.size = size};
    if (!is_of_this_version(fault, bytes, size)) return false;
    const uint8_t *header = take(&cursor, TN_BLOCK_HEADER_BYTES);
    if (header == NULL ||
        !tn_stream_read_block_header(&witness->header, &stream, header, TN_BLOCK_HEADER_BYTES)) {
        return refuse(fault, sizeof magic, "the block's header does not read");
    }
    witness->markets_count = take_u32(&cursor);
    witness->body_size = take_u32(&cursor);
    witness->genesis_size = take_u32(&cursor);
    witness->set_size = take_u32(&cursor);
    witness->batches_count = take_u32(&cursor);
    witness->records_count = take_u32(&cursor);
    witness->nodes_size = take_u32(&cursor);
    if (witness->markets_count < 1 || witness->markets_count > WITNESS_MAX_MARKETS) {
        return refuse(fault, cursor.at, "no set has so many markets");
    }
    take_counts(&cursor, witness);
    take_roots(&cursor, &witness->before, witness->markets_count);
    take_roots(&cursor, &witness->after, witness->markets_count);
    witness->body = take(&cursor, witness->body_size);
    witness->genesis = take(&cursor, witness->genesis_size);
    witness->set = take(&cursor, witness->set_size);
    witness->batches = bytes + cursor.at;
    pass_batches(&cursor, witness->batches_count);
    witness->records = bytes + cursor.at;
    pass_records(&cursor, witness->records_count);
    witness->nodes = take(&cursor, witness->nodes_size);
    if (cursor.is_bad) return refuse(fault, cursor.at, "it ends before what it says is in it");
    return cursor.at == size || refuse(fault, cursor.at, "it goes on behind its nodes");
}

void set_witness_batch(struct tn_chain_batch *batch, size_t *at, const struct set_witness *witness)
{
    const uint8_t *bytes = witness->batches + *at;
    *batch = (struct tn_chain_batch){.body = bytes + BATCH_HEAD,
                                     .body_size = (size_t)tn_get_be(bytes, BATCH_HEAD)};
    memcpy(batch->signature.bytes, batch->body + batch->body_size, TN_SIGNATURE_SIZE);
    *at += BATCH_HEAD + batch->body_size + TN_SIGNATURE_SIZE;
}

void set_witness_record(struct tn_state_record *record, size_t *at,
                        const struct set_witness *witness)
{
    const uint8_t *head = witness->records + *at;
    *record = (struct tn_state_record){
        .name = {.kind = head[0], .index = (uint32_t)tn_get_be(head + 1, 4)},
        .bytes = head + RECORD_HEAD,
        .size = (size_t)tn_get_be(head + 5, 4)};
    *at += RECORD_HEAD + record->size;
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

/* Room for `size` bytes more, which the caller fills; NULL: no memory. */
static uint8_t *grow(struct set_witness_writer *writer, size_t size)
{
    if (writer->is_bad) return NULL;
    if (writer->size + size > writer->room) {
        size_t room = 2 * (writer->size + size);
        uint8_t *grown = realloc(writer->bytes, room);
        if (grown == NULL) {
            writer->is_bad = true;
            return NULL;
        }
        writer->bytes = grown;
        writer->room = room;
    }
    writer->size += size;
    return writer->bytes + writer->size - size;
}

static void put(struct set_witness_writer *writer, const void *bytes, size_t size)
{
    uint8_t *at = grow(writer, size);
    if (at != NULL && size > 0) memcpy(at, bytes, size);
}

static void put_u32(struct set_witness_writer *writer, uint64_t value)
{
    uint8_t bytes[4];
    tn_put_be(bytes, value, sizeof bytes);
    put(writer, bytes, sizeof bytes);
}

static void put_roots(struct set_witness_writer *writer, const struct set_roots *roots,
                      uint32_t markets_count)
{
    put(writer, roots->root.bytes, TN_HASH_SIZE);
    for (uint32_t i = 0; i < TN_PROOF_GLOBALS; i++)
        put(writer, roots->globals[i].bytes, TN_HASH_SIZE);
    for (uint32_t i = 0; i < markets_count; i++)
        for (uint32_t kind = 0; kind < TN_PROOF_RECORD_KINDS; kind++)
            put(writer, roots->sections[i][kind].bytes, TN_HASH_SIZE);
}

void set_witness_put_head(struct set_witness_writer *writer, const struct set_witness *witness)
{
    uint8_t header[TN_BLOCK_HEADER_BYTES];
    tn_stream_write_block_header(header, &witness->header);
    put(writer, magic, sizeof magic);
    put(writer, header, sizeof header);
    put_u32(writer, witness->markets_count);
    put_u32(writer, witness->body_size);
    put_u32(writer, witness->genesis_size);
    put_u32(writer, witness->set_size);
    put_u32(writer, witness->batches_count);
    put_u32(writer, witness->records_count);
    put_u32(writer, witness->nodes_size);
    for (uint32_t i = 0; i < witness->markets_count; i++) {
        put_u32(writer, witness->accounts_count[i]);
        put_u32(writer, witness->seats_count[i]);
    }
    put_roots(writer, &witness->before, witness->markets_count);
    put_roots(writer, &witness->after, witness->markets_count);
    put(writer, witness->body, witness->body_size);
    put(writer, witness->genesis, witness->genesis_size);
    put(writer, witness->set, witness->set_size);
}

void set_witness_put_batch(struct set_witness_writer *writer, const struct tn_chain_batch *batch)
{
    put_u32(writer, batch->body_size);
    put(writer, batch->body, batch->body_size);
    put(writer, batch->signature.bytes, TN_SIGNATURE_SIZE);
}

/* False: it does not go in, or there is no memory. */
static bool put_record(struct set_witness_writer *writer, const struct tn_witness_parts *parts,
                       const struct tn_chain *chain, uint8_t kind, uint32_t index)
{
    size_t size;
    if (!tn_witness_chain_record(parts, chain, NULL, 0, &size, kind, index)) return false;
    uint8_t *at = grow(writer, RECORD_HEAD + size);
    if (at == NULL) return false;
    at[0] = kind;
    tn_put_be(at + 1, index, 4);
    tn_put_be(at + 5, size, 4);
    return tn_witness_chain_record(parts, chain, at + RECORD_HEAD, size, &size, kind, index);
}

void set_witness_put_state(struct set_witness_writer *writer, uint32_t *records_count,
                           uint32_t *nodes_size, const struct tn_witness_parts *parts,
                           const struct tn_chain *chain)
{
    *records_count = 0;
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        uint32_t count = tn_chain_records_count(chain, (uint8_t)kind);
        for (uint32_t i = 0; i < count; i++)
            *records_count += put_record(writer, parts, chain, (uint8_t)kind, i);
    }
    size_t size = tn_witness_chain_nodes(parts, chain, NULL, 0);
    uint8_t *at = grow(writer, size);
    if (at != NULL) tn_witness_chain_nodes(parts, chain, at, size);
    if (size > UINT32_MAX) writer->is_bad = true;
    *nodes_size = (uint32_t)size;
}
