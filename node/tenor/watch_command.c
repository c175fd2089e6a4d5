/* tenor watch: what happens, a line for each thing, until it is stopped.
 *
 * The client library goes on at another node when one is lost, or when another one leads and what
 * is shown is soft, and subscribes anew; a gap is said on standard error. SIGINT, --count and
 * --seconds end it well. A reader who has gone ends it too. */
#include "commands.h"

#include "tenor/client_book.h"
#include "tenor/client_errors.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 8192, LOOK_MS = 200, SERIES_NAMED_MAX = 32, FOLLOW_MS = 60000 };

struct watching {
    struct thin *thin;
    uint8_t kind; /* of the news that are shown */
    uint64_t left;
    bool is_over, has_led; /* has_led: a leader was found */
    struct tn_client_book book;
    void (*show)(struct watching *watching, const struct tn_client_news *news);
};

struct watch_options {
    uint64_t count, seconds;
    bool soft;
};

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

static void line(struct watching *watching)
{
    output_line(watching->thin->output);
    if (watching->left > 0 && --watching->left == 0) watching->is_over = true;
}

static void hear_leader(struct watching *watching, const struct tn_news_leader *leader)
{
    if (leader->state == TN_LEADER_SOUGHT) {
        watching->book.is_good = false;
    } else if (leader->state == TN_LEADER_NONE) {
        thin_fail(watching->thin, END_AWAY, "for %d s nobody was found to tell what is soft: %s",
                  FOLLOW_MS / 1000, leader->text);
    } else {
        if (watching->has_led) {
            fprintf(stderr,
                    "tenor: market %" PRIu32 " is led by %s in term %" PRIu32 ": going on "
                    "there\n",
                    leader->market, leader->text, leader->term);
        }
        watching->has_led = true;
    }
}

static void hear(void *context, const struct tn_client_news *news)
{
    struct watching *watching = context;
    if (watching->is_over) return;
    if (news->kind == TN_NEWS_DISCONNECTED && news->as.disconnected.is_moving) return;
    if (news->kind == TN_NEWS_LEADER) {
        hear_leader(watching, &news->as.leader);
    } else if (news->kind == TN_NEWS_DISCONNECTED) {
        fprintf(stderr, "tenor: disconnected: %s\n", news->as.disconnected.why);
    } else if (news->kind == TN_NEWS_ERROR) {
        if (news->as.error.code == TN_ERROR_SOFT_ELSEWHERE) {
            thin_fail(watching->thin, END_AWAY, "%s (by --node)", news->as.error.text);
            return;
        }
        fprintf(stderr, "tenor: the node says %" PRIu32 ": %s\n", news->as.error.code,
                news->as.error.text);
    } else if (news->kind == TN_NEWS_SOFT_END) {
        fprintf(stderr,
                "tenor: term %" PRIu32 " has ended here: what was shown of it above batch %" PRIu64
                " may never have been\n",
                news->as.soft_end.term, news->as.soft_end.sequence);
    } else if (news->kind == watching->kind) {
        watching->show(watching, news);
    }
}

static int watch(struct watching *watching, const struct watch_options *with,
                 enum tn_channel channel, const uint64_t *series, uint32_t series_count)
{
    struct thin *thin = watching->thin;
    watching->left = with->count;
    thin->heard = hear;
    thin->heard_context = watching;
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    if (watching->kind != TN_NEWS_ACCOUNT) {
        enum tn_client_result result = tn_client_subscribe(
            thin->client, ++thin->tag, thin_market(thin), channel, series, series_count, 0);
        if (result != TN_CLIENT_OK) {
            thin_fail(thin, END_AWAY, "cannot subscribe: %s", tn_client_result_text(result));
            return thin->end;
        }
    }
    int64_t until_ms =
        with->seconds > 0 ? thin_clock_ms() + (int64_t)with->seconds * 1000 : INT64_MAX;
    /* What is heard may end it too: thin->end says how. */
    while (!watching->is_over && thin->end == END_GOOD && !stop_asked &&
           !output_is_broken(thin->output) && thin_clock_ms() < until_ms) {
        if (!thin_turn_for(thin, LOOK_MS)) return thin->end;
    }
    return thin_done(thin);
}

#define WATCH_OPTIONS(with)                                                                        \
    {"--count", ARGUMENT_NUMBER, &(with).count, UINT64_MAX, "N", "ends after so many (0: never)"}, \
    {                                                                                              \
        "--seconds", ARGUMENT_NUMBER, &(with).seconds, UINT32_MAX, "N", "ends then (0: never)"     \
    }

/* What is soft, the node that leads has: the client goes there, and on to the next one. Who named a
 * node by --node means that one. */
static bool follow(struct watching *watching)
{
    struct thin *thin = watching->thin;
    if (thin->with.node != NULL) return true;
    const enum tn_client_result result =
        tn_client_follow(thin->client, thin_market(thin), FOLLOW_MS);
    if (result == TN_CLIENT_OK) return true;
    return thin_fail(thin, END_AWAY, "cannot follow the leader: %s", tn_client_result_text(result));
}

