/* quote: mass quotes (§6). Two passes: first every side is judged, against the book as it stands
 * and the sides before it, and the whole command is asked for its margin; only then does anything
 * move.
 *
 * The common case, a quote that only moves, goes slot to slot within the book: no id is looked up,
 * nothing is freed. Only when a side would trade are both lifted and run like other orders. A quote
 * both of whose sides stand and may stay is `plain`: it is judged and carried out by a short way
 * that decides nothing else; whatever is in doubt there goes the long way, which decides all. */
#include "exchange/internal.h"

enum { JUDGED_KEEP = UINT16_MAX };

/* For steps of every side; most take it as a constant. */
#define PER_SIDE static inline __attribute__((always_inline))

/* What is asked for by the sides that have passed so far. */
struct asked {
    uint32_t exposures, orders, levels;
    uint32_t levels_room; /* places for levels before the command */
    tn_micros required;
    const struct tn_mass_quote *command;
    uint32_t account, group;
    struct change *changes; /* what margin is asked */
    uint32_t changes_count;
};

static tn_ticks price_of(const struct tn_quote *quote, uint32_t side)
{
    return side == TN_BUY ? quote->bid_price : quote->ask_price;
}

static tn_lots quantity_of(const struct tn_quote *quote, uint32_t side)
{
    return side == TN_BUY ? quote->bid_quantity : quote->ask_quantity;
}

/* Which quotes stand before the command. Nothing that happens before a quote's own turn can change
 * that: no one else's trade is part of this command, and own quotes elsewhere are out of reach. */
static void find_present(const struct tn_exchange *exchange, struct judged *judged)
{
    judged->present[TN_BUY] = judged->present[TN_SELL] = TN_NONE;
    if (judged->exposure == TN_NONE) return;
    const struct exposure *exposure = &exchange->exposures[judged->exposure];
    bool may_be_dead = exchange->accounts[exposure->account].jobs_count > 0;
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t slot = exposure->quote[side];
        bool dead = may_be_dead && slot != TN_NONE && tn_exchange_death(exchange, slot);
        judged->present[side] = dead ? TN_NONE : slot;
    }
}

static bool keeps_place(const struct tn_exchange *exchange, uint32_t slot,
                        const struct tn_quote *quote, uint32_t side)
{
    return slot != TN_NONE && exchange->resting[slot].price == price_of(quote, side) &&
           quantity_of(quote, side) <= exchange->resting[slot].quantity;
}

/* The checks of a series that are the same for both sides. */
PER_SIDE enum tn_reject judge_series(const struct tn_exchange *exchange,
                                     const struct series *series,
                                     const struct tn_mass_quote *command)
{
    enum tn_reject reject =
        tn_exchange_check_status(series, command->post_only ? TN_ACTION_POST : TN_ACTION_TAKE);
    if (reject != TN_REJECT_NONE) return reject;
    return tn_exchange_check_market(exchange, series, command->fee_max_ppm);
}

