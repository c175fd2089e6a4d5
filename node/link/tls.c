/* tls: configurations of mbedTLS for the links over sockets.
 *
 * They hold what nng's do: TLS 1.2 and no other, both sides show a certificate, and exactly the
 * pinned ones are trusted. Randomness comes from the system with every call, so that the thread of
 * handshakes and the one that polls share no generator. ChaCha20-Poly1305 goes first: mbedTLS takes
 * half the time for it that its AES-GCM, block by block, takes with the processor's own AES. */
#include "link/tls.h"

#include "link/certificate.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct tls_config {
    uint32_t holders; /* of the thread that polls */
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt own, trusted;
    mbedtls_pk_context key;
    bool is_server;
};

static int random_bytes(void *unused, unsigned char *bytes, size_t size)
{
    (void)unused;
    for (size_t done = 0; done < size;) {
        ssize_t count = getrandom(bytes + done, size - done, 0);
        if (count > 0) done += (size_t)count;
        if (count < 0 && errno != EINTR) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    return 0;
}

static int read_texts(struct tls_config *config, const char *certificate, const char *private_key,
                      const char *trusted)
{
    int code = mbedtls_x509_crt_parse(&config->own, (const unsigned char *)certificate,
                                      strlen(certificate) + 1);
    if (code == 0) {
        code = mbedtls_pk_parse_key(&config->key, (const unsigned char *)private_key,
                                    strlen(private_key) + 1, NULL, 0);
    }
    if (code == 0) code = mbedtls_pk_check_pair(&config->own.pk, &config->key);
    if (code == 0 && trusted[0] != '\0') {
        code = mbedtls_x509_crt_parse(&config->trusted, (const unsigned char *)trusted,
                                      strlen(trusted) + 1);
    }
    return code;
}

static int set(struct tls_config *config, bool is_server)
{
    static const int ciphers[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0};
    mbedtls_ssl_config *ssl = &config->ssl;
    int code =
        mbedtls_ssl_config_defaults(ssl, is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) return code;
    mbedtls_ssl_conf_min_version(ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(ssl, ciphers);
    mbedtls_ssl_conf_authmode(ssl, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(ssl, random_bytes, NULL);
    mbedtls_ssl_conf_session_tickets(ssl, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    mbedtls_ssl_conf_ca_chain(ssl, &config->trusted, NULL);
    return mbedtls_ssl_conf_own_cert(ssl, &config->own, &config->key);
}

struct tls_config *tls_config_make(char problem[LINK_PROBLEM_SIZE], bool is_server,
                                   const char *certificate, const char *private_key,
                                   const char *trusted)
{
    struct tls_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        snprintf(problem, LINK_PROBLEM_SIZE, "cannot set TLS up: no memory");
        return NULL;
    }
    config->holders = 1;
    config->is_server = is_server;
    mbedtls_ssl_config_init(&config->ssl);
    mbedtls_x509_crt_init(&config->own);
    mbedtls_x509_crt_init(&config->trusted);
    mbedtls_pk_init(&config->key);
    int code = read_texts(config, certificate, private_key, trusted);
    if (code == 0) code = set(config, is_server);
    if (code == 0) return config;
    char why[128];
    mbedtls_strerror(code, why, sizeof why);
    snprintf(problem, LINK_PROBLEM_SIZE, "cannot set TLS up: %s", why);
    tls_config_drop(config);
    return NULL;
}

struct tls_config *tls_config_hold(struct tls_config *config)
{
    config->holders++;
    return config;
}

void tls_config_drop(struct tls_config *config)
{
    if (config == NULL) return;
    TN_ASSERT(config->holders > 0);
    if (--config->holders > 0) return;
    mbedtls_ssl_config_free(&config->ssl);
    mbedtls_x509_crt_free(&config->own);
    mbedtls_x509_crt_free(&config->trusted);
    mbedtls_pk_free(&config->key); /* wiped */
    free(config);
}

bool tls_config_apply(struct tls_config *config, mbedtls_ssl_context *ssl)
{
    if (mbedtls_ssl_setup(ssl, &config->ssl) != 0) return false;
    return config->is_server || mbedtls_ssl_set_hostname(ssl, CERTIFICATE_NAME) == 0;
}
