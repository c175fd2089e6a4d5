/* view: the state as market data, tools and tests see it. Reading changes nothing. */
#include "exchange/internal.h"

uint64_t tn_exchange_height(const struct tn_exchange *exchange)
{
    return exchange->height;
}

int64_t tn_exchange_time_ms(const struct tn_exchange *exchange)
{
    return exchange->time_ms;
}

uint64_t tn_exchange_last_order(const struct tn_exchange *exchange)
{
    return exchange->last_order_id;
}

bool tn_exchange_account(const struct tn_exchange *exchange, struct tn_account_view *view,
                         uint32_t index)
{
    if (index >= exchange->accounts_count) return false;
    tn_exchange_need_account(exchange, index);
    const struct account *account = &exchange->accounts[index];
    *view = (struct tn_account_view){
        .cash = exchange->ledger.cash[index],
        .free_equity = tn_exchange_free_equity(exchange, index),
        .reserved = account->reserved,
        .orders_count = account->orders_count,
        .exposures_count = account->exposures_count,
        .nonce_top = account->nonce_top,
    };
    memcpy(view->owner, account->owner, TN_OWNER_SIZE);
    return true;
}

tn_micros tn_exchange_collateral(const struct tn_exchange *exchange, uint32_t account,
                                 uint32_t asset)
{
    if (account >= exchange->accounts_count || asset >= exchange->assets_count) return 0;
    if (asset == 0) return exchange->ledger.cash[account];
    return exchange->balances[(size_t)account * exchange->limits.assets_max + asset];
}

bool tn_exchange_series(const struct tn_exchange *exchange, struct tn_series_view *view,
                        uint64_t series_id)
{
    uint32_t index = tn_exchange_find_series(exchange, series_id);
    if (index == TN_NONE) return false;
    const struct series *series = &exchange->series[index];
    *view = (struct tn_series_view){
        .id = series_id,
        .status = (enum tn_status)series->status,
        .book = book_of(index),
        .mark_micros = series->mark,
        .micros_per_tick = series->terms->micros_per_tick,
        .band_low_micros = series->band_low,
        .band_high_micros = series->band_high,
        .open_interest = series->open_interest,
        .funding_index = series->funding_index,
        .delta_ppb = series->delta_ppb,
    };
    return true;
}

uint32_t tn_exchange_series_ids(const struct tn_exchange *exchange, uint64_t *ids, uint32_t ids_max)
{
    uint32_t count = 0;
    uint32_t index = tn_exchange_next_series(exchange, 0);
    while (index != TN_NONE && count < ids_max) {
        ids[count++] = exchange->series[index].id;
        index = tn_exchange_next_series(exchange, exchange->series[index].id);
    }
    return count;
}

struct tn_position tn_exchange_position(const struct tn_exchange *exchange, uint32_t account,
                                        uint64_t series_id)
{
    uint32_t series = tn_exchange_find_series(exchange, series_id);
    uint32_t slot =
        series == TN_NONE ? TN_NONE : tn_exchange_find_exposure(exchange, account, series);
    return slot == TN_NONE ? (struct tn_position){0} : exchange->exposures[slot].position;
}

const struct tn_books *tn_exchange_books(const struct tn_exchange *exchange)
{
    return exchange->books;
}

const struct tn_ledger *tn_exchange_ledger(const struct tn_exchange *exchange)
{
    return &exchange->ledger;
}

uint32_t tn_exchange_accounts_count(const struct tn_exchange *exchange)
{
    return exchange->accounts_count;
}

void tn_exchange_order_bytes(uint32_t *hot, uint32_t *cold, uint32_t *index)
{
    *hot = sizeof(struct tn_resting);
    *cold = sizeof(struct order);
    *index = 4 * sizeof(uint64_t); /* the id index is at most a quarter full */
}
