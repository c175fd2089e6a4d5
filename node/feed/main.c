/* tenor-feed: connects, defines the markets of an empty testnet, and reports.
 *
 * One connection a market, each to another node first: a connection takes so many items a second.
 * The client library reconnects; a report that cannot be sent is dropped and counted, because the
 * next one is better. */
#include "feed/feed.h"

#include "clock.h"
#include "http/http.h"
#include "standard_files.h"
#include "tenor/arguments.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { END_GOOD = 0, END_FAILED = 1, END_REFUSED = 2, END_AWAY = 4 };
enum { TELL_MS = 60000, LOOK_MS = 1000, STEP_MS = 50 };

_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "tenor-feed: bug at %s:%d: %s\n", file, line, what);
    abort();
}

/* ---- Time and turns ---------------------------------------------------------------------------
 */

int64_t feed_clock_ms(void)
{
    return monotonic_ms();
}

int64_t feed_unix_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

bool feed_is_stopped(void)
{
    return stop_asked != 0;
}

bool feed_turn(struct feed *feed, int64_t wait_ms, int also)
{
    struct pollfd polls[FEED_MARKETS_MAX + 1];
    int64_t now_ms = feed_clock_ms();
    nfds_t count = feed->markets_count;
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        const struct tn_client *client = feed->markets[i].client;
        int64_t timeout_ms = tn_client_timeout(client, now_ms);
        if (timeout_ms >= 0 && timeout_ms < wait_ms) wait_ms = timeout_ms;
        polls[i] = (struct pollfd){.fd = tn_client_fd(client), .events = tn_client_events(client)};
    }
    polls[count] = (struct pollfd){.fd = also, .events = POLLIN};
    if (also >= 0) count++;
    int ready = poll(polls, count, wait_ms < 0 ? 0 : (int)wait_ms);
    now_ms = feed_clock_ms();
    for (uint32_t i = 0; i < feed->markets_count; i++)
        tn_client_turn(feed->markets[i].client, now_ms);
    return ready > 0 && also >= 0 && polls[feed->markets_count].revents != 0;
}

bool feed_until(struct feed *feed, const bool *what, int64_t wait_ms)
{
    int64_t until_ms = feed_clock_ms() + wait_ms;
    while (!*what && feed_clock_ms() < until_ms && !feed_is_stopped())
        feed_turn(feed, STEP_MS, -1);
    return *what;
}

/* ---- Hearing ----------------------------------------------------------------------------------
 */

static void take_instruments(struct feed_market *market, const struct tn_client_news *news)
{
    market->is_asked = false;
    market->series_count = news->as.instruments.count;
    for (uint32_t i = 0; i < news->as.instruments.count; i++) {
        const struct tn_instrument *one = &news->as.instruments.list[i];
        if (one->kind == TN_PERPETUAL || !market->has_series) {
            market->underlying = (uint16_t)one->underlying_id;
            snprintf(market->symbol, sizeof market->symbol, "%s", one->underlying);
        }
        market->has_series = true;
        if (tn_series_is_option(one->series_id)) market->has_options = true;
    }
}

static void take_item(struct feed_market *market, uint8_t answer)
{
    struct feed_counts *counts = &market->feed->counts;
    if (market->pending > 0) market->pending--;
    if (answer == TN_ITEM_TAKEN)
        feed_count(counts, FEED_COUNT_TAKEN);
    else if (answer == TN_ITEM_KNOWN)
        feed_count(counts, FEED_COUNT_KNOWN);
    else if (answer == TN_ITEM_INVALID)
        feed_count(counts, FEED_COUNT_INVALID);
    else
        feed_count(counts, FEED_COUNT_NO_ROOM);
}

static void hear(void *context, const struct tn_client_news *news)
{
    struct feed_market *market = context;
    struct feed *feed = market->feed;
    if (news->kind == TN_NEWS_CONNECTED) {
        market->is_connected = true;
        market->pending = 0;
        market->is_asked = false;
    } else if (news->kind == TN_NEWS_DISCONNECTED) {
        feed_count_many(&feed->counts, FEED_COUNT_UNANSWERED, market->pending);
        feed_count(&feed->counts, FEED_COUNT_LOST);
        market->is_connected = false;
        market->pending = 0;
        market->is_asked = false;
        snprintf(feed->why, sizeof feed->why, "%s", news->as.disconnected.why);
        if (market->is_told) fprintf(stderr, "tenor-feed: %s\n", feed->why);
    } else if (news->kind == TN_NEWS_ERROR) {
        if (news->tag == FEED_TAG_SERIES) market->is_asked = false; /* it is asked again */
        if (news->tag == FEED_TAG_ITEM) {
            if (market->pending > 0) market->pending--;
            feed_count_error(&feed->counts, news->as.error.code);
        }
    } else if (news->kind == TN_NEWS_ITEM) {
        take_item(market, news->as.item.answer);
    } else if (news->kind == TN_NEWS_INSTRUMENTS) {
        take_instruments(market, news);
    } else if (news->kind == TN_NEWS_CLUSTER) {
        feed->governance_number = news->as.cluster.governance_number;
        feed->governance_known = 1;
    }
}

