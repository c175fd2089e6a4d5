/* engine: the sequencer's app: blocks are built, judged and executed by the chain.
 *
 * The engine asks in its own words and the chain answers in its own; between the two stands who has
 * which batch: the gossip's pool. A batch that a judged block names and that is not here is wanted
 * at once, and the engine is woken when it came. */
#include "member/controls.h"
#include "member/internal.h"

static void chain_block(struct tn_chain_block *to, const struct tn_sequencer_block *from)
{
    *to = (struct tn_chain_block){.header = from->header,
                                  .hash = from->hash,
                                  .body = from->body,
                                  .body_size = from->body_size};
}

static uint32_t chain_ancestors(struct tn_member *member, const struct tn_sequencer_block *chain,
                                uint32_t count)
{
    TN_ASSERT(count <= ANCESTORS_MAX);
    for (uint32_t i = 0; i < count; i++)
        chain_block(&member->ancestors[i], &chain[i]);
    return count;
}

/* ---- Build, judge ------------------------------------------------------------------------------
 */

static bool build(void *context, struct tn_block_header *header, uint8_t *body, size_t body_max,
                  const struct tn_sequencer_block *chain, uint32_t chain_count)
{
    struct tn_member *member = context;
    size_t body_size;
    chain_ancestors(member, chain, chain_count);
    return tn_chain_build(member->chain, header, body, &body_size, body_max, member->ancestors,
                          chain_count, member->clock.unix_ms);
}

/* No wait within the view will bring this clock to the block's time. Its proposer's clock is wrong,
 * not this one: the parent's time, which a quorum took, is none to wait for. Else whoever is ahead
 * would cost everybody the time-out of each of his views. */
static bool is_far_ahead(const struct tn_member *member, const struct tn_sequencer_block *block,
                         const struct tn_sequencer_block *chain, uint32_t chain_count)
{
    struct tn_sequencer_status status;
    const struct tn_block_header *parent =
        chain_count > 0 ? chain[chain_count - 1].header : &tn_chain_heads(member->chain)->block;
    const int64_t ahead_ms = member->config.limits.chain.clock_ahead_ms;
    const int64_t latest_ms = member->clock.unix_ms + ahead_ms;
    tn_sequencer_status(member->sequencer, &status);
    const int64_t view_us = member->config.limits.sequencer.idle_us + 4 * status.delta_us;
    const uint64_t in_view_ms =
        (uint64_t)(latest_ms > 0 ? latest_ms : 0) + (uint64_t)view_us / 1000;
    return block->header->time_ms > in_view_ms && (int64_t)parent->time_ms <= latest_ms;
}

static enum tn_verdict validate(void *context, const struct tn_sequencer_block *block,
                                const struct tn_sequencer_block *chain, uint32_t chain_count,
                                bool local)
{
    struct tn_member *member = context;
    struct tn_chain_block judged;
    struct tn_chain_fault fault;
    if (local && is_far_ahead(member, block, chain, chain_count)) return TN_VERDICT_PASS;
    chain_block(&judged, block);
    chain_ancestors(member, chain, chain_count);
    switch (tn_chain_validate(member->chain, &fault, &judged, member->ancestors, chain_count,
                              member->clock.unix_ms, local)) {
        case TN_CHAIN_OK: return TN_VERDICT_OK;
        case TN_CHAIN_WAIT: return TN_VERDICT_WAIT;
        case TN_CHAIN_BAD: break;
    }
    member_notice(member, TN_NOTICE_BAD_BLOCK, block->header->height, fault.what);
    return TN_VERDICT_BAD;
}

static bool pending(void *context, const struct tn_sequencer_block *chain, uint32_t chain_count)
{
    struct tn_member *member = context;
    chain_ancestors(member, chain, chain_count);
    return tn_chain_pending(member->chain, member->ancestors, chain_count, member->clock.unix_ms);
}

/* ---- Batches in the log ------------------------------------------------------------------------
 */

static struct tn_hash *logged_slot(struct tn_member *member, const struct tn_hash *digest)
{
    return &member->logged[tn_get_be(digest->bytes, 4) % LOGGED_SLOTS];
}

void tn_member_note_logged(struct tn_member *member, const struct tn_hash *digest)
{
    *logged_slot(member, digest) = *digest;
}

