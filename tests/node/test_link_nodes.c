/* Nodes that find each other and talk, over TLS on loopback ports. */
#include "link_case.h"

#include "seed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void test_link_two_nodes_come_up_and_hear_each_others_epoch(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 2);
    assert_int_equal(test.nodes[0].from[1].epoch, 41);
    assert_int_equal(test.nodes[1].from[0].epoch, 40);
    assert_int_equal(case_totals(&test, 0).dialled, 0); /* the larger key dials */
    assert_int_equal(case_totals(&test, 1).dialled, 2);
    assert_int_equal(case_totals(&test, 0).half_open, 0);
    case_end(&test);
}

/* A socket that waits for acknowledgements before it sends costs 40 ms now and then. */
static void test_link_sockets_send_without_delay_at_both_ends(void **state)
{
    struct link_case test = {0};
    uint32_t connected = 0;
    (void)state;
    case_all_up(&test, 2);
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof peer;
        int at_once = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET)
            continue;
        size = sizeof at_once;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, &size), 0);
        assert_int_not_equal(at_once, 0);
        connected++;
    }
    assert_int_equal(connected, 4);
    case_end(&test);
}

static void test_link_four_nodes_come_up_and_hear_what_is_sent_to_all(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(case_send(&test, i, TN_PEER_ALL, TN_PRIORITY_VOTE, 1, 200), LINK_SENT);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < 4; j++)
            if (i != j) CASE_UNTIL(&test, test.nodes[i].from[j].messages[TN_PRIORITY_VOTE] == 1);
    case_pass(&test, 20);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t j = 0; j < 4; j++) {
            assert_int_equal(test.nodes[i].from[j].messages[TN_PRIORITY_VOTE], i != j);
            assert_int_equal(test.nodes[i].from[j].disordered, 0);
            assert_int_equal(test.nodes[i].from[j].downs, 0);
        }
    case_end(&test);
}

static void test_link_messages_of_every_size_arrive_whole_and_in_order(void **state)
{
    static const uint32_t sizes[] = {9,
                                     10,
                                     100,
                                     1000,
                                     4091,
                                     4092,
                                     8192,
                                     16383,
                                     16384,
                                     16385,
                                     65531,
                                     65532,
                                     65533,
                                     65536,
                                     70000,
                                     131072,
                                     1000000,
                                     1048576,
                                     TN_PEER_MESSAGE_MAX - 1,
                                     TN_PEER_MESSAGE_MAX};
    struct link_case test = {0};
    uint64_t numbers[TN_PRIORITIES] = {0};
    (void)state;
    case_all_up(&test, 2);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (enum tn_priority priority = 0; priority < TN_PRIORITIES; priority++) {
            static const uint32_t bytes_max[] = {8192, 8192, TN_PEER_MESSAGE_MAX,
                                                 TN_PEER_MESSAGE_MAX, TN_PEER_BATCH_MAX};
            if (sizes[i] > bytes_max[priority]) continue;
            numbers[priority]++;
            for (uint32_t from = 0; from < 2; from++)
                assert_int_equal(
                    case_send(&test, from, 1 - from, priority, numbers[priority], sizes[i]),
                    LINK_SENT);
        }
        for (enum tn_priority priority = 0; priority < TN_PRIORITIES; priority++)
            for (uint32_t at = 0; at < 2; at++)
                CASE_UNTIL(&test,
                           test.nodes[at].from[1 - at].messages[priority] == numbers[priority]);
    }
    uint8_t kind_alone = TN_PEER_VOTE;
    assert_int_equal(link_send(test.nodes[0].link, 1, TN_PRIORITY_VOTE, &kind_alone, 1), LINK_SENT);
    link_flush(test.nodes[0].link);
    CASE_UNTIL(&test,
               test.nodes[1].from[0].messages[TN_PRIORITY_VOTE] == numbers[TN_PRIORITY_VOTE] + 1);
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(test.nodes[at].from[1 - at].disordered, 0);
        assert_int_equal(test.nodes[at].from[1 - at].downs, 0);
    }
    case_end(&test);
}

