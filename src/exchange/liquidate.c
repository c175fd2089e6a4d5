/* liquidate: the first steps of the waterfall (risk.md, Liquidation): an account that fails is
 * listed when it is judged; its orders go; slices of its positions are sold into the books at
 * prices that leave it better off; what slices cannot mend goes to auction (seize.c), and what
 * nobody buys is deleveraged (deleverage.c).
 *
 * The list (listed.c) is made by the sweep, sorted worst first when the sweep ends, and worked by
 * LIQ entries. An account stands on it at most once per MARK. */
#include "exchange/feeds.h"

enum { PPM = 1000000 };

/* ---- Stages ---- */

tn_micros tn_exchange_overdrawn(const struct tn_exchange *exchange,
                                const struct tn_margin_result *result)
{
    tn_micros least = -exchange->risk->parameters.negative_cash_micros;
    return result->cash_equity < least ? least - result->cash_equity : 0;
}

tn_micros tn_exchange_buffer(const struct tn_exchange *exchange,
                             const struct tn_margin_result *result)
{
    tn_micros requirement = result->equity - result->mm;
    tn_micros buffer = result->mm - tn_ppm_ceil(requirement, exchange->risk->parameters.buffer_ppm);
    tn_micros overdrawn = tn_exchange_overdrawn(exchange, result);
    return overdrawn > 0 && -overdrawn < buffer ? -overdrawn : buffer;
}

void tn_exchange_set_stage(struct tn_exchange *exchange, uint32_t account,
                           enum tn_liquidation stage, const struct tn_margin_result *result)
{
    struct guard *guard = &exchange->risk->guards[account];
    struct tn_event *event = emit(exchange, TN_EVENT_LIQUIDATION);
    event->account = account;
    event->index = stage;
    event->other_index = guard->liquidation;
    event->price = result->equity;
    event->quantity = result->mm;
    event->remaining = result->m;
    event->other_remaining = result->equity - result->mm;
    event->fee = guard->paid_micros;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    tn_exchange_forget_cushion(exchange, account);
    guard->liquidation = (uint8_t)stage;
    tn_exchange_note_wound(exchange, account);
    guard->stage_ms = exchange->time_ms;
    if (stage != TN_LIQUIDATION_AUCTION) guard->received_micros = 0;
    if (stage == TN_LIQUIDATION_NONE) {
        guard->fee_taken = false;
        guard->paid_micros = 0;
    }
}

bool tn_exchange_has_positions(const struct tn_exchange *exchange, uint32_t account)
{
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        if (exchange->exposures[slot].position.quantity != 0) return true;
    }
    return false;
}

static void cancel_orders(struct tn_exchange *exchange, uint32_t account)
{
    while (exchange->accounts[account].orders_head != TN_NONE) {
        tn_exchange_drop(exchange, exchange->accounts[account].orders_head, TN_REASON_LIQUIDATION,
                         TN_REJECT_NONE);
    }
}

/* Would MM be above zero under the factor that applied before its last step? Then the account is
 * called, once for each step, and has time to answer. All of R is scaled, contingencies too, which
 * is a little in the account's favour. */
static bool is_called(struct tn_exchange *exchange, uint32_t account,
                      const struct tn_margin_result *result)
{
    enum { HOUR_MS = 3600000 };
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[account];
    if (risk->mm_factor_ppm <= risk->mm_factor_before_ppm) return false;
    if (guard->model != TN_MARGIN_PORTFOLIO) return false; /* the factor does not enter there */
    if (tn_exchange_overdrawn(exchange, result) > 0) return false;
    tn_micros requirement = result->equity - result->mm;
    tn_micros eased = tn_mul_div_ceil(requirement, risk->mm_factor_before_ppm, risk->mm_factor_ppm);
    if (result->equity < eased) return false;
    int64_t called_ms = guard->called_until_ms - risk->parameters.mm_grace_ms;
    if (guard->called_until_ms == 0 || called_ms < risk->mm_factor_hour * HOUR_MS) {
        tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
        guard->called_until_ms = exchange->time_ms + risk->parameters.mm_grace_ms;
        struct tn_event *event = emit(exchange, TN_EVENT_CALLED);
        event->account = account;
        event->order_id = (uint64_t)guard->called_until_ms;
    }
    return exchange->time_ms < guard->called_until_ms;
}

