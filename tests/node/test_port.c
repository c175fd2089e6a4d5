/* The two rings between the node's thread and the gateway's: nothing is lost, reordered or torn;
 * what has no room is refused or told as a gap; a reader sleeps and is woken. The last tests have
 * two threads and are for ThreadSanitizer as well. */
#include "gateway/port.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SMALL = 1 << 16, MESSAGE_MAX = 5000 };

static void fill(uint8_t *bytes, size_t size, uint64_t tag)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(tag * 31 + i * 7);
}

static bool is_filled(const uint8_t *bytes, size_t size, uint64_t tag)
{
    uint8_t wanted[MESSAGE_MAX];
    fill(wanted, size, tag);
    return size == 0 || memcmp(bytes, wanted, size) == 0;
}

static size_t size_of(uint64_t tag)
{
    return (size_t)(tag * UINT64_C(2654435761) % MESSAGE_MAX);
}

static bool is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static void test_asks_arrive_whole_and_in_order_round_and_round(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    uint8_t bytes[MESSAGE_MAX];
    uint64_t asked = 0, taken = 0;
    assert_non_null(port);
    while (taken < 5000) {
        for (uint64_t i = 0; i < 1 + asked % 13; i++) {
            fill(bytes, size_of(asked), asked);
            if (!port_ask(port, PORT_FRAME, asked, bytes, size_of(asked))) break;
            asked++;
        }
        port_ask_flush(port);
        for (uint64_t i = 0; i < 1 + taken % 7 && port_next_ask(port, &message); i++) {
            assert_int_equal(message.kind, PORT_FRAME);
            assert_int_equal(message.tag, taken);
            assert_int_equal(message.size, size_of(taken));
            assert_int_equal((uintptr_t)message.bytes % 8, 0);
            assert_true(is_filled(message.bytes, message.size, taken));
            taken++;
        }
    }
    assert_true(port_counters(port).asks_refused > 0);
    assert_int_equal(port_counters(port).asks, asked);
    port_free(port);
}

static void test_a_full_ring_refuses_asks_until_there_is_room(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    uint8_t bytes[1008] = {0};
    uint32_t fitting = 0;
    while (port_ask(port, PORT_QUERY, 1, bytes, sizeof bytes))
        fitting++;
    port_ask_flush(port);
    assert_int_equal(fitting, SMALL / 1024);
    assert_true(port_next_ask(port, &message));
    assert_false(port_ask(port, PORT_QUERY, 1, bytes, sizeof bytes)); /* it is still looked at */
    assert_true(port_next_ask(port, &message));
    assert_true(port_ask(port, PORT_QUERY, 1, bytes, sizeof bytes));
    assert_int_equal(port_counters(port).asks_refused, 2);
    port_free(port);
}

static void test_a_message_above_a_quarter_of_the_ring_is_refused(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    uint8_t *bytes = calloc(1, SMALL);
    assert_false(port_ask(port, PORT_QUERY, 1, bytes, SMALL / 4 + 1));
    assert_false(port_next_ask(port, &message));
    assert_true(port_ask(port, PORT_QUERY, 1, bytes, SMALL / 4));
    assert_false(port_next_ask(port, &message)); /* not yet */
    port_ask_flush(port);
    assert_true(port_next_ask(port, &message));
    assert_int_equal(message.size, SMALL / 4);
    free(bytes);
    port_free(port);
}

static uint32_t next_kind(struct port *port)
{
    struct port_message message;
    port_tell_flush(port);
    return port_next_tell(port, &message) ? message.kind : 0;
}

static void test_steps_leave_room_for_answers_and_a_gap_stands_where_they_are_missing(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    uint8_t bytes[1008] = {0};
    uint32_t steps = 0;
    while (port_counters(port).tells_dropped == 0) {
        port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
        steps++;
    }
    assert_int_equal(steps - 1, SMALL / 1024 * 3 / 4);
    assert_int_equal(port_tell_room(port), 0);
    port_tell(port, PORT_ANSWER, 7, bytes, 100); /* has its own room */
    assert_int_equal(port_counters(port).tells_dropped, 1);
    for (uint32_t i = 0; i + 1 < steps; i++)
        assert_int_equal(next_kind(port), PORT_STEP);
    assert_int_equal(next_kind(port), PORT_ANSWER);
    assert_int_equal(next_kind(port), 0);
    port_tell(port, PORT_ANSWER, 8, bytes, 100);
    port_tell(port, PORT_STEP, 0, bytes, 100);
    port_tell(port, PORT_STEP, 0, bytes, 100);
    assert_int_equal(next_kind(port), PORT_ANSWER); /* none of them was lost */
    assert_int_equal(next_kind(port), PORT_GAP);
    assert_int_equal(next_kind(port), PORT_STEP);
    assert_int_equal(next_kind(port), PORT_STEP);
    assert_int_equal(port_counters(port).gaps, 1);
    port_free(port);
}