/* Reads options and the series that are named, connects. */
static bool begin(struct watching *watching, struct watch_options *with, uint64_t *series,
                  uint32_t *series_count, size_t series_min, size_t series_max)
{
    struct thin *thin = watching->thin;
    const struct argument own[] = {WATCH_OPTIONS(*with),
                                   {"--soft", ARGUMENT_FLAG, &with->soft, 0, NULL,
                                    "before it is final, from the node that leads"}};
    const bool may_be_soft = watching->kind == TN_NEWS_BOOK || watching->kind == TN_NEWS_TRADE ||
                             watching->kind == TN_NEWS_TICKER;
    if (!thin_options_stream(thin, own, may_be_soft ? 3 : 2, series_min, series_max)) return false;
    bool is_there = watching->kind == TN_NEWS_ACCOUNT ? thin_log_on(thin) : thin_connect(thin);
    if (!is_there || (with->soft && !follow(watching)) || !thin_series(thin)) return false;
    for (size_t i = 0; i < thin->arguments.words_count; i++) {
        const struct instrument *instrument = thin_find(thin, thin->arguments.words[i]);
        if (instrument == NULL) return false;
        series[(*series_count)++] = instrument->series_id;
    }
    return true;
}

/* ---- What there is to watch -------------------------------------------------------------------
 */

static void show_block(struct watching *watching, const struct tn_client_news *news)
{
    struct output *output = watching->thin->output;
    const struct tn_block_news *block = &news->as.block;
    output_number(output, "height", block->height);
    output_time(output, "time", (int64_t)block->time_ms);
    output_count(output, "batches", block->batches);
    output_count(output, "proposer", block->proposer);
    output_hex(output, "root", block->root, sizeof block->root);
    line(watching);
}

int watch_blocks(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {.thin = thin, .kind = TN_NEWS_BLOCK, .show = show_block};
    uint32_t count = 0;
    if (!begin(&watching, &with, NULL, &count, 0, 0)) return thin->end;
    return watch(&watching, &with, TN_CHANNEL_BLOCKS, NULL, 0);
}

static void put_place(struct thin *thin, bool is_soft, const struct tn_soft_place *soft,
                      uint64_t block)
{
    if (!is_soft) {
        output_number(thin->output, "block", block);
        return;
    }
    output_count(thin->output, "term", soft->term);
    output_number(thin->output, "batch", soft->sequence);
    output_count(thin->output, "index", soft->index);
}

static void show_trade(struct watching *watching, const struct tn_client_news *news)
{
    struct thin *thin = watching->thin;
    const struct tn_trade *trade = &news->as.trade;
    output_time(thin->output, "time", (int64_t)trade->time_ms);
    thin_put_series(thin, trade->series_id);
    output_text(thin->output, "taker", trade->taker == TN_BUY ? "buy" : "sell");
    thin_put_price(thin, "price", trade->series_id, trade->price);
    thin_put_quantity(thin, "quantity", trade->series_id, trade->quantity);
    put_place(thin, trade->is_soft, &trade->soft, trade->block);
    line(watching);
}

int watch_trades(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {.thin = thin, .kind = TN_NEWS_TRADE, .show = show_trade};
    uint64_t series[SERIES_NAMED_MAX];
    uint32_t count = 0;
    if (!begin(&watching, &with, series, &count, 0, SERIES_NAMED_MAX)) return thin->end;
    const enum tn_channel channel = with.soft ? TN_CHANNEL_TRADES_SOFT : TN_CHANNEL_TRADES;
    return watch(&watching, &with, channel, series, count);
}

static void put_side(struct thin *thin, const struct tn_client_book *book, uint8_t side,
                     const char *price, const char *quantity)
{
    if (book->counts[side] == 0) {
        output_none(thin->output, price);
        output_none(thin->output, quantity);
        return;
    }
    thin_put_price(thin, price, book->series_id, book->sides[side][0].price);
    thin_put_quantity(thin, quantity, book->series_id, book->sides[side][0].quantity);
}

static void show_book(struct watching *watching, const struct tn_client_news *news)
{
    struct thin *thin = watching->thin;
    struct tn_client_book *book = &watching->book;
    switch (tn_client_book_take(book, &news->as.book)) {
        case TN_CLIENT_BOOK_OTHER: return;
        case TN_CLIENT_BOOK_OK: break;
        case TN_CLIENT_BOOK_GAP:
        case TN_CLIENT_BOOK_WRONG:
        case TN_CLIENT_BOOK_FULL:
            fprintf(stderr, "tenor: the book has a gap; a new one is on its way\n");
            tn_client_subscribe(thin->client, ++thin->tag, thin_market(thin),
                                book->is_soft ? TN_CHANNEL_BOOK_SOFT : TN_CHANNEL_BOOK,
                                &book->series_id, 1, 0);
            return;
    }
    thin_put_series(thin, book->series_id);
    put_place(thin, book->is_soft, &book->soft, book->block);
    put_side(thin, book, TN_BUY, "bid", "bid_size");
    put_side(thin, book, TN_SELL, "ask", "ask_size");
    output_count(thin->output, "bids", book->counts[TN_BUY]);
    output_count(thin->output, "asks", book->counts[TN_SELL]);
    line(watching);
}

