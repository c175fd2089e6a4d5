/* witness: the bytes of a witness written, and which accounts a block needs noted on the way.
 *
 * Market, series, feeds, rows and books go in whole, so what is not there is known not to be: a
 * series, an order, a stop. Of accounts only those go in that the block asked for, those that an
 * order, a list or a cursor of the market names, and the last, beside which new ones are put. */
#include "replica/witness.h"

/* ---- Who is needed ---- */

static void note_needed(void *context, uint32_t account)
{
    struct tn_witness_watch *watch = context;
    if (account >= watch->accounts_count) return;
    watch->bits[account / 64] |= UINT64_C(1) << account % 64;
}

void tn_witness_watch(struct tn_witness_watch *watch, struct tn_replica *replica, uint64_t *bits)
{
    *watch = (struct tn_witness_watch){
        .bits = bits,
        .accounts_count = tn_exchange_accounts_count(replica->shard.exchange),
    };
    watch->watch = (struct tn_exchange_watch){.need = note_needed, .context = watch};
    if (watch->accounts_count > 0) note_needed(watch, watch->accounts_count - 1);
    tn_exchange_watch(replica->shard.exchange, &watch->watch);
    tn_exchange_need_named(replica->shard.exchange);
}

void tn_witness_after(struct tn_witness_roots *after, const struct tn_replica *replica)
{
    *after = (struct tn_witness_roots){.root = replica->heads.root};
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue;
        tn_state_section_root(&after->sections[kind], replica->shard.state,
                              (enum tn_record_kind)kind);
    }
    memcpy(after->globals, replica->heads.state.globals, sizeof after->globals);
}

/* ---- Bytes ---- */

struct writer {
    uint8_t *out;
    size_t size, used;
};

static void put_bytes(struct writer *writer, const void *bytes, size_t count)
{
    if (count == 0) return;
    if (writer->used + count <= writer->size) memcpy(writer->out + writer->used, bytes, count);
    writer->used += count;
}

static void put_u32(struct writer *writer, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};
    put_bytes(writer, bytes, sizeof bytes);
}

static void put_hashes(struct writer *writer, const struct tn_hash *hashes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_bytes(writer, hashes[i].bytes, TN_HASH_SIZE);
}

static size_t room_of(const struct writer *writer)
{
    return writer->used < writer->size ? writer->size - writer->used : 0;
}

/* Its size goes before it, and is known behind it: the record is written where it will stand. */
static void put_record(struct writer *writer, const struct tn_replica *replica, uint8_t kind,
                       uint32_t index, uint32_t *records_count)
{
    struct writer head = *writer;
    writer->used += WITNESS_RECORD_HEAD;
    size_t room = room_of(writer);
    uint8_t *out = room > 0 ? writer->out + writer->used : NULL;
    size_t size = tn_replica_record(replica, out, room, kind, index);
    if (size == 0) {
        writer->used = head.used;
        return;
    }
    put_bytes(&head, &kind, 1);
    put_u32(&head, index);
    put_u32(&head, (uint32_t)size);
    writer->used += size;
    ++*records_count;
}

static bool is_needed(const uint64_t *bits, uint8_t kind, uint32_t index)
{
    return !witness_by_account(kind) || (bits[index / 64] >> index % 64 & 1) != 0;
}

static void put_records(struct writer *writer, const struct tn_replica *replica,
                        const uint64_t *bits, uint32_t *records_count)
{
    *records_count = 0;
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_replica_records_count(replica, kind);
        for (uint32_t i = 0; i < count; i++) {
            if (!is_needed(bits, kind, i)) continue;
            put_record(writer, replica, kind, i, records_count);
        }
    }
    put_record(writer, replica, TN_RECORD_CHAIN, 0, records_count);
}

static void put_sides(struct writer *writer, const struct tn_replica *replica, const uint64_t *bits)
{
    for (uint32_t i = 0; i < WITNESS_SIDES; i++) {
        size_t room = room_of(writer);
        uint8_t *out = room > 0 ? writer->out + writer->used : NULL;
        writer->used +=
            tn_state_write_sides(replica->shard.state, out, room, witness_sides_kinds[i], bits);
    }
}

size_t tn_witness_write(uint8_t *out, size_t out_size, const struct tn_replica *replica,
                        const uint64_t *bits, const struct tn_witness_roots *after,
                        const struct tn_block_header *block, const uint8_t *batch,
                        size_t batch_size, const char *genesis, size_t genesis_size)
{
    struct writer writer = {.out = out, .size = out_size};
    uint8_t header[TN_BLOCK_HEADER_BYTES];
    TN_ASSERT(block->height == replica->heads.height + 1 && !replica->has_batch);
    put_bytes(&writer, witness_magic, sizeof witness_magic);
    tn_stream_write_block_header(header, block);
    put_bytes(&writer, header, sizeof header);
    put_hashes(&writer, &after->root, 1);
    put_hashes(&writer, after->sections, TN_RECORD_KINDS);
    put_hashes(&writer, after->globals, TN_PROOF_GLOBALS);
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++)
        put_u32(&writer, tn_replica_records_count(replica, kind));
    put_u32(&writer, (uint32_t)batch_size);
    put_u32(&writer, (uint32_t)genesis_size);
    put_bytes(&writer, batch, batch_size);
    put_bytes(&writer, genesis, genesis_size);
    struct writer count_at = writer;
    uint32_t records_count;
    put_u32(&writer, 0);
    put_records(&writer, replica, bits, &records_count);
    put_u32(&count_at, records_count);
    put_sides(&writer, replica, bits);
    return writer.used;
}
