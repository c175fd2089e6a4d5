/* desk: a term begins, goes on, and ends; what waits in between (desk.md §1, §2, §5).
 *
 * Everything answered since the last final batch is remembered, so that the end of a term can name
 * what will never have been. These memories are bounded, and when one is full the desk takes no
 * more: it never forgets an answer that could still be taken back. */
#include "desk/internal.h"

void tn_desk_limits_default(struct tn_desk_limits *limits)
{
    *limits = (struct tn_desk_limits){.batch_bytes_max = 64u << 10,
                                      .batch_weight_max = 1u << 18,
                                      .queue_frames_max = 4096,
                                      .queue_bytes_max = 4u << 20,
                                      .pending_frames_max = 1u << 16,
                                      .pending_batches_max = 2048,
                                      .pending_weight_max = 1u << 16,
                                      .seal_us = 2000,
                                      .stall_ms = 300,
                                      .soft_ms = 500,
                                      .slice_units = 512,
                                      .slice_weight = 256};
    tn_market_limits_default(&limits->market);
}

static bool limits_valid(const struct tn_desk_limits *limits)
{
    return limits->batch_bytes_max >= 4096 && limits->batch_bytes_max <= 1u << 20 &&
           limits->batch_weight_max >= 65536 && limits->queue_frames_max >= 1 &&
           limits->queue_bytes_max >= 4096 && limits->queue_bytes_max <= 1u << 30 &&
           limits->pending_frames_max >= 1 && limits->pending_batches_max >= 2 &&
           limits->pending_weight_max >= 4096 && limits->seal_us >= 1 && limits->stall_ms >= 3 &&
           limits->soft_ms >= 1 && limits->slice_units >= 1 && limits->slice_units <= 8192 &&
           limits->slice_weight >= 1;
}

static void *region(unsigned char *memory, size_t *used, size_t count, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(count * size);
    return start;
}

static size_t lay_out(struct tn_desk *desk, unsigned char *memory,
                      const struct tn_desk_limits *limits)
{
    const struct tn_exchange_limits *exchange = &limits->market.exchange;
    struct tn_market_scratch *scratch = &desk->scratch;
    size_t used = tn_align(sizeof *desk);
    desk->market_memory = region(memory, &used, 1, tn_market_size(&limits->market));
    scratch->stream = region(memory, &used, 1, sizeof *scratch->stream);
    scratch->events_max = tn_exchange_events_max(exchange);
    scratch->events = region(memory, &used, scratch->events_max, sizeof *scratch->events);
    desk->body = region(memory, &used, limits->batch_bytes_max, 1);
    desk->queue = region(memory, &used, limits->queue_frames_max, sizeof *desk->queue);
    desk->queue_bytes = region(memory, &used, limits->queue_bytes_max, 1);
    desk->account_turn = region(memory, &used, exchange->accounts_max, sizeof(uint32_t));
    desk->answered = region(memory, &used, limits->pending_frames_max, sizeof *desk->answered);
    desk->pending = region(memory, &used, limits->pending_batches_max, sizeof *desk->pending);
    return used;
}

size_t tn_desk_size(const struct tn_desk_limits *limits)
{
    struct tn_desk scratch;
    if (!limits_valid(limits) || tn_market_size(&limits->market) == 0) return 0;
    return lay_out(&scratch, NULL, limits);
}

struct tn_desk *tn_desk_init(void *memory, const struct tn_desk_limits *limits,
                             const struct tn_desk_out *out, const struct tn_market_world *world)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && limits_valid(limits));
    TN_ASSERT(world->signatures != NULL);
    struct tn_desk *desk = memory;
    memset(desk, 0, sizeof *desk);
    lay_out(desk, memory, limits);
    desk->limits = *limits;
    desk->out = *out;
    desk->world = *world;
    return desk;
}

/* ---- A term ---- */

void tn_desk_advance(struct tn_desk *desk, uint64_t now_us)
{
    if (now_us > desk->now_us) desk->now_us = now_us;
}

