/* Reading: views, values by key, walks.
 *
 * A view is a read transaction: one checkpoint, however long it stands. Every value is checked
 * against its CRC before anybody sees it, so damage is named where it lies. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void leave(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    TN_ASSERT(store->views_count > 0);
    store->views_count--;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

/* Views are counted, so that the map does not move under one. */
static int enter(struct store *store, MDB_txn **txn)
{
    pthread_mutex_lock(&store->lock);
    while (store->remapping)
        pthread_cond_wait(&store->changed, &store->lock);
    store->views_count++;
    pthread_mutex_unlock(&store->lock);
    int code = store->env == NULL ? MDB_PANIC : mdb_txn_begin(store->env, NULL, MDB_RDONLY, txn);
    if (code != 0) leave(store);
    return code;
}

enum store_err store_view_begin(struct store *store, struct store_view **out,
                                struct store_trail *trail)
{
    struct store_view *view = calloc(1, sizeof *view);
    if (view == NULL) return store_say(trail, STORE_FAILED, "no memory for a view");
    view->store = store;
    int code = enter(store, &view->txn);
    while (code == MDB_MAP_RESIZED) { /* the writer, in another process, made the map larger */
        enum store_err err = store_env_remap(store, 0, trail);
        if (err != STORE_OK) {
            free(view);
            return err;
        }
        code = enter(store, &view->txn);
    }
    if (code == 0) {
        *out = view;
        return STORE_OK;
    }
    free(view);
    return store_say(trail, store_err_of(code), "beginning to read the store %s: %s", store->path,
                     mdb_strerror(code));
}

/* While the one view stands the map does not move, so this need not wait for one that wants to. */
enum store_err store_view_twin(struct store_view *view, struct store_view **out)
{
    struct store *store = view->store;
    struct store_point points[2];
    struct store_view *twin = calloc(1, sizeof *twin);
    if (twin == NULL) return STORE_BUSY;
    twin->store = store;
    pthread_mutex_lock(&store->lock);
    store->views_count++;
    pthread_mutex_unlock(&store->lock);
    if (mdb_txn_begin(store->env, NULL, MDB_RDONLY, &twin->txn) != 0) {
        leave(store);
        free(twin);
        return STORE_BUSY;
    }
    if (store_get_point(view, &points[0]) == STORE_OK &&
        store_get_point(twin, &points[1]) == STORE_OK && points[0].height == points[1].height) {
        *out = twin;
        return STORE_OK;
    }
    store_view_end(twin);
    return STORE_BUSY;
}

void store_view_end(struct store_view *view)
{
    struct store *store = view->store;
    pthread_mutex_lock(&store->lock);
    const bool is_open = view->txn != NULL;
    if (store->yielding == view) store->yielding = NULL;
    pthread_mutex_unlock(&store->lock);
    if (is_open) {
        mdb_txn_abort(view->txn);
        leave(store);
    }
    free(view);
}

