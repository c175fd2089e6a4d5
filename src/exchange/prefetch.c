/* prefetch: loading ahead what a command will touch. A command is a chain of lookups: client id or
 * series → record → order, exposure, book → level → neighbour; each stage takes one step of it for
 * a command that is still some turns away, and keeps in `ahead` what the next one starts from. It
 * reads only, and what it reads may be stale: a wrong guess costs time, never a wrong answer. */
#include "exchange/internal.h"

static void load_two_lines(const void *record)
{
    tn_prefetch(record);
    tn_prefetch((const char *)record + 64);
}

/* The record that an index names first for a hash, right or wrong, without reading it. */
static uint32_t first_of(const struct tn_index *index, uint32_t hash)
{
    TN_INDEX_EACH (index, hash, slot)
        return slot;
    return TN_NONE;
}

/* ---- A new order ---- */

static void place_series(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                         const struct tn_order_terms *terms)
{
    ahead->hash = tn_index_hash(&exchange->series_index, terms->series_id);
    tn_index_prefetch(&exchange->series_index, ahead->hash);
}

/* The account is here: what its lists end with, and where its exposure may be. */
static void place_lists(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                        uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    if (account->orders_tail != TN_NONE) tn_prefetch(&exchange->orders[account->orders_tail]);
    if (account->results_tail != TN_NONE) tn_prefetch(&exchange->results[account->results_tail]);
    if (account->results_head != TN_NONE) tn_prefetch(&exchange->results[account->results_head]);
    ahead->series = first_of(&exchange->series_index, ahead->hash);
    if (ahead->series == TN_NONE) return;
    tn_prefetch(&exchange->series[ahead->series]);
    tn_prefetch(&exchange->sides[2 * book_of(ahead->series)]);
    ahead->hash = exposure_hash(exchange, index, ahead->series);
    tn_index_prefetch(&exchange->exposure_index, ahead->hash);
}

/* The exposure, the node above the level, and the cell of the result that will go. */
static void place_exposure(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                           uint32_t index, const struct tn_order_terms *terms)
{
    const struct account *account = &exchange->accounts[index];
    if (account->results_count == exchange->limits.results_per_account) {
        uint64_t oldest = exchange->results[account->results_head].client_id;
        tn_index_prefetch(&exchange->result_index, result_hash(exchange, index, oldest));
    }
    if (ahead->series == TN_NONE) return;
    uint32_t exposure = first_of(&exchange->exposure_index, ahead->hash);
    if (exposure != TN_NONE) load_two_lines(&exchange->exposures[exposure]);
    tn_book_prefetch_root(exchange->books, book_of(ahead->series), (enum tn_side)(terms->side & 1),
                          terms->price);
}

static void place(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                  uint32_t account, const struct tn_order_terms *terms, uint32_t stage)
{
    if (terms->price < 1 || terms->price > TN_BOOK_PRICE_MAX) return;
    switch (stage) {
        case 0: place_series(exchange, ahead, terms); return;
        case 1: place_lists(exchange, ahead, account); return;
        case 2: place_exposure(exchange, ahead, account, terms); return;
        case 3:
            if (ahead->series == TN_NONE) return;
            ahead->record = tn_book_prefetch_level(exchange->books, book_of(ahead->series),
                                                   (enum tn_side)(terms->side & 1), terms->price);
            return;
        case 4:
            if (ahead->record != TN_NONE) tn_book_prefetch_tail(exchange->books, ahead->record);
            return;
    }
}

/* ---- A cancel or replace ---- */

/* The slot that a reference names by now, or TN_NONE. */
static uint32_t slot_of(const struct tn_exchange *exchange, const struct tn_exchange_ahead *ahead,
                        const struct tn_order_ref *ref)
{
    if (ref->order_id != 0) return tn_book_find(exchange->books, ref->order_id);
    return ahead->record == TN_NONE ? TN_NONE : exchange->results[ahead->record].order;
}

static void change_cell(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                        uint32_t account, const struct tn_order_ref *ref)
{
    if (ref->order_id != 0) {
        tn_book_prefetch(exchange->books, ref->order_id);
        return;
    }
    ahead->hash = result_hash(exchange, account, ref->client_id);
    tn_index_prefetch(&exchange->result_index, ahead->hash);
}

/* What the order is linked to. */
static void change_links(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    tn_book_prefetch_order(exchange->books, slot);
    tn_book_prefetch(exchange->books, exchange->resting[slot].id);
    tn_prefetch(&exchange->sides[2 * exchange->resting[slot].book]);
    load_two_lines(&exchange->exposures[order->exposure]);
    if (order->account_next != TN_NONE) tn_prefetch(&exchange->orders[order->account_next]);
    if (order->account_previous != TN_NONE) tn_prefetch(&exchange->orders[order->account_previous]);
}

static void change(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                   uint32_t account, const struct tn_order_ref *ref, uint32_t stage)
{
    switch (stage) {
        case 0: change_cell(exchange, ahead, account, ref); return;
        case 1:
            if (ref->order_id != 0) return;
            ahead->record = first_of(&exchange->result_index, ahead->hash);
            if (ahead->record != TN_NONE) tn_prefetch(&exchange->results[ahead->record]);
            return;
        case 2:
            ahead->slot = slot_of(exchange, ahead, ref);
            if (ahead->slot == TN_NONE) return;
            tn_prefetch(&exchange->resting[ahead->slot]);
            tn_prefetch(&exchange->orders[ahead->slot]);
            return;
        case 3:
            if (ahead->slot != TN_NONE) change_links(exchange, ahead->slot);
            return;
        case 4:
            if (ahead->slot == TN_NONE) return;
            const struct tn_resting *resting = &exchange->resting[ahead->slot];
            tn_book_prefetch_root(exchange->books, resting->book, (enum tn_side)resting->side,
                                  resting->price);
            return;
    }
}

void tn_exchange_look_ahead(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                            uint32_t account, const struct tn_command *command, uint32_t stage)
{
    if (stage == 0) {
        *ahead = (struct tn_exchange_ahead){
            .series = TN_NONE, .record = TN_NONE, .slot = TN_NONE, .begun = true};
    }
    if (stage == 0 && command->client_id != 0) {
        tn_index_prefetch(&exchange->result_index,
                          result_hash(exchange, account, command->client_id));
    }
    if (command->kind == TN_COMMAND_PLACE) {
        place(exchange, ahead, account, &command->as.terms[0], stage);
    } else if (command->kind == TN_COMMAND_CANCEL) {
        change(exchange, ahead, account, &command->as.cancel, stage);
    } else if (command->kind == TN_COMMAND_REPLACE) {
        change(exchange, ahead, account, &command->as.replace.ref, stage);
    }
}

void tn_exchange_prefetch(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                          const struct tn_entry *entry, uint32_t stage)
{
    if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count == 0) return;
    uint32_t account = entry->as.frame.account;
    if (stage > 0 && !ahead->begun) return;
    if (stage == 0) {
        ahead->begun = account < exchange->accounts_count;
        if (!ahead->begun) return;
        load_two_lines(&exchange->accounts[account]);
        tn_prefetch(&exchange->ledger.cash[account]);
    }
    tn_exchange_look_ahead(exchange, ahead, account, &entry->as.frame.commands[0], stage);
}
