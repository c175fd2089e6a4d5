/* What a pool takes, what it refuses, what it keeps and for how long. */
#include "gossip_case.h"

static void test_gossip_keeps_a_signed_batch_and_finds_it_by_digest(void **state)
{
    (void)state;
    struct sealed chain[3];
    begin_story(0, 4);
    seal_chain(chain, 3, 100);
    assert_true(receive(1, &chain[0]));
    assert_true(holds(&chain[0]));
    assert_int_equal(story.arrived_count, 1);
    assert_true(receive(2, &chain[2])); /* ahead: kept, not contiguous */
    assert_int_equal(contiguous_sequence(1), 1);
    assert_true(receive(1, &chain[1]));
    assert_int_equal(contiguous_sequence(1), 3);
    assert_true(receive(3, &chain[1]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_DUPLICATE), 1);
    assert_int_equal(story.arrived_count, 3);
    free_chain(chain, 3);
}

static void test_gossip_gives_the_batches_that_extend_a_head_in_order(void **state)
{
    (void)state;
    struct sealed chain[4];
    struct tn_gossip_batch batch;
    struct tn_gossip_head head = {.market = 1};
    begin_story(0, 4);
    seal_chain(chain, 4, 20);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(receive(1, &chain[3 - i]));
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(tn_gossip_next(story.gossip, &head, 1, &batch));
        assert_true(tn_hash_equal(&batch.digest, &chain[i].digest));
        head = head_of(&chain[i]);
    }
    assert_false(tn_gossip_next(story.gossip, &head, 1, &batch));
    head = head_of(&chain[0]);
    assert_false(tn_gossip_next(story.gossip, &head, 2, &batch)); /* not of that term */
    head.digest.bytes[0] ^= 1;
    assert_false(tn_gossip_next(story.gossip, &head, 1, &batch)); /* not on that batch */
    free_chain(chain, 4);
}

static void test_gossip_refuses_what_its_leader_did_not_sign(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 4);
    seal_chain(chain, 1, 100);
    chain[0].message[1] ^= 1;
    assert_false(receive(1, &chain[0]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_BAD_SIGNATURE), 1);
    chain[0].message[1] ^= 1;
    chain[0].message[chain[0].size - 1] ^= 1; /* an entry: the root covers it */
    story.refuse = true;                      /* as a host does that reads it */
    assert_false(receive(1, &chain[0]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_BAD_BODY), 1);
    chain[0].message[chain[0].size - 1] ^= 1;
    assert_false(
        tn_gossip_message(story.gossip, 1, chain[0].message, chain[0].size - 1, story.now_us));
    assert_int_equal(counted(TN_GOSSIP_COUNT_BAD_BODY), 2);
    assert_int_equal(counted(TN_GOSSIP_COUNT_REFUSED), 0);
    story.refuse = false;
    chain[0].message[TN_GOSSIP_BATCH_PREFIX + 5] ^= 1; /* the chain's id */
    assert_false(receive(1, &chain[0]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_WRONG_CHAIN), 1);
    for (size_t size = 0; size < TN_GOSSIP_BATCH_PREFIX + TN_BATCH_HEADER_BYTES; size++) {
        assert_false(tn_gossip_message(story.gossip, 1, chain[0].message, size, story.now_us));
    }
    assert_int_equal(counted(TN_GOSSIP_COUNT_ADDED), 0);
    assert_int_equal(story.arrived_count, 0);
    free_chain(chain, 1);
}

static void test_gossip_leaves_markets_and_terms_it_does_not_know(void **state)
{
    (void)state;
    struct tn_gossip_head heads[2] = {{.market = 5}, {.market = 1}};
    struct sealed strange = seal(&heads[0], 1, 1, 10, 0), later = seal(&heads[1], 12, 0, 10, 0);
    begin_story(0, 4);
    assert_true(receive(1, &strange));
    assert_true(receive(1, &later)); /* its leader could fill the pool for terms to come */
    assert_int_equal(counted(TN_GOSSIP_COUNT_UNKNOWN_LEADER), 1);
    assert_int_equal(counted(TN_GOSSIP_COUNT_OUTSIDE), 1);
    free_chain(&strange, 1);
    free_chain(&later, 1);
}

