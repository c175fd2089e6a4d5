/* import_expiries: what FEEDS says of each expiry read back: readings, surfaces, weights; reports;
 * its series.
 *
 * Expiries come by underlying and day and get their slots in that order, whatever slots they had:
 * nothing that apply answers depends on them. */
#include "exchange/import_feeds.h"

#define PPM          INT64_C(1000000)
#define RATE_MAX_PPB INT64_C(1000000000)
#define VOL_MAX_PPM  INT64_C(1000000000)
#define LEFT_MAX_MS  (INT64_C(1) << 40)
#define WEIGHT_MAX   (INT64_C(1) << 33)
#define BASIS_MAX    (INT64_C(1) << 34)

static const struct feed_range rates = {.low = -RATE_MAX_PPB, .high = RATE_MAX_PPB};
static const struct feed_range vols = {.low = 1, .high = VOL_MAX_PPM};

static bool is_none(const struct tn_surface *surface)
{
    return surface->a_e12 == 0 && surface->b_e12 == 0 && surface->rho_e12 == 0 &&
           surface->m_e12 == 0 && surface->sigma_e12 == 0 && surface->forward_micros == 0 &&
           surface->tau_ms == 0;
}

static void get_surface(struct reader *reader, struct tn_surface *surface, bool may_be_none)
{
    surface->a_e12 = get_i64(reader);
    surface->b_e12 = get_i64(reader);
    surface->rho_e12 = get_i64(reader);
    surface->m_e12 = get_i64(reader);
    surface->sigma_e12 = get_i64(reader);
    surface->forward_micros = get_i64(reader);
    surface->tau_ms = get_i64(reader);
    if (!reader_good(reader)) return;
    require(reader, may_be_none && is_none(surface) ? true : tn_surface_admitted(surface),
            "A surface is not admissible.");
}

/* ---- The expiry ---- */

/* Puts a new expiry behind those that came before. */
static void link_expiry(struct risk *risk, uint32_t slot)
{
    const struct expiry *expiry = &risk->expiries[slot];
    bool first = slot == 0 || risk->expiries[slot - 1].underlying != expiry->underlying;
    *(first ? &risk->underlyings[expiry->underlying].expiries_head
            : &risk->expiries[slot - 1].next) = slot;
}

static void get_name(const struct tn_exchange *exchange, struct reader *reader,
                     struct expiry *expiry, uint32_t slot)
{
    uint16_t number = get_u16_most(reader, (uint16_t)exchange->underlyings_count,
                                   "An expiry has an unknown underlying.");
    require(reader, number >= 1, "An expiry has an unknown underlying.");
    uint16_t day = get_u16_most(reader, TN_EXPIRY_DAY_MAX, "An expiry has an impossible day.");
    if (!reader_good(reader)) return;
    const struct expiry *before = slot == 0 ? NULL : &exchange->risk->expiries[slot - 1];
    expiry->underlying = (uint16_t)(number - 1);
    expiry->day = day;
    require(reader,
            before == NULL || before->underlying < expiry->underlying ||
                (before->underlying == expiry->underlying && before->day < day),
            "Expiries are out of order.");
    expiry->expiry_ms =
        day == 0 ? INT64_MAX : TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY;
}

static void get_flags(const struct tn_exchange *exchange, struct reader *reader,
                      struct expiry *expiry)
{
    expiry->used = true;
    expiry->priced = get_bool(reader, "Whether an expiry is priced is not 0 or 1.");
    expiry->unsettled = get_bool(reader, "Whether an expiry is unsettled is not 0 or 1.");
    expiry->inconsistent = get_bool(reader, "Whether a surface is inconsistent is not 0 or 1.");
    expiry->freshness = get_u8_most(reader, TN_STALE, "A freshness is unknown.");
    expiry->freshness_linear = get_u8_most(reader, TN_STALE, "A freshness is unknown.");
    get_zeros(reader, 1);
    require(reader, !expiry->unsettled || expiry->expiry_ms <= exchange->time_ms,
            "An expiry is unsettled before its time.");
    require(reader, expiry->freshness >= expiry->freshness_linear,
            "Options are fresher than their future.");
}

