/* The log's files in daily life: reading, releasing, locks, versions, long records, a full disk. */
#define _GNU_SOURCE /* mount, umount2 */
#include "log/layout.h"
#include "log_case.h"
#include "seed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST "0000000000000001.log"

static struct log_case c;
static uint64_t seed;

static void test_log_begins_at_position_one_and_counts_without_gaps(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_true(c.report.created);
    assert_int_equal(c.report.first_position, 1);
    assert_int_equal(c.report.end_position, 1);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(case_append(&c, i), LOG_OK); /* case_append holds the position */
    assert_int_equal(case_sync(&c), LOG_OK);
    assert_int_equal(log_durable_position(c.log), 101);
    case_close(&c);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_false(c.report.created);
    assert_int_equal(c.report.end_position, 101);
    assert_int_equal(c.report.torn_bytes, 0);
    case_end(&c);
}

static void test_log_syncs_a_group_with_one_write_and_one_sync(void **state)
{
    (void)state;
    uint64_t durable;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    faulty_disk_fail(FAULTY_NONE, 0);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(case_append(&c, 200), LOG_OK);
    assert_int_equal(faulty_disk_calls(), 0);
    assert_int_equal(case_sync(&c), LOG_OK);
    assert_int_equal(faulty_disk_calls(), 2);
    assert_int_equal(faulty_disk_unsynced(), 0);
    assert_int_equal(log_sync(c.log, &durable), LOG_OK);
    assert_int_equal(faulty_disk_calls(), 2); /* nothing new, nothing done */
    case_end(&c);
}

struct range {
    uint64_t first;
    uint64_t count;
    uint64_t stop_after;
};

static bool count_range(void *context, const struct log_record *record)
{
    struct range *range = context;
    if (range->count++ == 0) range->first = record->position;
    return range->count != range->stop_after;
}

static void test_log_reads_from_any_position_until_the_visitor_ends_it(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 150; i++)
        assert_int_equal(case_append(&c, 700), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    assert_int_equal(case_append(&c, 700), LOG_OK); /* not durable: not read */
    for (uint64_t from = 0; from <= 152; from++) {
        struct range range = {0, 0, 0};
        uint64_t first = from == 0 ? 1 : from;
        assert_int_equal(log_read(c.log, count_range, &range, from), LOG_OK);
        assert_int_equal(range.count, first > 150 ? 0 : 151 - first);
        if (range.count > 0) assert_int_equal(range.first, first);
    }
    struct range range = {0, 0, 7};
    assert_int_equal(log_read(c.log, count_range, &range, 3), LOG_OK);
    assert_int_equal(range.count, 7);
    case_end(&c);
}

static void test_log_releases_whole_segments_below_a_position(void **state)
{
    (void)state;
    struct stat status;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(case_append(&c, 700), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    uint64_t used = faulty_disk_used();
    assert_int_equal(case_release(&c, 2), LOG_OK);
    assert_int_equal(log_first_position(c.log), 1);
    assert_int_equal(stat(case_path(&c, FIRST), &status), 0);
    assert_int_equal(case_release(&c, 180), LOG_OK);
    assert_true(log_first_position(c.log) > 1 && log_first_position(c.log) <= 180);
    assert_int_not_equal(stat(case_path(&c, FIRST), &status), 0);
    assert_true(faulty_disk_used() < used);
    case_crash(&c, FAULTY_LOSE); /* the release was durable */
    assert_int_equal(case_open(&c), LOG_OK);
    assert_true(c.report.first_position > 1);
    assert_int_equal(case_release(&c, 1000000), LOG_OK);
    assert_true(log_first_position(c.log) <= 201); /* the one in use stays */
    assert_int_equal(case_check(&c), LOG_OK);
    case_end(&c);
}

static void test_log_takes_a_record_of_sixteen_mebibytes(void **state)
{
    (void)state;
    case_begin(&c, seed);
    c.options.segment_bytes = (uint64_t)20 << 20;
    assert_int_equal(case_open(&c), LOG_OK);
    size_t size = LOG_RECORD_BYTES_MAX;
    assert_int_equal(log_record_bytes_max(c.log), size);
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    uint64_t position;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(log_append(c.log, &position, 7, bytes, size), LOG_OK);
        assert_int_equal(log_sync(c.log, &position), LOG_OK);
    }
    free(bytes);
    struct range range = {0, 0, 0};
    assert_int_equal(log_read(c.log, count_range, &range, 1), LOG_OK);
    assert_int_equal(range.count, 2);
    case_end(&c);
}

