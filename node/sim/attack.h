/* attack: Byzantine machines: real engines whose words are bent on the way out, and a common will
 * that signs with all their keys. */
#ifndef SIM_ATTACK_H
#define SIM_ATTACK_H

#include "sim/world.h"

void sim_attack_init(struct sim *sim);
void sim_attack_free(struct sim *sim);
/* What the engine of a Byzantine machine says goes through here. */
void sim_attack_said(struct sim *sim, uint32_t machine, uint32_t to, const uint8_t *bytes,
                     size_t size);
/* What a Byzantine machine hears. */
void sim_attack_heard(struct sim *sim, uint32_t machine, const uint8_t *bytes, size_t size);
/* Once in a while. */
void sim_attack_tick(struct sim *sim);

#endif
