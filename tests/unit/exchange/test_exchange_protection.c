/* Market-maker protection (docs/specs/exchange.md §6): a group of quotes that has filled too much
 * within its interval is cancelled before the taker meets the next order. */
#include "exchange_trace.h"

/* Alice's quotes in group 1: #1 and #2 in the call, #3 and #4 in the put, ten lots each. */
static void quote_in_group(struct tn_command set)
{
    pass(ALICE, set);
    const struct tn_quote quotes[] = {two_sided(market.call, 990, 10, 1010, 10),
                                      two_sided(market.put, 990, 10, 1010, 10)};
    const struct tn_event *result = pass(ALICE, mass_quote(quotes, 2, 1));
    assert_int_equal(result->quantity, 4);
}

static void test_exchange_quantity_limit_truncates_the_fill_and_cancels_the_group_first(
    void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 1000));
    place(CAROL, limit(SELL, market.call, 1010, 10));
    place(BOB, limit(BUY, market.call, 1010, 10));
    EXPECT_EVENTS("accepted #6 bob buy 10 @ 1010",
                  "trade #6 bob buy 5 @ 1010 with #2 alice, left 5/5", "cancelled #1 10 protection",
                  "cancelled #2 5 protection", "cancelled #3 10 protection in BTC-25DEC26-100000-P",
                  "cancelled #4 10 protection in BTC-25DEC26-100000-P",
                  "protected alice group 1 quotes 4",
                  "trade #6 bob buy 5 @ 1010 with #5 carol, left 0/5", "ok #6 filled 10");
}

static void test_exchange_trades_limit_counts_fills(void **state)
{
    (void)state;
    quote_in_group(protection(1, 0, 2, 1000, 1000));
    place(BOB, limit(BUY, market.call, 1010, 1));
    place(BOB, limit(SELL, market.put, 990, 1));
    EXPECT_EVENTS("accepted #6 bob sell 1 @ 990 in BTC-25DEC26-100000-P",
                  "trade #6 bob sell 1 @ 990 with #3 alice, left 0/9 in BTC-25DEC26-100000-P",
                  "cancelled #1 10 protection", "cancelled #2 9 protection",
                  "cancelled #3 9 protection in BTC-25DEC26-100000-P",
                  "cancelled #4 10 protection in BTC-25DEC26-100000-P",
                  "protected alice group 1 quotes 4", "ok #6 filled 1");
}

/* Whether Bob's order trips Alice's group. */
static void expect_trips(struct tn_command order, uint32_t trips)
{
    place(BOB, order);
    for (uint32_t i = 0; i < market.count; i++)
        trips -= market.events[i].kind == TN_EVENT_PROTECTED;
    assert_int_equal(trips, 0);
}

/* A call has a delta of 0.5 and a put of -0.5: what is bought of one and sold of the other adds up,
 * what is sold of both does not. */
static void test_exchange_delta_limit_counts_the_net_of_signed_fills(void **state)
{
    (void)state;
    struct tn_command set = protection(1, 0, 0, 1000, 1000);
    set.as.mmp_set.delta_limit = 3;
    quote_in_group(set);
    expect_trips(limit(BUY, market.call, 1010, 5), 0); /* she: -2.5 */
    expect_trips(limit(BUY, market.put, 1010, 10), 0); /* +2.5 */
    expect_trips(limit(BUY, market.call, 1010, 5), 0); /* 0 */
    expect_trips(limit(SELL, market.call, 990, 5), 0); /* +2.5 */
    expect_trips(limit(SELL, market.call, 990, 1), 1); /* +3 */
}

static void set_vega(tn_micros vega_micros)
{
    struct tn_mark mark = usual_mark(market.call, OPTION_MARK);
    mark.vega_micros = vega_micros;
    apply_passing(marks_entry(&mark, 1));
}

static void test_exchange_vega_limit_counts_what_the_series_had_at_the_fill(void **state)
{
    (void)state;
    struct tn_command set = protection(1, 0, 0, 1000, 1000);
    set.as.mmp_set.vega_limit_micros = 1000;
    set_vega(100);
    quote_in_group(set);
    const struct tn_command at_first[] = {
        limit(BUY, market.call, 1010, 9), /* she: -900 */
        limit(BUY, market.put, 1010, 10), /* whose vega is zero */
        limit(SELL, market.call, 990, 1), /* -800 */
    };
    for (uint32_t i = 0; i < 3; i++)
        expect_trips(at_first[i], 0);
    set_vega(199);                                     /* of fills from here on */
    expect_trips(limit(BUY, market.call, 1010, 1), 0); /* -999 */
    set_vega(2);
    expect_trips(limit(SELL, market.call, 990, 1), 0); /* -997 */
    struct tn_quote quote = two_sided(market.call, 990, 10, 1010, 10);
    pass(ALICE, mass_quote(&quote, 1, 1));
    expect_trips(limit(BUY, market.call, 1010, 1), 0); /* -999 */
    expect_trips(limit(BUY, market.call, 1010, 1), 1); /* -1001 */
}

