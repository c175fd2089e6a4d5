/* The store on a disk that fails: at every single call in turn an error, a full disk, a short
 * write, the end of the process or of the power. What is found afterwards is exactly what some
 * checkpoint wrote, at or after the last one that was reported as durable; and it goes on. */
#define _GNU_SOURCE /* nftw */
#include "faulty_disk.h"
#include "seed.h"
#include "store_script.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define HEIGHTS 10

static struct script script = {.records_max = 12, .value_max = 200};

static int learn(void **state)
{
    char folder[256], path[300];
    (void)state;
    script.seed = test_seed("test_store_faults");
    script_make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/store", folder);
    script_learn(&script, path, HEIGHTS + 2);
    script_remove_folder(path);
    script_remove_folder(folder);
    return 0;
}

/* Runs to HEIGHTS or to the first error that ends the store; returns the last height acknowledged.
 * A full disk is tried again at once: the fault happens but once. */
static uint64_t run_until_it_fails(const char *directory, uint64_t *full_count)
{
    struct store_config config = script_config(directory);
    struct store_trail trail;
    struct store *store;
    uint64_t durable = 0;
    enum store_err err = store_open(&store, &config, &trail);
    if (err != STORE_OK) return 0;
    for (uint64_t height = 1; height <= HEIGHTS && err == STORE_OK; height++) {
        err = script_step(&script, store, height);
        if (err == STORE_FULL) {
            (*full_count)++;
            err = store_drain(store, 0);
        }
        if (err == STORE_OK) durable = height;
    }
    store_close(store);
    return durable;
}

/* After the restart: nothing acknowledged is lost, nothing is half there, and it works again. */
static void check_after(const char *directory, uint64_t durable)
{
    struct store_config config = script_config(directory);
    struct store_trail trail;
    struct store *store;
    struct store_view *view;
    struct store_checked checked;
    char lock[300];
    snprintf(lock, sizeof lock, "%s/lock.mdb", directory);
    unlink(lock);
    if (store_open(&store, &config, &trail) != STORE_OK)
        fail_msg("%s: %s", faulty_disk_place(), trail.text);
    uint64_t height = script_check(&script, store);
    if (height < durable) {
        store_close(store);
        faulty_disk_close();
        fail_msg("%d was durable, %d is there", (int)durable, (int)height);
    }
    while (height < HEIGHTS + 2)
        assert_int_equal(script_step(&script, store, ++height), STORE_OK);
    assert_int_equal(script_check(&script, store), HEIGHTS + 2);
    assert_int_equal(store_view_begin(store, &view, &trail), STORE_OK);
    if (store_check_view(view, &checked, &trail) != STORE_OK) fail_msg("%s", trail.text);
    store_view_end(view);
    store_close(store);
}

/* One life with one fault, and what follows. False: the fault never came. */
static bool live(enum faulty_disk_fault fault, uint64_t n, enum faulty_disk_loss loss,
                 uint64_t *full_count)
{
    const char *directory = faulty_disk_open(script.seed + n);
    faulty_disk_fail(fault, n);
    uint64_t durable = run_until_it_fails(directory, full_count);
    bool fired = faulty_disk_fired();
    faulty_disk_crash(loss);
    check_after(directory, durable);
    faulty_disk_close();
    return fired;
}

static uint64_t live_at_every_call(enum faulty_disk_fault fault, enum faulty_disk_loss loss)
{
    uint64_t full_count = 0, misses = 0, hits = 0;
    for (uint64_t n = 1; misses < 40; n++) { /* some calls take no notice of some faults */
        bool fired = live(fault, n, loss, &full_count);
        misses = fired ? 0 : misses + 1;
        hits += fired;
    }
    assert_true(hits >= 20); /* or they did not reach the store's calls */
    return full_count;
}

static void test_store_keeps_what_is_durable_when_the_power_fails_at_any_call(void **state)
{
    (void)state;
    live_at_every_call(FAULTY_CRASH, FAULTY_LOSE);
}

static void test_store_keeps_what_is_durable_when_unsynced_writes_are_torn_at_any_call(void **state)
{
    (void)state;
    live_at_every_call(FAULTY_CRASH, FAULTY_TORN);
}

static void test_store_keeps_what_is_durable_when_the_process_dies_at_any_call(void **state)
{
    (void)state;
    live_at_every_call(FAULTY_CRASH, FAULTY_KEEP);
}

static void test_store_keeps_what_is_durable_when_any_call_fails_with_an_error(void **state)
{
    (void)state;
    live_at_every_call(FAULTY_EIO, FAULTY_LOSE);
    live_at_every_call(FAULTY_EIO, FAULTY_KEEP);
}

static void test_store_goes_on_after_the_disk_was_full_at_any_call(void **state)
{
    (void)state;
    assert_true(live_at_every_call(FAULTY_ENOSPC, FAULTY_LOSE) > 10);
}

static void test_store_waits_while_the_disk_stays_full_and_then_loses_nothing(void **state)
{
    const char *directory = faulty_disk_open(script.seed);
    struct store_config config = script_config(directory);
    struct store_status status;
    struct store_trail trail;
    struct store *store;
    uint64_t height = 0;
    enum store_err err;
    (void)state;
    assert_int_equal(store_open(&store, &config, &trail), STORE_OK);
    assert_int_equal(script_step(&script, store, ++height), STORE_OK);
    faulty_disk_limit(faulty_disk_used());
    do {
        err = script_step(&script, store, ++height);
    } while (err == STORE_OK && height < HEIGHTS);
    assert_int_equal(err, STORE_FULL);
    for (uint32_t tries = 0; tries < 5; tries++)
        assert_int_equal(store_drain(store, 0), STORE_FULL);
    assert_int_equal(script_check(&script, store), height - 1); /* still readable */
    store_status(store, &status);
    assert_int_equal(status.state, STORE_FULL);
    assert_int_equal(status.durable.height, height - 1);
    assert_true(status.full_count >= 6 && status.queued_bytes > 0);
    assert_true(strlen(status.trail.text) > 20);
    assert_int_equal(script_step(&script, store, ++height), STORE_FULL); /* waits behind it */
    faulty_disk_limit(UINT64_MAX);
    assert_int_equal(store_drain(store, 0), STORE_OK);
    assert_int_equal(script_check(&script, store), height);
    store_close(store);
    faulty_disk_crash(FAULTY_LOSE);
    check_after(directory, height);
    faulty_disk_close();
}

