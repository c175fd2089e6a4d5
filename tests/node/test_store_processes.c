/* The store with its thread, and beside other processes. */
#include "store_script.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEIGHTS 40

struct place {
    char folder[256], path[300], copy[300];
    struct store_config config;
    struct store_trail trail;
    struct script script;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    char other[300];
    script_make_folder(place->folder, sizeof place->folder);
    snprintf(place->path, sizeof place->path, "%s/store", place->folder);
    snprintf(place->copy, sizeof place->copy, "%s/copy", place->folder);
    snprintf(other, sizeof other, "%s/other", place->folder);
    place->script = (struct script){.seed = 31, .records_max = 60, .value_max = 1500};
    script_learn(&place->script, other, HEIGHTS);
    script_remove_folder(other);
    place->config = script_config(place->path);
    place->config.threaded = true;
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    script_remove_folder(place->copy);
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

/* Goes on past a full queue, as a producer that may wait does. */
static void step_waiting(struct place *place, struct store *store, uint64_t height)
{
    enum store_err err = script_step(&place->script, store, height);
    while (err == STORE_BUSY) {
        store_abandon(store);
        assert_int_equal(store_drain(store, 60000), STORE_OK);
        err = script_step(&place->script, store, height);
    }
    assert_int_equal(err, STORE_OK);
}

static void test_store_thread_writes_what_a_run_without_it_does(void **state)
{
    struct place *place = *state;
    struct store_status status;
    place->config.queue_bytes = (size_t)1 << 20;
    struct store *store = open_it(place);
    for (uint64_t height = 1; height <= HEIGHTS; height++)
        step_waiting(place, store, height);
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    store_status(store, &status);
    assert_int_equal(status.durable.height, HEIGHTS);
    assert_int_equal(status.commits_count, HEIGHTS);
    assert_int_equal(status.queued_bytes, 0);
    assert_int_equal(status.log_needed_from, (HEIGHTS - 1) * 1000);
    assert_int_equal(script_check(&place->script, store), HEIGHTS);
    store_close(store);
}

static void test_store_close_writes_the_checkpoints_that_wait(void **state)
{
    struct place *place = *state;
    struct store *store = open_it(place);
    for (uint64_t height = 1; height <= 12; height++)
        step_waiting(place, store, height);
    store_close(store);
    store = open_it(place);
    assert_int_equal(script_check(&place->script, store), 12);
    store_close(store);
}

/* The queue is bounded: with the writer held up by a view across a growth of the map, the producer
 * is told, and what it was told about is not there in part. */
static void test_store_tells_the_producer_when_the_queue_is_full(void **state)
{
    struct place *place = *state;
    struct store_view *view;
    struct store_status status;
    enum store_err err = STORE_OK;
    uint64_t height = 0;
    place->config.queue_bytes = (size_t)2 << 20;
    struct store *store = open_it(place);
    assert_int_equal(store_view_begin(store, &view, &place->trail), STORE_OK);
    while (err == STORE_OK && height < HEIGHTS)
        err = script_step(&place->script, store, ++height);
    assert_int_equal(err, STORE_BUSY);
    store_status(store, &status);
    assert_true(status.queued_bytes <= status.queue_bytes);
    assert_true(status.durable.height == STORE_HEIGHT_NONE || status.durable.height < height);
    assert_int_equal(store_drain(store, 1), STORE_BUSY);
    store_view_end(view);
    for (store_abandon(store); height <= HEIGHTS; height++)
        step_waiting(place, store, height);
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    assert_int_equal(script_check(&place->script, store), HEIGHTS);
    store_close(store);
}

/* In a process of its own: each view shows one checkpoint, twice the same, never an older one. */
static int read_until_the_end(struct place *place)
{
    struct store *store;
    uint64_t height = 0;
    place->config.threaded = false;
    if (store_open_reader(&store, &place->config, true, &place->trail) != STORE_OK) return 1;
    for (uint32_t rounds = 0; rounds < 100000 && height < HEIGHTS; rounds++) {
        struct store_view *view;
        struct store_point point;
        uint64_t digests[2];
        if (store_view_begin(store, &view, &place->trail) != STORE_OK) return 2;
        enum store_err err = store_get_point(view, &point);
        if (err == STORE_ABSENT) point.height = 0;
        for (uint32_t i = 0; i < 2; i++) {
            if (script_try_digest(view, &digests[i]) != STORE_OK) return 3;
            usleep(1500);
        }
        store_view_end(view);
        if (digests[0] != digests[1] || point.height < height) return 4;
        height = point.height;
        if (digests[0] != place->script.digests[height]) return 5;
    }
    store_close(store);
    return height == HEIGHTS ? 0 : 6;
}

static void assert_child_succeeds(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_store_reader_in_another_process_sees_whole_checkpoints_while_the_map_grows(
    void **state)
{
    struct place *place = *state;
    struct store_status status;
    store_close(open_it(place));
    pid_t child = fork();
    if (child == 0) _exit(read_until_the_end(place));
    struct store *store = open_it(place);
    for (uint64_t height = 1; height <= HEIGHTS; height++) {
        step_waiting(place, store, height);
        usleep(2000);
    }
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    assert_child_succeeds(child);
    store_status(store, &status);
    assert_true(status.growths_count >= 2);
    store_close(store);
}

static int copy_once(struct place *place, int begun)
{
    struct store *store;
    char byte = 0;
    place->config.threaded = false;
    if (store_open_reader(&store, &place->config, true, &place->trail) != STORE_OK) return 1;
    if (write(begun, &byte, 1) != 1) return 2;
    enum store_err err = store_copy(store, place->copy, &place->trail);
    if (err != STORE_OK) fprintf(stderr, "%s\n", place->trail.text);
    store_close(store);
    return err == STORE_OK ? 0 : 3;
}

static void test_store_copy_is_one_checkpoint_and_opens(void **state)
{
    struct place *place = *state;
    int ends[2];
    char byte;
    store_close(open_it(place));
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) _exit(copy_once(place, ends[1]));
    struct store *store = open_it(place);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    for (uint64_t height = 1; height <= HEIGHTS; height++)
        step_waiting(place, store, height);
    assert_child_succeeds(child);
    store_close(store);
    close(ends[0]);
    close(ends[1]);
    place->config.path = place->copy;
    store = open_it(place);
    script_check(&place->script, store); /* some height's content, exactly */
    struct store_trail trail;
    assert_int_equal(store_copy(store, place->copy, &trail), STORE_REFUSED);
    store_close(store);
    struct store_checked checked;
    if (store_check(&place->config, &checked, &trail) != STORE_OK) fail_msg("%s", trail.text);
}

static void hold_a_view(struct place *place, int begun)
{
    struct store *store;
    struct store_view *view;
    char byte = 0;
    if (store_open_reader(&store, &place->config, true, &place->trail) != STORE_OK) _exit(1);
    if (store_view_begin(store, &view, &place->trail) != STORE_OK) _exit(2);
    if (write(begun, &byte, 1) != 1) _exit(3);
    for (;;)
        pause();
}

static void test_store_readers_shows_how_far_the_oldest_lags_and_clears_dead_ones(void **state)
{
    struct place *place = *state;
    struct store_readers readers;
    int ends[2];
    char byte;
    store_close(open_it(place));
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) hold_a_view(place, ends[1]);
    struct store *store = open_it(place);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(store_readers(store, &readers, &place->trail), STORE_OK);
    assert_int_equal(readers.readers_count, 1);
    assert_int_equal(readers.oldest_lag_commits, 0);
    for (uint64_t height = 1; height <= 3; height++)
        step_waiting(place, store, height);
    assert_int_equal(store_drain(store, 60000), STORE_OK);
    assert_int_equal(store_readers(store, &readers, &place->trail), STORE_OK);
    assert_int_equal(readers.oldest_lag_commits, 3);
    assert_int_equal(readers.oldest_process, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(store_readers(store, &readers, &place->trail), STORE_OK);
    assert_int_equal(readers.cleared_count, 1);
    assert_int_equal(readers.readers_count, 0);
    assert_int_equal(readers.oldest_lag_commits, 0);
    store_close(store);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store_thread_writes_what_a_run_without_it_does),
        STORE_TEST(test_store_close_writes_the_checkpoints_that_wait),
        STORE_TEST(test_store_tells_the_producer_when_the_queue_is_full),
        STORE_TEST(test_store_reader_in_another_process_sees_whole_checkpoints_while_the_map_grows),
        STORE_TEST(test_store_copy_is_one_checkpoint_and_opens),
        STORE_TEST(test_store_readers_shows_how_far_the_oldest_lags_and_clears_dead_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
