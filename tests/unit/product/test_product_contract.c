/* Contracts: tick schedules against a scan of every price, bounds at their edges, settlement. */
#include "tenor/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "seed.h"

/* Lets expect_assert_failure see a TN_ASSERT. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    mock_assert(0, what, file, line);
    abort();
}

/* ---- Tick schedules ---- */

static const struct tn_tick_schedule by_hand = {4, {{0, 1}, {100, 5}, {1000, 10}, {10000, 50}}};

/* Every price below `bound` compared with a scan: what is on the schedule is spelled out again
 * here, and floor, ceil and step are found by walking. */
static void check_by_scan(const struct tn_tick_schedule *schedule, tn_ticks bound)
{
    bool *on = calloc((size_t)bound + 1, sizeof *on);
    assert_non_null(on);
    for (tn_ticks price = 1; price <= bound; price++) {
        tn_ticks step = 0;
        for (uint32_t i = 0; i < schedule->steps_count; i++) {
            if (price >= schedule->steps[i].from_ticks) step = schedule->steps[i].step_ticks;
        }
        on[price] = price % step == 0;
        assert_int_equal(tn_tick_on(schedule, price), on[price]);
        assert_int_equal(tn_tick_step(schedule, price), step);
    }
    tn_ticks floor = 0;
    for (tn_ticks price = 1; price <= bound; price++) {
        if (on[price]) floor = price;
        assert_int_equal(tn_tick_floor(schedule, price), floor);
    }
    tn_ticks ceil = 0;
    for (tn_ticks price = bound; price >= 1; price--) {
        if (on[price]) {
            /* The next admissible price above one is a step away. */
            if (ceil > 0) assert_int_equal(ceil, price + tn_tick_step(schedule, price));
            ceil = price;
        }
        if (ceil > 0) assert_int_equal(tn_tick_ceil(schedule, price), ceil);
    }
    free(on);
}

static void test_tick_floor_and_ceil_are_the_nearest_admissible_prices(void **state)
{
    (void)state;
    static const struct tn_tick_schedule coarse = {1, {{0, 7}}};
    check_by_scan(&by_hand, 20000);
    check_by_scan(&coarse, 1000);
    assert_int_equal(tn_tick_floor(&coarse, 6), 0);
    assert_int_equal(tn_tick_ceil(&coarse, 1), 7);
}

static void test_tick_rounding_is_right_on_random_schedules(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_contract");
    for (uint32_t round = 0; round < 300; round++) {
        struct tn_tick_schedule schedule = {.steps_count =
                                                1 + (uint32_t)tn_random_below(&random, 4)};
        schedule.steps[0].step_ticks = 1 + (tn_ticks)tn_random_below(&random, 6);
        for (uint32_t i = 1; i < schedule.steps_count; i++) {
            tn_ticks before = schedule.steps[i - 1].step_ticks;
            tn_ticks step = before + 1 + (tn_ticks)tn_random_below(&random, 5);
            tn_ticks shared = before * step;
            tn_ticks times = schedule.steps[i - 1].from_ticks / shared + 1;
            schedule.steps[i].step_ticks = step;
            schedule.steps[i].from_ticks = shared * (times + (tn_ticks)tn_random_below(&random, 3));
        }
        assert_true(tn_tick_schedule_valid(&schedule));
        check_by_scan(&schedule, 2000);
    }
}

static void test_tick_on_is_false_for_no_price_and_rounding_needs_one(void **state)
{
    (void)state;
    assert_false(tn_tick_on(&by_hand, 0));
    assert_false(tn_tick_on(&by_hand, -5));
    assert_false(tn_tick_on(&by_hand, INT64_MIN));
    expect_assert_failure((void)tn_tick_floor(&by_hand, 0));
    expect_assert_failure((void)tn_tick_ceil(&by_hand, -1));
    expect_assert_failure((void)tn_tick_ceil(&by_hand, INT64_MAX));
    assert_int_equal(tn_tick_floor(&by_hand, INT64_MAX), INT64_MAX - INT64_MAX % 50);
}