static void test_gossip_keeps_both_of_two_batches_for_one_place_and_tells_once(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1};
    struct tn_gossip_batch batch;
    struct sealed forks[4];
    begin_story(0, 4);
    for (uint64_t i = 0; i < 4; i++) {
        forks[i] = seal(&head, 1, 1, 30, i);
        if (i < 3) assert_true(receive(2, &forks[i]));
    }
    assert_true(holds(&forks[0]) && holds(&forks[1]));
    assert_false(holds(&forks[2]));
    assert_int_equal(story.conflicts_count, 1);
    assert_true(tn_hash_equal(&story.conflict[0], &forks[0].digest));
    assert_true(tn_hash_equal(&story.conflict[1], &forks[1].digest));
    assert_int_equal(counted(TN_GOSSIP_COUNT_CONFLICT_MORE), 1);
    assert_true(tn_gossip_next(story.gossip, &head, 1, &batch)); /* the first that came */
    assert_true(tn_hash_equal(&batch.digest, &forks[0].digest));
    assert_true(tn_gossip_want(story.gossip, &forks[3].digest, 2, story.now_us));
    assert_true(receive(2, &forks[3])); /* a block names it */
    assert_true(holds(&forks[3]));
    assert_int_equal(story.conflicts_count, 1);

    /* The block with the fourth is final: what follows it counts, the others do not. */
    struct tn_gossip_head final = head_of(&forks[3]);
    struct sealed next = seal(&final, 1, 1, 30, 9);
    assert_true(receive(1, &next));
    assert_int_equal(contiguous_sequence(1), 1);
    tn_gossip_final(story.gossip, &final, 1, story.now_us);
    assert_int_equal(contiguous_sequence(1), 2);
    free_chain(forks, 4);
    free_chain(&next, 1);
}

static void test_gossip_takes_nothing_below_the_head_or_beyond_the_window(void **state)
{
    (void)state;
    struct tn_gossip_head far = {.market = 1, .sequence = 64}; /* its batch is the 65th */
    struct sealed beyond = seal(&far, 1, 1, 10, 0), chain[2];
    begin_story(0, 4);
    assert_true(receive(1, &beyond));
    assert_int_equal(counted(TN_GOSSIP_COUNT_OUTSIDE), 1);
    seal_chain(chain, 2, 10);
    struct tn_gossip_head head = head_of(&chain[1]);
    tn_gossip_final(story.gossip, &head, 1, story.now_us);
    assert_true(receive(1, &chain[0]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_OUTSIDE), 2);
    assert_true(receive(1, &beyond)); /* the window has moved */
    assert_true(holds(&beyond));
    assert_true(tn_gossip_want(story.gossip, &chain[0].digest, 1, story.now_us));
    assert_true(receive(1, &chain[0])); /* an old one that a block needs */
    assert_true(holds(&chain[0]));
    free_chain(chain, 2);
    free_chain(&beyond, 1);
}

/* A leader floods the market with batches that extend nothing; the missing one still finds room,
 * and another market's memory is not touched. */
static void test_gossip_bounds_a_leader_that_floods_its_market(void **state)
{
    (void)state;
    struct sealed flood[60];
    begin_story(0, 4);
    tn_gossip_final(story.gossip, &(struct tn_gossip_head){.market = 2}, 1, story.now_us);
    struct tn_gossip_head head = {.market = 1};
    for (uint32_t i = 0; i < 60; i++) {
        flood[i] = seal(&head, 1, 1, 400, i);
        head = head_of(&flood[i]);
        if (i > 0) assert_true(receive(1, &flood[i]));
    }
    uint64_t added = counted(TN_GOSSIP_COUNT_ADDED);
    assert_int_equal(added, 16384 / 2 / flood[0].size);
    assert_int_equal(counted(TN_GOSSIP_COUNT_POOL_FULL), 59 - added);
    assert_true(receive(1, &flood[0]));
    assert_int_equal(contiguous_sequence(1), 1 + added);
    for (uint32_t i = (uint32_t)added + 1; i < 60; i++)
        assert_true(receive(1, &flood[i])); /* those that extend may take the rest */
    assert_int_equal(counted(TN_GOSSIP_COUNT_ADDED), 16384 / flood[0].size);
    struct tn_gossip_head other_head = {.market = 2};
    struct sealed other = seal(&other_head, 1, 1, 400, 0);
    assert_true(receive(1, &other));
    assert_true(holds(&other));
    free_chain(flood, 60);
    free_chain(&other, 1);
}

/* A validator signs today what it may lead in many terms: such batches never die, so they must not
 * come in because a peer announced them under another place. */
static void test_gossip_takes_no_batch_of_far_terms_because_it_was_announced(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1};
    struct sealed far = seal(&head, 9, 1, 10, 0);
    uint8_t message[49] = {TN_PEER_ANNOUNCE};
    begin_story(0, 4);
    memcpy(message + 1, far.digest.bytes, 32);
    tn_put_be(message + 33, 1, 4); /* the present term's first */
    tn_put_be(message + 37, 1, 4);
    tn_put_be(message + 41, 1, 8);
    assert_true(tn_gossip_message(story.gossip, 3, message, sizeof(message), story.now_us));
    assert_true(receive(3, &far));
    assert_int_equal(counted(TN_GOSSIP_COUNT_OUTSIDE), 1);
    assert_false(holds(&far));
    free_chain(&far, 1);
}

