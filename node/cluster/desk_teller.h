/* desk_teller: what this node's desks apply, told to the gateway before it is final.
 *
 * A ring of its own (a struct port whose tells alone are used). Both threads that are at the desks
 * write it, each while it holds them, so what is told has the one order that the desks gave it, and
 * only the gateway's thread reads it. A market is told only while that thread wants it: else a step
 * costs the look at a flag. Of a desk that begins to be told, the series come first, then the
 * books, a part at a time, with the steps in between: as snapshots of what is final do.
 *
 * Every call is made under the desks' lock. */
#ifndef NODE_CLUSTER_DESK_TELLER_H
#define NODE_CLUSTER_DESK_TELLER_H

#include "gateway/port.h"

struct desk_teller;

/* NULL: no memory. A step that does not fit a quarter of the ring is lost, and a gap. */
#define DESK_TELLER_RING (16u << 20)
struct desk_teller *desk_teller_make(const struct tn_chain_limits *limits, size_t ring_bytes);
void desk_teller_free(struct desk_teller *teller);
struct port *desk_teller_port(struct desk_teller *teller);

/* What an entry, or an item of an inbox, has brought about; the market is as it has left it. */
void desk_teller_step(struct desk_teller *teller, uint32_t market,
                      const struct tn_desk_place *place, const struct tn_market *desk,
                      const struct tn_market_step *step);
/* Who leads, from now on. What is wanted of an earlier term is wanted no more. */
void desk_teller_lead(struct desk_teller *teller, const struct port_lead *lead);
/* What was told may be read. Wakes the gateway's thread if it sleeps. */
void desk_teller_publish(struct desk_teller *teller);

/* ---- On the gateway's thread: as direct.h has it -----------------------------------------------
 */
void desk_teller_now(const struct desk_teller *teller, struct port_lead *lead, uint32_t market);
/* From now on steps are told, after the list of series. */
void desk_teller_want(struct desk_teller *teller, uint32_t market, const struct tn_desk_place *next,
                      const struct tn_market *desk);
void desk_teller_leave(struct desk_teller *teller, uint32_t market);
/* One more part. False: there is none to come, or no memory for it now. O(4 096 orders + those of
 * one series). */
bool desk_teller_part(struct desk_teller *teller, uint32_t market, const struct tn_desk_place *next,
                      const struct tn_market *desk);

#endif
