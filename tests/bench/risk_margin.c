/* Margin without an exchange around it: accounts worked out, and what one order costs before it is
 * let in.
 *
 * One market of 600 series over 6 expiries of 2 underlyings; 64 accounts in turn, each with its own
 * positions, so that rows come from the second-level cache as they would. The check previews
 * one expiry's kept sums with an order and totals all six, which is what the exchange does between
 * two MARKs; the same with everything added up anew stands beside it. */
#include "margin_twin.h"
#include "risk.h"
#include "tenor/margin.h"

enum { UNDERLYINGS = 2, EXPIRIES = 6, SERIES_OF_EXPIRY = 100, SERIES = 600, ACCOUNTS = 64 };
enum { OPEN_ORDERS = 12, TWIN_ACCOUNTS = 4 };

typedef int64_t price_row[TN_ROW_COLUMNS];

struct market {
    _Alignas(64) price_row rows[SERIES];
    struct tn_risk risk;
    struct tn_shocks shocks;
    struct tn_price_series priced[SERIES];
    struct tn_margin_series series[SERIES];
    struct tn_margin_expiry expiries[EXPIRIES];
    struct tn_margin_underlying underlyings[UNDERLYINGS];
    struct tn_margin_asset assets[1];
    struct tn_margin_market market;
};

struct account {
    struct tn_margin_sums sums[EXPIRIES]; /* with its orders */
    struct tn_holding holdings[SERIES];
    struct tn_margin_order orders[OPEN_ORDERS];
    struct tn_margin_account account;
    struct tn_margin_order next; /* the order that is checked */
};

/* ---- Market ---------------------------------------------------------------------------------- */

static void make_series(struct market *market, uint32_t expiry, double forward, double years)
{
    for (uint32_t k = 0; k < SERIES_OF_EXPIRY; k++) {
        uint32_t index = expiry * SERIES_OF_EXPIRY + k;
        double away = ((double)(k / 2) / (SERIES_OF_EXPIRY / 2 - 1) * 6 - 3) * 0.6 * sqrt(years);
        tn_micros strike = k == 0 ? 0 : (tn_micros)(forward * exp(away) / 1e6) * 1000000;
        uint8_t kind = k == 0 ? TN_FUTURE : k % 2 == 0 ? TN_CALL : TN_PUT;
        market->priced[index] = (struct tn_price_series){
            .kind = kind, .strike_micros = strike, .lot_micro_units = 10000};
        market->series[index] =
            (struct tn_margin_series){.underlying = (uint16_t)(expiry % UNDERLYINGS),
                                      .expiry = (uint16_t)expiry,
                                      .kind = kind,
                                      .strike_micros = strike,
                                      .spot_lot = (tn_micros)forward / 100,
                                      .forward_lot = (tn_micros)forward / 100,
                                      .strike_lot = strike / 100};
    }
}

static void make_expiry(struct market *market, uint32_t expiry, double forward, double days)
{
    double years = days / 365, variance = 0.36 * years;
    const int64_t left_ms = (int64_t)(years * 31536e6);
    const struct tn_price_expiry priced = {
        .surface = {.a_e12 = (int64_t)(variance * 0.5e12),
                    .b_e12 = (int64_t)(0.4 * sqrt(variance) * 1e12),
                    .rho_e12 = -250000000000,
                    .sigma_e12 = (int64_t)(1.2 * sqrt(variance) * 1e12),
                    .forward_micros = (tn_micros)forward,
                    .tau_ms = left_ms},
        .variable_micros = (tn_micros)forward,
        .left_ms = left_ms};
    struct tn_discounts discounts;
    make_series(market, expiry, forward, years);
    tn_pricing_rows(&market->rows[expiry * SERIES_OF_EXPIRY], NULL, TN_CPU_BASE, &market->shocks,
                    &priced, &market->priced[expiry * SERIES_OF_EXPIRY], SERIES_OF_EXPIRY);
    tn_pricing_discounts(&discounts, &market->shocks, left_ms, 0);
    market->expiries[expiry] =
        (struct tn_margin_expiry){.underlying = (uint16_t)(expiry % UNDERLYINGS),
                                  .left_ms = left_ms,
                                  .confidence_ppm = 1000000};
    tn_margin_factors(&market->expiries[expiry], &market->market, &discounts);
}

