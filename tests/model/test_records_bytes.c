/* Records whose bytes were changed: the market's own kinds (MARKET, SERIES, FEEDS, ROWS).
 *
 * Bytes are not trusted: a changed record is refused with a fault, or it is a state of its own,
 * which writes itself down with those very bytes, keeps every invariant and takes further entries.
 * Never does a byte bring the program down. Bytes of every record of the lists and of some series
 * are changed, records are cut short and left out, in random streams with and without margin.
 * TENOR_NIGHTLY=1 changes every byte of every record; TENOR_SEED=n repeats. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "records_copy.h"
#include "risk_stream.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BYTES_STEP 64
#endif
#endif
#ifndef BYTES_STEP
#define BYTES_STEP 8
#endif

enum { FURTHER_ENTRIES = 24, SLOTS_TRIED = 2 };

/* What was changed, and how it went. */
struct trial {
    const struct records_copy *good;
    struct records_copy changed;
    uint32_t record;
    uint64_t random;
    uint64_t refused, accepted;
    struct tn_event *events;
    uint32_t events_max;
    const struct risk_stream *stream; /* NULL without margin */
};

static bool is_nightly(void)
{
    return getenv("TENOR_NIGHTLY") != NULL;
}

static void trial_open(struct trial *trial, const struct records_copy *good, uint64_t seed,
                       const struct risk_stream *stream)
{
    *trial = (struct trial){.good = good, .random = seed, .stream = stream};
    trial->changed = *good;
    trial->changed.bytes = malloc(good->bytes_count + 1);
    trial->changed.records = malloc(good->records_count * sizeof(*good->records));
    trial->events_max = tn_exchange_events_max(&good->limits);
    trial->events = malloc(trial->events_max * sizeof(struct tn_event));
    TN_ASSERT(trial->changed.bytes != NULL && trial->changed.records != NULL);
    TN_ASSERT(trial->events != NULL);
    memcpy(trial->changed.bytes, good->bytes, good->bytes_count);
    memcpy(trial->changed.records, good->records, good->records_count * sizeof(*good->records));
}

static void trial_close(struct trial *trial)
{
    records_free(&trial->changed);
    free(trial->events);
}

static bool says_the_same(const struct trial *trial, const struct tn_exchange *exchange)
{
    struct records_copy again = {.bytes = NULL};
    records_save(&again, exchange, &trial->good->limits);
    bool same = records_equal(&trial->changed, &again);
    records_free(&again);
    return same;
}

/* The stream goes on where it stood. */
static void go_on(struct trial *trial, struct tn_exchange *exchange)
{
    static struct risk_stream stream;
    if (trial->stream == NULL) return;
    stream = *trial->stream;
    stream.exchange = exchange;
    for (uint32_t i = 0; i < FURTHER_ENTRIES; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        tn_exchange_apply(exchange, trial->events, trial->events_max, &entry);
    }
}

/* Imports what is changed now. */
static void try_import(struct trial *trial)
{
    struct tn_import_fault fault = {.what = NULL};
    struct tn_exchange *exchange = records_import(&trial->changed, &fault, 7);
    if (exchange == NULL) {
        assert_non_null(fault.what);
        trial->refused++;
        return;
    }
    tn_exchange_check(exchange);
    assert_true(says_the_same(trial, exchange));
    go_on(trial, exchange);
    records_close(exchange);
    trial->accepted++;
}

/* Every byte in nightly runs and of one record 0, elsewhere one of a few. */
static size_t next_byte(struct trial *trial)
{
    if (is_nightly() || (trial->record == 0 && trial->stream != NULL)) return 1;
    return 1 + (size_t)tn_random_below(&trial->random, 2 * BYTES_STEP - 1);
}

static void change_bytes(struct trial *trial)
{
    const struct record_kept *record = &trial->good->records[trial->record];
    for (size_t i = next_byte(trial) - 1; i < record->size; i += next_byte(trial)) {
        uint8_t *byte = &trial->changed.bytes[record->at + i];
        uint8_t before = *byte;
        uint8_t low_bit = (uint8_t)(before ^ 1), any = (uint8_t)tn_random_next(&trial->random);
        *byte = tn_random_below(&trial->random, 2) == 0 || any == before ? low_bit : any;
        try_import(trial);
        *byte = before;
    }
}

