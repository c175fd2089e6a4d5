/* BLOCK_TRADE (docs/specs/exchange.md §10): legs agreed outside the book, one command for both. */
#include "exchange_trace.h"

static struct tn_command agreed(tn_ticks price, tn_lots quantity)
{
    const struct tn_leg legs[] = {leg(BUY, market.call, quantity, price)};
    return block_trade(BOB, ++market.nonces[BOB], legs, 1);
}

static void test_exchange_block_trade_touches_no_book(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 50));
    pass(ALICE, agreed(1005, 10));
    EXPECT_EVENTS("trade #0 alice buy 10 @ 1005 with #0 bob, left 0/0 block", "ok filled 1");
    EXPECT_BOOK(market.call, "| 1000 #1x50");
    assert_int_equal(lots_of(ALICE, market.call), 10);
    assert_int_equal(lots_of(BOB, market.call), -10);
    assert_int_equal(gain_of(ALICE), -10 * 1005 * TICK);
    assert_int_equal(gain_of(BOB), 10 * 1005 * TICK);
}

static void test_exchange_block_trade_has_several_legs_and_any_price_on_tick(void **state)
{
    (void)state;
    const struct tn_leg legs[] = {leg(BUY, market.call, 10, 3000), leg(SELL, market.put, 20, 1),
                                  leg(BUY, market.perp, 1, 90000)};
    pass(ALICE, block_trade(BOB, 1, legs, 3));
    EXPECT_EVENTS("trade #0 alice buy 10 @ 3000 with #0 bob, left 0/0 block",
                  "trade #0 alice sell 20 @ 1 with #0 bob, left 0/0 block in BTC-25DEC26-100000-P",
                  "trade #0 alice buy 1 @ 90000 with #0 bob, left 0/0 block in BTC-PERP",
                  "ok filled 3");
}

static void test_exchange_block_trade_consumes_the_nonces_of_both(void **state)
{
    (void)state;
    struct tn_command trade = agreed(1000, 10);
    pass(ALICE, trade);
    refuse(ALICE, trade, TN_REJECT_COUNTERPARTY_NONCE);
    struct tn_command bid = limit(BUY, market.call, 900, 1);
    apply(frame_entry(BOB, 1, &bid, 1));
    EXPECT_EVENTS("NONCE_USED");
}

static void test_exchange_refused_block_trade_leaves_the_counterpartys_nonce(void **state)
{
    (void)state;
    refuse(ALICE, agreed(1000, 9), TN_REJECT_BLOCK_MINIMUM);
    struct tn_command bid = limit(BUY, market.call, 900, 1);
    apply(frame_entry(BOB, 1, &bid, 1));
    expect_reject(TN_REJECT_NONE);
}

static void test_exchange_block_trade_minimum_counts_all_legs(void **state)
{
    (void)state;
    const struct tn_leg legs[] = {leg(BUY, market.call, 5, 1000), leg(SELL, market.put, 5, 1000)};
    pass(ALICE, block_trade(BOB, ++market.nonces[BOB], legs, 2)); /* a hundred dollars together */
    refuse(ALICE, agreed(999, 10), TN_REJECT_BLOCK_MINIMUM);
}

static void test_exchange_block_trade_expires_after_its_millisecond(void **state)
{
    (void)state;
    struct tn_command trade = agreed(1000, 10);
    trade.as.block_trade.expires_ms = market.time_ms;
    pass(ALICE, trade);
    advance(1, 1);
    trade.as.block_trade.counterparty_nonce = 2;
    refuse(ALICE, trade, TN_REJECT_BLOCK_EXPIRED);
}

static void test_exchange_block_trade_needs_another_owner(void **state)
{
    (void)state;
    struct tn_command trade = agreed(1000, 10);
    trade.as.block_trade.counterparty = ALICE_TWO;
    refuse(ALICE, trade, TN_REJECT_BLOCK_SELF);
    trade.as.block_trade.counterparty = TRADERS;
    refuse(ALICE, trade, TN_REJECT_COUNTERPARTY_UNKNOWN);
}

static void test_exchange_block_trade_charges_both_sides_as_takers(void **state)
{
    (void)state;
    set_fees(-50, 100, 0); /* 0.1 dollars a lot for takers */
    struct tn_command trade = agreed(1000, 10);
    refuse(ALICE, trade, TN_REJECT_FEE_ABOVE_AGREED);
    trade.as.block_trade.fee_max_ppm = 100;
    pass(ALICE, trade);
    EXPECT_EVENTS("trade #0 alice buy 10 @ 1000 with #0 bob, left 0/0, fees 1000000/1000000 block",
                  "ok filled 1");
    assert_int_equal(house_of(TN_HOUSE_FEES), 2 * DOLLAR);
}

