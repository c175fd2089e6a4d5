/* exit: what each account could take out, at the marks of an exit checkpoint, and whether it is all
 * there.
 *
 * An account's leaf is max(0, E), where E is what the margin engine says: cash, positions at their
 * marks and collateral at its price, and with it what is under way to it from other markets. The
 * vault is everything that is held but the insurance fund: cash that came in and did not leave, or
 * is under way to here, and the same collateral at the same price. So vault and
 * insurance together can fall short of the accounts only by what is owed and not covered.
 *
 * A checkpoint is taken in two parts, as the next entry waits for the first one only. Taking it
 * works out what accounts are worth: those that hold anything, and those that changed since the
 * last time, as all others are worth what they were. Hashing takes new values into the tree, and
 * may run beside the next block's entries. Both go in pieces of accounts that write nothing in
 * common, so that several threads can do them (hands.h). */
#include "replica/shard.h"

#include "tenor/riskview.h"

enum {
    EQUITY_BYTES = 28, /* owner[20] ‖ equity i64 */
    VAULT_AT = 60,     /* of the exit record */
    INSURANCE_AT = 68,
    ACCOUNTS_AT_ONCE = 512,
};

static void mark_account(uint64_t *bits, uint32_t account)
{
    bits[account / 64] |= UINT64_C(1) << account % 64;
}

static bool is_marked(const uint64_t *bits, uint32_t account)
{
    return (bits[account / 64] >> account % 64 & 1) != 0;
}

static void unmark_account(uint64_t *bits, uint32_t account)
{
    bits[account / 64] &= ~(UINT64_C(1) << account % 64);
}

void tn_shard_exit_due(struct tn_shard *shard, const struct tn_record_name *name)
{
    if (name->kind != TN_RECORD_ACCOUNT && name->kind != TN_RECORD_POSITIONS) return;
    mark_account(shard->exit.due, name->index);
}

void tn_shard_exit_due_all(struct tn_shard *shard)
{
    const uint32_t count = tn_exchange_accounts_count(shard->exchange);
    for (uint32_t i = 0; i < count; i++)
        mark_account(shard->exit.due, i);
}

/* ---- The checkpoint ---- */

/* It cannot overflow: markets count at most 6 · 512 that are under way, of 2^50 each. */
void tn_shard_exit_coming(struct tn_shard *shard, uint32_t account, tn_micros amount)
{
    struct shard_exit *exit = &shard->exit;
    TN_ASSERT(account < tn_exchange_accounts_count(shard->exchange) && amount > 0);
    TN_ASSERT(exit->coming[account] <= INT64_MAX - amount);
    exit->coming[account] += amount;
    mark_account(exit->has_coming, account);
    mark_account(exit->due, account);
}

static tn_micros with_coming(tn_micros equity, tn_micros coming)
{
    tn_i128 sum = (tn_i128)equity + coming;
    return sum > INT64_MAX ? INT64_MAX : (tn_micros)sum; /* said too low at worst */
}

static tn_micros take_coming(struct shard_exit *exit, uint32_t account)
{
    if (!is_marked(exit->has_coming, account)) return 0;
    const tn_micros coming = exit->coming[account];
    exit->coming[account] = 0;
    unmark_account(exit->has_coming, account);
    return coming;
}

static void take_worth(struct tn_shard *shard, struct shard_vault *vault,
                       const struct tn_account_worth *worth, uint32_t account)
{
    struct shard_exit *exit = &shard->exit;
    const tn_micros coming = take_coming(exit, account);
    tn_micros equity = with_coming(worth->equity, coming);
    if (equity < 0) equity = 0;
    vault->collateral += worth->collateral;
    vault->coming += coming;
    if (worth->is_fixed && coming == 0) unmark_account(exit->due, account);
    if (account < exit->known && shard->equities[account] == equity) return;
    shard->equities[account] = equity;
    mark_account(exit->unhashed, account);
}

/* The next accounts below count with a bit set, from *account on. */
static uint32_t next_marked(const uint64_t *bits, uint32_t *accounts, uint32_t *account,
                            uint32_t count)
{
    uint32_t found = 0;
    while (*account < count && found < ACCOUNTS_AT_ONCE) {
        const uint64_t left = bits[*account / 64] >> *account % 64;
        if (left == 0) {
            *account = (*account / 64 + 1) * 64;
            continue;
        }
        *account += (uint32_t)__builtin_ctzll(left);
        if (*account >= count) break; /* of the same word, but not asked for */
        accounts[found++] = (*account)++;
    }
    return found;
}

/* The accounts of a piece. */
static uint32_t piece_end(const struct tn_shard *shard, uint32_t *first, uint32_t piece)
{
    *first = piece * TN_EQUITY_PIECE;
    const uint32_t left = shard->equities_count - *first;
    return *first + (left < TN_EQUITY_PIECE ? left : TN_EQUITY_PIECE);
}

