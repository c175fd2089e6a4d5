/* Trees of which only some accounts and sessions are known: they have the roots of whole ones, also
 * after known ones change and new ones are appended; and no byte of the nodes beside the ways can
 * be another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "tenor/state.h"

#include <string.h>

enum {
    ACCOUNTS_MAX = 3000,
    ROUNDS = 60,
    MARGIN_SIZE = 104,
    POSITIONS_MAX = 5,
    SESSION_SIZE = 57,
    KINDS = 4
};

static const enum tn_record_kind part_kinds[KINDS] = {
    TN_RECORD_ACCOUNT, TN_RECORD_MARGIN, TN_RECORD_MEMORY, (enum tn_record_kind)TN_PROOF_SESSION};

struct account {
    uint8_t account[TN_RECORD_ACCOUNT_SIZE];
    uint8_t positions[POSITIONS_MAX * TN_RECORD_POSITION_SIZE];
    uint8_t margin[MARGIN_SIZE];
    uint8_t session[SESSION_SIZE]; /* in the seat of the same number; empty: size 0 */
    uint32_t positions_count, margin_size, session_size;
};

struct pair {
    struct tn_state *whole, *part;
    uint32_t count;
    uint64_t present[ACCOUNTS_MAX / 64 + 1];
    struct account accounts[ACCOUNTS_MAX];
    uint64_t random;
};

static uint64_t seed;

static const struct tn_state_limits limits = {ACCOUNTS_MAX, 1, 1, 1, ACCOUNTS_MAX, TN_CPU_BASE, 0};

static struct tn_state *new_state(void)
{
    size_t size = tn_align(tn_state_size(&limits));
    void *memory = aligned_alloc(64, size);
    TN_ASSERT(memory != NULL);
    memset(memory, 0xa5, size); /* what is not known is nothing that may be used */
    return tn_state_init(memory, &limits, 3);
}

static void draw_account(struct pair *pair, uint32_t index)
{
    struct account *account = &pair->accounts[index];
    for (size_t i = 0; i < sizeof account->account; i++)
        account->account[i] = (uint8_t)tn_random_next(&pair->random);
    for (size_t i = 0; i < sizeof account->positions; i++)
        account->positions[i] = (uint8_t)tn_random_next(&pair->random);
    memset(account->margin, (int)tn_random_below(&pair->random, 256), sizeof account->margin);
    account->positions_count = (uint32_t)tn_random_below(&pair->random, POSITIONS_MAX + 1);
    account->margin_size = tn_random_below(&pair->random, 2) == 0 ? 0 : MARGIN_SIZE;
    memset(account->session, (int)tn_random_below(&pair->random, 256), sizeof account->session);
    account->session_size = tn_random_below(&pair->random, 3) == 0 ? 0 : SESSION_SIZE;
}

static void set_account(const struct pair *pair, struct tn_state *state, uint32_t index)
{
    const struct account *account = &pair->accounts[index];
    const struct tn_state_record records[] = {
        {{TN_RECORD_POSITIONS, index},
         account->positions,
         (size_t)account->positions_count * TN_RECORD_POSITION_SIZE},
        {{TN_RECORD_ACCOUNT, index}, account->account, TN_RECORD_ACCOUNT_SIZE},
        {{TN_RECORD_MARGIN, index}, account->margin, account->margin_size},
        {{TN_RECORD_MEMORY, index}, NULL, 0},
        {{TN_PROOF_SESSION, index}, account->session, account->session_size},
    };
    bool is_good = tn_state_set_many(state, records, 5);
    TN_ASSERT(is_good);
}

static bool is_present(const struct pair *pair, uint32_t index)
{
    return (pair->present[index / 64] >> index % 64 & 1) != 0;
}

static void set_counts(struct tn_state *state, uint32_t count)
{
    for (uint32_t i = 0; i < KINDS; i++)
        tn_state_count(state, part_kinds[i], count);
}

static bool same_roots(const struct pair *pair)
{
    bool is_same = tn_state_update(pair->whole) && tn_state_update(pair->part);
    for (uint32_t i = 0; i < KINDS && is_same; i++) {
        struct tn_hash whole, part;
        tn_state_section_root(&whole, pair->whole, part_kinds[i]);
        tn_state_section_root(&part, pair->part, part_kinds[i]);
        is_same = tn_hash_equal(&whole, &part);
    }
    return is_same && tn_state_cash(pair->whole) == tn_state_cash(pair->part);
}

/* Some counts are powers of two, or next to one, where trees grow a level. */
static uint32_t draw_count(struct pair *pair)
{
    uint32_t power = 1u << tn_random_below(&pair->random, 12);
    switch (tn_random_below(&pair->random, 4)) {
        case 0: return power;
        case 1: return power + 1;
        case 2: return power > 1 ? power - 1 : 1;
        default: return 1 + (uint32_t)tn_random_below(&pair->random, 2500);
    }
}