/* nng's BUS lost a third of a burst of 64 in silence: here what was accepted arrives. */
static void test_link_burst_arrives_whole_or_is_refused_openly(void **state)
{
    struct link_case test = {0};
    uint64_t random = test_seed("test_link_nodes");
    uint64_t accepted[TN_PRIORITIES] = {0};
    uint64_t refused = 0;
    (void)state;
    case_make(&test, 2);
    test.limits.queue_bytes_max[TN_PRIORITY_VOTE] = 400000;
    case_all_up(&test, 2);
    for (uint64_t number = 1; number <= 10000; number++) {
        enum tn_priority priority =
            tn_random_below(&random, 3) == 0 ? TN_PRIORITY_BATCH : TN_PRIORITY_VOTE;
        uint32_t size = 9 + (uint32_t)tn_random_below(&random, 600);
        if (case_send(&test, 0, 1, priority, number, size) == LINK_SENT)
            accepted[priority]++;
        else
            refused++;
    }
    CASE_UNTIL(&test,
               test.nodes[1].from[0].messages[TN_PRIORITY_VOTE] == accepted[TN_PRIORITY_VOTE] &&
                   test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] ==
                       accepted[TN_PRIORITY_BATCH]);
    case_pass(&test, 20);
    struct link_peer_statistics statistics = case_statistics(&test, 0, 1);
    assert_int_equal(accepted[TN_PRIORITY_VOTE] + accepted[TN_PRIORITY_BATCH] + refused, 10000);
    assert_int_equal(statistics.refused_full[TN_PRIORITY_VOTE], refused);
    assert_int_equal(statistics.messages_sent[TN_PRIORITY_VOTE], accepted[TN_PRIORITY_VOTE]);
    assert_int_equal(statistics.messages_sent[TN_PRIORITY_BATCH], accepted[TN_PRIORITY_BATCH]);
    assert_int_equal(test.nodes[1].from[0].disordered, 0);
    assert_int_equal(test.nodes[1].from[0].downs, 0);
    case_end(&test);
}

static void test_link_slow_reader_fills_a_bounded_queue_and_stays_up(void **state)
{
    enum { SIZE = 100000, BYTES_MAX = 3000000 };
    struct link_case test = {0};
    uint64_t number = 0;
    uint64_t refused = 0;
    uint32_t in_a_row = 0;
    (void)state;
    case_make(&test, 2);
    test.limits.queue_bytes_max[TN_PRIORITY_BATCH] = BYTES_MAX;
    case_all_up(&test, 2);
    while (in_a_row < 30) { /* node 1 is not polled: its ring, the sockets and the queue fill */
        if (case_send(&test, 0, 1, TN_PRIORITY_BATCH, number + 1, SIZE) == LINK_SENT) {
            number++;
            in_a_row = 0;
        } else {
            refused++;
            in_a_row++;
            case_pass(&(struct link_case){.count = 0}, 2);
        }
        assert_true(case_statistics(&test, 0, 1).queued_bytes <= BYTES_MAX);
        assert_true(number < 100000);
        case_turn_one(&test, 0);
    }
    assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_VOTE, 1, 100), LINK_SENT);
    assert_true(link_room(test.nodes[0].link, 1, TN_PRIORITY_BATCH) < SIZE);
    assert_true(link_room(test.nodes[0].link, 1, TN_PRIORITY_DATA) > SIZE);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] == number);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_VOTE] == 1);
    struct link_peer_statistics statistics = case_statistics(&test, 0, 1);
    assert_int_equal(statistics.refused_full[TN_PRIORITY_BATCH], refused);
    assert_int_equal(statistics.queued_bytes, 0);
    assert_int_equal(test.nodes[1].from[0].disordered, 0);
    assert_int_equal(test.nodes[0].from[1].downs, 0);
    case_end(&test);
}

