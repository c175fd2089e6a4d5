/* remargin: accounts judged at the last MARK's prices (risk.md, Judging accounts).
 *
 * A MARK starts a sweep over all accounts; SWEEP entries move its cursor, and an account that acts,
 * or is reached by a taker, before the cursor comes is judged on the spot. Between two MARKs
 * nothing can make an account worse than its open orders at their worst, which the check before
 * each command has counted already, so once per MARK is enough. */
#include "exchange/risk.h"

/* IM of an account with so many lots of a series more and the same cash: orders of one size mostly
 * stand in the same few series, and IM follows cash one to one. */
struct filled {
    uint32_t series;
    tn_lots quantity; /* 0: nothing is known here */
    tn_micros im;
};
enum { FILLED_PLACES = 256 };

static tn_micros im_filled(const struct tn_exchange *exchange, const struct gathered *gathered,
                           uint32_t series, tn_lots quantity)
{
    struct tn_margin_market market;
    struct tn_margin_result result;
    struct gathered filled = *gathered;
    tn_exchange_risk_market(exchange, &market);
    filled.account.orders_count = 0;
    struct tn_holding *holdings = exchange->risk->scratch_filled;
    memcpy(holdings, gathered->account.holdings,
           gathered->account.holdings_count * sizeof *holdings);
    filled.account.holdings = holdings;
    for (uint32_t i = 0; i < filled.account.holdings_count; i++)
        holdings[i].open_buy = holdings[i].open_sell = 0;
    tn_exchange_scratch_holding(exchange, holdings, &filled.account.holdings_count, series)
        ->quantity += quantity;
    tn_margin_evaluate(&result, NULL, &market, &filled.account);
    return result.im;
}

/* Would the order alone, filled at its limit, lower the initial margin balance? */
static bool can_lower(const struct tn_exchange *exchange, struct filled *known,
                      const struct gathered *gathered, tn_micros im, uint32_t index)
{
    const struct tn_margin_order *order = &exchange->risk->scratch_orders[index];
    struct filled *filled =
        &known[(order->series + (uint64_t)order->quantity * 37) % FILLED_PLACES];
    if (filled->series != order->series || filled->quantity != order->quantity) {
        *filled = (struct filled){.series = order->series, .quantity = order->quantity};
        filled->im = im_filled(exchange, gathered, order->series, order->quantity);
    }
    return filled->im - (order->quantity * order->price_micros + order->fee_micros) < im;
}

/* m without the newest `count` of the candidates. */
static tn_micros m_without(const struct tn_exchange *exchange, uint32_t account,
                           const uint32_t *candidates, uint32_t count)
{
    struct gathered gathered;
    struct tn_margin_result result;
    struct risk *risk = exchange->risk;
    tn_exchange_gather(exchange, &gathered, account);
    uint32_t next = 0; /* both lists run from the newest order to the oldest */
    for (uint32_t i = gathered.account.orders_count; i > 0 && next < count; i--) {
        if (risk->scratch_slots[i - 1] != candidates[next]) continue;
        tn_exchange_gathered_drop(exchange, &gathered, i - 1);
        next++;
    }
    TN_ASSERT(next == count);
    tn_exchange_evaluate_gathered(exchange, &result, &gathered);
    return result.m;
}

/* The fewest newest candidates whose going brings m to `least`, or all of them. m only rises as
 * they go. */
static uint32_t count_to_drop(const struct tn_exchange *exchange, uint32_t account,
                              const uint32_t *candidates, uint32_t count, tn_micros least)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m_without(exchange, account, candidates, middle) >= least) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void drop_orders(struct tn_exchange *exchange, const uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tn_exchange_drop(exchange, slots[i], TN_REASON_MARGIN, TN_REJECT_NONE);
}

/* The newest orders go until m without them is not below `least`; m without any reaches it. */
static void shed_newest(struct tn_exchange *exchange, uint32_t account, tn_micros least)
{
    struct risk *risk = exchange->risk;
    struct gathered gathered;
    uint32_t *candidates = risk->scratch_candidates;
    tn_exchange_gather(exchange, &gathered, account);
    uint32_t count = gathered.account.orders_count;
    for (uint32_t i = 0; i < count; i++)
        candidates[i] = risk->scratch_slots[count - 1 - i];
    uint32_t drops = count_to_drop(exchange, account, candidates, count, least);
    drop_orders(exchange, candidates, drops);
}

