/* legs: trades in several series at once (§10): packages, executed on the books in whole units or
 * not at all, and block trades, agreed between two owners and touching no book.
 *
 * A package is planned first, unit by unit at marginal prices, over what plan.c says is sure; so
 * its execution cannot come short. */
#include "exchange/internal.h"

enum { RATIO_MAX = 1000000, UNITS_MAX = 1000000000 };
#define LIMIT_MICROS_MAX (INT64_C(1) << 50)

/* A leg on its way. */
struct leg {
    uint32_t series, exposure, other_exposure;
    tn_ticks worst; /* the last price planned */
    struct plan plan;
};

/* The sums of a command over its legs, for one account. */
struct sums {
    tn_micros paid;   /* cash out */
    tn_micros gained; /* value of futures and perpetuals at the marks */
    tn_micros fees;
    struct change changes[TN_PACKAGE_LEGS_MAX];
    uint32_t changes_count;
};

static bool legs_repeat(const struct tn_leg *legs, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (legs[i].series_id == legs[k].series_id) return true;
        }
    }
    return false;
}

static void add_to_sums(const struct tn_exchange *exchange, struct sums *sums, uint32_t index,
                        uint8_t side, tn_micros value, tn_lots quantity)
{
    const struct series *series = &exchange->series[index];
    const struct terms *terms = series->terms;
    sums->paid += side == TN_BUY ? value : -value;
    if (series->is_linear) sums->gained += signed_lots(side, quantity) * series->mark;
    if (terms->fees.taker_ppm > 0) {
        sums->fees += tn_ppm_ceil(terms->base * quantity, terms->fees.taker_ppm);
    }
    sums->changes[sums->changes_count++] = (struct change){
        .series = index,
        .replaced = TN_NONE,
        .group = TN_NONE,
        .traded = true,
        .quantity = signed_lots(side, quantity),
    };
}

/* Asks margin for all legs at once; the first change carries the cash of all. */
static enum tn_reject admit_sums(const struct tn_exchange *exchange, tn_micros *shortfall,
                                 uint32_t account, struct sums *sums)
{
    sums->changes[0].price = sums->paid;
    sums->changes[0].fee = sums->fees;
    tn_micros required = sums->paid - sums->gained + sums->fees;
    return tn_exchange_admit(exchange, shortfall, account, required, sums->changes,
                             sums->changes_count);
}

/* ---- Package ---- */

static enum tn_reject check_package_leg(const struct tn_exchange *exchange, struct leg *leg,
                                        uint32_t *new_exposures, uint32_t account,
                                        const struct tn_package *package,
                                        const struct tn_leg *asked)
{
    leg->series = tn_exchange_find_series(exchange, asked->series_id);
    if (leg->series == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    if (asked->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    const struct series *series = &exchange->series[leg->series];
    enum tn_reject reject = tn_exchange_check_status(series, TN_ACTION_TAKE);
    if (reject == TN_REJECT_NONE && series->status == TN_STATUS_AUCTION) {
        reject = TN_REJECT_SERIES_STATUS;
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_market(exchange, series, package->fee_max_ppm);
    }
    leg->plan = (struct plan){.series = leg->series,
                              .owner = exchange->accounts[account].owner_index,
                              .side = asked->side,
                              .whole_quotes = 1};
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_band_edge(&leg->plan.limit, series, asked->side);
    }
    if (reject != TN_REJECT_NONE) return reject;
    leg->exposure = tn_exchange_find_exposure(exchange, account, leg->series);
    if (leg->exposure == TN_NONE) {
        if (!tn_exchange_exposure_fits(exchange, account, *new_exposures)) {
            return TN_REJECT_EXPOSURES_FULL;
        }
        ++*new_exposures;
    }
    tn_lots quantity_max = series->terms->contract.quantity_max;
    if (asked->quantity > quantity_max / package->units) return TN_REJECT_QUANTITY_RANGE;
    return tn_exchange_check_position(exchange, leg->exposure, series, asked->side,
                                      asked->quantity * package->units, 0);
}

static enum tn_reject check_package(const struct tn_exchange *exchange, struct leg *legs,
                                    uint32_t account, const struct tn_package *package)
{
    if (package->legs_count < 2 || package->legs_count > TN_PACKAGE_LEGS_MAX) {
        return TN_REJECT_PACKAGE_SIZE;
    }
    if (legs_repeat(package->legs, package->legs_count) || package->units < 1 ||
        package->units > UNITS_MAX) {
        return TN_REJECT_PACKAGE_SIZE;
    }
    for (uint32_t i = 0; i < package->legs_count; i++) {
        tn_lots ratio = package->legs[i].quantity;
        if (ratio < 1 || ratio > RATIO_MAX) return TN_REJECT_PACKAGE_SIZE;
    }
    if (package->tif != TN_IOC && package->tif != TN_FOK) return TN_REJECT_TIF_UNKNOWN;
    if (package->limit_micros > LIMIT_MICROS_MAX || package->limit_micros < -LIMIT_MICROS_MAX) {
        return TN_REJECT_AMOUNT_RANGE;
    }
    uint32_t new_exposures = 0;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        enum tn_reject reject = check_package_leg(exchange, &legs[i], &new_exposures, account,
                                                  package, &package->legs[i]);
        if (reject != TN_REJECT_NONE) return reject;
    }
    return TN_REJECT_NONE;
}