static void make_market(struct market *market)
{
    static const double days[EXPIRIES / UNDERLYINGS] = {7, 30, 120};
    static const double spots[UNDERLYINGS] = {100000e6, 3500e6};
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t count;
    tn_risk_default(&market->risk, scenarios, &count);
    bool taken = tn_risk_shocks(&market->shocks, &market->risk, scenarios, count);
    TN_ASSERT(taken);
    market->market = (struct tn_margin_market){.risk = &market->risk,
                                               .shocks = &market->shocks,
                                               .rows = (const price_row *)market->rows,
                                               .series = market->series,
                                               .expiries = market->expiries,
                                               .underlyings = market->underlyings,
                                               .assets = market->assets,
                                               .series_count = SERIES,
                                               .expiries_count = EXPIRIES,
                                               .underlyings_count = UNDERLYINGS,
                                               .assets_count = 1,
                                               .mm_factor_ppm = market->risk.mm_factor_ppm,
                                               .stable_ppm = 1000000};
    for (uint32_t i = 0; i < UNDERLYINGS; i++) {
        market->underlyings[i] = (struct tn_margin_underlying){
            .spot_micros = (tn_micros)spots[i], .lambda_ppm = 1000000, .confidence_ppm = 1000000};
    }
    for (uint32_t i = 0; i < EXPIRIES; i++)
        make_expiry(market, i, spots[i % UNDERLYINGS], days[i / UNDERLYINGS]);
}

/* ---- Accounts -------------------------------------------------------------------------------- */

/* Margin wants underlyings together: the expiries of the first, then those of the second. */
static uint32_t expiry_at(uint32_t turn)
{
    return turn / (EXPIRIES / UNDERLYINGS) + turn % (EXPIRIES / UNDERLYINGS) * UNDERLYINGS;
}

static struct tn_margin_order draw_order(const struct market *market, uint64_t *random,
                                         uint32_t series)
{
    tn_lots lots = 1 + (tn_lots)tn_random_below(random, 20);
    tn_micros mark = market->rows[series][TN_COLUMN_MARK];
    bool buys = tn_random_below(random, 2) == 0;
    return (struct tn_margin_order){.series = series,
                                    .quantity = buys ? lots : -lots,
                                    .price_micros = mark + (buys ? -mark : mark) / 50,
                                    .fee_micros = lots * 30000};
}

/* Two orders in each expiry, on series that it holds. */
static void open_orders(struct account *account, const struct market *market, uint64_t *random)
{
    uint32_t place = 0, orders = 0;
    for (uint32_t turn = 0; turn < EXPIRIES; turn++) {
        uint32_t expiry = expiry_at(turn);
        struct tn_margin_sums *sums = &account->sums[turn];
        tn_margin_sums_start(sums, expiry);
        for (uint32_t first = place; place < account->account.holdings_count; place++) {
            struct tn_holding *holding = &account->holdings[place];
            if (market->series[holding->series].expiry != expiry) break;
            tn_margin_sums_position(sums, &market->market, holding->series, holding->quantity);
            if (place >= first + 2) continue;
            struct tn_margin_order order = draw_order(market, random, holding->series);
            if (order.quantity > 0) holding->open_buy += order.quantity;
            if (order.quantity < 0) holding->open_sell -= order.quantity;
            tn_margin_sums_order(sums, &market->market, &order, true);
            account->orders[orders++] = order;
            account->next = order;
        }
    }
    account->account.orders_count = orders;
}

