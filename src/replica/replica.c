/* replica: entries make batches, batches make blocks, and after each block the trees say where the
 * state stands.
 *
 * A block's header has the root of the state before it (exec_height is its parent's): the root
 * after a block is known a moment later than its hash, and the next header carries it. Its first
 * parent is the genesis, named by the root of the empty market. */
#include "replica/internal.h"

/* ---- Memory ------------------------------------------------------------------------------------
 */

static struct tn_shard_limits shard_limits(const struct tn_replica_limits *limits)
{
    return (struct tn_shard_limits){.exchange = &limits->exchange, .id = limits->market};
}

/* What the changes of a large block need, so that hashing them can wait until it is over. */
static size_t tape_size(const struct tn_replica_limits *limits, size_t least)
{
    enum { MOST = 32 << 20, PER_ORDER = 160, PER_ACCOUNT = 512 };
    const uint64_t room = (uint64_t)limits->exchange.orders_max * PER_ORDER +
                          (uint64_t)limits->exchange.accounts_max * PER_ACCOUNT;
    return tn_align(least + (room < MOST ? (size_t)room : MOST));
}

static size_t lay_out(struct tn_replica *replica, unsigned char *memory,
                      const struct tn_replica_limits *limits)
{
    size_t used = tn_align(sizeof *replica);
    const struct tn_shard_limits shard = shard_limits(limits);
    tn_shard_lay_out(&replica->shard, memory, &used, &shard);
    replica->room.scratch_size = tape_size(limits, tn_shard_scratch_size(&shard));
    replica->room.scratch = shard_region(memory, &used, replica->room.scratch_size);
    replica->room.names = replica->names;
    replica->room.records = replica->records;
    replica->hashing = replica->room;
    replica->hashing.scratch = shard_region(memory, &used, replica->room.scratch_size);
    replica->hashing.names = NULL;
    replica->hashing.records = replica->records_hashed;
    return used;
}

size_t tn_replica_size(const struct tn_replica_limits *limits)
{
    struct tn_replica scratch;
    if (tn_exchange_size(&limits->exchange) == 0) return 0;
    return lay_out(&scratch, NULL, limits);
}

/* What the root says besides the market, as of now. */
static void take_globals(struct tn_replica *replica)
{
    tn_replica_exits_root(&replica->heads.state.globals[TN_GLOBAL_EXITS], &replica->heads,
                          replica->limits.market);
    tn_replica_globals(&replica->heads, replica->limits.market);
}

static void take_root(struct tn_replica *replica)
{
    take_globals(replica);
    tn_state_root(&replica->heads.root, replica->shard.state, &replica->heads.state);
}

struct tn_replica *tn_replica_init(void *memory, const struct tn_replica_limits *limits)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    struct tn_replica *replica = memory;
    const struct tn_shard_limits shard = shard_limits(limits);
    memset(replica, 0, sizeof *replica);
    lay_out(replica, memory, limits);
    replica->limits = *limits;
    tn_shard_init(&replica->shard, &shard);
    memcpy(replica->heads.state.chain_id, limits->chain_id, sizeof limits->chain_id);
    tn_shard_fill(replica->shard.state, &replica->shard, &replica->room);
    take_root(replica);
    tn_shard_note_all(&replica->shard);
    replica_note_changed(replica, TN_RECORD_CHAIN, 0);
    return replica;
}

void tn_replica_tell(struct tn_replica *replica, const struct tn_replica_listener *listener)
{
    replica->listener = *listener;
}

void tn_replica_lend_hands(struct tn_replica *replica, const struct tn_hands *hands)
{
    replica->hands = *hands;
}

/* ---- Batches and blocks ------------------------------------------------------------------------
 */

void tn_replica_begin_batch(struct tn_replica *replica)
{
    TN_ASSERT(!replica->has_batch);
    tn_stream_batch_begin(&replica->builder, tn_exchange_height(replica->shard.exchange));
}

/* Appends a leaf to a range and tells which nodes came to be: `place` of the first is twice the
 * leaves before it less the peaks they had. */