/* The cost of `quantity` lots of a leg at its present level. */
static tn_micros level_cost(const struct tn_exchange *exchange, const struct leg *leg,
                            tn_lots quantity)
{
    tn_micros value =
        leg->plan.price * quantity * exchange->series[leg->series].terms->micros_per_tick;
    return leg->plan.side == TN_BUY ? value : -value;
}

/* Takes from a leg's present level. */
static void take(const struct tn_exchange *exchange, struct leg *leg, struct sums *sums,
                 tn_lots quantity)
{
    leg->plan.level_left -= quantity;
    leg->worst = leg->plan.price;
    sums->paid += level_cost(exchange, leg, quantity);
}

/* Composes one unit over as many levels as it needs. False when a leg runs out or it is too dear;
 * then legs and sums are not to be used further. */
static bool compose_unit(struct tn_exchange *exchange, struct leg *legs, struct sums *sums,
                         uint32_t *makers, const struct tn_package *package)
{
    tn_micros before = sums->paid;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        tn_lots wanted = package->legs[i].quantity;
        while (wanted > 0) {
            if (legs[i].plan.level_left == 0 &&
                !tn_exchange_plan_level(exchange, &legs[i].plan, makers, INT64_MAX)) {
                return false;
            }
            tn_lots quantity = min_lots(wanted, legs[i].plan.level_left);
            if (quantity > 0) take(exchange, &legs[i], sums, quantity);
            wanted -= quantity;
        }
    }
    return sums->paid - before <= package->limit_micros;
}

/* How many whole units fit into the present levels of all legs. */
static int64_t whole_units(const struct leg *legs, const struct tn_package *package)
{
    int64_t units = INT64_MAX;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        units = min_lots(units, legs[i].plan.level_left / package->legs[i].quantity);
    }
    return units;
}

/* Plans up to package->units units; legs hold the worst prices, sums what is paid. */
static int64_t plan_units(struct tn_exchange *exchange, struct leg *legs, struct sums *sums,
                          const struct tn_package *package)
{
    uint32_t makers = exchange->makers_count;
    int64_t planned = 0;
    tn_exchange_plan_begin(exchange);
    for (uint32_t i = 0; i < package->legs_count; i++) {
        tn_exchange_plan_level(exchange, &legs[i].plan, &makers, INT64_MAX);
    }
    while (planned < package->units) {
        int64_t units = min_lots(whole_units(legs, package), package->units - planned);
        if (units > 0) {
            tn_micros cost = 0;
            for (uint32_t i = 0; i < package->legs_count; i++) {
                cost += level_cost(exchange, &legs[i], package->legs[i].quantity);
            }
            if (cost > package->limit_micros) break;
            for (uint32_t i = 0; i < package->legs_count; i++) {
                take(exchange, &legs[i], sums, units * package->legs[i].quantity);
            }
            planned += units;
            continue;
        }
        struct leg saved[TN_PACKAGE_LEGS_MAX];
        struct sums saved_sums = *sums;
        memcpy(saved, legs, package->legs_count * sizeof legs[0]);
        if (!compose_unit(exchange, legs, sums, &makers, package)) {
            for (uint32_t i = 0; i < package->legs_count; i++) {
                legs[i].worst = saved[i].worst;
            }
            *sums = saved_sums;
            break;
        }
        planned++;
    }
    return planned;
}

static void run_leg(struct tn_exchange *exchange, struct outcome *outcome, const struct leg *leg,
                    uint32_t account, const struct tn_package *package, const struct tn_leg *asked,
                    int64_t units)
{
    struct running running = {
        .id = ++exchange->last_order_id,
        .account = account,
        .owner = exchange->accounts[account].owner_index,
        .series = leg->series,
        .exposure = tn_exchange_pin_exposure(exchange, account, leg->series),
        .slot = TN_NONE,
        .limit = leg->worst,
        .open = asked->quantity * units,
        .fee_max_ppm = package->fee_max_ppm,
        .side = asked->side,
        .stp = TN_STP_CANCEL_TAKER,
        .flags = TN_EVENT_PACKAGE,
        .fifo = 1,
    };
    if (outcome->order_id == 0) outcome->order_id = running.id;
    tn_exchange_run(exchange, &running);
    TN_ASSERT(running.open == 0);
    tn_exchange_unpin_exposure(exchange, running.exposure);
}