static void test_a_reader_that_is_too_slow_has_one_gap_until_half_is_free(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    uint8_t bytes[1008] = {0};
    while (port_counters(port).tells_dropped == 0)
        port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
    for (uint32_t i = 0; i < SMALL / 1024 / 4; i++) { /* a step is taken, a step is told */
        assert_int_equal(next_kind(port), PORT_STEP);
        port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
    }
    uint32_t gaps = 0, after = 0;
    for (uint32_t kind = next_kind(port); kind != 0; kind = next_kind(port)) {
        if (kind == PORT_GAP) gaps++;
        if (kind == PORT_STEP && gaps > 0) after++;
    }
    port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
    for (uint32_t kind = next_kind(port); kind != 0; kind = next_kind(port)) {
        if (kind == PORT_GAP) gaps++;
        if (kind == PORT_STEP && gaps > 0) after++;
    }
    assert_int_equal(gaps, 1);
    assert_true(after >= 1);
    port_free(port);
}

static void test_a_lost_answer_is_a_gap_before_the_next_answer(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    uint8_t bytes[1008] = {0};
    while (port_counters(port).tells_dropped == 0)
        port_tell(port, PORT_ANSWER, 1, bytes, sizeof bytes);
    while (next_kind(port) != 0) {
    }
    port_tell(port, PORT_ANSWER, 2, bytes, sizeof bytes);
    assert_int_equal(next_kind(port), PORT_GAP);
    assert_int_equal(next_kind(port), PORT_ANSWER);
    port_free(port);
}

static void test_pieces_stand_one_behind_the_other(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    const struct port_piece pieces[] = {{"head", 4}, {NULL, 0}, {"tail", 4}};
    port_tell_pieces(port, PORT_STEP, 3, pieces, 3);
    assert_false(port_next_tell(port, &message)); /* not yet */
    port_tell_flush(port);
    assert_true(port_next_tell(port, &message));
    assert_int_equal(message.size, 8);
    assert_memory_equal(message.bytes, "headtail", 8);
    assert_int_equal(message.tag, 3);
    port_free(port);
}

static void test_only_a_sleeping_reader_is_woken(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    assert_true(port_ask(port, PORT_SNAPSHOT, 0, NULL, 0));
    port_ask_flush(port);
    assert_false(is_readable(port_asks_fd(port)));
    assert_false(port_asks_sleep(port)); /* there is something to read */
    assert_true(port_next_ask(port, &message));
    assert_true(port_asks_sleep(port)); /* what it looks at is no news */
    assert_true(port_ask(port, PORT_SNAPSHOT, 0, NULL, 0));
    port_ask_flush(port);
    assert_true(is_readable(port_asks_fd(port)));
    port_asks_wake(port);
    assert_false(is_readable(port_asks_fd(port)));
    assert_true(port_next_ask(port, &message));
    assert_int_equal(port_counters(port).wakes, 1);
    port_free(port);
}

static void test_snapshots_that_nobody_took_are_freed(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    uint8_t bytes[1008] = {0};
    struct port_message message;
    port_tell_snapshot(port, calloc(1, sizeof(struct port_snapshot))); /* waits till the end */
    while (port_counters(port).tells_dropped == 0)
        port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
    port_tell_snapshot(port, calloc(1, sizeof(struct port_snapshot))); /* has no room */
    assert_int_equal(port_counters(port).tells_dropped, 2);
    port_tell_flush(port);
    assert_true(port_next_tell(port, &message));
    assert_int_equal(message.kind, PORT_SNAPSHOT_IS);
    struct port_snapshot *snapshot;
    memcpy(&snapshot, message.bytes, sizeof snapshot);
    free(snapshot);
    port_tell_snapshot(port, calloc(1, sizeof(struct port_snapshot)));
    port_free(port);
}

