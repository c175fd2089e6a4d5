/* Open orders: the balance that counts them is never above what any subset of fills would leave,
 * within protection limits too, and is exact for one order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "portfolio_case.h"
#include "seed.h"

static uint64_t seed;
static struct case_market market;
static struct case_account one, filled;

static tn_micros m_of(const struct case_account *a)
{
    struct tn_margin_result result;
    tn_margin_evaluate(&result, NULL, &market.market, &a->account);
    return result.m;
}

/* The least balance over all subsets of orders filled in full that the limits allow. */
static tn_micros brute_force(const struct case_account *a)
{
    tn_micros least = INT64_MAX;
    for (uint32_t set = 0; set < UINT32_C(1) << a->account.orders_count; set++) {
        tn_lots lots[CASE_GROUPS + 1] = {0};
        bool is_allowed = true;
        for (uint32_t i = 0; i < a->account.orders_count; i++)
            if ((set >> i & 1) != 0)
                lots[a->orders[i].group] +=
                    a->orders[i].quantity < 0 ? -a->orders[i].quantity : a->orders[i].quantity;
        for (uint32_t g = 1; g <= CASE_GROUPS; g++)
            if (a->limits[g - 1] != 0 && lots[g] > a->limits[g - 1]) is_allowed = false;
        if (!is_allowed) continue;
        case_fill(&filled, a, &market, set);
        tn_micros m = m_of(&filled);
        if (m < least) least = m;
    }
    return least;
}

static void test_orders_never_count_for_less_than_their_worst_subset(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t i = 0; i < 300; i++) {
        if (i % 10 == 0) case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 46);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 8),
                            value_most);
        case_random_orders(&one, &market, &random, (uint32_t)case_between(&random, 2, 7),
                           value_most);
        assert_true(m_of(&one) <= brute_force(&one));
    }
}

static void test_orders_of_twelve_never_count_for_less_than_their_worst_subset(void **state)
{
    (void)state;
    uint64_t random = seed + 1;
    for (uint32_t i = 0; i < 6; i++) {
        case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 46);
        case_random_account(&one, &market, &random, 6, value_most);
        case_random_orders(&one, &market, &random, CASE_ORDERS, value_most);
        assert_true(m_of(&one) <= brute_force(&one));
    }
}

static void test_one_order_alone_counts_exactly(void **state)
{
    (void)state;
    uint64_t random = seed + 2;
    for (uint32_t i = 0; i < 400; i++) {
        if (i % 20 == 0) case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 46);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 12),
                            value_most);
        case_random_orders(&one, &market, &random, 1, value_most);
        assert_int_equal(m_of(&one), brute_force(&one));
    }
}

/* Limits of a part of each group's lots. */
static void set_limits(struct case_account *a, uint64_t *random)
{
    tn_lots lots[CASE_GROUPS + 1] = {0};
    for (uint32_t i = 0; i < a->account.orders_count; i++)
        lots[a->orders[i].group] +=
            a->orders[i].quantity < 0 ? -a->orders[i].quantity : a->orders[i].quantity;
    for (uint32_t g = 1; g <= CASE_GROUPS; g++)
        a->limits[g - 1] = case_between(random, 0, lots[g] + lots[g] / 4);
}

/* Fills of random size within the limits, each paying its part of the fee, rounded up. */
static void fill_in_parts(struct case_account *out, const struct case_account *a, uint64_t *random)
{
    static struct case_account part;
    tn_lots left[CASE_GROUPS + 1];
    part = *a;
    for (uint32_t g = 1; g <= CASE_GROUPS; g++)
        left[g] = a->limits[g - 1] == 0 ? INT64_MAX : a->limits[g - 1];
    left[0] = INT64_MAX;
    for (uint32_t i = 0; i < a->account.orders_count; i++) {
        struct tn_margin_order *order = &part.orders[i];
        tn_lots size = order->quantity < 0 ? -order->quantity : order->quantity;
        tn_lots lots = size < left[order->group] ? size : left[order->group];
        if (tn_random_below(random, 3) == 0) lots = case_between(random, 0, lots);
        if (tn_random_below(random, 3) == 0) lots = 0;
        left[order->group] -= lots;
        order->fee_micros = size == 0 ? 0 : tn_mul_div_ceil(order->fee_micros, lots, size);
        order->quantity = order->quantity < 0 ? -lots : lots;
    }
    case_fill(out, &part, &market, UINT32_MAX);
}

static void test_protection_limits_bound_every_fill_that_they_allow(void **state)
{
    (void)state;
    uint64_t random = seed + 3;
    uint32_t relieved = 0;
    for (uint32_t i = 0; i < 300; i++) {
        if (i % 10 == 0) case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 45);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 8),
                            value_most);
        case_random_orders(&one, &market, &random, (uint32_t)case_between(&random, 2, 10),
                           value_most);
        tn_micros unlimited = m_of(&one);
        set_limits(&one, &random);
        tn_micros limited = m_of(&one);
        assert_true(limited >= unlimited);
        if (limited > unlimited) relieved++;
        if (i % 10 == 0) assert_true(limited <= brute_force(&one));
        for (uint32_t j = 0; j < 50; j++) {
            fill_in_parts(&filled, &one, &random);
            assert_true(limited <= m_of(&filled));
        }
    }
    assert_true(relieved > 30);
}

