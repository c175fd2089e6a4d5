/* The queue between who puts and the store's writer: which memory it uses, and that nothing is
 * lost, torn or reordered wherever its groups come to lie. */
#include "store/internal.h"
#include "store_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum { PAGE = 4096, INDEXES = 40, VALUE_MAX = 900 };

struct place {
    char folder[256], path[300];
    struct store_config config;
    struct store_trail trail;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    script_make_folder(place->folder, sizeof place->folder);
    snprintf(place->path, sizeof place->path, "%s/store", place->folder);
    place->config = script_config(place->path);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    script_remove_folder(place->path);
    script_remove_folder(place->folder);
    free(place);
    return 0;
}

static struct store *open_it(struct place *place)
{
    struct store *store = NULL;
    if (store_open(&store, &place->config, &place->trail) != STORE_OK)
        fail_msg("%s", place->trail.text);
    return store;
}

/* ---- Memory ------------------------------------------------------------------------------------
 */

static size_t resident_bytes(const struct store *store)
{
    static uint8_t resident[(16 << 20) / PAGE];
    const uintptr_t first = ((uintptr_t)store->queue.ring + PAGE - 1) / PAGE * PAGE;
    const size_t count = store->queue.capacity / PAGE - 1;
    size_t pages = 0;
    assert_true(count <= sizeof resident);
    assert_int_equal(mincore((void *)first, count * PAGE, resident), 0);
    for (size_t i = 0; i < count; i++)
        pages += resident[i] & 1;
    return pages * PAGE;
}

static void put_some(struct store *store, uint32_t count)
{
    static const uint8_t bytes[10000] = {1};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(store_put_record(store, 1, i, bytes, sizeof bytes), STORE_OK);
}

/* Groups of 200 KB, of which a tenth is put before the writer is done with the one before. */
static void write_groups(struct store *store, uint64_t first, uint32_t count)
{
    for (uint64_t height = first; height < first + count; height++) {
        const struct store_point point = {.height = height, .log_position = height};
        put_some(store, 18);
        assert_int_equal(store_prepare(store, &point), STORE_OK);
        put_some(store, 2);
        assert_int_equal(store_commit(store), STORE_OK);
        assert_int_equal(store_drain(store, 60000), STORE_OK);
    }
}

static void test_a_queue_that_is_written_in_time_lives_in_its_first_pages(void **state)
{
    struct place *place = *state;
    place->config.queue_bytes = (size_t)8 << 20;
    for (uint32_t threaded = 0; threaded < 2; threaded++) {
        place->config.threaded = threaded != 0;
        struct store *store = open_it(place);
        write_groups(store, 1 + 100 * threaded, 90); /* twice round the whole ring */
        assert_in_range(resident_bytes(store), 1, 2 << 20);
        store_close(store);
    }
}

static void test_a_group_may_still_fill_the_whole_queue_after_it_started_over(void **state)
{
    struct place *place = *state;
    place->config.queue_bytes = (size_t)1 << 20;
    struct store *store = open_it(place);
    write_groups(store, 1, 3);
    static const uint8_t bytes[10000];
    uint32_t count = 0;
    enum store_err err = STORE_OK;
    for (; err == STORE_OK && count < 1000; count++)
        err = store_put_record(store, 1, count, bytes, sizeof bytes);
    assert_int_equal(err, STORE_TOO_LARGE);
    assert_in_range(count, 100, 105); /* of 1 MiB / 10 KB, two are there already */
    const struct store_point point = {.height = 9, .log_position = 9};
    assert_int_equal(store_checkpoint(store, &point), STORE_OK);
    store_close(store);
}

/* ---- Contents ----------------------------------------------------------------------------------
 */

/* Records by index, as the store must hold them once they are written. */
struct content {
    uint32_t sizes[INDEXES];
    uint64_t tags[INDEXES];
};

/* Who writes: nobody but the one who commits, a thread, or the test, a group whenever it likes. */
enum writer { WRITER_NONE, WRITER_THREAD, WRITER_BY_HAND, WRITERS };

struct twin {
    uint64_t random, height, last_tag;
    enum writer writer;
    struct content put, committed;
};

static void fill(uint8_t *bytes, size_t size, uint64_t tag)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(tag >> i % 8 * 8 ^ i * 7);
}

static void write_by_hand(struct store *store)
{
    struct store_trail trail = {{0}};
    uint64_t end = 0;
    if (store->queue.taken == store->queue.closed) return;
    assert_int_equal(store_write_group(store, store->queue.taken, &end, &trail), STORE_OK);
    store->queue.taken = end;
}

