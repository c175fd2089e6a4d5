/* globals: proofs of what stands beside the markets: blocks, withdrawals, exit checkpoints; and the
 * equity tree that an exit checkpoint is the root of. */
#include "state/prove.h"

/* From the root of a global's tree to the state root. */
static void write_globals(struct writer *writer, const struct tn_state *state,
                          const struct tn_state_head *head, enum tn_proof_global section)
{
    struct tn_hash top;
    TN_ASSERT(state->is_updated);
    tn_state_write_waypoint(writer, &head->globals[section]);
    tn_state_write_small_way(writer, head->globals, TN_PROOF_GLOBALS, section);
    tn_proof_globals_top(&top, head->globals);
    tn_state_write_waypoint(writer, &top);
    tn_state_write(writer, state->markets_root.bytes, TN_HASH_SIZE);
}

/* ---- Ranges ---- */

/* Whether the head's root is this range's, and the way leads from the leaf to it. */
static bool write_range(struct writer *writer, const struct tn_state *state,
                        const struct tn_state_head *head, const struct tn_proof_range *range,
                        const struct tn_hash *nodes, uint64_t number, enum tn_proof_global section,
                        uint8_t kind)
{
    struct tn_hash root;
    struct tn_hash way[TN_PROOF_SIDES];
    tn_proof_range_root(&root, range, kind);
    if (number >= range->count || !tn_hash_equal(&root, &head->globals[section])) return false;
    tn_state_write_be(writer, range->count, 8);
    const uint32_t count = tn_proof_range_way(way, range, nodes, number);
    tn_state_write(writer, way, count * sizeof *way);
    write_globals(writer, state, head, section);
    return true;
}

/* The nodes are the caller's, maybe from a disk: what was written is read back before it leaves. */
static size_t check_written(const struct writer *writer, const struct tn_state *state,
                            const struct tn_state_head *head)
{
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    struct tn_hash root;
    const size_t size = tn_state_written(writer);
    tn_state_root(&root, state, head);
    return size > 0 && tn_proof_verify(&claim, &fault, writer->out, size, &root) ? size : 0;
}

size_t tn_state_prove_block(const struct tn_state *state, uint8_t *out, size_t out_size,
                            const struct tn_state_head *head, const struct tn_proof_range *blocks,
                            const struct tn_hash *nodes, uint64_t number,
                            const struct tn_hash *block_hash)
{
    struct writer writer = {out, out_size, 0};
    tn_state_write_head(&writer, TN_PROOF_BLOCK, head);
    tn_state_write_be(&writer, number, 8);
    tn_state_write(&writer, block_hash->bytes, TN_HASH_SIZE);
    if (!write_range(&writer, state, head, blocks, nodes, number, TN_GLOBAL_BLOCKS,
                     TN_PROOF_BLOCKS))
        return 0;
    return check_written(&writer, state, head);
}

size_t tn_state_prove_withdrawal(const struct tn_state *state, uint8_t *out, size_t out_size,
                                 const struct tn_state_head *head,
                                 const struct tn_proof_range *withdrawals,
                                 const struct tn_hash *nodes, uint64_t number,
                                 const uint8_t withdrawal[TN_PROOF_WITHDRAWAL_SIZE])
{
    struct writer writer = {out, out_size, 0};
    tn_state_write_head(&writer, TN_PROOF_WITHDRAWAL, head);
    tn_state_write_be(&writer, number, 8);
    tn_state_write(&writer, withdrawal, TN_PROOF_WITHDRAWAL_SIZE);
    if (!write_range(&writer, state, head, withdrawals, nodes, number, TN_GLOBAL_WITHDRAWALS,
                     TN_PROOF_WITHDRAWALS))
        return 0;
    return check_written(&writer, state, head);
}

/* ---- Exits ---- */

#define EQUITY_LEAF_SIZE (6 + TN_PROOF_EQUITY_SIZE) /* tag, kind, index, body */
#define EQUITY_LANE      32

/* Leaves that were set wait until so many can be hashed side by side. */
struct equity_lane {
    uint32_t count;
    uint8_t *nodes[EQUITY_LANE];
    uint8_t leaves[EQUITY_LANE][EQUITY_LEAF_SIZE];
};

