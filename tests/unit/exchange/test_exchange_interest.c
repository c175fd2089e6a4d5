/* Cash equity below zero costs interest (docs/specs/risk.md, "Judging accounts"). */
#include "margin_case.h"

/* Alice owes what one call costs, at ten percent a year. Returns how much. */
static tn_micros owe(void)
{
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET});
    mark_at(SPOT);
    apply_passing(deposit_entry(ALICE, 1, 100000 * DOLLAR));
    tn_ticks price = price_at_mark(market.call);
    pass(ALICE, withdraw(0, START_CASH - 9 * price * TICK));
    trade(ALICE, CAROL, market.call, price, 10);
    mark_at(SPOT); /* from here on */
    return price * TICK;
}

static tn_micros interest_on(tn_micros owed, int64_t ms)
{
    return tn_mul_div_ceil(tn_ppm_ceil(owed, 100000), ms, INT64_C(365) * TN_MS_PER_DAY);
}

static void test_exchange_interest_is_paid_by_the_hour_to_insurance(void **state)
{
    (void)state;
    tn_micros owed = owe();
    block(3599999);
    sweep(EVERYTHING);
    assert_int_equal(events_of(TN_EVENT_BORROWED), 0);
    block(100);
    sweep(EVERYTHING);
    tn_micros interest = interest_on(owed, 3600099);
    assert_int_equal(event_of(TN_EVENT_BORROWED, ALICE)->money, interest);
    assert_int_equal(cash_of(ALICE), -owed - interest);
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), interest);
    block(3600000);
    sweep(EVERYTHING);
    assert_int_equal(event_of(TN_EVENT_BORROWED, ALICE)->money,
                     interest_on(owed + interest, 3600000));
}

static void test_exchange_interest_begins_anew_when_nothing_was_owed(void **state)
{
    (void)state;
    tn_micros owed = owe();
    block(1800000);
    sweep(EVERYTHING);
    apply_passing(deposit_entry(ALICE, 0, owed));
    block(100);
    sweep(EVERYTHING);
    live(1, SPOT);
    sweep(EVERYTHING);
    block(3600000);
    sweep(EVERYTHING);
    assert_int_equal(events_of(TN_EVENT_BORROWED), 0);
    assert_int_equal(cash_of(ALICE), 0);
}

static void test_exchange_collateral_beyond_all_measure_counts_up_to_a_limit(void **state)
{
    (void)state;
    struct tn_account_risk_view view;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.underlying = 1});
    mark_at(SPOT);
    for (int i = 0; i < 9; i++)
        apply_passing(deposit_entry(ALICE, 1, INT64_C(1) << 50));
    mark_at(2 * SPOT);
    sweep(EVERYTHING);
    assert_true(tn_exchange_account_risk(market.exchange, &view, ALICE));
    assert_in_range(view.margin.collateral, (INT64_C(1) << 58) - 2 * SPOT, INT64_C(1) << 58);
    assert_true(view.margin.mm >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_interest_is_paid_by_the_hour_to_insurance),
        FEEDS_STORY(test_exchange_interest_begins_anew_when_nothing_was_owed),
        FEEDS_STORY(test_exchange_collateral_beyond_all_measure_counts_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