void store_view_yield(struct store_view *view)
{
    struct store *store = view->store;
    pthread_mutex_lock(&store->lock);
    TN_ASSERT(store->yielding == NULL);
    store->yielding = view;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

bool store_view_hold(struct store_view *view)
{
    pthread_mutex_lock(&view->store->lock);
    view->is_held = view->txn != NULL;
    pthread_mutex_unlock(&view->store->lock);
    return view->is_held;
}

void store_view_let_go(struct store_view *view)
{
    struct store *store = view->store;
    pthread_mutex_lock(&store->lock);
    view->is_held = false;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

const struct store_trail *store_view_trail(const struct store_view *view)
{
    return &view->trail;
}

static enum store_err say_damaged(struct store_view *view, enum store_database database,
                                  const uint8_t *key, size_t key_size, const char *what)
{
    char where[128];
    store_say_key(where, sizeof where, database, key, key_size);
    return store_say(&view->trail, STORE_CORRUPT, "the store %s is damaged in %s: %s",
                     view->store->path, where, what);
}

/* CRC and layout of one value; its size without the CRC. */
static enum store_err check_value(struct store_view *view, enum store_database database,
                                  const MDB_val *key, const MDB_val *data, size_t *size)
{
    store_note_key(database, key->mv_data, key->mv_size);
    if (!store_key_is_sound(database, key->mv_data, key->mv_size))
        return say_damaged(view, database, key->mv_data, key->mv_size, "no such key can be");
    if (!store_unseal(size, view->store->config.cpu, database, key->mv_data, key->mv_size,
                      data->mv_data, data->mv_size))
        return say_damaged(view, database, key->mv_data, key->mv_size, "the CRC is wrong");
    if (!store_value_is_sound(database, data->mv_data, *size))
        return say_damaged(view, database, key->mv_data, key->mv_size, "the layout is wrong");
    return STORE_OK;
}

/* A read makes no system calls: whatever LMDB dislikes then is what its pages say. */
static enum store_err say_code(struct store_view *view, enum store_database database, int code)
{
    enum store_err err = code == ENOMEM ? STORE_FAILED : STORE_CORRUPT;
    return store_say(&view->trail, err, "reading %s of the store %s: %s",
                     store_database_name(database), view->store->path, mdb_strerror(code));
}

static enum store_err get(struct store_view *view, struct store_bytes *value,
                          enum store_database database, const struct store_key *key)
{
    MDB_val name = {key->size, (void *)key->bytes}, data;
    size_t size;
    store_note_key(database, key->bytes, key->size);
    int code = mdb_get(view->txn, view->store->databases[database], &name, &data);
    if (code == MDB_NOTFOUND) return STORE_ABSENT;
    if (code != 0) return say_code(view, database, code);
    enum store_err err = check_value(view, database, &name, &data, &size);
    if (err == STORE_OK) *value = (struct store_bytes){data.mv_data, size};
    return err;
}

enum store_err store_get_point(struct store_view *view, struct store_point *point)
{
    struct store_meta meta;
    enum store_err err = store_meta_read(view->store, view->txn, &meta, &view->trail);
    if (err != STORE_OK) return err;
    if (meta.point.height == STORE_HEIGHT_NONE) return STORE_ABSENT;
    *point = meta.point;
    return STORE_OK;
}

enum store_err store_get_record(struct store_view *view, struct store_bytes *record, uint8_t kind,
                                uint32_t index)
{
    struct store_key key = store_key_record(kind, index);
    return get(view, record, STORE_RECORDS, &key);
}

enum store_err store_get_block(struct store_view *view, struct store_block *block, uint64_t height)
{
    struct store_key key = store_key_height(height);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_BLOCKS, &key);
    if (err != STORE_OK) return err;
    bool sound = store_value_take_block(block, value.bytes, value.size);
    TN_ASSERT(sound);
    block->height = height;
    return STORE_OK;
}

enum store_err store_get_block_height(struct store_view *view, uint64_t *height,
                                      const struct tn_hash *hash)
{
    struct store_key key = store_key_hash(hash);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_BLOCK_HASHES, &key);
    if (err == STORE_OK) *height = store_take_u64(value.bytes);
    return err;
}

enum store_err store_get_batch(struct store_view *view, struct store_batch *batch, uint32_t market,
                               uint64_t sequence)
{
    struct store_key key = store_key_batch(market, sequence);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_BATCHES, &key);
    if (err != STORE_OK) return err;
    bool sound = store_value_take_batch(batch, value.bytes, value.size);
    TN_ASSERT(sound);
    batch->market = market;
    batch->sequence = sequence;
    return STORE_OK;
}

enum store_err store_get_batch_by_digest(struct store_view *view, struct store_batch *batch,
                                         const struct tn_hash *digest)
{
    struct store_key key = store_key_hash(digest);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_DIGESTS, &key);
    if (err != STORE_OK) return err;
    return store_get_batch(view, batch, store_take_u32(value.bytes),
                           store_take_u64(value.bytes + 4));
}

enum store_err store_get_receipts(struct store_view *view, struct store_bytes *receipts,
                                  uint64_t height)
{
    struct store_key key = store_key_height(height);
    return get(view, receipts, STORE_RECEIPTS, &key);
}

enum store_err store_get_order(struct store_view *view, struct store_order *order,
                               uint64_t order_id)
{
    struct store_key key = store_key_height(order_id);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_ORDERS, &key);
    if (err != STORE_OK) return err;
    bool sound = store_value_take_order(order, value.bytes, value.size);
    TN_ASSERT(sound);
    order->order_id = order_id;
    return STORE_OK;
}

enum store_err store_get_leaf(struct store_view *view, struct tn_hash *hash, enum store_leaf tree,
                              uint64_t index)
{
    struct store_key key = store_key_leaf((uint8_t)tree, index);
    struct store_bytes value;
    enum store_err err = get(view, &value, STORE_LEAVES, &key);
    if (err == STORE_OK) memcpy(hash->bytes, value.bytes, TN_HASH_SIZE);
    return err;
}

enum store_err store_get_withdrawal(struct store_view *view, struct store_bytes *withdrawal,
                                    uint64_t number)
{
    struct store_key key = store_key_height(number);
    return get(view, withdrawal, STORE_WITHDRAWALS, &key);
}

