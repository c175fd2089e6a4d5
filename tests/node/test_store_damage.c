/* Bits that flip in the file of a store that is not running: each is found and named, or hit bytes
 * that mean nothing. Whatever happens, the checking process survives. */
#define _GNU_SOURCE
#include "seed.h"
#include "store_script.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEIGHTS 14
#define PAGE    4096

struct place {
    char folder[256], path[300], file[320];
    struct store_config config;
    struct script script;
    uint8_t *bytes;
    size_t size;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct stat status;
    script_make_folder(place->folder, sizeof place->folder);
    snprintf(place->path, sizeof place->path, "%s/store", place->folder);
    snprintf(place->file, sizeof place->file, "%s/data.mdb", place->path);
    place->config = script_config(place->path);
    place->script = (struct script){.seed = 77, .records_max = 40, .value_max = 300};
    script_learn(&place->script, place->path, HEIGHTS);
    assert_int_equal(stat(place->file, &status), 0);
    place->size = (size_t)status.st_size;
    place->bytes = malloc(place->size);
    int file = open(place->file, O_RDONLY);
    assert_int_equal(read(file, place->bytes, place->size), status.st_size);
    close(file);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    script_remove_folder(place->path);
    script_remove_folder(place->folder);
    free(place->bytes);
    free(place);
    return 0;
}

static void write_byte(const struct place *place, size_t at, uint8_t byte)
{
    int file = open(place->file, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    close(file);
}

/* In the child: what a whole check says, and whether the content is a checkpoint that may be shown:
 * the last one, or the one before it, up to which the log is kept. */
static enum store_err check_and_compare(void *context, struct store_trail *trail)
{
    const struct place *place = context;
    struct store *store;
    struct store_view *view;
    struct store_checked checked;
    uint64_t digest;
    enum store_err err = store_open_reader(&store, &place->config, true, trail);
    if (err != STORE_OK) return err;
    err = store_view_begin(store, &view, trail);
    if (err != STORE_OK) return err;
    err = store_check_view(view, &checked, trail);
    if (err != STORE_OK) return err;
    err = script_try_digest(view, &digest);
    if (err != STORE_OK) return err;
    store_view_end(view);
    store_close(store);
    bool shown =
        digest == place->script.digests[HEIGHTS] || digest == place->script.digests[HEIGHTS - 1];
    return shown ? STORE_OK : STORE_BUSY;
}

static enum store_err flip_and_check(struct place *place, size_t at, unsigned bit,
                                     struct store_trail *trail)
{
    write_byte(place, at, place->bytes[at] ^ (uint8_t)(1u << bit));
    enum store_err err = store_apart(check_and_compare, place, 3000, trail);
    write_byte(place, at, place->bytes[at]);
    if (err != STORE_OK && err != STORE_CORRUPT && err != STORE_REFUSED)
        fail_msg("byte %zu bit %u: error %d: %s", at, bit, err, trail->text);
    return err;
}

static void test_store_check_finds_a_flipped_bit_anywhere_or_it_meant_nothing(void **state)
{
    struct place *place = *state;
    uint64_t random = test_seed("test_store_damage");
    struct store_trail trail;
    uint32_t found_count = 0;
    assert_int_equal(store_apart(check_and_compare, place, 3000, &trail), STORE_OK);
    for (uint32_t i = 0; i < 250; i++) {
        size_t at = tn_random_below(&random, place->size);
        unsigned bit = (unsigned)tn_random_below(&random, 8);
        found_count += flip_and_check(place, at, bit, &trail) != STORE_OK;
    }
    assert_true(found_count > 25);
}

/* The heads of pages are where LMDB follows what it reads. */
static void test_store_check_survives_flipped_bits_in_the_heads_of_pages(void **state)
{
    struct place *place = *state;
    uint64_t random = test_seed("test_store_damage");
    struct store_trail trail;
    uint32_t found_count = 0;
    for (uint32_t i = 0; i < 200; i++) {
        size_t page = tn_random_below(&random, place->size / PAGE);
        size_t at = page * PAGE + tn_random_below(&random, page < 2 ? 160 : 32);
        found_count +=
            flip_and_check(place, at, (unsigned)tn_random_below(&random, 8), &trail) != STORE_OK;
    }
    assert_true(found_count > 25);
}

static void test_store_check_names_the_database_and_the_key_of_a_flipped_bit(void **state)
{
    struct place *place = *state;
    static const char mark[] = "a record to be found again by its bytes";
    struct store_trail trail;
    struct store_checked checked;
    struct store *store;
    assert_int_equal(store_open(&store, &place->config, &trail), STORE_OK);
    assert_int_equal(store_put_record(store, 6, 0xABCD, (const uint8_t *)mark, sizeof mark),
                     STORE_OK);
    struct store_point point = script_point(&place->script, HEIGHTS + 1);
    assert_int_equal(store_checkpoint(store, &point), STORE_OK);
    store_close(store);
    assert_int_equal(store_check(&place->config, &checked, &trail), STORE_OK);
    assert_true(checked.values_count[STORE_RECORDS] > 50);

    size_t size = place->size + (size_t)1024 * 1024;
    uint8_t *bytes = calloc(1, size);
    int file = open(place->file, O_RDONLY);
    ssize_t got = read(file, bytes, size);
    close(file);
    uint8_t *at = memmem(bytes, (size_t)got, mark, sizeof mark);
    assert_non_null(at);
    write_byte(place, (size_t)(at - bytes) + 9, at[9] ^ 64);
    assert_int_equal(store_check(&place->config, &checked, &trail), STORE_CORRUPT);
    if (strstr(trail.text, "records, key 060000abcd: the CRC is wrong") == NULL)
        fail_msg("%s", trail.text);
    free(bytes);
}

static enum store_err crash(void *context, struct store_trail *trail)
{
    (void)trail;
    store_progress("a test");
    if (*(int *)context == 0) abort();
    for (;;)
        pause();
}

static void test_store_apart_reports_a_child_that_crashed_or_hangs_as_damage(void **state)
{
    struct store_trail trail;
    int how = 0;
    (void)state;
    assert_int_equal(store_apart(crash, &how, 0, &trail), STORE_CORRUPT);
    if (strstr(trail.text, "signal 6") == NULL || strstr(trail.text, "during a test") == NULL)
        fail_msg("%s", trail.text);
    how = 1;
    assert_int_equal(store_apart(crash, &how, 30, &trail), STORE_CORRUPT);
    if (strstr(trail.text, "stood still") == NULL) fail_msg("%s", trail.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_store_check_finds_a_flipped_bit_anywhere_or_it_meant_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_store_check_survives_flipped_bits_in_the_heads_of_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_store_check_names_the_database_and_the_key_of_a_flipped_bit, set_up, tear_down),
        cmocka_unit_test(test_store_apart_reports_a_child_that_crashed_or_hangs_as_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
