/* feed_messages: what is told of a market, as bytes. Each message is written once, into feed->out,
 * and goes from there to everybody who is to have it. */
#include "gateway/feed_internal.h"

size_t feed_write(struct feed *feed, Tenor__V1__FromNode *message)
{
    feed->counters.messages++;
    return wire_write_from_node(feed->out, feed->out_room, message);
}

static size_t write_body(struct feed *feed, Tenor__V1__FromNode *message,
                         Tenor__V1__FromNode__BodyCase body)
{
    message->body_case = body;
    return feed_write(feed, message);
}

/* ---- Books ----------------------------------------------------------------------------------- */

static Tenor__V1__Level **fill_levels(struct feed *feed, uint32_t *used,
                                      const struct feed_ladder *ladder)
{
    Tenor__V1__Level **list = feed->level_list + *used;
    for (uint32_t i = 0; i < ladder->count; i++) {
        Tenor__V1__Level *item = &feed->level_items[*used];
        tenor__v1__level__init(item);
        item->price = ladder->changes[i].price;
        item->quantity = ladder->changes[i].now;
        feed->level_list[(*used)++] = item;
    }
    return list;
}

static void put_le(uint8_t *out, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* Over all that a subscriber of this depth sees. */
static uint32_t crc_of(struct feed_market *market, uint32_t series, uint32_t depth)
{
    struct feed *feed = market->feed;
    uint8_t *out = feed->crc_bytes;
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t count =
            tn_book_depth(market->books, feed->depth, depth, series, (enum tn_side)side);
        for (uint32_t i = 0; i < count; i++, out += 16) {
            put_le(out, (uint64_t)feed->depth[i].price);
            put_le(out + 8, (uint64_t)feed->depth[i].quantity);
        }
    }
    return tn_crc32c(0, (enum tn_cpu)feed->options.cpu, feed->crc_bytes,
                     (size_t)(out - feed->crc_bytes));
}

static void fill_place(Tenor__V1__SoftPlace *message, const struct feed_place *place)
{
    tenor__v1__soft_place__init(message);
    message->term = place->term;
    message->sequence = place->sequence;
    message->index = place->index;
}

static size_t write_book(struct feed_market *market, Tenor__V1__Book *book, uint32_t series,
                         const struct feed_ladder ladders[2])
{
    struct feed *feed = market->feed;
    Tenor__V1__SoftPlace place;
    uint32_t used = 0;
    book->series_id = market->series[series].id;
    book->market = market->limits.market;
    book->seq = feed->height;
    if (feed->options.is_soft) {
        fill_place(&place, &feed->place);
        book->soft = &place;
    } else {
        book->block = feed->height;
    }
    book->time_ms = (uint64_t)feed->time_ms;
    book->bids = fill_levels(feed, &used, &ladders[TN_BUY]);
    book->n_bids = ladders[TN_BUY].count;
    book->asks = fill_levels(feed, &used, &ladders[TN_SELL]);
    book->n_asks = ladders[TN_SELL].count;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.book = book;
    return write_body(feed, &message, TENOR__V1__FROM_NODE__BODY_BOOK);
}

size_t feed_write_book(struct feed_market *market, uint32_t series, uint32_t depth_class,
                       const struct feed_ladder shown[2], uint64_t prev_seq)
{
    Tenor__V1__Book book = TENOR__V1__BOOK__INIT;
    book.prev_seq = prev_seq;
    if (market->feed->height / 100 != prev_seq / 100) {
        book.has_crc = true;
        book.crc = crc_of(market, series, feed_depths[depth_class]);
    }
    return write_book(market, &book, series, shown);
}

