/* Chunks of a set's snapshot, made of a chain of two markets and checked without one: each alone
 * under the root, with other bytes refused, and all together the whole state. */
#include "../unit/replica/chain_story.h"
#include "tenord/set_snapshot_check.h"

enum { FILES_MAX = 256 };

static struct snapshot {
    struct set_snapshot_head head;
    struct snapshot_chunk chunks[FILES_MAX];
    uint8_t *bytes[FILES_MAX];
    uint32_t count;
} snap;
static struct set_snapshot_check check;
static struct snapshot_fault fault;

/* All chunks of the chain as it stands. */
static void take(uint32_t equity_depth)
{
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    struct set_snapshot_maker *maker = set_snapshot_maker_make(cc.chain, equity_depth);
    assert_non_null(maker);
    snap = (struct snapshot){.head = {.height = heads->height, .root = heads->root}};
    memcpy(snap.head.chain_id, cc.limits.chain_id, sizeof snap.head.chain_id);
    for (uint32_t kind = 1; kind < TN_CHAIN_KINDS; kind++) {
        const uint32_t total = set_snapshot_total(maker, (uint8_t)kind);
        for (uint32_t first = 0; first < total;) {
            const uint8_t *bytes;
            struct snapshot_chunk *chunk = &snap.chunks[snap.count];
            assert_true(snap.count < FILES_MAX);
            assert_true(set_snapshot_make_chunk(maker, chunk, &bytes, (uint8_t)kind, first));
            snap.bytes[snap.count] = malloc(chunk->size);
            assert_non_null(snap.bytes[snap.count]);
            memcpy(snap.bytes[snap.count++], bytes, chunk->size);
            first += chunk->count;
        }
    }
    set_snapshot_maker_free(maker);
}

static void drop(void)
{
    for (uint32_t i = 0; i < snap.count; i++)
        free(snap.bytes[i]);
}

static bool is_good(uint32_t i)
{
    fault = (struct snapshot_fault){.at = UINT64_MAX};
    tn_keccak256(&snap.chunks[i].hash, snap.bytes[i], snap.chunks[i].size);
    const bool good = set_snapshot_check_chunk(&check, &fault, &snap.chunks[i], snap.bytes[i],
                                               snap.chunks[i].size);
    if (!good) assert_true(fault.what != NULL && fault.at <= snap.chunks[i].size);
    return good;
}

static void begin(void)
{
    set_snapshot_check_begin(&check, &snap.head, &cc.limits, TN_CPU_BASE);
}

static void expect_good(uint32_t i)
{
    const bool good = is_good(i);
    if (!good)
        print_message("chunk %u %u: %s\n", snap.chunks[i].kind, snap.chunks[i].first, fault.what);
    assert_true(good);
}

/* Trading, an inbox that waits, an exit checkpoint with cash in it, past roots. */
static void live(void)
{
    open_trading(0);
    give_market(2);
    order(0, 0, TN_BUY, 99000, 3);
    order(0, 1, TN_SELL, 99000, 2);
    cc_stall(1, 3);
    for (uint32_t i = 0; i < 4; i++)
        cc_pass(BLOCK_MS);
    assert_true(tn_chain_heads(cc.chain)->streams[0].has_exit);
    assert_true(tn_market_inboxes_count(tn_chain_market(cc.chain, 1)) > 1);
}

static uint32_t find(uint8_t kind)
{
    for (uint32_t i = 0; i < snap.count; i++)
        if (snap.chunks[i].kind == kind) return i;
    fail_msg("there is no chunk of kind %u", kind);
    return 0;
}

static void test_set_snapshot_every_chunk_is_proved_alone(void **state)
{
    (void)state;
    live();
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    for (uint32_t i = snap.count; i-- > 0;) {
        begin();
        expect_good(i);
    }
    find(TN_RECORD_SESSION);
    find(32 + TN_RECORD_STREAM);
    find(TN_RECORD_EQUITY);
    drop();
}

static void test_set_snapshot_all_chunks_are_the_whole_and_without_one_they_are_not(void **state)
{
    (void)state;
    live();
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    for (uint32_t left_out = 0; left_out <= snap.count; left_out++) {
        begin();
        for (uint32_t i = 0; i < snap.count; i++)
            if (i != left_out) expect_good(i);
        assert_int_equal(set_snapshot_check_whole(&check, &fault), left_out == snap.count);
    }
    drop();
}

/* Hashes of files are made to fit: it is the proof that finds each byte. */
static void test_set_snapshot_no_byte_of_a_chunk_can_be_another(void **state)
{
    (void)state;
    live();
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    for (uint32_t i = 0; i < snap.count; i++) {
        const size_t size = snap.chunks[i].size, step = size < 4000 ? 1 : 37;
        for (size_t at = 0; at < size; at += step) {
            snap.bytes[i][at] ^= (uint8_t)(1u << at % 8);
            begin();
            if (is_good(i))
                fail_msg("byte %zu of chunk %u %u", at, snap.chunks[i].kind, snap.chunks[i].first);
            snap.bytes[i][at] ^= (uint8_t)(1u << at % 8);
        }
    }
    drop();
}

