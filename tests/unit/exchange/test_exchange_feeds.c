/* Feeds (docs/specs/risk.md, "Feeds"): who may report what, what a MARK makes of the reports, and
 * what happens to series when feeds age. The future's mark shows the forward in use, the
 * perpetual's the spot, the call's volatility the surface. */
#include "feeds_case.h"

#define HEARTBEAT_MS INT64_C(180000) /* of spot */

/* What the future's mark says of one unit. */
static tn_micros forward_in_use(void)
{
    return mark_of(market.future) * 100;
}

/* ---- Reports ---- */

static void test_exchange_refuses_feed_entries_without_a_margin_engine(void **state)
{
    (void)state;
    open_market_with(usual_limits(), usual_underlying());
    struct tn_risk risk = usual_risk();
    refuse_entry(feeder_entry(1, 1), TN_REJECT_RISK_OFF);
    refuse_entry(report_entry(report_of(1, TN_FEED_SPOT, SPOT)), TN_REJECT_RISK_OFF);
    refuse_entry(risk_entry(&risk, market.height + 1), TN_REJECT_RISK_OFF);
}

static void test_exchange_takes_no_prices_by_hand_where_feeds_rule(void **state)
{
    (void)state;
    const struct tn_mark mark = {.series_id = market.future, .forward_micros = SPOT};
    refuse_entry(marks_entry(&mark, 1), TN_REJECT_FEEDS_RULE);
    refuse_entry(index_entry(1, SPOT), TN_REJECT_FEEDS_RULE);
    refuse_entry(funding_entry(market.perp, 1), TN_REJECT_FEEDS_RULE);
}

static void test_exchange_takes_reports_of_active_signers_only(void **state)
{
    (void)state;
    refuse_entry(report_entry(report_of(0, TN_FEED_SPOT, SPOT)), TN_REJECT_SIGNER_UNKNOWN);
    refuse_entry(report_entry(report_of(4, TN_FEED_SPOT, SPOT)), TN_REJECT_SIGNER_UNKNOWN);
    refuse_entry(report_entry(report_of(5, TN_FEED_SPOT, SPOT)), TN_REJECT_SIGNER_UNKNOWN);
    refuse_entry(feeder_entry(0, 1), TN_REJECT_SIGNER_UNKNOWN);
    refuse_entry(feeder_entry(5, 1), TN_REJECT_SIGNER_UNKNOWN);
    refuse_entry(feeder_entry(4, 2), TN_REJECT_PARAMETER_RANGE);
    apply_passing(feeder_entry(4, 1));
    report_value(4, TN_FEED_SPOT, SPOT);
    apply_passing(feeder_entry(4, 0));
    refuse_entry(report_entry(report_of(4, TN_FEED_SPOT, SPOT)), TN_REJECT_SIGNER_UNKNOWN);
}

static void test_exchange_takes_reports_of_known_feeds_only(void **state)
{
    (void)state;
    struct tn_report report = report_of(1, TN_FEED_SPOT, SPOT);
    report.underlying = 2;
    refuse_entry(report_entry(report), TN_REJECT_UNDERLYING_UNKNOWN);
    report.underlying = 0;
    refuse_entry(report_entry(report), TN_REJECT_UNDERLYING_UNKNOWN);
    report.underlying = 1;
    report.expiry_day = market.day;
    refuse_entry(report_entry(report), TN_REJECT_SERIES_UNKNOWN);
    report = report_of(1, TN_FEED_FORWARD, SPOT);
    report.expiry_day = 0;
    refuse_entry(report_entry(report), TN_REJECT_SERIES_UNKNOWN);
    report.expiry_day = (uint16_t)(market.day + 1); /* no rule names it, nothing is listed */
    refuse_entry(report_entry(report), TN_REJECT_SERIES_UNKNOWN);
    report = report_of(1, TN_FEED_STABLE, PPM);
    report.underlying = 1;
    refuse_entry(report_entry(report), TN_REJECT_UNDERLYING_UNKNOWN);
    report = report_of(1, (enum tn_feed)9, SPOT);
    refuse_entry(report_entry(report), TN_REJECT_REPORT_RANGE);
}

