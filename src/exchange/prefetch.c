/* prefetch: loading ahead what a command will touch. A command is a chain of lookups: client id or
 * series → record → order, exposure, book → level → neighbour; each stage takes one step of it for
 * a command that is still some turns away, and keeps in `ahead` what the next one starts from. It
 * reads only, and what it reads may be stale: a wrong guess costs time, never a wrong answer.
 *
 * Series and the tops of their books are few and in use all the time: they are read without asking
 * first. No predictor knows what the next command is, so a stage asks that but once. */
#include "exchange/risk.h"

/* What a command is, for the stages. */
enum {
    LOOK_NOWHERE = 0,
    LOOK_AT_PLACE,  /* an order that rests, as far as one sees */
    LOOK_AT_TAKE,   /* one that meets the other side's best */
    LOOK_AT_RESULT, /* a cancel or replace by client id */
    LOOK_AT_ORDER,  /* by order id */
};

static void load_two_lines(const void *record)
{
    tn_prefetch(record);
    tn_prefetch((const char *)record + 64);
}

/* Where no margin is asked for, an order seldom needs more of an exposure than its first line. */
static void load_exposure(const struct tn_exchange *exchange, uint32_t exposure)
{
    tn_prefetch(&exchange->exposures[exposure]);
    if (exchange->risk != NULL) tn_prefetch((const char *)&exchange->exposures[exposure] + 64);
}

static void load_cushion(const struct tn_exchange *exchange, uint32_t account)
{
    if (exchange->risk != NULL) tn_prefetch(&exchange->risk->cushions[account]);
}

/* ---- A new order ---- */

static uint8_t place_series(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                            uint32_t account, const struct tn_order_terms *terms)
{
    if (terms->price < 1 || terms->price > TN_BOOK_PRICE_MAX) return LOOK_NOWHERE;
    uint32_t series = tn_index_guess(&exchange->series_index,
                                     tn_index_hash(&exchange->series_index, terms->series_id));
    if (series == TN_NONE) return LOOK_NOWHERE;
    ahead->series = series;
    load_two_lines(&exchange->series[series]);
    tn_book_prefetch(exchange->books, exchange->last_order_id + 8); /* ids share lines by eights */
    ahead->hash = exposure_hash(exchange, account, series);
    tn_index_prefetch(&exchange->exposure_index, ahead->hash);
    uint8_t side = terms->side & 1;
    uint32_t book = book_of(series);
    if (tn_exchange_meets(exchange, series, side, terms->price)) {
        ahead->record = tn_book_prefetch_best(exchange->books, book, opposite(side));
        return LOOK_AT_TAKE;
    }
    ahead->record = tn_book_prefetch_root(exchange->books, book, (enum tn_side)side, terms->price);
    return LOOK_AT_PLACE;
}

static void place_exposure(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                           const struct account *account)
{
    if (account->orders_tail != TN_NONE) tn_prefetch(&exchange->orders[account->orders_tail]);
    ahead->exposure = tn_index_guess(&exchange->exposure_index, ahead->hash);
    if (ahead->exposure != TN_NONE) load_exposure(exchange, ahead->exposure);
}

/* ---- A cancel or replace ---- */

static uint8_t change_cell(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                           uint32_t account, const struct tn_order_ref *ref)
{
    if (ref->order_id != 0) {
        tn_book_prefetch(exchange->books, ref->order_id);
        return LOOK_AT_ORDER;
    }
    ahead->hash = result_hash(exchange, account, ref->client_id);
    tn_index_prefetch(&exchange->result_index, ahead->hash);
    return LOOK_AT_RESULT;
}

static void change_order(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    if (ahead->record != TN_NONE) ahead->slot = exchange->results[ahead->record].order;
    if (ahead->slot == TN_NONE) return;
    tn_prefetch(&exchange->resting[ahead->slot]);
    tn_prefetch(&exchange->orders[ahead->slot]);
}

/* What the order is linked to, and the top of the tree above its level. */
void tn_exchange_load_links(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    tn_book_prefetch_order(exchange->books, slot);
    tn_book_prefetch(exchange->books, resting->id);
    load_exposure(exchange, order->exposure);
    if (order->result != TN_NONE) tn_prefetch(&exchange->results[order->result]);
    if (order->account_next != TN_NONE) tn_prefetch(&exchange->orders[order->account_next]);
    if (order->account_previous != TN_NONE) tn_prefetch(&exchange->orders[order->account_previous]);
    tn_book_prefetch_root(exchange->books, resting->book, (enum tn_side)resting->side,
                          resting->price);
}

/* ---- The stages ---- */

static void begin(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                  uint32_t account, const struct tn_command *command)
{
    *ahead =
        (struct tn_exchange_ahead){.series = TN_NONE,
                                   .exposure = TN_NONE,
                                   .record = TN_NONE,
                                   .slot = TN_NONE,
                                   .result = result_hash(exchange, account, command->client_id),
                                   .is_begun = 1};
    tn_index_prefetch(&exchange->result_index, ahead->result);
    if (command->kind == TN_COMMAND_PLACE) {
        ahead->kind = place_series(exchange, ahead, account, &command->as.terms[0]);
    } else if (command->kind == TN_COMMAND_CANCEL || command->kind == TN_COMMAND_REPLACE) {
        const struct tn_order_ref *ref =
            command->kind == TN_COMMAND_CANCEL ? &command->as.cancel : &command->as.replace.ref;
        ahead->kind = change_cell(exchange, ahead, account, ref);
    }
}

