/* What the twin knows: records found by looking at all of them, sums counted anew, and the plain
 * questions of §1, §4.5 and §7. Nothing in this file changes an order or moves money. */
#include "twin_internal.h"

#include <string.h>

struct twin_account *twin_account(const struct twin *twin, uint32_t account)
{
    return account < twin->accounts.count ? twin->accounts.items[account] : NULL;
}

struct twin_underlying *twin_underlying(const struct twin *twin, uint32_t underlying)
{
    if (underlying < 1 || underlying > twin->underlyings.count) return NULL;
    return twin->underlyings.items[underlying - 1];
}

struct twin_series *twin_series(const struct twin *twin, uint64_t id)
{
    for (uint32_t i = 0; i < twin->series.count; i++) {
        struct twin_series *series = twin->series.items[i];
        if (series->id == id) return series;
    }
    return NULL;
}

struct twin_order *twin_order(const struct twin *twin, uint64_t id)
{
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (order->id == id) return order;
    }
    return NULL;
}

const struct tn_contract *twin_contract(const struct twin *twin, uint64_t series_id)
{
    const struct twin_underlying *underlying =
        twin_underlying(twin, tn_series_underlying(series_id));
    TN_ASSERT(underlying != NULL);
    return tn_series_is_option(series_id) ? &underlying->terms.option : &underlying->terms.linear;
}

const struct tn_fees *twin_fees(const struct twin *twin, uint64_t series_id)
{
    const struct twin_underlying *underlying =
        twin_underlying(twin, tn_series_underlying(series_id));
    TN_ASSERT(underlying != NULL);
    return tn_series_is_option(series_id) ? &underlying->terms.option_fees
                                          : &underlying->terms.linear_fees;
}

tn_micros twin_micros_per_tick(const struct twin *twin, uint64_t series_id)
{
    const struct twin_underlying *underlying =
        twin_underlying(twin, tn_series_underlying(series_id));
    TN_ASSERT(underlying != NULL);
    return tn_series_is_option(series_id) ? underlying->option_micros_per_tick
                                          : underlying->linear_micros_per_tick;
}

tn_micros twin_base(const struct twin *twin, uint64_t series_id)
{
    const struct twin_underlying *underlying =
        twin_underlying(twin, tn_series_underlying(series_id));
    tn_micros base = 0;
    bool fits = tn_contract_value_floor(&base, underlying->index, twin_contract(twin, series_id));
    TN_ASSERT(fits);
    return base;
}

static tn_i128 div_ceil(tn_i128 a, tn_i128 b)
{
    TN_ASSERT(a >= 0 && b > 0);
    return (a + b - 1) / b;
}

/* §1: w. */
tn_i128 twin_band_width(const struct twin *twin, const struct twin_series *series)
{
    tn_micros forward_lot = 0;
    bool fits =
        tn_contract_value_floor(&forward_lot, series->forward, twin_contract(twin, series->id));
    TN_ASSERT(fits);
    tn_i128 delta = series->delta_ppb < 0 ? -(tn_i128)series->delta_ppb : series->delta_ppb;
    tn_i128 points = series->vol_ppm / 4 > 100000 ? series->vol_ppm / 4 : 100000;
    tn_i128 width = div_ceil(delta * forward_lot, (tn_i128)100000000000) +
                    div_ceil((tn_i128)series->vega * points, 10000);
    tn_i128 least = 5 * (tn_i128)twin_micros_per_tick(twin, series->id);
    return width > least ? width : least;
}

bool twin_in_band(const struct twin *twin, const struct twin_series *series, int side,
                  tn_ticks price)
{
    tn_i128 tick = twin_micros_per_tick(twin, series->id);
    tn_i128 width = twin_band_width(twin, series);
    if (side == TN_BUY) return price * tick <= series->mark + width;
    tn_i128 low = series->mark - width > tick ? series->mark - width : tick;
    return price * tick >= low;
}