static void test_exchange_takes_reports_in_rising_sequence_and_never_from_the_future(void **state)
{
    (void)state;
    struct tn_report report = report_of(1, TN_FEED_SPOT, SPOT);
    send_report(report);
    refuse_entry(report_entry(report), TN_REJECT_REPORT_OLD);
    report.sequence--;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_OLD);
    report.sequence += 2;
    report.time_ms = market.time_ms + 1;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_OLD);
    report.time_ms = -1;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_OLD);
    report.time_ms = 0;
    send_report(report);
    report = report_of(2, TN_FEED_RATE, 0);
    report.sequence = 0;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_OLD);
}

static void test_exchange_takes_reports_within_their_ranges_only(void **state)
{
    (void)state;
    const struct {
        enum tn_feed feed;
        int64_t value;
        bool good;
    } cases[] = {
        {TN_FEED_SPOT, 0, false},
        {TN_FEED_SPOT, 1, true},
        /* 10 000 lots of a hundredth of a unit are worth at most 2^48 micros: 2^48 / 100 a unit */
        {TN_FEED_SPOT, (INT64_C(1) << 48) / 100, true},
        {TN_FEED_SPOT, (INT64_C(1) << 48) / 100 + 20000, false},
        {TN_FEED_FORWARD, INT64_MAX, false},
        {TN_FEED_RATE, 1000000000, true},
        {TN_FEED_RATE, -1000000001, false},
        {TN_FEED_STABLE, 0, false},
        {TN_FEED_STABLE, 2000001, false},
        {TN_FEED_STABLE, PPM, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tn_report report = report_of(1, cases[i].feed, cases[i].value);
        if (cases[i].good) {
            send_report(report);
        } else {
            refuse_entry(report_entry(report), TN_REJECT_REPORT_RANGE);
        }
    }
    struct tn_report report = report_of(1, TN_FEED_SPOT, SPOT);
    report.confidence_ppm = PPM + 1;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_RANGE);
    report = report_of(1, TN_FEED_VOL, 0);
    report.surface = flat_surface(market.day, 500000);
    report.surface.rho_e12 = 2 * E12;
    refuse_entry(report_entry(report), TN_REJECT_REPORT_RANGE);
}

static void test_exchange_opens_an_expiry_for_a_report_until_slots_run_out(void **state)
{
    (void)state;
    struct tn_underlying underlying = feeds_underlying();
    underlying.listing.dailies = 7;
    underlying.listing.weeklies = 8;
    open_feeds_bare(underlying);
    uint16_t days[TN_LISTING_EXPIRIES_MAX];
    uint32_t count = tn_listing_expiries(days, &underlying.listing, market.time_ms);
    assert_true(count > 8);
    for (uint32_t i = 0; i < 9; i++) {
        struct tn_report report = report_of(1, TN_FEED_FORWARD, SPOT);
        report.expiry_day = days[i];
        if (i < 8) {
            send_report(report);
        } else {
            refuse_entry(report_entry(report), TN_REJECT_EXPIRIES_FULL);
        }
    }
}

/* ---- Medians ---- */

static void test_exchange_reading_is_the_lower_median_of_fresh_reports(void **state)
{
    (void)state;
    report_value(1, TN_FEED_FORWARD, 101000 * DOLLAR);
    report_value(2, TN_FEED_FORWARD, 99000 * DOLLAR);
    report_value(3, TN_FEED_FORWARD, 102000 * DOLLAR);
    block(1000);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
    apply_passing(feeder_entry(1, 0)); /* of two, the lower */
    block(1000);
    assert_int_equal(forward_in_use(), 99000 * DOLLAR);
    apply_passing(feeder_entry(1, 1)); /* what it reported counts again */
    block(1000);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
}

static void test_exchange_report_changes_nothing_before_a_mark(void **state)
{
    (void)state;
    report_all(TN_FEED_FORWARD, 101000 * DOLLAR);
    block(99); /* MARKs are 100 ms apart */
    assert_int_equal(events_of(TN_EVENT_MARKED), 0);
    assert_int_equal(forward_in_use(), SPOT);
    block(1);
    assert_int_equal(events_of(TN_EVENT_MARKED), 1);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
}

