/* What the parts of the nng link share: the link, its peers, its connections.
 *
 * All of it belongs to the thread of the protocol, but for what other threads touch: streams, and
 * the marked fields of struct listener and struct dial.
 *
 * nng.c       open, close, poll, send          peers.c       who is known, up and down
 * listen.c    connections that come in         dial.c        connections that go out
 * transport_nng.c, transport_socket.c          by what they come and go
 * connection.c  handshake, frames, pings, timeouts of one connection */
#ifndef NODE_LINK_NODE_H
#define NODE_LINK_NODE_H

#include "link/frame.h"
#include "link/hello.h"
#include "link/internal.h"
#include "link/limiter.h"
#include "link/nng.h"
#include "link/queue.h"
#include "link/transport.h"

#define TICK_US         20000
#define PROBE_US        100000
#define PINGS_A_SECOND  1000
#define PROBLEM_SIZE    192
#define CONNECTIONS_MAX (4 * TN_PEERS_MAX + 1024)

struct link_nng;
struct peer;

enum stage {
    STAGE_HELLO, /* came in: the dialler's hello is waited for */
    STAGE_REPLY, /* went out: the hello is sent, the reply is waited for */
    STAGE_PROOF, /* both: the other's proof is waited for */
    STAGE_READY,
};

struct connection {
    struct link_nng *link;
    struct connection *next; /* of those closed and not yet freed */
    struct stream *stream;
    struct peer *peer; /* NULL: nobody has been named yet; before READY it is only a claim */
    enum link_class class;
    enum stage stage;
    bool dialled;
    bool is_known; /* its address is a peer's */
    bool readable; /* there may be bytes that were not read */
    bool ping_due, pong_due;
    struct limiter_address address;
    struct frame_reader reader;
    struct hello hello;
    int64_t begun_us;
    int64_t heard_us, moved_us;        /* a byte came; a byte went */
    int64_t ping_us, probe_us;         /* the next is due */
    uint64_t heard_bytes, moved_bytes; /* of the stream, then */
    uint8_t pong[8];
    struct limiter_bucket pings; /* and pongs that came */
    struct queue_message *out;   /* being written */
    enum queue_lane out_lane;
    uint32_t out_done; /* bytes of it written, with its size */
};

struct peer {
    bool dials; /* we dial it */
    bool up, told_up, tell_down;
    enum link_reason reason; /* of tell_down */
    uint16_t id;
    struct tn_public_key key;
    struct tn_hash fingerprint;
    char *certificate;
    char *address;
    bool has_seen;
    struct limiter_address seen; /* where it connected from, proven, or its literal address */
    struct dial *dials_by_class[LINK_CLASSES];
    struct connection *connections[LINK_CLASSES]; /* READY ones */
    uint32_t attempts;
    char problem[PROBLEM_SIZE]; /* of the last attempt, while it is not up */
    int64_t retry_us, up_us;
    uint64_t epoch;           /* as it said */
    bool waits[LINK_CLASSES]; /* something was queued since the last flush */
    struct queue queue;
    struct link_peer_statistics statistics;
};

struct link_nng {
    struct link link;
    const struct transport *transport;
    int poll_fd;                   /* of sockets: an epoll descriptor */
    struct handshakes *handshakes; /* likewise */
    struct tn_hash chain_id;
    struct tn_public_key key;
    struct tn_hash fingerprint;
    struct link_nng_keys keys;
    struct link_nng_limits limits;
    char *certificate, *private_key;
    uint64_t epoch;
    uint64_t random;
    struct stream_waker waker;
    atomic_bool news; /* a dial is done or a connection came in */
    struct listener listener;
    uint16_t port;
    struct limiter limiter;
    struct limiter_bucket accepts;    /* from all addresses */
    struct peer *peers[TN_PEERS_MAX]; /* by number; NULL: there is none */
    uint32_t untold;                  /* peers that have an UP or a DOWN to tell */
    struct connection *connections[CONNECTIONS_MAX];
    uint32_t connections_count, cursor, burst;
    struct connection *closing;
    struct dial *retired;
    int64_t tick_us, polled_us;
    bool waits;     /* some peer's waits is set */
    uint32_t polls; /* since the transport was asked what has happened */
    bool listens;
    bool has_more; /* the last poll gave an event, so there may be another */
    struct link_statistics statistics;
    char problem[LINK_PROBLEM_SIZE];
};

void link_random_bytes(uint8_t *bytes, size_t size);
__attribute__((format(printf, 2, 3))) void link_say(struct link_nng *link, const char *format, ...);

/* connection.c. A connection that is opened is listed in the link; NULL: no memory or no place,
 * the stream is closed. peer: whom we dialled, or NULL. */
struct connection *connection_open(struct link_nng *link, struct stream *stream, struct peer *peer,
                                   enum link_class class);
enum connection_ran {
    CONNECTION_IDLE,
    CONNECTION_MORE,  /* there is more to read */
    CONNECTION_EVENT, /* a message: *event says it */
    CONNECTION_GONE,  /* it was closed, and maybe others */
};
enum connection_ran connection_run(struct connection *connection, struct link_event *event);
/* Writes what waits; nothing is told. */
void connection_pump(struct connection *connection);
/* Timeouts and pings; false: it was closed, and maybe others. */
bool connection_tick(struct connection *connection, int64_t now_us);
/* Closes this one only; what is left is freed by connection_reap. */
void connection_close(struct connection *connection);
void connection_reap(struct link_nng *link, bool wait);
/* Ends it for a reason, and the peer's other one with it when the peer was its own. */
void connection_fail(struct connection *connection, enum link_reason reason);

/* peers.c */
struct peer *peer_find(struct link_nng *link, const struct tn_public_key *key);
bool peer_is_seen(const struct link_nng *link, const struct limiter_address *address);
static inline bool peer_can_send(const struct peer *peer)
{
    return peer->up && peer->told_up && !peer->tell_down;
}
/* The connection has become READY: it is the peer's from now on. */
void peer_take(struct peer *peer, struct connection *connection);
void peer_down(struct link_nng *link, struct peer *peer, enum link_reason reason);
bool peer_tell(struct link_nng *link, struct link_event *event);
/* Takes everything that belongs to a peer away, without an event. */
void peer_free(struct link_nng *link, struct peer *peer);

/* listen.c */
bool listener_open(struct link_nng *link, const char *address);
void listener_close(struct link_nng *link);
void listener_tick(struct link_nng *link);
void listener_take(struct link_nng *link, int64_t now_us);
void listener_renew(struct link_nng *link);
/* The certificates of all who dial this node, one after another: to be freed. NULL: no memory. */
char *listener_trusted(const struct link_nng *link);

/* dial.c */
bool dial_open(struct link_nng *link, struct peer *peer);
void dial_retire(struct link_nng *link, struct peer *peer);
void dial_take(struct link_nng *link);
void dial_tick(struct link_nng *link, struct peer *peer, int64_t now_us);
void dial_back_off(struct link_nng *link, struct peer *peer);
void dial_reap(struct link_nng *link, bool wait);

#endif
