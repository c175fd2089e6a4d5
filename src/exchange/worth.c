/* worth: E of accounts alone, for who wants it of many: an exit checkpoint, which nobody should
 * wait for.
 *
 * What an account is worth is cash, positions at their marks, collateral at its price, and funding
 * that it owes: no scenario moves it and no order. The numbers are those of the margin engine to
 * the micro (docs/specs/margin.md), but what it takes to work one out is a few lines of memory of
 * each account, so accounts come in groups and each step's lines are asked for ahead, the first
 * ones of the next group while this one is worked out. */
#include "exchange/risk.h"
#include "tenor/riskview.h"

/* What standard margin says at most, and as little. */
#define WORTH_MAX ((tn_i128)1 << 62)

enum { GROUP = 64 };

/* ---- Ahead ---- */

static void load_account(const struct tn_exchange *exchange, uint32_t account)
{
    const struct tn_exchange_limits *limits = &exchange->limits;
    tn_prefetch(&exchange->ledger.cash[account]);
    tn_prefetch(&exchange->accounts[account].linear_count);
    if (exchange->risk == NULL) return;
    tn_prefetch(&exchange->risk->guards[account]);
    if (exchange->assets_count > 1)
        tn_prefetch(&exchange->balances[(size_t)account * limits->assets_max]);
}

static void load_chunk(const struct risk *risk, uint32_t index)
{
    const struct chunk *chunk = &risk->chunks[index];
    tn_prefetch(chunk);
    tn_prefetch((const char *)chunk + 64);
}

static void load_positions(const struct tn_exchange *exchange, uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    if (account->linear_count > 0) {
        const struct exposure *first = &exchange->exposures[account->exposures_head];
        tn_prefetch(first);
        tn_prefetch(&first->account_next);
    }
    if (exchange->risk == NULL) return;
    const struct guard *guard = &exchange->risk->guards[index];
    if (guard->holdings_count > 0) load_chunk(exchange->risk, guard->holdings);
}

static void load_more_positions(const struct risk *risk, uint32_t index)
{
    const struct guard *guard = &risk->guards[index];
    if (guard->holdings_count > HOLDINGS_PER_CHUNK)
        load_chunk(risk, risk->chunks[guard->holdings].next);
}

/* ---- One account ---- */

/* Positions at their marks. */
static tn_i128 value_positions(const struct risk *risk, const struct guard *guard, bool *has_any)
{
    tn_i128 value = 0;
    tn_lots any = 0;
    uint32_t index = guard->holdings;
    for (uint32_t first = 0; first < guard->holdings_count; first += HOLDINGS_PER_CHUNK) {
        const struct chunk *chunk = &risk->chunks[index];
        const uint32_t left = guard->holdings_count - first;
        const uint32_t count = left < HOLDINGS_PER_CHUNK ? left : HOLDINGS_PER_CHUNK;
        index = chunk->next;
        if (left > 2 * HOLDINGS_PER_CHUNK) load_chunk(risk, risk->chunks[index].next);
        for (uint32_t i = 0; i < count; i++) {
            const tn_lots lots = chunk->quantities[i];
            any |= lots;
            value += (tn_i128)lots * risk->rows[chunk->series[i]][TN_COLUMN_MARK];
        }
    }
    *has_any = any != 0;
    return value;
}

static tn_i128 value_collateral(const struct tn_exchange *exchange, uint32_t account)
{
    const int64_t *balances = &exchange->balances[(size_t)account * exchange->limits.assets_max];
    tn_i128 value = 0;
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        const tn_micros price = exchange->risk->margin_assets[i].price_micros;
        if (balances[i] != 0)
            value += tn_ppm_floor(tn_exchange_countable(balances[i], price), price);
    }
    return value;
}

static tn_micros within_most(tn_i128 value)
{
    if (value > WORTH_MAX) return (tn_micros)WORTH_MAX;
    return value < -WORTH_MAX ? -(tn_micros)WORTH_MAX : (tn_micros)value;
}

static bool has_balances(const struct tn_exchange *exchange, uint32_t account)
{
    const int64_t *balances = &exchange->balances[(size_t)account * exchange->limits.assets_max];
    for (uint32_t i = 1; i < exchange->assets_count; i++)
        if (balances[i] != 0) return true;
    return false;
}

static void work_out(struct tn_account_worth *worth, const struct tn_exchange *exchange,
                     uint32_t account)
{
    const struct guard *guard = &exchange->risk->guards[account];
    bool has_positions;
    const tn_i128 positions = value_positions(exchange->risk, guard, &has_positions);
    const tn_i128 collateral = value_collateral(exchange, account);
    const tn_micros owed = tn_exchange_accrued_funding(exchange, account);
    const tn_i128 equity = exchange->ledger.cash[account] - owed + positions + collateral;
    const bool is_clamped = guard->model == TN_MARGIN_STANDARD;
    worth->equity = is_clamped ? within_most(equity) : (tn_micros)equity;
    worth->collateral = is_clamped ? within_most(collateral) : (tn_micros)collateral;
    /* Past the most it depends on the model, too. */
    worth->is_fixed = !has_positions && !has_balances(exchange, account) && equity < WORTH_MAX &&
                      equity > -WORTH_MAX;
}

/* Without a margin engine: free equity with what its orders hold back. */
static void work_out_plain(struct tn_account_worth *worth, const struct tn_exchange *exchange,
                           uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    worth->equity = tn_exchange_free_equity(exchange, index) + account->reserved;
    worth->collateral = 0;
    worth->is_fixed = account->linear_count == 0;
}

/* ---- Groups ---- */

static void load_group(const struct tn_exchange *exchange, const uint32_t *accounts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        load_account(exchange, accounts[i]);
}

static void take_group(const struct tn_exchange *exchange, struct tn_account_worth *worths,
                       const uint32_t *accounts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(accounts[i] < exchange->accounts_count);
        if (exchange->risk == NULL)
            work_out_plain(&worths[i], exchange, accounts[i]);
        else
            work_out(&worths[i], exchange, accounts[i]);
    }
}

static uint32_t group_at(uint32_t count, uint32_t first)
{
    const uint32_t left = count - first;
    return left < GROUP ? left : GROUP;
}

void tn_exchange_worths(const struct tn_exchange *exchange, struct tn_account_worth *worths,
                        const uint32_t *accounts, uint32_t count)
{
    load_group(exchange, accounts, group_at(count, 0));
    for (uint32_t first = 0; first < count;) {
        const uint32_t now = group_at(count, first);
        for (uint32_t i = 0; i < now; i++)
            load_positions(exchange, accounts[first + i]);
        load_group(exchange, accounts + first + now, group_at(count, first + now));
        for (uint32_t i = 0; i < now && exchange->risk != NULL; i++)
            load_more_positions(exchange->risk, accounts[first + i]);
        take_group(exchange, worths + first, accounts + first, now);
        first += now;
    }
}

const uint8_t *tn_exchange_owner(const struct tn_exchange *exchange, uint32_t account)
{
    TN_ASSERT(account < exchange->accounts_count);
    return exchange->accounts[account].owner;
}
