/* import_series: the records of SERIES and ROWS read back.
 *
 * What an id says must be spelled out right, and what the market decides must be within what the
 * market itself ever sets: statuses fit the queues that were read before, marks fit the contract.
 * Where margin is on, a series joins its expiry when the feeds are read (import_feeds.c). */
#include "exchange/records.h"

#define MICROS_MAX        (INT64_C(1) << 50)
#define SETTLED_VALUE_MAX (INT64_C(1) << 50) /* settlement value of quantity_max lots */
#define FUNDING_MAX       (INT64_C(1) << 60)
#define BAND_MAX          (INT64_C(1) << 61)
#define VEGA_MAX          (INT64_C(1) << 40)
enum { VOL_MAX_PPM = 100000000, PPB = 1000000000, FEED_RESUMING = 0xff, ROUNDS_MAX = 3 };

/* What a series says beside its id, as it was read. */
struct spelled {
    uint16_t underlying;
    uint8_t kind;
    uint64_t strike;
    int64_t expiry_ms;
};

static void check_id(const struct tn_exchange *exchange, struct reader *reader, uint64_t id,
                     const struct spelled *spelled)
{
    struct tn_series_terms terms;
    if (!require(reader, tn_series_unpack(&terms, id), "A series has an impossible id.")) return;
    require(reader, terms.underlying <= exchange->underlyings_count,
            "A series has an unknown underlying.");
    require(reader, tn_exchange_find_series(exchange, id) == TN_NONE, "A series is there twice.");
    require(reader,
            spelled->underlying == terms.underlying && spelled->kind == terms.kind &&
                spelled->strike == terms.strike && spelled->expiry_ms == tn_series_expiry_ms(id),
            "A series spells its id out wrong.");
}

/* The queues were read before: `noted` is what the settlement queues say. */
static void check_status(const struct tn_exchange *exchange, struct reader *reader,
                         const struct series *series, uint8_t noted)
{
    enum tn_status status = (enum tn_status)series->status;
    bool settles = status == TN_STATUS_SETTLING || status == TN_STATUS_SETTLED;
    bool trades =
        status == TN_STATUS_ACTIVE || status == TN_STATUS_POST_ONLY || status == TN_STATUS_AUCTION;
    require(reader, settles ? noted == status : noted == TN_STATUS_INITIALIZING,
            "A series' status does not fit the queues of settlement.");
    require(reader, !trades || (series->mark >= 0 && series->terms->base >= 0),
            "A series trades without a mark.");
    require(reader, !series->uncrossing || status == TN_STATUS_AUCTION,
            "A series uncrosses outside of an auction.");
    require(reader, series->uncrossing || series->uncross_price == 0,
            "A series that does not uncross has a price for it.");
    bool perpetual = tn_series_kind(series->id) == TN_PERPETUAL;
    require(reader, !series->in_funding_queue || perpetual,
            "A series without funding waits for it.");
    require(reader, perpetual || (series->funding_index == 0 && series->funding_float == 0),
            "A series without funding has some.");
    bool halted_by_feeds = series->feed_halt == 0 || series->feed_halt == FEED_RESUMING ||
                           (series->feed_halt >= 1 && series->feed_halt - 1 <= TN_STATUS_SETTLED);
    require(reader, exchange->risk == NULL ? series->feed_halt == 0 : halted_by_feeds,
            "A series was halted by feeds in an unknown status.");
}

static void get_numbers(const struct tn_exchange *exchange, struct reader *reader,
                        struct series *series)
{
    bool marked = series->mark >= 0;
    series->forward = get_i64_in(reader, 0, MICROS_MAX, "A forward is out of range.");
    series->vega = get_i64_in(reader, 0, VEGA_MAX, "A vega is out of range.");
    series->delta_ppb = get_i32_in(reader, -PPB, PPB, "A delta is out of range.");
    series->vol_ppm = get_i32_in(reader, 0, VOL_MAX_PPM, "A volatility is out of range.");
    series->open_interest = get_i64_in(reader, 0, INT64_MAX, "Open interest is out of range.");
    int64_t funding_max = exchange->risk == NULL ? MICROS_MAX : FUNDING_MAX;
    series->funding_index =
        get_i64_in(reader, -funding_max, funding_max, "A funding index is out of range.");
    series->funding_float =
        get_i64_in(reader, -FUNDING_MAX, FUNDING_MAX, "Funding not yet received is out of range.");
    tn_micros band = get_i64_in(reader, 0, BAND_MAX, "A band is out of range.");
    series->uncross_price =
        get_i64_in(reader, 0, TN_PRICE_TICKS_MAX, "An uncross price is out of range.");
    require(reader, marked == (series->forward >= 1), "A mark and its forward do not fit.");
    require(reader,
            marked ||
                (band == 0 && series->vega == 0 && series->delta_ppb == 0 && series->vol_ppm == 0),
            "A series without a mark has greeks.");
    bool over = series->status == TN_STATUS_SETTLED;
    require(reader, !over || (band == 0 && series->feed_halt == 0),
            "A settled series has what only trading reads.");
    if (!marked) return;
    tn_micros least = series->terms->micros_per_tick;
    series->band_high = series->mark + band;
    series->band_low = series->mark - band > least ? series->mark - band : least;
}

