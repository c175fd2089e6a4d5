/* The twin's single orders (§3, §5): PLACE, PLACE_OCO, REPLACE, CANCEL, MASS_CANCEL.
 *
 * A draft is an order that is not in the market yet; the checks fill in what it will enter with
 * (price, quantity, reserve) and leave everything else alone. */
#include "twin_internal.h"

static struct twin_outcome refuse(enum tn_reject reject)
{
    return (struct twin_outcome){.reject = reject};
}

static bool can_rest(uint8_t tif)
{
    return tif == TN_GTC || tif == TN_GTB || tif == TN_GTT;
}

/* §3.2. */
enum tn_reject twin_check_terms(const struct tn_order_terms *terms)
{
    if (terms->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    if (terms->type > TN_MARKET || terms->tif > TN_GTT) return TN_REJECT_TIF_UNKNOWN;
    if (terms->stp > TN_STP_DECREMENT) return TN_REJECT_STP_UNKNOWN;
    bool market = terms->type == TN_MARKET;
    bool at_once = !can_rest(terms->tif);
    if (terms->post > TN_POST_REPRICE || terms->reduce_only > 1) return TN_REJECT_TERMS_CONFLICT;
    if (market && !at_once) return TN_REJECT_TERMS_CONFLICT;
    if (terms->post != TN_POST_NO && (market || at_once || terms->trigger != 0)) {
        return TN_REJECT_TERMS_CONFLICT;
    }
    if (terms->display != 0 && (at_once || market || terms->reduce_only)) {
        return TN_REJECT_TERMS_CONFLICT;
    }
    if (terms->trigger != 0 && terms->tif == TN_FOK) return TN_REJECT_TERMS_CONFLICT;
    if (terms->until != 0 && terms->tif != TN_GTB && terms->tif != TN_GTT) {
        return TN_REJECT_TERMS_CONFLICT;
    }
    return TN_REJECT_NONE;
}

/* §3.5 to 3.7; can_rest: a limit order that may rest and waits for no trigger. */
enum tn_reject twin_check_admitted(const struct twin *twin, const struct twin_series *series,
                                   enum tn_action action, bool resting)
{
    if (!tn_status_admits((enum tn_status)series->status, action)) return TN_REJECT_SERIES_STATUS;
    if (series->status == TN_STATUS_AUCTION &&
        (!resting || twin_list_has(&twin->uncross_queue, series))) {
        return TN_REJECT_SERIES_STATUS;
    }
    const struct twin_underlying *underlying =
        twin_underlying(twin, tn_series_underlying(series->id));
    if (tn_series_kind(series->id) != TN_PERPETUAL &&
        twin->time_ms >= tn_series_expiry_ms(series->id) - underlying->terms.closing_ms) {
        return TN_REJECT_SERIES_CLOSING;
    }
    if (series->mark < 0 || underlying->index == 0) return TN_REJECT_NO_MARK;
    return TN_REJECT_NONE;
}

/* §3.9. */
enum tn_reject twin_check_fee(const struct twin *twin, uint64_t series_id, int32_t fee_max_ppm)
{
    const struct tn_fees *fees = twin_fees(twin, series_id);
    int32_t highest = fees->maker_ppm > fees->taker_ppm ? fees->maker_ppm : fees->taker_ppm;
    return highest > fee_max_ppm ? TN_REJECT_FEE_ABOVE_AGREED : TN_REJECT_NONE;
}

/* §3.10. */
static enum tn_reject check_trigger(const struct twin *twin, const struct twin_series *series,
                                    const struct twin_order *draft)
{
    const struct tn_contract *contract = twin_contract(twin, series->id);
    if (draft->trigger <= 0 || draft->trigger > contract->price_max ||
        !tn_tick_on(&contract->schedule, draft->trigger) ||
        twin_stop_reached(twin, series, draft)) {
        return TN_REJECT_TRIGGER_RANGE;
    }
    return TN_REJECT_NONE;
}

/* §3.11. */
enum tn_reject twin_check_price(const struct twin *twin, const struct twin_series *series,
                                struct twin_order *draft, bool enters)
{
    const struct tn_contract *contract = twin_contract(twin, series->id);
    if (draft->type == TN_MARKET && draft->price == 0) {
        if (!enters) return TN_REJECT_NONE;
        draft->price = twin_band_edge(twin, series, draft->side);
        return draft->price == 0 ? TN_REJECT_PRICE_OUT_OF_BAND : TN_REJECT_NONE;
    }
    if (draft->price < 1 || draft->price > contract->price_max) return TN_REJECT_PRICE_RANGE;
    if (!tn_tick_on(&contract->schedule, draft->price)) return TN_REJECT_PRICE_OFF_TICK;
    if (enters && !twin_in_band(twin, series, draft->side, draft->price)) {
        return TN_REJECT_PRICE_OUT_OF_BAND;
    }
    return TN_REJECT_NONE;
}

/* §3.12; `asked`: exposures promised to earlier parts of the command. */
enum tn_reject twin_check_exposure(const struct twin *twin, const struct twin_series *series,
                                   uint32_t account, uint32_t asked)
{
    if (twin_exposure(series, account) != NULL) return TN_REJECT_NONE;
    if (twin_exposures_count(twin, account) + asked >= twin->limits.exposures_per_account_max ||
        twin_exposures_count(twin, TN_NONE) + asked >= twin->limits.exposures_max) {
        return TN_REJECT_EXPOSURES_FULL;
    }
    return TN_REJECT_NONE;
}

/* §3.13. */
static enum tn_reject check_places(const struct twin *twin, uint32_t places)
{
    if (twin_orders_count(twin) + places > twin->limits.orders_max) return TN_REJECT_ORDERS_FULL;
    if (twin_levels_count(twin) + places > twin->limits.levels_max) return TN_REJECT_LEVELS_FULL;
    return TN_REJECT_NONE;
}

/* §3.14. */
static enum tn_reject clip_to_position(const struct twin *twin, const struct twin_series *series,
                                       struct twin_order *draft, const struct twin_order *self)
{
    tn_lots position = twin_position(series, draft->account);
    tn_lots room = draft->side == TN_SELL ? position : -position;
    if (room <= 0) return TN_REJECT_REDUCE_ONLY_NOTHING;
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        const struct twin_order *order = twin->orders.items[i];
        if (order == self || order->where != TWIN_BOOK || !order->reduce_only) continue;
        if (order->account != draft->account || order->series_id != series->id) continue;
        count++;
        room -= twin_open(order);
    }
    if (can_rest(draft->tif) && count >= twin->limits.reduce_only_max) {
        return TN_REJECT_REDUCE_ONLY_TOO_MANY;
    }
    if (room <= 0) return TN_REJECT_REDUCE_ONLY_NOTHING;
    if (draft->visible > room) draft->visible = room;
    return TN_REJECT_NONE;
}

