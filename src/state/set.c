/* set: records become leaves, many at a time.
 *
 * Messages of one size are collected in a lane and hashed side by side. Positions come first,
 * because accounts take in their roots: chunks of many accounts share a lane, then, level by level,
 * the nodes above them. Then each kind in turn, so that a lane sees one size; memories, books
 * whose orders are not kept (books.c) and what is too long for a lane are hashed one by one, side
 * by side inside where they are lists. */
#include "state/internal.h"

#define LANE      32
#define AHEAD     16  /* records */
#define LANE_SIZE 352 /* the longest message that is common: ROWS */
#define LEAF_HEAD 6   /* tag, kind, index */
#define TAG_LEAF  0
#define TAG_NODE  1
#define TAG_ROOT  3

struct lane {
    enum tn_cpu cpu;
    size_t size;
    uint32_t count;
    uint8_t messages[LANE][LANE_SIZE];
    struct tn_hash hashes[LANE];
    uint8_t *to[LANE];
};

static void flush(struct lane *lane)
{
    tn_keccak256_many(lane->hashes, lane->cpu, lane->messages[0], LANE_SIZE, lane->size,
                      lane->count);
    for (uint32_t i = 0; i < lane->count; i++)
        memcpy(lane->to[i], lane->hashes[i].bytes, TN_HASH_SIZE);
    lane->count = 0;
}

/* Room for a message of this size, whose hash goes to `to`. */
static uint8_t *push(struct lane *lane, size_t size, uint8_t *to)
{
    TN_ASSERT(size <= LANE_SIZE);
    if (lane->count == LANE || (lane->count > 0 && lane->size != size)) flush(lane);
    lane->size = size;
    lane->to[lane->count] = to;
    return lane->messages[lane->count++];
}

static void push_leaf(struct lane *lane, uint8_t kind, uint32_t index, const uint8_t *body,
                      size_t size, uint8_t *to)
{
    uint8_t *message = push(lane, LEAF_HEAD + size, to);
    message[0] = TAG_LEAF;
    message[1] = kind;
    tn_put_be(message + 2, index, 4);
    memcpy(message + LEAF_HEAD, body, size);
}

/* ---- Positions ---- */

#define CHUNK_SIZE  (TN_RECORD_POSITIONS_CHUNK * TN_RECORD_POSITION_SIZE)
#define GROUP       64   /* accounts */
#define GROUP_NODES 1024 /* of their trees, at the start */

struct group {
    struct tn_hash nodes[GROUP_NODES];
    const struct tn_state_record *records[GROUP];
    struct tn_hash *roots[GROUP];
    uint32_t first[GROUP]; /* of its nodes */
    uint32_t left[GROUP];  /* nodes of the present level */
    uint32_t count, used;
};

static uint32_t chunks_of(const struct tn_state_record *record)
{
    return (uint32_t)((record->size + CHUNK_SIZE - 1) / CHUNK_SIZE);
}

/* Whole chunks first, then those of two positions, then of one: three sizes of message. */
static void push_chunks(struct group *group, struct lane *lane)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const struct tn_state_record *record = group->records[i];
        for (uint32_t chunk = 0; chunk < record->size / CHUNK_SIZE; chunk++)
            push_leaf(lane, TN_RECORD_POSITIONS, chunk, record->bytes + chunk * CHUNK_SIZE,
                      CHUNK_SIZE, group->nodes[group->first[i] + chunk].bytes);
    }
    for (size_t rest = CHUNK_SIZE - TN_RECORD_POSITION_SIZE; rest > 0;
         rest -= TN_RECORD_POSITION_SIZE) {
        for (uint32_t i = 0; i < group->count; i++) {
            const struct tn_state_record *record = group->records[i];
            if (record->size % CHUNK_SIZE != rest) continue;
            const uint32_t chunk = (uint32_t)(record->size / CHUNK_SIZE);
            push_leaf(lane, TN_RECORD_POSITIONS, chunk, record->bytes + record->size - rest, rest,
                      group->nodes[group->first[i] + chunk].bytes);
        }
    }
    flush(lane);
}

