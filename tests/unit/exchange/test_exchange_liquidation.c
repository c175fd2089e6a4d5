/* Accounts that fail: stages, and slices of their positions sold into the books
 * (docs/specs/risk.md, "Liquidation"). */
#include "margin_case.h"

/* Alice holds 50 lots bought at 1 000 and 6 000 dollars. Of a lot worth P her equity is
 * 6 000 − 50 · (1 000 − P), and MM asks for 50 · 6.5 % · P. */
static void hold_fifty(void)
{
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 50);
}

/* At P = 935: E = 2 750, R = 3 038.75, MM = −288.75. */
static void fail_a_little(void)
{
    hold_fifty();
    mark_at(93500 * DOLLAR);
    expect_moved(ALICE, TN_LIQUIDATION_NONE, TN_LIQUIDATION_SLICES, 2750 * DOLLAR, -28875 * CENT);
}

static const struct tn_event *slice_of(uint32_t account)
{
    const struct tn_event *event = event_of(TN_EVENT_SLICE, account);
    assert_non_null(event);
    return event;
}

/* ---- Frozen ---- */

static void test_exchange_liquidation_begins_below_maintenance_and_cancels_all_orders(void **state)
{
    (void)state;
    hold_fifty();
    uint64_t hedge = place(ALICE, limit(SELL, market.perp, 100500, 10));
    uint64_t stop = place(ALICE, stop_at(limit(SELL, market.perp, 80000, 10), 90000));
    mark_at(94000 * DOLLAR); /* E = 3 000, R = 3 055: the last that is not below */
    expect_moved(ALICE, TN_LIQUIDATION_NONE, TN_LIQUIDATION_SLICES, 3000 * DOLLAR, -55 * DOLLAR);
    uint32_t count = 0;
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind != TN_EVENT_CANCELLED) continue;
        assert_int_equal(event->reason, TN_REASON_LIQUIDATION);
        assert_true(event->order_id == hedge || event->order_id == stop);
        count++;
    }
    assert_int_equal(count, 2);
}

static void test_exchange_liquidation_does_not_begin_while_maintenance_is_covered(void **state)
{
    (void)state;
    hold_fifty();
    mark_at(94200 * DOLLAR); /* E = 3 100, R = 3 061.50 */
    assert_int_equal(events_of(TN_EVENT_LIQUIDATION), 0);
    assert_int_equal(risk_of(ALICE).margin.mm, 3850 * CENT);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

static void test_exchange_account_in_liquidation_may_only_lower_its_risk(void **state)
{
    (void)state;
    fail_a_little();
    refuse(ALICE, limit(BUY, market.perp, 93500, 1), TN_REJECT_ACCOUNT_FROZEN);
    refuse(ALICE, withdraw(0, 1), TN_REJECT_ACCOUNT_FROZEN);
    refuse(ALICE, transfer(ALICE_TWO, 0, 1), TN_REJECT_ACCOUNT_FROZEN);
    pass(ALICE, limit(SELL, market.perp, 93500, 10));
    pass(ALICE_TWO, transfer(ALICE, 0, 100 * DOLLAR));
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
}

static void test_exchange_deposit_ends_a_liquidation_when_it_restores_the_buffer(void **state)
{
    (void)state;
    fail_a_little();
    apply_passing(deposit_entry(ALICE, 0, 74456 * CENT)); /* a quarter of a cent short */
    mark_at(93500 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
    apply_passing(deposit_entry(ALICE, 0, CENT));
    mark_at(93500 * DOLLAR);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
}

/* A stop is checked when it triggers, and its account may only lower its risk then. */
static void test_exchange_stop_of_an_account_in_liquidation_is_refused_when_it_triggers(
    void **state)
{
    (void)state;
    fail_a_little();
    uint64_t stop = place(ALICE, stop_at(limit(BUY, market.perp, 94500, 1), 94000));
    mark_at(94000 * DOLLAR); /* MM = −55: not mended yet */
    assert_int_equal(events_of(TN_EVENT_TRIGGERED), 1);
    const struct tn_event *event = event_of(TN_EVENT_CANCELLED, ALICE);
    assert_int_equal(event->order_id, stop);
    assert_int_equal(event->reason, TN_REASON_TRIGGER);
    assert_int_equal(event->reject, TN_REJECT_ACCOUNT_FROZEN);
}

/* ---- Slices ---- */

static void test_exchange_slice_frees_what_is_missing_at_a_price_that_mends(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 93000, 100));
    fail_a_little();
    liquidate(EVERYTHING);
    /* BM = −288.75 − 15 % · 3 038.75 = −744.5625. A lot frees 60.775: 13 are the fewest that free
     * that much, 790.075. E/R = 0.904977…, so they may give up 0.1 + 0.5 · 0.095022 of it:
     * 8.964981 dollars a lot. */
    const struct tn_event *event = slice_of(ALICE);
    assert_int_equal(event->side, SELL);
    assert_int_equal(event->quantity, 13);
    assert_int_equal(event->remaining, 13);
    assert_int_equal(event->price, 92604); /* 935 − 8.964981, up to a tick */
    assert_int_equal(event->money, -28875 * CENT);
    assert_int_equal(event->series_id, market.perp);
    assert_int_equal(market.events[0].kind, TN_EVENT_TRADE);
    assert_int_equal(market.events[0].flags & TN_EVENT_FORCED, TN_EVENT_FORCED);
    assert_int_equal(market.events[0].price, 93000); /* the maker's */
    /* 13 lots 5 dollars below the mark: E = 2 685, R = 37 · 60.775. */
    expect_moved(ALICE, TN_LIQUIDATION_SLICES, TN_LIQUIDATION_NONE, 2685 * DOLLAR,
                 2685 * DOLLAR - 37 * INT64_C(60775000));
    assert_int_equal(lots_of(ALICE, market.perp), 37);
    assert_int_equal(lots_of(BOB, market.perp), 13);
}

