/* From a FINALIZATION to the app: the block that it names, the goal, and all ancestors are final;
 * they are delivered in order of height.
 *
 * The path is what is known of the chain between the last delivered block and the goal: a hash for
 * each height, filled in from the goal downwards, from blocks that are held or from headers that a
 * peer gave. Each hash is named by the header above it, so nothing that a peer says needs to be
 * believed; and blocks may be fetched from below, one range after another, as they are delivered.
 */
#include "sequencer/internal.h"

void tn_sequencer_write_final(uint8_t out[FINAL_BYTES], const struct tn_block_header *header,
                              const struct tn_hash *hash)
{
    tn_put_be(out, header->epoch, 8);
    tn_put_be(out + 8, header->view, 8);
    tn_put_be(out + 16, header->height, 8);
    memcpy(out + 24, hash->bytes, TN_HASH_SIZE);
}

void tn_sequencer_diverge(struct tn_sequencer *s, const struct tn_block_header *header,
                          const struct tn_hash *hash)
{
    uint8_t bytes[FINAL_BYTES];
    if (s->voice == TN_VOICE_DIVERGED) return;
    s->voice = TN_VOICE_DIVERGED;
    tn_sequencer_write_final(bytes, header, hash);
    tn_sequencer_record(s, TN_SEQUENCER_DIVERGED, bytes, sizeof(bytes));
}

/* Two finalized chains: more than a third of the weight is hostile, or there is a bug. */
static bool conflict(struct tn_sequencer *s)
{
    tn_sequencer_diverge(s, &s->final_header, &s->final_hash);
    return false;
}

/* Lays the path from the goal downwards, as far as headers are held. */
static bool begin_path(struct tn_sequencer *s)
{
    uint64_t view = s->goal_view, height = 0; /* of the lowest block found so far */
    struct tn_hash hash = s->goal_hash;
    const uint64_t final_height = s->final_header.height;
    while (view > s->final_view) {
        const struct held_block *block = tn_sequencer_find_block(s, view, &hash);
        if (block == NULL && height == 0) { /* its height cannot be told */
            tn_sequencer_want(s, view, &hash);
            tn_sequencer_fetch_block(s, view, &hash);
            return false;
        }
        if (block == NULL) break;
        if ((block->header.flags & TN_BLOCK_SEAL) == 0) {
            if (block->header.height <= final_height) return conflict(s);
            if (height == 0) s->path_top = block->header.height;
            if (s->path_top - final_height > s->config.limits.behind_max) {
                s->path_top = 0;
                s->config.app.behind(s->config.app.context, block->header.height);
                return false;
            }
            height = block->header.height;
            *tn_sequencer_step_at(s, height) = (struct path_step){.hash = hash, .view = view};
        }
        view = block->header.parent_view;
        hash = block->header.parent_hash;
    }
    s->path_known = height;
    s->path_asked_top = s->path_coming = 0;
    if (height == 0) return conflict(s);
    if (height > final_height + 1) {
        s->path_known = height - 1;
        *tn_sequencer_step_at(s, height - 1) = (struct path_step){.hash = hash, .view = view};
        return true;
    }
    if (view == s->final_view && tn_hash_equal(&hash, &s->final_hash)) return true;
    return conflict(s);
}

/* A block of the path, wherever it is held. */
static struct held_block *block_at(struct tn_sequencer *s, uint64_t height)
{
    const struct path_step *step = tn_sequencer_step_at(s, height);
    struct held_block *block = tn_sequencer_find_block(s, step->view, &step->hash);
    if (tn_sequencer_is_whole(block)) return block;
    block = &s->ahead[height % AHEAD_MAX];
    if (tn_sequencer_is_whole(block) && tn_hash_equal(&block->hash, &step->hash)) return block;
    return NULL;
}

/* So that what those blocks name is there when their turn comes: asked for block by block, each
 * would cost a round trip. */
static void tell_coming(struct tn_sequencer *s)
{
    const struct tn_sequencer_app *app = &s->config.app;
    const uint64_t next = s->final_header.height + 1;
    uint64_t last = s->final_header.height + AHEAD_MAX;
    if (app->coming == NULL || !s->started) return;
    if (last > s->path_top) last = s->path_top;
    if (s->path_coming < next) s->path_coming = next; /* that one is delivered, or waits itself */
    while (s->path_coming < last) {
        struct tn_sequencer_block shown;
        const struct held_block *block = block_at(s, s->path_coming + 1);
        if (block == NULL) return;
        tn_sequencer_show_block(s, &shown, block);
        app->coming(app->context, &shown);
        s->path_coming++;
    }
}

/* What is served from the app's store from now on. */
static void prune(struct tn_sequencer *s, uint64_t old_final, uint64_t new_final)
{
    const uint64_t views_max = s->config.limits.views_max;
    uint64_t from = old_final > TN_SEQUENCER_WINDOW ? old_final - TN_SEQUENCER_WINDOW : 0;
    if (new_final <= TN_SEQUENCER_WINDOW) return;
    if (new_final - from > views_max) from = new_final - views_max;
    for (uint64_t w = from + 1; w <= new_final - TN_SEQUENCER_WINDOW; w++) {
        struct view *view = tn_sequencer_find_view(s, w);
        if (view == NULL) continue;
        for (uint32_t i = 0; i < BLOCKS_OF_VIEW; i++)
            tn_sequencer_drop_block(s, &view->blocks[i]);
    }
}

