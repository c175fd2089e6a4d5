/* The trees: rebuild, update, prove, check. Records are made up, of the sizes that real ones have;
 * every tenth account holds positions and has a MARGIN record, and those are what changes. */
#include "state.h"
#include "tenor/state.h"

#define POSITIONS   20
#define MARGIN_SIZE 112
#define HOLDER      10 /* every tenth account */
#define BATCH       512
#define PROOFS      2000

struct trees {
    uint32_t accounts, holders;
    uint8_t (*records)[TN_RECORD_ACCOUNT_SIZE];
    uint8_t (*positions)[POSITIONS * TN_RECORD_POSITION_SIZE];
    uint8_t (*margins)[MARGIN_SIZE];
    struct tn_state *state;
    void *memory;
    size_t memory_size;
    struct tn_state_head head;
    uint64_t random;
};

static void put_number(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static void fill_random(uint8_t *bytes, size_t size, uint64_t *random)
{
    for (size_t i = 0; i + 8 <= size; i += 8)
        put_number(bytes + i, tn_random_next(random));
}

/* Cash about 10 000 dollars, some of it owed. */
static void set_cash(struct trees *trees, uint32_t account)
{
    int64_t cash = (int64_t)tn_random_below(&trees->random, 20000000000) - 1000000000;
    put_number(trees->records[account] + 24, (uint64_t)cash);
}

static void make_records(struct trees *trees)
{
    trees->records = bench_map(trees->accounts * sizeof *trees->records);
    trees->positions = bench_map(trees->holders * sizeof *trees->positions);
    trees->margins = bench_map(trees->holders * sizeof *trees->margins);
    fill_random(trees->records[0], trees->accounts * sizeof *trees->records, &trees->random);
    fill_random(trees->positions[0], trees->holders * sizeof *trees->positions, &trees->random);
    fill_random(trees->margins[0], trees->holders * sizeof *trees->margins, &trees->random);
    for (uint32_t i = 0; i < trees->accounts; i++)
        set_cash(trees, i);
}

static void set_batch(struct trees *trees, const uint32_t *accounts, uint32_t count,
                      bool with_positions)
{
    struct tn_state_record records[3 * BATCH];
    uint32_t used = 0;
    TN_ASSERT(count <= BATCH);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t account = accounts[i];
        records[used++] = (struct tn_state_record){
            {TN_RECORD_ACCOUNT, account}, trees->records[account], TN_RECORD_ACCOUNT_SIZE};
        if (!with_positions || account % HOLDER != 0) continue;
        records[used++] = (struct tn_state_record){{TN_RECORD_POSITIONS, account},
                                                   trees->positions[account / HOLDER],
                                                   sizeof *trees->positions};
        records[used++] = (struct tn_state_record){
            {TN_RECORD_MARGIN, account}, trees->margins[account / HOLDER], MARGIN_SIZE};
    }
    bool good = tn_state_set_many(trees->state, records, used);
    TN_ASSERT(good);
}

static void new_state(struct trees *trees, enum tn_cpu cpu)
{
    const struct tn_state_limits limits = {trees->accounts, 4096, 64, 64, 0, cpu, 0};
    trees->memory_size = tn_state_size(&limits);
    if (trees->memory == NULL) trees->memory = bench_map(trees->memory_size);
    trees->state = tn_state_init(trees->memory, &limits, 1);
}

static uint64_t rebuild(struct trees *trees, enum tn_cpu cpu)
{
    uint32_t accounts[BATCH];
    new_state(trees, cpu);
    const uint64_t begin = bench_cpu_ns();
    tn_state_count(trees->state, TN_RECORD_ACCOUNT, trees->accounts);
    tn_state_count(trees->state, TN_RECORD_MARGIN, trees->accounts);
    tn_state_count(trees->state, TN_RECORD_MEMORY, trees->accounts);
    for (uint32_t first = 0; first < trees->accounts; first += BATCH) {
        uint32_t count = 0;
        for (; count < BATCH && first + count < trees->accounts; count++)
            accounts[count] = first + count;
        set_batch(trees, accounts, count, true);
    }
    bool good = tn_state_update(trees->state);
    TN_ASSERT(good);
    return bench_cpu_ns() - begin;
}

static void close_line(const struct trees *trees)
{
    struct tn_hash root;
    char hex[20];
    tn_state_root(&root, trees->state, &trees->head);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 2 * i, 3, "%02x", root.bytes[i]);
    bench_json_string("root", hex); /* the same on every path */
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
    bench_json_close();
}

