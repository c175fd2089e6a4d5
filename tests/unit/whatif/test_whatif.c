/* whatif: the view it builds against one put together by hand, what it explains against what margin
 * says, every fault at its bound, and random inputs that must be answered or refused. */
#include "tenor/whatif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "seed.h"

#define DOLLAR     INT64_C(1000000)
#define DAY_MS     INT64_C(86400000)
#define SERIES_MAX 8
#define ORDERS_MAX 6

/* Two underlyings; the first has a perpetual and two expiries. A test changes what it is about. */
struct what_if_case {
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_whatif_underlying underlyings[2];
    struct tn_whatif_expiry expiries[2];
    struct tn_whatif_series series[SERIES_MAX];
    struct tn_whatif_position positions[SERIES_MAX];
    struct tn_margin_order orders[ORDERS_MAX];
    tn_lots group_limits[1];
    struct tn_margin_asset assets[3];
    struct tn_whatif input;
    struct tn_whatif_result result;
    struct tn_whatif_fault fault;
    void *memory;
};

enum { PERPETUAL, FUTURE, PUT_NEAR, CALL_NEAR, PUT_FAR, CALL_FAR, OTHER_PERPETUAL, SERIES_COUNT };

static struct tn_whatif_series option(uint8_t kind, uint16_t expiry, int64_t strike, int64_t vol)
{
    return (struct tn_whatif_series){
        .kind = kind, .expiry = expiry, .strike_micros = strike * DOLLAR, .vol_ppb = vol};
}

static void fill_market(struct what_if_case *it)
{
    struct tn_whatif_underlying btc = {.spot_micros = 100000 * DOLLAR,
                                       .perpetual_micros = 100050 * DOLLAR,
                                       .option_lot_micro_units = 100000,
                                       .linear_lot_micro_units = 1000,
                                       .lambda_ppm = 1200000,
                                       .confidence_ppm = 1000000};
    it->underlyings[0] = it->underlyings[1] = btc;
    it->underlyings[1].spot_micros = 4000 * DOLLAR;
    it->underlyings[1].perpetual_micros = 4001 * DOLLAR;
    it->underlyings[1].lambda_ppm = 1000000;
    struct tn_surface surface = {.a_e12 = INT64_C(10000000000),
                                 .b_e12 = INT64_C(80000000000),
                                 .rho_e12 = INT64_C(-300000000000),
                                 .m_e12 = INT64_C(20000000000),
                                 .sigma_e12 = INT64_C(150000000000),
                                 .forward_micros = 100500 * DOLLAR,
                                 .tau_ms = 35 * DAY_MS};
    for (uint16_t i = 0; i < 2; i++) {
        it->expiries[i] = (struct tn_whatif_expiry){.surface = surface,
                                                    .has_surface = 1,
                                                    .variable_micros = (100200 + 300 * i) * DOLLAR,
                                                    .left_ms = (7 + 28 * i) * DAY_MS,
                                                    .rate_ppb = 30000000 * i,
                                                    .confidence_ppm = 1000000};
    }
    it->series[PERPETUAL] = (struct tn_whatif_series){.kind = TN_PERPETUAL, .vol_ppb = -1};
    it->series[FUTURE] = (struct tn_whatif_series){.kind = TN_FUTURE, .vol_ppb = -1};
    it->series[PUT_NEAR] = option(TN_PUT, 0, 95000, INT64_C(550000000));
    it->series[CALL_NEAR] = option(TN_CALL, 0, 105000, INT64_C(530000000));
    it->series[PUT_FAR] = option(TN_PUT, 1, 90000, TN_WHATIF_VOL_OF_SURFACE);
    it->series[CALL_FAR] = option(TN_CALL, 1, 120000, TN_WHATIF_VOL_OF_SURFACE);
    it->series[OTHER_PERPETUAL] =
        (struct tn_whatif_series){.underlying = 1, .kind = TN_PERPETUAL, .vol_ppb = -1};
}