static void make_account(struct account *account, const struct market *market, uint64_t *random,
                         uint32_t positions)
{
    uint32_t count = 0;
    for (uint32_t turn = 0; turn < EXPIRIES; turn++) {
        uint32_t wanted = positions * (turn + 1) / EXPIRIES - count;
        for (uint32_t k = 0; k < wanted; k++) {
            uint32_t low = k * SERIES_OF_EXPIRY / wanted,
                     high = (k + 1) * SERIES_OF_EXPIRY / wanted;
            uint32_t within = low + (uint32_t)tn_random_below(random, high - low);
            tn_lots lots = 1 + (tn_lots)tn_random_below(random, 100);
            account->holdings[count++] =
                (struct tn_holding){.series = expiry_at(turn) * SERIES_OF_EXPIRY + within,
                                    .quantity = tn_random_below(random, 2) == 0 ? lots : -lots};
        }
    }
    account->account = (struct tn_margin_account){.cash = INT64_C(1000000000000),
                                                  .holdings = account->holdings,
                                                  .holdings_count = count,
                                                  .orders = account->orders};
    open_orders(account, market, random);
}

/* ---- What is measured ------------------------------------------------------------------------ */

/* Each is one account's work and returns a number for the checksum. */
typedef tn_micros (*work)(const struct tn_margin_market *market, struct account *account);

static tn_micros work_evaluate(const struct tn_margin_market *market, struct account *account)
{
    struct tn_margin_account bare = account->account;
    struct tn_margin_result result;
    bare.orders_count = 0;
    tn_margin_evaluate(&result, NULL, market, &bare);
    return result.mm + result.im;
}

static tn_micros work_is_below(const struct tn_margin_market *market, struct account *account)
{
    tn_micros mm, equity;
    tn_margin_is_below(&mm, &equity, market, &account->account);
    return mm;
}

static tn_micros work_evaluate_orders(const struct tn_margin_market *market,
                                      struct account *account)
{
    struct tn_margin_result result;
    tn_margin_evaluate(&result, NULL, market, &account->account);
    return result.m;
}

/* Nothing is left from the last total. */
static tn_micros work_total(const struct tn_margin_market *market, struct account *account)
{
    struct tn_margin_sums *sums[EXPIRIES];
    for (uint32_t i = 0; i < EXPIRIES; i++) {
        sums[i] = &account->sums[i];
        sums[i]->is_folded = sums[i]->is_sized = false;
    }
    return tn_margin_sums_total(market, &account->account, sums, EXPIRIES);
}

static tn_micros work_check(const struct tn_margin_market *market, struct account *account)
{
    struct tn_margin_sums *sums[EXPIRIES];
    struct tn_margin_sums touched;
    struct tn_margin_account after = account->account;
    for (uint32_t i = 0; i < EXPIRIES; i++) {
        sums[i] = &account->sums[i];
        if (sums[i]->expiry != market->series[account->next.series].expiry) continue;
        tn_margin_sums_preview(&touched, sums[i], market, &account->next, true);
        sums[i] = &touched;
    }
    after.orders_count++;
    return tn_margin_sums_total(market, &after, sums, EXPIRIES);
}

/* The last expiry's sums stay what they were: the order is added and taken away. */
static tn_micros work_order(const struct tn_margin_market *market, struct account *account)
{
    static struct tn_margin_sums sums;
    if (sums.expiry != account->sums[EXPIRIES - 1].expiry || sums.orders_count == 0) {
        sums = account->sums[EXPIRIES - 1];
    }
    tn_margin_sums_order(&sums, market, &account->next, true);
    tn_margin_sums_order(&sums, market, &account->next, false);
    return sums.zero_terms;
}

struct measure {
    const char *name;
    work run;
    uint32_t positions;
    uint32_t repeats;
    double target_ns;   /* 0: none */
    double divisor;     /* things done per call */
    bool twin_of_bound; /* the twin works out the bound, not the account alone */
};

