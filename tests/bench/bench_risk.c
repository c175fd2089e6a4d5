/* bench_risk: how fast the risk engine is, against a naive twin in the same run.
 *
 *     bench_risk [--quick] [--no-twin] [--workload NAME] [--cpu NAME]
 *
 * price, rows: a scenario price, and all rows of a market of 2 000 series, on every path that this
 * processor has. greeks, implied: one option at a time. evaluate, check, order-term: margin alone.
 * sweep, sweep-large: all accounts of an exchange judged after a MARK; sweep-failing: a fifth of
 * them fail. mark: the MARK itself. exchange, quotes: streams of commands with margin on each, and
 * the same without. Targets are printed beside what they are about; the twin is the long-hand
 * formula with libm's log, exp and erfc. */
#include "risk.h"

static const struct risk_workload workloads[] = {
    {"price", risk_run_price},
    {"rows", risk_run_rows},
    {"greeks", risk_run_greeks},
    {"implied", risk_run_implied},
    {"evaluate", risk_run_evaluate},
    {"check", risk_run_check},
    {"order-term", risk_run_order_term},
    {"sweep", risk_run_sweep},
    {"sweep-failing", risk_run_sweep_failing},
    {"sweep-large", risk_run_sweep_large},
    {"mark", risk_run_mark},
    {"exchange", risk_run_exchange},
    {"quotes", risk_run_exchange},
};

static const char *only_cpu; /* NULL: all that this processor has */

static uint32_t every_path(struct risk_path paths[3])
{
    uint32_t count = 0;
#if defined(__x86_64__)
    const char *base = "SSE2";
#elif defined(__aarch64__)
    const char *base = "NEON";
#else
    const char *base = "base";
#endif
    paths[count++] = (struct risk_path){TN_CPU_BASE, base, 28, 2};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        paths[count++] = (struct risk_path){TN_CPU_AVX2, "AVX2", 14, 1.1};
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        paths[count++] = (struct risk_path){TN_CPU_AVX512, "AVX-512", 10, 0.8};
    }
#endif
    return count;
}

uint32_t risk_paths(struct risk_path paths[3])
{
    struct risk_path all[3];
    uint32_t all_count = every_path(all), count = 0;
    for (uint32_t i = 0; i < all_count; i++) {
        if (only_cpu == NULL || strcmp(only_cpu, all[i].name) == 0) paths[count++] = all[i];
    }
    return count;
}

int main(int argc, char **argv)
{
    struct risk_options options = {.quick = false, .twin = true, .runs = 7};
    const char *only = NULL;
    bool no_twin = false;
    const struct bench_option table[] = {
        BENCH_OPTION_QUICK(&options.quick),
        {.name = "--no-twin", .flag = &no_twin, .help = "without the naive twin"},
        BENCH_OPTION_WORKLOAD(&only),
        {.name = "--cpu", .value = "NAME", .text = &only_cpu, .help = "SSE2, AVX2 or AVX-512 only"},
    };
    bench_options_read("bench_risk", table, 4, argc, argv);
    if (options.quick) options.runs = 1;
    options.twin = !no_twin;
    struct risk_path paths[3];
    if (risk_paths(paths) == 0) {
        fprintf(stderr, "bench_risk: this processor has no \"%s\"\n", only_cpu);
        return 2;
    }
    bool found = false;
    bench_json_machine();
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (only != NULL && strcmp(only, workloads[i].name) != 0) continue;
        found = true;
        workloads[i].run(&workloads[i], &options);
    }
    if (!found) fprintf(stderr, "bench_risk: there is no workload \"%s\"\n", only);
    return found ? 0 : 2;
}
