/* state: one tree for each kind of record, and the roots over them.
 *
 * The records themselves are not kept. An account's leaf takes in the root of its positions, so
 * those roots are kept beside the tree, and which leaves are older than theirs is counted: an
 * update with such a leaf is a bug of the caller. */
#include "state/internal.h"

static const uint8_t kinds[] = {TN_RECORD_ACCOUNT, TN_RECORD_MARGIN, TN_RECORD_MEMORY,
                                TN_RECORD_SERIES,  TN_RECORD_ROWS,   TN_RECORD_BOOK,
                                TN_RECORD_MARKET,  TN_RECORD_FEEDS,  TN_PROOF_SESSION};
#define KINDS (sizeof kinds / sizeof kinds[0])

static uint32_t count_max(const struct tn_state_limits *limits, uint8_t kind)
{
    if (kind == TN_RECORD_MARKET) return limits->market_max;
    if (kind == TN_RECORD_FEEDS) return limits->feeds_max;
    if (kind == TN_PROOF_SESSION) return limits->sessions_max;
    if (kind == TN_RECORD_SERIES || kind == TN_RECORD_ROWS || kind == TN_RECORD_BOOK)
        return limits->series_max;
    return limits->accounts_max;
}

static size_t stale_size(const struct tn_state_limits *limits)
{
    return tn_align((limits->accounts_max + (size_t)63) / 64 * 8);
}

static size_t parents_size(const struct tn_state_limits *limits)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < KINDS; i++)
        if (count_max(limits, kinds[i]) > most) most = count_max(limits, kinds[i]);
    return tn_align((most / 2 + (size_t)1) * sizeof(uint32_t));
}

size_t tn_state_size(const struct tn_state_limits *limits)
{
    size_t size = tn_align(sizeof(struct tn_state));
    for (uint32_t i = 0; i < KINDS; i++) {
        if (count_max(limits, kinds[i]) == 0 && kinds[i] != TN_PROOF_SESSION) return 0;
        if (count_max(limits, kinds[i]) == 0) continue;
        size += tn_state_tree_size(count_max(limits, kinds[i]), kinds[i] == TN_RECORD_ACCOUNT);
    }
    return size + tn_align(limits->accounts_max * sizeof(struct tn_hash)) + stale_size(limits) +
           parents_size(limits) + tn_state_books_size(limits);
}

struct tn_state *tn_state_init(void *memory, const struct tn_state_limits *limits, uint32_t market)
{
    struct tn_state *state = memory;
    uint8_t *next = (uint8_t *)memory + tn_align(sizeof *state);
    TN_ASSERT(tn_state_size(limits) > 0 && (uintptr_t)memory % 64 == 0);
    memset(state, 0, sizeof *state);
    state->cpu = limits->cpu;
    state->market = market;
    state->limits = *limits;
    state->markets_count = 1;
    for (uint32_t i = 0; i < KINDS; i++) {
        const bool with_sums = kinds[i] == TN_RECORD_ACCOUNT;
        if (count_max(limits, kinds[i]) == 0) continue;
        tn_state_tree_init(&state->trees[kinds[i]], next, count_max(limits, kinds[i]), with_sums);
        next += tn_state_tree_size(count_max(limits, kinds[i]), with_sums);
    }
    state->positions_roots = (struct tn_hash *)(void *)next;
    next += tn_align(limits->accounts_max * sizeof(struct tn_hash));
    state->stale = (uint64_t *)(void *)next;
    memset(state->stale, 0, stale_size(limits));
    next += stale_size(limits);
    state->parents = (uint32_t *)(void *)next;
    next += parents_size(limits);
    state->books = tn_state_books_init(next, limits);
    next += tn_state_books_size(limits);
    TN_ASSERT(next == (uint8_t *)memory + tn_state_size(limits));
    return state;
}

void tn_state_count(struct tn_state *state, enum tn_record_kind kind, uint32_t count)
{
    if (kind == TN_RECORD_POSITIONS) return;
    TN_ASSERT(kind > 0 && (uint32_t)kind < TN_PROOF_RECORD_KINDS);
    const uint32_t before = state->trees[kind].count;
    if (count == before) return;
    tn_state_tree_count(&state->trees[kind], count);
    state->is_updated = false;
    if (kind == TN_RECORD_BOOK && state->books != NULL) {
        for (uint32_t i = count; i < before; i++)
            tn_state_set_book(state, i, NULL, 0);
    }
    if (kind != TN_RECORD_ACCOUNT) return;
    for (uint32_t i = before; i < count; i++)
        state->positions_roots[i] = (struct tn_hash){{0}};
    for (uint32_t i = count; i < before; i++)
        tn_state_freshen(state, i);
}

void tn_state_clear(struct tn_state *state)
{
    for (uint32_t i = 0; i < KINDS; i++)
        tn_state_count(state, (enum tn_record_kind)kinds[i], 0);
}

