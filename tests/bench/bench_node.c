/* bench_node: a node with a large state, on a disk: how long it takes to be ready again, what it
 * takes in while every group of entries is made durable, and whether a snapshot slows that down.
 *
 *     bench_node [--quick] [--directory DIRECTORY] [--home HOME] [--part PART]
 *
 * The home is made once: 1 000 000 accounts of which 100 000 hold 20 positions each, and 100 000
 * resting orders. --home keeps it, or uses the one that is there. Every part runs in a process of
 * its own, so that its peak of memory is its own; a part may be named.
 *
 * commit: 64 entries are in flight: all are taken, one sync makes them durable, then the next 64
 * come. Beside it, in turns, the machine's floor: as many bytes written and synced with fdatasync,
 * into a file of zeros. A latency runs from the moment the places in flight were free.
 * restart: machine_open of that home, which has nearly a whole interval of checkpoints in its log;
 * then by parts. cold: the system has forgotten the files.
 * snapshot: entries are taken as in commit, while a process beside makes a snapshot and, by turns,
 * stands still. */
#define _GNU_SOURCE /* mkdtemp */
#include "node_home.h"
#include "node_load.h"
#include "tenord/tenord.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 8,
    WARM_TURNS = 400,
    RESTARTS = 3,
    BLOCK_ENTRIES = 256, /* what tenord run does when not told otherwise */
    LARGE_BLOCK_ENTRIES = 4096,
};

static double ms_since(uint64_t begin_ns)
{
    return (double)(bench_clock_ns() - begin_ns) / 1e6;
}

/* Wall clock and processor time, which neighbours do not stretch. */
struct moment {
    uint64_t clock_ns, cpu_ns;
};

static struct moment now(void)
{
    return (struct moment){bench_clock_ns(), bench_cpu_ns()};
}

struct took {
    double ms, cpu_ms;
};

static struct took took_since(struct moment begin)
{
    return (struct took){ms_since(begin.clock_ns), (double)(bench_cpu_ns() - begin.cpu_ns) / 1e6};
}

static struct took less(struct took all, struct took part)
{
    return (struct took){all.ms - part.ms, all.cpu_ms - part.cpu_ms};
}

static struct {
    bool quick;
    char folder[400]; /* made and removed by the bench; "" with --home */
    char home[480];
} bench;

/* A figure and, where the whole work was done, its target. */
static void say_target(const char *key, double value, double target, bool is_met)
{
    char name[64];
    bench_json_double(key, value);
    if (bench.quick) return;
    snprintf(name, sizeof name, "target_%s", key);
    bench_json_double(name, target);
    bench_json_string("meets_target", is_met ? "yes" : "no");
}

/* ---- commit ---------------------------------------------------------------------------------- */

/* Groups of one kind; the rounds of all kinds take turns, so that neighbours slow all of them. */
struct groups {
    uint32_t *latencies_ns;
    uint32_t count;
    uint64_t ns;
};

static struct groups make_groups(uint32_t groups_max)
{
    struct groups groups = {malloc(groups_max * sizeof(uint32_t)), 0, 0};
    TN_ASSERT(groups.latencies_ns != NULL);
    return groups;
}

