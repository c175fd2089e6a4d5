/* snapshot_load: a snapshot into a replica, and a replica into a new home.
 *
 * Each chunk is checked against the state root before its records are read in, and the replica's
 * own root is compared at the end, so nothing is taken that the root does not cover. Positions lie
 * beside their accounts but are read in after them: the accounts' chunks are gone through twice. */
#include "snapshot.h"
#include "snapshot_check.h"
#include "tenord.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct loading {
    const struct snapshot_folder *folder;
    struct tn_replica *replica;
    struct snapshot_check *check;
};

static int blame_record(const struct snapshot_folder *folder, const char *name,
                        const struct tn_import_fault *fault)
{
    complain("%s/%s: record %u, byte %u of it: %s", folder->path, name, fault->name.index,
             fault->at, fault->what == NULL ? "it contradicts another" : fault->what);
    return END_WRONG;
}

/* The records of a chunk, or the positions beside them. */
static int import_chunk(const struct loading *loading, const char *name, const uint8_t *bytes,
                        size_t size, bool positions)
{
    struct snapshot_reader reader;
    struct snapshot_fault fault;
    struct snapshot_item item;
    struct tn_import_fault import_fault;
    enum snapshot_step step = SNAPSHOT_BAD;
    bool is_open = snapshot_open_chunk(&reader, &fault, bytes, size);
    while (is_open && (step = snapshot_next(&reader, &item, &fault)) == SNAPSHOT_RECORD) {
        uint8_t kind = positions ? TN_RECORD_POSITIONS : reader.kind;
        const uint8_t *record = positions ? item.positions : item.record;
        size_t record_size = positions ? item.positions_size : item.size;
        if (record_size == 0) continue;
        if (!tn_replica_import(loading->replica, &import_fault, kind, item.index, record,
                               record_size)) {
            return blame_record(loading->folder, name, &import_fault);
        }
    }
    if (step == SNAPSHOT_END) return END_GOOD;
    snapshot_blame(loading->folder, name, &fault);
    return END_WRONG;
}

static int load_chunk(const struct loading *loading, const struct snapshot_chunk *chunk,
                      bool positions)
{
    char name[SNAPSHOT_NAME_SIZE];
    struct snapshot_fault fault;
    size_t size;
    uint8_t *bytes = snapshot_chunk_read(&size, loading->folder, chunk);
    if (bytes == NULL) return END_REFUSED;
    snapshot_chunk_name(name, chunk->kind, chunk->first);
    int end = END_GOOD;
    if (!positions && !snapshot_check_chunk(loading->check, &fault, chunk, bytes, size)) {
        snapshot_blame(loading->folder, name, &fault);
        end = END_WRONG;
    }
    if (end == END_GOOD) end = import_chunk(loading, name, bytes, size, positions);
    free(bytes);
    return end;
}

/* All chunks of a kind. */
static int load_kind(const struct loading *loading, uint8_t kind)
{
    const struct snapshot_head *head = &loading->folder->head;
    bool positions = kind == TN_RECORD_POSITIONS;
    int end = END_GOOD;
    for (uint32_t i = 0; i < head->chunks_count && end == END_GOOD; i++) {
        struct snapshot_chunk chunk;
        snapshot_head_chunk(&chunk, head, i);
        if (chunk.kind != (positions ? TN_RECORD_ACCOUNT : kind)) continue;
        end = load_chunk(loading, &chunk, positions);
    }
    return end;
}

static int load_all(const struct loading *loading)
{
    const struct snapshot_folder *folder = loading->folder;
    struct tn_import_fault import_fault;
    struct snapshot_fault fault;
    struct tn_hash root;
    int end = END_GOOD;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS && end == END_GOOD; kind++)
        end = load_kind(loading, kind);
    if (end != END_GOOD) return end;
    if (!snapshot_check_whole(loading->check, &fault)) {
        complain("%s: %s", folder->path, fault.what);
        return END_WRONG;
    }
    if (!tn_replica_import_end(loading->replica, &root, &import_fault)) {
        return blame_record(folder, "(the whole)", &import_fault);
    }
    if (tn_hash_equal(&root, &folder->head.root)) return END_GOOD;
    complain("%s: its records lead to the root %s, not to %s", folder->path, hash_text(&root),
             hash_text(&folder->head.root));
    return END_WRONG;
}