bool feed_ask_series(struct feed_market *market)
{
    const struct tn_question question = {.kind = TN_ASK_INSTRUMENTS, .market = market->number};
    if (market->is_asked) return true;
    market->is_asked = tn_client_ask(market->client, FEED_TAG_SERIES, &question) == TN_CLIENT_OK;
    return market->is_asked;
}

bool feed_find(const struct feed *feed, const char *symbol, uint16_t *underlying, uint32_t *place)
{
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        if (strcmp(feed->markets[i].symbol, symbol) != 0) continue;
        *underlying = feed->markets[i].underlying;
        *place = i;
        return true;
    }
    return false;
}

/* ---- Opening ----------------------------------------------------------------------------------
 */

static int refuse(const char *why)
{
    fprintf(stderr, "tenor-feed: %s\n", why);
    return END_REFUSED;
}

static bool open_market(struct feed *feed, uint32_t place)
{
    struct feed_market *market = &feed->markets[place];
    market->feed = feed;
    market->place = place;
    market->number = feed->net.markets[place];
    market->underlying = 1;
    feed_scene(&market->scene, market->number);
    feed_walk_begin(&market->walk, market->scene.spot_micros, feed->options.seed * 1000 + place);
    struct tn_client_options options = {.nodes = feed->net.nodes,
                                        .nodes_count = feed->net.nodes_count,
                                        .first_node = place,
                                        .market = market->number,
                                        .heard = hear,
                                        .context = market};
    memcpy(options.chain_id, feed->net.chain_id, sizeof options.chain_id);
    market->client = tn_client_make(&options, feed->why);
    return market->client != NULL;
}

static int open_all(struct feed *feed)
{
    const char *folder = feed->options.net != NULL ? feed->options.net : getenv("TENOR_NET");
    if (folder == NULL) return refuse("where is the net? --net DIR, or TENOR_NET");
    if (!tn_client_net_read(&feed->net, folder, feed->why)) return refuse(feed->why);
    if (feed->net.feeders_count == 0) return refuse("client.conf names no feeder's key");
    if (feed->net.markets_count == 0 || feed->net.markets_count > FEED_MARKETS_MAX) {
        return refuse("client.conf names no market, or more than 16");
    }
    for (uint32_t i = 0; i < feed->net.feeders_count; i++) {
        if (!tn_client_key_read(&feed->keys[i], feed->net.feeders[i], feed->why)) {
            return refuse(feed->why);
        }
    }
    feed->can_govern = feed->net.governance[0] != '\0';
    if (feed->can_govern &&
        !tn_client_key_read(&feed->governance, feed->net.governance, feed->why)) {
        return refuse(feed->why);
    }
    for (uint32_t i = 0; i < feed->net.markets_count; i++) {
        if (!open_market(feed, i)) return refuse(feed->why);
        feed->markets_count++;
    }
    return END_GOOD;
}

static int connect_all(struct feed *feed)
{
    int64_t until_ms = feed_clock_ms() + (int64_t)feed->options.timeout_s * 1000;
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        if (feed_until(feed, &feed->markets[i].is_connected, until_ms - feed_clock_ms())) continue;
        if (feed_is_stopped()) return END_GOOD;
        fprintf(stderr, "tenor-feed: not connected: %s\n",
                feed->why[0] != '\0' ? feed->why : "no node answers");
        return END_AWAY;
    }
    return END_GOOD;
}

/* ---- Running ----------------------------------------------------------------------------------
 */

/* Once a market: options are listed, so prices have come to the exchange. */
static void tell(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        if (market->is_told || !market->has_options) {
            int64_t now_ms = feed_clock_ms();
            if (!market->has_options && market->is_connected &&
                now_ms - market->asked_ms > LOOK_MS) {
                market->asked_ms = now_ms;
                feed_ask_series(market);
            }
            continue;
        }
        market->is_told = true;
        printf("prices flow: market %u, %s at %lld, %u series\n", market->number, market->symbol,
               (long long)(market->walk.spot_micros / 1000000), market->series_count);
        fflush(stdout);
    }
}

static void run_simulation(struct feed *feed)
{
    int64_t begun_ms = feed_clock_ms(), last_ms = begun_ms, told_ms = begun_ms;
    int64_t interval_ms = (int64_t)feed->options.interval_ms;
    int64_t until_ms =
        feed->options.seconds == 0 ? INT64_MAX : begun_ms + (int64_t)feed->options.seconds * 1000;
    feed_simulate(feed, 0);
    while (!feed_is_stopped() && feed_clock_ms() < until_ms) {
        int64_t now_ms = feed_clock_ms();
        if (now_ms - last_ms >= interval_ms) {
            feed_simulate(feed, now_ms - last_ms);
            last_ms = now_ms;
        }
        tell(feed);
        if (now_ms - told_ms >= TELL_MS && !feed->options.quiet) {
            told_ms = now_ms;
            feed_counts_print(stdout, &feed->counts);
        }
        feed_turn(feed, interval_ms - (feed_clock_ms() - last_ms), -1);
    }
}

