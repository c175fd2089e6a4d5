/* whole_check: what must never happen with money, orders and promises.
 *
 * The first node whose turn made a block durable writes it down; every other must have the same
 * block, root and results. Of what clients sent it is known what they signed, so a final frame is
 * looked up: it is there word for word, once, in its own market and term, before it expired. Money
 * is counted twice: by what blocks bring in, and by the ledgers. */
#include "sim/whole.h"

#include "sim/files.h"
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS_WANTED = 10, FRAMES_WANTED = 3, DISK_BYTES_MOST = 64 << 20 };

static uint32_t place_of(const struct whole *whole, uint32_t market)
{
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++) {
        if (whole->markets[i].id == market) return i;
    }
    TN_ASSERT(false);
    return 0;
}

/* ---- Frames ---- */

static void check_frame(struct sim *sim, struct whole_market *market, const struct whole_step *step)
{
    struct whole *whole = sim->whole;
    struct whole_frame *frame = whole_find_frame(whole, market->id, step->session, step->nonce);
    unsigned long long session = step->session, nonce = step->nonce;
    bool is_no_op = step->reject == TN_REJECT_NONCE_USED ||
                    step->reject == TN_REJECT_NONCE_TOO_OLD ||
                    step->reject == TN_REJECT_FRAME_EXPIRED || step->reject > 1000;
    if (step->fault != 0) return;
    if (is_no_op) { /* its answer said so too */
        bool is_answered = frame != NULL && frame->where == WHOLE_SOFT &&
                           frame->place.sequence == step->place.sequence &&
                           frame->place.index == step->place.entry;
        if (is_answered) frame->where = WHOLE_GONE;
        return;
    }
    if (frame == NULL || frame->forged || frame->content != step->content) {
        sim_fail(sim, TN_NONE, "market %u executes a frame that session %llx never signed, %llu",
                 market->id, session, nonce);
        return;
    }
    if (frame->where == WHOLE_FINAL)
        sim_fail(sim, TN_NONE, "frame %llx.%llu is final twice", session, nonce);
    if (frame->term != 0 && frame->term != step->place.term)
        sim_fail(sim, TN_NONE, "frame %llx.%llu of term %u is final in term %u", session, nonce,
                 frame->term, step->place.term);
    if (frame->valid_until_block < market->height)
        sim_fail(sim, TN_NONE, "frame %llx.%llu is executed after it expired", session, nonce);
    bool is_honest = whole_leader_is_honest(sim, market->id, step->place.term);
    bool is_there = frame->place.term == step->place.term &&
                    frame->place.sequence == step->place.sequence &&
                    frame->place.index == step->place.entry && frame->events == step->events;
    if (is_honest && frame->was_soft && frame->term != 0 && !is_there)
        sim_fail(sim, TN_NONE, "frame %llx.%llu was promised another place or result", session,
                 nonce);
    if (frame->where == WHOLE_GONE && is_honest)
        sim_fail(sim, TN_NONE, "frame %llx.%llu was told reverted and is final", session, nonce);
    frame->where = WHOLE_FINAL;
    market->frames_final++;
}

/* What was soft above the head at which its term ended is gone; below it must be final. */
static void end_term(struct sim *sim, struct whole_market *market, const struct whole_term *term)
{
    struct whole *whole = sim->whole;
    for (uint32_t i = 0; i < whole->frames_count; i++) {
        struct whole_frame *frame = &whole->frames[i];
        if (frame->market != market->id || frame->where != WHOLE_SOFT ||
            frame->place.term >= term->term)
            continue;
        if (frame->place.sequence <= term->sequence &&
            whole_leader_is_honest(sim, market->id, frame->place.term))
            sim_fail(sim, TN_NONE, "frame %llx.%llu was soft below the end of its term, not final",
                     (unsigned long long)frame->session, (unsigned long long)frame->nonce);
        frame->where = WHOLE_GONE;
    }
    market->term = term->term;
}

/* ---- Money ---- */

static void count_deposits(struct sim *sim, const struct whole_block *block)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    struct whole *whole = sim->whole;
    bool is_open =
        tn_stream_body_open(&reader, &fault, &block->header, block->body, block->body_size);
    TN_ASSERT(is_open);
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        struct tn_block_item item;
        if (reader.kind == TN_ITEM_GOVERNANCE) whole->governance_done++;
        if (reader.kind != TN_ITEM_DEPOSIT) continue;
        bool is_read =
            tn_stream_read_block_item(&item, &fault, NULL, reader.item_bytes, reader.item_size);
        TN_ASSERT(is_read);
        whole->deposits_done++;
        whole->markets[place_of(whole, item.as.deposit.market)].deposited += item.as.deposit.amount;
    }
}

