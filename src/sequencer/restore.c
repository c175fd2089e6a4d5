/* The log's records, read back in order: what this node has signed, adopted, held and delivered.
 * Nothing is sent or recorded meanwhile, and no signature looked at: the log is this node's own.
 * The view follows from the certificates alone. */
#include "sequencer/internal.h"

/* Of an epoch that has not begun here, as the block that begins it could not be delivered again:
 * what was signed in it is not known. */
static bool is_later(struct tn_sequencer *s, uint64_t epoch)
{
    if (epoch > s->set.epoch && epoch > s->forgotten_epoch) s->forgotten_epoch = epoch;
    return epoch > s->set.epoch;
}

static bool restore_vote(struct tn_sequencer *s, const uint8_t *bytes, size_t size)
{
    struct vote_message vote;
    if (!tn_sequencer_read_vote(&vote, bytes, size)) return false;
    if (is_later(s, vote.epoch) || vote.epoch < s->set.epoch) return true;
    tn_sequencer_guard_note(&s->guard, vote.epoch, vote.type, vote.view, &vote.hash);
    if (vote.voter < s->set.count && vote.view <= s->view + TN_SEQUENCER_WINDOW) {
        tn_sequencer_count(s, &vote, SIGNATURE_GOOD);
    }
    return true;
}

static bool restore_cert(struct tn_sequencer *s, const uint8_t *bytes, size_t size)
{
    struct cert_message cert;
    uint64_t epoch;
    if (!tn_sequencer_cert_epoch(&epoch, bytes, size)) return false;
    if (epoch != s->set.epoch) return true;
    if (!tn_sequencer_read_cert(&cert, bytes, size, &s->set)) return false;
    if (cert.view > s->final_view) tn_sequencer_adopt(s, &cert);
    /* That of the last delivered block is what brings a peer here who is behind. */
    if (cert.view == s->final_view && cert.type == TN_VOTE_FINALIZE &&
        tn_hash_equal(&cert.hash, &s->final_hash)) {
        tn_sequencer_set_goal(s, &cert);
    }
    return true;
}

static bool restore_body(struct tn_sequencer *s, const uint8_t *bytes, size_t size)
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash hash;
    if (!tn_stream_read_block_header(&header, &fault, bytes, size)) return false;
    if (header.parent_view >= header.view || header.body_size != size - TN_BLOCK_HEADER_BYTES)
        return false;
    if (header.body_size > s->config.limits.body_max) return false;
    if (header.epoch != s->set.epoch || header.view <= s->final_view) return true;
    tn_stream_block_hash(&hash, s->config.limits.chain_id, &header);
    struct view *view =
        NULL; /* the ring follows the certificates, also through a log that has gaps */
    if (header.view <= s->view + TN_SEQUENCER_WINDOW) view = tn_sequencer_make_view(s, header.view);
    struct held_block *block = &s->ahead[header.height % AHEAD_MAX];
    if (view != NULL) {
        block = &view->blocks[view->blocks[BLOCK_PROPOSED].is_here ? BLOCK_WANTED : BLOCK_PROPOSED];
        if (tn_sequencer_find_block(s, header.view, &hash) != NULL) return true;
        view->is_proposed = true;
    }
    if (tn_sequencer_keep_block(s, block, &header, &hash, bytes + TN_BLOCK_HEADER_BYTES, 0)) {
        block->is_recorded = true;
    }
    return true;
}

/* The blocks up to the highest FINALIZATION that the log has had so far; or, if its path cannot be
 * laid as this node was catching up, this block alone. */
static bool restore_final(struct tn_sequencer *s, const uint8_t *bytes, size_t size)
{
    struct tn_hash hash;
    if (size != FINAL_BYTES) return false;
    const uint64_t epoch = tn_get_be(bytes, 8), view = tn_get_be(bytes + 8, 8);
    const uint64_t height = tn_get_be(bytes + 16, 8);
    memcpy(hash.bytes, bytes + 24, TN_HASH_SIZE);
    if (is_later(s, epoch) || epoch < s->set.epoch || height <= s->final_header.height) return true;
    if (view > s->goal_view) {
        s->goal_view = view;
        s->goal_hash = hash;
        s->goal_cert_size = 0;
    }
    tn_sequencer_deliver(s);
    if (epoch != s->set.epoch || height != s->final_header.height + 1) return true;
    s->path_top = s->path_known = height;
    s->path[height % s->config.limits.behind_max] = (struct path_step){.hash = hash, .view = view};
    tn_sequencer_deliver(s);
    return true;
}

static bool restore_checkpoint(struct tn_sequencer *s, const uint8_t *bytes, size_t size)
{
    struct checkpoint_message vote;
    struct tn_hash digest;
    if (!tn_sequencer_read_checkpoint_vote(&vote, bytes, size)) return false;
    tn_checkpoint_digest(&digest, &s->config.limits.checkpoint_domain, &vote.checkpoint);
    tn_sequencer_guard_note_checkpoint(&s->guard, vote.checkpoint.height, &digest);
    return true;
}

bool tn_sequencer_restore(struct tn_sequencer *sequencer, uint8_t type, const uint8_t *bytes,
                          size_t size)
{
    struct tn_sequencer *s = sequencer;
    TN_ASSERT(!s->started);
    switch (type) {
        case TN_SEQUENCER_VOTE: return restore_vote(s, bytes, size);
        case TN_SEQUENCER_CERT: return restore_cert(s, bytes, size);
        case TN_SEQUENCER_BODY: return restore_body(s, bytes, size);
        case TN_SEQUENCER_FINAL: return restore_final(s, bytes, size);
        case TN_SEQUENCER_CHECKPOINT: return restore_checkpoint(s, bytes, size);
        case TN_SEQUENCER_DIVERGED: s->voice = TN_VOICE_DIVERGED; return size == FINAL_BYTES;
    }
    return true;
}
