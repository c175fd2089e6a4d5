/* cushion: a lower bound of an account's m that costs a multiplication per order to keep.
 *
 * One lot bought or sold lowers no number of margin by more than its own worst change over all
 * scenarios, both discounts, both signs of a skew and the bracket, plus what contingencies take for
 * a lot: that is worked out once per series and MARK. So m is at least the balance without orders
 * less Σ over orders of lots times that, less what they pay above the mark. Most accounts hold far
 * more than they need: this alone then says yes, and nothing else is worked out. Cash is read where
 * it is kept, so every payment counts by itself; a position that changes counts at its mark and
 * wears the bound. At first orders count together, by side of a series, as no order stands at a
 * worse price than the best of its side: one by one, spread over the memory as they are, only where
 * that says no. Only portfolio accounts that nobody winds down have a cushion. Like sums this is a
 * cache: a yes is the yes of the full evaluation. */
#include "exchange/risk.h"

#define PPM INT64_C(1000000)
/* Floors: one per number and expiry in all, and one per order or trade. */
enum { SLACK = 10000, SLACK_EACH = 64 };
/* So many orders are gone over as often as a trade wears the cushion: for some 10 us. */
enum { EXACT_AGAIN_MOST = 1024 };
/* More than any account has; far below what would not add up. */
#define MOST (INT64_C(1) << 60)

static int64_t confidence_ppm(const struct tn_risk *risk, int32_t confidence, int64_t lambda_ppm)
{
    if (confidence >= risk->confidence_floor_ppm) return 0;
    return tn_ppm_ceil(tn_ppm_ceil(PPM - confidence, risk->confidence_slope_ppm), lambda_ppm);
}

/* The most that one more lot of this side adds to IM's contingencies. */
static tn_micros contingency_of(const struct risk *risk, uint32_t index, uint8_t side)
{
    const struct tn_margin_series *series = &risk->margin_series[index];
    const struct tn_margin_underlying *under = &risk->margin_underlyings[series->underlying];
    const struct tn_risk *parameters = &risk->parameters;
    int32_t confidence = risk->margin_expiries[series->expiry].confidence_ppm;
    if (under->confidence_ppm < confidence) confidence = under->confidence_ppm;
    int64_t ppm = confidence_ppm(parameters, confidence, under->lambda_ppm);
    if (series->kind <= TN_FUTURE) {
        ppm += tn_ppm_ceil(parameters->perp_mm_ppm + parameters->perp_im_ppm, under->lambda_ppm);
    } else if (side == TN_SELL) {
        ppm += tn_ppm_ceil(parameters->naked_mm_ppm + parameters->naked_im_ppm, under->lambda_ppm);
    }
    return tn_ppm_ceil(series->spot_lot, ppm);
}

/* The most that one lot of this side, traded at the mark, takes off any number, its fee included.
 */
static tn_micros worst_of(const struct tn_exchange *exchange, const struct tn_margin_market *market,
                          uint32_t index, uint8_t side)
{
    const struct risk *risk = exchange->risk;
    struct tn_margin_sums sums;
    const struct tn_margin_order order = {.series = index,
                                          .quantity = side == TN_BUY ? 1 : -1,
                                          .price_micros = risk->rows[index][TN_COLUMN_MARK]};
    tn_margin_sums_start(&sums, risk->margin_series[index].expiry);
    tn_margin_sums_order(&sums, market, &order, true);
    tn_micros least = sums.zero_terms;
    if (sums.up_terms < least) least = sums.up_terms;
    if (sums.down_terms < least) least = sums.down_terms;
    for (uint32_t k = 0; k < TN_SCENARIOS_MAX; k++) {
        if (sums.low[k] < least) least = sums.low[k];
        if (sums.high[k] < least) least = sums.high[k];
        if (sums.back[k] < least) least = sums.back[k];
    }
    return -least + contingency_of(risk, index, side) + exchange->series[index].terms->lot_fee;
}

