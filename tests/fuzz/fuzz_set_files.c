/* A fuzzer's bytes as what a sceptic is handed of a set: the head of a snapshot, one of its chunks,
 * the witness of a block. Whatever comes is refused with a sentence and a byte, or leads into the
 * bytes and nowhere else; a head that is read is written again as the same bytes. The first byte
 * says which. */
#include "tenord/set_snapshot_check.h"
#include "tenord/set_witness.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCHS_MAX = 64, CHUNKS_MAX = 64, MADE_ROOM = 1 << 14 };

/* Every byte of what a reader gave is read: one outside is the sanitizer's to find. */
static volatile uint64_t touched;
static void touch(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        touched += bytes[i];
}

static void check_fault(const char *what, size_t at, size_t size)
{
    TN_ASSERT(what != NULL && what[0] != '\0' && at <= size);
}

/* ---- Snapshots ---------------------------------------------------------------------------------
 */

/* A fuzzer cannot find a hash, but what lies behind it must stand up as well. */
static void fit_head(uint8_t *bytes, size_t size)
{
    struct tn_hash hash;
    if (size < SET_SNAPSHOT_FIXED + TN_HASH_SIZE) return;
    memcpy(bytes, "TNSH", 4);
    bytes[4] = SET_SNAPSHOT_VERSION;
    tn_keccak256(&hash, bytes, size - TN_HASH_SIZE);
    memcpy(bytes + size - TN_HASH_SIZE, hash.bytes, TN_HASH_SIZE);
}

static void write_again(const struct set_snapshot_head *head, const uint8_t *bytes, size_t size)
{
    static struct set_snapshot_epoch epochs[EPOCHS_MAX];
    static struct snapshot_chunk chunks[CHUNKS_MAX];
    if (head->epochs_count > EPOCHS_MAX || head->chunks_count > CHUNKS_MAX) return;
    size_t at = 0;
    for (uint32_t i = 0; i < head->epochs_count; i++) {
        set_snapshot_head_epoch(&epochs[i], &at, head);
        touch(epochs[i].handover, epochs[i].handover_size);
        touch(epochs[i].set, epochs[i].set_size);
    }
    for (uint32_t i = 0; i < head->chunks_count; i++)
        set_snapshot_head_chunk(&chunks[i], head, i);
    uint8_t *again = malloc(size);
    TN_ASSERT(again != NULL);
    TN_ASSERT(set_snapshot_write_head(again, size, head, epochs, chunks) == size);
    TN_ASSERT(memcmp(again, bytes, size) == 0);
    free(again);
}

static void try_head(const uint8_t *bytes, size_t size)
{
    struct set_snapshot_head head;
    struct snapshot_fault fault = {.at = UINT64_MAX};
    if (!set_snapshot_read_head(&head, &fault, bytes, size)) {
        check_fault(fault.what, fault.at, size);
        return;
    }
    touch(head.certificate, head.certificate_size);
    write_again(&head, bytes, size);
}

/* Kinds of two markets, one that is not there, and the chain's own. */
static const uint8_t chunk_kinds[] = {1, 2, 5, 6, 9, 11, 17, 32 + 5, 32 + 11, 64 + 1, 224, 226};

static void walk_chunk(const struct snapshot_chunk *chunk, const uint8_t *bytes, size_t size)
{
    struct set_snapshot_reader reader;
    struct set_snapshot_item item;
    struct snapshot_fault fault = {.at = UINT64_MAX};
    if (!set_snapshot_open_chunk(&reader, &fault, chunk, bytes, size)) {
        check_fault(fault.what, fault.at, size);
        return;
    }
    enum snapshot_step step;
    uint32_t count = 0;
    while ((step = set_snapshot_next(&reader, &item, &fault)) == SNAPSHOT_RECORD) {
        count++;
        touch(item.record, item.size);
        touch(item.positions, item.positions_size);
    }
    TN_ASSERT(count <= chunk->count && (step == SNAPSHOT_BAD || count == chunk->count));
    if (step == SNAPSHOT_BAD) check_fault(fault.what, fault.at, size);
    if (step == SNAPSHOT_END) touch(reader.proof, reader.proof_size);
}

/* The head of the chunk is the one that is wanted, and so is its hash: what is left is the proof,
 * and none leads to a root that is a hash of nothing. */
