/* pools: what the gossip and the waiting items ask of the chain, and what the chain asks of them.
 *
 * A pool knows bytes and places. Who leads a market, whether a signature counts and what an item
 * means stands in the registry and in the chain, as of the last executed block. */
#include "member/internal.h"

/* ---- Batches -----------------------------------------------------------------------------------
 */

static enum tn_gossip_answer leader(void *context, uint32_t market, uint32_t term,
                                    uint16_t *validator, const struct tn_parsed_key **key)
{
    struct tn_member *member = context;
    struct tn_public_key public_key;
    uint16_t id;
    if (tn_member_place(member, market) == TN_NONE) return TN_GOSSIP_BAD;
    if (!tn_registry_leader(tn_chain_registry(member->chain), &id, &public_key, market, term)) {
        return TN_GOSSIP_LATER;
    }
    uint32_t index = tn_validators_find_id(&member->set, id);
    if (index == TN_NONE) return TN_GOSSIP_LATER;
    *validator = (uint16_t)index;
    *key = &member->keys[index];
    return TN_GOSSIP_OK;
}

/* Its leader's signature was verified on the way in: the chain need not do it again. */
static void arrived(void *context, const struct tn_gossip_batch *batch)
{
    struct tn_member *member = context;
    const struct tn_parsed_key *key;
    uint16_t index;
    member->wake = true;
    if (leader(member, batch->header.market, batch->header.term, &index, &key) != TN_GOSSIP_OK) {
        return;
    }
    tn_member_found_good(member, &batch->digest, &member->set.members[index].key,
                         &batch->signature);
}

static void add_evidence(struct tn_member *member, const struct tn_evidence *evidence)
{
    uint8_t bytes[TN_EVIDENCE_BYTES_MAX];
    size_t size = tn_evidence_write(bytes, evidence);
    if (size == 0) return;
    tn_waiting_add(member->waiting, TN_ITEM_EVIDENCE, bytes, size, member->clock.now_us);
    member_notice(member, TN_NOTICE_EVIDENCE, evidence->signer,
                  "a leader signed two batches for one place");
}

static void conflict(void *context, const struct tn_gossip_batch *one,
                     const struct tn_gossip_batch *other)
{
    struct tn_member *member = context;
    const struct tn_parsed_key *key;
    uint16_t index;
    if (leader(member, one->header.market, one->header.term, &index, &key) != TN_GOSSIP_OK) return;
    struct tn_evidence evidence = {
        .kind = TN_EVIDENCE_BATCH, .signer = index, .epoch = member->set.epoch};
    evidence.as.batches[0] = one->header;
    evidence.as.batches[1] = other->header;
    evidence.signatures[0] = one->signature;
    evidence.signatures[1] = other->signature;
    add_evidence(member, &evidence);
}

static bool stored(void *context, const struct tn_hash *digest, const uint8_t **message,
                   size_t *size)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    return out->stored_batch != NULL && out->stored_batch(out->context, digest, message, size);
}

/* ---- Stalls ------------------------------------------------------------------------------------
 */

static void vote_head(struct tn_vote_head *to, const struct tn_gossip_head *from)
{
    *to = (struct tn_vote_head){.market = from->market,
                                .term = from->term,
                                .sequence = from->sequence,
                                .digest = from->digest};
}

static bool speaks(const struct tn_member *member)
{
    struct tn_sequencer_status status;
    tn_sequencer_status(member->sequencer, &status);
    return member->index != TN_NONE && status.voice == TN_VOICE_SPEAKS;
}

static void stalled(void *context, const struct tn_gossip_head *head)
{
    struct tn_member *member = context;
    struct tn_hash digest;
    struct tn_vote_head at;
    if (!member->is_started || !speaks(member)) return;
    /* Its leader is this very node, and knows when to give up: it was only busy for long. */
    const uint32_t place = tn_member_place(member, head->market);
    if (place != TN_NONE && member->leads[place].begun) return;
    struct tn_gossip_stall stall = {.kind = TN_PEER_STALL,
                                    .epoch = member->set.epoch,
                                    .head = *head,
                                    .voter = (uint16_t)member->index};
    vote_head(&at, head);
    tn_vote_stall_digest(&digest, member->config.limits.chain.chain_id, stall.epoch, &at);
    const struct tn_signatures *sign = &member->signatures;
    if (!sign->sign(sign->context, &stall.signature, &digest, &member->config.key)) return;
    member->counters.stalls++;
    member_notice(member, TN_NOTICE_STALLED, head->market, "its leader is silent");
    tn_gossip_add_stall(member->gossip, &stall, member->clock.now_us);
}

