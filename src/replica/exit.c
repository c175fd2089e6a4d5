/* exit: what each account could take out, at the marks of an exit checkpoint, and whether it is all
 * there.
 *
 * An account's leaf is max(0, E), where E is what the margin engine says: cash, positions at their
 * marks and collateral at its price, and with it what is under way to it from other markets. The
 * vault is everything that is held but the insurance fund: cash that came in and did not leave, or
 * is under way to here, and the same collateral at the same price. So vault and
 * insurance together can fall short of the accounts only by what is owed and not covered.
 *
 * The tree is made here, in the replica, which runs behind the desk: no order waits for it. */
#include "replica/shard.h"

#include "tenor/riskview.h"

enum {
    EQUITY_BYTES = 28, /* owner[20] ‖ equity i64 */
    VAULT_AT = 60,     /* of the exit record */
    INSURANCE_AT = 68,
};

/* What an account is worth, and what of it is collateral. Without a margin engine: its free equity
 * with what its orders hold back. */
static tn_micros equity_of(const struct tn_exchange *exchange, tn_micros *collateral,
                           const struct tn_account_view *account, uint32_t index)
{
    struct tn_account_risk_view view;
    *collateral = 0;
    if (!tn_exchange_account_risk(exchange, &view, index)) {
        return account->free_equity + account->reserved;
    }
    *collateral = view.margin.collateral;
    return view.margin.equity;
}

/* The values are kept beside the tree, which has only their hashes; owners never change. */
static void set_equity(struct tn_shard *shard, uint32_t account, const uint8_t *owner,
                       tn_micros equity)
{
    shard->equities[account] = equity > 0 ? equity : 0;
    tn_equity_set(shard->equity, account, owner, equity);
}

void tn_shard_exit_begin(struct tn_shard *shard)
{
    uint32_t count = tn_exchange_accounts_count(shard->exchange);
    shard->equities_count = count;
    memset(shard->equities, 0, count * sizeof *shard->equities);
}

/* Until the checkpoint a value is what is under way to the account. It cannot overflow: markets
 * count at most 6 · 512 that are under way, of 2^50 each. */
void tn_shard_exit_coming(struct tn_shard *shard, uint32_t account, tn_micros amount)
{
    TN_ASSERT(account < shard->equities_count && amount > 0);
    TN_ASSERT(shard->equities[account] <= INT64_MAX - amount);
    shard->equities[account] += amount;
}

static tn_micros with_coming(tn_micros equity, tn_micros coming)
{
    tn_i128 sum = (tn_i128)equity + coming;
    return sum > INT64_MAX ? INT64_MAX : (tn_micros)sum; /* said too low at worst */
}

void tn_shard_exit_checkpoint(struct tn_shard *shard, uint8_t record[TN_PROOF_EXIT_SIZE],
                              uint64_t height)
{
    struct tn_exchange *exchange = shard->exchange;
    const struct tn_ledger *ledger = tn_exchange_ledger(exchange);
    uint32_t count = tn_exchange_accounts_count(exchange);
    tn_i128 collateral_sum = 0, coming_sum = 0;
    TN_ASSERT(shard->equities_count == count);
    tn_exchange_need_all(exchange);
    tn_equity_count(shard->equity, count);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_account_view view;
        tn_micros collateral;
        bool is_there = tn_exchange_account(exchange, &view, i);
        TN_ASSERT(is_there);
        tn_micros equity = equity_of(exchange, &collateral, &view, i);
        collateral_sum += collateral;
        coming_sum += shard->equities[i];
        set_equity(shard, i, view.owner, with_coming(equity, shard->equities[i]));
    }
    for (uint32_t i = 0; i * TN_RECORD_EQUITY_CHUNK < count; i++)
        shard_note_changed(shard, TN_RECORD_EQUITY, i);
    tn_equity_update(shard->equity);
    tn_micros insurance = ledger->house[TN_HOUSE_INSURANCE];
    tn_i128 vault = collateral_sum + coming_sum - ledger->house[TN_HOUSE_EXTERNAL] - insurance;
    if (vault > INT64_MAX) vault = INT64_MAX; /* collateral beyond measure; said too low at worst */
    TN_ASSERT(vault >= INT64_MIN);
    struct tn_state_exit exit = {
        .height = height, .vault_micros = (tn_micros)vault, .insurance_micros = insurance};
    struct tn_hash alone; /* the globals are the caller's */
    tn_equity_record(shard->equity, record, &alone, shard->id, &exit);
}

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

bool tn_shard_take_exit(struct tn_shard *shard, struct tn_import_fault *fault,
                        const uint8_t said[TN_PROOF_EXIT_SIZE], bool has_exit)
{
    uint8_t record[TN_PROOF_EXIT_SIZE];
    *fault = (struct tn_import_fault){.name = {.kind = TN_RECORD_EQUITY}};
    fault->what = "EQUITY records do not make the tree of the last exit checkpoint";
    if (!has_exit) return shard->equities_count == 0;
    tn_equity_count(shard->equity, shard->equities_count);
    for (uint32_t i = 0; i < shard->equities_count; i++) {
        struct tn_account_view view;
        if (!tn_exchange_account(shard->exchange, &view, i)) return false;
        set_equity(shard, i, view.owner, shard->equities[i]);
    }
    tn_equity_update(shard->equity);
    const struct tn_state_exit exit = {
        .height = tn_get_be(said, 8),
        .vault_micros = (tn_micros)tn_get_be(said + VAULT_AT, 8),
        .insurance_micros = (tn_micros)tn_get_be(said + INSURANCE_AT, 8),
    };
    struct tn_hash alone;
    tn_equity_record(shard->equity, record, &alone, shard->id, &exit);
    return memcmp(record, said, sizeof record) == 0;
}
