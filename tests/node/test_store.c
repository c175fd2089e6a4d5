/* What the store keeps, refuses, prunes and says. */
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

#include "store/beside.h"
#include "store/format.h"

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

static struct store_view *view_it(struct place *place, struct store *store)
{
    struct store_view *view = NULL;
    if (store_view_begin(store, &view, &place->trail) != STORE_OK)
        fail_msg("%s", place->trail.text);
    return view;
}

static void assert_refused(struct place *place, enum store_err expected, const char *words)
{
    struct store *store;
    assert_int_equal(store_open(&store, &place->config, &place->trail), expected);
    if (strstr(place->trail.text, words) == NULL) fail_msg("%s", place->trail.text);
}

static struct store_point point_at(uint64_t height)
{
    return (struct store_point){.height = height, .log_position = height * 10};
}

static void take_checkpoint(struct store *store, uint64_t height)
{
    struct store_point point = point_at(height);
    assert_int_equal(store_checkpoint(store, &point), STORE_OK);
}

static const uint8_t body[] = "a body", header[] = "a header";
static const struct store_block a_block = {.height = 5,
                                           .time_ms = 77,
                                           .hash = {{1, 2, 3}},
                                           .header = header,
                                           .header_size = sizeof header,
                                           .body = body,
                                           .body_size = sizeof body};
static const struct store_batch a_batch = {.market = 3,
                                           .sequence = 9,
                                           .height = 5,
                                           .digest = {{7}},
                                           .body = body,
                                           .body_size = sizeof body};
static const struct store_order an_order = {.order_id = UINT64_C(1) << 40,
                                            .height = 5,
                                            .account = 6,
                                            .series_id = 8,
                                            .open_lots = 3,
                                            .status = 2,
                                            .closed = true};
static const struct tn_hash a_leaf = {{0xEE}};

static void put_one_of_each(struct store *store)
{
    assert_int_equal(store_put_record(store, TN_RECORD_ACCOUNT, 400, body, 6), STORE_OK);
    assert_int_equal(store_put_block(store, &a_block), STORE_OK);
    assert_int_equal(store_put_batch(store, &a_batch), STORE_OK);
    assert_int_equal(store_put_receipts(store, 5, body, 3), STORE_OK);
    assert_int_equal(store_put_order(store, &an_order), STORE_OK);
    assert_int_equal(store_put_leaf(store, STORE_LEAF_WITHDRAWAL, 11, &a_leaf), STORE_OK);
    assert_int_equal(store_put_withdrawal(store, 12, body, 4), STORE_OK);
    take_checkpoint(store, 5);
}

/* Prepared: closed, with others put behind it, and seen by nobody until it is committed. */
static void test_store_writes_a_prepared_checkpoint_when_it_is_committed(void **state)
{
    struct place *place = *state;
    for (uint64_t threaded = 0; threaded < 2; threaded++) {
        place->config.threaded = threaded != 0;
        struct store *store = open_it(place);
        struct store_status status;
        const uint64_t first = 10 + 10 * threaded;
        struct store_point point = point_at(first);
        assert_int_equal(store_put_record(store, TN_RECORD_ACCOUNT, 1, body, 2), STORE_OK);
        assert_int_equal(store_prepare(store, &point), STORE_OK);
        assert_int_equal(store_waiting_bytes(store), 0);
        assert_int_equal(store_put_record(store, TN_RECORD_ACCOUNT, 1, body, 5), STORE_OK);
        assert_true(store_waiting_bytes(store) > 0);
        assert_int_equal(store_drain(store, 1000), STORE_OK);
        store_status(store, &status);
        assert_true(status.durable.height != first && status.queued_bytes == 0);

        assert_int_equal(store_commit(store), STORE_OK);
        assert_int_equal(store_drain(store, 10000), STORE_OK);
        store_status(store, &status);
        assert_int_equal(status.durable.height, first);
        struct store_view *view = view_it(place, store);
        struct store_bytes found;
        assert_int_equal(store_get_record(view, &found, TN_RECORD_ACCOUNT, 1), STORE_OK);
        assert_int_equal(found.size, 2);
        store_view_end(view);

        point = point_at(first + 1);
        assert_int_equal(store_prepare(store, &point), STORE_OK);
        store_close(store); /* never committed: as if the process had died */
        store = open_it(place);
        store_status(store, &status);
        assert_int_equal(status.durable.height, first);
        store_close(store);
    }
}

