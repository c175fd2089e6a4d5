/* valid(block): what is good, what is bad, and what waits. */
#include "chain_story.h"

static void test_chain_waits_for_a_missing_batch_and_then_finds_the_block_good(void **state)
{
    (void)state;
    cc_make_batch(0, 0, NULL, 0);
    cc_make_batch(0, 0, NULL, 0);
    struct line_block made = cc_build(BLOCK_MS);
    assert_int_equal(made.header.batches_count, 2);
    cc.pool[0].is_hidden = cc.pool[1].is_hidden = true;
    expect_verdict(&made, TN_CHAIN_WAIT, "a batch is missing");
    assert_int_equal(cc.missing_count, 2); /* both are asked for at once */
    cc.pool[0].is_hidden = false;
    assert_int_equal(cc_judge(&made, false), TN_CHAIN_WAIT);
    assert_int_equal(cc.missing_count, 3);
    cc.pool[1].is_hidden = false;
    expect_verdict(&made, TN_CHAIN_OK, NULL);
    cc_extend(&made);
    cc.pool[1].is_hidden = true;
    assert_int_equal(tn_chain_execute(cc.chain, &cc.line[0].block), TN_CHAIN_WAIT);
    assert_int_equal(tn_chain_heads(cc.chain)->height, 0);
    cc.pool[1].is_hidden = false;
    cc_finalize();
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].sequence, 2);
}

/* A node that was away: it has the ancestor as a block, but not its batch. */
static void test_chain_waits_for_batches_of_ancestors(void **state)
{
    (void)state;
    cc_make_batch(0, 0, NULL, 0);
    cc_propose(BLOCK_MS);
    struct line_block made = cc_build(BLOCK_MS);
    struct tn_chain *own = cc.chain;
    cc.chain = cc_new_chain();
    cc.pool[0].is_hidden = true;
    expect_verdict(&made, TN_CHAIN_WAIT, "batches of its ancestors are missing");
    assert_int_equal(cc.missing_count, 1);
    cc.pool[0].is_hidden = false;
    expect_verdict(&made, TN_CHAIN_OK, NULL);
    free(cc.chain);
    cc.chain = own;
    free(made.body);
}

static void test_chain_wrong_header_fields_are_bad(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 12; i++)
        cc_pass(BLOCK_MS);
    struct line_block made = cc_build(BLOCK_MS), other = made;
    assert_int_equal(made.header.exec_height, 5);
    expect_verdict(&made, TN_CHAIN_OK, NULL);
    other.header.exec_root.bytes[3] ^= 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its exec_root is not the root here");
    assert_true(cc.fault.is_divergence);
    other = made;
    other.header.exec_height = 6;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its exec_height is too new");
    other = made;
    other.header.exec_height = 3;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its exec_height is below its parent's");
    other = made;
    other.header.time_ms = tn_chain_heads(cc.chain)->block.time_ms - 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its time is before its parent's");
    other = made;
    other.header.epoch = 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_WAIT, "it is of a later epoch");
    other = made;
    other.header.flags = 0;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "EMPTY is not what it is");
    other = made;
    other.header.flags |= TN_BLOCK_EPOCH_FINAL;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "EPOCH_FINAL is not what it is");
    other = made;
    other.header.next_set_hash.bytes[0] = 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its next set is another");
    other = made;
    other.header.l1_cursor = 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "its l1_cursor is not the number of its last deposit");
    other = made;
    other.header.parent_hash.bytes[0] ^= 1;
    other = changed(&other);
    expect_verdict(&other, TN_CHAIN_BAD, "it does not follow its parent");
    free(made.body);
}