static void try_chunk(uint8_t *bytes, size_t size)
{
    static struct set_snapshot_check check;
    static struct tn_chain_limits limits;
    const struct set_snapshot_head head = {.height = 1};
    const uint8_t kind = chunk_kinds[size % sizeof chunk_kinds];
    struct snapshot_chunk chunk = {.kind = kind, .count = 1 + size % 5, .size = size};
    struct snapshot_fault fault = {.at = UINT64_MAX};
    if (size % 3 == 0) chunk.first = 256;
    if (size >= SNAPSHOT_CHUNK_HEAD && size % 7 != 0)
        set_snapshot_write_chunk_head(bytes, chunk.kind, chunk.first, chunk.count);
    tn_keccak256(&chunk.hash, bytes, size);
    walk_chunk(&chunk, bytes, size);
    tn_chain_limits_default(&limits);
    limits.markets_count = 2;
    limits.markets[1] = limits.markets[0];
    limits.markets[1].market = 2;
    set_snapshot_check_begin(&check, &head, &limits, TN_CPU_BASE);
    TN_ASSERT(!set_snapshot_check_chunk(&check, &fault, &chunk, bytes, size));
    check_fault(fault.what, fault.at, size);
    TN_ASSERT(!set_snapshot_check_whole(&check, &fault));
}

/* ---- Witnesses ---------------------------------------------------------------------------------
 */

static void try_witness(const uint8_t *bytes, size_t size)
{
    static struct set_witness witness;
    struct set_witness_fault fault = {.at = SIZE_MAX};
    if (!set_witness_read(&witness, &fault, bytes, size)) {
        check_fault(fault.what, fault.at, size);
        return;
    }
    TN_ASSERT(witness.markets_count >= 1 && witness.markets_count <= TN_CHAIN_MARKETS_MAX);
    touch(witness.body, witness.body_size);
    touch(witness.genesis, witness.genesis_size);
    touch(witness.set, witness.set_size);
    size_t at = 0;
    for (uint32_t i = 0; i < witness.batches_count; i++) {
        struct tn_chain_batch batch;
        set_witness_batch(&batch, &at, &witness);
        touch(batch.body, batch.body_size);
    }
    TN_ASSERT(witness.batches + at == witness.records);
    at = 0;
    for (uint32_t i = 0; i < witness.records_count; i++) {
        struct tn_state_record record;
        set_witness_record(&record, &at, &witness);
        touch(record.bytes, record.size);
    }
    TN_ASSERT(witness.records + at == witness.nodes);
    touch(witness.nodes, witness.nodes_size);
    TN_ASSERT(witness.nodes + witness.nodes_size == bytes + size);
}

/* ---- Files that are right, but for a byte -------------------------------------------------------
 */

/* The fuzzer's bytes as numbers and as slices of themselves; zeros past the end. */
struct tape {
    const uint8_t *bytes;
    size_t size, at;
};

static uint32_t draw(struct tape *tape, uint32_t below)
{
    return tape->at < tape->size ? tape->bytes[tape->at++] % below : 0;
}

static const uint8_t *slice(struct tape *tape, uint32_t *size)
{
    *size = draw(tape, 40);
    if (*size > tape->size - tape->at) *size = (uint32_t)(tape->size - tape->at);
    tape->at += *size;
    return tape->bytes + tape->at - *size;
}

static void flip(struct tape *tape, uint8_t *bytes, size_t size)
{
    const uint32_t high = draw(tape, 8), low = draw(tape, 256), with = draw(tape, 256);
    if (size > 0) bytes[(high * 256 + low) % size] ^= (uint8_t)with;
}

static void try_made_head(struct tape *tape)
{
    struct set_snapshot_epoch epochs[3];
    struct snapshot_chunk chunks[4];
    struct set_snapshot_head head = {.epochs_count = draw(tape, 4), .chunks_count = draw(tape, 5)};
    head.certificate = slice(tape, &head.certificate_size);
    for (uint32_t i = 0; i < head.epochs_count; i++) {
        epochs[i].epoch = i;
        epochs[i].handover = slice(tape, &epochs[i].handover_size);
        epochs[i].set = slice(tape, &epochs[i].set_size);
    }
    for (uint32_t i = 0; i < head.chunks_count; i++)
        chunks[i] = (struct snapshot_chunk){.kind = (uint8_t)(i + 1), .count = 1 + draw(tape, 9)};
    const size_t size = set_snapshot_write_head(NULL, 0, &head, epochs, chunks);
    uint8_t *bytes = malloc(size);
    TN_ASSERT(bytes != NULL);
    TN_ASSERT(set_snapshot_write_head(bytes, size, &head, epochs, chunks) == size);
    TN_ASSERT(set_snapshot_read_head(&head, &(struct snapshot_fault){0}, bytes, size));
    flip(tape, bytes, size);
    fit_head(bytes, size);
    try_head(bytes, size);
    free(bytes);
}