void tn_exchange_package(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                         const struct tn_command *command)
{
    const struct tn_package *package = &command->as.package;
    struct leg legs[TN_PACKAGE_LEGS_MAX] = {0};
    struct sums sums = {0};
    outcome->reject = check_package(exchange, legs, account, package);
    if (outcome->reject != TN_REJECT_NONE) return;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        tn_exchange_judge_reach(exchange, legs[i].series, package->legs[i].side,
                                legs[i].plan.limit);
    }
    int64_t units = plan_units(exchange, legs, &sums, package);
    if (units == 0) {
        outcome->reject = TN_REJECT_PACKAGE_LIMIT;
        return;
    }
    if (units < package->units && package->tif == TN_FOK) {
        bool full = false;
        for (uint32_t i = 0; i < package->legs_count; i++)
            full |= legs[i].plan.full;
        outcome->reject = full ? TN_REJECT_FILL_LIMIT : TN_REJECT_FILL_OR_KILL;
        return;
    }
    for (uint32_t i = 0; i < package->legs_count; i++) {
        const struct tn_leg *asked = &package->legs[i];
        add_to_sums(exchange, &sums, legs[i].series, asked->side, 0, asked->quantity * units);
    }
    outcome->reject = admit_sums(exchange, &outcome->money, account, &sums);
    if (outcome->reject != TN_REJECT_NONE) return;
    for (uint32_t i = 0; i < package->legs_count; i++) {
        run_leg(exchange, outcome, &legs[i], account, package, &package->legs[i], units);
    }
    outcome->quantity = units;
}

/* ---- Block trade ---- */

static enum tn_reject check_block_side(const struct tn_exchange *exchange, uint32_t *exposure,
                                       uint32_t *new_exposures, uint32_t account, uint32_t series)
{
    *exposure = tn_exchange_find_exposure(exchange, account, series);
    if (*exposure != TN_NONE) return TN_REJECT_NONE;
    if (!tn_exchange_exposure_fits(exchange, account, *new_exposures)) {
        return TN_REJECT_EXPOSURES_FULL;
    }
    ++*new_exposures;
    return TN_REJECT_NONE;
}

/* The exchange-wide limit counts what both sides ask for. */
static bool pool_fits(const struct tn_exchange *exchange, const uint32_t new_exposures[2])
{
    return exchange->exposures_count + new_exposures[0] + new_exposures[1] <=
           exchange->limits.exposures_max;
}

