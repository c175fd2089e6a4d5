/* listing: series that the rules ask for, at MARKs (docs/specs/risk.md, "MARK").
 *
 * As the forward moves, strikes come into the range of deltas that the rules name, and are listed;
 * none is ever taken back before its expiry. Looking is bounded: a MARK looks at a few expiries,
 * taking turns, and lists a few series; what is left comes at the next. */
#include "exchange/feeds.h"

enum { EXPIRIES_PER_MARK = 4, LISTED_PER_MARK = 32, STRIKES_EACH_WAY = 64 };

/* Lists a series if it is new and there is room for it. */
static void list(struct tn_exchange *exchange, uint32_t *room, const struct expiry *expiry,
                 enum tn_series_kind kind, uint64_t strike)
{
    struct tn_series_terms terms = {(uint16_t)(expiry->underlying + 1), (uint8_t)kind, expiry->day,
                                    strike};
    uint64_t id;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    if (*room == 0 || !tn_exchange_series_fits(exchange) ||
        tn_exchange_find_series(exchange, id) != TN_NONE) {
        return;
    }
    tn_exchange_add_series(exchange, id);
    --*room;
}

/* Margin's bound on the value of a position holds for a put at a forward of zero. */
static bool strike_fits(const struct tn_contract *contract, uint64_t strike)
{
    tn_micros value;
    return strike >= 1 && strike <= TN_STRIKE_MAX &&
           tn_contract_value_floor(&value, (tn_micros)strike * TN_MICROS_PER_STRIKE_UNIT,
                                   contract) &&
           value < TN_MARGIN_VALUE_MAX / contract->quantity_max;
}

static int64_t call_delta_ppb(const struct tn_exchange *exchange, const struct expiry *expiry,
                              uint64_t strike)
{
    const struct tn_surface *surface = &expiry->adopted;
    tn_micros strike_micros = (tn_micros)strike * TN_MICROS_PER_STRIKE_UNIT;
    int64_t variance_e12 = tn_surface_variance_at_e12(surface, strike_micros);
    struct tn_option option = {
        .forward_micros = expiry->fixed_micros + expiry->variable_micros,
        .strike_micros = strike_micros,
        .vol_ppb = tn_exchange_vol_ppb(surface, variance_e12),
        .left_ms = tn_exchange_left_ms(exchange, expiry),
        .rate_ppb = expiry->rate.seen ? expiry->rate.value : 0,
    };
    struct tn_greeks greeks;
    tn_pricing_greeks(&greeks, &option);
    return greeks.delta_ppb;
}

/* The grid from one strike on, up or down, as far as deltas are in range. */
static void list_grid(struct tn_exchange *exchange, uint32_t *room, const struct expiry *expiry,
                      uint64_t strike, uint64_t step, bool up)
{
    const struct underlying *under = &exchange->underlyings[expiry->underlying];
    int64_t low = under->listing.delta_low_ppb, high = under->listing.delta_high_ppb;
    for (uint32_t i = 0; i<STRIKES_EACH_WAY && * room> 0; i++) {
        if (!strike_fits(&under->terms[0].contract, strike)) return;
        int64_t delta = call_delta_ppb(exchange, expiry, strike);
        if (up ? delta < low : delta > high) return;
        if (delta >= low && delta <= high) {
            list(exchange, room, expiry, TN_CALL, strike);
            list(exchange, room, expiry, TN_PUT, strike);
        }
        strike = up ? strike + step : strike - step; /* 0 does not fit */
    }
}

static bool is_by_rule(const struct tn_exchange *exchange, const struct expiry *expiry)
{
    const struct underlying *under = &exchange->underlyings[expiry->underlying];
    const struct risk *risk = exchange->risk;
    int64_t left_ms = expiry->expiry_ms - exchange->time_ms;
    return left_ms > under->closing_ms && left_ms > risk->parameters.lag_ms &&
           expiry->forward.freshness == TN_FRESH &&
           risk->underlyings[expiry->underlying].spot.freshness == TN_FRESH &&
           tn_listing_names_day(&under->listing, exchange->time_ms, expiry->day);
}

static void list_expiry(struct tn_exchange *exchange, uint32_t *room, uint32_t slot)
{
    const struct expiry *expiry = &exchange->risk->expiries[slot];
    const struct tn_listing_rules *rules = &exchange->underlyings[expiry->underlying].listing;
    if (!is_by_rule(exchange, expiry)) return;
    if (tn_day_is_month_end_friday(expiry->day)) list(exchange, room, expiry, TN_FUTURE, 0);
    if (expiry->vol.freshness != TN_FRESH) return;
    tn_micros forward = expiry->fixed_micros + expiry->variable_micros;
    uint64_t step = tn_listing_strike_step(rules, forward);
    uint64_t middle = (uint64_t)(forward / TN_MICROS_PER_STRIKE_UNIT) / step * step;
    list_grid(exchange, room, expiry, middle + step, step, true);
    list_grid(exchange, room, expiry, middle, step, false);
}

/* The expiry whose turn is after the one where the last MARK ended, around again from the end. */
static uint32_t next_in_turn(const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    uint32_t first = TN_NONE, slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        const struct expiry *expiry = &risk->expiries[slot];
        if (expiry->day == 0) continue;
        if (first == TN_NONE) first = slot;
        bool later = expiry->underlying != risk->listing_underlying
                         ? expiry->underlying > risk->listing_underlying
                         : expiry->day > risk->listing_day;
        if (later) return slot;
    }
    return first;
}

void tn_exchange_list_by_rule(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    uint32_t room = LISTED_PER_MARK, begun = TN_NONE;
    for (uint32_t i = 0; i < EXPIRIES_PER_MARK && room > 0; i++) {
        uint32_t slot = next_in_turn(exchange);
        if (slot == TN_NONE || slot == begun) return; /* none, or all were looked at */
        if (begun == TN_NONE) begun = slot;
        const struct expiry *expiry = &risk->expiries[slot];
        risk->listing_underlying = expiry->underlying;
        risk->listing_day = expiry->day;
        if (!expiry->unsettled) list_expiry(exchange, &room, slot);
    }
}