static void take_piece(void *of, uint32_t piece)
{
    struct tn_shard *shard = of;
    struct tn_account_worth worths[ACCOUNTS_AT_ONCE];
    uint32_t accounts[ACCOUNTS_AT_ONCE], found, account;
    struct shard_vault vault = {0, 0};
    const uint32_t end = piece_end(shard, &account, piece);
    while ((found = next_marked(shard->exit.due, accounts, &account, end)) > 0) {
        tn_exchange_worths(shard->exchange, worths, accounts, found);
        for (uint32_t i = 0; i < found; i++)
            take_worth(shard, &vault, &worths[i], accounts[i]);
    }
    shard->exit.vaults[piece] = vault;
}

/* Pieces have no bit of these for themselves. */
static void note_records(struct tn_shard *shard)
{
    enum { WORDS = TN_RECORD_EQUITY_CHUNK / 64 };
    const uint32_t words = (shard->equities_count + 63) / 64;
    for (uint32_t i = 0; i < words; i++)
        if (shard->exit.unhashed[i] != 0) shard_note_changed(shard, TN_RECORD_EQUITY, i / WORDS);
}

void tn_shard_exit_take(struct tn_shard *shard, const struct tn_hands *hands, uint64_t height)
{
    const struct tn_ledger *ledger = tn_exchange_ledger(shard->exchange);
    const tn_micros insurance = ledger->house[TN_HOUSE_INSURANCE];
    tn_i128 held = -(tn_i128)ledger->house[TN_HOUSE_EXTERNAL] - insurance;
    TN_ASSERT(!shard->exit.is_unhashed);
    tn_exchange_need_all(shard->exchange);
    shard->exit.known = shard->equities_count;
    shard->equities_count = tn_exchange_accounts_count(shard->exchange);
    const uint32_t pieces = (shard->equities_count + TN_EQUITY_PIECE - 1) / TN_EQUITY_PIECE;
    shard_work(hands, take_piece, shard, pieces);
    for (uint32_t i = 0; i < pieces; i++)
        held += shard->exit.vaults[i].collateral + shard->exit.vaults[i].coming;
    note_records(shard);
    if (held > INT64_MAX) held = INT64_MAX; /* collateral beyond measure; said too low at worst */
    TN_ASSERT(held >= INT64_MIN);
    shard->exit.head = (struct tn_state_exit){
        .height = height, .vault_micros = (tn_micros)held, .insurance_micros = insurance};
    shard->exit.is_unhashed = true;
}

/* A leaf has the owner too, which never changes. */
static void hash_piece(void *of, uint32_t piece)
{
    struct tn_shard *shard = of;
    struct tn_equity_leaf leaves[ACCOUNTS_AT_ONCE];
    uint32_t accounts[ACCOUNTS_AT_ONCE], found, account;
    const uint32_t end = piece_end(shard, &account, piece);
    while ((found = next_marked(shard->exit.unhashed, accounts, &account, end)) > 0) {
        for (uint32_t i = 0; i < found; i++) {
            unmark_account(shard->exit.unhashed, accounts[i]);
            leaves[i] = (struct tn_equity_leaf){accounts[i],
                                                tn_exchange_owner(shard->exchange, accounts[i]),
                                                shard->equities[accounts[i]]};
        }
        tn_equity_piece_set(shard->equity, leaves, found);
    }
    tn_equity_piece_hash(shard->equity, piece);
}

void tn_shard_exit_hash(struct tn_shard *shard, const struct tn_hands *hands)
{
    TN_ASSERT(shard->exit.is_unhashed);
    tn_equity_count(shard->equity, shard->equities_count);
    shard_work(hands, hash_piece, shard, tn_equity_pieces_begin(shard->equity));
    tn_equity_pieces_end(shard->equity);
}

void tn_shard_exit_record(struct tn_shard *shard, uint8_t record[TN_PROOF_EXIT_SIZE])
{
    struct tn_hash alone; /* the globals are the caller's */
    TN_ASSERT(shard->exit.is_unhashed);
    tn_equity_record(shard->equity, record, &alone, shard->id, &shard->exit.head);
    shard->exit.is_unhashed = false;
}

/* ---- Withdrawals ---- */

void tn_shard_write_withdrawal(uint8_t out[TN_PROOF_WITHDRAWAL_SIZE], const struct tn_shard *shard,
                               const struct tn_event *event, uint64_t height)
{
    struct tn_account_view account;
    bool is_there = tn_exchange_account(shard->exchange, &account, event->account);
    TN_ASSERT(is_there && shard_is_withdrawal(event));
    tn_put_be(out, shard->id, 4);
    tn_put_be(out + 4, event->account, 4);
    memcpy(out + 8, account.owner, TN_OWNER_SIZE);
    tn_put_be(out + 28, event->index, 4);
    tn_put_be(out + 32, (uint64_t)-event->money, 8);
    tn_put_be(out + 40, height, 8);
}

