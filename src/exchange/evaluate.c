/* evaluate: an account as margin sees it, as it stands or as a command would leave it.
 *
 * One gathering serves the check before a command, the sweep, liquidation and withdrawals: holdings
 * and open orders are copied into scratch, the command's changes are made there, and margin works
 * the copy out. Nothing of the state is touched. */
#include "exchange/risk.h"

void tn_exchange_risk_market(const struct tn_exchange *exchange, struct tn_margin_market *market)
{
    const struct risk *risk = exchange->risk;
    *market = (struct tn_margin_market){
        .risk = &risk->parameters,
        .shocks = &risk->shocks,
        .rows = (const int64_t(*)[TN_ROW_COLUMNS])risk->rows,
        .series = risk->margin_series,
        .expiries = risk->margin_expiries,
        .underlyings = risk->margin_underlyings,
        .assets = risk->margin_assets,
        .series_count = exchange->series_used,
        .expiries_count = exchange->limits.expiries_max,
        .underlyings_count = exchange->underlyings_count,
        .assets_count = exchange->assets_count,
        .mm_factor_ppm = risk->mm_factor_ppm,
        .stable_ppm = risk->stable.value,
        .cpu = (enum tn_cpu)exchange->limits.cpu,
        .briefs = risk->briefs_epoch == risk->sums_epoch ? &risk->briefs : NULL,
    };
}

/* Funding that its futures and perpetuals owe at the present index. */
tn_micros tn_exchange_accrued_funding(const struct tn_exchange *exchange, uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    tn_micros owed = 0;
    uint32_t slot = account->exposures_head;
    for (uint32_t i = 0; i < account->linear_count; i++) {
        const struct exposure *exposure = &exchange->exposures[slot];
        const struct series *series = &exchange->series[exposure->series];
        if (exposure->position.quantity != 0) {
            owed +=
                tn_mul_div_ceil(exposure->position.quantity,
                                series->funding_index - exposure->position.funding_entry, 1000000);
        }
        slot = exposure->account_next;
    }
    return owed;
}

/* The 1-based place of a group among its account's, with its limit noted there; 0 past what scratch
 * holds: its orders then count as ordinary ones, which is the safe side. */
static uint32_t local_group(struct gathered *gathered, const struct tn_exchange *exchange,
                            uint32_t group)
{
    struct risk *risk = exchange->risk;
    if (group == TN_NONE || exchange->groups[group].terms.quantity_limit == 0) return 0;
    for (uint32_t i = 0; i < gathered->account.groups_count; i++) {
        if (risk->scratch_groups[i] == group) return i + 1;
    }
    if (gathered->account.groups_count == GROUPS_PER_ACCOUNT_MAX) return 0;
    uint32_t place = gathered->account.groups_count++;
    risk->scratch_groups[place] = group;
    risk->scratch_limits[place] = exchange->groups[group].terms.quantity_limit;
    return place + 1;
}

static void gather_order(const struct tn_exchange *exchange, struct gathered *gathered,
                         uint32_t slot)
{
    struct risk *risk = exchange->risk;
    const struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    if (!tn_exchange_order_counts(exchange, slot)) return;
    tn_lots open = open_of(exchange, slot);
    uint32_t series_index = exchange->exposures[order->exposure].series;
    const struct series *series = &exchange->series[series_index];
    uint32_t place = gathered->account.orders_count++;
    risk->scratch_slots[place] = slot;
    risk->scratch_orders[place] = (struct tn_margin_order){
        .series = series_index,
        .group = local_group(gathered, exchange, order->group),
        .quantity = signed_lots(order->side, open),
        .price_micros = resting->price * series->terms->micros_per_tick,
        .fee_micros = tn_exchange_fee_per_lot(series, resting->price) * open,
    };
}

static void gather_orders(const struct tn_exchange *exchange, struct gathered *gathered,
                          uint32_t account)
{
    uint32_t slot = exchange->accounts[account].orders_head;
    for (; slot != TN_NONE; slot = exchange->links[slot].next)
        gather_order(exchange, gathered, slot);
}

int64_t tn_exchange_countable(int64_t balance, tn_micros price_micros)
{
    int64_t product;
    if (!__builtin_mul_overflow(balance, price_micros, &product)) return balance;
    tn_i128 most = ((tn_i128)1 << 58) * 1000000 / price_micros;
    return balance < most ? balance : (int64_t)most;
}

