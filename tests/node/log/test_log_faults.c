/* Every call the log makes fails once, in each way; power goes at every call. After each, the log
 * opens again and holds all that it said is durable. case_check panics where it does not. */
#include "log_case.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define STEPS 120

static struct log_case c;
static uint64_t seed;

/* Life goes on after a fault: on the same machine first, then the power goes. */
static void go_on_and_check(enum faulty_disk_loss loss)
{
    case_crash(&c, FAULTY_KEEP);
    if (loss != FAULTY_KEEP) faulty_disk_crash(loss);
    assert_int_equal(case_run(&c, 40), LOG_OK);
    case_crash(&c, FAULTY_LOSE);
    assert_int_equal(case_open(&c), LOG_OK);
}

/* Runs the script with the fault at the n-th call; false when it has fewer calls. */
static bool run_with_fault(enum faulty_disk_fault fault, uint64_t n, enum log_result *answer)
{
    case_begin(&c, seed);
    faulty_disk_fail(fault, n);
    *answer = case_run(&c, STEPS);
    if (faulty_disk_calls() >= n) return true;
    case_end(&c);
    return false;
}

static void test_log_survives_an_io_error_at_every_call(void **state)
{
    (void)state;
    enum log_result answer;
    uint64_t n = 1;
    for (; run_with_fault(FAULTY_EIO, n, &answer); n++) {
        if (answer == LOG_BROKEN) {
            assert_int_equal(case_append(&c, 1), LOG_BROKEN);
            assert_int_equal(case_sync(&c), LOG_BROKEN);
            assert_int_equal(log_retry(c.log), LOG_BROKEN);
            assert_true(log_problem(c.log)[0] != '\0');
        }
        if (answer == LOG_FAILED && c.log == NULL) assert_true(c.report.problem[0] != '\0');
        go_on_and_check(n % 3);
        case_end(&c);
    }
    assert_true(n > 150);
}

static void test_log_loses_nothing_when_room_ends_at_any_call(void **state)
{
    (void)state;
    enum log_result answer;
    uint64_t full = 0;
    for (uint64_t n = 1; run_with_fault(FAULTY_ENOSPC, n, &answer); n++) {
        if (answer == LOG_FULL && c.log != NULL) {
            assert_true(log_no_space(c.log));
            assert_int_equal(log_retry(c.log), LOG_OK);
            assert_false(log_no_space(c.log));
            full++;
        } else if (answer == LOG_FULL) {
            assert_int_equal(case_open(&c), LOG_OK);
        } else {
            assert_true(answer == LOG_OK || answer == LOG_BROKEN || answer == LOG_FAILED);
        }
        if (answer == LOG_FULL || answer == LOG_OK) assert_int_equal(case_sync(&c), LOG_OK);
        go_on_and_check(n % 3);
        case_end(&c);
    }
    assert_true(full > 30);
}

static void test_log_does_not_notice_short_and_interrupted_calls(void **state)
{
    (void)state;
    static const enum faulty_disk_fault faults[] = {FAULTY_EINTR, FAULTY_SHORT_READ,
                                                    FAULTY_SHORT_WRITE};
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t fired = 0;
        enum log_result answer;
        for (uint64_t n = 1; run_with_fault(faults[i], n, &answer); n++) {
            assert_int_equal(answer, LOG_OK);
            fired += faulty_disk_fired();
            if (faulty_disk_fired()) go_on_and_check(FAULTY_TORN);
            case_end(&c);
        }
        assert_true(fired > 20);
    }
}

static void test_log_survives_a_loss_of_power_at_every_change(void **state)
{
    (void)state;
    enum log_result answer;
    uint64_t torn = 0;
    uint64_t first = seed;
    for (seed = first; seed < first + 4; seed++) {
        uint64_t n = 1;
        for (; run_with_fault(FAULTY_CRASH, n, &answer); n++) {
            assert_true(answer == LOG_BROKEN || answer == LOG_FAILED);
            case_crash(&c, n % 4 == 0 ? FAULTY_LOSE : FAULTY_TORN);
            assert_int_equal(case_open(&c), LOG_OK);
            torn += c.report.torn_bytes > 0;
            go_on_and_check(n % 3);
            case_end(&c);
        }
        assert_true(n > 80);
    }
    seed = first;
    assert_true(torn > 10);
}

/* Many lives on one disk, each ended at a random call, by the power or only by the process. */
static void test_log_survives_thousands_of_random_lives(void **state)
{
    (void)state;
    uint64_t random = seed;
    uint64_t torn = 0;
    for (uint32_t disk = 0; disk < 100; disk++) {
        case_begin(&c, seed + 1 + disk);
        for (uint32_t life = 0; life < 20; life++) {
            faulty_disk_fail(FAULTY_CRASH, 1 + tn_random_below(&random, 25));
            enum log_result answer = case_run(&c, 60);
            if (answer == LOG_DAMAGED) print_message("%s\n", c.report.problem);
            assert_int_not_equal(answer, LOG_DAMAGED);
            torn += c.report.torn_bytes > 0;
            uint64_t dice = tn_random_below(&random, 10);
            case_crash(&c, dice == 0 ? FAULTY_KEEP : dice == 1 ? FAULTY_LOSE : FAULTY_TORN);
        }
        assert_int_equal(case_open(&c), LOG_OK);
        case_end(&c);
    }
    assert_true(torn > 50);
}

int main(void)
{
    seed = test_seed("test_log_faults");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_survives_an_io_error_at_every_call),
        cmocka_unit_test(test_log_loses_nothing_when_room_ends_at_any_call),
        cmocka_unit_test(test_log_does_not_notice_short_and_interrupted_calls),
        cmocka_unit_test(test_log_survives_a_loss_of_power_at_every_change),
        cmocka_unit_test(test_log_survives_thousands_of_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