bool twin_margin_ok(const struct twin *twin, uint32_t account, tn_i128 required,
                    tn_micros *shortfall)
{
    tn_i128 free_equity = twin_free_equity(twin, account);
    if (required <= 0 || free_equity >= required) return true;
    *shortfall = (tn_micros)(required - free_equity);
    return false;
}

/* §3.14 to 3.16. `self` is the order itself when it is in the book (REPLACE). */
enum tn_reject twin_check_entering(const struct twin *twin, const struct twin_series *series,
                                   struct twin_order *draft, const struct twin_order *self,
                                   tn_micros *shortfall)
{
    if (draft->reduce_only) {
        enum tn_reject reject = clip_to_position(twin, series, draft, self);
        if (reject != TN_REJECT_NONE) return reject;
    } else {
        tn_i128 position = twin_position(series, draft->account);
        tn_i128 sum = draft->side == TN_BUY ? position : -position;
        sum += twin_open_sum(twin, series->id, draft->account, draft->side);
        if (self != NULL) sum -= twin_open(self);
        if (sum + draft->visible > twin_contract(twin, series->id)->quantity_max) {
            return TN_REJECT_POSITION_LIMIT_VALUE;
        }
    }
    draft->reserve = twin_reserve_per_lot(twin, series, draft->side, draft->price);
    tn_i128 required = (tn_i128)draft->reserve * draft->visible;
    if (self != NULL) required -= (tn_i128)self->reserve * twin_open(self);
    if (!twin_margin_ok(twin, draft->account, required, shortfall)) return TN_REJECT_MARGIN_SHORT;
    return TN_REJECT_NONE;
}