static void open_pair(struct pair *pair, uint64_t from)
{
    memset(pair, 0, sizeof *pair);
    pair->random = from;
    pair->whole = new_state();
    pair->part = new_state();
    pair->count = draw_count(pair);
    set_counts(pair->whole, pair->count);
    uint64_t one_in = 1 + tn_random_below(&pair->random, 100);
    for (uint32_t i = 0; i < pair->count; i++) {
        draw_account(pair, i);
        set_account(pair, pair->whole, i);
        if (i + 1 < pair->count && tn_random_below(&pair->random, one_in) != 0) continue;
        pair->present[i / 64] |= UINT64_C(1) << i % 64;
    }
    bool is_good = tn_state_update(pair->whole);
    TN_ASSERT(is_good);
    tn_state_begin_part(pair->part, pair->count, pair->count);
}

static void close_pair(struct pair *pair)
{
    free(pair->whole);
    free(pair->part);
}

static void set_present(const struct pair *pair)
{
    for (uint32_t i = 0; i < pair->count; i++) {
        if (is_present(pair, i)) set_account(pair, pair->part, i);
    }
}

/* Nodes of all kinds, with one byte changed (at: past the last: none). */
static void give_sides(struct pair *pair, size_t at)
{
    static uint8_t sides[ACCOUNTS_MAX * 48];
    for (uint32_t i = 0; i < KINDS; i++) {
        size_t used, size = tn_state_write_sides(pair->whole, sides, sizeof sides, part_kinds[i],
                                                 pair->present);
        TN_ASSERT(size <= sizeof sides);
        if (at < size) sides[at] ^= 1;
        at = at < size ? SIZE_MAX : at - size;
        assert_true(size == 0 || !tn_state_read_sides(pair->part, &used, part_kinds[i],
                                                      pair->present, sides, size - 1));
        assert_true(tn_state_read_sides(pair->part, &used, part_kinds[i], pair->present, sides,
                                        sizeof sides));
        assert_int_equal(used, size);
    }
}

static size_t sides_size(const struct pair *pair)
{
    size_t size = 0;
    for (uint32_t i = 0; i < KINDS; i++)
        size += tn_state_write_sides(pair->whole, NULL, 0, part_kinds[i], pair->present);
    return size;
}

static void change_and_append(struct pair *pair)
{
    uint32_t before = pair->count;
    pair->count += (uint32_t)tn_random_below(&pair->random, 80);
    set_counts(pair->whole, pair->count);
    set_counts(pair->part, pair->count);
    for (uint32_t i = 0; i < pair->count; i++) {
        bool is_new = i >= before;
        if (!is_new && (!is_present(pair, i) || tn_random_below(&pair->random, 3) > 0)) continue;
        draw_account(pair, i);
        set_account(pair, pair->whole, i);
        set_account(pair, pair->part, i);
    }
}

static void test_state_in_part_has_the_roots_of_the_whole(void **unused)
{
    (void)unused;
    static struct pair pair;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        open_pair(&pair, seed + round);
        give_sides(&pair, SIZE_MAX);
        set_present(&pair);
        assert_true(same_roots(&pair));
        for (uint32_t step = 0; step < 4; step++) {
            change_and_append(&pair);
            assert_true(same_roots(&pair));
        }
        close_pair(&pair);
    }
}

static void test_state_in_part_has_other_roots_when_a_node_is_another(void **unused)
{
    (void)unused;
    static struct pair pair;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        open_pair(&pair, seed + round);
        size_t size = sides_size(&pair);
        if (size > 0) {
            give_sides(&pair, (size_t)tn_random_below(&pair.random, size));
            set_present(&pair);
            assert_false(same_roots(&pair));
        }
        close_pair(&pair);
    }
}

static void test_state_in_part_of_one_account_needs_no_nodes(void **unused)
{
    (void)unused;
    static struct pair pair;
    memset(&pair, 0, sizeof pair);
    pair.whole = new_state();
    pair.part = new_state();
    pair.count = 1;
    pair.present[0] = 1;
    draw_account(&pair, 0);
    set_counts(pair.whole, 1);
    set_account(&pair, pair.whole, 0);
    assert_true(tn_state_update(pair.whole));
    assert_int_equal(sides_size(&pair), 0);
    tn_state_begin_part(pair.part, 1, 1);
    set_account(&pair, pair.part, 0);
    assert_true(same_roots(&pair));
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_in_part_has_the_roots_of_the_whole),
        cmocka_unit_test(test_state_in_part_has_other_roots_when_a_node_is_another),
        cmocka_unit_test(test_state_in_part_of_one_account_needs_no_nodes),
    };
    seed = test_seed("test_state_part");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
