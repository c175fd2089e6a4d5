/* state: what the parts of bench_state share: options, paths of the processor, targets. */
#ifndef BENCH_STATE_H
#define BENCH_STATE_H

#include "bench.h"

struct state_options {
    bool quick; /* less work, once: does it run at all? */
    uint32_t runs;
};

struct state_workload {
    const char *name;
    void (*run)(const struct state_options *options);
};

/* A path of the processor that this machine can run, and how the targets go with it. */
struct state_path {
    enum tn_cpu cpu;
    const char *name;
};

static inline uint32_t state_paths(struct state_path paths[3])
{
    uint32_t count = 0;
    paths[count++] = (struct state_path){TN_CPU_BASE, "scalar"};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) paths[count++] = (struct state_path){TN_CPU_AVX2, "AVX2"};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        paths[count++] = (struct state_path){TN_CPU_AVX512, "AVX-512"};
#endif
    return count;
}

/* A figure and, where the whole work was done, its target and whether it is met. */
static inline void state_json_target(const struct state_options *options, const char *key,
                                     double value, double target)
{
    bench_json_double(key, value);
    if (options->quick) return;
    char name[64];
    snprintf(name, sizeof(name), "target_%s", key);
    bench_json_double(name, target);
    bench_json_string("meets_target", value <= target ? "yes" : "no");
}

/* state_trees.c */
void state_run_trees(const struct state_options *options);

#endif
