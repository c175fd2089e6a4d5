/* The exchange with full margin on every command, beside the same stream of commands in the same
 * market without.
 *
 * X-margin: bench_exchange's workload X, where an account trades a few series of one expiry, or
 * twenty of six. Q-margin: mass quotes of 64 series by makers that have about a thousand standing.
 * Both streams run in turns, so that the ratio is of one machine at one time. A MARK with its sweep
 * comes every 100 000 messages, and is in the time of the commands. */
#include "exchange_load.h"
#include "risk.h"

#define RING TN_EXCHANGE_RING

static const struct load_workload workloads[] = {
    {.name = "X-margin-4-in-1",
     .messages = 1000000,
     .fill = 1600000,
     .accounts = 1000,
     .owners = 800,
     .underlyings = 2,
     .series = 200,
     .menu = 4,
     .menu_expiries = 1,
     .commands_per_frame = 1,
     .resting = 48000,
     .results_per_account = 1024,
     .twin_messages = 1,
     .quick_divisor = 20,
     .margin = true},
    {.name = "X-margin-20-in-6",
     .messages = 1000000,
     .fill = 1600000,
     .accounts = 1000,
     .owners = 800,
     .underlyings = 2,
     .series = 200,
     .menu = 20,
     .menu_expiries = 6,
     .commands_per_frame = 1,
     .resting = 48000,
     .results_per_account = 1024,
     .twin_messages = 1,
     .quick_divisor = 20,
     .margin = true},
    {.name = "Q-margin-group",
     .messages = 1280000,
     .fill = 256000,
     .accounts = 10,
     .owners = 10,
     .underlyings = 2,
     .series = 500,
     .quotes = 64,
     .half_spread_ticks = 3,
     .results_per_account = 1024,
     .twin_messages = 1,
     .quick_divisor = 20,
     .margin = true,
     .by_expiry = true,
     .quote_group = 1},
    {.name = "Q-margin-no-group",
     .messages = 1280000,
     .fill = 256000,
     .accounts = 10,
     .owners = 10,
     .underlyings = 2,
     .series = 500,
     .quotes = 64,
     .half_spread_ticks = 3,
     .results_per_account = 1024,
     .twin_messages = 1,
     .quick_divisor = 20,
     .margin = true,
     .by_expiry = true},
    {.name = "Q-margin-scattered",
     .messages = 640000,
     .fill = 256000,
     .accounts = 10,
     .owners = 10,
     .underlyings = 2,
     .series = 500,
     .quotes = 64,
     .half_spread_ticks = 3,
     .results_per_account = 1024,
     .twin_messages = 1,
     .quick_divisor = 20,
     .margin = true},
};

static void run_stream(struct tn_exchange *exchange, struct tn_event *events, uint32_t events_max,
                       const struct pack *pack)
{
    static struct pack_slot ring[RING];
    static struct tn_exchange_ahead found[RING];
    const uint32_t ahead = TN_EXCHANGE_TURNS, count = pack->entries_count;
    const unsigned char *bytes = pack->bytes;
    memset(found, 0, sizeof(found));
    for (uint32_t at = 0; at < count + ahead; at++) {
        if (at < count) bytes = pack_take(&ring[at % RING], bytes);
        tn_exchange_prefetch_turn(exchange, found, at, at < count ? &ring[at % RING].entry : NULL);
        if (at < ahead) continue;
        uint32_t i = (at - ahead) % RING;
        tn_exchange_apply_ahead(exchange, events, events_max, &ring[i].entry, &found[i]);
    }
}

static double target_ns(const struct load_workload *workload, const struct risk_path *path)
{
    if (workload->quotes == 0) return path->cpu == TN_CPU_AVX512 ? 500 : 0; /* 2 million a second */
    return path->cpu == TN_CPU_AVX512 ? 120 : path->cpu == TN_CPU_AVX2 ? 180 : 300;
}

static void print_rejects(const struct load_counts *counts)
{
    for (uint32_t i = 0; i < LOAD_REJECTS_MAX; i++) {
        if (counts->rejects[i] == 0) continue;
        char key[64];
        snprintf(key, sizeof key, "reject_%s", tn_reject_name((enum tn_reject)i));
        bench_json_u64(key, counts->rejects[i]);
    }
}

static void print_stream(const struct load *load, const struct risk_path *path,
                         const struct bench_runs *runs, const struct bench_runs *plain_runs,
                         uint64_t digest)
{
    const struct load_workload *workload = load->workload;
    double messages = load->timed.messages;
    double ns = (double)bench_best_ns(runs) / messages;
    double plain_ns = (double)bench_best_ns(plain_runs) / messages;
    bench_json_open(workload->name);
    bench_json_string("cpu", path->name);
    bench_json_u64("accounts", workload->accounts);
    bench_json_u64("exposures", load->counts.exposures);
    bench_json_u64("resting_max", load->counts.resting_max);
    if (target_ns(workload, path) > 0) {
        risk_json_target("ns", ns, target_ns(workload, path));
    } else {
        bench_json_double("ns", ns);
    }
    bench_json_double("without_margin_ns", plain_ns);
    bench_json_double("ratio", ns / plain_ns);
    bench_json_speed(runs, load->timed.messages, digest);
    bench_json_string("clock", "cpu");
    bench_json_double("trades_per_message", load->counts.trades / messages);
    bench_json_u64("frames_that_differ", load->plain.differences);
    print_rejects(&load->counts);
    bench_json_close();
}

static void run_workload(const struct load_workload *workload, const struct risk_path *path,
                         const struct risk_options *options)
{
    struct load load = {.cpu = (uint8_t)path->cpu};
    struct bench_runs runs = {.count = 0}, plain_runs = {.count = 0};
    uint64_t digest = 0;
    load_make(&load, workload);
    uint32_t runs_count = options->runs < 5 ? options->runs : 5;
    for (uint32_t run = 0; run <= runs_count; run++) {
        struct tn_exchange *exchange = load_restart(&load);
        uint64_t begin = bench_cpu_ns();
        run_stream(exchange, load.events, load.events_max, &load.pack);
        uint64_t took = bench_cpu_ns() - begin;
        TN_ASSERT(run == 0 || digest == tn_exchange_digest(exchange));
        digest = tn_exchange_digest(exchange);
        exchange = load_restart_plain(&load);
        begin = bench_cpu_ns();
        run_stream(exchange, load.plain.events, load.plain.events_max, &load.plain.pack);
        uint64_t plain_took = bench_cpu_ns() - begin;
        if (run == 0) continue;
        bench_add_run(&runs, took);
        bench_add_run(&plain_runs, plain_took);
    }
    print_stream(&load, path, &runs, &plain_runs, digest);
    load_free(&load);
}

void risk_run_exchange(const struct risk_workload *workload, const struct risk_options *options)
{
    struct risk_path paths[3];
    uint32_t paths_count = risk_paths(paths);
    bool quotes = strcmp(workload->name, "quotes") == 0;
    for (uint32_t p = 0; p < paths_count; p++) {
        for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
            struct load_workload choice = workloads[i];
            if ((choice.quotes > 0) != quotes) continue;
            if (options->quick) {
                choice.messages /= choice.quick_divisor;
                choice.fill /= choice.quick_divisor;
            }
            run_workload(&choice, &paths[p], options);
        }
    }
}