static void test_exchange_feed_with_fewer_fresh_reports_than_asked_is_stale(void **state)
{
    (void)state;
    apply_passing(feeder_entry(1, 0));
    block(100);
    assert_int_equal(events_of(TN_EVENT_FEED), 0); /* two are enough */
    apply_passing(feeder_entry(2, 0));
    block(100);
    expect_feed(market.perp, TN_FEED_SPOT, TN_STALE);
    expect_feed(market.future, TN_FEED_FORWARD, TN_STALE);
    expect_feed(market.future, TN_FEED_VOL, TN_STALE);
    assert_int_equal(status_of(market.perp), TN_STATUS_HALTED);
}

static void test_exchange_reading_is_as_old_as_the_last_report_that_it_needs(void **state)
{
    (void)state;
    report_value(1, TN_FEED_SPOT, SPOT); /* one of two; the others are a second old */
    block(1001);
    expect_feed(market.perp, TN_FEED_SPOT, TN_LATE);
    report_value(1, TN_FEED_SPOT, SPOT);
    report_value(3, TN_FEED_SPOT, SPOT);
    block(100);
    expect_feed(market.perp, TN_FEED_SPOT, TN_FRESH);
    block(1900);
    assert_int_equal(events_of(TN_EVENT_FEED), 0); /* 2 s: at the soft age still fresh */
    block(100);
    expect_feed(market.perp, TN_FEED_SPOT, TN_LATE);
}

static struct tn_underlying_risk_view underlying_risk(void)
{
    struct tn_underlying_risk_view view;
    assert_true(tn_exchange_underlying_risk(market.exchange, &view, 1));
    return view;
}

static void test_exchange_confidence_is_the_lower_median_and_falls_with_age(void **state)
{
    (void)state;
    const int32_t confidences[] = {900001, 400000, 800000};
    for (uint16_t i = 0; i < SIGNERS; i++) {
        feeds.confidence_ppm = confidences[i];
        report_value((uint16_t)(i + 1), TN_FEED_SPOT, SPOT);
    }
    block(0);
    block(18001); /* 10 % of the heartbeat and a millisecond: floored */
    assert_int_equal(underlying_risk().spot.confidence_ppm, 800000LL * (180000 - 18001) / 180000);
    block(HEARTBEAT_MS);
    assert_int_equal(underlying_risk().spot.confidence_ppm, 0);
    assert_int_equal(underlying_risk().spot.freshness, TN_STALE);
}

/* ---- Halts ---- */

static void test_exchange_stale_spot_halts_every_series_and_resumes_by_post_only(void **state)
{
    (void)state;
    const uint64_t all[] = {market.call, market.put, market.future, market.perp};
    block(HEARTBEAT_MS - 1000); /* the reports are a second old: at the heartbeat, still late */
    assert_int_equal(status_of(market.perp), TN_STATUS_ACTIVE);
    tn_micros mark = mark_of(market.call);
    block(100);
    expect_feed(market.perp, TN_FEED_SPOT, TN_STALE);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(status_of(all[i]), TN_STATUS_HALTED);
    refuse(ALICE, limit(BUY, market.perp, 100000, 1), TN_REJECT_SERIES_STATUS);
    block(100000);
    assert_int_equal(mark_of(market.call), mark); /* not even time moves it */
    report_all(TN_FEED_SPOT, SPOT);
    block(100);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(status_of(all[i]), TN_STATUS_POST_ONLY);
    assert_true(mark_of(market.call) < mark);
    block(100);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(status_of(all[i]), TN_STATUS_ACTIVE);
    block(100);
    assert_int_equal(events_of(TN_EVENT_STATUS), 0);
}