/* The stage that an account in liquidation belongs in now. */
static enum tn_liquidation next_stage(const struct tn_exchange *exchange, uint32_t account,
                                      const struct tn_margin_result *result)
{
    const struct guard *guard = &exchange->risk->guards[account];
    const struct tn_risk *parameters = &exchange->risk->parameters;
    tn_micros requirement = result->equity - result->mm;
    enum tn_liquidation stage = (enum tn_liquidation)guard->liquidation;
    int64_t passed_ms = exchange->time_ms - guard->stage_ms;
    if (tn_exchange_buffer(exchange, result) >= 0) return TN_LIQUIDATION_NONE;
    if (stage == TN_LIQUIDATION_ADL) return stage;
    if (result->equity <= 0) {
        if (stage != TN_LIQUIDATION_INSOLVENT) return TN_LIQUIDATION_INSOLVENT;
        if (!tn_exchange_has_positions(exchange, account)) return stage; /* only collateral */
        bool nobody_paid_for = exchange->ledger.house[TN_HOUSE_INSURANCE] <= 0;
        bool time_is_up = passed_ms >= parameters->insolvent_rise_ms;
        return time_is_up || nobody_paid_for ? TN_LIQUIDATION_ADL : stage;
    }
    if (stage == TN_LIQUIDATION_SLICES) {
        bool deep = result->equity < tn_ppm_floor(requirement, parameters->auction_at_ppm);
        return deep || passed_ms >= parameters->slices_ms ? TN_LIQUIDATION_AUCTION : stage;
    }
    return TN_LIQUIDATION_AUCTION;
}

void tn_exchange_list_account(struct tn_exchange *exchange, uint32_t account,
                              const struct tn_margin_result *judged)
{
    struct guard *guard = &exchange->risk->guards[account];
    struct tn_margin_result now = *judged, *result = &now;
    tn_exchange_pay_back(exchange, account, result);
    if (!tn_exchange_has_positions(exchange, account) && result->equity < 0) {
        tn_exchange_absorb(exchange, account, result);
        if (guard->liquidation != TN_LIQUIDATION_NONE) cancel_orders(exchange, account);
        return;
    }
    if (guard->liquidation == TN_LIQUIDATION_NONE) {
        if (is_called(exchange, account, result)) return;
        cancel_orders(exchange, account);
        tn_exchange_set_stage(exchange, account, TN_LIQUIDATION_SLICES, result);
    }
    tn_exchange_move_stage(exchange, account, result);
    if (guard->liquidation == TN_LIQUIDATION_NONE) return;
    tn_exchange_list_add(exchange, account, result);
}

/* Moves an account in liquidation on, or out of it. */
void tn_exchange_move_stage(struct tn_exchange *exchange, uint32_t account,
                            const struct tn_margin_result *result)
{
    struct guard *guard = &exchange->risk->guards[account];
    enum tn_liquidation stage = next_stage(exchange, account, result);
    /* What is left without the cash of earlier bids is worth nothing: that cash goes with it. */
    if (guard->received_micros >= result->equity) guard->received_micros = 0;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    if (stage == guard->liquidation) return;
    tn_exchange_set_stage(exchange, account, stage, result);
    if (stage == TN_LIQUIDATION_AUCTION) tn_exchange_take_auction_fee(exchange, account);
}

/* ---- Slices ---- */

/* A leg that a slice may close: how much, and what that frees. */
struct leg {
    uint32_t series;
    tn_lots quantity; /* signed: what would trade */
    tn_micros freed;  /* ΔR; 0 = not eligible, or tried */
};

/* An account at the moment of a slice. */
struct failing {
    uint32_t account;
    bool overdrawn; /* then R is at least what CE lacks to be within its bound */
    tn_micros equity, requirement;
};

