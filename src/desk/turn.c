/* turn: what the leader decides: BLOCKs first, then cancels, then everything else, a slice of the
 * work that waits in between, and batches when they are due (desk.md §4).
 *
 * Every list it works through is bounded, so a turn is: the BLOCKs of one turn, the queue, and the
 * slices that the queue's weight allows, and one more. */
#include "desk/internal.h"

#include "tenor/riskview.h"

enum { BLOCKS_PER_TURN = 16, BLOCK_WEIGHT = 64, ENTRY_SMALL = 64, WAITING_MOST = 4 };

/* ---- BLOCKs ---- */

static uint64_t hold_us(const struct tn_desk *desk)
{
    return (uint64_t)desk->limits.soft_ms * 1000 / 4;
}

/* A BLOCK ends at once what is left of a sweep, and orders wait behind all of that. So while more
 * is left than about a slice the BLOCK waits, and slices do it with frames between them. Not for
 * long: prices wait with it. It is told by the time since when there has been no moment without a
 * BLOCK that waits, so sweeps that take longer than MARKs are apart do not add up. */
static bool is_held(struct tn_desk *desk)
{
    struct tn_risk_view risk;
    const uint32_t waiting = tn_market_inboxes_count(desk->market);
    const uint32_t room = desk->limits.market.inboxes_max;
    if (!desk->block_waits) desk->block_waits_us = desk->now_us;
    desk->block_waits = waiting > 0;
    const bool may_wait = waiting > 0 && waiting < BLOCKS_PER_TURN && waiting <= room / 2 &&
                          desk->now_us - desk->block_waits_us < hold_us(desk);
    desk->is_held = may_wait && tn_exchange_risk(tn_market_exchange_of(desk->market), &risk) &&
                    risk.sweeping && (desk->is_held || risk.sweep_left > desk->limits.slice_units);
    return desk->is_held;
}

static bool take_block(struct tn_desk *desk)
{
    uint8_t bytes[ENTRY_SMALL];
    struct tn_inbox inbox;
    if (!tn_market_inbox_next(desk->market, &inbox)) return false;
    const struct tn_stream_item item = {
        .version = TN_ENTRY_VERSION_2,
        .entry = {.kind = TN_ENTRY_BLOCK,
                  .as.block = {.height = inbox.height, .time_ms = inbox.time_ms}},
        .as.block_hash = inbox.block_hash};
    size_t size = tn_stream_write_item(bytes, sizeof bytes, &item);
    TN_ASSERT(size > 0 && size <= sizeof bytes);
    if (!tn_desk_make_room(desk, size, BLOCK_WEIGHT)) return false;
    tn_desk_add_entry(desk, bytes, size);
    desk->counts.blocks++;
    desk->last_block_us = desk->now_us;
    return true;
}

/* ---- Slices ---- */

/* What kind of slice there is work for; 0: none. */
static uint8_t slice_kind(const struct tn_desk *desk)
{
    const struct tn_exchange *exchange = tn_market_exchange_of(desk->market);
    struct tn_risk_view risk;
    if (tn_exchange_work(exchange)) return TN_ENTRY_SWEEP;
    if (tn_exchange_risk(exchange, &risk) && !risk.sweeping && risk.liquidations_left > 0) {
        return TN_ENTRY_LIQ;
    }
    return 0;
}

static void take_slice(struct tn_desk *desk)
{
    uint8_t bytes[ENTRY_SMALL];
    struct tn_entry entry = {.kind = slice_kind(desk)};
    desk->weight_since_slice = 0;
    if (entry.kind == TN_ENTRY_SWEEP) {
        entry.as.sweep.units = desk->limits.slice_units;
    } else if (entry.kind == TN_ENTRY_LIQ) {
        entry.as.liq.units = desk->limits.slice_units;
    } else {
        return;
    }
    size_t size = tn_stream_write_entry(bytes, sizeof bytes, &entry);
    TN_ASSERT(size > 0 && size <= sizeof bytes);
    if (!tn_desk_make_room(desk, size, tn_stream_weight(&entry))) return;
    bool is_sweep = entry.kind == TN_ENTRY_SWEEP;
    tn_desk_add_entry(desk, bytes, size);
    if (is_sweep) desk->counts.sweeps++;
    if (!is_sweep) desk->counts.liqs++;
}

/* ---- Frames ---- */

static void refuse(struct tn_desk *desk, const struct waiting *waiting, enum tn_reject reject,
                   uint64_t *counter)
{
    (*counter)++;
    if (desk->out.refused == NULL) return;
    desk->out.refused(desk->out.context, waiting->client, reject);
}

/* Must frames wait for finality? BLOCKs and slices may still be sealed then, and cancels last
 * longer than others. */
bool tn_desk_is_full(const struct tn_desk *desk, bool only_cancels, uint64_t weight_before)
{
    uint32_t frames = desk->limits.pending_frames_max, batches = desk->limits.pending_batches_max;
    uint32_t frames_kept = only_cancels ? 0 : frames / 8;
    uint32_t batches_kept = only_cancels ? batches / 8 : batches / 4;
    uint64_t weight = desk->limits.pending_weight_max;
    return desk->answered_count >= frames - frames_kept ||
           desk->pending_count >= batches - batches_kept ||
           desk->pending_weight + desk->builder.weight + weight_before >=
               weight + (only_cancels ? weight / 4 : 0);
}

