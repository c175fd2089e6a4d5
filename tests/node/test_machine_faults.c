/* The node's core (log, replica, store: the real code) on a disk that fails: at each call in turn
 * an error, a full disk, a short write, the end of the process or of the power. After a restart on
 * a disk that works, the machine has a prefix of the entries with everything that was acknowledged,
 * at the root to which exactly this prefix leads, and goes on to the same end.
 *
 * Every n-th call is tried with TENOR_NIGHTLY=1, else a sample of them, by the seed. */
#include "faulty_disk.h"
#include "machine_case.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct machine_case script;
static bool is_nightly;

/* What befalls a life. */
struct trial {
    const char *test; /* for messages */
    enum faulty_disk_fault fault;
    uint64_t n;
    enum faulty_disk_loss loss;
    bool has_second; /* the power fails again while it recovers or goes on */
    uint64_t second_n;
    enum faulty_disk_loss second_loss;
};

static _Noreturn void blame(const struct trial *trial, const struct case_run *run, const char *what)
{
    fprintf(stderr,
            "%s: %s\n  fault %d at call %llu (%s), loss %d; second crash %d at %llu, loss %d\n"
            "  acknowledged %llu, taken %llu; the machine said: %s\n"
            "to repeat: TENOR_SEED=%llu%s test_machine_faults '%s'\n",
            trial->test, what, trial->fault, (unsigned long long)trial->n, faulty_disk_place(),
            trial->loss, trial->has_second, (unsigned long long)trial->second_n, trial->second_loss,
            (unsigned long long)run->acknowledged, (unsigned long long)run->taken, case_said(),
            (unsigned long long)script.seed, is_nightly ? " TENOR_NIGHTLY=1" : "", trial->test);
    abort();
}

#define CHECK(trial, run, condition)                                                               \
    do {                                                                                           \
        if (!(condition)) blame(trial, run, #condition);                                           \
    } while (0)

/* Every value of every database, and that pages are in use once. */
static bool is_sound(struct store *store)
{
    struct store_view *view;
    struct store_trail trail;
    struct store_checked checked;
    if (store_view_begin(store, &view, &trail) != STORE_OK) return false;
    bool is_good = store_check_view(view, &checked, &trail) == STORE_OK;
    store_view_end(view);
    return is_good;
}

/* After the restart, on a disk that works. */
static void check_after(const struct trial *trial, struct case_run *run)
{
    uint64_t acknowledged = run->acknowledged;
    CHECK(trial, run, case_open(run));
    CHECK(trial, run, machine_entries(run->machine) >= acknowledged);
    CHECK(trial, run, machine_entries(run->machine) <= run->taken);
    CHECK(trial, run, case_is_known(run));
    CHECK(trial, run, case_go_on(run, CASE_ENTRIES, 0));
    CHECK(trial, run, case_flush(run));
    CHECK(trial, run, case_is_end(run));
    case_close(run);
    CHECK(trial, run, case_open(run));
    CHECK(trial, run, case_is_end(run));
    CHECK(trial, run, is_sound(machine_store(run->machine)));
    case_close(run);
}

/* Once more a crash, while it recovers and goes on from the first. */
static void crash_again(const struct trial *trial, struct case_run *run)
{
    uint64_t acknowledged = run->acknowledged;
    faulty_disk_fail(FAULTY_CRASH, trial->second_n);
    if (case_open(run)) {
        CHECK(trial, run, machine_entries(run->machine) >= acknowledged);
        CHECK(trial, run, case_is_known(run));
        if (case_go_on(run, CASE_ENTRIES, 0)) case_flush(run);
    }
    case_close(run);
    faulty_disk_crash(trial->second_loss);
}

/* Whether the machine must have given up: nobody may believe a disk that could not sync. */
static bool is_fatal(const struct trial *trial)
{
    return trial->fault == FAULTY_EIO && strstr(faulty_disk_place(), "sync ") != NULL;
}

/* One life with one fault, and what follows. */
static void live(const struct trial *trial, uint64_t *full_count)
{
    struct case_run run;
    const char *home = faulty_disk_open(script.seed + 31 * trial->n + trial->fault);
    case_settle(&run, &script, home);
    faulty_disk_fail(trial->fault, trial->n);
    bool is_whole = case_live(&run);
    CHECK(trial, &run, faulty_disk_fired() == (trial->fault != FAULTY_NONE));
    CHECK(trial, &run, is_whole || run.failed);
    CHECK(trial, &run, !is_whole || case_is_end(&run));
    CHECK(trial, &run, is_whole || case_said()[0] != '\0');
    if (trial->fault == FAULTY_ENOSPC) CHECK(trial, &run, is_whole);
    if (is_fatal(trial)) CHECK(trial, &run, !is_whole || run.refused);
    *full_count += run.full_count;
    case_close(&run);
    faulty_disk_crash(trial->loss);
    if (trial->has_second) crash_again(trial, &run);
    check_after(trial, &run);
    faulty_disk_close();
}

/* How many calls of the script this fault fits. */
static uint64_t count_calls(enum faulty_disk_fault fault)
{
    struct case_run run;
    const struct trial trial = {.test = "no fault"};
    case_settle(&run, &script, faulty_disk_open(script.seed));
    faulty_disk_fail(fault, UINT64_MAX);
    CHECK(&trial, &run, case_live(&run));
    CHECK(&trial, &run, case_is_end(&run));
    uint64_t calls = faulty_disk_calls();
    case_close(&run);
    faulty_disk_crash(FAULTY_LOSE);
    check_after(&trial, &run);
    faulty_disk_close();
    return calls;
}

/* At every call, or at about `sample` of them; returns the answers MACHINE_FULL. */
static uint64_t live_at_calls(const char *test, enum faulty_disk_fault fault,
                              enum faulty_disk_loss loss, uint32_t sample)
{
    uint64_t random = script.seed + 8 * fault + loss;
    uint64_t calls = count_calls(fault), lives = 0, full_count = 0;
    uint64_t stride = is_nightly || calls < sample ? 1 : calls / sample;
    for (uint64_t n = 1 + tn_random_below(&random, stride); n <= calls; lives++) {
        struct trial trial = {.test = test, .fault = fault, .n = n, .loss = loss};
        trial.has_second = (fault == FAULTY_CRASH || fault == FAULTY_EIO) &&
                           (loss == FAULTY_KEEP || tn_random_below(&random, 2) == 0);
        trial.second_n = 1 + tn_random_below(&random, calls / 2);
        trial.second_loss = (enum faulty_disk_loss)tn_random_below(&random, 3);
        live(&trial, &full_count);
        n += 1 + (stride == 1 ? 0 : tn_random_below(&random, 2 * stride - 1));
    }
    print_message("%llu lives of %llu calls\n", (unsigned long long)lives,
                  (unsigned long long)calls);
    /* LMDB reads by its map: few calls read, and only where something is opened. */
    uint64_t calls_min = fault == FAULTY_SHORT_READ ? 10 : 100;
    assert_true(calls > calls_min && lives * 3 > (sample < calls ? sample : calls));
    return full_count;
}

static void test_machine_keeps_what_it_acknowledged_when_the_power_fails_at_any_call(void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_CRASH, FAULTY_LOSE, 30);
}

