/* Funding of perpetuals and settlement at expiry (docs/specs/exchange.md §8.1, §8.3): cash goes
 * from account to account and into the house's purses, never anywhere else. */
#include "exchange_trace.h"

#define HOUR_MS INT64_C(3600000)

/* Bob long and Alice short the perpetual. */
static void trade_perpetual(tn_lots quantity)
{
    place(ALICE, limit(SELL, market.perp, 100000, quantity));
    place(BOB, limit(BUY, market.perp, 100000, quantity));
}

static void test_exchange_funding_is_settled_hourly_in_sweeps(void **state)
{
    (void)state;
    trade_perpetual(10);
    apply_passing(funding_entry(market.perp, 2 * 1000000)); /* two micros a lot */
    EXPECT_EVENTS("ok");
    sweep(64);
    EXPECT_NO_EVENTS();
    advance(1, HOUR_MS - 1);
    sweep(64);
    EXPECT_NO_EVENTS();
    advance(1, 1);
    assert_true(tn_exchange_work(market.exchange));
    sweep(64);
    EXPECT_EVENTS("funded alice -10 pays -20 in BTC-PERP", "funded bob 10 pays 20 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 0);
    advance(1, HOUR_MS);
    sweep(64); /* the index has not moved: nothing to pay */
    EXPECT_NO_EVENTS();
}

static void test_exchange_funding_rounds_against_both_and_insurance_keeps_the_rest(void **state)
{
    (void)state;
    trade_perpetual(3);
    apply_passing(funding_entry(market.perp, 500000)); /* one and a half micros for three lots */
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_EVENTS("funded alice -3 pays -1 in BTC-PERP", "funded bob 3 pays 2 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), 1);
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 0);
}

static void test_exchange_negative_funding_flows_from_short_to_long(void **state)
{
    (void)state;
    trade_perpetual(3);
    apply_passing(funding_entry(market.perp, -500000));
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_EVENTS("funded alice -3 pays 2 in BTC-PERP", "funded bob 3 pays -1 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), 1);
}

static void test_exchange_fill_settles_funding_of_both_sides_taker_first(void **state)
{
    (void)state;
    trade_perpetual(10);
    apply_passing(funding_entry(market.perp, 1000000));
    assert_int_equal(account_view(BOB).free_equity, START_CASH - 10);
    assert_int_equal(account_view(ALICE).free_equity, START_CASH + 10);
    place(BOB, limit(SELL, market.perp, 100000, 4));
    place(ALICE, limit(BUY, market.perp, 100000, 4));
    EXPECT_EVENTS("accepted #4 alice buy 4 @ 100000 in BTC-PERP",
                  "funded alice -10 pays -10 in BTC-PERP", "funded bob 10 pays 10 in BTC-PERP",
                  "trade #4 alice buy 4 @ 100000 with #3 bob, left 0/0 in BTC-PERP",
                  "ok #4 filled 4");
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_NO_EVENTS(); /* the hour has nothing left to settle */
}

static void test_exchange_settled_funding_is_counted_once_in_free_equity(void **state)
{
    (void)state;
    trade_perpetual(10);
    place(ALICE, limit(BUY, market.put, 1000, 1)); /* asks for her equity */
    apply_passing(funding_entry(market.perp, 2 * 1000000));
    assert_int_equal(account_view(ALICE).free_equity, START_CASH + 20 - 1000 * TICK);
    pass(ALICE, cancel(3));
    place(ALICE, limit(BUY, market.put, 1000, 1));
    pass(ALICE, cancel(4));
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_EVENTS("funded alice -10 pays -20 in BTC-PERP", "funded bob 10 pays 20 in BTC-PERP");
    assert_int_equal(account_view(ALICE).free_equity, START_CASH + 20);
    refuse(ALICE, withdraw(0, START_CASH + 21), TN_REJECT_CASH_SHORT);
    pass(ALICE, withdraw(0, START_CASH + 20));
}

static void test_exchange_equity_follows_every_mark_and_fill(void **state)
{
    (void)state;
    trade_perpetual(10);
    for (tn_ticks mark = 99000; mark <= 101000; mark += 500) {
        set_mark(market.perp, mark);
        tn_micros equity = START_CASH + 10 * (mark - 100000) * TICK;
        assert_int_equal(account_view(BOB).free_equity, equity);
        uint64_t id = place(BOB, limit(BUY, market.call, 1000, 1));
        assert_int_equal(account_view(BOB).free_equity, equity - 1000 * TICK);
        pass(BOB, cancel(id));
        const tn_lots most = equity / (1000 * TICK);
        if (most < 100000) {
            refuse(BOB, limit(BUY, market.call, 1000, most + 1), TN_REJECT_MARGIN_SHORT);
            pass(BOB, cancel(place(BOB, limit(BUY, market.call, 1000, most))));
        }
    }
    place(ALICE, limit(BUY, market.perp, 101000, 10));
    place(BOB, limit(SELL, market.perp, 101000, 10));
    assert_int_equal(account_view(BOB).free_equity, START_CASH + 10 * 1000 * TICK);
    set_mark(market.perp, 100000); /* flat: the mark is no longer his concern */
    assert_int_equal(account_view(BOB).free_equity, START_CASH + 10 * 1000 * TICK);
    pass(BOB, withdraw(0, START_CASH + 10 * 1000 * TICK));
}

static void test_exchange_funding_goes_on_past_an_account_that_has_left(void **state)
{
    (void)state;
    trade_perpetual(10);
    place(CAROL, limit(SELL, market.perp, 100000, 5));
    place(DAN, limit(BUY, market.perp, 100000, 5));
    apply_passing(funding_entry(market.perp, 1000000));
    advance(1, HOUR_MS);
    sweep(1); /* Alice; Bob is next, and sells all he has */
    place(DAN, limit(BUY, market.perp, 100000, 10));
    place(BOB, limit(SELL, market.perp, 100000, 10));
    assert_int_equal(account_view(BOB).exposures_count, 0);
    sweep(64);
    EXPECT_EVENTS("funded carol -5 pays -5 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 0);
}

static void test_exchange_block_trade_settles_funding_first(void **state)
{
    (void)state;
    trade_perpetual(10);
    apply_passing(funding_entry(market.perp, 1000000));
    const struct tn_leg legs[] = {leg(SELL, market.perp, 4, 100000)};
    pass(BOB, block_trade(ALICE, ++market.nonces[ALICE], legs, 1));
    EXPECT_EVENTS("funded bob 10 pays 10 in BTC-PERP", "funded alice -10 pays -10 in BTC-PERP",
                  "trade #0 bob sell 4 @ 100000 with #0 alice, left 0/0 block in BTC-PERP",
                  "ok filled 1");
}

static void test_exchange_new_position_owes_funding_from_its_own_beginning(void **state)
{
    (void)state;
    apply_passing(funding_entry(market.perp, 7 * 1000000));
    trade_perpetual(10);
    assert_int_equal(account_view(BOB).free_equity, START_CASH);
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_NO_EVENTS();
}

static void test_exchange_funding_runs_in_slices_with_a_cursor(void **state)
{
    (void)state;
    trade_perpetual(10);
    place(CAROL, limit(SELL, market.perp, 100000, 5));
    place(DAN, limit(BUY, market.perp, 100000, 5));
    apply_passing(funding_entry(market.perp, 1000000));
    advance(1, HOUR_MS);
    sweep(1);
    EXPECT_EVENTS("funded alice -10 pays -10 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), -10);
    sweep(2);
    EXPECT_EVENTS("funded bob 10 pays 10 in BTC-PERP", "funded carol -5 pays -5 in BTC-PERP");
    sweep(64);
    EXPECT_EVENTS("funded dan 5 pays 5 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 0);
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_funding_float_stays_when_the_index_moves_during_the_round(void **state)
{
    (void)state;
    trade_perpetual(3);
    apply_passing(funding_entry(market.perp, 500000));
    advance(1, HOUR_MS);
    sweep(1);
    EXPECT_EVENTS("funded alice -3 pays -1 in BTC-PERP");
    apply_passing(funding_entry(market.perp, 500000));
    sweep(64);
    EXPECT_EVENTS("funded bob 3 pays 3 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 2);
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), 0);
    advance(1, HOUR_MS);
    sweep(64);
    EXPECT_EVENTS("funded alice -3 pays -1 in BTC-PERP");
    assert_int_equal(house_of(TN_HOUSE_FUNDING), 0);
    assert_int_equal(house_of(TN_HOUSE_INSURANCE), 1);
}

static void test_exchange_funding_out_of_place_is_refused(void **state)
{
    (void)state;
    refuse_entry(funding_entry(market.perp + 1, 1), TN_REJECT_SERIES_UNKNOWN);
    refuse_entry(funding_entry(market.future, 1), TN_REJECT_NOT_PERPETUAL);
    refuse_entry(funding_entry(market.perp, (INT64_C(1) << 40) + 1), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(funding_entry(market.perp, INT64_MIN), TN_REJECT_PARAMETER_RANGE);
}

/* ---- Settlement ---- */

static void advance_to_expiry(void)
{
    advance(1, tn_series_expiry_ms(market.call) - market.time_ms);
}

static void test_exchange_expiry_settles_options_and_the_future_at_one_price(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(BOB, limit(BUY, market.call, 1000, 10));
    place(ALICE, limit(SELL, market.put, 1000, 10));
    place(BOB, limit(BUY, market.put, 1000, 10));
    place(CAROL, limit(SELL, market.future, 100000, 10));
    place(DAN, limit(BUY, market.future, 100000, 10));
    advance_to_expiry();
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    EXPECT_EVENTS("status settling, was active in BTC-25DEC26", "status settling, was active",
                  "status settling, was active in BTC-25DEC26-120000-C",
                  "status settling, was active in BTC-25DEC26-100000-P", "ok");
    sweep(64);
    /* The call is worth 3 000 dollars a coin, 30 a lot; the future 1 030 a lot. */
    EXPECT_EVENTS("settled carol -10 for -10300000000 in BTC-25DEC26",
                  "settled dan 10 for 10300000000 in BTC-25DEC26",
                  "status settled, was settling in BTC-25DEC26", "settled alice -10 for -300000000",
                  "settled bob 10 for 300000000", "status settled, was settling",
                  "status settled, was settling in BTC-25DEC26-120000-C",
                  "settled alice -10 for 0 in BTC-25DEC26-100000-P",
                  "settled bob 10 for 0 in BTC-25DEC26-100000-P",
                  "status settled, was settling in BTC-25DEC26-100000-P");
    assert_int_equal(gain_of(BOB), (-2 * 10 * 1000 * TICK) + 300 * DOLLAR);
    assert_int_equal(gain_of(ALICE), -gain_of(BOB));
    assert_int_equal(gain_of(DAN), 10 * 30 * DOLLAR);
    assert_int_equal(gain_of(CAROL), -gain_of(DAN));
    assert_int_equal(house_of(TN_HOUSE_CLEARING), 0);
    assert_int_equal(account_view(BOB).exposures_count, 0);
    assert_int_equal(lots_of(BOB, market.call), 0);
}

static void test_exchange_settlement_first_cancels_what_rests_and_waits(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1100, 1));
    place(ALICE, limit(BUY, market.call, 900, 1));
    place(ALICE, limit(BUY, market.call, 910, 1));
    place(ALICE, stop_at(limit(SELL, market.call, 700, 1), 800));
    place(ALICE, stop_at(limit(SELL, market.call, 700, 1), 900));
    place(ALICE, stop_at(limit(BUY, market.call, 1300, 1), 1200));
    advance_to_expiry();
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    refuse(ALICE, limit(BUY, market.call, 900, 1), TN_REJECT_SERIES_STATUS);
    sweep(1); /* the future's turn is free of charge: it has no orders and no exposures */
    EXPECT_EVENTS("status settled, was settling in BTC-25DEC26", "cancelled #3 1 settlement");
    sweep(64);
    assert_int_equal(market.events[0].order_id, 2);
    assert_int_equal(market.events[1].order_id, 1);
    assert_int_equal(market.events[2].order_id, 6);
    assert_int_equal(market.events[3].order_id, 5);
    assert_int_equal(market.events[4].order_id, 4);
    assert_int_equal(market.events[4].reason, TN_REASON_SETTLEMENT);
    assert_int_equal(account_view(ALICE).orders_count, 0);
    assert_int_equal(account_view(ALICE).reserved, 0);
}

static void test_exchange_settlement_in_slices_holds_the_difference_in_clearing(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(BOB, limit(BUY, market.call, 1000, 10));
    advance_to_expiry();
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    sweep(1);
    EXPECT_EVENTS("status settled, was settling in BTC-25DEC26",
                  "settled alice -10 for -300000000");
    assert_int_equal(house_of(TN_HOUSE_CLEARING), 300 * DOLLAR);
    sweep(1);
    EXPECT_EVENTS("settled bob 10 for 300000000"); /* its last unit: the rest comes next time */
    assert_int_equal(house_of(TN_HOUSE_CLEARING), 0);
    sweep(1);
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_settlement_ends_an_uncross_that_runs(void **state)
{
    (void)state;
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.call, TN_STATUS_AUCTION);
    for (int i = 0; i < 2; i++) {
        place(ALICE, limit(SELL, market.call, 1000, 1));
        place(BOB, limit(BUY, market.call, 1000, 1));
    }
    apply_passing(uncross_entry(market.call));
    sweep(1);
    EXPECT_EVENTS("trade #2 bob buy 1 @ 1000 with #1 alice, left 0/0 auction");
    advance_to_expiry();
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    sweep(2);
    EXPECT_EVENTS("status settled, was settling in BTC-25DEC26", "cancelled #4 1 settlement",
                  "cancelled #3 1 settlement");
    sweep(64);
    assert_int_equal(series_view(market.call).status, TN_STATUS_SETTLED);
    assert_int_equal(gain_of(BOB), 30 * DOLLAR - 1000 * TICK);
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_settling_series_leaves_no_stop_to_trigger(void **state)
{
    (void)state;
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 1), 1050));
    set_mark(market.call, 1060);
    advance_to_expiry();
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    sweep(1);
    EXPECT_EVENTS("status settled, was settling in BTC-25DEC26", "cancelled #1 1 settlement");
    sweep(64);
    assert_int_equal(account_view(ALICE).orders_count, 0);
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_settlement_out_of_time_or_place_is_refused(void **state)
{
    (void)state;
    refuse_entry(settle_entry(market.day, 103000 * DOLLAR), TN_REJECT_NOT_EXPIRED);
    advance_to_expiry();
    refuse_entry(settle_entry((uint16_t)(market.day - 1), 103000 * DOLLAR),
                 TN_REJECT_SERIES_UNKNOWN);
    refuse_entry(settle_entry(0, 103000 * DOLLAR), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(settle_entry(market.day, 0), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(settle_entry(market.day, (INT64_C(1) << 50) + 1), TN_REJECT_PARAMETER_RANGE);
    struct tn_entry entry = settle_entry(market.day, 103000 * DOLLAR);
    entry.as.settle.underlying = 2;
    refuse_entry(entry, TN_REJECT_UNDERLYING_UNKNOWN);
    apply_passing(settle_entry(market.day, 103000 * DOLLAR));
    refuse_entry(settle_entry(market.day, 103000 * DOLLAR), TN_REJECT_SERIES_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_funding_is_settled_hourly_in_sweeps),
        STORY(test_exchange_funding_rounds_against_both_and_insurance_keeps_the_rest),
        STORY(test_exchange_negative_funding_flows_from_short_to_long),
        STORY(test_exchange_fill_settles_funding_of_both_sides_taker_first),
        STORY(test_exchange_settled_funding_is_counted_once_in_free_equity),
        STORY(test_exchange_equity_follows_every_mark_and_fill),
        STORY(test_exchange_funding_goes_on_past_an_account_that_has_left),
        STORY(test_exchange_block_trade_settles_funding_first),
        STORY(test_exchange_new_position_owes_funding_from_its_own_beginning),
        STORY(test_exchange_funding_runs_in_slices_with_a_cursor),
        STORY(test_exchange_funding_float_stays_when_the_index_moves_during_the_round),
        STORY(test_exchange_funding_out_of_place_is_refused),
        STORY(test_exchange_expiry_settles_options_and_the_future_at_one_price),
        STORY(test_exchange_settlement_first_cancels_what_rests_and_waits),
        STORY(test_exchange_settlement_in_slices_holds_the_difference_in_clearing),
        STORY(test_exchange_settlement_ends_an_uncross_that_runs),
        STORY(test_exchange_settling_series_leaves_no_stop_to_trigger),
        STORY(test_exchange_settlement_out_of_time_or_place_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
