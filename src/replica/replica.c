/* replica: entries make batches, batches make blocks, and after each block the trees say where the
 * state stands.
 *
 * A block's header has the root of the state before it (exec_height is its parent's): the root
 * after a block is known a moment later than its hash, and the next header carries it. Its first
 * parent is the genesis, named by the root of the empty market. */
#include "replica/internal.h"

/* ---- Memory ------------------------------------------------------------------------------------
 */

static void *region(unsigned char *memory, size_t *used, size_t size)
{
    void *start = memory == NULL ? NULL : memory + *used;
    *used += tn_align(size);
    return start;
}

static uint32_t kind_max(const struct tn_replica_limits *limits, uint32_t kind)
{
    uint32_t accounts = limits->exchange.accounts_max;
    switch (kind) {
        case 0: return 0;
        case TN_RECORD_CHAIN: return 1;
        case TN_RECORD_EQUITY: return (accounts - 1) / TN_RECORD_EQUITY_CHUNK + 1;
        default: break;
    }
    if (kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_max(&limits->exchange, (enum tn_record_kind)kind);
}

static size_t lay_out(struct tn_replica *replica, unsigned char *memory,
                      const struct tn_replica_limits *limits)
{
    size_t used = tn_align(sizeof *replica);
    struct tn_state_limits state;
    tn_replica_state_limits(&state, limits);
    replica->exchange = region(memory, &used, tn_exchange_size(&limits->exchange));
    replica->state = region(memory, &used, tn_state_size(&state));
    replica->equity = region(memory, &used, tn_equity_size(limits->exchange.accounts_max));
    replica->equities =
        region(memory, &used, (size_t)limits->exchange.accounts_max * sizeof(tn_micros));
    replica->scratch_size = tn_replica_scratch_size(limits);
    replica->scratch = region(memory, &used, replica->scratch_size);
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++) {
        replica->changed_max[kind] = kind_max(limits, kind);
        size_t words = ((size_t)replica->changed_max[kind] + 63) / 64;
        replica->changed[kind] = region(memory, &used, words * sizeof(uint64_t));
    }
    return used;
}

size_t tn_replica_size(const struct tn_replica_limits *limits)
{
    struct tn_replica scratch;
    if (tn_exchange_size(&limits->exchange) == 0) return 0;
    return lay_out(&scratch, NULL, limits);
}

static void note_all_changed(struct tn_replica *replica)
{
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        uint32_t count = tn_replica_records_count(replica, kind);
        for (uint32_t i = 0; i < count; i++)
            replica_note_changed(replica, kind, i);
    }
}

static void take_root(struct tn_replica *replica)
{
    tn_replica_globals(&replica->heads, replica->limits.market);
    tn_state_root(&replica->heads.root, replica->state, &replica->heads.state);
}

static void fill_trees(struct tn_replica *replica)
{
    tn_replica_fill(replica->state, replica->exchange, replica->records, replica->scratch,
                    replica->scratch_size);
}

struct tn_replica *tn_replica_init(void *memory, const struct tn_replica_limits *limits)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0);
    struct tn_replica *replica = memory;
    struct tn_state_limits state;
    memset(replica, 0, sizeof *replica);
    lay_out(replica, memory, limits);
    replica->limits = *limits;
    tn_replica_state_limits(&state, limits);
    tn_exchange_init(replica->exchange, &limits->exchange);
    tn_state_init(replica->state, &state, limits->market);
    tn_equity_init(replica->equity, limits->exchange.accounts_max,
                   (enum tn_cpu)limits->exchange.cpu);
    memcpy(replica->heads.state.chain_id, limits->chain_id, sizeof limits->chain_id);
    fill_trees(replica);
    take_root(replica);
    note_all_changed(replica);
    return replica;
}

void tn_replica_tell(struct tn_replica *replica, const struct tn_replica_listener *listener)
{
    replica->listener = *listener;
}

/* ---- Batches and blocks ------------------------------------------------------------------------
 */

