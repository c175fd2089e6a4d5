/* money: cash and collateral in and out, and between the accounts of one owner (§8). */
#include "exchange/feeds.h"

#define AMOUNT_MAX  TN_REMIT_AMOUNT_MAX
#define BALANCE_MAX (INT64_C(1) << 60)

static int64_t *balance(const struct tn_exchange *exchange, uint32_t account, uint32_t asset)
{
    return &exchange->balances[(size_t)account * exchange->limits.assets_max + asset];
}

bool tn_exchange_balance_fits(const struct tn_exchange *exchange, uint32_t account, uint32_t asset,
                              int64_t amount)
{
    return *balance(exchange, account, asset) <= BALANCE_MAX - amount;
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
    tn_exchange_need_account(exchange, account);
    if (asset >= exchange->assets_count) return TN_REJECT_ASSET_UNKNOWN;
    if (amount < 1 || amount > AMOUNT_MAX) return TN_REJECT_AMOUNT_RANGE;
    if (asset == 0) {
        if (-exchange->ledger.house[TN_HOUSE_EXTERNAL] > TN_DEPOSITS_MAX - amount) {
            return TN_REJECT_MONEY_RANGE;
        }
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), account, amount);
    } else {
        if (!tn_exchange_balance_fits(exchange, account, asset, amount)) {
            return TN_REJECT_MONEY_RANGE;
        }
        *balance(exchange, account, asset) += amount;
        tn_exchange_touch_account(exchange, account, TOUCH_ACCOUNT);
        tn_exchange_forget_cushion(exchange, account);
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
    if (asset == 0) {
        return amount > tn_exchange_withdrawable(exchange, account) ? TN_REJECT_CASH_SHORT
                                                                    : TN_REJECT_NONE;
    }
    int64_t *held = balance(exchange, account, asset);
    if (amount > *held) return TN_REJECT_CASH_SHORT;
    if (exchange->risk == NULL) return TN_REJECT_NONE;
    *held -= amount;
    tn_micros m_without = tn_exchange_m(exchange, account, NULL, 0);
    *held += amount;
    return m_without < 0 ? TN_REJECT_CASH_SHORT : TN_REJECT_NONE;
}

/* With a margin engine: nothing leaves an account in liquidation or on a late feed, nor the
 * exchange while insurance does not cover the accounts in debt. */
static enum tn_reject check_gate(const struct tn_exchange *exchange, uint32_t account, bool outside)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL) return TN_REJECT_NONE;
    if (risk->guards[account].liquidation != TN_LIQUIDATION_NONE) return TN_REJECT_ACCOUNT_FROZEN;
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        const struct series *series = &exchange->series[exchange->exposures[slot].series];
        if (series->expiry != TN_NONE && tn_exchange_freshness(exchange, series) != TN_FRESH) {
            return TN_REJECT_FEED_LATE;
        }
    }
    /* Debt counts too: it is shared out at the next MARK, and nobody leaves before that. */
    tn_micros insurance =
        exchange->ledger.house[TN_HOUSE_INSURANCE] + exchange->ledger.house[TN_HOUSE_DEBT];
    return outside && risk->gate_micros > insurance ? TN_REJECT_WITHDRAWALS_WAIT : TN_REJECT_NONE;
}

enum tn_reject tn_exchange_check_withdrawal(const struct tn_exchange *exchange, uint32_t account,
                                            uint32_t asset, tn_micros amount)
{
    enum tn_reject reject = check_gate(exchange, account, true);
    return reject == TN_REJECT_NONE ? check_leaving(exchange, account, asset, amount) : reject;
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
    tn_exchange_need_account(exchange, target);
    if (target == account ||
        exchange->accounts[target].owner_index != exchange->accounts[account].owner_index) {
        outcome->reject = TN_REJECT_OWNER_MISMATCH;
        return;
    }
    outcome->reject = check_gate(exchange, account, false);
    if (outcome->reject != TN_REJECT_NONE) return;
    outcome->reject = check_leaving(exchange, account, asset, amount);
    if (outcome->reject != TN_REJECT_NONE) return;
    if (asset == 0) {
        tn_exchange_pay(exchange, account, target, amount);
    } else if (!tn_exchange_balance_fits(exchange, target, asset, amount)) {
        outcome->reject = TN_REJECT_MONEY_RANGE;
        return;
    } else {
        *balance(exchange, account, asset) -= amount;
        *balance(exchange, target, asset) += amount;
        tn_exchange_touch_account(exchange, account, TOUCH_ACCOUNT);
        tn_exchange_touch_account(exchange, target, TOUCH_ACCOUNT);
        tn_exchange_forget_cushion(exchange, account);
        tn_exchange_forget_cushion(exchange, target);
    }
    report(exchange, account, target, asset, amount);
}

