/* toy: a node that is an engine of src/sequencer over the toy market of world.h. */
#ifndef SIM_TOY_H
#define SIM_TOY_H

#include "sim/node.h"
#include "sim/world.h"

#define TOY_WANTED_MAX 64u

struct toy_wanted { /* bytes that a block needs */
    struct tn_hash digest;
    int64_t next_us;
};

struct sim_node {
    struct sim *sim;
    uint32_t machine;
    struct tn_sequencer *engine;
    void *memory;
    struct tn_sequencer_config config;
    struct sim_state state; /* after the block of `height` */
    uint64_t height;
    uint64_t held[SIM_BATCHES_MAX / 64], recorded[SIM_BATCHES_MAX / 64];
    uint64_t evidence;   /* bits */
    uint32_t first_open; /* all batches before it are in blocks */
    struct toy_wanted wanted[TOY_WANTED_MAX];
    uint32_t wanted_count, wanted_turn;
    int64_t work_until_us;
    uint64_t work_height;
    int64_t sync_next_us;     /* INT64_MAX: is not behind */
    uint64_t release_height;  /* the store is committed there once this turn is synced; 0: not */
    uint32_t release_records; /* and these of the log may go */
    bool wake, restoring;
};

extern const struct sim_node_kind TOY_NODE;

/* toy_app.c: what an engine asks of its app. */
void toy_app(struct tn_sequencer_app *app, struct sim_node *node);
bool toy_holds(const struct sim_node *node, uint32_t batch);
void toy_hold(struct sim_node *node, uint32_t batch);
void toy_want(struct sim_node *node, const struct tn_hash *digest);
int64_t toy_wall_ms(const struct sim_node *node);

/* toy.c */
void toy_engine_open(struct sim_node *node, bool speaks);
void toy_engine_close(struct sim_node *node);

#endif