static void test_tick_schedules_that_break_one_rule_are_refused(void **state)
{
    (void)state;
    const tn_ticks top = TN_PRICE_TICKS_MAX;
    const struct tn_tick_schedule wrong[] = {
        {0, {{0, 1}}},                         /* no step */
        {7, {{0, 1}}},                         /* too many */
        {UINT32_MAX, {{0, 1}}},                /* far too many */
        {1, {{1, 1}}},                         /* does not start at 0 */
        {1, {{0, 0}}},                         /* no step */
        {1, {{0, -1}}},                        /* negative */
        {1, {{0, top + 1}}},                   /* above every price */
        {2, {{0, 1}, {0, 5}}},                 /* an empty stretch */
        {3, {{0, 1}, {100, 5}, {50, 10}}},     /* starts descend */
        {2, {{0, 1}, {-100, 5}}},              /* negative start */
        {2, {{0, 5}, {100, 1}}},               /* steps descend */
        {2, {{0, 5}, {100, 5}}},               /* steps stay */
        {2, {{0, 1}, {101, 5}}},               /* start off its own step */
        {2, {{0, 4}, {10, 5}}},                /* start off the step before */
        {2, {{0, 1}, {top + 1, top / 2 + 1}}}, /* start above every price */
        {2, {{0, 1}, {INT64_MAX, INT64_MAX}}}, /* the same, far out */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (tn_tick_schedule_valid(&wrong[i])) fail_msg("schedule %zu was accepted", i);
    }
    static const struct tn_tick_schedule right[] = {
        {1, {{0, 1}}},
        {1, {{0, TN_PRICE_TICKS_MAX}}},
        {2, {{0, 4}, {20, 5}}},
        {6, {{0, 1}, {10, 2}, {20, 5}, {100, 10}, {1000, 100}, {10000, 1000}}},
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(tn_tick_schedule_valid(&right[i]));
    }
}

/* ---- Contracts ---- */

/* Ticks of one dollar, lots of a hundredth of a unit: one tick on a lot is 10 000 micros. */
static struct tn_contract contract_of_hundredths(void)
{
    return (struct tn_contract){.schedule = {1, {{0, 1}}},
                                .tick_micros = 1000000,
                                .lot_micro_units = 10000,
                                .multiplier = 1,
                                .price_max = 1000000,
                                .quantity_max = 28147};
}

static void expect_terms(struct tn_contract contract, enum tn_reject expected, tn_micros value)
{
    tn_micros per_tick = 42;
    assert_int_equal(tn_contract_check(&per_tick, &contract), expected);
    assert_true(per_tick == (expected == TN_REJECT_NONE ? value : 42));
}

#define EXPECT_FIELD(field, field_value, expected, value)                                          \
    do {                                                                                           \
        struct tn_contract changed = contract_of_hundredths();                                     \
        changed.field = (field_value);                                                             \
        expect_terms(changed, (expected), (value));                                                \
    } while (0)

