/* set_home: db check, db stats and backup of the home of a node of a set.
 *
 * check reads every value, leads all records to the root that the store names, and follows the
 * blocks from the first that is kept to the one that the state names. It knows nothing of who
 * signed that root: whether the set did, the node finds out by itself when it comes up. */
#include "tenord/set_home.h"

#include "cluster/conf.h"
#include "cluster/keeper.h"
#include "tenord/keyfile.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool set_home_is_one(const char *home)
{
    char path[PATH_SIZE];
    return home != NULL && home_path(path, home, "set.conf") && access(path, F_OK) == 0;
}

/* ---- Opening -----------------------------------------------------------------------------------
 */

struct set_home {
    struct set_conf conf;
    struct tn_signatures signatures;
    void *signatures_memory;
    char path[PATH_SIZE]; /* of the store */
    struct store_config config;
    struct store *store;
    struct store_view *view;
    struct store_point point;
    enum store_err err; /* why it could not be opened */
};

static void close_home(struct set_home *home)
{
    if (home == NULL) return;
    if (home->view != NULL) store_view_end(home->view);
    if (home->store != NULL) store_close(home->store);
    free(home->signatures_memory);
    free(home);
}

/* The limits alone; NULL after a complaint. */
static struct set_home *read_home(const char *folder)
{
    struct set_home *home = calloc(1, sizeof *home);
    if (home == NULL) {
        complain("out of memory");
        return NULL;
    }
    home->err = STORE_REFUSED;
    home->signatures_memory = keyfile_signatures(&home->signatures);
    if (home->signatures_memory != NULL && set_conf_read(&home->conf, folder, &home->signatures) &&
        home_path(home->path, folder, "store")) {
        keeper_store_config(&home->config, &home->conf.limits, home->path);
        home->config.create = false;
        return home;
    }
    close_home(home);
    return NULL;
}

/* False after a complaint. The view is of the store's last checkpoint. */
static bool open_store(struct set_home *home)
{
    struct store_trail trail;
    home->err = store_open_reader(&home->store, &home->config, true, &trail);
    if (home->err == STORE_OK) home->err = store_view_begin(home->store, &home->view, &trail);
    if (home->err != STORE_OK) {
        complain("%s", trail.text);
        return false;
    }
    home->err = store_get_point(home->view, &home->point);
    if (home->err == STORE_OK) return true;
    complain("%s", home->err == STORE_ABSENT
                       ? "the store has no checkpoint yet; let the node run on"
                       : store_view_trail(home->view)->text);
    return false;
}

static int end_of(enum store_err err)
{
    if (err == STORE_OK) return END_GOOD;
    if (err == STORE_CORRUPT) return END_WRONG;
    return err == STORE_FAILED ? END_FAILED : END_REFUSED;
}

/* ---- Checking ----------------------------------------------------------------------------------
 */

/* All records into a chain; NULL after a complaint. */
static struct tn_chain *load(struct set_home *home, void **memory, size_t *size)
{
    const struct tn_chain_genesis genesis = {.registry = home->conf.registry,
                                             .commands = home->conf.commands,
                                             .commands_count = home->conf.commands_count,
                                             .time_ms = home->conf.time_ms};
    const struct tn_market_world world = {.signatures = &home->signatures};
    struct tn_hash root;
    *size = tn_chain_size(&home->conf.limits);
    *memory = memory_take(*size);
    if (*memory == NULL) return NULL;
    struct tn_chain *chain = tn_chain_init(*memory, &home->conf.limits, &genesis, &world);
    if (chain == NULL) {
        complain("the registry refuses the set of set.conf");
        return NULL;
    }
    if (!keeper_load_records(home->view, &root, chain)) return NULL;
    if (tn_hash_equal(&root, &home->point.root)) return chain;
    complain("the records at height %llu lead to the root %s, but the store says %s",
             (unsigned long long)home->point.height, hash_text(&root),
             hash_text(&home->point.root));
    return NULL;
}

static bool take_height(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                        size_t value_size)
{
    (void)key_size;
    (void)value;
    (void)value_size;
    *(uint64_t *)context = tn_get_be(key, 8);
    return false; /* the first will do */
}

/* The lowest height that is kept; 0: there is no block. False after a complaint. */
static bool first_block(uint64_t *height, const struct set_home *home)
{
    *height = 0;
    if (store_each(home->view, STORE_BLOCKS, NULL, 0, take_height, height) == STORE_OK) return true;
    complain("%s", store_view_trail(home->view)->text);
    return false;
}

static bool complain_block(uint64_t height, const char *what)
{
    complain("block %llu: %s", (unsigned long long)height, what);
    return false;
}

/* Is what is stored as that height a block, whose parent has that hash? *hash becomes its own. */
static bool follow_block(struct tn_hash *hash, const struct set_home *home, uint64_t height,
                         bool has_parent)
{
    struct store_block block;
    struct tn_block_header header;
    struct tn_stream_fault fault;
    if (store_get_block(home->view, &block, height) != STORE_OK) {
        return complain_block(height, store_view_trail(home->view)->text);
    }
    if (block.header_size != TN_BLOCK_HEADER_BYTES ||
        !tn_stream_read_block_header(&header, &fault, block.header, block.header_size) ||
        header.height != height) {
        return complain_block(height, "its header does not read");
    }
    if (!tn_stream_block_body_check(&fault, &header, block.body, block.body_size)) {
        return complain_block(height, fault.what);
    }
    if (has_parent && !tn_hash_equal(&header.parent_hash, hash)) {
        return complain_block(height, "it does not follow the one before it");
    }
    tn_stream_block_hash(hash, home->conf.limits.chain_id, &header);
    return tn_hash_equal(hash, &block.hash) ||
           complain_block(height, "it has another hash than it is stored under");
}