static void test_store_gives_back_all_kinds_of_things_after_it_was_opened_again(void **state)
{
    struct place *place = *state;
    struct store *store = open_it(place);
    put_one_of_each(store);
    store_close(store);

    store = open_it(place);
    struct store_view *view = view_it(place, store);
    struct store_point point;
    struct store_bytes bytes;
    struct store_block block_read;
    struct store_batch batch_read;
    struct store_order order_read;
    struct tn_hash leaf_read;
    uint64_t height;
    assert_int_equal(store_get_point(view, &point), STORE_OK);
    assert_int_equal(point.height, 5);
    assert_int_equal(point.log_position, 50);
    assert_int_equal(store_get_record(view, &bytes, TN_RECORD_ACCOUNT, 400), STORE_OK);
    assert_int_equal(bytes.size, 6);
    assert_memory_equal(bytes.bytes, body, 6);
    assert_int_equal(store_get_record(view, &bytes, TN_RECORD_ACCOUNT, 401), STORE_ABSENT);
    assert_int_equal(store_get_block_height(view, &height, &a_block.hash), STORE_OK);
    assert_int_equal(store_get_block(view, &block_read, height), STORE_OK);
    assert_int_equal(block_read.time_ms, 77);
    assert_int_equal(block_read.header_size, sizeof header);
    assert_memory_equal(block_read.header, header, sizeof header);
    assert_memory_equal(block_read.body, body, block_read.body_size);
    assert_int_equal(store_get_batch_by_digest(view, &batch_read, &a_batch.digest), STORE_OK);
    assert_int_equal(batch_read.sequence, 9);
    assert_memory_equal(batch_read.body, body, sizeof body);
    assert_int_equal(store_get_receipts(view, &bytes, 5), STORE_OK);
    assert_int_equal(bytes.size, 3);
    assert_int_equal(store_get_order(view, &order_read, an_order.order_id), STORE_OK);
    assert_int_equal(order_read.open_lots, 3);
    assert_int_equal(order_read.series_id, 8);
    assert_int_equal(order_read.account, 6);
    assert_int_equal(order_read.status, 2);
    assert_true(order_read.closed);
    assert_int_equal(store_get_leaf(view, &leaf_read, STORE_LEAF_WITHDRAWAL, 11), STORE_OK);
    assert_true(tn_hash_equal(&a_leaf, &leaf_read));
    assert_int_equal(store_get_leaf(view, &leaf_read, STORE_LEAF_BLOCK, 11), STORE_ABSENT);
    assert_int_equal(store_get_withdrawal(view, &bytes, 12), STORE_OK);
    assert_int_equal(bytes.size, 4);
    store_view_end(view);
    store_close(store);
}

struct seen {
    uint32_t count, indexes[8];
    uint64_t heights[8];
};

static bool see_record(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct seen *seen = context;
    (void)bytes;
    assert_int_equal(size, index % 7 + 1);
    seen->indexes[seen->count++] = index;
    return seen->count < 4;
}

