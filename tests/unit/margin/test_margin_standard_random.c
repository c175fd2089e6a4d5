/* Standard margin on random accounts: what must hold for every one of them, and the bound on open
 * orders against every subset of the orders, each worked out as a portfolio of its own.
 *
 * The world has two underlyings, each with a perpetual and two expiries of a future and options at
 * few strikes, so that spreads, covered calls and far longs come often. Marks are random numbers:
 * nothing here may depend on their making sense. Series have indices that descend while holdings
 * ascend, so no code can take one for the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seed.h"
#include "tenor/margin.h"

#define UNDERLYINGS 2
#define EXPIRIES    3 /* of each: perpetual, near, far */
#define STRIKES     5
#define PER_EXPIRY  (1 + 2 * STRIKES)
#define SERIES      (UNDERLYINGS * (1 + 2 * PER_EXPIRY))
#define ORDERS_MAX  10
#define ACCOUNTS    3000

struct world {
    struct tn_risk risk;
    struct tn_margin_series series[SERIES];
    _Alignas(64) int64_t rows[SERIES][TN_ROW_COLUMNS];
    struct tn_margin_asset assets[2];
    struct tn_margin_market market;
    uint32_t listed; /* how many series, in the order of holdings */
};

struct case_account {
    struct tn_holding holdings[SERIES];
    struct tn_margin_order orders[ORDERS_MAX];
    struct tn_margin_account account;
};

static struct world world;
static uint64_t seed;

static int64_t between(int64_t low, int64_t high)
{
    return low + (int64_t)tn_random_below(&seed, (uint64_t)(high - low + 1));
}

static bool one_in(uint64_t count)
{
    return tn_random_below(&seed, count) == 0;
}

/* The next series in the order of holdings. */
static uint32_t index_of(uint32_t place)
{
    return SERIES - 1 - place;
}

static void list(uint16_t expiry, uint8_t kind, tn_micros strike, tn_micros spot, tn_micros forward)
{
    uint32_t index = index_of(world.listed++);
    tn_micros inside = kind == TN_CALL ? forward - strike : strike - forward;
    bool is_option = kind == TN_CALL || kind == TN_PUT;
    world.series[index] = (struct tn_margin_series){
        .underlying = expiry / EXPIRIES,
        .expiry = expiry,
        .kind = kind,
        .strike_micros = strike,
        .spot_lot = spot,
        .forward_lot = forward,
        .strike_lot = strike,
    };
    world.rows[index][TN_COLUMN_MARK] =
        is_option ? (inside > 0 ? inside : 0) + between(0, spot / 8) : forward;
}

static void list_expiry(uint16_t expiry, tn_micros spot)
{
    tn_micros forward = spot + between(-spot / 20, spot / 20);
    list(expiry, TN_FUTURE, 0, spot, forward);
    tn_micros strike = between(spot / 2, spot);
    for (uint32_t i = 0; i < STRIKES; i++) {
        list(expiry, TN_CALL, strike, spot, forward);
        list(expiry, TN_PUT, strike, spot, forward);
        strike += 1 + between(0, one_in(4) ? 8 * spot : spot / 5);
    }
}

static void draw_world(void)
{
    world.listed = 0;
    tn_risk_default(&world.risk, NULL, NULL);
    for (uint16_t u = 0; u < UNDERLYINGS; u++) {
        tn_micros spot = one_in(3) ? between(20, 2000) : between(1000000, 1000000000);
        list((uint16_t)(u * EXPIRIES), TN_PERPETUAL, 0, spot, spot);
        list_expiry((uint16_t)(u * EXPIRIES + 1), spot);
        list_expiry((uint16_t)(u * EXPIRIES + 2), spot);
    }
    assert_int_equal(world.listed, SERIES);
    world.assets[1] = (struct tn_margin_asset){.price_micros = between(0, 3000000),
                                               .mm_haircut_ppm = (int32_t)between(0, 400000),
                                               .im_haircut_ppm = (int32_t)between(0, 400000)};
    world.market = (struct tn_margin_market){
        .risk = &world.risk,
        .rows = (const int64_t(*)[TN_ROW_COLUMNS])world.rows,
        .series = world.series,
        .series_count = SERIES,
        .assets = world.assets,
        .assets_count = 2,
    };
}