/* §3.17. */
static enum tn_reject check_post(const struct twin *twin, const struct twin_series *series,
                                 struct twin_order *draft)
{
    if (draft->post == TN_POST_NO || series->status == TN_STATUS_AUCTION) return TN_REJECT_NONE;
    const struct tn_contract *contract = twin_contract(twin, series->id);
    const struct twin_order *best = twin_first(twin, series->id, 1 - draft->side);
    if (best == NULL) return TN_REJECT_NONE;
    if (draft->side == TN_BUY ? draft->price < best->price : draft->price > best->price) {
        return TN_REJECT_NONE;
    }
    if (draft->post == TN_POST_REJECT) return TN_REJECT_POST_ONLY_CROSSES;
    tn_ticks price = 0;
    if (draft->side == TN_BUY) {
        price = best->price == 1 ? 0 : tn_tick_floor(&contract->schedule, best->price - 1);
        if (price == 0) return TN_REJECT_POST_ONLY_CROSSES;
    } else {
        price = tn_tick_ceil(&contract->schedule, best->price + 1);
        if (price > contract->price_max) return TN_REJECT_POST_ONLY_CROSSES;
    }
    draft->price = price;
    draft->reserve = twin_reserve_per_lot(twin, series, draft->side, price);
    return TN_REJECT_NONE;
}

static struct twin_order draft_of(uint32_t account, const struct tn_order_terms *terms)
{
    return (struct twin_order){.series_id = terms->series_id,
                               .price = terms->price,
                               .trigger = terms->trigger,
                               .visible = terms->quantity,
                               .display = terms->display == terms->quantity ? 0 : terms->display,
                               .until = terms->until,
                               .account = account,
                               .label = terms->label,
                               .fee_max_ppm = terms->fee_max_ppm,
                               .side = terms->side,
                               .type = terms->type,
                               .tif = terms->tif,
                               .post = terms->post,
                               .reduce_only = terms->reduce_only,
                               .stp = terms->stp};
}

/* §3.1 to 3.9: what needs no draft but the terms. */
static enum tn_reject check_first(const struct twin *twin, const struct tn_order_terms *terms)
{
    const struct twin_series *series = twin_series(twin, terms->series_id);
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    enum tn_reject reject = twin_check_terms(terms);
    if (reject != TN_REJECT_NONE) return reject;
    if (terms->quantity < 1 || terms->quantity > twin_contract(twin, series->id)->quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    if (terms->display < 0 || terms->display > terms->quantity) return TN_REJECT_DISPLAY_RANGE;
    enum tn_action action = terms->trigger != 0         ? TN_ACTION_STOP
                            : terms->post != TN_POST_NO ? TN_ACTION_POST
                                                        : TN_ACTION_TAKE;
    bool resting = terms->type == TN_LIMIT && can_rest(terms->tif) && terms->trigger == 0;
    reject = twin_check_admitted(twin, series, action, resting);
    if (reject != TN_REJECT_NONE) return reject;
    if (terms->tif == TN_GTB && (terms->until < 0 || (uint64_t)terms->until < twin->height)) {
        return TN_REJECT_EXPIRY_PAST;
    }
    if (terms->tif == TN_GTT && terms->until <= twin->time_ms) return TN_REJECT_EXPIRY_PAST;
    return twin_check_fee(twin, series->id, terms->fee_max_ppm);
}

/* §3.1 to 3.18. */
static enum tn_reject check_order(struct twin *twin, const struct tn_order_terms *terms,
                                  struct twin_order *draft, uint32_t places, tn_micros *shortfall)
{
    enum tn_reject reject = check_first(twin, terms);
    if (reject != TN_REJECT_NONE) return reject;
    const struct twin_series *series = twin_series(twin, terms->series_id);
    bool enters = terms->trigger == 0;
    if (!enters) reject = check_trigger(twin, series, draft);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_price(twin, series, draft, enters);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_exposure(twin, series, draft->account, 0);
    if (reject != TN_REJECT_NONE) return reject;
    if (can_rest(terms->tif) || !enters) reject = check_places(twin, places);
    if (reject != TN_REJECT_NONE || !enters) return reject;
    reject = twin_check_entering(twin, series, draft, NULL, shortfall);
    if (reject != TN_REJECT_NONE) return reject;
    reject = check_post(twin, series, draft);
    if (reject != TN_REJECT_NONE) return reject;
    return terms->tif == TN_FOK ? twin_plan_fok(twin, draft) : TN_REJECT_NONE;
}

static void emit_accepted(struct twin *twin, const struct twin_order *order)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_ACCEPTED);
    event->account = order->account;
    event->series_id = order->series_id;
    event->side = order->side;
    event->order_id = order->id;
    event->client_id = order->client_id;
    event->quantity = order->visible;
    event->price = order->trigger != 0 ? order->trigger : order->price;
    event->flags = order->trigger != 0 ? TN_EVENT_STOP : 0;
}

