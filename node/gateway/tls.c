/* mbedTLS, and nothing that knows what is said through it.
 *
 * Only suites with a fresh Diffie-Hellman key and an AEAD cipher: after a handshake no randomness
 * is needed, so a connection may be used by another thread than the one that shook hands, and the
 * configuration is only read. Renegotiation is off, which leaves one handshake for each connection.
 * The minimum version is set because the library still has older ones compiled in. */
#include "gateway/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY_BYTES_MAX (256u << 10)
#define TICKET_SECONDS     86400u
#define HANDSHAKE_BYTES    65536u /* of one step: all that an honest client says is less */
#define AHEAD_BYTES        4096u  /* a record of a frame of 64 quotes, or of some orders */

/* The first that the client knows too. mbedTLS' ChaCha20 takes 3.7 ns a byte, its GCM, block by
 * block, 5.1 with the processor's own AES. */
static const int suites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    0,
};

/* mbedTLS' own random generator, seeded by the system; it locks itself. */
struct randomness {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context drbg;
};
struct gateway_tickets {
    struct randomness random;
    mbedtls_ssl_ticket_context context;
    atomic_uint_fast64_t resumed;
};
struct ready {
    struct randomness random;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    mbedtls_ssl_config config;
};
struct gateway_identity {
    atomic_uint holders;
    uint32_t count;
    struct ready ready[];
};
struct gateway_tls {
    struct gateway_identity *identity;
    int fd;
    size_t allowed; /* bytes that may be received */
    bool is_empty;  /* the socket, as far as is known; until the next visit */
    mbedtls_ssl_context ssl;
    /* The library asks for a record's header and then for the rest: a call of the system each. */
    size_t ahead_at, ahead_end;
    unsigned char ahead[AHEAD_BYTES];
};

static void fail(char problem[GATEWAY_PROBLEM_SIZE], const char *what, const char *on, int code)
{
    char why[160];
    mbedtls_strerror(code, why, sizeof why);
    snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot %s %s: %s", what, on, why);
}

static int random_make(struct randomness *random)
{
    mbedtls_entropy_init(&random->entropy);
    mbedtls_ctr_drbg_init(&random->drbg);
    return mbedtls_ctr_drbg_seed(&random->drbg, mbedtls_entropy_func, &random->entropy, NULL, 0);
}

static void random_free(struct randomness *random)
{
    mbedtls_ctr_drbg_free(&random->drbg);
    mbedtls_entropy_free(&random->entropy);
}

/* ---- Tickets ----------------------------------------------------------------------------------
 */

struct gateway_tickets *gateway_tickets_make(char problem[GATEWAY_PROBLEM_SIZE])
{
    struct gateway_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot make keys for session tickets: no memory");
        return NULL;
    }
    mbedtls_ssl_ticket_init(&tickets->context);
    int code = random_make(&tickets->random);
    if (code == 0)
        code = mbedtls_ssl_ticket_setup(&tickets->context, mbedtls_ctr_drbg_random,
                                        &tickets->random.drbg, MBEDTLS_CIPHER_AES_256_GCM,
                                        TICKET_SECONDS);
    if (code == 0) return tickets;
    fail(problem, "make keys for", "session tickets", code);
    gateway_tickets_free(tickets);
    return NULL;
}

void gateway_tickets_free(struct gateway_tickets *tickets)
{
    if (tickets == NULL) return;
    mbedtls_ssl_ticket_free(&tickets->context);
    random_free(&tickets->random);
    free(tickets);
}

uint64_t gateway_tickets_resumed(const struct gateway_tickets *tickets)
{
    return atomic_load_explicit(&tickets->resumed, memory_order_relaxed);
}

static int ticket_write(void *context, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *size, uint32_t *lifetime)
{
    struct gateway_tickets *tickets = context;
    return mbedtls_ssl_ticket_write(&tickets->context, session, start, end, size, lifetime);
}

static int ticket_parse(void *context, mbedtls_ssl_session *session, unsigned char *bytes,
                        size_t size)
{
    struct gateway_tickets *tickets = context;
    int code = mbedtls_ssl_ticket_parse(&tickets->context, session, bytes, size);
    if (code == 0) atomic_fetch_add_explicit(&tickets->resumed, 1, memory_order_relaxed);
    return code;
}

/* ---- Identities -------------------------------------------------------------------------------
 */