static void test_store_walks_the_records_of_one_kind_in_the_order_of_their_indexes(void **state)
{
    struct place *place = *state;
    struct store *store = open_it(place);
    static const uint8_t bytes[8];
    static const uint32_t indexes[] = {300, 2, 70000, 4, 255, 256, 0};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(store_put_record(store, 4, indexes[i], bytes, indexes[i] % 7 + 1),
                         STORE_OK);
    assert_int_equal(store_put_record(store, 3, 1, bytes, 2), STORE_OK);
    assert_int_equal(store_put_record(store, 5, 1, bytes, 2), STORE_OK);
    assert_int_equal(store_put_record(store, 4, 4, NULL, 0), STORE_OK);
    take_checkpoint(store, 1);
    struct store_view *view = view_it(place, store);
    struct seen all = {.count = 0}, some = {.count = 0};
    assert_int_equal(store_each_record(view, 4, 1, see_record, &all), STORE_OK);
    assert_int_equal(all.count, 4); /* the visitor stopped */
    assert_int_equal(all.indexes[0], 2);
    assert_int_equal(all.indexes[1], 255);
    assert_int_equal(all.indexes[2], 256);
    assert_int_equal(all.indexes[3], 300);
    assert_int_equal(store_each_record(view, 4, 301, see_record, &some), STORE_OK);
    assert_int_equal(some.count, 1); /* the kind ended */
    store_view_end(view);
    store_close(store);
}

/* What a thread beside was given. */
struct given {
    uint32_t count, ends, last_kind, stop_after;
    bool is_good;
};

static bool take_group(void *context, struct tn_state_record *records, uint32_t count)
{
    struct given *given = context;
    given->ends += count == 0;
    for (uint32_t i = 0; i < count; i++) {
        given->is_good &= given->last_kind == 0 || records[i].name.kind <= given->last_kind;
        given->is_good &= records[i].size == 4 && records[i].bytes[3] == records[i].name.kind;
        given->last_kind = records[i].name.kind;
    }
    given->count += count;
    return given->stop_after == 0 || given->count < given->stop_after;
}

/* Of one checkpoint, whatever the writer does meanwhile. */
static void test_store_gives_all_records_a_second_time_to_a_thread_kinds_descending(void **state)
{
    enum { RECORDS = 1300 };
    struct place *place = *state;
    struct store *store = open_it(place);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const uint8_t bytes[4] = {0, 0, 0, (uint8_t)(1 + i % 3 * 100)};
        assert_int_equal(store_put_record(store, bytes[3], i, bytes, 4), STORE_OK);
    }
    take_checkpoint(store, 1);
    struct store_view *view = view_it(place, store);
    struct given all = {.is_good = true}, some = {.is_good = true, .stop_after = 600};
    struct store_beside *beside = store_beside_begin(view, take_group, &all);
    assert_non_null(beside);
    store_beside_end(beside);
    assert_true(all.is_good);
    assert_int_equal(all.count, RECORDS);
    assert_int_equal(all.ends, 1);
    store_beside_end(store_beside_begin(view, take_group, &some));
    assert_true(some.count >= 600 && some.count < RECORDS);
    assert_int_equal(some.ends, 0); /* it was stopped, so it did not get all */
    /* The writer goes on: a second view would be of another checkpoint, and there is none. */
    assert_int_equal(store_put_record(store, 7, 1, body, 4), STORE_OK);
    take_checkpoint(store, 2);
    assert_null(store_beside_begin(view, take_group, &all));
    store_view_end(view);
    store_close(store);
}

static bool see_fill(void *context, uint64_t height, uint32_t index, const uint8_t *event,
                     size_t size)
{
    struct seen *seen = context;
    assert_int_equal(size, 1);
    assert_int_equal(event[0], height);
    seen->heights[seen->count] = height;
    seen->indexes[seen->count++] = index;
    return true;
}

static bool see_first_fill(void *context, uint64_t height, uint32_t index, const uint8_t *event,
                           size_t size)
{
    struct seen *seen = context;
    (void)event;
    assert_int_equal(size, 100);
    seen->heights[seen->count] = height;
    seen->indexes[seen->count++] = index;
    return false;
}

