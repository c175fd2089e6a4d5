/* The twin's commands of several legs (§10): packages, planned over the books and then run leg by
 * leg, and block trades, which touch no book. */
#include "twin_internal.h"

static struct twin_outcome refuse(enum tn_reject reject)
{
    return (struct twin_outcome){.reject = reject};
}

static bool series_repeat(const struct tn_leg *legs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (legs[i].series_id == legs[j].series_id) return true;
        }
    }
    return false;
}

static enum tn_reject check_position(const struct twin *twin, const struct twin_series *series,
                                     uint32_t account, int side, tn_i128 quantity)
{
    tn_i128 position = twin_position(series, account);
    tn_i128 sum = side == TN_BUY ? position : -position;
    sum += twin_open_sum(twin, series->id, account, side);
    if (sum + quantity > twin_contract(twin, series->id)->quantity_max) {
        return TN_REJECT_POSITION_LIMIT_VALUE;
    }
    return TN_REJECT_NONE;
}

/* What legs ask of one account: cost − Σ change of position × mark (not options) + fees. */
static tn_i128 required_for(const struct twin *twin, const struct twin_series *series, int side,
                            tn_lots quantity, tn_i128 cost)
{
    tn_i128 required = cost;
    tn_lots change = side == TN_BUY ? quantity : -quantity;
    if (!tn_series_is_option(series->id)) required -= (tn_i128)change * series->mark;
    tn_i128 fee =
        (tn_i128)twin_fees(twin, series->id)->taker_ppm * twin_base(twin, series->id) * quantity;
    return required + (fee + 999999) / 1000000;
}

/* ---- PACKAGE --------------------------------------------------------------------------------- */

/* One leg while units are planned. */
struct leg_plan {
    struct twin_series *series;
    struct twin_order taker; /* a draft: account, series, side */
    int64_t ratio;
    tn_ticks price;      /* of the level reached; 0 before the first */
    tn_lots left;        /* of that level's counted quantity */
    bool ended;          /* no level after this one */
    tn_ticks worst;      /* of what was taken */
    tn_ticks limit_edge; /* of the band */
};

static enum tn_reject check_package_leg(const struct twin *twin, uint32_t account,
                                        const struct tn_package *package, uint32_t index,
                                        uint32_t *asked)
{
    const struct tn_leg *leg = &package->legs[index];
    const struct twin_series *series = twin_series(twin, leg->series_id);
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (leg->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    enum tn_reject reject = twin_check_admitted(twin, series, TN_ACTION_TAKE, false);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_fee(twin, series->id, package->fee_max_ppm);
    if (reject != TN_REJECT_NONE) return reject;
    if (twin_band_edge(twin, series, leg->side) == 0) return TN_REJECT_PRICE_OUT_OF_BAND;
    reject = twin_check_exposure(twin, series, account, *asked);
    if (reject != TN_REJECT_NONE) return reject;
    *asked += twin_exposure(series, account) == NULL;
    tn_i128 quantity = (tn_i128)leg->quantity * package->units;
    if (quantity > twin_contract(twin, series->id)->quantity_max) return TN_REJECT_QUANTITY_RANGE;
    return check_position(twin, series, account, leg->side, quantity);
}

static enum tn_reject check_package(const struct twin *twin, uint32_t account,
                                    const struct tn_package *package)
{
    uint32_t count = package->legs_count;
    if (count < 2 || count > TN_PACKAGE_LEGS_MAX) return TN_REJECT_PACKAGE_SIZE;
    if (series_repeat(package->legs, count)) return TN_REJECT_PACKAGE_SIZE;
    for (uint32_t i = 0; i < count; i++) {
        if (package->legs[i].quantity < 1 || package->legs[i].quantity > 1000000) {
            return TN_REJECT_PACKAGE_SIZE;
        }
    }
    if (package->units < 1 || package->units > 1000000000) return TN_REJECT_PACKAGE_SIZE;
    if (package->tif != TN_IOC && package->tif != TN_FOK) return TN_REJECT_TIF_UNKNOWN;
    tn_micros bound = INT64_C(1) << 50;
    if (package->limit_micros > bound || package->limit_micros < -bound) {
        return TN_REJECT_AMOUNT_RANGE;
    }
    uint32_t asked = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum tn_reject reject = check_package_leg(twin, account, package, i, &asked);
        if (reject != TN_REJECT_NONE) return reject;
    }
    return TN_REJECT_NONE;
}

