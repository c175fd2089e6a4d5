/* The hashing rules, against the twin: zeros, folds, leaves of every kind on every path of the
 * processor, ranges and the ways in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu_paths.h"
#include "seed.h"
#include "tenor/proof.h"
#include "tree_twin.h"

static uint64_t seed;

static void assert_same_hash(struct tn_hash a, struct tn_hash b)
{
    assert_memory_equal(a.bytes, b.bytes, TN_HASH_SIZE);
}

static uint8_t *random_bytes(uint64_t *random, size_t size)
{
    uint8_t *bytes = malloc(size + 8);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)tn_random_next(random);
    return bytes;
}

static void put_number(uint8_t *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void test_proof_zeros_are_the_hashes_of_subtrees_of_zeros(void **unused)
{
    (void)unused;
    for (int sums = 0; sums < 2; sums++) {
        struct twin_node node = {twin_nothing(), 0};
        for (uint32_t depth = 0; depth <= TN_PROOF_DEPTH_MAX; depth++) {
            struct tn_hash zero;
            tn_proof_zero(&zero, sums == 1, depth);
            assert_same_hash(zero, node.hash);
            node = twin_join(node, node, sums == 1);
        }
    }
}

static void test_proof_depth_is_the_least_that_holds_the_count(void **unused)
{
    (void)unused;
    for (uint64_t count = 0; count < 300; count++)
        assert_int_equal(tn_proof_depth(count), twin_depth(count));
    assert_int_equal(tn_proof_depth(UINT64_C(1) << 32), 32);
    assert_int_equal(tn_proof_depth((UINT64_C(1) << 31) + 1), 32);
}

static void test_proof_fold_gives_the_top_after_any_number_of_leaves(void **unused)
{
    (void)unused;
    enum { LEAVES = 140 };
    uint64_t random = seed;
    struct twin_node leaves[LEAVES];
    for (int i = 0; i < LEAVES; i++) {
        tn_keccak256(&leaves[i].hash, &i, sizeof i);
        leaves[i].sum = (int64_t)tn_random_next(&random);
    }
    for (int sums = 0; sums < 2; sums++) {
        struct tn_proof_fold fold;
        tn_proof_fold_begin(&fold, sums == 1);
        for (uint32_t count = 0; count <= LEAVES; count++) {
            for (uint32_t more = 0; more < 3; more++) { /* deeper than it must be, too */
                const uint32_t depth = tn_proof_depth(count) + more;
                struct twin_node top = twin_top(leaves, count, (int)depth, sums == 1);
                struct tn_hash hash;
                tn_i128 sum;
                assert_true(tn_proof_fold_top(&fold, depth, &hash, &sum));
                assert_same_hash(hash, top.hash);
                if (sums) assert_true(sum == top.sum);
            }
            if (count < LEAVES)
                assert_true(
                    tn_proof_fold_add(&fold, &leaves[count].hash, sums ? leaves[count].sum : 0));
        }
    }
}

static void test_proof_sums_may_not_overflow(void **unused)
{
    (void)unused;
    const tn_i128 most = (tn_i128)(~(tn_u128)0 >> 1);
    const tn_i128 sums[2][3] = {{most, 0, 1}, {-most - 1, 0, -1}};
    for (int sign = 0; sign < 2; sign++) {
        struct tn_proof_fold fold;
        const struct tn_hash leaf = {{1}};
        struct tn_hash top;
        tn_i128 sum;
        tn_proof_fold_begin(&fold, true);
        assert_true(tn_proof_fold_add(&fold, &leaf, sums[sign][0]));
        assert_true(tn_proof_fold_add(&fold, &leaf, sums[sign][1]));
        assert_true(tn_proof_fold_top(&fold, 1, &top, &sum) && sum == sums[sign][0]);
        assert_true(tn_proof_fold_add(&fold, &leaf, sums[sign][2]));
        assert_false(tn_proof_fold_top(&fold, 2, &top, &sum));
        assert_false(tn_proof_fold_add(&fold, &leaf, 0));
    }
}

static void test_proof_leaves_of_plain_records_are_the_twins_for_every_size(void **unused)
{
    (void)unused;
    uint64_t random = seed;
    uint8_t *record = random_bytes(&random, 700);
    for (size_t size = 0; size < 700; size++) {
        struct tn_hash leaf;
        tn_i128 sum;
        const uint32_t index = (uint32_t)tn_random_next(&random);
        assert_true(
            tn_proof_leaf(&leaf, &sum, TN_CPU_BASE, TN_RECORD_MARKET, index, record, size, NULL));
        assert_same_hash(leaf, twin_leaf(1, index, record, size));
        assert_true(sum == 0);
    }
    free(record);
}

