/* check: what must never happen.
 *
 * Votes are looked at when they leave a machine, whatever the network does with them: an honest key
 * says one thing for each (type, epoch, view), and never NULLIFY and FINALIZE of one view. The rest
 * is compared with what the first node saw: one block a height, one root a block, one checkpoint a
 * height, one set an epoch. */
#include "sim/check.h"
#include "sim/node.h"

#include <stdlib.h>
#include <string.h>

#define VOTES_ROOM    (1u << 14) /* at first */
#define VOTE_BYTES    116u
#define BLOCKS_WANTED 10u
#define RECORDS_BACK  2000u
#define RECORDS_MOST  (64u << 20) /* bytes of one log */

struct said { /* by one key in one view */
    uint64_t epoch, view;
    uint64_t hashes[4]; /* by type; 0: nothing was said */
    uint16_t identity;
    bool used;
};

struct sim_checks {
    struct said *said;
    uint32_t said_count, said_room;
    uint64_t goal_height; /* once faults have ended */
};

void sim_checks_init(struct sim *sim)
{
    sim->checks = calloc(1, sizeof *sim->checks);
    TN_ASSERT(sim->checks != NULL);
    sim->checks->said_room = VOTES_ROOM;
    sim->checks->said = calloc(VOTES_ROOM, sizeof *sim->checks->said);
    TN_ASSERT(sim->checks->said != NULL);
}

void sim_checks_free(struct sim *sim)
{
    if (sim->checks == NULL) return;
    free(sim->checks->said);
    free(sim->checks);
    sim->checks = NULL;
}

/* ---- Votes ---- */

static struct said *place_of(const struct sim_checks *checks, uint16_t identity, uint64_t epoch,
                             uint64_t view)
{
    uint64_t at = (view * UINT64_C(0x9FB21C651E98DF25) ^ epoch << 40 ^ (uint64_t)identity << 50);
    at = (at ^ at >> 29) * UINT64_C(0xD6E8FEB86659FD93) >> 20;
    for (;; at++) {
        struct said *said = &checks->said[at % checks->said_room];
        if (!said->used) return said;
        if (said->identity == identity && said->epoch == epoch && said->view == view) return said;
    }
}

static void grow(struct sim_checks *checks)
{
    struct said *old = checks->said;
    uint32_t room = checks->said_room;
    checks->said_room = 2 * room;
    checks->said = calloc(checks->said_room, sizeof *checks->said);
    TN_ASSERT(checks->said != NULL);
    for (uint32_t i = 0; i < room; i++) {
        if (old[i].used) *place_of(checks, old[i].identity, old[i].epoch, old[i].view) = old[i];
    }
    free(old);
}

static struct said *find_said(struct sim_checks *checks, uint16_t identity, uint64_t epoch,
                              uint64_t view)
{
    if (checks->said_count > checks->said_room / 2) grow(checks);
    struct said *said = place_of(checks, identity, epoch, view);
    checks->said_count += !said->used;
    if (!said->used)
        *said = (struct said){.epoch = epoch, .view = view, .identity = identity, .used = true};
    return said;
}

static void check_vote(struct sim *sim, uint32_t machine, uint8_t type, uint64_t epoch,
                       uint64_t view, uint64_t hash)
{
    uint16_t identity = sim->machines[machine].identity;
    struct said *said = find_said(sim->checks, identity, epoch, view);
    if (said->hashes[type] == 0) {
        static const char *const WORDS[] = {"", "NOTARIZE of view %a.%b, block %C",
                                            "NULLIFY of view %a.%b",
                                            "FINALIZE of view %a.%b, block %C"};
        sim_trace(sim, machine, WORDS[type], epoch, view, hash);
    }
    if (said->hashes[type] != 0 && said->hashes[type] != hash)
        sim_fail(sim, machine, "its key signed two votes of type %u, epoch %llu, view %llu", type,
                 (unsigned long long)epoch, (unsigned long long)view);
    said->hashes[type] = hash;
    if (said->hashes[TN_VOTE_NULLIFY] != 0 && said->hashes[TN_VOTE_FINALIZE] != 0)
        sim_fail(sim, machine, "its key signed NULLIFY and FINALIZE of epoch %llu, view %llu",
                 (unsigned long long)epoch, (unsigned long long)view);
}

/* Rule R2: who gave a view up does not NOTARIZE in it. In the order of the log, as what was
 * recorded may leave late. */
void sim_check_recorded(struct sim *sim, uint32_t machine, uint8_t type, const uint8_t *bytes,
                        size_t size)
{
    const struct sim_disk *disk = &sim->machines[machine].disk;
    if (sim->machines[machine].byzantine || type != TN_SEQUENCER_VOTE || size != VOTE_BYTES) return;
    if (bytes[9] != TN_VOTE_NOTARIZE || sim->machines[machine].renewing) return;
    uint32_t first = disk->count > RECORDS_BACK ? disk->count - RECORDS_BACK : 0;
    for (uint32_t i = first; i < disk->count; i++) {
        const struct sim_record *record = &disk->records[i];
        if (record->type != TN_SEQUENCER_VOTE || record->size != VOTE_BYTES) continue;
        if (record->bytes[9] == TN_VOTE_NULLIFY && memcmp(record->bytes + 1, bytes + 1, 8) == 0 &&
            memcmp(record->bytes + 10, bytes + 10, 8) == 0)
            sim_fail(sim, machine, "it signed NOTARIZE after NULLIFY, view %llu",
                     (unsigned long long)tn_get_be(bytes + 10, 8));
    }
}