/* m < 0: orders that can lower it are cancelled, newest first, until it is not. Orders that would
 * each raise IM can still lower it together (two sales that each close one position); so if the
 * others were not enough, those go too, newest first, until none lowers m. */
static void shed_orders(struct tn_exchange *exchange, uint32_t account, tn_micros im)
{
    struct risk *risk = exchange->risk;
    struct gathered gathered;
    struct filled known[FILLED_PLACES] = {{.quantity = 0}};
    uint32_t *candidates = risk->scratch_candidates;
    uint32_t count = 0;
    tn_exchange_gather(exchange, &gathered, account);
    for (uint32_t i = gathered.account.orders_count; i > 0; i--) {
        if (!can_lower(exchange, known, &gathered, im, i - 1)) continue;
        candidates[count++] = risk->scratch_slots[i - 1];
    }
    uint32_t drops = count_to_drop(exchange, account, candidates, count, 0);
    drop_orders(exchange, candidates, drops);
    if (drops < count) return; /* m is not below 0 */
    tn_micros least = im < 0 ? im : 0;
    if (m_without(exchange, account, NULL, 0) < least) shed_newest(exchange, account, least);
}

/* Interest on cash equity below zero, by the hour from when it began: on what was owed when the
 * account was last judged, or what is owed now, if that is less. True if any was charged. */
static bool charge_interest(struct tn_exchange *exchange, uint32_t account, tn_micros borrowed)
{
    enum { HOUR_MS = 3600000 };
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    struct guard *guard = &exchange->risk->guards[account];
    int64_t passed_ms = exchange->time_ms - guard->interest_ms;
    bool owed = guard->borrowed_micros > 0 && borrowed > 0;
    if (!owed || passed_ms < HOUR_MS) return false;
    guard->interest_ms = exchange->time_ms;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    tn_micros base = borrowed < guard->borrowed_micros ? borrowed : guard->borrowed_micros;
    tn_micros yearly = tn_ppm_ceil(base, exchange->risk->parameters.borrow_rate_ppm);
    tn_micros interest = tn_mul_div_ceil(yearly, passed_ms, year_ms);
    if (interest == 0) return false;
    tn_exchange_pay(exchange, account, TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), interest);
    struct tn_event *event = emit(exchange, TN_EVENT_BORROWED);
    event->account = account;
    event->money = interest;
    return true;
}

/* The largest account's share of open interest: what concentration is scaled by. The lots are those
 * that the evaluation just now counted. */
static void note_size(struct tn_exchange *exchange, uint32_t account)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[account];
    for (uint32_t u = 0; u < exchange->underlyings_count; u++) {
        const struct tn_margin_note *note = &risk->scratch_notes[u];
        const struct terms *terms = exchange->underlyings[u].terms;
        if (note->options == 0 && note->linear == 0) continue;
        guard->columns[u % 2] = (uint8_t)note->column;
        tn_i128 sum =
            (tn_i128)note->options * terms[0].base + (tn_i128)note->linear * terms[1].base;
        tn_micros size = sum < INT64_MAX ? (tn_micros)sum : INT64_MAX;
        if (size > risk->underlyings[u].largest_micros) {
            risk->underlyings[u].largest_micros = size;
            tn_exchange_touch_feeds_underlying(exchange, u, FEEDS_READINGS);
        }
    }
}

void tn_exchange_note_result(struct tn_exchange *exchange, uint32_t account,
                             const struct tn_margin_result *result)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[account];
    tn_micros borrowed = result->cash_equity < 0 ? -result->cash_equity : 0;
    tn_micros share = result->equity < 0 && result->mm < 0 ? -result->mm : 0;
    bool is_same = guard->borrowed_micros == borrowed && guard->debt_share == share &&
                   guard->equity == result->equity && guard->mm == result->mm &&
                   guard->m == result->m;
    if (is_same) return;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    if (borrowed == 0) {
        guard->interest_ms = 0;
    } else if (guard->borrowed_micros == 0) {
        guard->interest_ms = exchange->time_ms;
    }
    risk->borrowed_micros += borrowed - guard->borrowed_micros;
    risk->gate_micros += share - guard->debt_share;
    guard->borrowed_micros = borrowed;
    guard->debt_share = share;
    guard->equity = result->equity;
    guard->mm = result->mm;
    guard->m = result->m;
}

