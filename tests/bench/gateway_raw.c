/* gateway_raw: what a round trip costs on this machine without any node: 64 bytes there and back
 * between two threads, over plain TCP and over TLS with the cipher that gateways choose; both ends
 * asleep in the kernel while they wait, or both asking again and again; back to back, or once a
 * millisecond, when the processors have gone to sleep in between.
 *
 * And by the clock, as the load sends frames: an open loop that waits in epoll until the next round
 * trip is due, and counts from there. That one is what an order's latency stands beside. */
#include "gateway_load.h"

#include "link/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mbedtls/pk.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 64, ROUNDS_MAX = 20000 };

struct end {
    int fd;
    bool spins, is_server, has_tls;
    uint32_t rounds;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
};

static void open_pair(struct end *client, struct end *server)
{
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    TN_ASSERT(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0);
    TN_ASSERT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    TN_ASSERT(connect(client->fd, (struct sockaddr *)&address, size) == 0);
    server->fd = accept(listener, NULL, NULL);
    TN_ASSERT(server->fd >= 0);
    close(listener);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int send_bytes(void *context, const unsigned char *bytes, size_t size)
{
    return (int)send(((const struct end *)context)->fd, bytes, size, MSG_NOSIGNAL);
}

static int receive_bytes(void *context, unsigned char *bytes, size_t size)
{
    const struct end *end = context;
    ssize_t got;
    do {
        got = recv(end->fd, bytes, size, end->spins ? MSG_DONTWAIT : 0);
    } while (got < 0 && (errno == EAGAIN || errno == EINTR));
    return (int)got;
}

static void open_tls(struct end *end, const struct certificate *certificate)
{
    const int role = end->is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
    static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0};
    mbedtls_entropy_init(&end->entropy);
    mbedtls_ctr_drbg_init(&end->random);
    mbedtls_ssl_config_init(&end->config);
    mbedtls_ssl_init(&end->ssl);
    mbedtls_x509_crt_init(&end->certificate);
    mbedtls_pk_init(&end->key);
    TN_ASSERT(mbedtls_ctr_drbg_seed(&end->random, mbedtls_entropy_func, &end->entropy, NULL, 0) ==
              0);
    TN_ASSERT(mbedtls_ssl_config_defaults(&end->config, role, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT) == 0);
    mbedtls_ssl_conf_rng(&end->config, mbedtls_ctr_drbg_random, &end->random);
    mbedtls_ssl_conf_ciphersuites(&end->config, suites);
    mbedtls_ssl_conf_authmode(&end->config, MBEDTLS_SSL_VERIFY_NONE);
    if (end->is_server) {
        TN_ASSERT(mbedtls_x509_crt_parse(&end->certificate,
                                         (const unsigned char *)certificate->certificate,
                                         strlen(certificate->certificate) + 1) == 0);
        TN_ASSERT(mbedtls_pk_parse_key(&end->key, (const unsigned char *)certificate->private_key,
                                       strlen(certificate->private_key) + 1, NULL, 0) == 0);
        TN_ASSERT(mbedtls_ssl_conf_own_cert(&end->config, &end->certificate, &end->key) == 0);
    }
    TN_ASSERT(mbedtls_ssl_setup(&end->ssl, &end->config) == 0);
    mbedtls_ssl_set_bio(&end->ssl, end, send_bytes, receive_bytes, NULL);
}

static void close_end(struct end *end)
{
    close(end->fd);
    if (!end->has_tls) return;
    mbedtls_ssl_free(&end->ssl);
    mbedtls_ssl_config_free(&end->config);
    mbedtls_x509_crt_free(&end->certificate);
    mbedtls_pk_free(&end->key);
    mbedtls_ctr_drbg_free(&end->random);
    mbedtls_entropy_free(&end->entropy);
}

static void say(struct end *end)
{
    static const uint8_t bytes[BYTES] = {1};
    if (end->has_tls) {
        TN_ASSERT(mbedtls_ssl_write(&end->ssl, bytes, BYTES) == BYTES);
    } else {
        TN_ASSERT(send_bytes(end, bytes, BYTES) == BYTES);
    }
}

static void hear(struct end *end)
{
    uint8_t bytes[BYTES];
    for (size_t size = 0; size < BYTES;) {
        int got = end->has_tls ? mbedtls_ssl_read(&end->ssl, bytes + size, BYTES - size)
                               : receive_bytes(end, bytes + size, BYTES - size);
        TN_ASSERT(got > 0);
        size += (size_t)got;
    }
}

static void *answer(void *context)
{
    struct end *end = context;
    if (end->has_tls) TN_ASSERT(mbedtls_ssl_handshake(&end->ssl) == 0);
    for (uint32_t i = 0; i < end->rounds; i++) {
        hear(end);
        say(end);
    }
    return NULL;
}