void tn_replica_begin_batch(struct tn_replica *replica)
{
    TN_ASSERT(!replica->has_batch);
    tn_stream_batch_begin(&replica->builder, tn_exchange_height(replica->exchange));
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
    struct tn_account_view account;
    struct tn_hash leaf;
    uint8_t body[TN_PROOF_WITHDRAWAL_SIZE];
    bool is_there = tn_exchange_account(replica->exchange, &account, event->account);
    TN_ASSERT(is_there);
    const struct tn_withdrawal withdrawal = {.height = replica->heads.height + 1,
                                             .market = replica->limits.market,
                                             .account = event->account,
                                             .asset = event->index,
                                             .amount = -event->money};
    tn_replica_write_withdrawal(body, account.owner, &withdrawal);
    tn_proof_range_leaf(&leaf, TN_PROOF_WITHDRAWALS, range->count, body, sizeof body);
    append(replica, range, TN_PROOF_WITHDRAWALS, &leaf);
    const struct tn_replica_listener *listener = &replica->listener;
    if (listener->withdrawal != NULL)
        listener->withdrawal(listener->context, range->count - 1, body);
}

/* A withdrawal that is not the world's own money coming in. */
static bool is_withdrawal(const struct tn_event *event)
{
    return event->kind == TN_EVENT_MONEY && event->other_account == TN_NONE && event->money < 0;
}