static const struct worst *worst_lot(const struct tn_exchange *exchange, uint32_t index)
{
    struct risk *risk = exchange->risk;
    struct worst *worst = &risk->worsts[index];
    if (worst->epoch == risk->sums_epoch) return worst;
    struct tn_margin_market market;
    tn_exchange_risk_market(exchange, &market);
    worst->epoch = risk->sums_epoch;
    worst->mark = risk->rows[index][TN_COLUMN_MARK];
    for (uint8_t side = 0; side < 2; side++)
        worst->per_lot[side] = worst_of(exchange, &market, index, side);
    return worst;
}

/* What an order may take off m. */
static tn_micros burden(const struct tn_exchange *exchange, uint32_t index, tn_lots quantity,
                        tn_micros price)
{
    const struct worst *worst = worst_lot(exchange, index);
    tn_lots size = quantity < 0 ? -quantity : quantity;
    tn_micros loss = quantity * (price - worst->mark);
    return size * worst->per_lot[quantity < 0 ? TN_SELL : TN_BUY] + (loss > 0 ? loss : 0) +
           SLACK_EACH;
}

static tn_micros burden_of(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    uint32_t index = exchange->exposures[order->exposure].series;
    const struct series *series = &exchange->series[index];
    tn_lots open = open_of(exchange, slot);
    return burden(exchange, index, signed_lots(order->side, open),
                  resting->price * series->terms->micros_per_tick);
}

static bool is_kept(const struct risk *risk, uint32_t account)
{
    const struct cushion *cushion = &risk->cushions[account];
    return cushion->epoch == risk->sums_epoch && cushion->is_known;
}

/* Of others no cushion is ever known: so a known one says that its account is none of them. */
static bool may_have(const struct risk *risk, uint32_t account)
{
    const struct guard *guard = &risk->guards[account];
    return guard->model == TN_MARGIN_PORTFOLIO && guard->liquidation == TN_LIQUIDATION_NONE;
}

void tn_exchange_forget_cushion(struct tn_exchange *exchange, uint32_t account)
{
    if (exchange->risk != NULL) exchange->risk->cushions[account].is_known = false;
}

void tn_exchange_cushion_term(struct tn_exchange *exchange, uint32_t slot, bool is_added)
{
    uint32_t account = exchange->resting[slot].account;
    if (!is_kept(exchange->risk, account) || !tn_exchange_order_counts(exchange, slot)) return;
    tn_micros weight = burden_of(exchange, slot);
    exchange->risk->cushions[account].beside_cash -= is_added ? weight : -weight;
}

void tn_exchange_cushion_position(struct tn_exchange *exchange, uint32_t account, uint32_t index,
                                  tn_lots change)
{
    struct risk *risk = exchange->risk;
    if (change == 0 || !is_kept(risk, account)) return;
    if (exchange->series[index].expiry == TN_NONE) {
        tn_exchange_forget_cushion(exchange, account);
        return;
    }
    tn_micros mark = risk->rows[index][TN_COLUMN_MARK];
    struct cushion *cushion = &risk->cushions[account];
    cushion->beside_cash += change * mark - burden(exchange, index, change, mark);
    cushion->is_worn = true;
}

/* The balance without orders. Funding that is still to be received comes in as cash later and is
 * not counted twice. */
static void start_at(const struct tn_exchange *exchange, uint32_t account, tn_micros im)
{
    struct cushion *cushion = tn_exchange_cushion_of(exchange->risk, account);
    tn_micros owed = tn_exchange_accrued_funding(exchange, account);
    cushion->is_known = true;
    cushion->beside_cash = im - exchange->ledger.cash[account] - (owed < 0 ? -owed : 0) - SLACK;
}

/* At most what the open orders of one side of a series may take. Those of them that count stand in
 * their book. */
static tn_i128 burden_of_side(const struct tn_exchange *exchange, uint32_t index, uint8_t side,
                              tn_lots open)
{
    tn_ticks best;
    if (open == 0 || !tn_book_best(exchange->books, &best, book_of(index), (enum tn_side)side))
        return 0;
    const struct worst *worst = worst_lot(exchange, index);
    tn_micros price = best * exchange->series[index].terms->micros_per_tick;
    tn_micros loss = side == TN_BUY ? price - worst->mark : worst->mark - price;
    return (tn_i128)open * (worst->per_lot[side] + (loss > 0 ? loss : 0));
}

