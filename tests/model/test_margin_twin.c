/* Margin and its twin in long double, on random markets and accounts.
 *
 * In two steps, so that each tolerance is small. First the market: every price per lot within half
 * a micro of the twin's, discounts and weights within the units they are rounded by. Then the twin
 * takes the real integers of the market, and what is left are the floors of the account: the real
 * balance is never above the twin's (it rounds against the account) and below it by no more than a
 * micro per floor. Last the twin's own market once more, end to end, with the roundings of the
 * market propagated: half a micro per lot and price, a unit of 2^-30 per weight. */
#include "margin_random.h"
#include "seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOISE 0.25L /* no rounding of either side, but what follows */

struct run {
    uint64_t seed, random;
    uint32_t market, account;
    long double widest; /* the largest part of a tolerance that was used */
};

static struct margin_pair *pair_space(void)
{
    static struct margin_pair pair;
    return &pair;
}

static struct margin_account_pair *account_space(void)
{
    static struct margin_account_pair account;
    return &account;
}

/* low ≤ real − twin ≤ high */
static void check(struct run *run, const char *what, long double real, long double twin,
                  long double low, long double high)
{
    long double off = real - twin;
    if (off < 0 && low < 0) run->widest = fmaxl(run->widest, off / low);
    if (off > 0 && high > 0) run->widest = fmaxl(run->widest, off / high);
    if (off >= low && off <= high) return;
    fail_msg("%s is %.3Lf, the twin says %.3Lf: off by %.3Lf, allowed %.3Lf to %.3Lf; "
             "seed %" PRIu64 ", market %" PRIu32 ", account %" PRIu32,
             what, real, twin, off, low, high, run->seed, run->market, run->account);
}

/* ---- The market ---- */

static void check_rows(struct run *run, const struct margin_pair *pair)
{
    const struct margin_twin_table *table = &pair->twin.table;
    for (uint32_t i = 0; i < pair->market.series_count; i++) {
        /* doubles: some 100 ulp of the largest term, which is the moved forward */
        long double blur = 0.5L + 1e-13L * 6 * (table->forward_lot[i] + table->strike_lot[i]);
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
            char what[64];
            snprintf(what, sizeof what, "price of series %" PRIu32 " in column %" PRIu32, i,
                     column);
            check(run, what, (long double)pair->rows[i][column], table->price[i][column], -blur,
                  blur);
        }
    }
}

/* low is floored from a floored L, high is ceiled from a ceiled H, flat is nearest. The weight of
 * the basis is ceiled. */
static void check_weights(struct run *run, const struct tn_margin_weights *weights,
                          const struct margin_twin_weights *twin, bool is_fine)
{
    for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++) {
        const long double unit = 0x1p30L;
        bool basis = column >= TN_COLUMN_UP;
        /* f itself is whole in millionths, up: here as a part of each weight */
        long double up = is_fine ? 0.01L + twin->high[column] * unit * 1e-6L : 0.01L;
        long double slack = basis ? 1.01L : 1.01L + twin->flat[column];
        check(run, "low weight", (long double)weights->low[column], twin->low[column] * unit,
              basis ? -0.01L : -slack, basis ? slack + up : up);
        check(run, "high weight", (long double)weights->high[column], twin->high[column] * unit,
              -0.01L, slack + up);
        check(run, "flat weight", (long double)weights->flat[column], twin->flat[column] * unit,
              -0.51L, basis ? slack + up : 0.51L + up);
        assert_true(weights->low[column] <= weights->flat[column]);
        assert_true(weights->flat[column] <= weights->high[column]);
    }
}

static void check_market(struct run *run, const struct margin_pair *pair)
{
    check_rows(run, pair);
    for (uint32_t i = 0; i < pair->market.expiries_count; i++) {
        long double low, high;
        margin_twin_discounts(&low, &high, &pair->twin, &pair->twin.expiries[i]);
        check(run, "long discount", (long double)pair->discounts[i].long_q30, low * 0x1p30L, -1.01L,
              0.01L);
        check(run, "short discount", (long double)pair->discounts[i].short_q30, high * 0x1p30L,
              -0.01L, 1.01L);
        check_weights(run, &pair->expiries[i].im, &pair->twin.table.weights[MARGIN_TWIN_IM][i],
                      pair->is_fine);
        check_weights(run, &pair->expiries[i].mm, &pair->twin.table.weights[MARGIN_TWIN_MM][i],
                      pair->is_fine);
    }
}

/* ---- How much an account may be off ---- */