void tn_desk_begin(struct tn_desk *desk, const struct tn_market *market,
                   const struct tn_desk_term *term, uint64_t now_us)
{
    TN_ASSERT(!desk->leads && term->term > 0);
    TN_ASSERT(tn_market_size(tn_market_limits(market)) == tn_market_size(&desk->limits.market));
    tn_desk_advance(desk, now_us);
    desk->market = tn_market_clone(desk->market_memory, market);
    tn_market_lend(desk->market, &desk->world);
    desk->leads = true;
    desk->term = *term;
    desk->sequence = term->sequence + 1;
    desk->digest = term->digest;
    desk->final = term->sequence;
    desk->last_block_us = desk->now_us;
    desk->last_sealed_us = desk->now_us;
    desk->weight_since_slice = 0;
    desk->block_waits = false;
    desk->is_held = false;
    tn_desk_open_batch(desk);
}

bool tn_desk_leads(const struct tn_desk *desk)
{
    return desk->leads;
}

static void refuse_queue(struct tn_desk *desk)
{
    for (uint32_t i = 0; i < desk->queue_count; i++) {
        if (desk->queue[i].is_done) continue;
        desk->counts.refused_idle++;
        if (desk->out.refused == NULL) continue;
        desk->out.refused(desk->out.context, desk->queue[i].client, TN_REJECT_DESK_IDLE);
    }
    desk->queue_count = 0;
    desk->queue_size = 0;
    desk->queue_weight = 0;
}

static void revert_answers(struct tn_desk *desk)
{
    for (uint32_t i = 0; i < desk->answered_count; i++) {
        const struct answered *answered = desk_answered(desk, i);
        TN_ASSERT(answered->sequence > desk->final);
        const struct tn_desk_place place = {
            .term = desk->term.term, .sequence = answered->sequence, .index = answered->index};
        desk->counts.reverted++;
        if (desk->out.reverted == NULL) continue;
        desk->out.reverted(desk->out.context, &place, answered->client, answered->session,
                           answered->nonce);
    }
    desk->answered_count = 0;
}

void tn_desk_end(struct tn_desk *desk)
{
    if (!desk->leads) return;
    desk->leads = false;
    refuse_queue(desk);
    revert_answers(desk);
    desk->pending_count = 0;
    desk->pending_weight = 0;
    desk->entries_count = 0;
    memset(&desk->term.key, 0, sizeof desk->term.key);
}

bool tn_desk_final(struct tn_desk *desk, uint64_t sequence, const struct tn_hash *digest,
                   uint64_t now_us)
{
    tn_desk_advance(desk, now_us);
    if (!desk->leads || sequence <= desk->final) return true;
    if (sequence >= desk->sequence) return false;
    uint64_t place = sequence - desk->final - 1;
    TN_ASSERT(place < desk->pending_count);
    const struct pending *pending = desk_pending(desk, (uint32_t)place);
    TN_ASSERT(pending->sequence == sequence);
    if (!tn_hash_equal(&pending->digest, digest)) return false;
    uint32_t count = (uint32_t)place + 1;
    for (uint32_t i = 0; i < count; i++)
        desk->pending_weight -= desk_pending(desk, i)->weight;
    desk->pending_first = (desk->pending_first + count) % desk->limits.pending_batches_max;
    desk->pending_count -= count;
    desk->final = sequence;
    while (desk->answered_count > 0 && desk_answered(desk, 0)->sequence <= sequence) {
        desk->answered_first = (desk->answered_first + 1) % desk->limits.pending_frames_max;
        desk->answered_count--;
    }
    return true;
}

bool tn_desk_is_late(const struct tn_desk *desk)
{
    uint64_t soft_us = (uint64_t)desk->limits.soft_ms * 1000;
    if (desk->now_us - desk->last_block_us > soft_us) return true;
    return desk->pending_count > 0 && desk->now_us - desk_pending(desk, 0)->sealed_us > soft_us;
}

/* ---- What comes in ---- */

/* The last quarter of the queue is for cancels. */
static bool queue_is_full(const struct tn_desk *desk, size_t size)
{
    const struct tn_desk_limits *limits = &desk->limits;
    return desk->queue_count >= limits->queue_frames_max - limits->queue_frames_max / 4 ||
           size + desk->queue_size > limits->queue_bytes_max - limits->queue_bytes_max / 4;
}

