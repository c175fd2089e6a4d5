/* prefetch: loading ahead what a frame's first command will touch. A command is a chain of lookups:
 * client id or series → record → order, exposure, book → level → neighbour; each stage takes one
 * step of it for an entry that is still some turns away. It reads only, and what it reads may be
 * stale: a wrong guess costs time, never a wrong answer. */
#include "exchange/internal.h"

static void load(const void *record)
{
    tn_prefetch(record);
}

static void load_two_lines(const void *record)
{
    tn_prefetch(record);
    tn_prefetch((const char *)record + 64);
}

/* ---- A new order ---- */

/* Stage 1: the account is here: what its lists end with, and where its exposure may be. */
static void place_records(const struct tn_exchange *exchange, uint32_t index,
                          const struct tn_order_terms *terms)
{
    const struct account *account = &exchange->accounts[index];
    if (account->orders_tail != TN_NONE) load(&exchange->orders[account->orders_tail]);
    if (account->results_tail != TN_NONE) load(&exchange->results[account->results_tail]);
    if (account->results_head != TN_NONE) load(&exchange->results[account->results_head]);
    uint32_t series = tn_exchange_find_series(exchange, terms->series_id);
    if (series == TN_NONE) return;
    tn_exchange_prefetch_exposure(exchange, index, series);
    tn_book_prefetch_book(exchange->books, book_of(series));
}

/* Stage 2: the exposure, the level, and the cell of the result that will go. */
static void place_exposure(const struct tn_exchange *exchange, uint32_t index,
                           const struct tn_order_terms *terms)
{
    const struct account *account = &exchange->accounts[index];
    if (account->results_count == exchange->limits.results_per_account) {
        uint64_t oldest = exchange->results[account->results_head].client_id;
        tn_exchange_prefetch_result(exchange, index, oldest);
    }
    uint32_t series = tn_exchange_find_series(exchange, terms->series_id);
    if (series == TN_NONE) return;
    uint32_t exposure = tn_exchange_guess_exposure(exchange, index, series);
    if (exposure != TN_NONE) load_two_lines(&exchange->exposures[exposure]);
    tn_book_prefetch_level(exchange->books, book_of(series), (enum tn_side)(terms->side & 1),
                           terms->price, false);
}

/* Stage 3: the last order of the level. */
static void place_level(const struct tn_exchange *exchange, const struct tn_order_terms *terms)
{
    uint32_t series = tn_exchange_find_series(exchange, terms->series_id);
    if (series == TN_NONE) return;
    tn_book_prefetch_level(exchange->books, book_of(series), (enum tn_side)(terms->side & 1),
                           terms->price, true);
}

static void place(const struct tn_exchange *exchange, uint32_t account,
                  const struct tn_order_terms *terms, uint32_t stage)
{
    if (terms->price < 1 || terms->price > TN_BOOK_PRICE_MAX) return;
    if (stage == 1) place_records(exchange, account, terms);
    if (stage == 2) place_exposure(exchange, account, terms);
    if (stage == 3) place_level(exchange, terms);
}

/* ---- A cancel or replace ---- */

/* The slot that a reference names by now, or TN_NONE. */
static uint32_t slot_of(const struct tn_exchange *exchange, uint32_t account,
                        const struct tn_order_ref *ref)
{
    if (ref->order_id != 0) return tn_book_find(exchange->books, ref->order_id);
    uint32_t result = tn_exchange_find_result(exchange, account, ref->client_id);
    return result == TN_NONE ? TN_NONE : exchange->results[result].order;
}

static void change(const struct tn_exchange *exchange, uint32_t account,
                   const struct tn_order_ref *ref, uint32_t stage)
{
    if (stage == 1) {
        tn_exchange_prefetch_result_record(exchange, account, ref->client_id);
        return;
    }
    uint32_t slot = slot_of(exchange, account, ref);
    if (slot == TN_NONE) return;
    const struct order *order = &exchange->orders[slot];
    if (stage == 2) {
        load(&exchange->resting[slot]);
        load(order);
        return;
    }
    tn_book_prefetch_order(exchange->books, slot);
    tn_book_prefetch(exchange->books, exchange->resting[slot].id);
    load(&exchange->exposures[order->exposure]);
    if (order->account_next != TN_NONE) load(&exchange->orders[order->account_next]);
    if (order->account_previous != TN_NONE) load(&exchange->orders[order->account_previous]);
}

void tn_exchange_prefetch(const struct tn_exchange *exchange, const struct tn_entry *entry,
                          uint32_t stage)
{
    if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count == 0) return;
    uint32_t account = entry->as.frame.account;
    const struct tn_command *command = &entry->as.frame.commands[0];
    if (account >= exchange->accounts_count) return;
    const struct tn_order_ref *ref = NULL;
    if (command->kind == TN_COMMAND_CANCEL) ref = &command->as.cancel;
    if (command->kind == TN_COMMAND_REPLACE) ref = &command->as.replace.ref;
    if (ref == NULL && command->kind != TN_COMMAND_PLACE) return;
    if (stage == 0) {
        load_two_lines(&exchange->accounts[account]);
        load(&exchange->ledger.cash[account]);
        tn_exchange_prefetch_result(exchange, account, command->client_id);
        if (ref != NULL) tn_exchange_prefetch_result(exchange, account, ref->client_id);
    } else if (ref != NULL) {
        change(exchange, account, ref, stage);
    } else {
        place(exchange, account, &command->as.terms[0], stage);
    }
}
