/* sync_check: a fold for each range, as for each chunk of a snapshot.
 *
 * An index without a record is the zero leaf, so that nothing can be left out; positions stand in
 * their account's leaf, so those of nobody must be refused: no proof would see them. A market's
 * EQUITY is one tree whose root stands in its exit record, which is proved before: its ranges are
 * folded one behind the other. */
#include "cluster/sync_check.h"

#include <stdlib.h>
#include <string.h>

enum {
    KIND_STEP = 32, /* kinds of one market */
    TOTAL_AT = 47,  /* in a proof of type LEAVES */
    RANGE_MAX = 1 << SYNC_RANGE_BITS,
    WORDS = RANGE_MAX / 64,
    EXIT_COUNT_AT = 8, /* in the exit record */
    EXIT_ROOT_AT = 12,
    EXIT_SUM_AT = 44,
};

static bool is_of_market(const struct tn_chain_limits *limits, uint8_t kind)
{
    return kind < TN_CHAIN_RECORD_HEADS && kind / KIND_STEP < limits->markets_count;
}

bool sync_is_positions(const struct tn_chain_limits *limits, uint8_t kind)
{
    return is_of_market(limits, kind) && kind % KIND_STEP == TN_RECORD_POSITIONS;
}

bool sync_is_proved(const struct tn_chain_limits *limits, uint8_t kind)
{
    const uint8_t own = kind % KIND_STEP;
    return is_of_market(limits, kind) && own >= 1 && own < TN_PROOF_RECORD_KINDS &&
           own != TN_RECORD_POSITIONS;
}

bool sync_is_equity(const struct tn_chain_limits *limits, uint8_t kind)
{
    return is_of_market(limits, kind) && kind % KIND_STEP == TN_RECORD_EQUITY;
}

struct sync_check {
    struct tn_proof_fold fold;
    uint8_t kind; /* of the leaves */
    enum tn_cpu cpu;
    uint32_t market, first;
    uint8_t chain_id[32];
    uint8_t exit[TN_PROOF_EXIT_SIZE];         /* of EQUITY */
    uint64_t leaves[WORDS], positions[WORDS]; /* which came */
    struct tn_hash roots[];                   /* of positions; of an ACCOUNT's range */
};

struct sync_check *sync_check_make(const struct tn_chain_limits *limits, uint8_t kind,
                                   uint32_t range)
{
    const struct tn_market_limits *market = &limits->markets[kind / KIND_STEP];
    const bool is_account = kind % KIND_STEP == TN_RECORD_ACCOUNT;
    TN_ASSERT(sync_is_proved(limits, kind));
    struct sync_check *check =
        calloc(1, sizeof *check + (is_account ? RANGE_MAX * sizeof check->roots[0] : 0));
    if (check == NULL) return NULL;
    tn_proof_fold_begin(&check->fold, is_account);
    check->kind = kind;
    check->cpu = (enum tn_cpu)market->exchange.cpu;
    check->market = market->market;
    check->first = range << sync_range_bits(kind);
    memcpy(check->chain_id, limits->chain_id, sizeof check->chain_id);
    return check;
}

struct sync_check *sync_check_make_equity(uint8_t kind, const uint8_t exit[TN_PROOF_EXIT_SIZE])
{
    struct sync_check *check = calloc(1, sizeof *check);
    if (check == NULL) return NULL;
    tn_proof_fold_begin(&check->fold, true);
    check->kind = kind;
    memcpy(check->exit, exit, sizeof check->exit);
    return check;
}

void sync_check_free(struct sync_check *check)
{
    free(check);
}

static bool has(const uint64_t bits[WORDS], uint32_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static bool is_positions(const struct sync_check *check, uint8_t kind)
{
    return kind % KIND_STEP == TN_RECORD_POSITIONS && check->kind % KIND_STEP == TN_RECORD_ACCOUNT;
}

static bool is_equity(const struct sync_check *check)
{
    return check->kind % KIND_STEP == TN_RECORD_EQUITY;
}

/* Records of EQUITY that hold so many accounts. */
static uint32_t equity_records(uint64_t accounts)
{
    return (uint32_t)((accounts + TN_RECORD_EQUITY_CHUNK - 1) / TN_RECORD_EQUITY_CHUNK);
}

uint32_t sync_check_end_index(const struct sync_check *check)
{
    if (is_equity(check)) return equity_records(check->fold.count);
    return check->first + (1u << sync_range_bits(check->kind));
}

bool sync_check_has(const struct sync_check *check, uint8_t kind, uint32_t index)
{
    const uint32_t at = index - check->first;
    if (is_equity(check)) return index < equity_records(check->fold.count);
    if (at >= RANGE_MAX) return false;
    return has(is_positions(check, kind) ? check->positions : check->leaves, at);
}

bool sync_check_is_empty(const struct sync_check *check)
{
    for (uint32_t i = 0; i < WORDS; i++)
        if (check->leaves[i] != 0 || check->positions[i] != 0) return false;
    return true;
}

/* Of an index, or of nothing, up to that one. */
static bool add_zeros(struct sync_check *check, uint32_t until)
{
    const struct tn_hash zero = {{0}};
    while (check->fold.count < until) {
        if (has(check->positions, (uint32_t)check->fold.count)) return false; /* of nobody */
        if (!tn_proof_fold_add(&check->fold, &zero, 0)) return false;
    }
    return true;
}

/* Whole accounts, the next ones. */
static bool add_equity(struct sync_check *check, uint32_t index, const uint8_t *bytes, size_t size)
{
    const uint64_t first = (uint64_t)index * TN_RECORD_EQUITY_CHUNK;
    const size_t count = size / TN_PROOF_EQUITY_SIZE;
    if (size % TN_PROOF_EQUITY_SIZE != 0 || count > TN_RECORD_EQUITY_CHUNK ||
        check->fold.count != first) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *body = bytes + i * TN_PROOF_EQUITY_SIZE;
        const int64_t equity = (int64_t)tn_get_be(body + TN_OWNER_SIZE, 8);
        struct tn_hash leaf;
        tn_proof_leaf_body(&leaf, TN_PROOF_EQUITY, (uint32_t)(first + i), body,
                           TN_PROOF_EQUITY_SIZE);
        if (equity < 0 || !tn_proof_fold_add(&check->fold, &leaf, equity)) return false;
    }
    return true;
}