/* What blocks that nobody votes for have named may fill the pool, but not for good. */
static void test_gossip_lets_go_of_far_batches_that_only_a_block_had_named(void **state)
{
    (void)state;
    struct sealed far[40], chain[33];
    struct tn_gossip_head head = {.market = 1};
    begin_story(0, 4);
    for (uint32_t i = 0; i < 40; i++) {
        far[i] = seal(&head, 9, 1, 100, i);
        head = head_of(&far[i]);
        assert_true(tn_gossip_want(story.gossip, &far[i].digest, 1, story.now_us));
        assert_true(receive(1, &far[i]));
        assert_true(holds(&far[i]));
    }
    assert_int_equal(counted(TN_GOSSIP_COUNT_EVICTED), 8); /* 32 records; each makes room */
    seal_chain(chain, 33, 100);
    for (uint32_t i = 0; i < 32; i++)
        assert_true(receive(1, &chain[i]));
    assert_int_equal(contiguous_sequence(1), 32);
    assert_int_equal(counted(TN_GOSSIP_COUNT_EVICTED), 40);
    assert_true(receive(1, &chain[32])); /* none of those is displaced */
    assert_int_equal(counted(TN_GOSSIP_COUNT_POOL_FULL), 1);
    assert_true(holds(&chain[0]));
    free_chain(far, 40);
    free_chain(chain, 33);
}

static void test_gossip_keeps_final_batches_until_a_checkpoint_covers_them(void **state)
{
    (void)state;
    struct sealed chain[6];
    begin_story(0, 4);
    seal_chain(chain, 6, 100);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(receive(1, &chain[i]));
    struct tn_gossip_head head = head_of(&chain[3]);
    tn_gossip_final(story.gossip, &head, 1, story.now_us);
    assert_int_equal(counted(TN_GOSSIP_COUNT_PRUNED), 0);
    tn_gossip_covered(story.gossip, 1, 2);
    assert_false(holds(&chain[0]) || holds(&chain[1]));
    assert_true(holds(&chain[2]) && holds(&chain[3]) && holds(&chain[4]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_PRUNED), 2);
    assert_int_equal(contiguous_sequence(1), 5);
    assert_true(receive(1, &chain[5]));
    assert_int_equal(contiguous_sequence(1), 6);
    free_chain(chain, 6);
}

static void test_gossip_lets_go_of_the_batches_of_a_term_that_ended(void **state)
{
    (void)state;
    enum { LENGTH = 20 };
    struct sealed chain[LENGTH];
    begin_story(0, 4);
    seal_chain(chain, LENGTH, 100);
    for (uint32_t i = 0; i < LENGTH; i++)
        assert_true(receive(1, &chain[i]));
    struct tn_gossip_head head = head_of(&chain[0]);
    tn_gossip_final(story.gossip, &head, 2, story.now_us); /* the block also ended term 1 */
    assert_true(holds(&chain[0]) && holds(&chain[1]));     /* the final one is still served */
    tn_gossip_covered(story.gossip, 1, 1);
    for (uint32_t i = 0; i < LENGTH; i++)
        assert_false(holds(&chain[i]));
    struct sealed next = seal(&head, 2, 2, 100, 0);
    struct tn_gossip_head after = head_of(&next);
    struct sealed ahead = seal(&after, 2, 2, 100, 0);
    assert_true(receive(2, &ahead)); /* the dead ones no longer count against it */
    assert_true(holds(&ahead));
    assert_true(receive(2, &next));
    assert_int_equal(contiguous_sequence(1), 3);
    assert_true(receive(1, &chain[1])); /* of the old term */
    assert_false(holds(&chain[1]));
    assert_int_equal(counted(TN_GOSSIP_COUNT_OUTSIDE), 1);
    free_chain(chain, LENGTH);
    free_chain(&next, 1);
    free_chain(&ahead, 1);
}

