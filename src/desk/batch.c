/* batch: entries become a batch, and a batch is sealed (desk.md §3).
 *
 * An entry is applied and written in one step: what the body holds is what the desk's own market
 * has executed, in that order, and the header's results are those of this very execution. Entries
 * are hashed when the batch is sealed, side by side from the body. */
#include "desk/internal.h"
#include "tenor/entries.h"
#include "tenor/own.h"

void tn_desk_open_batch(struct tn_desk *desk)
{
    tn_stream_batch_begin(&desk->builder, tn_market_cursor(desk->market));
    desk->builder.is_packed = true;
    tn_market_begin(desk->market, desk->term.term);
    desk->body_size = TN_BATCH_HEADER_BYTES;
    desk->entries_count = 0;
    desk->trace = 0;
}

/* The last place is kept for what is open. */
bool tn_desk_can_seal(const struct tn_desk *desk)
{
    return desk->pending_count < desk->limits.pending_batches_max;
}

void tn_desk_seal(struct tn_desk *desk)
{
    const struct tn_signatures *signatures = desk->world.signatures;
    const struct tn_desk_limits *limits = &desk->limits;
    struct tn_batch_header header = {.market = limits->market.market,
                                     .term = desk->term.term,
                                     .sequence = desk->sequence,
                                     .prev_digest = desk->digest};
    struct tn_desk_sealed sealed = {
        .header = &header, .body = desk->body, .body_size = desk->body_size, .trace = desk->trace};
    TN_ASSERT(desk->leads && tn_desk_can_seal(desk));
    memcpy(header.chain_id, limits->market.chain_id, sizeof header.chain_id);
    tn_stream_batch_end_body(&header, &desk->builder, (enum tn_cpu)limits->market.exchange.cpu,
                             desk->body, desk->body_size);
    TN_ASSERT(header.entries_count == desk->entries_count);
    tn_stream_write_batch_header(desk->body, &header);
    tn_stream_batch_digest(&sealed.digest, &header);
    bool is_signed =
        signatures->sign(signatures->context, &sealed.signature, &sealed.digest, &desk->term.key);
    TN_ASSERT(is_signed);
    uint32_t place = (desk->pending_first + desk->pending_count) % limits->pending_batches_max;
    desk->pending[place] = (struct pending){.sequence = desk->sequence,
                                            .digest = sealed.digest,
                                            .sealed_us = desk->now_us,
                                            .weight = header.weight};
    desk->pending_count++;
    desk->pending_weight += header.weight;
    desk->digest = sealed.digest;
    desk->sequence++;
    desk->last_sealed_us = desk->now_us;
    desk->counts.batches++;
    desk->counts.batch_bytes += sealed.body_size;
    if (header.entries_count == 0) desk->counts.heartbeats++;
    if (desk->out.sealed != NULL) desk->out.sealed(desk->out.context, &sealed);
    tn_desk_open_batch(desk);
}

bool tn_desk_has_room(const struct tn_desk *desk, size_t size, uint64_t weight)
{
    const struct tn_desk_limits *limits = &desk->limits;
    size_t needed = TN_BATCH_LENGTH_BYTES + size;
    TN_ASSERT(needed + TN_BATCH_HEADER_BYTES <= limits->batch_bytes_max);
    TN_ASSERT(weight <= limits->batch_weight_max);
    return tn_desk_can_seal(desk) && needed <= limits->batch_bytes_max - desk->body_size &&
           weight <= limits->batch_weight_max - desk->builder.weight;
}

bool tn_desk_may_seal(const struct tn_desk *desk)
{
    const struct tn_desk_out *out = &desk->out;
    return !desk->only_frames || (out->may_seal != NULL && out->may_seal(out->context));
}

bool tn_desk_make_room(struct tn_desk *desk, size_t size, uint64_t weight)
{
    if (tn_desk_has_room(desk, size, weight)) return true;
    if (!tn_desk_can_seal(desk) || !tn_desk_may_seal(desk)) return false;
    tn_desk_seal(desk);
    return tn_desk_can_seal(desk);
}

static void on_step(void *context, const struct tn_market_step *step)
{
    struct tn_desk *desk = context;
    const struct tn_desk_place place = {
        .term = desk->term.term, .sequence = desk->sequence, .index = step->index};
    TN_ASSERT(step->fault == TN_REJECT_NONE && step->index == desk->entries_count);
    tn_stream_batch_add_events(&desk->builder, step->events, step->events_count);
    desk->trace = tn_market_trace(desk->trace, step->events, step->events_count);
    if (step->item == 0) {
        tn_stream_batch_count_entry(&desk->builder, step->entry, desk->entry_size);
    }
    if (desk->out.step == NULL) return;
    uint64_t client = step->item == 0 ? desk->entry_client : TN_DESK_NOBODY;
    desk->out.step(desk->out.context, &place, client, step);
}

/* The entry was applied: its bytes go into the body. */
static void write_entry(struct tn_desk *desk)
{
    uint8_t *at = desk->body + desk->body_size;
    tn_put_be(at, desk->entry_size, TN_BATCH_LENGTH_BYTES);
    memcpy(at + TN_BATCH_LENGTH_BYTES, desk->entry_bytes, desk->entry_size);
    desk->body_size += TN_BATCH_LENGTH_BYTES + desk->entry_size;
    if (desk->entries_count == 0) desk->opened_us = desk->now_us;
    desk->entries_count++;
}

void tn_desk_add_entry(struct tn_desk *desk, const uint8_t *bytes, size_t size)
{
    const struct tn_market_out out = {.step = on_step, .context = desk};
    struct tn_stream_fault fault;
    desk->entry_bytes = bytes;
    desk->entry_size = size;
    desk->entry_client = TN_DESK_NOBODY;
    bool is_applied = tn_market_apply(desk->market, &fault, &desk->scratch, &out, bytes, size);
    TN_ASSERT(is_applied);
    write_entry(desk);
}

static void remember(struct tn_desk *desk, const struct waiting *waiting)
{
    const struct tn_desk_limits *limits = &desk->limits;
    uint32_t place = (desk->answered_first + desk->answered_count) % limits->pending_frames_max;
    TN_ASSERT(desk->answered_count < limits->pending_frames_max);
    desk->answered[place] = (struct answered){.client = waiting->client,
                                              .session = waiting->session,
                                              .nonce = waiting->nonce,
                                              .sequence = desk->sequence,
                                              .index = desk->entries_count};
    desk->answered_count++;
}

bool tn_desk_add_frame(struct tn_desk *desk, enum tn_reject *reject, const struct waiting *waiting)
{
    const struct tn_market_out out = {.step = on_step, .context = desk};
    desk->entry_bytes = desk->queue_bytes + waiting->at;
    desk->entry_size = waiting->size;
    desk->entry_client = waiting->client;
    if (!tn_market_offer_frame(desk->market, reject, &desk->scratch, &out, desk->entry_bytes,
                               desk->entry_size)) {
        return false;
    }
    remember(desk, waiting);
    write_entry(desk);
    return true;
}
