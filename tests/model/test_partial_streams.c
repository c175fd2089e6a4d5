/* Exchanges in which most accounts are not there: from the records of those that a run of entries
 * asks for, the run gives the same events and the same changed records, byte for byte, whatever
 * stands where the others would be: it is filled with garbage, which under the address sanitizer
 * may not even be read. So nothing that decides anything is read without asking.
 *
 * TENOR_NIGHTLY=1 runs many more; TENOR_PROFILE=name runs one profile ("risk" is that of
 * risk_stream), and TENOR_SEED=n then begins with that very stream. */
#include "exchange/risk.h"

#include "exchange_stream.h"
#include "records_copy.h"
#include "risk_stream.h"
#include "seed.h"

#include "tenor/stream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define IS_SLOW 0
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#undef IS_SLOW
#define IS_SLOW 1
#endif
#endif

enum {
    BLOCK_ENTRIES_MAX = 12,
    ENTRIES_BYTES = 1 << 20,
    EVENTS_KEPT = 1 << 17,
    CHECK_EACH = 4,
    ENTRIES = 1600,
};

struct run {
    struct tn_exchange_limits limits;
    struct tn_exchange *exchange;
    struct tn_event *events, *kept, *again;
    uint32_t events_max, kept_count;
    uint8_t *entries;
    size_t entries_size;
    uint64_t *needed;
    uint32_t accounts_before;
    struct records_copy copy;
    uint64_t random;
    bool is_checked; /* the block that runs */
    uint32_t in_block, blocks, partial;
};

static void *allocate(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    TN_ASSERT(memory != NULL);
    memset(memory, 0, tn_align(size));
    return memory;
}

static void open_run(struct run *run, const struct tn_exchange_limits *limits, uint64_t seed)
{
    *run = (struct run){.limits = *limits, .random = seed};
    run->exchange = tn_exchange_init(allocate(tn_exchange_size(limits)), limits);
    run->events_max = tn_exchange_events_max(limits);
    run->events = allocate(run->events_max * sizeof(struct tn_event));
    run->again = allocate(run->events_max * sizeof(struct tn_event));
    run->kept = allocate(EVENTS_KEPT * sizeof(struct tn_event));
    run->entries = allocate(ENTRIES_BYTES);
    run->needed = allocate((limits->accounts_max / 64 + 1) * sizeof(uint64_t));
}

static void close_run(struct run *run)
{
    free(run->exchange);
    free(run->events);
    free(run->again);
    free(run->kept);
    free(run->entries);
    free(run->needed);
    records_free(&run->copy);
}

/* ---- With only some accounts ---- */

static bool has(const struct run *run, uint32_t account)
{
    return (run->needed[account / 64] >> account % 64 & 1) != 0;
}

static void note(void *context, uint32_t account)
{
    struct run *run = context;
    if (account < run->accounts_before) run->needed[account / 64] |= UINT64_C(1) << account % 64;
}

static void must_be_there(void *context, uint32_t account)
{
    const struct run *run = context;
    TN_ASSERT(account >= run->accounts_before || has(run, account));
}

static void poison(void *at, size_t size)
{
    memset(at, 0xA5, size);
#if IS_SLOW
    ASAN_POISON_MEMORY_REGION(at, size);
#endif
}

static void spoil_absent(const struct run *run, struct tn_exchange *exchange, bool is_spoilt)
{
    size_t width = exchange->limits.assets_max;
    for (uint32_t i = 0; i < run->accounts_before; i++) {
        if (has(run, i)) continue;
        struct risk *risk = exchange->risk;
        void *const at[] = {&exchange->accounts[i], &exchange->ledger.cash[i],
                            &exchange->balances[i * width], risk == NULL ? NULL : &risk->guards[i],
                            risk == NULL ? NULL : &risk->cushions[i]};
        const size_t sizes[] = {sizeof(struct account), sizeof(tn_micros), width * sizeof(int64_t),
                                sizeof(struct guard), sizeof(struct cushion)};
        for (uint32_t part = 0; part < sizeof sizes / sizeof sizes[0]; part++) {
            if (at[part] == NULL) continue;
#if IS_SLOW
            if (!is_spoilt) ASAN_UNPOISON_MEMORY_REGION(at[part], sizes[part]);
#endif
            if (is_spoilt) poison(at[part], sizes[part]);
        }
    }
}