/* A program that was told to use larger segments goes on in the log of one that was not. */
static void test_log_goes_on_with_segments_of_another_size(void **state)
{
    (void)state;
    case_begin(&c, seed);
    c.options.segment_bytes = LOG_SEGMENT_BYTES_MIN;
    assert_int_equal(case_open(&c), LOG_OK);
    case_close(&c);
    c.options.segment_bytes = 65536;
    assert_int_equal(case_open(&c), LOG_OK);
    uint8_t bytes[60000] = {1};
    uint64_t position;
    assert_int_equal(log_append(c.log, &position, 1, bytes, sizeof bytes), LOG_OK);
    assert_int_equal(position, 1);
    assert_int_equal(log_sync(c.log, &position), LOG_OK);
    case_close(&c);
    struct log *log;
    struct log_report report;
    assert_int_equal(log_open(&log, &report, &c.options), LOG_OK);
    assert_int_equal(report.end_position, 2);
    log_close(log);
    case_end(&c);
}

static void test_log_refuses_a_second_opening(void **state)
{
    (void)state;
    struct log *second;
    struct log_report report;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(log_open(&second, &report, &c.options), LOG_REFUSED);
    assert_null(second);
    assert_non_null(strstr(report.problem, "another process uses this log; stop it first"));
    case_close(&c);
    assert_int_equal(case_open(&c), LOG_OK);
    case_end(&c);
}

static void put_bytes(const char *path, const void *bytes, size_t size, off_t offset)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    close(fd);
}

static void test_log_refuses_another_version_with_advice(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    case_close(&c);
    put_bytes(case_path(&c, FIRST), "\x03", 1, 8);
    assert_int_equal(case_open(&c), LOG_REFUSED);
    assert_non_null(strstr(c.report.problem, "has version 3 of the log's format"));
    assert_non_null(strstr(c.report.problem, "start the node with the program that wrote it"));
    case_end(&c);
}

static void test_log_refuses_foreign_files_with_advice(void **state)
{
    (void)state;
    static const uint8_t page[LOG_PAGE_BYTES] = "not a log";
    case_begin(&c, seed);
    put_bytes(case_path(&c, FIRST), page, sizeof page, 0);
    assert_int_equal(case_open(&c), LOG_REFUSED);
    assert_non_null(strstr(c.report.problem, "move it away if it is not this node's"));
    assert_int_equal(unlink(case_path(&c, FIRST)), 0);
    put_bytes(case_path(&c, "events.log"), page, sizeof page, 0);
    assert_int_equal(case_open(&c), LOG_REFUSED);
    assert_non_null(strstr(c.report.problem, "events.log has no name of a segment"));
    assert_int_equal(unlink(case_path(&c, "events.log")), 0);
    assert_int_equal(case_open(&c), LOG_OK);
    case_end(&c);
}

static void test_log_names_a_directory_that_is_not_there(void **state)
{
    (void)state;
    case_begin(&c, seed);
    c.options.directory = case_path(&c, "nowhere");
    assert_int_equal(case_open(&c), LOG_FAILED);
    assert_non_null(strstr(c.report.problem, "nowhere"));
    assert_non_null(strstr(c.report.problem, "No such file or directory"));
    case_end(&c);
}

/* Fills the log until it has no room. What was accepted had its room: the sync never says full. */
static void fill_up(void)
{
    enum log_result result = LOG_OK;
    while (result == LOG_OK) {
        result = case_append(&c, 600);
        if (result == LOG_OK) assert_int_equal(case_sync(&c), LOG_OK);
    }
    assert_int_equal(result, LOG_FULL);
    assert_int_equal(case_append(&c, 1), LOG_FULL);
    assert_int_equal(case_sync(&c), LOG_FULL);
    assert_true(log_no_space(c.log));
    assert_non_null(strstr(log_problem(c.log), "No space left on device; make room"));
}

