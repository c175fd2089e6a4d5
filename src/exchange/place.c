/* place: new orders, alone or as a pair of which one cancels the other (§3).
 *
 * Everything that can say no is asked before the order exists. Then it takes an id, runs, and what
 * is left of it rests, waits or is cancelled. tn_exchange_come_to_rest is the end of every run: of
 * new orders, replaced ones, quotes and triggered stops. */
#include "exchange/internal.h"

/* One order on its way in. */
struct entrant {
    struct running running;
    struct order cold;
    tn_micros shortfall;
    tn_ticks trigger;
};

static bool can_rest(const struct tn_order_terms *terms)
{
    return terms->tif == TN_GTC || terms->tif == TN_GTB || terms->tif == TN_GTT;
}

/* 2, the last part: terms that exclude each other. */
static bool terms_conflict(const struct tn_order_terms *terms)
{
    bool market = terms->type == TN_MARKET;
    bool immediate = terms->tif == TN_IOC || terms->tif == TN_FOK;
    if (terms->post > TN_POST_REPRICE || terms->reduce_only > 1) return true;
    if (market && !immediate) return true;
    if (terms->post != TN_POST_NO && (immediate || terms->trigger != 0)) return true;
    if (terms->display != 0 && (immediate || terms->reduce_only)) return true;
    if (terms->trigger != 0 && terms->tif == TN_FOK) return true;
    return terms->until != 0 && terms->tif != TN_GTB && terms->tif != TN_GTT;
}

