/* proof_answer: what a proof says, if it leads to a state root that the reader trusts.
 *
 * The verifier is tenor_proof alone; here its claim becomes rows of a name and a text, which are
 * printed as a table or as JSON. Amounts are exact decimals. */
#include "decimal.h"
#include "subcommand.h"
#include "tenor/hex.h"
#include "tenor/proof.h"

#include <inttypes.h>
#include <string.h>

/* ---- Rows -------------------------------------------------------------------------------------
 */

/* In a table a row is a line, as it comes; in JSON a member of an object. */
struct rows {
    FILE *out;
    json_t *object; /* NULL: a table */
};

enum { NAME_WIDTH = 22, BYTES_SHOWN = 32, HEX_SIZE = 2 * 64 + 8 };

static void put_text(struct rows *rows, const char *name, const char *text)
{
    if (rows->object != NULL) {
        json_object_set_new(rows->object, name, json_string(text));
        return;
    }
    int length = 0;
    for (const char *at = name; *at != '\0'; at++, length++)
        fputc(*at == '_' ? ' ' : *at, rows->out);
    fprintf(rows->out, "%*s %s\n", length < NAME_WIDTH ? NAME_WIDTH - length : 0, "", text);
}

static void put_count(struct rows *rows, const char *name, uint64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, count);
    if (rows->object != NULL) {
        json_object_set_new(rows->object, name, json_integer((json_int_t)count));
    } else {
        put_text(rows, name, text);
    }
}

/* What may have more than the 53 bits of a double: a string in JSON. */
static void put_number(struct rows *rows, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    put_text(rows, name, text);
}

static void put_signed(struct rows *rows, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_text(rows, name, text);
}

static void put_money(struct rows *rows, const char *name, int64_t micros)
{
    char text[DECIMAL_SIZE];
    put_text(rows, name, decimal_format(text, micros, 6, 2));
}

/* A sum of more than 64 bits: all six decimals. */
static void put_large_money(struct rows *rows, const char *name, tn_i128 micros)
{
    char text[64];
    if (micros >= INT64_MIN && micros <= INT64_MAX) {
        put_money(rows, name, (int64_t)micros);
        return;
    }
    size_t at = sizeof text - 1;
    tn_u128 left = micros < 0 ? -(tn_u128)micros : (tn_u128)micros;
    text[at] = '\0';
    for (uint32_t digits = 0; left > 0 || digits <= 6; digits++, left /= 10) {
        if (digits == 6) text[--at] = '.';
        text[--at] = (char)('0' + (int)(left % 10));
    }
    if (micros < 0) text[--at] = '-';
    put_text(rows, name, text + at);
}

/* At most 64 bytes. */
static void put_hex(struct rows *rows, const char *name, const uint8_t *bytes, size_t count)
{
    char text[HEX_SIZE];
    TN_ASSERT(2 * count + 3 <= sizeof text);
    memcpy(text, "0x", 2);
    tn_hex_write(text + 2, bytes, count);
    put_text(rows, name, text);
}

/* Any number of bytes: all of them in JSON, the first in a table. */
static void put_bytes(struct rows *rows, const char *name, const uint8_t *bytes, size_t count)
{
    if (rows->object == NULL) {
        put_hex(rows, name, bytes, count < BYTES_SHOWN ? count : BYTES_SHOWN);
        if (count > BYTES_SHOWN) put_text(rows, "", "… (--json shows all bytes)");
        return;
    }
    char *text = malloc(2 * count + 3);
    if (text == NULL) return; /* the answer then fails to print: json_object_set refuses NULL */
    memcpy(text, "0x", 2);
    tn_hex_write(text + 2, bytes, count);
    put_text(rows, name, text);
    free(text);
}

/* ---- Claims -----------------------------------------------------------------------------------
 */

static const char *type_name(enum tn_proof_type type)
{
    switch (type) {
        case TN_PROOF_ACCOUNT: return "account";
        case TN_PROOF_POSITION: return "position";
        case TN_PROOF_RECORD: return "record";
        case TN_PROOF_SERIES: return "series";
        case TN_PROOF_ORDER: return "order";
        case TN_PROOF_BLOCK: return "block";
        case TN_PROOF_WITHDRAWAL: return "withdrawal";
        case TN_PROOF_CONSERVATION: return "conservation";
        case TN_PROOF_SOLVENCY: return "solvency";
        case TN_PROOF_EXIT: return "exit";
        case TN_PROOF_LEAVES: return "leaves";
    }
    return "unknown";
}