static void test_store_keeps_what_is_durable_when_any_write_is_short(void **state)
{
    (void)state;
    live_at_every_call(FAULTY_SHORT_WRITE, FAULTY_TORN);
}

/* Shared with the child in which the disk lies: its process may crash of what it reads. */
struct lie {
    enum faulty_disk_fault fault;
    uint64_t n;
    char directory[300];
};

static enum store_err run_with_lies(void *context, struct store_trail *trail)
{
    struct lie *lie = context;
    uint64_t full_count = 0;
    (void)trail;
    snprintf(lie->directory, sizeof lie->directory, "%s", faulty_disk_open(script.seed + lie->n));
    faulty_disk_fail(lie->fault, lie->n);
    run_until_it_fails(lie->directory, &full_count);
    return STORE_OK;
}

/* STORE_BUSY: sound, but what no checkpoint wrote. */
static enum store_err look(void *context, struct store_trail *trail)
{
    struct store_config config = script_config(context);
    struct store *store;
    struct store_view *view;
    struct store_checked checked;
    uint64_t digest;
    enum store_err err = store_open_reader(&store, &config, true, trail);
    if (err != STORE_OK) return err;
    err = store_view_begin(store, &view, trail);
    if (err != STORE_OK) return err;
    err = store_check_view(view, &checked, trail);
    if (err != STORE_OK) return err;
    err = script_try_digest(view, &digest);
    if (err != STORE_OK) return err;
    store_view_end(view);
    store_close(store);
    for (uint64_t height = 0; height <= HEIGHTS; height++)
        if (digest == script.digests[height]) return STORE_OK;
    return STORE_BUSY;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *level)
{
    (void)status;
    (void)flag;
    (void)level;
    return remove(path);
}

/* A life on a disk that answers well and does otherwise, and what is said of its files then. */
static void live_with_lies(enum faulty_disk_fault fault, uint64_t n, uint32_t *found_count,
                           uint32_t *silent_count)
{
    struct store_trail trail;
    struct lie *lie =
        mmap(NULL, sizeof *lie, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(lie != MAP_FAILED);
    *lie = (struct lie){.fault = fault, .n = n};
    enum store_err err = store_apart(run_with_lies, lie, 1000, &trail);
    assert_true(err == STORE_OK || err == STORE_CORRUPT);
    err = store_apart(look, lie->directory, 1000, &trail);
    *found_count += err == STORE_CORRUPT || err == STORE_REFUSED;
    *silent_count += err == STORE_BUSY;
    *strrchr(lie->directory, '/') = 0; /* the disk has its files one folder below its own */
    if (access(lie->directory, F_OK) == 0)
        assert_int_equal(nftw(lie->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    munmap(lie, sizeof *lie);
}

static void test_store_check_finds_bits_that_the_disk_stored_wrong_at_any_write(void **state)
{
    uint32_t found_count = 0, silent_count = 0;
    (void)state;
    for (uint64_t n = 1; n <= 70; n++)
        live_with_lies(FAULTY_FLIP, n, &found_count, &silent_count);
    assert_int_equal(silent_count, 0);
    assert_true(found_count > 3); /* most are written over by what follows */
}

/* A write that is lost or lands elsewhere leaves an old page, sound by itself: its records are
 * found by their root alone. But a reader survives, and some are found. */
static void test_store_check_survives_writes_that_the_disk_lost_or_misplaced(void **state)
{
    uint32_t found_count = 0, silent_count = 0;
    (void)state;
    for (uint64_t n = 1; n <= 70; n += 3) {
        live_with_lies(FAULTY_MISDIRECT, n, &found_count, &silent_count);
        live_with_lies(FAULTY_DROP, n, &found_count, &silent_count);
    }
    assert_true(found_count > 10);
    print_message("found %u, left to the root %u\n", found_count, silent_count);
}

/* With an argument: only the tests whose names it fits. */
int main(int arguments_count, char **arguments)
{
    if (arguments_count > 1) cmocka_set_test_filter(arguments[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_keeps_what_is_durable_when_the_power_fails_at_any_call),
        cmocka_unit_test(
            test_store_keeps_what_is_durable_when_unsynced_writes_are_torn_at_any_call),
        cmocka_unit_test(test_store_keeps_what_is_durable_when_the_process_dies_at_any_call),
        cmocka_unit_test(test_store_keeps_what_is_durable_when_any_call_fails_with_an_error),
        cmocka_unit_test(test_store_goes_on_after_the_disk_was_full_at_any_call),
        cmocka_unit_test(test_store_waits_while_the_disk_stays_full_and_then_loses_nothing),
        cmocka_unit_test(test_store_keeps_what_is_durable_when_any_write_is_short),
        cmocka_unit_test(test_store_check_finds_bits_that_the_disk_stored_wrong_at_any_write),
        cmocka_unit_test(test_store_check_survives_writes_that_the_disk_lost_or_misplaced),
    };
    return cmocka_run_group_tests(tests, learn, NULL);
}
