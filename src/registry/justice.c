/* justice: what is proved of a validator or of a market's leader, and what follows.
 *
 * Evidence is judged by the sets of three epochs; whoever is slashed keeps its weight to the end of
 * the epoch whose set is fixed already, and never comes back. Of each kind one piece of evidence
 * counts per validator, whatever its bytes: a second one, or the same in other bytes, takes nothing
 * more. A market's term ends by a quorum of stalls or by its leader's own word. */
#include "registry/internal.h"

/* Evidence about batches must be of heights that a kept set answers for. */
static bool is_recent(const struct tn_registry *registry, const struct tn_evidence *evidence)
{
    uint64_t start = registry->height;
    if (evidence->kind != TN_EVIDENCE_BATCH) return true;
    for (uint32_t slot = 0; slot < TN_REGISTRY_SETS; slot++)
        if (registry->sets[slot].set.count > 0) start = registry->sets[slot].start;
    const struct tn_batch_header *pair = evidence->as.batches;
    return pair[0].last_block >= start && pair[1].last_block >= start;
}

enum tn_registry_answer tn_registry_check_evidence(const struct tn_registry *registry,
                                                   const struct tn_evidence_context *context,
                                                   const struct tn_evidence *evidence)
{
    const struct tn_validators *set = tn_registry_set(registry, evidence->epoch);
    TN_ASSERT(evidence->kind > 0 && evidence->kind < TN_EVIDENCE_KINDS);
    if (set == NULL || !is_recent(registry, evidence)) return TN_ANSWER_TOO_OLD;
    if (evidence->signer >= set->count) return TN_ANSWER_UNKNOWN;
    /* Signatures first: whether they are good is the same for every node, what is known depends on
     * how far a node has executed. */
    if (!tn_evidence_check(evidence, context, set)) return TN_ANSWER_SIGNATURE;
    const struct tn_registry_validator *validator =
        validator_of(registry, set->members[evidence->signer].id);
    if (validator->slashes[evidence->kind].height > 0) return TN_ANSWER_KNOWN;
    return TN_ANSWER_DONE;
}

enum tn_registry_answer tn_registry_accuse(struct tn_registry *registry,
                                           const struct tn_evidence_context *context,
                                           const struct tn_evidence *evidence)
{
    const enum tn_registry_answer answer = tn_registry_check_evidence(registry, context, evidence);
    TN_ASSERT(registry->height > 0);
    if (answer != TN_ANSWER_DONE) return answer;
    const struct tn_validators *set = tn_registry_set(registry, evidence->epoch);
    const uint16_t id = set->members[evidence->signer].id;
    struct tn_registry_validator *validator = validator_of(registry, id);
    const uint32_t slash_ppm = registry->parameters.slash_ppm[evidence->kind];
    const tn_micros cut = tn_mul_div_ceil(validator->stake_micros, slash_ppm, PPM);
    TN_ASSERT(cut >= 0 && cut <= validator->stake_micros);
    validator->slashes[evidence->kind].height = registry->height;
    tn_evidence_digest(&validator->slashes[evidence->kind].evidence, evidence);
    validator->stake_micros -= cut;
    validator->weight_after = 0;
    registry->slashed_micros += cut;
    touch(registry, TN_RECORD_VALIDATOR, id);
    touch(registry, TN_RECORD_REGISTRY, 0);
    return TN_ANSWER_DONE;
}

/* ---- Ends of terms ---- */

static bool check_stalls(const struct tn_registry *registry,
                         const struct tn_evidence_context *context, const struct tn_term_end *term)
{
    const struct tn_validators *set = &registry->sets[0].set;
    const struct tn_signatures *signatures = context->signatures;
    struct tn_voters voters = {{0}};
    struct tn_hash digest;
    if (term->stalls_count == 0 || term->stalls_count > set->count) return false;
    for (uint32_t i = 0; i < term->stalls_count; i++) {
        const uint16_t voter = term->stalls[i].voter;
        if (voter >= set->count || (i > 0 && voter <= term->stalls[i - 1].voter)) return false;
        tn_voters_add(&voters, voter);
    }
    if (!tn_voters_quorum(&voters, set)) return false;
    tn_vote_stall_digest(&digest, context->chain_id, set->epoch, &term->head);
    for (uint32_t i = 0; i < term->stalls_count; i++)
        if (!signatures->verify(signatures->context, &digest, &term->stalls[i].signature,
                                &set->members[term->stalls[i].voter].key))
            return false;
    return true;
}

bool tn_registry_check_term(const struct tn_registry *registry,
                            const struct tn_evidence_context *context,
                            const struct tn_term_end *term)
{
    const struct tn_signatures *signatures = context->signatures;
    struct tn_public_key key;
    struct tn_hash digest;
    uint16_t leader;
    TN_ASSERT(registry->started);
    if (!tn_registry_leader(registry, &leader, &key, term->head.market, term->head.term))
        return false;
    if (term->cause == TN_TERM_LAGGED) return true;
    if (term->cause == TN_TERM_STALLED) return check_stalls(registry, context, term);
    if (term->cause != TN_TERM_RESIGNED) return false;
    tn_vote_resign_digest(&digest, context->chain_id, registry->sets[0].set.epoch, &term->head);
    return signatures->verify(signatures->context, &digest, &term->resignation, &key);
}
