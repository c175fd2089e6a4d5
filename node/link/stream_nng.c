/* Bytes between nng and the thread of the protocol: the stream over nng.
 *
 * Each direction is a ring with free-running indexes under one short mutex. At most one receive and
 * one send are under way; their callbacks start the next as long as there is room or there are
 * bytes, so a burst costs one wake of the thread. To start one can mean to decrypt or encrypt 16
 * KiB within the call, so it is done without that mutex: who set `receiving` or `sending` makes the
 * call, under a mutex that only keeps it apart from the close: an operation that begins on a stream
 * that is closed already would never come back. An operation is never cancelled while the stream
 * is open (nng 1.5 may go on using the buffers of a cancelled one): the stream is closed, which
 * ends its operations, and it is freed only after both callbacks said so. A receive that begins
 * just after the connection ended never comes back (nng 1.5 has shut the socket and forgets the
 * receive): stream_probe sees that. */
#include "link/ring.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pipe {
    struct stream stream;
    nng_stream *nng;
    nng_aio *receive, *send;
    struct stream_waker *waker;
    atomic_bool changed;
    pthread_mutex_t calls[2]; /* of receive and of send: closed, and calls of nng until then */
    bool closed;
    pthread_mutex_t mutex; /* all below */
    bool receiving, sending;
    bool is_waited_for; /* the thread has more to write than there was room for */
    int error;
    uint64_t received, sent;
    struct stream_ring in, out;
};

static void changed(struct pipe *stream)
{
    atomic_store(&stream->changed, true);
    stream_waker_signal(stream->waker);
}

/* Says that nothing is under way after all: the stream was closed first. */
static void give_up(struct pipe *stream, bool *under_way)
{
    pthread_mutex_lock(&stream->mutex);
    *under_way = false;
    pthread_mutex_unlock(&stream->mutex);
}

/* Both without the mutex. */
static void receive_more(struct pipe *stream)
{
    pthread_mutex_lock(&stream->mutex);
    uint32_t room = STREAM_RING_BYTES - stream_ring_used(&stream->in);
    bool begin = !stream->receiving && stream->error == 0 && room > 0;
    nng_iov iov = {.iov_buf = stream->in.bytes + stream->in.tail % STREAM_RING_BYTES,
                   .iov_len = stream_ring_piece(stream->in.tail, room)};
    if (begin) stream->receiving = true;
    pthread_mutex_unlock(&stream->mutex);
    if (!begin) return;
    pthread_mutex_lock(&stream->calls[0]);
    begin = !stream->closed;
    if (begin) {
        nng_aio_set_iov(stream->receive, 1, &iov);
        nng_stream_recv(stream->nng, stream->receive);
    }
    pthread_mutex_unlock(&stream->calls[0]);
    if (!begin) give_up(stream, &stream->receiving);
}

static void send_more(struct pipe *stream)
{
    pthread_mutex_lock(&stream->mutex);
    uint32_t count = stream_ring_used(&stream->out);
    bool begin = !stream->sending && stream->error == 0 && count > 0;
    nng_iov iov = {.iov_buf = stream->out.bytes + stream->out.head % STREAM_RING_BYTES,
                   .iov_len = stream_ring_piece(stream->out.head, count)};
    if (begin) stream->sending = true;
    pthread_mutex_unlock(&stream->mutex);
    if (!begin) return;
    pthread_mutex_lock(&stream->calls[1]);
    begin = !stream->closed;
    if (begin) {
        nng_aio_set_iov(stream->send, 1, &iov);
        nng_stream_send(stream->nng, stream->send);
    }
    pthread_mutex_unlock(&stream->calls[1]);
    if (!begin) give_up(stream, &stream->sending);
}

static void on_received(void *context)
{
    struct pipe *stream = context;
    pthread_mutex_lock(&stream->mutex);
    int error = nng_aio_result(stream->receive);
    uint32_t count = error == 0 ? (uint32_t)nng_aio_count(stream->receive) : 0;
    TN_ASSERT(count <= STREAM_RING_BYTES - stream_ring_used(&stream->in));
    if (error == 0 && count == 0) error = NNG_ECONNSHUT;
    stream->in.tail += count;
    stream->received += count;
    stream->receiving = false;
    if (stream->error == 0) stream->error = error;
    pthread_mutex_unlock(&stream->mutex);
    changed(stream);
    receive_more(stream);
}

static void on_sent(void *context)
{
    struct pipe *stream = context;
    pthread_mutex_lock(&stream->mutex);
    int error = nng_aio_result(stream->send);
    uint32_t count = error == 0 ? (uint32_t)nng_aio_count(stream->send) : 0;
    TN_ASSERT(count <= stream_ring_used(&stream->out));
    stream->out.head += count;
    stream->sent += count;
    stream->sending = false;
    if (stream->error == 0) stream->error = error;
    bool refill = stream->is_waited_for && stream_ring_used(&stream->out) <= STREAM_RING_BYTES / 2;
    if (refill) stream->is_waited_for = false;
    pthread_mutex_unlock(&stream->mutex);
    if (refill || error != 0) changed(stream);
    send_more(stream);
}

