/* lead: the markets whose terms are this node's: taking them up and laying them down.
 *
 * Who leads stands in the registry and changes when a block is executed. A desk begins on a copy of
 * the replica's market, so what it seals continues the last final batch. A term in which this key
 * has sealed before a restart is never gone on with: what was sealed and not yet final is not known
 * to be known to others, so it is resigned, at every head that still becomes final in it. */
#include "member/controls.h"
#include "member/internal.h"

static void desk_refused(void *context, uint64_t client, enum tn_reject reject)
{
    const struct desk_context *desk = context;
    const struct tn_member_direct *direct = desk->member->direct.out;
    const struct tn_member_answer answer = {
        .kind = TN_MEMBER_REFUSED, .market = desk->market, .reject = reject};
    if (direct != NULL) {
        direct->refused(direct->context, client, reject);
    } else {
        tn_member_tell_client(desk->member, client, &answer);
    }
}

static void desk_step(void *context, const struct tn_desk_place *place, uint64_t client,
                      const struct tn_market_step *step)
{
    const struct desk_context *desk = context;
    struct tn_member *member = desk->member;
    const struct tn_member_out *out = &member->config.out;
    if (out->soft != NULL) {
        out->soft(out->context, desk->market, place,
                  tn_desk_market(member->leads[desk->place].desk), step);
    }
    if (client == TN_DESK_NOBODY || step->item != 0) return;
    TN_ASSERT(step->entry->kind == TN_ENTRY_FRAME);
    const struct tn_member_direct *direct = member->direct.out;
    if (direct != NULL) {
        direct->soft(direct->context, client, desk->market, place, step);
        return;
    }
    TN_ASSERT((size_t)step->events_count * TN_EVENT_BYTES <= TN_PEER_MESSAGE_MAX);
    uint8_t *events = member->message;
    for (uint32_t i = 0; i < step->events_count; i++)
        tn_stream_write_event(events + (size_t)i * TN_EVENT_BYTES, &step->events[i]);
    const struct tn_member_answer answer = {.kind = TN_MEMBER_SOFT,
                                            .market = desk->market,
                                            .place = *place,
                                            .session = step->session,
                                            .nonce = step->entry->as.frame.nonce,
                                            .events = events,
                                            .events_count = step->events_count};
    tn_member_tell_client(member, client, &answer);
}

void tn_member_publish(struct tn_member *member, const struct sealed *sealed)
{
    struct lead *lead = sealed->lead;
    const uint8_t *body = sealed->message + TN_GOSSIP_BATCH_PREFIX;
    if (TENOR_HOLDS(SEALED_VOLATILE))
        member->config.out.record(member->config.out.context, TN_MEMBER_SEALED, sealed->message,
                                  sealed->size);
    tn_member_note_logged(member, &sealed->digest);
    *member_own_slot(member, &sealed->digest) =
        (struct own_batch){.digest = sealed->digest, .trace = sealed->trace};
    tn_member_found_good(member, &sealed->digest, &member->own_key, &sealed->signature);
    lead->has_sealed = true;
    lead->sealed_term = lead->term;
    member->wake = true;
    if (!tn_gossip_add_own(member->gossip, &sealed->signature, body,
                           sealed->size - TN_GOSSIP_BATCH_PREFIX, member->clock.now_us)) {
        lead->lost = true; /* sealed and not to be had: the stream ends before it */
    }
}

static bool desk_may_seal(void *context)
{
    const struct desk_context *desk = context;
    return desk->member->direct.sealed_count < SEALED_MAX;
}

static void desk_sealed(void *context, const struct tn_desk_sealed *sealed)
{
    const struct desk_context *desk = context;
    struct tn_member *member = desk->member;
    struct direct *direct = &member->direct;
    const bool is_direct = direct->out != NULL;
    TN_ASSERT(!is_direct || direct->sealed_count < SEALED_MAX);
    struct sealed own = {.message = member->message};
    struct sealed *to = is_direct ? &direct->sealed[direct->sealed_count++] : &own;
    to->lead = &member->leads[desk->place];
    to->digest = sealed->digest;
    to->signature = sealed->signature;
    to->trace = sealed->trace;
    to->size = TN_GOSSIP_BATCH_PREFIX + sealed->body_size;
    to->message[0] = TN_PEER_BATCH;
    memcpy(to->message + 1, sealed->signature.bytes, TN_SIGNATURE_SIZE);
    memcpy(to->message + TN_GOSSIP_BATCH_PREFIX, sealed->body, sealed->body_size);
    if (!is_direct) tn_member_publish(member, to);
}

