/* REPLACE (docs/specs/exchange.md §5): when an order keeps its place, and what a new price does. */
#include "exchange_trace.h"

static void test_exchange_replace_to_less_at_the_same_price_keeps_its_place(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.call, 1000, 5));
    pass(ALICE, replace(1, 1000, 3));
    EXPECT_EVENTS("replaced #1 3 @ 1000 kept", "ok #1 open 3");
    EXPECT_BOOK(market.call, "1000 #1x3 #2x5 |");
    assert_int_equal(account_view(ALICE).reserved, 3 * 1000 * TICK);
    pass(ALICE, replace(1, 1000, 3));
    EXPECT_EVENTS("replaced #1 3 @ 1000 kept", "ok #1 open 3");
}

static void test_exchange_replace_to_more_goes_to_the_end_of_the_level(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    place(CAROL, limit(BUY, market.call, 1000, 5));
    pass(ALICE, replace(1, 1000, 6));
    EXPECT_EVENTS("replaced #1 6 @ 1000", "ok #1 open 6");
    EXPECT_BOOK(market.call, "1000 #2x5 #1x6 |");
    assert_int_equal(account_view(ALICE).reserved, 6 * 1000 * TICK);
}

static void test_exchange_replace_to_another_price_goes_to_the_end_of_that_level(void **state)
{
    (void)state;
    place(CAROL, limit(BUY, market.call, 990, 5));
    place(ALICE, limit(BUY, market.call, 1000, 5));
    pass(ALICE, replace(2, 990, 1));
    EXPECT_EVENTS("replaced #2 1 @ 990", "ok #2 open 1");
    EXPECT_BOOK(market.call, "990 #1x5 #2x1 |");
}

static void test_exchange_replace_that_crosses_trades_at_once_under_its_id(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 3));
    place(ALICE, limit(BUY, market.call, 990, 5));
    pass(ALICE, replace(2, 1000, 5));
    EXPECT_EVENTS("replaced #2 5 @ 1000", "trade #2 alice buy 3 @ 1000 with #1 carol, left 2/0",
                  "ok #2 filled 3 open 2");
    EXPECT_BOOK(market.call, "1000 #2x2 |");
}

static void test_exchange_replace_after_partial_fill_names_the_new_open_quantity(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1000, 5));
    place(BOB, limit(BUY, market.call, 1000, 3));
    pass(ALICE, replace(1, 1000, 2)); /* all that is open: keeps its place */
    EXPECT_EVENTS("replaced #1 2 @ 1000 kept", "ok #1 open 2");
    pass(ALICE, replace(1, 1000, 4));
    EXPECT_EVENTS("replaced #1 4 @ 1000", "ok #1 open 4");
}

static void test_exchange_replace_cuts_the_hidden_part_of_an_iceberg_first(void **state)
{
    (void)state;
    place(ALICE, showing(limit(SELL, market.call, 1000, 10), 4));
    place(CAROL, limit(SELL, market.call, 1000, 1));
    pass(ALICE, replace(1, 1000, 5));
    EXPECT_EVENTS("replaced #1 5 @ 1000 kept", "ok #1 open 5");
    EXPECT_BOOK(market.call, "| 1000 #1x4 #2x1");
    pass(ALICE, replace(1, 1000, 3));
    EXPECT_BOOK(market.call, "| 1000 #1x3 #2x1");
    pass(ALICE, replace(1, 1010, 10));
    EXPECT_BOOK(market.call, "| 1000 #2x1 1010 #1x4");
}

static void test_exchange_replace_by_client_id_finds_the_order_it_created(void **state)
{
    (void)state;
    place(ALICE, under_id(limit(BUY, market.call, 1000, 5), 77));
    struct tn_command smaller = replace(0, 1000, 2);
    smaller.as.replace.ref.client_id = 77;
    refuse(BOB, smaller, TN_REJECT_ORDER_UNKNOWN);
    pass(ALICE, smaller);
    EXPECT_EVENTS("replaced #1 2 @ 1000 kept", "ok #1 open 2");
    smaller = cancel(0);
    smaller.as.cancel.client_id = 77;
    pass(ALICE, smaller);
    EXPECT_EVENTS("cancelled #1 2 request", "ok #1");
    refuse(ALICE, smaller, TN_REJECT_ORDER_UNKNOWN);
}

static void test_exchange_halted_series_admits_only_replaces_that_keep_their_place(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    set_status(market.call, TN_STATUS_HALTED);
    refuse(ALICE, replace(1, 990, 5), TN_REJECT_SERIES_STATUS);
    refuse(ALICE, replace(1, 1000, 6), TN_REJECT_SERIES_STATUS);
    pass(ALICE, replace(1, 1000, 4));
    pass(ALICE, cancel(1));
}