size_t feed_write_book_snapshot(struct feed_market *market, uint32_t series, uint32_t depth_class,
                                bool reverted)
{
    struct feed *feed = market->feed;
    uint32_t depth = feed_depths[depth_class];
    for (uint32_t side = 0; side < 2; side++) {
        struct feed_ladder *ladder = &feed->ladder[side];
        ladder->count =
            tn_book_depth(market->books, feed->depth, depth, series, (enum tn_side)side);
        for (uint32_t i = 0; i < ladder->count; i++) {
            ladder->changes[i] = (struct feed_change){
                .price = feed->depth[i].price,
                .now = feed->depth[i].quantity,
            };
        }
    }
    Tenor__V1__Book book = TENOR__V1__BOOK__INIT;
    book.snapshot = true;
    book.reverted = reverted;
    book.has_crc = true;
    book.crc = crc_of(market, series, depth);
    return write_book(market, &book, series, feed->ladder);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

/* Messages of one seq, one behind the other in feed->out. */
struct order_writer {
    struct feed_market *market;
    uint32_t series, count;
    uint64_t prev_seq;
    bool snapshot, reverted;
    size_t size;
    bool full;
};

static void write_orders(struct order_writer *writer, bool more)
{
    struct feed *feed = writer->market->feed;
    Tenor__V1__OrderBook book = TENOR__V1__ORDER_BOOK__INIT;
    Tenor__V1__SoftPlace place;
    book.series_id = writer->market->series[writer->series].id;
    book.market = writer->market->limits.market;
    book.seq = feed->height;
    if (feed->options.is_soft) {
        fill_place(&place, &feed->place);
        book.soft = &place;
    } else {
        book.block = feed->height;
    }
    book.prev_seq = writer->prev_seq;
    book.snapshot = writer->snapshot;
    book.reverted = writer->reverted;
    book.more = more;
    book.time_ms = (uint64_t)feed->time_ms;
    book.orders = feed->order_list;
    book.n_orders = writer->count;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.body_case = TENOR__V1__FROM_NODE__BODY_ORDER_BOOK;
    message.order_book = &book;
    feed->counters.messages++;
    size_t room = feed->out_room - writer->size;
    size_t size = wire_write_from_node(feed->out + writer->size, room, &message);
    if (size == 0 || size > room) {
        writer->full = true;
    } else {
        writer->size += size;
    }
    writer->count = 0;
}

static void add_order(struct order_writer *writer, const struct tn_resting *resting, bool last)
{
    struct feed *feed = writer->market->feed;
    if (writer->count == FEED_ENTRIES_MAX) write_orders(writer, true);
    Tenor__V1__BookOrder *item = &feed->order_items[writer->count];
    tenor__v1__book_order__init(item);
    item->order_id = resting->id;
    item->side = resting->side == TN_BUY ? TENOR__V1__SIDE__BUY : TENOR__V1__SIDE__SELL;
    item->price = resting->price;
    item->quantity = resting->quantity;
    item->last = last;
    feed->order_list[writer->count++] = item;
}

size_t feed_write_orders(struct feed_market *market, uint32_t series, uint64_t prev_seq)
{
    struct order_writer writer = {.market = market, .series = series, .prev_seq = prev_seq};
    const struct tn_resting *resting = tn_book_resting(market->books);
    uint32_t place = market->series[series].orders_head;
    for (; place != TN_NONE; place = market->orders[place].next) {
        const struct feed_order *order = &market->orders[place];
        if (order->slot != TN_NONE) {
            add_order(&writer, &resting[order->slot], order->last);
        } else if (order->was) {
            struct tn_resting gone = {.id = order->id, .price = order->price, .side = order->side};
            add_order(&writer, &gone, false);
        }
    }
    if (writer.count > 0) write_orders(&writer, false);
    return writer.full ? 0 : writer.size;
}

size_t feed_write_orders_snapshot(struct feed_market *market, uint32_t series, bool reverted)
{
    struct order_writer writer = {
        .market = market, .series = series, .snapshot = true, .reverted = reverted};
    const struct tn_resting *resting = tn_book_resting(market->books);
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t slot = tn_book_front(market->books, series, (enum tn_side)side);
        for (; slot != TN_NONE; slot = tn_book_after(market->books, slot))
            add_order(&writer, &resting[slot], true);
    }
    write_orders(&writer, false);
    return writer.full ? 0 : writer.size;
}

/* ---- Series ---------------------------------------------------------------------------------- */

