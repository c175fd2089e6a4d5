/* The workloads of pricing. One market for all: 2 underlyings × 10 expiries × 50 strikes × call and
 * put, strikes over ±3 standard deviations, from one day to two years. */
#include "published_shocks.h"
#include "risk.h"

#define UNDERLYINGS      2
#define EXPIRIES         20 /* of both */
#define SERIES_OF_EXPIRY 100
#define OPTIONS          4096
#define COLUMNS_USED     36 /* 33 scenarios, the mark, both ends of the bracket */

struct market {
    struct tn_shocks shocks;
    struct tn_price_expiry expiries[EXPIRIES];
    struct tn_price_series series[EXPIRIES][SERIES_OF_EXPIRY];
};

typedef int64_t price_row[TN_ROW_COLUMNS];

static void make_market(struct market *market)
{
    static const double days[EXPIRIES / UNDERLYINGS] = {1, 2, 3, 7, 14, 30, 60, 120, 365, 730};
    published_shocks(&market->shocks);
    TN_ASSERT(market->shocks.scenarios_count + 3 == COLUMNS_USED);
    for (uint32_t i = 0; i < EXPIRIES; i++) {
        struct tn_price_expiry *expiry = &market->expiries[i];
        double forward = i % UNDERLYINGS == 0 ? 100000e6 : 3500e6;
        double years = days[i / UNDERLYINGS] / 365;
        double variance = 0.36 * years;
        *expiry = (struct tn_price_expiry){
            .surface = {.a_e12 = (int64_t)(variance * 0.5e12),
                        .b_e12 = (int64_t)(0.4 * sqrt(variance) * 1e12),
                        .rho_e12 = -250000000000,
                        .m_e12 = 0,
                        .sigma_e12 = (int64_t)(1.2 * sqrt(variance) * 1e12),
                        .forward_micros = (int64_t)forward,
                        .tau_ms = (int64_t)(years * 31536e6)},
            .variable_micros = (int64_t)(forward * 1.001),
            .left_ms = (int64_t)(years * 31536e6) - 1000};
        TN_ASSERT(tn_surface_admitted(&expiry->surface));
        for (uint32_t k = 0; k < SERIES_OF_EXPIRY; k++) {
            double away = ((double)(k / 2) / (SERIES_OF_EXPIRY / 2 - 1) * 6 - 3) * sqrt(variance);
            market->series[i][k] = (struct tn_price_series){
                .kind = k % 2 == 0 ? TN_CALL : TN_PUT,
                .strike_micros = (int64_t)(forward * exp(away) / 1e6) * 1000000,
                .lot_micro_units = 10000};
        }
    }
}

static uint64_t digest_rows(price_row *rows, uint32_t count)
{
    struct tn_digest digest = {0};
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++)
            tn_digest_i64(&digest, rows[i][column]);
    }
    return digest.value;
}

/* The twin prices the same thing: its rows differ by what doubles lose. */
static void check_naive(const struct market *market, price_row *rows, uint32_t expiries)
{
    static price_row naive[SERIES_OF_EXPIRY];
    for (uint32_t i = 0; i < expiries; i++) {
        naive_rows(naive, &market->shocks, &market->expiries[i], market->series[i],
                   SERIES_OF_EXPIRY);
        for (uint32_t k = 0; k < SERIES_OF_EXPIRY; k++) {
            for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
                int64_t apart = naive[k][column] - rows[i * SERIES_OF_EXPIRY + k][column];
                TN_ASSERT(apart >= -1 && apart <= 1);
            }
        }
    }
}

static void pass(const struct market *market, price_row *rows, uint32_t expiries,
                 const struct risk_path *path)
{
    for (uint32_t i = 0; i < expiries; i++) {
        price_row *at = rows + i * SERIES_OF_EXPIRY;
        if (path == NULL)
            naive_rows(at, &market->shocks, &market->expiries[i], market->series[i],
                       SERIES_OF_EXPIRY);
        else
            tn_pricing_rows(at, NULL, path->cpu, &market->shocks, &market->expiries[i],
                            market->series[i], SERIES_OF_EXPIRY);
    }
}

/* The best run of `repeats` passes over so many expiries, in ns of one pass. */
static void measure(struct bench_runs *runs, const struct market *market, price_row *rows,
                    uint32_t expiries, const struct risk_path *path, uint32_t repeats,
                    uint32_t runs_count)
{
    *runs = (struct bench_runs){.count = 0};
    pass(market, rows, expiries, path);
    for (uint32_t run = 0; run < runs_count; run++) {
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < repeats; i++)
            pass(market, rows, expiries, path);
        bench_add_run(runs, (bench_cpu_ns() - begin) / repeats);
    }
}

