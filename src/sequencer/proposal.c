/* PROPOSAL: a block, its proposer's NOTARIZE, and why it may stand where it stands: the certificate
 * of its parent and a NULLIFICATION of each view between. So whoever reads it needs to search for
 * nothing.
 *
 * What was proposed in the present view is judged as often as something has changed, until it is
 * voted for or the view is given up. */
#include "sequencer/internal.h"

/* ---- Bytes ---- */

/* Appends a certificate behind its length. */
static uint8_t *put_cert(uint8_t *at, const struct view *view, enum tn_vote_type type)
{
    const struct held_cert *cert = &view->certs[type - 1];
    TN_ASSERT(cert->size > 0);
    tn_put_be(at, cert->size, 2);
    memcpy(at + 2, cert->bytes, cert->size);
    return at + 2 + cert->size;
}

/* The certificate that says that this view's block may be a parent. */
static bool parent_cert(const struct view *view, enum tn_vote_type *type)
{
    *type = tn_sequencer_has_cert(view, TN_VOTE_FINALIZE) ? TN_VOTE_FINALIZE : TN_VOTE_NOTARIZE;
    return tn_sequencer_has_cert(view, *type);
}

/* The PROPOSAL of this node's block in s->message; certificates for which there is no room in it
 * are sent before it. Returns its size. */
static size_t compose(struct tn_sequencer *s, const struct view *view,
                      const struct held_block *block, uint16_t surplus_to)
{
    uint8_t *at = s->message + PROPOSAL_HEAD_BYTES;
    uint32_t count = 0;
    enum tn_vote_type type;
    const uint32_t body_size = block->header.body_size;
    s->message[0] = TN_PEER_PROPOSAL;
    memcpy(s->message + 1,
           tn_sequencer_ballot(s, view, TN_VOTE_NOTARIZE, s->index)->signature.bytes, 64);
    tn_stream_write_block_header(s->message + 66, &block->header);
    if (body_size > 0) {
        memcpy(at, tn_sequencer_body_bytes(s, block->body) + TN_BLOCK_HEADER_BYTES, body_size);
        at += body_size;
    }
    const uint64_t parent = block->header.parent_view;
    const struct view *slot = tn_sequencer_find_view(s, parent);
    if (parent_cert(slot, &type)) {
        at = put_cert(at, slot, type);
        count++;
    }
    for (uint64_t w = view->number - 1; w > parent && w > tn_sequencer_low(s); w--) {
        slot = tn_sequencer_find_view(s, w);
        if (!tn_sequencer_has_cert(slot, TN_VOTE_NULLIFY)) continue;
        if (count == TN_SEQUENCER_JUST_MAX) {
            tn_sequencer_send_cert(s, surplus_to, slot, TN_VOTE_NULLIFY);
            continue;
        }
        at = put_cert(at, slot, TN_VOTE_NULLIFY);
        count++;
    }
    s->message[65] = (uint8_t)count;
    return (size_t)(at - s->message);
}

/* ---- Proposing ---- */

/* The parent of a block in the present view: the block of the highest view that has one, if all
 * views above it are given up. */
static enum tn_verdict find_parent(struct tn_sequencer *s, uint64_t *parent_view,
                                   struct tn_hash *parent_hash)
{
    enum tn_vote_type type;
    for (uint64_t w = s->view - 1; w > tn_sequencer_low(s); w--) {
        const struct view *view = tn_sequencer_find_view(s, w);
        if (parent_cert(view, &type)) {
            *parent_view = w;
            *parent_hash = view->certs[type - 1].hash;
            return TN_VERDICT_OK;
        }
        if (tn_sequencer_has_cert(view, TN_VOTE_NULLIFY)) continue;
        tn_sequencer_fetch_certs(s, w);
        return TN_VERDICT_WAIT;
    }
    *parent_view = s->final_view;
    *parent_hash = s->final_hash;
    return tn_sequencer_low(s) == s->final_view ? TN_VERDICT_OK : TN_VERDICT_WAIT;
}

