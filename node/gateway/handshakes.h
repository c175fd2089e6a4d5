/* handshakes: threads for what takes milliseconds, so that the gateway's turns take microseconds.
 */
#ifndef NODE_GATEWAY_HANDSHAKES_H
#define NODE_GATEWAY_HANDSHAKES_H

#include "gateway/tls.h"

/* One step of one handshake; part of whoever asks for it. */
struct gateway_handshake {
    struct gateway_handshake *next;
    struct gateway_tls *tls; /* nobody else touches it until it is back */
    enum gateway_tls_step step;
};

struct gateway_handshakes;
/* NULL: no threads or no descriptor; errno says why. */
struct gateway_handshakes *gateway_handshakes_make(uint32_t threads);
/* Waits for the steps under way, forgets those that wait, and ends the threads. */
void gateway_handshakes_free(struct gateway_handshakes *handshakes);
/* Hands it to that thread. */
void gateway_handshakes_add(struct gateway_handshakes *handshakes, uint32_t thread,
                            struct gateway_handshake *handshake);
/* Readable when some are back. */
int gateway_handshakes_fd(const struct gateway_handshakes *handshakes);
/* Those that are back, first to last; NULL: none. */
struct gateway_handshake *gateway_handshakes_take(struct gateway_handshakes *handshakes);

#endif
