/* A clone of an exchange answers every further entry as its source does, and the two have nothing
 * in common: what one applies does not show in the other, and a clone lives on when the memory of
 * its source is spoilt and given back.
 *
 * Random streams over every profile, and under margin. TENOR_SEED=n begins with that stream. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "risk_stream.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ENTRIES  800
#define INTERVAL 150
#endif
#endif
#ifndef ENTRIES
#define ENTRIES  4000
#define INTERVAL 500
#endif

static uint64_t clones, entries_after;

static void *room(const struct tn_exchange_limits *limits)
{
    size_t size = tn_align(tn_exchange_size(limits));
    void *memory = aligned_alloc(64, size);
    TN_ASSERT(memory != NULL);
    memset(memory, 0x5a, size); /* a clone needs no zeros */
    return memory;
}

static void spoil(struct tn_exchange *exchange, const struct tn_exchange_limits *limits)
{
    memset(exchange, 0xa5, tn_exchange_size(limits));
    free(exchange);
}

static bool same_events(const struct tn_event *a, uint32_t a_count, const struct tn_event *b,
                        uint32_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0;
}

static bool failed(const char *what, const char *profile, uint64_t seed, uint32_t entry)
{
    fprintf(stderr, "%s: profile %s, seed %" PRIu64 ", entry %u\n", what, profile, seed, entry);
    return false;
}

/* A throwaway clone goes on alone; the source must not notice. */
static bool source_is_untouched(const struct tn_exchange *source,
                                const struct tn_exchange_limits *limits, struct tn_event *events,
                                const struct tn_entry *entry)
{
    const struct tn_entry sweep = {.kind = TN_ENTRY_SWEEP, .as.sweep = {.units = 100}};
    const struct tn_entry block = {.kind = TN_ENTRY_BLOCK,
                                   .as.block = {.height = tn_exchange_height(source) + 1,
                                                .time_ms = tn_exchange_time_ms(source) + 150}};
    const struct tn_entry *script[] = {entry, &sweep, &block, &sweep, entry};
    uint64_t before = tn_exchange_digest(source);
    struct tn_exchange *clone = tn_exchange_clone(room(limits), source);
    for (uint32_t i = 0; i < sizeof script / sizeof script[0]; i++)
        tn_exchange_apply(clone, events, tn_exchange_events_max(limits), script[i]);
    tn_exchange_check(clone);
    bool differs = tn_exchange_digest(clone) != before;
    spoil(clone, limits);
    tn_exchange_check(source);
    return differs && tn_exchange_digest(source) == before;
}

/* ---- Without a margin engine ---- */

static bool same_on_profile(const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    const struct tn_exchange_limits *limits = &profile->limits;
    struct exchange_pair pair;
    struct tn_exchange *clone = NULL;
    bool same = true;
    pair_open(&pair, limits);
    pair.digest_every = pair.check_every = 1u << 20;
    uint32_t events_max = tn_exchange_events_max(limits);
    struct tn_event *events = malloc(events_max * sizeof *events);
    exchange_stream_start(&stream, profile, seed, pair.twin);
    for (uint32_t i = 0; same && i < ENTRIES; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        if (i % INTERVAL == INTERVAL - 1) {
            if (clone != NULL) {
                same = tn_exchange_digest(clone) == tn_exchange_digest(pair.exchange);
                spoil(clone, limits);
            }
            same = same && source_is_untouched(pair.exchange, limits, events, &entry);
            clone = tn_exchange_clone(room(limits), pair.exchange);
            clones++;
        }
        same = same && pair_apply(&pair, &entry);
        if (clone == NULL) continue;
        uint32_t count = tn_exchange_apply(clone, events, events_max, &entry);
        same = same && same_events(events, count, pair.events, pair.events_count);
        entries_after++;
        if (!same) failed("the clone differs", profile->name, seed, i);
    }
    spoil(clone, limits);
    free(events);
    pair_close(&pair);
    return same;
}

static void test_exchange_clone_answers_as_its_source_on_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_clone_streams");
    for (uint32_t i = 0; i < exchange_profiles_count(); i++)
        assert_true(same_on_profile(exchange_profile(i), seed + 1000 * i));
}

/* ---- With one ---- */

struct follow {
    struct tn_exchange_limits limits;
    struct tn_exchange *source, *clone;
    struct tn_event *events, *clone_events;
    uint32_t events_max;
};

/* The source is spoilt, the clone takes its place, and is cloned itself. */
static bool step_over(struct follow *follow, struct risk_stream *stream,
                      const struct tn_entry *entry)
{
    if (follow->clone != NULL) {
        if (tn_exchange_digest(follow->clone) != tn_exchange_digest(follow->source)) return false;
        tn_exchange_check(follow->clone);
        spoil(follow->source, &follow->limits);
        follow->source = follow->clone;
        stream->exchange = follow->source;
    }
    if (!source_is_untouched(follow->source, &follow->limits, follow->events, entry)) return false;
    follow->clone = tn_exchange_clone(room(&follow->limits), follow->source);
    clones++;
    return true;
}

static bool same_under_margin(uint64_t seed)
{
    static struct risk_stream stream;
    struct follow follow = {.clone = NULL};
    bool same = true;
    risk_stream_limits(&follow.limits);
    follow.events_max = tn_exchange_events_max(&follow.limits);
    follow.events = malloc(follow.events_max * sizeof *follow.events);
    follow.clone_events = malloc(follow.events_max * sizeof *follow.events);
    void *memory = room(&follow.limits);
    memset(memory, 0, tn_exchange_size(&follow.limits));
    follow.source = tn_exchange_init(memory, &follow.limits);
    risk_stream_start(&stream, follow.source, seed);
    for (uint32_t i = 0; same && i < ENTRIES; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        if (i % INTERVAL == INTERVAL - 1) same = step_over(&follow, &stream, &entry);
        uint32_t count = tn_exchange_apply(follow.source, follow.events, follow.events_max, &entry);
        if (follow.clone == NULL) continue;
        uint32_t clone_count =
            tn_exchange_apply(follow.clone, follow.clone_events, follow.events_max, &entry);
        same = same && same_events(follow.events, count, follow.clone_events, clone_count);
        entries_after++;
        if (!same) failed("the clone differs", "risk", seed, i);
    }
    spoil(follow.source, &follow.limits);
    spoil(follow.clone, &follow.limits);
    free(follow.events);
    free(follow.clone_events);
    return same;
}

static void test_exchange_clone_lives_on_without_its_source_under_margin(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_clone_streams");
    for (uint32_t run = 0; run < RISK_THEMES; run++)
        assert_true(same_under_margin(seed + run));
}

static void test_exchange_clones_were_made_and_used(void **state)
{
    (void)state;
    fprintf(stderr, "%" PRIu64 " clones, %" PRIu64 " entries after\n", clones, entries_after);
    assert_true(clones >= 20 && entries_after > 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_clone_answers_as_its_source_on_every_profile),
        cmocka_unit_test(test_exchange_clone_lives_on_without_its_source_under_margin),
        cmocka_unit_test(test_exchange_clones_were_made_and_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
