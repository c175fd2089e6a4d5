/* report: values become signed reports of all feeders; rounds of the simulated market; histories
 * and pipes, each value at its time. */
#include "feed/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VOL_ROUNDS = 5, RATE_ROUNDS = 100, LINE_MAX_SIZE = 4096, LEAST_LEFT_MS = 2000 };

/* ---- Sending ----------------------------------------------------------------------------------
 */

/* Feeders see a price through different glasses: each a little off. */
static int64_t with_noise(struct feed *feed, int64_t value)
{
    int64_t most = (int64_t)feed->options.noise_ppm;
    if (most == 0) return value;
    int64_t off = (int64_t)tn_random_below(&feed->random, (uint64_t)(2 * most + 1)) - most;
    return value + tn_mul_div_floor(value, off, 1000000);
}

/* Rises by the clock, so that a feeder that starts again, or runs twice by mistake, is heard. */
static uint64_t next_sequence(struct feed *feed)
{
    uint64_t now_us = (uint64_t)feed_unix_ms() * 1000;
    feed->sequence = feed->sequence + 1 > now_us ? feed->sequence + 1 : now_us;
    return feed->sequence;
}

void feed_report(struct feed *feed, const struct feed_value *value)
{
    struct feed_market *market = &feed->markets[value->place];
    bool is_price = value->feed == TN_FEED_SPOT || value->feed == TN_FEED_FORWARD;
    bool is_simulated = feed->options.csv == NULL && !feed->options.pipe;
    for (uint32_t i = 0; i < feed->net.feeders_count; i++) {
        struct tn_block_item item = {.kind = TN_ITEM_REPORT};
        item.as.report.market = market->number;
        item.as.report.report = (struct tn_report){
            .signer = (uint16_t)(i + 1),
            .underlying = value->underlying,
            .expiry_day = value->expiry_day,
            .feed = value->feed,
            .confidence_ppm = value->confidence_ppm,
            .sequence = next_sequence(feed),
            .time_ms = value->time_ms,
            .value = is_price && is_simulated ? with_noise(feed, value->value) : value->value,
            .surface = value->surface};
        if (market->pending >= FEED_PENDING_MAX ||
            tn_client_item(market->client, FEED_TAG_ITEM, &item, &feed->keys[i]) != TN_CLIENT_OK) {
            feed_count(&feed->counts, FEED_COUNT_SKIPPED);
            continue;
        }
        market->pending++;
        feed_count(&feed->counts, FEED_COUNT_REPORTS);
    }
}

/* ---- The simulated market ---------------------------------------------------------------------
 */

static void report_expiry(struct feed *feed, const struct feed_market *market, uint16_t day,
                          int64_t now_ms)
{
    int64_t left_ms = TN_EPOCH_2020_MS + day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY - now_ms;
    struct feed_value value = {.underlying = market->underlying,
                               .place = market->place,
                               .feed = TN_FEED_FORWARD,
                               .expiry_day = day,
                               .confidence_ppm = 1000000,
                               .time_ms = now_ms};
    if (left_ms < LEAST_LEFT_MS) return;
    value.value = feed_walk_forward(&market->walk, left_ms);
    feed_report(feed, &value);
    if (market->rounds % VOL_ROUNDS == 0) {
        value.feed = TN_FEED_VOL;
        value.value = 0;
        feed_walk_surface(&value.surface, &market->walk, left_ms);
        feed_report(feed, &value);
        value.surface = (struct tn_surface){0};
    }
    if (market->rounds % RATE_ROUNDS == 0) {
        value.feed = TN_FEED_RATE;
        value.value = FEED_RATE_PPB;
        feed_report(feed, &value);
    }
}

void feed_simulate(struct feed *feed, int64_t elapsed_ms)
{
    int64_t now_ms = feed_unix_ms();
    for (uint32_t i = 0; i < feed->markets_count; i++) {
        struct feed_market *market = &feed->markets[i];
        uint16_t days[TN_LISTING_EXPIRIES_MAX];
        feed_walk_step(&market->walk, elapsed_ms * (int64_t)feed->options.speed);
        if (!market->is_connected) continue;
        const struct feed_value spot = {.underlying = market->underlying,
                                        .place = i,
                                        .feed = TN_FEED_SPOT,
                                        .confidence_ppm = 1000000,
                                        .time_ms = now_ms,
                                        .value = market->walk.spot_micros};
        feed_report(feed, &spot);
        uint32_t count = tn_listing_expiries(days, &market->scene.underlying.listing, now_ms);
        for (uint32_t k = 0; k < count && k < FEED_DAYS_MAX; k++)
            report_expiry(feed, market, days[k], now_ms);
        market->rounds++;
    }
}

