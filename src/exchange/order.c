/* order: an order in all the lists that know it, and its ways in and out of them.
 *
 * Lists: its book (or its series' stop book), its account's orders by id, its exposure's
 * reduce-only orders, its group's quotes, the heap of those that expire. Only orders that rest
 * count in the exposure's open sums and in the account's reserve; waiting and lifted ones do not.
 * A lifted order keeps slot, id and lists but stands in no book while it runs. */
#include "exchange/internal.h"

static void link_to_account(struct tn_exchange *exchange, uint32_t slot)
{
    struct account *account = &exchange->accounts[exchange->resting[slot].account];
    uint64_t id = exchange->resting[slot].id;
    uint32_t previous = account->orders_tail; /* new orders are the last, but for an OCO's first */
    uint32_t next = TN_NONE;
    bool is_newest = id == exchange->last_order_id;
    while (!is_newest && previous != TN_NONE && exchange->resting[previous].id > id) {
        next = previous;
        previous = exchange->links[previous].previous;
    }
    exchange->links[slot].previous = previous;
    exchange->links[slot].next = next;
    *(previous == TN_NONE ? &account->orders_head : &exchange->links[previous].next) = slot;
    *(next == TN_NONE ? &account->orders_tail : &exchange->links[next].previous) = slot;
    account->orders_count++; /* the frame that brings the order has marked the account */
}

static void unlink_from_account(struct tn_exchange *exchange, uint32_t slot)
{
    struct account *account = &exchange->accounts[exchange->resting[slot].account];
    uint32_t next = exchange->links[slot].next;
    uint32_t previous = exchange->links[slot].previous;
    if (account->jobs_count > 0) {
        for (uint32_t i = 0; i < exchange->jobs_count; i++) {
            if (exchange->jobs[i].cursor == slot) exchange->jobs[i].cursor = next;
        }
    }
    *(previous == TN_NONE ? &account->orders_head : &exchange->links[previous].next) = next;
    *(next == TN_NONE ? &account->orders_tail : &exchange->links[next].previous) = previous;
    account->orders_count--;
    tn_exchange_touch_account(exchange, exchange->resting[slot].account, TOUCH_ACCOUNT);
}

static void link_reduce_only(struct tn_exchange *exchange, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    order->reduce_previous = TN_NONE;
    order->reduce_next = exposure->reduce_head;
    if (exposure->reduce_head != TN_NONE) {
        exchange->orders[exposure->reduce_head].reduce_previous = slot;
    }
    exposure->reduce_head = slot;
    exposure->reduce_count++;
}

static void unlink_reduce_only(struct tn_exchange *exchange, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    *(order->reduce_previous == TN_NONE ? &exposure->reduce_head
                                        : &exchange->orders[order->reduce_previous].reduce_next) =
        order->reduce_next;
    if (order->reduce_next != TN_NONE) {
        exchange->orders[order->reduce_next].reduce_previous = order->reduce_previous;
    }
    exposure->reduce_count--;
}

static void leave_group(struct tn_exchange *exchange, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    struct group *group = &exchange->groups[order->group];
    uint32_t next = order->group_next, previous = order->group_previous;
    *(previous == TN_NONE ? &group->quotes_head : &exchange->orders[previous].group_next) = next;
    *(next == TN_NONE ? &group->quotes_tail : &exchange->orders[next].group_previous) = previous;
    order->group = TN_NONE;
}

/* Puts a quote at the end of another group (TN_NONE: of none). */
void tn_exchange_change_group(struct tn_exchange *exchange, uint32_t slot, uint32_t group_index)
{
    struct order *order = &exchange->orders[slot];
    tn_exchange_touch_order(exchange, slot);
    if (order->group != TN_NONE) leave_group(exchange, slot);
    if (group_index == TN_NONE) return;
    struct group *group = &exchange->groups[group_index];
    order->group = group_index;
    order->group_joined = ++exchange->joined_last;
    order->group_next = TN_NONE;
    order->group_previous = group->quotes_tail;
    *(group->quotes_tail == TN_NONE ? &group->quotes_head
                                    : &exchange->orders[group->quotes_tail].group_next) = slot;
    group->quotes_tail = slot;
}

/* What an order of `open` lots shows; the rest is hidden. */
static tn_lots visible_part(const struct order *order, tn_lots open)
{
    tn_lots display = display_of(order);
    return display > 0 ? min_lots(display, open) : open;
}

