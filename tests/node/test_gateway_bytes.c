/* Bytes that are no messages, connections that say nothing, read nothing or come too fast. */
#include "gateway_case.h"
#include "tls_flood.h"

#include "link/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The last word is an Error of that code; then the connection ends. */
static void expect_last_word(struct case_client *client, uint32_t code)
{
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, code);
    assert_true(message->error->closing);
    client_expect_end(client);
}

static void refused(struct gateway_case *test, const void *bytes, size_t size, uint32_t code)
{
    struct case_client *client = client_open(test);
    client_write(client, bytes, size);
    expect_last_word(client, code);
    client_close(client);
}

static void test_gateway_closes_on_bytes_that_are_no_message(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    refused(&test, "GET / HTTP/1.1\r\n\r\n", 18, WIRE_ERROR_TOO_LARGE);
    refused(&test, "\0\1\0\1", 4, WIRE_ERROR_TOO_LARGE); /* one byte more than 65 536 */
    refused(&test, "\0\0\0\0", 4, WIRE_ERROR_TOO_LARGE);
    refused(&test, "\0\0\0\2\x22\1", 6, WIRE_ERROR_MALFORMED); /* a Ping that ends too early */
    refused(&test, "\0\0\0\4\x22\0\x08\1", 8, WIRE_ERROR_MALFORMED); /* request behind the body */
    refused(&test, "\0\0\0\5\x08\x81\0\x22\0", 9, WIRE_ERROR_MALFORMED); /* a number too long */
    refused(&test, "\0\0\0\3\xf8\7\1", 7, WIRE_ERROR_MALFORMED);         /* an unknown field */
    refused(&test, "\0\0\0\2\x08\1", 6, WIRE_ERROR_NO_BODY);
    assert_int_equal(case_count(&test, malformed), 8);
    case_wait_counter(&test, connections, 0);
    case_end(&test);
}

static void test_gateway_takes_messages_cut_anywhere(void **state)
{
    struct gateway_case test;
    static const uint8_t ping[] = {0, 0, 0, 6, 0x08, 5, 0x22, 2, 0x08, 9};
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    for (size_t cut = 1; cut < sizeof ping; cut++) {
        client_write(client, ping, cut);
        client_write(client, ping + cut, sizeof ping - cut);
        const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_PONG);
        assert_int_equal(message->request, 5);
        assert_int_equal(message->pong->time_ms, 9);
    }
    /* In the middle of one the connection is lost: nothing remains of it. */
    client_write(client, ping, 7);
    client_close(client);
    case_wait_counter(&test, connections, 0);
    assert_int_equal(case_count(&test, malformed), 0);
    case_end(&test);
}

static void test_gateway_survives_bytes_that_are_no_tls(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    for (int i = 0; i < 4; i++) {
        uint8_t junk[600];
        memset(junk, i * 7, sizeof junk);
        int fd = client_dial(&test);
        assert_int_equal(send(fd, junk, sizeof junk, MSG_NOSIGNAL), sizeof junk);
        while (recv(fd, junk, sizeof junk, 0) > 0) {
        }
        close(fd);
    }
    case_wait_counter(&test, handshakes_failed, 4);
    struct case_client *client = client_open(&test);
    client_ping(client);
    client_close(client);
    case_end(&test);
}

static void test_gateway_ends_handshakes_that_never_end(void **state)
{
    struct gateway_case test;
    int fds[4];
    uint8_t byte;
    (void)state;
    case_prepare(&test);
    test.options.limits.handshake_ms = 300;
    case_start(&test);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_dial(&test);
        if (i > 1) assert_int_equal(send(fds[i], "\x16\x03\x01", 3, MSG_NOSIGNAL), 3);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(recv(fds[i], &byte, 1, 0) <= 0);
        close(fds[i]);
    }
    case_wait_counter(&test, handshakes_late, 4);
    case_wait_counter(&test, connections, 0);
    case_end(&test);
}

