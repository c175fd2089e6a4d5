/* CERT: a quorum's votes in one message, which convinces anybody. Own ones and received ones are
 * adopted alike: recorded, passed on, and then they move the view on.
 *
 * Its signatures become ballots too: so a vote is verified once whichever way it came, and one that
 * contradicts it is noticed. */
#include "sequencer/internal.h"

/* ---- Making and checking ---- */

void tn_sequencer_certify(struct tn_sequencer *s, struct view *view, enum tn_vote_type type,
                          const struct tn_hash *hash, const struct tn_voters *voters)
{
    uint8_t bytes[TN_SEQUENCER_CERT_BYTES];
    struct cert_message cert = {.epoch = s->set.epoch,
                                .view = view->number,
                                .type = type,
                                .hash = *hash,
                                .voters = *voters,
                                .bytes = bytes};
    bytes[0] = TN_PEER_CERT;
    tn_put_be(bytes + 1, cert.epoch, 8);
    bytes[9] = (uint8_t)type;
    tn_put_be(bytes + 10, cert.view, 8);
    memcpy(bytes + 18, hash->bytes, TN_HASH_SIZE);
    tn_voters_write(bytes + CERT_HEAD_BYTES, voters, s->set.count);
    uint8_t *at = bytes + CERT_HEAD_BYTES + tn_voters_bytes(s->set.count);
    cert.signatures = at;
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (!tn_voters_has(voters, i)) continue;
        const struct ballot *ballot = tn_sequencer_ballot(s, view, type, i);
        TN_ASSERT(ballot->state == SIGNATURE_GOOD);
        memcpy(at, ballot->signature.bytes, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
    }
    cert.size = (size_t)(at - bytes);
    tn_sequencer_adopt(s, &cert);
}

/* Was this very signature verified already? */
static bool is_known(const struct tn_sequencer *s, const struct cert_message *cert, uint32_t voter,
                     const uint8_t *signature)
{
    const struct view *view = tn_sequencer_find_view(s, cert->view);
    if (view == NULL) return false;
    const struct ballot *ballot = tn_sequencer_ballot(s, view, cert->type, voter);
    return ballot->state == SIGNATURE_GOOD && tn_hash_equal(&ballot->hash, &cert->hash) &&
           memcmp(ballot->signature.bytes, signature, TN_SIGNATURE_SIZE) == 0;
}

bool tn_sequencer_is_valid_cert(struct tn_sequencer *s, const struct cert_message *cert)
{
    struct tn_hash digest;
    struct tn_signature signature;
    const uint8_t *at = cert->signatures;
    if (!tn_sequencer_is_quorum(s, tn_sequencer_weigh(&s->set, &cert->voters))) return false;
    tn_vote_digest(&digest, s->config.limits.chain_id, cert->epoch, cert->type, cert->view,
                   &cert->hash);
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (!tn_voters_has(&cert->voters, i)) continue;
        memcpy(signature.bytes, at, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
        if (is_known(s, cert, i, signature.bytes)) continue;
        if (!tn_sequencer_verify(s, &digest, &signature, i)) return false;
    }
    return true;
}

bool tn_sequencer_take_cert(struct tn_sequencer *s, const struct cert_message *cert)
{
    if (cert->view + TN_SEQUENCER_WINDOW <= s->final_view) return true;
    const struct view *view = tn_sequencer_find_view(s, cert->view);
    if (tn_sequencer_has_cert(view, cert->type)) {
        s->counters.duplicates++;
        return true;
    }
    if (!tn_sequencer_is_valid_cert(s, cert)) {
        s->counters.bad_certs++;
        return false;
    }
    tn_sequencer_adopt(s, cert);
    return true;
}

