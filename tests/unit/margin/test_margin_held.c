/* An account without orders is worked out in few scenarios; with details the way leads through all
 * of them. Both must say the same to the micro, with briefs and without, whatever the scenarios are
 * apart, in as many expiries as there may be, on every path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASE_EXPIRIES 20
#define CASE_STRIKES  4
#include "portfolio_case.h"
#include "seed.h"

#define MARKETS  12
#define ACCOUNTS 60

static uint64_t seed;
static struct case_market market;
static struct case_account one;
static struct tn_margin_brief briefs_of_series[CASE_SERIES];
static struct tn_margin_scale scales[CASE_UNDERLYINGS];
static struct tn_margin_briefs briefs;

static uint32_t paths(enum tn_cpu out[3])
{
    uint32_t count = 0;
    out[count++] = TN_CPU_BASE;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) out[count++] = TN_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        out[count++] = TN_CPU_AVX512;
#endif
    return count;
}

/* Scenarios that hardly differ: none, one or a few of them may be the worst. */
static void level_rows(uint64_t *random, int64_t apart)
{
    for (uint32_t s = 0; s < market.market.series_count; s++) {
        int64_t *row = market.rows[s];
        for (uint32_t k = 0; k < market.shocks.scenarios_count; k++)
            row[k] = row[TN_COLUMN_MARK] + case_between(random, 0, apart);
    }
}

static void assert_same(const struct tn_margin_result *all)
{
    struct tn_margin_result few;
    struct tn_margin_note notes[CASE_UNDERLYINGS] = {{1, 1, 0}, {1, 1, TN_COLUMN_DOWN}};
    tn_micros mm, equity;
    one.account.notes = notes;
    tn_margin_evaluate(&few, NULL, &market.market, &one.account);
    assert_int_equal(few.cash_equity, all->cash_equity);
    assert_int_equal(few.options, all->options);
    assert_int_equal(few.collateral, all->collateral);
    assert_int_equal(few.equity, all->equity);
    assert_int_equal(few.im, all->im);
    assert_int_equal(few.mm, all->mm);
    assert_int_equal(few.m, all->m);
    bool is_below = tn_margin_is_below(&mm, &equity, &market.market, &one.account);
    assert_true(is_below == (all->mm < 0) && mm == all->mm && equity == all->equity);
    for (uint32_t u = 0; u < CASE_UNDERLYINGS; u++) {
        tn_lots lots[2] = {0, 0};
        for (uint32_t i = 0; i < one.account.holdings_count; i++) {
            const struct tn_margin_series *series = &market.series[one.holdings[i].series];
            if (series->underlying != u) continue;
            lots[series->kind <= TN_FUTURE] += llabs(one.holdings[i].quantity);
        }
        assert_true(notes[u].options == lots[0] && notes[u].linear == lots[1]);
    }
}

static void assert_all_ways_agree(void)
{
    enum tn_cpu cpus[3];
    uint32_t cpus_count = paths(cpus);
    struct tn_margin_detail details[CASE_UNDERLYINGS];
    struct tn_margin_result all;
    market.market.cpu = TN_CPU_BASE;
    market.market.briefs = NULL;
    one.account.notes = NULL;
    tn_margin_evaluate(&all, details, &market.market, &one.account);
    for (uint32_t i = 0; i < cpus_count; i++) {
        market.market.cpu = cpus[i];
        market.market.briefs = NULL;
        assert_same(&all);
        market.market.briefs = &briefs;
        assert_same(&all);
    }
}

static void make_briefs(void)
{
    briefs.series = briefs_of_series;
    briefs.underlyings = scales;
    tn_margin_brief(&briefs, &market.market);
}

static void draw_accounts(uint64_t *random)
{
    make_briefs();
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        uint32_t count = (uint32_t)case_between(random, 0, i % 4 == 0 ? 300 : 8);
        case_random_account(&one, &market, random, count,
                            INT64_C(1) << case_between(random, 20, 47));
        assert_all_ways_agree();
    }
}

static void test_margin_of_positions_alone_is_the_worst_of_all_scenarios(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t i = 0; i < MARKETS; i++) {
        case_random_market(&market, &random);
        draw_accounts(&random);
    }
}

static void test_margin_of_positions_alone_holds_where_scenarios_hardly_differ(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t i = 0; i < MARKETS; i++) {
        case_random_market(&market, &random);
        level_rows(&random, INT64_C(1) << (2 * i));
        draw_accounts(&random);
    }
}

static void test_margin_of_positions_alone_needs_to_know_no_factors(void **state)
{
    (void)state;
    uint64_t random = seed;
    case_random_market(&market, &random);
    for (uint32_t e = 0; e < market.market.expiries_count; e++)
        if (e % 3 == 0) market.expiries[e].im_factor_ppm = market.expiries[e].mm_factor_ppm = 0;
    draw_accounts(&random);
}

static void test_margin_of_positions_alone_holds_with_wide_weights(void **state)
{
    (void)state;
    uint64_t random = seed;
    case_random_market(&market, &random);
    market.underlyings[0].lambda_ppm = 4 * CASE_ONE;
    case_weigh(&market);
    assert_true(market.expiries[0].im.is_wide);
    draw_accounts(&random);
}

/* Scenarios beyond the room of a brief, or lots and prices of more bits. */
static void test_margin_of_positions_alone_holds_where_briefs_have_no_room(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t i = 0; i < 4; i++) {
        case_random_market(&market, &random);
        for (uint32_t k = 0; k < market.shocks.scenarios_count && i == 0; k++)
            market.shocks.scenarios[k].kind = TN_SCENARIO_SHOCK;
        for (uint32_t k = 0; k < 7 && i == 1; k++)
            market.shocks.scenarios[k].kind = TN_SCENARIO_ABS;
        for (uint32_t u = 0; u < CASE_UNDERLYINGS && i == 2; u++)
            market.underlyings[u].confidence_ppm = CASE_ONE;
        for (uint32_t s = 0; s < market.market.series_count && i > 1; s++)
            market.series[s].spot_lot = i == 2 ? 1 : INT64_C(1) << 40;
        case_weigh(&market);
        draw_accounts(&random);
        assert_true((briefs.places == 0) == (i < 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_margin_of_positions_alone_is_the_worst_of_all_scenarios),
        cmocka_unit_test(test_margin_of_positions_alone_holds_where_scenarios_hardly_differ),
        cmocka_unit_test(test_margin_of_positions_alone_needs_to_know_no_factors),
        cmocka_unit_test(test_margin_of_positions_alone_holds_with_wide_weights),
        cmocka_unit_test(test_margin_of_positions_alone_holds_where_briefs_have_no_room),
    };
    seed = test_seed("test_margin_held");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
