/* Bodies of blocks: digests of batches, then items (docs/specs/items.md §1). The builder keeps two
 * frontiers of hashes, the reader a place; neither holds an item in decoded form. A body without
 * items is what it was before there were any: 32 bytes per batch, an evidence root of zero. */
#include "stream/item.h"

/* ---- Building ---- */

void tn_stream_body_begin(struct tn_body_builder *builder, uint8_t *body, size_t body_max)
{
    *builder = (struct tn_body_builder){.body = body, .body_max = body_max};
    if (builder->body_max > UINT32_MAX) builder->body_max = UINT32_MAX; /* what a header can say */
    tn_stream_tree_begin(&builder->tree, TN_TREE_BATCHES);
    tn_stream_tree_begin(&builder->evidence, TN_TREE_EVIDENCE);
}

bool tn_stream_body_add_batch(struct tn_body_builder *builder, const struct tn_hash *digest)
{
    TN_ASSERT(builder->items_count == 0);
    TN_ASSERT(builder->at <= builder->body_max);
    if (builder->body_max - builder->at < TN_HASH_SIZE) return false;
    memcpy(builder->body + builder->at, digest->bytes, TN_HASH_SIZE);
    builder->at += TN_HASH_SIZE;
    builder->batches_count++;
    tn_stream_tree_add(&builder->tree, digest->bytes, TN_HASH_SIZE);
    return true;
}

bool tn_stream_body_add_item(struct tn_body_builder *builder, const uint8_t *bytes, size_t size,
                             uint64_t weight)
{
    TN_ASSERT(size > ITEM_KIND_BYTES && size <= TN_ITEM_BYTES_MAX);
    TN_ASSERT(bytes[0] >= builder->kind && bytes[0] <= TN_ITEM_EVIDENCE && bytes[0] > 0);
    size_t room = builder->body_max - builder->at;
    if (builder->items_count == TN_ITEMS_MAX || room < TN_ITEM_LENGTH_BYTES + size) return false;
    struct writer writer = {.at = builder->body + builder->at};
    put_u32(&writer, (uint32_t)size);
    put_bytes(&writer, bytes, size);
    builder->at += TN_ITEM_LENGTH_BYTES + size;
    builder->items_count++;
    builder->items_weight += weight;
    builder->kind = bytes[0];
    tn_stream_tree_add(&builder->tree, bytes, size);
    if (bytes[0] == TN_ITEM_EVIDENCE) {
        tn_stream_tree_add(&builder->evidence, bytes + ITEM_KIND_BYTES, size - ITEM_KIND_BYTES);
    }
    return true;
}

/* Zero without any. */
static void evidence_root(struct tn_hash *root, const struct tn_stream_tree *evidence)
{
    if (evidence->count == 0) {
        memset(root, 0, sizeof(*root));
    } else {
        tn_stream_tree_root(root, evidence);
    }
}

void tn_stream_body_end(struct tn_block_header *header, const struct tn_body_builder *builder)
{
    header->batches_count = builder->batches_count;
    header->body_size = (uint32_t)builder->at;
    tn_stream_tree_root(&header->body_root, &builder->tree);
    evidence_root(&header->evidence_root, &builder->evidence);
}

void tn_stream_block_body_root(struct tn_hash *root, const struct tn_hash *batches, uint32_t count)
{
    struct tn_stream_tree tree;
    tn_stream_tree_begin(&tree, TN_TREE_BATCHES);
    for (uint32_t i = 0; i < count; i++)
        tn_stream_tree_add(&tree, batches[i].bytes, TN_HASH_SIZE);
    tn_stream_tree_root(root, &tree);
}

/* ---- Reading ---- */

bool tn_stream_body_open(struct tn_body_reader *reader, struct tn_stream_fault *fault,
                         const struct tn_block_header *header, const uint8_t *body,
                         size_t body_size)
{
    struct reader bytes = {.bytes = body, .size = body_size, .fault = fault};
    *reader = (struct tn_body_reader){
        .body = body, .body_size = body_size, .batches_count = header->batches_count};
    if (body_size != header->body_size) {
        return refuse(&bytes, body_size, "the body has another size than the header says");
    }
    if (body_size < (uint64_t)header->batches_count * TN_HASH_SIZE) {
        return refuse(&bytes, body_size, "the body has not one digest for each batch");
    }
    reader->at = (size_t)header->batches_count * TN_HASH_SIZE;
    return true;
}

