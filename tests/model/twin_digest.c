/* The twin's digest (§11) by walking, and its invariants. */
#include "twin_internal.h"

static void feed(struct tn_digest *digest, int64_t word)
{
    tn_digest_i64(digest, word);
}

static void feed_fees(struct tn_digest *digest, const struct tn_fees *fees)
{
    feed(digest, fees->maker_ppm);
    feed(digest, fees->taker_ppm);
    feed(digest, fees->premium_cap_ppm);
}

static void digest_group(const struct twin *twin, struct tn_digest *digest, uint32_t account,
                         const struct twin_group *group)
{
    bool over = twin_window_over(twin, group);
    feed(digest, group->number);
    feed(digest, group->limits.interval_ms);
    feed(digest, group->limits.freeze_ms);
    feed(digest, group->limits.quantity_limit);
    feed(digest, group->limits.trades_limit);
    feed(digest, group->limits.delta_limit);
    feed(digest, group->limits.vega_limit_micros);
    feed(digest, over ? -1 : group->window_start);
    feed(digest, over ? 0 : group->used);
    feed(digest, over ? 0 : group->trades);
    feed(digest, over ? 0 : (int64_t)(group->delta >> 64));
    feed(digest, over ? 0 : (int64_t)group->delta);
    feed(digest, over ? 0 : (int64_t)(group->vega >> 64));
    feed(digest, over ? 0 : (int64_t)group->vega);
    feed(digest, twin_frozen(twin, group) ? group->frozen_until : 0);
    uint32_t count = 0;
    const struct twin_order *quote = NULL;
    uint64_t joined = 0;
    while ((quote = twin_group_quote_after(twin, account, group->number, joined)) != NULL) {
        joined = quote->joined;
        count++;
    }
    feed(digest, count);
    joined = 0;
    while ((quote = twin_group_quote_after(twin, account, group->number, joined)) != NULL) {
        joined = quote->joined;
        tn_digest_u64(digest, quote->id);
        tn_digest_u64(digest, quote->joined);
    }
}

static void digest_account(const struct twin *twin, struct tn_digest *digest, uint32_t number)
{
    const struct twin_account *account = twin_account(twin, number);
    for (uint32_t i = 0; i < TN_OWNER_SIZE; i++)
        feed(digest, account->owner[i]);
    feed(digest, account->cash);
    for (uint32_t i = 1; i < twin->assets_count; i++)
        feed(digest, account->collateral[i]);
    tn_digest_u64(digest, account->nonce_top);
    tn_digest_u64(digest, account->nonce_bits);
    tn_digest_u64(digest, account->client_floor);
    feed(digest, twin_reserved(twin, number));
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        count += ((const struct twin_order *)twin->orders.items[i])->account == number;
    }
    feed(digest, count);
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->account == number) tn_digest_u64(digest, order->id);
    }
    count = 0;
    for (uint32_t i = 0; i < account->results.count; i++) {
        count += ((const struct twin_result *)account->results.items[i])->listed;
    }
    tn_digest_u64(digest, account->results_gone);
    feed(digest, count);
    for (uint32_t i = 0; i < account->results.count; i++) {
        const struct twin_result *result = account->results.items[i];
        if (!result->listed) continue;
        tn_digest_u64(digest, result->client_id);
        feed(digest, result->reject);
        tn_digest_u64(digest, result->order_id);
        feed(digest, result->quantity);
        feed(digest, result->remaining);
    }
    feed(digest, account->groups.count);
    for (uint32_t i = 0; i < account->groups.count; i++) {
        digest_group(twin, digest, number, account->groups.items[i]);
    }
}

static void digest_order(const struct twin *twin, struct tn_digest *digest,
                         const struct twin_order *order)
{
    tn_digest_u64(digest, order->id);
    feed(digest, order->account);
    feed(digest, order->price);
    feed(digest, order->trigger);
    feed(digest, order->visible);
    feed(digest, order->hidden);
    feed(digest, order->display);
    feed(digest, order->until);
    feed(digest, order->fee_max_ppm);
    feed(digest, order->label);
    feed(digest, order->side);
    feed(digest, order->type);
    feed(digest, order->tif);
    feed(digest, order->post);
    feed(digest, order->reduce_only);
    feed(digest, order->stp);
    feed(digest, order->quote);
    feed(digest, order->group);
    feed(digest, order->reserve);
    tn_digest_u64(digest, order->sibling);
    tn_digest_u64(digest, order->client_id);
    if (order->client_id == 0) return;
    const struct twin_result *result = twin_result(twin, order->account, order->client_id);
    TN_ASSERT(result != NULL);
    feed(digest, result->quantity);
    feed(digest, result->remaining);
}

