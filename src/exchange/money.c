/* money: cash and collateral in and out, and between the accounts of one owner (§8). */
#include "exchange/internal.h"

#define AMOUNT_MAX  (INT64_C(1) << 50)
#define BALANCE_MAX (INT64_C(1) << 60)

static int64_t *balance(const struct tn_exchange *exchange, uint32_t account, uint32_t asset)
{
    return &exchange->balances[(size_t)account * exchange->limits.assets_max + asset];
}

static void report(struct tn_exchange *exchange, uint32_t account, uint32_t other, uint32_t asset,
                   tn_micros amount)
{
    struct tn_event *event = emit(exchange, TN_EVENT_MONEY);
    event->account = account;
    event->other_account = other;
    event->index = asset;
    event->money = amount;
}

enum tn_reject tn_exchange_deposit(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    uint32_t account = entry->as.deposit.account;
    uint32_t asset = entry->as.deposit.asset;
    tn_micros amount = entry->as.deposit.amount;
    if (account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    if (asset >= exchange->assets_count) return TN_REJECT_ASSET_UNKNOWN;
    if (amount < 1 || amount > AMOUNT_MAX) return TN_REJECT_AMOUNT_RANGE;
    if (asset == 0) {
        if (-exchange->ledger.house[TN_HOUSE_EXTERNAL] > TN_DEPOSITS_MAX - amount) {
            return TN_REJECT_MONEY_RANGE;
        }
        tn_ledger_transfer(&exchange->ledger, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), account, amount);
    } else {
        if (*balance(exchange, account, asset) > BALANCE_MAX - amount) return TN_REJECT_MONEY_RANGE;
        *balance(exchange, account, asset) += amount;
    }
    report(exchange, account, TN_NONE, asset, amount);
    return TN_REJECT_NONE;
}

/* May this much leave the account? */
static enum tn_reject check_leaving(const struct tn_exchange *exchange, uint32_t account,
                                    uint32_t asset, tn_micros amount)
{
    if (asset >= exchange->assets_count) return TN_REJECT_ASSET_UNKNOWN;
    if (amount < 1 || amount > AMOUNT_MAX) return TN_REJECT_AMOUNT_RANGE;
    if (asset != 0) {
        return amount > *balance(exchange, account, asset) ? TN_REJECT_CASH_SHORT : TN_REJECT_NONE;
    }
    tn_micros cash = exchange->ledger.cash[account];
    tn_micros free_equity = tn_exchange_free_equity(exchange, account);
    tn_micros most = cash < free_equity ? cash : free_equity;
    return amount > most ? TN_REJECT_CASH_SHORT : TN_REJECT_NONE;
}

void tn_exchange_transfer(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                          const struct tn_command *command)
{
    uint32_t target = command->as.money.to_account;
    uint32_t asset = command->as.money.asset;
    tn_micros amount = command->as.money.amount;
    if (target >= exchange->accounts_count) {
        outcome->reject = TN_REJECT_ACCOUNT_UNKNOWN;
        return;
    }
    if (target == account ||
        exchange->accounts[target].owner_index != exchange->accounts[account].owner_index) {
        outcome->reject = TN_REJECT_OWNER_MISMATCH;
        return;
    }
    outcome->reject = check_leaving(exchange, account, asset, amount);
    if (outcome->reject != TN_REJECT_NONE) return;
    if (asset == 0) {
        tn_ledger_transfer(&exchange->ledger, account, target, amount);
    } else if (*balance(exchange, target, asset) > BALANCE_MAX - amount) {
        outcome->reject = TN_REJECT_MONEY_RANGE;
        return;
    } else {
        *balance(exchange, account, asset) -= amount;
        *balance(exchange, target, asset) += amount;
    }
    report(exchange, account, target, asset, amount);
}

void tn_exchange_withdraw(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                          const struct tn_command *command)
{
    uint32_t asset = command->as.money.asset;
    tn_micros amount = command->as.money.amount;
    outcome->reject = check_leaving(exchange, account, asset, amount);
    if (outcome->reject != TN_REJECT_NONE) return;
    if (asset == 0) {
        tn_ledger_transfer(&exchange->ledger, account, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), amount);
    } else {
        *balance(exchange, account, asset) -= amount;
    }
    report(exchange, account, TN_NONE, asset, -amount);
}

enum tn_reject tn_exchange_asset(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->assets_count == exchange->limits.assets_max) return TN_REJECT_ASSETS_FULL;
    if (entry->as.asset.haircut_ppm > 1000000) return TN_REJECT_PARAMETER_RANGE;
    exchange->haircut_ppm[exchange->assets_count++] = entry->as.asset.haircut_ppm;
    return TN_REJECT_NONE;
}

static uint32_t owner_hash(const struct tn_exchange *exchange, const uint8_t owner[TN_OWNER_SIZE])
{
    uint64_t words[3] = {0, 0, 0};
    memcpy(words, owner, TN_OWNER_SIZE);
    return tn_index_hash2(&exchange->owner_index, words[0], words[1] ^ words[2]);
}

enum tn_reject tn_exchange_open_account(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->accounts_count == exchange->limits.accounts_max) return TN_REJECT_ACCOUNTS_FULL;
    const uint8_t *owner = entry->as.account.owner;
    uint32_t slot = exchange->accounts_count++;
    uint32_t hash = owner_hash(exchange, owner);
    uint32_t first = TN_NONE;
    TN_INDEX_EACH (&exchange->owner_index, hash, other) {
        if (memcmp(exchange->accounts[other].owner, owner, TN_OWNER_SIZE) == 0) first = other;
    }
    if (first == TN_NONE) {
        first = slot;
        tn_index_insert(&exchange->owner_index, hash, slot);
    }
    struct account *account = &exchange->accounts[slot];
    *account = (struct account){.owner_index = first,
                                .orders_head = TN_NONE,
                                .orders_tail = TN_NONE,
                                .results_head = TN_NONE,
                                .results_tail = TN_NONE,
                                .exposures_head = TN_NONE,
                                .exposures_tail = TN_NONE,
                                .groups_head = TN_NONE};
    memcpy(account->owner, owner, TN_OWNER_SIZE);
    emit(exchange, TN_EVENT_OPENED)->account = slot;
    return TN_REJECT_NONE;
}