static void add_group(struct groups *groups, uint64_t ns)
{
    groups->latencies_ns[groups->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
    groups->ns += ns;
}

static double rate_of(const struct groups *groups)
{
    return (double)groups->count * LOAD_IN_FLIGHT * 1e9 / (double)groups->ns;
}

struct commit {
    struct load load;
    struct groups all, sealing, plain, floor; /* sealing: a block ended among its entries */
    size_t group_bytes;                       /* on average, in whole pages */
    uint64_t bytes, cpu_ns, block_entries;
};

/* What is done after the answers is on the next group's account. */
static void run_commit(struct commit *commit, uint32_t groups_count)
{
    uint64_t tending_ns = 0;
    for (uint32_t i = 0; i < groups_count; i++) {
        uint64_t height = load_height(commit->load.machine);
        commit->bytes += load_write(&commit->load);
        uint64_t begin = bench_clock_ns(), begin_cpu = bench_cpu_ns();
        load_take(&commit->load);
        uint64_t taken = bench_clock_ns();
        uint64_t ns = taken - begin + tending_ns;
        bool is_sealing = load_height(commit->load.machine) != height;
        add_group(&commit->all, ns);
        add_group(is_sealing ? &commit->sealing : &commit->plain, ns);
        load_tend(&commit->load);
        tending_ns = bench_clock_ns() - taken;
        commit->cpu_ns += bench_cpu_ns() - begin_cpu;
    }
    commit->all.ns += tending_ns;
}

static void run_floor(struct commit *commit, uint32_t groups_count)
{
    static uint8_t bytes[LOAD_IN_FLIGHT * LOAD_ENTRY_BYTES];
    static const uint8_t zeros[LOAD_IN_FLIGHT * LOAD_ENTRY_BYTES];
    const size_t size = commit->group_bytes;
    char path[520];
    memset(bytes, 7, sizeof bytes);
    snprintf(path, sizeof path, "%s/floor", bench.home);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    TN_ASSERT(fd >= 0 && size <= sizeof bytes);
    for (uint32_t i = 0; i < groups_count; i++)
        TN_ASSERT(pwrite(fd, zeros, size, (off_t)(i * size)) == (ssize_t)size);
    TN_ASSERT(fsync(fd) == 0);
    for (uint32_t i = 0; i < groups_count; i++) {
        uint64_t begin = bench_clock_ns();
        TN_ASSERT(pwrite(fd, bytes, size, (off_t)(i * size)) == (ssize_t)size);
        TN_ASSERT(fdatasync(fd) == 0);
        add_group(&commit->floor, bench_clock_ns() - begin);
    }
    close(fd);
    unlink(path);
}

static void say_groups(const char *name, const struct groups *groups)
{
    bench_json_open(name);
    bench_json_u64("groups", groups->count);
    bench_json_double("mean_us",
                      (double)groups->ns / 1e3 / (groups->count > 0 ? groups->count : 1));
    if (groups->count > 0) bench_json_latency(groups->latencies_ns, groups->count, 1);
    bench_json_close();
}

static void say_commit(struct commit *commit)
{
    qsort(commit->all.latencies_ns, commit->all.count, sizeof(uint32_t), bench_compare_u32);
    double p99_ms = commit->all.latencies_ns[(uint64_t)commit->all.count * 99 / 100] / 1e6;
    say_groups("fdatasync, a group", &commit->floor);
    say_groups("commit, a group without a block's end", &commit->plain);
    say_groups("commit, a group with one", &commit->sealing);
    say_groups("commit, any group", &commit->all);
    bench_json_open("commit");
    bench_json_u64("in_flight", LOAD_IN_FLIGHT);
    bench_json_u64("entries", (uint64_t)commit->all.count * LOAD_IN_FLIGHT);
    bench_json_u64("rejects", commit->load.rejects_count);
    bench_json_u64("bytes_of_group", commit->bytes / commit->all.count);
    bench_json_u64("block_entries", commit->block_entries);
    bench_json_double("cpu_us_per_record",
                      (double)commit->cpu_ns / 1e3 / ((double)commit->all.count * LOAD_IN_FLIGHT));
    bench_json_u64("fdatasync_records_per_second", (uint64_t)rate_of(&commit->floor));
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    say_target("records_per_second", rate_of(&commit->all), 20000, rate_of(&commit->all) >= 20000);
    bench_json_close();
    bench_json_open("commit-p99");
    say_target("p99_ms", p99_ms, 1, p99_ms <= 1);
    bench_json_close();
}

static void run_commits(struct commit *commit, uint64_t block_entries)
{
    const uint32_t groups = bench.quick ? 8 : 256; /* of a round */
    *commit = (struct commit){.block_entries = block_entries};
    commit->all = make_groups(ROUNDS * groups);
    commit->plain = make_groups(ROUNDS * groups);
    commit->sealing = make_groups(ROUNDS * groups);
    commit->floor = make_groups(ROUNDS * groups);
    load_open(&commit->load, load_open_machine(bench.home, block_entries));
    for (uint32_t i = 0; i < WARM_TURNS; i++) /* a node that has run for a while has a spare */
        load_tend(&commit->load);
    for (uint32_t i = 0; i < groups; i++)
        load_append(&commit->load);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        run_commit(commit, groups);
        size_t mean =
            commit->bytes / commit->all.count + (size_t)LOAD_IN_FLIGHT * 16; /* and heads */
        commit->group_bytes = (mean + 4095) / 4096 * 4096;
        run_floor(commit, groups);
    }
    say_commit(commit);
}

