/* The second working-out of accounts: risk_audit.h. */
#include "risk_audit.h"

#define PPM INT64_C(1000000)

void risk_audit_start(struct risk_audit *audit, const struct tn_exchange *exchange,
                      struct audit_order *orders, uint64_t orders_max)
{
    audit->exchange = exchange;
    audit->orders = orders;
    audit->orders_max = orders_max;
    for (uint16_t i = 0; i < RISK_UNDERLYINGS; i++)
        audit->underlyings[i] = risk_market_underlying((uint16_t)(i + 1));
}

/* ---- Orders ---- */

static struct audit_order *order_of(struct risk_audit *audit, uint64_t id)
{
    TN_ASSERT(id < audit->orders_max);
    return &audit->orders[id];
}

static void follow_event(struct risk_audit *audit, const struct tn_event *event, uint8_t group)
{
    if (event->kind < TN_EVENT_ACCEPTED || event->kind > TN_EVENT_QUOTED) return;
    struct audit_order *order = order_of(audit, event->order_id);
    switch (event->kind) {
        case TN_EVENT_ACCEPTED: *order = (struct audit_order){.open = event->quantity}; return;
        case TN_EVENT_REPLACED: order->open = event->quantity; return;
        case TN_EVENT_TRADE:
            order->open = event->remaining;
            order_of(audit, event->other_order_id)->open = event->other_remaining;
            return;
        case TN_EVENT_REDUCED: order->open = event->remaining; return;
        case TN_EVENT_CANCELLED: order->open = 0; return;
        case TN_EVENT_QUOTED:
            if (event->reject != TN_REJECT_NONE || event->order_id == 0) return;
            *order = (struct audit_order){.open = event->remaining, .group = group};
            return;
        default: return; /* says nothing of an open quantity */
    }
}

/* The commands of a frame end with a RESULT each; events before it belong to it. */
static void follow_frame(struct risk_audit *audit, const struct tn_entry *entry,
                         const struct tn_event *events, uint32_t count)
{
    const struct tn_command *commands = entry->as.frame.commands;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_event *event = &events[i];
        const struct tn_command *command = &commands[at];
        if (event->kind != TN_EVENT_RESULT) {
            bool quotes = command->kind == TN_COMMAND_MASS_QUOTE;
            follow_event(audit, event, quotes ? command->as.mass_quote.group : 0);
            continue;
        }
        bool set = command->kind == TN_COMMAND_MMP_SET && event->reject == TN_REJECT_NONE;
        if (set && !event->duplicate) {
            const struct tn_mmp_set *terms = &command->as.mmp_set;
            audit->limits[entry->as.frame.account][terms->group] = terms->quantity_limit;
        }
        if (at + 1 < entry->as.frame.commands_count) at++;
    }
}

static tn_micros order_fee(const struct risk_audit *audit, uint64_t id, tn_ticks price,
                           tn_micros per_tick)
{
    const struct tn_underlying *terms = &audit->underlyings[tn_series_underlying(id) - 1];
    bool option = tn_series_is_option(id);
    const struct tn_fees *fees = option ? &terms->option_fees : &terms->linear_fees;
    int32_t ppm = fees->maker_ppm > fees->taker_ppm ? fees->maker_ppm : fees->taker_ppm;
    struct tn_underlying_risk_view under;
    tn_micros base = 0;
    bool known =
        tn_exchange_underlying_risk(audit->exchange, &under, tn_series_underlying(id)) &&
        tn_contract_value_floor(&base, under.spot.value, option ? &terms->option : &terms->linear);
    TN_ASSERT(known);
    tn_micros fee = ppm > 0 ? tn_ppm_ceil(base, ppm) : 0;
    if (fees->premium_cap_ppm > 0) {
        tn_micros cap = tn_ppm_ceil(price * per_tick, fees->premium_cap_ppm);
        if (fee > cap) fee = cap;
    }
    return fee;
}

/* ---- The market at a MARK ---- */

/* By underlying, day, strike, kind: the order margin wants. */
static bool comes_before(uint64_t a, uint64_t b)
{
    if (tn_series_underlying(a) != tn_series_underlying(b)) {
        return tn_series_underlying(a) < tn_series_underlying(b);
    }
    if (tn_series_expiry_day(a) != tn_series_expiry_day(b)) {
        return tn_series_expiry_day(a) < tn_series_expiry_day(b);
    }
    if (tn_series_strike(a) != tn_series_strike(b))
        return tn_series_strike(a) < tn_series_strike(b);
    return tn_series_kind(a) < tn_series_kind(b);
}

