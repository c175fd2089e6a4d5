/* The twin's quotes (§6): protection groups, and the mass quote in its two passes: every side is
 * judged before any side enters. */
#include "twin_internal.h"

#include <stdlib.h>

/* One side of one quote on its way through the command. */
struct side_state {
    bool keep;
    enum tn_reject reject; /* of the judgement, then of the entry */
    bool is_new;           /* passed so far, quantity > 0 */
    tn_ticks price;
    tn_lots quantity;
    struct twin_order *present;  /* NULL when there is none */
    struct twin_order *lifted;   /* out of the book, to enter again */
    struct twin_order *standing; /* what the QUOTED event tells of */
    bool kept_place;
};

struct asked {
    uint32_t orders, levels;
    struct twin_list exposures; /* series asked for */
};

static struct twin_outcome refuse(enum tn_reject reject)
{
    return (struct twin_outcome){.reject = reject};
}

struct twin_order *twin_present_quote(const struct twin *twin, uint64_t series_id, uint32_t account,
                                      int side)
{
    for (uint32_t i = 0; i < twin->orders.count; i++) {
        struct twin_order *order = twin->orders.items[i];
        if (order->quote && order->where == TWIN_BOOK && order->series_id == series_id &&
            order->account == account && order->side == side) {
            return order;
        }
    }
    return NULL;
}

/* The present quote; a dead one counts as none. */
static struct twin_order *living_quote(const struct twin *twin, uint64_t series_id,
                                       uint32_t account, int side)
{
    struct twin_order *quote = twin_present_quote(twin, series_id, account, side);
    return quote == NULL || twin_death(twin, quote) != 0 ? NULL : quote;
}

/* The checks on a side alone, up to its price. */
static enum tn_reject judge_alone(const struct twin *twin, const struct tn_mass_quote *command,
                                  const struct twin_series *series, const struct side_state *state,
                                  int side)
{
    if (series == NULL) return TN_REJECT_SERIES_UNKNOWN;
    if (state->quantity == 0) return TN_REJECT_NONE;
    const struct tn_contract *contract = twin_contract(twin, series->id);
    if (state->quantity < 0 || state->quantity > contract->quantity_max) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    enum tn_reject reject = twin_check_admitted(
        twin, series, command->post_only ? TN_ACTION_POST : TN_ACTION_TAKE, true);
    if (reject != TN_REJECT_NONE) return reject;
    reject = twin_check_fee(twin, series->id, command->fee_max_ppm);
    if (reject != TN_REJECT_NONE) return reject;
    struct twin_order draft = {.price = state->price, .side = (uint8_t)side, .type = TN_LIMIT};
    return twin_check_price(twin, series, &draft, true);
}

/* The price that will stand on a side, 0 when none. */
static tn_ticks will_stand(const struct side_state *state)
{
    if (!state->keep && state->reject == TN_REJECT_NONE) {
        return state->quantity > 0 ? state->price : 0;
    }
    return state->present == NULL ? 0 : state->present->price;
}

static bool keeps_place(const struct side_state *state)
{
    return state->is_new && state->present != NULL && state->present->price == state->price &&
           state->quantity <= twin_open(state->present);
}

/* The checks on what a new side asks of the exchange; one that keeps its place asks for
 * nothing; passed sides add to `asked`. */
static enum tn_reject judge_room(const struct twin *twin, const struct twin_series *series,
                                 uint32_t account, const struct side_state *state, int side,
                                 struct asked *asked)
{
    if (keeps_place(state)) return TN_REJECT_NONE;
    bool asks_exposure =
        twin_exposure(series, account) == NULL && !twin_list_has(&asked->exposures, series);
    if (asks_exposure) {
        enum tn_reject reject = twin_check_exposure(twin, series, account, asked->exposures.count);
        if (reject != TN_REJECT_NONE) return reject;
    }
    if (state->present == NULL &&
        twin_orders_count(twin) + asked->orders >= twin->limits.orders_max) {
        return TN_REJECT_ORDERS_FULL;
    }
    if (twin_levels_count(twin) + asked->levels >= twin->limits.levels_max) {
        return TN_REJECT_LEVELS_FULL;
    }
    tn_i128 position = twin_position(series, account);
    tn_i128 sum = side == TN_BUY ? position : -position;
    sum += twin_open_sum(twin, series->id, account, side);
    if (state->present != NULL) sum -= twin_open(state->present);
    if (sum + state->quantity > twin_contract(twin, series->id)->quantity_max) {
        return TN_REJECT_POSITION_LIMIT_VALUE;
    }
    if (asks_exposure) twin_list_add(&asked->exposures, (void *)(uintptr_t)series);
    asked->orders += state->present == NULL;
    asked->levels++;
    return TN_REJECT_NONE;
}

