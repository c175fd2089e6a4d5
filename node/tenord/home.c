/* home: where things are in the folder of a node, and a replica read from its store. */
#include "machine.h"
#include "store/beside.h"
#include "tenord.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

bool home_path(char path[PATH_SIZE], const char *home, const char *name)
{
    int length = snprintf(path, PATH_SIZE, "%s/%s", home, name);
    if (length > 0 && length < PATH_SIZE) return true;
    complain("the name of the folder %s is too long", home);
    return false;
}

uint64_t local_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = 1;
    return seed;
}

bool home_limits(struct tn_replica_limits *limits, const char *home)
{
    char path[PATH_SIZE];
    struct genesis genesis;
    if (home_path(path, home, "set.conf") && access(path, F_OK) == 0) {
        complain("%s is the home of a node of a set, and this command is for those of tenord run "
                 "--solo; a node of a set is started by tenord start",
                 home);
        return false;
    }
    if (!home_path(path, home, "genesis.conf")) return false;
    if (!genesis_read(&genesis, path)) {
        complain(
            "a home needs a genesis: is %s the right folder? A new one, for tenord run --solo: "
            "tenord genesis > %s",
            home, path);
        return false;
    }
    return genesis_limits(limits, &genesis, machine_cpu(), local_seed());
}

char *home_genesis(size_t *size, const char *home)
{
    char path[PATH_SIZE];
    char *text = NULL;
    struct genesis genesis;
    if (!home_path(path, home, "genesis.conf") || !genesis_read(&genesis, path)) return NULL;
    FILE *memory = open_memstream(&text, size);
    if (memory != NULL) {
        genesis_print(memory, &genesis, false);
        fclose(memory);
    }
    if (text == NULL) complain("out of memory");
    return text;
}

void home_store_config(struct store_config *config, const struct tn_replica_limits *limits,
                       const char *path)
{
    /* Room for every record of the state, and for the history between two checkpoints. */
    enum { QUEUE_LEAST = 64 << 20, PER_ACCOUNT = 1024, PER_ORDER = 256, PER_SERIES = 1024 };
    enum { PER_EXPOSURE = 64, PER_RESULT = 64, PER_GROUP = 128 };
    const uint64_t queue_most = UINT32_MAX - 4096;
    const struct tn_exchange_limits *exchange = &limits->exchange;
    uint64_t queue =
        QUEUE_LEAST + (uint64_t)exchange->accounts_max * PER_ACCOUNT +
        (uint64_t)exchange->orders_max * PER_ORDER + (uint64_t)exchange->series_max * PER_SERIES +
        (uint64_t)exchange->exposures_max * PER_EXPOSURE +
        (uint64_t)exchange->results_max * PER_RESULT + (uint64_t)exchange->groups_max * PER_GROUP;
    *config = (struct store_config){
        .path = path,
        .market = limits->market,
        .cpu = (enum tn_cpu)exchange->cpu,
        .queue_bytes = queue < queue_most ? queue : queue_most,
    };
    memcpy(config->chain_id.bytes, limits->chain_id, sizeof config->chain_id.bytes);
    config->limits_hash = config->chain_id; /* which covers all limits */
}

bool replica_hold(struct held_replica *held, const struct tn_replica_limits *limits)
{
    held->size = tn_replica_size(limits);
    held->memory = memory_take(held->size);
    if (held->memory == NULL) return false;
    held->replica = tn_replica_init(held->memory, limits);
    return true;
}

void replica_drop(struct held_replica *held)
{
    memory_give(held->memory, held->size);
    *held = (struct held_replica){0};
}

/* ---- Out of the store --------------------------------------------------------------------------
 */

int end_of_store(enum store_err err)
{
    if (err == STORE_OK) return END_GOOD;
    if (err == STORE_CORRUPT) return END_WRONG;
    return err == STORE_FAILED ? END_FAILED : END_REFUSED;
}

enum store_err home_view_last(struct store_view **view, struct store_point *point,
                              struct store *store)
{
    struct store_trail trail;
    if (*view != NULL) store_view_end(*view);
    *view = NULL;
    enum store_err err = store_view_begin(store, view, &trail);
    if (err != STORE_OK) {
        complain("%s", trail.text);
        return err;
    }
    err = store_get_point(*view, point);
    if (err == STORE_ABSENT) {
        complain("the store has no checkpoint yet; let the node run on");
    } else if (err != STORE_OK) {
        complain("%s", store_view_trail(*view)->text);
    }
    return err;
}

struct loading {
    struct tn_replica *replica;
    struct tn_import_fault fault;
    uint8_t kind;
    bool failed;
};

static bool load_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct loading *loading = context;
    loading->failed =
        !tn_replica_import(loading->replica, &loading->fault, loading->kind, index, bytes, size);
    return !loading->failed;
}

static bool complain_fault(const struct tn_import_fault *fault)
{
    complain(
        "the store's record %u %u does not read at byte %u: %s; restore a snapshot or a backup",
        fault->name.kind, fault->name.index, fault->at,
        fault->what == NULL ? "it contradicts another" : fault->what);
    return false;
}

static bool add_trees(void *context, struct tn_state_record *records, uint32_t count)
{
    if (count == 0) return tn_replica_trees_end(context);
    return tn_replica_trees_add(context, records, count);
}

static bool load_records(struct loading *loading, enum store_err *err, struct store_view *view)
{
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS && *err == STORE_OK; kind++) {
        loading->kind = kind;
        *err = store_each_record(view, kind, 0, load_record, loading);
        if (loading->failed) return complain_fault(&loading->fault);
    }
    if (*err != STORE_OK) complain("%s", store_view_trail(view)->text);
    return *err == STORE_OK;
}

/* The records, with the trees filled by a thread beside where that can be. */
static bool load_beside(struct loading *loading, enum store_err *err, struct store_view *view)
{
    struct tn_replica *replica = loading->replica;
    struct store_beside *beside;
    tn_replica_trees_begin(replica);
    beside = store_beside_begin(view, add_trees, replica);
    bool is_loaded = load_records(loading, err, view);
    if (!is_loaded) store_beside_stop(beside);
    store_beside_end(beside);
    return is_loaded;
}

bool replica_load(struct held_replica *held, struct store_point *point, enum store_err *err,
                  struct store_view *view, bool with_thread)
{
    struct loading loading = {.replica = held->replica};
    struct tn_hash root;
    *err = store_get_point(view, point);
    if (*err != STORE_OK) {
        if (*err != STORE_ABSENT) complain("%s", store_view_trail(view)->text);
        return false;
    }
    bool is_loaded =
        with_thread ? load_beside(&loading, err, view) : load_records(&loading, err, view);
    if (!is_loaded) return false;
    if (!tn_replica_import_end(held->replica, &root, &loading.fault)) {
        return complain_fault(&loading.fault);
    }
    if (tn_hash_equal(&root, &point->root)) return true;
    complain("the store's records at height %llu lead to the root %s, but the store says %s: it is "
             "damaged; restore a snapshot or a backup",
             (unsigned long long)point->height, hash_text(&root), hash_text(&point->root));
    *err = STORE_CORRUPT;
    return false;
}