static void test_proof_leaf_of_an_account_takes_in_its_positions(void **unused)
{
    (void)unused;
    uint64_t random = seed;
    enum tn_cpu cpus[3];
    const uint32_t cpus_count = runnable_paths(cpus);
    uint8_t *positions = random_bytes(&random, 700 * 40);
    uint8_t *record = random_bytes(&random, 112);
    for (size_t count = 0; count < 700; count += count < 20 || count % 191 < 4 ? 1 : 37) {
        for (uint32_t path = 0; path < cpus_count; path++) {
            struct tn_hash root;
            struct tn_hash leaf;
            tn_i128 sum;
            assert_true(tn_proof_positions_root(&root, cpus[path], positions, count * 40));
            assert_same_hash(root, twin_positions_root(positions, count * 40));
            assert_true(
                tn_proof_leaf(&leaf, &sum, cpus[path], TN_RECORD_ACCOUNT, 9, record, 112, &root));
            struct twin_node twin = twin_record_leaf(5, 9, record, 112, root);
            assert_same_hash(leaf, twin.hash);
            assert_true(sum == twin.sum);
        }
    }
    free(positions);
    free(record);
}

static void test_proof_leaf_of_a_book_has_the_tops_of_its_lists(void **unused)
{
    (void)unused;
    static const uint32_t counts[][4] = {{0, 0, 0, 0},    {1, 0, 0, 0},     {0, 2, 3, 1},
                                         {63, 64, 65, 5}, {128, 129, 0, 1}, {200, 1, 192, 300}};
    uint64_t random = seed;
    enum tn_cpu cpus[3];
    const uint32_t cpus_count = runnable_paths(cpus);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const uint32_t orders = counts[i][0] + counts[i][1] + counts[i][2] + counts[i][3];
        const size_t size = 16 + 128 * (size_t)orders;
        uint8_t *record = random_bytes(&random, size);
        for (int list = 0; list < 4; list++)
            put_number(record + 4 * list, counts[i][list], 4);
        for (uint32_t path = 0; path < cpus_count; path++) {
            struct tn_hash leaf;
            tn_i128 sum;
            assert_true(
                tn_proof_leaf(&leaf, &sum, cpus[path], TN_RECORD_BOOK, 4, record, size, NULL));
            assert_same_hash(leaf, twin_record_leaf(9, 4, record, size, twin_nothing()).hash);
            assert_false(
                tn_proof_leaf(&leaf, &sum, cpus[path], TN_RECORD_BOOK, 4, record, size - 1, NULL));
        }
        free(record);
    }
}

static void test_proof_leaf_of_a_memory_hashes_runs_by_running_number(void **unused)
{
    (void)unused;
    uint64_t random = seed;
    for (uint32_t first = 0; first < 40; first += 3) {
        for (uint32_t count = 0; count < 140; count += 7) {
            const uint32_t groups = 120 * (count % 3);
            const size_t size = 16 + groups + 34 * (size_t)count;
            uint8_t *record = random_bytes(&random, size);
            put_number(record, groups, 4);
            put_number(record + 4 + groups, 1000000 + first, 8);
            put_number(record + 12 + groups, count, 4);
            struct tn_hash leaf;
            tn_i128 sum;
            assert_true(
                tn_proof_leaf(&leaf, &sum, TN_CPU_BASE, TN_RECORD_MEMORY, 4, record, size, NULL));
            assert_same_hash(leaf, twin_record_leaf(8, 4, record, size, twin_nothing()).hash);
            put_number(record + 12 + groups, count + 1, 4);
            assert_false(
                tn_proof_leaf(&leaf, &sum, TN_CPU_BASE, TN_RECORD_MEMORY, 4, record, size, NULL));
            free(record);
        }
    }
}

