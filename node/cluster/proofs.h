/* proofs: of accounts and series, against checkpoints that the set has certified.
 *
 * Trees are those of the last executed block, and a certificate comes some blocks after its
 * checkpoint. So a proof that is asked for waits: it is made when the next block with a checkpoint
 * is executed, and handed out when the certificate of that checkpoint is there. At most PROOFS_MAX
 * wait, each at most PROOFS_WAIT_US. */
#ifndef NODE_CLUSTER_PROOFS_H
#define NODE_CLUSTER_PROOFS_H

#include "cluster/views.h"
#include "tenor/vote.h"

#define PROOFS_MAX     64u
#define PROOFS_WAIT_US INT64_C(120000000)

struct proofs_done {
    uint64_t tag, request;
    uint64_t height; /* of the checkpoint; 0: there is no proof: late, or the thing is gone */
    const uint8_t *proof, *certificate;
    size_t proof_size, certificate_size;
};

struct proofs;

/* done: called from the functions below that take `now` or a certificate; it must not call back. */
struct proofs *proofs_make(void (*done)(void *context, const struct proofs_done *done),
                           void *context);
void proofs_free(struct proofs *proofs);

/* False: too many wait. */
bool proofs_ask(struct proofs *proofs, uint64_t tag, const struct views_proof *asked,
                int64_t now_us);
/* After a block was executed. O(proofs that wait) when the block has a checkpoint. */
void proofs_executed(struct proofs *proofs, struct tn_chain *chain);
void proofs_certified(struct proofs *proofs, const struct tn_checkpoint *checkpoint,
                      const uint8_t *certificate, size_t size);
/* Ends those that waited too long; all of them when the chain goes. */
void proofs_turn(struct proofs *proofs, int64_t now_us);
void proofs_drop_all(struct proofs *proofs);

#endif
