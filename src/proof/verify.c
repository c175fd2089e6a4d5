/* verify: one function for each type of proof. Each reads its leaf, climbs to the root of its tree,
 * and leaves the tree for the state root (steps.c). The claim is filled on the way and worth
 * nothing until the end. Places inside records are those of docs/specs/records.md. */
#include "proof/reader.h"

#define SERIES_SIZE_LEAST 48

/* ---- Accounts ---- */

static void tell_account(struct tn_proof_account *account, const uint8_t *record)
{
    memcpy(account->owner, record, sizeof account->owner);
    account->cash = get_i64(record + ACCOUNT_CASH_AT);
    for (uint32_t i = 0; i < 7; i++)
        account->collateral[i] = get_i64(record + 32 + 8 * i);
    account->nonce_top = tn_get_be(record + 88, 8);
    account->nonce_bits = tn_get_be(record + 96, 8);
    account->client_floor = tn_get_be(record + 104, 8);
}

/* positions_root: worked out by the caller, or NULL: the proof has it. */
static bool verify_account(struct reader *reader, struct tn_proof_claim *claim,
                           struct tn_proof_account *account, const struct tn_hash *positions_root)
{
    struct climber climber;
    if (!reader_u32(reader, &account->index)) return false;
    const uint8_t *record = reader_take(reader, TN_RECORD_ACCOUNT_SIZE);
    if (record == NULL) return false;
    tell_account(account, record);
    if (positions_root != NULL)
        account->positions_root = *positions_root;
    else if (!reader_hash(reader, &account->positions_root))
        return false;
    if (!reader_hash(reader, &account->session_keys_root)) return false;
    if (!reader_u32(reader, &account->count)) return false;
    if (account->index >= account->count) return reader_fail(reader, TN_PROOF_STEP_INDEX);

    uint8_t body[TN_RECORD_ACCOUNT_SIZE + 2 * TN_HASH_SIZE];
    memcpy(body, record, TN_RECORD_ACCOUNT_SIZE);
    memcpy(body + TN_RECORD_ACCOUNT_SIZE, account->positions_root.bytes, TN_HASH_SIZE);
    memcpy(body + TN_RECORD_ACCOUNT_SIZE + TN_HASH_SIZE, account->session_keys_root.bytes,
           TN_HASH_SIZE);
    tn_proof_leaf_body(&climber.node, TN_RECORD_ACCOUNT, account->index, body, sizeof body);
    climber.index = account->index;
    climber.sum = account->cash;
    if (!tn_proof_climb_sums(reader, &climber, 0, tn_proof_depth(account->count), true))
        return false;
    account->accounts_cash = climber.sum;
    tn_proof_sum_root(&climber.node, TN_RECORD_ACCOUNT, account->count, &climber.node, climber.sum);
    return tn_proof_read_waypoint(reader, &climber.node, TN_PROOF_STEP_TREE) &&
           tn_proof_leave_market(reader, &claim->market, &climber.node,
                                 tn_proof_section(TN_RECORD_ACCOUNT));
}

static bool verify_position(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_position *position = &claim->as.position;
    if (!reader_u32(reader, &position->rank) || !reader_u32(reader, &position->count) ||
        !reader_u64(reader, &position->series_id))
        return false;
    if (position->rank >= position->count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    const uint32_t chunk = position->rank / TN_RECORD_POSITIONS_CHUNK;
    const uint32_t first = chunk * TN_RECORD_POSITIONS_CHUNK;
    uint32_t inside = position->count - first;
    if (inside > TN_RECORD_POSITIONS_CHUNK) inside = TN_RECORD_POSITIONS_CHUNK;
    const uint8_t *bytes = reader_take(reader, inside * TN_RECORD_POSITION_SIZE);
    if (bytes == NULL) return false;
    position->bytes = bytes + (position->rank - first) * TN_RECORD_POSITION_SIZE;
    if (tn_get_be(position->bytes, 8) != position->series_id)
        return reader_fail(reader, TN_PROOF_STEP_POSITIONS);
    position->quantity_lots = get_i64(position->bytes + 8);
    position->cost_micros = get_i64(position->bytes + 16);

    struct tn_hash node;
    tn_proof_leaf_body(&node, TN_RECORD_POSITIONS, chunk, bytes, inside * TN_RECORD_POSITION_SIZE);
    uint32_t chunks = (position->count - 1) / TN_RECORD_POSITIONS_CHUNK + 1;
    if (!tn_proof_climb(reader, &node, chunk, 0, tn_proof_depth(chunks), TN_PROOF_STEP_POSITIONS))
        return false;
    tn_proof_root(&node, TN_RECORD_POSITIONS, position->count, &node);
    return tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_POSITIONS) &&
           verify_account(reader, claim, &position->account, &node);
}

