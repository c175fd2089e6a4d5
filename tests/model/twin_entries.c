/* The twin's other entries (§8): time, marks, registries, statuses, money. */
#include "twin_internal.h"

#include <stdlib.h>
#include <string.h>

#define BALANCE_MAX (INT64_C(1) << 60)
#define AMOUNT_MAX  (INT64_C(1) << 50)
#define HOUR_MS     3600000

static struct twin_outcome refuse(enum tn_reject reject)
{
    return (struct twin_outcome){.reject = reject};
}

static void emit_money(struct twin *twin, uint32_t account, uint32_t other, uint32_t asset,
                       tn_micros amount)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_MONEY);
    event->account = account;
    event->other_account = other;
    event->index = asset;
    event->money = amount;
}

/* ---- Money ----------------------------------------------------------------------------------- */

static enum tn_reject check_money(const struct twin *twin, uint32_t account, uint32_t asset,
                                  tn_micros amount)
{
    if (asset >= twin->assets_count) return TN_REJECT_ASSET_UNKNOWN;
    if (amount < 1 || amount > AMOUNT_MAX) return TN_REJECT_AMOUNT_RANGE;
    const struct twin_account *record = twin_account(twin, account);
    if (asset != 0) {
        return amount > record->collateral[asset] ? TN_REJECT_CASH_SHORT : TN_REJECT_NONE;
    }
    tn_i128 most = twin_free_equity(twin, account);
    if (most > record->cash) most = record->cash;
    if (most < 0) most = 0;
    return amount > most ? TN_REJECT_CASH_SHORT : TN_REJECT_NONE;
}

struct twin_outcome twin_transfer(struct twin *twin, uint32_t account,
                                  const struct tn_command *command)
{
    uint32_t to = command->as.money.to_account;
    uint32_t asset = command->as.money.asset;
    tn_micros amount = command->as.money.amount;
    struct twin_account *target = twin_account(twin, to);
    if (target == NULL) return refuse(TN_REJECT_ACCOUNT_UNKNOWN);
    if (to == account || !twin_same_owner(twin, account, to)) {
        return refuse(TN_REJECT_OWNER_MISMATCH);
    }
    enum tn_reject reject = check_money(twin, account, asset, amount);
    if (reject != TN_REJECT_NONE) return refuse(reject);
    struct twin_account *source = twin_account(twin, account);
    if (asset != 0) {
        if (target->collateral[asset] + amount > BALANCE_MAX) return refuse(TN_REJECT_MONEY_RANGE);
        source->collateral[asset] -= amount;
        target->collateral[asset] += amount;
    } else {
        source->cash -= amount;
        target->cash += amount;
    }
    emit_money(twin, account, to, asset, amount);
    return refuse(TN_REJECT_NONE);
}

struct twin_outcome twin_withdraw(struct twin *twin, uint32_t account,
                                  const struct tn_command *command)
{
    uint32_t asset = command->as.money.asset;
    tn_micros amount = command->as.money.amount;
    enum tn_reject reject = check_money(twin, account, asset, amount);
    if (reject != TN_REJECT_NONE) return refuse(reject);
    struct twin_account *source = twin_account(twin, account);
    if (asset != 0) {
        source->collateral[asset] -= amount;
    } else {
        source->cash -= amount;
        twin->house[TN_HOUSE_EXTERNAL] += amount;
    }
    emit_money(twin, account, TN_NONE, asset, -amount);
    return refuse(TN_REJECT_NONE);
}

static enum tn_reject deposit(struct twin *twin, const struct tn_entry *entry)
{
    uint32_t asset = entry->as.deposit.asset;
    tn_micros amount = entry->as.deposit.amount;
    struct twin_account *account = twin_account(twin, entry->as.deposit.account);
    if (account == NULL) return TN_REJECT_ACCOUNT_UNKNOWN;
    if (asset >= twin->assets_count) return TN_REJECT_ASSET_UNKNOWN;
    if (amount < 1 || amount > AMOUNT_MAX) return TN_REJECT_AMOUNT_RANGE;
    if (asset != 0) {
        if (account->collateral[asset] + amount > BALANCE_MAX) return TN_REJECT_MONEY_RANGE;
        account->collateral[asset] += amount;
    } else {
        if (-twin->house[TN_HOUSE_EXTERNAL] + amount > TN_DEPOSITS_MAX) {
            return TN_REJECT_MONEY_RANGE;
        }
        account->cash += amount;
        twin->house[TN_HOUSE_EXTERNAL] -= amount;
    }
    emit_money(twin, entry->as.deposit.account, TN_NONE, asset, amount);
    return TN_REJECT_NONE;
}

