/* Blocks over two markets: batches, inboxes, roots. */
#include "chain_story.h"

static void test_chain_empty_blocks_move_height_and_roots(void **state)
{
    (void)state;
    struct tn_hash root = tn_chain_heads(cc.chain)->root, at;
    for (uint64_t height = 1; height <= 12; height++) {
        struct line_block *made = cc_propose(BLOCK_MS);
        assert_int_equal(made->header.flags, TN_BLOCK_EMPTY);
        assert_int_equal(made->header.exec_height, height > 8 ? height - 8 : 0);
        cc_finalize();
        assert_int_equal(tn_chain_heads(cc.chain)->height, height);
        assert_false(tn_hash_equal(&tn_chain_heads(cc.chain)->root, &root));
        root = tn_chain_heads(cc.chain)->root;
        assert_true(tn_chain_root_at(cc.chain, &at, height));
        assert_true(tn_hash_equal(&at, &root));
    }
    assert_false(tn_chain_root_at(cc.chain, &at, 13));
}

/* What is under the root beside the markets: a change in any of it is another root. */
static void test_chain_root_covers_every_global(void **state)
{
    (void)state;
    give_market(1);
    for (uint32_t i = 0; i < 4; i++)
        cc_pass(BLOCK_MS);
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    for (uint32_t place = 0; place < TN_PROOF_GLOBALS; place++) {
        struct tn_state_head head = heads->state;
        struct tn_hash root;
        tn_state_root(&root, tn_chain_state(cc.chain, 0), &head);
        assert_true(tn_hash_equal(&root, &heads->root));
        tn_state_root(&root, tn_chain_state(cc.chain, 1), &head);
        assert_true(tn_hash_equal(&root, &heads->root));
        head.globals[place].bytes[5] ^= 1;
        tn_state_root(&root, tn_chain_state(cc.chain, 0), &head);
        assert_false(tn_hash_equal(&root, &heads->root));
    }
}

/* Byte by byte, as docs/specs/chain.md §2 has them. */
static void test_chain_globals_are_hashed_as_the_page_says(void **state)
{
    (void)state;
    cc_make_batch(1, 0, NULL, 0);
    cc_pass(BLOCK_MS);
    struct tn_hash root_before = tn_chain_heads(cc.chain)->root, link = {{0}}, leaves[2], root;
    struct tn_hash hash_before = tn_chain_heads(cc.chain)->block_hash, genesis;
    assert_true(tn_chain_root_at(cc.chain, &genesis, 0));
    cc_pass(BLOCK_MS);
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    for (uint64_t height = 0; height < 2; height++) {
        uint8_t past[113] = {8};
        memcpy(past + 1, link.bytes, 32);
        tn_put_be(past + 33, height, 8);
        tn_put_be(past + 41, (uint64_t)(START_MS + (int64_t)height * BLOCK_MS), 8);
        memcpy(past + 49, height == 0 ? genesis.bytes : hash_before.bytes, 32);
        memcpy(past + 81, height == 0 ? genesis.bytes : root_before.bytes, 32);
        tn_keccak256(&link, past, sizeof past);
    }
    assert_memory_equal(heads->state.globals[TN_GLOBAL_ROOTS].bytes, link.bytes, 32);
    for (uint32_t i = 0; i < MARKETS; i++) {
        uint8_t body[56] = {[3] = (uint8_t)(i + 1), [23] = 2}; /* cursor 0, two inboxes */
        tn_put_be(body + 12, (uint64_t)START_MS, 8);
        tn_market_inboxes_root(&root, tn_chain_market(cc.chain, i));
        memcpy(body + 24, root.bytes, 32);
        tn_proof_leaf_body(&leaves[i], TN_PROOF_INBOXES, i, body, sizeof body);
    }
    tn_proof_node(&root, &leaves[0], &leaves[1]);
    tn_proof_root(&root, TN_PROOF_INBOXES, 2, &root);
    assert_memory_equal(heads->state.globals[TN_GLOBAL_INBOXES].bytes, root.bytes, 32);
    for (uint32_t i = 0; i < MARKETS; i++) {
        uint8_t body[56] = {[3] = (uint8_t)(i + 1), [7] = 1, [15] = (uint8_t)i};
        if (i == 1) memcpy(body + 24, cc.pool[0].batch.digest.bytes, 32); /* of no entries */
        tn_proof_leaf_body(&leaves[i], TN_PROOF_STREAMS, i, body, sizeof body);
    }
    tn_proof_node(&root, &leaves[0], &leaves[1]);
    tn_proof_root(&root, TN_PROOF_STREAMS, 2, &root);
    assert_memory_equal(heads->state.globals[TN_GLOBAL_STREAMS].bytes, root.bytes, 32);
}