static void test_exchange_quote_used_up_by_the_fill_that_trips_is_not_cancelled_again(void **state)
{
    (void)state;
    quote_in_group(protection(1, 10, 0, 1000, 1000));
    place(BOB, limit(BUY, market.call, 1010, 10));
    EXPECT_EVENTS(
        "accepted #5 bob buy 10 @ 1010", "trade #5 bob buy 10 @ 1010 with #2 alice, left 0/0",
        "cancelled #1 10 protection", "cancelled #3 10 protection in BTC-25DEC26-100000-P",
        "cancelled #4 10 protection in BTC-25DEC26-100000-P", "protected alice group 1 quotes 3",
        "ok #5 filled 10");
}

static void test_exchange_fills_of_one_window_add_up_and_those_of_two_do_not(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 1000));
    place(BOB, limit(BUY, market.call, 1010, 4)); /* the window starts now */
    advance(1, 1000);                             /* and is over now */
    place(BOB, limit(BUY, market.call, 1010, 4));
    EXPECT_EVENTS("accepted #6 bob buy 4 @ 1010",
                  "trade #6 bob buy 4 @ 1010 with #2 alice, left 0/2", "ok #6 filled 4");
    advance(1, 999);
    place(BOB, limit(BUY, market.call, 1010, 2)); /* one lot is left in this window */
    assert_int_equal(market.events[1].quantity, 1);
    assert_int_equal(market.events[2].kind, TN_EVENT_CANCELLED);
}

static void test_exchange_trades_of_two_windows_do_not_add_up(void **state)
{
    (void)state;
    quote_in_group(protection(1, 0, 2, 1000, 1000));
    place(BOB, limit(BUY, market.call, 1010, 1));
    advance(1, 1000);
    place(BOB, limit(BUY, market.call, 1010, 1));
    EXPECT_EVENTS("accepted #6 bob buy 1 @ 1010",
                  "trade #6 bob buy 1 @ 1010 with #2 alice, left 0/8", "ok #6 filled 1");
}

static void test_exchange_frozen_group_takes_no_quotes_until_its_time(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 2000));
    place(BOB, limit(BUY, market.call, 1010, 5));
    struct tn_quote quote = two_sided(market.call, 990, 1, 1010, 1);
    refuse(ALICE, mass_quote(&quote, 1, 1), TN_REJECT_MMP_FROZEN);
    pass(ALICE, protection(1, 7, 0, 1000, 2000)); /* new terms do not thaw it */
    refuse(ALICE, mass_quote(&quote, 1, 1), TN_REJECT_MMP_FROZEN);
    pass(ALICE, mass_quote(&quote, 1, 0)); /* outside the group she may */
    advance(1, 1999);
    refuse(ALICE, mass_quote(&quote, 1, 1), TN_REJECT_MMP_FROZEN);
    advance(1, 1);
    pass(ALICE, mass_quote(&quote, 1, 1));
}

static void test_exchange_group_without_freeze_time_is_frozen_until_reset(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 0));
    place(BOB, limit(BUY, market.call, 1010, 5));
    struct tn_quote quote = two_sided(market.call, 990, 10, 1010, 10);
    advance(100, 100000000);
    refuse(ALICE, mass_quote(&quote, 1, 1), TN_REJECT_MMP_FROZEN);
    pass(ALICE, protection_reset(1));
    pass(ALICE, mass_quote(&quote, 1, 1));
}

static void test_exchange_reset_starts_counting_anew(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 1000));
    place(BOB, limit(BUY, market.call, 1010, 4));
    pass(ALICE, protection_reset(1));
    place(BOB, limit(BUY, market.call, 1010, 4));
    EXPECT_EVENTS("accepted #6 bob buy 4 @ 1010",
                  "trade #6 bob buy 4 @ 1010 with #2 alice, left 0/2", "ok #6 filled 4");
}

