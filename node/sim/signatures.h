/* signatures: a cheap scheme for simulations. Never for anything else: its public keys sign. */
#ifndef SIM_SIGNATURES_H
#define SIM_SIGNATURES_H

#include "tenor/signature.h"

void sim_signatures(struct tn_signatures *signatures);

/* The key of a validator of a run. */
void sim_secret_key(struct tn_secret_key *key, uint64_t seed, uint32_t identity);

#endif
