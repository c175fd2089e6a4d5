/* Records of small markets, changed by a fuzzer's bytes and read back. Whatever they say, no crash;
 * and what is accepted passes every invariant, is written down again as the same bytes, and goes
 * on: blocks and sweeps keep every invariant too.
 *
 * The first byte names a market, with or without a margin engine, made once from a seed. Each edit
 * takes eight bytes: which kind, which record of it, where, how and with what. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "records_copy.h"
#include "risk_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MARKETS = 8, EDIT_BYTES = 8 };

/* ---- Markets ---- */

static void make_plain(struct records_copy *copy, uint32_t which)
{
    static struct exchange_stream stream;
    const struct exchange_profile *profile =
        exchange_profile(which * 3 % exchange_profiles_count());
    struct exchange_pair pair;
    pair_open(&pair, &profile->limits);
    pair.digest_every = pair.check_every = 4096;
    exchange_stream_start(&stream, profile, which, pair.twin);
    for (uint32_t i = 0; i < 600 + 100 * which; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        if (!pair_apply(&pair, &entry)) abort();
    }
    records_save(copy, pair.exchange, &profile->limits);
    pair_close(&pair);
}

static void make_risky(struct records_copy *copy, uint32_t which)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    uint32_t events_max = tn_exchange_events_max(&limits);
    struct tn_event *events = malloc(events_max * sizeof(*events));
    if (memory == NULL || events == NULL) abort();
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&stream, exchange, which);
    for (uint32_t i = 0; i < 1000 + 300 * which; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        tn_exchange_apply(exchange, events, events_max, &entry);
    }
    records_save(copy, exchange, &limits);
    free(events);
    free(memory);
}

static const struct records_copy *market(uint32_t which)
{
    static struct records_copy markets[MARKETS];
    struct records_copy *copy = &markets[which];
    if (copy->bytes != NULL) return copy;
    if (which % 2 == 0) {
        make_plain(copy, which / 2);
    } else {
        make_risky(copy, which / 2);
    }
    return copy;
}

/* ---- Edits ---- */

/* A copy in which every record has room of its own behind it. */
static void clone(struct records_copy *copy, const struct records_copy *from)
{
    enum { SPARE = 160 };
    *copy = *from;
    copy->bytes_max = from->bytes_count + (size_t)from->records_count * SPARE;
    copy->bytes = calloc(1, copy->bytes_max);
    copy->records = malloc(from->records_count * sizeof(*copy->records));
    if (copy->bytes == NULL || copy->records == NULL) abort();
    size_t at = 0;
    for (uint32_t i = 0; i < from->records_count; i++) {
        const struct record_kept *record = &from->records[i];
        memcpy(copy->bytes + at, from->bytes + record->at, record->size);
        copy->records[i] = (struct record_kept){record->name, at, record->size};
        at += record->size + SPARE;
    }
}

static struct record_kept *pick(struct records_copy *copy, uint32_t kind, uint32_t which)
{
    uint32_t first = 0, count = 0;
    kind = 1 + kind % (TN_RECORD_KINDS - 1);
    for (uint32_t i = 0; i < copy->records_count; i++) {
        if (copy->records[i].name.kind != kind) continue;
        if (count++ == 0) first = i;
    }
    return count == 0 ? NULL : &copy->records[first + which % count];
}

static void add_to(uint8_t *bytes, int8_t change)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    value += (uint64_t)(int64_t)change;
    for (uint32_t i = 8; i > 0; i--, value >>= 8)
        bytes[i - 1] = (uint8_t)value;
}

/* Where the next record begins: there is room before it. */
static size_t end_of(const struct records_copy *copy, const struct record_kept *record)
{
    bool is_last = record == &copy->records[copy->records_count - 1];
    return is_last ? copy->bytes_max : record[1].at;
}

static void edit(struct records_copy *copy, const uint8_t data[EDIT_BYTES])
{
    struct record_kept *record = pick(copy, data[0], (uint32_t)data[1] << 8 | data[2]);
    if (record == NULL || record->size == 0) return;
    uint8_t *bytes = copy->bytes + record->at;
    size_t at = ((size_t)data[3] << 8 | data[4]) % record->size;
    size_t word = at / 8 * 8 + 8 <= record->size ? at / 8 * 8 : 0;
    static const uint8_t unit[] = {1, 4, 8, 34, TN_RECORD_POSITION_SIZE, 112, TN_RECORD_ORDER_SIZE,
                                   16};
    size_t size = unit[data[7] % 8];
    switch (data[5] % 8) {
        case 0: bytes[at] ^= data[6]; return;
        case 1: bytes[at] = data[6]; return;
        case 2:
            if (record->size >= 8) add_to(bytes + word, (int8_t)data[6]);
            return;
        case 3: record->size = at; return;
        case 4: record->size -= size <= record->size ? size : record->size; return;
        case 5:
            if (record->at + record->size + size <= end_of(copy, record)) record->size += size;
            return;
        case 6: /* one thing of an array over another */
            if (at + size <= record->size && (size_t)data[6] * size + size <= record->size) {
                memmove(bytes + at, bytes + (size_t)data[6] * size, size);
            }
            return;
        case 7: record->name.index += (uint32_t)(int32_t)(int8_t)data[6]; return;
    }
}

static void drop_empty(struct records_copy *copy)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < copy->records_count; i++) {
        if (copy->records[i].size > 0) copy->records[count++] = copy->records[i];
    }
    copy->records_count = count;
}

/* Height and time stand in MARKET 0. */
static uint64_t word_of(const struct records_copy *copy, size_t at)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < 8; i++)
        value = value << 8 | copy->bytes[copy->records[0].at + at + i];
    return value;
}

/* What was accepted goes on: time passes, whatever waits is worked off. */
static void go_on(struct tn_exchange *exchange, const struct records_copy *copy)
{
    static struct tn_event *events; /* as many as any of the markets needs */
    static uint32_t events_max;
    uint32_t most = tn_exchange_events_max(&copy->limits);
    if (most > events_max) {
        free(events);
        events = malloc(most * sizeof(*events));
        events_max = most;
    }
    if (events == NULL) abort();
    for (uint32_t i = 0; i < 8; i++) {
        struct tn_entry entry = {.kind = TN_ENTRY_BLOCK};
        entry.as.block.height = word_of(copy, 48) + 1 + i;
        entry.as.block.time_ms = (int64_t)word_of(copy, 56) + 700 * i;
        if (i % 2 == 1) entry = (struct tn_entry){.kind = TN_ENTRY_SWEEP, .as.sweep.units = 100};
        tn_exchange_apply(exchange, events, events_max, &entry);
    }
    tn_exchange_check(exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + EDIT_BYTES) return 0;
    struct records_copy copy, again = {.bytes = NULL};
    struct tn_import_fault fault = {.what = NULL};
    clone(&copy, market(data[0] % MARKETS));
    for (size_t at = 1; at + EDIT_BYTES <= size; at += EDIT_BYTES)
        edit(&copy, data + at);
    drop_empty(&copy);
    struct tn_exchange *exchange = records_import(&copy, &fault, 7);
    if (exchange != NULL) {
        tn_exchange_check(exchange);
        records_save(&again, exchange, &copy.limits);
        if (!records_equal(&copy, &again)) abort();
        go_on(exchange, &copy);
        records_close(exchange);
    } else if (fault.what == NULL) {
        abort();
    }
    records_free(&copy);
    records_free(&again);
    return 0;
}
