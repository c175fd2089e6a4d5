/* Whatever signers report, however time goes and whoever changes parameters, a MARK never fails,
 * and after it no series trades whose feeds are stale. Random reports, most of them sane, some at
 * the ends of their ranges; blocks from a millisecond to a day apart; orders and sweeps between.
 * Both exchanges of exchange_case must agree after every entry. */
#include "feeds_case.h"
#include "seed.h"

#define STEPS 1500

static uint64_t stream;

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&stream, bound);
}

static bool once_in(uint64_t times)
{
    return below(times) == 0;
}

static int64_t within_ppm(int64_t value, int64_t ppm)
{
    return value + tn_mul_div_floor(value, (int64_t)below((uint64_t)(2 * ppm + 1)) - ppm, PPM);
}

static uint64_t expiries[3]; /* days */

static void send_random_report(void)
{
    const int64_t extremes[] = {1, (INT64_C(1) << 48) / 100, INT64_MAX, -1, 0, 1000000000};
    struct tn_report report = report_of((uint16_t)(1 + below(4)), (enum tn_feed)below(5), 0);
    if (report.expiry_day != 0) report.expiry_day = (uint16_t)expiries[below(3)];
    report.value = within_ppm(SPOT, once_in(10) ? 900000 : 20000);
    if (report.feed == TN_FEED_RATE) report.value = within_ppm(50000000, 1000000);
    if (report.feed == TN_FEED_STABLE) report.value = within_ppm(PPM, 50000);
    if (once_in(40)) report.value = extremes[below(6)];
    report.time_ms -= (int64_t)below(once_in(5) ? 100000 : 100);
    report.confidence_ppm = (int32_t)below(PPM + 1);
    if (report.feed == TN_FEED_VOL) {
        report.surface = flat_surface(report.expiry_day, within_ppm(500000, 300000));
        report.surface.b_e12 = (int64_t)below((uint64_t)E12 / (once_in(10) ? 1 : 20));
        report.surface.rho_e12 = (int64_t)below(2 * (uint64_t)E12) - E12;
        report.surface.m_e12 = (int64_t)below((uint64_t)E12 / 5) - E12 / 10;
        if (once_in(20)) report.surface.tau_ms = (int64_t)below(UINT64_C(1) << 40);
        if (once_in(20)) report.surface.a_e12 = (int64_t)below(UINT64_C(1) << 47);
    }
    apply(report_entry(report));
}

/* All feeds, sane, so that series trade most of the time. */
static void send_sane_reports(tn_micros price)
{
    for (uint16_t signer = 1; signer <= SIGNERS; signer++) {
        apply(report_entry(report_of(signer, TN_FEED_SPOT, price)));
        for (uint32_t i = 0; i < 3; i++) {
            struct tn_report report = report_of(signer, TN_FEED_FORWARD, price);
            report.expiry_day = (uint16_t)expiries[i];
            apply(report_entry(report));
            report = report_of(signer, TN_FEED_VOL, 0);
            report.expiry_day = (uint16_t)expiries[i];
            report.surface = flat_surface(report.expiry_day, 500000);
            apply(report_entry(report));
        }
    }
}

/* With a settlement window that blocks far apart can hit. */
static struct tn_risk base_risk(void)
{
    struct tn_risk risk = usual_risk();
    risk.settlement_window_ms = 43200000;
    risk.settlement_cover_ppm = 10000;
    return risk;
}

static void change_parameter(void)
{
    struct tn_risk risk = base_risk();
    uint32_t field = (uint32_t)below(TN_RISK_FIELDS_COUNT);
    const struct tn_risk_field_info *info = tn_risk_field_info(field);
    int64_t *value = tn_risk_field(&risk, field);
    switch (below(3)) {
        case 0: *value = info->least; break;
        case 1: *value = info->most; break;
        case 2: *value = info->standard; break;
    }
    apply(risk_entry(&risk, market.height + 1 + below(3)));
}