static void commit_large_blocks(void)
{
    static struct commit commit;
    run_commits(&commit, LARGE_BLOCK_ENTRIES);
    enum machine_answer answer = machine_flush(commit.load.machine);
    TN_ASSERT(answer == MACHINE_TAKEN);
}

/* Ends as a crash would, one block before the next checkpoint: a restart then has the most to do.
 */
static void commit_blocks(void)
{
    static struct commit commit;
    run_commits(&commit, BLOCK_ENTRIES);
    const uint64_t blocks = bench.quick ? 8 : LOAD_CHECKPOINT_BLOCKS;
    while (load_height(commit.load.machine) % blocks != blocks - 1)
        load_append(&commit.load);
}

/* ---- restart --------------------------------------------------------------------------------- */

static void run_restart(uint32_t number)
{
    bool is_cold = number == RESTARTS;
    if (is_cold) home_forget(bench.home);
    struct moment begin = now();
    struct machine *machine = load_open_machine(bench.home, BLOCK_ENTRIES);
    struct took took = took_since(begin);
    bench_json_open(is_cold ? "restart, cold" : "restart");
    bench_json_u64("entries", machine_entries(machine));
    bench_json_u64("height", load_height(machine));
    bench_json_double("cpu_ms", took.cpu_ms);
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    say_target("ms", took.ms, 5000, took.ms <= 5000);
    bench_json_close();
}

struct reading {
    struct tn_replica *replica; /* NULL: only read */
    uint64_t sum, count, bytes;
    uint8_t kind;
};

static bool read_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct reading *reading = context;
    struct tn_import_fault fault;
    reading->count++;
    reading->bytes += size;
    return reading->replica == NULL ||
           tn_replica_import(reading->replica, &fault, reading->kind, index, bytes, size);
}

static struct took read_records(struct reading *reading, struct store_view *view)
{
    struct moment begin = now();
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        reading->kind = kind;
        enum store_err err = store_each_record(view, kind, 0, read_record, reading);
        TN_ASSERT(err == STORE_OK);
    }
    return took_since(begin);
}

static struct store *open_reader(const struct tn_replica_limits *limits)
{
    char path[PATH_SIZE];
    struct store_config config;
    struct store_trail trail;
    struct store *store;
    bool good = home_path(path, bench.home, "store");
    TN_ASSERT(good);
    home_store_config(&config, limits, path);
    enum store_err err = store_open_reader(&store, &config, true, &trail);
    TN_ASSERT(err == STORE_OK);
    return store;
}

static struct took rebuild_trees(const struct tn_replica *replica)
{
    size_t size = tn_replica_rebuild_size(tn_replica_limits(replica));
    void *memory = memory_take(size);
    struct tn_hash root;
    TN_ASSERT(memory != NULL);
    struct moment begin = now();
    tn_replica_rebuild_root(replica, &root, memory);
    struct took took = took_since(begin);
    TN_ASSERT(tn_hash_equal(&root, &tn_replica_heads(replica)->root));
    memory_give(memory, size);
    return took;
}

static void say_part(const char *name, struct took took)
{
    char key[32];
    snprintf(key, sizeof key, "%s_ms", name);
    bench_json_double(key, took.ms);
    snprintf(key, sizeof key, "%s_cpu_ms", name);
    bench_json_double(key, took.cpu_ms);
}

/* What a restart consists of, with the clock between the parts. One after another, as tools read a
 * store: in a whole restart the trees are filled by a thread beside store and import. */
