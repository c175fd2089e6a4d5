/* check: every invariant of the exchange, asserted by walking all of it: conservation of cash, Σ of
 * positions zero, no crossed book at rest, and every sum and link that is kept instead of computed.
 */
#include "exchange/risk.h"

static void check_order(const struct tn_exchange *exchange, uint32_t account, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    TN_ASSERT(tn_book_find(exchange->books, resting->id) == slot);
    TN_ASSERT(resting->account == account && resting->level != TN_NONE);
    const struct exposure *exposure = &exchange->exposures[order->exposure];
    TN_ASSERT(exposure->account == account);
    TN_ASSERT(resting->book ==
              (order->waiting ? stops_of(exposure->series) : book_of(exposure->series)));
    TN_ASSERT(order->waiting || resting->side == order->side);
    TN_ASSERT(order->hidden >= 0 && (order->hidden == 0 || display_of(order) > 0));
    TN_ASSERT(display_of(order) == 0 || order->waiting || resting->quantity <= display_of(order));
    TN_ASSERT(order->has_more || !order->waiting);
    TN_ASSERT(!order->is_quote || exposure->quote[order->side] == slot);
    TN_ASSERT(order->is_quote || order->group == TN_NONE);
    TN_ASSERT(order->group == TN_NONE || order->group_joined != 0);
    if (order->result != TN_NONE) {
        const struct result *result = &exchange->results[order->result];
        TN_ASSERT(result->order_id == resting->id && result->account == account);
    }
    if (sibling_of(order) != 0) {
        uint32_t sibling = tn_book_find(exchange->books, sibling_of(order));
        TN_ASSERT(sibling != TN_NONE);
        TN_ASSERT(sibling_of(&exchange->orders[sibling]) == resting->id);
    }
}

/* A group's quotes ascend by when they joined. */
static uint32_t check_groups(const struct tn_exchange *exchange, uint32_t account)
{
    uint32_t grouped = 0;
    uint32_t i = exchange->accounts[account].groups_head;
    for (; i != TN_NONE; i = exchange->groups[i].next) {
        uint64_t joined = 0;
        TN_ASSERT(exchange->groups[i].account == account);
        uint32_t quote = exchange->groups[i].quotes_head;
        for (; quote != TN_NONE; quote = exchange->orders[quote].group_next) {
            TN_ASSERT(exchange->orders[quote].group == i);
            TN_ASSERT(exchange->orders[quote].group_joined > joined);
            joined = exchange->orders[quote].group_joined;
            grouped++;
        }
        TN_ASSERT(joined <= exchange->joined_last);
    }
    return grouped;
}

static void check_account(const struct tn_exchange *exchange, uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    tn_micros reserved = 0;
    uint32_t count = 0, grouped = 0;
    uint64_t last_id = 0;
    for (uint32_t i = account->orders_head; i != TN_NONE; i = exchange->links[i].next) {
        check_order(exchange, index, i);
        TN_ASSERT(exchange->resting[i].id > last_id);
        last_id = exchange->resting[i].id;
        if (!exchange->orders[i].waiting) {
            reserved += open_of(exchange, i) * exchange->orders[i].reserve_per_lot;
        }
        grouped += exchange->orders[i].group != TN_NONE;
        count++;
    }
    TN_ASSERT(grouped == check_groups(exchange, index));
    TN_ASSERT(count == account->orders_count && reserved == account->reserved);
    uint32_t exposures = 0, linear = 0;
    bool options_begun = false;
    uint64_t joined = UINT64_MAX;
    for (uint32_t i = account->exposures_head; i != TN_NONE;
         i = exchange->exposures[i].account_next) {
        bool is_linear = exchange->series[exchange->exposures[i].series].is_linear;
        TN_ASSERT(!(is_linear && options_begun));
        /* Futures and perpetuals: the newest first; options: the oldest first. */
        if (!is_linear && !options_begun) joined = 0;
        uint64_t number = exchange->exposures[i].joined;
        TN_ASSERT(is_linear ? number < joined : number > joined);
        joined = number;
        options_begun |= !is_linear;
        exposures++;
        linear += is_linear;
    }
    TN_ASSERT(exposures == account->exposures_count && linear == account->linear_count);
}

/* Margin's copies and sums, against what they follow. */
static void check_guard(const struct tn_exchange *exchange, uint32_t index)
{
    struct risk *risk = exchange->risk;
    const struct guard *guard = &risk->guards[index];
    struct tn_holding *holdings = risk->scratch_holdings;
    uint32_t count = tn_exchange_copy_holdings(exchange, holdings, index);
    TN_ASSERT(count == exchange->accounts[index].exposures_count);
    uint64_t last_key = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = tn_exchange_find_exposure(exchange, index, holdings[i].series);
        TN_ASSERT(slot != TN_NONE);
        const struct exposure *exposure = &exchange->exposures[slot];
        TN_ASSERT(holdings[i].quantity == exposure->position.quantity);
        TN_ASSERT(holdings[i].open_buy == exposure->open[TN_BUY]);
        TN_ASSERT(holdings[i].open_sell == exposure->open[TN_SELL]);
        uint64_t key = tn_exchange_holding_key(exchange, holdings[i].series);
        TN_ASSERT(i == 0 || key > last_key);
        last_key = key;
    }
    TN_ASSERT(guard->borrowed_micros >= 0 && guard->debt_share >= 0);
    TN_ASSERT(risk->sweeping || guard->mark == risk->mark);
}

