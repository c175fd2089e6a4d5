/* Blocks that are not final yet, or not for long: headers in their views, bodies in a pool, and the
 * links between them.
 *
 * A view keeps two blocks at most: the one its proposer sent to this node, and the one of that view
 * which is notarized, when that is another. A body is copied once, from the message; in the pool
 * its header's bytes stand before it, so that a record of the log is one run of bytes. */
#include "sequencer/internal.h"

static size_t body_stride(const struct tn_sequencer *s)
{
    return tn_align((size_t)TN_BLOCK_HEADER_BYTES + s->config.limits.body_max);
}

uint8_t *tn_sequencer_body_bytes(const struct tn_sequencer *s, uint32_t body)
{
    TN_ASSERT(body < s->config.limits.bodies_max);
    return s->bodies + body * body_stride(s);
}

static void drop_body(struct tn_sequencer *s, struct held_block *block)
{
    if (!block->is_here || block->body == TN_NONE) return;
    TN_ASSERT(s->bodies_free_count < s->config.limits.bodies_max);
    s->bodies_free[s->bodies_free_count++] = block->body;
    block->body = TN_NONE;
}

void tn_sequencer_drop_block(struct tn_sequencer *s, struct held_block *block)
{
    drop_body(s, block);
    block->is_here = false;
}

/* Bodies that are served from the store by now, and proposals that came early. */
static void make_room(struct tn_sequencer *s)
{
    for (uint32_t i = 0; i < s->config.limits.views_max; i++) {
        struct view *view = &s->views[i];
        for (uint32_t j = 0; j < BLOCKS_OF_VIEW; j++) {
            if (view->number > 0 && view->number <= s->final_view) drop_body(s, &view->blocks[j]);
            if (view->number > s->view + 1 && !view->is_wanted) {
                tn_sequencer_drop_block(s, &view->blocks[j]);
                view->is_proposed = false;
            }
        }
    }
}

bool tn_sequencer_is_far_behind(const struct tn_sequencer *s)
{
    return tn_sequencer_is_behind(s) &&
           s->path_top > s->final_header.height + TN_SEQUENCER_RANGE_MAX;
}

/* A node that is far behind hears of blocks that it cannot judge for long: their bodies must not
 * keep out those that are next, or it would stand still for ever. They are fetched again in their
 * turn; what this node has voted for stays, others may need it of it (R4). */
static void make_room_for_path(struct tn_sequencer *s)
{
    const uint64_t near = s->final_header.height + AHEAD_MAX;
    if (!tn_sequencer_is_behind(s)) return;
    for (uint32_t i = 0; i < s->config.limits.views_max; i++) {
        for (uint32_t j = 0; j < BLOCKS_OF_VIEW; j++) {
            struct held_block *block = &s->views[i].blocks[j];
            if (!block->is_recorded && block->header.height > near) drop_body(s, block);
        }
    }
}

uint32_t tn_sequencer_take_body(struct tn_sequencer *s, uint32_t spare)
{
    if (s->bodies_free_count <= spare && spare == 0) make_room(s);
    if (s->bodies_free_count <= spare && spare == 0) make_room_for_path(s);
    if (s->bodies_free_count <= spare) {
        s->counters.bodies_refused++;
        return TN_NONE;
    }
    return s->bodies_free[--s->bodies_free_count];
}

bool tn_sequencer_keep_block(struct tn_sequencer *s, struct held_block *block,
                             const struct tn_block_header *header, const struct tn_hash *hash,
                             const uint8_t *body, uint32_t spare)
{
    uint32_t place = TN_NONE;
    if (header->body_size > 0) {
        place = tn_sequencer_take_body(s, spare);
        if (place == TN_NONE) return false;
        uint8_t *bytes = tn_sequencer_body_bytes(s, place);
        tn_stream_write_block_header(bytes, header);
        memcpy(bytes + TN_BLOCK_HEADER_BYTES, body, header->body_size);
    }
    tn_sequencer_drop_block(s, block);
    *block = (struct held_block){.is_here = true, .body = place, .hash = *hash, .header = *header};
    return true;
}