static int load_folder(struct tn_replica *replica, const struct snapshot_folder *folder)
{
    const struct tn_replica_limits *limits = tn_replica_limits(replica);
    if (memcmp(limits->chain_id, folder->head.chain_id, sizeof limits->chain_id) != 0) {
        complain("%s is of another chain: its genesis differs", folder->path);
        return END_REFUSED;
    }
    struct snapshot_check *check = malloc(sizeof *check);
    if (check == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    snapshot_check_begin(check, &folder->head, (enum tn_cpu)limits->exchange.cpu);
    const struct loading loading = {.folder = folder, .replica = replica, .check = check};
    int end = load_all(&loading);
    free(check);
    return end;
}

int snapshot_load(struct tn_replica *replica, const char *path, const struct tn_hash *trusted)
{
    struct snapshot_folder folder;
    int end = snapshot_open(&folder, path, trusted);
    if (end == END_GOOD) end = load_folder(replica, &folder);
    snapshot_close(&folder);
    return end;
}

/* ---- Restore ----------------------------------------------------------------------------------
 */

/* The limits that the head's genesis says: its text is the canonical one, for it gives the chain
 * id. */
static bool head_limits(struct tn_replica_limits *limits, const struct snapshot_folder *folder)
{
    const struct snapshot_head *head = &folder->head;
    struct genesis genesis;
    char text[SNAPSHOT_GENESIS_MAX + 1];
    memcpy(text, head->genesis, head->genesis_size);
    if (!genesis_parse(&genesis, "the snapshot's genesis", text, head->genesis_size) ||
        !genesis_limits(limits, &genesis, machine_cpu(), local_seed())) {
        return false;
    }
    if (memcmp(limits->chain_id, head->chain_id, sizeof head->chain_id) == 0) return true;
    complain("%s/head: its genesis is not written as tenord writes it", folder->path);
    return false;
}

bool snapshot_put_record(struct store *store, uint8_t kind, uint32_t index, const uint8_t *bytes,
                         size_t size)
{
    enum store_err err = store_put_record(store, kind, index, bytes, size);
    if (err == STORE_BUSY || err == STORE_TOO_LARGE) {
        err = store_load_part(store);
        if (err == STORE_OK) err = store_put_record(store, kind, index, bytes, size);
    }
    return err == STORE_OK;
}

static bool put_records(struct store *store, const struct tn_replica *replica)
{
    const struct tn_replica_limits *limits = tn_replica_limits(replica);
    bool is_good = true;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS && is_good; kind++) {
        size_t room = tn_replica_record_size_max(limits, kind);
        if (room == 0) continue;
        uint8_t *record = memory_take(room);
        if (record == NULL) return false;
        uint32_t count = tn_replica_records_count(replica, kind);
        for (uint32_t i = 0; i < count && is_good; i++) {
            size_t size = tn_replica_record(replica, record, room, kind, i);
            if (size > 0) is_good = snapshot_put_record(store, kind, i, record, size);
        }
        memory_give(record, room);
    }
    return is_good;
}

/* The store of a new home. Its log is to begin at 1, so the store goes on from there. */
static bool write_store(const char *home, const struct tn_replica *replica)
{
    char path[PATH_SIZE];
    struct store_config config;
    struct store_trail trail;
    struct store *store;
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    if (!home_path(path, home, "store")) return false;
    home_store_config(&config, tn_replica_limits(replica), path);
    config.create = true;
    if (store_open(&store, &config, &trail) != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    const struct store_point point = {
        .height = heads->height, .root = heads->root, .log_position = 1};
    bool is_good = put_records(store, replica) && store_checkpoint(store, &point) == STORE_OK;
    if (!is_good) {
        struct store_status status;
        store_status(store, &status);
        complain("cannot fill the store of %s: %s", home, status.trail.text);
    }
    store_close(store);
    return is_good;
}

/* The genesis comes last: a home without one is refused. */
static bool write_home(const char *home, const struct snapshot_head *head,
                       const struct tn_replica *replica)
{
    char path[PATH_SIZE];
    static const char mark[] = "The log of this home begins anew: it was restored.\n";
    if (!write_store(home, replica) || !home_path(path, home, "restored") ||
        !file_write(path, mark, sizeof mark - 1)) {
        return false;
    }
    return home_path(path, home, "genesis.conf") &&
           file_write(path, head->genesis, head->genesis_size) && folder_sync_of(home);
}

static bool is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) return false;
    bool is_empty = true;
    for (struct dirent *entry; is_empty && (entry = readdir(folder)) != NULL;)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return is_empty;
}

/* False after a complaint, with errno. */
static bool begin_home(const char *home)
{
    if (mkdir(home, 0755) == 0) return true;
    int failure = errno;
    if (failure == EEXIST && is_empty_folder(home)) return true;
    complain("cannot make the home %s, which must be new or empty: %s", home, strerror(failure));
    errno = failure;
    return false;
}

static int restore(const struct snapshot_folder *folder, const char *home)
{
    struct tn_replica_limits limits;
    struct held_replica held = {0};
    if (!head_limits(&limits, folder)) return END_REFUSED;
    int end = replica_hold(&held, &limits) ? END_GOOD : END_FAILED;
    if (end == END_GOOD) end = load_folder(held.replica, folder);
    if (end == END_GOOD && !begin_home(home)) end = end_of_place(errno);
    if (end == END_GOOD && !write_home(home, &folder->head, held.replica)) end = END_FAILED;
    if (end == END_GOOD) {
        const struct tn_replica_heads *heads = tn_replica_heads(held.replica);
        printf("%s: height %llu, root %s, %llu entries so far\n", home,
               (unsigned long long)heads->height, hash_text(&heads->root),
               (unsigned long long)heads->entries_count);
    }
    replica_drop(&held);
    return end;
}

int snapshot_restore(const char *path, const char *home, const struct tn_hash *trusted)
{
    struct snapshot_folder folder;
    int end = snapshot_open(&folder, path, trusted);
    if (end == END_GOOD) end = restore(&folder, home);
    if (end == END_GOOD) snapshot_warn(&folder, trusted);
    snapshot_close(&folder);
    return end;
}