/* What the engine decides of a header. False: this node has executed too little. */
static bool begin_header(struct tn_sequencer *s, struct tn_block_header *header,
                         const struct tn_block_header *parent)
{
    const struct tn_sequencer_limits *limits = &s->config.limits;
    const uint64_t executed = s->final_header.height;
    if (tn_sequencer_seals(header->parent_view, parent)) {
        tn_sequencer_make_seal(header, parent);
        return true;
    }
    header->height = parent->height + 1;
    header->time_ms = parent->time_ms;
    header->exec_height = header->height > limits->exec_lag ? header->height - limits->exec_lag : 0;
    if (header->exec_height > executed) {
        if (!TENOR_HOLDS(FIXED_LAG)) return false;
        header->exec_height = executed;
    }
    /* Where views are slow, bodies of given-up ones may have filled the memory of others. */
    if (header->height - header->exec_height > limits->exec_lag_max || tn_sequencer_is_slow(s)) {
        header->flags = TN_BLOCK_EMPTY;
    }
    return header->exec_height >= parent->exec_height || !TENOR_HOLDS(FIXED_LAG);
}

/* Has the app fill in a block, its body straight into the pool. */
static bool build(struct tn_sequencer *s, struct held_block *block, struct tn_block_header *header,
                  uint32_t chain_count)
{
    const struct tn_sequencer_app *app = &s->config.app;
    uint32_t place = TN_NONE;
    if ((header->flags & TN_BLOCK_SEAL) == 0) {
        const uint64_t exec_height = header->exec_height;
        place = (header->flags & TN_BLOCK_EMPTY) != 0 ? TN_NONE : tn_sequencer_take_body(s, 0);
        if (place == TN_NONE) header->flags = TN_BLOCK_EMPTY;
        uint8_t *bytes = place == TN_NONE ? NULL : tn_sequencer_body_bytes(s, place);
        bool built =
            app->build(app->context, header, bytes == NULL ? NULL : bytes + TN_BLOCK_HEADER_BYTES,
                       bytes == NULL ? 0 : s->config.limits.body_max, s->chain, chain_count);
        TN_ASSERT(!built || header->exec_height == exec_height);
        TN_ASSERT(!built || header->body_size <= (bytes == NULL ? 0 : s->config.limits.body_max));
        if (place != TN_NONE && (!built || header->body_size == 0)) {
            s->bodies_free[s->bodies_free_count++] = place;
            place = TN_NONE;
        }
        if (!built) return false;
        header->flags = (uint8_t)((header->flags & TN_BLOCK_EPOCH_FINAL) |
                                  (header->body_size == 0 ? TN_BLOCK_EMPTY : 0));
        if (place != TN_NONE) {
            tn_stream_write_block_header(tn_sequencer_body_bytes(s, place), header);
        }
    }
    tn_sequencer_drop_block(s, block);
    *block = (struct held_block){.is_here = true, .body = place, .header = *header};
    block->local = block->objective = JUDGEMENT_OK;
    tn_stream_block_hash(&block->hash, s->config.limits.chain_id, header);
    return true;
}

/* Rule R4, then the vote itself. */
static bool make_durable(struct tn_sequencer *s, struct held_block *block)
{
    struct tn_sequencer_block shown;
    if (TENOR_HOLDS(BODIES_VOLATILE)) tn_sequencer_record_block(s, block);
    if ((block->header.flags & TN_BLOCK_SEAL) != 0) return true;
    tn_sequencer_show_block(s, &shown, block);
    s->config.app.persist(s->config.app.context, &shown);
    return true;
}

static void send_proposal(struct tn_sequencer *s, struct view *view, struct held_block *block)
{
    struct vote_message vote;
    if (!tn_sequencer_guard_allows(&s->guard, s->set.epoch, TN_VOTE_NOTARIZE, view->number,
                                   &block->hash)) {
        s->counters.guard_refusals++;
        return;
    }
    make_durable(s, block);
    if (!tn_sequencer_sign(s, &vote, TN_VOTE_NOTARIZE, view->number, &block->hash)) return;
    struct ballot *ballot = tn_sequencer_ballot(s, view, TN_VOTE_NOTARIZE, s->index);
    ballot->signature = vote.signature; /* compose takes it from there */
    view->is_proposed = true;
    s->counters.proposals++;
    size_t size = compose(s, view, block, TN_PEER_ALL);
    tn_sequencer_send(s, TN_PEER_ALL, s->message, size);
    tn_sequencer_count(s, &vote, SIGNATURE_GOOD);
}