static void run_rebuild(struct trees *trees, const struct state_options *options,
                        const struct state_path *path)
{
    static const double targets[3] = {2, 0.8, 0.4}; /* by enum tn_cpu */
    struct bench_runs runs = {.count = 0};
    for (uint32_t run = 0; run < options->runs; run++)
        bench_add_run(&runs, rebuild(trees, path->cpu));
    bench_json_open("rebuild");
    bench_json_string("path", path->name);
    bench_json_u64("accounts", trees->accounts);
    bench_json_u64("holders", trees->holders);
    state_json_target(options, "seconds", (double)bench_best_ns(&runs) / 1e9, targets[path->cpu]);
    bench_json_double("seconds_median", (double)bench_median_ns(&runs) / 1e9);
    bench_json_u64("state_bytes", trees->memory_size);
    close_line(trees);
}

/* Different accounts each time, so that no run finds its nodes in the cache of the one before. */
static uint64_t update(struct trees *trees, uint32_t changed, bool with_positions)
{
    static uint32_t accounts[1 << 16];
    TN_ASSERT(changed <= 1 << 16);
    for (uint32_t i = 0; i < changed; i++) {
        uint32_t account = (uint32_t)tn_random_below(&trees->random, trees->accounts);
        if (with_positions) account -= account % HOLDER;
        accounts[i] = account;
        set_cash(trees, account);
        if (with_positions)
            put_number(trees->positions[account / HOLDER] + 8, tn_random_next(&trees->random));
    }
    const uint64_t begin = bench_cpu_ns();
    for (uint32_t first = 0; first < changed; first += BATCH)
        set_batch(trees, accounts + first, changed - first < BATCH ? changed - first : BATCH,
                  with_positions);
    bool good = tn_state_update(trees->state);
    TN_ASSERT(good);
    return bench_cpu_ns() - begin;
}

static void run_update(struct trees *trees, const struct state_options *options,
                       const struct state_path *path, uint32_t changed, bool with_positions)
{
    static const double targets[2][3] = {{2, 1, 0.6}, {24, 12, 6}};
    struct bench_runs runs = {.count = 0};
    for (uint32_t run = 0; run < (options->quick ? 1 : BENCH_RUNS_MAX); run++)
        bench_add_run(&runs, update(trees, changed, with_positions));
    bench_json_open(with_positions ? "update_with_positions" : "update");
    bench_json_string("path", path->name);
    bench_json_u64("changed", changed);
    const double ms = (double)bench_median_ns(&runs) / 1e6;
    if (with_positions)
        bench_json_double("ms", ms);
    else
        state_json_target(options, "ms", ms, targets[changed > 256][path->cpu]);
    bench_json_double("ms_best", (double)bench_best_ns(&runs) / 1e6);
    close_line(trees);
}

static void run_proof(struct trees *trees, const struct state_options *options)
{
    static uint8_t proofs[PROOFS][2048];
    static size_t sizes[PROOFS];
    struct tn_hash root;
    size_t most = 0;
    tn_state_root(&root, trees->state, &trees->head);
    uint64_t begin = bench_cpu_ns();
    for (uint32_t i = 0; i < PROOFS; i++) {
        uint32_t account = (uint32_t)tn_random_below(&trees->random, trees->accounts);
        sizes[i] = tn_state_prove_account(trees->state, proofs[i], sizeof proofs[i], &trees->head,
                                          account, trees->records[account]);
        if (sizes[i] > most) most = sizes[i];
    }
    const double prove_us = (double)(bench_cpu_ns() - begin) / 1e3 / PROOFS;
    begin = bench_cpu_ns();
    for (uint32_t i = 0; i < PROOFS; i++) {
        struct tn_proof_claim claim;
        struct tn_proof_fault fault;
        bool good = tn_proof_verify(&claim, &fault, proofs[i], sizes[i], &root);
        TN_ASSERT(good);
    }
    const double check_us = (double)(bench_cpu_ns() - begin) / 1e3 / PROOFS;
    bench_json_open("account_proof");
    state_json_target(options, "bytes", (double)most, 1200);
    bench_json_double("prove_us", prove_us);
    bench_json_close();
    bench_json_open("account_proof_check");
    state_json_target(options, "us", check_us, 30);
    bench_json_close();
}

void state_run_trees(const struct state_options *options)
{
    struct trees trees = {.accounts = options->quick ? 20000 : 1000000, .random = 20260704};
    struct state_path paths[3];
    trees.holders = trees.accounts / HOLDER;
    make_records(&trees);
    const uint32_t count = state_paths(paths);
    for (uint32_t i = 0; i < count; i++) {
        run_rebuild(&trees, options, &paths[i]);
        run_update(&trees, options, &paths[i], 256, false);
        run_update(&trees, options, &paths[i], 4096, false);
        run_update(&trees, options, &paths[i], 256, true);
        run_update(&trees, options, &paths[i], 4096, true);
    }
    run_proof(&trees, options);
}