void tn_sequencer_on_cert(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct cert_message cert;
    uint64_t epoch;
    if (tn_sequencer_cert_epoch(&epoch, bytes, size) && epoch != s->set.epoch) {
        s->counters.wrong_epoch++;
        tn_sequencer_help_epoch(s, from, epoch);
        return;
    }
    if (!tn_sequencer_read_cert(&cert, bytes, size, &s->set)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed certificate");
        return;
    }
    if (!tn_sequencer_take_cert(s, &cert)) {
        tn_sequencer_ban(s, from, "a certificate that is not valid");
    }
}

/* ---- Passing on ---- */

void tn_sequencer_send_cert(struct tn_sequencer *s, uint16_t to, const struct view *view,
                            enum tn_vote_type type)
{
    if (!tn_sequencer_has_cert(view, type)) return;
    tn_sequencer_send(s, to, view->certs[type - 1].bytes, view->certs[type - 1].size);
}

void tn_sequencer_send_certs(struct tn_sequencer *s, uint16_t to, const struct view *view)
{
    tn_sequencer_send_cert(s, to, view, TN_VOTE_NOTARIZE);
    tn_sequencer_send_cert(s, to, view, TN_VOTE_NULLIFY);
    tn_sequencer_send_cert(s, to, view, TN_VOTE_FINALIZE);
}

/* A small set tells everybody at once; in a large one most have it by then. */
static void push(struct tn_sequencer *s, const struct view *view, enum tn_vote_type type)
{
    if (s->set.count <= EAGER_MAX) {
        tn_sequencer_send_cert(s, TN_PEER_ALL, view, type);
        return;
    }
    if (s->pushes_count == PUSHES_MAX) { /* retries will tell */
        s->pushes_first++;
        s->pushes_count--;
    }
    s->pushes[(s->pushes_first + s->pushes_count++) % PUSHES_MAX] =
        (struct push){.due_us = s->now_us + tn_sequencer_delta(s) / 2,
                      .view = view->number,
                      .type = (uint8_t)type};
}

int64_t tn_sequencer_next_push(const struct tn_sequencer *s)
{
    return s->pushes_count == 0 ? NEVER : s->pushes[s->pushes_first % PUSHES_MAX].due_us;
}

void tn_sequencer_push_due(struct tn_sequencer *s)
{
    while (s->pushes_count > 0 && tn_sequencer_next_push(s) <= s->now_us) {
        const struct push due = s->pushes[s->pushes_first++ % PUSHES_MAX];
        s->pushes_count--;
        const struct view *view = tn_sequencer_find_view(s, due.view);
        if (view == NULL) continue;
        for (uint32_t i = 0; i < s->set.count; i++) {
            if (i == s->index || s->peers[i].view > due.view) continue;
            tn_sequencer_send_cert(s, (uint16_t)i, view, (enum tn_vote_type)due.type);
        }
    }
}

/* ---- Adopting ---- */

static void keep(struct tn_sequencer *s, struct view *view, const struct cert_message *cert)
{
    struct held_cert *held = &view->certs[cert->type - 1];
    TN_ASSERT(cert->size <= TN_SEQUENCER_CERT_BYTES && held->size == 0);
    memcpy(held->bytes, cert->bytes, cert->size);
    held->size = (uint32_t)cert->size;
    held->hash = cert->hash;
    s->counters.certs++;
    if (TENOR_HOLDS(CERTS_VOLATILE)) {
        tn_sequencer_record(s, TN_SEQUENCER_CERT, held->bytes, held->size);
    }
}

