/* import_feeds: the list of FEEDS read back: parameters, signers, and of each underlying what its
 * feeds say. What belongs to an expiry is read in import_expiries.c.
 *
 * Parameters pass the checks that their entry makes; readings and reports must be what such a feed
 * can say, no later than the last block. */
#include "exchange/import_feeds.h"

#define PPM            INT64_C(1000000)
#define STABLE_MAX_PPM INT64_C(2000000)
#define MONEY_MAX      (INT64_C(1) << 60)
#define HOUR_MS        INT64_C(3600000)

/* ---- What feeds say ---- */

static bool value_fits(int64_t value, const struct feed_range *range)
{
    if (value < range->low || value > range->high) return false;
    return range->under == NULL || tn_exchange_price_fits(range->under, value);
}

void tn_exchange_get_reading(const struct tn_exchange *exchange, struct reader *reader,
                             struct reading *reading, const struct feed_range *range)
{
    *reading = (struct reading){
        .value = get_i64(reader),
        .time_ms = get_i64_in(reader, 0, exchange->time_ms, "A reading is of the future."),
        .held = get_i64(reader),
        .reported_ppm = get_i32_in(reader, 0, PPM, "A confidence is out of range."),
        .confidence_ppm = get_i32_in(reader, 0, PPM, "A confidence is out of range."),
        .freshness = get_u8_most(reader, TN_STALE, "A freshness is unknown."),
        .seen = get_bool(reader, "Whether a feed was seen is not 0 or 1."),
    };
    if (reading->seen) {
        require(reader, value_fits(reading->value, range), "A reading is out of range.");
        require(reader, reading->held == 0 || value_fits(reading->held, range),
                "A held value is out of range.");
    } else {
        require(reader,
                reading->value == range->unseen && reading->time_ms == 0 && reading->held == 0 &&
                    reading->reported_ppm == 0 && reading->freshness == TN_STALE,
                "A feed that was never seen says something.");
    }
}

/* Of a surface (`range` NULL) the report has no value: it stands in the surfaces. */
void tn_exchange_get_reports(const struct tn_exchange *exchange, struct reader *reader,
                             struct stored *reports, const struct feed_range *range)
{
    for (uint32_t i = 0; i < exchange->limits.signers_max && reader_good(reader); i++) {
        reports[i] = (struct stored){
            .sequence = get_u64(reader),
            .time_ms = get_i64_in(reader, 0, exchange->time_ms, "A report is of the future."),
            .value = get_i64(reader),
            .confidence_ppm = get_i32_in(reader, 0, PPM, "A confidence is out of range."),
        };
        bool empty =
            reports[i].time_ms == 0 && reports[i].value == 0 && reports[i].confidence_ppm == 0;
        bool fits = range == NULL ? reports[i].value == 0 : value_fits(reports[i].value, range);
        require(reader, reports[i].sequence == 0 ? empty : fits, "A report is out of range.");
    }
}

bool tn_exchange_any_reports(const struct tn_exchange *exchange, const struct stored *reports)
{
    for (uint32_t i = 0; i < exchange->limits.signers_max; i++) {
        if (reports[i].sequence != 0) return true;
    }
    return false;
}

static void get_feed(const struct tn_exchange *exchange, struct reader *reader,
                     struct stored *reports, const struct feed_range *range)
{
    tn_exchange_get_reports(exchange, reader, reports, range);
    require(reader, tn_exchange_any_reports(exchange, reports), "Nobody has reported this feed.");
}

/* ---- Of the market ---- */

