/* replay: the stored batches through a fresh replica, from the genesis or from a snapshot: every
 * block must come out with the hash it has, which holds the results of its batch and the root of
 * the state before it. */
#include "reading.h"
#include "set_home.h"
#include "snapshot.h"
#include "tenord.h"

struct replay_options {
    const char *home, *snapshot;
    uint64_t until;
    bool verify;
};

/* The root after the last block: the store's own, or what the next block says of its parent. */
static bool check_last_root(const struct reading *reading, const struct tn_replica *replica)
{
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    struct tn_hash stored = reading->point.root;
    if (heads->height < reading->point.height) {
        struct stored_block next;
        if (!reading_block(&next, reading, heads->height + 1)) return false;
        stored = next.header.exec_root;
    }
    if (tn_hash_equal(&heads->root, &stored)) return true;
    complain("the state after block %llu differs: stored root %s, executed here %s",
             (unsigned long long)heads->height, hash_text(&stored), hash_text(&heads->root));
    return false;
}

static int replay_blocks(struct reading *reading, struct tn_replica *replica, uint64_t until)
{
    struct executing executing;
    struct stored_block block;
    const struct tn_replica_heads *heads = tn_replica_heads(replica);
    uint64_t first = heads->height + 1;
    if (until < heads->height || until > reading->point.height) {
        complain("replay can go from block %llu to %llu, not until %llu", (unsigned long long)first,
                 (unsigned long long)reading->point.height, (unsigned long long)until);
        return END_REFUSED;
    }
    if (first < reading_first_block(reading)) {
        complain("blocks below %llu are pruned; begin from a snapshot with --snapshot, or keep all "
                 "with tenord run --archive",
                 (unsigned long long)reading_first_block(reading));
        return END_REFUSED;
    }
    bool is_good = executing_begin(&executing, &reading->limits);
    int end = is_good ? END_GOOD : END_FAILED;
    for (uint64_t height = first; end == END_GOOD && height <= until; height++) {
        is_good =
            reading_block(&block, reading, height) && execute_block(&executing, replica, &block);
        if (!is_good) end = END_WRONG;
    }
    executing_end(&executing);
    if (end != END_GOOD) return end;
    if (!check_last_root(reading, replica)) return END_WRONG;
    if (until < first) {
        printf("no blocks after %llu; the root is the same: %s\n", (unsigned long long)until,
               hash_text(&heads->root));
    } else {
        printf("blocks %llu to %llu: every root is the same; the last is %s\n",
               (unsigned long long)first, (unsigned long long)until, hash_text(&heads->root));
    }
    return END_GOOD;
}

static int replay(const struct replay_options *options)
{
    struct reading reading;
    if (!reading_open(&reading, options->home)) return reading_end(&reading);
    struct held_replica held = {0};
    bool is_held = replica_hold(&held, &reading.limits);
    int end = is_held ? END_GOOD : END_FAILED;
    if (end == END_GOOD && options->snapshot != NULL) {
        end = snapshot_load(held.replica, options->snapshot, NULL);
    }
    uint64_t until = options->until == 0 ? reading.point.height : options->until;
    if (end == END_GOOD) end = replay_blocks(&reading, held.replica, until);
    replica_drop(&held);
    reading_close(&reading);
    return end;
}

int replay_command(int arguments_count, char **arguments)
{
    struct replay_options replay_options = {0};
    const struct option options[] = {
        {"--verify", OPTION_FLAG, &replay_options.verify, 0, "compare every root: always done"},
        {"--home", OPTION_TEXT, &replay_options.home, 0, "folder of the node"},
        {"--snapshot", OPTION_TEXT, &replay_options.snapshot, 0,
         "begin from this snapshot; default: the genesis"},
        {"--until", OPTION_NUMBER, &replay_options.until, UINT64_MAX, "last block; default: all"},
    };
    struct option_set set = {.usage = "usage: tenord replay --verify --home DIR [OPTION...]\n\n"
                                      "Feeds the stored batches to a fresh replica and compares "
                                      "every root. May run beside the node.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (!set_home_is_one(replay_options.home)) return replay(&replay_options);
    const struct set_replay_options of_set = {.home = replay_options.home,
                                              .snapshot = replay_options.snapshot,
                                              .until = replay_options.until};
    return set_replay(&of_set);
}