static void test_machine_keeps_what_it_acknowledged_when_writes_are_torn_at_any_call(void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_CRASH, FAULTY_TORN, 30);
}

static void test_machine_keeps_what_it_acknowledged_when_the_process_dies_at_any_call(void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_CRASH, FAULTY_KEEP, 20);
}

static void test_machine_stops_and_acknowledges_nothing_more_after_an_error_at_any_call(
    void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_EIO, FAULTY_LOSE, 30);
    live_at_calls(__func__, FAULTY_EIO, FAULTY_TORN, 15);
    live_at_calls(__func__, FAULTY_EIO, FAULTY_KEEP, 15);
}

static void test_machine_goes_on_after_the_disk_was_full_at_any_call(void **state)
{
    (void)state;
    assert_true(live_at_calls(__func__, FAULTY_ENOSPC, FAULTY_LOSE, 30) > 3);
}

/* A disk that stays full from some moment on, with this much room left: nothing is lost, nothing
 * fails, and every answer says so. Then there is room again, or the power fails first and the
 * machine is started on a disk that is still full. */
static uint64_t stay_full(const struct trial *trial, uint64_t entries, uint64_t left)
{
    struct case_run run;
    const char *home = faulty_disk_open(script.seed + trial->n);
    case_settle(&run, &script, home);
    CHECK(trial, &run, case_open(&run));
    CHECK(trial, &run, case_go_on(&run, entries, 0));
    faulty_disk_limit(faulty_disk_used() + left);
    run.stop = 1; /* a flush waits for no room */
    uint64_t full_count = 0;
    case_go_on(&run, CASE_ENTRIES, 2);
    CHECK(trial, &run, !run.failed && case_is_known(&run));
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(trial, &run, case_sync(&run) != MACHINE_FAILED);
        enum machine_answer answer = case_tend(&run);
        CHECK(trial, &run, answer != MACHINE_FAILED);
        full_count += answer == MACHINE_FULL;
    }
    if (trial->has_second) {
        const struct tn_replica_heads *heads = tn_replica_heads(machine_replica(run.machine));
        bool is_sealed = heads->entries_count == machine_entries(run.machine);
        if (is_sealed) CHECK(trial, &run, machine_flush(run.machine) != MACHINE_FAILED);
        case_sync(&run);
        case_close(&run);
        faulty_disk_crash(trial->loss);
        CHECK(trial, &run, case_open(&run) ? case_is_known(&run) : case_said()[0] != '\0');
        if (run.machine != NULL)
            CHECK(trial, &run, case_go_on(&run, CASE_ENTRIES, 2) || !run.failed);
        case_close(&run);
        faulty_disk_limit(UINT64_MAX);
        faulty_disk_crash(trial->loss);
    } else {
        faulty_disk_limit(UINT64_MAX);
        CHECK(trial, &run, case_go_on(&run, CASE_ENTRIES, 2));
        CHECK(trial, &run, case_flush(&run) && case_is_end(&run));
        case_close(&run);
        faulty_disk_crash(trial->loss);
    }
    run.stop = 0;
    check_after(trial, &run);
    faulty_disk_close();
    return full_count;
}

