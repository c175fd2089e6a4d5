/* prefetch: loading ahead what a command will touch. A command is a chain of lookups: client id or
 * series → record → order, exposure, book → level → neighbour; each stage takes one step of it for
 * a command that is still some turns away, and keeps in `ahead` what the next one starts from. It
 * reads only, and what it reads may be stale: a wrong guess costs time, never a wrong answer.
 *
 * Series and the tops of their books are few and in use all the time: they are read without asking
 * first. No predictor knows what the next command is, so what it is is asked where it begins and
 * where its order is at hand; in between all kinds take one way: what a command does not need is
 * asked for all the same, from record 0. */
#include "exchange/risk.h"

/* What a command is, for the stages. */
enum {
    LOOK_NOWHERE = 0,
    LOOK_AT_PLACE,  /* an order that rests, as far as one sees */
    LOOK_AT_TAKE,   /* one that meets the other side's best */
    LOOK_AT_RESULT, /* a cancel or replace by client id */
    LOOK_AT_ORDER,  /* by order id */
};

/* Both name their order at the same place. */
_Static_assert(offsetof(struct tn_command, as.cancel) ==
                   offsetof(struct tn_command, as.replace.ref),
               "a cancel's order is read as a replace's");

/* Indices are below 2^31. */
static inline uint32_t or_first(uint32_t index)
{
    return (int32_t)index < 0 ? 0 : index;
}

/* `value`, or TN_NONE: sides and kinds are drawn by lot, so no branch. */
static inline uint32_t only_if(bool condition, uint32_t value)
{
    return value | ((uint32_t)condition - 1);
}

/* All bits, or none. */
static inline uint32_t all_if(bool condition)
{
    return 0 - (uint32_t)condition;
}

static inline void load_two_lines(const void *record)
{
    tn_prefetch(record);
    tn_prefetch((const char *)record + 64);
}

/* Where no margin is asked for, an order seldom needs more of an exposure than its first line. */
static inline void load_exposure(const struct tn_exchange *exchange, uint32_t exposure)
{
    tn_prefetch(&exchange->exposures[exposure]);
    if (exchange->risk != NULL) tn_prefetch((const char *)&exchange->exposures[exposure] + 64);
}

static inline void load_cushion(const struct tn_exchange *exchange, uint32_t account)
{
    if (exchange->risk != NULL) tn_prefetch(&exchange->risk->cushions[account]);
}

/* ---- Stage 0: where what it names would stand in an index ---- */

static inline void begin_place(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                               const struct tn_order_terms *terms)
{
    if (terms->price < 1 || terms->price > TN_BOOK_PRICE_MAX) return;
    uint32_t series = tn_index_guess(&exchange->series_index,
                                     tn_index_hash(&exchange->series_index, terms->series_id));
    if (series == TN_NONE) return;
    ahead->series = series;
    load_two_lines(&exchange->series[series]);
    ahead->index = &exchange->exposure_index;
    ahead->hash = exposure_hash(exchange, ahead->account, series);
    uint8_t side = terms->side & 1;
    const struct tn_book_side *sides = &exchange->sides[2 * book_of(series)];
    uint64_t key = tn_book_key((enum tn_side)side, terms->price);
    ahead->kind = LOOK_AT_PLACE;
    if (tn_exchange_meets(exchange, series, side, terms->price)) {
        ahead->kind = LOOK_AT_TAKE;
        side = (uint8_t)opposite(side);
        key = sides[side].best_key;
    }
    tn_book_way_begin(exchange->books, &ahead->way, &sides[side], key);
}

static inline void begin_change(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                                const struct tn_order_ref *ref)
{
    if (ref->order_id != 0) {
        tn_book_prefetch(exchange->books, ref->order_id);
        ahead->kind = LOOK_AT_ORDER;
        return;
    }
    ahead->index = &exchange->result_index;
    ahead->hash = result_hash(exchange, ahead->account, ref->client_id);
    ahead->kind = LOOK_AT_RESULT;
}

static inline void begin(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                         uint32_t account, const struct tn_command *command)
{
    ahead->command = command;
    ahead->index = &exchange->result_index;
    ahead->account = account;
    ahead->series = ahead->exposure = ahead->record = ahead->slot = TN_NONE;
    ahead->hash = ahead->result =
        result_hash(exchange, account, command->client_id) & all_if(command->client_id != 0);
    ahead->kind = LOOK_NOWHERE;
    ahead->is_begun = 1;
    ahead->is_linked = 0;
    tn_book_way_none(&ahead->way);
    tn_index_prefetch(&exchange->result_index, ahead->result);
    if (command->kind == TN_COMMAND_PLACE) {
        begin_place(exchange, ahead, &command->as.terms[0]);
    } else if (command->kind == TN_COMMAND_CANCEL || command->kind == TN_COMMAND_REPLACE) {
        begin_change(exchange, ahead, &command->as.cancel);
    }
    tn_index_prefetch(ahead->index, ahead->hash);
}

/* ---- Stage 1: the account and the cells are here ---- */

/* All bits where the command leaves a result. Where it has no client id nothing of the results is
 * touched, so cell 0 and record 0 are asked for: each of these loads would be from memory. */
static inline uint32_t remembers(const struct tn_exchange_ahead *ahead)
{
    return all_if(ahead->result != 0);
}

