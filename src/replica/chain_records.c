/* chain_records: everything as records, out and in: markets by place, then what is of the chain;
 * and which of them changed. */
#include "replica/chain.h"

enum { KIND_STEP = 32 }; /* kinds of one market */

/* ---- All kinds ---- */

/* Which market, and its own kind; false: of the whole chain. */
static bool split(const struct tn_chain_limits *limits, uint8_t kind, uint32_t *place, uint8_t *own)
{
    *place = kind / KIND_STEP;
    *own = kind % KIND_STEP;
    return kind < TN_CHAIN_RECORD_HEADS && *place < limits->markets_count;
}

static uint8_t registry_kind(uint8_t kind)
{
    return (uint8_t)(kind - TN_CHAIN_RECORD_REGISTRY + TN_RECORD_REGISTRY);
}

static bool is_registry(uint8_t kind)
{
    return kind >= TN_CHAIN_RECORD_REGISTRY &&
           kind < TN_CHAIN_RECORD_REGISTRY + CHAIN_REGISTRY_KINDS;
}

uint32_t tn_chain_records_count(const struct tn_chain *chain, uint8_t kind)
{
    uint32_t place;
    uint8_t own;
    if (split(&chain->limits, kind, &place, &own)) {
        return tn_shard_records_count(&chain->shards[place], own);
    }
    if (kind == TN_CHAIN_RECORD_HEADS) return 1;
    if (kind == TN_CHAIN_RECORD_RING) return CHAIN_RING_CHUNKS;
    if (is_registry(kind)) return tn_registry_records_count(chain->registry, registry_kind(kind));
    return 0;
}

size_t tn_chain_record_size_max(const struct tn_chain_limits *limits, uint8_t kind)
{
    uint32_t place;
    uint8_t own;
    if (split(limits, kind, &place, &own)) {
        const struct tn_shard_limits shard = tn_chain_shard_limits(limits, place);
        return tn_shard_record_size_max(&shard, own);
    }
    if (kind == TN_CHAIN_RECORD_HEADS || kind == TN_CHAIN_RECORD_RING) {
        return tn_chain_heads_size_max(kind);
    }
    return is_registry(kind) ? TN_REGISTRY_RECORD_BYTES_MAX : 0;
}

size_t tn_chain_record(const struct tn_chain *chain, uint8_t *out, size_t out_size, uint8_t kind,
                       uint32_t index)
{
    uint32_t place;
    uint8_t own;
    if (index >= tn_chain_records_count(chain, kind)) return 0;
    if (split(&chain->limits, kind, &place, &own)) {
        return tn_shard_record(&chain->shards[place], out, out_size, own, index);
    }
    if (kind == TN_CHAIN_RECORD_HEADS) {
        return tn_chain_write_heads(chain, out, out_size, chain->past_first);
    }
    if (kind == TN_CHAIN_RECORD_RING) {
        return tn_chain_write_ring(chain, out, out_size, index, chain->past_first);
    }
    return tn_registry_record(chain->registry, out, out_size, registry_kind(kind), index);
}

/* ---- What changed ---- */

/* The next source of names after the markets: heads, past roots, the registry. */
static uint32_t changed_globals(struct tn_chain *chain, struct tn_record_name *names,
                                uint32_t names_max, uint32_t stage)
{
    uint32_t count = 0;
    if (stage == 0) {
        if (chain->changed_heads) {
            names[count++] = (struct tn_record_name){.kind = TN_CHAIN_RECORD_HEADS};
        }
        chain->changed_heads = false;
    } else if (stage == 1) {
        while (chain->changed_ring != 0 && count < names_max) {
            uint32_t index = (uint32_t)__builtin_ctzll(chain->changed_ring);
            chain->changed_ring &= chain->changed_ring - 1;
            names[count++] = (struct tn_record_name){.kind = TN_CHAIN_RECORD_RING, .index = index};
        }
    } else {
        count = tn_registry_changed(chain->registry, names, names_max);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t kind = TN_CHAIN_RECORD_REGISTRY + names[i].kind - TN_RECORD_REGISTRY;
            names[i].kind = (uint8_t)kind;
        }
    }
    return count;
}