static size_t resident_pages(const uint8_t *first, size_t size)
{
    static uint8_t resident[1 << 13];
    size_t pages = 0;
    assert_true(size / 4096 <= sizeof resident);
    assert_int_equal(mincore((void *)(uintptr_t)first, size, resident), 0);
    for (size_t i = 0; i < size / 4096; i++)
        pages += resident[i] & 1;
    return pages;
}

/* The ring's memory, by the first message that lies in it. */
static const uint8_t *first_page(struct port *port)
{
    struct port_message message;
    const uint64_t word = 0;
    port_tell(port, PORT_STEP, 0, &word, sizeof word);
    port_tell_flush(port);
    assert_true(port_next_tell(port, &message));
    return (const uint8_t *)((uintptr_t)message.bytes & ~(uintptr_t)4095);
}

static void tell_and_read(struct port *port, uint32_t count)
{
    static uint8_t bytes[1 << 16];
    for (uint32_t i = 0; i < count; i++)
        port_tell(port, PORT_STEP, 0, bytes, sizeof bytes);
    while (next_kind(port) != 0) {
    }
}

/* Messages one at a time must not walk through a large ring, and a burst's pages must come back. */
static void test_an_empty_ring_starts_over_and_gives_its_pages_back(void **state)
{
    (void)state;
    const size_t size = 32 << 20;
    struct port *port = port_make(SMALL, size);
    const uint8_t *first = first_page(port);
    tell_and_read(port, 300);
    for (uint32_t i = 0; i < 2000; i++)
        tell_and_read(port, 1);
    assert_true(resident_pages(first, size) <= (2 << 20) / 4096);
    port_free(port);
}

static void test_a_ring_keeps_its_pages_while_bursts_go_on(void **state)
{
    (void)state;
    const size_t size = 32 << 20;
    struct port *port = port_make(SMALL, size);
    const uint8_t *first = first_page(port);
    for (uint32_t burst = 0; burst < 20; burst++) {
        tell_and_read(port, 300);
        for (uint32_t i = 0; i < 50; i++)
            tell_and_read(port, 1);
        assert_true(resident_pages(first, size) >= (16 << 20) / 4096);
    }
    port_free(port);
}

/* ---- Two threads -------------------------------------------------------------------------------
 */

enum { EXCHANGED = 60000 };

static void *answer_asks(void *context)
{
    struct port *port = context;
    struct port_message message;
    for (uint64_t taken = 0; taken < EXCHANGED;) {
        while (port_next_ask(port, &message)) {
            if (message.tag != taken || !is_filled(message.bytes, message.size, taken)) abort();
            port_tell(port, PORT_ANSWER, taken, message.bytes, message.size);
            taken++;
        }
        port_tell_flush(port);
        if (taken == EXCHANGED || !port_asks_sleep(port)) continue;
        struct pollfd polled = {.fd = port_asks_fd(port), .events = POLLIN};
        poll(&polled, 1, -1);
        port_asks_wake(port);
    }
    return NULL;
}

static void test_two_threads_that_sleep_lose_nothing_and_no_wake(void **state)
{
    (void)state;
    struct port *port = port_make(1 << 18, 1 << 20);
    struct port_message message;
    pthread_t thread;
    uint8_t bytes[MESSAGE_MAX];
    uint64_t asked = 0, answered = 0;
    assert_int_equal(pthread_create(&thread, NULL, answer_asks, port), 0);
    while (answered < EXCHANGED) {
        while (asked < EXCHANGED && asked - answered < 64) {
            size_t size = size_of(asked) / 8;
            fill(bytes, size, asked);
            if (!port_ask(port, PORT_FRAME, asked, bytes, size)) break;
            asked++;
        }
        port_ask_flush(port);
        while (port_next_tell(port, &message)) {
            assert_int_equal(message.tag, answered);
            assert_true(is_filled(message.bytes, message.size, answered));
            answered++;
        }
        if (answered == asked || !port_tells_sleep(port)) continue;
        struct pollfd polled = {.fd = port_tells_fd(port), .events = POLLIN};
        assert_int_equal(poll(&polled, 1, 20000), 1); /* else a wake was lost */
        port_tells_wake(port);
    }
    pthread_join(thread, NULL);
    assert_int_equal(port_counters(port).tells_dropped, 0);
    port_free(port);
}