static void digest_queue(const struct twin *twin, struct tn_digest *digest,
                         const struct twin_order *first,
                         struct twin_order *(*after)(const struct twin *,
                                                     const struct twin_order *))
{
    uint32_t count = 0;
    for (const struct twin_order *order = first; order != NULL; order = after(twin, order))
        count++;
    feed(digest, count);
    for (const struct twin_order *order = first; order != NULL; order = after(twin, order)) {
        digest_order(twin, digest, order);
    }
}

static tn_lots open_interest(const struct twin_series *series)
{
    tn_lots sum = 0;
    for (uint32_t i = 0; i < series->exposures.count; i++) {
        tn_lots quantity = ((struct twin_exposure *)series->exposures.items[i])->position.quantity;
        if (quantity > 0) sum += quantity;
    }
    return sum;
}

static void digest_series(const struct twin *twin, struct tn_digest *digest,
                          const struct twin_series *series)
{
    tn_digest_u64(digest, series->id);
    feed(digest, series->status);
    feed(digest, series->mark);
    feed(digest, series->forward);
    feed(digest, series->delta_ppb);
    feed(digest, series->vega);
    feed(digest, series->vol_ppm);
    feed(digest, series->funding_index);
    feed(digest, series->funding_float);
    feed(digest, open_interest(series));
    feed(digest, series->settlement_value);
    feed(digest, series->rounds);
    feed(digest, series->uncross_price);
    digest_queue(twin, digest, twin_first(twin, series->id, TN_BUY), twin_after);
    digest_queue(twin, digest, twin_first(twin, series->id, TN_SELL), twin_after);
    digest_queue(twin, digest, twin_first_stop(twin, series->id, TN_BUY), twin_stop_after);
    digest_queue(twin, digest, twin_first_stop(twin, series->id, TN_SELL), twin_stop_after);
    feed(digest, series->exposures.count);
    for (uint32_t i = 0; i < series->exposures.count; i++) {
        const struct twin_exposure *exposure = series->exposures.items[i];
        feed(digest, exposure->account);
        feed(digest, exposure->position.quantity);
        feed(digest, exposure->position.cost);
        feed(digest, exposure->position.funding_entry);
        feed(digest, twin_open_sum(twin, series->id, exposure->account, TN_BUY));
        feed(digest, twin_open_sum(twin, series->id, exposure->account, TN_SELL));
        tn_digest_u64(digest, exposure->joined);
    }
}

static void digest_ids(struct tn_digest *digest, const struct twin_list *series)
{
    feed(digest, series->count);
    for (uint32_t i = 0; i < series->count; i++) {
        tn_digest_u64(digest, ((const struct twin_series *)series->items[i])->id);
    }
}

static void digest_work(const struct twin *twin, struct tn_digest *digest)
{
    feed(digest, twin->jobs.count);
    for (uint32_t i = 0; i < twin->jobs.count; i++) {
        const struct twin_job *job = twin->jobs.items[i];
        feed(digest, job->account);
        feed(digest, job->conditions.by);
        feed(digest, job->conditions.underlying);
        feed(digest, job->conditions.expiry_day);
        tn_digest_u64(digest, job->conditions.series_id);
        feed(digest, job->conditions.side);
        feed(digest, job->conditions.label);
        tn_digest_u64(digest, job->next_id);
        tn_digest_u64(digest, job->last_id);
    }
    digest_ids(digest, &twin->trigger_queue);
    digest_ids(digest, &twin->settlement_queue);
    digest_ids(digest, &twin->uncross_queue);
    digest_ids(digest, &twin->funding_queue);
    digest_ids(digest, &twin->settled);
    feed(digest, twin->funding_turn);
    if (!twin->funding_turn) return;
    feed(digest, twin->funding_turn_index);
    feed(digest, twin->funding_next == NULL ? -1 : (int64_t)twin->funding_next->account);
}