static void fill_account(struct what_if_case *it)
{
    static const tn_lots quantities[SERIES_COUNT] = {500, -250, 15, -20, 10, -30, 4000};
    for (uint32_t i = 0; i < SERIES_COUNT; i++) {
        it->positions[i] = (struct tn_whatif_position){.series = i, .quantity = quantities[i]};
    }
    it->positions[PERPETUAL].unrealised = 1200 * DOLLAR + 250000;
    it->positions[PERPETUAL].funding = -3 * DOLLAR;
    it->positions[FUTURE].unrealised = 80 * DOLLAR;
    it->orders[0] = (struct tn_margin_order){CALL_FAR, 1, -10, 110 * DOLLAR, DOLLAR};
    it->orders[1] = (struct tn_margin_order){PERPETUAL, 0, 200, 100 * DOLLAR, 0};
    it->orders[2] = (struct tn_margin_order){PUT_NEAR, 1, -25, 90 * DOLLAR, DOLLAR / 2};
    it->orders[3] = (struct tn_margin_order){OTHER_PERPETUAL, 0, -900, 5 * DOLLAR, 7};
    it->group_limits[0] = 20;
    it->assets[1] = (struct tn_margin_asset){.price_micros = 100000 * DOLLAR,
                                             .mm_haircut_ppm = 80000,
                                             .im_haircut_ppm = 40000,
                                             .confidence_ppm = 400000,
                                             .underlying = 0};
    it->assets[2] = (struct tn_margin_asset){.price_micros = 1090001,
                                             .mm_haircut_ppm = 20000,
                                             .im_haircut_ppm = 10000,
                                             .confidence_ppm = 1000000,
                                             .underlying = TN_MARGIN_NO_UNDERLYING};
    it->input.balances[1] = 123457;
    it->input.balances[2] = 5000 * DOLLAR + 3;
    it->input.cash = 60000 * DOLLAR;
}

static void fill_case(struct what_if_case *it)
{
    memset(it, 0, sizeof *it);
    tn_risk_default(&it->risk, it->scenarios, &it->input.scenarios_count);
    fill_market(it);
    fill_account(it);
    struct tn_whatif *input = &it->input;
    input->risk = &it->risk;
    input->scenarios = it->scenarios;
    input->underlyings = it->underlyings;
    input->underlyings_count = 2;
    input->expiries = it->expiries;
    input->expiries_count = 2;
    input->series = it->series;
    input->series_count = SERIES_COUNT;
    input->positions = it->positions;
    input->positions_count = SERIES_COUNT;
    input->orders = it->orders;
    input->orders_count = 4;
    input->group_limits = it->group_limits;
    input->groups_count = 1;
    input->assets = it->assets;
    input->assets_count = 3;
    input->stable_ppm = 1000000;
}

/* Evaluates into fresh memory; what was there before is dropped. */
static bool evaluate(struct what_if_case *it)
{
    size_t size = tn_whatif_size(&it->input);
    free(it->memory);
    it->memory = NULL;
    if (size > 0) {
        assert_int_equal(size % 64, 0);
        it->memory = aligned_alloc(64, size);
        assert_non_null(it->memory);
        memset(it->memory, 0xA5, size); /* it need not be zeroed */
    }
    return tn_whatif_evaluate(&it->result, &it->fault, it->memory, &it->input);
}

static void answer(struct what_if_case *it)
{
    if (!evaluate(it)) {
        fail_msg("fault %d, %u: %s", (int)it->fault.kind, it->fault.index,
                 tn_whatif_fault_text(it->fault.kind));
    }
    assert_int_equal(it->fault.kind, TN_WHATIF_FAULT_NONE);
}

static struct what_if_case *open_case(void)
{
    struct what_if_case *it = malloc(sizeof *it);
    assert_non_null(it);
    fill_case(it);
    return it;
}

static void close_case(struct what_if_case *it)
{
    free(it->memory);
    free(it);
}

static void assert_same(const struct tn_margin_result *a, const struct tn_margin_result *b)
{
    assert_int_equal(a->cash_equity, b->cash_equity);
    assert_int_equal(a->options, b->options);
    assert_int_equal(a->collateral, b->collateral);
    assert_int_equal(a->equity, b->equity);
    assert_int_equal(a->im, b->im);
    assert_int_equal(a->mm, b->mm);
    assert_int_equal(a->m, b->m);
}

/* ---- The same as by hand ---- */

#define HAND_EXPIRIES 4 /* the perpetual, near, far, the other perpetual */