static void judge_quote(const struct twin *twin, uint32_t account,
                        const struct tn_mass_quote *command, const struct tn_quote *quote,
                        struct side_state states[2], struct asked *asked)
{
    const struct twin_series *series = twin_series(twin, quote->series_id);
    for (int side = TN_BUY; side <= TN_SELL; side++) {
        struct side_state *state = &states[side];
        state->price = side == TN_BUY ? quote->bid_price : quote->ask_price;
        state->quantity = side == TN_BUY ? quote->bid_quantity : quote->ask_quantity;
        state->keep = state->quantity == TN_QUOTE_KEEP;
        state->present = living_quote(twin, quote->series_id, account, side);
        if (state->keep) continue;
        state->reject = judge_alone(twin, command, series, state, side);
        state->is_new = state->reject == TN_REJECT_NONE && state->quantity > 0;
    }
    tn_ticks bid = will_stand(&states[TN_BUY]);
    tn_ticks ask = will_stand(&states[TN_SELL]);
    for (int side = TN_BUY; side <= TN_SELL; side++) {
        if (!states[side].is_new || bid == 0 || ask == 0 || bid < ask) continue;
        states[side].reject = TN_REJECT_QUOTE_CROSSED;
        states[side].is_new = false;
    }
    for (int side = TN_BUY; side <= TN_SELL; side++) {
        if (!states[side].is_new) continue;
        states[side].reject = judge_room(twin, series, account, &states[side], side, asked);
        states[side].is_new = states[side].reject == TN_REJECT_NONE;
    }
}

/* §7 over the passed sides: new reserves less old ones. */
static tn_i128 required_of(const struct twin *twin, const struct tn_mass_quote *command,
                           struct side_state (*states)[2])
{
    tn_i128 required = 0;
    for (uint32_t i = 0; i < command->quotes_count; i++) {
        const struct twin_series *series = twin_series(twin, command->quotes[i].series_id);
        for (int side = TN_BUY; side <= TN_SELL; side++) {
            const struct side_state *state = &states[i][side];
            if (state->keep || state->reject != TN_REJECT_NONE) continue;
            if (state->present != NULL) {
                required -= (tn_i128)state->present->reserve * twin_open(state->present);
            }
            if (!state->is_new) continue;
            tn_micros reserve = keeps_place(state)
                                    ? state->present->reserve
                                    : twin_reserve_per_lot(twin, series, side, state->price);
            required += (tn_i128)reserve * state->quantity;
        }
    }
    return required;
}

/* What every passed side takes over from its command, whether it moves or not. */
static void take_terms(struct twin_order *order, const struct tn_mass_quote *command)
{
    if (order->group != command->group) order->joined = 0;
    order->post = command->post_only;
    order->label = command->label;
    order->fee_max_ppm = command->fee_max_ppm;
    order->group = command->group;
    order->stp = command->stp;
}

/* A quote that stands and is not in its group yet joins it. */
static void join_group(struct twin *twin, struct twin_order *order)
{
    if (order->group == 0 || order->joined != 0 || order->where != TWIN_BOOK) return;
    order->joined = ++twin->joins;
}

/* Takes what will move out of the book, before either side enters. */
static void lift_side(struct twin *twin, uint32_t account, const struct tn_mass_quote *command,
                      uint64_t series_id, struct side_state *state, int side)
{
    if (state->keep || state->reject != TN_REJECT_NONE) return;
    struct twin_order *dead = twin_present_quote(twin, series_id, account, side);
    if (dead != NULL && dead != state->present) twin_cancel(twin, dead, twin_death(twin, dead));
    if (keeps_place(state)) {
        state->present->visible = state->quantity;
        state->present->filled = 0;
        state->kept_place = true;
        state->standing = state->present;
        take_terms(state->present, command);
        join_group(twin, state->present);
    } else if (state->present != NULL && state->quantity == 0) {
        twin_cancel(twin, state->present, TN_REASON_REQUOTED);
    } else if (state->present != NULL) {
        state->lifted = state->present;
        state->lifted->where = TWIN_RUNNING;
    }
}

