/* Blocks as a chain: what headers say, what stands under the state root, withdrawals in their
 * range. */
#include "replica_case.h"

static void expect_hash(const struct tn_hash *actual, const struct tn_hash *wanted)
{
    assert_memory_equal(actual->bytes, wanted->bytes, TN_HASH_SIZE);
}

static void test_replica_headers_chain_blocks_batches_and_roots(void **state)
{
    (void)state;
    const struct tn_hash zero = {0};
    struct tn_hash parent, root_before, digest_before = zero;
    /* The first block's parent is the genesis, named by the root of the empty market. */
    struct tn_replica *genesis = replica_of(&beside.limits);
    root_before = parent = tn_replica_heads(genesis)->root;
    free(genesis);
    uint64_t entries = 0;
    for (uint64_t height = 1; height <= 5; height++) {
        entries += beside.entries;
        seal();
        struct tn_hash hash, body_root;
        assert_int_equal(beside.block.version, TN_BLOCK_VERSION);
        assert_int_equal(beside.block.height, height);
        assert_int_equal(beside.block.exec_height, height - 1);
        assert_int_equal(beside.block.batches_count, 1);
        expect_hash(&beside.block.parent_hash, &parent);
        expect_hash(&beside.block.exec_root, &root_before);
        tn_stream_block_hash(&hash, beside.limits.chain_id, &beside.block);
        expect_hash(&beside.hash, &hash);
        assert_int_equal(beside.batch.sequence, height);
        assert_int_equal(beside.batch.market, 5);
        expect_hash(&beside.batch.prev_digest, &digest_before);
        tn_stream_batch_digest(&digest_before, &beside.batch);
        tn_stream_block_body_root(&body_root, &digest_before, 1);
        expect_hash(&beside.block.body_root, &body_root);
        parent = hash;
        root_before = beside.root;
        const struct tn_replica_heads *now = heads();
        assert_int_equal(now->height, height);
        assert_int_equal(now->entries_count, entries);
        assert_int_equal(now->batch_sequence, height);
        assert_int_equal(now->blocks.count, height);
        expect_hash(&now->block_hash, &hash);
        expect_hash(&now->batch_digest, &digest_before);
        advance(1, 1000);
    }
}

/* Every head is under the root: one that says otherwise leads to another. */
static void test_replica_root_covers_chain_height_stream_and_ranges(void **state)
{
    (void)state;
    struct tn_hash root;
    struct tn_state_head head;
    place(ALICE, limit(BUY, market.call, 900, 3));
    pass(BOB, withdraw(0, DOLLAR));
    seal();
    advance(1, 1000);
    seal(); /* with an exit checkpoint */
    head = heads()->state;
    tn_state_root(&root, tn_replica_state(beside.replica), &head);
    expect_hash(&root, &beside.root);
    const enum tn_proof_global kept[] = {TN_GLOBAL_STREAMS, TN_GLOBAL_BLOCKS, TN_GLOBAL_WITHDRAWALS,
                                         TN_GLOBAL_EXITS, TN_GLOBAL_LAST_BLOCK};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        head = heads()->state;
        head.globals[kept[i]].bytes[31] ^= 1;
        tn_state_root(&root, tn_replica_state(beside.replica), &head);
        assert_false(tn_hash_equal(&root, &beside.root));
    }
    head = heads()->state;
    expect_hash(&head.globals[TN_GLOBAL_LAST_BLOCK], &beside.hash);
    head.height++;
    tn_state_root(&root, tn_replica_state(beside.replica), &head);
    assert_false(tn_hash_equal(&root, &beside.root));
    head = heads()->state;
    head.chain_id[0] ^= 1;
    tn_state_root(&root, tn_replica_state(beside.replica), &head);
    assert_false(tn_hash_equal(&root, &beside.root));
}

/* The stream's head, byte by byte as docs/specs/state.md has it. */
static void test_replica_stream_head_names_the_last_batch_and_all_entries(void **state)
{
    (void)state;
    uint8_t body[56] = {[3] = 5}; /* market 5, term 0 */
    struct tn_hash digest, root;
    seal();
    advance(1, 1000);
    advance(1, 1000);
    uint64_t entries = heads()->entries_count + 2;
    seal();
    body[15] = 2;
    body[22] = (uint8_t)(entries >> 8);
    body[23] = (uint8_t)entries;
    tn_stream_batch_digest(&digest, &beside.batch);
    memcpy(body + 24, digest.bytes, TN_HASH_SIZE);
    tn_proof_leaf_body(&root, TN_PROOF_STREAMS, 0, body, sizeof body);
    tn_proof_root(&root, TN_PROOF_STREAMS, 1, &root);
    expect_hash(&heads()->state.globals[TN_GLOBAL_STREAMS], &root);
}

