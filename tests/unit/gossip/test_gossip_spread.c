/* Who is told of a batch, what is asked of whom and how often, and who is answered. */
#include "gossip_case.h"

static void put_announce(uint8_t out[49], const struct sealed *sealed)
{
    out[0] = TN_PEER_ANNOUNCE;
    memcpy(out + 1, sealed->digest.bytes, 32);
    tn_put_be(out + 33, sealed->header.market, 4);
    tn_put_be(out + 37, sealed->header.term, 4);
    tn_put_be(out + 41, sealed->header.sequence, 8);
}

static bool announce(uint16_t from, const struct sealed *sealed)
{
    uint8_t message[49];
    put_announce(message, sealed);
    return tn_gossip_message(story.gossip, from, message, sizeof(message), story.now_us);
}

static bool claim(uint16_t from, const struct sealed *sealed)
{
    uint8_t message[50] = {TN_PEER_HEADS, 1};
    tn_put_be(message + 2, sealed->header.market, 4);
    tn_put_be(message + 6, sealed->header.term, 4);
    tn_put_be(message + 10, sealed->header.sequence, 8);
    memcpy(message + 18, sealed->digest.bytes, 32);
    return tn_gossip_message(story.gossip, from, message, sizeof(message), story.now_us);
}

static bool ask_range(uint16_t from, uint64_t first, uint64_t mask)
{
    uint8_t message[26] = {TN_PEER_BATCH_FETCH, 2};
    tn_put_be(message + 2, 1, 4);
    tn_put_be(message + 6, 1, 4);
    tn_put_be(message + 10, first, 8);
    tn_put_be(message + 18, mask, 8);
    return tn_gossip_message(story.gossip, from, message, sizeof(message), story.now_us);
}

static bool add_own(const struct sealed *sealed)
{
    return tn_gossip_add_own(story.gossip, &sealed->signature, sealed->body, sealed->body_size,
                             story.now_us);
}

static void test_gossip_pushes_its_own_batch_to_everybody_in_a_small_set(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(1, 16);
    seal_chain(chain, 1, 100);
    assert_true(add_own(&chain[0]));
    assert_int_equal(story.sent_count, 1);
    assert_int_equal(story.sent[0].kind, TN_PEER_BATCH);
    assert_int_equal(story.sent[0].to, TN_PEER_ALL);
    assert_int_equal(story.sent[0].size, chain[0].size);
    assert_memory_equal(story.sent[0].bytes, chain[0].message, sizeof(story.sent[0].bytes));
    assert_true(add_own(&chain[0])); /* again, as after a restart: held */
    assert_int_equal(story.sent_count, 1);
    free_chain(chain, 1);
}

static void test_gossip_pushes_to_the_square_root_of_a_large_set_and_announces_to_the_rest(
    void **state)
{
    (void)state;
    struct sealed chain[1];
    bool told[31] = {false};
    begin_story(1, 31);
    seal_chain(chain, 1, 100);
    assert_true(add_own(&chain[0]));
    assert_int_equal(sent_of(TN_PEER_BATCH), 6);
    assert_int_equal(sent_of(TN_PEER_ANNOUNCE), 24);
    for (uint32_t i = 0; i < story.sent_count; i++) {
        assert_true(story.sent[i].to < 31 && story.sent[i].to != 1 && !told[story.sent[i].to]);
        told[story.sent[i].to] = true;
    }
    uint8_t expected[49];
    put_announce(expected, &chain[0]);
    assert_memory_equal(last_sent(TN_PEER_ANNOUNCE)->bytes, expected, sizeof(expected));
    free_chain(chain, 1);
}

static void test_gossip_relays_push_to_disjoint_shares_that_leave_nobody_out(void **state)
{
    (void)state;
    struct sealed chain[1];
    uint32_t times[31] = {0};
    setup_keys();
    seal_chain(chain, 1, 100);
    for (uint16_t self = 0; self < 31; self++) {
        if (self == 1) continue;
        begin_story(self, 31);
        assert_true(receive(1, &chain[0]));
        for (uint32_t i = 0; i < story.sent_count; i++)
            times[story.sent[i].to]++;
    }
    uint32_t reached = 0;
    for (uint32_t i = 0; i < 31; i++) {
        assert_true(times[i] <= 1);
        reached += times[i];
    }
    assert_int_equal(reached, 24); /* all but the leader and its six relays */
    free_chain(chain, 1);
}