static void run_parts(void)
{
    struct tn_replica_limits limits;
    struct held_replica held;
    struct tn_import_fault fault;
    struct store_view *view;
    struct store_trail trail;
    struct tn_hash root;
    struct moment begin = now();
    bool good = home_limits(&limits, bench.home) && replica_hold(&held, &limits);
    TN_ASSERT(good);
    struct took hold = took_since(begin);
    enum store_err err = store_view_begin(open_reader(&limits), &view, &trail);
    TN_ASSERT(err == STORE_OK);
    struct reading only = {.replica = NULL}, import = {.replica = held.replica};
    struct took read = read_records(&only, view);
    struct took both = read_records(&import, view);
    begin = now();
    good = tn_replica_import_end(held.replica, &root, &fault);
    struct took end = took_since(begin);
    TN_ASSERT(good);
    struct took trees = rebuild_trees(held.replica);
    bench_json_open("restart, by parts");
    bench_json_u64("records", only.count);
    bench_json_u64("records_bytes", only.bytes);
    bench_json_u64("memory_bytes", held.size);
    say_part("memory", hold);
    say_part("store", read);
    say_part("import", less(both, read));
    say_part("links_and_exit", less(end, trees));
    say_part("trees", trees);
    bench_json_close();
}

/* ---- snapshot -------------------------------------------------------------------------------- */

extern char **environ;

static pid_t start_snapshot(const char *to)
{
    char program[] = TENORD_PATH, word1[] = "snapshot", word2[] = "create", word3[] = "--home",
         word4[] = "--to", home[480], folder[520];
    snprintf(home, sizeof home, "%s", bench.home);
    snprintf(folder, sizeof folder, "%s", to);
    char *arguments[] = {program, word1, word2, word3, home, word4, folder, NULL};
    posix_spawn_file_actions_t actions;
    pid_t process = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int code = posix_spawn(&process, program, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    TN_ASSERT(code == 0);
    return process;
}

struct interval {
    uint64_t entries, ns;
};

/* Takes entries for a while; true when the process ended meanwhile. */
static bool append_beside(struct interval *interval, struct load *load, pid_t process)
{
    const double slice_ms = bench.quick ? 100 : 2000;
    uint64_t begin = bench_clock_ns(), entries = 0;
    int status = 0;
    bool has_ended = false;
    while (!has_ended && ms_since(begin) < slice_ms) {
        load_append(load);
        entries += LOAD_IN_FLIGHT;
        has_ended = waitpid(process, &status, WNOHANG) == process;
    }
    TN_ASSERT(status == 0); /* the snapshot was made: tenord has said why not */
    interval->entries += entries;
    interval->ns += bench_clock_ns() - begin;
    return has_ended;
}

static double rate_in(const struct interval *interval)
{
    return (double)interval->entries * 1e9 / (double)interval->ns;
}

static void say_snapshot(const struct interval *alone, const struct interval *beside,
                         const struct load *load, const char *to, bool has_ended)
{
    const double slower = 100 * (1 - rate_in(beside) / rate_in(alone));
    bench_json_open("snapshot");
    bench_json_double("snapshot_ms", (double)beside->ns / 1e6);
    bench_json_u64("snapshot_bytes", home_bytes(to));
    bench_json_u64("rejects", load->rejects_count);
    bench_json_u64("records_per_second_alone", (uint64_t)rate_in(alone));
    bench_json_u64("records_per_second_beside", (uint64_t)rate_in(beside));
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    bench_json_string("ended", has_ended ? "yes" : "no");
    if (has_ended) {
        say_target("slower_percent", slower, 10, slower <= 10);
    } else {
        bench_json_double("slower_percent", slower); /* of a part: no verdict */
    }
    bench_json_close();
}

/* The process runs and stands still by turns, so that neighbours slow both kinds of interval. One
 * that takes too long is ended: what is asked is how it slows this one. */
static void run_snapshot(void)
{
    static struct load load;
    struct interval alone = {0}, beside = {0};
    const uint64_t most_ns = (bench.quick ? UINT64_C(2) : 60) * 1000000000;
    char to[520];
    snprintf(to, sizeof to, "%s/made", bench.home);
    load_open(&load, load_open_machine(bench.home, BLOCK_ENTRIES));
    for (uint32_t i = 0; i < LOAD_IN_FLIGHT; i++)
        load_append(&load);
    bool has_ended = true;
    pid_t process = start_snapshot(to);
    while (!append_beside(&beside, &load, process)) {
        if (beside.ns > most_ns) {
            fprintf(stderr, "bench_node: the snapshot takes too long, it is ended\n");
            has_ended = false;
            kill(process, SIGKILL);
            waitpid(process, NULL, 0);
            snprintf(to, sizeof to, "%s/made.part", bench.home);
            break;
        }
        kill(process, SIGSTOP);
        append_beside(&alone, &load, process);
        kill(process, SIGCONT);
    }
    if (alone.ns == 0) append_beside(&alone, &load, process);
    say_snapshot(&alone, &beside, &load, to, has_ended);
    home_remove(to);
}
/* ---- The whole ------------------------------------------------------------------------------- */

static void make_home(void)
{
    const uint32_t part = bench.quick ? 100 : 1;
    const struct desk_extent extent = {
        .accounts = 100000 / part, .positions = 20, .idle = 900000 / part, .orders = 100000 / part};
    uint64_t begin = bench_clock_ns();
    home_make(bench.home, &extent);
    bench_json_open("home");
    bench_json_u64("accounts", extent.accounts + extent.idle);
    bench_json_u64("accounts_with_positions", extent.accounts);
    bench_json_u64("positions", (uint64_t)extent.accounts * extent.positions);
    bench_json_u64("orders", extent.orders);
    bench_json_double("made_in_ms", ms_since(begin));
    bench_json_u64("bytes_on_disk", home_bytes(bench.home));
    bench_json_close();
}

/* In a process of its own, which ends as if it were killed: nothing is closed. */
static bool run_apart(void (*part)(void))
{
    int status = 0;
    fflush(NULL);
    pid_t process = fork();
    TN_ASSERT(process >= 0);
    if (process == 0) {
        part();
        fflush(stdout);
        _exit(0);
    }
    return waitpid(process, &status, 0) == process && status == 0;
}

static uint32_t restart_number;

static void restart_once(void)
{
    run_restart(restart_number);
}

static bool run_commits_apart(void)
{
    return run_apart(commit_large_blocks) && run_apart(commit_blocks);
}

static bool run_restarts_apart(void)
{
    bool good = true;
    restart_number = bench.quick ? RESTARTS - 1 : 0;
    for (; restart_number <= RESTARTS && good; restart_number++)
        good = run_apart(restart_once);
    return good && run_apart(run_parts);
}

static bool run_snapshot_apart(void)
{
    return run_apart(run_snapshot);
}

static const struct part {
    const char *name;
    bool (*run)(void);
} parts[] = {
    {"commit", run_commits_apart},
    {"restart", run_restarts_apart},
    {"snapshot", run_snapshot_apart},
};

static bool run_all(bool is_made, const char *only)
{
    bool good = is_made || run_apart(make_home);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && good; i++)
        good = (only != NULL && strcmp(only, parts[i].name) != 0) || parts[i].run();
    return good;
}