/* No more of it can trade than the limit, at its part of the fee, rounded up. */
static void test_one_order_alone_counts_up_to_its_limit(void **state)
{
    (void)state;
    static struct case_account cut;
    uint64_t random = seed + 5;
    uint32_t relieved = 0;
    for (uint32_t i = 0; i < 400; i++) {
        if (i % 20 == 0) case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 45);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 12),
                            value_most);
        case_random_orders(&one, &market, &random, 1, value_most);
        tn_micros unlimited = m_of(&one);
        set_limits(&one, &random);
        cut = one;
        struct tn_margin_order *order = &cut.orders[0];
        tn_lots size = order->quantity < 0 ? -order->quantity : order->quantity;
        tn_lots limit = order->group == 0 ? 0 : one.limits[order->group - 1];
        if (limit != 0 && limit < size) {
            order->quantity = order->quantity < 0 ? -limit : limit;
            order->fee_micros = tn_mul_div_ceil(order->fee_micros, limit, size);
        }
        order->group = 0;
        assert_int_equal(m_of(&one), brute_force(&cut));
        assert_true(m_of(&one) >= unlimited);
        if (m_of(&one) > unlimited) relieved++;
    }
    assert_true(relieved > 30);
}

static void drop_order(struct case_account *a, uint32_t at)
{
    const struct tn_margin_order dropped = a->orders[at];
    for (uint32_t h = 0; h < a->account.holdings_count; h++) {
        if (a->holdings[h].series != dropped.series) continue;
        if (dropped.quantity > 0)
            a->holdings[h].open_buy -= dropped.quantity;
        else
            a->holdings[h].open_sell += dropped.quantity;
    }
    a->account.orders_count--;
    for (uint32_t i = at; i < a->account.orders_count; i++)
        a->orders[i] = a->orders[i + 1];
}

/* Down to none, with protection limits and without. */
static void test_one_order_less_never_lowers_the_balance(void **state)
{
    (void)state;
    uint64_t random = seed + 6;
    for (uint32_t i = 0; i < 600; i++) {
        if (i % 20 == 0) case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 45);
        case_random_account(&one, &market, &random, (uint32_t)case_between(&random, 1, 8),
                            value_most);
        case_random_orders(&one, &market, &random, (uint32_t)case_between(&random, 1, 6),
                           value_most);
        if (i % 2 == 0) set_limits(&one, &random);
        tn_micros m = m_of(&one);
        while (one.account.orders_count > 0) {
            drop_order(&one, (uint32_t)tn_random_below(&random, one.account.orders_count));
            tn_micros more = m_of(&one);
            assert_true(more >= m);
            m = more;
        }
    }
}

/* The bound is a minimum of sums, so with one scenario and one expiry nothing is lost but floors:
 * it is within a micro per order of the worst subset. */
static void test_in_one_scenario_the_worst_subset_is_met(void **state)
{
    (void)state;
    uint64_t random = seed + 4;
    for (uint32_t i = 0; i < 200; i++) {
        case_random_market(&market, &random);
        int64_t value_most = INT64_C(1) << case_between(&random, 20, 46);
        uint32_t count = (uint32_t)case_between(&random, 2, 7);
        market.shocks.scenarios_count = 1;
        market.risk.basis_base_ppm = market.risk.basis_slope_ppm = 0;
        market.risk.naked_mm_ppm = market.risk.naked_im_ppm = 0;
        market.risk.confidence_floor_ppm = 0;
        case_weigh(&market);
        case_random_account(&one, &market, &random, 1, value_most);
        one.holdings[0].series = (uint32_t)case_between(&random, 2, 2 * CASE_STRIKES + 1);
        one.holdings[0].quantity =
            case_quantity(&market, &random, one.holdings[0].series, value_most);
        case_random_orders(&one, &market, &random, count, value_most);
        tn_micros m = m_of(&one), least = brute_force(&one);
        assert_in_range(least - m, 0, count);
    }
}

static int setup(void **state)
{
    (void)state;
    seed = test_seed("test_margin_orders");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_never_count_for_less_than_their_worst_subset),
        cmocka_unit_test(test_orders_of_twelve_never_count_for_less_than_their_worst_subset),
        cmocka_unit_test(test_one_order_alone_counts_exactly),
        cmocka_unit_test(test_protection_limits_bound_every_fill_that_they_allow),
        cmocka_unit_test(test_one_order_alone_counts_up_to_its_limit),
        cmocka_unit_test(test_one_order_less_never_lowers_the_balance),
        cmocka_unit_test(test_in_one_scenario_the_worst_subset_is_met),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
