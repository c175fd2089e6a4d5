/* Nodes of one process over real sockets, and a rogue. One thread polls all links in turn, so a
 * test reads as a story; nng's own threads are the only others. */
#include "link_case.h"

#include <nng/supplemental/tls/tls.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

int64_t case_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A certificate costs tens of milliseconds, so each program makes its few once. */
static const struct certificate *certificate_of(uint32_t node)
{
    static struct certificate certificates[NODES_MAX];
    char problem[LINK_PROBLEM_SIZE] = "";
    if (certificates[node].certificate[0] == '\0' &&
        !certificate_make(&certificates[node], problem))
        fail_msg("%s", problem);
    return &certificates[node];
}

static int compare_nodes(const void *left, const void *right)
{
    const struct case_node *a = left;
    const struct case_node *b = right;
    return memcmp(a->key.bytes, b->key.bytes, TN_PUBLIC_KEY_SIZE);
}

void case_make(struct link_case *test, uint32_t count)
{
    memset(test, 0, sizeof *test);
    test->count = count;
    memset(test->chain_id.bytes, 7, TN_HASH_SIZE);
    test->memory = aligned_alloc(64, (tn_signatures_size() + 63) / 64 * 64);
    assert_non_null(test->memory);
    tn_signatures_real(&test->signatures, test->memory);
    for (uint32_t i = 0; i < count; i++) {
        struct case_node *node = &test->nodes[i];
        memset(node->secret.bytes, (int)(i + 1), TN_SECRET_KEY_SIZE);
        assert_true(
            test->signatures.public_key(test->signatures.context, &node->key, &node->secret));
    }
    qsort(test->nodes, count, sizeof test->nodes[0], compare_nodes);
    for (uint32_t i = 0; i < count; i++)
        test->nodes[i].certificate = *certificate_of(i);
}

void case_end(struct link_case *test)
{
    for (uint32_t i = 0; i < test->count; i++)
        link_close(test->nodes[i].link);
    free(test->memory);
}

/* The context of a node's keys: the test and the node, in one place. */
struct key_context {
    struct link_case *test;
    struct case_node *node;
};
static struct key_context key_contexts[NODES_MAX];

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest)
{
    const struct key_context *keys = context;
    const struct tn_signatures *signatures = &keys->test->signatures;
    return signatures->sign(signatures->context, signature, digest, &keys->node->secret);
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    const struct tn_signatures *signatures =
        &((const struct key_context *)context)->test->signatures;
    return signatures->verify(signatures->context, digest, signature, key);
}

struct link_nng_peer case_peer(const struct link_case *test, uint32_t node, char address[32])
{
    const struct case_node *it = &test->nodes[node];
    snprintf(address, 32, "127.0.0.1:%u", it->dial_port != 0 ? it->dial_port : it->port);
    return (struct link_nng_peer){.id = (uint16_t)node,
                                  .key = test->nodes[node].key,
                                  .certificate = test->nodes[node].certificate.certificate,
                                  .address = address};
}

void case_peers(struct link_case *test, uint32_t node, uint64_t epoch)
{
    struct link_nng_peer peers[NODES_MAX];
    char addresses[NODES_MAX][32];
    char problem[LINK_PROBLEM_SIZE];
    uint32_t count = 0;
    for (uint32_t i = 0; i < test->count; i++)
        if (i != node) peers[count++] = case_peer(test, i, addresses[i]);
    if (!link_nng_set_peers(test->nodes[node].link, problem, epoch, peers, count))
        fail_msg("%s", problem);
}

void case_start(struct link_case *test, uint32_t number)
{
    struct case_node *node = &test->nodes[number];
    char problem[LINK_PROBLEM_SIZE];
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", node->port);
    key_contexts[number] = (struct key_context){test, node};
    struct link_nng_options options = {
        .chain_id = test->chain_id,
        .key = node->key,
        .keys = {.context = &key_contexts[number], .sign = sign, .verify = verify},
        .certificate = node->certificate.certificate,
        .uses_nng = getenv("TENOR_LINK_NNG") != NULL,
        .private_key = node->certificate.private_key,
        .listen = listen,
        .entropy = number + 1,
        .limits = test->limits};
    if (!link_nng_open(&node->link, problem, &options)) fail_msg("%s", problem);
    node->port = link_nng_port(node->link);
    assert_true(node->port != 0);
    memset(node->from, 0, sizeof node->from);
}

void case_stop(struct link_case *test, uint32_t node)
{
    link_close(test->nodes[node].link);
    test->nodes[node].link = NULL;
}

void case_meet(struct link_case *test)
{
    for (uint32_t i = 0; i < test->count; i++)
        if (test->nodes[i].link != NULL) case_peers(test, i, 40 + i);
}

void case_all_up(struct link_case *test, uint32_t count)
{
    if (test->count == 0) case_make(test, count);
    for (uint32_t i = 0; i < count; i++)
        case_start(test, i);
    case_meet(test);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++)
            if (i != j) CASE_UNTIL(test, case_is_up(test, i, j));
}

