/* Halts, reopening and the single-price uncross (docs/specs/exchange.md §8 STATUS, §9). */
#include "exchange_trace.h"

/* A halted call in auction: its orders rest and cross. */
static void open_auction(void)
{
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.call, TN_STATUS_AUCTION);
}

static void uncross(void)
{
    apply(uncross_entry(market.call));
    expect_reject(TN_REJECT_NONE);
}

static void test_exchange_auction_collects_crossing_orders_without_trading(void **state)
{
    (void)state;
    open_auction();
    EXPECT_EVENTS("status auction, was halted", "ok");
    place(ALICE, limit(SELL, market.call, 990, 5));
    place(BOB, limit(BUY, market.call, 1010, 5));
    EXPECT_EVENTS("accepted #2 bob buy 5 @ 1010", "ok #2 open 5");
    EXPECT_BOOK(market.call, "1010 #2x5 | 990 #1x5");
}

static void test_exchange_auction_takes_only_orders_that_can_rest(void **state)
{
    (void)state;
    open_auction();
    refuse(BOB, ioc(limit(BUY, market.call, 1000, 1)), TN_REJECT_SERIES_STATUS);
    refuse(BOB, fok(limit(BUY, market.call, 1000, 1)), TN_REJECT_SERIES_STATUS);
    refuse(BOB, at_market(BUY, market.call, 0, 1), TN_REJECT_SERIES_STATUS);
    refuse(BOB, stop_at(limit(BUY, market.call, 1000, 1), 1100), TN_REJECT_SERIES_STATUS);
    const struct tn_leg legs[] = {leg(BUY, market.call, 1, 0), leg(SELL, market.put, 1, 0)};
    refuse(BOB, package(TN_IOC, 1, 0, legs, 2), TN_REJECT_SERIES_STATUS);
    place(BOB, post(limit(BUY, market.call, 1000, 1), TN_POST_REJECT));
    place(BOB, until_block(limit(BUY, market.call, 1000, 1), 99));
}

static void test_exchange_uncross_trades_everything_at_one_price_in_priority_order(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 980, 5));
    place(CAROL, limit(SELL, market.call, 990, 5));
    place(DAN, limit(BUY, market.call, 1000, 4));
    place(BOB, limit(BUY, market.call, 1010, 4));
    uncross(); /* at 990 .. 1000 eight lots trade; 1 000 is the mark */
    EXPECT_EVENTS("uncrossed 8 @ 1000", "ok");
    sweep(64);
    EXPECT_EVENTS("trade #4 bob buy 4 @ 1000 with #1 alice, left 0/1 auction",
                  "trade #3 dan buy 1 @ 1000 with #1 alice, left 3/0 auction",
                  "trade #3 dan buy 3 @ 1000 with #2 carol, left 0/2 auction",
                  "status active, was auction");
    EXPECT_BOOK(market.call, "| 990 #2x2");
}

static void test_exchange_uncross_chooses_the_price_with_most_volume_and_least_surplus(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 950, 5));
    place(ALICE, limit(SELL, market.call, 980, 5));
    place(BOB, limit(BUY, market.call, 990, 4));
    place(BOB, limit(BUY, market.call, 960, 5));
    /* At 950 .. 960: 9 bid, 5 offered: 5, surplus 4. At 961 .. 979: 4 bid, 5 offered. At 980: 4. */
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 960", "ok");
}

static void test_exchange_uncross_prefers_less_surplus_at_equal_volume(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 950, 5));
    place(BOB, limit(BUY, market.call, 990, 5));
    place(BOB, limit(BUY, market.call, 960, 3));
    uncross(); /* up to 960 three lots more are bid than offered; from 961 none */
    EXPECT_EVENTS("uncrossed 5 @ 990", "ok");
}

static void test_exchange_uncross_breaks_ties_by_the_mark_then_by_the_lower_price(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 900, 5));
    place(BOB, limit(BUY, market.call, 1100, 5));
    struct tn_mark mark = usual_mark(market.call, 1050 * TICK + TICK / 2);
    apply_passing(marks_entry(&mark, 1)); /* as far from 1 050 as from 1 051 */
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1050", "ok");
}

static void test_exchange_uncross_price_is_on_tick(void **state)
{
    (void)state;
    open_auction();
    set_mark(market.call, 1207);
    place(ALICE, limit(SELL, market.call, 1150, 5));
    place(BOB, limit(BUY, market.call, 1300, 5));
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1210", "ok");
}

