/* Metrics: the text that they become, and that a reader never sees half of a count. */
#include "metrics/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 20 };
static char page[ROOM];

static const char *written(struct metrics_board *board)
{
    metrics_publish(board, 1);
    assert_true(metrics_take(board));
    size_t size = metrics_write(page, sizeof page - 1, board);
    page[size] = '\0';
    return page;
}

static void assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) fail_msg("lacks '%s':\n%s", words, text);
}

static void test_metrics_are_not_there_before_they_are_published(void **state)
{
    (void)state;
    struct metrics_board *board = metrics_board_make();
    assert_non_null(board);
    metrics_set(board, METRICS_HEIGHT, 7);
    assert_false(metrics_take(board));
    assert_int_equal(metrics_get(board, METRICS_HEIGHT, 0), 0);
    metrics_publish(board, 5);
    assert_true(metrics_take(board));
    assert_int_equal(metrics_get(board, METRICS_HEIGHT, 0), 7);
    assert_int_equal(metrics_published_us(board), 5);
    assert_true(metrics_take(board)); /* the same again */
    assert_int_equal(metrics_get(board, METRICS_HEIGHT, 0), 7);
    metrics_board_free(board);
}

static void test_metrics_have_help_type_and_only_what_was_set(void **state)
{
    (void)state;
    struct metrics_board *board = metrics_board_make();
    metrics_set(board, METRICS_HEIGHT, 42);
    metrics_set_at(board, METRICS_PEER_UP, 3, 1);
    metrics_set_at(board, METRICS_MARKET_TERM, 1, 9);
    metrics_set(board, METRICS_BLOCK_TIME, 1700000000123);
    metrics_set_at(board, METRICS_PEER_ROUND_TRIP, 3, 70);
    assert_string_equal(
        written(board),
        "# HELP tenor_block_height Height of the last executed block.\n"
        "# TYPE tenor_block_height gauge\ntenor_block_height 42\n"
        "# HELP tenor_block_timestamp_seconds Time of the last executed block.\n"
        "# TYPE tenor_block_timestamp_seconds gauge\ntenor_block_timestamp_seconds 1700000000.123\n"
        "# HELP tenor_market_term The market's present term.\n"
        "# TYPE tenor_market_term gauge\ntenor_market_term{market=\"2\"} 9\n"
        "# HELP tenor_peer_up 1 when the peer is up; its index in the present set.\n"
        "# TYPE tenor_peer_up gauge\ntenor_peer_up{peer=\"3\"} 1\n"
        "# HELP tenor_peer_round_trip_seconds Last ping of the connection for votes.\n"
        "# TYPE tenor_peer_round_trip_seconds gauge\n"
        "tenor_peer_round_trip_seconds{peer=\"3\"} 0.000070\n");
    metrics_clear(board, METRICS_PEER_UP);
    assert_null(strstr(written(board), "tenor_peer_up"));
    metrics_board_free(board);
}

static void test_metrics_of_a_histogram_are_cumulative(void **state)
{
    (void)state;
    uint64_t counts[METRICS_BOUNDS + 1] = {0};
    struct metrics_board *board = metrics_board_make();
    counts[metrics_bucket(1000)] += 2; /* a bound belongs to its own bucket */
    counts[metrics_bucket(1001)] += 1;
    counts[metrics_bucket(200001)] += 4;
    metrics_set_histogram(board, METRICS_FINALITY, counts, 1234567);
    const char *text = written(board);
    assert_has(text, "# TYPE tenor_finality_seconds histogram\n"
                     "tenor_finality_seconds_bucket{le=\"0.000075\"} 0\n");
    assert_has(text, "tenor_finality_seconds_bucket{le=\"0.001000\"} 2\n"
                     "tenor_finality_seconds_bucket{le=\"0.002000\"} 3\n");
    assert_has(text, "tenor_finality_seconds_bucket{le=\"0.200000\"} 3\n"
                     "tenor_finality_seconds_bucket{le=\"+Inf\"} 7\n"
                     "tenor_finality_seconds_sum 1.234567\ntenor_finality_seconds_count 7\n");
    metrics_board_free(board);
}

static void test_metrics_without_room_are_none(void **state)
{
    (void)state;
    struct metrics_board *board = metrics_board_make();
    metrics_set(board, METRICS_HEIGHT, 1);
    size_t size = strlen(written(board));
    assert_int_equal(metrics_write(page, size, board), 0);
    assert_int_equal(metrics_write(page, size + 1, board), size);
    metrics_board_free(board);
}

/* Everything set: each family once, each with its HELP and TYPE before it, no name twice. */
static void test_metrics_of_the_whole_list_are_well_formed(void **state)
{
    (void)state;
    struct metrics_board *board = metrics_board_make();
    uint32_t families = 0;
    for (uint32_t i = 0; i < METRICS_COUNT; i++) {
        for (uint32_t k = 0; k < metrics_places((enum metrics_metric)i); k++)
            metrics_set_at(board, (enum metrics_metric)i, k, k);
    }
    char name[128] = "", *copy = strdup(written(board));
    assert_non_null(copy);
    for (char *at = strtok(copy, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        if (strncmp(at, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(at, "# HELP %127s", name), 1);
            char again[160];
            snprintf(again, sizeof again, "# HELP %s ", name);
            assert_null(strstr(strstr(page, again) + 1, again));
            families++;
        } else if (at[0] != '#') {
            assert_int_equal(strncmp(at, name, strlen(name)), 0);
        }
    }
    assert_int_equal(families, METRICS_COUNT);
    free(copy);
    metrics_board_free(board);
}

struct race {
    struct metrics_board *board;
    _Atomic bool is_over;
};

static void *count_up(void *context)
{
    struct race *race = context;
    for (uint64_t i = 1; !atomic_load(&race->is_over); i++) {
        metrics_set(race->board, METRICS_HEIGHT, i);
        metrics_set(race->board, METRICS_FDS_MAX, i);
        metrics_publish(race->board, (int64_t)i);
    }
    return NULL;
}

static void test_metrics_are_read_whole_while_they_are_counted(void **state)
{
    (void)state;
    struct race race = {.board = metrics_board_make()};
    pthread_t counter;
    uint64_t last = 0, news = 0;
    assert_int_equal(pthread_create(&counter, NULL, count_up, &race), 0);
    while (news < 500) {
        if (!metrics_take(race.board)) continue;
        uint64_t first = metrics_get(race.board, METRICS_HEIGHT, 0);
        assert_int_equal(first, metrics_get(race.board, METRICS_FDS_MAX, 0));
        assert_int_equal(first, metrics_published_us(race.board));
        assert_true(first >= last);
        news += first > last;
        last = first;
    }
    atomic_store(&race.is_over, true);
    assert_int_equal(pthread_join(counter, NULL), 0);
    metrics_board_free(race.board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_are_not_there_before_they_are_published),
        cmocka_unit_test(test_metrics_have_help_type_and_only_what_was_set),
        cmocka_unit_test(test_metrics_of_a_histogram_are_cumulative),
        cmocka_unit_test(test_metrics_without_room_are_none),
        cmocka_unit_test(test_metrics_of_the_whole_list_are_well_formed),
        cmocka_unit_test(test_metrics_are_read_whole_while_they_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