/* What a turn says to a peer leaves in one go: nothing before, all of it then. */
static void test_link_keeps_what_was_sent_until_it_is_flushed(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 2);
    const uint64_t bytes_sent = case_statistics(&test, 0, 1).bytes_sent;
    for (uint64_t number = 1; number <= 9; number++)
        assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_VOTE, number, 50), LINK_SENT);
    assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_BATCH, 1, 700), LINK_SENT);
    assert_int_equal(case_statistics(&test, 0, 1).bytes_sent, bytes_sent);
    assert_true(case_statistics(&test, 0, 1).queued_bytes >= 9 * 50 + 700);
    link_flush(test.nodes[0].link);
    assert_int_equal(case_statistics(&test, 0, 1).queued_bytes, 0);
    assert_true(case_statistics(&test, 0, 1).bytes_sent >= bytes_sent + 9 * 54 + 704);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_VOTE] == 9 &&
                          test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] == 1);
    assert_int_equal(test.nodes[1].from[0].disordered, 0);
    case_end(&test);
}

/* A caller that takes a few events a turn must not sleep on those that are left. */
static void test_link_says_that_there_may_be_more_before_the_caller_waits(void **state)
{
    struct link_case test = {0};
    struct link_event event;
    (void)state;
    case_all_up(&test, 2);
    for (uint64_t number = 1; number <= 20; number++)
        assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_VOTE, number, 50), LINK_SENT);
    link_flush(test.nodes[0].link);
    for (uint32_t taken = 0; taken < 20;) {
        if (link_wait_ms(test.nodes[1].link) > 0) case_wait(&test);
        link_poll(test.nodes[1].link, &event, 0);
        taken += event.kind == LINK_MESSAGE;
        assert_true(event.kind == LINK_NOTHING || link_wait_ms(test.nodes[1].link) == 0);
    }
    link_poll(test.nodes[1].link, &event, 0);
    assert_int_equal(event.kind, LINK_NOTHING);
    assert_in_range(link_wait_ms(test.nodes[1].link), 0, 21);
    case_end(&test);
}

static void test_link_urgent_messages_overtake_those_that_wait(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 2);
    for (uint64_t number = 1; number <= 5; number++)
        assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_BATCH, number, TN_PEER_BATCH_MAX),
                         LINK_SENT);
    assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_PROPOSAL, 1, 1000000), LINK_SENT);
    assert_int_equal(case_send(&test, 0, 1, TN_PRIORITY_CERT, 1, 5000), LINK_SENT);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_CERT] == 1);
    assert_true(test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] <= 1);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_PROPOSAL] == 1);
    assert_true(test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] <= 1);
    CASE_UNTIL(&test, test.nodes[1].from[0].messages[TN_PRIORITY_BATCH] == 5);
    case_end(&test);
}

static void test_link_pings_measure_the_round_trip_of_an_idle_link(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_make(&test, 2);
    test.limits.ping_ms = 30;
    case_all_up(&test, 2);
    for (uint32_t at = 0; at < 2; at++)
        for (uint32_t class = 0; class < 2; class ++)
            CASE_UNTIL(&test, case_statistics(&test, at, 1 - at).round_trip_us[class] > 0);
    case_end(&test);
}

static void test_link_peer_that_went_away_and_came_back_is_up_again(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 2);
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t goes = round % 2; /* the one that dials, then the one that listens */
        uint32_t stays = 1 - goes;
        uint32_t ups = test.nodes[stays].from[goes].ups;
        case_stop(&test, goes);
        CASE_UNTIL(&test, !case_is_up(&test, stays, goes));
        assert_int_equal(case_send(&test, stays, goes, TN_PRIORITY_VOTE, 1, 50), LINK_AWAY);
        case_start(&test, goes);
        case_peers(&test, goes, 7);
        CASE_UNTIL(&test, case_is_up(&test, 0, 1) && case_is_up(&test, 1, 0));
        assert_int_equal(test.nodes[stays].from[goes].ups, ups + 1);
        assert_int_equal(test.nodes[stays].from[goes].epoch, 7);
        assert_int_equal(case_send(&test, stays, goes, TN_PRIORITY_VOTE, round + 1, 50), LINK_SENT);
        CASE_UNTIL(&test, test.nodes[goes].from[stays].messages[TN_PRIORITY_VOTE] == 1);
    }
    case_end(&test);
}

static bool says(const struct link_case *test, uint32_t node, uint16_t peer, const char *words)
{
    const char *why = link_nng_away(test->nodes[node].link, peer);
    return why != NULL && strstr(why, words) != NULL;
}