static bool by_account(uint8_t kind)
{
    return kind >= TN_RECORD_ACCOUNT && kind <= TN_RECORD_MEMORY;
}

static struct tn_exchange *import_needed(const struct run *run,
                                         const struct tn_exchange_watch *watch)
{
    struct tn_exchange_limits limits = run->limits;
    struct tn_import_fault fault = {.what = NULL};
    limits.hash_seed = 77;
    struct tn_exchange *exchange = tn_exchange_init(allocate(tn_exchange_size(&limits)), &limits);
    bool is_good = true;
    tn_exchange_watch(exchange, watch);
    for (uint32_t i = 0; i < run->copy.records_count && is_good; i++) {
        const struct record_kept *record = &run->copy.records[i];
        if (by_account(record->name.kind) && !has(run, record->name.index)) continue;
        is_good =
            tn_exchange_import(exchange, &fault, (enum tn_record_kind)record->name.kind,
                               record->name.index, run->copy.bytes + record->at, record->size);
    }
    is_good = is_good && tn_exchange_import_end(exchange, &fault);
    if (!is_good) {
        fprintf(stderr, "record %u %u: %s\n", fault.name.kind, fault.name.index, fault.what);
    }
    assert_true(is_good);
    return exchange;
}

static void compare_events(struct run *run, struct tn_exchange *exchange)
{
    static struct tn_stream_scratch scratch;
    uint32_t compared = 0;
    for (size_t at = 0; at < run->entries_size;) {
        struct tn_entry entry;
        struct tn_stream_fault fault;
        size_t used;
        bool is_read = tn_stream_read_entry(&entry, &used, &fault, &scratch, run->entries + at,
                                            run->entries_size - at);
        TN_ASSERT(is_read);
        at += used;
        uint32_t count = tn_exchange_apply(exchange, run->again, run->events_max, &entry);
        assert_true(count <= run->kept_count - compared);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t here[TN_EVENT_BYTES], there[TN_EVENT_BYTES];
            tn_stream_write_event(here, &run->again[i]);
            tn_stream_write_event(there, &run->kept[compared + i]);
            assert_memory_equal(here, there, TN_EVENT_BYTES);
        }
        compared += count;
    }
    assert_int_equal(compared, run->kept_count);
}

static void compare_touched(const struct run *run, struct tn_exchange *exchange)
{
    static uint8_t here[1 << 20], there[1 << 20];
    struct tn_record_name names[64];
    uint32_t count;
    while ((count = tn_exchange_touched(exchange, names, 64)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            enum tn_record_kind kind = (enum tn_record_kind)names[i].kind;
            size_t size = tn_exchange_record(exchange, here, sizeof here, kind, names[i].index);
            size_t full =
                tn_exchange_record(run->exchange, there, sizeof there, kind, names[i].index);
            TN_ASSERT(size <= sizeof here);
            assert_int_equal(size, full);
            assert_memory_equal(here, there, size);
        }
    }
}

static void execute_with_some(struct run *run)
{
    const struct tn_exchange_watch watch = {
        .need = must_be_there, .context = run, .present = run->needed};
    uint32_t absent = 0;
    for (uint32_t i = 0; i < run->accounts_before; i++)
        absent += !has(run, i);
    struct tn_exchange *exchange = import_needed(run, &watch);
    spoil_absent(run, exchange, true);
    compare_events(run, exchange);
    compare_touched(run, exchange);
    spoil_absent(run, exchange, false);
    free(exchange);
    run->blocks++;
    run->partial += absent > 0;
}

/* ---- With all ---- */

