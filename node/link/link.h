/* link: whole messages between the nodes of one set.
 *
 * A message is bytes whose first is its kind (tenor/peer.h): the kind says its class and the most
 * bytes it may have. A link knows its peers by their number in the present set and tells of each
 * when it can be reached (UP) and when it cannot (DOWN). Between one UP and the next DOWN every
 * message that link_send accepted arrives, whole and once; messages of one class arrive in the
 * order of their sending (a proposal of at most LINK_SMALL_BYTES_MAX goes with the votes, so it
 * overtakes larger ones). What was accepted and had not arrived by the DOWN may be lost: each core
 * sends again what it still needs, as it must after a crash of the peer anyway.
 *
 * Three links answer to this interface: nng streams over TLS (link/nng.h), a simulated network with
 * a virtual clock and seeded faults, and a pair without either (link/sim.h). One thread uses a
 * link. */
#ifndef NODE_LINK_LINK_H
#define NODE_LINK_LINK_H

#include "tenor/base.h"
#include "tenor/peer.h"

#define LINK_SMALL_BYTES_MAX 16384u
#define LINK_PROBLEM_SIZE    640

/* Why a peer went down, or was never let up. */
#define LINK_REASON_TABLE(X)                                                                       \
    X(NONE, "none")                                                                                \
    X(STOPPED, "this node closed it")                                                              \
    X(CLOSED, "the peer closed it")                                                                \
    X(BROKEN, "the network broke it")                                                              \
    X(SILENT, "the peer was silent for too long")                                                  \
    X(SLOW, "the peer took nothing for too long")                                                  \
    X(MALFORMED, "the peer sent what is no message")                                               \
    X(OVERSIZE, "the peer sent a message larger than its kind may be")                             \
    X(PINGS, "the peer sent too many pings")                                                       \
    X(REPLACED, "the peer connected anew")                                                         \
    X(MEMORY, "no memory for a message")                                                           \
    X(CERTIFICATE, "TLS refused the peer or the peer refused this node")                           \
    X(TIMEOUT, "the handshake took too long")                                                      \
    X(STRANGER, "the hello names a chain, a key or a certificate that is not expected")            \
    X(FORGED, "the proof is not signed by the key that the hello names")                           \
    X(FULL, "too many connections were in their handshake")                                        \
    X(RATE, "too many connections came in a second")                                               \
    X(ABSENT, "nobody takes connections there")

enum link_reason {
#define X(name, text) LINK_REASON_##name,
    LINK_REASON_TABLE(X)
#undef X
        LINK_REASONS /* how many */
};

const char *link_reason_text(enum link_reason reason);

enum link_event_kind {
    LINK_NOTHING = 0, /* the time was up */
    LINK_UP,
    LINK_DOWN,
    LINK_MESSAGE,
};

struct link_event {
    enum link_event_kind kind;
    uint16_t peer;
    enum link_reason reason; /* of DOWN */
    uint64_t epoch;          /* of UP: what the peer said its epoch is; it judges nothing */
    const uint8_t *bytes;    /* of MESSAGE: valid until the next call of any link_ function */
    uint32_t size;
};

enum link_sent {
    LINK_SENT = 0, /* accepted: arrives, or a DOWN follows */
    LINK_FULL,     /* this class has no room for this peer: nothing was accepted; counted */
    LINK_AWAY,     /* the peer is not up: nothing was accepted; counted */
};

/* All counters since the link was opened. A connection is one of the two of a peer. */
struct link_peer_statistics {
    bool up;
    uint64_t ups;                        /* times it came up: reconnects are one less */
    uint64_t downs[LINK_REASONS];        /* by reason; also of handshakes that named this peer */
    uint64_t bytes_sent, bytes_received; /* with framing, without TLS */
    uint64_t messages_sent[TN_PRIORITIES], messages_received[TN_PRIORITIES];
    uint64_t refused_full[TN_PRIORITIES]; /* answered LINK_FULL */
    uint64_t refused_away[TN_PRIORITIES]; /* answered LINK_AWAY */
    uint64_t lost_down[TN_PRIORITIES];    /* accepted, not yet given to the network at a DOWN */
    uint64_t queued_bytes;                /* now */
    uint32_t round_trip_us[2]; /* last ping of the votes and the bulk connection; 0: none */
};

/* What happened before anybody was known. */
struct link_statistics {
    uint64_t dialled, accepted;
    uint64_t refused[LINK_REASONS]; /* connections that did not become a peer's, by reason */
    uint64_t accept_errors;         /* accepts that failed in the system or in nng */
    uint32_t half_open;             /* connections in their handshake now that came in */
};

struct link;

/* link_poll waits at most timeout_ms (0: does not wait; negative: without end) for one event. As
 * long as the last answer was an event, there may be more that the descriptor does not tell of. */
void link_poll(struct link *link, struct link_event *event, int64_t timeout_ms);

/* link_send copies a message to the queue of one peer, or with TN_PEER_ALL of each that is up: then
 * the answer is LINK_SENT, who had no room is counted. The size must be in 1 .. what its kind may
 * have (asserted: a core that makes a larger message has a bug). It leaves with the next link_flush
 * or link_poll: what one turn says to a peer shares records, system calls and wakes at both ends.
 */
enum link_sent link_send(struct link *link, uint16_t peer, enum tn_priority priority,
                         const void *bytes, size_t size);

/* link_flush lets everything leave that link_send has accepted, the most urgent class first, as far
 * as the network takes it; the rest follows by itself. Cheap when there is nothing. */
void link_flush(struct link *link);

/* The bytes that this class of this peer still has room for; 0 for a peer that is not up. */
size_t link_room(const struct link *link, uint16_t peer, enum tn_priority priority);

/* A descriptor that is readable when link_poll may have an event; -1 for a simulated link. */
int link_fd(const struct link *link);

/* How long from now on one may wait for the descriptor before link_poll must be called anyway:
 * reconnects, pings, timeouts; 0 when the last poll gave an event. */
int64_t link_wait_ms(const struct link *link);

/* false: there is no such peer. */
bool link_peer_statistics(const struct link *link, struct link_peer_statistics *statistics,
                          uint16_t peer);
void link_statistics(const struct link *link, struct link_statistics *statistics);

/* link_close ends all connections and frees the link; no events follow. NULL is allowed. */
void link_close(struct link *link);

#endif