static void test_contract_bounds_hold_at_their_edges(void **state)
{
    (void)state;
    expect_terms(contract_of_hundredths(), TN_REJECT_NONE, 10000);
    /* 10^6 × 28 147 × 10^4 is the last below 2^48 = 281 474 976 710 656. */
    EXPECT_FIELD(quantity_max, 28148, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(quantity_max, 1, TN_REJECT_NONE, 10000);
    EXPECT_FIELD(quantity_max, 0, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(quantity_max, -1, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(quantity_max, INT64_MAX, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(price_max, 1000017, TN_REJECT_NONE, 10000);
    EXPECT_FIELD(price_max, 1000018, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(price_max, 0, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(price_max, -1, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(price_max, INT64_MAX, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(tick_micros, 0, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(tick_micros, -1000000, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(tick_micros, INT64_MAX / 100 * 100, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(lot_micro_units, 0, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(lot_micro_units, -10000, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(lot_micro_units, INT64_MAX, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(multiplier, 0, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(multiplier, -1, TN_REJECT_PARAMETER_RANGE, 0);
    EXPECT_FIELD(multiplier, INT64_MAX, TN_REJECT_PARAMETER_RANGE, 0); /* × lot overflows */
    EXPECT_FIELD(schedule.steps_count, 0, TN_REJECT_PARAMETER_RANGE, 0);
}

static void test_contract_admits_what_a_book_can_hold_and_no_more(void **state)
{
    (void)state;
    struct tn_contract contract = contract_of_hundredths();
    contract.tick_micros = 1;
    contract.lot_micro_units = 1000000; /* one tick on a lot is one micro */
    contract.price_max = TN_PRICE_TICKS_MAX;
    contract.quantity_max = 256;
    expect_terms(contract, TN_REJECT_NONE, 1);
    contract.price_max = TN_PRICE_TICKS_MAX + 1; /* × 256 is 2^48: only the price is too high */
    expect_terms(contract, TN_REJECT_PARAMETER_RANGE, 0);
    contract.price_max = 65536;
    contract.quantity_max = TN_QUANTITY_LOTS_MAX; /* exactly 2^48 */
    expect_terms(contract, TN_REJECT_NONE, 1);
    contract.price_max = 1;
    contract.quantity_max = TN_QUANTITY_LOTS_MAX + 1;
    expect_terms(contract, TN_REJECT_PARAMETER_RANGE, 0);
}

static void test_contract_refuses_a_tick_on_a_lot_that_is_not_whole_micros(void **state)
{
    (void)state;
    EXPECT_FIELD(lot_micro_units, 1, TN_REJECT_NONE, 1);
    EXPECT_FIELD(tick_micros, 100, TN_REJECT_NONE, 1);
    EXPECT_FIELD(tick_micros, 99, TN_REJECT_VALUE_NOT_WHOLE, 0);
    EXPECT_FIELD(tick_micros, 150, TN_REJECT_VALUE_NOT_WHOLE, 0);
    EXPECT_FIELD(tick_micros, 1, TN_REJECT_VALUE_NOT_WHOLE, 0);
    struct tn_contract contract = contract_of_hundredths();
    contract.tick_micros = 150;
    contract.multiplier = 2;
    expect_terms(contract, TN_REJECT_NONE, 3);
}

static void test_contract_value_of_a_lot_is_floored_and_bounded(void **state)
{
    (void)state;
    struct tn_contract contract = contract_of_hundredths();
    tn_micros value = 42;
    assert_true(tn_contract_value_floor(&value, 60000000000, &contract) && value == 600000000);
    assert_true(tn_contract_value_floor(&value, 199, &contract) && value == 1);
    assert_true(tn_contract_value_floor(&value, -199, &contract) && value == -2);
    assert_true(tn_contract_value_floor(&value, INT64_MAX, &contract));
    assert_true(value == INT64_MAX / 100);

    const int64_t limit = INT64_C(1) << 62;
    contract.lot_micro_units = 1000000;
    assert_true(tn_contract_value_floor(&value, limit, &contract) && value == limit);
    assert_true(tn_contract_value_floor(&value, -limit, &contract) && value == -limit);
    value = 42;
    assert_false(tn_contract_value_floor(&value, limit + 1, &contract));
    assert_false(tn_contract_value_floor(&value, -limit - 1, &contract));
    contract.multiplier = INT64_MAX / 1000000;
    assert_false(tn_contract_value_floor(&value, INT64_MAX, &contract));
    assert_false(tn_contract_value_floor(&value, INT64_MIN, &contract));
    assert_true(value == 42);
}

/* ---- Settlement ---- */

static uint64_t id_of(enum tn_series_kind kind, uint64_t strike)
{
    struct tn_series_terms terms = {1, (uint8_t)kind, kind == TN_PERPETUAL ? 0 : 2550, strike};
    uint64_t id = 0;
    assert_true(tn_series_pack(&id, &terms));
    return id;
}

static void test_settlement_pays_the_intrinsic_value_of_options_and_the_price_of_futures(
    void **state)
{
    (void)state;
    static const struct {
        enum tn_series_kind kind;
        uint64_t strike; /* 10^-4 */
        tn_micros price_micros;
        tn_micros value; /* of a hundredth of a unit */
    } cases[] = {
        {TN_CALL, 600000000, 61000000000, 10000000}, /* 60 000 struck, 61 000: 10 dollars */
        {TN_CALL, 600000000, 60000000000, 0},        /* at the strike */
        {TN_CALL, 600000000, 59000000000, 0},        /* below */
        {TN_CALL, 600000000, 60000000099, 0},        /* 0.99 micros floored */
        {TN_CALL, 600000000, 60000000100, 1},        /* a whole one */
        {TN_PUT, 600000000, 59000000000, 10000000},  /* */
        {TN_PUT, 600000000, 60000000000, 0},         /* */
        {TN_PUT, 600000000, 61000000000, 0},         /* */
        {TN_PUT, 600000000, 59999999801, 1},         /* 1.99 micros floored */
        {TN_PUT, 600000000, 0, 600000000},           /* worthless underlying */
        {TN_FUTURE, 0, 61000000099, 610000000},      /* the price, floored */
        {TN_FUTURE, 0, 0, 0},                        /* */
        {TN_PERPETUAL, 0, 61000000000, 610000000},   /* delisted */
        {TN_CALL, 1, 199, 0},                        /* 0.0001 struck: 99 micros, 0.99 a lot */
        {TN_CALL, TN_STRIKE_MAX, INT64_MAX, 92233651649071023}, /* (2^63-1 - 100·(2^36-1)) ÷ 100 */
    };
    struct tn_contract contract = contract_of_hundredths();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_micros value = -1;
        assert_true(tn_settlement_value(&value, id_of(cases[i].kind, cases[i].strike),
                                        cases[i].price_micros, &contract));
        if (value != cases[i].value) fail_msg("case %zu pays %" PRId64, i, value);
    }
}

static void test_settlement_refuses_negative_prices_and_values_out_of_range(void **state)
{
    (void)state;
    struct tn_contract contract = contract_of_hundredths();
    tn_micros value = 42;
    contract.lot_micro_units = 1000000;
    assert_false(tn_settlement_value(&value, id_of(TN_FUTURE, 0), -1, &contract));
    assert_false(tn_settlement_value(&value, id_of(TN_PUT, 5), INT64_MIN, &contract));
    assert_false(tn_settlement_value(&value, id_of(TN_FUTURE, 0), INT64_MAX, &contract));
    assert_false(tn_settlement_value(&value, id_of(TN_CALL, 5), INT64_MAX, &contract));
    assert_true(value == 42);
    assert_true(tn_settlement_value(&value, id_of(TN_PUT, 5), INT64_MAX, &contract) && value == 0);
    expect_assert_failure(tn_settlement_value(&value, 0, 1, &contract));
}

/* What is paid is exact but for less than a micro per lot, for the long and the short alike, so the
 * accounts of a series that hold zero in sum are paid zero in sum. */
static void test_settlement_creates_and_destroys_nothing(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_product_contract");
    uint32_t paying = 0;
    for (uint32_t round = 0; round < 50000; round++) {
        struct tn_contract contract = contract_of_hundredths();
        contract.lot_micro_units = 1 + (int64_t)tn_random_below(&random, 2000000);
        contract.multiplier = 1 + (int64_t)tn_random_below(&random, 10);
        tn_i128 units = (tn_i128)contract.lot_micro_units * contract.multiplier;
        uint64_t strike = 1 + tn_random_below(&random, 1000000000);
        tn_micros price = (tn_micros)(strike * 50 + tn_random_below(&random, strike * 100));
        tn_i128 over = (tn_i128)price - (tn_i128)strike * 100;
        enum tn_series_kind kind = (enum tn_series_kind)(round % 4);

        tn_micros value = 0;
        assert_true(tn_settlement_value(&value, id_of(kind, kind >= TN_CALL ? strike : 0), price,
                                        &contract));
        tn_i128 exact = kind < TN_CALL ? price : kind == TN_CALL ? over : -over;
        if (exact < 0) exact = 0;
        assert_true(value >= 0);
        assert_true((tn_i128)value * 1000000 <= exact * units);
        assert_true(((tn_i128)value + 1) * 1000000 > exact * units);
        paying += value > 0;

        tn_lots held = 0;
        tn_micros paid = 0;
        for (uint32_t account = 0; account < 8; account++) {
            tn_lots quantity = (tn_lots)tn_random_below(&random, 2001) - 1000;
            if (account == 7) quantity = -held; /* the last closes the sum */
            held += quantity;
            paid += quantity * value;
        }
        assert_true(held == 0 && paid == 0);
    }
    assert_true(paying > 25000);
}

static void test_fees_hold_their_bounds(void **state)
{
    (void)state;
    static const struct {
        struct tn_fees fees;
        bool valid;
    } cases[] = {
        {{0, 0, 0}, true},
        {{10000, 10000, 1000000}, true},
        {{-300, 300, 125000}, true},
        {{-301, 300, 125000}, false}, /* a rebate above the taker's fee */
        {{10001, 300, 0}, false},
        {{0, 10001, 0}, false},
        {{0, -1, 0}, false},
        {{1, -1, 0}, false},
        {{0, 300, -1}, false},
        {{0, 300, 1000001}, false},
        {{INT32_MIN, 300, 0}, false},
        {{0, INT32_MIN, 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (tn_fees_valid(&cases[i].fees) != cases[i].valid) fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tick_floor_and_ceil_are_the_nearest_admissible_prices),
        cmocka_unit_test(test_tick_rounding_is_right_on_random_schedules),
        cmocka_unit_test(test_tick_on_is_false_for_no_price_and_rounding_needs_one),
        cmocka_unit_test(test_tick_schedules_that_break_one_rule_are_refused),
        cmocka_unit_test(test_contract_bounds_hold_at_their_edges),
        cmocka_unit_test(test_contract_admits_what_a_book_can_hold_and_no_more),
        cmocka_unit_test(test_contract_refuses_a_tick_on_a_lot_that_is_not_whole_micros),
        cmocka_unit_test(test_contract_value_of_a_lot_is_floored_and_bounded),
        cmocka_unit_test(
            test_settlement_pays_the_intrinsic_value_of_options_and_the_price_of_futures),
        cmocka_unit_test(test_settlement_refuses_negative_prices_and_values_out_of_range),
        cmocka_unit_test(test_settlement_creates_and_destroys_nothing),
        cmocka_unit_test(test_fees_hold_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
