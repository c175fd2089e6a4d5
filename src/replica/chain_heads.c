/* chain_heads: the records of the chain itself: HEADS, the last block with ranges and streams, and
 * RING, the roots of the blocks before it.
 *
 * All of it is under the root. What comes in is read strictly, fits together, and is believed when
 * the root that everything adds up to is one that is trusted. Layouts: docs/specs/chain.md. */
#include "replica/bytes.h"
#include "replica/chain.h"

enum {
    HEADS_VERSION = 1,
    PAST_BYTES = CHAIN_PAST_BYTES,
    STREAM_BYTES = 77,
    HEADS_FIXED = 1 + 32 + (int)TN_BLOCK_HEADER_BYTES + 2 * TN_HASH_SIZE + 8,
    HEADS_MAX = HEADS_FIXED + 2 * (8 + TN_PROOF_SIDES * TN_HASH_SIZE) + 1 +
                TN_CHAIN_MARKETS_MAX * (STREAM_BYTES + TN_PROOF_EXIT_SIZE),
};

/* ---- HEADS ---- */

static void put_stream(struct writer *writer, const struct tn_chain_stream *stream)
{
    put_number(writer, stream->market, 4);
    put_number(writer, stream->term, 4);
    put_number(writer, stream->sequence, 8);
    put_number(writer, stream->entries_count, 8);
    put_bytes(writer, stream->digest.bytes, TN_HASH_SIZE);
    put_number(writer, stream->cursor, 8);
    put_number(writer, (uint64_t)stream->term_ms, 8);
    put_number(writer, stream->has_exit, 1);
    if (stream->has_exit) put_bytes(writer, stream->exit, sizeof stream->exit);
}

static bool get_stream(struct reader *reader, struct tn_chain_stream *stream)
{
    *stream = (struct tn_chain_stream){.market = (uint32_t)get_number(reader, 4)};
    stream->term = (uint32_t)get_number(reader, 4);
    stream->sequence = get_number(reader, 8);
    stream->entries_count = get_number(reader, 8);
    get_bytes(reader, stream->digest.bytes, TN_HASH_SIZE);
    stream->cursor = get_number(reader, 8);
    stream->term_ms = (int64_t)get_number(reader, 8);
    uint64_t has_exit = get_number(reader, 1);
    stream->has_exit = has_exit == 1;
    if (stream->has_exit) get_bytes(reader, stream->exit, sizeof stream->exit);
    return has_exit <= 1;
}

/* Of what heights the next block can ask: its batches' BLOCKs and the ages of inboxes are above a
 * market's cursor, its exec_height is not below its parent's. */
static uint64_t lowest_asked(const struct tn_chain_heads *heads, uint32_t markets_count)
{
    uint64_t lowest = heads->block.exec_height;
    for (uint32_t i = 0; i < markets_count; i++) {
        if (heads->streams[i].cursor < lowest) lowest = heads->streams[i].cursor;
    }
    return lowest;
}

uint64_t tn_chain_past_needed(const struct tn_chain *chain)
{
    const uint64_t lowest = lowest_asked(&chain->heads, chain->limits.markets_count);
    return lowest < chain->past_first ? chain->past_first : lowest;
}

size_t tn_chain_write_heads(const struct tn_chain *chain, uint8_t *out, size_t out_size,
                            uint64_t first)
{
    const struct tn_chain_heads *heads = &chain->heads;
    struct writer writer = {.out = out, .size = out_size};
    uint8_t header[TN_BLOCK_HEADER_BYTES];
    struct tn_hash before = chain->past_before;
    if (first > chain->past_first) before = tn_chain_past(chain, first - 1)->link;
    tn_stream_write_block_header(header, &heads->block);
    put_number(&writer, HEADS_VERSION, 1);
    put_bytes(&writer, chain->limits.chain_id, sizeof chain->limits.chain_id);
    put_bytes(&writer, header, sizeof header);
    put_bytes(&writer, heads->block_hash.bytes, TN_HASH_SIZE);
    put_number(&writer, first, 8);
    put_bytes(&writer, before.bytes, TN_HASH_SIZE);
    put_range(&writer, &heads->blocks);
    put_range(&writer, &heads->withdrawals);
    put_number(&writer, chain->limits.markets_count, 1);
    for (uint32_t i = 0; i < chain->limits.markets_count; i++)
        put_stream(&writer, &heads->streams[i]);
    return writer.used;
}