static void check_money(struct sim *sim, uint32_t place, const struct whole_block *block)
{
    const struct whole_market *market = &sim->whole->markets[place];
    tn_micros inside = (tn_micros)block->external[place];
    tn_micros came_in = market->taken - market->withdrawn - market->sent + market->came;
    if (inside != came_in)
        sim_fail(sim, TN_NONE, "market %u holds %lld micros and took in %lld", market->id,
                 (long long)inside, (long long)came_in);
    if (market->taken > market->deposited)
        sim_fail(sim, TN_NONE, "market %u took in more than was deposited", market->id);
}

/* What has left a market and not come into one waits in inboxes, all of it. */
static void check_under_way(struct sim *sim, const struct whole_block *block)
{
    const struct whole *whole = sim->whole;
    tn_micros under_way = 0;
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++)
        under_way += whole->markets[i].sent - whole->markets[i].came;
    if (block->under_way != under_way)
        sim_fail(sim, TN_NONE, "inboxes hold %lld micros between markets, and %lld were sent",
                 (long long)block->under_way, (long long)under_way);
}

static void take_steps(struct sim *sim, const struct whole_block *block)
{
    struct whole *whole = sim->whole;
    for (uint32_t i = 0; i < block->steps_count; i++) {
        const struct whole_step *step = &block->steps[i];
        struct whole_market *market = &whole->markets[place_of(whole, step->place.market)];
        market->taken += step->amount;
        market->trades += step->trades;
        if (step->is_large)
            sim_fail(sim, TN_NONE, "market %u admits an order that its account cannot bear",
                     market->id);
        market->withdrawn += step->withdrawn;
        market->sent += step->sent;
        market->came += step->came;
        sim->figures.counts[SIM_COUNT_REMITTED] += step->came > 0;
        if (step->session != 0 && step->kind == TN_ENTRY_FRAME) check_frame(sim, market, step);
        if (step->item == 0 && step->kind == TN_ENTRY_BLOCK) {
            if (market->height != 0 && step->height != market->height + 1)
                sim_fail(sim, TN_NONE, "market %u consumes block %llu after %llu", market->id,
                         (unsigned long long)step->height, (unsigned long long)market->height);
            market->height = step->height;
        }
    }
    for (uint32_t i = 0; i < block->terms_count; i++) {
        const struct whole_term *term = &block->terms[i];
        end_term(sim, &whole->markets[place_of(whole, term->market)], term);
    }
}

/* ---- Blocks ---- */

static void make_room(struct whole *whole, uint64_t height)
{
    if (height < whole->blocks_room) return;
    uint64_t room = 2 * height + 256;
    whole->blocks = realloc(whole->blocks, room * sizeof *whole->blocks);
    TN_ASSERT(whole->blocks != NULL);
    memset(whole->blocks + whole->blocks_room, 0,
           (room - whole->blocks_room) * sizeof *whole->blocks);
    whole->blocks_room = room;
}

static void count_lies(struct whole *whole, const struct whole_block *block)
{
    for (uint32_t i = 0; i < block->header.batches_count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, block->body + (size_t)i * TN_HASH_SIZE, TN_HASH_SIZE);
        whole->lies += whole_attack_lied(whole, &digest);
    }
}

bool whole_check_block(struct sim *sim, uint32_t machine, struct whole_block *block)
{
    struct whole *whole = sim->whole;
    uint64_t height = block->header.height;
    make_room(whole, height);
    struct whole_block *known = whole->blocks[height];
    if (known != NULL) {
        if (!tn_hash_equal(&known->hash, &block->hash))
            sim_fail(sim, machine, "another block is final at height %llu",
                     (unsigned long long)height);
        else if (!tn_hash_equal(&known->root, &block->root))
            sim_fail(sim, machine, "another root after block %llu", (unsigned long long)height);
        else if (known->steps_digest != block->steps_digest ||
                 known->steps_count != block->steps_count)
            sim_fail(sim, machine, "other results of block %llu", (unsigned long long)height);
        return false;
    }
    if (height != whole->height + 1) {
        sim_fail(sim, machine, "executes block %llu after %llu", (unsigned long long)height,
                 (unsigned long long)whole->height);
        return false;
    }
    whole->blocks[height] = block;
    whole->height = height;
    sim->figures.blocks++;
    count_lies(whole, block);
    count_deposits(sim, block);
    take_steps(sim, block);
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++)
        check_money(sim, i, block);
    check_under_way(sim, block);
    return true;
}

/* ---- Now and then ---- */

static struct tn_chain *some_chain(struct sim *sim, uint32_t machine)
{
    const struct sim_machine *self = &sim->machines[machine];
    if (self->node == NULL || self->node->member == NULL || self->byzantine) return NULL;
    return tn_member_chain(self->node->member);
}

bool whole_leader_is_honest(struct sim *sim, uint32_t market, uint32_t term)
{
    struct tn_public_key key;
    uint16_t id;
    if (sim->whole->byzantine == 0) return true;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct tn_chain *chain = some_chain(sim, i);
        if (chain == NULL || !tn_registry_leader(tn_chain_registry(chain), &id, &key, market, term))
            continue;
        return (sim->whole->byzantine >> id & 1) == 0;
    }
    return false;
}

