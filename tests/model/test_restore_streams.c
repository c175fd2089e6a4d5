/* An exchange written down as records and read back answers every further entry as the one that
 * never stopped: equal events, byte for byte, equal digests, equal records.
 *
 * Random streams over every profile, with and without a margin engine. At random points the
 * exchange is restored into memory of its own under another hash seed, and both get the same
 * entries from there on, until the next point. One stream under margin, with TENOR_NIGHTLY=1 all of
 * them and more seeds, goes on for 10 000 blocks past its last point; TENOR_PROFILE=name runs one
 * profile ("risk": the streams under margin), and TENOR_SEED=n then begins with that very stream.
 */
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
#define RUNS      1
#define LONG_RUNS 0
#endif
#endif
#ifndef RUNS
#define RUNS      2
#define LONG_RUNS 1
#endif

enum { POINTS = 12, LAST_POINT = 3000, ENTRIES = 5000 };
enum { LONG_BLOCKS = 10000, LONG_ENTRIES = 5000000 };

/* What restoring has met, over all streams: a test that met nothing has shown nothing. */
static struct seen {
    uint64_t records[TN_RECORD_KINDS];
    uint64_t restores, entries, working; /* restored in the midst of sliced work */
    uint64_t blocks_most;                /* past one restore */
} seen;

/* The restored exchange, and when it is restored anew. */
struct follower {
    struct tn_exchange *exchange;
    const struct tn_exchange_limits *limits;
    struct tn_event *events;
    uint32_t events_max;
    uint32_t points[POINTS];
    uint32_t restored; /* points that were passed */
    uint64_t random, blocks;
};

static bool is_nightly(void)
{
    return getenv("TENOR_NIGHTLY") != NULL;
}

static void follower_open(struct follower *follower, const struct tn_exchange_limits *limits,
                          uint64_t seed)
{
    *follower = (struct follower){.limits = limits, .random = seed};
    follower->events_max = tn_exchange_events_max(limits);
    follower->events = malloc(follower->events_max * sizeof(struct tn_event));
    TN_ASSERT(follower->events != NULL);
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t part = LAST_POINT / POINTS;
        follower->points[i] = i * part + (uint32_t)tn_random_below(&follower->random, part);
    }
}

static void follower_close(struct follower *follower)
{
    records_close(follower->exchange);
    free(follower->events);
}

/* What the follower says now is what the one that it follows says. */
static bool follower_agrees(const struct follower *follower, const struct tn_exchange *leader)
{
    if (follower->exchange == NULL) return true;
    tn_exchange_check(follower->exchange);
    if (tn_exchange_digest(follower->exchange) != tn_exchange_digest(leader)) {
        fprintf(stderr, "the digests differ\n");
        return false;
    }
    struct records_copy first = {.bytes = NULL}, second = {.bytes = NULL};
    records_save(&first, leader, follower->limits);
    records_save(&second, follower->exchange, follower->limits);
    bool same = records_equal(&first, &second);
    for (uint32_t i = 0; i < first.records_count; i++)
        seen.records[first.records[i].name.kind]++;
    records_free(&first);
    records_free(&second);
    return same;
}

static bool follower_restore(struct follower *follower, const struct tn_exchange *leader)
{
    if (!follower_agrees(follower, leader)) return false;
    records_close(follower->exchange);
    follower->exchange =
        records_restore(leader, follower->limits, tn_random_next(&follower->random));
    follower->restored++;
    follower->blocks = 0;
    seen.restores++;
    seen.working += tn_exchange_work(leader);
    return follower->exchange != NULL;
}

static bool follower_apply(struct follower *follower, const struct tn_event *events,
                           uint32_t events_count, const struct tn_entry *entry)
{
    if (follower->exchange == NULL) return true;
    uint32_t count =
        tn_exchange_apply(follower->exchange, follower->events, follower->events_max, entry);
    follower->blocks += entry->kind == TN_ENTRY_BLOCK;
    seen.entries++;
    if (follower->blocks > seen.blocks_most) seen.blocks_most = follower->blocks;
    uint32_t i = 0;
    while (i < count && i < events_count &&
           memcmp(&events[i], &follower->events[i], sizeof(struct tn_event)) == 0) {
        i++;
    }
    if (i == count && i == events_count) return true;
    fprintf(stderr, "event %u of %u (restored: %u) differs; ", i, events_count, count);
    show_entry(stderr, entry);
    if (i < events_count) show_event(stderr, &events[i]);
    if (i < count) show_event(stderr, &follower->events[i]);
    return false;
}

