/* What may leave an account, and when (docs/specs/risk.md, "Orders and admission", "Socialised
 * loss"). */
#include "margin_case.h"

static void test_exchange_margin_lets_out_the_lesser_of_m_and_cash_equity(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    refuse(ALICE, withdraw(0, 1000 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(ALICE, withdraw(0, 1000 * DOLLAR));
    assert_int_equal(m_of(ALICE), 0);
    /* Of what options are worth nothing leaves: cash equity is what there is of cash. */
    tn_ticks price = price_at_mark(market.call);
    pass(BOB, withdraw(0, START_CASH - 10 * price * TICK - 5 * DOLLAR));
    trade(BOB, CAROL, market.call, price, 10);
    assert_true(m_of(BOB) > 5 * DOLLAR);
    refuse(BOB, withdraw(0, 5 * DOLLAR + 1), TN_REJECT_CASH_SHORT);
    pass(BOB, withdraw(0, 5 * DOLLAR));
}

static void test_exchange_collateral_leaves_only_while_m_is_not_below_zero(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 200000});
    mark_at(SPOT);
    be_standard(ALICE, 5000 * DOLLAR);
    apply_passing(deposit_entry(ALICE, 1, 1000 * DOLLAR)); /* counts for 800 */
    trade(ALICE, CAROL, market.perp, 100000, 50);
    assert_int_equal(m_of(ALICE), 800 * DOLLAR);
    pass(ALICE, withdraw(0, 400 * DOLLAR));
    refuse(ALICE, withdraw(1, 500 * DOLLAR + 2), TN_REJECT_CASH_SHORT);
    pass(ALICE, withdraw(1, 500 * DOLLAR));
    assert_int_equal(m_of(ALICE), 0);
}

static void test_exchange_withdrawals_wait_until_insurance_covers_who_is_in_debt(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    pass(DAN, withdraw(0, DOLLAR));
    jump_to(87000 * DOLLAR); /* E = −500, MM = −3 327.50 */
    refuse(DAN, withdraw(0, DOLLAR), TN_REJECT_WITHDRAWALS_WAIT);
    pass(ALICE_TWO, transfer(ALICE, 0, 1)); /* stays inside */
    insure(332750 * CENT - 1);
    refuse(DAN, withdraw(0, DOLLAR), TN_REJECT_WITHDRAWALS_WAIT);
    insure(1);
    pass(DAN, withdraw(0, DOLLAR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_margin_lets_out_the_lesser_of_m_and_cash_equity),
        FEEDS_STORY(test_exchange_collateral_leaves_only_while_m_is_not_below_zero),
        FEEDS_STORY(test_exchange_withdrawals_wait_until_insurance_covers_who_is_in_debt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