/* Every series has a holding, most of them of nothing; `odds`: one in how many is held. */
static void draw_account(struct case_account *drawn, uint64_t odds)
{
    memset(drawn, 0, sizeof *drawn);
    for (uint32_t i = 0; i < SERIES; i++) {
        drawn->holdings[i].series = index_of(i);
        if (one_in(odds)) drawn->holdings[i].quantity = between(-6, 6);
    }
    drawn->account = (struct tn_margin_account){
        .model = TN_MARGIN_STANDARD,
        .cash = between(-1000000000, 1000000000),
        .balances = {0, between(0, 1000000000)},
        .holdings = drawn->holdings,
        .holdings_count = SERIES,
        .orders = drawn->orders,
    };
}

static void add_order(struct case_account *drawn, uint32_t place)
{
    struct tn_holding *holding = &drawn->holdings[place];
    tn_micros mark = world.rows[holding->series][TN_COLUMN_MARK];
    tn_lots lots = between(1, 5) * (one_in(2) ? 1 : -1);
    drawn->orders[drawn->account.orders_count++] =
        (struct tn_margin_order){.series = holding->series,
                                 .quantity = lots,
                                 .price_micros = between(mark / 2, mark + mark / 2 + 3),
                                 .fee_micros = between(0, mark / 50 + 2)};
    if (lots > 0) holding->open_buy += lots;
    if (lots < 0) holding->open_sell -= lots;
}

static struct tn_margin_result evaluate(const struct case_account *drawn)
{
    struct tn_margin_result result;
    struct tn_margin_account account = drawn->account;
    account.holdings = drawn->holdings;
    account.orders = drawn->orders;
    tn_margin_evaluate(&result, NULL, &world.market, &account);
    return result;
}

static void fill(struct case_account *drawn, const struct tn_margin_order *order, tn_lots lots)
{
    for (uint32_t i = 0; i < SERIES; i++)
        if (drawn->holdings[i].series == order->series) drawn->holdings[i].quantity += lots;
    drawn->account.cash -= lots * order->price_micros + (lots == 0 ? 0 : order->fee_micros);
}

/* ---- Positions ---- */

static void test_standard_im_is_at_most_mm_and_mm_at_most_equity(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        struct tn_margin_result result = evaluate(&drawn);
        assert_true(result.im <= result.mm);
        assert_true(result.mm <= result.equity);
        assert_int_equal(result.equity, result.cash_equity + result.options + result.collateral);
        assert_int_equal(result.m, result.im);
        tn_micros mm, equity;
        assert_int_equal(tn_margin_is_below(&mm, &equity, &world.market, &drawn.account),
                         result.mm < 0);
        assert_int_equal(mm, result.mm);
        assert_int_equal(equity, result.equity);
    }
}

/* Positions only, no cash changes hands. (A new strike can: the payoff is then looked at there too,
 * while calls without a long one are charged already.) */
static void test_standard_more_of_a_held_option_never_lowers_a_balance(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        uint32_t place = (uint32_t)between(0, SERIES - 1);
        uint8_t kind = world.series[index_of(place)].kind;
        if (kind != TN_CALL && kind != TN_PUT) continue;
        tn_lots held = drawn.holdings[place].quantity;
        if (held == 0) continue;
        struct tn_margin_result before = evaluate(&drawn);
        drawn.holdings[place].quantity += between(1, 8);
        if (drawn.holdings[place].quantity == 0) continue;
        struct tn_margin_result after = evaluate(&drawn);
        assert_true(after.im >= before.im);
        assert_true(after.mm >= before.mm);
        assert_true(after.equity >= before.equity);
    }
}