static void test_store_walks_an_accounts_fills_in_the_order_they_happened(void **state)
{
    struct place *place = *state;
    struct store *store = open_it(place);
    for (uint8_t height = 1; height <= 3; height++)
        for (uint32_t account = 1; account <= 3; account++)
            for (uint32_t index = 0; index < 2; index++)
                assert_int_equal(store_put_fill(store, account, height, 300 * index, &height, 1),
                                 STORE_OK);
    take_checkpoint(store, 3);
    struct store_view *view = view_it(place, store);
    struct seen seen = {.count = 0};
    assert_int_equal(store_each_fill(view, 2, 2, see_fill, &seen), STORE_OK);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.heights[0], 2);
    assert_int_equal(seen.indexes[0], 0);
    assert_int_equal(seen.indexes[1], 300);
    assert_int_equal(seen.heights[3], 3);
    store_view_end(view);
    store_close(store);
}

static void test_store_refuses_what_is_not_its_own_and_says_what_to_do(void **state)
{
    struct place *place = *state;
    place->config.create = false;
    assert_refused(place, STORE_ABSENT, "there is no store");
    assert_int_equal(access(place->path, F_OK), -1); /* and made nothing */
    place->config.create = true;
    struct store *store = open_it(place);
    assert_refused(place, STORE_REFUSED, "another process");
    store_close(store);
    place->config.market = 4;
    assert_refused(place, STORE_REFUSED, "of market 3, not 4");
    place->config.market = 3;
    place->config.chain_id.bytes[5] ^= 1;
    assert_refused(place, STORE_REFUSED, "another chain");
    place->config.chain_id.bytes[5] ^= 1;
    place->config.limits_hash.bytes[31] ^= 1;
    assert_refused(place, STORE_REFUSED, "other limits");
    place->config.limits_hash.bytes[31] ^= 1;
    store_close(open_it(place));
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), size);
    close(file);
}

static void test_store_refuses_a_folder_with_other_things_and_a_file_that_is_none(void **state)
{
    struct place *place = *state;
    static char words[20000] = "Dear diary";
    assert_int_equal(mkdir(place->path, 0700), 0);
    write_file(place->path, "stranger", words, 10);
    assert_refused(place, STORE_REFUSED, "a folder of its own");
    script_remove_folder(place->path);
    assert_int_equal(mkdir(place->path, 0700), 0);
    write_file(place->path, "data.mdb", words, sizeof words);
    assert_refused(place, STORE_REFUSED, "not an LMDB file");
    write_file(place->path, "data.mdb", words, 3);
    assert_refused(place, STORE_REFUSED, "too short");
}

/* The offset of the meta value in the file: there is one copy that counts, the last. */
static long find_meta(const char *path, uint8_t *bytes, size_t size)
{
    struct store_meta meta;
    long found = -1;
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    assert_true(read(file, bytes, size) > 0);
    close(file);
    uint64_t newest = 0;
    for (size_t at = 0; at + STORE_META_SIZE <= size; at++)
        if (store_value_take_meta(&meta, bytes + at, STORE_META_SIZE) &&
            meta.commits_count >= newest) {
            found = (long)at;
            newest = meta.commits_count;
        }
    assert_true(found > 0);
    return found;
}

static void write_at(const char *path, long at, const uint8_t *bytes, size_t size)
{
    int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, bytes, size, at), size);
    close(file);
}

static void test_store_refuses_other_formats_and_finds_a_damaged_meta_record(void **state)
{
    struct place *place = *state;
    static uint8_t bytes[1 << 18];
    char path[600];
    struct store *store = open_it(place);
    take_checkpoint(store, 1);
    store_close(store);
    snprintf(path, sizeof path, "%s/data.mdb", place->path);
    long at = find_meta(path, bytes, sizeof bytes);
    uint8_t kept = bytes[at + 8];
    uint8_t format = STORE_FORMAT + 1;
    write_at(path, at + 8, &format, 1);
    assert_refused(place, STORE_REFUSED, "use the newer program");
    format = STORE_FORMAT - 1;
    write_at(path, at + 8, &format, 1);
    assert_refused(place, STORE_REFUSED, "restore from a snapshot");
    write_at(path, at + 8, &kept, 1);
    uint8_t flipped = bytes[at + 90] ^ 4;
    write_at(path, at + 90, &flipped, 1);
    assert_refused(place, STORE_CORRUPT, "damaged");
}