static void test_gossip_fetches_an_announced_batch_that_nobody_pushed(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 31);
    seal_chain(chain, 1, 100);
    assert_true(announce(1, &chain[0]));
    pass(4999);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 0);
    pass(1);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 1);
    const struct sent *fetch = last_sent(TN_PEER_BATCH_FETCH);
    assert_int_equal(fetch->to, 1);
    assert_int_equal(fetch->size, 3 + 32);
    assert_int_equal(fetch->bytes[1], 1);
    assert_int_equal(fetch->bytes[2], 1);
    assert_memory_equal(fetch->bytes + 3, chain[0].digest.bytes, 32);
    assert_true(receive(1, &chain[0]));
    pass(1000000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 1); /* it came */
    free_chain(chain, 1);
}

static void test_gossip_asks_only_the_announcer_and_gives_up_what_it_does_not_serve(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 31);
    seal_chain(chain, 1, 100);
    assert_true(announce(7, &chain[0]));
    pass(5000);
    pass(20000);
    pass(40000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 3);
    pass(80000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 3);
    assert_int_equal(counted(TN_GOSSIP_COUNT_GIVEN_UP), 1);
    for (uint32_t i = 0; i < story.sent_count; i++)
        assert_true(story.sent[i].kind != TN_PEER_BATCH_FETCH || story.sent[i].to == 7);
    free_chain(chain, 1);
}

static void test_gossip_lets_no_peer_fill_the_list_of_wants(void **state)
{
    (void)state;
    struct sealed made[8];
    struct tn_gossip_head head = {.market = 1};
    begin_story(0, 31);
    for (uint64_t i = 0; i < 8; i++) {
        made[i] = seal(&head, 1, 1, 10, 100 + i);
        assert_true(announce(7, &made[i]));
    }
    assert_int_equal(counted(TN_GOSSIP_COUNT_WANTS_FULL), 5);
    assert_true(announce(8, &made[7])); /* another's share */
    assert_int_equal(counted(TN_GOSSIP_COUNT_WANTS_FULL), 5);
    free_chain(made, 8);
}

static void test_gossip_never_gives_up_what_a_block_needs(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 4);
    seal_chain(chain, 1, 100);
    assert_true(tn_gossip_want(story.gossip, &chain[0].digest, 3, story.now_us));
    assert_true(tn_gossip_next_us(story.gossip) <= story.now_us);
    pass(0);
    assert_int_equal(last_sent(TN_PEER_BATCH_FETCH)->to, 3);
    bool asked[4] = {false};
    for (uint32_t i = 0; i < 40; i++) {
        pass(320000);
        asked[last_sent(TN_PEER_BATCH_FETCH)->to] = true;
    }
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 41);
    assert_true(asked[1] && asked[2] && asked[3] && !asked[0]);
    tn_gossip_unwant(story.gossip, &chain[0].digest);
    pass(1000000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 41);
    free_chain(chain, 1);
}

/* A hostile proposer names batches that nobody has, block after block. */
static void test_gossip_made_up_digests_leave_room_for_what_a_block_needs(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 4);
    seal_chain(chain, 1, 100);
    for (uint32_t i = 0; i < 20; i++) {
        struct tn_hash made_up = {{1, (uint8_t)i}};
        assert_true(tn_gossip_want(story.gossip, &made_up, 2, story.now_us));
        pass(1000);
    }
    assert_true(tn_gossip_want(story.gossip, &chain[0].digest, 3, story.now_us));
    const uint32_t asked = sent_of(TN_PEER_BATCH_FETCH);
    pass(0);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), asked + 1);
    assert_int_equal(last_sent(TN_PEER_BATCH_FETCH)->to, 3);
    assert_true(receive(3, &chain[0]));
    struct tn_gossip_batch held;
    assert_true(tn_gossip_find(story.gossip, &chain[0].digest, &held));
    /* Nobody names the others any more. */
    for (uint32_t i = 0; i < 70; i++)
        pass(1000000);
    const uint32_t in_all = sent_of(TN_PEER_BATCH_FETCH);
    pass(1000000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), in_all);
    free_chain(chain, 1);
}

