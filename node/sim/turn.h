/* turn: how a run goes on from event to event, whichever nodes its set is made of. */
#ifndef SIM_TURN_H
#define SIM_TURN_H

#include "sim/sim.h"

/* An assertion that fails in `run` ends it, and no other run: sim->panicked. */
void sim_guarded(struct sim *sim, const struct sim_options *options,
                 void (*run)(struct sim *sim, const struct sim_options *options));

/* The set is chosen: its network, the plan of faults, all machines on. */
void sim_begin(struct sim *sim);
/* The next event happens; its kind. */
enum sim_event_kind sim_next(struct sim *sim);
/* Load, attackers, checks, each 20 ms: of the simulator, run.c or whole_run.c. */
void sim_turn_world(struct sim *sim);

/* Where each machine stands, in the trace. */
void sim_explain(struct sim *sim);
/* Events that have not happened. */
void sim_heap_free(struct sim_heap *heap);

#endif