bool case_is_up(const struct link_case *test, uint32_t a, uint32_t b)
{
    const struct case_inbox *inbox = &test->nodes[a].from[b];
    return inbox->ups > inbox->downs;
}

/* kind, number, then bytes that follow from both. */
static void fill(uint8_t *bytes, uint8_t kind, uint64_t number, uint32_t size)
{
    uint64_t random = number;
    bytes[0] = kind;
    tn_put_be(bytes + 1, number, 8);
    for (uint32_t i = 9; i < size; i++)
        bytes[i] = (uint8_t)(i % 61 == 0 ? tn_random_next(&random) : i + number);
}

static const uint8_t kinds[TN_PRIORITIES] = {TN_PEER_CERT, TN_PEER_HEADS, TN_PEER_PROPOSAL,
                                             TN_PEER_DATA, TN_PEER_BATCH};

enum link_sent case_send(struct link_case *test, uint32_t a, uint32_t b, enum tn_priority priority,
                         uint64_t number, uint32_t size)
{
    if (test->nodes[a].link == NULL) return LINK_AWAY;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    fill(bytes, kinds[priority], number, size);
    enum link_sent sent = link_send(
        test->nodes[a].link, b == TN_PEER_ALL ? TN_PEER_ALL : (uint16_t)b, priority, bytes, size);
    free(bytes);
    return sent;
}

static void take(struct case_inbox *inbox, const struct link_event *event)
{
    static uint8_t expected[TN_PEER_MESSAGE_MAX];
    if (event->kind == LINK_UP) {
        inbox->ups++;
        inbox->epoch = event->epoch;
    } else if (event->kind == LINK_DOWN) {
        inbox->downs++;
        inbox->reason = event->reason;
    } else {
        enum tn_priority priority = tn_peer_priority(event->bytes[0]);
        uint64_t number = event->size < 9 ? 0 : tn_get_be(event->bytes + 1, 8);
        assert_true(case_now_us() > 0 && event->size <= tn_peer_bytes_max(event->bytes[0]));
        if (event->size >= 9) {
            fill(expected, event->bytes[0], number, event->size);
            if (memcmp(expected, event->bytes, event->size) != 0) inbox->disordered++;
            if (number <= inbox->last[priority]) inbox->disordered++;
            inbox->last[priority] = number;
        }
        inbox->messages[priority]++;
    }
}

bool case_turn_one(struct link_case *test, uint32_t number)
{
    struct case_node *node = &test->nodes[number];
    struct link_event event;
    if (node->link == NULL) return false;
    link_poll(node->link, &event, 0);
    if (event.kind == LINK_NOTHING) return false;
    assert_true(event.peer < TN_PEERS_MAX);
    take(&node->from[event.peer], &event);
    return true;
}

bool case_turn(struct link_case *test)
{
    bool some = false;
    for (uint32_t i = 0; i < test->count; i++)
        some |= case_turn_one(test, i);
    return some;
}

void case_wait(struct link_case *test)
{
    struct pollfd ready[NODES_MAX];
    nfds_t count = 0;
    for (uint32_t i = 0; i < test->count; i++)
        if (test->nodes[i].link != NULL)
            ready[count++] = (struct pollfd){.fd = link_fd(test->nodes[i].link), .events = POLLIN};
    poll(ready, count, 5);
}

void case_pass(struct link_case *test, int64_t ms)
{
    int64_t until_us = case_now_us() + ms * 1000;
    while (case_now_us() < until_us)
        if (!case_turn(test)) case_wait(test);
}

struct link_peer_statistics case_statistics(const struct link_case *test, uint32_t at,
                                            uint32_t about)
{
    struct link_peer_statistics statistics;
    assert_true(link_peer_statistics(test->nodes[at].link, &statistics, (uint16_t)about));
    return statistics;
}

struct link_statistics case_totals(const struct link_case *test, uint32_t at)
{
    struct link_statistics statistics;
    link_statistics(test->nodes[at].link, &statistics);
    return statistics;
}

static void set_up_tls(struct rogue *rogue, const struct link_case *test, uint32_t node,
                       const struct certificate *certificate)
{
    nng_tls_config *config;
    char url[64];
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", test->nodes[node].port);
    assert_int_equal(nng_stream_dialer_alloc(&rogue->dialer, url), 0);
    assert_int_equal(nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT), 0);
    assert_int_equal(
        nng_tls_config_own_cert(config, certificate->certificate, certificate->private_key, NULL),
        0);
    assert_int_equal(
        nng_tls_config_ca_chain(config, test->nodes[node].certificate.certificate, NULL), 0);
    assert_int_equal(nng_tls_config_server_name(config, CERTIFICATE_NAME), 0);
    assert_int_equal(nng_stream_dialer_set_ptr(rogue->dialer, NNG_OPT_TLS_CONFIG, config), 0);
    nng_tls_config_free(config);
}

