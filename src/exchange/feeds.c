/* feeds: what signers report, and what the market makes of it at a MARK (docs/specs/risk.md,
 * "Feeds").
 *
 * A report is only stored; nothing follows from it before a MARK, so no order of reports inside a
 * block is worth anything. At a MARK every feed becomes one *reading*: the lower median of the
 * fresh reports of active signers, which is a value that somebody signed. A reading is as old as
 * the feed_signers_min-th freshest report: fewer would be no reading. A value that jumps is held
 * for one MARK while the old one ages. */
#include "exchange/records.h"

#define PPM                INT64_C(1000000)
#define RATE_MAX_PPB       INT64_C(1000000000)
#define STABLE_MAX_PPM     INT64_C(2000000)
#define NO_GUARD           INT64_C(0)
#define NO_SOFT_AGE        INT64_MAX
#define SIGNER_BIT(signer) (UINT32_C(1) << ((signer)-1))

/* ---- Entries ---- */

enum tn_reject tn_exchange_feeder(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    struct risk *risk = exchange->risk;
    uint16_t signer = entry->as.feeder.signer;
    if (risk == NULL) return TN_REJECT_RISK_OFF;
    if (signer < 1 || signer > exchange->limits.signers_max) return TN_REJECT_SIGNER_UNKNOWN;
    if (entry->as.feeder.active > 1) return TN_REJECT_PARAMETER_RANGE;
    TN_ASSERT(signer <= TN_SIGNERS_MAX);
    tn_exchange_touch_feeds(exchange, FEEDS_HEAD);
    if (entry->as.feeder.active) {
        risk->signers_active |= SIGNER_BIT(signer);
    } else {
        risk->signers_active &= ~SIGNER_BIT(signer);
    }
    return TN_REJECT_NONE;
}

static bool is_of_expiry(uint8_t feed)
{
    return feed == TN_FEED_FORWARD || feed == TN_FEED_VOL || feed == TN_FEED_RATE;
}

/* Is there such a feed? *expiry is its slot, TN_NONE while the day has none. */
static enum tn_reject find_feed(const struct tn_exchange *exchange, uint32_t *expiry,
                                const struct tn_report *report)
{
    uint16_t number = report->underlying, day = report->expiry_day;
    *expiry = TN_NONE;
    if (report->feed > TN_FEED_STABLE) return TN_REJECT_REPORT_RANGE;
    if (report->feed == TN_FEED_STABLE) {
        if (number != 0) return TN_REJECT_UNDERLYING_UNKNOWN;
        return day == 0 ? TN_REJECT_NONE : TN_REJECT_SERIES_UNKNOWN;
    }
    if (number < 1 || number > exchange->underlyings_count) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (report->feed == TN_FEED_SPOT) return day == 0 ? TN_REJECT_NONE : TN_REJECT_SERIES_UNKNOWN;
    if (day == 0) return TN_REJECT_SERIES_UNKNOWN;
    *expiry = tn_exchange_find_expiry(exchange, (uint16_t)(number - 1), day);
    const struct tn_listing_rules *rules = &exchange->underlyings[number - 1].listing;
    if (*expiry == TN_NONE && !tn_listing_names_day(rules, exchange->time_ms, day)) {
        return TN_REJECT_SERIES_UNKNOWN;
    }
    return TN_REJECT_NONE;
}

bool tn_exchange_price_fits(const struct underlying *under, tn_micros price)
{
    if (price < 1 || price > TN_VALUE_UNIT_MICROS_MAX) return false;
    for (uint32_t i = 0; i < 2; i++) {
        const struct tn_contract *contract = &under->terms[i].contract;
        tn_micros lot;
        if (!tn_contract_value_floor(&lot, price, contract) ||
            lot > TN_MARGIN_VALUE_MAX / contract->quantity_max) {
            return false;
        }
    }
    return true;
}

