/* mark: a MARK: the feeds' readings become marks, price rows and margin weights, in the order of
 * docs/specs/risk.md, "MARK".
 *
 * Everything that moves accounts without trading happens here, at one moment of block time. Then
 * the sweep that judges every account begins; until the next MARK nothing in these tables changes,
 * so it does not matter in which slices it runs. What a stale feed prices keeps the numbers of the
 * last MARK that had it. */
#include "exchange/feeds.h"

#define PPM      INT64_C(1000000)
#define VEGA_MAX (INT64_C(1) << 40)
enum { VOL_MAX_PPM = 100000000 };

bool tn_exchange_mark_due(const struct tn_exchange *exchange, int64_t time_ms)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL) return false;
    return risk->mark == 0 || time_ms - risk->mark_ms >= risk->parameters.mark_ms;
}

static void set_indexes(struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        const struct reading *spot = &exchange->risk->underlyings[i].spot;
        if (spot->freshness == TN_STALE) continue;
        bool fits = tn_exchange_set_index(exchange, (uint16_t)i, spot->value);
        TN_ASSERT(fits); /* its report was */
    }
}

/* ---- What margin reads ---- */

static void fill_underlyings(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        const struct risk_underlying *under = &risk->underlyings[i];
        risk->margin_underlyings[i] =
            (struct tn_margin_underlying){.spot_micros = under->spot.value,
                                          .lambda_ppm = under->lambda_ppm,
                                          .confidence_ppm = under->spot.confidence_ppm};
    }
}

static void fill_assets(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        uint16_t number = risk->asset_underlying[i];
        struct tn_margin_asset *asset = &risk->margin_assets[i];
        *asset = (struct tn_margin_asset){.price_micros = PPM,
                                          .mm_haircut_ppm = (int32_t)exchange->haircut_ppm[i],
                                          .im_haircut_ppm = (int32_t)risk->im_haircut_ppm[i],
                                          .confidence_ppm = (int32_t)PPM,
                                          .underlying = TN_MARGIN_NO_UNDERLYING};
        if (number == 0) continue;
        const struct reading *spot = &risk->underlyings[number - 1].spot;
        asset->price_micros = spot->value;
        asset->confidence_ppm = spot->confidence_ppm;
        asset->underlying = (uint16_t)(number - 1);
    }
}

static int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The least confidence of the feeds that an expiry's options are priced by. */
static int32_t confidence_of(const struct tn_exchange *exchange, const struct expiry *expiry)
{
    int32_t least = exchange->risk->underlyings[expiry->underlying].spot.confidence_ppm;
    if (expiry->day == 0) return least;
    least = lesser(least, expiry->forward.confidence_ppm);
    if (expiry->vol.seen) least = lesser(least, expiry->vol.confidence_ppm);
    if (expiry->rate.seen) least = lesser(least, expiry->rate.confidence_ppm);
    return least;
}

static int64_t rate_of(const struct expiry *expiry)
{
    return expiry->rate.seen ? expiry->rate.value : 0;
}

/* Weights follow the factors of every MARK; the time left and confidence stay while feeds are
 * stale. */
static void fill_expiry(struct tn_exchange *exchange, const struct tn_margin_market *market,
                        uint32_t slot)
{
    struct risk *risk = exchange->risk;
    const struct expiry *expiry = &risk->expiries[slot];
    struct tn_margin_expiry *margin = &risk->margin_expiries[slot];
    if (expiry->freshness_linear != TN_STALE) {
        margin->underlying = expiry->underlying;
        margin->left_ms = tn_exchange_left_ms(exchange, expiry);
        margin->confidence_ppm = confidence_of(exchange, expiry);
    }
    struct tn_discounts discounts = {.long_q30 = INT64_C(1) << 30, .short_q30 = INT64_C(1) << 30};
    if (margin->left_ms > 0) {
        tn_pricing_discounts(&discounts, &risk->shocks, margin->left_ms, rate_of(expiry));
    }
    tn_margin_factors(margin, market, &discounts);
}

/* What one unit of an underlying at this expiry costs. */
static tn_micros forward_of(const struct tn_exchange *exchange, const struct expiry *expiry)
{
    if (expiry->day == 0) return exchange->risk->underlyings[expiry->underlying].spot.value;
    return expiry->fixed_micros + expiry->variable_micros;
}

static tn_micros lot_value(const struct series *series, tn_micros unit)
{
    tn_micros value;
    bool fits = tn_contract_value_floor(&value, unit, &series->terms->contract);
    TN_ASSERT(fits);
    return value;
}

static void fill_series(struct tn_exchange *exchange, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    const struct expiry *expiry = &exchange->risk->expiries[series->expiry];
    tn_micros spot = exchange->risk->underlyings[series->underlying].spot.value;
    tn_micros strike = (tn_micros)tn_series_strike(series->id) * TN_MICROS_PER_STRIKE_UNIT;
    exchange->risk->margin_series[index] = (struct tn_margin_series){
        .underlying = series->underlying,
        .expiry = (uint16_t)series->expiry,
        .kind = (uint8_t)tn_series_kind(series->id),
        .strike_micros = strike,
        .spot_lot = lot_value(series, spot),
        .forward_lot = lot_value(series, forward_of(exchange, expiry)),
        .strike_lot = lot_value(series, strike),
    };
}

/* ---- Prices ---- */