static void begin_block(struct run *run, struct tn_exchange_watch *watch)
{
    run->is_checked = tn_random_below(&run->random, CHECK_EACH) == 0;
    run->in_block = 1 + (uint32_t)tn_random_below(&run->random, BLOCK_ENTRIES_MAX);
    tn_exchange_touch_clear(run->exchange);
    if (!run->is_checked) return;
    records_save(&run->copy, run->exchange, &run->limits);
    run->accounts_before = tn_exchange_accounts_count(run->exchange);
    memset(run->needed, 0, (run->limits.accounts_max / 64 + 1) * sizeof(uint64_t));
    run->entries_size = run->kept_count = 0;
    *watch = (struct tn_exchange_watch){.need = note, .context = run};
    tn_exchange_watch(run->exchange, watch);
    tn_exchange_need_named(run->exchange);
}

static void apply(struct run *run, const struct tn_entry *entry)
{
    static struct tn_exchange_watch watch;
    if (run->in_block == 0) begin_block(run, &watch);
    uint32_t count = tn_exchange_apply(run->exchange, run->events, run->events_max, entry);
    run->in_block--;
    if (!run->is_checked) return;
    size_t size = tn_stream_write_entry(run->entries + run->entries_size,
                                        ENTRIES_BYTES - run->entries_size, entry);
    if (size == 0) run->is_checked = false; /* a kind that has no bytes: it is rejected anyway */
    TN_ASSERT(size <= ENTRIES_BYTES - run->entries_size && count <= EVENTS_KEPT - run->kept_count);
    run->entries_size += size;
    memcpy(run->kept + run->kept_count, run->events, count * sizeof(struct tn_event));
    run->kept_count += count;
    if (run->in_block > 0 && run->is_checked) return;
    tn_exchange_watch(run->exchange, NULL);
    if (run->is_checked) execute_with_some(run);
    run->in_block = 0;
}

static void run_profile(struct run *run, const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    open_run(run, &profile->limits, seed);
    struct twin *twin = twin_new(&profile->limits);
    TN_ASSERT(twin != NULL);
    exchange_stream_start(&stream, profile, seed, twin);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        twin_apply(twin, run->again, run->events_max, &entry);
        apply(run, &entry);
    }
    twin_free(twin);
    close_run(run);
}

static void run_risk(struct run *run, uint64_t seed)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    risk_stream_limits(&limits);
    open_run(run, &limits, seed);
    risk_stream_start(&stream, run->exchange, seed);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        apply(run, &entry);
    }
    close_run(run);
}

static bool is_wanted(const char *profile)
{
    const char *only = getenv("TENOR_PROFILE");
    return only == NULL || strcmp(only, profile) == 0;
}

static void say(const char *profile, uint64_t seed)
{
    fprintf(stderr, "TENOR_PROFILE=%s TENOR_SEED=%" PRIu64 " test_partial_streams\n", profile,
            seed);
}

static uint32_t runs_count(void)
{
    if (getenv("TENOR_NIGHTLY") != NULL) return 200;
    return IS_SLOW ? 1 : 3;
}

static void test_some_accounts_are_enough_for_streams_of_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_partial_streams");
    uint32_t blocks = 0, partial = 0;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        for (uint32_t n = 0; is_wanted(profile->name) && n < runs_count(); n++) {
            struct run run;
            say(profile->name, seed + n);
            run_profile(&run, profile, seed + n);
            blocks += run.blocks;
            partial += run.partial;
        }
    }
    fprintf(stderr, "%u blocks, %u of them with some accounts only\n", blocks, partial);
    assert_true(blocks == 0 || partial > 0);
}

static void test_some_accounts_are_enough_for_streams_with_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_partial_streams");
    uint32_t blocks = 0, partial = 0;
    for (uint32_t n = 0; is_wanted("risk") && n < runs_count() * RISK_THEMES; n++) {
        struct run run;
        say("risk", seed + n);
        run_risk(&run, seed + n);
        blocks += run.blocks;
        partial += run.partial;
    }
    fprintf(stderr, "%u blocks, %u of them with some accounts only\n", blocks, partial);
    assert_true(blocks == 0 || partial > blocks / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_some_accounts_are_enough_for_streams_of_every_profile),
        cmocka_unit_test(test_some_accounts_are_enough_for_streams_with_margin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