static void test_exchange_group_is_cancelled_in_the_order_its_quotes_joined(void **state)
{
    (void)state;
    quote_in_group(protection(1, 50, 0, 1000, 1000));
    /* The call's bid leaves the group and comes back to its end. */
    struct tn_quote bid = two_sided(market.call, 990, 10, 0, TN_QUOTE_KEEP);
    pass(ALICE, mass_quote(&bid, 1, 0));
    pass(ALICE, mass_quote(&bid, 1, 1));
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 10 kept", "ok filled 1");
    pass(ALICE, protection_cancel(1));
    EXPECT_EVENTS("cancelled #2 10 request", "cancelled #3 10 request in BTC-25DEC26-100000-P",
                  "cancelled #4 10 request in BTC-25DEC26-100000-P", "cancelled #1 10 request",
                  "ok filled 4");
    struct tn_quote quote = two_sided(market.call, 990, 10, 1010, 10);
    pass(ALICE, mass_quote(&quote, 1, 1)); /* cancelled, but not frozen */
}

static void test_exchange_quotes_that_take_do_not_count(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 8));
    pass(ALICE, protection(1, 5, 1, 1000, 1000));
    struct tn_quote quote = two_sided(market.call, 1000, 10, 1010, 10);
    pass(ALICE, mass_quote(&quote, 1, 1));
    EXPECT_EVENTS("trade #2 alice buy 8 @ 1000 with #1 carol, left 2/0",
                  "quoted 0 bid #2 @ 1000 filled 8 open 2", "quoted 0 ask #3 @ 1010 open 10",
                  "ok filled 2");
}

static void test_exchange_orders_of_the_account_outside_the_group_do_not_count(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 1, 1000, 1000));
    place(ALICE, limit(SELL, market.call, 1005, 10));
    place(BOB, limit(BUY, market.call, 1005, 10));
    EXPECT_EVENTS("accepted #6 bob buy 10 @ 1005",
                  "trade #6 bob buy 10 @ 1005 with #5 alice, left 0/0", "ok #6 filled 10");
}

static void test_exchange_fok_plan_knows_the_limits_of_groups(void **state)
{
    (void)state;
    quote_in_group(protection(1, 5, 0, 1000, 1000));
    refuse(BOB, fok(limit(BUY, market.call, 1010, 6)), TN_REJECT_FILL_OR_KILL);
    assert_int_equal(pass(BOB, fok(limit(BUY, market.call, 1010, 5)))->quantity, 5);
}

static void test_exchange_protection_out_of_bounds_is_refused(void **state)
{
    (void)state;
    const struct tn_command bad[] = {
        protection(0, 5, 0, 1000, 0),     protection(1, 5, 0, 0, 0),
        protection(1, 5, 0, 3600001, 0),  protection(1, 5, 0, 1000, -1),
        protection(1, 5, 0, 1, 86400001), protection(1, -1, 3, 1000, 0),
        protection(1, 0, 0, 1000, 0),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(ALICE, bad[i], TN_REJECT_MMP_RANGE);
    refuse(ALICE, protection_reset(1), TN_REJECT_MMP_UNKNOWN);
    refuse(ALICE, protection_cancel(1), TN_REJECT_MMP_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_quantity_limit_truncates_the_fill_and_cancels_the_group_first),
        STORY(test_exchange_trades_limit_counts_fills),
        STORY(test_exchange_delta_limit_counts_the_net_of_signed_fills),
        STORY(test_exchange_vega_limit_counts_what_the_series_had_at_the_fill),
        STORY(test_exchange_quote_used_up_by_the_fill_that_trips_is_not_cancelled_again),
        STORY(test_exchange_fills_of_one_window_add_up_and_those_of_two_do_not),
        STORY(test_exchange_trades_of_two_windows_do_not_add_up),
        STORY(test_exchange_frozen_group_takes_no_quotes_until_its_time),
        STORY(test_exchange_group_without_freeze_time_is_frozen_until_reset),
        STORY(test_exchange_reset_starts_counting_anew),
        STORY(test_exchange_group_is_cancelled_in_the_order_its_quotes_joined),
        STORY(test_exchange_quotes_that_take_do_not_count),
        STORY(test_exchange_orders_of_the_account_outside_the_group_do_not_count),
        STORY(test_exchange_fok_plan_knows_the_limits_of_groups),
        STORY(test_exchange_protection_out_of_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