/* Must it wait for a turn that may seal? */
static bool must_wait(const struct tn_desk *desk, const struct waiting *waiting)
{
    return !tn_desk_may_seal(desk) && !tn_desk_is_full(desk, waiting->only_cancels, 0) &&
           !tn_desk_has_room(desk, waiting->size, waiting->weight);
}

/* Does a slice leave room for the frames that still wait? They were let in when they had it. */
static bool has_slice_place(const struct tn_desk *desk)
{
    const uint64_t slice = 1 + (uint64_t)desk->limits.slice_units;
    return desk->pending_weight + desk->builder.weight + desk->queue_weight + slice <
           desk->limits.pending_weight_max;
}

static void take_frame(struct tn_desk *desk, struct waiting *waiting)
{
    struct tn_desk_counts *counts = &desk->counts;
    enum tn_reject reject;
    waiting->is_done = true;
    desk->queue_weight -= waiting->weight;
    if (!waiting->only_cancels && tn_desk_is_late(desk)) {
        refuse(desk, waiting, TN_REJECT_DESK_CANCELS_ONLY, &counts->refused_stale);
        return;
    }
    if (tn_desk_is_full(desk, waiting->only_cancels, 0) ||
        !tn_desk_make_room(desk, waiting->size, waiting->weight)) {
        refuse(desk, waiting, TN_REJECT_DESK_FULL, &counts->refused_full);
        return;
    }
    if (!tn_desk_add_frame(desk, &reject, waiting)) {
        refuse(desk, waiting, reject, &counts->refused_bad);
        return;
    }
    counts->frames_entered++;
    desk->weight_since_slice += waiting->weight;
    if (desk->weight_since_slice >= desk->limits.slice_weight && has_slice_place(desk))
        take_slice(desk);
}

/* A cancel goes before others, but never before an earlier frame of its own account. False: frames
 * must wait, all from the first one that does. */
static bool take_frames(struct tn_desk *desk)
{
    if (++desk->turn == 0) {
        memset(desk->account_turn, 0, desk->limits.market.exchange.accounts_max * sizeof(uint32_t));
        desk->turn = 1;
    }
    for (uint32_t i = 0; i < desk->queue_count; i++) {
        struct waiting *waiting = &desk->queue[i];
        if (waiting->is_done) continue;
        if (!waiting->only_cancels) {
            desk->account_turn[waiting->account] = desk->turn;
        } else if (desk->account_turn[waiting->account] != desk->turn) {
            if (must_wait(desk, waiting)) return false;
            take_frame(desk, waiting);
        }
    }
    for (uint32_t i = 0; i < desk->queue_count; i++) {
        if (desk->queue[i].is_done) continue;
        if (must_wait(desk, &desk->queue[i])) return false;
        take_frame(desk, &desk->queue[i]);
    }
    return true;
}

static void take_queue(struct tn_desk *desk)
{
    if (desk->queue_count == 0 || !take_frames(desk)) return;
    desk->queue_count = 0;
    desk->queue_size = 0;
    TN_ASSERT(desk->queue_weight == 0);
}

/* ---- The turn ---- */

/* How many batches the open one lets become final first. One is in a block while the next is
 * sealed; a batch behind two or more costs every node a signature and a message and gains little:
 * the more of them wait, the longer it gathers. */
static uint32_t waits_for(const struct tn_desk *desk)
{
    if (desk->pending_count < 2) return 0;
    return desk->pending_count < WAITING_MOST ? desk->pending_count : WAITING_MOST;
}

static uint64_t seal_due(const struct tn_desk *desk)
{
    if (desk->entries_count > 0) {
        return desk->opened_us + (uint64_t)desk->limits.seal_us * (1 + waits_for(desk));
    }
    return desk->last_sealed_us + (uint64_t)desk->limits.stall_ms * 1000 / 3;
}

void tn_desk_turn(struct tn_desk *desk, uint64_t now_us)
{
    tn_desk_advance(desk, now_us);
    if (!desk->leads) return;
    for (uint32_t i = 0; i < BLOCKS_PER_TURN && !is_held(desk) && take_block(desk); i++)
        continue;
    if (desk->is_held || tn_market_inboxes_count(desk->market) == 0) take_queue(desk);
    take_slice(desk);
    if (desk->now_us >= seal_due(desk) && tn_desk_can_seal(desk)) tn_desk_seal(desk);
}

void tn_desk_turn_frames(struct tn_desk *desk, uint64_t now_us)
{
    tn_desk_advance(desk, now_us);
    if (!desk->leads) return;
    desk->only_frames = true;
    take_queue(desk);
    desk->only_frames = false;
}

uint64_t tn_desk_next(const struct tn_desk *desk)
{
    if (!desk->leads || !tn_desk_can_seal(desk)) return UINT64_MAX;
    if (tn_market_inboxes_count(desk->market) > 0 || desk->queue_count > 0 ||
        slice_kind(desk) != 0) {
        return desk->now_us;
    }
    return seal_due(desk);
}