static void run_rows(const struct risk_workload *workload, const struct risk_options *options,
                     uint32_t expiries, uint32_t repeats, bool per_price)
{
    static struct market market;
    struct risk_path paths[3];
    struct bench_runs runs, naive_runs;
    make_market(&market);
    size_t size = EXPIRIES * SERIES_OF_EXPIRY * sizeof(price_row);
    price_row *rows = bench_map(size);
    uint32_t count = expiries * SERIES_OF_EXPIRY;
    uint64_t prices = (uint64_t)count * COLUMNS_USED;
    if (options->quick) repeats = 1;
    if (options->twin) {
        measure(&naive_runs, &market, rows, expiries, NULL, (repeats + 9) / 10, options->runs);
    }
    uint32_t paths_count = risk_paths(paths);
    for (uint32_t i = 0; i < paths_count; i++) {
        measure(&runs, &market, rows, expiries, &paths[i], repeats, options->runs);
        check_naive(&market, rows, expiries);
        double ns = (double)bench_best_ns(&runs);
        bench_json_open(workload->name);
        bench_json_string("cpu", paths[i].name);
        bench_json_u64("lanes", tn_pricing_cpu_lanes(paths[i].cpu));
        bench_json_u64("series", count);
        bench_json_u64("columns", COLUMNS_USED);
        bench_json_u64("expiries", expiries);
        if (per_price)
            risk_json_target("ns_per_price", ns / (double)prices, paths[i].price_target_ns);
        else
            risk_json_target("ms", ns / 1e6, paths[i].rows_target_ms);
        bench_json_speed(&runs, prices, digest_rows(rows, count));
        bench_json_string("clock", "cpu");
        if (options->twin) {
            bench_json_double("twin_ns_per_message",
                              (double)bench_best_ns(&naive_runs) / (double)prices);
            bench_json_double("twin_ratio", (double)bench_best_ns(&naive_runs) / ns);
        }
        bench_json_close();
    }
    bench_unmap(rows, size);
}

/* One expiry of 100 series: 32 kB of rows, warm. */
void risk_run_price(const struct risk_workload *workload, const struct risk_options *options)
{
    run_rows(workload, options, 1, 400, true);
}

void risk_run_rows(const struct risk_workload *workload, const struct risk_options *options)
{
    run_rows(workload, options, EXPIRIES, 30, false);
}

/* ---- One option at a time -------------------------------------------------------------------- */

static void make_options(struct tn_option *choice)
{
    uint64_t random = RISK_SEED;
    for (uint32_t i = 0; i < OPTIONS; i++) {
        double years = exp(log(1.0 / 365) + bench_uniform(&random) * log(730));
        double vol = 0.2 + bench_uniform(&random);
        double away = (bench_uniform(&random) * 4 - 2) * vol * sqrt(years);
        choice[i] = (struct tn_option){.forward_micros = 100000000000,
                                       .strike_micros = (int64_t)(exp(away) * 1e11),
                                       .vol_ppb = (int64_t)(vol * 1e9),
                                       .left_ms = (int64_t)(years * 31536e6),
                                       .rate_ppb = i % 2 == 0 ? 0 : 40000000,
                                       .is_put = away < 0};
    }
}

static void print_single(const struct risk_workload *workload, const struct bench_runs *runs,
                         uint64_t checksum)
{
    bench_json_open(workload->name);
    bench_json_speed(runs, OPTIONS, checksum);
    bench_json_string("clock", "cpu");
    bench_json_close();
}

void risk_run_greeks(const struct risk_workload *workload, const struct risk_options *options)
{
    static struct tn_option choice[OPTIONS];
    struct bench_runs runs = {.count = 0};
    struct tn_digest digest = {0};
    make_options(choice);
    for (uint32_t run = 0; run <= options->runs; run++) {
        digest = (struct tn_digest){0};
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < OPTIONS; i++) {
            struct tn_greeks greeks;
            tn_pricing_greeks(&greeks, &choice[i]);
            tn_digest_i64(&digest, greeks.price_micros + greeks.volga_micros);
        }
        if (run > 0) bench_add_run(&runs, bench_cpu_ns() - begin);
    }
    print_single(workload, &runs, digest.value);
}

void risk_run_implied(const struct risk_workload *workload, const struct risk_options *options)
{
    static struct tn_option choice[OPTIONS];
    static tn_micros prices[OPTIONS];
    struct bench_runs runs = {.count = 0};
    struct tn_digest digest = {0};
    make_options(choice);
    for (uint32_t i = 0; i < OPTIONS; i++)
        prices[i] = tn_pricing_price(&choice[i]);
    for (uint32_t run = 0; run <= options->runs; run++) {
        digest = (struct tn_digest){0};
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < OPTIONS; i++) {
            int64_t vol_ppb = 0;
            TN_ASSERT(tn_pricing_implied_vol(&vol_ppb, prices[i], &choice[i]));
            tn_digest_i64(&digest, vol_ppb);
        }
        if (run > 0) bench_add_run(&runs, bench_cpu_ns() - begin);
    }
    print_single(workload, &runs, digest.value);
}
