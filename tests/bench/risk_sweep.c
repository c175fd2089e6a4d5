/* The sweep of every account after a MARK, as SWEEP entries do it, and the MARK itself.
 *
 * A slice is one SWEEP entry. Nothing changes between two MARKs but the time, so slice i of one
 * sweep does what slice i of the next does: the longest slice is the largest of the best times of
 * each, which leaves out what neighbours on the machine did to single ones; the worst that was seen
 * is printed too. */
#include "risk_desk.h"

#define ACCOUNTS_SMALL 100000
#define ACCOUNTS_LARGE 1000000
#define POSITIONS      20

struct sweep {
    uint64_t *best_ns; /* by slice */
    uint32_t slices, slices_max;
    uint64_t worst_ns;
    uint64_t last_ns; /* the best of the last slice */
    struct bench_runs runs;
};

static double sweep_target_ms(const struct risk_path *path, uint32_t accounts)
{
    double target = path->cpu == TN_CPU_AVX512 ? 35 : path->cpu == TN_CPU_AVX2 ? 80 : 160;
    return target * accounts / ACCOUNTS_SMALL;
}

static void sweep_once(struct risk_desk *desk, struct sweep *sweep, uint32_t units, bool counts)
{
    uint64_t sum = 0;
    uint32_t slice = 0;
    desk_report(desk);
    desk_mark(desk);
    for (; desk_is_sweeping(desk); slice++) {
        uint64_t begin = bench_cpu_ns();
        desk_sweep(desk, units);
        uint64_t took = bench_cpu_ns() - begin;
        TN_ASSERT(slice < sweep->slices_max && (desk->count == 0 || desk->moved_ppm != 0));
        sum += took;
        if (!counts) continue;
        if (took > sweep->worst_ns) sweep->worst_ns = took;
        if (took < sweep->best_ns[slice]) sweep->best_ns[slice] = took;
        sweep->last_ns = sweep->best_ns[slice];
    }
    sweep->slices = slice;
    if (counts) bench_add_run(&sweep->runs, sum);
}

static uint64_t longest_ns(const struct sweep *sweep)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < sweep->slices; i++) {
        if (sweep->best_ns[i] > longest) longest = sweep->best_ns[i];
    }
    return longest;
}

static uint32_t failing_count(const struct risk_desk *desk)
{
    struct tn_risk_view view;
    bool has_margin = tn_exchange_risk(desk->exchange, &view);
    TN_ASSERT(has_margin && !view.sweeping);
    return view.liquidations_left;
}

static void print_sweep(const char *name, const struct risk_desk *desk, const struct sweep *sweep,
                        const struct risk_path *path, uint32_t units)
{
    double ns = (double)bench_best_ns(&sweep->runs);
    bench_json_open(name);
    bench_json_string("cpu", path->name);
    bench_json_u64("accounts", desk->accounts);
    bench_json_u64("positions_per_account", POSITIONS);
    bench_json_u64("expiries_per_account", DESK_EXPIRIES_HELD);
    bench_json_u64("units_per_entry", units);
    bench_json_u64("slices", sweep->slices);
    risk_json_target("ms", ns / 1e6, sweep_target_ms(path, desk->accounts));
    bench_json_double("longest_slice_us", (double)longest_ns(sweep) / 1e3);
    bench_json_double("target_longest_slice_us", 100);
    bench_json_double("worst_slice_us", (double)sweep->worst_ns / 1e3);
    bench_json_double("last_slice_us", (double)sweep->last_ns / 1e3);
    bench_json_u64("failing", failing_count(desk));
    bench_json_speed(&sweep->runs, desk->accounts, tn_exchange_digest(desk->exchange));
    bench_json_string("clock", "cpu");
    bench_json_u64("exchange_bytes", desk->size);
    bench_json_close();
}

static void run_sweeps(const char *name, const struct risk_path *path, uint32_t accounts,
                       uint32_t runs, const uint32_t *units, uint32_t units_count)
{
    struct risk_desk *desk = bench_map(sizeof *desk);
    struct sweep sweep = {.slices_max = accounts * POSITIONS / units[0] + 16};
    size_t size = sweep.slices_max * sizeof(*sweep.best_ns);
    sweep.best_ns = bench_map(size);
    desk_open(desk, accounts, POSITIONS, path->cpu);
    sweep_once(desk, &sweep, units[0], false);
    for (uint32_t i = 0; i < units_count; i++) {
        sweep.runs.count = 0;
        sweep.worst_ns = 0;
        memset(sweep.best_ns, 0xff, size);
        for (uint32_t run = 0; run < runs; run++)
            sweep_once(desk, &sweep, units[i], true);
        print_sweep(name, desk, &sweep, path, units[i]);
    }
    bench_unmap(sweep.best_ns, size);
    desk_close(desk);
    bench_unmap(desk, sizeof *desk);
}

