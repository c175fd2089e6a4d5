/* deleverage: the end of the waterfall (risk.md, Deleveraging, Socialised loss). What no bidder
 * took is closed, all legs in one MARK, against the accounts that gained most on the other side;
 * what nobody can pay goes to the insurance fund, then to debt, and debt is shared out over
 * everybody with equity. Cash only ever moves: nothing is made or lost. */
#include "tenor/riskview.h"

#include "exchange/feeds.h"

void tn_exchange_reassign(struct tn_exchange *exchange, uint32_t from, uint32_t to,
                          uint32_t series_index, tn_lots quantity, tn_micros price_micros,
                          bool pays)
{
    const struct series *series = &exchange->series[series_index];
    uint32_t giver = tn_exchange_pin_exposure(exchange, from, series_index);
    uint32_t taker = tn_exchange_pin_exposure(exchange, to, series_index);
    if (tn_series_kind(series->id) == TN_PERPETUAL) {
        tn_exchange_settle_funding(exchange, giver);
        tn_exchange_settle_funding(exchange, taker);
    }
    tn_lots lots = quantity < 0 ? -quantity : quantity;
    tn_micros worth = price_micros * lots;
    tn_exchange_add_position(exchange, giver, -quantity, worth);
    tn_exchange_add_position(exchange, taker, quantity, worth);
    if (pays) tn_exchange_pay(exchange, to, from, quantity * price_micros);
    tn_exchange_reclip(exchange, giver);
    tn_exchange_reclip(exchange, taker);
    tn_exchange_unpin_exposure(exchange, giver);
    tn_exchange_unpin_exposure(exchange, taker);
}

/* ---- Debt ---- */

static struct tn_event *report_money(struct tn_exchange *exchange, enum tn_event_kind kind,
                                     uint32_t account, tn_micros amount)
{
    struct tn_event *event = emit(exchange, kind);
    event->account = account;
    event->money = amount;
    return event;
}

/* Nothing is left but cash and collateral. Collateral that counts for less than its value may have
 * to wait for a bidder. */
static void end_episode(struct tn_exchange *exchange, uint32_t account,
                        const struct tn_margin_result *result)
{
    enum tn_liquidation stage = TN_LIQUIDATION_NONE;
    if (tn_exchange_buffer(exchange, result) < 0) {
        stage = result->equity > 0 ? TN_LIQUIDATION_AUCTION : TN_LIQUIDATION_INSOLVENT;
    }
    if (stage == exchange->risk->guards[account].liquidation) return;
    tn_exchange_set_stage(exchange, account, stage, result);
    if (stage == TN_LIQUIDATION_AUCTION) tn_exchange_take_auction_fee(exchange, account);
}

void tn_exchange_absorb(struct tn_exchange *exchange, uint32_t account,
                        const struct tn_margin_result *result)
{
    struct guard *guard = &exchange->risk->guards[account];
    tn_micros owed = -result->equity;
    TN_ASSERT(owed > 0);
    tn_micros fund = exchange->ledger.house[TN_HOUSE_INSURANCE];
    tn_micros paid = fund <= 0 ? 0 : fund < owed ? fund : owed;
    if (paid > 0) {
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), account, paid);
        report_money(exchange, TN_EVENT_INSURANCE, account, paid);
    }
    if (owed > paid) {
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_DEBT), account, owed - paid);
        report_money(exchange, TN_EVENT_DEBT, account, owed - paid);
    }
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    guard->paid_micros += owed;
    struct tn_margin_result after;
    tn_exchange_evaluate(exchange, &after, account, NULL, 0);
    tn_exchange_note_result(exchange, account, &after);
    end_episode(exchange, account, &after);
    if (guard->liquidation == TN_LIQUIDATION_NONE) guard->paid_micros = 0;
}

/* What was absorbed for collateral that nobody has taken yet comes back first when it recovers:
 * else insurance would bear its falls, and the owner have its rises. */
void tn_exchange_pay_back(struct tn_exchange *exchange, uint32_t account,
                          struct tn_margin_result *result)
{
    struct guard *guard = &exchange->risk->guards[account];
    if (guard->liquidation == TN_LIQUIDATION_NONE || guard->paid_micros <= 0 ||
        result->equity <= 0 || tn_exchange_has_positions(exchange, account)) {
        return;
    }
    tn_micros amount = result->equity < guard->paid_micros ? result->equity : guard->paid_micros;
    tn_exchange_touch_account(exchange, account, TOUCH_MARGIN);
    guard->paid_micros -= amount;
    tn_exchange_pay(exchange, account, TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), amount);
    report_money(exchange, TN_EVENT_INSURANCE, account, -amount);
    tn_exchange_evaluate(exchange, result, account, NULL, 0);
    tn_exchange_note_result(exchange, account, result);
}

