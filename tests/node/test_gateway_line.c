/* Frames whose signatures several threads check: their order, and what becomes of them when their
 * connection ends before their turn comes. */
#include "gateway/checkers.h"
#include "gateway_case.h"

#include "tenor/stream.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FRAMES = 300, BURST_BYTES = 1 << 17 };

static struct case_frame frame;

/* ---- Bursts: many messages, written at once ----------------------------------------------------
 */

struct burst {
    uint8_t bytes[BURST_BYTES];
    size_t size;
};

static void burst_add(struct burst *burst, Tenor__V1__ToNode *message)
{
    size_t size =
        wire_write_to_node(burst->bytes + burst->size, BURST_BYTES - burst->size, message);
    assert_true(size > 0 && size <= BURST_BYTES - burst->size);
    burst->size += size;
}

static bool is_bad(uint64_t nonce)
{
    return nonce % 47 == 5;
}

/* Orders, cancels among them, and some that are not signed. */
static void burst_add_frames(struct burst *burst, struct gateway_case *test, uint64_t first_nonce,
                             uint64_t count)
{
    for (uint64_t nonce = first_nonce; nonce < first_nonce + count; nonce++) {
        Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
        if (nonce % 5 == 3) {
            frame_cancel(test, &frame, nonce);
        } else {
            frame_place(test, &frame, nonce);
        }
        frame.signature[40] ^= (uint8_t)is_bad(nonce);
        message.request = nonce;
        message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
        message.frame = &frame.message;
        burst_add(burst, &message);
    }
}

/* The nonce of the next frame at the node. */
static uint64_t next_nonce(struct gateway_case *test)
{
    static struct tn_stream_scratch scratch;
    struct tn_stream_fault fault;
    struct tn_frame read;
    struct port_message ask = node_ask(test, PORT_FRAME);
    assert_true(tn_stream_read_payload(&read, &fault, &scratch, ask.bytes + 6,
                                       ask.size - 6 - TN_SIGNATURE_SIZE));
    return read.nonce;
}

static uint64_t next_good(uint64_t nonce)
{
    do {
        nonce++;
    } while (is_bad(nonce));
    return nonce;
}

static uint64_t count_bad(uint64_t first_nonce)
{
    uint64_t count = 0;
    for (uint64_t nonce = first_nonce; nonce < first_nonce + FRAMES; nonce++)
        count += is_bad(nonce);
    return count;
}

/* ---- Order -------------------------------------------------------------------------------------
 */

static void order_with(uint64_t threads)
{
    enum { CLIENTS = 2 };
    const uint64_t first[CLIENTS] = {1000, 5000};
    struct burst *bursts = calloc(CLIENTS, sizeof *bursts);
    struct case_client *clients[CLIENTS];
    uint64_t last[CLIENTS], passed = 0, bad = 0;
    struct gateway_case test;
    assert_non_null(bursts);
    case_prepare(&test);
    test.options.limits.signature_threads = threads;
    case_start(&test);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
        burst_add_frames(&bursts[i], &test, first[i], FRAMES);
        last[i] = first[i] - 1;
        bad += count_bad(first[i]);
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_write(clients[i], bursts[i].bytes, bursts[i].size);
    for (; passed < CLIENTS * FRAMES - bad; passed++) {
        uint64_t nonce = next_nonce(&test);
        uint32_t whose = nonce >= first[1];
        assert_int_equal(nonce, next_good(last[whose]));
        last[whose] = nonce;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint64_t nonce = first[i]; nonce < first[i] + FRAMES; nonce++) {
            if (is_bad(nonce)) client_expect_error(clients[i], nonce, TN_REJECT_SIGNATURE_BAD);
        }
    }
    case_wait_counter(&test, checking, 0);
    assert_int_equal(case_count(&test, frames), passed);
    assert_int_equal(case_count(&test, frames_unsigned), bad);
    assert_int_equal(case_count(&test, checked_here) + case_count(&test, checked_by_threads),
                     CLIENTS * FRAMES);
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_close(clients[i]);
    case_end(&test);
    free(bursts);
}

static void test_line_keeps_the_order_of_each_connection_with_threads(void **state)
{
    (void)state;
    order_with(3);
}

static void test_line_keeps_the_order_of_each_connection_as_the_machine_likes(void **state)
{
    (void)state;
    order_with(0);
}

/* ---- Ends --------------------------------------------------------------------------------------
 */

static void test_line_passes_on_what_was_said_before_a_logoff(void **state)
{
    struct gateway_case test;
    struct burst *burst = calloc(1, sizeof *burst);
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logoff logoff = TENOR__V1__LOGOFF__INIT;
    (void)state;
    assert_non_null(burst);
    case_prepare(&test);
    test.options.limits.signature_threads = 2;
    case_start(&test);
    struct case_client *client = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    burst_add_frames(burst, &test, 1000, FRAMES);
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGOFF;
    message.logoff = &logoff;
    burst_add(burst, &message);
    client_write(client, burst->bytes, burst->size);
    for (uint64_t nonce = next_good(999); nonce < 1000 + FRAMES; nonce = next_good(nonce))
        assert_int_equal(next_nonce(&test), nonce);
    while (client_next(client) != NULL) {
    }
    case_wait_counter(&test, logoffs, 1);
    client_close(client);
    case_end(&test);
    free(burst);
}