static void test_chain_proves_records_and_exits_of_each_market(void **state)
{
    (void)state;
    uint8_t proof[16384], record[8192];
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    open_trading(1);
    while (tn_chain_heads(cc.chain)->height % 4 != 0)
        cc_pass(BLOCK_MS);
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    for (uint32_t place = 0; place < MARKETS; place++) {
        const struct tn_state *trees = tn_chain_state(cc.chain, place);
        const struct tn_record_name name = {.kind = TN_RECORD_MARKET, .index = 0};
        size_t size = tn_chain_record(cc.chain, record, sizeof record,
                                      (uint8_t)(place * 32 + TN_RECORD_MARKET), 0);
        size = tn_state_prove_record(trees, proof, sizeof proof, &heads->state, name, record, size);
        assert_true(size > 0 && tn_proof_verify(&claim, &fault, proof, size, &heads->root));
        assert_int_equal(claim.market, place + 1);
        size = tn_state_prove_exit(trees, proof, sizeof proof, &heads->state,
                                   tn_chain_equity(cc.chain, place), heads->streams[place].exit,
                                   TN_NONE, NULL, 0);
        assert_true(size > 0 && tn_proof_verify(&claim, &fault, proof, size, &heads->root));
        assert_int_equal(claim.as.exit.accounts_count, place == 1 ? 2 : 0);
    }
    /* A session is a leaf of its market. */
    const struct tn_record_name session = {.kind = TN_RECORD_SESSION, .index = 0};
    size_t size = tn_chain_record(cc.chain, record, sizeof record, 32 + TN_RECORD_SESSION, 0);
    assert_int_equal(size, TN_RECORD_SESSION_SIZE);
    size = tn_state_prove_record(tn_chain_state(cc.chain, 1), proof, sizeof proof, &heads->state,
                                 session, record, size);
    assert_true(size > 0 && tn_proof_verify(&claim, &fault, proof, size, &heads->root));
    assert_int_equal(claim.as.record.kind, TN_RECORD_SESSION);
}

static void test_chain_inbox_waits_under_the_root_until_its_block_is_consumed(void **state)
{
    (void)state;
    give_market(1);
    cc_pass(BLOCK_MS);
    struct tn_exchange *exchange = tn_market_exchange(tn_chain_market(cc.chain, 0));
    assert_int_equal(tn_exchange_accounts_count(exchange), 0);
    assert_int_equal(tn_market_inboxes_count(tn_chain_market(cc.chain, 0)), 1);
    struct tn_hash inboxes = tn_chain_heads(cc.chain)->state.globals[TN_GLOBAL_INBOXES];
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_exchange_accounts_count(exchange), 0);
    assert_false(
        tn_hash_equal(&inboxes, &tn_chain_heads(cc.chain)->state.globals[TN_GLOBAL_INBOXES]));
    cc_make_batch(0, 1, NULL, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_exchange_accounts_count(exchange), 2);
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].cursor, 1);
    assert_int_equal(tn_market_inboxes_count(tn_chain_market(cc.chain, 0)), 2);
    assert_int_equal(cc.differences_count, 0);
}

static void test_chain_trades_two_markets_apart(void **state)
{
    (void)state;
    open_trading(0);
    struct tn_hash before, after;
    tn_state_market_root(&before, tn_chain_state(cc.chain, 1));
    order(0, 0, TN_BUY, 100000, 3);
    order(0, 1, TN_SELL, 100000, 2);
    struct line_block *made = cc_propose(BLOCK_MS);
    assert_int_equal(made->header.batches_count, 2);
    cc_finalize();
    assert_int_equal(position(0, 0), 2);
    assert_int_equal(position(0, 1), -2);
    assert_int_equal(cc.differences_count, 0);
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].sequence, 4);
    tn_state_market_root(&after, tn_chain_state(cc.chain, 1));
    assert_true(tn_hash_equal(&before, &after)); /* nothing of the other market moved */
}

static void test_chain_block_has_batches_in_the_order_of_markets(void **state)
{
    (void)state;
    cc_pass(BLOCK_MS);
    cc_make_batch(1, 100, NULL, 0);
    cc_make_batch(0, 100, NULL, 0);
    cc_make_batch(0, 100, NULL, 0);
    struct line_block made = cc_build(BLOCK_MS);
    assert_int_equal(made.header.batches_count, 3);
    assert_memory_equal(made.body, cc.pool[1].batch.digest.bytes, TN_HASH_SIZE);
    assert_memory_equal(made.body + 32, cc.pool[2].batch.digest.bytes, TN_HASH_SIZE);
    assert_memory_equal(made.body + 64, cc.pool[0].batch.digest.bytes, TN_HASH_SIZE);
    expect_verdict(&made, TN_CHAIN_OK, NULL);
    /* Another order is bad. */
    memcpy(made.body, cc.pool[0].batch.digest.bytes, TN_HASH_SIZE);
    memcpy(made.body + 64, cc.pool[1].batch.digest.bytes, TN_HASH_SIZE);
    tn_stream_block_body_root(&made.header.body_root, (const struct tn_hash *)(void *)made.body, 3);
    struct line_block other = changed(&made);
    expect_verdict(&other, TN_CHAIN_BAD, "its batches are not in the order of markets");
    free(made.body);
}

