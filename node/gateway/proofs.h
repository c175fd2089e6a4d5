/* proofs: whose proofs wait at the node for a certified checkpoint, which can take two minutes.
 *
 * The node has places for GATEWAY_PROOFS_MOST of them and does not know who asked. Here each place
 * has its owner, so that no connection, and not all guests together, can take the places of others.
 * A place is taken until the node has answered, also when whoever asked has left: else connections
 * that come and go would have them all. */
#ifndef NODE_GATEWAY_PROOFS_H
#define NODE_GATEWAY_PROOFS_H

#include "tenor/base.h"

#define GATEWAY_PROOFS_MOST   64u /* as the node's: cluster/proofs.h */
#define GATEWAY_PROOFS_GUESTS 16u /* of connections without a logon, all together */
#define GATEWAY_PROOFS_EACH   4u  /* of one connection */

struct gateway_proofs {
    uint32_t count, guests_count;
    struct gateway_proof {
        uint64_t tag;
        uint32_t owner; /* slot of the connection; TN_NONE: it has gone */
        bool is_guest;
    } list[GATEWAY_PROOFS_MOST];
};

/* NULL: this connection may ask for one more; else why not. */
const char *gateway_proofs_refusal(const struct gateway_proofs *proofs, uint32_t owner,
                                   bool is_guest);
/* After that, when it was asked. */
void gateway_proofs_add(struct gateway_proofs *proofs, uint64_t tag, uint32_t owner, bool is_guest);
/* The node has answered; false: that tag was no proof's. */
bool gateway_proofs_end(struct gateway_proofs *proofs, uint64_t tag);
/* The connection has gone; its slot will be another's. */
void gateway_proofs_disown(struct gateway_proofs *proofs, uint32_t owner);

#endif