static void get_head(struct tn_exchange *exchange, struct reader *reader)
{
    struct risk *risk = exchange->risk;
    const struct feed_range stable = {.low = 1, .high = STABLE_MAX_PPM, .unseen = PPM};
    uint32_t signers = exchange->limits.signers_max;
    risk->version = get_u64(reader);
    require(reader, risk->version >= 1, "Parameters have no version.");
    risk->signers_active = get_u32(reader);
    require(reader, signers == 32 || risk->signers_active >> signers == 0, "A signer is unknown.");
    risk->mark = get_u32(reader);
    exchange->mark = risk->mark;
    risk->mark_ms = get_i64_in(reader, 0, exchange->time_ms, "The last MARK is of the future.");
    risk->mm_factor_ppm = get_i64_in(reader, 1, PPM, "The MM factor is out of range.");
    risk->mm_factor_before_ppm = get_i64_in(reader, 1, PPM, "The MM factor is out of range.");
    risk->mm_factor_next_ppm = get_i64_in(reader, 1, PPM, "The MM factor is out of range.");
    risk->mm_factor_hour = get_i64_in(reader, 0, exchange->time_ms / HOUR_MS,
                                      "The MM factor's hour is of the future.");
    risk->listing_underlying = get_u16(reader);
    risk->listing_day = get_u16(reader);
    require(reader, risk->mark > 0 || risk->mark_ms == 0, "There was no MARK, but at a time.");
    require(reader, risk->mark > 0 || !risk->sweeping, "There was no MARK, but its sweep runs.");
    exchange->feeds_expected =
        get_u32_most(reader, exchange->limits.expiries_max, "There are more expiries than slots.");
    tn_exchange_get_reading(exchange, reader, &risk->stable, &stable);
}

/* Parameters and scenarios as an entry brings them; *shocks is what follows from them. */
static void get_parameters(struct reader *reader, struct tn_risk *parameters,
                           struct tn_scenario *scenarios, uint32_t *count, struct tn_shocks *shocks)
{
    tn_risk_default(parameters, NULL, NULL);
    for (uint32_t i = 0; i < TN_RISK_FIELDS_FIRST; i++)
        *tn_risk_field(parameters, i) = get_i64(reader);
    *count = get_u32_most(reader, TN_SCENARIOS_MAX, "There are too many scenarios.");
    memset(scenarios, 0, TN_SCENARIOS_MAX * sizeof *scenarios);
    for (uint32_t i = 0; i < *count; i++) {
        scenarios[i] = (struct tn_scenario){.move_ppm = get_i32(reader),
                                            .damping_q30 = get_i32(reader),
                                            .vol = get_u8(reader),
                                            .kind = get_u8(reader)};
    }
    uint32_t fields = TN_RISK_FIELDS_FIRST;
    while (fields < TN_RISK_FIELDS_COUNT && reader->used < reader->size)
        *tn_risk_field(parameters, fields++) = get_i64(reader);
    if (!reader_ends(reader)) return;
    require(reader, tn_risk_fields_written(parameters) == fields,
            "A later risk parameter is written at its default.");
    require(reader, tn_risk_check(parameters) == TN_RISK_FIELDS_COUNT,
            "A risk parameter is out of range.");
    require(reader, *count >= 1 && tn_risk_shocks(shocks, parameters, scenarios, *count),
            "The scenarios are not admissible.");
}

/* A series closes so long before its expiry as its underlying or lag_ms says. */
static void set_closing_times(struct tn_exchange *exchange)
{
    int64_t lag_ms = exchange->risk->parameters.lag_ms;
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        struct series *series = &exchange->series[i];
        int64_t closing_ms = exchange->underlyings[series->underlying].closing_ms;
        int64_t expiry_ms = tn_series_expiry_ms(series->id);
        if (expiry_ms == INT64_MAX) continue;
        series->closing_at_ms = expiry_ms - (closing_ms > lag_ms ? closing_ms : lag_ms);
    }
}

static void get_pending(struct tn_exchange *exchange, struct reader *reader)
{
    struct pending_risk *pending = &exchange->risk->pending;
    struct tn_shocks shocks;
    pending->height = get_u64(reader);
    require(reader, pending->height > exchange->height, "A change of parameters is overdue.");
    get_parameters(reader, &pending->risk, pending->scenarios, &pending->scenarios_count, &shocks);
}