uint32_t tn_chain_changed(struct tn_chain *chain, struct tn_record_name *names, uint32_t names_max)
{
    enum { GLOBALS = 3 };
    uint32_t markets = chain->limits.markets_count;
    TN_ASSERT(names_max > 0);
    while (chain->changed_next < markets + GLOBALS) {
        uint32_t from = chain->changed_next;
        uint32_t count = 0;
        if (from < markets) {
            count = tn_shard_changed(&chain->shards[from], names, names_max);
            for (uint32_t i = 0; i < count; i++)
                names[i].kind = (uint8_t)(names[i].kind + from * KIND_STEP);
        } else {
            count = changed_globals(chain, names, names_max, from - markets);
        }
        if (count > 0) return count;
        chain->changed_next++;
    }
    chain->changed_next = 0;
    return 0;
}

void tn_chain_records_ahead(const struct tn_chain *chain, const struct tn_record_name *names,
                            uint32_t count)
{
    struct tn_record_name own[TN_RECORDS_AHEAD];
    uint32_t place, first = TN_NONE, taken = 0;
    for (uint32_t i = 0; i < count && taken < TN_RECORDS_AHEAD; i++) {
        own[taken] = names[i];
        if (!split(&chain->limits, names[i].kind, &place, &own[taken].kind)) continue;
        if (first == TN_NONE) first = place;
        taken += place == first;
    }
    if (taken > 0) tn_shard_records_ahead(&chain->shards[first], own, taken);
}

/* ---- In ---- */

/* The genesis filled it; what comes in is all of it. */
static void empty_registry(struct tn_chain *chain)
{
    if (chain->is_registry_empty) return;
    memset(chain->registry, 0, tn_registry_size(&chain->limits.registry));
    chain->registry = tn_registry_init(chain->registry, &chain->limits.registry, &chain->genesis);
    TN_ASSERT(chain->registry != NULL); /* as it was at the genesis */
    chain->is_registry_empty = true;
}

bool tn_chain_import(struct tn_chain *chain, struct tn_import_fault *fault, uint8_t kind,
                     uint32_t index, const uint8_t *record, size_t size)
{
    uint32_t place;
    uint8_t own;
    *fault = (struct tn_import_fault){.name = {.kind = kind, .index = index}};
    if (split(&chain->limits, kind, &place, &own)) {
        bool is_good = tn_shard_import(&chain->shards[place], fault, own, index, record, size);
        fault->name = (struct tn_record_name){.kind = kind, .index = index};
        return is_good;
    }
    if (kind == TN_CHAIN_RECORD_HEADS && index == 0) {
        return tn_chain_import_heads(chain, fault, record, size);
    }
    if (kind == TN_CHAIN_RECORD_RING)
        return tn_chain_import_ring(chain, fault, index, record, size);
    if (is_registry(kind)) {
        struct tn_registry_fault registry;
        empty_registry(chain);
        if (tn_registry_import(chain->registry, &registry, registry_kind(kind), index, record,
                               size)) {
            return true;
        }
        return refuse_record(fault, registry.at, registry.what);
    }
    return refuse_record(fault, 0, "there is no record of this kind");
}

void tn_chain_trees_begin(struct tn_chain *chain)
{
    for (uint32_t i = 0; i < chain->limits.markets_count; i++)
        tn_shard_trees_begin(&chain->shards[i]);
}

bool tn_chain_trees_add(struct tn_chain *chain, struct tn_state_record *records, uint32_t count)
{
    for (uint32_t first = 0, end; first < count; first = end) {
        uint32_t place;
        uint8_t own;
        const uint8_t kind = records[first].name.kind;
        const bool is_of_market = split(&chain->limits, kind, &place, &own);
        for (end = first; end < count && records[end].name.kind == kind; end++)
            records[end].name.kind = own;
        if (!is_of_market) continue; /* the heads, the ring, the registry */
        if (!tn_shard_trees_add(&chain->shards[place], records + first, end - first)) return false;
    }
    return true;
}

bool tn_chain_trees_end(struct tn_chain *chain)
{
    bool is_good = true;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++)
        is_good &= tn_shard_trees_end(&chain->shards[i]);
    return is_good;
}