static void test_chain_ancestors_that_are_not_final_move_the_tip(void **state)
{
    (void)state;
    cc_pass(BLOCK_MS);
    for (uint32_t i = 0; i < 5; i++) {
        cc_make_batch(0, 1, NULL, 0);
        struct line_block *made = cc_propose(BLOCK_MS);
        assert_int_equal(made->header.batches_count, 1);
    }
    struct tn_chain_stream streams[TN_CHAIN_MARKETS_MAX];
    struct tn_chain_block blocks[LINE_MAX];
    uint32_t count = cc_blocks(blocks);
    assert_true(tn_chain_tip(cc.chain, streams, blocks, count));
    assert_int_equal(streams[0].sequence, 5);
    assert_int_equal(streams[0].cursor, 1);
    assert_int_equal(streams[1].sequence, 0);
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].sequence, 0);
    while (cc.line_count > 0)
        cc_finalize();
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].sequence, 5);
    assert_true(tn_hash_equal(&tn_chain_heads(cc.chain)->streams[0].digest, &streams[0].digest));
}

static void test_chain_reports_wrong_results_and_goes_on_with_its_own(void **state)
{
    (void)state;
    open_trading(0);
    cc.is_lying = true;
    order(0, 0, TN_BUY, 99000, 1);
    cc.is_lying = false;
    cc_pass(BLOCK_MS);
    assert_int_equal(cc.differences_count, 1);
    assert_int_equal(cc.difference, TN_CHAIN_RESULTS);
    assert_int_equal(cc.place.market, 1);
    assert_int_equal(cc.place.sequence, 3);
    assert_int_equal(tn_chain_counters(cc.chain)->results_wrong, 1);
    order(0, 1, TN_SELL, 99000, 1);
    cc_pass(BLOCK_MS);
    assert_int_equal(position(0, 0), 1);
    assert_int_equal(cc.differences_count, 1);
}

/* The batch of a desk of this very process, whose events were others than the replica's. */
static void test_chain_reports_an_own_batch_whose_desk_saw_other_results(void **state)
{
    (void)state;
    open_trading(0);
    order(0, 0, TN_BUY, 99000, 1);
    cc.pool[cc.pool_count - 1].batch.is_own = true;
    cc.pool[cc.pool_count - 1].batch.trace = 1;
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_chain_counters(cc.chain)->batches_own, 1);
    assert_int_equal(tn_chain_counters(cc.chain)->results_wrong, 1);
    assert_int_equal(cc.difference, TN_CHAIN_RESULTS);
    order(0, 1, TN_SELL, 99000, 1);
    cc_pass(BLOCK_MS);
    assert_int_equal(position(0, 0), 1);
    assert_int_equal(cc.differences_count, 1);
}

/* A leader that seals a frame twice: the second is a no-op, told with its place. */
static void test_chain_tells_what_a_leader_must_not_seal(void **state)
{
    (void)state;
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    open_trading(0);
    const struct tn_command command = cc_limit(TN_BUY, PERP, 90000, 1);
    struct tn_stream_item items[2];
    items[0] = items[1] = cc_frame(payload, 0, 0, cc.leaders[0].term, &command, 1);
    cc_make_batch(0, 0, items, 2);
    cc_pass(BLOCK_MS);
    assert_int_equal(cc.differences_count, 1);
    assert_int_equal(cc.difference, TN_CHAIN_NO_OP);
    assert_int_equal(cc.place.entry, 1);
}

static void test_chain_withdrawal_enters_the_range_when_its_block_is_executed(void **state)
{
    (void)state;
    open_trading(0);
    struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
    command.as.money.amount = 5 * DOLLAR;
    uint8_t bytes[512];
    struct tn_operation operation = {.kind = TN_OPERATION_FRAME, .market = 1};
    operation.entry = frame_entry(0, ++cc.nonces[0], &command, 1);
    operation.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, &operation.entry);
    operation.bytes = bytes;
    cc_operate(operation, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_chain_heads(cc.chain)->withdrawals.count, 0);
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    assert_int_equal(tn_chain_heads(cc.chain)->withdrawals.count, 1);
    assert_int_equal(cc.withdrawals_count, 1);
}