void risk_run_sweep(const struct risk_workload *workload, const struct risk_options *options)
{
    static const uint32_t units[] = {512, 1024, 1536, 2048, 8192};
    struct risk_path paths[3];
    uint32_t paths_count = risk_paths(paths);
    uint32_t accounts = options->quick ? ACCOUNTS_SMALL / 20 : ACCOUNTS_SMALL;
    for (uint32_t i = 0; i < paths_count; i++) {
        run_sweeps(workload->name, &paths[i], accounts, options->runs, units,
                   sizeof units / sizeof units[0]);
    }
}

/* A BLOCK, no MARK itself, that finds half of a sweep left; and the MARK before, which clears the
 * list of the sweep before. */
static void print_blocks(const char *name, struct risk_desk *desk, const struct risk_path *path,
                         uint32_t runs)
{
    struct bench_runs marks = {.count = 0}, halves = {.count = 0};
    for (uint32_t run = 0; run < runs; run++) {
        desk_report(desk);
        uint64_t begin = bench_cpu_ns();
        desk_mark(desk);
        bench_add_run(&marks, bench_cpu_ns() - begin);
        for (uint32_t i = 0; i < desk->accounts * POSITIONS / 2 / 512; i++)
            desk_sweep(desk, 512);
        desk->time_ms += 10;
        begin = bench_cpu_ns();
        desk_mark(desk);
        bench_add_run(&halves, bench_cpu_ns() - begin);
        TN_ASSERT(!desk_is_sweeping(desk));
    }
    bench_json_open(name);
    bench_json_string("cpu", path->name);
    bench_json_u64("failing", failing_count(desk));
    bench_json_double("mark_ms", (double)bench_best_ns(&marks) / 1e6);
    bench_json_double("block_with_half_a_sweep_ms", (double)bench_best_ns(&halves) / 1e6);
    bench_json_string("clock", "cpu");
    bench_json_close();
}

/* Nine of ten accounts keep no more cash than they need; then prices fall, and one of five fails.
 */
void risk_run_sweep_failing(const struct risk_workload *workload,
                            const struct risk_options *options)
{
    enum { THIN_PERCENT = 90, UNITS = 512, FALL_PPM = 150000 };
    struct risk_path paths[3];
    const struct risk_path *widest = &paths[risk_paths(paths) - 1];
    struct risk_desk *desk = bench_map(sizeof *desk);
    uint32_t accounts = options->quick ? ACCOUNTS_SMALL / 20 : ACCOUNTS_SMALL;
    struct sweep sweep = {.slices_max = accounts * POSITIONS / UNITS + 16};
    size_t size = sweep.slices_max * sizeof(*sweep.best_ns);
    sweep.best_ns = bench_map(size);
    memset(sweep.best_ns, 0xff, size);
    desk_open(desk, accounts, POSITIONS, widest->cpu);
    desk_thin(desk, THIN_PERCENT);
    desk->moved_ppm = -FALL_PPM;
    for (uint32_t run = 0; run <= 2 + options->runs; run++)
        sweep_once(desk, &sweep, UNITS, run > 2);
    print_sweep(workload->name, desk, &sweep, widest, UNITS);
    print_blocks(workload->name, desk, widest, options->runs);
    bench_unmap(sweep.best_ns, size);
    desk_close(desk);
    bench_unmap(desk, sizeof *desk);
}

/* On the widest path alone: is it linear? */
void risk_run_sweep_large(const struct risk_workload *workload, const struct risk_options *options)
{
    static const uint32_t units[] = {1024, 8192};
    struct risk_path paths[3];
    uint32_t widest = risk_paths(paths) - 1;
    uint32_t accounts = options->quick ? ACCOUNTS_LARGE / 50 : ACCOUNTS_LARGE;
    run_sweeps(workload->name, &paths[widest], accounts, options->quick ? 1 : 3, units,
               sizeof units / sizeof units[0]);
}

/* BLOCK with a MARK: 2 000 series, hardly any accounts. */
void risk_run_mark(const struct risk_workload *workload, const struct risk_options *options)
{
    struct risk_path paths[3];
    uint32_t paths_count = risk_paths(paths);
    for (uint32_t i = 0; i < paths_count; i++) {
        struct risk_desk *desk = bench_map(sizeof *desk);
        struct bench_runs runs = {.count = 0};
        desk_open(desk, 16, POSITIONS, paths[i].cpu);
        for (uint32_t run = 0; run <= options->runs; run++) {
            desk_report(desk);
            desk_sweep(desk, 8192);
            uint64_t begin = bench_cpu_ns();
            desk_mark(desk);
            if (run > 0) bench_add_run(&runs, bench_cpu_ns() - begin);
        }
        bench_json_open(workload->name);
        bench_json_string("cpu", paths[i].name);
        bench_json_u64("series", DESK_SERIES);
        bench_json_u64("expiries", 2 * DESK_EXPIRIES);
        bench_json_double("ms", (double)bench_best_ns(&runs) / 1e6);
        bench_json_double("target_of_its_rows_ms", paths[i].rows_target_ms);
        bench_json_speed(&runs, DESK_SERIES, tn_exchange_digest(desk->exchange));
        bench_json_string("clock", "cpu");
        bench_json_close();
        desk_close(desk);
        bench_unmap(desk, sizeof *desk);
    }
}
