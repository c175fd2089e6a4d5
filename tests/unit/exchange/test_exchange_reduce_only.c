/* Reduce-only orders (docs/specs/exchange.md §3.14, §4.4.7): clipped to the position when they
 * enter, and cut again, newest first, whenever a fill makes the position smaller than they are. */
#include "exchange_trace.h"

/* Bob buys `lots` calls from Dan: orders #1 and #2. */
static void make_bob_long(tn_lots lots)
{
    place(DAN, limit(SELL, market.call, 1000, lots));
    place(BOB, limit(BUY, market.call, 1000, lots));
    assert_int_equal(lots_of(BOB, market.call), lots);
}

static void test_exchange_reduce_only_needs_a_position_of_the_other_sign(void **state)
{
    (void)state;
    refuse(BOB, reducing(limit(SELL, market.call, 1000, 1)), TN_REJECT_REDUCE_ONLY_NOTHING);
    make_bob_long(5);
    refuse(BOB, reducing(limit(BUY, market.call, 1000, 1)), TN_REJECT_REDUCE_ONLY_NOTHING);
    refuse(DAN, reducing(limit(SELL, market.call, 1000, 1)), TN_REJECT_REDUCE_ONLY_NOTHING);
    place(DAN, reducing(limit(BUY, market.call, 900, 5)));
    EXPECT_EVENTS("accepted #3 dan buy 5 @ 900", "ok #3 open 5");
}

static void test_exchange_reduce_only_is_clipped_to_what_is_left_to_reduce(void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 6)));
    place(BOB, reducing(limit(SELL, market.call, 1200, 6)));
    EXPECT_EVENTS("accepted #4 bob sell 4 @ 1200", "ok #4 open 4");
    refuse(BOB, reducing(limit(SELL, market.call, 1200, 6)), TN_REJECT_REDUCE_ONLY_NOTHING);
    refuse(BOB, reducing(ioc(limit(SELL, market.call, 1000, 6))), TN_REJECT_REDUCE_ONLY_NOTHING);
}

static void test_exchange_reduce_only_ioc_takes_only_the_room_left(void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 4)));
    place(CAROL, limit(BUY, market.call, 990, 20));
    place(BOB, reducing(ioc(limit(SELL, market.call, 990, 20))));
    EXPECT_EVENTS("accepted #5 bob sell 6 @ 990",
                  "trade #5 bob sell 6 @ 990 with #4 carol, left 0/14", "ok #5 filled 6");
    EXPECT_BOOK(market.call, "990 #4x14 | 1100 #3x4");
}

static void test_exchange_reduce_only_orders_are_cut_newest_first_when_the_position_shrinks(
    void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 6)));
    place(BOB, reducing(limit(SELL, market.call, 1200, 4)));
    place(CAROL, limit(BUY, market.call, 990, 10));
    place(BOB, limit(SELL, market.call, 990, 3));
    EXPECT_EVENTS("accepted #6 bob sell 3 @ 990",
                  "trade #6 bob sell 3 @ 990 with #5 carol, left 0/7",
                  "reduced #4 by 3 to 1 reduce only", "ok #6 filled 3");
    place(BOB, limit(SELL, market.call, 990, 3));
    EXPECT_EVENTS("accepted #7 bob sell 3 @ 990",
                  "trade #7 bob sell 3 @ 990 with #5 carol, left 0/4", "cancelled #4 1 reduce only",
                  "reduced #3 by 2 to 4 reduce only", "ok #7 filled 3");
    EXPECT_BOOK(market.call, "990 #5x4 | 1100 #3x4");
}

static void test_exchange_reduce_only_orders_are_cut_after_each_fill_of_a_command(void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 10)));
    place(CAROL, limit(BUY, market.call, 990, 3));
    place(CAROL, limit(BUY, market.call, 980, 3));
    place(BOB, limit(SELL, market.call, 980, 6));
    EXPECT_EVENTS(
        "accepted #6 bob sell 6 @ 980", "trade #6 bob sell 3 @ 990 with #4 carol, left 3/0",
        "reduced #3 by 3 to 7 reduce only", "trade #6 bob sell 3 @ 980 with #5 carol, left 0/0",
        "reduced #3 by 3 to 4 reduce only", "ok #6 filled 6");
}