/* Do the streams stand where their markets do? */
static bool check_streams(const struct tn_chain *chain, struct tn_import_fault *fault)
{
    *fault = (struct tn_import_fault){.name = {.kind = TN_CHAIN_RECORD_HEADS}};
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct tn_chain_stream *stream = &chain->heads.streams[i];
        struct tn_registry_market market;
        uint32_t term = 0;
        if (tn_registry_market(chain->registry, stream->market, &market)) term = market.term;
        if (stream->term != term || stream->cursor != tn_market_cursor(chain->shards[i].market) ||
            tn_market_inboxes_count(chain->shards[i].market) !=
                chain->heads.height - stream->cursor) {
            return refuse_record(fault, 0, "a stream does not stand where its market does");
        }
    }
    return true;
}

static bool check_remits(const struct tn_chain *chain, struct tn_import_fault *fault)
{
    uint32_t place;
    if (tn_chain_check_remits(chain, &place)) return true;
    fault->name.kind = (uint8_t)(TN_RECORD_STREAM + place * KIND_STEP);
    return refuse_record(fault, 88,
                         "what is under way to other markets is not what waits in inboxes");
}

bool tn_chain_import_end(struct tn_chain *chain, struct tn_hash *root,
                         struct tn_import_fault *fault)
{
    struct tn_chain_heads *heads = &chain->heads;
    struct tn_registry_fault registry;
    *fault = (struct tn_import_fault){.name = {.kind = TN_CHAIN_RECORD_HEADS}};
    if (!chain->has_heads) return refuse_record(fault, 0, "the heads are missing");
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        if (!tn_shard_import_end(&chain->shards[i], fault, &chain->room, stream->exit,
                                 stream->has_exit)) {
            fault->name.kind = (uint8_t)(fault->name.kind + i * KIND_STEP);
            return false;
        }
    }
    if (!tn_registry_import_end(chain->registry, &registry)) {
        return refuse_record(fault, registry.at, registry.what);
    }
    if (!check_streams(chain, fault) || !check_remits(chain, fault)) return false;
    if (!tn_chain_link_ring(chain, fault)) return false;
    tn_chain_take_root(chain);
    *root = heads->root;
    struct chain_past *last = &chain->past[heads->height % TN_CHAIN_RING];
    if (!tn_hash_equal(&last->root, root) ||
        !tn_hash_equal(&last->block_hash, &heads->block_hash) ||
        last->time_ms != (int64_t)heads->block.time_ms) {
        return refuse_record(fault, 0, "the last past root is not the root");
    }
    chain->changed_heads = false;
    chain->changed_ring = 0;
    return true;
}

/* ---- Checks ---- */

size_t tn_chain_rebuild_size(const struct tn_chain_limits *limits)
{
    size_t most = 0;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        struct tn_state_limits state;
        const struct tn_shard_limits shard = tn_chain_shard_limits(limits, i);
        tn_shard_state_limits(&state, &shard);
        state.orders_max = 0; /* books hashed whole: another way than what is kept */
        size_t size = tn_align(tn_state_size(&state)) + tn_align(tn_shard_scratch_size(&shard));
        if (size > most) most = size;
    }
    return most + NAMES_AT_ONCE * sizeof(struct tn_state_record);
}

void tn_chain_rebuild_root(const struct tn_chain *chain, struct tn_hash *root, void *memory)
{
    struct tn_hash roots[TN_STATE_MARKETS_MAX], markets, top;
    const struct tn_state_head *head = &chain->heads.state;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        struct tn_state_limits limits;
        const struct tn_shard_limits shard = tn_chain_shard_limits(&chain->limits, i);
        unsigned char *bytes = memory;
        tn_shard_state_limits(&limits, &shard);
        limits.orders_max = 0; /* books hashed whole: another way than what is kept */
        struct tn_state *state = tn_state_init(bytes, &limits, shard.id);
        struct tn_shard_room room = {.scratch = bytes + tn_align(tn_state_size(&limits)),
                                     .scratch_size = tn_shard_scratch_size(&shard)};
        room.records = (void *)(room.scratch + tn_align(room.scratch_size));
        tn_shard_fill(state, &chain->shards[i], &room);
        tn_state_market_root(&roots[i], state);
    }
    tn_state_small_root(&markets, TN_PROOF_MARKETS, roots, chain->limits.markets_count);
    tn_proof_globals_top(&top, head->globals);
    tn_proof_state_root(root, head->chain_id, head->height, &markets, &top);
}
