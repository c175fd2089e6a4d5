/* Segments that are used again: what a file held before never comes back, whatever fails and
 * whenever power goes; nobody who still has a file finds other bytes in it; no zeros are written.
 */
#include "log/layout.h"
#include "log_case.h"
#include "seed.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STEPS 130

static struct log_case c;
static uint64_t seed;

static void begin(uint64_t of)
{
    case_begin(&c, of);
    c.releases = true;
}

/* A page each; seven fill a segment. */
static void add_groups(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(case_append(&c, 1500), LOG_OK);
        assert_int_equal(case_append(&c, 1500), LOG_OK);
        assert_int_equal(case_sync(&c), LOG_OK);
        assert_int_equal(log_tend(c.log), LOG_OK);
    }
}

static void add_and_release(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        add_groups(1);
        assert_int_equal(case_release(&c, c.durable), LOG_OK);
    }
}

static void read_page(uint8_t page[LOG_PAGE_BYTES], const char *path, uint64_t offset)
{
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, page, LOG_PAGE_BYTES, (off_t)offset), LOG_PAGE_BYTES);
    close(fd);
}

static void write_page(const char *path, const uint8_t page[LOG_PAGE_BYTES], uint64_t offset)
{
    const int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, page, LOG_PAGE_BYTES, (off_t)offset), LOG_PAGE_BYTES);
    assert_int_equal(fdatasync(fd), 0);
    close(fd);
}

/* The newest segment's name, and how many files of a segment's size the log has. */
static uint32_t newest(char name[32])
{
    DIR *list = opendir(c.directory);
    uint32_t count = 0;
    assert_non_null(list);
    name[0] = '\0';
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        const size_t length = strlen(entry->d_name);
        count += length == 20 || strcmp(entry->d_name, "spare") == 0;
        if (length == 20 && strcmp(entry->d_name, name) > 0)
            snprintf(name, 32, "%.20s", entry->d_name);
    }
    closedir(list);
    return count;
}

static struct log_segment_head newest_head(char name[32])
{
    struct log_segment_head head = {0};
    uint8_t page[LOG_PAGE_BYTES];
    uint32_t version = 0;
    newest(name);
    read_page(page, case_path(&c, name), 0);
    assert_int_equal(log_segment_decode(&head, &version, TN_CPU_BASE, page), LOG_HEAD_GOOD);
    return head;
}

/* ---- Which files -------------------------------------------------------------------------------
 */

static void test_log_uses_the_files_of_released_segments_again(void **state)
{
    (void)state;
    char name[32];
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(newest_head(name).version, LOG_VERSION_ZEROS);
    add_and_release(30);
    const uint64_t used = faulty_disk_used();
    for (uint32_t i = 0; i < 20; i++) {
        faulty_disk_fail(FAULTY_NONE, 0);
        add_and_release(7);
        /* A write and a sync for each group. A segment: opened, renamed, synced, its head written
         * and synced, renamed, synced, the old one closed. */
        assert_true(faulty_disk_calls() <= 2 * 7 + 8);
        assert_int_equal(faulty_disk_used(), used);
        assert_in_range(newest(name), 2, 3); /* the one in use, the next, one that is to follow */
        assert_int_equal(newest_head(name).version, LOG_VERSION_AGAIN);
    }
    assert_int_equal(case_check(&c), LOG_OK);
    case_crash(&c, FAULTY_LOSE);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(30);
    case_end(&c);
}

/* As checkpoints do: the next three segments fill while those before are needed. */
static void test_log_writes_no_zeros_where_several_segments_are_released_at_once(void **state)
{
    (void)state;
    uint64_t used = 0;
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 20; i++) {
        faulty_disk_fail(FAULTY_NONE, 0);
        add_groups(3 * 7);
        assert_int_equal(case_release(&c, c.durable - 3 * 7 * 2), LOG_OK);
        if (i < 6) continue;
        if (i == 6) used = faulty_disk_used();
        assert_true(faulty_disk_calls() <= 3 * (2 * 7 + 8));
        assert_int_equal(faulty_disk_used(), used);
    }
    assert_int_equal(case_check(&c), LOG_OK);
    case_end(&c);
}

static void test_log_with_segments_of_another_size_deletes_those_of_before(void **state)
{
    (void)state;
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(30);
    case_close(&c);
    c.options.segment_bytes = 65536;
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(60);
    assert_int_equal(faulty_disk_used() % 65536, 0);
    assert_int_equal(case_check(&c), LOG_OK);
    case_end(&c);
}

