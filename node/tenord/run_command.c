/* run: a node without a network: entries come from a file or a socket.
 *
 * One thread, in turns: read what came, take each entry, one sync for all of them, then answer. So
 * the more come at a time, the fewer syncs there are for each. (The store has its own thread.)
 *
 * The stream is the same in a file and on a socket: entries, each behind its length u32. On a
 * socket each is answered, in order, with length u32 ‖ position u64 ‖ code u8 ‖ body: code 0: the
 * events, 88 bytes each; 1: refused, a sentence; 2: the disk is full, try again later. */
#include "machine.h"
#include "solo.h"
#include "tenord.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

/* ---- From a file -------------------------------------------------------------------------------
 */

enum { TURN_ENTRIES = 64 };

struct feed {
    struct machine *machine;
    FILE *file;
    const char *path;
    uint8_t *bytes; /* [TN_ENTRY_BYTES_MAX] */
    uint64_t entries_count, skip_count;
};

/* The next entry; 0 at the end, -1 after a complaint. */
static int read_entry(struct feed *feed, size_t *size)
{
    uint8_t length[TN_BATCH_LENGTH_BYTES];
    size_t got = fread(length, 1, sizeof length, feed->file);
    if (stop_asked || (got == 0 && feof(feed->file))) return 0;
    *size = (size_t)tn_get_be(length, sizeof length);
    if (got == sizeof length && *size <= TN_ENTRY_BYTES_MAX &&
        fread(feed->bytes, 1, *size, feed->file) == *size) {
        return 1;
    }
    if (stop_asked) return 0; /* a signal ends a read in its middle */
    if (ferror(feed->file)) {
        complain("cannot read %s: %s", feed->path, strerror(errno));
    } else {
        complain("%s: entry %llu is cut off or longer than %u bytes", feed->path,
                 (unsigned long long)feed->entries_count + 1, TN_ENTRY_BYTES_MAX);
    }
    return -1;
}

static int sync_turn(struct machine *machine)
{
    uint64_t durable;
    enum machine_answer answer;
    while ((answer = machine_sync(machine, &durable)) == MACHINE_FULL && !stop_asked) {
        note("msg=full accepting=no");
        sleep(1);
        if (machine_tend(machine) == MACHINE_FAILED) return END_FAILED;
    }
    if (answer == MACHINE_TAKEN) answer = machine_tend(machine);
    return answer == MACHINE_FAILED ? END_FAILED : END_GOOD;
}

static int take_entry(struct feed *feed, size_t size)
{
    struct machine_results results;
    struct tn_stream_fault fault;
    while (!stop_asked) {
        enum machine_answer answer =
            machine_take(feed->machine, &results, &fault, feed->bytes, size);
        if (answer == MACHINE_TAKEN) return END_GOOD;
        if (answer == MACHINE_FAILED) return END_FAILED;
        if (answer == MACHINE_REFUSED) {
            complain("%s: entry %llu, byte %zu: %s", feed->path,
                     (unsigned long long)feed->entries_count, fault.at, fault.what);
            return END_REFUSED;
        }
        note("msg=full accepting=no");
        sleep(1);
        if (machine_tend(feed->machine) == MACHINE_FAILED) return END_FAILED;
    }
    return END_GOOD;
}

static int feed_file(struct feed *feed)
{
    int end = END_GOOD, got = 0;
    size_t size = 0;
    while (end == END_GOOD && !stop_asked && (got = read_entry(feed, &size)) > 0) {
        feed->entries_count++;
        if (feed->entries_count <= feed->skip_count) continue;
        end = take_entry(feed, size);
        if (end == END_GOOD && feed->entries_count % TURN_ENTRIES == 0) {
            end = sync_turn(feed->machine);
        }
    }
    if (end == END_GOOD && got < 0) end = END_REFUSED;
    int synced = sync_turn(feed->machine);
    return end == END_GOOD ? synced : end;
}

