/* The loop's one struct, and what its files ask of each other. */
#ifndef NODE_CLUSTER_LOOP_INTERNAL_H
#define NODE_CLUSTER_LOOP_INTERNAL_H

#include "clock.h"
#include "cluster/loop.h"

#include "cluster/clients.h"
#include "cluster/finality.h"
#include "cluster/forwarded.h"
#include "cluster/hands.h"
#include "cluster/loop_gateway.h"
#include "cluster/sync_blocks.h"
#include "cluster/sync_limit.h"
#include "cluster/sync_server.h"
#include "cluster/sync_store.h"
#include "cluster/syncing.h"
#include "gateway/direct.h"
#include "link/certificate.h"
#include "link/nng.h"
#include "tenor/peer_queue.h"
#include "tenord/machine.h"
#include "tenord/signing.h"
#include "tenord/tenord.h"

#include <pthread.h>

enum {
    EVENTS_A_TURN = 512,
    REQUESTS_A_TURN = 256,
    STATUS_SIZE = 2048,
    OUT_FIRST = 1 << 20,
    WAIT_MOST_US = 200000,
    FORWARDED_LOOK_US = 1000, /* how often the desks are asked for room for peers' frames */
    AWAY_SAY_US = 10000000,   /* a peer has so long to come before it is said why it does not */
    CERTS_WAIT_US = 2000,     /* that have nothing to leave with */
    SYNC_LATEST_US = 20000,   /* of records on which nothing that leaves depends */
    WIND_DOWN_US = 1000000,
    GATE_DOWN_US = 10000000, /* the gateway's own limit, drain_ms, is lower */
    SYNC_BYTES_A_SECOND = 64 << 20,
    SYNC_VIEW_SECONDS = 600,
};

/* Messages of this turn: to u16 ‖ priority u8 ‖ 0 ‖ size u32 ‖ bytes. */
struct outgoing {
    uint8_t *bytes;
    size_t size, room;
    bool binds;          /* one of them must not leave before the log is synced */
    bool has_others;     /* one of them is no certificate */
    bool has_final;      /* clients were told of what is final, or of what is certified */
    bool has_promise;    /* a vote or a batch of this node's own was recorded, and not synced */
    int64_t since_us;    /* certificates wait since; 0: none */
    int64_t recorded_us; /* the oldest record that was not synced; 0: none */
};
enum { OUTGOING_HEAD = 8 };

/* What the gateway's thread may reach, under the lock. */
struct loop_desks {
    pthread_mutex_t lock;
    struct tn_member *member;   /* NULL: none is at work */
    struct desk_teller *teller; /* NULL: there is no gateway */
};

/* A peer that is not up. */
struct away {
    int64_t since_us; /* 0: it is up */
    bool is_said;
};

struct loop {
    struct loop_options options;
    const struct node_conf *node;
    struct set_conf *set;
    struct signing signing;
    void *member_memory;
    size_t member_size;
    struct tn_member *member;
    struct hands *hands; /* that help its chain */
    struct loop_desks desks;
    struct tn_member_clock clock;
    struct keeper *keeper;
    struct sync_server *server;
    struct syncing *syncing; /* NULL: the member is at work, and a keeper and a server with it */
    struct sync_limit sync_limit;
    struct sync_blocks sync_blocks;
    struct link *link;
    struct clients *clients;
    struct forwarded *forwarded; /* frames of peers that wait for room at a desk */
    struct gate *gate;           /* the node's side of the gateway; NULL: there is none */
    struct gateway *gateway;     /* likewise */
    struct operate *operate;     /* the operator's side; NULL: not yet, or not any more */
    struct outgoing outgoing;
    struct finality finality;
    uint64_t epoch; /* that the link's peers are of */
    uint64_t sent_full;
    struct tn_peer_meter meters[TN_PEERS_MAX]; /* of those of the epoch */
    struct away aways[TN_PEERS_MAX];           /* likewise */
    uint64_t over_rate;                        /* messages of peers that were dropped, of all */
    bool is_restoring, failed, is_full, is_behind, is_stopping;
};

/* loop_out.c: what the member puts out. */
void loop_fill_out(struct tn_member_out *out, struct loop *loop);

/* loop_direct.c: the gateway's thread at the desks. */
void loop_direct_init(struct loop *loop);
void loop_direct_free(struct loop *loop);
/* A member is at work from now on, or (NULL) none any more. */
void loop_direct_follow(struct loop *loop, struct tn_member *member);
void loop_hold(void *loop);
void loop_release(void *loop);
void loop_fill_direct(struct gateway_direct *direct, struct loop *loop);

/* loop_direct.c too: frames that peers pass on. */
bool loop_make_forwarded(struct loop *loop);

/* loop_soft.c: what desks apply, told before it is final. */
void loop_soft_fill(struct gateway_direct *direct, struct loop *loop);
void loop_soft_step(void *loop, uint32_t market, const struct tn_desk_place *place,
                    const struct tn_market *desk, const struct tn_market_step *step);
void loop_soft_leads(void *loop, uint32_t market, bool leads);
void loop_soft_term(struct loop *loop, uint32_t market, uint32_t term);
void loop_soft_follow(struct loop *loop);

/* loop_peers.c: who the others are. */
bool loop_set_peers(struct loop *loop);
bool loop_open_link(struct loop *loop);
void loop_say_away(struct loop *loop);

/* loop_requests.c: what clients ask; where the node stands, as words. */
void loop_write_status(const struct loop *loop, char text[STATUS_SIZE]);
void loop_take_clients(struct loop *loop);

#endif
