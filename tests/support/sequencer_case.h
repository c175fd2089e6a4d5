/* Some engines on one table, for tests: a network that is a queue with one latency, a log for each
 * node that keeps what was synced, and a toy app. A turn ends as a node's does: records become
 * durable, then what was sent leaves.
 *
 * The app's state is a chain of hashes over block hashes; a block's body is some digests. What a
 * node records and delivers is written to a trace: the expected trace is the test. */
#ifndef TENOR_SEQUENCER_CASE_H
#define TENOR_SEQUENCER_CASE_H

#include "tenor/sequencer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_NODES_MAX  10u
#define CASE_BLOCKS_MAX 4096u
#define CASE_LATENCY_US 1000
#define CASE_EPOCHS_MAX 64u

/* ---- Signatures that cost nothing and that only tests may forge ---- */

static inline bool fast_key(void *context, struct tn_public_key *key,
                            const struct tn_secret_key *secret)
{
    struct tn_hash hash;
    (void)context;
    tn_keccak256(&hash, secret->bytes, sizeof(secret->bytes));
    key->bytes[0] = 2;
    memcpy(key->bytes + 1, hash.bytes, 32);
    return true;
}

static inline void fast_tag(struct tn_signature *signature, const struct tn_hash *digest,
                            const uint8_t key[33])
{
    uint8_t preimage[65];
    struct tn_hash hash;
    memcpy(preimage, key, 33);
    memcpy(preimage + 33, digest->bytes, 32);
    tn_keccak256(&hash, preimage, sizeof(preimage));
    memcpy(signature->bytes, hash.bytes, 32);
    memcpy(signature->bytes + 32, hash.bytes, 32);
}

static inline bool fast_sign(void *context, struct tn_signature *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *secret)
{
    struct tn_public_key key;
    fast_key(context, &key, secret);
    fast_tag(signature, digest, key.bytes);
    return true;
}

static inline bool fast_verify(void *context, const struct tn_hash *digest,
                               const struct tn_signature *signature,
                               const struct tn_public_key *key)
{
    struct tn_signature expected;
    (void)context;
    fast_tag(&expected, digest, key->bytes);
    return memcmp(expected.bytes, signature->bytes, sizeof(expected.bytes)) == 0;
}

static inline bool fast_parse(void *context, struct tn_parsed_key *parsed,
                              const struct tn_public_key *key)
{
    (void)context;
    memcpy(parsed->bytes, key->bytes, 33);
    return true;
}

static inline bool fast_verify_parsed(void *context, const struct tn_hash *digest,
                                      const struct tn_signature *signature,
                                      const struct tn_parsed_key *key)
{
    struct tn_signature expected;
    (void)context;
    fast_tag(&expected, digest, key->bytes);
    return memcmp(expected.bytes, signature->bytes, sizeof(expected.bytes)) == 0;
}

static const struct tn_signatures case_fast = {.sign = fast_sign,
                                               .public_key = fast_key,
                                               .verify = fast_verify,
                                               .parse = fast_parse,
                                               .verify_parsed = fast_verify_parsed};

/* ---- The table ---- */

struct case_record {
    uint8_t type;
    size_t size;
    uint8_t *bytes;
};

struct case_packet {
    struct case_packet *next;
    int64_t due_us;
    uint16_t from, to;
    size_t size;
    uint8_t bytes[];
};

struct case_block {
    struct tn_block_header header;
    struct tn_hash hash, root; /* root: of the state after it */
    uint8_t *body;
};

struct case_world;

struct case_node {
    struct case_world *world;
    uint16_t index; /* on the table; its index in a set may be another */
    struct tn_secret_key key;
    struct tn_sequencer *engine; /* NULL: it is down */
    void *memory;
    struct case_record *records;
    uint32_t records_count, records_durable, records_room;
    struct case_packet *unsent;
    struct case_block *chain; /* by height; [0] the genesis */
    uint64_t height;          /* executed */
    uint32_t work;            /* blocks that it has batches for */
    uint32_t body_digests;    /* of a block with work */
    enum tn_verdict verdict;  /* of blocks that others propose */
    bool withholds_body;      /* finalized says WAIT */
    uint64_t lies_at;         /* its own execution of this height is wrong */
    uint32_t evidence_count, bans_count, behind_count;
    uint8_t evidence[TN_EVIDENCE_BYTES_MAX];
    size_t evidence_size;
    uint64_t certified, certified_ends; /* the last one; bit: epochs whose end was certified */
    uint8_t *handovers[CASE_EPOCHS_MAX];
    size_t handover_sizes[CASE_EPOCHS_MAX];
    uint64_t told; /* coming: the last height */
    bool in_message;
    uint32_t executed_in_messages; /* blocks, and not in a tick */
};

