/* Underlyings, series, listing rules, marks and the status machine, as entries
 * (docs/specs/exchange.md §8). */
#include "exchange_trace.h"

#define NOV27 2522 /* 2026-11-27, the last Friday of its month */

static struct tn_entry listing_entry(uint16_t day, tn_micros forward_dollars,
                                     const struct tn_listing_strike *strikes, uint32_t count)
{
    return (struct tn_entry){.kind = TN_ENTRY_LISTING,
                             .as.listing = {.underlying = 1,
                                            .expiry_day = day,
                                            .forward_micros = forward_dollars * DOLLAR,
                                            .strikes = strikes,
                                            .strikes_count = count}};
}

static struct tn_listing_strike strike(uint64_t dollars, uint32_t delta_percent)
{
    return (struct tn_listing_strike){dollars * TN_STRIKE_UNITS, delta_percent * 10000000};
}

static void test_exchange_listing_by_rule_adds_the_future_and_the_strikes_of_the_grid(void **state)
{
    (void)state;
    const struct tn_listing_strike strikes[] = {
        strike(98000, 70),  strike(100000, 50), strike(101000, 45), /* not a multiple of 2 000 */
        strike(140000, 9),                                          /* delta too small */
        strike(60000, 91),                                          /* and too large */
        strike(120000, 10),
    };
    apply_passing(listing_entry(NOV27, 100000, strikes, 6));
    EXPECT_EVENTS(
        "listed initializing in BTC-27NOV26", "listed initializing in BTC-27NOV26-98000-C",
        "listed initializing in BTC-27NOV26-98000-P", "listed initializing in BTC-27NOV26-100000-C",
        "listed initializing in BTC-27NOV26-100000-P",
        "listed initializing in BTC-27NOV26-120000-C",
        "listed initializing in BTC-27NOV26-120000-P", "ok filled 7");
}

static void test_exchange_listing_adds_new_strikes_as_the_forward_moves(void **state)
{
    (void)state;
    const struct tn_listing_strike first[] = {strike(100000, 50)};
    apply_passing(listing_entry(NOV27, 100000, first, 1));
    const struct tn_listing_strike then[] = {strike(100000, 80), strike(110000, 50)};
    apply_passing(listing_entry(NOV27, 110000, then, 2));
    EXPECT_EVENTS("listed initializing in BTC-27NOV26-110000-C",
                  "listed initializing in BTC-27NOV26-110000-P", "ok filled 2");
    apply_passing(listing_entry(NOV27, 110000, then, 2));
    EXPECT_EVENTS("ok");
}

static void test_exchange_daily_expiry_has_options_but_no_future(void **state)
{
    (void)state;
    const struct tn_listing_strike strikes[] = {strike(100000, 50)};
    apply_passing(listing_entry(2516, 100000, strikes, 1)); /* tomorrow, a Saturday */
    EXPECT_EVENTS("listed initializing in BTC-21NOV26-100000-C",
                  "listed initializing in BTC-21NOV26-100000-P", "ok filled 2");
}

