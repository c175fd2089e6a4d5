/* node: what the simulator knows of a node, whatever is inside: a table of functions.
 *
 * The first kind is an engine of src/sequencer over a toy market (toy.h), with a list of records
 * for a log. The other is a whole member (sequencer, gossip, desks, chain) over the node's own log,
 * store and state sync (whole.h), under the same clock, network and faults.
 *
 * A node is given messages and time, and answers by sim_node_record and sim_node_say. What a turn
 * recorded is on its disk before what it said leaves (rule R5); between the two the power may go.
 */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "sim/sim.h"
#include "tenor/validators.h"

/* What the checks ask for. */
struct sim_probe {
    uint64_t epoch, view, height; /* executed */
    size_t memory;
    bool diverged; /* it says that its state is not the others' */
    const char *voice;
};

enum sim_synced {
    SIM_SYNCED,
    SIM_FULL,   /* no room: nothing is taken or said until there is */
    SIM_BROKEN, /* the disk fails: the node ends */
};

struct sim_node_kind {
    const char *name;
    /* Before a start: age, old copies. False: it does not come yet, ask again later. */
    bool (*prepare)(struct sim *sim, uint32_t machine);
    /* Power on: reads the machine's disk and store. NULL: that failed, the node has ended. */
    struct sim_node *(*start)(struct sim *sim, uint32_t machine);
    /* Power off, or the end: frees what was in memory; the disk keeps what it keeps. */
    void (*stop)(struct sim_node *node);
    void (*message)(struct sim_node *node, uint32_t from, const uint8_t *bytes, size_t size);
    /* Called in every turn, after its messages. */
    void (*tick)(struct sim_node *node);
    /* When to be called next, by the machine's own clock; INT64_MAX: not. */
    int64_t (*timeout)(const struct sim_node *node);
    /* Is there something that is not on the disk yet, that must be before more is done? */
    bool (*unsynced)(const struct sim_node *node);
    enum sim_synced (*sync)(struct sim_node *node);
    /* What the last turn recorded is on the disk, and what it said has left. */
    void (*synced)(struct sim_node *node);
    /* Then: what a disk needs between turns. */
    enum sim_synced (*tend)(struct sim_node *node);
    /* A client brings something, anything, to trade. */
    void (*trade)(struct sim_node *node, const uint8_t *bytes, size_t size);
    void (*probe)(const struct sim_node *node, struct sim_probe *probe);
};

/* For nodes, during start, message and tick. */
void sim_node_record(struct sim *sim, uint32_t machine, uint8_t type, const uint8_t *bytes,
                     size_t size);
/* to: a machine, or TN_PEER_ALL. */
void sim_node_say(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                  size_t size);
/* The machines, as bits, that a node means by a peer other than TN_PEER_ALL: all that have the key
 * of that member of the set but itself, or one observer. None: it is not in the set. */
uint32_t sim_node_peers(const struct sim *sim, uint32_t machine, const struct tn_validators *set,
                        uint16_t peer);
/* The machine's clock. */
int64_t sim_node_now(const struct sim *sim, uint32_t machine);

/* ---- Machines ----------------------------------------------------------------------------------
 */
void sim_machine_init(struct sim *sim, uint32_t machine);
void sim_machine_message(struct sim *sim, uint32_t machine, uint32_t from,
                         struct sim_message *message); /* takes the reference */
void sim_machine_woken(struct sim *sim, uint32_t machine, uint64_t ticket);
void sim_machine_synced(struct sim *sim, uint32_t machine);
/* Whoever ended because its disk failed starts again. */
void sim_machine_restarted(struct sim *sim, uint32_t machine);
void sim_machine_free(struct sim *sim, uint32_t machine);

#endif