bool tn_state_is_whole(const struct tn_state *state)
{
    return state->stale_count == 0;
}

void tn_state_freshen(struct tn_state *state, uint32_t account)
{
    const uint64_t bit = UINT64_C(1) << account % 64;
    if ((state->stale[account / 64] & bit) == 0) return;
    state->stale[account / 64] &= ~bit;
    state->stale_count--;
}

bool tn_state_update(struct tn_state *state)
{
    if (state->is_updated) return true;
    tn_state_books_update(state);
    TN_ASSERT(state->stale_count == 0); /* POSITIONS were set, and the ACCOUNT was not */
    for (uint32_t i = 0; i < KINDS; i++) {
        struct tree *tree = &state->trees[kinds[i]];
        if (count_max(&state->limits, kinds[i]) == 0) continue; /* no such section */
        if (!tn_state_tree_update(tree, state->cpu, state->parents)) return false;
        tn_state_tree_root(tree, &state->sections[tn_proof_section(kinds[i])], kinds[i]);
    }
    tn_proof_market_root(&state->market_root, state->market, state->sections);
    state->market_roots[state->place] = state->market_root;
    if (state->markets_count == 1) {
        tn_proof_root(&state->markets_root, TN_PROOF_MARKETS, 1, &state->market_root);
    }
    state->is_updated = true;
    return true;
}

void tn_state_small_root(struct tn_hash *root, enum tn_proof_kind kind,
                         const struct tn_hash *leaves, uint32_t count)
{
    struct tn_hash nodes[TN_STATE_MARKETS_MAX] = {{{0}}};
    TN_ASSERT(count >= 1 && count <= TN_STATE_MARKETS_MAX);
    memcpy(nodes, leaves, count * sizeof *leaves);
    for (uint32_t width = 1u << tn_proof_depth(count); width > 1; width /= 2) {
        for (uint32_t i = 0; i < width / 2; i++)
            tn_proof_node(&nodes[i], &nodes[2 * i], &nodes[2 * i + 1]);
    }
    tn_proof_root(root, (uint8_t)kind, count, &nodes[0]);
}

void tn_state_set_markets(struct tn_state *state, const struct tn_hash *roots,
                          const struct tn_hash *exits, uint32_t count, uint32_t place)
{
    TN_ASSERT(state->is_updated && count <= TN_STATE_MARKETS_MAX && place < count);
    TN_ASSERT(tn_hash_equal(&roots[place], &state->market_root));
    memset(state->market_roots, 0, sizeof state->market_roots);
    memset(state->exits, 0, sizeof state->exits);
    memcpy(state->market_roots, roots, count * sizeof *roots);
    memcpy(state->exits, exits, count * sizeof *exits);
    state->markets_count = count;
    state->place = place;
    tn_state_small_root(&state->markets_root, TN_PROOF_MARKETS, roots, count);
}

/* ---- Roots ---- */

void tn_state_market_root(struct tn_hash *root, const struct tn_state *state)
{
    TN_ASSERT(state->is_updated);
    *root = state->market_root;
}

void tn_state_section_root(struct tn_hash *root, const struct tn_state *state,
                           enum tn_record_kind kind)
{
    TN_ASSERT(state->is_updated);
    *root = state->sections[tn_proof_section((uint8_t)kind)];
}

void tn_state_markets_root(struct tn_hash *root, const struct tn_state *state)
{
    TN_ASSERT(state->is_updated);
    *root = state->markets_root;
}

void tn_state_root(struct tn_hash *root, const struct tn_state *state,
                   const struct tn_state_head *head)
{
    struct tn_hash globals_top;
    TN_ASSERT(state->is_updated);
    tn_proof_globals_top(&globals_top, head->globals);
    tn_proof_state_root(root, head->chain_id, head->height, &state->markets_root, &globals_top);
}

void tn_state_leaf(struct tn_hash *leaf, const struct tn_state *state, struct tn_record_name name)
{
    const bool is_positions = name.kind == TN_RECORD_POSITIONS;
    const struct tree *tree = &state->trees[is_positions ? TN_RECORD_ACCOUNT : name.kind];
    TN_ASSERT(name.kind > 0 && name.kind < TN_PROOF_RECORD_KINDS && name.index < tree->count);
    TN_ASSERT(name.kind != TN_RECORD_BOOK || state->books == NULL || state->is_updated);
    if (is_positions)
        *leaf = state->positions_roots[name.index];
    else
        memcpy(leaf->bytes, tn_state_tree_node(tree, 0, name.index), TN_HASH_SIZE);
}

tn_i128 tn_state_cash(const struct tn_state *state)
{
    TN_ASSERT(state->is_updated);
    return tn_state_tree_sum(&state->trees[TN_RECORD_ACCOUNT]);
}