static enum tn_reject admit(struct tn_desk *desk, struct tn_market_frame *frame,
                            const uint8_t *bytes, size_t size)
{
    const struct tn_desk_limits *limits = &desk->limits;
    if (!desk->leads) {
        desk->counts.refused_idle++;
        return TN_REJECT_DESK_IDLE;
    }
    if (size + TN_BATCH_LENGTH_BYTES + TN_BATCH_HEADER_BYTES > limits->batch_bytes_max) {
        desk->counts.refused_size++;
        return TN_REJECT_FRAME_TOO_LARGE;
    }
    if (desk->queue_count == limits->queue_frames_max ||
        size > limits->queue_bytes_max - desk->queue_size) {
        desk->counts.refused_full++;
        return TN_REJECT_DESK_FULL;
    }
    enum tn_reject reject =
        tn_market_check_frame(desk->market, frame, &desk->scratch, desk->term.term, bytes, size);
    if (reject != TN_REJECT_NONE) {
        desk->counts.refused_bad++;
        return reject;
    }
    if (!frame->only_cancels && queue_is_full(desk, size)) {
        desk->counts.refused_full++;
        return TN_REJECT_DESK_FULL;
    }
    if (!frame->only_cancels && tn_desk_is_late(desk)) {
        desk->counts.refused_stale++;
        return TN_REJECT_DESK_CANCELS_ONLY;
    }
    return TN_REJECT_NONE;
}

enum tn_reject tn_desk_frame(struct tn_desk *desk, uint64_t client, const uint8_t *bytes,
                             size_t size, uint64_t now_us)
{
    struct tn_market_frame frame;
    TN_ASSERT(client != TN_DESK_NOBODY);
    tn_desk_advance(desk, now_us);
    enum tn_reject reject = admit(desk, &frame, bytes, size);
    if (reject != TN_REJECT_NONE) return reject;
    TN_ASSERT(frame.weight + 1 < desk->limits.batch_weight_max);
    memcpy(desk->queue_bytes + desk->queue_size, bytes, size);
    desk->queue[desk->queue_count++] = (struct waiting){.client = client,
                                                        .session = frame.session,
                                                        .nonce = frame.nonce,
                                                        .at = desk->queue_size,
                                                        .size = (uint32_t)size,
                                                        .account = frame.account,
                                                        .weight = frame.weight,
                                                        .only_cancels = frame.only_cancels};
    desk->queue_size += size;
    desk->queue_weight += frame.weight;
    desk->counts.frames_taken++;
    return TN_REJECT_NONE;
}

/* Some weight is kept for the BLOCKs and slices that come before the frame's turn. */
bool tn_desk_has_place(struct tn_desk *desk, size_t size, uint64_t now_us)
{
    const uint64_t kept = desk->limits.pending_weight_max / 8;
    tn_desk_advance(desk, now_us);
    return desk->leads && !queue_is_full(desk, size) && !tn_desk_is_late(desk) &&
           !tn_desk_is_full(desk, false, desk->queue_weight + kept);
}

bool tn_desk_inbox(struct tn_desk *desk, const struct tn_inbox *inbox, uint64_t now_us)
{
    tn_desk_advance(desk, now_us);
    if (!desk->leads) return true;
    struct tn_inbox next;
    uint64_t last = tn_market_cursor(desk->market);
    if (tn_market_inbox_next(desk->market, &next)) {
        last = next.height + tn_market_inboxes_count(desk->market) - 1;
    }
    if (inbox->height <= last) return true; /* it came with the clone */
    if (tn_market_inbox(desk->market, inbox)) return true;
    desk->counts.refused_inbox++;
    return false;
}

/* ---- Views ---- */

const struct tn_market *tn_desk_market(const struct tn_desk *desk)
{
    return desk->market;
}

struct tn_desk_place tn_desk_place(const struct tn_desk *desk)
{
    return (struct tn_desk_place){
        .term = desk->term.term, .sequence = desk->sequence, .index = desk->entries_count};
}

uint32_t tn_desk_queue_count(const struct tn_desk *desk)
{
    return desk->queue_count;
}

const struct tn_desk_counts *tn_desk_counts(const struct tn_desk *desk)
{
    return &desk->counts;
}
