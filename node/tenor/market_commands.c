/* tenor markets, chain, book, ticker, trades: what can be traded, and at what. */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TRADES_MAX = 500, DEPTH_MAX = 8192 };

static const char *status_text(uint8_t status)
{
    const char *name = tn_status_name((enum tn_status)status);
    return name == NULL ? "unknown" : name;
}

/* ---- Series -----------------------------------------------------------------------------------
 */

static void put_instrument(struct thin *thin, const struct instrument *instrument)
{
    static const char *const kinds[] = {
        [TN_PERPETUAL] = "perpetual", [TN_FUTURE] = "future", [TN_CALL] = "call", [TN_PUT] = "put"};
    char text[DECIMAL_SIZE];
    struct output *output = thin->output;
    output_row(output);
    output_text(output, "series", instrument->name);
    output_text(output, "kind", instrument->kind <= TN_PUT ? kinds[instrument->kind] : "unknown");
    output_text(output, "status", status_text(instrument->status));
    if (instrument->expiry_ms > 0) output_time(output, "expiry", instrument->expiry_ms);
    if (tn_series_is_option(instrument->series_id)) {
        output_decimal(output, "strike", instrument->strike_micros, 6, 0);
    }
    output_decimal(output, "tick", instrument->tick_micros, 6, 0);
    output_text(output, "lot", instrument_quantity_text(text, instrument, 1));
    output_number(output, "series_id", instrument->series_id);
}

int market_list(struct thin *thin)
{
    const char *underlying = NULL;
    bool is_all = false;
    uint32_t listed = 0;
    const struct argument own[] = {
        {"--underlying", ARGUMENT_TEXT, &underlying, 0, "SYMBOL", "of this one only"},
        {"--all", ARGUMENT_FLAG, &is_all, 0, NULL, "settled series too"},
    };
    if (!thin_options(thin, own, 2, 0, 0) || !thin_connect(thin)) return thin->end;
    if (!thin_series(thin)) return thin->end;
    output_table(thin->output, "series",
                 "series kind?? status expiry strike# tick# lot# series_id#?");
    for (uint32_t i = 0; i < thin->instruments.count; i++) {
        const struct instrument *one = &thin->instruments.list[i];
        if (underlying != NULL && strcasecmp(one->underlying, underlying) != 0) continue;
        if (one->status == TN_STATUS_SETTLED && !is_all) continue;
        put_instrument(thin, one);
        listed++;
    }
    if (underlying != NULL && listed == 0) {
        thin_fail(thin, END_REFUSED,
                  "no series of '%.40s' is listed in market %" PRIu32 "; tenor "
                  "markets shows all",
                  underlying, thin_market(thin));
        return thin->end;
    }
    output_table_end(thin->output);
    return thin_done(thin);
}

/* ---- Tickers ----------------------------------------------------------------------------------
 */

static void put_quote(struct thin *thin, const struct tn_ticker *ticker)
{
    if (ticker->bid_quantity > 0) {
        thin_put_quantity(thin, "bid_size", ticker->series_id, ticker->bid_quantity);
        thin_put_price(thin, "bid", ticker->series_id, ticker->bid_price);
    }
    if (ticker->ask_quantity > 0) {
        thin_put_price(thin, "ask", ticker->series_id, ticker->ask_price);
        thin_put_quantity(thin, "ask_size", ticker->series_id, ticker->ask_quantity);
    }
    thin_put_of_unit(thin, "mark", ticker->series_id, ticker->mark_micros);
}

static void put_risk(struct thin *thin, const struct tn_ticker *ticker)
{
    output_decimal(thin->output, "iv_percent", ticker->iv_ppm, 4, 1);
    output_decimal(thin->output, "delta", ticker->delta_ppb, 9, 3);
    output_decimal(thin->output, "gamma", ticker->gamma_ppt, 12, 6);
    output_money(thin->output, "vega", ticker->vega_micros);
    output_money(thin->output, "theta", ticker->theta_micros);
}

