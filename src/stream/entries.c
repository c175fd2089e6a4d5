/* entries: the root of a body's entries, some leaves at a time.
 *
 * Who goes entry by entry, to read or to build, hashes one after another. Here the lengths alone
 * are followed, so leaves can be hashed side by side: for entries of one size in a third of the
 * time. */
#include "stream/internal.h"

enum { TOGETHER = 8 };

/* Leaves that wait. */
struct leaves {
    struct tn_stream_tree tree;
    enum tn_cpu cpu;
    uint32_t count;
    uint8_t heads[TOGETHER][TREE_LEAF_HEAD];
    struct tn_keccak_message messages[TOGETHER];
};

static void add_waiting(struct leaves *leaves)
{
    struct tn_hash hashes[TOGETHER];
    tn_keccak256_each(hashes, leaves->cpu, leaves->messages, leaves->count);
    for (uint32_t i = 0; i < leaves->count; i++)
        tn_stream_tree_push(&leaves->tree, &hashes[i]);
    leaves->count = 0;
}

static void wait_for_more(struct leaves *leaves, const uint8_t *bytes, size_t size)
{
    const uint32_t at = leaves->count++;
    tn_stream_tree_leaf_head(leaves->heads[at], leaves->tree.kind, leaves->tree.count + at);
    leaves->messages[at] = (struct tn_keccak_message){
        .head = leaves->heads[at], .head_size = TREE_LEAF_HEAD, .bytes = bytes, .size = size};
    if (leaves->count == TOGETHER) add_waiting(leaves);
}

/* False: lengths do not fill the body, or there are not so many entries. */
static bool find_root(struct tn_hash *root, uint32_t entries_count, enum tn_cpu cpu,
                      const uint8_t *body, size_t body_size)
{
    struct leaves leaves = {.cpu = cpu};
    size_t at = TN_BATCH_HEADER_BYTES;
    tn_stream_tree_begin(&leaves.tree, TN_TREE_ENTRIES);
    while (at < body_size) {
        if (body_size - at < TN_BATCH_LENGTH_BYTES) return false;
        if (leaves.tree.count + leaves.count == entries_count) return false;
        const size_t length = (size_t)tn_get_be(body + at, TN_BATCH_LENGTH_BYTES);
        at += TN_BATCH_LENGTH_BYTES;
        if (length > body_size - at) return false;
        wait_for_more(&leaves, body + at, length);
        at += length;
    }
    add_waiting(&leaves);
    if (leaves.tree.count != entries_count) return false;
    tn_stream_tree_root(root, &leaves.tree);
    return true;
}

bool tn_stream_entries_hold(const struct tn_batch_header *header, enum tn_cpu cpu,
                            const uint8_t *body, size_t body_size)
{
    struct tn_hash root;
    return find_root(&root, header->entries_count, cpu, body, body_size) &&
           tn_hash_equal(&root, &header->entries_root);
}

void tn_stream_batch_end_body(struct tn_batch_header *header,
                              const struct tn_batch_builder *builder, enum tn_cpu cpu,
                              const uint8_t *body, size_t body_size)
{
    TN_ASSERT(builder->is_counted || builder->tree.count == 0);
    TN_ASSERT(builder->body_bytes == body_size);
    tn_stream_batch_fill(header, builder);
    const bool is_whole =
        find_root(&header->entries_root, header->entries_count, cpu, body, body_size);
    TN_ASSERT(is_whole);
}