static bool is_over(const struct follower *follower, uint32_t entries, bool is_long)
{
    if (entries < ENTRIES) return false;
    bool is_far = follower->blocks >= LONG_BLOCKS;
    TN_ASSERT(!is_long || is_far || entries < LONG_ENTRIES); /* a stream without blocks */
    return !is_long || is_far;
}

static bool is_point(const struct follower *follower, uint32_t entries)
{
    return follower->restored < POINTS && entries == follower->points[follower->restored];
}

static void show_repeat(const char *profile, uint64_t seed, uint32_t entries)
{
    fprintf(stderr,
            "profile %s, seed %" PRIu64
            ", entry %u; to repeat: TENOR_PROFILE=%s TENOR_SEED=%" PRIu64 " test_restore_streams\n",
            profile, seed, entries, profile, seed);
}

/* ---- Without a margin engine ---- */

static bool same_exchange_stream(const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    struct exchange_pair pair;
    struct follower follower;
    pair_open(&pair, &profile->limits);
    pair.digest_every = pair.check_every = 4096;
    follower_open(&follower, &profile->limits, seed);
    exchange_stream_start(&stream, profile, seed, pair.twin);
    bool same = true;
    uint32_t entries = 0;
    for (; same && !is_over(&follower, entries, is_nightly()); entries++) {
        struct tn_entry entry;
        if (is_point(&follower, entries)) same = follower_restore(&follower, pair.exchange);
        exchange_stream_next(&stream, &entry);
        same = same && pair_apply(&pair, &entry) &&
               follower_apply(&follower, pair.events, pair.events_count, &entry);
    }
    same = same && follower_agrees(&follower, pair.exchange);
    if (!same) show_repeat(profile->name, seed, entries);
    follower_close(&follower);
    pair_close(&pair);
    return same;
}

static void test_restored_exchange_answers_alike_on_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_restore_streams");
    const char *only = getenv("TENOR_PROFILE");
    uint32_t runs = is_nightly() ? 4 : RUNS;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        if (only != NULL && strcmp(only, profile->name) != 0) continue;
        uint64_t first = seed + (only == NULL ? 1000 * i : 0);
        for (uint32_t run = 0; run < runs; run++)
            assert_true(same_exchange_stream(profile, first + run));
    }
}

/* ---- With one ---- */

static bool same_risk_stream(uint64_t seed, bool is_long)
{
    static struct risk_stream stream;
    struct tn_exchange_limits limits;
    struct follower follower;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    follower_open(&follower, &limits, seed);
    struct tn_event *events = malloc(follower.events_max * sizeof(struct tn_event));
    TN_ASSERT(memory != NULL && events != NULL);
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&stream, exchange, seed);
    bool same = true;
    uint32_t entries = 0;
    for (; same && !is_over(&follower, entries, is_long); entries++) {
        struct tn_entry entry;
        if (is_point(&follower, entries)) same = follower_restore(&follower, exchange);
        risk_stream_next(&stream, &entry);
        uint32_t count = tn_exchange_apply(exchange, events, follower.events_max, &entry);
        same = same && follower_apply(&follower, events, count, &entry);
    }
    same = same && follower_agrees(&follower, exchange);
    if (!same) show_repeat("risk", seed, entries);
    follower_close(&follower);
    free(memory);
    free(events);
    return same;
}

static void test_restored_exchange_answers_alike_under_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_restore_streams");
    const char *only = getenv("TENOR_PROFILE");
    if (only != NULL && strcmp(only, "risk") != 0) return;
    uint32_t runs = (is_nightly() ? 4 : RUNS) * RISK_THEMES;
    for (uint32_t run = 0; run < runs; run++)
        assert_true(same_risk_stream(seed + run, is_nightly() || run < LONG_RUNS));
}

static void test_restored_streams_met_records_of_every_kind(void **state)
{
    (void)state;
    if (getenv("TENOR_PROFILE") != NULL) skip();
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        fprintf(stderr, "records of kind %u: %" PRIu64 "\n", kind, seen.records[kind]);
        assert_true(seen.records[kind] > 0);
    }
    fprintf(stderr,
            "%" PRIu64 " restored, %" PRIu64 " of them with work to do; %" PRIu64
            " entries after, %" PRIu64 " blocks past one of them\n",
            seen.restores, seen.working, seen.entries, seen.blocks_most);
    assert_true(seen.working > 0);
    assert_true(LONG_RUNS == 0 || seen.blocks_most >= LONG_BLOCKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restored_exchange_answers_alike_on_every_profile),
        cmocka_unit_test(test_restored_exchange_answers_alike_under_margin),
        cmocka_unit_test(test_restored_streams_met_records_of_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
