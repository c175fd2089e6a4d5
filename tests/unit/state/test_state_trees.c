/* The state's trees against the twin that hashes everything anew: after any sets, removals and
 * changes of counts the roots are those of the records, however they came about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "state_world.h"

static uint64_t seed;

static void assert_same_hash(struct tn_hash a, struct tn_hash b)
{
    assert_memory_equal(a.bytes, b.bytes, TN_HASH_SIZE);
}

/* A second state that is given all records at once. */
static struct tn_hash rebuilt_root(const struct world *world, enum tn_cpu cpu)
{
    struct tn_state_limits limits = world->limits;
    void *memory;
    limits.cpu = cpu;
    struct tn_state *state = world_new_state(&limits, &memory);
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++)
        tn_state_count(state, kind, world->counts[kind]);
    for (uint32_t kind = TN_RECORD_KINDS - 1; kind > 0; kind--) { /* POSITIONS before ACCOUNT */
        for (uint32_t i = 0; i < world->counts[kind]; i++) {
            const struct world_record *record = &world->records[kind][i];
            struct tn_record_name name = {(uint8_t)kind, i};
            if (record->size > 0)
                assert_true(tn_state_set(state, name, record->bytes, record->size));
        }
    }
    for (uint32_t i = 0; i < world->counts[TN_RECORD_ACCOUNT]; i++) {
        const struct world_record *record = &world->records[TN_RECORD_ACCOUNT][i];
        struct tn_record_name name = {TN_RECORD_ACCOUNT, i};
        assert_true(tn_state_set(state, name, record->bytes, record->size));
    }
    struct tn_hash root;
    assert_true(tn_state_update(state));
    tn_state_root(&root, state, &world->head);
    free(memory);
    return root;
}

static void test_state_root_is_the_twins_for_every_count_of_accounts(void **unused)
{
    (void)unused;
    for (uint32_t accounts = 0; accounts <= 40; accounts += accounts < 20 ? 1 : 5) {
        struct world *world = world_open(seed + accounts);
        world_fill(world, accounts, accounts % 7);
        assert_same_hash(world_root(world), world_twin_root(world));
        world_close(world);
    }
}

/* Sets the account too when its positions changed, as the contract asks. */
static void change_one(struct world *world)
{
    uint32_t kind = 1 + (uint32_t)tn_random_below(&world->random, TN_RECORD_KINDS - 1);
    if (world->counts[kind] == 0) return;
    uint32_t index = (uint32_t)tn_random_below(&world->random, world->counts[kind]);
    world_make(world, kind, &world->records[kind][index]);
    if (tn_random_below(&world->random, 4) == 0) world->records[kind][index].size = 0;
    world_set(world, kind, index);
    if (kind == TN_RECORD_POSITIONS) world_set(world, TN_RECORD_ACCOUNT, index);
}

static void change_count(struct world *world)
{
    uint32_t kind = 1 + (uint32_t)tn_random_below(&world->random, TN_RECORD_KINDS - 1);
    if (kind == TN_RECORD_POSITIONS) return;
    uint32_t limit = world_limit(world, kind);
    uint32_t count = (uint32_t)tn_random_below(&world->random, limit + 1);
    if (tn_random_below(&world->random, 2) == 0) /* near where it was, or near a power of two */
        count = world->counts[kind] + (uint32_t)tn_random_below(&world->random, 5) - 2;
    if (count > limit) return;
    world_count(world, kind, count);
}

static void test_state_root_is_the_same_step_by_step_and_built_anew(void **unused)
{
    (void)unused;
    struct world *world = world_open(seed);
    world_fill(world, 21, 5);
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t changes = (uint32_t)tn_random_below(&world->random, 30);
        for (uint32_t i = 0; i < changes; i++) {
            if (tn_random_below(&world->random, 6) == 0)
                change_count(world);
            else
                change_one(world);
        }
        struct tn_hash root = world_root(world);
        assert_same_hash(root, world_twin_root(world));
        if (round % 10 == 0) assert_same_hash(root, rebuilt_root(world, TN_CPU_BASE));
    }
    assert_same_hash(world_root(world), rebuilt_root(world, world_cpu()));
    world_close(world);
}

static void test_state_batches_set_what_single_sets_set(void **unused)
{
    (void)unused;
    struct world *world = world_open(seed + 1);
    world_fill(world, 300, 40); /* more than a lane and a group; positions before and after */
    for (uint32_t i = 0; i < 300; i += 7) { /* long lists of positions take another path */
        struct world_record *record = &world->records[TN_RECORD_POSITIONS][i];
        record->size = i % 2 == 0 ? WORLD_RECORD_MAX / 40 * 40 : 40 * (i % 11);
        world_set(world, TN_RECORD_POSITIONS, i);
        world_set(world, TN_RECORD_ACCOUNT, i);
    }
    assert_same_hash(world_root(world), world_twin_root(world));
    assert_same_hash(world_root(world), rebuilt_root(world, TN_CPU_BASE));
    world_close(world);
}