static void test_chain_exec_height_that_is_not_executed_here_waits(void **state)
{
    (void)state;
    struct tn_chain *behind = cc_new_chain(), *own = cc.chain;
    struct tn_chain_block blocks[LINE_MAX];
    for (uint32_t i = 0; i < 9; i++)
        cc_propose(BLOCK_MS);
    assert_int_equal(cc.line[8].header.exec_height, 0);
    /* The other node has executed none of them, and is asked about one that says 1 was. */
    uint32_t count = cc_blocks(blocks);
    assert_int_equal(tn_chain_execute(own, &blocks[0]), TN_CHAIN_OK);
    struct line_block made = {.header = cc_header(), .body = malloc(BODY_ROOM)};
    size_t size;
    assert_true(tn_chain_build(own, &made.header, made.body, &size, BODY_ROOM, blocks + 1,
                               count - 1, cc.time_ms));
    assert_int_equal(made.header.exec_height, 1);
    cc_hash(&made);
    assert_int_equal(
        tn_chain_validate(behind, &cc.fault, &made.block, blocks, count, cc.time_ms, true),
        TN_CHAIN_WAIT);
    assert_string_equal(cc.fault.what, "its exec_height is not executed here");
    assert_int_equal(tn_chain_execute(behind, &blocks[0]), TN_CHAIN_OK);
    assert_int_equal(
        tn_chain_validate(behind, &cc.fault, &made.block, blocks + 1, count - 1, cc.time_ms, true),
        TN_CHAIN_OK);
    cc_shift();
    free(made.body);
    free(behind);
}

/* Nothing is final for long: blocks go on, empty from the 65th on, and full again afterwards. */
static void test_chain_blocks_far_from_finality_are_empty(void **state)
{
    (void)state;
    cc_make_batch(0, 0, NULL, 0);
    for (uint64_t height = 1; height <= 64; height++) {
        cc_propose(1);
        cc_make_batch(0, 0, NULL, 0);
    }
    assert_int_equal(cc.line[63].header.batches_count, 1);
    struct line_block made = cc_build(1);
    assert_int_equal(made.header.flags, TN_BLOCK_EMPTY);
    assert_int_equal(made.header.batches_count, 0);
    struct pool_batch *batch = &cc.pool[64];
    free(made.body);
    expect_crafted(&batch, 1, NULL, 0, TN_CHAIN_BAD,
                   "its exec_height is so old that it must be empty");
    cc_propose(1);
    while (cc.line_count > 4)
        cc_finalize();
    assert_int_equal(cc_propose(1)->header.batches_count, 1);
}

static void test_chain_refuses_batches_that_do_not_follow_their_head(void **state)
{
    (void)state;
    cc_pass(BLOCK_MS);
    struct pool_batch *first = cc_make_batch(0, 1, NULL, 0);
    struct pool_batch *second = cc_make_batch(0, 0, NULL, 0);
    struct pool_batch *both[2] = {second, first};
    expect_crafted(&first, 1, NULL, 0, TN_CHAIN_OK, NULL);
    expect_crafted(&second, 1, NULL, 0, TN_CHAIN_BAD, "a batch does not follow its market's head");
    expect_crafted(both, 2, NULL, 0, TN_CHAIN_BAD, "a batch does not follow its market's head");
    second->batch.signature = first->batch.signature;
    both[0] = first;
    both[1] = second;
    expect_crafted(both, 2, NULL, 0, TN_CHAIN_BAD, "a batch is not signed by its market's leader");
    assert_int_equal(tn_chain_counters(cc.chain)->judged_wait, 0);
}

static void test_chain_refuses_a_batch_with_another_blocks_hash(void **state)
{
    (void)state;
    struct tn_inbox inbox;
    cc_pass(BLOCK_MS);
    struct leader *leader = &cc.leaders[0];
    assert_true(tn_market_inbox_next(leader->market, &inbox));
    struct tn_stream_item item = cc_block_item(&inbox);
    item.as.block_hash.bytes[0] ^= 1;
    uint8_t *body = malloc(BATCH_ROOM);
    size_t at = TN_BATCH_HEADER_BYTES;
    tn_stream_batch_begin(&leader->builder, 0);
    size_t size = tn_stream_write_batch_item(body + at, BATCH_ROOM - at, &item);
    tn_stream_batch_add_entry(&leader->builder, &item.entry, body + at + TN_BATCH_LENGTH_BYTES,
                              size - TN_BATCH_LENGTH_BYTES);
    struct pool_batch *batch = cc_seal(0, body, at + size);
    expect_crafted(&batch, 1, NULL, 0, TN_CHAIN_BAD, "a batch's body is not what its header says");
}