/* The kept blocks are one chain, up to the one that the state names. */
static bool follow(const struct set_home *home, const struct tn_chain *chain)
{
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    struct tn_hash hash = {0};
    uint64_t first;
    if (!first_block(&first, home)) return false;
    if (first == 0 || first > heads->height) return true; /* the state came from peers */
    for (uint64_t height = first; height <= heads->height; height++)
        if (!follow_block(&hash, home, height, height > first)) return false;
    if (!tn_hash_equal(&hash, &heads->block_hash)) {
        return complain_block(heads->height, "it is not the one that the state names");
    }
    printf("blocks %llu to %llu are one chain\n", (unsigned long long)first,
           (unsigned long long)heads->height);
    return true;
}

/* In a child, which says itself what is wrong. */
static enum store_err check_contents(void *context, struct store_trail *trail)
{
    struct set_home *home = read_home(*(const char **)context);
    void *memory = NULL;
    size_t size = 0;
    trail->text[0] = '\0';
    if (home == NULL) return STORE_REFUSED;
    enum store_err err = STORE_CORRUPT;
    const struct tn_chain *chain = open_store(home) ? load(home, &memory, &size) : NULL;
    if (home->err != STORE_OK) err = home->err;
    if (chain != NULL) {
        printf("height %llu: all records lead to the root %s\n",
               (unsigned long long)home->point.height, hash_text(&home->point.root));
        if (follow(home, chain)) err = STORE_OK;
        fflush(stdout);
    }
    memory_give(memory, size);
    close_home(home);
    return err;
}

int set_home_check(const char *folder)
{
    struct store_checked checked;
    struct store_trail trail = {""};
    struct set_home *home = read_home(folder);
    if (home == NULL) return END_REFUSED;
    enum store_err err = store_check(&home->config, &checked, &trail);
    close_home(home);
    if (err == STORE_OK) {
        for (uint32_t i = 0; i < STORE_DATABASES; i++) {
            printf("%-12s %llu values\n", store_database_name((enum store_database)i),
                   (unsigned long long)checked.values_count[i]);
        }
        fflush(stdout);
        err = store_apart(check_contents, &folder, 0, &trail);
    }
    if (err == STORE_OK) puts("the store is whole");
    if (trail.text[0] != '\0') complain("%s", trail.text);
    if (err == STORE_CORRUPT) {
        complain(
            "the store is damaged: keep %s for analysis, and let a home with the same keys and "
            "no store take the state from the set (docs/operating.md, A home that is lost)",
            folder);
    }
    return end_of(err);
}

/* ---- Statistics and copies ---------------------------------------------------------------------
 */

int set_home_stats(const char *folder)
{
    struct set_home *home = read_home(folder);
    struct stat about;
    struct store_readers readers;
    struct store_trail trail;
    char path[PATH_SIZE];
    uint64_t first = 0;
    if (home == NULL) return END_REFUSED;
    if (!open_store(home)) {
        int end = end_of(home->err);
        close_home(home);
        return end;
    }
    int end = END_GOOD;
    if (!first_block(&first, home)) {
        end = END_FAILED;
    } else if (!home_path(path, home->path, "data.mdb") || stat(path, &about) != 0) {
        complain("cannot measure %s: %s", home->path, strerror(errno));
        end = END_FAILED;
    } else {
        printf("height       %llu\nroot         %s\nfirst block  %llu\nlog from     %llu\n"
               "file         %llu bytes, %llu reserved on disk\n",
               (unsigned long long)home->point.height, hash_text(&home->point.root),
               (unsigned long long)first, (unsigned long long)home->point.log_position,
               (unsigned long long)about.st_size, (unsigned long long)about.st_blocks * 512);
    }
    if (end == END_GOOD && store_readers(home->store, &readers, &trail) == STORE_OK) {
        printf("readers      %u, the oldest %llu commits behind\n", readers.readers_count,
               (unsigned long long)readers.oldest_lag_commits);
    }
    close_home(home);
    return end;
}

static bool copy_file(const char *from_home, const char *to_home, const char *name)
{
    enum { FILE_MAX = 1 << 20 };
    char from[PATH_SIZE], to[PATH_SIZE];
    size_t size;
    if (!home_path(from, from_home, name) || !home_path(to, to_home, name)) return false;
    uint8_t *bytes = file_read(&size, from, FILE_MAX);
    bool is_good = bytes != NULL && file_write(to, bytes, size);
    free(bytes);
    return is_good;
}

int set_home_backup(const char *folder, const char *to)
{
    struct store_trail trail;
    char path[PATH_SIZE];
    struct set_home *home = read_home(folder);
    if (home == NULL) return END_REFUSED;
    int end = home_path(path, to, "store") && open_store(home) ? END_GOOD : end_of(home->err);
    bool is_made = end == END_GOOD && mkdir(to, 0755) == 0;
    if (end == END_GOOD && !is_made) {
        complain("cannot make %s: %s", to, strerror(errno));
        end = END_REFUSED;
    }
    if (end == END_GOOD && store_copy(home->store, path, &trail) != STORE_OK) {
        complain("%s", trail.text);
        end = END_FAILED;
    }
    if (end == END_GOOD &&
        (!copy_file(folder, to, "genesis.conf") || !copy_file(folder, to, "set.conf"))) {
        end = END_FAILED;
    }
    if (end == END_GOOD) {
        printf("%s holds height %llu or later, root at the start %s; it has no keys and no "
               "settings\n",
               to, (unsigned long long)home->point.height, hash_text(&home->point.root));
    }
    if (is_made && end != END_GOOD) (void)rmdir(to); /* a second try may name it again */
    close_home(home);
    return end;
}
