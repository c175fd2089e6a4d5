/* halts: series whose feeds are stale stop, and start again when the feeds are back
 * (docs/specs/risk.md, "Feeds").
 *
 * A series that stale feeds halted remembers the status it had, and goes back there by way of one
 * MARK in post-only, so that makers are first to see the new prices. A status that governance sets
 * meanwhile stands, but no series of a stale feed trades past a MARK. */
#include "exchange/feeds.h"

enum { RESUMING = 0xff }; /* of struct series.feed_halt: post-only for one MARK */

static enum tn_freshness worse(enum tn_freshness a, enum tn_freshness b)
{
    return a > b ? a : b;
}

static enum tn_freshness freshness_of(const struct reading *reading)
{
    return (enum tn_freshness)reading->freshness;
}

/* A feed that nobody needs to report counts once it was reported. */
static enum tn_freshness freshness_if_seen(const struct reading *reading)
{
    return reading->seen ? freshness_of(reading) : TN_FRESH;
}

static void judge_expiry(const struct tn_exchange *exchange, struct expiry *expiry)
{
    const struct risk *risk = exchange->risk;
    enum tn_freshness linear = worse(freshness_of(&risk->underlyings[expiry->underlying].spot),
                                     freshness_if_seen(&risk->stable));
    if (expiry->day != 0) linear = worse(linear, freshness_of(&expiry->forward));
    if (expiry->unsettled) linear = TN_STALE;
    enum tn_freshness options = linear;
    if (expiry->day != 0) {
        options = worse(options, freshness_of(&expiry->vol));
        options = worse(options, freshness_if_seen(&expiry->rate));
        if (expiry->inconsistent) options = TN_STALE;
    }
    expiry->freshness_linear = (uint8_t)linear;
    expiry->freshness = (uint8_t)options;
}

/* An uncross that runs would trade at an old price: it ends where it is. */
static void end_uncross(struct tn_exchange *exchange, uint32_t index)
{
    struct series *series = &exchange->series[index];
    if (!series->uncrossing) return;
    tn_queue_remove(exchange, &exchange->uncrosses, index);
    series->uncrossing = 0;
    series->uncross_price = 0;
}

static void halt(struct tn_exchange *exchange, uint32_t index)
{
    struct series *series = &exchange->series[index];
    enum tn_status status = (enum tn_status)series->status;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    if (status == TN_STATUS_ACTIVE || status == TN_STATUS_POST_ONLY ||
        status == TN_STATUS_AUCTION) {
        end_uncross(exchange, index);
        enum tn_status was = series->feed_halt == RESUMING ? TN_STATUS_ACTIVE : status;
        series->feed_halt = (uint8_t)(1 + was);
        tn_exchange_set_status(exchange, index, TN_STATUS_HALTED);
    } else if (status != TN_STATUS_HALTED) {
        series->feed_halt = 0;
    }
}

static void resume(struct tn_exchange *exchange, uint32_t index)
{
    struct series *series = &exchange->series[index];
    uint8_t halted = series->feed_halt;
    tn_exchange_touch_series(exchange, index, TOUCH_SERIES);
    series->feed_halt = 0;
    if (halted == RESUMING) {
        if (series->status == TN_STATUS_POST_ONLY) {
            tn_exchange_set_status(exchange, index, TN_STATUS_ACTIVE);
        }
        return;
    }
    if (series->status != TN_STATUS_HALTED) return; /* governance moved it */
    if (halted - 1 == TN_STATUS_AUCTION || tn_exchange_is_crossed(exchange, index)) {
        tn_exchange_set_status(exchange, index, TN_STATUS_AUCTION);
        return;
    }
    if (halted - 1 == TN_STATUS_ACTIVE) series->feed_halt = RESUMING;
    tn_exchange_set_status(exchange, index, TN_STATUS_POST_ONLY);
}

void tn_exchange_judge_feeds(struct tn_exchange *exchange)
{
    struct risk *risk = exchange->risk;
    uint32_t slot = tn_exchange_next_expiry(exchange, TN_NONE);
    for (; slot != TN_NONE; slot = tn_exchange_next_expiry(exchange, slot)) {
        struct expiry *expiry = &risk->expiries[slot];
        judge_expiry(exchange, expiry);
        uint32_t index = expiry->series_head;
        for (; index != TN_NONE; index = exchange->series[index].expiry_next) {
            const struct series *series = &exchange->series[index];
            if (tn_exchange_freshness(exchange, series) == TN_STALE) {
                halt(exchange, index);
            } else if (series->feed_halt != 0) {
                resume(exchange, index);
            }
        }
    }
}
