/* The mirror of market data under random streams, with and without a margin engine: after every
 * entry its books are the exchange's own, order by order; after every block what clients keep from
 * the messages (levels at several depths, orders, best prices, trades, status) is so too, for those
 * who read slowly once they have caught up, and after gaps. TENOR_NIGHTLY=1 runs many more;
 * TENOR_PROFILE=name runs one profile ("risk" is that of risk_stream), and TENOR_SEED=n then begins
 * with that very stream. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "feed_world.h"
#include "risk_stream.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Streams in CI; a sanitizer's build is several times slower. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RISK_RUNS 1
#define ENTRIES   600
#endif
#endif
#ifndef RISK_RUNS
#define RISK_RUNS 6
#define ENTRIES   2000
#endif

static struct totals {
    uint64_t steps, blocks, sent, refused, crcs, gaps, trades;
} totals;

static void add_totals(const struct feed_world *world)
{
    totals.steps += world->steps;
    totals.blocks += world->height;
    totals.sent += world->sent;
    totals.refused += world->refused;
    totals.trades += world->trades;
    for (uint32_t i = 0; i < WORLD_CLIENTS; i++) {
        totals.crcs += world->clients[i].keeper.crcs;
        totals.gaps += world->clients[i].keeper.gaps;
    }
}

/* After an entry: a step, and now and then the end of a block. */
static bool follow(struct feed_world *world, uint64_t *random, const struct tn_event *events,
                   uint32_t count)
{
    if (!feed_world_step(world, events, count)) {
        for (uint32_t i = 0; i < count; i++)
            show_event(stderr, &events[i]);
        return false;
    }
    uint64_t chance = tn_random_below(random, 64);
    if (chance == 0) return feed_world_settle(world);
    return chance > 12 || feed_world_block(world);
}

static bool end_run(struct feed_world *world, const char *profile, uint64_t seed, bool good)
{
    good = good && feed_world_settle(world);
    if (!good) {
        fprintf(stderr,
                "%s\nprofile %s, seed %" PRIu64 "; to repeat: TENOR_PROFILE=%s TENOR_SEED=%" PRIu64
                " test_book_mirror\n",
                world->fault, profile, seed, profile, seed);
    }
    add_totals(world);
    feed_world_close(world);
    return good;
}

static bool run_profile(const struct exchange_profile *profile, uint64_t seed)
{
    static struct exchange_stream stream;
    static struct feed_world world;
    struct exchange_pair pair;
    uint64_t random = seed;
    pair_open(&pair, &profile->limits);
    pair.digest_every = 1000;
    pair.check_every = 100000;
    exchange_stream_start(&stream, profile, seed, pair.twin);
    feed_world_open(&world, pair.exchange, &profile->limits, seed);
    bool good = true;
    for (uint32_t i = 0; i < ENTRIES && good; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        good = pair_apply(&pair, &entry) && follow(&world, &random, pair.events, pair.events_count);
    }
    good = end_run(&world, profile->name, seed, good);
    pair_close(&pair);
    return good;
}

static bool run_risk(uint64_t seed)
{
    static struct risk_stream stream;
    static struct feed_world world;
    struct tn_exchange_limits limits;
    uint64_t random = seed;
    risk_stream_limits(&limits);
    size_t size = tn_align(tn_exchange_size(&limits));
    void *memory = aligned_alloc(64, size);
    uint32_t events_max = tn_exchange_events_max(&limits);
    struct tn_event *events = malloc(events_max * sizeof *events);
    TN_ASSERT(memory != NULL && events != NULL);
    memset(memory, 0, size);
    struct tn_exchange *exchange = tn_exchange_init(memory, &limits);
    risk_stream_start(&stream, exchange, seed);
    feed_world_open(&world, exchange, &limits, seed);
    bool good = true;
    for (uint32_t i = 0; i < 3 * ENTRIES && good; i++) {
        struct tn_entry entry;
        risk_stream_next(&stream, &entry);
        uint32_t count = tn_exchange_apply(exchange, events, events_max, &entry);
        good = follow(&world, &random, events, count);
    }
    good = end_run(&world, "risk", seed, good);
    free(events);
    free(memory);
    return good;
}

static void test_mirror_and_clients_hold_the_exchanges_books_on_random_streams(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_book_mirror");
    const char *only = getenv("TENOR_PROFILE");
    uint32_t more = getenv("TENOR_NIGHTLY") != NULL ? 100 : 1;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        if (only != NULL && strcmp(only, profile->name) != 0) continue;
        for (uint32_t run = 0; run < more; run++)
            assert_true(run_profile(profile, seed + run + (only == NULL ? 1000 * i : 0)));
    }
    for (uint32_t run = 0; run < RISK_RUNS * more; run++) {
        if (only == NULL || strcmp(only, "risk") == 0) assert_true(run_risk(seed + run));
    }
    fprintf(stderr,
            "%" PRIu64 " steps, %" PRIu64 " blocks, %" PRIu64 " messages, %" PRIu64
            " owed, %" PRIu64 " CRCs, %" PRIu64 " channels ended, %" PRIu64 " lots traded\n",
            totals.steps, totals.blocks, totals.sent, totals.refused, totals.crcs, totals.gaps,
            totals.trades);
    if (only != NULL) return;
    assert_true(totals.refused > 1000 && totals.crcs > 1000 && totals.gaps > 0);
    assert_true(totals.trades > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror_and_clients_hold_the_exchanges_books_on_random_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
