/* prove: writes the proofs that proof/verify.c reads; the format is in docs/specs/state.md.
 *
 * Every record given is hashed and held against the kept leaf first: a proof that is written is one
 * that holds. */
#include "state/prove.h"

void tn_state_write_head(struct writer *writer, enum tn_proof_type type,
                         const struct tn_state_head *head)
{
    const uint8_t kind = (uint8_t)type;
    tn_state_write(writer, "TNPF1", 5);
    tn_state_write(writer, &kind, 1);
    tn_state_write(writer, head->chain_id, sizeof head->chain_id);
    tn_state_write_be(writer, head->height, 8);
}

void tn_state_write(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->used + size <= writer->size) memcpy(writer->out + writer->used, bytes, size);
    writer->used += size;
}

void tn_state_write_be(struct writer *writer, uint64_t value, uint32_t size)
{
    uint8_t bytes[8];
    TN_ASSERT(size <= sizeof bytes);
    tn_put_be(bytes, value, size);
    tn_state_write(writer, bytes, size);
}

size_t tn_state_written(const struct writer *writer)
{
    return writer->used <= writer->size ? writer->used : 0;
}

void tn_state_write_waypoint(struct writer *writer, const struct tn_hash *hash)
{
    tn_state_write(writer, hash->bytes, 4);
}

/* In as few bytes as can hold it. */
static uint32_t sum_size(const uint8_t sum[SUM_SIZE])
{
    const uint8_t fill = (sum[0] & 0x80) != 0 ? 0xff : 0;
    uint32_t size = SUM_SIZE;
    while (size > 1 && sum[SUM_SIZE - size] == fill &&
           (sum[SUM_SIZE - size + 1] & 0x80) == (fill & 0x80))
        size--;
    return size == 1 && sum[SUM_SIZE - 1] == 0 ? 0 : size;
}

static void write_sum(struct writer *writer, tn_i128 value)
{
    uint8_t sum[SUM_SIZE];
    state_put_sum(sum, value);
    const uint32_t size = sum_size(sum);
    tn_state_write_be(writer, size, 1);
    tn_state_write(writer, sum + SUM_SIZE - size, size);
}

/* The way from the node at `level` over leaf `index` to the tree's top. */
void tn_state_write_way(struct writer *writer, const struct tree *tree, uint32_t index,
                        uint32_t level)
{
    for (const uint32_t depth = tn_proof_depth(tree->count); level < depth; level++) {
        const uint64_t sibling = index >> level ^ 1;
        const uint8_t *node = tn_state_tree_node(tree, level, sibling);
        if (tn_state_tree_is_zero(tree, level, sibling)) {
            tn_state_write_be(writer, tree->with_sums ? 0x80 : 0, 1);
            continue;
        }
        const uint8_t *sum = node + TN_HASH_SIZE;
        const uint32_t size = tree->with_sums ? sum_size(sum) : TN_HASH_SIZE;
        tn_state_write_be(writer, size, 1);
        tn_state_write(writer, node, TN_HASH_SIZE);
        if (tree->with_sums) tn_state_write(writer, sum + SUM_SIZE - size, size);
    }
}

void tn_state_write_small_way(struct writer *writer, const struct tn_hash *leaves, uint32_t count,
                              uint32_t index)
{
    struct tn_hash nodes[TN_PROOF_SECTIONS];
    TN_ASSERT(count <= TN_PROOF_SECTIONS && index < count);
    memcpy(nodes, leaves, count * sizeof *nodes);
    for (uint32_t level = 0; count > 1; level++, count /= 2, index /= 2) {
        struct tn_hash zero;
        tn_proof_zero(&zero, false, level);
        const bool is_zero = tn_hash_equal(&nodes[index ^ 1], &zero);
        tn_state_write_be(writer, is_zero ? 0 : TN_HASH_SIZE, 1);
        if (!is_zero) tn_state_write(writer, nodes[index ^ 1].bytes, TN_HASH_SIZE);
        for (uint32_t i = 0; i < count / 2; i++)
            tn_proof_node(&nodes[i], &nodes[2 * i], &nodes[2 * i + 1]);
    }
}