static void test_standard_charges_perpetuals_in_proportion_to_their_size(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1);
        drawn.account.balances[1] = 0;
        for (uint32_t i = 0; i < SERIES; i++)
            drawn.holdings[i].quantity = 0;
        tn_micros mark = world.rows[index_of(0)][TN_COLUMN_MARK];
        tn_lots lots = drawn.holdings[0].quantity = between(-1000, 1000);
        struct tn_margin_result result = evaluate(&drawn);
        tn_lots size = lots < 0 ? -lots : lots;
        assert_int_equal(result.im, result.equity - size * tn_ppm_ceil(mark, 100000));
        assert_int_equal(result.mm, result.equity - size * tn_ppm_ceil(mark, 65000));
    }
}

/* ---- A twin of the rules, in long double and without any cleverness ---- */

static long double share(int64_t ppm, long double of)
{
    return (long double)ppm / 1000000 * of;
}

static long double larger(long double a, long double b)
{
    return a > b ? a : b;
}

/* What one short lot takes from the balance. */
static long double twin_charge(const struct tn_margin_series *option, bool im)
{
    const struct tn_risk *risk = &world.risk;
    long double spot = (long double)option->spot_lot, strike = (long double)option->strike_lot;
    long double mark = (long double)world.rows[option - world.series][TN_COLUMN_MARK];
    long double out = larger(option->kind == TN_CALL ? strike - spot : spot - strike, 0) / spot;
    long double of_spot =
        larger(share(risk->standard_least_ppm, 1), share(risk->standard_most_ppm, 1) - out) * spot;
    if (option->kind == TN_CALL)
        return mark + (im ? of_spot : share(risk->standard_call_mm_ppm, spot));
    long double mm = mark + larger(share(risk->standard_put_mm_ppm, spot),
                                   share(risk->standard_put_value_ppm, mark));
    return im ? larger(mark + of_spot, share(risk->standard_put_offset_ppm, mm)) : mm;
}

static long double twin_payoff(const struct tn_holding *holdings, long double price)
{
    long double sum = 0;
    for (uint32_t i = 0; i < PER_EXPIRY; i++) {
        const struct tn_margin_series *option = &world.series[holdings[i].series];
        long double strike = (long double)option->strike_lot;
        if (option->kind != TN_CALL && option->kind != TN_PUT) continue;
        long double over = option->kind == TN_CALL ? price - strike : strike - price;
        sum += (long double)holdings[i].quantity * larger(over, 0);
    }
    return sum;
}

/* One expiry at its worst price; beyond the last strike calls without a long one are charged. */
static long double twin_loss(const struct tn_holding *holdings, bool im)
{
    long double worst = 0, calls = 0;
    long double payoff = twin_payoff(holdings, 0);
    if (payoff < worst) worst = payoff;
    for (uint32_t i = 0; i < PER_EXPIRY; i++) {
        const struct tn_margin_series *option = &world.series[holdings[i].series];
        if (option->kind == TN_FUTURE || holdings[i].quantity == 0) continue;
        if (option->kind == TN_CALL) calls += (long double)holdings[i].quantity;
        payoff = twin_payoff(holdings, (long double)option->strike_lot);
        if (payoff < worst) worst = payoff;
    }
    int64_t ppm = im ? world.risk.standard_unpaired_im_ppm : world.risk.standard_unpaired_mm_ppm;
    long double forward = (long double)world.series[holdings[0].series].forward_lot;
    return worst + (calls < 0 ? calls * share(ppm, forward) : 0);
}

static long double twin_expiry(const struct tn_holding *holdings, bool im)
{
    long double isolated = 0;
    const struct tn_margin_series *future = &world.series[holdings[0].series];
    int64_t ppm = im ? world.risk.standard_perp_im_ppm : world.risk.standard_perp_mm_ppm;
    long double lots = (long double)holdings[0].quantity;
    long double linear = -larger(lots, -lots) * share(ppm, (long double)future->forward_lot);
    for (uint32_t i = 1; i < PER_EXPIRY; i++) {
        const struct tn_margin_series *option = &world.series[holdings[i].series];
        long double short_lots = larger((long double)-holdings[i].quantity, 0);
        isolated -= short_lots * twin_charge(option, im);
    }
    return linear + larger(isolated, twin_loss(holdings, im));
}