/* The account is here: what its lists end with. */
static void find_records(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                         uint32_t index, const struct tn_command *command)
{
    const struct account *account = &exchange->accounts[index];
    if (account->results_tail != TN_NONE) tn_prefetch(&exchange->results[account->results_tail]);
    if (account->results_head != TN_NONE) tn_prefetch(&exchange->results[account->results_head]);
    if (ahead->kind == LOOK_AT_RESULT) {
        ahead->record = tn_index_guess(&exchange->result_index, ahead->hash);
        if (ahead->record != TN_NONE) tn_prefetch(&exchange->results[ahead->record]);
    } else if (ahead->kind == LOOK_AT_ORDER) {
        const bool cancels = command->kind == TN_COMMAND_CANCEL;
        ahead->slot = tn_book_guess(exchange->books, cancels ? command->as.cancel.order_id
                                                             : command->as.replace.ref.order_id);
    } else {
        place_exposure(exchange, ahead, account);
        ahead->record = tn_book_prefetch_below(exchange->books, ahead->record,
                                               (enum tn_side)(command->as.terms[0].side & 1),
                                               command->as.terms[0].price);
    }
}

/* The cell of the result that will go for the one that comes; the order, or the level. */
static void find_orders(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                        uint32_t index, const struct tn_command *command)
{
    const struct account *account = &exchange->accounts[index];
    if (account->results_count == exchange->limits.results_per_account) {
        uint64_t oldest = exchange->results[account->results_head].client_id;
        tn_index_prefetch(&exchange->result_index, result_hash(exchange, index, oldest));
    }
    if (ahead->kind >= LOOK_AT_RESULT) {
        change_order(exchange, ahead);
    } else {
        ahead->record = tn_book_prefetch_below(exchange->books, ahead->record,
                                               (enum tn_side)(command->as.terms[0].side & 1),
                                               command->as.terms[0].price);
    }
}

static void find_links(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    if (ahead->kind >= LOOK_AT_RESULT) {
        if (ahead->slot != TN_NONE) tn_exchange_load_links(exchange, ahead->slot);
        ahead->is_linked = 1;
    } else if (ahead->kind == LOOK_AT_PLACE) {
        tn_book_prefetch_tail(exchange->books, ahead->record);
    } else {
        ahead->slot = tn_book_prefetch_front(exchange->books, ahead->record);
        if (ahead->slot != TN_NONE) tn_prefetch(&exchange->orders[ahead->slot]);
    }
}

/* Whom a trade is with. */
static void find_maker(const struct tn_exchange *exchange, const struct tn_exchange_ahead *ahead)
{
    if (ahead->kind != LOOK_AT_TAKE || ahead->slot == TN_NONE) return;
    uint32_t account = exchange->resting[ahead->slot].account;
    tn_prefetch(&exchange->accounts[account]);
    tn_prefetch(&exchange->ledger.cash[account]);
    load_exposure(exchange, exchange->orders[ahead->slot].exposure);
    load_cushion(exchange, account);
}

/* Margin's copy of the exposure, which follows it. */
static void find_holding(const struct tn_exchange *exchange, const struct tn_exchange_ahead *ahead)
{
    uint32_t exposure = ahead->exposure;
    if (exchange->risk == NULL) return;
    if (ahead->kind >= LOOK_AT_RESULT && ahead->slot != TN_NONE)
        exposure = exchange->orders[ahead->slot].exposure;
    if (exposure != TN_NONE) tn_exchange_load_holding(exchange, &exchange->exposures[exposure]);
}

void tn_exchange_look_ahead(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                            uint32_t account, const struct tn_command *command, uint32_t stage)
{
    if (stage == 0) begin(exchange, ahead, account, command);
    if (ahead->kind == LOOK_NOWHERE) return;
    switch (stage) {
        case 1: find_records(exchange, ahead, account, command); return;
        case 2: find_orders(exchange, ahead, account, command); return;
        case 3: find_links(exchange, ahead); return;
        case 4:
            find_holding(exchange, ahead);
            find_maker(exchange, ahead);
            return;
    }
}

void tn_exchange_prefetch(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                          const struct tn_entry *entry, uint32_t stage)
{
    if (stage == 0) {
        ahead->kind = LOOK_NOWHERE;
        ahead->is_begun = 0;
        uint32_t account = entry->as.frame.account;
        if (entry->kind != TN_ENTRY_FRAME || entry->as.frame.commands_count == 0) return;
        if (account >= exchange->accounts_count) return;
        load_two_lines(&exchange->accounts[account]);
        tn_prefetch(&exchange->ledger.cash[account]);
        load_cushion(exchange, account);
    } else if (ahead->kind == LOOK_NOWHERE) {
        return;
    }
    tn_exchange_look_ahead(exchange, ahead, entry->as.frame.account, &entry->as.frame.commands[0],
                           stage);
}

/* A command that comes alone waits for what it needs in turn, so what does not depend on each other
 * starts together: the account, the cells and the top of the tree; then the ends of its lists. */
void tn_exchange_start_loads(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                             const struct tn_entry *entry)
{
    ahead->kind = LOOK_NOWHERE;
    uint32_t index = entry->as.frame.account;
    if (entry->as.frame.commands_count == 0 || index >= exchange->accounts_count) return;
    const struct account *account = &exchange->accounts[index];
    load_two_lines(account);
    tn_prefetch(&exchange->ledger.cash[index]);
    begin(exchange, ahead, index, &entry->as.frame.commands[0]);
}
