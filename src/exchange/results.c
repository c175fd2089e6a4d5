/* results: client ids that may be sent again, and nonces that may not (§2).
 *
 * An account's last results form a list, oldest first; one that leaves the list while its order
 * still lives is detached and goes with the order. What left the list raises client_floor, so a
 * forgotten id can never be taken for a new one. */
#include "exchange/internal.h"

void tn_exchange_forget_result(struct tn_exchange *exchange, uint32_t slot)
{
    struct result *result = &exchange->results[slot];
    tn_index_remove(&exchange->result_index,
                    result_hash(exchange, result->account, result->client_id), slot);
    result->account = TN_NONE;
    result->next = exchange->results_free;
    exchange->results_free = slot;
    exchange->results_count--;
}

/* The order that a result created is no more; a result kept for it alone goes with it. */
void tn_exchange_order_gone(struct tn_exchange *exchange, uint32_t slot)
{
    exchange->results[slot].order = TN_NONE;
    if (exchange->results[slot].detached) tn_exchange_forget_result(exchange, slot);
}

static void let_oldest_go(struct tn_exchange *exchange, struct account *account)
{
    uint32_t oldest = account->results_head;
    struct result *result = &exchange->results[oldest];
    account->results_head = result->next;
    if (account->results_head == TN_NONE) account->results_tail = TN_NONE;
    account->results_count--;
    account->results_gone++;
    if (result->client_id > account->client_floor) account->client_floor = result->client_id;
    if (result->order != TN_NONE) {
        result->detached = 1;
        tn_exchange_touch_order(exchange, result->order);
    } else {
        tn_exchange_forget_result(exchange, oldest);
    }
}

void tn_exchange_remember(struct tn_exchange *exchange, uint32_t account_index, uint64_t client_id,
                          const struct outcome *outcome, const struct result_place *place)
{
    TN_ASSERT(client_id != 0 && exchange->results_count < exchange->limits.results_max);
    struct account *account = &exchange->accounts[account_index];
    tn_exchange_touch_account(exchange, account_index, TOUCH_MEMORY);
    uint32_t slot = exchange->results_free;
    if (slot != TN_NONE) {
        exchange->results_free = exchange->results[slot].next;
    } else {
        slot = exchange->results_used++;
    }
    exchange->results_count++;
    exchange->results[slot] = (struct result){
        .client_id = client_id,
        .order_id = outcome->order_id,
        .quantity = outcome->quantity,
        .remaining = outcome->remaining,
        .account = account_index,
        .next = TN_NONE,
        .order = outcome->created,
        .reject = (uint16_t)outcome->reject,
    };
    if (place->count == exchange->result_index.count) {
        tn_index_put(&exchange->result_index, place->cell, place->hash, slot);
    } else {
        tn_index_insert(&exchange->result_index, place->hash, slot);
    }
    *(account->results_tail == TN_NONE ? &account->results_head
                                       : &exchange->results[account->results_tail].next) = slot;
    account->results_tail = slot;
    if (outcome->created != TN_NONE) exchange->orders[outcome->created].result = slot;
    if (++account->results_count > exchange->limits.results_per_account) {
        let_oldest_go(exchange, account);
    }
}

/* Would the nonce be accepted? */
enum tn_reject tn_exchange_nonce_state(const struct account *account, uint64_t nonce)
{
    if (nonce > account->nonce_top) return TN_REJECT_NONE;
    uint64_t behind = account->nonce_top - nonce;
    if (behind >= 64) return TN_REJECT_NONCE_TOO_OLD;
    return account->nonce_bits >> behind & 1 ? TN_REJECT_NONCE_USED : TN_REJECT_NONE;
}

enum tn_reject tn_exchange_use_nonce(struct tn_exchange *exchange, uint32_t index, uint64_t nonce)
{
    struct account *account = &exchange->accounts[index];
    enum tn_reject reject = tn_exchange_nonce_state(account, nonce);
    if (reject != TN_REJECT_NONE) return reject;
    if (nonce > account->nonce_top) {
        uint64_t shift = nonce - account->nonce_top;
        account->nonce_bits = shift >= 64 ? 0 : account->nonce_bits << shift;
        account->nonce_top = nonce;
    }
    account->nonce_bits |= UINT64_C(1) << (account->nonce_top - nonce);
    tn_exchange_touch_account(exchange, index, TOUCH_ACCOUNT);
    return TN_REJECT_NONE;
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