static void destroy_mutexes(struct pipe *stream)
{
    pthread_mutex_destroy(&stream->mutex);
    pthread_mutex_destroy(&stream->calls[0]);
    pthread_mutex_destroy(&stream->calls[1]);
}

static size_t pipe_peek(struct stream *base, const uint8_t **bytes)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->mutex);
    uint32_t count = stream_ring_piece(stream->in.head, stream_ring_used(&stream->in));
    *bytes = stream->in.bytes + stream->in.head % STREAM_RING_BYTES;
    pthread_mutex_unlock(&stream->mutex);
    return count;
}

static void pipe_consume(struct stream *base, size_t size)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->mutex);
    TN_ASSERT(size <= stream_ring_used(&stream->in));
    stream->in.head += (uint32_t)size;
    bool stopped = !stream->receiving && stream->error == 0;
    pthread_mutex_unlock(&stream->mutex);
    if (stopped) receive_more(stream);
}

static size_t pipe_write(struct stream *base, const void *bytes, size_t size)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->mutex);
    size_t count = stream_ring_take(&stream->out, bytes, size);
    stream->is_waited_for = count < size;
    pthread_mutex_unlock(&stream->mutex);
    return count;
}

static void pipe_flush(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    send_more(stream);
}

static size_t pipe_room(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->mutex);
    size_t room = STREAM_RING_BYTES - stream_ring_used(&stream->out);
    pthread_mutex_unlock(&stream->mutex);
    return room;
}

static void pipe_look(struct stream *base, struct stream_state *state)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->mutex);
    *state = (struct stream_state){.error = stream->error,
                                   .received = stream->received,
                                   .sent = stream->sent,
                                   .unsent = stream_ring_used(&stream->out),
                                   .unread = stream_ring_used(&stream->in)};
    pthread_mutex_unlock(&stream->mutex);
}

static void pipe_probe(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    nng_sockaddr peer;
    if (nng_stream_get_addr(stream->nng, NNG_OPT_REMADDR, &peer) == 0) return;
    pthread_mutex_lock(&stream->mutex);
    if (stream->error == 0) stream->error = NNG_ECONNSHUT;
    pthread_mutex_unlock(&stream->mutex);
}

static bool pipe_take_changed(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    if (!atomic_load_explicit(&stream->changed, memory_order_relaxed)) return false;
    return atomic_exchange(&stream->changed, false);
}

static void pipe_close(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    pthread_mutex_lock(&stream->calls[0]);
    pthread_mutex_lock(&stream->calls[1]);
    bool first = !stream->closed;
    stream->closed = true;
    pthread_mutex_unlock(&stream->calls[1]);
    pthread_mutex_unlock(&stream->calls[0]);
    if (first) nng_stream_close(stream->nng);
}

static bool pipe_reap(struct stream *base)
{
    struct pipe *stream = (struct pipe *)base;
    TN_ASSERT(stream->closed); /* set by this thread */
    pthread_mutex_lock(&stream->mutex);
    bool busy = stream->receiving || stream->sending;
    pthread_mutex_unlock(&stream->mutex);
    if (busy) return false;
    nng_aio_free(stream->receive); /* waits for the last instructions of a callback */
    nng_aio_free(stream->send);
    nng_stream_free(stream->nng);
    destroy_mutexes(stream);
    free(stream);
    return true;
}

static const struct stream_calls calls = {.peek = pipe_peek,
                                          .consume = pipe_consume,
                                          .write = pipe_write,
                                          .flush = pipe_flush,
                                          .room = pipe_room,
                                          .look = pipe_look,
                                          .probe = pipe_probe,
                                          .take_changed = pipe_take_changed,
                                          .close = pipe_close,
                                          .reap = pipe_reap};

struct stream *stream_nng_open(nng_stream *nng, struct stream_waker *waker)
{
    struct pipe *stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        stream->stream.calls = &calls;
        stream->nng = nng;
        stream->waker = waker;
        atomic_init(&stream->changed, false);
        pthread_mutex_init(&stream->mutex, NULL);
        pthread_mutex_init(&stream->calls[0], NULL);
        pthread_mutex_init(&stream->calls[1], NULL);
        if (nng_aio_alloc(&stream->receive, on_received, stream) == 0 &&
            nng_aio_alloc(&stream->send, on_sent, stream) == 0) {
            nng_aio_set_timeout(stream->receive, NNG_DURATION_INFINITE);
            nng_aio_set_timeout(stream->send, NNG_DURATION_INFINITE);
            receive_more(stream);
            return &stream->stream;
        }
        if (stream->receive != NULL) nng_aio_free(stream->receive);
        destroy_mutexes(stream);
    }
    free(stream);
    nng_stream_close(nng);
    nng_stream_free(nng);
    return NULL;
}
