/* Random streams over every profile: the exchange and its naive twin give equal events after every
 * entry and equal digests. TENOR_NIGHTLY=1 runs many more; TENOR_PROFILE=name runs one profile, and
 * TENOR_SEED=n then begins with that very stream. */
#include "exchange_pair.h"
#include "exchange_stream.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Streams per profile in CI; a sanitizer's build is several times slower. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNS 1
#endif
#endif
#ifndef RUNS
#define RUNS 3
#endif

/* Runs one stream; false at the first difference, of which everything is printed. */
static bool same_stream(const struct exchange_profile *profile, uint64_t seed, uint32_t entries,
                        uint32_t digest_every)
{
    static struct exchange_stream stream;
    struct exchange_pair pair;
    pair_open(&pair, &profile->limits);
    pair.digest_every = digest_every;
    exchange_stream_start(&stream, profile, seed, pair.twin);
    bool same = true;
    for (uint32_t i = 0; i < entries && same; i++) {
        struct tn_entry entry;
        exchange_stream_next(&stream, &entry);
        same = pair_apply(&pair, &entry);
    }
    pair_close(&pair);
    if (!same) {
        fprintf(stderr,
                "profile %s, seed %" PRIu64 "; to repeat: TENOR_PROFILE=%s TENOR_SEED=%" PRIu64
                " test_exchange_streams\n",
                profile->name, seed, profile->name, seed);
    }
    return same;
}

static void test_exchange_and_twin_agree_on_random_streams_of_every_profile(void **state)
{
    (void)state;
    uint64_t seed = test_seed("test_exchange_streams");
    const char *only = getenv("TENOR_PROFILE");
    bool nightly = getenv("TENOR_NIGHTLY") != NULL;
    uint32_t runs = nightly ? 500 : RUNS;
    uint32_t differences = 0;
    for (uint32_t i = 0; i < exchange_profiles_count(); i++) {
        const struct exchange_profile *profile = exchange_profile(i);
        if (only != NULL && strcmp(only, profile->name) != 0) continue;
        for (uint32_t run = 0; run < runs; run++) {
            uint64_t first = seed + (only == NULL ? 1000 * i : 0);
            differences += !same_stream(profile, first + run, 4000, 1);
            if (differences > 0) break;
        }
    }
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_and_twin_agree_on_random_streams_of_every_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