static void test_machine_loses_nothing_while_the_disk_stays_full(void **state)
{
    uint64_t random = script.seed, lives = is_nightly ? 2000 : 60, full_count = 0;
    (void)state;
    for (uint64_t n = 1; n <= lives; n++) {
        struct trial trial = {.test = __func__, .n = n, .loss = FAULTY_LOSE};
        trial.has_second = n % 2 == 0;
        if (n % 3 == 0) trial.loss = FAULTY_TORN;
        uint64_t entries = 1 + tn_random_below(&random, CASE_ENTRIES - 20);
        full_count += stay_full(&trial, entries, tn_random_below(&random, 40) * 2048);
    }
    assert_true(full_count > lives);
}

/* A log with much room and a store with none: its queue fills, and the machine waits in the midst
 * of an entry, until there is room or it is told to stop. */
static bool fill_queue(const struct trial *trial, uint64_t entries)
{
    enum { SEGMENT_BYTES = 1 << 19, QUEUE_BYTES = 96 << 10, NOTES = 3 };
    struct case_run run;
    const char *home = faulty_disk_open(script.seed + trial->n);
    case_settle(&run, &script, home);
    run.segment_bytes = SEGMENT_BYTES;
    run.queue_bytes = QUEUE_BYTES;
    run.stop = trial->has_second;
    CHECK(trial, &run, case_open(&run));
    CHECK(trial, &run, case_go_on(&run, entries, 0));
    faulty_disk_limit(faulty_disk_used());
    case_lift_after(trial->has_second ? 0 : NOTES);
    bool is_whole = case_go_on(&run, CASE_ENTRIES, 2);
    case_sync(&run);
    CHECK(trial, &run, trial->has_second || is_whole);
    bool is_filled = run.failed;
    CHECK(trial, &run, !run.failed || strstr(case_said(), "the log has everything") != NULL);
    faulty_disk_limit(UINT64_MAX);
    case_close(&run);
    faulty_disk_crash(trial->loss);
    run.stop = 0;
    check_after(trial, &run);
    faulty_disk_close();
    return is_filled;
}

static void test_machine_waits_where_the_queue_of_a_full_store_is_full(void **state)
{
    uint32_t filled_count = 0;
    (void)state;
    for (uint64_t n = 1; n <= 12; n++) {
        const struct trial trial = {
            .test = __func__, .n = n, .loss = FAULTY_LOSE, .has_second = n % 2 == 0};
        /* Before and behind the flush, which waits for the disk in its own way. */
        filled_count += fill_queue(&trial, n <= 6 ? 5 + 4 * n : 124 + n);
    }
    assert_true(filled_count > 0);
}

static void test_machine_goes_on_after_a_short_write_or_stops_at_any_call(void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_SHORT_WRITE, FAULTY_TORN, 20);
}

static void test_machine_does_not_notice_short_reads_and_interruptions_at_any_call(void **state)
{
    (void)state;
    live_at_calls(__func__, FAULTY_SHORT_READ, FAULTY_TORN, UINT32_MAX);
    live_at_calls(__func__, FAULTY_EINTR, FAULTY_TORN, 30);
}

int main(int arguments_count, char **arguments)
{
    if (arguments_count > 1) cmocka_set_test_filter(arguments[1]);
    is_nightly = getenv("TENOR_NIGHTLY") != NULL;
    case_learn(&script, test_seed("test_machine_faults"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_keeps_what_it_acknowledged_when_the_power_fails_at_any_call),
        cmocka_unit_test(test_machine_keeps_what_it_acknowledged_when_writes_are_torn_at_any_call),
        cmocka_unit_test(test_machine_keeps_what_it_acknowledged_when_the_process_dies_at_any_call),
        cmocka_unit_test(
            test_machine_stops_and_acknowledges_nothing_more_after_an_error_at_any_call),
        cmocka_unit_test(test_machine_goes_on_after_the_disk_was_full_at_any_call),
        cmocka_unit_test(test_machine_loses_nothing_while_the_disk_stays_full),
        cmocka_unit_test(test_machine_waits_where_the_queue_of_a_full_store_is_full),
        cmocka_unit_test(test_machine_goes_on_after_a_short_write_or_stops_at_any_call),
        cmocka_unit_test(test_machine_does_not_notice_short_reads_and_interruptions_at_any_call),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    case_forget(&script);
    return failures;
}
