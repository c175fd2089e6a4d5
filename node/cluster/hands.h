/* hands: threads that take pieces of the chain's hashing off the node's own (tenor/hands.h).
 *
 * Whoever asks works as well and claims pieces as the threads do, one at a time, so it waits for no
 * thread that has not begun: on a machine that has none to spare the work takes as long as without.
 */
#ifndef NODE_CLUSTER_HANDS_H
#define NODE_CLUSTER_HANDS_H

#include "tenor/hands.h"

struct hands;

/* NULL: no memory or no threads, which errno says. */
struct hands *hands_open(uint32_t threads);
void hands_close(struct hands *hands);
/* For one owner at a time, who may ask from any thread. */
struct tn_hands hands_of(struct hands *hands);

/* As many as the processors that this process may use, less the one that asks, and not more than
 * make a difference. */
uint32_t hands_threads(void);

#endif
