/* The few steps that nearly every command takes, inline: looking things up, the checks of §3 that
 * are no more than a comparison or two, and the sums an order is counted in. Their rare ends stay
 * in the files that own them. internal.h includes this at its end. */
#ifndef TENOR_EXCHANGE_HOT_H
#define TENOR_EXCHANGE_HOT_H

#include "exchange/internal.h"

/* ---- Lookups (registry.c, results.c) ---- */

static inline uint32_t tn_exchange_find_series(const struct tn_exchange *exchange, uint64_t id)
{
    uint32_t hash = tn_index_hash(&exchange->series_index, id);
    TN_INDEX_EACH (&exchange->series_index, hash, slot) {
        if (exchange->series[slot].id == id) return slot;
    }
    return TN_NONE;
}

/* tn_exchange_find_series with a guess, or TN_NONE. */
static inline uint32_t tn_exchange_confirm_series(const struct tn_exchange *exchange,
                                                  uint32_t guess, uint64_t id)
{
    if (guess != TN_NONE && exchange->series[guess].id == id) return guess;
    return tn_exchange_find_series(exchange, id);
}

static inline uint32_t exposure_hash(const struct tn_exchange *exchange, uint32_t account,
                                     uint32_t series)
{
    return tn_index_hash(&exchange->exposure_index, (uint64_t)account << 32 | series);
}

static inline uint32_t tn_exchange_find_exposure(const struct tn_exchange *exchange,
                                                 uint32_t account, uint32_t series)
{
    uint32_t hash = exposure_hash(exchange, account, series);
    TN_INDEX_EACH (&exchange->exposure_index, hash, slot) {
        const struct exposure *exposure = &exchange->exposures[slot];
        if (exposure->account == account && exposure->series == series) return slot;
    }
    return TN_NONE;
}

static inline void tn_exchange_prefetch_exposure(const struct tn_exchange *exchange,
                                                 uint32_t account, uint32_t series)
{
    tn_index_prefetch(&exchange->exposure_index, exposure_hash(exchange, account, series));
}

/* tn_exchange_find_exposure with the exposure that the index names first, right or wrong, or
 * TN_NONE, which is right. */
static inline uint32_t tn_exchange_confirm_exposure(const struct tn_exchange *exchange,
                                                    uint32_t guess, uint32_t account,
                                                    uint32_t series)
{
    if (guess == TN_NONE) return TN_NONE;
    const struct exposure *exposure = &exchange->exposures[guess];
    if (exposure->account == account && exposure->series == series) return guess;
    return tn_exchange_find_exposure(exchange, account, series);
}

/* The same with a guess from some time ago, when there may have been none. */
static inline uint32_t tn_exchange_renew_exposure(const struct tn_exchange *exchange,
                                                  uint32_t guess, uint32_t account, uint32_t series)
{
    if (guess == TN_NONE) return tn_exchange_find_exposure(exchange, account, series);
    return tn_exchange_confirm_exposure(exchange, guess, account, series);
}

static inline uint32_t result_hash(const struct tn_exchange *exchange, uint32_t account,
                                   uint64_t client_id)
{
    uint32_t mixed = tn_index_hash2(&exchange->result_index, client_id >> 2, account);
    return tn_index_near4(mixed, client_id);
}

/* tn_exchange_find_result, its hash known, for an id that is most likely new: says where it would
 * go. */
static inline uint32_t tn_exchange_seek_result(const struct tn_exchange *exchange,
                                               struct result_place *place, uint32_t account,
                                               uint64_t client_id, uint32_t hash)
{
    const struct tn_index *index = &exchange->result_index;
    uint32_t cell = tn_index_seek(index, hash & index->mask, hash);
    for (; index->cells[cell] != TN_INDEX_EMPTY;
         cell = tn_index_seek(index, (cell + 1) & index->mask, hash)) {
        uint32_t slot = (uint32_t)index->cells[cell];
        const struct result *result = &exchange->results[slot];
        if (result->client_id == client_id && result->account == account) return slot;
    }
    *place = (struct result_place){.hash = hash, .cell = cell, .count = index->count};
    return TN_NONE;
}

static inline uint32_t tn_exchange_find_result(const struct tn_exchange *exchange, uint32_t account,
                                               uint64_t client_id)
{
    if (client_id == 0) return TN_NONE;
    uint32_t hash = result_hash(exchange, account, client_id);
    TN_INDEX_EACH (&exchange->result_index, hash, slot) {
        const struct result *result = &exchange->results[slot];
        if (result->client_id == client_id && result->account == account) return slot;
    }
    return TN_NONE;
}