/* §3.11: the highest price on tick in the band for a buy, the lowest for a sell; 0 when none. */
tn_ticks twin_band_edge(const struct twin *twin, const struct twin_series *series, int side)
{
    const struct tn_contract *contract = twin_contract(twin, series->id);
    tn_i128 tick = twin_micros_per_tick(twin, series->id);
    tn_i128 width = twin_band_width(twin, series);
    if (side == TN_BUY) {
        tn_i128 price = (series->mark + width) / tick;
        if (price > contract->price_max) price = contract->price_max;
        return price < 1 ? 0 : tn_tick_floor(&contract->schedule, (tn_ticks)price);
    }
    tn_i128 low = series->mark - width > tick ? series->mark - width : tick;
    tn_i128 price = div_ceil(low, tick);
    if (price > contract->price_max) return 0;
    tn_ticks on_tick = tn_tick_ceil(&contract->schedule, (tn_ticks)price);
    return on_tick > contract->price_max ? 0 : on_tick;
}

bool twin_same_owner(const struct twin *twin, uint32_t one, uint32_t other)
{
    return memcmp(twin_account(twin, one)->owner, twin_account(twin, other)->owner,
                  TN_OWNER_SIZE) == 0;
}

bool twin_meant(const struct tn_mass_cancel *conditions, const struct twin_order *order)
{
    uint64_t id = order->series_id;
    uint8_t by = conditions->by;
    if ((by & TN_BY_UNDERLYING) && tn_series_underlying(id) != conditions->underlying) return false;
    if ((by & TN_BY_EXPIRY) && tn_series_expiry_day(id) != conditions->expiry_day) return false;
    if ((by & TN_BY_SERIES) && id != conditions->series_id) return false;
    if ((by & TN_BY_SIDE) && order->side != conditions->side) return false;
    if ((by & TN_BY_LABEL) && order->label != conditions->label) return false;
    return true;
}

/* §4.5. */
uint8_t twin_death(const struct twin *twin, const struct twin_order *order)
{
    if (order->tif == TN_GTB && twin->height > (uint64_t)order->until) return TN_REASON_EXPIRED;
    if (order->tif == TN_GTT && twin->time_ms >= order->until) return TN_REASON_EXPIRED;
    for (uint32_t i = 0; i < twin->jobs.count; i++) {
        const struct twin_job *job = twin->jobs.items[i];
        if (job->account == order->account && order->id >= job->next_id &&
            order->id <= job->last_id && twin_meant(&job->conditions, order)) {
            return TN_REASON_MASS_CANCEL;
        }
    }
    return 0;
}

struct twin_exposure *twin_exposure(const struct twin_series *series, uint32_t account)
{
    for (uint32_t i = 0; i < series->exposures.count; i++) {
        struct twin_exposure *exposure = series->exposures.items[i];
        if (exposure->account == account) return exposure;
    }
    return NULL;
}

struct twin_exposure *twin_exposure_make(struct twin *twin, struct twin_series *series,
                                         uint32_t account)
{
    struct twin_exposure *exposure = twin_exposure(series, account);
    if (exposure != NULL) return exposure;
    exposure = twin_allocate(sizeof(*exposure));
    exposure->account = account;
    exposure->joined = ++twin->joins;
    exposure->position.funding_entry = series->funding_index;
    twin_list_add(&series->exposures, exposure);
    return exposure;
}

uint32_t twin_exposures_count(const struct twin *twin, uint32_t account)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->series.count; i++) {
        const struct twin_series *series = twin->series.items[i];
        if (account == TN_NONE) {
            count += series->exposures.count;
        } else if (twin_exposure(series, account) != NULL) {
            count++;
        }
    }
    return count;
}

tn_lots twin_position(const struct twin_series *series, uint32_t account)
{
    const struct twin_exposure *exposure = twin_exposure(series, account);
    return exposure == NULL ? 0 : exposure->position.quantity;
}