/* From the root of a kind's tree to the state root. */
static void write_market(struct writer *writer, const struct tn_state *state,
                         const struct tn_state_head *head, uint8_t kind)
{
    struct tn_hash globals_top;
    const uint32_t section = tn_proof_section(kind);
    TN_ASSERT(state->is_updated);
    tn_state_write_waypoint(writer, &state->sections[section]);
    tn_state_write_be(writer, state->market, 4);
    tn_state_write_small_way(writer, state->sections, TN_PROOF_SECTIONS, section);
    tn_state_write_waypoint(writer, &state->market_root);
    tn_state_write_be(writer, state->markets_count, 4);
    tn_state_write_be(writer, state->place, 4);
    tn_state_write_small_way(writer, state->market_roots,
                             1u << tn_proof_depth(state->markets_count), state->place);
    tn_state_write_waypoint(writer, &state->markets_root);
    tn_proof_globals_top(&globals_top, head->globals);
    tn_state_write(writer, globals_top.bytes, TN_HASH_SIZE);
}

static bool is_leaf(const struct tn_state *state, uint8_t kind, uint32_t index,
                    const struct tn_hash *leaf)
{
    return memcmp(tn_state_tree_node(&state->trees[kind], 0, index), leaf->bytes, TN_HASH_SIZE) ==
           0;
}

/* ---- Accounts ---- */

/* The part of an account's proof that a position's ends with, without the positions root. */
static bool write_account(struct writer *writer, const struct tn_state *state,
                          const struct tn_state_head *head, uint32_t account, const uint8_t *record,
                          bool with_positions)
{
    static const struct tn_hash no_session_keys;
    const struct tree *tree = &state->trees[TN_RECORD_ACCOUNT];
    struct tn_hash leaf;
    tn_i128 sum;
    if (account >= tree->count ||
        !tn_proof_leaf(&leaf, &sum, state->cpu, TN_RECORD_ACCOUNT, account, record,
                       TN_RECORD_ACCOUNT_SIZE, &state->positions_roots[account]) ||
        !is_leaf(state, TN_RECORD_ACCOUNT, account, &leaf))
        return false;
    tn_state_write_be(writer, account, 4);
    tn_state_write(writer, record, TN_RECORD_ACCOUNT_SIZE);
    if (with_positions) tn_state_write(writer, state->positions_roots[account].bytes, TN_HASH_SIZE);
    tn_state_write(writer, no_session_keys.bytes, TN_HASH_SIZE);
    tn_state_write_be(writer, tree->count, 4);
    tn_state_write_way(writer, tree, account, 0);
    write_market(writer, state, head, TN_RECORD_ACCOUNT);
    return true;
}

size_t tn_state_prove_account(const struct tn_state *state, uint8_t *out, size_t out_size,
                              const struct tn_state_head *head, uint32_t account,
                              const uint8_t record[TN_RECORD_ACCOUNT_SIZE])
{
    struct writer writer = {out, out_size, 0};
    tn_state_write_head(&writer, TN_PROOF_ACCOUNT, head);
    if (!write_account(&writer, state, head, account, record, true)) return 0;
    return tn_state_written(&writer);
}

/* The way of the index-th of a list of items, `chunk` of them to a leaf; and the list's top. A fold
 * over the leaves for each sibling: lists are short, and proofs are not made on the hot path. */
static void write_list_way(struct writer *writer, struct tn_hash *top, uint8_t kind,
                           const uint8_t *items, size_t item_size, size_t size, uint32_t index)
{
    const uint64_t count = (size + item_size - 1) / item_size;
    const uint32_t depth = tn_proof_depth(count);
    tn_i128 sum;
    for (uint32_t level = 0; level <= depth; level++) {
        struct tn_proof_fold fold;
        const uint64_t place = level == depth ? 0 : index >> level ^ 1;
        const uint64_t end = (place + 1) << level < count ? (place + 1) << level : count;
        tn_proof_fold_begin(&fold, false);
        for (uint64_t i = place << level; i < end; i++) {
            struct tn_hash leaf;
            const size_t left = size - (size_t)i * item_size;
            tn_proof_leaf_body(&leaf, kind, (uint32_t)i, items + i * item_size,
                               left < item_size ? left : item_size);
            (void)tn_proof_fold_add(&fold, &leaf, 0);
        }
        (void)tn_proof_fold_top(&fold, level, top, &sum);
        if (level == depth) break;
        tn_state_write_be(writer, fold.count == 0 ? 0 : TN_HASH_SIZE, 1);
        if (fold.count > 0) tn_state_write(writer, top->bytes, TN_HASH_SIZE);
    }
}