/* ---- Histories --------------------------------------------------------------------------------
 */

static void complain_line(struct feed *feed, const char *path, uint64_t number, const char *why)
{
    feed_count(&feed->counts, FEED_COUNT_LINES_REFUSED);
    fprintf(stderr, "tenor-feed: %s:%llu: %s\n", path, (unsigned long long)number, why);
}

/* A history is told anew as if its first line were now, its steps as long as they were, divided by
 * --speed. What is wrong ends it: a history is a file that somebody can mend. */
bool feed_run_csv(struct feed *feed, const char *path)
{
    char line[LINE_MAX_SIZE], why[FEED_WHY_SIZE];
    struct feed_columns columns;
    struct feed_value value;
    int64_t first_ms = 0, begun_ms = feed_clock_ms(), begun_unix_ms = feed_unix_ms();
    FILE *file = fopen(path, "r");
    bool is_good = file != NULL;
    if (!is_good) fprintf(stderr, "tenor-feed: cannot open %s: %s\n", path, strerror(errno));
    for (uint64_t number = 1; is_good && fgets(line, sizeof line, file) != NULL; number++) {
        if (feed_is_stopped()) break;
        if (strchr(line, '\n') == NULL && !feof(file)) {
            complain_line(feed, path, number, "the line is too long");
            is_good = false;
        } else if (number == 1) {
            is_good = feed_columns_read(&columns, line, why);
            if (!is_good) complain_line(feed, path, number, why);
        } else if (line[0] != '\n' && line[0] != '#') {
            is_good = feed_csv_read(&value, feed, &columns, line, why);
            if (!is_good) {
                complain_line(feed, path, number, why);
                break;
            }
            feed_count(&feed->counts, FEED_COUNT_LINES);
            if (first_ms == 0) first_ms = value.time_ms;
            int64_t due_ms = (value.time_ms - first_ms) / (int64_t)feed->options.speed;
            while (feed_clock_ms() - begun_ms < due_ms && !feed_is_stopped())
                feed_turn(feed, due_ms - (feed_clock_ms() - begun_ms), -1);
            value.time_ms = begun_unix_ms + (feed_clock_ms() - begun_ms);
            feed_report(feed, &value);
        }
    }
    if (file != NULL) fclose(file);
    for (uint32_t i = 0; i < 10 && is_good; i++)
        feed_turn(feed, 100, -1); /* what was sent is answered */
    return is_good;
}

/* ---- Pipes ------------------------------------------------------------------------------------
 */

static void take_line(struct feed *feed, const char *line, uint64_t number)
{
    char why[FEED_WHY_SIZE];
    struct feed_value value;
    if (line[0] == '\0') return;
    feed_count(&feed->counts, FEED_COUNT_LINES);
    /* A source that says one thing wrong still says others right: it is told, and goes on. */
    if (!feed_json_read(&value, feed, line, why)) {
        complain_line(feed, "standard input", number, why);
        return;
    }
    feed_report(feed, &value);
}

bool feed_run_pipe(struct feed *feed, int file)
{
    char text[LINE_MAX_SIZE];
    size_t used = 0;
    uint64_t number = 0;
    bool is_skipping = false;
    while (!feed_is_stopped()) {
        if (!feed_turn(feed, 1000, file)) continue;
        ssize_t got = read(file, text + used, sizeof text - 1 - used);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) break;
        used += (size_t)got;
        for (char *end; (end = memchr(text, '\n', used)) != NULL;) {
            size_t size = (size_t)(end - text) + 1;
            *end = '\0';
            number++;
            if (!is_skipping) take_line(feed, text, number);
            is_skipping = false;
            memmove(text, text + size, used - size);
            used -= size;
        }
        if (used == sizeof text - 1) {
            if (!is_skipping)
                complain_line(feed, "standard input", number + 1, "the line is too long");
            is_skipping = true;
            used = 0;
        }
    }
    for (uint32_t i = 0; i < 10 && !feed_is_stopped(); i++)
        feed_turn(feed, 100, -1);
    return true;
}