struct tn_equity {
    struct tree tree;
    enum tn_cpu cpu;
    uint32_t *parents;
    bool *has_changed; /* by piece */
    struct equity_lane waiting;
};
_Static_assert(TN_EQUITY_PIECE == TREE_PART, "pieces are parts of the tree");

static size_t equity_parents_size(uint32_t accounts_max)
{
    return tn_align((accounts_max / 2 + (size_t)1) * sizeof(uint32_t));
}

static size_t equity_changed_size(uint32_t accounts_max)
{
    return tn_align((accounts_max / TN_EQUITY_PIECE + (size_t)1) * sizeof(bool));
}

size_t tn_equity_size(uint32_t accounts_max)
{
    if (accounts_max == 0) return 0;
    return tn_align(sizeof(struct tn_equity)) + equity_parents_size(accounts_max) +
           equity_changed_size(accounts_max) + tn_state_tree_size(accounts_max, true);
}

struct tn_equity *tn_equity_init(void *memory, uint32_t accounts_max, enum tn_cpu cpu)
{
    struct tn_equity *equity = memory;
    uint8_t *next = (uint8_t *)memory + tn_align(sizeof *equity);
    TN_ASSERT(accounts_max > 0 && (uintptr_t)memory % 64 == 0);
    equity->cpu = cpu;
    equity->waiting.count = 0;
    equity->parents = (uint32_t *)(void *)next;
    next += equity_parents_size(accounts_max);
    equity->has_changed = (bool *)next;
    next += equity_changed_size(accounts_max);
    tn_state_tree_init(&equity->tree, next, accounts_max, true);
    return equity;
}

static void hash_lane(const struct tn_equity *equity, struct equity_lane *lane)
{
    struct tn_hash hashes[EQUITY_LANE];
    TN_ASSERT(lane->count <= EQUITY_LANE);
    tn_keccak256_many(hashes, equity->cpu, lane->leaves[0], EQUITY_LEAF_SIZE, EQUITY_LEAF_SIZE,
                      lane->count);
    for (uint32_t i = 0; i < lane->count; i++)
        memcpy(lane->nodes[i], hashes[i].bytes, TN_HASH_SIZE);
    lane->count = 0;
}

void tn_equity_count(struct tn_equity *equity, uint32_t count)
{
    hash_lane(equity, &equity->waiting);
    tn_state_tree_count(&equity->tree, count);
}

static void equity_body(uint8_t body[TN_PROOF_EQUITY_SIZE], const uint8_t owner[20],
                        tn_micros *equity_micros)
{
    if (*equity_micros < 0) *equity_micros = 0;
    memcpy(body, owner, 20);
    tn_put_be(body + 20, (uint64_t)*equity_micros, 8);
}

static void set_leaf(struct tn_equity *equity, struct equity_lane *lane,
                     const struct tn_equity_leaf *leaf)
{
    if (lane->count == EQUITY_LANE) hash_lane(equity, lane);
    tn_micros equity_micros = leaf->equity_micros;
    uint8_t *message = lane->leaves[lane->count];
    uint8_t *node = tn_state_tree_leaf(&equity->tree, leaf->account);
    lane->nodes[lane->count++] = node;
    message[0] = 0; /* a leaf */
    message[1] = TN_PROOF_EQUITY;
    tn_put_be(message + 2, leaf->account, 4);
    equity_body(message + 6, leaf->owner, &equity_micros);
    state_put_sum(node + TN_HASH_SIZE, equity_micros);
}

void tn_equity_set(struct tn_equity *equity, uint32_t account, const uint8_t owner[20],
                   tn_micros equity_micros)
{
    const struct tn_equity_leaf leaf = {account, owner, equity_micros};
    set_leaf(equity, &equity->waiting, &leaf);
}

void tn_equity_update(struct tn_equity *equity)
{
    hash_lane(equity, &equity->waiting);
    bool good = tn_state_tree_update(&equity->tree, equity->cpu, equity->parents);
    TN_ASSERT(good); /* 2^32 numbers of 63 bits */
}

uint32_t tn_equity_pieces_begin(struct tn_equity *equity)
{
    hash_lane(equity, &equity->waiting);
    return tn_state_tree_parts_begin(&equity->tree);
}

