/* The thread that floods, and how its records are made: mbedTLS writes them to memory. */
#include "tls_flood.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { RECORDS = 300000, RECORD_ROOM = 64, PIECE = 65536 };

static int send_or_hold(void *context, const unsigned char *bytes, size_t size)
{
    struct tls_flood *flood = context;
    if (!flood->is_held) {
        ssize_t count = send(flood->fd, bytes, size, MSG_NOSIGNAL);
        return count > 0 ? (int)count : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    if (flood->size + size > (size_t)RECORDS * RECORD_ROOM) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    memcpy(flood->bytes + flood->size, bytes, size);
    flood->size += size;
    return (int)size;
}

static int receive(void *context, unsigned char *bytes, size_t size)
{
    struct tls_flood *flood = context;
    if (flood->when == TLS_FLOOD_SHAKING) return MBEDTLS_ERR_SSL_WANT_READ;
    ssize_t count = recv(flood->fd, bytes, size, 0);
    return count > 0 ? (int)count : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* True: there are records to send. */
static bool make_records(struct tls_flood *flood)
{
    static const uint8_t plain[] = {
        21, 3, 3, 0, 2, MBEDTLS_SSL_ALERT_LEVEL_WARNING, MBEDTLS_SSL_ALERT_MSG_USER_CANCELED};
    int code = mbedtls_ssl_handshake(&flood->ssl);
    flood->is_held = true;
    if (flood->when == TLS_FLOOD_SHAKING) {
        for (uint32_t i = 0; i < RECORDS; i++, flood->size += sizeof plain)
            memcpy(flood->bytes + flood->size, plain, sizeof plain);
        return code == MBEDTLS_ERR_SSL_WANT_READ;
    }
    for (uint32_t i = 0; i < RECORDS && code == 0; i++)
        code = mbedtls_ssl_send_alert_message(&flood->ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                              MBEDTLS_SSL_ALERT_MSG_USER_CANCELED);
    return code == 0;
}

static void *run(void *context)
{
    struct tls_flood *flood = context;
    bool is_on = make_records(flood);
    size_t at = 0;
    while (is_on && !atomic_load(&flood->stop)) {
        size_t size = flood->size - at < PIECE ? flood->size - at : PIECE;
        ssize_t count = send(flood->fd, flood->bytes + at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = flood->fd, .events = POLLOUT};
            poll(&room, 1, 10);
            continue;
        }
        if (count <= 0) break;
        at += (size_t)count;
        atomic_fetch_add(&flood->sent, (size_t)count);
        if (at < flood->size) continue;
        at = 0;
        is_on = flood->when == TLS_FLOOD_SHAKING;
    }
    atomic_store(&flood->done, true);
    return NULL;
}

void tls_flood_begin(struct tls_flood *flood, int fd, enum tls_flood_when when,
                     const char *certificate, const char *key)
{
    memset(flood, 0, sizeof *flood);
    fcntl(fd, F_SETFL, 0); /* it waits */
    flood->fd = fd;
    flood->when = when;
    flood->bytes = malloc((size_t)RECORDS * RECORD_ROOM);
    assert_non_null(flood->bytes);
    mbedtls_entropy_init(&flood->entropy);
    mbedtls_ctr_drbg_init(&flood->random);
    mbedtls_x509_crt_init(&flood->certificate);
    mbedtls_pk_init(&flood->key);
    mbedtls_ssl_config_init(&flood->config);
    mbedtls_ssl_init(&flood->ssl);
    mbedtls_ssl_config *config = &flood->config;
    int code =
        mbedtls_ctr_drbg_seed(&flood->random, mbedtls_entropy_func, &flood->entropy, NULL, 0);
    if (code == 0)
        code =
            mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                        MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &flood->random);
    if (code == 0 && certificate != NULL) {
        code = mbedtls_x509_crt_parse(&flood->certificate, (const uint8_t *)certificate,
                                      strlen(certificate) + 1);
        if (code == 0)
            code =
                mbedtls_pk_parse_key(&flood->key, (const uint8_t *)key, strlen(key) + 1, NULL, 0);
        if (code == 0) code = mbedtls_ssl_conf_own_cert(config, &flood->certificate, &flood->key);
    }
    if (code == 0) code = mbedtls_ssl_setup(&flood->ssl, config);
    assert_int_equal(code, 0);
    mbedtls_ssl_set_bio(&flood->ssl, flood, send_or_hold, receive, NULL);
    assert_int_equal(pthread_create(&flood->thread, NULL, run, flood), 0);
}

void tls_flood_wait(const struct tls_flood *flood)
{
    while (atomic_load(&flood->sent) < 4 * PIECE && !atomic_load(&flood->done))
        usleep(1000);
}

void tls_flood_stop(struct tls_flood *flood)
{
    if (flood->is_stopped) return;
    flood->is_stopped = true;
    atomic_store(&flood->stop, true);
    pthread_join(flood->thread, NULL);
}

void tls_flood_end(struct tls_flood *flood)
{
    tls_flood_stop(flood);
    close(flood->fd);
    mbedtls_ssl_free(&flood->ssl);
    mbedtls_ssl_config_free(&flood->config);
    mbedtls_pk_free(&flood->key);
    mbedtls_x509_crt_free(&flood->certificate);
    mbedtls_ctr_drbg_free(&flood->random);
    mbedtls_entropy_free(&flood->entropy);
    free(flood->bytes);
}
