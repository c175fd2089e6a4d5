/* What nobody can pay: insurance, debt, and a loss shared out (docs/specs/risk.md, "Socialised
 * loss"). */
#include "margin_case.h"

/* Alice buys 50 futures at 1 000 and holds them into their expiry; spot falls by a fifth just
 * before the settlement average begins, so she pays 10 000 when they are settled. */
static void hold_into_settlement(void)
{
    struct tn_risk risk = usual_risk();
    risk.spot_heartbeat_ms = TN_MS_PER_DAY;
    risk.forward_heartbeat_ms = TN_MS_PER_DAY;
    set_risk(&risk);
    trade(ALICE, CAROL, market.future, 100000, 50);
    int64_t expiry_ms = tn_series_expiry_ms(market.future);
    block(expiry_ms - 1800000 - 5000 - market.time_ms);
    jump_to(SPOT); /* its feeds are back */
    jump_to(80000 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
    tn_micros before = cash_of(ALICE);
    block(expiry_ms - market.time_ms);
    assert_non_null(find_event(TN_EVENT_SETTLED, market.future));
    assert_int_equal(cash_of(ALICE), before + 40000 * DOLLAR);
    sweep(EVERYTHING);
}

/* With 5 000 dollars she ends 5 000 short. */
static void owe_five_thousand(tn_micros fund)
{
    if (fund > 0) insure(fund);
    be_standard(ALICE, 5000 * DOLLAR);
    hold_into_settlement();
    assert_int_equal(cash_of(ALICE), 0);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

/* Collateral is worth a thousand and counts for half: absorbed, the account owes as much as it is
 * worth, and waits for who takes both. */
static void leave_collateral(void)
{
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 500000});
    mark_at(SPOT);
    be_standard(ALICE, 1);
    apply_passing(deposit_entry(ALICE, 1, 1000 * DOLLAR));
    apply_passing(deposit_entry(ALICE, 0, 5000 * DOLLAR - 1));
    hold_into_settlement();
    expect_fund_and_debt(0, 4000 * DOLLAR);
    assert_int_equal(cash_of(ALICE), -1000 * DOLLAR);
    block(100); /* the debt is shared out */
    sweep(EVERYTHING);
    expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
}

