/* export_series: the records of SERIES and ROWS, by slot (docs/specs/records.md).
 *
 * A slot is a name: it is the leaf of its series and stands in queues and chains, so slots are kept
 * as they are. What an id says is spelled out beside it, for whoever verifies a proof and has
 * nothing but the record. ROWS is what margin multiplies positions with; it stands for itself
 * because it changes at every MARK and nothing else of a series does as often. */
#include "exchange/records.h"

size_t tn_exchange_export_series(const struct tn_exchange *exchange, struct writer *writer,
                                 uint32_t slot)
{
    TN_ASSERT(writer->used == 0 && slot < exchange->series_used);
    const struct series *series = &exchange->series[slot];
    bool over = series->status == TN_STATUS_SETTLED; /* what only trading reads is gone */
    put_u64(writer, series->id);
    put_i64(writer, series->mark);
    put_i64(writer, series->settlement_value);
    put_u8(writer, series->status);
    put_u8(writer, (uint8_t)tn_series_kind(series->id));
    put_u16(writer, tn_series_underlying(series->id));
    put_u8(writer, series->rounds);
    put_u8(writer, over ? 0 : series->feed_halt);
    put_zeros(writer, 2);
    put_u64(writer, tn_series_strike(series->id));
    put_i64(writer, tn_series_expiry_ms(series->id));
    put_i64(writer, series->forward);
    put_i64(writer, series->vega);
    put_i32(writer, series->delta_ppb);
    put_i32(writer, series->vol_ppm);
    put_i64(writer, series->open_interest);
    put_i64(writer, series->funding_index);
    put_i64(writer, series->funding_float);
    put_i64(writer, over || series->mark < 0 ? 0 : series->band_high - series->mark);
    put_i64(writer, series->uncross_price);
    TN_ASSERT(writer->used == SERIES_SIZE);
    return writer->used;
}

/* Has the series numbers of a MARK that margin may read? */
static bool has_row(const struct tn_exchange *exchange, const struct series *series)
{
    return exchange->risk != NULL && series->mark >= 0 && series->expiry != TN_NONE;
}

size_t tn_exchange_export_rows(const struct tn_exchange *exchange, struct writer *writer,
                               uint32_t slot)
{
    TN_ASSERT(writer->used == 0 && slot < exchange->series_used);
    if (!has_row(exchange, &exchange->series[slot])) return 0;
    put_i64(writer, exchange->risk->margin_series[slot].spot_lot);
    put_i64(writer, exchange->risk->margin_series[slot].forward_lot);
    put_i64s(writer, exchange->risk->rows[slot], TN_ROW_COLUMNS);
    TN_ASSERT(writer->used == ROW_SIZE);
    return writer->used;
}

uint32_t tn_exchange_series_slots_count(const struct tn_exchange *exchange)
{
    return exchange->series_used;
}

uint32_t tn_exchange_rows_count(const struct tn_exchange *exchange)
{
    return exchange->risk == NULL ? 0 : exchange->series_used;
}

size_t tn_exchange_series_size_max(const struct tn_exchange_limits *limits)
{
    (void)limits;
    return SERIES_SIZE;
}

size_t tn_exchange_rows_size_max(const struct tn_exchange_limits *limits)
{
    return limits->expiries_max == 0 ? 0 : ROW_SIZE;
}
