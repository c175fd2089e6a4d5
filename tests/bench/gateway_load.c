/* gateway_load: an open loop of signed frames over many TLS connections, from one thread.
 *
 * All frames are written and signed before the clock starts. A frame is due at its place in the
 * schedule whether or not earlier ones were answered, and latency counts from there: what waits for
 * a socket with room waits on the clock. Answers are matched by their request's number; only each
 * 16th is read whole, to count what was rejected. */
#include "gateway_load.h"

#include "cipher/chachapoly.h"
#include "tenor/frame.h"
#include "wire/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    QUOTES = 64,
    READ_WHOLE_EACH = 16,
    TICK_NS = 100000, /* above this rate of frames it wakes at most so often */
    VALID_BLOCKS = 10000000,
};
#define DRAIN_NS UINT64_C(20000000000)

static uint8_t arena_memory[WIRE_FROM_NODE_ARENA_BYTES] __attribute__((aligned(16)));

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench_gateway: %s\n", what);
    exit(EXIT_FAILURE);
}

void load_open(struct load *load, const struct net *net)
{
    static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};
    *load = (struct load){.net = net};
    (void)chachapoly_serves_tls(); /* what the load costs is taken from the node */
    load->connections = bench_map(LOAD_CONNECTIONS_MAX * sizeof *load->connections);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    TN_ASSERT(load->epoll >= 0);
    mbedtls_entropy_init(&load->entropy);
    mbedtls_ctr_drbg_init(&load->random);
    mbedtls_ssl_config_init(&load->config);
    mbedtls_x509_crt_init(&load->certificate);
    TN_ASSERT(mbedtls_ctr_drbg_seed(&load->random, mbedtls_entropy_func, &load->entropy, NULL, 0) ==
              0);
    TN_ASSERT(mbedtls_ssl_config_defaults(&load->config, MBEDTLS_SSL_IS_CLIENT,
                                          MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(&load->config, mbedtls_ctr_drbg_random, &load->random);
    mbedtls_ssl_conf_ciphersuites(&load->config, suites);
    mbedtls_ssl_conf_min_version(&load->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    /* Whose certificate it is does not change what is measured, and it is our own process. */
    mbedtls_ssl_conf_authmode(&load->config, MBEDTLS_SSL_VERIFY_NONE);
}

static void free_frames(struct load *load)
{
    free(load->bytes);
    free(load->frames);
    free(load->sent_ns);
    free(load->soft_ns);
    free(load->final_ns);
    load->bytes = NULL;
    load->frames = NULL;
    load->sent_ns = load->soft_ns = load->final_ns = NULL;
    load->frames_count = 0;
}

void load_close(struct load *load)
{
    for (uint32_t i = 0; i < load->connections_count; i++) {
        struct load_connection *connection = &load->connections[i];
        close(connection->fd);
        mbedtls_ssl_free(&connection->ssl);
        free(connection->in);
    }
    bench_unmap(load->connections, LOAD_CONNECTIONS_MAX * sizeof *load->connections);
    mbedtls_ssl_config_free(&load->config);
    mbedtls_x509_crt_free(&load->certificate);
    mbedtls_ctr_drbg_free(&load->random);
    mbedtls_entropy_free(&load->entropy);
    close(load->epoll);
    free_frames(load);
}

static int send_bytes(void *context, const unsigned char *bytes, size_t size)
{
    const struct load_connection *connection = context;
    ssize_t sent = send(connection->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return (int)sent;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
                                             : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_bytes(void *context, unsigned char *bytes, size_t size)
{
    struct load_connection *connection = context;
    if (connection->ahead_at == connection->ahead_end) {
        ssize_t got = recv(connection->fd, connection->ahead, LOAD_AHEAD_BYTES, MSG_DONTWAIT);
        if (got == 0) return 0;
        if (got < 0)
            return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                                     : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
        connection->ahead_at = 0;
        connection->ahead_end = (size_t)got;
    }
    if (size > connection->ahead_end - connection->ahead_at)
        size = connection->ahead_end - connection->ahead_at;
    memcpy(bytes, connection->ahead + connection->ahead_at, size);
    connection->ahead_at += size;
    return (int)size;
}

static void watch(struct load *load, struct load_connection *connection, int what)
{
    struct epoll_event event = {.events = EPOLLIN | (connection->wants_write ? EPOLLOUT : 0u),
                                .data.ptr = connection};
    TN_ASSERT(epoll_ctl(load->epoll, what, connection->fd, &event) == 0);
}

struct load_connection *load_connect(struct load *load, uint32_t node,
                                     const struct net_account *account)
{
    TN_ASSERT(load->connections_count < LOAD_CONNECTIONS_MAX);
    struct load_connection *connection = &load->connections[load->connections_count];
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load->net->conf.nodes[node].port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *connection = (struct load_connection){.account = account, .index = load->connections_count++};
    connection->in = malloc(LOAD_IN_BYTES);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    TN_ASSERT(connection->in != NULL && connection->fd >= 0);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (load->receive_bytes > 0) { /* before connect: the window is agreed on there */
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &load->receive_bytes,
                   sizeof load->receive_bytes);
    }
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
        errno != EINPROGRESS) {
        give_up("cannot connect to a node");
    }
    mbedtls_ssl_init(&connection->ssl);
    TN_ASSERT(mbedtls_ssl_setup(&connection->ssl, &load->config) == 0);
    mbedtls_ssl_set_bio(&connection->ssl, connection, send_bytes, receive_bytes, NULL);
    connection->wants_write = true;
    watch(load, connection, EPOLL_CTL_ADD);
    return connection;
}

/* ---- Sending -----------------------------------------------------------------------------------
 */

static void want_write(struct load *load, struct load_connection *connection, bool wants)
{
    if (connection->wants_write == wants) return;
    connection->wants_write = wants;
    watch(load, connection, EPOLL_CTL_MOD);
}

static void fill_stage(struct load *load, struct load_connection *connection)
{
    const uint64_t now_ns = bench_clock_ns();
    connection->stage_at = connection->stage_size = 0;
    while (connection->next < connection->due) {
        const struct load_frame *frame = &load->frames[connection->next];
        if (connection->stage_size + frame->size > LOAD_STAGE_BYTES) return;
        memcpy(connection->stage + connection->stage_size, load->bytes + frame->at, frame->size);
        load->sent_ns[connection->next] = now_ns;
        connection->stage_size += frame->size;
        connection->next += load->frames_connections;
        load->staged_count++;
    }
}

static void flush(struct load *load, struct load_connection *connection)
{
    for (;;) {
        if (connection->stage_at == connection->stage_size) fill_stage(load, connection);
        if (connection->stage_size == 0) break;
        int sent = mbedtls_ssl_write(&connection->ssl, connection->stage + connection->stage_at,
                                     connection->stage_size - connection->stage_at);
        if (sent == MBEDTLS_ERR_SSL_WANT_WRITE || sent == MBEDTLS_ERR_SSL_WANT_READ) {
            want_write(load, connection, true);
            return;
        }
        if (sent <= 0) give_up("a node has closed a connection");
        connection->stage_at += (size_t)sent;
    }
    want_write(load, connection, false);
}

static void send_message(struct load *load, struct load_connection *connection,
                         const Tenor__V1__ToNode *message)
{
    TN_ASSERT(connection->stage_at == connection->stage_size);
    connection->stage_at = 0;
    connection->stage_size = wire_write_to_node(connection->stage, LOAD_STAGE_BYTES, message);
    TN_ASSERT(connection->stage_size > 0 && connection->stage_size <= LOAD_STAGE_BYTES);
    flush(load, connection);
}

static void log_on(struct load *load, struct load_connection *connection,
                   const Tenor__V1__Hello *hello)
{
    const struct net_account *account = connection->account;
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__Logon logon = TENOR__V1__LOGON__INIT;
    struct tn_hash digest;
    struct tn_signature signature;
    load->term = hello->n_markets > 0 ? hello->markets[0]->term : 0;
    load->height = hello->height;
    wire_logon_digest(&digest, load->net->conf.chain_id, hello->challenge.data, 1, account->session,
                      TENOR__V1__ON_DISCONNECT__NOTHING);
    TN_ASSERT(load->net->signatures.sign(load->net->signatures.context, &signature, &digest,
                                         &account->key));
    logon.market = 1;
    logon.session = account->session;
    logon.heartbeat_ms = 60000;
    logon.signature.data = signature.bytes;
    logon.signature.len = sizeof signature.bytes;
    message.body_case = TENOR__V1__TO_NODE__BODY_LOGON;
    message.logon = &logon;
    connection->state = LOAD_LOGON;
    send_message(load, connection, &message);
}

static void ask_instruments(struct load *load, struct load_connection *connection, uint32_t count)
{
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__GetInstruments question = TENOR__V1__GET_INSTRUMENTS__INIT;
    uint8_t bytes[64];
    question.market = 1;
    message.request = 1;
    message.body_case = TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS;
    message.get_instruments = &question;
    size_t size = wire_write_to_node(bytes, sizeof bytes, &message);
    TN_ASSERT(size > 0 && count * size <= LOAD_STAGE_BYTES);
    TN_ASSERT(connection->stage_at == connection->stage_size);
    connection->stage_at = 0;
    connection->stage_size = count * size;
    for (uint32_t i = 0; i < count; i++)
        memcpy(connection->stage + i * size, bytes, size);
    flush(load, connection);
    TN_ASSERT(connection->stage_at == connection->stage_size);
}

void load_subscribe_and_leave(struct load *load, struct load_connection *connection,
                              uint32_t questions)
{
    static const Tenor__V1__Channel channels[] = {
        TENOR__V1__CHANNEL__BLOCKS, TENOR__V1__CHANNEL__INSTRUMENTS, TENOR__V1__CHANNEL__TICKER,
        TENOR__V1__CHANNEL__BOOK,   TENOR__V1__CHANNEL__ORDERS,      TENOR__V1__CHANNEL__TRADES,
        TENOR__V1__CHANNEL__MARKS,  TENOR__V1__CHANNEL__LIQUIDATIONS};
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
        Tenor__V1__Subscribe subscribe = TENOR__V1__SUBSCRIBE__INIT;
        subscribe.market = 1;
        subscribe.channel = channels[i];
        message.body_case = TENOR__V1__TO_NODE__BODY_SUBSCRIBE;
        message.subscribe = &subscribe;
        send_message(load, connection, &message);
    }
    if (questions > 0) ask_instruments(load, connection, questions);
    epoll_ctl(load->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static void take_whole(struct load *load, struct load_connection *connection, const uint8_t *bytes,
                       size_t size)
{
    struct wire_arena arena;
    struct wire_fault fault;
    Tenor__V1__FromNode *message;
    wire_arena_init(&arena, arena_memory, sizeof arena_memory);
    if (!wire_read_from_node(&arena, &message, &fault, bytes, size)) give_up(fault.text);
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_HELLO) {
        connection->state = LOAD_READY;
        if (connection->account != NULL) log_on(load, connection, message->hello);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_LOGON_ACK) {
        connection->state = LOAD_READY;
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_ERROR) {
        load->error_count++;
        load->error_code = message->error->code;
        if (message->error->closing) {
            fprintf(stderr, "bench_gateway: a node says: %s\n", message->error->text);
            exit(EXIT_FAILURE);
        }
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_FRAME_SOFT) {
        for (size_t i = 0; i < message->frame_soft->n_events; i++) {
            const Tenor__V1__Event *event = message->frame_soft->events[i];
            load->commands_count +=
                event->kind == TN_EVENT_RESULT || event->kind == TN_EVENT_QUOTED;
            load->reject_count += event->reject != 0;
            if (event->reject != 0) load->error_code = event->reject;
        }
    }
    if (connection->state == LOAD_READY && message->body_case != TENOR__V1__FROM_NODE__BODY_ERROR &&
        (message->body_case == TENOR__V1__FROM_NODE__BODY_LOGON_ACK ||
         message->body_case == TENOR__V1__FROM_NODE__BODY_HELLO)) {
        load->ready_count++;
    }
}

static void take_message(struct load *load, struct load_connection *connection,
                         const uint8_t *bytes, size_t size, uint64_t now_ns)
{
    enum { REQUEST = 0x08, ERROR = 0x2a, SOFT = 0x32, FINAL = 0x3a };
    uint64_t request = 0;
    size_t at = 0;
    if (size > 0 && bytes[0] == REQUEST) {
        unsigned shift = 0;
        for (at = 1; at < size; shift += 7) {
            request |= (uint64_t)(bytes[at] & 0x7f) << shift;
            if ((bytes[at++] & 0x80) == 0) break;
        }
    }
    if (at >= size) return;
    bool is_ours =
        request >= load->first_request && request - load->first_request < load->frames_count;
    uint64_t number = request - load->first_request;
    if (is_ours && bytes[at] == SOFT) {
        load->soft_ns[number] = now_ns;
        load->soft_count++;
        load->last_ns = now_ns;
        if (request % READ_WHOLE_EACH == 0) take_whole(load, connection, bytes, size);
    } else if (is_ours && bytes[at] == FINAL) {
        load->final_ns[number] = now_ns;
        load->final_count++;
    } else if (bytes[at] == ERROR || connection->state != LOAD_READY) {
        take_whole(load, connection, bytes, size);
    }
}

static void take_bytes(struct load *load, struct load_connection *connection)
{
    for (;;) {
        int got = mbedtls_ssl_read(&connection->ssl, connection->in + connection->in_size,
                                   LOAD_IN_BYTES - connection->in_size);
        if (got == MBEDTLS_ERR_SSL_WANT_READ || got == MBEDTLS_ERR_SSL_WANT_WRITE) return;
        if (got <= 0) give_up("a node has closed a connection");
        connection->in_size += (size_t)got;
        uint64_t now_ns = bench_clock_ns();
        size_t at = 0, size;
        while (wire_next(&size, connection->in + at, connection->in_size - at,
                         WIRE_FROM_NODE_BYTES_MAX) == WIRE_WHOLE) {
            take_message(load, connection, connection->in + at + WIRE_LENGTH_BYTES, size, now_ns);
            at += WIRE_LENGTH_BYTES + size;
        }
        connection->in_size -= at;
        memmove(connection->in, connection->in + at, connection->in_size);
        if (connection->in_size == LOAD_IN_BYTES) give_up("a message is too long for the bench");
    }
}

static void shake_hands(struct load *load, struct load_connection *connection)
{
    int code = mbedtls_ssl_handshake(&connection->ssl);
    want_write(load, connection, code == MBEDTLS_ERR_SSL_WANT_WRITE);
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) return;
    if (code != 0) give_up("a TLS handshake failed");
    connection->state = LOAD_HELLO;
}

/* One wait of at most so long, and all that it brings. */
static void turn(struct load *load, uint64_t wait_ns)
{
    static struct epoll_event events[EVENTS_MAX];
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000),
                                  .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(load->epoll, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct load_connection *connection = events[i].data.ptr;
        if (connection->state == LOAD_TLS) shake_hands(load, connection);
        if (connection->state == LOAD_TLS) continue;
        if (events[i].events & EPOLLOUT) flush(load, connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ||
            connection->ahead_at < connection->ahead_end) /* behind a handshake's last bytes */
            take_bytes(load, connection);
    }
}

