/* teller: what a node's member brings about, told to the gateway through the port.
 *
 * Called by the node's thread, in the order in which things happen: steps, terms and blocks as the
 * member executes them, answers, parts of a snapshot between blocks. It never waits for the
 * gateway. Nothing is heard before port_tell_flush. */
#ifndef NODE_CLUSTER_TELLER_H
#define NODE_CLUSTER_TELLER_H

#include "gateway/port.h"

struct teller;

/* NULL: no memory. The port outlives it. */
struct teller *teller_make(struct port *port, const struct tn_chain_limits *limits);
void teller_free(struct teller *teller);

/* A new chain, of the same limits, stands in the place of the one before; NULL: there is none now.
 */
void teller_follow(struct teller *teller, struct tn_chain *chain);

void teller_state(struct teller *teller, enum port_node_state state);
void teller_answer(struct teller *teller, uint64_t tag, const struct tn_member_answer *answer);
/* What a step is, all but its orders. */
void teller_fill_step(struct port_step *told, const struct tn_chain_heads *heads,
                      const struct tn_chain_place *place, const struct tn_market_step *step);
/* Within the member's `receipt`: the exchange is as the step has left it. */
void teller_step(struct teller *teller, const struct tn_chain_place *place,
                 const struct tn_market_step *step);
void teller_term(struct teller *teller, uint32_t market, uint32_t term, uint64_t sequence);
void teller_block(struct teller *teller, const struct tn_member_block *block);

/* A snapshot begins anew. */
void teller_begin_snapshot(struct teller *teller);
/* Between blocks: tells one more part of the snapshot that is on, if there is one and room. True:
 * there is more to tell. O(SNAPSHOT_ORDERS + orders of one series). */
bool teller_turn(struct teller *teller);

/* The head of a market by its place; and the present set. */
void teller_head(struct port_head *head, struct tn_chain *chain, uint32_t place);
const struct tn_validators *teller_set(const struct tn_chain *chain);

#endif
