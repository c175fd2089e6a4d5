/* What is older than the node is asked to keep.
 *
 * Blocks go from the lowest height up, each after everything that the history database lists under
 * its height. Where a slice ends does not have to be remembered: what is left is found first the
 * next time. Each round deletes the key that it read, so damage cannot make it go in circles. */
#include "store/internal.h"

#define MS_PER_HOUR UINT64_C(3600000)

struct pruning {
    struct store *store;
    MDB_txn *txn;
    struct store_trail *trail;
    uint64_t left, deleted;
};

static int fail(struct pruning *pruning, int code, enum store_database database, const uint8_t *key,
                size_t key_size)
{
    char where[128];
    store_say_key(where, sizeof where, database, key, key_size);
    store_say(pruning->trail, STORE_OK, "pruning %s of the store %s: %s", where,
              pruning->store->path,
              code == MDB_CORRUPTED ? "its CRC or layout is wrong" : mdb_strerror(code));
    return code;
}

/* must_be: the key was just read, so that a look-up that does not find it is damage. */
static int delete_key(struct pruning *pruning, enum store_database database,
                      const struct store_key *key, bool must_be)
{
    MDB_val name = {key->size, (void *)key->bytes};
    int code = mdb_del(pruning->txn, pruning->store->databases[database], &name, NULL);
    if (code == MDB_NOTFOUND && !must_be) return 0;
    if (code == MDB_NOTFOUND) code = MDB_CORRUPTED;
    if (code != 0) return fail(pruning, code, database, key->bytes, key->size);
    pruning->deleted++;
    if (pruning->left > 0) pruning->left--;
    return 0;
}

/* The value of a key without its CRC; MDB_NOTFOUND when there is none. */
static int get(struct pruning *pruning, enum store_database database, const struct store_key *key,
               const uint8_t **value, size_t *size)
{
    MDB_val name = {key->size, (void *)key->bytes}, data;
    int code = mdb_get(pruning->txn, pruning->store->databases[database], &name, &data);
    if (code == MDB_NOTFOUND) return code;
    if (code == 0 && !store_unseal(size, pruning->store->config.cpu, database, key->bytes,
                                   key->size, data.mv_data, data.mv_size))
        code = MDB_CORRUPTED;
    if (code != 0) return fail(pruning, code, database, key->bytes, key->size);
    *value = data.mv_data;
    return 0;
}

static int prune_batch(struct pruning *pruning, const struct store_history *history)
{
    struct store_key key = store_key_batch(history->market, history->sequence);
    struct store_batch batch;
    const uint8_t *value;
    size_t size;
    int code = get(pruning, STORE_BATCHES, &key, &value, &size);
    if (code != 0) return code == MDB_NOTFOUND ? 0 : code;
    if (!store_value_take_batch(&batch, value, size))
        return fail(pruning, MDB_CORRUPTED, STORE_BATCHES, key.bytes, key.size);
    if (batch.height != history->height) return 0; /* put again, under another block */
    struct store_key digest = store_key_hash(&batch.digest);
    code = delete_key(pruning, STORE_DIGESTS, &digest, false);
    return code != 0 ? code : delete_key(pruning, STORE_BATCHES, &key, true);
}

static int prune_order(struct pruning *pruning, const struct store_history *history)
{
    struct store_key key = store_key_height(history->order_id);
    struct store_order order;
    const uint8_t *value;
    size_t size;
    int code = get(pruning, STORE_ORDERS, &key, &value, &size);
    if (code != 0) return code == MDB_NOTFOUND ? 0 : code;
    if (!store_value_take_order(&order, value, size))
        return fail(pruning, MDB_CORRUPTED, STORE_ORDERS, key.bytes, key.size);
    if (!order.closed || order.height != history->height) return 0; /* younger, or alive */
    return delete_key(pruning, STORE_ORDERS, &key, true);
}

static int prune_target(struct pruning *pruning, const struct store_history *history)
{
    switch (history->what) {
        case STORE_WHAT_BATCH: return prune_batch(pruning, history);
        case STORE_WHAT_ORDER: return prune_order(pruning, history);
        case STORE_WHAT_FILL: {
            struct store_key key =
                store_key_fill(history->account, history->height, history->index);
            return delete_key(pruning, STORE_FILLS, &key, false);
        }
    }
    TN_ASSERT(false);
    return 0;
}

/* The first key of a database; MDB_NOTFOUND when it is empty. */
static int first_key(struct pruning *pruning, enum store_database database, MDB_val *key,
                     MDB_val *data)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(pruning->txn, pruning->store->databases[database], &cursor);
    if (code != 0) return code;
    code = mdb_cursor_get(cursor, key, data, MDB_FIRST);
    mdb_cursor_close(cursor);
    return code;
}

