/* stream_socket: streams over sockets of this program's own, and the thread that shakes hands.
 *
 * The thread that polls reads, decrypts, encrypts and writes: no byte changes threads. A handshake
 * of TLS takes milliseconds of signatures, so it is made in a thread beside, which lets the stream
 * go when it is done; until then nothing but its close is asked of it. */
#ifndef NODE_LINK_STREAM_SOCKET_H
#define NODE_LINK_STREAM_SOCKET_H

#include "link/stream.h"
#include "link/tls.h"

struct handshakes; /* the thread, and who is with it */

/* waker: told when a handshake has ended. poll_fd: an epoll descriptor that streams enter when they
 * are through, with the stream as their data. NULL: no memory, thread or descriptor. */
struct handshakes *handshakes_start(struct stream_waker *waker, int poll_fd);
/* Ends the thread; streams that are with it are let go as failed. */
void handshakes_stop(struct handshakes *handshakes);

/* stream_socket_open takes over a non-blocking socket that is connected, or is about to be. NULL:
 * no memory; the socket is closed. The config is held. */
struct stream *stream_socket_open(int fd, struct tls_config *config, struct handshakes *handshakes);

/* Whether errno says that nobody takes connections at an address. */
bool stream_socket_is_absent(int error);

/* What epoll said of this stream. */
void stream_socket_ready(struct stream *stream, uint32_t events);

#endif
