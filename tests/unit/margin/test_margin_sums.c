/* Kept sums: after any edits of positions and orders their total is what evaluation from scratch
 * says, to the micro. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "portfolio_case.h"
#include "seed.h"

#define EXPIRIES (CASE_UNDERLYINGS * CASE_EXPIRIES)

static uint64_t seed;
static struct case_market market;
static struct case_account one;
static struct tn_margin_sums sums[EXPIRIES];

static struct tn_margin_sums *sums_of(uint32_t series)
{
    return &sums[market.series[series].expiry];
}

static void start_sums(void)
{
    for (uint32_t e = 0; e < EXPIRIES; e++)
        tn_margin_sums_start(&sums[e], e);
    for (uint32_t h = 0; h < one.account.holdings_count; h++)
        tn_margin_sums_position(sums_of(one.holdings[h].series), &market.market,
                                one.holdings[h].series, one.holdings[h].quantity);
}

/* The sums in the holdings' order, with others in the place of these, unless NULL. */
static uint32_t kept_sums(struct tn_margin_sums *kept[EXPIRIES], const struct tn_margin_sums *these,
                          struct tn_margin_sums *others)
{
    uint32_t count = 0;
    for (uint32_t h = 0; h < one.account.holdings_count; h++) {
        struct tn_margin_sums *next = sums_of(one.holdings[h].series);
        if (next == these) next = others;
        if (count == 0 || kept[count - 1] != next) kept[count++] = next;
    }
    return count;
}

static tn_micros total_with(const struct tn_margin_sums *these, struct tn_margin_sums *others)
{
    struct tn_margin_sums *kept[EXPIRIES];
    uint32_t count = kept_sums(kept, these, others);
    return tn_margin_sums_total(&market.market, &one.account, kept, count);
}

/* Told of no orders but those of groups with limits. */
static tn_micros total_limited(void)
{
    struct tn_margin_sums *kept[EXPIRIES];
    struct tn_margin_order limited[CASE_ORDERS];
    struct tn_margin_account account = one.account;
    uint32_t count = kept_sums(kept, NULL, NULL), limited_count = 0;
    for (uint32_t i = 0; i < account.orders_count; i++) {
        const struct tn_margin_order *order = &one.orders[i];
        if (order->group != 0 && one.limits[order->group - 1] != 0) {
            limited[limited_count++] = *order;
        }
    }
    account.orders = NULL;
    return tn_margin_sums_total_limited(&market.market, &account, kept, count, limited,
                                        limited_count);
}

static tn_micros total(void)
{
    return total_with(NULL, NULL);
}

static void change_position(uint64_t *random, int64_t value_most)
{
    struct tn_holding *holding = &one.holdings[tn_random_below(random, one.account.holdings_count)];
    tn_lots quantity = case_quantity(&market, random, holding->series, value_most);
    tn_margin_sums_position(sums_of(holding->series), &market.market, holding->series,
                            quantity - holding->quantity);
    holding->quantity = quantity;
}

static void change_open(const struct tn_margin_order *order, int64_t sign)
{
    for (uint32_t h = 0; h < one.account.holdings_count; h++) {
        struct tn_holding *holding = &one.holdings[h];
        if (holding->series != order->series) continue;
        if (order->quantity > 0)
            holding->open_buy += sign * order->quantity;
        else
            holding->open_sell -= sign * order->quantity;
    }
}

static void add_order(uint64_t *random, int64_t value_most)
{
    uint32_t at = one.account.orders_count;
    if (at == CASE_ORDERS) return;
    uint32_t series = one.holdings[tn_random_below(random, one.account.holdings_count)].series;
    tn_micros mark = market.rows[series][TN_COLUMN_MARK];
    struct tn_margin_order order = {series, (uint32_t)tn_random_below(random, CASE_GROUPS + 1),
                                    case_quantity(&market, random, series, value_most),
                                    case_between(random, mark / 2, 2 * mark),
                                    case_between(random, 0, 1000)};
    if (order.quantity == 0) order.quantity = -1;
    while (at > 0 && one.orders[at - 1].series > series) {
        one.orders[at] = one.orders[at - 1];
        at--;
    }
    one.orders[at] = order;
    one.account.orders_count++;
    change_open(&order, 1);
    tn_margin_sums_order(sums_of(series), &market.market, &order, true);
}

static void remove_order(uint64_t *random)
{
    if (one.account.orders_count == 0) return;
    uint32_t at = (uint32_t)tn_random_below(random, one.account.orders_count);
    struct tn_margin_order order = one.orders[at];
    for (; at + 1 < one.account.orders_count; at++)
        one.orders[at] = one.orders[at + 1];
    one.account.orders_count--;
    change_open(&order, -1);
    tn_margin_sums_order(sums_of(order.series), &market.market, &order, false);
}

static void edit(uint64_t *random, int64_t value_most)
{
    switch (tn_random_below(random, 4)) {
        case 0: change_position(random, value_most); return;
        case 1: remove_order(random); return;
    }
    add_order(random, value_most);
}

static void run_edits(uint64_t *random, bool has_limits)
{
    for (uint32_t i = 0; i < 60; i++) {
        if (i % 10 == 0) case_random_market(&market, random);
        int64_t value_most = INT64_C(1) << case_between(random, 20, 45);
        case_random_account(&one, &market, random, (uint32_t)case_between(random, 1, 15),
                            value_most);
        one.account.groups_count = CASE_GROUPS;
        for (uint32_t g = 0; has_limits && g < CASE_GROUPS; g++)
            one.limits[g] = case_between(random, 0, 1000);
        start_sums();
        for (uint32_t j = 0; j < 40; j++) {
            struct tn_margin_result result;
            edit(random, value_most);
            if (!has_limits && one.account.orders_count > 1) one.account.orders = NULL;
            tn_micros m = total();
            one.account.orders = one.orders;
            tn_margin_evaluate(&result, NULL, &market.market, &one.account);
            assert_int_equal(m, result.m);
            if (one.account.orders_count > 1) assert_int_equal(total_limited(), result.m);
        }
    }
}

