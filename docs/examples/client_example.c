/* A bot of one page on tenor/client.h: it keeps the book of a series, and one bid of its own behind
 * the best of others, moving with it; what is executed for its account it prints.
 *
 *     client_example NET MARKET SERIES KEYFILE SESSION [SECONDS]
 *     client_example net 1 BTC-PERP bot.key 4294967297 30
 *
 * NET is a folder with client.conf, as `tenord testnet` writes it; `tenor faucet` makes an account
 * and a session, `tenor session export --out bot.key` the file of its key, and says its number.
 * Read it from main() upwards. */
#include "tenor/client.h"
#include "tenor/client_book.h"
#include "tenor/client_net.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEVELS = 1024, BEHIND_TICKS = 10 };
enum { TAG_INSTRUMENTS = 1, TAG_BOOK = 2, TAG_ORDER = 3 };

struct bot {
    struct tn_client *client;
    const char *name; /* of the series */
    uint64_t series_id;
    struct tn_level levels[2 * LEVELS];
    struct tn_client_book book;
    uint64_t order_id; /* of our bid; 0: it does not rest */
    tn_ticks price;    /* that it has */
    bool waits;        /* a frame has no answer yet: one thing after another */
    uint64_t fills;
};

/* ---- 4. Decide. One frame on its way at a time; the next news comes soon enough. */
static void move_bid(struct bot *bot)
{
    struct tn_command commands[2];
    uint32_t count = 0;
    if (bot->waits || !bot->book.is_good || bot->book.counts[TN_BUY] == 0) return;
    tn_ticks best = bot->book.sides[TN_BUY][0].price;
    tn_ticks wanted = best - BEHIND_TICKS;
    if (wanted < 1 || (bot->order_id != 0 && wanted == bot->price)) return;
    if (bot->order_id != 0) {
        commands[count] = (struct tn_command){.kind = TN_COMMAND_CANCEL};
        commands[count++].as.cancel.order_id = bot->order_id;
    }
    commands[count] = (struct tn_command){.kind = TN_COMMAND_PLACE};
    commands[count++].as.terms[0] = (struct tn_order_terms){.series_id = bot->series_id,
                                                            .price = wanted,
                                                            .quantity = 1,
                                                            .fee_max_ppm = 10000,
                                                            .side = TN_BUY,
                                                            .type = TN_LIMIT,
                                                            .tif = TN_GTC,
                                                            .post = TN_POST_REJECT};
    /* Both commands stand in one frame: one signature, in this order, nothing in between. */
    enum tn_client_result result =
        tn_client_send(bot->client, NULL, TAG_ORDER, commands, count, TN_WAIT_SOFT_AND_FINAL);
    if (result != TN_CLIENT_OK) {
        printf("not sent: %s\n", tn_client_result_text(result));
        return;
    }
    bot->waits = true;
    bot->price = wanted;
}

/* ---- 3. What became of a frame: soft within a millisecond, final with its block. */
static void take_frame(struct bot *bot, const struct tn_frame_news *frame)
{
    if (frame->state == TN_FRAME_SOFT) {
        for (uint32_t i = 0; i < frame->events_count; i++) {
            const struct tn_event *event = &frame->events[i];
            if (event->kind == TN_EVENT_ACCEPTED) {
                bot->order_id = event->order_id;
                printf("bids one lot at %" PRId64 "\n", event->price);
            }
            if (event->kind == TN_EVENT_CANCELLED && event->order_id == bot->order_id)
                bot->order_id = 0;
            if (event->kind == TN_EVENT_RESULT && event->reject != 0)
                printf("command %u rejected: %u\n", event->index, event->reject);
        }
        bot->waits = false;
    } else if (frame->state == TN_FRAME_AMBIGUOUS) {
        printf("nonce %" PRIu64 ": the connection broke; the next one tells\n", frame->nonce);
    } else if (frame->state != TN_FRAME_FINAL) {
        /* Refused, reverted, not executed: what we thought of our order may be wrong. The safe
         * thing is to start anew; on this connection, or on the next one. */
        printf("nonce %" PRIu64 " came to nothing: %s\n", frame->nonce, frame->text);
        bot->waits = false;
        bot->order_id = 0;
    }
}

