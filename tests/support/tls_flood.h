/* tls_flood: a TLS client that says nothing but warnings, as fast as the system takes them.
 *
 * mbedTLS passes over a warning and goes on to the next record without returning, so whoever lets
 * it read as long as something comes is held by whoever sends them. A thread of its own sends them;
 * what it sends to a connection that stands is made before, so that it is faster than any reader.
 */
#ifndef TESTS_TLS_FLOOD_H
#define TESTS_TLS_FLOOD_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tls_flood_when {
    TLS_FLOOD_SHAKING, /* behind the first message of the handshake; without end */
    TLS_FLOOD_OPEN,    /* on a connection that stands; so many that they have an end */
};

struct tls_flood {
    int fd;
    enum tls_flood_when when;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt certificate;
    mbedtls_pk_context key;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
    pthread_t thread;
    bool is_stopped;
    atomic_bool stop, done; /* done: all is sent, or the connection has ended */
    atomic_size_t sent;
    bool is_held; /* what is written stays here */
    uint8_t *bytes;
    size_t size;
};

/* Takes the connected socket over. certificate: PEM with its key, or NULL. */
void tls_flood_begin(struct tls_flood *flood, int fd, enum tls_flood_when when,
                     const char *certificate, const char *key);
/* Waits until warnings are on their way. */
void tls_flood_wait(const struct tls_flood *flood);
/* Sends no more; end does so too. */
void tls_flood_stop(struct tls_flood *flood);
void tls_flood_end(struct tls_flood *flood);

#endif