/* Runs what may run; then it rests, or the rest of it is cancelled. FOK always matches by time. */
void twin_run_and_rest(struct twin *twin, struct twin_order *order)
{
    const struct twin_series *series = twin_series(twin, order->series_id);
    order->filled = 0;
    if (series->status != TN_STATUS_AUCTION) twin_run(twin, order, 0, order->tif == TN_FOK);
    if (order->where != TWIN_RUNNING) return;
    if (can_rest(order->tif)) {
        twin_rest(twin, order);
    } else {
        twin_cancel(twin, order, TN_REASON_IMMEDIATE);
    }
}

static struct twin_outcome outcome_of(const struct twin_order *order)
{
    struct twin_outcome outcome = {.order_id = order->id, .quantity = order->filled};
    if (order->where != TWIN_GONE) outcome.remaining = twin_open(order);
    return outcome;
}

static struct twin_order *accept(struct twin *twin, const struct twin_order *draft)
{
    struct twin_order *order = twin_enter(twin, draft);
    emit_accepted(twin, order);
    if (order->trigger != 0) order->where = TWIN_STOPS;
    return order;
}

struct twin_outcome twin_place(struct twin *twin, uint32_t account,
                               const struct tn_command *command)
{
    const struct tn_order_terms *terms = &command->as.terms[0];
    struct twin_order draft = draft_of(account, terms);
    draft.client_id = command->client_id;
    struct twin_outcome outcome = {0};
    outcome.reject = check_order(twin, terms, &draft, 1, &outcome.money);
    if (outcome.reject != TN_REJECT_NONE) return outcome;
    struct twin_order *order = accept(twin, &draft);
    if (order->where == TWIN_RUNNING) twin_run_and_rest(twin, order);
    outcome = outcome_of(order);
    outcome.created = true;
    return outcome;
}

struct twin_outcome twin_place_oco(struct twin *twin, uint32_t account,
                                   const struct tn_command *command)
{
    const struct tn_order_terms *terms = command->as.terms;
    if (terms[0].type != TN_LIMIT || !can_rest(terms[0].tif) || terms[0].trigger != 0 ||
        terms[1].trigger == 0 || terms[0].series_id != terms[1].series_id ||
        terms[0].side != terms[1].side || terms[0].reduce_only || terms[1].reduce_only) {
        return refuse(TN_REJECT_TERMS_CONFLICT);
    }
    struct twin_order first = draft_of(account, &terms[0]);
    struct twin_order second = draft_of(account, &terms[1]);
    first.client_id = command->client_id;
    struct twin_outcome outcome = {0};
    outcome.reject = check_order(twin, &terms[0], &first, 2, &outcome.money);
    if (outcome.reject == TN_REJECT_NONE) {
        outcome.reject = check_order(twin, &terms[1], &second, 2, &outcome.money);
    }
    if (outcome.reject != TN_REJECT_NONE) return outcome;
    struct twin_order *order = accept(twin, &first);
    struct twin_order *stop = accept(twin, &second);
    order->sibling = stop->id;
    stop->sibling = order->id;
    twin_run_and_rest(twin, order);
    outcome = outcome_of(order);
    outcome.created = true;
    return outcome;
}

/* The living order a command names; NULL also when it is dead. */
static struct twin_order *named(const struct twin *twin, uint32_t account,
                                const struct tn_order_ref *ref)
{
    uint64_t id = ref->order_id;
    if (id == 0 && ref->client_id != 0) {
        const struct twin_result *result = twin_result(twin, account, ref->client_id);
        if (result != NULL) id = result->order_id;
    }
    struct twin_order *order = id == 0 ? NULL : twin_order(twin, id);
    if (order == NULL || order->account != account || twin_death(twin, order) != 0) return NULL;
    return order;
}

static void emit_replaced(struct twin *twin, const struct twin_order *order, uint8_t flags)
{
    struct tn_event *event = twin_emit(twin, TN_EVENT_REPLACED);
    event->account = order->account;
    event->series_id = order->series_id;
    event->side = order->side;
    event->order_id = order->id;
    event->price = order->price;
    event->quantity = twin_open(order);
    event->flags = flags;
}

static struct twin_outcome keep_place(struct twin *twin, struct twin_order *order, tn_lots quantity)
{
    tn_lots cut = twin_open(order) - quantity;
    tn_lots hidden_cut = cut < order->hidden ? cut : order->hidden;
    order->hidden -= hidden_cut;
    order->visible -= cut - hidden_cut;
    order->filled = 0;
    emit_replaced(twin, order, TN_EVENT_KEPT_PLACE);
    return outcome_of(order);
}

