/* riskview: the margin engine's state for who looks on. */
#include "tenor/riskview.h"
#include "exchange/feeds.h"

static struct tn_feed_view view_of(const struct reading *reading)
{
    return (struct tn_feed_view){.value = reading->value,
                                 .time_ms = reading->time_ms,
                                 .held = reading->held,
                                 .confidence_ppm = reading->confidence_ppm,
                                 .freshness = reading->freshness};
}

bool tn_exchange_risk(const struct tn_exchange *exchange, struct tn_risk_view *view)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL) return false;
    *view = (struct tn_risk_view){
        .version = risk->version,
        .pending_height = risk->pending.height,
        .mark = risk->mark,
        .mark_ms = risk->mark_ms,
        .mm_factor_before_ppm = risk->mm_factor_before_ppm,
        .mm_factor_ppm = risk->mm_factor_ppm,
        .mm_factor_next_ppm = risk->mm_factor_next_ppm,
        .stable = view_of(&risk->stable),
        .sweeping = risk->sweeping,
        .sweep_left = risk->sweeping ? exchange->accounts_count - risk->cursor : 0,
        .liquidations_left = risk->list_sorted ? risk->list_count - risk->list_cursor : 0,
        .parameters = &risk->parameters};
    return true;
}

static bool has_underlying(const struct tn_exchange *exchange, uint16_t number)
{
    return exchange->risk != NULL && number >= 1 && number <= exchange->underlyings_count;
}

bool tn_exchange_underlying_risk(const struct tn_exchange *exchange,
                                 struct tn_underlying_risk_view *view, uint16_t underlying)
{
    if (!has_underlying(exchange, underlying)) return false;
    const struct risk_underlying *under = &exchange->risk->underlyings[underlying - 1];
    *view = (struct tn_underlying_risk_view){.spot = view_of(&under->spot),
                                             .premium_micros = under->premium_micros,
                                             .interest_micros = under->interest_micros,
                                             .volatility_ppm = tn_exchange_volatility_ppm(under),
                                             .lambda_ppm = under->lambda_ppm};
    return true;
}

bool tn_exchange_expiry_risk(const struct tn_exchange *exchange, struct tn_expiry_risk_view *view,
                             uint16_t underlying, uint16_t expiry_day)
{
    if (!has_underlying(exchange, underlying)) return false;
    uint32_t slot = tn_exchange_find_expiry(exchange, (uint16_t)(underlying - 1), expiry_day);
    if (slot == TN_NONE) return false;
    const struct expiry *expiry = &exchange->risk->expiries[slot];
    *view = (struct tn_expiry_risk_view){.forward = view_of(&expiry->forward),
                                         .vol = view_of(&expiry->vol),
                                         .rate = view_of(&expiry->rate),
                                         .surface = expiry->surface,
                                         .fixed_micros = expiry->fixed_micros,
                                         .variable_micros = expiry->variable_micros,
                                         .covered_ms = expiry->covered_ms,
                                         .freshness = expiry->freshness,
                                         .freshness_linear = expiry->freshness_linear,
                                         .unsettled = expiry->unsettled};
    return true;
}

bool tn_exchange_account_risk(const struct tn_exchange *exchange, struct tn_account_risk_view *view,
                              uint32_t account)
{
    if (exchange->risk == NULL || account >= exchange->accounts_count) return false;
    const struct guard *guard = &exchange->risk->guards[account];
    *view = (struct tn_account_risk_view){.model = guard->model,
                                          .liquidation = guard->liquidation,
                                          .called_until_ms = guard->called_until_ms,
                                          .judged_equity = guard->equity,
                                          .judged_mm = guard->mm};
    tn_exchange_evaluate(exchange, &view->margin, account, NULL, 0);
    view->requirement = view->margin.equity - view->margin.mm;
    return true;
}
