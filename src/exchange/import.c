/* import: records read back into an exchange that was only just made.
 *
 * Records come kind by kind in the order of their numbers, so whatever one names is there when it
 * is read: series before positions, accounts before orders. What is derived (lists, heaps, indexes,
 * sums, margin's copies) is worked out at the end, once. Bytes are not trusted: what
 * tn_exchange_check asserts, and what apply takes for granted, is asked of them here. */
#include "exchange/records_account.h"

static uint64_t place_of(enum tn_record_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

static enum tn_record_kind last_kind(const struct tn_exchange *exchange)
{
    return (enum tn_record_kind)(exchange->import_place >> 32);
}

static bool read_record(struct tn_exchange *exchange, struct reader *reader,
                        enum tn_record_kind kind, uint32_t index)
{
    switch (kind) {
        case TN_RECORD_MARKET: return tn_exchange_import_market(exchange, reader, index);
        case TN_RECORD_SERIES: return tn_exchange_import_series(exchange, reader, index);
        case TN_RECORD_FEEDS: return tn_exchange_import_feeds(exchange, reader, index);
        case TN_RECORD_ROWS: return tn_exchange_import_rows(exchange, reader, index);
        case TN_RECORD_ACCOUNT: return tn_exchange_import_account(exchange, reader, index);
        case TN_RECORD_POSITIONS: return tn_exchange_import_positions(exchange, reader, index);
        case TN_RECORD_MARGIN: return tn_exchange_import_margin(exchange, reader, index);
        case TN_RECORD_MEMORY: return tn_exchange_import_memory(exchange, reader, index);
        case TN_RECORD_BOOK: return tn_exchange_import_book(exchange, reader, index);
    }
    return require(reader, false, "There is no such kind of record.");
}

/* The index of a kind of which there are as many records as accounts or series. */
static bool has_place(const struct tn_exchange *exchange, enum tn_record_kind kind, uint32_t index)
{
    if (kind < TN_RECORD_ACCOUNT) return true; /* asked where it is read */
    if (kind == TN_RECORD_BOOK) return index < exchange->series_used;
    return index < exchange->accounts_count && tn_exchange_is_present(exchange, index);
}

/* Every account that is to be there has come. */
static bool has_accounts(const struct tn_exchange *exchange)
{
    uint32_t count = exchange->accounts_count;
    if (exchange->watch != NULL && exchange->watch->present != NULL) {
        count = 0;
        for (uint32_t i = 0; i < exchange->accounts_count; i++)
            count += tn_exchange_is_present(exchange, i);
    }
    return exchange->imported[TN_RECORD_ACCOUNT].count == count;
}

/* Once, between series and accounts: what stands so far must be whole. */
static bool end_of_market(struct tn_exchange *exchange, struct tn_import_fault *fault)
{
    if (last_kind(exchange) >= TN_RECORD_ACCOUNT) return true;
    return tn_exchange_import_end_series(exchange, fault);
}

static bool check_place(struct tn_exchange *exchange, struct tn_import_fault *fault,
                        enum tn_record_kind kind, uint32_t index)
{
    if ((uint32_t)kind == 0 || (uint32_t)kind >= TN_RECORD_KINDS) {
        return import_fault(fault, kind, index, "There is no such kind of record.");
    }
    uint64_t place = place_of(kind, index);
    if (exchange->import_place == 0 && place != place_of(TN_RECORD_MARKET, 0)) {
        return import_fault(fault, kind, index, "The first record must be MARKET 0.");
    }
    if (place <= exchange->import_place) {
        return import_fault(fault, kind, index, "Records must come by kind, then by index.");
    }
    if (kind >= TN_RECORD_ACCOUNT && !end_of_market(exchange, fault)) return false;
    bool is_first = last_kind(exchange) <= TN_RECORD_ACCOUNT;
    if (kind > TN_RECORD_ACCOUNT && is_first && !has_accounts(exchange)) {
        return import_fault(fault, kind, index, "An account is missing.");
    }
    if (!has_place(exchange, kind, index)) {
        return import_fault(fault, kind, index, "There is no such account or series.");
    }
    exchange->import_place = place;
    return true;
}

bool tn_exchange_import(struct tn_exchange *exchange, struct tn_import_fault *fault,
                        enum tn_record_kind kind, uint32_t index, const uint8_t *record,
                        size_t size)
{
    if (!check_place(exchange, fault, kind, index)) return false;
    if (size == 0) return import_fault(fault, kind, index, "An empty record says nothing.");
    struct reader reader = {.bytes = record, .size = size};
    bool good = read_record(exchange, &reader, kind, index);
    TN_ASSERT(good == reader_good(&reader));
    if (good) return true;
    *fault = (struct tn_import_fault){
        .name = {.kind = (uint8_t)kind, .index = index}, .at = reader.at, .what = reader.what};
    return false;
}

bool tn_exchange_import_end(struct tn_exchange *exchange, struct tn_import_fault *fault)
{
    if (exchange->import_place == 0) {
        return import_fault(fault, TN_RECORD_MARKET, 0, "There are no records.");
    }
    if (!end_of_market(exchange, fault)) return false;
    if (!has_accounts(exchange)) {
        return import_fault(fault, TN_RECORD_ACCOUNT, exchange->imported[TN_RECORD_ACCOUNT].count,
                            "An account is missing.");
    }
    exchange->import_place = UINT64_MAX; /* nothing may come after */
    bool good = tn_exchange_import_end_accounts(exchange, fault) &&
                tn_exchange_import_end_market(exchange, fault);
    tn_exchange_marks_changed(exchange); /* whatever a view kept before the end is void */
    tn_exchange_touch_clear(exchange);
    return good;
}