/* Micros lost to floors and ceils when the market's integers are given. In a balance: a floor and a
 * ceil of confidence per expiry; per underlying a floor of what is linear and two ceils of
 * contingencies; the value of an asset is floored, or ceiled where it meets moves and rates up to
 * 5, and its haircuts and what it moves by are rounded once more. */
static long double rounds(const struct margin_pair *pair, const struct margin_account_pair *account)
{
    bool expiries[MARGIN_TWIN_EXPIRIES_MAX] = {false};
    bool underlyings[MARGIN_TWIN_UNDERLYINGS_MAX] = {false};
    long double sum = 0;
    for (uint32_t i = 0; i < account->account.holdings_count; i++) {
        const struct tn_margin_series *series = &pair->series[account->holdings[i].series];
        if (!expiries[series->expiry]) sum += 1 + 1;
        expiries[series->expiry] = true;
        if (!underlyings[series->underlying]) sum += 1 + 2;
        underlyings[series->underlying] = true;
    }
    for (uint32_t i = 1; i < pair->market.assets_count; i++) {
        if (account->account.balances[i] != 0) sum += 1 + 3 + 2 * 3;
    }
    return sum;
}

/* Standard margin prices one lot first, in up to three rounded steps, then multiplies. */
static long double lot_rounds(const struct margin_account_pair *account)
{
    long double sum = 0;
    for (uint32_t i = 0; i < account->account.holdings_count; i++)
        sum += 3 * fabsl((long double)account->holdings[i].quantity);
    return sum;
}

/* Orders: a floor for each; under a cap an order's floor counts as often as it fits. */
static long double order_rounds(const struct margin_account_pair *account)
{
    long double sum = 0;
    for (uint32_t i = 0; i < account->account.orders_count; i++) {
        const struct tn_margin_order *order = &account->orders[i];
        sum += 1;
        if (order->group == 0) continue;
        sum += fmaxl(1, (long double)account->group_limits[order->group - 1] /
                            fabsl((long double)order->quantity));
    }
    return sum;
}

/* Σ |n|·P at the highest price of each series, and what collateral is worth at the widest move. */
static long double gross(const struct margin_pair *pair, const struct margin_account_pair *account)
{
    long double sum = 0;
    for (uint32_t i = 0; i < account->account.holdings_count; i++) {
        const struct tn_holding *holding = &account->holdings[i];
        long double most = 0;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++)
            most = fmaxl(most, pair->twin.table.price[holding->series][column]);
        sum += (fabsl((long double)holding->quantity) + (long double)holding->open_buy +
                (long double)holding->open_sell) *
               most;
    }
    for (uint32_t i = 1; i < pair->market.assets_count; i++)
        sum += account->twin.balances[i] * pair->twin.assets[i].price * 6;
    return sum;
}

/* What long double itself may lose: some ulp of each product and sum, with factors up to 4. */
static long double noise(const struct margin_pair *pair, const struct margin_account_pair *account)
{
    return NOISE + gross(pair, account) * 0x1p-60L;
}

/* What the market's own roundings come to: half a micro per lot in each price; weights off by up to
 * 12 units of 2^-30 on all that is held (f ≤ 4, L, H and d each rounded); a lot's value floored by
 * up to one micro, of which no more than λ·(0.06 + slope) counts; and where λ is fine, f off by a
 * millionth, which the basis weighs by up to 4. */
static long double propagated(const struct margin_pair *pair,
                              const struct margin_account_pair *account)
{
    const struct margin_twin_table *table = &pair->twin.table;
    long double sum = gross(pair, account) * (12 * 0x1p-30L + (pair->is_fine ? 4e-6L : 0));
    for (uint32_t i = 0; i < account->account.holdings_count; i++) {
        uint32_t series = account->holdings[i].series;
        const long double *price = table->price[series];
        long double n = fabsl((long double)account->holdings[i].quantity);
        const struct margin_twin_weights *weights =
            &table->weights[MARGIN_TWIN_IM][pair->series[series].expiry];
        long double weight = 0;
        for (uint32_t column = 0; column < TN_ROW_COLUMNS; column++)
            weight = fmaxl(weight, weights->high[column] + weights->flat[column]);
        long double bracket = fmaxl(fabsl(price[TN_COLUMN_UP] - price[TN_COLUMN_MARK]),
                                    fabsl(price[TN_COLUMN_DOWN] - price[TN_COLUMN_MARK]));
        sum += n * (0.51L * weight + 0.51L + 6 + (pair->is_fine ? bracket * 4e-6L : 0));
    }
    return sum;
}

/* ---- Accounts ---- */

