/* Answers to questions as plain structs, in the arena of the message that they come from. */
#include "client/internal.h"

#include <string.h>

/* A list of `count` things, zeroed; NULL for none. False: no memory. */
static bool take_list(struct tn_client *client, void **list, size_t count, size_t size)
{
    *list = count == 0 ? NULL : wire_take(&client->arena, count * size);
    return count == 0 || *list != NULL;
}

static bool decode_cluster(struct tn_client *client, struct tn_cluster_news *out,
                           const Tenor__V1__Cluster *in)
{
    void *list;
    if (!take_list(client, &list, in->n_nodes, sizeof(struct tn_cluster_node))) return false;
    struct tn_cluster_node *nodes = list;
    for (size_t i = 0; i < in->n_nodes; i++) {
        nodes[i].index = in->nodes[i]->index;
        nodes[i].weight = in->nodes[i]->weight;
        nodes[i].clients = in->nodes[i]->clients;
        nodes[i].is_this = in->nodes[i]->is_this;
        memcpy(nodes[i].key, in->nodes[i]->key.data, sizeof nodes[i].key);
    }
    *out =
        (struct tn_cluster_news){.epoch = in->epoch,
                                 .height = in->height,
                                 .final_height = in->final_height,
                                 .governance_number = in->governance_number,
                                 .deposit_number = in->deposit_number,
                                 .nodes = nodes,
                                 .markets = client_decode_heads(client, in->markets, in->n_markets),
                                 .nodes_count = (uint32_t)in->n_nodes,
                                 .markets_count = (uint32_t)in->n_markets};
    memcpy(out->chain_id, in->chain_id.data, sizeof out->chain_id);
    return in->n_markets == 0 || out->markets != NULL;
}

static bool decode_instruments(struct tn_client *client, struct tn_client_news *news,
                               const Tenor__V1__Instruments *in)
{
    void *list;
    if (!take_list(client, &list, in->n_instruments, sizeof(struct tn_instrument))) return false;
    struct tn_instrument *instruments = list;
    for (size_t i = 0; i < in->n_instruments; i++) {
        if (!client_decode_instrument(client, &instruments[i], in->instruments[i])) return false;
    }
    news->as.instruments.market = in->market;
    news->as.instruments.list = instruments;
    news->as.instruments.count = (uint32_t)in->n_instruments;
    news->as.instruments.more = in->more;
    return true;
}

static bool decode_chain(struct tn_client *client, struct tn_chain_news *out,
                         const Tenor__V1__Chain *in)
{
    void *list;
    if (!take_list(client, &list, in->n_rows, sizeof(struct tn_ticker))) return false;
    struct tn_ticker *rows = list;
    for (size_t i = 0; i < in->n_rows; i++) {
        if (!client_decode_ticker(&rows[i], in->rows[i])) return false;
    }
    *out = (struct tn_chain_news){.market = in->market,
                                  .underlying = in->underlying,
                                  .expiry_day = in->expiry_day,
                                  .forward_micros = in->forward_micros,
                                  .time_ms = in->time_ms,
                                  .rows = rows,
                                  .expiry_days = in->expiry_days,
                                  .rows_count = (uint32_t)in->n_rows,
                                  .expiry_days_count = (uint32_t)in->n_expiry_days};
    return true;
}

static void decode_session(struct tn_session_state *out, const Tenor__V1__Session *in)
{
    *out = (struct tn_session_state){.exists = in->exists,
                                     .market = in->market,
                                     .account = in->account,
                                     .scope = in->scope,
                                     .session = in->session,
                                     .expires_ms = in->expires_ms};
    if (in->key.len == sizeof out->key) memcpy(out->key, in->key.data, sizeof out->key);
}