static void test_gossip_gives_up_final_batches_first_when_there_is_no_room(void **state)
{
    (void)state;
    struct sealed chain[40];
    begin_story(0, 4);
    seal_chain(chain, 40, 100);
    for (uint32_t i = 0; i < 36; i++) {
        assert_true(receive(1, &chain[i]));
        struct tn_gossip_head head = head_of(&chain[i]);
        if (i % 4 == 3) tn_gossip_final(story.gossip, &head, 1, story.now_us);
    }
    assert_int_equal(counted(TN_GOSSIP_COUNT_POOL_FULL), 0);
    assert_int_equal(counted(TN_GOSSIP_COUNT_EVICTED), 4); /* 32 records of 36 */
    assert_false(holds(&chain[3]));
    assert_true(holds(&chain[4]));
    assert_true(receive(1, &chain[38])); /* final ones do not count against one from ahead */
    assert_true(holds(&chain[38]));
    free_chain(chain, 40);
}

static void test_gossip_never_extends_a_batch_that_cannot_be_applied(void **state)
{
    (void)state;
    struct sealed chain[2];
    struct tn_gossip_batch batch;
    begin_story(0, 4);
    seal_chain(chain, 2, 100);
    story.refuse = true;
    assert_true(receive(1, &chain[0]));
    story.refuse = false;
    assert_true(receive(1, &chain[1]));
    assert_int_equal(contiguous_sequence(1), 0);
    assert_int_equal(counted(TN_GOSSIP_COUNT_REFUSED), 1);
    assert_true(tn_gossip_find(story.gossip, &chain[0].digest, &batch) && batch.refused);
    pass(STALL_US);
    assert_int_equal(story.stalled_count, 1); /* holding it is not holding a valid one */
    free_chain(chain, 2);
}

/* Random batches, final heads and checkpoints: memory is what the limits say, what is held is
 * found, and the arena's rings never mix two bodies. */
static void test_gossip_pool_holds_what_it_says_after_many_turns(void **state)
{
    (void)state;
    enum { LENGTH = 400 };
    static struct sealed chain[LENGTH];
    uint64_t random = 99;
    uint32_t final = 0, at = 0;
    begin_story(0, 4);
    struct tn_gossip_head head = {.market = 1};
    for (uint32_t i = 0; i < LENGTH; i++) {
        chain[i] = seal(&head, 1, 1, 1 + (uint32_t)tn_random_below(&random, 900), i);
        head = head_of(&chain[i]);
    }
    while (at < LENGTH) {
        uint32_t pick = at + (uint32_t)tn_random_below(&random, 6);
        if (pick < LENGTH) receive(1, &chain[pick]);
        while (at < LENGTH && holds(&chain[at]))
            at++;
        if (contiguous_sequence(1) > final && tn_random_below(&random, 3) == 0) {
            final = (uint32_t)contiguous_sequence(1);
            head = head_of(&chain[final - 1]);
            tn_gossip_final(story.gossip, &head, 1, story.now_us);
            at = final;
            if (final > 6) tn_gossip_covered(story.gossip, 1, final - 6);
        }
        struct tn_gossip_batch batch;
        for (uint32_t i = final; i < final + 12 && i < LENGTH; i++) {
            if (tn_gossip_find(story.gossip, &chain[i].digest, &batch)) holds(&chain[i]);
        }
    }
    assert_int_equal(contiguous_sequence(1), LENGTH);
    assert_true(counted(TN_GOSSIP_COUNT_PRUNED) + counted(TN_GOSSIP_COUNT_EVICTED) > LENGTH - 50);
    free_chain(chain, LENGTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gossip_keeps_a_signed_batch_and_finds_it_by_digest),
        cmocka_unit_test(test_gossip_gives_the_batches_that_extend_a_head_in_order),
        cmocka_unit_test(test_gossip_refuses_what_its_leader_did_not_sign),
        cmocka_unit_test(test_gossip_leaves_markets_and_terms_it_does_not_know),
        cmocka_unit_test(test_gossip_keeps_both_of_two_batches_for_one_place_and_tells_once),
        cmocka_unit_test(test_gossip_takes_nothing_below_the_head_or_beyond_the_window),
        cmocka_unit_test(test_gossip_bounds_a_leader_that_floods_its_market),
        cmocka_unit_test(test_gossip_takes_no_batch_of_far_terms_because_it_was_announced),
        cmocka_unit_test(test_gossip_lets_go_of_far_batches_that_only_a_block_had_named),
        cmocka_unit_test(test_gossip_keeps_final_batches_until_a_checkpoint_covers_them),
        cmocka_unit_test(test_gossip_lets_go_of_the_batches_of_a_term_that_ended),
        cmocka_unit_test(test_gossip_gives_up_final_batches_first_when_there_is_no_room),
        cmocka_unit_test(test_gossip_never_extends_a_batch_that_cannot_be_applied),
        cmocka_unit_test(test_gossip_pool_holds_what_it_says_after_many_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
