/* MASS_QUOTE (docs/specs/exchange.md §6): two-sided, a result per side, atomic replacement. */
#include "exchange_trace.h"

static const struct tn_event *quote_one(uint32_t account, struct tn_quote quote)
{
    return pass(account, mass_quote(&quote, 1, 0));
}

static struct tn_command post_only(struct tn_command command)
{
    command.as.mass_quote.post_only = 1;
    return command;
}

static void test_exchange_mass_quote_rests_both_sides_with_a_result_each(void **state)
{
    (void)state;
    const struct tn_quote quotes[] = {two_sided(market.call, 990, 5, 1010, 6),
                                      two_sided(market.put, 980, 7, 1020, 8)};
    pass(ALICE, mass_quote(quotes, 2, 0));
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 5", "quoted 0 ask #2 @ 1010 open 6",
                  "quoted 1 bid #3 @ 980 open 7 in BTC-25DEC26-100000-P",
                  "quoted 1 ask #4 @ 1020 open 8 in BTC-25DEC26-100000-P", "ok filled 4");
    EXPECT_BOOK(market.call, "990 #1x5 | 1010 #2x6");
    EXPECT_BOOK(market.put, "980 #3x7 | 1020 #4x8");
    assert_int_equal(account_view(ALICE).reserved, (5 * 990 + 7 * 980) * TICK);
}

static void test_exchange_identical_quote_keeps_its_place(void **state)
{
    (void)state;
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    quote_one(ALICE, quote);
    quote_one(BOB, quote);
    quote_one(ALICE, quote);
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 5 kept", "quoted 0 ask #2 @ 1010 open 5 kept",
                  "ok filled 2");
    EXPECT_BOOK(market.call, "990 #1x5 #3x5 | 1010 #2x5 #4x5");
}

static void test_exchange_identical_quote_takes_the_terms_of_the_new_command(void **state)
{
    (void)state;
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    quote_one(ALICE, quote);
    struct tn_command again = mass_quote(&quote, 1, 0);
    again.as.mass_quote.label = 4;
    pass(ALICE, again);
    assert_int_equal(market.events[0].flags, TN_EVENT_KEPT_PLACE);
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = TN_BY_LABEL, .label = 4}));
    EXPECT_EVENTS("cancelled #1 5 mass cancel", "cancelled #2 5 mass cancel", "ok filled 2");
}

static void test_exchange_quote_that_keeps_its_place_keeps_its_reserve(void **state)
{
    (void)state;
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    quote_one(ALICE, quote);
    set_fees(0, 100, 0); /* 0.1 dollars a lot, ten ticks */
    struct tn_command again = mass_quote(&quote, 1, 0);
    again.as.mass_quote.fee_max_ppm = 100;
    pass(ALICE, again);
    assert_int_equal(account_view(ALICE).reserved, 5 * 990 * TICK);
    quote.bid_quantity = 6;
    pass(ALICE, again);
    assert_int_equal(account_view(ALICE).reserved, 6 * 1000 * TICK);
}

static void test_exchange_smaller_quote_keeps_its_place_and_a_larger_one_does_not(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(BOB, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 990, 4, 1010, 6));
    EXPECT_EVENTS("quoted 0 bid #1 @ 990 open 4 kept", "quoted 0 ask #2 @ 1010 open 6",
                  "ok filled 2");
    EXPECT_BOOK(market.call, "990 #1x4 #3x5 | 1010 #4x5 #2x6");
}

static void test_exchange_new_quote_never_meets_the_one_it_replaces(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 1020, 5, 1040, 5));
    EXPECT_EVENTS("quoted 0 bid #1 @ 1020 open 5", "quoted 0 ask #2 @ 1040 open 5", "ok filled 2");
    EXPECT_BOOK(market.call, "1020 #1x5 | 1040 #2x5");
}

