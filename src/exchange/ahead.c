/* ahead: what writing records down will read, asked for before it is written.
 *
 * A book's orders, an account's results and its positions hang on lists: where the next one lies is
 * known only when the one before is there, so a list that is not in the caches is written at the
 * pace of one wait after another. Here the lists of several records are walked side by side, a step
 * of each in turn, and their waits overlap. Nothing is changed, and nothing depends on it. */
#include "exchange/records_account.h"
#include "exchange/risk.h"

enum {
    STEPS_MAX = 64, /* of a list: what comes behind is left to the caches' own guesses */
    LANES_MAX = TN_RECORDS_AHEAD * TN_RECORD_BOOK_LISTS,
};

/* One list, and the element at which its walk stands, which was asked for. */
struct lane {
    uint32_t slot;
    uint32_t rank;     /* of an order that was told of: 1 + where it should stand, or 0 */
    uint32_t from;     /* of the walk's first order that may have changed */
    uint8_t kind;      /* enum tn_record_kind */
    bool ends_at_told; /* a list as long as it was: once ranks are right the rest is, too */
};

static void load_order(const struct tn_exchange *exchange, uint32_t slot)
{
    tn_prefetch(&exchange->resting[slot]);
    tn_prefetch(&exchange->orders[slot]);
}

static void load_exposure(const struct tn_exchange *exchange, uint32_t slot)
{
    tn_prefetch(&exchange->exposures[slot]);
    tn_prefetch(&exchange->exposures[slot].account_next);
}

/* ---- Where lists begin ---- */

static void load_roots(const struct tn_exchange *exchange, const struct tn_record_name *name)
{
    const uint32_t index = name->index;
    switch (name->kind) {
        case TN_RECORD_BOOK:
            tn_prefetch(&exchange->touches.told[(size_t)index * TN_RECORD_BOOK_LISTS]);
            tn_prefetch(&exchange->sides[2 * book_of(index)]);
            return;
        case TN_RECORD_MARGIN:
            if (exchange->risk == NULL) return;
            tn_prefetch(&exchange->risk->guards[index]);
            tn_prefetch(&exchange->risk->guards[index].m);
            return;
        case TN_RECORD_ACCOUNT:
            tn_prefetch(&exchange->ledger.cash[index]);
            tn_prefetch(&exchange->balances[(size_t)index * exchange->limits.assets_max]);
            tn_prefetch(&exchange->accounts[index]);
            tn_prefetch(exchange->accounts[index].owner);
            return;
        case TN_RECORD_MEMORY: tn_prefetch(&exchange->accounts[index]); return;
        case TN_RECORD_POSITIONS: tn_prefetch(&exchange->accounts[index].exposures_head); return;
        case TN_RECORD_SERIES: tn_prefetch(&exchange->series[index]); return;
        default: return;
    }
}

struct walk {
    const struct tn_exchange *exchange;
    bool changes_only;
    uint32_t count;
    struct lane lanes[LANES_MAX];
};

static void add_lane(struct walk *walk, const struct lane *lane)
{
    if (lane->slot == TN_NONE) return;
    TN_ASSERT(walk->count < LANES_MAX);
    walk->lanes[walk->count++] = *lane;
    switch (lane->kind) {
        case TN_RECORD_BOOK: load_order(walk->exchange, lane->slot); return;
        case TN_RECORD_POSITIONS: load_exposure(walk->exchange, lane->slot); return;
        default: tn_prefetch(&walk->exchange->results[lane->slot]); return;
    }
}

static void add_list(struct walk *walk, uint32_t series, uint32_t list)
{
    const struct tn_exchange *exchange = walk->exchange;
    const struct told_list *told =
        &exchange->touches.told[(size_t)series * TN_RECORD_BOOK_LISTS + list];
    struct lane lane = {.slot = TN_NONE, .kind = TN_RECORD_BOOK};
    if (walk->changes_only) {
        if (!told->is_changed) return;
        lane.from = told->from;
        lane.slot = told->after;
        lane.ends_at_told = told->kept + told->pending == told->count;
    }
    if (lane.slot == TN_NONE) {
        lane.slot =
            tn_book_front(exchange->books, book_of_list(series, list), book_side_of_list(list));
        lane.rank = lane.from + 1;
    }
    add_lane(walk, &lane);
}