/* Everything but its orders. */
static void gather_account(const struct tn_exchange *exchange, struct gathered *gathered,
                           uint32_t account)
{
    struct risk *risk = exchange->risk;
    *gathered =
        (struct gathered){.account = {.model = risk->guards[account].model,
                                      .cash = exchange->ledger.cash[account] -
                                              tn_exchange_accrued_funding(exchange, account),
                                      .holdings = risk->scratch_holdings,
                                      .orders = risk->scratch_orders,
                                      .group_limits = risk->scratch_limits}};
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        gathered->account.balances[i] = tn_exchange_countable(
            exchange->balances[(size_t)account * exchange->limits.assets_max + i],
            risk->margin_assets[i].price_micros);
    }
    gathered->account.holdings_count =
        tn_exchange_copy_holdings(exchange, risk->scratch_holdings, account);
}

void tn_exchange_gather(const struct tn_exchange *exchange, struct gathered *gathered,
                        uint32_t account)
{
    gather_account(exchange, gathered, account);
    gather_orders(exchange, gathered, account);
}

/* Counts an order in or out of its holding's open sums. */
static void count_open(const struct tn_exchange *exchange, struct gathered *gathered,
                       uint32_t series, tn_lots quantity, int sign)
{
    struct tn_holding *holding = tn_exchange_scratch_holding(
        exchange, exchange->risk->scratch_holdings, &gathered->account.holdings_count, series);
    if (quantity > 0) {
        holding->open_buy += sign * quantity;
    } else {
        holding->open_sell -= sign * quantity;
    }
}

void tn_exchange_gathered_drop(const struct tn_exchange *exchange, struct gathered *gathered,
                               uint32_t index)
{
    struct risk *risk = exchange->risk;
    struct tn_margin_order *order = &risk->scratch_orders[index];
    TN_ASSERT(index < gathered->account.orders_count);
    count_open(exchange, gathered, order->series, order->quantity, -1);
    uint32_t last = --gathered->account.orders_count;
    *order = risk->scratch_orders[last];
    risk->scratch_slots[index] = risk->scratch_slots[last];
}

static void trade_at_once(const struct tn_exchange *exchange, struct gathered *gathered,
                          const struct change *change)
{
    gathered->account.cash -= change->price + change->fee;
    if (change->quantity == 0) return;
    tn_exchange_scratch_holding(exchange, exchange->risk->scratch_holdings,
                                &gathered->account.holdings_count, change->series)
        ->quantity += change->quantity;
}

static void gather_new_order(const struct tn_exchange *exchange, struct gathered *gathered,
                             const struct change *change)
{
    struct risk *risk = exchange->risk;
    uint32_t place = gathered->account.orders_count++;
    risk->scratch_slots[place] = TN_NONE;
    risk->scratch_orders[place] = (struct tn_margin_order){
        .series = change->series,
        .group = local_group(gathered, exchange, change->group),
        .quantity = change->quantity,
        .price_micros = change->price,
        .fee_micros = change->fee,
    };
}

static void make_change(const struct tn_exchange *exchange, struct gathered *gathered,
                        const struct change *change)
{
    struct risk *risk = exchange->risk;
    if (change->replaced != TN_NONE) {
        for (uint32_t i = 0; i < gathered->account.orders_count; i++) {
            if (risk->scratch_slots[i] != change->replaced) continue;
            tn_exchange_gathered_drop(exchange, gathered, i);
            break;
        }
    }
    if (change->traded) {
        trade_at_once(exchange, gathered, change);
        return;
    }
    if (change->quantity == 0) return;
    count_open(exchange, gathered, change->series, change->quantity, 1);
    gather_new_order(exchange, gathered, change);
}

/* Margin takes orders in the order of the holdings' expiries; here they come by id. Counted into
 * place, so equal ones keep their order. */
static void sort_orders(const struct tn_exchange *exchange, struct gathered *gathered)
{
    struct risk *risk = exchange->risk;
    uint32_t count = gathered->account.orders_count;
    uint32_t holdings_count = gathered->account.holdings_count;
    const struct tn_holding *holdings = gathered->account.holdings;
    uint32_t *starts = risk->scratch_starts;
    if (count < 2) return;
    for (uint32_t i = 0; i < holdings_count; i++) {
        risk->scratch_places[holdings[i].series] = i;
        starts[i] = 0;
    }
    starts[holdings_count] = 0;
    for (uint32_t i = 0; i < count; i++)
        starts[risk->scratch_places[risk->scratch_orders[i].series] + 1]++;
    for (uint32_t i = 0; i < holdings_count; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = risk->scratch_places[risk->scratch_orders[i].series];
        risk->scratch_sorted[starts[place]++] = risk->scratch_orders[i];
    }
    gathered->account.orders = risk->scratch_sorted;
}