static void test_proof_bodies_are_what_their_leaves_hash(void **unused)
{
    (void)unused;
    uint64_t random = seed;
    const struct tn_hash root = {{7}};
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue;
        uint8_t *record = random_bytes(&random, 16 + 3 * 128);
        uint8_t body[16 + 3 * 128 + TN_PROOF_BODY_EXTRA];
        size_t size = kind == TN_RECORD_ACCOUNT ? 112 : 16 + 3 * 128;
        if (kind == TN_RECORD_BOOK) memcpy(record, "\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0", 16);
        if (kind == TN_RECORD_MEMORY) {
            size = 16 + 5 * 34;
            memcpy(record, "\0\0\0\0\0\0\0\0\0\0\0\36\0\0\0\5", 16); /* two runs */
        }
        struct tn_hash leaf;
        struct tn_hash again;
        tn_i128 sum;
        size_t used =
            tn_proof_body(body, TN_CPU_BASE, (enum tn_record_kind)kind, record, size, &root);
        assert_true(used > 0);
        tn_proof_leaf_body(&again, (uint8_t)kind, 5, body, used);
        assert_true(tn_proof_leaf(&leaf, &sum, TN_CPU_BASE, (enum tn_record_kind)kind, 5, record,
                                  size, &root));
        assert_same_hash(leaf, again);
        free(record);
    }
}

/* ---- Ranges ---- */

/* RFC 9162, 2.1.3.1, by recursion: the hashes beside the way, from the leaf's up. */
static uint32_t twin_way(struct tn_hash *way, const struct tn_hash *leaves, uint64_t count,
                         uint64_t number)
{
    if (count <= 1) return 0;
    uint64_t half = 1;
    while (2 * half < count)
        half *= 2;
    const bool on_left = number < half;
    uint32_t used = on_left ? twin_way(way, leaves, half, number)
                            : twin_way(way, leaves + half, count - half, number - half);
    way[used] =
        on_left ? twin_range_top(leaves + half, count - half) : twin_range_top(leaves, half);
    return used + 1;
}

static void test_proof_ranges_are_those_of_the_twin_and_so_are_all_ways(void **unused)
{
    (void)unused;
    enum { LEAVES = 70 };
    struct tn_hash leaves[LEAVES];
    struct tn_hash file[2 * LEAVES];
    struct tn_hash made[TN_PROOF_SIDES + 1];
    struct tn_proof_range range = {.count = 0};
    uint32_t file_count = 0;
    for (uint64_t count = 0; count < LEAVES; count++) {
        struct tn_hash root;
        struct tn_hash twin;
        struct tn_hash top = twin_range_top(leaves, count);
        tn_proof_range_root(&root, &range, TN_PROOF_BLOCKS);
        tn_proof_root(&twin, TN_PROOF_BLOCKS, count, &top);
        assert_same_hash(root, twin);
        for (uint64_t number = 0; number < count; number++) {
            uint64_t places[TN_PROOF_SIDES];
            struct tn_hash nodes[TN_PROOF_SIDES];
            struct tn_hash way[TN_PROOF_SIDES];
            struct tn_hash expected[TN_PROOF_SIDES];
            uint32_t needed = tn_proof_range_places(places, &range, number);
            for (uint32_t i = 0; i < needed; i++) {
                assert_true(places[i] < file_count);
                nodes[i] = file[places[i]];
            }
            uint32_t used = tn_proof_range_way(way, &range, nodes, number);
            assert_int_equal(used, twin_way(expected, leaves, count, number));
            assert_memory_equal(way, expected, used * sizeof *way);
        }
        tn_proof_range_leaf(&leaves[count], TN_PROOF_BLOCKS, count, root.bytes, 32);
        uint32_t new_nodes = tn_proof_range_append(&range, made, &leaves[count]);
        assert_int_equal(new_nodes, 1 + __builtin_ctzll(~count));
        memcpy(file + file_count, made, new_nodes * sizeof *made);
        file_count += new_nodes;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proof_zeros_are_the_hashes_of_subtrees_of_zeros),
        cmocka_unit_test(test_proof_depth_is_the_least_that_holds_the_count),
        cmocka_unit_test(test_proof_fold_gives_the_top_after_any_number_of_leaves),
        cmocka_unit_test(test_proof_sums_may_not_overflow),
        cmocka_unit_test(test_proof_leaves_of_plain_records_are_the_twins_for_every_size),
        cmocka_unit_test(test_proof_leaf_of_an_account_takes_in_its_positions),
        cmocka_unit_test(test_proof_leaf_of_a_book_has_the_tops_of_its_lists),
        cmocka_unit_test(test_proof_leaf_of_a_memory_hashes_runs_by_running_number),
        cmocka_unit_test(test_proof_bodies_are_what_their_leaves_hash),
        cmocka_unit_test(test_proof_ranges_are_those_of_the_twin_and_so_are_all_ways),
    };
    seed = test_seed("test_proof_trees");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