uint64_t twin_digest(const struct twin *twin)
{
    struct tn_digest digest = {0};
    tn_digest_u64(&digest, twin->height);
    feed(&digest, twin->time_ms);
    tn_digest_u64(&digest, twin->last_order_id);
    tn_digest_u64(&digest, twin->joins);
    feed(&digest, twin->accounts.count);
    feed(&digest, twin->underlyings.count);
    feed(&digest, twin->assets_count);
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        feed(&digest, twin->house[i]);
    for (uint32_t i = 1; i < twin->assets_count; i++)
        feed(&digest, twin->haircut_ppm[i]);
    for (uint32_t i = 0; i < twin->underlyings.count; i++) {
        const struct twin_underlying *underlying = twin->underlyings.items[i];
        feed(&digest, underlying->index);
        feed_fees(&digest, &underlying->terms.option_fees);
        feed_fees(&digest, &underlying->terms.linear_fees);
    }
    for (uint32_t i = 0; i < twin->accounts.count; i++)
        digest_account(twin, &digest, i);
    feed(&digest, twin->series.count);
    for (uint32_t i = 0; i < twin->series.count; i++) {
        digest_series(twin, &digest, twin->series.items[i]);
    }
    digest_work(twin, &digest);
    return digest.value;
}

/* ---- Invariants (docs/architecture.md, What must never happen) ---- */

static void check_series(const struct twin *twin, const struct twin_series *series)
{
    tn_lots sum = 0;
    for (uint32_t i = 0; i < series->exposures.count; i++) {
        const struct twin_exposure *exposure = series->exposures.items[i];
        sum += exposure->position.quantity;
        for (int side = TN_BUY; side <= TN_SELL; side++) {
            tn_lots reducing = 0;
            for (uint32_t j = 0; j < twin->orders.count; j++) {
                const struct twin_order *order = twin->orders.items[j];
                if (order->reduce_only && order->where == TWIN_BOOK && order->side == side &&
                    order->account == exposure->account && order->series_id == series->id) {
                    reducing += twin_open(order);
                }
            }
            tn_lots position = exposure->position.quantity;
            TN_ASSERT(reducing == 0 || reducing <= (side == TN_SELL ? position : -position));
        }
    }
    bool settling = series->status == TN_STATUS_SETTLING;
    TN_ASSERT(sum == 0 || settling);
    if (series->status == TN_STATUS_ACTIVE || series->status == TN_STATUS_POST_ONLY) {
        TN_ASSERT(!twin_crossed(twin, series->id));
    }
    if (series->status == TN_STATUS_SETTLED) TN_ASSERT(series->exposures.count == 0);
}

static void check_order(const struct twin *twin, const struct twin_order *order)
{
    TN_ASSERT(order->where == TWIN_BOOK || order->where == TWIN_STOPS);
    TN_ASSERT(order->visible > 0 && order->hidden >= 0);
    TN_ASSERT(order->hidden == 0 || order->visible <= order->display);
    TN_ASSERT((order->trigger != 0) == (order->where == TWIN_STOPS));
    TN_ASSERT(order->tif != TN_FOK && (order->tif != TN_IOC || order->where == TWIN_STOPS));
    const struct twin_series *series = twin_series(twin, order->series_id);
    TN_ASSERT(series != NULL && twin_exposure(series, order->account) != NULL);
    if (order->sibling != 0) {
        const struct twin_order *sibling = twin_order(twin, order->sibling);
        TN_ASSERT(sibling != NULL && sibling->sibling == order->id);
    }
}

void twin_check(const struct twin *twin)
{
    tn_i128 cash = 0;
    tn_i128 floats = 0;
    bool settling = false;
    uint32_t results = 0;
    for (uint32_t i = 0; i < TN_HOUSE_COUNT; i++)
        cash += twin->house[i];
    for (uint32_t i = 0; i < twin->accounts.count; i++) {
        cash += twin_account(twin, i)->cash;
        results += twin_account(twin, i)->results.count;
        TN_ASSERT(twin_exposures_count(twin, i) <= twin->limits.exposures_per_account_max);
    }
    TN_ASSERT(cash == 0);
    for (uint32_t i = 0; i < twin->series.count; i++) {
        const struct twin_series *series = twin->series.items[i];
        check_series(twin, series);
        floats += series->funding_float;
        settling = settling || series->status == TN_STATUS_SETTLING;
    }
    TN_ASSERT(floats == twin->house[TN_HOUSE_FUNDING]);
    TN_ASSERT(settling || twin->house[TN_HOUSE_CLEARING] == 0);
    for (uint32_t i = 0; i < twin->orders.count; i++)
        check_order(twin, twin->orders.items[i]);
    TN_ASSERT(twin_orders_count(twin) <= twin->limits.orders_max);
    TN_ASSERT(twin_levels_count(twin) <= twin->limits.levels_max);
    TN_ASSERT(twin_exposures_count(twin, TN_NONE) <= twin->limits.exposures_max);
    TN_ASSERT(results <= twin->limits.results_max);
    TN_ASSERT(twin->jobs.count <= twin->limits.jobs_max);
}
