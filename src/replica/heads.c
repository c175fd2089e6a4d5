/* heads: the heads of a replica as a record, and what of the state root follows from them. */
#include "replica/bytes.h"
#include "replica/internal.h"

enum { CHAIN_VERSION = 1, STREAM_SIZE = 56 };

/* ---- The globals ------------------------------------------------------------------------------
 */

static void stream_root(struct tn_hash *root, const struct tn_replica_heads *heads, uint32_t market)
{
    uint8_t body[STREAM_SIZE];
    struct writer writer = {.out = body, .size = sizeof body};
    struct tn_hash leaf;
    put_number(&writer, market, 4);
    put_number(&writer, 0, 4); /* term: one leader, until there are several */
    put_number(&writer, heads->batch_sequence, 8);
    put_number(&writer, heads->entries_count, 8);
    put_bytes(&writer, heads->batch_digest.bytes, TN_HASH_SIZE);
    TN_ASSERT(writer.used == sizeof body);
    tn_proof_leaf_body(&leaf, TN_PROOF_STREAMS, 0, body, sizeof body);
    tn_proof_root(root, TN_PROOF_STREAMS, 1, &leaf);
}

void tn_replica_globals(struct tn_replica_heads *heads, uint32_t market)
{
    struct tn_hash *globals = heads->state.globals;
    heads->state.height = heads->height;
    stream_root(&globals[TN_GLOBAL_STREAMS], heads, market);
    tn_proof_range_root(&globals[TN_GLOBAL_BLOCKS], &heads->blocks, TN_PROOF_BLOCKS);
    tn_proof_range_root(&globals[TN_GLOBAL_WITHDRAWALS], &heads->withdrawals, TN_PROOF_WITHDRAWALS);
    globals[TN_GLOBAL_LAST_BLOCK] = heads->block_hash;
}

/* ---- The record -------------------------------------------------------------------------------
 */

size_t tn_replica_write_chain(const struct tn_replica *replica, uint8_t *out, size_t out_size)
{
    const struct tn_replica_heads *heads = &replica->heads;
    struct writer writer = {.out = out, .size = out_size};
    put_number(&writer, CHAIN_VERSION, 1);
    put_number(&writer, replica->limits.market, 4);
    put_number(&writer, replica->limits.exit_blocks, 4);
    put_bytes(&writer, replica->limits.chain_id, sizeof replica->limits.chain_id);
    put_number(&writer, heads->height, 8);
    put_bytes(&writer, heads->block_hash.bytes, TN_HASH_SIZE);
    put_number(&writer, heads->batch_sequence, 8);
    put_number(&writer, heads->entries_count, 8);
    put_bytes(&writer, heads->batch_digest.bytes, TN_HASH_SIZE);
    put_range(&writer, &heads->blocks);
    put_range(&writer, &heads->withdrawals);
    put_number(&writer, heads->has_exit, 1);
    if (heads->has_exit) put_bytes(&writer, heads->exit, sizeof heads->exit);
    return writer.used;
}

static bool refuse(struct tn_import_fault *fault, const struct reader *reader, const char *what)
{
    fault->at = (uint32_t)reader->at;
    fault->what = what;
    return false;
}

bool tn_replica_read_chain(struct tn_replica_record *chain, struct tn_import_fault *fault,
                           const uint8_t *record, size_t size)
{
    struct reader reader = {.bytes = record, .size = size};
    *chain = (struct tn_replica_record){0};
    struct tn_replica_heads *heads = &chain->heads;
    if (get_number(&reader, 1) != CHAIN_VERSION) {
        return refuse(
            fault, &reader,
            "the chain record is of another version, which the program that wrote it reads");
    }
    chain->market = (uint32_t)get_number(&reader, 4);
    chain->exit_blocks = (uint32_t)get_number(&reader, 4);
    get_bytes(&reader, heads->state.chain_id, sizeof heads->state.chain_id);
    heads->height = get_number(&reader, 8);
    get_bytes(&reader, heads->block_hash.bytes, TN_HASH_SIZE);
    heads->batch_sequence = get_number(&reader, 8);
    heads->entries_count = get_number(&reader, 8);
    get_bytes(&reader, heads->batch_digest.bytes, TN_HASH_SIZE);
    get_range(&reader, &heads->blocks);
    get_range(&reader, &heads->withdrawals);
    uint64_t has_exit = get_number(&reader, 1);
    heads->has_exit = has_exit == 1;
    if (heads->has_exit) get_bytes(&reader, heads->exit, sizeof heads->exit);
    if (reader.failed || reader.at != size || has_exit > 1) {
        return refuse(fault, &reader, "the chain record ends too early or too late");
    }
    if (heads->blocks.count != heads->height || heads->batch_sequence > heads->height) {
        return refuse(fault, &reader, "the chain record's height is not the number of its blocks");
    }
    return true;
}

bool tn_replica_import_chain(struct tn_replica *replica, struct tn_import_fault *fault,
                             const uint8_t *record, size_t size)
{
    const struct tn_replica_limits *limits = &replica->limits;
    struct tn_replica_record chain;
    if (!tn_replica_read_chain(&chain, fault, record, size)) return false;
    if (chain.market != limits->market || chain.exit_blocks != limits->exit_blocks ||
        memcmp(chain.heads.state.chain_id, limits->chain_id, sizeof limits->chain_id) != 0) {
        fault->what = "the chain record is of another chain, market or genesis";
        return false;
    }
    replica->heads = chain.heads;
    return true;
}