static void *tell_steps(void *context)
{
    struct port *port = context;
    uint8_t bytes[MESSAGE_MAX];
    for (uint64_t i = 0; i < EXCHANGED; i++) {
        size_t size = size_of(i) / 16;
        fill(bytes, size, i);
        port_tell(port, PORT_STEP, i, bytes, size);
        if (i % 8 == 0) port_tell_flush(port);
    }
    port_tell_flush(port);
    for (struct timespec a_while = {.tv_nsec = 1000000}; port_tell_room(port) < SMALL / 2;)
        nanosleep(&a_while, NULL);
    port_tell(port, PORT_BLOCK, EXCHANGED, NULL, 0);
    port_tell_flush(port);
    return NULL;
}

static void test_what_is_told_over_a_slow_reader_is_there_or_is_a_gap(void **state)
{
    (void)state;
    struct port *port = port_make(SMALL, SMALL);
    struct port_message message;
    pthread_t thread;
    uint64_t expected = 0, lost = 0;
    bool is_gap = false, is_done = false;
    assert_int_equal(pthread_create(&thread, NULL, tell_steps, port), 0);
    while (!is_done) {
        while (port_next_tell(port, &message)) {
            if (message.kind == PORT_GAP) {
                is_gap = true;
                continue;
            }
            assert_true(message.tag == expected || (is_gap && message.tag > expected));
            assert_true(is_filled(message.bytes, message.size, message.tag));
            lost += message.tag - expected;
            expected = message.tag + 1;
            is_gap = false;
            is_done = message.kind == PORT_BLOCK;
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(port_counters(port).tells_dropped, lost);
    assert_int_equal(port_counters(port).tells - port_counters(port).gaps + lost, EXCHANGED + 1);
    port_free(port);
}

static void test_greeks_are_those_of_pricing(void **state)
{
    (void)state;
    const struct tn_series_terms terms = {
        .underlying = 1, .kind = TN_PUT, .expiry_day = 2500, .strike = 600000000};
    struct port_mark mark = {.mark_micros = 5,
                             .forward_micros = INT64_C(60000000000),
                             .vol_ppm = 600000,
                             .left_ms = 30 * TN_MS_PER_DAY,
                             .rate_ppb = 40000000};
    const struct tn_option option = {.forward_micros = INT64_C(60000000000),
                                     .strike_micros = INT64_C(60000000000),
                                     .vol_ppb = 600000000,
                                     .left_ms = 30 * TN_MS_PER_DAY,
                                     .rate_ppb = 40000000,
                                     .is_put = 1};
    struct tn_greeks wanted, found;
    assert_true(tn_series_pack(&mark.series_id, &terms));
    tn_pricing_greeks(&wanted, &option);
    port_greeks(&found, &mark);
    assert_memory_equal(&found, &wanted, sizeof found);
    assert_true(found.delta_ppb < -300000000 && found.gamma_e12 > 0 && found.theta_micros < 0);
    mark.series_id = UINT64_C(1) << 53; /* a perpetual */
    port_greeks(&found, &mark);
    assert_int_equal(found.delta_ppb, 1000000000);
    assert_int_equal(found.gamma_e12, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_arrive_whole_and_in_order_round_and_round),
        cmocka_unit_test(test_a_full_ring_refuses_asks_until_there_is_room),
        cmocka_unit_test(test_a_message_above_a_quarter_of_the_ring_is_refused),
        cmocka_unit_test(test_steps_leave_room_for_answers_and_a_gap_stands_where_they_are_missing),
        cmocka_unit_test(test_a_reader_that_is_too_slow_has_one_gap_until_half_is_free),
        cmocka_unit_test(test_a_lost_answer_is_a_gap_before_the_next_answer),
        cmocka_unit_test(test_pieces_stand_one_behind_the_other),
        cmocka_unit_test(test_only_a_sleeping_reader_is_woken),
        cmocka_unit_test(test_snapshots_that_nobody_took_are_freed),
        cmocka_unit_test(test_an_empty_ring_starts_over_and_gives_its_pages_back),
        cmocka_unit_test(test_a_ring_keeps_its_pages_while_bursts_go_on),
        cmocka_unit_test(test_two_threads_that_sleep_lose_nothing_and_no_wake),
        cmocka_unit_test(test_what_is_told_over_a_slow_reader_is_there_or_is_a_gap),
        cmocka_unit_test(test_greeks_are_those_of_pricing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
