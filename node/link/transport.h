/* transport: how a link gets its streams: what dial.c and listen.c decide, done by nng or by
 * sockets of this program's own (docs/decisions/0008-links-over-sockets.md). */
#ifndef NODE_LINK_TRANSPORT_H
#define NODE_LINK_TRANSPORT_H

#include "link/limiter.h"
#include "link/stream_socket.h"

#include <netdb.h>

#define ACCEPTED_MAX 16

struct link_nng;
struct peer;

/* One attempt at a time to reach a peer, for one class. It outlives the peer until it is done. */
struct dial {
    struct link_nng *link;
    struct dial *next; /* of those retired */
    bool dialling;
    int64_t begun_us;
    atomic_bool done; /* set by another thread */
    nng_stream_dialer *dialer;
    nng_aio *aio;
    struct tls_config *config; /* sockets have these */
    char *host, *port;
    struct gaicb lookup; /* of the host's name */
    struct addrinfo hints;
    enum link_reason reason; /* it failed; NONE: it did not */
    const char *why;         /* likewise, in words */
    int fd;                  /* -1: none */
};

/* A connection that came in and has not been judged. */
struct incoming {
    nng_stream *nng;
    int fd;
    struct limiter_address address;
};

struct listener {
    nng_stream_listener *nng;
    nng_aio *aio;
    bool renew;            /* the TLS configuration must be set anew before the next accept */
    pthread_mutex_t mutex; /* all of nng's below: nng's thread puts, ours takes */
    bool accepting;
    uint32_t accepted_count;
    nng_stream *accepted[ACCEPTED_MAX];
    uint64_t errors;           /* accepts that failed */
    struct tls_config *config; /* sockets have these */
    int fd;
    bool is_tired; /* an accept failed: not before the next tick; nng's list was full */
};

struct transport {
    bool (*open)(struct link_nng *link); /* false: link->problem says why */
    void (*close)(struct link_nng *link);
    int (*fd)(const struct link_nng *link);
    /* Looks at what has happened; link->news is set when it was with dials or the listener. */
    void (*take)(struct link_nng *link);

    bool (*dial_open)(struct dial *dial, const struct peer *peer);
    void (*dial_begin)(struct dial *dial);
    void (*dial_tick)(struct dial *dial);          /* while it is under way */
    void (*dial_cancel)(struct dial *dial);        /* ends as failed, now or soon */
    struct stream *(*dial_end)(struct dial *dial); /* it is done; NULL: dial->reason and why */
    void (*dial_close)(struct dial *dial);
    void (*dial_free)(struct dial *dial); /* done, or waits for it */

    bool (*listener_open)(struct link_nng *link, const char *address);
    void (*listener_close)(struct link_nng *link);
    /* Whom it trusts has changed: lets go of those that came in under what was. */
    void (*listener_renew)(struct link_nng *link);
    void (*listener_tick)(struct link_nng *link);
    bool (*listener_next)(struct link_nng *link, struct incoming *incoming);
    struct stream *(*incoming_open)(struct link_nng *link, struct incoming *incoming);
    void (*incoming_refuse)(struct incoming *incoming);
};

extern const struct transport link_transport_nng, link_transport_socket;

#endif
