/* funding: a perpetual's longs pay its shorts as the funding index rises (§8.2).
 *
 * Payments round up, receipts down; what the rounding leaves gathers in FUNDING and goes to
 * insurance once every exposure of the series stands at one index. */
#include "exchange/internal.h"

static tn_micros settle(struct tn_exchange *exchange, uint32_t index)
{
    struct exposure *exposure = &exchange->exposures[index];
    struct series *series = &exchange->series[exposure->series];
    tn_micros amount = 0;
    if (exposure->position.quantity != 0) {
        amount = tn_mul_div_ceil(exposure->position.quantity,
                                 series->funding_index - exposure->position.funding_entry, 1000000);
    }
    exposure->position.funding_entry = series->funding_index;
    tn_exchange_touch_account(exchange, exposure->account, TOUCH_POSITIONS);
    exchange->accounts[exposure->account].linear_value += amount; /* it was owed, now it is paid */
    if (amount == 0) return 0;
    tn_exchange_pay(exchange, exposure->account, TN_PARTY_HOUSE(TN_HOUSE_FUNDING), amount);
    series->funding_float += amount;
    tn_exchange_touch_series(exchange, exposure->series, TOUCH_SERIES);
    return amount;
}

void tn_exchange_settle_funding(struct tn_exchange *exchange, uint32_t index)
{
    const struct exposure *exposure = &exchange->exposures[index];
    tn_micros amount = settle(exchange, index);
    if (amount == 0) return;
    struct tn_event *event = emit(exchange, TN_EVENT_FUNDED);
    event->account = exposure->account;
    event->series_id = exchange->series[exposure->series].id;
    event->quantity = exposure->position.quantity;
    event->money = amount;
}

/* Ends the turn of the first series in the queue. */
static void end_turn(struct tn_exchange *exchange, uint32_t index)
{
    struct series *series = &exchange->series[index];
    if (series->funding_index == exchange->funding_begun_index) {
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_FUNDING),
                        TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), series->funding_float);
        series->funding_float = 0;
    }
    series->in_funding_queue = 0;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    exchange->funding_begun = false;
    exchange->funding_cursor = TN_NONE;
    tn_queue_pop(exchange, &exchange->fundings);
}

uint32_t tn_exchange_sweep_fundings(struct tn_exchange *exchange, uint32_t units)
{
    while (units > 0 && exchange->fundings.count > 0) {
        uint32_t index = queue_at(&exchange->fundings, 0, exchange->limits.series_max);
        const struct series *series = &exchange->series[index];
        tn_exchange_need_holders(exchange, index);
        if (!exchange->funding_begun) {
            exchange->funding_begun = true;
            exchange->funding_begun_index = series->funding_index;
            exchange->funding_cursor = series->exposures_head;
        }
        uint32_t exposure = exchange->funding_cursor;
        if (exposure == TN_NONE) {
            end_turn(exchange, index);
            continue;
        }
        exchange->funding_cursor = exchange->exposures[exposure].series_next;
        tn_exchange_settle_funding(exchange, exposure);
        units--;
    }
    return units;
}
