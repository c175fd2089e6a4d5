/* digest: one number over everything that apply can read, in the canonical order of §11: no slot,
 * no free list and no hash order takes part, so two exchanges that will answer alike have equal
 * ones. */
#include "exchange/feeds.h"

static void feed(struct tn_digest *digest, uint64_t word)
{
    tn_digest_u64(digest, word);
}

static void feed_signed(struct tn_digest *digest, int64_t word)
{
    tn_digest_i64(digest, word);
}

static void feed_wide(struct tn_digest *digest, tn_i128 value)
{
    tn_digest_u64(digest, (uint64_t)((tn_u128)value >> 64));
    tn_digest_u64(digest, (uint64_t)(tn_u128)value);
}

static void feed_fees(struct tn_digest *digest, const struct tn_fees *fees)
{
    feed_signed(digest, fees->maker_ppm);
    feed_signed(digest, fees->taker_ppm);
    feed_signed(digest, fees->premium_cap_ppm);
}

static void feed_market(struct tn_digest *digest, const struct tn_exchange *exchange)
{
    feed(digest, exchange->height);
    feed_signed(digest, exchange->time_ms);
    feed(digest, exchange->last_order_id);
    feed(digest, exchange->joined_last);
    feed(digest, exchange->accounts_count);
    feed(digest, exchange->underlyings_count);
    feed(digest, exchange->assets_count);
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        feed_signed(digest, exchange->ledger.house[i]);
    for (uint32_t i = 1; i < exchange->assets_count; i++)
        feed(digest, exchange->haircut_ppm[i]);
    for (uint32_t i = 0; i < exchange->underlyings_count; i++) {
        feed_signed(digest, exchange->underlyings[i].index_micros);
        feed_fees(digest, &exchange->underlyings[i].terms[0].fees);
        feed_fees(digest, &exchange->underlyings[i].terms[1].fees);
    }
}

/* ---- Accounts ---- */

static void feed_group(struct tn_digest *digest, const struct tn_exchange *exchange,
                       const struct group *group)
{
    bool open = tn_exchange_window_open(exchange, group);
    feed(digest, group->terms.group);
    feed_signed(digest, group->terms.interval_ms);
    feed_signed(digest, group->terms.freeze_ms);
    feed_signed(digest, group->terms.quantity_limit);
    feed(digest, group->terms.trades_limit);
    feed_signed(digest, group->terms.delta_limit);
    feed_signed(digest, group->terms.vega_limit_micros);
    feed_signed(digest, open ? group->window_start : -1);
    feed_signed(digest, open ? group->used : 0);
    feed(digest, open ? group->trades : 0);
    if (exchange->risk != NULL) feed(digest, open ? group->filled_mark : 0);
    feed_wide(digest, open ? group->delta : 0);
    feed_wide(digest, open ? group->vega : 0);
    feed_signed(digest, tn_exchange_group_frozen(exchange, group) ? group->frozen_until : 0);
    uint64_t count = 0;
    for (uint32_t i = group->quotes_head; i != TN_NONE; i = exchange->orders[i].group_next)
        count++;
    feed(digest, count);
    for (uint32_t i = group->quotes_head; i != TN_NONE; i = exchange->orders[i].group_next) {
        feed(digest, exchange->resting[i].id);
        feed(digest, exchange->orders[i].group_joined);
    }
}

static void feed_groups(struct tn_digest *digest, const struct tn_exchange *exchange,
                        uint32_t account)
{
    uint64_t count = 0;
    uint32_t head = exchange->accounts[account].groups_head;
    for (uint32_t i = head; i != TN_NONE; i = exchange->groups[i].next)
        count++;
    feed(digest, count);
    for (uint32_t number = 1; number < 256 && count > 0; number++) {
        uint32_t slot = tn_exchange_find_group(exchange, account, (uint8_t)number);
        if (slot != TN_NONE) feed_group(digest, exchange, &exchange->groups[slot]);
    }
}