static void test_exchange_post_only_phase_admits_replaces_of_post_orders(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    place(ALICE, post(limit(BUY, market.call, 1000, 5), TN_POST_REJECT));
    set_status(market.call, TN_STATUS_POST_ONLY);
    refuse(ALICE, replace(1, 990, 5), TN_REJECT_SERIES_STATUS);
    pass(ALICE, replace(2, 990, 5));
}

static void test_exchange_replace_of_a_post_order_still_only_posts(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 3));
    place(ALICE, post(limit(BUY, market.call, 990, 5), TN_POST_REJECT));
    place(ALICE, post(limit(BUY, market.call, 990, 5), TN_POST_REPRICE));
    refuse(ALICE, replace(2, 1000, 5), TN_REJECT_POST_ONLY_CROSSES);
    pass(ALICE, replace(3, 1010, 5));
    EXPECT_EVENTS("replaced #3 5 @ 999", "ok #3 open 5");
    assert_int_equal(account_view(ALICE).reserved, 5 * (990 + 999) * TICK);
    EXPECT_BOOK(market.call, "999 #3x5 990 #2x5 | 1000 #1x3");
}

static void test_exchange_refused_replace_leaves_the_order_as_it_was(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 1000, 5));
    refuse(ALICE, replace(9, 1000, 5), TN_REJECT_ORDER_UNKNOWN);
    refuse(ALICE, replace(1, 1000, 0), TN_REJECT_QUANTITY_RANGE);
    refuse(ALICE, replace(1, 1000, 100001), TN_REJECT_QUANTITY_RANGE);
    refuse(ALICE, replace(1, 0, 5), TN_REJECT_PRICE_RANGE);
    refuse(ALICE, replace(1, 1205, 5), TN_REJECT_PRICE_OFF_TICK);
    refuse(ALICE, replace(1, 1510, 5), TN_REJECT_PRICE_OUT_OF_BAND);
    EXPECT_BOOK(market.call, "1000 #1x5 |");
}

static void test_exchange_replace_must_be_affordable_by_its_difference(void **state)
{
    (void)state;
    /* A million dollars buys exactly 100 000 lots at 1 000 ticks. */
    place(ALICE, limit(BUY, market.call, 1000, 99999));
    refuse(ALICE, replace(1, 1001, 99999), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 99999 * TICK - 1000 * TICK);
    pass(ALICE, replace(1, 1000, 100000));
    assert_int_equal(account_view(ALICE).free_equity, 0);
    pass(ALICE, replace(1, 999, 100000));
}

static void test_exchange_replace_does_not_meet_itself(void **state)
{
    (void)state;
    place(ALICE, limit(SELL, market.call, 1010, 5));
    place(CAROL, limit(BUY, market.call, 1000, 2));
    pass(ALICE, replace(1, 1000, 5));
    EXPECT_EVENTS("replaced #1 5 @ 1000", "trade #1 alice sell 2 @ 1000 with #2 carol, left 3/0",
                  "ok #1 filled 2 open 3");
}

static void test_exchange_replace_stopped_by_own_maker_ends_the_order(void **state)
{
    (void)state;
    place(ALICE_TWO, limit(SELL, market.call, 1000, 5));
    place(ALICE, limit(BUY, market.call, 990, 5));
    pass(ALICE, replace(2, 1000, 5));
    EXPECT_EVENTS("replaced #2 5 @ 1000", "cancelled #2 5 self trade", "ok #2");
    EXPECT_BOOK(market.call, "| 1000 #1x5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_replace_to_less_at_the_same_price_keeps_its_place),
        STORY(test_exchange_replace_to_more_goes_to_the_end_of_the_level),
        STORY(test_exchange_replace_to_another_price_goes_to_the_end_of_that_level),
        STORY(test_exchange_replace_that_crosses_trades_at_once_under_its_id),
        STORY(test_exchange_replace_after_partial_fill_names_the_new_open_quantity),
        STORY(test_exchange_replace_cuts_the_hidden_part_of_an_iceberg_first),
        STORY(test_exchange_replace_by_client_id_finds_the_order_it_created),
        STORY(test_exchange_halted_series_admits_only_replaces_that_keep_their_place),
        STORY(test_exchange_post_only_phase_admits_replaces_of_post_orders),
        STORY(test_exchange_replace_of_a_post_order_still_only_posts),
        STORY(test_exchange_refused_replace_leaves_the_order_as_it_was),
        STORY(test_exchange_replace_must_be_affordable_by_its_difference),
        STORY(test_exchange_replace_does_not_meet_itself),
        STORY(test_exchange_replace_stopped_by_own_maker_ends_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
