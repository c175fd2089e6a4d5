/* toy_app: what an engine asks of its app, answered by the toy market's rules. */
#include "sim/check.h"
#include "sim/toy.h"

#include "tenor/item.h"

#include <string.h>

#define EPOCH_START_MS INT64_C(1800000000000) /* of the calendar: when runs begin */

int64_t toy_wall_ms(const struct sim_node *node)
{
    const int64_t day_us = node->sim->machines[node->machine].day_us;
    return EPOCH_START_MS + (sim_node_now(node->sim, node->machine) + day_us) / 1000;
}

bool toy_holds(const struct sim_node *node, uint32_t batch)
{
    return batch != TN_NONE && (node->held[batch / 64] >> batch % 64 & 1) != 0;
}

void toy_hold(struct sim_node *node, uint32_t batch)
{
    node->held[batch / 64] |= UINT64_C(1) << batch % 64;
}

void toy_want(struct sim_node *node, const struct tn_hash *digest)
{
    for (uint32_t i = 0; i < node->wanted_count; i++) {
        if (tn_hash_equal(&node->wanted[i].digest, digest)) return;
    }
    /* Hostile blocks name what nobody has: in the place of any of those, in turn. What is still
     * missed is asked for again. */
    uint32_t at = node->wanted_turn++ % TOY_WANTED_MAX;
    if (node->wanted_count < TOY_WANTED_MAX) at = node->wanted_count++;
    node->wanted[at] =
        (struct toy_wanted){.digest = *digest, .next_us = sim_node_now(node->sim, node->machine)};
}

static bool is_included(const struct sim_node *node, uint64_t included_height)
{
    return included_height != 0 && included_height <= node->height;
}

static void digest_of(struct tn_hash *digest, const struct tn_sequencer_block *block, uint32_t i)
{
    memcpy(digest->bytes, block->body + (size_t)TN_HASH_SIZE * i, TN_HASH_SIZE);
}

static bool is_in_chain(const struct tn_sequencer_block *chain, uint32_t count,
                        const struct tn_hash *wanted)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < chain[i].header->batches_count; j++) {
            struct tn_hash digest;
            digest_of(&digest, &chain[i], j);
            if (tn_hash_equal(&digest, wanted)) return true;
        }
    }
    return false;
}

static const struct tn_block_header *parent_of(const struct sim_node *node,
                                               const struct tn_sequencer_block *chain,
                                               uint32_t count)
{
    return count > 0 ? chain[count - 1].header
                     : &sim_world_block(node->sim->world, node->height)->header;
}

/* ---- Building ---- */

static bool is_open(const struct sim_node *node, uint32_t batch,
                    const struct tn_sequencer_block *chain, uint32_t count)
{
    const struct sim_batch *self = &node->sim->world->batches[batch];
    return toy_holds(node, batch) && self->bytes[0] != SIM_BATCH_BAD &&
           !is_included(node, self->included_height) && !is_in_chain(chain, count, &self->digest);
}

static void skip_included(struct sim_node *node)
{
    const struct sim_world *world = node->sim->world;
    while (node->first_open < world->batches_count &&
           is_included(node, world->batches[node->first_open].included_height))
        node->first_open++;
}

static void fill_body(struct sim_node *node, struct tn_block_header *header, uint8_t *body,
                      size_t body_max, const struct tn_sequencer_block *chain, uint32_t count)
{
    const struct sim_world *world = node->sim->world;
    struct tn_body_builder builder;
    tn_stream_body_begin(&builder, body, body_max);
    uint32_t taken = 0;
    bool empty = (header->flags & TN_BLOCK_EMPTY) != 0;
    for (uint32_t i = node->first_open;
         !empty && i < world->batches_count && taken < SIM_BLOCK_BATCHES; i++) {
        if (is_open(node, i, chain, count) &&
            tn_stream_body_add_batch(&builder, &world->batches[i].digest))
            taken++;
    }
    for (uint32_t i = 0; !empty && i < world->evidence_count; i++) {
        const struct sim_evidence *evidence = &world->evidence[i];
        if ((node->evidence >> i & 1) == 0 || is_included(node, evidence->included_height))
            continue;
        uint8_t item[1 + TN_EVIDENCE_BYTES_MAX] = {TN_ITEM_EVIDENCE};
        memcpy(item + 1, evidence->bytes, evidence->size);
        if (!tn_stream_body_add_item(&builder, item, evidence->size + 1, 1)) break;
    }
    tn_stream_body_end(header, &builder);
}

