/* Records out and in: what is told as changed, and what an import refuses. */
#include "replica_case.h"

enum { NAMES = 7 }; /* few at a time, so that telling goes on in the middle of a kind */

/* Takes all names; counts those of a kind, and finds one. */
static uint32_t take_changed(uint32_t counts[TN_REPLICA_KINDS], uint8_t kind, uint32_t index)
{
    static bool seen[TN_REPLICA_KINDS][4096];
    struct tn_record_name names[NAMES];
    uint32_t count, found = 0;
    memset(seen, 0, sizeof seen);
    memset(counts, 0, TN_REPLICA_KINDS * sizeof counts[0]);
    while ((count = tn_replica_changed(beside.replica, names, NAMES)) > 0) {
        assert_true(count <= NAMES);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(names[i].kind < TN_REPLICA_KINDS && names[i].index < 4096);
            assert_false(seen[names[i].kind][names[i].index]); /* each once */
            seen[names[i].kind][names[i].index] = true;
            counts[names[i].kind]++;
            found += names[i].kind == kind && names[i].index == index;
        }
    }
    return found;
}

static void test_replica_tells_what_changed_once(void **state)
{
    (void)state;
    uint32_t counts[TN_REPLICA_KINDS];
    seal();
    assert_int_equal(take_changed(counts, TN_RECORD_CHAIN, 0), 1);
    assert_int_equal(counts[TN_RECORD_ACCOUNT], TRADERS);
    take_changed(counts, 0, 0);
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++)
        assert_int_equal(counts[kind], 0);
    /* Bob's money moves, and nobody else's. */
    pass(BOB, withdraw(0, DOLLAR));
    seal(); /* an exit checkpoint as well */
    assert_int_equal(take_changed(counts, TN_RECORD_ACCOUNT, BOB), 1);
    assert_int_equal(counts[TN_RECORD_ACCOUNT], 1);
    assert_int_equal(counts[TN_RECORD_CHAIN], 1);
    assert_int_equal(counts[TN_RECORD_EQUITY], 1);
    assert_int_equal(counts[TN_RECORD_BOOK], 0);
}

/* What changes while names are taken is told, if not now then the next time. */
static void test_replica_tells_what_changes_between_two_tellings(void **state)
{
    (void)state;
    struct tn_record_name names[NAMES];
    uint32_t counts[TN_REPLICA_KINDS];
    seal();
    assert_int_equal(tn_replica_changed(beside.replica, names, NAMES), NAMES);
    pass(ALICE, withdraw(0, DOLLAR));
    seal();
    uint32_t found = take_changed(counts, TN_RECORD_ACCOUNT, ALICE);
    found += take_changed(counts, TN_RECORD_ACCOUNT, ALICE);
    assert_true(found >= 1);
    take_changed(counts, 0, 0);
    assert_int_equal(counts[TN_RECORD_ACCOUNT], 0);
}

/* A little of everything: positions, orders, a withdrawal, an exit checkpoint, collateral. */
static void trade_a_little(void)
{
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 200000});
    mark_at(SPOT);
    apply_passing(deposit_entry(DAN, 1, 1000 * DOLLAR));
    trade(ALICE, CAROL, market.perp, 100000, 50);
    place(BOB, limit(BUY, market.perp, 99000, 3));
    pass(BOB, withdraw(0, DOLLAR));
    seal();
    mark_at(98000 * DOLLAR);
    seal();
    place(CAROL, limit(SELL, market.perp, 101000, 4));
    seal();
}

static void test_replica_restored_stands_where_it_stood_and_goes_on(void **state)
{
    (void)state;
    struct tn_hash root;
    struct tn_import_fault fault;
    uint32_t counts[TN_REPLICA_KINDS];
    trade_a_little();
    struct tn_replica *other = replica_of(&beside.limits);
    assert_true(copy_records(other, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &beside.root));
    assert_int_equal(tn_replica_exit_accounts(other), TRADERS);
    assert_memory_equal(tn_replica_heads(other)->exit, heads()->exit, TN_PROOF_EXIT_SIZE);
    /* The other takes the place of the first, with nothing to tell of. */
    free(beside.replica);
    beside.replica = other;
    listen_beside();
    tn_replica_begin_batch(other);
    take_changed(counts, 0, 0);
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++)
        assert_int_equal(counts[kind], 0);
    pass(BOB, withdraw(0, DOLLAR));
    mark_at(97000 * DOLLAR);
    seal();
    assert_int_equal(heads()->withdrawals.count, 2);
    assert_int_equal(beside.withdrawals_count, 2);
}

