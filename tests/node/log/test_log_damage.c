/* Torn tail or damage: bits that turn over, writes that land elsewhere or nowhere, bytes of earlier
 * lives and of other logs. Durable records that are wrong or missing are reported, never dropped;
 * what a crash leaves is dropped, never reported. */
#include "log/layout.h"
#include "log_case.h"
#include "seed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct log_case c;
static uint64_t seed;

#define FIRST "0000000000000001.log"

/* A group of `records` records of `size` bytes, written and durable. */
static void add_group(uint32_t records, uint32_t size)
{
    for (uint32_t i = 0; i < records; i++)
        assert_int_equal(case_append(&c, size), LOG_OK);
    assert_int_equal(case_sync(&c), LOG_OK);
}

static void read_bytes(uint8_t *bytes, const char *path, size_t size, off_t offset)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, size, offset), size);
    close(fd);
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t size, off_t offset)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, offset), size);
    assert_int_equal(fdatasync(fd), 0);
    close(fd);
}

static bool is_refusal(enum log_result result)
{
    return result == LOG_DAMAGED || result == LOG_REFUSED;
}

/* Opens and reads all. True: everything is there; false: it was refused. Nothing between. */
static bool opens_whole(void)
{
    uint64_t end = c.end;
    enum log_result result = case_open(&c);
    if (result == LOG_OK) {
        assert_int_equal(c.end, end);
        case_close(&c);
        return true;
    }
    assert_true(is_refusal(result));
    const char *problem = c.log == NULL ? c.report.problem : log_problem(c.log);
    assert_non_null(strstr(problem, c.directory));
    case_close(&c);
    return false;
}

static void flip_and_back(const char *name, uint64_t offset, unsigned bit, uint64_t *refused)
{
    uint8_t before[LOG_PAGE_BYTES * 8];
    struct stat status;
    assert_int_equal(stat(case_path(&c, name), &status), 0);
    assert_true((size_t)status.st_size <= sizeof before);
    read_bytes(before, case_path(&c, name), (size_t)status.st_size, 0);
    faulty_disk_flip_bit(case_path(&c, name), offset, bit);
    if (!opens_whole()) ++*refused;
    write_bytes(case_path(&c, name), before, (size_t)status.st_size, 0);
}

static void test_log_reports_a_turned_bit_in_what_was_durable(void **state)
{
    (void)state;
    uint64_t random = seed;
    uint64_t refused = 0;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 9; i++)
        add_group(3, 1200);
    assert_int_equal(log_seal(c.log), LOG_OK);
    case_close(&c);
    for (uint32_t i = 0; i < 1500; i++) {
        const char *name = i % 2 == 0 ? FIRST : "0000000000000016.log";
        flip_and_back(name, tn_random_below(&random, 32768), (unsigned)i, &refused);
    }
    assert_true(refused > 600); /* most bytes count; the rest pads */
    case_end(&c);
}

static void test_log_reports_a_turned_bit_in_every_byte_of_a_head(void **state)
{
    (void)state;
    uint64_t refused = 0;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(1, 10);
    add_group(1, 10);
    case_close(&c);
    for (uint32_t i = 0; i < LOG_SEGMENT_HEAD_BYTES; i++)
        flip_and_back(FIRST, i, i, &refused);
    assert_int_equal(refused, LOG_SEGMENT_HEAD_BYTES);
    for (uint32_t i = 0; i < LOG_GROUP_HEAD_BYTES + LOG_RECORD_HEAD_BYTES + 10; i++)
        flip_and_back(FIRST, LOG_PAGE_BYTES + i, i, &refused);
    assert_int_equal(refused,
                     LOG_SEGMENT_HEAD_BYTES + LOG_GROUP_HEAD_BYTES + LOG_RECORD_HEAD_BYTES + 10);
    case_end(&c);
}

/* Any one write of a life lands elsewhere, nowhere, or with a bit turned over. */
static uint64_t damage_every_write(enum faulty_disk_fault fault, uint64_t from)
{
    uint64_t reported = 0;
    for (uint64_t n = 1;; n++) {
        case_begin(&c, from);
        c.seals = true;
        faulty_disk_fail(fault, n);
        enum log_result answer = case_run(&c, 80);
        bool more = faulty_disk_calls() >= n;
        if (answer == LOG_OK) answer = case_sync(&c);
        if (answer == LOG_OK) answer = log_seal(c.log);
        case_close(&c);
        if (answer == LOG_OK)
            reported += !opens_whole();
        else {
            assert_true(is_refusal(answer)); /* it read itself, and saw */
            reported++;
        }
        faulty_disk_close();
        if (!more) break;
    }
    return reported;
}

