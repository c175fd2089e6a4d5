/* export_feeds: the list of FEEDS: what signers reported, what the market made of it at the last
 * MARK, and the parameters in force (docs/specs/records.md, "FEEDS").
 *
 * Slots of expiries do not show: expiries come by underlying and day, as in a MARK, so the records
 * of later ones move when one opens or closes. What changes at every MARK, with every report, and
 * hardly ever stands in records of its own. Weights are kept, not worked out again: a change of
 * parameters may have come since the MARK that made them. */
#include "exchange/records.h"

static void put_reading(struct writer *writer, const struct reading *reading)
{
    put_i64(writer, reading->value);
    put_i64(writer, reading->time_ms);
    put_i64(writer, reading->held);
    put_i32(writer, reading->reported_ppm);
    put_i32(writer, reading->confidence_ppm);
    put_u8(writer, reading->freshness);
    put_bool(writer, reading->seen);
}

static void put_surface(struct writer *writer, const struct tn_surface *surface)
{
    put_i64(writer, surface->a_e12);
    put_i64(writer, surface->b_e12);
    put_i64(writer, surface->rho_e12);
    put_i64(writer, surface->m_e12);
    put_i64(writer, surface->sigma_e12);
    put_i64(writer, surface->forward_micros);
    put_i64(writer, surface->tau_ms);
}

static bool any_reports(const struct stored *reports, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (reports[i].sequence != 0) return true;
    }
    return false;
}

static void put_reports(struct writer *writer, const struct stored *reports, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_u64(writer, reports[i].sequence);
        put_i64(writer, reports[i].time_ms);
        put_i64(writer, reports[i].value);
        put_i32(writer, reports[i].confidence_ppm);
    }
}

/* ---- Of the market ---- */

static void put_head(struct writer *writer, const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    put_u64(writer, risk->version);
    put_u32(writer, risk->signers_active);
    put_u32(writer, risk->mark);
    put_i64(writer, risk->mark_ms);
    put_i64(writer, risk->mm_factor_ppm);
    put_i64(writer, risk->mm_factor_before_ppm);
    put_i64(writer, risk->mm_factor_next_ppm);
    put_i64(writer, risk->mm_factor_hour);
    put_u16(writer, risk->listing_underlying);
    put_u16(writer, risk->listing_day);
    put_u32(writer, tn_exchange_expiries_count(exchange));
    put_reading(writer, &risk->stable);
    TN_ASSERT(writer->used == FEEDS_HEAD_SIZE);
}

static void put_parameters(struct writer *writer, const struct tn_risk *parameters,
                           const struct tn_scenario *scenarios, uint32_t count)
{
    struct tn_risk copy = *parameters;
    for (uint32_t i = 0; i < TN_RISK_FIELDS_FIRST; i++)
        put_i64(writer, *tn_risk_field(&copy, i));
    put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        put_i32(writer, scenarios[i].move_ppm);
        put_i32(writer, scenarios[i].damping_q30);
        put_u8(writer, scenarios[i].vol);
        put_u8(writer, scenarios[i].kind);
    }
    for (uint32_t i = TN_RISK_FIELDS_FIRST; i < tn_risk_fields_written(parameters); i++)
        put_i64(writer, *tn_risk_field(&copy, i));
}

static void put_market(struct writer *writer, const struct tn_exchange *exchange, uint32_t index)
{
    const struct risk *risk = exchange->risk;
    const struct pending_risk *pending = &risk->pending;
    uint32_t signers = exchange->limits.signers_max;
    switch ((enum feeds_place)index) {
        case FEEDS_HEAD: put_head(writer, exchange); return;
        case FEEDS_PARAMETERS:
            put_parameters(writer, &risk->parameters, risk->scenarios, risk->scenarios_count);
            return;
        case FEEDS_PENDING:
            if (pending->height == 0) return;
            put_u64(writer, pending->height);
            put_parameters(writer, &pending->risk, pending->scenarios, pending->scenarios_count);
            return;
        case FEEDS_STABLE:
            if (any_reports(risk->stable_reports, signers)) {
                put_reports(writer, risk->stable_reports, signers);
            }
            return;
    }
    TN_ASSERT(false);
}

/* ---- Of an underlying ---- */

static void put_underlying(struct writer *writer, const struct tn_exchange *exchange,
                           uint32_t index)
{
    const struct risk_underlying *under = &exchange->risk->underlyings[index];
    put_reading(writer, &under->spot);
    put_i64(writer, under->premium_micros);
    put_i64(writer, under->premium_time_ms);
    put_i64(writer, under->variance_e12);
    put_i64(writer, under->variance_spot);
    put_i64(writer, under->variance_ms);
    put_i64(writer, under->lambda_ppm);
    put_i64(writer, under->interest_micros);
    put_i64(writer, under->largest_micros);
    put_i64(writer, under->largest_before);
    put_bool(writer, exchange->risk->margin_underlyings[index].lambda_ppm != 0);
    put_zeros(writer, 1);
    TN_ASSERT(writer->used == FEEDS_UNDERLYING_SIZE);
}

static void put_of_underlying(struct writer *writer, const struct tn_exchange *exchange,
                              uint32_t place)
{
    uint32_t index = place / FEEDS_PER_UNDERLYING, signers = exchange->limits.signers_max;
    const struct stored *reports = &exchange->risk->spot_reports[(size_t)index * signers];
    if (index >= exchange->underlyings_count) return;
    if (place % FEEDS_PER_UNDERLYING == 0) {
        put_underlying(writer, exchange, index);
    } else if (any_reports(reports, signers)) {
        put_reports(writer, reports, signers);
    }
}