/* Some of what waits is written, or all of it. */
static void let_write(const struct twin *twin, struct store *store, uint32_t wait_ms)
{
    if (twin->writer == WRITER_BY_HAND) {
        write_by_hand(store);
    } else {
        const enum store_err err = store_drain(store, wait_ms);
        assert_true(err == STORE_OK || err == STORE_BUSY);
    }
}

/* False: this group takes no more. */
static bool put_one(struct twin *twin, struct store *store)
{
    uint8_t bytes[VALUE_MAX];
    const uint32_t index = (uint32_t)tn_random_below(&twin->random, INDEXES);
    const uint32_t size = (uint32_t)tn_random_below(&twin->random, VALUE_MAX);
    const uint64_t tag = ++twin->last_tag * UINT64_C(0x9E3779B97F4A7C15);
    fill(bytes, size, tag);
    enum store_err err;
    while ((err = store_put_record(store, 1, index, bytes, size)) == STORE_BUSY) {
        if (store->queue.is_prepared) return false; /* it may be what is in the way */
        let_write(twin, store, 10);
    }
    if (err == STORE_TOO_LARGE) return false;
    assert_int_equal(err, STORE_OK);
    twin->put.sizes[index] = size;
    twin->put.tags[index] = tag;
    return true;
}

static void put_some_randomly(struct twin *twin, struct store *store)
{
    for (uint64_t left = tn_random_below(&twin->random, 12); left > 0; left--) {
        if (twin->writer == WRITER_BY_HAND && tn_random_below(&twin->random, 16) == 0)
            write_by_hand(store);
        if (!put_one(twin, store)) return;
    }
}

/* Half of the groups lie behind the beginning of the next one when they are given to the writer;
 * some are thrown away. */
static void take_one(struct twin *twin, struct store *store)
{
    put_some_randomly(twin, store);
    if (tn_random_below(&twin->random, 6) == 0) {
        store_abandon(store);
        twin->put = twin->committed;
    }
    const struct store_point point = {.height = ++twin->height, .log_position = twin->height};
    enum store_err err;
    while ((err = store_prepare(store, &point)) == STORE_BUSY)
        let_write(twin, store, 10);
    assert_int_equal(err, STORE_OK);
    twin->committed = twin->put;
    if (tn_random_below(&twin->random, 2) == 0) put_some_randomly(twin, store);
    assert_int_equal(store_commit(store), STORE_OK);
    if (tn_random_below(&twin->random, 3) == 0) let_write(twin, store, 60000);
}

static void assert_holds(struct place *place, struct store *store, const struct content *content,
                         uint64_t seed)
{
    struct store_view *view = NULL;
    uint8_t wanted[VALUE_MAX];
    assert_int_equal(store_view_begin(store, &view, &place->trail), STORE_OK);
    for (uint32_t index = 0; index < INDEXES; index++) {
        struct store_bytes found = {0};
        const size_t size = content->sizes[index];
        const enum store_err err = store_get_record(view, &found, 1, index);
        fill(wanted, size, content->tags[index]);
        if (err != (size == 0 ? STORE_ABSENT : STORE_OK) || found.size != size ||
            (size > 0 && memcmp(found.bytes, wanted, size) != 0))
            fail_msg("seed %llu: record %u is not what was put", (unsigned long long)seed, index);
    }
    store_view_end(view);
}

static void run_groups(struct place *place, struct twin *twin, uint64_t seed)
{
    struct store *store = open_it(place);
    store->config.threaded = twin->writer != WRITER_NONE;
    for (uint32_t i = 0; i < 60; i++) {
        take_one(twin, store);
        if (i % 20 < 19) continue;
        while (twin->writer == WRITER_BY_HAND && store->queue.taken < store->queue.closed)
            write_by_hand(store);
        let_write(twin, store, 60000);
        assert_holds(place, store, &twin->committed, seed);
    }
    store->config.threaded = twin->writer == WRITER_THREAD;
    store_close(store);
}

static void test_nothing_is_lost_or_reordered_wherever_groups_come_to_lie(void **state)
{
    struct place *place = *state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct twin twin = {.random = seed, .writer = (enum writer)(seed % WRITERS)};
        place->config.threaded = twin.writer == WRITER_THREAD;
        place->config.queue_bytes = 4096 * (2 + seed); /* a group or two, or some more */
        run_groups(place, &twin, seed);
        script_remove_folder(place->path);
    }
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_a_queue_that_is_written_in_time_lives_in_its_first_pages),
        QUEUE_TEST(test_a_group_may_still_fill_the_whole_queue_after_it_started_over),
        QUEUE_TEST(test_nothing_is_lost_or_reordered_wherever_groups_come_to_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