static void test_exchange_slice_does_not_trade_beyond_its_limit(void **state)
{
    (void)state;
    fail_a_little();
    place(BOB, limit(BUY, market.perp, 92603, 100));
    liquidate(EVERYTHING);
    assert_int_equal(market.count, 0);
    place(DAN, limit(BUY, market.perp, 92604, 3));
    liquidate(EVERYTHING);
    assert_int_equal(market.count, 0); /* once per MARK */
    mark_at(93500 * DOLLAR);
    liquidate(EVERYTHING);
    assert_int_equal(slice_of(ALICE)->quantity, 13);
    assert_int_equal(slice_of(ALICE)->remaining, 3);
    assert_int_equal(lots_of(ALICE, market.perp), 47);
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
}

static void test_exchange_slices_stay_below_a_cap_per_second(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.slice_cap_micros = 200 * DOLLAR;
    set_risk(&risk);
    place(BOB, limit(BUY, market.perp, 93000, 100));
    fail_a_little();
    liquidate(EVERYTHING);
    /* A tenth of R, 303.875, is more than 200: exactly five lots. */
    assert_int_equal(slice_of(ALICE)->quantity, 5);
    assert_int_equal(lots_of(ALICE, market.perp), 45);
    report_everything(93500 * DOLLAR);
    block(100); /* a MARK in the same second */
    sweep(EVERYTHING);
    liquidate(EVERYTHING);
    assert_int_equal(market.count, 0);
    mark_at(93500 * DOLLAR);
    liquidate(EVERYTHING);
    /* R = 45 · 60.775: a tenth of it is 4.5 lots. */
    assert_int_equal(slice_of(ALICE)->quantity, 5);
    assert_int_equal(events_of(TN_EVENT_SLICE), 1);
    assert_int_equal(lots_of(ALICE, market.perp), 40);
}

static void test_exchange_slices_run_in_entries_of_any_size(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 93000, 8));
    place(CAROL, limit(BUY, market.perp, 92900, 100));
    fail_a_little();
    while (risk_of(ALICE).liquidation == TN_LIQUIDATION_SLICES)
        liquidate(1);
    assert_int_equal(lots_of(ALICE, market.perp), 37);
}

/* Her own other account is no counterparty: its order goes. */
static void test_exchange_slice_does_not_trade_with_its_owner(void **state)
{
    (void)state;
    uint64_t own = place(ALICE_TWO, limit(BUY, market.perp, 93200, 10));
    place(BOB, limit(BUY, market.perp, 93000, 100));
    fail_a_little();
    liquidate(EVERYTHING);
    assert_int_equal(lots_of(ALICE_TWO, market.perp), 0);
    assert_int_equal(lots_of(ALICE, market.perp), 37);
    assert_int_equal(market.events[0].order_id, own);
    assert_int_equal(market.events[0].reason, TN_REASON_SELF_TRADE);
}

static void test_exchange_worst_account_is_sliced_first(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 93000, 20));
    be_standard(ALICE_TWO, 5950 * DOLLAR);
    hold_fifty();
    trade(ALICE_TWO, CAROL, market.perp, 100000, 50);
    mark_at(93500 * DOLLAR);
    liquidate(EVERYTHING);
    assert_int_equal(slice_of(ALICE_TWO)->remaining, 14); /* 17.4 … lots are hers */
    assert_null(event_of(TN_EVENT_SLICE, BOB));
    assert_int_equal(lots_of(ALICE, market.perp) + lots_of(ALICE_TWO, market.perp), 80);
}

