/* Leaders come and go: STALLs, RESIGN, lag. */
#include "chain_story.h"

static uint32_t term_of(uint32_t place)
{
    return tn_chain_heads(cc.chain)->streams[place].term;
}

static struct pool_item *give_lag(uint32_t place)
{
    struct tn_block_item item = cc_term_end(place, TN_TERM_LAGGED);
    return cc_give(&item);
}

static void test_chain_quorum_of_stalls_ends_a_term_at_exactly_its_head(void **state)
{
    (void)state;
    open_trading(0);
    uint16_t before, after;
    struct tn_public_key key;
    assert_int_equal(term_of(0), 1);
    assert_true(tn_registry_leader(tn_chain_registry(cc.chain), &before, &key, 1, 1));
    struct pool_batch *late = order(0, 0, TN_BUY, 99000, 1); /* sealed, told to nobody */
    late->is_hidden = true;
    cc_stall(0, 3);
    cc_pass(BLOCK_MS);
    assert_int_equal(term_of(0), 2);
    assert_int_equal(term_of(1), 1);
    assert_int_equal(cc.terms_count, 1);
    assert_true(tn_registry_leader(tn_chain_registry(cc.chain), &after, &key, 1, 2));
    assert_int_not_equal(before, after);
    /* What the old leader had sealed follows the head, and is refused all the same. */
    late->is_hidden = false;
    expect_crafted(&late, 1, NULL, 0, TN_CHAIN_BAD,
                   "a batch is of a term that is not the market's");
    cc_take_over(0);
    order(0, 0, TN_BUY, 99000, 2);
    order(0, 1, TN_SELL, 99000, 2);
    struct line_block *made = cc_propose(BLOCK_MS);
    assert_int_equal(made->header.batches_count, 2);
    cc_finalize();
    assert_int_equal(position(0, 0), 2);
    assert_int_equal(tn_chain_heads(cc.chain)->streams[0].sequence, 4);
    assert_int_equal(cc.differences_count, 0);
}

static void test_chain_two_of_four_stalls_end_nothing(void **state)
{
    (void)state;
    cc_stall(0, 2);
    expect_item(&cc.items[0], TN_CHAIN_BAD,
                "a term's end is not signed by a quorum, or by the leader");
    cc_pass(BLOCK_MS);
    assert_int_equal(term_of(0), 1);
}

static void test_chain_stalls_for_a_head_that_moved_on_are_bad(void **state)
{
    (void)state;
    cc_stall(0, 4);
    struct pool_batch *batch = cc_make_batch(0, 0, NULL, 0);
    struct pool_item *end = &cc.items[0];
    /* Not together in one block, nor after it. */
    expect_crafted(&batch, 1, &end, 1, TN_CHAIN_BAD,
                   "it has a batch of a market whose term it ends");
    cc.items[0].is_hidden = true;
    cc_propose(BLOCK_MS);
    expect_item(end, TN_CHAIN_BAD, "a term ends at another head than its market's");
}

static void test_chain_term_ends_once_on_a_chain_that_is_not_final(void **state)
{
    (void)state;
    cc_stall(0, 3);
    cc_propose(BLOCK_MS);
    assert_int_equal(cc_propose(BLOCK_MS)->header.flags, TN_BLOCK_EMPTY);
    expect_item(&cc.items[0], TN_CHAIN_BAD, "a term ends at another head than its market's");
    assert_int_equal(term_of(0), 1);
    cc_finalize();
    cc_finalize();
    assert_int_equal(term_of(0), 2);
}

static void test_chain_one_block_ends_a_term_once(void **state)
{
    (void)state;
    cc_stall(0, 3);
    cc_stall(0, 4);
    struct pool_item *both[2] = {&cc.items[0], &cc.items[1]};
    expect_crafted(NULL, 0, both, 2, TN_CHAIN_BAD, "a term ends twice");
    cc_pass(BLOCK_MS);
    assert_int_equal(term_of(0), 2);
}

/* A quorum may sign what it likes: the end is where the head is. */
static void test_chain_term_ends_at_the_heads_sequence_and_digest(void **state)
{
    (void)state;
    for (uint32_t which = 0; which < 3; which++) {
        struct tn_block_item item = cc_term_end(0, TN_TERM_STALLED);
        struct tn_hash digest;
        if (which == 0) item.as.term.head.sequence++;
        if (which == 1) item.as.term.head.digest.bytes[0] ^= 1;
        if (which == 2) item.as.term.head.term++;
        tn_vote_stall_digest(&digest, cc.limits.chain_id, 0, &item.as.term.head);
        item.as.term.stalls_count = 3;
        for (uint16_t i = 0; i < 3; i++) {
            item.as.term.stalls[i].voter = i;
            item.as.term.stalls[i].signature = cc_sign(i + 1u, &digest);
        }
        struct pool_item *kept = cc_give(&item);
        kept->is_hidden = true;
        expect_item(kept, TN_CHAIN_BAD, "a term ends at another head than its market's");
    }
}