/* Every record of the replica beside the story to the trees of another, kinds descending, some at a
 * time; `without` is a kind that is left out. False: not taken. */
static bool give_trees(struct tn_replica *to, uint8_t without)
{
    enum { ROOM = 1 << 20, GROUP = 3 };
    uint8_t *bytes = take_zeroed(ROOM);
    struct tn_state_record records[GROUP];
    uint32_t count = 0;
    size_t used = 0;
    bool is_good = true;
    for (uint8_t kind = TN_REPLICA_KINDS - 1; kind > 0; kind--) {
        uint32_t end = kind == without ? 0 : tn_replica_records_count(beside.replica, kind);
        for (uint32_t i = 0; i < end; i++) {
            size_t size = tn_replica_record(beside.replica, bytes + used, ROOM - used, kind, i);
            assert_true(size <= ROOM - used);
            if (size == 0) continue; /* a store has none of these */
            records[count++] =
                (struct tn_state_record){{.kind = kind, .index = i}, bytes + used, size};
            used += size;
            if (count < GROUP) continue;
            is_good &= tn_replica_trees_add(to, records, count);
            count = 0;
            used = 0;
        }
    }
    is_good &= tn_replica_trees_add(to, records, count);
    free(bytes);
    return is_good;
}

static void test_replica_trees_filled_beside_the_import_are_the_same(void **state)
{
    (void)state;
    struct tn_hash root;
    struct tn_import_fault fault;
    trade_a_little();
    struct tn_replica *other = replica_of(&beside.limits);
    tn_replica_trees_begin(other);
    assert_true(give_trees(other, 0));
    assert_true(tn_replica_trees_end(other));
    assert_true(copy_records(other, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &beside.root));
    free(beside.replica);
    beside.replica = other;
    listen_beside();
    tn_replica_begin_batch(other);
    place(BOB, limit(BUY, market.perp, 98000, 2));
    seal(); /* which compares with trees that are built anew */
}

static void test_replica_trees_that_did_not_get_all_are_built_or_show_it(void **state)
{
    (void)state;
    struct tn_hash root;
    struct tn_import_fault fault;
    trade_a_little();
    /* Positions without their accounts cannot be; the import then builds the trees itself. */
    struct tn_replica *other = replica_of(&beside.limits);
    tn_replica_trees_begin(other);
    assert_true(give_trees(other, TN_RECORD_ACCOUNT));
    assert_false(tn_replica_trees_end(other));
    assert_true(copy_records(other, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &beside.root));
    free(other);
    /* Nor can records past the limits; and given up half way is as never begun. */
    other = replica_of(&beside.limits);
    tn_replica_trees_begin(other);
    const uint8_t bytes[TN_RECORD_ACCOUNT_SIZE] = {0};
    const struct tn_state_record past = {
        {.kind = TN_RECORD_ACCOUNT, .index = beside.limits.exchange.accounts_max},
        bytes,
        sizeof bytes};
    assert_false(tn_replica_trees_add(other, &past, 1));
    assert_true(copy_records(other, &root, &fault, NULL));
    assert_true(tn_hash_equal(&root, &beside.root));
    free(other);
    /* What is missing of another kind is missed in the root. */
    other = replica_of(&beside.limits);
    tn_replica_trees_begin(other);
    assert_true(give_trees(other, TN_RECORD_BOOK));
    assert_true(tn_replica_trees_end(other));
    assert_true(copy_records(other, &root, &fault, NULL));
    assert_false(tn_hash_equal(&root, &beside.root));
    free(other);
}

static void expect_refused(alter_record *alter, uint8_t kind, const char *words)
{
    struct tn_hash root;
    struct tn_import_fault fault = {0};
    struct tn_replica *other = replica_of(&beside.limits);
    assert_false(copy_records(other, &root, &fault, alter));
    assert_int_equal(fault.name.kind, kind);
    assert_non_null(fault.what);
    if (strstr(fault.what, words) == NULL) fail_msg("says: %s", fault.what);
    free(other);
}

static bool with_other_version(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_CHAIN) record[0]++;
    return true;
}

static bool of_another_market(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_CHAIN) record[4]++;
    return true;
}

static bool with_another_height(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_CHAIN) record[48]++;
    return true;
}

static bool a_byte_short(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)record;
    if (kind == TN_RECORD_CHAIN) --*size;
    return true;
}

static bool a_byte_long(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)record;
    if (kind == TN_RECORD_CHAIN) ++*size;
    return true;
}

static bool an_equity_off(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_EQUITY) record[27]++;
    return true;
}

