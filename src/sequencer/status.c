/* STATUS: how far a node is; and the retries that make up for every message that was lost. Each t_r
 * a node says where it stands and, when it has not moved since, says everything again that could
 * move somebody; who turns out to be behind is given the certificates that bring him here. */
#include "sequencer/internal.h"

#define STATUS_PEERS   8u          /* in a large set not all are told each time */
#define REPEATS_MAX    40u         /* views whose votes are sent again */
#define HELP_BYTES_MAX (64u << 10) /* of certificates for a peer at a time: he may be lying */

/* ---- Retry ---- */

static void send_own(struct tn_sequencer *s, const struct view *view, enum tn_vote_type type)
{
    struct vote_message vote;
    uint8_t bytes[VOTE_BYTES];
    if (s->index == TN_NONE || s->voice != TN_VOICE_SPEAKS) return;
    if (tn_sequencer_ballot(s, view, type, s->index)->state == SIGNATURE_NONE) return;
    tn_sequencer_read_ballot(s, &vote, view, type, s->index);
    tn_sequencer_write_vote(bytes, &vote);
    tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
}

static void send_status(struct tn_sequencer *s)
{
    const struct status_message status = {.epoch = s->set.epoch,
                                          .view = s->view,
                                          .final_view = s->final_view,
                                          .final_height = s->final_header.height,
                                          .exec_height = s->final_header.exec_height,
                                          .checkpoint_height = s->certified_height,
                                          .final_hash = s->final_hash,
                                          .exec_root = s->final_header.exec_root};
    uint8_t bytes[STATUS_BYTES];
    tn_sequencer_write_status(bytes, &status);
    if (s->set.count <= EAGER_MAX) {
        tn_sequencer_send(s, TN_PEER_ALL, bytes, sizeof(bytes));
        return;
    }
    for (uint32_t i = 0; i < STATUS_PEERS; i++) {
        s->status_peer = (uint16_t)((s->status_peer + 1u) % s->set.count);
        if (s->status_peer == s->index) continue;
        tn_sequencer_send(s, s->status_peer, bytes, sizeof(bytes));
    }
}

/* Own votes of this view; what was notarized and is not final; how this view was reached. */
static void repeat(struct tn_sequencer *s)
{
    const struct view *view = tn_sequencer_find_view(s, s->view);
    TN_ASSERT(view != NULL);
    if (tn_sequencer_proposer(s, s->view) == s->index) {
        if (s->proposed) tn_sequencer_resend_proposal(s);
    } else {
        send_own(s, view, TN_VOTE_NOTARIZE);
    }
    send_own(s, view, TN_VOTE_NULLIFY);
    uint32_t repeated = 0;
    for (uint64_t w = s->view - 1; w > tn_sequencer_low(s) && repeated < REPEATS_MAX; w--) {
        view = tn_sequencer_find_view(s, w);
        if (w == s->view - 1 && view != NULL) {
            tn_sequencer_send_cert(s, TN_PEER_ALL, view, TN_VOTE_NULLIFY);
        }
        if (!tn_sequencer_has_cert(view, TN_VOTE_NOTARIZE)) continue;
        tn_sequencer_send_cert(s, TN_PEER_ALL, view, TN_VOTE_NOTARIZE);
        send_own(s, view, TN_VOTE_FINALIZE);
        repeated++;
    }
    tn_sequencer_send_goal(s, TN_PEER_ALL);
}

void tn_sequencer_retry(struct tn_sequencer *s)
{
    const int64_t period_us = 2 * tn_sequencer_delta(s);
    s->retry_us = s->now_us + period_us;
    if (s->voice == TN_VOICE_ASKING) tn_sequencer_ask_votes(s);
    send_status(s);
    if (s->now_us - s->entered_us >= period_us || s->now_us - s->final_us >= period_us) {
        repeat(s);
    }
    tn_sequencer_resend_checkpoints(s);
    s->step_due = s->finalize_due = true;
    s->deliver_due = tn_sequencer_is_behind(s);
}

/* ---- Receiving ---- */

/* The newest FINALIZATION and the certificates above it. */
static void help(struct tn_sequencer *s, uint16_t to)
{
    uint32_t sent = 0; /* bytes */
    tn_sequencer_send_goal(s, to);
    for (uint64_t w = s->view - 1; w > tn_sequencer_low(s) && sent < HELP_BYTES_MAX; w--) {
        const struct view *view = tn_sequencer_find_view(s, w);
        if (view == NULL || w <= s->goal_view) continue;
        tn_sequencer_send_cert(s, to, view, TN_VOTE_NOTARIZE);
        tn_sequencer_send_cert(s, to, view, TN_VOTE_NULLIFY);
        sent += view->certs[TN_VOTE_NOTARIZE - 1].size + view->certs[TN_VOTE_NULLIFY - 1].size;
    }
}

void tn_sequencer_on_status(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                            size_t size)
{
    struct status_message status;
    struct peer *peer = &s->peers[from];
    if (!tn_sequencer_read_status(&status, bytes, size)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed status");
        return;
    }
    peer->final_height = status.final_height;
    if (status.checkpoint_height < s->certified_height) {
        tn_sequencer_send_checkpoint_cert(s, from);
    }
    if (status.epoch != s->set.epoch) {
        tn_sequencer_help_epoch(s, from, status.epoch);
        return;
    }
    const bool stuck = status.view == peer->status_view;
    peer->status_view = status.view;
    const bool behind = status.view < s->view || status.final_view < s->goal_view;
    if (!behind || (!stuck && status.view + 1 >= s->view)) return;
    if (s->now_us - peer->helped_us < s->config.limits.delta_us) return;
    peer->helped_us = s->now_us;
    help(s, from);
}