/* The perpetuals are taken out by the caller, and there is no collateral. */
static long double twin_balance(const struct case_account *drawn, bool im)
{
    long double balance = (long double)drawn->account.cash, options = 0;
    for (uint32_t i = 0; i < SERIES; i++) {
        const struct tn_holding *holding = &drawn->holdings[i];
        uint8_t kind = world.series[holding->series].kind;
        long double value = (long double)holding->quantity *
                            (long double)world.rows[holding->series][TN_COLUMN_MARK];
        if (kind == TN_CALL || kind == TN_PUT)
            options += value;
        else
            balance += value;
    }
    long double equity = balance + options;
    for (uint32_t u = 0; u < UNDERLYINGS; u++) {
        const struct tn_holding *first = &drawn->holdings[u * (1 + 2 * PER_EXPIRY) + 1];
        balance += twin_expiry(first, im) + twin_expiry(first + PER_EXPIRY, im);
    }
    return balance < equity ? balance : equity;
}

/* Each charge of a lot is rounded once, at most 1.05 + 1 micros up. */
static void test_standard_agrees_with_the_rules_worked_out_naively(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        drawn.account.balances[1] = 0;
        drawn.holdings[0].quantity = drawn.holdings[1 + 2 * PER_EXPIRY].quantity = 0;
        long double slack = 0.001L;
        for (uint32_t i = 0; i < SERIES; i++)
            slack +=
                2.06L * (long double)(drawn.holdings[i].quantity < 0 ? -drawn.holdings[i].quantity
                                                                     : drawn.holdings[i].quantity);
        struct tn_margin_result result = evaluate(&drawn);
        long double im = twin_balance(&drawn, true), mm = twin_balance(&drawn, false);
        assert_true((long double)result.im <= im + 0.001L && (long double)result.im >= im - slack);
        assert_true((long double)result.mm <= mm + 0.001L && (long double)result.mm >= mm - slack);
    }
}

/* ---- Orders ---- */

static tn_micros worst_of_all_subsets(const struct case_account *drawn)
{
    uint32_t count = drawn->account.orders_count;
    tn_micros worst = INT64_MAX;
    for (uint32_t subset = 0; subset < 1u << count; subset++) {
        struct case_account filled = *drawn;
        filled.account.orders_count = 0;
        for (uint32_t i = 0; i < count; i++)
            if (subset >> i & 1) fill(&filled, &drawn->orders[i], drawn->orders[i].quantity);
        tn_micros im = evaluate(&filled).im;
        if (im < worst) worst = im;
    }
    return worst;
}

static void test_standard_orders_never_count_for_more_than_their_worst_subset(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS / 6; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        uint32_t count = one_in(16) ? ORDERS_MAX : (uint32_t)between(1, 6);
        uint32_t places = one_in(2) ? PER_EXPIRY : SERIES - 1; /* crowded or spread */
        for (uint32_t i = 0; i < count; i++)
            add_order(&drawn, (uint32_t)between(0, places));
        assert_true(evaluate(&drawn).m <= worst_of_all_subsets(&drawn));
    }
}

/* A fee is paid on what is filled. */
static void test_standard_orders_never_count_for_more_than_after_partial_fills(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        for (int64_t i = between(1, ORDERS_MAX); i > 0; i--)
            add_order(&drawn, (uint32_t)between(0, PER_EXPIRY));
        struct case_account filled = drawn;
        filled.account.orders_count = 0;
        for (uint32_t i = 0; i < drawn.account.orders_count; i++) {
            const struct tn_margin_order *order = &drawn.orders[i];
            tn_lots all = order->quantity < 0 ? -order->quantity : order->quantity;
            tn_lots some = between(0, all);
            tn_lots lots = order->quantity < 0 ? -some : some;
            struct tn_margin_order part = *order;
            part.fee_micros = order->fee_micros * some / all;
            fill(&filled, &part, lots);
        }
        assert_true(evaluate(&drawn).m <= evaluate(&filled).im);
    }
}

