/* The log read by a process that does not own it: beside one at work, behind a crash, and damaged.
 */
#include "log/layout.h"
#include "log_case.h"
#include "seed.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST "0000000000000001.log"

static struct log_case c;
static struct log_report report;
static uint64_t seed;

/* What was visited: positions without a gap. */
struct seen {
    uint64_t first, next; /* 0: nothing */
    uint64_t stop_at;     /* 0: never */
    bool is_right;
};

static bool see(void *context, const struct log_record *record)
{
    struct seen *seen = context;
    if (seen->next == 0) *seen = (struct seen){record->position, record->position, 0, true};
    seen->is_right = seen->is_right && record->position == seen->next++;
    return seen->next != seen->stop_at;
}

static enum log_result read_beside(struct seen *seen, uint64_t position)
{
    *seen = (struct seen){0};
    return log_read_beside(c.directory, TN_CPU_BASE, &report, see, seen, position);
}

static void add_group(uint32_t records, uint32_t size)
{
    for (uint32_t i = 0; i < records; i++)
        assert_int_equal(case_append(&c, size), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
}

static void begin_with_three_segments(void)
{
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 20; i++)
        add_group(3, 1200);
}

static void test_log_is_read_beside_its_owner_from_any_position(void **state)
{
    (void)state;
    struct seen seen;
    begin_with_three_segments();
    for (uint64_t position = 1; position < c.end; position++) {
        assert_int_equal(read_beside(&seen, position), LOG_OK);
        assert_true(seen.is_right);
        assert_int_equal(seen.first, position);
        assert_int_equal(seen.next, c.end);
        assert_int_equal(report.end_position, c.end);
        assert_int_equal(report.torn_bytes, 0);
    }
    assert_int_equal(read_beside(&seen, c.end), LOG_OK);
    assert_int_equal(seen.next, 0);
    assert_int_equal(case_check(&c), LOG_OK); /* its owner has noticed nothing */
    case_end(&c);
}

static void test_log_beside_says_where_it_begins_when_older_segments_are_released(void **state)
{
    (void)state;
    struct seen seen;
    begin_with_three_segments();
    assert_int_equal(case_release(&c, 50), LOG_OK); /* the newest of them stays for a while */
    assert_true(log_first_position(c.log) > 3);
    assert_int_equal(read_beside(&seen, 3), LOG_OK);
    assert_int_equal(report.first_position, log_first_position(c.log));
    assert_int_equal(seen.first, report.first_position);
    assert_int_equal(seen.next, c.end);
    case_end(&c);
}

static void test_log_beside_that_is_not_there_is_empty(void **state)
{
    (void)state;
    struct seen seen;
    case_begin(&c, seed);
    assert_int_equal(read_beside(&seen, 1), LOG_OK);
    assert_true(report.created);
    assert_int_equal(seen.next, 0);
    case_end(&c);
}

/* The last group never landed whole, and nobody was promised it. */
static void test_log_beside_tells_a_torn_tail_and_calls_it_no_damage(void **state)
{
    (void)state;
    struct seen seen;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(2, 100);
    add_group(2, 100);
    case_close(&c);
    faulty_disk_flip_bit(case_path(&c, FIRST), 2 * LOG_PAGE_BYTES + LOG_GROUP_HEAD_BYTES + 40, 1);
    assert_int_equal(read_beside(&seen, 1), LOG_OK);
    assert_int_equal(seen.next, 3);
    assert_int_equal(report.end_position, 3);
    assert_true(report.torn_bytes > 0);
    assert_string_equal(report.problem, "");
    case_end(&c);
}

static void test_log_beside_names_segment_byte_and_record_of_damage(void **state)
{
    (void)state;
    struct seen seen;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 3; i++)
        add_group(2, 100);
    case_close(&c);
    faulty_disk_flip_bit(case_path(&c, FIRST), 2 * LOG_PAGE_BYTES + LOG_GROUP_HEAD_BYTES + 40, 1);
    assert_int_equal(read_beside(&seen, 1), LOG_DAMAGED);
    assert_int_equal(seen.next, 3);
    assert_non_null(strstr(report.problem, FIRST " is damaged at byte 8192"));
    assert_non_null(strstr(report.problem, "records from 3 on"));
    case_end(&c);
}

