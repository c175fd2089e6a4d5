/* feeds_digest: the part of the state digest that belongs to feeds and MARKs, in the order of
 * docs/specs/risk.md, "Digest of feeds". Slots take no part: expiries come by underlying and day,
 * series by the chain of their expiry, which is the order of their listing. */
#include "exchange/feeds.h"

static void feed_words(struct tn_digest *digest, const int64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tn_digest_i64(digest, words[i]);
}

static void feed_parameters(struct tn_digest *digest, const struct tn_risk *parameters,
                            const struct tn_scenario *scenarios, uint32_t count)
{
    struct tn_risk copy = *parameters;
    for (uint32_t i = 0; i < tn_risk_fields_written(parameters); i++)
        tn_digest_i64(digest, *tn_risk_field(&copy, i));
    tn_digest_u64(digest, count);
    for (uint32_t i = 0; i < count; i++) {
        tn_digest_i64(digest, scenarios[i].move_ppm);
        tn_digest_i64(digest, scenarios[i].damping_q30);
        tn_digest_u64(digest, scenarios[i].vol);
        tn_digest_u64(digest, scenarios[i].kind);
    }
}

static void feed_reading(struct tn_digest *digest, const struct reading *reading)
{
    const int64_t words[] = {reading->seen,     reading->value,        reading->time_ms,
                             reading->held,     reading->reported_ppm, reading->confidence_ppm,
                             reading->freshness};
    feed_words(digest, words, sizeof words / sizeof words[0]);
}

static void feed_surface(struct tn_digest *digest, const struct tn_surface *surface)
{
    const int64_t words[] = {surface->a_e12, surface->b_e12,     surface->rho_e12,
                             surface->m_e12, surface->sigma_e12, surface->forward_micros,
                             surface->tau_ms};
    feed_words(digest, words, sizeof words / sizeof words[0]);
}

/* Reports of one feed by signer; of a surface with what it says. */
static void feed_reports(struct tn_digest *digest, const struct tn_exchange *exchange,
                         const struct stored *reports, const struct tn_surface *surfaces)
{
    for (uint32_t i = 0; i < exchange->limits.signers_max; i++) {
        tn_digest_u64(digest, reports[i].sequence);
        if (reports[i].sequence == 0) continue;
        tn_digest_i64(digest, reports[i].time_ms);
        tn_digest_i64(digest, reports[i].value);
        tn_digest_i64(digest, reports[i].confidence_ppm);
        if (surfaces != NULL) feed_surface(digest, &surfaces[i]);
    }
}

static void feed_series(struct tn_digest *digest, const struct tn_exchange *exchange,
                        uint32_t index)
{
    const struct series *series = &exchange->series[index];
    const struct tn_margin_series *margin = &exchange->risk->margin_series[index];
    tn_digest_u64(digest, series->id);
    tn_digest_u64(digest, series->feed_halt);
    if (series->mark < 0) return;
    tn_digest_i64(digest, margin->spot_lot);
    tn_digest_i64(digest, margin->forward_lot);
    tn_digest_i64(digest, series->band_high - series->mark);
    feed_words(digest, exchange->risk->rows[index], TN_ROW_COLUMNS);
}

static void feed_weights(struct tn_digest *digest, const struct tn_margin_weights *weights)
{
    feed_words(digest, weights->low, TN_ROW_COLUMNS);
    feed_words(digest, weights->high, TN_ROW_COLUMNS);
    feed_words(digest, weights->flat, TN_ROW_COLUMNS);
}

