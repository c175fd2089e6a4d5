/* Portfolio margin: examples worked by hand, the properties that its design promises, and equality
 * with a slow reference on every path of instructions that this machine has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "portfolio_reference.h"
#include "seed.h"

#define ACCOUNTS           400
#define VALUE_MOST(random) (INT64_C(1) << case_between(random, 20, 47))

static uint64_t seed;
static struct case_market market;
static struct case_account one, other, both;

static void evaluate(struct tn_margin_result *result, const struct case_account *a)
{
    tn_margin_evaluate(result, NULL, &market.market, &a->account);
}

/* The account that holds what both hold. */
static void unite(struct case_account *out, const struct case_account *a,
                  const struct case_account *b)
{
    uint32_t i = 0, j = 0, count = 0;
    *out = *a;
    out->account.holdings = out->holdings;
    while (i < a->account.holdings_count || j < b->account.holdings_count) {
        uint32_t left = i < a->account.holdings_count ? a->holdings[i].series : UINT32_MAX;
        uint32_t right = j < b->account.holdings_count ? b->holdings[j].series : UINT32_MAX;
        struct tn_holding holding = {.series = left < right ? left : right};
        if (left <= right) holding.quantity += a->holdings[i++].quantity;
        if (right <= left) holding.quantity += b->holdings[j++].quantity;
        out->holdings[count++] = holding;
    }
    out->account.holdings_count = count;
    out->account.cash += b->account.cash;
    for (uint32_t k = 0; k < TN_MARGIN_ASSETS_MAX; k++)
        out->account.balances[k] += b->account.balances[k];
}

static void test_margin_portfolio_equals_the_slow_reference_on_every_path(void **state)
{
    (void)state;
    uint64_t random = seed;
    enum tn_cpu cpus[3];
    uint32_t cpus_count = runnable_paths(cpus);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct tn_margin_result result;
        if (i % 20 == 0) case_random_market(&market, &random);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 0, 40),
                            VALUE_MOST(&random));
        struct reference r = ref_evaluate(&market, &one.account);
        for (uint32_t p = 0; p < cpus_count; p++) {
            tn_micros mm, equity;
            market.market.cpu = cpus[p];
            evaluate(&result, &one);
            assert_int_equal(result.cash_equity, (tn_micros)r.cash_equity);
            assert_int_equal(result.options, (tn_micros)r.options);
            assert_int_equal(result.collateral, (tn_micros)r.collateral);
            assert_int_equal(result.equity, (tn_micros)r.equity);
            assert_int_equal(result.mm, (tn_micros)r.mm);
            assert_int_equal(result.im, (tn_micros)r.im);
            assert_int_equal(result.m, result.im);
            assert_int_equal(tn_margin_is_below(&mm, &equity, &market.market, &one.account),
                             result.mm < 0);
            assert_int_equal(mm, result.mm);
            assert_int_equal(equity, result.equity);
        }
    }
}

static void test_margin_portfolio_never_needs_more_together_than_apart(void **state)
{
    (void)state;
    uint64_t random = seed + 1;
    for (uint32_t i = 0; i < 2 * ACCOUNTS; i++) {
        struct tn_margin_result a, b, ab;
        if (i % 10 == 0) case_random_market(&market, &random);
        int64_t value_most = VALUE_MOST(&random) / 2;
        uint32_t count = (uint32_t)case_between(&random, 1, i % 10 == 0 ? 250 : 20);
        case_random_account(&one, &market, &random, count, value_most);
        case_random_account(&other, &market, &random, count, value_most);
        unite(&both, &one, &other);
        evaluate(&a, &one);
        evaluate(&b, &other);
        evaluate(&ab, &both);
        assert_true(ab.equity - ab.mm <= a.equity - a.mm + b.equity - b.mm);
        assert_true(ab.equity - ab.im <= a.equity - a.im + b.equity - b.im);
    }
}

