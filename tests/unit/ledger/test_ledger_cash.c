/* The ledger alone: cash that is conserved, fees with caps and rebates, the cost of a position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tenor/ledger.h"

#define ACCOUNTS 4
#define FEES     TN_PARTY_HOUSE(TN_HOUSE_FEES)
#define EXTERNAL TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL)

static struct tn_ledger ledger;
static tn_micros cash[ACCOUNTS];

static int open_ledger(void **state)
{
    (void)state;
    memset(cash, 0x5a, sizeof cash);
    tn_ledger_init(&ledger, cash, ACCOUNTS);
    return 0;
}

static void test_ledger_starts_with_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        assert_int_equal(tn_ledger_cash(&ledger, i), 0);
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        assert_int_equal(tn_ledger_cash(&ledger, TN_PARTY_HOUSE(i)), 0);
    assert_true(tn_ledger_sum(&ledger, ACCOUNTS) == 0);
}

static void test_ledger_transfer_takes_from_one_what_it_gives_to_the_other(void **state)
{
    (void)state;
    tn_ledger_transfer(&ledger, EXTERNAL, 1, 100);
    tn_ledger_transfer(&ledger, 1, 2, 30);
    tn_ledger_transfer(&ledger, 2, FEES, 5);
    assert_int_equal(tn_ledger_cash(&ledger, EXTERNAL), -100);
    assert_int_equal(tn_ledger_cash(&ledger, 1), 70);
    assert_int_equal(tn_ledger_cash(&ledger, 2), 25);
    assert_int_equal(tn_ledger_cash(&ledger, FEES), 5);
    assert_true(tn_ledger_sum(&ledger, ACCOUNTS) == 0);
}

static void test_ledger_negative_transfer_moves_cash_back(void **state)
{
    (void)state;
    tn_ledger_transfer(&ledger, 1, 2, -30);
    assert_int_equal(tn_ledger_cash(&ledger, 1), 30);
    assert_int_equal(tn_ledger_cash(&ledger, 2), -30);
}

static void test_ledger_transfer_to_itself_changes_nothing(void **state)
{
    (void)state;
    tn_ledger_transfer(&ledger, EXTERNAL, 1, 100);
    tn_ledger_transfer(&ledger, 1, 1, 70);
    assert_int_equal(tn_ledger_cash(&ledger, 1), 100);
}

static void test_ledger_sum_is_zero_at_the_ends_of_the_range(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++) {
        tn_ledger_transfer(&ledger, EXTERNAL, 0, TN_TRANSFER_MAX);
        tn_ledger_transfer(&ledger, 3, 0, TN_TRANSFER_MAX);
        tn_ledger_transfer(&ledger, 2, FEES, -TN_TRANSFER_MAX);
    }
    assert_int_equal(tn_ledger_cash(&ledger, 0), 32 * TN_TRANSFER_MAX);
    assert_int_equal(tn_ledger_cash(&ledger, 3), -TN_DEPOSITS_MAX);
    assert_true(tn_ledger_sum(&ledger, ACCOUNTS) == 0);
    /* Over fewer accounts the sum lacks what the others have. */
    assert_true(tn_ledger_sum(&ledger, 3) == TN_DEPOSITS_MAX);
}

/* ---- Fees ---- */

static void test_ledger_fee_is_rounded_up_and_a_rebate_down(void **state)
{
    (void)state;
    assert_int_equal(tn_fee(300, 0, 1000000, 0), 300);
    assert_int_equal(tn_fee(300, 0, 1, 0), 1);
    assert_int_equal(tn_fee(300, 0, 3334, 0), 2);
    assert_int_equal(tn_fee(-300, 0, 3334, 0), -1);
    assert_int_equal(tn_fee(-300, 0, 1, 0), 0);
    assert_int_equal(tn_fee(0, 0, 1000000, 0), 0);
    assert_int_equal(tn_fee(300, 0, 0, 0), 0);
}

static void test_ledger_fee_cap_is_a_part_of_the_premium_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(tn_fee(300, 125000, 1000000, 10000), 300);
    assert_int_equal(tn_fee(300, 125000, 1000000, 2400), 300);
    assert_int_equal(tn_fee(300, 125000, 1000000, 2399), 299);
    assert_int_equal(tn_fee(300, 125000, 1000000, 7), 0);
    assert_int_equal(tn_fee(-300, 125000, 1000000, 800), -100);
    assert_int_equal(tn_fee(-300, 125000, 1000000, 0), 0);
    assert_int_equal(tn_fee(300, 1000000, 1000000, 100), 100);
}

static void test_ledger_fee_is_exact_for_large_values(void **state)
{
    (void)state;
    const tn_micros base = INT64_C(1) << 56;
    assert_int_equal(tn_fee(10000, 0, base, 0), base / 100 + 1);
    assert_int_equal(tn_fee(-10000, 0, base, 0), -(base / 100));
}

/* ---- Cost ---- */

static struct tn_position position_of(tn_lots quantity, tn_micros cost)
{
    return (struct tn_position){.quantity = quantity, .cost = cost, .funding_entry = 77};
}

static void expect_after(struct tn_position position, tn_lots fill, tn_micros notional,
                         tn_lots quantity, tn_micros cost)
{
    tn_position_add(&position, fill, notional);
    assert_int_equal(position.quantity, quantity);
    assert_int_equal(position.cost, cost);
    assert_int_equal(position.funding_entry, 77);
}

static void test_ledger_position_that_grows_adds_its_notional(void **state)
{
    (void)state;
    expect_after(position_of(0, 0), 5, 500, 5, 500);
    expect_after(position_of(5, 500), 3, 330, 8, 830);
    expect_after(position_of(0, 0), -5, 500, -5, -500);
    expect_after(position_of(-5, -500), -3, 330, -8, -830);
}

static void test_ledger_position_that_shrinks_keeps_its_average_rounded_towards_zero(void **state)
{
    (void)state;
    expect_after(position_of(4, 400), -1, 999, 3, 300);
    expect_after(position_of(3, 100), -1, 999, 2, 66);
    expect_after(position_of(-3, -100), 1, 999, -2, -66);
    expect_after(position_of(3, 100), -3, 999, 0, 0);
    expect_after(position_of(-3, -100), 3, 0, 0, 0);
}

static void test_ledger_position_that_turns_around_starts_anew(void **state)
{
    (void)state;
    expect_after(position_of(2, 100), -5, 500, -3, -300);
    expect_after(position_of(-2, -100), 5, 500, 3, 300);
    expect_after(position_of(2, 100), -5, 501, -3, -300);
    expect_after(position_of(-2, -100), 5, 501, 3, 300);
}

#define LEDGER(test) cmocka_unit_test_setup(test, open_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER(test_ledger_starts_with_nothing),
        LEDGER(test_ledger_transfer_takes_from_one_what_it_gives_to_the_other),
        LEDGER(test_ledger_negative_transfer_moves_cash_back),
        LEDGER(test_ledger_transfer_to_itself_changes_nothing),
        LEDGER(test_ledger_sum_is_zero_at_the_ends_of_the_range),
        cmocka_unit_test(test_ledger_fee_is_rounded_up_and_a_rebate_down),
        cmocka_unit_test(test_ledger_fee_cap_is_a_part_of_the_premium_rounded_down),
        cmocka_unit_test(test_ledger_fee_is_exact_for_large_values),
        cmocka_unit_test(test_ledger_position_that_grows_adds_its_notional),
        cmocka_unit_test(test_ledger_position_that_shrinks_keeps_its_average_rounded_towards_zero),
        cmocka_unit_test(test_ledger_position_that_turns_around_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