static void test_gossip_asks_a_peer_that_is_ahead_for_the_range_it_lacks(void **state)
{
    (void)state;
    struct sealed chain[6];
    begin_story(0, 4);
    seal_chain(chain, 6, 100);
    assert_true(receive(1, &chain[0]));
    assert_true(receive(1, &chain[3]));
    assert_true(claim(2, &chain[5]));
    pass(4000);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 0); /* it may be under way */
    pass(1000);
    const struct sent *fetch = last_sent(TN_PEER_BATCH_FETCH);
    assert_int_equal(fetch->to, 2);
    assert_int_equal(fetch->size, 26);
    assert_int_equal(fetch->bytes[1], 2);
    assert_int_equal(tn_get_be(fetch->bytes + 10, 8), 2);
    assert_int_equal(tn_get_be(fetch->bytes + 18, 8), 0x1b); /* 2, 3, 5 and 6; 4 is held */
    assert_true(receive(2, &chain[1]));
    assert_true(receive(2, &chain[2]));
    assert_int_equal(contiguous_sequence(1), 4);
    pass(19999);
    assert_int_equal(sent_of(TN_PEER_BATCH_FETCH), 1); /* one question at a time */
    pass(1);
    fetch = last_sent(TN_PEER_BATCH_FETCH);
    assert_int_equal(fetch->to, 2);
    assert_int_equal(tn_get_be(fetch->bytes + 10, 8), 5);
    assert_int_equal(tn_get_be(fetch->bytes + 18, 8), 3);
    assert_true(claim(3, &chain[5]));
    pass(20000);
    assert_int_equal(last_sent(TN_PEER_BATCH_FETCH)->to, 3); /* 2 did not answer */
    free_chain(chain, 6);
}

static void test_gossip_serves_ranges_and_digests_and_what_is_only_in_the_log(void **state)
{
    (void)state;
    struct sealed chain[3];
    begin_story(0, 4);
    seal_chain(chain, 3, 100);
    assert_true(receive(1, &chain[0]));
    assert_true(receive(1, &chain[1]));
    story.sent_count = 0;
    assert_true(ask_range(3, 1, 0x1f));
    assert_int_equal(sent_of(TN_PEER_BATCH), 2);
    assert_int_equal(story.sent[1].to, 3);
    assert_memory_equal(story.sent[1].bytes, chain[1].message, sizeof(story.sent[1].bytes));
    story.stored = &chain[2];
    uint8_t message[3 + 64] = {TN_PEER_BATCH_FETCH, 1, 2};
    memcpy(message + 3, chain[0].digest.bytes, 32);
    memcpy(message + 35, chain[2].digest.bytes, 32);
    assert_true(tn_gossip_message(story.gossip, 2, message, sizeof(message), story.now_us));
    assert_int_equal(sent_of(TN_PEER_BATCH), 4);
    assert_int_equal(counted(TN_GOSSIP_COUNT_SERVED), 4);
    free_chain(chain, 3);
}

static void test_gossip_answers_fifty_fetches_a_second_and_so_many_bytes(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 4);
    seal_chain(chain, 1, 20);
    assert_true(receive(1, &chain[0]));
    for (uint32_t i = 0; i < 60; i++)
        assert_true(ask_range(3, 1, 1));
    assert_int_equal(sent_of(TN_PEER_BATCH), 50);
    assert_int_equal(counted(TN_GOSSIP_COUNT_FETCH_REFUSED), 10);
    assert_true(ask_range(2, 1, 1)); /* another peer has its own */
    assert_int_equal(sent_of(TN_PEER_BATCH), 51);

    struct tn_gossip_limits limits = story_limits;
    limits.serve_bytes = 1000;
    begin_story_with(&limits, 0, 4);
    assert_true(receive(1, &chain[0]));
    for (uint32_t i = 0; i < 10; i++)
        assert_true(ask_range(3, 1, 1));
    assert_int_equal(sent_of(TN_PEER_BATCH), 1000 / chain[0].size);
    free_chain(chain, 1);
}