void tn_equity_piece_set(struct tn_equity *equity, const struct tn_equity_leaf *leaves,
                         uint32_t count)
{
    struct equity_lane lane;
    lane.count = 0;
    for (uint32_t i = 0; i < count; i++)
        set_leaf(equity, &lane, &leaves[i]);
    hash_lane(equity, &lane);
}

void tn_equity_piece_hash(struct tn_equity *equity, uint32_t piece)
{
    bool good = tn_state_tree_part(&equity->tree, &equity->has_changed[piece], equity->cpu,
                                   equity->parents, piece);
    TN_ASSERT(good);
}

void tn_equity_pieces_end(struct tn_equity *equity)
{
    bool good =
        tn_state_tree_parts_end(&equity->tree, equity->cpu, equity->parents, equity->has_changed);
    TN_ASSERT(good);
}

/* The section of the globals when there is one market: the tree over its exit. */
static void exits_root(struct tn_hash *root, uint32_t market,
                       const uint8_t record[TN_PROOF_EXIT_SIZE])
{
    tn_proof_leaf_body(root, TN_PROOF_EXITS, market, record, TN_PROOF_EXIT_SIZE);
    tn_proof_root(root, TN_PROOF_EXITS, 1, root);
}

void tn_equity_record(const struct tn_equity *equity, uint8_t record[TN_PROOF_EXIT_SIZE],
                      struct tn_hash *exits, uint32_t market, const struct tn_state_exit *exit)
{
    struct tn_hash root;
    TN_ASSERT(!equity->tree.any_dirty);
    tn_state_tree_root(&equity->tree, &root, TN_PROOF_EQUITY);
    tn_put_be(record, exit->height, 8);
    tn_put_be(record + 8, equity->tree.count, 4);
    memcpy(record + 12, root.bytes, TN_HASH_SIZE);
    state_put_sum(record + 44, tn_state_tree_sum(&equity->tree));
    tn_put_be(record + 60, (uint64_t)exit->vault_micros, 8);
    tn_put_be(record + 68, (uint64_t)exit->insurance_micros, 8);
    exits_root(exits, market, record);
}

size_t tn_state_prove_exit(const struct tn_state *state, uint8_t *out, size_t out_size,
                           const struct tn_state_head *head, const struct tn_equity *equity,
                           const uint8_t record[TN_PROOF_EXIT_SIZE], uint32_t account,
                           const uint8_t owner[20], tn_micros equity_micros)
{
    struct writer writer = {out, out_size, 0};
    struct tn_hash leaves[TN_STATE_MARKETS_MAX], exits;
    uint8_t body[TN_PROOF_EQUITY_SIZE];
    memcpy(leaves, state->exits, sizeof leaves);
    tn_proof_leaf_body(&leaves[state->place], TN_PROOF_EXITS, state->market, record,
                       TN_PROOF_EXIT_SIZE);
    tn_state_small_root(&exits, TN_PROOF_EXITS, leaves, state->markets_count);
    if (!tn_hash_equal(&exits, &head->globals[TN_GLOBAL_EXITS])) return 0;
    tn_state_write_head(&writer, account == TN_NONE ? TN_PROOF_SOLVENCY : TN_PROOF_EXIT, head);
    tn_state_write_be(&writer, state->market, 4);
    tn_state_write(&writer, record, TN_PROOF_EXIT_SIZE);
    tn_state_write_be(&writer, state->markets_count, 4);
    tn_state_write_be(&writer, state->place, 4);
    tn_state_write_small_way(&writer, leaves, 1u << tn_proof_depth(state->markets_count),
                             state->place);
    write_globals(&writer, state, head, TN_GLOBAL_EXITS);
    if (account != TN_NONE) {
        TN_ASSERT(!equity->tree.any_dirty);
        if (account >= equity->tree.count) return 0;
        equity_body(body, owner, &equity_micros);
        tn_state_write_be(&writer, account, 4);
        tn_state_write(&writer, body, sizeof body);
        tn_state_write_way(&writer, &equity->tree, account, 0);
    }
    return check_written(&writer, state, head);
}