/* tn_exchange_find_result with a guess, or TN_NONE. */
static inline uint32_t tn_exchange_confirm_result(const struct tn_exchange *exchange,
                                                  uint32_t guess, uint32_t account,
                                                  uint64_t client_id)
{
    if (guess != TN_NONE && client_id != 0) {
        const struct result *result = &exchange->results[guess];
        if (result->client_id == client_id && result->account == account) return guess;
    }
    return tn_exchange_find_result(exchange, account, client_id);
}

/* The slot of an order with a guess, or TN_NONE. Between commands every order stands in a book. */
static inline uint32_t tn_exchange_confirm_order(const struct tn_exchange *exchange, uint32_t guess,
                                                 uint64_t id)
{
    if (guess != TN_NONE) {
        const struct tn_resting *resting = &exchange->resting[guess];
        if (resting->id == id && resting->level != TN_NONE) return guess;
    }
    return tn_book_find(exchange->books, id);
}

/* ---- Nonces (§2.2) ---- */

/* Would the nonce be accepted? */
static inline enum tn_reject tn_exchange_nonce_state(const struct account *account, uint64_t nonce)
{
    if (nonce > account->nonce_top) return TN_REJECT_NONE;
    uint64_t behind = account->nonce_top - nonce;
    if (behind >= 64) return TN_REJECT_NONCE_TOO_OLD;
    return account->nonce_bits >> behind & 1 ? TN_REJECT_NONCE_USED : TN_REJECT_NONE;
}

static inline enum tn_reject tn_exchange_use_nonce(struct tn_exchange *exchange, uint32_t index,
                                                   uint64_t nonce)
{
    struct account *account = &exchange->accounts[index];
    enum tn_reject reject = tn_exchange_nonce_state(account, nonce);
    if (reject != TN_REJECT_NONE) return reject;
    if (nonce > account->nonce_top) {
        uint64_t shift = nonce - account->nonce_top;
        account->nonce_bits = shift >= 64 ? 1 : account->nonce_bits << shift | 1;
        account->nonce_top = nonce;
    } else {
        account->nonce_bits |= UINT64_C(1) << (account->nonce_top - nonce);
    }
    tn_exchange_touch_account(exchange, index, TOUCH_ACCOUNT);
    return TN_REJECT_NONE;
}

/* ---- Pins (registry.c) ---- */

/* tn_exchange_pin_exposure when a lookup was made already: its answer, TN_NONE included, is passed
 * in. */
static inline uint32_t tn_exchange_pin_known(struct tn_exchange *exchange, uint32_t exposure,
                                             uint32_t account, uint32_t series)
{
    if (exposure == TN_NONE) return tn_exchange_pin_exposure(exchange, account, series);
    exchange->exposures[exposure].orders_count++;
    return exposure;
}

/* Gives the exposure back if nothing is left of it. */
static inline void tn_exchange_release_exposure(struct tn_exchange *exchange, uint32_t slot)
{
    const struct exposure *exposure = &exchange->exposures[slot];
    if (exposure->orders_count > 0 || exposure->position.quantity != 0) return;
    tn_exchange_free_exposure(exchange, slot);
}

static inline void tn_exchange_unpin_exposure(struct tn_exchange *exchange, uint32_t slot)
{
    TN_ASSERT(exchange->exposures[slot].orders_count > 0);
    exchange->exposures[slot].orders_count--;
    tn_exchange_release_exposure(exchange, slot);
}

/* ---- Books ---- */

/* Would an order of `side` at `price` meet the best order of the other side? */
static inline bool tn_exchange_meets(const struct tn_exchange *exchange, uint32_t series,
                                     uint8_t side, tn_ticks price)
{
    enum tn_side other = opposite(side);
    return exchange->sides[2 * book_of(series) + other].best_key <= tn_book_key(other, price);
}

/* The best price of a side that is not empty. */
static inline tn_ticks tn_exchange_best(const struct tn_exchange *exchange, uint32_t series,
                                        enum tn_side side)
{
    uint64_t key = exchange->sides[2 * book_of(series) + side].best_key;
    TN_ASSERT(key != TN_BOOK_KEY_EMPTY);
    return tn_book_key_price(side, key);
}

/* An order runs against the other side; most meet nobody there. */
static inline void tn_exchange_run(struct tn_exchange *exchange, struct running *running)
{
    if (!tn_exchange_meets(exchange, running->series, running->side, running->limit)) return;
    tn_exchange_match(exchange, running);
}