static enum tn_reject check_block_leg(const struct tn_exchange *exchange, struct leg *leg,
                                      uint32_t new_exposures[2], uint32_t account,
                                      const struct tn_block_trade *block,
                                      const struct tn_leg *asked)
{
    leg->series = tn_exchange_find_series(exchange, asked->series_id);
    if (leg->series == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    if (asked->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    const struct series *series = &exchange->series[leg->series];
    if (asked->quantity < 1 || asked->quantity > series->terms->contract.quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    enum tn_reject reject = tn_exchange_check_status(series, TN_ACTION_BLOCK);
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_market(exchange, series, block->fee_max_ppm);
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_price(series, asked->side, asked->price, false);
    }
    if (reject == TN_REJECT_NONE) {
        reject =
            check_block_side(exchange, &leg->exposure, &new_exposures[0], account, leg->series);
    }
    if (reject == TN_REJECT_NONE) {
        reject = check_block_side(exchange, &leg->other_exposure, &new_exposures[1],
                                  block->counterparty, leg->series);
    }
    if (reject == TN_REJECT_NONE && !pool_fits(exchange, new_exposures)) {
        reject = TN_REJECT_EXPOSURES_FULL;
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_position(exchange, leg->exposure, series, asked->side,
                                            asked->quantity, 0);
    }
    if (reject == TN_REJECT_NONE) {
        reject = tn_exchange_check_position(exchange, leg->other_exposure, series,
                                            (uint8_t)opposite(asked->side), asked->quantity, 0);
    }
    return reject;
}

static enum tn_reject check_block_parties(const struct tn_exchange *exchange, uint32_t account,
                                          const struct tn_block_trade *block)
{
    if (block->legs_count < 1 || block->legs_count > TN_PACKAGE_LEGS_MAX ||
        legs_repeat(block->legs, block->legs_count)) {
        return TN_REJECT_BLOCK_SIZE;
    }
    if (block->counterparty >= exchange->accounts_count) return TN_REJECT_COUNTERPARTY_UNKNOWN;
    tn_exchange_need_account(exchange, block->counterparty);
    const struct account *other = &exchange->accounts[block->counterparty];
    if (other->owner_index == exchange->accounts[account].owner_index) return TN_REJECT_BLOCK_SELF;
    if (exchange->time_ms > block->expires_ms) return TN_REJECT_BLOCK_EXPIRED;
    if (tn_exchange_nonce_state(other, block->counterparty_nonce) != TN_REJECT_NONE) {
        return TN_REJECT_COUNTERPARTY_NONCE;
    }
    return TN_REJECT_NONE;
}

/* Minimum, and what both sides must be able to pay. */
static enum tn_reject check_block_money(const struct tn_exchange *exchange, tn_micros *shortfall,
                                        const struct leg *legs, uint32_t account,
                                        const struct tn_block_trade *block)
{
    struct sums ours = {0}, theirs = {0};
    tn_micros notional = 0, minimum = 0;
    for (uint32_t i = 0; i < block->legs_count; i++) {
        const struct tn_leg *asked = &block->legs[i];
        const struct series *series = &exchange->series[legs[i].series];
        tn_micros least = exchange->underlyings[series->underlying].block_minimum_micros;
        tn_micros value = asked->price * asked->quantity * series->terms->micros_per_tick;
        notional += value;
        if (least > minimum) minimum = least;
        add_to_sums(exchange, &ours, legs[i].series, asked->side, value, asked->quantity);
        add_to_sums(exchange, &theirs, legs[i].series, (uint8_t)opposite(asked->side), value,
                    asked->quantity);
    }
    if (notional < minimum) return TN_REJECT_BLOCK_MINIMUM;
    enum tn_reject reject = admit_sums(exchange, shortfall, account, &ours);
    if (reject != TN_REJECT_NONE) return reject;
    reject = admit_sums(exchange, shortfall, block->counterparty, &theirs);
    return reject == TN_REJECT_NONE ? reject : TN_REJECT_COUNTERPARTY_SHORT;
}

static void trade_leg(struct tn_exchange *exchange, const struct leg *leg, uint32_t account,
                      const struct tn_block_trade *block, const struct tn_leg *asked)
{
    const struct series *series = &exchange->series[leg->series];
    uint32_t ours = tn_exchange_pin_exposure(exchange, account, leg->series);
    uint32_t theirs = tn_exchange_pin_exposure(exchange, block->counterparty, leg->series);
    if (series->is_linear) {
        tn_exchange_settle_funding(exchange, ours);
        tn_exchange_settle_funding(exchange, theirs);
    }
    struct tn_event *trade = emit(exchange, TN_EVENT_TRADE);
    trade->side = asked->side;
    trade->flags = TN_EVENT_BLOCK;
    trade->account = account;
    trade->other_account = block->counterparty;
    trade->series_id = series->id;
    trade->price = asked->price;
    trade->quantity = asked->quantity;
    int32_t taker_ppm = series->terms->fees.taker_ppm;
    tn_exchange_book_trade(exchange, trade, leg->series, ours, theirs, taker_ppm, taker_ppm);
    tn_exchange_reclip(exchange, theirs);
    tn_exchange_reclip(exchange, ours);
    tn_exchange_unpin_exposure(exchange, ours);
    tn_exchange_unpin_exposure(exchange, theirs);
}

void tn_exchange_block_trade(struct tn_exchange *exchange, struct outcome *outcome,
                             uint32_t account, const struct tn_command *command)
{
    const struct tn_block_trade *block = &command->as.block_trade;
    struct leg legs[TN_PACKAGE_LEGS_MAX] = {0};
    uint32_t new_exposures[2] = {0, 0};
    outcome->reject = check_block_parties(exchange, account, block);
    if (outcome->reject != TN_REJECT_NONE) return;
    tn_exchange_judge_once(exchange, block->counterparty);
    for (uint32_t i = 0; i < block->legs_count && outcome->reject == TN_REJECT_NONE; i++) {
        outcome->reject =
            check_block_leg(exchange, &legs[i], new_exposures, account, block, &block->legs[i]);
    }
    if (outcome->reject == TN_REJECT_NONE) {
        outcome->reject = check_block_money(exchange, &outcome->money, legs, account, block);
    }
    if (outcome->reject != TN_REJECT_NONE) return;
    tn_exchange_use_nonce(exchange, block->counterparty, block->counterparty_nonce);
    for (uint32_t i = 0; i < block->legs_count; i++) {
        trade_leg(exchange, &legs[i], account, block, &block->legs[i]);
    }
    outcome->quantity = block->legs_count;
}
