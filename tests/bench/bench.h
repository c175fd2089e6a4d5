/* bench: what all benches share: clocks, memory in huge pages, JSON lines, seeded distributions.
 *
 * A bench makes its whole input before the clock starts, touches its memory in a first run that is
 * not counted, then runs several times and prints the best and the median. */
#ifndef BENCH_H
#define BENCH_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "options.h"
#include "tenor/base.h"

#define BENCH_RUNS_MAX 9

static inline uint64_t bench_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Time this process ran: neighbours on the machine slow it down but are not counted. */
static inline uint64_t bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* bench_cycles counts at a constant rate; no instruction around it moves across it. */
static inline uint64_t bench_cycles(void)
{
#if defined(__x86_64__)
    uint32_t low;
    uint32_t high;
    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
#else
    return bench_clock_ns();
#endif
}

static inline double bench_cycles_per_ns(void)
{
    uint64_t start_ns = bench_clock_ns();
    uint64_t start = bench_cycles();
    while (bench_clock_ns() - start_ns < 50000000) {
    }
    return (double)(bench_cycles() - start) / (double)(bench_clock_ns() - start_ns);
}

static inline uint64_t bench_peak_rss_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

/* bench_map is zeroed memory, in huge pages where the system grants the wish. */
static inline void *bench_map(size_t size)
{
    const size_t huge = (size_t)1 << 21;
    size_t whole = (size + huge - 1) / huge * huge + huge;
    unsigned char *start =
        mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TN_ASSERT(start != MAP_FAILED);
    start += (huge - (uintptr_t)start % huge) % huge;
    madvise(start, whole - huge, MADV_HUGEPAGE);
    return start;
}

static inline void bench_unmap(void *start, size_t size)
{
    const size_t huge = (size_t)1 << 21;
    munmap(start, (size + huge - 1) / huge * huge);
}

/* Runs of one measurement, in ns. */
struct bench_runs {
    uint64_t ns[BENCH_RUNS_MAX];
    uint32_t count;
};

static inline void bench_add_run(struct bench_runs *runs, uint64_t ns)
{
    TN_ASSERT(runs->count < BENCH_RUNS_MAX);
    uint32_t place = runs->count++;
    for (; place > 0 && runs->ns[place - 1] > ns; place--)
        runs->ns[place] = runs->ns[place - 1];
    runs->ns[place] = ns;
}

static inline uint64_t bench_best_ns(const struct bench_runs *runs)
{
    return runs->ns[0];
}

static inline uint64_t bench_median_ns(const struct bench_runs *runs)
{
    return runs->ns[runs->count / 2];
}

/* JSON lines: open, any number of fields, close. */
static inline void bench_json_open(const char *name)
{
    printf("{\"name\": \"%s\"", name);
}

static inline void bench_json_u64(const char *key, uint64_t value)
{
    printf(", \"%s\": %llu", key, (unsigned long long)value);
}

static inline void bench_json_double(const char *key, double value)
{
    printf(", \"%s\": %.4g", key, value);
}

static inline void bench_json_string(const char *key, const char *value)
{
    printf(", \"%s\": \"%s\"", key, value);
}

static inline void bench_json_close(void)
{
    printf("}\n");
    fflush(stdout);
}

/* The fields that every line has. */
static inline void bench_json_speed(const struct bench_runs *runs, uint64_t messages,
                                    uint64_t checksum)
{
    double ns = (double)bench_best_ns(runs);
    char hex[20];
    snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)checksum);
    bench_json_u64("messages", messages);
    bench_json_double("ns_per_message", ns / (double)messages);
    bench_json_double("ns_per_message_median", (double)bench_median_ns(runs) / (double)messages);
    bench_json_u64("messages_per_second", (uint64_t)((double)messages * 1e9 / ns));
    bench_json_string("checksum", hex);
    bench_json_u64("peak_rss", bench_peak_rss_bytes());
}

/* What the memory of this machine costs: a load that waits for the one before, and one that does
 * not, at random in 64 MB. */
static inline void bench_json_machine(void)
{
    enum { LINES = 1 << 20, LOADS = 2000000 };
    uint64_t(*lines)[8] = bench_map(LINES * sizeof(*lines));
    uint64_t random = 1, at = 0, sum = 0;
    for (uint32_t i = 0; i < LINES; i++) /* a full cycle: the multiplier is 1 mod 4, the rest odd */
        lines[i][0] = (i * UINT64_C(0xD1342543DE82EF95) + 1) % LINES;
    uint64_t begin = bench_cpu_ns();
    for (uint32_t i = 0; i < LOADS; i++)
        at = lines[at][0];
    uint64_t dependent = bench_cpu_ns() - begin;
    begin = bench_cpu_ns();
    for (uint32_t i = 0; i < LOADS; i++)
        sum += lines[tn_random_below(&random, LINES)][1];
    uint64_t independent = bench_cpu_ns() - begin;
    TN_ASSERT(at < LINES && sum == 0);
    bench_json_open("machine");
    bench_json_double("dependent_load_ns", (double)dependent / LOADS);
    bench_json_double("independent_load_ns", (double)independent / LOADS);
    bench_json_close();
    bench_unmap(lines, LINES * sizeof(*lines));
}

/* Latencies of single calls, sorted in place: p50, p99, p99.9, max in ns. */
static inline int bench_compare_u32(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static inline void bench_json_latency(uint32_t *cycles, uint32_t count, double cycles_per_ns)
{
    qsort(cycles, count, sizeof(*cycles), bench_compare_u32);
    bench_json_double("p50_ns", cycles[count / 2] / cycles_per_ns);
    bench_json_double("p99_ns", cycles[(uint64_t)count * 99 / 100] / cycles_per_ns);
    bench_json_double("p999_ns", cycles[(uint64_t)count * 999 / 1000] / cycles_per_ns);
    bench_json_double("max_ns", cycles[count - 1] / cycles_per_ns);
}

/* bench_uniform is uniform in (0, 1]. */
static inline double bench_uniform(uint64_t *random)
{
    return ((double)(tn_random_next(random) >> 11) + 1) / 9007199254740992.0;
}

/* bench_power_law is an offset in [0, max] whose density falls as (1 + x/scale)^-exponent. */
static inline uint32_t bench_power_law(uint64_t *random, double scale, double exponent,
                                       uint32_t max)
{
    for (;;) {
        double offset = scale * (pow(bench_uniform(random), -1 / (exponent - 1)) - 1);
        if (offset <= max) return (uint32_t)offset;
    }
}

/* Zipf: item i of count is drawn with weight 1/(i+1). */
struct bench_zipf {
    double *sums;
    uint32_t count;
};

static inline void bench_zipf_open(struct bench_zipf *zipf, uint32_t count)
{
    zipf->sums = malloc(count * sizeof(double));
    TN_ASSERT(zipf->sums != NULL);
    zipf->count = count;
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        zipf->sums[i] = sum += 1.0 / (i + 1);
}

static inline uint32_t bench_zipf_draw(const struct bench_zipf *zipf, uint64_t *random)
{
    double point = bench_uniform(random) * zipf->sums[zipf->count - 1];
    uint32_t low = 0;
    uint32_t high = zipf->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (zipf->sums[middle] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