/* A slice takes the leg that frees most: the future's 20 lots ask for more than the perpetual's. */
static void test_exchange_slice_closes_the_leg_that_frees_most(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 93000, 100));
    place(BOB, limit(BUY, market.future, 93000, 100));
    be_standard(ALICE, 6000 * DOLLAR);
    trade(ALICE, CAROL, market.perp, 100000, 20);
    trade(ALICE, CAROL, market.future, 100000, 30);
    mark_at(93500 * DOLLAR);
    liquidate(EVERYTHING);
    assert_int_equal(slice_of(ALICE)->series_id, market.future);
    assert_int_equal(lots_of(ALICE, market.future), 17);
    assert_int_equal(lots_of(ALICE, market.perp), 20);
}

static void test_exchange_halted_series_takes_no_slices_but_stays_in_the_sweep(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 93000, 100));
    hold_fifty();
    set_status(market.perp, TN_STATUS_HALTED);
    mark_at(93500 * DOLLAR);
    expect_moved(ALICE, TN_LIQUIDATION_NONE, TN_LIQUIDATION_SLICES, 2750 * DOLLAR, -28875 * CENT);
    liquidate(EVERYTHING);
    assert_int_equal(events_of(TN_EVENT_SLICE), 0);
    /* No leg is eligible. */
    expect_moved(ALICE, TN_LIQUIDATION_SLICES, TN_LIQUIDATION_AUCTION, 2750 * DOLLAR,
                 -28875 * CENT);
}

/* ---- To the auction ---- */

static void test_exchange_slices_end_in_an_auction_after_their_time(void **state)
{
    (void)state;
    fail_a_little();
    for (int i = 0; i < 4; i++) {
        mark_at(93500 * DOLLAR);
        liquidate(EVERYTHING);
        expect_stage(ALICE, TN_LIQUIDATION_SLICES);
    }
    mark_at(93500 * DOLLAR);
    expect_moved(ALICE, TN_LIQUIDATION_SLICES, TN_LIQUIDATION_AUCTION, 2750 * DOLLAR,
                 -28875 * CENT);
    /* f_max at 0.95: 744.5625 / (744.5625 + 0.95 · 2 750) = 0.221789883; a tenth of it, of E. */
    assert_int_equal(event_of(TN_EVENT_INSURANCE, ALICE)->money, -60992218);
    expect_fund_and_debt(60992218, 0);
    mark_at(93500 * DOLLAR); /* once per episode */
    assert_null(event_of(TN_EVENT_INSURANCE, ALICE));
}

static void test_exchange_deep_failure_goes_to_auction_at_once(void **state)
{
    (void)state;
    place(BOB, limit(BUY, market.perp, 90800, 100));
    hold_fifty();
    mark_at(90900 * DOLLAR); /* E = 1 450 is below half of R = 2 954.25 */
    expect_moved(ALICE, TN_LIQUIDATION_NONE, TN_LIQUIDATION_SLICES, 1450 * DOLLAR,
                 1450 * DOLLAR - 295425 * CENT);
    expect_moved(ALICE, TN_LIQUIDATION_SLICES, TN_LIQUIDATION_AUCTION, 1450 * DOLLAR,
                 1450 * DOLLAR - 295425 * CENT);
    liquidate(EVERYTHING);
    assert_int_equal(market.count, 0);
}

/* ---- Cash equity below its bound ---- */

static void test_exchange_account_that_owes_too_much_sells_options_until_it_does_not(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.negative_cash_micros = 500 * DOLLAR;
    set_risk(&risk);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET});
    mark_at(SPOT);
    hold_fifty();
    apply_passing(deposit_entry(ALICE, 1, 100000 * DOLLAR));
    tn_ticks price = price_at_mark(market.call);
    trade(ALICE, CAROL, market.call, price, 10);
    apply_passing(deposit_entry(ALICE, 0, 10 * price * TICK));
    mark_at(92000 * DOLLAR); /* CE = 6 000 − 50 · 80 = 2 000 */
    tn_micros left = risk_of(ALICE).margin.cash_equity;
    assert_int_equal(left, 2000 * DOLLAR);
    pass(ALICE, withdraw(0, left));
    mark_at(91000 * DOLLAR); /* CE = −500: just within */
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    place(BOB, limit(BUY, market.call, price_at_mark(market.call) - 20, 10));
    mark_at(90980 * DOLLAR); /* ten dollars beyond, though MM is far above zero */
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
    assert_true(risk_of(ALICE).margin.mm > 0);
    liquidate(EVERYTHING);
    assert_int_equal(slice_of(ALICE)->series_id, market.call);
    assert_int_equal(slice_of(ALICE)->remaining, 1);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    assert_true(risk_of(ALICE).margin.cash_equity >= -500 * DOLLAR);
}