/* All heights that a node keeps; or, of a part, all that can be asked for. */
static bool keeps_enough(const struct chain_said *said, uint32_t markets_count)
{
    const uint64_t height = said->heads->height, kept = height - said->past_first;
    if (said->past_first > height || kept >= TN_CHAIN_RING) return false;
    if (said->past_first == 0 || kept == TN_CHAIN_RING - 1) return true;
    return said->is_part && lowest_asked(said->heads, markets_count) == said->past_first;
}

/* What was read fits together, and such a chain. */
static bool check_heads(const struct chain_said *said, const struct tn_chain_limits *limits,
                        struct tn_import_fault *fault, size_t at)
{
    const struct tn_chain_heads *heads = said->heads;
    struct tn_hash hash;
    tn_stream_block_hash(&hash, limits->chain_id, &heads->block);
    if (heads->height > 0 && !tn_hash_equal(&hash, &heads->block_hash)) {
        return refuse_record(fault, at, "the last block's hash is not its header's");
    }
    if (heads->blocks.count != heads->height || !keeps_enough(said, limits->markets_count)) {
        return refuse_record(fault, at, "the heads' heights do not fit together");
    }
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        if (stream->market != limits->markets[i].market) {
            return refuse_record(fault, at, "the heads are of other markets");
        }
        if (stream->cursor > heads->height) {
            return refuse_record(fault, at, "a market has consumed more blocks than there are");
        }
    }
    return true;
}

bool tn_chain_read_heads(struct chain_said *said, struct tn_import_fault *fault,
                         const struct tn_chain_limits *limits, const uint8_t *record, size_t size)
{
    struct reader reader = {.bytes = record, .size = size};
    struct tn_chain_heads *heads = said->heads;
    struct tn_stream_fault stream;
    uint8_t chain_id[32], header[TN_BLOCK_HEADER_BYTES];
    if (get_number(&reader, 1) != HEADS_VERSION) {
        return refuse_record(
            fault, 0, "the heads are of another version, which the program that wrote them reads");
    }
    get_bytes(&reader, chain_id, sizeof chain_id);
    get_bytes(&reader, header, sizeof header);
    if (memcmp(chain_id, limits->chain_id, sizeof chain_id) != 0 ||
        !tn_stream_read_block_header(&heads->block, &stream, header, sizeof header)) {
        return refuse_record(fault, reader.at, "the heads are of another chain, or of no block");
    }
    heads->height = heads->block.height;
    get_bytes(&reader, heads->block_hash.bytes, TN_HASH_SIZE);
    said->past_first = get_number(&reader, 8);
    get_bytes(&reader, said->past_before.bytes, TN_HASH_SIZE);
    get_range(&reader, &heads->blocks);
    get_range(&reader, &heads->withdrawals);
    bool is_good = get_number(&reader, 1) == limits->markets_count;
    for (uint32_t i = 0; i < limits->markets_count && is_good; i++)
        is_good = get_stream(&reader, &heads->streams[i]);
    if (!is_good || reader.failed || reader.at != size) {
        return refuse_record(fault, reader.at, "the heads end too early or too late");
    }
    return check_heads(said, limits, fault, reader.at);
}

bool tn_chain_import_heads(struct tn_chain *chain, struct tn_import_fault *fault,
                           const uint8_t *record, size_t size)
{
    struct chain_said said = {.heads = &chain->heads, .is_part = chain->is_part};
    chain->has_heads = tn_chain_read_heads(&said, fault, &chain->limits, record, size);
    chain->past_first = said.past_first;
    chain->past_before = said.past_before;
    return chain->has_heads;
}

