/* The line of signature checks: order, who claims what, sleep and end. Where an interleaving is
 * what is tested, checks are cheap ones of the test's own, or wait at a gate that the test opens.
 */
#include "gateway/checkers.h"

#include "seed.h"
#include "tenor/frame.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>

#include <cmocka.h>

static const uint8_t chain_id[32] = {7};

/* ---- Checks of the test's own ------------------------------------------------------------------
 */

static _Atomic uint64_t checked_count;

/* Good when the signature begins as the digest does. */
static bool verify_cheaply(void *context, const struct tn_hash *digest,
                           const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    (void)context, (void)key;
    atomic_fetch_add(&checked_count, 1);
    return memcmp(digest->bytes, signature->bytes, TN_HASH_SIZE) == 0;
}

struct gate {
    pthread_t owner;
    sem_t entered, open;
};

/* Whoever is not the owner waits at the gate. */
static bool verify_at_gate(void *context, const struct tn_hash *digest,
                           const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    struct gate *gate = context;
    (void)digest, (void)signature, (void)key;
    if (pthread_equal(pthread_self(), gate->owner)) return true;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
    return true;
}

static void gate_make(struct gate *gate, struct tn_signatures *signatures)
{
    gate->owner = pthread_self();
    assert_int_equal(sem_init(&gate->entered, 0, 0), 0);
    assert_int_equal(sem_init(&gate->open, 0, 0), 0);
    *signatures = (struct tn_signatures){.context = gate, .verify_parsed = verify_at_gate};
}

static const struct tn_signatures cheap = {.verify_parsed = verify_cheaply};
static const uint8_t anything[64] = {1, 2, 3};

static struct gateway_check *add_any(struct gateway_checkers *checkers)
{
    struct gateway_check *check = gateway_checkers_add(checkers);
    if (check == NULL) return NULL;
    check->payload = anything;
    check->size = sizeof anything;
    return check;
}

/* ---- Order -------------------------------------------------------------------------------------
 */

enum { CHECKS = 20000, PAYLOAD_BYTES = 8 };

struct line {
    struct gateway_checkers *checkers;
    uint8_t payloads[GATEWAY_CHECKS_MAX][PAYLOAD_BYTES];
    uint64_t added, taken, random;
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (value ^ (value >> 27)) >> 5;
}

static bool is_bad(uint64_t number)
{
    return number % 7 == 3;
}

static void line_add(struct line *line)
{
    struct gateway_check *check = gateway_checkers_add(line->checkers);
    struct tn_hash digest;
    if (check == NULL) {
        assert_int_equal(line->added - line->taken, GATEWAY_CHECKS_MAX);
        return;
    }
    uint8_t *payload = line->payloads[gateway_checkers_place(line->checkers, check)];
    tn_put_be(payload, line->added, PAYLOAD_BYTES);
    tn_frame_digest(&digest, chain_id, payload, PAYLOAD_BYTES);
    check->payload = payload;
    check->size = PAYLOAD_BYTES;
    memset(&check->checked.signature, 0, sizeof check->checked.signature);
    memcpy(check->checked.signature.bytes, digest.bytes, TN_HASH_SIZE);
    check->checked.signature.bytes[5] ^= (uint8_t)is_bad(line->added);
    line->added++;
}

static void line_take(struct line *line)
{
    const struct gateway_check *check;
    while ((check = gateway_checkers_first(line->checkers)) != NULL) {
        struct tn_hash digest;
        assert_int_equal(tn_get_be(check->payload, PAYLOAD_BYTES), line->taken);
        tn_frame_digest(&digest, chain_id, check->payload, check->size);
        assert_memory_equal(&digest, &check->checked.digest, sizeof digest);
        assert_int_equal(check->is_good, !is_bad(line->taken));
        gateway_checkers_drop(line->checkers);
        line->taken++;
    }
}

static void wait_for_more(struct gateway_checkers *checkers)
{
    if (gateway_checkers_sleep(checkers)) {
        struct pollfd wait = {.fd = gateway_checkers_fd(checkers), .events = POLLIN};
        assert_int_equal(poll(&wait, 1, -1), 1);
        gateway_checkers_heard(checkers);
    }
    gateway_checkers_wake(checkers);
}

/* Adds, starts, helps and takes by turns that a seed decides; sleeps where nothing is to be done.
 */