static void feed_expiry(struct tn_digest *digest, const struct tn_exchange *exchange, uint32_t slot)
{
    const struct risk *risk = exchange->risk;
    const struct expiry *expiry = &risk->expiries[slot];
    size_t first = (size_t)slot * exchange->limits.signers_max;
    const int64_t words[] = {expiry->day,
                             expiry->priced,
                             expiry->unsettled,
                             expiry->freshness,
                             expiry->freshness_linear,
                             expiry->inconsistent,
                             expiry->fixed_micros,
                             expiry->variable_micros,
                             (int64_t)(expiry->spot_integral >> 64),
                             (int64_t)(uint64_t)expiry->spot_integral,
                             expiry->covered_ms,
                             expiry->integrated_until_ms,
                             expiry->series_count};
    feed_words(digest, words, sizeof words / sizeof words[0]);
    feed_reading(digest, &expiry->forward);
    feed_reading(digest, &expiry->vol);
    feed_reading(digest, &expiry->rate);
    feed_surface(digest, &expiry->adopted);
    feed_surface(digest, &expiry->surface);
    feed_reports(digest, exchange, &risk->forward_reports[first], NULL);
    feed_reports(digest, exchange, &risk->vol_reports[first], &risk->surfaces[first]);
    feed_reports(digest, exchange, &risk->rate_reports[first], NULL);
    if (expiry->priced) {
        tn_digest_i64(digest, risk->margin_expiries[slot].left_ms);
        tn_digest_i64(digest, risk->margin_expiries[slot].confidence_ppm);
        tn_digest_u64(digest, risk->margin_expiries[slot].im.scenarios_count);
        tn_digest_u64(digest, risk->margin_expiries[slot].im.skews);
        feed_weights(digest, &risk->margin_expiries[slot].im);
        feed_weights(digest, &risk->margin_expiries[slot].mm);
    }
    uint32_t index = expiry->series_head;
    for (; index != TN_NONE; index = exchange->series[index].expiry_next)
        feed_series(digest, exchange, index);
}

static void feed_underlying(struct tn_digest *digest, const struct tn_exchange *exchange,
                            uint32_t index)
{
    const struct risk *risk = exchange->risk;
    const struct risk_underlying *under = &risk->underlyings[index];
    const int64_t words[] = {under->premium_micros,  under->premium_time_ms, under->variance_e12,
                             under->variance_spot,   under->variance_ms,     under->lambda_ppm,
                             under->interest_micros, under->largest_micros,  under->largest_before};
    feed_reading(digest, &under->spot);
    tn_digest_u64(digest, risk->margin_underlyings[index].lambda_ppm != 0); /* by a MARK */
    feed_words(digest, words, sizeof words / sizeof words[0]);
    feed_reports(digest, exchange,
                 &risk->spot_reports[(size_t)index * exchange->limits.signers_max], NULL);
    for (uint32_t slot = under->expiries_head; slot != TN_NONE; slot = risk->expiries[slot].next)
        feed_expiry(digest, exchange, slot);
}

/* What margin reads of an asset: nothing before the first MARK after its definition. */
static void feed_assets(struct tn_digest *digest, const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        const struct tn_margin_asset *asset = &risk->margin_assets[i];
        tn_digest_u64(digest, risk->im_haircut_ppm[i]);
        tn_digest_u64(digest, risk->asset_underlying[i]);
        tn_digest_i64(digest, asset->price_micros);
        tn_digest_i64(digest, asset->confidence_ppm);
        tn_digest_u64(digest, asset->underlying);
    }
}

void tn_exchange_digest_feeds(struct tn_digest *digest, const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    feed_parameters(digest, &risk->parameters, risk->scenarios, risk->scenarios_count);
    tn_digest_u64(digest, risk->pending.height);
    if (risk->pending.height != 0) {
        feed_parameters(digest, &risk->pending.risk, risk->pending.scenarios,
                        risk->pending.scenarios_count);
    }
    tn_digest_u64(digest, risk->version);
    tn_digest_u64(digest, risk->signers_active);
    const int64_t words[] = {risk->mark,
                             risk->mark_ms,
                             risk->mm_factor_ppm,
                             risk->mm_factor_before_ppm,
                             risk->mm_factor_next_ppm,
                             risk->mm_factor_hour,
                             risk->listing_underlying,
                             risk->listing_day};
    feed_words(digest, words, sizeof words / sizeof words[0]);
    feed_reading(digest, &risk->stable);
    feed_reports(digest, exchange, risk->stable_reports, NULL);
    feed_assets(digest, exchange);
    for (uint32_t i = 0; i < exchange->underlyings_count; i++)
        feed_underlying(digest, exchange, i);
}
