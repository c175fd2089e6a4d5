/* A chain as records: out, changed, in, and on as before. */
#include "chain_story.h"

enum { RECORD_ROOM = 1 << 20 };

typedef bool alter_record(uint8_t kind, uint32_t index, uint8_t *record, size_t *size);

/* All records of one chain into another; false: refused. */
static bool copy_records(struct tn_chain *to, const struct tn_chain *from, struct tn_hash *root,
                         struct tn_import_fault *fault, alter_record *alter)
{
    uint8_t *record = cc_room(RECORD_ROOM);
    bool is_good = true;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS && is_good; kind++) {
        uint32_t count = tn_chain_records_count(from, (uint8_t)kind);
        for (uint32_t i = 0; i < count && is_good; i++) {
            size_t size = tn_chain_record(from, record, RECORD_ROOM, (uint8_t)kind, i);
            assert_true(size <= tn_chain_record_size_max(&cc.limits, (uint8_t)kind));
            if (size == 0 || (alter != NULL && !alter((uint8_t)kind, i, record, &size))) continue;
            is_good = tn_chain_import(to, fault, (uint8_t)kind, i, record, size);
        }
    }
    free(record);
    return is_good && tn_chain_import_end(to, root, fault);
}

/* Some trading, an inbox that waits, a term that ended, a session, an exit checkpoint. */
static void live(void)
{
    open_trading(0);
    give_market(2);
    order(0, 0, TN_BUY, 99000, 3);
    order(0, 1, TN_SELL, 99000, 2);
    cc_stall(1, 3);
    cc_pass(BLOCK_MS);
    cc_take_over(1);
    cc_pass(BLOCK_MS);
}

static void test_chain_restored_from_its_records_goes_on_alike(void **state)
{
    (void)state;
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    live();
    struct tn_chain *copy = cc_new_chain();
    bool is_good = copy_records(copy, cc.chain, &root, &fault, NULL);
    if (!is_good) print_message("%u %u: %s\n", fault.name.kind, fault.name.index, fault.what);
    assert_true(is_good);
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    cc_expect_exact_root(copy);
    struct tn_record_name name;
    assert_int_equal(tn_chain_changed(copy, &name, 1), 0);
    for (uint32_t i = 0; i < 10; i++) {
        order(0, i % 2, i % 3 == 0 ? TN_BUY : TN_SELL, 99000 + (tn_ticks)i, 1);
        cc_make_batch(1, 100, NULL, 0);
        struct line_block *made = cc_propose(BLOCK_MS);
        /* The copy judges it alike, then executes it alike. */
        assert_int_equal(
            tn_chain_validate(copy, &cc.fault, &made->block, NULL, 0, cc.time_ms, true),
            TN_CHAIN_OK);
        assert_int_equal(tn_chain_execute(copy, &made->block), TN_CHAIN_OK);
        cc_finalize();
        assert_true(tn_hash_equal(&tn_chain_heads(copy)->root, &tn_chain_heads(cc.chain)->root));
    }
    struct tn_hash theirs;
    for (uint64_t height = 0; height <= tn_chain_heads(cc.chain)->height; height++) {
        assert_true(tn_chain_root_at(cc.chain, &root, height));
        assert_true(tn_chain_root_at(copy, &theirs, height));
        assert_true(tn_hash_equal(&root, &theirs));
    }
    free(copy);
}