static bool build(void *context, struct tn_block_header *header, uint8_t *body, size_t body_max,
                  const struct tn_sequencer_block *chain, uint32_t count)
{
    struct sim_node *node = context;
    struct sim_world *world = node->sim->world;
    const struct tn_block_header *parent = parent_of(node, chain, count);
    const struct sim_block *executed = sim_world_block(world, header->exec_height);
    TN_ASSERT(header->exec_height <= node->height && executed != NULL);
    skip_included(node);
    int64_t now_ms = toy_wall_ms(node);
    header->time_ms = now_ms > (int64_t)parent->time_ms ? (uint64_t)now_ms : parent->time_ms;
    header->exec_root = executed->state.root;
    header->l1_cursor = parent->l1_cursor;
    memset(&header->next_set_hash, 0, sizeof header->next_set_hash);
    if (sim_world_ends_epoch(world, header)) {
        struct tn_validators set;
        if (!sim_world_set(world, &set, header->epoch + 1)) return false;
        tn_validators_hash(&header->next_set_hash, &set);
        header->flags |= TN_BLOCK_EPOCH_FINAL;
    }
    fill_body(node, header, body, body_max, chain, count);
    return true;
}

static bool pending(void *context, const struct tn_sequencer_block *chain, uint32_t count)
{
    struct sim_node *node = context;
    const struct sim_world *world = node->sim->world;
    skip_included(node);
    for (uint32_t i = node->first_open; i < world->batches_count; i++) {
        if (is_open(node, i, chain, count)) return true;
    }
    return false;
}

/* ---- Judging ---- */

static enum tn_verdict judge_batches(struct sim_node *node, const struct tn_sequencer_block *block,
                                     const struct tn_sequencer_block *chain, uint32_t count)
{
    const struct sim_world *world = node->sim->world;
    enum tn_verdict verdict = TN_VERDICT_OK;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        struct tn_hash digest, other;
        digest_of(&digest, block, i);
        for (uint32_t j = 0; j < i; j++) {
            digest_of(&other, block, j);
            if (tn_hash_equal(&digest, &other)) return TN_VERDICT_BAD;
        }
        if (is_in_chain(chain, count, &digest)) return TN_VERDICT_BAD;
        uint32_t slot = sim_world_find_batch(world, &digest);
        if (!toy_holds(node, slot)) {
            toy_want(node, &digest);
            verdict = TN_VERDICT_WAIT;
            continue;
        }
        if (world->batches[slot].bytes[0] == SIM_BATCH_BAD ||
            is_included(node, world->batches[slot].included_height))
            return TN_VERDICT_BAD;
    }
    return verdict;
}

static enum tn_verdict judge_items(struct sim_node *node, const struct tn_sequencer_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    if (!tn_stream_body_open(&reader, &fault, block->header, block->body, block->body_size))
        return TN_VERDICT_BAD;
    enum tn_stream_step step;
    while ((step = tn_stream_body_next(&reader, NULL, &fault, NULL)) == TN_STREAM_ENTRY) {
        if (reader.kind != TN_ITEM_EVIDENCE) return TN_VERDICT_BAD;
        if (!sim_world_evidence_holds(node->sim, reader.item_bytes + 1, reader.item_size - 1))
            return TN_VERDICT_BAD;
    }
    return step == TN_STREAM_END ? TN_VERDICT_OK : TN_VERDICT_BAD;
}