/* The checks of one side that look at nothing but itself; `common` is what judge_series says. */
static enum tn_reject judge_alone(const struct series *series, enum tn_reject common,
                                  const struct tn_quote *quote, uint32_t side)
{
    tn_lots quantity = quantity_of(quote, side);
    if (quantity < 1 || quantity > series->terms->contract.quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    if (common != TN_REJECT_NONE) return common;
    return tn_exchange_check_price(series, (uint8_t)side, price_of(quote, side), true);
}

/* A side that adds or moves: passed so far, and not a removal. */
static bool is_entering(const struct judged *judged, const struct tn_quote *quote, uint32_t side)
{
    return judged->reject[side] == TN_REJECT_NONE && quantity_of(quote, side) > 0;
}

/* The price that will stand on a side, or 0. */
static tn_ticks standing(const struct tn_exchange *exchange, const struct judged *judged,
                         const struct tn_quote *quote, uint32_t side)
{
    if (is_entering(judged, quote, side)) return price_of(quote, side);
    if (judged->reject[side] == TN_REJECT_NONE) return 0;
    uint32_t slot = judged->present[side];
    return slot == TN_NONE ? 0 : exchange->resting[slot].price;
}

/* Places and position: what depends on the sides before. */
static enum tn_reject judge_place(const struct tn_exchange *exchange, const struct judged *judged,
                                  struct asked *asked, bool *asks_exposure,
                                  const struct tn_quote *quote, uint32_t side)
{
    uint32_t slot = judged->present[side];
    if (keeps_place(exchange, slot, quote, side)) return TN_REJECT_NONE;
    bool needs_exposure = judged->exposure == TN_NONE && !*asks_exposure;
    if (needs_exposure && !tn_exchange_exposure_fits(exchange, asked->account, asked->exposures)) {
        return TN_REJECT_EXPOSURES_FULL;
    }
    enum tn_reject reject =
        tn_exchange_check_room(exchange, asked->orders + (slot == TN_NONE), asked->levels + 1);
    if (reject == TN_REJECT_NONE && slot == TN_NONE) {
        reject = tn_exchange_check_standard_orders(exchange, asked->account, asked->orders + 1);
    }
    if (reject != TN_REJECT_NONE) return reject;
    const struct series *series = &exchange->series[judged->series];
    tn_lots own = slot == TN_NONE ? 0 : exchange->resting[slot].quantity;
    reject = tn_exchange_check_position(exchange, judged->exposure, series, (uint8_t)side,
                                        quantity_of(quote, side), own);
    if (reject != TN_REJECT_NONE) return reject;
    asked->exposures += needs_exposure;
    *asks_exposure |= needs_exposure;
    asked->orders += slot == TN_NONE;
    asked->levels++;
    return TN_REJECT_NONE;
}

/* The change of the account's reserve that a passed side makes. */
static tn_micros reserve_change(const struct tn_exchange *exchange, struct judged *judged,
                                const struct tn_quote *quote, uint32_t side)
{
    if (side == TN_SELL) return 0;
    uint32_t slot = judged->present[side];
    tn_lots quantity = quantity_of(quote, side);
    tn_micros old = 0;
    if (slot != TN_NONE) {
        tn_micros per_lot = exchange->orders[slot].reserve_per_lot;
        old = per_lot * exchange->resting[slot].quantity;
        if (keeps_place(exchange, slot, quote, side)) return per_lot * quantity - old;
    }
    if (quantity == 0) return -old;
    judged->bid_reserve =
        tn_exchange_reserve_per_lot(&exchange->series[judged->series], TN_BUY, quote->bid_price);
    return quantity * judged->bid_reserve - old;
}

/* The same side as margin sees it. */
static void note_change(const struct tn_exchange *exchange, const struct judged *judged,
                        struct asked *asked, const struct tn_quote *quote, uint32_t side)
{
    const struct series *series = &exchange->series[judged->series];
    tn_lots quantity = quantity_of(quote, side);
    if (quantity == 0 && judged->present[side] == TN_NONE) return;
    TN_ASSERT(asked->changes_count < CHANGES_MAX);
    /* What trades at once is not cut by its own group's limit: that caps what others take. */
    bool takes = quantity > 0 &&
                 tn_exchange_meets(exchange, judged->series, (uint8_t)side, price_of(quote, side));
    asked->changes[asked->changes_count++] = (struct change){
        .series = judged->series,
        .replaced = judged->present[side],
        .group = takes ? TN_NONE : asked->group,
        .quantity = signed_lots((uint8_t)side, quantity),
        .price = price_of(quote, side) * series->terms->micros_per_tick,
        .fee =
            quantity == 0 ? 0 : tn_exchange_fee_per_lot(series, price_of(quote, side)) * quantity,
    };
}

static void judge(const struct tn_exchange *exchange, struct judged *judged, struct asked *asked,
                  const struct tn_quote *quote)
{
    const struct series *series = &exchange->series[judged->series];
    enum tn_reject common = judged->series == TN_NONE
                                ? TN_REJECT_SERIES_UNKNOWN
                                : judge_series(exchange, series, asked->command);
    for (uint32_t side = 0; side < 2; side++) {
        tn_lots quantity = quantity_of(quote, side);
        enum tn_reject reject = TN_REJECT_NONE;
        if (quantity == TN_QUOTE_KEEP) {
            judged->reject[side] = JUDGED_KEEP;
            continue;
        }
        if (judged->series == TN_NONE) {
            reject = TN_REJECT_SERIES_UNKNOWN;
        } else if (quantity != 0) {
            reject = judge_alone(series, common, quote, side);
        }
        judged->reject[side] = (uint16_t)reject;
    }
    if (judged->series == TN_NONE) return;
    tn_ticks bid = standing(exchange, judged, quote, TN_BUY);
    tn_ticks ask = standing(exchange, judged, quote, TN_SELL);
    bool crossed = bid > 0 && ask > 0 && bid >= ask;
    bool asks_exposure = false;
    for (uint32_t side = 0; side < 2; side++) {
        if (is_entering(judged, quote, side)) {
            judged->reject[side] = (uint16_t)(crossed ? TN_REJECT_QUOTE_CROSSED
                                                      : judge_place(exchange, judged, asked,
                                                                    &asks_exposure, quote, side));
        }
        if (judged->reject[side] == TN_REJECT_NONE) {
            asked->required += reserve_change(exchange, judged, quote, side);
            if (exchange->risk != NULL) note_change(exchange, judged, asked, quote, side);
        }
    }
}

/* ---- First pass, plain quotes ---- */

/* Adds what a side asks for; false when it is not plain. */
PER_SIDE bool judge_plain_side(const struct tn_exchange *exchange, struct judged *judged,
                               struct asked *asked, const struct series *series,
                               const struct tn_quote *quote, uint8_t side)
{
    const struct exposure *exposure = &exchange->exposures[judged->exposure];
    uint32_t slot = exposure->quote[side];
    tn_lots quantity = quantity_of(quote, side);
    if (slot == TN_NONE || quantity < 1 || quantity > series->terms->contract.quantity_max) {
        return false;
    }
    tn_ticks price = price_of(quote, side);
    if (tn_exchange_check_price(series, side, price, true) != TN_REJECT_NONE) return false;
    const struct tn_resting *resting = &exchange->resting[slot];
    tn_micros per_lot = side == TN_BUY ? exchange->orders[slot].reserve_per_lot : 0;
    judged->present[side] = slot;
    judged->keeps[side] = resting->price == price && quantity <= resting->quantity;
    asked->required -= per_lot * resting->quantity;
    if (!judged->keeps[side]) {
        if (++asked->levels > asked->levels_room) return false;
        tn_book_prefetch_top(exchange->books, &exchange->sides[2 * book_of(judged->series) + side],
                             tn_book_key((enum tn_side)side, price));
        enum tn_reject reject = tn_exchange_check_position(exchange, judged->exposure, series, side,
                                                           quantity, resting->quantity);
        if (reject != TN_REJECT_NONE) return false;
        if (side == TN_BUY) {
            per_lot = judged->bid_reserve = tn_exchange_reserve_per_lot(series, TN_BUY, price);
        }
    }
    asked->required += per_lot * quantity;
    return true;
}

/* Judges a plain quote; false, nothing asked for, when it is none. */
static bool judge_plain(const struct tn_exchange *exchange, struct judged *judged,
                        struct asked *asked, const struct tn_quote *quote)
{
    if (judged->exposure == TN_NONE) return false;
    const struct series *series = &exchange->series[judged->series];
    if (judge_series(exchange, series, asked->command) != TN_REJECT_NONE) return false;
    if (quote->bid_price >= quote->ask_price) return false;
    uint32_t levels = asked->levels;
    tn_micros required = asked->required;
    judged->is_plain = judge_plain_side(exchange, judged, asked, series, quote, TN_BUY) &&
                       judge_plain_side(exchange, judged, asked, series, quote, TN_SELL);
    if (judged->is_plain) {
        judged->reject[TN_BUY] = judged->reject[TN_SELL] = TN_REJECT_NONE;
        if (exchange->risk != NULL) {
            note_change(exchange, judged, asked, quote, TN_BUY);
            note_change(exchange, judged, asked, quote, TN_SELL);
        }
        return true;
    }
    asked->levels = levels;
    asked->required = required;
    return false;
}

/* ---- First pass, over all quotes ---- */

/* Was the same unknown series named before? */
static bool repeats_unknown(const struct tn_mass_quote *command, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (command->quotes[i].series_id == command->quotes[at].series_id) return true;
    }
    return false;
}