uint32_t tn_replica_apply(struct tn_replica *replica, struct tn_event *events, uint32_t events_max,
                          const struct tn_entry *entry, const uint8_t *bytes, size_t size)
{
    TN_ASSERT(!replica->has_batch);
    uint32_t count = tn_exchange_apply(replica->exchange, events, events_max, entry);
    tn_stream_batch_add(&replica->builder, entry, bytes, size, events, count);
    for (uint32_t i = 0; i < count; i++) {
        if (is_withdrawal(&events[i])) append_withdrawal(replica, &events[i]);
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

void tn_replica_end_block(struct tn_replica *replica, struct tn_block_header *block,
                          struct tn_hash *hash, struct tn_hash *root)
{
    TN_ASSERT(replica->has_batch);
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
    if (replica->limits.exit_blocks > 0 && heads->height % replica->limits.exit_blocks == 0) {
        tn_replica_exit_checkpoint(replica);
    }
    replica_note_changed(replica, TN_RECORD_CHAIN, 0);
    tn_replica_follow(replica);
    take_root(replica);
    *root = heads->root;
}

/* ---- What stands -------------------------------------------------------------------------------
 */

struct tn_exchange *tn_replica_exchange(struct tn_replica *replica)
{
    return replica->exchange;
}

const struct tn_state *tn_replica_state(const struct tn_replica *replica)
{
    return replica->state;
}

const struct tn_equity *tn_replica_equity(const struct tn_replica *replica)
{
    return replica->equity;
}

const struct tn_replica_limits *tn_replica_limits(const struct tn_replica *replica)
{
    return &replica->limits;
}

const struct tn_replica_heads *tn_replica_heads(const struct tn_replica *replica)
{
    return &replica->heads;
}

/* ---- Records -----------------------------------------------------------------------------------
 */

uint32_t tn_replica_records_count(const struct tn_replica *replica, uint8_t kind)
{
    switch (kind) {
        case TN_RECORD_CHAIN: return 1;
        case TN_RECORD_EQUITY: {
            uint32_t accounts = replica->equities_count;
            return (accounts + TN_RECORD_EQUITY_CHUNK - 1) / TN_RECORD_EQUITY_CHUNK;
        }
        default: break;
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_count(replica->exchange, (enum tn_record_kind)kind);
}

size_t tn_replica_record_size_max(const struct tn_replica_limits *limits, uint8_t kind)
{
    enum { CHAIN_SIZE_MAX = 256 + (2 * TN_PROOF_SIDES) * TN_HASH_SIZE + TN_PROOF_EXIT_SIZE };
    switch (kind) {
        case TN_RECORD_CHAIN: return CHAIN_SIZE_MAX;
        case TN_RECORD_EQUITY: return (size_t)TN_RECORD_EQUITY_CHUNK * TN_PROOF_EQUITY_SIZE;
        default: break;
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_record_size_max(&limits->exchange, (enum tn_record_kind)kind);
}

size_t tn_replica_record(const struct tn_replica *replica, uint8_t *out, size_t out_size,
                         uint8_t kind, uint32_t index)
{
    if (index >= tn_replica_records_count(replica, kind)) return 0;
    switch (kind) {
        case TN_RECORD_CHAIN: return tn_replica_write_chain(replica, out, out_size);
        case TN_RECORD_EQUITY: return tn_replica_write_equity(replica, out, out_size, index);
        default: break;
    }
    return tn_exchange_record(replica->exchange, out, out_size, (enum tn_record_kind)kind, index);
}

/* The next name from `from` on, of its kind; false when the kind has no more. */
static bool next_changed(struct tn_replica *replica, struct tn_record_name *from)
{
    uint64_t *bits = replica->changed[from->kind];
    uint32_t words = (replica->changed_max[from->kind] + 63) / 64;
    for (uint32_t word = from->index / 64; word < words; word++) {
        if (bits[word] == 0) continue;
        from->index = word * 64 + (uint32_t)__builtin_ctzll(bits[word]);
        bits[word] &= bits[word] - 1;
        return true;
    }
    return false;
}

uint32_t tn_replica_changed(struct tn_replica *replica, struct tn_record_name *names,
                            uint32_t names_max)
{
    struct tn_record_name *next = &replica->changed_next;
    uint32_t count = 0;
    while (count < names_max) {
        if (next->kind >= TN_REPLICA_KINDS) break;
        if (next_changed(replica, next)) {
            names[count++] = *next;
        } else {
            *next = (struct tn_record_name){.kind = (uint8_t)(next->kind + 1)};
        }
    }
    if (count == 0) *next = (struct tn_record_name){0};
    return count;
}

bool tn_replica_import(struct tn_replica *replica, struct tn_import_fault *fault, uint8_t kind,
                       uint32_t index, const uint8_t *record, size_t size)
{
    *fault = (struct tn_import_fault){.name = {.kind = kind, .index = index}};
    switch (kind) {
        case TN_RECORD_CHAIN: return tn_replica_import_chain(replica, fault, record, size);
        case TN_RECORD_EQUITY: return tn_replica_import_equity(replica, fault, index, record, size);
        default: break;
    }
    if (kind >= 1 && kind < TN_RECORD_KINDS) {
        return tn_exchange_import(replica->exchange, fault, (enum tn_record_kind)kind, index,
                                  record, size);
    }
    fault->what = "there is no record of this kind";
    return false;
}

bool tn_replica_import_end(struct tn_replica *replica, struct tn_hash *root,
                           struct tn_import_fault *fault)
{
    if (!tn_exchange_import_end(replica->exchange, fault)) return false;
    if (!tn_replica_take_exit(replica, fault)) return false;
    fill_trees(replica);
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++) {
        size_t words = ((size_t)replica->changed_max[kind] + 63) / 64;
        memset(replica->changed[kind], 0, words * sizeof(uint64_t));
    }
    take_root(replica);
    *root = replica->heads.root;
    return true;
}

/* ---- Checks ------------------------------------------------------------------------------------
 */

size_t tn_replica_rebuild_size(const struct tn_replica_limits *limits)
{
    struct tn_state_limits state;
    tn_replica_state_limits(&state, limits);
    return tn_align(tn_state_size(&state)) + tn_align(tn_replica_scratch_size(limits)) +
           NAMES_AT_ONCE * sizeof(struct tn_state_record);
}

void tn_replica_rebuild_root(const struct tn_replica *replica, struct tn_hash *root, void *memory)
{
    struct tn_state_limits limits;
    unsigned char *bytes = memory;
    tn_replica_state_limits(&limits, &replica->limits);
    struct tn_state *state = tn_state_init(bytes, &limits, replica->limits.market);
    uint8_t *scratch = bytes + tn_align(tn_state_size(&limits));
    void *records = scratch + tn_align(replica->scratch_size);
    tn_replica_fill(state, replica->exchange, records, scratch, replica->scratch_size);
    tn_state_root(root, state, &replica->heads.state);
}