static enum tn_verdict judge_header(struct sim_node *node, const struct tn_block_header *header,
                                    const struct tn_block_header *parent, bool local)
{
    struct sim_world *world = node->sim->world;
    if (header->time_ms < parent->time_ms || header->l1_cursor != parent->l1_cursor)
        return TN_VERDICT_BAD;
    if (header->exec_height > node->height) return TN_VERDICT_WAIT;
    const struct sim_block *executed = sim_world_block(world, header->exec_height);
    if (!tn_hash_equal(&executed->state.root, &header->exec_root)) return TN_VERDICT_BAD;
    bool ends = sim_world_ends_epoch(world, header);
    if (ends != ((header->flags & TN_BLOCK_EPOCH_FINAL) != 0)) return TN_VERDICT_BAD;
    struct tn_hash next_set_hash = {{0}};
    struct tn_validators set;
    if (ends && !sim_world_set(world, &set, header->epoch + 1)) return TN_VERDICT_WAIT;
    if (ends) tn_validators_hash(&next_set_hash, &set);
    if (!tn_hash_equal(&next_set_hash, &header->next_set_hash)) return TN_VERDICT_BAD;
    const int64_t latest_ms = toy_wall_ms(node) + SIM_CLOCK_AHEAD_MS;
    if (!local || (int64_t)header->time_ms <= latest_ms) return TN_VERDICT_OK;
    const int64_t view_ms = (world->limits.idle_us + 4 * world->limits.delta_us) / 1000;
    const bool is_far = (int64_t)header->time_ms > latest_ms + view_ms;
    return is_far && (int64_t)parent->time_ms <= latest_ms ? TN_VERDICT_PASS : TN_VERDICT_WAIT;
}

static enum tn_verdict validate(void *context, const struct tn_sequencer_block *block,
                                const struct tn_sequencer_block *chain, uint32_t count, bool local)
{
    struct sim_node *node = context;
    enum tn_verdict header =
        judge_header(node, block->header, parent_of(node, chain, count), local);
    if (header == TN_VERDICT_BAD) return header;
    enum tn_verdict items = judge_items(node, block);
    if (items == TN_VERDICT_BAD) return items;
    enum tn_verdict batches = judge_batches(node, block, chain, count);
    return batches == TN_VERDICT_OK ? header : batches;
}

static void persist(void *context, const struct tn_sequencer_block *block)
{
    struct sim_node *node = context;
    const struct sim_world *world = node->sim->world;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        struct tn_hash digest;
        digest_of(&digest, block, i);
        uint32_t slot = sim_world_find_batch(world, &digest);
        if (!toy_holds(node, slot) || (node->recorded[slot / 64] >> slot % 64 & 1) != 0) continue;
        node->recorded[slot / 64] |= UINT64_C(1) << slot % 64;
        sim_node_record(node->sim, node->machine, SIM_RECORD_BATCH, world->batches[slot].bytes,
                        world->batches[slot].size);
    }
}

/* ---- Executing ---- */

static bool has_bytes(struct sim_node *node, const struct tn_sequencer_block *block)
{
    bool all = true;
    for (uint32_t i = 0; i < block->header->batches_count; i++) {
        struct tn_hash digest;
        digest_of(&digest, block, i);
        if (toy_holds(node, sim_world_find_batch(node->sim->world, &digest))) continue;
        toy_want(node, &digest);
        all = false;
    }
    return all;
}

/* Executing takes time, under a fault: the engine is told to wait, and woken. */
static bool is_at_work(struct sim_node *node, uint64_t height)
{
    struct sim_machine *machine = &node->sim->machines[node->machine];
    int64_t now_us = sim_node_now(node->sim, node->machine);
    if (node->work_height == height) return now_us < node->work_until_us;
    if (machine->work_us == 0 || node->restoring) return false;
    node->work_height = height;
    node->work_until_us =
        now_us + (int64_t)tn_random_below(&machine->random, (uint64_t)machine->work_us);
    return true;
}

static enum tn_delivery finalized(void *context, const struct tn_sequencer_block *block,
                                  const uint8_t *cert, size_t cert_size)
{
    struct sim_node *node = context;
    struct sim *sim = node->sim;
    const struct tn_block_header *header = block->header;
    (void)cert;
    if (cert_size == 0 && !node->restoring)
        sim_fail(sim, node->machine, "block %llu is delivered without a certificate",
                 (unsigned long long)header->height);
    if (header->height != node->height + 1) {
        sim_fail(sim, node->machine, "block %llu is delivered after %llu",
                 (unsigned long long)header->height, (unsigned long long)node->height);
        return TN_DELIVERY_WAIT;
    }
    if (!has_bytes(node, block) || is_at_work(node, header->height)) return TN_DELIVERY_WAIT;
    struct sim_state after;
    sim_world_execute(sim->world, &after, &node->state, block);
    sim_check_final(sim, node->machine, block, &after);
    node->state = after;
    node->height++;
    const struct sim_block *executed = sim_world_block(sim->world, header->exec_height);
    if (executed != NULL && tn_hash_equal(&executed->state.root, &header->exec_root))
        return TN_DELIVERY_DONE;
    sim_fail(sim, node->machine, "block %llu is final with a wrong exec_root",
             (unsigned long long)header->height);
    return TN_DELIVERY_DIVERGED;
}