static void list_series(struct risk_audit *audit)
{
    uint64_t ids[AUDIT_SERIES_MAX];
    uint32_t count = tn_exchange_series_ids(audit->exchange, ids, AUDIT_SERIES_MAX);
    audit->series_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_series_view view;
        if (!tn_exchange_series(audit->exchange, &view, ids[i])) continue;
        if (view.status == TN_STATUS_SETTLED || view.mark_micros < 0) continue;
        uint32_t at = audit->series_count++;
        for (; at > 0 && comes_before(ids[i], audit->ids[at - 1]); at--) {
            audit->ids[at] = audit->ids[at - 1];
            audit->books[at] = audit->books[at - 1];
        }
        audit->ids[at] = ids[i];
        audit->books[at] = view.book;
    }
}

static const struct tn_contract *contract_of(const struct risk_audit *audit, uint64_t id)
{
    const struct tn_underlying *terms = &audit->underlyings[tn_series_underlying(id) - 1];
    return tn_series_is_option(id) ? &terms->option : &terms->linear;
}

static tn_micros lot_value(const struct risk_audit *audit, uint64_t id, tn_micros unit)
{
    tn_micros value = 0;
    bool fits = tn_contract_value_floor(&value, unit, contract_of(audit, id));
    TN_ASSERT(fits);
    return value;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* What prices of an expiry are made of; false when its feeds are stale. */
static bool fill_expiry(struct risk_audit *audit, struct tn_price_expiry *priced,
                        struct tn_margin_expiry *margin, uint16_t number, uint16_t day,
                        int64_t mark_ms)
{
    struct tn_expiry_risk_view view;
    const struct tn_margin_underlying *under = &audit->margin_underlyings[number - 1];
    if (!tn_exchange_expiry_risk(audit->exchange, &view, number, day)) return false;
    if (view.freshness == TN_STALE || view.freshness_linear == TN_STALE) return false;
    int32_t confidence = under->confidence_ppm;
    *priced = (struct tn_price_expiry){.variable_micros = under->spot_micros};
    if (day != 0) {
        *priced =
            (struct tn_price_expiry){.surface = view.surface,
                                     .fixed_micros = view.fixed_micros,
                                     .variable_micros = view.variable_micros,
                                     .left_ms = risk_market_left_ms(day, mark_ms),
                                     .rate_ppb = view.rate.time_ms != 0 ? view.rate.value : 0};
        confidence = least(confidence, view.forward.confidence_ppm);
        if (view.vol.time_ms != 0) confidence = least(confidence, view.vol.confidence_ppm);
        if (view.rate.time_ms != 0) confidence = least(confidence, view.rate.confidence_ppm);
    }
    margin->underlying = (uint16_t)(number - 1);
    margin->left_ms = priced->left_ms;
    margin->confidence_ppm = confidence;
    struct tn_discounts discounts = {.long_q30 = INT64_C(1) << 30, .short_q30 = INT64_C(1) << 30};
    if (day != 0) {
        tn_pricing_discounts(&discounts, &audit->shocks, priced->left_ms, priced->rate_ppb);
    }
    tn_margin_factors(margin, &audit->market, &discounts);
    return true;
}

static tn_micros perpetual_mark(const struct risk_audit *audit, uint64_t id)
{
    struct tn_underlying_risk_view under;
    if (!tn_exchange_underlying_risk(audit->exchange, &under, tn_series_underlying(id))) return 0;
    tn_micros most = tn_ppm_floor(under.spot.value, audit->risk.premium_most_ppm);
    tn_micros premium = under.premium_micros;
    if (premium > most) premium = most;
    if (premium < -most) premium = -most;
    return lot_value(audit, id, under.spot.value + premium);
}

static void fill_series(struct risk_audit *audit, uint32_t index, uint32_t expiry,
                        const struct tn_price_expiry *priced)
{
    uint64_t id = audit->ids[index];
    const struct tn_contract *contract = contract_of(audit, id);
    tn_micros spot = audit->margin_underlyings[tn_series_underlying(id) - 1].spot_micros;
    tn_micros strike = (tn_micros)tn_series_strike(id) * TN_MICROS_PER_STRIKE_UNIT;
    audit->series[index] = (struct tn_margin_series){
        .underlying = (uint16_t)(tn_series_underlying(id) - 1),
        .expiry = (uint16_t)expiry,
        .kind = (uint8_t)tn_series_kind(id),
        .strike_micros = strike,
        .spot_lot = lot_value(audit, id, spot),
        .forward_lot = lot_value(audit, id, priced->fixed_micros + priced->variable_micros),
        .strike_lot = lot_value(audit, id, strike)};
    struct tn_price_series one = {.kind = (uint8_t)tn_series_kind(id),
                                  .strike_micros = strike,
                                  .lot_micro_units =
                                      contract->lot_micro_units * contract->multiplier};
    if (one.kind == TN_PERPETUAL) one.mark_micros = perpetual_mark(audit, id);
    tn_pricing_rows(&audit->rows[index], NULL, TN_CPU_BASE, &audit->shocks, priced, &one, 1);
    tn_micros per_tick, *mark = &audit->rows[index][TN_COLUMN_MARK];
    bool valid = tn_contract_check(&per_tick, contract) == TN_REJECT_NONE;
    TN_ASSERT(valid);
    if (*mark > contract->price_max * per_tick) *mark = contract->price_max * per_tick;
}

static void fill_underlyings(struct risk_audit *audit)
{
    for (uint16_t i = 0; i < RISK_UNDERLYINGS; i++) {
        struct tn_underlying_risk_view view;
        if (!tn_exchange_underlying_risk(audit->exchange, &view, (uint16_t)(i + 1))) continue;
        audit->margin_underlyings[i] =
            (struct tn_margin_underlying){.spot_micros = view.spot.value,
                                          .lambda_ppm = view.lambda_ppm,
                                          .confidence_ppm = view.spot.confidence_ppm};
    }
    for (uint32_t i = 1; i < RISK_STREAM_ASSETS; i++) {
        struct tn_entry terms = risk_stream_asset(i);
        uint16_t number = terms.as.asset.underlying;
        audit->assets[i] = (struct tn_margin_asset){
            .price_micros = number == 0 ? PPM : audit->margin_underlyings[number - 1].spot_micros,
            .mm_haircut_ppm = (int32_t)terms.as.asset.haircut_ppm,
            .im_haircut_ppm = (int32_t)terms.as.asset.im_haircut_ppm,
            .confidence_ppm =
                number == 0 ? (int32_t)PPM : audit->margin_underlyings[number - 1].confidence_ppm,
            .underlying = number == 0 ? TN_MARGIN_NO_UNDERLYING : (uint16_t)(number - 1)};
    }
}

static void take_mark(struct risk_audit *audit)
{
    struct tn_risk_view view;
    struct tn_scenario scenarios[TN_SCENARIOS_MAX];
    struct tn_risk unread;
    uint32_t scenarios_count;
    audit->usable = tn_exchange_risk(audit->exchange, &view);
    if (!audit->usable) return;
    tn_risk_default(&unread, scenarios, &scenarios_count);
    audit->risk = *view.parameters;
    bool valid = tn_risk_shocks(&audit->shocks, &audit->risk, scenarios, scenarios_count);
    TN_ASSERT(valid);
    fill_underlyings(audit);
    list_series(audit);
    audit->market = (struct tn_margin_market){.risk = &audit->risk,
                                              .shocks = &audit->shocks,
                                              .rows = (const int64_t(*)[TN_ROW_COLUMNS])audit->rows,
                                              .series = audit->series,
                                              .expiries = audit->expiries,
                                              .underlyings = audit->margin_underlyings,
                                              .assets = audit->assets,
                                              .series_count = audit->series_count,
                                              .expiries_count = AUDIT_EXPIRIES_MAX,
                                              .underlyings_count = RISK_UNDERLYINGS,
                                              .assets_count = RISK_STREAM_ASSETS,
                                              .mm_factor_ppm = view.mm_factor_ppm,
                                              .stable_ppm = view.stable.value,
                                              .cpu = TN_CPU_BASE};
    struct tn_price_expiry priced = {0};
    uint32_t expiry = TN_NONE;
    for (uint32_t i = 0; i < audit->series_count && audit->usable; i++) {
        uint16_t number = tn_series_underlying(audit->ids[i]);
        uint16_t day = tn_series_expiry_day(audit->ids[i]);
        bool same = i > 0 && number == tn_series_underlying(audit->ids[i - 1]) &&
                    day == tn_series_expiry_day(audit->ids[i - 1]);
        if (!same) {
            expiry = expiry == TN_NONE ? 0 : expiry + 1;
            TN_ASSERT(expiry < AUDIT_EXPIRIES_MAX);
            audit->usable =
                fill_expiry(audit, &priced, &audit->expiries[expiry], number, day, view.mark_ms);
        }
        if (audit->usable) fill_series(audit, i, expiry, &priced);
    }
}

void risk_audit_follow(struct risk_audit *audit, const struct tn_entry *entry,
                       const struct tn_event *events, uint32_t events_count)
{
    bool passed = events_count > 0 && events[events_count - 1].reject == TN_REJECT_NONE;
    bool marked = false, changed = false;
    if (entry->kind == TN_ENTRY_FRAME) {
        follow_frame(audit, entry, events, events_count);
    } else {
        for (uint32_t i = 0; i < events_count; i++) {
            follow_event(audit, &events[i], 0);
            marked |= events[i].kind == TN_EVENT_MARKED;
            changed |= events[i].kind == TN_EVENT_RISK;
        }
    }
    if (entry->kind == TN_ENTRY_FEES && passed) {
        audit->underlyings[entry->as.fees.underlying - 1].option_fees = entry->as.fees.option_fees;
        audit->underlyings[entry->as.fees.underlying - 1].linear_fees = entry->as.fees.linear_fees;
    }
    if (marked) {
        take_mark(audit);
    } else if (changed) {
        audit->usable = false;
    }
}

/* ---- An account ---- */

struct gathering {
    struct tn_holding holdings[AUDIT_SERIES_MAX];
    struct tn_margin_order orders[4096];
    tn_lots limits[256];
    uint8_t groups[256];
    struct tn_margin_account account;
};

static uint32_t group_place(struct gathering *all, tn_lots limit, uint8_t group)
{
    if (group == 0 || limit == 0) return 0;
    for (uint32_t i = 0; i < all->account.groups_count; i++) {
        if (all->groups[i] == group) return i + 1;
    }
    all->groups[all->account.groups_count] = group;
    all->limits[all->account.groups_count] = limit;
    return ++all->account.groups_count;
}

static void gather_side(struct gathering *all, struct tn_holding *holding,
                        const struct risk_audit *audit, uint32_t account, uint32_t index,
                        enum tn_side side)
{
    const struct tn_books *books = tn_exchange_books(audit->exchange);
    const struct tn_resting *resting = tn_book_resting((struct tn_books *)(uintptr_t)books);
    tn_micros per_tick;
    bool valid =
        tn_contract_check(&per_tick, contract_of(audit, audit->ids[index])) == TN_REJECT_NONE;
    TN_ASSERT(valid);
    uint32_t slot = tn_book_front(books, audit->books[index], side);
    for (; slot != TN_NONE; slot = tn_book_after(books, slot)) {
        if (resting[slot].account != account) continue;
        const struct audit_order *order = &audit->orders[resting[slot].id];
        *(side == TN_BUY ? &holding->open_buy : &holding->open_sell) += order->open;
        tn_ticks price = resting[slot].price;
        all->orders[all->account.orders_count++] = (struct tn_margin_order){
            .series = index,
            .group = group_place(all, audit->limits[account][order->group], order->group),
            .quantity = side == TN_BUY ? order->open : -order->open,
            .price_micros = price * per_tick,
            .fee_micros = order_fee(audit, audit->ids[index], price, per_tick) * order->open};
    }
}

bool risk_audit_evaluate(struct tn_margin_result *result, const struct risk_audit *audit,
                         uint32_t account)
{
    static struct gathering all;
    struct tn_account_view view;
    struct tn_account_risk_view risk;
    if (!audit->usable || !tn_exchange_account(audit->exchange, &view, account) ||
        !tn_exchange_account_risk(audit->exchange, &risk, account)) {
        return false;
    }
    all.account = (struct tn_margin_account){.model = risk.model,
                                             .cash = view.cash,
                                             .holdings = all.holdings,
                                             .orders = all.orders,
                                             .group_limits = all.limits};
    for (uint32_t i = 1; i < RISK_STREAM_ASSETS; i++)
        all.account.balances[i] = tn_exchange_collateral(audit->exchange, account, i);
    for (uint32_t i = 0; i < audit->series_count; i++) {
        struct tn_position position = tn_exchange_position(audit->exchange, account, audit->ids[i]);
        struct tn_holding *holding = &all.holdings[all.account.holdings_count];
        *holding = (struct tn_holding){.series = i, .quantity = position.quantity};
        gather_side(&all, holding, audit, account, i, TN_BUY);
        gather_side(&all, holding, audit, account, i, TN_SELL);
        if (position.quantity != 0 || holding->open_buy > 0 || holding->open_sell > 0) {
            all.account.holdings_count++;
        }
        if (position.quantity == 0 || tn_series_is_option(audit->ids[i])) continue;
        struct tn_series_view series;
        if (!tn_exchange_series(audit->exchange, &series, audit->ids[i])) return false;
        all.account.cash -=
            tn_mul_div_ceil(position.quantity, series.funding_index - position.funding_entry, PPM);
    }
    tn_margin_evaluate(result, NULL, &audit->market, &all.account);
    return true;
}
