/* chain_globals: the state root from the records of a chain and the root of its markets.
 *
 * Nothing is kept but what later records need: heads, where each past root lies, a fold for each
 * kind of the registry. What is missing shows: a count that the root covers would be another. */
#include "replica/chain.h"

_Static_assert(TN_CHAIN_REGISTRY_KINDS == CHAIN_REGISTRY_KINDS, "one number");

void tn_chain_globals_begin(struct tn_chain_globals *globals, const struct tn_chain_limits *limits)
{
    memset(globals, 0, sizeof *globals);
    globals->limits = limits;
    for (uint32_t i = 0; i < CHAIN_REGISTRY_KINDS; i++)
        tn_proof_fold_begin(&globals->registry[i], false);
}

/* May a record of this kind follow the one before? */
static bool may_begin(const struct tn_chain_globals *globals, uint8_t kind)
{
    switch (globals->kind) {
        case 0: return kind == TN_CHAIN_RECORD_HEADS;
        case TN_CHAIN_RECORD_HEADS: return kind == TN_CHAIN_RECORD_RING;
        case TN_CHAIN_RECORD_RING:
            return globals->next == CHAIN_RING_CHUNKS && kind > globals->kind;
        default: return kind > globals->kind;
    }
}

static bool is_next(struct tn_chain_globals *globals, uint8_t kind, uint32_t index)
{
    if (kind < TN_CHAIN_RECORD_HEADS || kind >= TN_CHAIN_RECORD_REGISTRY + CHAIN_REGISTRY_KINDS) {
        return false;
    }
    if (kind != globals->kind) {
        if (!may_begin(globals, kind)) return false;
        globals->kind = kind;
        globals->next = 0;
    }
    const bool is_one = kind == TN_CHAIN_RECORD_HEADS;
    return index == globals->next++ && (index == 0 || !is_one);
}

static bool add_heads(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                      const uint8_t *record, size_t size)
{
    struct chain_said said = {.heads = &globals->heads};
    const bool is_good = tn_chain_read_heads(&said, fault, globals->limits, record, size);
    globals->past_first = said.past_first;
    globals->past_before = said.past_before;
    return is_good;
}

static bool add_ring(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                     uint32_t index, const uint8_t *record, size_t size)
{
    uint64_t heights[TN_CHAIN_RING_CHUNK];
    if (index >= CHAIN_RING_CHUNKS)
        return refuse_record(fault, 0, "there are no past roots of so many");
    const uint32_t count =
        tn_chain_ring_heights(heights, globals->heads.height, globals->past_first, index);
    if (size != (size_t)count * CHAIN_PAST_BYTES)
        return refuse_record(fault, 0, "past roots are cut off");
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *bytes = record + (size_t)i * CHAIN_PAST_BYTES;
        if (tn_get_be(bytes, 8) != heights[i]) {
            return refuse_record(fault, (size_t)i * CHAIN_PAST_BYTES, "past roots are astray");
        }
        globals->past[heights[i] % TN_CHAIN_RING] = bytes;
    }
    return true;
}

bool tn_chain_globals_add(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                          uint8_t kind, uint32_t index, const uint8_t *record, size_t size)
{
    *fault = (struct tn_import_fault){.name = {.kind = kind, .index = index}};
    if (!is_next(globals, kind, index)) {
        return refuse_record(fault, 0, "records of the chain are missing or out of order");
    }
    if (kind == TN_CHAIN_RECORD_HEADS) return add_heads(globals, fault, record, size);
    if (kind == TN_CHAIN_RECORD_RING) return add_ring(globals, fault, index, record, size);
    const uint8_t own = (uint8_t)(kind - TN_CHAIN_RECORD_REGISTRY);
    struct tn_hash leaf;
    tn_proof_leaf_body(&leaf, (uint8_t)(TN_RECORD_REGISTRY + own), index, record, size);
    return tn_proof_fold_add(&globals->registry[own], &leaf, 0) ||
           refuse_record(fault, 0, "there are too many records");
}

static void fold_root(struct tn_hash *root, const struct tn_proof_fold *fold, uint8_t kind)
{
    struct tn_hash top;
    tn_i128 sum;
    const bool is_good = tn_proof_fold_top(fold, tn_proof_depth(fold->count), &top, &sum);
    TN_ASSERT(is_good); /* there are no sums */
    tn_proof_root(root, kind, fold->count, &top);
}

static void registry_root(struct tn_hash *root, const struct tn_chain_globals *globals)
{
    struct tn_proof_fold fold;
    tn_proof_fold_begin(&fold, false);
    for (uint32_t i = 0; i < CHAIN_REGISTRY_KINDS; i++) {
        struct tn_hash kind_root;
        fold_root(&kind_root, &globals->registry[i], (uint8_t)(TN_RECORD_REGISTRY + i));
        const bool is_good = tn_proof_fold_add(&fold, &kind_root, 0);
        TN_ASSERT(is_good);
    }
    fold_root(root, &fold, TN_REGISTRY_TREE);
}

/* Links all past roots but the last; *last is that one. */
static void link_past(struct tn_hash *link, struct chain_past *last,
                      const struct tn_chain_globals *globals)
{
    struct tn_hash before = globals->past_before;
    *link = (struct tn_hash){{0}};
    for (uint64_t height = globals->past_first; height <= globals->heads.height; height++) {
        const uint8_t *bytes = globals->past[height % TN_CHAIN_RING];
        TN_ASSERT(bytes != NULL); /* all records of RING came, each with all its heights */
        tn_chain_read_past(last, bytes);
        if (height == globals->heads.height) break;
        tn_chain_link(link, &before, last);
        before = *link;
    }
}

bool tn_chain_globals_end(struct tn_chain_globals *globals, struct tn_import_fault *fault,
                          struct tn_hash *root, const struct tn_chain_inboxes *inboxes,
                          const struct tn_hash *markets_root)
{
    struct tn_chain_heads *heads = &globals->heads;
    struct tn_hash exits[TN_CHAIN_MARKETS_MAX], top;
    struct chain_past last = {0};
    *fault = (struct tn_import_fault){.name = {.kind = TN_CHAIN_RECORD_HEADS}};
    if (globals->kind < TN_CHAIN_RECORD_REGISTRY) {
        return refuse_record(fault, 0, "records of the chain are missing");
    }
    memcpy(heads->state.chain_id, globals->limits->chain_id, sizeof heads->state.chain_id);
    heads->state.height = heads->height;
    tn_chain_heads_globals(heads, exits, inboxes, globals->limits->markets_count);
    link_past(&heads->state.globals[TN_GLOBAL_ROOTS], &last, globals);
    registry_root(&heads->state.globals[TN_GLOBAL_REGISTRY], globals);
    tn_proof_globals_top(&top, heads->state.globals);
    tn_proof_state_root(root, heads->state.chain_id, heads->height, markets_root, &top);
    heads->root = *root;
    return (tn_hash_equal(&last.root, root) &&
            tn_hash_equal(&last.block_hash, &heads->block_hash) &&
            last.time_ms == (int64_t)heads->block.time_ms) ||
           refuse_record(fault, 0, "the records do not lead to the root that they end with");
}
