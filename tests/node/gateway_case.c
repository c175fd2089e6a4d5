/* The node that a test plays, and clients over real TLS. */
#include "gateway_case.h"

#include "link/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(void)
{
    const struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
}

/* ---- The case ---------------------------------------------------------------------------------
 */

/* A certificate costs tens of milliseconds, so each program makes one. */
static const struct certificate *own_certificate(void)
{
    static struct certificate certificate;
    char problem[LINK_PROBLEM_SIZE] = "";
    if (certificate.certificate[0] == '\0' && !certificate_make(&certificate, problem))
        fail_msg("%s", problem);
    return &certificate;
}

void case_prepare(struct gateway_case *test)
{
    char problem[LINK_PROBLEM_SIZE] = "";
    memset(test, 0, sizeof *test);
    test->signatures_memory = aligned_alloc(64, (tn_signatures_size() + 63) / 64 * 64);
    assert_non_null(test->signatures_memory);
    tn_signatures_real(&test->signatures, test->signatures_memory);
    memset(test->key.bytes, 9, sizeof test->key.bytes);
    assert_true(
        test->signatures.public_key(test->signatures.context, &test->public_key, &test->key));
    snprintf(test->folder, sizeof test->folder, "/tmp/gateway-case-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    snprintf(test->identity, sizeof test->identity, "%s/identity.pem", test->folder);
    if (!certificate_save(own_certificate(), problem, test->identity)) fail_msg("%s", problem);
    test->height = CASE_HEIGHT;
    test->term = 1;
    struct gateway_options *options = &test->options;
    snprintf(options->listen, sizeof options->listen, "127.0.0.1:0");
    snprintf(options->identity, sizeof options->identity, "%s", test->identity);
    snprintf(options->name, sizeof options->name, "node-under-test");
    memset(options->chain_id, 0xc4, sizeof options->chain_id);
    feed_options_default(&options->feed);
    options->feed.markets[0] = (struct feed_market_limits){
        .market = CASE_MARKET, .series_max = 64, .orders_max = 1024, .levels_max = 256};
    gateway_limits_default(&options->limits);
    options->limits.sessions_max = 64;
    options->limits.history_bytes = 4u << 20;
    options->signatures = &test->signatures;
    test->port = port_make(1u << 18, 1u << 20);
    assert_non_null(test->port);
}

static struct port_head head_of(const struct gateway_case *test)
{
    return (struct port_head){.market = CASE_MARKET,
                              .term = test->term,
                              .leader = 1,
                              .sequence = test->sequence,
                              .cursor = test->height};
}

void node_state(struct gateway_case *test, enum port_node_state state)
{
    struct port_state told = {.state = state, .markets_count = 1};
    told.height = test->height;
    told.time_ms = CASE_TIME_MS;
    memcpy(told.chain_id, test->options.chain_id, sizeof told.chain_id);
    told.heads[0] = head_of(test);
    port_tell(test->port, PORT_STATE, 0, &told, sizeof told);
    port_tell_flush(test->port);
}

void case_start(struct gateway_case *test)
{
    node_state(test, PORT_READY);
    if (!gateway_open(&test->gateway, &test->options, test->port, test->problem))
        fail_msg("%s", test->problem);
}

void case_end(struct gateway_case *test)
{
    gateway_close(test->gateway);
    port_free(test->port);
    free(test->signatures_memory);
    unlink(test->identity);
    rmdir(test->folder);
}

uint64_t case_counter(struct gateway_case *test, size_t offset)
{
    struct gateway_counters counters;
    uint64_t value;
    gateway_counters(test->gateway, &counters);
    memcpy(&value, (const uint8_t *)&counters + offset, sizeof value);
    return value;
}

void case_wait(struct gateway_case *test, size_t offset, uint64_t value, const char *name)
{
    int64_t until_ms = now_ms() + CASE_WAIT_MS;
    while (case_counter(test, offset) != value) {
        if (now_ms() > until_ms)
            fail_msg("%s is %llu, not %llu", name, (unsigned long long)case_counter(test, offset),
                     (unsigned long long)value);
        nap();
    }
}

/* ---- The node ---------------------------------------------------------------------------------
 */

static void tell_empty_snapshot(struct gateway_case *test)
{
    struct port_snapshot *snapshot = calloc(1, sizeof *snapshot);
    assert_non_null(snapshot);
    snapshot->is_first = snapshot->is_last = true;
    snapshot->height = test->height;
    snapshot->time_ms = CASE_TIME_MS;
    port_tell_snapshot(test->port, snapshot);
    port_tell_flush(test->port);
}

static bool next_ask(struct gateway_case *test, struct port_message *message, int wait_ms)
{
    int64_t until_ms = now_ms() + wait_ms;
    do {
        while (port_next_ask(test->port, message)) {
            if (message->kind != PORT_SNAPSHOT) return true;
            tell_empty_snapshot(test);
        }
        nap();
    } while (now_ms() < until_ms);
    return false;
}

/* A frame of a connection comes with what the gateway has checked of it: the signature that the
 * entry ends with. The rest is the frame. */
static void take_checked(struct port_message *message)
{
    struct tn_member_signed checked;
    assert_true(message->size > sizeof checked + TN_SIGNATURE_SIZE);
    memcpy(&checked, message->bytes, sizeof checked);
    message->kind = PORT_FRAME;
    message->bytes += sizeof checked;
    message->size -= sizeof checked;
    assert_memory_equal(checked.signature.bytes, message->bytes + message->size - TN_SIGNATURE_SIZE,
                        TN_SIGNATURE_SIZE);
}

struct port_message node_ask(struct gateway_case *test, enum port_ask kind)
{
    struct port_message message;
    if (!next_ask(test, &message, CASE_WAIT_MS)) fail_msg("nothing was asked");
    if (kind == PORT_FRAME && message.kind == PORT_CHECKED) take_checked(&message);
    if (kind == PORT_FRAME && message.kind == PORT_CHECKED) {
        /* The same frame behind what the gateway has found of it. */
        const struct tn_member_signed *checked = (const void *)message.bytes;
        assert_true(message.size > sizeof *checked);
        assert_memory_equal(&checked->key, &test->public_key, sizeof test->public_key);
        message.bytes += sizeof *checked;
        message.size -= sizeof *checked;
        return message;
    }
    assert_int_equal(message.kind, kind);
    return message;
}

void node_quiet(struct gateway_case *test, int wait_ms)
{
    struct port_message message;
    if (next_ask(test, &message, wait_ms)) fail_msg("an ask of kind %u came", message.kind);
}

void node_session(struct gateway_case *test, uint64_t tag, int64_t expires_ms, uint64_t nonce_top)
{
    const struct port_session session = {
        .exists = true,
        .market = CASE_MARKET,
        .account = CASE_ACCOUNT,
        .scope = 31,
        .session = CASE_SESSION,
        .nonce_top = nonce_top,
        .expires_ms = expires_ms,
        .time_ms = CASE_TIME_MS,
        .key = test->public_key,
    };
    port_tell(test->port, PORT_SESSION_IS, tag, &session, sizeof session);
    port_tell_flush(test->port);
}

void node_answer(struct gateway_case *test, uint64_t tag, const struct port_answer *answer,
                 const struct tn_event *events)
{
    const struct port_piece pieces[] = {{answer, sizeof *answer},
                                        {events, answer->events_count * sizeof *events}};
    port_tell_pieces(test->port, PORT_ANSWER, tag, pieces, answer->events_count > 0 ? 2 : 1);
    port_tell_flush(test->port);
}

struct tn_event node_result(uint32_t account, enum tn_reject reject)
{
    return (struct tn_event){
        .kind = TN_EVENT_RESULT, .account = account, .reject = (uint16_t)reject};
}

void node_soft(struct gateway_case *test, uint64_t tag, uint64_t nonce)
{
    const struct tn_event events[] = {node_result(CASE_ACCOUNT, TN_REJECT_NONE),
                                      node_result(CASE_ACCOUNT + 1, TN_REJECT_NONE)};
    const struct port_answer answer = {.kind = TN_MEMBER_SOFT,
                                       .market = CASE_MARKET,
                                       .term = test->term,
                                       .sequence = test->sequence + 1,
                                       .index = 2,
                                       .session = CASE_SESSION,
                                       .nonce = nonce,
                                       .events_count = 2};
    node_answer(test, tag, &answer, events);
}

void node_step(struct gateway_case *test, uint32_t account, uint64_t nonce,
               const struct tn_event *events, uint32_t count)
{
    const struct port_step step = {
        .block = test->height + 1,
        .time_ms = CASE_TIME_MS,
        .market = CASE_MARKET,
        .term = test->term,
        .sequence = test->sequence + 1,
        .entry = 2,
        .account = account,
        .session = account == CASE_ACCOUNT && nonce > 0 ? CASE_SESSION : 0,
        .nonce = nonce,
        .events_count = count,
    };
    const struct port_piece pieces[] = {{&step, sizeof step}, {events, count * sizeof *events}};
    port_tell_pieces(test->port, PORT_STEP, 0, pieces, 2);
}

void node_block(struct gateway_case *test, uint64_t cursor)
{
    struct port_block block = {.markets_count = 1, .time_ms = CASE_TIME_MS};
    test->height++;
    test->sequence++;
    block.height = test->height;
    block.heads[0] = head_of(test);
    block.heads[0].cursor = cursor;
    port_tell(test->port, PORT_BLOCK, 0, &block, sizeof block);
    port_tell_flush(test->port);
}

void node_term(struct gateway_case *test, uint32_t term, uint64_t sequence)
{
    test->term = term;
    struct port_head head = head_of(test);
    head.sequence = sequence;
    port_tell(test->port, PORT_TERM, 0, &head, sizeof head);
    port_tell_flush(test->port);
}

/* ---- Clients ----------------------------------------------------------------------------------
 */

int client_dial(struct gateway_case *test)
{
    const struct timeval patience = {CASE_WAIT_MS / 1000, 0};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(gateway_port(test->gateway))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1; /* the handshake's last messages would wait for one another */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* Before the connection is made: a window that shrinks later may stall both sides. */
    if (test->receive_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &test->receive_bytes, sizeof test->receive_bytes);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int bio_send(void *context, const unsigned char *bytes, size_t size)
{
    const struct case_client *client = context;
    ssize_t count = send(client->fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return MBEDTLS_ERR_SSL_WANT_WRITE;
    return count >= 0 ? (int)count : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_recv(void *context, unsigned char *bytes, size_t size)
{
    const struct case_client *client = context;
    ssize_t count = recv(client->fd, bytes, size, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return MBEDTLS_ERR_SSL_TIMEOUT;
    if (count == 0) return MBEDTLS_ERR_SSL_CONN_EOF;
    return count > 0 ? (int)count : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

bool client_shake(struct gateway_case *test, struct case_client *client, int fd)
{
    (void)test;
    memset(client, 0, offsetof(struct case_client, in));
    client->fd = fd;
    mbedtls_entropy_init(&client->entropy);
    mbedtls_ctr_drbg_init(&client->random);
    mbedtls_x509_crt_init(&client->pinned);
    mbedtls_ssl_config_init(&client->config);
    mbedtls_ssl_init(&client->ssl);
    const char *pem = own_certificate()->certificate;
    assert_int_equal(
        mbedtls_ctr_drbg_seed(&client->random, mbedtls_entropy_func, &client->entropy, NULL, 0), 0);
    assert_int_equal(
        mbedtls_x509_crt_parse(&client->pinned, (const unsigned char *)pem, strlen(pem) + 1), 0);
    assert_int_equal(mbedtls_ssl_config_defaults(&client->config, MBEDTLS_SSL_IS_CLIENT,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_ca_chain(&client->config, &client->pinned, NULL);
    mbedtls_ssl_conf_authmode(&client->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(&client->config, mbedtls_ctr_drbg_random, &client->random);
    assert_int_equal(mbedtls_ssl_setup(&client->ssl, &client->config), 0);
    assert_int_equal(mbedtls_ssl_set_hostname(&client->ssl, CERTIFICATE_NAME), 0);
    mbedtls_ssl_set_bio(&client->ssl, client, bio_send, bio_recv, NULL);
    return mbedtls_ssl_handshake(&client->ssl) == 0;
}

struct case_client *client_open(struct gateway_case *test)
{
    struct case_client *client = calloc(1, sizeof *client);
    assert_non_null(client);
    assert_true(client_shake(test, client, client_dial(test)));
    void *memory = aligned_alloc(64, WIRE_FROM_NODE_ARENA_BYTES);
    assert_non_null(memory);
    wire_arena_init(&client->arena, memory, WIRE_FROM_NODE_ARENA_BYTES);
    const Tenor__V1__Hello *hello = client_expect(client, TENOR__V1__FROM_NODE__BODY_HELLO)->hello;
    memcpy(client->challenge, hello->challenge.data, sizeof client->challenge);
    return client;
}

void client_close(struct case_client *client)
{
    close(client->fd);
    mbedtls_ssl_free(&client->ssl);
    mbedtls_ssl_config_free(&client->config);
    mbedtls_x509_crt_free(&client->pinned);
    mbedtls_ctr_drbg_free(&client->random);
    mbedtls_entropy_free(&client->entropy);
    free(client->arena.memory);
    free(client);
}

void client_write(struct case_client *client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        int count = mbedtls_ssl_write(&client->ssl, at, size);
        assert_true(count > 0);
        at += count;
        size -= (size_t)count;
    }
}

void client_send(struct case_client *client, Tenor__V1__ToNode *message)
{
    static uint8_t out[WIRE_LENGTH_BYTES + WIRE_TO_NODE_BYTES_MAX];
    size_t size = wire_write_to_node(out, sizeof out, message);
    assert_true(size > 0 && size <= sizeof out);
    client_write(client, out, size);
}

/* False: the connection has ended. */
static bool read_all(struct case_client *client, uint8_t *out, size_t size)
{
    while (size > 0) {
        int count = mbedtls_ssl_read(&client->ssl, out, size);
        if (count == MBEDTLS_ERR_SSL_WANT_READ) continue;
        if (count == MBEDTLS_ERR_SSL_TIMEOUT) fail_msg("nothing came in time");
        if (count <= 0) return false;
        out += count;
        size -= (size_t)count;
    }
    return true;
}

static Tenor__V1__FromNode *read_message(struct case_client *client)
{
    Tenor__V1__FromNode *message = NULL;
    struct wire_fault fault;
    size_t size = 0;
    if (!read_all(client, client->in, WIRE_LENGTH_BYTES)) return NULL;
    for (uint32_t i = 0; i < WIRE_LENGTH_BYTES; i++)
        size = size << 8 | client->in[i];
    assert_true(size > 0 && size <= WIRE_FROM_NODE_BYTES_MAX);
    if (!read_all(client, client->in + WIRE_LENGTH_BYTES, size)) return NULL;
    if (!wire_read_from_node(&client->arena, &message, &fault, client->in + WIRE_LENGTH_BYTES,
                             size))
        fail_msg("%s", fault.text);
    return message;
}

Tenor__V1__FromNode *client_next(struct case_client *client)
{
    if (client->left > 0) {
        client->left--;
        client->last->account_message->events++;
        client->last->account_message->at->index++;
        return client->last;
    }
    client->last = read_message(client);
    if (client->last != NULL &&
        client->last->body_case == TENOR__V1__FROM_NODE__BODY_ACCOUNT_MESSAGE) {
        client->together = client->last->account_message->n_events;
        client->left = client->together - 1;
        client->last->account_message->n_events = 1;
    }
    return client->last;
}

Tenor__V1__FromNode *client_expect(struct case_client *client,
                                   Tenor__V1__FromNode__BodyCase body_case)
{
    Tenor__V1__FromNode *message;
    do {
        message = client_next(client);
        if (message == NULL) fail_msg("the connection ended");
    } while (message->body_case == TENOR__V1__FROM_NODE__BODY_HEARTBEAT &&
             body_case != TENOR__V1__FROM_NODE__BODY_HEARTBEAT);
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_ERROR && message->body_case != body_case)
        fail_msg("error %u: %s", message->error->code, message->error->text);
    assert_int_equal(message->body_case, body_case);
    return message;
}

void client_expect_error(struct case_client *client, uint64_t request, uint32_t code)
{
    const Tenor__V1__FromNode *message = client_expect(client, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(message->error->code, code);
    assert_int_equal(message->request, request);
    assert_true(message->error->text[0] != '\0');
}

void client_expect_end(struct case_client *client)
{
    const Tenor__V1__FromNode *message;
    while ((message = client_next(client)) != NULL)
        assert_int_equal(message->body_case, TENOR__V1__FROM_NODE__BODY_HEARTBEAT);
}

void client_send_logon(struct gateway_case *test, struct case_client *client,
                       Tenor__V1__Logon *logon)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    struct tn_signature signature;
    struct tn_hash digest;
    wire_logon_digest(&digest, test->options.chain_id, client->challenge, logon->market,
                      logon->session, logon->on_disconnect);
    assert_true(test->signatures.sign(test->signatures.context, &signature, &digest, &test->key));
    if (logon->signature.data == NULL)
        logon->signature = (ProtobufCBinaryData){sizeof signature.bytes, signature.bytes};
    message.request = 1;
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGON;
    message.logon = logon;
    client_send(client, &message);
    logon->signature = (ProtobufCBinaryData){0, NULL};
}

struct case_client *client_log_on(struct gateway_case *test, Tenor__V1__OnDisconnect lost,
                                  Tenor__V1__Place *resume_after)
{
    struct case_client *client = client_open(test);
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    logon.market = CASE_MARKET;
    logon.session = CASE_SESSION;
    logon.on_disconnect = lost;
    logon.resume_after = resume_after;
    client_send_logon(test, client, &logon);
    node_session(test, node_ask(test, PORT_SESSION).tag, CASE_TIME_MS + 1000000, 40);
    client_expect(client, TENOR__V1__FROM_NODE__BODY_LOGON_ACK);
    return client;
}

void client_ping(struct case_client *client)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Ping ping = TENOR__V1__PING__INIT;
    ping.time_ms = 77;
    message.request = 4711;
    message.body_case = TENOR__V1__TO_NODE__BODY_PING;
    message.ping = &ping;
    client_send(client, &message);
    const Tenor__V1__FromNode *answer = client_expect(client, TENOR__V1__FROM_NODE__BODY_PONG);
    assert_int_equal(answer->request, 4711);
    assert_int_equal(answer->pong->time_ms, 77);
}

/* ---- Frames -----------------------------------------------------------------------------------
 */

void frame_make(struct gateway_case *test, struct case_frame *frame, struct tn_frame *from)
{
    struct tn_signature signature;
    struct tn_hash digest;
    if (from->market == 0) from->market = CASE_MARKET;
    if (from->session == 0) from->session = CASE_SESSION;
    if (from->term == 0) from->term = test->term;
    if (from->valid_until_block == 0) from->valid_until_block = test->height + 10;
    size_t size = tn_stream_write_payload(frame->payload, sizeof frame->payload, from);
    assert_true(size > 0 && size <= sizeof frame->payload);
    tn_frame_digest(&digest, test->options.chain_id, frame->payload, size);
    assert_true(test->signatures.sign(test->signatures.context, &signature, &digest, &test->key));
    memcpy(frame->signature, signature.bytes, sizeof frame->signature);
    tenor__v1__signed_frame__init(&frame->message);
    frame->message.payload = (ProtobufCBinaryData){size, frame->payload};
    frame->message.signature = (ProtobufCBinaryData){sizeof frame->signature, frame->signature};
}

void frame_place(struct gateway_case *test, struct case_frame *frame, uint64_t nonce)
{
    const struct tn_command command = {
        .kind = TN_COMMAND_PLACE,
        .as.terms = {{.series_id = 1, .price = 10, .quantity = 1, .fee_max_ppm = 1000}}};
    struct tn_frame from = {.nonce = nonce, .commands = &command, .commands_count = 1};
    frame_make(test, frame, &from);
}

void frame_cancel(struct gateway_case *test, struct case_frame *frame, uint64_t nonce)
{
    const struct tn_command command = {.kind = TN_COMMAND_MASS_CANCEL};
    struct tn_frame from = {.nonce = nonce, .commands = &command, .commands_count = 1};
    frame_make(test, frame, &from);
}

void client_send_frame(struct case_client *client, uint64_t request, struct case_frame *frame)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    message.frame = &frame->message;
    client_send(client, &message);
}

void client_send_standby(struct case_client *client, uint64_t request, struct case_frame *frame,
                         uint32_t dead_man_blocks)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Standby standby = TENOR__V1__STANDBY__INIT;
    standby.frame = &frame->message;
    standby.dead_man_blocks = dead_man_blocks;
    message.request = request;
    message.body_case = TENOR__V1__TO_NODE__BODY_STANDBY;
    message.standby = &standby;
    client_send(client, &message);
}