static void get_feeds(const struct tn_exchange *exchange, struct reader *reader,
                      struct expiry *expiry)
{
    const struct feed_range forward = tn_exchange_price_range(exchange, expiry->underlying);
    tn_exchange_get_reading(exchange, reader, &expiry->forward, &forward);
    tn_exchange_get_reading(exchange, reader, &expiry->vol, &vols);
    tn_exchange_get_reading(exchange, reader, &expiry->rate, &rates);
    get_surface(reader, &expiry->adopted, !expiry->vol.seen);
    get_surface(reader, &expiry->surface, true);
}

/* The average so far is a price that spot has had, or lies between such. */
static void get_average(const struct tn_exchange *exchange, struct reader *reader,
                        struct expiry *expiry)
{
    const struct underlying *under = &exchange->underlyings[expiry->underlying];
    expiry->fixed_micros =
        get_i64_in(reader, 0, TN_VALUE_UNIT_MICROS_MAX, "A fixed part is out of range.");
    expiry->variable_micros =
        get_i64_in(reader, 0, TN_VALUE_UNIT_MICROS_MAX, "A variable part is out of range.");
    expiry->spot_integral = get_i128(reader);
    expiry->covered_ms = get_i64_in(reader, 0, TN_MS_PER_DAY, "A cover is out of range.");
    expiry->integrated_until_ms =
        get_i64_in(reader, 0, exchange->time_ms, "An average is of the future.");
    tn_micros forward = expiry->fixed_micros + expiry->variable_micros;
    require(reader, forward == 0 || tn_exchange_price_fits(under, forward),
            "A forward does not fit its contracts.");
    /* One that is over before a MARK splits its forward never gets one. */
    require(reader, forward > 0 || !expiry->forward.seen || expiry->unsettled,
            "A forward that was seen is missing.");
    tn_i128 least = expiry->covered_ms, most = least * TN_VALUE_UNIT_MICROS_MAX;
    if (!require(reader, expiry->spot_integral >= least && expiry->spot_integral <= most,
                 "A settlement average is out of range.") ||
        expiry->covered_ms == 0) {
        return;
    }
    tn_micros average = (tn_micros)(expiry->spot_integral / expiry->covered_ms);
    require(reader, tn_exchange_price_fits(under, average),
            "A settlement average does not fit its contracts.");
}

/* ---- Weights ---- */

static void get_columns(struct reader *reader, struct tn_margin_weights *weights)
{
    int64_t *const columns[] = {weights->low, weights->high, weights->flat};
    for (uint32_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++)
            columns[i][k] = get_i64_in(reader, 0, BASIS_MAX, "A weight is out of range.");
    }
    for (uint32_t k = 0; k < TN_ROW_COLUMNS; k++) {
        bool is_basis = k == TN_COLUMN_UP || k == TN_COLUMN_DOWN;
        int64_t most = is_basis ? BASIS_MAX : k < weights->scenarios_count ? WEIGHT_MAX : 0;
        require(reader,
                weights->low[k] <= weights->flat[k] && weights->flat[k] <= weights->high[k] &&
                    weights->high[k] <= most && (!is_basis || weights->low[k] == weights->high[k]),
                "Weights contradict each other.");
        if (!is_basis && weights->high[k] > INT32_MAX) weights->is_wide = true;
    }
}

static void get_weights(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    const struct expiry *expiry = &exchange->risk->expiries[slot];
    struct tn_margin_expiry *margin = &exchange->risk->margin_expiries[slot];
    memset(margin, 0, sizeof *margin);
    margin->underlying = expiry->underlying;
    margin->left_ms = get_i64_in(reader, 0, LEFT_MAX_MS, "The time left is out of range.");
    require(reader, (margin->left_ms == 0) == (expiry->day == 0), "The time left is out of range.");
    margin->confidence_ppm = get_i32_in(reader, 0, PPM, "A confidence is out of range.");
    uint32_t count = get_u32_most(reader, TN_SCENARIOS_MAX, "There are too many scenarios.");
    uint64_t skews = get_u64(reader);
    require(reader, count >= 1 && skews >> count == 0, "A scenario is unknown.");
    margin->im.scenarios_count = margin->mm.scenarios_count = count;
    margin->im.skews = margin->mm.skews = skews;
    get_columns(reader, &margin->im);
    get_columns(reader, &margin->mm);
}

