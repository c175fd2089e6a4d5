/* shrink: the command line that replays a run, and a smaller one that fails as well. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/sim.h"

/* Prints the one line that replays this run. */
void sim_shrink_say_replay(const struct sim_options *options, uint64_t seed);
/* Takes out of a failing run what it does not need to fail: faults, attacks, attackers; then prints
 * what is left, and its trace. sim is used for the runs, and is freed. */
void sim_shrink(struct sim *sim, const struct sim_options *options, uint32_t trace_lines);

#endif
