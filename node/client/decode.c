/* Market data as plain structs, in the arena of the message that they come from. */
#include "client/internal.h"

#include <string.h>

const struct tn_market_head *client_decode_heads(struct tn_client *client,
                                                 Tenor__V1__MarketHead **heads, size_t count)
{
    struct tn_market_head *list = wire_take(&client->arena, count * sizeof *list);
    for (size_t i = 0; i < count && list != NULL; i++) {
        list[i].market = heads[i]->market;
        list[i].term = heads[i]->term;
        list[i].leader = heads[i]->leader;
        list[i].sequence = heads[i]->sequence;
        list[i].cursor = heads[i]->cursor;
    }
    return list;
}

static bool fits_8(uint32_t number)
{
    return number <= UINT8_MAX;
}

static struct tn_soft_place soft_place(const Tenor__V1__SoftPlace *in)
{
    if (in == NULL) return (struct tn_soft_place){0};
    return (struct tn_soft_place){.term = in->term, .sequence = in->sequence, .index = in->index};
}

bool client_decode_instrument(struct tn_client *client, struct tn_instrument *out,
                              const Tenor__V1__Instrument *in)
{
    /* By Tenor__V1__SeriesKind. */
    static const uint8_t kinds[] = {[TENOR__V1__SERIES_KIND__CALL] = TN_CALL,
                                    [TENOR__V1__SERIES_KIND__PUT] = TN_PUT,
                                    [TENOR__V1__SERIES_KIND__FUTURE] = TN_FUTURE,
                                    [TENOR__V1__SERIES_KIND__PERPETUAL] = TN_PERPETUAL};
    if ((size_t)in->kind >= sizeof kinds || !fits_8(in->status)) return false;
    struct tn_tick_step *steps = wire_take(&client->arena, in->n_steps * sizeof *steps);
    if (in->n_steps > 0 && steps == NULL) return false;
    for (size_t i = 0; i < in->n_steps; i++) {
        steps[i] = (struct tn_tick_step){.from = in->steps[i]->from, .step = in->steps[i]->step};
    }
    *out = (struct tn_instrument){.series_id = in->series_id,
                                  .name = in->name,
                                  .market = in->market,
                                  .status = (uint8_t)in->status,
                                  .kind = kinds[in->kind],
                                  .micros_per_tick = in->micros_per_tick,
                                  .expiry_ms = in->expiry_ms,
                                  .strike_micros = in->strike_micros,
                                  .underlying = in->underlying,
                                  .underlying_id = in->underlying_id,
                                  .expiry_day = in->expiry_day,
                                  .lots_per_unit = in->lots_per_unit,
                                  .tick_micros = in->tick_micros,
                                  .steps = steps,
                                  .steps_count = (uint32_t)in->n_steps,
                                  .settlement_micros = in->settlement_micros,
                                  .seq = in->seq,
                                  .prev_seq = in->prev_seq};
    return true;
}

bool client_decode_ticker(struct tn_ticker *out, const Tenor__V1__Ticker *in)
{
    *out = (struct tn_ticker){.series_id = in->series_id,
                              .market = in->market,
                              .status = (uint8_t)in->status,
                              .bid_price = in->bid_price,
                              .ask_price = in->ask_price,
                              .bid_quantity = in->bid_quantity,
                              .ask_quantity = in->ask_quantity,
                              .mark_micros = in->mark_micros,
                              .open_interest = in->open_interest,
                              .last_price = in->last_price,
                              .iv_ppm = in->iv_ppm,
                              .delta_ppb = in->delta_ppb,
                              .gamma_ppt = in->gamma_ppt,
                              .vega_micros = in->vega_micros,
                              .theta_micros = in->theta_micros,
                              .volume = in->volume,
                              .band_low = in->band_low,
                              .band_high = in->band_high,
                              .seq = in->seq,
                              .prev_seq = in->prev_seq,
                              .name = in->name,
                              .is_soft = in->soft != NULL,
                              .is_reverted = in->reverted,
                              .soft = soft_place(in->soft)};
    return fits_8(in->status);
}

static const struct tn_level *levels(struct tn_client *client, Tenor__V1__Level **in, size_t count)
{
    struct tn_level *list = wire_take(&client->arena, count * sizeof *list);
    for (size_t i = 0; i < count && list != NULL; i++)
        list[i] = (struct tn_level){.price = in[i]->price, .quantity = in[i]->quantity};
    return list;
}