/* A batch may come into the log twice, when another took its slot: that costs bytes alone. */
void tn_member_log_batch(struct tn_member *member, const struct tn_gossip_batch *batch)
{
    if (!TENOR_HOLDS(BATCHES_VOLATILE)) return;
    if (tn_hash_equal(logged_slot(member, &batch->digest), &batch->digest)) return;
    uint8_t *message = member->message;
    size_t size = TN_GOSSIP_BATCH_PREFIX + batch->body_size;
    TN_ASSERT(size <= TN_PEER_BATCH_MAX);
    message[0] = TN_PEER_BATCH;
    memcpy(message + 1, batch->signature.bytes, TN_SIGNATURE_SIZE);
    memcpy(message + TN_GOSSIP_BATCH_PREFIX, batch->body, batch->body_size);
    member->config.out.record(member->config.out.context, TN_MEMBER_BATCH, message, size);
    tn_member_note_logged(member, &batch->digest);
}

static void digest_at(struct tn_hash *digest, const struct tn_sequencer_block *block,
                      uint32_t index)
{
    memcpy(digest->bytes, block->body + (size_t)index * TN_HASH_SIZE, TN_HASH_SIZE);
}

static void persist(void *context, const struct tn_sequencer_block *block)
{
    struct tn_member *member = context;
    struct tn_gossip_batch batch;
    struct tn_hash digest;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        digest_at(&digest, block, i);
        if (tn_gossip_find(member->gossip, &digest, &batch)) tn_member_log_batch(member, &batch);
    }
}

/* ---- Execute -----------------------------------------------------------------------------------
 */

static bool has_batches(struct tn_member *member, const struct tn_sequencer_block *block)
{
    struct tn_gossip_batch batch;
    struct tn_hash digest;
    bool has_all = true;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        digest_at(&digest, block, i);
        if (tn_gossip_find(member->gossip, &digest, &batch)) continue;
        has_all = false;
        tn_gossip_want(member->gossip, &digest, TN_PEER_ALL, member->clock.now_us);
    }
    return has_all;
}

/* Batches of many blocks are asked for together. */
static void coming(void *context, const struct tn_sequencer_block *block)
{
    (void)has_batches(context, block);
}

static void forget_items(struct tn_member *member, const struct tn_sequencer_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    struct tn_hash hash;
    bool is_open =
        tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size);
    TN_ASSERT(is_open);
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        tn_keccak256(&hash, reader.item_bytes, reader.item_size);
        tn_waiting_included(member->waiting, &hash);
    }
}

static enum tn_delivery finalized(void *context, const struct tn_sequencer_block *block,
                                  const uint8_t *cert, size_t cert_size)
{
    struct tn_member *member = context;
    const struct tn_member_out *out = &member->config.out;
    struct tn_chain_block final;
    member->is_held = out->may_execute != NULL && !out->may_execute(out->context);
    if (member->is_held) return TN_DELIVERY_WAIT;
    chain_block(&final, block);
    enum tn_chain_verdict verdict = TN_CHAIN_WAIT;
    if (has_batches(member, block)) verdict = tn_chain_execute(member->chain, &final);
    if (verdict == TN_CHAIN_WAIT) {
        member->counters.blocks_waited_batches++;
        return TN_DELIVERY_WAIT;
    }
    forget_items(member, block);
    /* Told before the pools hear of it: who keeps the block's batches finds them there. */
    if (out->executed != NULL) {
        const struct tn_member_block executed = {.header = block->header,
                                                 .hash = block->hash,
                                                 .root = tn_chain_heads(member->chain)->root,
                                                 .body = block->body,
                                                 .body_size = block->body_size,
                                                 .cert = cert,
                                                 .cert_size = cert_size};
        out->executed(out->context, &executed);
    }
    tn_member_follow_chain(member);
    if (verdict == TN_CHAIN_OK) return TN_DELIVERY_DONE;
    member_notice(member, TN_NOTICE_DIVERGED, block->header->height,
                  "the set's root of an executed block is not this node's");
    return TN_DELIVERY_DIVERGED;
}

/* ---- Checkpoints, epochs -----------------------------------------------------------------------
 */