int watch_book(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {.thin = thin, .kind = TN_NEWS_BOOK, .show = show_book};
    uint64_t series[1];
    uint32_t count = 0;
    if (!begin(&watching, &with, series, &count, 1, 1)) return thin->end;
    struct tn_level *levels = calloc(2 * LEVELS_MAX, sizeof *levels);
    if (levels == NULL) {
        thin_fail(thin, END_FAILED, "out of memory");
        return thin->end;
    }
    tn_client_book_init(&watching.book, series[0], levels, LEVELS_MAX);
    watching.book.is_soft = with.soft;
    const enum tn_channel channel = with.soft ? TN_CHANNEL_BOOK_SOFT : TN_CHANNEL_BOOK;
    int end = watch(&watching, &with, channel, series, count);
    thin->heard = NULL;
    free(levels);
    return end;
}

static void show_ticker(struct watching *watching, const struct tn_client_news *news)
{
    struct thin *thin = watching->thin;
    const struct tn_ticker *ticker = &news->as.ticker;
    thin_put_series(thin, ticker->series_id);
    if (ticker->is_soft) put_place(thin, true, &ticker->soft, 0);
    if (ticker->bid_quantity > 0) thin_put_price(thin, "bid", ticker->series_id, ticker->bid_price);
    if (ticker->ask_quantity > 0) thin_put_price(thin, "ask", ticker->series_id, ticker->ask_price);
    if (ticker->is_soft) { /* marks come with blocks */
        if (ticker->last_price > 0) {
            thin_put_price(thin, "last", ticker->series_id, ticker->last_price);
        }
        line(watching);
        return;
    }
    thin_put_of_unit(thin, "mark", ticker->series_id, ticker->mark_micros);
    if (tn_series_is_option(ticker->series_id)) {
        output_decimal(thin->output, "iv_percent", ticker->iv_ppm, 4, 1);
        output_decimal(thin->output, "delta", ticker->delta_ppb, 9, 3);
    }
    thin_put_quantity(thin, "open_interest", ticker->series_id, ticker->open_interest);
    line(watching);
}

int watch_ticker(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {.thin = thin, .kind = TN_NEWS_TICKER, .show = show_ticker};
    uint64_t series[SERIES_NAMED_MAX];
    uint32_t count = 0;
    if (!begin(&watching, &with, series, &count, 0, SERIES_NAMED_MAX)) return thin->end;
    const enum tn_channel channel = with.soft ? TN_CHANNEL_TICKER_SOFT : TN_CHANNEL_TICKER;
    return watch(&watching, &with, channel, series, count);
}

static void show_account(struct watching *watching, const struct tn_client_news *news)
{
    struct thin *thin = watching->thin;
    const struct tn_account_event *event = &news->as.account;
    output_number(thin->output, "block", event->at.block);
    output_count(thin->output, "index", event->at.index);
    output_time(thin->output, "time", (int64_t)event->time_ms);
    if (event->nonce != 0) output_number(thin->output, "nonce", event->nonce);
    thin_put_event(thin, &event->event);
    line(watching);
}

int watch_account(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {.thin = thin, .kind = TN_NEWS_ACCOUNT, .show = show_account};
    uint32_t count = 0;
    if (!begin(&watching, &with, NULL, &count, 0, 0)) return thin->end;
    return watch(&watching, &with, TN_CHANNEL_BLOCKS, NULL, 0);
}

static void show_liquidation(struct watching *watching, const struct tn_client_news *news)
{
    struct thin *thin = watching->thin;
    const struct tn_liquidation_news *one = &news->as.liquidation;
    output_time(thin->output, "time", (int64_t)one->time_ms);
    output_count(thin->output, "account", one->account);
    output_money(thin->output, "equity", one->equity_micros);
    output_money(thin->output, "maintenance", one->maintenance_micros);
    thin_put_event(thin, &one->event);
    line(watching);
}

int watch_liquidations(struct thin *thin)
{
    struct watch_options with = {0};
    struct watching watching = {
        .thin = thin, .kind = TN_NEWS_LIQUIDATION, .show = show_liquidation};
    uint32_t count = 0;
    if (!begin(&watching, &with, NULL, &count, 0, 0)) return thin->end;
    return watch(&watching, &with, TN_CHANNEL_LIQUIDATIONS, NULL, 0);
}