/* The segment after it is whole, so where it was to end is known. */
static void test_log_beside_names_the_segment_in_which_the_damage_is(void **state)
{
    (void)state;
    struct seen seen;
    begin_with_three_segments();
    case_close(&c);
    faulty_disk_flip_bit(case_path(&c, FIRST), 5 * LOG_PAGE_BYTES + LOG_GROUP_HEAD_BYTES + 40, 1);
    assert_int_equal(read_beside(&seen, 1), LOG_DAMAGED);
    assert_true(seen.is_right);
    assert_true(seen.next > 1 && seen.next < 18);
    assert_non_null(strstr(report.problem, FIRST " is damaged at byte 20480"));
    char record[40];
    snprintf(record, sizeof record, "records from %u on", (unsigned)seen.next);
    assert_non_null(strstr(report.problem, record));
    assert_int_equal(read_beside(&seen, 50), LOG_OK); /* what is wanted is whole */
    case_end(&c);
}

static void test_log_beside_ends_where_the_visitor_wants(void **state)
{
    (void)state;
    begin_with_three_segments();
    struct seen seen = {.first = 1, .next = 1, .stop_at = 5, .is_right = true};
    assert_int_equal(log_read_beside(c.directory, TN_CPU_BASE, &report, see, &seen, 1), LOG_OK);
    assert_int_equal(seen.next, 5);
    case_end(&c);
}

/* ---- An owner that writes meanwhile ------------------------------------------------------------
 */

enum { RECORD_BYTES = 3000, KEPT = 400, LIFE_SECONDS = 60, READINGS_MAX = 1000000 };

/* In a process of its own, until it is killed or its time is over: groups of all sizes, segments
 * begun and released. */
static void write_for_ever(const char *directory)
{
    static const uint8_t bytes[RECORD_BYTES];
    const struct log_options options = {.directory = directory, .segment_bytes = 65536};
    uint64_t random = seed, position, durable;
    alarm(LIFE_SECONDS);
    struct log *log;
    if (log_open(&log, &report, &options) != LOG_OK) _exit(1);
    for (;;) {
        uint64_t records = 1 + tn_random_below(&random, 6);
        for (uint64_t i = 0; i < records; i++)
            if (log_append(log, &position, 1, bytes, tn_random_below(&random, RECORD_BYTES))) break;
        if (log_sync(log, &durable) != LOG_OK || log_tend(log) != LOG_OK) _exit(1);
        if (durable > KEPT && log_release(log, durable - KEPT) != LOG_OK) _exit(1);
    }
}

static void remove_folder(const char *directory)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    assert_int_equal(system(command), 0);
}

/* Until the log was found longer so many times. The answer that was not LOG_OK, if one was. */
static enum log_result follow(const char *directory, uint32_t times)
{
    uint64_t last = 0;
    uint32_t grown = 0;
    for (uint32_t i = 0; i < READINGS_MAX && grown < times; i++) {
        struct seen seen = {0};
        enum log_result result =
            log_read_beside(directory, TN_CPU_BASE, &report, see, &seen, last == 0 ? 1 : last);
        if (result != LOG_OK) return result;
        if (seen.next == 0) continue;
        if (!seen.is_right) return LOG_DAMAGED;
        grown += seen.next - 1 > last;
        last = seen.next - 1;
    }
    return grown == times ? LOG_OK : LOG_FAILED;
}

static void test_log_beside_a_writer_has_no_gap_and_is_never_damaged(void **state)
{
    (void)state;
    char directory[] = "/tmp/tenor-beside-XXXXXX";
    int status;
    assert_non_null(mkdtemp(directory));
    const pid_t writer = fork();
    if (writer == 0) write_for_ever(directory);
    enum log_result result = follow(directory, 300);
    pid_t failed = waitpid(writer, &status, WNOHANG);
    kill(writer, SIGKILL);
    if (failed == 0) waitpid(writer, &status, 0);
    remove_folder(directory);
    if (result != LOG_OK) fprintf(stderr, "%s\n", report.problem);
    assert_int_equal(result, LOG_OK);
    assert_int_equal(failed, 0);
}

int main(void)
{
    seed = test_seed("test_log_beside");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_is_read_beside_its_owner_from_any_position),
        cmocka_unit_test(test_log_beside_says_where_it_begins_when_older_segments_are_released),
        cmocka_unit_test(test_log_beside_that_is_not_there_is_empty),
        cmocka_unit_test(test_log_beside_tells_a_torn_tail_and_calls_it_no_damage),
        cmocka_unit_test(test_log_beside_names_segment_byte_and_record_of_damage),
        cmocka_unit_test(test_log_beside_names_the_segment_in_which_the_damage_is),
        cmocka_unit_test(test_log_beside_ends_where_the_visitor_wants),
        cmocka_unit_test(test_log_beside_a_writer_has_no_gap_and_is_never_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