static void test_state_cash_is_the_sum_over_all_accounts(void **unused)
{
    (void)unused;
    struct world *world = world_open(seed + 2);
    world_fill(world, 150, 1);
    for (uint32_t i = 0; i < 150; i++) { /* sums far beyond 64 bits, of one sign */
        world_number(world->records[TN_RECORD_ACCOUNT][i].bytes + 24, UINT64_C(1) << 63, 8);
        world_set(world, TN_RECORD_ACCOUNT, i);
    }
    assert_true(tn_state_update(world->state));
    assert_true(tn_state_cash(world->state) == (tn_i128)INT64_MIN * 150);
    assert_same_hash(world_root(world), world_twin_root(world));
    world_close(world);
}

static void test_state_refuses_bytes_that_are_no_record(void **unused)
{
    (void)unused;
    struct world *world = world_open(seed + 3);
    world_fill(world, 9, 3);
    struct tn_hash before = world_root(world);
    uint8_t bytes[400] = {0};
    const struct tn_record_name account = {TN_RECORD_ACCOUNT, 1};
    const struct tn_record_name positions = {TN_RECORD_POSITIONS, 1};
    const struct tn_record_name book = {TN_RECORD_BOOK, 1};
    const struct tn_record_name memory = {TN_RECORD_MEMORY, 1};
    assert_false(tn_state_set(world->state, account, bytes, 111));
    assert_false(tn_state_set(world->state, positions, bytes, 41));
    bytes[3] = 1;
    assert_false(tn_state_set(world->state, book, bytes, 16 + 2 * 128));
    assert_false(tn_state_set(world->state, book, bytes, 15));
    assert_false(tn_state_set(world->state, memory, bytes, 16));
    bytes[3] = 0;
    assert_false(tn_state_set(world->state, memory, bytes, 16 + 34));
    assert_same_hash(before, world_root(world));
    world_close(world);
}

static void test_state_leaf_is_what_its_record_hashes_to(void **unused)
{
    (void)unused;
    struct world *world = world_open(seed + 4);
    world_fill(world, 30, 4);
    assert_true(tn_state_update(world->state));
    for (uint32_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        if (kind == TN_RECORD_POSITIONS) continue;
        struct twin_node *leaves = world_leaves(world, kind);
        for (uint32_t i = 0; i < world->counts[kind]; i++) {
            struct tn_hash leaf;
            tn_state_leaf(&leaf, world->state, (struct tn_record_name){(uint8_t)kind, i});
            assert_same_hash(leaf, leaves[i].hash);
        }
        free(leaves);
    }
    world_close(world);
}

/* Account by account, some again, while more come: what waits to be hashed must end where it
 * belongs. */
static void test_state_equities_are_the_twins_in_whatever_order_they_are_set(void **unused)
{
    enum { MOST = 150, SETS = 2000 };
    static struct twin_node leaves[MOST];
    uint64_t random = seed;
    (void)unused;
    memset(leaves, 0, sizeof leaves);
    void *memory = aligned_alloc(64, tn_align(tn_equity_size(MOST)));
    assert_non_null(memory);
    struct tn_equity *equity = tn_equity_init(memory, MOST, world_cpu());
    uint32_t count = 0;
    for (uint32_t i = 0; i < SETS; i++) {
        if (count < MOST && i % 11 == 0) tn_equity_count(equity, count += count + 3 < MOST ? 2 : 1);
        uint32_t account = (uint32_t)tn_random_below(&random, count);
        tn_micros micros = (tn_micros)tn_random_below(&random, 1000000) - 500000;
        uint8_t body[TN_PROOF_EQUITY_SIZE] = {(uint8_t)account};
        tn_equity_set(equity, account, body, micros);
        if (micros < 0) micros = 0;
        for (uint32_t k = 0; k < 8; k++)
            body[20 + k] = (uint8_t)((uint64_t)micros >> (56 - 8 * k));
        leaves[account] =
            (struct twin_node){twin_leaf(TN_PROOF_EQUITY, account, body, sizeof body), micros};
        if (i % 97 != 0) continue;
        struct tn_hash exits, root = twin_root(leaves, count, TN_PROOF_EQUITY, true);
        uint8_t record[TN_PROOF_EXIT_SIZE];
        tn_equity_update(equity);
        tn_equity_record(equity, record, &exits, 1, &(struct tn_state_exit){.height = i});
        assert_memory_equal(record + 12, root.bytes, TN_HASH_SIZE);
    }
    free(memory);
}

/* Four pieces, the last of some leaves. */
enum { PIECES_MOST = 3 * TN_EQUITY_PIECE + 70 };
struct pieces {
    struct tn_equity *equity;
    struct twin_node leaves[PIECES_MOST];
    uint32_t count;
    uint64_t random;
};