/* Nothing moves it meanwhile. */
static void test_exchange_collateral_left_by_a_bankrupt_waits_for_a_bidder(void **state)
{
    (void)state;
    leave_collateral();
    for (int i = 0; i < 20; i++) {
        block(60000);
        assert_int_equal(events_of(TN_EVENT_LIQUIDATION), 0);
        sweep(EVERYTHING);
        assert_int_equal(events_of(TN_EVENT_LIQUIDATION), 0);
        expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
    }
    insure(1000 * DOLLAR);
    /* R = 500: a quarter of it is what insurance pays at most. */
    const struct tn_command bid = bid_for(ALICE, TN_LIQUIDATION_INSOLVENT, 1000000000, 0);
    assert_int_equal(pass(DAN, bid)->money, -125 * DOLLAR);
    assert_int_equal(tn_exchange_collateral(market.exchange, DAN, 1), 1000 * DOLLAR);
    expect_fund_and_debt(875 * DOLLAR, 0);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

/* Insurance has nothing, the account owes nothing beyond what it has: whoever wants it for that
 * may have it, and who wants the 125 may not. */
static void test_exchange_collateral_left_by_a_bankrupt_needs_no_insurance(void **state)
{
    (void)state;
    leave_collateral();
    block(600000);
    sweep(EVERYTHING);
    refuse(DAN, bid_for(ALICE, TN_LIQUIDATION_INSOLVENT, 1000000000, -1), TN_REJECT_BID_PRICE);
    const struct tn_command bid = bid_for(ALICE, TN_LIQUIDATION_INSOLVENT, 1000000000, 0);
    tn_micros before = cash_of(DAN);
    assert_int_equal(pass(DAN, bid)->money, 0);
    assert_int_equal(tn_exchange_collateral(market.exchange, DAN, 1), 1000 * DOLLAR);
    assert_int_equal(cash_of(DAN), before - 1000 * DOLLAR);
    assert_int_equal(cash_of(ALICE), 0);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

/* A hundredth of a bitcoin, 800 dollars when the account is absorbed, rises to 1 000. */
static void test_exchange_collateral_of_a_bankrupt_pays_back_when_it_recovers(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET,
                                    .as.asset = {.haircut_ppm = 500000, .underlying = 1}});
    mark_at(SPOT);
    insure(10000 * DOLLAR);
    be_standard(ALICE, 5000 * DOLLAR);
    apply_passing(deposit_entry(ALICE, 1, 10000));
    hold_into_settlement();
    expect_fund_and_debt((10000 - 4200) * DOLLAR, 0);
    assert_int_equal(cash_of(ALICE), -800 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
    for (int i = 0; i < 2; i++) { /* a jump waits for its confirmation */
        report_all(TN_FEED_SPOT, SPOT);
        block(1000);
        sweep(EVERYTHING);
    }
    const struct tn_event *paid = event_of(TN_EVENT_INSURANCE, ALICE);
    assert_non_null(paid);
    assert_int_equal(paid->money, -200 * DOLLAR);
    assert_int_equal(cash_of(ALICE), -1000 * DOLLAR);
    expect_fund_and_debt((10000 - 4000) * DOLLAR, 0);
}

static tn_micros shared_out(void)
{
    tn_micros sum = 0;
    for (uint32_t i = 0; i < market.count; i++) {
        if (market.events[i].kind == TN_EVENT_SOCIALISED) sum += market.events[i].money;
    }
    return sum;
}

static void test_exchange_insurance_pays_before_there_is_debt(void **state)
{
    (void)state;
    owe_five_thousand(6000 * DOLLAR);
    assert_int_equal(event_of(TN_EVENT_INSURANCE, ALICE)->money, 5000 * DOLLAR);
    assert_int_equal(events_of(TN_EVENT_DEBT), 0);
    expect_fund_and_debt(1000 * DOLLAR, 0);
}

static void test_exchange_debt_is_shared_by_equity_to_the_micro(void **state)
{
    (void)state;
    owe_five_thousand(1000 * DOLLAR);
    assert_int_equal(event_of(TN_EVENT_INSURANCE, ALICE)->money, 1000 * DOLLAR);
    assert_int_equal(event_of(TN_EVENT_DEBT, ALICE)->money, 4000 * DOLLAR);
    expect_fund_and_debt(0, 4000 * DOLLAR);
    const uint32_t others[] = {ALICE_TWO, BOB, CAROL, DAN};
    tn_micros total = 0, before[4];
    for (size_t i = 0; i < 4; i++)
        total += before[i] = cash_of(others[i]);
    assert_int_equal(total, 4010000 * DOLLAR); /* Carol won what Alice lost */
    block(100);
    assert_int_equal(shared_out(), 4000 * DOLLAR);
    expect_fund_and_debt(0, 0);
    tn_micros left = 4000 * DOLLAR;
    for (size_t i = 0; i < 4; i++) {
        tn_micros share = tn_mul_div_ceil(4000 * DOLLAR, before[i], total);
        if (share > left) share = left;
        left -= share;
        assert_int_equal(event_of(TN_EVENT_SOCIALISED, others[i])->money, share);
        assert_int_equal(cash_of(others[i]), before[i] - share);
    }
    assert_null(event_of(TN_EVENT_SOCIALISED, ALICE));
    sweep(EVERYTHING);
    block(100);
    assert_int_equal(events_of(TN_EVENT_SOCIALISED), 0);
}

static void test_exchange_insurance_repays_debt_before_anybody_else_does(void **state)
{
    (void)state;
    owe_five_thousand(0);
    expect_fund_and_debt(0, 5000 * DOLLAR);
    insure(1500 * DOLLAR);
    block(100);
    assert_int_equal(event_of(TN_EVENT_DEBT, TN_NONE)->money, -1500 * DOLLAR);
    assert_int_equal(shared_out(), 3500 * DOLLAR);
    expect_fund_and_debt(0, 0);
}

static void test_exchange_nobody_leaves_before_debt_is_shared_out(void **state)
{
    (void)state;
    owe_five_thousand(0);
    refuse(DAN, withdraw(0, 1), TN_REJECT_WITHDRAWALS_WAIT);
    block(100);
    sweep(EVERYTHING);
    pass(DAN, withdraw(0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_insurance_pays_before_there_is_debt),
        FEEDS_STORY(test_exchange_collateral_left_by_a_bankrupt_waits_for_a_bidder),
        FEEDS_STORY(test_exchange_collateral_left_by_a_bankrupt_needs_no_insurance),
        FEEDS_STORY(test_exchange_collateral_of_a_bankrupt_pays_back_when_it_recovers),
        FEEDS_STORY(test_exchange_debt_is_shared_by_equity_to_the_micro),
        FEEDS_STORY(test_exchange_insurance_repays_debt_before_anybody_else_does),
        FEEDS_STORY(test_exchange_nobody_leaves_before_debt_is_shared_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