static void put_account(struct rows *rows, const struct tn_proof_account *account)
{
    char bits[24];
    put_count(rows, "account", account->index);
    put_count(rows, "accounts", account->count);
    put_hex(rows, "owner", account->owner, sizeof account->owner);
    put_money(rows, "cash", account->cash);
    for (uint32_t i = 0; i < 7; i++) {
        char name[24];
        if (account->collateral[i] == 0) continue;
        snprintf(name, sizeof name, "collateral_%" PRIu32, i + 1);
        put_signed(rows, name, account->collateral[i]);
    }
    put_number(rows, "highest_nonce", account->nonce_top);
    snprintf(bits, sizeof bits, "0x%016" PRIx64, account->nonce_bits);
    put_text(rows, "nonces_used_below", bits);
    put_number(rows, "client_ids_from", account->client_floor);
    put_hex(rows, "positions_root", account->positions_root.bytes, TN_HASH_SIZE);
    put_large_money(rows, "cash_of_all_accounts", account->accounts_cash);
}

static void put_position(struct rows *rows, const struct tn_proof_position *position)
{
    put_number(rows, "series_id", position->series_id);
    put_signed(rows, "quantity_lots", position->quantity_lots);
    put_money(rows, "cost", position->cost_micros);
    put_count(rows, "position", position->rank);
    put_count(rows, "positions", position->count);
    put_account(rows, &position->account);
}

static void put_record(struct rows *rows, const struct tn_proof_record *record)
{
    static const char *const names[TN_RECORD_KINDS] = {
        [TN_RECORD_MARKET] = "market", [TN_RECORD_SERIES] = "series", [TN_RECORD_FEEDS] = "feeds",
        [TN_RECORD_ROWS] = "rows",     [TN_RECORD_MARGIN] = "margin", [TN_RECORD_MEMORY] = "memory",
        [TN_RECORD_BOOK] = "book"};
    const char *name = record->kind < TN_RECORD_KINDS ? names[record->kind] : NULL;
    put_text(rows, "kind", name == NULL ? "unknown" : name);
    put_count(rows, "index", record->index);
    put_count(rows, "records", record->count);
    put_count(rows, "body_size", record->body_size);
    put_bytes(rows, "body", record->body, record->body_size);
}

static void put_series(struct rows *rows, const struct tn_proof_series *series)
{
    char text[DECIMAL_SIZE];
    put_number(rows, "series_id", series->series_id);
    put_count(rows, "slot", series->slot);
    put_count(rows, "underlying", series->underlying);
    put_count(rows, "kind", series->kind);
    put_count(rows, "status", series->status);
    if (series->expiry_ms != 0) put_signed(rows, "expiry_ms", series->expiry_ms);
    if (series->strike_units != 0) {
        put_text(rows, "strike", decimal_format(text, (int64_t)series->strike_units, 4, 0));
    }
    if (series->mark_micros >= 0) put_money(rows, "mark", series->mark_micros);
    put_money(rows, "settlement", series->settlement_micros);
}

static void put_order(struct rows *rows, const struct tn_proof_order *order)
{
    static const char *const lists[TN_RECORD_BOOK_LISTS] = {"bids", "asks", "waiting buys",
                                                            "waiting sells"};
    put_number(rows, "order_id", order->order_id);
    put_number(rows, "series_id", order->series_id);
    put_count(rows, "account", order->account);
    put_text(rows, "list", lists[order->list % TN_RECORD_BOOK_LISTS]);
    put_count(rows, "ahead_of_it", order->rank);
    put_count(rows, "in_the_list", order->count);
    put_signed(rows, "price_ticks", order->price_ticks);
    put_signed(rows, "open_lots", order->open_lots);
}

static void put_withdrawal(struct rows *rows, const struct tn_proof_withdrawal *withdrawal)
{
    put_count(rows, "withdrawal", withdrawal->number);
    put_count(rows, "withdrawals", withdrawal->count);
    put_count(rows, "in_block", withdrawal->height);
    put_count(rows, "account", withdrawal->account);
    put_hex(rows, "owner", withdrawal->owner, sizeof withdrawal->owner);
    put_count(rows, "asset", withdrawal->asset);
    if (withdrawal->asset == 0)
        put_money(rows, "amount", withdrawal->amount);
    else
        put_signed(rows, "amount_units", withdrawal->amount); /* the asset's smallest */
}

