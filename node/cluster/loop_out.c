/* What the member puts out: records into the log at once, messages and answers once they are
 * durable, blocks into the store, and words into the log for people. */
#include "cluster/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of an idle market come ten times a second and have batches too: nobody waits for those.
 */
static bool has_frame(const uint8_t *body, size_t size)
{
    size_t at = TN_BATCH_HEADER_BYTES;
    while (at < size && size - at >= TN_BATCH_LENGTH_BYTES + 2) {
        size_t length = (size_t)tn_get_be(body + at, TN_BATCH_LENGTH_BYTES);
        at += TN_BATCH_LENGTH_BYTES;
        if (length < 2 || length > size - at) return false;
        if (body[at + 1] == TN_ENTRY_FRAME) return true; /* the version stands before the kind */
        at += length;
    }
    return false;
}

static void note_sealed(struct loop *loop, const uint8_t *bytes, size_t size)
{
    struct tn_batch_header header;
    struct tn_stream_fault fault;
    if (!tn_stream_read_batch_header(&header, &fault, bytes + TN_GOSSIP_BATCH_PREFIX,
                                     size - TN_GOSSIP_BATCH_PREFIX) ||
        header.market < 1 || header.market > loop->set->limits.markets_count ||
        !has_frame(bytes + TN_GOSSIP_BATCH_PREFIX, size - TN_GOSSIP_BATCH_PREFIX)) {
        return;
    }
    finality_sealed(&loop->finality, header.market - 1, header.sequence, clock_us(CLOCK_MONOTONIC));
}

static void note_executed(struct loop *loop)
{
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    int64_t now_us = clock_us(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < loop->set->limits.markets_count; i++)
        finality_executed(&loop->finality, i, heads->streams[i].sequence, now_us);
}

/* What is final may rest on it. In a set of one nobody else holds it. */
static bool is_promise(uint8_t type)
{
    return type == TN_SEQUENCER_VOTE || type == TN_SEQUENCER_CHECKPOINT || type == TN_MEMBER_SEALED;
}

static void out_record(void *context, uint8_t type, const uint8_t *bytes, size_t size)
{
    struct loop *loop = context;
    if (loop->is_restoring) return;
    keeper_record(loop->keeper, type, bytes, size);
    if (loop->outgoing.recorded_us == 0) loop->outgoing.recorded_us = loop->clock.now_us;
    if (is_promise(type)) loop->outgoing.has_promise = true;
    if (type == TN_MEMBER_SEALED) note_sealed(loop, bytes, size);
}

static void out_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                     size_t size)
{
    struct loop *loop = context;
    struct outgoing *outgoing = &loop->outgoing;
    size_t need = outgoing->size + OUTGOING_HEAD + size;
    if (loop->is_restoring) return;
    if (need > outgoing->room) {
        size_t room = 2 * need + OUT_FIRST;
        uint8_t *grown = realloc(outgoing->bytes, room);
        if (grown == NULL) {
            complain("out of memory for messages");
            loop->failed = true;
            return;
        }
        outgoing->bytes = grown;
        outgoing->room = room;
    }
    uint8_t *at = outgoing->bytes + outgoing->size;
    tn_put_be(at, to, 2);
    at[2] = (uint8_t)priority;
    at[3] = 0;
    tn_put_be(at + 4, size, 4);
    memcpy(at + OUTGOING_HEAD, bytes, size);
    outgoing->size = need;
    if (tn_peer_binds(bytes[0])) outgoing->binds = true;
    if (bytes[0] != TN_PEER_CERT) outgoing->has_others = true;
    if (outgoing->since_us == 0) outgoing->since_us = loop->clock.now_us;
}

static void out_answer(void *context, uint64_t client, const struct tn_member_answer *answer)
{
    struct loop *loop = context;
    if ((client & GATE_TAG) != 0) {
        gate_answer(loop, client, answer);
    } else {
        clients_answer(loop->clients, client, answer);
    }
}

static void out_receipt(void *context, const struct tn_chain_place *place,
                        const struct tn_market_step *step)
{
    struct loop *loop = context;
    loop->outgoing.has_final = true;
    if (loop->clients != NULL) clients_final(loop->clients, place, step);
    gate_step(loop, place, step);
}

static void out_executed(void *context, const struct tn_member_block *block)
{
    struct loop *loop = context;
    loop->outgoing.has_final = true;
    keeper_block(loop->keeper, tn_member_gossip(loop->member), block);
    note_executed(loop);
    if (loop->clients != NULL) clients_block(loop->clients, block);
    gate_block(loop, block);
    if (loop->options.quiet || loop->is_restoring) return;
    note("msg=block height=%llu view=%llu proposer=%u batches=%u bytes=%zu root=%s",
         (unsigned long long)block->header->height, (unsigned long long)block->header->view,
         block->header->proposer, block->header->batches_count, block->body_size,
         hash_text(&block->root));
}