static void run_line(uint32_t workers)
{
    struct line *line = calloc(1, sizeof *line);
    assert_non_null(line);
    line->random = test_seed("test_gateway_checkers") + workers;
    line->checkers = gateway_checkers_make(&cheap, chain_id, workers);
    assert_non_null(line->checkers);
    atomic_store(&checked_count, 0);
    while (line->taken < CHECKS) {
        uint64_t burst = next_random(&line->random) % 40;
        for (uint64_t i = 0; i < burst && line->added < CHECKS; i++)
            line_add(line);
        gateway_checkers_start(line->checkers);
        uint64_t helped = workers == 0 ? CHECKS : next_random(&line->random) % 4;
        while (helped-- > 0 && gateway_checkers_help(line->checkers)) {
        }
        line_take(line);
        bool is_idle = gateway_checkers_count(line->checkers) > 0 && burst % 4 == 0;
        while (is_idle && gateway_checkers_help(line->checkers)) {
        }
        if (is_idle) wait_for_more(line->checkers);
    }
    assert_int_equal(line->added, CHECKS);
    assert_int_equal(atomic_load(&checked_count), CHECKS);
    gateway_checkers_free(line->checkers);
    free(line);
}

static void test_checkers_give_results_in_order_with_every_number_of_workers(void **state)
{
    (void)state;
    for (uint32_t workers = 0; workers <= 4; workers++)
        run_line(workers);
}

/* ---- Real signatures ---------------------------------------------------------------------------
 */

static void test_checkers_find_a_bad_signature_among_good_ones(void **state)
{
    enum { COUNT = 64, BAD = 37 };
    static _Alignas(16) uint8_t memory[1024];
    struct tn_signatures real;
    struct tn_secret_key secret = {{0}};
    struct tn_public_key public_key;
    struct tn_parsed_key parsed;
    uint8_t payloads[COUNT];
    (void)state;
    assert_true(tn_signatures_size() <= sizeof memory);
    tn_signatures_real(&real, memory);
    memset(secret.bytes, 0x42, sizeof secret.bytes);
    assert_true(real.public_key(real.context, &public_key, &secret));
    assert_true(real.parse(real.context, &parsed, &public_key));
    struct gateway_checkers *checkers = gateway_checkers_make(&real, chain_id, 3);
    assert_non_null(checkers);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct tn_hash digest;
        struct gateway_check *check = gateway_checkers_add(checkers);
        assert_non_null(check);
        payloads[i] = (uint8_t)i;
        tn_frame_digest(&digest, chain_id, &payloads[i], 1);
        assert_true(real.sign(real.context, &check->checked.signature, &digest, &secret));
        if (i == BAD) payloads[i] ^= 1; /* signed, then changed */
        check->payload = &payloads[i];
        check->size = 1;
        check->key = parsed;
    }
    gateway_checkers_start(checkers);
    for (uint32_t i = 0; i < COUNT;) {
        const struct gateway_check *check = gateway_checkers_first(checkers);
        if (check == NULL) {
            if (!gateway_checkers_help(checkers)) wait_for_more(checkers);
            continue;
        }
        assert_int_equal(check->is_good, i != BAD);
        gateway_checkers_drop(checkers);
        i++;
    }
    gateway_checkers_free(checkers);
}

/* ---- Who does it -------------------------------------------------------------------------------
 */

static void test_checkers_leave_all_to_their_owner_without_workers(void **state)
{
    (void)state;
    struct gateway_checkers *checkers = gateway_checkers_make(&cheap, chain_id, 0);
    assert_non_null(checkers);
    assert_true(gateway_checkers_sleep(checkers)); /* there is nothing */
    add_any(checkers);
    add_any(checkers);
    assert_null(gateway_checkers_first(checkers));
    assert_int_equal(gateway_checkers_start(checkers), 0);
    assert_false(gateway_checkers_sleep(checkers)); /* or nobody would ever do it */
    assert_true(gateway_checkers_help(checkers));
    assert_non_null(gateway_checkers_first(checkers));
    assert_false(gateway_checkers_first(checkers)->by_worker);
    assert_true(gateway_checkers_help(checkers));
    assert_false(gateway_checkers_help(checkers));
    gateway_checkers_drop(checkers);
    gateway_checkers_drop(checkers);
    assert_int_equal(gateway_checkers_count(checkers), 0);
    gateway_checkers_free(checkers);
}

