/* check: what must never happen, looked at whenever something does. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/world.h"

void sim_checks_init(struct sim *sim);
void sim_checks_free(struct sim *sim);

/* A node executed a final block: the same block, and the same root, as everybody else. */
void sim_check_final(struct sim *sim, uint32_t machine, const struct tn_sequencer_block *block,
                     const struct sim_state *after);
/* A node holds a certificate of this checkpoint. */
void sim_check_certified(struct sim *sim, uint32_t machine, const struct tn_checkpoint *checkpoint);
/* A node has the proof that an epoch ended: one set follows it. */
void sim_check_handover(struct sim *sim, uint32_t machine, uint64_t epoch, const uint8_t *handover,
                        size_t size);
/* Faults have ended: has every node that takes part ten blocks more than the best had then? */
bool sim_check_recovered(struct sim *sim);
/* Now and then: bounds on what is kept, and nobody says that something is wrong. */
void sim_check_standing(struct sim *sim);

#endif