static void test_exchange_uncross_counts_what_icebergs_hide(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, showing(limit(SELL, market.call, 1000, 10), 2));
    place(BOB, limit(BUY, market.call, 1000, 5));
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000", "ok");
    sweep(64);
    EXPECT_EVENTS(
        "trade #2 bob buy 2 @ 1000 with #1 alice, left 3/8 auction", "refreshed #1 shows 2 of 8",
        "trade #2 bob buy 2 @ 1000 with #1 alice, left 1/6 auction", "refreshed #1 shows 2 of 6",
        "trade #2 bob buy 1 @ 1000 with #1 alice, left 0/5 auction", "status active, was auction");
    EXPECT_BOOK(market.call, "| 1000 #1x1");
}

static void test_exchange_uncross_of_a_book_that_does_not_cross_reopens_at_once(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 1010, 5));
    place(BOB, limit(BUY, market.call, 990, 5));
    uncross();
    EXPECT_EVENTS("uncrossed 0 @ 0", "status active, was auction", "ok");
    EXPECT_BOOK(market.call, "990 #2x5 | 1010 #1x5");
}

static void test_exchange_uncross_runs_in_slices_and_the_series_waits(void **state)
{
    (void)state;
    open_auction();
    for (int i = 0; i < 3; i++)
        place(ALICE, limit(SELL, market.call, 1000, 1));
    place(BOB, limit(BUY, market.call, 1000, 3));
    uncross();
    sweep(1);
    EXPECT_EVENTS("trade #4 bob buy 1 @ 1000 with #1 alice, left 2/0 auction");
    refuse(CAROL, limit(BUY, market.call, 1000, 1), TN_REJECT_SERIES_STATUS);
    refuse_entry(status_entry(market.call, TN_STATUS_HALTED), TN_REJECT_STATUS_STEP);
    refuse_entry(uncross_entry(market.call), TN_REJECT_SERIES_STATUS);
    pass(ALICE, cancel(2)); /* cancels are always admitted */
    sweep(1);
    EXPECT_EVENTS("trade #4 bob buy 1 @ 1000 with #3 alice, left 1/0 auction");
    sweep(1);
    EXPECT_EVENTS("status active, was auction");
    EXPECT_BOOK(market.call, "1000 #4x1 |");
}

static void test_exchange_uncross_cancels_the_younger_of_two_own_orders(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(ALICE_TWO, limit(BUY, market.call, 1010, 5));
    place(BOB, limit(BUY, market.call, 1010, 5));
    uncross();
    sweep(64);
    EXPECT_EVENTS("cancelled #2 5 self trade",
                  "trade #3 bob buy 5 @ 1000 with #1 alice, left 0/0 auction",
                  "status active, was auction");
}

static void test_exchange_dead_orders_and_short_accounts_sit_out_an_uncross(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, until_block(limit(SELL, market.call, 990, 5), (int64_t)market.height));
    place(CAROL, limit(SELL, market.call, 1000, 5));
    /* Dan is long a perpetual whose mark then falls until his free equity is below zero. */
    place(BOB, limit(SELL, market.perp, 100000, 2000));
    place(DAN, limit(BUY, market.perp, 100000, 2000));
    place(DAN, limit(BUY, market.call, 1020, 5));
    place(BOB, limit(BUY, market.call, 1000, 5));
    advance(1, 0);
    set_mark(market.perp, 49000);
    assert_true(account_view(DAN).free_equity < 0);
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000", "ok");
    sweep(1); /* expired orders come before uncrosses */
    EXPECT_EVENTS("cancelled #1 5 expired");
    sweep(64);
    EXPECT_EVENTS("cancelled #5 5 auction",
                  "trade #6 bob buy 5 @ 1000 with #2 carol, left 0/0 auction",
                  "status active, was auction");
}

static void test_exchange_auction_outside_the_band_repeats_and_at_the_fourth_time_halts(
    void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(BOB, limit(BUY, market.call, 1000, 5));
    set_mark(market.call, 6000); /* the bands are 500, 1 000, 2 000 and 4 000 ticks wide */
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000 round 1 repeated", "ok");
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000 round 2 repeated", "ok");
    place(CAROL, limit(SELL, market.call, 7000, 5)); /* the auction goes on */
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000 round 3 repeated", "ok");
    uncross();
    EXPECT_EVENTS("status halted, was auction", "ok");
    refuse_entry(uncross_entry(market.call), TN_REJECT_SERIES_STATUS);
    EXPECT_BOOK(market.call, "1000 #2x5 | 1000 #1x5 7000 #3x5");
}

