/* bench_exits: how long the next entry waits for an exit checkpoint, and how long the tree takes
 * that may be hashed beside it: a million accounts of which 100 000 hold 20 positions each, each
 * checkpoint at marks that have moved. Prints JSON lines.
 *
 *     bench_exits [--quick] [--accounts N] [--checkpoints N] [--hands N]
 *
 * With --hands so many threads help the one that hashes, as they do in a set's node.
 * `mark` is the end of a block without a checkpoint, for comparison: what it writes down is written
 * by both. */
#include "bench.h"
#include "cluster/hands.h"
#include "risk_desk.h"
#include "tenor/replica.h"

#include <stdlib.h>
#include <string.h>

enum { POSITIONS = 20, RECORD_BYTES = 64 << 20 };

static struct risk_desk desk;
static struct tn_replica *replica;

static void *take(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TN_ASSERT(memory != MAP_FAILED);
    return memory;
}

/* The desk's market as a replica, which the desk then works on. */
static void open_replica(uint32_t exit_blocks)
{
    struct tn_replica_limits limits = {
        .exchange = desk.limits, .market = 1, .exit_blocks = exit_blocks};
    uint8_t *record = take(RECORD_BYTES);
    struct tn_import_fault fault;
    struct tn_hash root;
    replica = tn_replica_init(take(tn_replica_size(&limits)), &limits);
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        const uint32_t count = tn_exchange_records_count(desk.exchange, (enum tn_record_kind)kind);
        for (uint32_t i = 0; i < count; i++) {
            const size_t size = tn_exchange_record(desk.exchange, record, RECORD_BYTES,
                                                   (enum tn_record_kind)kind, i);
            TN_ASSERT(size <= RECORD_BYTES);
            if (size == 0) continue;
            const bool is_good = tn_replica_import(replica, &fault, kind, i, record, size);
            TN_ASSERT(is_good);
        }
    }
    const bool is_good = tn_replica_import_end(replica, &root, &fault);
    TN_ASSERT(is_good);
    munmap(record, RECORD_BYTES);
    bench_unmap(desk.exchange, desk.size);
    desk.exchange = tn_replica_exchange(replica);
}

struct times {
    struct bench_runs begin, hash;
};

/* A block at whose end marks have moved and nothing else: its gathering is apart. */
static void end_block(struct times *times)
{
    struct tn_batch_header batch;
    struct tn_block_header block = {0};
    struct tn_hash hash, root;
    struct tn_record_name names[256];
    tn_replica_begin_batch(replica);
    desk_report(&desk);
    desk_mark(&desk);
    tn_replica_end_batch(replica, &batch);
    const uint64_t begin = bench_clock_ns();
    tn_replica_end_block_begin(replica, &block, &hash);
    const uint64_t begun = bench_clock_ns();
    tn_replica_hash(replica);
    tn_replica_end_block_finish(replica, &root);
    const uint64_t hashed = bench_clock_ns();
    while (tn_replica_changed(replica, names, 256) > 0) {
    }
    if (times == NULL) return;
    bench_add_run(&times->begin, begun - begin);
    bench_add_run(&times->hash, hashed - begun);
}

static void say(const char *name, const struct times *times)
{
    bench_json_open(name);
    bench_json_double("pause_best_ms", (double)bench_best_ns(&times->begin) / 1e6);
    bench_json_double("pause_median_ms", (double)bench_median_ns(&times->begin) / 1e6);
    bench_json_double("hash_best_ms", (double)bench_best_ns(&times->hash) / 1e6);
    bench_json_double("hash_median_ms", (double)bench_median_ns(&times->hash) / 1e6);
    bench_json_close();
}

int main(int argc, char **argv)
{
    static struct times with, without;
    bool quick = false;
    uint32_t accounts = 1000000, checkpoints = BENCH_RUNS_MAX, threads = 0;
    const struct bench_option options[] = {
        {.name = "--quick", .flag = &quick, .help = "50000 accounts, 2 checkpoints"},
        {.name = "--accounts",
         .value = "N",
         .number = &accounts,
         .least = 1000,
         .most = 1000000,
         .help = "a tenth of them with positions (1000000)"},
        {.name = "--checkpoints",
         .value = "N",
         .number = &checkpoints,
         .least = 1,
         .most = BENCH_RUNS_MAX,
         .help = "so many runs (9)"},
        {.name = "--hands",
         .value = "N",
         .number = &threads,
         .least = 0,
         .most = 64,
         .help = "threads that help (0)"},
    };
    bench_options_read("bench_exits", options, 4, argc, argv);
    if (quick) {
        accounts = 50000;
        checkpoints = 2;
    }
    const struct desk_extent extent = {.accounts = accounts / 20 * 2,
                                       .positions = POSITIONS,
                                       .idle = accounts - accounts / 20 * 2};
    desk_open_wide(&desk, &extent, TN_CPU_AVX2);
    while (desk_is_sweeping(&desk))
        desk_sweep(&desk, 8192);
    open_replica(2);
    struct hands *hands = hands_open(threads);
    TN_ASSERT(hands != NULL);
    const struct tn_hands lent = hands_of(hands);
    tn_replica_lend_hands(replica, &lent);
    for (uint32_t i = 0; i < 2; i++)
        end_block(NULL);
    for (uint32_t i = 0; i < checkpoints; i++) {
        end_block(&without);
        end_block(&with);
    }
    say("mark", &without);
    say("exit", &with);
    TN_ASSERT(tn_replica_heads(replica)->has_exit);
    hands_close(hands);
    return 0;
}