/* ---- Records ---- */

/* From a leaf to the state root, along the tree of its kind. */
static bool leave_tree(struct reader *reader, uint32_t *market, const struct tn_hash *leaf,
                       uint8_t kind, uint32_t index, uint32_t *count)
{
    struct tn_hash node = *leaf;
    if (!reader_u32(reader, count)) return false;
    if (index >= *count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    if (!tn_proof_climb(reader, &node, index, 0, tn_proof_depth(*count), TN_PROOF_STEP_TREE))
        return false;
    tn_proof_root(&node, kind, *count, &node);
    return tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_TREE) &&
           tn_proof_leave_market(reader, market, &node, tn_proof_section(kind));
}

static bool verify_record(struct reader *reader, uint32_t *market, struct tn_proof_record *record)
{
    const uint8_t *kind = reader_take(reader, 1);
    if (kind == NULL) return false;
    record->kind = *kind;
    if (*kind < TN_RECORD_MARKET || *kind >= TN_PROOF_RECORD_KINDS || *kind == TN_RECORD_ACCOUNT ||
        *kind == TN_RECORD_POSITIONS)
        return reader_fail(reader, TN_PROOF_STEP_RECORD);
    if (!reader_u32(reader, &record->index) || !reader_u32(reader, &record->body_size))
        return false;
    record->body = reader_take(reader, record->body_size);
    if (record->body == NULL) return false;
    struct tn_hash leaf;
    tn_proof_leaf_body(&leaf, *kind, record->index, record->body, record->body_size);
    return leave_tree(reader, market, &leaf, *kind, record->index, &record->count);
}

static bool tell_series(struct reader *reader, struct tn_proof_series *series,
                        const struct tn_proof_record *record)
{
    if (record->kind != TN_RECORD_SERIES || record->body_size < SERIES_SIZE_LEAST)
        return reader_fail(reader, TN_PROOF_STEP_RECORD);
    const int64_t epoch_ms = INT64_C(1577836800000) + 28800000; /* 2020-01-01 08:00 UTC */
    const uint64_t id = tn_get_be(record->body, 8);
    series->slot = record->index;
    series->series_id = id;
    series->underlying = (uint16_t)(id >> 53);
    series->kind = (uint8_t)(id >> 51 & 3);
    series->expiry_day = (uint16_t)(id >> 36 & 0x7fff);
    series->expiry_ms = series->expiry_day == 0 ? 0 : epoch_ms + series->expiry_day * 86400000LL;
    series->strike_units = id & ((UINT64_C(1) << 36) - 1);
    series->mark_micros = get_i64(record->body + 8);
    series->settlement_micros = get_i64(record->body + 16);
    series->status = record->body[24];
    return true;
}

static bool verify_series(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_record record;
    return verify_record(reader, &claim->market, &record) &&
           tell_series(reader, &claim->as.series, &record);
}

/* The body of a book is worked out: the top of the order's list from the order, the others from the
 * proof. The second part is the series' record, of the same slot. */