/* ---- The checks of §3, by number (admit.c has the others) ---- */

static inline bool tn_exchange_is_marked(const struct series *series)
{
    return series->mark >= 0 && series->terms->base >= 0;
}

static inline enum tn_reject tn_exchange_check_fee(const struct series *series, int32_t fee_max_ppm)
{
    const struct tn_fees *fees = &series->terms->fees;
    int32_t highest = fees->maker_ppm > fees->taker_ppm ? fees->maker_ppm : fees->taker_ppm;
    return highest > fee_max_ppm ? TN_REJECT_FEE_ABOVE_AGREED : TN_REJECT_NONE;
}

/* 5: does the status admit it? */
static inline enum tn_reject tn_exchange_check_status(const struct series *series,
                                                      enum tn_action action)
{
    bool admitted = series->status == TN_STATUS_ACTIVE || /* which admits everything */
                    tn_status_admits((enum tn_status)series->status, action);
    return admitted && !series->uncrossing ? TN_REJECT_NONE : TN_REJECT_SERIES_STATUS;
}

/* 6, 7 and 9: is the series far from its end, marked, and its fee agreed to? */
static inline enum tn_reject tn_exchange_check_market(const struct tn_exchange *exchange,
                                                      const struct series *series,
                                                      int32_t fee_max_ppm)
{
    if (exchange->time_ms >= series->closing_at_ms) return TN_REJECT_SERIES_CLOSING;
    if (!tn_exchange_is_marked(series)) return TN_REJECT_NO_MARK;
    return tn_exchange_check_fee(series, fee_max_ppm);
}

/* 11, for a price that is stated: range, tick, and, when it enters the book, band. */
static inline enum tn_reject tn_exchange_check_price(const struct series *series, uint8_t side,
                                                     tn_ticks price, bool enters)
{
    const struct terms *terms = series->terms;
    if (price < 1 || price > terms->contract.price_max) return TN_REJECT_PRICE_RANGE;
    if (!tn_tick_on(&terms->contract.schedule, price)) return TN_REJECT_PRICE_OFF_TICK;
    if (!enters) return TN_REJECT_NONE;
    tn_micros value = price * terms->micros_per_tick;
    bool too_high = value > series->band_high, too_low = value < series->band_low;
    bool in_band = !(side == TN_BUY ? too_high : too_low);
    return in_band ? TN_REJECT_NONE : TN_REJECT_PRICE_OUT_OF_BAND;
}

/* ---- Equity (equity.c) ---- */

static inline tn_micros tn_exchange_free_equity(const struct tn_exchange *exchange, uint32_t index)
{
    const struct account *account = &exchange->accounts[index];
    tn_micros equity = exchange->ledger.cash[index] - account->reserved;
    return account->linear_count == 0 ? equity : equity + tn_exchange_linear_value(exchange, index);
}

/* Without a margin engine: does free equity bear so much more? */
static inline enum tn_reject tn_exchange_admit_by_equity(const struct tn_exchange *exchange,
                                                         tn_micros *shortfall, uint32_t account,
                                                         tn_micros required)
{
    *shortfall = 0;
    if (required <= 0) return TN_REJECT_NONE;
    tn_micros equity = tn_exchange_free_equity(exchange, account);
    if (equity >= required) return TN_REJECT_NONE;
    *shortfall = required - equity;
    return TN_REJECT_MARGIN_SHORT;
}

/* What the fee of one lot may be at this price: the higher of the two rates. */
static inline tn_micros tn_exchange_fee_per_lot(const struct series *series, tn_ticks price)
{
    const struct terms *terms = series->terms;
    tn_micros premium = price * terms->micros_per_tick;
    if (premium > terms->capped_most) return terms->lot_fee;
    return tn_ppm_ceil(premium, terms->fees.premium_cap_ppm);
}

/* tn_exchange_reserve_per_lot where the fee per lot is known. Sides are drawn by lot: no branch. */
static inline tn_micros tn_exchange_reserve_with_fee(const struct series *series, uint8_t side,
                                                     tn_ticks price, tn_micros fee)
{
    tn_micros premium = price * series->terms->micros_per_tick;
    tn_micros less = series->is_linear ? series->mark : 0;
    tn_micros reserve = (premium > less ? premium - less : 0) + fee;
    return reserve & ((tn_micros)(side == TN_SELL) - 1);
}