static void test_exchange_block_trade_must_be_affordable_for_both(void **state)
{
    (void)state;
    pass(ALICE, withdraw(0, START_CASH - 99 * DOLLAR));
    refuse(ALICE, agreed(1000, 10), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, DOLLAR);
    const struct tn_leg legs[] = {leg(SELL, market.call, 10, 1000)};
    refuse(BOB, block_trade(ALICE, ++market.nonces[ALICE], legs, 1), TN_REJECT_COUNTERPARTY_SHORT);
    assert_int_equal(last_event()->money, DOLLAR);
    apply_passing(deposit_entry(ALICE, 0, DOLLAR));
    pass(BOB, block_trade(ALICE, ++market.nonces[ALICE], legs, 1));
    assert_int_equal(cash_of(ALICE), 0);
}

static void test_exchange_block_trade_recuts_reduce_only_orders_of_both(void **state)
{
    (void)state;
    pass(ALICE, agreed(1000, 10)); /* Alice long, Bob short */
    place(ALICE, reducing(limit(SELL, market.call, 1100, 10)));
    place(BOB, reducing(limit(BUY, market.call, 900, 10)));
    const struct tn_leg legs[] = {leg(SELL, market.call, 10, 1000)};
    pass(ALICE, block_trade(BOB, ++market.nonces[BOB], legs, 1));
    /* §4.4 step 7: the maker's exposure, the counterparty's, first. */
    EXPECT_EVENTS("trade #0 alice sell 10 @ 1000 with #0 bob, left 0/0 block",
                  "cancelled #2 10 reduce only", "cancelled #1 10 reduce only", "ok filled 1");
}

static void test_exchange_block_trade_out_of_shape_is_refused(void **state)
{
    (void)state;
    struct tn_command bad = agreed(1000, 10);
    bad.as.block_trade.legs_count = 0;
    refuse(ALICE, bad, TN_REJECT_BLOCK_SIZE);
    bad.as.block_trade.legs_count = 9;
    refuse(ALICE, bad, TN_REJECT_BLOCK_SIZE);
    const struct tn_leg twice[] = {leg(BUY, market.call, 10, 1000), leg(BUY, market.call, 1, 1000)};
    refuse(ALICE, block_trade(BOB, 1, twice, 2), TN_REJECT_BLOCK_SIZE);
    bad = agreed(1000, 10);
    bad.as.block_trade.legs[0].series_id++;
    refuse(ALICE, bad, TN_REJECT_SERIES_UNKNOWN);
    bad.as.block_trade.legs[0].side = 2;
    refuse(ALICE, bad, TN_REJECT_SERIES_UNKNOWN);
    bad.as.block_trade.legs[0].series_id--;
    refuse(ALICE, bad, TN_REJECT_SIDE_UNKNOWN);
    refuse(ALICE, agreed(1205, 10), TN_REJECT_PRICE_OFF_TICK);
    refuse(ALICE, agreed(0, 10), TN_REJECT_PRICE_RANGE);
    refuse(ALICE, agreed(1000, 0), TN_REJECT_QUANTITY_RANGE);
    refuse(ALICE, agreed(100001, 10), TN_REJECT_PRICE_RANGE);
    refuse(ALICE, agreed(1000, 100001), TN_REJECT_QUANTITY_RANGE);
    place(BOB, limit(SELL, market.call, 90000, 99995));
    refuse(ALICE, agreed(1000, 10), TN_REJECT_POSITION_LIMIT_VALUE); /* the counterparty's */
    set_status(market.call, TN_STATUS_POST_ONLY);
    refuse(ALICE, agreed(1000, 10), TN_REJECT_SERIES_STATUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_block_trade_touches_no_book),
        STORY(test_exchange_block_trade_has_several_legs_and_any_price_on_tick),
        STORY(test_exchange_block_trade_consumes_the_nonces_of_both),
        STORY(test_exchange_refused_block_trade_leaves_the_counterpartys_nonce),
        STORY(test_exchange_block_trade_minimum_counts_all_legs),
        STORY(test_exchange_block_trade_expires_after_its_millisecond),
        STORY(test_exchange_block_trade_needs_another_owner),
        STORY(test_exchange_block_trade_charges_both_sides_as_takers),
        STORY(test_exchange_block_trade_must_be_affordable_for_both),
        STORY(test_exchange_block_trade_recuts_reduce_only_orders_of_both),
        STORY(test_exchange_block_trade_out_of_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
