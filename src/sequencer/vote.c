/* VOTE: what a validator says about a view, and how votes become certificates.
 *
 * A vote is taken from its voter's own link only, so a bad signature can be held against somebody;
 * therefore votes are counted as they come and looked at when they could be a quorum. Then just as
 * many are verified as a certificate needs. What fails is dropped, and its link with it. */
#include "sequencer/internal.h"

bool tn_sequencer_verify(struct tn_sequencer *s, const struct tn_hash *digest,
                         const struct tn_signature *signature, uint32_t voter)
{
    const struct tn_signatures *signatures = s->config.signatures;
    TN_ASSERT(voter < s->set.count);
    if (!TENOR_HOLDS(SIGNATURES)) return true;
    s->counters.signatures_verified++;
    return s->key_good[voter] &&
           signatures->verify_parsed(signatures->context, digest, signature, &s->keys[voter]);
}

void tn_sequencer_read_ballot(const struct tn_sequencer *s, struct vote_message *vote,
                              const struct view *view, enum tn_vote_type type, uint32_t voter)
{
    const struct ballot *ballot = tn_sequencer_ballot(s, view, type, voter);
    TN_ASSERT(ballot->state != SIGNATURE_NONE);
    *vote = (struct vote_message){.epoch = s->set.epoch,
                                  .view = view->number,
                                  .type = type,
                                  .hash = ballot->hash,
                                  .voter = (uint16_t)voter,
                                  .signature = ballot->signature};
}

/* Is the signature of this digest good? If not the ballot is gone, and the link it came by. */
static bool check_signature(struct tn_sequencer *s, struct view *view, enum tn_vote_type type,
                            uint32_t voter, const struct tn_hash *digest)
{
    struct ballot *ballot = tn_sequencer_ballot(s, view, type, voter);
    TN_ASSERT(ballot->state == SIGNATURE_UNCHECKED);
    if (tn_sequencer_verify(s, digest, &ballot->signature, voter)) {
        ballot->state = SIGNATURE_GOOD;
        return true;
    }
    ballot->state = SIGNATURE_NONE;
    view->weights[type - 1] -= s->set.members[voter].weight;
    s->counters.bad_signatures++;
    tn_sequencer_ban(s, (uint16_t)voter, "a vote with a bad signature");
    return false;
}

static bool check_ballot(struct tn_sequencer *s, struct view *view, enum tn_vote_type type,
                         uint32_t voter)
{
    const struct ballot *ballot = tn_sequencer_ballot(s, view, type, voter);
    struct tn_hash digest;
    if (ballot->state == SIGNATURE_GOOD) return true;
    tn_vote_digest(&digest, s->config.limits.chain_id, s->set.epoch, type, view->number,
                   &ballot->hash);
    return check_signature(s, view, type, voter, &digest);
}

static bool is_for(const struct ballot *ballot, const struct tn_hash *hash)
{
    return ballot->state != SIGNATURE_NONE && tn_hash_equal(&ballot->hash, hash);
}

/* All votes of this type together could be a quorum: are those for this block, and do they hold? */
static void tally(struct tn_sequencer *s, struct view *view, enum tn_vote_type type,
                  const struct tn_hash *hash)
{
    struct tn_voters voters = {0};
    struct tn_hash digest; /* one for all of them */
    uint64_t weight = 0, good = 0;
    for (uint32_t i = 0; i < s->set.count; i++) {
        const struct ballot *ballot = tn_sequencer_ballot(s, view, type, i);
        if (!is_for(ballot, hash)) continue;
        weight += s->set.members[i].weight;
        if (ballot->state != SIGNATURE_GOOD) continue;
        good += s->set.members[i].weight;
        tn_voters_add(&voters, i);
    }
    if (!tn_sequencer_is_quorum(s, weight)) return;
    tn_vote_digest(&digest, s->config.limits.chain_id, s->set.epoch, type, view->number, hash);
    for (uint32_t i = 0; i < s->set.count && !tn_sequencer_is_quorum(s, good); i++) {
        if (tn_voters_has(&voters, i)) continue;
        if (!is_for(tn_sequencer_ballot(s, view, type, i), hash)) continue;
        if (!check_signature(s, view, type, i, &digest)) continue;
        good += s->set.members[i].weight;
        tn_voters_add(&voters, i);
    }
    if (tn_sequencer_is_quorum(s, good)) tn_sequencer_certify(s, view, type, hash, &voters);
}

