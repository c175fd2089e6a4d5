/* market: what is traded and at what marks: underlyings, listing, statuses, prices, block time
 * (§8). */
#include "exchange/feeds.h"

_Static_assert(TN_PRICE_TICKS_MAX == TN_BOOK_PRICE_MAX, "a contract's prices fit its books");
_Static_assert(TN_QUANTITY_LOTS_MAX == TN_BOOK_QUANTITY_MAX, "a contract's orders fit its books");

#define MICROS_MAX        (INT64_C(1) << 50)
#define BASE_VALUE_MAX    (INT64_C(1) << 56) /* index value of quantity_max lots */
#define FUNDING_VALUE_MAX (INT64_C(1) << 46) /* funding index of quantity_max lots */
#define TIME_MAX_MS       (INT64_C(1) << 52)
#define LOT_MAX           (INT64_C(1) << 40) /* millionths of a unit in a lot that margin takes */
enum { HOUR_MS = 3600000, PPM = 1000000 };

static struct underlying *underlying_of(const struct tn_exchange *exchange, uint16_t number)
{
    bool known = number >= 1 && number <= exchange->underlyings_count;
    return known ? &exchange->underlyings[number - 1] : NULL;
}

/* ---- Underlyings ---- */

static void work_out_fees(struct underlying *under)
{
    for (uint32_t i = 0; i < 2; i++)
        tn_exchange_work_out_fees(&under->terms[i]);
}

static bool underlying_in_range(const struct tn_underlying *asked)
{
    return tn_symbol_valid(asked->symbol) && tn_fees_valid(&asked->option_fees) &&
           tn_fees_valid(&asked->linear_fees) && tn_listing_rules_valid(&asked->listing) &&
           asked->fifo_ppm <= PPM && asked->closing_ms >= 0 && asked->closing_ms <= HOUR_MS &&
           asked->block_minimum_micros >= 0 && asked->block_minimum_micros <= MICROS_MAX;
}

enum tn_reject tn_exchange_underlying(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    const struct tn_underlying *asked = &entry->as.underlying;
    if (exchange->underlyings_count == exchange->limits.underlyings_max) {
        return TN_REJECT_UNDERLYINGS_FULL;
    }
    if (!underlying_in_range(asked)) return TN_REJECT_PARAMETER_RANGE;
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        const char *symbol = exchange->underlyings[i].symbol;
        uint32_t at = 0;
        while (symbol[at] != '\0' && symbol[at] == asked->symbol[at])
            at++;
        if (symbol[at] == asked->symbol[at]) return TN_REJECT_UNDERLYING_EXISTS;
    }
    tn_micros option_per_tick, linear_per_tick;
    enum tn_reject reject = tn_contract_check(&option_per_tick, &asked->option);
    if (reject == TN_REJECT_NONE) reject = tn_contract_check(&linear_per_tick, &asked->linear);
    if (reject != TN_REJECT_NONE) return reject;
    if (exchange->risk != NULL &&
        (asked->option.lot_micro_units > LOT_MAX / asked->option.multiplier ||
         asked->linear.lot_micro_units > LOT_MAX / asked->linear.multiplier)) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    struct underlying *under = &exchange->underlyings[exchange->underlyings_count++];
    tn_exchange_touch_underlying(exchange, exchange->underlyings_count - 1);
    if (exchange->risk != NULL) {
        tn_exchange_touch_feeds_underlying(exchange, exchange->underlyings_count - 1,
                                           FEEDS_READINGS);
    }
    *under = (struct underlying){
        .listing = asked->listing,
        .fifo_ppm = asked->fifo_ppm,
        .closing_ms = asked->closing_ms,
        .block_minimum_micros = asked->block_minimum_micros,
        .terms = {{.contract = asked->option,
                   .fees = asked->option_fees,
                   .micros_per_tick = option_per_tick,
                   .base = -1},
                  {.contract = asked->linear,
                   .fees = asked->linear_fees,
                   .micros_per_tick = linear_per_tick,
                   .base = -1}},
    };
    memcpy(under->symbol, asked->symbol, TN_SYMBOL_SIZE);
    work_out_fees(under);
    return TN_REJECT_NONE;
}

