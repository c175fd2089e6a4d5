/* When a market counts as silent, who is asked to say so, and what is gathered of others. */
#include "gossip_case.h"

enum { STALL_BYTES = 123 };

static struct tn_gossip_stall make_stall(uint16_t voter, const struct tn_gossip_head *head)
{
    struct tn_gossip_stall stall = {
        .kind = TN_PEER_STALL, .epoch = 5, .head = *head, .voter = voter};
    memset(stall.signature.bytes, voter + 1, sizeof(stall.signature.bytes));
    return stall;
}

static void put_stall(uint8_t out[STALL_BYTES], const struct tn_gossip_stall *stall)
{
    out[0] = stall->kind;
    tn_put_be(out + 1, stall->epoch, 8);
    tn_put_be(out + 9, stall->head.market, 4);
    tn_put_be(out + 13, stall->head.term, 4);
    tn_put_be(out + 17, stall->head.sequence, 8);
    memcpy(out + 25, stall->head.digest.bytes, 32);
    tn_put_be(out + 57, stall->voter, 2);
    memcpy(out + 59, stall->signature.bytes, 64);
}

static bool hear(uint16_t from, const struct tn_gossip_stall *stall)
{
    uint8_t message[STALL_BYTES];
    put_stall(message, stall);
    return tn_gossip_message(story.gossip, from, message, sizeof(message), story.now_us);
}

static void test_gossip_asks_for_a_stall_once_when_a_market_is_silent(void **state)
{
    (void)state;
    begin_story(0, 4);
    pass(STALL_US - 1);
    assert_int_equal(story.stalled_count, 0);
    assert_true(tn_gossip_next_us(story.gossip) <= story.now_us + 1);
    pass(1);
    assert_int_equal(story.stalled_count, 1);
    assert_int_equal(story.stalled.market, 1);
    assert_int_equal(story.stalled.term, 1);
    assert_int_equal(story.stalled.sequence, 0);
    pass(10 * STALL_US);
    assert_int_equal(story.stalled_count, 1);
    tn_gossip_stalls_again(story.gossip); /* the host could not sign */
    pass(0);
    assert_int_equal(story.stalled_count, 2);
    assert_int_equal(story.stalled.sequence, 0);
}

static void test_gossip_counts_silence_from_when_the_head_had_no_batch_after_it(void **state)
{
    (void)state;
    struct sealed chain[2];
    begin_story(0, 4);
    seal_chain(chain, 2, 10);
    pass(STALL_US - 1);
    assert_true(receive(1, &chain[0])); /* just in time */
    pass(10 * STALL_US);
    assert_int_equal(story.stalled_count, 0); /* held, if not final yet */
    struct tn_gossip_head head = head_of(&chain[0]);
    tn_gossip_final(story.gossip, &head, 1, story.now_us);
    pass(STALL_US - 1);
    assert_int_equal(story.stalled_count, 0);
    pass(1);
    assert_int_equal(story.stalled_count, 1);
    assert_int_equal(story.stalled.sequence, 1);
    assert_true(tn_hash_equal(&story.stalled.digest, &chain[0].digest));

    /* A term that ends is a new head as well, and names the new term. */
    tn_gossip_final(story.gossip, &head, 2, story.now_us);
    pass(STALL_US);
    assert_int_equal(story.stalled_count, 2);
    assert_int_equal(story.stalled.term, 2);
    assert_int_equal(story.stalled.sequence, 1);
    free_chain(chain, 2);
}

/* A leader who signed two batches for one place will not lead better: nobody waits for silence, and
 * its batches go into no block, which would move the head that the stalls name. */
