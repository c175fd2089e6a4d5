/* A claim as text, line by line as docs/examples/verify_proof.py prints it: two verifiers that
 * share nothing must print the same. */
#ifndef TENOR_TEST_CLAIM_TEXT_H
#define TENOR_TEST_CLAIM_TEXT_H

#include <inttypes.h>
#include <stdio.h>

#include "tenor/proof.h"

static inline void claim_bytes(FILE *to, const char *key, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    fprintf(to, "%s ", key);
    for (size_t i = 0; i < size; i++)
        fprintf(to, "%02x", at[i]);
    fprintf(to, size == 0 ? "-\n" : "\n");
}
static inline void claim_unsigned(FILE *to, const char *key, uint64_t value)
{
    fprintf(to, "%s %" PRIu64 "\n", key, value);
}
static inline void claim_signed(FILE *to, const char *key, tn_i128 value)
{
    char digits[48];
    char *at = digits + sizeof digits;
    tn_u128 size = value < 0 ? -(tn_u128)value : (tn_u128)value;
    *--at = '\0';
    do
        *--at = (char)('0' + (int)(size % 10));
    while ((size /= 10) > 0);
    fprintf(to, "%s %s%s\n", key, value < 0 ? "-" : "", at);
}
static inline void claim_list(FILE *to, const char *key, const int64_t *values, int count)
{
    fprintf(to, "%s", key);
    for (int i = 0; i < count; i++)
        fprintf(to, " %" PRId64, values[i]);
    fprintf(to, "\n");
}

static inline void claim_account(FILE *to, const struct tn_proof_account *account, uint32_t market)
{
    claim_unsigned(to, "account", account->index);
    claim_unsigned(to, "accounts", account->count);
    claim_bytes(to, "owner", account->owner, 20);
    claim_signed(to, "cash", account->cash);
    claim_list(to, "collateral", account->collateral, 7);
    claim_unsigned(to, "nonce_top", account->nonce_top);
    claim_unsigned(to, "nonce_bits", account->nonce_bits);
    claim_unsigned(to, "client_floor", account->client_floor);
    claim_bytes(to, "positions_root", account->positions_root.bytes, 32);
    claim_bytes(to, "session_keys_root", account->session_keys_root.bytes, 32);
    claim_signed(to, "accounts_cash", account->accounts_cash);
    claim_unsigned(to, "market", market);
}

static inline void claim_position(FILE *to, const struct tn_proof_position *position,
                                  uint32_t market)
{
    claim_unsigned(to, "rank", position->rank);
    claim_unsigned(to, "positions", position->count);
    claim_unsigned(to, "series", position->series_id);
    claim_signed(to, "quantity", position->quantity_lots);
    claim_signed(to, "cost", position->cost_micros);
    claim_account(to, &position->account, market);
}

static inline void claim_record(FILE *to, const struct tn_proof_record *record, uint32_t market)
{
    claim_unsigned(to, "kind", record->kind);
    claim_unsigned(to, "index", record->index);
    claim_unsigned(to, "count", record->count);
    claim_bytes(to, "body", record->body, record->body_size);
    claim_unsigned(to, "market", market);
}

static inline void claim_series(FILE *to, const struct tn_proof_series *series, uint32_t market)
{
    claim_unsigned(to, "slot", series->slot);
    claim_unsigned(to, "series", series->series_id);
    claim_unsigned(to, "underlying", series->underlying);
    claim_unsigned(to, "option_kind", series->kind);
    claim_signed(to, "expiry_ms", series->expiry_ms);
    claim_unsigned(to, "strike_units", series->strike_units);
    claim_signed(to, "mark", series->mark_micros);
    claim_signed(to, "settlement", series->settlement_micros);
    claim_unsigned(to, "status", series->status);
    claim_unsigned(to, "market", market);
}

static inline void claim_order(FILE *to, const struct tn_proof_order *order, uint32_t market)
{
    claim_unsigned(to, "slot", order->slot);
    claim_unsigned(to, "list", order->list);
    claim_unsigned(to, "rank", order->rank);
    claim_unsigned(to, "orders", order->count);
    claim_unsigned(to, "order", order->order_id);
    claim_unsigned(to, "account", order->account);
    claim_signed(to, "price", order->price_ticks);
    claim_signed(to, "open", order->open_lots);
    claim_unsigned(to, "series", order->series_id);
    claim_unsigned(to, "market", market);
}