struct hand {
    struct tn_shocks shocks;
    _Alignas(64) int64_t rows[SERIES_COUNT][TN_ROW_COLUMNS];
    struct tn_margin_series series[SERIES_COUNT];
    struct tn_margin_expiry expiries[HAND_EXPIRIES];
    struct tn_margin_underlying underlyings[2];
    struct tn_margin_market market;
};

static void price_by_hand(struct hand *hand, const struct what_if_case *it, uint32_t first,
                          uint32_t count, const struct tn_surface *surface)
{
    struct tn_price_expiry expiry = {.surface = *surface};
    struct tn_price_series series[SERIES_COUNT];
    const struct tn_whatif_series *from = &it->series[first];
    if (from->kind != TN_PERPETUAL) {
        expiry.variable_micros = it->expiries[from->expiry].variable_micros;
        expiry.left_ms = it->expiries[from->expiry].left_ms;
        expiry.rate_ppb = it->expiries[from->expiry].rate_ppb;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool is_option = from[i].kind >= TN_CALL;
        tn_micros mark = it->underlyings[from[i].underlying].perpetual_micros / 1000;
        series[i] =
            (struct tn_price_series){.kind = from[i].kind,
                                     .strike_micros = from[i].strike_micros,
                                     .lot_micro_units = is_option ? 100000 : 1000,
                                     .mark_micros = from[i].kind == TN_PERPETUAL ? mark : 0};
    }
    tn_pricing_rows(hand->rows + first, NULL, TN_CPU_BASE, &hand->shocks, &expiry, series, count);
}

/* vol of `percent` as a surface fitted with the time left, as a signer would report it. */
static struct tn_surface flat(int64_t percent)
{
    return (struct tn_surface){.a_e12 = percent * percent * INT64_C(100000000),
                               .sigma_e12 = INT64_C(500000000000),
                               .forward_micros = 100200 * DOLLAR,
                               .tau_ms = 365 * DAY_MS};
}

static void build_by_hand(struct hand *hand, const struct what_if_case *it)
{
    memset(hand, 0, sizeof *hand);
    assert_true(tn_risk_shocks(&hand->shocks, &it->risk, it->scenarios, it->input.scenarios_count));
    hand->market = (struct tn_margin_market){.risk = &it->risk,
                                             .shocks = &hand->shocks,
                                             .rows = (const int64_t(*)[TN_ROW_COLUMNS])hand->rows,
                                             .series = hand->series,
                                             .expiries = hand->expiries,
                                             .underlyings = hand->underlyings,
                                             .assets = it->assets,
                                             .series_count = SERIES_COUNT,
                                             .expiries_count = HAND_EXPIRIES,
                                             .underlyings_count = 2,
                                             .assets_count = 3,
                                             .mm_factor_ppm = it->risk.mm_factor_ppm,
                                             .stable_ppm = 1000000};
    for (uint32_t i = 0; i < 2; i++) {
        hand->underlyings[i] = (struct tn_margin_underlying){
            it->underlyings[i].spot_micros, it->underlyings[i].lambda_ppm, 1000000};
    }
    for (uint16_t i = 0; i < HAND_EXPIRIES; i++) {
        struct tn_discounts discounts;
        bool dated = i == 1 || i == 2;
        hand->expiries[i].underlying = i / 3;
        hand->expiries[i].left_ms = dated ? it->expiries[i - 1].left_ms : 0;
        hand->expiries[i].confidence_ppm = 1000000;
        tn_pricing_discounts(&discounts, &hand->shocks, hand->expiries[i].left_ms,
                             dated ? it->expiries[i - 1].rate_ppb : 0);
        tn_margin_factors(&hand->expiries[i], &hand->market, &discounts);
    }
    static const uint16_t slots[SERIES_COUNT] = {0, 1, 1, 1, 2, 2, 3};
    for (uint32_t i = 0; i < SERIES_COUNT; i++) {
        int64_t parts = it->series[i].kind >= TN_CALL ? 10 : 1000; /* lots in a unit */
        tn_micros spot = it->underlyings[it->series[i].underlying].spot_micros;
        tn_micros forward = spot;
        if (it->series[i].kind != TN_PERPETUAL) {
            forward = it->expiries[it->series[i].expiry].variable_micros;
        }
        hand->series[i] =
            (struct tn_margin_series){.underlying = it->series[i].underlying,
                                      .expiry = slots[i],
                                      .kind = it->series[i].kind,
                                      .strike_micros = it->series[i].strike_micros,
                                      .spot_lot = spot / parts,
                                      .forward_lot = forward / parts,
                                      .strike_lot = it->series[i].strike_micros / parts};
    }
    struct tn_surface put = flat(55), call = flat(53);
    price_by_hand(hand, it, PERPETUAL, 1, &put);
    price_by_hand(hand, it, FUTURE, 1, &put);
    price_by_hand(hand, it, PUT_NEAR, 1, &put);
    price_by_hand(hand, it, CALL_NEAR, 1, &call);
    price_by_hand(hand, it, PUT_FAR, 2, &it->expiries[1].surface);
    price_by_hand(hand, it, OTHER_PERPETUAL, 1, &put);
}