/* ---- Who else has a file -----------------------------------------------------------------------
 */

static void assert_same(const uint8_t *before, int fd)
{
    uint8_t now[32768];
    assert_int_equal(pread(fd, now, sizeof now, 0), sizeof now);
    assert_memory_equal(before, now, sizeof now);
}

static void test_log_never_writes_over_a_file_that_somebody_reads(void **state)
{
    (void)state;
    uint8_t before[32768];
    char name[32];
    for (uint32_t others = 0; others < 20; others++) {
        begin(seed + others);
        assert_int_equal(case_open(&c), LOG_OK);
        add_and_release(1 + others);
        newest(name);
        const int fd = open(case_path(&c, name), O_RDONLY);
        assert_true(fd >= 0);
        add_groups(8); /* the next segment is in use */
        assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
        add_and_release(40);
        assert_same(before, fd);
        close(fd);
        case_end(&c);
    }
}

static void test_log_never_writes_over_a_file_that_has_another_name(void **state)
{
    (void)state;
    uint8_t before[32768];
    char name[32], kept[600];
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(9);
    newest(name);
    snprintf(kept, sizeof kept, "%s.kept", c.directory);
    assert_int_equal(link(case_path(&c, name), kept), 0);
    add_groups(8);
    const int fd = open(kept, O_RDONLY);
    assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
    close(fd);
    add_and_release(40);
    const int again = open(kept, O_RDONLY);
    assert_same(before, again);
    close(again);
    assert_int_equal(unlink(kept), 0);
    case_end(&c);
}

struct reading {
    uint64_t next;
    bool is_right;
};

/* The owner goes on while its log is read beside it: everything that was there when the reading
 * began is released, and its files are wanted again. */
static bool write_on(void *context, const struct log_record *record)
{
    struct reading *reading = context;
    if (reading->next == 0) reading->next = record->position;
    reading->is_right = reading->is_right && record->position == reading->next++;
    if (c.end < CASE_RECORDS_MAX - 10 && reading->next < 200) add_and_release(2);
    return true;
}

static void test_log_is_read_beside_an_owner_who_uses_segments_again(void **state)
{
    (void)state;
    struct log_report report;
    struct reading reading = {.is_right = true};
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(50);
    const uint64_t end = c.end;
    assert_int_equal(log_read_beside(c.directory, TN_CPU_BASE, &report, write_on, &reading, 1),
                     LOG_OK);
    assert_true(reading.is_right);
    assert_true(reading.next >= end);
    assert_true(log_first_position(c.log) > end);
    case_end(&c);
}

static bool append_on(void *context, const struct log_record *record)
{
    (void)record;
    uint64_t *left = context;
    if (*left == 0) return true;
    --*left;
    assert_int_equal(case_append(&c, 3000), LOG_OK);
    return true;
}

/* A visitor may append, also so much that segments are begun; what it reads stays. */
static void test_log_leaves_a_segment_in_place_while_its_owner_reads(void **state)
{
    (void)state;
    uint64_t left = 30;
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(40);
    add_groups(20);
    c.released = c.end - 20;
    assert_int_equal(case_release(&c, c.released), LOG_OK);
    const uint64_t first = log_first_position(c.log);
    assert_int_equal(log_read(c.log, append_on, &left, 0), LOG_OK);
    assert_int_equal(left, 0);
    assert_int_equal(log_first_position(c.log), first);
    assert_int_equal(case_sync(&c), LOG_OK);
    assert_int_equal(case_check(&c), LOG_OK);
    case_end(&c);
}

/* ---- What a file held before -------------------------------------------------------------------
 */

/* After every group: the whole rest of the file is groups of before, each with good checksums. */
static void test_log_finds_its_end_before_groups_of_an_earlier_segment(void **state)
{
    (void)state;
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(40);
    for (uint32_t i = 0; i < 16; i++) {
        const uint64_t end = c.end;
        case_crash(&c, FAULTY_LOSE);
        assert_int_equal(case_open(&c), LOG_OK);
        assert_int_equal(c.end, end);
        assert_int_equal(c.report.torn_bytes, 0);
        add_and_release(1 + i);
    }
    case_end(&c);
}

