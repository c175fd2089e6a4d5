/* equity: may an account do this? (§7). Every command asks tn_exchange_admit once, with everything
 * it would add.
 *
 * Without a margin engine free equity must bear what open buy orders may cost. With one, the
 * command passes iff m after it is not negative, or not lower than before (risk.md, Orders and
 * admission): cutting size can raise risk and adding can lower it, so size is no criterion. */
#include "exchange/controls.h"
#include "exchange/feeds.h"
#include "tenor/riskview.h"

/* What an account's futures and perpetuals are worth at the marks, funding included. */
static tn_micros work_out(const struct tn_exchange *exchange, const struct account *account)
{
    tn_micros value = 0;
    uint32_t slot = account->exposures_head;
    for (uint32_t i = 0; i < account->linear_count; i++) {
        const struct exposure *exposure = &exchange->exposures[slot];
        const struct series *series = &exchange->series[exposure->series];
        const struct tn_position *position = &exposure->position;
        if (position->quantity != 0) {
            TN_ASSERT(series->mark >= 0);
            value += position->quantity * series->mark;
            value -= tn_mul_div_ceil(position->quantity,
                                     series->funding_index - position->funding_entry, 1000000);
        }
        slot = exposure->account_next;
    }
    return value;
}

/* The same, kept until a mark, a funding index or a position changes. */
tn_micros tn_exchange_linear_value(const struct tn_exchange *exchange, uint32_t index)
{
    struct account *account = &exchange->accounts[index];
    if (account->linear_stamp != exchange->marks_stamp) {
        account->linear_value = work_out(exchange, account);
        account->linear_stamp = exchange->marks_stamp;
    }
    return account->linear_value;
}

/* ⌈premium × cap⌉ is below the fee exactly where premium × cap is at most the fee less one: the
 * quotient here is rounded down, so it is the highest such premium. */
void tn_exchange_work_out_fees(struct terms *terms)
{
    const struct tn_fees *fees = &terms->fees;
    int32_t ppm = fees->maker_ppm > fees->taker_ppm ? fees->maker_ppm : fees->taker_ppm;
    terms->lot_fee = ppm > 0 ? tn_ppm_ceil(terms->base, ppm) : 0;
    terms->capped_most = INT64_MIN;
    if (fees->premium_cap_ppm == 0) return;
    tn_i128 product = (tn_i128)(terms->lot_fee - 1) * 1000000;
    tn_i128 most = product / fees->premium_cap_ppm;
    most -= most * fees->premium_cap_ppm > product;
    terms->capped_most = most > INT64_MAX ? INT64_MAX : (tn_micros)most;
}

enum tn_reject tn_exchange_check_standard_orders(const struct tn_exchange *exchange,
                                                 uint32_t account, uint32_t orders)
{
    const struct risk *risk = exchange->risk;
    if (risk == NULL || risk->guards[account].model != TN_MARGIN_STANDARD) return TN_REJECT_NONE;
    int64_t after = (int64_t)exchange->accounts[account].orders_count + orders;
    return after > risk->parameters.standard_orders_max ? TN_REJECT_STANDARD_ORDERS_FULL
                                                        : TN_REJECT_NONE;
}

/* Standard: nothing; portfolio: its own bound, while the market's total bears it. */
tn_micros tn_exchange_may_owe(const struct tn_exchange *exchange, uint32_t account)
{
    const struct risk *risk = exchange->risk;
    const struct guard *guard = &risk->guards[account];
    if (guard->model != TN_MARGIN_PORTFOLIO) return 0;
    tn_micros others = risk->borrowed_micros - guard->borrowed_micros;
    tn_micros most = risk->parameters.borrow_total_micros - others;
    if (most < 0) return 0;
    tn_micros own = risk->parameters.negative_cash_micros;
    return most < own ? most : own;
}