static bool verify_order(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_order *order = &claim->as.order;
    uint8_t body[TN_RECORD_BOOK_LISTS * (4 + TN_HASH_SIZE)];
    uint32_t counts[TN_RECORD_BOOK_LISTS];
    struct tn_hash node;
    uint32_t slots;
    const uint8_t *list;
    if (!reader_u32(reader, &order->slot) || (list = reader_take(reader, 1)) == NULL) return false;
    order->list = *list;
    if (!reader_u32(reader, &order->rank)) return false;
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++)
        if (!reader_u32(reader, &counts[i])) return false;
    if (order->list >= TN_RECORD_BOOK_LISTS || order->rank >= counts[order->list])
        return reader_fail(reader, TN_PROOF_STEP_INDEX);
    order->count = counts[order->list];
    order->bytes = reader_take(reader, TN_RECORD_ORDER_SIZE);
    if (order->bytes == NULL) return false;
    tn_proof_leaf_body(&node, TN_RECORD_BOOK, order->rank, order->bytes, TN_RECORD_ORDER_SIZE);
    if (!tn_proof_climb(reader, &node, order->rank, 0, tn_proof_depth(order->count),
                        TN_PROOF_STEP_LIST) ||
        !tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_LIST))
        return false;
    for (uint32_t i = 0; i < TN_RECORD_BOOK_LISTS; i++) {
        struct tn_hash top = node;
        if (i != order->list && !reader_hash(reader, &top)) return false;
        tn_put_be(body + i * (4 + TN_HASH_SIZE), counts[i], 4);
        memcpy(body + i * (4 + TN_HASH_SIZE) + 4, top.bytes, TN_HASH_SIZE);
    }
    tn_proof_leaf_body(&node, TN_RECORD_BOOK, order->slot, body, sizeof body);
    if (!leave_tree(reader, &claim->market, &node, TN_RECORD_BOOK, order->slot, &slots))
        return false;
    order->order_id = tn_get_be(order->bytes, 8);
    order->account = get_u32(order->bytes + 8);
    order->price_ticks = get_i64(order->bytes + 16);
    order->open_lots = get_i64(order->bytes + 24);

    struct tn_proof_record record;
    struct tn_proof_series series;
    uint32_t market;
    if (!verify_record(reader, &market, &record) || !tell_series(reader, &series, &record))
        return false;
    order->series_id = series.series_id;
    return (market == claim->market && series.slot == order->slot) ||
           reader_fail(reader, TN_PROOF_STEP_PARTS);
}

/* ---- Sums ---- */

static bool verify_conservation(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_conservation *sums = &claim->as.conservation;
    struct tn_hash node;
    if (!reader_u32(reader, &sums->accounts_count) || !reader_hash(reader, &node) ||
        !tn_proof_read_sum(reader, &sums->accounts_cash))
        return false;
    tn_proof_sum_root(&node, TN_RECORD_ACCOUNT, sums->accounts_count, &node, sums->accounts_cash);
    if (!tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_TREE) ||
        !tn_proof_leave_market(reader, &claim->market, &node, tn_proof_section(TN_RECORD_ACCOUNT)))
        return false;

    struct tn_proof_record record;
    uint32_t market;
    if (!verify_record(reader, &market, &record)) return false;
    if (market != claim->market || record.kind != TN_RECORD_MARKET || record.index != 0)
        return reader_fail(reader, TN_PROOF_STEP_PARTS);
    if (record.body_size < sizeof sums->house) return reader_fail(reader, TN_PROOF_STEP_RECORD);
    tn_i128 sum = sums->accounts_cash;
    for (uint32_t i = 0; i < 6; i++) {
        sums->house[i] = get_i64(record.body + 8 * i);
        if (__builtin_add_overflow(sum, sums->house[i], &sum))
            return reader_fail(reader, TN_PROOF_STEP_SUM);
    }
    return sum == 0 || reader_fail(reader, TN_PROOF_STEP_CONSERVATION);
}

static tn_i128 get_i128(const uint8_t *bytes)
{
    return (tn_i128)((tn_u128)tn_get_be(bytes, 8) << 64 | tn_get_be(bytes + 8, 8));
}

static bool verify_solvency(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_exit *exit = &claim->as.exit;
    struct tn_hash node;
    uint32_t count;
    uint32_t place;
    if (!reader_u32(reader, &claim->market)) return false;
    const uint8_t *record = reader_take(reader, TN_PROOF_EXIT_SIZE);
    if (record == NULL || !reader_u32(reader, &count) || !reader_u32(reader, &place)) return false;
    if (place >= count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    exit->height = tn_get_be(record, 8);
    exit->accounts_count = get_u32(record + 8);
    memcpy(exit->equity_root.bytes, record + 12, TN_HASH_SIZE);
    exit->equity_sum = get_i128(record + 44);
    exit->vault_micros = get_i64(record + 60);
    exit->insurance_micros = get_i64(record + 68);
    tn_proof_leaf_body(&node, TN_PROOF_EXITS, claim->market, record, TN_PROOF_EXIT_SIZE);
    if (!tn_proof_climb(reader, &node, place, 0, tn_proof_depth(count), TN_PROOF_STEP_TREE))
        return false;
    tn_proof_root(&node, TN_PROOF_EXITS, count, &node);
    if (!tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_TREE) ||
        !tn_proof_leave_globals(reader, &node, TN_GLOBAL_EXITS))
        return false;
    if (exit->height > claim->height || exit->equity_sum < 0)
        return reader_fail(reader, TN_PROOF_STEP_RECORD);
    tn_i128 held = (tn_i128)exit->vault_micros + exit->insurance_micros;
    bool is_solvent = exit->equity_sum <= held;
    if (claim->type == TN_PROOF_SOLVENCY && !is_solvent)
        return reader_fail(reader, TN_PROOF_STEP_SOLVENCY);
    return true;
}

