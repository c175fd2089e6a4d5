/* Records of the state as bytes: what the files export_*.c and import_*.c share. The layouts are in
 * docs/specs/records.md, the contract in include/tenor/export.h.
 *
 * A writer counts past its end without writing, so one function both measures and writes. A reader
 * never reads past its end: after its first fault every get returns 0 and the fault stays, so a
 * record can be read in one go and asked once, at the end, whether it was good. What was read is
 * checked before anything uses it as an index, a count or a divisor: bytes are not trusted, and no
 * assertion may depend on them. */
#ifndef TENOR_EXCHANGE_RECORDS_H
#define TENOR_EXCHANGE_RECORDS_H

#include "exchange/feeds.h"
#include "tenor/export.h"

/* ---- Out -------------------------------------------------------------------------------------*/

struct writer {
    uint8_t *out; /* may be NULL where size is 0 */
    size_t size;
    size_t used; /* past size: what the record would need */
};

/* The highest byte first; one store where the size is known. */
static inline void put_unsigned(struct writer *writer, uint64_t value, uint32_t size)
{
    if (writer->used + size <= writer->size) {
        uint64_t big = value << (64 - 8 * size);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        big = __builtin_bswap64(big);
#endif
        memcpy(writer->out + writer->used, &big, size);
    }
    writer->used += size;
}
static inline void put_u8(struct writer *writer, uint8_t value)
{
    put_unsigned(writer, value, 1);
}
static inline void put_u16(struct writer *writer, uint16_t value)
{
    put_unsigned(writer, value, 2);
}
static inline void put_u32(struct writer *writer, uint32_t value)
{
    put_unsigned(writer, value, 4);
}
static inline void put_i32(struct writer *writer, int32_t value)
{
    put_unsigned(writer, (uint32_t)value, 4);
}
static inline void put_u64(struct writer *writer, uint64_t value)
{
    put_unsigned(writer, value, 8);
}
static inline void put_i64(struct writer *writer, int64_t value)
{
    put_unsigned(writer, (uint64_t)value, 8);
}
/* Many at once: rows and weights are most of what a MARK changes. */
static inline void put_i64s(struct writer *writer, const int64_t *values, uint32_t count)
{
    struct writer local = *writer; /* whose fields no store below can change */
    if (local.used + 8 * (size_t)count > local.size) {
        writer->used += 8 * (size_t)count;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        put_unsigned(&local, (uint64_t)values[i], 8);
    writer->used = local.used;
}
static inline void put_i128(struct writer *writer, tn_i128 value)
{
    put_u64(writer, (uint64_t)((tn_u128)value >> 64));
    put_u64(writer, (uint64_t)(tn_u128)value);
}
static inline void put_bool(struct writer *writer, bool value)
{
    put_u8(writer, value ? 1 : 0);
}
static inline void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
    if (size > 0 && writer->used + size <= writer->size) {
        memcpy(writer->out + writer->used, bytes, size);
    }
    writer->used += size;
}
static inline void put_zeros(struct writer *writer, size_t size)
{
    if (size > 0 && writer->used + size <= writer->size) {
        memset(writer->out + writer->used, 0, size);
    }
    writer->used += size;
}

/* ---- In --------------------------------------------------------------------------------------*/

struct reader {
    const uint8_t *bytes;
    size_t size, used;
    const char *what; /* NULL while all is well; else the first fault, a sentence */
    uint32_t at;      /* and the byte where it was found */
};