static bool decode_book(struct tn_client *client, struct tn_book_news *out,
                        const Tenor__V1__Book *in)
{
    *out = (struct tn_book_news){.series_id = in->series_id,
                                 .market = in->market,
                                 .seq = in->seq,
                                 .prev_seq = in->prev_seq,
                                 .is_snapshot = in->snapshot,
                                 .has_crc = in->has_crc,
                                 .crc = in->crc,
                                 .bids = levels(client, in->bids, in->n_bids),
                                 .asks = levels(client, in->asks, in->n_asks),
                                 .bids_count = (uint32_t)in->n_bids,
                                 .asks_count = (uint32_t)in->n_asks,
                                 .block = in->block,
                                 .time_ms = in->time_ms,
                                 .is_soft = in->soft != NULL,
                                 .is_reverted = in->reverted,
                                 .soft = soft_place(in->soft)};
    return (in->n_bids == 0 || out->bids != NULL) && (in->n_asks == 0 || out->asks != NULL);
}

static bool decode_order_book(struct tn_client *client, struct tn_order_book_news *out,
                              const Tenor__V1__OrderBook *in)
{
    struct tn_book_order *list = wire_take(&client->arena, in->n_orders * sizeof *list);
    if (in->n_orders > 0 && list == NULL) return false;
    for (size_t i = 0; i < in->n_orders; i++) {
        const Tenor__V1__BookOrder *order = in->orders[i];
        list[i] = (struct tn_book_order){.order_id = order->order_id,
                                         .side = (uint8_t)order->side,
                                         .is_last = order->last,
                                         .price = order->price,
                                         .quantity = order->quantity};
    }
    *out = (struct tn_order_book_news){.series_id = in->series_id,
                                       .market = in->market,
                                       .seq = in->seq,
                                       .prev_seq = in->prev_seq,
                                       .is_snapshot = in->snapshot,
                                       .more = in->more,
                                       .orders = list,
                                       .orders_count = (uint32_t)in->n_orders,
                                       .block = in->block,
                                       .time_ms = in->time_ms,
                                       .is_soft = in->soft != NULL,
                                       .is_reverted = in->reverted,
                                       .soft = soft_place(in->soft)};
    return true;
}

static void decode_trade(struct tn_trade *out, const Tenor__V1__Trade *in)
{
    *out = (struct tn_trade){.series_id = in->series_id,
                             .market = in->market,
                             .price = in->price,
                             .quantity = in->quantity,
                             .taker = (uint8_t)in->taker,
                             .flags = in->flags,
                             .block = in->block,
                             .time_ms = in->time_ms,
                             .seq = in->seq,
                             .prev_seq = in->prev_seq,
                             .maker_order_id = in->maker_order_id,
                             .is_soft = in->soft != NULL,
                             .soft = soft_place(in->soft)};
}

static bool decode_trades(struct tn_client *client, struct tn_client_news *news,
                          const Tenor__V1__Trades *in)
{
    struct tn_trade *list = wire_take(&client->arena, in->n_trades * sizeof *list);
    if (in->n_trades > 0 && list == NULL) return false;
    for (size_t i = 0; i < in->n_trades; i++)
        decode_trade(&list[i], in->trades[i]);
    news->as.trades.list = list;
    news->as.trades.count = (uint32_t)in->n_trades;
    return true;
}

static bool decode_marks(struct tn_client *client, struct tn_marks_news *out,
                         const Tenor__V1__Marks *in)
{
    struct tn_mark_news *marks = wire_take(&client->arena, in->n_marks * sizeof *marks);
    struct tn_index_news *indexes = wire_take(&client->arena, in->n_indexes * sizeof *indexes);
    if ((in->n_marks > 0 && marks == NULL) || (in->n_indexes > 0 && indexes == NULL)) return false;
    for (size_t i = 0; i < in->n_marks; i++) {
        marks[i] = (struct tn_mark_news){.series_id = in->marks[i]->series_id,
                                         .mark_micros = in->marks[i]->mark_micros,
                                         .funding_index = in->marks[i]->funding_index};
    }
    for (size_t i = 0; i < in->n_indexes; i++) {
        indexes[i] = (struct tn_index_news){.underlying = in->indexes[i]->underlying,
                                            .index_micros = in->indexes[i]->index_micros};
    }
    *out = (struct tn_marks_news){.market = in->market,
                                  .block = in->block,
                                  .time_ms = in->time_ms,
                                  .seq = in->seq,
                                  .prev_seq = in->prev_seq,
                                  .more = in->more,
                                  .marks = marks,
                                  .indexes = indexes,
                                  .marks_count = (uint32_t)in->n_marks,
                                  .indexes_count = (uint32_t)in->n_indexes};
    return true;
}