/* What the id and its underlying say. */
static void set_terms(const struct tn_exchange *exchange, struct series *series)
{
    uint16_t underlying = (uint16_t)(tn_series_underlying(series->id) - 1);
    const struct underlying *under = &exchange->underlyings[underlying];
    bool is_linear = !tn_series_is_option(series->id);
    int64_t expiry_ms = tn_series_expiry_ms(series->id);
    series->terms = &under->terms[is_linear];
    series->closing_at_ms = expiry_ms == INT64_MAX ? INT64_MAX : expiry_ms - under->closing_ms;
    series->fifo_ppm = under->fifo_ppm;
    series->underlying = underlying;
    series->is_linear = is_linear;
    series->exposures_head = TN_NONE;
    series->exposures_tail = TN_NONE;
    series->expiry = TN_NONE;
    series->expiry_next = TN_NONE;
}

static void check_values(struct reader *reader, const struct series *series)
{
    const struct tn_contract *contract = &series->terms->contract;
    require(reader, series->mark <= contract->price_max * series->terms->micros_per_tick,
            "A mark is above the highest price.");
    require(reader, series->settlement_value <= SETTLED_VALUE_MAX / contract->quantity_max,
            "A settlement value is out of range.");
    require(reader,
            series->settlement_value == 0 || series->status == TN_STATUS_SETTLING ||
                series->status == TN_STATUS_SETTLED,
            "A series that does not settle has a settlement value.");
    require(reader, series->uncross_price <= contract->price_max,
            "An uncross price is above the highest price.");
}

bool tn_exchange_import_series(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    require(reader, slot < exchange->series_used, "There is no such series.");
    if (!record_comes(exchange, reader, TN_RECORD_SERIES, slot)) return false;
    struct series series = exchange->series[slot]; /* with what the queues noted */
    struct spelled spelled;
    uint8_t noted = series.status;
    series.id = get_u64(reader);
    series.mark = get_i64_in(reader, -1, TN_VALUE_MICROS_MAX, "A mark is out of range.");
    series.settlement_value =
        get_i64_in(reader, 0, SETTLED_VALUE_MAX, "A settlement value is out of range.");
    series.status = get_u8_most(reader, TN_STATUS_SETTLED, "A series has an unknown status.");
    spelled.kind = get_u8(reader);
    spelled.underlying = get_u16(reader);
    series.rounds = get_u8_most(reader, ROUNDS_MAX, "An auction has had too many rounds.");
    series.feed_halt = get_u8(reader);
    get_zeros(reader, 2);
    spelled.strike = get_u64(reader);
    spelled.expiry_ms = get_i64(reader);
    check_id(exchange, reader, series.id, &spelled);
    if (!reader_good(reader)) return false;
    set_terms(exchange, &series);
    if (!require(reader, series.terms->contract.quantity_max > 0, "Its underlying has not come."))
        return false;
    get_numbers(exchange, reader, &series);
    check_values(reader, &series);
    check_status(exchange, reader, &series, noted);
    if (!reader_ends(reader)) return false;
    exchange->series[slot] = series;
    tn_index_insert(&exchange->series_index, tn_index_hash(&exchange->series_index, series.id),
                    slot);
    return true;
}

/* ---- Rows ---- */

static tn_micros strike_lot(const struct series *series)
{
    tn_micros strike = (tn_micros)tn_series_strike(series->id) * TN_MICROS_PER_STRIKE_UNIT, value;
    return tn_contract_value_floor(&value, strike, &series->terms->contract) ? value : -1;
}

bool tn_exchange_import_rows(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    require(reader, exchange->risk != NULL && slot < exchange->series_used,
            "There is no such series.");
    if (!record_comes(exchange, reader, TN_RECORD_ROWS, slot)) return false;
    const struct series *series = &exchange->series[slot];
    struct tn_margin_series *margin = &exchange->risk->margin_series[slot];
    int64_t *row = exchange->risk->rows[slot];
    if (!require(reader, series->expiry != TN_NONE && series->mark >= 0,
                 "A series that margin does not read has a row.")) {
        return false;
    }
    *margin = (struct tn_margin_series){
        .underlying = series->underlying,
        .expiry = (uint16_t)series->expiry,
        .kind = (uint8_t)tn_series_kind(series->id),
        .strike_micros = (tn_micros)tn_series_strike(series->id) * TN_MICROS_PER_STRIKE_UNIT,
        .spot_lot = get_i64_in(reader, 0, TN_MARGIN_VALUE_MAX, "A lot's value is out of range."),
        .forward_lot = get_i64_in(reader, 0, TN_MARGIN_VALUE_MAX, "A lot's value is out of range."),
        .strike_lot = strike_lot(series),
    };
    require(reader, margin->strike_lot >= 0, "A strike does not fit its contract.");
    for (uint32_t i = 0; i < TN_ROW_COLUMNS; i++)
        row[i] = get_i64_in(reader, 0, MICROS_MAX, "A price of a row is out of range.");
    require(reader, row[TN_COLUMN_MARK] == series->mark, "A row has another mark than its series.");
    return reader_ends(reader);
}