/* What an exchange would hold of the case's account: cash in which every trade was paid. */
static void evaluate_by_hand(struct tn_margin_result *result, struct tn_margin_detail details[2],
                             struct what_if_case *it, uint8_t model)
{
    static struct hand hand;
    static const uint32_t sorted_orders[4] = {1, 2, 0, 3};
    build_by_hand(&hand, it);
    struct tn_holding holdings[SERIES_COUNT];
    struct tn_margin_order orders[4];
    struct tn_margin_account account = {.model = model,
                                        .cash = 60000 * DOLLAR,
                                        .holdings = holdings,
                                        .holdings_count = SERIES_COUNT,
                                        .orders = orders,
                                        .orders_count = 4,
                                        .group_limits = it->group_limits,
                                        .groups_count = 1};
    memcpy(account.balances, it->input.balances, sizeof account.balances);
    for (uint32_t i = 0; i < SERIES_COUNT; i++) {
        holdings[i] = (struct tn_holding){.series = i, .quantity = it->positions[i].quantity};
        account.cash += it->positions[i].unrealised + it->positions[i].funding;
        if (it->series[i].kind >= TN_CALL) continue;
        account.cash -= it->positions[i].quantity * hand.rows[i][TN_COLUMN_MARK];
    }
    for (uint32_t i = 0; i < 4; i++)
        orders[i] = it->orders[sorted_orders[i]];
    holdings[PERPETUAL].open_buy = 200;
    holdings[PUT_NEAR].open_sell = 25;
    holdings[CALL_FAR].open_sell = 10;
    holdings[OTHER_PERPETUAL].open_sell = 900;
    tn_margin_evaluate(result, details, &hand.market, &account);
}

static void test_whatif_says_what_margin_says_of_a_market_built_by_hand(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    struct tn_margin_result by_hand;
    struct tn_margin_detail details[2];
    evaluate_by_hand(&by_hand, details, it, TN_MARGIN_PORTFOLIO);
    answer(it);
    assert_same(&it->result.margin, &by_hand);
    assert_memory_equal(it->result.underlyings, details, sizeof details);
    assert_true(by_hand.m < by_hand.im); /* the orders matter */

    it->input.model = TN_MARGIN_STANDARD;
    evaluate_by_hand(&by_hand, NULL, it, TN_MARGIN_STANDARD);
    answer(it);
    assert_same(&it->result.margin, &by_hand);
    close_case(it);
}

static void test_whatif_cash_equity_is_cash_and_unrealised_and_funding_as_given(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    answer(it);
    assert_int_equal(it->result.margin.cash_equity, INT64_C(61277250000));
    struct tn_margin_result before = it->result.margin;
    /* Money that moves from cash into unrealised changes nothing. */
    it->input.cash -= 12345;
    it->positions[FUTURE].unrealised += 12345;
    answer(it);
    assert_same(&it->result.margin, &before);
    close_case(it);
}

static void test_whatif_orders_may_come_in_any_order(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    answer(it);
    struct tn_margin_result before = it->result.margin;
    struct tn_margin_order first = it->orders[0];
    memmove(it->orders, it->orders + 1, 3 * sizeof first);
    it->orders[3] = first;
    answer(it);
    assert_same(&it->result.margin, &before);
    close_case(it);
}