void tn_sequencer_propose(struct tn_sequencer *s)
{
    struct tn_block_header header = {.version = TN_BLOCK_VERSION,
                                     .epoch = s->set.epoch,
                                     .view = s->view,
                                     .proposer = (uint16_t)s->index};
    uint32_t count = 0;
    struct view *view = tn_sequencer_find_view(s, s->view);
    TN_ASSERT(view != NULL && !s->proposed);
    if (tn_sequencer_guard_has(&s->guard, TN_VOTE_NULLIFY, s->view)) return;
    if (tn_sequencer_guard_has(&s->guard, TN_VOTE_NOTARIZE, s->view)) {
        s->proposed = true; /* before a restart */
        tn_sequencer_resend_proposal(s);
        return;
    }
    if (s->now_us < s->build_due_us && s->build_due_us != NEVER) return;
    if (find_parent(s, &header.parent_view, &header.parent_hash) != TN_VERDICT_OK) return;
    enum tn_verdict verdict =
        tn_sequencer_chain(s, &count, header.parent_view, &header.parent_hash);
    const struct tn_block_header *parent =
        tn_sequencer_parent_header(s, header.parent_view, &header.parent_hash);
    if (verdict != TN_VERDICT_OK) {
        /* What is only to be delivered yet may make it whole: then this comes again. */
        if (tn_sequencer_is_behind(s) && !s->deliver_due) tn_sequencer_nullify_early(s);
        return;
    }
    TN_ASSERT(parent != NULL);
    struct held_block *block = &view->blocks[BLOCK_PROPOSED];
    if (!begin_header(s, &header, parent) || !build(s, block, &header, count)) {
        tn_sequencer_nullify_early(s);
        return;
    }
    TN_ASSERT(tn_sequencer_follows(s, &block->header, parent));
    s->proposed = true;
    send_proposal(s, view, block);
}

/* To those whose NOTARIZE has not come. */
void tn_sequencer_resend_proposal(struct tn_sequencer *s)
{
    const struct view *view = tn_sequencer_find_view(s, s->view);
    if (view == NULL || s->index == TN_NONE) return;
    const struct ballot *own = tn_sequencer_ballot(s, view, TN_VOTE_NOTARIZE, s->index);
    if (own->state == SIGNATURE_NONE) return;
    const struct held_block *block = tn_sequencer_find_block(s, s->view, &own->hash);
    if (!tn_sequencer_is_whole(block)) return;
    size_t size = 0;
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (i == s->index) continue;
        if (tn_sequencer_ballot(s, view, TN_VOTE_NOTARIZE, i)->state != SIGNATURE_NONE) continue;
        if (size == 0) size = compose(s, view, block, (uint16_t)i);
        tn_sequencer_send(s, (uint16_t)i, s->message, size);
    }
}

/* ---- Judging ---- */

/* Rule (a): its parent is notarized, and every view between is given up. */
static enum tn_verdict is_justified(struct tn_sequencer *s, const struct tn_block_header *header)
{
    enum tn_vote_type type;
    const uint64_t parent = header->parent_view;
    if (parent < s->final_view) return TN_VERDICT_BAD;
    if (parent == s->final_view) {
        if (!tn_hash_equal(&header->parent_hash, &s->final_hash)) return TN_VERDICT_BAD;
    } else {
        const struct view *view = tn_sequencer_find_view(s, parent);
        if (!parent_cert(view, &type)) {
            tn_sequencer_fetch_certs(s, parent);
            return TN_VERDICT_WAIT;
        }
        if (!tn_hash_equal(&header->parent_hash, &view->certs[type - 1].hash)) {
            return TN_VERDICT_BAD;
        }
    }
    if (!TENOR_HOLDS(JUSTIFICATION)) return TN_VERDICT_OK;
    for (uint64_t w = header->view - 1; w > parent; w--) {
        if (tn_sequencer_has_cert(tn_sequencer_find_view(s, w), TN_VOTE_NULLIFY)) continue;
        if (w > tn_sequencer_low(s)) tn_sequencer_fetch_certs(s, w);
        return TN_VERDICT_WAIT;
    }
    return TN_VERDICT_OK;
}

