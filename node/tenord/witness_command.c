/* witness: writes the witness of a stored block: a replica is brought to its parent, from the
 * genesis or a snapshot, and a copy of this process executes the block to learn whom it needs, so
 * that the replica itself still stands at the parent when its records are written down. */
#include "reading.h"
#include "set_witness.h"
#include "snapshot.h"
#include "tenor/witness.h"
#include "tenord.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct witness_options {
    const char *home, *snapshot, *out;
    uint64_t height;
};

/* What the copy tells. */
struct told {
    struct tn_witness_roots after;
    uint64_t bits[];
};

static size_t told_size(const struct tn_replica_limits *limits)
{
    return sizeof(struct told) +
           ((size_t)limits->exchange.accounts_max / 64 + 1) * sizeof(uint64_t);
}

static bool execute_in_copy(struct told *told, struct executing *executing,
                            struct tn_replica *replica, const struct stored_block *block)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        complain("cannot start a copy of this process: %s", strerror(errno));
        return false;
    }
    if (child == 0) {
        struct tn_witness_watch watch;
        tn_witness_watch(&watch, replica, told->bits);
        bool is_good = execute_block(executing, replica, block);
        if (is_good) tn_witness_after(&told->after, replica);
        _exit(is_good ? END_GOOD : END_WRONG); /* nothing of the parent's is closed or written */
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        complain("cannot wait for the copy of this process: %s", strerror(errno));
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == END_GOOD; /* else it has complained */
}

/* The witness in memory of its own; NULL after a complaint. */
static uint8_t *make_bytes(size_t *size, const struct tn_replica *replica, const struct told *told,
                           const struct stored_block *block, const char *home)
{
    size_t genesis_size;
    char *genesis = home_genesis(&genesis_size, home);
    if (genesis == NULL) return NULL;
    *size = tn_witness_write(NULL, 0, replica, told->bits, &told->after, &block->header,
                             block->body, block->body_size, genesis, genesis_size);
    uint8_t *bytes = malloc(*size);
    if (bytes == NULL) {
        complain("out of memory for a witness of %zu bytes", *size);
    } else {
        tn_witness_write(bytes, *size, replica, told->bits, &told->after, &block->header,
                         block->body, block->body_size, genesis, genesis_size);
    }
    free(genesis);
    return bytes;
}

static int write_file(const struct tn_replica *replica, const struct told *told,
                      const struct stored_block *block, const struct witness_options *options)
{
    size_t size;
    uint8_t *bytes = make_bytes(&size, replica, told, block, options->home);
    if (bytes == NULL) return END_FAILED;
    int end = file_write(options->out, bytes, size) ? END_GOOD : end_of_place(errno);
    free(bytes);
    if (end != END_GOOD) return end;
    printf("%s: %zu bytes\nblock        %" PRIu64 " %s\nroot before  %s\nroot after   %s\n",
           options->out, size, block->header.height, hash_text(&block->hash),
           hash_text(&block->header.exec_root), hash_text(&told->after.root));
    return END_GOOD;
}

/* Brings the replica to the parent of `height`. */
static bool go_to_parent(struct executing *executing, const struct reading *reading,
                         struct tn_replica *replica, uint64_t height)
{
    struct stored_block block;
    uint64_t first = tn_replica_heads(replica)->height + 1;
    if (first < height && first < reading_first_block(reading)) {
        complain("blocks below %" PRIu64 " are pruned; begin from a snapshot with --snapshot",
                 reading_first_block(reading));
        return false;
    }
    if (first > height) {
        complain("the snapshot is of height %" PRIu64
                 ", which is past the parent of block %" PRIu64,
                 first - 1, height);
        return false;
    }
    for (uint64_t next = first; next < height; next++) {
        if (!reading_block(&block, reading, next) || !execute_block(executing, replica, &block)) {
            return false;
        }
    }
    return true;
}

static int write_witness(const struct witness_options *options, const struct reading *reading,
                         struct tn_replica *replica)
{
    struct executing executing;
    struct stored_block block;
    size_t size = told_size(&reading->limits);
    struct told *told = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED) {
        complain("out of memory: %s", strerror(errno));
        return END_FAILED;
    }
    int end = executing_begin(&executing, &reading->limits) ? END_GOOD : END_FAILED;
    if (end == END_GOOD && (!go_to_parent(&executing, reading, replica, options->height) ||
                            !reading_block(&block, reading, options->height) ||
                            !execute_in_copy(told, &executing, replica, &block))) {
        end = END_REFUSED;
    }
    if (end == END_GOOD) end = write_file(replica, told, &block, options);
    executing_end(&executing);
    munmap(told, size);
    return end;
}

static int witness(const struct witness_options *options)
{
    struct reading reading;
    if (options->out == NULL || options->height == 0) {
        complain("this command needs --block HEIGHT and --out FILE; see --help");
        return END_REFUSED;
    }
    if (set_home_is_one(options->home)) {
        const struct set_witness_options of_set = {.home = options->home,
                                                   .snapshot = options->snapshot,
                                                   .out = options->out,
                                                   .height = options->height};
        return set_witness_write(&of_set);
    }
    if (!reading_open(&reading, options->home)) return END_REFUSED;
    struct held_replica held = {0};
    int end = END_GOOD;
    if (options->height > reading.point.height) {
        complain("the store ends with block %" PRIu64, reading.point.height);
        end = END_REFUSED;
    }
    if (end == END_GOOD && !replica_hold(&held, &reading.limits)) end = END_FAILED;
    if (end == END_GOOD && options->snapshot != NULL) {
        end = snapshot_load(held.replica, options->snapshot, NULL);
    }
    if (end == END_GOOD) end = write_witness(options, &reading, held.replica);
    replica_drop(&held);
    reading_close(&reading);
    return end;
}

int witness_command(int arguments_count, char **arguments)
{
    struct witness_options witness_options = {0};
    const struct option options[] = {
        {"--home", OPTION_TEXT, &witness_options.home, 0, "folder of the node"},
        {"--block", OPTION_NUMBER, &witness_options.height, UINT64_MAX, "height of the block"},
        {"--out", OPTION_TEXT, &witness_options.out, 0, "file to write"},
        {"--snapshot", OPTION_TEXT, &witness_options.snapshot, 0,
         "begin from this snapshot of an earlier height; default: the genesis"},
    };
    struct option_set set = {
        .usage = "usage: tenord witness --home DIR --block HEIGHT --out FILE [OPTION...]\n\n"
                 "Writes what it takes to execute one block with nothing else at hand, for tenord "
                 "verify-block.\nExecutes all blocks before it. May run beside the node.\n",
        .options = options,
        .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    return witness(&witness_options);
}