static void test_exchange_quote_of_nothing_removes_that_side(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 0, 0, 1010, 5));
    EXPECT_EVENTS("cancelled #1 5 requoted", "quoted 0 bid", "quoted 0 ask #2 @ 1010 open 5 kept",
                  "ok filled 2");
    EXPECT_BOOK(market.call, "| 1010 #2x5");
    quote_one(ALICE, two_sided(market.call, 0, 0, 0, 0));
    EXPECT_EVENTS("cancelled #2 5 requoted", "quoted 0 bid", "quoted 0 ask", "ok filled 2");
}

static void test_exchange_kept_side_is_left_alone_without_an_event(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 1, TN_QUOTE_KEEP, 1020, 5));
    EXPECT_EVENTS("quoted 0 ask #2 @ 1020 open 5", "ok filled 1");
    EXPECT_BOOK(market.call, "990 #1x5 | 1020 #2x5");
}

static void test_exchange_side_that_is_refused_leaves_its_present_quote(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 995, 5, 499, 5));
    EXPECT_EVENTS("quoted 0 bid #1 @ 995 open 5", "quoted 0 ask #2 PRICE_OUT_OF_BAND open 5",
                  "ok filled 1");
    EXPECT_BOOK(market.call, "995 #1x5 | 1010 #2x5");
}

static void test_exchange_quote_with_bid_at_its_ask_is_refused_on_both_sides(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 1000, 5, 1000, 5));
    EXPECT_EVENTS("quoted 0 bid QUOTE_CROSSED", "quoted 0 ask QUOTE_CROSSED", "ok");
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 1020, 5, 1015, 5));
    EXPECT_EVENTS("quoted 0 bid #1 QUOTE_CROSSED open 5", "quoted 0 ask #2 QUOTE_CROSSED open 5",
                  "ok");
    EXPECT_BOOK(market.call, "990 #1x5 | 1010 #2x5");
}

static void test_exchange_new_side_that_crosses_the_kept_one_is_refused_alone(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    quote_one(ALICE, two_sided(market.call, 1010, 5, 0, TN_QUOTE_KEEP));
    EXPECT_EVENTS("quoted 0 bid #1 QUOTE_CROSSED open 5", "ok");
    /* A bid refused for its price stands as the present one, which the new ask would cross. */
    quote_one(ALICE, two_sided(market.call, 100001, 5, 980, 5));
    EXPECT_EVENTS("quoted 0 bid #1 PRICE_RANGE open 5", "quoted 0 ask #2 QUOTE_CROSSED open 5",
                  "ok");
}

static void test_exchange_quote_that_crosses_the_market_trades_unless_post_only(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 2));
    struct tn_quote quote = two_sided(market.call, 1000, 5, 1010, 5);
    pass(ALICE, post_only(mass_quote(&quote, 1, 0)));
    EXPECT_EVENTS("quoted 0 bid POST_ONLY_CROSSES", "quoted 0 ask #2 @ 1010 open 5", "ok filled 1");
    quote_one(ALICE, quote);
    EXPECT_EVENTS("trade #3 alice buy 2 @ 1000 with #1 carol, left 3/0",
                  "quoted 0 bid #3 @ 1000 filled 2 open 3", "quoted 0 ask #2 @ 1010 open 5 kept",
                  "ok filled 2");
}

static void test_exchange_post_only_requote_that_would_trade_loses_its_quote(void **state)
{
    (void)state;
    place(CAROL, limit(SELL, market.call, 1000, 2));
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    pass(ALICE, post_only(mass_quote(&quote, 1, 0)));
    quote.bid_price = 1005;
    pass(ALICE, post_only(mass_quote(&quote, 1, 0)));
    EXPECT_EVENTS("cancelled #2 5 requoted", "quoted 0 bid POST_ONLY_CROSSES",
                  "quoted 0 ask #3 @ 1010 open 5 kept", "ok filled 1");
    EXPECT_BOOK(market.call, "| 1000 #1x2 1010 #3x5");
}

