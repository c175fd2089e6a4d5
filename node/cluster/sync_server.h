/* sync_server: gives the state of the store's last certified checkpoint to nodes that ask for it.
 *
 * Questions wait in a bounded list and are answered in turns of the node's loop, so many bytes a
 * turn and a second. All records come from one view of the store, opened with the first question
 * for them and closed when nobody asked for a while or it has been open for too long: pages that an
 * open view sees cannot be used again. One thread. */
#ifndef NODE_CLUSTER_SYNC_SERVER_H
#define NODE_CLUSTER_SYNC_SERVER_H

#include "cluster/sync_bytes.h"
#include "store/store.h"

struct sync_server_config {
    struct store *store; /* outlives the server */
    uint64_t bytes_a_second;
    uint32_t view_seconds; /* a view is open no longer */
    void *context;
    /* The certificate of the checkpoint at that height. */
    bool (*cert)(void *context, const uint8_t **bytes, size_t *size, uint64_t height);
    bool (*epoch)(void *context, struct sync_epoch *epoch, uint64_t number);
    /* False: the peer has no room for it now. */
    bool (*send)(void *context, uint16_t to, const uint8_t *bytes, size_t size);
};

struct sync_server_counters {
    uint64_t asked, malformed, refused;                   /* refused: the list was full */
    uint64_t answers, records, bytes, views, views_ended; /* ended: open for too long */
};

struct sync_server;

/* NULL after a complaint. */
struct sync_server *sync_server_make(const struct sync_server_config *config);
void sync_server_free(struct sync_server *server);

/* A SYNC_FETCH message. False: it is none. */
bool sync_server_take(struct sync_server *server, uint16_t from, const uint8_t *bytes, size_t size);
void sync_server_turn(struct sync_server *server, int64_t now_us);
/* When the next turn has something to do; INT64_MAX: when something was asked. */
int64_t sync_server_timeout(const struct sync_server *server);
const struct sync_server_counters *sync_server_counters(const struct sync_server *server);

#endif
