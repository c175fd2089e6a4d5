/* MASS_CANCEL (docs/specs/exchange.md §5): every condition, and the slices in which long ones run:
 * an order that is meant is dead from the command on, whenever its turn comes. */
#include "exchange_trace.h"

/* One order of Alice's for each condition to tell apart; ids 1 to 7. A second underlying has one
 * perpetual, orders #6 and #7. */
static void place_one_of_each(void)
{
    struct tn_underlying ether = usual_underlying();
    memcpy(ether.symbol, "ETH", 4);
    apply_passing((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = ether});
    apply_passing(index_entry(2, 100000 * DOLLAR));
    uint64_t ether_perp = UINT64_C(2) << 53;
    open_series(ether_perp);
    place(ALICE, labelled(limit(BUY, market.call, 900, 1), 1));
    place(ALICE, labelled(limit(SELL, market.call, 1100, 1), 2));
    place(ALICE, labelled(limit(BUY, market.put, 900, 1), 1));
    place(ALICE, limit(SELL, market.future, 100000, 1));
    place(ALICE, limit(BUY, market.perp, 99000, 1));
    place(ALICE, labelled(limit(BUY, ether_perp, 99000, 1), 2));
    place(ALICE, limit(SELL, ether_perp, 101000, 1));
    place(BOB, labelled(limit(BUY, market.call, 900, 1), 1));
}

static struct line cancelled_ids(void)
{
    struct line line = {.used = 0};
    for (uint32_t i = 0; i + 1 < market.count; i++) {
        assert_int_equal(market.events[i].kind, TN_EVENT_CANCELLED);
        assert_int_equal(market.events[i].reason, TN_REASON_MASS_CANCEL);
        add(&line, "%s%" PRIu64, i > 0 ? " " : "", market.events[i].order_id);
    }
    return line;
}

static void test_exchange_mass_cancel_by_each_condition(void **state)
{
    (void)state;
    open_market(NULL);
    const struct {
        struct tn_mass_cancel what;
        const char *ids;
    } rows[] = {
        {{.by = 0}, "1 2 3 4 5 6 7"},
        {{.by = TN_BY_UNDERLYING, .underlying = 2}, "6 7"},
        {{.by = TN_BY_UNDERLYING, .underlying = 3}, ""},
        {{.by = TN_BY_EXPIRY, .expiry_day = market.day}, "1 2 3 4"},
        {{.by = TN_BY_EXPIRY, .expiry_day = 0}, "5 6 7"},
        {{.by = TN_BY_SERIES, .series_id = market.call}, "1 2"},
        {{.by = TN_BY_SIDE, .side = TN_SELL}, "2 4 7"},
        {{.by = TN_BY_LABEL, .label = 2}, "2 6"},
        {{.by = TN_BY_LABEL, .label = 0}, "4 5 7"},
        {{.by = TN_BY_UNDERLYING | TN_BY_SIDE, .underlying = 2, .side = TN_BUY}, "6"},
        {{.by = TN_BY_SERIES | TN_BY_LABEL, .series_id = market.put, .label = 2}, ""},
        {{.by = TN_BY_ALL,
          .underlying = 1,
          .expiry_day = market.day,
          .series_id = market.call,
          .side = TN_BUY,
          .label = 1},
         "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        close_market(NULL);
        open_market(NULL);
        place_one_of_each();
        const struct tn_event *result = pass(ALICE, mass_cancel(rows[i].what));
        assert_int_equal(result->quantity, market.count - 1);
        assert_int_equal(result->remaining, 0);
        assert_string_equal(cancelled_ids().text, rows[i].ids);
    }
}

static void test_exchange_mass_cancel_of_no_possible_condition_is_refused(void **state)
{
    (void)state;
    place(ALICE, limit(BUY, market.call, 900, 1));
    refuse(ALICE, mass_cancel((struct tn_mass_cancel){.by = 32}), TN_REJECT_TERMS_CONFLICT);
    refuse(ALICE, mass_cancel((struct tn_mass_cancel){.by = TN_BY_SIDE, .side = 2}),
           TN_REJECT_SIDE_UNKNOWN);
}

static void test_exchange_mass_cancel_takes_stops_quotes_and_oco_siblings(void **state)
{
    (void)state;
    place(ALICE, labelled(stop_at(limit(BUY, market.call, 1100, 1), 1050), 7));
    pass(ALICE, oco(labelled(limit(SELL, market.call, 1100, 2), 7),
                    stop_at(limit(SELL, market.call, 800, 2), 900)));
    struct tn_quote quote = two_sided(market.put, 990, 3, 1010, 3);
    struct tn_command quotes = mass_quote(&quote, 1, 0);
    quotes.as.mass_quote.label = 7;
    pass(ALICE, quotes);
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = TN_BY_LABEL, .label = 7}));
    EXPECT_EVENTS("cancelled #1 1 mass cancel", "cancelled #2 2 mass cancel", "cancelled #3 2 oco",
                  "cancelled #4 3 mass cancel in BTC-25DEC26-100000-P",
                  "cancelled #5 3 mass cancel in BTC-25DEC26-100000-P", "ok filled 5");
    assert_int_equal(account_view(ALICE).orders_count, 0);
}

static void open_market_with_short_slices(uint32_t cancels_max, uint32_t jobs_max)
{
    struct tn_exchange_limits limits = usual_limits();
    limits.cancels_max = cancels_max;
    limits.jobs_max = jobs_max;
    open_market_with(limits, usual_underlying());
}