static bool has_part(const char *name)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strcmp(name, parts[i].name) == 0) return true;
    return false;
}

static bool take_folder(const char *place, const char *home)
{
    if (home != NULL) {
        snprintf(bench.home, sizeof bench.home, "%s", home);
        return true;
    }
    snprintf(bench.folder, sizeof bench.folder, "%s/tenor-bench-node-XXXXXX", place);
    if (mkdtemp(bench.folder) == NULL) {
        fprintf(stderr, "bench_node: cannot make a directory in %s\n", place);
        return false;
    }
    snprintf(bench.home, sizeof bench.home, "%s", bench.folder);
    return true;
}

int main(int argc, char **argv)
{
    const char *place = "/var/tmp", *home = NULL, *only = NULL;
    const struct bench_option options[] = {
        BENCH_OPTION_QUICK(&bench.quick),
        {.name = "--directory", .value = "DIRECTORY", .text = &place, .help = "a disk (/var/tmp)"},
        {.name = "--home", .value = "HOME", .text = &home, .help = "a home to use, and to keep"},
        {.name = "--part", .value = "PART", .text = &only, .help = "this one only"},
    };
    bench_options_read("bench_node", options, 4, argc, argv);
    if (only != NULL && !has_part(only)) {
        fprintf(stderr, "bench_node: there is no part \"%s\"\n", only);
        return 2;
    }
    if (!take_folder(place, home)) return 1;
    char genesis[PATH_SIZE];
    bool is_made = home_path(genesis, bench.home, "genesis.conf") && access(genesis, F_OK) == 0;
    bench_json_machine();
    bool good = run_all(is_made, only);
    if (bench.folder[0] != '\0') home_remove(bench.folder);
    return good ? 0 : 1;
}