static void test_exchange_listing_outside_the_rules_is_refused(void **state)
{
    (void)state;
    const struct tn_listing_strike strikes[] = {strike(100000, 50)};
    refuse_entry(listing_entry(2520, 100000, strikes, 1), TN_REJECT_EXPIRY_NOT_BY_RULE);
    refuse_entry(listing_entry(2515, 100000, strikes, 1), TN_REJECT_EXPIRY_NOT_BY_RULE);
    refuse_entry(listing_entry(NOV27, 0, strikes, 1), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(listing_entry(NOV27, 100000, strikes, TN_LISTING_MAX + 1),
                 TN_REJECT_PARAMETER_RANGE);
    struct tn_entry entry = listing_entry(NOV27, 100000, strikes, 1);
    entry.as.listing.underlying = 2;
    refuse_entry(entry, TN_REJECT_UNDERLYING_UNKNOWN);
}

static void test_exchange_listing_stops_where_the_table_is_full(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    limits.series_max = 7;
    open_market_with(limits, usual_underlying());
    const struct tn_listing_strike strikes[] = {strike(98000, 60), strike(100000, 50)};
    apply(listing_entry(NOV27, 100000, strikes, 2));
    EXPECT_EVENTS("listed initializing in BTC-27NOV26",
                  "listed initializing in BTC-27NOV26-98000-C", "SERIES_FULL filled 2");
}

static void test_exchange_list_refuses_impossible_known_and_expired_series(void **state)
{
    (void)state;
    refuse_entry(list_entry(0), TN_REJECT_SERIES_ID);
    refuse_entry(list_entry(market.perp + 1), TN_REJECT_SERIES_ID);
    refuse_entry(list_entry(UINT64_C(2) << 53), TN_REJECT_UNDERLYING_UNKNOWN);
    refuse_entry(list_entry(market.perp), TN_REJECT_SERIES_EXISTS);
    refuse_entry(list_entry(option_of(TN_CALL, 2515, 100000)), TN_REJECT_SERIES_CLOSING);
    apply_passing(list_entry(option_of(TN_CALL, 2516, 100000)));
}

static void test_exchange_underlying_out_of_bounds_is_refused(void **state)
{
    (void)state;
    struct tn_entry entry = {.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()};
    refuse_entry(entry, TN_REJECT_UNDERLYING_EXISTS);
    memcpy(entry.as.underlying.symbol, "ETH", 4);
    struct tn_entry bad[8];
    for (size_t i = 0; i < 8; i++)
        bad[i] = entry;
    bad[0].as.underlying.symbol[0] = '1';
    bad[1].as.underlying.option_fees.taker_ppm = 10001;
    bad[2].as.underlying.linear_fees.maker_ppm = -1; /* more than the taker pays */
    bad[3].as.underlying.listing.strike_step_ppm = 0;
    bad[4].as.underlying.fifo_ppm = 1000001;
    bad[5].as.underlying.closing_ms = -1;
    bad[6].as.underlying.block_minimum_micros = -1;
    bad[7].as.underlying.option.price_max = 0;
    for (size_t i = 0; i < 8; i++)
        refuse_entry(bad[i], TN_REJECT_PARAMETER_RANGE);
    bad[0] = entry;
    bad[0].as.underlying.linear.lot_micro_units = 1;
    bad[0].as.underlying.linear.tick_micros = 1;
    refuse_entry(bad[0], TN_REJECT_VALUE_NOT_WHOLE);
    apply_passing(entry);
    struct tn_entry fees = fees_entry((struct tn_fees){0, 0, 0}, (struct tn_fees){0, 10001, 0});
    refuse_entry(fees, TN_REJECT_PARAMETER_RANGE);
    fees.as.fees.underlying = 3;
    refuse_entry(fees, TN_REJECT_UNDERLYING_UNKNOWN);
}

static void test_exchange_marks_are_set_all_or_none(void **state)
{
    (void)state;
    struct tn_mark marks[] = {usual_mark(market.call, 1100 * TICK),
                              usual_mark(market.put, 1100 * TICK)};
    marks[1].series_id = market.put + 1;
    refuse_entry(marks_entry(marks, 2), TN_REJECT_SERIES_UNKNOWN);
    assert_int_equal(series_view(market.call).mark_micros, OPTION_MARK);
    marks[1] = usual_mark(market.put, 1100 * TICK);
    apply_passing(marks_entry(marks, 2));
    assert_int_equal(series_view(market.put).mark_micros, 1100 * TICK);
}

static void test_exchange_marks_out_of_bounds_are_refused(void **state)
{
    (void)state;
    struct tn_mark bad[10];
    for (size_t i = 0; i < 10; i++)
        bad[i] = usual_mark(market.call, 1100 * TICK);
    bad[0].mark_micros = -1;
    bad[1].mark_micros = 100000 * TICK + 1;
    bad[2].forward_micros = 0;
    bad[3].forward_micros = (INT64_C(1) << 50) + 1;
    bad[4].delta_ppb = 1000000001;
    bad[5].delta_ppb = -1000000001;
    bad[6].vega_micros = -1;
    bad[7].vega_micros = (INT64_C(1) << 40) + 1;
    bad[8].vol_ppm = -1;
    bad[9].vol_ppm = 100000001;
    for (size_t i = 0; i < 10; i++)
        refuse_entry(marks_entry(&bad[i], 1), TN_REJECT_PARAMETER_RANGE);
    static struct tn_mark many[TN_MARKS_MAX + 1];
    refuse_entry(marks_entry(many, TN_MARKS_MAX + 1), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(index_entry(1, 0), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(index_entry(1, (INT64_C(1) << 50) + 1), TN_REJECT_PARAMETER_RANGE);
    refuse_entry(index_entry(2, DOLLAR), TN_REJECT_UNDERLYING_UNKNOWN);
}

static void test_exchange_series_opens_only_with_a_mark_and_an_index_price(void **state)
{
    (void)state;
    struct tn_exchange_limits limits = usual_limits();
    open_market_bare(limits);
    apply_passing(
        (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    apply_passing(list_entry(market.call));
    EXPECT_EVENTS("listed initializing", "ok");
    const uint8_t opening[] = {TN_STATUS_ACTIVE, TN_STATUS_POST_ONLY, TN_STATUS_AUCTION};
    for (size_t i = 0; i < 3; i++)
        refuse_entry(status_entry(market.call, opening[i]), TN_REJECT_NO_MARK);
    set_mark(market.call, 1000);
    refuse_entry(status_entry(market.call, TN_STATUS_ACTIVE), TN_REJECT_NO_MARK);
    apply_passing(index_entry(1, 100000 * DOLLAR));
    set_status(market.call, TN_STATUS_ACTIVE);
    EXPECT_EVENTS("status active, was initializing", "ok");
}

/* Lists a series of its own and brings it into a status. */
static uint64_t series_in(enum tn_status status, uint32_t number)
{
    uint64_t series = option_of(TN_CALL, market.day, 200000 + number);
    apply_passing(list_entry(series));
    set_mark(series, 1000);
    if (status == TN_STATUS_INITIALIZING) return series;
    if (status == TN_STATUS_CANCEL_ONLY || status == TN_STATUS_HALTED) {
        set_status(series, TN_STATUS_ACTIVE);
    }
    set_status(series, status);
    return series;
}

static void test_exchange_status_takes_the_steps_of_the_machine_and_no_others(void **state)
{
    (void)state;
    uint32_t number = 0;
    for (uint8_t from = TN_STATUS_INITIALIZING; from <= TN_STATUS_AUCTION; from++) {
        for (uint8_t to = 0; to <= TN_STATUS_SETTLED + 1; to++) {
            uint64_t series = series_in((enum tn_status)from, number++);
            bool may = tn_status_may_step((enum tn_status)from, (enum tn_status)to);
            if (to == TN_STATUS_SETTLING) may = false; /* comes by SETTLE only */
            if (from == TN_STATUS_AUCTION && to == TN_STATUS_ACTIVE) may = false; /* by UNCROSS */
            if (may) {
                apply_passing(status_entry(series, to));
                assert_int_equal(series_view(series).status, to);
            } else {
                refuse_entry(status_entry(series, to), TN_REJECT_STATUS_STEP);
            }
        }
    }
    refuse_entry(status_entry(market.call + 1, TN_STATUS_ACTIVE), TN_REJECT_SERIES_UNKNOWN);
}

static void expect_admitted(bool admitted, const struct tn_event *result)
{
    assert_int_equal(result->reject, admitted ? TN_REJECT_NONE : TN_REJECT_SERIES_STATUS);
}

static void test_exchange_each_status_admits_its_own_commands(void **state)
{
    (void)state;
    for (uint8_t number = TN_STATUS_INITIALIZING; number <= TN_STATUS_AUCTION; number++) {
        enum tn_status status = (enum tn_status)number;
        uint64_t series = series_in(status, number);
        struct tn_command bid = limit(BUY, series, 900, 1);
        expect_admitted(tn_status_admits(status, TN_ACTION_TAKE), send(ALICE, bid));
        expect_admitted(tn_status_admits(status, TN_ACTION_POST),
                        send(ALICE, post(bid, TN_POST_REJECT)));
        expect_admitted(tn_status_admits(status, TN_ACTION_STOP), send(ALICE, stop_at(bid, 1100)));
        const struct tn_leg legs[] = {leg(BUY, series, 10, 1000)};
        expect_admitted(tn_status_admits(status, TN_ACTION_BLOCK),
                        send(ALICE, block_trade(BOB, ++market.nonces[BOB], legs, 1)));
        struct tn_quote nothing = two_sided(series, 0, 0, 0, 0);
        expect_admitted(true, send(ALICE, mass_quote(&nothing, 1, 0)));
        assert_int_equal(market.events[0].reject, TN_REJECT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_listing_by_rule_adds_the_future_and_the_strikes_of_the_grid),
        STORY(test_exchange_listing_adds_new_strikes_as_the_forward_moves),
        STORY(test_exchange_daily_expiry_has_options_but_no_future),
        STORY(test_exchange_listing_outside_the_rules_is_refused),
        OWN_STORY(test_exchange_listing_stops_where_the_table_is_full),
        STORY(test_exchange_list_refuses_impossible_known_and_expired_series),
        STORY(test_exchange_underlying_out_of_bounds_is_refused),
        STORY(test_exchange_marks_are_set_all_or_none),
        STORY(test_exchange_marks_out_of_bounds_are_refused),
        OWN_STORY(test_exchange_series_opens_only_with_a_mark_and_an_index_price),
        STORY(test_exchange_status_takes_the_steps_of_the_machine_and_no_others),
        STORY(test_exchange_each_status_admits_its_own_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
