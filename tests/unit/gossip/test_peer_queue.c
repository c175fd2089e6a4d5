/* One peer's queue gives urgent classes first and starves none; a meter holds a peer to its rates.
 */
#include "tenor/peer_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../support/seed.h"

static const struct tn_peer_queue_limits small_limits = {.ring_bytes = {400, 400, 400, 400, 400},
                                                         .quantum = {100, 100, 50, 50, 20}};

static struct tn_peer_queue *make_queue(const struct tn_peer_queue_limits *limits)
{
    size_t size = tn_peer_queue_size(limits);
    assert_true(size > 0);
    void *memory = aligned_alloc(64, tn_align(size));
    assert_non_null(memory);
    memset(memory, 0xa5, size); /* of any content */
    return tn_peer_queue_init(memory, limits);
}

static bool put(struct tn_peer_queue *queue, enum tn_priority priority, uint8_t value, size_t size)
{
    uint8_t bytes[512];
    memset(bytes, value, sizeof(bytes));
    return tn_peer_queue_put(queue, priority, bytes, size);
}

/* Takes the next message, whose class and bytes are as put; returns its value. */
static uint8_t next(struct tn_peer_queue *queue, enum tn_priority *priority, size_t *size)
{
    const uint8_t *bytes, *again;
    assert_true(tn_peer_queue_peek(queue, &bytes, size, priority));
    assert_true(tn_peer_queue_peek(queue, &again, size, priority));
    assert_ptr_equal(bytes, again);
    uint8_t value = bytes[0];
    for (size_t i = 1; i < *size; i++)
        assert_int_equal(bytes[i], value);
    tn_peer_queue_pop(queue);
    return value;
}

static void test_peer_queue_gives_urgent_classes_first_and_each_in_order(void **state)
{
    (void)state;
    struct tn_peer_queue *queue = make_queue(&small_limits);
    enum tn_priority priority;
    size_t size;
    for (uint8_t i = 0; i < TN_PRIORITIES; i++) {
        enum tn_priority class = (enum tn_priority)(TN_PRIORITIES - 1 - i);
        assert_true(put(queue, class, (uint8_t)(2 * class), 8));
        assert_true(put(queue, class, (uint8_t)(2 * class + 1), 9));
    }
    for (uint8_t i = 0; i < 2 * TN_PRIORITIES; i++) {
        assert_int_equal(next(queue, &priority, &size), i);
        assert_int_equal(priority, i / 2);
        assert_int_equal(size, 8 + i % 2);
    }
    const uint8_t *bytes;
    assert_false(tn_peer_queue_peek(queue, &bytes, &size, &priority));
    free(queue);
}

static void test_peer_queue_starves_no_class_behind_a_flood(void **state)
{
    (void)state;
    struct tn_peer_queue *queue = make_queue(&small_limits);
    uint64_t given[TN_PRIORITIES] = {0};
    enum tn_priority priority;
    size_t size;
    for (uint32_t turn = 0; turn < 3000; turn++) {
        for (uint32_t class = 0; class < TN_PRIORITIES; class ++)
            put(queue, (enum tn_priority) class, (uint8_t)turn, 30); /* all of them always full */
        next(queue, &priority, &size);
        given[priority] += size;
    }
    for (uint32_t class = 0; class < TN_PRIORITIES; class ++) {
        uint64_t share = UINT64_C(90000) * small_limits.quantum[class] / 320;
        assert_true(given[class] > share * 9 / 10 && given[class] < share * 11 / 10);
    }
    free(queue);
}

