/* Books that are kept by order against books hashed whole: lists grow, shrink, vanish and change by
 * rank, and after every update each leaf and the market's root are what a state says that got the
 * same records at once and keeps no orders. */
#include "seed.h"
#include "tenor/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SERIES = 5, LISTS = TN_RECORD_BOOK_LISTS, ORDERS_MAX = 700, ORDER = TN_RECORD_ORDER_SIZE };

static uint64_t seed;

struct lists {
    uint32_t counts[SERIES][LISTS];
    uint8_t orders[SERIES][LISTS][ORDERS_MAX][ORDER];
};

static enum tn_cpu best_cpu(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return TN_CPU_AVX2;
#endif
    return TN_CPU_BASE;
}

static struct tn_state *new_state(uint32_t orders_max)
{
    const struct tn_state_limits limits = {.accounts_max = 1,
                                           .series_max = SERIES,
                                           .market_max = 1,
                                           .feeds_max = 1,
                                           .cpu = best_cpu(),
                                           .orders_max = orders_max};
    void *memory = aligned_alloc(64, tn_align(tn_state_size(&limits)));
    assert_non_null(memory);
    memset(memory, 0xa5, tn_align(tn_state_size(&limits))); /* it need not be zeroed */
    struct tn_state *state = tn_state_init(memory, &limits, 3);
    tn_state_count(state, TN_RECORD_BOOK, SERIES);
    return state;
}

static size_t write_record(const struct lists *lists, uint8_t *out, uint32_t series)
{
    size_t size = 4 * LISTS;
    for (uint32_t list = 0; list < LISTS; list++) {
        uint32_t count = lists->counts[series][list];
        tn_put_be(out + 4 * list, count, 4);
        memcpy(out + size, lists->orders[series][list], (size_t)count * ORDER);
        size += (size_t)count * ORDER;
    }
    return size == 4 * LISTS ? 0 : size;
}

static void assert_same(struct tn_state *state, const struct lists *lists)
{
    static uint8_t record[4 * LISTS + LISTS * ORDERS_MAX * ORDER];
    struct tn_state *whole = new_state(0);
    struct tn_hash root, whole_root;
    for (uint32_t i = 0; i < SERIES; i++) {
        struct tn_record_name name = {.kind = TN_RECORD_BOOK, .index = i};
        assert_true(tn_state_set(whole, name, record, write_record(lists, record, i)));
    }
    assert_true(tn_state_update(state) && tn_state_update(whole));
    for (uint32_t i = 0; i < SERIES; i++) {
        struct tn_record_name name = {.kind = TN_RECORD_BOOK, .index = i};
        tn_state_leaf(&root, state, name);
        tn_state_leaf(&whole_root, whole, name);
        assert_true(tn_hash_equal(&root, &whole_root));
    }
    tn_state_market_root(&root, state);
    tn_state_market_root(&whole_root, whole);
    assert_true(tn_hash_equal(&root, &whole_root));
    free(whole);
}

static void change_order(struct tn_state *state, struct lists *lists, uint32_t series,
                         uint32_t list, uint32_t rank, uint64_t *random)
{
    uint8_t *order = lists->orders[series][list][rank];
    for (uint32_t i = 0; i < ORDER; i += 8)
        tn_put_be(order + i, tn_random_next(random), 8);
    tn_state_book_order(state, series, list, rank, order);
}

/* A list gets another length, those past its old end, and some of the others change. */
static void change_list(struct tn_state *state, struct lists *lists, uint64_t *random)
{
    static const uint32_t most[] = {1, 2, 3, 9, 10, 70, ORDERS_MAX};
    uint32_t series = (uint32_t)tn_random_below(random, SERIES);
    uint32_t list = (uint32_t)tn_random_below(random, LISTS);
    uint32_t *count = &lists->counts[series][list];
    uint32_t before = *count;
    uint32_t choice = (uint32_t)tn_random_below(random, 4);
    if (choice == 0) {
        *count = (uint32_t)tn_random_below(random, most[tn_random_below(random, 7)] + 1u);
    } else if (choice == 1) {
        *count = before + 1 < ORDERS_MAX ? before + 1 : before;
    } else if (choice == 2) {
        *count = before > 0 ? before - 1 : 0;
    }
    tn_state_book_count(state, series, list, *count);
    for (uint32_t rank = before; rank < *count; rank++)
        change_order(state, lists, series, list, rank, random);
    uint32_t changes = *count == 0 ? 0 : (uint32_t)tn_random_below(random, 4);
    for (uint32_t i = 0; i < changes; i++)
        change_order(state, lists, series, list, (uint32_t)tn_random_below(random, *count), random);
}