/* At the last MARK: cancels what it can no longer carry, lists it if MM < 0. */
static void judge(struct tn_exchange *exchange, uint32_t account)
{
    struct risk *risk = exchange->risk;
    struct guard *guard = &risk->guards[account];
    struct tn_margin_result result;
    bool is_ahead = risk->sweeping && account >= risk->cursor; /* a flag of its record */
    if (is_ahead) tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    guard->mark = risk->mark;
    tn_exchange_evaluate_account(exchange, &result, account);
    tn_micros borrowed = result.cash_equity < 0 ? -result.cash_equity : 0;
    if (charge_interest(exchange, account, borrowed)) {
        tn_exchange_evaluate_account(exchange, &result, account);
    }
    if (result.m < 0 && exchange->accounts[account].orders_count > 0) {
        shed_orders(exchange, account, result.im);
        tn_exchange_evaluate_account(exchange, &result, account);
    }
    tn_exchange_note_result(exchange, account, &result);
    note_size(exchange, account);
    tn_exchange_cushion_judged(exchange, account, result.im);
    bool fails = result.mm < 0 || tn_exchange_overdrawn(exchange, &result) > 0;
    if (fails || guard->liquidation != TN_LIQUIDATION_NONE) {
        tn_exchange_list_account(exchange, account, &result);
    }
}

/* When no sweep runs everybody has been judged. */
bool tn_exchange_judge_pending(struct tn_exchange *exchange, uint32_t account)
{
    const struct risk *risk = exchange->risk;
    if (!risk->sweeping || risk->guards[account].mark == risk->mark) return false;
    judge(exchange, account);
    return true;
}

/* Judges the accounts of the orders that a planned taker could reach, so that the plan counts only
 * what is fit to trade. When an account that is judged loses orders the walk starts again, because
 * the plan will reach further; it ends because every account is judged once. */
void tn_exchange_judge_reach(struct tn_exchange *exchange, uint32_t series, uint8_t side,
                             tn_ticks limit)
{
    struct risk *risk = exchange->risk;
    if (risk == NULL || !risk->sweeping) return;
    uint32_t seen = 0;
    uint32_t slot = tn_book_front(exchange->books, book_of(series), opposite(side));
    while (slot != TN_NONE && seen < exchange->limits.fills_max) {
        const struct tn_resting *resting = &exchange->resting[slot];
        if (!within(side, resting->price, limit)) return;
        const struct account *account = &exchange->accounts[resting->account];
        uint32_t orders_count = account->orders_count;
        tn_exchange_judge_once(exchange, resting->account);
        if (account->orders_count != orders_count) {
            slot = tn_book_front(exchange->books, book_of(series), opposite(side));
            seen = 0;
            continue;
        }
        seen++;
        slot = tn_book_after(exchange->books, slot);
    }
}

bool tn_exchange_below_margin(const struct tn_exchange *exchange, uint32_t account)
{
    if (exchange->risk == NULL) return tn_exchange_free_equity(exchange, account) < 0;
    return tn_exchange_m(exchange, account, NULL, 0) < 0;
}

static void end_sweep(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    risk->sweeping = false;
    tn_exchange_list_end(exchange);
}

/* An account's records are spread over the memory: those of accounts to come are loaded while the
 * ones before them are worked out, a link of each chain at a time. */
enum { AHEAD_STEP = 2, AHEAD_CHUNKS = 3, AHEAD_MOST = AHEAD_STEP * (AHEAD_CHUNKS + 1) };

static void load_chunk(const struct chunk *chunk)
{
    tn_prefetch(chunk);
    tn_prefetch((const char *)chunk + 64);
}

static void look_ahead(const struct tn_exchange *exchange, uint32_t account)
{
    const struct risk *risk = exchange->risk;
    uint32_t last = exchange->accounts_count - 1;
    uint32_t next = account + AHEAD_MOST;
    if (next <= last) {
        tn_prefetch(&risk->guards[next]);
        tn_prefetch((const char *)&risk->guards[next] + 64);
        tn_prefetch(&exchange->accounts[next]);
        tn_prefetch((const char *)&exchange->accounts[next] + 64);
    }
    for (uint32_t n = 0; n < AHEAD_CHUNKS; n++) {
        next = account + AHEAD_STEP * (AHEAD_CHUNKS - n);
        if (next > last || risk->guards[next].holdings_count <= n * HOLDINGS_PER_CHUNK) continue;
        const struct chunk *chunk = &risk->chunks[risk->guards[next].holdings];
        for (uint32_t i = 0; i < n; i++)
            chunk = &risk->chunks[chunk->next];
        load_chunk(chunk);
        const struct account *record = &exchange->accounts[next];
        if (n == 0 && record->linear_count > 0) {
            tn_prefetch(&exchange->exposures[record->exposures_head]);
        }
    }
}