static void test_exchange_sides_of_a_mass_quote_share_one_count_of_makers(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.fills_max = 2;
    open_market_with(limits, usual_underlying());
    for (int i = 0; i < 2; i++) {
        place(CAROL, limit(SELL, market.call, 1000, 1));
        place(CAROL, limit(BUY, market.put, 1000, 1));
    }
    const struct tn_quote quotes[] = {two_sided(market.call, 1000, 1, 1100, 1),
                                      two_sided(market.put, 900, 1, 1000, 2)};
    pass(ALICE, mass_quote(quotes, 2, 0));
    EXPECT_EVENTS("trade #5 alice buy 1 @ 1000 with #1 carol, left 0/0",
                  "quoted 0 bid #5 @ 1000 filled 1", "quoted 0 ask #6 @ 1100 open 1",
                  "trade #8 alice sell 1 @ 1000 with #2 carol, left 1/0 in BTC-25DEC26-100000-P",
                  "cancelled #8 1 fill limit in BTC-25DEC26-100000-P",
                  "quoted 1 bid #7 @ 900 open 1 in BTC-25DEC26-100000-P",
                  "quoted 1 ask #8 @ 1000 filled 1 in BTC-25DEC26-100000-P", "ok filled 4");
}

static void test_exchange_mass_quote_must_be_affordable_as_a_whole(void **state)
{
    (void)state;
    /* At 1 000 ticks 100 000 lots cost all there is. */
    const struct tn_quote quotes[] = {two_sided(market.call, 1000, 60000, 1100, 1),
                                      two_sided(market.put, 1000, 60000, 1100, 1)};
    refuse(ALICE, mass_quote(quotes, 2, 0), TN_REJECT_MARGIN_SHORT);
    assert_int_equal(last_event()->money, 20000 * 1000 * TICK);
    pass(ALICE, mass_quote(quotes, 1, 0));
    /* Moving the quote costs the difference only. */
    const struct tn_quote moved[] = {two_sided(market.call, 0, 0, 1100, 1),
                                     two_sided(market.put, 1000, 90000, 1100, 1)};
    pass(ALICE, mass_quote(moved, 2, 0));
    assert_int_equal(account_view(ALICE).reserved, 90000 * 1000 * TICK);
}

static void test_exchange_mass_quote_out_of_shape_is_refused_as_a_whole(void **state)
{
    (void)state;
    struct tn_quote many[TN_QUOTES_MAX + 1];
    for (size_t i = 0; i < TN_QUOTES_MAX + 1; i++)
        many[i] = two_sided(market.call, 990, 1, 1010, 1);
    refuse(ALICE, mass_quote(many, 0, 0), TN_REJECT_QUOTE_SIZE);
    refuse(ALICE, mass_quote(many, TN_QUOTES_MAX + 1, 0), TN_REJECT_QUOTE_SIZE);
    refuse(ALICE, mass_quote(many, 2, 0), TN_REJECT_QUOTE_REPEATED);
    refuse(ALICE, mass_quote(many, 1, 9), TN_REJECT_MMP_UNKNOWN);
    struct tn_command bad = mass_quote(many, 1, 0);
    bad.as.mass_quote.stp = 4;
    refuse(ALICE, bad, TN_REJECT_STP_UNKNOWN);
    bad = mass_quote(many, 1, 0);
    bad.as.mass_quote.post_only = 2;
    refuse(ALICE, bad, TN_REJECT_TERMS_CONFLICT);
}

static void test_exchange_each_side_is_judged_by_itself(void **state)
{
    (void)state;
    set_status(market.put, TN_STATUS_HALTED);
    const struct tn_quote quotes[] = {
        two_sided(market.call + 1, 990, 1, 0, 0), two_sided(market.put, 990, 1, 1010, 1),
        two_sided(market.call, 990, -2, 1205, 1), two_sided(market.future, 99000, 1, 101001, 1)};
    pass(ALICE, mass_quote(quotes, 4, 0));
    const uint16_t rejects[] = {TN_REJECT_SERIES_UNKNOWN, TN_REJECT_SERIES_UNKNOWN,
                                TN_REJECT_SERIES_STATUS,  TN_REJECT_SERIES_STATUS,
                                TN_REJECT_QUANTITY_RANGE, TN_REJECT_PRICE_OFF_TICK,
                                TN_REJECT_NONE,           TN_REJECT_NONE};
    assert_int_equal(market.count, 9);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(market.events[i].kind, TN_EVENT_QUOTED);
        assert_int_equal(market.events[i].reject, rejects[i]);
    }
    assert_int_equal(last_event()->quantity, 2);
}