static void test_log_says_that_it_is_full_and_goes_on_when_there_is_room(void **state)
{
    (void)state;
    case_begin(&c, seed);
    faulty_disk_limit(100000); /* three segments */
    assert_int_equal(case_open(&c), LOG_OK);
    fill_up();
    assert_int_equal(log_retry(c.log), LOG_FULL);
    assert_int_equal(case_check(&c), LOG_OK); /* reading needs no room */
    uint64_t end = c.end;
    faulty_disk_limit(200000);
    assert_int_equal(log_retry(c.log), LOG_OK);
    assert_false(log_no_space(c.log));
    assert_string_equal(log_problem(c.log), "");
    assert_int_equal(case_append(&c, 600), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    assert_int_equal(c.end, end + 1);
    case_crash(&c, FAULTY_LOSE);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(c.end, end + 1);
    case_end(&c);
}

static void test_log_makes_room_for_itself_by_releasing(void **state)
{
    (void)state;
    case_begin(&c, seed);
    faulty_disk_limit(100000);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t round = 0; round < 5; round++) {
        fill_up();
        assert_int_equal(case_release(&c, c.durable), LOG_OK);
        assert_int_equal(log_retry(c.log), LOG_OK);
    }
    assert_int_equal(case_append(&c, 600), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    case_end(&c);
}

static void test_log_warns_when_no_spare_can_be_made_while_it_still_has_room(void **state)
{
    (void)state;
    case_begin(&c, seed);
    faulty_disk_limit(40000); /* one segment, no second */
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(log_tend(c.log), LOG_FULL);
    assert_true(log_no_space(c.log));
    assert_int_equal(case_append(&c, 600), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    faulty_disk_limit(UINT64_MAX);
    assert_int_equal(log_tend(c.log), LOG_FULL); /* it does not try again by itself */
    assert_int_equal(log_retry(c.log), LOG_OK);
    assert_int_equal(log_tend(c.log), LOG_OK);
    case_end(&c);
}

/* Zeros are written as records are, not all at once: and are there long before they are needed. */
static void test_log_fills_its_spare_while_its_segment_fills(void **state)
{
    (void)state;
    case_begin(&c, seed);
    c.options.segment_bytes = 1 << 20;
    assert_int_equal(case_open(&c), LOG_OK);
    faulty_disk_fail(FAULTY_NONE, 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(log_tend(c.log), LOG_OK);
    const uint64_t idle = faulty_disk_calls();
    assert_true(idle < 10);
    while (c.end < 210) { /* a page each: of 256 */
        assert_int_equal(case_append(&c, 600), LOG_OK);
        assert_int_equal(case_sync(&c), LOG_OK);
        assert_int_equal(log_tend(c.log), LOG_OK);
    }
    faulty_disk_fail(FAULTY_NONE, 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(log_tend(c.log), LOG_OK);
    assert_true(faulty_disk_calls() < 10); /* it is done, but for the last piece and its sync */
    assert_true(log_first_position(c.log) == 1 && c.end * 4096 < 1 << 20);
    faulty_disk_fail(FAULTY_NONE, 0);
    while (c.end < 260) {
        assert_int_equal(case_append(&c, 600), LOG_OK);
        assert_int_equal(case_sync(&c), LOG_OK);
    }
    /* A switch came by, and nothing had to be filled for it: a write and a sync a record, and a few
     * of the switch. */
    assert_true(faulty_disk_calls() < 2 * (260 - 210) + 20);
    case_end(&c);
}

static void test_log_with_no_room_at_all_is_not_made(void **state)
{
    (void)state;
    case_begin(&c, seed);
    faulty_disk_limit(1000);
    assert_int_equal(case_open(&c), LOG_FULL);
    assert_non_null(strstr(c.report.problem, "No space left on device"));
    faulty_disk_limit(UINT64_MAX);
    assert_int_equal(case_open(&c), LOG_OK);
    case_end(&c);
}

/* The same on a real file system that is really full; needs the right to mount one. */
static void test_log_fills_a_real_disk_and_goes_on_when_a_file_is_deleted(void **state)
{
    (void)state;
    char place[] = "/tmp/tenor-log-XXXXXX";
    assert_non_null(mkdtemp(place));
    if (mount("tenor", place, "tmpfs", 0, "size=160k") < 0) {
        rmdir(place);
        skip();
    }
    char ballast[64];
    static const uint8_t bytes[20000];
    snprintf(ballast, sizeof ballast, "%s/ballast", place);
    put_bytes(ballast, bytes, sizeof bytes, 0);
    put_bytes(ballast, bytes, sizeof bytes, sizeof bytes);
    case_begin(&c, seed);
    c.options.directory = c.directory = place;
    assert_int_equal(case_open(&c), LOG_OK);
    fill_up();
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(log_retry(c.log), LOG_OK);
    assert_int_equal(case_append(&c, 600), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
    case_close(&c);
    assert_int_equal(case_open(&c), LOG_OK);
    case_end(&c);
    assert_int_equal(umount2(place, MNT_DETACH), 0);
    rmdir(place);
}

int main(void)
{
    seed = test_seed("test_log_files");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_begins_at_position_one_and_counts_without_gaps),
        cmocka_unit_test(test_log_syncs_a_group_with_one_write_and_one_sync),
        cmocka_unit_test(test_log_reads_from_any_position_until_the_visitor_ends_it),
        cmocka_unit_test(test_log_releases_whole_segments_below_a_position),
        cmocka_unit_test(test_log_takes_a_record_of_sixteen_mebibytes),
        cmocka_unit_test(test_log_goes_on_with_segments_of_another_size),
        cmocka_unit_test(test_log_refuses_a_second_opening),
        cmocka_unit_test(test_log_refuses_another_version_with_advice),
        cmocka_unit_test(test_log_refuses_foreign_files_with_advice),
        cmocka_unit_test(test_log_names_a_directory_that_is_not_there),
        cmocka_unit_test(test_log_says_that_it_is_full_and_goes_on_when_there_is_room),
        cmocka_unit_test(test_log_makes_room_for_itself_by_releasing),
        cmocka_unit_test(test_log_warns_when_no_spare_can_be_made_while_it_still_has_room),
        cmocka_unit_test(test_log_fills_its_spare_while_its_segment_fills),
        cmocka_unit_test(test_log_with_no_room_at_all_is_not_made),
        cmocka_unit_test(test_log_fills_a_real_disk_and_goes_on_when_a_file_is_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