/* Starts loading what the quotes will touch: the orders, and the books they stand in. */
static void read_ahead(const struct tn_exchange *exchange, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct judged *judged = &exchange->judged[i];
        if (judged->exposure == TN_NONE) continue;
        const struct exposure *exposure = &exchange->exposures[judged->exposure];
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t slot = exposure->quote[side];
            if (slot == TN_NONE) continue;
            tn_prefetch(&exchange->resting[slot]);
            tn_prefetch(&exchange->orders[slot]);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct judged *judged = &exchange->judged[i];
        if (judged->exposure == TN_NONE) continue;
        const struct exposure *exposure = &exchange->exposures[judged->exposure];
        for (uint32_t side = 0; side < 2; side++) {
            if (exposure->quote[side] == TN_NONE) continue;
            tn_book_prefetch_links(exchange->books, exposure->quote[side]);
        }
    }
}

/* Finds every quote's series and exposure; false when a series is named twice. In passes, so that
 * the cache misses of all quotes overlap. */
static bool look_up(struct tn_exchange *exchange, uint32_t account,
                    const struct tn_mass_quote *command)
{
    uint32_t count = command->quotes_count;
    if (++exchange->stamp == 0) exchange->stamp = 1;
    for (uint32_t i = 0; i < count; i++) {
        struct judged *judged = &exchange->judged[i];
        judged->series = tn_exchange_find_series(exchange, command->quotes[i].series_id);
        if (judged->series == TN_NONE) continue;
        /* Its hash, until it is known. */
        judged->exposure = exposure_hash(exchange, account, judged->series);
        tn_index_prefetch(&exchange->exposure_index, judged->exposure);
        tn_book_prefetch_book(exchange->books, book_of(judged->series));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct judged *judged = &exchange->judged[i];
        judged->exposure = judged->series == TN_NONE
                               ? TN_NONE
                               : tn_index_guess(&exchange->exposure_index, judged->exposure);
        if (judged->exposure == TN_NONE) continue;
        tn_prefetch(&exchange->exposures[judged->exposure]);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct judged *judged = &exchange->judged[i];
        judged->is_plain = 0;
        if (judged->series == TN_NONE) {
            if (repeats_unknown(command, i)) return false;
            continue;
        }
        struct series *series = &exchange->series[judged->series];
        if (series->quote_stamp == exchange->stamp) return false;
        series->quote_stamp = exchange->stamp;
        judged->exposure =
            tn_exchange_confirm_exposure(exchange, judged->exposure, account, judged->series);
    }
    read_ahead(exchange, count);
    return true;
}