static void append(struct tn_replica *replica, struct tn_proof_range *range,
                   enum tn_proof_kind kind, const struct tn_hash *leaf)
{
    struct tn_hash nodes[TN_PROOF_SIDES + 1];
    uint64_t place = 2 * range->count - (uint64_t)__builtin_popcountll(range->count);
    uint32_t count = tn_proof_range_append(range, nodes, leaf);
    const struct tn_replica_listener *listener = &replica->listener;
    for (uint32_t i = 0; i < count && listener->node != NULL; i++)
        listener->node(listener->context, kind, place + i, &nodes[i]);
}

static void append_withdrawal(struct tn_replica *replica, const struct tn_event *event)
{
    struct tn_proof_range *range = &replica->heads.withdrawals;
    struct tn_hash leaf;
    uint8_t body[TN_PROOF_WITHDRAWAL_SIZE];
    tn_shard_write_withdrawal(body, &replica->shard, event, replica->heads.height + 1);
    tn_proof_range_leaf(&leaf, TN_PROOF_WITHDRAWALS, range->count, body, sizeof body);
    append(replica, range, TN_PROOF_WITHDRAWALS, &leaf);
    const struct tn_replica_listener *listener = &replica->listener;
    if (listener->withdrawal != NULL)
        listener->withdrawal(listener->context, range->count - 1, body);
}

uint32_t tn_replica_apply(struct tn_replica *replica, struct tn_event *events, uint32_t events_max,
                          const struct tn_entry *entry, const uint8_t *bytes, size_t size)
{
    TN_ASSERT(!replica->has_batch);
    uint32_t count = tn_exchange_apply(replica->shard.exchange, events, events_max, entry);
    tn_stream_batch_add(&replica->builder, entry, bytes, size, events, count);
    for (uint32_t i = 0; i < count; i++) {
        if (shard_is_withdrawal(&events[i])) append_withdrawal(replica, &events[i]);
    }
    return count;
}

void tn_replica_end_batch(struct tn_replica *replica, struct tn_batch_header *header)
{
    TN_ASSERT(!replica->has_batch);
    *header = (struct tn_batch_header){.market = replica->limits.market,
                                       .sequence = replica->heads.batch_sequence + 1,
                                       .prev_digest = replica->heads.batch_digest};
    memcpy(header->chain_id, replica->limits.chain_id, sizeof header->chain_id);
    tn_stream_batch_end(header, &replica->builder);
    tn_stream_batch_digest(&replica->body, header);
    replica->entries_count = header->entries_count;
    replica->has_batch = true;
}

static void complete_header(const struct tn_replica *replica, struct tn_block_header *block)
{
    const struct tn_replica_heads *heads = &replica->heads;
    block->version = TN_BLOCK_VERSION;
    block->height = heads->height + 1;
    block->parent_hash = heads->height == 0 ? heads->root : heads->block_hash;
    block->batches_count = 1;
    block->body_size = TN_HASH_SIZE;
    tn_stream_block_body_root(&block->body_root, &replica->body, 1);
    block->exec_root = heads->root;
    block->exec_height = heads->height;
    block->evidence_root = (struct tn_hash){0};
    block->next_set_hash = (struct tn_hash){0};
    block->l1_cursor = 0;
}

void tn_replica_end_block_gather(struct tn_replica *replica, void (*wait)(void *context),
                                 void *context)
{
    TN_ASSERT(replica->has_batch && wait != NULL);
    replica->room.wait = wait;
    replica->room.context = context;
    tn_shard_gather(&replica->shard, &replica->room);
}

/* What was gathered is to be hashed, and the other tape is free. */
static void turn_tapes(struct tn_replica *replica)
{
    uint8_t *scratch = replica->hashing.scratch;
    TN_ASSERT(replica->hashing.tape_used == 0);
    replica->hashing.scratch = replica->room.scratch;
    replica->hashing.tape_used = replica->room.tape_used;
    replica->room.scratch = scratch;
    replica->room.tape_used = 0;
}