bool load_until_ready(struct load *load, uint32_t count, uint64_t wait_ms)
{
    uint64_t until_ns = bench_clock_ns() + wait_ms * 1000000;
    while (load->ready_count < count) {
        turn(load, 10000000);
        if (bench_clock_ns() > until_ns) return false;
    }
    return true;
}

/* ---- Frames ------------------------------------------------------------------------------------
 */

/* In each round half of the connections buy and half sell one lot of a series at one price, so
 * every order rests or trades, books stay small and positions near zero. */
static void make_order(const struct net *net, struct tn_command *command, uint32_t connection,
                       uint32_t round)
{
    const struct net_series *series = &net->series[round / 2 % net->series_count];
    *command = (struct tn_command){.kind = TN_COMMAND_PLACE};
    command->as.terms[0] =
        (struct tn_order_terms){.series_id = series->series_id,
                                .price = (series->low + series->high) / 2,
                                .quantity = 1,
                                .side = (connection + round) % 2 == 0 ? TN_BUY : TN_SELL,
                                .fee_max_ppm = 1000000};
}

/* 64 series, both sides of each at another price than in the frame before. */
static void make_quotes(const struct net *net, struct tn_command *command, struct tn_quote *quotes,
                        uint32_t round)
{
    for (uint32_t i = 0; i < QUOTES && i < net->series_count; i++) {
        const struct net_series *series = &net->series[i];
        tn_ticks quarter = (series->high - series->low) / 4, jitter = (tn_ticks)(round % 2);
        tn_ticks bid = series->low + quarter - jitter;
        quotes[i] = (struct tn_quote){.series_id = series->series_id,
                                      .bid_price = bid < 1 ? 1 : bid,
                                      .ask_price = series->high - quarter + jitter,
                                      .bid_quantity = 1,
                                      .ask_quantity = 1};
    }
    *command = (struct tn_command){.kind = TN_COMMAND_MASS_QUOTE};
    command->as.mass_quote.quotes = quotes;
    command->as.mass_quote.quotes_count = net->series_count < QUOTES ? net->series_count : QUOTES;
    command->as.mass_quote.fee_max_ppm = 1000000;
    command->as.mass_quote.post_only = 1;
}