static void test_exchange_stale_surface_halts_options_alone(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 120; i++) {
        report_all(TN_FEED_SPOT, SPOT);
        report_all(TN_FEED_FORWARD, SPOT);
        block(10000);
    }
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED); /* 20 minutes */
    assert_int_equal(status_of(market.put), TN_STATUS_HALTED);
    assert_int_equal(status_of(market.future), TN_STATUS_ACTIVE);
    assert_int_equal(status_of(market.perp), TN_STATUS_ACTIVE);
}

static void test_exchange_rate_and_cash_asset_count_once_they_were_reported(void **state)
{
    (void)state;
    tn_micros undiscounted = mark_of(market.call);
    report_all(TN_FEED_RATE, 100000000); /* 10 % a year */
    report_all(TN_FEED_STABLE, PPM);
    live(1, SPOT);
    expect_feed(market.future, TN_FEED_RATE, TN_FRESH);
    expect_feed(0, TN_FEED_STABLE, TN_FRESH);
    assert_in_range(mark_of(market.call), undiscounted * 985 / 1000, undiscounted * 995 / 1000);
    report_all(TN_FEED_SPOT, SPOT);
    block(3600000);
    live(1, SPOT);
    expect_feed(market.perp, TN_FEED_SPOT, TN_FRESH);
    assert_int_equal(status_of(market.perp), TN_STATUS_HALTED); /* the cash asset's price is old */
    report_all(TN_FEED_STABLE, PPM);
    live(2, SPOT);
    assert_int_equal(status_of(market.call), TN_STATUS_ACTIVE);
    block(40000000);
    report_all(TN_FEED_STABLE, PPM);
    live(2, SPOT);
    assert_int_equal(status_of(market.future), TN_STATUS_ACTIVE);
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED); /* the rate is */
}

static void test_exchange_feed_never_undoes_what_governance_set(void **state)
{
    (void)state;
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.put, TN_STATUS_POST_ONLY);
    block(HEARTBEAT_MS);
    assert_int_equal(status_of(market.put), TN_STATUS_HALTED);
    set_status(market.perp, TN_STATUS_CANCEL_ONLY);
    set_status(market.future, TN_STATUS_ACTIVE);
    set_status(market.put, TN_STATUS_CANCEL_ONLY);
    block(100); /* but nothing trades on an old price for longer than a MARK */
    assert_int_equal(status_of(market.future), TN_STATUS_HALTED);
    set_status(market.put, TN_STATUS_HALTED); /* now it is governance that halts it */
    live(3, SPOT);
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED);
    assert_int_equal(status_of(market.put), TN_STATUS_HALTED);
    assert_int_equal(status_of(market.perp), TN_STATUS_CANCEL_ONLY);
    assert_int_equal(status_of(market.future), TN_STATUS_ACTIVE);
}

static void test_exchange_halted_auction_goes_on_as_an_auction(void **state)
{
    (void)state;
    set_status(market.call, TN_STATUS_CANCEL_ONLY);
    set_status(market.call, TN_STATUS_AUCTION);
    block(HEARTBEAT_MS);
    assert_int_equal(status_of(market.call), TN_STATUS_HALTED);
    live(1, SPOT);
    assert_int_equal(status_of(market.call), TN_STATUS_AUCTION);
    live(2, SPOT);
    assert_int_equal(status_of(market.call), TN_STATUS_AUCTION);
}

static void test_exchange_uncross_that_runs_ends_when_its_feed_is_stale(void **state)
{
    (void)state;
    set_status(market.future, TN_STATUS_CANCEL_ONLY);
    set_status(market.future, TN_STATUS_AUCTION);
    place(ALICE, limit(SELL, market.future, 99900, 5));
    place(BOB, limit(BUY, market.future, 100100, 5));
    apply_passing(uncross_entry(market.future));
    block(HEARTBEAT_MS); /* no sweep has run it yet */
    assert_int_equal(status_of(market.future), TN_STATUS_HALTED);
    sweep(64);
    assert_int_equal(events_of(TN_EVENT_TRADE), 0);
    live(2, SPOT); /* what is crossed reopens by auction */
    assert_int_equal(status_of(market.future), TN_STATUS_AUCTION);
    apply_passing(uncross_entry(market.future));
    sweep(64);
    assert_int_equal(lots_of(BOB, market.future), 5);
    assert_int_equal(status_of(market.future), TN_STATUS_ACTIVE);
}

