/* tenor-mm: quotes a whole surface of options on a market, until it is told to stop.
 *
 * One thread, one client, one loop: wait for the socket or for the next moment that something is
 * due, hear what came, value, quote. A signal ends it: it cancels all that rests, waits until the
 * leader has said so, logs off and ends with 0. */
#include "clock.h"
#include "mm/mm.h"
#include "standard_files.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STOP_MS = 3000, WAIT_MS = 50 };

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

void mm_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("tenor-mm: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

uint64_t mm_random(struct mm *mm)
{
    return tn_random_next(&mm->random);
}

void mm_clock(struct mm *mm)
{
    mm->now_us = monotonic_us();
    mm->now_ms = mm->now_us / 1000;
}

/* ---- Options -----------------------------------------------------------------------------------
 */

struct option_row {
    const char *name;
    size_t offset;
    enum { TEXT, NUMBER, FLAG } kind;
    uint64_t least, most, standard;
    const char *help;
};
#define TEXT_OPTION(name, field, help)                                                             \
    {                                                                                              \
        name, offsetof(struct mm_options, field), TEXT, 0, 0, 0, help                              \
    }
#define NUMBER_OPTION(name, field, least, most, standard, help)                                    \
    {                                                                                              \
        name, offsetof(struct mm_options, field), NUMBER, least, most, standard, help              \
    }
#define FLAG_OPTION(name, field, help)                                                             \
    {                                                                                              \
        name, offsetof(struct mm_options, field), FLAG, 0, 0, 0, help                              \
    }

static const struct option_row rows[] = {
    TEXT_OPTION("--net", net, "the folder with client.conf (env TENOR_NET)"),
    TEXT_OPTION("--name", name, "key of the keyring; account, session and deposit are made"),
    TEXT_OPTION("--key", key, "instead of --name: the file of a session's key, with --session"),
    NUMBER_OPTION("--session", session, 1, UINT64_MAX, 0, "its number"),
    NUMBER_OPTION("--market", market, 1, UINT32_MAX, 1, "the market"),
    NUMBER_OPTION("--node", node, 0, 31, 0,
                  "the node to begin with; then the leader's, but with --final"),
    NUMBER_OPTION("--seconds", seconds, 0, 1000000000, 0, "end after so long; 0: when told to"),
    NUMBER_OPTION("--size", size, 1, 1000000, 10, "lots of each quote"),
    NUMBER_OPTION("--spread-bps", spread_bps, 0, 10000, 5, "half spread: of forward x |delta|"),
    NUMBER_OPTION("--vol-bps", vol_bps, 0, 10000, 100, "and vega x this; 100: one point"),
    NUMBER_OPTION("--least-ticks", least_ticks, 1, 1000000, 1, "and at least this"),
    NUMBER_OPTION("--delta-limit", delta_limit, 1, 1000000000000, 5000,
                  "thousandths of a unit of the underlying"),
    NUMBER_OPTION("--vega-limit", vega_limit, 1, 1000000000, 20000, "money a volatility point"),
    NUMBER_OPTION("--requote-ppm", requote_ppm, 0, 1000000, 200000,
                  "renew a quote that is off by so much of half a spread"),
    NUMBER_OPTION("--refresh-ms", refresh_ms, 0, 1000000, 0, "or, at the latest, so old"),
    NUMBER_OPTION("--deposit", deposit, 0, 1000000000, 1000000, "a new account's, by the faucet"),
    NUMBER_OPTION("--seed", seed, 0, UINT64_MAX, 1, "of what is random"),
    NUMBER_OPTION("--take", take_ms, 1, 1000000, 0,
                  "take what others quote, an order about each so many ms"),
    FLAG_OPTION("--final", final_only, "act on what is final alone, at the node that it is on"),
    FLAG_OPTION("--json", json, "a line of JSON a second"),
    FLAG_OPTION("--quiet", stay_quiet, "no line a second"),
};
#define ROWS (sizeof rows / sizeof rows[0])

static void usage(FILE *out)
{
    fputs("usage: tenor-mm --net FOLDER (--name NAME | --key FILE --session N) [options]\n", out);
    for (size_t i = 0; i < ROWS; i++) {
        fprintf(out, "  %-14s %s", rows[i].name, rows[i].help);
        if (rows[i].standard != 0) fprintf(out, " (%" PRIu64 ")", rows[i].standard);
        fputc('\n', out);
    }
}

static bool read_value(struct mm_options *options, const struct option_row *row, const char *text)
{
    char *at = (char *)options + row->offset;
    if (row->kind == TEXT) {
        memcpy(at, &text, sizeof text);
        return true;
    }
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < row->least ||
        value > row->most) {
        mm_say("%s is a number from %" PRIu64 " to %" PRIu64 ", not '%s'", row->name, row->least,
               row->most, text);
        return false;
    }
    memcpy(at, &value, sizeof value);
    return true;
}

