/* export: the state as records, handed to the file that knows the kind (docs/specs/records.md).
 *
 * A record says what apply can read and cannot derive. It says it in one way: no slot of a pool, no
 * hash order and no moment at which something was worked out reaches a byte, so two exchanges that
 * answer alike have equal records. */
#include "exchange/records_account.h"

uint32_t tn_exchange_records_count(const struct tn_exchange *exchange, enum tn_record_kind kind)
{
    switch (kind) {
        case TN_RECORD_MARKET: return tn_exchange_market_count(exchange);
        case TN_RECORD_SERIES: return tn_exchange_series_slots_count(exchange);
        case TN_RECORD_FEEDS: return tn_exchange_feeds_count(exchange);
        case TN_RECORD_ROWS: return tn_exchange_rows_count(exchange);
        case TN_RECORD_ACCOUNT:
        case TN_RECORD_POSITIONS:
        case TN_RECORD_MARGIN:
        case TN_RECORD_MEMORY: return exchange->accounts_count;
        case TN_RECORD_BOOK: return exchange->series_used;
    }
    return 0;
}

uint32_t tn_exchange_records_max(const struct tn_exchange_limits *limits, enum tn_record_kind kind)
{
    bool at_risk = limits->expiries_max > 0;
    switch (kind) {
        case TN_RECORD_MARKET:
            return market_at_listed(limits, at_risk ? limits->accounts_max : 0) + 1;
        case TN_RECORD_FEEDS: return at_risk ? feeds_at_expiry(limits, limits->expiries_max) : 0;
        case TN_RECORD_SERIES:
        case TN_RECORD_ROWS:
        case TN_RECORD_BOOK: return limits->series_max;
        case TN_RECORD_ACCOUNT:
        case TN_RECORD_POSITIONS:
        case TN_RECORD_MARGIN:
        case TN_RECORD_MEMORY: return limits->accounts_max;
    }
    return 0;
}

size_t tn_exchange_record_size_max(const struct tn_exchange_limits *limits,
                                   enum tn_record_kind kind)
{
    size_t groups = limits->groups_max < 255 ? limits->groups_max : 255;
    switch (kind) {
        case TN_RECORD_MARKET: return tn_exchange_market_size_max(limits);
        case TN_RECORD_SERIES: return tn_exchange_series_size_max(limits);
        case TN_RECORD_FEEDS: return tn_exchange_feeds_size_max(limits);
        case TN_RECORD_ROWS: return tn_exchange_rows_size_max(limits);
        case TN_RECORD_ACCOUNT: return TN_RECORD_ACCOUNT_SIZE;
        case TN_RECORD_POSITIONS:
            return (size_t)limits->exposures_per_account_max * TN_RECORD_POSITION_SIZE;
        case TN_RECORD_MARGIN: return MARGIN_SIZE;
        case TN_RECORD_MEMORY:
            return MEMORY_SIZE_LEAST + groups * GROUP_SIZE +
                   (size_t)limits->results_per_account * TN_RECORD_RESULT_SIZE;
        case TN_RECORD_BOOK:
            return BOOK_SIZE_LEAST + (size_t)limits->orders_max * TN_RECORD_ORDER_SIZE;
    }
    return 0;
}

static size_t write_record(const struct tn_exchange *exchange, struct writer *writer,
                           enum tn_record_kind kind, uint32_t index)
{
    switch (kind) {
        case TN_RECORD_MARKET: return tn_exchange_export_market(exchange, writer, index);
        case TN_RECORD_SERIES: return tn_exchange_export_series(exchange, writer, index);
        case TN_RECORD_FEEDS: return tn_exchange_export_feeds(exchange, writer, index);
        case TN_RECORD_ROWS: return tn_exchange_export_rows(exchange, writer, index);
        case TN_RECORD_ACCOUNT: return tn_exchange_export_account(exchange, writer, index);
        case TN_RECORD_POSITIONS: return tn_exchange_export_positions(exchange, writer, index);
        case TN_RECORD_MARGIN: return tn_exchange_export_margin(exchange, writer, index);
        case TN_RECORD_MEMORY: return tn_exchange_export_memory(exchange, writer, index);
        case TN_RECORD_BOOK: return tn_exchange_export_book(exchange, writer, index);
    }
    return 0;
}

size_t tn_exchange_record(const struct tn_exchange *exchange, uint8_t *out, size_t out_size,
                          enum tn_record_kind kind, uint32_t index)
{
    if (index >= tn_exchange_records_count(exchange, kind)) return 0;
    if (out_size < tn_exchange_record_size_max(&exchange->limits, kind)) {
        struct writer measure = {.out = NULL};
        size_t size = write_record(exchange, &measure, kind, index);
        if (size == 0 || size > out_size) return size;
    }
    struct writer writer = {.out = out, .size = out_size};
    size_t size = write_record(exchange, &writer, kind, index);
    TN_ASSERT(size <= out_size && (size == 0 || size == writer.used));
    return size;
}