/* True: this message is lost. */
typedef bool (*case_loss)(struct case_world *world, uint16_t from, uint16_t to,
                          const uint8_t *bytes, size_t size);

struct case_world {
    uint32_t count, members; /* nodes, of which so many are in the first set */
    int64_t now_us;
    struct case_node nodes[CASE_NODES_MAX];
    struct case_packet *flying;
    struct tn_sequencer_limits limits;
    const struct tn_signatures *signatures;
    uint64_t weights[CASE_NODES_MAX];
    uint32_t epoch_blocks; /* every so many heights an epoch ends; 0: never */
    bool delivers_late;    /* of nodes that are started from now on */
    struct tn_validators (*set_of)(struct case_world *world, uint64_t epoch);
    case_loss loss;
    bool is_traced;
    char trace[1 << 16];
    size_t trace_size;
};

static inline void case_say(struct case_world *world, const char *format, ...)
{
    va_list list;
    if (!world->is_traced) return;
    const size_t room = sizeof(world->trace) - world->trace_size;
    va_start(list, format);
    int size = vsnprintf(world->trace + world->trace_size, room, format, list);
    va_end(list);
    if (size > 0 && (size_t)size < room) world->trace_size += (size_t)size;
}

/* ---- The app ---- */

static inline bool case_build(void *context, struct tn_block_header *header, uint8_t *body,
                              size_t body_max, const struct tn_sequencer_block *chain,
                              uint32_t chain_count)
{
    struct case_node *node = context;
    (void)chain;
    (void)chain_count;
    header->time_ms += 1;
    header->exec_root = node->chain[header->exec_height].root;
    const uint32_t each = node->world->epoch_blocks;
    if (each > 0 && header->height % each == 0) header->flags |= TN_BLOCK_EPOCH_FINAL;
    if (node->work > 0 && body_max >= 32 * (size_t)node->body_digests) {
        uint8_t seed[16];
        tn_put_be(seed, header->view, 8);
        node->work--;
        header->batches_count = node->body_digests;
        for (uint32_t i = 0; i < node->body_digests; i++) {
            struct tn_hash digest;
            tn_put_be(seed + 8, ((uint64_t)node->index << 32) + i, 8);
            tn_keccak256(&digest, seed, sizeof(seed));
            memcpy(body + 32 * (size_t)i, digest.bytes, 32);
        }
        header->body_size = 32 * node->body_digests;
    }
    tn_stream_block_body_root(&header->body_root, (const struct tn_hash *)(const void *)body,
                              header->batches_count);
    return true;
}

static inline enum tn_verdict case_validate(void *context, const struct tn_sequencer_block *block,
                                            const struct tn_sequencer_block *chain,
                                            uint32_t chain_count, bool local)
{
    struct case_node *node = context;
    const struct tn_hash *parent =
        chain_count > 0 ? &chain[chain_count - 1].hash : &node->chain[node->height].hash;
    TN_ASSERT(tn_hash_equal(parent, &block->header->parent_hash));
    TN_ASSERT(block->header->exec_height <= node->height);
    const struct tn_hash *root = &node->chain[block->header->exec_height].root;
    if (!tn_hash_equal(root, &block->header->exec_root)) return TN_VERDICT_BAD;
    const uint32_t each = node->world->epoch_blocks;
    const bool ends = each > 0 && block->header->height % each == 0;
    if (ends != ((block->header->flags & TN_BLOCK_EPOCH_FINAL) != 0)) return TN_VERDICT_BAD;
    return local || node->verdict == TN_VERDICT_BAD ? node->verdict : TN_VERDICT_OK;
}

static inline void case_persist(void *context, const struct tn_sequencer_block *block)
{
    (void)context;
    (void)block;
}

static inline void case_coming(void *context, const struct tn_sequencer_block *block)
{
    struct case_node *node = context;
    TN_ASSERT(block->header->height > node->height + 1);
    node->told = block->header->height;
}

