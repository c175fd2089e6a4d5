/* Events as bytes and back, with random numbers in every field. TENOR_SEED repeats a run. */
#include "tenor/stream.h"

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint64_t seed;

static void random_bytes(uint64_t *random, void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)tn_random_next(random);
}

static void test_stream_reads_every_event_as_it_was_written(void **state)
{
    uint64_t random = seed;
    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        struct tn_event event, read;
        uint8_t bytes[TN_EVENT_BYTES];
        random_bytes(&random, &event, sizeof(event));
        event.kind = (uint8_t)(1 + tn_random_below(&random, TN_EVENT_REMITTED));
        tn_stream_write_event(bytes, &event);
        assert_true(tn_stream_read_event(&read, bytes));
        assert_memory_equal(&read, &event, sizeof(event));
    }
}

static void test_stream_writes_event_bytes_that_it_reads_as_they_were(void **state)
{
    uint64_t random = seed;
    uint32_t reads = 0;
    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        struct tn_event event;
        uint8_t bytes[TN_EVENT_BYTES], again[TN_EVENT_BYTES];
        random_bytes(&random, bytes, sizeof(bytes));
        bool is_read = tn_stream_read_event(&event, bytes);
        assert_int_equal(is_read, bytes[0] >= TN_EVENT_RESULT && bytes[0] <= TN_EVENT_REMITTED);
        if (!is_read) continue;
        reads++;
        tn_stream_write_event(again, &event);
        assert_memory_equal(again, bytes, sizeof(bytes));
    }
    assert_true(reads > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_reads_every_event_as_it_was_written),
        cmocka_unit_test(test_stream_writes_event_bytes_that_it_reads_as_they_were),
    };
    seed = test_seed("test_stream_events");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