static void test_gossip_asks_for_a_stall_at_once_when_a_leader_signed_two(void **state)
{
    (void)state;
    begin_story(0, 4);
    const struct tn_gossip_head before = {.market = 1};
    struct sealed forks[2];
    for (uint32_t i = 0; i < 2; i++)
        forks[i] = seal(&before, 1, 1, 10, 7 + i);
    assert_true(receive(1, &forks[0]));
    pass(1);
    assert_int_equal(story.stalled_count, 0);
    assert_false(tn_gossip_is_convicted(story.gossip, 1, 1));
    assert_true(receive(2, &forks[1]));
    assert_true(tn_gossip_is_convicted(story.gossip, 1, 1));
    assert_true(tn_gossip_next_us(story.gossip) <= story.now_us);
    pass(0);
    assert_int_equal(story.stalled_count, 1); /* of the head that both extend */
    assert_int_equal(story.stalled.sequence, 0);
    pass(STALL_US);
    assert_int_equal(story.stalled_count, 1);

    /* Some block had one of them all the same: the term is to end at the new head. */
    const struct tn_gossip_head after = head_of(&forks[1]);
    tn_gossip_final(story.gossip, &after, 1, story.now_us);
    pass(0);
    assert_int_equal(story.stalled_count, 2);
    assert_int_equal(story.stalled.sequence, 1);

    /* The next leader is not to blame. */
    tn_gossip_final(story.gossip, &after, 2, story.now_us);
    assert_false(tn_gossip_is_convicted(story.gossip, 1, 1));
    assert_false(tn_gossip_is_convicted(story.gossip, 1, 2));
    pass(STALL_US - 1);
    assert_int_equal(story.stalled_count, 2);
    free_chain(forks, 2);
}

/* Its next two, of a term that it may lead one day, do not take the place of this term's. */
static void test_gossip_does_not_forget_that_a_leader_signed_two_by_two_of_a_later_term(
    void **state)
{
    (void)state;
    struct sealed forks[4];
    struct tn_gossip_head head = {.market = 1};
    begin_story(0, 4);
    for (uint32_t i = 0; i < 4; i++) {
        forks[i] = seal(&head, i < 2 ? 1 : 5, 1, 20, i);
        if (i >= 2) assert_true(tn_gossip_want(story.gossip, &forks[i].digest, 1, story.now_us));
        assert_true(receive(1, &forks[i]));
    }
    assert_int_equal(story.conflicts_count, 2); /* evidence is told of both */
    assert_true(tn_gossip_is_convicted(story.gossip, 1, 1));
    free_chain(forks, 4);
}

static void test_gossip_gathers_stalls_for_exactly_one_head(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1, .term = 1}, other = head;
    struct tn_gossip_stall held[4];
    uint64_t weight;
    bool resigned;
    begin_story(0, 4);
    other.digest.bytes[0] = 1;
    struct tn_gossip_stall own = make_stall(0, &head), two = make_stall(2, &head),
                           three = make_stall(3, &other);
    tn_gossip_add_stall(story.gossip, &own, story.now_us);
    assert_true(hear(2, &two) && hear(2, &two) && hear(3, &three));
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 5, held, 4, &weight, &resigned), 2);
    assert_int_equal(weight, 10 + 12);
    assert_false(resigned);
    assert_int_equal(held[0].voter, 0);
    assert_int_equal(held[1].voter, 2);
    assert_memory_equal(held[1].signature.bytes, two.signature.bytes, 64);
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 6, held, 4, &weight, &resigned), 0);
    assert_int_equal(weight, 0);
    three = make_stall(3, &head); /* its newest counts */
    assert_true(hear(3, &three));
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 5, held, 4, &weight, &resigned), 3);
    assert_int_equal(weight, 10 + 12 + 13);
}

/* Each new one costs a signature, and a voter may sign as many as it likes. */
static void test_gossip_looks_at_so_many_new_stalls_of_a_peer_in_a_second(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1, .term = 1};
    struct tn_gossip_stall stall;
    begin_story(0, 4);
    for (uint32_t i = 0; i < 300; i++) {
        tn_put_be(head.digest.bytes, i + 1, 4);
        stall = make_stall(2, &head);
        assert_true(hear(2, &stall)); /* no fault of its link */
    }
    assert_int_equal(story.stalls_judged, 192);
    stall = make_stall(3, &head);
    assert_true(hear(3, &stall)); /* another's are looked at all the same */
    assert_int_equal(story.stalls_judged, 193);
    story.now_us += 1000000;
    stall = make_stall(2, &head);
    assert_true(hear(2, &stall) && hear(2, &stall)); /* the same again costs nothing */
    assert_int_equal(story.stalls_judged, 194);
}

