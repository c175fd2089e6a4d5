/* The simulated network and the pair: the same seed gives the same story, and faults do what they
 * say. */
#include "link/sim.h"

#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NODES 4

static enum link_sent say(struct link *link, uint16_t to, enum tn_priority priority,
                          uint32_t number)
{
    uint8_t bytes[13] = {TN_PEER_VOTE};
    tn_put_be(bytes + 1, number, 4);
    return link_send(link, to, priority, bytes, sizeof bytes);
}

/* Mixes all events of a link into a digest; returns how many messages. */
static uint32_t drain(struct link *link, struct tn_digest *digest)
{
    struct link_event event;
    uint32_t messages = 0;
    for (link_poll(link, &event, 0); event.kind != LINK_NOTHING; link_poll(link, &event, 0)) {
        tn_digest_u64(digest, event.kind);
        tn_digest_u64(digest, event.peer);
        if (event.kind != LINK_MESSAGE) continue;
        tn_digest_u64(digest, tn_get_be(event.bytes + 1, 4));
        messages++;
    }
    return messages;
}

struct story {
    uint64_t digest;
    uint32_t sent, received;
};

static struct story run(uint64_t seed, const struct link_sim_faults *faults)
{
    struct link_sim *sim = link_sim_open(NODES, seed, 1 << 20);
    struct link *links[NODES];
    struct tn_digest digest = {0};
    struct story story = {0};
    assert_non_null(sim);
    for (uint16_t i = 0; i < NODES; i++)
        links[i] = link_sim_node(sim, i);
    for (uint16_t i = 0; i < NODES; i++)
        for (uint16_t j = 0; j < NODES; j++)
            if (i != j) link_sim_set_faults(sim, i, j, faults);
    for (uint32_t round = 0; round < 200; round++) {
        for (uint16_t i = 0; i < NODES; i++) {
            assert_int_equal(say(links[i], TN_PEER_ALL, TN_PRIORITY_VOTE, round), LINK_SENT);
            story.sent += NODES - 1;
        }
        link_sim_run(sim, (int64_t)round * 1000);
        for (uint16_t i = 0; i < NODES; i++)
            story.received += drain(links[i], &digest);
    }
    link_sim_run(sim, 10000000);
    assert_true(link_sim_next_us(sim) == INT64_MAX);
    for (uint16_t i = 0; i < NODES; i++)
        story.received += drain(links[i], &digest);
    for (uint16_t i = 0; i < NODES; i++)
        link_close(links[i]);
    link_sim_close(sim);
    story.digest = digest.value;
    return story;
}

static void test_sim_same_seed_gives_the_same_story(void **state)
{
    struct link_sim_faults faults = {.delay_min_us = 100,
                                     .delay_max_us = 9000,
                                     .loss_ppm = 200000,
                                     .duplicate_ppm = 50000,
                                     .reorder = true};
    uint64_t seed = test_seed("test_link_sim");
    (void)state;
    struct story first = run(seed, &faults);
    struct story second = run(seed, &faults);
    struct story other = run(seed + 1, &faults);
    assert_true(first.digest == second.digest && first.received == second.received);
    assert_true(first.digest != other.digest);
    /* A fifth lost, a twentieth doubled, of 2 400. */
    assert_in_range(first.received, first.sent * 80 / 100, first.sent * 90 / 100);
}

static void test_sim_perfect_network_delivers_all(void **state)
{
    struct link_sim_faults faults = {.delay_min_us = 50, .delay_max_us = 50};
    (void)state;
    struct story story = run(1, &faults);
    assert_int_equal(story.received, story.sent);
}

/* Numbers of the messages of node 1 from node 0, in the order in which they came. */
static uint32_t numbers(struct link *link, uint32_t *out, uint32_t max)
{
    struct link_event event;
    uint32_t count = 0;
    for (link_poll(link, &event, 0); event.kind != LINK_NOTHING; link_poll(link, &event, 0))
        if (event.kind == LINK_MESSAGE && count < max)
            out[count++] = (uint32_t)tn_get_be(event.bytes + 1, 4);
    return count;
}

static void test_sim_keeps_order_in_a_class_unless_told_otherwise(void **state)
{
    (void)state;
    for (uint32_t reorder = 0; reorder < 2; reorder++) {
        struct link_sim *sim = link_sim_open(2, 5, 1 << 20);
        struct link *a = link_sim_node(sim, 0);
        struct link *b = link_sim_node(sim, 1);
        struct link_sim_faults faults = {.delay_max_us = 10000, .reorder = reorder == 1};
        uint32_t seen[100];
        uint32_t disorder = 0;
        link_sim_set_faults(sim, 0, 1, &faults);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, i), LINK_SENT);
        link_sim_run(sim, 20000);
        assert_int_equal(numbers(b, seen, 100), 100);
        for (uint32_t i = 1; i < 100; i++)
            disorder += seen[i] < seen[i - 1];
        assert_true((disorder > 0) == (reorder == 1));
        link_close(a);
        link_close(b);
        link_sim_close(sim);
    }
}