static void count_signers(struct tn_sequencer *s, const struct cert_message *cert)
{
    const uint8_t *at = cert->signatures;
    struct vote_message vote = {
        .epoch = cert->epoch, .view = cert->view, .type = cert->type, .hash = cert->hash};
    for (uint32_t i = 0; i < s->set.count; i++) {
        if (!tn_voters_has(&cert->voters, i)) continue;
        vote.voter = (uint16_t)i;
        memcpy(vote.signature.bytes, at, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
        tn_sequencer_count(s, &vote, SIGNATURE_GOOD);
    }
}

void tn_sequencer_set_goal(struct tn_sequencer *s, const struct cert_message *cert)
{
    TN_ASSERT(cert->type == TN_VOTE_FINALIZE && cert->size <= sizeof(s->goal_cert));
    s->goal_view = cert->view;
    s->goal_hash = cert->hash;
    s->goal_cert_size = (uint32_t)cert->size;
    memcpy(s->goal_cert, cert->bytes, cert->size);
}

void tn_sequencer_send_goal(struct tn_sequencer *s, uint16_t to)
{
    if (s->goal_cert_size > 0) tn_sequencer_send(s, to, s->goal_cert, s->goal_cert_size);
}

void tn_sequencer_adopt(struct tn_sequencer *s, const struct cert_message *cert)
{
    struct view *view = tn_sequencer_make_view(s, cert->view);
    if (view == NULL || tn_sequencer_has_cert(view, cert->type)) return;
    keep(s, view, cert);
    push(s, view, cert->type);
    count_signers(s, cert);
    switch (cert->type) {
        case TN_VOTE_NOTARIZE:
            tn_sequencer_want(s, cert->view, &cert->hash);
            tn_sequencer_try_finalize(s, view);
            break;
        case TN_VOTE_NULLIFY: break;
        case TN_VOTE_FINALIZE:
            tn_sequencer_want(s, cert->view, &cert->hash);
            if (cert->view <= s->goal_view) break;
            tn_sequencer_set_goal(s, cert);
            s->nullified_run = 0;
            s->final_us = s->now_us;
            s->deliver_due = true;
            break;
    }
    if (cert->view >= s->view) {
        tn_sequencer_enter(s, cert->view + 1, cert->type == TN_VOTE_NULLIFY);
    } else {
        s->step_due = true; /* it may be what a proposal was waiting for */
    }
}

/* ---- FINALIZE ---- */

/* Rules R3 and R4. The block may be of a view that was left long ago. */
void tn_sequencer_try_finalize(struct tn_sequencer *s, struct view *view)
{
    const struct held_cert *cert = &view->certs[TN_VOTE_NOTARIZE - 1];
    const struct tn_hash hash = cert->hash;
    const uint64_t number = view->number;
    if (cert->size == 0 || number <= s->final_view || s->voice != TN_VOICE_SPEAKS) return;
    if (tn_sequencer_guard_has(&s->guard, TN_VOTE_FINALIZE, number)) return;
    if (TENOR_HOLDS(R3) && tn_sequencer_guard_has(&s->guard, TN_VOTE_NULLIFY, number)) return;
    if (number <= s->guard.floor) return;
    if (tn_sequencer_is_far_behind(s)) return; /* its chain cannot be judged for long */
    if (TENOR_HOLDS(R4)) {
        struct held_block *block = tn_sequencer_find_block(s, number, &hash);
        if (!tn_sequencer_is_whole(block)) {
            tn_sequencer_fetch_block(s, number, &hash);
            return;
        }
        if (tn_sequencer_judge(s, block, false) != TN_VERDICT_OK) return;
        tn_sequencer_record_block(s, block);
        struct tn_sequencer_block shown;
        tn_sequencer_show_block(s, &shown, block);
        if ((block->header.flags & TN_BLOCK_SEAL) == 0) {
            s->config.app.persist(s->config.app.context, &shown);
        }
    }
    tn_sequencer_cast(s, TN_VOTE_FINALIZE, number, &hash);
}

void tn_sequencer_finalize_all(struct tn_sequencer *s)
{
    const uint64_t low = tn_sequencer_low(s);
    uint64_t tried = 0;
    for (uint64_t w = s->view; w > low && tried < TN_SEQUENCER_WINDOW; w--) {
        struct view *view = tn_sequencer_find_view(s, w);
        if (!tn_sequencer_has_cert(view, TN_VOTE_NOTARIZE)) continue;
        tn_sequencer_try_finalize(s, view);
        tried++;
    }
}
