/* Exchanges in which most accounts are not there: from the records of those that a run of entries
 * asks for, the run gives the same events and the same changed records, byte for byte, whatever
 * stands where the others would be: it is filled with garbage, which under the address sanitizer
 * may not even be read. So nothing that decides anything is read without asking. And from whichever
 * accounts a liar leaves out, the run asks for one that is not there, or comes out the same.
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
    RISK_ENTRIES = 4000,
    LIES = IS_SLOW ? 1 : 4,
};

struct run {
    struct tn_exchange_limits limits;
    struct tn_exchange *exchange;
    struct tn_event *events, *kept, *again;
    uint32_t events_max, kept_count;
    uint8_t *entries;
    size_t entries_size;
    uint64_t *needed, *named;
    uint32_t accounts_before;
    struct records_copy copy;
    uint64_t random;
    bool is_checked; /* the block that runs */
    uint32_t in_block, blocks, partial, lies, caught;
    uint32_t walks; /* events of those blocks that come of going over accounts */
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
    run->named = allocate((limits->accounts_max / 64 + 1) * sizeof(uint64_t));
}

static void close_run(struct run *run)
{
    free(run->exchange);
    free(run->events);
    free(run->again);
    free(run->kept);
    free(run->entries);
    free(run->needed);
    free(run->named);
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

static jmp_buf absent_jump;

static void end_at_absent(void *context, uint32_t account)
{
    const struct run *run = context;
    if (account >= run->accounts_before || has(run, account)) return;
    longjmp(absent_jump, 1);
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

/* NULL: an account is missing that an order or a list names. */
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
    if (is_good) return exchange;
    free(exchange);
    return NULL;
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

static uint32_t absent_count(const struct run *run)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->accounts_before; i++)
        count += !has(run, i);
    return count;
}

/* False: it ended at an account that is not there. */
static bool execute_with_some(struct run *run)
{
    const struct tn_exchange_watch watch = {
        .need = end_at_absent, .context = run, .present = run->needed};
    struct tn_exchange *exchange = import_needed(run, &watch);
    if (exchange == NULL) return false;
    spoil_absent(run, exchange, true);
    if (setjmp(absent_jump) != 0) {
        spoil_absent(run, exchange, false);
        free(exchange);
        return false;
    }
    compare_events(run, exchange);
    compare_touched(run, exchange);
    spoil_absent(run, exchange, false);
    free(exchange);
    return true;
}

/* An account that an import does not ask for, mostly one that holds something; TN_NONE: none. */
static uint32_t draw_unnamed(struct run *run)
{
    uint32_t drawn = TN_NONE;
    for (uint32_t tries = 0; tries < 40; tries++) {
        uint32_t account = (uint32_t)tn_random_below(&run->random, run->accounts_before);
        if ((run->named[account / 64] >> account % 64 & 1) != 0) continue;
        drawn = account;
        if (run->exchange->accounts[account].exposures_count > 0) break;
    }
    return drawn;
}

/* Without one or two accounts, whether the run asked for them or not. */
static void leave_some_out(struct run *run)
{
    for (uint32_t i = 0; i < LIES && run->accounts_before > 0; i++) {
        memset(run->needed, 0xff, (run->limits.accounts_max / 64 + 1) * sizeof(uint64_t));
        for (uint64_t n = 1 + tn_random_below(&run->random, 2); n > 0; n--) {
            uint32_t out = draw_unnamed(run);
            if (out != TN_NONE) run->needed[out / 64] &= ~(UINT64_C(1) << out % 64);
        }
        if (absent_count(run) == 0) return;
        bool comes_out = execute_with_some(run);
        run->lies++;
        run->caught += !comes_out;
    }
}

static void count_walks(struct run *run)
{
    for (uint32_t i = 0; i < run->kept_count; i++) {
        enum tn_event_kind kind = (enum tn_event_kind)run->kept[i].kind;
        run->walks += kind == TN_EVENT_SETTLED || kind == TN_EVENT_FUNDED ||
                      kind == TN_EVENT_DELEVERAGED || kind == TN_EVENT_SOCIALISED;
    }
}

/* All blocks in which holders or everybody are gone over, and some of the others. */
static void check_block(struct run *run)
{
    uint32_t walks = run->walks;
    count_walks(run);
    if (run->walks == walks && tn_random_below(&run->random, CHECK_EACH) > 0) return;
    run->partial += absent_count(run) > 0;
    run->blocks++;
    assert_true(execute_with_some(run));
    leave_some_out(run);
}

/* ---- With all ---- */

static void begin_block(struct run *run, struct tn_exchange_watch *watch)
{
    run->is_checked = true;
    run->in_block = 1 + (uint32_t)tn_random_below(&run->random, BLOCK_ENTRIES_MAX);
    tn_exchange_touch_clear(run->exchange);
    records_save(&run->copy, run->exchange, &run->limits);
    run->accounts_before = tn_exchange_accounts_count(run->exchange);
    memset(run->needed, 0, (run->limits.accounts_max / 64 + 1) * sizeof(uint64_t));
    run->entries_size = run->kept_count = 0;
    *watch = (struct tn_exchange_watch){.need = note, .context = run};
    tn_exchange_watch(run->exchange, watch);
    tn_exchange_need_named(run->exchange);
    memcpy(run->named, run->needed, (run->limits.accounts_max / 64 + 1) * sizeof(uint64_t));
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
    if (run->is_checked) check_block(run);
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
    for (uint32_t i = 0; i < RISK_ENTRIES; i++) {
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

static void report(uint32_t blocks, uint32_t partial, uint32_t lies, uint32_t caught)
{
    fprintf(stderr, "%u blocks, %u of them with some accounts only; of %u lies %u ended\n", blocks,
            partial, lies, caught);
    assert_true(lies == 0 || (caught > 0 && caught < lies));
}

static uint32_t runs_count(void)
{
    if (getenv("TENOR_NIGHTLY") != NULL) return 200;
    return 1;
}

static void test_some_accounts_are_enough_for_streams_of_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_partial_streams");
    uint32_t blocks = 0, partial = 0, lies = 0, caught = 0;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        for (uint32_t n = 0; is_wanted(profile->name) && n < runs_count(); n++) {
            struct run run;
            say(profile->name, seed + n);
            run_profile(&run, profile, seed + n);
            blocks += run.blocks;
            partial += run.partial;
            lies += run.lies;
            caught += run.caught;
        }
    }
    report(blocks, partial, lies, caught);
    assert_true(blocks == 0 || partial > 0);
}

static void test_some_accounts_are_enough_for_streams_with_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_partial_streams");
    uint32_t blocks = 0, partial = 0, lies = 0, caught = 0;
    for (uint32_t n = 0; is_wanted("risk") && n < runs_count() * RISK_THEMES; n++) {
        struct run run;
        say("risk", seed + n);
        run_risk(&run, seed + n);
        blocks += run.blocks;
        partial += run.partial;
        lies += run.lies;
        caught += run.caught;
    }
    report(blocks, partial, lies, caught);
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