/* Plans the leg's next level within the band; false when it has run out. */
static bool next_level(struct twin *twin, struct twin_plan *plan, struct leg_plan *leg)
{
    if (leg->ended) return false;
    struct twin_order *maker = twin_first(twin, leg->series->id, 1 - leg->taker.side);
    while (maker != NULL && leg->price != 0 &&
           (leg->taker.side == TN_BUY ? maker->price <= leg->price : maker->price >= leg->price)) {
        maker = twin_after(twin, maker);
    }
    if (maker == NULL) return false;
    if (leg->taker.side == TN_BUY ? maker->price > leg->limit_edge
                                  : maker->price < leg->limit_edge) {
        return false;
    }
    struct twin_level level = twin_plan_level(twin, plan, &leg->taker, maker->price, INT64_MAX);
    leg->price = level.price;
    leg->left = level.quantity;
    leg->ended = level.ended;
    return true;
}

static tn_i128 signed_cost(const struct twin *twin, const struct leg_plan *leg, tn_i128 lots)
{
    tn_i128 cost = lots * leg->price * twin_micros_per_tick(twin, leg->series->id);
    return leg->taker.side == TN_BUY ? cost : -cost;
}

/* As many units as the present levels hold, if their cost is within the limit. */
static int64_t take_units(struct twin *twin, struct leg_plan *legs, uint32_t count, int64_t most,
                          tn_micros limit, tn_i128 *total)
{
    tn_i128 cost = 0;
    for (uint32_t i = 0; i < count; i++)
        cost += signed_cost(twin, &legs[i], legs[i].ratio);
    if (cost > limit) return 0;
    for (uint32_t i = 0; i < count; i++) {
        legs[i].left -= most * legs[i].ratio;
        legs[i].worst = legs[i].price;
    }
    *total += cost * most;
    return most;
}

/* One unit over as many levels as it needs; the legs change only if it is taken. */
static int64_t compose_unit(struct twin *twin, struct twin_plan *plan, struct leg_plan *legs,
                            uint32_t count, tn_micros limit, tn_i128 *total)
{
    struct leg_plan trial[TN_PACKAGE_LEGS_MAX];
    tn_i128 cost = 0;
    for (uint32_t i = 0; i < count; i++) {
        trial[i] = legs[i];
        tn_lots needed = trial[i].ratio;
        while (needed > 0) {
            if (trial[i].left == 0) {
                if (!next_level(twin, plan, &trial[i])) return 0;
                continue;
            }
            tn_lots part = needed < trial[i].left ? needed : trial[i].left;
            cost += signed_cost(twin, &trial[i], part);
            trial[i].left -= part;
            trial[i].worst = trial[i].price;
            needed -= part;
        }
    }
    if (cost > limit) return 0;
    for (uint32_t i = 0; i < count; i++)
        legs[i] = trial[i];
    *total += cost;
    return 1;
}

static int64_t plan_units(struct twin *twin, const struct tn_package *package,
                          struct leg_plan *legs, bool *full, tn_i128 *total)
{
    struct twin_plan plan = {.package = true};
    uint32_t count = package->legs_count;
    int64_t planned = 0;
    bool out = false;
    for (uint32_t i = 0; i < count && !out; i++)
        out = !next_level(twin, &plan, &legs[i]);
    while (!out && planned < package->units) {
        int64_t most = package->units - planned;
        for (uint32_t i = 0; i < count; i++) {
            if (legs[i].left / legs[i].ratio < most) most = legs[i].left / legs[i].ratio;
        }
        int64_t taken = most >= 1
                            ? take_units(twin, legs, count, most, package->limit_micros, total)
                            : compose_unit(twin, &plan, legs, count, package->limit_micros, total);
        planned += taken;
        out = taken == 0;
    }
    *full = plan.full;
    twin_plan_free(&plan);
    return planned;
}

static tn_i128 package_required(const struct twin *twin, const struct tn_package *package,
                                const struct leg_plan *legs, int64_t units, tn_i128 cost)
{
    tn_i128 required = cost;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        required +=
            required_for(twin, legs[i].series, legs[i].taker.side, units * legs[i].ratio, 0);
    }
    return required;
}