static tn_micros requirement_of(const struct tn_exchange *exchange,
                                const struct tn_margin_result *result, bool overdrawn)
{
    tn_micros mm = result->mm;
    tn_micros cash = result->cash_equity + exchange->risk->parameters.negative_cash_micros;
    if (overdrawn && cash < mm) mm = cash;
    return result->equity - mm;
}

static bool takes_slices(const struct tn_exchange *exchange, const struct series *series)
{
    return series->status == TN_STATUS_ACTIVE && !series->uncrossing &&
           exchange->time_ms < series->closing_at_ms && tn_exchange_is_marked(series) &&
           tn_exchange_freshness(exchange, series) == TN_FRESH;
}

/* R − R(with so many lots of the series traded at its mark). */
static tn_micros freed_by(const struct tn_exchange *exchange, const struct failing *failing,
                          uint32_t series, tn_lots quantity)
{
    struct tn_margin_result result;
    struct change change = {.series = series,
                            .replaced = TN_NONE,
                            .group = TN_NONE,
                            .traded = true,
                            .quantity = quantity,
                            .price = quantity * exchange->series[series].mark};
    tn_exchange_evaluate(exchange, &result, failing->account, &change, 1);
    return failing->requirement - requirement_of(exchange, &result, failing->overdrawn);
}

static uint32_t list_legs(const struct tn_exchange *exchange, struct leg *legs,
                          const struct failing *failing)
{
    uint32_t count = 0;
    uint32_t slot = exchange->accounts[failing->account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        tn_lots quantity = -exposure->position.quantity;
        if (quantity == 0 || !takes_slices(exchange, &exchange->series[exposure->series])) continue;
        tn_micros freed = freed_by(exchange, failing, exposure->series, quantity);
        if (freed <= 0) continue;
        TN_ASSERT(count < TN_MARGIN_POSITIONS_MAX);
        legs[count++] = (struct leg){exposure->series, quantity, freed};
    }
    return count;
}

/* The leg not yet tried that frees most; ties go to the lower series id. Takes it off the list. */
static bool next_leg(const struct tn_exchange *exchange, struct leg *next, struct leg *legs,
                     uint32_t count)
{
    struct leg *best = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct leg *leg = &legs[i];
        if (leg->freed == 0) continue;
        if (best == NULL || leg->freed > best->freed ||
            (leg->freed == best->freed &&
             exchange->series[leg->series].id < exchange->series[best->series].id)) {
            best = leg;
        }
    }
    if (best == NULL) return false;
    *next = *best;
    best->freed = 0;
    return true;
}

/* Cuts a leg to the fewest lots that free as much as is wanted. R is convex along the cut, so what
 * is freed rises until it is reached. */
static void size_leg(const struct tn_exchange *exchange, struct leg *leg,
                     const struct failing *failing, tn_micros wanted)
{
    TN_ASSERT(wanted > 0);
    if (wanted >= leg->freed) return;
    int sign = leg->quantity < 0 ? -1 : 1;
    tn_lots low = 0, high = leg->quantity * sign;
    while (high - low > 1) {
        tn_lots middle = low + (high - low) / 2;
        if (freed_by(exchange, failing, leg->series, sign * middle) >= wanted) {
            high = middle;
        } else {
            low = middle;
        }
    }
    leg->quantity = sign * high;
    leg->freed = freed_by(exchange, failing, leg->series, leg->quantity);
}

/* What a slice's limit is measured from: the mark; of a perpetual spot instead, where that is the
 * better price for the account: who pushes the premium gets nothing from the slices it sets off. */
static tn_micros reference_of(const struct tn_exchange *exchange, const struct leg *leg)
{
    const struct series *series = &exchange->series[leg->series];
    tn_micros spot = exchange->risk->margin_series[leg->series].spot_lot;
    if (tn_series_kind(series->id) != TN_PERPETUAL) return series->mark;
    bool spot_is_better = leg->quantity > 0 ? spot < series->mark : spot > series->mark;
    return spot_is_better ? spot : series->mark;
}