static void put_bytes(struct set_witness_writer *writer, const uint8_t *bytes, size_t size)
{
    if (size == 0) return;
    uint8_t *grown = realloc(writer->bytes, writer->size + size);
    TN_ASSERT(grown != NULL);
    memcpy(grown + writer->size, bytes, size);
    writer->bytes = grown;
    writer->size += size;
    writer->room = writer->size;
}

/* Records with lengths that fit, and a proof of any bytes. */
static void try_made_chunk(struct tape *tape)
{
    static uint8_t made[MADE_ROOM];
    size_t size = SNAPSHOT_CHUNK_HEAD;
    while (tape->at < tape->size && size < sizeof made - 64) {
        uint32_t part_size;
        if (draw(tape, 2) == 1) made[size++] = (uint8_t)draw(tape, 256);
        const uint8_t *part = slice(tape, &part_size);
        tn_put_be(made + size, part_size, SNAPSHOT_LENGTH);
        if (part_size > 0) memcpy(made + size + SNAPSHOT_LENGTH, part, part_size);
        size += SNAPSHOT_LENGTH + part_size;
    }
    uint8_t *whole = malloc(size); /* with nothing behind it */
    TN_ASSERT(whole != NULL);
    memcpy(whole, made, size);
    try_chunk(whole, size);
    free(whole);
}

static void put_record(struct set_witness_writer *writer, struct tape *tape)
{
    uint32_t size;
    const uint8_t *record = slice(tape, &size);
    const uint8_t head[9] = {(uint8_t)draw(tape, 30), 0, 0, 0, 1, 0, 0, 0, (uint8_t)size};
    put_bytes(writer, head, sizeof head);
    put_bytes(writer, record, size);
}

static void try_made_witness(struct tape *tape)
{
    static struct set_witness made, read;
    struct set_witness_writer writer = {0};
    made = (struct set_witness){.header.version = TN_BLOCK_VERSION,
                                .markets_count = 1 + draw(tape, 3),
                                .batches_count = draw(tape, 4),
                                .records_count = draw(tape, 6)};
    made.body = slice(tape, &made.body_size);
    made.genesis = slice(tape, &made.genesis_size);
    made.set = slice(tape, &made.set_size);
    made.nodes = slice(tape, &made.nodes_size);
    for (uint32_t i = 0; i < made.markets_count; i++)
        made.accounts_count[i] = draw(tape, 256);
    set_witness_put_head(&writer, &made);
    for (uint32_t i = 0; i < made.batches_count; i++) {
        uint32_t size;
        struct tn_chain_batch batch = {.body = slice(tape, &size)};
        batch.body_size = size;
        set_witness_put_batch(&writer, &batch);
    }
    for (uint32_t i = 0; i < made.records_count; i++)
        put_record(&writer, tape);
    put_bytes(&writer, made.nodes, made.nodes_size);
    TN_ASSERT(!writer.is_bad);
    uint8_t *whole = malloc(writer.size); /* with nothing behind it */
    TN_ASSERT(whole != NULL);
    memcpy(whole, writer.bytes, writer.size);
    TN_ASSERT(set_witness_read(&read, &(struct set_witness_fault){0}, whole, writer.size));
    TN_ASSERT(memcmp(read.accounts_count, made.accounts_count, sizeof read.accounts_count) == 0);
    TN_ASSERT(memcmp(read.nodes, made.nodes, made.nodes_size) == 0 || made.nodes_size == 0);
    flip(tape, whole, writer.size);
    try_witness(whole, writer.size);
    free(whole);
    free(writer.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint8_t *bytes = malloc(size); /* of its own, so that what lies behind it is the sanitizer's */
    TN_ASSERT(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    struct tape tape = {.bytes = bytes, .size = size - 1};
    switch (data[0] % 7) {
        case 0:
            fit_head(bytes, size - 1);
            try_head(bytes, size - 1);
            break;
        case 1: try_head(bytes, size - 1); break;
        case 2: try_chunk(bytes, size - 1); break;
        case 3: try_witness(bytes, size - 1); break;
        case 4: try_made_head(&tape); break;
        case 5: try_made_chunk(&tape); break;
        default: try_made_witness(&tape); break;
    }
    free(bytes);
    return 0;
}