struct twin_outcome twin_package(struct twin *twin, uint32_t account,
                                 const struct tn_command *command)
{
    const struct tn_package *package = &command->as.package;
    enum tn_reject reject = check_package(twin, account, package);
    if (reject != TN_REJECT_NONE) return refuse(reject);
    struct leg_plan legs[TN_PACKAGE_LEGS_MAX] = {0};
    for (uint32_t i = 0; i < package->legs_count; i++) {
        const struct tn_leg *leg = &package->legs[i];
        legs[i].series = twin_series(twin, leg->series_id);
        legs[i].ratio = leg->quantity;
        legs[i].limit_edge = twin_band_edge(twin, legs[i].series, leg->side);
        legs[i].taker = (struct twin_order){.series_id = leg->series_id,
                                            .account = account,
                                            .side = leg->side,
                                            .fee_max_ppm = package->fee_max_ppm,
                                            .tif = TN_IOC,
                                            .stp = TN_STP_CANCEL_TAKER};
    }
    bool full = false;
    tn_i128 cost = 0;
    int64_t units = plan_units(twin, package, legs, &full, &cost);
    if (units == 0) return refuse(TN_REJECT_PACKAGE_LIMIT);
    if (package->tif == TN_FOK && units < package->units) {
        return refuse(full ? TN_REJECT_FILL_LIMIT : TN_REJECT_FILL_OR_KILL);
    }
    struct twin_outcome outcome = {0};
    tn_i128 required = package_required(twin, package, legs, units, cost);
    if (!twin_margin_ok(twin, account, required, &outcome.money)) {
        outcome.reject = TN_REJECT_MARGIN_SHORT;
        return outcome;
    }
    outcome.order_id = twin->last_order_id + 1;
    outcome.quantity = units;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        legs[i].taker.visible = units * legs[i].ratio;
        legs[i].taker.price = legs[i].worst;
        struct twin_order *order = twin_enter(twin, &legs[i].taker);
        twin_run(twin, order, TN_EVENT_PACKAGE, true);
        if (order->where == TWIN_RUNNING) twin_cancel(twin, order, TN_REASON_IMMEDIATE);
    }
    return outcome;
}

/* ---- BLOCK_TRADE ----------------------------------------------------------------------------- */

static enum tn_reject check_block_leg(const struct twin *twin, uint32_t account,
                                      const struct tn_block_trade *block, uint32_t index,
                                      uint32_t *asked)
{
    const struct tn_leg *leg = &block->legs[index];
    const struct twin_series *series = twin_series(twin, leg->series_id);
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (leg->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    const struct tn_contract *contract = twin_contract(twin, series->id);
    if (leg->quantity < 1 || leg->quantity > contract->quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    enum tn_reject reject = twin_check_admitted(twin, series, TN_ACTION_BLOCK, false);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_fee(twin, series->id, block->fee_max_ppm);
    if (reject != TN_REJECT_NONE) return reject;
    if (leg->price < 1 || leg->price > contract->price_max) return TN_REJECT_PRICE_RANGE;
    if (!tn_tick_on(&contract->schedule, leg->price)) return TN_REJECT_PRICE_OFF_TICK;
    uint32_t parties[2] = {account, block->counterparty};
    uint32_t makes = 0;
    for (uint32_t i = 0; i < 2; i++)
        makes += twin_exposure(series, parties[i]) == NULL;
    uint32_t total = twin_exposures_count(twin, TN_NONE) + asked[0] + asked[1];
    if (makes > 0 && total + makes > twin->limits.exposures_max) return TN_REJECT_EXPOSURES_FULL;
    for (uint32_t i = 0; i < 2; i++) {
        if (twin_exposure(series, parties[i]) != NULL) continue;
        if (twin_exposures_count(twin, parties[i]) + asked[i] >=
            twin->limits.exposures_per_account_max) {
            return TN_REJECT_EXPOSURES_FULL;
        }
        asked[i]++;
    }
    reject = check_position(twin, series, account, leg->side, leg->quantity);
    if (reject != TN_REJECT_NONE) return reject;
    return check_position(twin, series, block->counterparty, 1 - leg->side, leg->quantity);
}

static enum tn_reject check_block(const struct twin *twin, uint32_t account,
                                  const struct tn_block_trade *block)
{
    uint32_t count = block->legs_count;
    if (count < 1 || count > TN_PACKAGE_LEGS_MAX) return TN_REJECT_BLOCK_SIZE;
    if (series_repeat(block->legs, count)) return TN_REJECT_BLOCK_SIZE;
    const struct twin_account *counterparty = twin_account(twin, block->counterparty);
    if (counterparty == NULL) return TN_REJECT_COUNTERPARTY_UNKNOWN;
    if (twin_same_owner(twin, account, block->counterparty)) return TN_REJECT_BLOCK_SELF;
    if (twin->time_ms > block->expires_ms) return TN_REJECT_BLOCK_EXPIRED;
    enum tn_reject reject = TN_REJECT_NONE;
    if (!twin_nonce_check(counterparty, block->counterparty_nonce, &reject)) {
        return TN_REJECT_COUNTERPARTY_NONCE;
    }
    uint32_t asked[2] = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        reject = check_block_leg(twin, account, block, i, asked);
        if (reject != TN_REJECT_NONE) return reject;
    }
    tn_i128 notional = 0;
    tn_micros minimum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_leg *leg = &block->legs[i];
        notional +=
            (tn_i128)leg->price * leg->quantity * twin_micros_per_tick(twin, leg->series_id);
        const struct twin_underlying *underlying =
            twin_underlying(twin, tn_series_underlying(leg->series_id));
        if (underlying->terms.block_minimum_micros > minimum) {
            minimum = underlying->terms.block_minimum_micros;
        }
    }
    return notional < minimum ? TN_REJECT_BLOCK_MINIMUM : TN_REJECT_NONE;
}