static bool an_equity_below_zero(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_EQUITY) record[20] = 0x80;
    return true;
}

static bool an_owner_off(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)size;
    if (kind == TN_RECORD_EQUITY) record[28]++;
    return true;
}

static bool half_an_account(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)record;
    if (kind == TN_RECORD_EQUITY) *size -= 14;
    return true;
}

static bool without_equities(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    (void)record;
    (void)size;
    return kind != TN_RECORD_EQUITY;
}

static bool without_exit(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    (void)index;
    if (kind != TN_RECORD_CHAIN) return true;
    *size -= TN_PROOF_EXIT_SIZE;
    record[*size - 1] = 0;
    return true;
}

static void test_replica_import_refuses_records_that_do_not_fit(void **state)
{
    (void)state;
    trade_a_little();
    expect_refused(with_other_version, TN_RECORD_CHAIN, "version");
    expect_refused(of_another_market, TN_RECORD_CHAIN, "another chain");
    expect_refused(with_another_height, TN_RECORD_CHAIN, "height");
    expect_refused(a_byte_short, TN_RECORD_CHAIN, "too early");
    expect_refused(a_byte_long, TN_RECORD_CHAIN, "too late");
    expect_refused(an_equity_off, TN_RECORD_EQUITY, "the last exit checkpoint");
    expect_refused(an_equity_below_zero, TN_RECORD_EQUITY, "whole accounts");
    expect_refused(an_owner_off, TN_RECORD_EQUITY, "whole accounts");
    expect_refused(half_an_account, TN_RECORD_EQUITY, "whole accounts");
    expect_refused(without_equities, TN_RECORD_EQUITY, "the last exit checkpoint");
    expect_refused(without_exit, TN_RECORD_EQUITY, "the last exit checkpoint");
}

/* Of each account, and of the chain, a record is needed; what stands in it is under the root. */
static uint8_t changed_kind;
static size_t changed_at;
static bool changed_somewhere(uint8_t kind, uint32_t index, uint8_t *record, size_t *size)
{
    if (kind == changed_kind && index == 0 && changed_at < *size) record[changed_at] ^= 1;
    return true;
}

static void test_replica_import_of_changed_chain_leads_elsewhere_or_is_refused(void **state)
{
    (void)state;
    trade_a_little();
    changed_kind = TN_RECORD_CHAIN;
    size_t size = tn_replica_record(beside.replica, NULL, 0, TN_RECORD_CHAIN, 0);
    for (changed_at = 0; changed_at < size; changed_at++) {
        struct tn_hash root;
        struct tn_import_fault fault;
        struct tn_replica *other = replica_of(&beside.limits);
        bool is_taken = copy_records(other, &root, &fault, changed_somewhere);
        if (is_taken && tn_hash_equal(&root, &beside.root)) {
            fail_msg("a change of byte %zu of the chain record", changed_at);
        }
        free(other);
    }
}

static void test_replica_chain_record_gives_the_root_without_a_replica(void **state)
{
    (void)state;
    struct tn_replica_chain chain;
    struct tn_import_fault fault;
    struct tn_hash root, markets;
    uint8_t record[4096];
    trade_a_little();
    size_t size = tn_replica_record(beside.replica, record, sizeof record, TN_RECORD_CHAIN, 0);
    tn_state_markets_root(&markets, tn_replica_state(beside.replica));
    assert_true(tn_replica_chain_root(&chain, &root, &fault, record, size, &markets));
    assert_true(tn_hash_equal(&root, &beside.root));
    assert_int_equal(chain.height, heads()->height);
    assert_int_equal(chain.market, 5);
    assert_int_equal(chain.exit_blocks, EXIT_EACH);
    assert_true(chain.has_exit);
    for (size_t cut = 0; cut < size; cut++)
        assert_false(tn_replica_chain_root(&chain, &root, &fault, record, cut, &markets));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_STORY(test_replica_tells_what_changed_once),
        CHAIN_STORY(test_replica_tells_what_changes_between_two_tellings),
        MARGIN_STORY(test_replica_restored_stands_where_it_stood_and_goes_on),
        MARGIN_STORY(test_replica_trees_filled_beside_the_import_are_the_same),
        MARGIN_STORY(test_replica_trees_that_did_not_get_all_are_built_or_show_it),
        MARGIN_STORY(test_replica_import_refuses_records_that_do_not_fit),
        MARGIN_STORY(test_replica_import_of_changed_chain_leads_elsewhere_or_is_refused),
        MARGIN_STORY(test_replica_chain_record_gives_the_root_without_a_replica),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
