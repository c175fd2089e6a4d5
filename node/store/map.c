/* The LMDB environment: opening it, making room, mapping it anew.
 *
 * LMDB maps a fixed size, and a transaction that needs more fails. So the map grows before a
 * transaction could need it, by doubling. A new map moves every address, so none may be in use in
 * this process: views are counted, and wait outside while the map changes. The disk's blocks are
 * taken before the transaction too: a full disk then shows before anything was begun, instead of as
 * a write cut short. */
#define _GNU_SOURCE
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAP_UNIT     (UINT64_C(1) << 20)
#define RESERVE_UNIT (UINT64_C(16) << 20)
#define READERS_MAX  126

/* A control for the tests: built so, a power failure must lose or break something. */
#ifdef STORE_MUTATION_UNSYNCED
#define SYNC_FLAGS MDB_NOSYNC
#elif defined STORE_MUTATION_META_UNSYNCED
#define SYNC_FLAGS MDB_NOMETASYNC
#else
#define SYNC_FLAGS 0
#endif

static void assertion_failed(MDB_env *env, const char *what)
{
    const char *path = "?";
    char text[STORE_PATH_MAX + 400];
    mdb_env_get_path(env, &path);
    snprintf(text, sizeof text,
             "%.200s: the store %s is damaged; move the folder away and restore from a snapshot",
             what, path);
    tn_panic("liblmdb", 0, text);
}

static enum store_err check_header(const char *path, struct store_trail *trail)
{
    char name[STORE_PATH_MAX + 16];
    uint8_t bytes[2 * 65536];
    snprintf(name, sizeof name, "%s/data.mdb", path);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return store_say(trail, STORE_FAILED, "opening %s: %s", name, strerror(errno));
    ssize_t size = pread(file, bytes, sizeof bytes, 0);
    off_t file_size = lseek(file, 0, SEEK_END);
    int failure = errno;
    close(file);
    if (size < 0 || file_size < 0)
        return store_say(trail, STORE_FAILED, "reading %s: %s", name, strerror(failure));
    bool not_ours;
    const char *fault = store_header_fault(bytes, (size_t)size, (uint64_t)file_size, &not_ours);
    if (fault == NULL) return STORE_OK;
    if (not_ours)
        return store_say(trail, STORE_REFUSED,
                         "%s is not a store of ours: %s; give another folder, or move it away",
                         name, fault);
    return store_say(trail, STORE_CORRUPT,
                     "%s is damaged: %s; move the folder away and restore from a snapshot", name,
                     fault);
}

static int open_databases(struct store *store)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, store->reader ? MDB_RDONLY : 0, &txn);
    if (code != 0) return code;
    for (uint32_t i = 0; i < STORE_DATABASES && code == 0; i++)
        code = mdb_dbi_open(txn, store_database_name(i), store->reader ? 0 : MDB_CREATE,
                            &store->databases[i]);
    if (code == 0) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

/* What an error of opening means is not what it means in the midst of work. */
static enum store_err say_open(struct store_trail *trail, const char *path, int code)
{
    const char *lmdb = mdb_strerror(code);
    if (code == MDB_NOTFOUND)
        return store_say(trail, STORE_REFUSED,
                         "%s holds an LMDB environment that is not a store of ours; give another "
                         "folder, or move it away",
                         path);
    if (code == MDB_INCOMPATIBLE || code == MDB_VERSION_MISMATCH || code == MDB_DBS_FULL)
        return store_say(trail, STORE_REFUSED, "%s is not a store of ours: %s", path, lmdb);
    return store_say(trail, store_err_of(code), "opening the store %s: %s", path, lmdb);
}

enum store_err store_env_open(struct store *store, const char *path, uint64_t map_bytes,
                              struct store_trail *trail)
{
    unsigned flags = MDB_NOTLS | SYNC_FLAGS | (store->reader ? MDB_RDONLY : 0);
    if (map_bytes > 0) { /* else: a new file */
        enum store_err err = check_header(path, trail);
        if (err != STORE_OK) return err;
    } else {
        map_bytes = store->config.map_bytes;
        flags |= MDB_NOSUBDIR | MDB_NOLOCK;
    }
    int code = mdb_env_create(&store->env);
    if (code != 0) return store_say(trail, STORE_FAILED, "LMDB: %s", mdb_strerror(code));
    mdb_env_set_assert(store->env, assertion_failed);
    mdb_env_set_maxreaders(store->env, READERS_MAX);
    mdb_env_set_maxdbs(store->env, STORE_DATABASES + 4);
    if (!store->reader) mdb_env_set_mapsize(store->env, (map_bytes + MAP_UNIT - 1) & -MAP_UNIT);
    code = mdb_env_open(store->env, path, flags, 0640);
    if (code == 0) code = open_databases(store);
    if (code == 0) return STORE_OK;
    store_env_close(store);
    return say_open(trail, path, code);
}

void store_env_close(struct store *store)
{
    if (store->env != NULL) mdb_env_close(store->env);
    store->env = NULL;
}

/* Under the lock. Transactions that read are tied to no thread (MDB_NOTLS). */
static void end_yielding(struct store *store)
{
    struct store_view *view = store->yielding;
    if (view == NULL || view->is_held) return;
    mdb_txn_abort(view->txn);
    view->txn = NULL;
    store->yielding = NULL;
    store->views_count--;
}

/* Shuts out views until open_views. Without a thread of our own the caller might hold one itself
 * and would wait for ever: that is a bug. */
