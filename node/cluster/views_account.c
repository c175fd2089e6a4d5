/* views_account: money, margin, positions and orders of an account, and what if. */
#include "cluster/views_internal.h"

#include "tenor/reject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- GetAccount --------------------------------------------------------------------------------
 */

static int by_series(const void *left, const void *right)
{
    const struct tn_position_view *a = left, *b = right;
    return (a->series_id > b->series_id) - (a->series_id < b->series_id);
}

/* Where the positions stand when others are deleveraged. */
static void fill_places(struct views *views, Tenor__V1__Account *account,
                        const struct tn_exchange *exchange, uint32_t number)
{
    const struct tn_chain_heads *heads = tn_chain_heads(views->world->chain);
    const struct places_at at = {.exchange = exchange,
                                 .market = account->market,
                                 .height = heads->height,
                                 .time_ms = heads->block.time_ms};
    const uint32_t count = (uint32_t)account->n_positions;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__Position *position = account->positions[i];
        int64_t rank;
        if (!tn_exchange_rank(exchange, &rank, number, position->series_id)) return;
        position->adl_rank = (uint64_t)rank;
        views->asked[i].series_id = position->series_id;
        views->asked[i].is_short = position->quantity < 0;
    }
    places_find_all(views->places, &at, number, views->asked, count);
    for (uint32_t i = 0; i < count; i++) {
        account->positions[i]->adl_place = views->asked[i].place.place;
        account->positions[i]->adl_of = views->asked[i].place.holders;
        account->positions[i]->adl_block = views->asked[i].place.block;
    }
}

static bool fill_positions(struct views *views, Tenor__V1__Account *account,
                           const struct tn_exchange *exchange, uint32_t number)
{
    struct tn_position_view *positions = views->room.positions;
    void **list;
    uint32_t count = tn_exchange_positions_of(exchange, positions, VIEWS_POSITIONS_MAX, number);
    if (count > 1) qsort(positions, count, sizeof positions[0], by_series);
    if (!views_list(views, &list, &account->n_positions, count, sizeof(Tenor__V1__Position))) {
        return false;
    }
    account->positions = (Tenor__V1__Position **)list;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__Position *position = list[i];
        tenor__v1__position__init(position);
        position->series_id = positions[i].series_id;
        position->quantity = positions[i].position.quantity;
        position->cost_micros = positions[i].position.cost;
        position->mark_micros = positions[i].mark_micros;
        position->value_micros = positions[i].value;
        account->delta_micros += positions[i].delta;
    }
    fill_places(views, account, exchange, number);
    return true;
}

static bool fill_collateral(struct views *views, Tenor__V1__Account *account,
                            const struct tn_exchange *exchange, uint32_t number)
{
    int64_t amounts[TN_MARGIN_ASSETS_MAX];
    void **list;
    uint32_t held = 0, at = 0;
    for (uint32_t i = 1; i < TN_MARGIN_ASSETS_MAX; i++) {
        amounts[i] = tn_exchange_collateral(exchange, number, i);
        held += amounts[i] != 0;
    }
    if (!views_list(views, &list, &account->n_collateral, held, sizeof(Tenor__V1__Collateral))) {
        return false;
    }
    account->collateral = (Tenor__V1__Collateral **)list;
    for (uint32_t i = 1; i < TN_MARGIN_ASSETS_MAX; i++) {
        if (amounts[i] == 0) continue;
        Tenor__V1__Collateral *collateral = list[at++];
        tenor__v1__collateral__init(collateral);
        collateral->asset = i;
        collateral->amount = amounts[i];
    }
    return true;
}

static bool fill_sessions(struct views *views, Tenor__V1__Account *account,
                          const struct tn_market *market, uint32_t number)
{
    struct tn_session *sessions = views->room.sessions;
    void **list;
    uint32_t count = tn_market_sessions_of(market, sessions, VIEWS_SESSIONS_MAX, number);
    if (!views_list(views, &list, &account->n_sessions, count, sizeof(Tenor__V1__Session))) {
        return false;
    }
    account->sessions = (Tenor__V1__Session **)list;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__Session *session = list[i];
        tenor__v1__session__init(session);
        session->market = account->market;
        session->session = sessions[i].id;
        session->account = sessions[i].account;
        session->scope = sessions[i].scope;
        session->expires_ms = (uint64_t)sessions[i].expires_ms;
        session->exists = true;
        if (!views_bytes(views, &session->key, sessions[i].key.bytes,
                         sizeof sessions[i].key.bytes)) {
            return false;
        }
    }
    return true;
}