static inline bool reader_good(const struct reader *reader)
{
    return reader->what == NULL;
}
/* Notes a fault; the first one stays. `at` is the byte behind what was read last. */
static inline void refuse(struct reader *reader, const char *what)
{
    if (reader->what != NULL) return;
    reader->what = what;
    reader->at = (uint32_t)reader->used;
}
/* Notes the fault unless the condition holds; returns whether the reader is still good. */
static inline bool require(struct reader *reader, bool condition, const char *what)
{
    if (!condition) refuse(reader, what);
    return reader->what == NULL;
}
/* The next bytes, or NULL when there are fewer. */
static inline const uint8_t *take_bytes(struct reader *reader, size_t size)
{
    if (!require(reader, size <= reader->size - reader->used, "The record is too short.")) {
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->used;
    reader->used += size;
    return bytes;
}
static inline uint64_t get_unsigned(struct reader *reader, uint32_t size)
{
    uint64_t value = 0;
    const uint8_t *bytes = take_bytes(reader, size);
    for (uint32_t i = 0; bytes != NULL && i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}
static inline uint8_t get_u8(struct reader *reader)
{
    return (uint8_t)get_unsigned(reader, 1);
}
static inline uint16_t get_u16(struct reader *reader)
{
    return (uint16_t)get_unsigned(reader, 2);
}
static inline uint32_t get_u32(struct reader *reader)
{
    return (uint32_t)get_unsigned(reader, 4);
}
static inline int32_t get_i32(struct reader *reader)
{
    return (int32_t)get_u32(reader);
}
static inline uint64_t get_u64(struct reader *reader)
{
    return get_unsigned(reader, 8);
}
static inline int64_t get_i64(struct reader *reader)
{
    return (int64_t)get_u64(reader);
}
static inline tn_i128 get_i128(struct reader *reader)
{
    tn_u128 high = get_u64(reader);
    return (tn_i128)(high << 64 | get_u64(reader));
}
/* Leaves zeros when there are fewer. */
static inline void get_bytes(struct reader *reader, void *bytes, size_t size)
{
    const uint8_t *from = take_bytes(reader, size);
    if (from == NULL) {
        memset(bytes, 0, size);
    } else {
        memcpy(bytes, from, size);
    }
}

/* Numbers within bounds; outside of them the fault, and the lower bound is returned (of `below`:
 * 0), so that what comes back is always in range: except _below of a bound of 0. */
static inline int64_t get_i64_in(struct reader *reader, int64_t low, int64_t high, const char *what)
{
    int64_t value = get_i64(reader);
    return require(reader, value >= low && value <= high, what) ? value : low;
}
static inline int32_t get_i32_in(struct reader *reader, int32_t low, int32_t high, const char *what)
{
    int32_t value = get_i32(reader);
    return require(reader, value >= low && value <= high, what) ? value : low;
}
static inline uint64_t get_u64_most(struct reader *reader, uint64_t most, const char *what)
{
    uint64_t value = get_u64(reader);
    return require(reader, value <= most, what) ? value : 0;
}
static inline uint32_t get_u32_most(struct reader *reader, uint32_t most, const char *what)
{
    uint32_t value = get_u32(reader);
    return require(reader, value <= most, what) ? value : 0;
}
static inline uint32_t get_u32_below(struct reader *reader, uint32_t bound, const char *what)
{
    uint32_t value = get_u32(reader);
    return require(reader, value < bound, what) ? value : 0;
}
static inline uint16_t get_u16_most(struct reader *reader, uint16_t most, const char *what)
{
    uint16_t value = get_u16(reader);
    return require(reader, value <= most, what) ? value : 0;
}
static inline uint8_t get_u8_most(struct reader *reader, uint8_t most, const char *what)
{
    uint8_t value = get_u8(reader);
    return require(reader, value <= most, what) ? value : 0;
}
static inline bool get_bool(struct reader *reader, const char *what)
{
    return get_u8_most(reader, 1, what) != 0;
}
static inline void get_zeros(struct reader *reader, size_t size)
{
    const uint8_t *bytes = take_bytes(reader, size);
    for (size_t i = 0; bytes != NULL && i < size; i++)
        require(reader, bytes[i] == 0, "Bytes that mean nothing are not zero.");
}
/* True when all was good and nothing is left. */
static inline bool reader_ends(struct reader *reader)
{
    return require(reader, reader->used == reader->size, "The record is too long.");
}

/* ---- Kinds -----------------------------------------------------------------------------------
 * Export: index < the kind's count; writes the record and returns its size, which is writer->used
 * of a fresh writer; 0: it says nothing. Import: a record that is not empty; checks its own index,
 * returns reader_ends (or false, with the fault in the reader).
 *
 * The list of MARKET has fixed places, so that nothing shifts when something is added:
 *     0                       limits, counts, money of the house, cursors
 *     1 ..                    underlyings_max: one each
 *     then                    assets_max - 1: collateral assets, one each, the first is asset 1
 *     then, for each queue    its items in chunks of QUEUE_CHUNK, by place from its head
 *     then                    jobs in chunks of JOBS_CHUNK
 *     then, as far as used    the liquidation list in chunks of LISTED_CHUNK
 * Records of places not in use are empty. The list of FEEDS (none without margin):
 *     0, 1, 2, 3              the last MARK; parameters; the change that waits; the cash asset's
 *                             reports
 *     then, per underlying    FEEDS_PER_UNDERLYING (of underlyings_max): readings; reports
 *     then, per expiry        FEEDS_PER_EXPIRY, in the order of tn_exchange_next_expiry: readings,
 *                             surfaces and weights; reports; series
 * SERIES and ROWS go by slot: series_used of them; without margin no ROWS. */
enum { QUEUE_CHUNK = 512, JOBS_CHUNK = 64, LISTED_CHUNK = 64 };
enum { FEEDS_PER_UNDERLYING = 2, FEEDS_PER_EXPIRY = 3, FEEDS_BEFORE = 4 };
enum market_queue {
    QUEUE_TRIGGERS = 0,
    QUEUE_SETTLEMENTS = 1,
    QUEUE_UNCROSSES = 2,
    QUEUE_FUNDINGS = 3,
    QUEUE_SETTLED = 4,
    QUEUES_COUNT = 5
};

static inline uint32_t market_at_underlying(uint32_t underlying)
{
    return 1 + underlying;
}
static inline uint32_t market_at_asset(const struct tn_exchange_limits *limits, uint32_t asset)
{
    return limits->underlyings_max + asset;
}
/* place: from the queue's head; so a pop changes all of its chunks, a push the last. */
static inline uint32_t market_at_queue(const struct tn_exchange_limits *limits,
                                       enum market_queue queue, uint32_t place)
{
    uint32_t chunks = (limits->series_max + QUEUE_CHUNK - 1) / QUEUE_CHUNK;
    return market_at_asset(limits, limits->assets_max) + (uint32_t)queue * chunks +
           place / QUEUE_CHUNK;
}
static inline uint32_t market_at_job(const struct tn_exchange_limits *limits, uint32_t place)
{
    return market_at_queue(limits, QUEUES_COUNT, 0) + place / JOBS_CHUNK;
}
static inline uint32_t market_at_listed(const struct tn_exchange_limits *limits, uint32_t place)
{
    return market_at_job(limits, limits->jobs_max + JOBS_CHUNK - 1) + place / LISTED_CHUNK;
}
static inline uint32_t feeds_at_underlying(uint32_t underlying)
{
    return FEEDS_BEFORE + FEEDS_PER_UNDERLYING * underlying;
}
/* rank: how many expiries come before it in the order of tn_exchange_next_expiry. */
static inline uint32_t feeds_at_expiry(const struct tn_exchange_limits *limits, uint32_t rank)
{
    return feeds_at_underlying(limits->underlyings_max) + FEEDS_PER_EXPIRY * rank;
}

enum {
    LIMITS_COUNT = 19,
    LAYOUT_VERSION = 1,
    MARKET_VERSION_AT = 80, /* in MARKET 0 */
    MARKET_LIMITS_AT = 152,
    MARKET_SUMS_AT = MARKET_LIMITS_AT + 4 * LIMITS_COUNT,
    MARKET_HEAD_SIZE = MARKET_SUMS_AT + 3 * 4 + 2 * 8, /* 256 */
};

enum { SERIES_SIZE = 112, ROW_SIZE = 16 + 8 * TN_ROW_COLUMNS };

enum feeds_place { FEEDS_HEAD = 0, FEEDS_PARAMETERS = 1, FEEDS_PENDING = 2, FEEDS_STABLE = 3 };
enum {
    FEEDS_READING_SIZE = 34,
    FEEDS_SURFACE_SIZE = 56,
    FEEDS_REPORT_SIZE = 28,
    FEEDS_HEAD_SIZE = 64 + FEEDS_READING_SIZE,
    FEEDS_UNDERLYING_SIZE = FEEDS_READING_SIZE + 9 * 8 + 2,
    FEEDS_EXPIRY_SIZE = 10 + 3 * FEEDS_READING_SIZE + 2 * FEEDS_SURFACE_SIZE + 48,
    FEEDS_WEIGHTS_SIZE = 24 + 6 * 8 * TN_ROW_COLUMNS,
};

/* export_feeds.c: expiries in use. */
uint32_t tn_exchange_expiries_count(const struct tn_exchange *exchange);

/* export_market.c: the limits that are state, by number; the queues. */
const uint32_t *tn_exchange_limit(const struct tn_exchange_limits *limits, uint32_t number);
const struct queue *tn_exchange_queue(const struct tn_exchange *exchange, enum market_queue queue);
/* Has a MARK filled in what margin reads of the asset? Until then all of it is zero. */
static inline bool asset_is_valued(const struct tn_margin_asset *asset)
{
    return asset->price_micros != 0 || asset->mm_haircut_ppm != 0 || asset->im_haircut_ppm != 0 ||
           asset->confidence_ppm != 0 || asset->underlying != 0;
}

uint32_t tn_exchange_market_count(const struct tn_exchange *exchange);
uint32_t tn_exchange_series_slots_count(const struct tn_exchange *exchange);
uint32_t tn_exchange_feeds_count(const struct tn_exchange *exchange);
uint32_t tn_exchange_rows_count(const struct tn_exchange *exchange);

size_t tn_exchange_market_size_max(const struct tn_exchange_limits *limits);
size_t tn_exchange_series_size_max(const struct tn_exchange_limits *limits);
size_t tn_exchange_feeds_size_max(const struct tn_exchange_limits *limits);
size_t tn_exchange_rows_size_max(const struct tn_exchange_limits *limits);

size_t tn_exchange_export_market(const struct tn_exchange *, struct writer *, uint32_t index);
size_t tn_exchange_export_series(const struct tn_exchange *, struct writer *, uint32_t slot);
size_t tn_exchange_export_feeds(const struct tn_exchange *, struct writer *, uint32_t index);
size_t tn_exchange_export_rows(const struct tn_exchange *, struct writer *, uint32_t slot);
size_t tn_exchange_export_account(const struct tn_exchange *, struct writer *, uint32_t account);
size_t tn_exchange_export_positions(const struct tn_exchange *, struct writer *, uint32_t account);
size_t tn_exchange_export_margin(const struct tn_exchange *, struct writer *, uint32_t account);
size_t tn_exchange_export_memory(const struct tn_exchange *, struct writer *, uint32_t account);
size_t tn_exchange_export_book(const struct tn_exchange *, struct writer *, uint32_t slot);

bool tn_exchange_import_market(struct tn_exchange *, struct reader *, uint32_t index);
bool tn_exchange_import_series(struct tn_exchange *, struct reader *, uint32_t slot);
bool tn_exchange_import_feeds(struct tn_exchange *, struct reader *, uint32_t index);
bool tn_exchange_import_rows(struct tn_exchange *, struct reader *, uint32_t slot);
bool tn_exchange_import_account(struct tn_exchange *, struct reader *, uint32_t account);
bool tn_exchange_import_positions(struct tn_exchange *, struct reader *, uint32_t account);
bool tn_exchange_import_margin(struct tn_exchange *, struct reader *, uint32_t account);
bool tn_exchange_import_memory(struct tn_exchange *, struct reader *, uint32_t account);
bool tn_exchange_import_book(struct tn_exchange *, struct reader *, uint32_t slot);

/* At the end, in this order; each fills in the whole fault.
 *
 * series: once, after ROWS and before ACCOUNT: all lists are whole, every slot has its
 * series, every series under margin its expiry and row. (Series and feeds link themselves while
 * they are read, so POSITIONS and BOOK find terms, closing times and expiries right.)
 * accounts: exposures into series' lists by `joined`, quotes into groups, orders into accounts'
 * lists by id, results to orders, heaps, reserves, margin's copies.
 * market: what names accounts and orders: cursors of jobs and of funding, jobs_count of accounts,
 * sums of borrowed and gate, the liquidation list, open interest, Σ positions, conservation. */
bool tn_exchange_import_end_series(struct tn_exchange *, struct tn_import_fault *);
bool tn_exchange_import_end_accounts(struct tn_exchange *, struct tn_import_fault *);
bool tn_exchange_import_end_market(struct tn_exchange *, struct tn_import_fault *);

/* Records come by ascending index, and none is empty. */
static inline bool record_comes(struct tn_exchange *exchange, struct reader *reader,
                                enum tn_record_kind kind, uint32_t index)
{
    require(reader, index >= exchange->imported[kind].next, "The records are out of order.");
    require(reader, index != TN_NONE && reader->size > 0, "The record is empty.");
    if (!reader_good(reader)) return false;
    exchange->imported[kind].next = index + 1;
    exchange->imported[kind].count++;
    return true;
}

static inline bool import_fault(struct tn_import_fault *fault, enum tn_record_kind kind,
                                uint32_t index, const char *what)
{
    *fault =
        (struct tn_import_fault){.name = {.kind = (uint8_t)kind, .index = index}, .what = what};
    return false;
}

#endif