static void test_chain_checkpoint_says_roots_at_its_heights_only(void **state)
{
    (void)state;
    struct tn_checkpoint checkpoint;
    for (uint64_t height = 1; height <= 16; height++) {
        cc_pass(BLOCK_MS);
        const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
        bool is_there = tn_chain_checkpoint(cc.chain, &checkpoint);
        assert_int_equal(is_there, height % 8 == 0);
        if (!is_there) continue;
        assert_int_equal(checkpoint.height, height);
        assert_true(tn_hash_equal(&checkpoint.state_root, &heads->root));
        assert_true(tn_hash_equal(&checkpoint.data_root, &heads->state.globals[TN_GLOBAL_BLOCKS]));
        assert_true(
            tn_hash_equal(&checkpoint.withdraw_root, &heads->state.globals[TN_GLOBAL_WITHDRAWALS]));
    }
}

static void test_chain_forgotten_market_consumes_its_oldest_inbox_and_tips_know_it(void **state)
{
    (void)state;
    cc.limits.lag_ms = INT64_C(80000000);
    free(cc.chain);
    cc.limits.markets[1].inboxes_max = 64;
    cc.chain = cc_new_chain();
    cc_make_batch(1, 0, NULL, 0)->is_hidden = true; /* it goes on from no block */
    for (uint64_t height = 1; height <= 70; height++)
        cc_propose(1);
    struct tn_chain_stream streams[TN_CHAIN_MARKETS_MAX];
    struct tn_chain_block blocks[LINE_MAX];
    uint32_t count = cc_blocks(blocks);
    assert_true(tn_chain_tip(cc.chain, streams, blocks, count));
    assert_int_equal(streams[0].cursor, 0);
    assert_int_equal(streams[1].cursor, 6);
    cc.pool[0].is_hidden = false;
    struct pool_batch *astray = &cc.pool[0];
    for (uint32_t i = 0; i < 8; i++) /* so that blocks need not be empty */
        cc_finalize();
    expect_crafted(&astray, 1, NULL, 0, TN_CHAIN_BAD, "a batch does not follow its market's head");
    cc.pool[0].is_hidden = true;
    while (cc.line_count > 0)
        cc_finalize();
    assert_int_equal(tn_chain_heads(cc.chain)->streams[1].cursor, 6);
    assert_int_equal(tn_market_cursor(tn_chain_market(cc.chain, 1)), 6);
}

static void test_chain_parameters_must_leave_room_for_desks(void **state)
{
    (void)state;
    const char *what;
    struct tn_chain_limits limits = cc.limits;
    assert_true(tn_chain_limits_check(&limits, &what));
    limits.soft_ms = 3 * (limits.mark_ms + 4 * limits.delta_ms);
    assert_false(tn_chain_limits_check(&limits, &what));
    assert_string_equal(what, "3 (mark_ms + 4 delta_ms) < soft_ms < lag_ms does not hold");
    assert_int_equal(tn_chain_size(&limits), 0);
    limits = cc.limits;
    limits.lag_ms = limits.soft_ms;
    assert_false(tn_chain_limits_check(&limits, &what));
    limits = cc.limits;
    limits.markets[1].market = 1;
    assert_false(tn_chain_limits_check(&limits, &what));
    limits = cc.limits;
    limits.markets[1].chain_id[0] ^= 1;
    assert_false(tn_chain_limits_check(&limits, &what));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_empty_blocks_move_height_and_roots),
        CHAIN_CASE(test_chain_root_covers_every_global),
        CHAIN_CASE(test_chain_globals_are_hashed_as_the_page_says),
        CHAIN_CASE(test_chain_proves_records_and_exits_of_each_market),
        CHAIN_CASE(test_chain_inbox_waits_under_the_root_until_its_block_is_consumed),
        CHAIN_CASE(test_chain_trades_two_markets_apart),
        CHAIN_CASE(test_chain_block_has_batches_in_the_order_of_markets),
        CHAIN_CASE(test_chain_ancestors_that_are_not_final_move_the_tip),
        CHAIN_CASE(test_chain_reports_wrong_results_and_goes_on_with_its_own),
        CHAIN_CASE(test_chain_reports_an_own_batch_whose_desk_saw_other_results),
        CHAIN_CASE(test_chain_tells_what_a_leader_must_not_seal),
        CHAIN_CASE(test_chain_withdrawal_enters_the_range_when_its_block_is_executed),
        CHAIN_CASE(test_chain_checkpoint_says_roots_at_its_heights_only),
        CHAIN_CASE(test_chain_forgotten_market_consumes_its_oldest_inbox_and_tips_know_it),
        CHAIN_CASE(test_chain_parameters_must_leave_room_for_desks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