static void feed_account(struct tn_digest *digest, const struct tn_exchange *exchange,
                         uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    for (uint32_t i = 0; i < TN_OWNER_SIZE; i++)
        feed(digest, account->owner[i]);
    feed_signed(digest, exchange->ledger.cash[index]);
    for (uint32_t i = 1; i < exchange->assets_count; i++) {
        feed_signed(digest, exchange->balances[(size_t)index * exchange->limits.assets_max + i]);
    }
    feed(digest, account->nonce_top);
    feed(digest, account->nonce_bits);
    feed(digest, account->client_floor);
    feed_signed(digest, account->reserved);
    feed(digest, account->orders_count);
    for (uint32_t i = account->orders_head; i != TN_NONE; i = exchange->links[i].next) {
        feed(digest, exchange->resting[i].id);
    }
    feed(digest, account->results_gone);
    feed(digest, account->results_count);
    uint32_t slot = account->results_head;
    for (uint32_t i = 0; i < account->results_count; i++, slot = exchange->results[slot].next) {
        const struct result *result = &exchange->results[slot];
        feed(digest, result->client_id);
        feed(digest, result->reject);
        feed(digest, result->order_id);
        feed_signed(digest, result->quantity);
        feed_signed(digest, result->remaining);
    }
    feed_groups(digest, exchange, index);
}

/* ---- Series ---- */

static void feed_order(struct tn_digest *digest, const struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    const struct order *order = &exchange->orders[slot];
    feed(digest, resting->id);
    feed(digest, resting->account);
    feed_signed(digest, order->waiting ? order->limit_price : resting->price);
    feed_signed(digest, order->waiting ? resting->price : 0);
    feed_signed(digest, resting->quantity);
    feed_signed(digest, order->hidden);
    feed_signed(digest, display_of(order));
    feed_signed(digest, until_of(order));
    feed_signed(digest, order->fee_max_ppm);
    feed(digest, order->label);
    feed(digest, order->side);
    feed(digest, order->type);
    feed(digest, order->tif);
    feed(digest, order->post);
    feed(digest, order->reduce_only);
    feed(digest, order->stp);
    feed(digest, order->is_quote);
    feed(digest, order->group == TN_NONE ? 0 : exchange->groups[order->group].terms.group);
    feed_signed(digest, order->reserve_per_lot);
    feed(digest, sibling_of(order));
    if (exchange->risk != NULL) feed(digest, order->placed_mark);
    const struct result *result =
        order->result == TN_NONE ? NULL : &exchange->results[order->result];
    feed(digest, result == NULL ? 0 : result->client_id);
    if (result == NULL) return;
    feed_signed(digest, result->quantity);
    feed_signed(digest, result->remaining);
}

static void feed_orders(struct tn_digest *digest, const struct tn_exchange *exchange, uint32_t book,
                        enum tn_side side)
{
    uint64_t count = 0;
    uint32_t front = tn_book_front(exchange->books, book, side);
    for (uint32_t i = front; i != TN_NONE; i = tn_book_after(exchange->books, i))
        count++;
    feed(digest, count);
    for (uint32_t i = front; i != TN_NONE; i = tn_book_after(exchange->books, i)) {
        feed_order(digest, exchange, i);
    }
}

static void feed_exposures(struct tn_digest *digest, const struct tn_exchange *exchange,
                           const struct series *series)
{
    feed(digest, series->exposures_count);
    uint32_t i = series->exposures_head;
    for (; i != TN_NONE; i = exchange->exposures[i].series_next) {
        const struct exposure *exposure = &exchange->exposures[i];
        feed(digest, exposure->account);
        feed_signed(digest, exposure->position.quantity);
        feed_signed(digest, exposure->position.cost);
        feed_signed(digest, exposure->position.funding_entry);
        feed_signed(digest, exposure->open[TN_BUY]);
        feed_signed(digest, exposure->open[TN_SELL]);
        feed(digest, exposure->joined);
    }
}

static void feed_series(struct tn_digest *digest, const struct tn_exchange *exchange,
                        uint32_t index)
{
    const struct series *series = &exchange->series[index];
    feed(digest, series->id);
    feed(digest, series->status);
    feed_signed(digest, series->mark);
    feed_signed(digest, series->forward);
    feed_signed(digest, series->delta_ppb);
    feed_signed(digest, series->vega);
    feed_signed(digest, series->vol_ppm);
    feed_signed(digest, series->funding_index);
    feed_signed(digest, series->funding_float);
    feed_signed(digest, series->open_interest);
    feed_signed(digest, series->settlement_value);
    feed(digest, series->rounds);
    feed_signed(digest, series->uncross_price);
    feed_orders(digest, exchange, book_of(index), TN_BUY);
    feed_orders(digest, exchange, book_of(index), TN_SELL);
    feed_orders(digest, exchange, stops_of(index), stop_side(TN_BUY));
    feed_orders(digest, exchange, stops_of(index), stop_side(TN_SELL));
    feed_exposures(digest, exchange, series);
}

