/* Opening, making and closing a store.
 *
 * A store is made under another name and gets its own when it is whole and synced, so a crash
 * leaves either none or one that opens. Who writes holds a lock on the owner file for as long as it
 * runs. What is not ours, or another chain's, is refused with what to do about it. */
#define _GNU_SOURCE
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKING        "data.new"
#define MAP_FIRST_MIN (UINT64_C(1) << 20)

static void set_defaults(struct store_config *config)
{
    if (config->retain_hours == 0) config->retain_hours = 168;
    if (config->prune_keys_max == 0) config->prune_keys_max = 4096;
    if (config->retry_ms == 0) config->retry_ms = 1000;
    if (config->queue_bytes == 0) config->queue_bytes = (size_t)64 << 20;
    if (config->queue_bytes < 4096) config->queue_bytes = 4096;
    if (config->map_bytes == 0) config->map_bytes = (uint64_t)64 << 20;
    if (config->map_bytes < MAP_FIRST_MIN) config->map_bytes = MAP_FIRST_MIN;
}

static void name_in(char out[STORE_PATH_MAX + 64], const char *path, const char *name)
{
    snprintf(out, STORE_PATH_MAX + 64, "%s/%s", path, name);
}

static bool exists(const char *path, const char *name)
{
    char full[STORE_PATH_MAX + 64];
    struct stat status;
    name_in(full, path, name);
    return stat(full, &status) == 0;
}

/* The folder may hold only what a crash while making a store can have left. */
static enum store_err check_folder_is_free(const char *path, struct store_trail *trail)
{
    DIR *folder = opendir(path);
    enum store_err err = STORE_OK;
    if (folder == NULL)
        return store_say(trail, STORE_FAILED, "opening %s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, MAKING) == 0 ||
            strcmp(name, "owner") == 0 || strcmp(name, "lock.mdb") == 0)
            continue;
        err = store_say(trail, STORE_REFUSED,
                        "%s holds %s and no store; give a folder of its own for the store", path,
                        name);
        break;
    }
    closedir(folder);
    return err;
}

static enum store_err make_folder(const char *path, struct store_trail *trail)
{
    if (mkdir(path, 0750) == 0) return STORE_OK;
    if (errno == EEXIST) return check_folder_is_free(path, trail);
    return store_say(trail, errno == ENOSPC ? STORE_FULL : STORE_FAILED, "making %s: %s", path,
                     strerror(errno));
}

/* Names that are there may not be durable: who gave them may have died before it had synced them,
 * and what is written next must not hang on them. */
static enum store_err sync_names(const char *path, struct store_trail *trail)
{
    char parent[STORE_PATH_MAX + 8];
    snprintf(parent, sizeof parent, "%s/..", path);
    enum store_err err = store_sync_folder(parent, trail);
    return err == STORE_OK ? store_sync_folder(path, trail) : err;
}

/* Fills a new environment with its databases and the meta record. */
static enum store_err fill_new(struct store *store, const char *path, struct store_trail *trail)
{
    enum store_err err = store_env_open(store, path, 0, trail);
    if (err != STORE_OK) return err;
    const struct store_config *config = &store->config;
    struct store_meta meta = {.format = STORE_FORMAT,
                              .market = config->market,
                              .chain_id = config->chain_id,
                              .limits_hash = config->limits_hash,
                              .point = {.height = STORE_HEIGHT_NONE}};
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code == 0) {
        code = store_meta_write(store, txn, &meta);
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    int file;
    if (code == 0) code = mdb_env_get_fd(store->env, &file);
    if (code == 0 && fsync(file) != 0) code = errno;
    store_env_close(store);
    if (code == 0) return STORE_OK;
    return store_say(trail, store_err_of(code), "making the store %s: %s", path,
                     mdb_strerror(code));
}

static enum store_err make(struct store *store, struct store_trail *trail)
{
    char from[STORE_PATH_MAX + 64], to[STORE_PATH_MAX + 64];
    name_in(from, store->path, MAKING);
    name_in(to, store->path, "data.mdb");
    unlink(from); /* what a crash may have left */
    enum store_err err = fill_new(store, from, trail);
    if (err != STORE_OK) return err;
    if (rename(from, to) != 0)
        return store_say(trail, store_err_of(errno), "moving %s to %s: %s", from, to,
                         strerror(errno));
    return STORE_OK;
}