static tn_i128 block_required(const struct twin *twin, const struct tn_block_trade *block,
                              bool sender)
{
    tn_i128 required = 0;
    for (uint32_t i = 0; i < block->legs_count; i++) {
        const struct tn_leg *leg = &block->legs[i];
        int side = sender ? leg->side : 1 - leg->side;
        tn_i128 cost =
            (tn_i128)leg->price * leg->quantity * twin_micros_per_tick(twin, leg->series_id);
        required += required_for(twin, twin_series(twin, leg->series_id), side, leg->quantity,
                                 side == TN_BUY ? cost : -cost);
    }
    return required;
}

struct twin_outcome twin_block_trade(struct twin *twin, uint32_t account,
                                     const struct tn_command *command)
{
    const struct tn_block_trade *block = &command->as.block_trade;
    struct twin_outcome outcome = {.reject = check_block(twin, account, block)};
    if (outcome.reject != TN_REJECT_NONE) return outcome;
    if (!twin_margin_ok(twin, account, block_required(twin, block, true), &outcome.money)) {
        outcome.reject = TN_REJECT_MARGIN_SHORT;
    } else if (!twin_margin_ok(twin, block->counterparty, block_required(twin, block, false),
                               &outcome.money)) {
        outcome.reject = TN_REJECT_COUNTERPARTY_SHORT;
    }
    if (outcome.reject != TN_REJECT_NONE) return outcome;
    twin_nonce_consume(twin_account(twin, block->counterparty), block->counterparty_nonce);
    for (uint32_t i = 0; i < block->legs_count; i++) {
        const struct tn_leg *leg = &block->legs[i];
        struct twin_series *series = twin_series(twin, leg->series_id);
        struct twin_trade trade = {.series = series,
                                   .price = leg->price,
                                   .quantity = leg->quantity,
                                   .taker_side = leg->side,
                                   .flags = TN_EVENT_BLOCK,
                                   .taker = account,
                                   .maker = block->counterparty,
                                   .taker_fee_max = block->fee_max_ppm,
                                   .maker_fee_max = block->fee_max_ppm,
                                   .maker_pays_as_taker = true};
        twin_trade(twin, &trade);
        twin_clip_reduce_only(twin, series, block->counterparty);
        twin_clip_reduce_only(twin, series, account);
        twin_release_exposure(twin, series, account);
        twin_release_exposure(twin, series, block->counterparty);
    }
    outcome.quantity = block->legs_count;
    return outcome;
}