static void judge(struct tn_sequencer *s)
{
    const uint64_t number = s->view;
    struct view *view = tn_sequencer_find_view(s, number);
    if (view == NULL || !view->is_proposed) return;
    struct held_block *block = &view->blocks[BLOCK_PROPOSED];
    if (!tn_sequencer_is_whole(block)) return;
    if (TENOR_HOLDS(R1) && tn_sequencer_guard_has(&s->guard, TN_VOTE_NOTARIZE, number)) return;
    if (TENOR_HOLDS(R2) && tn_sequencer_guard_has(&s->guard, TN_VOTE_NULLIFY, number)) return;
    if (tn_sequencer_guard_holds(&s->guard, TN_VOTE_NOTARIZE, number, &block->hash)) return;
    if (number <= s->guard.floor) return;
    enum tn_verdict verdict = is_justified(s, &block->header);
    if (verdict == TN_VERDICT_OK) verdict = tn_sequencer_judge(s, block, true);
    switch (verdict) {
        case TN_VERDICT_OK: {
            const struct tn_hash hash = block->hash;
            make_durable(s, block);
            tn_sequencer_cast(s, TN_VOTE_NOTARIZE, number, &hash);
            break;
        }
        case TN_VERDICT_BAD: tn_sequencer_nullify(s); break;
        case TN_VERDICT_PASS: tn_sequencer_nullify_early(s); break;
        case TN_VERDICT_WAIT: break;
    }
}

/* Nothing was heard of him while a quorum talked. Where views are slow those who came late do not
 * know the others' Δ, which is at its highest. */
static bool is_unheard(const struct tn_sequencer *s, uint32_t proposer)
{
    const bool is_slow = tn_sequencer_is_slow(s);
    const int64_t skip_us = 10 * (is_slow ? s->config.limits.delta_max_us : tn_sequencer_delta(s));
    uint64_t active = 0;
    if (s->now_us - s->peers[proposer].heard_us < skip_us) return false;
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (i == s->index || s->now_us - s->peers[i].heard_us < skip_us) {
            active += s->set.members[i].weight;
        }
    }
    return tn_sequencer_is_quorum(s, active);
}

/* Where views are slow (ring.c) one of a proposer who is not there costs no more than before. Those
 * are less than a third of the views, as a quorum talks. */
static void skip(struct tn_sequencer *s, uint32_t proposer)
{
    const int64_t waited_us = s->config.limits.idle_us + 2 * tn_sequencer_delta(s);
    s->counters.skips++;
    if (tn_sequencer_is_slow(s) && is_unheard(s, proposer) &&
        s->now_us - s->entered_us >= waited_us) {
        tn_sequencer_nullify(s);
    } else {
        tn_sequencer_nullify_early(s);
    }
}

/* Have so many given this view up without a vote for its block that there is no quorum left? */
static bool is_passed_over(const struct tn_sequencer *s)
{
    const struct view *view = tn_sequencer_find_view(s, s->view);
    uint64_t left = 0;
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (tn_sequencer_ballot(s, view, TN_VOTE_NULLIFY, i)->state == SIGNATURE_NONE ||
            tn_sequencer_ballot(s, view, TN_VOTE_NOTARIZE, i)->state != SIGNATURE_NONE)
            left += s->set.members[i].weight;
    }
    return !tn_sequencer_is_quorum(s, left);
}

/* Others pass over this node's view, as when one before it in its turn has timed out: they may need
 * its vote to leave it, and wait for all of the others' timers without. */
static void lead(struct tn_sequencer *s)
{
    if (is_passed_over(s))
        tn_sequencer_nullify_early(s);
    else if (!s->proposed)
        tn_sequencer_propose(s);
}

void tn_sequencer_step(struct tn_sequencer *s)
{
    if (s->voice != TN_VOICE_SPEAKS) return;
    const uint32_t proposer = tn_sequencer_proposer(s, s->view);
    if (tn_sequencer_is_laden(s)) { /* those who are not need not wait for it */
        if (proposer == s->index && !s->proposed && !s->deliver_due) tn_sequencer_nullify_early(s);
        return;
    }
    if (proposer == s->index) {
        lead(s);
        return;
    }
    const struct view *view = tn_sequencer_find_view(s, s->view);
    TN_ASSERT(view != NULL);
    if (view->is_proposed) {
        judge(s);
    } else if (tn_sequencer_timed_out(s) || is_unheard(s, proposer)) {
        skip(s, proposer);
    }
}

/* ---- Receiving ---- */

struct proposal {
    struct tn_block_header header;
    struct tn_hash hash;
    const uint8_t *signature, *body, *certs;
    uint32_t certs_count;
    size_t certs_size;
};

