/* sync_store: store.sync, filled in parts, and two renames.
 *
 * store → store.old, store.sync → store, then store.old goes. The new store is complete and durable
 * before the first rename, so after a crash between the two it only has to be put into its place.
 */
#include "cluster/sync_store.h"

#include "cluster/sync_proofs.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 60000 };

struct sync_store {
    char home[PATH_SIZE], path[PATH_SIZE];
    struct store *store; /* NULL: closed */
    bool is_in_place;
};

static bool complain_path(const char *what, const char *path)
{
    complain("cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* A store's folder has files only. */
static bool wipe(const char *path)
{
    char name[PATH_SIZE];
    DIR *folder = opendir(path);
    if (folder == NULL) return errno == ENOENT || complain_path("open", path);
    bool is_good = true;
    for (struct dirent *entry; is_good && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        is_good = home_path(name, path, entry->d_name) &&
                  (unlink(name) == 0 || complain_path("remove", name));
    }
    closedir(folder);
    return is_good && (rmdir(path) == 0 || complain_path("remove", path));
}

static bool move(const char *from, const char *to)
{
    if (rename(from, to) == 0 && folder_sync_of(to)) return true;
    complain("cannot rename %s to %s: %s", from, to, strerror(errno));
    return false;
}

static bool paths(char store[PATH_SIZE], char filled[PATH_SIZE], char old[PATH_SIZE],
                  const char *home)
{
    return home_path(store, home, "store") && home_path(filled, home, "store.sync") &&
           home_path(old, home, "store.old");
}

bool sync_store_tidy(const char *home)
{
    char store[PATH_SIZE], filled[PATH_SIZE], old[PATH_SIZE];
    if (!paths(store, filled, old, home)) return false;
    if (is_there(old) && !is_there(store)) {
        note(
            "msg=sync_resumed why=\"a store was about to be changed for the one that was synced\"");
        if (!move(is_there(filled) ? filled : old, store)) return false;
    }
    if (is_there(old)) {
        note("msg=sync_wiped what=store.old why=\"the state sync that replaced it is done\"");
        if (!wipe(old)) return false;
    }
    if (!is_there(filled)) return true;
    note("msg=sync_wiped what=store.sync why=\"a state sync did not end; it begins anew if "
         "needed\"");
    return wipe(filled);
}

/* ---- Filling -----------------------------------------------------------------------------------
 */

struct sync_store *sync_store_make(const char *home, const struct tn_chain_limits *limits)
{
    struct sync_store *store = calloc(1, sizeof *store);
    struct store_config config;
    struct store_trail trail;
    if (store == NULL) {
        complain("out of memory");
        return NULL;
    }
    memcpy(store->home, home, strlen(home) + 1);
    if (home_path(store->path, home, "store.sync") && wipe(store->path)) {
        keeper_store_config(&config, limits, store->path);
        if (store_open(&store->store, &config, &trail) == STORE_OK) return store;
        complain("%s", trail.text);
    }
    free(store);
    return NULL;
}

static void close_it(struct sync_store *store)
{
    if (store->store != NULL) store_close(store->store);
    store->store = NULL;
}

void sync_store_free(struct sync_store *store)
{
    if (store == NULL) return;
    close_it(store);
    if (!store->is_in_place) (void)wipe(store->path);
    free(store);
}

static bool is_done(struct sync_store *store, enum store_err err)
{
    struct store_status status;
    if (err == STORE_OK) return true;
    store_status(store->store, &status);
    complain("cannot fill %s: %s", store->path, status.trail.text);
    return false;
}

bool sync_store_put(struct sync_store *store, uint8_t kind, uint32_t index, const uint8_t *bytes,
                    size_t size)
{
    enum store_err err = store_put_record(store->store, kind, index, bytes, size);
    if (err == STORE_BUSY || err == STORE_TOO_LARGE) {
        err = store_load_part(store->store);
        if (err == STORE_OK) err = store_put_record(store->store, kind, index, bytes, size);
    }
    return is_done(store, err);
}

static bool put_kept(struct sync_store *store, enum keeper_kept what, uint64_t number,
                     const uint8_t *bytes, size_t size)
{
    const uint64_t height = keeper_kept_height(what, number);
    enum store_err err = store_put_receipts(store->store, height, bytes, size);
    if (err == STORE_BUSY || err == STORE_TOO_LARGE) {
        err = store_load_part(store->store);
        if (err == STORE_OK) err = store_put_receipts(store->store, height, bytes, size);
    }
    return is_done(store, err);
}

bool sync_store_put_epoch(struct sync_store *store, const struct sync_epoch *epoch)
{
    return put_kept(store, KEPT_HANDOVER, epoch->epoch, epoch->handover, epoch->handover_size) &&
           put_kept(store, KEPT_SET, epoch->epoch + 1, epoch->set, epoch->set_size);
}

bool sync_store_load(struct sync_store *store, struct tn_hash *root, struct tn_chain *chain)
{
    struct store_view *view;
    struct store_trail trail;
    if (!is_done(store, store_load_part(store->store))) return false;
    if (store_view_begin(store->store, &view, &trail) != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    bool is_good = keeper_load_records(view, root, chain);
    store_view_end(view);
    return is_good;
}

/* So that it can serve what it took. */
static bool put_proofs(struct sync_store *store, const struct tn_chain *chain)
{
    size_t size;
    uint8_t *proofs = sync_proofs_make(&size, chain);
    const bool is_good = proofs != NULL && put_kept(store, KEPT_PROOFS, 0, proofs, size);
    free(proofs);
    return is_good;
}

bool sync_store_take_place(struct sync_store *store, const struct tn_checkpoint *checkpoint,
                           const struct tn_chain *chain, uint64_t log_position)
{
    char own[PATH_SIZE], filled[PATH_SIZE], old[PATH_SIZE];
    const struct store_point point = {
        .height = checkpoint->height, .root = checkpoint->state_root, .log_position = log_position};
    if (!put_proofs(store, chain) || !is_done(store, store_checkpoint(store->store, &point)) ||
        !is_done(store, store_drain(store->store, WAIT_MS))) {
        return false;
    }
    close_it(store);
    if (!paths(own, filled, old, store->home) || !wipe(old) || !move(own, old)) return false;
    store->is_in_place = move(filled, own);
    return store->is_in_place && wipe(old);
}