static void test_store_refuses_a_file_that_was_cut_off(void **state)
{
    struct place *place = *state;
    char path[600];
    struct stat status;
    struct script script = {.seed = 3, .records_max = 40, .value_max = 300};
    script_learn(&script, place->path, 5);
    snprintf(path, sizeof path, "%s/data.mdb", place->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 4096), 0);
    assert_refused(place, STORE_CORRUPT, "shorter than its last page");
}

static void test_store_log_is_needed_from_the_checkpoint_before_the_last(void **state)
{
    struct place *place = *state;
    struct store *store = open_it(place);
    assert_int_equal(store_log_needed_from(store), 0);
    take_checkpoint(store, 4);
    assert_int_equal(store_log_needed_from(store), 0);
    take_checkpoint(store, 6);
    assert_int_equal(store_log_needed_from(store), 40);
    take_checkpoint(store, 7);
    assert_int_equal(store_log_needed_from(store), 60);
    store_close(store);
    store = open_it(place);
    assert_int_equal(store_log_needed_from(store), 60);
    store_close(store);
}

static void test_store_drops_what_was_put_since_the_last_checkpoint_when_told(void **state)
{
    struct place *place = *state;
    static const uint8_t one = 1, two = 2;
    struct store *store = open_it(place);
    assert_int_equal(store_put_record(store, 1, 1, &one, 1), STORE_OK);
    take_checkpoint(store, 1);
    assert_int_equal(store_put_record(store, 1, 1, &two, 1), STORE_OK);
    store_abandon(store);
    take_checkpoint(store, 2);
    struct store_view *view = view_it(place, store);
    struct store_bytes bytes;
    assert_int_equal(store_get_record(view, &bytes, 1, 1), STORE_OK);
    assert_int_equal(bytes.bytes[0], 1);
    store_view_end(view);
    store_close(store);
}

static void test_store_tells_when_one_checkpoint_fills_the_queue(void **state)
{
    struct place *place = *state;
    static uint8_t bytes[1000];
    enum store_err err = STORE_OK;
    uint32_t index = 0;
    place->config.queue_bytes = 16384;
    struct store *store = open_it(place);
    for (; err == STORE_OK && index < 100; index++)
        err = store_put_record(store, 1, index, bytes, sizeof bytes);
    assert_int_equal(err, STORE_TOO_LARGE);
    assert_in_range(index, 10, 16);
    take_checkpoint(store, 1); /* there is always room for it */
    struct store_view *view = view_it(place, store);
    struct store_bytes record;
    assert_int_equal(store_get_record(view, &record, 1, index - 2), STORE_OK);
    assert_int_equal(store_get_record(view, &record, 1, index - 1), STORE_ABSENT);
    store_view_end(view);
    store_close(store);
}

static void test_store_is_refused_until_a_load_in_parts_has_ended(void **state)
{
    struct place *place = *state;
    static const uint8_t bytes[200];
    place->config.queue_bytes = 8192;
    struct store *store = open_it(place);
    for (uint32_t index = 0; index < 1000; index++) {
        if (store_put_record(store, 5, index, bytes, sizeof bytes) == STORE_OK) continue;
        assert_int_equal(store_load_part(store), STORE_OK);
        assert_int_equal(store_put_record(store, 5, index, bytes, sizeof bytes), STORE_OK);
    }
    struct store_status status;
    store_status(store, &status);
    assert_true(status.commits_count > 20);
    assert_true(status.durable.height == STORE_HEIGHT_NONE);
    store_close(store);
    assert_refused(place, STORE_REFUSED, "a restore into the store");
    script_remove_folder(place->path);

    store = open_it(place);
    assert_int_equal(store_put_record(store, 5, 1, bytes, 1), STORE_OK);
    assert_int_equal(store_load_part(store), STORE_OK);
    take_checkpoint(store, 9);
    store_close(store);
    store_close(open_it(place));
}