tn_lots twin_open_sum(const struct twin *twin, uint64_t series_id, uint32_t account, int side)
{
    tn_lots sum = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->where == TWIN_BOOK && order->series_id == series_id &&
            order->account == account && order->side == side) {
            sum += twin_open(order);
        }
    }
    return sum;
}

uint32_t twin_orders_count(const struct twin *twin)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        count += order->where == TWIN_BOOK || order->where == TWIN_STOPS;
    }
    return count;
}

static bool same_level(const struct twin_order *one, const struct twin_order *other)
{
    if (one->where != other->where || one->series_id != other->series_id) return false;
    if (one->side != other->side) return false;
    return one->where == TWIN_STOPS ? one->trigger == other->trigger : one->price == other->price;
}

uint32_t twin_levels_count(const struct twin *twin)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->where != TWIN_BOOK && order->where != TWIN_STOPS) continue;
        bool seen = false;
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = same_level(order, twin->orders.items[j]);
        count += !seen;
    }
    return count;
}

tn_micros twin_reserved(const struct twin *twin, uint32_t account)
{
    tn_micros sum = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order->where == TWIN_BOOK && order->account == account) {
            sum += order->reserve * twin_open(order);
        }
    }
    return sum;
}

tn_i128 twin_free_equity(const struct twin *twin, uint32_t account)
{
    tn_i128 equity = twin_account(twin, account)->cash;
    for (uint32_t i = 0; i < twin->series.count; i++) {
        const struct twin_series *series = twin->series.items[i];
        const struct twin_exposure *exposure = twin_exposure(series, account);
        if (exposure == NULL || tn_series_is_option(series->id)) continue;
        const struct tn_position *position = &exposure->position;
        if (position->quantity == 0) continue;
        TN_ASSERT(series->mark >= 0);
        equity += (tn_i128)position->quantity * series->mark;
        tn_i128 owed =
            (tn_i128)position->quantity * (series->funding_index - position->funding_entry);
        tn_i128 paid = owed / 1000000;
        if (owed % 1000000 > 0) paid++;
        equity -= paid;
    }
    return equity - twin_reserved(twin, account);
}

/* §7. */
tn_micros twin_reserve_per_lot(const struct twin *twin, const struct twin_series *series, int side,
                               tn_ticks price)
{
    if (side == TN_SELL) return 0;
    const struct tn_fees *fees = twin_fees(twin, series->id);
    tn_i128 value = (tn_i128)price * twin_micros_per_tick(twin, series->id);
    tn_i128 rate = fees->maker_ppm > fees->taker_ppm ? fees->maker_ppm : fees->taker_ppm;
    if (rate < 0) rate = 0;
    tn_i128 fee = div_ceil(rate * twin_base(twin, series->id), 1000000);
    if (fees->premium_cap_ppm > 0) {
        tn_i128 cap = div_ceil(fees->premium_cap_ppm * value, 1000000);
        if (fee > cap) fee = cap;
    }
    tn_i128 cost = value;
    if (!tn_series_is_option(series->id)) cost = value > series->mark ? value - series->mark : 0;
    return (tn_micros)(cost + fee);
}

/* Does `one` go before `other` in the book of their side? */
static bool before(const struct twin_order *one, const struct twin_order *other)
{
    if (one->price != other->price) {
        return one->side == TN_BUY ? one->price > other->price : one->price < other->price;
    }
    return one->turn < other->turn;
}

static bool stop_before(const struct twin_order *one, const struct twin_order *other)
{
    if (one->trigger != other->trigger) {
        return one->side == TN_BUY ? one->trigger < other->trigger : one->trigger > other->trigger;
    }
    return one->id < other->id;
}

