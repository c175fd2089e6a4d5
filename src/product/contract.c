/* contract: how a kind of series is quoted and what it pays: tick schedules, the value of a tick
 * and of a lot, settlement.
 *
 * Everything that later multiplies prices and quantities relies on the bounds checked here once,
 * when an underlying is defined: a tick on a lot is whole micros, so that no trade ever rounds, and
 * the largest order is within margin's range. Settlement rounds per lot, not per position, so the
 * two sides of every lot cancel to the micro. */
#include "tenor/product.h"

#define MICROS_PER_UNIT INT64_C(1000000)
#define VALUE_MAX       (INT64_C(1) << 62)
#define FEE_PPM_MAX     10000
#define PREMIUM_CAP_MAX 1000000

/* ---- Tick schedules ---- */

bool tn_tick_schedule_valid(const struct tn_tick_schedule *schedule)
{
    if (schedule->steps_count < 1 || schedule->steps_count > TN_TICK_STEPS_MAX) return false;
    if (schedule->steps[0].from_ticks != 0) return false;
    for (uint32_t i = 0; i < schedule->steps_count; i++) {
        tn_ticks from = schedule->steps[i].from_ticks;
        tn_ticks step = schedule->steps[i].step_ticks;
        if (step < 1 || step > TN_PRICE_TICKS_MAX) return false;
        if (i == 0) continue;
        if (from <= schedule->steps[i - 1].from_ticks || from > TN_PRICE_TICKS_MAX) return false;
        if (step <= schedule->steps[i - 1].step_ticks) return false;
        if (from % step != 0 || from % schedule->steps[i - 1].step_ticks != 0) return false;
    }
    return true;
}

/* The start of a stretch is a multiple of the stretch's step: rounding down never leaves it. */
tn_ticks tn_tick_floor(const struct tn_tick_schedule *schedule, tn_ticks price)
{
    return price - price % tn_tick_step(schedule, price);
}

/* The start of the next stretch is a multiple of this one's step: rounding up never passes it. */
tn_ticks tn_tick_ceil(const struct tn_tick_schedule *schedule, tn_ticks price)
{
    tn_ticks step = tn_tick_step(schedule, price);
    tn_ticks over = price % step;
    if (over == 0) return price;
    TN_ASSERT(price <= INT64_MAX - (step - over));
    return price + (step - over);
}

/* ---- Values ---- */

/* Millionths of a unit of the underlying in one lot. */
static bool micro_units_per_lot(int64_t *micro_units, const struct tn_contract *contract)
{
    if (contract->lot_micro_units < 1 || contract->multiplier < 1) return false;
    return !__builtin_mul_overflow(contract->lot_micro_units, contract->multiplier, micro_units);
}

enum tn_reject tn_contract_check(tn_micros *micros_per_tick, const struct tn_contract *contract)
{
    int64_t micro_units;
    tn_micros largest;
    if (!tn_tick_schedule_valid(&contract->schedule)) return TN_REJECT_PARAMETER_RANGE;
    if (contract->tick_micros < 1) return TN_REJECT_PARAMETER_RANGE;
    if (!micro_units_per_lot(&micro_units, contract)) return TN_REJECT_PARAMETER_RANGE;
    if (contract->price_max < 1 || contract->price_max > TN_PRICE_TICKS_MAX ||
        contract->quantity_max < 1 || contract->quantity_max > TN_QUANTITY_LOTS_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }

    tn_i128 product = (tn_i128)contract->tick_micros * micro_units;
    if (product % MICROS_PER_UNIT != 0) return TN_REJECT_VALUE_NOT_WHOLE;
    if (product / MICROS_PER_UNIT > TN_VALUE_MICROS_MAX) return TN_REJECT_PARAMETER_RANGE;
    tn_micros per_tick = (tn_micros)(product / MICROS_PER_UNIT);
    if (!tn_notional(contract->price_max, contract->quantity_max, per_tick, &largest) ||
        largest > TN_VALUE_MICROS_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    TN_ASSERT(per_tick > 0 && largest >= per_tick);
    *micros_per_tick = per_tick;
    return TN_REJECT_NONE;
}

bool tn_contract_value_floor(tn_micros *value, tn_micros price_micros,
                             const struct tn_contract *contract)
{
    int64_t micro_units = 0;
    bool bounded = micro_units_per_lot(&micro_units, contract);
    TN_ASSERT(bounded);

    tn_i128 product = (tn_i128)price_micros * micro_units;
    const tn_i128 limit = (tn_i128)VALUE_MAX * MICROS_PER_UNIT;
    if (product < -limit || product >= limit + MICROS_PER_UNIT) return false;
    *value = tn_mul_div_floor(price_micros, micro_units, MICROS_PER_UNIT);
    TN_ASSERT(*value >= -VALUE_MAX && *value <= VALUE_MAX);
    return true;
}

bool tn_settlement_value(tn_micros *value, uint64_t series_id, tn_micros price_micros,
                         const struct tn_contract *contract)
{
    struct tn_series_terms terms;
    bool possible = tn_series_unpack(&terms, series_id);
    TN_ASSERT(possible);
    if (price_micros < 0) return false;

    tn_micros strike_micros = (tn_micros)terms.strike * TN_MICROS_PER_STRIKE_UNIT;
    tn_micros pays = 0;
    switch ((enum tn_series_kind)terms.kind) {
        case TN_PERPETUAL:
        case TN_FUTURE: pays = price_micros; break;
        case TN_CALL: pays = price_micros > strike_micros ? price_micros - strike_micros : 0; break;
        case TN_PUT: pays = price_micros < strike_micros ? strike_micros - price_micros : 0; break;
    }
    TN_ASSERT(pays >= 0);
    return tn_contract_value_floor(value, pays, contract);
}

bool tn_fees_valid(const struct tn_fees *fees)
{
    if (fees->taker_ppm < 0 || fees->taker_ppm > FEE_PPM_MAX) return false;
    if (fees->maker_ppm < -fees->taker_ppm || fees->maker_ppm > FEE_PPM_MAX) return false;
    return fees->premium_cap_ppm >= 0 && fees->premium_cap_ppm <= PREMIUM_CAP_MAX;
}