static uint64_t place_of_last_group(char name[32])
{
    const struct log_segment_head head = newest_head(name);
    uint64_t place = 0;
    for (uint64_t at = LOG_PAGE_BYTES; at < head.segment_bytes; at += LOG_PAGE_BYTES) {
        uint8_t page[LOG_PAGE_BYTES];
        struct log_group_head group;
        read_page(page, case_path(&c, name), at);
        if (log_group_decode(&group, TN_CPU_BASE, page) && group.previous_end == head.base + at)
            place = at;
    }
    assert_true(place > 0);
    return place;
}

/* The last group's first page, its second or none of it came to the disk; what stood there before
 * stands there still. Nobody knows that it was promised, so it is a torn tail. */
static void test_log_takes_half_a_group_over_old_ones_for_a_torn_tail(void **state)
{
    (void)state;
    uint8_t old[2][LOG_PAGE_BYTES], new[2][LOG_PAGE_BYTES];
    char name[32];
    for (uint32_t kept = 0; kept < 3; kept++) {
        begin(seed);
        c.options.group_bytes_max = 8000;
        assert_int_equal(case_open(&c), LOG_OK);
        add_and_release(40);
        while (newest_head(name).version != LOG_VERSION_AGAIN || place_of_last_group(name) > 12000)
            add_and_release(1);
        const uint64_t place = place_of_last_group(name) + LOG_PAGE_BYTES;
        const uint64_t end = c.end;
        for (uint32_t i = 0; i < 2; i++)
            read_page(old[i], case_path(&c, name), place + i * LOG_PAGE_BYTES);
        assert_int_equal(case_append(&c, 6000), LOG_OK);
        assert_int_equal(case_sync(&c), LOG_OK);
        case_close(&c);
        for (uint32_t i = 0; i < 2; i++) {
            read_page(new[i], case_path(&c, name), place + i * LOG_PAGE_BYTES);
            if (kept != i + 1) write_page(case_path(&c, name), old[i], place + i * LOG_PAGE_BYTES);
        }
        c.durable = end; /* the promise goes with it: no disk may do this to a synced group */
        assert_int_equal(case_open(&c), LOG_OK);
        assert_int_equal(c.end, end);
        assert_int_equal(c.report.torn_bytes > 0, kept == 1);
        case_end(&c);
    }
}

/* The same of a group that a later one knows to be durable. */
static void test_log_reports_old_groups_where_durable_ones_stood(void **state)
{
    (void)state;
    uint8_t old[LOG_PAGE_BYTES];
    char name[32];
    begin(seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_and_release(40);
    while (newest_head(name).version != LOG_VERSION_AGAIN || place_of_last_group(name) > 12000)
        add_and_release(1);
    const uint64_t place = place_of_last_group(name) + LOG_PAGE_BYTES;
    read_page(old, case_path(&c, name), place);
    add_groups(2);
    case_close(&c);
    write_page(case_path(&c, name), old, place);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    assert_non_null(strstr(c.report.problem, name));
    case_end(&c);
}

/* ---- Faults ------------------------------------------------------------------------------------
 */

static void go_on_and_check(enum faulty_disk_loss loss)
{
    case_crash(&c, FAULTY_KEEP);
    if (loss != FAULTY_KEEP) faulty_disk_crash(loss);
    assert_int_equal(case_run(&c, 60), LOG_OK);
    case_crash(&c, FAULTY_LOSE);
    assert_int_equal(case_open(&c), LOG_OK);
}

static bool run_with_fault(enum faulty_disk_fault fault, uint64_t n, enum log_result *answer)
{
    begin(seed);
    faulty_disk_fail(fault, n);
    *answer = case_run(&c, STEPS);
    if (faulty_disk_calls() >= n) return true;
    case_end(&c);
    return false;
}

static void test_log_that_uses_segments_again_survives_a_loss_of_power_at_every_change(void **state)
{
    (void)state;
    enum log_result answer;
    const uint64_t first = seed;
    for (seed = first; seed < first + 6; seed++) {
        uint64_t n = 1;
        for (; run_with_fault(FAULTY_CRASH, n, &answer); n++) {
            assert_true(answer == LOG_BROKEN || answer == LOG_FAILED);
            case_crash(&c, n % 4 == 0 ? FAULTY_LOSE : FAULTY_TORN);
            assert_int_equal(case_open(&c), LOG_OK);
            go_on_and_check(n % 3);
            case_end(&c);
        }
        assert_true(n > 80);
    }
    seed = first;
}

static void test_log_that_uses_segments_again_survives_an_error_at_every_call(void **state)
{
    (void)state;
    static const enum faulty_disk_fault faults[] = {FAULTY_EIO, FAULTY_ENOSPC, FAULTY_SHORT_WRITE,
                                                    FAULTY_EINTR};
    for (uint32_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        enum log_result answer;
        for (uint64_t n = 1; run_with_fault(faults[i], n, &answer); n++) {
            if (faults[i] == FAULTY_SHORT_WRITE || faults[i] == FAULTY_EINTR)
                assert_int_equal(answer, LOG_OK);
            if (answer == LOG_FULL && c.log != NULL) {
                assert_int_equal(log_retry(c.log), LOG_OK);
                assert_int_equal(case_sync(&c), LOG_OK);
            }
            assert_true(answer != LOG_DAMAGED && answer != LOG_REFUSED);
            go_on_and_check(n % 3);
            case_end(&c);
        }
    }
}

/* A life that ends in order, whose n-th call may have lied; then the log is read in full. */
static enum log_result read_after_a_lie(enum faulty_disk_fault fault, uint64_t n, bool *more)
{
    begin(seed);
    c.seals = true;
    faulty_disk_fail(fault, n);
    enum log_result answer = case_run(&c, STEPS);
    *more = faulty_disk_calls() >= n;
    if (answer == LOG_OK) answer = case_sync(&c);
    if (answer == LOG_OK) answer = log_seal(c.log);
    case_close(&c);
    return answer == LOG_OK ? case_open(&c) : answer;
}

/* Any write that lands elsewhere, nowhere, or with a bit turned over is noticed or harmless. */
static void test_log_that_uses_segments_again_shows_no_wrong_record_on_a_disk_that_lies(
    void **state)
{
    (void)state;
    static const enum faulty_disk_fault faults[] = {FAULTY_MISDIRECT, FAULTY_DROP, FAULTY_FLIP};
    for (uint32_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint64_t refused = 0;
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            const enum log_result answer = read_after_a_lie(faults[i], n, &more);
            assert_true(answer == LOG_OK || answer == LOG_DAMAGED || answer == LOG_REFUSED);
            refused += answer != LOG_OK;
            case_end(&c);
        }
        assert_true(refused > 0);
    }
}