static enum store_err take_ownership(struct store *store, struct store_trail *trail)
{
    char name[STORE_PATH_MAX + 64];
    name_in(name, store->path, "owner");
    store->owner = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (store->owner < 0)
        return store_say(trail, errno == ENOSPC ? STORE_FULL : STORE_FAILED, "opening %s: %s", name,
                         strerror(errno));
    if (flock(store->owner, LOCK_EX | LOCK_NB) == 0) return STORE_OK;
    if (errno == EWOULDBLOCK)
        return store_say(trail, STORE_REFUSED,
                         "the store %s is being written by another process; stop it first",
                         store->path);
    return store_say(trail, STORE_FAILED, "locking %s: %s", name, strerror(errno));
}

static enum store_err check_meta(const struct store *store, struct store_trail *trail)
{
    const struct store_meta *meta = &store->meta;
    const struct store_config *config = &store->config;
    if (!tn_hash_equal(&meta->chain_id, &config->chain_id))
        return store_say(trail, STORE_REFUSED,
                         "the store %s belongs to another chain; give this chain's folder",
                         store->path);
    if (meta->market != config->market)
        return store_say(trail, STORE_REFUSED,
                         "the store %s is of market %u, not %u; give that market's folder",
                         store->path, meta->market, config->market);
    if (!tn_hash_equal(&meta->limits_hash, &config->limits_hash))
        return store_say(trail, STORE_REFUSED,
                         "the store %s was written under other limits; run with those, or move the "
                         "folder away and restore from a snapshot",
                         store->path);
    return STORE_OK;
}

static enum store_err load_meta(struct store *store, bool check_config, struct store_trail *trail)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return store_say(trail, store_err_of(code), "reading the store %s: %s", store->path,
                         mdb_strerror(code));
    enum store_err err = store_meta_read(store, txn, &store->meta, trail);
    if (err == STORE_OK) store->first_block = store_first_block(store, txn);
    mdb_txn_abort(txn);
    if (err != STORE_OK) return err;
    if (check_config) err = check_meta(store, trail);
    if (err == STORE_OK && store->meta.loading)
        return store_say(trail, STORE_REFUSED,
                         "a restore into the store %s did not end; remove the folder and restore "
                         "again",
                         store->path);
    return err;
}

static struct store *allocate(const struct store_config *config, bool reader)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) return NULL;
    store->config = *config;
    set_defaults(&store->config);
    store->config.path = store->path;
    snprintf(store->path, sizeof store->path, "%s", config->path);
    store->owner = -1;
    store->reader = reader;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return store;
}

static void release(struct store *store)
{
    store_env_close(store);
    if (store->owner >= 0) close(store->owner);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->lock);
    free(store->queue.ring);
    free(store);
}

static enum store_err open_writer(struct store *store, struct store_trail *trail)
{
    enum store_err err;
    bool present = exists(store->path, "data.mdb");
    if (!present && !store->config.create)
        return store_say(trail, STORE_ABSENT, "there is no store at %s", store->path);
    if (!present && (err = make_folder(store->path, trail)) != STORE_OK) return err;
    if ((err = take_ownership(store, trail)) != STORE_OK) return err;
    if (!exists(store->path, "data.mdb") && (err = make(store, trail)) != STORE_OK) return err;
    if ((err = sync_names(store->path, trail)) != STORE_OK) return err;
    err = store_env_open(store, store->path, store->config.map_bytes, trail);
    if (err != STORE_OK) return err;
    return load_meta(store, true, trail);
}

enum store_err store_open(struct store **out, const struct store_config *config,
                          struct store_trail *trail)
{
    if (strlen(config->path) >= STORE_PATH_MAX)
        return store_say(trail, STORE_REFUSED, "the store's path is too long: %s", config->path);
    struct store *store = allocate(config, false);
    if (store == NULL) return store_say(trail, STORE_FAILED, "no memory for the store");
    enum store_err err = open_writer(store, trail);
    if (err == STORE_OK) err = store_queue_begin(store, trail);
    if (err == STORE_OK)
        *out = store;
    else
        release(store);
    return err;
}

enum store_err store_open_reader(struct store **out, const struct store_config *config,
                                 bool check_config, struct store_trail *trail)
{
    if (strlen(config->path) >= STORE_PATH_MAX)
        return store_say(trail, STORE_REFUSED, "the store's path is too long: %s", config->path);
    if (!exists(config->path, "data.mdb"))
        return store_say(trail, STORE_ABSENT, "there is no store at %s", config->path);
    struct store *store = allocate(config, true);
    if (store == NULL) return store_say(trail, STORE_FAILED, "no memory for the store");
    enum store_err err = store_env_open(store, store->path, store->config.map_bytes, trail);
    if (err == STORE_OK) err = load_meta(store, check_config, trail);
    if (err == STORE_OK)
        *out = store;
    else
        release(store);
    return err;
}

void store_close(struct store *store)
{
    TN_ASSERT(store->views_count == 0);
    if (!store->reader) store_queue_end(store);
    release(store);
}