static bool report_in_range(const struct tn_exchange *exchange, const struct tn_report *report)
{
    if (report->confidence_ppm < 0 || report->confidence_ppm > PPM) return false;
    switch ((enum tn_feed)report->feed) {
        case TN_FEED_SPOT:
        case TN_FEED_FORWARD:
            return tn_exchange_price_fits(&exchange->underlyings[report->underlying - 1],
                                          report->value);
        case TN_FEED_RATE: return report->value >= -RATE_MAX_PPB && report->value <= RATE_MAX_PPB;
        case TN_FEED_STABLE: return report->value >= 1 && report->value <= STABLE_MAX_PPM;
        case TN_FEED_VOL: return tn_surface_admitted(&report->surface);
    }
    return false;
}

/* The stored reports, by signer, of a feed. */
static struct stored *stored_of(const struct tn_exchange *exchange, uint8_t feed,
                                uint32_t underlying, uint32_t expiry)
{
    const struct risk *risk = exchange->risk;
    size_t signers = exchange->limits.signers_max;
    switch ((enum tn_feed)feed) {
        case TN_FEED_SPOT: return &risk->spot_reports[underlying * signers];
        case TN_FEED_FORWARD: return &risk->forward_reports[expiry * signers];
        case TN_FEED_VOL: return &risk->vol_reports[expiry * signers];
        case TN_FEED_RATE: return &risk->rate_reports[expiry * signers];
        case TN_FEED_STABLE: return risk->stable_reports;
    }
    TN_ASSERT(false);
    return NULL;
}

static enum tn_reject check_report(const struct tn_exchange *exchange, uint32_t *expiry,
                                   const struct tn_report *report)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL) return TN_REJECT_RISK_OFF;
    if (report->signer < 1 || report->signer > exchange->limits.signers_max ||
        !(risk->signers_active & SIGNER_BIT(report->signer))) {
        return TN_REJECT_SIGNER_UNKNOWN;
    }
    enum tn_reject reject = find_feed(exchange, expiry, report);
    if (reject != TN_REJECT_NONE) return reject;
    uint64_t before = 0;
    if (!is_of_expiry(report->feed) || *expiry != TN_NONE) {
        uint32_t underlying = report->underlying - 1u; /* unread for the cash asset's */
        before =
            stored_of(exchange, report->feed, underlying, *expiry)[report->signer - 1].sequence;
    }
    if (report->sequence <= before || report->time_ms < 0 || report->time_ms > exchange->time_ms) {
        return TN_REJECT_REPORT_OLD;
    }
    return report_in_range(exchange, report) ? TN_REJECT_NONE : TN_REJECT_REPORT_RANGE;
}

static void touch_reports(struct tn_exchange *exchange, uint8_t feed, uint32_t underlying,
                          uint32_t expiry)
{
    if (is_of_expiry(feed)) {
        tn_exchange_touch_feeds_expiry(exchange, expiry, FEEDS_REPORTS);
    } else if (feed == TN_FEED_SPOT) {
        tn_exchange_touch_feeds_underlying(exchange, underlying, FEEDS_REPORTS);
    } else {
        tn_exchange_touch_feeds(exchange, FEEDS_STABLE);
    }
}

enum tn_reject tn_exchange_report(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    const struct tn_report *report = &entry->as.report;
    uint32_t expiry;
    enum tn_reject reject = check_report(exchange, &expiry, report);
    if (reject != TN_REJECT_NONE) return reject;
    uint32_t underlying = report->underlying - 1u;
    if (is_of_expiry(report->feed) && expiry == TN_NONE) {
        expiry = tn_exchange_open_expiry(exchange, (uint16_t)underlying, report->expiry_day);
        if (expiry == TN_NONE) return TN_REJECT_EXPIRIES_FULL;
    }
    touch_reports(exchange, report->feed, underlying, expiry);
    uint32_t signer = report->signer - 1u;
    stored_of(exchange, report->feed, underlying, expiry)[signer] =
        (struct stored){.sequence = report->sequence,
                        .time_ms = report->time_ms,
                        .value = report->feed == TN_FEED_VOL ? 0 : report->value,
                        .confidence_ppm = report->confidence_ppm};
    if (report->feed == TN_FEED_VOL) {
        size_t signers = exchange->limits.signers_max;
        exchange->risk->surfaces[expiry * signers + signer] = report->surface;
    }
    return TN_REJECT_NONE;
}