bool sync_check_record(struct sync_check *check, uint8_t kind, uint32_t index, const uint8_t *bytes,
                       size_t size)
{
    const uint32_t at = index - check->first;
    struct tn_hash leaf;
    tn_i128 sum;
    TN_ASSERT(size > 0);
    if (is_equity(check)) return add_equity(check, index, bytes, size);
    TN_ASSERT(at < RANGE_MAX);
    if (is_positions(check, kind)) {
        check->positions[at / 64] |= UINT64_C(1) << at % 64;
        return tn_proof_positions_root(&check->roots[at], check->cpu, bytes, size);
    }
    check->leaves[at / 64] |= UINT64_C(1) << at % 64;
    if (check->fold.count > at || !add_zeros(check, at)) return false;
    const uint8_t own = kind % KIND_STEP;
    const struct tn_hash *root = own == TN_RECORD_ACCOUNT ? &check->roots[at] : NULL;
    return tn_proof_leaf(&leaf, &sum, check->cpu, (enum tn_record_kind)own, index, bytes, size,
                         root) &&
           tn_proof_fold_add(&check->fold, &leaf, sum);
}

bool sync_check_end(struct sync_check *check, struct tn_proof_leaves *leaves, const uint8_t *proof,
                    size_t size, const struct tn_checkpoint *checkpoint)
{
    struct tn_proof_fault fault;
    TN_ASSERT(!is_equity(check));
    if (size < TOTAL_AT + 4) return false;
    const uint32_t total = (uint32_t)tn_get_be(proof + TOTAL_AT, 4);
    const uint32_t width = 1u << sync_range_bits(check->kind);
    if (total <= check->first) return false;
    const uint32_t count = total - check->first < width ? total - check->first : width;
    if (!add_zeros(check, count)) return false;
    for (uint32_t i = count; i < RANGE_MAX; i++)
        if (has(check->positions, i)) return false;
    return tn_proof_verify_leaves(leaves, &fault, proof, size, &checkpoint->state_root,
                                  &check->fold) &&
           memcmp(leaves->chain_id, check->chain_id, sizeof leaves->chain_id) == 0 &&
           leaves->height == checkpoint->height && leaves->market == check->market &&
           leaves->kind == check->kind % KIND_STEP && leaves->first == check->first &&
           leaves->count == count && leaves->total == total;
}

/* ---- EQUITY ------------------------------------------------------------------------------------
 */

uint64_t sync_exit_accounts(const uint8_t exit[TN_PROOF_EXIT_SIZE])
{
    return tn_get_be(exit + EXIT_COUNT_AT, 4);
}

bool sync_check_goes_on(const struct sync_check *check, uint32_t range)
{
    return is_equity(check) && equity_records(sync_exit_accounts(check->exit)) >
                                   (range + 1) << sync_range_bits(check->kind);
}

bool sync_check_end_equity(const struct sync_check *check)
{
    const uint64_t accounts = sync_exit_accounts(check->exit);
    uint8_t said[TN_HASH_SIZE + 16];
    struct tn_hash top;
    tn_i128 sum;
    TN_ASSERT(is_equity(check));
    if (check->fold.count != accounts ||
        !tn_proof_fold_top(&check->fold, tn_proof_depth(accounts), &top, &sum)) {
        return false;
    }
    tn_proof_sum_root(&top, TN_PROOF_EQUITY, accounts, &top, sum);
    memcpy(said, top.bytes, TN_HASH_SIZE);
    tn_put_be(said + TN_HASH_SIZE, (uint64_t)((tn_u128)sum >> 64), 8);
    tn_put_be(said + TN_HASH_SIZE + 8, (uint64_t)sum, 8);
    return memcmp(said, check->exit + EXIT_ROOT_AT, sizeof said) == 0;
}
_Static_assert(EXIT_SUM_AT == EXIT_ROOT_AT + TN_HASH_SIZE, "the sum stands behind the root");