static void cut_short(struct trial *trial)
{
    struct record_kept *record = &trial->changed.records[trial->record];
    size_t size = record->size;
    size_t step = is_nightly() ? 1 : 1 + size * BYTES_STEP / 128;
    for (size_t shorter = 0; shorter < size; shorter += step) {
        record->size = shorter;
        try_import(trial);
    }
    record->size = size;
}

/* Without any one record there is less, or nothing. */
static void leave_out(struct trial *trial)
{
    struct record_kept *records = trial->changed.records;
    uint32_t behind = trial->good->records_count - trial->record - 1;
    memmove(&records[trial->record], &records[trial->record + 1], behind * sizeof(*records));
    trial->changed.records_count--;
    try_import(trial);
    trial->changed.records_count++;
    memcpy(records, trial->good->records, trial->good->records_count * sizeof(*records));
}

/* All records of the lists, a few by slot. */
static bool is_chosen(struct trial *trial, enum tn_record_kind kind, uint32_t *of_kind)
{
    if (kind == TN_RECORD_MARKET || kind == TN_RECORD_FEEDS || is_nightly()) return true;
    return tn_random_below(&trial->random, 16) == 0 && of_kind[kind]++ < SLOTS_TRIED;
}

static void try_all(struct trial *trial)
{
    uint32_t of_kind[TN_RECORD_KINDS] = {0};
    for (trial->record = 0; trial->record < trial->good->records_count; trial->record++) {
        const struct record_kept *record = &trial->good->records[trial->record];
        enum tn_record_kind kind = (enum tn_record_kind)record->name.kind;
        if (kind > TN_RECORD_ROWS) break;
        if (!is_chosen(trial, kind, of_kind)) continue;
        change_bytes(trial);
        cut_short(trial);
        leave_out(trial);
    }
}

/* ---- Under margin ---- */

static void try_risk_stream(uint64_t seed, uint32_t entries)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    uint32_t events_max = tn_exchange_events_max(&limits);
    struct tn_event *events = malloc(events_max * sizeof(struct tn_event));
    TN_ASSERT(memory != NULL && events != NULL);
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&stream, exchange, seed);
    for (uint32_t i = 0; i < entries; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        tn_exchange_apply(exchange, events, events_max, &entry);
    }
    struct records_copy good = {.bytes = NULL};
    struct trial trial;
    records_save(&good, exchange, &limits);
    trial_open(&trial, &good, seed, &stream);
    try_all(&trial);
    fprintf(stderr, "%" PRIu64 " refused, %" PRIu64 " accepted\n", trial.refused, trial.accepted);
    assert_true(trial.refused > 0 && trial.accepted > 0);
    trial_close(&trial);
    records_free(&good);
    free(memory);
    free(events);
}

static void test_changed_market_records_are_refused_or_say_the_same_under_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_records_bytes");
    uint32_t runs = is_nightly() ? 10 : 1;
    for (uint32_t run = 0; run < runs; run++)
        try_risk_stream(seed + run, 1500 + 97 * run);
}

/* ---- Without ---- */

static void try_exchange_stream(const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    struct exchange_pair pair;
    pair_open(&pair, &profile->limits);
    pair.digest_every = pair.check_every = 4096;
    exchange_stream_start(&stream, profile, seed, pair.twin);
    for (uint32_t i = 0; i < 1000; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        assert_true(pair_apply(&pair, &entry));
    }
    struct records_copy good = {.bytes = NULL};
    struct trial trial;
    records_save(&good, pair.exchange, &profile->limits);
    trial_open(&trial, &good, seed, NULL);
    try_all(&trial);
    assert_true(trial.refused > 0 && trial.accepted > 0);
    trial_close(&trial);
    records_free(&good);
    pair_close(&pair);
}

static void test_changed_market_records_are_refused_or_say_the_same_on_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_records_bytes");
    for (uint32_t i = 0; i < exchange_profiles_count(); i++)
        try_exchange_stream(exchange_profile(i), seed + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_market_records_are_refused_or_say_the_same_under_margin),
        cmocka_unit_test(test_changed_market_records_are_refused_or_say_the_same_on_every_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
