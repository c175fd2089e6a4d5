/* Who must not get in, and what must not be believed: each rogue has everything right but one
 * thing.
 *
 * Node 0 listens, node 1 is the peer whose part the rogues play: it never runs but where a test
 * says so. */
#include "link_case.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void listen_as_0(struct link_case *test)
{
    if (test->count == 0) case_make(test, 3);
    case_start(test, 0);
    case_peers(test, 0, 5);
}

static uint64_t refused(const struct link_case *test, enum link_reason reason)
{
    return case_totals(test, 0).refused[reason];
}

/* The one that the others differ from. */
static void test_link_lets_a_rogue_in_that_has_everything_right(void **state)
{
    struct link_case test = {0};
    struct rogue votes, bulk;
    struct hello hello;
    struct tn_signature signature;
    struct tn_hash digest;
    (void)state;
    listen_as_0(&test);
    rogue_open(&votes, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
    assert_true(rogue_handshake(&votes, &test, &hello, &test.nodes[1].secret));
    /* The listener has proven itself too. */
    const uint8_t *proof = votes.bytes + 4 + HELLO_REPLY_BYTES + 4;
    assert_true(hello_read_proof(&signature, proof, HELLO_PROOF_BYTES));
    hello_digest(&digest, &hello, HELLO_LISTENER);
    assert_true(
        test.signatures.verify(test.signatures.context, &digest, &signature, &test.nodes[0].key));
    assert_int_equal(hello.listener_epoch, 5);
    assert_int_equal(test.nodes[0].from[1].ups, 0); /* one of two */
    rogue_open(&bulk, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_BULK);
    assert_true(rogue_handshake(&bulk, &test, &hello, &test.nodes[1].secret));
    CASE_UNTIL(&test, test.nodes[0].from[1].ups == 1);
    assert_int_equal(test.nodes[0].from[1].epoch, 3);
    rogue_close(&votes);
    CASE_UNTIL(&test, test.nodes[0].from[1].downs == 1);
    rogue_wait_end(&bulk, &test); /* the end of one is the end of both */
    rogue_close(&bulk);
    case_end(&test);
}

static void close_both(struct rogue rogues[LINK_CLASSES])
{
    for (uint32_t class = 0; class < LINK_CLASSES; class ++)
        rogue_close(&rogues[class]);
}

static uint64_t silences(const struct link_case *test)
{
    return case_statistics(test, 0, 1).downs[LINK_REASON_SILENT];
}

/* Opens both connections of node 1 by hand. Where silence is short and the machine busy, one may be
 * cut while the other still shakes hands: then both begin again. */
static void play_1(struct link_case *test, struct rogue rogues[LINK_CLASSES])
{
    const uint32_t ups = test->nodes[0].from[1].ups;
    const int64_t give_up_us = case_now_us() + 60000000;
    for (;;) {
        const uint64_t cut = silences(test);
        for (enum link_class class = 0; class < LINK_CLASSES; class ++) {
            struct hello hello;
            rogue_open(&rogues[class], test, 0, &test->nodes[1].certificate);
            rogue_hello(&hello, test, 1, 0, class);
            assert_true(rogue_handshake(&rogues[class], test, &hello, &test->nodes[1].secret));
        }
        CASE_UNTIL(test, test->nodes[0].from[1].ups > ups || silences(test) > cut);
        if (test->nodes[0].from[1].ups > ups) break;
        assert_true(case_now_us() < give_up_us);
        close_both(rogues);
    }
    assert_int_equal(test->nodes[0].from[1].ups, ups + 1);
}

static void test_link_refuses_a_certificate_that_is_not_pinned(void **state)
{
    struct link_case test = {0};
    struct certificate stranger;
    char problem[LINK_PROBLEM_SIZE];
    struct rogue rogue;
    struct hello hello;
    (void)state;
    assert_true(certificate_make(&stranger, problem));
    listen_as_0(&test);
    rogue_open(&rogue, &test, 0, &stranger);
    rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
    assert_false(rogue_handshake(&rogue, &test, &hello, &test.nodes[1].secret));
    CASE_UNTIL(&test, refused(&test, LINK_REASON_CERTIFICATE) == 1);
    rogue_close(&rogue);
    case_end(&test);
}

static void test_link_refuses_the_right_certificate_with_a_wrong_vote_key(void **state)
{
    struct link_case test = {0};
    struct rogue rogue;
    struct hello hello;
    (void)state;
    listen_as_0(&test);
    rogue_open(&rogue, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
    assert_false(rogue_handshake(&rogue, &test, &hello, &test.nodes[2].secret));
    CASE_UNTIL(&test, refused(&test, LINK_REASON_FORGED) == 1);
    assert_int_equal(case_statistics(&test, 0, 1).downs[LINK_REASON_FORGED], 1);
    rogue_close(&rogue);
    case_end(&test);
}

/* Each hello differs in one field from one that is let in, and is signed rightly. */
static void test_link_refuses_a_hello_that_names_another_chain_or_end(void **state)
{
    struct link_case test = {0};
    (void)state;
    listen_as_0(&test);
    for (uint32_t wrong = 0; wrong < 5; wrong++) {
        struct rogue rogue;
        struct hello hello;
        uint64_t before = refused(&test, LINK_REASON_STRANGER);
        rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
        if (wrong == 0) hello.chain_id.bytes[31] ^= 1;
        if (wrong == 1) hello.listener_key = test.nodes[2].key; /* meant for another */
        if (wrong == 2) hello.dialler_key = test.nodes[2].key;  /* with 1's certificate */
        if (wrong == 3) hello.dialler_certificate.bytes[0] ^= 1;
        if (wrong == 4) hello.dialler_key = test.nodes[0].key; /* the listener's own */
        rogue_open(&rogue, &test, 0, &test.nodes[1].certificate);
        assert_false(rogue_handshake(&rogue, &test, &hello, &test.nodes[1].secret));
        CASE_UNTIL(&test, refused(&test, LINK_REASON_STRANGER) == before + 1);
        rogue_close(&rogue);
    }
    case_end(&test);
}

/* A node with a smaller key is dialled, it does not dial. */
static void test_link_refuses_a_peer_that_should_be_dialled(void **state)
{
    struct link_case test = {0};
    struct rogue rogue;
    struct hello hello;
    (void)state;
    case_make(&test, 3);
    case_start(&test, 1);
    case_peers(&test, 1, 5);
    rogue_open(&rogue, &test, 1, &test.nodes[0].certificate);
    rogue_hello(&hello, &test, 0, 1, LINK_VOTES);
    assert_false(rogue_handshake(&rogue, &test, &hello, &test.nodes[0].secret));
    CASE_UNTIL(&test, case_totals(&test, 1).refused[LINK_REASON_CERTIFICATE] == 1);
    rogue_close(&rogue);
    case_end(&test);
}

static void test_link_refuses_a_replayed_hello_and_proof(void **state)
{
    struct link_case test = {0};
    struct rogue first, second;
    struct hello hello;
    uint8_t said[HELLO_BYTES];
    uint8_t proof[HELLO_PROOF_BYTES];
    struct tn_signature signature;
    struct tn_hash digest;
    (void)state;
    listen_as_0(&test);
    rogue_open(&first, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
    hello_write(said, &hello);
    assert_true(rogue_handshake(&first, &test, &hello, &test.nodes[1].secret));
    hello_digest(&digest, &hello, HELLO_DIALLER);
    assert_true(
        test.signatures.sign(test.signatures.context, &signature, &digest, &test.nodes[1].secret));
    hello_write_proof(proof, &signature);
    /* The same bytes again; the certificate is known to whoever replays, so not even TLS helps. */
    rogue_open(&second, &test, 0, &test.nodes[1].certificate);
    rogue_send_message(&second, said, sizeof said);
    assert_true(rogue_wait(&second, &test, 4 + HELLO_REPLY_BYTES));
    rogue_send_message(&second, proof, sizeof proof);
    CASE_UNTIL(&test, refused(&test, LINK_REASON_FORGED) == 1);
    rogue_wait_end(&second, &test);
    /* Nor is the listener's own proof taken back as the dialler's. */
    rogue_close(&second);
    rogue_open(&second, &test, 0, &test.nodes[1].certificate);
    rogue_send_message(&second, said, sizeof said);
    assert_true(rogue_wait(&second, &test, 4 + HELLO_REPLY_BYTES));
    rogue_send(&second, first.bytes + 4 + HELLO_REPLY_BYTES, 4 + HELLO_PROOF_BYTES);
    CASE_UNTIL(&test, refused(&test, LINK_REASON_FORGED) == 2);
    rogue_close(&first);
    rogue_close(&second);
    case_end(&test);
}

static void test_link_refuses_a_proof_for_the_other_class(void **state)
{
    struct link_case test = {0};
    struct rogue rogue;
    struct hello hello;
    struct tn_signature signature;
    struct tn_hash digest;
    uint8_t bytes[HELLO_BYTES], proof[HELLO_PROOF_BYTES];
    (void)state;
    listen_as_0(&test);
    rogue_open(&rogue, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_BULK);
    hello_write(bytes, &hello);
    rogue_send_message(&rogue, bytes, sizeof bytes);
    assert_true(rogue_wait(&rogue, &test, 4 + HELLO_REPLY_BYTES));
    assert_true(hello_read_reply(&hello, rogue.bytes + 4, HELLO_REPLY_BYTES));
    hello.class = LINK_VOTES;
    hello_digest(&digest, &hello, HELLO_DIALLER);
    assert_true(
        test.signatures.sign(test.signatures.context, &signature, &digest, &test.nodes[1].secret));
    hello_write_proof(proof, &signature);
    rogue_send_message(&rogue, proof, sizeof proof);
    CASE_UNTIL(&test, refused(&test, LINK_REASON_FORGED) == 1);
    rogue_close(&rogue);
    case_end(&test);
}

/* Bytes that end a connection at once, in the handshake and after it. */
static void test_link_ends_a_connection_at_the_first_bad_head(void **state)
{
    static const struct {
        uint8_t head[5];
        bool handshake;
        enum link_reason reason;
    } cases[] = {
        {{0, 0, 0, 0, TN_PEER_VOTE}, true, LINK_REASON_MALFORMED},
        {{0, 0, 0, 50, TN_PEER_VOTE}, true, LINK_REASON_MALFORMED}, /* before the handshake */
        {{0x7f, 0xff, 0xff, 0xff, LINK_KIND_HELLO}, true, LINK_REASON_OVERSIZE},
        {{0, 0, 0, 20, LINK_KIND_HELLO}, true, LINK_REASON_NONE}, /* waits for the rest */
        {{0, 0, 0, 0, TN_PEER_VOTE}, false, LINK_REASON_MALFORMED},
        {{0, 0, 0, 1, 200}, false, LINK_REASON_MALFORMED},
        {{0, 0, 0, 1, LINK_KIND_HELLO}, false, LINK_REASON_MALFORMED},
        {{0, 0, 1, 1, TN_PEER_VOTE}, false, LINK_REASON_OVERSIZE}, /* 257 */
        {{0, 0x50, 0, 1, TN_PEER_DATA}, false, LINK_REASON_OVERSIZE},
        {{0xff, 0xff, 0xff, 0xff, TN_PEER_BATCH}, false, LINK_REASON_OVERSIZE},
        {{0, 0, 0, 10, LINK_KIND_PING}, false, LINK_REASON_OVERSIZE},
        {{0, 0, 0, 8, LINK_KIND_PING}, false, LINK_REASON_NONE},
    };
    struct link_case test = {0};
    (void)state;
    case_make(&test, 2);
    test.limits.address_accepts_per_second = 1000;
    listen_as_0(&test);
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rogue rogues[LINK_CLASSES];
        struct rogue *rogue = &rogues[i % LINK_CLASSES];
        uint64_t before = refused(&test, cases[i].reason);
        if (cases[i].handshake)
            rogue_open(rogue, &test, 0, &test.nodes[1].certificate);
        else
            play_1(&test, rogues);
        rogue_send(rogue, cases[i].head, sizeof cases[i].head);
        if (cases[i].reason == LINK_REASON_NONE) {
            case_pass(&test, 20);
            assert_int_equal(test.nodes[0].from[1].ups - test.nodes[0].from[1].downs,
                             !cases[i].handshake);
        } else {
            rogue_wait_end(rogue, &test);
            if (cases[i].handshake)
                assert_int_equal(refused(&test, cases[i].reason), before + 1);
            else
                assert_int_equal(test.nodes[0].from[1].reason, cases[i].reason);
        }
        if (cases[i].handshake)
            rogue_close(rogue);
        else
            close_both(rogues);
        CASE_UNTIL(&test, !case_is_up(&test, 0, 1) && case_totals(&test, 0).half_open == 0);
    }
    case_end(&test);
}

static void test_link_takes_no_message_of_a_peer_that_is_not_up(void **state)
{
    static const uint8_t vote[] = {TN_PEER_VOTE, 1, 2};
    struct link_case test = {0};
    struct rogue rogue;
    struct hello hello;
    (void)state;
    listen_as_0(&test);
    rogue_open(&rogue, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_VOTES);
    assert_true(rogue_handshake(&rogue, &test, &hello, &test.nodes[1].secret));
    rogue_send_message(&rogue, vote, sizeof vote);
    case_pass(&test, 50);
    assert_int_equal(test.nodes[0].from[1].messages[TN_PRIORITY_VOTE], 0);
    struct rogue bulk;
    rogue_open(&bulk, &test, 0, &test.nodes[1].certificate);
    rogue_hello(&hello, &test, 1, 0, LINK_BULK);
    assert_true(rogue_handshake(&bulk, &test, &hello, &test.nodes[1].secret));
    CASE_UNTIL(&test, test.nodes[0].from[1].messages[TN_PRIORITY_VOTE] == 1);
    assert_int_equal(test.nodes[0].from[1].ups, 1);
    rogue_close(&rogue);
    rogue_close(&bulk);
    case_end(&test);
}

static void test_link_newer_connection_of_a_peer_replaces_the_older(void **state)
{
    struct link_case test = {0};
    struct rogue older[LINK_CLASSES], newer[LINK_CLASSES];
    (void)state;
    listen_as_0(&test);
    play_1(&test, older);
    play_1(&test, newer);
    assert_int_equal(test.nodes[0].from[1].downs, 1);
    assert_int_equal(test.nodes[0].from[1].reason, LINK_REASON_REPLACED);
    rogue_wait_end(&older[0], &test);
    rogue_wait_end(&older[1], &test);
    close_both(older);
    case_pass(&test, 30);
    assert_true(case_is_up(&test, 0, 1));
    close_both(newer);
    case_end(&test);
}

static void test_link_cuts_a_peer_that_says_nothing(void **state)
{
    struct link_case test = {0};
    struct rogue rogues[LINK_CLASSES];
    (void)state;
    case_make(&test, 2);
    test.limits.silent_ms = 1000;
    test.limits.ping_ms = 50;
    listen_as_0(&test);
    play_1(&test, rogues); /* which never answers a ping */
    CASE_UNTIL(&test, test.nodes[0].from[1].downs == 1);
    assert_int_equal(test.nodes[0].from[1].reason, LINK_REASON_SILENT);
    close_both(rogues);
    case_end(&test);
}

/* It pings, so it is not silent, but it takes nothing. */
static void test_link_cuts_a_peer_that_takes_nothing(void **state)
{
    static const uint8_t ping[9] = {LINK_KIND_PING};
    struct link_case test = {0};
    struct rogue rogues[LINK_CLASSES];
    uint64_t number = 1;
    (void)state;
    case_make(&test, 2);
    test.limits.silent_ms = 1500;
    listen_as_0(&test);
    play_1(&test, rogues);
    while (test.nodes[0].from[1].downs == 0) {
        while (case_send(&test, 0, 1, TN_PRIORITY_BATCH, number, 1000000) == LINK_SENT)
            number++;
        for (uint32_t class = 0; class < LINK_CLASSES; class ++)
            if (stream_room(rogues[class].stream) > 13)
                rogue_send_message(&rogues[class], ping, sizeof ping);
        case_pass(&test, 30);
        assert_true(number < 1000);
    }
    assert_int_equal(test.nodes[0].from[1].reason, LINK_REASON_SLOW);
    assert_true(case_statistics(&test, 0, 1).refused_full[TN_PRIORITY_BATCH] > 0);
    close_both(rogues);
    case_end(&test);
}

static void test_link_cuts_a_peer_that_floods_it_with_pings(void **state)
{
    struct link_case test = {0};
    struct rogue rogues[LINK_CLASSES];
    uint8_t pings[13 * 100];
    (void)state;
    listen_as_0(&test);
    play_1(&test, rogues);
    for (uint32_t i = 0; i < 100; i++) {
        tn_put_be(pings + 13 * i, 9, 4);
        memset(pings + 13 * i + 4, 0, 9);
        pings[13 * i + 4] = i % 2 == 0 ? LINK_KIND_PING : LINK_KIND_PONG;
    }
    for (uint32_t sent = 0; test.nodes[0].from[1].downs == 0; sent++) {
        if (stream_room(rogues[1].stream) >= sizeof pings)
            rogue_send(&rogues[1], pings, sizeof pings);
        else
            case_turn(&test);
        rogue_wait(&rogues[1], &test, 0);
    }
    assert_int_equal(test.nodes[0].from[1].reason, LINK_REASON_PINGS);
    close_both(rogues);
    case_end(&test);
}

static void test_link_cuts_a_handshake_that_takes_too_long(void **state)
{
    struct link_case test = {0};
    struct rogue rogue;
    (void)state;
    case_make(&test, 2);
    test.limits.handshake_ms = 300;
    listen_as_0(&test);
    rogue_open(&rogue, &test, 0, &test.nodes[1].certificate);
    CASE_UNTIL(&test, refused(&test, LINK_REASON_TIMEOUT) == 1);
    rogue_wait_end(&rogue, &test);
    rogue_close(&rogue);
    case_end(&test);
}

/* A TCP connection that says nothing, from an address of loopback; -1: not connected. */
static int connect_silently(uint16_t port, const char *from)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, from, &address.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    address.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr), 1);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof address);
    return fd;
}