static void test_log_that_uses_segments_again_survives_hundreds_of_random_lives(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (uint32_t disk = 0; disk < 40; disk++) {
        begin(seed + 1 + disk);
        for (uint32_t life = 0; life < 15; life++) {
            faulty_disk_fail(FAULTY_CRASH, 1 + tn_random_below(&random, 60));
            const enum log_result answer = case_run(&c, 90);
            if (answer == LOG_DAMAGED) print_message("%s\n", c.report.problem);
            assert_int_not_equal(answer, LOG_DAMAGED);
            const uint64_t dice = tn_random_below(&random, 10);
            case_crash(&c, dice == 0 ? FAULTY_KEEP : dice == 1 ? FAULTY_LOSE : FAULTY_TORN);
        }
        assert_int_equal(case_open(&c), LOG_OK);
        case_end(&c);
    }
}

int main(void)
{
    seed = test_seed("test_log_again");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_uses_the_files_of_released_segments_again),
        cmocka_unit_test(test_log_writes_no_zeros_where_several_segments_are_released_at_once),
        cmocka_unit_test(test_log_with_segments_of_another_size_deletes_those_of_before),
        cmocka_unit_test(test_log_never_writes_over_a_file_that_somebody_reads),
        cmocka_unit_test(test_log_never_writes_over_a_file_that_has_another_name),
        cmocka_unit_test(test_log_is_read_beside_an_owner_who_uses_segments_again),
        cmocka_unit_test(test_log_leaves_a_segment_in_place_while_its_owner_reads),
        cmocka_unit_test(test_log_finds_its_end_before_groups_of_an_earlier_segment),
        cmocka_unit_test(test_log_takes_half_a_group_over_old_ones_for_a_torn_tail),
        cmocka_unit_test(test_log_reports_old_groups_where_durable_ones_stood),
        cmocka_unit_test(
            test_log_that_uses_segments_again_survives_a_loss_of_power_at_every_change),
        cmocka_unit_test(test_log_that_uses_segments_again_survives_an_error_at_every_call),
        cmocka_unit_test(
            test_log_that_uses_segments_again_shows_no_wrong_record_on_a_disk_that_lies),
        cmocka_unit_test(test_log_that_uses_segments_again_survives_hundreds_of_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
