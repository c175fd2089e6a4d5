/* direct: the way of a frame to the desk of its own node, without a thread in between.
 *
 * Where this node leads the market, the gateway's thread applies frames itself: a hand-over to
 * another thread costs as much as the order. The node lends these calls; all of them are made on
 * the gateway's thread, room, frame and turn between hold and release. Answers come during frame
 * and turn by `answer`; what the desk leaves for the node's thread is answered through the port.
 *
 * What its desks apply, on whichever thread, the node tells by a ring of its own: of a market only
 * while it is wanted (soft.h). */
#ifndef NODE_GATEWAY_DIRECT_H
#define NODE_GATEWAY_DIRECT_H

#include "gateway/port.h"

struct gateway_direct_answers {
    void *context;
    void (*answer)(void *context, uint64_t tag, const struct port_answer *answer,
                   const struct tn_event *events);
};

struct gateway_direct {
    void *context; /* of all; NULL calls: there is no such way */
    /* Waits for the node's thread while that is at its desks. */
    void (*hold)(void *context);
    void (*release)(void *context);
    /* Where a frame of more than cancels should go now. FULL: it is held here for a while. */
    enum tn_member_room (*room)(void *context, const uint8_t *entry, size_t size);
    /* False: the frame is for the port. True: it was refused, or waits for the turn. */
    bool (*frame)(void *context, const struct gateway_direct_answers *answers, uint64_t tag,
                  const struct tn_member_signed *checked, const uint8_t *entry, size_t size);
    /* True: the node's thread is to be woken, by PORT_WAKE. */
    bool (*turn)(void *context, const struct gateway_direct_answers *answers);
    /* PORT_STEP, PORT_SERIES, PORT_SNAPSHOT_IS, PORT_LEAD and PORT_GAP of desks. NULL, and the
     * calls below too: it tells nothing. */
    struct port *soft;
    /* Between hold and release. Who leads the market now; and if a desk here does, all of it is
     * told from here on, the list of its series first. */
    void (*want)(void *context, struct port_lead *lead, uint32_t market);
    void (*leave)(void *context, uint32_t market);
    /* Tells one more part of its books. False: there is none now. */
    bool (*part)(void *context, uint32_t market);
};

#endif
