/* feeds_case: a market whose prices come from feeds.
 *
 * Three signers report on BTC; a median needs two of them. Its listing rules name expiries but no
 * strikes (their range of deltas is empty), so that only what a test lists is there: a call and a
 * put at 100 000, a future and a perpetual. One lot is a hundredth of a unit. As in exchange_case
 * every entry goes to two exchanges that must agree byte by byte. */
#ifndef FEEDS_CASE_H
#define FEEDS_CASE_H

#include "exchange_commands.h"
#include "tenor/riskview.h"

#define PPM  1000000
#define SPOT (100000 * DOLLAR)
#define E12  INT64_C(1000000000000)
enum { SIGNERS = 3 };

static struct feeds {
    uint64_t sequence; /* of the last report; all feeds share it */
    int32_t confidence_ppm;
} feeds;

static inline struct tn_report report_of(uint16_t signer, enum tn_feed feed, int64_t value)
{
    struct tn_report report = {.signer = signer,
                               .underlying = feed == TN_FEED_STABLE ? 0 : 1,
                               .feed = (uint8_t)feed,
                               .confidence_ppm = feeds.confidence_ppm,
                               .sequence = ++feeds.sequence,
                               .time_ms = market.time_ms,
                               .value = value};
    if (feed != TN_FEED_SPOT && feed != TN_FEED_STABLE) report.expiry_day = market.day;
    return report;
}

static inline struct tn_entry report_entry(struct tn_report report)
{
    return (struct tn_entry){.kind = TN_ENTRY_REPORT, .as.report = report};
}

static inline void send_report(struct tn_report report)
{
    apply(report_entry(report));
    assert_int_equal(market.count, 0); /* it is only stored */
}

static inline void report_value(uint16_t signer, enum tn_feed feed, int64_t value)
{
    send_report(report_of(signer, feed, value));
}

/* All signers report the same. */
static inline void report_all(enum tn_feed feed, int64_t value)
{
    for (uint16_t signer = 1; signer <= SIGNERS; signer++)
        report_value(signer, feed, value);
}

/* A surface that is flat: one volatility for all strikes, fitted to the time left. */
static inline struct tn_surface flat_surface(uint16_t day, int64_t vol_ppm)
{
    int64_t left_ms =
        TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY - market.time_ms;
    int64_t variance_e12 = vol_ppm * vol_ppm; /* a year's */
    return (struct tn_surface){.a_e12 =
                                   tn_mul_div_floor(variance_e12, left_ms, INT64_C(31536000000)),
                               .sigma_e12 = E12 / 10,
                               .forward_micros = SPOT,
                               .tau_ms = left_ms};
}

static inline void report_surface(uint16_t signer, uint16_t day, struct tn_surface surface)
{
    struct tn_report report = report_of(signer, TN_FEED_VOL, 0);
    report.expiry_day = day;
    report.surface = surface;
    send_report(report);
}

static inline void report_surfaces(int64_t vol_ppm)
{
    for (uint16_t signer = 1; signer <= SIGNERS; signer++)
        report_surface(signer, market.day, flat_surface(market.day, vol_ppm));
}

/* Everything that the usual series need. */
static inline void report_everything(tn_micros price)
{
    report_all(TN_FEED_SPOT, price);
    report_all(TN_FEED_FORWARD, price);
    report_surfaces(500000);
}

/* A block some milliseconds on; it must be taken. */
static inline void block(int64_t ms)
{
    market.height++;
    market.time_ms += ms;
    apply(block_entry(market.height, market.time_ms));
    for (uint32_t i = 0; i < market.count; i++)
        assert_int_not_equal(market.events[i].kind, TN_EVENT_RESULT);
}

/* Blocks a second apart, with spot, forward and surface reported anew before each. */
static inline void live(int64_t seconds, tn_micros price)
{
    for (int64_t i = 0; i < seconds; i++) {
        report_everything(price);
        block(1000);
    }
}

/* ---- Events of the last entry ---- */

