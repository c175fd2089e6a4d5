/* sync_roots: what the proofs of ranges show beside what they prove.
 *
 * Each leads from a section of its market to the state root, and brings the nodes beside that way.
 * So after the first one the root of all markets is known, and whether a section is that of no
 * records, which has no proof of its own, soon follows from the proofs of its neighbours. */
#ifndef NODE_CLUSTER_SYNC_ROOTS_H
#define NODE_CLUSTER_SYNC_ROOTS_H

#include "tenor/chain.h"

struct sync_roots_market {
    struct tn_hash nodes[2 * TN_PROOF_SECTIONS]; /* 1: the top; those of n: 2 n and 2 n + 1 */
    uint32_t known;                              /* a bit for each */
    uint16_t none;                               /* sections that never have records */
    uint16_t said;                               /* sections that one peer says to be empty */
};
struct sync_roots {
    struct sync_roots_market markets[TN_CHAIN_MARKETS_MAX];
    struct tn_hash markets_root; /* once anything was learnt */
};

/* Nothing is known but which kinds the limits leave no room for. */
void sync_roots_begin(struct sync_roots *roots, const struct tn_chain_limits *limits);
/* Of a proof that is good, of the market at this place. */
void sync_roots_learn(struct sync_roots *roots, uint32_t place,
                      const struct tn_proof_leaves *leaves);

enum sync_emptiness { SYNC_NOT_EMPTY, SYNC_EMPTY, SYNC_NOT_KNOWN };
/* Are there no records of a kind (of chain.h, one that is proved)? */
enum sync_emptiness sync_roots_judge(const struct sync_roots *roots, uint8_t kind);
/* The same, if all is true that was said: SYNC_NOT_EMPTY means that something was not. */
enum sync_emptiness sync_roots_judge_said(const struct sync_roots *roots, uint8_t kind);
/* Somebody says that there are none; all that is said at a time comes from one peer. */
void sync_roots_say(struct sync_roots *roots, uint8_t kind);
void sync_roots_unsay(struct sync_roots *roots);

#endif
