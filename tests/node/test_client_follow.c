/* The client library stays with the node that leads a market: three servers, one of which leads at
 * a time, and a client that has subscribed once to what the leader alone has. */
#include "client_case.h"

#include "tenor/client_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER(test, index) (&(test)->servers[index])

enum { SERIES = 77, TAG = 9, NOBODY = CASE_SERVERS };

/* ---- What nodes say ---- */

struct told_cluster {
    uint32_t leader; /* server; NOBODY */
    uint32_t term;
    bool has_no_addresses;
};

static void answer_cluster(struct client_case *test, uint32_t at, uint64_t request,
                           const struct told_cluster *told)
{
    static uint8_t keys[CASE_SERVERS][33];
    char addresses[CASE_SERVERS][32];
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Cluster cluster = TENOR__V1__CLUSTER__INIT;
    Tenor__V1__MarketHead head = TENOR__V1__MARKET_HEAD__INIT, *heads = &head;
    Tenor__V1__Node nodes[CASE_SERVERS], *list[CASE_SERVERS];
    for (uint32_t i = 0; i < CASE_SERVERS; i++) {
        tenor__v1__node__init(&nodes[i]);
        memset(keys[i], (int)i + 1, sizeof keys[i]);
        snprintf(addresses[i], sizeof addresses[i], "127.0.0.1:%u", SERVER(test, i)->port);
        nodes[i].index = i;
        nodes[i].key.data = keys[i];
        nodes[i].key.len = sizeof keys[i];
        nodes[i].clients = told->has_no_addresses ? (char *)(uintptr_t) "" : addresses[i];
        nodes[i].is_this = i == at;
        list[i] = &nodes[i];
    }
    head.market = 1;
    head.term = told->term;
    head.leader = told->leader == NOBODY ? 0 : told->leader + 1;
    cluster.chain_id.data = test->chain_id;
    cluster.chain_id.len = sizeof test->chain_id;
    cluster.n_nodes = CASE_SERVERS;
    cluster.nodes = list;
    cluster.n_markets = 1;
    cluster.markets = &heads;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_CLUSTER;
    message.cluster = &cluster;
    case_say(SERVER(test, at), &message);
}

/* The next question of the client is who leads; it is told so. */
static void tell_who_leads(struct client_case *test, uint32_t at, uint32_t leader, uint32_t term)
{
    const struct told_cluster told = {.leader = leader, .term = term};
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, at), TENOR__V1__TO_NODE__BODY_GET_CLUSTER);
    answer_cluster(test, at, message->request, &told);
}

static void say_soft_end(struct case_server *server)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__SoftEnd end = TENOR__V1__SOFT_END__INIT;
    end.market = 1;
    message.body_case = TENOR__V1__FROM_NODE__BODY_SOFT_END;
    message.soft_end = &end;
    case_say(server, &message);
}

/* The client subscribes to BOOK_SOFT: the request's number. */
static uint64_t hear_subscribe(struct client_case *test, uint32_t at)
{
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, at), TENOR__V1__TO_NODE__BODY_SUBSCRIBE);
    assert_int_equal(message->subscribe->channel, TENOR__V1__CHANNEL__BOOK_SOFT);
    assert_int_equal(message->subscribe->n_series_id, 1);
    assert_int_equal(message->subscribe->series_id[0], SERIES);
    return message->request;
}

static void say_subscribed(struct client_case *test, uint32_t at, uint64_t request)
{
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Subscribed subscribed = TENOR__V1__SUBSCRIBED__INIT;
    subscribed.market = 1;
    subscribed.channel = TENOR__V1__CHANNEL__BOOK_SOFT;
    subscribed.series_count = 1;
    message.request = request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_SUBSCRIBED;
    message.subscribed = &subscribed;
    case_say(SERVER(test, at), &message);
}

/* ---- Beginnings ---- */

/* A client without a session that follows market 1, at server 0, subscribed to BOOK_SOFT. */
static void start(struct client_case *test, uint32_t bound_ms)
{
    static const uint64_t series = SERIES;
    test->options.log_on = false;
    case_start(test);
    assert_int_equal(tn_client_follow(test->client, 1, bound_ms), TN_CLIENT_OK);
    assert_int_equal(tn_client_subscribe(test->client, TAG, 1, TN_CHANNEL_BOOK_SOFT, &series, 1, 0),
                     TN_CLIENT_OK);
    case_hello(test, SERVER(test, 0));
}

