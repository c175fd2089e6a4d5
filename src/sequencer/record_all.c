/* The log anew: what a restart from the last delivered block needs, written again, so that the log
 * before it may go. That is all that is kept of views which are not final here. Votes of views at
 * and below the last delivered block are not of it: the guard signs nothing there after a restart
 * (its floor), so nobody asks what was signed. */
#include "sequencer/internal.h"

static void record_blocks(struct tn_sequencer *s, struct view *view)
{
    for (uint32_t i = 0; i < BLOCKS_OF_VIEW; i++) {
        struct held_block *block = &view->blocks[i];
        if (!block->is_recorded || !tn_sequencer_is_whole(block)) continue;
        block->is_recorded = false;
        tn_sequencer_record_block(s, block);
        if ((block->header.flags & TN_BLOCK_SEAL) != 0) continue;
        struct tn_sequencer_block shown; /* its batches too, whichever of a leader's streams */
        tn_sequencer_show_block(s, &shown, block);
        s->config.app.persist(s->config.app.context, &shown);
    }
}

/* Fetched by height, before they have a view here. */
static void record_ahead(struct tn_sequencer *s)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++) {
        struct held_block *block = &s->ahead[i];
        if (!block->is_recorded || !tn_sequencer_is_whole(block) ||
            block->header.height <= s->final_header.height) {
            continue;
        }
        block->is_recorded = false;
        tn_sequencer_record_block(s, block);
        if ((block->header.flags & TN_BLOCK_SEAL) != 0) continue;
        struct tn_sequencer_block shown; /* its batches too, whichever of a leader's streams */
        tn_sequencer_show_block(s, &shown, block);
        s->config.app.persist(s->config.app.context, &shown);
    }
}

static void record_own_votes(struct tn_sequencer *s, const struct view *view)
{
    uint8_t bytes[VOTE_BYTES];
    struct vote_message vote;
    for (uint32_t type = 1; type <= VOTE_TYPES && s->index != TN_NONE; type++) {
        if (tn_sequencer_ballot(s, view, type, s->index)->state == SIGNATURE_NONE) continue;
        tn_sequencer_read_ballot(s, &vote, view, (enum tn_vote_type)type, s->index);
        tn_sequencer_write_vote(bytes, &vote);
        tn_sequencer_record(s, TN_SEQUENCER_VOTE, bytes, sizeof bytes);
    }
}

static void record_certs(struct tn_sequencer *s, const struct view *view)
{
    for (uint32_t i = 0; i < VOTE_TYPES; i++) {
        const struct held_cert *cert = &view->certs[i];
        if (cert->size > 0) tn_sequencer_record(s, TN_SEQUENCER_CERT, cert->bytes, cert->size);
    }
}

static void record_checkpoints(struct tn_sequencer *s)
{
    uint8_t bytes[CHECKPOINT_VOTE_BYTES];
    for (uint32_t i = 0; i < CHECKPOINTS_OPEN && s->index != TN_NONE; i++) {
        const struct open_checkpoint *open = &s->checkpoints[i];
        if (open->height == 0 || !open->has_mine) continue;
        const struct checkpoint_ballot *ballot = &open->ballots[s->index];
        if (!ballot->is_here) continue;
        const struct checkpoint_message vote = {.checkpoint = ballot->checkpoint,
                                                .voter = (uint16_t)s->index,
                                                .signature = ballot->signature};
        tn_sequencer_write_checkpoint_vote(bytes, &vote);
        tn_sequencer_record(s, TN_SEQUENCER_CHECKPOINT, bytes, sizeof bytes);
    }
}

void tn_sequencer_record_all(struct tn_sequencer *sequencer)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(s->started);
    const uint64_t kept = s->config.limits.views_max;
    uint64_t first = s->ring_top > kept ? s->ring_top - kept + 1 : 1;
    if (first <= s->final_view) first = s->final_view + 1;
    for (uint64_t number = first; number <= s->ring_top; number++) {
        struct view *view = tn_sequencer_find_view(s, number);
        if (view == NULL) continue;
        record_blocks(s, view);
        record_own_votes(s, view);
        record_certs(s, view);
    }
    if (s->goal_cert_size > 0) {
        tn_sequencer_record(s, TN_SEQUENCER_CERT, s->goal_cert, s->goal_cert_size);
    }
    record_ahead(s);
    record_checkpoints(s);
    if (s->voice == TN_VOICE_DIVERGED) {
        uint8_t final[FINAL_BYTES];
        tn_sequencer_write_final(final, &s->final_header, &s->final_hash);
        tn_sequencer_record(s, TN_SEQUENCER_DIVERGED, final, sizeof final);
    }
}
