/* Copies of the store, and who reads it. */
#define _GNU_SOURCE
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void data_file(char name[STORE_PATH_MAX + 32], const char *folder)
{
    snprintf(name, STORE_PATH_MAX + 32, "%s/data.mdb", folder);
}

static void remove_copy(const char *folder)
{
    char name[STORE_PATH_MAX + 32];
    data_file(name, folder);
    unlink(name);
    rmdir(folder);
}

static enum store_err sync_file(const char *name, struct store_trail *trail)
{
    int file = open(name, O_RDWR | O_CLOEXEC);
    if (file < 0) return store_say(trail, STORE_FAILED, "opening %s: %s", name, strerror(errno));
    int result = fsync(file);
    int failure = errno;
    close(file);
    if (result == 0) return STORE_OK;
    return store_say(trail, store_err_of(failure), "syncing %s: %s", name, strerror(failure));
}

/* LMDB reads by a transaction of its own: when the writer, in another process, has made the map
 * larger since the view began, all begins again, in a view of the larger map. */
static enum store_err write_copy(struct store *store, const char *folder, struct store_trail *trail)
{
    char name[STORE_PATH_MAX + 32];
    int code;
    data_file(name, folder);
    do {
        struct store_view *view;
        unlink(name); /* LMDB takes none that is there */
        enum store_err err = store_view_begin(store, &view, trail); /* the map stays where it is */
        if (err != STORE_OK) return err;
        code = mdb_env_copy2(store->env, folder, MDB_CP_COMPACT);
        store_view_end(view);
    } while (code == MDB_MAP_RESIZED);
    if (code == 0) return STORE_OK;
    return store_say(trail, store_err_of(code), "copying the store %s to %s: %s", store->path,
                     folder, mdb_strerror(code));
}

/* Writes data.mdb into the folder and syncs both. */
static enum store_err fill_copy(struct store *store, const char *folder, struct store_trail *trail)
{
    char name[STORE_PATH_MAX + 32];
    enum store_err err = write_copy(store, folder, trail);
    data_file(name, folder);
    if (err == STORE_OK) err = sync_file(name, trail);
    return err == STORE_OK ? store_sync_folder(folder, trail) : err;
}

enum store_err store_copy(struct store *store, const char *to_path, struct store_trail *trail)
{
    char folder[STORE_PATH_MAX], parent[STORE_PATH_MAX + 8];
    struct stat status;
    int length = snprintf(folder, sizeof folder, "%s.part", to_path);
    if (length < 0 || (size_t)length >= sizeof folder)
        return store_say(trail, STORE_REFUSED, "the copy's path is too long: %s", to_path);
    if (stat(to_path, &status) == 0)
        return store_say(trail, STORE_REFUSED, "%s is there already; give a new folder", to_path);
    remove_copy(folder); /* of a copy that did not end */
    if (mkdir(folder, 0750) != 0)
        return store_say(trail, errno == ENOSPC ? STORE_FULL : STORE_FAILED, "making %s: %s",
                         folder, strerror(errno));
    enum store_err err = fill_copy(store, folder, trail);
    if (err == STORE_OK && rename(folder, to_path) != 0)
        err =
            store_say(trail, STORE_FAILED, "moving %s to %s: %s", folder, to_path, strerror(errno));
    if (err != STORE_OK) {
        remove_copy(folder);
        return err;
    }
    snprintf(parent, sizeof parent, "%s/..", to_path);
    return store_sync_folder(parent, trail);
}

/* LMDB tells its readers as lines of text: process, thread, transaction or "-". */
struct reader_list {
    uint32_t count;
    uint64_t oldest;
    long process;
};

static int take_reader(const char *line, void *context)
{
    struct reader_list *list = context;
    char *rest;
    long process = strtol(line, &rest, 10);
    if (rest == line) return 0; /* the heading */
    strtoull(rest, &rest, 16);
    while (*rest == ' ')
        rest++;
    if (*rest < '0' || *rest > '9') return 0; /* between transactions */
    uint64_t transaction = strtoull(rest, NULL, 10);
    list->count++;
    if (transaction < list->oldest) {
        list->oldest = transaction;
        list->process = process;
    }
    return 0;
}

static int look_at_readers(struct store *store, struct reader_list *list, int *cleared,
                           uint64_t *last)
{
    MDB_envinfo info;
    int code = mdb_reader_check(store->env, cleared);
    if (code == 0) code = mdb_env_info(store->env, &info);
    if (code != 0) return code;
    *last = info.me_last_txnid;
    code = mdb_reader_list(store->env, take_reader, list);
    return code < 0 ? code : 0;
}

enum store_err store_readers(struct store *store, struct store_readers *readers,
                             struct store_trail *trail)
{
    struct reader_list list = {.oldest = UINT64_MAX};
    struct store_view *view;
    int cleared = 0;
    uint64_t last = 0;
    *readers = (struct store_readers){.oldest_process = -1};
    enum store_err err = store_view_begin(store, &view, trail); /* the environment stays open */
    if (err != STORE_OK) return err;
    int code = look_at_readers(store, &list, &cleared, &last);
    store_view_end(view);
    if (code != 0)
        return store_say(trail, store_err_of(code), "listing readers of the store %s: %s",
                         store->path, mdb_strerror(code));
    TN_ASSERT(list.count > 0); /* our own view */
    readers->readers_count = list.count - 1;
    readers->cleared_count = (uint32_t)cleared;
    if (last <= list.oldest) return STORE_OK;
    readers->oldest_lag_commits = last - list.oldest;
    readers->oldest_process = list.process;
    return STORE_OK;
}