bool client_decode_liquidation(struct tn_liquidation_news *out, const Tenor__V1__Liquidation *in)
{
    *out = (struct tn_liquidation_news){.market = in->market,
                                        .account = in->account,
                                        .state = (uint8_t)in->state,
                                        .equity_micros = in->equity_micros,
                                        .maintenance_micros = in->maintenance_micros,
                                        .block = in->block,
                                        .time_ms = in->time_ms,
                                        .seq = in->seq,
                                        .prev_seq = in->prev_seq};
    return fits_8(in->state) && (in->event == NULL || wire_event_read(&out->event, in->event));
}

static void copy_hash(uint8_t out[32], const ProtobufCBinaryData *in)
{
    if (in->len == 32) memcpy(out, in->data, 32);
}

static bool decode_block(struct tn_client *client, struct tn_block_news *out,
                         const Tenor__V1__Block *in)
{
    *out =
        (struct tn_block_news){.exists = in->exists,
                               .height = in->height,
                               .time_ms = in->time_ms,
                               .view = in->view,
                               .epoch = in->epoch,
                               .proposer = in->proposer,
                               .batches = in->batches,
                               .markets = client_decode_heads(client, in->markets, in->n_markets),
                               .markets_count = (uint32_t)in->n_markets};
    copy_hash(out->hash, &in->hash);
    copy_hash(out->root, &in->root);
    return in->n_markets == 0 || out->markets != NULL;
}

bool client_decode_data(struct tn_client *client, struct tn_client_news *news,
                        const Tenor__V1__FromNode *message)
{
    news->kind = (uint8_t)message->body_case;
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_BOOK) {
        return decode_book(client, &news->as.book, message->book);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_BLOCK) {
        return decode_block(client, &news->as.block, message->block);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_INSTRUMENT) {
        return client_decode_instrument(client, &news->as.instrument, message->instrument);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_TICKER) {
        return client_decode_ticker(&news->as.ticker, message->ticker);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_ORDER_BOOK) {
        return decode_order_book(client, &news->as.order_book, message->order_book);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_TRADE) {
        decode_trade(&news->as.trade, message->trade);
        return true;
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_SOFT_END) {
        news->as.soft_end = (struct tn_soft_end_news){.market = message->soft_end->market,
                                                      .term = message->soft_end->term,
                                                      .sequence = message->soft_end->sequence};
        return true;
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_TRADES) {
        return decode_trades(client, news, message->trades);
    }
    if (message->body_case == TENOR__V1__FROM_NODE__BODY_MARKS) {
        return decode_marks(client, &news->as.marks, message->marks);
    }
    TN_ASSERT(message->body_case == TENOR__V1__FROM_NODE__BODY_LIQUIDATION);
    return client_decode_liquidation(&news->as.liquidation, message->liquidation);
}
/* What comes has, as news, the number of its field. */
_Static_assert((int)TN_NEWS_BOOK == (int)TENOR__V1__FROM_NODE__BODY_BOOK &&
                   (int)TN_NEWS_BLOCK == (int)TENOR__V1__FROM_NODE__BODY_BLOCK &&
                   (int)TN_NEWS_INSTRUMENT == (int)TENOR__V1__FROM_NODE__BODY_INSTRUMENT &&
                   (int)TN_NEWS_TICKER == (int)TENOR__V1__FROM_NODE__BODY_TICKER &&
                   (int)TN_NEWS_ORDER_BOOK == (int)TENOR__V1__FROM_NODE__BODY_ORDER_BOOK &&
                   (int)TN_NEWS_TRADE == (int)TENOR__V1__FROM_NODE__BODY_TRADE &&
                   (int)TN_NEWS_TRADES == (int)TENOR__V1__FROM_NODE__BODY_TRADES &&
                   (int)TN_NEWS_MARKS == (int)TENOR__V1__FROM_NODE__BODY_MARKS &&
                   (int)TN_NEWS_LIQUIDATION == (int)TENOR__V1__FROM_NODE__BODY_LIQUIDATION &&
                   (int)TN_NEWS_SOFT_END == (int)TENOR__V1__FROM_NODE__BODY_SOFT_END,
               "news have the numbers of the protocol");
