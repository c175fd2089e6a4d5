/* Touch marks over random streams, with and without a margin engine: a copy of all records, of
 * which after every few entries only those are written anew that are named as touched, is the same
 * as all records written anew. TENOR_NIGHTLY=1 runs many more; TENOR_PROFILE=name runs one profile
 * ("risk" is that of risk_stream), and TENOR_SEED=n then begins with that very stream. */
#include "exchange_stream.h"
#include "risk_stream.h"
#include "seed.h"
#include "touched_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Streams in CI; a sanitizer's build is several times slower. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNS      1
#define RISK_RUNS 2
#endif
#endif
#ifndef RUNS
#define RUNS      1
#define RISK_RUNS 20
#endif
enum { ENTRIES = 2500, RISK_ENTRIES = 1500 };

struct run {
    const char *profile;
    uint64_t seed, random;
    struct tn_exchange *exchange;
    struct tn_event *events;
    uint32_t events_max, events_count;
    struct touched_copy copy;
};

static uint32_t below(struct run *run, uint32_t bound)
{
    run->random = run->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((run->random >> 33) % bound);
}

static void *allocate(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    TN_ASSERT(memory != NULL);
    memset(memory, 0, tn_align(size));
    return memory;
}

/* ---- Runs ---- */

static void open_run(struct run *run, const struct tn_exchange_limits *limits, const char *profile,
                     uint64_t seed)
{
    *run = (struct run){.profile = profile, .seed = seed, .random = seed};
    run->exchange = tn_exchange_init(allocate(tn_exchange_size(limits)), limits);
    run->events_max = tn_exchange_events_max(limits);
    run->events = malloc(run->events_max * sizeof(*run->events));
    TN_ASSERT(run->events != NULL);
    touched_copy_open(&run->copy, run->exchange, limits);
}

/* The last comparison; says how to repeat a run that failed. */
static bool close_run(struct run *run, bool good)
{
    good = good && touched_copy_keeps_up(&run->copy);
    good = good && run->copy.named > 0 && run->copy.named < run->copy.walked;
    if (!good) {
        fprintf(stderr,
                "profile %s, seed %" PRIu64 "; to repeat: TENOR_PROFILE=%s TENOR_SEED=%" PRIu64
                " test_touch_streams\n",
                run->profile, run->seed, run->profile, run->seed);
    }
    touched_copy_close(&run->copy);
    free(run->exchange);
    free(run->events);
    return good;
}

/* Takes at least so many marks, a few names at a time, or all there are. */
static bool follow(struct run *run, uint32_t most)
{
    uint32_t count = 1;
    for (uint32_t taken = 0; taken < most && count > 0; taken += count) {
        if (!touched_copy_follow(&run->copy, &count, 1 + below(run, 64))) return false;
    }
    return true;
}

/* Mostly all marks are taken after each entry; now and then after several, or only some of them. */
static bool apply(struct run *run, const struct tn_entry *entry)
{
    run->events_count = tn_exchange_apply(run->exchange, run->events, run->events_max, entry);
    run->copy.turn++;
    uint32_t choice = below(run, 16);
    if (choice == 0) return true;
    if (choice == 1) return follow(run, 1 + below(run, 8));
    return follow(run, UINT32_MAX) && touched_copy_is_exact(&run->copy);
}

static bool run_profile(const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    struct run run;
    open_run(&run, &profile->limits, profile->name, seed);
    struct twin *twin = twin_new(&profile->limits);
    struct tn_event *events = malloc(run.events_max * sizeof(*events));
    TN_ASSERT(twin != NULL && events != NULL);
    exchange_stream_start(&stream, profile, seed, twin);
    bool good = true;
    for (uint32_t i = 0; i < ENTRIES && good; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        twin_apply(twin, events, run.events_max, &entry);
        good = apply(&run, &entry);
    }
    free(events);
    twin_free(twin);
    return close_run(&run, good);
}

static bool run_risk(uint64_t seed)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    struct run run;
    risk_stream_limits(&limits);
    open_run(&run, &limits, "risk", seed);
    risk_stream_start(&stream, run.exchange, seed);
    bool good = true;
    for (uint32_t i = 0; i < RISK_ENTRIES && good; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        good = apply(&run, &entry);
    }
    return close_run(&run, good);
}

static bool is_wanted(const char *profile)
{
    const char *only = getenv("TENOR_PROFILE");
    return only == NULL || strcmp(only, profile) == 0;
}

static void test_records_that_are_not_named_have_not_changed_in_streams_of_every_profile(
    void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_touch_streams");
    uint32_t runs = getenv("TENOR_NIGHTLY") != NULL ? 100 : RUNS;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        if (!is_wanted(profile->name)) continue;
        uint64_t first = seed + (getenv("TENOR_PROFILE") == NULL ? 1000 * i : 0);
        for (uint32_t run = 0; run < runs; run++)
            assert_true(run_profile(profile, first + run));
    }
}

static void test_records_that_are_not_named_have_not_changed_in_streams_with_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_touch_streams");
    uint32_t runs = getenv("TENOR_NIGHTLY") != NULL ? 1000 : RISK_RUNS;
    if (!is_wanted("risk")) skip();
    for (uint32_t run = 0; run < runs; run++)
        assert_true(run_risk(seed + run));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_records_that_are_not_named_have_not_changed_in_streams_of_every_profile),
        cmocka_unit_test(test_records_that_are_not_named_have_not_changed_in_streams_with_margin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