static void check_balances(struct run *run, const struct margin_pair *pair,
                           const struct margin_account_pair *account, bool shared)
{
    struct tn_margin_result real;
    struct margin_twin_balances twin;
    tn_margin_evaluate(&real, NULL, &pair->market, &account->account);
    margin_twin_evaluate(&twin, NULL, &pair->twin, &account->twin);
    long double blur = noise(pair, account) + (shared ? 0 : propagated(pair, account));
    long double assets = (long double)pair->market.assets_count; /* the values are floored */
    long double least = -blur - rounds(pair, account);
    if (account->twin.standard) least -= lot_rounds(account);
    check(run, "CE", (long double)real.cash_equity, twin.cash_equity, -blur, blur);
    check(run, "O", (long double)real.options, twin.options, -blur, blur);
    check(run, "collateral", (long double)real.collateral, twin.collateral, -blur - assets, blur);
    check(run, "E", (long double)real.equity, twin.equity, -blur - assets, blur);
    check(run, "IM", (long double)real.im, twin.im, least, blur);
    check(run, "MM", (long double)real.mm, twin.mm, least, blur);
    assert_true(real.im <= real.mm);
    assert_true(real.mm <= real.equity);
    tn_micros mm, equity;
    bool below = tn_margin_is_below(&mm, &equity, &pair->market, &account->account);
    assert_int_equal(below, real.mm < 0);
    assert_int_equal(mm, real.mm);
    assert_int_equal(equity, real.equity);
}

static void check_orders(struct run *run, const struct margin_pair *pair,
                         const struct margin_account_pair *account)
{
    if (account->twin.standard) return;
    struct tn_margin_result real;
    tn_margin_evaluate(&real, NULL, &pair->market, &account->account);
    long double twin = margin_twin_bound(&pair->twin, &account->twin);
    long double blur = noise(pair, account);
    long double least = -blur - rounds(pair, account) - order_rounds(account);
    check(run, "m", (long double)real.m, twin, least, blur);
    assert_true(real.m <= real.im || account->twin.orders_count == 0);
}

/* PnL is told before f: a floor of f·PnL weighs 1/f, and taking f back out of weights that are
 * rounded to 2^-30 leaves up to two of their units, on all that is held. */
static long double detail_slack(const struct margin_pair *pair,
                                const struct margin_account_pair *account, long double damping)
{
    long double units = gross(pair, account) * 0x1p-29L / damping;
    return 2 + (rounds(pair, account) + units) / pair->twin.mm_factor;
}

static void check_pnl(struct run *run, const struct margin_pair *pair,
                      const struct margin_account_pair *account,
                      const struct tn_margin_detail *detail, const struct margin_twin_detail *twin)
{
    long double least = 1; /* damping */
    for (uint32_t k = 0; k < pair->scenarios_count; k++) {
        long double damping = pair->twin.scenarios[k].damping;
        long double slack = detail_slack(pair, account, damping);
        check(run, "PnL", (long double)detail->pnl[k], twin->pnl[k], -slack, slack);
        least = fminl(least, damping);
    }
    long double slack = detail_slack(pair, account, 0.25L); /* no weight is less */
    check(run, "basis", (long double)detail->basis, twin->basis, -slack, slack);
    slack = detail_slack(pair, account, least);
    check(run, "worst", (long double)detail->worst, twin->worst, -slack, slack);
    if (twin->runner_up - twin->worst > 2 * slack)
        assert_int_equal(detail->worst_column, twin->worst_column);
}

static void check_detail(struct run *run, const struct margin_pair *pair,
                         const struct margin_account_pair *account)
{
    if (account->twin.standard) return;
    struct tn_margin_result real;
    struct tn_margin_detail details[MARGIN_TWIN_UNDERLYINGS_MAX];
    struct margin_twin_balances balances;
    struct margin_twin_detail twins[MARGIN_TWIN_UNDERLYINGS_MAX];
    tn_margin_evaluate(&real, details, &pair->market, &account->account);
    margin_twin_evaluate(&balances, twins, &pair->twin, &account->twin);
    long double blur = noise(pair, account);
    long double expiries_count = (long double)pair->market.expiries_count; /* one ceil of each */
    for (uint32_t u = 0; u < pair->market.underlyings_count; u++) {
        const struct tn_margin_detail *detail = &details[u];
        const struct margin_twin_detail *twin = &twins[u];
        check_pnl(run, pair, account, detail, twin);
        long double lambda = pair->twin.underlyings[u].lambda; /* IM's are told after it */
        check(run, "perp MM", (long double)detail->perp_mm, twin->perp[MARGIN_TWIN_MM], -blur,
              1 + blur);
        check(run, "perp IM", (long double)detail->perp_im, lambda * twin->perp[MARGIN_TWIN_IM],
              -blur, 1 + blur);
        check(run, "naked MM", (long double)detail->naked_mm, twin->naked[MARGIN_TWIN_MM], -blur,
              1 + blur);
        check(run, "naked IM", (long double)detail->naked_im, lambda * twin->naked[MARGIN_TWIN_IM],
              -blur, 1 + blur);
        check(run, "confidence", (long double)detail->confidence, lambda * twin->confidence, -blur,
              expiries_count + blur);
    }
}

