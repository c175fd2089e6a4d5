/* An account changes its margin model (docs/specs/risk.md, "Orders and admission"). */
#include "margin_case.h"

static void test_exchange_model_changes_what_positions_ask_for(void **state)
{
    (void)state;
    sweep(EVERYTHING);
    pass(ALICE, withdraw(0, START_CASH - 11000 * DOLLAR));
    trade(ALICE, CAROL, market.perp, 100000, 50);
    assert_int_equal(m_of(ALICE), 0); /* 18 % and 4 % of 50 000 */
    pass(ALICE, model(TN_MARGIN_STANDARD));
    assert_int_equal(risk_of(ALICE).model, TN_MARGIN_STANDARD);
    assert_int_equal(m_of(ALICE), 6000 * DOLLAR); /* 10 % of it */
    pass(ALICE, model(TN_MARGIN_PORTFOLIO));
    assert_int_equal(m_of(ALICE), 0);
}

static void test_exchange_model_that_margin_does_not_bear_is_refused(void **state)
{
    (void)state;
    be_standard(ALICE, 8000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    refuse(ALICE, model(TN_MARGIN_PORTFOLIO), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 3000 * DOLLAR);
    assert_int_equal(risk_of(ALICE).model, TN_MARGIN_STANDARD);
    refuse(ALICE, model((enum tn_margin_model)2), TN_REJECT_MODEL_UNKNOWN);
}

static void test_exchange_model_may_raise_m_while_it_is_below_zero(void **state)
{
    (void)state;
    pass(ALICE, withdraw(0, START_CASH - 11000 * DOLLAR));
    trade(ALICE, CAROL, market.perp, 100000, 50);
    mark_at(96000 * DOLLAR);
    assert_true(m_of(ALICE) < 0);
    pass(ALICE, model(TN_MARGIN_STANDARD));
    assert_int_equal(m_of(ALICE), (9000 - 4800) * DOLLAR);
}

static void test_exchange_model_may_not_lower_m_of_an_account_in_liquidation(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    mark_at(93500 * DOLLAR);
    refuse(ALICE, model(TN_MARGIN_PORTFOLIO), TN_REJECT_ACCOUNT_FROZEN);
    pass(ALICE, model(TN_MARGIN_STANDARD)); /* which it has */
}

static void test_exchange_standard_model_takes_no_cash_equity_below_zero(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET});
    mark_at(SPOT);
    apply_passing(deposit_entry(ALICE, 1, 100000 * DOLLAR));
    tn_ticks price = price_at_mark(market.call);
    pass(ALICE, withdraw(0, START_CASH - 9 * price * TICK));
    trade(ALICE, CAROL, market.call, price, 10);
    assert_int_equal(cash_of(ALICE), -price * TICK);
    refuse(ALICE, model(TN_MARGIN_STANDARD), TN_REJECT_CASH_NEGATIVE);
    assert_int_equal(last_event()->money, price * TICK);
}

static void test_exchange_margin_commands_are_refused_where_margin_is_off(void **state)
{
    (void)state;
    refuse(ALICE, model(TN_MARGIN_STANDARD), TN_REJECT_RISK_OFF);
    refuse(ALICE, bid_for(BOB, TN_LIQUIDATION_AUCTION, 1, 0), TN_REJECT_RISK_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_model_changes_what_positions_ask_for),
        FEEDS_STORY(test_exchange_model_that_margin_does_not_bear_is_refused),
        FEEDS_STORY(test_exchange_model_may_raise_m_while_it_is_below_zero),
        FEEDS_STORY(test_exchange_model_may_not_lower_m_of_an_account_in_liquidation),
        FEEDS_STORY(test_exchange_standard_model_takes_no_cash_equity_below_zero),
        STORY(test_exchange_margin_commands_are_refused_where_margin_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