struct held_block *tn_sequencer_find_block(const struct tn_sequencer *s, uint64_t number,
                                           const struct tn_hash *hash)
{
    struct view *view = tn_sequencer_find_view(s, number);
    if (view == NULL) return NULL;
    for (uint32_t i = 0; i < BLOCKS_OF_VIEW; i++) {
        struct held_block *block = &view->blocks[i];
        if (block->is_here && tn_hash_equal(&block->hash, hash)) return block;
    }
    return NULL;
}

void tn_sequencer_show_block(const struct tn_sequencer *s, struct tn_sequencer_block *out,
                             const struct held_block *block)
{
    TN_ASSERT(tn_sequencer_is_whole(block));
    out->header = &block->header;
    out->hash = block->hash;
    out->body_size = block->header.body_size;
    out->body = NULL;
    if (block->body != TN_NONE) {
        out->body = tn_sequencer_body_bytes(s, block->body) + TN_BLOCK_HEADER_BYTES;
    }
}

void tn_sequencer_record_block(struct tn_sequencer *s, struct held_block *block)
{
    uint8_t header[TN_BLOCK_HEADER_BYTES];
    TN_ASSERT(tn_sequencer_is_whole(block));
    if (block->is_recorded || !TENOR_HOLDS(R4)) return;
    block->is_recorded = true;
    if (block->body != TN_NONE) {
        tn_sequencer_record(s, TN_SEQUENCER_BODY, tn_sequencer_body_bytes(s, block->body),
                            (size_t)TN_BLOCK_HEADER_BYTES + block->header.body_size);
        return;
    }
    tn_stream_write_block_header(header, &block->header);
    tn_sequencer_record(s, TN_SEQUENCER_BODY, header, sizeof(header));
}

void tn_sequencer_want(struct tn_sequencer *s, uint64_t number, const struct tn_hash *hash)
{
    struct view *view = number > s->final_view ? tn_sequencer_make_view(s, number) : NULL;
    if (view == NULL) return;
    view->is_wanted = true;
    view->wanted = *hash;
}

bool tn_sequencer_body_fits(const struct tn_sequencer *s, const struct tn_block_header *header,
                            const uint8_t *body, size_t body_size)
{
    struct tn_stream_fault fault;
    if (header->body_size > s->config.limits.body_max || header->body_size != body_size) {
        return false;
    }
    if ((body_size == 0) != ((header->flags & TN_BLOCK_EMPTY) != 0)) return false;
    return tn_stream_block_body_check(&fault, header, body, body_size);
}

/* ---- Links ---- */

const struct tn_block_header *tn_sequencer_parent_header(const struct tn_sequencer *s,
                                                         uint64_t view, const struct tn_hash *hash)
{
    if (view == s->final_view && tn_hash_equal(hash, &s->final_hash)) return &s->final_header;
    const struct held_block *block = tn_sequencer_find_block(s, view, hash);
    return block == NULL ? NULL : &block->header;
}

enum tn_verdict tn_sequencer_chain(struct tn_sequencer *s, uint32_t *count, uint64_t view,
                                   const struct tn_hash *hash)
{
    const uint32_t room = s->config.limits.views_max;
    struct tn_hash next = *hash;
    uint32_t at = room;
    while (view > s->final_view) {
        const struct held_block *block = tn_sequencer_find_block(s, view, &next);
        if (!tn_sequencer_is_whole(block)) {
            tn_sequencer_want(s, view, &next);
            if (!tn_sequencer_is_far_behind(s)) tn_sequencer_fetch_block(s, view, &next);
            return TN_VERDICT_WAIT;
        }
        if ((block->header.flags & TN_BLOCK_SEAL) == 0) {
            TN_ASSERT(at > 0);
            tn_sequencer_show_block(s, &s->chain[--at], block);
        }
        view = block->header.parent_view;
        next = block->header.parent_hash;
    }
    if (view != s->final_view || !tn_hash_equal(&next, &s->final_hash)) return TN_VERDICT_BAD;
    *count = room - at;
    memmove(s->chain, s->chain + at, sizeof(*s->chain) * *count);
    return TN_VERDICT_OK;
}

/* Is the block after this parent a SEAL? The parent that is the epoch's root ended another epoch.
 */
bool tn_sequencer_seals(uint64_t parent_view, const struct tn_block_header *parent)
{
    return parent_view > 0 && (parent->flags & (TN_BLOCK_EPOCH_FINAL | TN_BLOCK_SEAL)) != 0;
}