static void close_views(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->remapping)
        pthread_cond_wait(&store->changed, &store->lock);
    store->remapping = true;
    end_yielding(store);
    TN_ASSERT(store->config.threaded || store->reader || store->views_count == 0);
    while (store->views_count > 0) {
        pthread_cond_wait(&store->changed, &store->lock);
        end_yielding(store);
    }
    pthread_mutex_unlock(&store->lock);
}

static void open_views(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->remapping = false;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

enum store_err store_env_remap(struct store *store, uint64_t bytes, struct store_trail *trail)
{
    close_views(store);
    int code = mdb_env_set_mapsize(store->env, bytes);
    open_views(store);
    if (code == 0) return STORE_OK;
    return store_say(trail, STORE_FAILED, "mapping %s/data.mdb with %llu bytes: %s", store->path,
                     (unsigned long long)bytes, mdb_strerror(code));
}

enum store_err store_env_reopen(struct store *store, struct store_trail *trail)
{
    MDB_envinfo info;
    close_views(store);
    int code = mdb_env_info(store->env, &info);
    TN_ASSERT(code == 0);
    store_env_close(store);
    enum store_err err = store_env_open(store, store->path, info.me_mapsize, trail);
    open_views(store);
    return err;
}

/* Blocks for the pages that will be written past the last one. A file system that cannot reserve
 * says so, and then a full disk is met while writing. */
static enum store_err reserve(struct store *store, uint64_t bytes, struct store_trail *trail)
{
    int file;
    if (bytes <= store->reserved_bytes) return STORE_OK;
    int code = mdb_env_get_fd(store->env, &file);
    TN_ASSERT(code == 0);
    uint64_t rounded = (bytes + RESERVE_UNIT - 1) / RESERVE_UNIT * RESERVE_UNIT;
    int result;
    do {
        result = fallocate(file, FALLOC_FL_KEEP_SIZE, 0, (off_t)rounded);
        if (result != 0 && errno == ENOSPC && rounded > bytes) {
            rounded = bytes;
            errno = EINTR;
        }
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
        return store_say(trail, store_err_of(errno), "reserving %llu bytes for %s/data.mdb: %s",
                         (unsigned long long)bytes, store->path, strerror(errno));
    store->reserved_bytes = rounded;
    return STORE_OK;
}

void store_env_measure(struct store *store, uint64_t *map_bytes, uint64_t *used_bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(store->env, &info);
    if (code == 0) code = mdb_env_stat(store->env, &stat);
    TN_ASSERT(code == 0);
    *map_bytes = info.me_mapsize;
    *used_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
}

enum store_err store_env_make_room(struct store *store, uint64_t need, struct store_trail *trail)
{
    uint64_t mapped, used;
    store_env_measure(store, &mapped, &used);
    uint64_t map_bytes = mapped;
    while (used + need > map_bytes / 4 * 3)
        map_bytes *= 2;
    if (map_bytes != mapped) {
        enum store_err err = store_env_remap(store, map_bytes, trail);
        if (err != STORE_OK) return err;
        pthread_mutex_lock(&store->lock);
        store->status.growths_count++;
        pthread_mutex_unlock(&store->lock);
    }
    return reserve(store, used + need, trail);
}

int store_meta_write(struct store *store, MDB_txn *txn, const struct store_meta *meta)
{
    uint8_t value[STORE_META_SIZE + STORE_CRC_SIZE];
    struct store_key key = store_key_meta();
    store_value_put_meta(value, meta);
    store_seal(store->config.cpu, STORE_META, key.bytes, key.size, value, STORE_META_SIZE);
    MDB_val name = {key.size, key.bytes}, data = {sizeof value, value};
    return mdb_put(txn, store->databases[STORE_META], &name, &data, 0);
}

enum store_err store_meta_read(struct store *store, MDB_txn *txn, struct store_meta *meta,
                               struct store_trail *trail)
{
    struct store_key key = store_key_meta();
    MDB_val name = {key.size, key.bytes}, data;
    int code = mdb_get(txn, store->databases[STORE_META], &name, &data);
    if (code == MDB_NOTFOUND)
        return store_say(trail, STORE_REFUSED,
                         "%s holds an LMDB environment that is not a store of ours; give another "
                         "folder, or move it away",
                         store->path);
    if (code != 0)
        return store_say(trail, store_err_of(code), "reading meta of %s: %s", store->path,
                         mdb_strerror(code));
    uint32_t format;
    size_t size;
    if (!store_value_is_meta(&format, data.mv_data, data.mv_size))
        return store_say(trail, STORE_CORRUPT,
                         "meta of %s is damaged: it does not begin as ours; move the folder away "
                         "and restore from a snapshot",
                         store->path);
    if (format != STORE_FORMAT)
        return store_say(
            trail, STORE_REFUSED, "the store %s has format %u and this program reads %u: %s",
            store->path, format, STORE_FORMAT,
            format > STORE_FORMAT ? "use the newer program that wrote it"
                                  : "move the folder away and restore from a snapshot, or replay");
    if (!store_unseal(&size, store->config.cpu, STORE_META, key.bytes, key.size, data.mv_data,
                      data.mv_size) ||
        !store_value_take_meta(meta, data.mv_data, size))
        return store_say(trail, STORE_CORRUPT,
                         "meta of %s is damaged: its CRC or layout is wrong; move the folder away "
                         "and restore from a snapshot",
                         store->path);
    return STORE_OK;
}

enum store_err store_sync_folder(const char *path, struct store_trail *trail)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return store_say(trail, STORE_FAILED, "opening %s: %s", path, strerror(errno));
    int result = fsync(folder);
    int failure = errno;
    close(folder);
    if (result == 0) return STORE_OK;
    return store_say(trail, STORE_FAILED, "syncing the folder %s: %s", path, strerror(failure));
}
