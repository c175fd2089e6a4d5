/* The index against a plain array of (hash, value). The hashes are made to collide, to share a home
 * cell, and to start at the end of the cells so that runs wrap around. */
#include "tenor/index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "seed.h"

#define ENTRIES_MAX 5000
#define VALUE_MAX   20000

/* Lets expect_assert_failure see a TN_ASSERT. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    mock_assert(0, what, file, line);
    abort();
}

enum hashes { SPREAD, FEW_HASHES, ONE_HOME, WRAPPING, HASHES_COUNT };

struct twin {
    struct tn_index index;
    uint32_t count;
    struct {
        uint32_t hash;
        uint32_t value;
    } entries[ENTRIES_MAX];
    bool used[VALUE_MAX]; /* a value is the index of a record: it is stored once */
};

static struct twin twin;

static void twin_start(uint32_t count_max)
{
    uint64_t *cells = malloc(tn_index_cells(count_max) * sizeof *cells);
    assert_non_null(cells);
    memset(&twin, 0, sizeof twin);
    tn_index_init(&twin.index, cells, count_max, 0);
}

static void twin_stop(void)
{
    free(twin.index.cells);
}

static uint32_t random_hash(uint64_t *random, enum hashes hashes)
{
    uint32_t any = (uint32_t)tn_random_next(random);
    uint32_t mask = twin.index.mask;
    switch (hashes) {
        case SPREAD: return any;
        case FEW_HASHES: return (any & 3) * UINT32_C(0x55555555);
        case ONE_HOME: return any << 24 | (mask / 2 & 0xffffff); /* 256 hashes, one home */
        case WRAPPING: return (any & ~mask) | (mask - (any >> 8 & 3 & mask));
        case HASHES_COUNT: break;
    }
    fail();
    return 0;
}

/* Every value under a hash, in the index and in the array, as a count and a sum of distinct odd
 * multiples: a value found twice, lost or foreign changes one of them. */
static void check_hash(uint32_t hash)
{
    uint64_t expected_sum = 0, sum = 0;
    uint32_t expected_count = 0, count = 0;
    for (uint32_t i = 0; i < twin.count; i++) {
        if (twin.entries[i].hash != hash) continue;
        uint64_t random = twin.entries[i].value;
        expected_sum += tn_random_next(&random);
        expected_count++;
    }
    TN_INDEX_EACH (&twin.index, hash, value) {
        uint64_t random = value;
        sum += tn_random_next(&random);
        count++;
    }
    assert_int_equal(count, expected_count);
    assert_true(sum == expected_sum);
}

/* No entry may be cut off from its home by an empty cell, and at most half of the cells are full.
 */
static void check_cells(void)
{
    const struct tn_index *index = &twin.index;
    uint32_t full = 0;
    for (uint32_t cell = 0; cell <= index->mask; cell++) {
        if (index->cells[cell] == TN_INDEX_EMPTY) continue;
        full++;
        uint32_t at = (uint32_t)(index->cells[cell] >> 32) & index->mask;
        for (; at != cell; at = (at + 1) & index->mask) {
            assert_true(index->cells[at] != TN_INDEX_EMPTY);
        }
    }
    assert_int_equal(full, twin.count);
    assert_int_equal(index->count, twin.count);
    assert_true(full <= (index->mask + 1) / 2);
}

static void insert_random(uint64_t *random, enum hashes hashes)
{
    uint32_t value = (uint32_t)tn_random_below(random, VALUE_MAX);
    if (twin.used[value]) return;
    uint32_t hash = random_hash(random, hashes);
    tn_index_insert(&twin.index, hash, value);
    twin.used[value] = true;
    twin.entries[twin.count].hash = hash;
    twin.entries[twin.count++].value = value;
    check_hash(hash);
}

