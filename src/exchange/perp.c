/* perp: a perpetual's mark and its funding (docs/specs/risk.md, "Perpetuals and funding").
 *
 * The mark is spot plus a premium, and the premium is what the book has said for a while: an
 * average over MARKs of how far the middle of the impact prices lies from spot. Who wants to move
 * it must stand in the book, with company, from one MARK to the next, for as long as the average
 * remembers. Orders far behind the market cost nothing to place, so they are no depth and say
 * nothing; and none says more than the mark may stray. */
#include "exchange/feeds.h"

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

static tn_micros clamp_premium(tn_micros premium, tn_micros spot, int64_t most_ppm)
{
    tn_micros most = tn_ppm_floor(spot, most_ppm);
    if (premium > most) return most;
    return premium < -most ? -most : premium;
}

/* Takes one order into the depth at a price of one unit: of an owner at most half of all counts. */
static void take(struct depth *depth, const struct series *series, const struct tn_resting *resting,
                 tn_micros unit, tn_micros impact)
{
    tn_micros *owner_taken = taken_of(depth, resting->owner);
    tn_micros value;
    bool fits =
        tn_notional(resting->price, resting->quantity, series->terms->micros_per_tick, &value);
    TN_ASSERT(fits);
    if (value > impact - depth->taken) value = impact - depth->taken;
    if (value > (impact + 1) / 2 - *owner_taken) value = (impact + 1) / 2 - *owner_taken;
    depth->weighted += (tn_i128)unit * value;
    depth->taken += value;
    *owner_taken += value;
}

/* How far from spot the perpetual's mark may be, in micros of one unit. */
static tn_micros most_of(const struct tn_exchange *exchange, tn_micros spot)
{
    return tn_ppm_floor(spot, exchange->risk->parameters.premium_most_ppm);
}

/* The last price of a side that is depth: further behind spot, or behind the other side where that
 * is beyond spot, an order costs nothing. */
static tn_i128 edge_of(const struct tn_exchange *exchange, uint32_t index, enum tn_side side,
                       tn_micros spot)
{
    tn_i128 from = spot;
    tn_ticks best;
    if (tn_book_best(exchange->books, &best, book_of(index), opposite((uint8_t)side))) {
        tn_i128 facing = (tn_i128)best * exchange->series[index].terms->contract.tick_micros;
        bool beyond = side == TN_BUY ? facing < from : facing > from;
        if (beyond) from = facing;
    }
    return side == TN_BUY ? from - most_of(exchange, spot) : from + most_of(exchange, spot);
}

/* The average price of one unit over the impact depth, each order's within what the mark may stray;
 * false when the depth is not there. */
static bool impact_price(tn_micros *price, const struct tn_exchange *exchange, uint32_t index,
                         enum tn_side side, tn_micros spot)
{
    const struct series *series = &exchange->series[index];
    const struct tn_risk *parameters = &exchange->risk->parameters;
    tn_micros impact = parameters->impact_micros;
    tn_i128 edge = edge_of(exchange, index, side, spot);
    struct depth depth = {.taken = 0};
    uint32_t slot = tn_book_front(exchange->books, book_of(index), side);
    for (uint32_t i = 0; i < ORDERS_WALKED_MAX && slot != TN_NONE && depth.taken < impact; i++) {
        const struct tn_resting *resting = &exchange->resting[slot];
        tn_i128 unit = (tn_i128)resting->price * series->terms->contract.tick_micros;
        if (side == TN_BUY ? unit < edge : unit > edge) break;
        tn_i128 premium = unit - spot, most = most_of(exchange, spot);
        premium = premium > most ? most : premium < -most ? -most : premium;
        bool counts = exchange->orders[slot].placed_mark < exchange->mark &&
                      !tn_exchange_death(exchange, slot);
        if (counts) take(&depth, series, resting, spot + (tn_micros)premium, impact);
        slot = tn_book_after(exchange->books, slot);
    }
    if (depth.taken < impact) return false;
    *price = (tn_micros)(depth.weighted / impact);
    return true;
}

/* Impact mid − spot; 0 without the depth on both sides. */
static tn_micros sample(const struct tn_exchange *exchange, uint32_t index, tn_micros spot)
{
    tn_micros bid, ask;
    if (exchange->series[index].status != TN_STATUS_ACTIVE ||
        !impact_price(&bid, exchange, index, TN_BUY, spot) ||
        !impact_price(&ask, exchange, index, TN_SELL, spot)) {
        return 0;
    }
    return (bid + ask) / 2 - spot;
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
    tn_exchange_touch_series(exchange, under->perpetual, TOUCH_SERIES);
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