/* Everything of a SEAL follows from its parent, its view and its proposer. */
void tn_sequencer_make_seal(struct tn_block_header *header, const struct tn_block_header *parent)
{
    header->flags = TN_BLOCK_EMPTY | TN_BLOCK_SEAL;
    header->height = parent->height;
    header->time_ms = parent->time_ms;
    header->batches_count = header->body_size = 0;
    tn_stream_block_body_root(&header->body_root, NULL, 0);
    header->exec_root = parent->exec_root;
    header->evidence_root = (struct tn_hash){0};
    header->exec_height = parent->exec_height;
    header->l1_cursor = parent->l1_cursor;
    header->next_set_hash = parent->next_set_hash;
}

static bool follows_sealed(const struct tn_sequencer *s, const struct tn_block_header *header,
                           const struct tn_block_header *parent)
{
    struct tn_block_header seal = *header;
    struct tn_hash expected, found;
    tn_sequencer_make_seal(&seal, parent);
    tn_stream_block_hash(&expected, s->config.limits.chain_id, &seal);
    tn_stream_block_hash(&found, s->config.limits.chain_id, header);
    return tn_hash_equal(&expected, &found);
}

bool tn_sequencer_follows(const struct tn_sequencer *s, const struct tn_block_header *header,
                          const struct tn_block_header *parent)
{
    const struct tn_sequencer_limits *limits = &s->config.limits;
    if (tn_sequencer_seals(header->parent_view, parent)) {
        return follows_sealed(s, header, parent);
    }
    if ((header->flags & TN_BLOCK_SEAL) != 0) return false;
    if (header->height != parent->height + 1 || header->time_ms < parent->time_ms) return false;
    const uint64_t lag = limits->exec_lag;
    const uint64_t highest = header->height > lag ? header->height - lag : 0;
    if (!TENOR_HOLDS(FIXED_LAG)) return header->exec_height == highest;
    if (header->exec_height < parent->exec_height) return false;
    if (header->exec_height > highest) return false;
    return header->height - header->exec_height <= limits->exec_lag_max ||
           (header->flags & TN_BLOCK_EMPTY) != 0;
}

/* ---- What the app says ---- */

static enum tn_verdict ask_app(struct tn_sequencer *s, struct held_block *block, bool local)
{
    struct tn_sequencer_block shown;
    uint32_t count = 0;
    const struct tn_block_header *parent =
        tn_sequencer_parent_header(s, block->header.parent_view, &block->header.parent_hash);
    enum tn_verdict chain =
        tn_sequencer_chain(s, &count, block->header.parent_view, &block->header.parent_hash);
    if (chain != TN_VERDICT_OK) return chain;
    TN_ASSERT(parent != NULL);
    if (!tn_sequencer_follows(s, &block->header, parent)) return TN_VERDICT_BAD;
    if ((block->header.flags & TN_BLOCK_SEAL) != 0) return TN_VERDICT_OK;
    if (block->header.exec_height > s->final_header.height) return TN_VERDICT_WAIT;
    tn_sequencer_show_block(s, &shown, block);
    return s->config.app.validate(s->config.app.context, &shown, s->chain, count, local);
}

enum tn_verdict tn_sequencer_judge(struct tn_sequencer *s, struct held_block *block, bool local)
{
    if (!tn_sequencer_is_whole(block)) return TN_VERDICT_WAIT;
    if (block->objective == JUDGEMENT_BAD) return TN_VERDICT_BAD;
    if (block->local == JUDGEMENT_OK) return TN_VERDICT_OK;
    if (!local && block->objective == JUDGEMENT_OK) return TN_VERDICT_OK;
    enum tn_verdict verdict = ask_app(s, block, local);
    switch (verdict) {
        case TN_VERDICT_OK:
            block->objective = JUDGEMENT_OK;
            if (local) block->local = JUDGEMENT_OK;
            break;
        case TN_VERDICT_BAD:
            block->objective = JUDGEMENT_BAD;
            s->counters.blocks_bad++;
            break;
        case TN_VERDICT_WAIT: s->counters.blocks_waited++; break;
        case TN_VERDICT_PASS: s->counters.blocks_passed++; break;
    }
    return verdict;
}