/* mark ∓ s, s · |q| = ΔR · (base + slope · clamp(1 − E/R, 0, 1)), on tick and inside the band; 0 if
 * there is no such price. */
static tn_ticks limit_of(const struct tn_exchange *exchange, const struct leg *leg,
                         const struct failing *failing)
{
    const struct series *series = &exchange->series[leg->series];
    const struct tn_risk *parameters = &exchange->risk->parameters;
    const struct tn_contract *contract = &series->terms->contract;
    tn_micros per_tick = series->terms->micros_per_tick;
    tn_lots lots = leg->quantity < 0 ? -leg->quantity : leg->quantity;
    int64_t short_ppm = PPM;
    if (failing->equity >= failing->requirement) {
        short_ppm = 0;
    } else if (failing->equity > 0) {
        short_ppm = PPM - tn_mul_div_ceil(failing->equity, PPM, failing->requirement);
    }
    int64_t weight_ppm =
        parameters->slice_base_ppm + tn_ppm_floor(parameters->slice_slope_ppm, short_ppm);
    tn_micros given = tn_ppm_floor(leg->freed, weight_ppm) / lots;
    tn_micros from = reference_of(exchange, leg);
    if (leg->quantity > 0) {
        tn_micros most = from + given;
        if (most > series->band_high) most = series->band_high;
        tn_ticks price = most / per_tick;
        if (price > contract->price_max) price = contract->price_max;
        return price < 1 ? 0 : tn_tick_floor(&contract->schedule, price);
    }
    tn_micros least = from - given;
    if (least < series->band_low) least = series->band_low;
    tn_ticks price = tn_tick_ceil(&contract->schedule, (least + per_tick - 1) / per_tick);
    return price > contract->price_max ? 0 : price;
}

/* One order into the book, at once or not at all. Returns what it filled. */
static tn_lots run_slice(struct tn_exchange *exchange, uint32_t account, const struct leg *leg,
                         tn_ticks limit, const struct tn_margin_result *before)
{
    uint8_t side = leg->quantity > 0 ? TN_BUY : TN_SELL;
    struct running running = {
        .id = ++exchange->last_order_id,
        .account = account,
        .owner = exchange->accounts[account].owner_index,
        .series = leg->series,
        .exposure = tn_exchange_pin_exposure(exchange, account, leg->series),
        .slot = TN_NONE,
        .limit = limit,
        .open = leg->quantity < 0 ? -leg->quantity : leg->quantity,
        .fee_max_ppm = INT32_MAX,
        .side = side,
        .stp = TN_STP_CANCEL_MAKER,
        .flags = TN_EVENT_FORCED,
        .fifo = 1,
    };
    tn_lots asked = running.open;
    tn_exchange_run(exchange, &running);
    tn_exchange_unpin_exposure(exchange, running.exposure);
    struct tn_event *event = emit(exchange, TN_EVENT_SLICE);
    event->account = account;
    event->side = side;
    event->series_id = exchange->series[leg->series].id;
    event->order_id = running.id;
    event->price = limit;
    event->quantity = asked;
    event->remaining = running.filled;
    event->money = before->mm;
    event->other_remaining = before->equity;
    return running.filled;
}

/* What slices may still free in this second. */
static tn_micros cap_left(const struct tn_exchange *exchange, struct guard *guard,
                          tn_micros requirement)
{
    const struct tn_risk *parameters = &exchange->risk->parameters;
    int64_t second_ms = exchange->time_ms - exchange->time_ms % 1000;
    if (guard->second_ms != second_ms) {
        guard->second_ms = second_ms;
        guard->freed_micros = 0;
    }
    tn_micros cap = tn_ppm_floor(requirement, parameters->slice_cap_ppm);
    if (cap < parameters->slice_cap_micros) cap = parameters->slice_cap_micros;
    return cap - guard->freed_micros;
}

/* Could any price inside the band trade now? */
static bool may_trade(const struct tn_exchange *exchange, const struct leg *leg)
{
    tn_ticks edge;
    uint8_t side = leg->quantity > 0 ? TN_BUY : TN_SELL;
    enum tn_reject reject = tn_exchange_band_edge(&edge, &exchange->series[leg->series], side);
    return reject == TN_REJECT_NONE && tn_exchange_meets(exchange, leg->series, side, edge);
}