static void add_frame(struct load *load, const struct tn_command *command, uint32_t number,
                      struct net_account *account, enum tn_client_wait wait)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    struct tn_frame frame = {.market = 1,
                             .term = load->term,
                             .session = account->session,
                             .nonce = ++account->nonce,
                             .valid_until_block = load->height + VALID_BLOCKS,
                             .commands = command,
                             .commands_count = 1};
    Tenor__V1__ToNode message = TENOR__V1__TO_NODE__INIT;
    Tenor__V1__SignedFrame signed_frame = TENOR__V1__SIGNED_FRAME__INIT;
    struct tn_hash digest;
    size_t size = tn_stream_write_payload(payload, sizeof payload, &frame);
    TN_ASSERT(size > 0 && size <= sizeof payload);
    tn_frame_digest(&digest, load->net->conf.chain_id, payload, size);
    TN_ASSERT(load->net->signatures.sign(load->net->signatures.context, &frame.signature, &digest,
                                         &account->key));
    signed_frame.payload.data = payload;
    signed_frame.payload.len = size;
    signed_frame.signature.data = frame.signature.bytes;
    signed_frame.signature.len = sizeof frame.signature.bytes;
    signed_frame.wait = (Tenor__V1__Wait)wait;
    message.request = load->first_request + number;
    message.body_case = TENOR__V1__TO_NODE__BODY_FRAME;
    message.frame = &signed_frame;
    if (load->bytes_room - load->bytes_size < LOAD_STAGE_BYTES) {
        load->bytes_room = 2 * load->bytes_room + LOAD_STAGE_BYTES;
        load->bytes = realloc(load->bytes, load->bytes_room);
        TN_ASSERT(load->bytes != NULL);
    }
    size = wire_write_to_node(load->bytes + load->bytes_size, LOAD_STAGE_BYTES, &message);
    TN_ASSERT(size > 0 && size <= LOAD_STAGE_BYTES);
    load->frames[number] = (struct load_frame){.at = load->bytes_size, .size = (uint32_t)size};
    load->bytes_size += size;
}

