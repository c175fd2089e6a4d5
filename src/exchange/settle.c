/* settle: a series comes to its end (§8, SETTLE): its orders leave, every position is paid out of
 * CLEARING and the series is settled. Σ positions is zero, so CLEARING ends where it began. */
#include "exchange/feeds.h"

#define MICROS_MAX        (INT64_C(1) << 50)
#define SETTLED_VALUE_MAX (INT64_C(1) << 50) /* settlement value of quantity_max lots */

/* The next series of the expiry that is not settling yet, in id order from `after` on. */
static uint32_t next_to_settle(const struct tn_exchange *exchange, const struct tn_entry *entry,
                               uint64_t after)
{
    uint32_t best = TN_NONE;
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        const struct series *series = &exchange->series[i];
        bool ours = tn_series_underlying(series->id) == entry->as.settle.underlying &&
                    tn_series_expiry_day(series->id) == entry->as.settle.expiry_day &&
                    series->status != TN_STATUS_SETTLING && series->status != TN_STATUS_SETTLED;
        if (!ours || series->id <= after) continue;
        if (best == TN_NONE || series->id < exchange->series[best].id) best = i;
    }
    return best;
}

static bool value_of(tn_micros *value, const struct series *series, const struct tn_entry *entry)
{
    const struct tn_contract *contract = &series->terms->contract;
    return tn_settlement_value(value, series->id, entry->as.settle.price_micros, contract) &&
           *value <= SETTLED_VALUE_MAX / contract->quantity_max;
}

static enum tn_reject check_settle(const struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint16_t number = entry->as.settle.underlying;
    uint16_t day = entry->as.settle.expiry_day;
    tn_micros price = entry->as.settle.price_micros;
    if (number < 1 || number > exchange->underlyings_count) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (day < 1 || day > TN_EXPIRY_DAY_MAX || price < 1 || price > MICROS_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    if (exchange->time_ms < TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY) {
        return TN_REJECT_NOT_EXPIRED;
    }
    uint32_t index = next_to_settle(exchange, entry, 0);
    if (index == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    while (index != TN_NONE) {
        tn_micros value;
        if (!value_of(&value, &exchange->series[index], entry)) return TN_REJECT_PARAMETER_RANGE;
        index = next_to_settle(exchange, entry, exchange->series[index].id);
    }
    return TN_REJECT_NONE;
}

static void begin_settling(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint32_t index;
    while ((index = next_to_settle(exchange, entry, 0)) != TN_NONE) {
        struct series *series = &exchange->series[index];
        bool fits = value_of(&series->settlement_value, series, entry);
        tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
        TN_ASSERT(fits);
        if (series->uncrossing) {
            tn_queue_remove(exchange, &exchange->uncrosses, index);
            series->uncrossing = 0;
            series->uncross_price = 0;
        }
        tn_exchange_set_status(exchange, index, TN_STATUS_SETTLING);
        tn_queue_push(exchange, &exchange->settlements, index);
    }
}

/* With a margin engine the average sets the price; governance may where the average lacks cover.
 * Everybody is paid at once then: the expiry's slot goes with its series. */
static enum tn_reject settle_by_hand(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint32_t slot = tn_exchange_find_expiry(exchange, (uint16_t)(entry->as.settle.underlying - 1),
                                            entry->as.settle.expiry_day);
    if (slot == TN_NONE || !exchange->risk->expiries[slot].unsettled) {
        return TN_REJECT_NOT_FROZEN;
    }
    begin_settling(exchange, entry);
    tn_exchange_sweep_settlements(exchange, UINT32_MAX);
    tn_exchange_close_expiry(exchange, slot);
    return TN_REJECT_NONE;
}

enum tn_reject tn_exchange_settle(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    enum tn_reject reject = check_settle(exchange, entry);
    if (reject != TN_REJECT_NONE) return reject;
    if (exchange->risk != NULL) return settle_by_hand(exchange, entry);
    begin_settling(exchange, entry);
    return TN_REJECT_NONE;
}

void tn_exchange_settle_expiry(struct tn_exchange *exchange, uint16_t underlying_number,
                               uint16_t day, tn_micros price)
{
    struct tn_entry entry = {
        .kind = TN_ENTRY_SETTLE,
        .as.settle = {.underlying = underlying_number, .expiry_day = day, .price_micros = price}};
    if (check_settle(exchange, &entry) == TN_REJECT_NONE) begin_settling(exchange, &entry);
}

/* The next order that stands in the way of settlement, or TN_NONE. */
static uint32_t next_order(const struct tn_exchange *exchange, uint32_t index)
{
    uint32_t slot = tn_book_front(exchange->books, book_of(index), TN_BUY);
    if (slot == TN_NONE) slot = tn_book_front(exchange->books, book_of(index), TN_SELL);
    if (slot == TN_NONE) {
        slot = tn_book_front(exchange->books, stops_of(index), stop_side(TN_BUY));
    }
    if (slot == TN_NONE) {
        slot = tn_book_front(exchange->books, stops_of(index), stop_side(TN_SELL));
    }
    return slot;
}

static void pay_out(struct tn_exchange *exchange, struct series *series, uint32_t index)
{
    struct exposure *exposure = &exchange->exposures[index];
    tn_lots quantity = exposure->position.quantity;
    tn_micros amount = quantity * series->settlement_value;
    tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_CLEARING), exposure->account, amount);
    struct tn_event *event = emit(exchange, TN_EVENT_SETTLED);
    event->account = exposure->account;
    event->series_id = series->id;
    event->quantity = quantity;
    event->money = amount;
    if (quantity > 0) series->open_interest -= quantity;
    tn_exchange_touch_series(exchange, exposure->series, TOUCH_SERIES);
    exposure->position = (struct tn_position){0};
    tn_exchange_touch_account(exchange, exposure->account, TOUCH_POSITIONS);
    exchange->accounts[exposure->account].linear_stamp = 0;
    tn_exchange_held(exchange, index);
    tn_exchange_release_exposure(exchange, index);
}

uint32_t tn_exchange_sweep_settlements(struct tn_exchange *exchange, uint32_t units)
{
    uint32_t capacity = exchange->limits.series_max;
    while (units > 0 && exchange->settlements.count > 0) {
        uint32_t index = queue_at(&exchange->settlements, 0, capacity);
        struct series *series = &exchange->series[index];
        uint32_t slot = next_order(exchange, index);
        if (slot != TN_NONE) {
            tn_exchange_drop(exchange, slot, TN_REASON_SETTLEMENT, TN_REJECT_NONE);
            units--;
            continue;
        }
        tn_exchange_need_holders(exchange, index);
        if (series->exposures_head != TN_NONE) {
            pay_out(exchange, series, series->exposures_head);
            units--;
        } else {
            TN_ASSERT(series->open_interest == 0);
            tn_exchange_set_status(exchange, index, TN_STATUS_SETTLED);
            tn_queue_pop(exchange, &exchange->settlements);
            tn_queue_push(exchange, &exchange->settled, index);
        }
    }
    return units;
}