static void ping(const char *name, const struct certificate *certificate, bool spins,
                 uint64_t pause_ns, uint32_t rounds)
{
    static uint32_t ns[ROUNDS_MAX];
    static struct end client, server;
    pthread_t thread;
    client = (struct end){.spins = spins, .has_tls = certificate != NULL};
    server = (struct end){
        .spins = spins, .has_tls = certificate != NULL, .is_server = true, .rounds = rounds};
    open_pair(&client, &server);
    if (certificate != NULL) {
        open_tls(&client, certificate);
        open_tls(&server, certificate);
    }
    TN_ASSERT(pthread_create(&thread, NULL, answer, &server) == 0);
    if (certificate != NULL) TN_ASSERT(mbedtls_ssl_handshake(&client.ssl) == 0);
    for (uint32_t i = 0; i < rounds; i++) {
        const struct timespec pause = {.tv_nsec = (long)pause_ns};
        if (pause_ns > 0) clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        uint64_t begin = bench_clock_ns();
        say(&client);
        hear(&client);
        ns[i] = (uint32_t)(bench_clock_ns() - begin);
    }
    pthread_join(thread, NULL);
    close_end(&client);
    close_end(&server);
    bench_json_open(name);
    bench_json_u64("bytes", BYTES);
    bench_json_string("waits", spins ? "spinning" : "asleep");
    bench_json_string("pinned", "no");
    bench_json_u64("pause_us", pause_ns / 1000);
    bench_json_latency(ns, rounds, 1);
    bench_json_close();
}

void raw_print(bool is_quick)
{
    struct certificate certificate;
    char problem[LINK_PROBLEM_SIZE];
    const uint32_t rounds = is_quick ? 500 : 10000, paced = is_quick ? 50 : 1000;
    TN_ASSERT(certificate_make(&certificate, problem));
    ping("raw_tcp", NULL, false, 0, rounds);
    ping("raw_tcp", NULL, true, 0, rounds);
    ping("raw_tcp", NULL, false, 1000000, paced);
    ping("raw_tls", &certificate, false, 0, rounds);
    ping("raw_tls", &certificate, true, 0, rounds);
    ping("raw_tls", &certificate, false, 1000000, paced);
}

/* ---- By the clock ------------------------------------------------------------------------------
 */

/* One wait of at most so long; true: something came. */
static bool wait_for_bytes(int epoll, uint64_t wait_ns)
{
    struct epoll_event event;
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000),
                                  .tv_nsec = (long)(wait_ns % 1000000000)};
    return epoll_pwait2(epoll, &event, 1, &wait, NULL) == 1;
}

/* Whole messages that are there; `size` is of the one that has begun. */
static uint32_t take_all(const struct end *client, size_t *size)
{
    uint8_t bytes[16 * BYTES];
    ssize_t got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    TN_ASSERT(got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    if (got < 0) return 0;
    *size += (size_t)got;
    uint32_t count = (uint32_t)(*size / BYTES);
    *size %= BYTES;
    return count;
}

/* The same loop as load_run has for a rate that leaves time to sleep. */
static void ping_by_clock(struct raw_times *times, struct end *client, bool spins)
{
    const uint64_t start_ns = bench_clock_ns() + 1000000;
    uint32_t sent = 0, answered = 0;
    size_t size = 0;
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    TN_ASSERT(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) == 0);
    while (answered < times->count) {
        uint64_t now_ns = bench_clock_ns();
        for (; sent < times->count && start_ns + sent * times->interval_ns <= now_ns; sent++) {
            times->sent_ns[sent] = now_ns - start_ns;
            say(client);
        }
        uint64_t next_ns = start_ns + sent * times->interval_ns, wait_ns = 5000000;
        now_ns = bench_clock_ns();
        if (sent < times->count) wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        if (!wait_for_bytes(epoll, spins ? 0 : wait_ns)) continue;
        for (uint32_t count = take_all(client, &size); count > 0; count--)
            times->answered_ns[answered++] = bench_clock_ns() - start_ns;
    }
    close(epoll);
}

void raw_run(struct raw_times *times, bool client_spins, bool server_spins)
{
    struct end client = {.spins = client_spins};
    struct end server = {.spins = server_spins, .is_server = true, .rounds = times->count};
    pthread_t thread;
    open_pair(&client, &server);
    TN_ASSERT(pthread_create(&thread, NULL, answer, &server) == 0);
    ping_by_clock(times, &client, client_spins);
    pthread_join(thread, NULL);
    close_end(&client);
    close_end(&server);
}