static bool would_trade(const struct twin *twin, const struct twin_series *series, int side,
                        tn_ticks price)
{
    if (series->status == TN_STATUS_AUCTION) return false;
    const struct twin_order *best = twin_first(twin, series->id, 1 - side);
    if (best == NULL) return false;
    return side == TN_BUY ? price >= best->price : price <= best->price;
}

static bool enters(const struct side_state *state)
{
    return state->is_new && !state->kept_place;
}

static void enter_side(struct twin *twin, uint32_t account, const struct tn_mass_quote *command,
                       struct twin_series *series, struct side_state *state, int side)
{
    if (!enters(state)) return;
    struct twin_order *order = state->lifted;
    if (command->post_only && would_trade(twin, series, side, state->price)) {
        state->reject = TN_REJECT_POST_ONLY_CROSSES;
        if (order != NULL) twin_cancel(twin, order, TN_REASON_REQUOTED);
        return;
    }
    if (order == NULL) {
        struct twin_order draft = {.series_id = series->id,
                                   .account = account,
                                   .side = (uint8_t)side,
                                   .visible = state->quantity,
                                   .quote = 1};
        order = twin_enter(twin, &draft);
    }
    take_terms(order, command);
    order->price = state->price;
    order->visible = state->quantity;
    order->reserve = twin_reserve_per_lot(twin, series, side, state->price);
    twin_run_and_rest(twin, order);
    join_group(twin, order);
    state->standing = order;
}

static void tell_side(struct twin *twin, uint32_t account, const struct tn_quote *quote,
                      uint32_t index, int side, const struct side_state *state)
{
    if (state->keep) return;
    struct tn_event *event = twin_emit(twin, TN_EVENT_QUOTED);
    event->account = account;
    event->series_id = quote->series_id;
    event->side = (uint8_t)side;
    event->index = 2 * index + (uint32_t)side;
    event->reject = (uint16_t)state->reject;
    if (state->reject != TN_REJECT_NONE) {
        const struct twin_order *present = living_quote(twin, quote->series_id, account, side);
        if (present == NULL) return;
        event->order_id = present->id;
        event->remaining = twin_open(present);
        return;
    }
    if (state->standing == NULL) return;
    event->order_id = state->standing->id;
    event->price = state->price;
    event->quantity = state->standing->filled;
    if (state->standing->where != TWIN_GONE) event->remaining = twin_open(state->standing);
    if (state->kept_place) event->flags = TN_EVENT_KEPT_PLACE;
}

static enum tn_reject check_command(const struct twin *twin, uint32_t account,
                                    const struct tn_mass_quote *command)
{
    if (command->quotes_count < 1 || command->quotes_count > TN_QUOTES_MAX) {
        return TN_REJECT_QUOTE_SIZE;
    }
    if (command->stp > TN_STP_DECREMENT) return TN_REJECT_STP_UNKNOWN;
    if (command->post_only > 1) return TN_REJECT_TERMS_CONFLICT;
    if (command->group != 0) {
        const struct twin_group *group = twin_group(twin, account, command->group);
        if (group == NULL) return TN_REJECT_MMP_UNKNOWN;
        if (twin_frozen(twin, group)) return TN_REJECT_MMP_FROZEN;
    }
    for (uint32_t i = 0; i < command->quotes_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (command->quotes[i].series_id == command->quotes[j].series_id) {
                return TN_REJECT_QUOTE_REPEATED;
            }
        }
    }
    return TN_REJECT_NONE;
}