static void test_margin_portfolio_needs_in_proportion_to_its_size(void **state)
{
    (void)state;
    uint64_t random = seed + 2;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct tn_margin_result small, large;
        if (i % 20 == 0) case_random_market(&market, &random);
        int64_t times = case_between(&random, 2, 50);
        case_random_account(&one, &market, &random, 20, VALUE_MOST(&random) / 50);
        memset(one.account.balances, 0, sizeof one.account.balances);
        other = one;
        other.account.holdings = other.holdings;
        for (uint32_t h = 0; h < other.account.holdings_count; h++)
            other.holdings[h].quantity *= times;
        evaluate(&small, &one);
        evaluate(&large, &other);
        int64_t apart = (large.equity - large.mm) - times * (small.equity - small.mm);
        assert_true(apart <= 0 && -apart <= times * (2 * CASE_EXPIRIES + 8));
    }
}

static void test_margin_portfolio_orders_im_mm_and_equity(void **state)
{
    (void)state;
    uint64_t random = seed + 3;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        struct tn_margin_result result;
        if (i % 20 == 0) case_random_market(&market, &random);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 0, 500),
                            VALUE_MOST(&random));
        evaluate(&result, &one);
        assert_true(result.im <= result.mm && result.mm <= result.equity);
    }
}

/* ---- By hand -----------------------------------------------------------------------------------
 * One underlying at 1 000, one lot = one unit, spot_lot 1 000. Scenarios: 0: −20 %, 1: +20 %, both
 * undamped; 2: −50 %, damping 1/2; 3: a skew. f = 1 for IM, 0.75 for MM; L = 3/4, H = 5/4: with the
 * dampings all weights are exact. The expiry is so near that its basis weight is f·0.5. */
enum { PERPETUAL, FUTURE, CALL, PUT };

static void price(uint32_t series, const int64_t dollars[7])
{
    for (uint32_t k = 0; k < 4; k++)
        market.rows[series][k] = dollars[k] * CASE_ONE;
    market.rows[series][TN_COLUMN_MARK] = dollars[4] * CASE_ONE;
    market.rows[series][TN_COLUMN_UP] = dollars[5] * CASE_ONE;
    market.rows[series][TN_COLUMN_DOWN] = dollars[6] * CASE_ONE;
}

static void open_hand_market(void)
{
    const struct tn_scenario scenarios[] = {
        {-200000, 1 << 30, TN_VOL_NONE, TN_SCENARIO_SHOCK},
        {200000, 1 << 30, TN_VOL_NONE, TN_SCENARIO_SHOCK},
        {-500000, 1 << 29, TN_VOL_UP, TN_SCENARIO_SHOCK},
        {0, 1 << 30, TN_VOL_NONE, TN_SCENARIO_LINEAR},
    };
    uint32_t unused;
    memset(&market, 0, sizeof market);
    tn_risk_default(&market.risk, market.scenarios, &unused);
    memcpy(market.scenarios, scenarios, sizeof scenarios);
    case_link(&market);
    assert_true(tn_risk_shocks(&market.shocks, &market.risk, market.scenarios, 4));
    market.market.mm_factor_ppm = 750000;
    market.market.underlyings_count = 1;
    market.market.expiries_count = 2;
    market.market.assets_count = 2;
    market.underlyings[0] = (struct tn_margin_underlying){1000 * CASE_ONE, CASE_ONE, CASE_ONE};
    market.expiries[0].confidence_ppm = market.expiries[1].confidence_ppm = CASE_ONE;
    market.assets[1] = (struct tn_margin_asset){.price_micros = 1000 * CASE_ONE,
                                                .mm_haircut_ppm = 100000,
                                                .im_haircut_ppm = 50000,
                                                .confidence_ppm = CASE_ONE};
    for (uint32_t e = 0; e < 2; e++)
        market.discounts[e] = (struct tn_discounts){3 * CASE_Q30 / 4, 5 * CASE_Q30 / 4};
    case_add_series(&market, 0, 0, TN_PERPETUAL, 0, 1000 * CASE_ONE);
    case_add_series(&market, 0, 1, TN_FUTURE, 0, 1000 * CASE_ONE);
    case_add_series(&market, 0, 1, TN_CALL, 1000 * CASE_ONE, 1000 * CASE_ONE);
    case_add_series(&market, 0, 1, TN_PUT, 1000 * CASE_ONE, 1000 * CASE_ONE);
    price(PERPETUAL, (const int64_t[7]){800, 1200, 500, 1000, 1000, 1000, 1000});
    price(FUTURE, (const int64_t[7]){808, 1212, 505, 1010, 1010, 1055, 965});
    price(CALL, (const int64_t[7]){40, 240, 20, 112, 100, 128, 76});
    price(PUT, (const int64_t[7]){200, 20, 500, 112, 100, 80, 124});
    case_weigh(&market);
}