static void test_exchange_reduce_only_fill_of_its_own_needs_no_cut(void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 6)));
    place(BOB, reducing(limit(SELL, market.call, 1200, 4)));
    place(CAROL, limit(BUY, market.call, 1100, 6));
    EXPECT_EVENTS("accepted #5 carol buy 6 @ 1100",
                  "trade #5 carol buy 6 @ 1100 with #3 bob, left 0/0", "ok #5 filled 6");
    EXPECT_BOOK(market.call, "| 1200 #4x4");
}

static void test_exchange_reduce_only_maker_is_cut_before_the_taker_reaches_it(void **state)
{
    (void)state;
    make_bob_long(5);
    place(BOB, limit(SELL, market.call, 1010, 5));
    place(BOB, reducing(limit(SELL, market.call, 1020, 5)));
    place(CAROL, limit(BUY, market.call, 1020, 10));
    EXPECT_EVENTS("accepted #5 carol buy 10 @ 1020",
                  "trade #5 carol buy 5 @ 1010 with #3 bob, left 5/0", "cancelled #4 5 reduce only",
                  "ok #5 filled 5 open 5");
    assert_int_equal(lots_of(BOB, market.call), 0);
}

static void test_exchange_reduce_only_orders_go_when_the_position_turns_around(void **state)
{
    (void)state;
    make_bob_long(5);
    place(BOB, reducing(limit(SELL, market.call, 1100, 5)));
    place(CAROL, limit(BUY, market.call, 990, 8));
    place(BOB, limit(SELL, market.call, 990, 8));
    EXPECT_EVENTS("accepted #5 bob sell 8 @ 990",
                  "trade #5 bob sell 8 @ 990 with #4 carol, left 0/0", "cancelled #3 5 reduce only",
                  "ok #5 filled 8");
    assert_int_equal(lots_of(BOB, market.call), -3);
}

static void test_exchange_reduce_only_orders_of_one_exposure_are_counted(void **state)
{
    (void)state;
    make_bob_long(10);
    for (int i = 0; i < 4; i++)
        place(BOB, reducing(limit(SELL, market.call, 1100, 1)));
    refuse(BOB, reducing(limit(SELL, market.call, 1100, 1)), TN_REJECT_REDUCE_ONLY_TOO_MANY);
    place(BOB, reducing(ioc(limit(SELL, market.call, 1100, 1))));
    EXPECT_EVENTS("accepted #7 bob sell 1 @ 1100", "cancelled #7 1 immediate", "ok #7");
}

static void test_exchange_reduce_only_replace_counts_itself_out(void **state)
{
    (void)state;
    make_bob_long(10);
    place(BOB, reducing(limit(SELL, market.call, 1100, 4)));
    place(BOB, reducing(limit(SELL, market.call, 1100, 3)));
    pass(BOB, replace(3, 1050, 20));
    EXPECT_EVENTS("replaced #3 7 @ 1050", "ok #3 open 7");
    EXPECT_BOOK(market.call, "| 1050 #3x7 1100 #4x3");
}

static void test_exchange_fok_plan_does_not_count_reduce_only_behind_an_ordinary_order(void **state)
{
    (void)state;
    make_bob_long(5);
    place(BOB, limit(SELL, market.call, 1010, 3));
    place(BOB, reducing(limit(SELL, market.call, 1020, 5)));
    refuse(CAROL, fok(limit(BUY, market.call, 1020, 4)), TN_REJECT_FILL_OR_KILL);
    assert_int_equal(pass(CAROL, fok(limit(BUY, market.call, 1020, 3)))->quantity, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_reduce_only_needs_a_position_of_the_other_sign),
        STORY(test_exchange_reduce_only_is_clipped_to_what_is_left_to_reduce),
        STORY(test_exchange_reduce_only_ioc_takes_only_the_room_left),
        STORY(test_exchange_reduce_only_orders_are_cut_newest_first_when_the_position_shrinks),
        STORY(test_exchange_reduce_only_orders_are_cut_after_each_fill_of_a_command),
        STORY(test_exchange_reduce_only_fill_of_its_own_needs_no_cut),
        STORY(test_exchange_reduce_only_maker_is_cut_before_the_taker_reaches_it),
        STORY(test_exchange_reduce_only_orders_go_when_the_position_turns_around),
        STORY(test_exchange_reduce_only_orders_of_one_exposure_are_counted),
        STORY(test_exchange_reduce_only_replace_counts_itself_out),
        STORY(test_exchange_fok_plan_does_not_count_reduce_only_behind_an_ordinary_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