/* The larger of "alone" and "at expiry" is not concave, so an order filled in part may leave less
 * than none or all of it: one order alone is bounded like several. */
static void test_standard_one_order_never_counts_for_more_than_any_part_of_it(void **state)
{
    (void)state;
    uint32_t inside = 0;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        add_order(&drawn, (uint32_t)between(0, SERIES - 1));
        const struct tn_margin_order *order = &drawn.orders[0];
        tn_lots all = order->quantity < 0 ? -order->quantity : order->quantity;
        tn_micros ends = worst_of_all_subsets(&drawn), worst = ends, m = evaluate(&drawn).m;
        for (tn_lots some = 1; some < all; some++) {
            struct case_account filled = drawn;
            struct tn_margin_order part = *order;
            filled.account.orders_count = 0;
            part.fee_micros = order->fee_micros * some / all;
            fill(&filled, &part, order->quantity < 0 ? -some : some);
            tn_micros im = evaluate(&filled).im;
            if (im < worst) worst = im;
        }
        assert_true(m <= worst);
        if (worst < ends) inside++;
    }
    assert_true(inside > 0);
}

/* Where no expiry has two options the choice between alone and at expiry is none, and the bound is
 * the truth for any number of orders. */
static void test_standard_orders_count_exactly_where_no_expiry_holds_two_options(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS / 6; k++) {
        struct case_account drawn;
        uint32_t places[UNDERLYINGS * 5];
        draw_world();
        draw_account(&drawn, SERIES);
        for (uint32_t i = 0; i < SERIES; i++)
            drawn.holdings[i].quantity = 0;
        for (uint32_t i = 0, first = 0; first < SERIES; first += 1 + 2 * PER_EXPIRY) {
            places[i++] = first;
            places[i++] = first + 1;
            places[i++] = first + 2 + (uint32_t)between(0, 2 * STRIKES - 1);
            places[i++] = first + 1 + PER_EXPIRY;
            places[i++] = first + 2 + PER_EXPIRY + (uint32_t)between(0, 2 * STRIKES - 1);
        }
        for (uint32_t i = 0; i < UNDERLYINGS * 5; i++)
            drawn.holdings[places[i]].quantity = between(-6, 6);
        for (int64_t i = between(1, 7); i > 0; i--)
            add_order(&drawn, places[between(0, UNDERLYINGS * 5 - 1)]);
        assert_int_equal(evaluate(&drawn).m, worst_of_all_subsets(&drawn));
    }
}

static void test_standard_one_more_order_never_raises_the_bound(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < ACCOUNTS; k++) {
        struct case_account drawn;
        draw_world();
        draw_account(&drawn, 1 + (uint64_t)between(0, 12));
        for (int64_t i = between(0, ORDERS_MAX - 1); i > 0; i--)
            add_order(&drawn, (uint32_t)between(0, SERIES - 1));
        tn_micros before = evaluate(&drawn).m;
        add_order(&drawn, (uint32_t)between(0, SERIES - 1));
        assert_true(evaluate(&drawn).m <= before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_im_is_at_most_mm_and_mm_at_most_equity),
        cmocka_unit_test(test_standard_more_of_a_held_option_never_lowers_a_balance),
        cmocka_unit_test(test_standard_charges_perpetuals_in_proportion_to_their_size),
        cmocka_unit_test(test_standard_agrees_with_the_rules_worked_out_naively),
        cmocka_unit_test(test_standard_orders_never_count_for_more_than_their_worst_subset),
        cmocka_unit_test(test_standard_orders_never_count_for_more_than_after_partial_fills),
        cmocka_unit_test(test_standard_one_order_never_counts_for_more_than_any_part_of_it),
        cmocka_unit_test(test_standard_orders_count_exactly_where_no_expiry_holds_two_options),
        cmocka_unit_test(test_standard_one_more_order_never_raises_the_bound),
    };
    seed = test_seed("test_margin_standard_random");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