static bool decode_account_lists(struct tn_client *client, struct tn_account_state *out,
                                 const Tenor__V1__Account *in)
{
    void *list;
    if (!take_list(client, &list, in->n_positions, sizeof(struct tn_position_state))) return false;
    struct tn_position_state *positions = list;
    for (size_t i = 0; i < in->n_positions; i++) {
        const Tenor__V1__Position *from = in->positions[i];
        positions[i] = (struct tn_position_state){.series_id = from->series_id,
                                                  .quantity = from->quantity,
                                                  .cost_micros = from->cost_micros,
                                                  .mark_micros = from->mark_micros,
                                                  .value_micros = from->value_micros,
                                                  .adl_rank = from->adl_rank,
                                                  .adl_block = from->adl_block,
                                                  .adl_place = from->adl_place,
                                                  .adl_of = from->adl_of};
    }
    if (!take_list(client, &list, in->n_collateral, sizeof(struct tn_collateral_state))) {
        return false;
    }
    struct tn_collateral_state *collateral = list;
    for (size_t i = 0; i < in->n_collateral; i++) {
        collateral[i] = (struct tn_collateral_state){.asset = in->collateral[i]->asset,
                                                     .amount = in->collateral[i]->amount};
    }
    if (!take_list(client, &list, in->n_sessions, sizeof(struct tn_session_state))) return false;
    struct tn_session_state *sessions = list;
    for (size_t i = 0; i < in->n_sessions; i++)
        decode_session(&sessions[i], in->sessions[i]);
    out->positions = positions;
    out->positions_count = (uint32_t)in->n_positions;
    out->collateral = collateral;
    out->collateral_count = (uint32_t)in->n_collateral;
    out->sessions = sessions;
    out->sessions_count = (uint32_t)in->n_sessions;
    return true;
}

static bool decode_account(struct tn_client *client, struct tn_account_state *out,
                           const Tenor__V1__Account *in)
{
    if (in->model > UINT8_MAX || in->liquidation > UINT8_MAX) return false;
    *out = (struct tn_account_state){.exists = in->exists,
                                     .market = in->market,
                                     .account = in->account,
                                     .model = (uint8_t)in->model,
                                     .liquidation = (uint8_t)in->liquidation,
                                     .cash_micros = in->cash_micros,
                                     .equity_micros = in->equity_micros,
                                     .initial_micros = in->initial_micros,
                                     .maintenance_micros = in->maintenance_micros,
                                     .free_micros = in->free_micros,
                                     .delta_micros = in->delta_micros,
                                     .nonce_top = in->nonce_top,
                                     .block = in->block,
                                     .orders_count = in->orders_count};
    if (in->owner.len == sizeof out->owner) memcpy(out->owner, in->owner.data, sizeof out->owner);
    return decode_account_lists(client, out, in);
}

static bool decode_orders(struct tn_client *client, struct tn_client_news *news,
                          const Tenor__V1__Orders *in)
{
    void *list;
    if (!take_list(client, &list, in->n_orders, sizeof(struct tn_open_order))) return false;
    struct tn_open_order *orders = list;
    for (size_t i = 0; i < in->n_orders; i++) {
        const Tenor__V1__Order *from = in->orders[i];
        orders[i] = (struct tn_open_order){.order_id = from->order_id,
                                           .client_id = from->client_id,
                                           .series_id = from->series_id,
                                           .side = (uint8_t)from->side,
                                           .is_quote = from->is_quote,
                                           .is_stop = from->is_stop,
                                           .price = from->price,
                                           .quantity = from->quantity,
                                           .label = from->label};
    }
    news->as.orders_open.account = in->account;
    news->as.orders_open.list = orders;
    news->as.orders_open.count = (uint32_t)in->n_orders;
    news->as.orders_open.more = in->more;
    return true;
}

static struct tn_margin_state margin_state(const Tenor__V1__MarginState *in)
{
    if (in == NULL) return (struct tn_margin_state){.equity_micros = 0};
    return (struct tn_margin_state){.equity_micros = in->equity_micros,
                                    .initial_micros = in->initial_micros,
                                    .maintenance_micros = in->maintenance_micros,
                                    .worst_scenario = in->worst_scenario};
}

static bool decode_liquidations(struct tn_client *client, struct tn_client_news *news,
                                const Tenor__V1__Liquidations *in)
{
    void *list;
    if (!take_list(client, &list, in->n_liquidations, sizeof(struct tn_liquidation_news))) {
        return false;
    }
    struct tn_liquidation_news *liquidations = list;
    for (size_t i = 0; i < in->n_liquidations; i++) {
        if (!client_decode_liquidation(&liquidations[i], in->liquidations[i])) return false;
    }
    news->as.liquidations.market = in->market;
    news->as.liquidations.list = liquidations;
    news->as.liquidations.count = (uint32_t)in->n_liquidations;
    news->as.liquidations.more = in->more;
    return true;
}

