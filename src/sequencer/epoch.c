/* From one validator set to the next. The epoch ends when its EPOCH_FINAL block F is delivered; the
 * next one begins at view 1 with F as the root, and nothing of the old views means anything there:
 * the epoch is in what is signed.
 *
 * Who missed the end gets a HANDOVER: the headers from the finalized SEAL down to F and the
 * FINALIZATION. It is all that the old set has to say for ever, so it is also what a light client
 * and the base layer follow. */
#include "sequencer/internal.h"

static void set_voice(struct tn_sequencer *s)
{
    if (s->voice == TN_VOICE_DIVERGED) return;
    if (s->index == TN_NONE) {
        s->voice = TN_VOICE_OBSERVER;
    } else if (!TENOR_HOLDS(AMNESIA)) {
        s->voice = TN_VOICE_SPEAKS;
    } else if (s->forgotten_epoch != 0 && s->forgotten_epoch == s->set.epoch) {
        s->voice = TN_VOICE_SILENT;
    } else if (s->voice != TN_VOICE_SPEAKS) {
        s->voice = TN_VOICE_ASKING;
    }
}

/* Checkpoints up to F are still signed by the set that is leaving. */
static void keep_previous(struct tn_sequencer *s)
{
    for (uint32_t i = 0; i < CHECKPOINTS_OPEN; i++) {
        struct open_checkpoint *open = &s->checkpoints[i];
        if (open->set == &s->previous_set) open->height = 0;
        if (open->set == &s->set) open->set = &s->previous_set;
    }
    s->previous_set = s->set;
    s->previous_index = s->index;
}

static void parse_keys(struct tn_sequencer *s)
{
    const struct tn_signatures *signatures = s->config.signatures;
    for (uint32_t i = 0; i < s->set.count; i++) {
        s->key_good[i] =
            signatures->parse(signatures->context, &s->keys[i], &s->set.members[i].key);
    }
    s->index = TN_NONE;
    if (s->config.is_validator) s->index = tn_validators_find_key(&s->set, &s->public_key);
}

void tn_sequencer_begin_epoch(struct tn_sequencer *s, const struct tn_validators *set)
{
    TN_ASSERT(set->count <= s->config.limits.validators_max);
    keep_previous(s);
    s->set = *set;
    parse_keys(s);
    tn_sequencer_guard_begin(&s->guard, set->epoch);
    s->final_view = s->goal_view = s->view = 0;
    s->goal_hash = s->final_hash;
    s->goal_cert_size = 0;
    tn_sequencer_clear_views(s);
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        tn_sequencer_drop_block(s, &s->ahead[i]);
    s->path_top = s->path_known = s->path_asked_top = s->path_coming = 0;
    s->pushes_count = s->nullified_run = 0;
    s->timed_out_turn = 0;
    s->answered = (struct tn_voters){0};
    memset(s->peers, 0, sizeof(s->peers));
    for (uint32_t i = 0; i < TN_PEERS_MAX; i++) {
        s->peers[i].heard_us = s->now_us;
        s->peers[i].helped_us = INT64_MIN / 2;
        s->peers[i].tokens = FETCH_TOKENS_MAX;
    }
    set_voice(s);
    tn_sequencer_enter(s, 1, false);
    s->retry_us = s->now_us;
    if (s->started && s->voice == TN_VOICE_ASKING) tn_sequencer_ask_votes(s);
}

/* ---- Helping ---- */

void tn_sequencer_help_epoch(struct tn_sequencer *s, uint16_t to, uint64_t epoch)
{
    const struct tn_sequencer_app *app = &s->config.app;
    struct peer *peer = &s->peers[to];
    const uint8_t *bytes;
    size_t size;
    if (s->now_us - peer->helped_us < tn_sequencer_delta(s)) return;
    peer->helped_us = s->now_us;
    if (epoch > s->set.epoch) {
        const struct fetch_message fetch = {.what = FETCH_HANDOVER, .epoch = s->set.epoch};
        tn_sequencer_ask_one(s, to, &fetch);
    } else if (app->handover(app->context, &bytes, &size, epoch)) {
        TN_ASSERT(size > HANDOVER_HEAD_BYTES && bytes[0] == TN_PEER_DATA);
        tn_sequencer_send(s, to, bytes, size);
    }
}