/* What one lot bought at this price may cost, its fee included; of one sold nothing. */
static inline tn_micros tn_exchange_reserve_per_lot(const struct series *series, uint8_t side,
                                                    tn_ticks price)
{
    if (side == TN_SELL) return 0;
    return tn_exchange_reserve_with_fee(series, side, price,
                                        tn_exchange_fee_per_lot(series, price));
}

/* 13: are there places for so many more orders and levels? */
static inline enum tn_reject tn_exchange_check_room(const struct tn_exchange *exchange,
                                                    uint32_t orders, uint32_t levels)
{
    if (tn_book_orders_count(exchange->books) + orders > exchange->limits.orders_max) {
        return TN_REJECT_ORDERS_FULL;
    }
    if (tn_book_levels_count(exchange->books) + levels > exchange->limits.levels_max) {
        return TN_REJECT_LEVELS_FULL;
    }
    return TN_REJECT_NONE;
}

/* 15: would position and open orders of a side leave the range? `less` is counted out. */
static inline enum tn_reject tn_exchange_check_position(const struct tn_exchange *exchange,
                                                        uint32_t exposure_index,
                                                        const struct series *series, uint8_t side,
                                                        tn_lots more, tn_lots less)
{
    tn_lots held = 0;
    if (exposure_index != TN_NONE) {
        const struct exposure *exposure = &exchange->exposures[exposure_index];
        held = signed_lots(side, exposure->position.quantity) + exposure->open[side] - less;
    }
    return held + more > series->terms->contract.quantity_max ? TN_REJECT_POSITION_LIMIT_VALUE
                                                              : TN_REJECT_NONE;
}

/* 14, 15 and 16, for an order that enters the book at running->limit. `resting` is its own resting
 * order (a replace), which is counted out, or TN_NONE. */
static inline enum tn_reject tn_exchange_check_entry(const struct tn_exchange *exchange,
                                                     struct running *running, uint32_t resting,
                                                     tn_micros *reserve_per_lot,
                                                     tn_micros *shortfall, const struct order *cold)
{
    const struct series *series = &exchange->series[running->series];
    tn_lots own = resting == TN_NONE ? 0 : open_of(exchange, resting);
    enum tn_reject reject = cold->reduce_only
                                ? tn_exchange_clip_reduce_only(exchange, running, resting, cold)
                                : tn_exchange_check_position(exchange, running->exposure, series,
                                                             running->side, running->open, own);
    if (reject != TN_REJECT_NONE) return reject;
    tn_micros fee = tn_exchange_fee_per_lot(series, running->limit);
    tn_micros per_lot = tn_exchange_reserve_with_fee(series, running->side, running->limit, fee);
    tn_micros freed = resting == TN_NONE ? 0 : own * exchange->orders[resting].reserve_per_lot;
    tn_micros required = per_lot * running->open - freed;
    *reserve_per_lot = per_lot;
    if (exchange->risk == NULL) {
        return tn_exchange_admit_by_equity(exchange, shortfall, running->account, required);
    }
    return tn_exchange_admit_entry(exchange, running, resting, shortfall, required, fee);
}

/* ---- Orders (order.c) ---- */

/* Why an order is dead (§4.5), or 0. */
static inline enum tn_reason tn_exchange_death(const struct tn_exchange *exchange, uint32_t slot)
{
    const struct tn_resting *resting = &exchange->resting[slot];
    bool in_doubt = (resting->user & ORDER_EXPIRES) != 0 ||
                    exchange->accounts[resting->account].jobs_count != 0;
    return in_doubt ? tn_exchange_death_in_doubt(exchange, slot) : (enum tn_reason)0;
}

static inline void tn_exchange_open_change(struct tn_exchange *exchange, uint32_t slot,
                                           tn_lots delta)
{
    const struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    exposure->open[order->side] += delta;
    if (order->reduce_only) exposure->reduce_open += delta;
    exchange->accounts[exposure->account].reserved += delta * order->reserve_per_lot;
    tn_exchange_touch_order(exchange, slot);
    TN_ASSERT(exposure->open[order->side] >= 0);
    tn_exchange_held(exchange, order->exposure);
}

/* Puts a quote at the end of a group (TN_NONE: of none), unless it is in it already. */
static inline void tn_exchange_join_group(struct tn_exchange *exchange, uint32_t slot,
                                          uint32_t group)
{
    if (exchange->orders[slot].group != group) tn_exchange_change_group(exchange, slot, group);
}

#endif
