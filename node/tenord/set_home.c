/* set_home: db check, db stats and backup of the home of a node of a set.
 *
 * check reads every value, leads all records to the root that the store names, and follows the
 * blocks from the first that is kept to the one that the state names. It knows nothing of who
 * signed that root: whether the set did, the node finds out by itself when it comes up. */
#include "tenord/set_home.h"

#include "tenord/set_reading.h"
#include "tenord/tenord.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Checking ----------------------------------------------------------------------------------
 */

/* The kept blocks are one chain, up to the one that the state names. */
static bool follow(const struct set_reading *home, const struct tn_chain *chain)
{
    const struct tn_chain_heads *heads = tn_chain_heads(chain);
    uint64_t first;
    if (!set_first_block(&first, home)) return false;
    if (first == 0 || first > heads->height) return true; /* the state came from peers */
    if (!set_blocks_follow(home, first, heads->height, &heads->block_hash)) return false;
    printf("blocks %llu to %llu are one chain\n", (unsigned long long)first,
           (unsigned long long)heads->height);
    return true;
}

/* In a child, which says itself what is wrong. */
static enum store_err check_contents(void *context, struct store_trail *trail)
{
    struct set_reading *home = set_reading_make(*(const char **)context);
    struct held_chain held = {0};
    trail->text[0] = '\0';
    if (home == NULL) return STORE_REFUSED;
    enum store_err err = STORE_CORRUPT;
    bool is_loaded = set_reading_open(home) && set_chain_load(&held, home);
    if (home->err != STORE_OK) err = home->err;
    if (is_loaded) {
        printf("height %llu: all records lead to the root %s\n",
               (unsigned long long)home->point.height, hash_text(&home->point.root));
        if (follow(home, held.chain)) err = STORE_OK;
        fflush(stdout);
    }
    set_chain_drop(&held);
    set_reading_close(home);
    return err;
}

int set_home_check(const char *folder)
{
    struct store_checked checked;
    struct store_trail trail = {""};
    struct set_reading *home = set_reading_make(folder);
    if (home == NULL) return END_REFUSED;
    enum store_err err = store_check(&home->config, &checked, &trail);
    set_reading_close(home);
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
    return end_of_store(err);
}

/* ---- Statistics and copies ---------------------------------------------------------------------
 */

int set_home_stats(const char *folder)
{
    struct set_reading *home = set_reading_make(folder);
    struct stat about;
    struct store_readers readers;
    struct store_trail trail;
    char path[PATH_SIZE];
    uint64_t first = 0;
    if (home == NULL) return END_REFUSED;
    if (!set_reading_open(home)) {
        int end = end_of_store(home->err);
        set_reading_close(home);
        return end;
    }
    int end = END_GOOD;
    if (!set_first_block(&first, home)) {
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
    set_reading_close(home);
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
    struct set_reading *home = set_reading_make(folder);
    if (home == NULL) return END_REFUSED;
    int end =
        home_path(path, to, "store") && set_reading_open(home) ? END_GOOD : end_of_store(home->err);
    bool is_made = end == END_GOOD && mkdir(to, 0755) == 0;
    if (end == END_GOOD && !is_made) {
        int why = errno;
        complain("cannot make %s: %s; give a folder that is not there yet", to, strerror(why));
        end = end_of_place(why);
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
    set_reading_close(home);
    return end;
}
