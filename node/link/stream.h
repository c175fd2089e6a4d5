/* stream: one TLS connection as two rings of bytes. A ring that is full stops the flow: the
 * reader's ring stops receiving, the writer's takes no more.
 *
 * Two kinds. Over nng (stream_nng.c) nng's threads are on the other side: their callbacks only move
 * bytes between the rings and the stream and wake the thread that polls. Over a socket
 * (stream_socket.c) that thread moves them itself; only the handshake of TLS is another's. */
#ifndef NODE_LINK_STREAM_H
#define NODE_LINK_STREAM_H

#include "link/link.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#define STREAM_RING_BYTES 65536u

/* An eventfd that is written once until it is taken. */
struct stream_waker {
    int fd;
    atomic_bool signalled;
};

bool stream_waker_open(struct stream_waker *waker);
void stream_waker_close(struct stream_waker *waker);
void stream_waker_signal(struct stream_waker *waker);
/* To be called before looking at what there is: when the descriptor is readable, or to find out
 * without a system call (a signal whose write is still to come is then seen by the descriptor). */
void stream_waker_drain(struct stream_waker *waker);
void stream_waker_take(struct stream_waker *waker);

struct stream_state;
struct stream;

struct stream_calls {
    size_t (*peek)(struct stream *stream, const uint8_t **bytes);
    void (*consume)(struct stream *stream, size_t size);
    size_t (*write)(struct stream *stream, const void *bytes, size_t size);
    void (*flush)(struct stream *stream);
    size_t (*room)(struct stream *stream);
    void (*look)(struct stream *stream, struct stream_state *state);
    void (*probe)(struct stream *stream);
    bool (*take_changed)(struct stream *stream);
    void (*close)(struct stream *stream);
    bool (*reap)(struct stream *stream);
};

/* Every kind of stream begins with this. */
struct stream {
    const struct stream_calls *calls;
};

/* stream_nng_open takes the nng stream over and begins to receive. NULL: no memory; the nng stream
 * is then closed. The waker must outlive it. */
struct stream *stream_nng_open(nng_stream *nng, struct stream_waker *waker);

/* The bytes at the front of the reader's ring, as many as lie in one piece. */
size_t stream_peek(struct stream *stream, const uint8_t **bytes);
void stream_consume(struct stream *stream, size_t size);

/* stream_write copies what fits into the writer's ring and returns how many bytes; when that was
 * not all, the waker tells once half of the ring is free. stream_flush has it sent. */
size_t stream_write(struct stream *stream, const void *bytes, size_t size);
void stream_flush(struct stream *stream);
size_t stream_room(struct stream *stream);

struct stream_state {
    int error; /* as nng numbers them, 0 while there is none; bytes received before it can be read
                */
    uint64_t received; /* bytes, since it was opened */
    uint64_t sent;     /* bytes that the network took */
    uint32_t unsent;   /* bytes in the writer's ring */
    uint32_t unread;   /* bytes in the reader's ring */
};
void stream_look(struct stream *stream, struct stream_state *state);
/* stream_probe asks the system whether there is still a connection: nng 1.5 can lose the end of
 * one, when it comes just between two receives. Costs a system call. */
void stream_probe(struct stream *stream);
/* True once after anything changed; costs one load when nothing did. */
bool stream_take_changed(struct stream *stream);

/* stream_close ends it. The memory goes when other threads are done with it: stream_reap frees it
 * then and answers true; ask again until it does. */
void stream_close(struct stream *stream);
bool stream_reap(struct stream *stream);
/* Closes and waits until it is freed. */
void stream_free(struct stream *stream);

#endif