static void remove_random(uint64_t *random)
{
    uint32_t at = (uint32_t)tn_random_below(random, twin.count);
    uint32_t hash = twin.entries[at].hash;
    tn_index_remove(&twin.index, hash, twin.entries[at].value);
    twin.used[twin.entries[at].value] = false;
    twin.entries[at] = twin.entries[--twin.count];
    check_hash(hash);
}

static void run_against_array(enum hashes hashes, uint32_t count_max, uint32_t steps)
{
    uint64_t random = test_seed("test_base_index") ^ (uint64_t)hashes << 32 ^ count_max;
    uint32_t filled = 0;
    twin_start(count_max);
    for (uint32_t step = 0; step < steps; step++) {
        /* Phases of growth and of decay, so that it is now full and now empty. */
        bool grow = tn_random_below(&random, 100) < (step / (count_max * 3) % 2 == 0 ? 70 : 30);
        if (grow && twin.count < count_max) insert_random(&random, hashes);
        if (!grow && twin.count > 0) remove_random(&random);
        filled += twin.count == count_max;
        check_hash(random_hash(&random, hashes));
        if (step % 97 == 0 || count_max <= 8) check_cells();
    }
    assert_true(filled > 0);
    while (twin.count > 0)
        remove_random(&random);
    check_cells();
    twin_stop();
}

static void test_index_finds_what_a_plain_array_finds_with_spread_hashes(void **state)
{
    (void)state;
    run_against_array(SPREAD, 1, 2000);
    run_against_array(SPREAD, 8, 20000);
    run_against_array(SPREAD, 1000, 30000);
}

static void test_index_finds_what_a_plain_array_finds_with_equal_hashes(void **state)
{
    (void)state;
    run_against_array(FEW_HASHES, 8, 20000);
    run_against_array(FEW_HASHES, 300, 20000);
}

static void test_index_finds_what_a_plain_array_finds_with_one_home_cell(void **state)
{
    (void)state;
    run_against_array(ONE_HOME, 8, 20000);
    run_against_array(ONE_HOME, 300, 20000);
}

static void test_index_finds_what_a_plain_array_finds_when_runs_wrap_around(void **state)
{
    (void)state;
    run_against_array(WRAPPING, 8, 20000);
    run_against_array(WRAPPING, 300, 20000);
}

static void test_index_shifts_a_wrapped_run_back_over_the_end(void **state)
{
    (void)state;
    twin_start(8); /* 16 cells */
    assert_int_equal(twin.index.mask, 15);
    tn_index_insert(&twin.index, 15, 1); /* cell 15 */
    tn_index_insert(&twin.index, 31, 2); /* home 15, cell 0 */
    tn_index_insert(&twin.index, 16, 3); /* home 0, cell 1 */
    tn_index_insert(&twin.index, 47, 4); /* home 15, cell 2 */

    tn_index_remove(&twin.index, 15, 1);

    assert_true(twin.index.cells[15] == (UINT64_C(31) << 32 | 2));
    assert_true(twin.index.cells[0] == (UINT64_C(16) << 32 | 3));
    assert_true(twin.index.cells[1] == (UINT64_C(47) << 32 | 4));
    assert_true(twin.index.cells[2] == TN_INDEX_EMPTY);
    twin_stop();
}

static void test_index_leaves_an_entry_that_is_already_home(void **state)
{
    (void)state;
    twin_start(8);
    tn_index_insert(&twin.index, 3, 1);
    tn_index_insert(&twin.index, 4, 2);
    tn_index_remove(&twin.index, 3, 1);
    assert_true(twin.index.cells[3] == TN_INDEX_EMPTY);
    assert_true(twin.index.cells[4] == (UINT64_C(4) << 32 | 2));
    twin_stop();
}

static void test_index_stops_on_a_missing_entry_and_past_its_limit(void **state)
{
    (void)state;
    twin_start(2);
    tn_index_insert(&twin.index, 5, 1);
    expect_assert_failure(tn_index_remove(&twin.index, 5, 2));
    expect_assert_failure(tn_index_remove(&twin.index, 21, 1));
    tn_index_insert(&twin.index, 5, 2);
    expect_assert_failure(tn_index_insert(&twin.index, 6, 3));
    twin_stop();
}