/* Σ max(0, E) as of now: accounts have traded, or paid out, since they were last judged. */
static tn_i128 total_equity(struct tn_exchange *exchange)
{
    tn_i128 total = 0;
    tn_exchange_need_all(exchange);
    for (uint32_t i = 0; i < exchange->accounts_count; i++) {
        struct tn_margin_result result;
        tn_exchange_evaluate(exchange, &result, i, NULL, 0);
        tn_exchange_note_result(exchange, i, &result);
        if (result.equity > 0) total += result.equity;
    }
    return total;
}

/* Everybody with equity pays the same part of it, rounded up, until the debt is gone; what all of
 * them cannot pay stays. */
static void share_debt(struct tn_exchange *exchange, tn_micros debt)
{
    tn_i128 total = total_equity(exchange);
    tn_micros left = debt;
    for (uint32_t i = 0; i < exchange->accounts_count && left > 0; i++) {
        tn_micros equity = exchange->risk->guards[i].equity;
        if (equity <= 0) continue;
        tn_micros share = (tn_micros)(((tn_i128)debt * equity + total - 1) / total);
        if (share > left) share = left;
        if (share > equity) share = equity;
        tn_exchange_pay(exchange, i, TN_PARTY_HOUSE(TN_HOUSE_DEBT), share);
        struct tn_event *event = report_money(exchange, TN_EVENT_SOCIALISED, i, share);
        event->price = equity;
        event->remaining = debt;
        event->other_remaining = total > INT64_MAX ? INT64_MAX : (int64_t)total;
        left -= share;
    }
}

/* Insurance repays debt first; the rest is shared out. */
static void repay_debt(struct tn_exchange *exchange)
{
    tn_micros debt = -exchange->ledger.house[TN_HOUSE_DEBT];
    tn_micros fund = exchange->ledger.house[TN_HOUSE_INSURANCE];
    if (debt > 0 && fund > 0) {
        tn_micros paid = fund < debt ? fund : debt;
        tn_exchange_pay(exchange, TN_PARTY_HOUSE(TN_HOUSE_INSURANCE), TN_PARTY_HOUSE(TN_HOUSE_DEBT),
                        paid);
        report_money(exchange, TN_EVENT_DEBT, TN_NONE, -paid);
        debt -= paid;
    }
    if (debt > 0) share_debt(exchange, debt);
}

/* ---- Deleveraging ---- */

/* A leg of the bankrupt account, and how far from the mark it closes. */
struct closing {
    tn_micros equity; /* the account's, all legs open */
    uint32_t series;
    tn_lots quantity;
    tn_micros weight; /* the farthest scenario from the mark, per lot */
    tn_micros moved;  /* per lot, ≥ 0: mark + sgn(n) · moved is the price */
    tn_micros most;   /* a call is worth at most its forward, a put its strike, nothing below 0 */
};

static tn_micros farthest(const struct risk *risk, uint32_t series)
{
    tn_micros most = 0, mark = risk->rows[series][TN_COLUMN_MARK];
    for (uint32_t i = 0; i < risk->scenarios_count; i++) {
        tn_micros away = risk->rows[series][i] - mark;
        if (away < 0) away = -away;
        if (away > most) most = away;
    }
    return most;
}

static uint32_t list_legs(const struct tn_exchange *exchange, struct closing *legs,
                          uint32_t account, tn_micros equity)
{
    const struct risk *risk = exchange->risk;
    uint32_t count = 0;
    uint32_t slot = exchange->accounts[account].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].account_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        const struct series *series = &exchange->series[exposure->series];
        const struct tn_margin_series *terms = &risk->margin_series[exposure->series];
        tn_lots quantity = exposure->position.quantity;
        if (quantity == 0) continue;
        tn_micros most = INT64_MAX;
        if (quantity < 0) {
            most = series->mark; /* it buys, down to nothing */
        } else if (terms->kind == TN_CALL) {
            most = terms->forward_lot - series->mark;
        } else if (terms->kind == TN_PUT) {
            most = terms->strike_lot - series->mark;
        }
        legs[count++] = (struct closing){.equity = equity,
                                         .series = exposure->series,
                                         .quantity = quantity,
                                         .weight = farthest(risk, exposure->series),
                                         .most = most < 0 ? 0 : most};
    }
    return count;
}

