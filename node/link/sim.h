/* sim: links in one process, over a network that is a seed and a virtual clock.
 *
 * Nothing moves but by link_sim_run: what was sent arrives when the virtual clock gets there, the
 * same for the same seed and the same calls. Faults can be set at any time between any two nodes.
 * A real link never loses a message without a DOWN; with loss, duplicates or reordering this one
 * does, because the protocols above must bear it. */
#ifndef NODE_LINK_SIM_H
#define NODE_LINK_SIM_H

#include "link/link.h"

/* From one node to another; a zeroed one is a perfect network without delay. */
struct link_sim_faults {
    uint32_t delay_min_us, delay_max_us;
    uint32_t loss_ppm;      /* of messages */
    uint32_t duplicate_ppm; /* of messages, each copy with a delay of its own */
    bool reorder;           /* false: no message overtakes one of its class that went before */
    bool cut;               /* nothing gets through, what is under way neither */
};

struct link_sim;

/* A network of `count` nodes that all see each other, each with the others as peers under their
 * numbers 0 .. count - 1. bytes_max bounds what is under way to one node from one other: beyond it
 * link_send answers LINK_FULL. NULL: no memory. */
struct link_sim *link_sim_open(uint32_t count, uint64_t seed, uint64_t bytes_max);
void link_sim_close(struct link_sim *sim); /* after all of its links */

/* The link of a node that starts or restarts: with an UP of each peer that runs. When it is closed
 * the others see a DOWN, and what was under way to it is lost. */
struct link *link_sim_node(struct link_sim *sim, uint16_t node);

void link_sim_set_faults(struct link_sim *sim, uint16_t from, uint16_t to,
                         const struct link_sim_faults *faults);

/* Ends what is under way between two running nodes, as a broken connection does: a DOWN and then an
 * UP at each. */
void link_sim_break(struct link_sim *sim, uint16_t a, uint16_t b);

/* Moves the clock to now_us (never back): what is due until then can be polled. */
void link_sim_run(struct link_sim *sim, int64_t now_us);
/* When the next message arrives; INT64_MAX: none is under way. */
int64_t link_sim_next_us(const struct link_sim *sim);

/* Two links that are each other's peer 0 and 1 (a is node 0), without delay or faults: for tests.
 * Closing both frees all. False: no memory. */
bool link_pair_open(struct link **a, struct link **b);

#endif