static enum tn_reject check_cash(const struct tn_exchange *exchange, tn_micros *shortfall,
                                 uint32_t account, tn_micros required)
{
    if (required <= 0) return TN_REJECT_NONE;
    tn_micros after = tn_exchange_free_equity(exchange, account) - required;
    if (after >= 0) return TN_REJECT_NONE;
    tn_micros least = -tn_exchange_may_owe(exchange, account);
    if (after >= least) return TN_REJECT_NONE;
    *shortfall = least - after;
    return TN_REJECT_CASH_NEGATIVE;
}

/* Do the changes touch a series whose feeds are late? */
bool tn_exchange_is_late(const struct tn_exchange *exchange, const struct change *changes,
                         uint32_t changes_count)
{
    for (uint32_t i = 0; i < changes_count; i++) {
        const struct series *series = &exchange->series[changes[i].series];
        if (tn_exchange_freshness(exchange, series) != TN_FRESH) return true;
    }
    return false;
}

static bool may_have_relief(const struct tn_exchange *exchange, uint32_t account)
{
    uint32_t group = exchange->accounts[account].groups_head;
    for (; group != TN_NONE; group = exchange->groups[group].next) {
        if (exchange->groups[group].terms.quantity_limit != 0) return true;
    }
    return false;
}

tn_micros tn_exchange_m(const struct tn_exchange *exchange, uint32_t account,
                        const struct change *changes, uint32_t changes_count)
{
    struct tn_margin_result result;
    tn_micros total;
    bool is_quick =
        may_have_relief(exchange, account)
            ? tn_exchange_quick_m(exchange, &total, account, changes, changes_count)
            : tn_exchange_quick_bound(exchange, &total, account, changes, changes_count);
    if (is_quick) return total;
    tn_exchange_evaluate(exchange, &result, account, changes, changes_count);
    return result.m;
}

/* Does a command add orders that margin counts by their group's limit? As much may have traded
 * since the account was last found to bear it, and again in this group, or in the next: so that
 * such a command does not lower m says nothing while m is negative. */
static bool counts_on_limits(const struct tn_exchange *exchange, const struct change *changes,
                             uint32_t changes_count)
{
    for (uint32_t i = 0; i < changes_count; i++) {
        uint32_t group = changes[i].group;
        bool is_added = group != TN_NONE && changes[i].quantity != 0;
        if (is_added && exchange->groups[group].terms.quantity_limit != 0) return true;
    }
    return false;
}

/* What an order loses against the mark by trading, its fee included; 0 where it gains. */
static tn_i128 loss_of(const struct risk *risk, uint32_t series, tn_lots quantity, tn_micros price,
                       tn_micros fee)
{
    tn_i128 loss = (tn_i128)quantity * (price - risk->rows[series][TN_COLUMN_MARK]) + fee;
    return loss > 0 ? loss : 0;
}

static tn_i128 loss_of_open(const struct tn_exchange *exchange, uint32_t slot)
{
    if (!tn_exchange_order_counts(exchange, slot)) return 0;
    const struct order *order = &exchange->orders[slot];
    uint32_t index = exchange->exposures[order->exposure].series;
    const struct series *series = &exchange->series[index];
    tn_ticks price = exchange->resting[slot].price;
    tn_lots open = open_of(exchange, slot);
    return loss_of(exchange->risk, index, signed_lots(order->side, open),
                   price * series->terms->micros_per_tick,
                   tn_exchange_fee_per_lot(series, price) * open);
}

/* What stays has E′ ÷ R′, what there is E ÷ R, of which more than 1 is not asked for: is it worse?
 * To give the equity away and leave the risk behind would be the same at one remove, as insurance
 * pays whoever takes what is insolvent. */
static bool is_thinned(const struct tn_exchange *exchange, uint32_t account,
                       const struct change *changes, uint32_t changes_count)
{
    struct tn_margin_result before, after;
    tn_exchange_evaluate(exchange, &before, account, NULL, 0);
    tn_exchange_evaluate(exchange, &after, account, changes, changes_count);
    tn_micros requirement = before.equity - before.mm;
    tn_micros asked = before.equity < requirement ? before.equity : requirement;
    return (tn_i128)after.equity * requirement < (tn_i128)asked * (after.equity - after.mm);
}

