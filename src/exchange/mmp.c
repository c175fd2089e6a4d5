/* mmp: market-maker protection (§6). A group limits how much its quotes may trade within a window;
 * when a limit is reached every quote of the group is gone before the taker meets the next order.
 */
#include "exchange/risk.h"

enum { INTERVAL_MAX_MS = 3600000, FREEZE_MAX_MS = 86400000 };
#define DELTA_LIMIT_MAX (INT64_C(1) << 40)
#define VEGA_LIMIT_MAX  (INT64_C(1) << 60)

uint32_t tn_exchange_find_group(const struct tn_exchange *exchange, uint32_t account,
                                uint8_t number)
{
    uint32_t slot = exchange->accounts[account].groups_head;
    while (slot != TN_NONE && exchange->groups[slot].terms.group != number) {
        slot = exchange->groups[slot].next;
    }
    return slot;
}

bool tn_exchange_group_frozen(const struct tn_exchange *exchange, const struct group *group)
{
    return exchange->time_ms < group->frozen_until;
}

/* Margin counts a group's quotes by its quantity limit, as the account was judged: so no window
 * ends before it is judged again, at the MARK after its last fill. */
bool tn_exchange_window_open(const struct tn_exchange *exchange, const struct group *group)
{
    if (group->window_start < 0) return false;
    bool is_counted_on = exchange->risk != NULL && group->terms.quantity_limit > 0;
    return exchange->time_ms < group->window_start + group->terms.interval_ms ||
           (is_counted_on && group->filled_mark == exchange->mark);
}

/* Would a new window let it trade more than margin counts? */
static bool is_worn(const struct tn_exchange *exchange, const struct group *group)
{
    return exchange->risk != NULL && group->terms.quantity_limit > 0 && group->used > 0 &&
           group->quotes_head != TN_NONE && tn_exchange_window_open(exchange, group);
}

static void close_window(struct group *group)
{
    group->window_start = -1;
    group->used = 0;
    group->trades = 0;
    group->filled_mark = 0;
    group->delta = 0;
    group->vega = 0;
}

static uint32_t cancel_quotes(struct tn_exchange *exchange, uint32_t index, enum tn_reason reason)
{
    uint32_t count = 0;
    while (exchange->groups[index].quotes_head != TN_NONE) {
        tn_exchange_drop(exchange, exchange->groups[index].quotes_head, reason, TN_REJECT_NONE);
        count++;
    }
    return count;
}

static void trip(struct tn_exchange *exchange, uint32_t index)
{
    struct group *group = &exchange->groups[index];
    uint32_t count = cancel_quotes(exchange, index, TN_REASON_PROTECTION);
    struct tn_event *event = emit(exchange, TN_EVENT_PROTECTED);
    event->account = group->account;
    event->index = group->terms.group;
    event->quantity = count;
    group->frozen_until =
        group->terms.freeze_ms == 0 ? INT64_MAX : exchange->time_ms + group->terms.freeze_ms;
    close_window(group);
}

void tn_exchange_count_fill(struct tn_exchange *exchange, uint32_t index, uint32_t series_index,
                            tn_lots quantity)
{
    const struct series *series = &exchange->series[series_index];
    struct group *group = &exchange->groups[index];
    tn_exchange_touch_account(exchange, group->account, TOUCH_MEMORY);
    if (!tn_exchange_window_open(exchange, group)) {
        close_window(group);
        group->window_start = exchange->time_ms;
    }
    group->used += quantity < 0 ? -quantity : quantity;
    group->trades++;
    group->filled_mark = exchange->mark;
    group->delta += (tn_i128)quantity * series->delta_ppb;
    group->vega += (tn_i128)quantity * series->vega;
    const struct tn_mmp_set *terms = &group->terms;
    bool quantity_reached = terms->quantity_limit > 0 && group->used >= terms->quantity_limit;
    bool trades_reached = terms->trades_limit > 0 && group->trades >= terms->trades_limit;
    bool delta_reached =
        terms->delta_limit > 0 && tn_size(group->delta) >= tn_exchange_delta_limit(group);
    bool vega_reached =
        terms->vega_limit_micros > 0 && tn_size(group->vega) >= terms->vega_limit_micros;
    if (quantity_reached || trades_reached || delta_reached || vega_reached) trip(exchange, index);
}