/* A chunk that is good is still not one of another market, height or root. */
static void test_set_snapshot_chunks_of_another_state_are_refused(void **state)
{
    (void)state;
    live();
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    for (uint32_t i = 0; i < snap.count; i++) {
        if (snap.chunks[i].kind >= TN_CHAIN_RECORD_HEADS) continue;
        const uint8_t kind = snap.chunks[i].kind;
        snap.chunks[i].kind = snap.bytes[i][5] = kind ^ 32; /* of the other market */
        begin();
        assert_false(is_good(i));
        snap.chunks[i].kind = snap.bytes[i][5] = kind;
    }
    snap.head.height++;
    for (uint32_t i = 0; i < snap.count; i++) {
        begin();
        assert_false(is_good(i));
    }
    snap.head.height--;
    snap.head.root.bytes[7] ^= 1;
    for (uint32_t i = 0; i < snap.count; i++) {
        begin();
        assert_false(is_good(i));
    }
    drop();
}

/* As many accounts as several chunks of EQUITY hold. */
static void open_accounts(uint32_t count)
{
    struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(cc.chain, 0));
    for (uint32_t i = 0; i < count; i++) {
        struct tn_entry open = {.kind = TN_ENTRY_ACCOUNT, .as.account = {.model = 0}};
        struct tn_entry cash = {.kind = TN_ENTRY_DEPOSIT,
                                .as.deposit = {.account = i, .amount = (tn_micros)(i * DOLLAR)}};
        tn_put_be(open.as.account.owner, i + 1, 4);
        tn_exchange_apply(exchange, cc.scratch.events, cc.scratch.events_max, &open);
        tn_exchange_apply(exchange, cc.scratch.events, cc.scratch.events_max, &cash);
    }
    assert_int_equal(tn_exchange_accounts_count(exchange), count);
}

static void test_set_snapshot_runs_of_equity_are_proved_by_the_tops_of_the_others(void **state)
{
    (void)state;
    const uint32_t counts[] = {512, 513, 1300, 2048};
    const uint32_t runs[3][4] = {{1, 2, 3, 4}, {1, 1, 2, 2}, {1, 1, 1, 1}};
    for (uint32_t k = 0; k < 4; k++) {
        cc_close(NULL);
        cc_open(NULL);
        free(cc.chain);
        for (uint32_t i = 0; i < MARKETS; i++)
            cc.limits.markets[i].exchange.accounts_max = 2048;
        cc.chain = cc_new_chain();
        open_accounts(counts[k]);
        for (uint32_t i = 0; i < 4; i++)
            cc_pass(BLOCK_MS);
        for (uint32_t depth = 0; depth < 3; depth++) {
            uint32_t found = 0;
            take(depth);
            begin();
            for (uint32_t i = 0; i < snap.count; i++) {
                expect_good(i);
                found += snap.chunks[i].kind == TN_RECORD_EQUITY;
            }
            assert_int_equal(found, runs[depth][k]);
            assert_true(set_snapshot_check_whole(&check, &fault));
            /* The last run, and a byte of the top of each. */
            const uint32_t last = find(TN_RECORD_EQUITY) + found - 1;
            begin();
            expect_good(last);
            const size_t end = snap.chunks[last].size - SET_SNAPSHOT_TAIL - 2 * TN_HASH_SIZE;
            for (uint32_t i = 0; i < found * 48; i++) {
                snap.bytes[last][end - 1 - i] ^= 1;
                begin();
                assert_false(is_good(last));
                snap.bytes[last][end - 1 - i] ^= 1;
            }
            drop();
        }
    }
}

/* Names of records lie in the bytes: whatever they say, a kind that is not the chain's own is
 * refused before anything is looked up by it. */
static void test_set_snapshot_records_of_other_kinds_are_none_of_the_chains(void **state)
{
    (void)state;
    live();
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    const uint32_t i = find(TN_CHAIN_RECORD_HEADS);
    for (uint32_t kind = 0; kind < 256; kind++) {
        const uint8_t before = snap.bytes[i][SNAPSHOT_CHUNK_HEAD];
        snap.bytes[i][SNAPSHOT_CHUNK_HEAD] = (uint8_t)kind;
        begin();
        assert_int_equal(is_good(i), kind == TN_CHAIN_RECORD_HEADS);
        snap.bytes[i][SNAPSHOT_CHUNK_HEAD] = before;
    }
    drop();
}

/* Past roots have gone round in their ring: the first link is not that of the genesis. */
static void test_set_snapshot_past_roots_are_proved_once_their_ring_is_full(void **state)
{
    (void)state;
    cc.limits.lag_ms = INT64_C(80000000);
    cc.limits.exit_blocks = 0;
    free(cc.chain);
    cc.chain = cc_new_chain();
    for (uint32_t i = 0; i < TN_CHAIN_RING + 70; i++) {
        cc_propose(1);
        assert_int_equal(tn_chain_execute(cc.chain, &cc.line[0].block), TN_CHAIN_OK);
        cc_shift();
    }
    take(SET_SNAPSHOT_EQUITY_DEPTH);
    begin();
    for (uint32_t i = 0; i < snap.count; i++)
        expect_good(i);
    assert_true(set_snapshot_check_whole(&check, &fault));
    assert_int_equal(check.globals.past_first, 71);
    drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_set_snapshot_every_chunk_is_proved_alone),
        CHAIN_CASE(test_set_snapshot_all_chunks_are_the_whole_and_without_one_they_are_not),
        CHAIN_CASE(test_set_snapshot_no_byte_of_a_chunk_can_be_another),
        CHAIN_CASE(test_set_snapshot_chunks_of_another_state_are_refused),
        CHAIN_CASE(test_set_snapshot_records_of_other_kinds_are_none_of_the_chains),
        CHAIN_CASE(test_set_snapshot_past_roots_are_proved_once_their_ring_is_full),
        CHAIN_CASE(test_set_snapshot_runs_of_equity_are_proved_by_the_tops_of_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