/* The bytes of the next item. */
static enum tn_stream_step next_bytes(struct tn_body_reader *reader, struct tn_stream_fault *fault)
{
    struct reader bytes = {
        .bytes = reader->body, .size = reader->body_size, .at = reader->at, .fault = fault};
    if (bytes.at == bytes.size) return TN_STREAM_END;
    if (!need(&bytes, TN_ITEM_LENGTH_BYTES)) return TN_STREAM_FAULT;
    size_t size = get_u32(&bytes);
    const char *what = NULL;
    if (size <= ITEM_KIND_BYTES) what = "an item of nothing";
    if (size > TN_ITEM_BYTES_MAX) what = "an item larger than any is";
    if (reader->items_count == TN_ITEMS_MAX) what = "more items than a block has";
    if (what != NULL) {
        refuse(&bytes, reader->at, what);
        return TN_STREAM_FAULT;
    }
    if (!need(&bytes, size)) return TN_STREAM_FAULT;
    uint8_t kind = bytes.bytes[bytes.at];
    if (kind < reader->kind || kind == 0 || kind > TN_ITEM_EVIDENCE) {
        refuse(&bytes, bytes.at, "an item of an unknown kind or out of order");
        return TN_STREAM_FAULT;
    }
    reader->item_bytes = reader->body + bytes.at;
    reader->item_size = size;
    reader->kind = kind;
    reader->at = bytes.at + size;
    reader->items_count++;
    return TN_STREAM_ENTRY;
}

enum tn_stream_step tn_stream_body_next(struct tn_body_reader *reader, struct tn_block_item *item,
                                        struct tn_stream_fault *fault,
                                        struct tn_stream_scratch *scratch)
{
    enum tn_stream_step step = next_bytes(reader, fault);
    if (step != TN_STREAM_ENTRY || item == NULL) return step;
    if (tn_stream_read_block_item(item, fault, scratch, reader->item_bytes, reader->item_size)) {
        return TN_STREAM_ENTRY;
    }
    fault->at += (size_t)(reader->item_bytes - reader->body);
    return TN_STREAM_FAULT;
}

bool tn_stream_block_body_check(struct tn_stream_fault *fault, const struct tn_block_header *header,
                                const uint8_t *body, size_t body_size)
{
    struct reader bytes = {.bytes = body, .size = body_size, .fault = fault};
    struct tn_stream_tree tree, evidence;
    struct tn_body_reader reader;
    struct tn_hash root;
    enum tn_stream_step step;
    if (!tn_stream_body_open(&reader, fault, header, body, body_size)) return false;
    tn_stream_tree_begin(&tree, TN_TREE_BATCHES);
    tn_stream_tree_begin(&evidence, TN_TREE_EVIDENCE);
    for (uint32_t i = 0; i < header->batches_count; i++)
        tn_stream_tree_add(&tree, body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
    while ((step = tn_stream_body_next(&reader, NULL, fault, NULL)) == TN_STREAM_ENTRY) {
        tn_stream_tree_add(&tree, reader.item_bytes, reader.item_size);
        if (reader.kind != TN_ITEM_EVIDENCE) continue;
        tn_stream_tree_add(&evidence, reader.item_bytes + ITEM_KIND_BYTES,
                           reader.item_size - ITEM_KIND_BYTES);
    }
    if (step == TN_STREAM_FAULT) return false;
    tn_stream_tree_root(&root, &tree);
    if (!tn_hash_equal(&root, &header->body_root)) {
        return refuse(&bytes, 0, "the body has another root than the header says");
    }
    evidence_root(&root, &evidence);
    if (tn_hash_equal(&root, &header->evidence_root)) return true;
    return refuse(&bytes, 0, "the evidence has another root than the header says");
}
