/* Bytes between a socket and the thread of the protocol: the stream without threads between.
 *
 * The descriptor is watched by edges, so what an edge told is remembered (may_read, may_write)
 * until the system says that there is no more. mbedTLS asks for five bytes and then for the rest of
 * a record; a buffer below it turns that into one call for as much as there is. What is written
 * lies in the ring until it is flushed: then each 16 KiB are one record and one call.
 *
 * A record that could not leave whole must be tried again with the same bytes (mbedTLS keeps its
 * encrypted rest): they stay at the front of the ring until it has gone.
 *
 * mbedTLS passes over records without a message (warnings) and asks for the next one before it
 * returns, so a visit of the protocol receives so many bytes and no more: whoever sends such
 * records without end holds neither this thread nor the one of handshakes. */
#include "link/stream_socket.h"

#include "link/handshakes.h"

#include <errno.h>
#include <mbedtls/net_sockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD_BYTES = 16384 };

static bool is_open(const struct socket_stream *stream)
{
    return atomic_load_explicit(&stream->phase, memory_order_acquire) == SOCKET_OPEN;
}

/* ---- Under mbedTLS -----------------------------------------------------------------------------
 */

int socket_stream_receive(void *context, unsigned char *bytes, size_t size)
{
    struct socket_stream *stream = context;
    if (stream->below_head == stream->below_tail) {
        if (!stream->may_read || stream->allowed == 0) return MBEDTLS_ERR_SSL_WANT_READ;
        ssize_t count = recv(stream->fd, stream->below, sizeof stream->below, 0);
        if (count < 0 && errno == EINTR) return MBEDTLS_ERR_SSL_WANT_READ;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            stream->may_read = false;
            return MBEDTLS_ERR_SSL_WANT_READ;
        }
        if (count < 0) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
        if (count == 0) return MBEDTLS_ERR_SSL_CONN_EOF;
        /* Less than asked for is all there was: the next bytes make another edge. */
        if ((size_t)count < sizeof stream->below && !stream->is_ending) stream->may_read = false;
        stream->allowed -= (uint32_t)count < stream->allowed ? (uint32_t)count : stream->allowed;
        stream->below_head = 0;
        stream->below_tail = (uint32_t)count;
    }
    uint32_t left = stream->below_tail - stream->below_head;
    uint32_t count = size < left ? (uint32_t)size : left;
    memcpy(bytes, stream->below + stream->below_head, count);
    stream->below_head += count;
    return (int)count;
}

bool stream_socket_is_absent(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

int socket_stream_send(void *context, const unsigned char *bytes, size_t size)
{
    struct socket_stream *stream = context;
    if (!stream->may_write) return MBEDTLS_ERR_SSL_WANT_WRITE;
    ssize_t count = send(stream->fd, bytes, size, MSG_NOSIGNAL);
    if (count >= 0) return (int)count;
    if (errno == EINTR) return MBEDTLS_ERR_SSL_WANT_WRITE;
    if (stream_socket_is_absent(errno)) return MBEDTLS_ERR_NET_CONNECT_FAILED;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    stream->may_write = false;
    return MBEDTLS_ERR_SSL_WANT_WRITE;
}

int socket_stream_error(int code)
{
    switch (code) {
        case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
        case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE: return NNG_EPEERAUTH;
        case MBEDTLS_ERR_SSL_CONN_EOF:
        case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return NNG_ECONNSHUT;
        case MBEDTLS_ERR_NET_CONNECT_FAILED: return NNG_ECONNREFUSED;
        case MBEDTLS_ERR_SSL_INTERNAL_ERROR: return NNG_ECONNRESET;
        case MBEDTLS_ERR_SSL_ALLOC_FAILED: return NNG_ENOMEM;
        default: return NNG_ECRYPTO;
    }
}

static void fail(struct socket_stream *stream, int code)
{
    if (stream->error == 0) stream->error = socket_stream_error(code);
    stream->changed = true;
    stream->may_read = stream->may_write = false;
}

/* ---- Reading, writing --------------------------------------------------------------------------
 */

static void fill(struct socket_stream *stream)
{
    while (stream->error == 0) {
        uint32_t room = STREAM_RING_BYTES - stream_ring_used(&stream->in);
        if (room == 0) return;
        int count =
            mbedtls_ssl_read(&stream->ssl, stream->in.bytes + stream->in.tail % STREAM_RING_BYTES,
                             stream_ring_piece(stream->in.tail, room));
        if (count == MBEDTLS_ERR_SSL_WANT_READ || count == MBEDTLS_ERR_SSL_WANT_WRITE) {
            if (!stream->may_read) return;
            if (stream->allowed > 0) continue;
            stream->changed = true; /* there may be more; others first */
            stream_waker_signal(stream->waker);
            return;
        }
        if (count <= 0) {
            fail(stream, count == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : count);
            return;
        }
        stream->in.tail += (uint32_t)count;
        stream->received += (uint32_t)count;
    }
}

static size_t socket_peek(struct stream *base, const uint8_t **bytes)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    if (stream_ring_used(&stream->in) == 0 && is_open(stream)) fill(stream);
    *bytes = stream->in.bytes + stream->in.head % STREAM_RING_BYTES;
    return stream_ring_piece(stream->in.head, stream_ring_used(&stream->in));
}

