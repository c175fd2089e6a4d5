/* risk: what the parts of bench_risk share. A workload is a name and a function that prints JSON
 * lines; bench_risk.c has the table, and each part of the risk engine its own file. */
#ifndef BENCH_RISK_H
#define BENCH_RISK_H

#include "bench.h"
#include "tenor/pricing.h"

#define RISK_SEED UINT64_C(20260703)

struct risk_options {
    bool quick; /* one run of less work: does it run at all? */
    bool twin;  /* measure the naive twin too */
    uint32_t runs;
};

struct risk_workload {
    const char *name;
    void (*run)(const struct risk_workload *workload, const struct risk_options *options);
};

/* The paths of the processor that this machine can run, narrowest first, with their targets. */
struct risk_path {
    enum tn_cpu cpu;
    const char *name;
    double price_target_ns;
    double rows_target_ms;
};
uint32_t risk_paths(struct risk_path paths[3]);

static inline void risk_json_target(const char *key, double value, double target)
{
    char name[64];
    snprintf(name, sizeof(name), "target_%s", key);
    bench_json_double(key, value);
    bench_json_double(name, target);
    bench_json_string("meets_target", value <= target ? "yes" : "no");
}

/* risk_pricing.c */
void risk_run_price(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_rows(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_greeks(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_implied(const struct risk_workload *workload, const struct risk_options *options);

/* risk_margin.c */
void risk_run_evaluate(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_check(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_order_term(const struct risk_workload *workload, const struct risk_options *options);

/* risk_sweep.c */
void risk_run_sweep(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_sweep_failing(const struct risk_workload *workload,
                            const struct risk_options *options);
void risk_run_sweep_large(const struct risk_workload *workload, const struct risk_options *options);
void risk_run_mark(const struct risk_workload *workload, const struct risk_options *options);

/* risk_exchange.c */
void risk_run_exchange(const struct risk_workload *workload, const struct risk_options *options);

/* risk_naive.c: the same rows as anyone would write them, in doubles with libm. Options only. */
void naive_rows(int64_t (*rows)[TN_ROW_COLUMNS], const struct tn_shocks *shocks,
                const struct tn_price_expiry *expiry, const struct tn_price_series *series,
                uint32_t count);

#endif