static bool put_chain(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_chain_news *chain = &news->as.chain;
    if (news->kind != TN_NEWS_CHAIN) return false;
    output_money(thin->output, "forward", chain->forward_micros);
    output_time(thin->output, "time", (int64_t)chain->time_ms);
    output_table(thin->output, "chain",
                 "series bid_size#?? bid# ask# ask_size#?? mark# iv_percent# "
                 "delta# gamma#? vega#? theta#? last#? volume#? interest#?");
    for (uint32_t i = 0; i < chain->rows_count; i++) {
        const struct tn_ticker *row = &chain->rows[i];
        output_row(thin->output);
        thin_put_series(thin, row->series_id);
        put_quote(thin, row);
        put_risk(thin, row);
        if (row->last_price > 0) thin_put_price(thin, "last", row->series_id, row->last_price);
        thin_put_quantity(thin, "volume", row->series_id, (tn_lots)row->volume);
        thin_put_quantity(thin, "interest", row->series_id, row->open_interest);
    }
    output_table_end(thin->output);
    return true;
}

static const struct instrument *nearest_option(const struct thin *thin, const char *underlying)
{
    const struct instrument *found = NULL;
    for (uint32_t i = 0; i < thin->instruments.count; i++) {
        const struct instrument *one = &thin->instruments.list[i];
        if (!tn_series_is_option(one->series_id) || one->status == TN_STATUS_SETTLED) continue;
        if (underlying != NULL && strcasecmp(one->underlying, underlying) != 0) continue;
        if (found == NULL || one->expiry_ms < found->expiry_ms) found = one;
    }
    return found;
}

/* "BTC", "BTC-25DEC26", or nothing: the market's first expiry. */
static bool find_expiry(struct thin *thin, struct tn_question *question, const char *text)
{
    const char *dash = text == NULL ? NULL : strchr(text, '-');
    if (dash == NULL) {
        const struct instrument *nearest = nearest_option(thin, text);
        if (nearest == NULL) {
            return thin_fail(thin, END_REFUSED,
                             "there are no options%s%s in market %" PRIu32 "; see tenor markets",
                             text == NULL ? "" : " of ", text == NULL ? "" : text,
                             thin_market(thin));
        }
        question->underlying = nearest->underlying_id;
        question->expiry_day = nearest->expiry_day;
        return true;
    }
    for (uint32_t i = 0; i < thin->instruments.count; i++) {
        const struct instrument *one = &thin->instruments.list[i];
        size_t length = strlen(text);
        if (!tn_series_is_option(one->series_id)) continue;
        if (strncasecmp(one->name, text, length) != 0 || one->name[length] != '-') continue;
        question->underlying = one->underlying_id;
        question->expiry_day = one->expiry_day;
        return true;
    }
    return thin_fail(thin, END_REFUSED, "no options are listed as '%.40s'; see tenor markets",
                     text);
}

int market_chain(struct thin *thin)
{
    struct tn_question question = {.kind = TN_ASK_CHAIN};
    if (!thin_options(thin, NULL, 0, 0, 1) || !thin_connect(thin)) return thin->end;
    if (!thin_series(thin)) return thin->end;
    question.market = thin_market(thin);
    const char *text = thin->arguments.words_count > 0 ? thin->arguments.words[0] : NULL;
    if (!find_expiry(thin, &question, text)) return thin->end;
    if (!thin_ask(thin, &question, put_chain, thin)) return thin->end;
    return thin_done(thin);
}

struct ticker_wait {
    struct thin *thin;
    uint64_t series_id;
};

static bool put_ticker(void *context, const struct tn_client_news *news)
{
    const struct ticker_wait *wait = context;
    struct thin *thin = wait->thin;
    const struct tn_ticker *ticker = &news->as.ticker;
    if (news->kind != TN_NEWS_TICKER || ticker->series_id != wait->series_id) return false;
    thin_put_series(thin, ticker->series_id);
    output_text(thin->output, "status", status_text(ticker->status));
    put_quote(thin, ticker);
    if (ticker->last_price > 0) {
        thin_put_price(thin, "last", ticker->series_id, ticker->last_price);
    }
    if (tn_series_is_option(ticker->series_id)) put_risk(thin, ticker);
    thin_put_quantity(thin, "volume", ticker->series_id, (tn_lots)ticker->volume);
    thin_put_quantity(thin, "open_interest", ticker->series_id, ticker->open_interest);
    if (ticker->band_high > 0) {
        thin_put_price(thin, "band_low", ticker->series_id, ticker->band_low);
        thin_put_price(thin, "band_high", ticker->series_id, ticker->band_high);
    }
    return true;
}