/* A thread for checks stays at its first one until the test lets it go on, and the gateway's own
 * checks no frame before that: so there is one that it cannot pass. */
static struct stall {
    struct tn_signatures real;
    pthread_t gateway; /* its thread checks logons itself */
    _Atomic uint32_t checks;
    sem_t entered, open;
} stall;

/* Once open, for ever open. */
static void pass_gate(sem_t *gate)
{
    while (sem_wait(gate) != 0) {
    }
    sem_post(gate);
}

static bool verify_stalled(void *context, const struct tn_hash *digest,
                           const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    (void)context;
    uint32_t before = atomic_fetch_add(&stall.checks, 1);
    if (before == 0) stall.gateway = pthread_self();
    if (before > 0 && pthread_equal(pthread_self(), stall.gateway)) {
        pass_gate(&stall.entered);
    } else if (before > 0) {
        sem_post(&stall.entered);
        pass_gate(&stall.open);
    }
    return stall.real.verify_parsed(stall.real.context, digest, signature, key);
}

/* Logs on; sends a burst; a thread is at one of its frames, and no later one can go on. */
static struct case_client *begin_stalled(struct gateway_case *test, struct burst *burst,
                                         uint64_t count)
{
    case_prepare(test);
    test->options.limits.signature_threads = 1;
    stall.real = test->signatures;
    stall.checks = 0;
    assert_int_equal(sem_init(&stall.entered, 0, 0), 0);
    assert_int_equal(sem_init(&stall.open, 0, 0), 0);
    static struct tn_signatures stalled;
    stalled = test->signatures;
    stalled.verify_parsed = verify_stalled;
    test->options.signatures = &stalled;
    case_start(test);
    struct case_client *client = client_log_on(test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    burst_add_frames(burst, test, 1000, count);
    client_write(client, burst->bytes, burst->size);
    pass_gate(&stall.entered);
    return client;
}

static void test_line_that_is_full_waits_and_loses_nothing(void **state)
{
    struct gateway_case test;
    struct burst *burst = calloc(1, sizeof *burst);
    (void)state;
    assert_non_null(burst);
    assert_true(FRAMES > GATEWAY_CHECKS_MAX);
    struct case_client *client = begin_stalled(&test, burst, FRAMES);
    burst->size = 0;
    burst_add_frames(burst, &test, 1000 + FRAMES, FRAMES);
    client_write(client, burst->bytes, burst->size);
    while (case_count(&test, checks_full) == 0)
        sched_yield();
    sem_post(&stall.open);
    for (uint64_t nonce = next_good(999); nonce < 1000 + 2 * FRAMES; nonce = next_good(nonce))
        assert_int_equal(next_nonce(&test), nonce);
    client_close(client);
    case_end(&test);
    free(burst);
}

/* Behind so many frames of the one before, which the node has not taken yet. */
static struct case_client *client_log_on_after(struct gateway_case *test, uint64_t frames)
{
    for (uint64_t i = 0; i < frames; i++)
        next_nonce(test);
    return client_log_on(test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
}

static void test_line_drops_the_frames_of_a_lost_connection_and_goes_on(void **state)
{
    enum { COUNT = GATEWAY_CHECKS_MAX / 2 };
    struct gateway_case test;
    struct burst *burst = calloc(1, sizeof *burst);
    (void)state;
    assert_non_null(burst);
    struct case_client *client = begin_stalled(&test, burst, COUNT);
    client_close(client);
    case_wait_counter(&test, lost, 1);
    const uint64_t passed = case_count(&test, frames);
    assert_true(passed < COUNT); /* at least the one that the thread is at */
    /* Another one in its place, while its frames still stand in the line. */
    client = client_log_on_after(&test, passed);
    frame_cancel(&test, &frame, 9000);
    client_send_frame(client, 1, &frame);
    assert_int_equal(next_nonce(&test), 9000);
    assert_true(case_count(&test, checked_by_threads) == 0);
    sem_post(&stall.open);
    frame_place(&test, &frame, 9001);
    client_send_frame(client, 2, &frame);
    assert_int_equal(next_nonce(&test), 9001);
    case_wait_counter(&test, checking, 0);
    assert_int_equal(case_count(&test, frames), passed + 2);
    client_close(client);
    case_end(&test);
    free(burst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_keeps_the_order_of_each_connection_with_threads),
        cmocka_unit_test(test_line_keeps_the_order_of_each_connection_as_the_machine_likes),
        cmocka_unit_test(test_line_passes_on_what_was_said_before_a_logoff),
        cmocka_unit_test(test_line_that_is_full_waits_and_loses_nothing),
        cmocka_unit_test(test_line_drops_the_frames_of_a_lost_connection_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
