/* One checkpoint, one transaction.
 *
 * The group's jobs, what is pruned and the meta record with height, root and log position go in
 * together and are synced by mdb_txn_commit: pages first, then the meta page that makes them count.
 * After any failure nothing of it counts. A failure for want of room leaves the group where it is;
 * everything else ends the store, for after a failed sync nobody knows what the disk holds. */
#include "store/internal.h"

#include <string.h>

#define PAGE_BYTES UINT64_C(4096)
#define TRIES_MAX  24

/* Bytes of pages that the group can need. A page that is changed is written anew, one leaf and now
 * and then a branch for each key, but never more than there are; new values need room of their own,
 * twice their bytes when pages split; then the list of free pages. Too little is no harm: the
 * transaction is done again. */
static uint64_t estimate(struct store *store, uint64_t from)
{
    uint64_t mapped, used, values = 0, changed = 256 * PAGE_BYTES;
    store_env_measure(store, &mapped, &used);
    if (!store->config.archive) changed += store->config.prune_keys_max / 8 * PAGE_BYTES;
    for (;;) {
        const struct store_job *job = store_queue_at(&store->queue, &from);
        if (job->kind == STORE_JOB_CHECKPOINT) break;
        changed += 2 * PAGE_BYTES;
        values += (uint64_t)job->size + 32;
        from += job->size;
    }
    return (changed < used ? changed : used) + 2 * values + 256 * PAGE_BYTES;
}

static int apply_job(struct store *store, MDB_txn *txn, const struct store_job *job)
{
    uint8_t *bytes = (uint8_t *)(job + 1);
    MDB_val key = {job->key_size, bytes};
    MDB_dbi database = store->databases[job->database];
    if (job->kind == STORE_JOB_DELETE) {
        int code = mdb_del(txn, database, &key, NULL);
        return code == MDB_NOTFOUND ? 0 : code;
    }
    TN_ASSERT(job->kind == STORE_JOB_PUT);
    uint8_t *value = bytes + job->key_size;
    store_seal(store->config.cpu, job->database, bytes, job->key_size, value, job->value_size);
    MDB_val data = {job->value_size + STORE_CRC_SIZE, value};
    return mdb_put(txn, database, &key, &data, 0);
}

static int apply_jobs(struct store *store, MDB_txn *txn, uint64_t *position,
                      struct store_trail *trail)
{
    char where[128];
    for (;;) {
        const struct store_job *job = store_queue_at(&store->queue, position);
        if (job->kind == STORE_JOB_CHECKPOINT) return 0;
        int code = apply_job(store, txn, job);
        if (code != 0) {
            store_say_key(where, sizeof where, job->database, (const uint8_t *)(job + 1),
                          job->key_size);
            store_say(trail, STORE_OK, "writing %s of the store %s: %s", where, store->path,
                      mdb_strerror(code));
            return code;
        }
        *position += job->size;
    }
}

static struct store_meta next_meta(const struct store *store, const struct store_close *close)
{
    struct store_meta meta = store->meta;
    meta.commits_count++;
    meta.loading = close->loading;
    if (close->newest_ms > meta.newest_ms) meta.newest_ms = close->newest_ms;
    if (!close->loading) {
        meta.log_position_before = meta.point.log_position;
        meta.point = close->point;
    }
    return meta;
}

/* Everything of the transaction but its beginning and end. */
static int fill(struct store *store, MDB_txn *txn, uint64_t from, uint64_t *end,
                struct store_meta *meta, uint64_t *pruned_count, struct store_trail *trail)
{
    struct store_close close;
    uint64_t position = from;
    int code = apply_jobs(store, txn, &position, trail);
    if (code != 0) return code;
    const struct store_job *job = store_queue_at(&store->queue, &position);
    memcpy(&close, job + 1, sizeof close);
    *end = position + job->size;
    *meta = next_meta(store, &close);
    if ((!store->config.archive || store->config.receipts_hours > 0) && !close.loading) {
        code = store_prune(store, txn, meta, pruned_count, trail);
        if (code != 0) return code;
    }
    store->first_block = store_first_block(store, txn);
    code = store_meta_write(store, txn, meta);
    if (code != 0)
        store_say(trail, STORE_OK, "writing meta of the store %s: %s", store->path,
                  mdb_strerror(code));
    return code;
}

static int write_once(struct store *store, uint64_t from, uint64_t *end, struct store_trail *trail)
{
    struct store_meta meta;
    uint64_t pruned_count = 0;
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != 0) {
        store_say(trail, STORE_OK, "beginning a transaction of the store %s: %s", store->path,
                  mdb_strerror(code));
        return code;
    }
    code = fill(store, txn, from, end, &meta, &pruned_count, trail);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    if (code != 0) {
        store_say(trail, STORE_OK, "committing a checkpoint of the store %s: %s", store->path,
                  mdb_strerror(code));
        return code;
    }
    store->meta = meta;
    pthread_mutex_lock(&store->lock);
    store->status.pruned_count += pruned_count;
    pthread_mutex_unlock(&store->lock);
    return 0;
}

/* After a failure at the meta page LMDB refuses to go on. When it was for want of room we may: the
 * group is written again, over whichever of the two states the file shows. */
static enum store_err begin_anew(struct store *store, struct store_trail *trail)
{
    MDB_txn *txn;
    enum store_err err = store_env_reopen(store, trail);
    if (err != STORE_OK) return err;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return store_say(trail, store_err_of(code), "reading the store %s: %s", store->path,
                         mdb_strerror(code));
    err = store_meta_read(store, txn, &store->meta, trail);
    mdb_txn_abort(txn);
    return err;
}

enum store_err store_write_group(struct store *store, uint64_t from, uint64_t *end,
                                 struct store_trail *trail)
{
    uint64_t need = estimate(store, from);
    for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
        enum store_err err = store_env_make_room(store, need, trail);
        if (err != STORE_OK) return err;
        int code = write_once(store, from, end, trail);
        if (code == MDB_MAP_FULL) {
            need *= 2;
        } else if (code == MDB_PANIC && store->status.state == STORE_FULL) {
            err = begin_anew(store, trail);
            if (err != STORE_OK) return err;
        } else {
            return store_err_of(code);
        }
    }
    return store_say(trail, STORE_FAILED, "a checkpoint of the store %s does not fit any map",
                     store->path);
}
