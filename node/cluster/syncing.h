/* syncing: a node that takes the state from its peers instead of executing blocks: the client, and
 * the store that it fills.
 *
 * The loop runs it in place of the member: messages and time go in; when it is WHOLE the loop makes
 * a new member, and syncing_load puts the state into its chain and the store into its place. */
#ifndef NODE_CLUSTER_SYNCING_H
#define NODE_CLUSTER_SYNCING_H

#include "cluster/sync_client.h"

struct syncing_config {
    const char *home;
    const struct tn_chain_limits *limits;
    const struct tn_signatures *signatures;
    const struct tn_validators *set; /* trusted; read within syncing_make */
    uint64_t above;
    uint64_t log_position; /* a restart reads the log from there on */
    int64_t patience_us;   /* so long may peers answer that they have no state of use */
    void *context;
    void (*send)(void *context, uint16_t to, const uint8_t *bytes, size_t size);
};

struct syncing;

/* NULL after a complaint. */
struct syncing *syncing_make(const struct syncing_config *config, int64_t now_us);
void syncing_free(struct syncing *syncing);

struct sync_client *syncing_client(struct syncing *syncing);
/* The height at which the node stands. */
uint64_t syncing_above(const struct syncing *syncing);

/* VAIN: nobody could serve a state for as long as there was patience. The home is as it was; asked
 * again, it goes on. */
enum syncing_answer { SYNCING_ON, SYNCING_WHOLE, SYNCING_VAIN, SYNCING_FAILED };
enum syncing_answer syncing_turn(struct syncing *syncing, int64_t now_us);

/* After WHOLE. DONE: chain, which was just made, has the state, and the store is in its place.
 * WRONG: the records were not those of the certificate; the chain is of no use, and syncing goes
 * on. FAILED: the disk, after a complaint. */
enum syncing_load { SYNCING_LOADED, SYNCING_WRONG, SYNCING_BROKEN };
enum syncing_load syncing_load(struct syncing *syncing, struct tn_chain *chain, int64_t now_us);

/* For a status: words with a space in front of each. */
#define SYNCING_TEXT_SIZE 256
void syncing_text(const struct syncing *syncing, char text[SYNCING_TEXT_SIZE]);

#endif
