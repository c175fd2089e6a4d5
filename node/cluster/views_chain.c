/* views_chain: the options of one expiry, each with its best prices, mark and greeks. Last prices
 * and volumes are the gateway's, which sees the trades. */
#include "cluster/views_internal.h"

#include "gateway/port.h"

#include <stdlib.h>
#include <string.h>

enum { SYMBOLS_MAX = 255 };

/* By strike, call before put. */
static int by_strike(const void *left, const void *right)
{
    const struct tn_listed_view *a = left, *b = right;
    const uint64_t strike_a = tn_series_strike(a->id), strike_b = tn_series_strike(b->id);
    if (strike_a != strike_b) return strike_a < strike_b ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id); /* the id has calls before puts */
}

static int by_day(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static bool is_open_option(const struct tn_listed_view *view, uint32_t underlying)
{
    return tn_series_is_option(view->id) && tn_series_underlying(view->id) == underlying &&
           view->status != TN_STATUS_SETTLED;
}

/* Each once, ascending. False: there are more than fit. */
static bool take_days(uint32_t *days, uint32_t *count, const struct tn_exchange *exchange,
                      uint32_t underlying)
{
    struct tn_listed_view view;
    *count = 0;
    for (uint32_t slot = 0; slot < tn_exchange_slots_count(exchange); slot++) {
        tn_exchange_listed_at(exchange, &view, slot);
        if (!is_open_option(&view, underlying)) continue;
        const uint32_t day = tn_series_expiry_day(view.id) + VIEWS_DAY_2020;
        uint32_t at = 0;
        while (at < *count && days[at] != day)
            at++;
        if (at < *count) continue;
        if (*count == VIEWS_DAYS_MAX) return false;
        days[(*count)++] = day;
    }
    qsort(days, *count, sizeof days[0], by_day);
    return true;
}

static bool has_day(const uint32_t *days, uint32_t count, uint32_t day)
{
    for (uint32_t i = 0; i < count; i++) {
        if (days[i] == day) return true;
    }
    return false;
}

/* Returns how many there are, also past the room. */
static uint32_t take_rows(struct views *views, const struct tn_exchange *exchange,
                          uint32_t underlying, uint32_t day)
{
    struct tn_listed_view view;
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < tn_exchange_slots_count(exchange); slot++) {
        tn_exchange_listed_at(exchange, &view, slot);
        if (!is_open_option(&view, underlying) ||
            tn_series_expiry_day(view.id) + VIEWS_DAY_2020 != day) {
            continue;
        }
        if (count < VIEWS_ROWS_MAX) views->room.rows[count] = view;
        count++;
    }
    return count;
}

static void fill_greeks(Tenor__V1__Ticker *ticker, const struct tn_listed_view *row)
{
    const struct port_mark mark = {.series_id = row->id,
                                   .mark_micros = row->mark_micros,
                                   .forward_micros = row->forward_micros,
                                   .left_ms = row->left_ms,
                                   .rate_ppb = row->rate_ppb,
                                   .vol_ppm = row->vol_ppm};
    struct tn_greeks greeks;
    if (!row->is_marked) return;
    port_greeks(&greeks, &mark);
    ticker->mark_micros = row->mark_micros;
    ticker->iv_ppm = row->vol_ppm;
    ticker->delta_ppb = greeks.delta_ppb;
    ticker->gamma_ppt = greeks.gamma_e12;
    ticker->vega_micros = greeks.vega_micros;
    ticker->theta_micros = greeks.theta_micros;
    ticker->band_low = row->band_low;
    ticker->band_high = row->band_high;
}

static void fill_best(Tenor__V1__Ticker *ticker, const struct tn_books *books, uint32_t book)
{
    struct tn_book_level level;
    if (tn_book_depth(books, &level, 1, book, TN_BUY) == 1) {
        ticker->bid_price = level.price;
        ticker->bid_quantity = level.quantity;
    }
    if (tn_book_depth(books, &level, 1, book, TN_SELL) == 1) {
        ticker->ask_price = level.price;
        ticker->ask_quantity = level.quantity;
    }
}