static inline uint32_t events_of(enum tn_event_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < market.count; i++)
        count += market.events[i].kind == kind;
    return count;
}

static inline const struct tn_event *find_event(enum tn_event_kind kind, uint64_t series_id)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == kind && event->series_id == series_id) return event;
    }
    return NULL;
}

static inline void expect_feed(uint64_t series_id, enum tn_feed feed, enum tn_freshness freshness)
{
    for (uint32_t i = 0; i < market.count; i++) {
        const struct tn_event *event = &market.events[i];
        if (event->kind == TN_EVENT_FEED && event->series_id == series_id &&
            event->other_index == feed) {
            assert_int_equal(event->index, freshness);
            return;
        }
    }
    fail_msg("no event about feed %d", feed);
}

static inline enum tn_status status_of(uint64_t series)
{
    return series_view(series).status;
}

static inline tn_micros mark_of(uint64_t series)
{
    return series_view(series).mark_micros;
}

/* ---- Parameters ---- */

static inline struct tn_risk usual_risk(void)
{
    struct tn_risk risk;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    uint32_t count;
    tn_risk_default(&risk, scenarios, &count);
    risk.feed_signers_min = 2;
    risk.slice_base_ppm = 100000; /* figures that are easy to work with by hand */
    risk.premium_most_ppm = 5000;
    return risk;
}

static inline struct tn_entry risk_entry(const struct tn_risk *risk, uint64_t height)
{
    static struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk unread;
    uint32_t count;
    tn_risk_default(&unread, scenarios, &count);
    return (struct tn_entry){
        .kind = TN_ENTRY_RISK,
        .as.risk = {
            .height = height, .risk = risk, .scenarios = scenarios, .scenarios_count = count}};
}

static inline void set_risk(const struct tn_risk *risk)
{
    apply_passing(risk_entry(risk, market.height + 1));
    block(1);
    assert_int_equal(events_of(TN_EVENT_RISK), 1);
}

/* ---- The market ---- */

static inline struct tn_entry feeder_entry(uint16_t signer, uint8_t active)
{
    return (struct tn_entry){.kind = TN_ENTRY_FEEDER,
                             .as.feeder = {.signer = signer, .active = active}};
}

static inline struct tn_exchange_limits feeds_limits(void)
{
    struct tn_exchange_limits limits = usual_limits();
    limits.series_max = 256;
    limits.expiries_max = 8;
    limits.signers_max = 4;
    return limits;
}

static inline struct tn_underlying feeds_underlying(void)
{
    struct tn_underlying underlying = usual_underlying();
    underlying.listing.delta_low_ppb = 1000000000;
    underlying.listing.delta_high_ppb = 1000000000;
    underlying.option.price_max = 1000000;
    underlying.option.quantity_max = 10000;
    underlying.linear.price_max = 1000000;
    underlying.linear.quantity_max = 10000;
    return underlying;
}

/* Signers, but no series and no reports. */
static inline void open_feeds_bare(struct tn_underlying underlying)
{
    open_market_bare(feeds_limits());
    feeds = (struct feeds){.confidence_ppm = PPM};
    apply_passing((struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = underlying});
    for (uint16_t signer = 1; signer <= SIGNERS; signer++)
        apply_passing(feeder_entry(signer, 1));
    struct tn_risk risk = usual_risk();
    set_risk(&risk);
    open_traders(TRADERS);
}

/* The usual series, active, a second after everything was reported. */
static inline int open_feeds(void **state)
{
    (void)state;
    open_feeds_bare(feeds_underlying());
    const uint64_t series[] = {market.call, market.put, market.future, market.perp};
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++)
        apply_passing(list_entry(series[i]));
    live(1, SPOT);
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++)
        assert_int_equal(status_of(series[i]), TN_STATUS_ACTIVE);
    return 0;
}

/* A test that starts in the market with feeds. */
#define FEEDS_STORY(test) cmocka_unit_test_setup_teardown(test, open_feeds, close_market)

#endif