static enum tn_reject judge_command(struct tn_exchange *exchange, struct outcome *outcome,
                                    struct asked *asked, uint32_t *group)
{
    const struct tn_mass_quote *command = asked->command;
    *group = TN_NONE;
    if (command->quotes_count < 1 || command->quotes_count > TN_QUOTES_MAX) {
        return TN_REJECT_QUOTE_SIZE;
    }
    if (command->stp > TN_STP_DECREMENT) return TN_REJECT_STP_UNKNOWN;
    if (command->post_only > 1) return TN_REJECT_TERMS_CONFLICT;
    if (command->group != 0) {
        *group = tn_exchange_find_group(exchange, asked->account, command->group);
        if (*group == TN_NONE) return TN_REJECT_MMP_UNKNOWN;
        if (tn_exchange_group_frozen(exchange, &exchange->groups[*group])) {
            return TN_REJECT_MMP_FROZEN;
        }
    }
    asked->group = *group;
    asked->changes = exchange->changes;
    if (!look_up(exchange, asked->account, command)) return TN_REJECT_QUOTE_REPEATED;
    asked->levels_room = exchange->limits.levels_max - tn_book_levels_count(exchange->books);
    bool may_be_dead = exchange->accounts[asked->account].jobs_count > 0;
    for (uint32_t i = 0; i < command->quotes_count; i++) {
        struct judged *judged = &exchange->judged[i];
        const struct tn_quote *quote = &command->quotes[i];
        if (!may_be_dead && judge_plain(exchange, judged, asked, quote)) continue;
        find_present(exchange, judged);
        judge(exchange, judged, asked, quote);
    }
    return tn_exchange_admit(exchange, &outcome->money, asked->account, asked->required,
                             asked->changes, asked->changes_count);
}