static inline void case_execute(struct case_node *node, const struct tn_sequencer_block *block)
{
    struct case_block *made = &node->chain[++node->height];
    uint8_t preimage[64];
    TN_ASSERT(node->height < CASE_BLOCKS_MAX && block->header->height == node->height);
    made->header = *block->header;
    made->hash = block->hash;
    free(made->body);
    made->body = malloc(block->body_size + 1);
    if (block->body_size > 0) memcpy(made->body, block->body, block->body_size);
    memcpy(preimage, node->chain[node->height - 1].root.bytes, 32);
    memcpy(preimage + 32, block->hash.bytes, 32);
    if (node->lies_at == node->height) preimage[0] ^= 1;
    tn_keccak256(&made->root, preimage, sizeof(preimage));
}

static inline enum tn_delivery case_finalized(void *context, const struct tn_sequencer_block *block,
                                              const uint8_t *cert, size_t cert_size)
{
    struct case_node *node = context;
    (void)cert;
    (void)cert_size;
    if (node->withholds_body) return TN_DELIVERY_WAIT;
    TN_ASSERT(block->header->height == node->height + 1);
    TN_ASSERT(tn_hash_equal(&block->header->parent_hash, &node->chain[node->height].hash));
    case_execute(node, block);
    if (node->in_message) node->executed_in_messages++;
    case_say(node->world, "[%3d] %u delivers %u%s\n", (int)(node->world->now_us / 1000),
             node->index, (unsigned)node->height,
             (block->header->flags & TN_BLOCK_EMPTY) != 0 ? " empty" : "");
    const struct tn_hash *root = &node->chain[block->header->exec_height].root;
    return tn_hash_equal(root, &block->header->exec_root) ? TN_DELIVERY_DONE : TN_DELIVERY_DIVERGED;
}

static inline bool case_pending(void *context, const struct tn_sequencer_block *chain,
                                uint32_t chain_count)
{
    struct case_node *node = context;
    (void)chain;
    (void)chain_count;
    return node->work > 0;
}

static inline bool case_checkpoint(void *context, struct tn_checkpoint *checkpoint, uint64_t height)
{
    struct case_node *node = context;
    TN_ASSERT(height == node->height);
    *checkpoint = (struct tn_checkpoint){.epoch = node->chain[height].header.epoch,
                                         .height = height,
                                         .state_root = node->chain[height].root};
    return true;
}

static inline void case_certified(void *context, const struct tn_checkpoint *checkpoint,
                                  const uint8_t *cert, size_t size)
{
    struct case_node *node = context;
    (void)cert;
    (void)size;
    node->certified = checkpoint->height;
    const uint32_t each = node->world->epoch_blocks;
    if (each > 0 && checkpoint->height % each == 0 && checkpoint->epoch < 64) {
        node->certified_ends |= UINT64_C(1) << checkpoint->epoch;
    }
}

static inline void case_next_set(void *context, struct tn_validators *set, uint64_t epoch)
{
    struct case_node *node = context;
    *set = node->world->set_of(node->world, epoch);
    case_say(node->world, "[%3d] %u begins epoch %u\n", (int)(node->world->now_us / 1000),
             node->index, (unsigned)epoch);
}

static inline void case_epoch_ended(void *context, uint64_t epoch, const uint8_t *bytes,
                                    size_t size)
{
    struct case_node *node = context;
    TN_ASSERT(epoch < CASE_EPOCHS_MAX);
    free(node->handovers[epoch]);
    node->handovers[epoch] = malloc(size);
    memcpy(node->handovers[epoch], bytes, size);
    node->handover_sizes[epoch] = size;
}

static inline void case_evidence(void *context, const uint8_t *evidence, size_t size)
{
    struct case_node *node = context;
    node->evidence_count++;
    memcpy(node->evidence, evidence, size);
    node->evidence_size = size;
}

static inline void case_behind(void *context, uint64_t height)
{
    struct case_node *node = context;
    (void)height;
    node->behind_count++;
}

static inline bool case_block_at(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    struct case_node *node = context;
    if (height == 0 || height > node->height) return false;
    const struct case_block *held = &node->chain[height];
    *block = (struct tn_sequencer_block){.header = &held->header,
                                         .hash = held->hash,
                                         .body = held->body,
                                         .body_size = held->header.body_size};
    return true;
}