static void add_lanes(struct walk *walk, const struct tn_record_name *name)
{
    const struct tn_exchange *exchange = walk->exchange;
    if (name->kind == TN_RECORD_BOOK) {
        for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++)
            add_list(walk, name->index, list);
        return;
    }
    struct lane lane = {.slot = TN_NONE, .kind = name->kind};
    if (name->kind == TN_RECORD_MEMORY)
        lane.slot = exchange->accounts[name->index].results_head;
    else if (name->kind == TN_RECORD_POSITIONS)
        lane.slot = exchange->accounts[name->index].exposures_head;
    add_lane(walk, &lane);
}

/* ---- Steps ---- */

static uint32_t after_order(const struct tn_exchange *exchange, struct lane *lane)
{
    const struct order *order = &exchange->orders[lane->slot];
    if (lane->ends_at_told && order->rank == lane->rank) return TN_NONE;
    lane->rank = (lane->rank == 0 ? lane->from : lane->rank) + 1;
    if (order->result != TN_NONE) tn_prefetch(&exchange->results[order->result]);
    const uint32_t next = tn_book_after(exchange->books, lane->slot);
    if (next != TN_NONE) load_order(exchange, next);
    return next;
}

static uint32_t after_exposure(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct exposure *exposure = &exchange->exposures[slot];
    const uint32_t next = exposure->account_next;
    tn_prefetch(&exchange->series[exposure->series]);
    if (next != TN_NONE) load_exposure(exchange, next);
    return next;
}

/* The list closes in a circle. */
static uint32_t after_result(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct result *result = &exchange->results[slot];
    if (result->next == exchange->accounts[result->account].results_head) return TN_NONE;
    tn_prefetch(&exchange->results[result->next]);
    return result->next;
}

/* Each list one element further; those that end make room. */
static void step(struct walk *walk)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < walk->count; i++) {
        struct lane *lane = &walk->lanes[i];
        switch (lane->kind) {
            case TN_RECORD_BOOK: lane->slot = after_order(walk->exchange, lane); break;
            case TN_RECORD_POSITIONS:
                lane->slot = after_exposure(walk->exchange, lane->slot);
                break;
            default: lane->slot = after_result(walk->exchange, lane->slot); break;
        }
        if (lane->slot != TN_NONE) walk->lanes[count++] = *lane;
    }
    walk->count = count;
}

/* ---- Whole ---- */

static void look_ahead(const struct tn_exchange *exchange, const struct tn_record_name *names,
                       uint32_t count, bool changes_only)
{
    struct walk walk = {.exchange = exchange, .changes_only = changes_only};
    if (count > TN_RECORDS_AHEAD) count = TN_RECORDS_AHEAD;
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].index <
            tn_exchange_records_count(exchange, (enum tn_record_kind)names[i].kind))
            load_roots(exchange, &names[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].index <
            tn_exchange_records_count(exchange, (enum tn_record_kind)names[i].kind))
            add_lanes(&walk, &names[i]);
    }
    for (uint32_t steps = 0; walk.count > 0 && steps < STEPS_MAX; steps++)
        step(&walk);
}

void tn_exchange_records_ahead(const struct tn_exchange *exchange,
                               const struct tn_record_name *names, uint32_t count)
{
    look_ahead(exchange, names, count, false);
}

void tn_exchange_changes_ahead(struct tn_exchange *exchange, const struct tn_record_name *names,
                               uint32_t count)
{
    tn_exchange_place_marked(exchange);
    look_ahead(exchange, names, count, true);
}
