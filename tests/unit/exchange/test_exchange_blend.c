/* The FIFO/pro-rata blend (docs/specs/exchange.md §4.2), with numbers worked out by hand. */
#include "exchange_trace.h"

static void open_blended(uint32_t fifo_ppm, uint32_t fills_max)
{
    struct tn_underlying underlying = usual_underlying();
    underlying.fifo_ppm = fifo_ppm;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = fills_max;
    open_market_with(limits, underlying);
}

static void test_exchange_blend_gives_the_oldest_its_share_and_the_rest_by_size(void **state)
{
    (void)state;
    open_blended(400000, 64);
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(SELL, market.call, 1000, 30));
    place(DAN, limit(SELL, market.call, 1000, 60));
    place(BOB, limit(BUY, market.call, 1000, 50));
    /* 20 of 50 by time: 10 + 10. Of the other 30: 20 and 60 are left of 80: 7.5 and 22.5, floored
     * to 7 and 22. The last one by time: Carol. */
    EXPECT_EVENTS("accepted #4 bob buy 50 @ 1000",
                  "trade #4 bob buy 10 @ 1000 with #1 alice, left 40/0",
                  "trade #4 bob buy 10 @ 1000 with #2 carol, left 30/20",
                  "trade #4 bob buy 7 @ 1000 with #2 carol, left 23/13",
                  "trade #4 bob buy 22 @ 1000 with #3 dan, left 1/38",
                  "trade #4 bob buy 1 @ 1000 with #2 carol, left 0/12", "ok #4 filled 50");
}

static void test_exchange_blend_of_zero_is_pure_pro_rata(void **state)
{
    (void)state;
    open_blended(0, 64);
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(CAROL, limit(SELL, market.call, 1000, 10));
    place(DAN, limit(SELL, market.call, 1000, 20));
    place(BOB, limit(BUY, market.call, 1000, 15));
    /* ⌊15 · 1/31⌋ = 0, left out; ⌊150/31⌋ = 4; ⌊300/31⌋ = 9; two remain, by time. */
    EXPECT_EVENTS("accepted #4 bob buy 15 @ 1000",
                  "trade #4 bob buy 4 @ 1000 with #2 carol, left 11/6",
                  "trade #4 bob buy 9 @ 1000 with #3 dan, left 2/11",
                  "trade #4 bob buy 1 @ 1000 with #1 alice, left 1/0",
                  "trade #4 bob buy 1 @ 1000 with #2 carol, left 0/5", "ok #4 filled 15");
}

static void test_exchange_blend_takes_a_level_it_uses_up_by_time(void **state)
{
    (void)state;
    open_blended(0, 64);
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(SELL, market.call, 1000, 20));
    place(DAN, limit(SELL, market.call, 1010, 10));
    place(ALICE, limit(SELL, market.call, 1010, 30));
    place(BOB, limit(BUY, market.call, 1010, 50));
    EXPECT_EVENTS("accepted #5 bob buy 50 @ 1010",
                  "trade #5 bob buy 10 @ 1000 with #1 alice, left 40/0",
                  "trade #5 bob buy 20 @ 1000 with #2 carol, left 20/0",
                  "trade #5 bob buy 5 @ 1010 with #3 dan, left 15/5",
                  "trade #5 bob buy 15 @ 1010 with #4 alice, left 0/15", "ok #5 filled 50");
}

static void test_exchange_blend_leaves_own_and_dead_orders_out_of_the_shares(void **state)
{
    (void)state;
    open_blended(0, 64);
    place(ALICE, until_block(limit(SELL, market.call, 1000, 10), 1));
    place(CAROL, limit(SELL, market.call, 1000, 10));
    place(BOB, limit(SELL, market.call, 1000, 10));
    place(DAN, limit(SELL, market.call, 1000, 30));
    advance(1, 0);
    place(BOB, with_stp(limit(BUY, market.call, 1000, 20), TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #5 bob buy 20 @ 1000",
                  "trade #5 bob buy 5 @ 1000 with #2 carol, left 15/5",
                  "trade #5 bob buy 15 @ 1000 with #4 dan, left 0/15", "ok #5 filled 20");
    EXPECT_BOOK(market.call, "| 1000 #1x10 #2x5 #3x10 #4x15");
}

static void test_exchange_blend_shares_only_among_the_makers_it_may_still_meet(void **state)
{
    (void)state;
    open_blended(0, 2);
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(SELL, market.call, 1000, 30));
    place(DAN, limit(SELL, market.call, 1000, 60));
    place(BOB, limit(BUY, market.call, 1000, 20));
    EXPECT_EVENTS("accepted #4 bob buy 20 @ 1000",
                  "trade #4 bob buy 5 @ 1000 with #1 alice, left 15/5",
                  "trade #4 bob buy 15 @ 1000 with #2 carol, left 0/15", "ok #4 filled 20");
}