/* ---- Second pass ---- */

/* What its QUOTED event will say of a side. */
struct told {
    uint64_t order_id;
    tn_ticks price;
    tn_lots quantity, remaining;
    uint16_t reject;
    uint8_t flags;
};

/* One quote on its way in. */
struct entering {
    const struct tn_mass_quote *command;
    const struct tn_quote *quote;
    struct judged *judged;
    uint32_t account, group;
    struct told told[2];
};

PER_SIDE void take_terms(struct tn_exchange *exchange, const struct entering *entering,
                         uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    order->label = entering->command->label;
    order->fee_max_ppm = entering->command->fee_max_ppm;
    order->stp = entering->command->stp;
    order->post = entering->command->post_only;
    if (order->group != entering->group) {
        tn_exchange_change_group(exchange, slot, entering->group);
    }
}

/* Sides that keep their place or are removed. True when the side is thereby done. */
static bool settle_quietly(struct tn_exchange *exchange, struct entering *entering, uint32_t side)
{
    struct told *report = &entering->told[side];
    uint32_t slot = entering->judged->present[side];
    tn_lots quantity = quantity_of(entering->quote, side);
    if (entering->judged->reject[side] != TN_REJECT_NONE) {
        report->reject = entering->judged->reject[side];
        return true;
    }
    if (quantity == 0) {
        if (slot != TN_NONE) {
            tn_exchange_drop(exchange, slot, TN_REASON_REQUOTED, TN_REJECT_NONE);
        }
        return true;
    }
    report->price = price_of(entering->quote, side);
    if (!keeps_place(exchange, slot, entering->quote, side)) return false;
    tn_lots cut = exchange->resting[slot].quantity - quantity;
    if (cut > 0) {
        tn_exchange_term_out(exchange, slot);
        tn_exchange_open_change(exchange, slot, -cut);
        tn_book_reduce(exchange->books, slot, quantity);
        tn_exchange_term_in(exchange, slot);
    }
    take_terms(exchange, entering, slot);
    tn_exchange_touch_order(exchange, slot);
    report->order_id = exchange->resting[slot].id;
    report->remaining = quantity;
    report->flags = TN_EVENT_KEPT_PLACE;
    return true;
}

static bool would_trade(const struct tn_exchange *exchange, const struct entering *entering,
                        uint32_t side)
{
    uint32_t series = entering->judged->series;
    if (exchange->series[series].status == TN_STATUS_AUCTION) return false;
    return tn_exchange_meets(exchange, series, (uint8_t)side, price_of(entering->quote, side));
}