static enum tn_gossip_answer stall_valid(void *context, const struct tn_gossip_stall *stall)
{
    struct tn_member *member = context;
    struct tn_hash digest;
    struct tn_vote_head at;
    const struct tn_parsed_key *key = NULL;
    uint16_t index = stall->voter;
    if (stall->epoch != member->set.epoch) return TN_GOSSIP_LATER;
    vote_head(&at, &stall->head);
    if (stall->kind == TN_PEER_RESIGN) {
        enum tn_gossip_answer answer =
            leader(member, stall->head.market, stall->head.term, &index, &key);
        if (answer != TN_GOSSIP_OK) return answer;
        tn_vote_resign_digest(&digest, member->config.limits.chain.chain_id, stall->epoch, &at);
    } else {
        tn_vote_stall_digest(&digest, member->config.limits.chain.chain_id, stall->epoch, &at);
    }
    if (index != stall->voter || index >= member->set.count) return TN_GOSSIP_BAD;
    const struct tn_signatures *real = &member->signatures;
    bool is_signed =
        real->verify_parsed(real->context, &digest, &stall->signature, &member->keys[index]);
    return is_signed ? TN_GOSSIP_OK : TN_GOSSIP_BAD;
}

static uint64_t weight(void *context, uint16_t voter)
{
    const struct tn_member *member = context;
    return voter < member->set.count ? member->set.members[voter].weight : 0;
}

static bool judge_body(void *context, const struct tn_batch_header *header, const uint8_t *body,
                       size_t body_size)
{
    struct tn_member *member = context;
    (void)header;
    return tn_chain_check_batch(member->chain, body, body_size);
}

void tn_member_gossip_host(struct tn_member *member, struct tn_gossip_host *host)
{
    *host = (struct tn_gossip_host){.context = member,
                                    .send = tn_member_send,
                                    .leader = leader,
                                    .judge = judge_body,
                                    .arrived = arrived,
                                    .conflict = conflict,
                                    .stalled = stalled,
                                    .stall_valid = stall_valid,
                                    .weight = weight,
                                    .stored = stored};
}

bool tn_member_term_item(struct tn_member *member, uint32_t place, const uint8_t **bytes,
                         size_t *size)
{
    const struct tn_chain_stream *stream = &tn_chain_heads(member->chain)->streams[place];
    const struct tn_gossip_head head = {.market = stream->market,
                                        .term = stream->term,
                                        .sequence = stream->sequence,
                                        .digest = stream->digest};
    uint64_t sum;
    bool resigned;
    uint32_t count = tn_gossip_stalls(member->gossip, &head, member->set.epoch, member->stalls,
                                      TN_VALIDATORS_MAX, &sum, &resigned);
    struct tn_block_item item = {.kind = TN_ITEM_TERM};
    struct tn_term_end *end = &item.as.term;
    vote_head(&end->head, &head);
    if (resigned) {
        end->cause = TN_TERM_RESIGNED;
        end->resignation = member->stalls[0].signature;
    } else {
        if (!tn_weight_is_quorum(sum, member->set.weight)) return false;
        end->cause = TN_TERM_STALLED;
        end->stalls_count = count;
        for (uint32_t i = 0; i < count; i++) {
            end->stalls[i].voter = member->stalls[i].voter;
            end->stalls[i].signature = member->stalls[i].signature;
        }
    }
    size_t written = tn_stream_write_block_item(member->term_item, TERM_ITEM_MAX, &item);
    TN_ASSERT(written > 1 && written <= TERM_ITEM_MAX);
    *bytes = member->term_item + 1; /* behind the kind */
    *size = written - 1;
    return true;
}

/* ---- Items -------------------------------------------------------------------------------------
 */

static enum tn_gossip_answer judge_item(void *context, uint8_t kind, const uint8_t *bytes,
                                        size_t size, struct tn_waiting_note *note)
{
    struct tn_member *member = context;
    switch (tn_chain_judge_item(member->chain, &note->group, &note->number, kind, bytes, size)) {
        case TN_CHAIN_OK: return TN_GOSSIP_OK;
        case TN_CHAIN_WAIT: return TN_GOSSIP_LATER;
        case TN_CHAIN_BAD: break;
    }
    return TN_GOSSIP_BAD;
}

void tn_member_waiting_host(struct tn_member *member, struct tn_waiting_host *host)
{
    *host =
        (struct tn_waiting_host){.context = member, .send = tn_member_send, .judge = judge_item};
}