static void test_checkers_wake_nobody_for_a_check_alone(void **state)
{
    struct tn_signatures signatures;
    struct gate gate;
    (void)state;
    gate_make(&gate, &signatures);
    struct gateway_checkers *checkers = gateway_checkers_make(&signatures, chain_id, 2);
    assert_non_null(checkers);
    for (uint32_t i = 0; i < 100; i++) {
        add_any(checkers);
        assert_int_equal(gateway_checkers_start(checkers), 0);
        if (!gateway_checkers_help(checkers)) { /* a worker that was awake still: only at first */
            sem_post(&gate.open);
            wait_for_more(checkers);
        }
        assert_non_null(gateway_checkers_first(checkers));
        gateway_checkers_drop(checkers);
    }
    gateway_checkers_free(checkers);
}

static void test_checkers_wake_their_owner_when_the_first_in_line_is_checked(void **state)
{
    struct tn_signatures signatures;
    struct gate gate;
    (void)state;
    gate_make(&gate, &signatures);
    struct gateway_checkers *checkers = gateway_checkers_make(&signatures, chain_id, 1);
    assert_non_null(checkers);
    add_any(checkers);
    add_any(checkers);
    gateway_checkers_start(checkers);
    sem_wait(&gate.entered); /* the worker has the first one */
    assert_true(gateway_checkers_help(checkers));
    assert_null(gateway_checkers_first(checkers)); /* the second is over, and waits for the first */
    assert_true(gateway_checkers_sleep(checkers));
    struct pollfd wait = {.fd = gateway_checkers_fd(checkers), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 0);
    sem_post(&gate.open);
    assert_int_equal(poll(&wait, 1, -1), 1);
    gateway_checkers_heard(checkers);
    gateway_checkers_wake(checkers);
    assert_int_equal(poll(&wait, 1, 0), 0);
    assert_true(gateway_checkers_first(checkers)->by_worker);
    gateway_checkers_drop(checkers);
    assert_false(gateway_checkers_first(checkers)->by_worker);
    gateway_checkers_drop(checkers);
    assert_true(gateway_checkers_sleep(checkers));
    gateway_checkers_free(checkers);
}

/* ---- Bounds and end ----------------------------------------------------------------------------
 */

static void test_checkers_take_no_more_than_their_places(void **state)
{
    (void)state;
    struct gateway_checkers *checkers = gateway_checkers_make(&cheap, chain_id, 0);
    assert_non_null(checkers);
    for (uint32_t i = 0; i < GATEWAY_CHECKS_MAX; i++)
        assert_non_null(add_any(checkers));
    assert_null(add_any(checkers));
    gateway_checkers_start(checkers);
    assert_true(gateway_checkers_help(checkers));
    assert_null(add_any(checkers)); /* it was checked, and not taken */
    gateway_checkers_drop(checkers);
    assert_non_null(add_any(checkers));
    assert_null(add_any(checkers));
    assert_int_equal(gateway_checkers_count(checkers), GATEWAY_CHECKS_MAX);
    gateway_checkers_free(checkers);
}

static void test_checkers_end_while_checks_wait(void **state)
{
    struct tn_signatures signatures;
    struct gate gate;
    (void)state;
    gate_make(&gate, &signatures);
    struct gateway_checkers *checkers = gateway_checkers_make(&signatures, chain_id, 2);
    assert_non_null(checkers);
    for (uint32_t i = 0; i < 10; i++)
        add_any(checkers);
    gateway_checkers_start(checkers);
    sem_wait(&gate.entered);
    for (uint32_t i = 0; i < 10; i++)
        sem_post(&gate.open);
    gateway_checkers_free(checkers); /* whatever the workers are at */
}

static void test_checkers_leave_two_processors_to_the_threads_that_are_there(void **state)
{
    cpu_set_t before, set;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    int count = CPU_COUNT(&before);
    size_t first = 0;
    assert_int_equal(gateway_checkers_workers(), count > 2 ? count - 2 : count == 2);
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
    assert_int_equal(gateway_checkers_workers(), 0);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkers_give_results_in_order_with_every_number_of_workers),
        cmocka_unit_test(test_checkers_find_a_bad_signature_among_good_ones),
        cmocka_unit_test(test_checkers_leave_all_to_their_owner_without_workers),
        cmocka_unit_test(test_checkers_wake_nobody_for_a_check_alone),
        cmocka_unit_test(test_checkers_wake_their_owner_when_the_first_in_line_is_checked),
        cmocka_unit_test(test_checkers_take_no_more_than_their_places),
        cmocka_unit_test(test_checkers_end_while_checks_wait),
        cmocka_unit_test(test_checkers_leave_two_processors_to_the_threads_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