void tn_replica_end_block_begin(struct tn_replica *replica, struct tn_block_header *block,
                                struct tn_hash *hash)
{
    TN_ASSERT(replica->has_batch && !replica->is_ending);
    struct tn_replica_heads *heads = &replica->heads;
    struct tn_hash leaf;
    complete_header(replica, block);
    tn_stream_block_hash(hash, replica->limits.chain_id, block);
    heads->height = block->height;
    heads->block_hash = *hash;
    heads->batch_sequence++;
    heads->entries_count += replica->entries_count;
    heads->batch_digest = replica->body;
    replica->has_batch = false;
    tn_proof_range_leaf(&leaf, TN_PROOF_BLOCKS, heads->blocks.count, hash->bytes, TN_HASH_SIZE);
    append(replica, &heads->blocks, TN_PROOF_BLOCKS, &leaf);
    replica_note_changed(replica, TN_RECORD_CHAIN, 0);
    replica->room.wait = NULL;
    tn_shard_gather(&replica->shard, &replica->room); /* what is left of it, if some was before */
    turn_tapes(replica);
    if (replica->limits.exit_blocks > 0 && heads->height % replica->limits.exit_blocks == 0)
        tn_shard_exit_take(&replica->shard, &replica->hands, heads->height);
    take_globals(replica); /* what comes next may add to them */
    replica->is_ending = true;
}

void tn_replica_hash(struct tn_replica *replica)
{
    TN_ASSERT(replica->is_ending);
    tn_shard_hash(&replica->shard, &replica->hashing);
    if (replica->shard.exit.is_unhashed) tn_shard_exit_hash(&replica->shard, &replica->hands);
}

/* The exit checkpoint of the block that ended is hashed: its record, and the global of it. */
static void take_exit(struct tn_replica *replica)
{
    struct tn_replica_heads *heads = &replica->heads;
    if (!replica->shard.exit.is_unhashed) return;
    tn_shard_exit_record(&replica->shard, heads->exit);
    heads->has_exit = true;
    tn_replica_exits_root(&heads->state.globals[TN_GLOBAL_EXITS], heads, replica->limits.market);
}

void tn_replica_end_block_finish(struct tn_replica *replica, struct tn_hash *root)
{
    TN_ASSERT(replica->is_ending && replica->hashing.tape_used == 0);
    take_exit(replica);
    tn_state_root(&replica->heads.root, replica->shard.state, &replica->heads.state);
    replica->is_ending = false;
    *root = replica->heads.root;
}

void tn_replica_end_block(struct tn_replica *replica, struct tn_block_header *block,
                          struct tn_hash *hash, struct tn_hash *root)
{
    tn_replica_end_block_begin(replica, block, hash);
    tn_replica_hash(replica);
    tn_replica_end_block_finish(replica, root);
}

/* ---- What stands -------------------------------------------------------------------------------
 */

struct tn_exchange *tn_replica_exchange(struct tn_replica *replica)
{
    return replica->shard.exchange;
}

const struct tn_state *tn_replica_state(const struct tn_replica *replica)
{
    return replica->shard.state;
}

const struct tn_equity *tn_replica_equity(const struct tn_replica *replica)
{
    return replica->shard.equity;
}

const struct tn_replica_limits *tn_replica_limits(const struct tn_replica *replica)
{
    return &replica->limits;
}

const struct tn_replica_heads *tn_replica_heads(const struct tn_replica *replica)
{
    return &replica->heads;
}

uint32_t tn_replica_exit_accounts(const struct tn_replica *replica)
{
    return replica->shard.equities_count;
}

tn_micros tn_replica_exit_equity(const struct tn_replica *replica, uint32_t account)
{
    TN_ASSERT(account < replica->shard.equities_count);
    return replica->shard.equities[account];
}

/* ---- Records -----------------------------------------------------------------------------------
 */

uint32_t tn_replica_records_count(const struct tn_replica *replica, uint8_t kind)
{
    return kind == TN_RECORD_CHAIN ? 1 : tn_shard_records_count(&replica->shard, kind);
}