/* It is at server 0, which leads. */
static void start_at_leader(struct client_case *test, uint32_t bound_ms)
{
    start(test, bound_ms);
    tell_who_leads(test, 0, 0, 1);
    say_subscribed(test, 0, hear_subscribe(test, 0));
    case_expect(test, "leader sought\nconnected to 0\nnews 11 tag 9\nleader here\n");
}

static void pass(struct client_case *test, int64_t ms)
{
    test->now_ms += ms;
    case_settle(test);
}

/* ---- Stories ---- */

static void test_goes_to_the_leaders_node_before_it_subscribes(void **state)
{
    struct client_case *test = *state;
    start(test, 0);
    tell_who_leads(test, 0, 2, 1);
    case_hello(test, SERVER(test, 2));
    tell_who_leads(test, 2, 2, 1);
    say_subscribed(test, 2, hear_subscribe(test, 2));
    case_expect(test, "leader sought\nconnected to 0\n"
                      "disconnected from 0: market 1 is led by another node: going there\n"
                      "connected to 2\nnews 11 tag 9\nleader here\n");
    assert_true(test->last.as.leader.node == 2 && test->last.as.leader.term == 1);
    assert_int_equal(SERVER(test, 1)->connections_count, 0);
}

static void test_follows_when_its_channels_end_because_another_node_leads(void **state)
{
    struct client_case *test = *state;
    start_at_leader(test, 0);
    say_soft_end(SERVER(test, 0));
    case_error(SERVER(test, 0), TAG + 1, TN_ERROR_SOFT_ELSEWHERE, false);
    tell_who_leads(test, 0, 1, 2);
    case_hello(test, SERVER(test, 1));
    tell_who_leads(test, 1, 1, 2);
    say_subscribed(test, 1, hear_subscribe(test, 1));
    case_expect(test, "news 38 tag -1\nleader sought\n"
                      "disconnected from 0: market 1 is led by another node: going there\n"
                      "connected to 1\nnews 11 tag 9\nleader here\n");
}

static void test_subscribes_anew_where_the_same_node_leads_the_next_term(void **state)
{
    struct client_case *test = *state;
    start_at_leader(test, 0);
    say_soft_end(SERVER(test, 0));
    tell_who_leads(test, 0, 0, 2);
    case_error(SERVER(test, 0), hear_subscribe(test, 0), TN_ERROR_SOFT_ELSEWHERE, false);
    case_settle(test);
    assert_false(case_has_message(SERVER(test, 0))); /* it is about to lead: not at once */
    pass(test, 250);
    tell_who_leads(test, 0, 0, 2);
    say_subscribed(test, 0, hear_subscribe(test, 0));
    case_expect(test, "news 38 tag -1\nleader sought\nnews 11 tag 9\nleader here\n");
}

static void test_a_new_term_is_reason_enough_to_ask(void **state)
{
    struct client_case *test = *state;
    start_at_leader(test, 0);
    case_heartbeat(SERVER(test, 0), 20, 1, 20);
    case_settle(test);
    assert_false(case_has_message(SERVER(test, 0)));
    case_heartbeat(SERVER(test, 0), 21, 2, 21);
    tell_who_leads(test, 0, 0, 2);
    say_subscribed(test, 0, hear_subscribe(test, 0));
    case_expect(test, "head 20\nleader sought\nhead 21\nnews 11 tag 9\nleader here\n");
}

static void test_a_leader_that_died_is_left_alone_until_another_one_is_named(void **state)
{
    struct client_case *test = *state;
    start_at_leader(test, 60000);
    case_cut(SERVER(test, 0));
    CASE_UNTIL(test, tn_client_state(test->client) == TN_CLIENT_AWAY);
    pass(test, tn_client_timeout(test->client, test->now_ms));
    case_hello(test, SERVER(test, 1));
    tell_who_leads(test, 1, 0, 1); /* nobody has noticed yet */
    pass(test, 250);
    tell_who_leads(test, 1, 0, 1);
    case_settle(test);
    assert_int_equal(SERVER(test, 0)->connections_count, 1);
    pass(test, 250);
    tell_who_leads(test, 1, 2, 2);
    case_hello(test, SERVER(test, 2));
    tell_who_leads(test, 2, 2, 2);
    say_subscribed(test, 2, hear_subscribe(test, 2));
    CASE_UNTIL(test,
               test->last.kind == TN_NEWS_LEADER && test->last.as.leader.state == TN_LEADER_HERE);
    assert_int_equal(tn_client_node(test->client), 2);
}