static void test_chain_holds_a_body_against_its_header_though_the_digest_is_known(void **state)
{
    (void)state;
    cc_pass(BLOCK_MS);
    struct pool_batch *made = cc_make_batch(0, 1, NULL, 0);
    const size_t size = made->batch.body_size;
    uint8_t *body = malloc(size + 1);
    memcpy(body, made->batch.body, size);
    body[size] = 0;
    expect_crafted(&made, 1, NULL, 0, TN_CHAIN_OK, NULL);
    for (uint32_t turn = 0; turn < 2; turn++) {
        assert_true(tn_chain_check_batch(cc.chain, body, size)); /* and it is remembered */
        assert_false(tn_chain_check_batch(cc.chain, body, size + 1));
        assert_false(tn_chain_check_batch(cc.chain, body, size - 1));
        for (size_t at = TN_BATCH_HEADER_BYTES; at < size; at++) {
            body[at] ^= 1;
            assert_false(tn_chain_check_batch(cc.chain, body, size));
            body[at] ^= 1;
        }
    }
    free(body);
}

static void test_chain_gives_every_market_its_share_and_then_what_is_left(void **state)
{
    (void)state;
    static uint8_t payloads[2][TN_PAYLOAD_BYTES_MAX];
    open_trading(0);
    uint64_t share = tn_chain_batch_weight_max(&cc.limits);
    struct tn_command commands[64];
    for (uint32_t i = 0; i < 64; i++)
        commands[i] = cc_limit(TN_BUY, PERP, 90000 + (tn_ticks)i, 1);
    struct tn_stream_item items[2];
    for (uint32_t i = 0; i < 50; i++) {
        for (uint32_t n = 0; n < 2; n++)
            items[n] = cc_frame(payloads[n], 0, 0, cc.leaders[0].term, commands, 60);
        cc_make_batch(0, 100, items, 2);
    }
    for (uint32_t i = 0; i < 3; i++)
        cc_make_batch(1, 100, NULL, 0);
    struct line_block *made = cc_propose(BLOCK_MS);
    uint64_t weight = 0;
    uint32_t of_second = 0, count = made->header.batches_count;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_hash digest;
        struct tn_chain_batch batch = {.body = NULL};
        struct tn_batch_header header;
        struct tn_stream_fault fault;
        memcpy(digest.bytes, made->body + 32 * (size_t)i, 32);
        assert_true(cc_batch(NULL, &batch, &digest));
        assert_true(tn_stream_read_batch_header(&header, &fault, batch.body, batch.body_size));
        weight += header.weight;
        if (header.market == 2) of_second++;
    }
    struct pool_batch *all[64];
    for (uint32_t i = 0; i < 50; i++)
        all[i] = &cc.pool[2 + i]; /* behind those that opened trading */
    cc_shift();
    expect_crafted(all, 50, NULL, 0, TN_CHAIN_BAD, "its batches weigh too much");
    assert_int_equal(of_second, 3); /* although the other would have filled the block */
    assert_true(weight > share && weight <= cc.limits.weight_max);
    assert_true(count < 53);
}

static void test_chain_refuses_a_batch_above_its_markets_share(void **state)
{
    (void)state;
    static uint8_t payloads[40][TN_PAYLOAD_BYTES_MAX / 16];
    open_trading(0);
    struct tn_command commands[64];
    struct tn_stream_item items[40];
    uint8_t *payload = malloc(TN_PAYLOAD_BYTES_MAX);
    for (uint32_t i = 0; i < 64; i++)
        commands[i] = cc_limit(TN_BUY, PERP, 90000 + (tn_ticks)i, 1);
    for (uint32_t i = 0; i < 40; i++) {
        items[i] = cc_frame(payload, 0, 0, cc.leaders[0].term, commands, 60);
        assert_true(items[i].as.frame.payload_size <= sizeof payloads[i]);
        memcpy(payloads[i], payload, items[i].as.frame.payload_size);
        items[i].as.frame.payload = payloads[i];
    }
    free(payload);
    struct pool_batch *batch = cc_make_batch(0, 100, items, 40);
    assert_true(batch->header.weight > tn_chain_batch_weight_max(&cc.limits));
    expect_crafted(&batch, 1, NULL, 0, TN_CHAIN_BAD, "a batch weighs too much");
}

static void test_chain_waits_on_what_is_only_local(void **state)
{
    (void)state;
    struct line_block made = cc_build(BLOCK_MS);
    cc.time_ms -= cc.limits.clock_ahead_ms + 1;
    expect_verdict(&made, TN_CHAIN_WAIT, "its time is ahead of this clock");
    assert_int_equal(cc_judge(&made, false), TN_CHAIN_OK);
    cc.time_ms += 1;
    expect_verdict(&made, TN_CHAIN_OK, NULL);
    cc.is_overdue = true;
    expect_verdict(&made, TN_CHAIN_WAIT, "it leaves out what is overdue");
    assert_int_equal(cc_judge(&made, false), TN_CHAIN_OK);
    free(made.body);
}