static void test_gateway_lets_clients_in_past_a_flood_of_half_open_connections(void **state)
{
    struct gateway_case test;
    int fds[8];
    (void)state;
    case_prepare(&test);
    test.options.limits.handshakes_max = 4;
    test.options.limits.handshake_ms = 60000;
    case_start(&test);
    for (int i = 0; i < 8; i++)
        fds[i] = client_dial(&test);
    struct case_client *client = calloc(1, sizeof *client);
    int fd = client_dial(&test); /* behind all of them in the kernel's queue */
    struct timeval patience = {60, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_true(client_shake(&test, client, fd));
    assert_true(case_count(&test, accept_paused) > 0);
    assert_true(case_count(&test, handshaking) <= 4);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    client_close(client);
    case_end(&test);
}

/* mbedTLS passes over warnings without returning: nobody may hold a thread by them. */
static void test_gateway_shakes_hands_past_a_flood_of_warnings(void **state)
{
    struct gateway_case test;
    struct tls_flood flood;
    (void)state;
    case_prepare(&test);
    test.options.limits.handshake_ms = 2000;
    test.options.limits.handshake_threads = 1;
    case_start(&test);
    tls_flood_begin(&flood, client_dial(&test), TLS_FLOOD_SHAKING, NULL, NULL);
    tls_flood_wait(&flood);
    struct case_client *client = client_open(&test);
    client_ping(client);
    case_wait_counter(&test, handshakes_late, 1); /* its time is counted all the same */
    client_close(client);
    tls_flood_end(&flood);
    case_end(&test);
}

static void test_gateway_serves_others_past_a_flood_of_warnings(void **state)
{
    struct gateway_case test;
    struct tls_flood flood;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *client = client_open(&test);
    tls_flood_begin(&flood, client_dial(&test), TLS_FLOOD_OPEN, NULL, NULL);
    tls_flood_wait(&flood);
    client_ping(client);
    assert_false(atomic_load(&flood.done));
    client_close(client);
    tls_flood_end(&flood);
    case_end(&test);
}

static void test_gateway_bounds_connections_and_their_rate(void **state)
{
    struct gateway_case test;
    struct case_client *clients[2];
    uint8_t byte;
    (void)state;
    case_prepare(&test);
    test.options.limits.address_sessions_max = 2;
    test.options.limits.address_per_second = 1;
    test.options.limits.address_burst = 3;
    case_start(&test);
    for (int i = 0; i < 2; i++)
        clients[i] = client_open(&test);
    int fd = client_dial(&test);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
    case_wait_counter(&test, refused_address, 1);
    case_wait_counter(&test, connections, 2); /* it is counted now and then */
    client_close(clients[0]);
    case_wait_counter(&test, connections, 1);
    clients[0] = client_open(&test); /* the third of the burst */
    case_wait_counter(&test, connections, 2);
    client_close(clients[0]);
    case_wait_counter(&test, connections, 1);
    while (case_count(&test, refused_rate) == 0) { /* one a second would pass */
        fd = client_dial(&test);
        assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
        close(fd);
    }
    client_close(clients[1]);
    case_end(&test);
}

static void test_gateway_cuts_whoever_is_silent(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.heartbeat_least_ms = 100;
    test.options.limits.heartbeat_ms = 150;
    case_start(&test);
    struct case_client *client = client_open(&test);
    expect_last_word(client, WIRE_ERROR_SILENT);
    assert_int_equal(case_count(&test, cut_silent), 1);
    client_close(client);
    case_end(&test);
}

/* Pongs that nobody reads, until nothing more is taken. */
static void test_gateway_stops_reading_from_whoever_does_not_read_and_cuts_it(void **state)
{
    struct gateway_case test;
    static const uint8_t ping[] = {0, 0, 0, 2, 0x22, 0};
    static uint8_t many[sizeof ping * 2000];
    (void)state;
    case_prepare(&test);
    test.options.limits.out_bytes_max = 1114112;
    test.options.limits.slow_ms = 1000;
    case_start(&test);
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = ping[i % sizeof ping];
    struct case_client *other = client_open(&test);
    test.receive_bytes = 8192; /* what the kernel takes in for a client that does not read */
    struct case_client *client = client_open(&test);
    const struct timeval patience = {0, 20000};
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    int code = 0;
    uint64_t most = 0;
    while (case_count(&test, cut_slow) == 0 && (code >= 0 || code == MBEDTLS_ERR_SSL_WANT_WRITE)) {
        code = mbedtls_ssl_write(&client->ssl, many, sizeof many);
        if (most < case_count(&test, out_bytes)) most = case_count(&test, out_bytes);
        client_ping(other);
    }
    assert_true(most > 0 && most <= test.options.limits.out_bytes_max / 4 + 4096);
    /* Its socket is tried when there is room again, not in each turn. */
    assert_in_range(case_count(&test, writes_full), 1, 4);
    case_wait_counter(&test, cut_slow, 1);
    case_wait_counter(&test, connections, 1);
    client_ping(other);
    assert_int_equal(case_count(&test, out_bytes), 0);
    client_close(client);
    client_close(other);
    case_end(&test);
}

/* Together they could fill what all connections may have waiting; those who read do not notice. */
static void test_gateway_serves_others_past_a_crowd_that_does_not_read(void **state)
{
    enum { CROWD = 6 };
    struct gateway_case test;
    struct case_client *crowd[CROWD];
    static const uint8_t ping[] = {0, 0, 0, 2, 0x22, 0};
    static uint8_t many[sizeof ping * 2000];
    const struct timeval patience = {0, 2000};
    (void)state;
    case_prepare(&test);
    test.options.limits.out_bytes_max = 1114112;
    test.options.limits.out_total_max = 1114112;
    case_start(&test);
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = ping[i % sizeof ping];
    struct case_client *other = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    test.receive_bytes = 8192;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
        setsockopt(crowd[i]->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    /* Pongs that nobody reads, until the gateway can hold no more of them. */
    for (int round = 0; round < 5000 && case_count(&test, cut_slow) == 0; round++) {
        struct case_client *client = crowd[round % CROWD];
        (void)mbedtls_ssl_write(&client->ssl, many, sizeof many);
        client_ping(other);
    }
    assert_true(case_count(&test, cut_slow) > 0);
    assert_true(case_count(&test, out_bytes) <= test.options.limits.out_total_max);
    for (int i = 0; i < 100; i++)
        client_ping(other);
    client_close(other);
    for (int i = 0; i < CROWD; i++)
        client_close(crowd[i]);
    case_end(&test);
}

/* Pings cost no tokens; still those who have no logon do not take all of the thread's time. */
static void test_gateway_gives_guests_a_share_of_its_time(void **state)
{
    struct gateway_case test;
    static const uint8_t ping[] = {0, 0, 0, 2, 0x22, 0};
    static uint8_t many[sizeof ping * 2000], pongs[1 << 16];
    (void)state;
    case_prepare(&test);
    case_start(&test);
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = ping[i % sizeof ping];
    struct case_client *trader = client_log_on(&test, TENOR__V1__ON_DISCONNECT__NOTHING, NULL);
    struct case_client *guest = client_open(&test);
    const struct timeval patience = {0, 1000};
    setsockopt(guest->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(guest->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    for (int round = 0; round < 20000 && case_count(&test, guests_waited) == 0; round++) {
        (void)mbedtls_ssl_write(&guest->ssl, many, sizeof many);
        while (mbedtls_ssl_read(&guest->ssl, pongs, sizeof pongs) == 16384) {
        }
    }
    assert_true(case_count(&test, guests_waited) > 0);
    uint64_t waited = case_count(&test, guests_waited);
    for (int round = 0; round < 100; round++)
        client_ping(trader); /* does not count as one of them */
    assert_true(case_count(&test, guests_waited) - waited < 50);
    client_close(guest);
    guest = client_open(&test); /* another one has its turn */
    client_ping(guest);
    client_close(guest);
    client_close(trader);
    case_end(&test);
}

static void test_gateway_forwards_questions_and_items(void **state)
{
    struct gateway_case test;
    uint8_t packed[256], report[] = {9, 8, 7};
    (void)state;
    case_prepare(&test);
    test.options.limits.questions_max = 1;
    case_start(&test);
    struct case_client *client = client_open(&test);
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetBlock get = TENOR__V1__GET_BLOCK__INIT;
    get.height = 3;
    question.request = 12;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_BLOCK;
    question.get_block = &get;
    client_send(client, &question);
    struct port_message ask = node_ask(&test, PORT_QUERY);
    assert_int_equal(ask.size, tenor__v1__to_node__pack(&question, packed));
    assert_memory_equal(ask.bytes, packed, ask.size);
    client_send(client, &question);
    client_expect_error(client, 12, WIRE_ERROR_QUERIES_FAST);
    Tenor__V1__FromNode answer = TENOR__V1__FROM_NODE__INIT;
    Tenor__V1__Block block = TENOR__V1__BLOCK__INIT;
    uint8_t hash[32] = {1};
    block.height = 3;
    block.hash = block.root = (ProtobufCBinaryData){sizeof hash, hash};
    answer.request = 12;
    answer.body_case = TENOR__V1__FROM_NODE__BODY_BLOCK;
    answer.block = &block;
    port_tell(test.port, PORT_REPLY, ask.tag, packed, tenor__v1__from_node__pack(&answer, packed));
    port_tell_flush(test.port);
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_BLOCK);
    assert_int_equal(message->request, 12);
    assert_int_equal(message->block->height, 3);
    Tenor__V1__Item item = TENOR__V1__ITEM__INIT;
    item.kind = TENOR__V1__ITEM_KIND__REPORT;
    item.bytes = (ProtobufCBinaryData){sizeof report, report};
    question.request = 13;
    question.body_case = TENOR__V1__TO_NODE__BODY_ITEM;
    question.item = &item;
    client_send(client, &question);
    ask = node_ask(&test, PORT_ITEM);
    assert_int_equal(ask.size, 4);
    assert_memory_equal(ask.bytes, "\1\x9\x8\x7", 4);
    const uint8_t known = TN_WAITING_KNOWN;
    port_tell(test.port, PORT_ITEM_TAKEN, ask.tag, &known, 1);
    port_tell_flush(test.port);
    message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ITEM_TAKEN);
    assert_int_equal(message->request, 13);
    assert_int_equal(message->item_taken->answer, TENOR__V1__ITEM_ANSWER__KNOWN);
    client_close(client);
    case_end(&test);
}

static void test_gateway_limits_questions(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    test.options.limits.queries_per_second = 1;
    test.options.limits.queries_burst = 20;
    case_start(&test);
    struct case_client *client = client_open(&test);
    Tenor__V1__ToNode question = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetCluster get = TENOR__V1__GET_CLUSTER__INIT;
    question.body_case = TENOR__V1__TO_NODE__BODY_GET_CLUSTER;
    question.get_cluster = &get;
    /* One a second would pass: as many go out as nobody takes 20 seconds for. */
    for (uint64_t i = 1; i <= 40; i++) {
        question.request = i;
        client_send(client, &question);
    }
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, WIRE_ERROR_QUERIES_FAST);
    assert_true(message->request > 20);
    client_close(client);
    case_end(&test);
}

static void test_gateway_reloads_all_or_nothing(void **state)
{
    struct gateway_case test;
    struct gateway_options options;
    char problem[GATEWAY_PROBLEM_SIZE] = "";
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct case_client *old = client_open(&test);
    options = test.options;
    options.limits.orders_burst = 0;
    assert_false(gateway_reload(test.gateway, &options, problem));
    assert_non_null(strstr(problem, "orders_burst"));
    options = test.options;
    options.limits.heartbeat_ms = 5000;
    snprintf(options.identity, sizeof options.identity, "%s/none.pem", test.folder);
    assert_false(gateway_reload(test.gateway, &options, problem));
    assert_non_null(strstr(problem, "none.pem"));
    /* Others can read the key. */
    assert_int_equal(chmod(test.identity, 0640), 0);
    assert_false(gateway_reload(test.gateway, &test.options, problem));
    assert_non_null(strstr(problem, "chmod 600"));
    assert_int_equal(chmod(test.identity, 0600), 0);
    /* Another certificate: clients that pin the old one stay away, and the old client goes on. */
    struct certificate certificate;
    char path[128], why[LINK_PROBLEM_SIZE];
    assert_true(certificate_make(&certificate, why));
    snprintf(path, sizeof path, "%s/new.pem", test.folder);
    assert_true(certificate_save(&certificate, why, path));
    options = test.options;
    snprintf(options.identity, sizeof options.identity, "%s", path);
    assert_true(gateway_reload(test.gateway, &options, problem));
    client_ping(old);
    client_ping(old);
    struct case_client *stranger = calloc(1, sizeof *stranger);
    assert_false(client_shake(&test, stranger, client_dial(&test)));
    client_close(stranger);
    client_ping(old);
    client_close(old);
    unlink(path);
    case_end(&test);
}

static void open_fails(struct gateway_case *test, const char *word)
{
    char problem[GATEWAY_PROBLEM_SIZE] = "";
    struct gateway *gateway = NULL;
    assert_false(gateway_open(&gateway, &test->options, test->port, problem));
    assert_null(gateway);
    if (strstr(problem, word) == NULL) fail_msg("\"%s\" does not say \"%s\"", problem, word);
}

static void test_gateway_says_why_it_cannot_open(void **state)
{
    struct gateway_case test;
    (void)state;
    case_prepare(&test);
    case_start(&test);
    struct gateway_options options = test.options;
    snprintf(test.options.listen, sizeof options.listen, "127.0.0.1");
    open_fails(&test, "HOST:PORT");
    snprintf(test.options.listen, sizeof options.listen, "127.0.0.1:%u",
             gateway_port(test.gateway));
    open_fails(&test, "in use");
    test.options = options;
    snprintf(test.options.identity, sizeof options.identity, "%s", test.folder);
    open_fails(&test, test.folder);
    test.options = options;
    test.options.limits.sessions_max = 0;
    open_fails(&test, "sessions_max");
    test.options = options;
    case_end(&test);
}

/* The last one: what was lowered stays so. Connections take no descriptor that the node needs. */
static void test_gateway_leaves_descriptors_to_the_node(void **state)
{
    struct gateway_case test;
    struct rlimit limit;
    int fds[19];
    uint8_t byte;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 400;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    case_prepare(&test);
    case_start(&test); /* raises what may be raised */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t needed = test.options.limits.sessions_max + 512;
    assert_true(limit.rlim_cur >= (limit.rlim_max < needed ? limit.rlim_max : needed));
    case_end(&test);
    limit.rlim_cur = limit.rlim_max = 512 + 18;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    case_prepare(&test);
    case_start(&test);
    for (int i = 0; i < 19; i++)
        fds[i] = client_dial(&test);
    assert_true(recv(fds[18], &byte, 1, 0) <= 0);
    case_wait_counter(&test, refused_full, 1);
    for (int i = 0; i < 19; i++)
        close(fds[i]);
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway_closes_on_bytes_that_are_no_message),
        cmocka_unit_test(test_gateway_takes_messages_cut_anywhere),
        cmocka_unit_test(test_gateway_survives_bytes_that_are_no_tls),
        cmocka_unit_test(test_gateway_ends_handshakes_that_never_end),
        cmocka_unit_test(test_gateway_lets_clients_in_past_a_flood_of_half_open_connections),
        cmocka_unit_test(test_gateway_shakes_hands_past_a_flood_of_warnings),
        cmocka_unit_test(test_gateway_serves_others_past_a_flood_of_warnings),
        cmocka_unit_test(test_gateway_bounds_connections_and_their_rate),
        cmocka_unit_test(test_gateway_cuts_whoever_is_silent),
        cmocka_unit_test(test_gateway_stops_reading_from_whoever_does_not_read_and_cuts_it),
        cmocka_unit_test(test_gateway_serves_others_past_a_crowd_that_does_not_read),
        cmocka_unit_test(test_gateway_gives_guests_a_share_of_its_time),
        cmocka_unit_test(test_gateway_forwards_questions_and_items),
        cmocka_unit_test(test_gateway_limits_questions),
        cmocka_unit_test(test_gateway_reloads_all_or_nothing),
        cmocka_unit_test(test_gateway_says_why_it_cannot_open),
        cmocka_unit_test(test_gateway_leaves_descriptors_to_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