static void hold(uint32_t series, tn_lots quantity)
{
    one.holdings[one.account.holdings_count++] =
        (struct tn_holding){.series = series, .quantity = quantity};
}

static void open_hand_account(int64_t cash_dollars)
{
    uint64_t random = 0;
    open_hand_market();
    case_random_account(&one, &market, &random, 0, 1);
    memset(one.account.balances, 0, sizeof one.account.balances);
    one.account.cash = cash_dollars * CASE_ONE;
}

static void assert_dollars(tn_micros micros, int64_t dollars)
{
    assert_int_equal(micros, dollars * CASE_ONE);
}

/* Two calls, M = 200. Scenario 0: V = 80: ¾·80 − 200 = −140. 1: ¾·480 − 200 = +160. 2: ½·(¾·40 −
 * 200) = −85. 3: V = 224: the lower of ¾·224 − 200 = −32 and 200 − 224. Basis: 2·(76 − 100)·½ =
 * −24. So worst = −140, no contingency: IM = 200 − 140 = 60, MM = 200 − 105 = 95. */
static void test_margin_portfolio_of_a_long_call(void **state)
{
    struct tn_margin_result result;
    struct tn_margin_detail detail;
    (void)state;
    open_hand_account(0);
    hold(CALL, 2);
    tn_margin_evaluate(&result, &detail, &market.market, &one.account);
    assert_dollars(result.options, 200);
    assert_dollars(result.cash_equity, 0);
    assert_dollars(result.im, 60);
    assert_dollars(result.mm, 95);
    assert_dollars(detail.pnl[0], -140);
    assert_dollars(detail.pnl[1], 160);
    assert_dollars(detail.pnl[2], -85);
    assert_dollars(detail.pnl[3], -32);
    assert_dollars(detail.basis, -24);
    assert_dollars(detail.worst, -140);
    assert_int_equal(detail.worst_column, 0);
}

/* A short call and a short put, M = −200. 0: V = −240: 1¼·−240 + 200 = −100. 1: V = −260: −125. 2:
 * V = −520: ½·(−650 + 200) = −225. 3: V = −224: −280 + 200 = −80. Both of a strike are one net
 * short of 2 lots: naked 2 000: MM 0.3 % = 6, IM 0.5 % = 10. IM = 1 000 − 200 − 225 − 10 = 565, MM
 * = 800 − 168.75 − 6 = 625.25. */
static void test_margin_portfolio_of_a_short_straddle(void **state)
{
    struct tn_margin_result result;
    struct tn_margin_detail detail;
    (void)state;
    open_hand_account(1000);
    hold(CALL, -1);
    hold(PUT, -1);
    tn_margin_evaluate(&result, &detail, &market.market, &one.account);
    assert_dollars(result.equity, 800);
    assert_dollars(result.im, 565);
    assert_int_equal(result.mm, 625250000);
    assert_int_equal(detail.worst_column, 2);
    assert_dollars(detail.pnl[3], -80);
    assert_dollars(detail.naked_mm, 6);
    assert_dollars(detail.naked_im, 10);
}