/* Two votes of one type for two blocks: false when the first was no vote at all. */
static bool is_second(struct tn_sequencer *s, struct view *view, const struct vote_message *vote)
{
    struct vote_message first;
    const struct ballot *ballot = tn_sequencer_ballot(s, view, vote->type, vote->voter);
    if (ballot->state == SIGNATURE_NONE) return false;
    if (tn_hash_equal(&ballot->hash, &vote->hash)) {
        s->counters.duplicates++;
        return true;
    }
    if (!check_ballot(s, view, vote->type, vote->voter)) return false;
    tn_sequencer_read_ballot(s, &first, view, vote->type, vote->voter);
    tn_sequencer_contradiction(s, &first, vote);
    return true;
}

/* NULLIFY and FINALIZE of one view. */
static void look_for_both(struct tn_sequencer *s, struct view *view,
                          const struct vote_message *vote)
{
    struct vote_message other;
    if (vote->type == TN_VOTE_NOTARIZE) return;
    enum tn_vote_type type = vote->type == TN_VOTE_NULLIFY ? TN_VOTE_FINALIZE : TN_VOTE_NULLIFY;
    if (tn_sequencer_ballot(s, view, type, vote->voter)->state == SIGNATURE_NONE) return;
    if (!check_ballot(s, view, type, vote->voter)) return;
    tn_sequencer_read_ballot(s, &other, view, type, vote->voter);
    tn_sequencer_contradiction(s, &other, vote);
}

void tn_sequencer_count(struct tn_sequencer *s, const struct vote_message *vote,
                        enum signature_state state)
{
    TN_ASSERT(vote->voter < s->set.count && vote->epoch == s->set.epoch);
    struct view *view = tn_sequencer_make_view(s, vote->view);
    if (view == NULL) {
        s->counters.out_of_window++;
        return;
    }
    struct ballot *ballot = tn_sequencer_ballot(s, view, vote->type, vote->voter);
    if (state == SIGNATURE_GOOD && is_for(ballot, &vote->hash)) {
        ballot->state = SIGNATURE_GOOD;
        ballot->signature = vote->signature;
        return;
    }
    if (is_second(s, view, vote)) return;
    ballot->state = (uint8_t)state;
    ballot->hash = vote->hash;
    ballot->signature = vote->signature;
    view->weights[vote->type - 1] += s->set.members[vote->voter].weight;
    struct peer *peer = &s->peers[vote->voter];
    if (vote->view > peer->view) peer->view = vote->view;
    look_for_both(s, view, vote);
    if (tn_sequencer_has_cert(view, vote->type)) return;
    if (!tn_sequencer_is_quorum(s, view->weights[vote->type - 1])) return;
    tally(s, view, vote->type, &vote->hash);
}

/* ---- Own votes ---- */

