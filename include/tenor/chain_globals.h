/* chain_globals: what the records of a whole chain say of its state root, without a chain.
 *
 * HEADS, RING and the registry's records make all that stands beside the markets in the root, with
 * one count and one hash for what waits in each market's inboxes:
 *
 *     tn_chain_globals_begin(&globals, &limits);
 *     tn_chain_globals_add(&globals, &fault, kind, index, bytes, size);     each, in order
 *     tn_chain_globals_end(&globals, &fault, &root, inboxes, &markets_root);
 *
 * When the root is one that is trusted, every byte of them is. Layouts: docs/specs/chain.md §2, §6,
 * docs/specs/registry.md §5. */
#ifndef TENOR_CHAIN_GLOBALS_H
#define TENOR_CHAIN_GLOBALS_H

#include "tenor/chain.h"

/* What waits in a market's inboxes: tn_market_inboxes_count and tn_market_inboxes_root. */
struct tn_chain_inboxes {
    uint32_t count;
    struct tn_hash root;
};
/* A leaf of the global INBOXES; of the stream market, cursor and term_ms are read. */
void tn_chain_inboxes_leaf(struct tn_hash *leaf, const struct tn_chain_stream *stream,
                           const struct tn_chain_inboxes *inboxes, uint32_t place);

#define TN_CHAIN_REGISTRY_KINDS 5
struct tn_chain_globals {
    const struct tn_chain_limits *limits;
    struct tn_chain_heads heads; /* as HEADS says; root and state from the end on */
    uint64_t past_first;
    struct tn_hash past_before;
    const uint8_t *past[TN_CHAIN_RING]; /* into records of RING */
    struct tn_proof_fold registry[TN_CHAIN_REGISTRY_KINDS];
    uint8_t kind; /* of the last record */
    uint32_t next;
};

/* The limits outlive it. */
void tn_chain_globals_begin(struct tn_chain_globals *globals, const struct tn_chain_limits *limits);
/* All records of kinds from TN_CHAIN_RECORD_HEADS on, by kind and index, the empty ones too. Bytes
 * of RING stay as they are until the end. False: the record says what none can say. */
bool tn_chain_globals_add(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                          uint8_t kind, uint32_t index, const uint8_t *record, size_t size);
/* `inboxes` is one for each market. False: records are missing, or the last past root is not *root.
 */
bool tn_chain_globals_end(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                          struct tn_hash *root, const struct tn_chain_inboxes *inboxes,
                          const struct tn_hash *markets_root);

#endif