static void test_store_grows_many_times_its_first_map_without_a_failure(void **state)
{
    struct place *place = *state;
    uint8_t *bytes = malloc(100000);
    place->config.archive = true;
    struct store *store = open_it(place);
    for (uint32_t height = 1; height <= 40; height++) {
        for (uint32_t i = 0; i < 20; i++) {
            memset(bytes, (int)(height + i), 100000);
            assert_int_equal(store_put_record(store, 1, height * 20 + i, bytes, 60000 + i),
                             STORE_OK);
        }
        take_checkpoint(store, height);
    }
    struct store_status status;
    store_status(store, &status);
    assert_true(status.used_bytes > (uint64_t)40 << 20);
    assert_true(status.used_bytes <= status.map_bytes / 4 * 3);
    assert_in_range(status.growths_count, 4, 8);
    struct store_view *view = view_it(place, store);
    struct store_bytes record;
    assert_int_equal(store_get_record(view, &record, 1, 40 * 20 + 19), STORE_OK);
    assert_int_equal(record.size, 60019);
    assert_int_equal(record.bytes[60018], 59);
    store_view_end(view);
    store_close(store);
    free(bytes);
}

/* Else whoever begins a view beside it waits for the writer, who waits for it. */
static void test_store_ends_a_view_that_yields_when_its_map_must_grow(void **state)
{
    struct place *place = *state;
    const size_t size = 3 << 19; /* more than the first map */
    uint8_t *bytes = calloc(1, size);
    struct store_bytes record;
    place->config.threaded = true;
    struct store *store = open_it(place);
    assert_int_equal(store_put_record(store, 1, 1, bytes, 100), STORE_OK);
    take_checkpoint(store, 1);
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    struct store_view *view = view_it(place, store);
    assert_true(store_view_hold(view));
    store_view_yield(view);
    assert_int_equal(store_put_record(store, 1, 1, bytes, size), STORE_OK);
    take_checkpoint(store, 2);
    assert_int_equal(store_drain(store, 100), STORE_BUSY); /* it is held */
    assert_int_equal(store_get_record(view, &record, 1, 1), STORE_OK);
    assert_int_equal(record.size, 100);
    store_view_let_go(view);
    struct store_view *other = view_it(place, store);
    store_view_end(other);
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    assert_false(store_view_hold(view));
    store_view_end(view);
    other = view_it(place, store);
    store_view_yield(other);
    assert_true(store_view_hold(other)); /* nothing grows */
    assert_int_equal(store_get_record(other, &record, 1, 1), STORE_OK);
    assert_int_equal(record.size, size);
    store_view_end(other);
    store_close(store);
    free(bytes);
}

static void test_store_prunes_by_block_time_in_slices_and_keeps_live_orders(void **state)
{
    struct place *place = *state;
    struct script script = {.seed = 5, .records_max = 4, .value_max = 30};
    struct store_status status;
    place->config.prune_keys_max = 12; /* a block has about 20 keys: pruning falls behind */
    struct store *store = open_it(place);
    for (uint64_t height = 1; height <= 40; height++)
        assert_int_equal(script_step(&script, store, height), STORE_OK);
    store_status(store, &status);
    assert_in_range(status.first_block, 5, 36);
    uint64_t behind = status.first_block, pruned = status.pruned_count;
    for (uint64_t height = 41; height <= 120; height++) {
        struct store_point point = script_point(&script, height);
        assert_int_equal(store_checkpoint(store, &point), STORE_OK);
    }
    store_status(store, &status);
    assert_int_equal(status.first_block, 37); /* an hour before block 40 */
    assert_true(behind < 37 && status.pruned_count > pruned);

    struct store_view *view = view_it(place, store);
    struct store_block block;
    struct store_batch batch;
    struct store_bytes bytes;
    struct store_order order;
    uint32_t alive = 0;
    assert_int_equal(store_get_block(view, &block, 36), STORE_ABSENT);
    assert_int_equal(store_get_batch(view, &batch, 0, 36), STORE_ABSENT);
    assert_int_equal(store_get_receipts(view, &bytes, 36), STORE_ABSENT);
    assert_int_equal(store_get_block(view, &block, 37), STORE_OK);
    assert_int_equal(store_get_batch(view, &batch, 1, 37), STORE_OK);
    assert_int_equal(store_get_receipts(view, &bytes, 37), STORE_OK);
    for (uint64_t id = 0; id < 50; id++)
        if (store_get_order(view, &order, id) == STORE_OK) {
            assert_true(!order.closed || order.height >= 37);
            alive += !order.closed && order.height < 37;
        }
    assert_true(alive > 0);
    for (uint64_t height = 1; height <= 36; height++) { /* proofs need the leaves for ever */
        struct tn_hash leaf;
        assert_int_equal(store_get_leaf(view, &leaf, STORE_LEAF_BLOCK, height), STORE_OK);
    }
    for (uint32_t account = 0; account < 5; account++) {
        struct seen seen = {.count = 0};
        assert_int_equal(store_each_fill(view, account, 0, see_first_fill, &seen), STORE_OK);
        assert_true(seen.count == 0 || seen.heights[0] >= 37);
    }
    store_view_end(view);
    store_close(store);
}