/* 2 to 4 */
static enum tn_reject check_shape(const struct tn_order_terms *terms, const struct series *series)
{
    if (terms->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    if (terms->type > TN_MARKET || terms->tif > TN_GTT) return TN_REJECT_TIF_UNKNOWN;
    if (terms->stp > TN_STP_DECREMENT) return TN_REJECT_STP_UNKNOWN;
    if (terms_conflict(terms)) return TN_REJECT_TERMS_CONFLICT;
    if (terms->quantity < 1 || terms->quantity > series->terms->contract.quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    if (terms->display < 0 || terms->display > terms->quantity) return TN_REJECT_DISPLAY_RANGE;
    return TN_REJECT_NONE;
}

/* 5 to 9 */
static enum tn_reject check_moment(const struct tn_exchange *exchange,
                                   const struct tn_order_terms *terms, const struct series *series)
{
    enum tn_action action = terms->trigger != 0         ? TN_ACTION_STOP
                            : terms->post != TN_POST_NO ? TN_ACTION_POST
                                                        : TN_ACTION_TAKE;
    enum tn_reject reject = tn_exchange_check_status(series, action);
    if (reject != TN_REJECT_NONE) return reject;
    if (series->status == TN_STATUS_AUCTION && !can_rest(terms)) return TN_REJECT_SERIES_STATUS;
    if (exchange->time_ms >= series->closing_at_ms) return TN_REJECT_SERIES_CLOSING;
    if (!tn_exchange_is_marked(series)) return TN_REJECT_NO_MARK;
    if (terms->tif == TN_GTB && (terms->until < 0 || (uint64_t)terms->until < exchange->height)) {
        return TN_REJECT_EXPIRY_PAST;
    }
    if (terms->tif == TN_GTT && terms->until <= exchange->time_ms) return TN_REJECT_EXPIRY_PAST;
    return tn_exchange_check_fee(series, terms->fee_max_ppm);
}

/* 10 and 11: sets the trigger and the limit. */
static enum tn_reject check_prices(struct entrant *entrant, const struct tn_order_terms *terms,
                                   const struct series *series)
{
    bool enters = terms->trigger == 0;
    const struct tn_contract *contract = &series->terms->contract;
    if (!enters) {
        if (terms->trigger < 1 || terms->trigger > contract->price_max ||
            !tn_tick_on(&contract->schedule, terms->trigger) ||
            tn_exchange_stop_reached(series, terms->side, terms->trigger)) {
            return TN_REJECT_TRIGGER_RANGE;
        }
    }
    entrant->trigger = terms->trigger;
    entrant->running.limit = terms->price;
    if (terms->type == TN_MARKET && terms->price == 0) {
        if (!enters) return TN_REJECT_NONE;
        return tn_exchange_band_edge(&entrant->running.limit, series, terms->side);
    }
    return tn_exchange_check_price(series, terms->side, terms->price, enters);
}

static void fill_in(struct tn_exchange *exchange, struct entrant *entrant, uint32_t account,
                    uint32_t series, const struct tn_order_terms *terms,
                    const struct tn_exchange_ahead *ahead)
{
    entrant->running = (struct running){
        .account = account,
        .owner = exchange->accounts[account].owner_index,
        .series = series,
        .exposure = tn_exchange_renew_exposure(exchange, ahead->exposure, account, series),
        .slot = TN_NONE,
        .level = tn_book_way_level(&ahead->way),
        .limit = entrant->running.limit,
        .open = terms->quantity,
        .fee_max_ppm = terms->fee_max_ppm,
        .side = terms->side,
        .stp = terms->stp,
        .fifo = terms->tif == TN_FOK,
    };
    struct order *cold = &entrant->cold;
    CLEAR_IN_HALVES(cold);
    cold->until = terms->until;
    cold->display = terms->display == terms->quantity ? 0 : terms->display;
    cold->limit_price = entrant->running.limit;
    cold->label = terms->label;
    cold->fee_max_ppm = terms->fee_max_ppm;
    cold->type = terms->type;
    cold->tif = terms->tif;
    cold->post = terms->post;
    cold->reduce_only = terms->reduce_only;
    cold->stp = terms->stp;
    cold->waiting = terms->trigger != 0;
    cold->side = terms->side;
    cold->has_more = 1;
}

/* 14 to 18, for an order that enters the book now. */
static enum tn_reject check_entering(struct tn_exchange *exchange, struct entrant *entrant)
{
    struct running *running = &entrant->running;
    const struct series *series = &exchange->series[running->series];
    enum tn_reject reject =
        tn_exchange_check_entry(exchange, running, TN_NONE, &entrant->cold.reserve_per_lot,
                                &entrant->shortfall, &entrant->cold);
    if (reject != TN_REJECT_NONE) return reject;
    if (entrant->cold.post != TN_POST_NO) {
        reject = tn_exchange_check_post(exchange, running, entrant->cold.post);
        if (reject != TN_REJECT_NONE) return reject;
    }
    if (entrant->cold.limit_price != running->limit) {
        entrant->cold.limit_price = running->limit;
        entrant->cold.reserve_per_lot =
            tn_exchange_reserve_per_lot(series, running->side, running->limit);
    }
    if (entrant->cold.tif == TN_FOK) return tn_exchange_plan_fok(exchange, running);
    return TN_REJECT_NONE;
}

/* 1 to 18. `places` is how many orders this command would leave. */
static enum tn_reject check_order(struct tn_exchange *exchange, struct entrant *entrant,
                                  uint32_t account, const struct tn_order_terms *terms,
                                  uint32_t places, const struct tn_exchange_ahead *ahead)
{
    entrant->shortfall = 0;
    uint32_t slot = tn_exchange_confirm_series(exchange, ahead->series, terms->series_id);
    if (slot == TN_NONE) return TN_REJECT_SERIES_UNKNOWN;
    const struct series *series = &exchange->series[slot];
    enum tn_reject reject = check_shape(terms, series);
    if (reject == TN_REJECT_NONE) reject = check_moment(exchange, terms, series);
    if (reject == TN_REJECT_NONE) reject = check_prices(entrant, terms, series);
    if (reject != TN_REJECT_NONE) return reject;
    fill_in(exchange, entrant, account, slot, terms, ahead);
    if (entrant->running.exposure == TN_NONE && !tn_exchange_exposure_fits(exchange, account, 0)) {
        return TN_REJECT_EXPOSURES_FULL;
    }
    if (can_rest(terms) || terms->trigger != 0) {
        reject = tn_exchange_check_room(exchange, places, places);
        if (reject == TN_REJECT_NONE) {
            reject = tn_exchange_check_standard_orders(exchange, account, places);
        }
        if (reject != TN_REJECT_NONE) return reject;
    }
    return terms->trigger != 0 ? TN_REJECT_NONE : check_entering(exchange, entrant);
}

/* The steps of an order that has passed, inline whatever gcc thinks of it: each takes all of them.
 */
#define STEP_OF_ORDER static inline __attribute__((always_inline))

/* The order exists from here on. */
STEP_OF_ORDER void accept(struct tn_exchange *exchange, struct entrant *entrant, uint64_t client_id)
{
    struct running *running = &entrant->running;
    running->id = ++exchange->last_order_id;
    if (running->id % 8 == 0) tn_book_prefetch(exchange->books, running->id + 8);
    running->exposure =
        tn_exchange_pin_known(exchange, running->exposure, running->account, running->series);
    struct tn_event *event = emit(exchange, TN_EVENT_ACCEPTED);
    event->side = running->side;
    event->flags = entrant->cold.waiting ? TN_EVENT_STOP : 0;
    event->account = running->account;
    event->series_id = exchange->series[running->series].id;
    event->order_id = running->id;
    event->client_id = client_id;
    event->price = entrant->cold.waiting ? entrant->trigger : running->limit;
    event->quantity = running->open;
}

/* Every run ends here: what is left rests, or the order is gone. Returns what rests. */
tn_lots tn_exchange_come_to_rest(struct tn_exchange *exchange, struct running *running,
                                 const struct order *cold)
{
    bool immediate = cold->tif == TN_IOC || cold->tif == TN_FOK;
    if (running->open > 0 && !running->ended && immediate) {
        tn_exchange_end_running(exchange, running, TN_REASON_IMMEDIATE);
    }
    if (running->open == 0 || running->ended) {
        if (running->slot != TN_NONE) tn_exchange_remove(exchange, running->slot);
        return 0;
    }
    if (running->slot == TN_NONE) {
        running->slot = tn_exchange_rest(exchange, running, cold, book_of(running->series),
                                         (enum tn_side)running->side, running->limit);
    } else {
        tn_exchange_land(exchange, running->slot, running->limit, running->open);
    }
    return running->open;
}

static void wait_for_trigger(struct tn_exchange *exchange, struct entrant *entrant)
{
    struct running *running = &entrant->running;
    running->slot = tn_exchange_rest(exchange, running, &entrant->cold, stops_of(running->series),
                                     stop_side(running->side), entrant->trigger);
}

STEP_OF_ORDER void run_entrant(struct tn_exchange *exchange, struct entrant *entrant,
                               struct outcome *outcome)
{
    struct running *running = &entrant->running;
    outcome->order_id = running->id;
    if (entrant->cold.waiting) {
        wait_for_trigger(exchange, entrant);
        outcome->remaining = running->open;
    } else {
        if (exchange->series[running->series].status != TN_STATUS_AUCTION) {
            tn_exchange_run(exchange, running);
        }
        outcome->remaining = tn_exchange_come_to_rest(exchange, running, &entrant->cold);
        outcome->quantity = running->filled;
    }
    outcome->created = outcome->remaining > 0 ? running->slot : TN_NONE;
    tn_exchange_unpin_exposure(exchange, running->exposure);
}

void tn_exchange_place(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                       const struct tn_command *command, const struct tn_exchange_ahead *ahead)
{
    struct entrant entrant; /* filled in as the checks pass */
    outcome->reject = check_order(exchange, &entrant, account, &command->as.terms[0], 1, ahead);
    if (outcome->reject != TN_REJECT_NONE) {
        outcome->money = entrant.shortfall;
        return;
    }
    accept(exchange, &entrant, command->client_id);
    run_entrant(exchange, &entrant, outcome);
}

static bool pair_conflicts(const struct tn_order_terms *terms)
{
    return terms[0].type != TN_LIMIT || !can_rest(&terms[0]) || terms[0].trigger != 0 ||
           terms[1].trigger == 0 || terms[0].series_id != terms[1].series_id ||
           terms[0].side != terms[1].side || terms[0].reduce_only != 0 || terms[1].reduce_only != 0;
}

void tn_exchange_place_oco(struct tn_exchange *exchange, struct outcome *outcome, uint32_t account,
                           const struct tn_command *command)
{
    static const struct tn_exchange_ahead nothing = {
        .series = TN_NONE, .exposure = TN_NONE, .way.step = TN_NONE};
    const struct tn_order_terms *terms = command->as.terms;
    struct entrant first, stop;
    if (pair_conflicts(terms)) {
        outcome->reject = TN_REJECT_TERMS_CONFLICT;
        return;
    }
    outcome->reject = check_order(exchange, &first, account, &terms[0], 2, &nothing);
    if (outcome->reject == TN_REJECT_NONE) {
        outcome->reject = check_order(exchange, &stop, account, &terms[1], 2, &nothing);
    }
    if (outcome->reject != TN_REJECT_NONE) {
        outcome->money = first.shortfall;
        return;
    }
    accept(exchange, &first, command->client_id);
    accept(exchange, &stop, 0);
    first.running.sibling_id = stop.running.id;
    stop.running.sibling_id = first.running.id;
    wait_for_trigger(exchange, &stop);
    tn_exchange_unpin_exposure(exchange, stop.running.exposure);
    run_entrant(exchange, &first, outcome);
}