void load_sign(struct load *load, enum load_kind kind, uint32_t frames_count, uint32_t connections,
               enum tn_client_wait wait)
{
    static struct tn_quote quotes[QUOTES];
    TN_ASSERT(connections <= load->connections_count);
    load->first_request += load->frames_count + 1;
    free_frames(load);
    load->bytes_size = load->bytes_room = 0;
    load->frames = calloc(frames_count, sizeof *load->frames);
    load->sent_ns = calloc(frames_count, sizeof *load->sent_ns);
    load->soft_ns = calloc(frames_count, sizeof *load->soft_ns);
    load->final_ns = calloc(frames_count, sizeof *load->final_ns);
    TN_ASSERT(load->frames != NULL && load->sent_ns != NULL && load->soft_ns != NULL &&
              load->final_ns != NULL);
    load->frames_connections = connections;
    for (uint32_t i = 0; i < frames_count; i++) {
        struct tn_command command;
        if (kind == LOAD_ORDERS) {
            make_order(load->net, &command, i % connections, i / connections);
        } else {
            make_quotes(load->net, &command, quotes, i / connections);
        }
        /* One connection an account: nonces come in order. */
        add_frame(load, &command, i,
                  (struct net_account *)(uintptr_t)load->connections[i % connections].account,
                  wait);
    }
    load->frames_count = frames_count;
    for (uint32_t i = 0; i < connections; i++)
        load->connections[i].next = load->connections[i].due = i;
}