static void out_term(void *context, uint32_t market, uint32_t term, uint64_t sequence)
{
    struct loop *loop = context;
    if (loop->clients != NULL) clients_term(loop->clients, market, term, sequence);
    gate_term(loop, market, term, sequence);
    if (loop->is_restoring) return;
    note("msg=term market=%u term=%u sequence=%llu", market, term, (unsigned long long)sequence);
}

static void out_certified(void *context, const struct tn_checkpoint *checkpoint,
                          const uint8_t *cert, size_t size)
{
    struct loop *loop = context;
    loop->outgoing.has_final = true; /* the own vote may be part of it */
    keeper_certified(loop->keeper, checkpoint->height, cert, size);
    gate_certified(context, checkpoint, cert, size);
}

static bool out_may_execute(void *context)
{
    struct loop *loop = context;
    return loop->is_restoring || (keeper_may_execute(loop->keeper) && gate_may_execute(loop));
}

static void out_epoch_ended(void *context, uint64_t epoch, const uint8_t *handover, size_t size)
{
    struct loop *loop = context;
    const struct tn_registry *registry = tn_chain_registry(tn_member_chain(loop->member));
    const struct tn_validators *next = tn_registry_set(registry, epoch + 1);
    note("msg=epoch_ended epoch=%llu", (unsigned long long)epoch);
    keeper_handover(loop->keeper, epoch, handover, size);
    TN_ASSERT(next != NULL);
    keeper_set(loop->keeper, next);
}

static void out_behind(void *context, uint64_t height)
{
    struct loop *loop = context;
    if (!loop->is_behind) {
        note("msg=behind height=%llu why=\"further behind than blocks are fetched one by one\"",
             (unsigned long long)height);
    }
    loop->is_behind = true;
    sync_blocks_behind(&loop->sync_blocks, height);
}

static void out_notice(void *context, enum tn_member_notice notice, uint64_t number,
                       const char *text)
{
    static const char *const names[] = {[TN_NOTICE_RESULTS] = "results_wrong",
                                        [TN_NOTICE_NO_OP] = "no_op",
                                        [TN_NOTICE_BAN] = "ban",
                                        [TN_NOTICE_LEADS] = "leads",
                                        [TN_NOTICE_ENDED] = "leads_no_more",
                                        [TN_NOTICE_STALLED] = "stalled",
                                        [TN_NOTICE_RESIGNED] = "resigned",
                                        [TN_NOTICE_EVIDENCE] = "evidence",
                                        [TN_NOTICE_BAD_BLOCK] = "bad_block",
                                        [TN_NOTICE_DIVERGED] = "diverged"};
    if (((struct loop *)context)->is_restoring) return;
    note("msg=%s number=%llu why=\"%s\"", names[notice], (unsigned long long)number,
         text == NULL ? "" : text);
}

static bool out_stored_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    return keeper_find_block(((struct loop *)context)->keeper, block, height);
}

static bool out_stored_handover(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch)
{
    return keeper_find_handover(((struct loop *)context)->keeper, bytes, size, epoch);
}

static bool out_stored_batch(void *context, const struct tn_hash *digest, const uint8_t **message,
                             size_t *size)
{
    return keeper_find_batch(((struct loop *)context)->keeper, digest, message, size);
}

/* What is only in the store's queue, nobody finds yet. */
static uint64_t out_stored_height(void *context)
{
    return keeper_durable_height(((struct loop *)context)->keeper);
}

void loop_fill_out(struct tn_member_out *out, struct loop *loop)
{
    *out = (struct tn_member_out){.context = loop,
                                  .record = out_record,
                                  .send = out_send,
                                  .answer = out_answer,
                                  .receipt = out_receipt,
                                  .executed = out_executed,
                                  .may_execute = out_may_execute,
                                  .hold = loop_hold,
                                  .release = loop_release,
                                  .soft = loop_soft_step,
                                  .leads = loop_soft_leads,
                                  .term = out_term,
                                  .certified = out_certified,
                                  .epoch_ended = out_epoch_ended,
                                  .behind = out_behind,
                                  .notice = out_notice,
                                  .stored_block = out_stored_block,
                                  .stored_handover = out_stored_handover,
                                  .stored_batch = out_stored_batch,
                                  .stored_height = out_stored_height};
}