/* What the history lists up to this height. MDB_NOTFOUND: nothing is left of it. */
static int prune_history(struct pruning *pruning, uint64_t height)
{
    while (pruning->left > 0) {
        MDB_val key, data;
        struct store_history history;
        int code = first_key(pruning, STORE_HISTORY, &key, &data);
        if (code == MDB_NOTFOUND) return code;
        if (code != 0) return fail(pruning, code, STORE_HISTORY, NULL, 0);
        if (!store_key_take_history(key.mv_data, key.mv_size, &history))
            return fail(pruning, MDB_CORRUPTED, STORE_HISTORY, key.mv_data, key.mv_size);
        if (history.height > height) return MDB_NOTFOUND;
        code = prune_target(pruning, &history);
        if (code != 0) return code;
        struct store_key entry = store_key_history(&history);
        code = delete_key(pruning, STORE_HISTORY, &entry, true);
        if (code != 0) return code;
    }
    return 0;
}

static int prune_block(struct pruning *pruning, const struct store_block *block)
{
    struct store_key height = store_key_height(block->height);
    struct store_key hash = store_key_hash(&block->hash);
    int code = delete_key(pruning, STORE_RECEIPTS, &height, false);
    if (code == 0) code = delete_key(pruning, STORE_BLOCK_HASHES, &hash, false);
    if (code == 0) code = delete_key(pruning, STORE_BLOCKS, &height, true);
    return code;
}

/* The lowest block, if it is old enough to go; MDB_NOTFOUND: none is. */
static int oldest_block(struct pruning *pruning, const struct store_meta *meta, uint64_t before_ms,
                        struct store_block *block)
{
    MDB_val name, data;
    const uint8_t *value;
    size_t size;
    int code = first_key(pruning, STORE_BLOCKS, &name, &data);
    if (code == MDB_NOTFOUND) return code;
    if (code != 0 || name.mv_size != 8)
        return fail(pruning, code != 0 ? code : MDB_CORRUPTED, STORE_BLOCKS, NULL, 0);
    uint64_t height = store_key_take_height(name.mv_data);
    struct store_key key = store_key_height(height);
    code = get(pruning, STORE_BLOCKS, &key, &value, &size);
    if (code != 0) return code;
    if (!store_value_take_block(block, value, size))
        return fail(pruning, MDB_CORRUPTED, STORE_BLOCKS, key.bytes, key.size);
    block->height = height;
    bool stays = block->time_ms >= before_ms || height >= meta->point.height;
    return stays ? MDB_NOTFOUND : 0;
}

/* Receipts may go before their blocks do. What is kept under heights that no block has stays. */
static int prune_receipts(struct pruning *pruning, const struct store_meta *meta,
                          uint64_t before_ms)
{
    while (pruning->left > 0) {
        MDB_val name, data;
        struct store_block block = {.time_ms = 0};
        const uint8_t *value;
        size_t size;
        int code = first_key(pruning, STORE_RECEIPTS, &name, &data);
        if (code == MDB_NOTFOUND) return 0;
        if (code != 0 || name.mv_size != 8)
            return fail(pruning, code != 0 ? code : MDB_CORRUPTED, STORE_RECEIPTS, NULL, 0);
        const uint64_t height = store_key_take_height(name.mv_data);
        const struct store_key key = store_key_height(height);
        if (height >= meta->point.height) return 0;
        code = get(pruning, STORE_BLOCKS, &key, &value, &size);
        if (code == 0 && !store_value_take_block(&block, value, size))
            return fail(pruning, MDB_CORRUPTED, STORE_BLOCKS, key.bytes, key.size);
        if (code != 0 && code != MDB_NOTFOUND) return code;
        if (block.time_ms >= before_ms) return 0;
        code = delete_key(pruning, STORE_RECEIPTS, &key, true);
        if (code != 0) return code;
    }
    return 0;
}

int store_prune(struct store *store, MDB_txn *txn, const struct store_meta *meta,
                uint64_t *deleted_count, struct store_trail *trail)
{
    uint64_t retain_ms = store->config.retain_hours * MS_PER_HOUR;
    struct pruning pruning = {.store = store, .txn = txn, .trail = trail};
    pruning.left = store->config.prune_keys_max;
    int code = 0;
    const uint64_t receipts_ms = store->config.receipts_hours * MS_PER_HOUR;
    if (receipts_ms > 0 && meta->newest_ms > receipts_ms)
        code = prune_receipts(&pruning, meta, meta->newest_ms - receipts_ms);
    *deleted_count = pruning.deleted;
    if (code != 0 || store->config.archive || meta->newest_ms <= retain_ms) return code;
    while (code == 0 && pruning.left > 0) {
        struct store_block block;
        code = oldest_block(&pruning, meta, meta->newest_ms - retain_ms, &block);
        if (code != 0) break;
        code = prune_history(&pruning, block.height);
        if (code == MDB_NOTFOUND) code = prune_block(&pruning, &block);
    }
    *deleted_count = pruning.deleted;
    return code == MDB_NOTFOUND ? 0 : code;
}

uint64_t store_first_block(struct store *store, MDB_txn *txn)
{
    struct pruning pruning = {.store = store, .txn = txn};
    MDB_val key, data;
    int code = first_key(&pruning, STORE_BLOCKS, &key, &data);
    return code == 0 && key.mv_size == 8 ? store_key_take_height(key.mv_data) : STORE_HEIGHT_NONE;
}