static void test_whatif_prices_a_volatility_of_its_own_as_black_76_does(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    it->underlyings[0].option_lot_micro_units = 1000000;
    it->input.orders_count = 0;
    for (int64_t vol_ppm = 1000; vol_ppm <= 12000000; vol_ppm += 1999831) {
        it->series[CALL_NEAR].vol_ppb = vol_ppm * 1000;
        answer(it);
        /* The settlement average narrows a mark's volatility, sigma·√(1 − 2W/(3τ)), a little. */
        struct tn_option wide = {.forward_micros = 100200 * DOLLAR,
                                 .strike_micros = 105000 * DOLLAR,
                                 .vol_ppb = vol_ppm * 1000,
                                 .left_ms = it->expiries[0].left_ms};
        struct tn_option narrow = wide;
        narrow.left_ms -= 2 * it->risk.settlement_window_ms / 3;
        tn_micros mark = it->result.rows[CALL_NEAR][TN_COLUMN_MARK];
        assert_true(mark <= tn_pricing_price(&wide));
        tn_micros expected = tn_pricing_price(&narrow);
        assert_in_range((uint64_t)(mark - expected + 1), 0, 2);
        assert_int_equal(it->result.marks[CALL_NEAR].vol_ppm, vol_ppm);
    }
    close_case(it);
}

static void test_whatif_cuts_a_mark_to_the_highest_price_of_its_contract(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    answer(it);
    tn_micros call = it->result.rows[CALL_FAR][TN_COLUMN_MARK];
    tn_micros future = it->result.rows[FUTURE][TN_COLUMN_MARK];
    it->underlyings[0].option_mark_max = call - 1;
    it->underlyings[0].linear_mark_max = future;
    answer(it);
    assert_int_equal(it->result.rows[CALL_FAR][TN_COLUMN_MARK], call - 1);
    assert_int_equal(it->result.rows[FUTURE][TN_COLUMN_MARK], future);
    close_case(it);
}

/* ---- What it explains ---- */

static void test_whatif_one_expiry_alone_explains_the_whole_loss(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    it->input.assets_count = 1;
    it->input.positions_count = 2;
    it->input.orders_count = 0;
    it->positions[0] = (struct tn_whatif_position){.series = PUT_NEAR, .quantity = -15};
    it->positions[1] = (struct tn_whatif_position){.series = CALL_NEAR, .quantity = -20};
    answer(it);
    const struct tn_margin_detail *all = &it->result.underlyings[0];
    const struct tn_whatif_expiry_detail *near = &it->result.expiries[0];
    assert_true(all->worst < 0);
    assert_int_equal(near->worst, all->worst);
    assert_int_equal(near->worst_column, all->worst_column);
    assert_int_equal(near->pnl, all->worst);
    assert_int_equal(near->mtm, it->result.margin.options);
    assert_int_equal(near->value, -15 * it->result.rows[PUT_NEAR][all->worst_column] -
                                      20 * it->result.rows[CALL_NEAR][all->worst_column]);
    assert_int_equal(near->options_count, 2);
    assert_int_equal(it->result.expiries[1].options_count, 0);
    assert_int_equal(it->result.expiries[1].worst, 0);
    close_case(it);
}

static void test_whatif_expiries_add_up_to_the_worst_of_their_underlying(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    it->input.assets_count = 1;
    it->input.orders_count = 0;
    it->input.positions_count = 4;
    for (uint32_t i = 0; i < 4; i++)
        it->positions[i] = it->positions[PUT_NEAR + i];
    answer(it);
    const struct tn_margin_detail *all = &it->result.underlyings[0];
    const struct tn_whatif_expiry_detail *expiries = it->result.expiries;
    assert_in_range((uint64_t)(all->worst - expiries[0].pnl - expiries[1].pnl + 3), 0, 6);
    assert_int_equal(expiries[0].mtm + expiries[1].mtm, it->result.margin.options);
    assert_true(expiries[0].worst <= expiries[0].pnl && expiries[1].worst <= expiries[1].pnl);
    close_case(it);
}