/* Are these the headers from the block that the certificate names down to F? */
static bool is_linked(const struct tn_sequencer *s, const uint8_t *headers, uint32_t count,
                      const struct cert_message *cert)
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash expected = cert->hash, hash;
    uint64_t view = cert->view;
    for (uint32_t i = 0; i < count; i++) {
        if (!tn_stream_read_block_header(&header, &fault, headers, TN_BLOCK_HEADER_BYTES)) {
            return false;
        }
        headers += TN_BLOCK_HEADER_BYTES;
        tn_stream_block_hash(&hash, s->config.limits.chain_id, &header);
        if (!tn_hash_equal(&hash, &expected) || header.view != view) return false;
        if (header.parent_view >= view) return false;
        if (header.epoch != s->set.epoch) return false;
        const uint8_t flag = i + 1 == count ? TN_BLOCK_EPOCH_FINAL : TN_BLOCK_SEAL;
        if ((header.flags & (TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL)) != flag) return false;
        expected = header.parent_hash;
        view = header.parent_view;
    }
    return true;
}

/* Headers alone: the body of F comes as those of other blocks that are behind. */
static void keep_headers(struct tn_sequencer *s, const uint8_t *headers, uint32_t count)
{
    struct tn_stream_fault fault;
    for (uint32_t i = 0; i < count; i++, headers += TN_BLOCK_HEADER_BYTES) {
        struct tn_block_header header;
        struct tn_hash hash;
        bool read = tn_stream_read_block_header(&header, &fault, headers, TN_BLOCK_HEADER_BYTES);
        TN_ASSERT(read);
        tn_stream_block_hash(&hash, s->config.limits.chain_id, &header);
        struct view *view =
            header.view > s->final_view ? tn_sequencer_make_view(s, header.view) : NULL;
        if (view == NULL || tn_sequencer_find_block(s, header.view, &hash) != NULL) continue;
        struct held_block *block = &view->blocks[BLOCK_WANTED];
        tn_sequencer_drop_block(s, block);
        *block =
            (struct held_block){.is_here = true, .body = TN_NONE, .hash = hash, .header = header};
    }
}

/* The way down to the epoch's last block is laid, and the goal's own headers are held: no handover
 * has more to say. */
static bool is_end_known(const struct tn_sequencer *s)
{
    const struct held_block *block = tn_sequencer_find_block(s, s->goal_view, &s->goal_hash);
    while (block != NULL && (block->header.flags & TN_BLOCK_SEAL) != 0)
        block = tn_sequencer_find_block(s, block->header.parent_view, &block->header.parent_hash);
    return block != NULL && (block->header.flags & TN_BLOCK_EPOCH_FINAL) != 0 &&
           s->goal_cert_size > 0 && block->header.height > s->final_header.height &&
           s->path_top == block->header.height;
}

void tn_sequencer_on_handover(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes,
                              size_t size)
{
    struct cert_message cert;
    uint64_t epoch;
    uint32_t count =
        size < HANDOVER_HEAD_BYTES ? 0 : (uint32_t)tn_get_be(bytes + DATA_HEAD_BYTES, 2);
    const size_t before = HANDOVER_HEAD_BYTES + (size_t)count * TN_BLOCK_HEADER_BYTES;
    if (count == 0 || count > HANDOVER_HEADERS_MAX || size <= before ||
        !tn_sequencer_cert_epoch(&epoch, bytes + before, size - before)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed handover");
        return;
    }
    if (epoch != s->set.epoch) return; /* an old one, or one that comes too early */
    if (is_end_known(s)) {
        s->counters.duplicates++;
        return;
    }
    /* It becomes the goal, so its own signatures count, whatever is held of its view. */
    if (!tn_sequencer_read_cert(&cert, bytes + before, size - before, &s->set) ||
        cert.type != TN_VOTE_FINALIZE || cert.view <= s->final_view ||
        !is_linked(s, bytes + HANDOVER_HEAD_BYTES, count, &cert) ||
        !tn_sequencer_is_valid_cert(s, &cert) || !tn_sequencer_take_cert(s, &cert)) {
        s->counters.bad_certs++;
        tn_sequencer_ban(s, from, "a handover that is not valid");
        return;
    }
    keep_headers(s, bytes + HANDOVER_HEAD_BYTES, count);
    /* Any FINALIZATION that covers F will do: nobody may have the headers for another one any more.
     */
    tn_sequencer_set_goal(s, &cert);
    s->path_top = 0;
    s->deliver_due = true;
}