static bool read_option(struct mm_options *options, int argc, char **argv, int *at)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(argv[*at], rows[i].name) != 0) continue;
        if (rows[i].kind == FLAG) {
            const bool yes = true;
            memcpy((char *)options + rows[i].offset, &yes, sizeof yes);
            return true;
        }
        if (*at + 1 >= argc) {
            mm_say("%s needs a value", argv[*at]);
            return false;
        }
        *at += 1;
        return read_value(options, &rows[i], argv[*at]);
    }
    mm_say("there is no option %s; see tenor-mm --help", argv[*at]);
    return false;
}

static bool read_options(struct mm_options *options, int argc, char **argv)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == NUMBER) {
            memcpy((char *)options + rows[i].offset, &rows[i].standard, sizeof rows[i].standard);
        }
    }
    for (int i = 1; i < argc; i++) {
        if (!read_option(options, argc, argv, &i)) return false;
    }
    if (options->net == NULL) options->net = getenv("TENOR_NET");
    if (options->net == NULL || options->net[0] == '\0') {
        mm_say("where is the net? --net FOLDER, or TENOR_NET; see tenor-mm --help");
        return false;
    }
    if ((options->name == NULL) == (options->key == NULL) ||
        (options->key == NULL) != (options->session == 0)) {
        mm_say("either --name NAME or --key FILE with --session N; see tenor-mm --help");
        return false;
    }
    return true;
}

/* ---- The line a second -------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t sample(const struct mm *mm, uint32_t per_mille)
{
    if (mm->samples_count == 0) return 0;
    uint32_t at = (uint32_t)((uint64_t)mm->samples_count * per_mille / 1000);
    return mm->samples[at < mm->samples_count ? at : mm->samples_count - 1];
}

static uint32_t quoted_count(const struct mm *mm)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < mm->series_count; i++)
        count += mm->series[i].bid_quantity > 0 || mm->series[i].ask_quantity > 0;
    return count;
}

/* By how much trades were heard of softly before they were final, on average of the last second. */
static uint32_t soft_lead_us(const struct mm_figures *now, const struct mm_figures *then)
{
    const uint64_t count = now->soft_final - then->soft_final;
    return count == 0 ? 0 : (uint32_t)((now->soft_lead_us - then->soft_lead_us) / count);
}

static void print_json(const struct mm *mm, double seconds)
{
    const struct mm_figures *now = &mm->figures, *then = &mm->last;
    printf("{\"ready\":%s,\"node\":%u,\"height\":%" PRIu64 ",\"term\":%u,\"account\":%u,"
           "\"series\":%u,\"quoted\":%u,\"quotes_per_second\":%.0f,\"frames_per_second\":%.0f,"
           "\"orders\":%" PRIu64 ",\"trades\":%" PRIu64 ",\"volume_lots\":%" PRIu64 ","
           "\"soft_trades\":%" PRIu64 ",\"soft_undone\":%" PRIu64 ",\"soft_late\":%" PRIu64
           ",\"soft_led_us\":%u,"
           "\"at_leader\":%s,"
           "\"rejects\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"reverted\":%" PRIu64 ","
           "\"protected\":%" PRIu64 ",\"disconnects\":%" PRIu64 ",\"flight\":%u,"
           "\"soft_us\":{\"p50\":%u,\"p99\":%u,\"most\":%u},\"delta_units\":%.4f,"
           "\"vega\":%.2f,\"equity\":%.2f}\n",
           mm->is_ready ? "true" : "false", tn_client_node(mm->client),
           tn_client_height(mm->client), tn_client_term(mm->client), mm->account, mm->series_count,
           quoted_count(mm), (double)(now->quotes - then->quotes) / seconds,
           (double)(now->frames - then->frames) / seconds, now->orders, now->trades, now->volume,
           now->soft_trades, now->soft_undone, now->soft_late, soft_lead_us(now, then),
           mm->is_at_leader ? "true" : "false", now->rejects, now->refused, now->reverted,
           now->protected, now->reconnects, tn_client_flight_count(mm->client), sample(mm, 500),
           sample(mm, 990), sample(mm, 1000), mm->delta_units, mm->vega_micros / 1e6,
           (double)mm->equity_micros / 1e6);
}

static void print_line(const struct mm *mm, double seconds)
{
    const struct mm_figures *now = &mm->figures, *then = &mm->last;
    printf("node %u height %" PRIu64 " %s: %u of %u quoted, %.0f quotes/s, soft %u us (99%% %u), "
           "%" PRIu64 " trades, %" PRIu64 " orders, delta %.3f, vega %.0f, equity %.0f\n",
           tn_client_node(mm->client), tn_client_height(mm->client),
           mm->is_ready ? "ready" : "away", quoted_count(mm), mm->series_count,
           (double)(now->quotes - then->quotes) / seconds, sample(mm, 500), sample(mm, 990),
           now->trades, now->orders, mm->delta_units, mm->vega_micros / 1e6,
           (double)mm->equity_micros / 1e6);
}