static void test_exchange_long_mass_cancel_goes_on_in_sweeps(void **state)
{
    (void)state;
    open_market_with_short_slices(2, 4);
    for (int i = 0; i < 5; i++)
        place(ALICE, limit(SELL, market.call, 1000, 1));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    EXPECT_EVENTS("cancelled #1 1 mass cancel", "cancelled #2 1 mass cancel", "ok filled 2 open 1");
    place(ALICE, limit(SELL, market.call, 1000, 1)); /* after the command: not meant */
    sweep(2);
    EXPECT_EVENTS("cancelled #3 1 mass cancel", "cancelled #4 1 mass cancel");
    assert_true(tn_exchange_work(market.exchange));
    sweep(2);
    EXPECT_EVENTS("cancelled #5 1 mass cancel");
    assert_false(tn_exchange_work(market.exchange));
    EXPECT_BOOK(market.call, "| 1000 #6x1");
}

static void test_exchange_order_meant_by_an_unfinished_mass_cancel_is_dead(void **state)
{
    (void)state;
    open_market_with_short_slices(1, 4);
    for (int i = 0; i < 4; i++)
        place(ALICE, limit(SELL, market.call, 1000, 1));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    EXPECT_EVENTS("cancelled #1 1 mass cancel", "ok filled 1 open 1");
    refuse(ALICE, cancel(3), TN_REJECT_ORDER_UNKNOWN);
    refuse(BOB, fok(limit(BUY, market.call, 1000, 1)), TN_REJECT_FILL_OR_KILL);
    place(BOB, limit(BUY, market.call, 1000, 1));
    EXPECT_EVENTS("accepted #5 bob buy 1 @ 1000", "cancelled #2 1 mass cancel",
                  "cancelled #3 1 mass cancel", "cancelled #4 1 mass cancel", "ok #5 open 1");
    sweep(10);
    EXPECT_NO_EVENTS();
    assert_false(tn_exchange_work(market.exchange));
}

static void test_exchange_orders_an_unfinished_mass_cancel_does_not_mean_stay_alive(void **state)
{
    (void)state;
    open_market_with_short_slices(1, 4);
    place(ALICE, limit(BUY, market.call, 900, 1));
    place(ALICE, limit(SELL, market.call, 1000, 1));
    place(ALICE, limit(BUY, market.call, 900, 1));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = TN_BY_SIDE, .side = TN_BUY}));
    EXPECT_EVENTS("cancelled #1 1 mass cancel", "ok filled 1 open 1");
    place(BOB, limit(BUY, market.call, 1000, 1));
    assert_int_equal(lots_of(BOB, market.call), 1);
    sweep(1); /* #2 is gone: #3 is the next to be looked at */
    EXPECT_EVENTS("cancelled #3 1 mass cancel");
}

static void test_exchange_dead_stop_of_a_mass_cancel_does_not_trigger(void **state)
{
    (void)state;
    open_market_with_short_slices(1, 4);
    place(ALICE, limit(BUY, market.call, 900, 1));
    place(ALICE, stop_at(limit(BUY, market.call, 1100, 1), 1050));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    set_mark(market.call, 1060);
    sweep(10);
    EXPECT_EVENTS("cancelled #2 1 mass cancel");
    EXPECT_BOOK(market.call, "|");
}

static void test_exchange_mass_cancel_that_needs_a_job_is_refused_when_jobs_are_full(void **state)
{
    (void)state;
    open_market_with_short_slices(1, 1);
    for (int i = 0; i < 2; i++) {
        place(ALICE, limit(SELL, market.call, 1000, 1));
        place(BOB, limit(SELL, market.call, 1000, 1));
    }
    place(CAROL, limit(SELL, market.call, 1000, 1));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    refuse(BOB, mass_cancel((struct tn_mass_cancel){.by = 0}), TN_REJECT_JOBS_FULL);
    pass(CAROL, mass_cancel((struct tn_mass_cancel){.by = 0}));
    sweep(10);
    pass(BOB, mass_cancel((struct tn_mass_cancel){.by = 0}));
    EXPECT_EVENTS("cancelled #2 1 mass cancel", "ok filled 1 open 1");
}

static void test_exchange_requote_over_a_dead_quote_cancels_it_and_takes_a_new_id(void **state)
{
    (void)state;
    open_market_with_short_slices(1, 4);
    struct tn_quote quote = two_sided(market.call, 990, 5, 1010, 5);
    pass(ALICE, mass_quote(&quote, 1, 0));
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    EXPECT_EVENTS("cancelled #1 5 mass cancel", "ok filled 1 open 1");
    pass(ALICE, mass_quote(&quote, 1, 0));
    EXPECT_EVENTS("cancelled #2 5 mass cancel", "quoted 0 bid #3 @ 990 open 5",
                  "quoted 0 ask #4 @ 1010 open 5", "ok filled 2");
    sweep(10);
    EXPECT_NO_EVENTS();
    EXPECT_BOOK(market.call, "990 #3x5 | 1010 #4x5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_STORY(test_exchange_mass_cancel_by_each_condition),
        STORY(test_exchange_mass_cancel_of_no_possible_condition_is_refused),
        STORY(test_exchange_mass_cancel_takes_stops_quotes_and_oco_siblings),
        OWN_STORY(test_exchange_long_mass_cancel_goes_on_in_sweeps),
        OWN_STORY(test_exchange_order_meant_by_an_unfinished_mass_cancel_is_dead),
        OWN_STORY(test_exchange_orders_an_unfinished_mass_cancel_does_not_mean_stay_alive),
        OWN_STORY(test_exchange_dead_stop_of_a_mass_cancel_does_not_trigger),
        OWN_STORY(test_exchange_mass_cancel_that_needs_a_job_is_refused_when_jobs_are_full),
        OWN_STORY(test_exchange_requote_over_a_dead_quote_cancels_it_and_takes_a_new_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