size_t tn_replica_record_size_max(const struct tn_replica_limits *limits, uint8_t kind)
{
    enum { CHAIN_SIZE_MAX = 256 + (2 * TN_PROOF_SIDES) * TN_HASH_SIZE + TN_PROOF_EXIT_SIZE };
    const struct tn_shard_limits shard = shard_limits(limits);
    return kind == TN_RECORD_CHAIN ? CHAIN_SIZE_MAX : tn_shard_record_size_max(&shard, kind);
}

size_t tn_replica_record(const struct tn_replica *replica, uint8_t *out, size_t out_size,
                         uint8_t kind, uint32_t index)
{
    if (index >= tn_replica_records_count(replica, kind)) return 0;
    if (kind == TN_RECORD_CHAIN) return tn_replica_write_chain(replica, out, out_size);
    return tn_shard_record(&replica->shard, out, out_size, kind, index);
}

void tn_replica_records_ahead(const struct tn_replica *replica, const struct tn_record_name *names,
                              uint32_t count)
{
    tn_shard_records_ahead(&replica->shard, names, count);
}

uint32_t tn_replica_changed(struct tn_replica *replica, struct tn_record_name *names,
                            uint32_t names_max)
{
    return tn_shard_changed(&replica->shard, names, names_max);
}

bool tn_replica_import(struct tn_replica *replica, struct tn_import_fault *fault, uint8_t kind,
                       uint32_t index, const uint8_t *record, size_t size)
{
    *fault = (struct tn_import_fault){.name = {.kind = kind, .index = index}};
    if (kind == TN_RECORD_CHAIN) return tn_replica_import_chain(replica, fault, record, size);
    return tn_shard_import(&replica->shard, fault, kind, index, record, size);
}

void tn_replica_trees_begin(struct tn_replica *replica)
{
    tn_shard_trees_begin(&replica->shard);
}

bool tn_replica_trees_add(struct tn_replica *replica, const struct tn_state_record *records,
                          uint32_t count)
{
    return tn_shard_trees_add(&replica->shard, records, count);
}

bool tn_replica_trees_end(struct tn_replica *replica)
{
    return tn_shard_trees_end(&replica->shard);
}

bool tn_replica_import_end(struct tn_replica *replica, struct tn_hash *root,
                           struct tn_import_fault *fault)
{
    const struct tn_replica_heads *heads = &replica->heads;
    if (!tn_shard_import_end(&replica->shard, fault, &replica->room, heads->exit, heads->has_exit))
        return false;
    take_root(replica);
    *root = replica->heads.root;
    return true;
}

/* ---- Checks ------------------------------------------------------------------------------------
 */

size_t tn_replica_rebuild_size(const struct tn_replica_limits *limits)
{
    struct tn_state_limits state;
    const struct tn_shard_limits shard = shard_limits(limits);
    tn_shard_state_limits(&state, &shard);
    state.orders_max = 0; /* books hashed whole: another way than what is kept */
    return tn_align(tn_state_size(&state)) + tn_align(tn_shard_scratch_size(&shard)) +
           NAMES_AT_ONCE * sizeof(struct tn_state_record);
}

void tn_replica_rebuild_root(const struct tn_replica *replica, struct tn_hash *root, void *memory)
{
    struct tn_state_limits limits;
    unsigned char *bytes = memory;
    const struct tn_shard_limits shard = shard_limits(&replica->limits);
    struct tn_shard_room room = {.scratch_size = tn_shard_scratch_size(&shard)};
    tn_shard_state_limits(&limits, &shard);
    limits.orders_max = 0; /* books hashed whole: another way than what is kept */
    struct tn_state *state = tn_state_init(bytes, &limits, replica->limits.market);
    room.scratch = bytes + tn_align(tn_state_size(&limits));
    room.records = (void *)(room.scratch + tn_align(room.scratch_size));
    tn_shard_fill(state, &replica->shard, &room);
    tn_state_root(root, state, &replica->heads.state);
}