static bool verify_exit(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_exit *exit = &claim->as.exit;
    struct climber climber;
    if (!verify_solvency(reader, claim) || !reader_u32(reader, &exit->index)) return false;
    const uint8_t *body = reader_take(reader, TN_PROOF_EQUITY_SIZE);
    if (body == NULL) return false;
    if (exit->index >= exit->accounts_count) return reader_fail(reader, TN_PROOF_STEP_INDEX);
    memcpy(exit->owner, body, sizeof exit->owner);
    exit->equity_micros = get_i64(body + sizeof exit->owner);
    if (exit->equity_micros < 0) return reader_fail(reader, TN_PROOF_STEP_SUM);
    tn_proof_leaf_body(&climber.node, TN_PROOF_EQUITY, exit->index, body, TN_PROOF_EQUITY_SIZE);
    climber.index = exit->index;
    climber.sum = exit->equity_micros;
    if (!tn_proof_climb_sums(reader, &climber, 0, tn_proof_depth(exit->accounts_count), false))
        return false;
    tn_proof_sum_root(&climber.node, TN_PROOF_EQUITY, exit->accounts_count, &climber.node,
                      climber.sum);
    return (tn_hash_equal(&climber.node, &exit->equity_root) && climber.sum == exit->equity_sum) ||
           reader_fail(reader, TN_PROOF_STEP_TREE);
}

/* ---- Ranges ---- */

static bool leave_range(struct reader *reader, uint8_t kind, enum tn_proof_global section,
                        uint64_t number, uint64_t *count, const uint8_t *body, size_t size)
{
    struct tn_hash node;
    if (!reader_u64(reader, count)) return false;
    tn_proof_range_leaf(&node, kind, number, body, size);
    if (!tn_proof_climb_range(reader, &node, number, *count)) return false;
    tn_proof_root(&node, kind, *count, &node);
    return tn_proof_read_waypoint(reader, &node, TN_PROOF_STEP_TREE) &&
           tn_proof_leave_globals(reader, &node, section);
}

static bool verify_block(struct reader *reader, struct tn_proof_block *block)
{
    return reader_u64(reader, &block->number) && reader_hash(reader, &block->hash) &&
           leave_range(reader, TN_PROOF_BLOCKS, TN_GLOBAL_BLOCKS, block->number, &block->count,
                       block->hash.bytes, TN_HASH_SIZE);
}

static bool verify_withdrawal(struct reader *reader, struct tn_proof_claim *claim)
{
    struct tn_proof_withdrawal *withdrawal = &claim->as.withdrawal;
    if (!reader_u64(reader, &withdrawal->number)) return false;
    const uint8_t *body = reader_take(reader, TN_PROOF_WITHDRAWAL_SIZE);
    if (body == NULL) return false;
    claim->market = get_u32(body);
    withdrawal->account = get_u32(body + 4);
    memcpy(withdrawal->owner, body + 8, sizeof withdrawal->owner);
    withdrawal->asset = get_u32(body + 28);
    withdrawal->amount = get_i64(body + 32);
    withdrawal->height = tn_get_be(body + 40, 8);
    return leave_range(reader, TN_PROOF_WITHDRAWALS, TN_GLOBAL_WITHDRAWALS, withdrawal->number,
                       &withdrawal->count, body, TN_PROOF_WITHDRAWAL_SIZE);
}

/* ---- The whole ---- */

static bool verify_type(struct reader *reader, struct tn_proof_claim *claim)
{
    switch (claim->type) {
        case TN_PROOF_ACCOUNT: return verify_account(reader, claim, &claim->as.account, NULL);
        case TN_PROOF_POSITION: return verify_position(reader, claim);
        case TN_PROOF_RECORD: return verify_record(reader, &claim->market, &claim->as.record);
        case TN_PROOF_SERIES: return verify_series(reader, claim);
        case TN_PROOF_ORDER: return verify_order(reader, claim);
        case TN_PROOF_BLOCK: return verify_block(reader, &claim->as.block);
        case TN_PROOF_WITHDRAWAL: return verify_withdrawal(reader, claim);
        case TN_PROOF_CONSERVATION: return verify_conservation(reader, claim);
        case TN_PROOF_SOLVENCY: return verify_solvency(reader, claim);
        case TN_PROOF_EXIT: return verify_exit(reader, claim);
        case TN_PROOF_LEAVES: break; /* no claim of its own: tn_proof_verify_leaves */
    }
    return reader_fail(reader, TN_PROOF_STEP_HEADER);
}

