/* sync_client: takes the state of a certified checkpoint from peers.
 *
 * It asks all peers which checkpoint they serve, follows the ends of epochs from the set it trusts
 * to the set that certified the newest one, and asks those that serve it for its records: ranges of
 * indexes of a kind, first those that only all together are proved, then the rest of several peers
 * at a time. Records go to the caller as they become whole, in no order, and are taken back when
 * the range that they are of turns out not to be the certified one. When all are there the caller
 * works out the root they add up to, and says so should it not be the certificate's: then who is
 * asked first is another one.
 *
 * It has no clock and sends through a call, so tests play its peers. One thread. */
#ifndef NODE_CLUSTER_SYNC_CLIENT_H
#define NODE_CLUSTER_SYNC_CLIENT_H

#include "cluster/sync_bytes.h"

struct sync_client_config {
    const struct tn_chain_limits *limits; /* genesis; outlive the client, as does the next */
    const struct tn_signatures *signatures;
    struct tn_validators set; /* trusted: of the genesis, or of where this node stood */
    uint64_t above;           /* a checkpoint at this height or below is of no use */
    uint64_t seed;            /* whom it asks */
    void *context;
    void (*send)(void *context, uint16_t to, const uint8_t *bytes, size_t size);
    /* A new attempt begins: what was put is void. False: give up (the caller knows why). */
    bool (*begin)(void *context);
    /* size 0: what was put there is void. */
    bool (*put)(void *context, uint8_t kind, uint32_t index, const uint8_t *bytes, size_t size);
    /* The end of an epoch, proved. May come again in a later attempt. */
    bool (*epoch)(void *context, const struct sync_epoch *epoch);
};

enum sync_client_state {
    SYNC_CLIENT_ASKING,  /* who serves what */
    SYNC_CLIENT_PROVING, /* on the way to the set of its certificate */
    SYNC_CLIENT_TAKING,  /* records */
    SYNC_CLIENT_WHOLE,   /* all records were put: sync_client_refuse, or done */
    SYNC_CLIENT_FAILED,  /* begin, put or epoch said false */
};

struct sync_client_counters {
    uint64_t records, bytes; /* of the present attempt */
    uint64_t attempts, malformed, unasked, bad_certs, lies, bans, timeouts;
};

struct sync_client;

/* NULL: out of memory. */
struct sync_client *sync_client_make(const struct sync_client_config *config);
void sync_client_free(struct sync_client *client);

void sync_client_peer_up(struct sync_client *client, uint16_t peer);
void sync_client_peer_down(struct sync_client *client, uint16_t peer);
/* SYNC_DATA or SYNC_STATUS; any bytes will do. */
void sync_client_message(struct sync_client *client, uint16_t from, const uint8_t *bytes,
                         size_t size, int64_t now_us);
void sync_client_turn(struct sync_client *client, int64_t now_us);
int64_t sync_client_timeout(const struct sync_client *client);

enum sync_client_state sync_client_state(const struct sync_client *client);
/* What is being taken, or was; in TAKING and WHOLE. */
const struct tn_checkpoint *sync_client_checkpoint(const struct sync_client *client);
const uint8_t *sync_client_cert(const struct sync_client *client, size_t *size);
/* After WHOLE: the records are not those of the certificate. */
void sync_client_refuse(struct sync_client *client, int64_t now_us);
/* Peers that records are asked of now, and those that are not asked any more. */
uint32_t sync_client_sources(const struct sync_client *client);
/* For how long peers have answered, and none of them served anything of use; 0: one does, or none
 * answers. Whoever began to serve a state and failed three times serves nothing. */
int64_t sync_client_vain_us(const struct sync_client *client);
bool sync_client_is_banned(const struct sync_client *client, uint16_t peer);
const struct sync_client_counters *sync_client_counters(const struct sync_client *client);

#endif