static enum tn_reject open_account(struct twin *twin, const struct tn_entry *entry)
{
    if (twin->accounts.count >= twin->limits.accounts_max) return TN_REJECT_ACCOUNTS_FULL;
    struct twin_account *account = twin_allocate(sizeof(*account));
    memcpy(account->owner, entry->as.account.owner, TN_OWNER_SIZE);
    twin_list_add(&twin->accounts, account);
    twin_emit(twin, TN_EVENT_OPENED)->account = twin->accounts.count - 1;
    return TN_REJECT_NONE;
}

static enum tn_reject define_asset(struct twin *twin, const struct tn_entry *entry)
{
    if (twin->assets_count >= twin->limits.assets_max) return TN_REJECT_ASSETS_FULL;
    if (entry->as.asset.haircut_ppm > 1000000) return TN_REJECT_PARAMETER_RANGE;
    twin->haircut_ppm[twin->assets_count++] = entry->as.asset.haircut_ppm;
    return TN_REJECT_NONE;
}

/* ---- Time and prices ------------------------------------------------------------------------- */

static enum tn_reject block(struct twin *twin, const struct tn_entry *entry)
{
    uint64_t height = entry->as.block.height;
    int64_t time_ms = entry->as.block.time_ms;
    if (height <= twin->height || time_ms < twin->time_ms || time_ms > (INT64_C(1) << 52)) {
        return TN_REJECT_TIME_REWINDS;
    }
    bool hour = twin->time_ms != 0 && time_ms / HOUR_MS > twin->time_ms / HOUR_MS;
    twin->height = height;
    twin->time_ms = time_ms;
    for (uint32_t i = 0; hour && i < twin->series.count; i++) {
        struct twin_series *series = twin->series.items[i];
        if (tn_series_kind(series->id) != TN_PERPETUAL) continue;
        if (series->status == TN_STATUS_SETTLED) continue;
        if (!twin_list_has(&twin->funding_queue, series)) {
            twin_list_add(&twin->funding_queue, series);
        }
    }
    return TN_REJECT_NONE;
}

static bool mark_in_range(const struct twin *twin, const struct tn_mark *mark)
{
    if (mark->mark_micros < 0) return false;
    if (mark->forward_micros < 1 || mark->forward_micros > AMOUNT_MAX) return false;
    if (mark->vega_micros < 0 || mark->vega_micros > (INT64_C(1) << 40)) return false;
    if (mark->vol_ppm < 0 || mark->vol_ppm > 100000000) return false;
    if (mark->delta_ppb < -1000000000 || mark->delta_ppb > 1000000000) return false;
    const struct twin_series *series = twin_series(twin, mark->series_id);
    if (series == NULL) return true;
    const struct tn_contract *contract = twin_contract(twin, series->id);
    tn_i128 highest = (tn_i128)contract->price_max * twin_micros_per_tick(twin, series->id);
    if (mark->mark_micros > highest) return false;
    tn_micros forward_lot = 0;
    return tn_contract_value_floor(&forward_lot, mark->forward_micros, contract);
}

static bool any_stop_reached(const struct twin *twin, const struct twin_series *series)
{
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->where == TWIN_STOPS && order->series_id == series->id &&
            twin_stop_reached(twin, series, order)) {
            return true;
        }
    }
    return false;
}