static void test_peer_queue_drops_and_counts_what_does_not_fit_its_class(void **state)
{
    (void)state;
    struct tn_peer_queue *queue = make_queue(&small_limits);
    const struct tn_peer_queue_state *counts = tn_peer_queue_state(queue);
    assert_true(put(queue, TN_PRIORITY_VOTE, 1, 396)); /* the whole ring */
    assert_false(put(queue, TN_PRIORITY_VOTE, 2, 1));
    assert_true(put(queue, TN_PRIORITY_CERT, 3, 100)); /* another class has its own */
    assert_false(put(queue, TN_PRIORITY_CERT, 3, 397));
    assert_int_equal(counts->drops[TN_PRIORITY_VOTE], 1);
    assert_int_equal(counts->drop_bytes[TN_PRIORITY_CERT], 397);
    assert_int_equal(counts->count[TN_PRIORITY_VOTE], 1);
    assert_int_equal(counts->bytes[TN_PRIORITY_VOTE], 396);
    tn_peer_queue_clear(queue);
    assert_int_equal(counts->count[TN_PRIORITY_VOTE], 0);
    assert_int_equal(counts->drops[TN_PRIORITY_VOTE], 1);
    assert_true(put(queue, TN_PRIORITY_VOTE, 1, 396));
    free(queue);
}

/* Against a plain list for each class, over many turns of the rings. */
static void test_peer_queue_loses_and_mixes_nothing(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_peer_queue");
    struct tn_peer_queue *queue = make_queue(&small_limits);
    struct {
        uint8_t values[128];
        size_t sizes[128];
        uint32_t first, last;
    } lists[TN_PRIORITIES] = {0};
    uint32_t waiting = 0, dropped = 0;
    for (uint32_t turn = 0; turn < 50000; turn++) {
        uint32_t class = (uint32_t)tn_random_below(&random, TN_PRIORITIES);
        size_t size = 1 + tn_random_below(&random, turn % 7 == 0 ? 390 : 60);
        if (tn_random_below(&random, 2) == 0) {
            if (put(queue, (enum tn_priority) class, (uint8_t)turn, size)) {
                lists[class].values[lists[class].last % 128] = (uint8_t)turn;
                lists[class].sizes[lists[class].last++ % 128] = size;
                waiting++;
            } else {
                dropped++;
            }
        } else if (waiting > 0) {
            enum tn_priority priority;
            uint8_t value = next(queue, &priority, &size);
            assert_true(lists[priority].first < lists[priority].last);
            assert_int_equal(value, lists[priority].values[lists[priority].first % 128]);
            assert_int_equal(size, lists[priority].sizes[lists[priority].first++ % 128]);
            waiting--;
        }
    }
    assert_true(dropped > 100);
    free(queue);
}

static void test_peer_queue_limits_take_the_largest_message_of_each_kind(void **state)
{
    (void)state;
    struct tn_peer_queue_limits limits = TN_PEER_QUEUE_LIMITS;
    for (uint32_t kind = 0; kind < 256; kind++) {
        uint32_t most = tn_peer_bytes_max((uint8_t)kind);
        assert_true(most + 4 <= limits.ring_bytes[tn_peer_priority((uint8_t)kind)]);
    }
    limits.quantum[2] = 0;
    assert_int_equal(tn_peer_queue_size(&limits), 0);
}

static void test_peer_bucket_refills_at_its_rate_up_to_its_burst(void **state)
{
    (void)state;
    struct tn_peer_rate rate = {.rate = 50, .burst = 10};
    struct tn_peer_bucket bucket;
    tn_peer_bucket_init(&bucket, &rate, 1000);
    assert_false(tn_peer_bucket_take(&bucket, &rate, 11, 1000));
    assert_true(tn_peer_bucket_take(&bucket, &rate, 10, 1000));
    assert_false(tn_peer_bucket_take(&bucket, &rate, 1, 1000 + 19999));
    assert_true(tn_peer_bucket_take(&bucket, &rate, 1, 1000 + 20000));
    assert_false(
        tn_peer_bucket_take(&bucket, &rate, 1, 500)); /* time that goes back gives nothing */
    assert_true(tn_peer_bucket_take(&bucket, &rate, 10, INT64_MAX));
    assert_false(tn_peer_bucket_take(&bucket, &rate, 1, INT64_MAX));
}