void sim_check_said(struct sim *sim, uint32_t machine, const uint8_t *bytes, size_t size)
{
    if (sim->machines[machine].byzantine) return;
    if (bytes[0] == TN_PEER_VOTE && size == VOTE_BYTES) {
        uint8_t type = bytes[9];
        TN_ASSERT(type >= TN_VOTE_NOTARIZE && type <= TN_VOTE_FINALIZE);
        uint64_t hash = type == TN_VOTE_NULLIFY ? 1 : tn_get_be(bytes + 18, 8) | 1;
        check_vote(sim, machine, type, tn_get_be(bytes + 1, 8), tn_get_be(bytes + 10, 8), hash);
    } else if (bytes[0] == TN_PEER_PROPOSAL && size > 1 + TN_BLOCK_HEADER_BYTES) {
        struct tn_block_header header;
        struct tn_stream_fault fault;
        struct tn_hash hash;
        if (!tn_stream_read_block_header(&header, &fault, bytes + 1, size - 1)) return;
        tn_stream_block_hash(&hash, sim->world->chain_id, &header);
        check_vote(sim, machine, TN_VOTE_NOTARIZE, header.epoch, header.view,
                   tn_get_be(hash.bytes, 8) | 1);
    }
}

/* ---- Blocks ---- */

void sim_check_final(struct sim *sim, uint32_t machine, const struct tn_sequencer_block *block,
                     const struct sim_state *after)
{
    uint64_t height = block->header->height;
    struct sim_block *known = sim_world_deliver(sim, block, after);
    known->holders |= 1u << machine;
    sim_trace(sim, machine, "executes block %a of view %b, %C", height, block->header->view,
              tn_get_be(block->hash.bytes, 8));
    if (!tn_hash_equal(&known->hash, &block->hash))
        sim_fail(sim, machine, "another block is final at height %llu", (unsigned long long)height);
    else if (!tn_hash_equal(&known->state.root, &after->root))
        sim_fail(sim, machine, "another root after block %llu", (unsigned long long)height);
}

void sim_check_certified(struct sim *sim, uint32_t machine, const struct tn_checkpoint *checkpoint)
{
    struct sim_block *block = sim_world_block(sim->world, checkpoint->height);
    sim_trace(sim, machine, "holds a certificate of checkpoint %a", checkpoint->height, 0, 0);
    if (block == NULL) {
        sim_fail(sim, machine, "checkpoint %llu is certified, and nobody has executed it",
                 (unsigned long long)checkpoint->height);
        return;
    }
    if (!tn_hash_equal(&block->state.root, &checkpoint->state_root) ||
        !tn_hash_equal(&block->hash, &checkpoint->data_root) ||
        !tn_hash_equal(&block->header.next_set_hash, &checkpoint->next_set_hash) ||
        block->header.epoch != checkpoint->epoch)
        sim_fail(sim, machine, "the certificate of checkpoint %llu is of another state",
                 (unsigned long long)checkpoint->height);
    if (block->certified == 0) sim->figures.checkpoints++;
    block->certified |= 1u << machine;
}

void sim_check_handover(struct sim *sim, uint32_t machine, uint64_t epoch, const uint8_t *handover,
                        size_t size)
{
    sim_trace(sim, machine, "epoch %a has ended", epoch, 0, 0);
    if (epoch >= SIM_EPOCHS_MAX || sim->world->epochs[epoch].handover != NULL) return;
    struct sim_epoch *known = &sim->world->epochs[epoch];
    known->handover = malloc(size);
    TN_ASSERT(known->handover != NULL && size > 0);
    memcpy(known->handover, handover, size);
    known->handover_size = size;
}

/* ---- Progress ---- */

static uint64_t highest(const struct sim *sim)
{
    uint64_t height = 0;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (sim->machines[i].byzantine || sim->machines[i].node == NULL) continue;
        struct sim_probe probe;
        sim->machines[i].kind->probe(sim->machines[i].node, &probe);
        if (probe.height > height) height = probe.height;
    }
    return height;
}

bool sim_check_recovered(struct sim *sim)
{
    if (sim->checks->goal_height == 0) sim->checks->goal_height = highest(sim) + BLOCKS_WANTED;
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        if (sim->machines[i].byzantine) continue;
        if (sim->machines[i].node == NULL) return false;
        struct sim_probe probe;
        sim->machines[i].kind->probe(sim->machines[i].node, &probe);
        if (probe.height < sim->checks->goal_height) return false;
    }
    return true;
}

void sim_check_standing(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        const struct sim_machine *machine = &sim->machines[i];
        struct sim_probe probe = {0};
        if (machine->node != NULL) machine->kind->probe(machine->node, &probe);
        if (probe.diverged && !machine->byzantine)
            sim_fail(sim, i, "says that its state is not the others', in view %llu",
                     (unsigned long long)probe.view);
        if (machine->disk.bytes > RECORDS_MOST)
            sim_fail(sim, i, "its log has %llu bytes", (unsigned long long)machine->disk.bytes);
        if (machine->sayings_count > SIM_SAYINGS_MAX)
            sim_fail(sim, i, "it said %u messages in one turn", machine->sayings_count);
    }
}