bool tn_exchange_group_terms_valid(const struct tn_mmp_set *terms)
{
    return terms->group >= 1 && terms->interval_ms >= 1 && terms->interval_ms <= INTERVAL_MAX_MS &&
           terms->freeze_ms >= 0 && terms->freeze_ms <= FREEZE_MAX_MS &&
           terms->quantity_limit >= 0 && terms->delta_limit >= 0 &&
           terms->delta_limit <= DELTA_LIMIT_MAX && terms->vega_limit_micros >= 0 &&
           terms->vega_limit_micros <= VEGA_LIMIT_MAX &&
           (terms->quantity_limit > 0 || terms->trades_limit > 0 || terms->delta_limit > 0 ||
            terms->vega_limit_micros > 0);
}

/* A higher quantity limit lets the group's quotes weigh more in margin, and a new window lets them
 * trade anew what margin counts once. */
static enum tn_reject change_limits(struct tn_exchange *exchange, tn_micros *shortfall,
                                    struct group *group, const struct tn_mmp_set *terms)
{
    struct tn_mmp_set old = group->terms;
    bool was_worn = is_worn(exchange, group);
    group->terms = *terms;
    if (exchange->risk == NULL || group->quotes_head == TN_NONE) return TN_REJECT_NONE;
    tn_micros after = tn_exchange_m(exchange, group->account, NULL, 0);
    if (after >= 0) return TN_REJECT_NONE;
    group->terms = old;
    if (!was_worn && after >= tn_exchange_m(exchange, group->account, NULL, 0)) {
        group->terms = *terms;
        return TN_REJECT_NONE;
    }
    *shortfall = -after;
    return TN_REJECT_MARGIN_SHORT;
}

void tn_exchange_mmp_set(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                         const struct tn_command *command)
{
    const struct tn_mmp_set *terms = &command->as.mmp_set;
    if (!tn_exchange_group_terms_valid(terms)) {
        outcome->reject = TN_REJECT_MMP_RANGE;
        return;
    }
    tn_exchange_touch_account(exchange, account, TOUCH_MEMORY);
    uint32_t slot = tn_exchange_find_group(exchange, account, terms->group);
    if (slot == TN_NONE) {
        if (exchange->groups_count == exchange->limits.groups_max) {
            outcome->reject = TN_REJECT_MMP_FULL;
            return;
        }
        slot = exchange->groups_count++;
        exchange->groups[slot] = (struct group){.account = account,
                                                .next = exchange->accounts[account].groups_head,
                                                .quotes_head = TN_NONE,
                                                .quotes_tail = TN_NONE};
        exchange->accounts[account].groups_head = slot;
    }
    struct group *group = &exchange->groups[slot];
    outcome->reject = change_limits(exchange, &outcome->money, group, terms);
    if (outcome->reject == TN_REJECT_NONE) close_window(group);
}

void tn_exchange_mmp_reset(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                           const struct tn_command *command)
{
    uint32_t slot = tn_exchange_find_group(exchange, account, command->as.mmp_group);
    if (slot == TN_NONE) {
        outcome->reject = TN_REJECT_MMP_UNKNOWN;
        return;
    }
    struct group *group = &exchange->groups[slot];
    if (is_worn(exchange, group)) {
        tn_micros m = tn_exchange_m(exchange, account, NULL, 0);
        if (m < 0) {
            outcome->reject = TN_REJECT_MARGIN_SHORT;
            outcome->money = -m;
            return;
        }
    }
    tn_exchange_touch_account(exchange, account, TOUCH_MEMORY);
    group->frozen_until = 0;
    close_window(group);
}

void tn_exchange_mmp_cancel(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                            const struct tn_command *command)
{
    uint32_t slot = tn_exchange_find_group(exchange, account, command->as.mmp_group);
    if (slot == TN_NONE) {
        outcome->reject = TN_REJECT_MMP_UNKNOWN;
        return;
    }
    outcome->quantity = cancel_quotes(exchange, slot, TN_REASON_REQUEST);
}
