/* tls: TLS 1.2 of the gateway, by mbedTLS on non-blocking sockets.
 *
 * mbedTLS reads and writes the socket itself and says when it must wait; so what is under way is
 * one record in its own buffer, and the kernel's back-pressure is the sender's. */
#ifndef NODE_GATEWAY_TLS_H
#define NODE_GATEWAY_TLS_H

#include "gateway/gateway.h"

/* Keys of session tickets: of this process, changed daily, shared by all identities. */
struct gateway_tickets;
struct gateway_tickets *gateway_tickets_make(char problem[GATEWAY_PROBLEM_SIZE]);
void gateway_tickets_free(struct gateway_tickets *tickets);
uint64_t gateway_tickets_resumed(const struct gateway_tickets *tickets);

/* A certificate and its key, made ready once for each handshake thread: mbedTLS keeps what it
 * worked out inside of a key, so two threads must not use one at a time. Counted: made with one
 * holder, freed with the last. */
struct gateway_identity;
struct gateway_identity *gateway_identity_load(const char *path, uint32_t threads,
                                               struct gateway_tickets *tickets,
                                               char problem[GATEWAY_PROBLEM_SIZE]);
void gateway_identity_hold(struct gateway_identity *identity);
void gateway_identity_release(struct gateway_identity *identity);

enum gateway_tls_step {
    GATEWAY_TLS_DONE,
    GATEWAY_TLS_WANT_READ,
    GATEWAY_TLS_WANT_WRITE,
    GATEWAY_TLS_CLOSED, /* by the other side, as it should */
    GATEWAY_TLS_FAILED,
};

struct gateway_tls;
/* The server's end; the descriptor stays the caller's. Holds the identity. NULL: no memory. About
 * 40 KiB. */
struct gateway_tls *gateway_tls_open(struct gateway_identity *identity, uint32_t thread, int fd);
/* Tells the other side that it ends if `say`, and frees it. */
void gateway_tls_close(struct gateway_tls *tls, bool say);
/* The thread named at open only; about 9 ms of work in two pieces. */
enum gateway_tls_step gateway_tls_handshake(struct gateway_tls *tls);
/* So many bytes may be received until the next call; then reading answers WANT_READ, whatever there
 * is. Records without a message (warnings) are passed over inside one read, so without a bound who
 * sends them would hold the thread. */
void gateway_tls_allow(struct gateway_tls *tls, size_t bytes);
/* After that, any one thread. DONE: *size > 0 bytes were read. */
enum gateway_tls_step gateway_tls_read(struct gateway_tls *tls, uint8_t *out, size_t *size,
                                       size_t room);
/* At most one record. After WANT_WRITE the same bytes and size must be given again. */
#define GATEWAY_TLS_RECORD 16384u
enum gateway_tls_step gateway_tls_write(struct gateway_tls *tls, size_t *written,
                                        const uint8_t *bytes, size_t size);

#endif