static void decode_owner(struct tn_client_news *news, const Tenor__V1__Owner *in)
{
    news->as.owner.market = in->market;
    news->as.owner.accounts = in->accounts;
    news->as.owner.count = (uint32_t)in->n_accounts;
    news->as.owner.more = in->more;
    if (in->owner.len == sizeof news->as.owner.owner) {
        memcpy(news->as.owner.owner, in->owner.data, sizeof news->as.owner.owner);
    }
}

static void decode_proof(struct tn_client_news *news, const Tenor__V1__Proof *in)
{
    news->as.proof.proof = in->proof.data;
    news->as.proof.proof_size = in->proof.len;
    news->as.proof.certificate = in->certificate.data;
    news->as.proof.certificate_size = in->certificate.len;
    news->as.proof.height = in->height;
}

static void decode_handovers(struct tn_client_news *news, const Tenor__V1__Handovers *in)
{
    news->as.handovers.epoch = in->epoch;
    news->as.handovers.next = in->next;
    news->as.handovers.ends = in->ends.data;
    news->as.handovers.ends_size = in->ends.len;
}

static void decode_margin(struct tn_margin_news *out, const Tenor__V1__Margin *in)
{
    *out = (struct tn_margin_news){.account = in->account,
                                   .before = margin_state(in->before),
                                   .after = margin_state(in->after),
                                   .shortfall_micros = in->shortfall_micros,
                                   .refused = in->refused};
}

bool client_decode_answer(struct tn_client *client, struct tn_client_news *news,
                          const Tenor__V1__FromNode *message)
{
    news->kind = (uint8_t)message->body_case;
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_CLUSTER) {
        return decode_cluster(client, &news->as.cluster, message->cluster);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_INSTRUMENTS) {
        return decode_instruments(client, news, message->instruments);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_CHAIN) {
        return decode_chain(client, &news->as.chain, message->chain);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_ACCOUNT) {
        return decode_account(client, &news->as.account_state, message->account);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_ORDERS) {
        return decode_orders(client, news, message->orders);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_LIQUIDATIONS) {
        return decode_liquidations(client, news, message->liquidations);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_OWNER) {
        decode_owner(news, message->owner);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_MARGIN) {
        decode_margin(&news->as.margin, message->margin);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_PROOF) {
        decode_proof(news, message->proof);
    } else if (message->body_case == TENOR__V1__FROM_NODE__BODY_HANDOVERS) {
        decode_handovers(news, message->handovers);
    } else {
        TN_ASSERT(message->body_case == TENOR__V1__FROM_NODE__BODY_SESSION);
        decode_session(&news->as.session, message->session);
    }
    return true;
}
/* What comes has, as news, the number of its field. */
_Static_assert((int)TN_NEWS_CLUSTER == (int)TENOR__V1__FROM_NODE__BODY_CLUSTER &&
                   (int)TN_NEWS_INSTRUMENTS == (int)TENOR__V1__FROM_NODE__BODY_INSTRUMENTS &&
                   (int)TN_NEWS_CHAIN == (int)TENOR__V1__FROM_NODE__BODY_CHAIN &&
                   (int)TN_NEWS_ACCOUNT_STATE == (int)TENOR__V1__FROM_NODE__BODY_ACCOUNT &&
                   (int)TN_NEWS_ORDERS_OPEN == (int)TENOR__V1__FROM_NODE__BODY_ORDERS &&
                   (int)TN_NEWS_OWNER == (int)TENOR__V1__FROM_NODE__BODY_OWNER &&
                   (int)TN_NEWS_MARGIN == (int)TENOR__V1__FROM_NODE__BODY_MARGIN &&
                   (int)TN_NEWS_PROOF == (int)TENOR__V1__FROM_NODE__BODY_PROOF &&
                   (int)TN_NEWS_LIQUIDATIONS == (int)TENOR__V1__FROM_NODE__BODY_LIQUIDATIONS &&
                   (int)TN_NEWS_SESSION == (int)TENOR__V1__FROM_NODE__BODY_SESSION &&
                   (int)TN_NEWS_HANDOVERS == (int)TENOR__V1__FROM_NODE__BODY_HANDOVERS,
               "news have the numbers of the protocol");