/* ---- The guard ---- */

static void test_exchange_guard_holds_a_jump_until_a_second_mark_confirms_it(void **state)
{
    (void)state;
    report_all(TN_FEED_FORWARD, 110000 * DOLLAR); /* 10 %: at the bound */
    block(100);
    assert_int_equal(forward_in_use(), 110000 * DOLLAR);
    report_all(TN_FEED_FORWARD, 122000 * DOLLAR);
    block(100);
    assert_int_equal(forward_in_use(), 110000 * DOLLAR);
    report_all(TN_FEED_FORWARD, 125000 * DOLLAR); /* near what is held */
    block(100);
    assert_int_equal(forward_in_use(), 125000 * DOLLAR);
}

static void test_exchange_guard_forgets_a_jump_that_the_next_mark_does_not_confirm(void **state)
{
    (void)state;
    report_all(TN_FEED_FORWARD, 200000 * DOLLAR);
    block(100);
    assert_int_equal(forward_in_use(), SPOT);
    report_all(TN_FEED_FORWARD, 101000 * DOLLAR);
    block(100);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
    report_all(TN_FEED_FORWARD, 200000 * DOLLAR); /* held anew */
    block(100);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
    report_all(TN_FEED_FORWARD, 50000 * DOLLAR); /* another jump is not a confirmation */
    block(100);
    assert_int_equal(forward_in_use(), 101000 * DOLLAR);
    block(100);
    assert_int_equal(forward_in_use(), 50000 * DOLLAR);
}

static void test_exchange_guard_forgets_a_jump_when_a_mark_has_no_reading(void **state)
{
    (void)state;
    report_all(TN_FEED_FORWARD, 200000 * DOLLAR);
    block(100);
    apply_passing(feeder_entry(1, 0));
    apply_passing(feeder_entry(2, 0));
    block(100);
    apply_passing(feeder_entry(1, 1));
    apply_passing(feeder_entry(2, 1));
    block(100); /* held anew */
    assert_int_equal(forward_in_use(), SPOT);
    block(100);
    assert_int_equal(forward_in_use(), 200000 * DOLLAR);
}

static void test_exchange_value_in_use_ages_while_a_jump_is_held(void **state)
{
    (void)state;
    report_all(TN_FEED_SPOT, 200000 * DOLLAR);
    block(2000); /* the value in use is 3 s old */
    expect_feed(market.perp, TN_FEED_SPOT, TN_LATE);
    block(100); /* the same reports confirm it; they are 2.1 s old */
    assert_int_equal(events_of(TN_EVENT_FEED), 0);
    assert_int_equal(mark_of(market.perp), 2000 * DOLLAR);
}

/* ---- Surfaces ---- */

static int64_t vol_in_use_ppm(void)
{
    struct tn_option option = {.forward_micros = SPOT,
                               .strike_micros = SPOT,
                               .left_ms = tn_series_expiry_ms(market.call) - market.time_ms};
    int64_t vol_ppb;
    assert_true(tn_pricing_implied_vol(&vol_ppb, mark_of(market.call) * 100, &option));
    return vol_ppb / 1000;
}

static void test_exchange_takes_the_whole_surface_nearest_to_the_medians(void **state)
{
    (void)state;
    report_surface(1, market.day, flat_surface(market.day, 600000));
    report_surface(2, market.day, flat_surface(market.day, 450000));
    report_surface(3, market.day, flat_surface(market.day, 520000));
    block(100);
    assert_in_range(vol_in_use_ppm(), 519000, 521000);
    apply_passing(feeder_entry(3, 0)); /* the lower of two */
    block(100);
    assert_in_range(vol_in_use_ppm(), 449000, 451000);
}