/* Tries a leg. True when something traded, or makers stood in the way and are gone. */
static bool try_leg(struct tn_exchange *exchange, struct leg *leg, const struct failing *failing,
                    const struct tn_margin_result *before, tn_micros wanted)
{
    if (!may_trade(exchange, leg)) return false;
    size_leg(exchange, leg, failing, wanted);
    if (leg->freed <= 0) return false;
    tn_ticks limit = limit_of(exchange, leg, failing);
    uint8_t side = leg->quantity > 0 ? TN_BUY : TN_SELL;
    if (limit == 0 || !tn_exchange_meets(exchange, leg->series, side, limit)) return false;
    tn_lots filled = run_slice(exchange, failing->account, leg, limit, before);
    return filled > 0 || exchange->makers_count == exchange->limits.fills_max;
}

/* One slice of an account. False when it is done with for this MARK. */
static bool slice(struct tn_exchange *exchange, uint32_t account)
{
    struct guard *guard = &exchange->risk->guards[account];
    struct tn_margin_result before, after;
    struct leg legs[TN_MARGIN_POSITIONS_MAX], leg;
    tn_exchange_evaluate(exchange, &before, account, NULL, 0);
    tn_exchange_move_stage(exchange, account, &before);
    if (guard->liquidation != TN_LIQUIDATION_SLICES) return false;
    struct failing failing = {.account = account,
                              .overdrawn = tn_exchange_overdrawn(exchange, &before) > 0,
                              .equity = before.equity};
    failing.requirement = requirement_of(exchange, &before, failing.overdrawn);
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN); /* what it frees this second */
    tn_micros wanted = cap_left(exchange, guard, failing.requirement);
    if (wanted <= 0) return false;
    tn_micros missing = -tn_exchange_buffer(exchange, &before);
    if (wanted > missing) wanted = missing;
    uint32_t count = list_legs(exchange, legs, &failing);
    if (count == 0) {
        tn_exchange_set_stage(exchange, account, TN_LIQUIDATION_AUCTION, &before);
        tn_exchange_take_auction_fee(exchange, account);
        return false;
    }
    bool done = false;
    while (!done && next_leg(exchange, &leg, legs, count))
        done = try_leg(exchange, &leg, &failing, &before, wanted);
    if (!done) return false;
    tn_exchange_evaluate(exchange, &after, account, NULL, 0);
    tn_micros freed = failing.requirement - requirement_of(exchange, &after, failing.overdrawn);
    if (freed > 0) guard->freed_micros += freed;
    tn_exchange_move_stage(exchange, account, &after);
    return guard->liquidation == TN_LIQUIDATION_SLICES;
}

/* A slice costs a unit, one for every position that it weighs and one for every maker. */
enum tn_reject tn_exchange_liq(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    struct risk *risk = exchange->risk;
    if (risk == NULL) return TN_REJECT_RISK_OFF;
    uint32_t units = entry->as.liq.units;
    if (units > exchange->limits.sweep_units_max) units = exchange->limits.sweep_units_max;
    if (!risk->list_sorted) return TN_REJECT_NONE;
    struct list_walk walk;
    tn_exchange_list_walk(&walk, risk, risk->list_cursor);
    const struct listed *listed = tn_exchange_list_next(&walk);
    while (units > 0 && listed != NULL) {
        uint32_t account = listed->account;
        const struct guard *guard = &risk->guards[account];
        bool in_slices = guard->liquidation == TN_LIQUIDATION_SLICES;
        uint32_t cost = 1 + (in_slices ? guard->holdings_count : 0);
        exchange->makers_count = 0;
        if (!in_slices || !slice(exchange, account)) {
            risk->list_cursor++;
            listed = tn_exchange_list_next(&walk);
        }
        cost += exchange->makers_count;
        units -= cost < units ? cost : units;
    }
    return TN_REJECT_NONE;
}