/* ---- Work in slices ---- */

static void feed_queue(struct tn_digest *digest, const struct tn_exchange *exchange,
                       const struct queue *queue)
{
    feed(digest, queue->count);
    for (uint32_t i = 0; i < queue->count; i++) {
        feed(digest, exchange->series[queue_at(queue, i, exchange->limits.series_max)].id);
    }
}

static void feed_work(struct tn_digest *digest, const struct tn_exchange *exchange)
{
    feed(digest, exchange->jobs_count);
    for (uint32_t i = 0; i < exchange->jobs_count; i++) {
        const struct job *job = &exchange->jobs[i];
        feed(digest, job->account);
        feed(digest, job->what.by);
        feed(digest, job->what.underlying);
        feed(digest, job->what.expiry_day);
        feed(digest, job->what.series_id);
        feed(digest, job->what.side);
        feed(digest, job->what.label);
        feed(digest, job->next_id);
        feed(digest, job->last_id);
    }
    feed_queue(digest, exchange, &exchange->triggers);
    feed_queue(digest, exchange, &exchange->settlements);
    feed_queue(digest, exchange, &exchange->uncrosses);
    feed_queue(digest, exchange, &exchange->fundings);
    feed_queue(digest, exchange, &exchange->settled);
    feed(digest, exchange->funding_begun);
    if (!exchange->funding_begun) return;
    feed_signed(digest, exchange->funding_begun_index);
    feed_signed(digest, exchange->funding_cursor == TN_NONE
                            ? -1
                            : (int64_t)exchange->exposures[exchange->funding_cursor].account);
}

/* ---- Accounts under margin ---- */

static void feed_guard(struct tn_digest *digest, const struct risk *risk, const struct guard *guard)
{
    feed(digest, guard->model);
    feed(digest, guard->mark == risk->mark);
    feed(digest, guard->liquidation);
    feed(digest, guard->fee_taken);
    feed_signed(digest, guard->stage_ms);
    feed_signed(digest, guard->second_ms);
    feed_signed(digest, guard->freed_micros);
    feed_signed(digest, guard->received_micros);
    feed_signed(digest, guard->paid_micros);
    feed_signed(digest, guard->called_until_ms);
    feed_signed(digest, guard->interest_ms);
    feed_signed(digest, guard->borrowed_micros);
    feed_signed(digest, guard->debt_share);
    feed_signed(digest, guard->equity);
    feed_signed(digest, guard->mm);
    feed_signed(digest, guard->m);
}

static void feed_accounts_at_risk(struct tn_digest *digest, const struct tn_exchange *exchange)
{
    const struct risk *risk = exchange->risk;
    for (uint32_t i = 0; i < exchange->accounts_count; i++)
        feed_guard(digest, risk, &risk->guards[i]);
    feed(digest, risk->sweeping);
    feed(digest, risk->cursor);
    feed(digest, risk->list_count);
    feed(digest, risk->list_cursor);
    feed(digest, risk->list_sorted);
    struct list_walk walk;
    const struct listed *listed;
    tn_exchange_list_walk(&walk, risk, 0);
    while ((listed = tn_exchange_list_next(&walk)) != NULL) {
        feed(digest, listed->account);
        feed_signed(digest, listed->mm);
        feed_signed(digest, listed->requirement);
    }
}

uint64_t tn_exchange_digest(const struct tn_exchange *exchange)
{
    struct tn_digest digest = {0};
    feed_market(&digest, exchange);
    for (uint32_t i = 0; i < exchange->accounts_count; i++)
        feed_account(&digest, exchange, i);
    feed(&digest, exchange->series_count);
    uint32_t index = tn_exchange_next_series(exchange, 0);
    while (index != TN_NONE) {
        feed_series(&digest, exchange, index);
        index = tn_exchange_next_series(exchange, exchange->series[index].id);
    }
    feed_work(&digest, exchange);
    if (exchange->risk != NULL) {
        feed_accounts_at_risk(&digest, exchange);
        tn_exchange_digest_feeds(&digest, exchange);
    }
    return digest.value;
}