static void get_expiry(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    struct expiry expiry = {.series_head = TN_NONE, .next = TN_NONE};
    require(reader, exchange->feeds_read == exchange->underlyings_count + slot,
            "Feeds of an underlying or an expiry are missing.");
    get_name(exchange, reader, &expiry, slot);
    if (!reader_good(reader)) return;
    get_flags(exchange, reader, &expiry);
    get_feeds(exchange, reader, &expiry);
    get_average(exchange, reader, &expiry);
    if (!reader_good(reader)) return;
    exchange->feeds_read++;
    exchange->risk->expiries[slot] = expiry;
    link_expiry(exchange->risk, slot);
    if (expiry.priced) get_weights(exchange, reader, slot);
}

/* ---- Reports ---- */

static void get_expiry_reports(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    struct risk *risk = exchange->risk;
    size_t first = (size_t)slot * exchange->limits.signers_max;
    const struct feed_range forward =
        tn_exchange_price_range(exchange, risk->expiries[slot].underlying);
    tn_exchange_get_reports(exchange, reader, &risk->forward_reports[first], &forward);
    tn_exchange_get_reports(exchange, reader, &risk->rate_reports[first], &rates);
    tn_exchange_get_reports(exchange, reader, &risk->vol_reports[first], NULL);
    for (uint32_t i = 0; i < exchange->limits.signers_max; i++) {
        bool none = risk->vol_reports[first + i].sequence == 0;
        get_surface(reader, &risk->surfaces[first + i], none);
        require(reader, !none || is_none(&risk->surfaces[first + i]),
                "There is a surface that nobody has reported.");
    }
    require(reader,
            tn_exchange_any_reports(exchange, &risk->forward_reports[first]) ||
                tn_exchange_any_reports(exchange, &risk->rate_reports[first]) ||
                tn_exchange_any_reports(exchange, &risk->vol_reports[first]),
            "Nobody has reported these feeds.");
}

/* ---- Series ---- */

static bool may_join(const struct series *series, const struct expiry *expiry)
{
    return series->underlying == expiry->underlying &&
           tn_series_expiry_day(series->id) == expiry->day && series->status != TN_STATUS_SETTLED &&
           series->expiry == TN_NONE && (series->mark < 0 || expiry->priced);
}

static void get_chain(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    struct expiry *expiry = &exchange->risk->expiries[slot];
    uint32_t last = TN_NONE;
    while (reader_good(reader) && reader->used < reader->size) {
        uint32_t index =
            get_u32_below(reader, exchange->series_used, "An expiry has an unknown series.");
        if (!reader_good(reader)) return;
        struct series *series = &exchange->series[index];
        if (!require(reader, series->id != 0 && may_join(series, expiry),
                     "A series does not belong to its expiry.")) {
            return;
        }
        series->expiry = slot;
        *(last == TN_NONE ? &expiry->series_head : &exchange->series[last].expiry_next) = index;
        last = index;
        expiry->series_count++;
    }
    if (expiry->day == 0) exchange->risk->underlyings[expiry->underlying].perpetual = last;
}

void tn_exchange_get_of_expiry(struct tn_exchange *exchange, struct reader *reader, uint32_t place)
{
    uint32_t slot = place / FEEDS_PER_EXPIRY;
    if (!require(reader, slot < exchange->feeds_expected, "There is no such expiry.")) return;
    if (place % FEEDS_PER_EXPIRY == 0) {
        get_expiry(exchange, reader, slot);
    } else if (!require(reader, exchange->feeds_read == exchange->underlyings_count + slot + 1,
                        "An expiry is missing.")) {
        return;
    } else if (place % FEEDS_PER_EXPIRY == 1) {
        get_expiry_reports(exchange, reader, slot);
    } else {
        get_chain(exchange, reader, slot);
    }
}
