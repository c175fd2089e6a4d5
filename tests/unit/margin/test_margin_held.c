/* An account without orders is worked out in few scenarios; with details the way leads through all
 * of them. Both must say the same to the micro, with briefs and without, whatever the scenarios are
 * apart, in as many expiries as there may be, on every path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

/* Scenarios that hardly differ: none, one or a few of them may be the worst. */
static void level_rows(uint64_t *random, int64_t apart)
{
    for (uint32_t s = 0; s < market.market.series_count; s++) {
        int64_t *row = market.rows[s];
        for (uint32_t k = 0; k < market.shocks.scenarios_count; k++)
            row[k] = row[TN_COLUMN_MARK] + case_between(random, 0, apart);
    }
}

/* guess: the worst scenario as it was before, or no scenario at all. */
static void assert_same(const struct tn_margin_result *all, uint32_t guess)
{
    struct tn_margin_result few;
    struct tn_margin_note notes[CASE_UNDERLYINGS] = {{1, 1, guess}, {1, 1, TN_COLUMN_DOWN}};
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
    uint32_t cpus_count = runnable_paths(cpus);
    struct tn_margin_detail details[CASE_UNDERLYINGS];
    struct tn_margin_result all;
    market.market.cpu = TN_CPU_BASE;
    market.market.briefs = NULL;
    one.account.notes = NULL;
    tn_margin_evaluate(&all, details, &market.market, &one.account);
    for (uint32_t i = 0; i < cpus_count; i++) {
        market.market.cpu = cpus[i];
        market.market.briefs = NULL;
        assert_same(&all, 0);
        market.market.briefs = &briefs;
        assert_same(&all, 0);
        assert_same(&all, one.account.holdings_count % TN_ROW_COLUMNS);
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

/* ---- The edge of what briefs tell --------------------------------------------------------------
 * A number of a brief is a price cut to units, of 2^20 micros here, weighed, and rounded. Where a
 * price is just below a unit and its product rounds down, it is off by the weight and a half. */
enum { EDGE_SHIFT = 20, EDGE_LOTS = 200, EDGE_TURN = 1024, EDGE_OPTION = 2, EDGE_OTHER = 4 };
#define EDGE_UNIT (INT64_C(1) << EDGE_SHIFT)

/* All scenarios and expiries weigh the same: flat, which is the factor times a damping. */
static void weigh_edge(int64_t factor_ppm, int64_t mm_factor_ppm, int64_t flat,
                       struct tn_discounts discounts)
{
    market.risk.im_factor_ppm = factor_ppm;
    market.market.mm_factor_ppm = mm_factor_ppm;
    market.market.stable_ppm = CASE_ONE;
    for (uint32_t k = 0; k < market.shocks.scenarios_count; k++)
        market.shocks.scenarios[k].damping_q30 = (int32_t)(flat * CASE_ONE / factor_ppm);
    for (uint32_t u = 0; u < CASE_UNDERLYINGS; u++)
        market.underlyings[u].lambda_ppm = market.underlyings[u].confidence_ppm = CASE_ONE;
    for (uint32_t e = 0; e < market.market.expiries_count; e++) {
        market.discounts[e] = discounts;
        market.expiries[e].confidence_ppm = CASE_ONE;
    }
    for (uint32_t s = 0; s < market.market.series_count; s++)
        market.series[s].spot_lot = EDGE_UNIT << 20;
    case_weigh(&market);
    assert_false(market.expiries[1].im.is_wide);
}

/* The same price in all scenarios but two. */
static void level_series(uint32_t series, int64_t price, uint32_t first, int64_t at_first,
                         uint32_t second, int64_t at_second)
{
    int64_t *row = market.rows[series];
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
        row[k] = price;
    row[first] = at_first;
    row[second] = at_second;
}

static void hold_edge(tn_lots lots, tn_lots others)
{
    memset(&one, 0, sizeof one);
    one.holdings[0] = (struct tn_holding){.series = EDGE_OPTION, .quantity = lots};
    one.holdings[1] = (struct tn_holding){.series = EDGE_OTHER, .quantity = others};
    one.account = (struct tn_margin_account){.model = TN_MARGIN_PORTFOLIO,
                                             .holdings = one.holdings,
                                             .holdings_count = others == 0 ? 1 : 2};
    make_briefs();
    assert_true(briefs.places != 0 && scales[0].shift == EDGE_SHIFT);
    assert_all_ways_agree();
}

/* Prices a micro apart, on both sides of a unit: as the weight is 1 and a 1024th, products round
 * down below it and up from it, so that briefs tell two units a lot apart, and four where shorts
 * count twice. One lot of a series whose brief cannot tell makes `worst` the worst in truth. */
static void hold_two_sides_of_a_unit(uint64_t *random, bool is_short, uint32_t worst,
                                     uint32_t shown)
{
    int64_t low = (EDGE_TURN * case_between(random, 1, 100) + EDGE_TURN / 2) * EDGE_UNIT - 1;
    int64_t base = case_between(random, 10, 1000) * EDGE_UNIT, more = base + EDGE_UNIT / 2;
    tn_lots lots = case_between(random, EDGE_LOTS / 2, EDGE_LOTS);
    if (is_short) {
        level_series(EDGE_OPTION, 0, worst, low, shown, low + 1);
        level_series(EDGE_OTHER, base, worst, more, shown, base);
        hold_edge(-lots, -1);
    } else {
        level_series(EDGE_OPTION, 4 * low, worst, low + 1, shown, low);
        level_series(EDGE_OTHER, more, worst, base, shown, more);
        hold_edge(lots, 1);
    }
}

static void test_margin_of_positions_alone_holds_where_briefs_err_the_most(void **state)
{
    const int64_t factor_ppm = 1001000, flat = CASE_Q30 + CASE_Q30 / EDGE_TURN;
    (void)state;
    uint64_t random = seed;
    case_random_market(&market, &random);
    for (int turn = 0; turn < 400; turn++) {
        uint32_t worst = (uint32_t)case_between(&random, 1, 30), shown = worst;
        while (shown == worst)
            shown = (uint32_t)case_between(&random, 1, 30);
        struct tn_discounts discounts = {CASE_Q30 - turn % 4, CASE_Q30};
        if (turn % 3 != 0) discounts.short_q30 = (INT64_C(1) << 61) / flat - 4;
        weigh_edge(factor_ppm, factor_ppm, flat, discounts);
        hold_two_sides_of_a_unit(&random, turn % 2 == 0, worst, shown);
    }
}

/* In one skew scenario prices rise as much as they fall in the other, so that both lose: one
 * forwards, the other by the opposite change; `worst`, where they rise, two micros a lot more. With
 * a weight of nearly 2 both values are told too near to 0, so that the loss there is told too low
 * and the other one too high, by five units a lot together: of longs as of shorts. */
static void test_margin_of_positions_alone_holds_where_briefs_err_the_most_in_skews(void **state)
{
    const int64_t flat = 2 * (CASE_Q30 - CASE_Q30 / 2 / EDGE_TURN);
    (void)state;
    uint64_t random = seed;
    case_random_market(&market, &random);
    weigh_edge(2 * CASE_ONE, CASE_ONE, flat, (struct tn_discounts){CASE_Q30, CASE_Q30});
    for (uint32_t turn = 0; turn < 400; turn++) {
        uint32_t worst = 31 + turn % 2, shown = 63 - worst;
        tn_lots lots = case_between(&random, EDGE_LOTS / 2, EDGE_LOTS);
        int64_t turns = case_between(&random, 1, 100), apart = case_between(&random, 1, 100);
        int64_t low = (EDGE_TURN * turns + EDGE_TURN / 2 + 2) * EDGE_UNIT - 1;
        int64_t high = low + 2 * EDGE_TURN * apart * EDGE_UNIT;
        level_series(EDGE_OPTION, (low + high) / 2 - 1, worst, high, shown, low);
        hold_edge(turn % 4 < 2 ? lots : -lots, 0);
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
        cmocka_unit_test(test_margin_of_positions_alone_holds_where_briefs_err_the_most),
        cmocka_unit_test(test_margin_of_positions_alone_holds_where_briefs_err_the_most_in_skews),
    };
    seed = test_seed("test_margin_held");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