/* The rule that this one replaced, in dollars: −|V·discount − M|, with L = 3/4 and H = 5/4. */
static int64_t bend_of_old(int64_t value, int64_t mark)
{
    int64_t change = (value < 0 ? 5 * value / 4 : 3 * value / 4) - mark;
    return change < 0 ? change : -change;
}

/* A call worth 300 and a put worth 500 that are worth 400 each in every scenario. To be long the
 * call or short the put costs nothing ahead: ¾·400 = 300, 1¼·400 = 500. Together V = 0 and M =
 * −200, which the old rule charged with 200: more than apart. Turned and without discounts a bend
 * costs 300 − 400, −500 + 400, and together −200 − 0: as much as apart. The short put alone is
 * naked: 5 more. */
static void test_margin_portfolio_turns_a_bend_without_discounts(void **state)
{
    struct tn_margin_result result;
    (void)state;
    assert_true(bend_of_old(0, -200) < bend_of_old(400, 300) + bend_of_old(-400, -500));
    open_hand_account(1000);
    price(CALL, (const int64_t[7]){400, 400, 400, 400, 300, 300, 300});
    price(PUT, (const int64_t[7]){400, 400, 400, 400, 500, 500, 500});
    hold(CALL, 1);
    evaluate(&result, &one);
    assert_dollars(result.equity - result.im, 100);
    hold(PUT, -1);
    evaluate(&result, &one);
    assert_dollars(result.equity - result.im, 200);
    one.holdings[0].quantity = 0;
    evaluate(&result, &one);
    assert_dollars(result.equity - result.im, 105);
}

/* One perpetual bought at 1 000 and one future sold at 1 010, on 100 of cash: cash 110, CE = 110 +
 * 1 000 − 1 010 = 100. Linear: 0: −200 + 202 = 2; 1: −2; 2: ½·(−500 + 505) = 2.5. Basis: the
 * future's ±45, short: −45·½ = −22.5. Contingency 2 000: MM 3 % = 60, IM 4 % = 80. IM = 100 − 22.5
 * − 80 = −2.5; MM = 100 − 16.875 − 60 = 23.125. */
static void test_margin_portfolio_of_a_perpetual_against_a_future(void **state)
{
    struct tn_margin_result result;
    struct tn_margin_detail detail;
    (void)state;
    open_hand_account(110);
    hold(PERPETUAL, 1);
    hold(FUTURE, -1);
    tn_margin_evaluate(&result, &detail, &market.market, &one.account);
    assert_dollars(result.cash_equity, 100);
    assert_int_equal(result.im, -2500000);
    assert_int_equal(result.mm, 23125000);
    assert_dollars(detail.pnl[0], 2);
    assert_int_equal(detail.basis, -22500000);
    assert_int_equal(detail.worst_column, TN_COLUMN_UP);
}

/* Collateral of 2 · 1 000 that does not move: MM −10 %, IM −15 %. When it moves with the
 * underlying, it loses 400, gains 400, loses ½·1 000: IM −500, MM −375 more. With the short
 * perpetual of 2 lots against it (cash 2 000 from the sale, CE 0) nothing is left to lose but the
 * contingency of 2 000: 60 and 80. */
static void test_margin_portfolio_counts_collateral_that_hedges(void **state)
{
    struct tn_margin_result result;
    (void)state;
    open_hand_account(0);
    one.account.balances[1] = 2 * CASE_ONE;
    market.assets[1].underlying = TN_MARGIN_NO_UNDERLYING;
    evaluate(&result, &one);
    assert_dollars(result.collateral, 2000);
    assert_dollars(result.mm, 1800);
    assert_dollars(result.im, 1700);
    market.assets[1].underlying = 0;
    evaluate(&result, &one);
    assert_dollars(result.mm, 1800 - 375);
    assert_dollars(result.im, 1700 - 500);
    one.account.cash = 2000 * CASE_ONE;
    hold(PERPETUAL, -2);
    evaluate(&result, &one);
    assert_dollars(result.cash_equity, 0);
    assert_dollars(result.mm, 1800 - 60);
    assert_dollars(result.im, 1700 - 80);
}