static tn_lots enter_quotes(struct twin *twin, uint32_t account,
                            const struct tn_mass_quote *command, struct side_state (*states)[2])
{
    tn_lots accepted = 0;
    for (uint32_t i = 0; i < command->quotes_count; i++) {
        uint64_t series_id = command->quotes[i].series_id;
        struct twin_series *series = twin_series(twin, series_id);
        /* An exposure that is there when the quote's turn comes stays until both sides are done. */
        twin->held = series == NULL ? NULL : twin_exposure(series, account);
        for (int side = TN_BUY; side <= TN_SELL; side++) {
            lift_side(twin, account, command, series_id, &states[i][side], side);
        }
        if (enters(&states[i][TN_BUY]) || enters(&states[i][TN_SELL])) {
            twin->held = twin_exposure_make(twin, series, account);
        }
        for (int side = TN_BUY; side <= TN_SELL; side++) {
            enter_side(twin, account, command, series, &states[i][side], side);
        }
        for (int side = TN_BUY; side <= TN_SELL; side++) {
            const struct side_state *state = &states[i][side];
            tell_side(twin, account, &command->quotes[i], i, side, state);
            accepted += !state->keep && state->reject == TN_REJECT_NONE;
        }
        twin->held = NULL;
        if (series != NULL) twin_release_exposure(twin, series, account);
    }
    return accepted;
}

struct twin_outcome twin_mass_quote(struct twin *twin, uint32_t account,
                                    const struct tn_command *command)
{
    const struct tn_mass_quote *quotes = &command->as.mass_quote;
    enum tn_reject reject = check_command(twin, account, quotes);
    if (reject != TN_REJECT_NONE) return refuse(reject);
    struct side_state(*states)[2] = twin_allocate(quotes->quotes_count * sizeof(*states));
    struct asked asked = {0};
    for (uint32_t i = 0; i < quotes->quotes_count; i++) {
        judge_quote(twin, account, quotes, &quotes->quotes[i], states[i], &asked);
    }
    struct twin_outcome outcome = {0};
    tn_i128 required = required_of(twin, quotes, states);
    if (twin_margin_ok(twin, account, required, &outcome.money)) {
        outcome.quantity = enter_quotes(twin, account, quotes, states);
    } else {
        outcome.reject = TN_REJECT_MARGIN_SHORT;
    }
    free(asked.exposures.items);
    free(states);
    return outcome;
}

/* ---- Protection groups ----------------------------------------------------------------------- */

static uint32_t groups_count(const struct twin *twin)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->accounts.count; i++)
        count += twin_account(twin, i)->groups.count;
    return count;
}

static struct twin_outcome mmp_set(struct twin *twin, uint32_t account,
                                   const struct tn_mmp_set *set)
{
    if (set->group == 0 || set->interval_ms < 1 || set->interval_ms > 3600000 ||
        set->freeze_ms < 0 || set->freeze_ms > 86400000 || set->quantity_limit < 0 ||
        set->delta_limit < 0 || set->delta_limit > INT64_C(1) << 40 || set->vega_limit_micros < 0 ||
        set->vega_limit_micros > INT64_C(1) << 60 ||
        (set->quantity_limit == 0 && set->trades_limit == 0 && set->delta_limit == 0 &&
         set->vega_limit_micros == 0)) {
        return refuse(TN_REJECT_MMP_RANGE);
    }
    struct twin_group *group = twin_group(twin, account, set->group);
    if (group == NULL) {
        if (groups_count(twin) >= twin->limits.groups_max) return refuse(TN_REJECT_MMP_FULL);
        group = twin_allocate(sizeof(*group));
        group->number = set->group;
        struct twin_list *groups = &twin_account(twin, account)->groups;
        uint32_t place = 0;
        while (place < groups->count &&
               ((struct twin_group *)groups->items[place])->number < set->group) {
            place++;
        }
        twin_list_insert(groups, place, group);
    }
    group->limits = *set;
    group->window_start = -1;
    group->used = 0;
    group->trades = 0;
    group->delta = group->vega = 0;
    return refuse(TN_REJECT_NONE);
}

struct twin_outcome twin_mmp(struct twin *twin, uint32_t account, const struct tn_command *command)
{
    if (command->kind == TN_COMMAND_MMP_SET) return mmp_set(twin, account, &command->as.mmp_set);
    struct twin_group *group = twin_group(twin, account, command->as.mmp_group);
    if (group == NULL) return refuse(TN_REJECT_MMP_UNKNOWN);
    struct twin_outcome outcome = {0};
    if (command->kind == TN_COMMAND_MMP_RESET) {
        group->frozen_until = 0;
        group->window_start = -1;
        group->used = 0;
        group->trades = 0;
        return outcome;
    }
    struct twin_order *quote = NULL;
    while ((quote = twin_group_quote_after(twin, account, group->number, 0)) != NULL) {
        twin_cancel(twin, quote, TN_REASON_REQUEST);
        outcome.quantity++;
    }
    return outcome;
}