static void test_says_so_when_nobody_is_found_to_lead_within_the_bound(void **state)
{
    struct client_case *test = *state;
    start(test, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        tell_who_leads(test, 0, NOBODY, 1);
        case_settle(test);
        pass(test, 250);
    }
    case_expect(test, "leader sought\nconnected to 0\nleader none: nobody leads market 1\n");
    pass(test, 3000);
    assert_false(case_has_message(SERVER(test, 0))); /* and asks no more */
    assert_int_equal(tn_client_state(test->client), TN_CLIENT_CONNECTED);
    assert_int_equal(tn_client_follow(test->client, 1, 1000), TN_CLIENT_OK);
    tell_who_leads(test, 0, 0, 1);
    say_subscribed(test, 0, hear_subscribe(test, 0));
    case_expect(test, "leader sought\nnews 11 tag 9\nleader here\n");
}

static void test_the_bound_holds_while_no_node_answers(void **state)
{
    struct client_case *test = *state;
    start_at_leader(test, 1500);
    for (uint32_t i = 0; i < CASE_SERVERS; i++) {
        close(SERVER(test, i)->listener);
        SERVER(test, i)->listener = -1;
    }
    case_cut(SERVER(test, 0));
    for (uint32_t i = 0; i < 40 && strstr(test->told, "leader none") == NULL; i++)
        pass(test, tn_client_timeout(test->client, test->now_ms));
    assert_non_null(strstr(test->told, "leader none: no node has said who leads market 1"));
}

/* Behind a gateway nodes name addresses that the client does not know them by. */
static void test_finds_the_leader_by_its_key_where_addresses_say_nothing(void **state)
{
    struct client_case *test = *state;
    const struct told_cluster told = {.leader = 0, .term = 1, .has_no_addresses = true};
    test->options.first_node = 1;
    test->options.log_on = false;
    case_start(test);
    assert_int_equal(tn_client_follow(test->client, 1, 0), TN_CLIENT_OK);
    static const uint32_t visits[] = {1, 2, 0};
    for (uint32_t i = 0; i < 3; i++) {
        case_hello(test, SERVER(test, visits[i]));
        const Tenor__V1__ToNode *message =
            case_hear_kind(test, SERVER(test, visits[i]), TENOR__V1__TO_NODE__BODY_GET_CLUSTER);
        answer_cluster(test, visits[i], message->request, &told);
        if (i < 2) pass(test, 250); /* moves are apart in time */
    }
    CASE_UNTIL(test, strstr(test->told, "leader here") != NULL);
    assert_int_equal(tn_client_node(test->client), 0);
}

static void test_what_the_caller_asks_and_other_markets_errors_are_told(void **state)
{
    struct client_case *test = *state;
    static const uint64_t series = SERIES;
    const struct tn_question question = {.kind = TN_ASK_CLUSTER};
    const struct told_cluster told = {.leader = 0, .term = 1};
    start_at_leader(test, 0);
    assert_int_equal(tn_client_ask(test->client, 5, &question), TN_CLIENT_OK);
    const Tenor__V1__ToNode *message =
        case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_GET_CLUSTER);
    answer_cluster(test, 0, message->request, &told);
    case_expect(test, "news 16 tag 5\n");
    assert_int_equal(tn_client_subscribe(test->client, 6, 2, TN_CHANNEL_BOOK_SOFT, &series, 1, 0),
                     TN_CLIENT_OK);
    message = case_hear_kind(test, SERVER(test, 0), TENOR__V1__TO_NODE__BODY_SUBSCRIBE);
    assert_int_equal(message->subscribe->market, 2);
    case_error(SERVER(test, 0), message->request, TN_ERROR_SOFT_ELSEWHERE, false);
    char line[64];
    snprintf(line, sizeof line, "error %u tag 6\n", (unsigned)TN_ERROR_SOFT_ELSEWHERE);
    case_expect(test, line);
}

static void test_a_client_that_is_to_stay_follows_nobody(void **state)
{
    struct client_case *test = *state;
    test->options.stay = true;
    case_start(test);
    assert_int_equal(tn_client_follow(test->client, 1, 0), TN_CLIENT_BAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_goes_to_the_leaders_node_before_it_subscribes),
        TEST(test_follows_when_its_channels_end_because_another_node_leads),
        TEST(test_subscribes_anew_where_the_same_node_leads_the_next_term),
        TEST(test_a_new_term_is_reason_enough_to_ask),
        TEST(test_a_leader_that_died_is_left_alone_until_another_one_is_named),
        TEST(test_says_so_when_nobody_is_found_to_lead_within_the_bound),
        TEST(test_the_bound_holds_while_no_node_answers),
        TEST(test_finds_the_leader_by_its_key_where_addresses_say_nothing),
        TEST(test_what_the_caller_asks_and_other_markets_errors_are_told),
        TEST(test_a_client_that_is_to_stay_follows_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