static void get_market(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct risk *risk = exchange->risk;
    const struct feed_range stable = {.low = 1, .high = STABLE_MAX_PPM, .unseen = PPM};
    switch ((enum feeds_place)index) {
        case FEEDS_HEAD: get_head(exchange, reader); return;
        case FEEDS_PARAMETERS:
            get_parameters(reader, &risk->parameters, risk->scenarios, &risk->scenarios_count,
                           &risk->shocks);
            if (reader_good(reader)) set_closing_times(exchange);
            return;
        case FEEDS_PENDING: get_pending(exchange, reader); return;
        case FEEDS_STABLE: get_feed(exchange, reader, risk->stable_reports, &stable); return;
    }
    TN_ASSERT(false);
}

/* ---- Of an underlying ---- */

static void get_underlying(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    struct risk_underlying *under = &exchange->risk->underlyings[index];
    int64_t now = exchange->time_ms;
    const struct feed_range spot = tn_exchange_price_range(exchange, index);
    tn_exchange_get_reading(exchange, reader, &under->spot, &spot);
    under->premium_micros = get_i64_in(reader, -TN_VALUE_UNIT_MICROS_MAX, TN_VALUE_UNIT_MICROS_MAX,
                                       "A premium is out of range.");
    under->premium_time_ms = get_i64_in(reader, 0, now, "A premium is of the future.");
    under->variance_e12 = get_i64_in(reader, 0, MONEY_MAX, "A variance is out of range.");
    under->variance_spot = get_i64(reader);
    under->variance_ms = get_i64_in(reader, 0, now, "A variance is of the future.");
    under->lambda_ppm = get_i64_in(reader, PPM, 2 * PPM, "A scaling factor is out of range.");
    under->interest_micros = get_i64_in(reader, 0, MONEY_MAX, "Open interest is out of range.");
    under->largest_micros = get_i64_in(reader, 0, INT64_MAX, "A largest account is out of range.");
    under->largest_before = get_i64_in(reader, 0, INT64_MAX, "A largest account is out of range.");
    bool valued = get_bool(reader, "Whether a MARK has valued an underlying is not 0 or 1.");
    get_zeros(reader, 1);
    require(reader, under->variance_spot == 0 || value_fits(under->variance_spot, &spot),
            "The spot of a variance is out of range.");
    require(reader, valued || !under->spot.seen, "A spot was seen before any MARK.");
    if (!valued) return;
    exchange->risk->margin_underlyings[index] =
        (struct tn_margin_underlying){.spot_micros = under->spot.value,
                                      .lambda_ppm = under->lambda_ppm,
                                      .confidence_ppm = under->spot.confidence_ppm};
}

static void get_of_underlying(struct tn_exchange *exchange, struct reader *reader, uint32_t place)
{
    uint32_t index = place / FEEDS_PER_UNDERLYING;
    size_t first = (size_t)index * exchange->limits.signers_max;
    if (!require(reader, index < exchange->underlyings_count, "There is no such underlying."))
        return;
    if (place % FEEDS_PER_UNDERLYING == 0) {
        require(reader, exchange->feeds_read == index, "An underlying's feeds are missing.");
        exchange->feeds_read++;
        get_underlying(exchange, reader, index);
    } else {
        const struct feed_range spot = tn_exchange_price_range(exchange, index);
        get_feed(exchange, reader, &exchange->risk->spot_reports[first], &spot);
    }
}

bool tn_exchange_import_feeds(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    require(reader, exchange->risk != NULL, "There are feeds where no margin is.");
    if (!record_comes(exchange, reader, TN_RECORD_FEEDS, index)) return false;
    uint32_t underlyings_at = feeds_at_underlying(0);
    uint32_t expiries_at = feeds_at_expiry(&exchange->limits, 0);
    bool in_order = index <= FEEDS_PARAMETERS
                        ? exchange->imported[TN_RECORD_FEEDS].count == index + 1
                        : exchange->imported[TN_RECORD_FEEDS].count > 2;
    if (!require(reader, in_order, "Record 0 or 1 of the feeds is missing.")) return false;
    if (index < underlyings_at) {
        get_market(exchange, reader, index);
    } else if (index < expiries_at) {
        get_of_underlying(exchange, reader, index - underlyings_at);
    } else {
        tn_exchange_get_of_expiry(exchange, reader, index - expiries_at);
    }
    return reader_ends(reader);
}