static inline void claim_exit(FILE *to, const struct tn_proof_exit *exit, uint32_t market,
                              bool with_account)
{
    claim_unsigned(to, "exit_height", exit->height);
    claim_unsigned(to, "accounts", exit->accounts_count);
    claim_bytes(to, "equity_root", exit->equity_root.bytes, 32);
    claim_signed(to, "equity_sum", exit->equity_sum);
    claim_signed(to, "vault", exit->vault_micros);
    claim_signed(to, "insurance", exit->insurance_micros);
    claim_unsigned(to, "market", market);
    if (!with_account) return;
    claim_unsigned(to, "account", exit->index);
    claim_bytes(to, "owner", exit->owner, 20);
    claim_signed(to, "equity", exit->equity_micros);
}

static inline void claim_withdrawal(FILE *to, const struct tn_proof_withdrawal *withdrawal,
                                    uint32_t market)
{
    claim_unsigned(to, "number", withdrawal->number);
    claim_unsigned(to, "count", withdrawal->count);
    claim_unsigned(to, "market", market);
    claim_unsigned(to, "account", withdrawal->account);
    claim_bytes(to, "owner", withdrawal->owner, 20);
    claim_unsigned(to, "asset", withdrawal->asset);
    claim_signed(to, "amount", withdrawal->amount);
    claim_unsigned(to, "at_height", withdrawal->height);
}

static inline void claim_body(FILE *to, const struct tn_proof_claim *claim)
{
    const uint32_t market = claim->market;
    switch (claim->type) {
        case TN_PROOF_ACCOUNT: claim_account(to, &claim->as.account, market); return;
        case TN_PROOF_POSITION: claim_position(to, &claim->as.position, market); return;
        case TN_PROOF_RECORD: claim_record(to, &claim->as.record, market); return;
        case TN_PROOF_SERIES: claim_series(to, &claim->as.series, market); return;
        case TN_PROOF_ORDER: claim_order(to, &claim->as.order, market); return;
        case TN_PROOF_BLOCK:
            claim_unsigned(to, "number", claim->as.block.number);
            claim_unsigned(to, "count", claim->as.block.count);
            claim_bytes(to, "hash", claim->as.block.hash.bytes, 32);
            return;
        case TN_PROOF_WITHDRAWAL: claim_withdrawal(to, &claim->as.withdrawal, market); return;
        case TN_PROOF_CONSERVATION:
            claim_unsigned(to, "accounts", claim->as.conservation.accounts_count);
            claim_signed(to, "accounts_cash", claim->as.conservation.accounts_cash);
            claim_list(to, "house", claim->as.conservation.house, 6);
            claim_unsigned(to, "market", market);
            return;
        case TN_PROOF_SOLVENCY: claim_exit(to, &claim->as.exit, market, false); return;
        case TN_PROOF_EXIT: claim_exit(to, &claim->as.exit, market, true); return;
        case TN_PROOF_LEAVES: return;
    }
}

static inline void claim_write(FILE *to, const struct tn_proof_claim *claim)
{
    static const char *const names[] = {
        "",      "account",    "position",     "record",   "series", "order",
        "block", "withdrawal", "conservation", "solvency", "exit"};
    fprintf(to, "type %s\n", names[claim->type]);
    claim_bytes(to, "chain_id", claim->chain_id, 32);
    claim_unsigned(to, "height", claim->height);
    claim_body(to, claim);
}

static inline void claim_write_leaves(FILE *to, const struct tn_proof_leaves *leaves)
{
    fprintf(to, "type leaves\n");
    claim_bytes(to, "chain_id", leaves->chain_id, 32);
    claim_unsigned(to, "height", leaves->height);
    claim_unsigned(to, "kind", leaves->kind);
    claim_unsigned(to, "first", leaves->first);
    claim_unsigned(to, "leaves", leaves->count);
    claim_unsigned(to, "total", leaves->total);
    claim_unsigned(to, "market", leaves->market);
}

#endif