/* The second line stays as it is where it says nothing: it is in no cache. */
static void copy_cold(struct order *order, const struct order *cold, uint64_t sibling_id)
{
    bool has_more = cold->display != 0 || cold->tif == TN_GTB || cold->tif == TN_GTT ||
                    cold->waiting || sibling_id != 0;
    if (has_more) {
        *order = *cold;
        order->sibling_id = sibling_id;
    } else {
        memcpy(order, cold, offsetof(struct order, sibling_id));
    }
    order->has_more = has_more;
}

/* A new order comes to rest, or to wait. The places were asked for before (§3, 13). */
uint32_t tn_exchange_rest(struct tn_exchange *exchange, const struct running *running,
                          const struct order *cold, uint32_t book, enum tn_side side,
                          tn_ticks price)
{
    enum tn_reject reject;
    tn_lots visible = cold->waiting ? running->open : visible_part(cold, running->open);
    uint32_t slot = tn_book_rest_guess(exchange->books, &reject, book, side, price, visible,
                                       running->id, running->level);
    TN_ASSERT(slot != TN_NONE);
    struct tn_resting *resting = &exchange->resting[slot];
    resting->account = running->account;
    resting->owner = running->owner;
    resting->user = cold->tif == TN_GTB || cold->tif == TN_GTT ? ORDER_EXPIRES : 0;
    struct order *order = &exchange->orders[slot];
    uint32_t rank = order->rank;
    copy_cold(order, cold, running->sibling_id);
    order->rank = rank;
    order->hidden = running->open - visible;
    order->exposure = running->exposure;
    order->result = TN_NONE;
    order->group = TN_NONE;
    order->placed_mark = exchange->mark;
    exchange->exposures[running->exposure].orders_count++;
    link_to_account(exchange, slot);
    if (order->tif == TN_GTB || order->tif == TN_GTT) tn_heap_add(exchange, slot);
    if (order->waiting) {
        tn_exchange_touch_order(exchange, slot);
    } else {
        if (order->reduce_only) link_reduce_only(exchange, slot);
        tn_exchange_open_change(exchange, slot, running->open);
        tn_exchange_term_in(exchange, slot);
    }
    return slot;
}

void tn_exchange_lift(struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    tn_exchange_touch_order(exchange, slot);
    if (!order->waiting) {
        tn_exchange_term_out(exchange, slot);
        tn_exchange_open_change(exchange, slot, -open_of(exchange, slot));
        if (order->reduce_only) unlink_reduce_only(exchange, slot);
    }
    tn_book_lift(exchange->books, slot);
}

/* A lifted order comes to rest at a price; its reserve per lot is already the new one. */
void tn_exchange_land(struct tn_exchange *exchange, uint32_t slot, tn_ticks price, tn_lots open)
{
    struct order *order = &exchange->orders[slot];
    tn_lots visible = visible_part(order, open);
    uint32_t series = exchange->exposures[order->exposure].series;
    bool landed = tn_book_land(exchange->books, slot, book_of(series), (enum tn_side)order->side,
                               price, visible);
    TN_ASSERT(landed);
    order->hidden = open - visible;
    order->waiting = 0;
    order->placed_mark = exchange->mark;
    if (order->reduce_only) link_reduce_only(exchange, slot);
    tn_exchange_open_change(exchange, slot, open);
    tn_exchange_term_in(exchange, slot);
}

/* Takes an order out of every list. Its open quantity is already out of the sums. */
void tn_exchange_remove(struct tn_exchange *exchange, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    bool placed = is_in_book(exchange, slot);
    tn_exchange_touch_order(exchange, slot);
    if (order->reduce_only && !order->waiting && placed) unlink_reduce_only(exchange, slot);
    if (order->group != TN_NONE) leave_group(exchange, slot);
    if (order->is_quote) exposure->quote[order->side] = TN_NONE;
    if (order->tif == TN_GTB || order->tif == TN_GTT) tn_heap_remove(exchange, slot);
    if (order->result != TN_NONE) tn_exchange_order_gone(exchange, order->result);
    unlink_from_account(exchange, slot);
    TN_ASSERT(exposure->orders_count > 0);
    exposure->orders_count--;
    if (placed) {
        tn_book_remove(exchange->books, slot);
    } else {
        tn_book_forget(exchange->books, slot);
    }
}