size_t tn_sequencer_write_handover(struct tn_sequencer *s)
{
    uint64_t view = s->goal_view;
    struct tn_hash hash = s->goal_hash;
    uint8_t *at = s->message + HANDOVER_HEAD_BYTES;
    uint32_t count = 0;
    if (s->goal_cert_size == 0) return 0;
    for (;;) {
        const struct held_block *block = tn_sequencer_find_block(s, view, &hash);
        if (block == NULL || count == HANDOVER_HEADERS_MAX) break;
        tn_stream_write_block_header(at, &block->header);
        at += TN_BLOCK_HEADER_BYTES;
        count++;
        if ((block->header.flags & TN_BLOCK_SEAL) == 0) {
            s->message[0] = TN_PEER_DATA;
            s->message[1] = DATA_HANDOVER;
            tn_put_be(s->message + DATA_HEAD_BYTES, count, 2);
            memcpy(at, s->goal_cert, s->goal_cert_size);
            return (size_t)(at - s->message) + s->goal_cert_size;
        }
        view = block->header.parent_view;
        hash = block->header.parent_hash;
    }
    return 0;
}

/* F is delivered: the epoch is over. */
static void end_epoch(struct tn_sequencer *s)
{
    const struct tn_sequencer_app *app = &s->config.app;
    struct tn_validators *next = &s->next_set;
    const uint64_t epoch = s->set.epoch;
    size_t size = tn_sequencer_write_handover(s);
    if (size > 0) app->epoch_ended(app->context, epoch, s->message, size);
    *next = (struct tn_validators){0};
    app->next_set(app->context, next, epoch + 1);
    TN_ASSERT(next->epoch == epoch + 1 && next->count > 0);
    tn_sequencer_begin_epoch(s, next);
}

static void finish(struct tn_sequencer *s, struct held_block *block)
{
    uint8_t bytes[FINAL_BYTES];
    const uint64_t old_final = s->final_view;
    const bool was_laden = tn_sequencer_is_laden(s);
    tn_sequencer_write_final(bytes, &block->header, &block->hash);
    tn_sequencer_record(s, TN_SEQUENCER_FINAL, bytes, sizeof(bytes));
    s->final_header = block->header;
    s->final_hash = block->hash;
    s->final_view = block->header.view;
    if (s->goal_view < s->final_view) s->goal_view = s->final_view;
    s->counters.blocks_delivered++;
    struct held_block *ahead = &s->ahead[block->header.height % AHEAD_MAX];
    if (block == ahead) tn_sequencer_drop_block(s, ahead);
    prune(s, old_final, s->final_view);
    s->step_due = s->finalize_due = true; /* more is executed: exec_roots can be compared */
    if (!was_laden || tn_sequencer_is_laden(s)) return;
    s->entered_us = s->now_us; /* the timers waited */
    s->timers_due = true;
}

/* Once all is durable that another node may need, it is the app's. */
static enum tn_delivery hand_over(struct tn_sequencer *s, struct held_block *block)
{
    const struct tn_sequencer_app *app = &s->config.app;
    struct tn_sequencer_block shown;
    tn_sequencer_show_block(s, &shown, block);
    if (s->started) {
        tn_sequencer_record_block(s, block);
        app->persist(app->context, &shown);
    }
    const uint8_t *cert = s->goal_cert_size == 0 ? NULL : s->goal_cert;
    return app->finalized(app->context, &shown, cert, s->goal_cert_size);
}

/* SEALs are not delivered, but a restart needs them to end the epoch again. */
static void record_seals(struct tn_sequencer *s, const struct tn_block_header *header)
{
    uint64_t view = s->goal_view;
    struct tn_hash hash = s->goal_hash;
    while (view > header->view) {
        struct held_block *block = tn_sequencer_find_block(s, view, &hash);
        if (block == NULL) return;
        tn_sequencer_record_block(s, block);
        view = block->header.parent_view;
        hash = block->header.parent_hash;
    }
}

static bool deliver_next(struct tn_sequencer *s)
{
    const uint64_t height = s->final_header.height + 1;
    if (s->path_known > height) {
        tn_sequencer_fetch_path(s);
        return false;
    }
    struct held_block *block = block_at(s, height);
    if (block == NULL || s->path_top - height >= TN_SEQUENCER_RANGE_MAX) tn_sequencer_fetch_path(s);
    tell_coming(s);
    if (block == NULL) return false;
    if (block->header.height != height) return conflict(s);
    if (!tn_hash_equal(&block->header.parent_hash, &s->final_hash)) return conflict(s);
    const bool ends_epoch = (block->header.flags & TN_BLOCK_EPOCH_FINAL) != 0;
    if (ends_epoch) record_seals(s, &block->header);
    const enum tn_delivery delivery = hand_over(s, block);
    if (delivery == TN_DELIVERY_WAIT) return false;
    if (delivery == TN_DELIVERY_DIVERGED) tn_sequencer_diverge(s, &block->header, &block->hash);
    finish(s, block);
    if (ends_epoch || height % s->config.limits.checkpoint_blocks == 0) {
        tn_sequencer_checkpoint(s, height);
    }
    if (ends_epoch) end_epoch(s);
    return !ends_epoch;
}

void tn_sequencer_deliver(struct tn_sequencer *s)
{
    while (tn_sequencer_is_behind(s)) {
        if (s->path_top <= s->final_header.height && !begin_path(s)) return;
        if (!deliver_next(s)) return;
    }
}