void tn_exchange_withdraw(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                          const struct tn_command *command)
{
    uint32_t asset = command->as.money.asset;
    tn_micros amount = command->as.money.amount;
    outcome->reject = tn_exchange_check_withdrawal(exchange, account, asset, amount);
    if (outcome->reject != TN_REJECT_NONE) return;
    if (asset == 0) {
        tn_exchange_pay(exchange, account, TN_PARTY_HOUSE(TN_HOUSE_EXTERNAL), amount);
    } else {
        *balance(exchange, account, asset) -= amount;
        tn_exchange_touch_account(exchange, account, TOUCH_ACCOUNT);
        tn_exchange_forget_cushion(exchange, account);
    }
    report(exchange, account, TN_NONE, asset, -amount);
}

enum tn_reject tn_exchange_asset(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->assets_count == exchange->limits.assets_max) return TN_REJECT_ASSETS_FULL;
    uint32_t haircut = entry->as.asset.haircut_ppm, more = entry->as.asset.im_haircut_ppm;
    if (haircut > 1000000 || more > 1000000 - haircut) return TN_REJECT_PARAMETER_RANGE;
    if (entry->as.asset.underlying > exchange->underlyings_count) {
        return TN_REJECT_UNDERLYING_UNKNOWN;
    }
    if (exchange->risk != NULL) {
        exchange->risk->im_haircut_ppm[exchange->assets_count] = more;
        exchange->risk->asset_underlying[exchange->assets_count] = entry->as.asset.underlying;
    }
    exchange->haircut_ppm[exchange->assets_count++] = haircut;
    tn_exchange_touch_assets(exchange);
    return TN_REJECT_NONE;
}

static uint32_t owner_hash(const struct tn_exchange *exchange, const uint8_t owner[TN_OWNER_SIZE])
{
    uint64_t words[3] = {0, 0, 0};
    memcpy(words, owner, TN_OWNER_SIZE);
    return tn_index_hash2(&exchange->owner_index, words[0], words[1] ^ words[2]);
}

uint32_t tn_exchange_first_of(const struct tn_exchange *exchange,
                              const uint8_t owner[TN_OWNER_SIZE])
{
    uint32_t hash = owner_hash(exchange, owner);
    TN_INDEX_EACH (&exchange->owner_index, hash, first) {
        if (memcmp(exchange->accounts[first].owner, owner, TN_OWNER_SIZE) == 0) return first;
    }
    return TN_NONE;
}

void tn_exchange_know_owner(struct tn_exchange *exchange, uint32_t slot)
{
    struct account *account = &exchange->accounts[slot];
    struct owner_link *links = exchange->owner_links;
    uint32_t first = tn_exchange_first_of(exchange, account->owner);
    if (first == TN_NONE) {
        first = slot;
        tn_index_insert(&exchange->owner_index, owner_hash(exchange, account->owner), slot);
    } else {
        TN_ASSERT(links[first].last < slot);
        links[links[first].last].next = slot;
    }
    links[slot] = (struct owner_link){.next = TN_NONE, .last = slot};
    links[first].last = slot;
    account->owner_index = first;
    exchange->accounts[first].owner_count++;
}

uint32_t tn_exchange_owner_accounts(const struct tn_exchange *exchange,
                                    const uint8_t owner[TN_OWNER_SIZE])
{
    tn_exchange_need_all(exchange); /* an absent one may be his */
    const uint32_t first = tn_exchange_first_of(exchange, owner);
    return first == TN_NONE ? 0 : exchange->accounts[first].owner_count;
}

enum tn_reject tn_exchange_open_account(struct tn_exchange *exchange, const struct tn_entry *entry)
{
    if (exchange->accounts_count == exchange->limits.accounts_max) return TN_REJECT_ACCOUNTS_FULL;
    if (exchange->risk != NULL && entry->as.account.model > TN_MARGIN_STANDARD) {
        return TN_REJECT_MODEL_UNKNOWN;
    }
    uint32_t slot = exchange->accounts_count++;
    struct account *account = &exchange->accounts[slot];
    *account = (struct account){.orders_head = TN_NONE,
                                .orders_tail = TN_NONE,
                                .results_head = TN_NONE,
                                .results_tail = TN_NONE,
                                .exposures_head = TN_NONE,
                                .exposures_tail = TN_NONE,
                                .groups_head = TN_NONE};
    memcpy(account->owner, entry->as.account.owner, TN_OWNER_SIZE);
    tn_exchange_know_owner(exchange, slot);
    tn_exchange_touch_account(exchange, slot, TOUCH_ACCOUNT | TOUCH_POSITIONS | TOUCH_MEMORY);
    if (exchange->risk != NULL) {
        exchange->risk->guards[slot] = (struct guard){
            .model = entry->as.account.model, .mark = exchange->risk->mark, .holdings = TN_NONE};
        tn_exchange_touch_account(exchange, slot, TOUCH_MARGIN);
    }
    emit(exchange, TN_EVENT_OPENED)->account = slot;
    return TN_REJECT_NONE;
}
