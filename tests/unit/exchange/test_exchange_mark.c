/* What a MARK makes of the feeds: marks, statuses, listing, parameters (docs/specs/risk.md,
 * "MARK"). */
#include "feeds_case.h"

static int64_t left_ms(uint64_t series)
{
    return tn_series_expiry_ms(series) - market.time_ms;
}

/* ---- Marks ---- */

static void test_exchange_mark_prices_every_series_from_the_feeds(void **state)
{
    (void)state;
    assert_int_equal(mark_of(market.perp), 1000 * DOLLAR); /* a hundredth of a unit */
    assert_int_equal(mark_of(market.future), 1000 * DOLLAR);
    struct tn_option option = {.forward_micros = SPOT,
                               .strike_micros = SPOT,
                               .vol_ppb = 500000000,
                               .left_ms = left_ms(market.call)};
    tn_micros unit = tn_pricing_price(&option); /* the average at the end takes a little off */
    assert_in_range(mark_of(market.call), unit / 100 * 999 / 1000, unit / 100);
    assert_int_equal(mark_of(market.put), mark_of(market.call)); /* at the money */
    assert_in_range(series_view(market.call).delta_ppb, 500000000, 540000000);
    report_all(TN_FEED_FORWARD, 105000 * DOLLAR);
    block(100);
    assert_int_equal(mark_of(market.future), 1050 * DOLLAR);
    assert_int_equal(mark_of(market.perp), 1000 * DOLLAR);
    assert_true(mark_of(market.call) > mark_of(market.put));
}

static void test_exchange_marks_come_mark_ms_apart_and_are_numbered(void **state)
{
    (void)state;
    block(100);
    uint64_t number = find_event(TN_EVENT_MARKED, 0)->order_id;
    assert_int_equal(last_event()->quantity, TRADERS);
    block(99);
    assert_int_equal(market.count, 0);
    block(0);
    assert_int_equal(market.count, 0);
    block(1);
    assert_int_equal(find_event(TN_EVENT_MARKED, 0)->order_id, number + 1);
    block(1000000000); /* however late, it is one MARK */
    assert_int_equal(find_event(TN_EVENT_MARKED, 0)->order_id, number + 2);
}

static void test_exchange_marks_without_feeds_do_no_harm(void **state)
{
    (void)state;
    open_feeds_bare(feeds_underlying());
    apply_passing(list_entry(market.call));
    apply_passing(list_entry(market.perp));
    block(1000);
    assert_int_equal(events_of(TN_EVENT_MARKED), 1);
    assert_int_equal(status_of(market.perp), TN_STATUS_INITIALIZING);
    report_all(TN_FEED_SPOT, SPOT);
    block(1000);
    assert_int_equal(status_of(market.perp), TN_STATUS_ACTIVE);
    assert_int_equal(status_of(market.call), TN_STATUS_INITIALIZING);
}

static void test_exchange_opens_a_listed_series_at_its_first_mark(void **state)
{
    (void)state;
    apply_passing(list_entry(market.call_high));
    assert_int_equal(status_of(market.call_high), TN_STATUS_INITIALIZING);
    block(50);
    assert_int_equal(status_of(market.call_high), TN_STATUS_INITIALIZING);
    block(50);
    assert_int_equal(status_of(market.call_high), TN_STATUS_ACTIVE);
    assert_true(mark_of(market.call_high) > 0);
    assert_true(mark_of(market.call_high) < mark_of(market.call));
}

static void test_exchange_mark_is_cut_to_the_highest_price_of_the_contract(void **state)
{
    (void)state;
    report_all(TN_FEED_FORWARD, 2000000 * DOLLAR); /* an order's price ends at half of that */
    block(100);
    block(100);
    assert_int_equal(mark_of(market.future), 10000 * DOLLAR);
    assert_true(mark_of(market.call) <= 10000 * DOLLAR);
}

/* ---- Listing ---- */

static struct tn_underlying listing_underlying(void)
{
    struct tn_underlying underlying = feeds_underlying();
    underlying.listing = (struct tn_listing_rules){.monthlies = 2,
                                                   .delta_low_ppb = 200000000,
                                                   .delta_high_ppb = 800000000,
                                                   .strike_step_ppm = 20000};
    return underlying;
}

/* The listed calls of the usual expiry; asserts that each has its put, a strike on the grid, and a
 * delta that the rules name at this forward (0: any delta). */
