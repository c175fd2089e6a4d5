/* The thread that shakes hands: connections that are being made or were accepted, until TLS is
 * through or has failed.
 *
 * One thread for all of them, with poll: a few connections at a start, and no more than the link
 * lets in. It owns a stream from handshakes_add until it sets the stream's phase, which is the last
 * thing that it does to it. Time limits are the link's: it closes what takes too long, and this
 * thread lets go of what is closed. */
#include "link/handshakes.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct handshakes {
    pthread_t thread;
    struct stream_waker *waker;
    struct stream_waker own; /* there is a new one, or one was closed */
    int poll_fd;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* all below */
    struct socket_stream **added;
    uint32_t added_count, added_room;
};

/* What the thread works on. */
struct work {
    struct socket_stream **streams;
    struct pollfd *polls; /* polls[0] is the waker, polls[i + 1] streams[i] */
    uint32_t count, room;
};

static bool grow(struct work *work, uint32_t need)
{
    if (need <= work->room) return true;
    uint32_t room = 2 * need + 16;
    struct socket_stream **streams = realloc(work->streams, room * sizeof(*streams));
    if (streams == NULL) return false;
    work->streams = streams;
    struct pollfd *polls = realloc(work->polls, (room + 1) * sizeof(*polls));
    if (polls == NULL) return false;
    work->polls = polls;
    work->room = room;
    return true;
}

static void let_go(struct handshakes *handshakes, struct socket_stream *stream,
                   enum socket_phase phase, int error)
{
    if (phase == SOCKET_OPEN) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = &stream->stream};
        stream->may_read = stream->may_write = true; /* whatever the handshake saw */
        if (epoll_ctl(handshakes->poll_fd, EPOLL_CTL_ADD, stream->fd, &event) != 0) {
            phase = SOCKET_FAILED;
            error = NNG_ENOMEM;
        }
    }
    stream->handshake_error = error;
    atomic_store(&stream->let_go, true);
    atomic_store_explicit(&stream->phase, (int)phase, memory_order_release);
    stream_waker_signal(handshakes->waker);
}

/* False: it was let go. */
static bool advance(struct handshakes *handshakes, struct socket_stream *stream,
                    struct pollfd *ready)
{
    if (atomic_load(&stream->closed)) {
        let_go(handshakes, stream, SOCKET_FAILED, NNG_ECLOSED);
        return false;
    }
    if (ready->revents == 0) return true;
    stream->may_read = stream->may_write = true;
    stream->allowed = SOCKET_VISIT_BYTES;
    int code = mbedtls_ssl_handshake(&stream->ssl);
    switch (code) {
        case 0: let_go(handshakes, stream, SOCKET_OPEN, 0); return false;
        case MBEDTLS_ERR_SSL_WANT_READ: ready->events = POLLIN; return true;
        case MBEDTLS_ERR_SSL_WANT_WRITE: ready->events = POLLOUT; return true;
    }
    let_go(handshakes, stream, SOCKET_FAILED, socket_stream_error(code));
    return false;
}

static void take_added(struct handshakes *handshakes, struct work *work)
{
    pthread_mutex_lock(&handshakes->mutex);
    const bool fits = grow(work, work->count + handshakes->added_count);
    for (uint32_t i = 0; i < handshakes->added_count; i++) {
        struct socket_stream *stream = handshakes->added[i];
        if (!fits) {
            let_go(handshakes, stream, SOCKET_FAILED, NNG_ENOMEM);
            continue;
        }
        work->streams[work->count] = stream;
        /* One that is still connecting is writable when that has ended, either way. */
        work->polls[++work->count] = (struct pollfd){.fd = stream->fd, .events = POLLOUT};
    }
    handshakes->added_count = 0;
    pthread_mutex_unlock(&handshakes->mutex);
}

static void *run(void *context)
{
    struct handshakes *handshakes = context;
    struct work work = {0};
    bool is_ready = grow(&work, 16);
    while (!atomic_load(&handshakes->stopping) && is_ready) {
        work.polls[0] = (struct pollfd){.fd = handshakes->own.fd, .events = POLLIN};
        poll(work.polls, work.count + 1, -1);
        if (work.polls[0].revents != 0) stream_waker_drain(&handshakes->own);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < work.count; i++) {
            struct socket_stream *stream = work.streams[i];
            struct pollfd ready = work.polls[i + 1];
            if (!advance(handshakes, stream, &ready)) continue;
            work.streams[kept] = stream;
            work.polls[++kept] = ready;
        }
        work.count = kept;
        take_added(handshakes, &work);
    }
    take_added(handshakes, &work);
    for (uint32_t i = 0; i < work.count; i++)
        let_go(handshakes, work.streams[i], SOCKET_FAILED, NNG_ECLOSED);
    free(work.streams);
    free(work.polls);
    return NULL;
}

struct stream_waker *handshakes_waker(struct handshakes *handshakes)
{
    return handshakes->waker;
}

void handshakes_nudge(struct handshakes *handshakes)
{
    stream_waker_signal(&handshakes->own);
}

void handshakes_add(struct handshakes *handshakes, struct socket_stream *stream)
{
    bool is_added = true;
    pthread_mutex_lock(&handshakes->mutex);
    if (handshakes->added_count == handshakes->added_room) {
        uint32_t room = 2 * handshakes->added_room + 16;
        struct socket_stream **added =
            realloc(handshakes->added, room * sizeof(*handshakes->added));
        is_added = added != NULL;
        if (is_added) {
            handshakes->added = added;
            handshakes->added_room = room;
        }
    }
    if (is_added) handshakes->added[handshakes->added_count++] = stream;
    pthread_mutex_unlock(&handshakes->mutex);
    if (is_added) {
        handshakes_nudge(handshakes);
    } else {
        let_go(handshakes, stream, SOCKET_FAILED, NNG_ENOMEM);
    }
}

struct handshakes *handshakes_start(struct stream_waker *waker, int poll_fd)
{
    struct handshakes *handshakes = calloc(1, sizeof *handshakes);
    if (handshakes == NULL) return NULL;
    handshakes->waker = waker;
    handshakes->poll_fd = poll_fd;
    atomic_init(&handshakes->stopping, false);
    pthread_mutex_init(&handshakes->mutex, NULL);
    if (stream_waker_open(&handshakes->own)) {
        if (pthread_create(&handshakes->thread, NULL, run, handshakes) == 0) return handshakes;
        stream_waker_close(&handshakes->own);
    }
    pthread_mutex_destroy(&handshakes->mutex);
    free(handshakes);
    return NULL;
}

void handshakes_stop(struct handshakes *handshakes)
{
    if (handshakes == NULL) return;
    atomic_store(&handshakes->stopping, true);
    handshakes_nudge(handshakes);
    pthread_join(handshakes->thread, NULL);
    stream_waker_close(&handshakes->own);
    pthread_mutex_destroy(&handshakes->mutex);
    free(handshakes->added);
    free(handshakes);
}