static void on_dialled(void *context)
{
    struct rogue *rogue = context;
    stream_waker_signal(&rogue->waker);
}

void rogue_open(struct rogue *rogue, struct link_case *test, uint32_t node,
                const struct certificate *certificate)
{
    nng_aio *aio;
    memset(rogue, 0, sizeof *rogue);
    assert_true(stream_waker_open(&rogue->waker));
    set_up_tls(rogue, test, node, certificate);
    assert_int_equal(nng_aio_alloc(&aio, on_dialled, rogue), 0);
    nng_stream_dialer_dial(rogue->dialer, aio);
    CASE_UNTIL(test, atomic_load(&rogue->waker.signalled));
    nng_aio_wait(aio);
    rogue->error = nng_aio_result(aio);
    if (rogue->error == 0) {
        rogue->stream = stream_nng_open(nng_aio_get_output(aio, 0), &rogue->waker);
        assert_non_null(rogue->stream);
    }
    nng_aio_free(aio);
}

void rogue_send(struct rogue *rogue, const void *bytes, size_t size)
{
    assert_int_equal(stream_write(rogue->stream, bytes, size), size);
    stream_flush(rogue->stream);
}

void rogue_send_message(struct rogue *rogue, const void *bytes, uint32_t size)
{
    uint8_t head[4];
    tn_put_be(head, size, 4);
    assert_int_equal(stream_write(rogue->stream, head, 4), 4);
    rogue_send(rogue, bytes, size);
}

/* Takes what has come; whatever does not fit is dropped. */
static void collect(struct rogue *rogue)
{
    struct stream_state state;
    const uint8_t *bytes;
    size_t size;
    stream_probe(rogue->stream);
    stream_look(rogue->stream, &state);
    while ((size = stream_peek(rogue->stream, &bytes)) > 0) {
        size_t room = sizeof rogue->bytes - rogue->count;
        memcpy(rogue->bytes + rogue->count, bytes, size < room ? size : room);
        rogue->count += (uint32_t)(size < room ? size : room);
        stream_consume(rogue->stream, size);
    }
    rogue->error = state.error;
}

static bool has(struct rogue *rogue, uint32_t count)
{
    collect(rogue);
    return rogue->count >= count || rogue->error != 0;
}

bool rogue_wait(struct rogue *rogue, struct link_case *test, uint32_t count)
{
    CASE_UNTIL(test, has(rogue, count));
    return rogue->count >= count;
}

void rogue_wait_end(struct rogue *rogue, struct link_case *test)
{
    CASE_UNTIL(test, has(rogue, UINT32_MAX));
}

void rogue_close(struct rogue *rogue)
{
    if (rogue->stream != NULL) stream_free(rogue->stream);
    nng_stream_dialer_close(rogue->dialer);
    nng_stream_dialer_free(rogue->dialer);
    stream_waker_close(&rogue->waker);
    memset(rogue, 0, sizeof *rogue);
}

void rogue_hello(struct hello *hello, const struct link_case *test, uint32_t from, uint32_t to,
                 enum link_class class)
{
    char problem[LINK_PROBLEM_SIZE];
    const struct case_node *dialler = &test->nodes[from];
    const struct case_node *listener = &test->nodes[to];
    memset(hello, 0, sizeof *hello);
    hello->chain_id = test->chain_id;
    hello->class = class;
    hello->dialler_epoch = 3;
    hello->dialler_key = dialler->key;
    hello->listener_key = listener->key;
    memset(hello->dialler_nonce, 0x5a, sizeof hello->dialler_nonce);
    assert_true(certificate_fingerprint(&hello->dialler_certificate, problem,
                                        dialler->certificate.certificate));
    assert_true(certificate_fingerprint(&hello->listener_certificate, problem,
                                        listener->certificate.certificate));
}

bool rogue_handshake(struct rogue *rogue, struct link_case *test, struct hello *hello,
                     const struct tn_secret_key *secret)
{
    uint8_t bytes[HELLO_BYTES];
    uint8_t proof[HELLO_PROOF_BYTES];
    struct tn_signature signature;
    struct tn_hash digest;
    hello_write(bytes, hello);
    rogue->count = 0;
    rogue_send_message(rogue, bytes, sizeof bytes);
    if (!rogue_wait(rogue, test, 4 + HELLO_REPLY_BYTES)) return false;
    assert_true(hello_read_reply(hello, rogue->bytes + 4, HELLO_REPLY_BYTES));
    hello_digest(&digest, hello, HELLO_DIALLER);
    assert_true(test->signatures.sign(test->signatures.context, &signature, &digest, secret));
    hello_write_proof(proof, &signature);
    rogue_send_message(rogue, proof, sizeof proof);
    return rogue_wait(rogue, test, 4 + HELLO_REPLY_BYTES + 4 + HELLO_PROOF_BYTES);
}
