/* equity: what an account may still spend (§7). This file is the hook that the margin engine takes
 * over: every command asks tn_exchange_admit once, with everything it would add. */
#include "exchange/internal.h"

/* What an account's futures and perpetuals are worth at the marks, funding included. */
static tn_micros work_out(const struct tn_exchange *exchange, const struct account *account)
{
    tn_micros value = 0;
    uint32_t slot = account->exposures_head;
    for (uint32_t i = 0; i < account->linear_count; i++) {
        const struct exposure *exposure = &exchange->exposures[slot];
        const struct series *series = &exchange->series[exposure->series];
        const struct tn_position *position = &exposure->position;
        if (position->quantity != 0) {
            TN_ASSERT(series->mark >= 0);
            value += position->quantity * series->mark;
            value -= tn_mul_div_ceil(position->quantity,
                                     series->funding_index - position->funding_entry, 1000000);
        }
        slot = exposure->account_next;
    }
    return value;
}

/* The same, kept until a mark, a funding index or a position changes. */
static tn_micros linear_value(const struct tn_exchange *exchange, struct account *account)
{
    if (account->linear_stamp != exchange->marks_stamp) {
        account->linear_value = work_out(exchange, account);
        account->linear_stamp = exchange->marks_stamp;
    }
    return account->linear_value;
}

tn_micros tn_exchange_free_equity(const struct tn_exchange *exchange, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    tn_micros equity = exchange->ledger.cash[index] - account->reserved;
    return account->linear_count == 0 ? equity : equity + linear_value(exchange, account);
}

/* What one lot bought at this price may cost, its fee included. */
tn_micros tn_exchange_reserve_per_lot(const struct series *series, uint8_t side, tn_ticks price)
{
    if (side == TN_SELL) return 0;
    const struct terms *terms = series->terms;
    tn_micros premium = price * terms->micros_per_tick;
    int32_t ppm = terms->fees.maker_ppm > terms->fees.taker_ppm ? terms->fees.maker_ppm
                                                                : terms->fees.taker_ppm;
    tn_micros fee = ppm > 0 ? tn_ppm_ceil(terms->base, ppm) : 0;
    if (terms->fees.premium_cap_ppm > 0) {
        tn_micros cap = tn_ppm_ceil(premium, terms->fees.premium_cap_ppm);
        if (fee > cap) fee = cap;
    }
    if (!series->is_linear) return premium + fee;
    return (premium > series->mark ? premium - series->mark : 0) + fee;
}

enum tn_reject tn_exchange_admit(const struct tn_exchange *exchange, tn_micros *shortfall,
                                 uint32_t account, tn_micros required)
{
    *shortfall = 0;
    if (required <= 0) return TN_REJECT_NONE;
    tn_micros equity = tn_exchange_free_equity(exchange, account);
    if (equity >= required) return TN_REJECT_NONE;
    *shortfall = required - equity;
    return TN_REJECT_MARGIN_SHORT;
}