/* A present quote that will not trade goes straight to its new place. */
static void shift(struct tn_exchange *exchange, struct entering *entering, uint32_t side)
{
    uint32_t slot = entering->judged->present[side];
    struct order *order = &exchange->orders[slot];
    tn_ticks price = price_of(entering->quote, side);
    tn_lots quantity = quantity_of(entering->quote, side);
    tn_exchange_term_out(exchange, slot);
    tn_exchange_open_change(exchange, slot, -exchange->resting[slot].quantity);
    bool moved = tn_book_move(exchange->books, slot, price, quantity);
    TN_ASSERT(moved);
    order->placed_mark = exchange->mark;
    order->reserve_per_lot = side == TN_BUY ? entering->judged->bid_reserve : 0;
    tn_exchange_open_change(exchange, slot, quantity);
    tn_exchange_term_in(exchange, slot);
    take_terms(exchange, entering, slot);
    entering->told[side].order_id = exchange->resting[slot].id;
    entering->told[side].remaining = quantity;
}

/* A side that is new, or may trade: runs and comes to rest. `slot` is lifted, or TN_NONE. */
static void enter(struct tn_exchange *exchange, struct entering *entering, uint32_t side,
                  uint32_t slot)
{
    const struct tn_mass_quote *command = entering->command;
    struct told *report = &entering->told[side];
    tn_ticks price = price_of(entering->quote, side);
    if (command->post_only && would_trade(exchange, entering, side)) {
        *report = (struct told){.reject = TN_REJECT_POST_ONLY_CROSSES};
        if (slot != TN_NONE) {
            tn_exchange_drop(exchange, slot, TN_REASON_REQUOTED, TN_REJECT_NONE);
        }
        return;
    }
    const struct series *series = &exchange->series[entering->judged->series];
    struct order cold = {
        .reserve_per_lot = side == TN_BUY ? entering->judged->bid_reserve : 0,
        .label = command->label,
        .fee_max_ppm = command->fee_max_ppm,
        .post = command->post_only,
        .stp = command->stp,
        .is_quote = 1,
        .side = (uint8_t)side,
        .has_more = 1,
    };
    struct running running = {
        .id = slot == TN_NONE ? ++exchange->last_order_id : exchange->resting[slot].id,
        .account = entering->account,
        .owner = exchange->accounts[entering->account].owner_index,
        .series = entering->judged->series,
        .exposure = entering->judged->exposure,
        .slot = slot,
        .limit = price,
        .open = quantity_of(entering->quote, side),
        .fee_max_ppm = command->fee_max_ppm,
        .side = (uint8_t)side,
        .stp = command->stp,
    };
    report->order_id = running.id;
    if (slot != TN_NONE) exchange->orders[slot].reserve_per_lot = cold.reserve_per_lot;
    if (series->status != TN_STATUS_AUCTION) tn_exchange_run(exchange, &running);
    report->remaining = tn_exchange_come_to_rest(exchange, &running, &cold);
    report->quantity = running.filled;
    if (report->remaining > 0) {
        exchange->exposures[running.exposure].quote[side] = running.slot;
        take_terms(exchange, entering, running.slot);
    }
}

static void enter_sides(struct tn_exchange *exchange, struct entering *entering,
                        const bool enters[2])
{
    uint32_t slot[2];
    bool trades = false;
    entering->judged->exposure = tn_exchange_pin_known(exchange, entering->judged->exposure,
                                                       entering->account, entering->judged->series);
    for (uint32_t side = 0; side < 2; side++) {
        slot[side] = entering->judged->present[side];
        trades |= enters[side] && would_trade(exchange, entering, side);
    }
    for (uint32_t side = 0; side < 2 && trades; side++) {
        if (enters[side] && slot[side] != TN_NONE) tn_exchange_lift(exchange, slot[side]);
    }
    for (uint32_t side = 0; side < 2; side++) {
        if (!enters[side]) continue;
        if (!trades && slot[side] != TN_NONE) {
            shift(exchange, entering, side);
        } else {
            enter(exchange, entering, side, slot[side]);
        }
    }
    tn_exchange_unpin_exposure(exchange, entering->judged->exposure);
}