enum { FLOOD = 400 };

/* A place where connections are neither accepted nor refused: its short list is full. */
static void test_link_gives_up_a_dial_that_nobody_answers_and_tries_again(void **state)
{
    struct link_case test = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int waiting[3];
    (void)state;
    case_make(&test, 2);
    test.limits.handshake_ms = 150;
    test.limits.retry_max_ms = 100;
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr), 1);
    assert_int_equal(bind(silent, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(silent, 0), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &size), 0);
    for (uint32_t i = 0; i < 3; i++)
        waiting[i] = connect_silently(ntohs(address.sin_port), "127.0.0.1");
    test.nodes[0].dial_port = ntohs(address.sin_port);
    case_start(&test, 1);
    case_peers(&test, 1, 1);
    CASE_UNTIL(&test, case_statistics(&test, 1, 0).downs[LINK_REASON_TIMEOUT] >= 4);
    case_pass(&test, 100); /* it may be dialling when it is closed */
    case_end(&test);
    for (uint32_t i = 0; i < 3; i++)
        close(waiting[i]);
    close(silent);
}

static void test_link_flood_of_half_open_connections_leaves_room_for_peers(void **state)
{
    struct link_case test = {0};
    static int flood[FLOOD];
    (void)state;
    case_make(&test, 2);
    test.limits.half_open_max = 8;
    test.limits.handshake_ms = 20000;            /* they would stay for long */
    test.limits.address_accepts_per_second = 10; /* far fewer than come */
    listen_as_0(&test);
    for (uint32_t i = 0; i < FLOOD; i++) { /* from four addresses, none of them a peer's */
        static const char *const from[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"};
        flood[i] = connect_silently(test.nodes[0].port, from[i % 4]);
        /* What overflows the kernel's queue of connections may never be accepted. */
        CASE_UNTIL(&test, case_totals(&test, 0).accepted + 32 > i);
    }
    CASE_UNTIL(&test, case_totals(&test, 0).accepted >= FLOOD);
    assert_int_equal(case_totals(&test, 0).half_open, 8);
    assert_true(refused(&test, LINK_REASON_RATE) > 0);
    assert_true(refused(&test, LINK_REASON_FULL) > 0);
    case_start(&test, 1); /* all places are taken, but its address is known */
    case_peers(&test, 1, 5);
    CASE_UNTIL(&test, case_is_up(&test, 0, 1) && case_is_up(&test, 1, 0));
    assert_int_equal(test.nodes[1].from[0].downs, 0);
    assert_int_equal(case_statistics(&test, 1, 0).downs[LINK_REASON_TIMEOUT], 0);
    for (uint32_t i = 0; i < FLOOD; i++)
        close(flood[i]);
    case_end(&test);
}

static void test_link_one_address_gets_so_many_connections_a_second(void **state)
{
    struct link_case test = {0};
    int flood[40];
    (void)state;
    case_make(&test, 2);
    test.limits.address_accepts_per_second = 5;
    listen_as_0(&test);
    for (uint32_t i = 0; i < 40; i++)
        flood[i] = connect_silently(test.nodes[0].port, i < 20 ? "127.0.0.2" : "127.0.0.3");
    CASE_UNTIL(&test, case_totals(&test, 0).accepted == 40);
    uint64_t held_back = refused(&test, LINK_REASON_RATE);
    assert_true(held_back >= 20 && held_back <= 30); /* a second may have passed meanwhile */
    for (uint32_t i = 0; i < 40; i++)
        close(flood[i]);
    case_end(&test);
}

/* Bytes that are no TLS at all. */
static void test_link_survives_garbage_instead_of_tls(void **state)
{
    struct link_case test = {0};
    (void)state;
    case_make(&test, 2);
    test.limits.handshake_ms = 500; /* it may look like the head of a long record */
    listen_as_0(&test);
    uint8_t garbage[600];
    for (uint32_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)(i * 7 + 0x16);
    int fd = connect_silently(test.nodes[0].port, "127.0.0.1");
    case_pass(&test, 20);
    assert_int_equal(send(fd, garbage, sizeof garbage, MSG_NOSIGNAL), sizeof garbage);
    CASE_UNTIL(&test, refused(&test, LINK_REASON_CERTIFICATE) + refused(&test, LINK_REASON_BROKEN) +
                              refused(&test, LINK_REASON_TIMEOUT) +
                              refused(&test, LINK_REASON_CLOSED) ==
                          1);
    close(fd);
    assert_int_equal(case_totals(&test, 0).half_open, 0);
    case_end(&test);
}

/* Who answers at a peer's address with another certificate hears no hello. */
static void test_link_dialler_refuses_an_impostor(void **state)
{
    struct link_case test = {0};
    struct certificate stranger;
    char problem[LINK_PROBLEM_SIZE];
    (void)state;
    case_make(&test, 2);
    assert_true(certificate_make(&stranger, problem));
    case_start(&test, 1);
    struct certificate real = test.nodes[0].certificate;
    test.nodes[0].certificate = stranger;
    case_start(&test, 0);
    case_peers(&test, 0, 1);
    test.nodes[0].certificate = real;
    case_peers(&test, 1, 1);
    CASE_UNTIL(&test, case_statistics(&test, 1, 0).downs[LINK_REASON_CERTIFICATE] >= 2);
    assert_int_equal(case_statistics(&test, 1, 0).bytes_received, 0);
    assert_false(case_is_up(&test, 0, 1) || case_is_up(&test, 1, 0));
    case_stop(&test, 0);
    case_start(&test, 0); /* the real one */
    case_peers(&test, 0, 1);
    CASE_UNTIL(&test, case_is_up(&test, 0, 1) && case_is_up(&test, 1, 0));
    case_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_lets_a_rogue_in_that_has_everything_right),
        cmocka_unit_test(test_link_refuses_a_certificate_that_is_not_pinned),
        cmocka_unit_test(test_link_refuses_the_right_certificate_with_a_wrong_vote_key),
        cmocka_unit_test(test_link_refuses_a_hello_that_names_another_chain_or_end),
        cmocka_unit_test(test_link_refuses_a_peer_that_should_be_dialled),
        cmocka_unit_test(test_link_refuses_a_replayed_hello_and_proof),
        cmocka_unit_test(test_link_refuses_a_proof_for_the_other_class),
        cmocka_unit_test(test_link_ends_a_connection_at_the_first_bad_head),
        cmocka_unit_test(test_link_takes_no_message_of_a_peer_that_is_not_up),
        cmocka_unit_test(test_link_newer_connection_of_a_peer_replaces_the_older),
        cmocka_unit_test(test_link_cuts_a_peer_that_says_nothing),
        cmocka_unit_test(test_link_cuts_a_peer_that_takes_nothing),
        cmocka_unit_test(test_link_cuts_a_peer_that_floods_it_with_pings),
        cmocka_unit_test(test_link_cuts_a_handshake_that_takes_too_long),
        cmocka_unit_test(test_link_gives_up_a_dial_that_nobody_answers_and_tries_again),
        cmocka_unit_test(test_link_flood_of_half_open_connections_leaves_room_for_peers),
        cmocka_unit_test(test_link_one_address_gets_so_many_connections_a_second),
        cmocka_unit_test(test_link_survives_garbage_instead_of_tls),
        cmocka_unit_test(test_link_dialler_refuses_an_impostor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