static inline void find_records(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    const struct account *account = &exchange->accounts[ahead->account];
    bool places = ahead->kind <= LOOK_AT_TAKE;
    bool is_full = account->results_count == exchange->limits.results_per_account;
    uint32_t end = is_full ? account->results_head : account->results_tail; /* see results.c */
    tn_prefetch(&exchange->results[or_first(end) & remembers(ahead)]);
    if (ahead->kind == LOOK_AT_ORDER) {
        ahead->slot = tn_book_guess(exchange->books, ahead->command->as.cancel.order_id);
    } else {
        uint32_t found = tn_index_guess(ahead->index, ahead->hash);
        ahead->exposure = only_if(places, found);
        ahead->record = only_if(!places, found);
    }
    load_exposure(exchange, or_first(ahead->exposure));
    tn_prefetch(&exchange->results[or_first(ahead->record)]);
    tn_book_way_on(exchange->books, &ahead->way);
}

/* ---- Stage 2: the records; and of the oldest result, which may go for the one that comes ---- */

static inline void find_order(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    const struct account *account = &exchange->accounts[ahead->account];
    if (account->results_count == exchange->limits.results_per_account) {
        uint32_t mask = remembers(ahead);
        uint32_t hash = exchange->results[account->results_head & mask].hash;
        tn_index_prefetch(&exchange->result_index, hash & mask);
    }
    uint32_t of_result = exchange->results[or_first(ahead->record)].order;
    ahead->slot &= only_if(ahead->record != TN_NONE, of_result);
    tn_prefetch(&exchange->resting[or_first(ahead->slot)]);
    tn_prefetch(&exchange->orders[or_first(ahead->slot)]);
    tn_book_way_on(exchange->books, &ahead->way);
}

/* ---- Stage 3: the order, or the level where one will rest or trade ---- */

/* What the order is linked to, and what taking it out changes. */
void tn_exchange_load_links(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    tn_book_prefetch_removal(exchange->books, slot);
    load_exposure(exchange, order->exposure);
    tn_prefetch(&exchange->results[or_first(order->result)]);
    tn_prefetch(&exchange->links[slot]);
}

void tn_exchange_load_exposure_of(const struct tn_exchange *exchange, uint32_t slot)
{
    load_exposure(exchange, exchange->orders[slot].exposure);
}

static inline void find_links(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    ahead->is_linked = 1;
    if (ahead->slot != TN_NONE) {
        tn_exchange_load_links(exchange, ahead->slot);
        return;
    }
    bool takes = ahead->kind == LOOK_AT_TAKE;
    uint32_t end = tn_book_way_end(exchange->books, &ahead->way, takes);
    ahead->slot = only_if(takes, end);
    tn_prefetch(&exchange->orders[or_first(ahead->slot)]);
}

/* ---- Stage 4: whom a trade is with ---- */

static inline void find_maker(const struct tn_exchange *exchange,
                              const struct tn_exchange_ahead *ahead)
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
    if (ahead->kind >= LOOK_AT_RESULT && ahead->slot != TN_NONE)
        exposure = exchange->orders[ahead->slot].exposure;
    if (exposure != TN_NONE) tn_exchange_load_holding(exchange, &exchange->exposures[exposure]);
}

/* ---- All of them ---- */

static inline void look(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                        uint32_t stage)
{
    if (ahead->kind == LOOK_NOWHERE) return;
    switch (stage) {
        case 1: find_records(exchange, ahead); return;
        case 2: find_order(exchange, ahead); return;
        case 3: find_links(exchange, ahead); return;
        case 4:
            if (exchange->risk != NULL) find_holding(exchange, ahead);
            find_maker(exchange, ahead);
            return;
    }
}

void tn_exchange_look_on(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead)
{
    look(exchange, ahead, 1);
}

/* The stages from 1 on, of what entered `step`, 2 × `step` … turns before `turn`. Inline whatever
 * gcc thinks of it: mask and step are constants. */
static inline __attribute__((always_inline)) void look_behind(const struct tn_exchange *exchange,
                                                              struct tn_exchange_ahead *ring,
                                                              uint32_t mask, uint32_t turn,
                                                              uint32_t step)
{
    look(exchange, &ring[(turn - step) & mask], 1);
    look(exchange, &ring[(turn - 2 * step) & mask], 2);
    look(exchange, &ring[(turn - 3 * step) & mask], 3);
    look(exchange, &ring[(turn - 4 * step) & mask], 4);
}

void tn_exchange_look_at_frame(const struct tn_exchange *exchange, struct tn_exchange_ahead *ring,
                               uint32_t turn, uint32_t account, const struct tn_command *command)
{
    struct tn_exchange_ahead *ahead = &ring[turn % AHEAD_RING];
    if (command != NULL) {
        begin(exchange, ahead, account, command);
    } else {
        ahead->kind = LOOK_NOWHERE;
    }
    look_behind(exchange, ring, AHEAD_RING - 1, turn, 1);
}

static inline void enter(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                         const struct tn_entry *entry)
{
    ahead->kind = LOOK_NOWHERE;
    ahead->is_begun = 0;
    if (entry == NULL || entry->kind != TN_ENTRY_FRAME) return;
    uint32_t account = entry->as.frame.account;
    if (entry->as.frame.commands_count == 0 || account >= exchange->accounts_count) return;
    load_two_lines(&exchange->accounts[account]);
    tn_prefetch(&exchange->ledger.cash[account]);
    load_cushion(exchange, account);
    begin(exchange, ahead, account, &entry->as.frame.commands[0]);
}

void tn_exchange_prefetch(const struct tn_exchange *exchange, struct tn_exchange_ahead *ahead,
                          const struct tn_entry *entry, uint32_t stage)
{
    if (stage == 0)
        enter(exchange, ahead, entry);
    else
        look(exchange, ahead, stage);
}

void tn_exchange_prefetch_turn(const struct tn_exchange *exchange, struct tn_exchange_ahead *ring,
                               uint32_t turn, const struct tn_entry *entry)
{
    enter(exchange, &ring[turn % TN_EXCHANGE_RING], entry);
    look_behind(exchange, ring, TN_EXCHANGE_RING - 1, turn, TN_EXCHANGE_STEP);
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