/* Keys must ascend: on damaged pages a walk could else go in circles. */
static bool ascends(const struct store_key *last, const MDB_val *key)
{
    if (key->mv_size == 0 || key->mv_size > STORE_KEY_MAX) return false;
    if (last->size == 0) return true;
    size_t both = last->size < key->mv_size ? last->size : key->mv_size;
    int order = memcmp(last->bytes, key->mv_data, both);
    return order != 0 ? order < 0 : last->size < key->mv_size;
}

static enum store_err walk(struct store_view *view, enum store_database database, bool checks,
                           MDB_cursor *cursor, const uint8_t *from, size_t from_size,
                           store_visitor *visit, void *context)
{
    struct store_key last = {.size = 0};
    MDB_val key = {from_size, (void *)from}, data;
    size_t size;
    int code = mdb_cursor_get(cursor, &key, &data, from_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    for (; code == 0; code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) {
        if (!ascends(&last, &key))
            return say_damaged(view, database, last.bytes, last.size,
                               "the key that follows is out of order");
        memcpy(last.bytes, key.mv_data, key.mv_size);
        last.size = (uint8_t)key.mv_size;
        size = data.mv_size;
        enum store_err err = checks ? check_value(view, database, &key, &data, &size) : STORE_OK;
        if (err != STORE_OK) return err;
        if (!visit(context, key.mv_data, key.mv_size, data.mv_data, size)) return STORE_OK;
    }
    return code == MDB_NOTFOUND ? STORE_OK : say_code(view, database, code);
}

static enum store_err walk_all(struct store_view *view, enum store_database database, bool checks,
                               const uint8_t *from, size_t from_size, store_visitor *visit,
                               void *context)
{
    TN_ASSERT(database < STORE_DATABASES && from_size <= STORE_KEY_MAX);
    MDB_cursor *cursor;
    int code = mdb_cursor_open(view->txn, view->store->databases[database], &cursor);
    if (code != 0) return say_code(view, database, code);
    enum store_err err = walk(view, database, checks, cursor, from, from_size, visit, context);
    mdb_cursor_close(cursor);
    return err;
}

enum store_err store_each(struct store_view *view, enum store_database database,
                          const uint8_t *from, size_t from_size, store_visitor *visit,
                          void *context)
{
    return walk_all(view, database, true, from, from_size, visit, context);
}

enum store_err store_scan(struct store_view *view, enum store_database database,
                          const uint8_t *from, size_t from_size, store_visitor *visit,
                          void *context)
{
    return walk_all(view, database, false, from, from_size, visit, context);
}

static bool take_first(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                       size_t value_size)
{
    (void)value, (void)value_size;
    TN_ASSERT(key_size == 8);
    *(uint64_t *)context = store_key_take_height(key);
    return false;
}

enum store_err store_get_first_block(struct store_view *view, uint64_t *height)
{
    *height = STORE_HEIGHT_NONE;
    return store_each(view, STORE_BLOCKS, NULL, 0, take_first, height);
}

struct record_walk {
    uint8_t kind;
    store_record_visitor *visit;
    void *context;
};

static bool visit_record(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                         size_t value_size)
{
    const struct record_walk *records = context;
    TN_ASSERT(key_size == 5);
    if (key[0] != records->kind) return false;
    uint32_t index =
        (uint32_t)key[1] << 24 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 8 | (uint32_t)key[4];
    return records->visit(records->context, index, value, value_size);
}

enum store_err store_each_record(struct store_view *view, uint8_t kind, uint32_t from,
                                 store_record_visitor *visit, void *context)
{
    struct store_key key = store_key_record(kind, from);
    struct record_walk records = {kind, visit, context};
    return store_each(view, STORE_RECORDS, key.bytes, key.size, visit_record, &records);
}

struct fill_walk {
    struct store_key account; /* the first four bytes count */
    store_fill_visitor *visit;
    void *context;
};

static bool visit_fill(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                       size_t value_size)
{
    const struct fill_walk *fills = context;
    uint64_t height;
    uint32_t index;
    TN_ASSERT(key_size == 16);
    if (memcmp(key, fills->account.bytes, 4) != 0) return false;
    store_key_take_fill(key, &height, &index);
    return fills->visit(fills->context, height, index, value, value_size);
}

enum store_err store_each_fill(struct store_view *view, uint32_t account, uint64_t from_height,
                               store_fill_visitor *visit, void *context)
{
    struct fill_walk fills = {store_key_fill(account, from_height, 0), visit, context};
    return store_each(view, STORE_FILLS, fills.account.bytes, fills.account.size, visit_fill,
                      &fills);
}
