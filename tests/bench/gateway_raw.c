/* gateway_raw: what a round trip costs on this machine without any node: 64 bytes there and back
 * between two threads, over plain TCP and over TLS with the cipher that gateways choose; both ends
 * asleep in the kernel while they wait, or both asking again and again; back to back, or once a
 * millisecond, when the processors have gone to sleep in between. */
#include "gateway_load.h"

#include "link/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/pk.h>
#include <netinet/tcp.h>
#include <pthread.h>
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