static void test_index_cells_are_a_power_of_two_at_most_half_full(void **state)
{
    (void)state;
    static const uint32_t maxima[] = {0, 1, 8, 9, 1000, 65536, 65537, UINT32_C(1) << 30};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        uint32_t cells = tn_index_cells(maxima[i]);
        assert_true(cells >= 16 && (cells & (cells - 1)) == 0);
        assert_true(cells / 2 >= maxima[i]);
        assert_true(cells == 16 || cells / 4 < maxima[i]); /* and no larger than needed */
    }
}

/* Ids come in runs: sequential, or with all their change in the high bits. */
static void test_index_hash_spreads_regular_keys(void **state)
{
    (void)state;
    const uint32_t keys = ENTRIES_MAX;
    for (uint32_t shift = 0; shift <= 48; shift += 16) {
        uint32_t longest = 0;
        twin_start(keys);
        for (uint64_t key = 0; key < keys; key++) {
            uint32_t hash = tn_index_hash(&twin.index, key << shift);
            tn_index_insert(&twin.index, hash, (uint32_t)key);
        }
        for (uint32_t cell = 0; cell <= twin.index.mask; cell++) {
            if (twin.index.cells[cell] == TN_INDEX_EMPTY) continue;
            uint32_t home = (uint32_t)(twin.index.cells[cell] >> 32) & twin.index.mask;
            uint32_t distance = (cell - home) & twin.index.mask;
            if (distance > longest) longest = distance;
        }
        assert_true(longest < 100); /* a random function stays below 40 or so */
        twin_stop();
    }
}

static void test_index_hash_depends_on_the_seed_and_on_the_order_of_two_words(void **state)
{
    (void)state;
    struct tn_index one = {.seed = 1}, two = {.seed = 2};
    uint32_t same_seeds = 0, same_order = 0;
    for (uint64_t key = 1; key <= 1000; key++) {
        same_seeds += tn_index_hash(&one, key) == tn_index_hash(&two, key);
        same_order += tn_index_hash2(&one, key, key + 1) == tn_index_hash2(&one, key + 1, key);
    }
    assert_true(same_seeds <= 1 && same_order <= 1);
}

/* Four keys in a row, of which the first goes first: nothing of theirs stands behind it. */
static void test_index_keeps_four_counted_keys_together_with_the_oldest_last(void **state)
{
    (void)state;
    struct tn_index index = {.seed = 7};
    for (uint64_t first = 0; first < 4000; first += 4) {
        uint32_t mixed = tn_index_hash(&index, first >> 2);
        uint32_t oldest = tn_index_near4(mixed, first);
        assert_int_equal(oldest % 4, 3);
        for (uint32_t i = 1; i < 4; i++)
            assert_int_equal(tn_index_near4(mixed, first + i), oldest - i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_finds_what_a_plain_array_finds_with_spread_hashes),
        cmocka_unit_test(test_index_finds_what_a_plain_array_finds_with_equal_hashes),
        cmocka_unit_test(test_index_finds_what_a_plain_array_finds_with_one_home_cell),
        cmocka_unit_test(test_index_finds_what_a_plain_array_finds_when_runs_wrap_around),
        cmocka_unit_test(test_index_shifts_a_wrapped_run_back_over_the_end),
        cmocka_unit_test(test_index_leaves_an_entry_that_is_already_home),
        cmocka_unit_test(test_index_stops_on_a_missing_entry_and_past_its_limit),
        cmocka_unit_test(test_index_cells_are_a_power_of_two_at_most_half_full),
        cmocka_unit_test(test_index_hash_spreads_regular_keys),
        cmocka_unit_test(test_index_hash_depends_on_the_seed_and_on_the_order_of_two_words),
        cmocka_unit_test(test_index_keeps_four_counted_keys_together_with_the_oldest_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