/* ---- Of an expiry ---- */

static void put_columns(struct writer *writer, const struct tn_margin_weights *weights)
{
    put_i64s(writer, weights->low, TN_ROW_COLUMNS);
    put_i64s(writer, weights->high, TN_ROW_COLUMNS);
    put_i64s(writer, weights->flat, TN_ROW_COLUMNS);
}

static void put_expiry(struct writer *writer, const struct tn_exchange *exchange, uint32_t slot)
{
    const struct expiry *expiry = &exchange->risk->expiries[slot];
    const struct tn_margin_expiry *margin = &exchange->risk->margin_expiries[slot];
    put_u16(writer, (uint16_t)(expiry->underlying + 1));
    put_u16(writer, expiry->day);
    put_bool(writer, expiry->priced);
    put_bool(writer, expiry->unsettled);
    put_bool(writer, expiry->inconsistent);
    put_u8(writer, expiry->freshness);
    put_u8(writer, expiry->freshness_linear);
    put_zeros(writer, 1);
    put_reading(writer, &expiry->forward);
    put_reading(writer, &expiry->vol);
    put_reading(writer, &expiry->rate);
    put_surface(writer, &expiry->adopted);
    put_surface(writer, &expiry->surface);
    put_i64(writer, expiry->fixed_micros);
    put_i64(writer, expiry->variable_micros);
    put_i128(writer, expiry->spot_integral);
    put_i64(writer, expiry->covered_ms);
    put_i64(writer, expiry->integrated_until_ms);
    TN_ASSERT(writer->used == FEEDS_EXPIRY_SIZE);
    if (!expiry->priced) return;
    TN_ASSERT(margin->im.skews == margin->mm.skews);
    TN_ASSERT(margin->im.scenarios_count == margin->mm.scenarios_count);
    put_i64(writer, margin->left_ms);
    put_i32(writer, margin->confidence_ppm);
    put_u32(writer, margin->im.scenarios_count);
    put_u64(writer, margin->im.skews);
    put_columns(writer, &margin->im);
    put_columns(writer, &margin->mm);
    TN_ASSERT(writer->used == FEEDS_EXPIRY_SIZE + FEEDS_WEIGHTS_SIZE);
}

static void put_expiry_reports(struct writer *writer, const struct tn_exchange *exchange,
                               uint32_t slot)
{
    const struct risk *risk = exchange->risk;
    uint32_t signers = exchange->limits.signers_max;
    size_t first = (size_t)slot * signers;
    if (!any_reports(&risk->forward_reports[first], signers) &&
        !any_reports(&risk->rate_reports[first], signers) &&
        !any_reports(&risk->vol_reports[first], signers)) {
        return;
    }
    put_reports(writer, &risk->forward_reports[first], signers);
    put_reports(writer, &risk->rate_reports[first], signers);
    put_reports(writer, &risk->vol_reports[first], signers);
    for (uint32_t i = 0; i < signers; i++)
        put_surface(writer, &risk->surfaces[first + i]);
}

static void put_of_expiry(struct writer *writer, const struct tn_exchange *exchange, uint32_t place)
{
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (uint32_t rank = place / FEEDS_PER_EXPIRY; rank > 0 && slot != TN_NONE; rank--)
        slot = tn_exchange_next_expiry(exchange, slot);
    TN_ASSERT(slot != TN_NONE);
    if (place % FEEDS_PER_EXPIRY == 0) {
        put_expiry(writer, exchange, slot);
    } else if (place % FEEDS_PER_EXPIRY == 1) {
        put_expiry_reports(writer, exchange, slot);
    } else {
        uint32_t index = exchange->risk->expiries[slot].series_head;
        for (; index != TN_NONE; index = exchange->series[index].expiry_next)
            put_u32(writer, index);
    }
}

/* ---- The list ---- */

uint32_t tn_exchange_expiries_count(const struct tn_exchange *exchange)
{
    uint32_t count = 0, slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot))
        count++;
    return count;
}

size_t tn_exchange_export_feeds(const struct tn_exchange *exchange, struct writer *writer,
                                uint32_t index)
{
    TN_ASSERT(exchange->risk != NULL && writer->used == 0);
    uint32_t underlyings_at = feeds_at_underlying(0);
    uint32_t expiries_at = feeds_at_expiry(&exchange->limits, 0);
    if (index < underlyings_at) {
        put_market(writer, exchange, index);
    } else if (index < expiries_at) {
        put_of_underlying(writer, exchange, index - underlyings_at);
    } else {
        put_of_expiry(writer, exchange, index - expiries_at);
    }
    return writer->used;
}

uint32_t tn_exchange_feeds_count(const struct tn_exchange *exchange)
{
    if (exchange->risk == NULL) return 0;
    return feeds_at_expiry(&exchange->limits, tn_exchange_expiries_count(exchange));
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t tn_exchange_feeds_size_max(const struct tn_exchange_limits *limits)
{
    if (limits->expiries_max == 0) return 0;
    size_t parameters = 8 + 8 * (size_t)TN_RISK_FIELDS_COUNT + 4 + 10 * (size_t)TN_SCENARIOS_MAX;
    size_t reports = (size_t)limits->signers_max * (3 * FEEDS_REPORT_SIZE + FEEDS_SURFACE_SIZE);
    size_t series = 4 * (size_t)limits->series_max;
    size_t most = greater(FEEDS_EXPIRY_SIZE + FEEDS_WEIGHTS_SIZE, parameters);
    return greater(greater(most, reports), series);
}