static void fill_best(Tenor__V1__Ticker *ticker, const struct feed_market *market, uint32_t series)
{
    struct tn_book_level level;
    if (tn_book_depth(market->books, &level, 1, series, TN_BUY) == 1) {
        ticker->bid_price = level.price;
        ticker->bid_quantity = level.quantity;
    }
    if (tn_book_depth(market->books, &level, 1, series, TN_SELL) == 1) {
        ticker->ask_price = level.price;
        ticker->ask_quantity = level.quantity;
    }
}

static void fill_mark(Tenor__V1__Ticker *ticker, struct feed_series *series)
{
    if (!series->has_greeks) {
        port_greeks(&series->greeks, &series->mark);
        series->has_greeks = true;
    }
    ticker->mark_micros = series->mark.mark_micros;
    ticker->open_interest = series->mark.open_interest;
    ticker->iv_ppm = tn_series_is_option(series->id) ? series->mark.vol_ppm : 0;
    ticker->delta_ppb = series->greeks.delta_ppb;
    ticker->gamma_ppt = series->greeks.gamma_e12;
    ticker->vega_micros = series->greeks.vega_micros;
    ticker->theta_micros = series->greeks.theta_micros;
    ticker->band_low = series->mark.band_low;
    ticker->band_high = series->mark.band_high;
}

size_t feed_write_ticker(struct feed_market *market, uint32_t index, uint64_t prev_seq,
                         bool reverted)
{
    struct feed_series *series = &market->series[index];
    Tenor__V1__Ticker ticker = TENOR__V1__TICKER__INIT;
    Tenor__V1__SoftPlace place;
    fill_best(&ticker, market, index);
    if (market->feed->options.is_soft) {
        fill_place(&place, &market->feed->place);
        ticker.soft = &place;
        ticker.reverted = reverted;
    } else {
        fill_mark(&ticker, series);
    }
    ticker.series_id = series->id;
    ticker.market = market->limits.market;
    ticker.last_price = series->last_price;
    ticker.volume = (uint64_t)series->volume;
    ticker.seq = market->feed->height;
    ticker.prev_seq = prev_seq;
    ticker.status = series->told.status;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.ticker = &ticker;
    return write_body(market->feed, &message, TENOR__V1__FROM_NODE__BODY_TICKER);
}

static Tenor__V1__SeriesKind kind_of(uint64_t series_id)
{
    switch (tn_series_kind(series_id)) {
        case TN_CALL: return TENOR__V1__SERIES_KIND__CALL;
        case TN_PUT: return TENOR__V1__SERIES_KIND__PUT;
        case TN_FUTURE: return TENOR__V1__SERIES_KIND__FUTURE;
        case TN_PERPETUAL: return TENOR__V1__SERIES_KIND__PERPETUAL;
    }
    return TENOR__V1__SERIES_KIND__NO_KIND;
}

static void fill_steps(Tenor__V1__Instrument *message, struct feed_steps *steps,
                       const struct port_series *told)
{
    uint32_t count = told->schedule.steps_count;
    if (count > TN_TICK_STEPS_MAX) count = TN_TICK_STEPS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        tenor__v1__tick_step__init(&steps->items[i]);
        steps->items[i].from = told->schedule.steps[i].from_ticks;
        steps->items[i].step = told->schedule.steps[i].step_ticks;
        steps->list[i] = &steps->items[i];
    }
    message->n_steps = count;
    message->steps = steps->list;
}

