/* The loop's one struct, and what its files ask of each other. */
#ifndef NODE_CLUSTER_LOOP_INTERNAL_H
#define NODE_CLUSTER_LOOP_INTERNAL_H

#include "cluster/loop.h"

#include "cluster/clients.h"
#include "cluster/finality.h"
#include "cluster/sync_server.h"
#include "cluster/sync_store.h"
#include "cluster/syncing.h"
#include "link/certificate.h"
#include "link/nng.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <time.h>

enum {
    EVENTS_A_TURN = 512,
    REQUESTS_A_TURN = 256,
    STATUS_SIZE = 2048,
    OUT_FIRST = 1 << 20,
    WAIT_MOST_US = 200000,
    WIND_DOWN_US = 1000000,
    SYNC_BYTES_A_SECOND = 64 << 20,
    SYNC_VIEW_SECONDS = 600,
};

/* Messages of this turn: to u16 ‖ priority u8 ‖ 0 ‖ size u32 ‖ bytes. */
struct outgoing {
    uint8_t *bytes;
    size_t size, room;
};
enum { OUTGOING_HEAD = 8 };

struct loop {
    struct loop_options options;
    struct node_conf *node;
    struct set_conf *set;
    struct tn_signatures signatures;
    void *signatures_memory;
    void *member_memory;
    size_t member_size;
    struct tn_member *member;
    struct tn_member_clock clock;
    struct keeper *keeper;
    struct sync_server *server;
    struct syncing *syncing; /* NULL: the member is at work, and a keeper and a server with it */
    struct link *link;
    struct clients *clients;
    struct outgoing outgoing;
    struct finality finality;
    uint64_t epoch; /* that the link's peers are of */
    uint64_t sent_full;
    bool is_restoring, failed, is_full, is_behind, is_stopping;
};

static inline int64_t clock_us(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* loop_out.c: what the member puts out. */
void loop_fill_out(struct tn_member_out *out, struct loop *loop);

/* loop_peers.c: who the others are. */
bool loop_set_peers(struct loop *loop);
bool loop_open_link(struct loop *loop);

/* loop_requests.c: what clients ask. */
void loop_take_clients(struct loop *loop);

#endif
