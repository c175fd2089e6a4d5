/* handshakes: what the two files of streams over sockets share. */
#ifndef NODE_LINK_HANDSHAKES_H
#define NODE_LINK_HANDSHAKES_H

#include "link/ring.h"
#include "link/stream_socket.h"

/* Whose the stream is, but for `closed`. */
enum socket_phase {
    SOCKET_HANDSHAKE = 0, /* the thread of handshakes' */
    SOCKET_OPEN,          /* the polling thread's, for good */
    SOCKET_FAILED,        /* likewise; handshake_error says why */
};

struct socket_stream {
    struct stream stream;
    struct handshakes *handshakes;
    struct stream_waker *waker;
    struct tls_config *config;
    atomic_int phase;
    atomic_bool closed, let_go; /* let_go: the phase has changed since it was asked */
    int handshake_error;
    int fd;
    mbedtls_ssl_context ssl;
    bool may_read, may_write, is_ending, changed, is_waited_for;
    int error;
    uint32_t pending; /* bytes of a record that is not out yet, at the front of the ring */
    uint64_t received, sent;
    uint32_t below_head, below_tail;
    uint32_t allowed;            /* bytes that may be received in this visit */
    uint8_t below[16384 + 1024]; /* received, not yet decrypted */
    struct stream_ring in, out;
};

#define SOCKET_VISIT_BYTES (64u << 10)
int socket_stream_receive(void *context, unsigned char *bytes, size_t size);
int socket_stream_send(void *context, const unsigned char *bytes, size_t size);
int socket_stream_error(int code); /* of mbedTLS, as nng's */

void handshakes_add(struct handshakes *handshakes, struct socket_stream *stream);
void handshakes_nudge(struct handshakes *handshakes);
struct stream_waker *handshakes_waker(struct handshakes *handshakes);

#endif