static void expect_withdrawal(uint64_t number, uint32_t account, uint8_t owner, uint32_t asset,
                              tn_micros amount, uint64_t height)
{
    uint8_t wanted[TN_PROOF_WITHDRAWAL_SIZE] = {[3] = 5, [7] = (uint8_t)account};
    memset(wanted + 8, owner, TN_OWNER_SIZE);
    wanted[31] = (uint8_t)asset;
    for (int i = 0; i < 8; i++) {
        wanted[32 + i] = (uint8_t)((uint64_t)amount >> (56 - 8 * i));
        wanted[40 + i] = (uint8_t)(height >> (56 - 8 * i));
    }
    assert_memory_equal(beside.withdrawals[number], wanted, sizeof wanted);
}

/* A proof of a withdrawal or a block, made of the nodes that were told. */
static void expect_proved(enum tn_proof_kind range, uint64_t number, const struct tn_hash *block)
{
    struct tn_hash needed[TN_PROOF_SIDES];
    uint64_t places[TN_PROOF_SIDES];
    uint8_t proof[4096];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    const struct tn_replica_heads *now = heads();
    const struct tn_state *trees = tn_replica_state(beside.replica);
    bool is_block = range == TN_PROOF_BLOCKS;
    const struct tn_proof_range *all = is_block ? &now->blocks : &now->withdrawals;
    uint32_t count = tn_proof_range_places(places, all, number);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(places[i] < beside.nodes_count[is_block ? 0 : 1]);
        needed[i] = beside.nodes[is_block ? 0 : 1][places[i]];
    }
    size_t size = is_block ? tn_state_prove_block(trees, proof, sizeof proof, &now->state, all,
                                                  needed, number, block)
                           : tn_state_prove_withdrawal(trees, proof, sizeof proof, &now->state, all,
                                                       needed, number, beside.withdrawals[number]);
    assert_true(size > 0 && size <= sizeof proof);
    assert_true(tn_proof_verify(&claim, &fault, proof, size, &now->root));
    if (is_block) return;
    assert_int_equal(claim.as.withdrawal.number, number);
    assert_int_equal(claim.as.withdrawal.count, all->count);
}

/* Money that leaves the exchange is in the range; money that moves inside it, comes in, is refused
 * or goes to the insurance fund is not. */
static void test_replica_range_has_each_withdrawal_once_and_nothing_else(void **state)
{
    (void)state;
    apply_passing((struct tn_entry){.kind = TN_ENTRY_ASSET, .as.asset.haircut_ppm = 200000});
    apply_passing(deposit_entry(BOB, 1, 7000));
    seal();
    pass(ALICE, transfer(ALICE_TWO, 0, 5 * DOLLAR));
    pass(ALICE, withdraw(0, 250 * DOLLAR));
    refuse(CAROL, withdraw(0, START_CASH + 1), TN_REJECT_CASH_SHORT);
    pass(BOB, withdraw(1, 6999));
    seal();
    assert_int_equal(heads()->withdrawals.count, 2);
    pass(ALICE_TWO, withdraw(0, 1));
    apply_passing(deposit_entry(ALICE, 0, DOLLAR));
    apply_passing((struct tn_entry){.kind = TN_ENTRY_INSURE, .as.insure.amount = DOLLAR});
    seal();
    assert_int_equal(heads()->withdrawals.count, 3);
    assert_int_equal(beside.withdrawals_count, 3);
    expect_withdrawal(0, ALICE, 1, 0, 250 * DOLLAR, 2);
    expect_withdrawal(1, BOB, 2, 1, 6999, 2);
    expect_withdrawal(2, ALICE_TWO, 1, 0, 1, 3);
}

static void test_replica_tells_the_nodes_that_proofs_of_ranges_need(void **state)
{
    (void)state;
    struct tn_hash hashes[12];
    for (uint32_t i = 0; i < 12; i++) {
        for (uint32_t k = 0; k < i % 3; k++)
            pass(i % 2 == 0 ? BOB : CAROL, withdraw(0, DOLLAR + k));
        advance(1, 1000);
        seal();
        hashes[i] = beside.hash;
        for (uint64_t number = 0; number <= i; number++)
            expect_proved(TN_PROOF_BLOCKS, number, &hashes[number]);
        for (uint64_t number = 0; number < heads()->withdrawals.count; number++)
            expect_proved(TN_PROOF_WITHDRAWALS, number, NULL);
    }
    assert_int_equal(heads()->withdrawals.count, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_STORY(test_replica_headers_chain_blocks_batches_and_roots),
        CHAIN_STORY(test_replica_root_covers_chain_height_stream_and_ranges),
        CHAIN_STORY(test_replica_stream_head_names_the_last_batch_and_all_entries),
        MARGIN_STORY(test_replica_range_has_each_withdrawal_once_and_nothing_else),
        CHAIN_STORY(test_replica_tells_the_nodes_that_proofs_of_ranges_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
