/* Streams, of whichever kind, and the eventfd by which other threads wake the one that polls. */
#include "link/stream.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool stream_waker_open(struct stream_waker *waker)
{
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_init(&waker->signalled, false);
    return waker->fd >= 0;
}

void stream_waker_close(struct stream_waker *waker)
{
    if (waker->fd >= 0) close(waker->fd);
    waker->fd = -1;
}

void stream_waker_signal(struct stream_waker *waker)
{
    if (atomic_exchange(&waker->signalled, true)) return;
    uint64_t one = 1;
    while (write(waker->fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* The flag goes last: were it first, a signal between the two would write, be read here, and leave
 * the flag set over an empty descriptor, and no signal would ever be heard again. Who signals
 * before the flag goes does not write, and is seen by whoever looks after this. */
void stream_waker_drain(struct stream_waker *waker)
{
    uint64_t count;
    while (read(waker->fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
    atomic_store(&waker->signalled, false);
}

void stream_waker_take(struct stream_waker *waker)
{
    if (atomic_load(&waker->signalled)) stream_waker_drain(waker);
}

size_t stream_peek(struct stream *stream, const uint8_t **bytes)
{
    return stream->calls->peek(stream, bytes);
}

void stream_consume(struct stream *stream, size_t size)
{
    stream->calls->consume(stream, size);
}

size_t stream_write(struct stream *stream, const void *bytes, size_t size)
{
    return stream->calls->write(stream, bytes, size);
}

void stream_flush(struct stream *stream)
{
    stream->calls->flush(stream);
}

size_t stream_room(struct stream *stream)
{
    return stream->calls->room(stream);
}

void stream_look(struct stream *stream, struct stream_state *state)
{
    stream->calls->look(stream, state);
}

void stream_probe(struct stream *stream)
{
    stream->calls->probe(stream);
}

bool stream_take_changed(struct stream *stream)
{
    return stream->calls->take_changed(stream);
}

void stream_close(struct stream *stream)
{
    stream->calls->close(stream);
}

bool stream_reap(struct stream *stream)
{
    return stream->calls->reap(stream);
}

void stream_free(struct stream *stream)
{
    stream_close(stream);
    while (!stream_reap(stream))
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}