static void test_chain_leader_may_resign(void **state)
{
    (void)state;
    struct tn_block_item item = cc_term_end(1, TN_TERM_RESIGNED);
    struct tn_public_key key;
    struct tn_hash digest;
    uint16_t id;
    assert_true(tn_registry_leader(tn_chain_registry(cc.chain), &id, &key, 2, 1));
    tn_vote_resign_digest(&digest, cc.limits.chain_id, 0, &item.as.term.head);
    item.as.term.resignation = cc_sign((id + 1u) % VALIDATORS + 1u, &digest);
    struct pool_item *forged = cc_give(&item);
    expect_item(forged, TN_CHAIN_BAD, "a term's end is not signed by a quorum, or by the leader");
    item.as.term.resignation = cc_sign(id + 1u, &digest);
    cc_give(&item);
    cc_pass(BLOCK_MS);
    assert_int_equal(term_of(1), 2);
}

/* A leader that consumes no BLOCKs is replaced, by whoever builds the next block; a block that does
 * not do it is bad. */
static void test_chain_late_leaders_term_must_end(void **state)
{
    (void)state;
    expect_item(give_lag(0), TN_CHAIN_BAD, "a term ends because of a lag that there is not");
    cc.items[0].is_hidden = true;
    uint32_t blocks = 0;
    for (; term_of(0) == 1 && blocks < 200; blocks++) {
        cc_make_batch(1, 100, NULL, 0);
        cc_pass(100);
    }
    /* Late when the first block was more than a second old: seen one block later. */
    assert_int_equal(blocks, 1 + 11 + 1);
    assert_int_equal(term_of(1), 1);
    assert_int_equal(cc.terms_count, 1);
    /* The new one has as long, although the inboxes are as old as they were. */
    for (uint32_t i = 0; i < 10; i++) {
        cc_make_batch(1, 100, NULL, 0);
        cc_pass(100);
        assert_int_equal(term_of(0), 2);
    }
    cc_make_batch(1, 100, NULL, 0);
    cc_propose(100);
    struct line_block made = craft(NULL, 0, NULL, 0);
    made.header.flags = TN_BLOCK_EMPTY;
    cc_hash(&made);
    expect_verdict(&made, TN_CHAIN_OK, NULL); /* an empty block need not */
    free(made.body);
    struct pool_batch *batch = cc_make_batch(1, 0, NULL, 0);
    expect_crafted(&batch, 1, NULL, 0, TN_CHAIN_BAD, "a late market's term does not end");
    cc_propose(100);
    cc_finalize();
    cc_finalize();
    assert_int_equal(term_of(0), 3);
}

static void test_chain_refuses_a_batch_whose_last_block_is_too_old(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 12; i++) {
        cc_make_batch(1, 100, NULL, 0);
        cc_pass(100);
    }
    struct pool_batch *old = cc_make_batch(0, 0, NULL, 0);
    expect_crafted(&old, 1, NULL, 0, TN_CHAIN_BAD, "the last BLOCK of a batch is too old");
}

/* Time that passed while there were no blocks is nobody's fault. */
static void test_chain_that_stood_still_ends_no_term(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        cc_pass(BLOCK_MS);
    cc_pass(60000);
    for (uint32_t i = 0; i < 3; i++)
        cc_pass(BLOCK_MS);
    assert_int_equal(term_of(0), 1);
    cc_make_batch(0, 100, NULL, 0);
    cc_make_batch(1, 100, NULL, 0);
    for (uint32_t i = 0; i < 12; i++)
        cc_pass(BLOCK_MS);
    assert_int_equal(term_of(0), 1);
    assert_int_equal(term_of(1), 1);
}

/* Not everybody may be able to get them: a leader can seal two streams, so long that the pools of
 * those who have one of them have no place for the other. */
static void test_chain_leaves_batches_out_when_many_views_came_to_nothing(void **state)
{
    (void)state;
    cc_make_batch(0, 100, NULL, 0);
    const uint64_t view = cc.view;
    cc.view = view + TN_CHAIN_PATIENCE_VIEWS;
    struct line_block made = cc_build(BLOCK_MS);
    assert_int_equal(made.header.batches_count, 0);
    assert_int_equal(cc_judge(&made, true), TN_CHAIN_OK);
    free(made.body);
    cc.view = view + TN_CHAIN_PATIENCE_VIEWS - 1;
    made = cc_build(BLOCK_MS);
    assert_int_equal(made.header.batches_count, 1);
    free(made.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_CASE(test_chain_quorum_of_stalls_ends_a_term_at_exactly_its_head),
        CHAIN_CASE(test_chain_two_of_four_stalls_end_nothing),
        CHAIN_CASE(test_chain_stalls_for_a_head_that_moved_on_are_bad),
        CHAIN_CASE(test_chain_term_ends_once_on_a_chain_that_is_not_final),
        CHAIN_CASE(test_chain_one_block_ends_a_term_once),
        CHAIN_CASE(test_chain_term_ends_at_the_heads_sequence_and_digest),
        CHAIN_CASE(test_chain_leader_may_resign),
        CHAIN_CASE(test_chain_late_leaders_term_must_end),
        CHAIN_CASE(test_chain_refuses_a_batch_whose_last_block_is_too_old),
        CHAIN_CASE(test_chain_leaves_batches_out_when_many_views_came_to_nothing),
        CHAIN_CASE(test_chain_that_stood_still_ends_no_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