void tn_exchange_view_changed(const struct tn_exchange *exchange, struct tn_margin_account *view,
                              uint32_t account, const struct change *changes,
                              uint32_t changes_count)
{
    struct gathered gathered;
    gather_account(exchange, &gathered, account);
    for (uint32_t i = 0; i < changes_count; i++) {
        uint32_t replaced = changes[i].replaced;
        if (replaced != TN_NONE && !exchange->orders[replaced].waiting) {
            tn_lots open = open_of(exchange, replaced);
            count_open(exchange, &gathered, changes[i].series,
                       signed_lots(exchange->orders[replaced].side, open), -1);
        }
        if (changes[i].traded) {
            trade_at_once(exchange, &gathered, &changes[i]);
        } else if (changes[i].quantity != 0) {
            count_open(exchange, &gathered, changes[i].series, changes[i].quantity, 1);
        }
    }
    *view = gathered.account;
    view->orders = NULL;
    view->group_limits = NULL;
}

static bool is_replaced(uint32_t slot, const struct change *changes, uint32_t changes_count)
{
    for (uint32_t i = 0; i < changes_count; i++) {
        if (changes[i].replaced == slot) return true;
    }
    return false;
}

uint32_t tn_exchange_gather_limited(const struct tn_exchange *exchange,
                                    struct tn_margin_account *view, uint32_t account,
                                    const struct change *changes, uint32_t changes_count)
{
    struct gathered gathered = {.account = *view};
    gathered.account.orders = exchange->risk->scratch_orders;
    gathered.account.group_limits = exchange->risk->scratch_limits;
    gathered.account.orders_count = gathered.account.groups_count = 0;
    uint32_t group = exchange->accounts[account].groups_head;
    for (; group != TN_NONE; group = exchange->groups[group].next) {
        if (exchange->groups[group].terms.quantity_limit == 0) continue;
        uint32_t slot = exchange->groups[group].quotes_head;
        for (; slot != TN_NONE; slot = exchange->orders[slot].group_next)
            if (!is_replaced(slot, changes, changes_count)) gather_order(exchange, &gathered, slot);
    }
    for (uint32_t i = 0; i < changes_count; i++) {
        group = changes[i].group;
        if (group == TN_NONE || changes[i].traded || changes[i].quantity == 0) continue;
        if (exchange->groups[group].terms.quantity_limit != 0)
            gather_new_order(exchange, &gathered, &changes[i]);
    }
    sort_orders(exchange, &gathered);
    view->orders = gathered.account.orders;
    view->group_limits = gathered.account.group_limits;
    view->groups_count = gathered.account.groups_count;
    return gathered.account.orders_count;
}

static void work_out(const struct tn_exchange *exchange, struct tn_margin_result *result,
                     struct tn_margin_detail *details, struct gathered *gathered)
{
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    sort_orders(exchange, gathered);
    tn_margin_evaluate(result, details, &market, &gathered->account);
}

void tn_exchange_evaluate_in_detail(const struct tn_exchange *exchange,
                                    struct tn_margin_result *result,
                                    struct tn_margin_detail *details, uint32_t account,
                                    const struct change *changes, uint32_t changes_count)
{
    struct gathered gathered;
    tn_exchange_gather(exchange, &gathered, account);
    for (uint32_t i = 0; i < changes_count; i++)
        make_change(exchange, &gathered, &changes[i]);
    work_out(exchange, result, details, &gathered);
}

void tn_exchange_evaluate(const struct tn_exchange *exchange, struct tn_margin_result *result,
                          uint32_t account, const struct change *changes, uint32_t changes_count)
{
    tn_exchange_evaluate_in_detail(exchange, result, NULL, account, changes, changes_count);
}

void tn_exchange_evaluate_account(const struct tn_exchange *exchange,
                                  struct tn_margin_result *result, uint32_t account)
{
    struct gathered gathered;
    tn_exchange_gather(exchange, &gathered, account);
    const struct guard *guard = &exchange->risk->guards[account];
    gathered.account.notes = exchange->risk->scratch_notes;
    for (uint32_t u = 0; u < exchange->underlyings_count; u++)
        gathered.account.notes[u].column = guard->columns[u % 2];
    work_out(exchange, result, NULL, &gathered);
}

void tn_exchange_evaluate_gathered(const struct tn_exchange *exchange,
                                   struct tn_margin_result *result, struct gathered *gathered)
{
    work_out(exchange, result, NULL, gathered);
}