static void test_gossip_takes_a_stall_from_its_voters_link_only(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1, .term = 1};
    struct tn_gossip_stall held[4], stall = make_stall(2, &head);
    uint64_t weight;
    bool resigned;
    begin_story(0, 4);
    assert_false(hear(3, &stall));
    story.stall_answer = TN_GOSSIP_BAD;
    assert_false(hear(2, &stall));
    story.stall_answer = TN_GOSSIP_LATER;
    assert_true(hear(2, &stall));
    assert_int_equal(counted(TN_GOSSIP_COUNT_STALL_DROPPED), 3);
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 5, held, 4, &weight, &resigned), 0);
}

static void test_gossip_sends_its_stall_again_while_the_market_is_silent(void **state)
{
    (void)state;
    struct sealed chain[1];
    struct tn_gossip_head head = {.market = 1, .term = 1};
    struct tn_gossip_stall own = make_stall(0, &head);
    uint8_t expected[STALL_BYTES];
    begin_story(0, 4);
    seal_chain(chain, 1, 10);
    put_stall(expected, &own);
    tn_gossip_add_stall(story.gossip, &own, story.now_us);
    assert_int_equal(last_sent(TN_PEER_STALL)->to, TN_PEER_ALL);
    assert_int_equal(last_sent(TN_PEER_STALL)->size, STALL_BYTES);
    assert_memory_equal(last_sent(TN_PEER_STALL)->bytes, expected, STALL_BYTES);
    pass(50000);
    pass(50000);
    assert_int_equal(sent_of(TN_PEER_STALL), 3);
    assert_true(receive(1, &chain[0])); /* its leader speaks again */
    pass(50000);
    assert_int_equal(sent_of(TN_PEER_STALL), 3);
    head = head_of(&chain[0]);
    tn_gossip_final(story.gossip, &head, 1, story.now_us); /* silent again, at another head */
    pass(50000);
    assert_int_equal(sent_of(TN_PEER_STALL), 3);
    free_chain(chain, 1);
}

static void test_gossip_lets_a_resignation_stand_for_the_quorum(void **state)
{
    (void)state;
    struct tn_gossip_head head = {.market = 1, .term = 1};
    struct tn_gossip_stall held[4], resign = make_stall(1, &head);
    uint64_t weight;
    bool resigned;
    begin_story(0, 4);
    resign.kind = TN_PEER_RESIGN;
    assert_true(hear(1, &resign));
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 5, held, 4, &weight, &resigned), 1);
    assert_true(resigned);
    assert_int_equal(held[0].kind, TN_PEER_RESIGN);
    assert_int_equal(held[0].voter, 1);
    tn_gossip_set_peers(story.gossip, 0, 4); /* another epoch */
    assert_int_equal(tn_gossip_stalls(story.gossip, &head, 5, held, 4, &weight, &resigned), 0);
    assert_false(resigned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gossip_asks_for_a_stall_once_when_a_market_is_silent),
        cmocka_unit_test(test_gossip_counts_silence_from_when_the_head_had_no_batch_after_it),
        cmocka_unit_test(test_gossip_asks_for_a_stall_at_once_when_a_leader_signed_two),
        cmocka_unit_test(
            test_gossip_does_not_forget_that_a_leader_signed_two_by_two_of_a_later_term),
        cmocka_unit_test(test_gossip_gathers_stalls_for_exactly_one_head),
        cmocka_unit_test(test_gossip_looks_at_so_many_new_stalls_of_a_peer_in_a_second),
        cmocka_unit_test(test_gossip_takes_a_stall_from_its_voters_link_only),
        cmocka_unit_test(test_gossip_sends_its_stall_again_while_the_market_is_silent),
        cmocka_unit_test(test_gossip_lets_a_resignation_stand_for_the_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