/* May the account lose more than it has, by the command and by what is open? Who must close may
 * do so at some loss; but what is beyond its equity is the loss of insurance and of everybody, and
 * could be somebody's gain: its friend's, who trades with it at a price that they agree. */
static bool gives_what_it_has_not(const struct tn_exchange *exchange, uint32_t account,
                                  const struct change *changes, uint32_t changes_count)
{
    const struct risk *risk = exchange->risk;
    struct tn_account_worth worth;
    tn_i128 given = 0, at_once = 0;
    for (uint32_t i = 0; i < changes_count; i++) {
        const struct change *change = &changes[i];
        if (change->replaced != TN_NONE) given -= loss_of_open(exchange, change->replaced);
        if (change->traded) {
            at_once += (tn_i128)change->price + change->fee -
                       (tn_i128)change->quantity * risk->rows[change->series][TN_COLUMN_MARK];
        } else if (change->quantity != 0) {
            given += loss_of(risk, change->series, change->quantity, change->price, change->fee);
        }
    }
    if (at_once > 0) given += at_once;
    if (given <= 0) return false;
    uint32_t slot = exchange->accounts[account].orders_head;
    for (; slot != TN_NONE; slot = exchange->links[slot].next)
        given += loss_of_open(exchange, slot);
    tn_exchange_worths(exchange, &worth, &account, 1);
    return given > worth.equity ||
           (at_once > 0 && is_thinned(exchange, account, changes, changes_count));
}

static enum tn_reject admit_by_margin(const struct tn_exchange *exchange, tn_micros *shortfall,
                                      uint32_t account, const struct change *changes,
                                      uint32_t changes_count)
{
    tn_micros bound;
    bool late = tn_exchange_is_late(exchange, changes, changes_count);
    if (!late && tn_exchange_cushion_bears(exchange, account, changes, changes_count)) {
        return TN_REJECT_NONE;
    }
    bool frozen = exchange->risk->guards[account].liquidation != TN_LIQUIDATION_NONE;
    if (!frozen && !late &&
        tn_exchange_quick_bound(exchange, &bound, account, changes, changes_count) && bound >= 0) {
        return TN_REJECT_NONE;
    }
    tn_micros after = tn_exchange_m(exchange, account, changes, changes_count);
    if (after >= 0 && !frozen && !late) return TN_REJECT_NONE;
    bool lowers = after < tn_exchange_m(exchange, account, NULL, 0);
    bool may_pass =
        after >= 0 || (!counts_on_limits(exchange, changes, changes_count) &&
                       !gives_what_it_has_not(exchange, account, changes, changes_count));
    if (!lowers && may_pass) return TN_REJECT_NONE;
    *shortfall = after < 0 ? -after : 0;
    if (frozen) return TN_REJECT_ACCOUNT_FROZEN;
    return after < 0 ? TN_REJECT_MARGIN_SHORT : TN_REJECT_FEED_LATE;
}

enum tn_reject tn_exchange_admit(const struct tn_exchange *exchange, tn_micros *shortfall,
                                 uint32_t account, tn_micros required, const struct change *changes,
                                 uint32_t changes_count)
{
    if (exchange->risk == NULL) {
        return tn_exchange_admit_by_equity(exchange, shortfall, account, required);
    }
    *shortfall = 0;
    if (changes_count == 0 || !TENOR_HOLDS(MARGIN)) return TN_REJECT_NONE;
    enum tn_reject reject = admit_by_margin(exchange, shortfall, account, changes, changes_count);
    if (reject != TN_REJECT_NONE) return reject;
    return check_cash(exchange, shortfall, account, required);
}

/* What may leave as cash: max(0, min(m, CE)), CE less what open buys may cost. */
tn_micros tn_exchange_withdrawable(const struct tn_exchange *exchange, uint32_t account)
{
    tn_micros most = tn_exchange_free_equity(exchange, account);
    if (exchange->risk == NULL) {
        tn_micros cash = exchange->ledger.cash[account];
        return cash < most ? cash : most;
    }
    tn_micros m = tn_exchange_m(exchange, account, NULL, 0);
    return m < most ? m : most;
}