static void test_log_reports_a_write_that_landed_elsewhere(void **state)
{
    (void)state;
    assert_true(damage_every_write(FAULTY_MISDIRECT, seed) > 10);
}

static void test_log_reports_a_write_that_never_landed(void **state)
{
    (void)state;
    assert_true(damage_every_write(FAULTY_DROP, seed) > 10);
}

static void test_log_reports_a_write_with_a_wrong_bit(void **state)
{
    (void)state;
    uint64_t reported = 0;
    for (uint32_t i = 0; i < 4; i++)
        reported += damage_every_write(FAULTY_FLIP, seed + i);
    assert_true(reported > 10); /* many a bit only pads */
}

/* The last group of all lands on a sector of the one before it that only pads. */
static void test_log_reports_a_last_group_that_landed_elsewhere(void **state)
{
    (void)state;
    uint8_t page[LOG_PAGE_BYTES];
    static const uint8_t zeros[LOG_PAGE_BYTES];
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(2, 100);
    add_group(2, 100);
    case_close(&c);
    read_bytes(page, case_path(&c, FIRST), sizeof page, 2 * LOG_PAGE_BYTES);
    write_bytes(case_path(&c, FIRST), zeros, sizeof zeros, 2 * LOG_PAGE_BYTES);
    write_bytes(case_path(&c, FIRST), page, sizeof page, LOG_PAGE_BYTES + 512);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    assert_non_null(strstr(c.report.problem, "written for another place"));
    case_end(&c);
}

/* One group is missing and a later one says that it was durable. */
static void test_log_reports_a_hole_before_a_group_that_knows_better(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(2, 100);
    faulty_disk_fail(FAULTY_DROP, 1);
    add_group(2, 100);
    assert_true(faulty_disk_fired());
    add_group(2, 100);
    case_close(&c);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    assert_non_null(strstr(c.report.problem, "byte 8192"));
    case_end(&c);
}

/* The same bytes on the disk, but nothing was promised: both groups were written before one sync.
 */
static void test_log_drops_a_hole_before_a_group_of_the_same_sync(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(2, 100);
    faulty_disk_fail(FAULTY_DROP, 1);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(case_append(&c, 2000), LOG_OK); /* the third begins a second group */
    assert_true(faulty_disk_fired());
    faulty_disk_fail(FAULTY_CRASH, 2);
    (void)case_sync(&c);
    case_crash(&c, FAULTY_KEEP);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(c.end, 3);
    assert_true(c.report.torn_bytes > 0);
    case_end(&c);
}

/* A life leaves groups behind the end; the next life's end comes to lie just before one of them. */
static void test_log_never_goes_on_with_groups_of_an_earlier_life(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    faulty_disk_fail(FAULTY_DROP, 1); /* two pages, two records: lost */
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(case_append(&c, 2400), LOG_OK);
    assert_int_equal(case_append(&c, 2400), LOG_OK); /* the group behind stays */
    assert_true(faulty_disk_fired());
    faulty_disk_fail(FAULTY_CRASH, 2); /* the sync */
    (void)case_sync(&c);
    case_crash(&c, FAULTY_KEEP);

    assert_int_equal(case_open(&c), LOG_OK);
    assert_true(c.report.torn_bytes > 0);
    assert_int_equal(c.end, 1);
    add_group(2, 50); /* a page, behind the page of the seal */
    case_close(&c);
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(c.end, 3); /* the old third record does not come back */
    assert_int_equal(c.report.groups_count, 2);
    case_end(&c);
}

/* A group of the same shape, place and log, from another history: only the chain tells. */
static void test_log_reports_a_group_of_another_history(void **state)
{
    (void)state;
    uint8_t stranger[LOG_PAGE_BYTES];
    for (uint32_t history = 0; history < 2; history++) {
        case_begin(&c, seed);
        c.random += history; /* other contents, else the same */
        assert_int_equal(case_open(&c), LOG_OK);
        for (uint32_t i = 0; i < 4; i++)
            add_group(2, 200);
        case_close(&c);
        if (history == 0) {
            read_bytes(stranger, case_path(&c, FIRST), sizeof stranger, 3 * LOG_PAGE_BYTES);
            faulty_disk_close();
        }
    }
    write_bytes(case_path(&c, FIRST), stranger, sizeof stranger, 3 * LOG_PAGE_BYTES);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    case_end(&c);
}

static bool keep_last(void *context, const struct log_record *record)
{
    *(struct log_record *)context = *record;
    return true;
}

