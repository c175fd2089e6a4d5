/* results: client ids that may be sent again, and nonces that may not (§2).
 *
 * An account's last results form a list, oldest first, whose last leads to the first again; one
 * that leaves the list while its order still lives is detached and goes with the order. What left
 * the list raises client_floor, so a forgotten id can never be taken for a new one.
 *
 * Of a full list the oldest goes for every one that comes. Mostly nothing needs it any more: then
 * the new one takes its slot, and no other record is touched. */
#include "exchange/internal.h"

static void forget_result(struct tn_exchange *exchange, uint32_t slot)
{
    struct result *result = &exchange->results[slot];
    tn_index_remove(&exchange->result_index, result->hash, slot);
    result->account = TN_NONE;
    result->next = exchange->results_free;
    exchange->results_free = slot;
    exchange->results_count--;
}

/* The order that a result created is no more; a result kept for it alone goes with it. */
void tn_exchange_order_gone(struct tn_exchange *exchange, uint32_t slot)
{
    exchange->results[slot].order = TN_NONE;
    if (exchange->results[slot].detached) forget_result(exchange, slot);
}

/* The oldest leaves the list of its account; whoever it is kept for still finds it. */
static void step_past_oldest(struct account *account, const struct result *oldest)
{
    account->results_head = oldest->next;
    account->results_count--;
    account->results_gone++;
    if (oldest->client_id > account->client_floor) account->client_floor = oldest->client_id;
}

static void let_oldest_go(struct tn_exchange *exchange, struct account *account)
{
    uint32_t slot = account->results_head;
    struct result *oldest = &exchange->results[slot];
    step_past_oldest(account, oldest);
    exchange->results[account->results_tail].next = account->results_head;
    if (oldest->order != TN_NONE) {
        oldest->detached = 1;
        tn_exchange_touch_order(exchange, oldest->order);
    } else {
        forget_result(exchange, slot);
    }
}

static uint32_t take_slot(struct tn_exchange *exchange)
{
    uint32_t slot = exchange->results_free;
    if (slot == TN_NONE) return exchange->results_used++;
    exchange->results_free = exchange->results[slot].next;
    return slot;
}

void tn_exchange_link_result(struct tn_exchange *exchange, struct account *account, uint32_t slot)
{
    if (account->results_count++ == 0) {
        account->results_head = slot;
    } else {
        exchange->results[account->results_tail].next = slot;
    }
    exchange->results[slot].next = account->results_head;
    account->results_tail = slot;
}

/* Writes a result of the account into a slot; what leads on from there is the caller's. */
static void write_result(struct tn_exchange *exchange, uint32_t slot, uint32_t account,
                         uint64_t client_id, const struct outcome *outcome, uint32_t hash)
{
    struct result *result = &exchange->results[slot];
    result->client_id = client_id;
    result->order_id = outcome->order_id;
    result->quantity = outcome->quantity;
    result->remaining = outcome->remaining;
    result->account = account;
    result->order = outcome->created;
    result->reject = (uint16_t)outcome->reject;
    result->detached = 0;
    result->hash = hash;
    if (outcome->created != TN_NONE) exchange->orders[outcome->created].result = slot;
}

static void put_in_index(struct tn_exchange *exchange, const struct result_place *place,
                         uint32_t slot)
{
    if (place->count == exchange->result_index.count) {
        tn_index_put(&exchange->result_index, place->cell, place->hash, slot);
    } else {
        tn_index_insert(&exchange->result_index, place->hash, slot);
    }
}

/* In the slot of the oldest, which becomes the last: the list leads on as it did. */
static void replace_oldest(struct tn_exchange *exchange, struct account *account,
                           uint32_t account_index, uint64_t client_id,
                           const struct outcome *outcome, const struct result_place *place)
{
    uint32_t slot = account->results_head;
    const struct result *oldest = &exchange->results[slot];
    put_in_index(exchange, place, slot);
    tn_index_remove(&exchange->result_index, oldest->hash, slot);
    step_past_oldest(account, oldest);
    write_result(exchange, slot, account_index, client_id, outcome, place->hash);
    account->results_tail = slot;
    account->results_count++;
}

void tn_exchange_remember(struct tn_exchange *exchange, uint32_t account_index, uint64_t client_id,
                          const struct outcome *outcome, const struct result_place *place)
{
    TN_ASSERT(client_id != 0 && exchange->results_count < exchange->limits.results_max);
    struct account *account = &exchange->accounts[account_index];
    tn_exchange_touch_account(exchange, account_index, TOUCH_MEMORY);
    bool is_full = account->results_count == exchange->limits.results_per_account;
    if (is_full && exchange->results[account->results_head].order == TN_NONE) {
        replace_oldest(exchange, account, account_index, client_id, outcome, place);
        return;
    }
    uint32_t slot = take_slot(exchange);
    exchange->results_count++;
    write_result(exchange, slot, account_index, client_id, outcome, place->hash);
    put_in_index(exchange, place, slot);
    tn_exchange_link_result(exchange, account, slot);
    if (is_full) let_oldest_go(exchange, account);
}

enum tn_reject tn_exchange_check_nonce(const struct tn_exchange *exchange, uint32_t account,
                                       uint64_t nonce)
{
    if (account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    tn_exchange_need_account(exchange, account);
    return tn_exchange_nonce_state(&exchange->accounts[account], nonce);
}

enum tn_reject tn_exchange_spend_nonce(struct tn_exchange *exchange, uint32_t account,
                                       uint64_t nonce)
{
    if (account >= exchange->accounts_count) return TN_REJECT_ACCOUNT_UNKNOWN;
    tn_exchange_need_account(exchange, account);
    return tn_exchange_use_nonce(exchange, account, nonce);
}