static void test_sim_cut_is_one_way_and_silent(void **state)
{
    struct link_sim *sim = link_sim_open(2, 5, 1 << 20);
    struct link *a = link_sim_node(sim, 0);
    struct link *b = link_sim_node(sim, 1);
    uint32_t seen[4];
    (void)state;
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 1), LINK_SENT); /* under way when it is cut */
    link_sim_set_faults(sim, 0, 1, &(struct link_sim_faults){.cut = true});
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 2), LINK_SENT);
    assert_int_equal(say(b, 0, TN_PRIORITY_VOTE, 3), LINK_SENT);
    link_sim_run(sim, 1000);
    assert_int_equal(numbers(b, seen, 4), 0);
    assert_int_equal(numbers(a, seen, 4), 1);
    link_sim_set_faults(sim, 0, 1, &(struct link_sim_faults){0});
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 4), LINK_SENT);
    link_sim_run(sim, 2000);
    assert_int_equal(numbers(b, seen, 4), 1);
    assert_int_equal(seen[0], 4);
    link_close(a);
    link_close(b);
    link_sim_close(sim);
}

static void test_sim_restarted_node_gets_nothing_from_before(void **state)
{
    struct link_sim *sim = link_sim_open(2, 5, 1 << 20);
    struct link *a = link_sim_node(sim, 0);
    struct link *b = link_sim_node(sim, 1);
    struct link_event event;
    uint32_t seen[4];
    (void)state;
    link_sim_set_faults(sim, 0, 1,
                        &(struct link_sim_faults){.delay_min_us = 10, .delay_max_us = 10});
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 1), LINK_SENT);
    link_close(b);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 2), LINK_AWAY);
    b = link_sim_node(sim, 1);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 3), LINK_SENT);
    link_sim_run(sim, 1000);
    static const enum link_event_kind kinds[] = {LINK_UP, LINK_DOWN, LINK_UP, LINK_NOTHING};
    for (uint32_t i = 0; i < 4; i++) {
        link_poll(a, &event, 0);
        assert_int_equal(event.kind, kinds[i]);
    }
    assert_int_equal(numbers(b, seen, 4), 1);
    assert_int_equal(seen[0], 3);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 4), LINK_SENT);
    link_sim_break(sim, 0, 1);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 5), LINK_SENT);
    link_sim_run(sim, 2000);
    assert_int_equal(numbers(b, seen, 4), 1);
    assert_int_equal(seen[0], 5);
    link_close(a);
    link_close(b);
    link_sim_close(sim);
}

static void test_sim_bounds_what_is_under_way(void **state)
{
    struct link_sim *sim = link_sim_open(2, 5, 13 * 10);
    struct link *a = link_sim_node(sim, 0);
    struct link *b = link_sim_node(sim, 1);
    struct link_peer_statistics statistics;
    uint32_t seen[20];
    (void)state;
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, i), i < 10 ? LINK_SENT : LINK_FULL);
    assert_int_equal(link_room(a, 1, TN_PRIORITY_VOTE), 0);
    assert_true(link_peer_statistics(a, &statistics, 1));
    assert_int_equal(statistics.refused_full[TN_PRIORITY_VOTE], 2);
    link_sim_run(sim, 1);
    assert_int_equal(numbers(b, seen, 20), 10);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 1), LINK_SENT);
    link_close(a);
    link_close(b);
    link_sim_close(sim);
}

static void test_pair_carries_messages_both_ways_at_once(void **state)
{
    struct link *a, *b;
    struct link_event event;
    uint32_t seen[4];
    (void)state;
    assert_true(link_pair_open(&a, &b));
    link_poll(a, &event, 0);
    assert_int_equal(event.kind, LINK_UP);
    assert_int_equal(event.peer, 1);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 1), LINK_SENT);
    assert_int_equal(say(a, 1, TN_PRIORITY_BATCH, 2), LINK_SENT);
    assert_int_equal(say(b, 0, TN_PRIORITY_CERT, 3), LINK_SENT);
    assert_int_equal(numbers(b, seen, 4), 2);
    assert_int_equal(seen[0] + 10 * seen[1], 21);
    assert_int_equal(numbers(a, seen, 4), 1);
    link_close(b);
    link_poll(a, &event, 0);
    assert_int_equal(event.kind, LINK_DOWN);
    assert_int_equal(say(a, 1, TN_PRIORITY_VOTE, 1), LINK_AWAY);
    link_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sim_same_seed_gives_the_same_story),
        cmocka_unit_test(test_sim_perfect_network_delivers_all),
        cmocka_unit_test(test_sim_keeps_order_in_a_class_unless_told_otherwise),
        cmocka_unit_test(test_sim_cut_is_one_way_and_silent),
        cmocka_unit_test(test_sim_restarted_node_gets_nothing_from_before),
        cmocka_unit_test(test_sim_bounds_what_is_under_way),
        cmocka_unit_test(test_pair_carries_messages_both_ways_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