/* Spreads the missing equity over the legs by weight; what a bound cuts off goes to the others. */
static void spread(struct closing *legs, uint32_t count, tn_micros missing)
{
    tn_i128 left = missing;
    for (uint32_t round = 0; round < count && left > 0; round++) {
        tn_i128 total = 0;
        for (uint32_t i = 0; i < count; i++) {
            tn_lots lots = legs[i].quantity < 0 ? -legs[i].quantity : legs[i].quantity;
            if (legs[i].moved < legs[i].most) total += (tn_i128)legs[i].weight * lots * lots;
        }
        if (total == 0) return;
        tn_i128 assigned = 0;
        for (uint32_t i = 0; i < count && assigned < left; i++) {
            tn_lots lots = legs[i].quantity < 0 ? -legs[i].quantity : legs[i].quantity;
            if (legs[i].moved >= legs[i].most) continue;
            tn_i128 weight = (tn_i128)legs[i].weight * lots;
            tn_i128 more = (left * weight + total - 1) / total;
            if (more > legs[i].most - legs[i].moved) more = legs[i].most - legs[i].moved;
            legs[i].moved += (tn_micros)more;
            assigned += more * lots;
        }
        left -= assigned;
    }
}

enum { BATCH_MAX = 64 };

/* Somebody on the other side of a leg. */
struct counterparty {
    struct tn_holder who;
    tn_lots quantity; /* what it could close */
};

static bool is_before(const struct counterparty *a, const struct counterparty *b)
{
    return tn_holder_before(&a->who, &b->who);
}

/* The best ranked holders of the opposite side after `last` (NULL: the very best), best first.
 * Several at once, so that the series' holders are not gone over for each. */
static uint32_t next_counterparties(const struct tn_exchange *exchange, struct counterparty *best,
                                    uint32_t account, const struct closing *leg,
                                    const struct counterparty *last)
{
    uint32_t count = 0;
    uint32_t slot = exchange->series[leg->series].exposures_head;
    for (; slot != TN_NONE; slot = exchange->exposures[slot].series_next) {
        const struct exposure *exposure = &exchange->exposures[slot];
        tn_lots held = exposure->position.quantity;
        if (exposure->account == account || held == 0 || (held > 0) == (leg->quantity > 0)) {
            continue;
        }
        const struct counterparty other = {.who = {.rank = tn_exchange_rank_at(exchange, exposure),
                                                   .account = exposure->account,
                                                   .is_short = held < 0},
                                           .quantity = held < 0 ? -held : held};
        if (last != NULL && !is_before(last, &other)) continue;
        if (count == BATCH_MAX && !is_before(&other, &best[count - 1])) continue;
        if (count < BATCH_MAX) count++;
        uint32_t place = count - 1;
        for (; place > 0 && is_before(&other, &best[place - 1]); place--)
            best[place] = best[place - 1];
        best[place] = other;
    }
    return count;
}

static tn_micros price_of(const struct series *series, const struct closing *leg)
{
    return series->mark + (leg->quantity > 0 ? leg->moved : -leg->moved);
}

/* MM of a counterparty after taking over `lots` of the leg at its price. */
static tn_micros mm_after(const struct tn_exchange *exchange, uint32_t account,
                          const struct closing *leg, tn_lots lots, tn_micros price)
{
    struct tn_margin_result result;
    tn_lots quantity = leg->quantity > 0 ? lots : -lots;
    struct change change = {.series = leg->series,
                            .replaced = TN_NONE,
                            .group = TN_NONE,
                            .traded = true,
                            .quantity = quantity,
                            .price = quantity * price};
    tn_exchange_evaluate(exchange, &result, account, &change, 1);
    return result.mm;
}

