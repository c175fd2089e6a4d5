/* scaling: how much more than the worst scenario initial margin asks for, and how the maintenance
 * factor moves (docs/specs/risk.md, "MARK").
 *
 * λ of an underlying grows with the open interest, with how far spot has moved lately, and with
 * the part that one account holds: the three ways in which the next liquidation could be larger
 * than the book. All are read from what the market has seen itself. */
#include "exchange/feeds.h"

#define PPM          INT64_C(1000000)
#define E9           INT64_C(1000000000)
#define WHOLE_Q30    (INT64_C(1) << 30)
#define MS_PER_YEAR  INT64_C(31536000000)
#define MS_PER_HOUR  INT64_C(3600000)
#define INTEREST_MAX (INT64_C(1) << 60)
#define VARIANCE_MAX (INT64_C(1) << 60)
#define RETURN_MAX   (10 * E9)

/* ⌊√x⌋, for x ≥ 0. */
static int64_t root_floor(int64_t x)
{
    int64_t root = 0;
    for (int64_t bit = INT64_C(1) << 31; bit > 0; bit >>= 1) {
        int64_t next = root + bit;
        if (next <= x / next) root = next;
    }
    return root;
}

/* √(e12) is in e6: ppm. */
int64_t tn_exchange_volatility_ppm(const struct risk_underlying *under)
{
    return root_floor(under->variance_e12);
}

/* Σ over the underlying's series of open interest × spot of one lot. */
static tn_micros open_interest(const struct tn_exchange *exchange,
                               const struct risk_underlying *under)
{
    tn_i128 interest = 0;
    uint32_t slot = under->expiries_head;
    for (; slot != TN_NONE; slot = exchange->risk->expiries[slot].next) {
        uint32_t index = exchange->risk->expiries[slot].series_head;
        for (; index != TN_NONE; index = exchange->series[index].expiry_next) {
            const struct series *series = &exchange->series[index];
            if (series->terms->base < 0) continue;
            interest += (tn_i128)series->open_interest * series->terms->base;
        }
    }
    return interest < INTEREST_MAX ? (tn_micros)interest : INTEREST_MAX;
}

/* Weighs the squared return since the last MARK, as of a year, into the average. */
static void step_variance(const struct tn_exchange *exchange, struct risk_underlying *under)
{
    if (under->spot.freshness == TN_STALE) return;
    tn_micros spot = under->spot.value, before = under->variance_spot;
    int64_t time_ms = exchange->time_ms - under->variance_ms;
    under->variance_spot = spot;
    under->variance_ms = exchange->time_ms;
    if (before == 0 || time_ms == 0) return;
    tn_i128 change = (tn_i128)(spot - before) * E9 / before;
    if (change > RETURN_MAX) change = RETURN_MAX;
    tn_i128 yearly_e12 = change * change * MS_PER_YEAR / time_ms / PPM;
    int64_t keep = tn_pricing_decay_q30(time_ms, exchange->risk->parameters.volatility_tau_ms);
    TN_ASSERT(keep >= 0 && keep <= WHOLE_Q30);
    if (yearly_e12 > VARIANCE_MAX) yearly_e12 = VARIANCE_MAX;
    tn_i128 sum = (tn_i128)under->variance_e12 * keep + yearly_e12 * (WHOLE_Q30 - keep);
    under->variance_e12 = (int64_t)(sum / WHOLE_Q30);
}

/* The largest account's part of the interest, both as of the sweep that ended. */
static int64_t share_ppm(struct risk_underlying *under)
{
    under->largest_before = under->largest_micros;
    under->largest_micros = 0;
    if (under->interest_micros == 0) return 0;
    tn_i128 share = (tn_i128)under->largest_before * PPM / under->interest_micros;
    return share < PPM ? (int64_t)share : PPM;
}

void tn_exchange_scale(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        struct risk_underlying *under = &risk->underlyings[i];
        int64_t share = share_ppm(under);
        step_variance(exchange, under);
        under->interest_micros = open_interest(exchange, under);
        under->lambda_ppm = tn_margin_lambda_ppm(&risk->parameters, under->interest_micros,
                                                 tn_exchange_volatility_ppm(under), share);
    }
}

/* Once in each hour of block time that has a MARK: what was announced applies, and the next step
 * towards the parameter is announced. */
void tn_exchange_step_mm_factor(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    int64_t hour = exchange->time_ms / MS_PER_HOUR;
    if (risk->mark > 0 && hour == risk->mm_factor_hour) return;
    int64_t left = risk->parameters.mm_factor_ppm - risk->mm_factor_next_ppm;
    int64_t step = risk->parameters.mm_step_ppm;
    if (left > step) left = step;
    if (left < -step) left = -step;
    risk->mm_factor_hour = hour;
    risk->mm_factor_before_ppm = risk->mm_factor_ppm;
    risk->mm_factor_ppm = risk->mm_factor_next_ppm;
    risk->mm_factor_next_ppm += left;
}
