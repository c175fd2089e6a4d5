/* A client whose orders of one label go when it is lost, or silent for too long: what a bot is that
 * shares its account with others. It places an order with its label and one with the next label,
 * which is somebody else's, and again when it gets SIGUSR1; it lives until it is killed. What it
 * says, one line each: "rests" when both orders do, "held" when it has sent a fresh standby frame.
 *
 *     client_guarded NET NODE KEYFILE SESSION SERIES_ID PRICE LABEL DEAD_MAN_BLOCKS */
#include "tenor/client.h"
#include "tenor/client_net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PING_MS = 50 };

struct guarded {
    struct tn_client *client;
    uint64_t series_id;
    tn_ticks price;
    uint32_t label;
    bool wants;      /* its orders are to be placed */
    bool waits;      /* they are on their way */
    int64_t ping_ms; /* when it said last that it is alive */
};

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

static void place(struct guarded *bot)
{
    struct tn_command commands[2];
    for (uint32_t i = 0; i < 2; i++) {
        commands[i] = (struct tn_command){.kind = TN_COMMAND_PLACE};
        commands[i].as.terms[0] = (struct tn_order_terms){.series_id = bot->series_id,
                                                          .price = bot->price,
                                                          .quantity = 1,
                                                          .fee_max_ppm = 1000000,
                                                          .label = bot->label + i,
                                                          .side = TN_BUY,
                                                          .type = TN_LIMIT,
                                                          .tif = TN_GTC};
    }
    bot->waits = tn_client_send(bot->client, NULL, 1, commands, 2, TN_WAIT_FINAL) == TN_CLIENT_OK;
}

/* The end of a frame: done, or it came to nothing and is sent anew. */
static void take_frame(struct guarded *bot, const struct tn_frame_news *frame)
{
    if (frame->state == TN_FRAME_SOFT || frame->state == TN_FRAME_AMBIGUOUS) return;
    bot->waits = false;
    if (frame->state != TN_FRAME_FINAL) {
        printf("state %u: %s\n", frame->state, frame->text == NULL ? "" : frame->text);
        return;
    }
    for (uint32_t i = 0; i < frame->events_count; i++) {
        const struct tn_event *event = &frame->events[i];
        if (event->kind == TN_EVENT_RESULT && event->reject != 0) {
            fprintf(stderr, "rejected: %u\n", event->reject);
            exit(1);
        }
    }
    bot->wants = false;
    printf("rests\n");
}

static void heard(void *context, const struct tn_client_news *news)
{
    struct guarded *bot = context;
    if (news->kind == TN_NEWS_FRAME) take_frame(bot, &news->as.frame);
    if (news->kind == TN_NEWS_STANDBY && news->as.standby.is_held) printf("held\n");
    if (news->kind == TN_NEWS_DISCONNECTED) {
        fprintf(stderr, "disconnected: %s\n", news->as.disconnected.why);
        exit(1);
    }
}

/* Every few blocks, whatever else there is to say. */
static void say_alive(struct guarded *bot)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (now_ms - bot->ping_ms < PING_MS) return;
    if (tn_client_ping(bot->client, 2) == TN_CLIENT_OK) bot->ping_ms = now_ms;
}

static int run(struct guarded *bot, const struct tn_client_options *options)
{
    char why[TN_CLIENT_WHY_SIZE];
    bot->client = tn_client_make(options, why);
    if (bot->client == NULL) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    bot->wants = true;
    for (;;) { /* it is killed */
        tn_client_wait(bot->client, PING_MS);
        if (asked) bot->wants = true;
        asked = 0;
        if (tn_client_state(bot->client) != TN_CLIENT_LOGGED_ON) continue;
        say_alive(bot);
        if (bot->wants && !bot->waits) place(bot);
    }
}

int main(int argc, char **argv)
{
    static struct tn_client_net net;
    static struct guarded bot;
    char why[TN_CLIENT_WHY_SIZE];
    if (argc != 9) {
        fprintf(stderr, "usage: client_guarded NET NODE KEYFILE SESSION SERIES_ID PRICE LABEL "
                        "DEAD_MAN_BLOCKS\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, on_signal);
    bot.series_id = strtoull(argv[5], NULL, 10);
    bot.price = strtoll(argv[6], NULL, 10);
    bot.label = (uint32_t)strtoul(argv[7], NULL, 10);
    struct tn_client_options options = {.first_node = (uint32_t)strtoul(argv[2], NULL, 10),
                                        .stay = true,
                                        .market = 1,
                                        .log_on = true,
                                        .session = strtoull(argv[4], NULL, 10),
                                        .on_disconnect = TN_CLIENT_CANCEL_LABEL,
                                        .cancel_label = bot.label,
                                        .dead_man_blocks = (uint32_t)strtoul(argv[8], NULL, 10),
                                        .heartbeat_ms = 60000,
                                        .heard = heard,
                                        .context = &bot};
    if (!tn_client_net_read(&net, argv[1], why) ||
        !tn_client_key_read(&options.key, argv[3], why)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    options.nodes = net.nodes;
    options.nodes_count = net.nodes_count;
    memcpy(options.chain_id, net.chain_id, sizeof options.chain_id);
    return run(&bot, &options);
}