/* The series of an expiry that get a price at this MARK, in scratch; returns their count. */
static uint32_t collect(struct tn_exchange *exchange, const struct expiry *expiry)
{
    struct risk *risk = exchange->risk;
    uint32_t count = 0;
    uint32_t index = expiry->series_head;
    for (; index != TN_NONE; index = exchange->series[index].expiry_next) {
        const struct series *series = &exchange->series[index];
        const struct tn_contract *contract = &series->terms->contract;
        if (tn_exchange_freshness(exchange, series) == TN_STALE) continue;
        TN_ASSERT(series->status != TN_STATUS_SETTLING && series->status != TN_STATUS_SETTLED);
        risk->price_scratch[count] = (struct tn_price_series){
            .kind = (uint8_t)tn_series_kind(series->id),
            .strike_micros = (tn_micros)tn_series_strike(series->id) * TN_MICROS_PER_STRIKE_UNIT,
            .lot_micro_units = contract->lot_micro_units * contract->multiplier,
            .mark_micros =
                expiry->day == 0 ? tn_exchange_perpetual_mark(exchange, expiry->underlying) : 0,
        };
        risk->series_scratch[count++] = index;
    }
    return count;
}

static int64_t cut(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/* Gives a series the row and mark worked out for it; the first mark opens it. */
static void publish(struct tn_exchange *exchange, uint32_t index, uint32_t place)
{
    struct risk *risk = exchange->risk;
    const struct series *series = &exchange->series[index];
    const struct tn_price_mark *priced = &risk->mark_scratch[place];
    int64_t *row = risk->rows[index];
    memcpy(row, risk->rows_scratch[place], sizeof risk->rows[index]);
    row[TN_COLUMN_MARK] = cut(row[TN_COLUMN_MARK],
                              series->terms->contract.price_max * series->terms->micros_per_tick);
    const struct tn_mark mark = {
        .series_id = series->id,
        .mark_micros = row[TN_COLUMN_MARK],
        .forward_micros = forward_of(exchange, &risk->expiries[series->expiry]),
        .delta_ppb = priced->delta_ppb,
        .vega_micros = cut(priced->vega_micros, VEGA_MAX),
        .vol_ppm = (int32_t)cut(priced->vol_ppm, VOL_MAX_PPM),
    };
    TN_ASSERT(mark.mark_micros >= 0 && mark.forward_micros >= 1 && mark.vega_micros >= 0);
    tn_exchange_touch_series(exchange, index, TOUCH_ROWS);
    fill_series(exchange, index);
    tn_exchange_set_series_mark(exchange, index, &mark);
    if (series->status == TN_STATUS_INITIALIZING) {
        tn_exchange_set_status(exchange, index, TN_STATUS_ACTIVE);
    }
}

static void price_expiry(struct tn_exchange *exchange, uint32_t slot)
{
    struct risk *risk = exchange->risk;
    struct expiry *expiry = &risk->expiries[slot];
    uint32_t count = collect(exchange, expiry);
    if (count == 0) return;
    const struct tn_price_expiry priced = {
        .surface = expiry->surface,
        .fixed_micros = expiry->day == 0 ? 0 : expiry->fixed_micros,
        .variable_micros =
            expiry->day == 0 ? forward_of(exchange, expiry) : expiry->variable_micros,
        .left_ms = tn_exchange_left_ms(exchange, expiry),
        .rate_ppb = rate_of(expiry),
    };
    tn_pricing_rows(risk->rows_scratch, risk->mark_scratch, (enum tn_cpu)exchange->limits.cpu,
                    &risk->shocks, &priced, risk->price_scratch, count);
    expiry->priced = true;
    for (uint32_t i = 0; i < count; i++)
        publish(exchange, risk->series_scratch[i], i);
}

/* Factors after prices: an expiry that was never priced has no weights and no positions. */
static void price_all(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        price_expiry(exchange, slot);
        if (risk->expiries[slot].priced) fill_expiry(exchange, &market, slot);
    }
}

/* ---- The MARK ---- */

static void begin_sweep(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    tn_exchange_touch_assets(exchange); /* valued now */
    tn_exchange_touch_feeds_at_mark(exchange);
    risk->mark++;
    risk->mark_ms = exchange->time_ms;
    risk->cursor = 0;
    risk->sweeping = true;
    tn_exchange_marks_changed(exchange);
    struct tn_event *event = emit(exchange, TN_EVENT_MARKED);
    event->quantity = exchange->accounts_count;
    event->order_id = risk->mark;
}

void tn_exchange_brief(struct tn_exchange *exchange)
{
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    tn_margin_brief(&exchange->risk->briefs, &market);
    exchange->risk->briefs_epoch = exchange->risk->sums_epoch;
}

void tn_exchange_mark(struct tn_exchange *exchange)
{
    TN_ASSERT(exchange->risk != NULL && !exchange->risk->sweeping);
    exchange->risk->briefs_epoch = 0;     /* none are of rows that change */
    tn_exchange_integrate_spot(exchange); /* with the readings of the last MARK */
    tn_exchange_take_readings(exchange);
    set_indexes(exchange);
    tn_exchange_expire(exchange);
    tn_exchange_average(exchange);
    tn_exchange_list_by_rule(exchange);
    tn_exchange_repair_surfaces(exchange);
    tn_exchange_judge_feeds(exchange);
    tn_exchange_accrue_funding(exchange);
    tn_exchange_step_mm_factor(exchange);
    tn_exchange_scale(exchange);
    fill_underlyings(exchange);
    fill_assets(exchange);
    price_all(exchange);
    begin_sweep(exchange);
}