static uint32_t expect_grid(tn_micros forward, uint64_t grid)
{
    uint64_t ids[256];
    uint32_t calls = 0, count = tn_exchange_series_ids(market.exchange, ids, 256);
    for (uint32_t i = 0; i < count; i++) {
        if (tn_series_kind(ids[i]) != TN_CALL || tn_series_expiry_day(ids[i]) != market.day) {
            continue;
        }
        uint64_t strike = tn_series_strike(ids[i]);
        struct tn_option option = {.forward_micros = forward,
                                   .strike_micros = (tn_micros)strike * TN_MICROS_PER_STRIKE_UNIT,
                                   .vol_ppb = 500000000,
                                   .left_ms = left_ms(ids[i])};
        struct tn_greeks greeks;
        calls++;
        assert_int_equal(strike % (grid * TN_STRIKE_UNITS), 0);
        status_of(ids[i] ^ (UINT64_C(1) << 51)); /* its put is listed */
        if (forward == 0) continue;
        tn_pricing_greeks(&greeks, &option);
        assert_in_range(greeks.delta_ppb, 199900000, 800100000);
    }
    return calls;
}

static void test_exchange_lists_strikes_by_delta_as_the_forward_moves(void **state)
{
    (void)state;
    open_feeds_bare(listing_underlying());
    report_everything(SPOT);
    block(100);
    assert_int_equal(status_of(market.future), TN_STATUS_ACTIVE); /* a month ends there */
    /* One deviation is √(34.8/365) · 0.5 = 15.4 %: ±0.84 of it are 88 900 to 115 200. */
    assert_int_equal(expect_grid(SPOT, 2000), 13);
    assert_int_equal(status_of(option_of(TN_CALL, market.day, 90000)), TN_STATUS_ACTIVE);
    assert_int_equal(status_of(option_of(TN_PUT, market.day, 114000)), TN_STATUS_ACTIVE);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 0);
    report_all(TN_FEED_SPOT, 104000 * DOLLAR);
    report_all(TN_FEED_FORWARD, 104000 * DOLLAR);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 4); /* up to 115 200 · 1.04: 116 and 118 */
    assert_int_equal(expect_grid(0, 2000), 15);      /* what was listed stays */
}

static void test_exchange_lists_a_bounded_number_of_series_at_a_mark(void **state)
{
    (void)state;
    struct tn_underlying underlying = listing_underlying();
    underlying.listing.strike_step_ppm = 5000;
    open_feeds_bare(underlying);
    report_everything(SPOT);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 32);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 32);
    for (uint32_t i = 0; i < 4; i++)
        block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 0);
    assert_in_range(expect_grid(SPOT, 500), 50, 55); /* 26 300 dollars in steps of 500 */
}

static void test_exchange_expiries_take_turns_at_listing(void **state)
{
    (void)state;
    struct tn_underlying underlying = listing_underlying();
    underlying.listing = (struct tn_listing_rules){.dailies = 6,
                                                   .delta_low_ppb = 400000000,
                                                   .delta_high_ppb = 600000000,
                                                   .strike_step_ppm = 20000};
    open_feeds_bare(underlying);
    report_all(TN_FEED_SPOT, SPOT);
    uint16_t days[TN_LISTING_EXPIRIES_MAX];
    assert_int_equal(tn_listing_expiries(days, &underlying.listing, market.time_ms), 6);
    for (uint32_t i = 0; i < 6; i++) {
        market.day = days[i];
        report_all(TN_FEED_FORWARD, SPOT);
        report_surfaces(500000);
    }
    block(100); /* a call and a put at the money, in four expiries */
    assert_int_equal(events_of(TN_EVENT_LISTED), 8);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 4);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 0);
}

static void test_exchange_lists_nothing_from_late_feeds(void **state)
{
    (void)state;
    open_feeds_bare(listing_underlying());
    report_everything(SPOT);
    block(10001); /* forward and spot are late: priced, but not listed by */
    assert_int_equal(events_of(TN_EVENT_LISTED), 0);
    report_all(TN_FEED_SPOT, SPOT);
    block(100);
    assert_int_equal(events_of(TN_EVENT_LISTED), 0);
    report_all(TN_FEED_SPOT, SPOT);
    report_all(TN_FEED_FORWARD, SPOT);
    block(100);
    assert_int_equal(expect_grid(SPOT, 2000), 13);
}

/* ---- Scaling ---- */