static inline bool case_handover(void *context, const uint8_t **bytes, size_t *size, uint64_t epoch)
{
    struct case_node *node = context;
    if (epoch >= CASE_EPOCHS_MAX || node->handovers[epoch] == NULL) return false;
    *bytes = node->handovers[epoch];
    *size = node->handover_sizes[epoch];
    return true;
}

/* ---- Outputs ---- */

static inline void case_say_vote(struct case_node *node, const uint8_t *bytes)
{
    static const char *const names[] = {"?", "NOTARIZE", "NULLIFY", "FINALIZE"};
    case_say(node->world, "[%3d] %u %s %u\n", (int)(node->world->now_us / 1000), node->index,
             names[bytes[9]], (unsigned)tn_get_be(bytes + 10, 8));
}

static inline void case_record(void *context, enum tn_sequencer_record type, const uint8_t *bytes,
                               size_t size)
{
    struct case_node *node = context;
    if (node->records_count == node->records_room) {
        node->records_room = node->records_room * 2 + 64;
        node->records = realloc(node->records, node->records_room * sizeof(struct case_record));
    }
    struct case_record *record = &node->records[node->records_count++];
    record->type = (uint8_t)type;
    record->size = size;
    record->bytes = malloc(size + 1);
    memcpy(record->bytes, bytes, size);
    if (type == TN_SEQUENCER_VOTE) case_say_vote(node, bytes);
}

static inline void case_put(struct case_node *node, uint16_t to, const uint8_t *bytes, size_t size)
{
    struct case_packet *packet = malloc(sizeof(*packet) + size);
    *packet = (struct case_packet){.from = node->index, .to = to, .size = size};
    memcpy(packet->bytes, bytes, size);
    struct case_packet **end = &node->unsent;
    while (*end != NULL)
        end = &(*end)->next;
    *end = packet;
}

static inline uint32_t case_find(const struct case_world *world, const struct tn_public_key *key)
{
    for (uint32_t i = 0; i < world->count; i++) {
        struct tn_public_key own;
        world->signatures->public_key(world->signatures->context, &own, &world->nodes[i].key);
        if (tn_public_key_equal(&own, key)) return i;
    }
    return TN_NONE;
}

static inline void case_send(void *context, uint16_t to, enum tn_priority priority,
                             const uint8_t *bytes, size_t size)
{
    struct case_node *node = context;
    const struct tn_validators *set = tn_sequencer_set(node->engine);
    (void)priority;
    if (to != TN_PEER_ALL) {
        uint32_t place = to < set->count ? case_find(node->world, &set->members[to].key)
                                         : to - TN_VALIDATORS_MAX;
        if (place < node->world->count) case_put(node, (uint16_t)place, bytes, size);
        return;
    }
    for (uint16_t i = 0; i < node->world->count; i++)
        if (i != node->index) case_put(node, i, bytes, size);
}

static inline void case_ban(void *context, uint16_t peer, const char *why)
{
    struct case_node *node = context;
    node->bans_count++;
    case_say(node->world, "[%3d] %u bans %u: %s\n", (int)(node->world->now_us / 1000), node->index,
             peer, why);
}

/* ---- The world ---- */

static inline struct tn_validators case_set(struct case_world *world, uint32_t first,
                                            uint32_t count, uint64_t epoch)
{
    struct tn_validator members[CASE_NODES_MAX];
    struct tn_validators set;
    for (uint32_t i = 0; i < count; i++) {
        const struct case_node *node = &world->nodes[first + i];
        members[i] =
            (struct tn_validator){.id = (uint16_t)(first + i), .weight = world->weights[first + i]};
        world->signatures->public_key(world->signatures->context, &members[i].key, &node->key);
        memcpy(members[i].address.bytes, members[i].key.bytes + 1, 20);
    }
    bool made = tn_validators_make(&set, epoch, 1, members, count);
    TN_ASSERT(made);
    return set;
}

static inline struct tn_validators case_same_set(struct case_world *world, uint64_t epoch)
{
    return case_set(world, 0, world->members, epoch);
}