static void check_risk(const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    tn_micros borrowed = 0, gate = 0;
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        check_guard(exchange, i);
        borrowed += risk->guards[i].borrowed_micros;
        gate += risk->guards[i].debt_share;
    }
    tn_exchange_check_sums(exchange);
    tn_exchange_check_list(risk);
    tn_exchange_check_wound(exchange);
    TN_ASSERT(borrowed == risk->borrowed_micros && gate == risk->gate_micros);
    TN_ASSERT(exchange->ledger.house[TN_HOUSE_DEBT] <= 0);
    TN_ASSERT(exchange->ledger.house[TN_HOUSE_INSURANCE] >= 0);
}

/* The sums an exposure keeps, against its orders. */
static void check_exposure(const struct tn_exchange *exchange, uint32_t index)
{
    const struct exposure *exposure = &exchange->exposures[index];
    tn_lots open[2] = {0, 0}, reduce_open = 0;
    uint32_t count = 0, reduce_count = 0;
    uint32_t i = exchange->accounts[exposure->account].orders_head;
    for (; i != TN_NONE; i = exchange->links[i].next) {
        const struct order *order = &exchange->orders[i];
        if (order->exposure != index) continue;
        count++;
        if (order->waiting) continue;
        open[order->side] += open_of(exchange, i);
        if (!order->reduce_only) continue;
        reduce_count++;
        reduce_open += open_of(exchange, i);
        TN_ASSERT(signed_lots(order->side, exposure->position.quantity) < 0);
    }
    TN_ASSERT(count == exposure->orders_count && reduce_count == exposure->reduce_count);
    TN_ASSERT(open[0] == exposure->open[0] && open[1] == exposure->open[1]);
    TN_ASSERT(reduce_open == exposure->reduce_open);
    tn_lots held = exposure->position.quantity;
    TN_ASSERT(reduce_open <= (held < 0 ? -held : held));
    TN_ASSERT(count > 0 || held != 0);
    TN_ASSERT(tn_exchange_find_exposure(exchange, exposure->account, exposure->series) == index);
}

static void check_series(const struct tn_exchange *exchange, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    tn_lots sum = 0, open_interest = 0;
    uint32_t count = 0;
    uint64_t joined = 0;
    for (uint32_t i = series->exposures_head; i != TN_NONE;
         i = exchange->exposures[i].series_next) {
        tn_lots quantity = exchange->exposures[i].position.quantity;
        check_exposure(exchange, i);
        TN_ASSERT(exchange->exposures[i].joined > joined);
        joined = exchange->exposures[i].joined;
        sum += quantity;
        open_interest += quantity > 0 ? quantity : 0;
        count++;
    }
    TN_ASSERT(joined <= exchange->joined_last);
    TN_ASSERT(count == series->exposures_count && open_interest == series->open_interest);
    TN_ASSERT(sum == 0 || series->status == TN_STATUS_SETTLING);
    tn_ticks bid, ask;
    bool both = tn_book_best(exchange->books, &bid, book_of(index), TN_BUY) &&
                tn_book_best(exchange->books, &ask, book_of(index), TN_SELL);
    bool matches = series->status == TN_STATUS_ACTIVE || series->status == TN_STATUS_POST_ONLY;
    TN_ASSERT(!both || bid < ask || !matches);
}

void tn_exchange_check(const struct tn_exchange *exchange)
{
    uint32_t orders = 0, exposures = 0;
    tn_book_check(exchange->books, true);
    TN_ASSERT(tn_ledger_sum(&exchange->ledger, exchange->accounts_count) == 0);
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        check_account(exchange, i);
        orders += exchange->accounts[i].orders_count;
    }
    TN_ASSERT(orders == tn_book_orders_count(exchange->books));
    tn_exchange_check_told(exchange);
    tn_micros funding = 0;
    for (uint32_t i = 0; i < exchange->series_used; i++) {
        check_series(exchange, i);
        exposures += exchange->series[i].exposures_count;
        funding += exchange->series[i].funding_float;
    }
    TN_ASSERT(exposures == exchange->exposures_count);
    TN_ASSERT(funding == exchange->ledger.house[TN_HOUSE_FUNDING]);
    if (exchange->risk != NULL) check_risk(exchange);
    if (exchange->settlements.count == 0) {
        TN_ASSERT(exchange->ledger.house[TN_HOUSE_CLEARING] == 0);
    }
}