/* ---- RING ---- */

uint32_t tn_chain_ring_heights(uint64_t heights[TN_CHAIN_RING_CHUNK], uint64_t height,
                               uint64_t past_first, uint32_t index)
{
    const uint64_t round = height - height % TN_CHAIN_RING;
    uint32_t count = 0;
    for (uint32_t i = 0; i < TN_CHAIN_RING_CHUNK; i++) {
        uint64_t one = round + (uint64_t)index * TN_CHAIN_RING_CHUNK + i;
        if (one > height) {
            if (round == 0) continue;
            one -= TN_CHAIN_RING;
        }
        if (one >= past_first) heights[count++] = one;
    }
    return count;
}

size_t tn_chain_write_ring(const struct tn_chain *chain, uint8_t *out, size_t out_size,
                           uint32_t index, uint64_t first)
{
    uint64_t heights[TN_CHAIN_RING_CHUNK];
    uint32_t count = tn_chain_ring_heights(heights, chain->heads.height, first, index);
    struct writer writer = {.out = out, .size = out_size};
    for (uint32_t i = 0; i < count; i++) {
        const struct chain_past *past = tn_chain_past(chain, heights[i]);
        TN_ASSERT(past != NULL);
        put_number(&writer, past->height, 8);
        put_number(&writer, (uint64_t)past->time_ms, 8);
        put_bytes(&writer, past->block_hash.bytes, TN_HASH_SIZE);
        put_bytes(&writer, past->root.bytes, TN_HASH_SIZE);
    }
    return writer.used;
}

void tn_chain_read_past(struct chain_past *past, const uint8_t *bytes)
{
    *past = (struct chain_past){.height = tn_get_be(bytes, 8),
                                .time_ms = (int64_t)tn_get_be(bytes + 8, 8)};
    memcpy(past->block_hash.bytes, bytes + 16, TN_HASH_SIZE);
    memcpy(past->root.bytes, bytes + 16 + TN_HASH_SIZE, TN_HASH_SIZE);
}

bool tn_chain_import_ring(struct tn_chain *chain, struct tn_import_fault *fault, uint32_t index,
                          const uint8_t *record, size_t size)
{
    uint64_t heights[TN_CHAIN_RING_CHUNK];
    if (!chain->has_heads || index >= CHAIN_RING_CHUNKS) {
        return refuse_record(fault, 0, "past roots come after the heads");
    }
    uint32_t count = tn_chain_ring_heights(heights, chain->heads.height, chain->past_first, index);
    if (size != (size_t)count * PAST_BYTES)
        return refuse_record(fault, 0, "past roots are cut off");
    for (uint32_t i = 0; i < count; i++) {
        struct chain_past *past = &chain->past[heights[i] % TN_CHAIN_RING];
        tn_chain_read_past(past, record + (size_t)i * PAST_BYTES);
        if (past->height != heights[i]) {
            return refuse_record(fault, (size_t)(i + 1) * PAST_BYTES, "past roots are astray");
        }
    }
    return true;
}

/* Links what came in; false: a height is missing. */
bool tn_chain_link_ring(struct tn_chain *chain, struct tn_import_fault *fault)
{
    struct tn_hash before = chain->past_before;
    *fault = (struct tn_import_fault){.name = {.kind = TN_CHAIN_RECORD_RING}};
    for (uint64_t height = chain->past_first; height <= chain->heads.height; height++) {
        struct chain_past *past = &chain->past[height % TN_CHAIN_RING];
        if (past->height != height) return refuse_record(fault, 0, "a past root is missing");
        tn_chain_link(&past->link, &before, past);
        before = past->link;
    }
    return true;
}

size_t tn_chain_heads_size_max(uint8_t kind)
{
    return kind == TN_CHAIN_RECORD_HEADS ? HEADS_MAX : (size_t)TN_CHAIN_RING_CHUNK * PAST_BYTES;
}