/* ---- Tests ---- */

static void report(const struct run *run, const char *what)
{
    fprintf(stderr, "%s: at most %.2Lf of a tolerance was used\n", what, run->widest);
}

static struct run run_of(void)
{
    struct run run = {.seed = test_seed("test_margin_twin")};
    run.random = run.seed;
    return run;
}

static void test_parameters_default_to_the_documents_values(void **state)
{
    (void)state;
    static struct margin_twin_market document, shipped;
    static struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk risk;
    uint32_t count;
    tn_risk_default(&risk, scenarios, &count);
    margin_twin_defaults(&document);
    margin_random_parameters(&shipped, &risk, scenarios, count);
#define X(name, standard)                                                                          \
    assert_true(document.parameters.name##_part == shipped.parameters.name##_part);
    MARGIN_TWIN_PARAMETERS(X)
#undef X
    assert_true(document.parameters.window_ms == shipped.parameters.window_ms);
    assert_int_equal(count, document.scenarios_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct margin_twin_scenario *wanted = &document.scenarios[i];
        uint32_t found = 0;
        for (uint32_t k = 0; k < count; k++) {
            const struct margin_twin_scenario *scenario = &shipped.scenarios[k];
            found += fabsl(scenario->move - wanted->move) < 1e-12L &&
                     fabsl(scenario->damping - wanted->damping) <= 0x1p-30L &&
                     scenario->vol == wanted->vol && scenario->kind == wanted->kind;
        }
        assert_int_equal(found, 1);
    }
}

static void test_margin_agrees_with_its_twin_to_the_floors_it_makes(void **state)
{
    (void)state;
    static const struct margin_random_limits sizes[3] = {
        {1, 3, 6, 12, 6, false, 25}, {2, 4, 10, 60, 30, true, 25}, {3, 6, 15, 500, 200, true, 25}};
    struct run run = run_of();
    struct margin_pair *pair = pair_space();
    struct margin_account_pair *account = account_space();
    for (run.market = 0; run.market < 30; run.market++) {
        const struct margin_random_limits *limits = &sizes[run.market % 3];
        margin_random_market(pair, &run.random, limits);
        long double widest = run.widest; /* of accounts: prices use all of their half micro */
        check_market(&run, pair);
        run.widest = widest;
        margin_random_share(pair);
        for (run.account = 0; run.account < 8; run.account++) {
            margin_random_account(account, &run.random, pair, limits);
            check_balances(&run, pair, account, true);
            check_detail(&run, pair, account);
            check_orders(&run, pair, account);
        }
    }
    report(&run, "floors");
}

static void test_margin_agrees_with_a_twin_that_makes_its_own_prices(void **state)
{
    (void)state;
    static const struct margin_random_limits limits = {3, 6, 12, 300, 0, false, 25};
    struct run run = run_of();
    run.random += 1;
    struct margin_pair *pair = pair_space();
    struct margin_account_pair *account = account_space();
    for (run.market = 0; run.market < 16; run.market++) {
        margin_random_market(pair, &run.random, &limits);
        for (run.account = 0; run.account < 8; run.account++) {
            margin_random_account(account, &run.random, pair, &limits);
            check_balances(&run, pair, account, false);
        }
    }
    report(&run, "own prices");
}

static void test_open_orders_are_never_bounded_above_their_worst_subset(void **state)
{
    (void)state;
    static const struct margin_random_limits sizes[3] = {
        {1, 2, 2, 6, 8, false, 25}, {2, 1, 2, 6, 10, false, 25}, {1, 2, 2, 6, 5, true, 25}};
    struct run run = run_of();
    run.random += 2;
    struct margin_pair *pair = pair_space();
    struct margin_account_pair *account = account_space();
    for (run.market = 0; run.market < 45; run.market++) {
        const struct margin_random_limits *limits = &sizes[run.market % 3];
        margin_random_market(pair, &run.random, limits);
        margin_random_share(pair);
        for (run.account = 0; run.account < 4; run.account++) {
            margin_random_account(account, &run.random, pair, limits);
            struct tn_margin_result real;
            tn_margin_evaluate(&real, NULL, &pair->market, &account->account);
            long double worst = margin_twin_worst_subset(&pair->twin, &account->twin);
            long double blur = noise(pair, account);
            check(&run, "m", (long double)real.m, worst, -INFINITY, blur);
            if (account->twin.standard) continue;
            long double bound = margin_twin_bound(&pair->twin, &account->twin);
            check(&run, "the document's bound", bound, worst, -INFINITY, blur);
        }
    }
}

static void test_one_order_is_margined_exactly(void **state)
{
    (void)state;
    static const struct margin_random_limits limits = {2, 3, 5, 20, 1, true, 0};
    struct run run = run_of();
    run.random += 3;
    struct margin_pair *pair = pair_space();
    struct margin_account_pair *account = account_space();
    for (run.market = 0; run.market < 20; run.market++) {
        margin_random_market(pair, &run.random, &limits);
        margin_random_share(pair);
        for (run.account = 0; run.account < 10; run.account++) {
            margin_random_account(account, &run.random, pair, &limits);
            struct tn_margin_result real;
            tn_margin_evaluate(&real, NULL, &pair->market, &account->account);
            long double worst = margin_twin_worst_subset(&pair->twin, &account->twin);
            long double blur = noise(pair, account);
            check(&run, "m of one order", (long double)real.m, worst, -rounds(pair, account) - blur,
                  blur);
        }
    }
}

static void test_standard_margin_agrees_on_spreads_of_few_legs(void **state)
{
    (void)state;
    static const struct margin_random_limits limits = {1, 1, 5, 5, 0, false, 100};
    struct run run = run_of();
    run.random += 4;
    struct margin_pair *pair = pair_space();
    struct margin_account_pair *account = account_space();
    for (run.market = 0; run.market < 30; run.market++) {
        margin_random_market(pair, &run.random, &limits);
        margin_random_share(pair);
        for (run.account = 0; run.account < 100; run.account++) {
            margin_random_account(account, &run.random, pair, &limits);
            check_balances(&run, pair, account, true);
        }
    }
    report(&run, "spreads");
}

static void test_scaling_and_bands_agree_with_their_twins(void **state)
{
    (void)state;
    struct run run = run_of();
    static struct margin_twin_market twin;
    static struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk risk;
    uint32_t count;
    tn_risk_default(&risk, scenarios, &count);
    margin_random_parameters(&twin, &risk, scenarios, count);
    for (uint32_t i = 0; i < 2000; i++) {
        tn_micros interest = (tn_micros)tn_random_below(&run.random, UINT64_C(2000000000000000));
        int64_t volatility = (int64_t)tn_random_below(&run.random, 4000000);
        int64_t share = (int64_t)tn_random_below(&run.random, 1000001);
        check(&run, "lambda", (long double)tn_margin_lambda_ppm(&risk, interest, volatility, share),
              margin_twin_lambda(&twin.parameters, (long double)interest,
                                 (long double)volatility / 1e6L, (long double)share / 1e6L) *
                  1e6L,
              -1.01L, 1.01L);
        tn_micros tick = 1 + (tn_micros)tn_random_below(&run.random, 100000000);
        int32_t delta = (int32_t)tn_random_below(&run.random, 2000000001) - 1000000000;
        tn_micros forward = (tn_micros)tn_random_below(&run.random, 200000000000);
        tn_micros vega = (tn_micros)tn_random_below(&run.random, 400000000);
        int32_t vol = (int32_t)tn_random_below(&run.random, 3000000);
        /* a quarter of the volatility is floored to millionths: 10^-4 of a point */
        check(&run, "band", (long double)tn_margin_band(&risk, tick, delta, forward, vega, vol),
              margin_twin_band(&twin.parameters, (long double)tick, (long double)delta / 1e9L,
                               (long double)forward, (long double)vega, (long double)vol / 1e6L),
              -3 - (long double)vega / 1e4L, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_default_to_the_documents_values),
        cmocka_unit_test(test_margin_agrees_with_its_twin_to_the_floors_it_makes),
        cmocka_unit_test(test_margin_agrees_with_a_twin_that_makes_its_own_prices),
        cmocka_unit_test(test_open_orders_are_never_bounded_above_their_worst_subset),
        cmocka_unit_test(test_one_order_is_margined_exactly),
        cmocka_unit_test(test_standard_margin_agrees_on_spreads_of_few_legs),
        cmocka_unit_test(test_scaling_and_bands_agree_with_their_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