static void test_exchange_judges_surfaces_by_their_wings_too(void **state)
{
    (void)state;
    apply_passing(list_entry(market.call_high));
    const int64_t slopes[] = {2, 1, 0}; /* of the wings: the middle one is the second's */
    for (uint16_t i = 0; i < SIGNERS; i++) {
        struct tn_surface surface = flat_surface(market.day, 500000);
        surface.b_e12 = slopes[i] * E12 / 50;
        surface.sigma_e12 = E12 / 100;
        surface.a_e12 -= tn_mul_div_floor(surface.b_e12, surface.sigma_e12, E12); /* same middle */
        report_surface((uint16_t)(i + 1), market.day, surface);
    }
    block(100);
    struct tn_expiry_risk_view view;
    assert_true(tn_exchange_expiry_risk(market.exchange, &view, 1, market.day));
    assert_int_equal(view.surface.b_e12, E12 / 50);
    assert_in_range(view.vol.value, 499990, 500010);
}

static void test_exchange_takes_the_lowest_signer_of_equally_near_surfaces(void **state)
{
    (void)state;
    /* Signers 1 and 2 agree at the money and mirror each other in the wings; the third is flat and
     * below both, so that each point's median is the lower of their two. */
    apply_passing(list_entry(market.call_high));
    struct tn_surface tilted = flat_surface(market.day, 500000);
    tilted.b_e12 = E12 / 100;
    tilted.rho_e12 = -E12 / 2;
    tilted.sigma_e12 = E12 / 10;
    struct tn_surface mirrored = tilted;
    mirrored.rho_e12 = E12 / 2;
    for (uint32_t turn = 0; turn < 2; turn++) {
        report_surface(1, market.day, turn == 0 ? tilted : mirrored);
        report_surface(2, market.day, turn == 0 ? mirrored : tilted);
        report_surface(3, market.day, flat_surface(market.day, 400000));
        block(100);
        tn_micros high = mark_of(market.call_high);
        struct tn_option option = {.forward_micros = SPOT,
                                   .strike_micros = 120000 * DOLLAR,
                                   .left_ms = tn_series_expiry_ms(market.call) - market.time_ms};
        int64_t vol_ppb;
        assert_true(tn_pricing_implied_vol(&vol_ppb, high * 100, &option));
        int64_t middle = vol_in_use_ppm() * 1000;
        assert_true(turn == 0 ? vol_ppb < middle + 3000000 : vol_ppb > middle + 3000000);
    }
}

static void test_exchange_guard_holds_a_surface_whose_volatility_jumps(void **state)
{
    (void)state;
    report_surfaces(800000); /* 60 % more: beyond a half */
    block(100);
    assert_in_range(vol_in_use_ppm(), 499000, 501000);
    block(100);
    assert_in_range(vol_in_use_ppm(), 799000, 801000);
}

/* A call at the money of the second expiry named here, with the same forward. */
static uint64_t open_second_expiry(uint16_t day, int64_t vol_ppm)
{
    uint64_t call = option_of(TN_CALL, day, 100000);
    apply_passing(list_entry(call));
    for (uint16_t signer = 1; signer <= SIGNERS; signer++) {
        struct tn_report report = report_of(signer, TN_FEED_FORWARD, SPOT);
        report.expiry_day = day;
        send_report(report);
        report_surface(signer, day, flat_surface(day, vol_ppm));
    }
    return call;
}

static void test_exchange_lifts_a_surface_that_falls_behind_the_expiry_before_it(void **state)
{
    (void)state;
    uint16_t later = (uint16_t)(market.day + 35);
    uint64_t call = open_second_expiry(later, 200000); /* 70 days at 20 % against 35 at 50 % */
    block(100);
    /* Total variance is the nearer's: the same price, as the forwards are the same, but for what
     * the settlement average takes off the nearer's. */
    assert_in_range(mark_of(call), mark_of(market.call), mark_of(market.call) * 10003 / 10000);
    tn_micros lifted = mark_of(call);
    block(100); /* the repair does not add up */
    assert_in_range(mark_of(call), lifted - 100, lifted);
}