void whole_check_standing(struct sim *sim)
{
    struct whole *whole = sim->whole;
    uint32_t machine = (uint32_t)(whole->checked++ / 8 % sim->machines_count);
    struct tn_chain *chain = some_chain(sim, machine);
    if (chain == NULL || whole->checked % 8 != 0) return;
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++)
        tn_market_check(tn_chain_market(chain, i));
    if (sim_files_used(sim->machines[machine].files) > DISK_BYTES_MOST)
        sim_fail(sim, machine, "its disk has %llu bytes",
                 (unsigned long long)sim_files_used(sim->machines[machine].files));
    if (whole->checked % 128 != 0) return;
    size_t size = tn_chain_rebuild_size(&whole->limits.chain);
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    struct tn_hash root;
    TN_ASSERT(memory != NULL);
    tn_chain_rebuild_root(chain, &root, memory);
    free(memory);
    if (!tn_hash_equal(&root, &tn_chain_heads(chain)->root))
        sim_fail(sim, machine, "its root is not that of its records, height %llu",
                 (unsigned long long)tn_chain_heads(chain)->height);
}

static uint64_t frames_final(const struct whole *whole)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++) {
        if (whole->markets[i].frames_final < least) least = whole->markets[i].frames_final;
    }
    return least;
}

/* Ten blocks everywhere, and every market trades again. */
bool whole_check_recovered(struct sim *sim)
{
    struct whole *whole = sim->whole;
    if (whole->goal_height == 0) {
        whole->goal_height = whole->height + BLOCKS_WANTED;
        whole->goal_frames = frames_final(whole) + FRAMES_WANTED;
    }
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (sim->machines[i].byzantine) continue;
        struct tn_chain *chain = some_chain(sim, i);
        if (chain == NULL || tn_chain_heads(chain)->height < whole->goal_height) return false;
    }
    return frames_final(whole) >= whole->goal_frames;
}

/* Only who was hostile is slashed, and after the notice it votes no more. */
static void check_slashed(struct sim *sim, const struct tn_chain *chain)
{
    const struct tn_registry *registry = tn_chain_registry(chain);
    struct tn_registry_heads heads;
    tn_registry_heads(registry, &heads);
    const struct tn_validators *set = tn_registry_set(registry, heads.epoch);
    for (uint32_t id = 0; id < sim->whole->identities_count; id++) {
        struct tn_registry_validator validator;
        enum tn_registry_status status;
        if (!tn_registry_validator(registry, (uint16_t)id, &validator, &status)) continue;
        if ((sim->whole->convicts >> id & 1) != 0 &&
            validator.slashes[TN_EVIDENCE_BATCH].height == 0)
            sim_fail(sim, TN_NONE, "validator %u sealed two for one place and is not slashed", id);
        for (uint32_t kind = 0; kind < TN_EVIDENCE_KINDS; kind++) {
            uint64_t height = validator.slashes[kind].height;
            if (height == 0) continue;
            if ((sim->whole->byzantine >> id & 1) == 0)
                sim_fail(sim, TN_NONE, "the honest validator %u is slashed, evidence %u", id, kind);
            if (height + TN_REGISTRY_NOTICE_BLOCKS <= heads.epoch_start &&
                tn_validators_find_id(set, (uint16_t)id) != TN_NONE)
                sim_fail(sim, TN_NONE, "validator %u, slashed at %llu, votes in epoch %llu", id,
                         (unsigned long long)height, (unsigned long long)heads.epoch);
        }
    }
}

/* Everything has come to rest: what was promised is kept. */
void whole_check_end(struct sim *sim)
{
    struct whole *whole = sim->whole;
    uint32_t open = 0;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct tn_chain *chain = some_chain(sim, i);
        if (chain != NULL) check_slashed(sim, chain);
    }
    for (uint32_t i = 0; i < whole->frames_count; i++) {
        const struct whole_frame *frame = &whole->frames[i];
        if (frame->where != WHOLE_SOFT) continue;
        if (!whole_leader_is_honest(sim, frame->market, frame->place.term)) continue;
        if (open++ > 0) continue;
        sim_fail(sim, TN_NONE, "frame %llx.%llu of market %u is soft in term %u, %llu.%u, for ever",
                 (unsigned long long)frame->session, (unsigned long long)frame->nonce,
                 frame->market, frame->place.term, (unsigned long long)frame->place.sequence,
                 frame->place.index);
    }
    if (whole->lies > 0 && whole->results_wrong + whole->no_ops == 0)
        sim_fail(sim, TN_NONE, "%llu lies of leaders are final and nobody noticed",
                 (unsigned long long)whole->lies);
}