static void put_conservation(struct rows *rows, const struct tn_proof_conservation *sums)
{
    /* In the order of the ledger. */
    static const char *const names[6] = {"house_external", "house_fees",    "house_insurance",
                                         "house_clearing", "house_funding", "house_debt"};
    put_count(rows, "accounts", sums->accounts_count);
    put_large_money(rows, "cash_of_all_accounts", sums->accounts_cash);
    for (uint32_t i = 0; i < 6; i++)
        put_money(rows, names[i], sums->house[i]);
    put_text(rows, "sum", "0.00");
}

static void put_exit(struct rows *rows, const struct tn_proof_exit *exit, bool with_account)
{
    put_count(rows, "checkpoint", exit->height);
    if (with_account) {
        put_count(rows, "account", exit->index);
        put_hex(rows, "owner", exit->owner, sizeof exit->owner);
        put_money(rows, "equity", exit->equity_micros);
    }
    put_count(rows, "accounts", exit->accounts_count);
    put_large_money(rows, "equity_of_all", exit->equity_sum);
    put_money(rows, "vault", exit->vault_micros);
    put_money(rows, "insurance", exit->insurance_micros);
    put_text(rows, "covered",
             exit->equity_sum <= (tn_i128)exit->vault_micros + exit->insurance_micros ? "yes"
                                                                                      : "no");
}

static void put_claim(struct rows *rows, const struct tn_proof_claim *claim)
{
    put_text(rows, "proof_of", type_name(claim->type));
    put_hex(rows, "chain_id", claim->chain_id, sizeof claim->chain_id);
    put_count(rows, "height", claim->height);
    if (claim->type != TN_PROOF_BLOCK) put_count(rows, "market", claim->market);
    switch (claim->type) {
        case TN_PROOF_ACCOUNT: put_account(rows, &claim->as.account); return;
        case TN_PROOF_POSITION: put_position(rows, &claim->as.position); return;
        case TN_PROOF_RECORD: put_record(rows, &claim->as.record); return;
        case TN_PROOF_SERIES: put_series(rows, &claim->as.series); return;
        case TN_PROOF_ORDER: put_order(rows, &claim->as.order); return;
        case TN_PROOF_BLOCK:
            put_count(rows, "block", claim->as.block.number + 1);
            put_count(rows, "blocks", claim->as.block.count);
            put_hex(rows, "block_hash", claim->as.block.hash.bytes, TN_HASH_SIZE);
            return;
        case TN_PROOF_WITHDRAWAL: put_withdrawal(rows, &claim->as.withdrawal); return;
        case TN_PROOF_CONSERVATION: put_conservation(rows, &claim->as.conservation); return;
        case TN_PROOF_SOLVENCY: put_exit(rows, &claim->as.exit, false); return;
        case TN_PROOF_EXIT: put_exit(rows, &claim->as.exit, true); return;
        case TN_PROOF_LEAVES: return; /* no claim of its own */
    }
}

/* For another verifier too, which is given the root. */
static void put_signers(struct rows *rows, const struct tn_hash *root,
                        const struct proof_signed *signed_by)
{
    put_hex(rows, "root", root->bytes, TN_HASH_SIZE);
    put_count(rows, "epoch", signed_by->epoch);
    put_count(rows, "signed_weight", signed_by->weight);
    put_count(rows, "set_weight", signed_by->set_weight);
}

/* ---- The answer -------------------------------------------------------------------------------
 */

int proof_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                 const struct tn_hash *root, const struct proof_signed *signed_by,
                 enum format format)
{
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    if (!tn_proof_verify(&claim, &fault, (const uint8_t *)bytes, size, root)) {
        fprintf(err, "%s: the proof does not hold: step %d, near byte %" PRIu32 ": %s\n", name,
                (int)fault.step, fault.at, fault.what);
        return END_WRONG;
    }
    struct rows rows = {.out = out, .object = format == FORMAT_JSON ? json_object() : NULL};
    if (format == FORMAT_JSON && rows.object == NULL) {
        return command_print_json(out, err, NULL);
    }
    put_claim(&rows, &claim);
    if (signed_by != NULL) put_signers(&rows, root, signed_by);
    return format == FORMAT_JSON ? command_print_json(out, err, rows.object)
                                 : command_flush(out, err);
}
