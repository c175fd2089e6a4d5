/* EVIDENCE: two signed things of one validator that contradict each other. Found when the second
 * vote is counted, or told by a peer; given to the app, which has it put into a block. */
#include "sequencer/internal.h"

void tn_sequencer_hand_out(struct tn_sequencer *s, const struct tn_evidence *evidence)
{
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    size_t size = tn_evidence_write(bytes, evidence);
    if (size == 0 || !s->started) return;
    s->counters.evidence++;
    s->config.app.evidence(s->config.app.context, bytes, size);
}

static void fill(struct tn_evidence *evidence, uint32_t half, const struct vote_message *vote)
{
    evidence->as.votes.hashes[half] = vote->hash;
    evidence->signatures[half] = vote->signature;
}

/* The first vote's signature is good; the second one's is looked at here. */
void tn_sequencer_contradiction(struct tn_sequencer *s, const struct vote_message *first,
                                const struct vote_message *second)
{
    struct view *view = tn_sequencer_find_view(s, first->view);
    struct tn_hash digest;
    TN_ASSERT(view != NULL && first->voter == second->voter && first->view == second->view);
    if (tn_voters_has(&view->convicted, first->voter)) return;
    tn_vote_digest(&digest, s->config.limits.chain_id, second->epoch, second->type, second->view,
                   &second->hash);
    if (!tn_sequencer_verify(s, &digest, &second->signature, second->voter)) {
        s->counters.bad_signatures++;
        tn_sequencer_ban(s, second->voter, "a vote with a bad signature");
        return;
    }
    tn_voters_add(&view->convicted, first->voter);
    struct tn_evidence evidence = {.signer = first->voter, .epoch = first->epoch};
    evidence.as.votes.view = first->view;
    evidence.kind = TN_EVIDENCE_BOTH;
    if (first->type == second->type) {
        evidence.kind =
            first->type == TN_VOTE_NOTARIZE ? TN_EVIDENCE_NOTARIZE : TN_EVIDENCE_FINALIZE;
    }
    const bool swap = evidence.kind == TN_EVIDENCE_BOTH && first->type == TN_VOTE_FINALIZE;
    fill(&evidence, swap ? 1 : 0, first);
    fill(&evidence, swap ? 0 : 1, second);
    tn_sequencer_hand_out(s, &evidence);
}

/* Evidence on batches is the app's own affair: only it knows who led which market. */
void tn_sequencer_on_evidence(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size)
{
    struct tn_evidence evidence;
    struct tn_stream_fault fault;
    if (!tn_evidence_read(&evidence, &fault, bytes + 1, size - 1)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "malformed evidence");
        return;
    }
    const struct tn_validators *set = NULL;
    if (evidence.epoch == s->set.epoch) set = &s->set;
    if (evidence.epoch == s->previous_set.epoch && s->previous_set.count > 0) {
        set = &s->previous_set;
    }
    if (set == NULL || evidence.kind == TN_EVIDENCE_BATCH) return;
    if (!tn_sequencer_take_tokens(s, from, 1)) return;
    struct tn_evidence_context context = {.checkpoint_domain = s->config.limits.checkpoint_domain,
                                          .signatures = s->config.signatures};
    memcpy(context.chain_id, s->config.limits.chain_id, sizeof(context.chain_id));
    s->counters.signatures_verified += 2;
    if (evidence.signer >= set->count || !tn_evidence_check(&evidence, &context, set)) {
        s->counters.bad_signatures++;
        tn_sequencer_ban(s, from, "evidence that is not valid");
        return;
    }
    tn_sequencer_hand_out(s, &evidence);
}