/* A dead quote that a passed side would replace goes first, with the reason of its death. */
static void bury(struct tn_exchange *exchange, const struct judged *judged, uint32_t side)
{
    uint32_t slot = exchange->exposures[judged->exposure].quote[side];
    if (slot == TN_NONE || judged->reject[side] != TN_REJECT_NONE) return;
    enum tn_reason death = tn_exchange_death(exchange, slot);
    if (death) tn_exchange_drop(exchange, slot, death, TN_REJECT_NONE);
}

/* A refused side still has the quote it had, if the other side has not traded it away. */
static void describe_present(const struct tn_exchange *exchange, struct told *told,
                             uint32_t exposure, uint32_t side)
{
    uint32_t slot = exchange->exposures[exposure].quote[side];
    if (slot == TN_NONE || tn_exchange_death(exchange, slot)) return;
    told->order_id = exchange->resting[slot].id;
    told->remaining = exchange->resting[slot].quantity;
}

static void report_side(struct tn_exchange *exchange, const struct entering *entering,
                        uint32_t side, uint32_t index)
{
    const struct told *told = &entering->told[side];
    struct tn_event *event = emit(exchange, TN_EVENT_QUOTED);
    event->side = (uint8_t)side;
    event->flags = told->flags;
    event->reject = told->reject;
    event->account = entering->account;
    event->series_id = entering->quote->series_id;
    event->order_id = told->order_id;
    event->price = told->price;
    event->quantity = told->quantity;
    event->remaining = told->remaining;
    event->index = index;
}

/* Carries out one judged quote; returns how many sides stand as asked. */
static uint32_t carry_out(struct tn_exchange *exchange, struct entering *entering, uint32_t number)
{
    bool enters[2];
    uint32_t passed = 0;
    uint32_t pinned = entering->judged->exposure;
    bool may_be_dead = exchange->accounts[entering->account].jobs_count > 0;
    if (pinned != TN_NONE) exchange->exposures[pinned].orders_count++;
    for (uint32_t side = 0; side < 2; side++) {
        if (may_be_dead && pinned != TN_NONE) bury(exchange, entering->judged, side);
        entering->told[side] = (struct told){0};
        enters[side] = entering->judged->reject[side] != JUDGED_KEEP &&
                       !settle_quietly(exchange, entering, side);
    }
    if (enters[TN_BUY] || enters[TN_SELL]) enter_sides(exchange, entering, enters);
    for (uint32_t side = 0; side < 2; side++) {
        if (entering->judged->reject[side] == JUDGED_KEEP) continue;
        struct told *told = &entering->told[side];
        bool refused = entering->judged->reject[side] != TN_REJECT_NONE;
        if (refused && pinned != TN_NONE) describe_present(exchange, told, pinned, side);
        report_side(exchange, entering, side, 2 * number + side);
        passed += told->reject == TN_REJECT_NONE;
    }
    if (pinned != TN_NONE) tn_exchange_unpin_exposure(exchange, pinned);
    return passed;
}

/* ---- Second pass, plain quotes ---- */

/* Writes every field: clearing the event first costs as much again. */
PER_SIDE void report_plain_side(struct tn_exchange *exchange, const struct entering *entering,
                                const struct tn_resting *resting, uint8_t side, uint32_t index)
{
    TN_ASSERT(exchange->events_count < exchange->events_max);
    struct tn_event *event = &exchange->events[exchange->events_count++];
    event->kind = TN_EVENT_QUOTED;
    event->side = side;
    event->flags = entering->judged->keeps[side] ? TN_EVENT_KEPT_PLACE : 0;
    event->reason = 0;
    event->reject = TN_REJECT_NONE;
    event->duplicate = 0;
    event->account = entering->account;
    event->other_account = 0;
    event->series_id = entering->quote->series_id;
    event->order_id = resting->id;
    event->client_id = 0;
    event->price = price_of(entering->quote, side);
    event->quantity = 0;
    event->remaining = quantity_of(entering->quote, side);
    event->other_remaining = 0;
    event->fee = 0;
    event->index = index;
    event->other_index = 0;
}