/* A final block that says another root was executed: this node is not of the set any more. */
static void test_chain_execution_tells_a_divergence(void **state)
{
    (void)state;
    struct line_block made = cc_build(BLOCK_MS);
    made.header.exec_root.bytes[0] ^= 1;
    struct line_block other = changed(&made);
    other.block.header = &other.header;
    assert_int_equal(tn_chain_execute(cc.chain, &other.block), TN_CHAIN_BAD);
    assert_int_equal(tn_chain_heads(cc.chain)->height, 1);
    free(made.body);
}

static void test_chain_work_is_pending_for_frames_but_not_for_heartbeats(void **state)
{
    (void)state;
    struct tn_chain_block blocks[LINE_MAX];
    open_trading(0);
    cc_make_batch(0, 100, NULL, 0);
    assert_false(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms));
    order(0, 0, TN_BUY, 90000, 1);
    assert_true(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms));
    cc_propose(BLOCK_MS);
    assert_false(tn_chain_pending(cc.chain, blocks, cc_blocks(blocks), cc.time_ms));
    cc_deposit(1, 0, DOLLAR);
    assert_true(tn_chain_pending(cc.chain, blocks, cc_blocks(blocks), cc.time_ms));
    cc_propose(BLOCK_MS); /* it is in, but not final: the pool still has it */
    assert_false(tn_chain_pending(cc.chain, blocks, cc_blocks(blocks), cc.time_ms));
}

/* What a pool hands out was good above the last executed block; blocks above it may have made it
 * useless since. Were it work, blocks would be made for it that cannot take it. */
static void test_chain_no_work_is_pending_that_no_block_can_take(void **state)
{
    (void)state;
    struct tn_chain_block blocks[LINE_MAX];
    open_trading(0);
    cc_make_batch(0, 100, NULL, 0);
    cc_pass(BLOCK_MS);
    cc_deposit(1, 0, DOLLAR);
    cc_propose(BLOCK_MS);
    cc_deposit_by(KEY_FAUCET, cc.deposits, 1, 0, 2 * DOLLAR); /* another of the same number */
    assert_false(tn_chain_pending(cc.chain, blocks, cc_blocks(blocks), cc.time_ms));
    assert_true(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms)); /* beside that block it is work */
    cc_deposit(1, 0, 3 * DOLLAR);                                 /* and the next number is */
    assert_true(tn_chain_pending(cc.chain, blocks, cc_blocks(blocks), cc.time_ms));
    cc_finalize();
    cc_pass(BLOCK_MS);
    order(0, 0, TN_BUY, 90000, 1);
    assert_true(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms));
    cc.pool[cc.pool_count - 1].batch.signature = cc_sign(KEY_FAUCET, &cc.leaders[0].digest);
    assert_false(tn_chain_pending(cc.chain, NULL, 0, cc.time_ms)); /* not its leader's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_waits_for_a_missing_batch_and_then_finds_the_block_good),
        CHAIN_CASE(test_chain_waits_for_batches_of_ancestors),
        CHAIN_CASE(test_chain_wrong_header_fields_are_bad),
        CHAIN_CASE(test_chain_exec_height_that_is_not_executed_here_waits),
        CHAIN_CASE(test_chain_blocks_far_from_finality_are_empty),
        CHAIN_CASE(test_chain_refuses_batches_that_do_not_follow_their_head),
        CHAIN_CASE(test_chain_refuses_a_batch_with_another_blocks_hash),
        CHAIN_CASE(test_chain_holds_a_body_against_its_header_though_the_digest_is_known),
        CHAIN_CASE(test_chain_gives_every_market_its_share_and_then_what_is_left),
        CHAIN_CASE(test_chain_refuses_a_batch_above_its_markets_share),
        CHAIN_CASE(test_chain_waits_on_what_is_only_local),
        CHAIN_CASE(test_chain_execution_tells_a_divergence),
        CHAIN_CASE(test_chain_work_is_pending_for_frames_but_not_for_heartbeats),
        CHAIN_CASE(test_chain_no_work_is_pending_that_no_block_can_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