static void report(struct mm *mm)
{
    if (mm->now_us - mm->reported_us < 1000000) return;
    double seconds = (double)(mm->now_us - mm->reported_us) / 1e6;
    qsort(mm->samples, mm->samples_count, sizeof mm->samples[0], compare);
    mm_market_value(mm);
    mm_inventory_sum(mm);
    if (mm->options.json) {
        print_json(mm, seconds);
    } else if (!mm->options.stay_quiet) {
        print_line(mm, seconds);
    }
    fflush(stdout);
    mm->last = mm->figures;
    mm->samples_count = 0;
    mm->reported_us = mm->now_us;
}

/* ---- The loop ----------------------------------------------------------------------------------
 */

static bool make_client(struct mm *mm)
{
    char why[TN_CLIENT_WHY_SIZE];
    struct tn_client_options options = {
        .nodes = mm->net.nodes,
        .nodes_count = mm->net.nodes_count,
        .first_node = (uint32_t)mm->options.node,
        .market = (uint32_t)mm->options.market,
        .log_on = true,
        .session = mm->session,
        .key = mm->key,
        .on_disconnect = mm->options.take_ms == 0 ? TN_CLIENT_CANCEL_ALL : TN_CLIENT_ORDERS_STAY,
        .heartbeat_ms = 2000,
        .valid_blocks = 200,
        .heard = mm_heard,
        .context = mm};
    memcpy(options.chain_id, mm->net.chain_id, sizeof options.chain_id);
    mm->client = tn_client_make(&options, why);
    explicit_bzero(&options, sizeof options);
    explicit_bzero(&mm->key, sizeof mm->key);
    if (mm->client == NULL) {
        mm_say("%s", why);
        return false;
    }
    mm->account = TN_NONE;
    (void)tn_client_subscribe(mm->client, MM_TAG_MARKS, 0, TN_CHANNEL_MARKS, NULL, 0, 0);
    (void)tn_client_subscribe(mm->client, MM_TAG_INSTRUMENTS, 0, TN_CHANNEL_INSTRUMENTS, NULL, 0,
                              0);
    if (!mm->options.final_only) mm_soft_begin(mm);
    return true;
}

static void turn(struct mm *mm, int64_t wait_ms)
{
    tn_client_wait(mm->client, wait_ms);
    mm_clock(mm);
    if (mm->is_ready) {
        mm_market_ask(mm);
        mm_inventory_ask(mm);
        if (mm->options.take_ms != 0) {
            mm_take(mm);
        } else {
            mm_quote(mm);
        }
    }
    report(mm);
}

/* Takes back what rests, and waits until that is known. */
static void stop(struct mm *mm)
{
    int64_t until_ms = mm->now_ms + STOP_MS;
    mm->is_ended = true;
    if (mm->is_ready && mm->options.take_ms == 0) mm_cancel_all(mm, MM_TAG_STOP);
    while (tn_client_flight_count(mm->client) > 0 && mm->now_ms < until_ms)
        turn(mm, WAIT_MS);
    tn_client_close(mm->client);
    until_ms = mm->now_ms + STOP_MS;
    while (tn_client_state(mm->client) != TN_CLIENT_CLOSED && mm->now_ms < until_ms)
        turn(mm, WAIT_MS);
}

static int64_t next_wait_ms(const struct mm *mm)
{
    if (mm->options.refresh_ms != 0 && mm->options.refresh_ms < WAIT_MS) {
        return (int64_t)mm->options.refresh_ms;
    }
    if (mm->options.take_ms != 0 && mm->take_next_ms > mm->now_ms &&
        mm->take_next_ms - mm->now_ms < WAIT_MS) {
        return mm->take_next_ms - mm->now_ms;
    }
    return WAIT_MS;
}

static int run(struct mm *mm)
{
    char why[TN_CLIENT_WHY_SIZE];
    if (!tn_client_net_read(&mm->net, mm->options.net, why)) {
        mm_say("%s", why);
        return END_USAGE;
    }
    mm->random = mm->options.seed;
    if (!mm_setup(mm) || !make_client(mm)) return END_FAILED;
    mm_clock(mm);
    mm->reported_us = mm->now_us;
    int64_t end_ms =
        mm->options.seconds == 0 ? INT64_MAX : mm->now_ms + (int64_t)mm->options.seconds * 1000;
    while (!stop_wanted && mm->end == END_OK && mm->now_ms < end_ms)
        turn(mm, next_wait_ms(mm));
    stop(mm);
    tn_client_free(mm->client);
    return mm->end;
}

int main(int argc, char **argv)
{
    const struct sigaction on_end = {.sa_handler = on_signal};
    standard_files_hold();
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return END_OK;
    }
    struct mm *mm = calloc(1, sizeof *mm);
    if (mm == NULL) {
        mm_say("no memory");
        return END_FAILED;
    }
    if (!read_options(&mm->options, argc, argv)) {
        free(mm);
        return END_USAGE;
    }
    sigaction(SIGINT, &on_end, NULL);
    sigaction(SIGTERM, &on_end, NULL);
    int end = run(mm);
    free(mm);
    return end;
}
