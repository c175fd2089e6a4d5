/* VOTES_ASK and VOTES_HELD: a restarted node does not trust its log. Before its first vote in the
 * epoch in which it came up, a quorum must have told which votes they hold by its key. One that the
 * log does not have says that the log was lost, or is a copy from the past: then the node is silent
 * until the next epoch, in which it has voted for nothing yet.
 *
 * A peer cannot make a node silent: what he tells is a signed vote. Any vote that could be part of
 * a quorum is held by somebody of the quorum that answers, in a vote or in a certificate. */
#include "sequencer/internal.h"

/* ---- Asking ---- */

/* Have enough answered, this node itself among them? */
static void look(struct tn_sequencer *s)
{
    if (s->voice != TN_VOICE_ASKING) return;
    tn_voters_add(&s->answered, s->index);
    uint64_t weight = tn_sequencer_weigh(&s->set, &s->answered);
    if (!tn_weight_is_quorum(weight, s->set.weight)) return;
    s->voice = TN_VOICE_SPEAKS;
    s->entered_us = s->now_us; /* timers that ran out while it was silent begin again */
    s->timers_due = s->step_due = s->finalize_due = true;
    tn_sequencer_resend_checkpoints(s);
}

void tn_sequencer_ask_votes(struct tn_sequencer *s)
{
    uint8_t bytes[9] = {TN_PEER_VOTES_ASK};
    tn_put_be(bytes + 1, s->set.epoch, 8);
    tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
    look(s);
}

static bool read_held(struct vote_message *vote, const uint8_t *at)
{
    static const struct tn_hash none;
    uint8_t type = at[0];
    vote->view = tn_get_be(at + 1, 8);
    memcpy(vote->hash.bytes, at + 9, TN_HASH_SIZE);
    memcpy(vote->signature.bytes, at + 9 + TN_HASH_SIZE, TN_SIGNATURE_SIZE);
    if (type < TN_VOTE_NOTARIZE || type > TN_VOTE_FINALIZE || vote->view == 0) return false;
    vote->type = (enum tn_vote_type)type;
    return (type == TN_VOTE_NULLIFY) == tn_hash_equal(&vote->hash, &none);
}

/* One vote that a peer says is mine. False: it is not. */
static bool take_held(struct tn_sequencer *s, const uint8_t *at)
{
    struct vote_message vote = {.epoch = s->set.epoch, .voter = (uint16_t)s->index};
    struct tn_hash digest;
    if (!read_held(&vote, at)) return false;
    if (vote.view <= s->guard.floor) return true; /* the guard signs nothing there */
    if (tn_sequencer_guard_holds(&s->guard, vote.type, vote.view, &vote.hash)) return true;
    tn_vote_digest(&digest, s->config.limits.chain_id, vote.epoch, vote.type, vote.view,
                   &vote.hash);
    if (!tn_sequencer_verify(s, &digest, &vote.signature, s->index)) return false;
    s->voice = TN_VOICE_SILENT;
    return true;
}

void tn_sequencer_on_votes_held(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                                size_t size)
{
    if (size < VOTES_HELD_HEAD_BYTES) size = 0;
    const uint32_t count = size == 0 ? 0 : (uint32_t)tn_get_be(bytes + 11, 2);
    if (size != VOTES_HELD_HEAD_BYTES + (size_t)count * VOTE_HELD_BYTES || count > VOTES_HELD_MAX) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed list of votes");
        return;
    }
    if (tn_get_be(bytes + 1, 8) != s->set.epoch || tn_get_be(bytes + 9, 2) != s->index ||
        s->voice != TN_VOICE_ASKING || from >= s->set.count) {
        return; /* late, or not for me */
    }
    for (uint32_t i = 0; i < count && s->voice == TN_VOICE_ASKING; i++) {
        if (take_held(s, bytes + VOTES_HELD_HEAD_BYTES + (size_t)i * VOTE_HELD_BYTES)) continue;
        s->counters.bad_signatures++;
        tn_sequencer_ban(s, from, "a vote that its voter never signed");
        return;
    }
    tn_voters_add(&s->answered, from);
    look(s);
}

/* ---- Answering ---- */

static uint8_t *put_held(uint8_t *at, const struct tn_sequencer *s, const struct view *view,
                         uint32_t type, uint32_t voter)
{
    const struct ballot *ballot = tn_sequencer_ballot(s, view, type, voter);
    if (ballot->state == SIGNATURE_NONE) return at;
    at[0] = (uint8_t)type;
    tn_put_be(at + 1, view->number, 8);
    memcpy(at + 9, ballot->hash.bytes, TN_HASH_SIZE);
    memcpy(at + 9 + TN_HASH_SIZE, ballot->signature.bytes, TN_SIGNATURE_SIZE);
    return at + VOTE_HELD_BYTES;
}

/* The latest votes first; older ones than can be told are of views long final, or nobody's fault
 * but of a network that has not agreed on anything for a thousand views. So the latest FINALIZATION
 * goes ahead, in a class that nothing of the answer overtakes: whoever may sign then stands above
 * them. */
void tn_sequencer_on_votes_ask(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                               size_t size)
{
    uint8_t *at = s->message + VOTES_HELD_HEAD_BYTES;
    const uint8_t *end = at + (size_t)(VOTES_HELD_MAX - VOTE_TYPES) * VOTE_HELD_BYTES;
    if (size != 9) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed question for votes");
        return;
    }
    const uint64_t epoch = tn_get_be(bytes + 1, 8);
    if (from >= s->set.count) return;
    if (epoch < s->set.epoch) { /* as a STATUS: what it costs here is bounded by time */
        tn_sequencer_help_epoch(s, from, epoch);
        return;
    }
    if (!tn_sequencer_take_tokens(s, from, LONG_TOKENS)) return;
    if (epoch == s->set.epoch) tn_sequencer_send_goal(s, from);
    const uint64_t views_max = s->config.limits.views_max;
    const uint64_t low = s->ring_top > views_max ? s->ring_top - views_max : 0;
    for (uint64_t w = s->ring_top; w > low && at < end && epoch == s->set.epoch; w--) {
        const struct view *view = tn_sequencer_find_view(s, w);
        if (view == NULL) continue;
        for (uint32_t type = 1; type <= VOTE_TYPES; type++)
            at = put_held(at, s, view, type, from);
    }
    const size_t count = (size_t)(at - s->message - VOTES_HELD_HEAD_BYTES) / VOTE_HELD_BYTES;
    s->message[0] = TN_PEER_VOTES_HELD;
    tn_put_be(s->message + 1, epoch, 8);
    tn_put_be(s->message + 9, from, 2);
    tn_put_be(s->message + 11, count, 2);
    tn_sequencer_send(s, from, s->message, (size_t)(at - s->message));
}