static bool checkpoint(void *context, struct tn_checkpoint *checkpoint, uint64_t height)
{
    struct sim_node *node = context;
    const struct sim_block *block = sim_world_block(node->sim->world, height);
    if (block == NULL || height > node->height) return false;
    *checkpoint = (struct tn_checkpoint){.epoch = block->header.epoch,
                                         .height = height,
                                         .state_root = block->state.root,
                                         .data_root = block->hash,
                                         .next_set_hash = block->header.next_set_hash};
    struct sim_machine *machine = &node->sim->machines[node->machine];
    if (!machine->flips || block->certified != 0) return true;
    sim_trace(node->sim, node->machine, "works out another root for checkpoint %a", height, 0, 0);
    node->sim->figures.counts[SIM_COUNT_MEMORY]++;
    checkpoint->state_root.bytes[0] ^= 1;
    machine->flips = false;
    machine->falls = true;
    return true;
}

static void certified(void *context, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                      size_t size)
{
    struct sim_node *node = context;
    (void)cert;
    TN_ASSERT(size > 0);
    sim_check_certified(node->sim, node->machine, checkpoint);
}

static void next_set(void *context, struct tn_validators *set, uint64_t epoch)
{
    struct sim_node *node = context;
    bool known = sim_world_set(node->sim->world, set, epoch);
    TN_ASSERT(known);
}

static void epoch_ended(void *context, uint64_t epoch, const uint8_t *handover, size_t size)
{
    struct sim_node *node = context;
    sim_check_handover(node->sim, node->machine, epoch, handover, size);
}

static void evidence(void *context, const uint8_t *bytes, size_t size)
{
    struct sim_node *node = context;
    uint32_t slot = sim_world_evidence(node->sim, bytes, size);
    if (slot != TN_NONE) node->evidence |= UINT64_C(1) << slot;
}

static void behind(void *context, uint64_t height)
{
    struct sim_node *node = context;
    if (node->sync_next_us != INT64_MAX || node->restoring) return;
    sim_trace(node->sim, node->machine, "is behind at %a, others at %b", node->height, height, 0);
    node->sync_next_us = sim_node_now(node->sim, node->machine);
}

/* ---- For peers ---- */

static bool block_of(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    struct sim_node *node = context;
    const struct sim_block *known = sim_world_block(node->sim->world, height);
    if (known == NULL || height > node->height || height == 0) return false;
    if (height <= node->sim->machines[node->machine].base_height) return false;
    *block = (struct tn_sequencer_block){.header = &known->header,
                                         .hash = known->hash,
                                         .body = known->body,
                                         .body_size = known->header.body_size};
    return true;
}

static bool handover_of(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch)
{
    struct sim_node *node = context;
    const struct sim_world *world = node->sim->world;
    const struct tn_block_header *last = &sim_world_block(world, node->height)->header;
    if (epoch >= SIM_EPOCHS_MAX || world->epochs[epoch].handover == NULL) return false;
    if (last->epoch < epoch) return false;
    if (last->epoch == epoch && (last->flags & TN_BLOCK_EPOCH_FINAL) == 0) return false;
    *bytes = world->epochs[epoch].handover;
    *size = world->epochs[epoch].handover_size;
    return true;
}

void toy_app(struct tn_sequencer_app *app, struct sim_node *node)
{
    *app = (struct tn_sequencer_app){.context = node,
                                     .build = build,
                                     .validate = validate,
                                     .persist = persist,
                                     .finalized = finalized,
                                     .pending = pending,
                                     .checkpoint = checkpoint,
                                     .certified = certified,
                                     .next_set = next_set,
                                     .epoch_ended = epoch_ended,
                                     .evidence = evidence,
                                     .behind = behind,
                                     .block = block_of,
                                     .handover = handover_of};
}