static void test_exchange_blend_does_not_apply_to_fok(void **state)
{
    (void)state;
    open_blended(0, 64);
    place(ALICE, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(SELL, market.call, 1000, 30));
    place(BOB, fok(limit(BUY, market.call, 1000, 12)));
    EXPECT_EVENTS("accepted #3 bob buy 12 @ 1000",
                  "trade #3 bob buy 10 @ 1000 with #1 alice, left 2/0",
                  "trade #3 bob buy 2 @ 1000 with #2 carol, left 0/28", "ok #3 filled 12");
}

static void test_exchange_blend_skips_an_iceberg_that_has_moved_to_the_end(void **state)
{
    (void)state;
    open_blended(500000, 64);
    place(ALICE, showing(limit(SELL, market.call, 1000, 20), 10));
    place(CAROL, limit(SELL, market.call, 1000, 10));
    place(BOB, limit(BUY, market.call, 1000, 18));
    /* 9 by time from Alice, who shows 1 of 11 then. Of the other 9: ⌊9/11⌋ = 0 and ⌊90/11⌋ = 8.
     * The last by time: Alice's last visible lot, and she refreshes. */
    EXPECT_EVENTS("accepted #3 bob buy 18 @ 1000",
                  "trade #3 bob buy 9 @ 1000 with #1 alice, left 9/11",
                  "trade #3 bob buy 8 @ 1000 with #2 carol, left 1/2",
                  "trade #3 bob buy 1 @ 1000 with #1 alice, left 0/10",
                  "refreshed #1 shows 10 of 10", "ok #3 filled 18");
    EXPECT_BOOK(market.call, "| 1000 #2x2 #1x10");
}

static void test_exchange_blend_gives_a_share_only_of_what_is_still_there(void **state)
{
    (void)state;
    open_blended(0, 64);
    place(DAN, limit(SELL, market.call, 900, 10));
    place(BOB, limit(BUY, market.call, 900, 10)); /* Bob is long ten */
    place(BOB, limit(SELL, market.call, 1000, 20));
    place(BOB, reducing(limit(SELL, market.call, 1000, 10)));
    place(DAN, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(BUY, market.call, 1000, 20));
    /* 20 of 40: ten, five and five. The first takes Bob's whole position, and his second order with
     * it; its share goes by time, to his first. */
    EXPECT_EVENTS(
        "accepted #6 carol buy 20 @ 1000", "trade #6 carol buy 10 @ 1000 with #3 bob, left 10/10",
        "cancelled #4 10 reduce only", "trade #6 carol buy 5 @ 1000 with #5 dan, left 5/5",
        "trade #6 carol buy 5 @ 1000 with #3 bob, left 0/5", "ok #6 filled 20");
}

static void test_exchange_blend_cancels_own_orders_only_when_it_comes_to_them_by_time(void **state)
{
    (void)state;
    open_blended(500000, 64);
    place(BOB, limit(SELL, market.call, 1000, 10));
    place(CAROL, limit(SELL, market.call, 1000, 20));
    place(BOB, with_stp(limit(BUY, market.call, 1000, 12), TN_STP_CANCEL_MAKER));
    EXPECT_EVENTS("accepted #3 bob buy 12 @ 1000", "cancelled #1 10 self trade",
                  "trade #3 bob buy 6 @ 1000 with #2 carol, left 6/14",
                  "trade #3 bob buy 6 @ 1000 with #2 carol, left 0/8", "ok #3 filled 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_STORY(test_exchange_blend_gives_the_oldest_its_share_and_the_rest_by_size),
        OWN_STORY(test_exchange_blend_of_zero_is_pure_pro_rata),
        OWN_STORY(test_exchange_blend_takes_a_level_it_uses_up_by_time),
        OWN_STORY(test_exchange_blend_leaves_own_and_dead_orders_out_of_the_shares),
        OWN_STORY(test_exchange_blend_shares_only_among_the_makers_it_may_still_meet),
        OWN_STORY(test_exchange_blend_does_not_apply_to_fok),
        OWN_STORY(test_exchange_blend_gives_a_share_only_of_what_is_still_there),
        OWN_STORY(test_exchange_blend_cancels_own_orders_only_when_it_comes_to_them_by_time),
        OWN_STORY(test_exchange_blend_skips_an_iceberg_that_has_moved_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