static void test_whatif_haircuts_are_what_margin_takes(void **state)
{
    (void)state;
    static const struct tn_scenario still = {.damping_q30 = 1 << 30};
    for (uint32_t asset = 1; asset <= 2; asset++) {
        for (uint8_t model = TN_MARGIN_PORTFOLIO; model <= TN_MARGIN_STANDARD; model++) {
            struct what_if_case *it = open_case();
            it->input.scenarios = &still; /* nothing moves: all that is lost is the haircut */
            it->input.scenarios_count = 1;
            it->input.positions_count = it->input.orders_count = 0;
            it->input.model = model;
            it->input.balances[3 - asset] = 0;
            answer(it);
            const struct tn_margin_result *margin = &it->result.margin;
            const struct tn_whatif_asset_detail *detail = &it->result.assets[asset];
            assert_true(detail->value > 0 && detail->im_haircut > detail->mm_haircut);
            assert_int_equal(margin->collateral, detail->value);
            assert_int_equal(margin->equity - margin->mm, detail->mm_haircut);
            assert_int_equal(margin->equity - margin->im, detail->im_haircut);
            close_case(it);
        }
    }
}

static void test_whatif_expiries_of_a_standard_account_add_up(void **state)
{
    (void)state;
    struct what_if_case *it = open_case();
    it->input.model = TN_MARGIN_STANDARD;
    it->input.assets_count = 1;
    it->input.orders_count = 0;
    it->input.positions_count = 4;
    for (uint32_t i = 0; i < 4; i++)
        it->positions[i] = it->positions[PUT_NEAR + i];
    answer(it);
    const struct tn_whatif_expiry_detail *expiries = it->result.expiries;
    const struct tn_margin_result *margin = &it->result.margin;
    assert_true(expiries[0].im < expiries[0].mm && expiries[1].im < expiries[1].mm);
    assert_int_equal(margin->im - it->input.cash, expiries[0].im + expiries[1].im);
    assert_int_equal(margin->mm - it->input.cash, expiries[0].mm + expiries[1].mm);
    close_case(it);
}

/* ---- Faults ---- */

struct flaw {
    size_t offset; /* of a number in struct what_if_case */
    size_t size;
    int64_t bad, good; /* one apart where a bound lies between them */
    enum tn_whatif_fault_kind kind;
    uint32_t index;
};
#define FLAW(field, bad, good, kind, index)                                                        \
    {                                                                                              \
        offsetof(struct what_if_case, field), sizeof(((struct what_if_case *)NULL)->field), bad,   \
            good, TN_WHATIF_FAULT_##kind, index                                                    \
    }