static enum tn_reject set_marks(struct twin *twin, const struct tn_entry *entry)
{
    const struct tn_mark *marks = entry->as.marks.marks;
    uint32_t count = entry->as.marks.marks_count;
    if (count > TN_MARKS_MAX) return TN_REJECT_PARAMETER_RANGE;
    for (uint32_t i = 0; i < count; i++) {
        if (!mark_in_range(twin, &marks[i])) return TN_REJECT_PARAMETER_RANGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct twin_series *series = twin_series(twin, marks[i].series_id);
        if (series == NULL || series->status == TN_STATUS_SETTLING ||
            series->status == TN_STATUS_SETTLED) {
            return TN_REJECT_SERIES_UNKNOWN;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        struct twin_series *series = twin_series(twin, marks[i].series_id);
        series->mark = marks[i].mark_micros;
        series->forward = marks[i].forward_micros;
        series->delta_ppb = marks[i].delta_ppb;
        series->vega = marks[i].vega_micros;
        series->vol_ppm = marks[i].vol_ppm;
        if (any_stop_reached(twin, series) && !twin_list_has(&twin->trigger_queue, series)) {
            twin_list_add(&twin->trigger_queue, series);
        }
    }
    return TN_REJECT_NONE;
}

static bool base_fits(tn_micros price, const struct tn_contract *contract)
{
    tn_micros base = 0;
    if (!tn_contract_value_floor(&base, price, contract)) return false;
    return (tn_i128)base * contract->quantity_max <= (tn_i128)1 << 56;
}

static enum tn_reject set_index(struct twin *twin, const struct tn_entry *entry)
{
    struct twin_underlying *underlying = twin_underlying(twin, entry->as.index.underlying);
    tn_micros price = entry->as.index.price_micros;
    if (underlying == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (price < 1 || price > AMOUNT_MAX) return TN_REJECT_PARAMETER_RANGE;
    if (!base_fits(price, &underlying->terms.option) ||
        !base_fits(price, &underlying->terms.linear)) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    underlying->index = price;
    return TN_REJECT_NONE;
}

static enum tn_reject advance_funding(struct twin *twin, const struct tn_entry *entry)
{
    struct twin_series *series = twin_series(twin, entry->as.funding.series_id);
    int64_t delta = entry->as.funding.index_delta;
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (tn_series_kind(series->id) != TN_PERPETUAL) return TN_REJECT_NOT_PERPETUAL;
    if (delta > (INT64_C(1) << 40) || delta < -(INT64_C(1) << 40)) return TN_REJECT_PARAMETER_RANGE;
    int64_t index = series->funding_index + delta;
    tn_i128 size = index < 0 ? -(tn_i128)index : index;
    if (size > AMOUNT_MAX) return TN_REJECT_PARAMETER_RANGE;
    if (size * twin_contract(twin, series->id)->quantity_max > (tn_i128)1000000 << 46) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    series->funding_index = index;
    return TN_REJECT_NONE;
}

/* ---- Registries ------------------------------------------------------------------------------ */

static enum tn_reject define_underlying(struct twin *twin, const struct tn_underlying *terms)
{
    if (twin->underlyings.count >= twin->limits.underlyings_max) return TN_REJECT_UNDERLYINGS_FULL;
    if (!tn_symbol_valid(terms->symbol) || !tn_fees_valid(&terms->option_fees) ||
        !tn_fees_valid(&terms->linear_fees) || !tn_listing_rules_valid(&terms->listing) ||
        terms->fifo_ppm > 1000000 || terms->closing_ms < 0 || terms->closing_ms > HOUR_MS ||
        terms->block_minimum_micros < 0 || terms->block_minimum_micros > AMOUNT_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    for (uint32_t i = 0; i < twin->underlyings.count; i++) {
        const struct twin_underlying *other = twin->underlyings.items[i];
        if (strcmp(other->terms.symbol, terms->symbol) == 0) return TN_REJECT_UNDERLYING_EXISTS;
    }
    tn_micros option = 0;
    tn_micros linear = 0;
    enum tn_reject reject = tn_contract_check(&option, &terms->option);
    if (reject == TN_REJECT_NONE) reject = tn_contract_check(&linear, &terms->linear);
    if (reject != TN_REJECT_NONE) return reject;
    struct twin_underlying *underlying = twin_allocate(sizeof(*underlying));
    underlying->terms = *terms;
    underlying->option_micros_per_tick = option;
    underlying->linear_micros_per_tick = linear;
    twin_list_add(&twin->underlyings, underlying);
    return TN_REJECT_NONE;
}

static enum tn_reject change_fees(struct twin *twin, const struct tn_entry *entry)
{
    struct twin_underlying *underlying = twin_underlying(twin, entry->as.fees.underlying);
    if (underlying == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (!tn_fees_valid(&entry->as.fees.option_fees) ||
        !tn_fees_valid(&entry->as.fees.linear_fees)) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    underlying->terms.option_fees = entry->as.fees.option_fees;
    underlying->terms.linear_fees = entry->as.fees.linear_fees;
    return TN_REJECT_NONE;
}

/* Lists a series that is not listed; false when the table is full of living ones. */
static bool list_series(struct twin *twin, uint64_t id)
{
    if (twin->series.count >= twin->limits.series_max) {
        if (twin->settled.count == 0) return false;
        struct twin_series *retired = twin->settled.items[0];
        TN_ASSERT(retired->exposures.count == 0);
        twin_list_take(&twin->settled, 0);
        twin_list_remove(&twin->trigger_queue, retired);
        twin_list_remove(&twin->series, retired);
        free(retired->exposures.items);
        free(retired);
    }
    struct twin_series *series = twin_allocate(sizeof(*series));
    series->id = id;
    series->status = TN_STATUS_INITIALIZING;
    series->mark = -1;
    uint32_t place = 0;
    while (place < twin->series.count &&
           ((struct twin_series *)twin->series.items[place])->id < id) {
        place++;
    }
    twin_list_insert(&twin->series, place, series);
    struct tn_event *event = twin_emit(twin, TN_EVENT_LISTED);
    event->series_id = id;
    event->index = series->status;
    return true;
}

static enum tn_reject list_one(struct twin *twin, uint64_t id)
{
    struct tn_series_terms terms;
    if (!tn_series_unpack(&terms, id)) return TN_REJECT_SERIES_ID;
    if (twin_underlying(twin, terms.underlying) == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (twin_series(twin, id) != NULL) return TN_REJECT_SERIES_EXISTS;
    if (tn_series_expiry_ms(id) <= twin->time_ms) return TN_REJECT_SERIES_CLOSING;
    return list_series(twin, id) ? TN_REJECT_NONE : TN_REJECT_SERIES_FULL;
}

/* Lists terms unless they are listed; false when the table is full. */
static bool list_missing(struct twin *twin, struct tn_series_terms terms, tn_lots *listed)
{
    uint64_t id = 0;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    if (twin_series(twin, id) != NULL) return true;
    if (!list_series(twin, id)) return false;
    ++*listed;
    return true;
}

static struct twin_outcome list_by_rules(struct twin *twin, const struct tn_entry *entry)
{
    const struct twin_underlying *underlying = twin_underlying(twin, entry->as.listing.underlying);
    if (underlying == NULL) return refuse(TN_REJECT_UNDERLYING_UNKNOWN);
    tn_micros forward = entry->as.listing.forward_micros;
    if (forward < 1 || forward > AMOUNT_MAX || entry->as.listing.strikes_count > TN_LISTING_MAX) {
        return refuse(TN_REJECT_PARAMETER_RANGE);
    }
    const struct tn_listing_rules *rules = &underlying->terms.listing;
    uint16_t day = entry->as.listing.expiry_day;
    if (!tn_listing_names_day(rules, twin->time_ms, day)) {
        return refuse(TN_REJECT_EXPIRY_NOT_BY_RULE);
    }
    struct twin_outcome outcome = {0};
    struct tn_series_terms terms = {
        .underlying = entry->as.listing.underlying, .kind = TN_FUTURE, .expiry_day = day};
    bool room = true;
    if (tn_day_is_month_end_friday(day)) room = list_missing(twin, terms, &outcome.quantity);
    uint64_t step = tn_listing_strike_step(rules, forward);
    for (uint32_t i = 0; room && i < entry->as.listing.strikes_count; i++) {
        const struct tn_listing_strike *strike = &entry->as.listing.strikes[i];
        if (strike->strike < 1 || strike->strike > TN_STRIKE_MAX || strike->strike % step != 0 ||
            strike->delta_ppb < rules->delta_low_ppb || strike->delta_ppb > rules->delta_high_ppb) {
            continue;
        }
        terms.strike = strike->strike;
        terms.kind = TN_CALL;
        room = list_missing(twin, terms, &outcome.quantity);
        terms.kind = TN_PUT;
        if (room) room = list_missing(twin, terms, &outcome.quantity);
    }
    if (!room) outcome.reject = TN_REJECT_SERIES_FULL;
    return outcome;
}

/* ---- Statuses -------------------------------------------------------------------------------- */

void twin_set_status(struct twin *twin, struct twin_series *series, uint8_t status)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_STATUS);
    event->series_id = series->id;
    event->index = status;
    event->other_index = series->status;
    series->status = status;
}

static enum tn_reject step_status(struct twin *twin, const struct tn_entry *entry)
{
    struct twin_series *series = twin_series(twin, entry->as.status.series_id);
    uint8_t to = entry->as.status.status;
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (!tn_status_may_step((enum tn_status)series->status, (enum tn_status)to) ||
        to == TN_STATUS_SETTLING || to == TN_STATUS_SETTLED ||
        twin_list_has(&twin->uncross_queue, series) ||
        (series->status == TN_STATUS_AUCTION && to == TN_STATUS_ACTIVE)) {
        return TN_REJECT_STATUS_STEP;
    }
    bool opens = to == TN_STATUS_ACTIVE || to == TN_STATUS_POST_ONLY;
    if (opens || to == TN_STATUS_AUCTION) {
        const struct twin_underlying *underlying =
            twin_underlying(twin, tn_series_underlying(series->id));
        if (series->mark < 0 || underlying->index == 0) return TN_REJECT_NO_MARK;
    }
    if (opens && twin_crossed(twin, series->id)) return TN_REJECT_STATUS_STEP;
    if (to == TN_STATUS_AUCTION) series->rounds = 0;
    twin_set_status(twin, series, to);
    return TN_REJECT_NONE;
}

static bool settles(const struct twin_series *series, const struct tn_entry *entry)
{
    return tn_series_underlying(series->id) == entry->as.settle.underlying &&
           tn_series_kind(series->id) != TN_PERPETUAL &&
           tn_series_expiry_day(series->id) == entry->as.settle.expiry_day &&
           series->status != TN_STATUS_SETTLING && series->status != TN_STATUS_SETTLED;
}

static enum tn_reject settle(struct twin *twin, const struct tn_entry *entry)
{
    tn_micros price = entry->as.settle.price_micros;
    uint16_t day = entry->as.settle.expiry_day;
    if (twin_underlying(twin, entry->as.settle.underlying) == NULL) {
        return TN_REJECT_UNDERLYING_UNKNOWN;
    }
    if (day < 1 || day > TN_EXPIRY_DAY_MAX || price < 1 || price > AMOUNT_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    int64_t expiry_ms = TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY;
    if (twin->time_ms < expiry_ms) return TN_REJECT_NOT_EXPIRED;
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->series.count; i++) {
        const struct twin_series *series = twin->series.items[i];
        if (!settles(series, entry)) continue;
        const struct tn_contract *contract = twin_contract(twin, series->id);
        tn_micros value = 0;
        if (!tn_settlement_value(&value, series->id, price, contract)) {
            return TN_REJECT_PARAMETER_RANGE;
        }
        if ((tn_i128)value * contract->quantity_max > AMOUNT_MAX) return TN_REJECT_PARAMETER_RANGE;
        count++;
    }
    if (count == 0) return TN_REJECT_SERIES_UNKNOWN;
    for (uint32_t i = 0; i < twin->series.count; i++) {
        struct twin_series *series = twin->series.items[i];
        if (!settles(series, entry)) continue;
        tn_settlement_value(&series->settlement_value, series->id, price,
                            twin_contract(twin, series->id));
        if (twin_list_remove(&twin->uncross_queue, series)) series->uncross_price = 0;
        twin_set_status(twin, series, TN_STATUS_SETTLING);
        twin_list_add(&twin->settlement_queue, series);
    }
    return TN_REJECT_NONE;
}

struct twin_outcome twin_entry(struct twin *twin, const struct tn_entry *entry)
{
    switch (entry->kind) {
        case TN_ENTRY_BLOCK: return refuse(block(twin, entry));
        case TN_ENTRY_SWEEP: twin_sweep(twin, entry->as.sweep.units); return refuse(TN_REJECT_NONE);
        case TN_ENTRY_MARKS: return refuse(set_marks(twin, entry));
        case TN_ENTRY_INDEX: return refuse(set_index(twin, entry));
        case TN_ENTRY_ACCOUNT: return refuse(open_account(twin, entry));
        case TN_ENTRY_DEPOSIT: return refuse(deposit(twin, entry));
        case TN_ENTRY_UNDERLYING: return refuse(define_underlying(twin, &entry->as.underlying));
        case TN_ENTRY_FEES: return refuse(change_fees(twin, entry));
        case TN_ENTRY_LIST: return refuse(list_one(twin, entry->as.list.series_id));
        case TN_ENTRY_LISTING: return list_by_rules(twin, entry);
        case TN_ENTRY_STATUS: return refuse(step_status(twin, entry));
        case TN_ENTRY_UNCROSS: return refuse(twin_uncross(twin, entry->as.uncross.series_id));
        case TN_ENTRY_FUNDING: return refuse(advance_funding(twin, entry));
        case TN_ENTRY_SETTLE: return refuse(settle(twin, entry));
        case TN_ENTRY_ASSET: return refuse(define_asset(twin, entry));
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_RISK:
        case TN_ENTRY_LIQ:
        case TN_ENTRY_INSURE: return refuse(TN_REJECT_RISK_OFF);
        default: return refuse(TN_REJECT_COMMAND_UNKNOWN);
    }
}
