/* The client's TLS: version 1.2, the node's certificate pinned.
 *
 * A node's own certificate vouches for nobody (CA:FALSE), so what is pinned is the certificate
 * itself, byte for byte, whatever name it has. A file that holds an authority's certificate
 * (CA:TRUE) admits what that authority has signed for the host's name. Nothing else is trusted,
 * neither the system's authorities nor dates alone.
 *
 * A node's session is kept for its next connection: a handshake that takes it up costs no
 * signatures, which are most of the 20 ms that one takes. */
#include "client/internal.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/platform_util.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void explain(char *why, size_t why_size, const char *what, int code)
{
    char text[128];
    mbedtls_strerror(code, text, sizeof text);
    snprintf(why, why_size, "%s: %s", what, text);
}

/* AEAD with forward secrecy only. */
static const int suites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

bool client_tls_make(struct tn_client *client, char *why, size_t why_size)
{
    struct client_tls *tls = &client->tls;
    mbedtls_entropy_init(&tls->entropy);
    mbedtls_ctr_drbg_init(&tls->random);
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_ssl_init(&tls->ssl);
    int code = mbedtls_ctr_drbg_seed(&tls->random, mbedtls_entropy_func, &tls->entropy, NULL, 0);
    if (code == 0)
        code =
            mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_CLIENT,
                                        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) {
        explain(why, why_size, "cannot prepare TLS", code);
        return false;
    }
    mbedtls_ssl_conf_rng(&tls->config, mbedtls_ctr_drbg_random, &tls->random);
    mbedtls_ssl_conf_min_version(&tls->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(&tls->config, suites);
    mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_session_tickets(&tls->config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    mbedtls_ssl_conf_renegotiation(&tls->config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    return true;
}

void client_tls_free(struct tn_client *client)
{
    struct client_tls *tls = &client->tls;
    for (uint32_t i = 0; i < client->peers_count; i++) {
        mbedtls_x509_crt_free(&client->peers[i].certificate);
        mbedtls_ssl_session_free(&client->peers[i].session);
    }
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_ctr_drbg_free(&tls->random);
    mbedtls_entropy_free(&tls->entropy);
}

bool client_tls_load(struct client_peer *peer, const char *path, char *why, size_t why_size)
{
    mbedtls_x509_crt_init(&peer->certificate);
    mbedtls_ssl_session_init(&peer->session);
    int code = mbedtls_x509_crt_parse_file(&peer->certificate, path);
    if (code != 0) {
        char what[400];
        /* Of a file that does not open mbedTLS says nothing more. */
        if (access(path, R_OK) != 0) {
            snprintf(why, why_size, "cannot open the certificate %s: %s", path, strerror(errno));
            return false;
        }
        snprintf(what, sizeof what, "cannot read the certificate %s", path);
        explain(why, why_size, what, code < 0 ? code : MBEDTLS_ERR_X509_INVALID_FORMAT);
        return false;
    }
    peer->is_authority = peer->certificate.ca_istrue != 0;
    return true;
}

static int failure(void)
{
    return errno == ECONNRESET || errno == EPIPE ? MBEDTLS_ERR_NET_CONN_RESET
                                                 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int send_bytes(void *context, const unsigned char *bytes, size_t size)
{
    ssize_t sent =
        send(((const struct tn_client *)context)->socket, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return (int)sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    return failure();
}

static int receive_bytes(void *context, unsigned char *bytes, size_t size)
{
    struct tn_client *client = context;
    size_t allowed = client->tls.allowed;
    if (allowed == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    ssize_t got = recv(client->socket, bytes, size < allowed ? size : allowed, MSG_DONTWAIT);
    if (got > 0) client->tls.allowed -= (size_t)got;
    if (got >= 0) return (int)got; /* 0: the end, which mbedTLS tells as one without a farewell */
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_READ;
    return failure();
}

/* Of reading and writing. */
static void explain_end(char *why, size_t why_size, const char *what, int code)
{
    if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
        code == MBEDTLS_ERR_SSL_CONN_EOF || code == MBEDTLS_ERR_NET_CONN_RESET) {
        snprintf(why, why_size, "the node closed the connection");
    } else {
        explain(why, why_size, what, code);
    }
}

bool client_tls_open(struct tn_client *client, char *why, size_t why_size)
{
    struct client_tls *tls = &client->tls;
    struct client_peer *peer = &client->peers[client->node];
    mbedtls_ssl_conf_ca_chain(&tls->config, &peer->certificate, NULL);
    int code = mbedtls_ssl_setup(&tls->ssl, &tls->config);
    /* A name is compared where somebody else vouches for it. */
    if (code == 0)
        code = mbedtls_ssl_set_hostname(&tls->ssl, peer->is_authority ? peer->host : NULL);
    if (code == 0 && peer->has_session) code = mbedtls_ssl_set_session(&tls->ssl, &peer->session);
    if (code != 0) {
        explain(why, why_size, "cannot begin TLS", code);
        mbedtls_ssl_free(&tls->ssl);
        mbedtls_ssl_init(&tls->ssl);
        return false;
    }
    mbedtls_ssl_set_bio(&tls->ssl, client, send_bytes, receive_bytes, NULL);
    tls->is_open = true;
    tls->wants_write = false;
    return true;
}

void client_tls_close(struct tn_client *client)
{
    struct client_tls *tls = &client->tls;
    if (!tls->is_open) return;
    /* If there is room for it. Behind a record that waits it would take that one along, and what
     * did not leave is told to be lost. */
    if (client->writing == 0) (void)mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_init(&tls->ssl);
    tls->is_open = false;
}

/* Is it the pinned certificate itself? */
static bool is_pinned(const struct client_peer *peer, const mbedtls_x509_crt *shown)
{
    const mbedtls_x509_crt *pin = &peer->certificate;
    return shown != NULL && shown->raw.len == pin->raw.len &&
           memcmp(shown->raw.p, pin->raw.p, pin->raw.len) == 0;
}

static void explain_stranger(char *why, size_t why_size, const struct client_peer *peer,
                             const mbedtls_ssl_context *ssl)
{
    char text[160] = "";
    uint32_t flags = mbedtls_ssl_get_verify_result(ssl);
    if (flags != 0 && flags != UINT32_MAX) {
        (void)mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
        text[strcspn(text, "\n")] = '\0';
    }
    snprintf(why, why_size, "%s:%u shows another certificate than the one it is known by%s%s",
             peer->host, peer->port, text[0] == '\0' ? "" : ": ", text);
}

int client_tls_handshake(struct tn_client *client, char *why, size_t why_size)
{
    struct client_tls *tls = &client->tls;
    struct client_peer *peer = &client->peers[client->node];
    int code = mbedtls_ssl_handshake(&tls->ssl);
    tls->wants_write = code == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) return 0;
    if (code == 0 &&
        (peer->is_authority || is_pinned(peer, mbedtls_ssl_get_peer_cert(&tls->ssl)))) {
        mbedtls_ssl_session_free(&peer->session);
        mbedtls_ssl_session_init(&peer->session);
        peer->has_session = mbedtls_ssl_get_session(&tls->ssl, &peer->session) == 0;
        return 1;
    }
    peer->has_session = false;
    if (code == 0 || code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        explain_stranger(why, why_size, peer, &tls->ssl);
    } else {
        char what[400];
        snprintf(what, sizeof what, "the TLS handshake with %s:%u failed", peer->host, peer->port);
        explain(why, why_size, what, code);
    }
    return -1;
}

int client_tls_read(struct tn_client *client, uint8_t *bytes, size_t room, char *why,
                    size_t why_size)
{
    struct client_tls *tls = &client->tls;
    int code = mbedtls_ssl_read(&tls->ssl, bytes, room);
    tls->wants_write = code == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (code > 0) return code;
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) return 0;
    explain_end(why, why_size, "reading from the node failed", code);
    return -1;
}

int client_tls_write(struct tn_client *client, const uint8_t *bytes, size_t size, char *why,
                     size_t why_size)
{
    int code = mbedtls_ssl_write(&client->tls.ssl, bytes, size);
    if (code >= 0) return code;
    if (code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE) return 0;
    explain_end(why, why_size, "sending to the node failed", code);
    return -1;
}

uint64_t client_random(struct tn_client *client)
{
    uint8_t bytes[8] = {0};
    /* Only for jitter: without randomness there is none. */
    if (mbedtls_ctr_drbg_random(&client->tls.random, bytes, sizeof bytes) != 0) return 0;
    return tn_get_be(bytes, 8);
}