/* ---- Margin calls ---- */

/* 0.8 of a loss, in units of 2^-30, may be a micro less. */
static void expect_near(tn_micros value, tn_micros exact)
{
    assert_in_range(value, exact - 1, exact);
}

/* Under portfolio margin a perpetual asks, at factors of 0.8 and 1, for 0.8 · 18 % + 3 % of its
 * value in MM and for 18 % + 4 % in IM; at an MM factor of 1 for 21 %. */
static void raise_the_factor(void)
{
    pass(ALICE, withdraw(0, cash_of(ALICE) - 11000 * DOLLAR));
    trade(ALICE, CAROL, market.perp, 100000, 50);
    assert_int_equal(m_of(ALICE), 0);
    expect_near(risk_of(ALICE).requirement, 50 * 174 * DOLLAR);
    struct tn_risk risk = usual_risk();
    risk.mm_factor_ppm = 1000000;
    risk.mm_step_ppm = 200000;
    set_risk(&risk);
    block(3600000); /* announced */
    mark_at(SPOT);
    expect_near(risk_of(ALICE).requirement, 50 * 174 * DOLLAR);
    block(3600000); /* in force */
    mark_at(SPOT);
    assert_int_equal(risk_of(ALICE).requirement, 50 * 210 * DOLLAR);
    assert_int_equal(risk_of(ALICE).margin.mm, 500 * DOLLAR);
}

static void test_exchange_rise_of_the_factor_calls_for_margin_and_waits(void **state)
{
    (void)state;
    raise_the_factor();
    mark_at(98700 * DOLLAR); /* E = 10 350, R = 10 363.50 */
    const struct tn_event *call = event_of(TN_EVENT_CALLED, ALICE);
    assert_non_null(call);
    int64_t until_ms = market.time_ms + 600000;
    assert_int_equal(call->order_id, until_ms);
    assert_int_equal(risk_of(ALICE).called_until_ms, until_ms);
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    mark_at(98700 * DOLLAR);
    assert_int_equal(events_of(TN_EVENT_CALLED), 0);
    block(598998);
    mark_at(98700 * DOLLAR); /* the grace is over */
    assert_int_equal(market.time_ms, until_ms + 998);
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
}

static void test_exchange_call_for_margin_does_not_cover_more_than_the_step(void **state)
{
    (void)state;
    raise_the_factor();
    mark_at(94000 * DOLLAR); /* E = 8 000, R = 9 870: above 0.8 of it */
    expect_stage(ALICE, TN_LIQUIDATION_NONE);
    mark_at(93000 * DOLLAR); /* E = 7 500, below 0.8 · 9 765 */
    expect_stage(ALICE, TN_LIQUIDATION_SLICES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_liquidation_begins_below_maintenance_and_cancels_all_orders),
        FEEDS_STORY(test_exchange_liquidation_does_not_begin_while_maintenance_is_covered),
        FEEDS_STORY(test_exchange_account_in_liquidation_may_only_lower_its_risk),
        FEEDS_STORY(test_exchange_deposit_ends_a_liquidation_when_it_restores_the_buffer),
        FEEDS_STORY(test_exchange_stop_of_an_account_in_liquidation_is_refused_when_it_triggers),
        FEEDS_STORY(test_exchange_slice_frees_what_is_missing_at_a_price_that_mends),
        FEEDS_STORY(test_exchange_slice_does_not_trade_beyond_its_limit),
        FEEDS_STORY(test_exchange_slices_stay_below_a_cap_per_second),
        FEEDS_STORY(test_exchange_slices_run_in_entries_of_any_size),
        FEEDS_STORY(test_exchange_slice_does_not_trade_with_its_owner),
        FEEDS_STORY(test_exchange_worst_account_is_sliced_first),
        FEEDS_STORY(test_exchange_slice_closes_the_leg_that_frees_most),
        FEEDS_STORY(test_exchange_halted_series_takes_no_slices_but_stays_in_the_sweep),
        FEEDS_STORY(test_exchange_slices_end_in_an_auction_after_their_time),
        FEEDS_STORY(test_exchange_deep_failure_goes_to_auction_at_once),
        FEEDS_STORY(test_exchange_account_that_owes_too_much_sells_options_until_it_does_not),
        FEEDS_STORY(test_exchange_rise_of_the_factor_calls_for_margin_and_waits),
        FEEDS_STORY(test_exchange_call_for_margin_does_not_cover_more_than_the_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
