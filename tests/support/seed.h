/* The seed of a random test: TENOR_SEED when it is set, else always the same one, so that CI is
 * repeatable. It is printed, with how to repeat the run, and shown by CTest when the test fails. */
#ifndef TENOR_TEST_SEED_H
#define TENOR_TEST_SEED_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t test_seed(const char *program)
{
    const char *text = getenv("TENOR_SEED");
    uint64_t seed = text == NULL ? UINT64_C(20260101) : strtoull(text, NULL, 0);
    fprintf(stderr, "seed %" PRIu64 "; to repeat: TENOR_SEED=%" PRIu64 " %s\n", seed, seed,
            program);
    return seed;
}

#endif