/* ---- As records, so that its proofs outlive a restart -----------------------------------------
 */

size_t tn_shard_write_equity(const struct tn_shard *shard, uint8_t *out, size_t out_size,
                             uint32_t index)
{
    uint32_t first = index * TN_RECORD_EQUITY_CHUNK;
    uint32_t total = shard->equities_count;
    if (first >= total) return 0;
    uint32_t count = total - first;
    if (count > TN_RECORD_EQUITY_CHUNK) count = TN_RECORD_EQUITY_CHUNK;
    size_t size = (size_t)count * EQUITY_BYTES;
    if (out_size < size) return size;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = out + (size_t)i * EQUITY_BYTES;
        struct tn_account_view view;
        bool is_there = tn_exchange_account(shard->exchange, &view, first + i);
        TN_ASSERT(is_there);
        memcpy(at, view.owner, TN_OWNER_SIZE);
        tn_put_be(at + TN_OWNER_SIZE, (uint64_t)shard->equities[first + i], 8);
    }
    return size;
}

bool tn_shard_import_equity(struct tn_shard *shard, struct tn_import_fault *fault, uint32_t index,
                            const uint8_t *record, size_t size)
{
    uint64_t first = (uint64_t)index * TN_RECORD_EQUITY_CHUNK;
    size_t count = size / EQUITY_BYTES;
    fault->what = "an EQUITY record does not hold whole accounts in their order";
    if (size % EQUITY_BYTES != 0 || count < 1 || count > TN_RECORD_EQUITY_CHUNK) return false;
    if (first != shard->equities_count) return false;
    if (count > shard->accounts_max - first) return false;
    shard->equities_count = (uint32_t)(first + count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = record + (size_t)i * EQUITY_BYTES;
        uint8_t account[TN_RECORD_ACCOUNT_SIZE]; /* which begins with its owner */
        size_t account_size = tn_exchange_record(shard->exchange, account, sizeof account,
                                                 TN_RECORD_ACCOUNT, (uint32_t)first + i);
        if (account_size == 0 || memcmp(account, at, TN_OWNER_SIZE) != 0) return false;
        shard->equities[first + i] = (tn_micros)tn_get_be(at + TN_OWNER_SIZE, 8);
        if (shard->equities[first + i] < 0) return false;
    }
    return true;
}

/* What an account would have at an exit checkpoint now is what it had at the last one. */
static bool is_as_before(const struct tn_shard *shard, const struct tn_account_worth *worth,
                         uint32_t account)
{
    const tn_micros equity = worth->equity > 0 ? worth->equity : 0;
    return worth->is_fixed && shard->equities[account] == equity;
}

/* All accounts are due after an import, but most that hold nothing are as they were. */
static void pass_over(struct tn_shard *shard)
{
    struct tn_account_worth worths[ACCOUNTS_AT_ONCE];
    uint32_t accounts[ACCOUNTS_AT_ONCE], found, account = 0;
    while ((found = next_marked(shard->exit.due, accounts, &account, shard->equities_count)) > 0) {
        tn_exchange_worths(shard->exchange, worths, accounts, found);
        for (uint32_t i = 0; i < found; i++)
            if (is_as_before(shard, &worths[i], accounts[i]))
                unmark_account(shard->exit.due, accounts[i]);
    }
}

/* The tree of what came in, whole. */
static void fill_tree(struct tn_shard *shard)
{
    tn_equity_count(shard->equity, shard->equities_count);
    for (uint32_t i = 0; i < shard->equities_count; i++)
        tn_equity_set(shard->equity, i, tn_exchange_owner(shard->exchange, i), shard->equities[i]);
    tn_equity_update(shard->equity);
}

bool tn_shard_take_exit(struct tn_shard *shard, struct tn_import_fault *fault,
                        const uint8_t said[TN_PROOF_EXIT_SIZE], bool has_exit)
{
    uint8_t record[TN_PROOF_EXIT_SIZE];
    *fault = (struct tn_import_fault){.name = {.kind = TN_RECORD_EQUITY}};
    fault->what = "EQUITY records do not make the tree of the last exit checkpoint";
    if (shard->equities_count > tn_exchange_accounts_count(shard->exchange)) return false;
    tn_shard_exit_due_all(shard);
    if (!has_exit) return shard->equities_count == 0;
    fill_tree(shard);
    pass_over(shard);
    const struct tn_state_exit exit = {
        .height = tn_get_be(said, 8),
        .vault_micros = (tn_micros)tn_get_be(said + VAULT_AT, 8),
        .insurance_micros = (tn_micros)tn_get_be(said + INSURANCE_AT, 8),
    };
    struct tn_hash alone;
    tn_equity_record(shard->equity, record, &alone, shard->id, &exit);
    return memcmp(record, said, sizeof record) == 0;
}