enum tn_reject tn_exchange_fees(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    struct underlying *under = underlying_of(exchange, entry->as.fees.underlying);
    if (under == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (!tn_fees_valid(&entry->as.fees.option_fees) ||
        !tn_fees_valid(&entry->as.fees.linear_fees)) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    tn_exchange_forget_sums(exchange); /* fees are part of an order's term */
    tn_exchange_touch_underlying(exchange, entry->as.fees.underlying - 1u);
    under->terms[0].fees = entry->as.fees.option_fees;
    under->terms[1].fees = entry->as.fees.linear_fees;
    work_out_fees(under);
    return TN_REJECT_NONE;
}

/* Sets the price of an underlying; false, changing nothing, when a contract cannot bear it. */
bool tn_exchange_set_index(struct tn_exchange *exchange, uint16_t index, tn_micros price)
{
    struct underlying *under = &exchange->underlyings[index];
    if (price < 1 || price > MICROS_MAX) return false;
    tn_micros base[2];
    for (uint32_t i = 0; i < 2; i++) {
        const struct tn_contract *contract = &under->terms[i].contract;
        if (!tn_contract_value_floor(&base[i], price, contract) ||
            base[i] > BASE_VALUE_MAX / contract->quantity_max) {
            return false;
        }
    }
    tn_exchange_touch_underlying(exchange, index);
    under->index_micros = price;
    for (uint32_t i = 0; i < 2; i++)
        under->terms[i].base = base[i];
    work_out_fees(under);
    return true;
}

enum tn_reject tn_exchange_index_price(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint16_t number = entry->as.index.underlying;
    if (exchange->risk != NULL) return TN_REJECT_FEEDS_RULE;
    if (underlying_of(exchange, number) == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    bool fits =
        tn_exchange_set_index(exchange, (uint16_t)(number - 1), entry->as.index.price_micros);
    return fits ? TN_REJECT_NONE : TN_REJECT_PARAMETER_RANGE;
}

/* ---- Listing ---- */

/* Margin's bound on what a position is worth holds for a put at a forward of zero. */
static bool strike_fits(const struct tn_exchange *exchange, uint16_t number, uint64_t strike)
{
    const struct tn_contract *contract = &exchange->underlyings[number - 1].terms[0].contract;
    tn_micros value;
    return tn_contract_value_floor(&value, (tn_micros)strike * TN_MICROS_PER_STRIKE_UNIT,
                                   contract) &&
           value < TN_MARGIN_VALUE_MAX / contract->quantity_max;
}

enum tn_reject tn_exchange_list(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    struct tn_series_terms terms;
    uint64_t id = entry->as.list.series_id;
    if (!tn_series_unpack(&terms, id)) return TN_REJECT_SERIES_ID;
    if (underlying_of(exchange, terms.underlying) == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (tn_exchange_find_series(exchange, id) != TN_NONE) return TN_REJECT_SERIES_EXISTS;
    if (tn_series_expiry_ms(id) <= exchange->time_ms) return TN_REJECT_SERIES_CLOSING;
    if (!tn_exchange_series_fits(exchange)) return TN_REJECT_SERIES_FULL;
    if (exchange->risk != NULL) {
        if (!strike_fits(exchange, terms.underlying, terms.strike))
            return TN_REJECT_PARAMETER_RANGE;
        uint16_t index = (uint16_t)(terms.underlying - 1);
        if (!tn_exchange_expiry_fits(exchange, index, terms.expiry_day)) {
            return TN_REJECT_EXPIRIES_FULL;
        }
    }
    tn_exchange_add_series(exchange, id);
    return TN_REJECT_NONE;
}

/* Lists a series that the rules name, if it is new. False when the table is full. */
static bool list_by_rule(struct tn_exchange *exchange, uint32_t *listed, uint16_t underlying,
                         enum tn_series_kind kind, uint16_t day, uint64_t strike)
{
    struct tn_series_terms terms = {underlying, (uint8_t)kind, day, strike};
    uint64_t id;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    if (tn_exchange_find_series(exchange, id) != TN_NONE) return true;
    if (!tn_exchange_series_fits(exchange)) return false;
    tn_exchange_add_series(exchange, id);
    ++*listed;
    return true;
}

enum tn_reject tn_exchange_listing(struct tn_exchange *exchange, uint32_t *listed,
                                   const struct tn_entry *entry)
{
    uint16_t number = entry->as.listing.underlying, day = entry->as.listing.expiry_day;
    tn_micros forward = entry->as.listing.forward_micros;
    const struct underlying *under = underlying_of(exchange, number);
    *listed = 0;
    if (under == NULL) return TN_REJECT_UNDERLYING_UNKNOWN;
    if (forward < 1 || forward > MICROS_MAX || entry->as.listing.strikes_count > TN_LISTING_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    const struct tn_listing_rules *rules = &under->listing;
    if (!tn_listing_names_day(rules, exchange->time_ms, day)) return TN_REJECT_EXPIRY_NOT_BY_RULE;
    if (exchange->risk != NULL && !tn_exchange_expiry_fits(exchange, (uint16_t)(number - 1), day)) {
        return TN_REJECT_EXPIRIES_FULL;
    }
    if (tn_day_is_month_end_friday(day) &&
        !list_by_rule(exchange, listed, number, TN_FUTURE, day, 0)) {
        return TN_REJECT_SERIES_FULL;
    }
    uint64_t step = tn_listing_strike_step(rules, forward);
    for (uint32_t i = 0; i < entry->as.listing.strikes_count; i++) {
        const struct tn_listing_strike *asked = &entry->as.listing.strikes[i];
        if (asked->strike < 1 || asked->strike > TN_STRIKE_MAX || asked->strike % step != 0 ||
            asked->delta_ppb < rules->delta_low_ppb || asked->delta_ppb > rules->delta_high_ppb) {
            continue;
        }
        if (exchange->risk != NULL && !strike_fits(exchange, number, asked->strike)) continue;
        if (!list_by_rule(exchange, listed, number, TN_CALL, day, asked->strike) ||
            !list_by_rule(exchange, listed, number, TN_PUT, day, asked->strike)) {
            return TN_REJECT_SERIES_FULL;
        }
    }
    return TN_REJECT_NONE;
}

/* ---- Statuses ---- */

void tn_exchange_set_status(struct tn_exchange *exchange, uint32_t index, enum tn_status status)
{
    struct series *series = &exchange->series[index];
    struct tn_event *event = emit(exchange, TN_EVENT_STATUS);
    event->series_id = series->id;
    event->index = status;
    event->other_index = series->status;
    series->status = (uint8_t)status;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    if (status == TN_STATUS_AUCTION) series->rounds = 0;
}

enum tn_reject tn_exchange_status(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint32_t index = tn_exchange_find_series(exchange, entry->as.status.series_id);
    if (index == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    const struct series *series = &exchange->series[index];
    enum tn_status from = (enum tn_status)series->status;
    enum tn_status to = (enum tn_status)entry->as.status.status;
    if (!tn_status_may_step(from, to) || to == TN_STATUS_SETTLING || to == TN_STATUS_SETTLED ||
        series->uncrossing || (from == TN_STATUS_AUCTION && to == TN_STATUS_ACTIVE)) {
        return TN_REJECT_STATUS_STEP;
    }
    bool matches = to == TN_STATUS_ACTIVE || to == TN_STATUS_POST_ONLY;
    if ((matches || to == TN_STATUS_AUCTION) && (series->mark < 0 || series->terms->base < 0)) {
        return TN_REJECT_NO_MARK;
    }
    if (matches && tn_exchange_is_crossed(exchange, index)) return TN_REJECT_STATUS_STEP;
    tn_exchange_set_status(exchange, index, to);
    return TN_REJECT_NONE;
}

/* ---- Marks ---- */

/* Half the band around a mark, in micros of one lot; false when it does not fit. Where margin is on
 * its width is a matter of the market's parameters. */
static bool band_of(tn_micros *width, const struct tn_exchange *exchange,
                    const struct series *series, const struct tn_mark *mark)
{
    tn_micros forward;
    if (!tn_contract_value_floor(&forward, mark->forward_micros, &series->terms->contract)) {
        return false;
    }
    if (exchange->risk != NULL) {
        *width = tn_margin_band(&exchange->risk->parameters, series->terms->micros_per_tick,
                                mark->delta_ppb, forward, mark->vega_micros, mark->vol_ppm);
        return true;
    }
    int64_t delta = mark->delta_ppb < 0 ? -(int64_t)mark->delta_ppb : mark->delta_ppb;
    int64_t points = mark->vol_ppm / 4 > 100000 ? mark->vol_ppm / 4 : 100000;
    tn_micros wide = tn_mul_div_ceil(forward, delta, INT64_C(100000000000)) +
                     tn_mul_div_ceil(mark->vega_micros, points, 10000);
    tn_micros narrow = 5 * series->terms->micros_per_tick;
    *width = wide > narrow ? wide : narrow;
    return true;
}

static bool mark_in_range(const struct tn_mark *mark)
{
    return mark->mark_micros >= 0 && mark->forward_micros >= 1 &&
           mark->forward_micros <= MICROS_MAX && mark->delta_ppb >= -1000000000 &&
           mark->delta_ppb <= 1000000000 && mark->vega_micros >= 0 &&
           mark->vega_micros <= INT64_C(1) << 40 && mark->vol_ppm >= 0 &&
           mark->vol_ppm <= 100000000;
}

static enum tn_reject check_marks(const struct tn_exchange *exchange, const struct tn_entry *entry)
{
    const struct tn_mark *marks = entry->as.marks.marks;
    uint32_t count = entry->as.marks.marks_count;
    if (count > TN_MARKS_MAX) return TN_REJECT_PARAMETER_RANGE;
    bool all_known = true;
    for (uint32_t i = 0; i < count; i++) {
        if (!mark_in_range(&marks[i])) return TN_REJECT_PARAMETER_RANGE;
        uint32_t index = tn_exchange_find_series(exchange, marks[i].series_id);
        if (index == TN_NONE) {
            all_known = false;
            continue;
        }
        const struct series *series = &exchange->series[index];
        tn_micros width;
        if (!band_of(&width, exchange, series, &marks[i]) ||
            marks[i].mark_micros >
                series->terms->contract.price_max * series->terms->micros_per_tick) {
            return TN_REJECT_PARAMETER_RANGE;
        }
        all_known &= series->status != TN_STATUS_SETTLING && series->status != TN_STATUS_SETTLED;
    }
    return all_known ? TN_REJECT_NONE : TN_REJECT_SERIES_UNKNOWN;
}

static bool stop_is_due(const struct tn_exchange *exchange, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    tn_ticks trigger;
    for (uint8_t side = TN_BUY; side <= TN_SELL; side++) {
        if (tn_book_best(exchange->books, &trigger, stops_of(index), stop_side(side)) &&
            tn_exchange_stop_reached(series, side, trigger)) {
            return true;
        }
    }
    return false;
}

void tn_exchange_set_series_mark(struct tn_exchange *exchange, uint32_t index,
                                 const struct tn_mark *mark)
{
    struct series *series = &exchange->series[index];
    tn_micros width;
    bool fits = band_of(&width, exchange, series, mark);
    TN_ASSERT(fits);
    tn_micros least = series->terms->micros_per_tick;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    series->mark = mark->mark_micros;
    series->forward = mark->forward_micros;
    series->vega = mark->vega_micros;
    series->delta_ppb = mark->delta_ppb;
    series->vol_ppm = mark->vol_ppm;
    series->band_high = series->mark + width;
    series->band_low = series->mark - width > least ? series->mark - width : least;
    if (!series->in_trigger_queue && stop_is_due(exchange, index)) {
        series->in_trigger_queue = 1;
        tn_queue_push(exchange, &exchange->triggers, index);
    }
}

enum tn_reject tn_exchange_marks(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->risk != NULL) return TN_REJECT_FEEDS_RULE;
    enum tn_reject reject = check_marks(exchange, entry);
    if (reject != TN_REJECT_NONE) return reject;
    tn_exchange_marks_changed(exchange);
    for (uint32_t i = 0; i < entry->as.marks.marks_count; i++) {
        const struct tn_mark *mark = &entry->as.marks.marks[i];
        tn_exchange_set_series_mark(exchange, tn_exchange_find_series(exchange, mark->series_id),
                                    mark);
    }
    return TN_REJECT_NONE;
}

/* ---- Time and funding ---- */

/* Ids sort by underlying first, so perpetuals join in id order. */
static void join_funding_queue(struct tn_exchange *exchange, uint16_t underlying)
{
    struct tn_series_terms terms = {.underlying = underlying, .kind = TN_PERPETUAL};
    uint64_t id;
    bool possible = tn_series_pack(&id, &terms);
    TN_ASSERT(possible);
    uint32_t index = tn_exchange_find_series(exchange, id);
    if (index == TN_NONE || exchange->series[index].in_funding_queue) return;
    exchange->series[index].in_funding_queue = 1;
    tn_queue_push(exchange, &exchange->fundings, index);
}

enum tn_reject tn_exchange_block(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint64_t height = entry->as.block.height;
    int64_t time_ms = entry->as.block.time_ms;
    if (height <= exchange->height || time_ms < exchange->time_ms || time_ms > TIME_MAX_MS) {
        return TN_REJECT_TIME_REWINDS;
    }
    bool new_hour = exchange->time_ms != 0 && time_ms / HOUR_MS > exchange->time_ms / HOUR_MS;
    bool is_mark = exchange->risk != NULL && tn_exchange_mark_due(exchange, time_ms);
    tn_exchange_sweep_accounts(exchange, UINT32_MAX); /* what the last MARK left */
    exchange->height = height;
    exchange->time_ms = time_ms;
    if (new_hour) {
        for (uint16_t i = 1; i <= exchange->underlyings_count; i++)
            join_funding_queue(exchange, i);
    }
    if (exchange->risk != NULL) tn_exchange_take_risk(exchange);
    if (is_mark) {
        tn_exchange_mark(exchange);
        tn_exchange_forget_sums(exchange);
        tn_exchange_brief(exchange);
        exchange->mark = exchange->risk->mark;
        tn_exchange_liquidations_at_mark(exchange);
    }
    return TN_REJECT_NONE;
}

enum tn_reject tn_exchange_funding(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->risk != NULL) return TN_REJECT_FEEDS_RULE;
    uint32_t index = tn_exchange_find_series(exchange, entry->as.funding.series_id);
    int64_t delta = entry->as.funding.index_delta;
    if (index == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    struct series *series = &exchange->series[index];
    if (tn_series_kind(series->id) != TN_PERPETUAL) return TN_REJECT_NOT_PERPETUAL;
    if (delta > INT64_C(1) << 40 || delta < -(INT64_C(1) << 40)) return TN_REJECT_PARAMETER_RANGE;
    int64_t next = series->funding_index + delta;
    int64_t size = next < 0 ? -next : next;
    if (size > MICROS_MAX ||
        tn_mul_div_ceil(size, series->terms->contract.quantity_max, PPM) > FUNDING_VALUE_MAX) {
        return TN_REJECT_PARAMETER_RANGE;
    }
    series->funding_index = next;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    tn_exchange_marks_changed(exchange);
    return TN_REJECT_NONE;
}