/* The same for the last group of a segment: the head of the next one tells. */
static void test_log_reports_a_segment_that_ends_with_another_group(void **state)
{
    (void)state;
    uint8_t stranger[LOG_PAGE_BYTES];
    for (uint32_t history = 0; history < 2; history++) {
        case_begin(&c, seed);
        assert_int_equal(case_open(&c), LOG_OK);
        for (uint32_t i = 0; i < 9; i++) {
            if (i == 6) c.random += history; /* seven groups of a page fill a segment */
            add_group(2, 200);
        }
        case_close(&c);
        if (history == 0) {
            read_bytes(stranger, case_path(&c, FIRST), sizeof stranger, 7 * LOG_PAGE_BYTES);
            faulty_disk_close();
        }
    }
    assert_int_equal(case_open(&c), LOG_OK);
    struct log_record last = {0};
    write_bytes(case_path(&c, FIRST), stranger + LOG_GROUP_HEAD_BYTES,
                sizeof stranger - LOG_GROUP_HEAD_BYTES, 7 * LOG_PAGE_BYTES + LOG_GROUP_HEAD_BYTES);
    assert_int_equal(log_read(c.log, keep_last, &last, 13), LOG_DAMAGED);
    assert_int_equal(last.position, 0); /* good records, but under the head of others */
    write_bytes(case_path(&c, FIRST), stranger, sizeof stranger, 7 * LOG_PAGE_BYTES);
    assert_int_equal(log_read(c.log, keep_last, &last, 14), LOG_DAMAGED);
    assert_non_null(strstr(log_problem(c.log), "the next segment goes on from other records"));
    case_end(&c);
}

/* What a client sends is in the log: bytes that look like a group do not make one. */
static void test_log_takes_no_record_for_a_group(void **state)
{
    (void)state;
    uint8_t bytes[3 * LOG_PAGE_BYTES];
    uint64_t position;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    memset(bytes, 0, sizeof bytes);
    for (uint32_t sector = 0; sector < sizeof bytes / 512; sector++) {
        uint32_t place = sector * 512 + 512 - LOG_GROUP_HEAD_BYTES - LOG_RECORD_HEAD_BYTES;
        struct log_group_head head = {.previous_end = (uint64_t)LOG_PAGE_BYTES + sector * 512 + 512,
                                      .first_position = 2};
        head.durable_before = head.previous_end;
        if (place + LOG_GROUP_HEAD_BYTES <= sizeof bytes)
            log_group_encode(bytes + place, &head, TN_CPU_BASE);
    }
    assert_int_equal(log_append(c.log, &position, 1, bytes, sizeof bytes), LOG_OK);
    faulty_disk_fail(FAULTY_CRASH, 2);
    (void)case_sync(&c);
    case_close(&c);
    faulty_disk_crash(FAULTY_KEEP);
    memset(bytes, 0, 512);
    write_bytes(case_path(&c, FIRST), bytes, 512, LOG_PAGE_BYTES); /* its head is torn */
    assert_int_equal(case_open(&c), LOG_OK);
    assert_int_equal(c.end, 1);
    case_end(&c);
}

static void test_log_reports_a_missing_segment(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    for (uint32_t i = 0; i < 20; i++)
        add_group(3, 1200);
    case_close(&c);
    assert_int_equal(unlink(case_path(&c, "0000000000000016.log")), 0);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    assert_non_null(strstr(c.report.problem, "a segment before it is missing"));
    case_end(&c);
}

static void test_log_reports_a_cut_segment(void **state)
{
    (void)state;
    case_begin(&c, seed);
    assert_int_equal(case_open(&c), LOG_OK);
    add_group(1, 100);
    case_close(&c);
    assert_int_equal(truncate(case_path(&c, FIRST), 20000), 0);
    assert_int_equal(case_open(&c), LOG_DAMAGED);
    case_end(&c);
}

int main(void)
{
    seed = test_seed("test_log_damage");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_reports_a_turned_bit_in_what_was_durable),
        cmocka_unit_test(test_log_reports_a_turned_bit_in_every_byte_of_a_head),
        cmocka_unit_test(test_log_reports_a_write_that_landed_elsewhere),
        cmocka_unit_test(test_log_reports_a_last_group_that_landed_elsewhere),
        cmocka_unit_test(test_log_reports_a_write_that_never_landed),
        cmocka_unit_test(test_log_reports_a_write_with_a_wrong_bit),
        cmocka_unit_test(test_log_reports_a_hole_before_a_group_that_knows_better),
        cmocka_unit_test(test_log_drops_a_hole_before_a_group_of_the_same_sync),
        cmocka_unit_test(test_log_never_goes_on_with_groups_of_an_earlier_life),
        cmocka_unit_test(test_log_reports_a_group_of_another_history),
        cmocka_unit_test(test_log_reports_a_segment_that_ends_with_another_group),
        cmocka_unit_test(test_log_takes_no_record_for_a_group),
        cmocka_unit_test(test_log_reports_a_missing_segment),
        cmocka_unit_test(test_log_reports_a_cut_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