static void socket_consume(struct stream *base, size_t size)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    TN_ASSERT(size <= stream_ring_used(&stream->in));
    stream->in.head += (uint32_t)size;
}

static size_t socket_write(struct stream *base, const void *bytes, size_t size)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    size_t count = stream_ring_take(&stream->out, bytes, size);
    stream->is_waited_for = count < size;
    return count;
}

static void socket_flush(struct stream *base)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    while (is_open(stream) && stream->error == 0 && stream->may_write &&
           stream_ring_used(&stream->out) > 0) {
        uint32_t count = stream->pending;
        if (count == 0) count = stream_ring_piece(stream->out.head, stream_ring_used(&stream->out));
        if (count > RECORD_BYTES) count = RECORD_BYTES;
        stream->pending = count;
        int sent = mbedtls_ssl_write(
            &stream->ssl, stream->out.bytes + stream->out.head % STREAM_RING_BYTES, count);
        if (sent == MBEDTLS_ERR_SSL_WANT_WRITE || sent == MBEDTLS_ERR_SSL_WANT_READ) continue;
        if (sent <= 0) {
            fail(stream, sent);
            return;
        }
        stream->pending = 0;
        stream->out.head += (uint32_t)sent;
        stream->sent += (uint32_t)sent;
    }
    if (stream->is_waited_for && stream_ring_used(&stream->out) <= STREAM_RING_BYTES / 2) {
        stream->is_waited_for = false;
        stream->changed = true;
        stream_waker_signal(stream->waker);
    }
}

static size_t socket_room(struct stream *base)
{
    return STREAM_RING_BYTES - stream_ring_used(&((struct socket_stream *)base)->out);
}

static void socket_look(struct stream *base, struct stream_state *state)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    int error = stream->error;
    if (atomic_load_explicit(&stream->phase, memory_order_acquire) == SOCKET_FAILED) {
        error = stream->handshake_error;
    }
    *state = (struct stream_state){.error = error,
                                   .received = stream->received,
                                   .sent = stream->sent,
                                   .unsent = stream_ring_used(&stream->out),
                                   .unread = stream_ring_used(&stream->in)};
}

/* The system tells of every end by an edge. */
static void socket_probe(struct stream *base)
{
    (void)base;
}

static bool socket_take_changed(struct stream *base)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    bool changed = stream->changed;
    stream->changed = false;
    if (is_open(stream))
        stream->allowed = SOCKET_VISIT_BYTES; /* until then it is the handshake's */
    return atomic_exchange_explicit(&stream->let_go, false, memory_order_acquire) || changed;
}

void stream_socket_ready(struct stream *base, uint32_t events)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) stream->is_ending = true;
    stream->may_read = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) stream->may_write = true;
    stream->changed = true;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void socket_close(struct stream *base)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    if (atomic_exchange(&stream->closed, true)) return;
    if (is_open(stream)) {
        if (stream->error == 0 && stream->pending == 0) mbedtls_ssl_close_notify(&stream->ssl);
        close(stream->fd); /* leaves epoll by that */
        stream->fd = -1;
    } else {
        handshakes_nudge(stream->handshakes);
    }
}

static bool socket_reap(struct stream *base)
{
    struct socket_stream *stream = (struct socket_stream *)base;
    TN_ASSERT(atomic_load(&stream->closed));
    if (atomic_load_explicit(&stream->phase, memory_order_acquire) == SOCKET_HANDSHAKE) {
        return false;
    }
    if (stream->fd >= 0) close(stream->fd);
    mbedtls_ssl_free(&stream->ssl);
    tls_config_drop(stream->config);
    free(stream);
    return true;
}

static const struct stream_calls calls = {.peek = socket_peek,
                                          .consume = socket_consume,
                                          .write = socket_write,
                                          .flush = socket_flush,
                                          .room = socket_room,
                                          .look = socket_look,
                                          .probe = socket_probe,
                                          .take_changed = socket_take_changed,
                                          .close = socket_close,
                                          .reap = socket_reap};

struct stream *stream_socket_open(int fd, struct tls_config *config, struct handshakes *handshakes)
{
    struct socket_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        close(fd);
        return NULL;
    }
    stream->stream.calls = &calls;
    stream->fd = fd;
    stream->may_read = stream->may_write = true;
    stream->handshakes = handshakes;
    stream->waker = handshakes_waker(handshakes);
    atomic_init(&stream->phase, SOCKET_HANDSHAKE);
    atomic_init(&stream->closed, false);
    atomic_init(&stream->let_go, false);
    mbedtls_ssl_init(&stream->ssl);
    if (!tls_config_apply(config, &stream->ssl)) {
        mbedtls_ssl_free(&stream->ssl);
        close(fd);
        free(stream);
        return NULL;
    }
    stream->config = tls_config_hold(config);
    mbedtls_ssl_set_bio(&stream->ssl, stream, socket_stream_send, socket_stream_receive, NULL);
    handshakes_add(handshakes, stream);
    return &stream->stream;
}