static void test_exchange_band_of_an_auction_doubles_each_round(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(BOB, limit(BUY, market.call, 1000, 5));
    set_mark(market.call, 2000); /* 500 is too narrow, 1 000 reaches */
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000 round 1 repeated", "ok");
    uncross();
    EXPECT_EVENTS("uncrossed 5 @ 1000", "ok");
}

static void test_exchange_halted_series_admits_cancels_only(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    set_status(market.call, TN_STATUS_HALTED);
    EXPECT_EVENTS("status halted, was active", "ok");
    refuse(BOB, limit(BUY, market.call, 1000, 5), TN_REJECT_SERIES_STATUS);
    refuse(BOB, post(limit(BUY, market.call, 900, 5), TN_POST_REJECT), TN_REJECT_SERIES_STATUS);
    pass(ALICE, cancel(1));
}

static void test_exchange_series_reopens_by_a_post_only_phase(void **state)
{
    (void)state;
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.call, TN_STATUS_POST_ONLY);
    refuse(BOB, limit(BUY, market.call, 1000, 5), TN_REJECT_SERIES_STATUS);
    place(ALICE, post(limit(SELL, market.call, 1000, 5), TN_POST_REJECT));
    refuse(BOB, post(limit(BUY, market.call, 1000, 5), TN_POST_REJECT),
           TN_REJECT_POST_ONLY_CROSSES);
    set_status(market.call, TN_STATUS_ACTIVE);
    place(BOB, limit(BUY, market.call, 1000, 5));
    assert_int_equal(lots_of(BOB, market.call), 5);
}

static void test_exchange_crossed_book_reopens_only_by_an_auction(void **state)
{
    (void)state;
    open_auction();
    place(ALICE, limit(SELL, market.call, 990, 5));
    place(BOB, limit(BUY, market.call, 1010, 5));
    refuse_entry(status_entry(market.call, TN_STATUS_ACTIVE), TN_REJECT_STATUS_STEP);
    set_status(market.call, TN_STATUS_HALTED); /* keeps its orders */
    EXPECT_BOOK(market.call, "1010 #2x5 | 990 #1x5");
    refuse_entry(status_entry(market.call, TN_STATUS_ACTIVE), TN_REJECT_STATUS_STEP);
    refuse_entry(status_entry(market.call, TN_STATUS_POST_ONLY), TN_REJECT_STATUS_STEP);
    set_status(market.call, TN_STATUS_CANCEL_ONLY);
    refuse_entry(status_entry(market.call, TN_STATUS_ACTIVE), TN_REJECT_STATUS_STEP);
    set_status(market.call, TN_STATUS_AUCTION);
    uncross();
    sweep(64);
    assert_int_equal(series_view(market.call).status, TN_STATUS_ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_auction_collects_crossing_orders_without_trading),
        STORY(test_exchange_auction_takes_only_orders_that_can_rest),
        STORY(test_exchange_uncross_trades_everything_at_one_price_in_priority_order),
        STORY(test_exchange_uncross_chooses_the_price_with_most_volume_and_least_surplus),
        STORY(test_exchange_uncross_prefers_less_surplus_at_equal_volume),
        STORY(test_exchange_uncross_breaks_ties_by_the_mark_then_by_the_lower_price),
        STORY(test_exchange_uncross_price_is_on_tick),
        STORY(test_exchange_uncross_counts_what_icebergs_hide),
        STORY(test_exchange_uncross_of_a_book_that_does_not_cross_reopens_at_once),
        STORY(test_exchange_uncross_runs_in_slices_and_the_series_waits),
        STORY(test_exchange_uncross_cancels_the_younger_of_two_own_orders),
        STORY(test_exchange_dead_orders_and_short_accounts_sit_out_an_uncross),
        STORY(test_exchange_auction_outside_the_band_repeats_and_at_the_fourth_time_halts),
        STORY(test_exchange_band_of_an_auction_doubles_each_round),
        STORY(test_exchange_halted_series_admits_cancels_only),
        STORY(test_exchange_series_reopens_by_a_post_only_phase),
        STORY(test_exchange_crossed_book_reopens_only_by_an_auction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