static void test_peer_meter_holds_a_peer_to_its_rates_by_class(void **state)
{
    (void)state;
    struct tn_peer_meter_limits limits = TN_PEER_METER_LIMITS;
    limits.messages[TN_PRIORITY_VOTE] = (struct tn_peer_rate){100, 100};
    limits.bytes[TN_PRIORITY_BATCH] = (struct tn_peer_rate){1000, 1000};
    struct tn_peer_meter meter;
    uint8_t message[600] = {TN_PEER_VOTE};
    tn_peer_meter_init(&meter, &limits, 0);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(tn_peer_meter_take(&meter, message, 100, 0), TN_PEER_METER_OK);
    assert_int_equal(tn_peer_meter_take(&meter, message, 100, 0), TN_PEER_METER_OVER);
    assert_int_equal(meter.over[TN_PRIORITY_VOTE], 1);
    message[0] = TN_PEER_CERT;
    assert_int_equal(tn_peer_meter_take(&meter, message, 100, 0), TN_PEER_METER_OK);
    message[0] = TN_PEER_BATCH;
    assert_int_equal(tn_peer_meter_take(&meter, message, 600, 0), TN_PEER_METER_OK);
    assert_int_equal(tn_peer_meter_take(&meter, message, 600, 0), TN_PEER_METER_OVER);
    assert_int_equal(tn_peer_meter_take(&meter, message, 600, 200000), TN_PEER_METER_OK);
}

static void test_peer_meter_answers_fetches_at_fifty_a_second(void **state)
{
    (void)state;
    struct tn_peer_meter_limits limits = TN_PEER_METER_LIMITS;
    struct tn_peer_meter meter;
    const uint8_t kinds[] = {TN_PEER_FETCH, TN_PEER_BATCH_FETCH, TN_PEER_SYNC_FETCH};
    uint8_t message[20] = {0};
    uint32_t taken = 0;
    tn_peer_meter_init(&meter, &limits, 0);
    for (uint32_t i = 0; i < 10000; i++) { /* a thousand a second, ten seconds */
        message[0] = kinds[i % 3];
        taken += tn_peer_meter_take(&meter, message, sizeof(message), i * 1000) == TN_PEER_METER_OK;
    }
    assert_in_range(taken, 599, 600);
}

static void test_peer_meter_refuses_unknown_kinds_and_sizes_over_the_cap(void **state)
{
    (void)state;
    struct tn_peer_meter_limits limits = TN_PEER_METER_LIMITS;
    struct tn_peer_meter meter;
    uint8_t message[400] = {0};
    tn_peer_meter_init(&meter, &limits, 0);
    assert_int_equal(tn_peer_meter_take(&meter, message, 1, 0), TN_PEER_METER_UNKNOWN);
    message[0] = TN_PEER_VOTE;
    assert_int_equal(tn_peer_meter_take(&meter, message, 0, 0), TN_PEER_METER_UNKNOWN);
    assert_int_equal(tn_peer_meter_take(&meter, message, 257, 0), TN_PEER_METER_UNKNOWN);
    assert_int_equal(tn_peer_meter_take(&meter, message, 256, 0), TN_PEER_METER_OK);
    assert_int_equal(meter.unknown, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_queue_gives_urgent_classes_first_and_each_in_order),
        cmocka_unit_test(test_peer_queue_starves_no_class_behind_a_flood),
        cmocka_unit_test(test_peer_queue_drops_and_counts_what_does_not_fit_its_class),
        cmocka_unit_test(test_peer_queue_loses_and_mixes_nothing),
        cmocka_unit_test(test_peer_queue_limits_take_the_largest_message_of_each_kind),
        cmocka_unit_test(test_peer_bucket_refills_at_its_rate_up_to_its_burst),
        cmocka_unit_test(test_peer_meter_holds_a_peer_to_its_rates_by_class),
        cmocka_unit_test(test_peer_meter_answers_fetches_at_fifty_a_second),
        cmocka_unit_test(test_peer_meter_refuses_unknown_kinds_and_sizes_over_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