static void test_exchange_quote_is_cancelled_like_an_order_but_not_replaced(void **state)
{
    (void)state;
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    refuse(ALICE, replace(1, 980, 5), TN_REJECT_REPLACE_UNCHANGEABLE);
    pass(ALICE, cancel(1));
    EXPECT_EVENTS("cancelled #1 5 request", "ok #1");
    quote_one(ALICE, two_sided(market.call, 990, 5, 1010, 5));
    EXPECT_EVENTS("quoted 0 bid #3 @ 990 open 5", "quoted 0 ask #2 @ 1010 open 5 kept",
                  "ok filled 2");
}

static void test_exchange_one_mass_quote_covers_256_series(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.series_max = TN_QUOTES_MAX;
    limits.orders_max = limits.levels_max = 2 * TN_QUOTES_MAX;
    limits.exposures_max = limits.exposures_per_account_max = TN_QUOTES_MAX;
    open_market_bare(limits);
    apply_passing(
        (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    apply_passing(index_entry(1, 100000 * DOLLAR));
    open_traders(1);
    struct tn_quote quotes[TN_QUOTES_MAX];
    for (uint32_t i = 0; i < TN_QUOTES_MAX; i++) {
        uint64_t series = option_of(TN_CALL, market.day, 50000 + i);
        open_series(series);
        quotes[i] = two_sided(series, 990, 1, 1010, 1);
    }
    pass(ALICE, mass_quote(quotes, TN_QUOTES_MAX, 0));
    assert_int_equal(market.count, 2 * TN_QUOTES_MAX + 1);
    assert_int_equal(last_event()->quantity, 2 * TN_QUOTES_MAX);
    pass(ALICE, mass_quote(quotes, TN_QUOTES_MAX, 0));
    for (uint32_t i = 0; i < 2 * TN_QUOTES_MAX; i++)
        assert_int_equal(market.events[i].flags, TN_EVENT_KEPT_PLACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_mass_quote_rests_both_sides_with_a_result_each),
        STORY(test_exchange_identical_quote_keeps_its_place),
        STORY(test_exchange_identical_quote_takes_the_terms_of_the_new_command),
        STORY(test_exchange_quote_that_keeps_its_place_keeps_its_reserve),
        STORY(test_exchange_smaller_quote_keeps_its_place_and_a_larger_one_does_not),
        STORY(test_exchange_new_quote_never_meets_the_one_it_replaces),
        STORY(test_exchange_quote_of_nothing_removes_that_side),
        STORY(test_exchange_kept_side_is_left_alone_without_an_event),
        STORY(test_exchange_side_that_is_refused_leaves_its_present_quote),
        STORY(test_exchange_quote_with_bid_at_its_ask_is_refused_on_both_sides),
        STORY(test_exchange_new_side_that_crosses_the_kept_one_is_refused_alone),
        STORY(test_exchange_quote_that_crosses_the_market_trades_unless_post_only),
        STORY(test_exchange_post_only_requote_that_would_trade_loses_its_quote),
        OWN_STORY(test_exchange_sides_of_a_mass_quote_share_one_count_of_makers),
        STORY(test_exchange_mass_quote_must_be_affordable_as_a_whole),
        STORY(test_exchange_mass_quote_out_of_shape_is_refused_as_a_whole),
        STORY(test_exchange_each_side_is_judged_by_itself),
        STORY(test_exchange_quote_is_cancelled_like_an_order_but_not_replaced),
        OWN_STORY(test_exchange_one_mass_quote_covers_256_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