static int run_file(struct machine *machine, const char *path, uint64_t skip_count)
{
    struct feed feed = {.machine = machine, .path = path, .skip_count = skip_count};
    feed.file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (feed.file == NULL) {
        complain("cannot read %s: %s", path, strerror(errno));
        return END_REFUSED;
    }
    feed.bytes = malloc(TN_ENTRY_BYTES_MAX);
    int end = feed.bytes == NULL ? END_FAILED : feed_file(&feed);
    if (feed.bytes == NULL) complain("out of memory");
    free(feed.bytes);
    if (feed.file != stdin) fclose(feed.file);
    return end;
}

/* ---- The command -------------------------------------------------------------------------------
 */

struct run_options {
    struct machine_options machine;
    const char *entries, *listen;
    uint64_t skip;
    bool solo;
};

static int run(const struct run_options *options)
{
    int end = END_FAILED;
    struct machine_options machine_options = options->machine;
    machine_options.open_end = &end;
    struct machine *machine = machine_open(&machine_options);
    if (machine == NULL) return end;
    end = END_GOOD;
    if (options->entries != NULL) {
        uint64_t skip = options->skip == UINT64_MAX ? machine_entries(machine) : options->skip;
        if (skip > 0) note("msg=skipping entries=%llu", (unsigned long long)skip);
        end = run_file(machine, options->entries, skip);
    }
    if (end == END_GOOD && options->listen != NULL && !stop_asked) {
        end = solo_serve(machine, options->listen, &stop_asked);
    }
    /* What came before a bad entry is kept in order, too. */
    if (end != END_FAILED && machine_flush(machine) == MACHINE_FAILED) end = END_FAILED;
    if (end == END_GOOD)
        note("msg=stopped entries=%llu", (unsigned long long)machine_entries(machine));
    machine_close(machine);
    return end;
}

int run_command(int arguments_count, char **arguments)
{
    struct run_options run_options = {
        .machine = {.block_entries = 256, .checkpoint_blocks = 64, .stop = &stop_asked},
        .skip = UINT64_MAX,
    };
    struct machine_options *machine = &run_options.machine;
    const struct option options[] = {
        {"--solo", OPTION_FLAG, &run_options.solo, 0, "without a network: the only way yet"},
        {"--home", OPTION_TEXT, &machine->home, 0, "folder with genesis.conf, log/ and store/"},
        {"--entries", OPTION_TEXT, &run_options.entries, 0, "take entries from FILE (- for stdin)"},
        {"--skip", OPTION_NUMBER, &run_options.skip, UINT64_MAX - 1,
         "entries of FILE to pass over; default: as many as the home has taken"},
        {"--listen", OPTION_TEXT, &run_options.listen, 0, "then take entries from a local socket"},
        {"--block-entries", OPTION_NUMBER, &machine->block_entries, 1000000,
         "entries in a block (256)"},
        {"--checkpoint-blocks", OPTION_NUMBER, &machine->checkpoint_blocks, 1000000,
         "blocks between checkpoints of the store (64)"},
        {"--retain-hours", OPTION_NUMBER, &machine->retain_hours, 1000000,
         "history to keep, of block time (168)"},
        {"--archive", OPTION_FLAG, &machine->archive, 0, "keep all history"},
        {"--segment-bytes", OPTION_NUMBER, &machine->segment_bytes, UINT64_C(1) << 32,
         "size of a segment of the log (64 MiB)"},
        {"--quiet", OPTION_FLAG, &machine->quiet, 0, "no line for each block"},
    };
    struct option_set set = {.usage = "usage: tenord run --solo --home DIR [OPTION...]\n\n"
                                      "Entries in, blocks and results out.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count, arguments)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (!run_options.solo || machine->home == NULL) {
        complain("run needs --solo and --home DIR; see tenord run --help");
        return END_REFUSED;
    }
    if (machine->block_entries == 0 || machine->checkpoint_blocks == 0) {
        complain("--block-entries and --checkpoint-blocks are at least 1");
        return END_REFUSED;
    }
    if (machine->segment_bytes % 4096 != 0 ||
        (machine->segment_bytes != 0 && machine->segment_bytes < 16384)) {
        complain("--segment-bytes is a multiple of 4096, at least 16384");
        return END_REFUSED;
    }
    catch_signals();
    return run(&run_options);
}