/* Orders are lists, a link a load: those of some accounts are followed side by side, so that the
 * next account does not wait for the one before. */
enum { LISTS = 8, LINKS_MOST = 256 };

static uint32_t load_orders(const struct tn_exchange *exchange, uint32_t first)
{
    uint32_t slots[LISTS], lists = 0;
    uint32_t left = exchange->accounts_count - first, count = left < LISTS ? left : LISTS;
    for (uint32_t i = first; i < first + count; i++) {
        if (exchange->risk->guards[i].mark == exchange->risk->mark) continue;
        slots[lists] = exchange->accounts[i].orders_head;
        if (slots[lists] != TN_NONE) lists++;
    }
    for (uint32_t link = 0; lists > 0 && link < LINKS_MOST; link++) {
        for (uint32_t i = 0; i < lists;) {
            tn_prefetch(&exchange->orders[slots[i]]);
            tn_prefetch(&exchange->resting[slots[i]]);
            slots[i] = exchange->links[slots[i]].next;
            if (slots[i] == TN_NONE)
                slots[i] = slots[--lists];
            else
                i++;
        }
    }
    return count;
}

/* An account costs as many units as it has positions, at least one, which is also what passing over
 * one that was judged costs; it is never split. */
uint32_t tn_exchange_sweep_accounts(struct tn_exchange *exchange, uint32_t units)
{
    struct risk *risk = exchange->risk;
    if (risk == NULL || !risk->sweeping) return units;
    uint32_t loaded = risk->cursor; /* whose orders were loaded */
    while (units > 0 && risk->cursor < exchange->accounts_count) {
        uint32_t account = risk->cursor++;
        tn_exchange_need_account(exchange, account);
        bool is_judged = risk->guards[account].mark == risk->mark;
        if (is_judged) tn_exchange_touch_account(exchange, account, TOUCH_MARGIN); /* its flag */
        uint32_t rows = is_judged ? 1 : risk->guards[account].holdings_count;
        if (exchange->watch == NULL) { /* else next ones may be absent */
            look_ahead(exchange, account);
            if (account == loaded) loaded += load_orders(exchange, account);
        }
        if (!is_judged) judge(exchange, account);
        units -= rows < 1 ? 1 : rows < units ? rows : units;
    }
    if (risk->cursor == exchange->accounts_count) end_sweep(exchange);
    return units;
}

/* May the account keep the model it was just given? */
static enum tn_reject check_model(const struct tn_exchange *exchange, tn_micros *shortfall,
                                  uint32_t account, tn_micros before, tn_micros after)
{
    const struct guard *guard = &exchange->risk->guards[account];
    tn_micros cash = tn_exchange_free_equity(exchange, account);
    if (guard->model == TN_MARGIN_STANDARD && cash < 0) {
        *shortfall = -cash;
        return TN_REJECT_CASH_NEGATIVE;
    }
    if (after >= before) return TN_REJECT_NONE;
    *shortfall = after < 0 ? -after : 0;
    if (guard->liquidation != TN_LIQUIDATION_NONE) return TN_REJECT_ACCOUNT_FROZEN;
    return after < 0 ? TN_REJECT_MARGIN_SHORT : TN_REJECT_NONE;
}

void tn_exchange_command_model(struct tn_exchange *exchange, struct outcome *outcome,
                               uint32_t account, const struct tn_command *command)
{
    if (exchange->risk == NULL) {
        outcome->reject = TN_REJECT_RISK_OFF;
        return;
    }
    if (command->as.model > TN_MARGIN_STANDARD) {
        outcome->reject = TN_REJECT_MODEL_UNKNOWN;
        return;
    }
    struct guard *guard = &exchange->risk->guards[account];
    uint8_t old = guard->model;
    bool is_leaving = old == TN_MARGIN_PORTFOLIO && command->as.model == TN_MARGIN_STANDARD;
    if (is_leaving &&
        exchange->accounts[account].orders_count > exchange->risk->parameters.standard_orders_max) {
        outcome->reject = TN_REJECT_STANDARD_ORDERS_FULL;
        return;
    }
    tn_micros before = tn_exchange_m(exchange, account, NULL, 0);
    guard->model = command->as.model;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    tn_exchange_forget_cushion(exchange, account);
    tn_micros after = tn_exchange_m(exchange, account, NULL, 0);
    outcome->reject = check_model(exchange, &outcome->money, account, before, after);
    if (outcome->reject != TN_REJECT_NONE) guard->model = old;
}