static void test_state_books_kept_by_order_have_the_leaves_of_books_hashed_whole(void **unused)
{
    enum { ROUNDS = 400 };
    static struct lists lists;
    uint64_t random = seed;
    (void)unused;
    memset(&lists, 0, sizeof lists);
    struct tn_state *state = new_state(SERIES * LISTS * ORDERS_MAX);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t changes = (uint32_t)tn_random_below(&random, 6);
        for (uint32_t i = 0; i < changes; i++)
            change_list(state, &lists, &random);
        assert_same(state, &lists);
    }
    free(state);
}

/* One order more, up to a length with four levels of blocks, and one less, down to nothing. */
static void test_state_books_of_every_length_have_the_leaves_of_books_hashed_whole(void **unused)
{
    static struct lists lists;
    uint64_t random = seed + 1;
    (void)unused;
    memset(&lists, 0, sizeof lists);
    struct tn_state *state = new_state(ORDERS_MAX);
    for (uint32_t count = 1; count <= 530; count++) {
        tn_state_book_count(state, 1, 2, lists.counts[1][2] = count);
        change_order(state, &lists, 1, 2, count - 1, &random);
        if (count < 80 || count > 500) assert_same(state, &lists);
    }
    for (uint32_t count = 530; count-- > 0;) {
        tn_state_book_count(state, 1, 2, lists.counts[1][2] = count);
        if (count < 80 || count > 500) assert_same(state, &lists);
    }
    free(state);
}

/* Blocks go back to their pool: orders that wander from list to list never run out of them, though
 * each list is told before those that it took from. */
static void test_state_books_use_no_more_blocks_than_their_orders_need(void **unused)
{
    enum { FEW = 24, ROUNDS = 3000 };
    static struct lists lists;
    uint64_t random = seed + 2;
    (void)unused;
    memset(&lists, 0, sizeof lists);
    struct tn_state *state = new_state(FEW);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t left = FEW;
        for (uint32_t place = 0; place < SERIES * LISTS; place++) {
            uint32_t series = place / LISTS, list = place % LISTS;
            uint32_t count = (uint32_t)tn_random_below(&random, left + 1);
            if (tn_random_below(&random, 3) == 0) count = 0;
            left -= count;
            tn_state_book_count(state, series, list, lists.counts[series][list] = count);
            for (uint32_t rank = 0; rank < count; rank++)
                change_order(state, &lists, series, list, rank, &random);
        }
        if (round % 100 == 0) assert_same(state, &lists);
        assert_true(tn_state_update(state));
    }
    free(state);
}

static void test_state_books_past_the_count_of_series_are_forgotten(void **unused)
{
    static struct lists lists;
    uint64_t random = seed + 3;
    (void)unused;
    memset(&lists, 0, sizeof lists);
    struct tn_state *state = new_state(ORDERS_MAX);
    for (uint32_t series = 0; series < SERIES; series++) {
        tn_state_book_count(state, series, 0, lists.counts[series][0] = 11);
        for (uint32_t rank = 0; rank < 11; rank++)
            change_order(state, &lists, series, 0, rank, &random);
    }
    tn_state_count(state, TN_RECORD_BOOK, 2);
    assert_true(tn_state_update(state));
    tn_state_count(state, TN_RECORD_BOOK, SERIES);
    for (uint32_t series = 2; series < SERIES; series++)
        lists.counts[series][0] = 0;
    assert_same(state, &lists);
    free(state);
}

/* Bytes of a stranger may say anything of how much rests. */
static void test_state_books_with_more_orders_than_there_is_room_for_are_refused(void **state_)
{
    (void)state_;
    static struct lists lists;
    static uint8_t record[4 * LISTS + LISTS * ORDERS_MAX * ORDER];
    struct tn_state *state = new_state(ORDERS_MAX);
    memset(&lists, 0, sizeof lists);
    for (uint32_t series = 0; series < SERIES; series++) {
        const struct tn_record_name name = {.kind = TN_RECORD_BOOK, .index = series};
        lists.counts[series][series % LISTS] = ORDERS_MAX;
        const size_t size = write_record(&lists, record, series);
        assert_int_equal(tn_state_set(state, name, record, size), series < 2);
        if (series >= 2) lists.counts[series][series % LISTS] = 0;
    }
    assert_same(state, &lists);
    tn_state_book_count(state, 1, 1, 0);
    lists.counts[1][1] = 0;
    lists.counts[4][0] = ORDERS_MAX;
    const struct tn_record_name name = {.kind = TN_RECORD_BOOK, .index = 4};
    assert_true(tn_state_set(state, name, record, write_record(&lists, record, 4)));
    assert_same(state, &lists);
    free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_books_kept_by_order_have_the_leaves_of_books_hashed_whole),
        cmocka_unit_test(test_state_books_of_every_length_have_the_leaves_of_books_hashed_whole),
        cmocka_unit_test(test_state_books_use_no_more_blocks_than_their_orders_need),
        cmocka_unit_test(test_state_books_past_the_count_of_series_are_forgotten),
        cmocka_unit_test(test_state_books_with_more_orders_than_there_is_room_for_are_refused),
    };
    seed = test_seed("test_state_books");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