static uint64_t random_series(void)
{
    const uint64_t kinds[] = {market.call, market.put, market.future, market.perp};
    uint64_t id = kinds[below(4)];
    if (id == market.perp) return id;
    return (id & ~(UINT64_C(0x7fff) << 36)) | expiries[below(3)] << 36;
}

static void trade(void)
{
    struct tn_series_view view;
    uint64_t series = random_series();
    if (!tn_exchange_series(market.exchange, &view, series) || view.mark_micros < 0) return;
    tn_ticks mark = view.mark_micros / view.micros_per_tick;
    struct tn_command command = limit(once_in(2) ? BUY : SELL, series,
                                      mark - 20 + (tn_ticks)below(41), 1 + (tn_lots)below(8));
    if (tn_series_is_option(series)) {
        command.as.terms[0].price = command.as.terms[0].price / 10 * 10;
    }
    send((uint32_t)below(TRADERS), command);
}

static void expect_no_stale_trading(void)
{
    uint64_t ids[256];
    uint32_t count = tn_exchange_series_ids(market.exchange, ids, 256);
    struct tn_underlying_risk_view spot;
    assert_true(tn_exchange_underlying_risk(market.exchange, &spot, 1));
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view = series_view(ids[i]);
        struct tn_expiry_risk_view risk;
        bool stale = spot.spot.freshness == TN_STALE;
        if (tn_exchange_expiry_risk(market.exchange, &risk, 1, tn_series_expiry_day(ids[i]))) {
            bool is_option = tn_series_is_option(ids[i]);
            stale |= (is_option ? risk.freshness : risk.freshness_linear) == TN_STALE;
        }
        bool trades = view.status == TN_STATUS_ACTIVE || view.status == TN_STATUS_POST_ONLY ||
                      view.status == TN_STATUS_AUCTION;
        assert_false(stale && trades);
        assert_false(trades && view.mark_micros < 0);
    }
}

static void step(void)
{
    const int64_t gaps[] = {1, 50, 100, 100, 1000, 5000};
    switch (below(8)) {
        case 0:
        case 1: send_random_report(); break;
        case 2: send_sane_reports(within_ppm(SPOT, 1000)); break;
        case 3:
        case 4: trade(); break;
        case 5:
            if (once_in(10)) change_parameter();
            if (once_in(20)) apply(feeder_entry((uint16_t)(1 + below(4)), (uint8_t)below(2)));
            if (once_in(60)) apply(status_entry(random_series(), (uint8_t)below(8)));
            if (once_in(20)) apply(list_entry(random_series()));
            break;
        case 6:
        case 7:
            block(once_in(40) ? (int64_t)below(43200000) : gaps[below(6)]);
            if (events_of(TN_EVENT_MARKED) > 0) expect_no_stale_trading();
            sweep((uint32_t)below(65));
            break;
    }
}

static void test_exchange_mark_bears_whatever_is_reported(void **state)
{
    (void)state;
    struct tn_underlying underlying = feeds_underlying();
    underlying.listing.delta_low_ppb = 300000000;
    underlying.listing.delta_high_ppb = 700000000;
    open_feeds_bare(underlying);
    const uint64_t days[] = {market.day - 33u, market.day - 32u, market.day};
    memcpy(expiries, days, sizeof expiries);
    struct tn_risk risk = base_risk();
    set_risk(&risk);
    apply_passing(list_entry(market.perp));
    for (uint32_t i = 0; i < 3; i++)
        apply_passing(list_entry(option_of(TN_CALL, (uint16_t)days[i], 100000)));
    for (uint32_t i = 0; i < STEPS; i++)
        step();
    assert_true(tn_ledger_sum(tn_exchange_ledger(market.exchange), TRADERS) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {OWN_STORY(test_exchange_mark_bears_whatever_is_reported)};
    stream = test_seed("test_exchange_feeds_random");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
