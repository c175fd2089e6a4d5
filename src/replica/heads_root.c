/* heads_root: a CHAIN record against a state root, without a replica.
 *
 * Everything in the record is under the globals of the state root; the other half of the root is
 * the markets root, which comes beside the record. */
#include "replica/internal.h"

void tn_replica_exits_root(struct tn_hash *root, const struct tn_replica_heads *heads,
                           uint32_t market)
{
    *root = (struct tn_hash){0};
    if (!heads->has_exit) return;
    tn_proof_leaf_body(root, TN_PROOF_EXITS, market, heads->exit, TN_PROOF_EXIT_SIZE);
    tn_proof_root(root, TN_PROOF_EXITS, 1, root);
}

bool tn_replica_chain_root(struct tn_replica_chain *out, struct tn_hash *root,
                           struct tn_import_fault *fault, const uint8_t *record, size_t size,
                           const struct tn_hash *markets_root)
{
    struct tn_replica_record chain;
    struct tn_hash top;
    *fault = (struct tn_import_fault){.name = {.kind = TN_RECORD_CHAIN}};
    if (!tn_replica_read_chain(&chain, fault, record, size)) return false;
    struct tn_state_head *state = &chain.heads.state;
    *out = (struct tn_replica_chain){.height = chain.heads.height,
                                     .market = chain.market,
                                     .exit_blocks = chain.exit_blocks,
                                     .has_exit = chain.heads.has_exit};
    memcpy(out->chain_id, state->chain_id, sizeof out->chain_id);
    memcpy(out->exit, chain.heads.exit, sizeof out->exit);
    tn_replica_globals(&chain.heads, chain.market);
    tn_replica_exits_root(&state->globals[TN_GLOBAL_EXITS], &chain.heads, chain.market);
    tn_proof_globals_top(&top, state->globals);
    tn_proof_state_root(root, state->chain_id, state->height, markets_root, &top);
    return true;
}
