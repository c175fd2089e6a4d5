/* admit: the checks that an order passes before anything changes (§3); numbers are the spec's. */
#include "exchange/internal.h"

/* 10: has the mark reached a stop's trigger? */
bool tn_exchange_stop_reached(const struct series *series, uint8_t side, tn_ticks trigger)
{
    tn_micros at = trigger * series->terms->micros_per_tick;
    return side == TN_BUY ? series->mark >= at : series->mark <= at;
}

/* 11, for a market order without protection price: the last price in band. */
enum tn_reject tn_exchange_band_edge(tn_ticks *price, const struct series *series, uint8_t side)
{
    const struct tn_contract *contract = &series->terms->contract;
    tn_micros micros_per_tick = series->terms->micros_per_tick;
    if (side == TN_BUY) {
        tn_ticks high = series->band_high / micros_per_tick;
        if (high > contract->price_max) high = contract->price_max;
        *price = high < 1 ? 0 : tn_tick_floor(&contract->schedule, high);
        return *price > 0 ? TN_REJECT_NONE : TN_REJECT_PRICE_OUT_OF_BAND;
    }
    tn_ticks low = (series->band_low + micros_per_tick - 1) / micros_per_tick;
    if (low > contract->price_max) return TN_REJECT_PRICE_OUT_OF_BAND;
    *price = tn_tick_ceil(&contract->schedule, low);
    return *price <= contract->price_max ? TN_REJECT_NONE : TN_REJECT_PRICE_OUT_OF_BAND;
}

/* 14: cuts a reduce-only order to what is left to reduce. */
enum tn_reject tn_exchange_clip_reduce_only(const struct tn_exchange *exchange,
                                            struct running *running, uint32_t resting,
                                            const struct order *cold)
{
    if (running->exposure == TN_NONE) return TN_REJECT_REDUCE_ONLY_NOTHING;
    const struct exposure *exposure = &exchange->exposures[running->exposure];
    tn_lots position = signed_lots(running->side, exposure->position.quantity);
    if (position >= 0) return TN_REJECT_REDUCE_ONLY_NOTHING;
    bool rests = cold->tif != TN_IOC && cold->tif != TN_FOK;
    bool placed = resting != TN_NONE;
    uint32_t others = exposure->reduce_count - (placed ? 1 : 0);
    if (rests && others >= exchange->limits.reduce_only_max) {
        return TN_REJECT_REDUCE_ONLY_TOO_MANY;
    }
    tn_lots own = placed ? open_of(exchange, resting) : 0;
    tn_lots room = -position - (exposure->reduce_open - own);
    if (room <= 0) return TN_REJECT_REDUCE_ONLY_NOTHING;
    running->open = min_lots(running->open, room);
    return TN_REJECT_NONE;
}

/* 16, where margin is asked. */
enum tn_reject tn_exchange_admit_entry(const struct tn_exchange *exchange,
                                       const struct running *running, uint32_t resting,
                                       tn_micros *shortfall, tn_micros required,
                                       tn_micros fee_per_lot)
{
    struct change change = {
        .series = running->series,
        .replaced = resting,
        .group = TN_NONE,
        .quantity = signed_lots(running->side, running->open),
        .price = running->limit * exchange->series[running->series].terms->micros_per_tick,
        .fee = fee_per_lot * running->open,
    };
    return tn_exchange_admit(exchange, shortfall, running->account, required, &change, 1);
}

/* 17: a post-only order that would trade is refused, or moved behind the best opposite price. */
enum tn_reject tn_exchange_check_post(const struct tn_exchange *exchange, struct running *running,
                                      uint8_t post)
{
    const struct series *series = &exchange->series[running->series];
    const struct tn_contract *contract = &series->terms->contract;
    if (series->status == TN_STATUS_AUCTION) return TN_REJECT_NONE;
    if (!tn_exchange_meets(exchange, running->series, running->side, running->limit)) {
        return TN_REJECT_NONE;
    }
    if (post == TN_POST_REJECT) return TN_REJECT_POST_ONLY_CROSSES;
    tn_ticks best = tn_exchange_best(exchange, running->series, opposite(running->side));
    tn_ticks price = 0;
    if (running->side == TN_BUY) {
        if (best > 1) price = tn_tick_floor(&contract->schedule, best - 1);
    } else {
        price = tn_tick_ceil(&contract->schedule, best + 1);
    }
    if (price < 1 || price > contract->price_max) return TN_REJECT_POST_ONLY_CROSSES;
    running->limit = price;
    return TN_REJECT_NONE;
}
