/* nng: links over nng streams, TLS 1.2 with pinned certificates on both sides.
 *
 * Each pair of nodes has two connections, one for votes and one for bulk. The node with the larger
 * vote key dials, the other listens; a peer is up while both are. Who is at the other end is known
 * by a certificate that is pinned and by a handshake signed with vote keys (docs/specs/link.md). */
#ifndef NODE_LINK_NNG_H
#define NODE_LINK_NNG_H

#include "link/link.h"
#include "tenor/crypto.h"
#include "tenor/signature.h"

struct link_nng_peer {
    uint16_t id; /* how the caller numbers it, < TN_PEERS_MAX */
    struct tn_public_key key;
    const char *certificate; /* PEM, one certificate */
    const char *address;     /* "host:port", or NULL: it is only listened for */
};

/* How this node signs with its vote key and checks others. Both are called by link_poll. */
struct link_nng_keys {
    void *context;
    bool (*sign)(void *context, struct tn_signature *signature, const struct tn_hash *digest);
    bool (*verify)(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key);
};

/* 0 in any field: the default named beside it. */
struct link_nng_limits {
    /* Of a peer: 1 MiB, 1 MiB, 12 MiB, 12 MiB, 12 MiB. What is larger than its bound never fits. */
    uint64_t queue_bytes_max[TN_PRIORITIES];
    uint32_t half_open_max;              /* connections in their handshake that came in: 32 */
    uint32_t accepts_per_second;         /* from all addresses together: 200 */
    uint32_t address_accepts_per_second; /* from one address: 20 */
    uint32_t handshake_ms;               /* to be done with TLS and the hello: 5 000 */
    uint32_t ping_ms;                    /* between pings: 1 000 */
    uint32_t silent_ms;    /* without a byte received, or sent while some wait: 5 000 */
    uint32_t retry_min_ms; /* before the first redial: 50; doubles to … */
    uint32_t retry_max_ms; /* … 3 000; each is jittered by half */
};

struct link_nng_options {
    struct tn_hash chain_id;
    struct tn_public_key key; /* this node's vote key */
    struct link_nng_keys keys;
    const char *certificate; /* PEM: this node's */
    const char *private_key; /* PEM: of that certificate; not the vote key */
    bool uses_nng;           /* its streams and threads instead of sockets of our own */
    const char *listen;      /* "host:port"; port 0: any; NULL: this node only dials */
    uint64_t entropy;        /* of jitter alone: 0 asks the system. Nonces always ask it. */
    struct link_nng_limits limits;
};

/* link_nng_open makes a link without peers. On failure *link is NULL and problem says what was
 * attempted, on what, and why it failed. Texts of the options are copied. */
bool link_nng_open(struct link **link, char problem[LINK_PROBLEM_SIZE],
                   const struct link_nng_options *options);

/* link_nng_set_peers says who the peers are from now on, under numbers and keys that differ. One
 * that was there before with the same key, certificate and address keeps its connections, also
 * under a new number; all others are closed and forgotten without an event. Connections in their
 * handshake begin again. On failure problem says why: when a certificate cannot be read, nothing
 * changed. Not to be called with a peer that is this node itself (asserted). */
bool link_nng_set_peers(struct link *link, char problem[LINK_PROBLEM_SIZE], uint64_t epoch,
                        const struct link_nng_peer *peers, uint32_t peers_count);

/* Why a peer that is not up is not, as far as this node knows: the last attempt's failure, that the
 * peer is the one to dial, or ""; NULL: it is up, or there is no such peer. Until the next call. */
const char *link_nng_away(const struct link *link, uint16_t peer);

/* The port it listens on; 0: none now. */
uint16_t link_nng_port(const struct link *link);

#endif
