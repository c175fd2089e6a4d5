/* DATA: answers to FETCH. Nothing in them is believed: a block is taken only for a hash that a
 * certificate or a header above it has named, headers only from the lowest known hash downwards. */
#include "sequencer/internal.h"

/* Where this block is missing; NULL: nowhere. */
static struct held_block *place_of(struct tn_sequencer *s, const struct tn_block_header *header,
                                   const struct tn_hash *hash)
{
    struct view *view =
        header->epoch == s->set.epoch ? tn_sequencer_find_view(s, header->view) : NULL;
    if (view != NULL && view->is_wanted && tn_hash_equal(&view->wanted, hash)) {
        struct held_block *held = tn_sequencer_find_block(s, header->view, hash);
        if (tn_sequencer_is_whole(held)) return NULL;
        return held != NULL ? held : &view->blocks[BLOCK_WANTED];
    }
    const uint64_t height = header->height, final_height = s->final_header.height;
    if (height <= final_height || height > s->path_top || height < s->path_known) return NULL;
    if (height - final_height > AHEAD_MAX) return NULL;
    if (!tn_hash_equal(&tn_sequencer_step_at(s, height)->hash, hash)) return NULL;
    struct held_block *ahead = &s->ahead[height % AHEAD_MAX];
    return tn_sequencer_is_whole(ahead) && tn_hash_equal(&ahead->hash, hash) ? NULL : ahead;
}

static void on_block(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash hash;
    if (!tn_stream_read_block_header(&header, &fault, bytes, size) ||
        header.parent_view >= header.view) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "malformed data");
        return;
    }
    const uint8_t *body = bytes + TN_BLOCK_HEADER_BYTES;
    tn_stream_block_hash(&hash, s->config.limits.chain_id, &header);
    struct held_block *place = place_of(s, &header, &hash);
    if (place == NULL) {
        s->counters.unasked_data++;
        return;
    }
    if (!tn_sequencer_body_fits(s, &header, body, size - TN_BLOCK_HEADER_BYTES)) {
        s->counters.bad_blocks++;
        tn_sequencer_ban(s, from, "a block whose body is not its header's");
        return;
    }
    if (!tn_sequencer_keep_block(s, place, &header, &hash, body, 0)) return;
    s->step_due = s->finalize_due = true;
    s->deliver_due = tn_sequencer_is_behind(s);
    if (s->deliver_due) s->path_asked_us = s->now_us; /* the answer is still coming */
}

static void on_headers(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct tn_block_header header;
    struct tn_stream_fault fault;
    struct tn_hash hash;
    const uint64_t first = size < 10 ? 0 : tn_get_be(bytes, 8);
    const uint32_t count = size < 10 ? 0 : (uint32_t)tn_get_be(bytes + 8, 2);
    if (count == 0 || count > HEADERS_MAX || size != 10 + (size_t)count * TN_BLOCK_HEADER_BYTES) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "malformed headers");
        return;
    }
    if (s->path_top <= s->final_header.height || first + count - 1 != s->path_known) {
        s->counters.unasked_data++;
        return;
    }
    for (uint32_t i = count; i-- > 0 && s->path_known > s->final_header.height + 1;) {
        const uint8_t *at = bytes + 10 + (size_t)i * TN_BLOCK_HEADER_BYTES;
        bool read = tn_stream_read_block_header(&header, &fault, at, TN_BLOCK_HEADER_BYTES);
        if (read) tn_stream_block_hash(&hash, s->config.limits.chain_id, &header);
        if (!read || header.height != s->path_known ||
            !tn_hash_equal(&hash, &tn_sequencer_step_at(s, s->path_known)->hash)) {
            s->counters.bad_blocks++;
            tn_sequencer_ban(s, from, "headers that are not linked");
            break;
        }
        s->path_known--;
        *tn_sequencer_step_at(s, s->path_known) =
            (struct path_step){.hash = header.parent_hash, .view = header.parent_view};
    }
    s->path_asked_top = 0;
    s->deliver_due = true;
}

void tn_sequencer_on_data(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    const uint8_t what = size < DATA_HEAD_BYTES ? 0 : bytes[1];
    switch (what) {
        case DATA_BLOCK: on_block(s, from, bytes + DATA_HEAD_BYTES, size - DATA_HEAD_BYTES); return;
        case DATA_HEADERS:
            on_headers(s, from, bytes + DATA_HEAD_BYTES, size - DATA_HEAD_BYTES);
            return;
        case DATA_HANDOVER: tn_sequencer_on_handover(s, from, bytes, size); return;
    }
    s->counters.malformed++;
    tn_sequencer_ban(s, from, "malformed data");
}