/* Cancels an order, and its sibling after it. `reject` is set only for a refused trigger. */
void tn_exchange_drop(struct tn_exchange *exchange, uint32_t slot, enum tn_reason reason,
                      enum tn_reject reject)
{
    struct order *order = &exchange->orders[slot];
    const struct tn_resting *resting = &exchange->resting[slot];
    uint32_t exposure = order->exposure;
    struct tn_event *event = emit(exchange, TN_EVENT_CANCELLED);
    event->side = order->side;
    event->reason = (uint8_t)reason;
    event->reject = (uint16_t)reject;
    event->account = resting->account;
    event->series_id = exchange->series[exchange->exposures[exposure].series].id;
    event->order_id = resting->id;
    event->quantity = open_of(exchange, slot);

    if (is_in_book(exchange, slot) && !order->waiting) {
        tn_exchange_term_out(exchange, slot);
        tn_exchange_open_change(exchange, slot, -event->quantity);
    }
    uint64_t sibling_id = sibling_of(order);
    tn_exchange_remove(exchange, slot);
    tn_exchange_release_exposure(exchange, exposure);
    tn_exchange_drop_sibling(exchange, &sibling_id);
}

void tn_exchange_drop_sibling(struct tn_exchange *exchange, uint64_t *sibling_id)
{
    if (*sibling_id == 0) return;
    uint32_t slot = tn_book_find(exchange->books, *sibling_id);
    *sibling_id = 0;
    if (slot == TN_NONE) return;
    exchange->orders[slot].sibling_id = 0;
    tn_exchange_drop(exchange, slot, TN_REASON_OCO, TN_REJECT_NONE);
}

bool tn_exchange_is_meant(const struct tn_exchange *exchange, const struct tn_mass_cancel *what,
                          uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    uint64_t id = exchange->series[exchange->exposures[order->exposure].series].id;
    uint8_t by = what->by;
    if (by & TN_BY_UNDERLYING && tn_series_underlying(id) != what->underlying) return false;
    if (by & TN_BY_EXPIRY && tn_series_expiry_day(id) != what->expiry_day) return false;
    if (by & TN_BY_SERIES && id != what->series_id) return false;
    if (by & TN_BY_SIDE && order->side != what->side) return false;
    return !(by & TN_BY_LABEL) || order->label == what->label;
}

/* Does a mass cancel that is not finished mean it? */
static bool is_cancelled(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    for (uint32_t i = 0; i < exchange->jobs_count; i++) {
        const struct job *job = &exchange->jobs[i];
        if (job->account != resting->account) continue;
        if (resting->id < job->next_id || resting->id > job->last_id) continue;
        if (tn_exchange_is_meant(exchange, &job->what, slot)) return true;
    }
    return false;
}

static bool is_expired(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct order *order = &exchange->orders[slot];
    if (order->tif == TN_GTT) return exchange->time_ms >= order->until;
    return order->tif == TN_GTB && exchange->height > (uint64_t)order->until;
}

enum tn_reason tn_exchange_death_in_doubt(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    if (resting->user & ORDER_EXPIRES && is_expired(exchange, slot)) return TN_REASON_EXPIRED;
    return is_cancelled(exchange, slot) ? TN_REASON_MASS_CANCEL : (enum tn_reason)0;
}

/* The living order of an account that a reference names, or TN_NONE. */
uint32_t tn_exchange_resolve(const struct tn_exchange *exchange, uint32_t account,
                             const struct tn_order_ref *ref, const struct tn_exchange_ahead *ahead)
{
    uint32_t slot;
    if (ref->order_id != 0) {
        slot = tn_exchange_confirm_order(exchange, ahead->slot, ref->order_id);
    } else {
        uint32_t index =
            tn_exchange_confirm_result(exchange, ahead->record, account, ref->client_id);
        if (index == TN_NONE) return TN_NONE;
        const struct result *result = &exchange->results[index];
        slot = result->order != TN_NONE ? result->order
                                        : tn_book_find(exchange->books, result->order_id);
    }
    if (slot == TN_NONE || exchange->resting[slot].account != account) return TN_NONE;
    return tn_exchange_death(exchange, slot) ? TN_NONE : slot;
}