static const struct flaw flaws[] = {
    FLAW(input.underlyings_count, 65, 2, COUNT, 0),
    FLAW(input.assets_count, 0, 3, COUNT, 0),
    FLAW(input.assets_count, 9, 3, COUNT, 0),
    FLAW(input.scenarios_count, 0, 1, SCENARIO, 0),
    FLAW(input.scenarios_count, 38, 33, SCENARIO, 38),
    FLAW(scenarios[7].move_ppm, -1000001, -1000000, SCENARIO, 7),
    FLAW(risk.long_ppm, 1000001, 1000000, PARAMETER, TN_RISK_long_ppm),
    FLAW(input.stable_ppm, -1, 0, STABLE, 0),
    FLAW(input.model, 2, 1, MODEL, 0),
    FLAW(input.cash, TN_WHATIF_MONEY_MAX + 1, TN_WHATIF_MONEY_MAX, CASH, 0),
    FLAW(underlyings[1].spot_micros, 0, 1, UNDERLYING, 1),
    FLAW(underlyings[0].lambda_ppm, 999999, 1000000, UNDERLYING, 0),
    FLAW(underlyings[0].option_mark_max, -1, 0, UNDERLYING, 0),
    FLAW(underlyings[0].linear_mark_max, -1, 0, UNDERLYING, 0),
    FLAW(underlyings[0].confidence_ppm, -1, 0, UNDERLYING, 0),
    FLAW(expiries[1].underlying, 2, 0, EXPIRY, 1),
    FLAW(expiries[1].left_ms, 7 * DAY_MS, 7 * DAY_MS + 1, EXPIRY, 1),
    FLAW(expiries[0].left_ms, 0, 1, EXPIRY, 0),
    FLAW(expiries[0].variable_micros, 0, 1, EXPIRY, 0),
    FLAW(expiries[0].rate_ppb, 1000000001, 1000000000, EXPIRY, 0),
    FLAW(expiries[1].surface.rho_e12, INT64_C(1000000000001), INT64_C(1000000000000), SURFACE, 1),
    FLAW(series[CALL_NEAR].strike_micros, 0, 105000 * DOLLAR, SERIES, CALL_NEAR),
    FLAW(series[CALL_NEAR].strike_micros, 105000 * DOLLAR + 1, 105000 * DOLLAR, SERIES, CALL_NEAR),
    FLAW(series[CALL_NEAR].kind, 4, TN_CALL, SERIES, CALL_NEAR),
    FLAW(series[PUT_NEAR].strike_micros, 105001 * DOLLAR, 104999 * DOLLAR, SERIES, CALL_NEAR),
    FLAW(series[CALL_FAR].expiry, 2, 1, SERIES, CALL_FAR),
    FLAW(underlyings[0].option_lot_micro_units, 0, 100000, SERIES, PUT_NEAR),
    FLAW(underlyings[1].perpetual_micros, 0, 1, PERPETUAL, OTHER_PERPETUAL),
    FLAW(series[CALL_NEAR].vol_ppb, TN_WHATIF_VOL_MAX_PPB + 1, TN_WHATIF_VOL_MAX_PPB, VOLATILITY,
         CALL_NEAR),
    FLAW(expiries[1].has_surface, 0, 1, VOLATILITY, PUT_FAR),
    FLAW(positions[3].quantity, 0, 1, POSITION, 3),
    FLAW(positions[3].series, PUT_NEAR, CALL_NEAR, POSITION, 3),
    FLAW(positions[0].unrealised, TN_WHATIF_MONEY_MAX + 1, TN_WHATIF_MONEY_MAX, POSITION, 0),
    FLAW(positions[CALL_FAR].quantity, -10000000, -1000, POSITION_TOO_LARGE, CALL_FAR),
    FLAW(orders[2].quantity, 0, 1, ORDER, 2),
    FLAW(orders[2].fee_micros, -1, 0, ORDER, 2),
    FLAW(orders[2].group, 2, 1, ORDER, 2),
    FLAW(orders[2].quantity, -10000000, -1000, ORDER_TOO_LARGE, 2),
    FLAW(orders[1].price_micros, TN_MARGIN_VALUE_MAX / 200 + 1, TN_MARGIN_VALUE_MAX / 200,
         ORDER_TOO_LARGE, 1),
    FLAW(group_limits[0], -1, 0, GROUP, 0),
    FLAW(assets[2].im_haircut_ppm, 980001, 980000, ASSET, 2),
    FLAW(assets[1].underlying, 2, 1, ASSET, 1),
    FLAW(input.balances[1], -1, 0, ASSET, 1),
};

static void test_whatif_names_what_is_out_of_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        const struct flaw *flaw = &flaws[i];
        struct what_if_case *it = open_case();
        /* Little-endian: the low bytes of a number are its number in a smaller type. */
        memcpy((unsigned char *)it + flaw->offset, &flaw->bad, flaw->size);
        if (evaluate(it) || it->fault.kind != flaw->kind || it->fault.index != flaw->index) {
            fail_msg("flaw %zu: fault %d at %u", i, (int)it->fault.kind, it->fault.index);
        }
        memcpy((unsigned char *)it + flaw->offset, &flaw->good, flaw->size);
        if (!evaluate(it)) {
            fail_msg("flaw %zu, good again: fault %d at %u", i, (int)it->fault.kind,
                     it->fault.index);
        }
        close_case(it);
    }
}