static void test_store_archive_keeps_every_block(void **state)
{
    struct place *place = *state;
    struct script script = {.seed = 5, .records_max = 4, .value_max = 30};
    struct store_status status;
    place->config.archive = true;
    struct store *store = open_it(place);
    for (uint64_t height = 1; height <= 40; height++)
        assert_int_equal(script_step(&script, store, height), STORE_OK);
    store_status(store, &status);
    assert_int_equal(status.first_block, 1);
    assert_int_equal(status.pruned_count, 0);
    store_close(store);
}

static void test_store_content_is_the_scripts_at_each_checkpoint_over_reopenings(void **state)
{
    struct place *place = *state;
    char other[320];
    struct script script = {.seed = 11, .records_max = 30, .value_max = 400};
    snprintf(other, sizeof other, "%s/other", place->folder);
    script_learn(&script, other, 30);
    script_remove_folder(other);
    for (uint64_t height = 1; height <= 30; height++) {
        struct store *store = open_it(place);
        assert_int_equal(script_check(&script, store), height - 1);
        assert_int_equal(script_step(&script, store, height), STORE_OK);
        store_close(store);
    }
    store_close(open_it(place));
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store_gives_back_all_kinds_of_things_after_it_was_opened_again),
        STORE_TEST(test_store_writes_a_prepared_checkpoint_when_it_is_committed),
        STORE_TEST(test_store_walks_the_records_of_one_kind_in_the_order_of_their_indexes),
        STORE_TEST(test_store_gives_all_records_a_second_time_to_a_thread_kinds_descending),
        STORE_TEST(test_store_walks_an_accounts_fills_in_the_order_they_happened),
        STORE_TEST(test_store_refuses_what_is_not_its_own_and_says_what_to_do),
        STORE_TEST(test_store_refuses_a_folder_with_other_things_and_a_file_that_is_none),
        STORE_TEST(test_store_refuses_other_formats_and_finds_a_damaged_meta_record),
        STORE_TEST(test_store_refuses_a_file_that_was_cut_off),
        STORE_TEST(test_store_log_is_needed_from_the_checkpoint_before_the_last),
        STORE_TEST(test_store_drops_what_was_put_since_the_last_checkpoint_when_told),
        STORE_TEST(test_store_tells_when_one_checkpoint_fills_the_queue),
        STORE_TEST(test_store_is_refused_until_a_load_in_parts_has_ended),
        STORE_TEST(test_store_grows_many_times_its_first_map_without_a_failure),
        STORE_TEST(test_store_ends_a_view_that_yields_when_its_map_must_grow),
        STORE_TEST(test_store_prunes_by_block_time_in_slices_and_keeps_live_orders),
        STORE_TEST(test_store_archive_keeps_every_block),
        STORE_TEST(test_store_content_is_the_scripts_at_each_checkpoint_over_reopenings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
