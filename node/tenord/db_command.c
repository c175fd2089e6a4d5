/* db: is the store what it should be? `check` reads every value, every record against the root, and
 * every block against its parent; what LMDB itself might crash on is read in a process apart. */
#include "reading.h"
#include "set_home.h"
#include "tenord.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Blocks follow each other up to the one that the state names, and hold the batches they name. */
static bool check_chain(const struct reading *reading, uint64_t first)
{
    struct tn_hash parent = {0};
    struct tn_stream_scratch *scratch = memory_take(sizeof *scratch);
    bool is_good = scratch != NULL;
    for (uint64_t height = first; is_good && height <= reading->point.height; height++) {
        struct stored_block block;
        struct tn_batch_header batch;
        struct tn_stream_fault fault;
        is_good = reading_block(&block, reading, height);
        if (is_good && height > first && !tn_hash_equal(&block.header.parent_hash, &parent)) {
            complain("block %llu does not follow block %llu", (unsigned long long)height,
                     (unsigned long long)height - 1);
            is_good = false;
        }
        if (is_good &&
            !tn_stream_batch_check(&batch, &fault, scratch, block.body, block.body_size)) {
            complain("the batch of block %llu is damaged: %s", (unsigned long long)height,
                     fault.what);
            is_good = false;
        }
        parent = block.hash;
    }
    memory_give(scratch, sizeof *scratch);
    const struct tn_replica_heads *heads = tn_replica_heads(reading->held.replica);
    if (is_good && reading->point.height >= first && !tn_hash_equal(&parent, &heads->block_hash)) {
        complain("the last block is not the one that the state names");
        is_good = false;
    }
    return is_good;
}

/* The records lead to the root; the blocks are one chain. In a child, which says itself what is
 * wrong. */
static enum store_err check_contents(void *context, struct store_trail *trail)
{
    struct reading reading;
    const char *home = *(const char **)context;
    trail->text[0] = '\0';
    if (!reading_open(&reading, home)) return reading.err;
    uint64_t first = reading_first_block(&reading);
    bool is_good = reading_load(&reading) && check_chain(&reading, first);
    if (is_good) {
        printf("height %llu: all records lead to the root %s\n",
               (unsigned long long)reading.point.height, hash_text(&reading.point.root));
        if (first <= reading.point.height) {
            printf("blocks %llu to %llu are one chain\n", (unsigned long long)first,
                   (unsigned long long)reading.point.height);
        }
        fflush(stdout);
    }
    reading_close(&reading);
    return is_good ? STORE_OK : STORE_CORRUPT;
}

static int check(const char *home)
{
    struct tn_replica_limits limits;
    struct store_config config;
    struct store_checked checked;
    struct store_trail trail;
    char path[PATH_SIZE];
    if (home == NULL) {
        complain("db needs --home DIR; see tenord db --help");
        return END_REFUSED;
    }
    if (!home_limits(&limits, home) || !home_path(path, home, "store")) return END_REFUSED;
    home_store_config(&config, &limits, path);
    enum store_err err = store_check(&config, &checked, &trail);
    if (err == STORE_OK) {
        for (uint32_t i = 0; i < STORE_DATABASES; i++) {
            printf("%-12s %llu values\n", store_database_name((enum store_database)i),
                   (unsigned long long)checked.values_count[i]);
        }
        fflush(stdout);
        err = store_apart(check_contents, &home, 0, &trail);
    }
    if (err == STORE_OK) {
        puts("the store is whole");
        return END_GOOD;
    }
    if (trail.text[0] != '\0') complain("%s", trail.text);
    if (err == STORE_ABSENT || err == STORE_REFUSED) return END_REFUSED;
    if (err != STORE_CORRUPT) return END_FAILED;
    complain("the store is damaged: restore a backup or a snapshot into an empty home; the log is "
             "not touched by this");
    return END_WRONG;
}

static int print_stats(const char *home)
{
    struct reading reading;
    struct stat about;
    struct store_readers readers;
    struct store_trail trail;
    if (!reading_open(&reading, home)) return reading_end(&reading);
    char path[PATH_SIZE];
    if (!home_path(path, reading.path, "data.mdb") || stat(path, &about) != 0) {
        complain("cannot measure %s: %s", path, strerror(errno));
        reading_close(&reading);
        return END_FAILED;
    }
    printf("height       %llu\nroot         %s\nfirst block  %llu\nlog from     %llu\n"
           "file         %llu bytes, %llu reserved on disk\n",
           (unsigned long long)reading.point.height, hash_text(&reading.point.root),
           (unsigned long long)reading_first_block(&reading),
           (unsigned long long)reading.point.log_position, (unsigned long long)about.st_size,
           (unsigned long long)about.st_blocks * 512);
    if (store_readers(reading.store, &readers, &trail) == STORE_OK) {
        printf("readers      %u, the oldest %llu commits behind\n", readers.readers_count,
               (unsigned long long)readers.oldest_lag_commits);
    }
    reading_close(&reading);
    return END_GOOD;
}

int db_command(int arguments_count, char **arguments)
{
    const char *home = NULL, *word = NULL;
    const struct option options[] = {{"--home", OPTION_TEXT, &home, 0, "folder of the node"}};
    struct option_set set = {.usage = "usage: tenord db check|stats --home DIR\n\n"
                                      "May run beside the node.\n",
                             .options = options,
                             .options_count = 1,
                             .words = &word,
                             .words_max = 1};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    bool is_of_set = set_home_is_one(home);
    if (word != NULL && strcmp(word, "check") == 0) {
        return is_of_set ? set_home_check(home) : check(home);
    }
    if (word != NULL && strcmp(word, "stats") == 0) {
        return is_of_set ? set_home_stats(home) : print_stats(home);
    }
    complain("db takes check or stats; see tenord db --help");
    return END_REFUSED;
}