static struct tn_equity_leaf change_leaf(struct pieces *pieces, uint32_t account)
{
    static uint8_t owners[TN_EQUITY_PIECE][20];
    uint8_t body[TN_PROOF_EQUITY_SIZE] = {(uint8_t)account, (uint8_t)(account >> 8)};
    uint8_t *owner = owners[account % TN_EQUITY_PIECE];
    const tn_micros micros = (tn_micros)tn_random_below(&pieces->random, 1000000);
    memcpy(owner, body, 20);
    for (uint32_t k = 0; k < 8; k++)
        body[20 + k] = (uint8_t)((uint64_t)micros >> (56 - 8 * k));
    pieces->leaves[account] =
        (struct twin_node){twin_leaf(TN_PROOF_EQUITY, account, body, sizeof body), micros};
    return (struct tn_equity_leaf){account, owner, micros};
}

/* Some of its leaves, in one call or two; often none. */
static void change_piece(struct pieces *pieces, uint32_t piece)
{
    static struct tn_equity_leaf leaves[TN_EQUITY_PIECE];
    const uint32_t one_in = 1 + (uint32_t)tn_random_below(&pieces->random, 40);
    const bool is_quiet = tn_random_below(&pieces->random, 3) == 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < TN_EQUITY_PIECE && !is_quiet; i++) {
        const uint32_t account = piece * TN_EQUITY_PIECE + i;
        if (account >= pieces->count) break;
        if (tn_random_below(&pieces->random, one_in) != 0) continue;
        leaves[found++] = change_leaf(pieces, account);
    }
    const uint32_t first = (uint32_t)tn_random_below(&pieces->random, found + 1);
    tn_equity_piece_set(pieces->equity, leaves, first);
    tn_equity_piece_set(pieces->equity, leaves + first, found - first);
    tn_equity_piece_hash(pieces->equity, piece);
}

/* Accounts come by few and by thousands: within a piece, with new pieces, with new levels. */
static void add_accounts(struct pieces *pieces)
{
    static const uint32_t most[] = {1, 3, 100, 5000};
    const uint32_t room = PIECES_MOST - pieces->count;
    uint32_t more =
        (uint32_t)tn_random_below(&pieces->random, 1 + most[tn_random_below(&pieces->random, 4)]);
    pieces->count += more < room ? more : room;
    tn_equity_count(pieces->equity, pieces->count);
}

static void test_state_equities_in_pieces_are_the_twins_in_whatever_order_pieces_come(void **unused)
{
    static struct pieces pieces;
    (void)unused;
    memset(&pieces, 0, sizeof pieces);
    pieces.random = seed;
    void *memory = aligned_alloc(64, tn_align(tn_equity_size(PIECES_MOST)));
    assert_non_null(memory);
    pieces.equity = tn_equity_init(memory, PIECES_MOST, world_cpu());
    for (uint32_t round = 0; round < 60; round++) {
        struct tn_hash exits;
        uint8_t record[TN_PROOF_EXIT_SIZE];
        add_accounts(&pieces);
        if (pieces.count > 0 && round % 5 == 0) { /* as one account at a time is */
            const uint32_t account = (uint32_t)tn_random_below(&pieces.random, pieces.count);
            const struct tn_equity_leaf leaf = change_leaf(&pieces, account);
            tn_equity_set(pieces.equity, account, leaf.owner, leaf.equity_micros);
            if (round % 2 == 0) tn_equity_update(pieces.equity);
        }
        const uint32_t count = tn_equity_pieces_begin(pieces.equity);
        assert_int_equal(count, (pieces.count + TN_EQUITY_PIECE - 1) / TN_EQUITY_PIECE);
        const uint32_t first = count == 0 ? 0 : (uint32_t)tn_random_below(&pieces.random, count);
        for (uint32_t i = 0; i < count; i++) /* around, this way or that */
            change_piece(&pieces, (first + (round % 2 == 0 ? i : count - i)) % count);
        tn_equity_pieces_end(pieces.equity);
        tn_equity_record(pieces.equity, record, &exits, 1,
                         &(struct tn_state_exit){.height = round});
        const struct tn_hash root = twin_root(pieces.leaves, pieces.count, TN_PROOF_EQUITY, true);
        assert_memory_equal(record + 12, root.bytes, TN_HASH_SIZE);
    }
    assert_int_equal(pieces.count, PIECES_MOST);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_root_is_the_twins_for_every_count_of_accounts),
        cmocka_unit_test(test_state_root_is_the_same_step_by_step_and_built_anew),
        cmocka_unit_test(test_state_batches_set_what_single_sets_set),
        cmocka_unit_test(test_state_cash_is_the_sum_over_all_accounts),
        cmocka_unit_test(test_state_refuses_bytes_that_are_no_record),
        cmocka_unit_test(test_state_leaf_is_what_its_record_hashes_to),
        cmocka_unit_test(test_state_equities_in_pieces_are_the_twins_in_whatever_order_pieces_come),
        cmocka_unit_test(test_state_equities_are_the_twins_in_whatever_order_they_are_set),
    };
    seed = test_seed("test_state_trees");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
