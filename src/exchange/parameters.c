/* parameters: the risk parameters of a market: their first values, and a change of them that waits
 * for the block it names (docs/specs/risk.md, "MARK").
 *
 * A change is admitted whole, when it is announced, so that at its block nothing can fail; and only
 * one waits at a time, so that everybody knows what comes next. */
#include "exchange/records.h"

#define PPM INT64_C(1000000)

void tn_exchange_feeds_init(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    tn_risk_default(&risk->parameters, risk->scenarios, &risk->scenarios_count);
    bool valid =
        tn_risk_shocks(&risk->shocks, &risk->parameters, risk->scenarios, risk->scenarios_count);
    TN_ASSERT(valid && tn_risk_check(&risk->parameters) == TN_RISK_FIELDS_COUNT);
    risk->version = 1;
    risk->mm_factor_ppm = risk->parameters.mm_factor_ppm;
    risk->mm_factor_before_ppm = risk->parameters.mm_factor_ppm;
    risk->mm_factor_next_ppm = risk->parameters.mm_factor_ppm;
    risk->stable =
        (struct reading){.value = PPM, .confidence_ppm = (int32_t)PPM, .freshness = TN_STALE};
    for (uint32_t i = 0; i < exchange->limits.underlyings_max; i++) {
        risk->underlyings[i] = (struct risk_underlying){.spot = {.freshness = TN_STALE},
                                                        .expiries_head = TN_NONE,
                                                        .perpetual = TN_NONE,
                                                        .lambda_ppm = PPM};
    }
    for (uint32_t i = 0; i < exchange->limits.expiries_max; i++) {
        risk->expiries[i] = (struct expiry){.series_head = TN_NONE, .next = TN_NONE};
    }
}

enum tn_reject tn_exchange_set_risk(struct tn_exchange *exchange, uint32_t *field,
                                    const struct tn_entry *entry)
{
    struct risk *risk = exchange->risk;
    uint32_t count = entry->as.risk.scenarios_count;
    struct tn_shocks shocks;
    *field = 0;
    if (risk == NULL) return TN_REJECT_RISK_OFF;
    *field = tn_risk_check(entry->as.risk.risk);
    if (*field != TN_RISK_FIELDS_COUNT) return TN_REJECT_RISK_RANGE;
    if (count < 1 || count > TN_SCENARIOS_MAX ||
        !tn_risk_shocks(&shocks, entry->as.risk.risk, entry->as.risk.scenarios, count)) {
        return TN_REJECT_RISK_RANGE;
    }
    *field = 0;
    if (entry->as.risk.height <= exchange->height || risk->pending.height != 0) {
        return TN_REJECT_RISK_HEIGHT;
    }
    tn_exchange_touch_feeds(exchange, FEEDS_PENDING);
    risk->pending = (struct pending_risk){
        .height = entry->as.risk.height, .risk = *entry->as.risk.risk, .scenarios_count = count};
    memcpy(risk->pending.scenarios, entry->as.risk.scenarios, count * sizeof(struct tn_scenario));
    return TN_REJECT_NONE;
}

/* The last moment to trade moves with lag_ms. */
static void move_closing_times(struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        struct series *series = &exchange->series[i];
        int64_t expiry_ms = tn_series_expiry_ms(series->id);
        int64_t closing_ms = exchange->underlyings[series->underlying].closing_ms;
        int64_t lag_ms = exchange->risk->parameters.lag_ms;
        if (expiry_ms == INT64_MAX) continue;
        series->closing_at_ms = expiry_ms - (closing_ms > lag_ms ? closing_ms : lag_ms);
    }
}

void tn_exchange_take_risk(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    if (risk->pending.height == 0 || risk->pending.height > exchange->height) return;
    tn_exchange_touch_feeds(exchange, FEEDS_HEAD);
    tn_exchange_touch_feeds(exchange, FEEDS_PARAMETERS);
    tn_exchange_touch_feeds(exchange, FEEDS_PENDING);
    risk->parameters = risk->pending.risk;
    risk->scenarios_count = risk->pending.scenarios_count;
    memcpy(risk->scenarios, risk->pending.scenarios, sizeof risk->scenarios);
    bool valid =
        tn_risk_shocks(&risk->shocks, &risk->parameters, risk->scenarios, risk->scenarios_count);
    TN_ASSERT(valid); /* as when the change was admitted */
    risk->pending = (struct pending_risk){0};
    risk->version++;
    tn_exchange_forget_sums(exchange);
    move_closing_times(exchange);
    emit(exchange, TN_EVENT_RISK)->order_id = risk->version;
}