static inline struct case_world *case_begin(uint32_t count)
{
    struct case_world *world = calloc(1, sizeof(*world));
    world->count = world->members = count;
    world->signatures = &case_fast;
    world->set_of = case_same_set;
    tn_sequencer_limits_default(&world->limits);
    world->limits.validators_max = CASE_NODES_MAX;
    world->limits.views_max = 256;
    world->limits.bodies_max = 32;
    world->limits.body_max = 4096;
    world->limits.behind_max = 1024;
    memset(world->limits.chain_id, 7, 32);
    for (uint16_t i = 0; i < count; i++) {
        struct case_node *node = &world->nodes[i];
        node->world = world;
        node->index = i;
        memset(node->key.bytes, i + 1, 32);
        world->weights[i] = 1;
        node->chain = calloc(CASE_BLOCKS_MAX, sizeof(struct case_block));
        memset(node->chain[0].root.bytes, 0xee, 32);
        memset(node->chain[0].hash.bytes, 0xdd, 32);
        node->chain[0].header.time_ms = 1000;
        node->chain[0].header.flags = TN_BLOCK_EMPTY | TN_BLOCK_EPOCH_FINAL;
        node->body_digests = 1;
    }
    return world;
}

static const struct tn_sequencer_app case_app = {.build = case_build,
                                                 .validate = case_validate,
                                                 .persist = case_persist,
                                                 .coming = case_coming,
                                                 .finalized = case_finalized,
                                                 .pending = case_pending,
                                                 .checkpoint = case_checkpoint,
                                                 .certified = case_certified,
                                                 .next_set = case_next_set,
                                                 .epoch_ended = case_epoch_ended,
                                                 .evidence = case_evidence,
                                                 .behind = case_behind,
                                                 .block = case_block_at,
                                                 .handover = case_handover};

/* Records become durable, then what was sent leaves. */
static inline void case_end_turn(struct case_node *node)
{
    struct case_world *world = node->world;
    node->records_durable = node->records_count;
    struct case_packet **end = &world->flying;
    while (*end != NULL)
        end = &(*end)->next;
    while (node->unsent != NULL) {
        struct case_packet *packet = node->unsent;
        node->unsent = packet->next;
        if (world->loss != NULL &&
            world->loss(world, packet->from, packet->to, packet->bytes, packet->size)) {
            free(packet);
            continue;
        }
        packet->next = NULL;
        packet->due_us = world->now_us + CASE_LATENCY_US;
        *end = packet;
        end = &packet->next;
    }
}

/* Starts a node at the state that its app has: after `height`, from the log that it has. */
static inline void case_start(struct case_node *node, uint64_t height)
{
    struct case_world *world = node->world;
    const size_t size = tn_sequencer_size(&world->limits);
    struct tn_sequencer_config config = {.limits = world->limits,
                                         .app = case_app,
                                         .signatures = world->signatures,
                                         .key = node->key,
                                         .is_validator = true,
                                         .delivers_late = world->delivers_late};
    TN_ASSERT(node->engine == NULL && size > 0 && height <= node->height);
    node->height = height;
    config.app.context = node;
    config.out = (struct tn_sequencer_out){
        .context = node, .record = case_record, .send = case_send, .ban = case_ban};
    config.root = node->chain[height].header;
    config.root_hash = node->chain[height].hash;
    const bool ended = (config.root.flags & TN_BLOCK_EPOCH_FINAL) != 0;
    config.set = world->set_of(world, config.root.epoch + (ended ? 1 : 0));
    node->memory = aligned_alloc(64, tn_align(size));
    memset(node->memory, 0, size);
    node->engine = tn_sequencer_init(node->memory, &config);
    for (uint32_t i = 0; i < node->records_count; i++) {
        const struct case_record *record = &node->records[i];
        bool restored =
            tn_sequencer_restore(node->engine, record->type, record->bytes, record->size);
        TN_ASSERT(restored);
    }
    tn_sequencer_start(node->engine, world->now_us);
    case_end_turn(node);
}

static inline void case_forget(struct case_node *node, uint32_t from)
{
    for (uint32_t i = from; i < node->records_count; i++)
        free(node->records[i].bytes);
    if (node->records_count > from) node->records_count = from;
    if (node->records_durable > from) node->records_durable = from;
}

/* The power goes: what was not synced is lost, and so is what had not left. */
static inline void case_crash(struct case_node *node)
{
    case_forget(node, node->records_durable);
    while (node->unsent != NULL) {
        struct case_packet *packet = node->unsent;
        node->unsent = packet->next;
        free(packet);
    }
    free(node->memory);
    node->memory = NULL;
    node->engine = NULL;
}