/* There is no question for a ticker: the snapshot of its channel is the answer. */
int market_ticker(struct thin *thin)
{
    if (!thin_options(thin, NULL, 0, 1, 1) || !thin_connect(thin)) return thin->end;
    const struct instrument *instrument = thin_find(thin, thin->arguments.words[0]);
    if (instrument == NULL) return thin->end;
    struct ticker_wait wait = {.thin = thin, .series_id = instrument->series_id};
    thin->wait = (struct thin_wait){.tag = ++thin->tag, .take = put_ticker, .context = &wait};
    enum tn_client_result result =
        tn_client_subscribe(thin->client, thin->tag, thin_market(thin), TN_CHANNEL_TICKER,
                            &instrument->series_id, 1, 0);
    if (result != TN_CLIENT_OK) {
        thin->wait.take = NULL;
        thin_fail(thin, END_AWAY, "cannot ask: %s", tn_client_result_text(result));
        return thin->end;
    }
    if (!thin_turn_until_done(thin, (int64_t)thin->with.seconds * 1000, "the ticker")) {
        return thin->end;
    }
    return thin_done(thin);
}

/* ---- Books and trades -------------------------------------------------------------------------
 */

static bool put_book(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    const struct tn_book_news *book = &news->as.book;
    if (news->kind != TN_NEWS_BOOK) return false;
    thin_put_series(thin, book->series_id);
    output_number(thin->output, "block", book->block);
    output_table(thin->output, "levels", "side price# quantity#");
    for (uint32_t i = book->asks_count; i > 0; i--) {
        output_row(thin->output);
        output_text(thin->output, "side", "ask");
        thin_put_price(thin, "price", book->series_id, book->asks[i - 1].price);
        thin_put_quantity(thin, "quantity", book->series_id, book->asks[i - 1].quantity);
    }
    for (uint32_t i = 0; i < book->bids_count; i++) {
        output_row(thin->output);
        output_text(thin->output, "side", "bid");
        thin_put_price(thin, "price", book->series_id, book->bids[i].price);
        thin_put_quantity(thin, "quantity", book->series_id, book->bids[i].quantity);
    }
    output_table_end(thin->output);
    return true;
}

int market_book(struct thin *thin)
{
    uint64_t depth = 10;
    const struct argument own[] = {
        {"--depth", ARGUMENT_NUMBER, &depth, DEPTH_MAX, "N", "levels of each side (10)"}};
    if (!thin_options(thin, own, 1, 1, 1) || !thin_connect(thin)) return thin->end;
    const struct instrument *instrument = thin_find(thin, thin->arguments.words[0]);
    if (instrument == NULL) return thin->end;
    const struct tn_question question = {.kind = TN_ASK_BOOK,
                                         .market = thin_market(thin),
                                         .series_id = instrument->series_id,
                                         .depth = (uint32_t)depth};
    if (!thin_ask(thin, &question, put_book, thin)) return thin->end;
    return thin_done(thin);
}

static bool put_trades(void *context, const struct tn_client_news *news)
{
    struct thin *thin = context;
    if (news->kind != TN_NEWS_TRADES) return false;
    output_table(thin->output, "trades", "time series taker price# quantity# block#?");
    for (uint32_t i = 0; i < news->as.trades.count; i++) {
        const struct tn_trade *trade = &news->as.trades.list[i];
        output_row(thin->output);
        output_time(thin->output, "time", (int64_t)trade->time_ms);
        thin_put_series(thin, trade->series_id);
        output_text(thin->output, "taker", trade->taker == TN_BUY ? "buy" : "sell");
        thin_put_price(thin, "price", trade->series_id, trade->price);
        thin_put_quantity(thin, "quantity", trade->series_id, trade->quantity);
        output_number(thin->output, "block", trade->block);
    }
    output_table_end(thin->output);
    return true;
}

int market_trades(struct thin *thin)
{
    uint64_t count = 20;
    struct tn_question question = {.kind = TN_ASK_TRADES};
    const struct argument own[] = {
        {"--count", ARGUMENT_NUMBER, &count, TRADES_MAX, "N", "the last so many (20)"}};
    if (!thin_options(thin, own, 1, 0, 1) || !thin_connect(thin)) return thin->end;
    if (!thin_series(thin)) return thin->end;
    question.market = thin_market(thin);
    question.count = (uint32_t)count;
    if (thin->arguments.words_count > 0) {
        const struct instrument *instrument = thin_find(thin, thin->arguments.words[0]);
        if (instrument == NULL) return thin->end;
        question.series_id = instrument->series_id;
    }
    if (!thin_ask(thin, &question, put_trades, thin)) return thin->end;
    return thin_done(thin);
}