void feed_fill_instrument(Tenor__V1__Instrument *message, struct feed_steps *steps,
                          const struct feed_market *market, const struct feed_series *series)
{
    tenor__v1__instrument__init(message);
    uint64_t id = series->id;
    bool perpetual = tn_series_kind(id) == TN_PERPETUAL;
    uint32_t days_to_2020 = (uint32_t)(TN_EPOCH_2020_MS / TN_MS_PER_DAY);
    message->series_id = id;
    message->market = market->limits.market;
    message->name = (char *)(uintptr_t)series->told.name;
    message->underlying = (char *)(uintptr_t)series->told.symbol;
    message->underlying_id = tn_series_underlying(id);
    message->kind = kind_of(id);
    message->status = series->told.status;
    message->micros_per_tick = series->told.micros_per_tick;
    message->tick_micros = series->told.tick_micros;
    message->lots_per_unit = series->told.lots_per_unit_micros / 1000000;
    message->settlement_micros = series->told.settlement_micros;
    fill_steps(message, steps, &series->told);
    if (perpetual) return;
    message->expiry_ms = tn_series_expiry_ms(id);
    message->expiry_day = days_to_2020 + tn_series_expiry_day(id);
    message->strike_micros = (int64_t)tn_series_strike(id) * TN_MICROS_PER_STRIKE_UNIT;
}

size_t feed_write_instrument(struct feed_market *market, uint32_t index, uint64_t prev_seq)
{
    Tenor__V1__Instrument *instrument = &market->feed->instrument_items[0];
    feed_fill_instrument(instrument, &market->feed->instrument_steps[0], market,
                         &market->series[index]);
    instrument->seq = market->feed->height;
    instrument->prev_seq = prev_seq;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.instrument = instrument;
    return write_body(market->feed, &message, TENOR__V1__FROM_NODE__BODY_INSTRUMENT);
}

/* ---- The market ------------------------------------------------------------------------------ */

/* The next series that belongs into a message of marks. */
static uint32_t next_marked(const struct feed_market *market, uint32_t index, bool all)
{
    for (; index < market->series_used; index++) {
        const struct feed_series *series = &market->series[index];
        if (series->id == 0 || series->stale) continue;
        if (all ? series->mark.mark_micros != 0 : (series->dirt & FEED_DIRTY_MARK) != 0) break;
    }
    return index;
}

static uint32_t fill_marks(struct feed_market *market, uint32_t *index, bool all)
{
    struct feed *feed = market->feed;
    uint32_t count = 0;
    *index = next_marked(market, *index, all);
    while (*index < market->series_used && count < FEED_ENTRIES_MAX) {
        const struct feed_series *series = &market->series[*index];
        Tenor__V1__Mark *item = &feed->mark_items[count];
        tenor__v1__mark__init(item);
        item->series_id = series->id;
        item->mark_micros = series->mark.mark_micros;
        item->funding_index = series->mark.funding_index;
        feed->mark_list[count++] = item;
        *index = next_marked(market, *index + 1, all);
    }
    return count;
}

size_t feed_write_marks(struct feed_market *market, uint64_t prev_seq, bool all)
{
    struct feed *feed = market->feed;
    Tenor__V1__Index indexes[FEED_INDEXES_MAX];
    Tenor__V1__Index *index_list[FEED_INDEXES_MAX];
    for (uint32_t i = 0; i < market->indexes_count; i++) {
        tenor__v1__index__init(&indexes[i]);
        indexes[i].underlying = market->indexes[i].underlying;
        indexes[i].index_micros = market->indexes[i].index_micros;
        index_list[i] = &indexes[i];
    }
    size_t used = 0;
    uint32_t next = 0;
    do {
        Tenor__V1__Marks marks = TENOR__V1__MARKS__INIT;
        marks.n_marks = fill_marks(market, &next, all);
        marks.marks = feed->mark_list;
        marks.market = market->limits.market;
        marks.seq = marks.block = feed->height;
        marks.prev_seq = prev_seq;
        marks.time_ms = (uint64_t)feed->time_ms;
        marks.more = next < market->series_used;
        marks.n_indexes = marks.more ? 0 : market->indexes_count;
        marks.indexes = index_list;
        Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
        message.body_case = TENOR__V1__FROM_NODE__BODY_MARKS;
        message.marks = &marks;
        size_t room = feed->out_room - used;
        size_t size = wire_write_from_node(feed->out + used, room, &message);
        feed->counters.messages++;
        if (size == 0 || size > room) return 0;
        used += size;
    } while (next < market->series_used);
    return used;
}

