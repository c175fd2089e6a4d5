/* client_case: the servers are mbedTLS on non-blocking sockets; each serves one connection. */
#include "client_case.h"

#include "link/certificate.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SERVER_BYTES = 4 << 20 };

/* ---- What was told, as text --------------------------------------------------------------------
 */

static const char *frame_state(uint8_t state)
{
    static const char *const names[] = {"?",        "soft",         "final",
                                        "reverted", "refused",      "ambiguous",
                                        "executed", "not executed", "unknown"};
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static void tell(struct client_case *test, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(struct client_case *test, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(test->told + test->told_size, sizeof test->told - test->told_size, format,
                         arguments);
    va_end(arguments);
    assert_true(size > 0 && (size_t)size < sizeof test->told - test->told_size);
    test->told_size += (size_t)size;
}

static void tell_frame(struct client_case *test, const struct tn_client_news *news)
{
    const struct tn_frame_news *frame = &news->as.frame;
    tell(test, "frame %llu nonce %llu %s", (unsigned long long)news->tag,
         (unsigned long long)frame->nonce, frame_state(frame->state));
    if (frame->block != 0) tell(test, " block %llu", (unsigned long long)frame->block);
    if (frame->reject != 0) tell(test, " reject %u", frame->reject);
    if (frame->error != 0) tell(test, " error %u", frame->error);
    if (frame->events_count != 0) tell(test, " events %u", frame->events_count);
    tell(test, "\n");
}

static void heard(void *context, const struct tn_client_news *news)
{
    struct client_case *test = context;
    test->last = *news;
    unsigned long long tag = (unsigned long long)news->tag;
    switch ((enum tn_news_kind)news->kind) {
        case TN_NEWS_CONNECTED: tell(test, "connected to %u\n", news->as.connected.node); break;
        case TN_NEWS_LOGGED_ON:
            tell(test, "logged on account %u%s at %llu\n", news->as.logged_on.account,
                 news->as.logged_on.is_resumed ? " resumed" : "",
                 (unsigned long long)news->as.logged_on.at.block);
            break;
        case TN_NEWS_DISCONNECTED:
            tell(test, "disconnected from %u%s: %s\n", news->as.disconnected.node,
                 news->as.disconnected.retry_ms < 0 ? " for good" : "", news->as.disconnected.why);
            break;
        case TN_NEWS_ERROR:
            tell(test, "error %u tag %lld\n", news->as.error.code, (long long)tag);
            break;
        case TN_NEWS_FRAME: tell_frame(test, news); break;
        case TN_NEWS_ACCOUNT:
            tell(test, "account %llu:%u nonce %llu kind %u\n",
                 (unsigned long long)news->as.account.at.block, news->as.account.at.index,
                 (unsigned long long)news->as.account.nonce, news->as.account.event.kind);
            break;
        case TN_NEWS_HEAD:
            tell(test, "head %llu\n", (unsigned long long)news->as.head.height);
            break;
        case TN_NEWS_LEADER: {
            static const char *const states[] = {"?", "sought", "here", "none"};
            tell(test, "leader %s%s%s\n", states[news->as.leader.state],
                 news->as.leader.state == TN_LEADER_NONE ? ": " : "",
                 news->as.leader.state == TN_LEADER_NONE ? news->as.leader.text : "");
            break;
        }
        case TN_NEWS_STANDBY:
            tell(test, "standby %s\n", news->as.standby.is_held ? "held" : "void");
            break;
        case TN_NEWS_PONG:
        case TN_NEWS_ITEM:
        case TN_NEWS_SUBSCRIBED:
        case TN_NEWS_CLUSTER:
        case TN_NEWS_INSTRUMENTS:
        case TN_NEWS_CHAIN:
        case TN_NEWS_BOOK:
        case TN_NEWS_TRADES:
        case TN_NEWS_ACCOUNT_STATE:
        case TN_NEWS_ORDERS_OPEN:
        case TN_NEWS_OWNER:
        case TN_NEWS_MARGIN:
        case TN_NEWS_BLOCK:
        case TN_NEWS_PROOF:
        case TN_NEWS_LIQUIDATIONS:
        case TN_NEWS_SESSION:
        case TN_NEWS_HANDOVERS:
        case TN_NEWS_INSTRUMENT:
        case TN_NEWS_TICKER:
        case TN_NEWS_ORDER_BOOK:
        case TN_NEWS_TRADE:
        case TN_NEWS_MARKS:
        case TN_NEWS_LIQUIDATION:
        case TN_NEWS_SOFT_END: tell(test, "news %u tag %lld\n", news->kind, (long long)tag); break;
    }
    if (test->also != NULL) test->also(test, news);
}

void case_forget(struct client_case *test)
{
    test->told_size = 0;
    test->told[0] = '\0';
}

static uint32_t lines_in(const char *text)
{
    uint32_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

void case_expect(struct client_case *test, const char *lines)
{
    uint32_t wanted = lines_in(lines);
    CASE_UNTIL(test, lines_in(test->told) >= wanted);
    case_settle(test);
    assert_string_equal(test->told, lines);
    case_forget(test);
}

/* ---- Servers -----------------------------------------------------------------------------------
 */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void listen_somewhere(struct case_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
}

static int write_ticket(void *context, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *size, uint32_t *lifetime)
{
    struct case_server *server = context;
    return mbedtls_ssl_ticket_write(&server->tickets, session, start, end, size, lifetime);
}

static int read_ticket(void *context, mbedtls_ssl_session *session, unsigned char *bytes,
                       size_t size)
{
    struct case_server *server = context;
    int code = mbedtls_ssl_ticket_parse(&server->tickets, session, bytes, size);
    if (code == 0) server->resumed_count++;
    return code;
}

static void make_server(struct client_case *test, uint32_t index)
{
    struct case_server *server = &test->servers[index];
    static struct certificate pairs[CASE_SERVERS]; /* making one takes a while */
    struct certificate *pair = &pairs[index];
    char problem[LINK_PROBLEM_SIZE];
    if (pair->certificate[0] == '\0') assert_true(certificate_make(pair, problem));
    char path[sizeof server->certificate_path];
    snprintf(path, sizeof path, "%s/node-%u.pem", test->folder, index);
    memcpy(server->certificate_path, path, sizeof path);
    write_file(server->certificate_path, pair->certificate);
    mbedtls_x509_crt_init(&server->certificate);
    mbedtls_pk_init(&server->key);
    mbedtls_ssl_config_init(&server->config);
    mbedtls_ssl_init(&server->ssl);
    mbedtls_ssl_ticket_init(&server->tickets);
    assert_int_equal(mbedtls_x509_crt_parse(&server->certificate,
                                            (const unsigned char *)pair->certificate,
                                            strlen(pair->certificate) + 1),
                     0);
    assert_int_equal(mbedtls_pk_parse_key(&server->key, (const unsigned char *)pair->private_key,
                                          strlen(pair->private_key) + 1, NULL, 0),
                     0);
    assert_int_equal(mbedtls_ssl_config_defaults(&server->config, MBEDTLS_SSL_IS_SERVER,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(&server->config, mbedtls_ctr_drbg_random, &test->random);
    assert_int_equal(mbedtls_ssl_conf_own_cert(&server->config, &server->certificate, &server->key),
                     0);
    assert_int_equal(mbedtls_ssl_ticket_setup(&server->tickets, mbedtls_ctr_drbg_random,
                                              &test->random, MBEDTLS_CIPHER_AES_256_GCM, 3600),
                     0);
    mbedtls_ssl_conf_session_tickets_cb(&server->config, write_ticket, read_ticket, server);
    server->socket = -1;
    server->term = 1;
    server->height = 10;
    server->in = malloc(SERVER_BYTES);
    server->out = malloc(SERVER_BYTES);
    void *memory = malloc(WIRE_TO_NODE_ARENA_BYTES);
    assert_true(server->in != NULL && server->out != NULL && memory != NULL);
    wire_arena_init(&server->arena, memory, WIRE_TO_NODE_ARENA_BYTES);
    listen_somewhere(server);
}

void case_cut(struct case_server *server)
{
    if (server->socket >= 0) close(server->socket);
    server->socket = -1;
    server->is_shaken = false;
    server->in_size = server->out_size = 0;
    mbedtls_ssl_free(&server->ssl);
    mbedtls_ssl_init(&server->ssl);
}

static void free_server(struct case_server *server)
{
    case_cut(server);
    if (server->listener >= 0) close(server->listener);
    mbedtls_ssl_ticket_free(&server->tickets);
    mbedtls_ssl_config_free(&server->config);
    mbedtls_pk_free(&server->key);
    mbedtls_x509_crt_free(&server->certificate);
    free(server->in);
    free(server->out);
    free(server->arena.memory);
    unlink(server->certificate_path);
}

static int send_some(void *context, const unsigned char *bytes, size_t size)
{
    ssize_t sent = send(*(int *)context, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return (int)sent;
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_some(void *context, unsigned char *bytes, size_t size)
{
    ssize_t got = recv(*(int *)context, bytes, size, MSG_DONTWAIT);
    if (got >= 0) return (int)got;
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static bool take_connection(struct case_server *server)
{
    int taken = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (taken < 0) return false;
    case_cut(server);
    server->socket = taken;
    server->connections_count++;
    assert_int_equal(mbedtls_ssl_setup(&server->ssl, &server->config), 0);
    mbedtls_ssl_set_bio(&server->ssl, &server->socket, send_some, receive_some, NULL);
    return true;
}

static bool shake(struct case_server *server)
{
    int before = server->ssl.state;
    int code = mbedtls_ssl_handshake(&server->ssl);
    server->is_shaken = code == 0;
    bool waits = code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (code != 0 && !waits) {
        case_cut(server);
        return true;
    }
    return code == 0 || server->ssl.state != before;
}

static bool serve(struct case_server *server)
{
    bool moved = take_connection(server);
    if (server->socket < 0) return moved;
    if (!server->is_shaken) return shake(server) || moved;
    while (server->out_size > 0) {
        size_t size = server->dribbles ? 1 : server->out_size;
        int sent = mbedtls_ssl_write(&server->ssl, server->out, size);
        if (sent <= 0) break;
        memmove(server->out, server->out + sent, server->out_size - (size_t)sent);
        server->out_size -= (size_t)sent;
        moved = true;
        if (server->dribbles) break;
    }
    int got = mbedtls_ssl_read(&server->ssl, server->in + server->in_size,
                               SERVER_BYTES - server->in_size);
    if (got > 0) server->in_size += (size_t)got;
    if (got > 0) return true;
    if (got != MBEDTLS_ERR_SSL_WANT_READ && got != MBEDTLS_ERR_SSL_WANT_WRITE) {
        case_cut(server);
        return true;
    }
    return moved;
}

/* ---- The case ----------------------------------------------------------------------------------
 */

void case_make(struct client_case *test, uint32_t servers_count)
{
    snprintf(test->folder, sizeof test->folder, "%s/tenor-client-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    assert_non_null(mkdtemp(test->folder));
    mbedtls_entropy_init(&test->entropy);
    mbedtls_ctr_drbg_init(&test->random);
    assert_int_equal(
        mbedtls_ctr_drbg_seed(&test->random, mbedtls_entropy_func, &test->entropy, NULL, 0), 0);
    test->signatures_memory = aligned_alloc(64, (tn_signatures_size() + 63) & ~(size_t)63);
    tn_signatures_real(&test->signatures, test->signatures_memory);
    memset(test->key.bytes, 7, sizeof test->key.bytes);
    memset(test->chain_id, 0xc1, sizeof test->chain_id);
    assert_true(
        test->signatures.public_key(test->signatures.context, &test->public_key, &test->key));
    test->servers_count = servers_count;
    for (uint32_t i = 0; i < servers_count; i++) {
        make_server(test, i);
        test->nodes[i] = (struct tn_client_node){.host = "127.0.0.1",
                                                 .port = test->servers[i].port,
                                                 .certificate = test->servers[i].certificate_path};
    }
    test->now_ms = 1000;
    test->options = (struct tn_client_options){.nodes = test->nodes,
                                               .nodes_count = servers_count,
                                               .market = 1,
                                               .log_on = true,
                                               .session = 77,
                                               .key = test->key,
                                               .valid_blocks = 100,
                                               .heard = heard,
                                               .context = test};
    memcpy(test->options.chain_id, test->chain_id, sizeof test->chain_id);
}

void case_start(struct client_case *test)
{
    char why[TN_CLIENT_WHY_SIZE] = "";
    test->client = tn_client_make(&test->options, why);
    if (test->client == NULL) fail_msg("%s", why);
}

void case_end(struct client_case *test)
{
    tn_client_free(test->client);
    for (uint32_t i = 0; i < test->servers_count; i++)
        free_server(&test->servers[i]);
    mbedtls_ctr_drbg_free(&test->random);
    mbedtls_entropy_free(&test->entropy);
    free(test->signatures_memory);
    rmdir(test->folder);
}

int case_set_up(void **state)
{
    struct client_case *test = calloc(1, sizeof *test);
    assert_non_null(test);
    case_make(test, CASE_SERVERS);
    *state = test;
    return 0;
}

int case_tear_down(void **state)
{
    struct client_case *test = *state;
    case_end(test);
    free(test);
    return 0;
}

bool case_turn(struct client_case *test)
{
    bool moved = false;
    for (uint32_t i = 0; i < test->servers_count; i++)
        moved |= serve(&test->servers[i]);
    if (test->client == NULL) return moved;
    struct pollfd asked = {.fd = tn_client_fd(test->client),
                           .events = tn_client_events(test->client)};
    if (poll(&asked, 1, moved ? 0 : 1) > 0 || tn_client_timeout(test->client, test->now_ms) == 0) {
        tn_client_turn(test->client, test->now_ms);
        moved = true;
    }
    return moved;
}

void case_settle(struct client_case *test)
{
    for (uint32_t quiet = 0; quiet < 4;)
        quiet = case_turn(test) ? 0 : quiet + 1;
}

bool case_has_message(const struct case_server *server)
{
    size_t size;
    return wire_next(&size, server->in, server->in_size, WIRE_TO_NODE_BYTES_MAX) == WIRE_WHOLE;
}

const Tenor__V1__ToNode *case_hear(struct client_case *test, struct case_server *server)
{
    struct wire_fault fault;
    Tenor__V1__ToNode *message;
    size_t size;
    CASE_UNTIL(test, case_has_message(server));
    wire_next(&size, server->in, server->in_size, WIRE_TO_NODE_BYTES_MAX);
    if (!wire_read_to_node(&server->arena, &message, &fault, server->in + WIRE_LENGTH_BYTES,
                           size)) {
        fail_msg("the client's message is none: %s", fault.text);
    }
    size += WIRE_LENGTH_BYTES;
    memmove(server->in, server->in + size, server->in_size - size);
    server->in_size -= size;
    return message;
}

const Tenor__V1__ToNode *case_hear_kind(struct client_case *test, struct case_server *server,
                                        Tenor__V1__ToNode__BodyCase kind)
{
    for (;;) {
        const Tenor__V1__ToNode *message = case_hear(test, server);
        if (message->body_case == kind) return message;
        if (message->body_case != TENOR__V1__TO_NODE__BODY_PING &&
            message->body_case != TENOR__V1__TO_NODE__BODY_STANDBY) {
            fail_msg("the client sent %u, not %u", message->body_case, kind);
        }
    }
}

void case_say_bytes(struct case_server *server, const void *bytes, size_t size)
{
    assert_true(size <= SERVER_BYTES - server->out_size);
    memcpy(server->out + server->out_size, bytes, size);
    server->out_size += size;
}

void case_say(struct case_server *server, const Tenor__V1__FromNode *message)
{
    size_t size = wire_write_from_node(server->out + server->out_size,
                                       SERVER_BYTES - server->out_size, message);
    assert_true(size > 0 && size <= SERVER_BYTES - server->out_size);
    server->out_size += size;
}