size_t tn_state_prove_position(const struct tn_state *state, uint8_t *out, size_t out_size,
                               const struct tn_state_head *head, uint32_t account,
                               const uint8_t record[TN_RECORD_ACCOUNT_SIZE],
                               const uint8_t *positions, size_t positions_size, uint32_t rank)
{
    struct writer writer = {out, out_size, 0};
    const size_t chunk_size = TN_RECORD_POSITIONS_CHUNK * TN_RECORD_POSITION_SIZE;
    struct tn_hash root;
    if (positions_size % TN_RECORD_POSITION_SIZE != 0 ||
        rank >= positions_size / TN_RECORD_POSITION_SIZE)
        return 0;
    const uint32_t count = (uint32_t)(positions_size / TN_RECORD_POSITION_SIZE);
    const uint32_t chunk = rank / TN_RECORD_POSITIONS_CHUNK;
    const size_t left = positions_size - chunk * chunk_size;
    tn_state_write_head(&writer, TN_PROOF_POSITION, head);
    tn_state_write_be(&writer, rank, 4);
    tn_state_write_be(&writer, count, 4);
    tn_state_write(&writer, positions + (size_t)rank * TN_RECORD_POSITION_SIZE, 8);
    tn_state_write(&writer, positions + chunk * chunk_size, left < chunk_size ? left : chunk_size);
    write_list_way(&writer, &root, TN_RECORD_POSITIONS, positions, chunk_size, positions_size,
                   chunk);
    tn_proof_root(&root, TN_RECORD_POSITIONS, count, &root);
    if (account >= state->trees[TN_RECORD_ACCOUNT].count ||
        !tn_hash_equal(&root, &state->positions_roots[account]))
        return 0;
    tn_state_write_waypoint(&writer, &root);
    if (!write_account(&writer, state, head, account, record, false)) return 0;
    return tn_state_written(&writer);
}

/* ---- Records ---- */

static void write_tree(struct writer *writer, const struct tn_state *state,
                       const struct tn_state_head *head, uint8_t kind, uint32_t index)
{
    const struct tree *tree = &state->trees[kind];
    tn_state_write_be(writer, tree->count, 4);
    tn_state_write_way(writer, tree, index, 0);
    write_market(writer, state, head, kind);
}

static bool write_record(struct writer *writer, const struct tn_state *state,
                         const struct tn_state_head *head, struct tn_record_name name,
                         const uint8_t *record, size_t size)
{
    struct tn_hash leaf = {{0}};
    size_t body = 0;
    TN_ASSERT(name.kind > 0 && name.kind < TN_PROOF_RECORD_KINDS);
    if (name.kind == TN_RECORD_ACCOUNT || name.kind == TN_RECORD_POSITIONS ||
        name.index >= state->trees[name.kind].count)
        return false;
    tn_state_write_be(writer, name.kind, 1);
    tn_state_write_be(writer, name.index, 4);
    const size_t body_at = writer->used + 4;
    if (body_at > writer->size || writer->size - body_at < size + TN_PROOF_BODY_EXTRA) return false;
    if (size > 0) {
        body = tn_proof_body(writer->out + body_at, state->cpu, name.kind, record, size, NULL);
        if (body == 0) return false;
    }
    tn_proof_leaf_body(&leaf, name.kind, name.index, writer->out + body_at, body);
    if (!is_leaf(state, name.kind, name.index, &leaf)) return false;
    tn_state_write_be(writer, body, 4);
    writer->used += body;
    write_tree(writer, state, head, name.kind, name.index);
    return true;
}

size_t tn_state_prove_record(const struct tn_state *state, uint8_t *out, size_t out_size,
                             const struct tn_state_head *head, struct tn_record_name name,
                             const uint8_t *record, size_t size)
{
    struct writer writer = {out, out_size, 0};
    const bool is_series = name.kind == TN_RECORD_SERIES && size > 0;
    tn_state_write_head(&writer, is_series ? TN_PROOF_SERIES : TN_PROOF_RECORD, head);
    if (!write_record(&writer, state, head, name, record, size)) return 0;
    return tn_state_written(&writer);
}