static bool fill_rows(struct views *views, Tenor__V1__Chain *chain,
                      const struct tn_exchange *exchange, uint32_t rows_count)
{
    char symbols[SYMBOLS_MAX][TN_SYMBOL_SIZE];
    struct tn_underlying_view under;
    uint32_t symbols_count = 0;
    void **list;
    while (symbols_count < SYMBOLS_MAX &&
           tn_exchange_underlying_view(exchange, &under, symbols_count + 1))
        memcpy(symbols[symbols_count++], under.symbol, TN_SYMBOL_SIZE);
    if (!views_list(views, &list, &chain->n_rows, rows_count, sizeof(Tenor__V1__Ticker))) {
        return false;
    }
    chain->rows = (Tenor__V1__Ticker **)list;
    for (uint32_t i = 0; i < rows_count; i++) {
        const struct tn_listed_view *row = &views->room.rows[i];
        Tenor__V1__Ticker *ticker = list[i];
        char *name = views_take(views, TN_SERIES_NAME_SIZE);
        if (name == NULL) return false;
        tenor__v1__ticker__init(ticker);
        tn_series_name_format(name, row->id, (const char(*)[TN_SYMBOL_SIZE])symbols, symbols_count);
        ticker->name = name;
        ticker->series_id = row->id;
        ticker->market = chain->market;
        ticker->status = (uint32_t)row->status;
        ticker->open_interest = row->open_interest;
        if (row->is_marked) chain->forward_micros = row->forward_micros;
        fill_greeks(ticker, row);
        fill_best(ticker, tn_exchange_books(exchange), row->book);
    }
    return true;
}

enum wire_error views_chain(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetChain *question)
{
    struct tn_market *market;
    struct tn_underlying_view under;
    uint32_t place, days_count;
    Tenor__V1__Chain *chain = views_take(views, sizeof *chain);
    uint32_t *days = views_take(views, VIEWS_DAYS_MAX * sizeof days[0]);
    if (chain == NULL || days == NULL) return WIRE_ERROR_NO_ROOM;
    if (!views_market(views, &market, &place, question->market)) return WIRE_ERROR_MARKET_UNKNOWN;
    const struct tn_exchange *exchange = tn_market_exchange(market);
    if (!tn_exchange_underlying_view(exchange, &under, question->underlying)) {
        return WIRE_ERROR_UNDERLYING_UNKNOWN;
    }
    if (!take_days(days, &days_count, exchange, question->underlying)) {
        return WIRE_ERROR_ANSWER_TOO_LARGE;
    }
    tenor__v1__chain__init(chain);
    answer->body_case = TENOR__V1__FROM_NODE__BODY_CHAIN;
    answer->chain = chain;
    chain->market = question->market;
    chain->underlying = question->underlying;
    chain->time_ms = tn_chain_heads(views->world->chain)->block.time_ms;
    chain->expiry_days = days;
    chain->n_expiry_days = days_count;
    chain->expiry_day = question->expiry_day;
    if (question->expiry_day == 0) {
        if (days_count == 0) return WIRE_ERROR_NONE; /* no options yet: no rows */
        chain->expiry_day = days[0];
    } else if (!has_day(days, days_count, question->expiry_day)) {
        return WIRE_ERROR_EXPIRY_UNKNOWN;
    }
    uint32_t count = take_rows(views, exchange, question->underlying, chain->expiry_day);
    if (count > VIEWS_ROWS_MAX) return WIRE_ERROR_ANSWER_TOO_LARGE;
    qsort(views->room.rows, count, sizeof views->room.rows[0], by_strike);
    return fill_rows(views, chain, exchange, count) ? WIRE_ERROR_NONE : WIRE_ERROR_NO_ROOM;
}
