/* feed_query: questions that the mirror answers: a book, the last trades, the instruments. Answers
 * stand for the last block that was told, also while the next one is half taken in. */
#include "gateway/feed_internal.h"

#include <stdlib.h>

enum { BOOK_DEPTH = 20, TRADES_COUNT = 50, TRADES_MAX = 500 };

bool feed_answers(const Tenor__V1__ToNode *question)
{
    return question->body_case == TENOR__V1__TO_NODE__BODY_GET_BOOK ||
           question->body_case == TENOR__V1__TO_NODE__BODY_GET_TRADES ||
           question->body_case == TENOR__V1__TO_NODE__BODY_GET_INSTRUMENTS;
}

static enum wire_error send_answer(struct feed *feed, struct wire_fault *fault, uint32_t client,
                                   Tenor__V1__FromNode *message)
{
    size_t size = feed_write(feed, message);
    if (size == 0) return feed_refuse(fault, WIRE_ERROR_ANSWER_TOO_LARGE, "ask for less");
    feed->options.send(feed->options.context, client, feed->out, size, true);
    return WIRE_ERROR_NONE;
}

static enum wire_error answer_book(struct feed *feed, struct feed_market *market,
                                   struct wire_fault *fault, uint32_t client,
                                   const Tenor__V1__ToNode *question)
{
    const Tenor__V1__GetBook *asked = question->get_book;
    uint32_t series = feed_series_find(market, asked->series_id);
    uint32_t depth = asked->depth == 0 ? BOOK_DEPTH : asked->depth;
    if (series == TN_NONE) {
        return feed_refuse(fault, WIRE_ERROR_SERIES_UNKNOWN,
                           "get_book.series_id is none of the market");
    }
    if (depth > FEED_DEPTH_ALL) {
        return feed_refuse(fault, WIRE_ERROR_COUNT_RANGE, "get_book.depth is above 8192");
    }
    Tenor__V1__Book book = TENOR__V1__BOOK__INIT;
    size_t counts[2];
    uint32_t used = 0;
    for (uint8_t side = 0; side < 2; side++) {
        struct feed_change *levels = feed->shown[side].changes;
        counts[side] = feed_ladder_before(market, levels, series, side, depth);
        for (size_t i = 0; i < counts[side]; i++, used++) {
            Tenor__V1__Level *item = &feed->level_items[used];
            tenor__v1__level__init(item);
            item->price = levels[i].price;
            item->quantity = levels[i].before;
            feed->level_list[used] = item;
        }
    }
    book.series_id = asked->series_id;
    book.market = asked->market;
    book.snapshot = true;
    book.seq = book.block = feed->height;
    book.time_ms = (uint64_t)feed->time_ms;
    book.n_bids = counts[TN_BUY];
    book.bids = feed->level_list;
    book.n_asks = counts[TN_SELL];
    book.asks = feed->level_list + counts[TN_BUY];
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = question->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_BOOK;
    message.book = &book;
    return send_answer(feed, fault, client, &message);
}

static enum wire_error answer_trades(struct feed *feed, struct feed_market *market,
                                     struct wire_fault *fault, uint32_t client,
                                     const Tenor__V1__ToNode *question)
{
    const Tenor__V1__GetTrades *asked = question->get_trades;
    uint32_t count = asked->count == 0 ? TRADES_COUNT : asked->count;
    if (count > TRADES_MAX) {
        return feed_refuse(fault, WIRE_ERROR_COUNT_RANGE, "get_trades.count is above 500");
    }
    if (asked->series_id != 0 && feed_series_find(market, asked->series_id) == TN_NONE) {
        return feed_refuse(fault, WIRE_ERROR_SERIES_UNKNOWN,
                           "get_trades.series_id is none of the market");
    }
    Tenor__V1__Trade items[TRADES_MAX];
    Tenor__V1__Trade *list[TRADES_MAX];
    uint32_t first = count; /* filled in from the end: the newest last */
    uint64_t number = market->trades_told, ring = feed->options.trades_max;
    uint64_t oldest = market->trades_count > ring ? market->trades_count - ring : 0;
    if (asked->series_id != 0)
        number = market->series[feed_series_find(market, asked->series_id)].last_trade;
    while (number > oldest && first > 0) { /* of a series by its chain: others' cost nothing */
        const struct feed_trade *trade = &market->trades[(number - 1) & (ring - 1)];
        bool is_told = number <= market->trades_told;
        number = asked->series_id != 0 ? trade->before : number - 1;
        if (!is_told) continue;
        first--;
        feed_fill_trade(&items[first], market, trade);
        list[first] = &items[first];
    }
    Tenor__V1__Trades trades = TENOR__V1__TRADES__INIT;
    trades.n_trades = count - first;
    trades.trades = list + first;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = question->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_TRADES;
    message.trades = &trades;
    return send_answer(feed, fault, client, &message);
}

static int ascending(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static enum wire_error answer_instruments(struct feed *feed, struct feed_market *market,
                                          struct wire_fault *fault, uint32_t client,
                                          const Tenor__V1__ToNode *question)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < market->series_used; i++) {
        uint64_t id = market->series[i].id;
        if (id > question->get_instruments->after_series_id) feed->ids[count++] = id;
    }
    qsort(feed->ids, count, sizeof feed->ids[0], ascending);
    uint32_t page = count < FEED_PAGE ? count : FEED_PAGE;
    for (uint32_t i = 0; i < page; i++) {
        const struct feed_series *series = &market->series[feed_series_find(market, feed->ids[i])];
        feed->instrument_list[i] = &feed->instrument_items[i];
        feed_fill_instrument(&feed->instrument_items[i], &feed->instrument_steps[i], market,
                             series);
        feed->instrument_items[i].seq = series->seq[FEED_INSTRUMENT];
    }
    Tenor__V1__Instruments instruments = TENOR__V1__INSTRUMENTS__INIT;
    instruments.market = market->limits.market;
    instruments.n_instruments = page;
    instruments.instruments = feed->instrument_list;
    instruments.more = page < count;
    Tenor__V1__FromNode message = TENOR__V1__FROM_NODE__INIT;
    message.request = question->request;
    message.body_case = TENOR__V1__FROM_NODE__BODY_INSTRUMENTS;
    message.instruments = &instruments;
    return send_answer(feed, fault, client, &message);
}

static uint32_t market_of(const Tenor__V1__ToNode *question)
{
    if (question->body_case == TENOR__V1__TO_NODE__BODY_GET_BOOK) {
        return question->get_book->market;
    }
    if (question->body_case == TENOR__V1__TO_NODE__BODY_GET_TRADES) {
        return question->get_trades->market;
    }
    return question->get_instruments->market;
}

enum wire_error feed_query(struct feed *feed, struct wire_fault *fault, uint32_t client,
                           const Tenor__V1__ToNode *question)
{
    TN_ASSERT(feed_answers(question));
    struct feed_market *market = feed_market_of(feed, market_of(question));
    if (market == NULL) {
        return feed_refuse(fault, WIRE_ERROR_MARKET_UNKNOWN,
                           "market names none; Hello and GetCluster name them");
    }
    if (feed->state != FEED_STATE_WHOLE) {
        return feed_refuse(fault, WIRE_ERROR_SYNCING, "the node has no market data yet; try again");
    }
    if (question->body_case == TENOR__V1__TO_NODE__BODY_GET_BOOK) {
        return answer_book(feed, market, fault, client, question);
    }
    if (question->body_case == TENOR__V1__TO_NODE__BODY_GET_TRADES) {
        return answer_trades(feed, market, fault, client, question);
    }
    return answer_instruments(feed, market, fault, client, question);
}
