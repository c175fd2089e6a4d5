/* What nobody took is closed against the other side (docs/specs/risk.md, "Deleveraging"). */
#include "margin_case.h"

static const struct tn_event *closed(uint32_t other, uint64_t series)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_DELEVERAGED && event->other_account == other &&
            event->series_id == series) {
            return event;
        }
    }
    return NULL;
}

/* Spot falls so far that Alice is insolvent, and with no insurance she is next to be deleveraged:
 * at the MARK after the next. */
static void fall_to(tn_micros spot)
{
    jump_to(spot);
    expect_stage(ALICE, TN_LIQUIDATION_INSOLVENT);
    mark_at(spot);
    expect_stage(ALICE, TN_LIQUIDATION_ADL);
}

static void test_exchange_deleveraging_closes_at_the_price_that_leaves_nothing(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    fall_to(87000 * DOLLAR); /* E = −500 */
    live(1, 87000 * DOLLAR);
    const struct tn_event *event = closed(CAROL, market.perp);
    assert_non_null(event);
    assert_int_equal(event->account, ALICE);
    assert_int_equal(event->quantity, 50);
    assert_int_equal(event->money, 880 * DOLLAR); /* 10 dollars a lot above the mark */
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 1);
    assert_int_equal(cash_of(ALICE), 0);
    assert_int_equal(gain_of(CAROL), 6000 * DOLLAR);
    assert_int_equal(lots_of(CAROL, market.perp), 0);
    expect_moved(ALICE, TN_LIQUIDATION_ADL, TN_LIQUIDATION_NONE, 0, 0);
    expect_fund_and_debt(0, 0);
}

static void test_exchange_deleveraging_takes_who_gained_most_first(void **state)
{
    (void)state;
    be_standard(ALICE, 2000 * DOLLAR);
    be_standard(BOB, 10000 * DOLLAR);
    be_standard(DAN, 10000 * DOLLAR);
    trade(CAROL, BOB, market.perp, 99500, 20);
    trade(ALICE, DAN, market.perp, 100500, 10);
    trade(CAROL, DAN, market.perp, 100500, 10);
    fall_to(80000 * DOLLAR); /* E = 2 000 − 10 · 205 = −50 */
    live(1, 80000 * DOLLAR);
    /* Both are 20 short at equal cash: Dan sold higher. */
    assert_int_equal(closed(DAN, market.perp)->quantity, 10);
    assert_int_equal(closed(DAN, market.perp)->money, 805 * DOLLAR);
    assert_null(closed(BOB, market.perp));
    assert_int_equal(lots_of(BOB, market.perp), -20);
}

/* More leverage ranks higher at the same gain; of equals the lower account comes first. */
static void test_exchange_deleveraging_ranks_by_gain_times_leverage(void **state)
{
    (void)state;
    be_standard(ALICE, 1500 * DOLLAR);
    be_standard(BOB, 5000 * DOLLAR);
    be_standard(CAROL, 4000 * DOLLAR);
    trade(ALICE, BOB, market.perp, 100000, 10);
    trade(DAN, CAROL, market.perp, 100000, 10);
    trade(DAN, ALICE_TWO, market.perp, 100000, 10);
    fall_to(84000 * DOLLAR); /* E = 1 500 − 10 · 160 = −100 */
    live(1, 84000 * DOLLAR);
    assert_int_equal(closed(CAROL, market.perp)->quantity, 10);
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 1);
}

/* Bob holds 50 short perpetuals and 45 long futures. At 700 a lot Alice lacks 10 000, so she closes
 * 200 above the mark: a lot costs Bob 200 and frees 45.50. His MM of 6 677.50 bears 43 such lots.
 */
static void give_bob_what_he_can_hardly_bear(void)
{
    be_standard(ALICE, 5000 * DOLLAR);
    be_standard(BOB, 9500 * DOLLAR);
    trade(BOB, CAROL, market.future, 100000, 45);
    trade(ALICE, BOB, market.perp, 100000, 50);
}