/* ---- 2. Everything that happens comes here, in order. */
static void heard(void *context, const struct tn_client_news *news)
{
    struct bot *bot = context;
    if (news->kind == TN_NEWS_LOGGED_ON) {
        const struct tn_question series = {.kind = TN_ASK_INSTRUMENTS};
        printf("account %u on node %u\n", news->as.logged_on.account, tn_client_node(bot->client));
        /* Our standby frame has cancelled what rested, if the last connection was lost. */
        bot->order_id = 0;
        bot->waits = false;
        if (bot->series_id == 0) (void)tn_client_ask(bot->client, TAG_INSTRUMENTS, &series);
    } else if (news->kind == TN_NEWS_INSTRUMENTS && bot->series_id == 0) {
        for (uint32_t i = 0; i < news->as.instruments.count; i++) {
            const struct tn_instrument *one = &news->as.instruments.list[i];
            if (strcmp(one->name, bot->name) == 0) bot->series_id = one->series_id;
        }
        tn_client_book_init(&bot->book, bot->series_id, bot->levels, LEVELS);
        /* Remembered: it is subscribed to again on each connection. */
        if (bot->series_id != 0)
            (void)tn_client_subscribe(bot->client, TAG_BOOK, 0, TN_CHANNEL_BOOK, &bot->series_id, 1,
                                      0);
    } else if (news->kind == TN_NEWS_BOOK) {
        enum tn_client_book_step step = tn_client_book_take(&bot->book, &news->as.book);
        if (step == TN_CLIENT_BOOK_GAP || step == TN_CLIENT_BOOK_WRONG)
            (void)tn_client_subscribe(bot->client, TAG_BOOK, 0, TN_CHANNEL_BOOK, &bot->series_id, 1,
                                      0);
    } else if (news->kind == TN_NEWS_FRAME) {
        take_frame(bot, &news->as.frame);
    } else if (news->kind == TN_NEWS_ACCOUNT && news->as.account.event.kind == TN_EVENT_TRADE) {
        const struct tn_event *trade = &news->as.account.event;
        printf("block %" PRIu64 ": %" PRId64 " lots at %" PRId64 "\n", news->as.account.at.block,
               trade->quantity, trade->price);
        bot->fills++;
        bot->order_id = 0;
    } else if (news->kind == TN_NEWS_DISCONNECTED) {
        printf("node %u: %s\n", news->as.disconnected.node, news->as.disconnected.why);
    } else if (news->kind == TN_NEWS_ERROR) {
        printf("refused: %s (%u)\n", news->as.error.text, news->as.error.code);
    }
}

/* ---- 1. Options, a client, the loop. */
static int run(struct bot *bot, struct tn_client_options *options, int seconds)
{
    char why[TN_CLIENT_WHY_SIZE];
    const struct tn_command everything = {.kind = TN_COMMAND_MASS_CANCEL};
    time_t end = time(NULL) + seconds;
    bot->client = tn_client_make(options, why);
    if (bot->client == NULL) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    while (time(NULL) < end && tn_client_state(bot->client) != TN_CLIENT_CLOSED) {
        tn_client_wait(bot->client, 100); /* polls, then hears */
        move_bid(bot);
    }
    /* A clean end: cancel, wait until that is final, log off. */
    (void)tn_client_send(bot->client, NULL, TAG_ORDER, &everything, 1, TN_WAIT_FINAL);
    for (int i = 0; i < 100 && tn_client_flight_count(bot->client) > 0; i++)
        tn_client_wait(bot->client, 50);
    tn_client_close(bot->client);
    for (int i = 0; i < 100 && tn_client_state(bot->client) != TN_CLIENT_CLOSED; i++)
        tn_client_wait(bot->client, 50);
    printf("%" PRIu64 " fills\n", bot->fills);
    tn_client_free(bot->client);
    return 0;
}

int main(int argc, char **argv)
{
    static struct tn_client_net net;
    static struct bot bot;
    char why[TN_CLIENT_WHY_SIZE];
    if (argc < 6) {
        fprintf(stderr, "usage: client_example NET MARKET SERIES KEYFILE SESSION [SECONDS]\n");
        return 2;
    }
    struct tn_client_options options = {.market = (uint32_t)strtoul(argv[2], NULL, 10),
                                        .log_on = true,
                                        .session = strtoull(argv[5], NULL, 10),
                                        .on_disconnect = TN_CLIENT_CANCEL_ALL,
                                        .dead_man_blocks = 1000,
                                        .heartbeat_ms = 2000,
                                        .valid_blocks = 200,
                                        .heard = heard,
                                        .context = &bot};
    bot.name = argv[3];
    if (!tn_client_net_read(&net, argv[1], why) ||
        !tn_client_key_read(&options.key, argv[4], why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    options.nodes = net.nodes;
    options.nodes_count = net.nodes_count;
    memcpy(options.chain_id, net.chain_id, sizeof options.chain_id);
    return run(&bot, &options, argc > 6 ? atoi(argv[6]) : 30);
}