static inline void case_start_all(struct case_world *world)
{
    for (uint32_t i = 0; i < world->count; i++)
        case_start(&world->nodes[i], 0);
}

static inline void case_deliver(struct case_world *world, struct case_packet *packet)
{
    struct case_node *node = &world->nodes[packet->to];
    if (node->engine != NULL) {
        struct tn_public_key key;
        world->signatures->public_key(world->signatures->context, &key,
                                      &world->nodes[packet->from].key);
        uint32_t from = tn_validators_find_key(tn_sequencer_set(node->engine), &key);
        if (from == TN_NONE) from = TN_VALIDATORS_MAX + packet->from;
        node->in_message = true;
        tn_sequencer_message(node->engine, (uint16_t)from, packet->bytes, packet->size,
                             world->now_us);
        node->in_message = false;
        case_end_turn(node);
    }
    free(packet);
}

/* Runs one event; false: nothing happens before end_us. */
static inline bool case_step(struct case_world *world, int64_t end_us)
{
    int64_t due_us = INT64_MAX;
    struct case_node *next = NULL;
    for (uint32_t i = 0; i < world->count; i++) {
        struct case_node *node = &world->nodes[i];
        if (node->engine == NULL) continue;
        int64_t timeout_us = tn_sequencer_timeout(node->engine);
        if (timeout_us < due_us) {
            due_us = timeout_us;
            next = node;
        }
    }
    struct case_packet *packet = world->flying;
    if (packet != NULL && packet->due_us <= due_us) {
        if (packet->due_us > end_us) return false;
        world->flying = packet->next;
        world->now_us = packet->due_us > world->now_us ? packet->due_us : world->now_us;
        case_deliver(world, packet);
        return true;
    }
    if (next == NULL || due_us > end_us) return false;
    world->now_us = due_us > world->now_us ? due_us : world->now_us;
    tn_sequencer_tick(next->engine, world->now_us);
    case_end_turn(next);
    return true;
}

static inline void case_run_us(struct case_world *world, int64_t duration_us)
{
    const int64_t end_us = world->now_us + duration_us;
    while (case_step(world, end_us)) {
    }
    world->now_us = end_us;
}

/* Runs until every node that is up has delivered this height. False: not in 20 seconds. */
static inline bool case_run_to(struct case_world *world, uint64_t height)
{
    const int64_t end_us = world->now_us + 20000000;
    for (;;) {
        bool there = true;
        for (uint32_t i = 0; i < world->count; i++)
            if (world->nodes[i].engine != NULL && world->nodes[i].height < height) there = false;
        if (there) return true;
        if (!case_step(world, end_us)) return false;
    }
}

static inline void case_work(struct case_world *world, uint32_t blocks)
{
    for (uint32_t i = 0; i < world->count; i++) {
        struct case_node *node = &world->nodes[i];
        node->work = blocks;
        if (node->engine == NULL) continue;
        tn_sequencer_wake(node->engine, world->now_us);
        case_end_turn(node);
    }
}

/* No two nodes have delivered different blocks at one height. */
static inline bool case_agrees(const struct case_world *world)
{
    for (uint32_t i = 1; i < world->count; i++) {
        const struct case_node *a = &world->nodes[i];
        for (uint32_t j = 0; j < i; j++) {
            const struct case_node *b = &world->nodes[j];
            for (uint64_t h = 1; h <= a->height && h <= b->height; h++)
                if (!tn_hash_equal(&a->chain[h].hash, &b->chain[h].hash)) return false;
        }
    }
    return true;
}

static inline void case_end(struct case_world *world)
{
    for (uint32_t i = 0; i < world->count; i++) {
        struct case_node *node = &world->nodes[i];
        case_crash(node);
        case_forget(node, 0);
        free(node->records);
        for (uint32_t h = 0; h < CASE_BLOCKS_MAX; h++)
            free(node->chain[h].body);
        free(node->chain);
        for (uint32_t e = 0; e < CASE_EPOCHS_MAX; e++)
            free(node->handovers[e]);
    }
    while (world->flying != NULL) {
        struct case_packet *packet = world->flying;
        world->flying = packet->next;
        free(packet);
    }
    free(world);
}

static inline struct tn_sequencer_status case_status(const struct case_node *node)
{
    struct tn_sequencer_status status;
    tn_sequencer_status(node->engine, &status);
    return status;
}

#endif