static void desk_reverted(void *context, const struct tn_desk_place *place, uint64_t client,
                          uint64_t session, uint64_t nonce)
{
    const struct desk_context *desk = context;
    if (client == TN_DESK_NOBODY) return;
    const struct tn_member_answer answer = {.kind = TN_MEMBER_REVERTED,
                                            .market = desk->market,
                                            .place = *place,
                                            .session = session,
                                            .nonce = nonce};
    tn_member_tell_client(desk->member, client, &answer);
}

bool tn_member_init_desk(struct tn_member *member, uint32_t place, void *memory)
{
    struct lead *lead = &member->leads[place];
    struct tn_desk_limits limits = member->config.limits.desk;
    limits.market = member->config.limits.chain.markets[place];
    lead->context =
        (struct desk_context){.member = member, .place = place, .market = limits.market.market};
    const struct tn_desk_out out = {.context = &lead->context,
                                    .refused = desk_refused,
                                    .step = desk_step,
                                    .may_seal = desk_may_seal,
                                    .sealed = desk_sealed,
                                    .reverted = desk_reverted};
    const struct tn_market_world world = tn_member_desk_world(member);
    lead->desk = tn_desk_init(memory, &limits, &out, &world);
    return lead->desk != NULL;
}

/* ---- Terms -------------------------------------------------------------------------------------
 */

static bool may_speak(const struct tn_member *member)
{
    return member->is_started && member->index != TN_NONE &&
           tn_sequencer_voice(member->sequencer) == TN_VOICE_SPEAKS;
}

/* Is the term that the market is in ours? */
static bool is_ours(const struct tn_member *member, const struct tn_chain_stream *stream)
{
    struct tn_public_key key;
    uint16_t id;
    return tn_registry_leader(tn_chain_registry(member->chain), &id, &key, stream->market,
                              stream->term) &&
           tn_public_key_equal(&key, &member->own_key);
}

static void tell_leads(const struct tn_member *member, const struct lead *lead, bool leads)
{
    const struct tn_member_out *out = &member->config.out;
    if (out->leads != NULL) out->leads(out->context, lead->context.market, leads);
}

static void end_desk(struct tn_member *member, struct lead *lead)
{
    if (!lead->begun) return;
    member_hold(member);
    tn_member_take_direct(member);
    lead->begun = false;
    tn_desk_end(lead->desk);
    tell_leads(member, lead, false);
    member_release(member);
    member_notice(member, TN_NOTICE_ENDED, lead->context.market, "this node leads it no more");
}

/* Gives the term up at the head that is final now. */
static void sign_resignation(struct tn_member *member, struct lead *lead,
                             const struct tn_chain_stream *stream)
{
    const struct tn_gossip_head head = {.market = stream->market,
                                        .term = stream->term,
                                        .sequence = stream->sequence,
                                        .digest = stream->digest};
    bool is_signed = lead->resigned && lead->resigned_term == stream->term &&
                     lead->resigned_head.sequence == head.sequence &&
                     lead->resigned_head.term == head.term &&
                     tn_hash_equal(&lead->resigned_head.digest, &head.digest);
    if (is_signed || !may_speak(member)) return;
    const struct tn_vote_head at = {
        .market = head.market, .term = head.term, .sequence = head.sequence, .digest = head.digest};
    struct tn_gossip_stall stall = {.kind = TN_PEER_RESIGN,
                                    .epoch = member->set.epoch,
                                    .head = head,
                                    .voter = (uint16_t)member->index};
    struct tn_hash digest;
    const struct tn_signatures *real = &member->signatures;
    tn_vote_resign_digest(&digest, member->config.limits.chain.chain_id, stall.epoch, &at);
    if (!real->sign(real->context, &stall.signature, &digest, &member->config.key)) return;
    lead->resigned = true;
    lead->resigned_term = stream->term;
    lead->resigned_head = head;
    member->counters.resigns++;
    member_notice(member, TN_NOTICE_RESIGNED, stream->market, "this node gives its term up");
    tn_gossip_add_stall(member->gossip, &stall, member->clock.now_us);
    member->wake = true;
}

static void begin_desk(struct tn_member *member, struct lead *lead,
                       const struct tn_chain_stream *stream)
{
    const struct tn_desk_term term = {.term = stream->term,
                                      .sequence = stream->sequence,
                                      .digest = stream->digest,
                                      .key = member->config.key};
    lead->term = stream->term;
    lead->lost = false;
    member_hold(member);
    lead->begun = true;
    lead->direct_queued = 0;
    tn_desk_begin(lead->desk, tn_chain_market(member->chain, lead->context.place), &term,
                  (uint64_t)member->clock.now_us);
    lead->due_us = tn_desk_next(lead->desk);
    tell_leads(member, lead, true);
    member_release(member);
    member_notice(member, TN_NOTICE_LEADS, stream->market, "this node leads it");
}