static struct tn_underlying_risk_view underlying_risk(void)
{
    struct tn_underlying_risk_view view;
    assert_true(tn_exchange_underlying_risk(market.exchange, &view, 1));
    return view;
}

static struct tn_risk_view risk_view(void)
{
    struct tn_risk_view view;
    assert_true(tn_exchange_risk(market.exchange, &view));
    return view;
}

static void test_exchange_realised_volatility_averages_squared_returns_by_hand(void **state)
{
    (void)state;
    assert_int_equal(underlying_risk().volatility_ppm, 0);
    live(1, 101000 * DOLLAR); /* 1 % in a second */
    int64_t keep = tn_pricing_decay_q30(1000, 3600000);
    tn_i128 yearly_e12 = (tn_i128)10000000 * 10000000 * INT64_C(31536000000) / 1000 / 1000000;
    int64_t variance = (int64_t)(yearly_e12 * ((INT64_C(1) << 30) - keep) / (INT64_C(1) << 30));
    int64_t volatility = underlying_risk().volatility_ppm; /* √(3 153.6 / 3 600): 93.6 % */
    assert_true(volatility * volatility <= variance);
    assert_true((volatility + 1) * (volatility + 1) > variance);
    assert_in_range(volatility, 935000, 936500);
    live(1, 101000 * DOLLAR);
    assert_true(underlying_risk().volatility_ppm < volatility);
}

static void test_exchange_scaling_factor_grows_with_interest_and_with_one_accounts_share(
    void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.lambda_interest_low_micros = 1000 * DOLLAR;
    risk.lambda_interest_high_micros = 5000 * DOLLAR;
    risk.lambda_share_low_ppm = 999999;
    risk.lambda_share_high_ppm = 1000000;
    set_risk(&risk);
    place(ALICE, limit(SELL, market.future, 100000, 2));
    place(BOB, limit(BUY, market.future, 100000, 2));
    live(1, SPOT);
    assert_int_equal(underlying_risk().interest_micros, 2000 * DOLLAR);
    assert_int_equal(underlying_risk().lambda_ppm, 1125000); /* a quarter of the way to 1.5 */
    live(1, SPOT); /* the sweep of the last MARK has found who holds all of it */
    assert_int_equal(underlying_risk().lambda_ppm, 1500000);
}

static void test_exchange_share_of_the_largest_account_follows_it_down(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.lambda_share_low_ppm = 500000;
    risk.lambda_share_high_ppm = 1000000;
    set_risk(&risk);
    place(ALICE, limit(SELL, market.future, 100000, 8));
    place(BOB, limit(BUY, market.future, 100000, 8));
    place(CAROL, limit(SELL, market.future, 100000, 2));
    place(DAN, limit(BUY, market.future, 100000, 2));
    live(2, SPOT);
    assert_int_equal(underlying_risk().lambda_ppm, 1300000); /* 80 %: three fifths of the way */
    place(BOB, limit(SELL, market.future, 100000, 6));
    place(ALICE, limit(BUY, market.future, 100000, 6));
    live(2, SPOT);
    assert_int_equal(underlying_risk().lambda_ppm, 1000000); /* 2 lots of 4 */
}

static void test_exchange_maintenance_factor_moves_by_steps_that_are_known_an_hour_ahead(
    void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.mm_factor_ppm = 775000;
    set_risk(&risk);
    live(1, SPOT);
    assert_int_equal(risk_view().mm_factor_next_ppm, 800000); /* steps come with the hours */
    const int64_t next[] = {790000, 780000, 775000, 775000};
    for (size_t i = 0; i < 4; i++) {
        struct tn_risk_view before = risk_view();
        block(3600000);
        assert_int_equal(risk_view().mm_factor_before_ppm, before.mm_factor_ppm);
        assert_int_equal(risk_view().mm_factor_ppm, before.mm_factor_next_ppm);
        assert_int_equal(risk_view().mm_factor_next_ppm, next[i]);
        live(1, SPOT);
        assert_int_equal(risk_view().mm_factor_next_ppm, next[i]);
    }
    assert_int_equal(risk_view().mm_factor_ppm, 775000);
}

/* ---- Parameters ---- */

static void refuse_risk(struct tn_entry entry, enum tn_reject reject, uint32_t field)
{
    refuse_entry(entry, reject);
    assert_int_equal(last_event()->index, field);
}