/* ---- Readings ---- */

/* What a feed is allowed. */
struct feed_terms {
    uint8_t feed;
    int64_t heartbeat_ms, soft_ms;
    int64_t jump_ppm;
    uint64_t series_id; /* named in its events */
};

static void sort(int64_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        int64_t value = values[i];
        uint32_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

int64_t tn_exchange_median(int64_t *values, uint32_t count)
{
    TN_ASSERT(count >= 1 && count <= TN_SIGNERS_MAX);
    sort(values, count);
    return values[(count - 1) / 2];
}

/* The reports that count; with fewer than feed_signers_min none does. */
static void gather(const struct tn_exchange *exchange, struct fresh *fresh,
                   const struct stored *reports, int64_t heartbeat_ms)
{
    const struct risk *risk = exchange->risk;
    int64_t times[TN_SIGNERS_MAX], confidences[TN_SIGNERS_MAX];
    uint32_t least = (uint32_t)risk->parameters.feed_signers_min;
    fresh->count = 0;
    for (uint32_t i = 0; i < exchange->limits.signers_max; i++) {
        if (!(risk->signers_active >> i & 1) || reports[i].sequence == 0 ||
            exchange->time_ms - reports[i].time_ms > heartbeat_ms) {
            continue;
        }
        times[fresh->count] = reports[i].time_ms;
        confidences[fresh->count] = reports[i].confidence_ppm;
        fresh->signers[fresh->count++] = i;
    }
    if (fresh->count < least || fresh->count == 0) {
        fresh->count = 0;
        return;
    }
    sort(times, fresh->count);
    fresh->time_ms = times[fresh->count - least];
    fresh->confidence_ppm = (int32_t)tn_exchange_median(confidences, fresh->count);
}

static bool is_near(int64_t value, int64_t reference, int64_t most_ppm)
{
    tn_i128 apart = (tn_i128)value - reference;
    if (apart < 0) apart = -apart;
    return apart * PPM <= (tn_i128)reference * most_ppm;
}

/* Takes the value into use unless it jumped; then it waits for the next MARK to confirm it. */
static bool adopt(struct reading *reading, const struct fresh *fresh, int64_t value,
                  int64_t jump_ppm)
{
    bool jumped =
        reading->seen && jump_ppm != NO_GUARD && !is_near(value, reading->value, jump_ppm);
    if (jumped && (reading->held == 0 || !is_near(value, reading->held, jump_ppm))) {
        reading->held = value;
        return false;
    }
    reading->value = value;
    reading->time_ms = fresh->time_ms;
    reading->reported_ppm = fresh->confidence_ppm;
    reading->seen = true;
    reading->held = 0;
    return true;
}

uint64_t tn_exchange_expiry_name(uint32_t underlying, uint16_t day)
{
    struct tn_series_terms terms = {.underlying = (uint16_t)(underlying + 1),
                                    .kind = day == 0 ? TN_PERPETUAL : TN_FUTURE,
                                    .expiry_day = day};
    uint64_t id;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    return id;
}

void tn_exchange_report_feed(struct tn_exchange *exchange, uint64_t series_id, enum tn_feed feed,
                             enum tn_freshness freshness)
{
    struct tn_event *event = emit(exchange, TN_EVENT_FEED);
    event->series_id = series_id;
    event->index = freshness;
    event->other_index = feed;
}

/* Works out how fresh the value in use is, and says so when that changes. */
static void judge(struct tn_exchange *exchange, struct reading *reading, bool any,
                  const struct feed_terms *terms)
{
    int64_t age = exchange->time_ms - reading->time_ms;
    int64_t left = terms->heartbeat_ms - age;
    enum tn_freshness freshness = TN_FRESH;
    if (!any) reading->held = 0;
    if (age > terms->soft_ms) freshness = TN_LATE;
    if (!any || !reading->seen || left < 0) freshness = TN_STALE;
    reading->confidence_ppm =
        reading->seen && left > 0
            ? (int32_t)tn_mul_div_floor(reading->reported_ppm, left, terms->heartbeat_ms)
            : 0;
    if (reading->freshness == freshness) return;
    reading->freshness = (uint8_t)freshness;
    tn_exchange_report_feed(exchange, terms->series_id, (enum tn_feed)terms->feed, freshness);
}

static void read_scalar(struct tn_exchange *exchange, struct reading *reading,
                        const struct stored *reports, const struct feed_terms *terms)
{
    struct fresh fresh;
    gather(exchange, &fresh, reports, terms->heartbeat_ms);
    if (fresh.count > 0) {
        int64_t values[TN_SIGNERS_MAX];
        for (uint32_t i = 0; i < fresh.count; i++)
            values[i] = reports[fresh.signers[i]].value;
        adopt(reading, &fresh, tn_exchange_median(values, fresh.count), terms->jump_ppm);
    }
    judge(exchange, reading, fresh.count > 0, terms);
}

static void read_surface(struct tn_exchange *exchange, struct expiry *expiry,
                         const struct stored *reports, const struct tn_surface *surfaces,
                         const struct feed_terms *terms)
{
    struct fresh fresh;
    gather(exchange, &fresh, reports, terms->heartbeat_ms);
    if (fresh.count > 0) {
        const struct tn_surface *chosen = &surfaces[tn_exchange_choose_surface(surfaces, &fresh)];
        int64_t vol_ppb = tn_exchange_vol_ppb(chosen, tn_surface_variance_e12(chosen, 0));
        int64_t vol_ppm = vol_ppb < 1000 ? 1 : vol_ppb / 1000;
        if (adopt(&expiry->vol, &fresh, vol_ppm, terms->jump_ppm)) expiry->adopted = *chosen;
    }
    judge(exchange, &expiry->vol, fresh.count > 0, terms);
}

static void read_expiry(struct tn_exchange *exchange, uint32_t index)
{
    struct risk *risk = exchange->risk;
    const struct tn_risk *parameters = &risk->parameters;
    struct expiry *expiry = &risk->expiries[index];
    if (expiry->day == 0) return;
    uint64_t id = tn_exchange_expiry_name(expiry->underlying, expiry->day);
    struct feed_terms forward = {TN_FEED_FORWARD, parameters->forward_heartbeat_ms,
                                 parameters->forward_soft_ms, parameters->jump_ppm, id};
    struct feed_terms vol = {TN_FEED_VOL, parameters->vol_heartbeat_ms, parameters->vol_soft_ms,
                             parameters->vol_jump_ppm, id};
    struct feed_terms rate = {TN_FEED_RATE, parameters->rate_heartbeat_ms, NO_SOFT_AGE, NO_GUARD,
                              id};
    const struct stored *surface_reports = stored_of(exchange, TN_FEED_VOL, 0, index);
    const struct tn_surface *surfaces =
        &risk->surfaces[(size_t)index * exchange->limits.signers_max];
    read_scalar(exchange, &expiry->forward, stored_of(exchange, TN_FEED_FORWARD, 0, index),
                &forward);
    read_surface(exchange, expiry, surface_reports, surfaces, &vol);
    read_scalar(exchange, &expiry->rate, stored_of(exchange, TN_FEED_RATE, 0, index), &rate);
}

void tn_exchange_take_readings(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    const struct tn_risk *parameters = &risk->parameters;
    struct feed_terms stable = {TN_FEED_STABLE, parameters->stable_heartbeat_ms, NO_SOFT_AGE,
                                parameters->jump_ppm, 0};
    read_scalar(exchange, &risk->stable, risk->stable_reports, &stable);
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        struct feed_terms spot = {TN_FEED_SPOT, parameters->spot_heartbeat_ms,
                                  parameters->spot_soft_ms, parameters->jump_ppm,
                                  tn_exchange_expiry_name(i, 0)};
        read_scalar(exchange, &risk->underlyings[i].spot, stored_of(exchange, TN_FEED_SPOT, i, 0),
                    &spot);
    }
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot))
        read_expiry(exchange, slot);
}