static void test_gossip_tells_its_heads_at_each_interval_and_to_a_link_that_comes_up(void **state)
{
    (void)state;
    struct sealed chain[1];
    begin_story(0, 4);
    seal_chain(chain, 1, 20);
    assert_true(receive(1, &chain[0]));
    pass(0);
    assert_int_equal(sent_of(TN_PEER_HEADS), 1);
    const struct sent *heads = last_sent(TN_PEER_HEADS);
    assert_int_equal(heads->to, TN_PEER_ALL);
    assert_int_equal(heads->size, 50);
    assert_int_equal(tn_get_be(heads->bytes + 10, 8), 1);
    assert_memory_equal(heads->bytes + 18, chain[0].digest.bytes, 32);
    pass(49999);
    assert_int_equal(sent_of(TN_PEER_HEADS), 1);
    pass(1);
    assert_int_equal(sent_of(TN_PEER_HEADS), 2);
    tn_gossip_peer_up(story.gossip, 2, story.now_us);
    assert_int_equal(last_sent(TN_PEER_HEADS)->to, 2);
    free_chain(chain, 1);
}

static void test_gossip_calls_small_messages_of_another_length_malformed(void **state)
{
    (void)state;
    const uint8_t kinds[] = {TN_PEER_ANNOUNCE, TN_PEER_BATCH_FETCH, TN_PEER_HEADS, TN_PEER_STALL,
                             TN_PEER_RESIGN};
    const size_t right[] = {49, 0, 2, 123, 123}; /* a fetch of zeros is never right */
    uint8_t message[200] = {0};
    begin_story(0, 4);
    for (uint32_t i = 0; i < 5; i++) {
        message[0] = kinds[i];
        for (size_t size = 1; size < sizeof(message); size++) {
            if (size == right[i]) continue;
            assert_false(tn_gossip_message(story.gossip, 1, message, size, story.now_us));
        }
    }
    message[0] = TN_PEER_VOTE; /* not gossip's */
    assert_false(tn_gossip_message(story.gossip, 1, message, 20, story.now_us));
    assert_false(tn_gossip_message(story.gossip, 1, message, 0, story.now_us));
    assert_int_equal(story.sent_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gossip_pushes_its_own_batch_to_everybody_in_a_small_set),
        cmocka_unit_test(
            test_gossip_pushes_to_the_square_root_of_a_large_set_and_announces_to_the_rest),
        cmocka_unit_test(test_gossip_relays_push_to_disjoint_shares_that_leave_nobody_out),
        cmocka_unit_test(test_gossip_fetches_an_announced_batch_that_nobody_pushed),
        cmocka_unit_test(test_gossip_asks_only_the_announcer_and_gives_up_what_it_does_not_serve),
        cmocka_unit_test(test_gossip_lets_no_peer_fill_the_list_of_wants),
        cmocka_unit_test(test_gossip_never_gives_up_what_a_block_needs),
        cmocka_unit_test(test_gossip_made_up_digests_leave_room_for_what_a_block_needs),
        cmocka_unit_test(test_gossip_asks_a_peer_that_is_ahead_for_the_range_it_lacks),
        cmocka_unit_test(test_gossip_serves_ranges_and_digests_and_what_is_only_in_the_log),
        cmocka_unit_test(test_gossip_answers_fifty_fetches_a_second_and_so_many_bytes),
        cmocka_unit_test(test_gossip_tells_its_heads_at_each_interval_and_to_a_link_that_comes_up),
        cmocka_unit_test(test_gossip_calls_small_messages_of_another_length_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