static void fill_margin(Tenor__V1__Account *account, const struct tn_exchange *exchange,
                        uint32_t number)
{
    struct tn_account_risk_view risk;
    struct tn_what_if now;
    bool is_there = tn_exchange_what_if(exchange, &now, number, NULL, 0);
    TN_ASSERT(is_there);
    account->equity_micros = now.before.equity;
    account->initial_micros = now.before.im;
    account->maintenance_micros = now.before.mm;
    account->free_micros = now.before.equity - now.before.im;
    if (!tn_exchange_account_risk(exchange, &risk, number)) return;
    account->model = risk.model;
    account->liquidation = risk.liquidation;
}

enum wire_error views_account(struct views *views, Tenor__V1__FromNode *answer,
                              const Tenor__V1__GetAccount *question)
{
    struct tn_market *market;
    struct tn_account_view view;
    uint32_t place;
    const uint32_t number = question->account;
    Tenor__V1__Account *account = views_take(views, sizeof *account);
    if (account == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    const struct tn_exchange *exchange = tn_market_exchange(market);
    tenor__v1__account__init(account);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_ACCOUNT;
    answer->account = account;
    account->market = question->market;
    account->account = number;
    account->block = tn_chain_heads(views->world->chain)->height;
    if (!tn_exchange_account(exchange, &view, number)) return WIRE_ERROR_NONE; /* not `exists` */
    account->exists = true;
    account->cash_micros = view.cash;
    account->nonce_top = view.nonce_top;
    account->orders_count = view.orders_count;
    fill_margin(account, exchange, number);
    bool is_whole = views_bytes(views, &account->owner, view.owner, TN_OWNER_SIZE) &&
                    fill_positions(views, account, exchange, number) &&
                    fill_collateral(views, account, exchange, number) &&
                    fill_sessions(views, account, market, number);
    return is_whole ? WIRE_ERROR_NONE : WIRE_ERROR_NO_ROOM;
}

/* ---- GetOrders ---------------------------------------------------------------------------------
 */

enum wire_error views_orders(struct views *views, Tenor__V1__FromNode *answer,
                             const Tenor__V1__GetOrders *question)
{
    struct tn_market *market;
    struct tn_order_view *found = views->room.orders;
    uint32_t place;
    void **list;
    Tenor__V1__Orders *orders = views_take(views, sizeof *orders);
    if (orders == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    const struct tn_exchange *exchange = tn_market_exchange(market);
    if (question->account >= tn_exchange_accounts_count(exchange)) {
        return WIRE_ERROR_ACCOUNT_UNKNOWN;
    }
    uint32_t count = tn_exchange_orders_of(exchange, found, VIEWS_ORDERS_MAX + 1, question->account,
                                           question->after_order_id);
    tenor__v1__orders__init(orders);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_ORDERS;
    answer->orders = orders;
    orders->account = question->account;
    orders->more = count > VIEWS_ORDERS_MAX;
    if (orders->more) count = VIEWS_ORDERS_MAX;
    if (!views_list(views, &list, &orders->n_orders, count, sizeof(Tenor__V1__Order))) {
        return WIRE_ERROR_NO_ROOM;
    }
    orders->orders = (Tenor__V1__Order **)list;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__Order *order = list[i];
        tenor__v1__order__init(order);
        order->order_id = found[i].order_id;
        order->client_id = found[i].client_id;
        order->series_id = found[i].series_id;
        order->side = found[i].side == TN_BUY ? TENOR__V1__SIDE__BUY : TENOR__V1__SIDE__SELL;
        order->price = found[i].price;
        order->quantity = found[i].open;
        order->label = found[i].label;
        order->is_quote = found[i].is_quote;
        order->is_stop = found[i].is_stop;
    }
    return WIRE_ERROR_NONE;
}

/* ---- GetOwner ----------------------------------------------------------------------------------
 */

/* A page goes on behind one of the owner's own accounts. */
static bool is_owners(const struct tn_exchange *exchange, const uint8_t *owner, uint32_t account)
{
    return account < tn_exchange_accounts_count(exchange) &&
           memcmp(tn_exchange_owner(exchange, account), owner, TN_OWNER_SIZE) == 0;
}

enum wire_error views_owner(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetOwner *question)
{
    struct tn_market *market;
    uint32_t place;
    const uint8_t *bytes = question->owner.data;
    const uint32_t after = question->after_account == 0 ? TN_NONE : question->after_account;
    Tenor__V1__Owner *owner = views_take(views, sizeof *owner);
    if (owner == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    const struct tn_exchange *exchange = tn_market_exchange(market);
    if (question->after_account != 0 && !is_owners(exchange, bytes, question->after_account)) {
        return WIRE_ERROR_ACCOUNT_UNKNOWN;
    }
    tenor__v1__owner__init(owner);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_OWNER;
    answer->owner = owner;
    owner->market = question->market;
    owner->n_accounts =
        tn_exchange_accounts_of(exchange, views->room.accounts, VIEWS_PAGE + 1, bytes, after);
    owner->accounts = views->room.accounts;
    owner->more = owner->n_accounts > VIEWS_PAGE;
    if (owner->more) owner->n_accounts = VIEWS_PAGE;
    return views_bytes(views, &owner->owner, bytes, TN_OWNER_SIZE) ? WIRE_ERROR_NONE
                                                                   : WIRE_ERROR_NO_ROOM;
}

/* ---- GetMargin ---------------------------------------------------------------------------------
 */

static Tenor__V1__MarginState *state_of(struct views *views, const struct tn_margin_state *state)
{
    Tenor__V1__MarginState *message = views_take(views, sizeof *message);
    if (message == NULL) return NULL;
    tenor__v1__margin_state__init(message);
    message->equity_micros = state->equity;
    message->initial_micros = state->im;
    message->maintenance_micros = state->mm;
    message->worst_scenario = state->worst_scenario == TN_NONE ? 0 : state->worst_scenario;
    return message;
}

static void say_refusal(struct views *views, Tenor__V1__Margin *margin,
                        const struct tn_what_if *what)
{
    if (what->trial_refused == TN_NONE) {
        snprintf(views->text, sizeof views->text, "%s: %s", tn_reject_name(what->reject),
                 tn_reject_text(what->reject));
    } else {
        snprintf(views->text, sizeof views->text, "trials[%u]: %s: %s", what->trial_refused,
                 tn_reject_name(what->reject), tn_reject_text(what->reject));
    }
    margin->refused = views->text;
}

enum wire_error views_margin(struct views *views, Tenor__V1__FromNode *answer,
                             const Tenor__V1__GetMargin *question)
{
    struct tn_trial trials[TN_TRIALS_MAX];
    struct tn_market *market;
    struct tn_what_if what;
    uint32_t place;
    Tenor__V1__Margin *margin = views_take(views, sizeof *margin);
    if (margin == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    if (question->n_trials > TN_TRIALS_MAX) return WIRE_ERROR_COUNT_RANGE;
    for (size_t i = 0; i < question->n_trials; i++) {
        const Tenor__V1__Trial *trial = question->trials[i];
        trials[i] = (struct tn_trial){.series_id = trial->series_id,
                                      .traded = trial->position,
                                      .price = trial->price,
                                      .bid_lots = trial->bid_quantity,
                                      .ask_lots = trial->ask_quantity};
    }
    if (!tn_exchange_what_if(tn_market_exchange(market), &what, question->account, trials,
                             (uint32_t)question->n_trials)) {
        return WIRE_ERROR_ACCOUNT_UNKNOWN;
    }
    tenor__v1__margin__init(margin);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_MARGIN;
    answer->margin = margin;
    margin->account = question->account;
    margin->before = state_of(views, &what.before);
    margin->after = state_of(views, &what.after);
    margin->shortfall_micros = what.shortfall;
    if (what.reject != TN_REJECT_NONE) say_refusal(views, margin, &what);
    return margin->before == NULL || margin->after == NULL ? WIRE_ERROR_NO_ROOM : WIRE_ERROR_NONE;
}

/* ---- GetLiquidations ---------------------------------------------------------------------------
 */

enum wire_error views_liquidations(struct views *views, Tenor__V1__FromNode *answer,
                                   const Tenor__V1__GetLiquidations *question)
{
    struct tn_market *market;
    struct tn_liquidation_view *found = views->room.liquidations;
    const struct tn_chain_heads *heads = tn_chain_heads(views->world->chain);
    const uint32_t last = question->after_account;
    const uint32_t after = last == 0 ? TN_NONE : last < TN_NONE ? last : TN_NONE - 1;
    uint32_t place, looked;
    void **list;
    Tenor__V1__Liquidations *all = views_take(views, sizeof *all);
    if (all == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    uint32_t count =
        tn_exchange_liquidations(tn_market_exchange(market), found, &looked, VIEWS_PAGE + 1, after);
    tenor__v1__liquidations__init(all);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_LIQUIDATIONS;
    answer->liquidations = all;
    all->market = question->market;
    all->more = count > VIEWS_PAGE;
    if (all->more) count = VIEWS_PAGE;
    if (!views_list(views, &list, &all->n_liquidations, count, sizeof(Tenor__V1__Liquidation))) {
        return WIRE_ERROR_NO_ROOM;
    }
    all->liquidations = (Tenor__V1__Liquidation **)list;
    for (uint32_t i = 0; i < count; i++) {
        Tenor__V1__Liquidation *liquidation = list[i];
        tenor__v1__liquidation__init(liquidation);
        liquidation->market = question->market;
        liquidation->account = found[i].account;
        liquidation->state = found[i].stage;
        liquidation->equity_micros = found[i].equity;
        liquidation->maintenance_micros = found[i].equity - found[i].mm;
        liquidation->block = heads->height;
        liquidation->time_ms = heads->block.time_ms;
    }
    return WIRE_ERROR_NONE;
}