/* ---- The loop ----------------------------------------------------------------------------------
 */

static void make_due(struct load *load, uint32_t from, uint32_t until)
{
    for (uint32_t i = from; i < until; i++)
        load->connections[i % load->frames_connections].due = i + 1;
    uint32_t touched = until - from;
    if (touched > load->frames_connections) touched = load->frames_connections;
    for (uint32_t i = 0; i < touched; i++) {
        struct load_connection *connection =
            &load->connections[(from + i) % load->frames_connections];
        if (!connection->wants_write) flush(load, connection);
    }
}

static bool is_answered(const struct load *load, uint64_t count)
{
    return load->soft_count + load->error_count >= count &&
           (load->final_count == 0 || load->final_count + load->error_count >= count);
}

/* Nothing more is sent; what was sent is answered, so that it does not burden the next run. */
static void drain(struct load *load)
{
    uint64_t until_ns = bench_clock_ns() + DRAIN_NS;
    for (uint32_t i = 0; i < load->frames_connections; i++)
        load->connections[i].due = load->connections[i].next;
    while (!is_answered(load, load->staged_count) && bench_clock_ns() < until_ns)
        turn(load, 5000000);
}

void load_run(struct load *load, uint64_t frames_per_second, uint64_t drain_ms)
{
    uint32_t sent = 0;
    load->soft_count = load->final_count = load->error_count = 0;
    load->reject_count = load->commands_count = load->staged_count = 0;
    load->error_code = 0;
    load->interval_ns = 1000000000 / frames_per_second;
    load->start_ns = load->last_ns = bench_clock_ns() + 1000000;
    uint64_t end_ns = load->start_ns + load->frames_count * load->interval_ns + drain_ms * 1000000;
    while (!is_answered(load, load->frames_count)) {
        uint64_t now_ns = bench_clock_ns();
        if (now_ns > end_ns) break;
        uint64_t due =
            now_ns < load->start_ns ? 0 : (now_ns - load->start_ns) / load->interval_ns + 1;
        if (due > load->frames_count) due = load->frames_count;
        if (due > sent) make_due(load, sent, (uint32_t)due);
        sent = (uint32_t)due;
        uint64_t next_ns = load->start_ns + sent * load->interval_ns, wait_ns = 5000000;
        now_ns = bench_clock_ns();
        if (sent < load->frames_count) wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        if (load->interval_ns < TICK_NS && wait_ns < TICK_NS) wait_ns = TICK_NS;
        turn(load, load->spins ? 0 : wait_ns);
    }
    drain(load);
}

uint32_t *load_latencies(uint32_t *count, const struct load *load, const uint64_t *since,
                         const uint64_t *until)
{
    uint32_t *ns = malloc((load->frames_count + 1) * sizeof *ns);
    TN_ASSERT(ns != NULL);
    *count = 0;
    for (uint32_t i = 0; i < load->frames_count; i++) {
        if (until[i] == 0 || (since != NULL && since[i] == 0)) continue;
        uint64_t from = since != NULL ? since[i] : load->start_ns + i * load->interval_ns;
        uint64_t took = until[i] > from ? until[i] - from : 0;
        ns[(*count)++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    qsort(ns, *count, sizeof *ns, bench_compare_u32);
    return ns;
}