static bool checkpoint(void *context, struct tn_checkpoint *checkpoint, uint64_t height)
{
    struct tn_member *member = context;
    const struct tn_chain_heads *heads = tn_chain_heads(member->chain);
    if (heads->height != height || !tn_chain_checkpoint(member->chain, checkpoint)) return false;
    struct covered *covered = &member->covered[member->covered_next++ % CHECKPOINTS_KEPT];
    covered->height = height;
    for (uint32_t i = 0; i < member->markets_count; i++)
        covered->sequences[i] = heads->streams[i].sequence;
    return true;
}

static void certified(void *context, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                      size_t size)
{
    struct tn_member *member = context;
    const struct tn_chain_heads *heads = tn_chain_heads(member->chain);
    const struct tn_member_out *out = &member->config.out;
    uint64_t height = checkpoint->height;
    if (out->stored_height != NULL && out->stored_height(out->context) < height) {
        height = out->stored_height(out->context);
    }
    for (uint32_t i = 0; i < CHECKPOINTS_KEPT; i++) {
        const struct covered *covered = &member->covered[i];
        if (covered->height == 0 || covered->height > height) continue;
        for (uint32_t k = 0; k < member->markets_count; k++)
            tn_gossip_covered(member->gossip, heads->streams[k].market, covered->sequences[k]);
    }
    if (member->config.out.certified != NULL)
        member->config.out.certified(member->config.out.context, checkpoint, cert, size);
}

static void next_set(void *context, struct tn_validators *set, uint64_t epoch)
{
    struct tn_member *member = context;
    const struct tn_validators *next = tn_registry_set(tn_chain_registry(member->chain), epoch);
    TN_ASSERT(next != NULL);
    *set = *next;
}

static void epoch_ended(void *context, uint64_t epoch, const uint8_t *handover, size_t size)
{
    struct tn_member *member = context;
    if (member->config.out.epoch_ended != NULL)
        member->config.out.epoch_ended(member->config.out.context, epoch, handover, size);
}

static void evidence(void *context, const uint8_t *bytes, size_t size)
{
    struct tn_member *member = context;
    tn_waiting_add(member->waiting, TN_ITEM_EVIDENCE, bytes, size, member->clock.now_us);
    member_notice(member, TN_NOTICE_EVIDENCE, tn_chain_heads(member->chain)->height,
                  "a validator signed two things that contradict each other");
}

static void behind(void *context, uint64_t height)
{
    struct tn_member *member = context;
    if (member->config.out.behind != NULL)
        member->config.out.behind(member->config.out.context, height);
}

static bool stored_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    return out->stored_block != NULL && out->stored_block(out->context, block, height);
}

static bool stored_handover(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    return out->stored_handover != NULL && out->stored_handover(out->context, bytes, size, epoch);
}

/* ---- What the engine puts out ------------------------------------------------------------------
 */

static void record(void *context, enum tn_sequencer_record type, const uint8_t *bytes, size_t size)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    out->record(out->context, (uint8_t)type, bytes, size);
}

void tn_member_send(void *context, uint16_t to, enum tn_priority priority, const uint8_t *bytes,
                    size_t size)
{
    const struct tn_member_out *out = &((struct tn_member *)context)->config.out;
    out->send(out->context, to, priority, bytes, size);
}

static void ban(void *context, uint16_t peer, const char *why)
{
    struct tn_member *member = context;
    member->counters.bans++;
    member_notice(member, TN_NOTICE_BAN, peer, why);
}

/* ---- The root ----------------------------------------------------------------------------------
 */

void tn_member_root_engine(struct tn_member *member)
{
    const struct tn_chain_heads *heads = tn_chain_heads(member->chain);
    const struct tn_member_config *from = &member->config;
    struct tn_sequencer_config config = {
        .limits = from->limits.sequencer,
        .app = {.context = member,
                .build = build,
                .validate = validate,
                .persist = persist,
                .coming = coming,
                .finalized = finalized,
                .pending = pending,
                .checkpoint = checkpoint,
                .certified = certified,
                .next_set = next_set,
                .epoch_ended = epoch_ended,
                .evidence = evidence,
                .behind = behind,
                .block = stored_block,
                .handover = stored_handover},
        .out = {.context = member, .record = record, .send = tn_member_send, .ban = ban},
        .signatures = from->signatures,
        .key = from->key,
        .is_validator = from->is_validator,
        .delivers_late = true,
        .root_hash = heads->block_hash,
        .root = heads->block,
        .set = member->set};
    member->sequencer = tn_sequencer_init(member->sequencer_memory, &config);
}
