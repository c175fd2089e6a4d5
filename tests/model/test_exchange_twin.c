/* The twin alone, on random streams: money is conserved, positions sum to zero, no book at rest is
 * crossed, limits hold; and the streams reach every reject, event and reason that entries can
 * cause, so that no feature drops out of the comparison unnoticed. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "seed.h"
#include "twin_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS_MAX 65536
#define REJECTS    2000

struct seen {
    uint64_t rejects[REJECTS];
    uint64_t kinds[TN_EVENT_UNCROSSED + 1];
    uint64_t reasons[TN_REASON_AUCTION + 1];
    uint64_t flags[TN_EVENT_UNCROSSED + 1][8];
    uint64_t duplicates, jobs, trigger_rejects, reduced_by_stp, clipped, no_price;
};

static void look(struct seen *seen, const struct tn_event *event)
{
    seen->rejects[event->reject]++;
    seen->kinds[event->kind]++;
    seen->reasons[event->reason]++;
    for (uint32_t i = 0; i < 8; i++)
        seen->flags[event->kind][i] += event->flags >> i & 1;
    seen->duplicates += event->duplicate;
    if (event->kind == TN_EVENT_RESULT && event->remaining == 1 && event->order_id == 0) {
        seen->jobs++;
    }
    if (event->reason == TN_REASON_TRIGGER) seen->trigger_rejects++;
    if (event->kind == TN_EVENT_REDUCED) {
        seen->reduced_by_stp += event->reason == TN_REASON_SELF_TRADE;
        seen->clipped += event->reason == TN_REASON_REDUCE_ONLY;
    }
    if (event->kind == TN_EVENT_UNCROSSED && event->price == 0) seen->no_price++;
}

static void run(const struct exchange_profile *profile, uint64_t seed, uint32_t entries,
                struct seen *seen)
{
    static struct tn_event events[EVENTS_MAX];
    static struct exchange_stream stream;
    struct twin *twin = twin_new(&profile->limits);
    exchange_stream_start(&stream, profile, seed, twin);
    for (uint32_t i = 0; i < entries; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        uint32_t count = twin_apply(twin, events, EVENTS_MAX, &entry);
        for (uint32_t j = 0; j < count; j++)
            look(seen, &events[j]);
        if (i % 16 == 0) twin_check(twin);
    }
    twin_check(twin);
    twin_free(twin);
}

static bool reachable(int number)
{
    if (number >= TN_REJECT_RISK_OFF) return false; /* markets with a margin engine: test_risk_* */
    switch (number) {
        case TN_REJECT_TRANSFERS_FULL: /* a lone exchange knows no other market */
        case TN_REJECT_BOOK_UNKNOWN:   /* book.h alone */
        case TN_REJECT_ORDER_ID_TAKEN: /* book.h alone: the exchange gives the ids */
        case TN_REJECT_BOOK_BUSY: /* book.h alone */ return false;
        default: return true;
    }
}

static uint32_t missing(const struct seen *seen)
{
    uint32_t count = 0;
#define X(name, number, text)                                                                      \
    if (seen->rejects[number] == 0 && reachable(number)) {                                         \
        fprintf(stderr, "never seen: reject " #name "\n");                                         \
        count++;                                                                                   \
    }
    TN_REJECT_TABLE(X)
#undef X
    for (uint32_t i = 1; i <= TN_EVENT_UNCROSSED; i++) {
        if (seen->kinds[i] != 0) continue;
        fprintf(stderr, "never seen: event kind %u\n", i);
        count++;
    }
    for (uint32_t i = 1; i <= TN_REASON_AUCTION; i++) {
        if (seen->reasons[i] != 0) continue;
        fprintf(stderr, "never seen: reason %u\n", i);
        count++;
    }
    const struct {
        const char *what;
        uint64_t times;
    } features[] = {
        {"a stop accepted", seen->flags[TN_EVENT_ACCEPTED][0]},
        {"a replace that kept its place", seen->flags[TN_EVENT_REPLACED][1]},
        {"a quote that kept its place", seen->flags[TN_EVENT_QUOTED][1]},
        {"a trade of a package", seen->flags[TN_EVENT_TRADE][2]},
        {"a block trade", seen->flags[TN_EVENT_TRADE][3]},
        {"a trade in an auction", seen->flags[TN_EVENT_TRADE][4]},
        {"an auction repeated", seen->flags[TN_EVENT_UNCROSSED][5]},
        {"an auction without a price", seen->no_price},
        {"a first result repeated", seen->duplicates},
        {"a mass cancel that goes on in sweeps", seen->jobs},
        {"a stop refused when it triggered", seen->trigger_rejects},
        {"a decrement by self-trade prevention", seen->reduced_by_stp},
        {"a reduce-only order clipped", seen->clipped},
    };
    for (uint32_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        if (features[i].times != 0) continue;
        fprintf(stderr, "never seen: %s\n", features[i].what);
        count++;
    }
    return count;
}

static void test_twin_keeps_the_invariants_and_streams_reach_every_reject_event_and_reason(
    void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_exchange_twin");
    uint32_t entries = getenv("TENOR_NIGHTLY") != NULL ? 80000 : 8000;
    struct seen seen = {0};
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        run(exchange_profile(i), seed + i, entries, &seen);
    }
    if (getenv("TENOR_VERBOSE") != NULL) {
        for (uint32_t i = 0; i < REJECTS; i++) {
            if (seen.rejects[i]) {
                fprintf(stderr, "%8llu %s\n", (unsigned long long)seen.rejects[i],
                        tn_reject_name((enum tn_reject)i));
            }
        }
    }
    assert_int_equal(missing(&seen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_twin_keeps_the_invariants_and_streams_reach_every_reject_event_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