static void test_exchange_surface_beyond_repair_counts_as_stale(void **state)
{
    (void)state;
    struct tn_risk risk = usual_risk();
    risk.calendar_raise_max_e12 = 1000; /* a billionth of variance */
    set_risk(&risk);
    uint16_t later = (uint16_t)(market.day + 35);
    uint64_t call = open_second_expiry(later, 200000);
    uint16_t latest = (uint16_t)(later + 1);
    uint64_t call_behind = open_second_expiry(latest, 200000); /* the first is the one before it */
    live(1, SPOT);
    assert_int_equal(status_of(call), TN_STATUS_INITIALIZING);
    assert_int_equal(status_of(call_behind), TN_STATUS_INITIALIZING);
    uint64_t name = market.future + ((uint64_t)35 << 36);
    expect_feed(name, TN_FEED_VOL, TN_FRESH); /* first its reports, then the contradiction */
    const struct tn_event *last = NULL;
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_FEED && event->series_id == name) last = event;
    }
    assert_non_null(last);
    assert_int_equal(last->other_index, TN_FEED_VOL);
    assert_int_equal(last->index, TN_STALE);
    for (uint16_t signer = 1; signer <= SIGNERS; signer++)
        report_surface(signer, later, flat_surface(later, 600000));
    block(100);
    block(100); /* 20 to 60 %: held once */
    expect_feed(name, TN_FEED_VOL, TN_FRESH);
    assert_int_equal(status_of(call), TN_STATUS_ACTIVE);
    assert_int_equal(status_of(market.call), TN_STATUS_ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_STORY(test_exchange_refuses_feed_entries_without_a_margin_engine),
        FEEDS_STORY(test_exchange_takes_no_prices_by_hand_where_feeds_rule),
        FEEDS_STORY(test_exchange_takes_reports_of_active_signers_only),
        FEEDS_STORY(test_exchange_takes_reports_of_known_feeds_only),
        FEEDS_STORY(test_exchange_takes_reports_in_rising_sequence_and_never_from_the_future),
        FEEDS_STORY(test_exchange_takes_reports_within_their_ranges_only),
        OWN_STORY(test_exchange_opens_an_expiry_for_a_report_until_slots_run_out),
        FEEDS_STORY(test_exchange_reading_is_the_lower_median_of_fresh_reports),
        FEEDS_STORY(test_exchange_report_changes_nothing_before_a_mark),
        FEEDS_STORY(test_exchange_feed_with_fewer_fresh_reports_than_asked_is_stale),
        FEEDS_STORY(test_exchange_reading_is_as_old_as_the_last_report_that_it_needs),
        FEEDS_STORY(test_exchange_confidence_is_the_lower_median_and_falls_with_age),
        FEEDS_STORY(test_exchange_stale_spot_halts_every_series_and_resumes_by_post_only),
        FEEDS_STORY(test_exchange_stale_surface_halts_options_alone),
        FEEDS_STORY(test_exchange_rate_and_cash_asset_count_once_they_were_reported),
        FEEDS_STORY(test_exchange_feed_never_undoes_what_governance_set),
        FEEDS_STORY(test_exchange_halted_auction_goes_on_as_an_auction),
        FEEDS_STORY(test_exchange_uncross_that_runs_ends_when_its_feed_is_stale),
        FEEDS_STORY(test_exchange_guard_holds_a_jump_until_a_second_mark_confirms_it),
        FEEDS_STORY(test_exchange_guard_forgets_a_jump_that_the_next_mark_does_not_confirm),
        FEEDS_STORY(test_exchange_guard_forgets_a_jump_when_a_mark_has_no_reading),
        FEEDS_STORY(test_exchange_value_in_use_ages_while_a_jump_is_held),
        FEEDS_STORY(test_exchange_takes_the_whole_surface_nearest_to_the_medians),
        FEEDS_STORY(test_exchange_judges_surfaces_by_their_wings_too),
        FEEDS_STORY(test_exchange_takes_the_lowest_signer_of_equally_near_surfaces),
        FEEDS_STORY(test_exchange_guard_holds_a_surface_whose_volatility_jumps),
        FEEDS_STORY(test_exchange_lifts_a_surface_that_falls_behind_the_expiry_before_it),
        FEEDS_STORY(test_exchange_surface_beyond_repair_counts_as_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
