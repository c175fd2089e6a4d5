/* Hands: each piece once, by whoever is free; and an equity tree that several threads hash is the
 * one that a single one does. */
#include "cluster/hands.h"

#include "tenor/base.h"
#include "tenor/state.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PIECES_MOST = 200, THREADS = 3 };

/* ---- Pieces of the test's own ---- */

static uint32_t done[PIECES_MOST]; /* each is its piece's alone */

static void do_once(void *of, uint32_t index)
{
    const uint32_t *by = of;
    done[index] += *by;
}

static void test_hands_do_each_piece_once_however_many_threads_there_are(void **unused)
{
    (void)unused;
    for (uint32_t threads = 0; threads <= THREADS; threads++) {
        struct hands *hands = hands_open(threads);
        assert_non_null(hands);
        const struct tn_hands lent = hands_of(hands);
        uint64_t random = 7;
        for (uint32_t round = 1; round <= 300; round++) {
            uint32_t by = round;
            const uint32_t count = (uint32_t)tn_random_below(&random, PIECES_MOST + 1);
            memset(done, 0, sizeof done);
            lent.work(lent.context, do_once, &by, count);
            for (uint32_t i = 0; i < PIECES_MOST; i++)
                assert_int_equal(done[i], i < count ? round : 0);
        }
        hands_close(hands);
    }
}

/* Whoever is not the owner stays in the first piece that it claims until all others are done. */
struct slow {
    pthread_t owner;
    atomic_uint done, inside;
};

static void be_slow(void *of, uint32_t index)
{
    struct slow *slow = of;
    (void)index;
    if (!pthread_equal(pthread_self(), slow->owner)) {
        atomic_fetch_add(&slow->inside, 1);
        while (atomic_load(&slow->done) + atomic_load(&slow->inside) < PIECES_MOST)
            sched_yield();
    }
    atomic_fetch_add(&slow->done, 1);
}

static void test_hands_that_are_slow_hold_up_their_own_piece_alone(void **unused)
{
    (void)unused;
    struct hands *hands = hands_open(THREADS);
    assert_non_null(hands);
    const struct tn_hands lent = hands_of(hands);
    for (uint32_t round = 0; round < 20; round++) {
        struct slow slow = {.owner = pthread_self()};
        lent.work(lent.context, be_slow, &slow, PIECES_MOST);
        assert_int_equal(atomic_load(&slow.done), PIECES_MOST);
        assert_true(atomic_load(&slow.inside) <= THREADS);
    }
    hands_close(hands);
}

static void test_hands_end_while_they_have_nothing_to_do(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 50; i++) {
        struct hands *hands = hands_open(THREADS);
        assert_non_null(hands);
        hands_close(hands);
    }
    hands_close(NULL);
}

/* ---- A tree ---- */

enum { ACCOUNTS = 6 * TN_EQUITY_PIECE + 5 };

struct tree {
    void *memory;
    struct tn_equity *equity;
    tn_micros values[ACCOUNTS];
};
static const uint8_t owner[20] = {4, 2};

static struct tree *tree_make(void)
{
    struct tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    const size_t size = tn_align(tn_equity_size(ACCOUNTS));
    tree->memory = aligned_alloc(64, size);
    assert_non_null(tree->memory);
    memset(tree->memory, 0, size);
    tree->equity = tn_equity_init(tree->memory, ACCOUNTS, TN_CPU_BASE);
    tn_equity_count(tree->equity, ACCOUNTS);
    return tree;
}

static void tree_free(struct tree *tree)
{
    free(tree->memory);
    free(tree);
}

static void set_piece(void *of, uint32_t index)
{
    struct tree *tree = of;
    for (uint32_t i = 0; i < TN_EQUITY_PIECE; i++) {
        const uint32_t account = index * TN_EQUITY_PIECE + i;
        if (account >= ACCOUNTS) break;
        const struct tn_equity_leaf leaf = {account, owner, tree->values[account]};
        if (leaf.equity_micros % 3 == 0) tn_equity_piece_set(tree->equity, &leaf, 1);
    }
    tn_equity_piece_hash(tree->equity, index);
}

static void record_of(uint8_t record[TN_PROOF_EXIT_SIZE], const struct tree *tree)
{
    struct tn_hash exits;
    tn_equity_record(tree->equity, record, &exits, 1, &(struct tn_state_exit){.height = 1});
}

static void test_hands_make_the_tree_that_one_thread_makes(void **unused)
{
    (void)unused;
    struct hands *hands = hands_open(THREADS);
    assert_non_null(hands);
    const struct tn_hands lent = hands_of(hands);
    struct tree *together = tree_make(), *alone = tree_make();
    uint64_t random = 11;
    for (uint32_t round = 0; round < 4; round++) {
        uint8_t records[2][TN_PROOF_EXIT_SIZE];
        for (uint32_t i = 0; i < ACCOUNTS; i++) {
            const tn_micros value = (tn_micros)tn_random_below(&random, 1000000);
            together->values[i] = value;
            if (value % 3 == 0) tn_equity_set(alone->equity, i, owner, value);
        }
        tn_equity_update(alone->equity);
        const uint32_t count = tn_equity_pieces_begin(together->equity);
        lent.work(lent.context, set_piece, together, count);
        tn_equity_pieces_end(together->equity);
        record_of(records[0], together);
        record_of(records[1], alone);
        assert_memory_equal(records[0], records[1], TN_PROOF_EXIT_SIZE);
    }
    tree_free(together);
    tree_free(alone);
    hands_close(hands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hands_do_each_piece_once_however_many_threads_there_are),
        cmocka_unit_test(test_hands_that_are_slow_hold_up_their_own_piece_alone),
        cmocka_unit_test(test_hands_end_while_they_have_nothing_to_do),
        cmocka_unit_test(test_hands_make_the_tree_that_one_thread_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