/* Less what its orders may take, as its holdings count them. */
static void take_opens(const struct tn_exchange *exchange, uint32_t account,
                       const struct tn_holding *holdings, uint32_t count)
{
    struct cushion *cushion = tn_exchange_cushion_of(exchange->risk, account);
    tn_i128 sum = (tn_i128)exchange->accounts[account].orders_count * SLACK_EACH;
    cushion->is_worn = true;
    for (uint32_t i = 0; i < count; i++) {
        sum += burden_of_side(exchange, holdings[i].series, TN_BUY, holdings[i].open_buy);
        sum += burden_of_side(exchange, holdings[i].series, TN_SELL, holdings[i].open_sell);
    }
    cushion->beside_cash -= sum < MOST ? (tn_micros)sum : MOST;
}

void tn_exchange_cushion_judged(const struct tn_exchange *exchange, uint32_t account, tn_micros im)
{
    const struct risk *risk = exchange->risk;
    const struct guard *guard = &risk->guards[account];
    if (!may_have(risk, account) || exchange->accounts[account].orders_count == 0) return;
    start_at(exchange, account, im);
    take_opens(exchange, account, risk->scratch_holdings, guard->holdings_count);
}

/* Worked out anew: roughly, or exactly, order by order. */
static void start(const struct tn_exchange *exchange, uint32_t account, bool is_exact)
{
    struct tn_margin_market market;
    struct tn_margin_account view;
    struct tn_margin_result result;
    tn_exchange_risk_market(exchange, &market);
    tn_exchange_view_changed(exchange, &view, account, NULL, 0);
    tn_margin_evaluate(&result, NULL, &market, &view);
    start_at(exchange, account, result.im);
    if (!is_exact) {
        take_opens(exchange, account, view.holdings, view.holdings_count);
        return;
    }
    struct cushion *cushion = &exchange->risk->cushions[account];
    cushion->is_worn = false;
    cushion->was_exact = true;
    uint32_t slot = exchange->accounts[account].orders_head;
    for (; slot != TN_NONE; slot = exchange->links[slot].next) {
        if (tn_exchange_order_counts(exchange, slot))
            cushion->beside_cash -= burden_of(exchange, slot);
    }
}

/* Is it worth to go over all orders again? Of an account with many only once in a MARK, as each of
 * its trades wears the cushion anew: then its kept sums answer. */
static bool may_be_exact(const struct tn_exchange *exchange, uint32_t account)
{
    const struct cushion *cushion = &exchange->risk->cushions[account];
    if (!cushion->is_worn) return false;
    return !cushion->was_exact || exchange->accounts[account].orders_count <= EXACT_AGAIN_MOST;
}

bool tn_exchange_cushion_bears(const struct tn_exchange *exchange, uint32_t account,
                               const struct change *changes, uint32_t changes_count)
{
    const struct risk *risk = exchange->risk;
    const struct cushion *cushion = &risk->cushions[account];
    bool is_new = !is_kept(risk, account);
    tn_micros more = 0;
    if (is_new && !may_have(risk, account)) return false;
    for (uint32_t i = 0; i < changes_count; i++) {
        const struct change *change = &changes[i];
        if (change->traded) return false;
        if (change->replaced != TN_NONE && tn_exchange_order_counts(exchange, change->replaced)) {
            more -= burden_of(exchange, change->replaced);
        }
        if (change->quantity == 0) continue;
        more += burden(exchange, change->series, change->quantity, change->price);
    }
    tn_micros cash = exchange->ledger.cash[account];
    if (is_new) start(exchange, account, false);
    if (cash + cushion->beside_cash - more >= 0) return true;
    if (!may_be_exact(exchange, account)) return false;
    start(exchange, account, true);
    return cash + cushion->beside_cash - more >= 0;
}

/* Asserts that nothing kept is above what it bounds. */
void tn_exchange_check_cushions(const struct tn_exchange *exchange)
{
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        struct tn_margin_result result;
        if (!is_kept(exchange->risk, i)) continue;
        TN_ASSERT(may_have(exchange->risk, i));
        tn_exchange_evaluate(exchange, &result, i, NULL, 0);
        TN_ASSERT(exchange->ledger.cash[i] + exchange->risk->cushions[i].beside_cash <= result.m);
    }
}
