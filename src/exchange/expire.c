/* expire: the settlement average, and the end of an expiry (docs/specs/risk.md, "Settlement").
 *
 * Spot is a step function of block time that moves at MARKs only, so its integral is exact: at each
 * MARK the value in use before it is multiplied by the time since the last one, as far as that
 * lies in the window and the value was fresh. Inside the window a part of the settlement price is
 * known, and only the rest still moves. */
#include "exchange/feeds.h"

#define PPM INT64_C(1000000)

static int64_t window_start(const struct tn_exchange *exchange, const struct expiry *expiry)
{
    return expiry->expiry_ms - exchange->risk->parameters.settlement_window_ms;
}

static void integrate(struct tn_exchange *exchange, struct expiry *expiry)
{
    const struct risk *risk = exchange->risk;
    const struct reading *spot = &risk->underlyings[expiry->underlying].spot;
    int64_t from = window_start(exchange, expiry), to = expiry->expiry_ms;
    if (from < expiry->integrated_until_ms) from = expiry->integrated_until_ms;
    if (to > exchange->time_ms) to = exchange->time_ms;
    int64_t fresh_until = spot->time_ms + risk->parameters.spot_heartbeat_ms;
    if (to > fresh_until) to = fresh_until;
    expiry->integrated_until_ms = exchange->time_ms;
    if (to <= from || spot->freshness == TN_STALE) return;
    expiry->spot_integral += (tn_i128)spot->value * (to - from);
    expiry->covered_ms += to - from;
}

/* Before new readings are taken: the values in use since the last MARK. */
void tn_exchange_integrate_spot(struct tn_exchange *exchange)
{
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        struct expiry *expiry = &exchange->risk->expiries[slot];
        if (expiry->day != 0 && !expiry->unsettled) integrate(exchange, expiry);
    }
}

/* Has fresh spot covered enough of the window? */
static bool is_covered(const struct tn_exchange *exchange, const struct expiry *expiry)
{
    const struct tn_risk *parameters = &exchange->risk->parameters;
    tn_i128 needed = (tn_i128)parameters->settlement_cover_ppm * parameters->settlement_window_ms;
    return expiry->covered_ms > 0 && (tn_i128)expiry->covered_ms * PPM >= needed;
}

static void end_expiry(struct tn_exchange *exchange, uint32_t slot)
{
    struct expiry *expiry = &exchange->risk->expiries[slot];
    if (expiry->series_head != TN_NONE) {
        if (!is_covered(exchange, expiry)) {
            expiry->unsettled = true;
            return;
        }
        tn_micros price = (tn_micros)(expiry->spot_integral / expiry->covered_ms);
        TN_ASSERT(price >= 1);
        tn_exchange_settle_expiry(exchange, (uint16_t)(expiry->underlying + 1), expiry->day, price);
        tn_exchange_sweep_settlements(exchange, UINT32_MAX); /* everybody is paid in this MARK */
    }
    tn_exchange_close_expiry(exchange, slot);
}

void tn_exchange_expire(struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    while (slot != TN_NONE) {
        const struct expiry *expiry = &risk->expiries[slot];
        uint32_t next = tn_exchange_next_expiry(exchange, slot);
        if (!expiry->unsettled && expiry->expiry_ms <= exchange->time_ms) {
            end_expiry(exchange, slot);
        }
        slot = next;
    }
}

/* fixed = average so far × elapsed / W, variable = F × remaining / W, both floored. */
static void split_forward(const struct tn_exchange *exchange, struct expiry *expiry)
{
    int64_t window_ms = exchange->risk->parameters.settlement_window_ms;
    int64_t elapsed_ms = exchange->time_ms - window_start(exchange, expiry);
    tn_micros spot = exchange->risk->underlyings[expiry->underlying].spot.value;
    expiry->fixed_micros = 0;
    expiry->variable_micros = expiry->forward.value;
    if (elapsed_ms <= 0) return;
    TN_ASSERT(elapsed_ms < window_ms);
    tn_i128 fixed = (tn_i128)spot * elapsed_ms / window_ms;
    if (expiry->covered_ms > 0) {
        fixed = expiry->spot_integral * elapsed_ms / ((tn_i128)expiry->covered_ms * window_ms);
    }
    expiry->fixed_micros = (tn_micros)fixed;
    expiry->variable_micros =
        tn_mul_div_floor(expiry->forward.value, window_ms - elapsed_ms, window_ms);
    if (expiry->fixed_micros + expiry->variable_micros == 0) expiry->variable_micros = 1;
}

void tn_exchange_average(struct tn_exchange *exchange)
{
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        struct expiry *expiry = &exchange->risk->expiries[slot];
        bool runs = expiry->day != 0 && !expiry->unsettled;
        if (runs && expiry->forward.seen) split_forward(exchange, expiry);
    }
}