size_t tn_state_prove_order(const struct tn_state *state, uint8_t *out, size_t out_size,
                            const struct tn_state_head *head, uint32_t slot, uint32_t list,
                            uint32_t rank, const uint8_t *book, size_t book_size,
                            const uint8_t *series, size_t series_size)
{
    struct writer writer = {out, out_size, 0};
    const struct tn_record_name name = {TN_RECORD_SERIES, slot};
    struct tn_hash tops[TN_RECORD_BOOK_LISTS];
    struct tn_hash leaf;
    tn_i128 sum;
    TN_ASSERT(list < TN_RECORD_BOOK_LISTS);
    if (slot >= state->trees[TN_RECORD_BOOK].count || book_size == 0 || series_size == 0 ||
        !tn_proof_leaf(&leaf, &sum, state->cpu, TN_RECORD_BOOK, slot, book, book_size, NULL) ||
        !is_leaf(state, TN_RECORD_BOOK, slot, &leaf) ||
        rank >= tn_get_be(book + 4 * (size_t)list, 4))
        return 0;
    tn_state_write_head(&writer, TN_PROOF_ORDER, head);
    tn_state_write_be(&writer, slot, 4);
    tn_state_write_be(&writer, list, 1);
    tn_state_write_be(&writer, rank, 4);
    tn_state_write(&writer, book, 4 * TN_RECORD_BOOK_LISTS);
    const uint8_t *orders = book + 4 * TN_RECORD_BOOK_LISTS;
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++) {
        struct writer unused = {NULL, 0, 0};
        const size_t size = (size_t)tn_get_be(book + 4 * (size_t)i, 4) * TN_RECORD_ORDER_SIZE;
        if (i == list)
            tn_state_write(&writer, orders + (size_t)rank * TN_RECORD_ORDER_SIZE,
                           TN_RECORD_ORDER_SIZE);
        write_list_way(i == list ? &writer : &unused, &tops[i], TN_RECORD_BOOK, orders,
                       TN_RECORD_ORDER_SIZE, size, i == list ? rank : 0);
        orders += size;
    }
    tn_state_write_waypoint(&writer, &tops[list]);
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++)
        if (i != list) tn_state_write(&writer, tops[i].bytes, TN_HASH_SIZE);
    write_tree(&writer, state, head, TN_RECORD_BOOK, slot);
    if (!write_record(&writer, state, head, name, series, series_size)) return 0;
    return tn_state_written(&writer);
}

size_t tn_state_prove_conservation(const struct tn_state *state, uint8_t *out, size_t out_size,
                                   const struct tn_state_head *head, const uint8_t *market,
                                   size_t market_size)
{
    struct writer writer = {out, out_size, 0};
    const struct tree *tree = &state->trees[TN_RECORD_ACCOUNT];
    const struct tn_record_name name = {TN_RECORD_MARKET, 0};
    tn_state_write_head(&writer, TN_PROOF_CONSERVATION, head);
    tn_state_write_be(&writer, tree->count, 4);
    tn_state_write(&writer, tn_state_tree_node(tree, tn_proof_depth(tree->count), 0), TN_HASH_SIZE);
    write_sum(&writer, tn_state_tree_sum(tree));
    write_market(&writer, state, head, TN_RECORD_ACCOUNT);
    if (!write_record(&writer, state, head, name, market, market_size)) return 0;
    return tn_state_written(&writer);
}

size_t tn_state_prove_leaves(const struct tn_state *state, uint8_t *out, size_t out_size,
                             const struct tn_state_head *head, enum tn_record_kind kind,
                             uint32_t first, uint32_t depth)
{
    struct writer writer = {out, out_size, 0};
    TN_ASSERT(kind > 0 && (uint32_t)kind < TN_PROOF_RECORD_KINDS && kind != TN_RECORD_POSITIONS);
    const struct tree *tree = &state->trees[kind];
    if (depth > tn_proof_depth(tree->count)) depth = tn_proof_depth(tree->count);
    if (first >= tree->count || (first & ((UINT64_C(1) << depth) - 1)) != 0) return 0;
    tn_state_write_head(&writer, TN_PROOF_LEAVES, head);
    tn_state_write_be(&writer, kind, 1);
    tn_state_write_be(&writer, tree->count, 4);
    tn_state_write_be(&writer, first, 4);
    tn_state_write_be(&writer, depth, 1);
    tn_state_write_way(&writer, tree, first, depth);
    write_market(&writer, state, head, (uint8_t)kind);
    return tn_state_written(&writer);
}