static void test_whatif_refuses_more_holdings_than_an_account_may_have(void **state)
{
    (void)state;
    static struct tn_whatif_series series[TN_MARGIN_POSITIONS_MAX + 1];
    static struct tn_margin_order orders[TN_MARGIN_POSITIONS_MAX + 1];
    struct what_if_case *it = open_case();
    for (uint32_t i = 0; i <= TN_MARGIN_POSITIONS_MAX; i++) {
        series[i] = option(TN_CALL, 0, 50000 + 10 * (int64_t)i, INT64_C(500000000));
        orders[i] = (struct tn_margin_order){i, 0, -1, DOLLAR, 0};
    }
    it->input.series = series;
    it->input.series_count = TN_MARGIN_POSITIONS_MAX + 1;
    it->input.orders = orders;
    it->input.orders_count = TN_MARGIN_POSITIONS_MAX + 1;
    it->input.positions_count = 0;
    assert_false(evaluate(it));
    assert_int_equal(it->fault.kind, TN_WHATIF_FAULT_COUNT);
    it->input.orders_count--;
    answer(it);
    close_case(it);
}

static void test_whatif_faults_have_texts(void **state)
{
    (void)state;
    for (int kind = TN_WHATIF_FAULT_NONE; kind <= TN_WHATIF_FAULT_ASSET; kind++) {
        assert_non_null(tn_whatif_fault_text((enum tn_whatif_fault_kind)kind));
    }
    assert_null(tn_whatif_fault_text((enum tn_whatif_fault_kind)(TN_WHATIF_FAULT_ASSET + 1)));
}

/* ---- Anything ---- */

static int64_t wild(uint64_t *random)
{
    static const int64_t extremes[] = {0,       -1,        1,         INT64_MAX, INT64_MIN,
                                       1000000, 1000001,   1 << 30,   999999,    INT64_C(1) << 40,
                                       2,       INT32_MIN, INT32_MAX, 65535,     INT64_C(1) << 50};
    if (tn_random_below(random, 4) == 0) return (int64_t)tn_random_next(random);
    return extremes[tn_random_below(random, sizeof extremes / sizeof extremes[0])];
}

/* Any number of the case may become anything: then there is a fault, or an answer that is ordered.
 * An assertion inside ends the test program. */
static void test_whatif_answers_or_refuses_whatever_it_is_given(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_whatif");
    uint32_t answers_count = 0, faults_count = 0;
    for (uint32_t round = 0; round < 4000; round++) {
        struct what_if_case *it = open_case();
        uint64_t edits = 1 + tn_random_below(&random, 3);
        for (; edits > 0; edits--) {
            const struct flaw *place =
                &flaws[tn_random_below(&random, sizeof flaws / sizeof flaws[0])];
            int64_t value = wild(&random);
            memcpy((unsigned char *)it + place->offset, &value, place->size);
        }
        it->input.underlyings_count = 2; /* arrays are as long as they are */
        if (it->input.scenarios_count < 38) it->input.scenarios_count %= 34;
        if (it->input.assets_count < 9) it->input.assets_count %= 4;
        if (evaluate(it)) {
            const struct tn_margin_result *margin = &it->result.margin;
            assert_true(margin->m <= margin->im && margin->im <= margin->mm);
            assert_true(margin->mm <= margin->equity);
            answers_count++;
        } else {
            assert_int_not_equal(it->fault.kind, TN_WHATIF_FAULT_NONE);
            faults_count++;
        }
        close_case(it);
    }
    assert_true(answers_count > 200 && faults_count > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatif_says_what_margin_says_of_a_market_built_by_hand),
        cmocka_unit_test(test_whatif_cash_equity_is_cash_and_unrealised_and_funding_as_given),
        cmocka_unit_test(test_whatif_orders_may_come_in_any_order),
        cmocka_unit_test(test_whatif_prices_a_volatility_of_its_own_as_black_76_does),
        cmocka_unit_test(test_whatif_cuts_a_mark_to_the_highest_price_of_its_contract),
        cmocka_unit_test(test_whatif_one_expiry_alone_explains_the_whole_loss),
        cmocka_unit_test(test_whatif_expiries_add_up_to_the_worst_of_their_underlying),
        cmocka_unit_test(test_whatif_expiries_of_a_standard_account_add_up),
        cmocka_unit_test(test_whatif_haircuts_are_what_margin_takes),
        cmocka_unit_test(test_whatif_names_what_is_out_of_its_bounds),
        cmocka_unit_test(test_whatif_refuses_more_holdings_than_an_account_may_have),
        cmocka_unit_test(test_whatif_faults_have_texts),
        cmocka_unit_test(test_whatif_answers_or_refuses_whatever_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
