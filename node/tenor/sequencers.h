/* sequencers: who must have signed a state root for a thin client to believe it.
 *
 * A file names them, one a line, in the order of the set, with '#' for comments:
 *
 *     validator KEY WEIGHT        a public key (66 hex digits) or an address (40)
 *     chain HEX                   the chain's id; optional
 *     domain HEX                  of checkpoint signatures; optional, zero on a testnet
 *     epoch N                     whose set this is; optional, for a certificate with handovers
 *
 * A net's set.conf and client.conf have such lines among others, which are passed over. Nothing
 * else is trusted: not the node that gave the proof, nor its certificate. */
#ifndef NODE_TENOR_SEQUENCERS_H
#define NODE_TENOR_SEQUENCERS_H

#include "tenor/signature.h"
#include "tenor/validators.h"
#include "tenor/vote.h"

#define SEQUENCERS_WHY_SIZE 256

struct sequencers {
    struct tn_address addresses[TN_VALIDATORS_MAX];
    uint64_t weights[TN_VALIDATORS_MAX];
    uint64_t weight;        /* of all */
    uint64_t signed_weight; /* of those who signed the checkpoint that was checked last */
    uint32_t count;
    uint8_t chain_id[32];
    bool has_chain;
    uint64_t epoch;
    bool has_epoch;
    struct tn_hash domain;
};

/* False: `why` names the line and what is wrong with it. */
bool sequencers_read(struct sequencers *sequencers, const struct tn_signatures *signatures,
                     const char *text, size_t size, char why[SEQUENCERS_WHY_SIZE]);

/* Follows the ends of epochs in front of a certificate (docs/specs/sequencer.md §6.1), from the set
 * that is known to the one whose checkpoint it is: each set's quorum has named the next one. Then
 * *bytes and *size are those of the certificate alone. Any bytes will do. */
bool sequencers_follow(struct sequencers *sequencers, const struct tn_signatures *signatures,
                       const uint8_t **bytes, size_t *size, char why[SEQUENCERS_WHY_SIZE]);

/* Has a quorum of them, by weight, signed this checkpoint? bytes: a certificate as in
 * docs/specs/sequencer.md §8, CKPT_CERT. One recovery or two a signature; any bytes will do. */
bool sequencers_check(struct tn_checkpoint *checkpoint, struct sequencers *sequencers,
                      const struct tn_signatures *signatures, const uint8_t *bytes, size_t size,
                      char why[SEQUENCERS_WHY_SIZE]);

/* Is that the signature of this address? It has no v, so both are tried. */
bool sequencers_is_signed_by(const struct tn_signatures *signatures, const struct tn_hash *digest,
                             const uint8_t *bytes, const struct tn_address *wanted);

#endif