/* One level up in every tree; false when all are at their tops. */
static bool raise_group(struct group *group, struct lane *lane, uint32_t level)
{
    bool any = false;
    for (uint32_t i = 0; i < group->count; i++) {
        const uint32_t count = group->left[i];
        if (count <= 1) continue;
        struct tn_hash *nodes = &group->nodes[group->first[i]];
        for (uint32_t pair = 0; pair < count; pair += 2) {
            struct tn_hash zero;
            if (pair + 1 == count) tn_proof_zero(&zero, false, level);
            const struct tn_hash *right = pair + 1 < count ? &nodes[pair + 1] : &zero;
            uint8_t *message = push(lane, 1 + 2 * TN_HASH_SIZE, nodes[pair / 2].bytes);
            message[0] = TAG_NODE;
            memcpy(message + 1, nodes[pair].bytes, TN_HASH_SIZE);
            memcpy(message + 1 + TN_HASH_SIZE, right->bytes, TN_HASH_SIZE);
        }
        group->left[i] = (count + 1) / 2;
        any = true;
    }
    flush(lane);
    return any;
}

static void finish_group(struct group *group, struct lane *lane)
{
    if (group->count == 0) return;
    push_chunks(group, lane);
    for (uint32_t level = 0; raise_group(group, lane, level); level++) {
    }
    for (uint32_t i = 0; i < group->count; i++) {
        uint8_t *message = push(lane, 10 + TN_HASH_SIZE, group->roots[i]->bytes);
        message[0] = TAG_ROOT;
        message[1] = TN_RECORD_POSITIONS;
        tn_put_be(message + 2, group->records[i]->size / TN_RECORD_POSITION_SIZE, 8);
        memcpy(message + 10, group->nodes[group->first[i]].bytes, TN_HASH_SIZE);
    }
    flush(lane);
    group->count = 0;
    group->used = 0;
}

static void make_stale(struct tn_state *state, uint32_t account)
{
    const uint64_t bit = UINT64_C(1) << account % 64;
    if ((state->stale[account / 64] & bit) != 0) return;
    state->stale[account / 64] |= bit;
    state->stale_count++;
}

static bool set_positions(struct tn_state *state, struct lane *lane,
                          const struct tn_state_record *records, uint32_t count)
{
    struct group group;
    group.count = 0;
    group.used = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_state_record *record = &records[i];
        if (record->name.kind != TN_RECORD_POSITIONS) continue;
        TN_ASSERT(record->name.index < state->trees[TN_RECORD_ACCOUNT].count);
        if (record->size % TN_RECORD_POSITION_SIZE != 0) return false;
        struct tn_hash *root = &state->positions_roots[record->name.index];
        make_stale(state, record->name.index);
        if (record->size == 0 || record->size > GROUP_NODES / 4 * CHUNK_SIZE) {
            if (!tn_proof_positions_root(root, state->cpu, record->bytes, record->size))
                return false;
            continue;
        }
        const uint32_t chunks = chunks_of(record);
        if (group.count == GROUP || group.used + chunks > GROUP_NODES) finish_group(&group, lane);
        group.records[group.count] = record;
        group.roots[group.count] = root;
        group.first[group.count] = group.used;
        group.left[group.count++] = chunks;
        group.used += chunks;
    }
    finish_group(&group, lane);
    return true;
}

/* ---- The other kinds ---- */

static bool set_account(struct tn_state *state, struct lane *lane,
                        const struct tn_state_record *record)
{
    const uint32_t account = record->name.index;
    uint8_t body[TN_RECORD_ACCOUNT_SIZE + 2 * TN_HASH_SIZE];
    if (record->size != 0 &&
        tn_proof_body(body, state->cpu, TN_RECORD_ACCOUNT, record->bytes, record->size,
                      &state->positions_roots[account]) != sizeof body)
        return false;
    uint8_t *node = tn_state_tree_leaf(&state->trees[TN_RECORD_ACCOUNT], account);
    tn_state_freshen(state, account);
    if (record->size == 0) {
        memset(node, 0, NODE_SIZE_MAX);
        return true;
    }
    const uint64_t cash = tn_get_be(record->bytes + ACCOUNT_CASH_AT, 8);
    state_put_sum(node + TN_HASH_SIZE, (int64_t)cash);
    push_leaf(lane, TN_RECORD_ACCOUNT, account, body, sizeof body, node);
    return true;
}

