/* Deposits, withdrawals, transfers and collateral (docs/specs/exchange.md §8). */
#include "exchange_trace.h"

static void add_asset(uint32_t haircut_ppm)
{
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = haircut_ppm});
}

static void test_exchange_deposit_comes_from_the_world(void **state)
{
    (void)state;
    apply_passing(deposit_entry(BOB, 0, 7));
    EXPECT_EVENTS("money bob world asset 0 7", "ok");
    assert_int_equal(gain_of(BOB), 7);
    assert_int_equal(house_of(TN_HOUSE_EXTERNAL), -(TRADERS * START_CASH + 7));
}

static void test_exchange_withdrawal_goes_back_to_the_world(void **state)
{
    (void)state;
    pass(BOB, withdraw(0, START_CASH));
    EXPECT_EVENTS("money bob world asset 0 -1000000000000", "ok");
    assert_int_equal(cash_of(BOB), 0);
    refuse(BOB, withdraw(0, 1), TN_REJECT_CASH_SHORT);
}

static void test_exchange_transfer_moves_cash_between_accounts_of_one_owner(void **state)
{
    (void)state;
    pass(ALICE, transfer(ALICE_TWO, 0, 5 * DOLLAR));
    EXPECT_EVENTS("money alice alice2 asset 0 5000000", "ok");
    assert_int_equal(gain_of(ALICE), -5 * DOLLAR);
    assert_int_equal(gain_of(ALICE_TWO), 5 * DOLLAR);
    refuse(ALICE, transfer(BOB, 0, 1), TN_REJECT_OWNER_MISMATCH);
    refuse(ALICE, transfer(ALICE, 0, 1), TN_REJECT_OWNER_MISMATCH);
    refuse(ALICE, transfer(TRADERS, 0, 1), TN_REJECT_ACCOUNT_UNKNOWN);
    refuse(ALICE, transfer(ALICE_TWO, 1, 1), TN_REJECT_ASSET_UNKNOWN);
    refuse(ALICE, transfer(ALICE_TWO, 0, 0), TN_REJECT_AMOUNT_RANGE);
    refuse(ALICE, transfer(ALICE_TWO, 0, (INT64_C(1) << 50) + 1), TN_REJECT_AMOUNT_RANGE);
    refuse(ALICE, transfer(ALICE_TWO, 0, START_CASH), TN_REJECT_CASH_SHORT);
}

static void test_exchange_reserved_cash_is_not_withdrawable(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.call, 1000, 10)); /* reserves 100 dollars */
    refuse(BOB, withdraw(0, START_CASH - 100 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(BOB, withdraw(0, START_CASH - 100 * DOLLAR));
    assert_int_equal(account_view(BOB).free_equity, 0);
}

static void test_exchange_loss_of_a_linear_position_is_not_withdrawable(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.perp, 100000, 10));
    place(BOB, limit(BUY, market.perp, 100000, 10)); /* Bob pays, Alice receives 10 000 dollars */
    set_mark(market.perp, 101000);                   /* Alice has lost a hundred, Bob won them */
    refuse(ALICE, withdraw(0, START_CASH - 100 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(ALICE, withdraw(0, START_CASH - 100 * DOLLAR));
    /* What Bob has won is not cash: cash is what he can take. */
    refuse(BOB, withdraw(0, START_CASH - 10000 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(BOB, withdraw(0, START_CASH - 10000 * DOLLAR));
    assert_int_equal(cash_of(BOB), 0);
    set_mark(market.perp, 102000);
    assert_true(account_view(ALICE).free_equity < 0);
    refuse(ALICE, withdraw(0, 1), TN_REJECT_CASH_SHORT);
}

static void test_exchange_collateral_is_kept_per_asset(void **state)
{
    (void)state;
    refuse_entry(deposit_entry(ALICE, 1, 10), TN_REJECT_ASSET_UNKNOWN);
    add_asset(100000);
    add_asset(0);
    apply_passing(deposit_entry(ALICE, 1, 10));
    EXPECT_EVENTS("money alice world asset 1 10", "ok");
    apply_passing(deposit_entry(ALICE, 2, 20));
    pass(ALICE, transfer(ALICE_TWO, 1, 4));
    EXPECT_EVENTS("money alice alice2 asset 1 4", "ok");
    refuse(ALICE, withdraw(1, 7), TN_REJECT_CASH_SHORT);
    pass(ALICE, withdraw(1, 6));
    EXPECT_EVENTS("money alice world asset 1 -6", "ok");
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE, 1), 0);
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE, 2), 20);
    assert_int_equal(tn_exchange_collateral(market.exchange, ALICE_TWO, 1), 4);
    assert_int_equal(gain_of(ALICE), 0); /* cash is another matter */
    assert_int_equal(account_view(ALICE).free_equity, START_CASH);
}