static void test_exchange_deleveraging_leaves_counterparties_their_maintenance(void **state)
{
    (void)state;
    give_bob_what_he_can_hardly_bear();
    trade(CAROL, DAN, market.perp, 100000, 50);
    fall_to(70000 * DOLLAR);
    assert_int_equal(risk_of(BOB).margin.mm, 667750 * CENT);
    live(1, 70000 * DOLLAR);
    assert_int_equal(closed(BOB, market.perp)->quantity, 43);
    assert_int_equal(closed(BOB, market.perp)->money, 900 * DOLLAR);
    assert_int_equal(closed(DAN, market.perp)->quantity, 7);
    assert_int_equal(risk_of(BOB).margin.mm, 667750 * CENT - 43 * 15450 * CENT);
    assert_int_equal(cash_of(ALICE), 0);
}

static void test_exchange_deleveraging_goes_on_regardless_when_nobody_can_bear_it(void **state)
{
    (void)state;
    give_bob_what_he_can_hardly_bear();
    fall_to(70000 * DOLLAR);
    live(1, 70000 * DOLLAR);
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 2); /* 43, then 7 */
    assert_int_equal(lots_of(ALICE, market.perp), 0);
    assert_int_equal(lots_of(BOB, market.perp), 0);
    assert_int_equal(risk_of(BOB).margin.mm, 667750 * CENT - 50 * 15450 * CENT);
    sweep(EVERYTHING); /* E = 1 000 is less than half of R = 2 047.50 */
    expect_stage(BOB, TN_LIQUIDATION_AUCTION);
}

/* The short calls far out are worth little: they close at nothing, and the perpetuals bear the
 * rest. */
static void test_exchange_deleveraging_passes_on_what_a_leg_cannot_bear(void **state)
{
    (void)state;
    apply_passing(list_entry(market.call_high));
    mark_at(SPOT);
    be_standard(ALICE, 20000 * DOLLAR);
    trade(CAROL, ALICE, market.call_high, price_at_mark(market.call_high) + 10, 50);
    trade(ALICE, DAN, market.perp, 100000, 50);
    pass(ALICE, withdraw(0, m_of(ALICE)));
    fall_to(60000 * DOLLAR);
    tn_micros equity = risk_of(ALICE).margin.equity;
    assert_true(equity < 0);
    live(1, 60000 * DOLLAR);
    assert_int_equal(closed(CAROL, market.call_high)->money, 0);
    assert_int_equal(closed(CAROL, market.call_high)->quantity, -50);
    assert_int_equal(closed(DAN, market.perp)->quantity, 50);
    assert_true(closed(DAN, market.perp)->money > 600 * DOLLAR);
    assert_in_range(cash_of(ALICE), 0, 100); /* a micro a lot, from rounding up */
    expect_fund_and_debt(0, 0);
}

static void test_exchange_account_that_recovers_is_not_deleveraged(void **state)
{
    (void)state;
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
    fall_to(88000 * DOLLAR);
    live(1, 96000 * DOLLAR); /* E = 4 000, R = 3 120 */
    assert_int_equal(events_of(TN_EVENT_DELEVERAGED), 0);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    assert_int_equal(lots_of(ALICE, market.perp), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_deleveraging_closes_at_the_price_that_leaves_nothing),
        FEEDS_STORY(test_exchange_deleveraging_takes_who_gained_most_first),
        FEEDS_STORY(test_exchange_deleveraging_ranks_by_gain_times_leverage),
        FEEDS_STORY(test_exchange_deleveraging_leaves_counterparties_their_maintenance),
        FEEDS_STORY(test_exchange_deleveraging_goes_on_regardless_when_nobody_can_bear_it),
        FEEDS_STORY(test_exchange_deleveraging_passes_on_what_a_leg_cannot_bear),
        FEEDS_STORY(test_exchange_account_that_recovers_is_not_deleveraged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
