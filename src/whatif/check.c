/* whatif check: is every number inside the bounds that pricing and margin assert?
 *
 * Those modules treat a number out of its range as a bug, because in an exchange nothing gets that
 * far. A what-if takes numbers from anyone, so each is looked at here first, and what depends on
 * scenario prices (how much a position is worth) where the prices are known. */
#include "whatif/internal.h"

#define PPM             1000000
#define LOT_MOST        (INT64_C(1) << 40)
#define LEFT_MOST_MS    (INT64_C(1) << 40)
#define BALANCE_MOST    (INT64_C(1) << 50)
#define STABLE_MOST_PPM 10000000
#define RATE_MOST_PPB   INT64_C(1000000000)

static bool is_within(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

const char *tn_whatif_fault_text(enum tn_whatif_fault_kind kind)
{
    switch (kind) {
#define X(name, text)                                                                              \
    case TN_WHATIF_FAULT_##name: return text;
        TN_WHATIF_FAULT_TABLE(X)
#undef X
    }
    return NULL;
}

/* The lot of a series, and what one lot is worth at a price of one unit: it must be counted. */
static bool lot_is_counted(const struct tn_whatif_underlying *underlying, uint8_t kind,
                           tn_micros price_micros)
{
    int64_t lot = kind == TN_CALL || kind == TN_PUT ? underlying->option_lot_micro_units
                                                    : underlying->linear_lot_micro_units;
    if (!is_within(lot, 1, LOT_MOST)) return false;
    return (tn_i128)price_micros * lot / PPM <= TN_MARGIN_VALUE_MAX;
}

static bool underlying_good(const struct tn_whatif_underlying *underlying)
{
    return is_within(underlying->spot_micros, 1, TN_VALUE_UNIT_MICROS_MAX) &&
           is_within(underlying->perpetual_micros, 0, TN_VALUE_UNIT_MICROS_MAX) &&
           underlying->option_mark_max >= 0 && underlying->linear_mark_max >= 0 &&
           is_within(underlying->lambda_ppm, PPM, TN_MARGIN_FACTOR_MAX_PPM) &&
           is_within(underlying->confidence_ppm, 0, PPM);
}

static bool expiry_good(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_whatif_expiry *expiry = &input->expiries[index];
    const struct tn_whatif_expiry *before = index == 0 ? NULL : expiry - 1;
    if (expiry->underlying >= input->underlyings_count) return false;
    if (before != NULL &&
        (before->underlying > expiry->underlying ||
         (before->underlying == expiry->underlying && before->left_ms >= expiry->left_ms))) {
        return false;
    }
    return is_within(expiry->fixed_micros, 0, TN_VALUE_UNIT_MICROS_MAX) &&
           is_within(expiry->variable_micros, 0, TN_VALUE_UNIT_MICROS_MAX - expiry->fixed_micros) &&
           expiry->fixed_micros + expiry->variable_micros >= 1 &&
           is_within(expiry->left_ms, 1, LEFT_MOST_MS) &&
           is_within(expiry->rate_ppb, -RATE_MOST_PPB, RATE_MOST_PPB) &&
           is_within(expiry->confidence_ppm, 0, PPM);
}

/* -1, 0 or 1: by underlying, expiry, strike, kind. A perpetual comes before all expiries. */
static int compare_series(const struct tn_whatif_series *a, const struct tn_whatif_series *b)
{
    int64_t keys_a[4] = {a->underlying, a->kind == TN_PERPETUAL ? -1 : (int64_t)a->expiry,
                         a->strike_micros, a->kind};
    int64_t keys_b[4] = {b->underlying, b->kind == TN_PERPETUAL ? -1 : (int64_t)b->expiry,
                         b->strike_micros, b->kind};
    for (uint32_t i = 0; i < 4; i++) {
        if (keys_a[i] != keys_b[i]) return keys_a[i] < keys_b[i] ? -1 : 1;
    }
    return 0;
}

static bool strike_good(const struct tn_whatif_series *series,
                        const struct tn_whatif_underlying *underlying)
{
    if (series->kind != TN_CALL && series->kind != TN_PUT) return series->strike_micros == 0;
    if (!is_within(series->strike_micros, 1, TN_VALUE_UNIT_MICROS_MAX)) return false;
    tn_i128 scaled = (tn_i128)series->strike_micros * underlying->option_lot_micro_units;
    return scaled % PPM == 0 && lot_is_counted(underlying, series->kind, series->strike_micros);
}

static enum tn_whatif_fault_kind series_fault(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_whatif_series *series = &input->series[index];
    if (series->underlying >= input->underlyings_count || series->kind > TN_PUT) {
        return TN_WHATIF_FAULT_SERIES;
    }
    if (index > 0 && compare_series(series - 1, series) >= 0) return TN_WHATIF_FAULT_SERIES;
    const struct tn_whatif_underlying *underlying = &input->underlyings[series->underlying];
    if (!strike_good(series, underlying) ||
        !lot_is_counted(underlying, series->kind, underlying->spot_micros)) {
        return TN_WHATIF_FAULT_SERIES;
    }
    if (series->kind == TN_PERPETUAL) {
        bool good = underlying->perpetual_micros > 0 &&
                    lot_is_counted(underlying, series->kind, underlying->perpetual_micros);
        return good ? TN_WHATIF_FAULT_NONE : TN_WHATIF_FAULT_PERPETUAL;
    }
    if (series->expiry >= input->expiries_count) return TN_WHATIF_FAULT_SERIES;
    const struct tn_whatif_expiry *expiry = &input->expiries[series->expiry];
    if (expiry->underlying != series->underlying ||
        !lot_is_counted(underlying, series->kind, expiry->fixed_micros + expiry->variable_micros)) {
        return TN_WHATIF_FAULT_SERIES;
    }
    if (series->kind == TN_FUTURE) return TN_WHATIF_FAULT_NONE;
    bool own = is_within(series->vol_ppb, 0, TN_WHATIF_VOL_MAX_PPB);
    bool surface = series->vol_ppb == TN_WHATIF_VOL_OF_SURFACE && expiry->has_surface;
    return own || surface ? TN_WHATIF_FAULT_NONE : TN_WHATIF_FAULT_VOLATILITY;
}

static bool position_good(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_whatif_position *position = &input->positions[index];
    int64_t most = TN_WHATIF_MONEY_MAX;
    if (position->series >= input->series_count) return false;
    if (index > 0 && position->series <= position[-1].series) return false;
    return position->quantity != 0 &&
           is_within(position->quantity, -TN_QUANTITY_LOTS_MAX, TN_QUANTITY_LOTS_MAX) &&
           is_within(position->unrealised, -most, most) &&
           is_within(position->funding, -most, most);
}

static bool order_good(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_margin_order *order = &input->orders[index];
    return order->series < input->series_count && order->group <= input->groups_count &&
           order->quantity != 0 &&
           is_within(order->quantity, -TN_QUANTITY_LOTS_MAX, TN_QUANTITY_LOTS_MAX) &&
           is_within(order->price_micros, 0, TN_MARGIN_VALUE_MAX) &&
           is_within(order->fee_micros, 0, TN_MARGIN_VALUE_MAX);
}

static bool asset_good(const struct tn_whatif *input, uint32_t index)
{
    const struct tn_margin_asset *asset = &input->assets[index];
    tn_micros balance = input->balances[index];
    if (!is_within(balance, 0, BALANCE_MOST)) return false;
    if (!is_within(asset->price_micros, 0, BALANCE_MOST)) return false;
    return (tn_i128)balance * asset->price_micros / PPM <= TN_MARGIN_VALUE_MAX &&
           is_within(asset->mm_haircut_ppm, 0, PPM) &&
           is_within(asset->im_haircut_ppm, 0, PPM - asset->mm_haircut_ppm) &&
           is_within(asset->confidence_ppm, 0, PPM) &&
           (asset->underlying < input->underlyings_count ||
            asset->underlying == TN_MARGIN_NO_UNDERLYING);
}

static bool is_fault(struct tn_whatif_fault *fault, enum tn_whatif_fault_kind kind, uint32_t index)
{
    *fault = (struct tn_whatif_fault){.kind = kind, .index = index};
    return kind != TN_WHATIF_FAULT_NONE;
}

static bool market_fault(struct tn_whatif_fault *fault, const struct tn_whatif *input)
{
    for (uint32_t i = 0; i < input->underlyings_count; i++) {
        if (!underlying_good(&input->underlyings[i])) {
            return is_fault(fault, TN_WHATIF_FAULT_UNDERLYING, i);
        }
    }
    for (uint32_t i = 0; i < input->expiries_count; i++) {
        const struct tn_whatif_expiry *expiry = &input->expiries[i];
        if (!expiry_good(input, i)) return is_fault(fault, TN_WHATIF_FAULT_EXPIRY, i);
        if (expiry->has_surface && !tn_surface_admitted(&expiry->surface)) {
            return is_fault(fault, TN_WHATIF_FAULT_SURFACE, i);
        }
    }
    for (uint32_t i = 0; i < input->series_count; i++) {
        if (is_fault(fault, series_fault(input, i), i)) return true;
    }
    return false;
}

static bool account_fault(struct tn_whatif_fault *fault, const struct tn_whatif *input)
{
    if (input->model > TN_MARGIN_STANDARD) return is_fault(fault, TN_WHATIF_FAULT_MODEL, 0);
    if (!is_within(input->cash, -TN_WHATIF_MONEY_MAX, TN_WHATIF_MONEY_MAX)) {
        return is_fault(fault, TN_WHATIF_FAULT_CASH, 0);
    }
    for (uint32_t i = 0; i < input->positions_count; i++) {
        if (!position_good(input, i)) return is_fault(fault, TN_WHATIF_FAULT_POSITION, i);
    }
    for (uint32_t i = 0; i < input->groups_count; i++) {
        if (!is_within(input->group_limits[i], 0, TN_QUANTITY_LOTS_MAX)) {
            return is_fault(fault, TN_WHATIF_FAULT_GROUP, i);
        }
    }
    for (uint32_t i = 0; i < input->orders_count; i++) {
        if (!order_good(input, i)) return is_fault(fault, TN_WHATIF_FAULT_ORDER, i);
    }
    for (uint32_t i = 1; i < input->assets_count; i++) {
        if (!asset_good(input, i)) return is_fault(fault, TN_WHATIF_FAULT_ASSET, i);
    }
    return false;
}

bool tn_whatif_fault_find(struct tn_whatif_fault *fault, const struct tn_whatif *input)
{
    struct tn_shocks shocks;
    if (tn_whatif_size(input) == 0) return is_fault(fault, TN_WHATIF_FAULT_COUNT, 0);
    uint32_t field = tn_risk_check(input->risk);
    if (field != TN_RISK_FIELDS_COUNT) return is_fault(fault, TN_WHATIF_FAULT_PARAMETER, field);
    if (input->scenarios_count < 1 || input->scenarios_count > TN_SCENARIOS_MAX) {
        return is_fault(fault, TN_WHATIF_FAULT_SCENARIO, input->scenarios_count);
    }
    for (uint32_t i = 0; i < input->scenarios_count; i++) {
        if (!tn_risk_shocks(&shocks, input->risk, &input->scenarios[i], 1)) {
            return is_fault(fault, TN_WHATIF_FAULT_SCENARIO, i);
        }
    }
    if (!is_within(input->stable_ppm, 0, STABLE_MOST_PPM)) {
        return is_fault(fault, TN_WHATIF_FAULT_STABLE, 0);
    }
    return market_fault(fault, input) || account_fault(fault, input);
}