void feed_fill_trade(Tenor__V1__Trade *message, const struct feed_market *market,
                     const struct feed_trade *trade)
{
    tenor__v1__trade__init(message);
    message->series_id = trade->series_id;
    message->market = market->limits.market;
    message->price = trade->price;
    message->quantity = trade->quantity;
    message->taker = trade->taker == TN_BUY ? TENOR__V1__SIDE__BUY : TENOR__V1__SIDE__SELL;
    message->flags = trade->flags;
    message->block = trade->block;
    message->time_ms = (uint64_t)trade->time_ms;
    message->seq = trade->seq;
    message->prev_seq = trade->prev_seq;
    message->maker_order_id = trade->maker_order_id;
}

size_t feed_write_trade(struct feed_market *market, const struct feed_trade *trade)
{
    Tenor__V1__Trade item;
    Tenor__V1__SoftPlace place;
    feed_fill_trade(&item, market, trade);
    if (market->feed->options.is_soft) {
        fill_place(&place, &trade->place);
        item.soft = &place;
        item.block = 0;
    }
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.trade = &item;
    return write_body(market->feed, &message, TENOR__V1__FROM_NODE__BODY_TRADE);
}

size_t feed_write_liquidation(struct feed_market *market, const struct feed_liquidation *item)
{
    Tenor__V1__Event event;
    wire_event(&event, &item->event);
    Tenor__V1__Liquidation liquidation = TENOR__V1__LIQUIDATION__INIT;
    liquidation.market = market->limits.market;
    liquidation.account = item->event.account;
    if (item->event.kind == TN_EVENT_LIQUIDATION) {
        liquidation.state = item->event.index;
        liquidation.equity_micros = item->event.price;
        liquidation.maintenance_micros = item->event.quantity;
    }
    liquidation.event = &event;
    liquidation.block = item->block;
    liquidation.time_ms = (uint64_t)item->time_ms;
    liquidation.seq = item->seq;
    liquidation.prev_seq = item->prev_seq;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.liquidation = &liquidation;
    return write_body(market->feed, &message, TENOR__V1__FROM_NODE__BODY_LIQUIDATION);
}

size_t feed_write_soft_end(struct feed_market *market, uint32_t term, uint64_t sequence)
{
    Tenor__V1__SoftEnd end = TENOR__V1__SOFT_END__INIT;
    end.market = market->limits.market;
    end.term = term;
    end.sequence = sequence;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.soft_end = &end;
    return write_body(market->feed, &message, TENOR__V1__FROM_NODE__BODY_SOFT_END);
}

size_t feed_write_block(struct feed *feed, const struct port_block *told)
{
    Tenor__V1__Block block = TENOR__V1__BLOCK__INIT;
    Tenor__V1__MarketHead heads[TN_CHAIN_MARKETS_MAX];
    Tenor__V1__MarketHead *head_list[TN_CHAIN_MARKETS_MAX];
    for (uint32_t i = 0; i < told->markets_count; i++) {
        tenor__v1__market_head__init(&heads[i]);
        heads[i].market = told->heads[i].market;
        heads[i].term = told->heads[i].term;
        heads[i].leader = told->heads[i].leader;
        heads[i].sequence = told->heads[i].sequence;
        heads[i].cursor = told->heads[i].cursor;
        head_list[i] = &heads[i];
    }
    block.height = told->height;
    block.time_ms = (uint64_t)told->time_ms;
    block.hash =
        (ProtobufCBinaryData){sizeof told->hash.bytes, (uint8_t *)(uintptr_t)told->hash.bytes};
    block.root =
        (ProtobufCBinaryData){sizeof told->root.bytes, (uint8_t *)(uintptr_t)told->root.bytes};
    block.proposer = told->proposer;
    block.batches = told->batches_count;
    block.view = told->view;
    block.epoch = told->epoch;
    block.exists = true;
    block.n_markets = told->markets_count;
    block.markets = head_list;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.block = &block;
    return write_body(feed, &message, TENOR__V1__FROM_NODE__BODY_BLOCK);
}