static bool fail_file(char problem[GATEWAY_PROBLEM_SIZE], const char *what, const char *path)
{
    snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

/* The file's text with a zero behind it; *size counts the zero. */
static bool read_file(char *text, size_t *size, const char *path,
                      char problem[GATEWAY_PROBLEM_SIZE])
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_file(problem, "open the identity", path);
    bool done = fstat(fd, &status) == 0 || fail_file(problem, "look at the identity", path);
    if (done && (status.st_mode & 077) != 0) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE,
                 "cannot use the identity %s: others can read its key; run chmod 600 on it", path);
        done = false;
    }
    size_t used = 0;
    ssize_t count = 1;
    while (done && count > 0 && used < IDENTITY_BYTES_MAX) {
        count = read(fd, text + used, IDENTITY_BYTES_MAX - used);
        if (count > 0) used += (size_t)count;
        if (count < 0 && errno == EINTR) count = 1;
        if (count < 0) done = fail_file(problem, "read the identity", path);
    }
    if (done && used == IDENTITY_BYTES_MAX) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot use the identity %s: it is too large",
                 path);
        done = false;
    }
    close(fd);
    text[used] = '\0';
    *size = used + 1;
    return done;
}

static int configure(struct ready *ready, struct gateway_tickets *tickets)
{
    mbedtls_ssl_config *config = &ready->config;
    int code = mbedtls_ssl_config_defaults(
        config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0) return code;
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(config, suites);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_renegotiation(config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &ready->random.drbg);
    mbedtls_ssl_conf_session_tickets_cb(config, ticket_write, ticket_parse, tickets);
    return mbedtls_ssl_conf_own_cert(config, &ready->chain, &ready->key);
}

static bool make_ready(struct ready *ready, const char *text, size_t size, const char *path,
                       struct gateway_tickets *tickets, char problem[GATEWAY_PROBLEM_SIZE])
{
    int code = random_make(&ready->random);
    if (code != 0) {
        fail(problem, "find randomness for", path, code);
        return false;
    }
    code = mbedtls_x509_crt_parse(&ready->chain, (const unsigned char *)text, size);
    if (code != 0) {
        fail(problem, "read a certificate from", path, code);
        return false;
    }
    code = mbedtls_pk_parse_key(&ready->key, (const unsigned char *)text, size, NULL, 0);
    if (code != 0) {
        fail(problem, "read a private key from", path, code);
        return false;
    }
    if (mbedtls_pk_check_pair(&ready->chain.pk, &ready->key) != 0) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE,
                 "cannot use the identity %s: its first certificate is of another key", path);
        return false;
    }
    code = configure(ready, tickets);
    if (code != 0) fail(problem, "prepare TLS with", path, code);
    return code == 0;
}

static void ready_init(struct ready *ready)
{
    mbedtls_x509_crt_init(&ready->chain);
    mbedtls_pk_init(&ready->key);
    mbedtls_ssl_config_init(&ready->config);
}

struct gateway_identity *gateway_identity_load(const char *path, uint32_t threads,
                                               struct gateway_tickets *tickets,
                                               char problem[GATEWAY_PROBLEM_SIZE])
{
    char *text = malloc(IDENTITY_BYTES_MAX + 1);
    struct gateway_identity *identity =
        calloc(1, sizeof *identity + threads * sizeof(struct ready));
    if (text == NULL || identity == NULL) {
        snprintf(problem, GATEWAY_PROBLEM_SIZE, "cannot read the identity %s: no memory", path);
        free(text);
        free(identity);
        return NULL;
    }
    atomic_store(&identity->holders, 1);
    size_t size = 0;
    bool done = read_file(text, &size, path, problem);
    while (done && identity->count < threads) {
        struct ready *ready = &identity->ready[identity->count++];
        ready_init(ready);
        done = make_ready(ready, text, size, path, tickets, problem);
    }
    mbedtls_platform_zeroize(text, IDENTITY_BYTES_MAX + 1);
    free(text);
    if (done) return identity;
    gateway_identity_release(identity);
    return NULL;
}

void gateway_identity_hold(struct gateway_identity *identity)
{
    atomic_fetch_add(&identity->holders, 1);
}

void gateway_identity_release(struct gateway_identity *identity)
{
    if (identity == NULL || atomic_fetch_sub(&identity->holders, 1) != 1) return;
    for (uint32_t i = 0; i < identity->count; i++) {
        struct ready *ready = &identity->ready[i];
        mbedtls_ssl_config_free(&ready->config);
        mbedtls_pk_free(&ready->key);
        mbedtls_x509_crt_free(&ready->chain);
        random_free(&ready->random);
    }
    free(identity);
}

/* ---- Connections ------------------------------------------------------------------------------
 */