static void test_link_says_why_a_peer_does_not_come(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_all_up(&test, 2);
    assert_null(link_nng_away(test.nodes[0].link, 1));
    assert_null(link_nng_away(test.nodes[1].link, 0));
    assert_null(link_nng_away(test.nodes[1].link, 2)); /* nobody */
    case_stop(&test, 0);
    CASE_UNTIL(&test, says(&test, 1, 0, "nobody takes connections there"));
    case_start(&test, 0);
    case_peers(&test, 0, 7);
    CASE_UNTIL(&test, case_is_up(&test, 0, 1) && case_is_up(&test, 1, 0));
    assert_null(link_nng_away(test.nodes[1].link, 0));
    case_stop(&test, 1);
    CASE_UNTIL(&test, says(&test, 0, 1, "it is to dial this node"));
    case_end(&test);
}

/* A port that nobody can take: bound, and nobody listens. */
static int bind_silently(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_link_refused_connections_count_as_absent_and_as_nothing_else(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_make(&test, 2);
    test.limits.handshake_ms = 60000; /* a refusal may take long to be seen, where all is slow */
    test.limits.retry_max_ms = 50;
    int silent = bind_silently(&test.nodes[0].dial_port);
    case_start(&test, 1);
    case_peers(&test, 1, 1);
    CASE_UNTIL(&test, case_statistics(&test, 1, 0).downs[LINK_REASON_ABSENT] >= 4);
    const struct link_peer_statistics peer = case_statistics(&test, 1, 0);
    const struct link_statistics all = case_totals(&test, 1);
    for (enum link_reason i = 0; i < LINK_REASONS; i++) {
        if (i != LINK_REASON_ABSENT) assert_int_equal(peer.downs[i], 0);
        assert_int_equal(all.refused[i], peer.downs[i]);
    }
    assert_true(says(&test, 1, 0, "nobody takes connections there"));
    case_end(&test);
    close(silent);
}

static void test_link_what_waited_for_a_peer_that_went_down_is_counted(void **state)
{
    struct link_case test = {0};
    uint64_t sent = 0;
    (void)state;
    case_all_up(&test, 2);
    while (case_send(&test, 0, 1, TN_PRIORITY_BATCH, sent + 1, TN_PEER_BATCH_MAX) == LINK_SENT)
        sent++;
    case_stop(&test, 1);
    CASE_UNTIL(&test, test.nodes[0].from[1].downs == 1);
    struct link_peer_statistics statistics = case_statistics(&test, 0, 1);
    assert_true(statistics.lost_down[TN_PRIORITY_BATCH] > 0);
    assert_int_equal(statistics.lost_down[TN_PRIORITY_BATCH] +
                         statistics.messages_sent[TN_PRIORITY_BATCH],
                     sent);
    assert_int_equal(statistics.queued_bytes, 0);
    case_end(&test);
}

static void test_link_new_set_renumbers_keeps_and_drops(void **state)
{
    struct link_case test = {0};
    struct link_nng_peer peers[2];
    char addresses[2][32];
    char problem[LINK_PROBLEM_SIZE];
    (void)state;
    case_all_up(&test, 3);
    peers[0] = case_peer(&test, 2, addresses[0]); /* 2 is 77 from now on, 1 is not in the set */
    peers[0].id = 77;
    assert_true(link_nng_set_peers(test.nodes[0].link, problem, 9, peers, 1));
    struct link_peer_statistics statistics;
    assert_false(link_peer_statistics(test.nodes[0].link, &statistics, 1));
    assert_false(link_peer_statistics(test.nodes[0].link, &statistics, 2));
    assert_true(link_peer_statistics(test.nodes[0].link, &statistics, 77) && statistics.up);
    CASE_UNTIL(&test, test.nodes[1].from[0].downs == 1);
    assert_int_equal(case_send(&test, 0, 77, TN_PRIORITY_VOTE, 1, 50), LINK_SENT);
    assert_int_equal(case_send(&test, 2, 0, TN_PRIORITY_VOTE, 1, 50), LINK_SENT);
    CASE_UNTIL(&test, test.nodes[2].from[0].messages[TN_PRIORITY_VOTE] == 1 &&
                          test.nodes[0].from[77].messages[TN_PRIORITY_VOTE] == 1);
    assert_int_equal(test.nodes[2].from[0].downs, 0);
    /* 1 comes back into the set: TLS must trust it again. */
    peers[1] = case_peer(&test, 1, addresses[1]);
    assert_true(link_nng_set_peers(test.nodes[0].link, problem, 10, peers, 2));
    CASE_UNTIL(&test, case_is_up(&test, 1, 0) && case_is_up(&test, 0, 1));
    assert_int_equal(test.nodes[1].from[0].epoch, 10);
    assert_int_equal(test.nodes[2].from[0].downs, 0);
    case_end(&test);
}

/* Nodes that start, stop and hear of new sets at any moment of each other's handshakes. */
static void test_link_nodes_that_come_and_go_at_random_all_meet_in_the_end(void **state)
{
    struct link_case test = {0};
    uint64_t random = test_seed("test_link_nodes");
    (void)state;
    case_make(&test, 3);
    test.limits.address_accepts_per_second = 1000;
    test.limits.retry_max_ms = 100;
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t node = (uint32_t)tn_random_below(&random, 3);
        if (test.nodes[node].link == NULL) {
            case_start(&test, node);
            case_meet(&test);
        } else if (tn_random_below(&random, 3) == 0) {
            case_stop(&test, node);
        } else if (tn_random_below(&random, 2) == 0) {
            char problem[LINK_PROBLEM_SIZE];
            assert_true(link_nng_set_peers(test.nodes[node].link, problem, round, NULL, 0));
            memset(test.nodes[node].from, 0, sizeof test.nodes[node].from);
        } else {
            case_peers(&test, node, round);
        }
        case_send(&test, (node + 1) % 3, node, TN_PRIORITY_VOTE, round + 1, 5000);
        case_pass(&test, (int64_t)tn_random_below(&random, 40));
    }
    for (uint32_t i = 0; i < 3; i++)
        if (test.nodes[i].link == NULL) case_start(&test, i);
    case_meet(&test);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < 3; j++)
            if (i != j) CASE_UNTIL(&test, case_statistics(&test, i, j).up);
    case_end(&test);
}