/* The real numbers put in place of the twin's table: all that it differs in is arithmetic. */
static void make_twin(struct margin_twin_market *twin, const struct market *market)
{
    margin_twin_defaults(twin);
    TN_ASSERT(twin->scenarios_count == market->shocks.scenarios_count);
    twin->underlyings_count = UNDERLYINGS;
    twin->expiries_count = EXPIRIES;
    twin->series_count = SERIES;
    twin->assets_count = 1;
    twin->mm_factor = (long double)market->market.mm_factor_ppm / 1e6L;
    twin->stable = 1;
    for (uint32_t i = 0; i < UNDERLYINGS; i++) {
        twin->underlyings[i] =
            (struct margin_twin_underlying){(long double)market->underlyings[i].spot_micros, 1, 1};
    }
    for (uint32_t i = 0; i < EXPIRIES; i++) {
        twin->expiries[i].underlying = market->expiries[i].underlying;
        twin->expiries[i].left_ms = (long double)market->expiries[i].left_ms;
        twin->expiries[i].confidence = 1;
        for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++) {
            const struct tn_margin_weights *weights[2] = {&market->expiries[i].im,
                                                          &market->expiries[i].mm};
            for (uint32_t level = 0; level < 2; level++) {
                struct margin_twin_weights *to = &twin->table.weights[level][i];
                to->low[k] = (long double)weights[level]->low[k] * 0x1p-30L;
                to->high[k] = (long double)weights[level]->high[k] * 0x1p-30L;
                to->flat[k] = (long double)weights[level]->flat[k] * 0x1p-30L;
            }
        }
    }
    for (uint32_t i = 0; i < SERIES; i++) {
        const struct tn_margin_series *series = &market->series[i];
        twin->series[i] = (struct margin_twin_series){.underlying = series->underlying,
                                                      .expiry = series->expiry,
                                                      .kind = (enum tn_series_kind)series->kind,
                                                      .strike = (long double)series->strike_micros,
                                                      .lot = 0.01L};
        twin->table.spot_lot[i] = (long double)series->spot_lot;
        twin->table.forward_lot[i] = (long double)series->forward_lot;
        twin->table.strike_lot[i] = (long double)series->strike_lot;
        for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
            twin->table.price[i][k] = (long double)market->rows[i][k];
    }
}

static void twin_account(struct margin_twin_account *twin, const struct account *account)
{
    memset(twin, 0, sizeof *twin);
    twin->cash = (long double)account->account.cash;
    for (uint32_t i = 0; i < account->account.holdings_count; i++) {
        const struct tn_holding *holding = &account->holdings[i];
        twin->quantities[holding->series] = (long double)holding->quantity;
    }
    for (uint32_t i = 0; i < account->account.orders_count; i++) {
        const struct tn_margin_order *order = &account->orders[i];
        twin->orders[i] = (struct margin_twin_order){.series = order->series,
                                                     .quantity = (long double)order->quantity,
                                                     .price = (long double)order->price_micros,
                                                     .fee = (long double)order->fee_micros};
    }
    twin->orders_count = account->account.orders_count;
}

/* ns of one account of the twin; what it says must be what margin says, but for its floors. */
static double measure_twin(const struct market *market, struct account *accounts,
                           const struct measure *measure)
{
    static struct margin_twin_market twin;
    static struct margin_twin_account account;
    uint64_t ns = 0;
    make_twin(&twin, market);
    for (uint32_t i = 0; i < TWIN_ACCOUNTS; i++) {
        struct margin_twin_balances balances;
        long double said;
        twin_account(&account, &accounts[i]);
        uint64_t begin = bench_cpu_ns();
        if (measure->twin_of_bound) {
            said = margin_twin_bound(&twin, &account);
        } else {
            account.orders_count = 0;
            margin_twin_evaluate(&balances, NULL, &twin, &account);
            said = balances.im + balances.mm;
        }
        ns += bench_cpu_ns() - begin;
        long double apart =
            said - (long double)(measure->twin_of_bound
                                     ? work_total(&market->market, &accounts[i])
                                     : work_evaluate(&market->market, &accounts[i]));
        TN_ASSERT(apart > -10000 && apart < 10000); /* a cent */
    }
    return (double)ns / TWIN_ACCOUNTS;
}