static bool read_proposal(const struct tn_sequencer *s, struct proposal *proposal,
                          const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    if (size < PROPOSAL_HEAD_BYTES) return false;
    proposal->signature = bytes + 1;
    proposal->certs_count = bytes[65];
    if (proposal->certs_count > TN_SEQUENCER_JUST_MAX) return false;
    if (!tn_stream_read_block_header(&proposal->header, &fault, bytes + 66, size - 66))
        return false;
    const struct tn_block_header *header = &proposal->header;
    if (header->view == 0 || header->parent_view >= header->view) return false;
    if (header->body_size > s->config.limits.body_max) return false;
    if (header->body_size > size - PROPOSAL_HEAD_BYTES) return false;
    proposal->body = bytes + PROPOSAL_HEAD_BYTES;
    proposal->certs = proposal->body + header->body_size;
    proposal->certs_size = size - PROPOSAL_HEAD_BYTES - header->body_size;
    size_t at = 0;
    for (uint32_t i = 0; i < proposal->certs_count; i++) {
        if (proposal->certs_size - at < 2) return false;
        size_t cert_size = (size_t)tn_get_be(proposal->certs + at, 2);
        if (cert_size > proposal->certs_size - at - 2) return false;
        at += 2 + cert_size;
    }
    return at == proposal->certs_size;
}

/* Every certificate in it is as good as one that comes alone. */
static bool take_certs(struct tn_sequencer *s, const struct proposal *proposal)
{
    size_t at = 0;
    for (uint32_t i = 0; i < proposal->certs_count; i++) {
        struct cert_message cert;
        size_t size = (size_t)tn_get_be(proposal->certs + at, 2);
        if (!tn_sequencer_read_cert(&cert, proposal->certs + at + 2, size, &s->set)) return false;
        if (cert.view >= proposal->header.view) return false;
        if (!tn_sequencer_take_cert(s, &cert)) return false;
        at += 2 + size;
    }
    return true;
}

static void keep_proposal(struct tn_sequencer *s, const struct proposal *proposal)
{
    const struct tn_block_header *header = &proposal->header;
    struct view *view = tn_sequencer_make_view(s, header->view);
    if (view == NULL) return;
    struct held_block *block = &view->blocks[BLOCK_PROPOSED];
    const bool same = block->is_here && tn_hash_equal(&block->hash, &proposal->hash);
    if (view->is_proposed && (same || TENOR_HOLDS(R1))) return;
    struct held_block *fetched = &view->blocks[BLOCK_WANTED];
    if (fetched->is_here && tn_hash_equal(&fetched->hash, &proposal->hash)) {
        tn_sequencer_drop_block(s, block);
        *block = *fetched;
        *fetched = (struct held_block){.is_here = false, .body = TN_NONE};
    } else {
        uint32_t spare = header->view > s->view + 1 ? s->config.limits.bodies_max / 2 : 0;
        if (!tn_sequencer_body_fits(s, header, proposal->body, header->body_size)) {
            s->counters.bad_blocks++;
            tn_sequencer_ban(s, header->proposer, "a proposal whose body is not its header's");
            return;
        }
        if (!tn_sequencer_keep_block(s, block, header, &proposal->hash, proposal->body, spare)) {
            return;
        }
    }
    view->is_proposed = true;
    if (header->view == s->view) s->step_due = true;
    if (tn_sequencer_has_cert(view, TN_VOTE_NOTARIZE)) s->finalize_due = true;
    if (tn_sequencer_is_behind(s)) s->deliver_due = true;
}

void tn_sequencer_on_proposal(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size)
{
    struct proposal proposal;
    struct vote_message vote = {.type = TN_VOTE_NOTARIZE};
    if (!read_proposal(s, &proposal, bytes, size)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed proposal");
        return;
    }
    const struct tn_block_header *header = &proposal.header;
    if (header->epoch != s->set.epoch) {
        s->counters.wrong_epoch++;
        tn_sequencer_help_epoch(s, from, header->epoch);
        return;
    }
    if (header->proposer != from || tn_sequencer_proposer(s, header->view) != from) {
        s->counters.wrong_sender++;
        return;
    }
    if (header->view <= s->final_view || header->view > s->view + TN_SEQUENCER_WINDOW) {
        s->counters.out_of_window++;
        return;
    }
    if (!take_certs(s, &proposal)) {
        tn_sequencer_ban(s, from, "a proposal with a certificate that is not valid");
        return;
    }
    tn_stream_block_hash(&proposal.hash, s->config.limits.chain_id, header);
    vote.epoch = header->epoch;
    vote.view = header->view;
    vote.hash = proposal.hash;
    vote.voter = from;
    memcpy(vote.signature.bytes, proposal.signature, TN_SIGNATURE_SIZE);
    tn_sequencer_count(s, &vote, SIGNATURE_UNCHECKED);
    keep_proposal(s, &proposal);
}