bool tn_proof_verify(struct tn_proof_claim *claim, struct tn_proof_fault *fault,
                     const uint8_t *proof, size_t size, const struct tn_hash *state_root)
{
    struct reader reader = {.bytes = proof, .size = size, .state_root = state_root};
    memset(claim, 0, sizeof *claim);
    bool good = tn_proof_read_head(&reader, &claim->type);
    if (good) {
        memcpy(claim->chain_id, reader.chain_id, sizeof claim->chain_id);
        claim->height = reader.height;
        good = verify_type(&reader, claim);
    }
    return tn_proof_end(&reader, fault, good);
}

static bool verify_leaves(struct reader *reader, struct tn_proof_leaves *leaves,
                          const struct tn_proof_fold *fold)
{
    const uint8_t *kind = reader_take(reader, 1);
    if (kind == NULL) return false;
    leaves->kind = *kind;
    if (*kind < TN_RECORD_MARKET || *kind >= TN_PROOF_RECORD_KINDS || *kind == TN_RECORD_POSITIONS)
        return reader_fail(reader, TN_PROOF_STEP_RECORD);
    if (!reader_u32(reader, &leaves->total) || !reader_u32(reader, &leaves->first)) return false;
    const uint8_t *run_depth = reader_take(reader, 1);
    if (run_depth == NULL) return false;
    const uint32_t depth = tn_proof_depth(leaves->total);
    leaves->depth = *run_depth;
    const bool with_sums = *kind == TN_RECORD_ACCOUNT;
    if (*run_depth > depth || leaves->first >= leaves->total ||
        (leaves->first & ((UINT64_C(1) << *run_depth) - 1)) != 0)
        return reader_fail(reader, TN_PROOF_STEP_INDEX);
    const uint32_t rest = leaves->total - leaves->first;
    const uint64_t run = UINT64_C(1) << *run_depth;
    leaves->count = rest < run ? rest : (uint32_t)run;

    struct climber climber = {.index = leaves->first};
    if (fold->count != leaves->count || fold->with_sums != with_sums)
        return reader_fail(reader, TN_PROOF_STEP_LEAVES);
    if (!tn_proof_fold_top(fold, *run_depth, &climber.node, &climber.sum))
        return reader_fail(reader, TN_PROOF_STEP_SUM);
    if (with_sums) {
        if (!tn_proof_climb_sums(reader, &climber, *run_depth, depth - *run_depth, true))
            return false;
        tn_proof_sum_root(&climber.node, *kind, leaves->total, &climber.node, climber.sum);
    } else {
        if (!tn_proof_climb(reader, &climber.node, leaves->first >> *run_depth, *run_depth,
                            depth - *run_depth, TN_PROOF_STEP_LEAVES))
            return false;
        tn_proof_root(&climber.node, *kind, leaves->total, &climber.node);
    }
    leaves->root = climber.node;
    return tn_proof_read_waypoint(reader, &climber.node, TN_PROOF_STEP_LEAVES) &&
           tn_proof_leave_market(reader, &leaves->market, &climber.node, tn_proof_section(*kind));
}

bool tn_proof_verify_leaves(struct tn_proof_leaves *leaves, struct tn_proof_fault *fault,
                            const uint8_t *proof, size_t size, const struct tn_hash *state_root,
                            const struct tn_proof_fold *fold)
{
    struct reader reader = {
        .bytes = proof, .size = size, .state_root = state_root, .leaves = leaves};
    enum tn_proof_type type;
    memset(leaves, 0, sizeof *leaves);
    bool good = tn_proof_read_head(&reader, &type);
    if (good && type != TN_PROOF_LEAVES) good = reader_fail(&reader, TN_PROOF_STEP_HEADER);
    if (good) {
        memcpy(leaves->chain_id, reader.chain_id, sizeof leaves->chain_id);
        leaves->height = reader.height;
        good = verify_leaves(&reader, leaves, fold);
    }
    return tn_proof_end(&reader, fault, good);
}