static void test_chain_trees_filled_beside_the_import_are_the_same(void **state)
{
    (void)state;
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    uint8_t *bytes = cc_room(RECORD_ROOM);
    live();
    struct tn_chain *copy = cc_new_chain();
    tn_chain_trees_begin(copy);
    for (uint32_t kind = TN_CHAIN_KINDS - 1; kind > 0; kind--) {
        uint32_t count = tn_chain_records_count(cc.chain, (uint8_t)kind);
        for (uint32_t i = 0; i < count; i++) {
            struct tn_state_record record = {{.kind = (uint8_t)kind, .index = i}, bytes, 0};
            record.size = tn_chain_record(cc.chain, bytes, RECORD_ROOM, (uint8_t)kind, i);
            if (record.size > 0) assert_true(tn_chain_trees_add(copy, &record, 1));
        }
    }
    assert_true(tn_chain_trees_end(copy));
    assert_true(copy_records(copy, cc.chain, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    cc_expect_exact_root(copy);
    free(copy);
    free(bytes);
}

static uint8_t altered_kind;
static uint32_t altered_index;
static size_t altered_at;
static bool was_altered;

static bool flip(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    if (kind != altered_kind || index != altered_index || altered_at >= *size) return true;
    record[altered_at] ^= 1;
    was_altered = true;
    return true;
}

/* Heads, past roots and the registry are under the root: no byte of them can be another. */
static void test_chain_every_byte_of_its_own_records_is_under_the_root(void **state)
{
    (void)state;
    live();
    const struct {
        uint8_t kind;
        uint32_t index;
        size_t step;
    } looked_at[] = {{TN_CHAIN_RECORD_HEADS, 0, 7},     {TN_CHAIN_RECORD_RING, 0, 29},
                     {TN_CHAIN_RECORD_REGISTRY, 0, 17}, {TN_CHAIN_RECORD_REGISTRY + 3, 1, 5},
                     {32 + TN_RECORD_STREAM, 0, 11},    {32 + TN_RECORD_INBOX, 4, 97},
                     {TN_RECORD_SESSION, 0, 9}};
    for (size_t i = 0; i < sizeof looked_at / sizeof looked_at[0]; i++) {
        uint32_t tried = 0;
        altered_kind = looked_at[i].kind;
        altered_index = looked_at[i].index;
        for (altered_at = 0;; altered_at += looked_at[i].step) {
            struct tn_chain *copy = cc_new_chain();
            struct tn_import_fault fault;
            struct tn_hash root;
            was_altered = false;
            bool is_good = copy_records(copy, cc.chain, &root, &fault, flip);
            if (was_altered && is_good) {
                assert_false(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
            }
            free(copy);
            if (!was_altered) break;
            tried++;
        }
        assert_true(tried > 0);
    }
}

static bool leave_out(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)record;
    (void)size;
    return kind != altered_kind || index != altered_index;
}

static void test_chain_import_without_heads_or_past_roots_is_refused(void **state)
{
    (void)state;
    live();
    const uint8_t kinds[] = {TN_CHAIN_RECORD_HEADS, TN_CHAIN_RECORD_RING, TN_CHAIN_RECORD_REGISTRY,
                             TN_RECORD_MARKET};
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct tn_chain *copy = cc_new_chain();
        struct tn_import_fault fault;
        struct tn_hash root;
        altered_kind = kinds[i];
        altered_index = 0;
        assert_false(copy_records(copy, cc.chain, &root, &fault, leave_out));
        assert_non_null(fault.what);
        free(copy);
    }
}

static void test_chain_import_refuses_another_chains_heads(void **state)
{
    (void)state;
    struct tn_import_fault fault;
    struct tn_hash root;
    live();
    cc.limits.chain_id[0] ^= 1;
    for (uint32_t i = 0; i < MARKETS; i++)
        cc.limits.markets[i].chain_id[0] ^= 1;
    struct tn_chain *copy = cc_new_chain();
    assert_false(copy_records(copy, cc.chain, &root, &fault, NULL));
    free(copy);
}

/* A copy kept by the names that are told is the records themselves. */
static void test_chain_tells_every_record_that_changed(void **state)
{
    (void)state;
    enum { KEPT = 4096 };
    static struct {
        struct tn_record_name name;
        uint8_t *bytes;
        size_t size;
    } kept[KEPT];
    uint32_t kept_count = 0;
    uint8_t *record = cc_room(RECORD_ROOM);
    open_trading(0);
    for (uint32_t round = 0; round < 4; round++) {
        struct tn_record_name names[7];
        uint32_t count;
        while ((count = tn_chain_changed(cc.chain, names, 7)) > 0) {
            for (uint32_t i = 0; i < count; i++) {
                uint32_t at = 0;
                while (at < kept_count && (kept[at].name.kind != names[i].kind ||
                                           kept[at].name.index != names[i].index))
                    at++;
                assert_true(at < KEPT);
                if (at == kept_count) kept[kept_count++].bytes = NULL;
                kept[at].name = names[i];
                kept[at].size =
                    tn_chain_record(cc.chain, record, RECORD_ROOM, names[i].kind, names[i].index);
                kept[at].bytes = realloc(kept[at].bytes, kept[at].size + 1);
                memcpy(kept[at].bytes, record, kept[at].size);
            }
        }
        uint32_t found = 0;
        for (uint32_t at = 0; at < kept_count; at++) {
            size_t size = tn_chain_record(cc.chain, record, RECORD_ROOM, kept[at].name.kind,
                                          kept[at].name.index);
            assert_int_equal(size, kept[at].size);
            assert_memory_equal(record, kept[at].bytes, size);
            found += size > 0;
        }
        uint32_t there = 0;
        for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
            for (uint32_t i = 0; i < tn_chain_records_count(cc.chain, (uint8_t)kind); i++)
                there += tn_chain_record(cc.chain, record, RECORD_ROOM, (uint8_t)kind, i) > 0;
        }
        assert_int_equal(found, there);
        order(0, round % 2, TN_BUY, 98000, 1);
        cc_make_batch(1, 1, NULL, 0);
        cc_deposit(1, 1, DOLLAR);
        cc_pass(BLOCK_MS);
    }
    for (uint32_t at = 0; at < kept_count; at++)
        free(kept[at].bytes);
    free(record);
}

/* Past roots go round in their ring, and what is older than it is not known any more. */
static void test_chain_ring_of_past_roots_goes_round_and_restores(void **state)
{
    (void)state;
    struct tn_import_fault fault;
    struct tn_hash root;
    cc.limits.lag_ms = INT64_C(80000000);
    cc.limits.exit_blocks = 0;
    free(cc.chain);
    cc.chain = cc_new_chain();
    for (uint32_t i = 0; i < TN_CHAIN_RING + 70; i++) {
        cc_propose(1);
        assert_int_equal(tn_chain_execute(cc.chain, &cc.line[0].block), TN_CHAIN_OK);
        cc_shift();
    }
    assert_false(tn_chain_root_at(cc.chain, &root, 70));
    assert_true(tn_chain_root_at(cc.chain, &root, 71));
    struct tn_chain *copy = cc_new_chain();
    assert_true(copy_records(copy, cc.chain, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    struct line_block *made = cc_propose(1);
    assert_int_equal(tn_chain_execute(copy, &made->block), TN_CHAIN_OK);
    cc_finalize();
    assert_true(tn_hash_equal(&tn_chain_heads(copy)->root, &tn_chain_heads(cc.chain)->root));
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_restored_from_its_records_goes_on_alike),
        CHAIN_CASE(test_chain_trees_filled_beside_the_import_are_the_same),
        CHAIN_CASE(test_chain_every_byte_of_its_own_records_is_under_the_root),
        CHAIN_CASE(test_chain_import_without_heads_or_past_roots_is_refused),
        CHAIN_CASE(test_chain_import_refuses_another_chains_heads),
        CHAIN_CASE(test_chain_tells_every_record_that_changed),
        CHAIN_CASE(test_chain_ring_of_past_roots_goes_round_and_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