static enum tn_reject check_replace(struct twin *twin, struct twin_order *draft,
                                    const struct twin_order *order, tn_micros *shortfall)
{
    const struct twin_series *series = twin_series(twin, order->series_id);
    enum tn_action action = order->post != TN_POST_NO ? TN_ACTION_POST : TN_ACTION_TAKE;
    enum tn_reject reject = twin_check_admitted(twin, series, action, true);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_fee(twin, series->id, order->fee_max_ppm);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_price(twin, series, draft, true);
    if (reject != TN_REJECT_NONE) return reject;
    if (twin_levels_count(twin) >= twin->limits.levels_max) return TN_REJECT_LEVELS_FULL;
    reject = twin_check_entering(twin, series, draft, order, shortfall);
    if (reject != TN_REJECT_NONE) return reject;
    return check_post(twin, series, draft);
}

struct twin_outcome twin_replace(struct twin *twin, uint32_t account,
                                 const struct tn_command *command)
{
    tn_lots quantity = command->as.replace.quantity;
    struct twin_order *order = named(twin, account, &command->as.replace.ref);
    if (order == NULL) return refuse(TN_REJECT_ORDER_UNKNOWN);
    if (order->quote || order->where == TWIN_STOPS) return refuse(TN_REJECT_REPLACE_UNCHANGEABLE);
    if (quantity < 1 || quantity > twin_contract(twin, order->series_id)->quantity_max) {
        return refuse(TN_REJECT_QUANTITY_RANGE);
    }
    if (command->as.replace.price == order->price && quantity <= twin_open(order)) {
        return keep_place(twin, order, quantity);
    }
    struct twin_order draft = *order;
    draft.price = command->as.replace.price;
    draft.visible = quantity;
    draft.hidden = 0;
    struct twin_outcome outcome = {0};
    outcome.reject = check_replace(twin, &draft, order, &outcome.money);
    if (outcome.reject != TN_REJECT_NONE) return outcome;
    *order = draft;
    order->where = TWIN_RUNNING;
    emit_replaced(twin, order, 0);
    twin_run_and_rest(twin, order);
    return outcome_of(order);
}

struct twin_outcome twin_cancel_command(struct twin *twin, uint32_t account,
                                        const struct tn_command *command)
{
    struct twin_order *order = named(twin, account, &command->as.cancel);
    if (order == NULL) return refuse(TN_REJECT_ORDER_UNKNOWN);
    twin_cancel(twin, order, TN_REASON_REQUEST);
    return (struct twin_outcome){.order_id = order->id};
}

static uint32_t orders_of(const struct twin *twin, uint32_t account)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        count += ((const struct twin_order *)twin->orders.items[i])->account == account;
    }
    return count;
}

static struct twin_order *order_from(const struct twin *twin, uint32_t account, uint64_t id)
{
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (order->account == account && order->id >= id) return order;
    }
    return NULL;
}

struct twin_outcome twin_mass_cancel(struct twin *twin, uint32_t account,
                                     const struct tn_command *command)
{
    const struct tn_mass_cancel *conditions = &command->as.mass_cancel;
    if (conditions->by & ~TN_BY_ALL) return refuse(TN_REJECT_TERMS_CONFLICT);
    if ((conditions->by & TN_BY_SIDE) && conditions->side > TN_SELL) {
        return refuse(TN_REJECT_SIDE_UNKNOWN);
    }
    if (orders_of(twin, account) > twin->limits.cancels_max &&
        twin->jobs.count >= twin->limits.jobs_max) {
        return refuse(TN_REJECT_JOBS_FULL);
    }
    uint32_t events_before = twin->events_count;
    uint64_t id = 0;
    struct twin_order *order = NULL;
    for (uint32_t looked = 0; looked < twin->limits.cancels_max; looked++) {
        order = order_from(twin, account, id);
        if (order == NULL) break;
        id = order->id + 1;
        if (twin_meant(conditions, order)) twin_cancel(twin, order, TN_REASON_MASS_CANCEL);
    }
    struct twin_outcome outcome = {.quantity = twin->events_count - events_before};
    order = order_from(twin, account, id);
    if (order == NULL) return outcome;
    struct twin_job *job = twin_allocate(sizeof(*job));
    job->conditions = *conditions;
    job->account = account;
    job->next_id = id;
    job->last_id = twin->last_order_id;
    twin_list_add(&twin->jobs, job);
    outcome.remaining = 1;
    return outcome;
}