static void test_exchange_assets_and_haircuts_have_bounds(void **state)
{
    (void)state;
    struct tn_entry asset = {.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 1000001};
    refuse_entry(asset, TN_REJECT_PARAMETER_RANGE);
    for (int i = 0; i < 3; i++)
        add_asset(1000000);
    asset.as.asset.haircut_ppm = 0;
    refuse_entry(asset, TN_REJECT_ASSETS_FULL);
}

static void test_exchange_deposit_out_of_bounds_is_refused(void **state)
{
    (void)state;
    refuse_entry(deposit_entry(TRADERS, 0, 1), TN_REJECT_ACCOUNT_UNKNOWN);
    refuse_entry(deposit_entry(BOB, 4, 1), TN_REJECT_ASSET_UNKNOWN);
    refuse_entry(deposit_entry(BOB, 0, 0), TN_REJECT_AMOUNT_RANGE);
    refuse_entry(deposit_entry(BOB, 0, -5), TN_REJECT_AMOUNT_RANGE);
    refuse_entry(deposit_entry(BOB, 0, (INT64_C(1) << 50) + 1), TN_REJECT_AMOUNT_RANGE);
}

static void test_exchange_money_stays_within_its_range(void **state)
{
    (void)state;
    const tn_micros most = INT64_C(1) << 50;
    add_asset(0);
    for (int i = 0; i < 1023; i++)
        apply_passing(deposit_entry(BOB, 0, most));
    refuse_entry(deposit_entry(BOB, 0, most), TN_REJECT_MONEY_RANGE);
    pass(BOB, withdraw(0, most)); /* what was taken out makes room */
    apply_passing(deposit_entry(BOB, 0, most));
    for (int i = 0; i < 1024; i++)
        apply_passing(deposit_entry(ALICE, 1, most));
    refuse_entry(deposit_entry(ALICE, 1, 1), TN_REJECT_MONEY_RANGE);
    apply_passing(deposit_entry(ALICE_TWO, 1, 1));
    refuse(ALICE_TWO, transfer(ALICE, 1, 1), TN_REJECT_MONEY_RANGE);
}

static void test_exchange_cash_is_conserved_through_a_day_of_trading(void **state)
{
    (void)state;
    set_fees(-100, 300, 125000);
    for (int i = 0; i < 20; i++) {
        place(ALICE, fee_up_to(limit(SELL, market.call, 1000 + i, 7), 300));
        place(BOB, fee_up_to(limit(BUY, market.call, 1000 + i, 5), 300));
        place(CAROL, fee_up_to(limit(BUY, market.perp, 100000 - i, 3), 300));
        place(DAN, fee_up_to(limit(SELL, market.perp, 100000 - i, 3), 300));
    }
    apply_passing(funding_entry(market.perp, 333333333));
    advance(1, 3600000);
    sweep(64);
    tn_micros sum = 0;
    for (uint32_t i = 0; i < TRADERS; i++)
        sum += gain_of(i);
    assert_int_equal(sum + house_of(TN_HOUSE_FEES) + house_of(TN_HOUSE_INSURANCE), 0);
    assert_true(house_of(TN_HOUSE_FEES) > 0);
    assert_true(house_of(TN_HOUSE_INSURANCE) > 0);
    assert_true(tn_ledger_sum(tn_exchange_ledger(market.exchange), TRADERS) == 0);
}

static void test_exchange_opens_accounts_in_order(void **state)
{
    (void)state;
    apply_passing(account_entry(9));
    assert_int_equal(market.events[0].kind, TN_EVENT_OPENED);
    assert_int_equal(market.events[0].account, TRADERS);
    assert_int_equal(tn_exchange_accounts_count(market.exchange), TRADERS + 1);
    struct tn_account_view view;
    assert_true(tn_exchange_account(market.exchange, &view, TRADERS));
    assert_int_equal(view.owner[0], 9);
    assert_int_equal(view.cash, 0);
    assert_false(tn_exchange_account(market.exchange, &view, TRADERS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_deposit_comes_from_the_world),
        STORY(test_exchange_withdrawal_goes_back_to_the_world),
        STORY(test_exchange_transfer_moves_cash_between_accounts_of_one_owner),
        STORY(test_exchange_reserved_cash_is_not_withdrawable),
        STORY(test_exchange_loss_of_a_linear_position_is_not_withdrawable),
        STORY(test_exchange_collateral_is_kept_per_asset),
        STORY(test_exchange_assets_and_haircuts_have_bounds),
        STORY(test_exchange_deposit_out_of_bounds_is_refused),
        STORY(test_exchange_money_stays_within_its_range),
        STORY(test_exchange_cash_is_conserved_through_a_day_of_trading),
        STORY(test_exchange_opens_accounts_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