bool tn_sequencer_sign(struct tn_sequencer *s, struct vote_message *vote, enum tn_vote_type type,
                       uint64_t view, const struct tn_hash *hash)
{
    const struct tn_signatures *signatures = s->config.signatures;
    uint8_t bytes[VOTE_BYTES];
    struct tn_hash digest;
    if (s->voice != TN_VOICE_SPEAKS) return false;
    if (!tn_sequencer_guard_allows(&s->guard, s->set.epoch, type, view, hash)) {
        s->counters.guard_refusals++;
        return false;
    }
    *vote = (struct vote_message){.epoch = s->set.epoch,
                                  .view = view,
                                  .type = type,
                                  .hash = *hash,
                                  .voter = (uint16_t)s->index};
    tn_vote_digest(&digest, s->config.limits.chain_id, vote->epoch, type, view, hash);
    s->counters.signatures_made++;
    bool signed_it =
        signatures->sign(signatures->context, &vote->signature, &digest, &s->config.key);
    TN_ASSERT(signed_it); /* the key gave the public key that is in the set */
    tn_sequencer_guard_note(&s->guard, s->set.epoch, type, view, hash);
    tn_sequencer_write_vote(bytes, vote);
    if (TENOR_HOLDS(R5)) tn_sequencer_record(s, TN_SEQUENCER_VOTE, bytes, sizeof(bytes));
    return true;
}

bool tn_sequencer_cast(struct tn_sequencer *s, enum tn_vote_type type, uint64_t view,
                       const struct tn_hash *hash)
{
    struct vote_message vote;
    uint8_t bytes[VOTE_BYTES];
    if (!tn_sequencer_sign(s, &vote, type, view, hash)) return false;
    tn_sequencer_write_vote(bytes, &vote);
    tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
    switch (type) {
        case TN_VOTE_NOTARIZE: s->counters.notarizes++; break;
        case TN_VOTE_NULLIFY: s->counters.nullifies++; break;
        case TN_VOTE_FINALIZE: s->counters.finalizes++; break;
    }
    tn_sequencer_count(s, &vote, SIGNATURE_GOOD);
    return true;
}

void tn_sequencer_nullify(struct tn_sequencer *s)
{
    static const struct tn_hash none;
    if (s->voice != TN_VOICE_SPEAKS) return;
    if (tn_sequencer_is_laden(s) && tn_sequencer_proposer(s, s->view) != s->index) return;
    if (tn_sequencer_guard_has(&s->guard, TN_VOTE_NULLIFY, s->view)) return;
    if (TENOR_HOLDS(R3) && tn_sequencer_guard_has(&s->guard, TN_VOTE_FINALIZE, s->view)) return;
    tn_sequencer_cast(s, TN_VOTE_NULLIFY, s->view, &none);
}

/* A round or two of proposers may be passed without waiting. Past that the reason is not theirs,
 * and views would be burned as fast as the network is, until those that still matter are forgotten.
 * The rest of a turn that cost a time-out already may be passed for longer. */
void tn_sequencer_nullify_early(struct tn_sequencer *s)
{
    const uint32_t rounds = 2 * s->set.count * s->set.turn_views;
    const uint32_t most = s->config.limits.views_max / 8;
    const bool few = s->nullified_run < (rounds < most ? rounds : most);
    const bool near = s->view < s->final_view + s->config.limits.views_max / 2;
    if (few || (near && tn_sequencer_timed_out(s))) tn_sequencer_nullify(s);
}

/* ---- Others' votes ---- */

void tn_sequencer_on_vote(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct vote_message vote;
    if (!tn_sequencer_read_vote(&vote, bytes, size)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed vote");
        return;
    }
    if (vote.epoch != s->set.epoch) {
        s->counters.wrong_epoch++;
        tn_sequencer_help_epoch(s, from, vote.epoch);
        return;
    }
    if (vote.voter != from || from >= s->set.count) {
        s->counters.wrong_sender++;
        return;
    }
    if (vote.view > s->view + TN_SEQUENCER_WINDOW ||
        vote.view + TN_SEQUENCER_WINDOW <= s->final_view) {
        s->counters.out_of_window++;
        return;
    }
    tn_sequencer_count(s, &vote, SIGNATURE_UNCHECKED);
    if (vote.type != TN_VOTE_NULLIFY || vote.view != s->view) return;
    const uint32_t proposer = tn_sequencer_proposer(s, s->view);
    if (from == proposer) tn_sequencer_nullify_early(s);
    if (s->index == proposer) s->step_due = true; /* may it still hope for a quorum? */
}