/* Would take_terms change what the order's record says? A group is marked where it changes. */
PER_SIDE bool changes_terms(const struct order *order, const struct entering *entering)
{
    const struct tn_mass_quote *command = entering->command;
    return order->label != command->label || order->fee_max_ppm != command->fee_max_ppm ||
           order->stp != command->stp || order->post != command->post_only;
}

PER_SIDE void carry_out_plain_side(struct tn_exchange *exchange, const struct entering *entering,
                                   uint8_t side, uint32_t index)
{
    const struct judged *judged = entering->judged;
    uint32_t slot = judged->present[side];
    const struct tn_resting *resting = &exchange->resting[slot];
    struct order *order = &exchange->orders[slot];
    tn_ticks price = price_of(entering->quote, side);
    tn_lots before = resting->quantity;
    tn_lots quantity = quantity_of(entering->quote, side);
    bool stays = judged->keeps[side] && quantity == before;
    if (!stays || changes_terms(order, entering)) {
        tn_exchange_touch_order_of(exchange, slot, judged->series);
    }
    if (!stays) tn_exchange_term_out(exchange, slot);
    exchange->exposures[judged->exposure].open[side] += quantity - before;
    if (side == TN_BUY) {
        tn_micros freed = before * order->reserve_per_lot;
        if (!judged->keeps[side]) order->reserve_per_lot = judged->bid_reserve;
        exchange->accounts[entering->account].reserved += quantity * order->reserve_per_lot - freed;
    }
    if (!judged->keeps[side]) {
        bool moved = tn_book_move(exchange->books, slot, price, quantity);
        TN_ASSERT(moved);
        order->placed_mark = exchange->mark;
    } else if (quantity < before) {
        tn_book_reduce(exchange->books, slot, quantity);
    }
    if (!stays) {
        tn_exchange_held(exchange, judged->exposure);
        tn_exchange_term_in(exchange, slot);
    }
    take_terms(exchange, entering, slot);
    report_plain_side(exchange, entering, resting, side, index);
}

/* Carries out a plain quote; false, nothing done, when a side of it would trade. No pin: nothing
 * is taken out. */
static bool carry_out_plain(struct tn_exchange *exchange, const struct entering *entering,
                            uint32_t number)
{
    const struct judged *judged = entering->judged;
    const struct tn_quote *quote = entering->quote;
    if (!judged->is_plain) return false;
    bool trades = (!judged->keeps[TN_BUY] &&
                   tn_exchange_meets(exchange, judged->series, TN_BUY, quote->bid_price)) ||
                  (!judged->keeps[TN_SELL] &&
                   tn_exchange_meets(exchange, judged->series, TN_SELL, quote->ask_price));
    if (trades && exchange->series[judged->series].status != TN_STATUS_AUCTION) return false;
    if (judged->keeps[TN_SELL] && !judged->keeps[TN_BUY]) { /* what keeps its place joins first */
        tn_exchange_join_group(exchange, judged->present[TN_SELL], entering->group);
    }
    carry_out_plain_side(exchange, entering, TN_BUY, 2 * number);
    carry_out_plain_side(exchange, entering, TN_SELL, 2 * number + 1);
    return true;
}

void tn_exchange_mass_quote(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                            const struct tn_command *command)
{
    struct asked asked = {.command = &command->as.mass_quote, .account = account};
    struct entering entering = {.command = asked.command, .account = account};
    outcome->reject = judge_command(exchange, outcome, &asked, &entering.group);
    if (outcome->reject != TN_REJECT_NONE) return;
    for (uint32_t i = 0; i < asked.command->quotes_count; i++) {
        entering.quote = &asked.command->quotes[i];
        entering.judged = &exchange->judged[i];
        outcome->quantity +=
            carry_out_plain(exchange, &entering, i) ? 2 : carry_out(exchange, &entering, i);
    }
}