static bool set_other(struct tn_state *state, struct lane *lane,
                      const struct tn_state_record *record)
{
    const uint8_t kind = record->name.kind;
    const uint32_t index = record->name.index;
    struct tree *tree = &state->trees[kind];
    if (kind == TN_RECORD_BOOK && state->books != NULL) {
        return tn_state_set_book(state, index, record->bytes, record->size);
    }
    const bool is_long = LEAF_HEAD + record->size > LANE_SIZE || LEAF_HEAD + record->size == 64;
    if (record->size == 0 || is_long || kind == TN_RECORD_BOOK || kind == TN_RECORD_MEMORY) {
        struct tn_hash leaf;
        tn_i128 sum;
        if (!tn_proof_leaf(&leaf, &sum, state->cpu, kind, index, record->bytes, record->size, NULL))
            return false;
        memcpy(tn_state_tree_leaf(tree, index), leaf.bytes, TN_HASH_SIZE);
        return true;
    }
    push_leaf(lane, kind, index, record->bytes, record->size, tn_state_tree_leaf(tree, index));
    return true;
}

#ifndef AHEAD
#define AHEAD 8
#endif

/* Records and their leaves lie anywhere in memory: what comes soon is fetched now. */
static void load_ahead(const struct tn_state *state, const struct tn_state_record *record)
{
    const struct tree *tree = &state->trees[record->name.kind];
    if (record->name.kind == TN_RECORD_POSITIONS) return;
    tn_prefetch(tree->levels[0] + (size_t)record->name.index * tree->node_size);
    for (size_t at = 0; at < record->size && at < LANE_SIZE; at += 64)
        __builtin_prefetch(record->bytes + at);
    if (record->name.kind == TN_RECORD_ACCOUNT)
        __builtin_prefetch(&state->positions_roots[record->name.index]);
}

bool tn_state_set_many(struct tn_state *state, const struct tn_state_record *records,
                       uint32_t count)
{
    struct lane lane;
    uint32_t kinds = 0; /* that occur, as bits */
    lane.cpu = state->cpu;
    lane.count = 0;
    lane.size = 0;
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(records[i].name.kind > 0 && records[i].name.kind < TN_PROOF_RECORD_KINDS);
        kinds |= UINT32_C(1) << records[i].name.kind;
    }
    state->is_updated = false;
    if ((kinds >> TN_RECORD_POSITIONS & 1) != 0 && !set_positions(state, &lane, records, count))
        return false;
    bool good = true;
    for (uint32_t kind = 1; kind < TN_PROOF_RECORD_KINDS; kind++) {
        if ((kinds >> kind & 1) == 0 || kind == TN_RECORD_POSITIONS) continue;
        for (uint32_t i = 0; good && i < count; i++) {
            if (records[i].name.kind != kind) continue;
            if (i + AHEAD < count) load_ahead(state, &records[i + AHEAD]);
            good = kind == TN_RECORD_ACCOUNT ? set_account(state, &lane, &records[i])
                                             : set_other(state, &lane, &records[i]);
        }
        flush(&lane);
    }
    return good;
}

bool tn_state_set(struct tn_state *state, struct tn_record_name name, const uint8_t *bytes,
                  size_t size)
{
    const struct tn_state_record record = {name, bytes, size};
    return tn_state_set_many(state, &record, 1);
}

static bool has_place(const struct tn_state *state, struct tn_record_name name)
{
    const uint8_t kind = name.kind == TN_RECORD_POSITIONS ? TN_RECORD_ACCOUNT : name.kind;
    return kind > 0 && kind < TN_PROOF_RECORD_KINDS && name.index < state->trees[kind].count_max;
}

bool tn_state_load(struct tn_state *state, const struct tn_state_record *records, uint32_t count)
{
    uint32_t counts[TN_PROOF_RECORD_KINDS] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_record_name name = records[i].name;
        if (!has_place(state, name)) return false;
        if (name.index >= counts[name.kind]) counts[name.kind] = name.index + 1;
    }
    for (uint8_t kind = 1; kind < TN_PROOF_RECORD_KINDS; kind++) {
        const uint8_t of = kind == TN_RECORD_POSITIONS ? TN_RECORD_ACCOUNT : kind;
        if (counts[kind] <= state->trees[of].count) continue;
        tn_state_count(state, (enum tn_record_kind)of, counts[kind]);
    }
    return tn_state_set_many(state, records, count);
}