static int bio_send(void *context, const unsigned char *bytes, size_t size)
{
    const struct gateway_tls *tls = context;
    ssize_t count = send(tls->fd, bytes, size, MSG_NOSIGNAL);
    if (count >= 0) return (int)count;
    bool wait = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return wait ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/* Less than there was room for: the socket has no more, so nobody asks it again in this visit. */
static int receive(struct gateway_tls *tls, unsigned char *bytes, size_t room)
{
    if (tls->allowed == 0 || tls->is_empty) return MBEDTLS_ERR_SSL_WANT_READ;
    if (room > tls->allowed) room = tls->allowed;
    ssize_t count = recv(tls->fd, bytes, room, 0);
    if (count > 0) {
        tls->allowed -= (size_t)count;
        tls->is_empty = (size_t)count < room;
        return (int)count;
    }
    if (count == 0) return MBEDTLS_ERR_SSL_CONN_EOF;
    bool wait = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return wait ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_recv(void *context, unsigned char *bytes, size_t size)
{
    struct gateway_tls *tls = context;
    if (tls->ahead_at == tls->ahead_end) {
        if (size >= AHEAD_BYTES) return receive(tls, bytes, size);
        int count = receive(tls, tls->ahead, AHEAD_BYTES);
        if (count <= 0) return count;
        tls->ahead_at = 0;
        tls->ahead_end = (size_t)count;
    }
    if (size > tls->ahead_end - tls->ahead_at) size = tls->ahead_end - tls->ahead_at;
    memcpy(bytes, tls->ahead + tls->ahead_at, size);
    tls->ahead_at += size;
    return (int)size;
}

struct gateway_tls *gateway_tls_open(struct gateway_identity *identity, uint32_t thread, int fd)
{
    TN_ASSERT(thread < identity->count);
    struct gateway_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) return NULL;
    tls->identity = identity;
    tls->fd = fd;
    gateway_identity_hold(identity);
    mbedtls_ssl_init(&tls->ssl);
    if (mbedtls_ssl_setup(&tls->ssl, &identity->ready[thread].config) != 0) {
        gateway_tls_close(tls, false);
        return NULL;
    }
    mbedtls_ssl_set_bio(&tls->ssl, tls, bio_send, bio_recv, NULL);
    return tls;
}

void gateway_tls_close(struct gateway_tls *tls, bool say)
{
    if (tls == NULL) return;
    if (say) mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    gateway_identity_release(tls->identity);
    free(tls);
}

static enum gateway_tls_step step_of(int code)
{
    if (code == MBEDTLS_ERR_SSL_WANT_READ) return GATEWAY_TLS_WANT_READ;
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE) return GATEWAY_TLS_WANT_WRITE;
    if (code == 0 || code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return GATEWAY_TLS_CLOSED;
    return GATEWAY_TLS_FAILED;
}

enum gateway_tls_step gateway_tls_handshake(struct gateway_tls *tls)
{
    gateway_tls_allow(tls, HANDSHAKE_BYTES);
    int code = mbedtls_ssl_handshake(&tls->ssl);
    return code == 0 ? GATEWAY_TLS_DONE : step_of(code);
}

void gateway_tls_allow(struct gateway_tls *tls, size_t bytes)
{
    tls->allowed = bytes;
    tls->is_empty = false;
}

/* Bytes that no descriptor will announce any more. */
static bool has_more(const struct gateway_tls *tls)
{
    return tls->ahead_at < tls->ahead_end || mbedtls_ssl_check_pending(&tls->ssl) != 0;
}

enum gateway_tls_step gateway_tls_read(struct gateway_tls *tls, uint8_t *out, size_t *size,
                                       size_t room)
{
    TN_ASSERT(room > 0);
    if (tls->is_empty && !has_more(tls))
        return GATEWAY_TLS_WANT_READ; /* as the library would say */
    int count = mbedtls_ssl_read(&tls->ssl, out, room);
    if (count <= 0) return step_of(count);
    *size = (size_t)count;
    return GATEWAY_TLS_DONE;
}

enum gateway_tls_step gateway_tls_write(struct gateway_tls *tls, size_t *written,
                                        const uint8_t *bytes, size_t size)
{
    TN_ASSERT(size > 0 && size <= GATEWAY_TLS_RECORD);
    int count = mbedtls_ssl_write(&tls->ssl, bytes, size);
    if (count <= 0) return count == 0 ? GATEWAY_TLS_WANT_WRITE : step_of(count);
    *written = (size_t)count;
    return GATEWAY_TLS_DONE;
}