static void test_sums_total_what_evaluation_says_after_any_edits(void **state)
{
    (void)state;
    uint64_t random = seed;
    run_edits(&random, false);
}

static void test_sums_total_what_evaluation_says_with_protection_limits(void **state)
{
    (void)state;
    uint64_t random = seed + 1;
    run_edits(&random, true);
}

static void test_sums_are_empty_again_when_all_is_taken_away(void **state)
{
    (void)state;
    static struct tn_margin_sums before[EXPIRIES];
    uint64_t random = seed + 2;
    case_random_market(&market, &random);
    case_random_account(&one, &market, &random, 12, INT64_C(1) << 40);
    for (uint32_t h = 0; h < one.account.holdings_count; h++)
        one.holdings[h].quantity = 0;
    start_sums();
    memcpy(before, sums, sizeof before);
    for (uint32_t i = 0; i < CASE_ORDERS; i++)
        add_order(&random, INT64_C(1) << 40);
    for (uint32_t i = 0; i < 40; i++)
        change_position(&random, INT64_C(1) << 40);
    assert_memory_not_equal(before, sums, sizeof before);
    while (one.account.orders_count > 0)
        remove_order(&random);
    for (uint32_t h = 0; h < one.account.holdings_count; h++)
        tn_margin_sums_position(sums_of(one.holdings[h].series), &market.market,
                                one.holdings[h].series, -one.holdings[h].quantity);
    for (uint32_t e = 0; e < EXPIRIES; e++) {
        assert_memory_equal(before[e].value, sums[e].value, TN_COLUMN_UP * sizeof sums[e].value[0]);
        assert_memory_equal(before[e].low, sums[e].low, market.shocks.scenarios_count * 8);
        assert_memory_equal(before[e].high, sums[e].high, market.shocks.scenarios_count * 8);
        assert_memory_equal(before[e].back, sums[e].back, market.shocks.scenarios_count * 8);
        assert_int_equal(sums[e].up, 0);
        assert_int_equal(sums[e].down, 0);
        assert_int_equal(sums[e].zero_terms, 0);
        assert_int_equal(sums[e].orders_count, 0);
    }
}

/* The account is as after the order's coming or going, open lots and all. */
static void check_preview(const struct tn_margin_order *order, const struct tn_margin_sums *before,
                          bool is_added)
{
    static struct tn_margin_sums apart, within;
    struct tn_margin_sums *now = sums_of(order->series);
    enum tn_cpu cpus[3];
    uint32_t cpus_count = runnable_paths(cpus);
    tn_micros m = total();
    for (uint32_t i = 0; i < cpus_count; i++) {
        market.market.cpu = cpus[i];
        memset(&apart, 0xff, sizeof apart);
        tn_margin_sums_preview(&apart, before, &market.market, order, is_added);
        assert_int_equal(total_with(now, &apart), m);
        within = *before;
        tn_margin_sums_preview(&within, &within, &market.market, order, is_added);
        assert_int_equal(total_with(now, &within), m);
    }
    market.market.cpu = TN_CPU_BASE;
}

/* An order comes or goes; its sums as they were before are in `before`. */
static struct tn_margin_order move_order(uint64_t *random, struct tn_margin_sums *before,
                                         bool *is_added)
{
    static struct tn_margin_sums all[EXPIRIES];
    uint32_t count = one.account.orders_count;
    struct tn_margin_order had[CASE_ORDERS], moved = {0};
    memcpy(all, sums, sizeof all);
    memcpy(had, one.orders, sizeof had);
    if (count > 2 && tn_random_below(random, 2) == 0)
        remove_order(random);
    else
        add_order(random, INT64_C(1) << case_between(random, 20, 45));
    *is_added = one.account.orders_count > count;
    uint32_t most = *is_added ? one.account.orders_count : count, at = 0;
    const struct tn_margin_order *more = *is_added ? one.orders : had;
    const struct tn_margin_order *less = *is_added ? had : one.orders;
    while (at + 1 < most && memcmp(&more[at], &less[at], sizeof *more) == 0)
        at++;
    moved = more[at];
    *before = all[market.series[moved.series].expiry];
    return moved;
}

static void test_sums_previewed_with_an_order_total_what_sums_with_it_do(void **state)
{
    (void)state;
    static struct tn_margin_sums before;
    uint64_t random = seed + 3;
    for (uint32_t i = 0; i < 60; i++) {
        bool is_added;
        if (i % 10 == 0) case_random_market(&market, &random);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 15),
                            INT64_C(1) << case_between(&random, 20, 45));
        start_sums();
        for (uint32_t j = 0; j < 2 + CASE_ORDERS / 3; j++)
            add_order(&random, INT64_C(1) << 40);
        for (uint32_t j = 0; j < 20 && one.account.orders_count < CASE_ORDERS; j++) {
            struct tn_margin_order order = move_order(&random, &before, &is_added);
            if (one.account.orders_count > 1) check_preview(&order, &before, is_added);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    seed = test_seed("test_margin_sums");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_total_what_evaluation_says_after_any_edits),
        cmocka_unit_test(test_sums_total_what_evaluation_says_with_protection_limits),
        cmocka_unit_test(test_sums_are_empty_again_when_all_is_taken_away),
        cmocka_unit_test(test_sums_previewed_with_an_order_total_what_sums_with_it_do),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