static void follow_term(struct tn_member *member, uint32_t place)
{
    struct lead *lead = &member->leads[place];
    const struct tn_chain_stream *stream = &tn_chain_heads(member->chain)->streams[place];
    bool ours = is_ours(member, stream);
    if (lead->begun && member->is_retiring && stream->sequence >= lead->retire_sequence) {
        lead->lost = true; /* every frame that was answered is final */
    }
    if (lead->begun && (!ours || lead->term != stream->term || lead->lost)) end_desk(member, lead);
    if (!ours) return;
    /* The log was lost: nobody knows what this key has sealed in the term. If it still goes on in
     * the next epoch, in which this node speaks again, it is given up. */
    if (tn_sequencer_voice(member->sequencer) == TN_VOICE_SILENT) {
        lead->has_sealed = true;
        lead->sealed_term = stream->term;
    }
    bool is_old = lead->has_sealed && lead->sealed_term >= stream->term;
    bool is_given_up = lead->resigned && lead->resigned_term == stream->term;
    if (lead->begun) return;
    if (lead->desk == NULL || is_old || is_given_up || lead->lost) {
        sign_resignation(member, lead, stream);
        if (lead->resigned && lead->resigned_term == stream->term) lead->lost = false;
        return;
    }
    if (may_speak(member) && !member->is_retiring) begin_desk(member, lead, stream);
}

void tn_member_follow_terms(struct tn_member *member)
{
    for (uint32_t i = 0; i < member->markets_count; i++)
        follow_term(member, i);
}

static void resign(struct tn_member *member, uint32_t place)
{
    member->leads[place].lost = true;
    member->terms_moved = true;
}

void tn_member_retire(struct tn_member *member, const struct tn_member_clock *clock)
{
    if (!member->is_retiring) {
        member_hold(member);
        member->is_retiring = true;
        for (uint32_t i = 0; i < member->markets_count; i++) {
            struct lead *lead = &member->leads[i];
            if (lead->begun) lead->retire_sequence = tn_desk_place(lead->desk).sequence;
        }
        member_release(member);
    }
    tn_member_turn(member, clock);
}

bool tn_member_is_retired(const struct tn_member *member)
{
    for (uint32_t i = 0; i < member->markets_count; i++) {
        const struct tn_chain_stream *stream = &tn_chain_heads(member->chain)->streams[i];
        if (member->leads[i].begun || (may_speak(member) && is_ours(member, stream))) return false;
    }
    return true;
}

/* ---- The desks' days ---------------------------------------------------------------------------
 */

void tn_member_desk_inbox(struct tn_member *member, uint32_t place, const struct tn_inbox *inbox)
{
    struct lead *lead = &member->leads[place];
    if (!lead->begun) return;
    member_hold(member);
    bool has_place = tn_desk_inbox(lead->desk, inbox, (uint64_t)member->clock.now_us);
    member_release(member);
    if (!has_place) resign(member, place);
}

void tn_member_desk_final(struct tn_member *member, uint32_t place)
{
    struct lead *lead = &member->leads[place];
    const struct tn_chain_stream *stream = &tn_chain_heads(member->chain)->streams[place];
    if (!lead->begun || lead->term != stream->term) return;
    member_hold(member);
    bool is_own = tn_desk_final(lead->desk, stream->sequence, &stream->digest,
                                (uint64_t)member->clock.now_us);
    member_release(member);
    if (!is_own) resign(member, place);
}

void tn_member_turn_desks(struct tn_member *member)
{
    const uint64_t now_us = (uint64_t)member->clock.now_us;
    for (uint32_t i = 0; i < member->markets_count; i++) {
        struct lead *lead = &member->leads[i];
        if (!lead->begun) continue;
        member_hold(member);
        tn_member_take_direct(member);
        if (tn_desk_next(lead->desk) <= now_us) tn_desk_turn(lead->desk, now_us);
        lead->due_us = tn_desk_next(lead->desk);
        member_release(member);
        if (lead->lost) member->terms_moved = true;
    }
}

uint64_t tn_member_desks_next(const struct tn_member *member)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < member->markets_count; i++) {
        const struct lead *lead = &member->leads[i];
        if (!lead->begun) continue;
        member_hold(member);
        uint64_t due = member->direct.sealed_count > 0 ? 0 : tn_desk_next(lead->desk);
        member_release(member);
        if (due < next) next = due;
    }
    return next;
}