/* The long call again, with λ = 1.2 and the cash asset at 0.97: f = (1 + 4·0.02)·1.2 = 1.296. IM =
 * 200 − 1.296·140 = 18.56 and MM as before; factors are rounded at 2^-30, so IM may be a micro off.
 * A confidence of 0.5 is below 0.55: (1 − 0.5)·1.2·2 000 = 1 200 less. */
static void test_margin_portfolio_scales_initial_margin_only(void **state)
{
    struct tn_margin_result result;
    (void)state;
    open_hand_account(0);
    hold(CALL, 2);
    market.underlyings[0].lambda_ppm = 1200000;
    market.market.stable_ppm = 970000;
    case_weigh(&market);
    evaluate(&result, &one);
    assert_dollars(result.mm, 95);
    assert_in_range(result.im, 18560000 - 1, 18560000);
    market.expiries[1].confidence_ppm = 500000;
    evaluate(&result, &one);
    assert_dollars(result.mm, 95);
    assert_in_range(-result.im, 1181440000, 1181440001);
}

/* With an order to buy 2 more calls at 90, fee 1: after the fill V and M double, E = 4·100 − 181:
 * 219 − 280 = −61. To sell 2 at 110 would free all, so unfilled counts: 60. Both together: scenario
 * 0 takes the worse of filled and not for each: −140 + (−140 + 2·10 − 1) = −261 and the sale, which
 * would gain there, counts 0: 200 − 261 = −61; but it may leave nothing naked. */
static void test_margin_portfolio_counts_open_orders_at_their_worst(void **state)
{
    struct tn_margin_result result;
    (void)state;
    open_hand_account(0);
    hold(CALL, 2);
    one.account.orders_count = 1;
    one.holdings[0].open_buy = 2;
    one.orders[0] = (struct tn_margin_order){CALL, 0, 2, 90 * CASE_ONE, CASE_ONE};
    evaluate(&result, &one);
    assert_dollars(result.m, -61);
    assert_dollars(result.im, 60);
    one.orders[0] = (struct tn_margin_order){CALL, 0, -2, 110 * CASE_ONE, CASE_ONE};
    one.holdings[0].open_buy = 0;
    one.holdings[0].open_sell = 2;
    evaluate(&result, &one);
    assert_dollars(result.m, 60);
    one.orders[1] = (struct tn_margin_order){CALL, 0, 2, 90 * CASE_ONE, CASE_ONE};
    one.holdings[0].open_buy = 2;
    one.account.orders_count = 2;
    evaluate(&result, &one);
    assert_dollars(result.m, -61);
}

static int setup(void **state)
{
    (void)state;
    seed = test_seed("test_margin_portfolio");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_margin_portfolio_of_a_long_call),
        cmocka_unit_test(test_margin_portfolio_of_a_short_straddle),
        cmocka_unit_test(test_margin_portfolio_turns_a_bend_without_discounts),
        cmocka_unit_test(test_margin_portfolio_of_a_perpetual_against_a_future),
        cmocka_unit_test(test_margin_portfolio_counts_collateral_that_hedges),
        cmocka_unit_test(test_margin_portfolio_scales_initial_margin_only),
        cmocka_unit_test(test_margin_portfolio_counts_open_orders_at_their_worst),
        cmocka_unit_test(test_margin_portfolio_equals_the_slow_reference_on_every_path),
        cmocka_unit_test(test_margin_portfolio_never_needs_more_together_than_apart),
        cmocka_unit_test(test_margin_portfolio_needs_in_proportion_to_its_size),
        cmocka_unit_test(test_margin_portfolio_orders_im_mm_and_equity),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