static void test_exchange_risk_parameters_change_at_the_named_block(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.mark_ms = 50;
    apply_passing(risk_entry(&risk, market.height + 3));
    block(99);
    block(0);
    assert_int_equal(market.count, 0);
    block(0);
    assert_int_equal(market.count, 1); /* no MARK is due yet: due times are of before */
    assert_int_equal(last_event()->kind, TN_EVENT_RISK);
    assert_int_equal(last_event()->order_id, 3); /* the third version: the market set the second */
    block(50);
    assert_int_equal(events_of(TN_EVENT_MARKED), 1);
    block(50);
    assert_int_equal(events_of(TN_EVENT_MARKED), 1);
}

static void test_exchange_refuses_risk_parameters_out_of_bounds_and_names_the_field(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.lag_ms = 0;
    refuse_risk(risk_entry(&risk, market.height + 1), TN_REJECT_RISK_RANGE, TN_RISK_lag_ms);
    risk = usual_risk();
    risk.mm_factor_ppm = 99999;
    refuse_risk(risk_entry(&risk, 0), TN_REJECT_RISK_RANGE, TN_RISK_mm_factor_ppm);
    risk = usual_risk();
    struct tn_entry entry = risk_entry(&risk, market.height + 1);
    entry.as.risk.scenarios_count = 0;
    refuse_risk(entry, TN_REJECT_RISK_RANGE, TN_RISK_FIELDS_COUNT);
    entry.as.risk.scenarios_count = TN_SCENARIOS_MAX + 1;
    refuse_risk(entry, TN_REJECT_RISK_RANGE, TN_RISK_FIELDS_COUNT);
}

static void test_exchange_one_change_of_risk_parameters_waits_for_a_later_block(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    refuse_risk(risk_entry(&risk, market.height), TN_REJECT_RISK_HEIGHT, 0);
    apply_passing(risk_entry(&risk, market.height + 2));
    refuse_risk(risk_entry(&risk, market.height + 3), TN_REJECT_RISK_HEIGHT, 0);
    block(0);
    refuse_risk(risk_entry(&risk, market.height + 3), TN_REJECT_RISK_HEIGHT, 0);
    block(0);
    apply_passing(risk_entry(&risk, market.height + 3));
}

static void test_exchange_change_of_the_lag_moves_the_last_moment_to_trade(void **state)
{
    (void)state;
    struct tn_underlying underlying = feeds_underlying();
    underlying.closing_ms = 0;
    open_feeds_bare(underlying);
    apply_passing(list_entry(market.future));
    block(left_ms(market.future) - 32000);
    live(2, SPOT);
    place(ALICE, limit(BUY, market.future, 99500, 1));
    struct tn_risk risk = usual_risk();
    risk.lag_ms = 30000;
    set_risk(&risk); /* a millisecond into the last 30 seconds */
    refuse(ALICE, limit(BUY, market.future, 99500, 1), TN_REJECT_SERIES_CLOSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEEDS_STORY(test_exchange_mark_prices_every_series_from_the_feeds),
        FEEDS_STORY(test_exchange_marks_come_mark_ms_apart_and_are_numbered),
        OWN_STORY(test_exchange_marks_without_feeds_do_no_harm),
        FEEDS_STORY(test_exchange_opens_a_listed_series_at_its_first_mark),
        FEEDS_STORY(test_exchange_mark_is_cut_to_the_highest_price_of_the_contract),
        OWN_STORY(test_exchange_lists_strikes_by_delta_as_the_forward_moves),
        OWN_STORY(test_exchange_lists_a_bounded_number_of_series_at_a_mark),
        OWN_STORY(test_exchange_expiries_take_turns_at_listing),
        OWN_STORY(test_exchange_lists_nothing_from_late_feeds),
        FEEDS_STORY(test_exchange_realised_volatility_averages_squared_returns_by_hand),
        FEEDS_STORY(test_exchange_scaling_factor_grows_with_interest_and_with_one_accounts_share),
        FEEDS_STORY(test_exchange_share_of_the_largest_account_follows_it_down),
        FEEDS_STORY(test_exchange_maintenance_factor_moves_by_steps_that_are_known_an_hour_ahead),
        FEEDS_STORY(test_exchange_risk_parameters_change_at_the_named_block),
        FEEDS_STORY(test_exchange_refuses_risk_parameters_out_of_bounds_and_names_the_field),
        FEEDS_STORY(test_exchange_one_change_of_risk_parameters_waits_for_a_later_block),
        OWN_STORY(test_exchange_change_of_the_lag_moves_the_last_moment_to_trade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