static void run_measure(const struct risk_options *options, const struct measure *measure,
                        const struct risk_path *path, bool twin)
{
    struct market *market = bench_map(sizeof *market);
    struct account *accounts = bench_map(ACCOUNTS * sizeof *accounts);
    uint64_t random = RISK_SEED, repeats = options->quick ? 1 : measure->repeats;
    struct bench_runs runs = {.count = 0};
    struct tn_digest digest = {0};
    make_market(market);
    market->market.cpu = path->cpu;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        make_account(&accounts[i], market, &random, measure->positions);
    for (uint32_t run = 0; run <= options->runs; run++) {
        digest = (struct tn_digest){0};
        uint64_t begin = bench_cpu_ns();
        for (uint32_t i = 0; i < repeats * ACCOUNTS; i++)
            tn_digest_i64(&digest, measure->run(&market->market, &accounts[i % ACCOUNTS]));
        if (run > 0) bench_add_run(&runs, bench_cpu_ns() - begin);
    }
    double calls = (double)(repeats * ACCOUNTS) * measure->divisor;
    double ns = (double)bench_best_ns(&runs) / calls;
    bench_json_open(measure->name);
    bench_json_string("cpu", path->name);
    bench_json_u64("positions", measure->positions);
    bench_json_u64("expiries", EXPIRIES);
    bench_json_u64("orders", accounts[0].account.orders_count);
    if (measure->target_ns > 0) {
        risk_json_target("ns", ns, measure->target_ns);
    } else {
        bench_json_double("ns", ns);
    }
    bench_json_speed(&runs, (uint64_t)calls, digest.value);
    bench_json_string("clock", "cpu");
    if (options->twin && twin) {
        double twin_ns = measure_twin(market, accounts, measure);
        bench_json_double("twin_ns", twin_ns);
        bench_json_double("twin_ratio", twin_ns / ns);
    }
    bench_json_close();
    bench_unmap(accounts, ACCOUNTS * sizeof *accounts);
    bench_unmap(market, sizeof *market);
}

static void run_all(const struct risk_options *options, const struct measure *measures,
                    uint32_t count, bool twin)
{
    struct risk_path paths[3];
    uint32_t paths_count = risk_paths(paths);
    for (uint32_t i = 0; i < paths_count; i++) {
        for (uint32_t k = 0; k < count; k++)
            run_measure(options, &measures[k], &paths[i], twin);
    }
}

void risk_run_evaluate(const struct risk_workload *workload, const struct risk_options *options)
{
    (void)workload;
    static const struct measure measures[] = {
        {"evaluate-20", work_evaluate, 20, 1000, 0, 1, false},
        {"evaluate-500", work_evaluate, 500, 50, 0, 1, false},
        {"is-below-20", work_is_below, 20, 1000, 0, 1, false},
    };
    run_all(options, measures, 3, true);
}

void risk_run_check(const struct risk_workload *workload, const struct risk_options *options)
{
    (void)workload;
    static const struct measure measures[] = {
        {"check-20", work_check, 20, 1000, 300, 1, true},
        {"check-500", work_check, 500, 500, 5000, 1, true},
        {"check-20-anew", work_evaluate_orders, 20, 1000, 0, 1, true},
        {"check-500-anew", work_evaluate_orders, 500, 50, 0, 1, true},
    };
    run_all(options, measures, 4, true);
}

void risk_run_order_term(const struct risk_workload *workload, const struct risk_options *options)
{
    (void)workload;
    static const struct measure measures[] = {
        {"order-term", work_order, 20, 1000, 0, 2, false},
        {"sums-total-20", work_total, 20, 1000, 0, 1, false},
        {"sums-total-500", work_total, 500, 500, 0, 1, false},
    };
    run_all(options, measures, 3, false);
}