static int run(struct feed *feed)
{
    int end = open_all(feed);
    if (end != END_GOOD) return end;
    end = connect_all(feed);
    if (end != END_GOOD || feed_is_stopped()) return end;
    if (!feed_setup(feed)) return feed_is_stopped() ? END_GOOD : END_FAILED;
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        if (feed->options.setup == 1 || !feed->options.quiet) {
            printf("market %u: %s, %u series\n", feed->markets[i].number, feed->markets[i].symbol,
                   feed->markets[i].series_count);
        }
    }
    fflush(stdout);
    if (feed->options.setup == 1) return END_GOOD;
    bool is_good = true;
    if (feed->options.csv != NULL)
        is_good = feed_run_csv(feed, feed->options.csv);
    else if (feed->options.pipe)
        is_good = feed_run_pipe(feed, STDIN_FILENO);
    else
        run_simulation(feed);
    if (!feed->options.quiet) feed_counts_print(stdout, &feed->counts);
    return is_good ? END_GOOD : END_REFUSED;
}

static const struct command about = {
    "",
    "--net DIR",
    "Reports spot, forwards, volatility surfaces and rates of all markets of a net, signed by its\n"
    "feeders: of a simulated market, of a CSV history, or of JSON lines on standard input.\n"
    "Defines the markets first when they have no series (on a testnet).",
    "tenor-feed --net net                    a simulated market, until it is stopped\n"
    "tenor-feed --net net --setup only       define the markets and end\n"
    "tenor-feed --net net --csv history.csv --speed 60\n"
    "source | tenor-feed --net net --pipe    one JSON object a line, docs/feeds.md\n",
    NULL,
    NULL};

int main(int arguments_count, char **arguments)
{
    static struct feed feed;
    struct feed_options *with = &feed.options;
    standard_files_hold();
    *with = (struct feed_options){
        .interval_ms = 500, .seed = 1, .noise_ppm = 20, .speed = 1, .timeout_s = 60};
    const struct argument options[] = {
        {"--net", ARGUMENT_TEXT, &with->net, 0, "DIR", "a testnet's folder (env TENOR_NET)"},
        {"--setup", ARGUMENT_CHOICE, &with->setup, 0, "auto|only|never", "define markets (auto)"},
        {"--interval-ms", ARGUMENT_NUMBER, &with->interval_ms, 60000, "MS", "of spot (500)"},
        {"--seed", ARGUMENT_NUMBER, &with->seed, UINT32_MAX, "N", "of the simulation (1)"},
        {"--noise", ARGUMENT_NUMBER, &with->noise_ppm, 10000, "PPM", "between feeders (20)"},
        {"--speed", ARGUMENT_NUMBER, &with->speed, 1000000, "N", "time runs so much faster (1)"},
        {"--csv", ARGUMENT_TEXT, &with->csv, 0, "FILE", "a history instead of the simulation"},
        {"--pipe", ARGUMENT_FLAG, &with->pipe, 0, NULL, "JSON lines from standard input"},
        {"--seconds", ARGUMENT_NUMBER, &with->seconds, UINT32_MAX, "N", "ends then (0: never)"},
        {"--timeout", ARGUMENT_NUMBER, &with->timeout_s, 86400, "SECONDS", "to connect (60)"},
        {"--metrics", ARGUMENT_TEXT, &with->metrics, 0, "HOST:PORT",
         "serve /metrics there (nowhere)"},
        {"--quiet", ARGUMENT_FLAG, &with->quiet, 0, NULL, "only the line when prices flow"},
    };
    struct arguments read = {.program = "tenor-feed",
                             .command = &about,
                             .own = options,
                             .own_count = sizeof options / sizeof options[0]};
    if (!arguments_read(&read, stderr, arguments_count - 1, arguments + 1)) return END_REFUSED;
    if (read.help_wanted) {
        arguments_help(stdout, &read);
        return fflush(stdout) == 0 ? END_GOOD : END_FAILED;
    }
    if (with->interval_ms < 50 || with->speed == 0) {
        return refuse("--interval-ms is at least 50, --speed at least 1");
    }
    if (with->csv != NULL && with->pipe) return refuse("either --csv or --pipe");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    feed.random = with->seed;
    struct http *http = NULL;
    if (with->metrics != NULL) {
        http = feed_metrics_open(&feed.counts, with->metrics, feed.why, sizeof feed.why);
        if (http == NULL) return refuse(feed.why);
    }
    int end = run(&feed);
    http_close(http);
    for (uint32_t i = 0; i < feed.markets_count; i++)
        tn_client_free(feed.markets[i].client);
    explicit_bzero(feed.keys, sizeof feed.keys);
    explicit_bzero(&feed.governance, sizeof feed.governance);
    return end;
}