/* nng #1673: an accept without a time limit of its own answered at once, for ever. */
static void test_link_idle_listener_does_not_spin_on_accept(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_make(&test, 1);
    case_start(&test, 0);
    case_pass(&test, 300);
    assert_true(case_totals(&test, 0).accept_errors <= 1);
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_two_nodes_come_up_and_hear_each_others_epoch),
        cmocka_unit_test(test_link_sockets_send_without_delay_at_both_ends),
        cmocka_unit_test(test_link_four_nodes_come_up_and_hear_what_is_sent_to_all),
        cmocka_unit_test(test_link_messages_of_every_size_arrive_whole_and_in_order),
        cmocka_unit_test(test_link_burst_arrives_whole_or_is_refused_openly),
        cmocka_unit_test(test_link_slow_reader_fills_a_bounded_queue_and_stays_up),
        cmocka_unit_test(test_link_keeps_what_was_sent_until_it_is_flushed),
        cmocka_unit_test(test_link_says_that_there_may_be_more_before_the_caller_waits),
        cmocka_unit_test(test_link_urgent_messages_overtake_those_that_wait),
        cmocka_unit_test(test_link_pings_measure_the_round_trip_of_an_idle_link),
        cmocka_unit_test(test_link_peer_that_went_away_and_came_back_is_up_again),
        cmocka_unit_test(test_link_says_why_a_peer_does_not_come),
        cmocka_unit_test(test_link_refused_connections_count_as_absent_and_as_nothing_else),
        cmocka_unit_test(test_link_what_waited_for_a_peer_that_went_down_is_counted),
        cmocka_unit_test(test_link_new_set_renumbers_keeps_and_drops),
        cmocka_unit_test(test_link_nodes_that_come_and_go_at_random_all_meet_in_the_end),
        cmocka_unit_test(test_link_idle_listener_does_not_spin_on_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