/* The most lots that leave MM ≥ min(0, MM before): MM is concave along the trade. */
static tn_lots bearable(const struct tn_exchange *exchange, const struct counterparty *other,
                        const struct closing *leg, tn_lots wanted, tn_micros price)
{
    tn_micros least = mm_after(exchange, other->who.account, leg, 0, price);
    if (least > 0) least = 0;
    tn_lots low = 0, high = min_lots(wanted, other->quantity);
    if (mm_after(exchange, other->who.account, leg, high, price) >= least) return high;
    while (low + 1 < high) {
        tn_lots middle = low + (high - low) / 2;
        if (mm_after(exchange, other->who.account, leg, middle, price) >= least) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Some lots of a leg go to a counterparty. */
static void close_part(struct tn_exchange *exchange, uint32_t account, const struct closing *leg,
                       const struct tn_holder *other, tn_lots lots)
{
    const struct series *series = &exchange->series[leg->series];
    tn_micros price = price_of(series, leg);
    tn_lots quantity = leg->quantity > 0 ? lots : -lots;
    struct tn_event *event = emit(exchange, TN_EVENT_DELEVERAGED);
    event->account = account;
    event->other_account = other->account;
    event->series_id = series->id;
    event->quantity = quantity;
    event->money = price;
    event->price = series->mark;
    event->remaining = other->rank;
    event->other_remaining = leg->equity;
    tn_exchange_reassign(exchange, account, other->account, leg->series, quantity, price, true);
}

/* Closes a leg against its counterparties by rank, as far as their margin bears it, or regardless.
 * Returns what is left. A counterparty whose rank has fallen may come again; it has no more to
 * give. */
static tn_lots close_by_rank(struct tn_exchange *exchange, uint32_t account,
                             const struct closing *leg, tn_lots left, bool regardless)
{
    struct counterparty batch[BATCH_MAX], last;
    tn_micros price = price_of(&exchange->series[leg->series], leg);
    tn_exchange_need_holders(exchange, leg->series);
    uint32_t count = next_counterparties(exchange, batch, account, leg, NULL);
    while (count > 0 && left > 0) {
        for (uint32_t i = 0; i < count && left > 0; i++) {
            tn_lots lots = regardless ? min_lots(left, batch[i].quantity)
                                      : bearable(exchange, &batch[i], leg, left, price);
            if (lots == 0) continue;
            close_part(exchange, account, leg, &batch[i].who, lots);
            left -= lots;
        }
        last = batch[count - 1];
        count = next_counterparties(exchange, batch, account, leg, &last);
    }
    return left;
}

static void deleverage(struct tn_exchange *exchange, uint32_t account)
{
    struct tn_margin_result result;
    struct closing legs[TN_MARGIN_POSITIONS_MAX];
    tn_exchange_evaluate(exchange, &result, account, NULL, 0);
    tn_exchange_move_stage(exchange, account, &result);
    if (exchange->risk->guards[account].liquidation != TN_LIQUIDATION_ADL) return;
    uint32_t count = list_legs(exchange, legs, account, result.equity);
    spread(legs, count, result.equity < 0 ? -result.equity : 0);
    for (uint32_t i = 0; i < count; i++) {
        tn_lots left = legs[i].quantity < 0 ? -legs[i].quantity : legs[i].quantity;
        left = close_by_rank(exchange, account, &legs[i], left, false);
        left = close_by_rank(exchange, account, &legs[i], left, true);
        TN_ASSERT(left == 0); /* Σ positions is zero: there is always an other side */
    }
    tn_exchange_evaluate(exchange, &result, account, NULL, 0);
    tn_exchange_note_result(exchange, account, &result);
    if (result.equity < 0) {
        tn_exchange_absorb(exchange, account, &result);
    } else {
        end_episode(exchange, account, &result);
    }
}

/* Is there room for what an account's end can cause: for every exposure twice a part closed, and
 * funding, and every order gone? */
static bool has_room(const struct tn_exchange *exchange)
{
    uint64_t most = 4ull * exchange->exposures_count + tn_book_orders_count(exchange->books) + 64;
    return exchange->events_max - exchange->events_count >= most;
}

/* Is anybody of the list in ADL? Asked by places, as accounts came, which is how they lie in the
 * memory. */
static bool somebody_waits(const struct risk *risk)
{
    for (uint32_t place = 0; place < risk->list_count; place++) {
        const struct guard *guard = &risk->guards[risk->list[place].account];
        if (guard->liquidation == TN_LIQUIDATION_ADL) return true;
    }
    return false;
}

static void deleverage_listed(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    struct list_walk walk;
    const struct listed *listed;
    tn_exchange_list_walk(&walk, risk, 0);
    while ((listed = tn_exchange_list_next(&walk)) != NULL && has_room(exchange)) {
        if (risk->guards[listed->account].liquidation == TN_LIQUIDATION_ADL) {
            deleverage(exchange, listed->account);
        }
    }
}

/* Those for whom the MARK's events have no room wait for the next one: the sweep lists them again.
 */
void tn_exchange_liquidations_at_mark(struct tn_exchange *exchange)
{
    if (somebody_waits(exchange->risk)) deleverage_listed(exchange);
    tn_exchange_list_clear(exchange);
    repay_debt(exchange);
}
