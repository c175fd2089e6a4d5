/* perp: a perpetual's mark and its funding (docs/specs/risk.md, "Perpetuals and funding").
 *
 * The mark is spot plus a premium, and the premium is what the book has said for a while: an
 * average over MARKs of how far the middle of the impact prices lies from spot. Who wants to move
 * it must stand in the book, with company, from one MARK to the next, for as long as the average
 * remembers; and the mark never strays further from spot than a parameter allows. */
#include "exchange/feeds.h"

#define PPM               INT64_C(1000000)
#define WHOLE_Q30         (INT64_C(1) << 30)
#define FUNDING_INDEX_MAX (INT64_C(1) << 60)
enum { ORDERS_WALKED_MAX = 64 };

/* What the impact depth of one side is taken from. */
struct depth {
    tn_i128 weighted; /* Σ unit price × micros taken there */
    tn_micros taken;
    uint32_t owners_count;
    uint32_t owners[ORDERS_WALKED_MAX];
    tn_micros owner_taken[ORDERS_WALKED_MAX];
};

static tn_micros *taken_of(struct depth *depth, uint32_t owner)
{
    uint32_t i = 0;
    while (i < depth->owners_count && depth->owners[i] != owner)
        i++;
    if (i == depth->owners_count) {
        TN_ASSERT(depth->owners_count < ORDERS_WALKED_MAX);
        depth->owners[depth->owners_count++] = owner;
        depth->owner_taken[i] = 0;
    }
    return &depth->owner_taken[i];
}

/* Takes one order into the depth: of an owner at most half of all counts. */
static void take(struct depth *depth, const struct series *series, const struct tn_resting *resting,
                 tn_micros impact)
{
    const struct terms *terms = series->terms;
    tn_micros *owner_taken = taken_of(depth, resting->owner);
    tn_micros value;
    bool fits = tn_notional(resting->price, resting->quantity, terms->micros_per_tick, &value);
    TN_ASSERT(fits);
    if (value > impact - depth->taken) value = impact - depth->taken;
    if (value > (impact + 1) / 2 - *owner_taken) value = (impact + 1) / 2 - *owner_taken;
    depth->weighted += (tn_i128)resting->price * terms->contract.tick_micros * value;
    depth->taken += value;
    *owner_taken += value;
}

/* The average price of one unit over the impact depth; false when the depth is not there. */
static bool impact_price(tn_i128 *price, const struct tn_exchange *exchange, uint32_t index,
                         enum tn_side side)
{
    tn_micros impact = exchange->risk->parameters.impact_micros;
    struct depth depth = {.taken = 0};
    uint32_t slot = tn_book_front(exchange->books, book_of(index), side);
    for (uint32_t i = 0; i < ORDERS_WALKED_MAX && slot != TN_NONE && depth.taken < impact; i++) {
        const struct tn_resting *resting = &exchange->resting[slot];
        bool counts = exchange->orders[slot].placed_mark < exchange->mark &&
                      !tn_exchange_death(exchange, slot);
        if (counts) take(&depth, &exchange->series[index], resting, impact);
        slot = tn_book_after(exchange->books, slot);
    }
    if (depth.taken < impact) return false;
    *price = depth.weighted / impact;
    return true;
}

/* Impact mid − spot, within ±spot; 0 without the depth on both sides. */
static tn_micros sample(const struct tn_exchange *exchange, uint32_t index, tn_micros spot)
{
    tn_i128 bid, ask;
    if (exchange->series[index].status != TN_STATUS_ACTIVE ||
        !impact_price(&bid, exchange, index, TN_BUY) ||
        !impact_price(&ask, exchange, index, TN_SELL)) {
        return 0;
    }
    tn_i128 premium = (bid + ask) / 2 - spot;
    if (premium > spot) premium = spot;
    return premium < -(tn_i128)spot ? -spot : (tn_micros)premium;
}

static tn_micros clamp_premium(tn_micros premium, tn_micros spot, int64_t most_ppm)
{
    tn_micros most = tn_ppm_floor(spot, most_ppm);
    if (premium > most) return most;
    return premium < -most ? -most : premium;
}

/* I += clamp(p, ± most × spot) × lot × Δt / period, towards zero; in millionths of a micro per lot,
 * so that a lot's millionths of a unit enter as they are. */
static void accrue(struct tn_exchange *exchange, const struct risk_underlying *under,
                   int64_t time_ms)
{
    const struct tn_risk *parameters = &exchange->risk->parameters;
    struct series *series = &exchange->series[under->perpetual];
    const struct tn_contract *contract = &series->terms->contract;
    tn_i128 rate =
        clamp_premium(under->premium_micros, under->spot.value, parameters->funding_most_ppm);
    tn_i128 delta = rate * (contract->lot_micro_units * contract->multiplier) * time_ms /
                    parameters->funding_period_ms;
    tn_i128 next = delta + series->funding_index;
    if (next > FUNDING_INDEX_MAX) next = FUNDING_INDEX_MAX;
    if (next < -FUNDING_INDEX_MAX) next = -FUNDING_INDEX_MAX;
    series->funding_index = (int64_t)next;
}

void tn_exchange_accrue_funding(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        struct risk_underlying *under = &risk->underlyings[i];
        int64_t time_ms =
            under->premium_time_ms == 0 ? 0 : exchange->time_ms - under->premium_time_ms;
        bool fresh = under->spot.freshness != TN_STALE && under->perpetual != TN_NONE;
        int64_t keep = tn_pricing_decay_q30(time_ms, risk->parameters.premium_tau_ms);
        TN_ASSERT(keep >= 0 && keep <= WHOLE_Q30);
        tn_micros now = fresh ? sample(exchange, under->perpetual, under->spot.value) : 0;
        tn_i128 premium = (tn_i128)under->premium_micros * keep + (tn_i128)now * (WHOLE_Q30 - keep);
        under->premium_micros = (tn_micros)(premium / WHOLE_Q30);
        under->premium_time_ms = exchange->time_ms;
        if (fresh) accrue(exchange, under, time_ms);
    }
}

tn_micros tn_exchange_perpetual_mark(const struct tn_exchange *exchange, uint32_t underlying)
{
    const struct risk_underlying *under = &exchange->risk->underlyings[underlying];
    tn_micros spot = under->spot.value;
    tn_micros unit = spot + clamp_premium(under->premium_micros, spot,
                                          exchange->risk->parameters.premium_most_ppm);
    tn_micros mark;
    bool fits =
        tn_contract_value_floor(&mark, unit, &exchange->underlyings[underlying].terms[1].contract);
    TN_ASSERT(fits && mark >= 0);
    return mark;
}