static struct twin_order *least(const struct twin *twin, uint64_t series_id, int side,
                                enum twin_where where, const struct twin_order *after,
                                bool (*goes_before)(const struct twin_order *,
                                                    const struct twin_order *))
{
    struct twin_order *best = NULL;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (order->where != where || order->series_id != series_id || order->side != side) continue;
        if (after != NULL && !goes_before(after, order)) continue;
        if (best == NULL || goes_before(order, best)) best = order;
    }
    return best;
}

struct twin_order *twin_first(const struct twin *twin, uint64_t series_id, int side)
{
    return least(twin, series_id, side, TWIN_BOOK, NULL, before);
}

struct twin_order *twin_after(const struct twin *twin, const struct twin_order *order)
{
    return least(twin, order->series_id, order->side, TWIN_BOOK, order, before);
}

struct twin_order *twin_first_stop(const struct twin *twin, uint64_t series_id, int side)
{
    return least(twin, series_id, side, TWIN_STOPS, NULL, stop_before);
}

struct twin_order *twin_stop_after(const struct twin *twin, const struct twin_order *order)
{
    return least(twin, order->series_id, order->side, TWIN_STOPS, order, stop_before);
}

bool twin_stop_reached(const struct twin *twin, const struct twin_series *series,
                       const struct twin_order *order)
{
    tn_i128 trigger = (tn_i128)order->trigger * twin_micros_per_tick(twin, series->id);
    return order->side == TN_BUY ? series->mark >= trigger : series->mark <= trigger;
}

bool twin_crossed(const struct twin *twin, uint64_t series_id)
{
    const struct twin_order *bid = twin_first(twin, series_id, TN_BUY);
    const struct twin_order *ask = twin_first(twin, series_id, TN_SELL);
    return bid != NULL && ask != NULL && bid->price >= ask->price;
}

struct twin_group *twin_group(const struct twin *twin, uint32_t account, uint8_t number)
{
    const struct twin_list *groups = &twin_account(twin, account)->groups;
    for (uint32_t i = 0; i < groups->count; i++) {
        struct twin_group *group = groups->items[i];
        if (group->number == number) return group;
    }
    return NULL;
}

bool twin_window_over(const struct twin *twin, const struct twin_group *group)
{
    return group->window_start < 0 ||
           twin->time_ms >= group->window_start + group->limits.interval_ms;
}

bool twin_frozen(const struct twin *twin, const struct twin_group *group)
{
    return twin->time_ms < group->frozen_until;
}

struct twin_order *twin_group_quote_after(const struct twin *twin, uint32_t account, uint8_t group,
                                          uint64_t joined)
{
    struct twin_order *next = NULL;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (!order->quote || order->where != TWIN_BOOK || order->account != account) continue;
        if (order->group != group || order->joined <= joined) continue;
        if (next == NULL || order->joined < next->joined) next = order;
    }
    return next;
}

bool twin_nonce_check(const struct twin_account *account, uint64_t nonce, enum tn_reject *reject)
{
    if (nonce > account->nonce_top) return true;
    if (account->nonce_top - nonce >= 64) {
        *reject = TN_REJECT_NONCE_TOO_OLD;
        return false;
    }
    if (account->nonce_bits >> (account->nonce_top - nonce) & 1) {
        *reject = TN_REJECT_NONCE_USED;
        return false;
    }
    return true;
}

void twin_nonce_consume(struct twin_account *account, uint64_t nonce)
{
    if (nonce > account->nonce_top) {
        uint64_t shift = nonce - account->nonce_top;
        account->nonce_bits = shift >= 64 ? 0 : account->nonce_bits << shift;
        account->nonce_top = nonce;
    }
    account->nonce_bits |= UINT64_C(1) << (account->nonce_top - nonce);
}

struct twin_result *twin_result(const struct twin *twin, uint32_t account, uint64_t client_id)
{
    const struct twin_list *results = &twin_account(twin, account)->results;
    for (uint32_t i = 0; i < results->count; i++) {
        struct twin_result *result = results->items[i];
        if (result->client_id == client_id) return result;
    }
    return NULL;
}
